"""Scores: what a champion says of a day, why, and independently of every other row."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import norm, rankdata

from bondsig_assets.calendar import offset
from bondsig_assets.errors import MismatchError
from bondsig_assets.learning.calibration import Calibration, ProbabilityMap
from bondsig_assets.learning.dataset import make_dataset
from bondsig_assets.learning.inputs import ALL_INPUTS, EQUITY_INPUTS
from bondsig_assets.learning.models import catalogue
from bondsig_assets.learning.models.catalogue import (
    CONTROL,
    ENSEMBLE,
    feature_hash,
    load_model,
    specification,
)
from bondsig_assets.learning.models.linear import RidgeModel
from bondsig_assets.learning.rows import ModelRow, rows_from
from bondsig_assets.learning.scoring import (
    TOP_FEATURES,
    Scorer,
    check_features,
    predict,
    score,
    scorer_of,
)
from bondsig_assets.tables import TABLES
from bondsig_assets.tables.issuer_features import ALL_FEATURES, EQUITY_FEATURES, FEATURES
from bondsig_assets_tests.learning.days import (
    CREDIT,
    FOLD,
    SETTINGS,
    history,
    issuer_days,
    model_rows,
    trained,
)

LAST = offset(FOLD.first_day, 9)
DAYS = issuer_days(FOLD.first_day, LAST, seed=3).sort("trade_date", "parent_id")
DATA = make_dataset(DAYS, TABLES["labels"].empty(), SETTINGS.walk_forward)
ROWS = np.flatnonzero(DATA.scorable)


@pytest.fixture(scope="module")
def scorers() -> list[Scorer]:
    """The fold's models as the warehouse gives them back."""
    return [scorer_of(row) for row in rows_from(ModelRow, model_rows(trained()))]


