"""The rows of one file as rows of a declared table, and the rows set aside with their reason.

Belongs here: melting, required fields, knowledge time, and the share of bad rows a file may have.
Not here: reading values (`values.py`), what makes them wrong (`checks.py`), what needs
several files at once (`source.py`), TRACE before 2012 (`trace.py`).
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import polars as pl

from bondsig_assets.calendar import CUTOFF, LAST_DAY
from bondsig_assets.calendar.knowledge import end_of_day, next_morning
from bondsig_assets.errors import SourceError
from bondsig_assets.securities.cusips import as_cusips
from bondsig_assets.securities.ratings import is_withdrawn, letter_number
from bondsig_assets.securities.sectors import sector_etf
from bondsig_assets.sources.files.checks import (
    CHECKS,
    EARLY,
    RAGGED_ROW,
    UNREAD,
    early_faults,
    knowledge_faults,
    quarantine_day,
    time_faults,
)
from bondsig_assets.sources.files.config import ColumnRule, Feed
from bondsig_assets.sources.files.forms import recognised
from bondsig_assets.sources.files.read import RAGGED, ROW, row_texts
from bondsig_assets.sources.files.values import apply_null_rules, finish_value, read_value, text
from bondsig_assets.tables.ranges import RANGES, complaint, judge
from bondsig_assets.tables.schema import Column, Table

#: Rank of the row among duplicates, 0 the best.
RANK = "__rank"
_CELL, _NAME, _FAULT = "__cell", "__name", "__fault"

_c = pl.col


@dataclass(frozen=True)
class FileRows:
    """Good rows (declared columns, ROW, RANK) and bad ones (`ROW, day, reason, row_text`) of one
    file; `is_mute`: it lacks what its rows would have to say, and is no fault.
    """

    good: pl.DataFrame
    bad: pl.DataFrame
    n_rows: int
    is_mute: bool = False


def rows_of(path: Path, table: Table, feed: Feed, raw: pl.DataFrame, told: list[str]) -> FileRows:
    """What the frame of `read_file` holds for `table`; `told` gets what was recognised on the way.

    Rows of daily tables dated before the calendar begins (2002-07-01) are set aside and do not
    count as rows of the file. Raises SourceError when a column can nowhere be read, or a
    required one is empty throughout.
    """
    try:
        return _rows_of(path, table, feed, raw, told)
    except pl.exceptions.PolarsError as error:
        raise SourceError(
            f"{path}: does not fit {table.name}: {str(error).splitlines()[0]}"
        ) from None


def check_share(path: Path, feed: Feed, n_rows: int, reasons: pl.DataFrame) -> None:
    """Stops when too many rows are bad for reasons the feed does not expect; `reasons` is `reason,
    len`.
    """
    held = reasons.filter(~_c("reason").is_in([*feed.expected, EARLY])).sort(
        "len", "reason", descending=[True, False]
    )
    n_bad = int(held["len"].sum())
    if n_bad > feed.max_bad_share * n_rows:
        detail = ", ".join(
            f"{count} × '{reason}'" for reason, count in held.select("reason", "len").iter_rows()
        )
        raise SourceError(
            f"{path}: {n_bad} of {n_rows} rows ({n_bad / n_rows:.1%}) are bad, more than"
            f" max_bad_share = {feed.max_bad_share:g}: {detail}; mend the file, or name the reasons"
            " you know of in `expected` of its block in source.toml"
        )


def known_moments(rule: str, days: pl.Series) -> pl.Series:
    """When facts dated `days` (no nulls) are known by a table's `known_rule`."""
    if rule == "next_morning":
        return next_morning(days)
    moment = _c(days.name).dt.combine(CUTOFF) if rule == "delivery" else end_of_day(_c(days.name))
    return days.to_frame().select(moment).to_series()


