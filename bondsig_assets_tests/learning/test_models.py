"""Every kind of model: same data same text, a row alone is the row in a batch, contributions add
up, settings arrive.
"""

from __future__ import annotations

import json
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import fields, replace
from importlib.util import find_spec
from typing import Any

import numpy as np
import pytest
from sklearn.linear_model import ElasticNet, Ridge
from threadpoolctl import threadpool_limits

from bondsig_assets.errors import ModelError
from bondsig_assets.learning.inputs import ALL_INPUTS
from bondsig_assets.learning.models import sequence
from bondsig_assets.learning.models.catalogue import CONTROL, KINDS, load_model, specification
from bondsig_assets.learning.models.interface import Model, Sample
from bondsig_assets.learning.models.sequence_kernel import explained, predicted

needs_keras = pytest.mark.skipif(
    find_spec("keras") is None or find_spec("jax") is None, reason="the extra deep is not installed"
)
BOOSTED = {"n_trees": 40, "learning_rate": 0.2, "min_child_weight": 5.0, "l2_penalty": 1.0}
#: Settings for a few hundred rows and a strong signal; the defaults are made for many rows and a
#: weak one.
SMALL: dict[str, dict[str, Any]] = {
    "bayes_ridge": {},
    "expected_reaction": {},
    "recent_ridge": {},
    "residual_trees": BOOSTED,
    "ridge": {},
    "elastic_net": {},
    "xgboost": BOOSTED,
    "lightgbm": {"n_trees": 40, "learning_rate": 0.2, "min_rows_in_leaf": 5, "l2_penalty": 1.0},
    "random_forest": {"n_trees": 30, "min_rows_in_leaf": 5.0, "column_share": 0.6},
    "lstm": {
        "history_days": 5,
        "units": 6,
        "epochs": 12,
        "row_share": 1.0,
        "batch_size": 64,
        "learning_rate": 0.02,
        "dropout": 0.1,
        "patience": 3,
    },
    CONTROL: BOOSTED,
}
#: A row's contributions add up to its prediction within this part of the sum of its absolute
#: contributions.
ADDS_UP = {
    "bayes_ridge": 1e-12,
    "expected_reaction": 1e-12,
    "recent_ridge": 1e-12,
    "ridge": 1e-12,
    "elastic_net": 1e-12,
    "lightgbm": 1e-12,
    "lstm": sequence.COMPLETENESS,
}
#: Keras compiles an LSTM for seconds before it learns anything.
LSTM = pytest.param("lstm", marks=[needs_keras, pytest.mark.slow])
KIND_NAMES = [LSTM if name == "lstm" else name for name in KINDS]
#: Without an intercept: what they cannot say of a mean, they do not.
BAYES = ("bayes_ridge", "expected_reaction", "recent_ridge")
CENTRED = ("ridge", "elastic_net")
LINEAR = (*BAYES, *CENTRED)
STOPPING = [name for name in KIND_NAMES if name not in (*LINEAR, "random_forest", CONTROL)]


def data(name: str, n: int = 1000, seed: int = 0) -> Sample:
    """Six features with holes, and a label of three of them; a model of several days finds the
    first one two days ago.
    """
    rng = np.random.default_rng(seed)
    x = rng.standard_normal((n, 5, 6)) if name == "lstm" else rng.standard_normal((n, 6))
    then, today = (x[:, -3], x[:, -1]) if name == "lstm" else (x, x)
    y = (
        then[:, 0]
        - 0.4 * today[:, 1] * (1 + 0.5 * np.sign(today[:, 2]))
        + 0.3 * rng.standard_normal(n)
        + 0.2
    )
    x[rng.random(x.shape) < 0.1] = np.nan
    return Sample(x.astype(np.float32) if name == "lstm" else x, y, rng.uniform(0.3, 1.0, n))


def make(name: str, rounds: int = 0, **overrides: Any) -> Model:
    """An unfitted model with settings for few rows."""
    return specification(name, {**SMALL[name], **overrides}).make(rounds)


_FITTED: dict[str, Model] = {}


