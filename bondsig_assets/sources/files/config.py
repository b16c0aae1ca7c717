"""What `source.toml` may say, and one-line complaints when it says something else.

Belongs here: the vocabulary of the file, what each key may be, and its validation against the
declared tables. Not here: which keys go with which table, layout or column (`complaints.py`),
opening data files (`read.py`), or what a rule does to a row (`values.py`, `rows.py`). What each key
means stands beside its field.
"""

from __future__ import annotations

import math
import tomllib
from collections.abc import Iterable, Mapping
from datetime import date, datetime
from datetime import time as Clock
from pathlib import Path, PurePath
from typing import Annotated, Any

from pydantic import AfterValidator, BeforeValidator, Field, NaiveDatetime, PlainValidator

from bondsig_assets.errors import SourceError
from bondsig_assets.securities.claims import ENTITY_KINDS
from bondsig_assets.sources.files.complaints import (
    as_list,
    refuse_block,
    refuse_layout,
    refuse_rule,
)
from bondsig_assets.sources.files.layouts import LAYOUTS, PRESETS
from bondsig_assets.tables import RAW_DAILY, RAW_REFERENCE, TABLES
from bondsig_assets.tables.ranges import UNITS
from bondsig_assets.tables.schema import Column
from bondsig_assets.validation import Says, checked, unknown_name, validated

NULLS = ("", "NA", "N/A", "NaN", "nan", "NULL", "null", "None", ".")
#: More bad rows than this share of a file, or of a column, are a fault of the file.
MAX_BAD_SHARE = 0.05
#: Columns filled by the source where the file has none: see `rows.py`.
DERIVED: dict[str, frozenset[str]] = {
    "trace_reports": frozenset(
        {
            "delivery_date",
            "record_number",
            "report_date",
            "execution_date",
            "is_par_capped",
            "delivered_at",
        }
    ),
    "fundamentals": frozenset({"total_debt_usd"}),
    "equities": frozenset({"sector_etf"}),
    "equity_links": frozenset({"claim_number"}),
    "ratings": frozenset({"rating_number"}),
}
#: Columns that only the source may fill.
RESERVED = frozenset({"delivery_date", "record_number", "claim_number"})
_CONSTANTS: dict[str, tuple[type, ...]] = {
    "VARCHAR": (str,),
    "DOUBLE": (int, float),
    "BIGINT": (int,),
    "BOOLEAN": (bool,),
    "DATE": (date,),
    "TIMESTAMP": (datetime,),
}


#: Widest zero-filled text, and most days added to a date: anything beyond is a typing error.
MAX_PAD, MAX_DAYS = 64, 36_500


def _named(what: str, known: Iterable[str]) -> AfterValidator:
    def check(name: str | None) -> str | None:
        if name is not None and name not in known:
            raise ValueError(unknown_name(what, name, known))
        return name

    return AfterValidator(check)


def _other_than_zero(value: float | None) -> float | None:
    if value == 0:
        raise ValueError
    return value


def _one_byte(value: str | None) -> str | None:
    if value is not None and len(value.encode()) != 1:
        raise ValueError
    return value


def _patterns(value: Any) -> list[str]:
    for pattern in as_list(value):
        if not isinstance(pattern, str) or not PurePath(pattern).parts:
            raise ValueError(f"files = {pattern!r} should be a name or glob below the data folder")
    return as_list(value)


def _tables(value: Any) -> Any:
    wanted = 'should be a table such as { columns = ["close"], equals = 0 }'
    if not isinstance(value, list):
        raise ValueError(f"null_when = {value!r} {wanted}, in a list")
    for rule in value:
        if not isinstance(rule, Mapping | NullRule):
            raise ValueError(f"null_when = {rule!r} {wanted}")
    return value


def _table(value: Any) -> Any:
    if not isinstance(value, Mapping | Lookup | Melt | None):
        raise ValueError
    return value


def _lists(value: Any) -> Any:
    if not isinstance(value, Mapping):
        return value
    return {name: as_list(values) for name, values in value.items()}


# A table in a table is read where its place and its column are known, after the one around it.
_Table = [PlainValidator(_table), Says("is not a table")]
_Factor = [AfterValidator(_other_than_zero), Says("should be a finite number other than 0")]
_Days = Annotated[
    int | None,
    Field(ge=0, le=MAX_DAYS),
    Says(f"should be a number of days from 0 to {MAX_DAYS}"),
]
_Lists = Annotated[dict[str, list[Any]], BeforeValidator(_lists)]


