"""What of Dagster's record goes with the years, and that what is done stays known."""

# A test's name says what it shows.
# ruff: noqa: D103

# No `from __future__ import annotations`: Dagster reads the type of an argument as it stands.

import sqlite3
from contextlib import closing
from datetime import UTC, datetime, timedelta

import dagster as dg
import pytest

from bondsig_assets.errors import BackupError
from bondsig_assets.home import Home
from bondsig_assets.orchestration.runner import open_instance
from bondsig_assets.upkeep.event_log import Pruned, prunable, prune

pytestmark = pytest.mark.slow

DAYS = dg.StaticPartitionsDefinition(["1", "2", "3"])
PICTURE = f"![tear](data:image/png;base64,{'A' * 20_000})"
NOW = datetime.now(UTC)
LATER = NOW + timedelta(days=1)


@dg.asset(partitions_def=DAYS, backfill_policy=dg.BackfillPolicy.single_run())
def table(context: dg.AssetExecutionContext) -> dg.MaterializeResult:
    return dg.MaterializeResult(metadata={"rows": 7, "picture": dg.MetadataValue.md(PICTURE)})


@dg.asset_check(asset=table)
def whole() -> dg.AssetCheckResult:
    return dg.AssetCheckResult(passed=True)


DEFS = dg.Definitions(assets=[table], asset_checks=[whole], executor=dg.in_process_executor)


@pytest.fixture
def home(tmp_path, monkeypatch) -> Home:
    for name in ("DAGSTER_HOME", "BONDSIG_HOME"):
        monkeypatch.setenv(name, str(tmp_path))
    return Home(tmp_path / "home")


def run(instance, *keys):
    job = DEFS.resolve_implicit_global_asset_job_def()
    return [job.execute_in_process(instance=instance, partition_key=key).run_id for key in keys]


def kinds(home):
    with closing(sqlite3.connect(home.dagster / "history" / "runs" / "index.db")) as index:
        return dict(index.execute("SELECT dagster_event_type, count(*) FROM event_logs GROUP BY 1"))


def age(home, days, below=10**9):
    """Let what is in the record, up to an event's number, have been so many days ago."""
    ago = (NOW - timedelta(days=days)).replace(tzinfo=None).isoformat(sep=" ")
    with closing(sqlite3.connect(home.dagster / "history" / "runs" / "index.db")) as index, index:
        index.execute("UPDATE event_logs SET timestamp = ? WHERE id <= ?", [ago, below])
        index.execute("UPDATE asset_check_executions SET create_timestamp = ?", [ago])
    with closing(sqlite3.connect(home.dagster / "history" / "runs.db")) as runs, runs:
        runs.execute("UPDATE runs SET update_timestamp = ?", [ago])


def assert_what_is_done_stays(instance):
    """Of three pruned runs, wherever the record is: materializations, the newest picture and check,
    the runs; and that the record is written on.
    """
    records = instance.fetch_materializations(table.key, limit=10).records
    metadata = [record.asset_materialization.metadata for record in records]
    assert [one["rows"].value for one in metadata] == [7, 7, 7]
    assert all("thrown away by upkeep" in one["picture"].value for one in metadata)
    newest = instance.get_latest_materialization_event(table.key)
    assert newest.asset_materialization.metadata["picture"].value == PICTURE
    assert len(instance.get_runs()) == 3
    (checked,) = instance.event_log_storage.get_latest_asset_check_execution_by_key(
        [whole.check_key]
    ).values()
    assert checked.status.value == "SUCCEEDED"
    # The record is written on.
    run(instance, "3")
    assert instance.get_materialized_partitions(table.key) == {"1", "2", "3"}


def test_what_is_done_stays_and_how_it_went_goes(home):
    with open_instance(home) as instance:
        run(instance, "1", "2")
        run(instance, "1")
    before, index = kinds(home), home.dagster / "history" / "runs" / "index.db"
    assert before["ASSET_MATERIALIZATION"] == 3 and before["ASSET_CHECK_EVALUATION"] == 3
    age(home, 100)
    size = index.stat().st_size
    done = prune(home, NOW - timedelta(days=90))
    after = kinds(home)
    assert after["ASSET_MATERIALIZATION"] == 3
    assert after["ASSET_CHECK_EVALUATION"] == 1, "the newest result of a check stays"
    # And the newest row of all, whose number would be given again.
    assert sum(after.values()) == 4 + (0 if max(after) == "ASSET_CHECK_EVALUATION" else 1)
    assert done.events == sum(before.values()) - sum(after.values())
    assert (done.pictures, done.runs, done.not_shrunk) == (3, 3, "")
    assert index.stat().st_size < size - 3 * 20_000 < size and done.freed > 3 * 20_000
    assert [path.name for path in (home.dagster / "history" / "runs").glob("*.db")] == ["index.db"]
    assert prune(home, NOW - timedelta(days=90)) == Pruned()

    with open_instance(home) as instance:
        assert instance.get_materialized_partitions(table.key) == {"1", "2"}
        assert_what_is_done_stays(instance)


def test_what_is_young_stays_whole(home):
    with open_instance(home) as instance:
        run(instance, "1")
        held = kinds(home)
        assert prune(home, NOW - timedelta(days=90)) == Pruned()
        assert kinds(home) == held and prunable(home, NOW - timedelta(days=90)) == 0
        assert prunable(home, LATER) == 1
        records = instance.fetch_materializations(table.key, limit=1).records
        assert records[0].asset_materialization.metadata["picture"].value == PICTURE


def test_a_run_that_is_not_finished_keeps_its_log(home):
    with open_instance(home) as instance:
        (run_id,) = run(instance, "1")
        instance.run_storage.add_run(
            dg.DagsterRun("daily", run_id="2" * 32, status=dg.DagsterRunStatus.STARTED)
        )
        history = home.dagster / "history" / "runs"
        (history / f"{'2' * 32}.db").write_bytes((history / f"{run_id}.db").read_bytes())
        age(home, 100)
        assert prune(home, NOW - timedelta(days=90)).runs == 1
    assert sorted(path.stem for path in history.glob("*.db")) == ["2" * 32, "index"]


def test_an_event_gets_no_number_that_was_given_before(home):
    with open_instance(home) as instance:
        run(instance, "1")
        numbers = "SELECT max(id) FROM event_logs"
        index = home.dagster / "history" / "runs" / "index.db"
        with closing(sqlite3.connect(index)) as held:
            before = held.execute(numbers).fetchone()[0]
        prune(home, LATER)
        run(instance, "2")
        with closing(sqlite3.connect(index)) as held:
            ids = [number for (number,) in held.execute("SELECT id FROM event_logs ORDER BY id")]
        assert [number for number in ids if number > before]
        instance.fetch_materializations(table.key, limit=5)


def test_a_record_that_is_in_use_is_written_anew_later(home, monkeypatch):
    monkeypatch.setattr("bondsig_assets.upkeep.databases.PATIENCE", 0.05)
    with open_instance(home) as instance:
        run(instance, "1")
    index = home.dagster / "history" / "runs" / "index.db"
    with closing(sqlite3.connect(index, isolation_level=None)) as writer:
        writer.execute("BEGIN IMMEDIATE")
        with pytest.raises(BackupError, match=r"could not keep .*index\.db in order: .*locked"):
            prune(home, LATER)
        writer.execute("ROLLBACK")
    assert prune(home, LATER).events


def test_a_home_without_a_record_has_nothing_to_throw_away(tmp_path):
    assert prune(Home(tmp_path), NOW) == Pruned()
    assert prunable(Home(tmp_path), NOW) == 0
