"""A home of an older version, brought along in place: said before, backed up, done, told."""

# A test's name says what it shows.
# ruff: noqa: D103

from __future__ import annotations

import sqlite3
import tarfile
from contextlib import closing
from pathlib import Path

import dagster as dg
import pytest

from bondsig_assets.errors import BondsigError, UserError
from bondsig_assets.home import Home
from bondsig_assets.orchestration import runner
from bondsig_assets.resources.tracking import TrackingResource
from bondsig_assets.tables import TABLES
from bondsig_assets.upkeep.backup import back_up
from bondsig_assets.upkeep.restore import restore
from bondsig_assets.upkeep.upgrade import pending, upgrade
from bondsig_assets.warehouse import Warehouse
from bondsig_assets.warehouse.migrations import files
from bondsig_assets_tests.command_line import bondsig

pytestmark = pytest.mark.slow

_OLD = Path(__file__).parents[1] / "graph" / "old_homes" / "version_0_1.tar.xz"


@pytest.fixture
def old(tmp_path, monkeypatch) -> Home:
    for name in ("DAGSTER_HOME", "BONDSIG_HOME"):
        monkeypatch.setenv(name, str(tmp_path / "old"))
    with tarfile.open(_OLD) as archive:
        archive.extractall(tmp_path / "old", filter="data")
    return Home(tmp_path / "old")


def counts(home):
    warehouse = Warehouse(home.path)
    with warehouse.on_snapshot():
        there = dict(warehouse.query("SELECT table_name, estimated_size FROM duckdb_tables()")[1])
        return {
            name: warehouse.read(f"SELECT count(*) AS n FROM {TABLES[name].qualified_name}")["n"][0]
            for name in ("trace_reports", "trade_events", "bond_analytics", "issuer_days")
            if name in there
        }


def test_a_home_of_0_1_is_brought_along_in_place(old, tmp_path):
    before = counts(old)
    assert before["trace_reports"]
    said = pending(old)
    assert {f"lake: migration {path.stem}" for path in files().values()} <= set(said)
    assert "lake: table target_positions is new" in said
    checked = bondsig("upgrade", "--check", BONDSIG_HOME=str(old.path))
    assert checked.returncode == 0 and "to do: lake: migration 0001" in checked.stdout
    assert "version 1 of the simulator" in checked.stdout
    assert pending(old) == said, "a look changes nothing"

    done = bondsig("upgrade", BONDSIG_HOME=str(old.path))
    assert done.returncode == 0, done.stderr
    assert "backed up first:" in done.stdout and "done: lake: migration 0001" in done.stdout
    assert pending(old) == [] and counts(old) == before
    again = bondsig("upgrade", BONDSIG_HOME=str(old.path))
    assert again.returncode == 0 and "nothing to upgrade" in again.stdout
    # The backup is of the home before, and its way forward is the same.
    restore(tmp_path / "old-backups", Home(tmp_path / "other"))
    assert pending(Home(tmp_path / "other")) == said
    upgrade(Home(tmp_path / "other"))
    assert counts(Home(tmp_path / "other")) == before


def with_schema(path, revision):
    with closing(sqlite3.connect(path)) as database, database:
        database.execute("UPDATE alembic_version SET version_num = ?", [revision])


def schema(path):
    with closing(sqlite3.connect(path)) as database:
        return database.execute("SELECT version_num FROM alembic_version").fetchone()[0]


def test_dagsters_databases_are_migrated(old):
    runs = old.dagster / "history" / "runs.db"
    upgrade(old)
    head = schema(runs)
    with_schema(runs, "284a732df317")  # before Dagster kept when a run began and ended
    (said,) = pending(old)
    assert said == f"Dagster: the database of runs from schema 284a732df317 to {head}"
    assert upgrade(old) == [said]
    assert schema(runs) == head and pending(old) == []
    with runner.open_instance(old) as instance:
        assert instance.get_runs() is not None


def test_mlflows_database_is_migrated(old, monkeypatch):
    monkeypatch.delenv("BONDSIG_MLFLOW", raising=False)
    upgrade(old)
    with TrackingResource(home=str(old.path)).training("study", "run", {}):
        pass
    head = schema(old.mlflow_database)
    from alembic.script import ScriptDirectory
    from mlflow.store.db.utils import _get_alembic_config

    script = ScriptDirectory.from_config(_get_alembic_config(db_url=""))
    revision = script.get_revision(head).down_revision
    from alembic import command

    config = _get_alembic_config(old.mlflow_uri)
    try:
        command.downgrade(config, revision)
    except NotImplementedError:
        pytest.skip("MLflow's newest migration has no way back")
    if schema(old.mlflow_database) == head:
        pytest.skip("MLflow's newest migration has no way back")
    assert pending(old) == [f"MLflow: its database from schema {revision} to {head}"]
    assert len(upgrade(old)) == 1 and schema(old.mlflow_database) == head


def test_nothing_is_upgraded_under_a_run(old):
    with runner.open_instance(old) as instance:
        instance.run_storage.add_run(
            dg.DagsterRun("daily", run_id="3" * 32, status=dg.DagsterRunStatus.STARTED)
        )
    said = pending(old)
    with pytest.raises(UserError, match="run 3333.* is at work: wait for it"):
        upgrade(old)
    assert pending(old) == said


def test_a_home_of_a_newer_version_is_left_alone(old, tmp_path):
    upgrade(old)
    with Warehouse(old.path)._lake.writing("could not") as lake:
        lake.execute("INSERT INTO migrations VALUES (9999, '9999_later', now()::TIMESTAMP)")
    for act in (lambda: pending(old), lambda: upgrade(old)):
        with pytest.raises(BondsigError, match="changed by a newer bondsig"):
            act()
    # A backup of it says so when it is made by that version; here it is only copied.
    back_up(old, tmp_path / "backups")
