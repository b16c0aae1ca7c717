"""Rows of what a book's day did: of `fills`, `positions` and `portfolio_days`.

Belongs here: from arrays to rows. Not here: what is in them (`trading_day.py`), entries
(`ledger.py`).
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from math import fsum
from typing import Any

import numpy as np
import polars as pl

from bondsig_assets.arrays import Bools, Floats, Ints
from bondsig_assets.calendar import cutoff
from bondsig_assets.calendar.days import all_trading_days
from bondsig_assets.portfolio.books import Books
from bondsig_assets.portfolio.broker import MONEY, Booked, OpenOrders
from bondsig_assets.portfolio.ledger import UNITS, repeated, usable_price, value
from bondsig_assets.portfolio.sessions import Session
from bondsig_assets.tables.trading import FILLS, PORTFOLIO_DAYS, POSITIONS

#: A frame without rows, made once.
NO_FILLS = FILLS.empty()
#: A beta beyond this is no beta.
_LARGEST_BETA = 1_000.0
#: What `portfolio_days` counts beside positions.
COUNTS = tuple(
    name
    for name in PORTFOLIO_DAYS.column_names
    if name.startswith("n_") and name not in ("n_long", "n_short")
)


def fill_rows(
    policy: str,
    orders: OpenOrders,
    found: Booked,
    session: Session,
    *,
    is_late: bool = False,
    is_down: bool = False,
) -> pl.DataFrame:
    """Rows of `fills` booked on the day of `session`: one a fill, and of the session's own orders
    one more where nothing was filled, with the reason.

    `is_late`: the orders are of earlier sessions; what today's prices are is no matter of them.
    """
    facts, day = session.of(orders.parents), session.trade_date
    is_filled = np.zeros(orders.size, bool)
    is_filled[found.order] = True
    unfilled = np.flatnonzero(~is_filled) if not is_late else np.zeros(0, np.int64)
    at, none = np.r_[found.order, unfilled], np.zeros(unfilled.size)
    if not at.size:
        return NO_FILLS
    shares = np.r_[found.shares, none.astype(np.int64)]
    whole = orders.shares[at]
    left = whole - _running(at, shares, orders.filled)
    outcome = np.select(
        [(left == 0) & (shares > 0), shares > 0], ["filled", "partial"], "none"
    ).tolist()
    decision, opened = orders.decision_price_usd[at], facts.open_usd[at]
    close = facts.close_usd[at]
    if is_late:
        opened, close = np.full(at.size, np.nan), np.full(at.size, np.nan)
    places = at.tolist()
    return pl.DataFrame(
        {
            "fill_id": [*found.report_ids, *(f"{orders.order_ids[k]}-none" for k in unfilled)],
            "order_id": [orders.order_ids[k] for k in places],
            "policy": repeated(policy, at.size),
            "booked_date": repeated(day, at.size),
            "fill_date": [orders.session_dates[k] for k in places]
            if is_late
            else repeated(day, at.size),
            "parent_id": [orders.parents[k] for k in places],
            "ticker": [
                orders.tickers[k] if is_late else facts.tickers[k] or orders.tickers[k]
                for k in places
            ],
            "side": [orders.sides[k] for k in places],
            "outcome": outcome,
            "reason": [
                "late" if is_late else _why(orders, found, k, rest, is_down)
                for k, rest in zip(places, _at_last(at, left), strict=True)
            ],
            "order_shares": whole,
            "shares": shares,
            "unfilled_shares": left,
            "price_usd": np.r_[found.price_e4 / UNITS, none * np.nan],
            "decision_price_usd": decision,
            "arrival_price_usd": np.where(usable_price(opened), opened, decision),
            "close_usd": np.where(usable_price(close), close, np.nan),
            **{column: np.r_[found.money_e4[column] / UNITS, none] for column in MONEY},
            "known_at": repeated(cutoff(day), at.size),
        },
        schema=FILLS.polars_schema,
        nan_to_null=True,
    )


def _running(order: Ints, shares: Ints, filled: Ints) -> Ints:
    """Shares of each order that are done after each fill, [fill], beginning with `filled`."""
    so_far, found = filled.copy(), np.zeros(order.size, np.int64)
    for k, (at, more) in enumerate(zip(order.tolist(), shares.tolist(), strict=True)):
        so_far[at] += more
        found[k] = so_far[at]
    return found


def _at_last(order: Ints, left: Ints) -> list[int | None]:
    """What is left of an order, at its last fill; None at those before."""
    last = {at: k for k, at in enumerate(order.tolist())}
    return [
        rest if last[at] == k else None
        for k, (at, rest) in enumerate(zip(order.tolist(), left.tolist(), strict=True))
    ]


def _why(orders: OpenOrders, found: Booked, k: int, rest: int | None, is_down: bool) -> str | None:
    """Why an order was not filled whole, said where it ends: what blocked it, what the broker said,
    or that it said nothing. One that a split made nothing of has nothing left either.
    """
    if rest is None or (rest == 0 and orders.shares[k] > 0):
        return None
    silent = "broker_down" if is_down else "cancelled"
    return orders.blocked[k] or found.reasons.get(k) or silent


def joined(frames: list[pl.DataFrame]) -> pl.DataFrame:
    """Frames one below the other; the first where no other has rows."""
    filled = [frame for frame in frames if frame.height]
    return pl.concat(filled) if filled else frames[0]


def stale_days(price_dates: np.ndarray, day: date | None) -> Ints:
    """Trading days from each date to `day`, 0 where there never was a price."""
    calendar, today = all_trading_days(), np.datetime64(day or "NaT", "D")
    known = np.where(np.isnat(price_dates), today, price_dates)
    found: Ints = np.searchsorted(calendar, today) - np.searchsorted(calendar, known)
    return found


@dataclass(frozen=True)
class Holdings:
    """Arrays of what `positions` says of each name, [name], as in `Books`."""

    parents: list[str]
    tickers: list[str]
    shares: Ints
    price_e4: Ints
    price_dates: np.ndarray
    growth: Floats
    shares_outstanding: Floats
    is_quarantined: Bools
    borrow_rate_pct: Floats
    is_borrow_assumed: Bools
    pnl_e4: Ints


def holdings_of(books: Books) -> Holdings:
    """Those of a book on a day that brings nothing."""
    return Holdings(
        books.parents,
        books.tickers,
        books.shares,
        books.price_e4,
        books.price_dates,
        books.growth,
        books.shares_outstanding,
        books.is_quarantined,
        books.borrow_rate_pct,
        books.is_borrow_assumed,
        np.zeros(books.shares.size, dtype=np.int64),
    )


def position_rows(books: Books, held: Holdings, halt_days: int) -> pl.DataFrame:
    """Rows of `positions` after the day of `books`."""
    # What is not held has no mark that could be old.
    since = np.where(held.shares != 0, stale_days(held.price_dates, books.trade_date), 0)
    is_stale = since > 0
    worth, nav = value(held.shares, held.price_e4), books.nav_e4
    state = np.select(
        [held.shares == 0, held.is_quarantined, since >= halt_days, is_stale],
        ["closed", "quarantined", "halted", "stale"],
        "open",
    )
    count = len(held.parents)
    return pl.DataFrame(
        {
            "trade_date": repeated(books.trade_date, count),
            "policy": repeated(books.policy, count),
            "parent_id": held.parents,
            "ticker": held.tickers,
            "state": state.tolist(),
            "shares": held.shares,
            "price_usd": np.where(held.price_e4 > 0, held.price_e4 / UNITS, np.nan),
            "value_usd": worth / UNITS,
            "weight": worth / nav if nav > 0 else np.full(count, np.nan),
            "is_stale": is_stale,
            "stale_days": since,
            "price_date": held.price_dates,
            "growth": held.growth,
            "shares_outstanding": held.shares_outstanding,
            "borrow_rate_pct": held.borrow_rate_pct,
            "is_borrow_assumed": held.is_borrow_assumed,
            "pnl_usd": held.pnl_e4 / UNITS,
            "known_at": repeated(cutoff(books.trade_date or date.min), count),
        },
        schema=POSITIONS.polars_schema,
        nan_to_null=True,
    )


def beta_of(books: Books, session: Session) -> float | None:
    """Market beta of a book at the marks of its day: values times the betas known at the session's
    cutoff, over net asset value. A name without a beta counts with the usual one; None where there
    is none either, or the net asset value is not above 0.
    """
    told = session.of(books.parents).market_beta
    betas = np.where(np.abs(told) <= _LARGEST_BETA, told, session.usual_beta)
    if books.nav_e4 <= 0 or not np.isfinite(betas).all():
        return None
    # Summed exactly: the same whatever the order of names.
    return fsum((value(books.shares, books.price_e4) * betas).tolist()) / books.nav_e4


def day_row(
    books: Books,
    state: str,
    before_e4: int,
    parts: dict[str, int],
    notional_e4: int,
    beta: float | None,
    counts: dict[str, Any],
) -> pl.DataFrame:
    """The row of `portfolio_days`; `beta` as `beta_of` has it."""
    worth, nav = value(books.shares, books.price_e4), books.nav_e4
    long, short = int(np.maximum(worth, 0).sum()), int(np.minimum(worth, 0).sum())
    day = books.trade_date or date.min
    row = {
        "trade_date": day,
        "policy": books.policy,
        "state": state,
        "nav_usd": nav / UNITS,
        "nav_before_usd": before_e4 / UNITS,
        "cash_usd": books.cash_e4 / UNITS,
        "receivables_usd": books.dues.receivable_e4 / UNITS,
        "payables_usd": books.dues.payable_e4 / UNITS,
        "long_usd": long / UNITS,
        "short_usd": short / UNITS,
        "gross": (long - short) / nav if nav > 0 else None,
        "net": (long + short) / nav if nav > 0 else None,
        "beta": beta,
        "traded_usd": notional_e4 / UNITS,
        "turnover": notional_e4 / before_e4 if before_e4 > 0 else None,
        **{f"{name}_usd": amount / UNITS for name, amount in parts.items()},
        "n_long": int((worth > 0).sum()),
        "n_short": int((worth < 0).sum()),
        **counts,
        "known_at": cutoff(day),
    }
    return pl.DataFrame([row], schema=PORTFOLIO_DAYS.polars_schema, orient="row")