def _rows_of(path: Path, table: Table, feed: Feed, raw: pl.DataFrame, told: list[str]) -> FileRows:
    as_written = raw
    raw = kept(table, feed, recognised(path, table, feed, raw, told))
    rules = dict(feed.columns)
    long = raw
    if feed.melt:
        listed = feed.melt.columns
        long = raw.unpivot(
            on=list(listed),
            index=[name for name in raw.columns if name not in listed],
            variable_name=_NAME,
            value_name=_CELL,
        )
        rules[feed.melt.into] = ColumnRule(column=_NAME, map=listed)
        rules[feed.melt.value] = replace(rules.get(feed.melt.value, ColumnRule()), column=_CELL)
        long = long.filter(text(_CELL, long.schema, feed.null).is_not_null())
    frame, failed = declared(table, feed, rules, long)
    frame = _with_identifiers(table, frame)
    if frame.height:
        refuse_wrong_columns(path, table, rules, long, frame, failed)
    if table.name == "treasury_yields":
        # On holidays FRED writes a date and no yield: nothing is told, and nothing is wrong.
        frame = frame.filter(_c("par_yield_pct").is_not_null() | _c(failed["par_yield_pct"]))
    if table.name == "bond_day_quotes":
        frame = _with_something_told(path, rules, frame, failed, told)
    frame = frame.with_columns(_derived(table, feed, rules))
    frame = _with_midpoints(frame, feed)
    refuse_wrong_units(path, table, rules, frame)
    # Not called reason: a table may have a column of that name.
    frame = frame.with_columns(_reason(table, rules, failed).alias(_FAULT))
    bad = frame.filter(_c(_FAULT).is_not_null())
    bad = bad.select(ROW, quarantine_day(table).alias("day"), _c(_FAULT).alias("reason")).join(
        row_texts(as_written, bad[ROW]), on=ROW, how="left", maintain_order="left"
    )
    good = _with_knowledge(frame.filter(_c(_FAULT).is_null()), table)
    return FileRows(
        good.select(*table.column_names, ROW, RANK),
        bad,
        frame.height - bad.filter(_c("reason") == EARLY).height,
    )


def kept(table: Table, feed: Feed, raw: pl.DataFrame) -> pl.DataFrame:
    """The rows of a file that are meant, with null where the block says that a value means null."""
    for name, values in feed.keep.items():
        raw = raw.filter(text(name, raw.schema, []).is_in([str(value) for value in values]))
    return apply_null_rules(raw, feed.null_when, _event_day(table, feed, raw))


def _event_day(table: Table, feed: Feed, raw: pl.DataFrame) -> pl.Expr:
    """The day a raw row is about, for rules that hold in a period."""
    columns = {column.name: column for column in table.columns}
    name = table.event_time if table.event_time in feed.columns else "executed_at"
    if name not in feed.columns:
        return pl.lit(None, dtype=pl.Date)
    value, _ = read_value(feed.columns[name], columns[name], raw.schema, feed.null)
    value = finish_value(feed.columns[name], columns[name], value)
    return value.cast(pl.Date) if columns[name].type == "DATE" else value.dt.date()


def declared(
    table: Table, feed: Feed, rules: dict[str, ColumnRule], raw: pl.DataFrame
) -> tuple[pl.DataFrame, dict[str, str]]:
    """Declared columns as read, beside one flag each that says the field could not be read."""
    read, finished, failed = [], [], {}
    for column in table.columns:
        if column.name not in rules:
            read.append(pl.lit(None, dtype=table.polars_schema[column.name]).alias(column.name))
            continue
        rule, flag, sign = rules[column.name], f"__failed_{column.name}", f"__sign_{column.name}"
        value, is_given = read_value(rule, column, raw.schema, feed.null)
        read += [value.alias(column.name), is_given.alias(flag)]
        read += [text(rule.sign, raw.schema, []).alias(sign)] if rule.sign else []
        value = finish_value(rule, column, _c(column.name), _c(sign) if rule.sign else None)
        # The unit or the scale may have carried a number beyond the largest.
        is_lost = (
            value.is_infinite().fill_null(False)
            if column.type == "DOUBLE" and (rule.unit or rule.scale != 1)
            else pl.lit(False)
        )
        finished += [
            (_c(flag) & (_c(column.name).is_null() | is_lost)).alias(flag),
            value.alias(column.name),
        ]
        failed[column.name] = flag
    if "par_usd" in rules and rules["par_usd"].column:
        read.append(
            text(rules["par_usd"].column, raw.schema, feed.null)
            .str.ends_with("+")
            .alias("__is_capped_text")
        )
    rank = pl.lit(0, dtype=pl.Int64)
    for name, values in feed.prefer.items():
        words = [str(value) for value in values]
        place = text(name, raw.schema, []).replace_strict(
            words, list(range(len(words))), default=len(words), return_dtype=pl.Int64
        )
        rank = rank * (len(words) + 1) + place
    # Two steps, so that each field is read once and then judged.
    return raw.select(*read, ROW, RAGGED, rank.alias(RANK)).with_columns(finished), failed


