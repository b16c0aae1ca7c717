"""Double counting: the two legs of an inter-dealer trade, paired one to one.

Belongs here: which buy leg repeats which sell leg, at any moment. Not here: the message
lifecycle (`lifecycle.py`).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import polars as pl

from bondsig_assets.trace.encoding import Encoded, mix, stable_order
from bondsig_assets.trace.lifecycle import Endings
from bondsig_assets.trace.order import Positions

DEALER = 1
BUY, SELL = 0, 1
#: Further apart than any two moments, and than an unknown one from any.
FAR = np.iinfo(np.int64).max
#: Two sides that one firm reports of one trade carry its one time of execution, but for seconds.
#: The minute is ours: no specification says more than that one report stands for both sides.
SAME_SUBMISSION_SECONDS = 60


@dataclass(frozen=True)
class Legs:
    """`sell_leg` [position]: position of the sell leg that this buy leg repeats now, -1 for none.

    `changes` [n, 3]: (buy leg, position of the report that changed it, sell leg from then on or
    -1), in order of change; a buy leg's state before its first change is "no sell leg".
    """

    sell_leg: Positions
    changes: np.ndarray


def pair_legs(
    terms: Encoded,
    endings: Endings,
    is_leg: np.ndarray,
    is_for_both: np.ndarray,
    reporter: np.ndarray,
    counterparty: np.ndarray,
) -> Legs:
    """Pairs live legs of equal bond, execution date, price and par; the sell leg is the trade.

    `is_leg` [position]: opens a trade between dealers; `is_for_both`: one firm reported it for both
    sides (locked in, given up): such a leg pairs with such a leg alone, at most
    SAME_SUBMISSION_SECONDS away; `reporter`, `counterparty`: hashes of the dealers, 0 where
    unknown: known ones must cross. A pairing is stable: no buy and sell leg are nearer in execution
    time to each other than to their partners. Surplus legs of
    either side stand. When a leg ends, its partner is free again and takes the nearest free leg; a
    leg that stands again seeks one like a new one.
    """
    from bondsig_assets.trace.interdealer_kernel import pair

    rows = np.flatnonzero(is_leg)
    keys = mix(
        terms.cusip[rows],
        terms.execution_day[rows],
        terms.price[rows],
        terms.par[rows],
        is_for_both[rows],
    )
    buys = terms.side[rows] == BUY
    # Only groups with both sides can have pairs: in the dissemination feed there are none.
    with_buys = pl.Series(keys).is_in(pl.Series(keys[buys]).unique().implode()).to_numpy()
    rows, keys = rows[with_buys], keys[with_buys]
    order = stable_order(keys)
    rows, keys = rows[order], keys[order]
    starts = np.append(
        np.flatnonzero(np.append(True, keys[1:] != keys[:-1])) if rows.size else [], rows.size
    ).astype(np.int64)
    events = _events(rows, starts, endings)
    farthest = np.where(is_for_both, SAME_SUBMISSION_SECONDS * 1_000_000, FAR)
    of_group = np.searchsorted(events[:, 0], np.arange(starts.size))
    sell_leg, changes = pair(
        rows,
        starts,
        events,
        of_group,
        endings.ended_by,
        terms.side,
        terms.executed,
        reporter,
        counterparty,
        farthest,
    )
    return Legs(sell_leg, changes)


def _events(rows: np.ndarray, starts: np.ndarray, endings: Endings) -> np.ndarray:
    """Ends and returns of `rows` as (group, position of the report that brings it about, leg, 1 if
    the leg stands from then on).
    """
    group = np.repeat(np.arange(starts.size - 1), np.diff(starts))
    ended_by = endings.ended_by[rows]
    ends = ended_by > rows
    events = np.column_stack(
        [group[ends], ended_by[ends], rows[ends], np.zeros(ends.sum(), dtype=np.int64)]
    )
    if endings.later.size:
        group_of = np.full(endings.ended_by.size, -1, dtype=np.int64)
        group_of[rows] = group
        leg, at, ender = endings.later.T
        again = np.column_stack([group_of[leg], at, leg, ender < 0])[group_of[leg] >= 0]
        events = np.concatenate([events, again])
    return events[np.lexsort((events[:, 1], events[:, 0]))]
