"""Statistics of contributions, by hand."""

from __future__ import annotations

from datetime import date

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bondsig_assets.learning.explanation import (
    DOMINANT_SHARE,
    ESTIMATE,
    SPREAD_CHANGE,
    VOLUME,
    dominant,
    interaction_grid,
    stability,
)
from bondsig_assets.tables.news_features import NEWS_FEATURES
from bondsig_assets_tests.rows_of import rows_of

FOLDS = [date(2023, month, 1) for month in (1, 4, 7)]
NAMES = [f"f{k:02}" for k in range(12)]


def ranks(*folds: list[int], model: str = "ridge") -> pl.DataFrame:
    """Rows of `feature_importances` with the ranks of each fold, in order of NAMES."""
    return rows_of(
        "feature_importances",
        *(
            {"fold": fold, "model_name": model, "feature": name, "importance_rank": rank}
            for fold, of_fold in zip(FOLDS, folds, strict=False)
            for name, rank in zip(NAMES, of_fold, strict=False)
        ),
    )


UP, DOWN = list(range(1, 13)), list(range(12, 0, -1))


@pytest.mark.parametrize(
    ("one", "two", "correlation", "kept"),
    [(UP, UP, 1.0, 1.0), (UP, DOWN, -1.0, 0.8), ([1, 2, 3], [2, 1, 3], 0.5, 0.3)],
)
def test_stability_of_two_folds_by_hand(one, two, correlation, kept):
    found = stability(ranks(one, two))
    assert found["rank_correlation"][0] == pytest.approx(correlation)
    assert (
        found["model_name"].to_list(),
        found["top_ten_kept"].to_list(),
        found["n_pairs"].to_list(),
    ) == (["ridge"], [pytest.approx(kept)], [1])


def test_stability_is_the_mean_over_folds_that_follow_each_other():
    found = stability(ranks(UP, UP, DOWN))
    assert found.row(0) == ("ridge", pytest.approx(0.0), pytest.approx(0.9), 2)


@given(st.permutations(UP), st.permutations(UP), st.permutations(UP), st.integers(0, 1000))
@settings(max_examples=30, deadline=None)
def test_stability_does_not_depend_on_the_order_of_rows_nor_on_other_models(one, two, three, seed):
    alone = stability(ranks(one, two, three))
    mixed = pl.concat([ranks(one, two, three), ranks(three, one, model="xgboost")]).sample(
        fraction=1.0, shuffle=True, seed=seed
    )
    assert stability(mixed).row(0) == pytest.approx(alone.row(0))
    assert alone["rank_correlation"][0] == pytest.approx(
        np.mean([np.corrcoef(one, two)[0, 1], np.corrcoef(two, three)[0, 1]])
    )


def test_a_model_of_one_fold_has_no_stability():
    found = stability(pl.concat([ranks(UP), ranks(UP, UP, model="xgboost")]))
    assert found["model_name"].to_list() == ["xgboost"]
    assert stability(ranks(UP)).is_empty() and stability(ranks()).is_empty()


def test_a_feature_that_carries_a_model_is_dominant():
    rows = rows_of(
        "feature_importances",
        *(
            {"fold": fold, "model_name": model, "feature": "f", "share": share}
            for fold, model, share in [
                (FOLDS[0], "ridge", 0.40),
                (FOLDS[1], "ridge", 0.41),
                (FOLDS[0], "xgboost", 0.7),
                (FOLDS[0], "lightgbm", 0.41),
            ]
        ),
    )
    assert DOMINANT_SHARE == 0.40
    assert dominant(rows).select("fold", "model_name", "share").rows() == [
        (FOLDS[0], "xgboost", 0.7),
        (FOLDS[0], "lightgbm", 0.41),
        (FOLDS[1], "ridge", 0.41),
    ]
    assert dominant(rows, 0.7).is_empty()
    by_estimate = rows.with_columns(feature=pl.lit(ESTIMATE))
    assert dominant(by_estimate).is_empty(), "a forecast itself, which a model may be made of alone"
    assert ESTIMATE in {one.name for one in NEWS_FEATURES}


def test_the_grid_by_hand():
    inputs = np.array(
        [
            [-1.0, 9, -0.51],
            [-0.5, 9, 0.5],
            [0.5, 9, 0.6],
            [0.51, 9, 0.6],
            [2.0, 9, 1.0],
            [np.nan, 9, 1.0],
            [2.0, 9, np.nan],
            [np.inf, 9, 1.0],
        ]
    )
    parts = np.array(
        [
            [1.0, 7, 7, 5],
            [2, 7, 7, 5],
            [3, 7, 7, 5],
            [4, 7, 7, 5],
            [6, 7, 7, 5],
            [100, 7, 7, 5],
            [100, 7, 7, 5],
            [100, 7, 7, 5],
        ]
    )
    found = interaction_grid(inputs, parts, [SPREAD_CHANGE, "other", VOLUME])
    assert found.rows() == [
        ("high", "high", 5.0, 2),
        ("low", "low", 1.0, 1),
        ("middle", "high", 3.0, 1),
        ("middle", "middle", 2.0, 1),
    ]
    turned = interaction_grid(
        inputs, parts, [SPREAD_CHANGE, "other", VOLUME], VOLUME, SPREAD_CHANGE
    )
    assert turned.select("first", "second", "n_rows").sort("second", "first").rows() == [
        ("high", "high", 2),
        ("low", "low", 1),
        ("high", "middle", 1),
        ("middle", "middle", 1),
    ]
    assert set(turned["mean_contribution"]) == {7.0}


def test_a_feature_that_acts_alone_has_columns_that_are_alike():
    rng = np.random.default_rng(0)
    x = rng.choice([-1.0, 0.0, 1.0], (3000, 2))
    alone, together = 2 * x[:, :1], x[:, :1] * (x[:, 1:] > 0)
    names = [SPREAD_CHANGE, VOLUME]
    flat = (
        interaction_grid(x, np.column_stack([alone, alone]), names)
        .group_by("first")
        .agg(pl.col("mean_contribution").n_unique())
    )
    assert flat["mean_contribution"].to_list() == [1, 1, 1]
    assert (
        interaction_grid(x, np.column_stack([together, together]), names)
        .filter(pl.col("first") == "high")["mean_contribution"]
        .n_unique()
        == 2
    )


def test_a_model_without_the_pair_has_an_empty_grid():
    found = interaction_grid(np.zeros((3, 1)), np.zeros((3, 2)), [VOLUME])
    assert (
        found.is_empty()
        and found.schema
        == interaction_grid(np.zeros((3, 2)), np.zeros((3, 3)), [SPREAD_CHANGE, VOLUME]).schema
    )
