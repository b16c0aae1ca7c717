"""The dataset: what a model may be given of which rows, and never anything of another day but an
issuer's own past.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from types import SimpleNamespace

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bondsig_assets.calendar import cutoff, day_number, offset, trading_days
from bondsig_assets.learning.dataset import (
    Dataset,
    make_dataset,
    without_information,
)
from bondsig_assets.learning.inputs import (
    ALL_INPUTS,
    EQUITY_INPUTS,
    IN_UNITS,
    normal_scores,
    standardised,
)
from bondsig_assets.learning.models.catalogue import CONTROL, Specification, specification
from bondsig_assets.learning.settings import WalkForwardSettings
from bondsig_assets.learning.weights import average_uniqueness
from bondsig_assets.market_rules import MINIMUM_NAMES
from bondsig_assets.tables.issuer_features import ALL_FEATURES
from bondsig_assets_tests.learning.days import CREDIT, issuer_days, labels_of

FIRST, LAST = date(2024, 3, 1), date(2024, 3, 28)
WINDOWS = WalkForwardSettings()
DAYS = issuer_days(FIRST, LAST)
LABELS = labels_of(DAYS)
DATES = trading_days(FIRST, LAST)


def made(
    days: pl.DataFrame = DAYS, labels: pl.DataFrame = LABELS, windows: WalkForwardSettings = WINDOWS
) -> Dataset:
    """A dataset."""
    return make_dataset(days, labels, windows)


def lstm(history_days: int) -> Specification:
    """A sequence model's specification."""
    return specification("lstm", {"history_days": history_days})


def same(one: Dataset, other: Dataset) -> bool:
    """Whether two datasets are the same to the last bit."""
    names = ("z", "scorable", "excess", "label", "label_end", "day", "parent")
    return one.keys.equals(other.keys) and all(
        getattr(one, name).tobytes() == getattr(other, name).tobytes() for name in names
    )


def test_the_order_of_the_rows_does_not_matter():
    mixed = np.random.default_rng(0).permutation(DAYS.height)
    assert same(made(DAYS[mixed], LABELS[mixed[::-1]]), made())


def test_rows_are_ordered_and_known_at_the_cutoff_of_their_day():
    data = made()
    assert data.keys.equals(data.keys.sort("trade_date", "parent_id"))
    assert data.keys["known_at"].to_list() == [cutoff(day) for day in data.keys["trade_date"]]
    assert (
        np.ascontiguousarray(data.z[:, : len(ALL_FEATURES)]).tobytes()
        == standardised(DAYS.sort("trade_date", "parent_id"), ALL_FEATURES).tobytes()
    )


def test_labels_stand_beside_their_own_row_as_normal_scores_of_the_day():
    data = made(labels=LABELS.sample(fraction=0.95, seed=3))
    joined = data.keys.join(
        LABELS.sample(fraction=0.95, seed=3),
        on=["trade_date", "parent_id"],
        how="left",
        maintain_order="left",
    )
    has = joined["excess_return_pct"].is_not_null().to_numpy()
    assert 0 < (~has).sum() < has.size
    np.testing.assert_array_equal(data.excess[has], joined["excess_return_pct"].drop_nulls())
    np.testing.assert_array_equal(
        data.label[has],
        normal_scores(joined["trade_date"].filter(has), joined["excess_return_pct"].drop_nulls()),
    )
    np.testing.assert_array_equal(
        data.label_end[has], day_number(joined["label_end_date"].drop_nulls())
    )
    assert (
        np.isnan(data.excess[~has]).all()
        and np.isnan(data.label[~has]).all()
        and (data.label_end[~has] == -1).all()
    )


