"""The judgement of predictions against scipy, formulas written out, and a second implementation
that loops over days.

Belongs here: daily ICs, what a model adds, their summaries, slices. Not here: formulas,
probabilities, thresholds, luck of the search (each has its own test module).
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, datetime
from functools import cache
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import norm, rankdata, spearmanr, ttest_1samp

from bondsig_assets.calendar import day_number, offset, trading_days
from bondsig_assets.learning.evaluation import (
    DETECTABLE,
    MINIMUM_NAMES_OF_SLICE,
    OVER,
    attributes,
    daily_ic,
    evaluations,
)
from bondsig_assets.learning.labels import known_labels
from bondsig_assets.learning.models.catalogue import CONTROL, ENSEMBLE
from bondsig_assets.learning.statistics import wilson
from bondsig_assets.market_rules import MINIMUM_NAMES
from bondsig_assets.tables import TABLES
from bondsig_assets_tests.learning.by_hand import autocovariances, shares

DAYS = trading_days(date(2023, 11, 13), date(2024, 6, 28))
KEYS = {"parent_id": pl.String, "trade_date": pl.Date}
Maker = Callable[[np.ndarray, np.ndarray], np.ndarray]


def market(
    n_days: int = 12, n: int = 30, seed: int = 0, horizons: tuple[int, ...] = (5,), **models: Maker
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Predictions of each model (made of the label of the first horizon and of noise) and
    labels.
    """
    rng = np.random.default_rng(seed)
    rows, labels = [], []
    for day in DAYS[:n_days]:
        label = {h: rng.standard_normal(n) for h in horizons}
        noise = rng.standard_normal(n)
        labels += [(f"P{k:02}", day, h, label[h][k]) for h in horizons for k in range(n)]
        for name, make in models.items():
            rows += [
                (f"P{k:02}", day, name, value)
                for k, value in enumerate(make(label[horizons[0]], noise))
            ]
    return (
        pl.DataFrame(
            rows, schema=KEYS | {"model_name": pl.String, "prediction": pl.Float64}, orient="row"
        ),
        pl.DataFrame(
            labels, schema=KEYS | {"horizon_days": pl.Int64, "label_pct": pl.Float64}, orient="row"
        ),
    )


@cache
def messy() -> tuple[pl.DataFrame, pl.DataFrame, pl.DataFrame]:
    """Predictions, labels and attributes of a market with ties, gaps, silent days, constant
    predictions and labels of zero.
    """
    rng = np.random.default_rng(7)
    mix: dict[str, Maker] = {
        "ridge": lambda y, e: np.round(0.4 * y + e, 1),
        "xgboost": lambda y, e: 0.2 * y + 0.5 * e + rng.standard_normal(y.size),
        ENSEMBLE: lambda y, e: y + 2 * e,
        CONTROL: lambda y, e: np.round(e, 1),
    }
    predictions, labels = market(n_days=70, n=41, seed=3, horizons=(5, 1), **mix)
    labels = labels.with_columns(pl.col("label_pct").round(1) + 0.0)
    labels = labels.filter(pl.Series(rng.random(labels.height) > 0.05))
    predictions = predictions.filter(pl.Series(rng.random(predictions.height) > 0.05))
    silent = ((pl.col("model_name") == CONTROL) & pl.col("trade_date").is_in(DAYS[10:13])) | (
        (pl.col("model_name") == "xgboost") & pl.col("trade_date").is_in(DAYS[30:40])
    )
    constant = (
        pl.when((pl.col("model_name") == "ridge") & (pl.col("trade_date") == DAYS[20]))
        .then(0.3)
        .otherwise("prediction")
    )
    predictions = predictions.filter(~silent).with_columns(prediction=constant)
    cuts = (
        labels.filter(horizon_days=5)
        .select("parent_id", "trade_date")
        .with_columns(
            sector=pl.Series(
                rng.choice(
                    ["banks", "energy", "tiny"],
                    labels.filter(horizon_days=5).height,
                    p=[0.5, 0.4, 0.1],
                )
            ),
            rating=pl.lit("unrated"),
            size=pl.Series(
                rng.choice(["small", "large", None], labels.filter(horizon_days=5).height)
            ),
            earnings=pl.lit("away"),
        )
    )
    return predictions, labels, cuts


@cache
def messy_evaluations() -> pl.DataFrame:
    """The judgement of the messy market."""
    return evaluations(*messy())


