"""Targets of a day: bounds hold in whole shares, every state is a row, every setting counts."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

import numpy as np
import polars as pl
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from bondsig_assets.calendar import cutoff
from bondsig_assets.portfolio import targets as module
from bondsig_assets.portfolio.settings import (
    BoundSettings,
    CostSettings,
    PortfolioSettings,
    RiskSettings,
    make_settings,
)
from bondsig_assets.portfolio.target_rows import TargetRows, target_rows
from bondsig_assets.portfolio.targets import Day, problem_of
from bondsig_assets.tables.portfolio import BREACHES, SOLUTIONS, TARGET_POSITIONS
from bondsig_assets_tests.portfolio.days import MACRO, N_SECTORS, day_of, risk_of

SETTINGS = PortfolioSettings()


def targets(*arguments) -> TargetRows:
    """Rows of one day's targets."""
    return target_rows([module.targets(*arguments)])


def weights(found) -> np.ndarray:
    return found.positions["weight"].to_numpy()


def with_(values: np.ndarray, at: int, value) -> np.ndarray:
    changed = values.copy()
    changed[at] = value
    return changed


def later(day: Day, found, price: np.ndarray) -> Day:
    """The next day, the targets held."""
    return replace(day, held_shares=found.positions["shares"].to_numpy(), price_usd=price)


@settings(max_examples=25, deadline=None)
@given(
    st.integers(1, 60),
    st.integers(0, 50),
    st.sampled_from([1e6, 1e7, 1e8]),
    st.sampled_from(["optimised", "long_only", "equity_only"]),
)
def test_bounds_hold_in_whole_shares_day_after_day(n, seed, nav, policy):
    chosen = replace(SETTINGS, policy=policy)
    day = day_of(n, seed, nav_usd=nav)
    for _ in range(2):
        found = targets(day, chosen, 2.0)
        rows = found.positions
        assert rows.schema == TARGET_POSITIONS.polars_schema
        assert found.solutions["state"].to_list() == ["optimal"]
        assert found.solutions["gap_bps"][0] < 1e-2
        assert (rows["shares"] * rows["price_usd"] / nav - rows["weight"]).abs().max() < 1e-12
        # Where a share is more than the box is wide, volume has the last word.
        share = np.where((rows["high"] - rows["low"]) * nav < day.price_usd, 1.0, 1e-6)
        slip = share * day.price_usd / nav + 1e-9
        assert (weights(found) >= rows["low"].to_numpy() - slip).all()
        assert (weights(found) <= rows["high"].to_numpy() + slip).all()
        # Few shares of a small book may not be able to; what gives way is named.
        passed = set(found.breaches["bound"])
        values = {
            one.name: one
            for one in module.bound_values(problem_of(day, chosen, 2.0)[0], weights(found))
        }
        assert passed == {name for name, one in values.items() if one.is_breached}
        assert found.breaches.height == found.solutions["n_breaches"][0]
        day = later(day, found, day.price_usd * 1.01)


def test_a_book_of_many_names_keeps_every_bound():
    for seed in range(3):
        found = targets(day_of(60, seed), SETTINGS, 2.0)
        assert found.breaches.is_empty() and found.solutions["gross"][0] > 0.1


def test_alpha_is_accounted_for_in_every_row():
    rows = targets(day_of(), SETTINGS, 2.0).positions
    parts = sum(
        rows[name] for name in ("risk_bps", "trade_bps", "holding_bps", "exposure_bps", "box_bps")
    )
    assert (parts - rows["alpha_bps"]).abs().max() < 1e-3


def test_rows_are_stamped_with_the_day_and_its_cutoff():
    day = replace(day_of(5), trade_date=date(2024, 7, 3))
    for frame in vars(targets(day, SETTINGS, 2.0)).values():
        assert set(frame["trade_date"]) <= {date(2024, 7, 3)}
        assert set(frame["known_at"]) <= {cutoff(date(2024, 7, 3))}


def test_nothing_known_is_no_trade():
    found = targets(day_of(alpha=np.zeros(60)), SETTINGS, 2.0)
    assert not found.positions["shares"].to_numpy().any() and found.solutions["turnover"][0] == 0


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_alphas_that_are_none_are_0(bad):
    found = targets(day_of(alpha=np.full(60, bad)), SETTINGS, 2.0)
    assert not found.positions["shares"].to_numpy().any() and found.solutions["n_known"][0] == 0


