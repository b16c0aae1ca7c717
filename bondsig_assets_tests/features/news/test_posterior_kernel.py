"""News under a sparse prior, against enumeration in plain matrices, and what a stock still owes."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bondsig_assets.features.news import posterior_kernel as pk
from bondsig_assets.features.news.filter_kernel import AGES
from bondsig_assets.features.news.parameters import PRIOR, NewsParameters

OF_GRADE = NewsParameters().of_grade
Q, P, J = PRIOR[0].quiet_variance, PRIOR[0].news_chance, PRIOR[0].news_variance


def moments(seed: int, noise: float) -> tuple[np.ndarray, np.ndarray]:
    """What a filter would say of six moves with normal prior Q + pJ, each measured with `noise` and
    all together in some mixture.
    """
    rng = np.random.default_rng(seed)
    design = np.eye(AGES) + 0.3 * rng.normal(size=(AGES, AGES))
    truth = rng.normal(0, np.sqrt(Q), AGES) + (rng.random(AGES) < 0.2) * rng.normal(
        0, np.sqrt(J), AGES
    )
    seen = design @ truth + rng.normal(0, noise, AGES)
    cov = np.linalg.inv(np.eye(AGES) / (Q + P * J) + design.T @ design / noise**2)
    return cov @ design.T @ seen / noise**2, (cov + cov.T) / 2


def enumerated(mean: np.ndarray, cov: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """News, quiet part and probability by density of every pattern, as the formulas are written."""
    precision = np.linalg.inv(cov) - np.eye(AGES) / (Q + P * J)
    eta = np.linalg.inv(cov) @ mean
    weights, news, everything, jumped = [], [], [], []
    for n in range(pk.MOST_NEWS + 1):
        for on in combinations(range(AGES), n):
            s = np.zeros(AGES)
            s[list(on)] = 1
            prior = np.diag(Q + J * s)
            a = precision + np.linalg.inv(prior)
            best = np.linalg.solve(a, eta)
            weights.append(
                0.5 * eta @ best
                - 0.5 * np.linalg.slogdet(a)[1]
                - 0.5 * np.linalg.slogdet(prior)[1]
                + n * np.log(P)
                + (AGES - n) * np.log(1 - P)
            )
            news.append(s * J / (Q + J) * best)
            everything.append(best)
            jumped.append(s)
    w = np.exp(np.array(weights) - max(weights))
    w /= w.sum()
    found = w @ np.array(news)
    return found, w @ np.array(everything) - found, w @ np.array(jumped)


def news_of(mean: np.ndarray, cov: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    out = np.zeros(AGES), np.zeros(AGES), np.zeros(AGES)
    pk.news_of(mean, cov, np.zeros(AGES, dtype=np.int64), OF_GRADE, *out)
    return out


@given(st.integers(0, 10**6), st.sampled_from([0.002, 0.01, 0.05, 0.2]))
@settings(deadline=None, max_examples=60)
def test_news_is_what_enumeration_finds(seed, noise):
    mean, cov = moments(seed, noise)
    for mine, theirs in zip(news_of(mean, cov), enumerated(mean, cov), strict=True):
        assert mine == pytest.approx(theirs, rel=1e-7, abs=1e-10)


def test_who_saw_nothing_has_the_prior_and_no_news():
    news, quiet, probability = news_of(np.zeros(AGES), np.eye(AGES) * (Q + P * J))
    # The chance of a jump where windows hold at most three of them.
    assert probability == pytest.approx(np.full(AGES, P), rel=1e-3)
    assert not news.any() and not quiet.any()


def test_a_covariance_that_is_none_says_nothing():
    for cov in (np.zeros((AGES, AGES)), np.full((AGES, AGES), np.nan)):
        news, quiet, _ = news_of(np.ones(AGES), cov)
        assert not news.any() and not quiet.any()


def test_a_large_move_is_news_and_a_small_one_is_not():
    cov = np.eye(AGES) * 1e-5
    mean = np.zeros(AGES)
    mean[2], mean[4] = 0.12, 0.008
    news, quiet, probability = news_of(mean, cov)
    assert probability[2] > 0.999 and news[2] > 0.1
    assert probability[4] < 0.2 and quiet[4] > news[4]


#: Share of news that a stock gives back 1 … 10 days later.
PROFILE = np.array([0.2, 0.1, 0.05, 0, 0, 0, 0, 0, 0, 0])
NOTHING = np.full(AGES, np.nan)


def test_what_a_label_can_earn_is_days_two_to_six():
    news, sure = np.zeros(AGES), np.ones(AGES)
    news[0] = 2.0
    gradual, lumpy = pk.expected_reaction(news, sure, NOTHING, PROFILE)
    assert gradual == lumpy == pytest.approx(2.0 * (0.1 + 0.05))
    news = np.zeros(AGES)
    news[1] = 2.0
    assert pk.expected_reaction(news, sure, NOTHING, PROFILE)[0] == pytest.approx(2.0 * 0.05)
    news = np.zeros(AGES)
    news[2] = 2.0
    assert pk.expected_reaction(news, sure, NOTHING, PROFILE)[0] == 0.0


def test_a_stock_that_has_answered_owes_less_and_one_that_has_not_owes_more():
    news, sure, still, moved = (np.zeros(AGES), np.ones(AGES), np.zeros(AGES), np.zeros(AGES))
    news[1] = 10.0
    moved[0] = 3.5
    gradual, quiet = pk.expected_reaction(news, sure, still, PROFILE)
    answered = pk.expected_reaction(news, sure, moved, PROFILE)[1]
    assert answered < 0.2 * gradual < gradual < quiet


def test_where_no_answer_is_believed_none_is_expected():
    news = np.full(AGES, 5.0)
    assert pk.expected_reaction(news, np.ones(AGES), NOTHING, np.zeros(10)) == (0.0, 0.0)