@settings(max_examples=25, deadline=None)
@given(st.lists(st.integers(0, 20), min_size=len(DATES), max_size=len(DATES)))
def test_a_day_needs_enough_labelled_names(counts):
    wanted = pl.DataFrame({"trade_date": DATES, "count": counts})
    some = (
        LABELS.join(wanted, on="trade_date")
        .filter(pl.col("parent_id").str.slice(1).cast(pl.Int64) < pl.col("count"))
        .drop("count")
    )
    data = made(labels=some)
    for day, count in wanted.rows():
        rows = data.between(day, day)
        assert np.isfinite(data.excess[rows]).sum() == count
        assert (
            np.isfinite(data.label[rows]).sum()
            == data.labelled(day, day).size
            == (data.label_end[rows] >= 0).sum()
            == (count if count >= MINIMUM_NAMES else 0)
        )


def test_labels_without_a_number_do_not_count_among_the_names():
    few = LABELS.with_columns(
        excess_return_pct=pl.when(pl.col("parent_id") < "P06")
        .then(float("nan"))
        .otherwise("excess_return_pct")
    )
    assert not np.isfinite(made(labels=few).label).any()
    enough = LABELS.with_columns(
        excess_return_pct=pl.when(pl.col("parent_id") < "P05")
        .then(float("inf"))
        .otherwise("excess_return_pct")
    )
    data = made(labels=enough)
    assert (
        np.isfinite(data.label).sum() == 15 * len(DATES)
        and (data.label_end[np.isnan(data.label)] == -1).all()
    )


@pytest.mark.parametrize("horizon", [1, 10])
def test_labels_of_other_horizons_are_not_looked_at(horizon):
    others = labels_of(DAYS, seed=5, horizon=horizon)
    assert same(made(labels=pl.concat([others, LABELS])), made())
    assert same(
        made(labels=pl.concat([others, LABELS]), windows=replace(WINDOWS, horizon_days=horizon)),
        made(labels=others, windows=replace(WINDOWS, horizon_days=horizon)),
    )
    assert not np.isfinite(made(labels=others).label).any()


def test_labels_of_days_beyond_the_issuer_days_are_not_looked_at():
    early = DAYS.filter(pl.col("trade_date") <= DATES[9])
    assert same(made(early), made(early, LABELS.filter(pl.col("trade_date") <= DATES[9])))


def test_the_label_kind_is_the_one_asked_for():
    by_beta = made(windows=replace(WINDOWS, label="beta_adjusted"))
    np.testing.assert_array_equal(
        by_beta.excess, -made().excess
    )  # the helper's beta-adjusted label is minus the other
    np.testing.assert_allclose(by_beta.label, -made().label, atol=1e-12)
    without_beta = LABELS.with_columns(beta_adjusted_return_pct=pl.lit(None, pl.Float64))
    assert not np.isfinite(
        made(labels=without_beta, windows=replace(WINDOWS, label="beta_adjusted")).label
    ).any()
    assert same(made(labels=without_beta), made())


@settings(max_examples=20, deadline=None)
@given(st.sampled_from(DATES), st.sampled_from([float("nan"), float("inf"), 1e6, 0.0, None]))
def test_rows_of_a_day_do_not_depend_on_other_days(day, poison):
    other = pl.col("trade_date") != day
    days = DAYS.with_columns(
        pl.when(other).then(poison).otherwise(pl.col(list(ALL_FEATURES))).name.keep()
    )
    labels = LABELS.with_columns(
        pl.when(other).then(poison).otherwise(pl.col("excess_return_pct")).name.keep()
    )
    whole = made()
    rows = whole.between(day, day)
    for changed in (made(days, labels), made(days.filter(~other), labels.filter(~other))):
        mine = changed.between(day, day)
        assert changed.keys[mine].equals(whole.keys[rows])
        for name in ("z", "scorable", "excess", "label", "label_end"):
            assert getattr(changed, name)[mine].tobytes() == getattr(whole, name)[rows].tobytes(), (
                name
            )