@pytest.fixture(params=KIND_NAMES)
def name(request) -> str:
    """A kind of model."""
    return request.param


@pytest.fixture
def fitted(name) -> Model:
    """That model, fitted once for all tests, which leave it as it is."""
    if name not in _FITTED:
        _FITTED[name] = make(name).fit(data(name))
    return _FITTED[name]


def loss(model: Model, sample: Sample) -> float:
    """Weighted mean squared error."""
    return float(
        np.average((model.predict(sample.features) - sample.label) ** 2, weights=sample.weight)
    )


def test_every_kind_is_tested():
    assert set(SMALL) == set(KINDS)


@pytest.mark.slow
def test_it_learns_what_was_planted(name, fitted):
    unseen = data(name, seed=1)
    assert np.corrcoef(fitted.predict(unseen.features), unseen.label)[0, 1] > 0.75


def test_text_brings_back_the_same_bits(name, fitted):
    x = data(name, seed=1).features
    again = load_model(name, fitted.to_text())
    assert again.predict(x).tobytes() == fitted.predict(x).tobytes()
    assert again.contributions(x).tobytes() == fitted.contributions(x).tobytes()
    assert again.to_text() == fitted.to_text()
    assert again.rounds == fitted.rounds


def test_a_row_does_not_depend_on_its_batch(name, fitted):
    x = data(name, n=101, seed=2).features
    order = np.random.default_rng(0).permutation(len(x))
    whole, parts = fitted.predict(x), fitted.contributions(x)
    assert (
        np.concatenate([fitted.predict(x[k : k + 1]) for k in range(len(x))]).tobytes()
        == whole.tobytes()
    )
    assert fitted.predict(x[order]).tobytes() == whole[order].tobytes()
    assert fitted.predict(x[::-1])[::-1].tobytes() == whole.tobytes()
    assert (
        np.concatenate([fitted.contributions(x[k : k + 1]) for k in range(20)]).tobytes()
        == parts[:20].tobytes()
    )
    assert fitted.contributions(x[order]).tobytes() == parts[order].tobytes()


def test_no_rows_give_no_predictions(name, fitted):
    nothing = data(name).features[:0]
    assert fitted.predict(nothing).shape == (0,)
    assert fitted.contributions(nothing).shape == (0, 7)


def test_contributions_add_up(name, fitted):
    x = data(name, seed=3).features
    parts, whole = fitted.contributions(x), fitted.predict(x)
    assert parts.shape == (len(x), 7)
    assert np.ptp(parts[:, -1]) == 0
    assert (
        np.abs(parts.sum(axis=1) - whole) <= ADDS_UP.get(name, 1e-6) * np.abs(parts).sum(axis=1)
    ).all()


def test_what_matters_contributes_most(name, fitted):
    assert np.abs(fitted.contributions(data(name, seed=3).features)).mean(axis=0)[:-1].argmax() == 0


def test_the_same_data_give_the_same_model(name, fitted):
    with ThreadPoolExecutor(2) as pool:
        beside = [
            model.to_text() for model in pool.map(lambda _: make(name).fit(data(name)), range(2))
        ]
    assert beside == [fitted.to_text()] * 2
    assert make(name).fit(data(name, seed=9)).to_text() != fitted.to_text()


@pytest.mark.parametrize("linear", LINEAR)
def test_the_number_of_threads_changes_no_bit_of_a_linear_model(linear):
    sample = data(linear, n=50_000)
    wide = replace(sample, features=np.tile(sample.features, 8))
    texts = set()
    for threads in (1, 2):
        with threadpool_limits(threads):
            texts.add(make(linear).fit(wide).to_text())
    assert len(texts) == 1


def test_a_constant_label_is_predicted_everywhere_alike(name):
    if name in (*BAYES, "residual_trees"):
        pytest.skip("it has no intercept: a label less its day's median has mean 0")
    sample = data(name)
    predicted = (
        make(name)
        .fit(replace(sample, label=np.full(len(sample.label), 0.7)))
        .predict(sample.features)
    )
    assert np.ptp(predicted) < 1e-6
    np.testing.assert_allclose(predicted, 0.7, atol=0.01)


