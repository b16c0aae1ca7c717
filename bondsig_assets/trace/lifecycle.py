"""Message lifecycle: which report ends which trade, both regimes as one graph.

Belongs here: cancels, corrections and reversals of any length and date. Not here: double
counting (`interdealer.py`), whether a standing trade is any good (`screens.py`, `prices.py`).

Reports are taken in the order in which they became known, and each ends what it ends once
and for all: a later report never changes what followed from an earlier one.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import polars as pl

from bondsig_assets.trace.encoding import (
    AGAINST,
    CANCELS,
    CORRECTS,
    NULL,
    OPENS,
    POINTED_CORRECTION,
    REPLACES,
    REVERSES,
    Encoded,
    mix,
    stable_order,
)
from bondsig_assets.trace.order import Positions


@dataclass(frozen=True)
class Endings:
    """Arrays [position] of positions, -1 for none.

    `ended_by`: the report that ended this trade first; `target`: the report that this one ended, or
    would have ended had it stood; `has_ended`: whether it did; `is_stillborn`: a correction of a
    trade that was cancelled before. `later` [n, 3]: what became of ended trades when their reversal
    was cancelled itself, as (trade, report that changed it, its ender from then on or -1), sorted.
    """

    ended_by: Positions
    target: Positions
    has_ended: np.ndarray
    is_stillborn: np.ndarray
    later: np.ndarray

    def enders_at(self, position: Positions, at: Positions) -> Positions:
        """The report that had ended each one at `position` once report `at` had arrived, -1 where
        it had not ended.
        """
        ended_by = self.ended_by[position]
        ender = np.where((ended_by >= 0) & (ended_by <= at), ended_by, -1)
        if not self.later.size:
            return Positions(ender)
        trade, changed_at, ender_then = self.later.T
        scale = self.ended_by.size + 1
        newest = (
            np.searchsorted(trade * scale + changed_at, position * scale + at, side="right") - 1
        )
        has_changed = (newest >= 0) & (trade[newest] == position)
        return Positions(np.where(has_changed, ender_then[newest], ender))


class Candidates(NamedTuple):
    """Reports that share a key with an ender, in order of knowledge: those of the k-th ender are
    `positions[low[k]:high[k]]`. A named tuple, because compiled code takes one whole.
    """

    positions: np.ndarray
    low: np.ndarray
    high: np.ndarray


def match_endings(terms: Encoded, usable: np.ndarray, cut_day: int) -> Endings:
    """For each cancel, correction and reversal the trade it ends, one to one.

    `usable` [position] leaves out reports that take no part (faults, duplicates); `cut_day` is the
    report day from which the fields of 2012 are used. In this order:

    1. by message number: today's X and C carry the number of what they end and repeat its terms (a
       null on either side matches), or name its report date; a Y points at it; before the cut, and
       in the dissemination feeds, C and W point at a message of the same report date (or of the
       original dissemination date), and what points at a corrected message means its newest
       correction;
    2. by first control number: the newest open trade of the same chain;
    3. by terms without the message number: as-of reversals of before the cut, a Y whose original
       is from before it (Dick-Nielsen & Poulsen 2019), and enders without a number. Same execution
       time first, then the smallest gap, always reported before.
    """
    from bondsig_assets.trace.lifecycle_kernel import end_trades

    opening = np.flatnonzero(terms.opens & usable)
    enders = np.flatnonzero(usable & (terms.role > OPENS))
    role, number = terms.role[enders], _named_number(terms, enders)
    numbered = np.flatnonzero((terms.opens | (terms.role == AGAINST)) & usable)
    by_number = _candidates(
        lambda: mix(terms.cusip[numbered], terms.number[numbered]),
        numbered,
        lambda: mix(terms.cusip[enders], number),
        number != NULL,
    )
    by_chain = _candidates(
        lambda: _chain_key(terms, opening),
        opening,
        lambda: mix(terms.cusip[enders], terms.first_day[enders], terms.first_number[enders]),
        (terms.first_number[enders] != NULL) & (role > OPENS) & (role <= REVERSES),
    )
    loose = (
        (role == AGAINST)
        | (role == REVERSES)
        | (number == NULL) & ~np.isin(role, (REPLACES, POINTED_CORRECTION))
    )
    by_terms = _candidates(
        lambda: _terms_key(terms, opening), opening, lambda: _terms_key(terms, enders), loose
    )
    ended_by, target, has_ended, stillborn, later = end_trades(
        enders, number, by_number, by_chain, by_terms, terms, cut_day
    )
    return Endings(
        ended_by, target, has_ended, stillborn, later[np.lexsort((later[:, 1], later[:, 0]))]
    )


def _named_number(terms: Encoded, enders: np.ndarray) -> np.ndarray:
    """The message number by which each ender names what it ends, NULL where it names none."""
    role, original = terms.role[enders], terms.original[enders]
    pointing = np.isin(role, (REVERSES, REPLACES)) | (role > REVERSES) & (role != AGAINST)
    # A cancel whose own number is new names its trade by the prior reference.
    named = (
        np.isin(role, (CANCELS, CORRECTS)) & (original != NULL) & (terms.prior_day[enders] != NULL)
    )
    number = np.where(pointing | named, original, terms.number[enders])
    # A reversal points at nothing, unless it corrects another one.
    of_reversal = np.where(terms.corrects[enders], original, NULL)
    return np.where(role == AGAINST, of_reversal, number)


def _terms_key(terms: Encoded, rows: np.ndarray) -> np.ndarray:
    """Bond, execution date, price, par, side and contra; not the time, which reversals often
    change.
    """
    return mix(
        terms.cusip[rows],
        terms.execution_day[rows],
        terms.price[rows],
        terms.par[rows],
        terms.side[rows],
        terms.contra[rows],
    )


def _chain_key(terms: Encoded, rows: np.ndarray) -> np.ndarray:
    """Bond and first control number; a report without one is the first of its chain."""
    is_first = terms.first_number[rows] == NULL
    day = np.where(is_first, terms.report_day[rows], terms.first_day[rows])
    return mix(
        terms.cusip[rows], day, np.where(is_first, terms.number[rows], terms.first_number[rows])
    )


def _candidates(
    keys_of: Callable[[], np.ndarray],
    rows: np.ndarray,
    wanted_by: Callable[[], np.ndarray],
    asked: np.ndarray,
) -> Candidates:
    """The `rows` whose key is wanted by an ender that `asked`, in order of knowledge within a
    key.
    """
    if not asked.any():
        nothing = np.zeros(asked.size, dtype=np.int64)
        return Candidates(np.zeros(0, dtype=np.int64), nothing, nothing)
    keys, wanted = keys_of(), wanted_by()
    held = pl.Series(keys).is_in(pl.Series(wanted[asked]).unique().implode()).to_numpy()
    keys, rows = keys[held], rows[held]
    order = stable_order(keys)
    keys, rows = keys[order], rows[order]
    low = np.where(asked, np.searchsorted(keys, wanted, side="left"), 0)
    high = np.where(asked, np.searchsorted(keys, wanted, side="right"), 0)
    return Candidates(rows, low, high)
