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
from bondsig_assets.portfolio.ledger import dollars, units, usable_price
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
    sides = (
        (closing, close_parts, cap, np.where(trade > 0, "buy_to_cover", "sell")),
        (opening, open_parts, left, np.where(trade > 0, "buy", "sell_short")),
    )
    rows, cut = [], []
    for wished, leg, room, side in sides:
        at = np.flatnonzero(wished > 0)
        sent = leg.sum(axis=1)
        state = np.select(
            [np.full(at.size, is_stopped), ~usable[at], sent[at] > 0, (wished > room)[at]],
            ["stopped", "unpriced", "sent", "cap"],
            "dust",
        )
        ids = [
            f"{wishes.policy}-{wishes.decision_date:%Y%m%d}-{wishes.parents[k]}-{side[k]}"
            for k in at
        ]
        notional = (sent * price)[at]
        rows.append(
            pl.DataFrame(
                {
                    "order_id": ids,
                    "parent_id": [wishes.parents[k] for k in at],
                    "ticker": [wishes.tickers[k] for k in at],
                    "side": side[at].tolist(),
                    "state": state.tolist(),
                    "wished_shares": wished[at],
                    "shares": sent[at],
                    "held_shares": wishes.held_shares[at],
                    "target_shares": wishes.target_shares[at],
                    "decision_price_usd": _unknown(wishes.price_usd[at], usable[at]),
                    "volatility_pct": _unknown(100 * volatility[at], usable[at]),
                    "dollar_volume_usd": _unknown(wishes.dollar_volume_usd[at], usable[at]),
                    "participation_pct": _unknown(100 * sent[at] / volume[at], usable[at]),
                    "expected_spread_usd": _money(half[at] * notional, usable[at]),
                    "expected_impact_usd": _money((paid * leg).sum(axis=1)[at], usable[at]),
                    "expected_commission_usd": _money(
                        commission(sent[at], settings.costs.commission_usd, chosen), usable[at]
                    ),
                    "expected_fee_usd": _money(
                        sales_fee(notional, np.isin(side[at], SELLS), chosen), usable[at]
                    ),
                    "expected_risk_usd": _money(
                        risk_of(leg, profile, price, volatility)[at], usable[at]
                    ),
                },
                schema_overrides={
                    name: ORDERS.polars_schema[name]
                    for name in ("order_id", "parent_id", "ticker", "side", "state")
                },
                nan_to_null=True,
            )
        )
        where, bucket = np.nonzero(leg[at])
        cut.append(
            pl.DataFrame(
                {
                    "order_id": [ids[k] for k in where],
                    "bucket": bucket + 1,
                    "starts_at": [times[k][0] for k in bucket],
                    "ends_at": [times[k][1] for k in bucket],
                    "shares": leg[at][where, bucket],
                    "volume_share": profile[bucket],
                },
                schema_overrides={
                    name: ORDER_SLICES.polars_schema[name]
                    for name in ("order_id", "starts_at", "ends_at")
                },
            )
        )
    stamp = {
        "policy": pl.lit(wishes.policy),
        "decision_date": pl.lit(wishes.decision_date),
        "known_at": pl.lit(cutoff(wishes.decision_date)).cast(pl.Datetime("us")),
    }
    return Orders(
        pl.concat(rows)
        .sort("parent_id", "side")
        .with_columns(session_date=pl.lit(offset(wishes.decision_date, 1)), **stamp)
        .select(ORDERS.column_names),
        pl.concat(cut)
        .sort("order_id", "bucket")
        .with_columns(**stamp)
        .select(ORDER_SLICES.column_names),
    )


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


def _money(amount: Floats, is_known: Bools) -> Floats:
    """Whole units of 1e-4 dollars, NaN where unknown."""
    return _unknown(dollars(units(np.nan_to_num(amount))), is_known)


def _unknown(values: Floats, is_known: Bools) -> Floats:
    found: Floats = np.where(is_known, values, np.nan)
    return found
