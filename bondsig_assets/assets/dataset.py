"""What the models are to predict.

Belongs here: the asset of the group dataset. Not here: formulas (`learning/labels.py`).
"""

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
from bondsig_assets.warehouse import Write

_YEAR = 4 * 63


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
        opened, counted = warehouse.open(), []
        for start, end in chunks(context, _YEAR):
            panels = load_panels(opened, offset(start, -LOOKBACK), end, with_bonds=False)
            frame = compute_labels(panels, start, end)
            opened.replace(Write("labels", TABLES["labels"].conform(frame), (start, end)))
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
