"""The risk model: forecast against realised risk where the truth is known, and what it does with
gaps.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from skfolio.moments import EWCovariance
from sklearn.covariance import LedoitWolf

from bondsig_assets.portfolio.risk_model import (
    History,
    decay,
    factor_covariance,
    risk_model,
)
from bondsig_assets.portfolio.settings import RiskSettings

SETTINGS = RiskSettings()
N_DAYS, N_NAMES, N_SECTORS, N_MACRO = 700, 60, 6, 3
MACRO = ("market", "rates", "oil")


def world(
    seed: int = 0, n_days: int = N_DAYS, n_names: int = N_NAMES, waves: float = 0.0
) -> History:
    """Returns of names in six sectors with three macro factors; volatility comes in `waves`."""
    draw = np.random.default_rng(seed)
    sector = np.arange(n_names) % N_SECTORS
    betas = draw.normal(0, 0.3, (n_names, N_MACRO)) + [1.0, 0.0, 0.0]
    wave = np.exp(waves * np.sin(np.arange(n_days) / 60))[:, None]
    macro = wave * draw.normal(0, 1, (n_days, N_MACRO)) * [0.01, 0.05, 0.015]
    own = wave * draw.normal(0, 1, (n_days, n_names)) * draw.uniform(0.01, 0.025, n_names)
    of_sector = wave * draw.normal(0, 0.006, (n_days, N_SECTORS))
    returns = macro @ (betas * [1.0, 0.2, 1.0]).T + of_sector[:, sector] + own
    return History(
        returns,
        np.array([f"sector {k}" for k in sector]),
        draw.uniform(1e9, 1e11, n_names),
        np.zeros(n_names, bool),
        MACRO,
        macro,
    )


def until(history: History, day: int) -> History:
    return replace(history, returns=history.returns[:day], macro=history.macro[:day])


def covariance_of(model) -> np.ndarray:
    return model.exposures @ model.covariance @ model.exposures.T + np.diag(model.specific_variance)


def biases(estimate, history: History, days: range, seed: int = 1) -> dict[str, float]:
    """sd of realised over forecast risk of random, optimised and equal-weight books, and QLIKE."""
    draw = np.random.default_rng(seed)
    ratios: dict[str, list[float]] = {"random": [], "optimised": [], "equal": [], "qlike": []}
    for day in days:
        covariance = estimate(until(history, day))
        alpha = draw.normal(size=N_NAMES) * np.sqrt(np.diag(covariance))
        books = {
            "random": draw.normal(size=N_NAMES),
            "optimised": np.linalg.solve(covariance, alpha),
            "equal": np.ones(N_NAMES),
        }
        for kind, book in books.items():
            variance, made = book @ covariance @ book, book @ history.returns[day]
            ratios[kind].append(made / np.sqrt(variance))
            if kind == "random":
                unit = book @ book
                ratios["qlike"].append(np.log(variance / unit) + made**2 / variance)
    return {
        kind: float(np.mean(values) if kind == "qlike" else np.std(values))
        for kind, values in ratios.items()
    }


def of_model(history: History) -> np.ndarray:
    return covariance_of(risk_model(history, SETTINGS))


def ewma(history: History) -> np.ndarray:
    weights = decay(history.returns.shape[0], 42)
    return (history.returns * weights[:, None]).T @ history.returns / weights.sum()


def test_forecasts_are_right_where_it_counts_and_others_are_not():
    """The bias statistic within its band for every kind of book; on optimised books sample,
    Ledoit-Wolf and EWMA covariances promise less risk than there is.
    """
    history, days = world(), range(520, 700)
    ours = biases(of_model, history, days)
    band = np.sqrt(2 / len(days))
    for kind in ("random", "optimised", "equal"):
        assert 1 - band < ours[kind] < 1 + band, (kind, ours)
    sample = biases(lambda h: np.cov(h.returns[-252:].T), history, days)
    shrunk = biases(lambda h: LedoitWolf().fit(h.returns[-252:]).covariance_, history, days)
    fast = biases(ewma, history, days)
    assert ours["optimised"] + 0.05 < min(
        sample["optimised"], shrunk["optimised"], fast["optimised"]
    )


def test_volatility_that_comes_in_waves_is_followed():
    history, days = world(waves=0.4), range(520, 700)
    sample = biases(lambda h: np.cov(h.returns[-252:].T), history, days)
    assert biases(of_model, history, days)["qlike"] < sample["qlike"] - 0.05


def test_betas_are_those_of_the_world():
    history = world(3)
    model = risk_model(history, replace(SETTINGS, beta_ridge=0.0))
    draw = np.random.default_rng(3)
    truth = draw.normal(0, 0.3, (N_NAMES, N_MACRO)) + [1.0, 0.0, 0.0]
    scale = np.sqrt(
        (decay(504, 252)[:, None] * history.macro[-504:] ** 2).sum(0) / decay(504, 252).sum()
    )
    error = model.exposures[:, :N_MACRO] / scale - truth * [1.0, 0.2, 1.0]
    assert np.abs(error * scale).mean() < 0.0012, "about 2 % a day over root 500"


def test_a_sector_of_names_is_its_mean_and_variances_make_up_for_it():
    """Two names of a sector: each leaves half of itself in the mean; divided by 1 - 1/2, the
    variance is that of the name.
    """
    draw = np.random.default_rng(0)
    own = draw.normal(0, 0.02, (400, 2))
    history = History(
        own, np.array(["a", "a"]), np.full(2, np.nan), np.zeros(2, bool), (), np.zeros((400, 0))
    )
    still = replace(SETTINGS, specific_shrinkage=0.0, specific_floor_pct=0.0)
    model = risk_model(history, still)
    mean = own.mean(axis=1)
    weights = decay(400, 42)
    expected = weights @ (own[:, 0] - mean) ** 2 / weights.sum() * 2
    assert model.specific_variance[0] == pytest.approx(expected, rel=1e-9)
    assert model.factors == ("a",) and model.factor_returns[0] == pytest.approx(mean[-1])


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 10**6))
def test_skfolio_finds_the_same_exponential_covariance(seed):
    """With one half-life for volatilities and correlations it is the plain weighted one."""
    returns = np.random.default_rng(seed).standard_t(3, (80, 4)) / 50
    one = replace(SETTINGS, correlation_multiple=1.0)
    found = factor_covariance(returns, one)
    theirs = EWCovariance(half_life=42, assume_centered=True, nearest=False).fit(returns)
    assert found == pytest.approx(theirs.covariance_, abs=1e-9)


def test_newey_west_sees_what_goes_on_for_days():
    draw = np.random.default_rng(0)
    shocks = draw.normal(0, 0.01, 5000)
    moves = np.convolve(shocks, [1, 1], "valid")[:, None]
    slow = RiskSettings(half_life_days=504)
    plain = factor_covariance(moves, slow)[0, 0]
    seen = factor_covariance(moves, replace(slow, newey_west_lags=4))[0, 0]
    # Autocorrelation of one half at lag 1, Bartlett's weight 0.8: 1 + 2 x 0.8 x 0.5.
    assert seen / plain == pytest.approx(1.8, abs=0.15)


@settings(max_examples=20, deadline=None)
@given(
    arrays(float, (60, 5), elements=st.one_of(st.floats(-0.2, 0.2), st.just(np.nan))),
    st.integers(0, 4),
)
def test_any_covariance_is_one(series, lags):
    found = factor_covariance(series, replace(SETTINGS, newey_west_lags=lags))
    assert np.isfinite(found).all() and (found == found.T).all()
    assert np.linalg.eigvalsh(found).min() >= -1e-12


@settings(max_examples=10, deadline=None)
@given(st.integers(0, 10**6), st.randoms(use_true_random=False))
def test_permuted_names_have_permuted_risk(seed, random):
    history = world(seed, 200, 20)
    order = np.array(random.sample(range(20), 20))
    shuffled = replace(
        history,
        returns=history.returns[:, order],
        sector=history.sector[order],
        size_usd=history.size_usd[order],
    )
    one, other = risk_model(history, SETTINGS), risk_model(shuffled, SETTINGS)
    assert other.specific_variance == pytest.approx(one.specific_variance[order], rel=1e-9)
    assert other.exposures == pytest.approx(one.exposures[order], abs=1e-10)


def test_a_range_of_days_has_the_bits_of_single_days():
    history = world()
    for day in (560, 601, 700):
        of_range = risk_model(until(history, day), SETTINGS)
        start = day - SETTINGS.beta_days
        alone = replace(
            history,
            returns=history.returns[start:day].copy(),
            macro=history.macro[start:day].copy(),
        )
        of_day = risk_model(alone, SETTINGS)
        for name in ("exposures", "covariance", "specific_variance", "factor_returns"):
            assert getattr(of_range, name).tobytes() == getattr(of_day, name).tobytes(), name


# What is missing


def test_a_factor_without_data_is_left_out_and_named():
    history = world()
    macro = history.macro.copy()
    macro[:, 1] = np.nan
    model = risk_model(replace(history, macro=macro), SETTINGS)
    assert model.missing == ("rates",) and model.factors[:2] == ("market", "oil")
    assert np.isfinite(model.covariance).all() and np.isfinite(model.exposures).all()


def test_a_change_not_known_yet_leaves_the_day_out_of_the_betas_alone():
    history = world()
    macro = history.macro.copy()
    macro[-1, 1] = np.nan
    model = risk_model(replace(history, macro=macro), SETTINGS)
    assert model.missing == () and np.isnan(model.factor_returns[1])
    assert np.isfinite(model.factor_returns[[0, 2]]).all()


def test_a_new_name_has_the_median_of_its_sector_and_size():
    history = world()
    returns = history.returns.copy()
    returns[:-10, 0] = np.nan
    size = np.where(history.sector == "sector 0", 1e9, 1e10)
    model = risk_model(replace(history, returns=returns, size_usd=size), SETTINGS)
    alike = (history.sector == "sector 0") & (np.arange(N_NAMES) != 0)
    assert not model.has_own[0] and model.has_own[1:].all() and model.n_returns[0] == 10
    assert model.exposures[0, :3] == pytest.approx(np.median(model.exposures[alike, :3], axis=0))
    assert model.specific_variance[0] > 0


def test_an_etf_has_exposures_and_makes_no_sector():
    history = world()
    etf = np.zeros(N_NAMES, bool)
    etf[0] = True
    wild = history.returns.copy()
    wild[:, 0] += np.random.default_rng(5).normal(0, 0.2, N_DAYS)
    one, other = (
        risk_model(replace(history, returns=r, is_hedge=etf), SETTINGS)
        for r in (history.returns, wild)
    )
    assert one.factor_returns.tobytes() == other.factor_returns.tobytes()
    assert other.specific_variance[0] > one.specific_variance[0]


def test_a_print_that_is_a_split_nobody_told_of_is_not_the_risk_of_a_year():
    history = world()
    returns = history.returns.copy()
    returns[-5, 0] = 9.0
    one, other = (
        risk_model(replace(history, returns=r), SETTINGS) for r in (history.returns, returns)
    )
    assert other.variance[0] < 3 * one.variance[0]


@pytest.mark.parametrize("n_names", [0, 1, 2])
@pytest.mark.parametrize("n_days", [0, 1, 30])
def test_few_names_and_days_have_a_risk(n_names, n_days):
    history = world(0, max(n_days, 1), max(n_names, 1))
    small = replace(
        history,
        returns=history.returns[:n_days, :n_names],
        macro=history.macro[:n_days],
        sector=history.sector[:n_names],
        size_usd=history.size_usd[:n_names],
        is_hedge=history.is_hedge[:n_names],
    )
    model = risk_model(small, SETTINGS)
    assert model.specific_variance.shape == (n_names,)
    assert (model.variance > 0).all() and np.isfinite(model.covariance).all()
    assert model.of_book(np.ones(n_names)) >= 0


def test_absurd_returns_are_none():
    history = world(0, 200, 20)
    returns = history.returns.copy()
    returns[50, 3], returns[60, 4] = np.inf, -np.inf
    returns[:, 5] = 0.0
    model = risk_model(replace(history, returns=returns), SETTINGS)
    assert np.isfinite(model.variance).all() and (model.specific_variance > 0).all()
