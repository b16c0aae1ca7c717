"""Who fills orders: what a broker is asked for, and the paper broker that models one.

Belongs here: open orders, the protocol, the paper broker's fills and what it models beyond the
market's price, what of a broker's reports can be booked. Not here: entries (`ledger.py`).
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date
from math import isfinite
from typing import Any, Protocol

import numpy as np
import polars as pl

from bondsig_assets.arrays import Floats, Ints
from bondsig_assets.portfolio.costs import AVERAGE_OF_PEAK, half_spread
from bondsig_assets.portfolio.ledger import MAXIMUM_PRICE_USD, UNITS, repeated, units, usable_price
from bondsig_assets.portfolio.orders import BUYS, SELLS, commission, sales_fee
from bondsig_assets.portfolio.sessions import Session
from bondsig_assets.portfolio.settings import PortfolioSettings

#: Columns of a broker's reports. `kind`: fill, reject or cancel (of what is left); money is 0 where
#: a broker charges nothing; `reason` is told on to `fills`.
REPORTS: dict[str, pl.DataType] = {
    "report_id": pl.String(),
    "order_id": pl.String(),
    "kind": pl.String(),
    "fill_date": pl.Date(),
    "shares": pl.Int64(),
    "price_usd": pl.Float64(),
    "spread_usd": pl.Float64(),
    "impact_usd": pl.Float64(),
    "commission_usd": pl.Float64(),
    "fee_usd": pl.Float64(),
    "reason": pl.String(),
}
#: Frames without rows, made once: of reports, and of those that cannot be booked.
NO_REPORTS = pl.DataFrame(schema=REPORTS)
NO_FAULTS = pl.DataFrame(schema={**REPORTS, "fault": pl.String()})
_KINDS = ("fill", "reject", "cancel")
MONEY = ("spread_usd", "impact_usd", "commission_usd", "fee_usd")
#: A fill at more than twice or less than half the session's price is a mistake in the report.
_FACTOR = 2.0
#: A volume beyond this many shares caps nothing.
_MOST_SHARES = 1e12


@dataclass(frozen=True)
class OpenOrders:
    """Orders, arrays [order], each good for one session, `session_dates`.

    `shares` are in shares of the session, `filled` how many are booked. `blocked`: why a session
    cannot fill one (quarantined, delisted, split), empty otherwise.
    """

    session_dates: list[date]
    order_ids: list[str]
    parents: list[str]
    tickers: list[str]
    sides: list[str]
    shares: Ints
    filled: Ints
    decision_price_usd: Floats
    volatility: Floats
    dollar_volume_usd: Floats
    blocked: list[str]

    @property
    def size(self) -> int:
        """Number of orders."""
        return len(self.order_ids)

    @property
    def sign(self) -> Ints:
        """1 of what adds shares, -1 of what takes them."""
        return np.array([1 if side in BUYS else -1 for side in self.sides], dtype=np.int64)

    def take(self, at: Ints) -> OpenOrders:
        """The orders at these places."""
        places = at.tolist()
        return OpenOrders(
            [self.session_dates[k] for k in places],
            [self.order_ids[k] for k in places],
            [self.parents[k] for k in places],
            [self.tickers[k] for k in places],
            [self.sides[k] for k in places],
            self.shares[at],
            self.filled[at],
            self.decision_price_usd[at],
            self.volatility[at],
            self.dollar_volume_usd[at],
            [self.blocked[k] for k in places],
        )

    def joined(self, other: OpenOrders) -> OpenOrders:
        """These, then the others."""
        return OpenOrders(
            self.session_dates + other.session_dates,
            self.order_ids + other.order_ids,
            self.parents + other.parents,
            self.tickers + other.tickers,
            self.sides + other.sides,
            np.r_[self.shares, other.shares],
            np.r_[self.filled, other.filled],
            np.r_[self.decision_price_usd, other.decision_price_usd],
            np.r_[self.volatility, other.volatility],
            np.r_[self.dollar_volume_usd, other.dollar_volume_usd],
            self.blocked + other.blocked,
        )


def open_orders(rows: pl.DataFrame) -> OpenOrders:
    """Those of `orders` of one evening that were sent."""
    sent = rows.filter(pl.col("state") == "sent").sort("order_id")
    return OpenOrders(
        sent["session_date"].to_list(),
        sent["order_id"].to_list(),
        sent["parent_id"].to_list(),
        sent["ticker"].to_list(),
        sent["side"].to_list(),
        sent["shares"].to_numpy(),
        np.zeros(sent.height, dtype=np.int64),
        sent["decision_price_usd"].to_numpy(),
        sent["volatility_pct"].to_numpy() / 100,
        sent["dollar_volume_usd"].to_numpy(),
        [""] * sent.height,
    )


class Broker(Protocol):
    """What carries orders to a market and tells what became of them.

    Each method raises BrokerError where the broker does not answer; the day then has no fills, and
    what a later day tells of it is booked as late. An order of which the broker has told neither
    all fills nor its end, by a report of kind reject or cancel, is asked about every day.
    """

    def send(self, orders: pl.DataFrame, slices: pl.DataFrame) -> None:
        """Take rows of `orders` and `order_slices` for the next session. Sent twice, an order of
        the same id is one order.
        """

    def late(self, orders: OpenOrders, session: Session) -> pl.DataFrame:
        """Frame of REPORTS, of what is known at the cutoff of `session` about `orders` of earlier
        sessions: those of the one before, and older ones of which something is not told yet. What
        was told before may be told again. Shares, prices and dates are those of the session that
        an order was good for, whatever was split since.
        """

    def reports(self, orders: OpenOrders, session: Session) -> pl.DataFrame:
        """Frame of REPORTS: what is known of the session's orders at its cutoff."""


