"""Daily accuracy: by hand, against the judgement of history, and parts that add up."""

from __future__ import annotations

from datetime import timedelta

import numpy as np
import polars as pl
import pytest
from scipy.stats import norm, pearsonr, rankdata

from bondsig_assets.calendar import CUTOFF
from bondsig_assets.learning.evaluation import daily_ic
from bondsig_assets.learning.inputs import ALL_INPUTS
from bondsig_assets.learning.labels import known_labels
from bondsig_assets.learning.models.catalogue import CONTROL
from bondsig_assets.monitoring.accuracy import (
    FAMILY_OF_INPUT,
    Known,
    accuracy,
    fell,
    first_known,
    parts,
    parts_of_inputs,
)
from bondsig_assets.monitoring.watch import SERIES
from bondsig_assets.tables.learning import CHAMPIONS
from bondsig_assets_tests.monitoring.series import days

N_DAYS, N = 30, 40
NAMES = [f"P{k:03}" for k in range(N)]


def grid(**columns) -> pl.DataFrame:
    return pl.DataFrame(
        {
            "parent_id": NAMES * N_DAYS,
            "trade_date": [day for day in days(N_DAYS) for _ in NAMES],
        }
        | columns
    )


def market(seed: int = 0, lead: float = 0.3):
    """Labels, predictions of three models, scores and champions of a small market."""
    draw = np.random.default_rng(seed)
    size = N * N_DAYS
    stock, etf = draw.normal(0, 4, size), draw.normal(0, 1, size)
    labels = grid(
        horizon_days=[5] * size,
        label_end_date=[day for day in days(N_DAYS, 6) for _ in NAMES],
        stock_return_pct=stock,
        sector_return_pct=etf,
        excess_return_pct=stock - etf,
        beta_adjusted_return_pct=stock - etf,
    ).with_columns(known_at=pl.col("label_end_date").dt.combine(CUTOFF))
    signal = lead * (stock - etf) / 4 + draw.normal(size=size)
    models = {"ridge": signal, CONTROL: draw.normal(size=size), "xgboost": draw.normal(size=size)}
    predictions = pl.concat(
        [
            grid(prediction=values).with_columns(model_name=pl.lit(name))
            for name, values in models.items()
        ]
    )
    scores = grid(
        prediction=signal,
        probability_underperform=norm.cdf(-0.1 * signal),
        base_rate=np.full(size, 0.5),
    )
    champions = pl.DataFrame(
        {
            "valid_from_date": days(1) + days(1, 20),
            "model_name": ["ridge", "ridge"],
            "decision": ["kept", "refit"],
            "challenger_version": ["xgboost_2003-10-01", "ridge_2004-01-01"],
            "incumbent_version": ["ridge_2003-10-01", "ridge_2003-10-01"],
        }
    )
    return predictions, scores, labels, champions


def of(series: pl.DataFrame, monitor: str) -> dict:
    rows = series.filter(pl.col("monitor") == monitor)
    return dict(zip(rows["trade_date"], rows["value"], strict=True))


@pytest.fixture(scope="module")
def found() -> pl.DataFrame:
    predictions, scores, labels, champions = market()
    return accuracy(predictions, scores, first_known(labels), champions)


def test_every_series_is_there_and_known_six_days_later(found):
    assert found.schema == pl.Schema(SERIES)
    assert set(found["monitor"]) == {
        "ic",
        "ic_over_equity",
        "book",
        "champion_less_control",
        "champion_less_challenger",
        "calibration_slope",
        "calibration_level",
    }
    known = dict(zip(days(N_DAYS), days(N_DAYS, 6), strict=True))
    assert all(known[day] == at for day, at in found.select("trade_date", "known_date").rows())


def test_ics_are_those_of_the_judgement_of_history(found):
    predictions, _, labels, _ = market()
    judged = daily_ic(predictions, known_labels(labels))

    def ic(name: str) -> dict:
        rows = judged.filter(pl.col("model_name") == name)
        return dict(zip(rows["trade_date"], rows["size_weighted_ic"], strict=True))

    assert of(found, "ic") == ic("ridge") and of(found, "ic_over_equity") == ic("ridge_over_equity")
    less = {day: ic("ridge")[day] - ic(CONTROL)[day] for day in ic("ridge")}
    assert of(found, "champion_less_control") == pytest.approx(less)
    # Its challenger as long as it was kept; a refit of itself is nobody to compare with.
    rival = {day: ic("ridge")[day] - ic("xgboost")[day] for day in days(20)}
    assert of(found, "champion_less_challenger") == pytest.approx(rival)


