"""Daily scores, signals and their evaluation.

Belongs here: the assets of the groups scores, signals and monitoring. Not here: applying models
(`learning/scoring.py`), filters (`portfolio/`), statistics (`learning/evaluation.py`).
"""

from datetime import date

import dagster as dg
import polars as pl

from bondsig_assets.assets.common import chunks, daily_result, markdown_picture, markdown_table, rows_per_day, table_asset
from bondsig_assets.learning.evaluation import daily_ic
from bondsig_assets.learning.evaluation import evaluations as judge
from bondsig_assets.learning.scoring import score_days
from bondsig_assets.portfolio.signals import SignalSettings, select_signals
from bondsig_assets.reporting.pictures import save_pictures
from bondsig_assets.resources.home import Home
from bondsig_assets.resources.warehouse import Warehouse, Write
from bondsig_assets.resources.warehouse_resource import WarehouseResource
from bondsig_assets.tables import TABLES
from bondsig_assets.trading_calendar import trading_days


def fold_spans(lake: Warehouse, start: date, end: date) -> list[tuple[date, date, date]]:
    """(fold, first day, last day) of the models that score `start` … `end`: on each day the newest that was valid."""
    folds = lake.read("SELECT DISTINCT fold, valid_from_date FROM models ORDER BY fold").rows()
    spans = []
    for k, (fold, valid_from) in enumerate(folds):
        until = folds[k + 1][1] if k + 1 < len(folds) else date.max
        days = [day for day in trading_days(max(start, valid_from), end) if day < until]
        if days:
            spans.append((fold, days[0], days[-1]))
    return spans


def scores_asset(days: dg.PartitionsDefinition) -> dg.AssetsDefinition:
    """The asset of scores."""
    by_quarter = dg.TimeWindowPartitionMapping(allow_nonexistent_upstream_partitions=True)

    @table_asset("scores", kinds={"xgboost", "polars"}, partitions=days, deps=["issuer_days", dg.AssetDep("models", partition_mapping=by_quarter)])
    def scores(context: dg.AssetExecutionContext, warehouse: WarehouseResource) -> dg.MaterializeResult:
        """One score per issuer and day, by the model that was champion at that day's cutoff.

        `score` = 1 - 2 P(underperform), honest and therefore small; `score_rank` always uses the whole
        range. `top_features`, `top_contributions`, `top_values` say why. `predictions` keeps what every
        model said. Days before the first fold have no scores.
        """
        lake, counted = warehouse.open(), []
        for start, end in chunks(context, 10_000):
            made = [
                score_days(lake.read_table("issuer_days", between=(first, last)), lake.read_table("models", between=(fold, fold)))
                for fold, first, last in fold_spans(lake, start, end)
            ]
            predictions = pl.concat([TABLES["predictions"].empty(), *(TABLES["predictions"].conform(p) for p, _ in made)])
            scored = pl.concat([TABLES["scores"].empty(), *(TABLES["scores"].conform(s) for _, s in made)])
            lake.replace(Write("predictions", predictions, (start, end)), Write("scores", scored, (start, end)))
            counted.append(rows_per_day(
                scored, "trade_date", mean_probability_underperform=pl.col("probability_underperform").mean(),
                highest_probability_underperform=pl.col("probability_underperform").max(), lowest_probability_underperform=pl.col("probability_underperform").min(),
            ))
        shown = ["ticker", "trade_date", "score", "score_rank", "probability_underperform", "top_features"]
        newest = scored.filter(pl.col("trade_date") == pl.col("trade_date").max()).sort("score").select(shown)
        return daily_result(context, pl.concat(counted), lowest_scores=dg.MetadataValue.md(markdown_table(newest.head(10))))

    return scores


class SignalConfig(dg.Config):
    """The first filter of signals."""

    quantile: float = SignalSettings().quantile
    margin: float = SignalSettings().margin
    minimum_trades_21d: int = SignalSettings().minimum_trades_21d
    maximum_staleness_days: int = SignalSettings().maximum_staleness_days


def signals_asset(days: dg.PartitionsDefinition) -> dg.AssetsDefinition:
    """The asset of signals."""

    @table_asset("signals", kinds={"polars"}, partitions=days, deps=["scores", "issuer_days"])
    def signals(context: dg.AssetExecutionContext, config: SignalConfig, warehouse: WarehouseResource) -> dg.MaterializeResult:
        """Scores worth acting on: top or bottom tenth of the day, probability away from one half, liquid and fresh.

        A day may have none: a calibrated probability stays near one half when little is known.
        """
        lake, counted = warehouse.open(), []
        for start, end in chunks(context, 10_000):
            liquidity = lake.read_table("issuer_days", between=(start, end), columns=["parent_id", "trade_date", "staleness_days", "n_trades_21d"])
            chosen = select_signals(lake.read_table("scores", between=(start, end)), liquidity, SignalSettings(**config.model_dump()))
            lake.replace(Write("signals", TABLES["signals"].conform(chosen), (start, end)))
            counted.append(rows_per_day(chosen, "trade_date", long=(pl.col("direction") > 0).sum(), short=(pl.col("direction") < 0).sum()))
        return daily_result(context, pl.concat(counted))

    return signals


def evaluations_asset() -> dg.AssetsDefinition:
    """The asset of evaluations."""

    @table_asset("evaluations", kinds={"polars"}, deps=["scores", "labels"])
    def evaluations(warehouse: WarehouseResource) -> dg.MaterializeResult:
        """Does it know anything? Mean daily rank IC of each model, what it adds over the equity-only control, and what could have been seen.

        Read `<model>_over_equity` first. A mean below `smallest_detectable_ic` is no evidence either way.
        """
        lake = warehouse.open()
        ics = TABLES["information_coefficients"].conform(daily_ic(lake.read_table("predictions"), lake.read_table("labels")))
        summary = TABLES["evaluations"].conform(judge(ics))
        lake.replace(Write("information_coefficients", ics), Write("evaluations", summary))
        pictures = save_pictures(lake.read, Home(lake.home).pictures)
        numbers = {f"ic_{row['model_name']}": row["mean_ic"] for row in summary.iter_rows(named=True)}
        return dg.MaterializeResult(metadata={
            "dagster/row_count": summary.height, "evaluations": dg.MetadataValue.md(markdown_table(summary)), **numbers,
            **{f"{picture.stem}_picture": dg.MetadataValue.md(markdown_picture(picture)) for picture in pictures},
        })

    return evaluations
