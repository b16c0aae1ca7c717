"""Addresses that `bondsig ui` prints, before any server runs."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest

from bondsig_assets.commands.ui import _experiment
from bondsig_assets.home import Home


@pytest.fixture
def home(tmp_path: Path) -> Home:
    made = Home(tmp_path)
    made.mlflow_database.parent.mkdir()
    with sqlite3.connect(made.mlflow_database) as database:
        database.execute("CREATE TABLE experiments (experiment_id INTEGER, name TEXT)")
        database.execute(
            "INSERT INTO experiments VALUES (0, 'Default'), (7, 'bondsig'), (9, 'it''s')"
        )
    return made


def test_mlflow_opens_on_the_experiment_of_the_study(home):
    assert _experiment(home) == "/#/experiments/7/runs?workflowType=machine_learning"
    home.learning_file.write_text('study = "it\'s"\n')
    assert _experiment(home) == "/#/experiments/9/runs?workflowType=machine_learning"


def test_without_trainings_it_opens_where_it_begins(home, tmp_path):
    home.learning_file.write_text('study = "another"\n')
    assert _experiment(home) == ""
    assert _experiment(Home(tmp_path / "none")) == ""
    home.mlflow_database.write_bytes(b"no database at all, but long enough to be looked at" * 40)
    assert _experiment(home) == ""