def test_infinite_values_become_missing():
    at = (pl.col("trade_date") == DATES[3]) & pl.col("parent_id").is_in(["P02", "P05", "P07"])
    for value in (float("inf"), float("-inf"), float("nan")):
        data = made(DAYS.with_columns(pl.when(at).then(value).otherwise(CREDIT).alias(CREDIT)))
        column = data.z[data.between(DATES[3], DATES[3]), ALL_FEATURES.index(CREDIT)]
        assert (
            np.isnan(column[[2, 5, 7]]).all()
            and np.isfinite(np.delete(column, [2, 5, 7])).sum() >= 15
        )
        assert (
            np.isfinite(data.z[np.isfinite(data.z)]).all()
            and (np.abs(data.z[np.isfinite(data.z)]) <= 8).all()
        )


@settings(max_examples=50, deadline=None)
@given(st.integers(-3, len(DATES) + 2), st.integers(-3, len(DATES) + 2), st.booleans())
def test_between_is_the_rows_of_these_days(one, other, is_open):
    first, last = offset(FIRST, one), offset(FIRST, other)
    keys = made().keys["trade_date"]
    found = made().between(None if is_open else first, last)
    np.testing.assert_array_equal(
        found, np.flatnonzero(((keys <= last) & (is_open | (keys >= first))).to_numpy())
    )


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 10_000), st.floats(0.1, 0.9), st.integers(2, 8))
def test_a_sequence_is_the_issuers_own_past_oldest_day_first(seed, share, history):
    days = DAYS.sample(fraction=share, seed=seed)
    data, chosen = made(days), lstm(history)
    found = data.inputs(np.arange(days.height), chosen)
    assert found.shape == (days.height, history, len(chosen.features)) and found.dtype == np.float32
    columns = [ALL_INPUTS.index(name) for name in chosen.features]
    at = {
        key: row
        for row, key in enumerate(
            zip(data.day.tolist(), data.keys["parent_id"].to_list(), strict=True)
        )
    }
    for (day, parent), row in at.items():
        for back in range(history):
            source = at.get((day - back, parent))
            wanted = np.full(len(columns), np.nan) if source is None else data.z[source, columns]
            np.testing.assert_array_equal(found[row, history - 1 - back], wanted.astype(np.float32))


@settings(max_examples=20, deadline=None)
@given(st.sampled_from(DATES), st.integers(2, 8))
def test_a_sequence_never_holds_a_row_of_the_future(day, history):
    later = pl.col("trade_date") > day
    poisoned = made(
        DAYS.with_columns(
            pl.when(later).then(1e6).otherwise(pl.col(list(ALL_FEATURES))).name.keep()
        )
    )
    cut = made(DAYS.filter(~later))
    rows = made().between(None, day)
    wanted = made().inputs(rows, lstm(history)).tobytes()
    assert (
        poisoned.inputs(rows, lstm(history)).tobytes()
        == cut.inputs(rows, lstm(history)).tobytes()
        == wanted
    )
    # Nor of a past longer ago than its history: a scoring run reads no more.
    short = made(DAYS.filter(pl.col("trade_date") > offset(day, -history)))
    today = made().between(day, day)
    assert (
        short.inputs(short.between(day, day), lstm(history)).tobytes()
        == made().inputs(today, lstm(history)).tobytes()
    )


def test_an_issuer_that_appears_has_no_past():
    data = made(DAYS.filter((pl.col("parent_id") != "P04") | (pl.col("trade_date") >= DATES[10])))
    row = np.flatnonzero((data.keys["parent_id"] == "P04").to_numpy())[1:2]
    found = data.inputs(row, lstm(5))[0]
    assert np.isnan(found[:3]).all() and not np.isnan(found[3:]).all(axis=1).any()


