"""Models: same data same text, a row alone is the row in a batch, and contributions add up."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.linear_model import Ridge

from bondsig_assets.learning.models import RidgeModel, XGBoostModel, XGBoostSettings, load_model

SETTINGS = XGBoostSettings(n_trees=15, max_depth=3, min_child_weight=5.0, learning_rate=0.2, reg_lambda=1.0)


def data(n: int = 400, k: int = 6, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Features with holes, and a label of two of them."""
    rng = np.random.default_rng(seed)
    x = rng.standard_normal((n, k))
    y = x[:, 0] - 0.5 * x[:, 1] * x[:, 2] + 0.3 * rng.standard_normal(n) + 0.2
    x[rng.random(x.shape) < 0.1] = np.nan
    return x, y


MAKERS = {"ridge": lambda: RidgeModel(0.05), "xgboost": lambda: XGBoostModel(SETTINGS)}


@pytest.fixture(params=MAKERS)
def name(request) -> str:
    """A kind of model."""
    return request.param


@pytest.fixture
def fitted(name):
    """That model, fitted."""
    return MAKERS[name]().fit(*data())


def test_it_learns_something(fitted):
    x, y = data(seed=1)
    assert np.corrcoef(fitted.predict(x), y)[0, 1] > 0.6


def test_text_brings_back_the_same_bits(name, fitted):
    x, _ = data(seed=1)
    again = load_model(name, fitted.to_text())
    assert again.predict(x).tobytes() == fitted.predict(x).tobytes()
    assert again.contributions(x).tobytes() == fitted.contributions(x).tobytes()
    assert again.to_text() == fitted.to_text()


def test_a_row_does_not_depend_on_its_batch(fitted):
    x, _ = data(n=101, seed=2)
    whole = fitted.predict(x)
    alone = np.concatenate([fitted.predict(x[k : k + 1]) for k in range(len(x))])
    assert alone.tobytes() == whole.tobytes()
    assert fitted.predict(x[::-1])[::-1].tobytes() == whole.tobytes()
    parts = np.concatenate([fitted.contributions(x[k : k + 1]) for k in range(20)])
    assert parts.tobytes() == fitted.contributions(x)[:20].tobytes()


def test_contributions_add_up(fitted):
    x, _ = data(seed=3)
    parts = fitted.contributions(x)
    assert parts.shape == (len(x), x.shape[1] + 1)
    np.testing.assert_allclose(parts.sum(axis=1), fitted.predict(x), atol=2e-6)
    assert np.ptp(parts[:, -1]) == 0


def test_the_same_data_give_the_same_model(name, fitted):
    assert MAKERS[name]().fit(*data()).to_text() == fitted.to_text()
    assert MAKERS[name]().fit(*data(seed=9)).to_text() != fitted.to_text()


def test_ridge_is_sklearns():
    x, y = data()
    mine = RidgeModel(0.05).fit(x, y)
    theirs = Ridge(alpha=0.05 * len(y)).fit(np.nan_to_num(x), y)
    np.testing.assert_allclose(mine.weights, theirs.coef_, rtol=1e-10)
    np.testing.assert_allclose(mine.predict(x), theirs.predict(np.nan_to_num(x)), rtol=1e-9, atol=1e-12)


def test_ridge_takes_a_missing_feature_as_the_median():
    x, y = data()
    model = RidgeModel(0.05).fit(x, y)
    assert model.predict(np.full((1, 6), np.nan)).tobytes() == model.predict(np.zeros((1, 6))).tobytes()


def test_a_model_fitted_on_nothing_known_predicts_the_mean():
    x, y = np.full((50, 3), np.nan), np.linspace(-1, 2, 50)
    np.testing.assert_allclose(RidgeModel().fit(x, y).predict(x), 0.5, rtol=1e-12)


def test_settings_reach_the_trees():
    x, y = data()
    one = XGBoostModel(XGBoostSettings(n_trees=1, max_depth=1, min_child_weight=5.0)).fit(x, y)
    assert len(np.unique(one.predict(x))) <= 2
    assert one.to_text() != XGBoostModel(XGBoostSettings(n_trees=1, max_depth=1, min_child_weight=5.0, seed=1)).fit(x, y).to_text()
