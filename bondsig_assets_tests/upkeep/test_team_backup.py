"""A team's home is backed up beside its writers, and filled again into other places: a drill."""

from __future__ import annotations

import os
import threading
from pathlib import Path
from urllib.parse import quote

import dagster as dg
import pytest

from bondsig_assets.errors import BackupError
from bondsig_assets.home import Home
from bondsig_assets.orchestration.runner import open_instance
from bondsig_assets.upkeep.backup import verify
from bondsig_assets.upkeep.team_backup import back_up_team, restore_team
from bondsig_assets.upkeep.upgrade import pending, upgrade
from bondsig_assets.warehouse import Warehouse, Write, installation
from bondsig_assets.warehouse.shared_settings import claim, follow
from bondsig_assets_tests.graph.homes import TINY
from bondsig_assets_tests.sources.wrds_server import OWNER_PASSWORD
from bondsig_assets_tests.warehouse.frames import (
    coefficients,
    predictions,
    span,
    values_by_day,
)

pytestmark = pytest.mark.services

_YAML = 'storage: {{postgres: {{postgres_url: "{url}"}}}}\ntelemetry: {{enabled: false}}\n'
_SPAN = span(0, 60)


@dg.asset
def made() -> None:
    """An asset to run."""


class Team:
    """Databases, a bucket and a home of a team."""

    def __init__(self, server, store, folder: Path, place: str) -> None:
        self._server, self._store, self._folder = server, store, folder
        self.storage = f"s3://{place}/files"
        self.artifacts = folder / "artifacts"
        self.home = Home(folder / "home")
        self.catalog = f"postgres:dbname={server.database()} host={server.folder} user=owner"
        self.dagster, self.mlflow = self._url(), self._url()
        (folder / "dagster").mkdir(parents=True)
        (folder / "dagster" / "dagster.yaml").write_text(_YAML.format(url=self.dagster))

    def _url(self) -> str:
        host = quote(str(self._server.folder), safe="")
        name = self._server.database()
        return f"postgresql+psycopg2://owner:{OWNER_PASSWORD}@/{name}?host={host}"

    def enter(self, patch) -> Home:
        """Let the environment name it."""
        patch.setenv("PGPASSWORD", OWNER_PASSWORD)
        patch.setenv("BONDSIG_CATALOG", self.catalog)
        patch.setenv("BONDSIG_STORAGE", self.storage)
        patch.setenv("BONDSIG_MLFLOW", "http://127.0.0.1:9")
        patch.setenv("BONDSIG_MLFLOW_DATABASE", self.mlflow)
        patch.setenv("BONDSIG_MLFLOW_ARTIFACTS", str(self.artifacts))
        patch.setenv("DAGSTER_HOME", str(self._folder / "dagster"))
        patch.setenv("BONDSIG_HOME", str(self.home.path))
        for name, value in self._store.variables().items():
            patch.setenv(name, value)
        return self.home


def write(home: Home, day: int, value: float) -> None:
    """A day of one table and all of another: equal values wherever one moment is seen."""
    Warehouse(home.path).replace(
        Write("predictions", predictions(day, day, value), span(day, day)),
        Write("information_coefficients", coefficients(1, value)),
    )


