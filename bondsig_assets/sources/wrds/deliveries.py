"""Rows of WRDS as deliveries: through their layout, with the moment each was known, the bad ones
set aside.

Belongs here: what `trace_reports` and `quarantined_rows` need beyond a layout. Not here: the
layouts (`trace/layouts/`), what a day's delivery is (`files/trace.py`).
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import NamedTuple

import polars as pl

from bondsig_assets.calendar import CUTOFF
from bondsig_assets.errors import SourceError
from bondsig_assets.sources.base import Delivery
from bondsig_assets.sources.files.trace import at_or_after_days, deliver
from bondsig_assets.sources.wrds.queries import WrdsTable
from bondsig_assets.tables import TABLES
from bondsig_assets.trace.view import View, as_seen

#: A few bad rows among a few say nothing of a table.
_ENOUGH = 1000
#: TRACE has reports on bonds without a CUSIP; they are not held against the table.
_WITHOUT_CUSIP = "no_cusip"
_REPORTS, _QUARANTINED = TABLES["trace_reports"], TABLES["quarantined_rows"]
_FILLED_HERE = ("delivery_date", "record_number", "view", "delivered_at", "known_at")


class Part(NamedTuple):
    """Raw rows of a table, sorted by report date; `late`: the trading day they are delivered on
    instead of their report date's.
    """

    table: WrdsTable
    rows: pl.DataFrame
    late: date | None = None


def deliver_days(
    parts: Sequence[Part], start: date, end: date, view: View = "regulatory"
) -> Delivery:
    """The rows of `parts` as the deliveries of the trading days `start`…`end`, as `view` shows
    them.
    """
    good, bad = [_REPORTS.empty()], [_QUARANTINED.empty()]
    for part in parts:
        if part.rows.height:
            rows = _normalised(part.table, part.rows)
            good.append(_reports(part, rows, view))
            bad.append(_set_aside(part, rows["fault"]))
    delivered = deliver(pl.concat(good)).filter(pl.col("delivery_date").is_between(start, end))
    quarantined = (
        pl.concat(bad)
        .filter(pl.col("partition_date").is_between(start, end))
        .sort("partition_date", maintain_order=True)
    )
    return Delivery("trace_reports", _REPORTS.conform(delivered), _QUARANTINED.conform(quarantined))


def refuse_bad_share(delivery: Delivery, max_bad_share: float) -> None:
    """Raises SourceError when more than `max_bad_share` of a delivery of some size was set
    aside.
    """
    held = delivery.quarantined.filter(~pl.col("reason").is_in([_WITHOUT_CUSIP, "other_product"]))
    n_bad, n = held.height, delivery.rows.height + held.height
    if n >= _ENOUGH and n_bad > max_bad_share * n:
        reasons = held["reason"].value_counts(sort=True).head(5)
        detail = ", ".join(f"{count} × '{reason}'" for reason, count in reasons.iter_rows())
        raise SourceError(
            f"WRDS: {n_bad} of {n} reports ({n_bad / n:.1%}) cannot be used, more than"
            f" {max_bad_share:.0%}: {detail}"
        )


def _normalised(table: WrdsTable, raw: pl.DataFrame) -> pl.DataFrame:
    """REPORT_SCHEMA, row for row as `raw`, with a fault wherever a required column is null."""
    from bondsig_assets.trace.layouts import normalise

    rows = normalise(raw.lazy(), table.layout).collect()
    if rows.height != raw.height:
        raise SourceError(
            f"{table.qualified_name}: {raw.height} rows became {rows.height} in the layout"
            f" {table.layout}; this is a fault of the program"
        )
    required = [
        column.name
        for column in _REPORTS.columns
        if not column.nullable and column.name not in _FILLED_HERE
    ]
    missing = (pl.when(pl.col(name).is_null()).then(pl.lit(f"no {name}")) for name in required)
    return rows.with_columns(pl.coalesce("fault", *missing).alias("fault"))


def _reports(part: Part, rows: pl.DataFrame, view: View) -> pl.DataFrame:
    """The rows without fault that the view shows, in the columns of `trace_reports`.

    WRDS says nothing of a bond's grade: in the live view of Enhanced every par is capped at $1m,
    but for reports that come late: by then the real par is out.

    An Enhanced report is known when it was reported. The disseminated products have no moment but
    the day of dissemination, and a report without a time none but its day: known at the end of that
    day. What is delivered late is known at the end of its delivery.
    """
    table, late = part.table, part.late
    end_of_report_day = pl.col("report_date").dt.combine(CUTOFF).cast(pl.Datetime("us"))
    known = (
        pl.coalesce("reported_at", end_of_report_day)
        if table.view == "regulatory"
        else end_of_report_day
    )
    known = known if late is None else pl.lit(late).dt.combine(CUTOFF).cast(pl.Datetime("us"))
    shown = "live" if "live" in (view, table.view) else "regulatory"
    seen = as_seen(rows, view)
    seen = seen if late is None else seen.with_columns(rows["par_usd"], rows["is_par_capped"])
    good = (
        seen.filter(pl.col("fault").is_null())
        .with_columns(view=pl.lit(shown), known_at=known)
        .with_columns(delivered_at="known_at")
    )
    good = good.with_columns(
        pl.lit(late, dtype=pl.Date).alias("delivery_date"),
        pl.lit(None, dtype=pl.Int64).alias("record_number"),
    )
    return good.select(pl.col(name).cast(dtype) for name, dtype in _REPORTS.polars_schema.items())


def _set_aside(part: Part, faults: pl.Series) -> pl.DataFrame:
    """The rows with a fault, each with its position among the kept rows of its report day."""
    table, raw, late = part
    day = pl.col(table.days[0])
    numbered = raw.with_columns(
        faults.alias("reason"),
        pl.int_range(1, pl.len() + 1, dtype=pl.Int64).over(day).alias("row_number"),
    )
    bad = numbered.filter(pl.col("reason").is_not_null())
    return bad.select(
        pl.lit("trace_reports").alias("table_name"),
        (at_or_after_days(bad[table.days[0]]) if late is None else pl.lit(late)).alias(
            "partition_date"
        ),
        pl.concat_str(pl.lit(f"{table.qualified_name} "), day.dt.to_string("%Y-%m-%d")).alias(
            "source_name"
        ),
        "row_number",
        "reason",
        pl.struct(list(table.columns)).struct.json_encode().alias("row_text"),
    )