@checked(SourceError)
class Lookup:
    """A second file that translates codes: `key` (several codes split at `separator`) → `value`.

    Of a BOOLEAN column without `value`: whether the file lists the code at all.
    """

    file: str = ""
    key: str = ""
    value: str = ""
    separator: str = ";"
    first: bool = False  # of several values of one code the first counts; else they are a fault


@checked(SourceError)
class ColumnRule:
    """Where one declared column comes from; exactly one of `column` and `value` is set."""

    column: str | None = None  # column of the file
    value: Any = None  # a constant instead
    unit: str | None = None  # unit in the file: see tables/ranges.py
    scale: Annotated[float, *_Factor] = 1.0  # a further factor
    format: str | None = None  # strftime format of dates and moments
    time: str | None = None  # column with the time of day of a moment
    time_default: Clock | None = None  # time of day where the file has none
    null: list[Any] | None = None  # further values that mean null
    zero_is_null: bool = False
    map: dict[str, Any] | None = None  # value in the file → value; "*" for all others, else null
    lookup: Annotated[Lookup | None, *_Table] = None
    default: Any = None  # what an empty field stands for, or one the map does not list
    plus_days: Annotated[int, Says(f"should be at most {MAX_DAYS} days either way")] = Field(
        default=0, ge=-MAX_DAYS, le=MAX_DAYS
    )  # calendar days added to a date or moment
    pad: Annotated[int, Says(f"should be a width from 0 to {MAX_PAD}")] = Field(
        default=0, ge=0, le=MAX_PAD
    )  # zero-fill a text of digits to this width
    sign: str | None = None  # column that holds "-" where the number is negative
    unusual: bool = (
        False  # numbers outside the column's usual range are meant, see tables/ranges.py
    )
    # par_usd: larger pars are cut to this and flagged is_par_capped
    cap: Annotated[float | None, *_Factor] = None

    @property
    def name(self) -> str:
        """The column of the file, empty for a constant."""
        return self.column or ""


@checked(SourceError)
class NullRule:
    """Values that mean null in some columns of the file, perhaps only for rows dated in a
    period.
    """

    columns: Annotated[
        list[str], BeforeValidator(as_list), Says("should be names of columns of the file")
    ] = Field(default_factory=list)
    equals: Any = 0
    first: date | datetime | None = None
    last: date | datetime | None = None


@checked(SourceError)
class Melt:
    """Wide to long: column of the file → value of `into`; its cells go to `value`, empty ones are
    no row.
    """

    into: str = ""
    value: str = ""
    columns: dict[str, Any] = Field(default_factory=dict)


