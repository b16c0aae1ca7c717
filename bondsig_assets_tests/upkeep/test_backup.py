"""Backups of a home: what is in one, what is shared with the one before, and what is refused."""

# A test's name says what it shows.
# ruff: noqa: D103

from __future__ import annotations

import multiprocessing
import os
import shutil
import sqlite3
import time
from contextlib import closing
from datetime import date

import pytest

from bondsig_assets.alerts.outbox import keep
from bondsig_assets.errors import BackupError
from bondsig_assets.home import Home, Market
from bondsig_assets.orchestration import backup_record
from bondsig_assets.orchestration.backup_record import newest_record
from bondsig_assets.upkeep import backup as module
from bondsig_assets.upkeep.backup import (
    back_up,
    backups_in,
    hold_still,
    verify,
)
from bondsig_assets.upkeep.manifest import read_manifest
from bondsig_assets.upkeep.restore import restore
from bondsig_assets.warehouse import Warehouse, Write
from bondsig_assets_tests.warehouse.frames import (
    coefficients,
    day,
    predictions,
    span,
    values_by_day,
    write_predictions,
    write_versions_for_ever,
)

pytestmark = pytest.mark.slow

SPAWN = multiprocessing.get_context("spawn")


def rows(path, table="held"):
    with closing(sqlite3.connect(path)) as database:
        return database.execute(f"SELECT * FROM {table}").fetchall()


def names(folder):
    return sorted(path.name for path in folder.iterdir() if path.name != ".lock")


def test_a_restored_home_holds_what_was_backed_up(home, tmp_path):
    before = values_by_day(Warehouse(home.path))
    old = Warehouse(home.path).snapshot_id()
    made = back_up(home, tmp_path / "backups")
    write_predictions(Warehouse(home.path), 0, 9, 99.0)
    other = Home(tmp_path / "elsewhere" / "home")
    restore(tmp_path / "backups", other)
    assert made.manifest.snapshot == old
    assert values_by_day(Warehouse(other.path)) == before == {day(n): float(n) for n in range(10)}
    assert set(values_by_day(Warehouse(home.path)).values()) == {99.0}
    assert other.market() == home.market() and other.date_range() == home.date_range()
    assert other.learning_file.read_text() == home.learning_file.read_text()
    assert (other.mlflow_artifacts / "model.txt").read_text() == "a tree"
    assert rows(other.mlflow_database) == [(1,)]
    # It is written on, and the home it came from is not.
    write_predictions(Warehouse(other.path), 3, 3, 7.0)
    assert values_by_day(Warehouse(other.path))[day(3)] == 7.0
    assert values_by_day(Warehouse(home.path))[day(3)] == 99.0
    # What every snapshot of before held is there too.
    earlier = values_by_day(Warehouse(other.path), at_snapshot=old - 5)
    assert earlier == {day(n): float(n) for n in range(5)}


def test_what_stands_in_a_journal_is_backed_up(home, tmp_path):
    index = home.dagster / "schedules" / "schedules.db"
    with closing(sqlite3.connect(index)) as database:
        database.execute("PRAGMA wal_autocheckpoint = 0")
        with database:
            database.execute("INSERT INTO held VALUES (2)")
        assert index.with_name("schedules.db-wal").stat().st_size
        back_up(home, tmp_path / "backups")
    (made,) = backups_in(tmp_path / "backups")
    copy = made / "dagster" / "schedules" / "schedules.db"
    assert rows(copy) == [(1,), (2,)] and not list(made.rglob("*-wal"))


def test_what_has_not_changed_takes_no_room_again(home, tmp_path, monkeypatch):
    monkeypatch.setattr(module, "_RACY", 0)
    folder = tmp_path / "backups"
    back_up(home, folder)
    time.sleep(1.1)  # a backup's time has whole seconds
    back_up(home, folder)
    time.sleep(1.1)
    write_predictions(Warehouse(home.path), 10, 10, 10.0)
    home.learning_file.write_text("[signals]\nmargin = 1.0\n")
    third = back_up(home, folder)
    first, second, newest = backups_in(folder)
    assert newest == third.folder
    new = {
        name
        for name in third.manifest.entries
        if not (second / name).exists() or not (second / name).samefile(newest / name)
    }
    parquet = {name for name in new if name.endswith(".parquet")}
    assert len(parquet) == 1
    assert new - parquet == {"lake/catalog.sqlite", "learning.toml"}
    assert third.copied_files == 3
    # Each stands for itself: without the others it is whole.
    shutil.rmtree(first), shutil.rmtree(second)
    assert verify(folder) == third.manifest


