"""The event log: what the stock storage reads, and no file kept open for ever."""

from pathlib import Path

import dagster as dg
from dagster._core.storage.event_log.sqlite.sqlite_event_log import SqliteEventLogStorage

from bondsig_assets.home import Home
from bondsig_assets.resources.event_log import ReusingSqliteEventLogStorage


@dg.asset(
    partitions_def=dg.StaticPartitionsDefinition(["a", "b", "c"]),
    backfill_policy=dg.BackfillPolicy.single_run(),
)
def something(context: dg.AssetExecutionContext) -> None:
    for key in context.partition_keys:
        context.add_asset_metadata({"rows": 7}, partition_key=key)


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
