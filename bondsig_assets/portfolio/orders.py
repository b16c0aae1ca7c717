"""From targets and positions to orders for the next session, with slices and expected costs.

Belongs here: sides, lots, the least notional, caps over all orders of a name, rows of `orders` and
`order_slices`. Not here: targets (`targets.py`), the shape of a schedule (`schedules.py`), fills.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

import numpy as np
import polars as pl

from bondsig_assets.arrays import Bools, Floats, Ints
from bondsig_assets.calendar import cutoff, offset
from bondsig_assets.portfolio.costs import half_spread
from bondsig_assets.portfolio.ledger import dollars, repeated, units, usable_price
from bondsig_assets.portfolio.schedules import (
    bucket_times,
    done_by,
    impact_of,
    kappa,
    risk_of,
    slices,
    volume_profile,
)
from bondsig_assets.portfolio.settings import PortfolioSettings, TradingSettings
from bondsig_assets.tables.trading import ORDER_SLICES, ORDERS

#: Sides that add to a position of shares, and those that take from it.
BUYS, SELLS = ("buy", "buy_to_cover"), ("sell", "sell_short")
#: A cap beyond this many shares is none.
_MOST_SHARES = 1e12


@dataclass(frozen=True)
class Wishes:
    """What a policy wants to hold and what is held, arrays [name], all as known on the evening.

    `price_usd`: the day's close, `volatility`: daily standard deviation as a share,
    `dollar_volume_usd`: usual daily volume; NaN where unknown.
    """

    policy: str
    decision_date: date
    parents: list[str]
    tickers: list[str]
    held_shares: Ints
    target_shares: Ints
    price_usd: Floats
    volatility: Floats
    dollar_volume_usd: Floats


@dataclass(frozen=True)
class Orders:
    """Rows of `orders` and `order_slices` of one evening."""

    orders: pl.DataFrame
    slices: pl.DataFrame


def wishes_of(held: pl.DataFrame, targets: pl.DataFrame, policy: str, day: date) -> Wishes:
    """Wishes from `held` (`parent_id, ticker, shares`) and `targets` (`parent_id, ticker, shares,
    price_usd, volatility_pct, dollar_volume_usd`), in order of parents.

    What is held and has no target is left alone: a name that is to go has a target of 0.
    """
    rows = (
        targets.select(
            "parent_id",
            "ticker",
            pl.col("shares").alias("target"),
            "price_usd",
            "volatility_pct",
            "dollar_volume_usd",
        )
        .join(held.select("parent_id", pl.col("shares").alias("held")), on="parent_id", how="left")
        .with_columns(pl.col("held").fill_null(0))
        .sort("parent_id")
    )
    return Wishes(
        policy,
        day,
        rows["parent_id"].to_list(),
        rows["ticker"].to_list(),
        rows["held"].cast(pl.Int64).to_numpy(),
        rows["target"].cast(pl.Int64).to_numpy(),
        rows["price_usd"].cast(pl.Float64).to_numpy(),
        rows["volatility_pct"].cast(pl.Float64).to_numpy() / 100,
        rows["dollar_volume_usd"].cast(pl.Float64).to_numpy(),
    )


def orders(wishes: Wishes, settings: PortfolioSettings, is_stopped: bool = False) -> Orders:
    """The evening's orders for the next session, and their slices.

    A trade through zero is two orders, the closing one first. Both together stay within
    `bounds.participation_pct` of the usual volume, and within each half hour's cap; shares are cut
    to lots, and what falls below the least notional is dust. A full exit is neither cut to lots nor
    dust: what is left would stay for ever. Whatever is wished and not sent keeps a row with its
    reason.
    """
    trade = wishes.target_shares - wishes.held_shares
    usable = usable_price(wishes.price_usd) & (wishes.volatility >= 0)
    usable &= np.isfinite(wishes.dollar_volume_usd) & (wishes.dollar_volume_usd > 0)
    price = np.where(usable, wishes.price_usd, 1.0)
    volume = np.where(usable, wishes.dollar_volume_usd, 1.0) / price
    volatility = np.where(usable, wishes.volatility, 0.0)
    # Of the trade, what takes the position toward zero; the rest goes beyond.
    closing = np.where(
        np.sign(trade) == -np.sign(wishes.held_shares),
        np.minimum(np.abs(trade), np.abs(wishes.held_shares)),
        0,
    )
    opening = np.abs(trade) - closing
    is_exit = (closing > 0) & (closing == np.abs(wishes.held_shares))
    most = np.minimum(settings.bounds.participation_pct / 100 * volume, _MOST_SHARES)
    cap = np.floor(most).astype(np.int64)
    chosen = settings.trading
    close_sent = _cut(closing, cap, is_exit, price, chosen)
    # Through zero only after all of it is closed.
    left = np.where(close_sent == closing, cap - close_sent, 0)
    open_sent = _cut(opening, left, np.zeros(trade.shape, bool), price, chosen)
    may = usable & (not is_stopped)
    close_sent, open_sent = np.where(may, close_sent, 0), np.where(may, open_sent, 0)

    times = bucket_times(offset(wishes.decision_date, 1))
    profile = volume_profile(len(times))
    total = close_sent + open_sent
    urgency = kappa(
        total,
        price,
        volatility,
        volume,
        settings.costs.impact,
        chosen.schedule_risk_aversion,
        len(times),
    )
    parts = slices(
        total,
        done_by(chosen.schedule, profile, urgency),
        profile,
        chosen.bucket_participation_pct / 100 * volume,
        chosen.rest == "close",
    )
    # The closing order goes first within the sum.
    closed = np.minimum(np.cumsum(parts, axis=1), close_sent[:, None])
    close_parts = np.diff(closed, axis=1, prepend=0)
    open_parts = parts - close_parts
    paid = impact_of(parts, profile, price, volatility, volume, settings.costs.impact)
    half = half_spread(wishes.price_usd, wishes.dollar_volume_usd, volatility, settings.costs)
    # Both legs of each name one below the other, then in order of names and sides.
    count = trade.size
    name = np.r_[np.arange(count), np.arange(count)]
    wished = np.r_[closing, opening]
    leg, room = np.vstack([close_parts, open_parts]), np.r_[cap, left]
    side = np.r_[
        np.where(trade > 0, "buy_to_cover", "sell"), np.where(trade > 0, "buy", "sell_short")
    ]
    rows = sorted(
        np.flatnonzero(wished > 0).tolist(), key=lambda k: (wishes.parents[name[k]], side[k])
    )
    at = np.array(rows, dtype=np.int64)
    k, leg = name[at], leg[at]
    is_known, sent = usable[k], leg.sum(axis=1)
    state = np.select(
        [np.full(at.size, is_stopped), ~is_known, sent > 0, wished[at] > room[at]],
        ["stopped", "unpriced", "sent", "cap"],
        "dust",
    )
    sides, notional = side[at].tolist(), sent * price[k]
    day, until = wishes.decision_date, cutoff(wishes.decision_date)
    ids = [
        f"{wishes.policy}-{day:%Y%m%d}-{wishes.parents[one]}-{which}"
        for one, which in zip(k.tolist(), sides, strict=True)
    ]
    known = {
        "decision_price_usd": wishes.price_usd[k],
        "volatility_pct": 100 * volatility[k],
        "dollar_volume_usd": wishes.dollar_volume_usd[k],
        "participation_pct": 100 * sent / volume[k],
        "expected_spread_usd": _money(half[k] * notional),
        "expected_impact_usd": _money((paid[k] * leg).sum(axis=1)),
        "expected_commission_usd": _money(commission(sent, settings.costs.commission_usd, chosen)),
        "expected_fee_usd": _money(sales_fee(notional, np.isin(sides, SELLS), chosen)),
        "expected_risk_usd": _money(risk_of(leg, profile, price[k], volatility[k])),
    }
    made = pl.DataFrame(
        {
            "order_id": ids,
            "policy": repeated(wishes.policy, at.size),
            "decision_date": repeated(day, at.size),
            "session_date": repeated(offset(day, 1), at.size),
            "parent_id": [wishes.parents[one] for one in k],
            "ticker": [wishes.tickers[one] for one in k],
            "side": sides,
            "state": state.tolist(),
            "wished_shares": wished[at],
            "shares": sent,
            "held_shares": wishes.held_shares[k],
            "target_shares": wishes.target_shares[k],
            **{column: np.where(is_known, values, np.nan) for column, values in known.items()},
            "known_at": repeated(until, at.size),
        },
        schema=ORDERS.polars_schema,
        nan_to_null=True,
    )
    which, bucket = np.nonzero(leg)
    begins, ends = (np.array([one[end] for one in times], dtype="datetime64[us]") for end in (0, 1))
    cut = pl.DataFrame(
        {
            "order_id": [ids[one] for one in which],
            "policy": repeated(wishes.policy, which.size),
            "decision_date": repeated(day, which.size),
            "bucket": bucket + 1,
            "starts_at": begins[bucket],
            "ends_at": ends[bucket],
            "shares": leg[which, bucket],
            "volume_share": profile[bucket],
            "known_at": repeated(until, which.size),
        },
        schema=ORDER_SLICES.polars_schema,
    )
    return Orders(made, cut)


def commission(shares: Ints, a_share_usd: float, settings: TradingSettings) -> Floats:
    """Commission in dollars of an order's shares of a day, nothing for no shares, [order]."""
    paid: Floats = np.where(
        shares > 0, np.maximum(a_share_usd * shares, settings.commission_minimum_usd), 0.0
    )
    return paid if a_share_usd > 0 else np.zeros(shares.shape)


def sales_fee(notional_usd: Floats, is_sale: Bools, settings: TradingSettings) -> Floats:
    """Fee in dollars on what is sold, short sales too, [order]."""
    paid: Floats = np.where(is_sale, settings.sell_fee_bps / 1e4 * notional_usd, 0.0)
    return paid


def _cut(wished: Ints, cap: Ints, is_exit: Bools, price: Floats, settings: TradingSettings) -> Ints:
    """Shares within the cap, in lots, and none below the least notional; a full exit that the cap
    has room for is sent as it is.
    """
    within = np.minimum(wished, cap)
    lots = within // settings.lot_shares * settings.lot_shares
    kept = np.where(lots * price >= settings.minimum_notional_usd, lots, 0)
    return np.where(is_exit & (within == wished), wished, kept)


def _money(amount: Floats) -> Floats:
    """Whole units of 1e-4 dollars; what is unknown counts as nothing."""
    found: Floats = dollars(units(np.nan_to_num(amount)))
    return found