def test_a_disk_without_links_gets_copies(home, tmp_path, monkeypatch):
    def refuse(*_):
        raise OSError(1, "no links here")

    back_up(home, tmp_path / "backups")
    monkeypatch.setattr(os, "link", refuse)
    again = back_up(home, tmp_path / "backups")
    assert again.copied_files == len(again.manifest.entries)
    verify(tmp_path / "backups")


def test_only_the_newest_are_kept_when_asked(home, tmp_path):
    folder = tmp_path / "backups"
    made = [back_up(home, folder, keep=2) for _ in range(4)]
    assert names(folder) == [one.folder.name for one in made[2:]]
    assert made[3].removed == (made[1].folder.name,)
    verify(folder)


def test_the_home_remembers_its_newest_backup(home, tmp_path):
    assert newest_record(home) is None
    made = back_up(home, tmp_path / "backups")
    found = newest_record(home)
    assert found is not None and found.folder == made.folder
    assert "backups.json" not in made.manifest.entries
    (home.path / backup_record.NAME).write_text("{")
    assert newest_record(home) is None


def test_locks_journals_and_marks_stay_out(home, tmp_path):
    (home.path / "half.tmp").write_text("half")
    keep(home.path, "webhook", "a message")
    made = back_up(home, tmp_path / "backups")
    odd = (".lock", ".tmp", "-wal", "-shm", "installed", "backups.json", "alerts.json")
    assert [name for name in made.manifest.entries if name.endswith(odd)] == []


@pytest.mark.parametrize(
    ("place", "said"),
    [
        ("home/backups", "lies inside the home"),
        ("home", "lies inside the home"),
        ("file", "is a file"),
        ("photos", "holds holiday.jpg, which is no backup"),
    ],
)
def test_a_folder_that_is_no_place_for_backups_is_refused(home, tmp_path, place, said):
    (tmp_path / "file").write_text("")
    (tmp_path / "photos").mkdir()
    (tmp_path / "photos" / "holiday.jpg").write_text("")
    with pytest.raises(BackupError, match=said) as error:
        back_up(home, tmp_path / place)
    assert "\n" not in str(error.value)
    assert names(tmp_path / "photos") == ["holiday.jpg"]


def test_markets_are_not_mixed(home, tmp_path):
    back_up(home, tmp_path / "backups")
    other = Home(tmp_path / "other")
    other.claim(Market(world="tiny", seed=2), (date(2024, 1, 1), date(2024, 1, 31)))
    with pytest.raises(BackupError, match=r"holds backups of the .*seed 1.*this home the .*seed 2"):
        back_up(other, tmp_path / "backups")


def test_a_home_without_a_market_has_nothing_to_back_up(tmp_path):
    with pytest.raises(BackupError, match="holds no market yet"):
        back_up(Home(tmp_path / "none"), tmp_path / "backups")
    assert not (tmp_path / "backups").exists()


@pytest.mark.parametrize("name", module.SERVERS)
def test_a_home_that_is_only_partly_on_servers_is_refused(home, tmp_path, monkeypatch, name):
    monkeypatch.setenv(name, "postgres:dbname=lake password=hunter2")
    for act in (
        lambda: back_up(home, tmp_path / "backups"),
        lambda: restore(tmp_path / "backups", Home(tmp_path / "new")),
    ):
        with pytest.raises(
            BackupError, match=f"^{name} .*all its servers .*operations.md"
        ) as error:
            act()
        assert "hunter2" not in str(error.value)


def test_too_little_room_is_told_before_anything_is_written(home, tmp_path, monkeypatch):
    back_up(home, tmp_path / "backups")
    usage = shutil.disk_usage(tmp_path)
    monkeypatch.setattr(module.shutil, "disk_usage", lambda _: usage._replace(free=50_000_100))
    write_predictions(Warehouse(home.path), 10, 10)
    held = names(tmp_path / "backups")
    with pytest.raises(BackupError, match=r"needs 0 MB and some to spare.*nothing was written"):
        back_up(home, tmp_path / "backups")
    assert names(tmp_path / "backups") == held
    with pytest.raises(BackupError, match=r"the restored home needs"):
        restore(tmp_path / "backups", Home(tmp_path / "new"))
    assert not (tmp_path / "new").exists()


