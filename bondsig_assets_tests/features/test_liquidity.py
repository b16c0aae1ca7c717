"""Each measure by hand and against a plain loop, planted costs found again, and no bit from too far
back or from ahead.
"""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bondsig_assets.features import liquidity as q

FEW = settings(max_examples=25, deadline=None)
SEEDS = st.integers(0, 2**32 - 1)


def column(*values: float) -> np.ndarray:
    """One name's days."""
    return np.array(values, dtype=float)[:, None]


def market(seed: int, days: int, names: int = 3, quiet: float = 0.4) -> dict[str, np.ndarray]:
    """Bond days with holes, all in one place."""
    rng = np.random.default_rng(seed)
    price = 100 * np.exp(np.cumsum(rng.normal(0, 0.004, (days, names)), axis=0))
    price[rng.random(price.shape) < quiet] = np.nan
    width = rng.choice([0.0, 0.2, 0.9], price.shape) * rng.random(price.shape)
    return {
        "price": price,
        "high": price + width,
        "low": price - width,
        "close": price + width * rng.uniform(-1, 1, price.shape),
        "par": np.where(np.isfinite(price), rng.integers(0, 50, price.shape) * 1e5, np.nan),
        "trades": rng.integers(1, 9, price.shape).astype(float),
        "cost": np.where(rng.random(price.shape) < 0.5, rng.random(price.shape), np.nan),
    }


#: Each measure on `market`, with the days that its docstring says it can depend on (5 more of
#: prices behind changes of prices).
MEASURES = {
    "price_changes_pct": (6, lambda m: q.price_changes_pct(m["price"])),
    "roll_measure": (7 + 5 + 5, lambda m: q.roll_measure(q.price_changes_pct(m["price"]), 7, 3)),
    "bao_pan_wang_gamma": (
        7 + 5 + 5,
        lambda m: q.bao_pan_wang_gamma(q.price_changes_pct(m["price"]), 7, 3),
    ),
    "corwin_schultz": (6 + 5, lambda m: q.corwin_schultz(m["high"], m["low"], m["close"], 6, 2)),
    "corwin_schultz_without_close": (
        6 + 5,
        lambda m: q.corwin_schultz(m["high"], m["low"], None, 6, 2),
    ),
    "amihud": (6 + 5, lambda m: q.amihud(q.price_changes_pct(m["price"]), m["par"], 6, 2)),
    "price_dispersion": (
        6,
        lambda m: q.price_dispersion(m["high"], m["low"], m["par"], m["trades"], 6, 2),
    ),
    "turnover_pct": (6, lambda m: q.turnover_pct(m["par"], np.full_like(m["par"], 5e8), 6, 2)),
    "round_trip_cost": (6, lambda m: q.round_trip_cost(m["cost"], 6, 2)),
    "lambda_composite": (6, lambda m: q.lambda_composite(m["par"] / 1e6, m["cost"], 6, 3, 2)),
    "change_vs_own_median": (7, lambda m: q.change_vs_own_median(m["cost"], 6, 2)),
}


@pytest.mark.parametrize("name", MEASURES)
@FEW
@given(seed=SEEDS, start=st.integers(0, 15))
def test_more_history_changes_no_bit(name, seed, start):
    depends, measure = MEASURES[name]
    tables = market(seed, 40)
    part = {key: table[start:] for key, table in tables.items()}
    whole = measure(tables)[start + depends - 1 :]
    assert whole.tobytes() == measure(part)[depends - 1 :].tobytes()


@pytest.mark.parametrize("name", MEASURES)
@FEW
@given(seed=SEEDS, day=st.integers(0, 38))
def test_the_future_changes_no_bit(name, seed, day):
    measure = MEASURES[name][1]
    tables, poisoned = market(seed, 40), market(seed, 40)
    for table in poisoned.values():
        table[day + 1 :] *= np.random.default_rng(seed).choice(
            [1e6, -1.0, np.nan], table[day + 1 :].shape
        )
    assert measure(tables)[: day + 1].tobytes() == measure(poisoned)[: day + 1].tobytes()


@pytest.mark.parametrize("name", MEASURES)
def test_every_measure_finds_something_and_misses_something(name):
    found = np.isfinite(MEASURES[name][1](market(5, 60)))
    assert 0 < found.sum() < found.size


# Price changes