def test_a_name_that_leaves_gets_0_as_fast_as_volume_allows():
    """A position of 200,000 dollars; 5 % of four million a day, or of one million."""
    for volume, left in ((4e6, 0.0), (1e6, 150_000.0)):
        day = day_of(
            is_in=with_(np.ones(60, bool), 3, value=False),
            price_usd=np.full(60, 100.0),
            held_shares=with_(np.zeros(60, np.int64), 3, 2000),
            dollar_volume_usd=np.full(60, volume),
        )
        row = targets(day, SETTINGS, 2.0).positions.row(3, named=True)
        assert row["state"] == "out" and row["weight"] * 1e7 == pytest.approx(left, abs=100)
        assert row["alpha_bps"] == 0


@pytest.mark.parametrize(
    "changes",
    [
        {"is_priced": False},
        {"dollar_volume_usd": np.nan},
        {"dollar_volume_usd": 0.0},
        {"dollar_volume_usd": -5.0},
        {"dollar_volume_usd": np.inf},
        {"price_usd": np.nan},
    ],
)
@pytest.mark.parametrize("inside", [True, False])
def test_what_has_no_price_or_volume_is_frozen(changes, inside):
    day = day_of(held_shares=with_(np.zeros(60, np.int64), 3, 200))
    day = replace(day, is_in=with_(day.is_in, 3, inside))
    ((name, value),) = changes.items()
    found = targets(replace(day, **{name: with_(getattr(day, name), 3, value)}), SETTINGS, 2.0)
    row = found.positions.row(3, named=True)
    assert (row["state"], row["shares"]) == ("frozen", 200)
    assert row["weight"] == row["held_weight"]
    assert found.solutions["state"][0] == "optimal"


def test_what_cannot_be_borrowed_is_not_sold_short_and_what_is_short_may_stay():
    alpha = np.full(60, -0.02)
    day = day_of(alpha=with_(alpha, slice(0, 30), 0.02), is_shortable=np.zeros(60, bool))
    assert weights(targets(day, SETTINGS, 2.0)).min() >= 0
    short = replace(day, held_shares=with_(day.held_shares, 59, -100))
    assert targets(short, SETTINGS, 2.0).positions["shares"][59] == -100


def test_a_drifted_name_over_its_cap_goes_back_and_costs_count_from_where_it_is():
    """The trap of costs from target to target: what is held after a day is not what was wanted."""
    day = day_of(price_usd=np.full(60, 100.0), held_shares=with_(np.zeros(60, np.int64), 3, 6000))
    row = targets(day, SETTINGS, 2.0).positions.row(3, named=True)
    assert row["held_weight"] == pytest.approx(0.06) and row["weight"] <= 0.04 + 1e-9
    little = replace(day, dollar_volume_usd=with_(day.dollar_volume_usd, 3, 2e6))
    row = targets(little, SETTINGS, 2.0).positions.row(3, named=True)
    assert row["high"] == pytest.approx(0.05) and row["weight"] == pytest.approx(0.05, abs=1e-5)


def test_a_split_of_what_is_held_changes_no_weight():
    day = day_of(held_shares=np.arange(60, dtype=np.int64) * 10)
    split = replace(day, held_shares=day.held_shares * 2, price_usd=day.price_usd / 2)
    free = replace(SETTINGS, costs=CostSettings(commission_usd=0.0, tick_usd=0.0))
    one, other = targets(day, free, 2.0).positions, targets(split, free, 2.0).positions
    assert (one["wished_weight"] - other["wished_weight"]).abs().max() < 1e-6


def test_twice_the_money_and_the_volume_is_the_same_book():
    day = day_of()
    double = replace(day, dollar_volume_usd=day.dollar_volume_usd * 2, nav_usd=2e7)
    # The half-spread knows the volume: that part is taken out.
    flat = CostSettings(half_spread_slope_bps=0.0)
    one = targets(day, replace(SETTINGS, costs=flat), 2.0).positions
    other = targets(double, replace(SETTINGS, costs=flat), 2.0).positions
    assert (one["wished_weight"] - other["wished_weight"]).abs().max() < 1e-5


# Policies


def test_long_only_holds_the_universe_without_an_alpha_and_leans_with_one():
    n = 60
    deep = {"dollar_volume_usd": np.full(n, 1e10)}
    chosen = replace(SETTINGS, policy="long_only", bounds=BoundSettings(turnover_pct=200.0))
    none = weights(targets(day_of(alpha=np.zeros(n), **deep), chosen, 0.0))
    assert none == pytest.approx(np.full(n, 1 / n), abs=5e-4)
    day = day_of(**deep)
    found = targets(day, chosen, 2.0)
    lean = weights(found)
    assert lean.min() >= 0 and lean.sum() == pytest.approx(1.0, abs=1e-3)
    assert lean.sum() <= 1.0 + 1e-9, "nothing is bought with money that is not there"
    assert np.corrcoef(lean, day.alpha)[0, 1] > 0.3


