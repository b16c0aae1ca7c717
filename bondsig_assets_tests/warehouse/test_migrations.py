"""Numbered migrations: each runs once, in order, all of it or nothing."""

from __future__ import annotations

import re

import pytest

from bondsig_assets.errors import WarehouseError
from bondsig_assets.warehouse import Warehouse, migrations
from bondsig_assets_tests.warehouse.frames import values_by_day, write_predictions


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A folder of migrations that begins as the one that ships."""
    made = tmp_path / "migrations"
    made.mkdir()
    for path in migrations.files().values():
        (made / path.name).write_text(path.read_text())
    monkeypatch.setattr(migrations, "FOLDER", made)
    return made


def seen(warehouse: Warehouse) -> list[str]:
    return warehouse.read("SELECT name FROM migrations ORDER BY number")["name"].to_list()


def test_every_file_is_numbered_and_says_what_it_answers():
    numbers = list(migrations.files())
    assert numbers == list(range(1, len(numbers) + 1))
    for path in migrations.files().values():
        assert re.fullmatch(r"\d{4}_[a-z_]+\.sql", path.name)
        assert path.read_text().startswith("-- ") and "?" in path.read_text().splitlines()[0]


def test_a_new_lake_has_seen_everything(warehouse):
    assert seen(warehouse) == [path.stem for path in migrations.files().values()]


def test_an_old_lake_runs_what_it_has_not_seen_once(warehouse, folder):
    write_predictions(warehouse, 0, 2, 1.0)
    (folder / "0902_twice.sql").write_text("UPDATE predictions SET prediction = prediction * 2")
    (folder / "0901_one_more.sql").write_text("UPDATE predictions SET prediction = prediction + 1")
    warehouse.initialize()
    assert set(values_by_day(warehouse).values()) == {4.0}
    warehouse.initialize()
    assert set(values_by_day(warehouse).values()) == {4.0}
    assert seen(warehouse)[-2:] == ["0901_one_more", "0902_twice"]


@pytest.mark.slow
def test_one_that_fails_leaves_everything_as_it_was(warehouse, folder):
    write_predictions(warehouse, 0, 2, 1.0)
    before = seen(warehouse)
    (folder / "0901_fine.sql").write_text("UPDATE predictions SET prediction = 7")
    (folder / "0902_broken.sql").write_text("UPDATE nothing SET x = 1")
    with pytest.raises(WarehouseError, match=r"sql/migrations/0902_broken\.sql: .*nothing"):
        warehouse.initialize()
    assert set(values_by_day(warehouse).values()) == {1.0} and seen(warehouse) == before


def test_a_lake_of_a_newer_version_is_refused(warehouse, folder):
    (folder / "0901_later.sql").write_text("SELECT 1")
    warehouse.initialize()
    (folder / "0901_later.sql").unlink()
    with pytest.raises(WarehouseError, match=r"newer bondsig \(migration 0901, this one knows 000"):
        warehouse.initialize()
