"""The bonds a user gives to `bondsig clean`: terms in our names or FISD's.

Belongs here: reading that file, and stopping where a column of it cannot be read. Not here: what
terms are for (`trace/screens.py`), how dates and identifiers are recognised (`formats/`,
`securities/identifiers.py`).
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, timedelta
from pathlib import Path

import polars as pl

from bondsig_assets.errors import FormatError, UserError
from bondsig_assets.formats import (
    Expected,
    as_utf8,
    header_row,
    is_table,
    read_days,
    read_table,
    recognise_days,
)
from bondsig_assets.formats.counted import numbers_of, texts_of
from bondsig_assets.securities.identifiers import read_cusips, recognise_cusips
from bondsig_assets.sources.files.config import MAX_BAD_SHARE

#: Our name → names it goes by (Mergent FISD, WRDS).
_NAMES: dict[str, tuple[str, ...]] = {
    "cusip": (
        "cusip",
        "complete_cusip",
        "cusip_id",
        "cusip9",
        "cusip_9",
        "isin",
        "cusip8",
        "cusip_8",
    ),
    "bond_symbol": ("bond_symbol", "bond_sym_id", "trace_symbol", "issue_symbol", "symbol"),
    "maturity_date": ("maturity_date", "maturity"),
    "offering_date": ("offering_date",),
    "accrual_start_date": ("accrual_start_date", "dated_date"),
    "first_coupon_date": ("first_coupon_date", "first_interest_date"),
    "last_coupon_date": ("last_coupon_date", "last_interest_date"),
    "coupon_pct": ("coupon_pct", "coupon"),
    "coupons_per_year": ("coupons_per_year", "interest_frequency"),
    "day_count": ("day_count", "day_count_basis"),
    "offering_amount_usd": ("offering_amount_usd",),
    "is_convertible": ("is_convertible", "convertible"),
    "is_high_yield": ("is_high_yield",),
}
#: FISD counts in thousands of dollars.
_IN_THOUSANDS = "offering_amt"
#: Keys by which prints find their bond; all others are terms.
_KEYS = ("cusip", "bond_symbol")
#: Lines among which a header is sought.
_ABOVE = 50
_WORDS = {"_date": "a date", "is_": "Y or N", "_usd": "a number", "coupon": "a number"}


def read_bonds(path: Path, dates_as: str | None = None) -> tuple[pl.DataFrame, list[str]]:
    """`cusip` and the terms the file has, and sentences that say how many, how they were written
    and what could not be read. `dates_as`: what numbers of dates are where two readings are left.

    Raises UserError when the file cannot be read, has no CUSIP or no term, or when a column of it
    can't be read: screens on terms do not fall silent.
    """
    raw, notes = _read(path)
    by_name = {name.strip().lower(): name for name in raw.columns}
    found = {
        ours: next(by_name[theirs] for theirs in names if theirs in by_name)
        for ours, names in _NAMES.items()
        if any(theirs in by_name for theirs in names)
    }
    factor = 1.0
    if _IN_THOUSANDS in by_name and "offering_amount_usd" not in found:
        found["offering_amount_usd"], factor = by_name[_IN_THOUSANDS], 1000.0
    if "cusip" not in found and "bond_symbol" not in found or not set(found) - set(_KEYS):
        wanted = ", ".join(name for name in _NAMES if name not in _KEYS)
        raise UserError(
            f"{path}: bonds need cusip and any of {wanted} (or FISD's names); it has"
            f" {', '.join(raw.columns[:12])}"
        )
    terms = _terms(path, raw, found, factor, notes, dates_as)
    if "bond_symbol" in terms.columns:
        # Prints of 144A bonds may hold no CUSIP and stand under their symbol.
        terms = terms.with_columns(cusip=pl.coalesce("cusip", "bond_symbol"))
    bonds = terms.filter(pl.col("cusip").is_not_null())
    once = bonds.unique("cusip", keep="last", maintain_order=True)
    if once.height < bonds.height:
        notes.append(f"{bonds.height - once.height} repeat a CUSIP, the last counts")
    return once, [f"{path}: terms of {once.height:,} bonds", *(f"{path}: {one}" for one in notes)]


def _read(path: Path) -> tuple[pl.DataFrame, list[str]]:
    """The file as it stands, and what was decided on the way."""
    try:
        if is_table(path):
            return read_table(path)
        if path.suffix.lower() in (".parquet", ".pq"):
            return pl.read_parquet(path, glob=False), []
        data, said = as_utf8(path.read_bytes())
        lines = [line.decode() for line in data.split(b"\n", _ABOVE)[:_ABOVE]]
        rows = [line.split(max(",|\t;", key=line.count)) for line in lines]
        above = header_row(rows, _is_header)
        delimiter = max(",|\t;", key=lines[above].count)
        frame = pl.read_csv(data.split(b"\n", above)[-1], infer_schema=False, separator=delimiter)
        notes = [said] if said else []
        return frame, notes + ([f"{above} lines above the header are passed over"] if above else [])
    except OSError as error:
        raise UserError(f"{path}: {error.strerror or 'cannot be read'}") from error
    except FormatError as error:
        raise UserError(str(error)) from error
    except pl.exceptions.PolarsError as error:
        raise UserError(
            f"{path}: no readable Parquet or csv: {str(error).splitlines()[0][:120]}"
        ) from error


def _is_header(names: Sequence[str]) -> bool:
    folded = {name.strip(' "\r').lower() for name in names}
    return any(folded.intersection(_NAMES[key]) for key in _KEYS)


def _terms(
    path: Path,
    raw: pl.DataFrame,
    found: dict[str, str],
    factor: float,
    notes: list[str],
    dates_as: str | None,
) -> pl.DataFrame:
    """The columns found, by our names and types; `notes` gets what is to be said of them."""
    soon = date.today() + timedelta(days=365)
    # New issues are sold on working days; they mature on any. Nearly all bonds that TRACE ever saw
    # were sold after 1980.
    expected = {
        "maturity_date": Expected(date(1980, 1, 1), date(2150, 1, 1)),
        "offering_date": Expected(date(1980, 1, 1), soon, on_weekdays=True),
        "accrual_start_date": Expected(date(1980, 1, 1), soon),
        "first_coupon_date": Expected(date(1980, 1, 1), date(2150, 1, 1)),
        "last_coupon_date": Expected(date(1980, 1, 1), date(2150, 1, 1)),
    }
    try:
        forms = recognise_days(
            {found[name]: (raw[found[name]], of) for name, of in expected.items() if name in found},
            dates_as,
        )
    except FormatError as error:
        raise UserError(f"{path}: {error}") from error
    notes += [f"{name} holds {form.said}" for name, form in forms.items() if form.said]
    columns = []
    if "cusip" not in found:
        columns.append(pl.Series("cusip", [None] * raw.height, dtype=pl.String))
    for ours, source in found.items():
        column = raw[source]
        if ours == "cusip":
            columns.append(_cusips(path, column, notes))
            continue
        if ours in ("bond_symbol", "day_count"):
            columns.append(texts_of(column).str.to_uppercase().alias(ours))
            continue
        read = (
            read_days(column, forms[source])
            if ours in expected
            else _yes_no(column)
            if ours.startswith("is_")
            else _amount(column) * (factor if ours == "offering_amount_usd" else 1.0)
        ).alias(ours)
        _refuse_unreadable(path, ours, column, read, notes)
        columns.append(read)
    return pl.DataFrame(columns)


def _cusips(path: Path, column: pl.Series, notes: list[str]) -> pl.Series:
    """CUSIPs of nine characters; a wrong check digit is counted and matches nothing."""
    form = recognise_cusips(column)
    read = read_cusips(column, form)
    if form.said:
        notes.append(f"{column.name}: {form.said}")
    n_wrong, n = int(read["is_wrong"].sum()), len(column) - column.null_count()
    if n_wrong > MAX_BAD_SHARE * n:
        first = column.filter(read["is_wrong"])[0]
        raise UserError(
            f"{path}: {column.name}: {n_wrong:,} of {n:,} are no CUSIPs and no ISINs, such as"
            f" {str(first)!r}; mend the column"
        )
    if n_wrong:
        notes.append(f"{column.name}: {n_wrong} have a wrong check digit and match nothing")
    return read["cusip"].set(read["is_wrong"], None)


def _refuse_unreadable(
    path: Path, ours: str, column: pl.Series, read: pl.Series, notes: list[str]
) -> None:
    """Raises UserError where too many of the cells that say something could not be read; counts
    a few.
    """
    given = texts_of(column)
    unread = given.filter(read.is_null() & given.is_not_null())
    n = len(given) - given.null_count()
    if not len(unread):
        return
    if len(unread) > MAX_BAD_SHARE * n:
        value, n_value = (
            unread.alias("value")
            .value_counts(name="n")
            .sort("n", "value", descending=[True, False])
            .row(0)
        )
        words = next(
            text for part, text in _WORDS.items() if ours.startswith(part) or ours.endswith(part)
        )
        raise UserError(
            f"{path}: {column.name}: {len(unread):,} of {n:,} cannot be read: {words} was expected,"
            f" the commonest value is {value!r} ({n_value:,}); mend the column, or leave it out"
            " where its screens are not wanted"
        )
    notes.append(f"{column.name}: {len(unread)} unreadable")


def _yes_no(column: pl.Series) -> pl.Series:
    if column.dtype == pl.Boolean:
        return column
    text = texts_of(column).str.to_uppercase().str.replace(r"\.0$", "")
    return (
        pl.DataFrame({"text": text})
        .select(
            pl.when(pl.col("text").is_in(["Y", "YES", "T", "TRUE", "1"]))
            .then(True)
            .when(pl.col("text").is_in(["N", "NO", "F", "FALSE", "0"]))
            .then(False)
        )
        .to_series()
    )


def _amount(column: pl.Series) -> pl.Series:
    """A number, perhaps with commas between its thousands."""
    if column.dtype.is_numeric():
        return numbers_of(column)
    return numbers_of(texts_of(column).str.replace_all(",", "", literal=True))
