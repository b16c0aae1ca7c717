"""How a value of any delivered type becomes a value of a report, as Polars expressions.

Belongs here: one reader per kind of value, chosen by the column's type so that a column of the
right type costs next to nothing. Not here: which column is which kind of value (`normalise.py`),
times of day (`clock.py`). A value that cannot be read is null; where that is a fault of the row,
`normalise.py` compares with `Source.is_given`.
"""

from __future__ import annotations

from functools import cached_property, partial
from typing import NamedTuple

import polars as pl

from bondsig_assets.formats import DayForm, TimeForm, read_days
from bondsig_assets.securities.identifiers import CusipForm, read_cusips
from bondsig_assets.trace.layouts.steps import Steps

#: What clients write where there is nothing: pandas, R, SAS, databases.
NOTHING = ("", "NA", "N/A", "<NA>", "NaN", "nan", "NaT", "NULL", "null", "None", ".")


class SourceForms(NamedTuple):
    """How a column writes dates, times and CUSIPs, None where it is one of the usual ways; a column
    may hold a date and a time.
    """

    day: DayForm | None = None
    time: TimeForm | None = None
    cusip: CusipForm | None = None


class Source:
    """A column of the file: its expression, its type, the texts that mean nothing in it, the steps
    to compute in, and the forms of its values where they are none of the usual ones.
    """

    def __init__(
        self,
        name: str,
        dtype: pl.DataType,
        nulls: tuple[str, ...] = (),
        steps: Steps | None = None,
        forms: SourceForms | None = None,
    ) -> None:
        self.name, self.dtype, self.forms = name, dtype, forms or SourceForms()
        self.column = pl.col(name)
        self.steps = steps or Steps()
        self.let = self.steps.let
        self.nulls = [*NOTHING, *nulls]

    @property
    def is_text(self) -> bool:
        """Whether values have to be parsed."""
        return isinstance(self.dtype, pl.String | pl.Categorical | pl.Enum | pl.Binary | pl.Object)

    @property
    def _is_fractional(self) -> bool:
        return self.dtype.is_float() or self.dtype.is_decimal()

    @cached_property
    def stripped(self) -> pl.Expr:
        """As text without the blanks around it: enough where texts that mean nothing fail to parse
        anyway.
        """
        column = self.column.cast(pl.Int64) if isinstance(self.dtype, pl.Duration) else self.column
        column = (
            column if isinstance(self.dtype, pl.String) else column.cast(pl.String, strict=False)
        )
        return self.let(column.str.strip_chars())

    @cached_property
    def text(self) -> pl.Expr:
        """As text: stripped, null where it says nothing; a whole float without its `.0`."""
        if isinstance(self.dtype, pl.Null):
            return pl.lit(None, pl.String)
        if self._is_fractional:
            return self._of_fraction()
        if not self.is_text:
            return self.stripped
        return self.let(pl.when(~self.stripped.is_in(self.nulls)).then(self.stripped))

    def _of_fraction(self) -> pl.Expr:
        column = self.let(self.column.cast(pl.Float64))
        whole = self.let(column.cast(pl.Int64, strict=False))
        plain = (
            pl.when(column == whole).then(whole.cast(pl.String)).otherwise(column.cast(pl.String))
        )
        return self.let(pl.when(column.is_finite()).then(plain))

    def is_given(self) -> pl.Expr:
        """Whether the file says anything here."""
        if self.is_text:
            return self.text.is_not_null()
        return (
            self.column.is_not_null() & self.column.is_finite()
            if self.dtype.is_float()
            else self.column.is_not_null()
        )


def given_alone(source: Source) -> pl.Expr:
    """`is_given` as one expression that needs no steps."""
    if not source.is_text:
        return source.is_given()
    stripped = source.column.cast(pl.String, strict=False).str.strip_chars()
    return stripped.is_not_null() & ~stripped.is_in(source.nulls)


def as_is(source: Source) -> pl.Expr:
    """A code as it stands."""
    return source.text


def upper(source: Source) -> pl.Expr:
    """A code in capitals."""
    return source.let(source.text.str.to_uppercase())


