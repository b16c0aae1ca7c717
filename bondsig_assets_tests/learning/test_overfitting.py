"""Luck of the search against purgedcv, formulas written out, and trials whose skill is known.

Belongs here: `learning/overfitting.py`. Not here: counting trials in MLflow (`graph/`).

purgedcv differs in three conventions: its Sharpe ratio divides by the standard deviation of the
population; its PBO counts ranks below the median only, ours those at the median too (Bailey and
others 2017: logit <= 0); its `effective_n_trials` is about trials that follow one another in a
search, ours about returns that move together.
"""

from __future__ import annotations

import warnings
from datetime import date
from functools import cache

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from purgedcv import (
    deflated_sharpe_ratio,
    deflated_sharpe_ratio_full,
    probability_of_backtest_overfitting,
)
from scipy.stats import kurtosis, norm, skew

from bondsig_assets.calendar import trading_days
from bondsig_assets.learning.overfitting import (
    deflated_sharpe,
    effective_trials,
    expected_largest_sharpe,
    long_short,
    overfitting,
    overfitting_probability,
    sharpe,
    sharpes,
)
from bondsig_assets.market_rules import MINIMUM_NAMES
from bondsig_assets.tables import TABLES

DAYS, LONG = (
    trading_days(date(2022, 1, 3), date(2024, 12, 31)),
    trading_days(date(2005, 1, 3), date(2024, 12, 31)),
)
KEYS = {"parent_id": pl.String, "trade_date": pl.Date}
EULER = 0.5772156649015329