def test_a_long_only_book_that_cannot_buy_it_all_in_a_day_says_so():
    found = targets(
        day_of(dollar_volume_usd=np.full(60, 1e6)), replace(SETTINGS, policy="long_only"), 2.0
    )
    assert "invested" in set(found.breaches["bound"])
    (shadow,) = found.breaches.filter(pl.col("bound") == "invested")["shadow_price_bps"]
    assert shadow > 0


def test_a_rule_is_rounded_and_nothing_else():
    wished = np.linspace(-0.03, 0.03, 60)
    day = day_of(is_in=with_(np.ones(60, bool), 0, value=False))
    found = targets(day, replace(SETTINGS, policy="tranches"), 2.0, wished)
    rows = found.positions
    assert rows["weight"][0] == 0 and found.solutions["state"][0] == "rule"
    assert found.solutions["n_repaired"][0] == 0 and found.breaches.is_empty()
    share = day.price_usd / 1e7
    assert (np.abs(weights(found)[1:] - wished[1:]) <= share[1:]).all()
    assert (np.abs(weights(found)[1:]) <= np.abs(wished[1:]) + 1e-12).all()


def test_hedges_take_the_market_out_of_a_book_and_are_sold_when_they_are_not_wanted():
    n = 60
    hedge = with_(np.zeros(n, bool), slice(54, 60), value=True)
    day = day_of(
        n, is_hedge=hedge, is_in=~hedge, is_shortable=with_(~hedge, slice(54, 60), value=True)
    )
    day = replace(
        day,
        alpha=np.where(hedge, 0.0, np.abs(day.alpha)),
        dollar_volume_usd=np.where(hedge, 1e10, day.dollar_volume_usd),
    )
    with_etfs = replace(SETTINGS, bounds=BoundSettings(sector_etf_hedges=True))
    found = targets(day, with_etfs, 2.0)
    assert weights(found)[hedge].sum() < -0.02
    assert (found.positions["state"].to_numpy()[hedge] == "hedge").all()
    held = later(day, found, day.price_usd)
    assert not weights(targets(held, SETTINGS, 2.0))[hedge].any()


# Days that are hardly one


def nobody() -> Day:
    one = day_of(1)
    empty = {
        name: value[:0]
        for name, value in vars(one).items()
        if isinstance(value, tuple | np.ndarray)
    }
    return replace(one, risk=risk_of(0), **empty)


@pytest.mark.parametrize("policy", ["optimised", "long_only"])
def test_no_names_is_a_row(policy):
    found = targets(nobody(), replace(SETTINGS, policy=policy), 2.0)
    assert found.positions.is_empty() and found.breaches.is_empty()
    assert found.solutions.select("state", "n_names", "gross").rows() == [("empty", 0, 0.0)]
    assert found.solutions.schema == SOLUTIONS.polars_schema
    assert found.breaches.schema == BREACHES.polars_schema


@pytest.mark.parametrize("policy", ["optimised", "long_only", "equity_only"])
def test_an_empty_universe_sells_what_is_held(policy):
    day = day_of(20, is_in=np.zeros(20, bool), held_shares=np.full(20, 7, dtype=np.int64))
    found = targets(day, replace(SETTINGS, policy=policy), 2.0)
    assert found.solutions.select("state", "n_in", "gross").rows() == [("optimal", 0, 0.0)]


def test_one_name():
    found = targets(day_of(1, alpha=np.array([0.02])), SETTINGS, 2.0)
    assert found.solutions["state"][0] == "optimal" and found.positions.height == 1


def test_not_certified_is_held_and_a_row(monkeypatch):
    day = day_of(10, held_shares=np.full(10, 5, dtype=np.int64))

    def fails(problem):
        return replace(
            module._by_rule(problem, problem.held), state="held", status="InsufficientProgress"
        )

    monkeypatch.setattr(module, "solve", fails)
    found = targets(day, SETTINGS, 2.0)
    assert found.solutions.select("state", "status").rows() == [("held", "InsufficientProgress")]
    assert (found.positions["shares"] == 5).all() and found.positions["risk_bps"].null_count() == 10


@settings(max_examples=40, deadline=None)
@given(
    st.integers(1, 40),
    st.integers(0, 10**6),
    st.sampled_from([1e4, 1e7, 1e11]),
    st.sampled_from([0.0, 0.01, 0.3]),
    st.sampled_from([0.5, 4.0]),
    st.sampled_from([0.0, 1.0, 100.0]),
    st.sampled_from([0.1, 10.0, 1000.0]),
)
@example(1, 477, 1e11, 0.3, 0.5, 1.0, 1000.0)
def test_absurd_days_are_certified_all_the_same(n, seed, nav, held, spread, alpha, aversion):
    """Books of many times their worth, volumes over twelve powers of ten, alphas of half the price,
    names out and not to be borrowed.
    """
    draw = np.random.default_rng(seed)
    day = day_of(n, seed % 20)
    day = replace(
        day,
        nav_usd=nav,
        held_shares=(draw.normal(0, held, n) * nav / day.price_usd).astype(np.int64),
        dollar_volume_usd=np.exp(draw.normal(18, spread, n)),
        alpha=alpha * day.alpha,
        is_in=draw.random(n) < 0.8,
        is_shortable=draw.random(n) < 0.7,
    )
    chosen = make_settings({"risk": {"risk_aversion": aversion}})
    row = targets(day, chosen, 2.0).solutions.row(0, named=True)
    assert row["state"] == "optimal"
    assert -1e-2 < row["gap_bps"] / (1 + row["expected_cost_bps"]) < 1e-2