def cusip(source: Source) -> tuple[pl.Expr, pl.Expr]:
    """A CUSIP of nine characters and whether what stands there is none."""
    form = source.forms.cusip
    if form is None:
        return upper(source), pl.lit(False)
    schema = {"cusip": pl.String(), "is_wrong": pl.Boolean()}
    read = source.let(
        source.column.map_batches(
            lambda column: read_cusips(column, form).to_struct("cusip"),
            return_dtype=pl.Struct(schema),
            is_elementwise=True,
        )
    )
    return (
        source.let(read.struct.field("cusip")),
        source.let(read.struct.field("is_wrong")).fill_null(False),
    )


def day(source: Source) -> pl.Expr:
    """A date of a date, a moment, YYYYMMDD as a number, or any of the texts in use."""
    if isinstance(source.dtype, pl.Date):
        return source.column
    if isinstance(source.dtype, pl.Datetime):
        return source.let(source.column.dt.replace_time_zone(None).dt.date())
    if source.forms.day is not None:
        read = partial(read_days, form=source.forms.day)
        return source.let(
            source.column.map_batches(read, return_dtype=pl.Date(), is_elementwise=True)
        )
    if not source.is_text:
        return source.let(source.text.str.strptime(pl.Date, "%Y%m%d", strict=False))
    return source.let(
        source.stripped.map_batches(_days_of_text, return_dtype=pl.Date(), is_elementwise=True)
    )


def _days_of_text(text: pl.Series) -> pl.Series:
    """One batch; most are of one format throughout, and the general way costs ten times as much."""
    for pattern in ("%Y-%m-%d", "%Y%m%d"):
        found = text.str.strptime(pl.Date, pattern, strict=False)
        if found.null_count() == text.null_count():
            return found
    # Clients add a midnight, a float's `.0`, or write slashes.
    bare = pl.DataFrame({"text": text.str.replace(r"(?:[ T].*|\.0)$", "")}).with_columns(
        dashed=pl.col("text").str.replace_all("/", "-", literal=True)
    )
    return bare.select(
        pl.coalesce(
            pl.when(pl.col("dashed").str.slice(4, 1) == "-")
            .then("dashed")
            .str.strptime(pl.Date, "%Y-%m-%d", strict=False),
            pl.col("text").str.strptime(pl.Date, "%Y%m%d", strict=False),
            pl.col("text").str.strptime(pl.Date, "%m/%d/%Y", strict=False),
        )
    ).to_series()


def number(source: Source) -> pl.Expr:
    """A float; null when it is none or not finite."""
    found = source.let(
        (source.stripped if source.is_text else source.column).cast(pl.Float64, strict=False)
    )
    return source.let(pl.when(found.is_finite()).then(found))


def par(source: Source) -> tuple[pl.Expr, pl.Expr]:
    """Par in dollars and whether it is a dissemination cap: "5MM+" is 5,000,000, capped."""
    if not source.is_text:
        return number(source), pl.lit(False)
    text = source.let(source.stripped.str.to_uppercase().str.replace_all(",", "", literal=True))
    capped = source.let(text.str.ends_with("MM+"))
    found = source.let(text.str.strip_suffix("MM+").cast(pl.Float64, strict=False))
    return pl.when(found.is_finite()).then(
        found * pl.when(capped).then(1e6).otherwise(1.0)
    ), capped.fill_null(False)


def count(source: Source) -> pl.Expr:
    """A whole number ("003" is 3)."""
    if source.dtype.is_integer():
        return source.column.cast(pl.Int64)
    return source.text.str.strip_suffix(".0").cast(pl.Int64, strict=False)


def message(source: Source) -> pl.Expr:
    """A message number: digits alone are padded to seven, so that numbers and pointers of clients
    that cut zeros compare equal.
    """
    text = source.let(source.text.str.strip_suffix(".0")) if source.is_text else source.text
    return source.let(
        pl.when(text.str.contains(r"^[0-9]{1,6}$")).then(text.str.zfill(7)).otherwise(text)
    )


def flag(source: Source) -> pl.Expr:
    """Y is true, anything else false."""
    if isinstance(source.dtype, pl.Boolean):
        return source.column.fill_null(False)
    return source.text.is_in(["Y", "y"]).fill_null(False)


def yes_no(source: Source) -> pl.Expr:
    """Y true, N false, anything else null."""
    if isinstance(source.dtype, pl.Boolean):
        return source.column
    return (
        pl.when(source.text.is_in(["Y", "y"]))
        .then(True)
        .when(source.text.is_in(["N", "n"]))
        .then(False)
    )
