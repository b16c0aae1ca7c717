"""Scores worth acting on.

Belongs here: the asset of the group signals. Not here: filters (`portfolio/signals.py`).
"""

from typing import Any

import dagster as dg
import polars as pl

from bondsig_assets.assets.common import (
    Result,
    chunks,
    daily_result,
    rows_per_day,
    table_asset,
)
from bondsig_assets.assets.learning_config import signal_config
from bondsig_assets.learning.settings import LearningSettings, SignalSettings
from bondsig_assets.orchestration.stages import SCORING
from bondsig_assets.portfolio.signals import filtered_signals, select_signals
from bondsig_assets.resources.warehouse_resource import WarehouseResource
from bondsig_assets.tables import TABLES
from bondsig_assets.warehouse import Write


def signals_asset(days: dg.PartitionsDefinition, settings: LearningSettings) -> dg.AssetsDefinition:
    """The asset of signals; `settings` are the launchpad's defaults."""
    config_class: Any = signal_config(settings)

    @table_asset(
        "signals",
        also=["filtered_signals"],
        kinds={"polars"},
        partitions=days,
        deps=["scores", "issuer_days"],
        stage=SCORING,
        doing="filtering signals",
        seconds=12,
    )
    def signals(
        context: dg.AssetExecutionContext, config: config_class, warehouse: WarehouseResource
    ) -> Result:
        """Scores worth acting on: top or bottom tenth of the day, probability away from the
        champion's base rate, liquid and fresh. `filtered_signals` says why the others are none.

        A day may have none: a calibrated probability stays near the base rate when little is known.
        """
        opened, counted = warehouse.open(), []
        for start, end in chunks(context, 10_000):
            liquidity = opened.read_table(
                "issuer_days",
                between=(start, end),
                columns=["parent_id", "trade_date", "staleness_days", "n_trades_21d"],
            )
            given = (
                opened.read_table("scores", between=(start, end)),
                liquidity,
                SignalSettings(**config.model_dump()),
            )
            chosen, others = select_signals(*given), filtered_signals(*given)
            opened.replace(
                Write("signals", TABLES["signals"].conform(chosen), (start, end)),
                Write("filtered_signals", TABLES["filtered_signals"].conform(others), (start, end)),
            )
            counted.append(
                rows_per_day(
                    chosen,
                    "trade_date",
                    long=(pl.col("direction") > 0).sum(),
                    short=(pl.col("direction") < 0).sum(),
                )
            )
        return daily_result(context, pl.concat(counted))

    return signals
