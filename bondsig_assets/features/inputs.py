"""What every block of features starts from: the panels, the replay, and levels made of both.

Belongs here: arrays that several blocks share, each computed once. Not here: features.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from functools import cached_property

import numpy as np

from bondsig_assets.arrays import Bools, Floats
from bondsig_assets.features import replay as rp
from bondsig_assets.features import windows as w
from bondsig_assets.features.issuer_levels import Curves, fit_curves
from bondsig_assets.features.panels import Panels
from bondsig_assets.market_rules import HIGH_YIELD_RATING

Columns = dict[str, np.ndarray]
#: Issuers other than its own that a sector comparison needs.
OTHERS = 5


@dataclass(frozen=True)
class Credit:
    """What `replay.replay` returns: aggregates [day, parent, column], and the bonds behind each
    level.
    """

    aggregates: np.ndarray
    offsets: np.ndarray
    held: np.ndarray

    def __getitem__(self, column: int) -> np.ndarray:
        return self.aggregates[:, :, column]


@dataclass(frozen=True)
class Inputs:
    """`first`: position of the first day that rows are wanted of; what lies before it is
    history.
    """

    panels: Panels
    first: int
    credit: Credit

    @property
    def shape(self) -> tuple[int, int]:
        """Days and parents."""
        return self.panels.days.size, self.panels.parents.size

    @cached_property
    def alive(self) -> np.ndarray:
        """0 where the issuer has a bond outstanding and reports are delivered, NaN elsewhere: added
        to a count it says where 0 means none.
        """
        return self._where_bonds(self.told["reports"])

    @cached_property
    def alive_par(self) -> np.ndarray:
        """As `alive`, and where quotes give the par traded."""
        return self._where_bonds(self.told["par"])

    @cached_property
    def alive_trades(self) -> np.ndarray:
        """As `alive`, and where quotes count the trades."""
        return self._where_bonds(self.told["trades"])

    @cached_property
    def told(self) -> dict[str, Bools]:
        """For each word of `Feature.of_trades`: where somebody tells of it [day, parent].

        Reports tell of every bond. Of an issuer without them, quotes tell since the first that did,
        but on days with a quote of it that does not.
        """
        since = np.datetime64(self.panels.reports_since or date.min)
        reports = np.broadcast_to((self.panels.days >= since)[:, None], self.shape)
        by_quotes = {
            name: self.panels.is_quoted_since(f"{name}_date") & ~(self.credit[mute] > 0)
            for name, mute in (("par", rp.MUTE_PAR), ("trades", rp.MUTE_TRADES))
        }
        return {"reports": reports, **{name: reports | told for name, told in by_quotes.items()}}

    def _where_bonds(self, is_told: Bools) -> np.ndarray:
        return np.where((self.credit[rp.OUTSTANDING] > 0) & is_told, 0.0, np.nan)

    @cached_property
    def grade(self) -> np.ndarray:
        """Code of sector and grade, negative without a sector."""
        return np.where(self.panels.sector >= 0, self.panels.sector * 2 + self.is_high_yield, -1)

    @cached_property
    def is_high_yield(self) -> np.ndarray:
        """Whether the issuer is rated below investment grade; unrated counts as not."""
        return self.panels.rating >= HIGH_YIELD_RATING

    @cached_property
    def spread_curves(self) -> Curves:
        """Spread curves."""
        return fit_curves(
            self.credit.offsets,
            self.credit.held,
            rp.H_SPREAD,
            self.panels.sector,
            self.is_high_yield,
        )

    @cached_property
    def yield_curves(self) -> Curves:
        """Yield curves."""
        return fit_curves(
            self.credit.offsets,
            self.credit.held,
            rp.H_YIELD,
            self.panels.sector,
            self.is_high_yield,
        )

    @cached_property
    def level(self) -> np.ndarray:
        """Spread at five years; the bonds' weighted mean where no curve can be fitted."""
        return np.where(
            np.isfinite(self.spread_curves.five), self.spread_curves.five, self.credit[rp.SPREAD]
        )

    @cached_property
    def sector_change(self) -> np.ndarray:
        """Median one-day change of the other issuers of the sector."""
        return w.median_of_others(self.credit[rp.CHANGE], self.panels.sector, OTHERS)

    @cached_property
    def five_day_change(self) -> np.ndarray:
        """Spread change over five days, chained."""
        return w.total(self.credit[rp.CHANGE], 5, 2)

    @cached_property
    def sector_five(self) -> np.ndarray:
        """Median five-day change of the other issuers of the sector."""
        return w.median_of_others(self.five_day_change, self.panels.sector, OTHERS)

    @cached_property
    def market_cap(self) -> Floats:
        """Market value of the stock."""
        return self.panels.close * self.panels.shares

    @cached_property
    def has(self) -> dict[str, np.ndarray]:
        """For each reason a feature can be missing for: where its input is there [day, parent]."""
        rate = np.broadcast_to(np.isfinite(self.panels.treasury_rate(1.0)), self.shape)
        return {
            "no_bond_spread": np.isfinite(self.level),
            "no_bonds_outstanding": self.credit[rp.OUTSTANDING] > 0,
            "no_cds_quote": np.isfinite(w.latest(self.panels.cds_5y, 5)[0]),
            "no_stock_price": (
                np.isfinite(self.panels.close) | np.isfinite(self.panels.stock_return)
            ),
            "no_filing": np.isfinite(self.panels.debt),
            "no_treasury_curve": rate,
        }

    def recent(self, values: np.ndarray, history: int) -> np.ndarray:
        """The days from `history` before the first wanted one on: enough for windows of that many
        days.
        """
        return values[max(self.first - history, 0) :]

    def whole(self, recent: np.ndarray) -> np.ndarray:
        """`recent` days at their place among all days, NaN before them."""
        out = np.full((self.shape[0], recent.shape[1]), np.nan)
        out[self.shape[0] - recent.shape[0] :] = recent
        return out
