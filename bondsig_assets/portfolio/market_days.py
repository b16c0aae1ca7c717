"""What universe, risk and costs of some days are made of, aligned on days as known at each cutoff.

Belongs here: which names a day is about, facts of their trading, returns that go back far enough.
Not here: rules (`universe.py`), the risk model (`risk_model.py`), reading tables
(`reading/portfolio.py`).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from functools import cached_property

import numpy as np
import polars as pl

from bondsig_assets.arrays import Bools, Floats, Ints
from bondsig_assets.calendar import CUTOFF
from bondsig_assets.features.panels import Panels, price_arrays
from bondsig_assets.portfolio.macro_factors import (
    FACTORS,
    MacroFactors,
    macro_factors,
    series_named,
    ten_year_yield,
)
from bondsig_assets.portfolio.risk_model import History
from bondsig_assets.portfolio.settings import RiskSettings
from bondsig_assets.portfolio.universe import HISTORY_DAYS, trading_facts

#: Trading days for which a name stays one of the day's after its last row of `issuer_days`: as long
#: as it may take to sell it.
NAME_DAYS = 21
#: Trading days for which a quote of a borrow rate holds.
BORROW_DAYS = 5
#: Days before the first wanted one that facts of trading reach back: a gap that ends within the
#: last 252 days is counted from its start.
FACTS_LOOKBACK_DAYS = 2 * HISTORY_DAYS
#: Days that changes of macro factors reach back beyond the window of betas.
MACRO_LOOKBACK_DAYS = 22
#: Names of the index of volatility in `macro_series`, the first that is delivered.
_VOLATILITY = ("vix", "vix_points", "vxo")
_ENERGY = "Energy"
#: Columns of `issuer_days` that are asked for.
ISSUER_COLUMNS = [
    "parent_id",
    "trade_date",
    "ticker",
    "sector",
    "sector_etf",
    "spread_bps",
    "n_trades_21d",
    "staleness_days",
]


@dataclass(frozen=True)
class Names:
    """The names of one day: issuers in order of `parents`, then sector ETFs in order of tickers.

    `parent` [issuer]: positions in the panels' parents, `row` [issuer] of the newest row of
    `issuer_days`; `etf` [ETF]: positions in `MarketDays.etfs`.
    """

    parents: tuple[str, ...]
    tickers: tuple[str, ...]
    sectors: tuple[str, ...]
    is_etf: Bools
    parent: Ints
    etf: Ints


@dataclass(frozen=True)
class MarketDays:
    """Everything that universe, risk and costs of a range are made of, aligned on `panels.days`.

    `panels`: stocks alone, no bonds. `issuer_days`: ISSUER_COLUMNS of the panels' days.
    `borrow_rates`, `macro_series`, `treasury_yields`: the raw tables. Days must reach back
    FACTS_LOOKBACK_DAYS for facts, and the window of betas and MACRO_LOOKBACK_DAYS for risk.
    """

    panels: Panels
    issuer_days: pl.DataFrame
    borrow_rates: pl.DataFrame
    macro_series: pl.DataFrame
    treasury_yields: pl.DataFrame

    def place(self, day: date) -> int:
        """Position of a trading day."""
        return int(np.searchsorted(self.panels.days, np.datetime64(day)))

    @cached_property
    def _rows(self) -> pl.DataFrame:
        """`issuer_days` of days and parents that the panels have, with their positions."""
        days, parents = self.panels.days, self.panels.parents
        day = np.searchsorted(days, self.issuer_days["trade_date"].to_numpy())
        parent = np.searchsorted(parents, self.issuer_days["parent_id"].to_numpy().astype(str))
        named = self.issuer_days["parent_id"].to_numpy().astype(str)
        known = np.append(parents, "")[parent] == named
        return self.issuer_days.with_columns(day=pl.Series(day), parent=pl.Series(parent)).filter(
            pl.Series(known)
        )

    @cached_property
    def _row_of(self) -> Ints:
        """Position in `_rows` of each name's newest row within NAME_DAYS [day, parent], -1 where
        there is none.
        """
        shape = (self.panels.days.size, self.panels.parents.size)
        own = np.full(shape, -1)
        rows = self._rows
        own[rows["day"].to_numpy(), rows["parent"].to_numpy()] = np.arange(rows.height)
        last = np.maximum.accumulate(np.where(own >= 0, np.arange(shape[0])[:, None], -1), axis=0)
        fresh = (last >= 0) & (np.arange(shape[0])[:, None] - last <= NAME_DAYS)
        return np.where(fresh, np.take_along_axis(own, np.maximum(last, 0), axis=0), -1)

    def _of_rows(self, column: str, day: Ints, parent: Ints) -> pl.Series:
        return self._rows[column].gather(self._row_of[day, parent])

    # Stocks and ETFs

    @cached_property
    def _prices(self) -> dict[str, np.ndarray]:
        return price_arrays(self.panels.prices, self.panels.days)

    def by_ticker(self, column: str, tickers: np.ndarray) -> Floats:
        """A price column of `price_arrays` for each of `tickers` [day, ticker], NaN where there is
        none.
        """
        names = self._prices["tickers"]
        place = np.searchsorted(names, tickers)
        there = np.append(names, "")[place] == tickers
        values = self._prices[column]
        padded = np.concatenate([values, np.full((values.shape[0], 1), np.nan)], axis=1)
        taken: Floats = padded[:, np.where(there, place, names.size)]
        return taken

    @cached_property
    def etfs(self) -> np.ndarray:
        """Sector ETFs that any row names, sorted."""
        return np.array(
            sorted(self._rows["sector_etf"].drop_nulls().unique()), dtype=object
        ).astype(str)

    @cached_property
    def is_named(self) -> Bools:
        """Whether a name of the day has each ETF for its sector's [day, ETF]: an ETF that nobody
        has yet is no part of the market.
        """
        named = np.zeros((self.panels.days.size, self.etfs.size), dtype=bool)
        rows = self._rows.drop_nulls("sector_etf")
        etf = np.searchsorted(self.etfs, rows["sector_etf"].to_numpy().astype(str))
        named[rows["day"].to_numpy(), etf] = True
        return named

    @cached_property
    def etf_returns(self) -> Floats:
        """Simple daily returns of the ETFs [day, ETF], NaN where nobody has it for its sector's."""
        if not self.etfs.size:
            return np.empty((self.panels.days.size, 0))
        returns = self.by_ticker("simple_return", self.etfs)
        return np.where(self.is_named, returns, np.nan)

    @cached_property
    def _etf_sector(self) -> dict[str, str]:
        rows = self._rows.drop_nulls("sector_etf").sort("sector_etf", "sector")
        first = rows.unique("sector_etf", keep="first", maintain_order=True)
        return dict(first.select("sector_etf", "sector").iter_rows())

    def names(self, day: int) -> Names:
        """Issuers with a row of `issuer_days` within NAME_DAYS, and the ETFs of their sectors."""
        parent = np.flatnonzero(self._row_of[day] >= 0)
        at = np.full(parent.size, day)
        etf = np.flatnonzero(
            self.is_named[max(day - NAME_DAYS, 0) : day + 1].any(axis=0)
            if self.etfs.size
            else np.zeros(0, dtype=bool)
        )
        tickers = self.etfs[etf].tolist()
        return Names(
            (*self.panels.parents[parent].tolist(), *tickers),
            (*self._of_rows("ticker", at, parent).to_list(), *tickers),
            (
                *self._of_rows("sector", at, parent).fill_null("").to_list(),
                *(self._etf_sector[one] for one in tickers),
            ),
            np.arange(parent.size + etf.size) >= parent.size,
            parent,
            etf,
        )

    # Facts of trading

    @cached_property
    def _facts(self) -> dict[str, Floats]:
        panels = self.panels
        return trading_facts(panels.close, panels.volume, panels.stock_return)

    @cached_property
    def _etf_facts(self) -> dict[str, Floats]:
        columns = ("close_usd", "volume_shares", "simple_return")
        return trading_facts(*(self.by_ticker(name, self.etfs) for name in columns))

    def _is_delisting(self, day: Ints, ticker: pl.Series) -> np.ndarray:
        """Whether it is known by each cell's cutoff that its stock's last day is that day or is to
        come.
        """
        gone = self.panels.delistings
        if gone is None or gone.is_empty() or not day.size:
            return np.zeros(day.size, dtype=bool)
        cells = pl.DataFrame(
            {
                "cell": np.arange(day.size),
                "ticker": ticker,
                "trade_date": self.panels.days[day],
                "cutoff": self.panels.cutoffs[day],
            }
        )
        told = gone.select(
            "ticker", "last_trade_date", heard="known_at", recanted=_or_never(gone, "known_until")
        )
        found = cells.join(told, on="ticker").filter(
            (pl.col("heard") <= pl.col("cutoff"))
            & (pl.col("recanted").is_null() | (pl.col("recanted") > pl.col("cutoff")))
            & (pl.col("last_trade_date") >= pl.col("trade_date"))
        )
        is_going = np.zeros(day.size, dtype=bool)
        is_going[found["cell"].to_numpy()] = True
        return is_going

    @cached_property
    def _borrow(self) -> dict[str, np.ndarray]:
        """`tickers`, and the newest rate and availability within BORROW_DAYS as known [day,
        ticker]: `rate` in percent a year, `is_available` 1, 0 or NaN.
        """
        known = self.borrow_rates.filter(
            pl.col("known_at") <= pl.col("trade_date").dt.combine(CUTOFF)
        )
        names = np.array(sorted(known["ticker"].unique()), dtype=object).astype(str)
        row = np.searchsorted(self.panels.days, known["trade_date"].to_numpy())
        column = np.searchsorted(names, known["ticker"].to_numpy().astype(str))
        shape = (self.panels.days.size, names.size)
        quoted = np.full(shape, -1)
        inside = row < shape[0]
        quoted[row[inside], column[inside]] = np.flatnonzero(inside)
        age = np.arange(shape[0])[:, None]
        last = np.maximum.accumulate(np.where(quoted >= 0, age, -1), axis=0)
        fresh = (last >= 0) & (age - last < BORROW_DAYS)
        at = np.where(fresh, np.take_along_axis(quoted, np.maximum(last, 0), axis=0), -1)
        rates = np.append(known["annual_rate_pct"].cast(pl.Float64).fill_null(np.nan), np.nan)
        available = np.append(known["is_available"].cast(pl.Float64).fill_null(np.nan), np.nan)
        return {"tickers": names, "rate": rates[at], "is_available": available[at]}

    def _borrowed(self, column: str, day: Ints, ticker: np.ndarray) -> Floats:
        names, values = self._borrow["tickers"], self._borrow[column]
        place = np.searchsorted(names, ticker)
        there = np.append(names, "")[place] == ticker
        found = np.full(day.size, np.nan)
        found[there] = values[day[there], place[there]]
        return found

    def facts(self, start: date, end: date) -> pl.DataFrame:
        """What `universe` asks of each name of the days `start` … `end`, a row a name and day.

        A name without a row of `issuer_days` on the day itself leads to no stock: its `n_equities`
        is 0, and it is among the day's names for as long as it may take to sell it.
        """
        first, last = self.place(start), self.place(end)
        return pl.concat([self._issuer_facts(first, last), self._etf_rows(first, last)]).sort(
            "trade_date", "is_hedge", "parent_id"
        )

    def _issuer_facts(self, first: int, last: int) -> pl.DataFrame:
        day, parent = np.nonzero(self._row_of[first : last + 1] >= 0)
        day += first
        ticker = self._of_rows("ticker", day, parent)
        panels, facts = self.panels, self._facts
        here = self._of_rows("day", day, parent).to_numpy() == day
        frame = pl.DataFrame(
            {
                "parent_id": panels.parents[parent],
                "trade_date": panels.days[day],
                "ticker": ticker,
                "n_equities": (here & panels.listed[day, parent]).astype(np.int64),
                "is_delisting": self._is_delisting(day, ticker),
                "price_usd": self._close(day, parent, ticker),
                **{name: values[day, parent] for name, values in facts.items()},
                "n_trades_21d": self._of_rows("n_trades_21d", day, parent).cast(pl.Float64),
                "staleness_days": self._of_rows("staleness_days", day, parent).cast(pl.Float64),
            }
        )
        return self._finished(frame, day, is_etf=False)

    def _close(self, day: Ints, parent: Ints, ticker: pl.Series) -> Floats:
        """The close by the link, or where that has ended by the last ticker it had."""
        names = np.array(sorted(set(ticker.to_list())), dtype=object).astype(str)
        by_name = self.by_ticker("close_usd", names)
        column = np.searchsorted(names, ticker.to_numpy().astype(str))
        price: Floats = np.where(
            self.panels.listed[day, parent], self.panels.close[day, parent], by_name[day, column]
        )
        return price

    def _etf_rows(self, first: int, last: int) -> pl.DataFrame:
        day, etf = np.nonzero(np.ones((last + 1 - first, self.etfs.size), dtype=bool))
        day += first
        facts, close = self._etf_facts, self.by_ticker("close_usd", self.etfs)
        frame = pl.DataFrame(
            {
                "parent_id": self.etfs[etf],
                "trade_date": self.panels.days[day],
                "ticker": self.etfs[etf],
                "n_equities": np.ones(day.size, dtype=np.int64),
                "is_delisting": np.zeros(day.size, dtype=bool),
                "price_usd": close[day, etf],
                **{name: values[day, etf] for name, values in facts.items()},
                "n_trades_21d": np.full(day.size, np.nan),
                "staleness_days": np.full(day.size, np.nan),
            }
        )
        return self._finished(frame, day, is_etf=True)

    def _finished(self, frame: pl.DataFrame, day: Ints, *, is_etf: bool) -> pl.DataFrame:
        ticker = frame["ticker"].to_numpy().astype(str)
        borrow = self._borrowed("is_available", day, ticker)
        return (
            frame.with_columns(
                is_borrowable=pl.Series(borrow).fill_nan(None).cast(pl.Boolean),
                borrow_rate_pct=pl.Series(self._borrowed("rate", day, ticker)),
                position_usd=pl.lit(None, pl.Float64),
                is_hedge=pl.lit(is_etf),
            )
            .with_columns(pl.col(pl.Float64).fill_nan(None))
            .cast({"n_returns": pl.Int64, "gap_days": pl.Int64})
        )

    # Risk

    @cached_property
    def macro(self) -> MacroFactors:
        """Macro factors of all days."""
        energy = [one for one in self.etfs if self._etf_sector.get(one) == _ENERGY]
        place = int(np.searchsorted(self.etfs, energy[0])) if energy else None
        return macro_factors(
            self.panels.cutoffs,
            self.panels.stock_return,
            self.etf_returns,
            place,
            self._spreads,
            series_named(self.macro_series, _VOLATILITY),
            ten_year_yield(self.treasury_yields),
        )

    @cached_property
    def _spreads(self) -> Floats:
        spreads = np.full((self.panels.days.size, self.panels.parents.size), np.nan)
        rows = self._rows
        spreads[rows["day"].to_numpy(), rows["parent"].to_numpy()] = (
            rows["spread_bps"].cast(pl.Float64).fill_null(np.nan).to_numpy()
        )
        return spreads

    def history(self, day: int, names: Names, settings: RiskSettings) -> History:
        """What the risk of one day's names is made of."""
        rows = slice(max(day + 1 - settings.beta_days, 0), day + 1)
        panels = self.panels
        size = panels.close[day, names.parent] * panels.shares[day, names.parent]
        return History(
            np.hstack(
                [panels.stock_return[rows][:, names.parent], self.etf_returns[rows][:, names.etf]]
            ),
            np.array(names.sectors, dtype=object).astype(str),
            np.append(size, np.full(names.etf.size, np.nan)),
            names.is_etf,
            FACTORS,
            self.macro.as_of(day, rows.stop - rows.start),
        )

    def days_between(self, start: date, end: date) -> Iterator[tuple[date, int]]:
        """The days `start` … `end` with their positions."""
        for place in range(self.place(start), self.place(end) + 1):
            yield self.panels.days[place].item(), place


def _or_never(frame: pl.DataFrame, column: str) -> pl.Expr:
    return pl.col(column) if column in frame.columns else pl.lit(None, pl.Datetime("us"))
