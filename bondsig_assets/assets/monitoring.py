"""Whether any of it was right, and whether it still is: the judgement of every model, and monitors
that ring.

Belongs here: the assets of the group monitoring. Not here: statistics (`learning/evaluation.py` and
its neighbours, `monitoring/`), what monitors read (`reading/monitoring.py`), pictures
(`reporting/`). matplotlib takes a third of a second to import, so pictures are imported where they
are drawn.
"""

from datetime import date
from typing import Any

import dagster as dg
import polars as pl

from bondsig_assets.assets.common import (
    Result,
    Rows,
    chunks,
    daily_result,
    made_anywhere,
    markdown_picture,
    markdown_table,
    replace_days,
    rows_per_day,
    table_asset,
)
from bondsig_assets.errors import TrackingError
from bondsig_assets.home import Home
from bondsig_assets.learning.explanation import stability
from bondsig_assets.learning.labels import KINDS, known_labels
from bondsig_assets.learning.overfitting import long_short, overfitting
from bondsig_assets.learning.settings import LearningSettings
from bondsig_assets.monitoring.settings import MonitoringSettings
from bondsig_assets.orchestration import progress
from bondsig_assets.orchestration.partitions import rests_on
from bondsig_assets.orchestration.stages import DAYS, SCORING
from bondsig_assets.reading.judging import judged, trained_label
from bondsig_assets.reading.monitoring import drifted, monitored, reach
from bondsig_assets.resources.judged_champions import judged_quarters, log_judged
from bondsig_assets.resources.tracking import TrackingResource
from bondsig_assets.resources.trials import log_trials, read_trials
from bondsig_assets.resources.warehouse_resource import WarehouseResource
from bondsig_assets.tables import TABLES
from bondsig_assets.warehouse import Warehouse, Write


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
        MLflow. There the runs of champions get the IC of each quarter that they scored
        (`judged_ic_<model>`), once it is over and all its labels are known.
        """
        from bondsig_assets.reporting.pictures import save_pictures

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
        try:
            log_judged(
                tracking,
                settings.study,
                judged_quarters(opened.read_table("scores"), labels, horizon),
                opened.read_table("models", columns=_LOGGED),
            )
        except TrackingError as error:
            notes["judged_ic_not_logged"] = str(error)
        with opened.on_snapshot():
            home = Home(opened.home)
            pictures = save_pictures(opened.read, home.pictures, home.note)
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
_LOGGED = ["model_version", "model_name", "mlflow_run_id", "mlflow_model_uri"]
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
    "n_flat_days",
]


def drift_asset(days: dg.PartitionsDefinition, settings: MonitoringSettings) -> Any:
    """The asset of drift, by the settings of the home's monitoring.toml."""

    @table_asset(
        "drift",
        kinds={"numpy"},
        partitions=days,
        deps=[rests_on("issuer_days", days_back=settings.drift.days - 1)],
        stage=DAYS,
        doing="comparing features with their past",
        seconds=13,
    )
    def drift(context: dg.AssetExecutionContext, warehouse: WarehouseResource) -> Result:
        """Each feature's last days against its own past: level, spread, missing share and shape.

        Warns where a window is farther from those before it than one quiet window in twenty; says
        nothing until there are windows enough. No alarm: two dozen windows promise no more.
        """
        opened, counted = warehouse.open(), []

        for start, end, made in made_anywhere(context, opened, drift_between, settings, days=252):
            replace_days(opened, made, start, end)
            rows = made["drift"]
            counted.append(
                rows_per_day(
                    rows,
                    "trade_date",
                    n_warnings=pl.col("is_warning").sum(),
                    share_of_all=pl.col("share").filter(pl.col("feature") == "all").first(),
                )
            )
        return daily_result(context, pl.concat(counted))

    return drift


def drift_between(
    warehouse: Warehouse, settings: MonitoringSettings, start: date, end: date
) -> Rows:
    """Rows of `drift` of these trading days."""
    return {"drift": drifted(warehouse, start, end, settings)}


def monitors_asset(
    days: dg.PartitionsDefinition, settings: MonitoringSettings, policy: str
) -> dg.AssetsDefinition:
    """The asset of monitors, by the settings of the home's monitoring.toml; `policy`: whose book is
    watched.
    """

    @table_asset(
        "monitors",
        also=["monitored_days", "alarms", "retrain_requests"],
        kinds={"numpy", "polars"},
        partitions=days,
        deps=[
            rests_on("scores", days_back=reach(settings) + 1),
            rests_on("trade_events", days_back=reach(settings)),
            rests_on("issuer_days", days_back=reach(settings)),
            rests_on("equity_prices", days_back=reach(settings)),
            rests_on("cds_quotes", days_back=reach(settings)),
            rests_on("borrow_rates", days_back=reach(settings)),
            rests_on("bond_day_quotes", days_back=reach(settings)),
            "labels",
            "target_positions",
            "pnl_parts",
            "champions",
            "security_master",
            "fundamentals",
            "ratings",
            "treasury_yields",
            "macro_series",
        ],
        stage=SCORING,
        own_past=True,
        doing="watching for changes",
        seconds=9,
    )
    def monitors(context: dg.AssetExecutionContext, warehouse: WarehouseResource) -> Result:
        """Where accuracy, calibration, profit, scores, data and freshness stood on each evening, by
        what was known then; what rang, and which training that asks for.

        All of it rings for nothing once in the years that `monitoring.toml` allows, two by default.
        Means are followed from their first value on; a jump is judged against two years before it.
        """
        from bondsig_assets.reporting.monitoring_pictures import save_monitoring_picture

        opened, counted = warehouse.open(), []
        # In one piece: what is followed from the first day is followed once.
        for start, end in chunks(context, 100_000):
            made = monitored(opened, start, end, settings, policy)
            replace_days(opened, made, start, end)
            numbers = made["monitored_days"].select(
                day="trade_date", n_alarms="n_alarm", n_watched="n_watch", n_late="n_late"
            )
            counted.append(
                rows_per_day(made["monitors"], "trade_date").join(numbers, on="day", how="left")
            )
        home = Home(opened.home)
        with opened.on_snapshot():
            picture = save_monitoring_picture(opened.read, home.pictures, home.note)
        shown = {}
        if picture is not None:
            shown["monitors_picture"] = dg.MetadataValue.md(markdown_picture(picture))
        return daily_result(context, pl.concat(counted), **shown)

    return monitors
