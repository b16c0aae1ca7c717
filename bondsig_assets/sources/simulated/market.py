"""The simulated market as a source: the declared raw tables made of paths and messages.

Belongs here: turning arrays into tables, and the truth into the truth schema. Not here: any
randomness but that of what a table adds (volumes, CDS noise).
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from functools import cached_property

import numpy as np
import polars as pl

from bondsig_assets.arrays import Bools, Floats
from bondsig_assets.calendar.knowledge import end_of_day
from bondsig_assets.market_rules import CAP_USD, HIGH_YIELD_CAP_USD, HIGH_YIELD_RATING
from bondsig_assets.sources.base import Delivery
from bondsig_assets.sources.simulated import reference
from bondsig_assets.sources.simulated.entities import SECTORS
from bondsig_assets.sources.simulated.macro import EXPOSED
from bondsig_assets.sources.simulated.paths import CDS_TENORS, Market, make_market
from bondsig_assets.sources.simulated.pricing import true_mids
from bondsig_assets.sources.simulated.stocks import (
    Stocks,
    borrow_rates,
    equity_prices,
    lending,
    make_stocks,
)
from bondsig_assets.sources.simulated.trading import DayState, Messages, messages_of_day
from bondsig_assets.sources.simulated.worlds import MAX_REPORT_LAG, World
from bondsig_assets.tables import TABLES

_KEPT_DAYS = 160
#: Calendar days over which the bonds out are counted to scale their activity.
_COUNTED_DAYS = 1461
_FATES = {0: None, 1: "cancelled", 2: "corrected", 3: "reversed"}


class SimulatedSource:
    """Implements `sources.base.Source` for one world and one view of its reports.

    `view` is `live` (what was disseminated, par capped, sell legs) or `regulatory` (everything).
    """

    def __init__(self, world: World, view: str = "live") -> None:
        self.world = world
        self.view = view
        self._messages: dict[int, Messages] = {}

    @cached_property
    def market(self) -> Market:
        """The latent market, made once."""
        return make_market(self.world)

    @cached_property
    def _mids(self) -> tuple[np.ndarray, np.ndarray]:
        """Closing mids and spreads in bps [day, bond] of trades of most sizes."""
        return true_mids(self.market, self.market.log_spread)

    @cached_property
    def _institutional_mids(self) -> tuple[np.ndarray, np.ndarray]:
        """The same for trades of institutional size, which know more in some worlds."""
        if self.market.lead.known_to != "institutional":
            return self._mids
        return true_mids(self.market, self.market.informed_log_spread)

    def date_range(self) -> tuple[date, date]:
        """First and last trading day of the world."""
        days = self.world.days()
        return days[0], days[-1]

    def daily(self, table: str, start: date, end: date) -> Delivery:
        """Rows of a daily raw table for the trading days `start` … `end`."""
        days = self.market.days
        low = int(np.searchsorted(days, np.datetime64(start), side="left"))
        high = int(np.searchsorted(days, np.datetime64(end), side="right"))
        if table == "trace_reports":
            return self._reports(low, high)
        if table == "bond_day_quotes":
            # Its bonds are told by their trades alone.
            return Delivery(table, TABLES[table].empty())
        maker = {
            "equity_prices": lambda *days: equity_prices(self.market, self._stocks, *days),
            "cds_quotes": self._cds_quotes,
            "borrow_rates": lambda *days: borrow_rates(self.market, self._lending, *days),
        }[table]
        return Delivery(table, TABLES[table].conform(maker(low, high)))

    def reference(self, table: str, through: date) -> Delivery:
        """A raw table without days, with everything dated up to `through`."""
        return Delivery(table, TABLES[table].conform(reference.MAKERS[table](self.market, through)))

    def truth(self) -> dict[str, pl.DataFrame]:
        """Planted news and how it lands, and true mids: those of who knows most."""
        market, (mid, spread) = self.market, self._institutional_mids
        day, parent = np.nonzero(market.news)
        first = day + market.news_delay[day, parent]
        calendar, parts = self.world.calendar(), np.array(market.lead.parts)
        last = first + parts.size - 1
        known_to = np.where(last > day, market.lead.known_to, "all")
        piece = np.repeat(np.arange(day.size), parts.size)
        part = np.tile(np.arange(parts.size), day.size)
        size = 100 * market.news[day, parent]
        t, b = np.nonzero(np.isfinite(mid))
        return {
            "planted_news": pl.DataFrame(
                {
                    "parent_id": market.parents.parent_id[parent],
                    "news_date": market.days[day],
                    "equity_date": calendar[first],
                    "equity_last_date": calendar[last],
                    "size_pct": size,
                    "credit_size_pct": 100 * market.credit_news[day, parent],
                    "known_to": known_to,
                }
            ),
            "news_landings": pl.DataFrame(
                {
                    "parent_id": market.parents.parent_id[parent[piece]],
                    "news_date": market.days[day[piece]],
                    "equity_date": calendar[first[piece] + part],
                    "landed_pct": size[piece] * parts[part],
                }
            ),
            "macro_exposures": self._exposures(),
            "bond_mids": pl.DataFrame(
                {
                    "cusip": market.bonds.cusip[b],
                    "trade_date": market.days[t],
                    "true_mid": mid[t, b],
                    "true_spread_bps": spread[t, b],
                }
            ),
        }

    def _exposures(self) -> pl.DataFrame:
        market = self.market
        names = [
            (market.parents.parent_id, pl.lit("parent"), market.exposures.parents),
            (np.array([etf for _, etf in SECTORS]), pl.lit("etf"), market.exposures.etfs),
        ]
        return pl.concat(
            pl.DataFrame(
                {
                    "entity": np.repeat(entity, len(EXPOSED)),
                    "series": np.tile(np.array(list(EXPOSED)), entity.size),
                    "return_pct_per_unit": 100 * values.ravel(),
                    "surprise_unit": np.tile(np.array(list(EXPOSED.values())), entity.size),
                }
            ).with_columns(entity_kind=kind)
            for entity, kind, values in names
        )

    @cached_property
    def _stocks(self) -> Stocks:
        return make_stocks(self.market)

    @cached_property
    def _lending(self) -> tuple[Floats, Bools]:
        return lending(self.market)

    @cached_property
    def _quoted_spreads(self) -> tuple[np.ndarray, np.ndarray]:
        """Names that have CDS, and their quotes in bps [day, name, tenor]."""
        market, world = self.market, self.world
        names = np.flatnonzero(market.parents.has_cds)
        spread = market.cds_spread_bps(CDS_TENORS)[:, names]
        shocks = world.rng(5).normal(0, 1.2, (market.days.size, names.size))
        basis = np.empty_like(shocks)
        state = world.rng(5, 1).normal(-5, 12, names.size)
        for step in range(shocks.shape[0]):
            state = -5 + 0.99 * (state + 5) + shocks[step]
            basis[step] = state
        noise = np.exp(world.rng(5, 2).normal(0, 0.012, spread.shape))
        return names, np.round(np.maximum(spread * noise + basis[:, :, None], 1.0), 2)

    def _cds_quotes(self, low: int, high: int) -> pl.DataFrame:
        market, (names, every) = self.market, self._quoted_spreads
        quotes = every[low:high]
        t, k, c = np.nonzero(
            np.isfinite(quotes) & reference.has_stock(market)[low:high, names][:, :, None]
        )
        return (
            pl.DataFrame(
                {
                    "ticker": reference.tickers(market)[low:high][t, names[k]],
                    "trade_date": market.days[low:high][t],
                    "tenor_years": CDS_TENORS[c],
                    "par_spread_bps": quotes[t, k, c],
                }
            )
            .with_columns(known_at=end_of_day(pl.col("trade_date")))
            .sort("ticker", "trade_date", "tenor_years")
        )

    def _day(self, index: int) -> Messages:
        """Messages about trades executed on one day, remembered for the report dates that
        follow.
        """
        if index not in self._messages:
            self._messages[index] = messages_of_day(self.world.rng(3, index), self._state(index))
            for old in [key for key in self._messages if key < index - _KEPT_DAYS]:
                del self._messages[old]
        return self._messages[index]

    def _state(self, index: int) -> DayState:
        market, (mid, _), (informed, _) = self.market, self._mids, self._institutional_mids
        bonds = market.bonds
        alive = np.flatnonzero(np.isfinite(mid[index]))
        age = (market.day_numbers[index] - bonds.offering_day)[alive]
        # Bonds are busy when those who trade them learn something.
        learned = market.landed if market.lead.known_to == "cds" else market.news
        intensity = bonds.activity[alive] * np.where(age <= 60, 4.0, 1.0)
        intensity = (
            intensity
            * self._activity_scale
            * np.where(learned[index, market.owner(index)[bonds.parent[alive]]] != 0, 2.5, 1.0)
        )
        open_mid, close_mid = _open_and_close(mid, index, alive)
        informed_open, informed_close = _open_and_close(informed, index, alive)
        return DayState(
            index=index,
            bond=alive,
            open_mid=open_mid,
            close_mid=close_mid,
            institutional_open_mid=informed_open,
            institutional_close_mid=informed_close,
            intensity=intensity,
            is_high_yield=(market.rating[index] >= HIGH_YIELD_RATING)[bonds.parent[alive]],
            age=age,
        )

    @cached_property
    def _activity_scale(self) -> float:
        """Puts the mean number of reports a day where the world wants it: by the bonds out in its
        first four years, whatever its end.
        """
        bonds, start = self.market.bonds, self.market.day_numbers[0]
        stop = start + _COUNTED_DAYS
        out = np.minimum(bonds.maturity_day - 7, stop) - np.maximum(bonds.offering_day, start)
        on_average: float = np.maximum(out, 0) / _COUNTED_DAYS @ bonds.activity
        reports_per_event = (0.45 + 2 * 0.55) * 1.065
        busy = 1.12 * (1 + 1.5 * self.market.lead.per_day)
        return self.world.reports_per_day / (on_average * reports_per_event * busy)

    def _reports(self, low: int, high: int) -> Delivery:
        first = max(low - MAX_REPORT_LAG, 0)
        parts, executed = [], []
        for index in range(first, high):
            messages = self._day(index)
            rows = np.flatnonzero((messages.report_index >= low) & (messages.report_index < high))
            if rows.size:
                parts.append(messages.take(rows))
                executed.append(np.full(rows.size, index))
        if not parts:
            return Delivery(
                "trace_reports",
                TABLES["trace_reports"].empty(),
                truth={"report_truths": TABLES["report_truths"].empty()},
            )
        frame, truth = self._frames(Messages.concatenate(parts), np.concatenate(executed))
        return Delivery("trace_reports", frame, truth={"report_truths": truth})

    def _frames(self, m: Messages, executed: np.ndarray) -> tuple[pl.DataFrame, pl.DataFrame]:
        market, bonds = self.market, self.market.bonds
        # What ends a report may arrive after the world's last day: the truth names that day too.
        days = pl.Series(self.world.calendar()[: market.days.size + MAX_REPORT_LAG + 1])
        high_yield = market.rating[executed, bonds.parent[m.bond]] >= HIGH_YIELD_RATING
        cap = np.where(high_yield, HIGH_YIELD_CAP_USD, CAP_USD)
        frame = pl.DataFrame(
            {
                "report_index": m.report_index,
                "report_second": m.report_second,
                "executed": executed,
                "execution_second": m.execution_second,
                "number": m.number,
                "original": m.original,
                "prior": m.prior_index,
                "first": m.first_index,
                "first_number": m.first_number,
                "status": m.status,
                "bond": m.bond,
                "price": m.price,
                "par_usd": m.par,
                "cap": cap,
                "side": m.side,
                "contra": m.contra,
                "agency": m.is_agency,
                "trading_market": m.market,
                "is_disseminated": m.is_disseminated,
                "is_ats": m.is_ats,
                "is_special_price": m.is_special,
                "weighted": m.is_weighted,
                "is_locked_in": m.is_locked_in,
                "late": m.is_late,
                "true_mid": m.true_mid,
                "error": m.error,
                "fate": m.fate,
                "dead": m.dead_index,
            }
        )
        live = self.view == "live"
        if live:
            frame = frame.filter("is_disseminated")
        frame = frame.sort("report_index", "report_second", "number", "status").with_columns(
            record_number=pl.int_range(1, pl.len() + 1).over("report_index"),
            is_par_capped=(pl.col("par_usd") > pl.col("cap")) & live,
        )
        day = _gather(days)
        public = pl.lit(not live)
        reported = day("report_index").cast(pl.Datetime("us")) + pl.duration(
            seconds=pl.col("report_second")
        )
        capacity = pl.when("agency").then(pl.lit("A")).otherwise(pl.lit("P"))
        rows = frame.select(
            day("report_index").alias("delivery_date"),
            "record_number",
            pl.lit(self.view).alias("view"),
            pl.lit("simulated").alias("feed"),
            day("report_index").alias("report_date"),
            reported.alias("reported_at"),
            day("executed").alias("execution_date"),
            (
                day("executed").cast(pl.Datetime("us"))
                + pl.duration(seconds=pl.col("execution_second"))
            ).alias("executed_at"),
            _number("number").alias("message_number"),
            _number("original").alias("original_message_number"),
            "status",
            pl.when(pl.col("report_index") > pl.col("executed"))
            .then(pl.lit("A"))
            .alias("asof_code"),
            _gather(pl.Series(bonds.cusip))("bond").alias("cusip"),
            _gather(pl.Series(bonds.symbol))("bond").alias("bond_symbol"),
            "price",
            pl.when("is_par_capped").then("cap").otherwise("par_usd").alias("par_usd"),
            "is_par_capped",
            pl.lit(None, pl.Float64).alias("yield_pct"),
            "side",
            "contra",
            pl.lit(False).alias("is_when_issued"),
            pl.when(pl.col("agency"))
            .then(pl.lit("C"))
            .otherwise(pl.lit("N"))
            .alias("commission_code"),
            pl.lit(None, pl.Date).alias("settlement_date"),
            pl.when("late").then(pl.lit("Z")).alias("trade_modifier_3"),
            pl.when("weighted").then(pl.lit("W")).alias("trade_modifier_4"),
            "is_special_price",
            "trading_market",
            "is_disseminated",
            "is_locked_in",
            "is_ats",
            pl.lit("D").alias("reporting_party_type"),
            pl.when(public & (pl.col("side") == "B")).then(capacity).alias("buyer_capacity"),
            pl.when(public & (pl.col("side") == "S")).then(capacity).alias("seller_capacity"),
            day("prior").alias("prior_report_date"),
            day("first").alias("first_control_date"),
            _number("first_number").alias("first_control_number"),
            reported.alias("delivered_at"),
            reported.alias("known_at"),
        )
        truth = frame.select(
            day("report_index").alias("delivery_date"),
            "record_number",
            "true_mid",
            pl.when(pl.col("error") != "").then("error").alias("error_kind"),
            pl.col("fate").replace_strict(_FATES, return_dtype=pl.String).alias("dead_reason"),
            day("dead").alias("dead_from_date"),
        )
        lacking = [
            pl.lit(None, dtype).alias(name)
            for name, dtype in TABLES["trace_reports"].polars_schema.items()
            if name not in rows.columns
        ]
        return TABLES["trace_reports"].conform(rows.with_columns(lacking)), TABLES[
            "report_truths"
        ].conform(truth)


def _open_and_close(
    mid: np.ndarray, index: int, alive: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Mids of the bonds `alive` at the close before and at the close of a day; a new bond opens
    where it closes.
    """
    before, close = mid[max(index - 1, 0), alive], mid[index, alive]
    return np.where(np.isfinite(before), before, close), close


def _gather(values: pl.Series) -> Callable[[str], pl.Expr]:
    """A function that turns a column of positions into `values`; negative or late positions into
    null.
    """

    def pick(column: str) -> pl.Expr:
        position = pl.col(column)
        valid = (position >= 0) & (position < len(values))
        return pl.when(valid).then(
            pl.lit(values).gather(pl.when(valid).then(position).otherwise(0))
        )

    return pick


def _number(column: str) -> pl.Expr:
    """A message number as TRACE shows it, seven digits."""
    return pl.when(pl.col(column) >= 0).then(pl.col(column).cast(pl.String).str.zfill(7))
