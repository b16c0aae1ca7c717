"""Upkeep of a home beside those who read, write and back it up."""

# A test's name says what it shows.
# ruff: noqa: D103

from __future__ import annotations

import multiprocessing
import random
import time

import pytest

from bondsig_assets.errors import BackupError, WarehouseError
from bondsig_assets.home import Home
from bondsig_assets.upkeep import maintain as module
from bondsig_assets.upkeep.backup import back_up, hold_still, verify
from bondsig_assets.upkeep.maintain import maintain
from bondsig_assets.upkeep.restore import restore
from bondsig_assets.warehouse import Warehouse, Write
from bondsig_assets.warehouse.warehouse import _merges
from bondsig_assets_tests.rows_of import rows_of
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
MB = 1 << 20


@pytest.fixture(autouse=True)
def without_mlflow(home):
    home.mlflow_database.unlink()


def test_it_merges_forgets_and_removes_and_says_so(home):
    warehouse = Warehouse(home.path)
    before = values_by_day(warehouse)
    # The table of ten days, and the record of migrations.
    assert warehouse.upkeep_due(0) == (2, warehouse.lake_state().snapshots - 1)
    done = maintain(home, snapshot_days=0)
    assert done.lake is not None and done.lake.before.files == 12 and done.lake.after.files == 2
    assert done.lake.after.snapshots <= 2 < done.lake.before.snapshots
    assert done.lake.removed == 12 and done.lake.after.waiting_files == 0
    assert values_by_day(warehouse) == before
    assert len(list((home.path / "lake" / "files").rglob("*.parquet"))) == 2
    lines = done.lines()
    assert lines[0].startswith("lake: 12 → 2 files of today's tables")
    assert [line.split(":")[0] for line in lines] == ["lake", "Dagster", "MLflow"]
    assert warehouse.upkeep_due(0)[0] == 0


def test_what_is_young_waits(home):
    done = maintain(home)
    assert done.lake is not None
    assert done.lake.removed == done.lake.forgotten == 0 and done.lake.after.waiting_files == 12
    assert len(list((home.path / "lake" / "files").rglob("*.parquet"))) == 14
    # A reader of an earlier snapshot still finds what it held.
    old = done.lake.before.snapshots - 5
    assert len(values_by_day(Warehouse(home.path), at_snapshot=old)) < 10


@pytest.mark.parametrize("seed", range(2))
def test_any_sequence_of_writes_and_upkeep_keeps_today_and_what_models_name(home, seed):
    """Against a plain dictionary, and every named snapshot as it was when it was named."""
    warehouse, chance = Warehouse(home.path), random.Random(seed)
    today = values_by_day(warehouse)
    named: dict[int, dict] = {}
    for step in range(10):
        first = chance.randrange(12)
        last = first + chance.randrange(4)
        match chance.choice(["write", "write", "name", "upkeep"]):
            case "write":
                write_predictions(warehouse, first, last, float(step))
                today |= {day(number): float(step) for number in range(first, last + 1)}
            case "name":
                snapshot = warehouse.snapshot_id()
                named[snapshot] = dict(today)
                warehouse.replace(
                    Write(
                        "models",
                        rows_of(
                            "models",
                            *(
                                {"fold": day(k), "model_name": "x", "snapshot_id": one}
                                for k, one in enumerate(named)
                            ),
                        ),
                    )
                )
            case "upkeep":
                maintain(home, snapshot_days=0)
        assert values_by_day(warehouse) == today
        for snapshot, then in named.items():
            assert values_by_day(warehouse, at_snapshot=snapshot) == then
    maintain(home, snapshot_days=0)
    assert values_by_day(warehouse) == today
    for snapshot, then in named.items():
        assert values_by_day(warehouse, at_snapshot=snapshot) == then


