"""Tables turned into [day, parent] and [day, bond] arrays as known at each cutoff.

Belongs here: as-of alignment of links, prices, quotes, filings and ratings. Not here: features.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from functools import cached_property

import numpy as np
import polars as pl

from bondsig_assets.arrays import Bools, Floats, Ints
from bondsig_assets.bonds.curves import known_curves, par_yields
from bondsig_assets.calendar import CUTOFF
from bondsig_assets.features.curve_moves import CurveMoves, curve_moves, price_share
from bondsig_assets.securities.amounts import amount_steps
from bondsig_assets.securities.delisted import ended, standing_delistings
from bondsig_assets.securities.master import bitemporal, positions_as_of
from bondsig_assets.securities.ratings import parent_ratings
from bondsig_assets.trace.bond_days import QUOTES

#: Columns of a bond day that measures over several days of one bond are made of.
DAILY_COLUMNS = ("price", "price_low", "price_high", "price_last")
#: Years from a quoted tenor beyond which a CDS curve says nothing.
_MAX_TENOR_GAP = 2.5


@dataclass(frozen=True)
class Panels:
    """Everything the features of a range need, aligned on `days` (datetime64[D], trading days).

    `revisions`: bond_day_revisions joined with bond_analytics for known days in `days`; `master`:
    security_master; the rest are the raw tables of the same names, rows up to the last day.
    `reports_since`: first delivery of trade reports there is; before it nobody knows what traded,
    but for what quotes tell. `quoted_since`: of each bond the day since which quotes of it with par
    are known, and with a number of trades (`cusip, par_date, trades_date`).
    `delistings`: the raw table, with `known_until` where it was taken from all prices; they end
    links, and labels earn their returns.
    """

    days: np.ndarray
    revisions: pl.DataFrame
    master: pl.DataFrame
    equities: pl.DataFrame
    bonds: pl.DataFrame
    prices: pl.DataFrame
    cds: pl.DataFrame
    fundamentals: pl.DataFrame
    ratings: pl.DataFrame
    issuers: pl.DataFrame
    amounts: pl.DataFrame | None = None
    yields: pl.DataFrame | None = None
    reports_since: date | None = None
    quoted_since: pl.DataFrame | None = None
    delistings: pl.DataFrame | None = None

    @cached_property
    def cutoffs(self) -> np.ndarray:
        """The moment of each day's cutoff."""
        return cutoff_moments(self.days)

    @cached_property
    def curve_moves(self) -> CurveMoves:
        """What the Treasury curve did on each day beyond the one known at its cutoff."""
        return curve_moves(self.yields, self.days, self.cutoffs)

    @cached_property
    def _told(self) -> pl.DataFrame:
        """Parent-to-stock links as rectangles, whatever became of the stocks."""
        return bitemporal(self.equities, "parent_id")

    @cached_property
    def stocks(self) -> pl.DataFrame:
        """Parent-to-stock links as rectangles of validity and knowledge, ended by delistings."""
        gone = self.delistings
        if gone is not None and "known_until" not in gone.columns:
            gone = standing_delistings(gone, self.prices)
        return ended(self._told, gone)

    @cached_property
    def parents(self) -> np.ndarray:
        """Sorted parent ids."""
        return np.array(sorted(self.equities["parent_id"].unique()), dtype=object).astype(str)

    @cached_property
    def _stock_row(self) -> np.ndarray:
        return positions_as_of(self.stocks, "parent_id", self.parents, self.days)

    @cached_property
    def _told_row(self) -> np.ndarray:
        return positions_as_of(self._told, "parent_id", self.parents, self.days)

    @property
    def is_told(self) -> Bools:
        """Whether `equities` has a stock of the parent on each day, delisted or not [day, parent].
        For labels only.
        """
        told: Bools = self._told_row >= 0
        return told

    @property
    def listed(self) -> np.ndarray:
        """Whether the parent's stock is known on each day."""
        return self._stock_row >= 0

    def identity(self, day: np.ndarray, parent: np.ndarray) -> dict[str, pl.Series]:
        """Ticker, sector and sector ETF of the given cells."""
        rows = self._stock_row[day, parent]
        return {name: self.stocks[name].gather(rows) for name in ("ticker", "sector", "sector_etf")}

    @cached_property
    def sector(self) -> np.ndarray:
        """Code of each parent's sector on each day, -1 where unknown; codes are alphabetical."""
        names = self.stocks["sector"].unique().sort()
        codes = names.search_sorted(self.stocks["sector"]).to_numpy().astype(np.int64)
        return np.where(self.listed, codes[self._stock_row], -1)

    @cached_property
    def bond_ids(self) -> np.ndarray:
        """CUSIPs with a place in the master, sorted."""
        return np.array(sorted(self.master["cusip"].unique()), dtype=object).astype(str)

    @cached_property
    def parent_of(self) -> Ints:
        """Position of the parent that each bond leads to on each day [day, bond], -1 for none."""
        rows = positions_as_of(self.master, "cusip", self.bond_ids, self.days)
        parent_code = np.append(
            np.searchsorted(self.parents, self.master["parent_id"].to_numpy().astype(str)), -1
        )
        parents: Ints = parent_code[rows].astype(np.int64)
        return parents

    @cached_property
    def outstanding(self) -> Bools:
        """Whether each bond is issued, not yet matured, and not known to be redeemed [day,
        bond].
        """
        terms = pl.DataFrame({"cusip": self.bond_ids}, schema={"cusip": pl.String}).join(
            self.bonds, on="cusip", how="left", maintain_order="left"
        )
        issued, matures = (
            terms["offering_date"].to_numpy().astype("datetime64[D]"),
            terms["maturity_date"].to_numpy().astype("datetime64[D]"),
        )
        stands: Bools = (
            (issued <= self.days[:, None]) & (self.days[:, None] < matures) & ~(self._amount == 0)
        )
        return stands

    @cached_property
    def replay_arguments(self) -> tuple[np.ndarray | int, ...]:
        """The arguments of `replay.replay`."""
        # numba takes a second to import.
        from bondsig_assets.features.replay import REVISION_COLUMNS

        revisions = self._revisions
        bond, known, trade = self.cells(revisions)
        order = np.lexsort((trade, bond, known))
        order = order[trade[order] >= 0]
        riskless = pl.col("riskless_share") * (
            pl.col("customer_buy_par_usd") + pl.col("customer_sell_par_usd")
        )
        moved = self.curve_moves.at(
            trade, revisions["maturity_years"].cast(pl.Float64).fill_null(np.nan).to_numpy()
        )
        values = (
            revisions.with_columns(
                riskless_par_usd=riskless,
                stands=_stands(),
                curve_move_bps=price_share() * pl.Series(moved),
            )
            .select(pl.col(REVISION_COLUMNS).cast(pl.Float64).fill_null(np.nan))
            .to_numpy()
        )
        values = (
            np.ascontiguousarray(values[order])
            if order.size
            else np.empty((0, len(REVISION_COLUMNS)))
        )
        return (
            known[order],
            bond[order],
            trade[order],
            values,
            self.parent_of,
            self.outstanding,
            self.parents.size,
            self.curve_moves.lag,
        )

    def is_quoted_since(self, column: str) -> Bools:
        """Whether each parent has a bond of which quotes tell since the day or before [day,
        parent]; `column` of `quoted_since`.
        """
        shape = (self.days.size, self.parents.size)
        if self.quoted_since is None or self.quoted_since[column].null_count() == len(
            self.quoted_since
        ):
            return np.zeros(shape, dtype=bool)
        names = pl.DataFrame({"cusip": self.bond_ids}, schema={"cusip": pl.String})
        since = names.join(self.quoted_since, on="cusip", how="left", maintain_order="left")
        # No date is later than any.
        first = since[column].fill_null(date.max).to_numpy().astype("datetime64[D]")
        is_told = (first <= self.days[:, None]).astype(float)
        return sum_by_parent(is_told, self.parent_of, self.parents.size) > 0

    @cached_property
    def _revisions(self) -> pl.DataFrame:
        return self.revisions.filter(pl.col("cusip").is_in(self.bond_ids.tolist()))

    def cells(self, revisions: pl.DataFrame) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Positions of bond, known day and trade day; a withdrawn trade of a day that is none of
        `days` has -1 for its own.
        """
        bond = np.searchsorted(self.bond_ids, revisions["cusip"].to_numpy().astype(str))
        known = np.searchsorted(self.days, _dates(revisions["known_date"]))
        trade = np.searchsorted(self.days, _dates(revisions["trade_date"]))
        is_day = self.days[np.minimum(trade, self.days.size - 1)] == _dates(revisions["trade_date"])
        return bond, known, np.where(is_day, trade, -1)

    def bond_values(self, first: int) -> dict[str, np.ndarray]:
        """DAILY_COLUMNS [day, bond] of the days from `first` on, each as known at its own cutoff;
        NaN without a trade.
        """
        own = self._revisions.filter(
            (pl.col("known_date") == pl.col("trade_date"))
            & (pl.col("n_trades") > 0)
            & pl.col("source").ne_missing(pl.lit(QUOTES))
        )
        bond, day, _ = self.cells(own)
        late = day >= first
        out = {}
        for name in DAILY_COLUMNS:
            out[name] = np.full((self.days.size - first, self.bond_ids.size), np.nan)
            out[name][day[late] - first, bond[late]] = (
                own[name].cast(pl.Float64).fill_null(np.nan).to_numpy()[late]
            )
        return out

    @cached_property
    def _amount(self) -> Floats:
        """Par of each bond as known on each day [day, bond], NaN where it is not."""
        steps = amount_steps(self.bonds, self.amounts).rows.filter(
            pl.col("cusip").is_in(self.bond_ids.tolist())
        )
        par: Floats = np.append(steps["amount_usd"].to_numpy(), np.nan)[
            positions_as_of(steps, "cusip", self.bond_ids, self.days)
        ]
        return par

    @cached_property
    def outstanding_usd(self) -> np.ndarray:
        """Par outstanding of each parent's bonds as known on each day [day, parent], NaN without
        any.
        """
        return sum_by_parent(
            np.where(self.outstanding, self._amount, np.nan), self.parent_of, self.parents.size
        )

    def treasury_rate(self, years: float) -> np.ndarray:
        """Continuous Treasury rate at `years` of the newest curve known at each cutoff [day, 1], as
        a fraction; NaN before the first.
        """
        if self.yields is None or self.yields.is_empty():
            return np.full((self.days.size, 1), np.nan)
        versions, par = known_curves(self.yields)
        place = (
            np.searchsorted(
                versions["known_at"].to_numpy().astype("datetime64[us]"), self.cutoffs, side="right"
            )
            - 1
        )
        index = np.where(place >= 0, versions["curve_index"].to_numpy()[np.maximum(place, 0)], -1)
        pct = par_yields(par, index, np.full(self.days.size, years))
        return 2 * np.log1p(pct / 200)[:, None]

    @cached_property
    def _price_arrays(self) -> dict[str, np.ndarray]:
        return price_arrays(self.prices, self.days)

    def _by_ticker(self, column: str, table: pl.Series) -> np.ndarray:
        """A price column for the ticker that each cell's link names."""
        arrays = self._price_arrays
        return _taken(arrays[column], arrays["tickers"], table, self._stock_row, np.nan)

    @cached_property
    def stock_return(self) -> np.ndarray:
        """Simple daily return of each parent's stock."""
        return self._by_ticker("simple_return", self.stocks["ticker"])

    @cached_property
    def etf_return(self) -> np.ndarray:
        """Simple daily return of each parent's sector ETF."""
        return self._by_ticker("simple_return", self.stocks["sector_etf"])

    def etf_return_ahead(self, steps: int) -> np.ndarray:
        """Return, `steps` days later, of the ETF that is each parent's on the day itself. For
        labels only.
        """
        ahead = np.full_like(self.etf_return, np.nan)
        arrays = self._price_arrays
        names = arrays["tickers"]
        place = np.where(
            self.listed, _places(names, self.stocks["sector_etf"])[self._stock_row], -1
        )
        found = place >= 0
        later = np.full_like(arrays["simple_return"], np.nan)
        later[: later.shape[0] - steps] = arrays["simple_return"][steps:]
        ahead[found] = later[np.nonzero(found)[0], place[found]]
        return ahead

    @cached_property
    def _followed_row(self) -> np.ndarray:
        """Position in `_told` of each parent's link on each day, after the end of a listing still
        its last, -1 before any.
        """
        last = np.maximum.accumulate(
            np.where(self.is_told, np.arange(self.days.size)[:, None], -1), axis=0
        )
        return np.where(
            last >= 0, np.take_along_axis(self._told_row, np.maximum(last, 0), axis=0), -1
        )

    @cached_property
    def followed_return(self) -> np.ndarray:
        """`stock_return`, after the end of a listing that of its last ticker. For labels only."""
        arrays = self._price_arrays
        return _taken(
            arrays["simple_return"],
            arrays["tickers"],
            self._told["ticker"],
            self._followed_row,
            np.nan,
        )

    @cached_property
    def delisting(self) -> np.ndarray:
        """Position in `delistings` of the one that each parent's stock left with, on the first
        trading day after its last [day, parent]; -1 for none. For labels only.
        """
        if self.delistings is None or self.delistings.is_empty():
            return np.full(self.listed.shape, -1)
        last = _dates(self.delistings["last_trade_date"])
        names = np.array(sorted(self.delistings["ticker"].unique()), dtype=object).astype(str)
        day, ticker = (
            np.searchsorted(self.days, last, side="right"),
            _places(names, self.delistings["ticker"]),
        )
        grid = np.full((self.days.size, names.size), -1)
        # Of two for one day the first known, which comes last here.
        order = np.argsort(-self.delistings["known_at"].to_physical().to_numpy(), kind="stable")
        order = order[(last[order] >= self.days[0]) & (day[order] < self.days.size)]
        grid[day[order], ticker[order]] = order
        return _taken(grid, names, self._told["ticker"], self._followed_row, -1)

    @cached_property
    def close(self) -> Floats:
        """Closing price."""
        return self._by_ticker("close_usd", self.stocks["ticker"])

    @cached_property
    def shares(self) -> Floats:
        """Shares outstanding."""
        return self._by_ticker("shares_outstanding", self.stocks["ticker"])

    @cached_property
    def volume(self) -> np.ndarray:
        """Shares traded."""
        return self._by_ticker("volume_shares", self.stocks["ticker"])

    @cached_property
    def cds_curves(self) -> tuple[np.ndarray, np.ndarray]:
        """Tenors, and quotes [tenor, day, parent] as known on the day."""
        tenors = np.sort(self.cds["tenor_years"].unique().to_numpy())
        quotes = np.full((tenors.size, self.days.size, self.parents.size), np.nan)
        tickers = self.stocks["ticker"].to_numpy().astype(str)
        names = np.where(self.listed, tickers[self._stock_row], "")
        known = self.cds.filter(pl.col("known_at") <= pl.col("trade_date").dt.combine(CUTOFF))
        cells = (
            pl.DataFrame(
                {
                    "ticker": names.ravel(),
                    "trade_date": np.repeat(self.days, self.parents.size),
                    "cell": np.arange(names.size),
                }
            )
            .filter(pl.col("ticker") != "")
            .join(known, on=["ticker", "trade_date"])
        )
        tenor = np.searchsorted(tenors, cells["tenor_years"].to_numpy())
        day, parent = np.divmod(cells["cell"].to_numpy(), max(self.parents.size, 1))
        quotes[tenor, day, parent] = cells["par_spread_bps"].to_numpy()
        return tenors, quotes

    @cached_property
    def cds_5y(self) -> np.ndarray:
        """5-year CDS spreads [day, parent]."""
        tenors, quotes = self.cds_curves
        place = np.flatnonzero(tenors == 5.0)
        return (
            quotes[place[0]] if place.size else np.full((self.days.size, self.parents.size), np.nan)
        )

    def cds_at(self, maturity: np.ndarray) -> np.ndarray:
        """CDS spread interpolated in maturity between the name's own quotes of the day, flat beyond
        them.

        NaN further than 2.5 years from a quoted tenor. Tenors that only others quote, or that are
        quoted on other days, change nothing.
        """
        tenors, quotes = self.cds_curves
        below, above = np.full((2, *maturity.shape), np.nan), np.full((2, *maturity.shape), np.nan)
        for k in range(tenors.size):
            lower = np.isfinite(quotes[k]) & (tenors[k] <= maturity)
            below[0][lower], below[1][lower] = tenors[k], quotes[k][lower]
        for k in reversed(range(tenors.size)):
            upper = np.isfinite(quotes[k]) & (tenors[k] >= maturity)
            above[0][upper], above[1][upper] = tenors[k], quotes[k][upper]
        below, above = (
            np.where(np.isnan(below), above, below),
            np.where(np.isnan(above), below, above),
        )
        share = np.clip((maturity - below[0]) / np.maximum(above[0] - below[0], 1e-9), 0, 1)
        near = np.fmin(np.abs(maturity - below[0]), np.abs(maturity - above[0])) <= _MAX_TENOR_GAP
        return np.where(near, (1 - share) * below[1] + share * above[1], np.nan)

    @cached_property
    def debt(self) -> np.ndarray:
        """Total debt as last filed by each cutoff."""
        return self._filed("total_debt_usd")

    @cached_property
    def short_term_debt(self) -> np.ndarray:
        """Debt due within a year as last filed."""
        return self._filed("short_term_debt_usd")

    @cached_property
    def long_term_debt(self) -> np.ndarray:
        """Other debt as last filed."""
        return self._filed("long_term_debt_usd")

    def _filed(self, column: str) -> np.ndarray:
        """Of two filings known at once the later quarter; a quarter filed again late changes
        nothing older than the newest.
        """
        filings = self.fundamentals.sort("known_at", "period_end_date")
        newest = filings.filter(
            pl.col("period_end_date") >= pl.col("period_end_date").cum_max().over("parent_id")
        )
        return self._newest_known(newest, "parent_id", column)

    @cached_property
    def rating(self) -> np.ndarray:
        """Mean over a parent's issuers of their composite ratings, as known; NaN where nobody rates
        it any more.
        """
        return self._newest_known(
            parent_ratings(self.ratings, self.issuers).sort("known_at", "parent_id"),
            "parent_id",
            "rating_number",
        )

    def _newest_known(self, rows: pl.DataFrame, entity: str, column: str) -> np.ndarray:
        """Newest value of each entity known by each cutoff, NaN where that is null; `rows` in order
        of knowledge.
        """
        out = np.full((self.days.size, self.parents.size), np.nan)
        if rows.is_empty():
            return out
        place = np.searchsorted(self.parents, rows[entity].to_numpy().astype(str))
        first = np.searchsorted(self.cutoffs, rows["known_at"].to_numpy().astype("datetime64[us]"))
        names = rows[entity].to_numpy().astype(str)
        known = np.append(self.parents, "")[place] == names
        values = rows[column].cast(pl.Float64).fill_null(np.nan).to_numpy()
        for k in np.flatnonzero(known):
            out[first[k] :, place[k]] = values[k]
        return out


