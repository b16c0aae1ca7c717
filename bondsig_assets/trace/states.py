"""The state of reports at moments: now, and at every change.

Belongs here: reading `Fates` at a moment. Not here: deciding them (`fates.py`).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import polars as pl

from bondsig_assets.trace.fates import FIXED, TRADE, Fates
from bondsig_assets.trace.prices import QUARANTINED, SHIFTED, UNJUDGED

_BUY_LEG, _PRICE_ERROR = FIXED.index("interdealer_buy_leg"), FIXED.index("price_error")


@dataclass(frozen=True)
class States:
    """Arrays [k]: state of report `row[k]` after report `at[k]` arrived: its `code` (a position in
    `Fates.names`; TRADE stands), the report that `cause`d it (-1: none), and its `price` then."""

    row: np.ndarray
    at: np.ndarray
    code: np.ndarray
    cause: np.ndarray
    price: np.ndarray
    verdict: np.ndarray


def states(fates: Fates, row: np.ndarray, at: np.ndarray, sell_leg: np.ndarray) -> States:
    """States of `row` after `at`; `sell_leg` is the sell leg that the report repeats then (-1:
    none).
    """
    judgement, ender = fates.judgement, fates.endings.enders_at(row, at)
    released = (judgement.released_by[row] >= 0) & (judgement.released_by[row] <= at)
    verdict = judgement.verdict[row]
    code = np.where((verdict == QUARANTINED) & ~released, _PRICE_ERROR, TRADE).astype(np.uint8)
    cause = np.full(row.size, -1, dtype=np.int64)
    for condition, states_then, causes in (
        (fates.screened[row] > 0, fates.screened[row], np.int64(-1)),
        (sell_leg >= 0, np.uint8(_BUY_LEG), sell_leg),
        (ender >= 0, fates.ended_states(row, ender), ender),
        (fates.fixed[row] > 0, fates.fixed[row], fates.cause_of_fixed[row]),
    ):
        code = np.where(condition, states_then, code)
        cause = np.where(condition, causes, cause)
    price = np.where((verdict == SHIFTED) & ~released, judgement.price[row], fates.price[row])
    return States(
        row, at, code, cause, price, np.where(released, UNJUDGED - 1, verdict).astype(np.int8)
    )


def now(fates: Fates) -> States:
    """The state of every report after the last one."""
    rows = np.arange(fates.order.size)
    return states(fates, rows, np.full(rows.size, rows.size), fates.legs.sell_leg)


def changed_rows(fates: Fates) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """`row, at, sell_leg` of every arrival that may have changed a report's state: a later one, or
    a buy leg's own.

    Sorted by row and at; `sell_leg` is what the report repeats from then on.
    """
    legs = fates.legs.changes
    told = [
        pl.DataFrame({"row": legs[:, 0], "at": legs[:, 1], "leg": legs[:, 2]}).unique(
            ["row", "at"], keep="last", maintain_order=True
        )
    ]
    again = fates.endings.later
    changes = [
        (again[:, 0], again[:, 1]),
        *(
            (np.flatnonzero(by >= 0), by[by >= 0])
            for by in (fates.endings.ended_by, fates.judgement.released_by)
        ),
    ]
    told += [
        pl.DataFrame({"row": row, "at": at, "leg": None}, schema_overrides={"leg": pl.Int64})
        for row, at in changes
    ]
    frame = pl.concat(told)
    # A change of leg and another change at the same moment are one change.
    frame = (
        frame.group_by("row", "at")
        .agg(pl.col("leg").max())
        .sort("row", "at")
        .filter(pl.col("at") >= pl.col("row"))
    )
    frame = frame.with_columns(pl.col("leg").forward_fill().over("row").fill_null(-1))
    return frame["row"].to_numpy(), frame["at"].to_numpy(), frame["leg"].to_numpy()


def history(fates: Fates) -> States:
    """Every state of every report that differs from the one before, in order of `at`, then
    `row`.
    """
    changed = changed_rows(fates)
    moving = _moving(fates, *changed)
    rows = np.setdiff1d(np.arange(fates.order.size), changed[0])
    still = _frame(states(fates, rows, rows, np.full(rows.size, -1)))
    return _unframed(pl.concat([still, moving]).sort("at", "row"))


def known_until(fates: Fates) -> np.ndarray:
    """Position of the report that made each former trade none; -1 where a report stands, or never
    stood.
    """
    moving = _unframed(_moving(fates, *changed_rows(fates)))
    stands, row = moving.code == TRADE, moving.row
    until = np.full(fates.order.size, -1, dtype=np.int64)
    # Sorted by row and moment: a later end overwrites an earlier one, and who stands at last has
    # none.
    ends = np.flatnonzero(stands[:-1] & ~stands[1:] & (row[:-1] == row[1:])) + 1
    until[row[ends]] = moving.at[ends]
    last = (
        np.append(np.flatnonzero(row[:-1] != row[1:]), row.size - 1)
        if row.size
        else np.zeros(0, dtype=np.int64)
    )
    until[row[last[stands[last]]]] = -1
    return until


def _moving(fates: Fates, row: np.ndarray, at: np.ndarray, leg: np.ndarray) -> pl.DataFrame:
    """States of the reports that later ones may have changed, from arrival on, each unlike the one
    before.
    """
    rows = np.unique(row)
    own = np.full(fates.order.size, -1, dtype=np.int64)
    own[row[at == row]] = leg[at == row]
    late = at > row
    told = pl.concat(
        [
            _frame(states(fates, rows, rows, own[rows])),
            _frame(states(fates, row[late], at[late], leg[late])),
        ]
    ).sort("row", "at")
    unlike = pl.any_horizontal(
        pl.col(name).ne_missing(pl.col(name).shift(1)) for name in ("row", "code", "cause", "price")
    )
    return told.filter(unlike)


_COLUMNS = ("row", "at", "code", "cause", "price", "verdict")


def _frame(these: States) -> pl.DataFrame:
    return pl.DataFrame({name: getattr(these, name) for name in _COLUMNS})


def _unframed(frame: pl.DataFrame) -> States:
    return States(*(frame[name].to_numpy() for name in _COLUMNS))
