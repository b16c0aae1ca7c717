"""From reports to trades to bond days, as known at each cutoff.

Belongs here: the assets of the groups reference and clean. Not here: the rules (`trace/`,
`securities/`, `bonds/`). numba takes a second to import, so what needs it is imported where it runs.
"""

from datetime import date

import dagster as dg
import polars as pl

from bondsig_assets.assets.common import chunks, daily_result, rows_per_day, table_asset, whole_result
from bondsig_assets.resources.warehouse import Warehouse, Write
from bondsig_assets.resources.warehouse_resource import WarehouseResource
from bondsig_assets.securities.master import build_master
from bondsig_assets.tables import TABLES
from bondsig_assets.trace.bond_days import revise, touched
from bondsig_assets.trace.events import learn
from bondsig_assets.trace.screens import ANCHOR_DAYS, daily_medians
from bondsig_assets.trading_calendar import offset

_TRADE_STATUS = "status IN ('T', 'R')"


def security_master_asset() -> dg.AssetsDefinition:
    """The asset of the security master."""

    @table_asset("security_master", kinds={"polars"}, deps=["bonds", "issuers", "equities"])
    def security_master(warehouse: WarehouseResource) -> dg.MaterializeResult:
        """Which stock a bond leads to on a day, as known on that day.

        One row per bond and period in which the whole chain CUSIP → issuer → parent → ticker holds,
        with the time it was known. `where known_until is null and valid_to_date is null` is the present.
        """
        lake = warehouse.open()
        master = build_master(lake.read_table("bonds"), lake.read_table("issuers"), lake.read_table("equities"))
        lake.replace(Write("security_master", TABLES["security_master"].conform(master)))
        unlinked = lake.read("SELECT count(*) AS n FROM bonds WHERE cusip NOT IN (SELECT cusip FROM security_master)")["n"][0]
        return whole_result(master, bonds_without_stock=int(unlinked))

    return security_master


def _dates_sql(days: list[date]) -> str:
    return ", ".join(f"DATE '{day}'" for day in days) or "NULL"


def earlier_trades(lake: Warehouse, reports: pl.DataFrame, start: date) -> pl.DataFrame:
    """T and R reports of deliveries before `start` that `reports` could be about, with `is_ended`."""
    asked = reports.filter(~pl.col("status").is_in(["T", "R"]) | (pl.col("contra") == "D"))
    days = _dates_sql(sorted(asked["execution_date"].unique().to_list()))
    before = f"delivery_date < DATE '{start}' AND execution_date IN ({days})"
    trades = lake.read_table("trade_events", where=f"{_TRADE_STATUS} AND {before}")
    ended = lake.read_table(
        "trade_events", columns=["closes_delivery_date", "closes_record_number"], where=f"closes_record_number IS NOT NULL AND NOT {_TRADE_STATUS} AND {before}"
    ).select(delivery_date="closes_delivery_date", record_number="closes_record_number", is_ended=pl.lit(True))
    return trades.join(ended.unique(), on=["delivery_date", "record_number"], how="left").with_columns(pl.col("is_ended").fill_null(False))


def earlier_medians(lake: Warehouse, start: date) -> pl.DataFrame:
    """Daily median prices of the ANCHOR_DAYS trading days before `start`."""
    prints = lake.read_table(
        "trade_events", columns=["cusip", "delivery_date", "price", "price_as_reported"], between=(offset(start, -ANCHOR_DAYS), offset(start, -1)),
        where=_TRADE_STATUS,
    )
    return daily_medians(prints.with_columns(price_as_reported=pl.coalesce("price_as_reported", "price")))


def trades_asset(days: dg.PartitionsDefinition) -> dg.AssetsDefinition:
    """The asset of cleaned trades."""

    @table_asset("trade_events", name="trades", kinds={"polars"}, partitions=days, deps=["trace_reports", "bonds"])
    def trades(context: dg.AssetExecutionContext, warehouse: WarehouseResource) -> dg.MaterializeResult:
        """What each delivery taught: new trades, ended trades, and every other report with its reason.

        The table `trade_events` has one row per report and is never rewritten. Read it through the
        view `trades` (what stands now), `trades_as_of(moment)` (what stood then) and
        `rejected_reports` (everything else, with reason and cause).
        """
        lake, counted = warehouse.open(), []
        bonds = lake.read_table("bonds")
        for start, end in chunks(context):
            reports = lake.read_table("trace_reports", between=(start, end))
            events = learn(reports, earlier_trades(lake, reports, start), earlier_medians(lake, start), bonds)
            lake.replace(Write("trade_events", TABLES["trade_events"].conform(events), (start, end)))
            rejected = pl.col("reason").is_not_null()
            counted.append(rows_per_day(
                events, "delivery_date", trades_opened=(~rejected).sum(), trades_ended=pl.col("closes_record_number").is_not_null().sum(),
                rejected_share=rejected.mean(), price_errors=(pl.col("reason") == "price_error").sum(),
            ))
        return daily_result(context, pl.concat(counted))

    return trades


