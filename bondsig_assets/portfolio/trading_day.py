"""A book's day: yesterday's book and a session in, fills, entries and today's book out.

Belongs here: the order of a day, what is booked when. Not here: what a share or a broker did
(`corporate_actions.py`, `broker.py`), rows (`trading_rows.py`), the evening's targets and orders.

The order of a day: deposits, dividends that are paid, fills told late of earlier sessions,
delistings, renames, splits and dividends at the open; then the session's fills, marks at the close,
and what runs by calendar day. The backtest and the daily run are this one function.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import date
from typing import Any

import numpy as np
import polars as pl

from bondsig_assets.arrays import Bools, Floats, Ints
from bondsig_assets.calendar import offset
from bondsig_assets.errors import BrokerError, LedgerError
from bondsig_assets.portfolio.awaited import (
    Awaited,
    Stock,
    after_session,
    awaited_rows,
)
from bondsig_assets.portfolio.awaited import joined as joined_orders
from bondsig_assets.portfolio.books import Books, Dues, Ended, stopped
from bondsig_assets.portfolio.broker import (
    MONEY,
    NO_FAULTS,
    NO_REPORTS,
    Booked,
    Broker,
    OpenOrders,
    booked,
    no_orders,
    scaled,
)
from bondsig_assets.portfolio.corporate_actions import (
    Actions,
    Observed,
    actions,
    cash_for_fractions,
    delisted,
    delisting_returns,
    split_shares,
)
from bondsig_assets.portfolio.ledger import (
    ASSETS,
    UNITS,
    Journal,
    borrow_fee,
    interest,
    units,
    usable_price,
    value,
)
from bondsig_assets.portfolio.sessions import Session
from bondsig_assets.portfolio.settings import PortfolioSettings
from bondsig_assets.portfolio.trading_rows import (
    COUNTS,
    NO_FILLS,
    Holdings,
    beta_of,
    day_row,
    fill_rows,
    holdings_of,
    joined,
    position_rows,
    stale_days,
)
from bondsig_assets.tables.trading import CHANGES, LEDGER_ENTRIES

#: Kind and account of what is paid beyond the market's price, by column of `fills`.
_PAID = {
    "spread_usd": ("spread", "spread"),
    "impact_usd": ("impact", "impact"),
    "commission_usd": ("commission", "commissions"),
    "fee_usd": ("fee", "fees"),
}
#: Beyond these a total return, an annual borrow rate or a rate on cash is taken for unknown.
_LARGEST_RETURN_PCT, _LARGEST_BORROW_PCT, _CASH_RATES_PCT = 100_000.0, 1_000.0, (-10.0, 100.0)


@dataclass(frozen=True)
class TradedDay:
    """What a day did: rows of `fills`, `ledger_entries`, `positions`, `portfolio_days` and
    `awaited_orders`; reports that could not be booked, with their `fault`; and the book that the
    next day starts from, to which `books.with_orders` adds the evening's orders.
    """

    fills: pl.DataFrame
    entries: pl.DataFrame
    positions: pl.DataFrame
    day: pl.DataFrame
    awaited: pl.DataFrame
    refused: pl.DataFrame
    books: Books


def trade_day(
    books: Books,
    session: Session,
    broker: Broker,
    settings: PortfolioSettings,
    flow_usd: float = 0.0,
) -> TradedDay:
    """The day `session.trade_date` of a book, all by what was known at its cutoff.

    `flow_usd`: deposited at the open, below 0 withdrawn; a new book needs a deposit. A stopped book
    stays as it is. Raises LedgerError where the day is not the one after `books.trade_date`, or
    what is booked does not add up.
    """
    day = session.trade_date
    if books.trade_date is not None and day != offset(books.trade_date, 1):
        raise LedgerError(
            f"{books.policy} is booked up to {books.trade_date}, so {day} is not its next day: run"
            f" from {offset(books.trade_date, 1)} on"
        )
    if books.trade_date is None and not flow_usd > 0:
        raise LedgerError(f"{books.policy} begins on {day} with {flow_usd} dollars: deposit some")
    if books.state == "stopped":
        return _stopped(books, day, settings.trading.halt_days)
    work = _Day(books, session, settings)
    work.move_money(flow_usd)
    last = books.past.orders
    told, was_down = _asked(broker.late, last, session)
    late = work.fill_late(booked(told, last, books.seen, work.session_prices()))
    work.end_listings()
    work.rename()
    done = work.act()
    orders = work.orders_at_open(done)
    told, is_down = _asked(broker.reports, orders, session)
    close = np.where(usable_price(work.facts.close_usd), work.facts.close_usd, np.nan)
    known = np.where(np.isfinite(close), close, work.mark_e4 / UNITS)[work.places(orders.parents)]
    todays = work.fill(orders, booked(told, orders, books.seen, known))
    work.mark(done)
    work.accrue()
    work.wait_for(done, orders, todays, known)
    return work.result(done, (last, late), (orders, todays), is_down=is_down or was_down)


def _asked(
    ask: Callable[[OpenOrders, Session], pl.DataFrame], orders: OpenOrders, session: Session
) -> tuple[pl.DataFrame, bool]:
    """A broker's reports of orders, and whether it did not answer; it is not asked about none."""
    if not orders.size:
        return NO_REPORTS, False
    try:
        return ask(orders, session), False
    except BrokerError:
        return NO_REPORTS, True


