"""Whether a feature is still what it was: level, spread, missing share and shape against its own
past.

Belongs here: what a day says of each feature, how far a window of days is from those before it, and
how far windows usually are. Not here: jumps of a single day (`jumps.py`), what models know of it
(`accuracy.py`).

Model inputs are z-scores within a day, in which level and spread cannot be seen; they are watched
raw. Features follow the market and persist, so tables of drift tests, which take rows as
independent, fire in windows where nothing drifts. Here a window of days is compared with the
windows before it, and that distance is ranked among the distances of earlier windows from those
before them: two dozen of them can promise one warning in twenty, and no more.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

import numpy as np
import polars as pl

from bondsig_assets.arrays import Floats, Ints
from bondsig_assets.calendar import CUTOFF, all_trading_days, day_number
from bondsig_assets.learning.inputs import standardised
from bondsig_assets.monitoring.settings import DriftSettings
from bondsig_assets.monitoring.volumes import MISSING_REASONS
from bondsig_assets.tables.monitoring import DRIFT

#: What of a feature is watched, in this order.
KINDS = ("level", "spread", "missing", "shape")
#: Levels of the quantiles that stand for the shape of a day's z-scores.
_LEVELS = np.linspace(0.05, 0.95, 19)
#: A record is told by how many times the next distance it is, and no farther.
_LARGEST_RECORD = 1e6
#: The name of the one number for every feature.
ALL = "all"


@dataclass(frozen=True)
class Shapes:
    """What each day says of each feature: `level` (median), `spread` (log of the MAD) and `missing`
    (angle asin √p of the share that is missing), all [day, feature]; `quantiles` of the z-scores
    [day, level, feature]. NaN where a day has no value of it, or no spread. `days` ascending.
    """

    days: np.ndarray
    features: tuple[str, ...]
    level: Floats
    spread: Floats
    missing: Floats
    quantiles: Floats


def shapes(issuer_days: pl.DataFrame, features: tuple[str, ...]) -> Shapes:
    """Shapes of the days in `issuer_days`, which holds whole days: `trade_date` and `features`."""
    ordered = issuer_days.sort("trade_date", maintain_order=True)
    days = ordered["trade_date"].unique(maintain_order=True).to_numpy().astype("datetime64[D]")
    raw = ordered.select(pl.col(list(features)).cast(pl.Float64).fill_null(np.nan)).to_numpy()
    raw = np.where(np.isfinite(raw), raw, np.nan)
    z = standardised(ordered, features)
    shape = (days.size, len(features))
    level, spread, missing = (np.full(shape, np.nan) for _ in range(3))
    quantiles = np.full((days.size, _LEVELS.size, len(features)), np.nan)
    bounds = np.flatnonzero(np.diff(ordered["trade_date"].to_physical().to_numpy())) + 1
    for k, rows in enumerate(np.split(np.arange(ordered.height), bounds)[: days.size]):
        own = raw[rows]
        n = np.isfinite(own).sum(axis=0)
        level[k] = _quantile(own, n, np.array([0.5]))[0]
        mad = _quantile(np.abs(own - level[k]), n, np.array([0.5]))[0]
        with np.errstate(divide="ignore", invalid="ignore"):
            spread[k] = np.where(mad > 0, np.log(mad), np.nan)
        gone = rows.size - n
        missing[k] = np.arcsin(np.sqrt(gone / rows.size))
        quantiles[k] = _quantile(z[rows], n, _LEVELS)
    return Shapes(days, features, level, spread, missing, quantiles)


def _quantile(values: Floats, n: Ints, levels: Floats) -> Floats:
    """Linear quantiles of the `n` [column] finite values of each column, [level, column]; NaN for
    none.
    """
    ordered = np.sort(values, axis=0)
    place = levels[:, None] * (n - 1)[None, :]
    low = np.clip(np.floor(place).astype(np.int64), 0, max(values.shape[0] - 1, 0))
    high = np.minimum(low + 1, np.maximum(n - 1, 0)[None, :])
    below, above = (np.take_along_axis(ordered, at, axis=0) for at in (low, high))
    found: Floats = np.where(n > 0, below + (place - low) * (above - below), np.nan)
    return found


@dataclass(frozen=True)
class Verdicts:
    """A window against the windows before it, all [kind, feature] but what is of `ALL`.

    `now`, `before`: its mean and theirs, NaN of shapes; `distance` between them; `earlier`: the
    distances of earlier windows, [window, kind, feature]. `score` [window]: the one number of every
    window, the last being the one that is judged.
    """

    now: Floats
    before: Floats
    distance: Floats
    earlier: Floats
    score: Floats


def drift(
    of_days: Shapes,
    evenings: Sequence[date],
    settings: DriftSettings,
    coverage: pl.DataFrame | None = None,
) -> pl.DataFrame:
    """Rows of `drift` for `evenings`: each feature and kind, and one number for all.

    `of_days` reaches back `settings.days` trading days; what is older moves nothing. `coverage`:
    rows of `feature_coverage`, from which the reason is told whose share grew most.
    """
    ordered = sorted(evenings)
    if not ordered:
        return DRIFT.empty()
    numbers = day_number(pl.Series(ordered, dtype=pl.Date)).to_numpy()
    windows = _Windows.of(of_days, int(numbers[0]), int(numbers[-1]), settings)
    columns = [
        _columns(of_days.features, windows.verdicts(int(number)), settings) for number in numbers
    ]
    n_rows = len(KINDS) * len(of_days.features) + 1
    named = pl.DataFrame(
        {
            "trade_date": pl.Series(ordered, dtype=pl.Date).gather(
                np.repeat(np.arange(len(ordered)), n_rows)
            ),
            "feature": (list(of_days.features) * len(KINDS) + [ALL]) * len(ordered),
            "kind": ([kind for kind in KINDS for _ in of_days.features] + [ALL]) * len(ordered),
            **{
                name: np.concatenate([one[name] for one in columns], axis=None)
                for name in columns[0]
            },
        }
    )
    return _rows(named, settings, _Reasons.of(coverage, settings))


@dataclass(frozen=True)
class _Windows:
    """The window that ends with each trading day against those before it, whatever evening asks:
    `now`, `before` [day, kind, feature] without shapes, `distance` [day, kind, feature]; NaN where
    there is none. The days begin with number `first`.
    """

    now: Floats
    before: Floats
    distance: Floats
    first: int
    settings: DriftSettings

    @staticmethod
    def of(of_days: Shapes, start: int, end: int, settings: DriftSettings) -> _Windows:
        """Windows of the evenings `start` … `end` and of every earlier one they are ranked among;
        numbers of trading days.
        """
        days = np.arange(start - settings.days + 1, end + 1)
        known = np.searchsorted(all_trading_days(), of_days.days)
        inside = (known >= days[0]) & (known <= end)
        at = known[inside] - days[0]
        parts = [of_days.level, of_days.spread, of_days.missing]
        plain = np.full((days.size, len(parts), len(of_days.features)), np.nan)
        quantiles = np.full((days.size, _LEVELS.size, len(of_days.features)), np.nan)
        for k, part in enumerate(parts):
            plain[at, k] = part[inside]
        quantiles[at] = of_days.quantiles[inside]
        length, reach = settings.window_days, settings.reference_windows
        plain, quantiles = (
            _means([part[k : k + days.size - length + 1] for k in range(length)])
            for part in (plain, quantiles)
        )
        # Row k is now the window that ends with day `length` - 1 + k.
        earlier = slice(length * reach, None)

        def reference(part: Floats) -> Floats:
            rows = part.shape[0] - length * reach
            return _means([part[length * k : length * k + rows] for k in range(reach)])

        before, usual = reference(plain), reference(quantiles)
        now = plain[earlier]
        gap = np.abs(now - before)
        # What rounding leaves of a constant is no distance.
        of_plain = np.where(gap > 1e-12 * np.abs(before), gap, 0.0 * gap)
        size = usual.std(axis=1)
        moved = np.abs(quantiles[earlier] - usual).mean(axis=1)
        of_shape = np.where(size > 0, moved / np.where(size > 0, size, 1.0), np.nan)
        return _Windows(
            now,
            before,
            np.concatenate([of_plain, of_shape[:, None]], axis=1),
            int(days[0]) + length - 1 + length * reach,
            settings,
        )

    def verdicts(self, number: int) -> Verdicts:
        """The window that ends with day `number`, beside every earlier one that does not overlap
        it.
        """
        last, length = number - self.first, self.settings.window_days
        distances = self.distance[last - length * self.settings.null_windows : last + 1 : length]
        nothing = np.full((1, self.now.shape[2]), np.nan)
        return Verdicts(
            np.vstack([self.now[last], nothing]),
            np.vstack([self.before[last], nothing]),
            distances[-1],
            distances[:-1],
            _one_number(distances),
        )


def _means(parts: Sequence[Floats]) -> Floats:
    """Mean of the finite values among arrays of one shape, place by place, NaN where fewer than
    half are. Added one after the other, so that a range has the bits of its days.
    """
    total, n = np.zeros(parts[0].shape), np.zeros(parts[0].shape, dtype=np.int64)
    for part in parts:
        there = np.isfinite(part)
        total += np.where(there, part, 0.0)
        n += there
    return np.where(2 * n >= len(parts), total / np.maximum(n, 1), np.nan)


def _one_number(distances: Floats) -> Floats:
    """The largest rank of any feature and kind in each window [window]; a record counts for more,
    by how many times the next distance it is. `distances` [window, kind, feature].

    Every window is ranked among the others in the same way, so the newest is one of them.
    """
    flat = distances.reshape(distances.shape[0], -1)
    n = flat.shape[0]
    known = np.where(np.isfinite(flat), flat, -1.0)
    below = (known[:, None, :] > known[None, :, :]).sum(axis=1)
    # A feature that some window lacks would be ranked among fewer; one before all days is none.
    there = np.isfinite(flat).any(axis=1).sum()
    usable = np.isfinite(flat) & (np.isfinite(flat).sum(axis=0) == there)
    second = np.sort(known, axis=0)[-2] if n > 1 else np.zeros(flat.shape[1])
    is_record = (known > second) & (below == n - 1)
    times = known / np.maximum(second, 1e-300)
    beyond = np.log(np.minimum(np.maximum(times, 1.0), _LARGEST_RECORD))
    score = np.where(usable, below / max(n - 1, 1) + np.where(is_record, beyond, 0.0), -np.inf)
    largest: Floats = score.max(axis=1, initial=-np.inf)
    return largest


def _share(now: Floats, earlier: Floats) -> tuple[Floats, Ints]:
    """Rank of `now` from the top among itself and `earlier` [window, …], as a share; and the number
    of earlier ones.
    """
    n = np.isfinite(earlier).sum(axis=0)
    with np.errstate(invalid="ignore"):
        as_far = (earlier >= now).sum(axis=0)
    return np.where(np.isfinite(now), (1 + as_far) / (n + 1), np.nan), n


@dataclass(frozen=True)
class _Reasons:
    """Shares missing for each reason of each feature and day, to say which grew most."""

    coverage: pl.DataFrame | None
    window_days: int
    reference_days: int

    @staticmethod
    def of(coverage: pl.DataFrame | None, settings: DriftSettings) -> _Reasons:
        return _Reasons(
            coverage, settings.window_days, settings.window_days * settings.reference_windows
        )

    def grown(self, evening: date, features: list[str]) -> dict[str, str]:
        """Feature → the reason whose share grew most from the reference to the window."""
        if self.coverage is None or not features:
            return {}
        there = [name for name in MISSING_REASONS if name in self.coverage.columns]
        number = int(day_number(pl.Series([evening], dtype=pl.Date))[0])
        calendar = all_trading_days()
        start, split = (
            calendar[max(number - back + 1, 0)].item()
            for back in (self.window_days + self.reference_days, self.window_days)
        )
        shares = (
            self.coverage.filter(
                pl.col("feature").is_in(features),
                pl.col("trade_date").is_between(start, evening),
                pl.col("n_issuers") > 0,
            )
            .group_by("feature", is_new=pl.col("trade_date") >= split)
            .agg((pl.col(name).fill_null(0) / pl.col("n_issuers")).mean() for name in there)
            .unpivot(there, index=["feature", "is_new"], variable_name="why", value_name="share")
            .group_by("feature", "why")
            .agg(
                growth=pl.col("share").filter("is_new").sum()
                - pl.col("share").filter(~pl.col("is_new")).sum()
            )
            .filter(pl.col("growth") > 0)
            .sort("feature", "growth", "why", descending=[False, True, False])
            .unique("feature", keep="first", maintain_order=True)
        )
        return {
            feature: why.removeprefix("n_")
            for feature, why in shares.select("feature", "why").iter_rows()
        }


def _columns(
    features: tuple[str, ...], found: Verdicts, settings: DriftSettings
) -> dict[str, np.ndarray]:
    """Columns of an evening: each kind and feature, then the one number for all."""
    share, n = _share(found.distance, found.earlier)
    scores = np.where(np.isfinite(found.score), found.score, np.nan)[:, None]
    of_all, n_all = _share(scores[-1], scores[:-1])
    least = np.ceil(1 / settings.warning_share - 1e-9) - 1
    long, now = n >= least, np.isfinite(found.distance)
    reason = np.select([~now, ~long], ["no_values", "short_history"], "")
    earlier = np.where(np.isfinite(found.earlier), found.earlier, np.nan)
    usual, largest = _usual(earlier)
    is_known = bool(np.isfinite(found.score[-1])) and n_all[0] >= least
    all_usual, all_largest = _usual(scores[:-1])
    of_all_reason = "" if is_known else ("short_history" if now.any() else "no_values")

    def column(values: np.ndarray, last: float | str) -> np.ndarray:
        return np.append(values.ravel(), np.array(last))

    return {
        "now": column(found.now, np.nan),
        "before": column(found.before, np.nan),
        "distance": column(found.distance, found.score[-1]),
        "usual_distance": column(usual, all_usual[0]),
        "largest_distance": column(largest, all_largest[0]),
        "n_windows": column(n, n_all[0]),
        "share": column(np.where(long, share, np.nan), of_all[0] if is_known else np.nan),
        "reason": column(reason, of_all_reason),
    }


def _rows(named: pl.DataFrame, settings: DriftSettings, reasons: _Reasons) -> pl.DataFrame:
    """Rows of `drift` from the columns of all evenings."""
    numbers = ["now", "before", "distance", "usual_distance", "largest_distance", "share"]
    is_missing = pl.col("kind") == "missing"
    warned = (
        named.with_columns(
            # Missing shares were compared as angles.
            pl.when(is_missing)
            .then(pl.col("now", "before").sin() ** 2)
            .otherwise(pl.col("now", "before"))
        )
        .with_columns(
            pl.when(pl.col(name).is_finite()).then(pl.col(name)).alias(name) for name in numbers
        )
        .with_columns(
            is_warning=(pl.col("share") <= settings.warning_share + 1e-12).fill_null(value=False),
            reason=pl.when(pl.col("reason") != "").then("reason"),
            known_at=pl.col("trade_date").dt.combine(CUTOFF),
        )
    )
    gone = warned.filter("is_warning", is_missing)
    missing_for = {"trade_date": pl.Date, "feature": pl.String, "missing_for": pl.String}
    told = pl.DataFrame(
        [
            (evening, *one)
            for (evening,), rows in gone.group_by("trade_date")
            for one in reasons.grown(evening, rows["feature"].to_list()).items()
        ],
        schema=missing_for,
        orient="row",
    ).with_columns(kind=pl.lit("missing"))
    rows = warned.join(
        told, on=["trade_date", "feature", "kind"], how="left", maintain_order="left"
    )
    return DRIFT.conform(rows.select(DRIFT.column_names))


def _usual(earlier: Floats) -> tuple[Floats, Floats]:
    """Median and largest of earlier distances [window, …], NaN for none."""
    n = np.isfinite(earlier).sum(axis=0)
    flat = earlier.reshape(earlier.shape[0], -1)
    median = _quantile(flat, n.ravel(), np.array([0.5]))[0].reshape(n.shape)
    largest = np.where(np.isfinite(earlier), earlier, -np.inf).max(axis=0, initial=-np.inf)
    return median, np.where(n > 0, largest, np.nan)
