"""A recurrent network over the last days of each issuer: a small LSTM, trained by Keras on JAX.

Belongs here: the network's settings, inputs, training and text. Not here: its compiled prediction
(`sequence_kernel.py`, imported where it is used), which is why a trained one needs neither Keras
nor JAX. A missing input counts as the day's median (0).
"""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from threading import Lock
from typing import TYPE_CHECKING, Annotated, Any, NamedTuple, Self

import numpy as np
from pydantic import Field

from bondsig_assets.arrays import Floats
from bondsig_assets.errors import ModelError, SettingsError
from bondsig_assets.learning.models.interface import ModelSettings, Sample, Tunable
from bondsig_assets.tables.news_features import NEWS_INPUTS
from bondsig_assets.validation import checked

if TYPE_CHECKING:
    from bondsig_assets.learning.models.sequence_kernel import Network

#: What the network sees of each day. It can add up days itself, so of each thing the shortest
#: change there is, before any longer one; differences and z-scores before levels, since a level
#: says the same on each of its days; no input made of two others here.
LSTM_FEATURES: tuple[str, ...] = (
    # Spread: the day's news, own and net of the sector, how unusual the week was, and where it
    # leaves the issuer.
    "oas_1d_change_bps",
    "oas_1d_change_vs_sector_bps",
    "oas_5d_change_zscore",
    "filtered_spread_innovation",
    "spread_vs_sector_median",
    # Curve: a flatter or inverted one moves with the nearness of trouble.
    "corp_curve_slope_10y2y",
    "spread_slope_10y2y",
    "spread_curvature_bps",
    # Volume and order flow: who trades, and which way.
    "volume_spike_zscore",
    "trace_volume_zscore_5d",
    "order_imbalance_1d",
    "order_imbalance_institutional_5d",
    # Liquidity: its sudden loss, against the issuer's own past; and how old the day's price is.
    "customer_bid_ask_vs_own_median_pct",
    "round_trip_cost_vs_own_median_bps",
    "amihud_vs_own_median",
    "staleness_days",
    # CDS: whether quoted, its move, and its disagreement with the bonds.
    "cds_quote_flag",
    "cds_1d_change_bps",
    "cds_5d_change_vs_sector_bps",
    "cds_bond_basis_zscore",
    # Bonds against the stock.
    "capital_structure_divergence",
    "capital_structure_divergence_5d_pct",
    # Equity controls: reversal, momentum, risk, size, nearness of default.
    "equity_return_1d_pct",
    "equity_excess_return_5d_pct",
    "equity_return_63d_pct",
    "equity_volatility_21d_pct",
    "log_market_cap",
    "distance_to_default",
    # Credit news: today's of each day, for older ages stand in the days before; what is left of all
    # of them to expect, and what the stock did on each day.
    "credit_news_0",
    "credit_news_probability_0",
    "credit_quiet_5d",
    "news_unanswered_0",
    "expected_reaction",
    "stock_return_0",
)

#: Points of the path at which an explanation takes the slope (Gauss-Legendre); more for the rows
#: that do not add up with fewer.
PATH_POINTS = (16, 64, 256)
#: A row's contributions and base add up to its prediction within this part of the sum of its
#: absolute contributions.
COMPLETENESS = 1e-3

#: Keras keeps names and settings for the whole process: one network is built at a time.
_BUILDING = Lock()


@checked(SettingsError)
class LSTMSettings(ModelSettings):
    """Settings of the LSTM."""

    history_days: int = Field(
        default=21, gt=0, description="Days of each input the network sees, today last"
    )
    units: Annotated[int, Tunable(4, 32)] = Field(
        default=16, gt=0, description="Cells of the network; the signal is weak, keep it small"
    )
    epochs: int = Field(
        default=20, gt=0, description="Number of epochs, the largest with early stopping"
    )
    row_share: float = Field(
        default=0.5,
        gt=0.0,
        le=1.0,
        description="Share of rows each epoch sees, drawn anew, as labels overlap",
    )
    batch_size: int = Field(default=512, gt=0, description="Rows of a step")
    learning_rate: Annotated[float, Tunable(2e-4, 5e-3)] = Field(
        default=0.001, gt=0.0, description="Step size of Adam"
    )
    dropout: Annotated[float, Tunable(0.0, 0.6)] = Field(
        default=0.3, ge=0.0, le=0.9, description="Share of cells left out at random in a step"
    )
    l2_penalty: Annotated[float, Tunable(1e-5, 1e-2)] = Field(
        default=1e-4, ge=0.0, description="L2 penalty on the weights, of a label of unit variance"
    )
    direct_news: bool = Field(
        default=True,
        description="Whether the output sees today's credit news directly, beside the cells",
    )
    patience: int = Field(
        default=4,
        gt=0,
        description="Epochs without a better loss on the stopping span before training ends",
    )
    early_stopping: bool = Field(
        default=True,
        description="Choose the number of epochs on a span of its own before the calibration span",
    )
    seed: int = Field(
        default=0, ge=0, description="Seed of first weights, order of rows and dropout"
    )

    def with_rounds(self, rounds: int) -> LSTMSettings:
        """The same with exactly so many epochs."""
        return replace(self, epochs=rounds, early_stopping=False)