# Every setting changes a result


@pytest.mark.parametrize(
    ("group", "name", "value"),
    [
        ("bounds", "name_pct", 0.5),
        ("bounds", "participation_pct", 0.05),
        ("bounds", "gross_pct", 10.0),
        ("bounds", "net_pct", 0.0),
        ("bounds", "sector_pct", 0.0),
        ("bounds", "beta_pct", 0.0),
        ("bounds", "factor_risk_bps", 0.0),
        ("bounds", "volatility_style_pct", 0.0),
        ("bounds", "turnover_pct", 5.0),
        ("costs", "impact", 10.0),
        ("costs", "half_spread_bps", 20.0),
        ("costs", "half_spread_slope_bps", 20.0),
        ("costs", "half_spread_maximum_bps", 1.5),
        ("costs", "tick_usd", 0.5),
        ("costs", "commission_usd", 0.5),
        ("costs", "general_borrow_bps", 290.0),
        ("risk", "risk_aversion", 100.0),
    ],
)
def test_every_setting_changes_the_book(group, name, value):
    """The trap of a hook that is never called."""
    tight = {group: {name: value, "net_pct": 0.0} if name == "gross_pct" else {name: value}}
    changed = make_settings(tight)
    day = day_of(60, 2)
    base = weights(targets(day, SETTINGS, 2.0))
    assert np.abs(weights(targets(day, changed, 2.0)) - base).max() > 1e-5


def test_the_multiplier_and_unknown_borrow_rates_change_the_book():
    day = day_of(60, 2)
    base = weights(targets(day, SETTINGS, 2.0))
    assert np.abs(weights(targets(day, SETTINGS, 3.0)) - base).max() > 1e-5
    dear = replace(day, borrow_rate_pct=np.full(60, np.nan))
    assert np.abs(weights(targets(dear, SETTINGS, 2.0)) - base).max() > 1e-5


def test_gross_follows_the_money_not_the_cash():
    """The trap of sizing by cash: a book that is invested is sized by all it is worth."""
    day = day_of()
    first = targets(day, SETTINGS, 2.0)
    again = targets(later(day, first, day.price_usd), SETTINGS, 2.0)
    assert again.solutions["gross"][0] >= first.solutions["gross"][0] * 0.9


def test_a_factor_without_data_bounds_nothing():
    whole = risk_of(60)
    rates = list(MACRO).index("rates")
    keep = [k for k in range(len(whole.factors)) if k != rates]
    less = replace(
        whole,
        factors=tuple(whole.factors[k] for k in keep),
        n_macro=whole.n_macro - 1,
        exposures=whole.exposures[:, keep],
        covariance=whole.covariance[np.ix_(keep, keep)],
        factor_returns=whole.factor_returns[keep],
        missing=("rates",),
        macro_units=np.delete(whole.macro_units, rates),
    )
    problem, _ = problem_of(day_of(risk=less), SETTINGS, 2.0)
    names = [one.name for one in problem.exposures]
    assert "rates risk" not in names and "credit risk" in names
    assert len([name for name in names if name.startswith("sector")]) == N_SECTORS
    assert targets(day_of(risk=less), SETTINGS, 2.0).solutions["state"][0] == "optimal"


def test_the_same_day_gives_the_same_bits():
    one, other = (targets(day_of(), SETTINGS, 2.0) for _ in range(2))
    assert one.positions.equals(other.positions) and one.solutions.equals(other.solutions)


def test_exposures_are_in_the_units_of_their_bounds():
    """A name's beta is to the market's own return; factor risk is a daily share of the book."""
    day = day_of()
    problem, _ = problem_of(day, SETTINGS, 2.0)
    rows = {one.name: one for one in problem.exposures}
    assert rows["market beta"].row.mean() == pytest.approx(1.0, abs=0.25)
    assert np.abs(rows["credit risk"].row).max() < 0.02
    assert rows["credit risk"].width == pytest.approx(5e-4)
    assert abs(rows["volatility"].row.mean()) < 1e-9
    assert replace(SETTINGS, risk=RiskSettings()) == SETTINGS
