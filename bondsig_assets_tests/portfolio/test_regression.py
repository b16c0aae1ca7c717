"""Alpha beyond factors against figures of statsmodels, by hand, and in worlds that are known.

Belongs here: `portfolio/regression.py`. Not here: `newey_west` of a mean (`learning/`).
"""

from __future__ import annotations

import numpy as np
import pytest

from bondsig_assets.learning.statistics import newey_west
from bondsig_assets.portfolio.regression import factor_alpha, newey_west_regression


def sample() -> tuple[np.ndarray, np.ndarray]:
    """Forty days of a book and two factors, rounded so that every machine has the same."""
    rng = np.random.default_rng(11)
    factors = np.round(rng.standard_normal((40, 2)) * 0.01, 5)
    left = rng.standard_normal(40) * 0.004
    for t in range(1, 40):
        left[t] += 0.4 * left[t - 1]
    return np.round(0.0007 + factors @ [0.5, -0.2] + left, 5), factors


def test_figures_are_those_of_statsmodels():
    """statsmodels 0.15.0: OLS(y, add_constant(f)).fit(cov_type="HAC", maxlags=6,
    use_correction=True).
    """
    y, factors = sample()
    found = factor_alpha(y, factors, ["one", "two"])
    assert found is not None and (found.n_days, found.lags) == (40, 6)
    assert found.annual == pytest.approx(252 * 0.001172994078815986, rel=1e-9)
    assert found.error == pytest.approx(252 * 0.0007253678994024094, rel=1e-9)
    assert found.t_statistic == pytest.approx(1.6171022729050335, rel=1e-9)
    assert found.betas["one"] == pytest.approx((0.4964654387564841, 8.66834476211258), rel=1e-9)
    assert found.betas["two"] == pytest.approx((-0.29630477726723636, -2.6562205643045824))
    assert found.r_squared == pytest.approx(0.5810785211156846, rel=1e-9)
    assert found.smallest_detectable == pytest.approx(2.8 * found.error, rel=1e-12)


def test_without_factors_it_is_the_mean_with_its_newey_west_error():
    y, _ = sample()
    found = factor_alpha(y, np.zeros((40, 0)), [])
    mean, error = newey_west(y, 6)
    assert found is not None
    assert found.annual == pytest.approx(252 * mean, rel=1e-12)
    assert found.error == pytest.approx(252 * error * (40 / 39) ** 0.5, rel=1e-12)


def test_a_line_by_hand():
    """y = 1, 2, 4 on x = 0, 1, 2: slope 1.5, constant 5/6, residuals 1/6, -1/3, 1/6."""
    design = np.column_stack([np.ones(3), [0.0, 1.0, 2.0]])
    coefficients, errors, residual = newey_west_regression(np.array([1.0, 2.0, 4.0]), design, 0)
    assert coefficients == pytest.approx([5 / 6, 1.5])
    assert residual == pytest.approx([1 / 6, -1 / 3, 1 / 6])
    # White's slope variance: Σ (x - 1)² e² / (Σ (x - 1)²)² = (2/36)/4, times 3/(3 - 2).
    assert errors[1] == pytest.approx((3 / 72) ** 0.5)


def test_a_book_of_the_market_has_no_alpha_and_a_smallest_one_that_could_be_seen():
    """Of 400 worlds without alpha about one in twenty is called significant, and of those with the
    smallest detectable one about four in five are.
    """
    false, true = 0, 0
    for seed in range(400):
        rng = np.random.default_rng(seed)
        market = 0.01 * rng.standard_normal(750)
        y = 0.8 * market + 0.004 * rng.standard_normal(750)
        found = factor_alpha(y, market[:, None], ["market"])
        assert found is not None and found.t_statistic is not None
        false += abs(found.t_statistic) > 1.96
        size = 2.8 * 0.004 / 750**0.5
        planted = factor_alpha(y + size, market[:, None], ["market"])
        assert planted is not None and planted.t_statistic is not None
        true += planted.t_statistic > 1.96
        assert planted.smallest_detectable == pytest.approx(252 * size, rel=0.25)
    assert 0.03 <= false / 400 <= 0.09
    assert 0.74 <= true / 400 <= 0.88


def test_what_says_nothing_or_the_same_twice_is_left_out_by_name():
    y, factors = sample()
    idle = np.full(40, 0.01)
    unknown = np.where(np.arange(40) < 30, np.nan, 1.0)
    both = factors.sum(axis=1)
    wide = np.column_stack([idle, factors, both, unknown])
    found = factor_alpha(y, wide, ["idle", "one", "two", "both", "unknown"])
    alone = factor_alpha(y, factors, ["one", "two"])
    assert found is not None and alone is not None
    assert found.left_out_factors == ("idle", "both", "unknown")
    assert found.annual == pytest.approx(alone.annual, rel=1e-9)
    assert found.betas.keys() == {"one", "two"} and found.n_left_out_days == 0


def test_days_with_a_hole_are_counted():
    y, factors = sample()
    y, factors = y.copy(), factors.copy()
    y[3] = np.nan
    factors[7, 1] = np.inf
    found = factor_alpha(y, factors, ["one", "two"])
    keep = [k for k in range(40) if k not in (3, 7)]
    clean = factor_alpha(y[keep], factors[keep], ["one", "two"])
    assert found is not None and clean is not None
    assert (found.n_left_out_days, clean.n_left_out_days) == (2, 0)
    assert found.annual == pytest.approx(clean.annual, rel=1e-12)


def test_too_few_days_say_nothing():
    y, factors = sample()
    assert factor_alpha(y[:10], factors[:10], ["one", "two"]) is None
    assert factor_alpha(y[:11], factors[:11], ["one", "two"]) is not None
    assert factor_alpha(np.array([]), np.zeros((0, 2)), ["one", "two"]) is None
