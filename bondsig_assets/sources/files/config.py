"""What `source.toml` may say, and one-line complaints when it says something else.

Belongs here: the vocabulary of the file and its validation against the declared tables.
Not here: which values of a key make sense (`complaints.py`), opening data files
(`read.py`), or what a rule does to a row
(`values.py`, `rows.py`). What each key means stands beside its field.
"""

from __future__ import annotations

import math
import tomllib
from collections.abc import Iterable
from dataclasses import dataclass, field, fields
from datetime import date, datetime
from datetime import time as Clock
from pathlib import Path
from typing import Any

from bondsig_assets.errors import SourceError
from bondsig_assets.sources.files.complaints import (
    as_list,
    refuse_block,
    refuse_layout,
    refuse_rule,
    unknown,
)
from bondsig_assets.sources.files.layouts import LAYOUTS, PRESETS
from bondsig_assets.tables import RAW_DAILY, RAW_REFERENCE, TABLES
from bondsig_assets.tables.schema import Column

NULLS = ("", "NA", "N/A", "NaN", "nan", "NULL", "null", "None", ".")
MAX_BAD_SHARE = 0.05
#: Declared unit → units a file may be in → factor.
UNITS: dict[str, dict[str, float]] = {
    "pct": {"pct": 1.0, "bps": 0.01, "fraction": 100.0},
    "bps": {"bps": 1.0, "pct": 100.0, "fraction": 10_000.0},
    "% of par": {"% of par": 1.0, "fraction": 100.0},
    "usd": {"usd": 1.0, "thousands": 1e3, "millions": 1e6},
    "shares": {"shares": 1.0, "thousands": 1e3, "millions": 1e6},
    "years": {"years": 1.0, "months": 1 / 12, "days": 1 / 365.25},
}
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


def _key(default: Any, *types: type) -> Any:
    return field(default=default, metadata={"types": types})


@dataclass(frozen=True)
class Lookup:
    """A second file that translates codes: `key` (several codes split at `separator`) → `value`.

    Of a BOOLEAN column without `value`: whether the file lists the code at all.
    """

    file: str = _key("", str)
    key: str = _key("", str)
    value: str = _key("", str)
    separator: str = _key(";", str)
    first: bool = _key(
        False, bool
    )  # of several values of one code the first counts; else they are a fault


@dataclass(frozen=True)
class ColumnRule:
    """Where one declared column comes from; exactly one of `column` and `value` is set."""

    column: str | None = _key(None, str)  # column of the file
    value: Any = _key(None, object)  # a constant instead
    unit: str | None = _key(None, str)  # unit in the file: see UNITS
    scale: float = _key(1.0, int, float)  # a further factor
    format: str | None = _key(None, str)  # strftime format of dates and moments
    time: str | None = _key(None, str)  # column with the time of day of a moment
    time_default: Clock | None = _key(None, Clock)  # time of day where the file has none
    null: list[Any] = _key(None, list)  # further values that mean null
    zero_is_null: bool = _key(False, bool)
    map: dict[str, Any] | None = _key(
        None, dict
    )  # value in the file → value; "*" for all others, else null
    lookup: Lookup | None = _key(None, dict)
    default: Any = _key(
        None, object
    )  # what an empty field stands for, or one the map does not list
    plus_days: int = _key(0, int)  # calendar days added to a date or moment
    pad: int = _key(0, int)  # zero-fill a text of digits to this width
    sign: str | None = _key(None, str)  # column that holds "-" where the number is negative
    cap: float | None = _key(
        None, int, float
    )  # par_usd: larger pars are cut to this and flagged is_par_capped

    @property
    def name(self) -> str:
        """The column of the file, empty for a constant."""
        return self.column or ""


@dataclass(frozen=True)
class NullRule:
    """Values that mean null in some columns of the file, perhaps only for rows dated in a
    period.
    """

    columns: list[str] | str = _key((), str, list)
    equals: Any = _key(0, object)
    first: date | None = _key(None, date)
    last: date | None = _key(None, date)


@dataclass(frozen=True)
class Melt:
    """Wide to long: column of the file → value of `into`; its cells go to `value`, empty ones are
    no row.
    """

    into: str = _key("", str)
    value: str = _key("", str)
    columns: dict[str, Any] = _key(None, dict)


