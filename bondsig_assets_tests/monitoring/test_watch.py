"""Monitors replayed: as known then, no oftener than promised, restarted, and on both sides."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import polars as pl
import pytest
from scipy.stats import t as student

from bondsig_assets.monitoring.long_run import long_run, overlapping_noise
from bondsig_assets.monitoring.settings import MeanSettings
from bondsig_assets.monitoring.watch import SERIES, expectation, watch
from bondsig_assets_tests.monitoring.series import ACCURACY, accuracy_world, days, series

SETTINGS = MeanSettings()
TWO_YEARS = dict.fromkeys(ACCURACY, 504.0)


def alarms(rows: pl.DataFrame) -> pl.DataFrame:
    return rows.filter(pl.col("state") == "alarm")


def noise(seed: int, n: int, deviation: float = 0.09, kept: float = 0.6) -> np.ndarray:
    return deviation * overlapping_noise(np.random.default_rng(seed), (n, 1), kept)[:, 0]


@pytest.mark.slow
def test_false_alarms_in_null_worlds_are_no_more_than_promised():
    """Expectations estimated from the series themselves, labels that overlap, restarts included."""
    n, rung, promised = 4_032, 0, 0.0
    for seed in range(32):
        rows = watch(accuracy_world(seed, n, 0.02), days(n, 6), TWO_YEARS, SETTINGS)
        rung += alarms(rows).height
        last = rows.filter(pl.col("trade_date") == rows["trade_date"].max())
        promised += last["expected_false_alarms"].sum()
    assert promised > 1_000
    assert 0.3 < rung / promised < 1.0, (rung, promised)


def test_rows_of_a_range_are_those_of_its_days_and_know_no_future():
    world = accuracy_world(3, 700, 0.02)
    evenings = days(700, 6)
    whole = watch(world, evenings, TWO_YEARS, SETTINGS)
    for day in (200, 431, 699):
        alone = watch(world, [evenings[day]], TWO_YEARS, SETTINGS)
        assert alone.equals(whole.filter(pl.col("trade_date") == evenings[day]))
    poisoned = world.with_columns(
        value=pl.when(pl.col("known_date") > evenings[431]).then(9.0).otherwise("value")
    )
    past = pl.col("trade_date") <= evenings[431]
    assert watch(poisoned, evenings, TWO_YEARS, SETTINGS).filter(past).equals(whole.filter(past))
    shuffled = world.sample(fraction=1.0, shuffle=True, seed=1)
    assert watch(shuffled, evenings, TWO_YEARS, SETTINGS).equals(whole)


def test_a_lead_that_dies_is_noticed_about_as_fast_as_said():
    n, dies = 2_500, 1_000
    waited, said = [], []
    for seed in range(24):
        values = 0.04 + noise(seed, n)
        values[dies:] -= 0.04
        rows = watch(series("ic", values), days(n, 6), {"ic": 2_520.0}, SETTINGS).with_row_index()
        before = rows.filter(pl.col("trade_date") < days(1, dies + 6)[0])
        said.append(before["delay_days"][-1])
        found = alarms(rows.filter(pl.col("index") >= dies))
        waited.append(found["index"][0] - dies + 6 if found.height else n)
    assert np.mean(waited) == pytest.approx(np.mean(said), rel=0.35)
    assert np.quantile(waited, 0.9) < 3 * np.mean(said)


def test_after_an_alarm_what_is_expected_comes_from_the_days_since_the_change():
    n, dies = 1_800, 800
    values = 0.06 + noise(11, n)
    values[dies:] -= 0.06
    rows = watch(series("ic", values), days(n, 6), {"ic": 504.0}, SETTINGS)
    first = alarms(rows).row(0, named=True)
    assert abs(days(n).index(first["since_date"]) - dies) < 30
    assert first["expected"] > 0.04 and first["looked_for"] == 0.0
    assert first["last_alarm_date"] == first["trade_date"]
    later = rows.filter(pl.col("trade_date") == days(1, 1_500)[0]).row(0, named=True)
    assert later["expected"] < 0.02 and later["delay_days"] != first["delay_days"]
    repeated = alarms(rows).filter(pl.col("expected") == first["expected"])
    assert repeated["trade_date"].max() < days(1, dies + 6 + 126 + 70)[0]
    # It has begun anew on the evening after.
    after = rows.filter(pl.col("trade_date") > first["trade_date"]).row(0, named=True)
    assert after["n_days"] == 1 and after["statistic"] < 10


def test_both_sides_are_watched_where_both_matter():
    """A detector that looks one way alone sleeps through the other (online-ml/river#810)."""
    n, moves = 1_400, 700
    for sign in (1, -1):
        values = noise(5, n, 0.06)
        values[moves:] += sign * 0.05
        rows = watch(
            series("calibration_level", values),
            days(n, 6),
            {"calibration_level": 2_520.0},
            SETTINGS,
        )
        found = alarms(rows).row(0, named=True)
        assert days(1, moves)[0] < found["trade_date"] < days(1, moves + 300)[0]
        assert found["looked_for"] == pytest.approx(sign * 0.05)
    # What rises is no decay.
    values = 0.02 + noise(5, n)
    values[moves:] += 0.1
    assert alarms(watch(series("ic", values), days(n, 6), {"ic": 504.0}, SETTINGS)).is_empty()


@pytest.mark.slow
def test_two_sides_share_one_rate():
    rung, promised = 0, 0.0
    for seed in range(40):
        values = noise(seed, 2_520, 0.06, 1.0)
        rows = watch(
            series("calibration_level", values),
            days(2_520, 6),
            {"calibration_level": 504.0},
            SETTINGS,
        )
        rung, promised = (
            rung + alarms(rows).height,
            promised + rows["expected_false_alarms"].max(),
        )
    assert promised > 150 and 0.4 < rung / promised < 1.1, (rung, promised)


def test_a_change_whose_size_the_day_says():
    """Days on which probabilities claim much weigh more than those on which they claim little."""
    n = 900
    draw = np.random.default_rng(8)
    claim = draw.uniform(0.0, 0.02, n)
    meaningless = -claim + draw.normal(0, 0.01, n)
    honest = draw.normal(0, 0.01, n)
    lengths = {"calibration_slope": 2_520.0}
    late = np.where(np.arange(n) < 500, honest, meaningless)
    rows = watch(series("calibration_slope", late, shift=-claim), days(n, 6), lengths, SETTINGS)
    found = alarms(rows).row(0, named=True)
    assert days(1, 500)[0] < found["trade_date"] < days(1, 530)[0]
    quiet = watch(series("calibration_slope", honest, shift=-claim), days(n, 6), lengths, SETTINGS)
    assert alarms(quiet).is_empty()
    # Without a claim there is nothing to test.
    silent = watch(
        series("calibration_slope", late, shift=np.zeros(n)), days(n, 6), lengths, SETTINGS
    )
    assert set(silent["state"]) <= {"no_value", "waiting", "nothing_to_lose"}


def test_a_drawdown_may_be_as_deep_as_its_sharpe_ratio_allows():
    """The drawdown at which it rings is the CUSUM's: e^u - u - 1 = 2 (mean/sd)² days, in units of
    sd²/(2 mean).
    """
    draw = np.random.default_rng(4)
    z = 0.08 + draw.normal(size=2_000)
    z[1_500:] -= 0.35
    lengths = {"drawdown": 1_260.0}
    rows = watch(series("drawdown", z, wait=0), days(2_000), lengths, SETTINGS)
    found = alarms(rows).filter(pl.col("trade_date") >= days(1, 1_500)[0]).row(0, named=True)
    mean, sd, u = found["expected"], found["deviation"], found["threshold"]
    assert found["looked_for"] == pytest.approx(-mean)
    assert np.exp(u) - u - 1 == pytest.approx(2 * (mean / sd) ** 2 * 1_260, rel=1e-6)
    # Since its highest point, about where it turned.
    at, peak = (days(2_000).index(found[name]) for name in ("trade_date", "since_date"))
    wealth = np.concatenate([[0.0], np.cumsum(z[: at + 1])])
    assert abs(peak - 1_500) < 40 and wealth[peak] == wealth[1_000:].max()


def test_no_values_too_few_and_nothing_to_lose_are_said():
    rows = watch(pl.DataFrame(schema=SERIES), days(3), TWO_YEARS, SETTINGS)
    assert rows.height == 3 * len(ACCURACY) and set(rows["state"]) == {"no_value"}
    assert watch(pl.DataFrame(schema=SERIES), [], TWO_YEARS, SETTINGS).is_empty()
    assert watch(accuracy_world(0, 50, 0.02), days(5, 60), {}, SETTINGS).is_empty()
    values = noise(1, 400)
    values[::7] = np.nan
    few = watch(series("ic", values[:120]), days(1, 130), {"ic": 504.0}, SETTINGS)
    assert few["state"].to_list() == ["waiting"] and few["statistic"].null_count() == 1
    sinking = watch(series("ic", values - 0.05), days(1, 405), {"ic": 504.0}, SETTINGS)
    assert sinking["state"].to_list() == ["nothing_to_lose"]
    assert sinking["expected"].to_list() == [0.0]
    holes = watch(series("ic", values + 0.02), days(400, 6), {"ic": 504.0}, SETTINGS)
    kept = watch(
        series("ic", values + 0.02).drop_nans("value"), days(400, 6), {"ic": 504.0}, SETTINGS
    )
    assert holes.equals(kept)


def test_a_value_that_comes_late_counts_from_the_evening_it_came():
    rows = series("ic", 0.03 + noise(6, 300))
    late = rows.with_columns(
        known_date=pl.when(pl.col("trade_date") == days(1, 250)[0])
        .then(pl.lit(days(1, 280)[0]))
        .otherwise("known_date")
    )
    on_time = watch(rows, days(300, 6), {"ic": 504.0}, SETTINGS)
    delayed = watch(late, days(300, 6), {"ic": 504.0}, SETTINGS)
    before = pl.col("trade_date") < days(1, 256)[0]
    assert delayed.filter(before).equals(on_time.filter(before))
    count = {
        name: frame.filter(pl.col("trade_date") == days(1, 270)[0])["n_days"][0]
        for name, frame in (("on_time", on_time), ("delayed", delayed))
    }
    assert count["delayed"] == count["on_time"] - 1


def test_expectations_by_hand():
    seen = long_run(0.03 + noise(4, 500))
    found = expectation("ic", seen, SETTINGS)
    weight = (seen.error / 0.01) ** -2
    assert found.before == pytest.approx((weight * seen.mean + 0.005) / (weight + 1))
    assert expectation("ic", replace(seen, mean=-1.0), SETTINGS).before == 0.0
    assert expectation("calibration_level", seen, SETTINGS).before == 0.0
    # A forecast of risk is right for a normal z and for one with fat tails, E|t| of 5 degrees here.
    risk = expectation("risk", seen, SETTINGS)
    assert risk.of_side(1.0) == pytest.approx(0.7979, abs=1e-4)
    assert risk.of_side(-1.0) == pytest.approx(student(5).expect(abs) * 0.6**0.5, abs=1e-3)
    # A drawdown is judged by a Sharpe ratio a standard error lower, a quarter at least.
    unsure = replace(seen, mean=0.05, deviation=1.0)
    profit, drawdown = (
        expectation(name, unsure, SETTINGS).before for name in ("profit", "drawdown")
    )
    assert 252**0.5 * drawdown == pytest.approx(0.25) and profit > drawdown
    sure = replace(seen, mean=0.1, deviation=0.5)
    lower = (sure.error**-2 + 252) ** -0.5
    found = expectation("drawdown", sure, SETTINGS).before
    assert found == pytest.approx(expectation("profit", sure, SETTINGS).before - lower)
    assert expectation("drawdown", replace(seen, mean=-1.0), SETTINGS).before == 0.0


def test_a_simulated_threshold_and_cusum_are_to_be_had():
    world = series("ic", 0.04 + noise(9, 500))
    for chosen in (
        MeanSettings(detector="cusum"),
        MeanSettings(detector="cusum", threshold="simulated"),
        MeanSettings(threshold="simulated"),
    ):
        row = watch(world, days(1, 505), {"ic": 504.0}, chosen).row(0, named=True)
        assert row["state"] in ("quiet", "watch") and row["threshold"] > 0
        if chosen.detector == "shiryaev_roberts":
            assert row["threshold"] < 504
