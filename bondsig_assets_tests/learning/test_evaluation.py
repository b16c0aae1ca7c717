"""Statistics of the judgement against independent formulas."""

from __future__ import annotations

from datetime import date

import numpy as np
import polars as pl
import pytest
from scipy.stats import rankdata, spearmanr

from bondsig_assets.learning.evaluation import DETECTABLE, MINIMUM_NAMES, daily_ic, evaluations, newey_west
from bondsig_assets.tables import TABLES
from bondsig_assets.trading_calendar import trading_days

DAYS = trading_days(date(2024, 1, 2), date(2024, 2, 29))


def market(n_days: int = 12, n: int = 30, seed: int = 0, **models) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Predictions of each model (a function of label and noise) and labels."""
    rng = np.random.default_rng(seed)
    rows, labels = [], []
    for day in DAYS[:n_days]:
        label = rng.standard_normal(n)
        noise = rng.standard_normal(n)
        labels += [(f"P{k:02}", day, label[k]) for k in range(n)]
        for name, make in models.items():
            rows += [(f"P{k:02}", day, name, value) for k, value in enumerate(make(label, noise))]
    keys = {"parent_id": pl.String, "trade_date": pl.Date}
    return (
        pl.DataFrame(rows, schema=keys | {"model_name": pl.String, "prediction": pl.Float64}, orient="row"),
        pl.DataFrame(labels, schema=keys | {"excess_return_5d_pct": pl.Float64}, orient="row"),
    )


def ics(name: str, frame: pl.DataFrame) -> np.ndarray:
    """The daily ICs of a model."""
    return frame.filter(model_name=name).sort("trade_date")["information_coefficient"].to_numpy()


def naive_newey_west(values: list[float], lags: int) -> float:
    """Standard error of the mean from autocovariances, one product at a time (Hamilton 1994, 10.5.15)."""
    n, mean = len(values), sum(values) / len(values)
    autocovariance = [sum((values[t] - mean) * (values[t - j] - mean) for t in range(j, n)) / n for j in range(lags + 1)]
    long_run = autocovariance[0]
    for j in range(1, lags + 1):
        weight = 1 - j / (lags + 1)
        long_run += weight * (autocovariance[j] + autocovariance[j])
    return (long_run / n) ** 0.5


@pytest.mark.parametrize("lags", [0, 1, 8])
def test_newey_west(lags):
    rng = np.random.default_rng(0)
    values = np.convolve(rng.standard_normal(300), np.ones(5) / 5, mode="valid") + 0.1
    mean, error = newey_west(values, lags)
    assert mean == pytest.approx(values.mean(), rel=1e-14)
    assert error == pytest.approx(naive_newey_west(values.tolist(), lags), rel=1e-12)


def test_newey_west_without_lags_is_the_plain_error_and_overlap_widens_it():
    values = np.convolve(np.random.default_rng(1).standard_normal(400), np.ones(5), mode="valid")
    plain, honest = newey_west(values, 0)[1], newey_west(values)[1]
    assert plain == pytest.approx(values.std() / np.sqrt(values.size), rel=1e-12)
    assert honest > 1.5 * plain


def test_newey_west_of_too_few_values():
    assert np.isnan(newey_west(np.arange(9.0))[1])
    assert np.isfinite(newey_west(np.arange(10.0))[1])
    assert np.isnan(newey_west(np.empty(0))).all()


def test_the_daily_ic_is_spearmans():
    predictions, labels = market(ridge=lambda y, e: np.round(0.3 * y + e, 1), equity_only=lambda y, e: e)
    found = ics("ridge", daily_ic(predictions, labels))
    joined = predictions.filter(model_name="ridge").join(labels, on=["parent_id", "trade_date"])
    wanted = [spearmanr(day["prediction"], day["excess_return_5d_pct"]).statistic for day in joined.sort("trade_date").partition_by("trade_date")]
    np.testing.assert_allclose(found, wanted, rtol=1e-12)


def test_a_perfect_and_a_perfectly_wrong_predictor():
    predictions, labels = market(xgboost=lambda y, e: np.exp(y), ridge=lambda y, e: -y, equity_only=lambda y, e: e)
    found = daily_ic(predictions, labels)
    np.testing.assert_allclose(ics("xgboost", found), 1.0, rtol=1e-12)
    np.testing.assert_allclose(ics("ridge", found), -1.0, rtol=1e-12)


def test_what_a_model_adds_over_equity():
    predictions, labels = market(ridge=lambda y, e: 0.5 * y + e, equity_only=lambda y, e: e)
    found = ics("ridge_over_equity", daily_ic(predictions, labels))
    joined = predictions.pivot("model_name", index=["trade_date", "parent_id"], values="prediction").join(labels, on=["parent_id", "trade_date"])
    wanted = []
    for day in joined.sort("trade_date").partition_by("trade_date"):
        x, y = rankdata(day["equity_only"]), rankdata(day["ridge"])
        slope = np.polyfit(x, y, 1)[0]
        wanted.append(spearmanr(y - slope * x, day["excess_return_5d_pct"]).statistic)
    np.testing.assert_allclose(found, wanted, rtol=1e-9)
    assert "equity_only_over_equity" not in found


@pytest.mark.parametrize("n", [15, 17, 30, 61, 120])
@pytest.mark.parametrize("rounded", [None, 0, 1])
def test_a_model_that_is_the_control_adds_nothing(n, rounded):
    def control(y, e):
        return y + e if rounded is None else np.round(y + e, rounded)

    predictions, labels = market(n=n, ridge=lambda y, e: np.exp(control(y, e)), equity_only=control)
    found = daily_ic(predictions, labels)
    assert np.mean(ics("ridge", found)) > 0.4
    # Nothing is left to rank: a day without a verdict, not one with a good one.
    assert ics("ridge_over_equity", found).size == 0


def test_a_constant_control_takes_nothing_away():
    predictions, labels = market(ridge=lambda y, e: y + e, equity_only=lambda y, e: np.zeros_like(y))
    found = daily_ic(predictions, labels)
    np.testing.assert_allclose(ics("ridge_over_equity", found), ics("ridge", found), rtol=1e-12)


def test_small_days_are_left_out_and_names_without_a_label_too():
    few, labels_few = market(n=MINIMUM_NAMES - 1, ridge=lambda y, e: y, equity_only=lambda y, e: e)
    assert daily_ic(few, labels_few).is_empty()
    enough, labels = market(n=MINIMUM_NAMES + 1, ridge=lambda y, e: y, equity_only=lambda y, e: e)
    assert set(daily_ic(enough, labels.filter(pl.col("parent_id") != "P03"))["n_issuers"]) == {MINIMUM_NAMES}


def test_without_a_control_there_is_no_comparison():
    predictions, labels = market(ridge=lambda y, e: y)
    assert set(daily_ic(predictions, labels)["model_name"]) == {"ridge"}


def test_a_day_does_not_depend_on_the_others():
    predictions, labels = market(ridge=lambda y, e: y + e, equity_only=lambda y, e: e)
    whole = daily_ic(predictions, labels)
    for day in DAYS[:3]:
        assert daily_ic(predictions.filter(trade_date=day), labels).equals(whole.filter(trade_date=day))


def test_columns_are_the_declared_ones():
    predictions, labels = market(n_days=30, ridge=lambda y, e: 0.2 * y + e, equity_only=lambda y, e: e)
    found = daily_ic(predictions, labels)
    TABLES["information_coefficients"].conform(found)
    summary = TABLES["evaluations"].conform(evaluations(found))
    assert summary["model_name"].to_list() == ["equity_only", "ridge", "ridge_over_equity"]
    row = summary.row(1, named=True)
    mean, error = newey_west(ics("ridge", found))
    assert (row["mean_ic"], row["standard_error"], row["t_statistic"]) == (mean, error, mean / error)
    assert row["smallest_detectable_ic"] == DETECTABLE * error
    assert (row["n_days"], row["first_date"], row["last_date"]) == (30, DAYS[0], DAYS[29])


def test_too_few_days_are_not_judged():
    predictions, labels = market(n_days=9, ridge=lambda y, e: y + e, equity_only=lambda y, e: e)
    assert evaluations(daily_ic(predictions, labels)).is_empty()
    TABLES["evaluations"].conform(evaluations(daily_ic(predictions, labels)))
