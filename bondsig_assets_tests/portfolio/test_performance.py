"""Performance figures against series made by hand, closed forms and what is known of noise.

Belongs here: `portfolio/performance.py`. Not here: figures of a whole book of fills
(`test_figures.py`).
"""

from __future__ import annotations

from datetime import date

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import kurtosis, skew

from bondsig_assets.calendar import trading_days
from bondsig_assets.learning.overfitting import deflated_sharpe
from bondsig_assets.learning.statistics import newey_west
from bondsig_assets.portfolio.performance import (
    cagr,
    deflated_probability,
    lo_factor,
    mean_of,
    monthly_returns,
    rolling_sharpe,
    sharpe_ratio,
    sortino_ratio,
    tapered_autocorrelations,
    underwater,
    volatility,
    wealth,
    worst_drawdown,
)

DAYS = trading_days(date(2010, 1, 4), date(2013, 12, 31))
ROOT = 252**0.5


def noise(n: int, seed: int = 0, rho: float = 0.0, mean: float = 0.0) -> np.ndarray:
    """Daily returns of 1 % that follow one another with `rho`."""
    shocks = np.random.default_rng(seed).standard_normal(n)
    found = np.zeros(n)
    for t in range(n):
        found[t] = shocks[t] + (rho * found[t - 1] if t else 0.0)
    return 0.01 * found + mean


# ------------------------------------------------------------------------------------------------
#   Sharpe


def test_a_sharpe_ratio_by_hand():
    """Mean 1 %, deviation (n - 1) of 1, 2, 0, 1 % = root of 2/3 %."""
    found = sharpe_ratio(np.array([0.01, 0.02, 0.0, 0.01]))
    assert found is not None
    ratio = 1 / (2 / 3) ** 0.5
    assert found.per_day == pytest.approx(ratio, rel=1e-12)
    assert found.annual == pytest.approx(ratio * ROOT, rel=1e-12)
    assert found.iid_error == pytest.approx(((1 + ratio**2 / 2) / 4) ** 0.5 * ROOT, rel=1e-12)
    # Symmetric; the fourth moment of -1, 1, 0, 0 is 2: (1 + (2 - 1)/4 S²)/4.
    assert found.mertens_error == pytest.approx(((1 + ratio**2 / 4) / 4) ** 0.5 * ROOT, rel=1e-12)


def test_days_without_change_count():
    """Half the days idle: mean and variance halve, so the ratio falls by root two."""
    busy = np.array([0.01, -0.005] * 50)
    idle = np.concatenate([busy, np.zeros(100)])
    with_idle, without = sharpe_ratio(idle), sharpe_ratio(busy)
    assert with_idle is not None and without is not None
    assert with_idle.n_days == 200
    second = (busy**2).mean()
    wanted = busy.mean() / 2 / (second / 2 - (busy.mean() / 2) ** 2) ** 0.5
    assert with_idle.per_day == pytest.approx(wanted, rel=3e-3)
    assert with_idle.per_day < 0.75 * without.per_day


@pytest.mark.parametrize("returns", [[], [0.01], [0.0] * 300, [0.1] * 300, [0.01, 0.02, 0.03]])
def test_what_never_moves_or_is_too_short_has_no_sharpe(returns):
    assert sharpe_ratio(np.array(returns, dtype=float)) is None


def test_mertens_error_with_skew_and_fat_tails_written_out():
    returns = np.random.default_rng(3).standard_t(4, 600) * 0.01 + np.where(
        np.random.default_rng(4).random(600) < 0.02, -0.05, 0.002
    )
    found = sharpe_ratio(returns)
    assert found is not None and found.mertens_error is not None
    s, g3, g4 = found.per_day, float(skew(returns)), float(kurtosis(returns)) + 3
    wanted = ((1 - g3 * s + (g4 - 1) / 4 * s**2) / 600) ** 0.5 * ROOT
    assert found.mertens_error == pytest.approx(wanted, rel=1e-10)
    assert found.mertens_error != pytest.approx(found.iid_error, rel=1e-3)


def test_without_autocorrelation_the_error_by_gmm_is_mertens():
    """The influence function's own variance is Mertens' whatever the sample."""
    returns = np.random.default_rng(5).exponential(0.01, 500) - 0.008
    found = sharpe_ratio(returns)
    assert found is not None and found.mertens_error is not None
    z = (returns - returns.mean()) / returns.std()
    moved = z - found.per_day / 2 * (z**2 - 1)
    assert found.mertens_error == pytest.approx(newey_west(moved, 0)[1] * ROOT, rel=1e-9)
    assert found.hac_error == pytest.approx(newey_west(moved, found.lags)[1] * ROOT, rel=1e-12)


