"""A feature of one's own: found where it is planted, not where it is not, never ahead of time."""

# A test's name says what it shows.
# ruff: noqa: D103

from __future__ import annotations

from datetime import date, datetime, timedelta

import numpy as np
import polars as pl
import pytest

from bondsig_assets import judge_feature
from bondsig_assets.calendar import CUTOFF, trading_days
from bondsig_assets.errors import FoldError, SchemaError
from bondsig_assets.learning.folds import folds_between
from bondsig_assets.learning.labels import known_labels
from bondsig_assets.learning.own_feature import predict_from_feature
from bondsig_assets.learning.settings import WalkForwardSettings

_DAYS = trading_days(date(2021, 9, 1), date(2023, 6, 30))
_NAMES = [f"P{n:02}" for n in range(24)]
_SETTINGS = WalkForwardSettings(minimum_train_days=126)


def market(seed: int, told: float, by_control: float = 0.0) -> tuple[pl.DataFrame, ...]:
    """Values, labels of which `told` of a deviation is the value's, and a control that knows
    `by_control` of the value.
    """
    rng = np.random.default_rng(seed)
    keys = pl.DataFrame(
        [(day, name) for day in _DAYS for name in _NAMES],
        schema={"trade_date": pl.Date, "parent_id": pl.String},
        orient="row",
    )
    value, noise, other = rng.normal(size=(3, keys.height))
    values = keys.with_columns(value=pl.Series(value))
    label = told * value + noise
    labels = keys.select(
        "trade_date",
        "parent_id",
        horizon_days=pl.lit(5, pl.Int64),
        excess_return_pct=pl.Series(label),
        stock_return_pct=pl.Series(label),
        sector_return_pct=0.0,
    )
    control = keys.with_columns(
        model_name=pl.lit("equity_only"),
        prediction=pl.Series(by_control * value + (1 - by_control) * other),
    )
    return values, labels, control


def row(rows: pl.DataFrame, name: str) -> dict[str, float]:
    return rows.filter(slice="all", model_name=name).row(0, named=True)


@pytest.mark.parametrize("sign", [1, -1])
def test_what_is_planted_is_found_on_either_side(sign):
    values, labels, control = market(1, sign * 0.2)
    rows = judge_feature(values, labels, control, _SETTINGS, "spread_gap")
    assert set(rows["model_name"]) == {"spread_gap", "spread_gap_over_equity", "equity_only"}
    assert set(rows["slice"]) == {"all", "year"}
    for name in ("spread_gap", "spread_gap_over_equity"):
        found = row(rows, name)
        # The correlation of the label with the value: 0.2 / sqrt(1.04).
        assert found["size_weighted_ic"] == pytest.approx(0.196, abs=0.03)
        assert found["size_weighted_ic"] > found["smallest_detectable_size_weighted_ic"]


@pytest.mark.slow
def test_where_nothing_is_planted_the_t_statistics_are_those_of_chance():
    ts = [
        row(judge_feature(*market(seed, 0.0), _SETTINGS), "mine_over_equity")["size_weighted_t"]
        for seed in range(12)
    ]
    assert abs(np.mean(ts)) < 1.0 and 0.4 < np.std(ts) < 1.8
    assert sum(abs(t) > 2.8 for t in ts) <= 1


def test_what_the_control_knows_adds_nothing_to_it():
    values, labels, control = market(2, 0.2, by_control=1.0)
    rows = judge_feature(values, labels, control, _SETTINGS)
    assert row(rows, "mine")["size_weighted_ic"] > 0.15
    # Nothing is left on any day, and what never varies is not judged.
    assert rows.filter(model_name="mine_over_equity").is_empty()


def test_by_hand_the_slope_is_that_of_the_days_before():
    values, labels, _ = market(3, 0.2)
    predictions = predict_from_feature(values, labels, _SETTINGS)
    fold = folds_between(_DAYS[0], _DAYS[-1], _SETTINGS)[0]
    both = values.join(known_labels(labels), on=["trade_date", "parent_id"])
    day = pl.col("trade_date")
    # The middle is the median, and a deviation 1.4826 median absolute deviations.
    gap = pl.col("value") - pl.col("value").median().over(day)
    z = (gap / (1.4826 * gap.abs().median().over(day))).clip(-8, 8)
    share = (pl.col("label_pct").rank().over(day) - 0.5) / pl.len().over(day)
    both = both.with_columns(z=z, share=share)
    from scipy.stats import norm

    early = both.filter(day <= fold.train_end)
    score = norm.ppf(early["share"].to_numpy())
    slope = float(early["z"].to_numpy() @ score / (early["z"].to_numpy() @ early["z"].to_numpy()))
    mine = predictions.filter(day <= fold.last_day).join(both, on=["trade_date", "parent_id"])
    assert mine["trade_date"].min() == fold.first_day
    np.testing.assert_allclose(mine["prediction"], slope * mine["z"], rtol=1e-9)


