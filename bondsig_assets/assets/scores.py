"""Daily scores by the champion of their day.

Belongs here: the asset of the group scores. Not here: applying models (`learning/scoring.py`),
judging (`monitoring.py`).
"""

from collections.abc import Iterator
from contextlib import closing
from datetime import date
from functools import partial

import dagster as dg
import polars as pl

from bondsig_assets.assets.common import (
    Result,
    chunks,
    daily_result,
    made_ahead,
    markdown_table,
    replace_days,
    rows_per_day,
    table_asset,
)
from bondsig_assets.calendar import trading_days
from bondsig_assets.errors import MismatchError, TrackingError
from bondsig_assets.learning.settings import LearningSettings
from bondsig_assets.orchestration.partitions import rests_on, rests_on_its_quarter
from bondsig_assets.orchestration.stages import SCORING
from bondsig_assets.reading.scoring import (
    ScoringRange,
    marks,
    score_range,
    scoring_ranges,
)
from bondsig_assets.resources.champion import load_champion
from bondsig_assets.resources.tracking import TrackingResource
from bondsig_assets.resources.warehouse_resource import WarehouseResource
from bondsig_assets.tables import TABLES
from bondsig_assets.warehouse import Warehouse, Write


def scores_asset(days: dg.PartitionsDefinition, settings: LearningSettings) -> dg.AssetsDefinition:
    """The asset of scores; `settings` say how far a model may look back."""
    # Of every kind there is: a champion may be older than the present choice of models.
    history_days = max(getattr(kind, "history_days", 1) for kind in settings.kinds.values())

    @table_asset(
        "scores",
        kinds={"mlflow", "polars"},
        partitions=days,
        deps=[
            rests_on("issuer_days", days_back=history_days - 1),
            rests_on("credit_news", days_back=history_days - 1),
            "champions",
            rests_on_its_quarter("models"),
        ],
        also=["predictions", "explanations", "unscored_days"],
        stage=SCORING,
        doing="scoring every day",
        seconds=16,
    )
    def scores(
        context: dg.AssetExecutionContext, warehouse: WarehouseResource, tracking: TrackingResource
    ) -> Result:
        """One score per issuer and day, by the model that was champion at that day's cutoff, loaded
        from MLflow's registry.

        `score` = 1 - 2 P(underperform), honest and therefore small; `score_rank` always uses the
        whole range. `explanations` keeps the contribution of every feature, `predictions` what
        every model said, `unscored_days` the days without scores and why.
        """
        opened, counted, scored = warehouse.open(), [], TABLES["scores"].empty()
        make = partial(score_range, opened, partial(load_champion, tracking))
        for start, end in chunks(context, 10_000):
            ranges = list(scoring_ranges(opened, start, end))
            with closing(made_ahead(make, ranges, threads=1)) as ahead:
                for days in ranges:
                    made = _made(opened, days, ahead)
                    replace_days(opened, made, days.first, days.last)
                    scored = made["scores"]
                    counted.append(
                        rows_per_day(
                            scored,
                            "trade_date",
                            mean_probability_underperform=_OF_DAY.mean(),
                            highest_probability_underperform=_OF_DAY.max(),
                            lowest_probability_underperform=_OF_DAY.min(),
                        )
                    )
        shown = [
            "ticker",
            "trade_date",
            "score",
            "score_rank",
            "probability_underperform",
            "top_features",
        ]
        newest = (
            scored.filter(pl.col("trade_date") == pl.col("trade_date").max())
            .sort("score")
            .select(shown)
        )
        return daily_result(
            context,
            pl.concat(counted),
            lowest_scores=dg.MetadataValue.md(markdown_table(newest.head(10))),
        )

    return scores


_OF_DAY = pl.col("probability_underperform")


def _made(
    warehouse: Warehouse, days: ScoringRange, ahead: Iterator[dict[str, pl.DataFrame]]
) -> dict[str, pl.DataFrame]:
    """The next of `ahead`, which is that of `days`; where it cannot be made, that is written down.

    Raises dagster.Failure.
    """
    try:
        return next(ahead)
    except (TrackingError, MismatchError) as error:
        is_unreachable = isinstance(error, TrackingError)
        reason = "registry_unreachable" if is_unreachable else "model_does_not_fit"
        mark_unscored(warehouse, days.first, days.last, reason, str(error))
        # The message says it all; what MLflow said below it is within.
        raise dg.Failure(f"{days.first} … {days.last} not scored: {error}") from None


def mark_unscored(
    warehouse: Warehouse, first: date, last: date, reason: str, explanation: str
) -> None:
    """Mark the days that have no scores yet; scores made earlier stay as they were."""
    scored = warehouse.partitions("scores")
    for day in trading_days(first, last):
        if day not in scored:
            warehouse.replace(Write("unscored_days", marks([day], reason, explanation), (day, day)))