def test_a_drill(server, store, tmp_path, monkeypatch, initialized_home):
    pytest.importorskip("dagster_postgres")
    import sqlalchemy

    monkeypatch.setattr(installation, "VIEW_FILES", initialized_home / "no_views")
    monkeypatch.setenv("PATH", f"{server.programs}:{os.environ['PATH']}")
    one = Team(server, store, tmp_path / "one", "lake")
    home = one.enter(monkeypatch)
    claim(home, TINY, _SPAN)
    for day in range(3):
        write(home, day, float(day))
    with open_instance(home) as instance:
        job = dg.Definitions(assets=[made]).resolve_implicit_global_asset_job_def()
        assert job.execute_in_process(instance=instance).success
    engine = sqlalchemy.create_engine(one.mlflow)
    with engine.begin() as database:
        database.execute(sqlalchemy.text("CREATE TABLE runs (n int)"))
        database.execute(sqlalchemy.text("INSERT INTO runs VALUES (7)"))
    engine.dispose()
    one.artifacts.mkdir()
    (one.artifacts / "model.json").write_text("{}")

    # Beside a writer: whatever moment the backup is of, its two tables agree.
    stopped, day = threading.Event(), 3

    def writer() -> None:
        nonlocal day
        while not stopped.is_set():
            write(home, day, float(day))
            day += 1

    thread = threading.Thread(target=writer)
    thread.start()
    try:
        made_one = back_up_team(home, tmp_path / "backups")
    finally:
        stopped.set()
        thread.join()
    again = back_up_team(home, tmp_path / "backups", keep=2)
    assert again.copied_files < len(again.manifest.entries), "files as before are links"
    held = values_by_day(Warehouse(home.path))
    verify(tmp_path / "backups", made_one.folder.name)
    arguments = (tmp_path / "backups", made_one.folder.name)
    with pytest.raises(BackupError, match="holds runs already|holds ducklake_snapshot already"):
        restore_team(home, *arguments)

    two = Team(server, store, tmp_path / "two", "copies")
    copy = two.enter(monkeypatch)
    # As a team's services do before anybody works on it.
    Warehouse(copy.path).initialize()
    manifest = restore_team(copy, *arguments)
    assert follow(copy).market() == TINY and copy.date_range() == _SPAN
    found = values_by_day(Warehouse(copy.path))
    n = len(found)
    assert 3 <= n <= len(held) and found == dict(sorted(held.items())[:n])
    newest = Warehouse(copy.path).read_table("information_coefficients")
    assert newest["information_coefficient"].to_list() == [float(n - 1)]
    assert Warehouse(copy.path).snapshot_id() == manifest.snapshot
    with open_instance(copy) as instance:
        assert instance.get_latest_materialization_event(dg.AssetKey("made")) is not None
    engine = sqlalchemy.create_engine(two.mlflow)
    with engine.connect() as database:
        assert database.execute(sqlalchemy.text("SELECT n FROM runs")).scalar_one() == 7
    engine.dispose()
    assert (two.artifacts / "model.json").read_text() == "{}"
    write(copy, 40, 40.0)
    assert values_by_day(Warehouse(copy.path))[span(40, 40)[0]] == 40.0
    # The original is untouched by what is done with the copy.
    one.enter(monkeypatch)
    assert values_by_day(Warehouse(home.path)) == held


def as_of_an_older_mlflow(url: str) -> None:
    """MLflow's tables as they were before its newest migration."""
    import sqlalchemy
    from alembic import command
    from alembic.script import ScriptDirectory
    from mlflow.store.db import utils

    config, engine = utils._get_alembic_config(url), sqlalchemy.create_engine(url)
    script = ScriptDirectory.from_config(config)
    older = script.get_revision(script.get_current_head()).down_revision
    utils.InitialBase.metadata.create_all(engine)
    with engine.begin() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, older)
    engine.dispose()


def as_of_an_older_dagster(home: Home, url: str) -> None:
    """Dagster's tables, which the newest migration changes on MySQL alone, with the number of the
    one before.
    """
    import sqlalchemy
    from alembic.script import ScriptDirectory
    from dagster._core.storage.sql import get_alembic_config
    from dagster_postgres.run_storage import run_storage

    with open_instance(home) as instance:
        _, head = instance.run_storage.alembic_version()
    script = ScriptDirectory.from_config(get_alembic_config(run_storage.__file__))
    engine = sqlalchemy.create_engine(url)
    with engine.begin() as database:
        database.execute(
            sqlalchemy.text("UPDATE alembic_version SET version_num = :older"),
            {"older": script.get_revision(head).down_revision},
        )
    engine.dispose()


def test_every_database_is_brought_along(server, store, tmp_path, monkeypatch, initialized_home):
    pytest.importorskip("dagster_postgres")
    monkeypatch.setattr(installation, "VIEW_FILES", initialized_home / "no_views")
    team = Team(server, store, tmp_path / "team", "lake/upgraded")
    home = team.enter(monkeypatch)
    claim(home, TINY, _SPAN)
    with Warehouse(home.path)._lake.transaction("x") as lake:
        lake.execute("DROP TABLE audit")
        lake.execute("UPDATE settings SET content = 'older' WHERE name = 'installed'")
    (home.path / "lake" / "installed").unlink()
    as_of_an_older_dagster(home, team.dagster)
    as_of_an_older_mlflow(team.mlflow)
    waiting = pending(home)
    kinds = [line.partition(" from schema")[0] for line in waiting]
    assert kinds == [
        "lake: table audit is new",
        *(f"Dagster: the database of {name}" for name in ("runs", "events", "schedules")),
        "MLflow: its database",
    ]
    assert upgrade(home) == waiting and pending(home) == []