def test_the_errors_are_those_of_many_worlds():
    """Spread of the Sharpe ratio over 400 worlds of days that know nothing of each other, and of
    days that follow one another, where the plain error is too small.
    """
    for rho, plain_holds in ((0.0, True), (0.35, False)):
        found = [sharpe_ratio(noise(750, seed, rho)) for seed in range(400)]
        spread = np.std([one.annual for one in found if one])
        iid = np.mean([one.iid_error for one in found if one])
        hac = np.mean([one.hac_error for one in found if one and one.hac_error])
        assert hac == pytest.approx(spread, rel=0.13)
        assert bool(abs(iid / spread - 1) < 0.1) is plain_holds


# ------------------------------------------------------------------------------------------------
#   Lo's factor


@given(st.floats(-0.8, 0.9), st.integers(2, 252))
def test_los_factor_of_an_autoregression_is_his_closed_form(rho, q):
    """Lo (2002): √q (1 + 2ρ/(1 - ρ) (1 - (1 - ρ^q)/(q (1 - ρ))))^(-1/2)."""
    inside = 1 + 2 * rho / (1 - rho) * (1 - (1 - rho**q) / (q * (1 - rho)))
    found = lo_factor(rho ** np.arange(1, q + 50), q)
    assert found is not None
    assert found == pytest.approx((q / inside) ** 0.5, rel=1e-9)


def test_los_factor_by_hand():
    """Two days, ρ = 0.5: 2/√(2 + 2·0.5); none is √q; what turns back all at once has none."""
    assert lo_factor(np.array([0.5]), 2) == pytest.approx(2 / 3**0.5)
    assert lo_factor(np.array([]), 252) == pytest.approx(ROOT)
    assert lo_factor(np.array([-1.0]), 2) is None


@given(st.lists(st.floats(-1, 1), min_size=10, max_size=60), st.integers(1, 30))
def test_tapered_autocorrelations_always_leave_a_root(values, lags):
    series = np.array(values)
    if np.ptp(series) < 1e-6:
        return
    assert lo_factor(tapered_autocorrelations(series, lags), 252) is not None


def test_a_smoothed_series_has_less_than_root_252():
    """The trap: √252 under autocorrelation. Smoothing doubles no skill."""
    raw = noise(2000, 7, mean=0.0006)
    smooth = np.convolve(raw, np.ones(5) / 5, mode="valid")
    plain, smoothed = sharpe_ratio(raw), sharpe_ratio(smooth)
    assert plain is not None and smoothed is not None
    assert smoothed.annual > 1.9 * plain.annual
    assert smoothed.annual_lo is not None and plain.annual_lo is not None
    assert smoothed.annual_lo < 1.45 * plain.annual_lo


# ------------------------------------------------------------------------------------------------
#   mean, deflated, Sortino, volatility


def test_the_mean_has_a_newey_west_error():
    returns = noise(400, 8, 0.3)
    found = mean_of(returns)
    mean, error = newey_west(returns, 6)
    assert found is not None and (found.value, found.error) == (mean, error)
    assert found.t_statistic == pytest.approx(mean / error)
    assert mean_of(np.array([])) is None
    assert mean_of(np.array([0.1, 0.2])) is not None
    assert mean_of(np.array([0.1, 0.2])).error is None  # type: ignore[union-attr]
    assert mean_of(np.zeros(100)).t_statistic is None  # type: ignore[union-attr]


def test_the_mean_of_noise_that_overlaps_is_significant_as_seldom_as_promised():
    """Sums of five days, as tranches hold: a plain t calls far more of them significant."""
    hits, plain = 0, 0
    for seed in range(300):
        values = np.convolve(noise(604, seed), np.ones(5), mode="valid")
        found = mean_of(values)
        assert found is not None and found.t_statistic is not None
        hits += abs(found.t_statistic) > 1.96
        plain += abs(values.mean() / (values.std(ddof=1) / 600**0.5)) > 1.96
    assert hits / 300 < 0.14
    assert plain / 300 > 0.3


def test_deflation_takes_annual_trials_to_days():
    returns = noise(500, 9, mean=0.001)
    trials = np.array([0.5, 1.0, 1.8, -0.2])
    found = deflated_probability(returns, trials, 40)
    assert found == deflated_sharpe(returns, trials / ROOT, 40)
    alone = deflated_probability(returns, trials, 1)
    assert found is not None and alone is not None and found < alone


def test_sortino_counts_all_days():
    """One loss of 2 % in four days: root of 0.0004/4 = 1 %, mean 0.25 %. Over losing days only the
    deviation would be 2 %.
    """
    returns = np.array([0.01, -0.02, 0.02, 0.0])
    assert sortino_ratio(returns) == pytest.approx(0.25 * ROOT, rel=1e-12)
    assert sortino_ratio(np.array([0.01, 0.0])) is None
    assert sortino_ratio(np.array([])) is None


def test_volatility_by_hand():
    assert volatility(np.array([0.01, 0.03])) == pytest.approx(0.01 * 2**0.5 * ROOT)
    assert volatility(np.array([0.01])) is None


