"""Brier scores, Murphy's parts and the reliability diagram against sums written out.

Belongs here: `learning/probability.py`. Not here: how a probability is made
(`test_calibration.py`).
"""

from __future__ import annotations

from datetime import date
from functools import cache

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bondsig_assets.calendar import trading_days
from bondsig_assets.learning.labels import known_labels
from bondsig_assets.learning.probability import (
    BINS,
    _times_drawn,
    brier,
    equal_mass_bins,
    murphy,
    reliability,
)
from bondsig_assets.tables import TABLES

DAYS = trading_days(date(2022, 1, 3), date(2023, 12, 29))
KEYS = {"parent_id": pl.String, "trade_date": pl.Date}
PREDICTED = KEYS | {
    "model_name": pl.String,
    "model_version": pl.String,
    "probability_underperform": pl.Float64,
}
LABELLED = KEYS | {"horizon_days": pl.Int64, "label_pct": pl.Float64}
BASE = pl.DataFrame(
    {"model_version": ["ridge 1", "ridge 2", "xgboost 1"], "base_rate": [0.5, 0.6, 0.4]}
)


def outcomes(
    *rows: tuple[float | None, float | None], name: str = "ridge", version: str = "ridge 1"
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Predictions and labels of as many issuers on one day as there are pairs of probability and
    label.
    """
    predictions = pl.DataFrame(
        [(f"P{k}", DAYS[0], name, version, p) for k, (p, _) in enumerate(rows)],
        schema=PREDICTED,
        orient="row",
    )
    return predictions, pl.DataFrame(
        [(f"P{k}", DAYS[0], 5, y) for k, (_, y) in enumerate(rows)], schema=LABELLED, orient="row"
    )


@cache
def market(
    n_days: int = 80, n: int = 25, common: float = 0.0, seed: int = 0
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Two models' probabilities that mean what they say, unless the `common` part of a day's labels
    carries all issuers along.
    """
    rng = np.random.default_rng(seed)
    rows, labels = [], []
    for k, day in enumerate(DAYS[:n_days]):
        probability = rng.uniform(0.3, 0.7, n).round(3)
        shift = common * rng.standard_normal()
        under = rng.random(n) + shift < probability
        labels += [
            (f"P{i:02}", day, h, -1.0 if under[i] else 1.0) for h in (1, 5) for i in range(n)
        ]
        rows += [
            (f"P{i:02}", day, "ridge", f"ridge {1 + (k >= n_days // 2)}", probability[i])
            for i in range(n)
        ]
        rows += [
            (f"P{i:02}", day, "xgboost", "xgboost 1", round(1 - probability[i], 2))
            for i in range(n)
        ]
    return pl.DataFrame(rows, schema=PREDICTED, orient="row"), pl.DataFrame(
        labels, schema=LABELLED, orient="row"
    )


def test_brier_by_hand():
    # Errors 0.1, 0.3, 0.4, 0.8 against 0.5 each: 0.9 / 4 and 0.25.
    row = brier(*outcomes((0.9, -2.0), (0.3, 1.0), (0.4, 0.5), (0.2, -0.1)), BASE).row(
        0, named=True
    )
    assert row["brier_score"] == pytest.approx((0.01 + 0.09 + 0.16 + 0.64) / 4, rel=1e-14)
    assert row["brier_base_rate"] == pytest.approx(0.25, rel=1e-14)
    assert row["brier_skill"] == pytest.approx(1 - 0.225 / 0.25, rel=1e-12)
    assert (row["lowest_probability"], row["highest_probability"], row["n_rows"]) == (0.2, 0.9, 4)


def test_the_event_is_a_label_below_zero():
    score = [
        brier(*outcomes((1.0, label)), BASE)["brier_score"].item() for label in (-1e-9, 0.0, 1e-9)
    ]
    assert score == [0.0, 1.0, 1.0]


def test_the_base_rate_is_that_of_each_prediction_s_own_fold():
    first, labels = outcomes((0.5, -1.0), (0.5, 1.0))
    second = first.with_columns(
        model_version=pl.when(pl.col("parent_id") == "P1")
        .then(pl.lit("ridge 2"))
        .otherwise("model_version")
    )
    assert brier(first, labels, BASE)["brier_base_rate"].item() == pytest.approx(0.25)
    assert brier(second, labels, BASE)["brier_base_rate"].item() == pytest.approx((0.25 + 0.36) / 2)


def test_a_prediction_of_a_version_nobody_knows_is_left_out():
    predictions, labels = outcomes((0.9, -1.0), (0.2, 1.0), name="xgboost", version="xgboost 7")
    assert brier(predictions, labels, BASE).is_empty()
    assert reliability(predictions, labels)["n_rows"].sum() == 2


def test_a_base_rate_that_is_never_wrong_leaves_no_skill():
    sure = pl.DataFrame({"model_version": ["ridge 1"], "base_rate": [1.0]})
    assert brier(*outcomes((0.9, -1.0), (0.8, -1.0)), sure)["brier_skill"].item() == 0.0


@pytest.mark.parametrize("missing", [None, float("nan"), float("inf")])
def test_a_probability_or_label_that_is_no_number_is_left_out(missing):
    wanted = brier(*outcomes((0.9, -2.0), (0.3, 1.0)), BASE)
    assert brier(*outcomes((0.9, -2.0), (0.3, 1.0), (missing, 1.0)), BASE).equals(wanted)
    assert brier(*outcomes((0.9, -2.0), (0.3, 1.0), (0.6, missing)), BASE).equals(wanted)


def test_only_labels_of_the_horizon_count():
    predictions, labels = outcomes((0.9, -2.0), (0.3, 1.0))
    other = labels.with_columns(horizon_days=pl.lit(1, pl.Int64), label_pct=-pl.col("label_pct"))
    both = pl.concat([labels, other])
    assert brier(predictions, both, BASE).equals(brier(predictions, labels, BASE))
    assert brier(predictions, both, BASE, horizon=1).equals(
        brier(predictions, other, BASE, horizon=1)
    )
    assert brier(predictions, both, BASE, horizon=1)["brier_score"].item() > 0.5


def test_murphys_parts_by_hand():
    # Two bins of 2: forecasts 0.2 and 0.7, observed 0 and 1, base 0.5.
    found = murphy(
        np.array([0.1, 0.3, 0.6, 0.8]), np.array([0.0, 0.0, 1.0, 1.0]), np.array([0, 0, 1, 1])
    )
    assert found == pytest.approx(
        {
            "reliability": (0.04 + 0.09) / 2,
            "resolution": 0.25,
            "uncertainty": 0.25,
            "calibration_error": 0.25,
        }
    )


@given(st.lists(st.tuples(st.integers(0, 20), st.booleans()), min_size=1, max_size=80))
def test_the_parts_add_up_to_the_brier_score_of_the_bins_means(rows):
    p, y = (np.array(column, dtype=float) for column in zip(*rows, strict=True))
    p = p / 20
    bins = equal_mass_bins(p)
    found = murphy(p, y, bins)
    means = np.array([p[bins == k].mean() for k in bins])
    assert found["reliability"] - found["resolution"] + found["uncertainty"] == pytest.approx(
        np.mean((means - y) ** 2), abs=1e-12
    )
    assert min(found.values()) >= 0
    assert found["resolution"] <= found["uncertainty"] + 1e-12
    assert found["calibration_error"] ** 2 <= found["reliability"] + 1e-12


@given(st.lists(st.integers(0, 5), min_size=10, max_size=10))
def test_where_every_bin_holds_one_probability_the_parts_are_the_whole_brier_score(levels):
    p = np.repeat(np.array(levels) / 5, 7)
    y = (np.arange(p.size) % 3 == 0).astype(float)
    found = murphy(p, y, np.unique(p, return_inverse=True)[1])
    assert found["reliability"] - found["resolution"] + found["uncertainty"] == pytest.approx(
        np.mean((p - y) ** 2), abs=1e-12
    )


@given(st.lists(st.integers(0, 30), min_size=1, max_size=100), st.integers(1, 12))
def test_bins_are_in_order_without_gaps_and_equal_probabilities_share_one(values, n_bins):
    p = np.array(values) / 30
    bins = equal_mass_bins(p, n_bins)
    assert set(bins) == set(range(bins.max() + 1))
    assert bins.max() < n_bins
    order = np.argsort(p, kind="stable")
    assert (np.diff(bins[order])[np.diff(p[order]) == 0] == 0).all()
    assert (np.diff(bins[order]) >= 0).all()


@given(st.lists(st.integers(0, 30), min_size=1, max_size=100), st.integers(1, 12))
def test_no_bin_but_one_alone_holds_less_than_half_its_share(values, n_bins):
    count = np.bincount(equal_mass_bins(np.array(values) / 30, n_bins))
    assert count.size == 1 or count.min() >= len(values) / n_bins / 2


def test_a_few_beside_many_equals_join_their_smaller_neighbour():
    p = np.concatenate([np.full(3, 0.40), np.full(400, 0.47), np.full(597, 0.51), np.full(2, 0.6)])
    assert np.bincount(equal_mass_bins(p)).tolist() == [403, 599]
    p = np.concatenate([np.full(480, 0.47), np.full(40, 0.48), np.full(480, 0.51)])
    assert np.bincount(equal_mass_bins(p)).tolist() == [520, 480]


@pytest.mark.parametrize("n", [10, 37, 1000])
def test_bins_of_distinct_probabilities_hold_the_same_mass(n):
    count = np.bincount(equal_mass_bins(np.random.default_rng(0).permutation(n) / n))
    assert count.size == BINS
    assert count.max() - count.min() <= 1


def test_one_probability_for_all_is_one_bin():
    predictions, labels = outcomes(*[(0.48, sign) for sign in (-1.0, 1.0, 1.0, -1.0, 1.0)])
    row = brier(predictions, labels, BASE).row(0, named=True)
    assert row["resolution"] == 0
    assert row["reliability"] == pytest.approx(0.08**2)
    assert reliability(predictions, labels).select(
        "bin", "mean_probability", "observed_share", "n_rows"
    ).rows() == [(1, pytest.approx(0.48), 0.4, 5)]


def test_the_diagram_agrees_with_a_count_bin_by_bin():
    predictions, labels = market()
    found = reliability(predictions, labels)
    for name in ("ridge", "xgboost"):
        rows = predictions.filter(model_name=name).join(
            labels.filter(horizon_days=5), on=list(KEYS)
        )
        p, y = rows["probability_underperform"].to_numpy(), (rows["label_pct"] < 0).to_numpy()
        bins = equal_mass_bins(p)
        wanted = [
            (name, k + 1, p[bins == k].mean(), y[bins == k].mean(), int((bins == k).sum()))
            for k in range(BINS)
        ]
        of_model = (
            found.filter(model_name=name)
            .select("model_name", "bin", "mean_probability", "observed_share", "n_rows")
            .rows()
        )
        assert [row[:2] + row[4:] for row in of_model] == [row[:2] + row[4:] for row in wanted]
        np.testing.assert_allclose(
            [row[2:4] for row in of_model], [row[2:4] for row in wanted], rtol=1e-12
        )
    assert (found["low"] <= found["observed_share"]).all()
    assert (found["observed_share"] <= found["high"]).all()


def test_bands_of_independent_issuers_are_those_of_the_binomial():
    predictions, labels = market(n_days=400, seed=4)
    found = reliability(predictions.filter(model_name="ridge"), labels, n_draws=600)
    width = (found["high"] - found["low"]).to_numpy()
    share, n = found["observed_share"].to_numpy(), found["n_rows"].to_numpy()
    assert np.mean(width / (2 * 1.96 * np.sqrt(share * (1 - share) / n))) == pytest.approx(
        1.0, abs=0.15
    )


def test_bands_widen_where_issuers_of_a_day_fall_together():
    apart, together = (
        reliability(*market(n_days=200, common=common), n_draws=200) for common in (0.0, 0.5)
    )
    width = [(frame["high"] - frame["low"]).mean() for frame in (apart, together)]
    # Two or three issuers of a day are in one bin: a variance about 1 + 1.5 x correlation as large.
    assert width[1] > 1.3 * width[0]


def test_bands_widen_with_the_block_where_days_resemble_their_neighbours():
    predictions = market(n_days=240)[0].filter(model_name="ridge")
    regime = (pl.col("trade_date").rank("dense") - 1) // 20 % 2
    labels = predictions.select(
        *KEYS,
        horizon_days=pl.lit(5, pl.Int64),
        label_pct=pl.when(regime == 0).then(-1.0).otherwise(1.0),
    )
    width = [
        (frame["high"] - frame["low"]).mean()
        for frame in (reliability(predictions, labels, block_days=days) for days in (1, 21))
    ]
    assert width[1] > 2 * width[0]


def test_probabilities_that_mean_what_they_say_lie_within_their_bands():
    predictions, labels = market(n_days=300, seed=9)
    found = reliability(predictions, labels)
    inside = (
        found.with_columns(inside=pl.col("mean_probability").is_between("low", "high"))
        .group_by("model_name")
        .agg(pl.col("inside").sum())
    )
    assert inside.filter(model_name="ridge")["inside"].item() >= 8
    # The other model says the opposite.
    assert inside.filter(model_name="xgboost")["inside"].item() <= 3
    skill = dict(brier(predictions, labels, BASE).select("model_name", "brier_skill").rows())
    assert skill["ridge"] > 0.03
    assert skill["xgboost"] < -0.1


@settings(max_examples=30, deadline=None)
@given(st.integers(1, 60), st.integers(1, 60), st.integers(0, 100))
def test_each_draw_holds_as_many_days_as_there_are_in_whole_blocks_around_the_end(
    n_days, block, seed
):
    block = min(block, n_days)
    times = _times_drawn(n_days, 20, block, seed)
    assert times.shape == (20, n_days)
    assert (times.sum(axis=1) == n_days).all()
    # A cyclic step up is the beginning of a run of blocks: no more of them than blocks were drawn.
    assert (
        np.maximum(times - np.roll(times, 1, axis=1), 0).sum(axis=1) <= -(-n_days // block)
    ).all()


def test_every_day_is_drawn_equally_often():
    times = _times_drawn(50, 4000, 7, 0).mean(axis=0)
    assert times == pytest.approx(np.ones(50), abs=0.09)


def test_one_seed_gives_one_result_and_another_another():
    predictions, labels = market()
    first = reliability(predictions, labels, seed=1)
    assert reliability(predictions, labels, seed=1).equals(first)
    other = reliability(predictions, labels, seed=2)
    assert other.drop("low", "high").equals(first.drop("low", "high"))
    assert not other.equals(first)


@settings(max_examples=5, deadline=None)
@given(st.integers(0, 10**6))
def test_the_order_of_rows_changes_no_bit(seed):
    predictions, labels = market()
    p, y, m = (
        frame.sample(fraction=1.0, shuffle=True, seed=seed + k)
        for k, frame in enumerate((predictions, labels, BASE))
    )
    assert brier(p, y, m).equals(brier(predictions, labels, BASE))
    assert reliability(p, y).equals(reliability(predictions, labels))


def test_another_models_silence_changes_no_bit_of_the_others():
    predictions, labels = market()
    gone = (pl.col("model_name") == "xgboost") & pl.col("trade_date").is_in(DAYS[10:40])
    for judge in (lambda p: brier(p, labels, BASE), lambda p: reliability(p, labels)):
        whole, fewer = judge(predictions), judge(predictions.filter(~gone))
        assert fewer.filter(model_name="ridge").equals(whole.filter(model_name="ridge"))
        assert not fewer.filter(model_name="xgboost").equals(whole.filter(model_name="xgboost"))


def test_frames_fit_the_declared_tables():
    predictions, labels = market()
    for name, frame in (
        ("probability_evaluations", brier(predictions, labels, BASE)),
        ("reliability_bins", reliability(predictions, labels)),
    ):
        found = TABLES[name].conform(frame)
        assert set(found["model_name"]) == {"ridge", "xgboost"}
        assert found.equals(found.sort(TABLES[name].key))
        assert found.select(TABLES[name].key).is_unique().all()


def test_nothing_to_judge_gives_no_rows():
    predictions, labels = market()
    for p, y in (
        (predictions.clear(), labels),
        (predictions, labels.clear()),
        (TABLES["predictions"].empty(), known_labels(TABLES["labels"].empty())),
    ):
        assert TABLES["probability_evaluations"].conform(brier(p, y, BASE)).is_empty()
        assert TABLES["reliability_bins"].conform(reliability(p, y)).is_empty()


def test_a_single_day_has_bands_without_width():
    found = reliability(*outcomes(*[(0.4 + k / 100, 1.0 - 2 * (k % 2)) for k in range(20)]))
    assert found.height == BINS
    assert found["low"].equals(found["high"].alias("low"))


def test_days_on_which_nothing_was_known_or_all_names_were_alike_are_counted():
    parts = []
    for day, shares, informed in (
        (DAYS[0], (0.4, 0.6, 0.5), (True, True, False)),
        (DAYS[1], (0.55, 0.55, 0.55), (True, True, True)),
        (DAYS[2], (0.55, 0.55, 0.55), (False, False, False)),
        (DAYS[3], (0.5, 0.6, 0.6), (False, False, False)),
    ):
        frame, _ = outcomes(*((p, 1.0) for p in shares))
        parts.append(frame.with_columns(trade_date=day, is_informed=pl.Series(informed)))
    predictions = pl.concat(parts)
    labels = predictions.select(
        *KEYS, horizon_days=pl.lit(5, pl.Int64), label_pct=pl.lit(1.0, pl.Float64)
    )
    row = brier(predictions, labels, BASE).row(0, named=True)
    assert (row["n_days"], row["n_uninformed_days"], row["n_alike_days"]) == (4, 2, 2)
    older = brier(predictions.drop("is_informed"), labels, BASE).row(0, named=True)
    assert (older["n_uninformed_days"], older["n_alike_days"]) == (0, 2)