def test_no_later_row_changes_an_earlier_prediction():
    values, labels, _ = market(4, 0.2)
    whole = predict_from_feature(values, labels, _SETTINGS)
    fold = folds_between(_DAYS[0], _DAYS[-1], _SETTINGS)[1]
    early = pl.col("trade_date") <= fold.last_day
    spoilt = labels.with_columns(
        excess_return_pct=pl.when(pl.col("trade_date") <= fold.train_end)
        .then("excess_return_pct")
        .otherwise(-1000 * pl.col("excess_return_pct"))
    )
    cut = predict_from_feature(values.filter(early), spoilt, _SETTINGS)
    wanted = whole.filter(early)
    assert cut.equals(wanted) and wanted.height > 1000


def test_the_order_and_the_unit_of_values_change_nothing():
    values, labels, control = market(5, 0.1)
    one = judge_feature(values, labels, control, _SETTINGS)
    mixed = values.sample(fraction=1.0, shuffle=True, seed=1).with_columns(
        1e4 * pl.col("value") + 7
    )
    other = judge_feature(mixed, labels, control, _SETTINGS)
    column = "size_weighted_ic"
    np.testing.assert_allclose(one[column], other[column], rtol=1e-6)


def test_an_issuer_without_a_value_has_no_prediction():
    values, labels, _ = market(6, 0.2)
    gone = values.with_columns(
        value=pl.when(pl.col("parent_id") == "P03")
        .then(None)
        .when(pl.col("parent_id") == "P04")
        .then(float("nan"))
        .otherwise("value")
    )
    found = predict_from_feature(gone, labels, _SETTINGS)
    assert set(_NAMES) - set(found["parent_id"]) == {"P03", "P04"}
    assert found["prediction"].is_finite().all()


def test_what_cannot_be_judged_is_one_line():
    values, labels, control = market(7, 0.0)
    late = values.with_columns(known_at=pl.col("trade_date").dt.combine(CUTOFF))
    assert predict_from_feature(late, labels, _SETTINGS).height
    late = late.with_columns(
        known_at=pl.when(pl.col("trade_date") == date(2022, 3, 1))
        .then(datetime(2022, 3, 1, 18, 31))
        .otherwise("known_at")
    )
    for frame, told in (
        (late, f"24 of {values.height} values became known after .* the first on 2022-03-01"),
        (values.rename({"value": "x"}), "lacks value"),
        (values.drop("parent_id"), "lacks parent_id"),
        (pl.concat([values, values.head(2)]), "4 rows of the feature share"),
        (values.with_columns(value=pl.lit("high")), "the feature's frame: conversion"),
        (values.with_columns(value=pl.lit(None, pl.Float64)), "no value on any day"),
        (values.with_columns(parent_id=pl.lit(None, pl.String)), "without trade_date or parent_id"),
    ):
        with pytest.raises(SchemaError, match=told) as caught:
            judge_feature(frame, labels, control, _SETTINGS)
        assert "\n" not in str(caught.value)
    with pytest.raises(SchemaError, match="no row of equity_only"):
        judge_feature(values, labels, control.with_columns(model_name=pl.lit("ridge")), _SETTINGS)
    with pytest.raises(SchemaError, match="cannot be called equity_only"):
        judge_feature(values, labels, control, _SETTINGS, "equity_only")
    with pytest.raises(SchemaError, match="the labels' frame lacks sector_return_pct"):
        judge_feature(values, labels.drop("sector_return_pct"), control, _SETTINGS)
    short = values.filter(pl.col("trade_date") < _DAYS[0] + timedelta(days=90))
    with pytest.raises(FoldError, match="no quarter has 126 trading days of values"):
        judge_feature(short, labels, control, _SETTINGS)
    with pytest.raises(FoldError, match="no quarter has"):
        judge_feature(values, labels.clear(), control, _SETTINGS)
