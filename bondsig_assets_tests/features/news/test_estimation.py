"""Parameters come back from what was drawn with them, and stay the prior's where nothing speaks."""

from __future__ import annotations

import numpy as np
import pytest

from bondsig_assets.features.news import estimation as es
from bondsig_assets.features.news.parameters import NewsParameters
from bondsig_assets_tests.features.news.markets import market

PRIOR = (1e-4, 0.025, 0.0025)


def test_a_mixture_comes_back():
    rng = np.random.default_rng(1)
    n, q, p, j = 60_000, 6e-5, 0.05, 0.008
    variances = rng.choice([2e-5, 2e-4], n)
    moves = rng.normal(0, np.sqrt(q + (rng.random(n) < p) * j + variances))
    found = es.mixture(moves, variances, PRIOR)
    assert found == pytest.approx((q, p, j), rel=0.1)


def test_without_moves_the_prior_stands():
    assert es.mixture(np.empty(0), np.empty(0), PRIOR) == pytest.approx(PRIOR)


def test_what_is_not_believed_is_nothing():
    slopes, errors = (
        np.array([0.2, 0.02, -0.3, 0.1, 0.0]),
        np.array([0.02, 0.02, 0.01, np.inf, 0.0]),
    )
    found = es._shrunk(slopes, errors)
    assert found[0] == pytest.approx(0.2 * (1 - 2 / 100))
    assert not found[1:].any()


def test_a_lag_into_the_future_stops_at_what_is_known():
    values = np.arange(6.0)[:, None]
    assert es._lag(values, 2)[:, 0].tolist()[2:] == [0, 1, 2, 3]
    ahead = es._lag(values, -2, 5)[:, 0]
    assert ahead[:3].tolist() == [2, 3, 4] and np.isnan(ahead[3:]).all()


def simulated(lead: float, n_days: int = 400, n_parents: int = 40, seed: int = 5):
    """Bonds that follow jumps of a level, and stocks that give back `lead` of each, in their own
    daily volatilities, two days later.
    """
    rng = np.random.default_rng(seed)
    jumps = (rng.random((n_days, n_parents)) < 0.04) * rng.normal(0, 0.08, (n_days, n_parents))
    own = rng.normal(0, 0.01, (n_days, n_parents))
    stock = rng.normal(0, 0.02, (n_days, n_parents))
    stock[2:] -= lead * jumps[:-2]
    level = np.cumsum(jumps + own - 0.5 * rng.normal(0, 1, own.shape) * 0, axis=0)
    level -= 0.4 * np.cumsum(stock, axis=0)
    parent_of = np.repeat(np.arange(n_parents), 3)
    oas = 100 * np.exp(level[:, parent_of] + rng.normal(0, 0.01, (n_days, parent_of.size)))
    return market(np.clip(oas, 5, 5000), parent_of, stock=stock, share=1.0)


@pytest.fixture(scope="module")
def led():
    return es.estimate(simulated(0.3), 380)


def test_size_and_chance_of_news_are_found(led):
    grade = led.grades[0]
    assert grade.news_chance == pytest.approx(0.04, rel=0.4)
    assert grade.news_variance == pytest.approx(0.08**2, rel=0.4)
    assert grade.quiet_variance == pytest.approx(0.01**2, rel=0.4)


def test_what_the_level_moves_for_its_stock_is_found(led):
    assert led.grades[0].stock_beta[0] == pytest.approx(-0.4, abs=0.06)
    # A move of the level is dated to within a day by prices that scatter.
    assert np.abs(led.grades[0].stock_beta[1:]).max() < 0.1


def test_the_stocks_answer_is_found_on_its_day(led):
    reaction = np.array(led.grades[0].reaction)
    # News is measured in logs over volatility, as the stock's return is.
    assert reaction[1] == pytest.approx(0.3, abs=0.08)
    assert np.delete(reaction, 1).max() < 0.06


def test_where_stocks_do_not_follow_no_answer_is_believed():
    found = es.estimate(simulated(0.0), 380).grades[0]
    assert sum(found.reaction) < 0.05


def test_nobody_of_a_grade_leaves_its_prior(led):
    prior = NewsParameters().grades[1]
    found = led.grades[1]
    assert found.news_chance == pytest.approx(prior.news_chance)
    assert found.quiet_variance == pytest.approx(prior.quiet_variance)
    assert not any(found.reaction)


def test_a_market_of_a_few_days_keeps_the_prior():
    assert es.estimate(simulated(0.3, n_days=30), 20) == NewsParameters()