@cache
def market(n_days: int = 40, n: int = 23, seed: int = 0) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Predictions of three models, one rounded and with gaps, and labels of two horizons."""
    rng = np.random.default_rng(seed)
    keys = pl.DataFrame(
        [(f"P{k:02}", day) for day in DAYS[:n_days] for k in range(n)], schema=KEYS, orient="row"
    )
    label = rng.standard_normal(keys.height)
    noise = {
        "ridge": np.round(label + rng.standard_normal(keys.height)),
        "xgboost": 0.5 * label + rng.standard_normal(keys.height),
        "idle": np.full(keys.height, 0.1),
    }
    predictions = pl.concat(
        [
            keys.with_columns(model_name=pl.lit(name), prediction=pl.Series(values))
            for name, values in noise.items()
        ]
    )
    predictions = predictions.filter(
        (pl.col("model_name") != "ridge") | pl.Series(rng.random(predictions.height) > 0.1)
    )
    labels = pl.concat(
        [
            keys.with_columns(
                horizon_days=pl.lit(h, dtype=pl.Int64), label_pct=pl.Series(sign * label)
            )
            for h, sign in ((5, 1), (1, -1))
        ]
    )
    return predictions, labels


def noise(n_periods: int = 240, n_trials: int = 8, seed: int = 0) -> np.ndarray:
    """Returns of trials that know nothing [period, trial]."""
    return np.random.default_rng(seed).standard_normal((n_periods, n_trials))


def trials(matrix: np.ndarray, step: int = 5) -> pl.DataFrame:
    """Rows of `long_short` for returns [period, trial] that begin every `step` trading days: trials
    T00, T01, …
    """
    days = next(days for days in (DAYS[::step], LONG[::step]) if len(days) >= matrix.shape[0])[
        : matrix.shape[0]
    ]
    wide = pl.DataFrame(matrix, schema=[f"T{k:02}" for k in range(matrix.shape[1])]).with_columns(
        trade_date=pl.Series(days)
    )
    return wide.unpivot(
        index="trade_date", variable_name="model_name", value_name="return_pct"
    ).select("model_name", "trade_date", "return_pct")


# ------------------------------------------------------------------------------------------------
#   returns


@pytest.mark.parametrize(("horizon", "sign"), [(5, 1), (1, -1)])
def test_returns_are_those_of_sorting_each_day_by_hand(horizon, sign):
    predictions, labels = market()
    found = long_short(predictions, labels, horizon).filter(model_name="xgboost")
    assert found["trade_date"].to_list() == DAYS[:40]
    wanted = []
    for day in DAYS[:40]:
        rows = (
            predictions.filter(model_name="xgboost", trade_date=day)
            .join(labels.filter(horizon_days=horizon), on=list(KEYS))
            .sort("prediction")
        )
        # Four of 23 at either end.
        wanted.append(rows["label_pct"][-4:].mean() - rows["label_pct"][:4].mean())
    np.testing.assert_allclose(found["return_pct"], wanted, rtol=1e-12)
    assert sign * found["return_pct"].mean() > 0


def test_predictions_that_are_all_equal_earn_exactly_nothing():
    assert set(long_short(*market()).filter(model_name="idle")["return_pct"]) == {0.0}


def test_issuers_that_tie_share_their_places():
    keys = pl.DataFrame([(f"P{k:02}", DAYS[0]) for k in range(20)], schema=KEYS, orient="row")
    # Four places at the top, two of them for the five that tie; at the bottom four that stand
    # alone.
    predictions = keys.with_columns(
        model_name=pl.lit("ridge"),
        prediction=pl.Series([9.0, 8.0] + [7.0] * 5 + [float(-k) for k in range(13)]),
    )
    label = [10.0, 20.0, 1.0, 2.0, 3.0, 4.0, 5.0] + [0.0] * 9 + [-1.0, -2.0, -3.0, -4.0]
    labels = keys.with_columns(horizon_days=pl.lit(5, dtype=pl.Int64), label_pct=pl.Series(label))
    assert long_short(predictions, labels)["return_pct"].item() == pytest.approx(
        (10 + 20 + 2 * 3) / 4 + 2.5
    )


@pytest.mark.parametrize("missing", [None, float("nan"), float("inf")])
def test_what_is_no_number_is_not_there_and_small_days_earn_nothing(missing):
    predictions, labels = market()
    few = pl.col("parent_id") >= f"P{MINIMUM_NAMES:02}"
    holes = predictions.with_columns(prediction=pl.when(few).then(missing).otherwise("prediction"))
    found = long_short(holes, labels)
    assert found.equals(long_short(predictions.filter(~few), labels))
    assert found.filter(model_name="xgboost").height == 40
    fewer = labels.filter(pl.col("parent_id") != "P00")
    assert long_short(holes, fewer).filter(model_name="xgboost").is_empty()
    gaps = labels.with_columns(label_pct=pl.when(few).then(missing).otherwise("label_pct"))
    assert long_short(predictions, gaps).equals(long_short(predictions, labels.filter(~few)))


def test_a_day_and_a_model_do_not_depend_on_the_others_nor_on_the_order_of_rows():
    predictions, labels = market()
    whole = long_short(predictions, labels)
    assert long_short(
        predictions.sample(fraction=1.0, shuffle=True, seed=1),
        labels.sample(fraction=1.0, shuffle=True, seed=2),
    ).equals(whole)
    for day in whole["trade_date"].unique().sort()[:3]:
        assert long_short(predictions.filter(trade_date=day), labels).equals(
            whole.filter(trade_date=day)
        )
    assert long_short(predictions.filter(model_name="ridge"), labels).equals(
        whole.filter(model_name="ridge")
    )


# ------------------------------------------------------------------------------------------------
#   Sharpe ratios


def test_sharpe_by_hand():
    assert sharpe(np.array([1.0, 2.0, 3.0])) == pytest.approx(2.0)
    assert sharpe(np.array([1.0, 2.0, 3.0]), 252 / 5) == pytest.approx(2 * 50.4**0.5)
    assert sharpe(np.array([-1.0, -2.0, -3.0])) == pytest.approx(-2.0)
    assert [sharpe(np.full(9, 0.1)), sharpe(np.ones(1)), sharpe(np.empty(0))] == [0.0, 0.0, 0.0]


@pytest.mark.parametrize("n_trials", [2, 5, 10, 100, 1000])
def test_the_expected_largest_sharpe_is_purgedcvs(n_trials):
    ratios, returns = noise(1, 12)[0] / 10, noise(300, 1)[:, 0]
    theirs = deflated_sharpe_ratio_full(returns, n_trials, float(np.var(ratios, ddof=1))).sr_star
    assert expected_largest_sharpe(ratios, n_trials) == pytest.approx(theirs, rel=1e-9)


def test_the_expected_largest_sharpe_is_the_mean_largest_of_idle_trials():
    largest = np.random.default_rng(0).standard_normal((20_000, 50)).max(axis=1).mean()
    unit = np.array([-1.0, 1.0]) / 2**0.5
    assert expected_largest_sharpe(unit, 50) == pytest.approx(largest, abs=0.03)


def test_one_trial_has_no_luck_of_a_search():
    assert expected_largest_sharpe(np.array([0.1, 0.3]), 1) == 0.0
    assert expected_largest_sharpe(np.array([0.1]), 50) == 0.0


@given(st.floats(1, 10_000), st.floats(1, 10_000))
def test_luck_is_never_negative_and_grows_with_the_trials(one, other):
    few, many = sorted([one, other])
    ratios = np.array([-0.2, 0.0, 0.1])
    assert (
        0 <= expected_largest_sharpe(ratios, few) <= expected_largest_sharpe(ratios, many) + 1e-12
    )


def test_trials_that_move_as_one_do_not_make_the_best_of_them_look_better_than_it_is():
    common = noise(200, 1, seed=3)[:, 0] + 0.1
    twins = np.column_stack([common, common + 0.05 * noise(200, 1, seed=4)[:, 0]])
    row = overfitting(trials(np.round(twins, 6)), 2, "study").row(0, named=True)
    assert 1 < row["effective_trials"] < 1.01
    alone = deflated_sharpe(np.round(common, 6), np.array([]), 1)
    assert row["deflated_sharpe_probability"] == pytest.approx(alone, rel=1e-9)


def test_the_deflated_sharpe_written_out():
    returns, ratios = (
        np.random.default_rng(5).gamma(2.0, 1.0, 150) - 1.7,
        noise(1, 6, seed=2)[0] / 8,
    )
    ratio = returns.mean() / returns.std(ddof=1)
    hurdle = ratios.std(ddof=1) * (
        (1 - EULER) * norm.ppf(1 - 1 / 9.5) + EULER * norm.ppf(1 - 1 / (9.5 * np.e))
    )
    gap = returns - returns.mean()
    g3, g4 = np.mean(gap**3) / np.mean(gap**2) ** 1.5, np.mean(gap**4) / np.mean(gap**2) ** 2
    wanted = norm.cdf(
        (ratio - hurdle) * 149**0.5 / (1 - g3 * ratio + (g4 - 1) / 4 * ratio**2) ** 0.5
    )
    assert deflated_sharpe(returns, ratios, 9.5) == pytest.approx(wanted, rel=1e-10)
    assert 0.05 < wanted < 0.95
    assert (g3, g4) == pytest.approx((skew(returns), kurtosis(returns) + 3))


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("n_trials", [1, 20])
def test_the_deflated_sharpe_is_purgedcvs_up_to_its_standard_deviation(seed, n_trials):
    rng = np.random.default_rng(seed)
    returns, ratios = rng.standard_t(5, 500), 0.05 * rng.standard_normal(10)
    returns += 0.08 * returns.std() - returns.mean()
    theirs = deflated_sharpe_ratio(returns, n_trials, float(np.var(ratios, ddof=1)))
    assert deflated_sharpe(returns, ratios, n_trials) == pytest.approx(theirs, abs=1.5e-3)
    assert 0.05 < theirs < 0.99


def test_returns_that_never_move_or_are_too_few_have_no_deflated_sharpe():
    assert deflated_sharpe(np.full(30, 0.2), np.array([0.1, 0.2]), 5) is None
    assert deflated_sharpe(np.array([1.0, 2.0, 3.0]), np.array([0.1, 0.2]), 5) is None
    assert deflated_sharpe(np.array([1.0, 2.0, 3.0, 5.0]), np.array([0.1, 0.2]), 5) is not None


def test_the_best_of_many_idle_trials_passes_undeflated_and_not_deflated():
    plain, deflated = [], []
    for seed in range(40):
        returns = noise(200, 40, seed=seed)
        ratios = np.array([sharpe(column) for column in returns.T])
        best = returns[:, ratios.argmax()]
        plain.append(deflated_sharpe(best, ratios, 1))
        deflated.append(deflated_sharpe(best, ratios, 40))
    assert np.mean(np.array(plain) > 0.95) > 0.8
    assert np.mean(np.array(deflated) > 0.95) < 0.05


def test_effective_trials_by_hand():
    rng = np.random.default_rng(0)
    returns = rng.standard_normal((400, 4)) + 0.8 * rng.standard_normal((400, 1))
    rho = np.mean(
        [np.corrcoef(returns[:, j], returns[:, k])[0, 1] for j in range(4) for k in range(j)]
    )
    assert 0.3 < rho < 0.5
    assert effective_trials(returns, 30) == pytest.approx(rho + (1 - rho) * 30, rel=1e-12)


def test_effective_trials_at_the_ends():
    same = np.repeat(noise(50, 1), 3, axis=1)
    assert effective_trials(same, 30) == pytest.approx(1.0)
    against = np.column_stack([same[:, 0], -same[:, 0]])
    assert effective_trials(against, 30) == 30
    assert effective_trials(same[:, :1], 30) == 30
    # A trial that never moves has no correlation: it is left out of the mean.
    assert effective_trials(np.column_stack([same, np.zeros(50)]), 30) == pytest.approx(1.0)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert effective_trials(np.empty((0, 3)), 7) == effective_trials(noise(1, 3), 7) == 7


# ------------------------------------------------------------------------------------------------
#   probability of overfitting


@pytest.mark.parametrize(("n_periods", "blocks"), [(64, 8), (61, 8), (40, 6)])
@pytest.mark.parametrize("n_trials", [2, 3, 6, 7])
def test_the_probability_of_overfitting_is_purgedcvs_but_for_the_median(
    n_periods, blocks, n_trials
):
    returns = noise(n_periods, n_trials, seed=n_periods + n_trials)
    logits = probability_of_backtest_overfitting(returns.T, blocks).logits
    assert overfitting_probability(returns, blocks) == pytest.approx(
        np.mean(logits < 1e-9), abs=1e-12
    )
    if n_trials % 2 == 0:
        assert not np.isclose(logits, 0).any()


@pytest.mark.slow
def test_the_probability_of_overfitting_over_sixteen_blocks_is_purgedcvs():
    returns = noise(150, 4, seed=8)
    assert overfitting_probability(returns) == pytest.approx(
        probability_of_backtest_overfitting(returns.T).pbo, abs=1e-12
    )


def test_among_trials_that_know_nothing_the_best_half_is_as_often_below_the_median_as_above():
    found = [overfitting_probability(noise(200, 10, seed=seed), 8) for seed in range(60)]
    assert np.mean(found) == pytest.approx(0.5, abs=0.07)


def test_one_good_trial_among_noise_is_no_overfitting():
    returns = noise(240, 10)
    returns[:, 4] += 0.4
    assert overfitting_probability(returns) < 0.01
    found = overfitting(trials(returns), 10, "study")
    best = found.sort("sharpe_ratio").row(-1, named=True)
    assert best["model_name"] == "T04"
    assert best["deflated_sharpe_probability"] > 0.9
    assert (found.filter(pl.col("model_name") != "T04")["deflated_sharpe_probability"] < 0.5).all()


def test_trials_good_in_one_half_and_bad_in_the_other_are_overfitting():
    # What one block gives another takes: each trial's blocks add up to nothing, so the best half
    # leaves the worst.
    returns = np.random.default_rng(0).standard_normal((8, 1, 12)) + 0.1 * noise(32, 12).reshape(
        8, 4, 12
    )
    returns -= returns.mean(axis=(0, 1))
    assert overfitting_probability(returns.reshape(32, 12), 8) > 0.8


def test_trials_that_are_all_alike_come_out_at_the_median():
    assert overfitting_probability(np.repeat(noise(64, 1), 5, axis=1), 8) == 1.0
    assert overfitting_probability(np.zeros((64, 5)), 8) == 1.0


@pytest.mark.parametrize("level", [0.1, 0.3, 7.7, -3.3])
def test_a_trial_that_never_moves_is_no_trial_of_endless_skill(level):
    returns = np.column_stack([noise(64, 3, seed=1), np.full(64, level)])
    logits = probability_of_backtest_overfitting(returns.T, 8).logits
    assert overfitting_probability(returns, 8) == pytest.approx(np.mean(logits < 1e-9), abs=1e-12)
    # It is never chosen, as purgedcv has it: among good trials it would otherwise win every half
    # and every other half.
    good = np.column_stack([noise(64, 3, seed=1) + 1.0, np.full(64, level)])
    logits = probability_of_backtest_overfitting(good.T, 8).logits
    assert overfitting_probability(good, 8) == pytest.approx(np.mean(logits < 1e-9), abs=1e-12)


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 10**6), st.floats(0.01, 100), st.integers(2, 6))
def test_the_unit_of_returns_and_the_order_of_trials_are_nothing(seed, factor, n_trials):
    returns = noise(40, n_trials, seed)
    found = overfitting_probability(returns, 6)
    assert overfitting_probability(factor * returns, 6) == found
    assert overfitting_probability(returns[:, ::-1], 6) == found
    assert 0 <= found <= 1


def test_too_few_periods_or_trials_have_no_probability_of_overfitting():
    assert overfitting_probability(noise(31, 5)) is None
    assert overfitting_probability(noise(32, 5)) is not None
    assert overfitting_probability(noise(200, 1)) is None


# ------------------------------------------------------------------------------------------------
#   the table


def test_the_table_holds_each_trial_by_the_periods_all_have():
    matrix = noise(60, 4, seed=6) + 0.1
    returns = trials(matrix).filter(
        ~((pl.col("model_name") == "T02") & (pl.col("trade_date") < DAYS[50]))
    )
    found = overfitting(returns, 9, "study").sort("model_name")
    common = matrix[10:]
    ratios = np.array([column.mean() / column.std(ddof=1) for column in common.T])
    np.testing.assert_allclose(found["sharpe_ratio"], ratios * (252 / 5) ** 0.5, rtol=1e-12)
    effective = effective_trials(common, 9)
    wanted = [deflated_sharpe(column, ratios, effective) for column in common.T]
    np.testing.assert_allclose(
        found["deflated_sharpe_probability"], np.array(wanted, dtype=float), rtol=1e-9
    )
    assert set(found["n_periods"]) == {50}
    assert set(found["n_trials"]) == {9}
    assert set(found["overfitting_probability"]) == {overfitting_probability(common)}
    assert found["effective_trials"].to_list() == [effective] * 4


def test_a_return_that_is_no_number_is_a_period_that_trial_does_not_have():
    returns = trials(noise(40, 3))
    gone = (pl.col("model_name") == "T01") & (pl.col("trade_date") == DAYS[25])
    wanted = overfitting(returns.filter(~gone), 3, "study")
    for missing in (None, float("nan")):
        assert overfitting(
            returns.with_columns(return_pct=pl.when(gone).then(missing).otherwise("return_pct")),
            3,
            "study",
        ).equals(wanted)


def test_the_sharpe_ratio_is_annualised_by_the_length_of_a_period_and_the_deflated_one_is_not():
    week, month = (
        overfitting(trials(noise(50, 3) + 0.1, h), 5, "study", horizon=h) for h in (5, 20)
    )
    ratios = ["sharpe_ratio", "lowest_sharpe_ratio", "highest_sharpe_ratio"]
    np.testing.assert_allclose(week.select(ratios), 2 * month.select(ratios), rtol=1e-12)
    assert week.drop(ratios).equals(month.drop(ratios))


def test_figures_are_means_over_the_days_periods_may_begin_on():
    matrix = noise(200, 4, seed=9) + 0.05
    returns = trials(matrix, step=1)
    found = overfitting(returns, 7, "study")
    # The same periods five days apart are one offset on their own.
    alone = [overfitting(trials(matrix[k::5]), 7, "study") for k in range(5)]
    for name in (
        "sharpe_ratio",
        "effective_trials",
        "deflated_sharpe_probability",
        "overfitting_probability",
    ):
        np.testing.assert_allclose(
            found[name], np.mean([one[name] for one in alone], axis=0), rtol=1e-12
        )
    ratios = np.array([one["sharpe_ratio"] for one in alone])
    np.testing.assert_allclose(found["lowest_sharpe_ratio"], ratios.min(axis=0), rtol=1e-12)
    np.testing.assert_allclose(found["highest_sharpe_ratio"], ratios.max(axis=0), rtol=1e-12)
    assert (found["lowest_sharpe_ratio"] < found["sharpe_ratio"]).all() and set(
        found["n_periods"]
    ) == {40}
    of_one = sorted(sharpes(returns.filter(model_name="T02"), 5))
    np.testing.assert_allclose(of_one, sorted(ratios[:, 2]), rtol=1e-12)


def test_an_offset_of_no_period_says_nothing():
    returns = trials(noise(1, 1))
    assert sharpes(returns, 5).tolist() == [0.0]
    assert sharpes(returns.clear(), 5).size == 0


def test_there_are_never_fewer_trials_than_returns():
    assert set(overfitting(trials(noise(40, 6)), 2, "study")["n_trials"]) == {6}


def test_more_trials_make_the_same_result_less_certain():
    returns = trials(noise(100, 6) + 0.15)
    few, many = (
        overfitting(returns, n, "study")["deflated_sharpe_probability"].max() for n in (6, 500)
    )
    assert many < few


def test_the_order_of_rows_changes_no_bit():
    returns = trials(noise(60, 5))
    found = overfitting(returns, 5, "study")
    assert found["overfitting_probability"].null_count() == 0
    for seed in range(3):
        assert overfitting(
            returns.sample(fraction=1.0, shuffle=True, seed=seed), 5, "study"
        ).equals(found)


def test_frames_fit_the_declared_table_with_much_little_and_nothing_in_common():
    apart = pl.DataFrame(
        {"model_name": ["a", "b"], "trade_date": [DAYS[0], DAYS[5]], "return_pct": [1.0, 2.0]}
    )
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for returns, rows, judged in (
            (trials(noise(60, 3)), 3, 3),
            (trials(noise(3, 2)), 2, 0),
            (apart, 2, 0),
            (apart.clear(), 0, 0),
        ):
            found = TABLES["overfitting"].conform(overfitting(returns, 4, "study"))
            assert found.height == rows
            assert found["deflated_sharpe_probability"].count() == judged
            assert found.select(TABLES["overfitting"].key).is_unique().all() if rows else True
