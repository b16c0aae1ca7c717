"""Who a bond leads to, and how much of the market leads anywhere.

Belongs here: the assets of the group reference. Not here: the rules (`securities/`).
"""

from datetime import date

import dagster as dg
import polars as pl

from bondsig_assets.assets.common import (
    Result,
    markdown_picture,
    markdown_table,
    table_asset,
    whole_result,
)
from bondsig_assets.calendar import trading_days
from bondsig_assets.home import Home
from bondsig_assets.reading.panels import standing
from bondsig_assets.resources.warehouse_resource import WarehouseResource
from bondsig_assets.securities.amounts import amount_steps, amounts_on
from bondsig_assets.securities.claims import CLAIM_SCHEMA, listed_names
from bondsig_assets.securities.coverage import bond_reasons, coverage
from bondsig_assets.securities.links import link_master
from bondsig_assets.tables import TABLES
from bondsig_assets.warehouse import Write


@table_asset(
    "security_master",
    also=["link_conflicts"],
    kinds={"polars"},
    deps=["bonds", "issuers", "equities", "equity_links", "delistings", "equity_prices"],
)
def security_master_asset(warehouse: WarehouseResource) -> Result:
    """Which stock a bond leads to on a day, as known on that day.

    One row per bond and period in which the whole chain CUSIP → issuer → parent → ticker holds,
    with the time it was known. `where known_until is null and valid_to_date is null` is the
    present. Sources are ranked; what they disagree about stands in `link_conflicts` with both
    sides, and where two of equal rank do, the bond has no link.
    """
    opened = warehouse.open()
    with opened.on_snapshot():
        bonds, issuers, equities, claims = (
            opened.read_table(name) for name in ("bonds", "issuers", "equities", "equity_links")
        )
        gone = standing(opened)
    claims = claims.select(list(CLAIM_SCHEMA))
    master, settled = link_master(
        bonds, issuers, equities, claims, names=listed_names(equities), delistings=gone
    )
    master = TABLES["security_master"].conform(master.rename({"confidence": "link_confidence"}))
    numbered = settled.conflicts.with_columns(
        conflict_number=pl.int_range(1, pl.len() + 1).over("cusip")
    )
    opened.replace(
        Write("security_master", master),
        Write("link_conflicts", TABLES["link_conflicts"].conform(numbered)),
    )
    unlinked = bonds.join(master, on="cusip", how="anti").height
    reasons = dict(settled.conflicts["reason"].value_counts().iter_rows())
    return whole_result(
        master,
        bonds_without_stock=unlinked,
        claims_rejected=settled.rejected.height,
        claims_ambiguous=reasons.get("ambiguous", 0),
        claims_outranked=reasons.get("outranked", 0),
    )


@table_asset(
    "security_coverage",
    kinds={"polars"},
    deps=["security_master", "bond_day_revisions", "amounts_outstanding"],
)
def security_coverage_asset(warehouse: WarehouseResource) -> Result:
    """How much of the market reaches a stock at each month's end: share of bonds, par and trading,
    and why the rest does not.
    """
    from bondsig_assets.reporting.security_pictures import save_coverage

    opened = warehouse.open()
    with opened.on_snapshot():
        traded = opened.read(
            "SELECT last_day(known_date) AS month, cusip, sum(n_trades)::BIGINT AS n_trades,"
            " sum(par_usd::DECIMAL(38, 2))::DOUBLE AS par_usd FROM bond_day_revisions WHERE"
            " known_date = trade_date GROUP BY ALL ORDER BY 1, 2"
        )
        tables = {
            name: opened.read_table(name)
            for name in (
                "bonds",
                "issuers",
                "equities",
                "security_master",
                "link_conflicts",
                "amounts_outstanding",
            )
        }
    steps = amount_steps(tables["bonds"], tables["amounts_outstanding"]).rows
    months = (
        [_covered(tables, steps, part) for part in traded.partition_by("month")]
        if traded.height
        else []
    )
    table = TABLES["security_coverage"].conform(
        pl.concat(months) if months else TABLES["security_coverage"].empty()
    )
    opened.replace(Write("security_coverage", table))
    home = Home(opened.home)
    pictures = save_coverage(table, home.pictures, home.note)
    newest = table.filter(pl.col("month_end_date") == pl.col("month_end_date").max())
    return dg.MaterializeResult(
        metadata={
            "dagster/row_count": table.height,
            "newest_month": dg.MetadataValue.md(markdown_table(newest)),
            **{
                f"{picture.stem}_picture": dg.MetadataValue.md(markdown_picture(picture))
                for picture in pictures
            },
        }
    )


def _covered(
    tables: dict[str, pl.DataFrame], steps: pl.DataFrame, traded: pl.DataFrame
) -> pl.DataFrame:
    """Coverage at the end of the month in `traded` (month, cusip, n_trades, par_usd); `steps`:
    amounts outstanding.
    """
    month: date = traded["month"][0]
    day = trading_days(month.replace(day=1), month)[-1]
    master, conflicts = tables["security_master"], tables["link_conflicts"]
    reasons = bond_reasons(
        day,
        tables["bonds"],
        tables["issuers"],
        tables["equities"],
        master,
        conflicts=conflicts,
        traded=traded,
    )
    return coverage(reasons, amounts_on(steps, day), traded.drop("month")).with_columns(
        month_end_date=pl.lit(day)
    )