@dataclass(frozen=True)
class PaperBroker:
    """Fills day orders at the session's close, or at its VWAP, for which the mean of open, high,
    low and close stands (of those that are known).

    No volume, no fill; all orders of a name together get at most `trading.fill_participation_pct`
    of the session's real volume. The half-spread and the impact of `costs` are stated beside the
    price, from volatility and usual volume as known at the decision.
    """

    settings: PortfolioSettings

    def send(self, orders: pl.DataFrame, slices: pl.DataFrame) -> None:
        """Nothing: what was sent is given to `reports`."""

    def late(self, orders: OpenOrders, session: Session) -> pl.DataFrame:
        """Nothing: all is known at the close."""
        return NO_REPORTS

    def reports(self, orders: OpenOrders, session: Session) -> pl.DataFrame:
        """A fill for each order that gets one, and a cancel with the reason of what is left."""
        if not orders.size:
            return NO_REPORTS
        chosen = self.settings.trading
        facts = session.of(orders.parents)
        price = fill_price(facts, chosen.fill)
        is_blocked = np.array([bool(one) for one in orders.blocked])
        has_price = usable_price(price)
        has_volume = facts.volume_shares > 0
        volume = np.where(has_volume & has_price, facts.volume_shares, 0.0)
        most = np.floor(np.minimum(chosen.fill_participation_pct / 100 * volume, _MOST_SHARES))
        shares: Ints = np.where(is_blocked, 0, _shared(orders, most.astype(np.int64)))
        safe = np.where(has_price, price, 1.0)
        notional = shares.astype(np.float64) * safe
        of_name = _by_name(orders.parents, notional)
        spread = half_spread(safe, orders.dollar_volume_usd, orders.volatility, self.settings.costs)
        paid = (
            AVERAGE_OF_PEAK
            * self.settings.costs.impact
            * orders.volatility
            * np.sqrt(of_name / orders.dollar_volume_usd)
        )
        money = {
            "spread_usd": spread * notional,
            "impact_usd": paid * notional,
            "commission_usd": commission(shares, self.settings.costs.commission_usd, chosen),
            "fee_usd": sales_fee(notional, np.isin(orders.sides, SELLS), chosen),
        }
        fills, left = np.flatnonzero(shares > 0), np.flatnonzero(shares < orders.shares)
        why = np.select([is_blocked, ~has_price, ~has_volume], ["", "no_price", "no_volume"], "cap")
        at, n = np.r_[fills, left], fills.size
        ids = [orders.order_ids[k] for k in at]
        ends = ["-1"] * n + ["-left"] * left.size
        nothing = np.zeros(left.size)
        return pl.DataFrame(
            {
                "report_id": [f"{one}{end}" for one, end in zip(ids, ends, strict=True)],
                "order_id": ids,
                "kind": ["fill"] * n + ["cancel"] * left.size,
                "fill_date": repeated(session.trade_date, at.size),
                "shares": np.r_[shares[fills], nothing.astype(np.int64)],
                "price_usd": np.r_[price[fills], nothing],
                **{name: np.r_[amount[fills], nothing] for name, amount in money.items()},
                "reason": [*[None] * n, *why[left].tolist()],
            },
            schema=REPORTS,
        )


