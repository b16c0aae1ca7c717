"""From reports to trades to bond days, as known at each cutoff.

Belongs here: the assets of the group clean. Not here: the rules (`trace/`, `bonds/`). numba takes a
second to import, so what needs it is imported where it runs.
"""

from datetime import date
from typing import TYPE_CHECKING

import dagster as dg
import polars as pl

from bondsig_assets.assets.common import (
    Result,
    Rows,
    daily_result,
    made_anywhere,
    made_chunks,
    replace_days,
    rows_per_day,
    table_asset,
)
from bondsig_assets.assets.late_days import days_listed, replace_range
from bondsig_assets.reading.reports import earlier_reports, lifetimes_of_days, quotes_of_days
from bondsig_assets.resources.warehouse_resource import WarehouseResource
from bondsig_assets.tables import TABLES
from bondsig_assets.trace.bond_days import QUOTES, TRADES, revise, touched_days
from bondsig_assets.trace.events import events_of_deliveries
from bondsig_assets.trace.quoted_days import touched_by_quotes, with_quotes
from bondsig_assets.warehouse import Warehouse

if TYPE_CHECKING:
    from bondsig_assets.bonds.known_terms import Reference


def trade_events_asset(days: dg.PartitionsDefinition) -> dg.AssetsDefinition:
    """The asset of cleaned trades."""

    @table_asset(
        "trade_events",
        kinds={"polars"},
        partitions=days,
        deps=["trace_reports", "bonds"],
        doing="cleaning trades",
        seconds=40,
    )
    def trade_events(context: dg.AssetExecutionContext, warehouse: WarehouseResource) -> Result:
        """What each delivery changed: new trades, ended trades, and every other report with its
        reason.

        The table `trade_events` has a row for each report on its arrival and one for each later
        change, and is never rewritten. Read it through the view `trades` (what stands now),
        `trades_as_of(moment)` (what stood then) and `rejected_reports` (everything else, with
        reason and cause).
        """
        opened, counted, rewritten = warehouse.open(), [], []
        bonds = opened.read_table("bonds")

        def reports_between(start: date, end: date) -> pl.DataFrame:
            return opened.read_table("trace_reports", between=(start, end))

        def events_since(start: date, reports: pl.DataFrame) -> pl.DataFrame:
            with opened.on_snapshot():
                earlier = earlier_reports(opened, reports, start)
            return events_of_deliveries(reports, earlier, bonds)

        def events_between(start: date, end: date) -> pl.DataFrame:
            return events_since(start, reports_between(start, end))

        # Events rest on those before them; reports can be read ahead.
        for start, end, reports in made_chunks(context, reports_between, threads=1):
            rows = events_since(start, reports)
            events, later = replace_range(
                opened, "trade_events", start, end, rows, events_between, context
            )
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

    return trade_events


def bond_day_revisions_asset(days: dg.PartitionsDefinition) -> dg.AssetsDefinition:
    """The asset of bond days."""

    @table_asset(
        "bond_day_revisions",
        kinds={"polars"},
        partitions=days,
        deps=["trade_events", "bond_day_quotes"],
        doing="aggregating bond days",
        seconds=25,
    )
    def bond_day_revisions(
        context: dg.AssetExecutionContext, warehouse: WarehouseResource
    ) -> Result:
        """Price, volume and customer prices of each bond and day, as known at each cutoff.

        A late report or cancel adds a revision under the day it became known. Where no trade
        stands, a quote of `bond_day_quotes` makes the day (`source`): trades win. The view
        `bond_days` shows the newest revision, `bond_days_as_of(moment)` what was known then.
        """
        opened, counted, rewritten = warehouse.open(), [], []

        def revisions_between(start: date, end: date) -> pl.DataFrame:
            return bond_days_between(opened, start, end)["bond_day_revisions"]

        for start, end, made in made_anywhere(context, opened, bond_days_between):
            rows = made["bond_day_revisions"]
            revisions, later = replace_range(
                opened, "bond_day_revisions", start, end, rows, revisions_between, context
            )
            rewritten += later
            late = pl.col("trade_date") != pl.col("known_date")
            counted.append(
                rows_per_day(
                    revisions,
                    "known_date",
                    bonds_traded=(~late & (pl.col("source") == TRADES)).sum(),
                    bonds_quoted=(~late & (pl.col("source") == QUOTES)).sum(),
                    revisions_of_earlier_days=late.sum(),
                    par_usd_mm=pl.col("par_usd").filter(~late).sum() / 1e6,
                    quarantined_prints=pl.col("n_quarantined").filter(~late).sum(),
                )
            )
        return daily_result(
            context, pl.concat(counted), later_days_rewritten=days_listed(rewritten)
        )

    return bond_day_revisions


def bond_days_between(warehouse: Warehouse, start: date, end: date) -> Rows:
    """Rows of `bond_day_revisions` of these days of knowledge."""
    with warehouse.on_snapshot():
        changed = touched_days(
            warehouse.read_table(
                "trade_events",
                between=(start, end),
                columns=["known_date", "revision", "cusip", "execution_date", "reason"],
            )
        )
        quotes = quotes_of_days(warehouse, changed, start, end)
        both = pl.concat([changed, touched_by_quotes(quotes, start, end)]).unique()
        both = both.sort("cusip", "trade_date", "known_date")
        lived = lifetimes_of_days(warehouse, both, end)
    rows = with_quotes(revise(both, lived), quotes, changed)
    return {"bond_day_revisions": TABLES["bond_day_revisions"].conform(rows)}


def bond_analytics_asset(days: dg.PartitionsDefinition) -> dg.AssetsDefinition:
    """The asset of bond analytics."""

    @table_asset(
        "bond_analytics",
        kinds={"polars", "numpy"},
        partitions=days,
        deps=[
            "bond_day_revisions",
            "bonds",
            "call_schedules",
            "amounts_outstanding",
            "treasury_yields",
        ],
        doing="solving yields and spreads",
        seconds=16,
    )
    def bond_analytics(context: dg.AssetExecutionContext, warehouse: WarehouseResource) -> Result:
        """Yield to worst, duration and spreads of each bond-day revision.

        Spreads are over the newest Treasury curve known at the cutoff of the trade date, which is
        the previous day's. `oas_bps` is that of a Hull-White tree for bonds with fixed call prices,
        the z-spread for all others (`oas_method`). Nulls carry a reason; floaters and convertibles
        have none of these on purpose.
        """
        from bondsig_assets.bonds.known_terms import Reference, unused_rows

        opened, counted = warehouse.open(), []
        with opened.on_snapshot():
            reference = Reference(*(opened.read_table(name) for name in Reference._fields))
        unused = unused_rows(reference)

        for start, end, made in made_anywhere(context, opened, analytics_between, reference):
            replace_days(opened, made, start, end)
            counted.append(
                rows_per_day(
                    made["bond_analytics"],
                    "known_date",
                    solved_share=pl.col("oas_bps").is_not_null().mean(),
                    tree_share=(pl.col("oas_method") == "hw").mean(),
                    median_oas_bps=pl.col("oas_bps").median(),
                )
            )
        return daily_result(context, pl.concat(counted), call_prices_and_amounts_not_used=unused)

    return bond_analytics


def analytics_between(warehouse: Warehouse, reference: "Reference", start: date, end: date) -> Rows:
    """Rows of `bond_analytics` of these days of knowledge."""
    from bondsig_assets.bonds.analytics import analyze

    revisions = warehouse.read_table("bond_day_revisions", between=(start, end))
    return {"bond_analytics": TABLES["bond_analytics"].conform(analyze(revisions, reference))}