def test_a_change_is_from_the_last_traded_day_within_five():
    from bondsig_assets.features.replay import MATCH_DAYS

    assert q.MATCH_DAYS == MATCH_DAYS
    nan = np.nan
    price = column(100, nan, nan, nan, nan, 110, nan, nan, nan, nan, nan, 121, 0.0, 121)
    expected = np.full(14, np.nan)
    expected[5] = 100 * np.log(1.1)
    expected[13] = 0.0  # a price of 0 is none, and the trade of two days before is near enough
    np.testing.assert_allclose(q.price_changes_pct(price)[:, 0], expected, rtol=1e-13)


# Roll, Bao-Pan-Wang


def test_roll_by_hand():
    # Pairs (-1, 1), (1, -1), (-1, 1), (1, -1): covariance -4/3.
    assert q.roll_measure(column(1, -1, 1, -1, 1))[4, 0] == pytest.approx(
        2 * np.sqrt(4 / 3), rel=1e-14
    )
    assert q.bao_pan_wang_gamma(column(1, -1, 1, -1, 1), 42, 4)[4, 0] == pytest.approx(
        4 / 3, rel=1e-14
    )
    assert np.isnan(q.roll_measure(column(1, -1, 1, -1))[3, 0])  # three pairs


def test_no_roll_spread_where_changes_do_not_reverse():
    assert np.isnan(q.roll_measure(column(1, 1, 1, 1, 1, 1))).all()
    trending = column(1, 2, 3, 4, 5, 6, 7)
    assert np.isnan(q.roll_measure(trending)).all()
    assert q.bao_pan_wang_gamma(trending, 21, 4)[6, 0] < 0


def serial_covariances(price: np.ndarray, window: int, minimum: int, cap: int) -> np.ndarray:
    """The definition, on the list of traded days of one bond."""
    out = np.full(price.size, np.nan)
    traded = np.flatnonzero(np.isfinite(price))
    pairs = []
    for a, b, c in zip(traded, traded[1:], traded[2:], strict=False):
        if b - a <= cap and c - b <= cap:
            pairs.append((c, np.log(price[c] / price[b]) * 100, np.log(price[b] / price[a]) * 100))
    for day in range(price.size):
        inside = [(x, y) for known, x, y in pairs if day - window < known <= day]
        if len(inside) >= minimum:
            out[day] = np.cov(np.array(inside).T)[0, 1]
    return out


@FEW
@given(SEEDS, st.sampled_from([0.0, 0.3, 0.7]))
def test_pairs_are_of_consecutive_trades(seed, quiet):
    price = market(seed, 80, 2, quiet)["price"]
    change = q.price_changes_pct(price)
    naive = np.column_stack([serial_covariances(price[:, k], 21, 4, 5) for k in range(2)])
    np.testing.assert_allclose(q.bao_pan_wang_gamma(change, 21, 4), -naive, rtol=1e-8, atol=1e-12)
    np.testing.assert_allclose(
        q.roll_measure(change),
        np.where(naive < 0, 2 * np.sqrt(np.abs(naive)), np.nan),
        rtol=1e-7,
        atol=1e-7,
    )


def bounced(half_spread_pct: float, quiet: float, seed: int = 1) -> np.ndarray:
    """Log random walk of 0.1 % a day traded at bid or ask by the toss of a coin."""
    rng = np.random.default_rng(seed)
    price = 100 * np.exp(
        np.cumsum(rng.normal(0, 0.001, (6000, 2)), axis=0)
        + rng.choice([-1, 1], (6000, 2)) * half_spread_pct / 100
    )
    price[rng.random(price.shape) < quiet] = np.nan
    return price


@pytest.mark.parametrize("half_spread_pct", [0.2, 0.8])
@pytest.mark.parametrize("quiet", [0.0, 0.6])
def test_a_planted_half_spread_is_found(half_spread_pct, quiet):
    change = q.price_changes_pct(bounced(half_spread_pct, quiet))
    np.testing.assert_allclose(q.roll_measure(change, 5900)[-1] / 2, half_spread_pct, rtol=0.06)
    np.testing.assert_allclose(
        q.bao_pan_wang_gamma(change, 5900)[-1], half_spread_pct**2, rtol=0.12
    )


def test_without_a_spread_gamma_is_near_zero():
    gamma = q.bao_pan_wang_gamma(q.price_changes_pct(bounced(0.0, 0.3)), 5900)[-1]
    assert (np.abs(gamma) < 0.001).all()  # against a daily variance of 0.01


# Corwin-Schultz