class _Day:
    """A book while a day goes on; arrays [name] over what is held, ordered or may be corrected."""

    def __init__(self, books: Books, session: Session, settings: PortfolioSettings) -> None:
        """Yesterday's positions, each at its place among the day's names."""
        self.books, self.session, self.settings = books, session, settings
        self.day = session.trade_date
        known = (books.orders.parents, books.past.orders.parents)
        of_ended = [one.parent_id for one in books.ended]
        of_dues = books.dues.parents
        self.names = sorted({*books.parents, *known[0], *known[1], *of_ended, *of_dues})
        self.where = {name: at for at, name in enumerate(self.names)}
        n, at = len(self.names), self.places(books.parents)
        self.shares = _spread(books.shares, at, n, 0)
        self.mark_e4 = _spread(books.price_e4, at, n, 0)
        self.price_dates = _spread(books.price_dates, at, n, np.datetime64("NaT", "D"))
        self.growth = _spread(books.growth, at, n, 1.0)
        self.shares_outstanding = _spread(books.shares_outstanding, at, n, np.nan)
        self.was_quarantined = _spread(books.is_quarantined, at, n, value=False)
        self.held_before = self.shares.copy()
        #: What the account of stock has of each name, until marks bring it to the close.
        self.stock_e4 = value(self.shares, self.mark_e4)
        #: Shares traded today and their cost at market prices; fractions that splits settled.
        self.traded, self.traded_e4 = np.zeros(n, np.int64), np.zeros(n, np.int64)
        self.fraction, self.fraction_e4 = np.zeros(n), np.zeros(n, np.int64)
        self.last_fill_e4 = np.zeros(n, np.int64)
        self.notional_e4 = 0
        self.facts = session.of(self.names)
        self.tickers = self._tickers()
        self.journal = Journal(books.policy, self.day, self.names, self.tickers)
        self.dues, self.ended = books.dues, {one.key: one for one in books.ended}
        self.is_gone = np.zeros(n, bool)
        self.past = books.past
        self._watch()

    def places(self, parents: list[str]) -> Ints:
        """Each one's place among the day's names."""
        return np.array([self.where[parent] for parent in parents], dtype=np.int64)

    def _watch(self) -> None:
        """What is known of stocks that are not held and may turn out to be."""
        waiting = self.past.take(self.past.is_open)
        at = self.places(waiting.orders.parents)
        new = np.flatnonzero(self.shares[at] == 0)
        at, stock = at[new], waiting.stock.take(new)
        self.mark_e4[at], self.price_dates[at] = stock.price_e4, stock.price_dates
        self.growth[at], self.shares_outstanding[at] = stock.growth, stock.shares_outstanding
        self.was_quarantined[at] = stock.is_quarantined

    def session_prices(self) -> Floats:
        """Prices that fills of past orders are judged by, in shares of their sessions, [order]:
        else yesterday's marks, and the decision's price where there is none.
        """
        orders = self.past.orders
        marks = self.mark_e4[self.places(orders.parents)] / UNITS
        known = np.where(marks > 0, marks, orders.decision_price_usd)
        told = self.past.session_price_usd
        found: Floats = np.where(np.isfinite(told), told, known)
        return found

    def _tickers(self) -> list[str]:
        """The session's tickers; where it has none those of positions, orders, endings."""
        told: dict[str, str] = {one.parent_id: one.ticker for one in self.books.ended}
        told |= dict(zip(self.books.dues.parents, self.books.dues.tickers, strict=True))
        past, orders = self.books.past, self.books.orders
        told |= dict(zip(past.orders.parents, past.stock.tickers, strict=True))
        told |= dict(zip(orders.parents, orders.tickers, strict=True))
        told |= dict(zip(self.books.parents, self.books.tickers, strict=True))
        return [now or told[name] for name, now in zip(self.names, self.facts.tickers, strict=True)]

    def move_money(self, flow_usd: float) -> None:
        """Deposits and withdrawals, and dividends of earlier days that are paid by today."""
        kind = "deposit" if flow_usd > 0 else "withdrawal"
        self.journal.whole(kind, "cash", "capital", units(flow_usd), np.nan)
        is_paid = self.dues.settle_dates <= np.datetime64(self.day, "D")
        paid = self.dues.take(is_paid)
        names, amount = self.places(paid.parents), paid.amount_e4
        self.journal.post("payment", "cash", "receivable", np.maximum(amount, 0), names)
        self.journal.post("payment", "payable", "cash", np.maximum(-amount, 0), names)
        self.dues = self.dues.take(~is_paid)

    def fill(self, orders: OpenOrders, found: Booked) -> Booked:
        """Book the session's fills."""
        if found.order.size:
            names = self.places(orders.parents)[found.order]
            shares = self._trade(names, orders, found)
            np.add.at(self.traded, names, shares)
            np.add.at(self.traded_e4, names, value(shares, found.price_e4))
            self.last_fill_e4[names] = found.price_e4
        return found

    def fill_late(self, found: Booked) -> Booked:
        """Book fills of earlier sessions, and what became of their shares since."""
        past, at = self.past, found.order
        self.past = past.told(at, found.shares, sorted(found.reasons))
        if at.size:
            names = self.places(past.orders.parents)[at]
            shares = self._trade(names, past.orders, found)
            self._hold_since(names, shares, found.price_e4, past.take_at(at))
        return found

    def _trade(self, names: Ints, orders: OpenOrders, found: Booked) -> Ints:
        """Entries of fills: shares at the market's price, and what is paid beyond it. The shares,
        below 0 where sold, [fill].
        """
        sign = orders.sign[found.order]
        shares, ids = sign * found.shares, np.array(found.report_ids, dtype=object)
        amount = value(shares, found.price_e4)
        about = np.array([orders.session_dates[k] for k in found.order], dtype="datetime64[D]")
        for kind, which in (("buy", sign > 0), ("sell", sign < 0)):
            self.journal.post(
                kind,
                "stock",
                "cash",
                amount[which],
                names[which],
                shares=shares[which],
                price_usd=found.price_e4[which] / UNITS,
                event_date=about[which],
                fill_ids=ids[which],
            )
        for column in MONEY:
            kind, account = _PAID[column]
            paid = found.money_e4[column]
            self.journal.post(kind, account, "cash", paid, names, event_date=about, fill_ids=ids)
        self.notional_e4 += int(np.abs(amount).sum())
        np.add.at(self.shares, names, shares)
        np.add.at(self.stock_e4, names, amount)
        return shares

    def _hold_since(self, names: Ints, shares: Ints, price_e4: Ints, past: Awaited) -> None:
        """What traded in earlier sessions was held since, [fill]: it was split, got dividends, and
        is worth yesterday's mark, or where there is none the price of the fill.
        """
        whole, fraction = split_shares(shares, past.share_ratio)
        is_new = self.mark_e4[names] == 0
        own = np.rint(price_e4 / past.share_ratio).astype(np.int64)
        self.mark_e4[names] = np.where(is_new, own, self.mark_e4[names])
        days = np.array(past.orders.session_dates, dtype="datetime64[D]")
        self.price_dates[names] = np.where(is_new, days, self.price_dates[names])
        marks = self.mark_e4[names]
        paid = cash_for_fractions(fraction, marks / UNITS)
        self.journal.post(
            "split",
            "stock",
            "stock",
            np.zeros(names.size, np.int64),
            names,
            shares=whole - shares,
            rate=past.share_ratio,
        )
        self.journal.post("split_cash", "cash", "stock", paid, names, price_usd=marks / UNITS)
        gained = value(whole, marks) + paid - value(shares, price_e4)
        self.journal.post("trade_mark", "stock", "trading", gained, names, price_usd=marks / UNITS)
        dividends = np.rint(shares * (past.dividends_usd * UNITS)).astype(np.int64)
        for kind, sign in (("dividend", 1), ("dividend_on_short", -1)):
            which = np.sign(dividends) == sign
            self.journal.post(
                kind,
                "cash",
                "dividends",
                dividends[which],
                names[which],
                price_usd=past.dividends_usd[which],
                settle_date=self.day,
            )
        np.add.at(self.shares, names, whole - shares)
        np.add.at(self.stock_e4, names, gained - paid)

    def end_listings(self) -> None:
        """Positions of stocks that are known to have ended become cash, at their marks and the
        return from there; a return told later corrects what was booked.
        """
        if not self.session.delistings.height:
            return
        held = np.flatnonzero(self.shares)
        owners = [self._ticker_before(int(k)) for k in held]
        found, rows = delisted(self.day, owners, self.price_dates[held], self.session.delistings)
        unknown_pct = self.settings.trading.delisting_unknown_pct
        rates, assumed = delisting_returns(
            rows["delisting_return_pct"].cast(pl.Float64).to_numpy(),
            rows["reason"].to_list(),
            unknown_pct,
        )
        for k, row, rate, flag in zip(
            held[found], rows.iter_rows(named=True), rates.tolist(), assumed.tolist(), strict=True
        ):
            self._end(int(k), owners[int(np.searchsorted(held, k))], row, rate, flag)
        self._correct(unknown_pct)

    def _ticker_before(self, k: int) -> str:
        """The ticker a position was held under; today's of one that was filled late."""
        if not self.held_before[k]:
            return self.tickers[k]
        return self.books.tickers[self.books.parents.index(self.names[k])]

    def _end(self, k: int, ticker: str, row: dict[str, Any], rate: float, is_assumed: bool) -> None:
        here, worth = np.array([k]), self.stock_e4[[k]]
        last: date = row["last_trade_date"]
        got = np.rint(worth * rate).astype(np.int64)
        self.journal.post(
            "delisting",
            "cash",
            "stock",
            worth,
            here,
            shares=-self.shares[here],
            price_usd=self.mark_e4[here] / UNITS,
            event_date=last,
            is_assumed=is_assumed,
        )
        self._beyond(here, got, rate, last, is_assumed)
        one = Ended(
            self.names[k], ticker, last, int(worth[0]), int((worth + got)[0]), rate, is_assumed
        )
        self.ended[one.key] = one
        self.shares[k] = self.stock_e4[k] = 0
        self.is_gone[k] = True

    def _beyond(
        self, here: Ints, amount_e4: Ints, rate: float, last: date, is_assumed: bool
    ) -> None:
        """What holders got beyond the last mark; noted also where it is nothing."""
        self.journal.post(
            "delisting",
            "cash",
            "delistings",
            amount_e4,
            here,
            rate=np.array([rate]),
            event_date=last,
            is_assumed=is_assumed,
            is_noted=True,
        )

    def _correct(self, unknown_pct: float) -> None:
        """Returns told later than a delisting was booked, or told anew."""
        if not self.ended:
            return
        tickers = [one.ticker for one in self.ended.values()]
        known = self.session.delistings.filter(
            pl.col("ticker").is_in(tickers) & pl.col("delisting_return_pct").is_finite()
        )
        told = {(row["ticker"], row["last_trade_date"]): row for row in known.iter_rows(named=True)}
        for key, one in list(self.ended.items()):
            row = told.get((one.ticker, one.last_trade_date))
            if row is None:
                continue
            rates, assumed = delisting_returns(
                np.array([row["delisting_return_pct"]]), [row["reason"]], unknown_pct
            )
            rate = float(rates[0])
            if rate == one.rate and bool(assumed[0]) == one.is_assumed:
                continue
            due = one.value_e4 + round(one.value_e4 * rate)
            here = self.places([one.parent_id])
            more = np.array([due - one.paid_e4])
            self._beyond(here, more, rate, one.last_trade_date, bool(assumed[0]))
            self.ended[key] = replace(one, paid_e4=due, rate=rate, is_assumed=bool(assumed[0]))

    def rename(self) -> None:
        """Note the positions whose stock has another ticker today; nothing else changes."""
        held = [k for k in np.flatnonzero(self.shares).tolist() if self.held_before[k]]
        moved = np.array([k for k in held if self._ticker_before(k) != self.tickers[k]], np.int64)
        self.journal.post(
            "rename", "stock", "stock", np.zeros(moved.size, np.int64), moved, is_noted=True
        )

    def act(self) -> Actions:
        """Splits and dividends at the open, of what was held overnight."""
        facts, before = self.facts, self.mark_e4 / UNITS
        past = self.past.orders
        decided = (
            (self.books.orders.parents, self.books.orders.decision_price_usd),
            (past.parents, past.decision_price_usd / self.past.share_ratio),
        )
        for parents, price in decided:
            at = self.places(parents)
            before[at] = np.where(before[at] > 0, before[at], price)
        done = actions(
            Observed(
                before_usd=before,
                close_usd=facts.close_usd,
                growth=self.growth * self._grown(),
                dividend_usd=facts.dividend_usd,
                split_ratio=facts.split_ratio,
                shares_before=self.shares_outstanding,
                shares_after=facts.shares_outstanding,
                was_quarantined=self.was_quarantined,
            )
        )
        self._split(done)
        self._go_ex(done)
        at = self.places(past.parents)
        self.past = self.past.after(done.split_ratio[at], done.dividend_usd[at])
        return done

    def _grown(self) -> Floats:
        """1 + the day's total return, unknown where it is no return."""
        returned = self.facts.total_return_pct
        is_known = (returned > -100) & (returned < _LARGEST_RETURN_PCT)
        grown: Floats = np.where(is_known, 1 + np.where(is_known, returned, 0.0) / 100, np.nan)
        return grown

    def _split(self, done: Actions) -> None:
        """Whole shares at the new ratio; the fraction is settled at the opening price."""
        at = np.flatnonzero((done.split_ratio != 1) & (self.shares != 0))
        ratio = done.split_ratio[at]
        whole, fraction = split_shares(self.shares[at], ratio)
        opened = self.facts.open_usd[at]
        is_assumed = ~usable_price(opened)
        price = np.where(is_assumed, self.mark_e4[at] / UNITS / ratio, opened)
        paid = cash_for_fractions(fraction, price)
        self.journal.post(
            "split",
            "stock",
            "stock",
            np.zeros(at.size, np.int64),
            at,
            shares=whole - self.shares[at],
            rate=ratio,
            is_assumed=done.is_inferred[at],
            is_noted=True,
        )
        self.journal.post(
            "split_cash", "cash", "stock", paid, at, price_usd=price, is_assumed=is_assumed
        )
        self.shares[at] = whole
        self.stock_e4[at] -= paid
        self.fraction[at], self.fraction_e4[at] = fraction, paid

    def _go_ex(self, done: Actions) -> None:
        """Dividends of whole shares held overnight: to come for longs, owed by shorts."""
        at = np.flatnonzero((done.dividend_usd > 0) & (self.shares != 0))
        amount = np.rint(self.shares[at] * (done.dividend_usd[at] * UNITS)).astype(np.int64)
        wait = self.settings.trading.dividend_pay_days
        settled = offset(self.day, wait)
        for kind, account, sign in (
            ("dividend", "receivable", 1),
            ("dividend_on_short", "payable", -1),
        ):
            which = np.sign(amount) == sign
            other = account if wait else "cash"
            self.journal.post(
                kind,
                other,
                "dividends",
                amount[which],
                at[which],
                price_usd=done.dividend_usd[at][which],
                settle_date=settled,
                is_assumed=done.is_inferred[at][which],
            )
        if not wait:
            return
        is_due = amount != 0
        new = [int(k) for k in at[is_due]]
        dues = self.dues
        self.dues = Dues(
            [*dues.parents, *(self.names[k] for k in new)],
            [*dues.tickers, *(self.tickers[k] for k in new)],
            np.r_[dues.amount_e4, amount[is_due]],
            np.r_[dues.settle_dates, np.full(len(new), np.datetime64(settled, "D"))],
        )

    def orders_at_open(self, done: Actions) -> OpenOrders:
        """The session's orders in its shares; those that nothing may fill are blocked."""
        orders = self.books.orders
        at = self.places(orders.parents)
        blocked = np.select(
            [self.is_gone[at], done.is_quarantined[at]], ["delisted", "quarantined"], ""
        )
        ratio = np.where(self.is_gone[at], 1.0, done.split_ratio[at])
        return scaled(replace(orders, blocked=blocked.tolist()), ratio)

    def mark(self, done: Actions) -> None:
        """Bring positions to the close; without a price that is believed they stay where they were,
        in shares of today.
        """
        facts, day = self.facts, np.datetime64(self.day, "D")
        is_priced = usable_price(facts.close_usd) & ~done.is_quarantined
        close = units(np.where(is_priced, facts.close_usd, 0.0))
        stayed = np.rint(self.mark_e4 / done.split_ratio).astype(np.int64)
        is_new = (self.mark_e4 == 0) & ~is_priced & (self.last_fill_e4 > 0)
        mark = np.where(is_priced, close, np.where(is_new, self.last_fill_e4, stayed))
        worth = value(self.shares, mark)
        of_fractions = self.fraction_e4 - np.rint(self.fraction * mark).astype(np.int64)
        of_trades = value(self.traded, mark) - self.traded_e4
        rest = worth - self.stock_e4 - of_fractions - of_trades
        names = np.arange(len(self.names))
        price = mark / UNITS
        for kind, account, amount in (
            ("mark", "price", rest),
            ("trade_mark", "trading", of_trades),
            ("split_mark", "split_cash", of_fractions),
        ):
            self.journal.post(kind, "stock", account, amount, names, price_usd=price)
        self.stock_e4, self.mark_e4 = worth, mark
        fresh = is_priced | is_new
        grown = np.where(done.is_quarantined, self.growth * self._grown(), self.growth)
        self.growth = np.where(fresh, 1.0, grown)
        self.price_dates = np.where(fresh, day, self.price_dates)
        known = np.isfinite(facts.shares_outstanding)
        told = np.where(known, facts.shares_outstanding, self.shares_outstanding)
        self.shares_outstanding = np.where(fresh, told, self.shares_outstanding)

    def accrue(self) -> None:
        """What runs by calendar day since the last trading day, on what was held then: borrow on
        shorts at the rate of that evening, interest on cash.
        """
        books = self.books
        if books.trade_date is None:
            return
        days = (self.day - books.trade_date).days
        at = self.places(books.parents)
        worth = value(books.shares, books.price_e4)
        fee = borrow_fee(worth, books.borrow_rate_pct, days)
        self.journal.post(
            "borrow",
            "borrow",
            "cash",
            fee,
            at,
            rate=books.borrow_rate_pct / 100,
            # Where no rates are delivered at all every short pays an assumed one: no news.
            is_assumed=books.is_borrow_assumed & self.session.has_borrow_rates,
        )
        told = self.session.cash_rate_pct
        is_known = _CASH_RATES_PCT[0] <= told <= _CASH_RATES_PCT[1]
        rate = told if is_known else self.settings.trading.cash_rate_pct
        short = int(np.maximum(-worth, 0).sum())
        earned = interest(books.cash_e4, short, rate, days, self.settings.trading)
        self.journal.whole("interest", "cash", "interest", earned, rate / 100)

    def wait_for(
        self, done: Actions, orders: OpenOrders, found: Booked, session_price_usd: Floats
    ) -> None:
        """Past orders as the day leaves them: the session's own, and older ones still open."""
        filled = np.bincount(found.order, weights=found.shares, minlength=orders.size)
        is_ended = np.zeros(orders.size, bool)
        is_ended[sorted(found.reasons)] = True
        todays = after_session(
            replace(orders, filled=filled.astype(np.int64)),
            is_ended | (filled >= orders.shares),
            session_price_usd,
            self._stock(done, orders.parents),
        )
        older = self.past.take(self.past.is_open)
        older = replace(older, stock=self._stock(done, older.orders.parents))
        self.past = joined_orders(older, todays)

    def _stock(self, done: Actions, parents: list[str]) -> Stock:
        """What the evening knows of these names' stocks."""
        at = self.places(parents)
        return Stock(
            [self.tickers[k] for k in at.tolist()],
            self.mark_e4[at],
            self.price_dates[at],
            self.growth[at],
            self.shares_outstanding[at],
            done.is_quarantined[at],
        )

    def result(
        self,
        done: Actions,
        late: tuple[OpenOrders, Booked],
        todays: tuple[OpenOrders, Booked],
        *,
        is_down: bool,
    ) -> TradedDay:
        """Rows of the day, and the book after it. Raises LedgerError where the parts are not the
        change of the net asset value.
        """
        orders, found = todays
        fills = joined(
            [
                fill_rows(self.books.policy, *late, self.session, is_late=True),
                fill_rows(self.books.policy, orders, found, self.session, is_down=is_down),
            ]
        )
        filled = np.bincount(found.order, weights=found.shares, minlength=orders.size)
        new = [
            (which.order_ids[k], report)
            for which, told in (late, todays)
            for k, report in zip(told.order.tolist(), told.report_ids, strict=True)
        ]
        books = self._books_after(done, new)
        changed, change = self.journal.changed, books.nav_e4 - self.books.nav_e4
        parts = {name: -changed[name] for name in CHANGES}
        if change != sum(parts.values()) or change != sum(changed[one] for one in ASSETS):
            raise LedgerError(
                f"{books.policy} on {self.day}: the net asset value changed by {change} units of"
                f" 1e-4 dollars and its parts make {sum(parts.values())}: a mistake in the program"
            )
        is_stopped = books.nav_e4 <= 0
        if is_stopped:
            books = stopped(books)
        stale = stale_days(books.price_dates, self.day)
        refused = joined([late[1].refused, found.refused])
        row = day_row(
            books,
            "stopped" if is_stopped else "opened" if self.books.state == "new" else "open",
            self.books.nav_e4,
            parts,
            self.notional_e4,
            beta_of(books, self.session),
            {
                "n_orders": orders.size,
                "n_fills": late[1].order.size + found.order.size,
                "n_unfilled": int(((filled < orders.shares) | (orders.shares == 0)).sum()),
                "n_repeated": late[1].n_repeated + found.n_repeated,
                "n_refused": refused.height,
                "n_stale": int((stale > 0).sum()),
                "n_halted": int((stale >= self.settings.trading.halt_days).sum()),
                "n_quarantined": int(books.is_quarantined.sum()),
                "n_assumed": self.journal.n_assumed,
                "is_broker_down": is_down,
            },
        )
        return TradedDay(
            fills,
            self.journal.entries(),
            position_rows(books, self._holdings(books), self.settings.trading.halt_days),
            row,
            awaited_rows(books.policy, self.day, books.past),
            refused,
            books,
        )

    def _books_after(self, done: Actions, new: list[tuple[str, str]]) -> Books:
        """The book; `new`: order and report of each fill that the day booked."""
        asked = set(self.past.orders.order_ids)
        books, at = self.books, np.flatnonzero(self.shares)
        rate, is_assumed = self._borrow_rates(at)
        return replace(
            books,
            trade_date=self.day,
            state="open",
            parents=[self.names[k] for k in at],
            tickers=[self.tickers[k] for k in at],
            shares=self.shares[at],
            price_e4=self.mark_e4[at],
            price_dates=self.price_dates[at],
            growth=self.growth[at],
            shares_outstanding=self.shares_outstanding[at],
            is_quarantined=done.is_quarantined[at],
            borrow_rate_pct=rate,
            is_borrow_assumed=is_assumed,
            cash_e4=books.cash_e4 + self.journal.changed["cash"],
            dues=self.dues,
            ended=tuple(self.ended[key] for key in sorted(self.ended)),
            orders=no_orders(),
            past=self.past,
            seen=frozenset([*new, *(one for one in books.seen if one[0] in asked)]),
        )

    def _borrow_rates(self, at: Ints) -> tuple[Floats, Bools]:
        """Annual rate of each short for the coming night, and whether nobody delivered it; NaN of
        longs.
        """
        costs, told = self.settings.costs, self.facts.borrow_rate_pct[at]
        is_short, is_told = self.shares[at] < 0, (told >= 0) & (told <= _LARGEST_BORROW_PCT)
        bps = (
            costs.unknown_borrow_bps if self.session.has_borrow_rates else costs.general_borrow_bps
        )
        rate = np.where(is_short, np.where(is_told, told, bps / 100), np.nan)
        return rate, is_short & ~is_told

    def _holdings(self, books: Books) -> Holdings:
        """What is held, and what was held before or brought something today."""
        at = np.flatnonzero((self.shares != 0) | (self.held_before != 0) | (self.journal.pnl != 0))
        held, n = self.places(books.parents), len(self.names)
        return Holdings(
            [self.names[k] for k in at],
            [self.tickers[k] for k in at],
            self.shares[at],
            self.mark_e4[at],
            self.price_dates[at],
            self.growth[at],
            self.shares_outstanding[at],
            _spread(books.is_quarantined, held, n, value=False)[at],
            _spread(books.borrow_rate_pct, held, n, np.nan)[at],
            _spread(books.is_borrow_assumed, held, n, value=False)[at],
            self.journal.pnl[at],
        )


def _spread(values: np.ndarray, at: Ints, size: int, value: Any) -> np.ndarray:
    """`values` at their places among `size`, `value` elsewhere."""
    found = np.full(size, value, dtype=values.dtype)
    found[at] = values
    return found


def _stopped(books: Books, day: date, halt_days: int) -> TradedDay:
    """A day of a book that was stopped: everything stays, and its rows say so."""
    after = replace(books, trade_date=day)
    counts = dict.fromkeys(COUNTS, 0) | {"is_broker_down": False}
    return TradedDay(
        NO_FILLS,
        LEDGER_ENTRIES.empty(),
        position_rows(after, holdings_of(books), halt_days),
        day_row(after, "stopped", books.nav_e4, dict.fromkeys(CHANGES, 0), 0, None, counts),
        awaited_rows(books.policy, day, books.past),
        NO_FAULTS,
        after,
    )
