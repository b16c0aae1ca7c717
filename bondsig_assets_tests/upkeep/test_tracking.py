"""Runs that were deleted in MLflow go for good, unless something names them."""

# A test's name says what it shows.
# ruff: noqa: D103

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from bondsig_assets.home import Home
from bondsig_assets.resources.tracking import TrackingResource
from bondsig_assets.upkeep.tracking import deleted_runs, throw_away

pytestmark = pytest.mark.slow

LATER = datetime.now(UTC) + timedelta(days=1)


def test_deleted_runs_go_unless_they_are_named(tmp_path, monkeypatch):
    monkeypatch.delenv("BONDSIG_MLFLOW", raising=False)
    home = Home(tmp_path)
    tracking = TrackingResource(home=str(tmp_path))
    runs = {}
    for name in ("living", "deleted", "of_a_model", "registered"):
        with tracking.training("study", name, {}) as mlflow:
            mlflow.log_text("text", "note.txt")
            runs[name] = mlflow.active_run().info.run_id
    client = mlflow.MlflowClient()
    client.create_registered_model("held")
    client.create_model_version("held", f"runs:/{runs['registered']}/x", runs["registered"])
    for name in ("deleted", "of_a_model", "registered"):
        client.delete_run(runs[name])

    assert deleted_runs(home, LATER - timedelta(days=2)) == {}, "it was deleted since"
    found = deleted_runs(home, LATER, {runs["of_a_model"]})
    assert list(found) == [runs["deleted"]]
    folders = {name: next(home.mlflow_artifacts.glob(f"*{run}*")) for name, run in runs.items()}
    assert throw_away(home, found) == 1
    assert [name for name, folder in folders.items() if not folder.exists()] == ["deleted"]
    assert deleted_runs(home, LATER, {runs["of_a_model"]}) == {}
    for name in ("living", "of_a_model", "registered"):
        assert client.get_run(runs[name]).info.run_id == runs[name]
        assert Path(folders[name], "artifacts", "note.txt").read_text() == "text"


def test_a_home_without_mlflow_and_a_server_have_none(tmp_path, monkeypatch):
    monkeypatch.delenv("BONDSIG_MLFLOW", raising=False)
    assert deleted_runs(Home(tmp_path), LATER) == {}
    monkeypatch.setenv("BONDSIG_MLFLOW", "http://elsewhere:5000")
    Home(tmp_path).mlflow_database.parent.mkdir()
    Home(tmp_path).mlflow_database.touch()
    assert deleted_runs(Home(tmp_path), LATER) == {}
    assert throw_away(Home(tmp_path), {}) == 0
