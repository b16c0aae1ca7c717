"""Issuer features at times of day.

Belongs here: the asset `issuer_intraday` and what it reads. Not here: formulas
(`features/intraday.py`). numba takes a second to import, so what needs it is imported where it
runs.
"""

from typing import TYPE_CHECKING

import dagster as dg
import polars as pl
from pydantic import Field

from bondsig_assets.assets.common import Result, chunks, daily_result, rows_per_day, table_asset
from bondsig_assets.orchestration.partitions import rests_on
from bondsig_assets.reading.intraday import load_intraday_inputs
from bondsig_assets.resources.warehouse_resource import WarehouseResource
from bondsig_assets.tables import TABLES
from bondsig_assets.tables.issuer_features import INTRADAY_LOOKBACK_DAYS, MATCH_DAYS
from bondsig_assets.warehouse import Write

if TYPE_CHECKING:
    pass


class IntradayConfig(dg.Config):
    """The times of day that get rows."""

    times_of_day: list[str] = Field(
        default=["12:00", "16:00"],
        description=(
            "Times of day 'HH:MM', New York, up to 18:30. The days of the run get one row per"
            " issuer for each and lose those of other times."
        ),
    )


def issuer_intraday_asset(days: dg.PartitionsDefinition) -> dg.AssetsDefinition:
    """The asset of intraday issuer features."""

    @table_asset(
        "issuer_intraday",
        kinds={"polars", "numpy"},
        partitions=days,
        deps=[
            rests_on("trade_events", days_back=INTRADAY_LOOKBACK_DAYS),
            rests_on("bond_day_revisions", days_back=MATCH_DAYS),
            rests_on("bond_analytics", days_back=MATCH_DAYS),
            "security_master",
            "bonds",
            "call_schedules",
            "amounts_outstanding",
            "treasury_yields",
        ],
        doing="computing intraday features",
        seconds=12,
    )
    def issuer_intraday(
        context: dg.AssetExecutionContext, config: IntradayConfig, warehouse: WarehouseResource
    ) -> Result:
        """Spread, volume and customer imbalance of each issuer at noon and at the close (or when
        you say), as known then.

        A row sees the reports of its day that were known by its moment, as they stood then: a
        cancel of 14:00 is in the row of 16:00 and not in that of noon. Changes are against the
        cutoff of the day before. Nothing downstream reads it. The times are set in the launchpad.
        """
        from bondsig_assets.features.intraday import issuer_intraday as compute_issuer_intraday
        from bondsig_assets.features.intraday import times_of_day

        times, lake, counted = times_of_day(config.times_of_day), warehouse.open(), []
        for start, end in chunks(context):
            frame = compute_issuer_intraday(
                load_intraday_inputs(lake, start, end), start, end, times
            )
            lake.replace(
                Write("issuer_intraday", TABLES["issuer_intraday"].conform(frame), (start, end))
            )
            counted.append(
                rows_per_day(
                    frame,
                    "trade_date",
                    spread_coverage=pl.col("intraday_spread_bps").is_not_null().mean(),
                    change_coverage=pl.col("intraday_spread_change_bps").is_not_null().mean(),
                    median_change_bps=pl.col("intraday_spread_change_bps").median(),
                )
            )
        return daily_result(
            context, pl.concat(counted), times_of_day=", ".join(f"{time:%H:%M}" for time in times)
        )

    return issuer_intraday
