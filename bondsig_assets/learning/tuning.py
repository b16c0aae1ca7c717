"""Searching hyper-parameters with Optuna, inside a fold's training days alone.

Belongs here: what a trial is judged on. Not here: which settings may vary (their ranges
stand beside them) and the tracking of trials. The days a trial sees end before the spans for
stopping and calibration begin, so that neither is used twice.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np

from bondsig_assets.errors import FoldError, ModelError
from bondsig_assets.learning.dataset import Dataset
from bondsig_assets.learning.folds import Fold, purge_days
from bondsig_assets.learning.models.catalogue import Specification
from bondsig_assets.learning.models.interface import Tunable
from bondsig_assets.learning.settings import LearningSettings
from bondsig_assets.learning.training import (
    Trial,
    Tried,
    Tune,
    control_prediction,
    worth_of,
)
from bondsig_assets.validation import declared_fields, marked


def tuner(finished: Tried | None = None) -> Tune:
    """A function for `train_model` that returns a specification with the best settings found;
    `finished` is called with each trial.
    """

    def tune(
        data: Dataset, fold: Fold, specification: Specification, settings: LearningSettings
    ) -> Specification:
        # The control is searched for like any model: a yardstick left as it is would make every
        # tuned model look better.
        if not ranges(specification):
            return specification
        return replace(specification, tuned=_search(data, fold, specification, settings, finished))

    return tune


def ranges(specification: Specification) -> dict[str, tuple[float, float]]:
    """Settings that may vary, with their lowest and highest value. What a study declares lies
    within: a range reaches as far as that where it would end before. (A 0 that cannot be had on a
    logarithmic scale does not move it.)
    """
    found = {}
    for name, declared in declared_fields(type(specification.settings)).items():
        if tunable := marked(declared, Tunable):
            low, high = tunable.low, tunable.high
            value = getattr(specification.settings, name)
            reached = value > 0 or low <= 0
            found[name] = (min(low, value), max(high, value)) if reached else (low, high)
    return found


def inner_splits(
    days: np.ndarray, n_splits: int, purge: int
) -> list[tuple[np.ndarray, np.ndarray]]:
    """Purged expanding splits of sorted calendar positions `days`: (training days, validation
    days).

    The last n_splits of n_splits + 1 equal parts validate in turn; training ends `purge` days
    before each.
    """
    parts = np.array_split(np.arange(days.size), n_splits + 1)
    splits = [(days[days <= days[part[0]] - purge], days[part]) for part in parts[1:] if part.size]
    return [(train, test) for train, test in splits if train.size]


def _search(
    data: Dataset,
    fold: Fold,
    specification: Specification,
    settings: LearningSettings,
    finished: Tried | None,
) -> dict[str, Any]:
    import optuna

    optuna.logging.set_verbosity(optuna.logging.ERROR)
    rows = data.labelled(fold.train_start, fold.early_end)
    purge = purge_days(settings.walk_forward.horizon_days)
    splits = inner_splits(np.unique(data.day[rows]), settings.tuning.splits, purge)
    if not splits:
        raise FoldError(
            f"fold {fold.quarter}: too few days up to {fold.early_end} for {settings.tuning.splits}"
            " inner splits; set tuning.trials to 0 or splits lower"
        )

    prepared = _prepared(data, rows, specification, splits, settings)

    def objective(trial: Any) -> float:
        tried = {
            name: _suggest(trial, name, low, high)
            for name, (low, high) in ranges(specification).items()
        }
        value, failure = float("nan"), None
        try:
            value = _inner_worth(data, replace(specification, tuned=tried), prepared, settings)
        except ModelError as error:
            failure = error
        if finished is not None:
            finished(
                Trial(
                    f"{specification.name} {fold.quarter} trial {trial.number}",
                    tried,
                    value,
                    failure is None,
                )
            )
        if failure is not None:
            raise failure
        return value

    study = optuna.create_study(
        direction="maximize", sampler=optuna.samplers.TPESampler(seed=settings.tuning.seed)
    )
    # What is declared is the first trial: a search never ends with less than it.
    declared = {name: getattr(specification.settings, name) for name in ranges(specification)}
    if all(declared[name] > 0 for name, (low, _) in ranges(specification).items() if low > 0):
        study.enqueue_trial(declared, skip_if_exists=True)
    study.optimize(objective, n_trials=settings.tuning.trials, catch=ModelError)
    if not study.get_trials(deepcopy=False, states=[optuna.trial.TrialState.COMPLETE]):
        raise FoldError(
            f"fold {fold.quarter}: not one of the {settings.tuning.trials} trials of"
            f" {specification.name} could be fitted"
        )
    return dict(study.best_params)


def _suggest(trial: Any, name: str, low: float, high: float) -> float:
    if isinstance(low, int):
        whole: int = trial.suggest_int(name, low, high, log=low > 0)
        return whole
    number: float = trial.suggest_float(name, low, high, log=low > 0)
    return number


#: Training rows, validation rows, and what predictions of the latter are worth.
Split = tuple[np.ndarray, np.ndarray, Callable[[np.ndarray], float]]


def _prepared(
    data: Dataset,
    rows: np.ndarray,
    specification: Specification,
    splits: list[tuple[np.ndarray, np.ndarray]],
    settings: LearningSettings,
) -> list[Split]:
    """Rows of each split, with a control fitted once for all trials."""
    found = []
    for train, test in splits:
        early, late = rows[np.isin(data.day[rows], train)], rows[np.isin(data.day[rows], test)]
        control = control_prediction(data, early, late, specification, settings)
        found.append((early, late, worth_of(data, late, control)))
    return found


def _inner_worth(
    data: Dataset, specification: Specification, splits: list[Split], settings: LearningSettings
) -> float:
    """Mean over the days of all splits of what a fit on the days before them is worth."""
    values, days = [], []
    for early, late, worth in splits:
        model = specification.make().fit(
            data.sample(early, specification, settings.walk_forward.uniqueness_weights)
        )
        values.append(worth(model.predict(data.inputs(late, specification))))
        days.append(np.unique(data.day[late]).size)
    return float(np.average(values, weights=days))