def test_the_book_and_calibration_by_hand(found):
    _, scores, labels, _ = market()
    one = scores.join(known_labels(labels), on=["parent_id", "trade_date"]).filter(
        pl.col("trade_date") == days(1, 3)[0]
    )
    simple = one["simple_excess_pct"].to_numpy()
    stock = labels.filter(pl.col("trade_date") == days(1, 3)[0])
    by_hand = 100 * (
        np.exp(stock["stock_return_pct"].to_numpy() / 100)
        - np.exp(stock["sector_return_pct"].to_numpy() / 100)
    )
    assert simple == pytest.approx(by_hand)
    assert of(found, "book")[days(1, 3)[0]] == pytest.approx(
        pearsonr(one["prediction"].to_numpy(), simple).statistic
    )
    p, y = one["probability_underperform"].to_numpy(), (one["label_pct"].to_numpy() < 0)
    assert of(found, "calibration_level")[days(1, 3)[0]] == pytest.approx((y - p).mean())
    deviation = np.sqrt(((p - 0.5) ** 2 * p * (1 - p)).sum())
    assert of(found, "calibration_slope")[days(1, 3)[0]] == pytest.approx(
        ((p - 0.5) * (y - p)).sum() / deviation
    )
    shift = found.filter(
        pl.col("monitor") == "calibration_slope", pl.col("trade_date") == days(1, 3)[0]
    )["shift"].item()
    assert shift == pytest.approx(-((p - 0.5) ** 2).sum() / deviation)


def test_a_champion_that_claims_more_is_no_change_of_the_slope():
    """Thirty times as far from the base rate, right both times: days differ as much as before."""
    draw, n = np.random.default_rng(8), 100
    dates = days(400)
    size = np.where(np.arange(len(dates)) < 200, 0.002, 0.06)
    p = 0.5 + size[:, None] * draw.uniform(-1, 1, (len(dates), n))
    label = np.where(draw.uniform(size=p.shape) < p, -1.0, 1.0)
    rows = pl.DataFrame(
        {
            "parent_id": np.tile([f"P{k:03}" for k in range(n)], len(dates)),
            "trade_date": pl.Series(dates).gather(np.repeat(np.arange(len(dates)), n)),
            "prediction": -p.ravel(),
            "probability_underperform": p.ravel(),
            "base_rate": 0.5,
            "label_pct": label.ravel(),
        }
    )
    labels = rows.select(
        "parent_id",
        "trade_date",
        "label_pct",
        horizon_days=pl.lit(5, pl.Int64),
        simple_excess_pct="label_pct",
        known_date="trade_date",
    )
    control = rows.select("parent_id", "trade_date", "prediction", model_name=pl.lit(CONTROL))
    found = accuracy(control, rows.drop("label_pct"), Known(labels, 0), CHAMPIONS.empty())
    slope = np.array(list(of(found, "calibration_slope").values()))
    assert slope[:200].std() == pytest.approx(1, abs=0.15)
    assert slope[200:].std() == pytest.approx(1, abs=0.15)


def test_a_score_of_minus_volatility_has_an_ic_and_earns_nothing():
    """Ranks see medians, money is the mean: martingale prices, volatility as the score."""
    draw = np.random.default_rng(5)
    n_names, n_days = 300, 250
    sigma = 4.5 * np.exp(0.45 * draw.normal(size=n_names))
    z = draw.normal(size=(n_days, n_names))
    log = sigma * z - sigma**2 / 200
    frame = {
        "parent_id": [f"P{k:03}" for k in range(n_names)] * n_days,
        "trade_date": [day for day in days(n_days) for _ in range(n_names)],
    }
    labels = pl.DataFrame(
        frame
        | {
            "horizon_days": [5] * log.size,
            "label_end_date": [day for day in days(n_days, 6) for _ in range(n_names)],
            "stock_return_pct": log.ravel(),
            "sector_return_pct": np.zeros(log.size),
            "excess_return_pct": log.ravel(),
        }
    ).with_columns(known_at=pl.col("label_end_date").dt.combine(CUTOFF))
    scores = pl.DataFrame(
        frame
        | {
            "prediction": np.tile(-np.log(sigma), n_days),
            "probability_underperform": np.full(log.size, 0.5),
            "base_rate": np.full(log.size, 0.5),
        }
    )
    control = scores.select(
        "parent_id", "trade_date", "prediction", model_name=pl.lit(CONTROL)
    ).with_columns(prediction=pl.Series(draw.normal(size=log.size)))
    champions = pl.DataFrame(
        schema={
            "valid_from_date": pl.Date,
            "model_name": pl.String,
            "decision": pl.String,
            "challenger_version": pl.String,
            "incumbent_version": pl.String,
        }
    )
    found = accuracy(control, scores, first_known(labels), champions)
    ic, book = (np.array(list(of(found, name).values())) for name in ("ic", "book"))
    error = ic.std() / n_days**0.5
    assert ic.mean() > 3 * error and abs(book.mean()) < 2.5 * book.std() / n_days**0.5
    assert "champion_less_challenger" not in set(found["monitor"])
    # Probabilities that claim nothing put no claim to the test.
    assert "calibration_slope" not in set(found["monitor"])