def test_inputs_are_the_features_of_the_specification_in_its_order():
    data, rows = made(), np.array([3, 40, 7])
    control = data.inputs(rows, specification(CONTROL))
    np.testing.assert_array_equal(
        control,
        np.column_stack([data.z[rows, ALL_INPUTS.index(name)] for name in EQUITY_INPUTS]),
    )
    turned = data.inputs(rows, replace(specification("ridge"), features=ALL_INPUTS[::-1]))
    np.testing.assert_array_equal(turned, data.z[rows][:, ::-1])
    assert data.inputs(rows[:0], lstm(3)).shape == (0, 3, len(lstm(3).features)) and data.inputs(
        rows[:0], specification("ridge")
    ).shape == (0, len(ALL_INPUTS))


def test_a_sample_weighs_rows_by_uniqueness_among_themselves():
    data = made()
    rows = data.labelled(DATES[2], DATES[9])
    sample = data.sample(rows, specification("ridge"), True)
    uniqueness = average_uniqueness(data.parent[rows], data.day[rows], 5)
    np.testing.assert_allclose(sample.weight, uniqueness / uniqueness.mean(), rtol=1e-14)
    assert (
        sample.weight.mean() == pytest.approx(1.0)
        and sample.weight.max() > 1.5 * sample.weight.min()
    ), "labels at the edges overlap fewer others"
    np.testing.assert_array_equal(sample.label, data.label[rows])
    assert (data.sample(rows, specification("ridge"), False).weight == 1).all()
    assert data.sample(rows[:0], specification("ridge"), True).weight.size == 0
    alone = data.labelled(DATES[2], DATES[2])
    assert (data.sample(alone, specification("ridge"), True).weight == 1).all()


def test_a_model_that_forgets_learns_from_the_newest_days_alone():
    data, forgets = made(), specification("recent_ridge", {"window_days": 126})
    # Fewer days than settings allow: the market is small.
    short = replace(forgets, settings=SimpleNamespace(window_days=4, history_days=1))
    rows = data.labelled(DATES[2], DATES[9])
    np.testing.assert_array_equal(data.recent(rows, short), data.labelled(DATES[6], DATES[9]))
    for one in (forgets, specification("bayes_ridge")):
        np.testing.assert_array_equal(data.recent(rows, one), rows)
    assert data.recent(rows[:0], short).size == 0
    # What it is given of older days changes nothing, weights by uniqueness neither.
    late, every = (data.sample(one, short, True) for one in (data.recent(rows, short), rows))
    for name in ("features", "label", "weight"):
        np.testing.assert_array_equal(getattr(late, name), getattr(every, name))
    assert late.effective_rows == every.effective_rows


@pytest.mark.parametrize(
    ("stale", "quote", "is_scorable"),
    [
        (10.0, None, True),
        (11.0, None, False),
        (None, None, False),
        (11.0, 50.0, True),
        (None, 50.0, True),
        (float("nan"), None, False),
    ],
)
def test_fresh_means_a_trade_within_ten_days_or_a_cds_quote(stale, quote, is_scorable):
    of_one = pl.col("parent_id") == "P03"
    data = made(
        DAYS.with_columns(
            staleness_days=pl.when(of_one)
            .then(pl.lit(stale, pl.Float64))
            .otherwise("staleness_days"),
            cds_spread_bps=pl.when(of_one)
            .then(pl.lit(quote, pl.Float64))
            .otherwise("cds_spread_bps"),
        )
    )
    assert set(data.scorable[(data.keys["parent_id"] == "P03").to_numpy()]) == {is_scorable}
    assert not data.scorable[(data.keys["parent_id"] == "P19").to_numpy()].any(), (
        "the helper's last issuer is stale"
    )


def test_features_that_say_nothing_are_named():
    silent, constant = ALL_FEATURES[4], ALL_FEATURES[9]
    data = made(
        DAYS.with_columns(pl.lit(None, pl.Float64).alias(silent), pl.lit(3.0).alias(constant))
    )
    found = without_information(data, np.arange(data.day.size))
    no_news = dict.fromkeys(IN_UNITS, "constant")
    assert found == {silent: "all missing", constant: "constant", **no_news}
    assert without_information(data, np.arange(0)) == dict.fromkeys(ALL_INPUTS, "all missing")
    assert without_information(made(), np.arange(data.day.size)) == no_news


