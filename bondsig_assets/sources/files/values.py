"""From what a file writes to a value of the declared type: one expression per column.

Belongs here: numbers, dates, moments, flags, units, maps, and what null looks like. Not
here: whether a value makes sense for its table (`rows.py`).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import date
from typing import Any

import polars as pl

from bondsig_assets.sources.files.complaints import as_list
from bondsig_assets.sources.files.config import ColumnRule, NullRule
from bondsig_assets.tables.ranges import UNITS
from bondsig_assets.tables.schema import POLARS_TYPES, Column

#: Dates outside are typing errors, whatever the column.
FIRST_DATE, LAST_DATE = date(1900, 1, 1), date(2199, 12, 31)
NEW_YORK = "America/New_York"
_BOOLEANS = dict.fromkeys(("Y", "YES", "T", "TRUE", "1"), True) | dict.fromkeys(
    ("N", "NO", "F", "FALSE", "0"), False
)
_MIDNIGHT = pl.time(0, 0)
_THOUSANDS = r"^[+-]?\d{1,3}(,\d{3})+(\.\d+)?$"
#: A whole time of day: what a cut left of one is none.
_CLOCK = r"\d{1,2}:\d\d(:\d\d(\.\d+)?)?"

Schema = Mapping[str, pl.DataType]


def text(name: str, schema: Schema, nulls: list[Any]) -> pl.Expr:
    """Column `name` as trimmed text, null where it is one of `nulls`; 7.0 in a float column reads
    `7`.
    """
    column, dtype = pl.col(name), schema[name]
    if dtype == pl.String:
        words = column.str.strip_chars()
    elif dtype.is_float():
        number = column.fill_nan(None)
        whole = (number == number.round()) & (number.abs() < 1e15)
        words = (
            pl.when(whole)
            .then(number.cast(pl.Int64, strict=False).cast(pl.String))
            .otherwise(number.cast(pl.String))
        )
    else:
        words = column.cast(pl.String)
    return pl.when(words.is_in([str(word) for word in nulls])).then(None).otherwise(words)


def read_value(
    rule: ColumnRule, column: Column, schema: Schema, nulls: list[Any]
) -> tuple[pl.Expr, pl.Expr]:
    """Two expressions on the file's frame: the value as read, and whether the field should hold
    one.

    A value that should be there and is null cannot be read. What a map does not list is no
    value, nor is a moment without its time of day. Units and the like come with `finish_value`.
    """
    dtype = POLARS_TYPES[column.type]
    if rule.column is None:
        return pl.lit(rule.value).cast(dtype), pl.lit(False)
    words = text(rule.column, schema, nulls + as_list(rule.null or []))
    is_given = words.is_not_null()
    if (
        rule.map is not None
        and rule.lookup is not None
        and isinstance(dtype, (pl.Date, pl.Datetime))
    ):
        # A file of codes has texts alone, whatever this one has.
        words, schema = _mapped(words, rule.map, pl.String()), {**schema, rule.name: pl.String()}
        is_given = words.is_not_null()
    elif rule.map is not None:
        value = _mapped(words, rule.map, dtype)
        return value, is_given & value.is_not_null()
    if rule.time is not None:
        is_given &= text(rule.time, schema, nulls).is_not_null()
    return _READERS[column.type](rule, words, schema).cast(dtype), is_given


def finish_value(
    rule: ColumnRule, column: Column, value: pl.Expr, sign: pl.Expr | None = None
) -> pl.Expr:
    """The value in the declared unit, given the one read; `sign` is the text of the rule's sign
    column.
    """
    if rule.column is None:
        return value
    if sign is not None:
        value = pl.when(sign == "-").then(-value.abs()).otherwise(value)
    if column.type == "DOUBLE":
        factor = rule.scale * (UNITS[column.unit][rule.unit] if rule.unit else 1.0)
        value = value if factor == 1.0 else value * factor
        value = pl.when(value == 0).then(None).otherwise(value) if rule.zero_is_null else value
    elif (
        column.type == "TIMESTAMP"
        and column.name != "known_at"
        and rule.time is None
        and rule.time_default is None
    ):
        # A date alone: taken for midnight, a report would be known before it was made.
        value = pl.when(value.dt.time() != _MIDNIGHT).then(value)
    if rule.plus_days:
        value = value + pl.duration(days=rule.plus_days)
    return (
        value
        if rule.default is None
        else value.fill_null(pl.lit(rule.default, dtype=POLARS_TYPES[column.type]))
    )


def apply_null_rules(raw: pl.DataFrame, rules: list[NullRule], day: pl.Expr) -> pl.DataFrame:
    """The file's frame with null where a rule says that a value means null; `day` dates its
    rows.
    """
    for rule in rules:
        within = pl.lit(True)
        if rule.first:
            within &= day >= rule.first
        if rule.last:
            within &= day <= rule.last
        words = [str(value) for value in as_list(rule.equals)]
        numbers = [
            float(value) for value in as_list(rule.equals) if isinstance(value, (int, float))
        ]
        raw = raw.with_columns(
            pl.when(
                within.fill_null(False)
                & (
                    text(name, raw.schema, []).is_in(words)
                    | text(name, raw.schema, []).cast(pl.Float64, strict=False).is_in(numbers)
                )
            )
            .then(None)
            .otherwise(pl.col(name))
            .alias(name)
            for name in rule.columns
        )
    return raw


def _mapped(words: pl.Expr, pairs: dict[str, Any], dtype: pl.DataType) -> pl.Expr:
    listed = {key: value for key, value in pairs.items() if key != "*"}
    default = pl.when(words.is_not_null()).then(pl.lit(pairs.get("*"), dtype=dtype))
    return words.replace_strict(
        list(listed),
        pl.Series(list(listed.values()), dtype=dtype),
        default=default,
        return_dtype=dtype,
    )


def _text(rule: ColumnRule, words: pl.Expr, schema: Schema) -> pl.Expr:
    # A number that went through a float column of some other program ends in .0.
    return words.str.replace(r"\.0+$", "").str.zfill(rule.pad) if rule.pad else words


def _number(rule: ColumnRule, words: pl.Expr, schema: Schema) -> pl.Expr:
    if schema[rule.name].is_numeric():
        number = pl.col(rule.name).cast(pl.Float64)
        return pl.when(words.is_not_null() & number.is_finite()).then(number)
    return _by_distinct(words, _number_in_text, pl.Float64())


def _integer(rule: ColumnRule, words: pl.Expr, schema: Schema) -> pl.Expr:
    value = _number(rule, words, schema) * rule.scale
    return pl.when(value == value.round()).then(value).cast(pl.Int64, strict=False)


def _by_distinct(
    words: pl.Expr, parse: Callable[[pl.Expr], pl.Expr], dtype: pl.DataType
) -> pl.Expr:
    """`parse` of each distinct text only: a million reports have a few thousand dates, times and
    prices.
    """

    def parsed(values: pl.Series) -> pl.Series:
        distinct = (
            values.unique()
            .alias("text")
            .to_frame()
            .with_columns(parse(pl.col("text")).cast(dtype).alias("value"))
        )
        return (
            values.alias("text")
            .to_frame()
            .join(distinct, on="text", how="left", maintain_order="left")["value"]
            .alias(values.name)
        )

    return words.map_batches(parsed, return_dtype=dtype, is_elementwise=True)


def _number_in_text(words: pl.Expr) -> pl.Expr:
    # Standard TRACE writes a capped par as 5MM+.
    capped = words.str.extract(r"^(\d+)MM\+$").cast(pl.Float64) * 1e6
    # A comma separates thousands and nothing else: 56,6178 is no 566178.
    plain = (
        pl.when(words.str.contains(_THOUSANDS))
        .then(words.str.replace_all(",", "", literal=True))
        .otherwise(words)
    )
    number = pl.coalesce(plain.cast(pl.Float64, strict=False), capped)
    return pl.when(number.is_finite()).then(number)


def _date_in_text(words: pl.Expr, form: str | None) -> pl.Expr:
    if form and "%H" in form:
        return words.str.to_datetime(form, strict=False, time_unit="us").dt.date()
    if form:
        return words.str.to_date(form, strict=False)
    plain = words.str.replace(
        rf"^(\d{{4}}-\d\d-\d\d)[T ]{_CLOCK} ?([AaPp][Mm]|Z|UTC|[+-]\d\d:?\d\d)?$", "$1"
    )
    return pl.coalesce(
        plain.str.to_date("%Y-%m-%d", strict=False), plain.str.to_date("%Y%m%d", strict=False)
    )


def _time_in_text(words: pl.Expr) -> pl.Expr:
    whole = words.str.replace(r"\..*$", "")
    with_seconds = (
        pl.when(whole.str.contains(r"^\d{1,2}:\d\d$")).then(whole + ":00").otherwise(whole)
    )
    return (
        with_seconds.str.replace_all(":", "", literal=True)
        .str.zfill(6)
        .str.to_time("%H%M%S", strict=False)
    )


def _boolean(rule: ColumnRule, words: pl.Expr, schema: Schema) -> pl.Expr:
    return words.str.to_uppercase().replace_strict(_BOOLEANS, default=None, return_dtype=pl.Boolean)


def _date(rule: ColumnRule, words: pl.Expr, schema: Schema) -> pl.Expr:
    dtype, column = schema[rule.name], pl.col(rule.name)
    if not dtype.is_temporal():
        return _by_distinct(
            words, lambda text: _possible(_date_in_text(text, rule.format)), pl.Date()
        )
    day = column if dtype == pl.Date else _local(column, dtype).dt.date()
    return pl.when(words.is_not_null()).then(_possible(day))


def _possible(day: pl.Expr) -> pl.Expr:
    return pl.when(day.is_between(FIRST_DATE, LAST_DATE)).then(day)


def _moment(rule: ColumnRule, words: pl.Expr, schema: Schema) -> pl.Expr:
    """Midnight in a column of its own is a date whose time of day is not known: `time_default`, or
    left at midnight.
    """
    dtype = schema[rule.name]
    day = _date(rule, words, schema)
    if rule.time is not None:
        time = _time_of_day(rule.time, schema)
        return day.dt.combine(
            time if rule.time_default is None else time.fill_null(pl.lit(rule.time_default))
        )
    if isinstance(dtype, pl.Datetime):
        moment = _local(pl.col(rule.name), dtype).cast(pl.Datetime("us"))
    elif dtype == pl.String and rule.format:
        moment = (
            words.str.to_datetime(rule.format, strict=False, time_unit="us")
            if "%H" in rule.format
            else day.cast(pl.Datetime("us"))
        )
    elif dtype == pl.String:
        spaced = words.str.replace("T", " ", literal=True)
        spaced = pl.when(spaced.str.contains(rf"^\S+ {_CLOCK}$")).then(spaced)
        forms = ("%Y-%m-%d %H:%M:%S%.f", "%Y-%m-%d %H:%M")
        is_date = words.str.contains(r"^[0-9-]+$")
        moment = pl.coalesce(
            *(spaced.str.to_datetime(form, strict=False, time_unit="us") for form in forms),
            pl.when(is_date).then(day.cast(pl.Datetime("us"))),
        )
    else:
        moment = day.cast(pl.Datetime("us"))
    moment = pl.when(day.is_not_null()).then(moment)
    if rule.time_default is None:
        return moment
    return (
        pl.when(moment.dt.time() == _MIDNIGHT)
        .then(day.dt.combine(rule.time_default))
        .otherwise(moment)
    )


def _time_of_day(name: str, schema: Schema) -> pl.Expr:
    """`HH:MM:SS`, `HHMMSS`, integers that lost their leading zeros, nanoseconds or a time type."""
    dtype, column = schema[name], pl.col(name)
    if dtype == pl.Time:
        return column
    if isinstance(dtype, pl.Datetime):
        return _local(column, dtype).dt.time()
    if isinstance(dtype, pl.Duration):
        return column.dt.total_nanoseconds().cast(pl.Time)
    clock = _by_distinct(text(name, schema, [""]), _time_in_text, pl.Time())
    if not dtype.is_numeric():
        return clock
    number = column.cast(pl.Int64, strict=False)
    return pl.when(number > 235_959).then(number.cast(pl.Time, strict=False)).otherwise(clock)


def _local(column: pl.Expr, dtype: pl.DataType) -> pl.Expr:
    """Moments with a time zone as New York wall clock, others as they are."""
    has_zone = isinstance(dtype, pl.Datetime) and dtype.time_zone is not None
    return column.dt.convert_time_zone(NEW_YORK).dt.replace_time_zone(None) if has_zone else column


_READERS = {
    "VARCHAR": _text,
    "DOUBLE": _number,
    "BIGINT": _integer,
    "BOOLEAN": _boolean,
    "DATE": _date,
    "TIMESTAMP": _moment,
}