def test_rows_of_little_weight_matter_little(name):
    sample, unseen = data(name, n=2000), data(name, seed=1)
    doubted = np.arange(len(sample.label)) % 2 == 0
    lies = Sample(
        sample.features,
        np.where(doubted, -sample.label, sample.label),
        np.where(doubted, 0.01, 1.0),
    )
    assert np.corrcoef(make(name).fit(lies).predict(unseen.features), unseen.label)[0, 1] > 0.6


@pytest.mark.parametrize("linear", LINEAR)
def test_a_row_of_weight_two_is_two_rows(linear):
    sample = data(linear)
    twice = np.arange(len(sample.label)) < 200
    heavy = make(linear).fit(replace(sample, weight=np.where(twice, 2.0, 1.0)))
    rows = np.concatenate([np.arange(len(sample.label)), np.flatnonzero(twice)])
    doubled = make(linear).fit(
        Sample(sample.features[rows], sample.label[rows], np.ones(rows.size))
    )
    np.testing.assert_allclose(
        heavy.predict(sample.features), doubled.predict(sample.features), rtol=0, atol=1e-10
    )


def test_ridge_is_sklearns():
    sample = data("ridge")
    x = np.nan_to_num(sample.features)
    mine = make("ridge", penalty=0.05).fit(sample)
    theirs = Ridge(alpha=0.05 * sample.weight.sum()).fit(
        x, sample.label, sample_weight=sample.weight
    )
    np.testing.assert_allclose(mine.weights, theirs.coef_, rtol=1e-9)
    np.testing.assert_allclose(mine.predict(x), theirs.predict(x), rtol=0, atol=1e-10)


@pytest.mark.parametrize("l1_share", [0.2, 0.5, 1.0])
def test_elastic_net_is_sklearns(l1_share):
    sample = data("elastic_net")
    x = np.nan_to_num(sample.features)
    mine = make("elastic_net", penalty=0.2, l1_share=l1_share).fit(sample)
    theirs = ElasticNet(alpha=0.2, l1_ratio=l1_share, tol=1e-12, max_iter=100_000).fit(
        x, sample.label, sample_weight=sample.weight
    )
    np.testing.assert_allclose(mine.weights, theirs.coef_, rtol=0, atol=1e-6)
    np.testing.assert_allclose(mine.predict(x), theirs.predict(x), rtol=0, atol=1e-6)
    assert (mine.weights == 0).any()


@pytest.mark.parametrize("filled", [*LINEAR, LSTM])
def test_a_missing_feature_is_the_median(filled):
    model, x = make(filled).fit(data(filled)), data(filled, n=50, seed=4).features
    assert np.isnan(x).any()
    assert model.predict(x).tobytes() == model.predict(np.nan_to_num(x)).tobytes()
    assert model.contributions(x).tobytes() == model.contributions(np.nan_to_num(x)).tobytes()


@pytest.mark.parametrize("linear", CENTRED)
def test_a_linear_model_of_nothing_known_predicts_the_mean(linear):
    x = np.full((50, 3), np.nan)
    np.testing.assert_allclose(
        make(linear).fit(Sample(x, np.linspace(-1, 2, 50), np.ones(50))).predict(x), 0.5, rtol=1e-12
    )


#: Another value of each setting that changes a fit without early stopping; the rest have tests of
#: their own.
OTHERS: dict[str, Any] = {
    "penalty": 0.1,
    "l1_share": 0.9,
    "n_trees": 7,
    "max_depth": 2,
    "learning_rate": 0.05,
    "min_child_weight": 40.0,
    "subsample": 0.4,
    "column_share": 0.35,
    "l2_penalty": 9.0,
    "seed": 5,
    "n_leaves": 3,
    "min_rows_in_leaf": 60,
    "units": 3,
    "epochs": 5,
    "row_share": 0.5,
    "batch_size": 100,
    "dropout": 0.4,
    "iterations": 1,
    "effective_share": 0.02,
}


