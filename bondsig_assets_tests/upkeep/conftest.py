"""A small home to back up and to keep in order. Belongs here: fixtures of this folder. Not here:
frames (`warehouse/frames.py`).
"""

from __future__ import annotations

import shutil
import sqlite3
from contextlib import closing
from datetime import date

import pytest

from bondsig_assets.home import Home, Market
from bondsig_assets.warehouse import Warehouse, installation
from bondsig_assets_tests.warehouse.conftest import initialized_home
from bondsig_assets_tests.warehouse.frames import write_predictions

__all__ = ["initialized_home"]


@pytest.fixture(autouse=True)
def embedded(monkeypatch):
    for name in ("BONDSIG_CATALOG", "BONDSIG_STORAGE", "BONDSIG_MLFLOW"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture(scope="session")
def made_home(initialized_home, tmp_path_factory) -> Home:
    """A home with a lake of ten days, settings, databases with a journal, and an artifact; copied,
    never written.
    """
    path = tmp_path_factory.mktemp("template") / "home"
    shutil.copytree(initialized_home, path)
    home = Home(path)
    home.claim(Market(world="tiny"), (date(2024, 1, 1), date(2024, 1, 31)))
    home.learning_file.write_text("[signals]\nmargin = 0.0\n")
    for number in range(10):
        write_predictions(Warehouse(path), number, number, float(number))
    home.mlflow_artifacts.mkdir(parents=True)
    (home.mlflow_artifacts / "model.txt").write_text("a tree")
    for database_path in (home.dagster / "schedules" / "schedules.db", home.mlflow_database):
        database_path.parent.mkdir(parents=True, exist_ok=True)
        with closing(sqlite3.connect(database_path)) as database, database:
            database.execute("PRAGMA journal_mode = WAL")
            database.execute("CREATE TABLE held AS SELECT 1 AS number")
    return home


@pytest.fixture
def home(made_home, initialized_home, tmp_path, monkeypatch) -> Home:
    """A home of the test's own, without the views of the project."""
    monkeypatch.setattr(installation, "VIEW_FILES", initialized_home / "no_views")
    shutil.copytree(made_home.path, tmp_path / "home")
    return Home(tmp_path / "home")