@dataclass(frozen=True)
class Feed:
    """One `[[table]]` block: the files it names and how their rows become rows of the table."""

    files: list[str] | str = _key(
        "", str, list
    )  # a name or glob, or several, below the data folder
    columns: dict[str, ColumnRule] = _key(None, dict)
    format: str | None = _key(None, str)  # "csv" or "parquet" where the name does not say
    delimiter: str | None = _key(None, str)  # "," for .csv, "|" for .txt
    quoted: bool | None = _key(None, bool)  # fields may stand in double quotes: not in .txt
    trailer: bool = _key(False, bool)  # the last line is a trailer that ends in the row count
    null: list[Any] = _key(None, list)  # values that mean null, in place of NULLS
    null_when: list[NullRule] = _key((), list)
    melt: Melt | None = _key(None, dict)
    keep: dict[str, list[Any]] = _key(
        None, dict
    )  # column of the file → values; other rows are not for this table
    prefer: dict[str, list[Any]] = _key(
        None, dict
    )  # column of the file → values, best first: which duplicate stays
    expected: list[str] = _key((), list)  # reasons quarantined but not held against the file
    max_bad_share: float = _key(MAX_BAD_SHARE, int, float)
    negative_price_is_midpoint: bool = _key(False, bool)  # CRSP
    layout: str | None = _key(
        None, str
    )  # a file known by name, see files_layouts.py; of links these are its options
    delivered_at: datetime | None = _key(
        None, datetime
    )  # when the whole file could be known, New York
    updated_on: date | None = _key(None, date)  # last day of the file: what ends then is still open
    grace_days: int | None = _key(None, int)  # how much longer that is believed
    days: int | None = _key(None, int)  # how long holdings are believed
    confidence: float | None = _key(None, int, float)
    kind: str | None = _key(None, str)  # what a map links: "cusip", "issuer_cusip" or "issuer_id"

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
            raise SourceError(f"{path}: {unknown('table', name, known)}")
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


def _build(cls: type, content: dict[str, Any], where: str) -> dict[str, Any]:
    """The keys of one TOML table, checked against the fields of `cls`."""
    declared = {entry.name: entry for entry in fields(cls)}
    for name, value in content.items():
        if name not in declared:
            raise SourceError(f"{where}: {unknown('key', name, declared)}")
        types = declared[name].metadata["types"]
        if not isinstance(value, types) or (
            isinstance(value, bool) and bool not in types and object not in types
        ):
            raise SourceError(
                f"{where}: {name} = {value!r} should be"
                f" {' or '.join(kind.__name__ for kind in types)}"
            )
    return dict(content)


def _feed(content: dict[str, Any], table: str, where: str) -> Feed:
    keys = _preset(_build(Feed, content, where), table)
    for name in ("files",) if "layout" in keys else ("files", "columns"):
        if not keys.get(name):
            raise SourceError(f"{where}: says no {name}")
    if not 0 < keys.get("max_bad_share", MAX_BAD_SHARE) <= 1:
        raise SourceError(
            f"{where}: max_bad_share = {keys['max_bad_share']} should be a share above 0 and at"
            " most 1"
        )
    if keys.get("format") not in (None, "csv", "parquet"):
        raise SourceError(f"{where}: {unknown('format', keys['format'], ('csv', 'parquet'))}")
    if len(keys.get("delimiter", ",").encode()) != 1:
        raise SourceError(f"{where}: delimiter = {keys['delimiter']!r} should be one character")
    refuse_layout(keys, table, where)
    refuse_block(keys, table, where)
    keys["files"] = as_list(keys["files"])
    keys["null"] = keys.get("null", list(NULLS))
    keys["keep"] = {name: as_list(values) for name, values in keys.get("keep", {}).items()}
    keys["prefer"] = {name: as_list(values) for name, values in keys.get("prefer", {}).items()}
    rules = [_build(NullRule, rule, f"{where}: null_when") for rule in keys.get("null_when", ())]
    keys["null_when"] = [
        NullRule(**rule | {"columns": as_list(rule.get("columns", []))}) for rule in rules
    ]
    melt = keys["melt"] = (
        Melt(**_build(Melt, keys["melt"], f"{where}: melt")) if "melt" in keys else None
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
                raise SourceError(f"{where}: melt: {unknown(f'column of {table}', name, columns)}")
        _refuse_constants(melt.columns.values(), columns[melt.into], f"{where}: melt.columns")
    keys["columns"] = {
        name: _rule(
            content,
            columns.get(name),
            melt,
            f"{where}: columns.{name}",
            f"{unknown(f'column of {what}', name, columns)}",
        )
        for name, content in keys.get("columns", {}).items()
    }
    feed = Feed(**keys)
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
    keys = _build(ColumnRule, content, where)
    if ("column" in keys) + ("value" in keys) != (0 if melt and column.name == melt.value else 1):
        raise SourceError(f"{where}: needs either column (of the file) or value (a constant)")
    if "unit" in keys and keys["unit"] not in (units := UNITS.get(column.unit, {})):
        raise SourceError(f"{where}: {unknown('unit', keys['unit'], units)}")
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
        lookup = keys["lookup"] = Lookup(**_build(Lookup, keys["lookup"], f"{where}: lookup"))
        if not (lookup.file and lookup.key and (lookup.value or column.type == "BOOLEAN")):
            raise SourceError(f"{where}: lookup needs file, key and value")
    return ColumnRule(**keys)


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