def test_labels_that_come_late_are_counted_and_move_nothing():
    predictions, scores, labels, champions = market(1)
    late = labels.with_columns(
        known_at=pl.when(pl.col("parent_id") < "P005")
        .then(pl.col("known_at") + timedelta(days=3))
        .otherwise("known_at")
    )
    known = first_known(late)
    assert known.n_late == 5 * N_DAYS and known.labels.height == (N - 5) * N_DAYS
    without = labels.filter(pl.col("parent_id") >= "P005")
    assert accuracy(predictions, scores, known, champions).equals(
        accuracy(predictions, scores, first_known(without), champions)
    )


def test_days_with_few_names_and_no_rows_at_all_have_no_value():
    predictions, scores, labels, champions = market(2)
    few = labels.filter((pl.col("trade_date") != days(1, 4)[0]) | (pl.col("parent_id") < "P010"))
    found = accuracy(predictions, scores, first_known(few), champions)
    assert days(1, 4)[0] not in set(found["trade_date"])
    for empty in (
        accuracy(predictions, scores, first_known(labels.clear()), champions),
        accuracy(predictions.clear(), scores.clear(), first_known(labels), champions),
    ):
        assert empty.is_empty() and empty.schema == pl.Schema(SERIES)


def sectors() -> pl.DataFrame:
    return grid(
        sector=[f"S{k % 4}" if k % 5 else None for k in range(N)] * N_DAYS,
        rating=["investment_grade" if k < 25 else "high_yield" for k in range(N)] * N_DAYS,
    )


def test_parts_add_up_to_the_ic_of_the_day():
    _, scores, labels, _ = market(3)
    known = first_known(labels)
    found = parts(scores, known, sectors(), ["sector", "rating"])
    assert set(found.filter(pl.col("slice") == "sector")["bucket"]) == {
        "S0",
        "S1",
        "S2",
        "S3",
        "unknown",
    }
    rows = scores.join(known.labels, on=["parent_id", "trade_date"])
    for day, own in rows.group_by("trade_date"):
        z = norm.ppf((rankdata(own["label_pct"].to_numpy()) - 0.5) / own.height)
        ic = pearsonr(own["prediction"].to_numpy(), z).statistic
        of_day = found.filter(pl.col("trade_date") == day[0])
        sums = of_day.group_by("slice").agg(pl.col("part").sum())
        assert sums["part"].to_list() == pytest.approx([ic, ic])


def test_parts_of_inputs_add_up_too_and_find_the_family_that_fell():
    draw = np.random.default_rng(7)
    _, _, labels, _ = market(4)
    label = labels["excess_return_pct"].to_numpy() / 4
    late = np.repeat(np.arange(N_DAYS) >= 20, N)
    credit = np.where(late, draw.normal(size=label.size), label + draw.normal(size=label.size))
    equity = 0.5 * label + draw.normal(size=label.size)
    noise = 0.1 * draw.normal(size=label.size)
    explanations = grid(
        model_version=["m"] * label.size,
        contributions=np.column_stack([credit, equity, noise]).tolist(),
    )
    models = pl.DataFrame({"model_version": ["m"], "features": [["spread_bps", "size", "odd"]]})
    families = {"spread_bps": "credit", "size": "equity"}
    known = first_known(labels)
    found = parts_of_inputs(explanations, models, known, families)
    assert set(found["bucket"]) == {"credit", "equity", "other"}
    whole = explanations.select(
        "parent_id", "trade_date", prediction=pl.Series(credit + equity + noise)
    )
    at_once = parts(whole, known, sectors().with_columns(all=pl.lit("x")), ["all"])
    sums = found.group_by("trade_date").agg(pl.col("part").sum()).sort("trade_date")
    assert sums["part"].to_list() == pytest.approx(at_once.sort("trade_date")["part"].to_list())
    told = fell(found, days(1, 20)[0], days(1, 40)[0])
    assert told[0].startswith("inputs credit: +0.")
    # What was not known on the evening is not told.
    assert fell(found, days(1, 20)[0], days(1, 20)[0]) == []
    assert parts_of_inputs(explanations.clear(), models, known, families).is_empty()


def test_a_sector_that_stops_knowing_is_named_first():
    draw = np.random.default_rng(9)
    _, _, labels, _ = market(6)
    label = labels["excess_return_pct"].to_numpy() / 4
    dead = (np.arange(N)[None, :] % 4 == 2) & (np.arange(N_DAYS)[:, None] >= 15)
    prediction = np.where(dead.ravel(), 0.0, label) + draw.normal(size=label.size)
    found = parts(grid(prediction=prediction), first_known(labels), sectors(), ["sector"])
    told = fell(found, days(1, 15)[0], days(1, 40)[0])
    assert told[0].startswith("sector S2: +0.") and len(told) <= 3
    assert fell(found.clear(), days(1, 15)[0], days(1, 40)[0]) == []


def test_every_input_of_a_model_has_a_family():
    assert set(FAMILY_OF_INPUT) == set(ALL_INPUTS)
    assert set(FAMILY_OF_INPUT.values()) == {"credit", "equity", "credit news", "equity news"}
    assert FAMILY_OF_INPUT["spread_bps"] == "credit"
    assert isinstance(first_known(market()[2]), Known)
