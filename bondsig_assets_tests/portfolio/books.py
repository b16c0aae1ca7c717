"""Books kept by hand: rows of the trading tables from fills and prices, in plain integers.

Belongs here: a second, simple ledger that tests of performance lean on. Not here: the platform's
own ledger.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date

import polars as pl

from bondsig_assets.calendar import cutoff, trading_days
from bondsig_assets.tables.schema import Table
from bondsig_assets.tables.trading import (
    CHANGES,
    FILLS,
    LEDGER_ENTRIES,
    ORDERS,
    PORTFOLIO_DAYS,
    POSITIONS,
)

DAYS = trading_days(date(2010, 1, 4), date(2013, 12, 31))


def e4(usd: float) -> int:
    return round(1e4 * usd)


@dataclass(frozen=True)
class Fill:
    """A fill on the `day`-th day: shares below 0 are sold; costs are dollars above 0."""

    day: int
    parent: str
    shares: int
    price: float
    spread: float = 0.0
    impact: float = 0.0
    commission: float = 0.0
    fee: float = 0.0
    ordered: int | None = None
    decision: float | None = None
    arrival: float | None = None


@dataclass(frozen=True)
class World:
    """What happens: `closes` by name, a close a day; amounts in dollars by day or (day, name);
    `borrow` above 0 is paid.
    """

    closes: dict[str, Sequence[float]]
    fills: tuple[Fill, ...] = ()
    flows: dict[int, float] = field(default_factory=lambda: {0: 1_000_000.0})
    dividends: dict[tuple[int, str], float] = field(default_factory=dict)
    borrow: dict[tuple[int, str], float] = field(default_factory=dict)
    interest: dict[int, float] = field(default_factory=dict)
    policy: str = "optimised"

    @property
    def n_days(self) -> int:
        return len(next(iter(self.closes.values())))


@dataclass(frozen=True)
class Book:
    """Rows of the trading tables."""

    days: pl.DataFrame
    positions: pl.DataFrame
    entries: pl.DataFrame
    fills: pl.DataFrame
    orders: pl.DataFrame


def filled_up(table: Table, rows: list[dict]) -> pl.DataFrame:
    """Rows with what they do not say: 0, empty or false where null is not allowed."""
    plain = {"BIGINT": 0, "DOUBLE": 0.0, "VARCHAR": "", "BOOLEAN": False}
    empty = {
        column.name: None if column.nullable else plain.get(column.type) for column in table.columns
    }
    return pl.DataFrame(
        [{**empty, **row} for row in rows], schema=table.polars_schema, orient="row"
    )


@dataclass
class _Evening:
    """A day's entries as they are booked, and what they add up to by account and by name."""

    stamp: dict
    entries: list[dict]
    change: dict[str, int] = field(default_factory=lambda: dict.fromkeys(CHANGES, 0))
    by_name: dict[str, int] = field(default_factory=lambda: defaultdict(int))

    def book(self, account: str, amount: int, kind: str, parent: str | None = None) -> None:
        """An amount that an account of origin brings, below 0 takes."""
        ends = ("cash", account) if amount >= 0 else (account, "cash")
        self.entries.append(
            {
                **self.stamp,
                "entry_number": len(self.entries),
                "kind": kind,
                "parent_id": parent,
                "debit": ends[0],
                "credit": ends[1],
                "amount_e4": abs(amount),
                "event_date": self.stamp["trade_date"],
            }
        )
        self.change[account] += amount
        self.by_name[parent or ""] += amount


