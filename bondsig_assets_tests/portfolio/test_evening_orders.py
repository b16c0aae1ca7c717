"""What must hold of an evening's orders whatever the day: identity 5, from expected returns and
what is held to shares that are sent.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import polars as pl
from hypothesis import given, settings
from hypothesis import strategies as st

from bondsig_assets.portfolio.book_days import evening_orders
from bondsig_assets.portfolio.settings import CostSettings, PortfolioSettings, TradingSettings
from bondsig_assets.portfolio.target_rows import target_rows
from bondsig_assets.portfolio.targets import Day, targets
from bondsig_assets_tests.portfolio.days import day_of, risk_of

FEW = settings(max_examples=12, deadline=None)
NAMES, SEEDS = st.integers(5, 40), st.integers(0, 10**6)
#: A weight is solved for to this, a dollar of a hundred thousand (`test_optimizer.py`).
CLOSE = 1e-5
LEAST_USD = 500.0
#: Costs know money against volume alone, and nothing of a price; borrowing is free.
CHOSEN = PortfolioSettings(
    costs=CostSettings(
        half_spread_slope_bps=0.0, tick_usd=0.0, commission_usd=0.0, general_borrow_bps=0.0
    ),
    trading=TradingSettings(rest="close", minimum_notional_usd=LEAST_USD),
)
OTHER_SIDE = {
    "buy": "sell_short",
    "sell_short": "buy",
    "sell": "buy_to_cover",
    "buy_to_cover": "sell",
}


def book_of(n: int, seed: int) -> Day:
    """A day of names of which some are held long and some short."""
    day, draw = day_of(n, seed % 20), np.random.default_rng(seed)
    held = draw.normal(0, 0.01, n) * (draw.random(n) < 0.6) * day.nav_usd / day.price_usd
    return replace(day, held_shares=held.astype(np.int64), alpha=draw.permutation(day.alpha))


class Evening:
    """Targets and orders of a day; arrays [name] in the order of parents."""

    def __init__(self, day: Day, least_usd: float = LEAST_USD):
        chosen = replace(CHOSEN, trading=replace(CHOSEN.trading, minimum_notional_usd=least_usd))
        found = targets(day, chosen, 2.0)
        self.orders = evening_orders(found).orders
        self.parents = sorted(day.parents)
        rows = target_rows([found]).positions.sort("parent_id")
        self.weights, self.price = rows["weight"].to_numpy(), rows["price_usd"].to_numpy()
        sign = pl.when(pl.col("side").is_in(["buy", "buy_to_cover"])).then(1).otherwise(-1)
        of_name = self.orders.group_by("parent_id").agg(
            wished=(sign * pl.col("wished_shares")).sum(), sent=(sign * pl.col("shares")).sum()
        )
        both = pl.DataFrame({"parent_id": self.parents}).join(
            of_name, on="parent_id", how="left", maintain_order="left"
        )
        self.wished, self.sent = (both[one].fill_null(0).to_numpy() for one in ("wished", "sent"))
        # What rounding to whole shares and the solver's tolerance may leave of a trade.
        repaired = found.rounded.n_repaired
        self.slack = 1 + repaired + CLOSE * day.nav_usd / self.price
        self.least_usd = least_usd


def assert_like(one: Evening, other: Evening, times: float) -> None:
    """The other evening's trades are `times` this one's, to the rounding of both."""
    slack = abs(times) * one.slack + other.slack
    assert (np.abs(other.wished - times * one.wished) <= slack).all()
    # What is near the least notional may be dust on one of the two evenings.
    near = np.abs(np.abs(other.wished) * other.price - other.least_usd) <= slack * other.price
    near |= np.abs(one.wished) <= one.slack
    assert (near | (np.abs(other.sent - times * one.sent) <= slack)).all()
    clear = one.orders.filter(
        pl.col("parent_id").is_in(
            [p for p, is_near in zip(one.parents, near, strict=True) if not is_near]
        )
    )
    assert one.sent.any() and clear.height > 0, "nothing is traded, nothing is shown"


@FEW
@given(NAMES, SEEDS)
def test_twice_the_money_volume_and_least_notional_are_orders_of_twice_the_shares(n, seed):
    day = book_of(n, seed)
    double = replace(
        day,
        nav_usd=2 * day.nav_usd,
        dollar_volume_usd=2 * day.dollar_volume_usd,
        held_shares=2 * day.held_shares,
    )
    one, other = Evening(day), Evening(double, 2 * LEAST_USD)
    assert_like(one, other, 2.0)
    share = one.slack * one.price / day.nav_usd
    assert (np.abs(one.weights - other.weights) <= 2 * share).all()


@FEW
@given(NAMES, SEEDS)
def test_a_split_of_every_name_is_the_same_book_in_twice_the_shares(n, seed):
    day = book_of(n, seed)
    split = replace(day, price_usd=day.price_usd / 2, held_shares=2 * day.held_shares)
    assert_like(Evening(day), Evening(split), 2.0)


@FEW
@given(NAMES, SEEDS, st.randoms(use_true_random=False))
def test_names_in_another_order_get_the_same_orders(n, seed, random):
    day = book_of(n, seed)
    order = np.array(random.sample(range(n), n))
    risk = day.risk
    shuffled = replace(
        day,
        risk=replace(
            risk,
            exposures=risk.exposures[order],
            specific_variance=risk.specific_variance[order],
            has_own=risk.has_own[order],
            n_returns=risk.n_returns[order],
        ),
        parents=tuple(day.parents[k] for k in order),
        tickers=tuple(day.tickers[k] for k in order),
        **{
            name: value[order] for name, value in vars(day).items() if isinstance(value, np.ndarray)
        },
    )
    assert_like(Evening(day), Evening(shuffled), 1.0)
    assert risk_of(n, seed % 20) is risk


@FEW
@given(NAMES, SEEDS)
def test_the_opposite_view_of_the_opposite_book_sends_orders_of_the_other_side(n, seed):
    day = book_of(n, seed)
    opposite = replace(day, alpha=-day.alpha, held_shares=-day.held_shares)
    one, other = Evening(day), Evening(opposite)
    assert_like(one, other, -1.0)
    slack = dict(zip(one.parents, one.slack + other.slack, strict=True))
    sides = {
        evening: {
            (row["parent_id"], row["side"])
            for row in evening.orders.iter_rows(named=True)
            if row["wished_shares"] > slack[row["parent_id"]]
        }
        for evening in (one, other)
    }
    there = {(row["parent_id"], row["side"]) for row in other.orders.iter_rows(named=True)}
    assert {(name, OTHER_SIDE[side]) for name, side in sides[one]} <= there
