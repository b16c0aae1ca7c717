"""A home that is somewhere else than when its models were logged.

Belongs here: paths in MLflow's database. Not here: scoring from a copied home
(graph/test_learning_graph.py).
"""

from __future__ import annotations

import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from bondsig_assets.home import Home
from bondsig_assets.resources.moved_home import follow_move
from bondsig_assets.resources.tracking import TrackingResource

pytestmark = pytest.mark.slow


@pytest.fixture
def logged(tmp_path) -> Home:
    """A home with a run that has a text, and one experiment kept elsewhere."""
    home = Home(tmp_path / "there")
    mlflow = TrackingResource(home=str(home.path)).connect("study")
    with mlflow.start_run():
        mlflow.log_text("said", "text.txt")
    mlflow.create_experiment("elsewhere", artifact_location="s3://bucket/mlflow/artifacts")
    return home


def places(home: Home) -> set[str]:
    """Where experiments and runs say their artifacts are."""
    with closing(sqlite3.connect(home.mlflow_database)) as store:
        return {
            place
            for (place,) in store.execute(
                "SELECT artifact_location FROM experiments UNION SELECT artifact_uri FROM runs"
            )
        }


def read(home: Home) -> str:
    """The text of the run."""
    mlflow = TrackingResource(home=str(home.path)).connect("study")
    (run,) = mlflow.search_runs(output_format="list")
    return Path(
        mlflow.artifacts.download_artifacts(run_id=run.info.run_id, artifact_path="text.txt")
    ).read_text()


@pytest.mark.parametrize("name", ["here", "a longer place than it was"])
def test_a_moved_home_finds_its_artifacts(logged, tmp_path, name):
    assert not follow_move(logged)
    shutil.move(logged.path, tmp_path / name)
    moved = Home(tmp_path / name)
    assert read(moved) == "said"
    assert not [
        place for place in places(moved) if "/there/" in place
    ] and "s3://bucket/mlflow/artifacts" in places(moved)
    assert not follow_move(moved)


def test_a_copy_has_artifacts_of_its_own_and_leaves_the_original_alone(logged, tmp_path):
    before = places(logged)
    shutil.copytree(logged.path, tmp_path / "there too")
    copy = Home(tmp_path / "there too")
    assert follow_move(copy) and places(logged) == before
    shutil.rmtree(logged.path)
    assert read(copy) == "said"


def test_a_home_without_mlflow_has_nowhere_to_follow(tmp_path):
    home = Home(tmp_path / "home")
    assert not follow_move(home) and not home.mlflow_database.exists()
    home.mlflow_database.parent.mkdir(parents=True)
    sqlite3.connect(home.mlflow_database).close()
    assert not follow_move(home)
