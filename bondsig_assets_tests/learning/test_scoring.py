"""Scores: what a champion says of a day, why, and independently of every other day."""

from __future__ import annotations

from datetime import date

import numpy as np
import polars as pl
import pytest

from bondsig_assets.features.declared import ALL_FEATURES
from bondsig_assets.learning.calibration import Calibration
from bondsig_assets.learning.inputs import standardised
from bondsig_assets.learning.models import RidgeModel, load_model
from bondsig_assets.learning.scoring import TOP_FEATURES, score_days
from bondsig_assets.tables import TABLES
from bondsig_assets_tests.learning.days import CREDIT, FOLD, issuer_days, model_rows, trained
from bondsig_assets_tests.rows_of import rows_of

LAST = date(2023, 7, 14)


@pytest.fixture(scope="module")
def days() -> pl.DataFrame:
    """Some days of the fold's quarter."""
    return issuer_days(FOLD.first_day, LAST, seed=3)


@pytest.fixture(scope="module")
def models() -> pl.DataFrame:
    """The rows of the fold's models."""
    return model_rows(trained())


@pytest.fixture(scope="module")
def scored(days, models) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Predictions and scores of all days."""
    return score_days(days, models)


def test_columns_are_the_declared_ones(days, scored):
    predictions, scores = scored
    assert TABLES["predictions"].conform(predictions).height == 3 * scores.height
    assert TABLES["scores"].conform(scores).height == 10 * 19 - (10 - scores["trade_date"].n_unique()) * 19


def test_the_score_is_one_minus_twice_the_calibrated_probability(days, models, scored):
    champion = models.filter("is_champion").row(0, named=True)
    map_ = Calibration(champion["calibration_intercept"], champion["calibration_slope"])
    scores = scored[1]
    np.testing.assert_array_equal(scores["probability_underperform"], map_.probability(scores["prediction"].to_numpy()))
    np.testing.assert_array_equal(scores["score"], 1 - 2 * scores["probability_underperform"].to_numpy())
    assert (scores["score"] > -1).all() and (scores["score"] < 1).all()
    assert set(scores["model_version"]) == {champion["model_version"]}


def test_predictions_are_the_models_own(days, models, scored):
    z = standardised(days.sort("trade_date", "parent_id"), ALL_FEATURES)
    keys = days.sort("trade_date", "parent_id").select("trade_date", "parent_id")
    row = models.filter(model_name="ridge").row(0, named=True)
    wanted = keys.with_columns(wanted=pl.Series(load_model("ridge", row["model_text"]).predict(z)))
    joined = scored[0].filter(model_name="ridge").join(wanted, on=["trade_date", "parent_id"])
    assert joined["prediction"].to_numpy().tobytes() == joined["wanted"].to_numpy().tobytes()


def test_the_rank_uses_the_whole_range_and_follows_the_prediction(scored):
    for day in scored[1].partition_by("trade_date"):
        ordered = day.sort("prediction")
        n = day.height
        if ordered["prediction"].n_unique() == n:
            np.testing.assert_allclose(ordered["score_rank"], (2 * np.arange(1, n + 1) - 1) / n - 1, rtol=1e-12, atol=1e-15)
        assert day["score_rank"].min() > -1 and day["score_rank"].max() < 1
        assert day["score_rank"].sum() == pytest.approx(0.0, abs=1e-9)


def ridge(weight: float, mean: float) -> pl.DataFrame:
    """A champion that weighs all features alike."""
    n = len(ALL_FEATURES)
    text = RidgeModel(1.0, 0.0, [weight] * n, [mean] * n).to_text()
    return rows_of("models", {"model_name": "ridge", "model_version": "by hand", "is_champion": True, "calibration_slope": -1.0, "model_text": text})


def test_equal_predictions_share_a_rank(days):
    assert set(score_days(days, ridge(0.0, 0.0))[1]["score_rank"]) == {0.0}


def test_the_reasons_are_the_largest_contributions_in_order(days, models, scored):
    champion = models.filter("is_champion").row(0, named=True)
    fitted = load_model(champion["model_name"], champion["model_text"])
    ordered = days.sort("trade_date", "parent_id")
    parts = fitted.contributions(standardised(ordered, ALL_FEATURES))[:, :-1]
    place = {key: k for k, key in enumerate(ordered.select("trade_date", "ticker").rows())}
    for row in scored[1].iter_rows(named=True):
        own = parts[place[row["trade_date"], row["ticker"]]]
        sizes = [abs(value) for value in row["top_contributions"]]
        assert len(sizes) == len(set(row["top_features"])) == TOP_FEATURES
        assert sizes == sorted(sizes, reverse=True)
        assert sizes[-1] >= np.sort(np.abs(own))[-TOP_FEATURES]
        assert [own[ALL_FEATURES.index(name)] for name in row["top_features"]] == row["top_contributions"]
    assert scored[1]["top_features"].list.first().eq(CREDIT).mean() > 0.3


def test_the_reasons_show_the_values_of_issuer_days(days):
    few = days.with_columns(pl.lit(None, pl.Float64).alias(name) for name in ALL_FEATURES[3:] if name != "staleness_days")
    values = {(row["trade_date"], row["ticker"]): row for row in few.iter_rows(named=True)}
    shown = []
    for row in score_days(few, ridge(1.0, 0.0))[1].iter_rows(named=True):
        source = values[row["trade_date"], row["ticker"]]
        assert row["top_values"] == [source[name] for name in row["top_features"]]
        shown += row["top_values"]
    assert None in shown  # a missing value stays missing


def test_a_stale_issuer_is_not_scored_but_counts_in_the_cross_section(days, models, scored):
    assert "P19" not in set(scored[1]["parent_id"]) | set(scored[0]["parent_id"])
    without = score_days(days.filter(pl.col("parent_id") != "P19"), models)[1]
    assert not without["prediction"].equals(scored[1]["prediction"])


@pytest.mark.parametrize(("stale", "quote", "is_scored"), [(10.0, None, True), (11.0, None, False), (None, None, False), (11.0, 50.0, True), (None, 50.0, True)])
def test_fresh_means_ten_days_or_a_cds_quote(days, models, stale, quote, is_scored):
    of_one = pl.col("parent_id") == "P03"
    changed = days.with_columns(
        staleness_days=pl.when(of_one).then(pl.lit(stale, pl.Float64)).otherwise("staleness_days"),
        cds_spread_bps=pl.when(of_one).then(pl.lit(quote, pl.Float64)).otherwise("cds_spread_bps"),
    )
    predictions, scores = score_days(changed, models)
    assert ("P03" in set(scores["parent_id"])) == ("P03" in set(predictions["parent_id"])) == is_scored


def test_a_day_does_not_depend_on_the_others(days, models, scored):
    for day in days["trade_date"].unique().to_list():
        alone = score_days(days.filter(trade_date=day), models)
        for mine, whole in zip(alone, scored, strict=True):
            part = whole.filter(trade_date=day)
            assert mine.equals(part)
            for name in ("prediction", "score", "score_rank", "probability_underperform"):
                if name in part.columns:
                    assert mine[name].to_numpy().tobytes() == part[name].to_numpy().tobytes()


def test_the_order_of_rows_and_models_does_not_matter(days, models, scored):
    again = score_days(days[np.random.default_rng(0).permutation(days.height)], models.reverse())
    assert all(mine.equals(whole) for mine, whole in zip(again, scored, strict=True))


def test_a_day_with_nobody_fresh_is_empty(days, models):
    silent = days.with_columns(staleness_days=pl.lit(30.0), cds_spread_bps=pl.lit(None, pl.Float64))
    predictions, scores = score_days(silent, models)
    assert TABLES["predictions"].conform(predictions).is_empty() and TABLES["scores"].conform(scores).is_empty()