def _stands() -> pl.Expr:
    """What a bond day is made of, in the numbers of `replay`."""
    from bondsig_assets.features.replay import BY_TRADES, NOTHING, QUOTED

    return (
        pl.when(pl.col("source") == QUOTES)
        .then(QUOTED)
        .when(pl.col("n_trades") > 0)
        .then(BY_TRADES)
        .otherwise(NOTHING)
    )


def sum_by_parent(values: np.ndarray, parent_of: np.ndarray, n_parents: int) -> np.ndarray:
    """Sum [day, parent] of `values` [day, bond] in order of bonds; NaN counts as none, a parent
    without any has NaN.
    """
    n_days = values.shape[0]
    cell = np.arange(n_days)[:, None] * n_parents + parent_of
    counted = (parent_of >= 0) & np.isfinite(values)
    total = np.bincount(cell[counted], weights=values[counted], minlength=n_days * n_parents)
    count = np.bincount(cell[counted], minlength=n_days * n_parents)
    return np.where(count > 0, total, np.nan).reshape(n_days, n_parents)


def cutoff_moments(days: np.ndarray) -> np.ndarray:
    """The cutoff of each of `days` (datetime64[D]) as datetime64[us]."""
    seconds = CUTOFF.hour * 3600 + CUTOFF.minute * 60
    return days.astype("datetime64[us]") + np.timedelta64(seconds, "s")


