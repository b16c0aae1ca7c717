"""One fold: fit each model, calibrate it on days a sibling had not seen, keep what the gate
compares.

Belongs here: what is fitted on which days of a fold. Not here: who becomes champion (`gate.py`),
the tracking of runs and the warehouse (`assets/models.py`).
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import date
from typing import Any

import numpy as np
import polars as pl

from bondsig_assets.blocks import Workers, map_blocks
from bondsig_assets.calendar import day_number
from bondsig_assets.errors import FoldError
from bondsig_assets.learning.calibration import Calibration, calibrate
from bondsig_assets.learning.dataset import Dataset
from bondsig_assets.learning.ensemble import Ensemble, mean_prediction
from bondsig_assets.learning.folds import Fold, has_enough_history
from bondsig_assets.learning.inputs import normal_scores
from bondsig_assets.learning.models.catalogue import CONTROL, ENSEMBLE, Specification, fingerprint
from bondsig_assets.learning.models.interface import Model, Sample
from bondsig_assets.learning.settings import LearningSettings
from bondsig_assets.learning.statistics import correlation_within, residual_within
from bondsig_assets.market_rules import MINIMUM_NAMES

#: Raised when the way models are fitted changes, so that nothing fitted the old way is taken for
#: done.
LEARNING_VERSION = 3
#: Rows of a fold's training days that explanations of models other than the champion are made for.
EXPLAINED_ROWS = 2000
Tune = Callable[[Dataset, Fold, Specification, LearningSettings], Specification]


@dataclass(frozen=True)
class Trial:
    """One attempt of a search: what was tried, and the mean over the inner splits of what it adds
    over the control by its size (`worth_of`).
    """

    name: str
    parameters: dict[str, Any]
    value: float
    is_complete: bool


Tried = Callable[[Trial], object]
#: Makes what searches from who is told of each trial.
Search = Callable[[Tried], Tune]


@dataclass(frozen=True)
class FoldModel:
    """A fitted model of one fold.

    `holdout_rows`, `holdout_prediction`: rows of the calibration span (positions in the dataset)
    and what the sibling said of them; `contributions`: [row, feature + 1] of `explained_rows`, a
    sample of the training rows.
    """

    fold: Fold
    specification: Specification
    model: Model | Ensemble
    calibration: Calibration
    calibration_ic: float
    holdout_rows: np.ndarray
    holdout_prediction: np.ndarray
    contributions: np.ndarray
    explained_rows: np.ndarray
    data_hash: str
    n_rows: int
    n_days: int

    @property
    def name(self) -> str:
        """Name of the model."""
        return self.specification.name

    @property
    def version(self) -> str:
        """Name and fold."""
        return f"{self.name} {self.fold.quarter}"


def check_fold(data: Dataset, fold: Fold, settings: LearningSettings) -> None:
    """Raise FoldError when the fold has too short a history, a span of it too few days, or a label
    ends on or after the first day it is judged on.
    """
    windows, first = settings.walk_forward, data.keys["trade_date"].min()
    if isinstance(first, date) and not has_enough_history(fold.quarter, first, windows):
        raise FoldError(
            f"fold {fold.quarter}: days begin on {first}; minimum_train_days asks for"
            f" {windows.minimum_train_days} up to {fold.train_end}"
        )
    for last, judged in (
        (fold.train_end, fold.first_day),
        (fold.sibling_end, fold.calibration_start),
        (fold.early_end, fold.stop_start),
    ):
        if (
            data.label_end[data.labelled(fold.train_start, last)]
            >= day_number(pl.Series([judged]))[0]
        ).any():
            raise FoldError(
                f"fold {fold.quarter}: a training label ends on or after {judged}, the first day it"
                " is judged on"
            )
    early = np.unique(data.day[data.labelled(fold.train_start, fold.sibling_end)]).size
    late = np.unique(data.day[data.labelled(fold.calibration_start, fold.train_end)]).size
    if (
        early < settings.walk_forward.stop_days
        or late < settings.walk_forward.calibration_days // 4
    ):
        raise FoldError(
            f"fold {fold.quarter}: {early} days up to {fold.sibling_end} and {late} of the"
            f" calibration span have {MINIMUM_NAMES} labelled issuers;"
            f" {settings.walk_forward.stop_days} and "
            f"{settings.walk_forward.calibration_days // 4} are needed"
        )


class Samples:
    """Samples of spans of days, each made once: specifications with the same inputs share features,
    weights and what models make of these alone; each has its own label.
    """

    def __init__(self, data: Dataset, uniqueness: bool) -> None:
        self._data, self._uniqueness = data, uniqueness
        self._held: dict[object, Sample] = {}

    def of(self, first: date | None, last: date, specification: Specification) -> Sample:
        """The labelled rows of these days, for `specification` to learn from."""
        asked = (
            *(first, last, specification.features),
            *(specification.history_days, specification.window_days),
        )
        rows = self._data.labelled(first, last)
        if asked not in self._held:
            self._held[asked] = self._data.sample(rows, specification, self._uniqueness)
        learned = self._data.recent(rows, specification)
        return replace(self._held[asked], label=self._data.label_of(specification)[learned])


def train_model(
    data: Dataset,
    fold: Fold,
    specification: Specification,
    settings: LearningSettings,
    tune: Tune | None = None,
    samples: Samples | None = None,
) -> FoldModel:
    """`specification` fitted on all of the fold's training days, calibrated by a sibling.

    The sibling sees only days up to `sibling_end` (up to `early_end` with early stopping, which
    watches the days between) and predicts the calibration span; its predictions give the
    probability map and the daily ICs that the gate compares. Nothing of the fold's own quarter is
    used. `samples`: of the same dataset, where other specifications share them.
    """
    samples = samples or Samples(data, settings.walk_forward.uniqueness_weights)
    if tune is not None and settings.tuning.trials:
        specification = tune(data, fold, specification, settings)
    stops = specification.stops_early
    early_end = fold.early_end if stops else fold.sibling_end
    early = data.labelled(fold.train_start, early_end)
    late = judged_rows(data, fold.calibration_start, fold.train_end)
    every = data.labelled(fold.train_start, fold.train_end)
    stop = _stop_sample(data, fold, specification, settings, early) if stops else None
    sibling = specification.make().fit(samples.of(fold.train_start, early_end, specification), stop)
    prediction = sibling.predict(data.inputs(late, specification))
    model = specification.make(rounds=sibling.rounds if stops else 0).fit(
        samples.of(fold.train_start, fold.train_end, specification)
    )
    explained = every[np.linspace(0, every.size - 1, min(EXPLAINED_ROWS, every.size)).astype(int)]
    return _finished(
        data,
        fold,
        specification,
        model,
        late,
        prediction,
        model.contributions(data.inputs(explained, specification)),
        explained,
        every,
    )


def judged_rows(data: Dataset, first: date, last: date) -> np.ndarray:
    """Labelled rows of these days that would have been scored; all labelled ones where not one
    would.
    """
    rows = data.labelled(first, last)
    scored = rows[data.scorable[rows]]
    return scored if scored.size else rows


def _stop_sample(
    data: Dataset,
    fold: Fold,
    specification: Specification,
    settings: LearningSettings,
    early: np.ndarray,
) -> Sample:
    """What `specification` stops on. Raises FoldError when that, or what comes before it, is too
    little.
    """
    held, needed = data.labelled(fold.stop_start, fold.sibling_end), settings.walk_forward.stop_days
    n_early, n_held = np.unique(data.day[early]).size, np.unique(data.day[held]).size
    if n_early < needed or n_held < needed // 4:
        raise FoldError(
            f"fold {fold.quarter}: {n_early} days up to {fold.early_end} and {n_held} of the"
            f" stopping span have {MINIMUM_NAMES} labelled issuers; {specification.name} stops"
            f" early and needs {needed} and {needed // 4}"
        )
    sample = data.sample(held, specification, settings.walk_forward.uniqueness_weights)
    return replace(
        sample,
        worth=worth_of(data, held, control_prediction(data, early, held, specification, settings)),
    )


def control_prediction(
    data: Dataset,
    early: np.ndarray,
    held: np.ndarray,
    specification: Specification,
    settings: LearningSettings,
) -> np.ndarray | None:
    """What a control fitted on the rows `early` says of `held`; None for the control itself, which
    has nobody to beat.
    """
    if specification.name == CONTROL:
        return None
    control = settings.control()
    model = control.make().fit(
        data.sample(early, control, settings.walk_forward.uniqueness_weights)
    )
    return model.predict(data.inputs(held, control))


def worth_of(
    data: Dataset, rows: np.ndarray, control: np.ndarray | None
) -> Callable[[np.ndarray], float]:
    """A function of predictions of `rows` (whole days, in order): their mean daily size-weighted IC
    added over the `control`'s predictions, or the IC itself without one.
    """

    def worth(prediction: np.ndarray) -> float:
        daily = daily_ics(data, rows, prediction, control)["size_weighted_ic"].to_numpy()
        return float(daily.mean()) if daily.size else 0.0

    return worth


def _finished(
    data: Dataset,
    fold: Fold,
    specification: Specification,
    model: Model | Ensemble,
    late: np.ndarray,
    prediction: np.ndarray,
    contributions: np.ndarray,
    explained: np.ndarray,
    every: np.ndarray,
) -> FoldModel:
    ics = daily_ics(data, late, prediction)["information_coefficient"].to_numpy()
    learned = data.recent(every, specification)
    return FoldModel(
        fold,
        specification,
        model,
        calibrate(
            prediction,
            data.excess[late],
            data.own_label[late],
            data.day[late],
            data.has_cds[late],
            data.horizon,
        ),
        float(ics.mean()) if ics.size else 0.0,
        late,
        prediction,
        contributions,
        explained,
        training_hash(data, learned, specification),
        learned.size,
        np.unique(data.day[learned]).size,
    )


def ensemble_of(
    data: Dataset, fold: Fold, members: Sequence[FoldModel], settings: LearningSettings
) -> FoldModel:
    """The mean of the members' predictions, calibrated on the mean of their siblings'."""
    first = members[0]
    mean_of_siblings = mean_prediction([member.holdout_prediction for member in members])
    context = fingerprint([member.specification.hash for member in members])
    mean = Ensemble(tuple(member.name for member in members))
    chosen = Specification(ENSEMBLE, mean, first.specification.features, context)
    every = data.labelled(fold.train_start, fold.train_end)
    made = _finished(
        data,
        fold,
        chosen,
        mean,
        first.holdout_rows,
        mean_of_siblings,
        np.empty((0, 0)),
        np.empty(0, dtype=int),
        every,
    )
    return replace(made, data_hash=ensemble_hash([member.data_hash for member in members]))


def ensemble_hash(members: Sequence[str]) -> str:
    """Fingerprint of the mean of models with these fingerprints."""
    return fingerprint(list(members))


def train_fold(
    data: Dataset,
    fold: Fold,
    specifications: Iterable[Specification],
    settings: LearningSettings,
    tune: Tune | None = None,
) -> list[FoldModel]:
    """Every specification of one fold, and the ensemble of all but the control, in this process.
    Raises FoldError.
    """

    def search(_tried: Tried) -> Tune:
        assert tune is not None
        return tune

    ((_, found),) = train_folds(
        *(data, [fold], list(specifications), settings, 1),
        *(search if tune is not None else None, None, Workers()),
    )
    if isinstance(found, FoldError):
        raise found
    return found


def train_folds(
    data: Dataset,
    folds: Sequence[Fold],
    specifications: Sequence[Specification],
    settings: LearningSettings,
    threads: int,
    search: Search | None = None,
    tried: Tried | None = None,
    workers: Workers | None = None,
) -> Iterator[tuple[Fold, list[FoldModel] | FoldError]]:
    """Folds in order, each as soon as it is finished; models fit beside each other on `threads`
    threads, or on `workers` (None: as BONDSIG_WORKERS says; see `map_blocks`).

    Every fit runs on one thread and has a seed of its own, so neither their number nor their place
    changes a bit. A fold that cannot be trained comes as its FoldError. `tried` is told of every
    trial of a fold's searches before the fold comes.
    """
    families = _families(specifications)
    refused = {fold: error for fold in folds if (error := _refusal(data, fold, settings))}
    tasks = [_Task(fold, tuple(one)) for fold in folds if fold not in refused for one in families]
    study = _Study(data, settings, search)
    fitted = map_blocks(_fit_family, tasks, study, name=str, threads=threads, workers=workers)
    for fold in folds:
        if fold in refused:
            yield fold, refused[fold]
            continue
        outcomes = [next(fitted) for _ in families]
        if tried is not None:
            for trial in (one for outcome in outcomes for one in outcome.trials):
                tried(trial)
        yield fold, _together(outcomes, data, fold, specifications, settings)


@dataclass(frozen=True)
class _Study:
    """What all blocks of a training share."""

    data: Dataset
    settings: LearningSettings
    search: Search | None


@dataclass(frozen=True)
class _Task:
    """One family of one fold, whose members are fitted one after the other on the samples they
    share.
    """

    fold: Fold
    family: tuple[Specification, ...]

    def __str__(self) -> str:
        return f"{', '.join(one.name for one in self.family)} of {self.fold.quarter}"


@dataclass(frozen=True)
class _Fitted:
    """What became of a task, and what was tried for it."""

    found: list[FoldModel] | FoldError
    trials: list[Trial]


def _refusal(data: Dataset, fold: Fold, settings: LearningSettings) -> FoldError | None:
    try:
        check_fold(data, fold, settings)
    except FoldError as error:
        return error
    return None


def _families(specifications: Sequence[Specification]) -> list[list[Specification]]:
    """Specifications that share what they make of their inputs together, all others alone."""
    families: dict[object, list[Specification]] = {}
    for one in specifications:
        shared = (one.kind.family, one.features) if one.kind.family else one.name
        families.setdefault(shared, []).append(one)
    return list(families.values())


def _fit_family(study: _Study, task: _Task) -> _Fitted:
    data, settings, trials = study.data, study.settings, list[Trial]()
    search = study.search
    tune = search(trials.append) if search is not None else None
    samples = Samples(data, settings.walk_forward.uniqueness_weights)
    try:
        found = [train_model(data, task.fold, one, settings, tune, samples) for one in task.family]
    except FoldError as error:
        return _Fitted(error, trials)
    return _Fitted(found, trials)


def _together(
    outcomes: Sequence[_Fitted],
    data: Dataset,
    fold: Fold,
    specifications: Sequence[Specification],
    settings: LearningSettings,
) -> list[FoldModel] | FoldError:
    """The models of a fold in the order of its specifications, and their ensemble."""
    made: dict[str, FoldModel] = {}
    for outcome in outcomes:
        if isinstance(outcome.found, FoldError):
            return outcome.found
        made |= {model.name: model for model in outcome.found}
    trained = [made[one.name] for one in specifications]
    members = [model for model in trained if model.name != CONTROL]
    return [*trained, ensemble_of(data, fold, members, settings)] if len(members) > 1 else trained


def training_hash(data: Dataset, rows: np.ndarray, specification: Specification) -> str:
    """Fingerprint of everything a fit on `rows` depends on: the same hash gives the same model."""
    seen = data.fingerprint(rows, specification)
    told = f"{LEARNING_VERSION} {specification.hash} {seen}"
    return hashlib.sha256(told.encode()).hexdigest()[:16]


def daily_ics(
    data: Dataset, rows: np.ndarray, prediction: np.ndarray, control: np.ndarray | None = None
) -> pl.DataFrame:
    """Daily trade_date, information_coefficient (Spearman correlation of prediction and raw label)
    and size_weighted_ic: the correlation of the label's normal score with the prediction's size or,
    given the `control`'s predictions, with what those leave of it.

    0 where all predictions of a day are equal; days with fewer than MINIMUM_NAMES of these rows are
    left out. `rows` hold whole days in order; predictions [row].
    """
    frame = pl.DataFrame(
        {
            "trade_date": data.keys["trade_date"].gather(rows),
            "p": prediction,
            "y": data.excess[rows],
        }
    )
    daily = frame.group_by("trade_date", maintain_order=True).agg(
        n=pl.len(), information_coefficient=pl.corr(pl.col("p").rank(), pl.col("y").rank())
    )
    _, group = np.unique(data.day[rows], return_inverse=True)
    sized = np.empty(0)
    if rows.size:
        left = prediction if control is None else residual_within(prediction, control, group)
        score = normal_scores(frame["trade_date"], frame["y"])
        sized = correlation_within(left, score, group)
    return (
        daily.with_columns(size_weighted_ic=pl.Series(sized, dtype=pl.Float64))
        .filter(pl.col("n") >= MINIMUM_NAMES)
        .select(
            "trade_date",
            pl.col("information_coefficient", "size_weighted_ic").fill_nan(0.0).fill_null(0.0),
        )
    )
