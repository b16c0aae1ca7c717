"""The event log: what the stock storage reads, and no file kept open for ever."""

from pathlib import Path

import dagster as dg
import pytest
from dagster._core.storage.event_log.sqlite.sqlite_event_log import SqliteEventLogStorage

from bondsig_assets.home import Home
from bondsig_assets.resources.event_log import ReusingSqliteEventLogStorage

pytestmark = pytest.mark.slow


@dg.asset(
    partitions_def=dg.StaticPartitionsDefinition(["a", "b", "c"]),
    backfill_policy=dg.BackfillPolicy.single_run(),
)
def something(context: dg.AssetExecutionContext) -> None:
    for key in context.partition_keys:
        context.add_asset_metadata({"rows": 7}, partition_key=key)


@dg.asset(
    deps=[something],
    partitions_def=dg.StaticPartitionsDefinition(["a", "b", "c"]),
    backfill_policy=dg.BackfillPolicy.single_run(),
)
def something_else(context: dg.AssetExecutionContext) -> None:
    for key in context.partition_keys:
        context.add_asset_metadata({"rows": 8}, partition_key=key)


def test_the_home_uses_it_and_the_stock_storage_reads_what_it_wrote(tmp_path):
    home = Home(tmp_path / "home")
    home.prepare_dagster()
    with dg.DagsterInstance.get() as instance:
        assert isinstance(instance.event_log_storage, ReusingSqliteEventLogStorage)
        tags = {
            "dagster/asset_partition_range_start": "a",
            "dagster/asset_partition_range_end": "c",
        }
        assert dg.materialize([something], instance=instance, tags=tags).success
        assert instance.get_materialized_partitions(dg.AssetKey("something")) == {"a", "b", "c"}
    stock = SqliteEventLogStorage(str(home.dagster / "history" / "runs"))
    assert stock.get_materialized_partitions(dg.AssetKey("something")) == {"a", "b", "c"}


def test_a_batch_leaves_what_single_events_leave(tmp_path, monkeypatch):
    def log(batch_size: str) -> list[object]:
        home = Home(tmp_path / f"home{batch_size}")
        monkeypatch.setenv("DAGSTER_EVENT_BATCH_SIZE", batch_size)
        home.prepare_dagster()
        with dg.DagsterInstance.get() as instance:
            tags = {
                "dagster/asset_partition_range_start": "a",
                "dagster/asset_partition_range_end": "c",
            }
            done = dg.materialize([something, something_else], instance=instance, tags=tags)
            assert done.success
            kinds = [one.dagster_event_type for one in instance.all_logs(done.run_id)]
            keys = [dg.AssetKey("something"), dg.AssetKey("something_else")]
            found = [sorted(str(kind) for kind in kinds)]
            for key in keys:
                newest = instance.get_latest_materialization_event(key)
                by_partition = instance.event_log_storage.get_latest_storage_id_by_partition(
                    key, dg.DagsterEventType.ASSET_MATERIALIZATION
                )
                order = sorted(by_partition, key=by_partition.__getitem__)
                planned = instance.event_log_storage.get_materialized_partitions(key)
                made = newest.asset_materialization
                found += [made.partition, made.metadata, order, planned]
                found += [len(instance.fetch_materializations(key, limit=9).records)]
                found += [newest.run_id == done.run_id]
        return found

    assert log("0") == log("1000") == log("2")


@dg.asset_check(asset=something)
def a_check() -> dg.AssetCheckResult:
    return dg.AssetCheckResult(passed=True)


def test_no_check_of_a_range_stays_planned(tmp_path):
    home = Home(tmp_path / "home")
    home.prepare_dagster()
    tags = {"dagster/asset_partition_range_start": "a", "dagster/asset_partition_range_end": "c"}
    with dg.DagsterInstance.get() as instance:
        assert dg.materialize([something, a_check], instance=instance, tags=tags).success
        history = instance.event_log_storage.get_asset_check_execution_history(
            dg.AssetCheckKey(dg.AssetKey("something"), "a_check"), limit=10
        )
    assert [one.status.value for one in history] == ["SUCCEEDED"]


def test_many_runs_leave_few_files_open(tmp_path):
    home = Home(tmp_path / "home")
    home.prepare_dagster()
    with dg.DagsterInstance.get() as instance:
        for _ in range(12):
            assert dg.materialize([something], instance=instance, partition_key="a").success
        opened = {link.resolve() for link in Path("/proc/self/fd").iterdir() if link.exists()}
        assert (
            len(
                {
                    path
                    for path in opened
                    if path.parent == home.dagster / "history" / "runs" and path.suffix == ".db"
                }
            )
            <= 6
        )
