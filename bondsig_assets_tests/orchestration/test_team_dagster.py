"""A team's own DAGSTER_HOME, its record in PostgreSQL: used as it is, by every command."""

from __future__ import annotations

from urllib.parse import quote

import dagster as dg
import pytest

from bondsig_assets.commands.doctor import _settings
from bondsig_assets.home import Home, has_own_dagster
from bondsig_assets.orchestration.runner import open_instance
from bondsig_assets_tests.sources.wrds_server import OWNER_PASSWORD

pytestmark = pytest.mark.services

_YAML = """
storage:
  postgres:
    postgres_url: "postgresql+psycopg2://owner:{password}@/{database}?host={host}"
telemetry: {{enabled: false}}
"""


@pytest.fixture
def own(server, tmp_path, monkeypatch):
    """A DAGSTER_HOME with settings of a team's own."""
    pytest.importorskip("dagster_postgres")
    folder = tmp_path / "dagster"
    folder.mkdir()
    (folder / "dagster.yaml").write_text(
        _YAML.format(
            password=OWNER_PASSWORD,
            database=server.database(),
            host=quote(str(server.folder), safe=""),
        )
    )
    monkeypatch.setenv("DAGSTER_HOME", str(folder))
    monkeypatch.setenv("BONDSIG_HOME", str(tmp_path / "home"))
    return folder


@dg.asset
def made() -> None:
    """An asset to run."""


def test_its_record_is_in_postgresql_and_its_settings_stay(own, tmp_path):
    home, told = Home(tmp_path / "home"), (own / "dagster.yaml").read_text()
    with open_instance(home) as instance:
        assert type(instance.run_storage).__module__ == "dagster_postgres.run_storage.run_storage"
        job = dg.Definitions(assets=[made]).resolve_implicit_global_asset_job_def()
        assert job.execute_in_process(instance=instance).success
    with open_instance(home) as instance:
        assert [run.status for run in instance.get_runs()] == [dg.DagsterRunStatus.SUCCESS]
        assert instance.get_latest_materialization_event(dg.AssetKey("made")) is not None
    assert home.dagster == own and (own / "dagster.yaml").read_text() == told
    assert not (home.path / "dagster").exists()
    assert [good for good, *_ in _settings(home)] == [True]


def test_a_folder_that_we_wrote_is_nobodys_own(tmp_path, monkeypatch):
    monkeypatch.setenv("DAGSTER_HOME", "")
    monkeypatch.setenv("BONDSIG_HOME", "")
    one, two = Home(tmp_path / "one"), Home(tmp_path / "two")
    one.prepare_dagster()
    assert not has_own_dagster()
    two.prepare_dagster()
    assert two.dagster == tmp_path / "two" / "dagster"
    assert one.dagster == tmp_path / "one" / "dagster"