def ics(name: str, frame: pl.DataFrame) -> np.ndarray:
    """The daily ICs of a model."""
    return frame.filter(model_name=name).sort("trade_date")["information_coefficient"].to_numpy()


def of(frame: pl.DataFrame, **wanted: Any) -> dict[str, Any]:
    """The one row that fits."""
    return frame.filter(**wanted).row(0, named=True)


# ------------------------------------------------------------------------------------------------ a
#   second implementation


def one_day(signal: np.ndarray, label: np.ndarray) -> dict[str, float]:
    """IC, tenths' spread, hits and their base of one cross-section."""
    n = label.size
    top, bottom = (shares(s * signal, max(n // 10, 1)) for s in (1, -1))
    over, under = (shares(s * signal, max(n // 5, 1)) == 1 for s in (1, -1))
    ic = 0.0 if np.ptp(signal) == 0 else float(spearmanr(signal, label).statistic)
    return {
        "ic": ic,
        "spread": float(top @ label / top.sum() - bottom @ label / bottom.sum()),
        "hits": int(((over & (label > 0)) | (under & (label < 0))).sum()),
        "of": int(((over | under) & (label != 0)).sum()),
        "n": n,
    }


def slowly(model: str, horizon: int, bucket: tuple[str, str] | None = None) -> pl.DataFrame:
    """What `model` was worth on each day of the messy market, a day at a time, within a slice's
    bucket where one is named.
    """
    predictions, labels, cuts = messy()
    known = labels.filter(horizon_days=horizon)
    own = predictions.filter(model_name=model.removesuffix(OVER)).join(known, on=list(KEYS))
    found = []
    for day in DAYS:
        control = predictions.filter(model_name=CONTROL, trade_date=day).select(
            "parent_id", control="prediction"
        )
        rows = own.filter(trade_date=day)
        if control.height:
            rows = rows.join(control, on="parent_id")
        if rows.height < MINIMUM_NAMES or (model.endswith(OVER) and not control.height):
            continue
        signal, label = rows["prediction"].to_numpy(), rows["label_pct"].to_numpy()
        score = norm.ppf((rankdata(label) - 0.5) / label.size)
        error = (score - signal) ** 2
        if model.endswith(OVER):
            x, y = rankdata(rows["control"]), rankdata(signal)
            signal = np.round(y - np.polyfit(x, y, 1)[0] * x, 8) if np.ptp(y) else np.zeros(y.size)
        if bucket is not None:
            placed = (
                rows.join(cuts, on=list(KEYS), how="left", maintain_order="left")[bucket[0]]
                .eq_missing(bucket[1])
                .to_numpy()
            )
            signal, label, score, error = (
                values[placed] for values in (signal, label, score, error)
            )
            if label.size < MINIMUM_NAMES_OF_SLICE:
                continue
        found.append(
            {"day": day, "error": float(error.sum()), "square": float((score**2).sum())}
            | one_day(signal, label)
        )
    return pl.DataFrame(found)


# ------------------------------------------------------------------------------------------------
#   daily ICs


@pytest.mark.parametrize("horizon", [1, 5])
@pytest.mark.parametrize("model", ["ridge", "xgboost", "ridge" + OVER, "xgboost" + OVER, CONTROL])
def test_daily_ics_are_those_of_scipy_a_day_at_a_time(model, horizon):
    wanted = slowly(model, horizon)
    found = daily_ic(*messy()[:2]).filter(model_name=model, horizon_days=horizon)
    assert found["trade_date"].to_list() == wanted["day"].to_list()
    assert found["n_issuers"].to_list() == wanted["n"].to_list()
    np.testing.assert_allclose(
        found["information_coefficient"], wanted["ic"], rtol=1e-9, atol=1e-12
    )


def test_a_perfect_and_a_perfectly_wrong_predictor():
    predictions, labels = market(
        n_days=60,
        xgboost=lambda y, e: np.exp(y),
        ridge=lambda y, e: -np.exp(y),
        equity_only=lambda y, e: e,
    )
    found = daily_ic(predictions, labels)
    assert set(ics("xgboost", found)) == {1.0}
    assert set(ics("ridge", found)) == {-1.0}
    # Nothing varies, so there is no standard error and no verdict.
    assert set(evaluations(predictions, labels)["model_name"]) & {"xgboost", "ridge"} == set()


def test_high_predictions_mean_high_returns():
    predictions, labels = market(
        n_days=60,
        ridge=lambda y, e: y + 0.2 * e,
        xgboost=lambda y, e: -y - 0.2 * e,
        equity_only=lambda y, e: e,
    )
    found = evaluations(predictions, labels)
    for name, sign in (("ridge", 1), ("xgboost", -1)):
        row = of(found, model_name=name, slice="all")
        assert (
            min(
                sign * row[column]
                for column in (
                    "mean_ic",
                    "t_statistic",
                    "icir",
                    "offsets_t_statistic",
                    "decile_spread_pct",
                    "decile_spread_t",
                )
            )
            > 0
        )
        assert (row["hit_rate"] - 0.5) * sign > 0.4


def test_a_book_of_scores_earns_what_a_loop_over_days_says():
    predictions, labels = market(
        n_days=40,
        ridge=lambda y, e: 0.5 * y + e**3,
        equity_only=lambda y, e: e,
        xgboost=lambda y, e: np.ones(y.size),
    )
    labels = labels.with_columns(simple_excess_pct=100 * ((pl.col("label_pct") / 100).exp() - 1))
    found = evaluations(predictions, labels)
    for model in ("ridge", "ridge" + OVER):
        earned = []
        for day in DAYS[:40]:
            wide = predictions.filter(trade_date=day).pivot(
                "model_name", index="parent_id", values="prediction"
            )
            rows = wide.join(labels.filter(trade_date=day), on="parent_id").sort("parent_id")
            size = rows["ridge"].to_numpy()
            if model.endswith(OVER):
                x = rows[CONTROL].to_numpy()
                size = size - np.polyval(np.polyfit(x, size, 1), x)
            gap = size - size.mean()
            long, short = gap.clip(0), (-gap).clip(0)
            simple = rows["simple_excess_pct"].to_numpy()
            earned.append(float(long @ simple / long.sum() - short @ simple / short.sum()))
        row = of(found, model_name=model, slice="all")
        error = autocovariances(earned, 6)
        assert row["book_return_pct"] == pytest.approx(np.mean(earned), rel=1e-9)
        assert row["book_return_error_pct"] == pytest.approx(error, rel=1e-9)
        assert row["book_return_t"] == pytest.approx(np.mean(earned) / error, rel=1e-9)


def test_without_simple_returns_nothing_is_said_of_the_book():
    predictions, labels = market(n_days=40, ridge=lambda y, e: y + e, equity_only=lambda y, e: e)
    found = evaluations(predictions, labels)
    assert found["book_return_pct"].null_count() == found.height > 0


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 10**6), st.integers(1, 4), st.integers(MINIMUM_NAMES, 40))
def test_an_ic_lies_between_minus_one_and_one_whatever_ties(seed, levels, n):
    rng = np.random.default_rng(seed)
    predictions, labels = market(
        n_days=2,
        n=n,
        seed=seed,
        ridge=lambda y, e: rng.integers(0, levels, y.size) * 1.0,
        equity_only=lambda y, e: rng.integers(0, levels, y.size) * 1.0,
    )
    found = daily_ic(predictions, labels.with_columns(pl.col("label_pct").round()))
    assert found.height == 6
    assert found["information_coefficient"].is_between(-1, 1).all()


@pytest.mark.parametrize("n", [15, 17, 30, 61, 120])
@pytest.mark.parametrize("rounded", [None, 0, 1])
def test_a_model_that_is_the_control_adds_nothing(n, rounded):
    def control(y, e):
        return y + e if rounded is None else np.round(y + e, rounded)

    predictions, labels = market(
        n=n,
        ridge=lambda y, e: np.exp(control(y, e)),
        xgboost=lambda y, e: -control(y, e),
        equity_only=control,
    )
    found = daily_ic(predictions, labels)
    assert np.mean(ics("ridge", found)) > 0.4
    # Nothing is left to rank: a verdict of 0 on every day, not a day off.
    assert (
        ics("ridge" + OVER, found).tolist() == ics("xgboost" + OVER, found).tolist() == [0.0] * 12
    )


def test_residuals_that_are_equal_tie_whatever_the_last_bits_of_the_arithmetic():
    rng, x = np.random.default_rng(0), np.arange(-7, 8)
    # The slope is a whole number over 280; where that is k fifths, residuals tie, and k fifths are
    # no number of bits.
    orders = [
        order
        for order in (rng.permutation(x) for _ in range(8_000))
        if (x @ order) % 56 == 0 and x @ order
    ][:60]
    predictions, labels = market(
        n_days=len(orders), n=15, ridge=lambda y, e: e, equity_only=lambda y, e: x * 1.0
    )
    ranks = pl.Series(np.concatenate(orders).astype(float))
    predictions = pl.concat(
        [
            predictions.filter(model_name="ridge").with_columns(prediction=ranks),
            predictions.filter(model_name=CONTROL),
        ]
    )
    residuals = [280 * order - int(x @ order) * x for order in orders]
    assert sum(15 - np.unique(residual).size for residual in residuals) > 50
    wanted = [
        spearmanr(residual, labels.filter(trade_date=day)["label_pct"]).statistic
        for residual, day in zip(residuals, DAYS, strict=False)
    ]
    np.testing.assert_allclose(
        ics("ridge" + OVER, daily_ic(predictions, labels)), wanted, rtol=1e-12, atol=1e-14
    )


def test_a_constant_control_takes_nothing_away():
    predictions, labels = market(
        ridge=lambda y, e: np.round(y + e, 1), equity_only=lambda y, e: np.zeros_like(y)
    )
    found = daily_ic(predictions, labels)
    assert ics("ridge" + OVER, found).tolist() == ics("ridge", found).tolist()
    assert set(ics(CONTROL, found)) == {0.0}


def test_a_model_that_adds_credit_to_the_control_is_told_from_one_that_adds_noise():
    predictions, labels = market(
        n_days=60,
        n=60,
        ridge=lambda y, e: e + y,
        xgboost=lambda y, e: y + 2 * e,
        equity_only=lambda y, e: y + 2 * e + 1e-3,
    )
    found = daily_ic(predictions, labels)
    assert np.mean(ics("ridge" + OVER, found)) > 0.2
    assert abs(np.mean(ics("xgboost" + OVER, found))) < 0.05


def test_the_control_is_the_one_that_is_named_and_has_no_row_over_itself():
    predictions, labels = market(ridge=lambda y, e: y + e, xgboost=lambda y, e: e)
    assert set(daily_ic(predictions, labels)["model_name"]) == {"ridge", "xgboost"}
    assert set(daily_ic(predictions, labels, control="xgboost")["model_name"]) == {
        "ridge",
        "xgboost",
        "ridge" + OVER,
    }


def test_small_days_are_left_out_and_names_without_a_label_too():
    makers: dict[str, Maker] = {"ridge": lambda y, e: y, CONTROL: lambda y, e: e}
    assert daily_ic(*market(n=MINIMUM_NAMES - 1, **makers)).is_empty()
    enough, labels = market(n=MINIMUM_NAMES + 1, **makers)
    assert set(daily_ic(enough, labels.filter(pl.col("parent_id") != "P03"))["n_issuers"]) == {
        MINIMUM_NAMES
    }


@pytest.mark.parametrize("missing", [None, float("nan"), float("inf"), float("-inf")])
def test_a_prediction_or_label_that_is_no_number_is_one_that_is_not_there(missing):
    predictions, labels = market(ridge=lambda y, e: y + e, equity_only=lambda y, e: e)
    gone = pl.col("parent_id") == "P05"
    holes = [
        frame.with_columns(pl.when(gone).then(missing).otherwise(column).alias(column))
        for frame, column in ((predictions, "prediction"), (labels, "label_pct"))
    ]
    wanted = daily_ic(predictions.filter(~gone), labels)
    assert set(wanted["n_issuers"]) == {29}
    assert daily_ic(holes[0], labels).equals(wanted)
    assert daily_ic(predictions, holes[1]).equals(wanted)


def test_a_day_of_equal_labels_is_left_out():
    predictions, labels = market(ridge=lambda y, e: y, equity_only=lambda y, e: e)
    flat = labels.with_columns(
        label_pct=pl.when(trade_date=DAYS[4]).then(0.7).otherwise("label_pct")
    )
    found = daily_ic(predictions, flat)
    assert found["trade_date"].n_unique() == 11
    assert DAYS[4] not in found["trade_date"]


def test_a_day_does_not_depend_on_the_others():
    predictions, labels, _ = messy()
    whole = daily_ic(predictions, labels)
    for day in DAYS[:4] + DAYS[9:12] + DAYS[20:22]:
        alone = daily_ic(predictions.filter(trade_date=day), labels.filter(trade_date=day))
        assert not alone.is_empty()
        assert alone.equals(whole.filter(trade_date=day))


def test_a_horizon_does_not_depend_on_the_others():
    predictions, labels, cuts = messy()
    assert daily_ic(predictions, labels.filter(horizon_days=1)).equals(
        daily_ic(predictions, labels).filter(horizon_days=1)
    )
    assert evaluations(predictions, labels.filter(horizon_days=5), cuts).equals(
        messy_evaluations().filter(horizon_days=5)
    )


@pytest.mark.slow
@settings(max_examples=3, deadline=None)
@given(st.integers(0, 10**6))
def test_the_order_of_rows_changes_no_bit(seed):
    predictions, labels, cuts = messy()
    p, y, c = (
        frame.sample(fraction=1.0, shuffle=True, seed=seed + k)
        for k, frame in enumerate((predictions, labels, cuts))
    )
    assert daily_ic(p, y).equals(daily_ic(predictions, labels))
    assert evaluations(p, y, c).equals(messy_evaluations())


@pytest.mark.parametrize(
    "who", [pl.lit(True), pl.col("trade_date").is_in(DAYS[:25]), pl.col("parent_id") > "P20"]
)
def test_another_models_silence_changes_no_bit_of_the_others(who):
    predictions, labels, cuts = messy()
    other = pl.col("model_name") == "xgboost"
    fewer = predictions.filter(~(other & who))
    assert fewer.height < predictions.height
    others = ~pl.col("model_name").str.starts_with("xgboost")
    assert (
        daily_ic(fewer, labels).filter(others).equals(daily_ic(predictions, labels).filter(others))
    )
    assert (
        evaluations(fewer, labels, cuts).filter(others).equals(messy_evaluations().filter(others))
    )


def test_a_model_that_covers_more_issuers_changes_no_bit_of_the_others():
    predictions, labels, cuts = messy()
    few = predictions.filter((pl.col("model_name") == "xgboost") | (pl.col("parent_id") <= "P30"))
    alone = few.filter(pl.col("model_name") != "xgboost")
    assert few.filter(model_name="xgboost")["parent_id"].max() > "P30"
    others = ~pl.col("model_name").str.starts_with("xgboost")
    assert evaluations(few, labels, cuts).filter(others).equals(evaluations(alone, labels, cuts))


@pytest.mark.parametrize("left", [0, MINIMUM_NAMES - 1])
def test_a_day_on_which_the_control_is_silent_or_nearly_so_is_judged_without_it(left):
    predictions, labels = market(ridge=lambda y, e: y + e, equity_only=lambda y, e: e)
    quiet = (
        (pl.col("model_name") == CONTROL)
        & (pl.col("trade_date") == DAYS[3])
        & (pl.col("parent_id") >= f"P{left:02}")
    )
    whole, found = daily_ic(predictions, labels), daily_ic(predictions.filter(~quiet), labels)
    assert found.filter(model_name="ridge").equals(whole.filter(model_name="ridge"))
    assert found.filter(model_name="ridge" + OVER).equals(
        whole.filter(pl.col("trade_date") != DAYS[3], model_name="ridge" + OVER)
    )


def test_both_rows_of_a_model_rest_on_the_same_issuers():
    predictions, labels, _ = messy()
    found = (
        daily_ic(predictions, labels)
        .filter(horizon_days=5)
        .pivot("model_name", index="trade_date", values="n_issuers")
    )
    both = found.filter(pl.col(CONTROL).is_not_null()).drop_nulls("ridge")
    assert both["ridge"].equals(both["ridge" + OVER])
    assert (both["ridge"] < both[CONTROL]).any()


def test_nothing_to_judge_gives_no_rows():
    predictions, labels = market(ridge=lambda y, e: y, equity_only=lambda y, e: e)
    for p, y in (
        (predictions.clear(), labels),
        (predictions, labels.clear()),
        (TABLES["predictions"].empty(), known_labels(TABLES["labels"].empty())),
    ):
        assert TABLES["information_coefficients"].conform(daily_ic(p, y)).is_empty()
        assert TABLES["evaluations"].conform(evaluations(p, y, messy()[2])).is_empty()


# ------------------------------------------------------------------------------------------------
#   summaries


BUCKETS = [
    None,
    ("sector", "banks"),
    ("sector", "energy"),
    ("size", "small"),
    ("rating", "unrated"),
]


@pytest.mark.parametrize("bucket", BUCKETS)
@pytest.mark.parametrize("model", ["ridge", "xgboost" + OVER, ENSEMBLE])
def test_a_summary_is_that_of_the_slow_days(model, bucket):
    days = slowly(model, 5, bucket)
    found = of(
        messy_evaluations(),
        model_name=model,
        horizon_days=5,
        **(dict(slice="all") if bucket is None else dict(slice=bucket[0], bucket=bucket[1])),
    )
    values, numbers = days["ic"].to_numpy(), day_number(days["day"]).to_numpy()
    lags = max(6, int(4 * (values.size / 100) ** (2 / 9)))
    error, spread_error = (
        autocovariances(days[column].to_list(), lags) for column in ("ic", "spread")
    )
    rate, low, high = wilson(days["hits"].sum() / 5, days["of"].sum() / 5)
    wanted = {
        "mean_ic": values.mean(),
        "icir": values.mean() / values.std(ddof=1),
        "standard_error": error,
        "t_statistic": values.mean() / error,
        "smallest_detectable_ic": DETECTABLE * error,
        "offsets_t_statistic": np.mean(
            [ttest_1samp(values[numbers % 5 == k], 0).statistic for k in range(5)]
        ),
        "hit_rate": rate,
        "hit_rate_low": low,
        "hit_rate_high": high,
        "n_hits_of": days["of"].sum(),
        "decile_spread_pct": days["spread"].mean(),
        "decile_spread_t": days["spread"].mean() / spread_error,
        "n_days": days.height,
    }
    assert {name: found[name] for name in wanted} == pytest.approx(wanted, rel=1e-8, abs=1e-10)
    assert (found["first_date"], found["last_date"]) == (days["day"].min(), days["day"].max())
    # An ensemble's mean rank and a residual are no prediction of the label.
    if model == ENSEMBLE or model.endswith(OVER):
        assert found["oos_r2_pct"] is None
    else:
        assert found["oos_r2_pct"] == pytest.approx(
            100 * (1 - days["error"].sum() / days["square"].sum()), rel=1e-8
        )


def test_an_effect_that_can_be_detected_is_found_four_times_in_five():
    assert norm.cdf(DETECTABLE - norm.ppf(0.975)) == pytest.approx(0.8, abs=0.001)


def test_predicting_the_score_itself_explains_all_and_predicting_zero_nothing():
    predictions, labels = market(
        n_days=40,
        ridge=lambda y, e: norm.ppf((rankdata(y) - 0.5) / y.size) + 1e-4 * e,
        xgboost=lambda y, e: 1e-12 * e,
        equity_only=lambda y, e: -norm.ppf((rankdata(y) - 0.5) / y.size) + 1e-4 * e,
    )
    # A hair of noise on a rank near the middle, or nothing would vary; the label it stands for is
    # moved with it.
    rough = labels.with_columns(label_pct=pl.col("label_pct").round(1))
    found = evaluations(predictions, rough)
    r2 = {
        name: of(found, model_name=name, slice="all")["oos_r2_pct"]
        for name in ("ridge", "xgboost", CONTROL)
    }
    assert r2["ridge"] == pytest.approx(100, abs=1)
    assert r2["xgboost"] == pytest.approx(0, abs=1e-6)
    assert r2[CONTROL] == pytest.approx(-300, abs=4)


def test_a_hit_rate_is_over_all_days_and_its_interval_counts_labels_that_do_not_meet():
    predictions, labels = market(
        n_days=40, n=20, ridge=lambda y, e: y + e, equity_only=lambda y, e: e
    )
    found = of(evaluations(predictions, labels), model_name="ridge", slice="all")
    assert found["n_hits_of"] == 8 * 40
    hits = round(found["hit_rate"] * 320)
    assert hits > 0.6 * 320
    # As many labels of five days as 40 days hold without two that meet: eight days of them.
    assert (found["hit_rate_low"], found["hit_rate_high"]) == pytest.approx(
        wilson(hits / 5, 8 * 8)[1:]
    )


def test_years_are_judged_on_their_own_days():
    predictions, labels, _ = messy()
    found = messy_evaluations().filter(model_name="xgboost" + OVER, slice="year")
    assert found["bucket"].to_list() == ["2023", "2024"]
    for year in (2023, 2024):
        alone = evaluations(predictions.filter(pl.col("trade_date").dt.year() == year), labels)
        row = of(alone, model_name="xgboost" + OVER, slice="all", horizon_days=5)
        assert row | {"slice": "year", "bucket": str(year)} == of(found, bucket=str(year))


def test_slices_are_cut_at_the_trained_horizon_only_and_a_bucket_too_thin_is_not_judged():
    predictions, labels, cuts = messy()
    found = messy_evaluations()
    assert set(found.filter(pl.col("slice") != "all")["horizon_days"]) == {5}
    assert set(found.filter(slice="all")["horizon_days"]) == {1, 5}
    assert set(found["slice"]) == {"all", "year", "sector", "rating", "size", "earnings"}
    assert set(found.filter(slice="sector")["bucket"]) == {"banks", "energy"}
    assert set(found.filter(slice="size")["bucket"]) == {"small", "large"}
    assert set(evaluations(predictions, labels)["slice"]) == {"all", "year"}
    assert set(
        evaluations(predictions, labels, cuts, horizon=1).filter(slice="sector")["horizon_days"]
    ) == {1}


def test_a_slice_that_is_the_whole_market_is_the_whole_market():
    found = messy_evaluations().filter(horizon_days=5)
    whole, unrated = (
        found.filter(slice=name).drop("slice", "bucket") for name in ("all", "rating")
    )
    assert whole.height == 7
    assert unrated.equals(whole)


def test_frames_fit_the_declared_tables_and_keys_are_unique():
    predictions, labels, _ = messy()
    for name, frame in (
        ("information_coefficients", daily_ic(predictions, labels)),
        ("evaluations", messy_evaluations()),
    ):
        found = TABLES[name].conform(frame)
        assert found.height > 20
        assert found.select(TABLES[name].key).is_unique().all()
        numbers = found.select(pl.col(pl.Float64))
        assert not any(numbers[column].is_nan().any() for column in numbers.columns)


def test_too_few_days_are_not_judged():
    makers: dict[str, Maker] = {"ridge": lambda y, e: y + e, CONTROL: lambda y, e: e}
    assert evaluations(*market(n_days=7, **makers)).is_empty()
    eight = evaluations(*market(n_days=8, **makers)).filter(slice="all")
    assert eight["model_name"].to_list() == [CONTROL, "ridge", "ridge" + OVER]
    assert eight["n_days"].to_list() == [8, 8, 8]


def test_a_model_that_says_the_same_of_everybody_is_not_judged_over_all_days():
    predictions, labels = market(
        n_days=30, ridge=lambda y, e: np.zeros(y.size), equity_only=lambda y, e: e
    )
    assert set(ics("ridge", daily_ic(predictions, labels))) == {0.0}
    assert set(evaluations(predictions, labels)["model_name"]) == {CONTROL}


def test_days_on_which_all_issuers_are_told_the_same_are_counted():
    predictions, labels = market(n_days=30, ridge=lambda y, e: y + e, equity_only=lambda y, e: e)
    is_flat = pl.col("trade_date").is_in(DAYS[:4]) & (pl.col("model_name") == "ridge")
    # Of one more day the order is the control's: nothing is added to it.
    copied = pl.col("trade_date") == DAYS[4]
    of_control = predictions.filter(copied, model_name=CONTROL)
    predictions = pl.concat(
        [
            predictions.filter(~(copied & (pl.col("model_name") == "ridge"))).with_columns(
                prediction=pl.when(is_flat).then(0.3).otherwise("prediction")
            ),
            of_control.with_columns(model_name=pl.lit("ridge")),
        ]
    )
    found = evaluations(predictions, labels).filter(slice="all")
    assert dict(found.select("model_name", "n_flat_days").iter_rows()) == {
        CONTROL: 0,
        "ridge": 4,
        "ridge" + OVER: 5,
    }


# ------------------------------------------------------------------------------------------------
#   what the market is cut by


def cut(
    rows: list[dict[str, Any]], filings: list[tuple[str, datetime | None]] | None = None
) -> pl.DataFrame:
    """Attributes of issuer days given as rows, and of filings."""
    filler = {
        "trade_date": DAYS[20],
        "sector": "banks",
        "rating_number": None,
        "log_market_cap": None,
    }
    schema = KEYS | {"sector": pl.String, "rating_number": pl.Float64, "log_market_cap": pl.Float64}
    known = pl.DataFrame(
        filings or [], schema={"parent_id": pl.String, "known_at": pl.Datetime("us")}, orient="row"
    )
    return attributes(
        pl.DataFrame([filler | row for row in rows], schema=schema, orient="row"), known
    )


def test_ratings_are_cut_between_triple_b_minus_and_double_b_plus():
    found = cut(
        [
            {"parent_id": f"P{k}", "rating_number": value}
            for k, value in enumerate([1.0, 10.0, 10.99, 11.0, 22.0, None])
        ]
    )
    assert found["rating"].to_list() == ["investment_grade"] * 3 + ["high_yield"] * 2 + ["unrated"]


def test_sizes_are_terciles_of_their_own_day():
    rows = [
        {"parent_id": f"P{k}", "log_market_cap": value}
        for k, value in enumerate([3.0, 9.0, 1.0, None, 5.0, 7.0, 2.0])
    ]
    later = [
        {"parent_id": f"P{k}", "log_market_cap": 20.0 + k, "trade_date": DAYS[21]} for k in range(3)
    ]
    found = cut(rows + later)["size"].to_list()
    assert found[:7] == ["middle", "large", "small", None, "middle", "large", "small"]
    assert found[7:] == ["small", "middle", "large"]


@pytest.mark.parametrize(
    ("steps", "wanted"), [(-6, "away"), (-5, "near"), (0, "near"), (5, "near"), (6, "away")]
)
def test_five_trading_days_around_a_filing_are_near_it(steps, wanted):
    filed = datetime.combine(offset(DAYS[20], steps), datetime.min.time()).replace(hour=20)
    found = cut(
        [{"parent_id": "A"}, {"parent_id": "B"}, {"parent_id": "C"}],
        [("A", filed), ("C", None), ("A", datetime(2010, 3, 1))],
    )
    assert found["earnings"].to_list() == [wanted, "unknown", "unknown"]


@settings(max_examples=30, deadline=None)
@given(
    st.lists(st.tuples(st.sampled_from("ABC"), st.integers(0, 60)), max_size=12),
    st.lists(
        st.tuples(st.sampled_from("ABCD"), st.integers(0, 60)), min_size=1, max_size=12, unique=True
    ),
)
def test_nearness_to_a_filing_is_that_of_counting_days_one_by_one(filings, rows):
    found = cut(
        [{"parent_id": who, "trade_date": DAYS[k]} for who, k in rows],
        [(who, datetime.combine(DAYS[k], datetime.min.time())) for who, k in filings],
    )
    for (who, k), earnings in zip(rows, found["earnings"], strict=True):
        gaps = [abs(k - other) for filer, other in filings if filer == who]
        assert earnings == ("unknown" if not gaps else "near" if min(gaps) <= 5 else "away")


def test_the_headline_is_the_correlation_of_the_label_with_what_the_control_leaves_of_the_size():
    predictions, labels, _ = messy()
    found = daily_ic(predictions, labels).filter(horizon_days=5)
    wide = predictions.pivot("model_name", index=["parent_id", "trade_date"], values="prediction")
    rows = wide.join(labels.filter(horizon_days=5), on=["parent_id", "trade_date"])
    for day in (DAYS[0], DAYS[20], DAYS[50]):
        of_day = rows.filter(trade_date=day).drop_nulls(["ridge", CONTROL]).sort("parent_id")
        x, c, y = (of_day[name].to_numpy() for name in ("ridge", CONTROL, "label_pct"))
        score = norm.ppf((rankdata(y) - 0.5) / y.size)
        slope = np.cov(x, c)[0, 1] / np.var(c, ddof=1)
        left = x - x.mean() - slope * (c - c.mean())
        is_flat = np.ptp(x) == 0
        for name, signal in (("ridge", x - x.mean()), ("ridge" + OVER, left)):
            row = of(found, trade_date=day, model_name=name)
            wanted = 0.0 if is_flat else np.corrcoef(signal, score)[0, 1]
            assert row["size_weighted_ic"] == pytest.approx(wanted, abs=1e-9)
        tied = np.where(np.abs(x) < 0.09, 0.0, x)
        wanted = 0.0 if is_flat else spearmanr(tied, y).statistic
        assert of(found, trade_date=day, model_name="ridge")["tied_rank_ic"] == pytest.approx(
            wanted, abs=1e-9
        )


def test_rare_news_is_seen_by_its_size_where_ranks_of_noise_hide_it():
    rng = np.random.default_rng(5)

    def news(y: np.ndarray, e: np.ndarray) -> np.ndarray:
        return np.where(np.abs(y) > 1.9, np.sign(y), 0.0) + 0.02 * e

    predictions, labels = market(
        n_days=100, n=60, seed=6, ridge=news, **{CONTROL: lambda y, e: rng.standard_normal(y.size)}
    )
    found = of(evaluations(predictions, labels), model_name="ridge" + OVER, slice="all")
    assert found["size_weighted_ic"] > 2 * found["mean_ic"] > 0
    assert found["size_weighted_t"] > found["t_statistic"]
    assert found["smallest_detectable_size_weighted_ic"] == pytest.approx(
        2.8 * found["size_weighted_error"]
    )