@pytest.mark.slow
def test_every_setting_reaches_the_estimator(name, fitted):
    settings = {
        f.name: type(getattr(KINDS[name].settings, f.name)) for f in fields(KINDS[name].settings)
    }
    sample = data(name)
    # Which days are learned from is the dataset's part; these rows have no names, so no news.
    elsewhere = {"history_days", "window_days", "patience", "early_stopping", "direct_news"}
    for setting in settings.keys() - elsewhere:
        if name == "residual_trees" and setting == "max_depth":
            continue  # its default is the other value
        other = make(name, **{setting: settings[setting](OTHERS[setting])}).fit(sample)
        assert (
            other.predict(sample.features).tobytes() != fitted.predict(sample.features).tobytes()
        ), setting


@pytest.mark.parametrize(
    ("trees", "stump"),
    [
        ("xgboost", {"max_depth": 1}),
        ("lightgbm", {"n_leaves": 2}),
        ("random_forest", {"max_depth": 1}),
    ],
)
def test_one_tree_of_one_split_has_two_values(trees, stump):
    sample = data(trees)
    assert len(np.unique(make(trees, n_trees=1, **stump).fit(sample).predict(sample.features))) == 2


def test_the_control_is_xgboost_on_fewer_inputs():
    sample = data("xgboost")
    assert make(CONTROL).fit(sample).to_text() == make("xgboost").fit(sample).to_text()
    assert len(specification(CONTROL).features) < len(ALL_INPUTS)


@pytest.mark.parametrize("stopping", STOPPING)
def test_rounds_are_those_that_lose_least_on_the_stop_sample(stopping):
    sample, stop = data(stopping, n=300), data(stopping, n=300, seed=1)
    found = make(stopping, early_stopping=True).fit(sample, stop)
    refits = {
        rounds: make(stopping, rounds=rounds).fit(sample)
        for rounds in range(1, make(stopping).fit(sample).rounds + 1)
    }
    losses = {rounds: loss(model, stop) for rounds, model in refits.items()}
    assert losses[found.rounds] == pytest.approx(min(losses.values()), rel=1e-6)
    assert found.rounds > 1
    assert all(model.rounds == rounds for rounds, model in refits.items())
    assert (
        refits[found.rounds].predict(stop.features).tobytes()
        == found.predict(stop.features).tobytes()
    )


@pytest.mark.parametrize("stopping", STOPPING)
def test_a_stop_sample_that_contradicts_stops_at_once(stopping):
    sample = data(stopping)
    against = replace(sample, label=-sample.label)
    largest = make(stopping).fit(sample).rounds
    assert make(stopping, early_stopping=True).fit(sample, against).rounds == 1
    assert make(stopping, early_stopping=False).fit(sample, against).rounds == largest
    assert make(stopping, early_stopping=True).fit(sample).rounds == largest


@pytest.mark.slow
@needs_keras
def test_the_lstm_stops_after_as_many_epochs_as_its_patience(monkeypatch):
    sample, epochs = data("lstm"), []
    watched = sequence._loss
    monkeypatch.setattr(
        sequence, "_loss", lambda network, stop: epochs.append(network) or watched(network, stop)
    )
    make("lstm", early_stopping=True, patience=2).fit(sample, replace(sample, label=-sample.label))
    assert len(epochs) == 3


def test_a_forest_averages_its_trees():
    sample = data("random_forest")
    alike = {"subsample": 1.0, "column_share": 1.0}
    one, many = (
        make("random_forest", n_trees=n, **alike).fit(sample).predict(sample.features)
        for n in (1, 7)
    )
    np.testing.assert_allclose(many, one, rtol=0, atol=1e-6)
    for value in np.unique(one):
        leaf = one == value
        assert np.average(sample.label[leaf], weights=sample.weight[leaf]) == pytest.approx(
            value, abs=1e-5
        )


def test_xgboosts_contributions_are_tree_shap():
    import shap

    model, x = make("xgboost").fit(data("xgboost")), data("xgboost", n=40, seed=3).features
    explainer = shap.TreeExplainer(model.booster)
    np.testing.assert_allclose(
        model.contributions(x)[:, :-1], explainer.shap_values(x), rtol=0, atol=1e-5
    )
    np.testing.assert_allclose(
        model.contributions(x)[:, -1], explainer.expected_value, rtol=0, atol=1e-5
    )


