"""The empirical-Bayes ridge: its weights are those of the likeliest prior variances, noise gets
nothing, and trees on what it leaves add up.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy.optimize import minimize

from bondsig_assets.learning.inputs import ALL_INPUTS, IN_UNITS
from bondsig_assets.learning.models.bayes_ridge import (
    BayesRidgeModel,
    BayesRidgeSettings,
    ResidualTreesModel,
    ResidualTreesSettings,
    block_of,
)
from bondsig_assets.learning.models.interface import Sample
from bondsig_assets.learning.models.linear_kernel import posterior_of
from bondsig_assets.learning.models.trees import RISING, XGBoostModel, XGBoostSettings

NAMES = ("credit_news_0", "credit_news_1", "stock_return_0", "oas_1d_change_bps", "spread_bps")


def fitted(sample: Sample) -> BayesRidgeModel:
    """The model of the sample."""
    return BayesRidgeModel(BayesRidgeSettings(effective_share=1.0)).fit(sample)


def planted(n: int = 4000, seed: int = 0, strength: float = 0.3) -> Sample:
    """Five inputs of which the two of one block matter."""
    rng = np.random.default_rng(seed)
    x = rng.standard_normal((n, len(NAMES)))
    y = strength * x[:, 0] + 0.5 * strength * x[:, 1] + rng.standard_normal(n)
    return Sample(x, y, rng.uniform(0.5, 1.5, n), NAMES, n / 5)


def test_every_input_has_a_block():
    blocks = {name: block_of(name) for name in ALL_INPUTS}
    assert set(blocks.values()) == {
        "reaction",
        "news",
        "probability",
        "quiet",
        "unanswered",
        "stock",
        "credit",
        "equity",
    }
    assert [name for name in ALL_INPUTS if blocks[name] == "news"] == [
        f"credit_news_{k}" for k in range(6)
    ]
    assert {blocks[name] for name in IN_UNITS}.isdisjoint({"credit", "equity", "all"})


def test_the_posterior_is_numpys():
    rng = np.random.default_rng(1)
    root = rng.standard_normal((30, 12))
    precision, product = root.T @ root + np.eye(12), rng.standard_normal(12)
    mean, variance = posterior_of(precision, product)
    np.testing.assert_allclose(mean, np.linalg.solve(precision, product), rtol=1e-10)
    np.testing.assert_allclose(variance, np.diag(np.linalg.inv(precision)), rtol=1e-10)


def test_prior_variances_are_those_that_make_the_labels_likeliest():
    sample = planted()
    model = fitted(sample)
    share = sample.weight / sample.weight.sum()
    rows = sample.effective_rows
    x, y = np.sqrt(rows * share)[:, None] * sample.features, np.sqrt(rows * share) * sample.label
    gram, product, total = x.T @ x, x.T @ y, y @ y
    block = np.array([0, 0, 1, 2, 2])

    def loss(theta: np.ndarray) -> float:
        noise, prior = np.exp(theta[0]), np.exp(theta[1:])[block]
        precision = gram / noise + np.diag(1 / prior)
        mean = np.linalg.solve(precision, product / noise)
        fit = total / noise - product @ mean / noise
        logs = np.linalg.slogdet(precision)[1] + np.log(prior).sum() + rows * np.log(noise)
        return 0.5 * (fit + logs)

    best = minimize(
        loss, np.log([1.0, 0.05, 1e-4, 1e-4]), method="Nelder-Mead", options={"maxiter": 6000}
    ).x
    assert model.noise == pytest.approx(np.exp(best[0]), rel=0.01)
    assert model.prior_variances["news"] == pytest.approx(np.exp(best[1]), rel=0.05)
    noise, prior = model.noise, np.maximum(np.exp(best[1:])[block], 1e-12)
    by_hand = np.linalg.solve(gram / noise + np.diag(1 / prior), product / noise)
    np.testing.assert_allclose(model.weights, by_hand, atol=2e-3)


def test_noise_gets_nothing_and_takes_nothing_from_what_is_there():
    rng = np.random.default_rng(2)
    n = 20_000
    x = rng.standard_normal((n, len(ALL_INPUTS)))
    y = 0.2 * x[:, ALL_INPUTS.index("credit_news_0")] + rng.standard_normal(n)
    model = fitted(Sample(x, y, np.ones(n), ALL_INPUTS, n / 5))
    assert model.weights[ALL_INPUTS.index("credit_news_0")] == pytest.approx(0.2, abs=0.03)
    old = [k for k, name in enumerate(ALL_INPUTS) if block_of(name) in ("credit", "equity")]
    assert np.abs(model.weights[old]).max() < 0.02
    nothing = fitted(Sample(x, rng.standard_normal(n), np.ones(n), ALL_INPUTS, n / 5))
    assert np.std(nothing.predict(x)) < 0.03


def test_fewer_effective_rows_believe_less():
    sample = planted(n=500, strength=0.15)
    sizes = [
        np.abs(fitted(replace(sample, effective_rows=rows)).weights).sum()
        for rows in (25.0, 100.0, 500.0)
    ]
    assert sizes[0] < sizes[1] < sizes[2]


def test_trees_on_the_residual_find_what_is_not_linear():
    rng = np.random.default_rng(3)
    n = 6000
    x = rng.standard_normal((n, len(NAMES)))
    y = 0.5 * x[:, 0] + 0.8 * (np.abs(x[:, 2]) > 1) - 0.25 + 0.5 * rng.standard_normal(n)
    sample = Sample(x, y, np.ones(n), NAMES)
    settings = ResidualTreesSettings(min_child_weight=20.0, l2_penalty=1.0, learning_rate=0.1)
    both = ResidualTreesModel(settings).fit(sample)
    ridge = BayesRidgeModel(BayesRidgeSettings()).fit(sample)
    unseen = rng.standard_normal((2000, len(NAMES)))
    truth = 0.5 * unseen[:, 0] + 0.8 * (np.abs(unseen[:, 2]) > 1) - 0.25
    losses = [np.mean((model.predict(unseen) - truth) ** 2) for model in (both, ridge)]
    assert losses[0] < 0.3 * losses[1]
    np.testing.assert_allclose(
        both.contributions(unseen)[:, :-1] - both.trees.contributions(unseen)[:, :-1],
        unseen * ridge.weights,
        rtol=1e-12,
        atol=1e-12,
    )


def test_good_news_never_lowers_a_tree():
    rng = np.random.default_rng(4)
    n = 3000
    x = rng.standard_normal((n, 2))
    y = -x[:, 0] + 0.5 * x[:, 1] + 0.3 * rng.standard_normal(n)
    assert {"credit_news_0", "expected_reaction"} <= RISING
    settings = XGBoostSettings(n_trees=40, learning_rate=0.2, min_child_weight=5.0)
    free = XGBoostModel(settings).fit(Sample(x, y, np.ones(n), ("a", "b")))
    held = XGBoostModel(settings).fit(Sample(x, y, np.ones(n), ("credit_news_0", "b")))
    line = np.column_stack([np.linspace(-2, 2, 50), np.zeros(50)])
    assert np.ptp(free.predict(line)) > 1 and (np.diff(held.predict(line)) >= -1e-9).all()
