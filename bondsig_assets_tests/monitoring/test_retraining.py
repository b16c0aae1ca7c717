"""What alarms ask for: once, not too often, and not while the data is broken."""

from __future__ import annotations

import polars as pl
import pytest

from bondsig_assets.monitoring.retraining import retrain_requests
from bondsig_assets.monitoring.settings import RetrainingSettings
from bondsig_assets.tables.monitoring import ALARMS, RETRAIN_REQUESTS
from bondsig_assets_tests.monitoring.series import days

SETTINGS = RetrainingSettings()
CHAMPIONS = pl.DataFrame(
    {"valid_from_date": days(1) + days(1, 100), "model_version": ["ridge_a", "ridge_b"]}
)


def rung(*which: tuple[int, str, str]) -> pl.DataFrame:
    """Alarms: (evening, monitor, family); since 30 days before."""
    rows = [
        {
            "trade_date": days(1, k)[0],
            "monitor": name,
            "family": family,
            "since_date": days(1, k - 30)[0],
        }
        for k, name, family in which
    ]
    schema = {
        name: ALARMS.polars_schema[name]
        for name in ("trade_date", "monitor", "family", "since_date")
    }
    return pl.DataFrame(rows, schema=schema)


def asked(alarms: pl.DataFrame, evenings, before=None, settings=SETTINGS) -> pl.DataFrame:
    return retrain_requests(
        alarms,
        CHAMPIONS,
        RETRAIN_REQUESTS.empty() if before is None else before,
        evenings,
        settings,
    )


def states(rows: pl.DataFrame) -> list[tuple[int, str]]:
    every = days(400)
    return [(every.index(day), state) for day, state in rows.select("trade_date", "state").rows()]


def test_alarms_of_one_evening_are_one_request():
    found = asked(rung((50, "ic", "accuracy"), (50, "book", "accuracy")), days(20, 45))
    row = found.row(0, named=True)
    assert states(found) == [(50, "asked")]
    assert row["evidence"] == ["book", "ic"] and row["model_version"] == "ridge_a"
    assert row["since_date"] == days(1, 20)[0] and row["n_days"] == 30
    assert row["fold"].month in (1, 4, 7, 10) and row["last_asked_date"] is None
    assert row["explanation"] == (
        f"book, ic rang: train the quarter of {row['fold']}, and let the gate decide"
    )


def test_a_cool_down_of_63_days():
    alarms = rung(*((k, "ic", "accuracy") for k in (50, 60, 112, 113, 175, 176)))
    found = asked(alarms, days(200, 40))
    assert states(found) == [
        (50, "asked"),
        (60, "cooling_down"),
        (112, "cooling_down"),
        (113, "asked"),
        (175, "cooling_down"),
        (176, "asked"),
    ]
    assert found["explanation"][1].endswith("asked for 10 trading days ago, fewer than 63")
    assert found["last_asked_date"][3] == days(1, 50)[0] and found["model_version"][3] == "ridge_b"


def test_broken_data_holds_it_back_until_it_has_been_quiet():
    alarms = rung(
        (50, "ic", "accuracy"), (49, "missing.spread_bps", "data"), (51, "volumes.late", "data")
    )
    found = asked(alarms, days(30, 45))
    assert states(found) == [(50, "held"), (56, "asked")]
    assert found["evidence"].to_list() == [["ic"], ["ic"]]
    assert found["since_date"].to_list() == days(1, 20) * 2
    # Data alone asks for nothing, and neither does profit unless a setting says so.
    assert asked(
        rung((50, "volumes.late", "data"), (51, "risk", "profit")), days(20, 45)
    ).is_empty()
    chosen = RetrainingSettings(families=("profit",))
    assert states(asked(rung((51, "risk", "profit")), days(20, 45), settings=chosen)) == [
        (51, "asked")
    ]


@pytest.mark.parametrize("split", range(1, 40, 3))
def test_a_range_is_its_days(split):
    alarms = rung(
        (50, "ic", "accuracy"),
        (50, "volumes.late", "data"),
        (58, "book", "accuracy"),
        (70, "calibration_level", "calibration"),
    )
    evenings = days(40, 45)
    whole = asked(alarms, evenings)
    first = asked(alarms, evenings[:split])
    assert pl.concat([first, asked(alarms, evenings[split:], first)]).equals(whole)
    # Rows of later evenings, of a day that is made again, are of no account.
    assert asked(alarms, evenings[split:], whole).equals(
        whole.filter(pl.col("trade_date") >= evenings[split])
    )


def test_nobody_to_replace_and_nothing_to_do():
    early = CHAMPIONS.with_columns(valid_from_date=pl.Series(days(2, 300)))
    found = retrain_requests(
        rung((50, "ic", "accuracy")), early, RETRAIN_REQUESTS.empty(), days(20, 45), SETTINGS
    )
    assert states(found) == [(50, "no_champion")] and found["model_version"].null_count() == 1
    assert asked(rung(), days(20)).is_empty() and asked(rung((50, "ic", "accuracy")), []).is_empty()
    assert asked(rung(), days(20)).schema == RETRAIN_REQUESTS.polars_schema