def price_arrays(prices: pl.DataFrame, days: np.ndarray) -> dict[str, np.ndarray]:
    """`equity_prices` as arrays [day, ticker]: `close_usd`, `shares_outstanding`, `volume_shares`,
    `simple_return`.

    The return is the source's own where it gives one, else the ratio of adjusted closes on two
    consecutive trading days; a missing day leaves two missing returns and shifts nothing. Prices
    not known by their own day's cutoff are left out. `tickers` holds the sorted names.
    """
    known = prices.filter(pl.col("known_at") <= pl.col("trade_date").dt.combine(CUTOFF))
    names = np.array(sorted(known["ticker"].unique()), dtype=object).astype(str)
    row = np.searchsorted(days, _dates(known["trade_date"]))
    column = np.searchsorted(names, known["ticker"].to_numpy().astype(str))
    out: dict[str, np.ndarray] = {"tickers": names}
    for name in (
        "close_usd",
        "shares_outstanding",
        "volume_shares",
        "total_return_pct",
        "adjusted_close_usd",
    ):
        out[name] = np.full((days.size, names.size), np.nan)
        out[name][row, column] = known[name].cast(pl.Float64).fill_null(np.nan).to_numpy()
    adjusted = out.pop("adjusted_close_usd")
    ratio = np.full_like(adjusted, np.nan)
    ratio[1:] = adjusted[1:] / adjusted[:-1] - 1
    given = out.pop("total_return_pct") / 100
    out["simple_return"] = np.where(np.isfinite(given), given, ratio)
    return out


def _taken(
    values: np.ndarray, names: np.ndarray, table: pl.Series, rows: np.ndarray, missing: float
) -> np.ndarray:
    """`values` [day, name] of the name that `table` has at the positions `rows` [day, parent];
    `missing` where there is none.
    """
    place = np.where(rows >= 0, _places(names, table)[rows], -1)
    padded = np.concatenate(
        [values, np.full((values.shape[0], 1), missing, dtype=values.dtype)], axis=1
    )
    return np.take_along_axis(padded, np.where(place < 0, names.size, place), axis=1)


def _places(names: np.ndarray, wanted: pl.Series) -> np.ndarray:
    """Position of each of `wanted` among the sorted `names`, -1 where it is not there."""
    values = wanted.to_numpy().astype(str)
    place = np.searchsorted(names, values)
    return np.where(np.append(names, "")[place] == values, place, -1)


def _dates(values: pl.Series) -> np.ndarray:
    return values.to_numpy().astype("datetime64[D]")
