"""Alarms as rows and sentences, made of what the monitors themselves say."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl

from bondsig_assets.monitoring import catalogue
from bondsig_assets.monitoring.alarms import FALLEN, RED_DAYS, alarms, red, remedy
from bondsig_assets.monitoring.freshness import CHAMPION, champion_age, freshness
from bondsig_assets.monitoring.jumps import DAY_SERIES, counts, judge_days
from bondsig_assets.monitoring.long_run import overlapping_noise
from bondsig_assets.monitoring.settings import DataSettings, FreshnessSettings, MeanSettings
from bondsig_assets.monitoring.watch import watch
from bondsig_assets.tables.monitoring import ALARMS, MONITORS
from bondsig_assets_tests.monitoring.series import days, series

CHAMPIONS = pl.DataFrame({"valid_from_date": days(1), "model_version": ["ridge_2004-01-01"]})


def decay() -> pl.DataFrame:
    n = 900
    values = 0.06 + 0.09 * overlapping_noise(np.random.default_rng(11), (n, 1), 0.6)[:, 0]
    values[600:] -= 0.06
    return watch(series("ic", values), days(n, 6), {"ic": 2_520.0}, MeanSettings())


def test_a_fall_of_the_ic_in_a_sentence():
    rows = decay()
    rung = rows.filter(pl.col("state") == "alarm").row(0, named=True)
    fallen = pl.DataFrame(
        {
            "trade_date": [rung["trade_date"]],
            "monitor": ["ic"],
            "fell": [["sector Energy: +0.0300 before, -0.0010 since"]],
        },
        schema=FALLEN,
    )
    row = alarms(rows, CHAMPIONS, fallen).row(0, named=True)
    assert row["model_version"] == "ridge_2004-01-01" and row["since_date"] == rung["since_date"]
    assert row["fell"] == ["sector Energy: +0.0300 before, -0.0010 since"]
    words = row["explanation"]
    assert words.startswith(f"ic: since {rung['since_date']} it looks like 0 and not the 0.0")
    assert "one false alarm in 10 years is promised" in words
    assert f"some {rung['delay_days']:.0f} trading days to ring" in words
    assert words.endswith("sector Energy: +0.0300 before, -0.0010 since")


def test_what_breaks_at_once_names_each_other():
    draw = np.random.default_rng(1)
    frames = []
    for name in ("volumes.reports", "volumes.rows_cds_quotes", "volumes.rows_equity_prices"):
        values = draw.poisson(500, 400)
        if name != "volumes.rows_equity_prices":
            values[390:] = 0
        frames.append(
            pl.DataFrame({"trade_date": days(400), "n": values}).select(
                pl.lit(name).alias("monitor"),
                "trade_date",
                *counts("n"),
                pl.lit(False).alias("is_flat"),
            )
        )
    lengths = dict.fromkeys((frame["monitor"][0] for frame in frames), 5_040.0)
    rows = judge_days(pl.concat(frames).select(*DAY_SERIES), days(12, 388), lengths, DataSettings())
    found = alarms(rows, CHAMPIONS)
    assert found["monitor"].to_list() == ["volumes.reports", "volumes.rows_cds_quotes"]
    assert found["fell"].to_list() == [["volumes.rows_cds_quotes"], ["volumes.reports"]]
    words = found["explanation"][0]
    assert (
        words.startswith("volumes.reports: 0, where 492 is usual, 140.5")
        and "usual spreads away" in words
    )
    assert words.endswith(
        "one false alarm in 20 years is promised; with it volumes.rows_cds_quotes"
    )


def test_flat_scores_are_told_without_a_history():
    flat = pl.DataFrame({"trade_date": days(3), "n": [40, 40, 40]}).select(
        pl.lit("ties").alias("monitor"),
        "trade_date",
        *counts("n"),
        pl.Series("is_flat", [False, True, True]),
    )
    rows = judge_days(flat.select(*DAY_SERIES), days(3), {"ties": 504.0}, DataSettings())
    found = alarms(rows, CHAMPIONS)
    assert found["explanation"].to_list() == [
        "ties: 40 (flat); one false alarm in 2 years is promised"
    ]


def test_ages_in_words():
    arrivals = pl.DataFrame({"layer": ["trace_reports"] * 40, "known_date": days(40)})
    rows = pl.concat(
        [
            freshness(arrivals, days(5, 39), FreshnessSettings()),
            champion_age(
                pl.DataFrame({"model_version": ["ridge_2004-01-01"], "train_end_date": days(1)}),
                CHAMPIONS,
                days(30, 10),
                FreshnessSettings(maximum_champion_age_days=30),
            ),
        ]
    )
    found = alarms(rows, CHAMPIONS)["explanation"].to_list()
    assert found == [
        f"the champion was trained on days to {days(1)[0]}, 31 trading days ago; 30 are allowed",
        f"freshness.trace_reports: nothing newer than {days(1, 39)[0]}, 3 trading days ago, where 0"
        " were the most so far",
    ]


def test_no_alarm_and_no_champion():
    assert alarms(MONITORS.empty(), CHAMPIONS).equals(ALARMS.empty())
    quiet = decay().filter(pl.col("state") != "alarm")
    assert alarms(quiet, CHAMPIONS).is_empty()
    assert alarms(decay(), CHAMPIONS.clear())["model_version"].null_count() >= 1


def test_a_source_that_stays_away_is_red_until_it_comes_and_an_alarm_for_a_month():
    every = days(60)
    came = pl.DataFrame({"layer": ["x"] * 20 + ["x"], "known_date": [*every[:20], every[50]]})
    ages = freshness(came, every, FreshnessSettings())
    ic = decay().filter(pl.col("state") == "alarm").with_columns(trade_date=pl.lit(every[5]))
    rung = alarms(pl.concat([ages, ic]), CHAMPIONS)
    assert rung["monitor"].to_list() == ["ic", "freshness.x"]

    def names(k: int) -> list[str]:
        return red(ages.filter(trade_date=every[k]), rung, every[k])["monitor"].to_list()

    # It rings on the third evening without it, and again it is red long after a month.
    assert names(21) == ["ic"] and names(22) == ["freshness.x", "ic"]
    assert names(5 + RED_DAYS - 1) == ["freshness.x", "ic"]
    assert names(5 + RED_DAYS) == names(49) == ["freshness.x"]
    assert names(50) == [] and names(4) == []
    told = red(ages.filter(trade_date=every[49]), rung, every[49])
    assert (
        told["trade_date"].item() == every[49] and "30 trading days ago" in told["explanation"][0]
    )


def test_every_alarm_says_what_to_do_and_the_page_has_it():
    page = (Path(__file__).parents[2] / "docs" / "monitoring.md").read_text()
    for one in catalogue.MONITORS:
        name = f"{one.name}.x" if one.family == "data" else one.name
        assert remedy(name) == one.remedy and one.remedy
        row = f"| `{one.name}{'.…' if one.family == 'data' else ''}` | {one.remedy} |"
        assert row in page, row
    for name, head in ((CHAMPION, CHAMPION), ("freshness.trace_reports", "freshness.…")):
        assert f"| `{head}` | {remedy(name)} |" in page
