"""What every model and its settings are: fit, predict, explain, save as text, read back.

Belongs here: the interface and what is passed through it. Not here: any one model.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Protocol, Self

import numpy as np


@dataclass(frozen=True)
class Tunable:
    """In the `Annotated` of a setting: the lowest and highest value that a search tries."""

    low: float
    high: float


@dataclass(frozen=True)
class Sample:
    """Rows to learn from.

    `features`: [row, feature], or [row, day, feature] oldest day first for a model that declares
    `history_days` above 1; robust z-scores and own volatilities, NaN = missing. `label`: [row]
    normal scores, or own volatilities over the horizon. `weight`: [row] average uniqueness of the
    label, above 0. `names`: of the features, where they matter. `effective_rows`: how many labels
    that do not overlap say as much; None: all of them do not. `worth`: how good predictions of
    these rows are, where something other than their loss says so (`training.worth_of`). `made`:
    what models made of features and weights alone, for others that learn from the same.
    """

    features: np.ndarray
    label: np.ndarray
    weight: np.ndarray
    names: tuple[str, ...] = ()
    effective_rows: float | None = None
    worth: Callable[[np.ndarray], float] | None = None
    made: dict[str, Any] = field(default_factory=dict, compare=False)


@dataclass(frozen=True)
class ModelSettings:
    """What callers ask of the settings of any model, answered for one that has no such setting; a
    model that has declares a field of that name.
    """

    # Without annotations, which would make settings of them: of every hash a part.
    #: Days of each input the model sees, today last.
    history_days = 1
    #: Newest trading days that it learns from; 0: all of the fold's.
    window_days = 0
    #: Whether `fit` chooses `rounds` on a sample of its own.
    early_stopping = False

    def with_rounds(self, rounds: int) -> Self:
        """The same with exactly so many rounds, without early stopping."""
        raise TypeError(f"{type(self).__name__} has no rounds, so not {rounds} of them")


class Model(Protocol):
    """A regression of the label on the day's features. Predictions are in one unit whatever the
    kind: the expected excess return less the day's median, in own volatilities over the horizon,
    or as a normal score across the day, which is about as large.

    The prediction of a row never depends on the other rows of the call, to the last bit, and the
    same sample gives the same model whatever the number of cores.
    """

    #: Trees or epochs fitted; 0 where there is no such thing.
    rounds: int

    def __init__(self, settings: Any) -> None: ...

    def fit(self, sample: Sample, stop: Sample | None = None) -> Model:
        """Fit and return self. With `stop`, a model that can stop early chooses `rounds` by its
        loss there.
        """
        ...

    def predict(self, features: np.ndarray) -> np.ndarray:
        """Predictions [row]."""
        ...

    def contributions(self, features: np.ndarray) -> np.ndarray:
        """Contributions [row, feature + 1]; the last column is the base value, rows add up to the
        prediction.
        """
        ...

    def to_text(self) -> str:
        """The fitted model as text; the class's `from_text` brings back the same bits."""
        ...

    @classmethod
    def from_text(cls, text: str) -> Self:
        """The fitted model of `to_text`: it predicts and explains, and has no settings."""
        ...
