"""Estimating the credit-news model's parameters from the days before a quarter.

Belongs here: moments, mixtures and regressions over what the filter showed. Not here: the filter
(`filter_kernel.py`) and the parameters' meaning (`parameters.py`).

Two passes of the filter: one without the stock, from which its part in the level's moves is
regressed; one with it, from which the size of news, the noise of prices and the stock's delayed
answer follow. Every estimate is drawn to a prior by a stated number of observations, so a market
of a few days, or of a few names, has the prior's.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from bondsig_assets.arrays import Bools, Floats
from bondsig_assets.features.news import filter_kernel as fk
from bondsig_assets.features.news import posterior_kernel as pk
from bondsig_assets.features.news.observations import Observations
from bondsig_assets.features.news.parameters import Grade, NewsParameters

#: Age at which what moved a level is well seen, and dated back to its day.
AGE = 2
#: Days of the pass that are not used: offsets are still being found.
WARM_UP = 21
#: Rows that draw a grade's coefficients to those of all, and all to nothing.
_BETA_ROWS = 2000.0
#: Days without and with news that the mixture's prior counts as.
_QUIET_DAYS, _NEWS_DAYS = 500.0, 25.0
#: A move beyond this in logs is cut: one collapse would set the size of all news.
_MOST_MOVE = 0.2
#: Share of its prior variance that an innovation must have lost to count as seen.
_LEAST_SEEN = 0.1
_ROUNDS = 200
_CHANCES = (0.002, 0.2)
#: Bond days that the prior of price noise and bounce counts as.
_NOISE_ROWS = 200.0
_MOST_SQUARED = 9.0


def estimate(
    observations: Observations, last: int, start: int = 0, prior: NewsParameters | None = None
) -> NewsParameters:
    """Parameters from the days `start` … `last` (positions) as they were known SETTLED_DAYS after
    each: `last` must lie that long before the first day they are used for.
    """
    found = prior or NewsParameters()
    if last - start < WARM_UP + AGE:
        return found
    without_stock = replace(
        found, grades=tuple(replace(g, stock_beta=(0.0,) * fk.STOCK_LAGS) for g in found.grades)
    )
    seen = _History(observations, without_stock, start, last)
    found = replace(found, grades=seen.with_noise(seen.with_news(seen.with_stock(found.grades))))
    seen = _History(observations, found, start, last)
    found = replace(found, grades=seen.with_noise(seen.with_news(found.grades)))
    return replace(found, grades=seen.with_reaction(found.grades))


class _History:
    """One pass of the filter, and what can be learned from it."""

    def __init__(
        self, observations: Observations, parameters: NewsParameters, start: int, last: int
    ) -> None:
        self._o, self._start, self._last = observations, start, last
        self._of_grade = parameters.of_grade
        self.mean, self.cov, self.seen, self.innovations = fk.history(
            *(start, last, *observations.arguments(parameters))
        )
        days = np.arange(start + WARM_UP, last - AGE + 1)
        self._days = days
        at = days + AGE - start
        q = self._of_grade[:, fk.QUIET] + self._of_grade[:, fk.CHANCE] * self._of_grade[:, fk.JUMP]
        self._grade = observations.grade[days]
        prior = q[self._grade]
        m, v = self.mean[at, :, AGE], self.cov[at, :, AGE, AGE]
        lost = 1.0 - v / prior
        with np.errstate(divide="ignore", invalid="ignore"):
            self.move = np.clip(m / lost, -_MOST_MOVE, _MOST_MOVE)
            self.variance = v / lost
        self.is_seen = (lost > _LEAST_SEEN) & np.isfinite(m)

    def with_stock(self, grades: tuple[Grade, ...]) -> tuple[Grade, ...]:
        """`grades` with what their levels move for the stock's own returns, each grade's drawn to
        that of all.
        """
        lagged = np.stack(
            [_lag(self._o.stock, j)[self._days] for j in range(fk.STOCK_LAGS)], axis=-1
        )
        usable = self.is_seen & np.isfinite(lagged).all(axis=-1)
        prior = self._prior_of()
        weight = np.where(usable, 1.0 / (prior + np.where(usable, self.variance, 1.0)), 0.0)
        weight = weight / max(weight[usable].mean(), 1e-300) if usable.any() else weight
        x = np.nan_to_num(lagged)
        y = np.where(usable, self.move, 0.0)

        def moments(rows: Bools) -> tuple[Floats, Floats]:
            w = weight[rows]
            weighed = x[rows] * w[:, None]
            # Not BLAS, whose bits hang on its threads.
            return np.einsum("ri,rj->ij", weighed, x[rows]), np.einsum("ri,r->i", weighed, y[rows])

        scale = float(np.mean(x[usable] ** 2)) if usable.any() else 1.0
        ridge = _BETA_ROWS * scale * np.eye(fk.STOCK_LAGS)
        gram, product = moments(usable)
        pooled = np.linalg.solve(gram + 0.1 * ridge, product)
        out = []
        for g, grade in enumerate(grades):
            gram, product = moments(usable & (self._grade == g))
            own = np.linalg.solve(gram + ridge, product + ridge @ pooled)
            out.append(replace(grade, stock_beta=tuple(float(b) for b in own)))
        return tuple(out)

    def _prior_of(self) -> Floats:
        of = self._of_grade
        prior: Floats = (of[:, fk.QUIET] + of[:, fk.CHANCE] * of[:, fk.JUMP])[self._grade]
        return prior

    def with_news(self, grades: tuple[Grade, ...]) -> tuple[Grade, ...]:
        """`grades` with the mixture of quiet days and news that their moves look like."""
        out = []
        for g, grade in enumerate(grades):
            rows = self.is_seen & (self._grade == g)
            quiet, chance, jump = mixture(
                self.move[rows],
                self.variance[rows],
                (grade.quiet_variance, grade.news_chance, grade.news_variance),
            )
            out.append(replace(grade, quiet_variance=quiet, news_chance=chance, news_variance=jump))
        return tuple(out)

    def with_noise(self, grades: tuple[Grade, ...]) -> tuple[Grade, ...]:
        """`grades` with the noise of prices and what customers' buying adds to them, from what
        bond days showed beyond expectation.
        """
        rows = np.flatnonzero(np.isfinite(self.innovations[:, 0]))
        values = self._o.values[rows]
        surprise, expected = self.innovations[rows, 0], self.innovations[rows, 1]
        grade = self._grade_of_rows(rows)
        per_point = values[:, fk.BPS_A_POINT]
        points, state_part = surprise / per_point, expected / per_point**2
        out = []
        for g, of in enumerate(grades):
            new = of
            for is_big, bounce_name, noise_name in (
                (False, "small_bounce", "small_noise"),
                (True, "big_bounce", "big_noise"),
            ):
                chosen = (grade == g) & ((values[:, fk.IS_BIG] > 0.5) == is_big)
                total = state_part[chosen] + getattr(of, noise_name) / values[chosen, fk.TRADES]
                total = total + of.fixed_noise
                weight = 1.0 / total
                bounce = getattr(of, bounce_name)
                # Surprises are of spreads already corrected by the bounce of the pass.
                x = -values[chosen, fk.IMBALANCE]
                denominator = float((weight * x * x).sum())
                prior = _NOISE_ROWS / max(float(total.mean()), 1e-12) * 0.1 if chosen.any() else 1.0
                step = float((weight * x * points[chosen]).sum()) / (denominator + prior)
                new = replace(new, **{bounce_name: bounce + step})
            new = _with_variances(new, of, points, state_part, values, grade == g)
            out.append(new)
        return tuple(out)

    def _grade_of_rows(self, rows: np.ndarray) -> np.ndarray:
        """Grade of the issuer behind each of `rows` of observations."""
        day = np.empty(self._o.bond.size, dtype=np.int64)
        offsets, of = self._o.offsets[fk.SETTLED_DAYS], self._o.rows
        first = offsets[0]
        day[of[first : offsets[-1]]] = np.repeat(np.arange(offsets.size - 1), np.diff(offsets))
        days, bonds = day[rows], self._o.bond[rows]
        grade: np.ndarray = self._o.grade[days, np.maximum(self._o.parent_of[days, bonds], 0)]
        return grade

    def with_reaction(self, grades: tuple[Grade, ...]) -> tuple[Grade, ...]:
        """`grades` with how their stocks have answered news on the days after it; news as the
        pass's own parameters see it, whose prior is in its moments.
        """
        days = self._days
        at = days + AGE - self._start
        news, _, _ = pk.all_news(
            self.mean[at], self.cov[at], int(days[0]) + AGE, self._o.grade, self._of_grade
        )
        size = -news[:, :, AGE] / self._o.volatility[days]
        later = self._o.stock / self._o.volatility
        out = []
        for g, grade in enumerate(grades):
            slopes, errors = [], []
            for j in range(1, pk.REACTION_DAYS + 1):
                ahead = _lag(later, -j, self._last + 1)[days]
                usable = (self._grade == g) & self.is_seen & np.isfinite(size) & np.isfinite(ahead)
                slope, error = _slope(size, ahead, usable)
                slopes.append(slope)
                errors.append(error)
            shrunk = _shrunk(np.array(slopes), np.array(errors))
            out.append(
                replace(grade, reaction=tuple(map(float, shrunk)), reaction_error=tuple(errors))
            )
        return tuple(out)


def _with_variances(
    new: Grade, of: Grade, points: Floats, state_part: Floats, values: Floats, chosen: Bools
) -> Grade:
    """`new` with the price noise of one grade: squared surprises less what the level's own
    uncertainty explains, regressed on 1, and 1/n of small and of institutional days.
    """
    n, big = values[chosen, fk.TRADES], values[chosen, fk.IS_BIG] > 0.5
    old = np.array([of.fixed_noise, of.small_noise, of.big_noise])
    design = np.column_stack([np.ones(n.size), ~big / n, big / n])
    total = state_part[chosen] + design @ old
    squared = np.minimum(points[chosen] ** 2 / total, _MOST_SQUARED) * total - state_part[chosen]
    weight = 1.0 / total**2
    scale = float(weight.mean()) if n.size else 1.0
    ridge = _NOISE_ROWS * scale * np.eye(3)
    weighed = design * weight[:, None]
    gram = np.einsum("ri,rj->ij", weighed, design) + ridge
    found = np.linalg.solve(gram, np.einsum("ri,r->i", weighed, squared) + ridge @ old)
    fixed, small, large = np.maximum(found, 0.1 * old)
    return replace(new, fixed_noise=float(fixed), small_noise=float(small), big_noise=float(large))


def mixture(
    moves: Floats, variances: Floats, prior: tuple[float, float, float]
) -> tuple[float, float, float]:
    """Quiet variance, chance and variance of news by EM: a move is N(0, q + v) on a quiet day,
    N(0, q + J + v) with news, v its own `variances`. `prior` (q, p, J) counts as _QUIET_DAYS days
    without news and _NEWS_DAYS with it.
    """
    q0, p0, j0 = prior
    q, p, jump = prior
    squares = moves**2
    for _ in range(_ROUNDS):
        quiet, loud = q + variances, q + jump + variances
        log_odds = (
            np.log(p / (1 - p))
            + 0.5 * np.log(quiet / loud)
            + 0.5 * squares * (1 / quiet - 1 / loud)
        )
        is_news = 1 / (1 + np.exp(-np.clip(log_odds, -700, 700)))
        # Expected squares of the quiet part on quiet days, and of the news on the others.
        of_quiet = (q / quiet) ** 2 * squares + q * variances / quiet
        n_quiet = (1 - is_news).sum() + _QUIET_DAYS
        new_q = (((1 - is_news) * of_quiet).sum() + _QUIET_DAYS * q0) / n_quiet
        of_news = (jump / loud) ** 2 * squares + jump * (q + variances) / loud
        n_news = is_news.sum() + _NEWS_DAYS
        new_j = ((is_news * of_news).sum() + _NEWS_DAYS * j0) / n_news
        new_p = (is_news.sum() + _NEWS_DAYS) / (moves.size + _NEWS_DAYS / p0)
        new_p = min(max(new_p, _CHANCES[0]), _CHANCES[1])
        moved = abs(new_q / q - 1) + abs(new_j / jump - 1) + abs(new_p / p - 1)
        q, p, jump = new_q, new_p, new_j
        if moved < 1e-4:
            break
    return float(q), float(p), float(jump)


def _slope(x: Floats, y: Floats, usable: Bools) -> tuple[float, float]:
    """Slope through the origin of y on x [day, parent], and its standard error with days as
    clusters; 0 and infinity without observations.
    """
    x, y = np.where(usable, x, 0.0), np.where(usable, y, 0.0)
    spread = float((x * x).sum())
    if not spread > 0:
        return 0.0, float("inf")
    slope = float((x * y).sum()) / spread
    scores = (x * (y - slope * x)).sum(axis=1)
    return slope, float(np.sqrt((scores * scores).sum())) / spread


def _shrunk(slopes: Floats, errors: Floats) -> Floats:
    """b (1 - 2/z²) where that and b are above 0, else 0: what is not believed is nothing."""
    with np.errstate(divide="ignore", invalid="ignore"):
        kept = np.maximum(slopes, 0.0) * np.maximum(1.0 - 2.0 * (errors / slopes) ** 2, 0.0)
    return np.where(np.isfinite(kept), kept, 0.0)


def _lag(values: Floats, days: int, known: int | None = None) -> Floats:
    """`values` of `days` before (negative: after); NaN where there is no such day, or where it is
    not before `known`.
    """
    out = np.full_like(values, np.nan)
    n = values.shape[0]
    if days >= 0:
        out[days:] = values[: n - days]
    else:
        end = n if known is None else min(known, n)
        out[: max(end + days, 0)] = values[-days:end]
    return out