def test_a_backup_that_breaks_off_leaves_nothing(home, tmp_path, monkeypatch):
    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(module, "copy_file", full)
    with pytest.raises(BackupError, match="was not made: .*No space left on device"):
        back_up(home, tmp_path / "backups")
    assert names(tmp_path / "backups") == []
    assert newest_record(home) is None


def test_what_a_killed_backup_left_goes_with_the_next(home, tmp_path):
    left = tmp_path / "backups" / ".partial-4711"
    left.mkdir(parents=True)
    (left / "market.json").write_text("{}")
    back_up(home, tmp_path / "backups")
    assert len(names(tmp_path / "backups")) == 1


def test_two_backups_into_one_folder_do_not_meet(home, tmp_path):
    (tmp_path / "backups").mkdir()
    with module.FileLock(tmp_path / "backups" / ".lock"), pytest.raises(BackupError, match="wait"):
        back_up(home, tmp_path / "backups")


def test_a_home_whose_lake_lost_a_file_is_not_backed_up(home, tmp_path):
    next((home.path / "lake" / "files").rglob("*.parquet")).unlink()
    with pytest.raises(BackupError, match=r"parquet is not there, and the lake needs it"):
        back_up(home, tmp_path / "backups")
    assert names(tmp_path / "backups") == []


def test_a_damaged_database_is_not_backed_up(home, tmp_path):
    with home.mlflow_database.open("r+b") as file:
        file.seek(4096)
        file.write(b"\xff" * 4096)
    with pytest.raises(BackupError, match=r"mlflow\.db"):
        back_up(home, tmp_path / "backups")


def test_files_that_wait_to_be_thrown_away_are_not_copied(home, tmp_path):
    warehouse = Warehouse(home.path)
    write_predictions(warehouse, 0, 9, 5.0)
    with warehouse._lake.writing("could not") as lake:
        lake.execute("CALL ducklake_expire_snapshots('lake', older_than => now())")
    waiting = "SELECT count(*) FROM ducklake_files_scheduled_for_deletion"
    with closing(sqlite3.connect(home.path / "lake" / "catalog.sqlite")) as catalog:
        n_waiting = catalog.execute(waiting).fetchone()[0]
    assert n_waiting == 10
    made = back_up(home, tmp_path / "backups")
    parquet = [name for name in made.manifest.entries if name.endswith(".parquet")]
    assert len(parquet) == len(list(home.path.rglob("*.parquet"))) - n_waiting
    other = Home(tmp_path / "other")
    restore(tmp_path / "backups", other)
    assert set(values_by_day(Warehouse(other.path)).values()) == {5.0}
    Warehouse(other.path).maintain(older_than_days=0)
    assert set(values_by_day(Warehouse(other.path)).values()) == {5.0}


def test_upkeep_waits_for_a_backup_and_says_so(home):
    with (
        hold_still(home, "first"),
        pytest.raises(BackupError, match=r"second: a backup or upkeep .* for 0\.1 s"),
        hold_still(home, "second", timeout=0.1),
    ):
        pass


@pytest.mark.services
def test_backups_beside_a_writer_hold_one_moment_each(home, tmp_path):
    Warehouse(home.path).replace(
        Write("predictions", predictions(0, 9, 0.0, issuers=200), span(0, 9)),
        Write("information_coefficients", coefficients(10, 0.0)),
    )
    ready = SPAWN.Event()
    writer = SPAWN.Process(target=write_versions_for_ever, args=(home.path, ready))
    writer.start()
    try:
        assert ready.wait(60)
        made = [back_up(home, tmp_path / "backups") for _ in range(6)]
    finally:
        writer.kill()
        writer.join()
    versions = []
    for one in made:
        other = Home(tmp_path / one.folder.name)
        restore(tmp_path / "backups", other, one.folder.name)
        state = Warehouse(other.path).read(
            "SELECT count(*) AS n, min(prediction) AS low, max(prediction) AS high FROM predictions"
            " UNION ALL SELECT count(*), min(information_coefficient),"
            " max(information_coefficient) FROM information_coefficients"
        )
        version = state["low"][0]
        assert state.rows() == [(2000, version, version), (10, version, version)]
        versions.append(version)
        assert Warehouse(other.path).snapshot_id() == read_manifest(one.folder).snapshot
        write_predictions(Warehouse(other.path), 0, 0, -1.0)
    assert versions == sorted(versions) and versions[-1] > versions[0] >= 1
