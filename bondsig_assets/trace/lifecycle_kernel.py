"""The pass over enders in order of knowledge, compiled.

Belongs here: the loop that takes one ender after the other, and its three stages: by message
number, by first control number, by terms. Not here: how candidates are found (`lifecycle.py`).
Imported only where it runs: numba takes a second.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, NamedTuple, Protocol, TypeVar

import numpy as np
from numba import njit
from numba.extending import register_jitable

from bondsig_assets.trace.encoding import (
    AGAINST,
    CANCELS,
    CORRECTS,
    NULL,
    POINTED_CANCEL,
    POINTED_CORRECTION,
    REPLACES,
    REVERSES,
    Encoded,
)
from bondsig_assets.trace.lifecycle import Candidates
from bondsig_assets.trace.order import Position

NONE = Position(-1)
_FAR = np.iinfo(np.int64).max
_Part = TypeVar("_Part", bound=Callable[..., Any])


def _stage(part: _Part) -> _Part:
    """A part of the pass. It makes no array, and so counts no references to those it is given:
    counting them at every call would take eight times as long as the work.
    """
    register_jitable(_nrt=False)(part)
    return part


class _ByPosition(Protocol):
    """An array [position]: an index of anything else is an error that mypy sees."""

    def __getitem__(self, at: Position, /) -> Position: ...
    def __setitem__(self, at: Position, value: Position | bool, /) -> None: ...


class _Endings(NamedTuple):
    """What the pass has found so far, NONE or false where nothing.

    `first_ended_by`, `target`, `has_ended`, `is_stillborn`: as in `lifecycle.Endings`; `ended_by`:
    the report that ends this trade as of now; `replaced_by`: the correction that took its place;
    `reversal`: the report whose ending a reversal, or a correction of one, stands for.
    """

    first_ended_by: _ByPosition
    ended_by: _ByPosition
    replaced_by: _ByPosition
    target: _ByPosition
    reversal: _ByPosition
    has_ended: _ByPosition
    is_stillborn: _ByPosition


class _Numbered(NamedTuple):
    """What a message number leads to, NONE where to nothing: the open trade that fits best, the
    first one that is over (`dead`), a reversal to be `undone`, and one that is `corrected`.
    """

    trade: Position
    dead: Position
    undone: Position
    corrected: Position


@njit(cache=True, nogil=True)
def end_trades(
    enders: np.ndarray,
    number: np.ndarray,
    by_number: Candidates,
    by_chain: Candidates,
    by_terms: Candidates,
    terms: Encoded,
    cut_day: int,
) -> tuple[Any, Any, Any, Any, np.ndarray]:  # pragma: no cover
    """The arrays of `lifecycle.Endings`; `number` [ender]: the message number it names."""
    so_far = _nothing_ended(terms.role.size)
    # No ender changes more than one trade that had ended before.
    later = np.empty((enders.size, 3), dtype=np.int64)
    n_later = 0
    for k in range(enders.size):
        ender = enders[k]
        so_far.reversal[ender] = ender
        candidates = by_number.positions[by_number.low[k] : by_number.high[k]]
        found = _by_number(ender, number[k], candidates, terms, so_far)
        if found.undone >= 0 and found.trade < 0 and found.dead < 0:
            trade = _undo_reversal(ender, found.undone, so_far)
            if trade >= 0:
                later[n_later, 0], later[n_later, 1], later[n_later, 2] = trade, ender, NONE
                n_later += 1
            continue
        trade = found.trade
        if trade < 0 and (
            found.dead < 0 or _may_mean_a_correction(ender, found.dead, terms, so_far)
        ):
            candidates = by_chain.positions[by_chain.low[k] : by_chain.high[k]]
            trade = _newest_of_chain(ender, candidates, so_far)
        if trade < 0 and found.dead < 0:
            candidates = by_terms.positions[by_terms.low[k] : by_terms.high[k]]
            since_cut = terms.role[ender] == REVERSES and number[k] != NULL
            before = cut_day if since_cut else _FAR
            trade = _nearest_by_terms(ender, candidates, before, terms, so_far)
        if trade >= 0:
            if _end(ender, trade, found.corrected, terms, so_far):
                later[n_later, 0], later[n_later, 1], later[n_later, 2] = trade, ender, ender
                n_later += 1
        elif found.dead >= 0:
            _come_too_late(ender, found.dead, terms, so_far)
    return (
        so_far.first_ended_by,
        so_far.target,
        so_far.has_ended,
        so_far.is_stillborn,
        later[:n_later],
    )


@njit(cache=True, nogil=True)
def _nothing_ended(n: int) -> _Endings:  # pragma: no cover
    return _Endings(
        np.full(n, -1, dtype=np.int64),
        np.full(n, -1, dtype=np.int64),
        np.full(n, -1, dtype=np.int64),
        np.full(n, -1, dtype=np.int64),
        np.full(n, -1, dtype=np.int64),
        np.zeros(n, dtype=np.bool_),
        np.zeros(n, dtype=np.bool_),
    )


@_stage
def _by_number(
    ender: Position,
    number: int,
    candidates: Iterable[Position],
    terms: Encoded,
    so_far: _Endings,
) -> _Numbered:  # pragma: no cover
    """The first stage: reports of the message number that the ender names."""
    best, dead, undone, corrected = NONE, NONE, NONE, NONE
    best_rank = -1
    role = terms.role[ender]
    is_pointed = role in (POINTED_CANCEL, POINTED_CORRECTION)
    day = terms.prior_day[ender] if terms.prior_day[ender] != NULL else terms.report_day[ender]
    for report in candidates:
        if report >= ender:
            break
        if terms.number[report] != number:
            continue
        if terms.role[report] == AGAINST or role == AGAINST:
            # A correction of a reversal that has found its trade has nothing left to end.
            if terms.role[report] == role and terms.report_day[report] == terms.report_day[ender]:
                corrected = report
                if so_far.target[report] >= 0:
                    dead = so_far.target[report]
                    so_far.reversal[ender] = so_far.reversal[report]
            elif role == POINTED_CANCEL and terms.report_day[report] == day:
                undone = report
            continue
        rank = _rank(ender, report, day, is_pointed, terms)
        if rank < 0:
            continue
        if is_pointed:
            while so_far.replaced_by[report] >= 0:
                report = so_far.replaced_by[report]
        if so_far.ended_by[report] >= 0:
            if dead < 0:
                dead = report
        elif rank > best_rank:
            best, best_rank = report, rank
    return _Numbered(best, dead, undone, corrected)


@_stage
def _rank(
    ender: Position, report: Position, day: int, is_pointed: bool, terms: Encoded
) -> int:  # pragma: no cover
    """How well a report of the right number fits what the ender says of it; -1: not at all."""
    prior_day, report_day = terms.prior_day[ender], terms.report_day[report]
    if is_pointed:
        return 0 if report_day == day else -1
    if terms.role[ender] == REPLACES:
        return 0 if prior_day != NULL and report_day == prior_day else -1
    named = prior_day != NULL and report_day == prior_day
    alike = (
        terms.execution_day[report] == terms.execution_day[ender]
        and terms.price[report] == terms.price[ender]
        and terms.par[report] == terms.par[ender]
        and _same_or_null(terms.executed[report], terms.executed[ender], NULL)
        and _same_or_null(terms.side[report], terms.side[ender], -1)
        and _same_or_null(terms.contra[report], terms.contra[ender], -1)
    )
    if not (named or alike):
        return -1
    exact = (
        terms.executed[report] == terms.executed[ender]
        and terms.side[report] == terms.side[ender]
        and terms.contra[report] == terms.contra[ender]
    )
    rank: int = 4 * named + 2 * alike + 1 * exact
    return rank


@_stage
def _same_or_null(a: int, b: int, null: int) -> bool:  # pragma: no cover
    return null in (a, b) or a == b


@_stage
def _may_mean_a_correction(
    ender: Position, dead: Position, terms: Encoded, so_far: _Endings
) -> bool:  # pragma: no cover
    """What names a corrected trade may mean its correction; what ends a cancelled one again means
    nothing.
    """
    by = terms.role[so_far.ended_by[dead]]
    return by in (CORRECTS, REPLACES) and terms.role[ender] != CORRECTS


@_stage
def _newest_of_chain(
    ender: Position, candidates: Iterable[Position], so_far: _Endings
) -> Position:  # pragma: no cover
    """The second stage: the newest open trade of the ender's first control number."""
    newest = NONE
    for report in candidates:
        if report >= ender:
            break
        if so_far.ended_by[report] < 0:
            newest = report
    return newest