class LSTMModel:
    """Long short-term memory (Hochreiter-Schmidhuber 1997) with one linear output, which sees
    today's credit news directly too (Cheng et al. 2016, Wide & Deep), squared error, Adam
    (Kingma-Ba 2015).

    News is 0 on most days and many deviations on few, where a cell of bounded gates is as good as
    full: what size says, it would lose.
    """

    def __init__(self, settings: Any) -> None:
        self.settings = settings
        self.rounds = 0
        self.network: Network | None = None

    def fit(self, sample: Sample, stop: Sample | None = None) -> Self:
        """Epochs from the mean label on; with `stop` the weights after the epoch that does best
        there.
        """
        s = self.settings
        trainer = _trainer(
            sample.features.shape[1],
            tuple(s.direct_news and name in NEWS_INPUTS for name in _names(sample)),
            s.units,
            s.batch_size,
            s.dropout,
            s.learning_rate,
            s.l2_penalty,
            s.seed,
        )
        order = np.random.default_rng(s.seed)
        seen = max(1, round(s.row_share * len(sample.label)))
        state, best, least, self.rounds = trainer.start(sample), None, np.inf, 0
        for epoch in range(1, s.epochs + 1):
            state = trainer.epoch(state, sample, order.permutation(len(sample.label))[:seen])
            if stop is None or not s.early_stopping:
                continue
            loss = _loss(_network(state), stop)
            if loss < least:
                best, least, self.rounds = state, loss, epoch
            elif epoch - self.rounds >= s.patience:
                break
        self.network, self.rounds = (
            (_network(state), s.epochs) if best is None else (_network(best), self.rounds)
        )
        if not all(np.isfinite(values).all() for values in self.network):
            raise ModelError(
                f"model lstm: training went astray; use a learning_rate below {s.learning_rate}"
            )
        return self

    def predict(self, features: np.ndarray) -> Floats:
        """Predictions [row]."""
        from bondsig_assets.learning.models.sequence_kernel import predicted

        prediction: Floats = predicted(_inputs(features), self.network)
        return prediction

    def contributions(self, features: Floats) -> Floats:
        """Integrated gradients from the median issuer on every day (Sundararajan et al. 2017),
        summed over days.

        The path integral is a sum over some points, so a row adds up to its prediction only within
        COMPLETENESS, mostly within 1e-9; the rest is not spread over the columns, and the last one
        is exactly the prediction for inputs of 0.
        """
        from bondsig_assets.learning.models.sequence_kernel import explained

        inputs, prediction = _inputs(features), self.predict(features)
        out: Floats = explained(inputs, self.network, *_path(PATH_POINTS[0]))
        for points in PATH_POINTS[1:]:
            short = np.abs(out.sum(axis=1) - prediction) > COMPLETENESS * np.abs(out[:, :-1]).sum(
                axis=1
            )
            if short.any():
                out[short] = explained(inputs[short], self.network, *_path(points))
        return out

    def to_text(self) -> str:
        """Weights as JSON, each the shortest number that gives its float32 back."""
        weights = (
            {}
            if self.network is None
            else {name: _shortest(values) for name, values in self.network._asdict().items()}
        )
        return json.dumps({"rounds": self.rounds, **weights})

    @classmethod
    def from_text(cls, text: str) -> Self:
        """A model from `to_text`."""
        from bondsig_assets.learning.models.sequence_kernel import Network

        read, model = json.loads(text), cls(None)
        model.rounds = read.pop("rounds")
        model.network = Network(
            **{
                name: np.array(values, dtype=np.float32).astype(float)
                for name, values in read.items()
            }
        )
        return model


@lru_cache
def _path(points: int) -> tuple[np.ndarray, np.ndarray]:
    """Places between 0 and 1 and the share of each in an average over the path (Gauss-Legendre)."""
    places, weights = np.polynomial.legendre.leggauss(points)
    return (places + 1) / 2, weights / 2


def _names(sample: Sample) -> tuple[str, ...]:
    return sample.names or ("",) * sample.features.shape[2]


def _inputs(features: np.ndarray) -> np.ndarray:
    """Features as the compiled loops take them."""
    return np.ascontiguousarray(features, dtype=np.float32)


def _loss(network: Network, sample: Sample) -> float:
    """Weighted mean squared error, or what the sample's predictions are worth, turned round."""
    from bondsig_assets.learning.models.sequence_kernel import predicted

    if sample.worth is not None:
        return -sample.worth(predicted(_inputs(sample.features), network))
    return float(
        np.average(
            (predicted(_inputs(sample.features), network) - sample.label) ** 2,
            weights=sample.weight,
        )
    )


def _shortest(values: np.ndarray) -> Any:
    """Nested lists of float64 that print as briefly as the float32 they hold."""
    return [_shortest(part) for part in values] if values.ndim else float(str(np.float32(values)))


