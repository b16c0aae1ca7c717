"""Whether any of it was right: the judgement of every model, and how much of the best is luck of
the search.

Belongs here: the asset of the group monitoring. Not here: statistics (`learning/evaluation.py` and
its neighbours), pictures (`reporting/`).
"""

from typing import Any

import dagster as dg
import polars as pl

from bondsig_assets.assets.common import Result, markdown_picture, markdown_table, table_asset
from bondsig_assets.errors import TrackingError
from bondsig_assets.home import Home
from bondsig_assets.learning.explanation import stability
from bondsig_assets.learning.labels import KINDS, known_labels
from bondsig_assets.learning.overfitting import long_short, overfitting
from bondsig_assets.learning.settings import LearningSettings
from bondsig_assets.orchestration import progress
from bondsig_assets.orchestration.stages import SCORING
from bondsig_assets.reading.judging import judged, trained_label
from bondsig_assets.reporting.pictures import save_pictures
from bondsig_assets.resources.tracking import TrackingResource
from bondsig_assets.resources.trials import log_trials, read_trials
from bondsig_assets.resources.warehouse_resource import WarehouseResource
from bondsig_assets.tables import TABLES
from bondsig_assets.warehouse import Write


def evaluations_asset(settings: LearningSettings) -> dg.AssetsDefinition:
    """The asset of evaluations; `settings` name the study whose trials are counted."""

    @table_asset(
        "evaluations",
        kinds={"polars", "mlflow"},
        deps=[
            "scores",
            "signals",
            "labels",
            "models",
            "issuer_days",
            "credit_news",
            "fundamentals",
        ],
        also=[
            "information_coefficients",
            "probability_evaluations",
            "probability_tails",
            "news_events",
            "reliability_bins",
            "thresholds",
            "overfitting",
        ],
        stage=SCORING,
        doing="judging",
        seconds=25,
    )
    def evaluations(warehouse: WarehouseResource, tracking: TrackingResource) -> Result:
        """Does it know anything? The IC each model adds over the equity-only control, by horizon
        and slice, with what could have been seen.

        Read `size_weighted_ic` of `<model>_over_equity` first. A mean below
        `smallest_detectable_size_weighted_ic` is no evidence either way. Beside it: what a book of
        the scores earned, whether probabilities mean what they say, what came of the high ones
        (counted by pieces of news), what stocks did after news, how often thresholds fire, and how
        much of the best Sharpe ratio is luck of the search, counted over every trial logged in
        MLflow.
        """
        opened = warehouse.open()
        predictions, labels = (
            opened.read_table("predictions"),
            opened.read_table("labels", columns=_LABELS),
        )
        horizon, kind = trained_label(opened)
        labels = known_labels(labels, kind)
        tables = judged(opened, predictions, labels, horizon)
        progress.update("evaluations", 0.6)
        notes: dict[str, Any] = {}
        try:
            log_trials(
                tracking, settings.study, opened, long_short(predictions, labels, horizon), horizon
            )
            returns, n_trials = read_trials(tracking, settings.study, horizon)
            tables["overfitting"] = overfitting(returns, n_trials, settings.study, horizon)
        except TrackingError as error:
            notes["overfitting_not_judged"] = str(error)
            tables["overfitting"] = opened.read_table("overfitting")
        opened.replace(
            *(Write(name, TABLES[name].conform(frame)) for name, frame in tables.items())
        )
        with opened.on_snapshot():
            pictures = save_pictures(opened.read, Home(opened.home).pictures)
        summary = tables["evaluations"].filter(
            (pl.col("slice") == "all") & (pl.col("horizon_days") == horizon)
        )
        numbers = {
            f"ic_{row['model_name']}": row["mean_ic"] for row in summary.iter_rows(named=True)
        }
        return dg.MaterializeResult(
            metadata={
                "dagster/row_count": tables["evaluations"].height,
                "evaluations": dg.MetadataValue.md(markdown_table(summary.select(_SHOWN))),
                **numbers,
                **notes,
                **{
                    name: dg.MetadataValue.md(markdown_table(tables[name]))
                    for name in (
                        "thresholds",
                        "probability_evaluations",
                        "probability_tails",
                        "overfitting",
                    )
                },
                "attribution_stability": dg.MetadataValue.md(
                    markdown_table(stability(opened.read_table("feature_importances")))
                ),
                **{
                    f"{picture.stem}_picture": dg.MetadataValue.md(markdown_picture(picture))
                    for picture in pictures
                },
            }
        )

    return evaluations


_LABELS = [
    "parent_id",
    "trade_date",
    "horizon_days",
    "stock_return_pct",
    "sector_return_pct",
    *KINDS.values(),
]
_SHOWN = [
    "model_name",
    "size_weighted_ic",
    "size_weighted_t",
    "smallest_detectable_size_weighted_ic",
    "tied_rank_ic",
    "mean_ic",
    "t_statistic",
    "smallest_detectable_ic",
    "icir",
    "offsets_t_statistic",
    "oos_r2_pct",
    "hit_rate",
    "decile_spread_pct",
    "book_return_pct",
    "book_return_t",
    "n_days",
]