# ------------------------------------------------------------------------------------------------
#   drawdown, growth, months


def test_a_loss_on_the_first_day_is_a_drawdown():
    """The trap: the first point as first peak hides what the first day lost."""
    returns = np.array([-0.10, 0.05, -0.05, 0.20])
    found = worst_drawdown(DAYS[:4], returns)
    assert underwater(returns)[:3] == pytest.approx([-0.1, -0.055, 0.9 * 1.05 * 0.95 - 1])
    assert found.depth == pytest.approx(0.9 * 1.05 * 0.95 - 1)
    assert (found.peak_date, found.bottom_date) == (date(2009, 12, 31), DAYS[2])
    assert (found.recovered_date, found.longest_days) == (DAYS[3], 3)


def test_a_drawdown_by_hand_that_is_not_over():
    """1.10, 1.21, 0.968, 1.0648: from 1.21 by a fifth."""
    found = worst_drawdown(DAYS[:4], np.array([0.1, 0.1, -0.2, 0.1]))
    assert found.depth == pytest.approx(-0.2)
    assert (found.peak_date, found.bottom_date) == (DAYS[1], DAYS[2])
    assert (found.recovered_date, found.longest_days) == (None, 2)
    nothing = worst_drawdown(DAYS[:2], np.array([0.1, 0.0]))
    assert (nothing.depth, nothing.bottom_date, nothing.longest_days) == (0.0, None, 0)


def test_who_has_lost_all_stays_there():
    returns = np.array([0.1, -1.5, 0.5, -3.0])
    assert wealth(returns) == pytest.approx([1.1, -0.55, -0.55, -0.55])
    assert worst_drawdown(DAYS[:4], returns).depth == pytest.approx(-1.5)
    assert cagr(DAYS[:300], np.array([-1.0] + [0.5] * 299)) == -1.0


@given(st.lists(st.floats(-0.2, 0.2), min_size=1, max_size=50))
def test_drawdowns_of_any_series(values):
    """Against all pairs of days, the evening before the first included."""
    returns = np.array(values)
    level = np.concatenate([[1.0], np.cumprod(1 + returns)])
    worst = min(level[j] / level[i] - 1 for i in range(len(level)) for j in range(i, len(level)))
    found = worst_drawdown(DAYS[: len(values)], returns)
    assert found.depth == pytest.approx(min(worst, 0.0), abs=1e-12)
    assert (underwater(returns) <= 0).all() and 0 <= found.longest_days <= len(values)


def test_cagr_goes_by_the_calendar():
    """The trap: 252 or 365 days, or calendar days over 252. Doubling from the evening of 2009-12-31
    to that of 2013-12-31: four years, 1,461 days, of 365.25 each.
    """
    returns = np.zeros(len(DAYS))
    returns[10] = 1.0
    assert cagr(DAYS, returns) == pytest.approx(2**0.25 - 1, rel=1e-12)
    assert cagr(DAYS[:200], returns[:200]) is None
    assert cagr([], np.array([])) is None


def test_the_first_day_counts_in_growth_and_months():
    returns = np.zeros(len(DAYS))
    returns[0] = 0.5
    assert cagr(DAYS, returns) == pytest.approx(1.5**0.25 - 1, rel=1e-12)
    first = monthly_returns(DAYS, returns).row(0, named=True)
    assert (first["year"], first["month"], first["n_days"]) == (2010, 1, 19)
    assert first["return"] == pytest.approx(0.5)


def test_months_compound_to_years_and_years_to_the_whole():
    returns = noise(len(DAYS), 12)
    table = monthly_returns(DAYS, returns)
    assert table.height == 48 + 4 and table["n_days"].sum() == 2 * len(DAYS)
    for year in range(2010, 2014):
        rows = table.filter(year=year)
        months = rows.filter(rows["month"].is_not_null())["return"]
        whole = rows.filter(rows["month"].is_null())["return"].item()
        assert len(months) == 12
        assert float(np.prod(1 + months.to_numpy())) - 1 == pytest.approx(whole, rel=1e-9)
    years = table.filter(table["month"].is_null())["return"].to_numpy()
    assert float(np.prod(1 + years)) == pytest.approx(float(wealth(returns)[-1]), rel=1e-9)


def test_rolling_sharpe_is_that_of_each_window():
    returns = noise(40, 13)
    found = rolling_sharpe(returns, 20)
    assert np.isnan(found[:19]).all()
    for t in (19, 30, 39):
        window = returns[t - 19 : t + 1]
        assert found[t] == pytest.approx(window.mean() / window.std(ddof=1) * ROOT, rel=1e-10)
    assert np.isnan(rolling_sharpe(returns, 41)).all()
    assert np.isnan(rolling_sharpe(np.zeros(30), 20)).all()
