"""Jumps: rates against what was promised, types of days by hand, and days that are broken."""

from __future__ import annotations

from datetime import date

import numpy as np
import polars as pl
import pytest

from bondsig_assets.calendar import all_trading_days
from bondsig_assets.monitoring.jumps import (
    BESIDE_HOLIDAY,
    BOND_MARKET_CLOSED,
    DAY_SERIES,
    EARLY,
    back,
    counts,
    day_types,
    judge_days,
    jumps,
    positive,
    shares,
)
from bondsig_assets.monitoring.settings import DataSettings
from bondsig_assets_tests.monitoring.series import FIRST, days

pytestmark = pytest.mark.slow

SETTINGS = DataSettings()
N = 900
ALL = all_trading_days()[FIRST : FIRST + 3_000]
TYPES = day_types(ALL)
#: What a market does less or more of on each type of day.
OF_TYPE = np.array([0.0, 0.3, 0.3, 0.2, -0.2, -0.8, -2.0, -0.4])


def noise(kind: str, seed: int, shape: tuple[int, int]) -> np.ndarray:
    draw = np.random.default_rng(seed)
    if kind == "student":
        return draw.standard_t(5, shape)
    out = draw.normal(size=shape)
    if kind == "persistent":
        for day in range(1, shape[0]):
            out[day] += 0.8 * out[day - 1]
    if kind == "clustered":
        log_volatility = np.zeros(shape)
        fresh = draw.normal(size=shape)
        for day in range(1, shape[0]):
            log_volatility[day] = 0.98 * log_volatility[day - 1] + 0.15 * fresh[day]
        out *= np.exp(log_volatility)
    return out


@pytest.mark.parametrize("kind", ["normal", "student", "persistent", "clustered"])
def test_false_alarms_are_no_more_than_promised(kind):
    """40 series over eight years, one day in 504: 150 promised, weekdays and holidays in."""
    wanted = np.arange(600, 2_500)
    levels = 8 + 0.2 * noise(kind, 1, (2_500, 40)) + OF_TYPE[TYPES[:2_500], None]
    found = jumps(
        levels, np.zeros(levels.shape), TYPES[:2_500], wanted, np.full(40, 504.0), SETTINGS
    )
    over = np.abs(found.distance) >= found.edge
    over[1:] &= ~over[:-1]
    promised = np.isfinite(found.edge).sum() / 504
    assert promised > 149 and 0.1 < over.sum() / promised < 1.25
    # As if no day were like its weekday, mornings after holidays would ring.
    if kind == "normal":
        same = jumps(
            levels,
            np.zeros(levels.shape),
            np.zeros(2_500, dtype=np.int64),
            wanted,
            np.full(40, 504.0),
            SETTINGS,
        )
        blind = np.abs(same.distance) >= same.edge
        rare = np.isin(TYPES[wanted], [BOND_MARKET_CLOSED])
        assert blind[rare].mean() > 0.2 > 10 * over[rare].mean()


def test_types_of_days_by_hand():
    asked = {
        date(2024, 3, 5): 1,
        date(2024, 3, 8): 4,
        date(2024, 11, 29): EARLY,
        date(2024, 10, 14): BOND_MARKET_CLOSED,
        date(2024, 11, 12): 1,
        date(2024, 7, 5): BESIDE_HOLIDAY,
        date(2024, 9, 3): BESIDE_HOLIDAY,
        date(2024, 8, 30): BESIDE_HOLIDAY,
    }
    found = day_types(np.array(list(asked), dtype="datetime64[D]"))
    assert found.tolist() == list(asked.values())


def test_scales_by_hand_and_back():
    frame = pl.DataFrame({"n": [0, 30, 120], "of": [120, 120, 120], "x": [0.5, 2.0, 0.0]})
    share = frame.select(*shares("n", "of"))
    assert share["value"].to_list() == [0.0, 0.25, 1.0]
    assert share["level"].to_list() == pytest.approx(np.arcsin(np.sqrt([0.0, 0.25, 1.0])))
    assert share["noise"][0] == pytest.approx(0.5 / 120**0.5)
    for columns, wanted in (
        (share, share["value"]),
        (frame.select(*counts("n")), frame["n"]),
        (frame.select(*positive("x")), pl.Series([0.5, 2.0, None])),
    ):
        again = columns.select(back(pl.col("level"), pl.col("scale")))["level"]
        assert again.to_list() == pytest.approx(wanted.to_list(), abs=1e-9)
    nothing = pl.DataFrame({"n": [0], "of": [0]}).select(*shares("n", "of"))
    assert nothing["level"].null_count() == nothing["value"].null_count() == 1


def reports(seed: int = 0, n: int = N) -> np.ndarray:
    draw = np.random.default_rng(seed)
    return np.rint(np.exp(8 + 0.2 * draw.normal(size=n) + OF_TYPE[TYPES[:n]]))


