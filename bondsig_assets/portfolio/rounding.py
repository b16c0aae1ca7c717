"""Whole shares out of weights: toward what is held, and bounds checked again.

Belongs here: rounding, and the few shares more that keep a bound which rounding alone would pass.
Not here: weights (`optimizer.py`), lots and orders.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from bondsig_assets.arrays import Bools, Floats, Ints
from bondsig_assets.portfolio.optimizer import (
    TOLERANCE,
    BoundValue,
    Problem,
    bound_values,
    relative_prices,
)

#: A trade this near to whole shares is whole: what solving and dividing leave of one.
_WHOLE = 1e-6
#: What solving leaves of a weight at the edge of its box.
_HAIR = 1e-9
#: Moves that are tried in pairs, those first that leave least alone.
_PAIRED = 200
#: What adding up shares does.
_ULPS = 1e-13


@dataclass(frozen=True)
class Rounded:
    """Whole shares [name], their weights, every elastic bound at these, and how many shares were
    traded beyond rounding toward what is held so that bounds are kept.
    """

    shares: Ints
    weights: Floats
    bounds: tuple[BoundValue, ...]
    n_repaired: int


@dataclass(frozen=True)
class _Limits:
    """What the value of each bound may be, [bound], and what a unit beyond it counts."""

    low: Floats
    high: Floats
    allowed: Floats
    price: Floats

    def excess(self, values: Floats) -> Floats:
        """How far values [bound, ...] are beyond what they may be, priced, [...]."""
        shape = (-1, *[1] * (values.ndim - 1))
        low, high, allowed = (one.reshape(shape) for one in (self.low, self.high, self.allowed))
        beyond = np.maximum(np.maximum(values - high, low - values) - allowed, 0.0)
        priced: Floats = np.tensordot(self.price, beyond, axes=1)
        return priced


def whole_shares(
    problem: Problem, weights: Floats, held_shares: Ints, price_usd: Floats, nav_usd: float
) -> Rounded:
    """Shares of `weights`, each trade cut to whole shares toward `held_shares`; [name].

    A trade that was to bring a name back into its own box is cut the other way, if that leads into
    it. A trade cut short may leave a sum of weights beyond a bound that `weights` keep. Then shares
    are added to trades or taken off them, one or two at a time, those that bring most first, as
    long as the name's own box allows it; never is a bound kept by dropping a name or scaling the
    rest. A name without a price keeps its shares and its held weight.
    """
    priced = np.isfinite(price_usd) & (price_usd > 0)
    unit = np.where(priced, price_usd, 0.0) / nav_usd
    wished = np.divide(weights - problem.held, unit, out=np.zeros(unit.shape), where=priced)
    side = np.sign(wished)
    trade = np.trunc(wished + side * _WHOLE)
    # What is held beyond the name's own box must not stay there by less than a share.
    cut = problem.held + trade * unit
    beyond = (cut < problem.low - _HAIR) | (cut > problem.high + _HAIR)
    trade = np.where(beyond & _may(problem, cut, side * unit), trade + side, trade)
    allowed = _allowed(problem, weights)
    trade, n_repaired = _repaired(problem, trade, side, unit, allowed)
    rounded = problem.held + trade * unit
    # Out is out: what selling the last share leaves of a weight is not a position.
    shares = held_shares + trade.astype(np.int64)
    rounded = np.where(priced & (shares == 0), 0.0, rounded)
    return Rounded(shares, rounded, bound_values(problem, rounded), n_repaired)


def _allowed(problem: Problem, weights: Floats) -> Floats:
    """Half-widths that rounding may not pass, [bound]: the bound, or where that gave way already
    as far as it did.
    """
    return np.array([one.slack for one in bound_values(problem, weights)]) + TOLERANCE / 2


def _repaired(
    problem: Problem, trade: Floats, side: Floats, unit: Floats, allowed: Floats
) -> tuple[Floats, int]:
    """Trades with shares added or taken off until no bound is passed or none helps, and how many
    were; bounds give way in the order of KINDS, at the same relative prices as in the solver.
    """
    rows = np.array([one.row for one in problem.exposures]).reshape(
        len(problem.exposures), problem.size
    )
    low, high = (
        np.array([getattr(one, end) for one in bound_values(problem, problem.held)])
        for end in ("low", "high")
    )
    limits = _Limits(low, high, allowed, relative_prices(problem))
    trade, both = trade.copy(), np.r_[side, -side]
    step, row_of = both * np.r_[unit, unit], np.hstack([rows, rows])
    count = 0
    while count <= 2 * problem.size:
        weights = problem.held + trade * unit
        values = np.array([one.value for one in bound_values(problem, weights)])
        excess = float(limits.excess(values))
        # A share more than was cut to, or one less of what is traded.
        may = np.r_[_may(problem, weights, side * unit), _may(problem, weights, -side * unit)]
        may[problem.size :] &= trade != 0
        if excess <= 0 or not may.any():
            return trade, count
        moves = np.flatnonzero(may)
        at, by = weights[moves % problem.size], step[moves]
        is_more = np.where(moves < problem.size, 1, -1)
        change = np.vstack(
            [row_of[:, moves] * by, np.abs(at + by) - np.abs(at), np.abs(by) * is_more]
        )

        chosen = _best_of(moves, values, change, limits, problem.size)
        if not chosen.size:
            return trade, count
        trade[chosen % problem.size] += both[chosen]
        count += chosen.size
    return trade, count


def _best_of(moves: Ints, values: Floats, change: Floats, limits: _Limits, n: int) -> Ints:
    """The move that leaves least of the excess of `values`, or where none lowers it the pair that
    does: bounds that bind together may be mended by no share alone. Empty where no pair does.
    """
    excess = limits.excess(values)
    alone = limits.excess(values[:, None] + change)
    if alone.min() < excess:
        best: Ints = moves[[int(alone.argmin())]]
        return best
    nearest = np.argsort(alone, kind="stable")[:_PAIRED]
    both = limits.excess(
        values[:, None, None] + change[:, nearest, None] + change[:, None, nearest]
    )
    name = moves[nearest] % n
    both[name[:, None] == name[None, :]] = np.inf
    one, other = np.unravel_index(int(both.argmin()), both.shape)
    pair: Ints = moves[nearest[[one, other]]] if both[one, other] < excess else moves[:0]
    return pair


def _may(problem: Problem, weights: Floats, step: Floats) -> Bools:
    """Names that may trade one share more within their box."""
    after = weights + step
    inside = (after >= problem.low - _ULPS) & (after <= problem.high + _ULPS)
    may: Bools = (step != 0) & inside
    return may
