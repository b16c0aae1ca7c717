"""How a home is, by hand: days against a record, runs, checks, a lake that grows, and what is said
where nothing can be read.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo

import dagster as dg
import polars as pl
import pytest
from dagster._daemon.types import DaemonHeartbeat

from bondsig_assets.home import Home, Market
from bondsig_assets.orchestration import status
from bondsig_assets.orchestration.backup_record import Record, newest_record, write_record
from bondsig_assets.tables import TABLES
from bondsig_assets.warehouse import Warehouse, Write
from bondsig_assets.warehouse.measures import NewestDay, lake_size, newest_days
from bondsig_assets_tests.orchestration.markets import begin_run, small_market

pytestmark = pytest.mark.slow

#: Wednesday after a long weekend: Monday 2024-09-02 was Labor Day.
NOW = datetime(2024, 9, 4, 10, 0, tzinfo=ZoneInfo("America/New_York")).timestamp()
DAYS = ["2024-08-28", "2024-08-29", "2024-08-30", "2024-09-03"]


@pytest.fixture
def home(tmp_path) -> Home:
    made = Home(tmp_path / "home")
    made.claim(Market(world="tiny"), (date(2024, 8, 1), date(2024, 12, 31)))
    return made


@pytest.fixture
def instance(home) -> Iterator[dg.DagsterInstance]:
    home.prepare_dagster()
    with dg.DagsterInstance.from_config(str(home.dagster)) as opened:
        yield opened


def make(instance: dg.DagsterInstance, asset: str, *days: str) -> None:
    for day in days:
        instance.report_runless_asset_event(dg.AssetMaterialization(asset, partition=day))


def test_days_are_missing_since_the_first_that_is_held(home, instance):
    make(instance, "trace_reports", *DAYS)
    make(instance, "trade_events", *DAYS[:1], *DAYS[2:3])
    make(instance, "scores", *DAYS[:2])
    make(instance, "report_truths", DAYS[0])
    found = status.days(instance, home, NOW)
    assert found is not None and set(found.layers) == {"raw", "clean", "scores"}
    told = {
        name: (str(layer.newest_day), layer.late_days, layer.missing_days)
        for name, layer in found.layers.items()
    }
    # Of clean: Thursday in between and the newest; of scores: the two newest.
    assert told == {
        "raw": ("2024-09-03", 0, 0),
        "clean": ("2024-08-30", 1, 2),
        "scores": ("2024-08-29", 2, 2),
    }
    assert found.missing == 3


def test_a_market_that_has_ended_is_never_late(home, instance):
    home.claim(Market(world="tiny"), (date(2024, 8, 1), date(2024, 8, 30)))
    make(instance, "trace_reports", *DAYS[:3])
    found = status.days(instance, home, NOW)
    assert found is not None and found.missing == 0 and found.layers["raw"].late_days == 0


def test_runs_are_counted_and_the_oldest_timed(instance):
    before = datetime.now().timestamp()
    for state in ("QUEUED", "QUEUED", "SUCCESS"):
        begin_run(instance, small_market(), dg.DagsterRunStatus[state], {})
    found = status.runs(instance, before + 100, {})
    assert found.by_status == {"QUEUED": 2, "SUCCESS": 1}
    assert found.oldest_queued_seconds is not None and 90 < found.oldest_queued_seconds <= 100
    assert found.oldest_running_seconds is None


def test_steps_are_timed_and_checks_that_fail_counted_until_they_hold(instance):
    holds = {"now": False}

    @dg.asset(check_specs=[dg.AssetCheckSpec("warns", asset="universe")])
    def universe():
        return dg.MaterializeResult(
            check_results=[
                dg.AssetCheckResult(
                    passed=holds["now"], check_name="warns", severity=dg.AssetCheckSeverity.WARN
                )
            ]
        )

    @dg.asset_check(asset=universe)
    def fails():
        return dg.AssetCheckResult(passed=holds["now"])

    def run():
        return dg.materialize([universe, fails], instance=instance, raise_on_error=False)

    known: dict = {}
    run()
    assert status.failed_checks(instance) == {"ERROR": 1, "WARN": 1}
    seconds = status.runs(instance, NOW, known).last_seconds
    assert set(seconds) == {"universe"} and 0 < seconds["universe"] < 30
    holds["now"] = True
    run()
    assert status.failed_checks(instance) == {"ERROR": 0, "WARN": 0}
    assert status.runs(instance, NOW, known).last_seconds != seconds


def test_a_check_that_is_gone_with_a_version_fails_no_more(instance):
    @dg.asset
    def universe():
        pass

    @dg.asset_check(asset=universe)
    def fails():
        return dg.AssetCheckResult(passed=False)

    dg.materialize([universe, fails], instance=instance, raise_on_error=False)
    dg.materialize([universe], instance=instance)
    assert status.failed_checks(instance) == {"ERROR": 0, "WARN": 0}


def test_daemons_are_as_old_as_their_last_heartbeat(instance):
    assert status.heartbeats(instance, NOW) == {}
    instance.add_daemon_heartbeat(DaemonHeartbeat(NOW - 42, "SENSOR", "one", []))
    assert status.heartbeats(instance, NOW) == {"SENSOR": 42}


def test_two_daemons_on_one_home_are_two_for_a_minute(instance):
    for kind, seen, who in (("SENSOR", 5, "one"), ("SCHEDULER", 50, "two"), ("QUEUE", 70, "dead")):
        instance.add_daemon_heartbeat(DaemonHeartbeat(NOW - seen, kind, who, []))
    assert status.daemons(instance, NOW) == {"one", "two"}
    assert status.daemons(instance, NOW + 120) == set()


def test_a_clock_that_was_set_back_makes_nothing_younger_than_new(home, instance):
    """Everything was written three days from now: ages are zero, no day is late."""
    make(instance, "trace_reports", *DAYS)
    instance.add_daemon_heartbeat(DaemonHeartbeat(NOW, "SENSOR", "one", []))
    write_record(home, Record(home.path, datetime.fromtimestamp(NOW, UTC)))
    before = NOW - 3 * 86400
    found = status.days(instance, home, before)
    assert found is not None and (found.missing, found.layers["raw"].late_days) == (0, 0)
    begin_run(instance, small_market(), dg.DagsterRunStatus.STARTED, {})
    assert status.runs(instance, before, {}).oldest_running_seconds == 0.0
    assert status.heartbeats(instance, before) == {"SENSOR": 0.0}
    record = newest_record(home)
    assert record is not None and record.age_seconds(before) == 0.0
    assert record.age_seconds(NOW + 60) == 60.0


def prices(day: date, n: int) -> Write:
    table = TABLES["equity_prices"]
    rows = [
        {"ticker": f"T{k}", "trade_date": day, "close_usd": 1.0, "is_etf": False}
        | {"known_at": datetime(day.year, day.month, day.day, 18, 30)}
        for k in range(n)
    ]
    return Write("equity_prices", pl.DataFrame(rows, schema=table.polars_schema), (day, day))


def test_a_look_is_kept_for_a_while_and_sees_what_was_written(home):
    warehouse = Warehouse(home.path)
    warehouse.initialize()
    assert newest_days(warehouse) == {}
    warehouse.replace(prices(date(2024, 3, 4), 5))
    warehouse.replace(prices(date(2024, 3, 5), 3))
    kept, fresh = status.Looking(home, seconds=3600), status.Looking(home, seconds=-1)
    for looking in (kept, fresh):
        found = looking.status()
        assert found.unreadable == () and found.source == "simulated"
        assert found.newest == {"equity_prices": NewestDay(date(2024, 3, 5), 3)}
        files = list((home.path / "lake" / "files").rglob("*.parquet"))
        assert found.lake == lake_size(warehouse) and found.lake.snapshots == 4
        assert found.lake.files == len(files)
        assert found.lake.bytes == sum(one.stat().st_size for one in files)
        assert found.free_bytes is not None and 0 < found.free_bytes < (found.disk_bytes or 0)
        # Dagster has not run here: nothing is said of it, and nothing made.
        assert (found.days, found.runs, found.heartbeats) == (None, None, None)
    assert not home.dagster.exists()
    warehouse.replace(prices(date(2024, 3, 6), 7))
    assert kept.status().newest == found.newest
    assert fresh.status().newest == {"equity_prices": NewestDay(date(2024, 3, 6), 7)}


def test_what_cannot_be_read_is_named_without_its_words(home, instance, monkeypatch):
    monkeypatch.setenv("BONDSIG_CATALOG", "postgres:host=127.0.0.1 port=1 password=hunter2")
    (home.path / "lake").mkdir()
    (home.dagster / "history" / "runs" / "index.db").write_text("no database" * 1000)
    found = status.Looking(home).status()
    assert {"lake", "checks"} <= set(found.unreadable)
    assert "hunter2" not in repr(found)
    home.market_file.write_text("{")
    assert "market" in status.Looking(home).status().unreadable


def test_a_home_that_was_moved_away_is_not_made_anew(home, instance, tmp_path):
    looking = status.Looking(home, seconds=-1)
    assert looking.status().runs is not None
    home.path.rename(tmp_path / "elsewhere")
    found = looking.status()
    assert (found.runs, found.lake, found.unreadable) == (None, None, ("disk",))
    assert not home.path.exists()