def test_a_backup_holds_up_against_later_upkeep(home, tmp_path):
    before = values_by_day(Warehouse(home.path))
    back_up(home, tmp_path / "backups")
    write_predictions(Warehouse(home.path), 0, 9, 99.0)
    maintain(home, snapshot_days=0)
    verify(tmp_path / "backups")
    restore(tmp_path / "backups", Home(tmp_path / "other"))
    assert values_by_day(Warehouse(tmp_path / "other")) == before


def test_upkeep_waits_for_a_backup(home, monkeypatch):
    waits = hold_still
    monkeypatch.setattr(module, "hold_still", lambda home, what: waits(home, what, 0.1))
    with hold_still(home, "a backup"), pytest.raises(BackupError, match="could not begin upkeep"):
        maintain(home, snapshot_days=0)
    assert Warehouse(home.path).lake_state().files == 12


def test_a_file_that_the_catalog_names_is_no_orphan(home):
    warehouse = Warehouse(home.path)
    held = next((home.path / "lake" / "files").rglob("*.parquet"))
    from bondsig_assets.warehouse.warehouse import _require_orphans

    with warehouse._lake.reading() as lake:
        _require_orphans(lake, ["/elsewhere/nobodys.parquet"])
        with pytest.raises(WarehouseError, match="which the catalog names") as error:
            _require_orphans(lake, ["/elsewhere/nobodys.parquet", str(held)])
    assert str(held) in str(error.value)


def test_a_row_is_written_anew_a_few_times_and_files_stay_few():
    # Twenty years of trading days, an upkeep each week, for a small and a large table.
    for daily in (30_000, 5 * MB):
        files: list[int] = []
        written = 0
        for week in range(52 * 20):
            files += [daily] * 5
            for limit in _merges(files):
                small = [size for size in files if size < limit]
                written += sum(small)
                files = [size for size in files if size >= limit] + [sum(small)]
            assert len(files) < 30 + sum(files) / (64 * MB), (daily, week)
        assert written < 40 * sum(files), daily


def test_few_or_large_files_are_left_alone():
    assert _merges([]) == _merges([10]) == _merges([70 * MB, 80 * MB]) == []
    assert _merges([10, 10]) == [1 << 20]
    assert _merges([2 * MB, 3 * MB]) == [] and _merges([5 * MB, 6 * MB]) == [8 << 20]


@pytest.mark.services
def test_upkeep_beside_a_writer_and_a_reader_disturbs_neither(home):
    warehouse = Warehouse(home.path)
    warehouse.replace(
        Write("predictions", predictions(0, 9, 0.0, issuers=200), span(0, 9)),
        Write("information_coefficients", coefficients(10, 0.0)),
    )
    ready = SPAWN.Event()
    writer = SPAWN.Process(target=write_versions_for_ever, args=(home.path, ready))
    writer.start()
    try:
        assert ready.wait(60)
        seen, until = [], time.monotonic() + 20
        while time.monotonic() < until:
            with warehouse.on_snapshot():
                before = warehouse.read(_VERSIONS).rows()
                # Upkeep of another connection, while this reader stands on its snapshot.
                seen.append(before)
                assert warehouse.read(_VERSIONS).rows() == before
            maintain(home, snapshot_days=1 / 86400)
            assert writer.is_alive()
    finally:
        writer.kill()
        writer.join()
    versions = [rows[0][1] for rows in seen]
    assert all(
        rows == [(2000, low, low), (10, low, low)] for rows, low in zip(seen, versions, strict=True)
    )
    assert versions == sorted(versions) and versions[-1] > versions[0]
    maintain(home, snapshot_days=0)
    rows = warehouse.read(_VERSIONS).rows()
    assert rows[0][1] >= versions[-1] and rows == [
        (2000, rows[0][1], rows[0][1]),
        (10, rows[0][1], rows[0][1]),
    ]


_VERSIONS = (
    "SELECT count(*) AS n, min(prediction) AS low, max(prediction) AS high FROM predictions UNION"
    " ALL SELECT count(*), min(information_coefficient), max(information_coefficient) FROM"
    " information_coefficients"
)
