"""Raw tables: what the source delivers, as it delivers it.

Belongs here: one asset per raw table. Not here: any judgement of the rows (`clean.py`).
"""

from datetime import date
from functools import partial

import dagster as dg
import polars as pl

from bondsig_assets.assets.common import (
    CHUNK_DAYS,
    OWNERS,
    PARTITION_TAG,
    Result,
    daily_result,
    day_range,
    made_chunks,
    newest_day,
    rows_per_day,
    table_asset,
    whole_result,
)
from bondsig_assets.errors import SourceError
from bondsig_assets.orchestration.stages import TAG, TRUTH
from bondsig_assets.resources.market_source import MarketSourceResource
from bondsig_assets.resources.warehouse_resource import WarehouseResource
from bondsig_assets.sources.base import Delivery
from bondsig_assets.tables import RAW_DAILY, RAW_REFERENCE, TABLES
from bondsig_assets.warehouse import Days, Write

_WHAT_TO_KNOW = {
    "bond_day_quotes": (
        "Prices, yields or spreads of bonds by day from somebody else's panel. Bond days without"
        " trades of our own are made of them; empty where TRACE is all there is."
    ),
    "equity_prices": (
        "Daily closes and total returns of stocks and sector ETFs. Read `total_return_pct` first;"
        " ratios of `adjusted_close_usd` stand in where the source gives no return."
    ),
    "cds_quotes": (
        "CDS par spreads by tenor. Sparse on purpose: only larger names have quotes, and a missing"
        " quote is missing, never zero."
    ),
    "borrow_rates": (
        "What borrowing a stock costs a year and whether there is any, by the lender's word at the"
        " end of the day. May be empty; then costs are assumed where they are needed."
    ),
    "macro_series": (
        "Daily series of the whole market: VIX, oil, Treasury rates, a credit index, or your own."
        " The name of a series ends in its unit. May be empty."
    ),
    "issuers": (
        "Which entity issues under which CUSIP-6 and who owns it, with validity. A later row of the"
        " same issuer replaces the earlier one from its first day."
    ),
    "equities": "Which ticker is a parent's stock, and its sector ETF, with validity.",
    "equity_links": (
        "What link tables, maps and fund holdings say of the stock behind a bond. Claims only:"
        " `security_master` settles them, and what contradicts itself goes to `link_conflicts`. May"
        " be empty where `issuers` and `equities` tell the whole chain."
    ),
    "call_schedules": (
        "Fixed call prices by date. Make-whole calls are none: such bonds are valued to maturity."
    ),
    "amounts_outstanding": (
        "Par outstanding after each reopening, tender or partial call; it weighs a bond among its"
        " issuer's."
    ),
    "bonds": "Terms of each bond. Floaters and convertibles are kept and left out of spreads.",
    "delistings": (
        "Stocks that stopped trading, with CRSP's delisting return. Labels alone read it: without"
        " it they forget those who vanished."
    ),
    "ratings": "Rating actions by issuer; a rating counts from the morning after the action.",
    "fundamentals": (
        "Balance sheet figures; a quarter counts from the day it was filed, not from its end."
    ),
    "treasury_yields": (
        "Par yields by tenor. A day's curve is known the next morning, so today's spreads use"
        " yesterday's curve."
    ),
}


#: What a person who waits is told, and seconds as `table_asset` wants them.
_WHO_WAITS = {
    "trace_reports": ("taking in trade reports", 40.0),
    "bond_day_quotes": ("taking in quotes of bonds", 12.0),
    "equity_prices": ("taking in stock prices", 12.0),
    "cds_quotes": ("taking in CDS quotes", 12.0),
    "borrow_rates": ("taking in borrow rates", 6.0),
}

#: Tables of which a year at once would fill the memory.
_BULKY = frozenset({"trace_reports", "bond_day_quotes"})


def _writes(delivery: Delivery, between: Days) -> list[Write]:
    """Everything a daily delivery brings, replaced together."""
    writes = [
        Write(delivery.table, delivery.rows, between),
        Write("quarantined_rows", delivery.quarantined, between, {"table_name": delivery.table}),
    ]
    return writes + [Write(name, frame, between) for name, frame in delivery.truth.items()]


