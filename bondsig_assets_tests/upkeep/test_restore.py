"""Restoring: a backup that is not what was written makes no home."""

# A test's name says what it shows.
# ruff: noqa: D103

from __future__ import annotations

import json

import pytest

from bondsig_assets.errors import BackupError
from bondsig_assets.home import Home
from bondsig_assets.upkeep.backup import back_up, verify
from bondsig_assets.upkeep.restore import restore
from bondsig_assets.warehouse import Warehouse
from bondsig_assets_tests.warehouse.frames import values_by_day, write_predictions


@pytest.fixture
def folder(home, tmp_path):
    back_up(home, tmp_path / "backups")
    return tmp_path / "backups"


def changed_byte(path):
    held = bytearray(path.read_bytes())
    held[len(held) // 2] ^= 1
    path.write_bytes(held)


def cut(path):
    path.write_bytes(path.read_bytes()[:-1])


@pytest.mark.slow
@pytest.mark.parametrize(
    ("harm", "said"),
    [
        (changed_byte, "has other bytes than were written"),
        (cut, "bytes and should have"),
        (lambda path: path.unlink(), ""),
    ],
)
@pytest.mark.parametrize("victim", ["lake/catalog.sqlite", "market.json", "*.parquet"])
def test_a_damaged_backup_makes_no_home(folder, tmp_path, harm, said, victim):
    (backup,) = folder.glob("backup-*")
    harm(next(iter(sorted(backup.rglob(victim)))))
    for act in (lambda: restore(folder, Home(tmp_path / "new")), lambda: verify(folder)):
        with pytest.raises(BackupError, match=rf"is damaged: .*{said}") as error:
            act()
        assert "\n" not in str(error.value)
    assert [path.name for path in tmp_path.iterdir() if "new" in path.name] == []


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("{", "is damaged"),
        ("[]", "is damaged"),
        ('{"entries": {"a": {}}}', "is damaged"),
        ('{"entries": {}}', "is damaged"),
    ],
)
def test_a_manifest_that_cannot_be_read_is_one_line(folder, tmp_path, text, said):
    (backup,) = folder.glob("backup-*")
    (backup / "manifest.json").write_text(text)
    with pytest.raises(BackupError, match=said) as error:
        restore(folder, Home(tmp_path / "new"))
    assert "\n" not in str(error.value)


def with_manifest(folder, **changes):
    (backup,) = folder.glob("backup-*")
    path = backup / "manifest.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))


@pytest.mark.parametrize(
    "newer", [{"bondsig": "99.0.0"}, {"layout": 2}, {"migration": 9999}, {"bondsig": "0.1.1"}]
)
def test_a_backup_of_a_newer_version_is_refused(folder, tmp_path, newer, monkeypatch):
    monkeypatch.setattr("bondsig_assets.upkeep.manifest.version", lambda _: "0.1.0")
    with_manifest(folder, **newer)
    with pytest.raises(BackupError, match="newer than this 0.1.0: install that version"):
        restore(folder, Home(tmp_path / "new"))


@pytest.mark.parametrize("name", ["../outside", "/etc/passwd", "a/../../b"])
def test_a_manifest_leads_nowhere_else(folder, tmp_path, name):
    with_manifest(folder, entries={name: {"size": 1, "sha256": "", "seen": []}})
    with pytest.raises(BackupError, match="lies outside of a home"):
        restore(folder, Home(tmp_path / "new"))


def test_a_home_that_is_there_is_left_alone(home, folder):
    with pytest.raises(BackupError, match="is there already"):
        restore(folder, home)
    assert len(values_by_day(Warehouse(home.path))) == 10


def test_an_empty_folder_is_room_for_a_home(folder, tmp_path):
    (tmp_path / "new").mkdir()
    restore(folder, Home(tmp_path / "new"))
    assert len(values_by_day(Warehouse(tmp_path / "new"))) == 10


def test_an_earlier_backup_is_chosen_by_its_name(home, folder, tmp_path):
    write_predictions(Warehouse(home.path), 0, 9, 5.0)
    back_up(home, folder)
    first, second = sorted(path.name for path in folder.glob("backup-*"))
    restore(folder, Home(tmp_path / "old"), first)
    restore(folder / second, Home(tmp_path / "new"))
    assert len(set(values_by_day(Warehouse(tmp_path / "old")).values())) == 10
    assert set(values_by_day(Warehouse(tmp_path / "new")).values()) == {5.0}
    with pytest.raises(BackupError, match=f"holds no other; there are {first}, {second}"):
        restore(folder, Home(tmp_path / "third"), "other")


@pytest.mark.parametrize("place", ["nowhere", "empty"])
def test_where_no_backup_is_none_is_restored(tmp_path, place):
    (tmp_path / "empty").mkdir()
    with pytest.raises(BackupError, match=r"give (one|a folder) that `bondsig backup` wrote"):
        restore(tmp_path / place, Home(tmp_path / "new"))