def _with_identifiers(table: Table, frame: pl.DataFrame) -> pl.DataFrame:
    """CUSIPs of nine characters, whatever the file identifies bonds by."""
    if table.name == "equity_links":
        is_cusip = _c("entity_kind") == "cusip"
        full = pl.when(is_cusip).then(as_cusips(frame["entity"])).otherwise("entity")
        return frame.with_columns(full.alias("entity"))
    if "cusip" not in table.column_names:
        return frame
    return frame.with_columns(as_cusips(frame["cusip"]))


def refuse_wrong_columns(
    path: Path,
    table: Table,
    rules: dict[str, ColumnRule],
    raw: pl.DataFrame,
    frame: pl.DataFrame,
    failed: dict[str, str],
) -> None:
    """A column that can nowhere be read, or is required and nowhere filled, is a fault of the
    file.
    """
    types = {column.name: column for column in table.columns}
    for name, flag in failed.items():
        rule, source = rules[name], rules[name].column
        if source is None or frame[name].null_count() < frame.height:
            continue
        where = f"{path}: column '{'melted columns' if source == _CELL else source}'"
        if frame[flag].any():
            first = raw.filter(frame[flag])[source][0]
            hint = (
                "; say its `format`"
                if types[name].type in ("DATE", "TIMESTAMP") and rule.format is None
                else ""
            )
            wanted = f"{types[name].type} for {table.name}.{name}"
            raise SourceError(
                f"{where}: no value can be read as {wanted} (the first is {str(first)!r}){hint};"
                " mend the file or source.toml"
            )
        if _is_required(types[name]):
            what = (
                "holds no value that its map or lookup lists"
                if rule.map is not None
                else "is empty throughout"
            )
            hint = (
                "; its time of day is missing: give time or time_default"
                if types[name].type == "TIMESTAMP"
                else ""
            )
            raise SourceError(
                f"{where} {what}, and {table.name} requires {name}{hint}; mend the file or"
                " source.toml"
            )


def _with_something_told(
    path: Path,
    rules: dict[str, ColumnRule],
    frame: pl.DataFrame,
    failed: dict[str, str],
    told: list[str],
) -> pl.DataFrame:
    """Rows of `bond_day_quotes` that have a price, a yield or a spread, or one that cannot be read.

    Panels have a row for each bond and day, whether anybody quoted it or not: the others say
    nothing and are no fault, but counted in `told`.
    """
    one_of = [name for name in ("price", "yield_pct", "spread_bps") if name in rules]
    if not one_of:
        raise SourceError(
            f"{path}: bond_day_quotes takes price, yield_pct or spread_bps, and source.toml maps"
            " none of them; add one to its columns"
        )
    says = pl.any_horizontal(
        *(_c(name).is_not_null() for name in one_of),
        *(_c(failed[name]) for name in one_of if name in failed),
    )
    kept = frame.filter(says)
    if silent := frame.height - kept.height:
        told.append(
            f"{path.name}: {silent} of {frame.height} rows of bond_day_quotes have no"
            f" {' and no '.join(one_of)}: they are passed over"
        )
    return kept


def refuse_wrong_units(
    path: Path, table: Table, rules: dict[str, ColumnRule], frame: pl.DataFrame
) -> None:
    """A column most of whose numbers lie outside its usual range is in another unit: a fault of the
    file or of source.toml, never of rows.
    """
    for column in table.columns:
        usual, rule = RANGES.get(table.name, {}).get(column.name), rules.get(column.name)
        if usual is None or rule is None or rule.column is None or rule.unusual:
            continue
        needed = {name for one in usual.among for name in one.meta.root_names()}
        if not needed <= set(frame.columns):
            continue
        found = complaint(
            judge(frame, column.name, usual), usual, column.unit, rule.unit or column.unit
        )
        if found:
            source = {_CELL: "melted columns", _NAME: "names of melted columns"}.get(
                rule.column, rule.column
            )
            raise SourceError(
                f"{path}: column '{source}' for {table.name}.{column.name} {found} in"
                f" columns.{column.name} of source.toml, or unusual = true if the numbers are right"
            )


