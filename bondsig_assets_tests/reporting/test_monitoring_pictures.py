"""How near monitors came to ringing, and pictures of a home that has little yet."""

from __future__ import annotations

from datetime import date

import polars as pl
import pytest

from bondsig_assets.calendar import cutoff, trading_days
from bondsig_assets.reporting.monitoring_pictures import (
    draw_monitors,
    nearness,
    save_monitoring_picture,
)
from bondsig_assets.warehouse import Warehouse, Write
from bondsig_assets_tests.rows_of import rows_of

DAYS = trading_days(date(2024, 1, 2), date(2024, 3, 28))


@pytest.fixture
def warehouse(tmp_path) -> Warehouse:
    made = Warehouse(tmp_path / "home")
    made.initialize()
    return made


def fill(warehouse: Warehouse, table: str, rows: list[dict[str, object]]) -> None:
    stamped = [row | {"known_at": cutoff(row["trade_date"])} for row in rows]
    warehouse.replace(Write(table, rows_of(table, *stamped)))


def test_means_go_their_way_in_logarithms_and_jumps_in_spreads():
    rows = pl.DataFrame(
        {
            "monitor": ["ic", "ic", "ic", "volumes", "freshness", "ties"],
            "statistic": [0.0, 99.0, 20_000.0, 4.0, 3.0, None],
            "threshold": [9_999.0, 9_999.0, 9_999.0, 8.0, 3.0, 8.0],
        }
    )
    near = nearness(rows)["near"].to_list()
    assert near[:5] == pytest.approx([0.0, 0.5, 1.0, 0.5, 1.0]) and near[5] is None


def test_nothing_watched_nothing_drawn(warehouse, tmp_path):
    assert save_monitoring_picture(warehouse.read, tmp_path / "pictures") is None
    assert not (tmp_path / "pictures").exists()


@pytest.mark.slow
def test_a_young_home_says_what_is_missing_and_alarms_are_marked_up_to_the_day(warehouse, tmp_path):
    fill(warehouse, "monitored_days", [{"trade_date": day} for day in DAYS])
    rows = [
        {
            "trade_date": day,
            "monitor": "volumes.reports",
            "family": "data",
            "state": "alarm" if k in (10, 50) else "quiet",
            "statistic": 9.0 if k in (10, 50) else 1.0,
            "threshold": 8.0,
        }
        for k, day in enumerate(DAYS)
    ]
    fill(warehouse, "monitors", rows)
    for until, n in ((None, 2), (DAYS[20], 1)):
        carpet, accuracy, drift = draw_monitors(warehouse.read, until, "simulated").axes[:3]
        assert "(simulated)" in carpet.get_title(loc="left")
        (marks,) = carpet.lines
        assert len(marks.get_xdata()) == n
        assert [text.get_text() for text in accuracy.texts] == ["no score has a label yet"]
        assert "too few windows" in drift.texts[0].get_text()
    path = save_monitoring_picture(warehouse.read, tmp_path / "pictures")
    assert path is not None and path.read_bytes().startswith(b"\x89PNG")