def daily_raw_asset(table: str, days: dg.PartitionsDefinition) -> dg.AssetsDefinition:
    """The asset of a raw table that comes day by day."""

    doing, seconds = _WHO_WAITS[table]

    @table_asset(table, kinds={"python"}, partitions=days, doing=doing, seconds=seconds)
    def _asset(
        context: dg.AssetExecutionContext,
        source: MarketSourceResource,
        warehouse: WarehouseResource,
    ) -> Result:
        opened, origin, counted, set_aside = warehouse.open(), source.open(), [], 0
        column = TABLES[table].partition or ""
        _require_reached(table, day_range(context)[1], origin.date_range()[1])
        many = CHUNK_DAYS if table in _BULKY else 4 * CHUNK_DAYS
        deliver = partial(origin.daily, table)
        # One thread: what a source is connected to is not asked two things at once.
        for start, end, delivery in made_chunks(context, deliver, many, threads=1):
            opened.replace(*_writes(delivery, (start, end)))
            counted.append(rows_per_day(delivery.rows, column))
            set_aside += delivery.quarantined.height
        return daily_result(context, pl.concat(counted), quarantined_in_run=set_aside)

    return _asset


def _require_reached(table: str, asked: date, last: date) -> None:
    """Raise SourceError where a day is asked for that the source does not have yet: made now, it
    would stand there empty and nobody would ask for it again.
    """
    if asked > last:
        raise SourceError(f"{table}: the source has days to {last}; {asked} was asked for")


def _described(asset: dg.AssetsDefinition, text: str) -> dg.AssetsDefinition:
    return asset.map_asset_specs(lambda spec: spec.replace_attributes(description=text))


def reference_asset(table: str) -> dg.AssetsDefinition:
    """The asset of a raw table without days: everything known so far, replaced whole."""

    @table_asset(table, kinds={"python"})
    def _asset(
        context: dg.AssetExecutionContext,
        source: MarketSourceResource,
        warehouse: WarehouseResource,
    ) -> Result:
        opened, origin = warehouse.open(), source.open()
        delivery = origin.reference(table, newest_day(context, opened, origin.date_range()[0]))
        opened.replace(
            Write(table, delivery.rows),
            Write("quarantined_rows", delivery.quarantined, matching={"table_name": table}),
        )
        return whole_result(delivery.rows, quarantined=delivery.quarantined.height)

    return _described(_asset, _WHAT_TO_KNOW[table])


def trace_reports_asset(days: dg.PartitionsDefinition) -> dg.AssetsDefinition:
    """The asset of TRACE reports."""
    return _described(
        daily_raw_asset("trace_reports", days),
        "TRACE messages as delivered, one row per message, filed under the trading day of their"
        " delivery. Nothing is cleaned here: cancels, corrections and both legs of a trade stand"
        " beside what they are about. Rows that cannot be read are in quarantined_rows.",
    )


def build_raw_assets(days: dg.PartitionsDefinition) -> list[dg.AssetsDefinition]:
    """All raw assets."""
    others = [
        _described(daily_raw_asset(table, days), _WHAT_TO_KNOW[table])
        for table in RAW_DAILY
        if table != "trace_reports"
    ]
    references = [reference_asset(table) for table in RAW_REFERENCE]
    return [trace_reports_asset(days), *others, *references, simulated_truth]


@dg.asset(
    group_name="raw",
    kinds={"python", "duckdb"},
    owners=[OWNERS["raw"]],
    backfill_policy=dg.BackfillPolicy.single_run(),
    tags={TAG: TRUTH, PARTITION_TAG: "whole"},
    metadata={"dagster/table_name": "truth.planted_news", "dagster/storage_kind": "ducklake"},
)
def simulated_truth(source: MarketSourceResource, warehouse: WarehouseResource) -> Result:
    """What the simulated market really was: planted credit news and true mids, in the schema
    `truth`.

    Nothing in the graph reads it. Compare it with what the graph found: `truth.report_truths` says
    of each report what it was, `truth.planted_news` what was planted. Empty for real data.
    """
    truth = source.open().truth()
    if truth:
        warehouse.open().replace(*(Write(name, frame) for name, frame in truth.items()))
    return dg.MaterializeResult(metadata={name: frame.height for name, frame in truth.items()})