def _is_required(column: Column) -> bool:
    """Also the moments of a report: a file that lost them says so by `time_default`, nothing is
    guessed.
    """
    return not column.nullable or column.name in ("reported_at", "executed_at")


def _derived(table: Table, feed: Feed, rules: dict[str, ColumnRule]) -> list[pl.Expr]:
    """Columns that follow from others where the file has none of its own."""
    if table.name == "fundamentals":
        return (
            []
            if "total_debt_usd" in rules
            else [(_c("short_term_debt_usd") + _c("long_term_debt_usd")).alias("total_debt_usd")]
        )
    if table.name == "equities" and "sector_etf" not in rules:
        # `source.py` follows it through the funds' launches; here it shows which sectors are known.
        return [sector_etf(_c("sector"), pl.lit(LAST_DAY)).alias("sector_etf")]
    if table.name == "ratings":
        # Some files write a number of their own beside NR.
        number = pl.when(~is_withdrawn(_c("rating"))).then(
            pl.coalesce("rating_number", letter_number(_c("rating")))
        )
        return [number.alias("rating_number")]
    if table.name == "bonds":
        # A zero pays once.
        once = _c("first_coupon_date").is_null() & (_c("coupon_type") == "Z")
        return [
            pl.when(once)
            .then("maturity_date")
            .otherwise("first_coupon_date")
            .alias("first_coupon_date")
        ]
    if table.name != "trace_reports":
        return []
    cap = rules["par_usd"].cap
    is_cut = pl.lit(False) if cap is None else _c("par_usd") > cap
    is_text = _c("__is_capped_text") if rules["par_usd"].column else pl.lit(False)
    derived = {
        "report_date": _c("reported_at").dt.date(),
        "execution_date": _c("executed_at").dt.date(),
        "is_par_capped": (is_cut | is_text).fill_null(False),
    }
    columns = [value.alias(name) for name, value in derived.items() if name not in rules]
    return columns if cap is None else [*columns, _c("par_usd").clip(upper_bound=cap)]


def _with_midpoints(frame: pl.DataFrame, feed: Feed) -> pl.DataFrame:
    return (
        frame.with_columns(_c("close_usd").abs())
        if feed.negative_price_is_midpoint and "close_usd" in frame.columns
        else frame
    )


def _reason(table: Table, rules: dict[str, ColumnRule], failed: dict[str, str]) -> pl.Expr:
    """The first thing that is wrong with a row, null for a good one."""
    types = {column.name: column for column in table.columns}
    filled_later = {"delivery_date", "record_number", "claim_number", "delivered_at"} | (
        {"known_at"} - rules.keys()
    )
    faults = [*early_faults(table), (RAGGED_ROW, _c(RAGGED))]
    faults += [
        (f"{UNREAD.get(types[name].type, 'unknown value')}: {name}", _c(flag))
        for name, flag in failed.items()
    ]
    faults += [
        (f"no {name}", _c(name).is_null())
        for name, column in types.items()
        if _is_required(column) and name not in filled_later
    ]
    faults += time_faults(table) + CHECKS[table.name] + knowledge_faults(table)
    return pl.coalesce(*(pl.when(wrong).then(pl.lit(reason)) for reason, wrong in faults))


def _with_knowledge(frame: pl.DataFrame, table: Table) -> pl.DataFrame:
    """`known_at` as mapped (at midnight: the table's rule on that date), else by the table's rule;
    `delivered_at`.
    """
    by_rule = (
        _c("reported_at")
        if table.known_rule == "delivery"
        else pl.lit(known_moments(table.known_rule, frame[table.event_time]))
    )
    if frame["known_at"].null_count() < frame.height:
        dates = known_moments(table.known_rule, frame["known_at"].dt.date())
        by_rule = (
            pl.when(_c("known_at").dt.time() == pl.time(0, 0))
            .then(pl.lit(dates))
            .otherwise(_c("known_at"))
        )
    frame = frame.with_columns(by_rule.cast(pl.Datetime("us")).alias("known_at"))
    return (
        frame.with_columns(_c("delivered_at").fill_null(_c("known_at")))
        if "delivered_at" in frame.columns
        else frame
    )