@checked(SourceError)
class Feed:
    """One `[[table]]` block: the files it names and how their rows become rows of the table."""

    # a name or glob, or several, below the data folder
    files: Annotated[list[str], BeforeValidator(_patterns)] = Field(default_factory=list)
    columns: Annotated[dict[str, ColumnRule], *_Table] = Field(default_factory=dict)
    # where the name does not say
    format: Annotated[str | None, _named("format", ("csv", "parquet"))] = None
    # "," for .csv, "|" for .txt
    delimiter: Annotated[str | None, AfterValidator(_one_byte), Says("should be one character")] = (
        None
    )
    quoted: bool | None = None  # fields may stand in double quotes: not in .txt
    # lines above the header; else the first line that has all columns is the header
    skip_rows: Annotated[int | None, Field(ge=0, le=1000), Says("should be from 0 to 1000")] = None
    sheet: str | None = None  # of a workbook; else its first
    trailer: bool = False  # the last line is a trailer that ends in the row count
    # values that mean null, in place of NULLS
    null: list[Any] = Field(default_factory=lambda: list(NULLS))
    null_when: Annotated[list[NullRule], PlainValidator(_tables)] = Field(default_factory=list)
    melt: Annotated[Melt | None, *_Table] = None
    # column of the file → values; other rows are not for this table
    keep: _Lists = Field(default_factory=dict)
    # column of the file → values, best first: which duplicate stays
    prefer: _Lists = Field(default_factory=dict)
    # reasons quarantined but not held against the file
    expected: Annotated[list[Any], Says("should be a list of reasons")] = Field(
        default_factory=list
    )
    max_bad_share: Annotated[float, Says("should be a share above 0 and at most 1")] = Field(
        default=MAX_BAD_SHARE, gt=0, le=1
    )
    negative_price_is_midpoint: bool = False  # CRSP
    # a file known by name, see layouts.py; of links these are its options
    layout: str | None = None
    # when the whole file could be known, New York
    delivered_at: Annotated[
        NaiveDatetime | None,
        Says("should be New York wall clock without an offset, such as 2026-09-04T18:00:00"),
    ] = None
    # last day of the file: what ends then is still open
    updated_on: Annotated[date | None, Says("should be a day alone, such as 2026-09-04")] = None
    grace_days: _Days = None  # how much longer that is believed
    days: _Days = None  # how long holdings are believed
    confidence: Annotated[float | None, Field(ge=0, le=1), Says("should be from 0 to 1")] = None
    # what a map links: "cusip", "issuer_cusip" or "issuer_id"
    kind: Annotated[str | None, _named("kind", ENTITY_KINDS)] = None

    @property
    def columns_needed(self) -> list[str]:
        """Every column of the file that some rule mentions, each once."""
        names: list[str | None] = [
            name for rule in self.columns.values() for name in (rule.column, rule.time, rule.sign)
        ]
        names += [name for rule in self.null_when for name in rule.columns]
        names += [*self.keep, *self.prefer, *(self.melt.columns if self.melt else ())]
        return list(dict.fromkeys(name for name in names if name is not None))


def read_config(path: Path) -> dict[str, list[Feed]]:
    """Feeds per declared raw table. Raises SourceError with one line that names the place."""
    try:
        content = tomllib.loads(path.read_text(encoding="utf-8-sig"))
    except FileNotFoundError:
        raise SourceError(
            f"{path}: not found; describe the folder there (examples/credit_2006_2012/source.toml"
            " shows how)"
        ) from None
    except UnicodeDecodeError:
        raise SourceError(f"{path}: not readable as UTF-8; save as UTF-8") from None
    except (OSError, tomllib.TOMLDecodeError) as error:
        raise SourceError(f"{path}: not readable as TOML: {error}") from None
    common = {name: content.pop(name) for name in ("max_bad_share", "null") if name in content}
    known = (*RAW_DAILY, *RAW_REFERENCE)
    feeds: dict[str, list[Feed]] = {}
    for name, blocks in content.items():
        if name not in known:
            raise SourceError(f"{path}: {unknown_name('table', name, known)}")
        if not isinstance(blocks, list) or not all(isinstance(block, dict) for block in blocks):
            raise SourceError(
                f"{path}: write [[{name}]] with double brackets: a table may have several blocks"
            )
        feeds[name] = [
            _feed(common | block, name, f"{path}: [[{name}]] block {n}")
            for n, block in enumerate(blocks, 1)
        ]
    if not feeds:
        raise SourceError(
            f"{path}: feeds no table; add a block such as [[equity_prices]], one of"
            f" {', '.join(known)}"
        )
    return feeds


def _feed(content: dict[str, Any], table: str, where: str) -> Feed:
    validated(Feed, content, f"{where}: ")
    keys = _preset(content, table)
    for name in ("files",) if "layout" in keys else ("files", "columns"):
        if not keys.get(name):
            raise SourceError(f"{where}: says no {name}")
    refuse_layout(keys, table, where)
    refuse_block(keys, table, where)
    keys["null_when"] = [
        validated(NullRule, rule, f"{where}: null_when: ") for rule in keys.get("null_when", ())
    ]
    melt = keys["melt"] = (
        validated(Melt, keys["melt"], f"{where}: melt: ") if "melt" in keys else None
    )
    layout = LAYOUTS[keys["layout"]] if "layout" in keys else None
    what, declared = (
        (f"layout {keys['layout']}", layout.table) if layout else (table, TABLES[table])
    )
    columns = {column.name: column for column in declared.columns if column.name not in RESERVED}
    if melt:
        if not melt.columns:
            raise SourceError(f"{where}: melt needs into, value and columns")
        for name in (melt.into, melt.value):
            if name not in columns:
                raise SourceError(
                    f"{where}: melt: {unknown_name(f'column of {table}', name, columns)}"
                )
        _refuse_constants(melt.columns.values(), columns[melt.into], f"{where}: melt.columns")
    keys["columns"] = {
        name: _rule(
            content,
            columns.get(name),
            melt,
            f"{where}: columns.{name}",
            f"{unknown_name(f'column of {what}', name, columns)}",
        )
        for name, content in keys.get("columns", {}).items()
    }
    feed = validated(Feed, keys, f"{where}: ")
    if layout is None:
        _complete(feed, table, where)
    return feed