def test_two_days_of_the_same_range_cost_that_range():
    # With beta = 2 x^2 and gamma = x^2, equation 18 gives alpha = x: a spread of (high - low) /
    # mid.
    spread = q.corwin_schultz(column(102, 102), column(98, 98), column(100, 100), 21, 1)
    assert spread[1, 0] == pytest.approx(4.0, rel=1e-12)
    assert np.isnan(spread[0, 0])


@pytest.mark.parametrize(
    ("jump", "close", "touching"),
    [(0.7, 98, (98, 98 * 98 / 102)), (1.5, 102, (102 * 102 / 98, 102))],
)
def test_an_overnight_jump_is_undone(jump, close, touching):
    # A range wholly beyond the close before is moved back until it touches it; the close is the
    # near end of its range here.
    expected = q.corwin_schultz(column(102, touching[0]), column(98, touching[1]), None, 21, 1)[
        1, 0
    ]
    high, low = column(102, 102 * jump), column(98, 98 * jump)
    assert q.corwin_schultz(high, low, column(close, 100 * jump), 21, 1)[1, 0] == pytest.approx(
        expected, abs=1e-9
    )
    assert q.corwin_schultz(high, low, None, 21, 1)[1, 0] == pytest.approx(expected, abs=1e-9)


def test_the_close_decides_how_far_a_day_is_moved():
    high, low = column(102, 103), column(98, 101)
    x, y, both = (
        np.log(102 / 98),
        np.log(103 / 101),
        np.log(102 / 98),
    )  # the second day moves down to 99 … 99 * 103 / 101
    k = 3 - 2 * np.sqrt(2)
    alpha = (np.sqrt(2 * (x * x + y * y)) - np.sqrt(x * x + y * y)) / k - np.sqrt(both * both / k)
    expected = 100 * 2 * (np.exp(alpha) - 1) / (1 + np.exp(alpha))
    assert q.corwin_schultz(high, low, column(99, 102), 21, 1)[1, 0] == pytest.approx(
        expected, rel=1e-10
    )
    assert (
        q.corwin_schultz(high, low, column(np.nan, 102), 21, 1).tobytes()
        == np.full((2, 1), np.nan).tobytes()
    )


def test_negative_estimates_count_as_zero():
    high, low = (
        column(102, 102, 107),
        column(98, 98, 101.9),
    )  # the third day overlaps the second by a hair
    assert q.corwin_schultz(high, low, None, 21, 1)[2, 0] == pytest.approx(
        2.0, rel=1e-12
    )  # the mean of 4 and 0


def test_days_without_a_range_are_passed_over_within_the_cap():
    nan = np.nan
    near = q.corwin_schultz(
        column(102, 100, nan, nan, nan, 102), column(98, 100, nan, nan, nan, 98), None, 21, 1
    )
    far = q.corwin_schultz(
        column(102, 100, nan, nan, nan, nan, 102),
        column(98, 100, nan, nan, nan, nan, 98),
        None,
        21,
        1,
    )
    assert near[5, 0] == pytest.approx(4.0, rel=1e-12)
    assert np.isnan(far).all()


def test_corwin_schultz_orders_planted_spreads():
    rng = np.random.default_rng(3)
    spreads = np.array([0.0, 0.5, 1.0, 2.0, 4.0])
    path = np.cumsum(rng.normal(0, 0.01 / np.sqrt(40), (900 * 40, 1)), axis=0)
    quotes = (100 * np.exp(path + rng.choice([-1, 1], (900 * 40, 5)) * spreads / 200)).reshape(
        900, 40, 5
    )
    found = q.corwin_schultz(quotes.max(axis=1), quotes.min(axis=1), quotes[:, -1], 890)[-1]
    assert (np.diff(found) > 0).all()
    np.testing.assert_allclose(found[2:], spreads[2:], rtol=0.25)


# Price impact, dispersion, turnover, round trips


def test_amihud_is_the_median_of_days():
    change, par = column(1, -2, np.nan, 3, 50), column(1e6, 1e6, 1e6, 2e6, 0)
    np.testing.assert_array_equal(q.amihud_daily(change, par)[:, 0], [1, 2, np.nan, 1.5, np.nan])
    assert q.amihud(change, par, 21, 3)[4, 0] == 1.5
    assert np.isnan(q.amihud(change, par, 21, 4)[4, 0])


def test_price_dispersion_by_hand():
    high, low = column(101, 102, 150), column(99, 98, 50)
    found = q.price_dispersion(
        high, low, column(1e6, 3e6, 1e9), column(3, 9, 2), 21, 2
    )  # two trades have no say
    assert found[1, 0] == found[2, 0] == pytest.approx(np.sqrt((1 * 1 + 3 * 4) / 4), rel=1e-12)
    assert np.isnan(found[0, 0])


