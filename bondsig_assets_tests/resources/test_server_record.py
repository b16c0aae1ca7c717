"""A team's record of Dagster: what the stock storage reads, with few connections and statements."""

from __future__ import annotations

import dagster as dg
import pytest
from dagster_postgres.event_log import PostgresEventLogStorage
from sqlalchemy import event

from bondsig_assets.home import Home, has_own_dagster
from bondsig_assets.resources.server_record import ReusingPostgresEventLogStorage
from bondsig_assets_tests.resources.team_record import team_record
from bondsig_assets_tests.resources.test_event_log import something, something_else
from bondsig_assets_tests.sources.wrds_server import Server

pytestmark = pytest.mark.services

_TAGS = {"dagster/asset_partition_range_start": "a", "dagster/asset_partition_range_end": "c"}
_KEYS = [dg.AssetKey("something"), dg.AssetKey("something_else")]


@pytest.fixture
def instance(server: Server, tmp_path, monkeypatch):
    """Dagster with a team's settings, its record in a database of its own."""
    monkeypatch.setenv("DAGSTER_HOME", str(tmp_path / "dagster"))
    with team_record(server, tmp_path / "dagster") as opened:
        yield opened


def told(storage: PostgresEventLogStorage, run_id: str) -> list[object]:
    """What an event log says of a run of both assets, without its numbers."""
    kinds = [one.dagster_event_type for one in storage.get_logs_for_run(run_id)]
    found: list[object] = [sorted(str(kind) for kind in kinds)]
    for key in _KEYS:
        newest = storage.get_latest_materialization_events([key])[key]
        assert newest is not None and newest.asset_materialization is not None
        found += [newest.asset_materialization.partition, storage.get_materialized_partitions(key)]
        found += [newest.run_id == run_id]
    return found


def test_a_batch_leaves_what_the_stock_storage_leaves(instance, monkeypatch):
    own = instance.event_log_storage
    assert isinstance(own, ReusingPostgresEventLogStorage)
    stock = PostgresEventLogStorage(own.postgres_url)
    stock.register_instance(instance)
    connections: list[object] = []
    event.listen(own._engine, "connect", lambda *one: connections.append(one))

    def log(size: str) -> list[object]:
        monkeypatch.setenv("DAGSTER_EVENT_BATCH_SIZE", size)
        done = dg.materialize([something, something_else], instance=instance, tags=_TAGS)
        assert done.success
        assert told(own, done.run_id) == told(stock, done.run_id)
        return told(own, done.run_id)

    batched = log("1000")
    assert batched == log("0")
    assert 0 < len(connections) <= 3, "a connection for every statement"
    monkeypatch.setattr(instance, "_event_storage", stock)
    assert log("0") == batched
    own.dispose()


@pytest.mark.parametrize("is_web_server", [False, True])
def test_a_server_started_again_costs_nothing(instance, server: Server, is_web_server):
    own = instance.event_log_storage
    if is_web_server:
        instance.optimize_for_webserver(statement_timeout=5000, pool_recycle=3600, max_overflow=20)
    assert own.get_materialized_partitions(_KEYS[0]) == set()
    assert (instance.get_runs(), instance.all_instigator_state()) == ([], [])
    server.run(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
        " WHERE datname LIKE 'test%' AND pid <> pg_backend_pid()",
        "postgres",
    )
    assert own.get_materialized_partitions(_KEYS[0]) == set()
    assert (instance.get_runs(), instance.all_instigator_state()) == ([], [])


def test_a_home_leaves_a_teams_settings_alone(instance, tmp_path, monkeypatch):
    assert has_own_dagster()
    monkeypatch.delenv("BONDSIG_HOME", raising=False)
    Home(tmp_path / "home").prepare_dagster()
    assert not (tmp_path / "home" / "dagster").exists()
    monkeypatch.delenv("DAGSTER_HOME")
    Home(tmp_path / "home").prepare_dagster()
    assert not has_own_dagster()
