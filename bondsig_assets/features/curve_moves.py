"""How much the Treasury curve moved since the newest one known: what is wrong in a day's spreads.

Belongs here: the moves, when they became known, and what share of them a day's price holds. Not
here: taking them out of spreads (`replay.py`, `news/`), the curves (`bonds/curves.py`).
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import time

import numpy as np
import polars as pl

from bondsig_assets.arrays import Floats, Ints
from bondsig_assets.bonds.curves import known_curves, par_yields

#: The day's price moves from yesterday's close at the open to today's at the close.
_OPEN, _CLOSE = time(8), time(16)
#: Share of the day's move in a price whose time is not known.
_NO_TIME_SHARE = 0.5
#: Days after which a Treasury curve that is still missing is given up.
NEVER = 10_000
_YEARS = np.array([0.5, 1, 2, 3, 5, 7, 10, 15, 20, 30.0])


@dataclass(frozen=True)
class CurveMoves:
    """Treasury par yields at `years` of the curve known on each day, `used`, and of the day's own
    curve, both [day, tenor], percent; `lag` [day]: trading days until the day's own was known at a
    cutoff, NEVER where it is not.
    """

    years: Floats
    used: Floats
    own: Floats
    lag: Ints

    def at(self, day: Ints, years: Floats) -> Floats:
        """How much the curve rose on each `day` beyond the one known then, bps, at `years`; NaN
        where the day has no curve.
        """
        moved = 100 * (self.own - self.used)
        place = np.clip(np.searchsorted(self.years, years) - 1, 0, self.years.size - 2)
        low, high = self.years[place], self.years[place + 1]
        share = np.clip((years - low) / (high - low), 0.0, 1.0)
        found: Floats = (1 - share) * moved[day, place] + share * moved[day, place + 1]
        return found


def curve_moves(yields: pl.DataFrame | None, days: np.ndarray, cutoffs: np.ndarray) -> CurveMoves:
    """The moves of `days` with these `cutoffs`, of rows of `treasury_yields`."""
    nothing = np.full((days.size, _YEARS.size), np.nan)
    lag = np.full(days.size, NEVER, dtype=np.int64)
    if yields is None or yields.is_empty():
        return CurveMoves(_YEARS, nothing, nothing, lag)
    versions, par = known_curves(yields)
    known_at = versions["known_at"].to_numpy().astype("datetime64[us]")
    curve_day = versions["curve_date"].to_numpy().astype("datetime64[D]")
    index = versions["curve_index"].to_numpy()
    newest = np.searchsorted(known_at, cutoffs, side="right") - 1
    used_index = np.where(newest >= 0, index[np.maximum(newest, 0)], -1)
    # The first version of the day's own curve: later tenors change nothing here.
    first = np.searchsorted(curve_day, days)
    there = (first < curve_day.size) & (curve_day[np.minimum(first, curve_day.size - 1)] == days)
    own_index = np.where(there, index[np.minimum(first, curve_day.size - 1)], -1)
    known_day = np.searchsorted(cutoffs, known_at[np.minimum(first, curve_day.size - 1)])
    lag[there] = (known_day - np.arange(days.size))[there]
    used, own = (
        np.column_stack([par_yields(par, which, np.full(days.size, years)) for years in _YEARS])
        for which in (used_index, own_index)
    )
    lag[~np.isfinite(own - used).all(axis=1)] = NEVER
    return CurveMoves(_YEARS, used, own, lag)


def price_share() -> pl.Expr:
    """Share of the day's moves that a bond day's mean price holds, by its `mean_trade_second`."""
    first, last = (moment.hour * 3600 for moment in (_OPEN, _CLOSE))
    seconds = (pl.col("mean_trade_second") - first) / (last - first)
    return seconds.clip(0.0, 1.0).fill_null(_NO_TIME_SHARE)