def fill_price(facts: Session, rule: str) -> Floats:
    """Market price of a fill in whole units, NaN where there is none, [name]: the close, or the
    mean of what is known of open, high, low and close. Never outside low and high.
    """
    close = np.where(usable_price(facts.close_usd), facts.close_usd, np.nan)
    low = np.where(usable_price(facts.low_usd) & (facts.low_usd <= close), facts.low_usd, close)
    high = np.where(usable_price(facts.high_usd) & (facts.high_usd >= close), facts.high_usd, close)
    price = close
    if rule == "vwap":
        prices = np.stack([facts.open_usd, facts.high_usd, facts.low_usd, close])
        known = usable_price(prices) & (prices >= low) & (prices <= high)
        count = np.maximum(known.sum(axis=0), 1)
        price = np.where(np.isnan(close), np.nan, np.where(known, prices, 0.0).sum(axis=0) / count)
    # A price between two units is moved to the one inside low and high.
    least, most = np.ceil(low * UNITS - 1e-6), np.floor(high * UNITS + 1e-6)
    inside = np.clip(np.rint(price * UNITS), least, np.maximum(least, most))
    found: Floats = inside / UNITS
    return found


def _by_name(parents: list[str], amount: Floats) -> Floats:
    """Sum of `amount` over the orders of each one's name, [order]."""
    names = {parent: at for at, parent in enumerate(dict.fromkeys(parents))}
    at = np.array([names[parent] for parent in parents], dtype=np.int64)
    sums = np.zeros(len(names))
    np.add.at(sums, at, amount)
    found: Floats = sums[at]
    return found


def _shared(orders: OpenOrders, cap: Ints) -> Ints:
    """Shares of each order within its name's cap, [order]: first those that close a position; one
    that goes beyond zero gets nothing before them.
    """
    left: dict[str, int] = {}
    found = np.zeros(orders.size, dtype=np.int64)
    first = sorted(
        range(orders.size),
        key=lambda k: (orders.parents[k], orders.sides[k] not in ("sell", "buy_to_cover"), k),
    )
    for k in first:
        room = left.get(orders.parents[k], int(cap[k]))
        found[k] = min(int(orders.shares[k]), room)
        left[orders.parents[k]] = room - int(found[k])
    return found


@dataclass(frozen=True)
class Booked:
    """What of a broker's reports is booked, arrays [fill]: the order by place, shares, price and
    money in units. `reasons`: by order, what the broker said of what is left. `refused`: reports
    that cannot be booked, with why.
    """

    report_ids: list[str]
    order: Ints
    shares: Ints
    price_e4: Ints
    money_e4: dict[str, Ints]
    reasons: dict[int, str]
    n_repeated: int
    refused: pl.DataFrame


