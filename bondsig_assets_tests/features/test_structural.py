"""Models against scipy's solvers and integrals, regressions against least squares, and no bit from
too far back or from ahead.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from scipy.integrate import quad
from scipy.optimize import brentq, fsolve

from bondsig_assets.features import structural as s

FEW = settings(max_examples=12, deadline=None)
SEEDS = st.integers(0, 2**32 - 1)
VALUE, SIGMA, DEBT, RATE = (
    st.floats(60, 1000),
    st.floats(0.05, 0.9),
    st.floats(20, 150),
    st.floats(0.0, 0.1),
)


def normal(x: float) -> float:
    """The normal distribution function; scipy's is slow for one number."""
    return math.erfc(-x / math.sqrt(2)) / 2


def call(value: float, sigma: float, debt: float, rate: float, horizon: float = 1.0) -> float:
    """Merton's equity."""
    d1 = (math.log(value / debt) + (rate + sigma**2 / 2) * horizon) / (sigma * math.sqrt(horizon))
    return value * normal(d1) - debt * math.exp(-rate * horizon) * normal(
        d1 - sigma * math.sqrt(horizon)
    )


def firms(seed: int, days: int, names: int = 3) -> dict[str, Any]:
    """Equity as a call on a random walk, debt in steps, and gaps."""
    rng = np.random.default_rng(seed)
    value = 100 * np.exp(np.cumsum(rng.normal(0, 0.012, (days, names)), axis=0))
    debt = np.repeat(rng.uniform(30, 90, (1 + days // 10, names)), 10, axis=0)[:days]
    equity = np.vectorize(call)(value, 0.2, debt, 0.03)
    equity[rng.random(equity.shape) < 0.05] = np.nan
    change = np.where(rng.random(value.shape) < 0.4, np.nan, rng.normal(0, 8, value.shape))
    spread = rng.lognormal(5, 0.5, value.shape)
    return {
        "equity": equity,
        "debt": debt,
        "rate": np.full(value.shape, 0.03),
        "number": np.arange(days) + 1003,
        "return": rng.normal(0, 0.02, value.shape),
        "change": change,
        "duration": rng.uniform(1, 9, value.shape),
        "hedge": rng.uniform(0, 0.3, value.shape),
        "spread": spread,
        "model": spread * rng.lognormal(0, 0.3, value.shape),
        "rating": rng.integers(1, 20, value.shape).astype(float),
        "sector": rng.integers(-1, 2, value.shape),
    }


def short_merton(m: dict[str, Any]) -> np.ndarray:
    """All three results of a fit on 20 returns every 7 days."""
    found = s.merton(m["equity"], m["debt"], m["rate"], m["number"], window=20, minimum=10, every=7)
    return np.stack([found.asset_value, found.asset_volatility, found.distance_to_default], axis=1)


MEASURES = {
    "merton": (27, short_merton),
    "flow": (
        7,
        lambda m: s.divergence_flow_pct(m["change"], m["duration"], m["hedge"], m["return"] * 100),
    ),
    "level": (
        1,
        lambda m: s.divergence_level(
            m["spread"], m["model"], m["rating"], m["sector"], least_names=4, least_in_sector=2
        ),
    ),
    "credit_grades": (
        1,
        lambda m: s.credit_grades_spread_bps(
            m["equity"], m["debt"], np.full_like(m["debt"], 0.3), m["rate"]
        ),
    ),
    "merton_spread": (
        1,
        lambda m: s.merton_spread_bps(
            m["equity"] + m["debt"], np.full_like(m["debt"], 0.3), m["debt"], m["rate"]
        ),
    ),
    "hedge_ratio": (
        1,
        lambda m: s.hedge_ratio(
            m["equity"] + m["debt"], np.full_like(m["debt"], 0.3), m["debt"], m["rate"]
        ),
    ),
    "shrunk": (1, lambda m: s.shrunk_to_rating(m["hedge"], m["sector"], 0.5, 2)),
}


@pytest.mark.parametrize("name", MEASURES)
@FEW
@given(seed=SEEDS, start=st.integers(0, 15))
def test_more_history_changes_no_bit(name, seed, start):
    depends, measure = MEASURES[name]
    tables = firms(seed, 50, 6)
    part = {key: table[start:] for key, table in tables.items()}
    assert (
        measure(tables)[start + depends - 1 :].tobytes() == measure(part)[depends - 1 :].tobytes()
    )


@pytest.mark.parametrize("name", MEASURES)
@FEW
@given(seed=SEEDS, day=st.integers(0, 48))
def test_the_future_changes_no_bit(name, seed, day):
    measure = MEASURES[name][1]
    tables, poisoned = firms(seed, 50, 6), firms(seed, 50, 6)
    for key in set(poisoned) - {"number", "sector"}:
        poisoned[key][day + 1 :] *= np.random.default_rng(seed).choice(
            [1e3, -1.0, np.nan], poisoned[key][day + 1 :].shape
        )
    poisoned["sector"][day + 1 :] = 0
    assert measure(tables)[: day + 1].tobytes() == measure(poisoned)[: day + 1].tobytes()


def test_the_naive_distance_and_the_full_windows_keep_their_bits():
    m = firms(5, 330, 2)
    parts = {key: table[330 - s.MERTON_DAYS - 3 :] for key, table in m.items()}
    whole, part = (
        s.merton(t["equity"], t["debt"], t["rate"], t["number"]).distance_to_default[-4:]
        for t in (m, parts)
    )
    assert np.isfinite(whole).any()
    assert whole.tobytes() == part.tobytes()
    whole, part = (
        s.naive_distance_to_default(t["equity"][-252:], t["debt"][-252:], t["return"][-252:])[-1]
        for t in (m, parts)
    )
    assert np.isfinite(whole).any()
    assert (
        whole.tobytes()
        == part.tobytes()
        == s.naive_distance_to_default(m["equity"], m["debt"], m["return"])[-1].tobytes()
    )


# Merton


@FEW
@given(VALUE, SIGMA, DEBT, RATE)
def test_asset_values_are_fsolves(value, sigma, debt, rate):
    from bondsig_assets.features.structural_kernel import asset_value

    equity = call(value, sigma, debt, rate)
    found = asset_value(equity, sigma, debt, rate, 1.0)
    assert call(found, sigma, debt, rate) == pytest.approx(equity, rel=1e-9, abs=1e-11)
    if equity > 1:  # below, the solver's own tolerance is the larger error
        assert found == pytest.approx(
            fsolve(
                lambda v: call(max(v[0], 1e-9), sigma, debt, rate) - equity,
                [equity + debt],
                xtol=1e-11,
            )[0],
            rel=1e-9,
        )


@pytest.mark.parametrize(
    ("equity", "sigma", "debt"),
    [
        (0.0, 0.2, 50.0),
        (10.0, 0.0, 50.0),
        (10.0, 0.2, 0.0),
        (np.nan, 0.2, 50.0),
        (10.0, 0.2, np.nan),
    ],
)
def test_no_asset_value_without_its_inputs(equity, sigma, debt):
    from bondsig_assets.features.structural_kernel import asset_value

    assert np.isnan(asset_value(equity, sigma, debt, 0.03, 1.0))


def iterated(equity: np.ndarray, debt: float, rate: float) -> float:
    """Volatility of assets by brentq and numpy."""

    def yearly(values):
        with np.errstate(invalid="ignore"):
            return np.nanstd(np.diff(np.log(values)), ddof=1) * np.sqrt(252)

    newest = equity[np.isfinite(equity)][-1]
    sigma = yearly(equity) * newest / (newest + debt)
    for _ in range(30):
        values = [
            (
                brentq(
                    lambda v, e=e, sd=sigma: call(v, sd, debt, rate) - e, 1e-3, e + debt, xtol=1e-11
                )
                if np.isfinite(e)
                else np.nan
            )
            for e in equity
        ]
        before, sigma = sigma, yearly(values)
        if abs(sigma - before) < 1e-3:
            return sigma
    return math.nan


def test_the_iteration_is_brentqs():
    m = firms(11, 280, 1)
    found = s.merton(m["equity"], m["debt"], m["rate"], m["number"])
    fit = np.flatnonzero(m["number"] % 21 == 0)[-1]
    expected = iterated(m["equity"][fit - 252 : fit + 1, 0], m["debt"][fit, 0], 0.03)
    np.testing.assert_allclose(
        found.asset_volatility[fit:, 0], expected, rtol=1e-8
    )  # kept until the next fit
    last = np.flatnonzero(np.isfinite(m["equity"][:, 0]))[-1]
    value = brentq(
        lambda v: call(v, expected, m["debt"][last, 0], 0.03) - m["equity"][last, 0],
        1e-3,
        1e3,
        xtol=1e-12,
    )
    assert found.asset_value[last, 0] == pytest.approx(value, rel=1e-8)
    distance = (math.log(value / m["debt"][last, 0]) + 0.03 - expected**2 / 2) / expected
    assert found.distance_to_default[last, 0] == pytest.approx(distance, rel=1e-7)


def test_a_planted_volatility_of_assets_is_found():
    rng = np.random.default_rng(2)
    sigma, debt = np.array([0.12, 0.2, 0.35, 0.5]), np.array([[75.0, 60.0, 50.0, 20.0]])
    value = 100 * np.exp(np.cumsum(rng.normal(0, 1, (260, 4)) * sigma / np.sqrt(252), axis=0))
    found = s.merton(np.vectorize(call)(value, sigma, debt, 0.03), debt, 0.03, np.arange(260))
    realised = np.std(np.diff(np.log(value[:253]), axis=0), axis=0, ddof=1) * np.sqrt(252)
    np.testing.assert_allclose(found.asset_volatility[252], realised, rtol=0.02)
    np.testing.assert_allclose(found.asset_value[252], value[252], rtol=0.02)


def test_a_fit_needs_120_returns_and_its_day_of_the_calendar():
    m = firms(3, 160, 2)
    m["equity"] = np.where(np.isnan(m["equity"]), 50.0, m["equity"])
    m["equity"][:20, 1] = np.nan
    found = s.merton(m["equity"], m["debt"], m["rate"], np.arange(160)).asset_volatility
    # 126 is the first multiple of 21 with 120 returns behind it; the second name is listed late and
    # has 126 of them on day 147.
    np.testing.assert_array_equal(np.isfinite(found).argmax(axis=0), [126, 147])
    assert (
        np.flatnonzero(np.diff(found[:, 0], prepend=np.nan) != 0)[-2:] == [126 + 1 - 1, 147]
    ).all()


def test_no_distance_without_debt_or_without_equity():
    m = firms(3, 160, 4)
    m["debt"][:, 0], m["debt"][:, 1], m["equity"][:, 2] = 0.0, np.nan, 7.0
    found = s.merton(m["equity"], m["debt"], m["rate"], np.arange(160))
    for array in (found.asset_value, found.asset_volatility, found.distance_to_default):
        np.testing.assert_array_equal(np.isfinite(array).any(axis=0), [False, False, False, True])
    np.testing.assert_array_equal(
        np.isnan(found.distance_to_default[126:, 3]), np.isnan(m["equity"][126:, 3])
    )


def test_money_has_no_unit():
    m = firms(9, 290, 2)
    one = s.merton(m["equity"], m["debt"], m["rate"], m["number"])
    other = s.merton(m["equity"] * 1e6, m["debt"] * 1e6, m["rate"], m["number"])
    np.testing.assert_allclose(other.distance_to_default, one.distance_to_default, rtol=1e-9)
    np.testing.assert_allclose(other.asset_value, one.asset_value * 1e6, rtol=1e-9)
    np.testing.assert_array_equal(
        s.naive_distance_to_default(m["equity"] * 1024, m["debt"] * 1024, m["return"]),
        s.naive_distance_to_default(m["equity"], m["debt"], m["return"]),
    )


def test_the_default_point():
    found = s.default_point(np.array([10.0, np.nan, 0.0, 0.0]), np.array([40.0, 40.0, np.nan, 0.0]))
    np.testing.assert_array_equal(found, [30.0, np.nan, np.nan, np.nan])


def test_the_naive_distance_by_hand():
    # Returns of +1 % and -1 % in turn: sd = 0.01 sqrt(252 / 251), a year's return of 0.9999^126 -
    # 1.
    returns = np.where(np.arange(252)[:, None] % 2 == 0, 0.01, -0.01)
    found = s.naive_distance_to_default(np.full((252, 1), 300.0), np.full((252, 1), 100.0), returns)
    sigma_equity = 0.01 * math.sqrt(252 / 251) * math.sqrt(252)
    sigma = 0.75 * sigma_equity + 0.25 * (0.05 + 0.25 * sigma_equity)
    assert found[-1, 0] == pytest.approx(
        (math.log(4) + 0.9999**126 - 1 - sigma**2 / 2) / sigma, rel=1e-12
    )
    assert np.isnan(found[:229]).all()
    assert np.isfinite(found[229:]).all()


# Merton's spread and hedge ratio


@FEW
@given(VALUE, SIGMA, DEBT, RATE)
def test_the_spread_is_that_of_assets_less_equity(value, sigma, debt, rate):
    worth = value - call(value, sigma, debt, rate, 5.0)
    found = s.merton_spread_bps(
        np.array([[value]]), np.array([[sigma]]), np.array([[debt]]), np.array([[rate]])
    )[0, 0]
    assert found == pytest.approx(1e4 * (-math.log(worth / debt) / 5 - rate), rel=1e-8, abs=1e-7)
    assert found >= 0


def test_the_spread_of_a_safe_firm_is_small_and_not_lost():
    found = s.merton_spread_bps(
        np.full(3, 1000.0), np.array([0.2, 0.18, 0.15]), np.full(3, 100.0), np.full(3, 0.03)
    )
    assert (found > 0).all()
    assert (np.diff(found) < 0).all()
    assert found[0] < 0.01


@FEW
@given(st.floats(80, 400), st.floats(0.1, 0.6), DEBT, RATE)
def test_the_hedge_ratio_is_the_ratio_of_sensitivities(value, sigma, debt, rate):
    found = s.hedge_ratio(np.array([value]), np.array([sigma]), np.array([debt]), np.array([rate]))[
        0
    ]
    up, down = (call(value * (1 + step), sigma, debt, rate, 5.0) for step in (1e-4, -1e-4))
    bond = math.log((value * 1.0001 - up) / (value * 0.9999 - down))
    assert found == pytest.approx(bond / math.log(up / down), rel=1e-4, abs=1e-6)


def test_the_hedge_ratio_is_schaefer_and_strebulaevs():
    value, sigma, debt, rate = 100.0, 0.25, 60.0, 0.04
    leverage = 1 - call(value, sigma, debt, rate, 5.0) / value
    d1 = (math.log(value / debt) + (rate + sigma**2 / 2) * 5) / (sigma * math.sqrt(5))
    assert s.hedge_ratio(np.array([value]), np.array([sigma]), np.array([debt]), rate)[
        0
    ] == pytest.approx((1 / normal(d1) - 1) * (1 / leverage - 1), rel=1e-12)


def test_hedge_ratios_shrink_to_their_rating():
    hedge, group = np.array([[0.1, 0.2, 0.3, np.nan, 0.9, 0.5]]), np.array([[1, 1, 1, 1, 2, -1]])
    np.testing.assert_allclose(
        s.shrunk_to_rating(hedge, group, 0.5, 3), [[0.15, 0.2, 0.25, np.nan, 0.9, 0.5]], rtol=1e-14
    )
    np.testing.assert_array_equal(s.shrunk_to_rating(hedge, group, 0.5, 4), hedge)
    np.testing.assert_array_equal(
        s.shrunk_to_rating(np.full((1, 2), np.nan), np.array([[1, 1]])), np.full((1, 2), np.nan)
    )


# CreditGrades


def quadrature(equity: float, debt: float, sigma_equity: float, rate: float) -> float:
    """The par spread by integrating Q(t) of the technical document numerically."""
    barrier, deviation, recovery, horizon = 0.5, 0.3, 0.4, 5.0
    sigma = sigma_equity * equity / (equity + barrier * debt)
    d = (equity + barrier * debt) / (barrier * debt) * math.exp(deviation**2)

    def alive(time):
        a = math.sqrt(sigma**2 * time + deviation**2)
        return normal(-a / 2 + math.log(d) / a) - d * normal(-a / 2 - math.log(d) / a)

    annuity = quad(
        lambda t: math.exp(-rate * t) * alive(t), 0, horizon, epsabs=1e-14, epsrel=1e-13, limit=200
    )[0]
    protection = (
        1 - alive(horizon) * math.exp(-rate * horizon) - rate * annuity
    )  # by parts, the loss at once included
    return 1e4 * (1 - recovery) * protection / annuity


@pytest.mark.parametrize("equity", [3.0, 10.0, 60.0, 100.0, 400.0])
@pytest.mark.parametrize("sigma", [0.15, 0.4, 0.9])
@pytest.mark.parametrize("rate", [0.0, 0.01, 0.05])
def test_credit_grades_closed_form_is_the_integral(equity, sigma, rate):
    found = s.credit_grades_spread_bps(
        np.array([equity]), np.array([100.0]), np.array([sigma]), np.array([rate])
    )[0]
    assert found == pytest.approx(
        quadrature(equity, 100.0, sigma, max(rate, 1e-5)), rel=1e-7, abs=1e-6
    )


def test_credit_grades_spreads_rise_with_debt_and_volatility():
    equity = np.full((1, 30), 100.0)
    assert (
        np.diff(
            s.credit_grades_spread_bps(
                equity, np.linspace(20, 600, 30)[None], np.full_like(equity, 0.35), 0.03
            )
        )
        > 0
    ).all()
    assert (
        np.diff(s.credit_grades_spread_bps(equity, equity, np.linspace(0.1, 0.9, 30)[None], 0.03))
        > 0
    ).all()
    extreme = s.credit_grades_spread_bps(
        np.array([100.0, 1e-9, 100.0, np.nan, 0.0]),
        np.full(5, 100.0),
        np.array([1e-3, 0.3, 0.0, 0.3, 0.3]),
        0.03,
    )
    assert extreme[0] == pytest.approx(
        quadrature(100.0, 100.0, 0.005 * 1.5, 0.03), rel=1e-6
    )  # at the least volatility of assets
    assert extreme[1] > 1000
    assert np.isnan(extreme[2:]).all()


# Divergence


def cross_section(seed: int, names: int = 60) -> tuple[np.ndarray, ...]:
    rng = np.random.default_rng(seed)
    rating, sector = rng.integers(1, 21, (2, names)).astype(float), rng.integers(0, 4, (2, names))
    model = rng.lognormal(4, 1, (2, names)) * np.exp(0.1 * rating)
    market = np.exp(
        1 + 0.4 * np.log(model) + 0.05 * rating + 0.2 * sector + rng.normal(0, 0.3, (2, names))
    )
    return market, model, rating, sector


@FEW
@given(SEEDS)
@example(1987)
def test_the_level_is_the_residual_of_least_squares(seed):
    market, model, rating, sector = cross_section(seed)
    market[:, :5], model[0, 5], rating[1, 6], sector[0, 7] = np.nan, np.nan, np.nan, -1
    found = s.divergence_level(market, model, rating, sector)
    for day in range(2):
        used = np.isfinite(market[day] + model[day] + rating[day]) & (sector[day] >= 0)
        dummies = sector[day, used, None] == np.arange(4)
        # A model spread below a basis point says no more than "safe".
        right = np.column_stack(
            [np.log(np.maximum(model[day, used], 1.0)), rating[day, used], dummies]
        )
        left = np.log(market[day, used])
        np.testing.assert_allclose(
            found[day, used], left - right @ np.linalg.lstsq(right, left)[0], atol=1e-9
        )
        assert np.isnan(found[day, ~used]).all()


def test_the_level_does_not_mind_the_unit_and_finds_a_wide_name():
    market, model, rating, sector = cross_section(1)
    found = s.divergence_level(market, model, rating, sector)
    np.testing.assert_allclose(
        s.divergence_level(market * 9, model * 3, rating, sector), found, atol=1e-9
    )
    market[1, 8] *= np.e
    wider = s.divergence_level(market, model, rating, sector)
    assert 0.8 < wider[1, 8] - found[1, 8] < 1
    assert wider[0].tobytes() == found[0].tobytes()


def test_the_level_needs_thirty_names_and_three_of_a_sector():
    market, model, rating, sector = (table[:, :32].copy() for table in cross_section(1))
    sector[:] = np.arange(32) % 3
    sector[:, 30:] = 7
    found = s.divergence_level(market, model, rating, sector)
    np.testing.assert_array_equal(np.isfinite(found), np.broadcast_to(np.arange(32) < 30, (2, 32)))
    market[0, 0] = -5.0
    np.testing.assert_array_equal(
        np.isfinite(s.divergence_level(market, model, rating, sector)).any(axis=1), [False, True]
    )


def test_regressors_without_variation_drop_out():
    market, model, rating, sector = cross_section(3)
    found = s.divergence_level(market, np.full_like(model, 0.01), np.full_like(rating, 7.1), sector)
    for code in range(4):
        member = sector[0] == code
        np.testing.assert_allclose(
            found[0, member],
            np.log(market[0, member]) - np.log(market[0, member]).mean(),
            atol=1e-12,
        )
    doubled = s.divergence_level(market, model, np.log(model) * 3, sector)
    np.testing.assert_allclose(
        doubled, s.divergence_level(market, model, np.full_like(rating, 7.1), sector), atol=1e-9
    )


def test_model_spreads_of_nothing_count_as_a_basis_point():
    market, model, rating, sector = cross_section(2)
    model[:, :20] = np.array([1e-300, 0.0, 0.5, 1.0] * 5)
    found = s.divergence_level(market, model, rating, sector)
    assert np.isfinite(found).all()
    model[:, :20] = 1.0
    assert found.tobytes() == s.divergence_level(market, model, rating, sector).tobytes()


def test_the_flow_by_hand_and_without_today():
    change = np.array([10.0, np.nan, np.nan, 5.0, np.nan, np.nan, 900.0])[:, None]
    duration = np.array([4.0, 1.0, 2.0, 99.0, 99.0, 99.0, 99.0])[:, None]
    stock, hedge = (
        np.array([50.0, 1.0, 1.0, -2.0, 1.0, 1.0, 77.0])[:, None],
        np.array([0.1, 0.1, 0.1, 0.1, 0.1, 9.0, 9.0])[:, None],
    )
    # Days 1 to 5: one spread change is too few, -2 x 5 bps of it; the stock's 2 % at 0.1 explain
    # 0.2.
    assert np.isnan(s.divergence_flow_pct(change, duration, hedge, stock)).all()
    found = s.divergence_flow_pct(change, duration, hedge, stock, 5, 1)
    assert found[6, 0] == pytest.approx(-0.10 - 0.2, rel=1e-12)
    assert np.isnan(found[:6]).all()


def test_the_flow_is_negative_where_bonds_lost_and_the_stock_did_not():
    change, flat = np.full((9, 1), 20.0), np.zeros((9, 1))
    assert s.divergence_flow_pct(change, np.full((9, 1), 5.0), flat + 0.1, flat)[
        8, 0
    ] == pytest.approx(-5.0)
    stock = np.where(np.arange(9)[:, None] == 5, np.nan, 0.0)
    assert np.isnan(s.divergence_flow_pct(change, np.full((9, 1), 5.0), flat + 0.1, stock)[8, 0])
