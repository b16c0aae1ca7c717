"""What is learned from issuer days, in memory, and what a label may rest on.

Belongs here: the learning tables of the graph without a graph (`learned`), the days a label looks
at (`assert_label_looks_at`). Not here: tests, running the graph (`graph/homes.py`).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import date

import polars as pl

from bondsig_assets.calendar import cutoff, offset
from bondsig_assets.errors import FoldError
from bondsig_assets.features.panels import Panels
from bondsig_assets.learning.dataset import make_dataset
from bondsig_assets.learning.folds import Fold, folds_between
from bondsig_assets.learning.gate import Candidate, decide
from bondsig_assets.learning.labels import labels as compute_labels
from bondsig_assets.learning.models.catalogue import CONTROL
from bondsig_assets.learning.rows import frame_of
from bondsig_assets.learning.scoring import Scorer, score
from bondsig_assets.learning.settings import LearningSettings, SignalSettings
from bondsig_assets.learning.training import FoldModel, daily_ics, judged_rows, train_folds
from bondsig_assets.learning.walk_forward import predict_quarter
from bondsig_assets.portfolio.signals import select_signals
from bondsig_assets.reading.model_rows import holdout_rows, importance_rows, model_rows
from bondsig_assets.tables import TABLES
from bondsig_assets_tests.known_past import SKIP_DAYS
from bondsig_assets_tests.rows_of import rows_of


def learned(
    issuer_days: pl.DataFrame,
    labels: pl.DataFrame,
    settings: LearningSettings,
    through: date,
    fold_of_quarter: Callable[[Fold], Fold] = lambda fold: fold,
) -> dict[str, pl.DataFrame]:
    """What the graph makes of issuer days and labels for the folds that begin by the trading day
    after `through`, in memory.

    Rows of models, holdout_ics, feature_importances, champions, predictions, scores, explanations
    and signals. `fold_of_quarter` may replace a fold by another.
    """
    data = make_dataset(issuer_days, labels, settings.walk_forward)
    first, last = data.keys["trade_date"][0], data.keys["trade_date"][-1]
    folds = [
        fold_of_quarter(fold)
        for fold in folds_between(first, offset(through, 1), settings.walk_forward)
    ]
    raw = issuer_days.sort("trade_date", "parent_id")
    rows: dict[str, list[pl.DataFrame]] = {name: [] for name in LEARNED}
    trained: dict[str, FoldModel] = {}
    champion: Candidate | None = None

    def incumbent_ics(incumbent: Candidate, quarter: date) -> pl.DataFrame:
        fold = next(fold for fold in folds if fold.quarter == quarter)
        found, held = (
            trained[incumbent.version],
            judged_rows(data, fold.calibration_start, fold.train_end),
        )
        control = next(
            (one for one in trained.values() if (one.name, one.fold) == (CONTROL, found.fold)), None
        )
        mine, over = (
            None if one is None else one.model.predict(data.inputs(held, one.specification))  # type: ignore[union-attr]
            for one in (found, control)
        )
        assert mine is not None
        return daily_ics(data, held, mine, over)

    for fold, models in train_folds(data, folds, settings.specifications(), settings, 2):
        if isinstance(models, FoldError):
            raise models
        trained |= {model.version: model for model in models}
        known = cutoff(offset(fold.first_day, -1))
        rows["models"].append(frame_of("models", model_rows(data, models, settings, 1, "run")))
        rows["holdout_ics"].append(holdout_rows(data, models))
        rows["feature_importances"].append(importance_rows(models))
        # As `assets/models.py` replays the gate, with frames for a warehouse.
        eligible = set(rows["models"][-1].filter("is_eligible")["model_name"])
        candidates = [
            Candidate(fold.quarter, fold.first_day, model.name, model.specification.hash)
            for model in models
            if model.name in eligible
        ]
        hashes = pl.concat(
            [part.select("fold", "model_name", "specification_hash") for part in rows["models"]]
        )
        siblings = (
            pl.concat(rows["holdout_ics"])
            .join(hashes, on=["fold", "model_name"])
            .sort("fold", "trade_date")
        )
        siblings = siblings.unique(
            ["specification_hash", "trade_date"], keep="last", maintain_order=True
        )
        verdict = decide(
            fold.quarter,
            candidates,
            siblings,
            champion,
            incumbent_ics,
            settings.walk_forward.horizon_days,
            settings.gate,
        )
        champion, chosen = verdict.champion, trained[verdict.champion.version]
        rows["champions"].append(
            rows_of(
                "champions",
                {
                    "valid_from_date": verdict.valid_from,
                    "model_version": champion.version,
                    "model_name": champion.name,
                    "trained_fold": champion.fold,
                    "decision": verdict.decision,
                    "data_hash": chosen.data_hash,
                    "n_holdout_days": verdict.n_days,
                    "ic_difference": verdict.difference,
                    "standard_error": verdict.error,
                    "threshold": verdict.threshold,
                    "reason": verdict.reason,
                    "known_at": known,
                },
            )
        )
        rows["predictions"].append(predict_quarter(data, fold, models, last))
        scored = data.between(fold.first_day, min(fold.last_day, last))
        scored = scored[data.scorable[scored]]
        scorer = Scorer(
            chosen.name, chosen.version, chosen.model, chosen.specification, chosen.calibration
        )
        for name, frame in zip(
            ("scores", "explanations"), score(data, scored, scorer, "1", raw[scored]), strict=True
        ):
            rows[name].append(frame)
        rows["signals"].append(
            select_signals(
                rows["scores"][-1],
                raw.select(
                    "parent_id", "trade_date", "staleness_days", pl.col("n_trades_21d").abs()
                ),
                _EVERYONE,
            )
        )
    return {
        name: (
            TABLES[name].conform(
                pl.concat([TABLES[name].empty(), *(TABLES[name].conform(part) for part in parts)])
            )
        )
        for name, parts in rows.items()
    }


LEARNED = (
    "models",
    "holdout_ics",
    "feature_importances",
    "champions",
    "predictions",
    "scores",
    "explanations",
    "signals",
)
#: Synthetic issuers hardly trade, and their numbers of trades are z-scores: the sign is taken off.
_EVERYONE = SignalSettings(margin=0.0, minimum_probability=0.0, minimum_trades_21d=0, quantile=0.3)


def assert_label_looks_at(
    panels: Panels,
    day: date,
    horizon: int,
    make: Callable[[Panels, date, date], pl.DataFrame] = compute_labels,
) -> None:
    """The label of `day` rests on the returns of the days t+2 … t+1+h, on each of them, and on no
    other.

    A score is known at 18:30 of day t, after its close: whoever acts on it can at best have the
    close of t+1, so that a return up to t+1 in the label would be one that nobody could earn.
    """
    first, last = offset(day, SKIP_DAYS + 1), offset(day, SKIP_DAYS + horizon)

    def label(market: Panels) -> pl.DataFrame:
        made = make(market, market.days[0].item(), market.days[-1].item())
        return made.filter(
            (pl.col("trade_date") == day) & (pl.col("horizon_days") == horizon)
        ).select(
            "parent_id",
            "ticker",
            "label_end_date",
            "stock_return_pct",
            "sector_return_pct",
            "excess_return_pct",
        )

    def moved(where: pl.Expr) -> Panels:
        move = pl.when(where & pl.col("total_return_pct").is_not_null())
        return replace(
            panels,
            prices=panels.prices.with_columns(
                move.then(pl.col("total_return_pct") / 2 + 3 + pl.col("ticker").hash(1) % 5)
                .otherwise("total_return_pct")
                .alias("total_return_pct"),
                pl.when(where)
                .then(pl.col("close_usd") * 1.7)
                .otherwise("close_usd")
                .alias("close_usd"),
            ),
        )

    when, told = pl.col("trade_date"), label(panels)
    assert told.height > 3, f"{day} has no labels of {horizon} days"
    assert told["label_end_date"].unique().to_list() == [last], (
        f"the label of {day} ends on {told['label_end_date'][0]}, not on {last}"
    )
    assert label(moved(when < first)).equals(told), (
        f"the label of {day} rests on a price before the close of {offset(day, SKIP_DAYS)} or on"
        " the move to it"
    )
    assert label(moved(when > last)).equals(told), (
        f"the label of {day} rests on a price after {last}"
    )
    for step in range(SKIP_DAYS + 1, SKIP_DAYS + horizon + 1):
        other = label(moved(when == offset(day, step)))
        assert (other["excess_return_pct"] != told["excess_return_pct"]).any(), (
            f"the label of {day} does not rest on the return of {offset(day, step)}"
        )