@_stage
def _nearest_by_terms(
    ender: Position,
    candidates: Iterable[Position],
    before: int,
    terms: Encoded,
    so_far: _Endings,
) -> Position:  # pragma: no cover
    """The third stage: the open trade of equal terms, reported on a day `before`, that was executed
    nearest to what the ender says.
    """
    nearest, smallest = NONE, _FAR
    role = terms.role[ender]
    asks_for_the_time = role in (CANCELS, CORRECTS, POINTED_CANCEL)
    for report in candidates:
        if report >= ender:
            break
        if (
            so_far.ended_by[report] >= 0
            or terms.execution_day[report] != terms.execution_day[ender]
            or terms.price[report] != terms.price[ender]
            or terms.par[report] != terms.par[ender]
            or terms.side[report] != terms.side[ender]
            or terms.contra[report] != terms.contra[ender]
            or terms.report_day[report] >= before
            or (asks_for_the_time and terms.executed[report] != terms.executed[ender])
        ):
            continue
        gap = _gap(terms.executed[report], terms.executed[ender])
        if nearest < 0 or gap < smallest:
            nearest, smallest = report, gap
    return nearest


@_stage
def _gap(a: int, b: int) -> int:  # pragma: no cover
    """Distance of two moments; an unknown one is further than any known."""
    if a == NULL or b == NULL:
        return _FAR
    return abs(a - b)


