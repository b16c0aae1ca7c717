"""Standardising within a day: robust, cut, blind to other days."""

from __future__ import annotations

from datetime import date

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import norm

from bondsig_assets.learning.inputs import CLIP, normal_scores, standardised
from bondsig_assets.learning.models.catalogue import CONTROL, KINDS
from bondsig_assets.tables.issuer_features import FEATURES
from bondsig_assets.tables.news_features import NEWS_AGES, NEWS_FEATURES

DAY, NEXT = date(2024, 3, 1), date(2024, 3, 4)


def frame(values: list, day: date = DAY) -> pl.DataFrame:
    """One feature of one day."""
    return pl.DataFrame(
        {"trade_date": [day] * len(values), "x": values},
        schema={"trade_date": pl.Date, "x": pl.Float64},
    )


def test_the_robust_zscore_by_hand():
    found = standardised(frame([1.0, 2.0, 3.0, 4.0, 100.0, None]), ("x",))[:, 0]
    np.testing.assert_allclose(
        found[:4], (np.array([1.0, 2.0, 3.0, 4.0]) - 3.0) / 1.4826, rtol=1e-14
    )
    assert found[4] == CLIP
    assert np.isnan(found[5])


def test_scale_and_place_do_not_matter():
    values = np.random.default_rng(0).standard_normal(30)
    plain, moved = (
        standardised(frame(values.tolist()), ("x",)),
        standardised(frame((7.0 * values + 40.0).tolist()), ("x",)),
    )
    np.testing.assert_allclose(moved, plain, rtol=1e-9, atol=1e-12)


def test_mostly_equal_and_constant_features():
    mostly = standardised(frame([0.0] * 8 + [1.0, 2.0]), ("x",))[:, 0]
    np.testing.assert_allclose(
        mostly, np.array([0.0] * 8 + [1.0, 2.0]) / np.std([0.0] * 8 + [1.0, 2.0]), rtol=1e-12
    )
    assert (standardised(frame([5.0] * 6), ("x",)) == 0).all()
    assert np.isnan(standardised(frame([None] * 6), ("x",))).all()


NUMBERS = st.one_of(st.floats(-1e6, 1e6), st.integers(-3, 3).map(float))


@settings(max_examples=200, deadline=None)
@given(
    st.lists(
        st.one_of(NUMBERS, st.none(), st.sampled_from([np.inf, -np.inf, np.nan])),
        min_size=1,
        max_size=30,
    )
)
def test_an_infinity_is_as_missing_as_a_null(values):
    without = [value if value is not None and np.isfinite(value) else None for value in values]
    found, wanted = standardised(frame(values), ("x",)), standardised(frame(without), ("x",))
    assert found.tobytes() == wanted.tobytes()
    assert np.isnan(found[:, 0]).tolist() == [value is None for value in without]


def test_infinities_move_neither_median_nor_spread():
    found = standardised(frame([1.0, 2.0, 3.0, 4.0, 100.0, np.inf, np.inf, -np.inf]), ("x",))[:, 0]
    np.testing.assert_allclose(
        found[:4], (np.array([1.0, 2.0, 3.0, 4.0]) - 3.0) / 1.4826, rtol=1e-14
    )
    assert found[4] == CLIP and np.isnan(found[5:]).all()
    assert np.isnan(standardised(frame([np.inf] * 6), ("x",))).all()
    # One column's infinity is nothing to the next.
    beside = frame([1.0, 2.0, 3.0]).with_columns(y=pl.Series([np.inf, 5.0, 7.0]))
    assert (
        standardised(beside, ("x", "y"))[:, 0].tobytes()
        == standardised(frame([1.0, 2.0, 3.0]), ("x",))[:, 0].tobytes()
    )


def test_a_day_does_not_see_the_others():
    rng = np.random.default_rng(1)
    one, two = (
        frame(rng.standard_normal(20).tolist()),
        frame((50 * rng.standard_normal(20)).tolist(), NEXT),
    )
    both = standardised(pl.concat([one, two]), ("x",))
    assert (
        both.tobytes()
        == np.concatenate([standardised(one, ("x",)), standardised(two, ("x",))]).tobytes()
    )
    mixed = pl.concat([one, two])[np.random.default_rng(2).permutation(40)]
    np.testing.assert_array_equal(
        np.sort(standardised(mixed, ("x",)).ravel()), np.sort(both.ravel())
    )


def test_normal_scores_by_hand():
    days = pl.Series([DAY] * 4 + [NEXT] * 2)
    found = normal_scores(days, pl.Series([10.0, -3.0, 5.0, 5.0, 1.0, 2.0]))
    np.testing.assert_allclose(
        found, norm.ppf([3.5 / 4, 0.5 / 4, 2.0 / 4, 2.0 / 4, 0.25, 0.75]), rtol=1e-12, atol=1e-15
    )
    assert found[:4].sum() == pytest.approx(0.0, abs=1e-12)


def test_the_control_knows_its_stocks_own_lags_and_nothing_of_credit():
    control = KINDS[CONTROL].features
    assert {f"stock_return_{k}" for k in NEWS_AGES} <= set(control)
    blocks = {one.name: one.block for one in (*FEATURES, *NEWS_FEATURES)}
    assert {blocks[name] for name in control} == {"equity"}