def test_turnover_counts_quiet_days_and_not_unknown_ones():
    par = column(1e6, 0, np.nan, 2e6, -9e6)
    found = q.turnover_pct(par, column(1e8, 1e8, 1e8, 2e8, 2e8), 21, 3)[:, 0]
    np.testing.assert_allclose(found, [np.nan, np.nan, np.nan, 2.0, 0.0], rtol=1e-12)
    assert np.isnan(q.turnover_pct(column(1, 1, 1), column(0, 0, 0), 21, 1)).all()


def test_round_trip_cost_is_a_mean_over_days_with_one():
    found = q.round_trip_cost(column(1, np.nan, 3, 8), 21, 3)[:, 0]
    np.testing.assert_array_equal(found, [np.nan, np.nan, np.nan, 4.0])


def test_measures_do_not_mind_the_unit():
    m = market(8, 90, 4)
    change = q.price_changes_pct(m["price"])
    np.testing.assert_allclose(q.price_changes_pct(m["price"] * 7), change, atol=1e-11)
    np.testing.assert_array_equal(q.amihud(change, m["par"] * 2), q.amihud(change, m["par"]) / 2)
    np.testing.assert_array_equal(q.roll_measure(change * 2), q.roll_measure(change) * 2)
    np.testing.assert_array_equal(
        q.bao_pan_wang_gamma(change * 2), q.bao_pan_wang_gamma(change) * 4
    )
    arguments = (m["high"] * 2, m["low"] * 2)
    np.testing.assert_array_equal(
        q.price_dispersion(*arguments, m["par"] * 4, m["trades"]),
        q.price_dispersion(m["high"], m["low"], m["par"], m["trades"]),
    )
    np.testing.assert_allclose(
        q.corwin_schultz(*arguments, m["close"] * 2),
        q.corwin_schultz(m["high"], m["low"], m["close"]),
        atol=1e-9,
    )


# Lambda, change against the own median


def test_lambda_is_the_sum_of_four_z_scores_of_the_day():
    rng = np.random.default_rng(4)
    impact, cost = rng.lognormal(size=(30, 12)), rng.lognormal(size=(30, 12))
    impact[rng.random(impact.shape) < 0.2] = np.nan
    cost[:, 7] = np.nan
    found = q.lambda_composite(impact, cost, 20, 5)[29]
    parts = [
        np.nanmedian(impact[10:], 0),
        np.delete(cost, 7, 1)[10:].mean(0),
        np.nanstd(impact[10:], 0, ddof=1),
        np.delete(cost, 7, 1)[10:].std(0, ddof=1),
    ]
    parts = [(part - part.mean()) / part.std(ddof=1) for part in parts]
    expected = (
        np.delete(parts[0] + parts[2], 7) + parts[1] + parts[3]
    )  # the seventh helps to standardise what it has
    np.testing.assert_allclose(np.delete(found, 7), expected, rtol=1e-10)
    assert np.isnan(found[7])
    assert np.isnan(q.lambda_composite(impact[:, :9], cost[:, :9], 20, 5)).all()  # too few names
    scaled = q.lambda_composite(impact * 1e3, cost * 7, 20, 5)[29]
    np.testing.assert_allclose(scaled, found, rtol=1e-9)


def test_lambda_says_nothing_of_a_market_without_differences():
    assert np.isnan(q.lambda_composite(np.ones((30, 12)), np.ones((30, 12)), 20, 5)).all()


def test_the_own_median_ends_the_day_before():
    found = q.change_vs_own_median(column(1, 2, 9, 100, np.nan, 5), 3, 2)[:, 0]
    np.testing.assert_array_equal(found, [np.nan, np.nan, 9 - 1.5, 100 - 2, np.nan, 5 - 54.5])


@FEW
@given(SEEDS)
def test_blocks_of_names_change_nothing(seed):
    values = np.random.default_rng(seed).normal(size=(12, 600))
    alone = np.column_stack(
        [q.change_vs_own_median(values[:, [k]], 5, 2) for k in (0, 255, 256, 511, 512, 599)]
    )
    assert (
        q.change_vs_own_median(values, 5, 2)[:, [0, 255, 256, 511, 512, 599]].tobytes()
        == np.ascontiguousarray(alone).tobytes()
    )
