"""Four writers on two machines beside a reader, in one catalog on PostgreSQL and one bucket: each
sees only whole writes, none is lost, also where one of them is killed.
"""

from __future__ import annotations

import multiprocessing
from pathlib import Path

import pytest

from bondsig_assets.warehouse import Warehouse, installation
from bondsig_assets_tests.sources.wrds_server import OWNER_PASSWORD
from bondsig_assets_tests.warehouse.frames import (
    day,
    values_by_day,
    write_days,
    write_predictions,
)

pytestmark = pytest.mark.services

SPAWN = multiprocessing.get_context("spawn")


@pytest.fixture
def machines(server, store, tmp_path, monkeypatch, initialized_home):
    """Homes of two machines of one team."""
    monkeypatch.setattr(installation, "VIEW_FILES", initialized_home / "no_views")
    monkeypatch.setenv("PGPASSWORD", OWNER_PASSWORD)
    name = server.database()
    monkeypatch.setenv("BONDSIG_CATALOG", f"postgres:dbname={name} host={server.folder} user=owner")
    monkeypatch.setenv("BONDSIG_STORAGE", "s3://lake/files")
    monkeypatch.setenv("BONDSIG_THREADS", "1")
    for variable, value in store.variables().items():
        monkeypatch.setenv(variable, value)
    Warehouse(tmp_path / "one").initialize()
    return tmp_path / "one", tmp_path / "two"


def read_on(home: Path, done, seen) -> None:
    """Read until `done`; whether each day was ever there in a part, and how often it was looked."""
    warehouse, looks, whole = Warehouse(home), 0, True
    while not done.is_set():
        days = warehouse.read("SELECT count(*) AS n FROM predictions GROUP BY trade_date")["n"]
        whole &= set(days) <= {3}
        looks += 1
    seen.put((whole, looks))


def write_for_ever(home: Path, ready) -> None:
    """Write days that nobody else writes, until killed."""
    number = 100
    while True:
        write_predictions(Warehouse(home), number, number, float(number))
        number += 1
        ready.set()


def test_four_writers_on_two_machines_lose_nothing(machines):
    done, seen, ready = SPAWN.Event(), SPAWN.Queue(), SPAWN.Event()
    reader = SPAWN.Process(target=read_on, args=(machines[1], done, seen))
    killed = SPAWN.Process(target=write_for_ever, args=(machines[1], ready))
    writers = [
        SPAWN.Process(target=write_days, args=(machines[k % 2], list(range(k, 24, 4))))
        for k in range(4)
    ]
    started = [reader, killed, *writers]
    try:
        for process in started:
            process.start()
        assert ready.wait(120)
        killed.kill()
        for writer in writers:
            writer.join(200)
            assert writer.exitcode == 0
        done.set()
        whole, looks = seen.get(timeout=60)
    finally:
        for process in started:
            process.kill()
            process.join()
    assert whole and looks > 0
    held = values_by_day(Warehouse(machines[0]))
    assert {when: held[when] for when in map(day, range(24))} == {
        day(number): float(number) for number in range(24)
    }
    assert held[day(100)] == 100.0