def _preset(keys: dict[str, Any], table: str) -> dict[str, Any]:
    """The keys of a block with those that its layout stands for, where it is one of this table;
    what the block says itself counts first.
    """
    preset = PRESETS.get(keys.get("layout", ""))
    if preset is None or preset.table != table:
        return keys
    rest = {name: value for name, value in keys.items() if name != "layout"}
    return rest | {
        "keep": preset.keep | keys.get("keep", {}),
        "columns": preset.columns | keys.get("columns", {}),
    }


def _rule(
    content: Any, column: Column | None, melt: Melt | None, where: str, complaint: str
) -> ColumnRule:
    if column is None:
        raise SourceError(f"{where}: {complaint}")
    if isinstance(content, str):
        return ColumnRule(column=content)
    if not isinstance(content, dict):
        raise SourceError(
            f"{where}: write a column of the file as text, or a constant as {{ value = {content} }}"
        )
    validated(ColumnRule, content, f"{where}: ")
    keys = dict(content)
    if ("column" in keys) + ("value" in keys) != (0 if melt and column.name == melt.value else 1):
        raise SourceError(f"{where}: needs either column (of the file) or value (a constant)")
    if "unit" in keys and keys["unit"] not in (units := UNITS.get(column.unit, {})):
        raise SourceError(f"{where}: {unknown_name('unit', keys['unit'], units)}")
    _refuse_constants(
        [
            *(keys[name] for name in ("value", "default") if name in keys),
            *keys.get("map", {}).values(),
        ],
        column,
        where,
    )
    refuse_rule(keys, column, where)
    if "lookup" in keys:
        lookup = keys["lookup"] = validated(Lookup, keys["lookup"], f"{where}: lookup: ")
        if not (lookup.file and lookup.key and (lookup.value or column.type == "BOOLEAN")):
            raise SourceError(f"{where}: lookup needs file, key and value")
    return validated(ColumnRule, keys, f"{where}: ")


def _refuse_constants(constants: Iterable[Any], column: Column, where: str) -> None:
    """Complains of a constant that the column cannot hold."""
    wanted = _CONSTANTS[column.type]
    for constant in constants:
        if not isinstance(constant, wanted) or isinstance(constant, bool) != (bool in wanted):
            raise SourceError(
                f"{where}: {constant!r} should be a {column.type} such as the column"
                f" {column.name} is"
            )
        if isinstance(constant, float) and not math.isfinite(constant):
            raise SourceError(f"{where}: {constant!r} should be a finite number")


def _complete(feed: Feed, table: str, where: str) -> None:
    """Complains of required columns that nothing fills."""
    filled = {"known_at"} | feed.columns.keys() | DERIVED.get(table, frozenset())
    filled |= {feed.melt.into, feed.melt.value} if feed.melt else set()
    for column in TABLES[table].columns:
        if not column.nullable and column.name not in filled:
            raise SourceError(
                f"{where}: {table} requires {column.name} ({column.comment}); add it to columns, or"
                " { value = … }"
            )
    mapped = feed.columns.keys()
    for name in ("reported_at", "executed_at") if table == "trace_reports" else ():
        if name not in mapped:
            raise SourceError(
                f"{where}: trace_reports requires {name}; map it, with `time` or `time_default`"
                " where the file has dates alone"
            )
    if table == "fundamentals":
        if (
            "total_debt_usd" not in mapped
            and not {"short_term_debt_usd", "long_term_debt_usd"} <= mapped
        ):
            raise SourceError(
                f"{where}: fundamentals requires total_debt_usd, or short_term_debt_usd and"
                " long_term_debt_usd to add up"
            )
        if "known_at" not in mapped:
            raise SourceError(
                f"{where}: fundamentals requires known_at: figures are filed weeks after the period"
                ' ends; map the filing date, or { column = "…", plus_days = 90 }'
            )
