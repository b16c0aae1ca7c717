"""The bonds a user gives to `bondsig clean`: terms in our names or FISD's.

Belongs here: reading that file. Not here: what terms are for (`trace/screens.py`).
"""

from __future__ import annotations

from pathlib import Path

import polars as pl

from bondsig_assets.errors import UserError

#: Our name → names it goes by (Mergent FISD), and the factor to our unit.
_NAMES: dict[str, tuple[tuple[str, ...], float]] = {
    "cusip": (("cusip", "complete_cusip", "cusip_id"), 1),
    "maturity_date": (("maturity_date", "maturity"), 1),
    "offering_date": (("offering_date",), 1),
    "offering_amount_usd": (("offering_amount_usd",), 1),
    "is_convertible": (("is_convertible", "convertible"), 1),
    "is_high_yield": (("is_high_yield",), 1),
}
#: FISD counts in thousands of dollars.
_IN_THOUSANDS = "offering_amt"
_DATES = ("%Y-%m-%d", "%Y%m%d", "%m/%d/%Y")


def read_bonds(path: Path) -> tuple[pl.DataFrame, str]:
    """`cusip` and the terms the file has, and a line that says how many and what could not be read.
    Raises UserError when it cannot be read, has no CUSIP or no term.
    """
    try:
        raw = (
            pl.read_parquet(path)
            if path.suffix == ".parquet"
            else pl.read_csv(path, infer_schema=False)
        )
    except OSError as error:
        raise UserError(f"{path}: {error.strerror or 'cannot be read'}") from error
    except pl.exceptions.PolarsError as error:
        raise UserError(
            f"{path}: no readable Parquet or csv: {str(error).splitlines()[0][:120]}"
        ) from error
    by_name = {name.strip().lower(): name for name in raw.columns}
    found = {
        ours: by_name[theirs]
        for ours, (names, _) in _NAMES.items()
        for theirs in names
        if theirs in by_name
    }
    columns = [_typed(raw.schema[source], source, ours) for ours, source in found.items()]
    if _IN_THOUSANDS in by_name and "offering_amount_usd" not in found:
        columns.append(
            (pl.col(by_name[_IN_THOUSANDS]).cast(pl.Float64, strict=False) * 1000).alias(
                "offering_amount_usd"
            )
        )
    if "cusip" not in found or len(columns) < 2:
        wanted = ", ".join(name for name in _NAMES if name != "cusip")
        raise UserError(
            f"{path}: bonds need cusip and any of {wanted} (or FISD's names); it has"
            f" {', '.join(raw.columns[:12])}"
        )
    bonds = raw.select(columns).filter(pl.col("cusip").is_not_null())
    unread = [
        f"{name}: {n} unreadable"
        for name, source in found.items()
        if (n := raw.select(columns)[name].null_count() - raw[source].null_count()) > 0
    ]
    once = bonds.unique("cusip", keep="last", maintain_order=True)
    if once.height < bonds.height:
        unread.append(f"{bonds.height - once.height} repeat a CUSIP, the last counts")
    if (short := once.filter(pl.col("cusip").str.len_chars() != 9).height) > 0:
        unread.append(f"{short} CUSIPs have not nine characters and match nothing")
    return once, f"{path}: terms of {once.height:,} bonds" + (
        f" ({'; '.join(unread)})" if unread else ""
    )


def _yes_no(column: pl.Expr) -> pl.Expr:
    text = column.cast(pl.String).str.strip_chars().str.to_uppercase()
    return (
        pl.when(text.is_in(["Y", "YES", "TRUE", "1"]))
        .then(True)
        .when(text.is_in(["N", "NO", "FALSE", "0"]))
        .then(False)
    )


def _typed(dtype: pl.DataType, source: str, ours: str) -> pl.Expr:
    column = pl.col(source)
    if ours == "cusip":
        return column.cast(pl.String).str.strip_chars().str.to_uppercase().alias(ours)
    if ours.endswith("_date"):
        text = column.cast(pl.String).str.strip_chars()
        return (
            column.cast(pl.Date)
            if dtype.is_temporal()
            else pl.coalesce(*(text.str.to_date(form, strict=False) for form in _DATES))
        ).alias(ours)
    if ours.startswith("is_"):
        return (column if dtype == pl.Boolean else _yes_no(column)).alias(ours)
    return column.cast(pl.Float64, strict=False).alias(ours)
