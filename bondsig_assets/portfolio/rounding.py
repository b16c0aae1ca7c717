"""Whole shares out of weights: toward what is held, and bounds checked again.

Belongs here: rounding, and the few shares more that keep a bound which rounding alone would pass.
Not here: weights (`optimizer.py`), lots and orders.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from bondsig_assets.arrays import Bools, Floats, Ints
from bondsig_assets.portfolio.optimizer import TOLERANCE, BoundValue, Problem, bound_values

#: A trade this near to whole shares is whole: what solving and dividing leave of one.
_WHOLE = 1e-6
#: What solving leaves of a weight at the edge of its box.
_HAIR = 1e-9


@dataclass(frozen=True)
class Rounded:
    """Whole shares [name], their weights, every elastic bound at these, and how many shares were
    traded beyond rounding toward what is held so that bounds are kept.
    """

    shares: Ints
    weights: Floats
    bounds: tuple[BoundValue, ...]
    n_repaired: int


def whole_shares(
    problem: Problem, weights: Floats, held_shares: Ints, price_usd: Floats, nav_usd: float
) -> Rounded:
    """Shares of `weights`, each trade cut to whole shares toward `held_shares`; [name].

    A trade that was to bring a name back into its own box is cut the other way, if that leads into
    it. A trade cut short may leave a sum of weights beyond a bound that `weights` keep. Then shares
    are added to trades, one at a time, the one that brings most first, as long as the name's own
    box allows it; never is a bound kept by dropping a name or scaling the rest. A name without a
    price keeps its shares and its held weight.
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
    """Trades with shares added until no bound is passed or none helps, and how many were."""
    rows = np.array([one.row for one in problem.exposures]).reshape(
        len(problem.exposures), problem.size
    )
    low, high = (
        np.array([getattr(one, end) for one in bound_values(problem, problem.held)])
        for end in ("low", "high")
    )
    trade, step = trade.copy(), side * unit
    for count in range(2 * problem.size + 1):
        weights = problem.held + trade * unit
        values = np.array([one.value for one in bound_values(problem, weights)])
        excess = _excess(values, low, high, allowed).sum()
        if excess <= 0:
            return trade, count
        may = _may(problem, weights, step)
        if not may.any():
            return trade, count
        change = np.vstack(
            [
                rows[:, may] * step[may],
                np.abs(weights + step)[may] - np.abs(weights)[may],
                np.abs(step)[may],
            ]
        )
        after = _excess(values[:, None] + change, low[:, None], high[:, None], allowed[:, None])
        best = int(after.sum(axis=0).argmin())
        if after[:, best].sum() >= excess:
            return trade, count
        name = np.flatnonzero(may)[best]
        trade[name] += side[name]
    return trade, 2 * problem.size


def _excess(values: Floats, low: Floats, high: Floats, allowed: Floats) -> Floats:
    """How far each value is beyond what it may be."""
    beyond: Floats = np.maximum(np.maximum(values - high, low - values) - allowed, 0.0)
    return beyond


def _may(problem: Problem, weights: Floats, step: Floats) -> Bools:
    """Names that may trade one share more within their box."""
    after = weights + step
    inside = (after >= problem.low - _HAIR) & (after <= problem.high + _HAIR)
    may: Bools = (step != 0) & inside
    return may
