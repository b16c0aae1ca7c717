"""Issuer days and labels as arrays, once for all folds and models.

Belongs here: what a model may be given of which rows. Not here: which days train (`folds.py`).
Features are standardised within their own day or have a unit of their own, so that a fold's arrays
hold nothing of later days.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from functools import cached_property

import numpy as np
import polars as pl

from bondsig_assets.arrays import Floats, Ints
from bondsig_assets.calendar import CUTOFF, day_number
from bondsig_assets.learning.inputs import (
    ALL_INPUTS,
    in_units,
    in_volatilities,
    normal_scores,
    standardised,
)
from bondsig_assets.learning.labels import KINDS
from bondsig_assets.learning.models.catalogue import OWN_VOLATILITY, Specification
from bondsig_assets.learning.models.interface import Sample
from bondsig_assets.learning.settings import WalkForwardSettings
from bondsig_assets.learning.weights import average_uniqueness
from bondsig_assets.market_rules import MINIMUM_NAMES, STALE_DAYS
from bondsig_assets.tables.issuer_features import ALL_FEATURES


def is_scorable() -> pl.Expr:
    """Whether credit says something fresh: a bond trade within STALE_DAYS, or a CDS quote. An
    issuer without either gets no score.
    """
    return (pl.col("staleness_days") <= STALE_DAYS).fill_null(False) | pl.col(
        "cds_spread_bps"
    ).is_not_null()


@dataclass(frozen=True)
class Dataset:
    """Whole days of issuers in order of (trade_date, parent_id).

    `keys`: trade_date, parent_id, ticker, known_at; `z`: [row, ALL_INPUTS], of `issuer_days` robust
    z-scores, NaN = missing, of `credit_news` own volatilities, 0 = missing; `sigma`: the stock's
    daily volatility in percent, NaN where unknown; `has_cds`: whether a CDS is quoted; `excess`:
    the raw label in percent, NaN without one; `label`: its normal score among the labelled issuers
    of the day, NaN also on days with fewer than MINIMUM_NAMES; `own_label`: the label less its
    day's median in own volatilities over the horizon (`inputs.in_volatilities`), where `label` is;
    `label_end`: calendar position of the close that completes it, -1 without one; `scorable`: fresh
    enough for a score; `horizon`: trading days of the label. All arrays have one entry a row;
    `make_dataset` makes them.

    Examples:
        Sixteen issuers on one day, none with a label yet:

        >>> from datetime import date
        >>> import polars as pl
        >>> from bondsig_assets import LearningSettings, make_dataset
        >>> from bondsig_assets.tables import TABLES
        >>> day = date(2024, 3, 5)
        >>> issuers = [
        ...     {"trade_date": day, "parent_id": f"P{n:02}", "staleness_days": float(n)}
        ...     for n in range(16)
        ... ]
        >>> data = make_dataset(
        ...     pl.DataFrame(issuers, schema=TABLES["issuer_days"].polars_schema),
        ...     TABLES["labels"].empty(),
        ...     LearningSettings().walk_forward,
        ... )
        >>> data.between(None, day).size, data.labelled(None, day).size, int(data.scorable.sum())
        (16, 0, 11)
    """

    keys: pl.DataFrame
    z: Floats
    scorable: np.ndarray
    sigma: np.ndarray
    has_cds: np.ndarray
    excess: np.ndarray
    label: Floats
    own_label: Floats
    label_end: np.ndarray
    horizon: int

    @cached_property
    def day(self) -> np.ndarray:
        """Position of each row's day on the trading calendar."""
        return day_number(self.keys["trade_date"]).to_numpy()

    @cached_property
    def parent(self) -> np.ndarray:
        """Code of each row's parent."""
        return self.keys["parent_id"].rank("dense").to_numpy().astype(np.int64) - 1

    @cached_property
    def _row_at(self) -> np.ndarray:
        """Row of each [day since the first, parent], -1 for none."""
        first = int(self.day.min()) if self.day.size else 0
        table = np.full(
            (
                int(self.day.max()) - first + 1 if self.day.size else 0,
                int(self.parent.max(initial=-1)) + 1,
            ),
            -1,
            dtype=np.int64,
        )
        table[self.day - first, self.parent] = np.arange(self.day.size)
        return table

    def between(self, first: date | None, last: date) -> Ints:
        """Rows dated `first` … `last`, both included; from the beginning when `first` is None."""
        days = self.keys["trade_date"]
        low = days.search_sorted(first, side="left") if first is not None else 0
        return np.arange(low, max(low, days.search_sorted(last, side="right")))

    def labelled(self, first: date | None, last: date) -> Ints:
        """Rows of these days that have a label to learn from."""
        rows = self.between(first, last)
        return rows[np.isfinite(self.label[rows])]

    def recent(self, rows: np.ndarray, specification: Specification) -> np.ndarray:
        """Those of the training `rows` that `specification` learns from: of the newest of their
        trading days, where it forgets.
        """
        if not specification.window_days or not rows.size:
            return rows
        newest: Ints = rows[self.day[rows] > self.day[rows].max() - specification.window_days]
        return newest

    def inputs(self, rows: np.ndarray, specification: Specification) -> np.ndarray:
        """What `specification` sees of `rows`: [row, feature], or [row, day, feature] with the
        oldest day first.

        An issuer without a row on an earlier day was not known then: NaN.
        """
        columns = columns_of(specification)
        if specification.history_days == 1:
            wide: Floats = self.z[np.ix_(rows, columns)]
            return wide
        narrow = np.vstack([self.z[:, columns], np.full((1, columns.size), np.nan)]).astype(
            np.float32
        )
        seen: np.ndarray = narrow[self.seen(rows, specification.history_days)]
        return seen

    def seen(self, rows: np.ndarray, history_days: int) -> np.ndarray:
        """Rows that a look back of `history_days` from each of `rows` meets, [row, day], oldest day
        first; -1 where the issuer had none.
        """
        if history_days == 1 or not rows.size:
            return np.repeat(rows[:, None], history_days, axis=1)
        place = self.day[rows][:, None] - int(self.day.min()) + np.arange(1 - history_days, 1)
        return np.where(
            place >= 0, self._row_at[np.maximum(place, 0), self.parent[rows][:, None]], -1
        )

    def fingerprint(self, rows: np.ndarray, specification: Specification) -> str:
        """Of what `specification` may learn from `rows`, and of nothing else here: inputs, also of
        rows without a label that a sequence looks back on, labels, days and parents.

        Models of one fold with the same inputs ask for the same; it is made once.
        """
        columns, days = columns_of(specification), specification.history_days
        asked = (_digest([rows]), columns.tobytes(), days)
        if asked not in self._fingerprints:
            self._fingerprints[asked] = self._fingerprint(rows, columns, days)
        return self._fingerprints[asked]

    @cached_property
    def _fingerprints(self) -> dict[tuple[str, bytes, int], str]:
        return {}

    def _fingerprint(self, rows: np.ndarray, columns: np.ndarray, history_days: int) -> str:
        seen = np.unique(self.seen(rows, history_days))
        seen = seen[seen >= 0]
        # Codes of the parents of these rows alone: others in the dataset change nothing.
        parents = np.unique(self.parent[seen], return_inverse=True)[1]
        of_rows = (self.label, self.own_label, self.excess, self.scorable, self.has_cds)
        return _digest(
            [
                self.z[np.ix_(seen, columns)],
                self.day[seen],
                parents,
                np.searchsorted(seen, rows),
                *(values[rows] for values in of_rows),
            ]
        )

    def label_of(self, specification: Specification) -> Floats:
        """What `specification` is fitted to, a value a row."""
        return self.own_label if specification.kind.label == OWN_VOLATILITY else self.label

    def sample(self, rows: np.ndarray, specification: Specification, uniqueness: bool) -> Sample:
        """`rows` to learn from, the newest of them where the model forgets; labels that overlap
        others of these rows weigh less, the mean weight being 1.

        Penalties and smallest leaves are in rows: were a row to weigh its fifth of a label, they
        would be five times as strict.
        """
        rows = self.recent(rows, specification)
        weight = (
            average_uniqueness(self.parent[rows], self.day[rows], self.horizon)
            if uniqueness
            else np.ones(rows.size)
        )
        return Sample(
            self.inputs(rows, specification),
            self.label_of(specification)[rows],
            weight / max(float(weight.mean()), 1e-12) if rows.size else weight,
            specification.features,
            float(weight.sum()) if uniqueness else rows.size / self.horizon,
        )


