"""The different values of a column and how often each stands there: what recognition looks at.

Belongs here: counting once, and values as numbers or texts. Not here: what they mean.
"""

from __future__ import annotations

import polars as pl

#: What programs write where there is nothing: pandas, R, SAS, databases.
NOTHING = ("", "NA", "N/A", "<NA>", "NaN", "nan", "NaT", "NULL", "null", "None", ".")
#: A number alone; SAS and pandas write whole ones with a point.
_NUMBER = r"^[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?$"


def counted(column: pl.Series) -> pl.DataFrame:
    """`value, n`: each different value that is given, and how often."""
    return (
        column.alias("value")
        .to_frame()
        .filter(pl.col("value").is_not_null())
        .group_by("value", maintain_order=True)
        .agg(n=pl.len())
    )


def added(counts: list[pl.DataFrame]) -> pl.DataFrame:
    """The counts of several pieces of one column as those of the whole."""
    return pl.concat(counts).group_by("value", maintain_order=True).agg(n=pl.col("n").sum())


def total(counts: pl.DataFrame) -> float:
    """How many values there are in all."""
    return float(counts.select(pl.col("n").sum().cast(pl.Float64)).item())


def texts_of(values: pl.Series) -> pl.Series:
    """Values as texts without blanks around them, null where they say nothing."""
    if values.dtype == pl.Null:
        return values.cast(pl.String)
    text = values.cast(pl.String, strict=False).str.strip_chars()
    return text.set(text.is_in(NOTHING), None)


def numbers_of(values: pl.Series) -> pl.Series:
    """Values as floats, null where they are no numbers or not finite."""
    if values.dtype.is_numeric() or values.dtype == pl.Null:
        number = values.cast(pl.Float64, strict=False)
    elif values.dtype.is_temporal() or values.dtype == pl.Boolean:
        return pl.Series(values.name, [None] * len(values), dtype=pl.Float64)
    else:
        text = texts_of(values)
        number = text.set(~text.str.contains(_NUMBER), None).cast(pl.Float64, strict=False)
    return number.set(~number.is_finite(), None)