@pytest.fixture(scope="module")
def scored(scorers) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Scores and explanations by the boosted trees."""
    return score(DATA, ROWS, scorers[1], "7", DAYS[ROWS])


def ridge(weights: np.ndarray | float = 0.0, slope: float = -1.0) -> Scorer:
    """A champion with the given weights and means of 0."""
    n = len(ALL_INPUTS)
    text = json.dumps(
        {"intercept": 0.1, "weights": np.broadcast_to(weights, n).tolist(), "means": [0.0] * n}
    )
    return Scorer(
        "ridge",
        "by hand",
        RidgeModel.from_text(text),
        specification("ridge"),
        Calibration(ProbabilityMap(0.2, slope), ProbabilityMap(0.2, slope), 0.45),
    )


def test_columns_are_the_declared_ones(scorers, scored):
    assert TABLES["predictions"].conform(predict(DATA, ROWS, scorers)).height == 4 * ROWS.size
    assert (
        TABLES["scores"].conform(scored[0]).height
        == TABLES["explanations"].conform(scored[1]).height
        == ROWS.size
        == 190
    )
    assert set(scored[0].columns) == {column.name for column in TABLES["scores"].columns}


def test_what_the_warehouse_gives_back_predicts_the_same_bits(scorers):
    fitted = [Scorer(m.name, m.version, m.model, m.specification, m.calibration) for m in trained()]
    assert predict(DATA, ROWS, scorers).equals(predict(DATA, ROWS, fitted))
    assert predict(DATA, ROWS, scorers[::-1]).equals(predict(DATA, ROWS, fitted)), "in any order"


def test_predictions_are_the_models_own(scorers):
    found = predict(DATA, ROWS, scorers)
    for row in model_rows(trained()).filter(pl.col("model_name") != ENSEMBLE).to_dicts():
        columns = [ALL_INPUTS.index(name) for name in row["features"]]
        wanted = load_model(row["model_name"], row["model_text"]).predict(
            DATA.z[np.ix_(ROWS, columns)]
        )
        mine = found.filter(model_name=row["model_name"])
        assert mine.select("trade_date", "parent_id", "ticker", "known_at").equals(
            DATA.keys[ROWS].select("trade_date", "parent_id", "ticker", "known_at")
        )
        assert mine["prediction"].to_numpy().tobytes() == wanted.tobytes()
        # Anybody can compute it again from what `models` holds.
        ends = np.where(DATA.has_cds[ROWS], "_cds", "")
        intercept, slope, certainty = (
            np.array([row[f"calibration_{part}{end}"] for end in ends])
            for part in ("intercept", "slope", "certainty")
        )
        under = (1 - certainty) / 2 + certainty * norm.cdf(intercept + slope * wanted)
        np.testing.assert_allclose(mine["probability_underperform"], under, rtol=1e-12)
        np.testing.assert_array_equal(mine["is_informed"], slope < 0)
        assert set(mine["model_version"]) == {f"{row['model_name']} 2023-07-01"}


def test_the_ensemble_is_the_mean_of_predictions_without_the_control(scorers):
    found = predict(DATA, ROWS, scorers)
    for day in found.partition_by("trade_date"):
        wide = {
            name: day.filter(model_name=name)["prediction"].to_numpy()
            for name in ("ridge", "xgboost", ENSEMBLE, CONTROL)
        }
        wanted = (wide["ridge"] + wide["xgboost"]) / 2
        np.testing.assert_allclose(wide[ENSEMBLE], wanted, rtol=1e-9, atol=1e-12)


def has_cds(scores: pl.DataFrame) -> np.ndarray:
    """Whether the issuer of each score has a CDS."""
    keys = DATA.keys.with_columns(has_cds=pl.Series(DATA.has_cds))
    on = ["trade_date", "parent_id"]
    found = scores.join(keys.select(*on, "has_cds"), on=on, how="left", maintain_order="left")
    return found["has_cds"].to_numpy()


def test_the_score_is_one_minus_twice_the_calibrated_probability(scorers, scored):
    scores, champion = scored[0], scorers[1]
    np.testing.assert_array_equal(
        scores["probability_underperform"],
        champion.calibration.probability(scores["prediction"].to_numpy(), has_cds(scores)),
    )
    np.testing.assert_array_equal(
        scores["score"], 1 - 2 * scores["probability_underperform"].to_numpy()
    )
    assert (scores["score"].abs() < 1).all() and scores["score"].n_unique() > 20
    assert (set(scores["model_version"]), set(scores["registry_version"])) == (
        {"xgboost 2023-07-01"},
        {"7"},
    )


@settings(max_examples=40, deadline=None)
@given(
    st.lists(st.integers(-2, 2), min_size=len(ALL_INPUTS), max_size=len(ALL_INPUTS)),
    st.integers(1, ROWS.size),
)
def test_the_rank_uses_the_whole_range_and_follows_the_prediction(weights, n):
    scores, _ = score(DATA, ROWS[:n], ridge(np.array(weights) / 10), "1", DAYS[ROWS[:n]])
    for day in scores.partition_by("trade_date"):
        wanted = (2 * rankdata(day["prediction"].to_numpy()) - 1) / day.height - 1
        np.testing.assert_allclose(day["score_rank"], wanted, atol=1e-12)
        assert day["score_rank"].abs().max() < 1 and day["score_rank"].sum() == pytest.approx(
            0.0, abs=1e-9
        )
        # With a falling probability the score never contradicts the rank.
        assert day.sort("prediction", "parent_id")["score"].is_sorted()


def test_equal_predictions_share_a_rank_and_a_base_rate_says_nothing_of_anybody():
    assert set(score(DATA, ROWS, ridge(), "1", DAYS[ROWS])[0]["score_rank"]) == {0.0}
    flat = score(DATA, ROWS, ridge(0.1, slope=0.0), "1", DAYS[ROWS])[0]
    assert flat["score"].n_unique() == 1 and flat["score_rank"].n_unique() == 19


def test_the_reasons_are_the_largest_contributions_in_order(scorers, scored):
    parts = scorers[1].model.contributions(DATA.z[ROWS])[:, :-1]
    place = {key: k for k, key in enumerate(DATA.keys[ROWS].select("trade_date", "ticker").rows())}
    for row in scored[0].iter_rows(named=True):
        mine = parts[place[row["trade_date"], row["ticker"]]]
        order = np.argsort(-np.abs(mine), kind="stable")[:TOP_FEATURES]
        assert row["top_features"] == [ALL_INPUTS[k] for k in order]
        assert row["top_contributions"] == mine[order].tolist()
    assert (
        scored[0]["top_features"].list.first().value_counts(sort=True)["top_features"][0] == CREDIT
    )


def test_a_model_of_few_inputs_has_few_reasons(scorers):
    few = replace(scorers[0].specification, features=ALL_FEATURES[:3])
    text = json.dumps({"intercept": 0.0, "weights": [1.0, -3.0, 2.0], "means": [0.0] * 3})
    scores, explanations = score(
        DATA,
        ROWS,
        Scorer(
            "ridge",
            "v",
            RidgeModel.from_text(text),
            few,
            Calibration(ProbabilityMap(0.0, -1.0), ProbabilityMap(0.0, -1.0), 0.5),
        ),
        "1",
        DAYS[ROWS],
    )
    assert set(scores["top_features"].list.len()) == {3} and set(
        explanations["inputs"].list.len()
    ) == {3}


@pytest.mark.parametrize("place", [0, 1, 2])
def test_explanations_add_up_to_the_prediction(scorers, place):
    scores, explanations = score(DATA, ROWS, scorers[place], "1", DAYS[ROWS])
    joined = explanations.join(
        scores.select("parent_id", "trade_date", "prediction"), on=["parent_id", "trade_date"]
    )
    total = joined["base_value"] + joined["contributions"].list.sum()
    np.testing.assert_allclose(total, joined["prediction"], atol=1e-5)
    assert set(explanations["contributions"].list.len()) == {
        len(EQUITY_INPUTS) if place == 2 else len(ALL_INPUTS)
    }


def test_values_and_inputs_shown_are_the_issuers_own_and_missing_stays_missing(scored):
    raw = {(row["trade_date"], row["ticker"]): row for row in DAYS.iter_rows(named=True)}
    shown = []
    for row in scored[0].iter_rows(named=True):
        source = raw[row["trade_date"], row["ticker"]]
        assert row["top_values"] == [source[name] for name in row["top_features"]]
        shown += row["top_values"]
    assert None in shown
    keys = scored[1].select("trade_date", "parent_id").rows()
    place = {key: row for row, key in enumerate(DATA.keys.select("trade_date", "parent_id").rows())}
    inputs = np.array(scored[1]["inputs"].to_list(), dtype=float)
    np.testing.assert_array_equal(inputs, DATA.z[[place[key] for key in keys]])


@pytest.mark.slow
@settings(max_examples=15, deadline=None)
@given(st.sets(st.integers(0, ROWS.size - 1), min_size=1))
def test_a_row_does_not_depend_on_the_others_of_its_call(places):
    rows = ROWS[sorted(places)]
    scorer = [scorer_of(row) for row in rows_from(ModelRow, model_rows(trained()))][:3]
    key = ["trade_date", "parent_id"]
    whole = predict(DATA, ROWS, scorer).join(
        DATA.keys[rows].select(key), on=key, how="semi", maintain_order="left"
    )
    assert predict(DATA, rows, scorer).equals(whole)
    for one in scorer:
        mine, all_of_them = (
            score(DATA, rows, one, "1", DAYS[rows]),
            score(DATA, ROWS, one, "1", DAYS[ROWS]),
        )
        for part, full in zip(mine, all_of_them, strict=True):
            # Ranks alone are relative to the others of the day.
            assert part.drop("score_rank", strict=False).equals(
                full.join(part.select(key), on=key, how="semi", maintain_order="left").drop(
                    "score_rank", strict=False
                )
            )


def test_a_day_does_not_depend_on_the_others(scorers):
    whole_predictions, whole = (
        predict(DATA, ROWS, scorers),
        score(DATA, ROWS, scorers[0], "1", DAYS[ROWS]),
    )
    for day in DAYS["trade_date"].unique():
        alone = DAYS.filter(trade_date=day)
        data = make_dataset(alone, TABLES["labels"].empty(), SETTINGS.walk_forward)
        rows = np.flatnonzero(data.scorable)
        assert predict(data, rows, scorers).equals(whole_predictions.filter(trade_date=day))
        for mine, full in zip(score(data, rows, scorers[0], "1", alone[rows]), whole, strict=True):
            assert mine.equals(full.filter(trade_date=day))


def test_labels_change_no_score(scorers):
    days, labels = history()
    with_labels = make_dataset(days, labels, SETTINGS.walk_forward)
    without = make_dataset(days, TABLES["labels"].empty(), SETTINGS.walk_forward)
    rows = np.flatnonzero(without.scorable)
    assert predict(with_labels, rows, scorers).equals(predict(without, rows, scorers))


@pytest.mark.filterwarnings("error")
def test_no_rows_are_no_scores(scorers):
    nothing = ROWS[:0]
    assert TABLES["predictions"].conform(predict(DATA, nothing, scorers)).is_empty()
    for one in scorers[:3]:
        scores, explanations = score(DATA, nothing, one, "1", DAYS[nothing])
        assert (
            TABLES["scores"].conform(scores).is_empty()
            and TABLES["explanations"].conform(explanations).is_empty()
        )


def test_a_model_that_needs_what_there_is_not_is_refused():
    named = list(ALL_FEATURES)
    check_features("ridge 2023-07-01", named, feature_hash(named), named)
    check_features("ridge 2023-07-01", named[:4], feature_hash(named[:4]), named)
    with pytest.raises(
        MismatchError,
        match=(
            rf"^model ridge 2023-07-01 needs {named[2]}, which issuer_days does not have: train"
            r" again"
        ),
    ):
        check_features("ridge 2023-07-01", named, feature_hash(named), named[:2] + named[3:])
    with pytest.raises(
        MismatchError,
        match=(
            rf"needs {', '.join(named[:5])} and {len(named) - 5} more, which issuer_days does not"
            r" have"
        ),
    ) as caught:
        check_features("ridge 2023-07-01", named, feature_hash(named), [])
    assert "\n" not in str(caught.value)
    news = [*named, "credit_news_0", "expected_reaction"]
    with pytest.raises(MismatchError, match=r"expected_reaction, which credit_news does not have"):
        check_features("ridge 2023-07-01", news, feature_hash(news), named)
    with pytest.raises(MismatchError, match=r"which issuer_days and credit_news do not have"):
        check_features("ridge 2023-07-01", news, feature_hash(news), named[1:])
    with pytest.raises(MismatchError, match=r"needs gone, which issuer_days does not have"):
        check_features("ridge 2023-07-01", ["gone"], feature_hash(["gone"]), named)


def test_a_model_of_features_declared_otherwise_is_refused(monkeypatch):
    named = list(ALL_FEATURES)
    hashed = feature_hash(named)
    with pytest.raises(MismatchError, match="was trained on features declared otherwise"):
        check_features("ridge 2023-07-01", named[::-1], hashed, named)
    changed = tuple(
        replace(one, formula=one.formula + " squared") if one.name == CREDIT else one
        for one in FEATURES
    )
    monkeypatch.setattr(catalogue, "FEATURES", changed)
    with pytest.raises(
        MismatchError,
        match=(
            rf"its fingerprint {hashed}, now {feature_hash(named)}\): a formula or window changed"
            r" since; train again"
        ),
    ):
        check_features("ridge 2023-07-01", named, hashed, named)
    check_features("equity_only 2023-07-01", EQUITY_FEATURES, feature_hash(EQUITY_FEATURES), named)