def test_no_issuer_days_make_an_empty_dataset():
    data = made(DAYS[:0], LABELS)
    assert (
        data.z.shape == (0, len(ALL_INPUTS))
        and data.between(None, LAST).size == 0
        and data.inputs(np.arange(0), lstm(3)).shape[0] == 0
    )


def news(days: pl.DataFrame = DAYS, seed: int = 5) -> pl.DataFrame:
    """Rows of `credit_news` for all but the first issuer; one in ten values missing."""
    rng = np.random.default_rng(seed)
    keys = days.filter(pl.col("parent_id") != "P00").select("parent_id", "trade_date")
    values = rng.standard_t(2, (keys.height, len(IN_UNITS)))
    values[rng.random(values.shape) < 0.1] = np.nan
    return keys.with_columns(
        daily_volatility_pct=pl.Series(rng.uniform(0.5, 3.0, keys.height)),
        **{name: pl.Series(values[:, k]).fill_nan(None) for k, name in enumerate(IN_UNITS)},
    ).with_columns(credit_news_missing=pl.lit(0.0))


def test_news_keeps_its_size_and_what_is_missing_is_no_news_with_a_flag():
    frame = news()
    mixed = frame.sample(fraction=1.0, shuffle=True, seed=1)
    data = make_dataset(DAYS, LABELS, WINDOWS, mixed)
    columns = {name: data.z[:, ALL_INPUTS.index(name)] for name in IN_UNITS}
    told = data.keys.join(frame, on=["trade_date", "parent_id"], how="left", maintain_order="left")
    for name in ("credit_news_0", "expected_reaction", "stock_return_3"):
        np.testing.assert_array_equal(columns[name], told[name].fill_null(0.0).to_numpy())
        assert np.abs(columns[name]).max() > 8, "nothing is cut"
    silent = (data.keys["parent_id"] == "P00").to_numpy()
    assert (columns["credit_news_missing"][silent] == 1).all()
    assert (columns["credit_news_missing"][~silent] == 0).all()
    assert np.isnan(data.sigma[silent]).all() and (data.sigma[~silent] > 0).all()
    assert np.isfinite(data.z[:, len(ALL_FEATURES) :]).all()
    assert same(make_dataset(DAYS, LABELS, WINDOWS, frame[:0]), made())


def test_the_own_label_is_in_own_volatilities_and_the_normal_score_where_there_is_none():
    data = make_dataset(DAYS, LABELS, WINDOWS, news())
    known = np.isfinite(data.sigma)
    for day in np.unique(data.day):
        rows = np.flatnonzero(data.day == day)
        gap = (data.excess[rows] - np.median(data.excess[rows])) / (data.sigma[rows] * np.sqrt(5))
        wanted = np.where(known[rows], np.clip(gap, -5, 5), data.label[rows])
        np.testing.assert_allclose(data.own_label[rows], wanted, rtol=1e-12)
    np.testing.assert_array_equal(made().own_label, made().label)


def test_a_sample_is_labelled_as_its_kind_asks_and_knows_how_much_it_says():
    data = make_dataset(DAYS, LABELS, WINDOWS, news())
    rows = data.labelled(FIRST, LAST)
    own, normal = (data.sample(rows, specification(n), True) for n in ("bayes_ridge", "ridge"))
    np.testing.assert_array_equal(own.label, data.own_label[rows])
    np.testing.assert_array_equal(normal.label, data.label[rows])
    assert own.names == specification("bayes_ridge").features
    uniqueness = average_uniqueness(data.parent[rows], data.day[rows], 5)
    assert own.effective_rows == pytest.approx(uniqueness.sum())
    assert data.sample(rows, specification("bayes_ridge"), False).effective_rows == rows.size / 5
