"""Daily scores, signals and their evaluation.

Belongs here: the assets of the groups scores and signals. Not here: applying models
(`learning/scoring.py`), filters (`portfolio/`), judging (`evaluations.py`).
"""

from collections.abc import Iterator
from datetime import date
from typing import Any

import dagster as dg
import polars as pl

from bondsig_assets.assets.common import (
    chunks,
    daily_result,
    markdown_table,
    rows_per_day,
    table_asset,
)
from bondsig_assets.assets.learning_config import signal_config
from bondsig_assets.features.declared import ALL_FEATURES
from bondsig_assets.learning.dataset import make_dataset
from bondsig_assets.learning.scoring import (
    MismatchError,
    Scorer,
    check_features,
    predict,
    score,
    scorer_of,
)
from bondsig_assets.learning.settings import LearningSettings, SignalSettings, WalkForwardSettings
from bondsig_assets.portfolio.signals import select_signals
from bondsig_assets.resources.tracking import TrackingError, TrackingResource
from bondsig_assets.resources.warehouse import Warehouse, Write
from bondsig_assets.resources.warehouse_resource import WarehouseResource
from bondsig_assets.tables import TABLES
from bondsig_assets.trading_calendar import cutoff, offset, trading_days

_OUTPUT = ("predictions", "scores", "explanations", "unscored_days")


def spans(
    lake: Warehouse, start: date, end: date
) -> Iterator[tuple[date, date, date | None, dict[str, Any] | None]]:
    """(first, last, fold, champion) that cover the trading days `start` … `end`: each day's newest
    fold and its champion, None before the first.
    """
    folds = lake.read("SELECT DISTINCT fold FROM models ORDER BY fold")["fold"].to_list()
    champions = lake.read_table("champions").to_dicts()
    held: list[Any] = []
    for day in trading_days(start, end):
        fold = next((one for one in reversed(folds) if one <= day), None)
        champion = next((one for one in reversed(champions) if one["valid_from_date"] <= day), None)
        if held and held[2:] == [fold, champion]:
            held[1] = day
        else:
            if held:
                yield tuple(held)
            held = [day, day, fold, champion]
    if held:
        yield tuple(held)


def load_champion(tracking: TrackingResource, champion: dict[str, Any]) -> Scorer:
    """The champion from the registry. Raises TrackingError, or MismatchError when it is not what
    `champions` says or does not fit the features.
    """
    stored = tracking.load(champion["registry_version"])
    if (
        stored["data_hash"] != champion["data_hash"]
        or stored["model_version"] != champion["model_version"]
    ):
        raise MismatchError(
            f"version {champion['registry_version']} in MLflow's registry is"
            f" {stored['model_version']} ({stored['data_hash']}), champions says"
            f" {champion['model_version']} ({champion['data_hash']}): materialize champions again"
        )
    check_features(
        stored["model_version"], stored["features"], stored["feature_hash"], ALL_FEATURES
    )
    return scorer_of(stored)