def series_of(values, monitor: str = "volumes.reports", flat=None) -> pl.DataFrame:
    frame = pl.DataFrame({"trade_date": days(len(values)), "n": values})
    return frame.select(
        pl.lit(monitor).alias("monitor"),
        "trade_date",
        *counts("n"),
        pl.Series("is_flat", [False] * len(values) if flat is None else flat),
    ).select(*DAY_SERIES)


LENGTHS = {"volumes.reports": 5_040.0}


def test_a_source_that_stops_rings_the_same_evening_and_once():
    values = reports()
    values[700:704] = 0
    rows = judge_days(series_of(values), days(100, 680), LENGTHS, SETTINGS)
    assert rows.filter(pl.col("state") == "alarm")["trade_date"].to_list() == days(1, 700)
    assert rows.filter(pl.col("state") == "watch")["trade_date"].to_list() == days(3, 701)
    row = rows.filter(pl.col("trade_date") == days(1, 700)[0]).row(0, named=True)
    assert row["value"] == 0 and 1_500 < row["expected"] < 5_000
    assert row["statistic"] > row["threshold"] and row["since_date"] == row["trade_date"]


def test_what_is_new_and_stays_becomes_usual():
    values = reports()
    values[600:] *= 30
    rows = judge_days(series_of(values), days(200, 600), LENGTHS, SETTINGS)
    assert rows.filter(pl.col("state") == "alarm")["trade_date"].to_list() == days(1, 600)
    assert set(rows["state"][SETTINGS.level_days :]) == {"quiet"}
    # And a stop after it is seen as fast.
    values[750] = 0
    again = judge_days(series_of(values), days(3, 749), LENGTHS, SETTINGS)
    assert again["state"].to_list() == ["quiet", "alarm", "quiet"]


def test_a_range_is_its_days_and_only_the_past_counts():
    values = reports(3)
    whole = judge_days(series_of(values), days(60, 640), LENGTHS, SETTINGS)
    for day in (640, 671, 699):
        alone = judge_days(series_of(values), days(1, day), LENGTHS, SETTINGS)
        assert alone.equals(whole.filter(pl.col("trade_date") == days(1, day)[0]))
    poisoned = values.copy()
    poisoned[672:] = 0
    cut = pl.col("trade_date") < days(1, 672)[0]
    assert (
        judge_days(series_of(poisoned), days(60, 640), LENGTHS, SETTINGS)
        .filter(cut)
        .equals(whole.filter(cut))
    )
    # What lies further back than settings say is of no account.
    reach = SETTINGS.history_days + SETTINGS.level_days + 1
    recent = series_of(values).filter(pl.col("trade_date") >= days(1, 699 - reach)[0])
    assert judge_days(recent, days(1, 699), LENGTHS, SETTINGS).equals(
        whole.filter(pl.col("trade_date") == days(1, 699)[0])
    )


def test_what_was_never_missing_rings_at_more_than_counting_noise():
    frame = pl.DataFrame({"trade_date": days(N), "n": [0] * (N - 2) + [2, 30], "of": [120] * N})
    rows = judge_days(
        frame.select(
            pl.lit("missing.spread_bps").alias("monitor"),
            "trade_date",
            *shares("n", "of"),
            pl.lit(False).alias("is_flat"),
        ),
        days(3, N - 3),
        {"missing.spread_bps": 50_000.0},
        SETTINGS,
    )
    assert rows["state"].to_list() == ["quiet", "quiet", "alarm"]
    assert rows["value"].to_list() == pytest.approx([0, 2 / 120, 0.25])


def test_a_flat_day_rings_whatever_was_usual_and_without_history():
    flat = [False] * 5 + [True, True, False, True]
    rows = judge_days(series_of([50] * 9, "ties", flat), days(9), {"ties": 5_040.0}, SETTINGS)
    assert rows["state"].to_list()[5:] == ["alarm", "watch", "waiting", "alarm"]


def test_too_little_history_no_value_and_nothing_at_all():
    values = reports()[:120]
    rows = judge_days(series_of(values), days(3, 117), LENGTHS, SETTINGS)
    assert set(rows["state"]) == {"waiting"} and rows["threshold"].null_count() == 3
    holes = series_of(reports()).filter(pl.col("trade_date") != days(1, 700)[0])
    assert judge_days(holes, days(1, 700), LENGTHS, SETTINGS)["state"].to_list() == ["no_value"]
    empty = pl.DataFrame(schema=DAY_SERIES)
    assert judge_days(empty, days(2, 700), LENGTHS, SETTINGS)["state"].to_list() == ["no_value"] * 2
    assert judge_days(series_of(values), [], LENGTHS, SETTINGS).is_empty()
    assert judge_days(series_of(values), days(2), {"ic": 504.0}, SETTINGS).is_empty()
    # A type of day that has hardly been seen is not judged.
    rare = next(k for k in range(130, N) if TYPES[k] == BOND_MARKET_CLOSED)
    first = judge_days(series_of(reports()), days(1, rare), LENGTHS, SETTINGS)
    assert (
        first["state"].to_list() == ["waiting"] and (TYPES[:rare] == BOND_MARKET_CLOSED).sum() < 3
    )
