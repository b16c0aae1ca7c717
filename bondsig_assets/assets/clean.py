"""From reports to trades to bond days, as known at each cutoff.

Belongs here: the assets of the group clean. Not here: the rules (`trace/`, `bonds/`). numba takes a
second to import, so what needs it is imported where it runs.
"""

from datetime import date

import dagster as dg
import polars as pl

from bondsig_assets.assets.common import chunks, daily_result, rows_per_day, table_asset
from bondsig_assets.assets.late import days_listed, replace_range
from bondsig_assets.resources.warehouse import Warehouse, Write
from bondsig_assets.resources.warehouse_resource import WarehouseResource
from bondsig_assets.tables import TABLES
from bondsig_assets.trace.bond_days import revise, spans, touched_days
from bondsig_assets.trace.events import (
    ID,
    PRINT_COLUMNS,
    TOLD_COLUMNS,
    learn,
    may_be_confirmed_since,
    memory_since,
    remembered,
    touched_by,
)


def _dates_sql(days: list[date]) -> str:
    return ", ".join(f"DATE '{day}'" for day in days) or "NULL"


def earlier_reports(lake: Warehouse, reports: pl.DataFrame, start: date) -> pl.DataFrame:
    """Reports of deliveries before `start` that `reports` could be about, and prints their prices
    are compared with.
    """
    before = f"known_date < DATE '{start}'"
    judged = (
        f"revision = 0 AND price_verdict IS NOT NULL AND known_date >= DATE '{memory_since(start)}'"
    )
    prints = lake.read_table("trade_events", where=f"{judged} AND {before}", columns=PRINT_COLUMNS)
    doubted = prints.filter(
        pl.col("price_verdict").is_in(["quarantined", "shifted"])
        & (pl.col("delivery_date") >= may_be_confirmed_since(start))
    )
    days, report_days = touched_by(reports)
    wanted = {*days, *doubted["execution_date"].to_list()}
    bonds = pl.concat([reports["cusip"], doubted["cusip"]]).unique()
    if report_days:
        named = _reports_before(lake, start, f"report_date IN ({_dates_sql(report_days)})", bonds)
        wanted |= set(named["execution_date"].to_list())
    of_days = f"execution_date IN ({_dates_sql(sorted(wanted))})"
    touched = _reports_before(lake, start, of_days, bonds)
    told = lake.read_table("trade_events", where=f"{of_days} AND {before}", columns=TOLD_COLUMNS)
    return remembered(touched, told, prints)


def _reports_before(lake: Warehouse, start: date, where: str, bonds: pl.Series) -> pl.DataFrame:
    """Reports of some bonds delivered before `start`."""
    return lake.read_table(
        "trace_reports", where=f"delivery_date < DATE '{start}' AND {where}"
    ).filter(pl.col("cusip").is_in(bonds.implode()))


def trades_asset(days: dg.PartitionsDefinition) -> dg.AssetsDefinition:
    """The asset of cleaned trades."""

    @table_asset(
        "trade_events",
        name="trades",
        kinds={"polars"},
        partitions=days,
        deps=["trace_reports", "bonds"],
    )
    def trades(
        context: dg.AssetExecutionContext, warehouse: WarehouseResource
    ) -> dg.MaterializeResult:
        """What each delivery taught: new trades, ended trades, and every other report with its
        reason.

        The table `trade_events` has a row for each report on its arrival and one for each later
        change, and is never rewritten. Read it through the view `trades` (what stands now),
        `trades_as_of(moment)` (what stood then) and `rejected_reports` (everything else, with
        reason and cause).
        """
        lake, counted, rewritten = warehouse.open(), [], []
        bonds = lake.read_table("bonds")

        def taught(start: date, end: date) -> pl.DataFrame:
            reports = lake.read_table("trace_reports", between=(start, end))
            return learn(reports, earlier_reports(lake, reports, start), bonds)

        for start, end in chunks(context):
            events, later = replace_range(lake, "trade_events", start, end, taught, context)
            rewritten += later
            arrived, stands = pl.col("revision") == 0, pl.col("reason").is_null()
            counted.append(
                rows_per_day(
                    events,
                    "known_date",
                    trades_opened=(arrived & stands).sum(),
                    changed_later=(~arrived).sum(),
                    rejected_share=(arrived & ~stands).sum() / arrived.sum(),
                    quarantined=(arrived & (pl.col("reason") == "price_error")).sum(),
                )
            )
        return daily_result(
            context, pl.concat(counted), later_days_rewritten=days_listed(rewritten)
        )

    return trades