def booked(
    reports: pl.DataFrame,
    orders: OpenOrders,
    seen: frozenset[tuple[str, str]],
    reference_usd: Floats,
) -> Booked:
    """Fills of `orders` among `reports`, each once however often it is told; `seen`: order and
    report of what was booked on earlier days.

    Refused is what names no order, trades on another day than the order's session, is without
    shares or a usable price, is priced at more than twice or less than half of `reference_usd`
    [order] (NaN: unknown), or fills more than the order has left.
    """
    if not reports.height:
        return _nothing()
    where = {order_id: at for at, order_id in enumerate(orders.order_ids)}
    left = (orders.shares - orders.filled).tolist()
    told, kept, why = {report for _, report in seen}, [], []
    reasons: dict[int, str] = {}
    repeated = 0
    rows = list(reports.iter_rows(named=True))
    for at, row in enumerate(rows):
        if row["report_id"] in told and row["kind"] in _KINDS:
            repeated += row["kind"] == "fill"
            continue
        order = where.get(row["order_id"])
        if (fault := _fault(row, order, orders, left, reference_usd)) or order is None:
            why.append((at, fault))
            continue
        told.add(row["report_id"])
        if row["kind"] == "fill":
            left[order] -= row["shares"]
            kept.append((at, order))
        else:
            reasons[order] = row["reason"] or {"reject": "rejected"}.get(row["kind"], "cancelled")
    fills = reports[[at for at, _ in kept]]
    return Booked(
        fills["report_id"].to_list(),
        np.array([order for _, order in kept], dtype=np.int64),
        fills["shares"].to_numpy().astype(np.int64),
        units(fills["price_usd"].to_numpy()),
        {name: units(np.nan_to_num(fills[name].to_numpy())) for name in MONEY},
        reasons,
        repeated,
        reports[[at for at, _ in why]].with_columns(
            fault=pl.Series([fault for _, fault in why], dtype=pl.String)
        ),
    )


def _nothing() -> Booked:
    """Nothing was told."""
    none = np.zeros(0, dtype=np.int64)
    return Booked([], none, none, none, dict.fromkeys(MONEY, none), {}, 0, NO_FAULTS)


def _fault(
    row: dict[str, Any],
    order: int | None,
    orders: OpenOrders,
    left: list[int],
    reference_usd: Floats,
) -> str:
    """Why a report cannot be booked, empty where it can."""
    if order is None:
        return "unknown or ended order"
    if row["fill_date"] != orders.session_dates[order]:
        return "not of the order's session"
    if row["kind"] != "fill":
        return "" if row["kind"] in _KINDS else "unknown kind"
    price, shares = row["price_usd"], row["shares"]
    if shares is None or shares <= 0:
        return "no shares"
    if price is None or not 1 / UNITS <= price <= MAXIMUM_PRICE_USD:
        return "no usable price"
    if not all(isfinite(row[name] or 0.0) for name in MONEY):
        return "costs are no numbers"
    if reference_usd[order] > 0 and not 1 / _FACTOR <= price / reference_usd[order] <= _FACTOR:
        return "far from the session's price"
    if shares > left[order]:
        return "more than the order has left"
    return ""


def scaled(orders: OpenOrders, ratio: Floats) -> OpenOrders:
    """Orders after a split of each one's name, [order]: whole shares, cut; one that becomes nothing
    is blocked.
    """
    shares = np.floor(orders.shares * ratio + 1e-9).astype(np.int64)
    return replace(
        orders,
        shares=shares,
        decision_price_usd=orders.decision_price_usd / ratio,
        blocked=[
            said or ("split" if not left else "")
            for said, left in zip(orders.blocked, shares.tolist(), strict=True)
        ],
    )


def no_orders() -> OpenOrders:
    """An evening without any."""
    ints, floats = np.zeros(0, dtype=np.int64), np.zeros(0)
    return OpenOrders([], [], [], [], [], ints, ints, floats, floats, floats, [])