def scores_asset(days: dg.PartitionsDefinition) -> dg.AssetsDefinition:
    """The asset of scores."""
    by_quarter = dg.TimeWindowPartitionMapping(allow_nonexistent_upstream_partitions=True)

    @table_asset(
        "scores",
        kinds={"mlflow", "polars"},
        partitions=days,
        deps=["issuer_days", "champions", dg.AssetDep("models", partition_mapping=by_quarter)],
    )
    def scores(
        context: dg.AssetExecutionContext, warehouse: WarehouseResource, tracking: TrackingResource
    ) -> dg.MaterializeResult:
        """One score per issuer and day, by the model that was champion at that day's cutoff, loaded
        from MLflow's registry.

        `score` = 1 - 2 P(underperform), honest and therefore small; `score_rank` always uses the
        whole range. `explanations` keeps the contribution of every feature, `predictions` what
        every model said, `unscored_days` the days without scores and why.
        """
        lake, counted, scored = warehouse.open(), [], TABLES["scores"].empty()
        for start, end in chunks(context, 10_000):
            for first, last, fold, champion in spans(lake, start, end):
                try:
                    made = score_span(lake, tracking, first, last, fold, champion)
                except (TrackingError, MismatchError) as error:
                    mark_unscored(
                        lake,
                        first,
                        last,
                        (
                            "registry_unreachable"
                            if isinstance(error, TrackingError)
                            else "model_does_not_fit"
                        ),
                        str(error),
                    )
                    # The message says it all; what MLflow said below it is within.
                    raise dg.Failure(f"{first} … {last} not scored: {error}") from None
                lake.replace(*(Write(name, made[name], (first, last)) for name in _OUTPUT))
                scored = made["scores"]
                counted.append(
                    rows_per_day(
                        scored,
                        "trade_date",
                        mean_probability_underperform=pl.col("probability_underperform").mean(),
                        highest_probability_underperform=pl.col("probability_underperform").max(),
                        lowest_probability_underperform=pl.col("probability_underperform").min(),
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


def score_span(
    lake: Warehouse,
    tracking: TrackingResource,
    first: date,
    last: date,
    fold: date | None,
    champion: dict[str, Any] | None,
) -> dict[str, pl.DataFrame]:
    """Rows of every table of scores for days that share their models and champion."""
    if fold is None or champion is None:
        return _nothing(
            first,
            last,
            "no_model_yet",
            "no fold has been trained for this day: a fold needs 189 trading days before its"
            " quarter",
        )
    found = load_champion(tracking, champion)
    scorers = [scorer_of(row) for row in lake.read_table("models", between=(fold, fold)).to_dicts()]
    history = max(one.specification.history_days for one in (found, *scorers))
    issuer_days = lake.read_table("issuer_days", between=(offset(first, 1 - history), last))
    data = make_dataset(issuer_days, TABLES["labels"].empty(), WalkForwardSettings())
    rows = data.between(first, last)
    rows = rows[data.scorable[rows]]
    if not rows.size:
        return _nothing(
            first,
            last,
            "nobody_to_score",
            "no issuer has a bond trade within ten days or a CDS quote",
        )
    scored, explained = score(
        data,
        rows,
        found,
        champion["registry_version"],
        issuer_days.sort("trade_date", "parent_id")[rows],
    )
    empty = sorted(set(trading_days(first, last)) - set(scored["trade_date"].unique()))
    return {
        "predictions": TABLES["predictions"].conform(predict(data, rows, scorers)),
        "scores": TABLES["scores"].conform(scored),
        "explanations": TABLES["explanations"].conform(explained),
        "unscored_days": _marks(
            empty, "nobody_to_score", "no issuer has a bond trade within ten days or a CDS quote"
        ),
    }


def mark_unscored(lake: Warehouse, first: date, last: date, reason: str, explanation: str) -> None:
    """Mark the days that have no scores yet; scores made earlier stay as they were."""
    scored = lake.partitions("scores")
    for day in trading_days(first, last):
        if day not in scored:
            lake.replace(Write("unscored_days", _marks([day], reason, explanation), (day, day)))


def _nothing(first: date, last: date, reason: str, explanation: str) -> dict[str, pl.DataFrame]:
    return {
        **{name: TABLES[name].empty() for name in _OUTPUT},
        "unscored_days": _marks(trading_days(first, last), reason, explanation),
    }


def _marks(days: list[date], reason: str, explanation: str) -> pl.DataFrame:
    rows = [
        {"trade_date": day, "reason": reason, "explanation": explanation, "known_at": cutoff(day)}
        for day in days
    ]
    return pl.DataFrame(rows, schema=TABLES["unscored_days"].polars_schema, orient="row")


def signals_asset(days: dg.PartitionsDefinition, settings: LearningSettings) -> dg.AssetsDefinition:
    """The asset of signals; `settings` are the launchpad's defaults."""
    config_class: Any = signal_config(settings)

    @table_asset("signals", kinds={"polars"}, partitions=days, deps=["scores", "issuer_days"])
    def signals(
        context: dg.AssetExecutionContext, config: config_class, warehouse: WarehouseResource
    ) -> dg.MaterializeResult:
        """Scores worth acting on: top or bottom tenth of the day, probability away from the
        champion's base rate, liquid and fresh.

        A day may have none: a calibrated probability stays near the base rate when little is known.
        """
        lake, counted = warehouse.open(), []
        for start, end in chunks(context, 10_000):
            liquidity = lake.read_table(
                "issuer_days",
                between=(start, end),
                columns=["parent_id", "trade_date", "staleness_days", "n_trades_21d"],
            )
            chosen = select_signals(
                lake.read_table("scores", between=(start, end)),
                liquidity,
                SignalSettings(**config.model_dump()),
            )
            lake.replace(Write("signals", TABLES["signals"].conform(chosen), (start, end)))
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
