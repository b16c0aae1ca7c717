"""Ages in trading time, by hand."""

from __future__ import annotations

from datetime import date

import polars as pl

from bondsig_assets.monitoring.freshness import champion_age, freshness
from bondsig_assets.monitoring.settings import FreshnessSettings
from bondsig_assets_tests.monitoring.series import days

SETTINGS = FreshnessSettings()


def came(layer: str, numbers) -> pl.DataFrame:
    every = days(max(numbers) + 1)
    return pl.DataFrame(
        {"layer": [layer] * len(numbers), "known_date": [every[k] for k in numbers]}
    )


def test_a_daily_layer_that_stops_is_late_at_once_and_rings_on_the_third_day():
    rows = freshness(came("trace_reports", list(range(100))), days(8, 97), SETTINGS)
    assert rows["value"].to_list() == [0, 0, 0, 1, 2, 3, 4, 5]
    assert rows["state"].to_list() == ["quiet"] * 3 + ["late", "late", "alarm", "late", "late"]
    assert rows["since_date"].to_list()[3:] == days(1, 99) * 5
    assert set(rows["family"]) == {"freshness"} and set(rows["monitor"]) == {
        "freshness.trace_reports"
    }


def test_a_layer_that_comes_each_week_may_wait_as_long_as_it_ever_did():
    weekly = came("fundamentals", [*range(0, 100, 5), 107])
    rows = freshness(weekly, days(30, 100), SETTINGS)
    # Four evenings between two arrivals, then a wait of eleven that became the longest.
    assert rows["expected"].to_list()[:7] == [4] * 7 and rows["expected"].to_list()[7] == 11
    assert rows["state"].to_list()[:8] == ["late"] * 3 + [
        "late",
        "alarm",
        "late",
        "late",
        "quiet",
    ] or (rows["state"].to_list()[7] == "quiet")
    assert rows.filter(pl.col("state") == "alarm")["value"].to_list() == [9]
    # The longest wait is forgotten with its days.
    short = FreshnessSettings(history_days=63)
    late = pl.concat([weekly, came("fundamentals", list(range(110, 300)))])
    assert freshness(late, days(1, 299), short)["expected"].item() == 0


def test_weekends_and_holidays_are_no_days():
    monday = freshness(
        pl.DataFrame({"layer": ["x"] * 2, "known_date": [date(2024, 8, 29), date(2024, 8, 30)]}),
        [date(2024, 9, 3)],
        SETTINGS,
    )
    assert monday["value"].to_list() == [1.0]


def test_a_range_is_its_days_and_nothing_later_counts():
    arrivals = pl.concat([came("a", [0, 3, 4, 9, 15]), came("b", [2])])
    whole = freshness(arrivals, days(12), SETTINGS)
    for k in range(12):
        alone = freshness(arrivals, days(1, k), SETTINGS)
        assert alone.equals(whole.filter(pl.col("trade_date") == days(1, k)[0]))
    cut = arrivals.filter(pl.col("known_date") <= days(1, 11)[0])
    assert freshness(cut, days(12), SETTINGS).equals(whole)
    late = whole.filter(pl.col("monitor") == "freshness.b")
    assert late["trade_date"].to_list() == days(10, 2), "before it came nobody knew of it"
    assert late["state"][0] == "waiting"
    assert freshness(arrivals.clear(), days(3), SETTINGS).is_empty()
    assert freshness(arrivals, [], SETTINGS).is_empty()


def test_the_champion_grows_old_in_silence_no_more():
    """Live models that never retrain, silently (freqtrade#10213)."""
    models = pl.DataFrame(
        {"model_version": ["a", "b"], "train_end_date": [days(1)[0], days(1, 60)[0]]}
    )
    champions = pl.DataFrame(
        {"model_version": ["a", "b"], "valid_from_date": [days(1, 7)[0], days(1, 70)[0]]}
    )
    chosen = FreshnessSettings(maximum_champion_age_days=50)
    rows = champion_age(models, champions, days(115, 5), chosen)
    assert rows["value"].to_list()[:4] == [None, None, 7, 8]
    assert rows.filter(pl.col("state") == "alarm")["trade_date"].to_list() == [
        days(1, 51)[0],
        days(1, 111)[0],
    ]
    # It stays late until another one scores.
    assert rows.filter(pl.col("state") == "late")["trade_date"].to_list() == [
        *days(18, 52),
        *days(8, 112),
    ]
    stale = champions.with_columns(model_version=pl.lit("a"))
    again = champion_age(models, stale, days(1, 70), chosen)
    assert again["state"].item() == "alarm"
    assert champion_age(models, champions, [], chosen).is_empty()
    assert (
        champion_age(models, champions.clear(), days(2), chosen)["state"].to_list()
        == ["no_value"] * 2
    )