def test_interactions_add_up_to_contributions():
    model, x = make("xgboost").fit(data("xgboost")), data("xgboost", n=60, seed=3).features
    both = model.interactions(x)
    assert both.shape == (60, 7, 7)
    np.testing.assert_allclose(both.sum(axis=2), model.contributions(x), rtol=0, atol=1e-5)
    np.testing.assert_allclose(both, both.transpose(0, 2, 1), rtol=0, atol=1e-5)


#: Six inputs of which the LSTM's output sees two directly.
NAMES = (
    "staleness_days",
    "credit_news_0",
    "cds_quote_flag",
    "log_market_cap",
    "a",
    "stock_return_0",
)
SEEN = tuple(name in ("credit_news_0", "stock_return_0") for name in NAMES)


@pytest.fixture
def lstm() -> tuple[Any, Any]:
    """A fitted LSTM, and Keras's own network with the same weights."""
    keras, _ = sequence._libraries()
    model = make("lstm").fit(replace(data("lstm"), names=NAMES))
    network = sequence.keras_network(keras, 5, SEEN, 6, 0.1, 0)
    network.set_weights(list(model.network))
    return model, network


@needs_keras
def test_the_lstm_predicts_as_keras_does(lstm):
    model, network = lstm
    x = data("lstm", seed=1).features
    np.testing.assert_allclose(
        model.predict(x),
        np.asarray(network(np.nan_to_num(x), training=False))[:, 0],
        rtol=0,
        atol=1e-5,
    )


@pytest.mark.slow
@needs_keras
def test_the_lstms_slopes_are_jaxs(lstm):
    import jax

    model, network = lstm
    x = np.nan_to_num(data("lstm", n=50, seed=1).features)
    weights, others = (
        [v.value for v in part]
        for part in (network.trainable_variables, network.non_trainable_variables)
    )
    slopes = jax.grad(
        lambda inputs: network.stateless_call(weights, others, inputs, training=False)[0].sum()
    )(x)
    mine = explained(x, model.network, np.array([1.0]), np.array([1.0]))
    np.testing.assert_allclose(
        mine[:, :-1], (x * np.asarray(slopes)).sum(axis=1), rtol=0, atol=1e-4
    )


@needs_keras
def test_the_lstms_output_sees_todays_news_and_nothing_else_directly(lstm):
    model, _ = lstm
    direct = model.network.output[6:, 0]
    assert (direct != 0).tolist() == list(SEEN)
    blind = make("lstm", direct_news=False).fit(replace(data("lstm"), names=NAMES))
    assert blind.network is not None and not blind.network.output[6:].any()
    # Whatever fills the cells: a news of twenty deviations says twice what one of ten does.
    flat = model.network._replace(output=np.r_[np.zeros((6, 1)), model.network.output[6:]])
    x = np.zeros((2, 5, 6), dtype=np.float32)
    x[:, -1, 1], x[:, 0, 1] = (10.0, 20.0), 3.0
    news = predicted(x, flat) - flat.output_bias[0]
    assert news[0] == pytest.approx(10 * direct[1]) and news[1] == pytest.approx(2 * news[0])


@needs_keras
def test_a_text_of_before_the_output_saw_news_predicts_as_it_did(lstm):
    model, _ = lstm
    weights = json.loads(model.to_text())
    old = load_model("lstm", json.dumps({**weights, "output": weights["output"][:6]}))
    blind = model.network._replace(output=np.r_[model.network.output[:6], np.zeros((6, 1))])
    x = data("lstm", seed=1).features
    assert old.predict(x).tobytes() == predicted(x, blind).tobytes()
    assert old.contributions(x).shape == (len(x), 7)