def _digest(arrays: Sequence[np.ndarray]) -> str:
    digest = hashlib.sha256()
    for values in arrays:
        digest.update(np.ascontiguousarray(values).data)
    return digest.hexdigest()


def columns_of(specification: Specification) -> np.ndarray:
    """Columns of `Dataset.z` that a specification sees, in its order."""
    return np.array([ALL_INPUTS.index(name) for name in specification.features], dtype=np.intp)


def make_dataset(
    issuer_days: pl.DataFrame,
    labels: pl.DataFrame,
    settings: WalkForwardSettings,
    credit_news: pl.DataFrame | None = None,
) -> Dataset:
    """The dataset of whole days of `issuer_days` with the labels of the settings' horizon and kind.

    `issuer_days`: rows of that table, all features, in any order. `labels`: rows of that table, of
    any horizons; those beyond `issuer_days` are not looked at. Returns are in percent. `settings`
    says which horizon (trading days) and kind. `credit_news`: rows of that table, in any order;
    issuers and days it does not have, and all of them without it, have no news. Nothing here is
    fitted, so nothing of another day enters a row; a missing column is Polars' ColumnNotFoundError.

    Examples:
        Sixteen issuers, the wider the spread the worse the stock: labels are normal scores within
        their day.

        >>> from datetime import date
        >>> import polars as pl
        >>> from bondsig_assets import LearningSettings, make_dataset
        >>> from bondsig_assets.tables import TABLES
        >>> def rows(table, dicts):
        ...     return pl.DataFrame(dicts, schema=TABLES[table].polars_schema)
        >>> keys = [{"trade_date": date(2024, 3, 5), "parent_id": f"P{n:02}"} for n in range(16)]
        >>> days = [key | {"spread_bps": 100.0 + n} for n, key in enumerate(keys)]
        >>> after = {"horizon_days": 5, "label_end_date": date(2024, 3, 13)}
        >>> labels = [key | after | {"excess_return_pct": -0.1 * n} for n, key in enumerate(keys)]
        >>> settings = LearningSettings().walk_forward
        >>> data = make_dataset(rows("issuer_days", days), rows("labels", labels), settings)
        >>> data.keys.height, data.label.shape
        (16, (16,))
        >>> [round(float(score), 2) for score in data.label[[0, 1, 15]]]
        [1.86, 1.32, -1.86]
    """
    days = issuer_days.sort("trade_date", "parent_id")
    column = KINDS[settings.label]
    known = labels.filter(pl.col("horizon_days") == settings.horizon_days).select(
        "trade_date", "parent_id", "label_end_date", y=column
    )
    joined = days.select("trade_date", "parent_id").join(
        known, on=["trade_date", "parent_id"], how="left", maintain_order="left"
    )
    excess = joined["y"].cast(pl.Float64).fill_null(np.nan).to_numpy()
    labelled = (
        joined.with_row_index("row")
        .filter(pl.col("y").is_finite())
        .filter(pl.len().over("trade_date") >= MINIMUM_NAMES)
    )
    label, end = np.full(days.height, np.nan), np.full(days.height, -1)
    own_label, at = np.full(days.height, np.nan), labelled["row"].to_numpy()
    news, sigma = in_units(days, credit_news)
    label[at] = normal_scores(labelled["trade_date"], labelled["y"])
    own_label[at] = in_volatilities(
        labelled["trade_date"], labelled["y"], sigma[at], label[at], settings.horizon_days
    )
    end[at] = day_number(labelled["label_end_date"]).to_numpy()
    return Dataset(
        keys=days.select(
            "trade_date", "parent_id", "ticker", known_at=pl.col("trade_date").dt.combine(CUTOFF)
        ),
        z=np.column_stack([standardised(days, ALL_FEATURES), news]),
        sigma=sigma,
        has_cds=days.select(pl.col("cds_spread_bps").is_not_null())["cds_spread_bps"].to_numpy(),
        scorable=days.select(keep=is_scorable())["keep"].to_numpy(),
        excess=excess,
        label=label,
        own_label=own_label,
        label_end=end,
        horizon=settings.horizon_days,
    )


def without_information(data: Dataset, rows: np.ndarray) -> dict[str, str]:
    """Features that say nothing on `rows`: name → all missing, or constant."""
    found = {}
    z = data.z[rows]
    for column, name in enumerate(ALL_INPUTS):
        values = z[:, column][np.isfinite(z[:, column])]
        if values.size == 0:
            found[name] = "all missing"
        elif values.min() == values.max():
            found[name] = "constant"
    return found