def trades_of_days(lake: Warehouse, changed: pl.DataFrame, end: date) -> pl.DataFrame:
    """Every trade of the execution dates in `changed` delivered by `end`, with the delivery that ended it."""
    days = _dates_sql(sorted(changed["trade_date"].unique().to_list()))
    where = f"delivery_date <= DATE '{end}' AND execution_date IN ({days})"
    columns = ["delivery_date", "record_number", "cusip", "execution_date", "executed_at", "price", "par_usd", "is_par_capped", "side", "contra"]
    opened = lake.read_table("trade_events", columns=columns, where=f"reason IS NULL AND {where}")
    ended = lake.read_table(
        "trade_events", columns=["delivery_date", "record_number", "closes_delivery_date", "closes_record_number"], where=f"closes_record_number IS NOT NULL AND {where}"
    ).select(ended_date="delivery_date", delivery_date="closes_delivery_date", record_number="closes_record_number")
    first_end = ended.group_by("delivery_date", "record_number").agg(pl.col("ended_date").min())
    return opened.join(first_end, on=["delivery_date", "record_number"], how="left")


def bond_days_asset(days: dg.PartitionsDefinition) -> dg.AssetsDefinition:
    """The asset of bond days."""

    @table_asset("bond_day_revisions", name="bond_days", kinds={"polars"}, partitions=days, deps=["trades"])
    def bond_days(context: dg.AssetExecutionContext, warehouse: WarehouseResource) -> dg.MaterializeResult:
        """Price, volume and customer prices of each bond and day, as known at each cutoff.

        A late report or cancel adds a revision under the day it became known. The view `bond_days`
        shows the newest revision, `bond_days_as_of(moment)` what was known then.
        """
        lake, counted = warehouse.open(), []
        for start, end in chunks(context):
            changed = touched(lake.read_table(
                "trade_events", between=(start, end), columns=["delivery_date", "record_number", "cusip", "execution_date", "reason", "closes_record_number"]
            ))
            revisions = TABLES["bond_day_revisions"].conform(revise(changed, trades_of_days(lake, changed, end)))
            lake.replace(Write("bond_day_revisions", revisions, (start, end)))
            late = pl.col("trade_date") != pl.col("known_date")
            counted.append(rows_per_day(
                revisions, "known_date", bonds_traded=(~late).sum(), revisions_of_earlier_days=late.sum(),
                par_usd_mm=pl.col("par_usd").filter(~late).sum() / 1e6,
            ))
        return daily_result(context, pl.concat(counted))

    return bond_days


def bond_analytics_asset(days: dg.PartitionsDefinition) -> dg.AssetsDefinition:
    """The asset of bond analytics."""

    @table_asset("bond_analytics", kinds={"polars", "numpy"}, partitions=days, deps=["bond_days", "bonds", "treasury_yields"])
    def bond_analytics(context: dg.AssetExecutionContext, warehouse: WarehouseResource) -> dg.MaterializeResult:
        """Yield to worst, duration and spreads of each bond-day revision.

        `spread_bps` is the z-spread over the newest Treasury curve known at the cutoff, which is the
        previous day's. Nulls carry a reason; floaters and convertibles have none of these on purpose.
        """
        from bondsig_assets.bonds.analytics import analyze

        lake, counted = warehouse.open(), []
        bonds, yields = lake.read_table("bonds"), lake.read_table("treasury_yields")
        for start, end in chunks(context, 4 * 63):
            revisions = lake.read_table("bond_day_revisions", between=(start, end))
            analytics = TABLES["bond_analytics"].conform(analyze(revisions, bonds, yields))
            lake.replace(Write("bond_analytics", analytics, (start, end)))
            counted.append(rows_per_day(analytics, "known_date", solved_share=pl.col("spread_bps").is_not_null().mean(), median_spread_bps=pl.col("spread_bps").median()))
        return daily_result(context, pl.concat(counted))

    return bond_analytics
