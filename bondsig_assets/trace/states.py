"""The state of reports at moments: now, and at every change.

Belongs here: reading `Outcomes` at a moment. Not here: deciding them (`outcomes.py`).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl

from bondsig_assets.trace.encoding import stable_order
from bondsig_assets.trace.order import Positions
from bondsig_assets.trace.outcomes import FIXED, TRADE, Outcomes
from bondsig_assets.trace.prices import QUARANTINED, SHIFTED, UNJUDGED

_BUY_LEG, _PRICE_ERROR = FIXED.index("interdealer_buy_leg"), FIXED.index("price_error")


@dataclass(frozen=True)
class States:
    """Arrays [k]: state of the report at `position[k]` after the one at `at[k]` arrived: its `code`
    (an index in `Outcomes.names`; TRADE stands), the report that `cause`d it (-1: none), and its
    `price` and `verdict` then.
    """

    position: Positions
    at: Positions
    code: np.ndarray
    cause: Positions
    price: np.ndarray
    verdict: np.ndarray


@dataclass(frozen=True)
class _Changes:
    """Arrays [k], sorted by `position` and `at`: the report at `at[k]` may have changed the one at
    `position[k]`, which repeats `sell_leg[k]` from then on (-1: none).
    """

    position: Positions
    at: Positions
    sell_leg: Positions

    def where(self, held: np.ndarray) -> _Changes:
        """The changes for which `held` is true."""
        return _Changes(
            Positions(self.position[held]),
            Positions(self.at[held]),
            Positions(self.sell_leg[held]),
        )


def states(outcomes: Outcomes, position: Positions, at: Positions, sell_leg: Positions) -> States:
    """States of the reports at `position` after `at`; `sell_leg` is the sell leg that the report
    repeats then (-1: none).
    """
    judgement, ender = outcomes.judgement, outcomes.endings.enders_at(position, at)
    released_by, verdict = judgement.released_by[position], judgement.verdict[position]
    released = (released_by >= 0) & (released_by <= at)
    code = np.where((verdict == QUARANTINED) & ~released, _PRICE_ERROR, TRADE).astype(np.uint8)
    cause = np.full(position.size, -1, dtype=np.int64)
    screened, fixed = outcomes.screened[position], outcomes.fixed[position]
    # The last condition that holds decides: it is the first in the order of `outcomes.py`.
    for condition, states_then, causes in (
        (screened > 0, screened, np.int64(-1)),
        (sell_leg >= 0, np.uint8(_BUY_LEG), sell_leg),
        (ender >= 0, outcomes.ended_states(position, ender), ender),
        (fixed > 0, fixed, outcomes.cause_of_fixed[position]),
    ):
        code = np.where(condition, states_then, code)
        cause = np.where(condition, causes, cause)
    is_shifted = (verdict == SHIFTED) & ~released
    price = np.where(is_shifted, judgement.price[position], outcomes.price[position])
    verdict_then = np.where(released, UNJUDGED - 1, verdict).astype(np.int8)
    return States(position, at, code, Positions(cause), price, verdict_then)


def now(outcomes: Outcomes) -> States:
    """The state of every report after the last one."""
    everyone = _all_positions(outcomes)
    after_all = Positions(np.full(everyone.size, everyone.size))
    return states(outcomes, everyone, after_all, outcomes.legs.sell_leg)


def history(outcomes: Outcomes) -> States:
    """Every state of every report that differs from the one before, in order of `at`, then
    `position`.
    """
    changes = _changes(outcomes)
    moving = _moving(outcomes, changes)
    is_still = np.ones(outcomes.order.size, dtype=bool)
    is_still[changes.position] = False
    unmoved = Positions(np.flatnonzero(is_still))
    still = _frame(states(outcomes, unmoved, unmoved, _none(unmoved.size)))
    return _unframed(pl.concat([still, moving]).sort("at", "position"))


def known_until(outcomes: Outcomes) -> Positions:
    """Position of the report that made each former trade none; -1 where a report stands, or never
    stood.
    """
    moving = _unframed(_moving(outcomes, _changes(outcomes)))
    stands, position = moving.code == TRADE, moving.position
    until = _none(outcomes.order.size)
    # Sorted by position and moment: a later end overwrites an earlier one, and who stands at last
    # has none.
    goes_on = position[:-1] == position[1:]
    ends = np.flatnonzero(stands[:-1] & ~stands[1:] & goes_on) + 1
    until[position[ends]] = moving.at[ends]
    is_last = np.append(~goes_on, True)[: position.size]
    until[position[is_last & stands]] = -1
    return until


def _all_positions(outcomes: Outcomes) -> Positions:
    return Positions(np.arange(outcomes.order.size))


def _none(n: int) -> Positions:
    return Positions(np.full(n, -1, dtype=np.int64))


def _changes(outcomes: Outcomes) -> _Changes:
    """Every arrival that may have changed a report's state: a later one, or a buy leg's own."""
    legs, again, unsaid = outcomes.legs.changes, outcomes.endings.later, -2
    changes = [(again[:, 0], again[:, 1], np.full(len(again), unsaid))]
    for by in (outcomes.endings.ended_by, outcomes.judgement.released_by):
        is_changed = by >= 0
        changes.append(
            (np.flatnonzero(is_changed), by[is_changed], np.full(is_changed.sum(), unsaid))
        )
    changes.append((legs[:, 0], legs[:, 1], legs[:, 2]))
    position, at, leg = (np.concatenate(parts) for parts in zip(*changes, strict=True))
    moment = position * (outcomes.order.size + 1) + at
    order = stable_order(moment)
    # A change of leg and another change at the same moment are one change: the last that is said of
    # legs, which come behind the others.
    moment = moment[order]
    is_last = np.append(moment[1:] != moment[:-1], True)[: moment.size]
    order = order[is_last & (at >= position)[order]]
    position, leg = position[order], leg[order]
    return _Changes(
        Positions(position),
        Positions(at[order]),
        Positions(_carried(leg, leg != unsaid, position)),
    )


def _carried(values: np.ndarray, is_said: np.ndarray, group: np.ndarray) -> np.ndarray:
    """Each value or, where none is said, the last one said before it in its group, else -1; groups
    are runs of equal numbers.
    """
    places = np.arange(values.size)
    said_at = np.maximum.accumulate(np.where(is_said, places, -1))
    begins = np.append(True, group[1:] != group[:-1])[: group.size]
    begun_at = np.maximum.accumulate(np.where(begins, places, 0))
    return np.where(said_at >= begun_at, values[said_at], -1)


def _moving(outcomes: Outcomes, changes: _Changes) -> pl.DataFrame:
    """States of the reports that later ones may have changed, from arrival on, each unlike the one
    before.
    """
    # Sorted already: `np.unique` would hash half a million numbers.
    position = changes.position
    is_first = np.append(True, position[1:] != position[:-1])[: position.size]
    arrivals = Positions(position[is_first])
    own = changes.at == changes.position
    sell_leg = _none(outcomes.order.size)
    sell_leg[changes.position[own]] = changes.sell_leg[own]
    late = changes.where(~own)
    every = pl.concat(
        [
            _frame(states(outcomes, arrivals, arrivals, Positions(sell_leg[arrivals]))),
            _frame(states(outcomes, late.position, late.at, late.sell_leg)),
        ]
    ).sort("position", "at")
    unlike = pl.any_horizontal(
        pl.col(name).ne_missing(pl.col(name).shift(1))
        for name in ("position", "code", "cause", "price")
    )
    return every.filter(unlike)


_COLUMNS = ("position", "at", "code", "cause", "price", "verdict")


def _frame(these: States) -> pl.DataFrame:
    return pl.DataFrame({name: getattr(these, name) for name in _COLUMNS})


def _unframed(frame: pl.DataFrame) -> States:
    """The states that `_frame` made a frame of."""
    columns: dict[str, Any] = {name: frame[name].to_numpy() for name in _COLUMNS}
    return States(**columns)
