"""Issuer days and labels.

Belongs here: the assets of the groups features and dataset. Not here: formulas (`features/`).
numba takes a second to import, so what needs it is imported by the asset that runs it.
"""

from dataclasses import replace

import dagster as dg
import polars as pl

from bondsig_assets.assets.common import Result, chunks, daily_result, rows_per_day, table_asset
from bondsig_assets.calendar import offset
from bondsig_assets.learning.labels import LOOKBACK
from bondsig_assets.learning.labels import labels as compute_labels
from bondsig_assets.market_rules import HORIZON
from bondsig_assets.orchestration.partitions import rests_on
from bondsig_assets.reading.panels import load_panels
from bondsig_assets.resources.warehouse_resource import WarehouseResource
from bondsig_assets.tables import TABLES
from bondsig_assets.tables.issuer_features import FEATURES, LOOKBACK_DAYS
from bondsig_assets.warehouse import Write

_YEAR = 4 * 63


def feature_lineage() -> dg.TableColumnLineage:
    """Which columns of which asset feed which feature."""
    columns = {feature.name: [name.split(".") for name in feature.inputs] for feature in FEATURES}
    return dg.TableColumnLineage(
        {
            name: [
                dg.TableColumnDep(asset_key=dg.AssetKey(table), column_name=column)
                for table, column in inputs
            ]
            for name, inputs in columns.items()
        }
    )


def issuer_days_asset(days: dg.PartitionsDefinition) -> dg.AssetsDefinition:
    """The asset of issuer-day features."""
    upstream = [
        *(
            rests_on(name, days_back=LOOKBACK_DAYS)
            for name in ("bond_day_revisions", "bond_analytics", "equity_prices", "cds_quotes")
        ),
        "security_master",
        "fundamentals",
        "ratings",
        "issuers",
        "equities",
        "bonds",
        "amounts_outstanding",
        "treasury_yields",
    ]

    @table_asset(
        "issuer_days",
        also=["feature_coverage"],
        kinds={"polars", "numpy"},
        partitions=days,
        deps=upstream,
        doing="computing issuer features",
        seconds=25,
    )
    def issuer_days(context: dg.AssetExecutionContext, warehouse: WarehouseResource) -> Result:
        """One row per issuer and day with every feature as known at that day's cutoff (18:30 New
        York).

        Null means missing, never zero. `oas_*` and `cds_*` are what credit says, `equity_*` the
        controls it has to beat. The comment of each column gives formula, window and source;
        `feature_coverage` counts for each day why values are missing.
        """
        from bondsig_assets.features.issuer_days import issuer_days as compute_issuer_days

        lake, counted = warehouse.open(), []
        for start, end in chunks(context, _YEAR):
            frame, coverage = compute_issuer_days(
                load_panels(lake, offset(start, -LOOKBACK_DAYS), end), start, end
            )
            lake.replace(
                Write("issuer_days", TABLES["issuer_days"].conform(frame), (start, end)),
                Write(
                    "feature_coverage", TABLES["feature_coverage"].conform(coverage), (start, end)
                ),
            )
            counted.append(
                rows_per_day(
                    frame,
                    "trade_date",
                    bond_coverage=pl.col("spread_bps").is_not_null().mean(),
                    cds_coverage=pl.col("cds_spread_bps").is_not_null().mean(),
                    median_spread_bps=pl.col("spread_bps").median(),
                    median_staleness_days=pl.col("staleness_days").median(),
                )
            )
        return daily_result(context, pl.concat(counted))

    # On the definition: metadata of a run is written once for every day of it.
    return issuer_days.map_asset_specs(
        lambda spec: spec.merge_attributes(metadata={"dagster/column_lineage": feature_lineage()})
    )


def labels_asset(days: dg.PartitionsDefinition) -> dg.AssetsDefinition:
    """The asset of labels."""

    @table_asset(
        "labels",
        kinds={"polars"},
        partitions=days,
        deps=[rests_on("equity_prices", days_back=LOOKBACK), "equities", "delistings"],
        doing="computing labels",
        seconds=12,
    )
    def labels(context: dg.AssetExecutionContext, warehouse: WarehouseResource) -> Result:
        """The stock's log return from close t+1 to close t+1+h minus its sector ETF's, for horizons
        h of 1, 5, 10 and 21 days.

        Filed under the day it became known (`label_end_date` = t+1+h), so that no training can use
        a label before its time. `trade_date` is the day t of the features it belongs to. A stock
        that is delisted within the label earns its delisting return, then the ETF's. The numbers
        per day are those of 5 days.
        """
        lake, counted = warehouse.open(), []
        for start, end in chunks(context, _YEAR):
            panels = replace(
                load_panels(lake, offset(start, -LOOKBACK), end, with_bonds=False),
                delistings=lake.read_table("delistings"),
            )
            frame = compute_labels(panels, start, end)
            lake.replace(Write("labels", TABLES["labels"].conform(frame), (start, end)))
            excess = pl.col("excess_return_pct").filter(pl.col("horizon_days") == HORIZON)
            counted.append(
                rows_per_day(
                    frame,
                    "label_end_date",
                    share_underperforming=(excess < 0).mean(),
                    sd_excess_return_pct=excess.std(),
                    n_delisted=pl.col("is_delisted").sum(),
                )
            )
        return daily_result(context, pl.concat(counted))

    return labels