@_stage
def _end(
    ender: Position, trade: Position, corrected: Position, terms: Encoded, so_far: _Endings
) -> bool:  # pragma: no cover
    """Ends a trade; whether it had been ended before and stood again since. `corrected`: the
    reversal that the ender is a correction of.
    """
    so_far.ended_by[trade] = ender
    so_far.target[ender] = trade
    so_far.has_ended[ender] = True
    if corrected >= 0:
        so_far.reversal[corrected] = ender
    if terms.role[ender] in (POINTED_CORRECTION, REPLACES):
        so_far.replaced_by[trade] = ender
    if so_far.first_ended_by[trade] >= 0:
        return True
    so_far.first_ended_by[trade] = ender
    return False


@_stage
def _come_too_late(
    ender: Position, dead: Position, terms: Encoded, so_far: _Endings
) -> None:  # pragma: no cover
    """What names a trade that is over already: a correction of it is stillborn.

    Today's C ends the original, then the R arrives: that R is no correction of a dead trade.
    """
    so_far.target[ender] = dead
    if terms.role[ender] == POINTED_CORRECTION:
        so_far.is_stillborn[ender] = True
        so_far.ended_by[ender] = so_far.ended_by[dead]
        so_far.first_ended_by[ender] = so_far.ended_by[dead]


@_stage
def _undo_reversal(
    ender: Position, undone: Position, so_far: _Endings
) -> Position:  # pragma: no cover
    """The cancel of a reversal: its trade, which stands again, if it is still this reversal that
    ends it, else NONE.
    """
    so_far.target[ender] = undone
    so_far.has_ended[ender] = True
    reversal = so_far.reversal[undone]
    trade = so_far.target[reversal]
    if trade < 0 or so_far.ended_by[trade] != reversal:
        return NONE
    so_far.ended_by[trade] = NONE
    return trade