def keep(world: World) -> Book:
    """The books of a world, a day after the other."""
    shares: dict[str, int] = defaultdict(int)
    days, positions, entries, fills, orders = [], [], [], [], []
    nav, cash = 0, 0
    for k in range(world.n_days):
        day, known = DAYS[k], cutoff(DAYS[k])
        stamp = {"policy": world.policy, "trade_date": day, "known_at": known}
        evening = _Evening(stamp, entries)
        book, change, by_name = evening.book, evening.change, evening.by_name
        book("capital", e4(world.flows.get(k, 0.0)), "deposit")
        before = dict(shares)
        for parent, count in before.items():
            if count and k:
                move = count * (e4(world.closes[parent][k]) - e4(world.closes[parent][k - 1]))
                book("price", move, "mark", parent)
        for (at, parent), usd in world.dividends.items():
            if at == k and before.get(parent):
                book("dividends", before[parent] * e4(usd), "dividend", parent)
        traded = 0
        for number, one in enumerate(world.fills):
            if one.day != k:
                continue
            shares[one.parent] += one.shares
            traded += abs(one.shares) * e4(one.price)
            cash -= one.shares * e4(one.price)
            close = e4(world.closes[one.parent][k])
            book("trading", one.shares * (close - e4(one.price)), "trade_mark", one.parent)
            costs = {
                "spread": one.spread,
                "impact": one.impact,
                "commissions": one.commission,
                "fees": one.fee,
            }
            for account, usd in costs.items():
                book(account, -e4(usd), account, one.parent)
            size = abs(one.shares if one.ordered is None else one.ordered)
            decided = world.closes[one.parent][max(k - 1, 0)]
            buys = (one.ordered or one.shares) > 0
            order = {
                "order_id": f"O{number}",
                "policy": world.policy,
                "parent_id": one.parent,
                "ticker": one.parent,
                "side": "buy" if buys else "sell",
                "known_at": known,
            }
            orders.append(
                {
                    **order,
                    "state": "sent",
                    "decision_date": DAYS[max(k - 1, 0)],
                    "session_date": day,
                    "shares": size,
                    "expected_spread_usd": 1.0,
                    "expected_impact_usd": 2.0,
                    "expected_commission_usd": 0.5,
                    "expected_fee_usd": 0.25,
                }
            )
            fills.append(
                {
                    **order,
                    "fill_id": f"F{number}",
                    "booked_date": day,
                    "fill_date": day,
                    "outcome": "filled" if size == abs(one.shares) else "partial",
                    "order_shares": size,
                    "shares": abs(one.shares),
                    "unfilled_shares": size - abs(one.shares),
                    "price_usd": one.price if one.shares else None,
                    "decision_price_usd": decided if one.decision is None else one.decision,
                    "arrival_price_usd": decided if one.arrival is None else one.arrival,
                    "close_usd": world.closes[one.parent][k],
                    "spread_usd": one.spread,
                    "impact_usd": one.impact,
                    "commission_usd": one.commission,
                    "fee_usd": one.fee,
                }
            )
        for (at, parent), usd in world.borrow.items():
            if at == k:
                book("borrow", -e4(usd), "borrow", parent)
        book("interest", e4(world.interest.get(k, 0.0)), "interest")
        cash += sum(change[name] for name in change if name not in ("price", "trading"))
        value = {one: count * e4(world.closes[one][k]) for one, count in shares.items()}
        after = cash + sum(value.values())
        assert after - nav == sum(change.values()), "the hand-made ledger does not add up"
        up, down = (sum(v for v in value.values() if sign * v > 0) for sign in (1, -1))
        days.append(
            {
                **stamp,
                "state": "open" if k else "opened",
                "nav_usd": after / 1e4,
                "nav_before_usd": nav / 1e4,
                "cash_usd": cash / 1e4,
                "long_usd": up / 1e4,
                "short_usd": down / 1e4,
                "gross": (up - down) / after,
                "net": (up + down) / after,
                "traded_usd": traded / 1e4,
                "turnover": traded / nav if nav else None,
                **{f"{name}_usd": amount / 1e4 for name, amount in change.items()},
            }
        )
        for parent in sorted({*shares, *(one for one in by_name if one)}):
            count = shares[parent]
            if count or before.get(parent) or by_name[parent]:
                positions.append(
                    {
                        **stamp,
                        "parent_id": parent,
                        "ticker": parent,
                        "state": "open" if count else "closed",
                        "shares": count,
                        "price_usd": world.closes[parent][k],
                        "value_usd": value.get(parent, 0) / 1e4,
                        "growth": 1.0,
                        "pnl_usd": by_name[parent] / 1e4,
                    }
                )
        nav = after
    tables = (
        (PORTFOLIO_DAYS, days),
        (POSITIONS, positions),
        (LEDGER_ENTRIES, entries),
        (FILLS, fills),
        (ORDERS, orders),
    )
    return Book(*(filled_up(table, rows) for table, rows in tables))
