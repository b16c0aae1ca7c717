"""What an evening's scores look like, by hand; a flat champion rings the same evening."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest
from scipy.stats import norm, spearmanr

from bondsig_assets.monitoring.evening import of_evening
from bondsig_assets.monitoring.jumps import DAY_SERIES, judge_days
from bondsig_assets.monitoring.settings import DataSettings
from bondsig_assets.tables.learning import SCORES
from bondsig_assets_tests.monitoring.series import days


def scores(
    day: int, p: np.ndarray, base: float = 0.5, informed: bool | None = None
) -> pl.DataFrame:
    n = len(p)
    return pl.DataFrame(
        {
            "parent_id": [f"P{k:03}" for k in range(n)],
            "trade_date": days(1, day) * n,
            "score": 1 - 2 * np.asarray(p),
            "probability_underperform": p,
            "base_rate": [base] * n,
            "is_informed": pl.Series([informed] * n, dtype=pl.Boolean),
            "top_features": [["spread_bps", "oas_bps"] if k else [] for k in range(n)],
        }
    )


def issuers(n_days: int, n: int = 40) -> pl.DataFrame:
    schema = {"trade_date": pl.Date, "n_issuers": pl.Int64}
    return pl.DataFrame({"trade_date": days(n_days), "n_issuers": [n] * n_days}, schema=schema)


def value(series: pl.DataFrame, monitor: str, day: int = 0, column: str = "value"):
    return series.filter(pl.col("monitor") == monitor, pl.col("trade_date") == days(1, day)[0])[
        column
    ].item()


def test_figures_by_hand():
    draw = np.random.default_rng(1)
    first, second = draw.uniform(0.3, 0.7, 30), draw.uniform(0.3, 0.7, 30)
    second[:6] = 0.5
    found = of_evening(
        pl.concat([scores(0, first), scores(1, second)]), issuers(3), flat_share=0.99
    )
    assert found.schema == pl.Schema(DAY_SERIES)
    assert value(found, "share_scored") == 0.75
    assert value(found, "implied_ic") == pytest.approx(norm.ppf(first).std())
    assert value(found, "score_spread") == pytest.approx((1 - 2 * first).std())
    assert (value(found, "ties"), value(found, "ties", 1)) == (0, 0.2)
    assert value(found, "at_base_rate", 1) == 0.2
    # One name has no features to tell.
    assert value(found, "top_feature") == 1.0
    rho = spearmanr(first, second).statistic
    assert value(found, "distance", 1) == pytest.approx(1 - rho)
    assert value(found, "distance") is None
    # Nobody was scored on the third day, though issuers were there.
    assert value(found, "share_scored", 2) == 0 and value(found, "share_scored", 2, "is_flat")
    assert value(found, "implied_ic", 2) is None and not found["is_flat"][0]


@pytest.mark.parametrize("base", [0.47, 0.5])
def test_a_champion_that_gives_every_name_the_same_rings_the_same_evening(base):
    """4 of 11 spans of an earlier version were flat, and nothing told."""
    draw = np.random.default_rng(2)
    frames = [scores(k, draw.uniform(0.4, 0.6, 40), base) for k in range(20)]
    frames += [scores(k, np.full(40, base), base) for k in range(20, 25)]
    series = of_evening(pl.concat(frames), issuers(25), 0.99)
    lengths = {"ties": 5_040.0, "at_base_rate": 5_040.0, "share_scored": 5_040.0}
    rows = judge_days(series, days(25), lengths, DataSettings())
    rung = rows.filter(pl.col("state") == "alarm").select("trade_date", "monitor").rows()
    assert rung == [(days(1, 20)[0], "at_base_rate"), (days(1, 20)[0], "ties")]


def test_names_of_whom_a_champion_knows_nothing_count_whatever_it_says_of_them():
    draw = np.random.default_rng(5)
    p = draw.uniform(0.4, 0.6, 30)
    for informed, share in ((None, 0.0), (True, 0.0), (False, 1.0)):
        found = of_evening(scores(0, p, informed=informed), issuers(1, 30), 0.99)
        assert value(found, "at_base_rate") == share
        flat = found.filter(pl.col("monitor") == "at_base_rate")["is_flat"].item()
        assert flat == (informed is False)


def test_probabilities_that_claim_thirty_times_as_much_are_seen():
    draw = np.random.default_rng(3)
    spreads = np.where(np.arange(400) < 398, 0.01, 0.3) * np.exp(0.1 * draw.normal(size=400))
    frames = [
        scores(k, norm.cdf(spread * draw.normal(size=60))) for k, spread in enumerate(spreads)
    ]
    series = of_evening(pl.concat(frames), issuers(400, 60), 0.99)
    rows = judge_days(
        series, days(40, 360), {"implied_ic": 50_400.0, "score_spread": 50_400.0}, DataSettings()
    )
    rung = rows.filter(pl.col("state") == "alarm").select("trade_date", "monitor").rows()
    assert rung == [(days(1, 398)[0], "implied_ic"), (days(1, 398)[0], "score_spread")]


def test_no_scores_at_all():
    found = of_evening(SCORES.empty(), issuers(2), 0.99)
    assert found.filter(pl.col("is_flat"))["monitor"].to_list() == ["share_scored"] * 2
    assert of_evening(SCORES.empty(), issuers(0), 0.99).is_empty()


def test_a_day_does_not_depend_on_the_days_beside_it_but_the_one_before():
    draw = np.random.default_rng(4)
    frames = [scores(k, draw.uniform(0.3, 0.7, 30)) for k in range(4)]
    whole = of_evening(pl.concat(frames), issuers(4), 0.99)
    alone = of_evening(pl.concat(frames[1:3]), issuers(4)[1:3], 0.99)
    third = pl.col("trade_date") == days(1, 2)[0]
    assert alone.filter(third).equals(whole.filter(third))