@needs_keras
def test_the_lstms_base_is_the_median_issuer_and_more_points_change_nothing(lstm, monkeypatch):
    model, _ = lstm
    x = data("lstm", seed=1).features
    parts = model.contributions(x)
    assert parts[0, -1] == model.predict(np.zeros((1, 5, 6)))[0]
    monkeypatch.setattr(sequence, "PATH_POINTS", (256,))
    np.testing.assert_allclose(
        parts,
        model.contributions(x),
        rtol=0,
        atol=sequence.COMPLETENESS * np.abs(parts).sum(axis=1).max(),
    )


@needs_keras
def test_inputs_at_the_clip_add_up_by_more_points(lstm, monkeypatch):
    model, _ = lstm
    x = 8.0 * np.sign(np.random.default_rng(0).standard_normal((300, 5, 6)))

    def missing() -> np.ndarray:
        parts = model.contributions(x)
        return np.abs(parts.sum(axis=1) - model.predict(x)) / np.abs(parts[:, :-1]).sum(axis=1)

    assert missing().max() <= sequence.COMPLETENESS
    monkeypatch.setattr(sequence, "PATH_POINTS", sequence.PATH_POINTS[:1])
    assert missing().max() > sequence.COMPLETENESS


@needs_keras
def test_without_keras_an_lstm_predicts_and_does_not_train(monkeypatch):
    x, text = data("lstm").features, make("lstm").fit(data("lstm")).to_text()
    expected = load_model("lstm", text).predict(x)
    for missing in ("keras", "jax"):
        monkeypatch.setitem(sys.modules, missing, None)
    assert load_model("lstm", text).predict(x).tobytes() == expected.tobytes()
    assert load_model("lstm", text).contributions(x).shape == (len(x), 7)
    with pytest.raises(
        ModelError, match=r"model lstm needs the extra deep: pip install 'bondsig\[deep\]'"
    ):
        make("lstm", seed=77).fit(data("lstm"))


@pytest.mark.slow
@needs_keras
def test_training_that_goes_astray_is_refused():
    with pytest.raises(ModelError, match="use a learning_rate below"):
        make("lstm", epochs=1, learning_rate=1e38).fit(data("lstm"))


def test_the_lstms_inputs_are_declared_features():
    assert set(sequence.LSTM_FEATURES) <= set(ALL_INPUTS)
    assert len(set(sequence.LSTM_FEATURES)) == len(sequence.LSTM_FEATURES) == 34


def test_a_specification_says_how_many_days_it_sees():
    assert specification("lstm").history_days == 21
    assert {specification(name).history_days for name in KINDS if name != "lstm"} == {1}


def test_tuned_values_go_before_settings_and_rounds_before_both():
    tuned = replace(specification("xgboost", BOOSTED), tuned={"n_trees": 9, "max_depth": 2})
    assert (tuned.make().settings.n_trees, tuned.make().settings.max_depth) == (9, 2)
    assert (tuned.make(rounds=4).settings.n_trees, tuned.make(rounds=4).settings.max_depth) == (
        4,
        2,
    )


def test_the_hash_names_a_specification(name):
    one = specification(name)
    setting = next(f.name for f in fields(one.settings) if f.name in OTHERS)
    value = type(getattr(one.settings, setting))(OTHERS[setting])
    assert one.hash == specification(name).hash
    assert replace(one, tuned={setting: value}).hash == one.hash
    others = [
        specification(name, {setting: value}),
        replace(one, features=one.features[1:]),
        replace(one, features=(*one.features[::-1], "spread_bps")),
        specification(name, context="h=10"),
    ]
    assert len({one.hash, *(other.hash for other in others)}) == 5


def test_no_two_kinds_share_a_hash():
    assert len({specification(name).hash for name in KINDS}) == len(KINDS)


def test_an_unknown_model_is_refused_by_name():
    for ask in (lambda: specification("rigde"), lambda: load_model("rigde", "{}")):
        with pytest.raises(
            ModelError, match="unknown model 'rigde'; models are: ridge, elastic_net, .*lstm"
        ):
            ask()


def test_an_unknown_setting_is_refused_by_name():
    with pytest.raises(
        ModelError, match="model elastic_net has no setting alpha; it has: l1_share, penalty"
    ):
        specification("elastic_net", {"alpha": 1.0})