def spans_of_days(lake: Warehouse, changed: pl.DataFrame, end: date) -> pl.DataFrame:
    """Spans in which each report of the execution dates in `changed` counted or was quarantined, as
    `revise` wants them.
    """
    days = _dates_sql(sorted(changed["trade_date"].unique().to_list()))
    events = lake.read_table(
        "trade_events",
        where=f"known_date <= DATE '{end}' AND execution_date IN ({days})",
        columns=[
            *ID,
            "revision",
            "known_date",
            "cusip",
            "execution_date",
            "executed_at",
            "price",
            "par_usd",
            "is_par_capped",
            "side",
            "contra",
            "reporting_party",
            "contra_party",
            "reason",
        ],
    )
    return spans(events)


def bond_days_asset(days: dg.PartitionsDefinition) -> dg.AssetsDefinition:
    """The asset of bond days."""

    @table_asset(
        "bond_day_revisions", name="bond_days", kinds={"polars"}, partitions=days, deps=["trades"]
    )
    def bond_days(
        context: dg.AssetExecutionContext, warehouse: WarehouseResource
    ) -> dg.MaterializeResult:
        """Price, volume and customer prices of each bond and day, as known at each cutoff.

        A late report or cancel adds a revision under the day it became known. The view `bond_days`
        shows the newest revision, `bond_days_as_of(moment)` what was known then.
        """
        lake, counted, rewritten = warehouse.open(), [], []

        def revised(start: date, end: date) -> pl.DataFrame:
            changed = touched_days(
                lake.read_table(
                    "trade_events",
                    between=(start, end),
                    columns=["known_date", "revision", "cusip", "execution_date", "reason"],
                )
            )
            return revise(changed, spans_of_days(lake, changed, end))

        for start, end in chunks(context):
            revisions, later = replace_range(
                lake, "bond_day_revisions", start, end, revised, context
            )
            rewritten += later
            late = pl.col("trade_date") != pl.col("known_date")
            counted.append(
                rows_per_day(
                    revisions,
                    "known_date",
                    bonds_traded=(~late).sum(),
                    revisions_of_earlier_days=late.sum(),
                    par_usd_mm=pl.col("par_usd").filter(~late).sum() / 1e6,
                    quarantined_prints=pl.col("n_quarantined").filter(~late).sum(),
                )
            )
        return daily_result(
            context, pl.concat(counted), later_days_rewritten=days_listed(rewritten)
        )

    return bond_days


def bond_analytics_asset(days: dg.PartitionsDefinition) -> dg.AssetsDefinition:
    """The asset of bond analytics."""

    @table_asset(
        "bond_analytics",
        kinds={"polars", "numpy"},
        partitions=days,
        deps=["bond_days", "bonds", "call_schedules", "amounts_outstanding", "treasury_yields"],
    )
    def bond_analytics(
        context: dg.AssetExecutionContext, warehouse: WarehouseResource
    ) -> dg.MaterializeResult:
        """Yield to worst, duration and spreads of each bond-day revision.

        Spreads are over the newest Treasury curve known at the cutoff of the trade date, which is
        the previous day's. `oas_bps` is that of a Hull-White tree for bonds with fixed call prices,
        the z-spread for all others (`oas_method`). Nulls carry a reason; floaters and convertibles
        have none of these on purpose.
        """
        from bondsig_assets.bonds.analytics import Reference, analyze, unused_rows

        lake, counted = warehouse.open(), []
        reference = Reference(*(lake.read_table(name) for name in Reference._fields))
        unused = unused_rows(reference)
        for start, end in chunks(context, 4 * 63):
            revisions = lake.read_table("bond_day_revisions", between=(start, end))
            analytics = TABLES["bond_analytics"].conform(analyze(revisions, reference))
            lake.replace(Write("bond_analytics", analytics, (start, end)))
            counted.append(
                rows_per_day(
                    analytics,
                    "known_date",
                    solved_share=pl.col("oas_bps").is_not_null().mean(),
                    tree_share=(pl.col("oas_method") == "hw").mean(),
                    median_oas_bps=pl.col("oas_bps").median(),
                )
            )
        return daily_result(context, pl.concat(counted), call_prices_and_amounts_not_used=unused)

    return bond_analytics