class State(NamedTuple):
    """What a step of training changes: weights, the state of dropout, Adam's moments."""

    weights: list[Any]
    others: list[Any]
    moments: list[Any]


def _network(state: State) -> Network:
    """The weights of a state."""
    from bondsig_assets.learning.models.sequence_kernel import Network

    return Network(*(np.array(values, dtype=np.float64, order="C") for values in state.weights))


@dataclass(frozen=True)
class _Trainer:
    """A network of one shape with its compiled step; holds nothing of any sample."""

    first: State
    step: Any
    batch_size: int

    def start(self, sample: Sample) -> State:
        """First weights: the network predicts the mean label until it has learned something."""
        mean = np.array([np.average(sample.label, weights=sample.weight)], dtype=np.float32)
        return self.first._replace(weights=[*self.first.weights[:-1], mean])

    def epoch(self, state: State, sample: Sample, rows: np.ndarray) -> State:
        """One step for each batch of `rows`; batches are as even as can be, and filled up with rows
        of no weight.
        """
        for batch in np.array_split(rows, -(-rows.size // self.batch_size)):
            filled, weight = (
                np.full(self.batch_size, batch[0]),
                np.zeros(self.batch_size, dtype=np.float32),
            )
            filled[: batch.size], weight[: batch.size] = batch, sample.weight[batch]
            features = np.nan_to_num(sample.features[filled].astype(np.float32, copy=False))
            state = self.step(state, features, sample.label[filled].astype(np.float32), weight)
        return state


@lru_cache(maxsize=8)
def _trainer(
    n_days: int,
    seen: tuple[bool, ...],
    units: int,
    batch_size: int,
    dropout: float,
    learning_rate: float,
    l2_penalty: float,
    seed: int,
) -> _Trainer:
    """The compiled step of a network, kept for the next fold: compiling takes longer than an epoch.
    Raises ModelError without Keras.
    """
    with _BUILDING:
        keras, jax = _libraries()
        network = keras_network(keras, n_days, seen, units, dropout, seed)
        optimizer = keras.optimizers.Adam(learning_rate)
        optimizer.build(network.trainable_variables)

    def loss(
        weights: list[Any], others: list[Any], features: Any, label: Any, weight: Any
    ) -> tuple[Any, list[Any]]:
        prediction, others = network.stateless_call(weights, others, features, training=True)
        squares = sum((values**2).sum() for values in weights if values.ndim == 2)
        return (
            weight * (prediction[:, 0] - label) ** 2
        ).sum() / weight.sum() + l2_penalty * squares, others

    def step(state: State, features: Any, label: Any, weight: Any) -> State:
        slopes, others = jax.grad(loss, has_aux=True)(
            state.weights, state.others, features, label, weight
        )
        weights, moments = optimizer.stateless_apply(state.moments, slopes, state.weights)
        return State(list(weights), list(others), list(moments))

    parts = network.trainable_variables, network.non_trainable_variables, optimizer.variables
    return _Trainer(
        State(*([np.asarray(variable.value) for variable in part] for part in parts)),
        jax.jit(step),
        batch_size,
    )


def keras_network(
    keras: Any, n_days: int, seen: Sequence[bool], units: int, dropout: float, seed: int
) -> Any:
    """The network as Keras builds it; every seed is its own, since folds are fitted beside each
    other. `seen` [feature]: whether the output sees today's directly; weights of others stay 0.
    """
    first, again = (
        keras.initializers.GlorotUniform(seed=seed),
        keras.initializers.Orthogonal(seed=seed),
    )
    inputs = keras.Input((n_days, len(seen)), dtype="float32")
    last = keras.layers.LSTM(
        units, kernel_initializer=first, recurrent_initializer=again, seed=seed, dtype="float32"
    )(inputs)
    kept = keras.layers.Dropout(dropout, seed=seed, dtype="float32")(last)
    today = inputs[:, -1, :] * np.array(seen, dtype=np.float32)
    both = keras.layers.Concatenate(dtype="float32")([kept, today])
    return keras.Model(
        inputs, keras.layers.Dense(1, kernel_initializer="zeros", dtype="float32")(both)
    )


def _libraries() -> tuple[Any, Any]:
    """Keras on JAX, on one thread of the processor. Raises ModelError where they are missing.

    With more threads than one, XLA cuts the sums of a large batch by their number, and the weights
    differ in their last bits.
    """
    os.environ["KERAS_BACKEND"], os.environ["PJRT_NPROC"] = "jax", "1"
    os.environ.setdefault("JAX_PLATFORMS", "cpu")
    try:
        import jax
        import keras
    except ImportError as error:
        raise ModelError("model lstm needs the extra deep: pip install 'bondsig[deep]'") from error
    if keras.backend.backend() != "jax":
        raise ModelError(
            f"model lstm needs Keras on JAX, and it was loaded on {keras.backend.backend()}; set"
            " KERAS_BACKEND=jax"
        )
    return keras, jax
