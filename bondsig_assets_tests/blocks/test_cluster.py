"""A scheduler and three workers here: what is equal, what is survived, what is refused."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from datetime import date
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import dagster as dg
import polars as pl
import psutil
import pytest
from polars.testing import assert_frame_equal

from bondsig_assets.assets.clean import analytics_between
from bondsig_assets.assets.common import made_anywhere
from bondsig_assets.blocks import Workers, cluster, map_blocks
from bondsig_assets.blocks.settings import at_address
from bondsig_assets.bonds.known_terms import Reference
from bondsig_assets.calendar import trading_days
from bondsig_assets.commands.worker import worker_arguments
from bondsig_assets.errors import FoldError, WorkersError
from bondsig_assets.learning.settings import TuningSettings
from bondsig_assets.learning.training import train_folds
from bondsig_assets.learning.tuning import tuner
from bondsig_assets.serving.certificates import issue
from bondsig_assets.tables.clean import BOND_DAY_REVISIONS
from bondsig_assets.tables.raw import BONDS
from bondsig_assets.warehouse import Warehouse, Write
from bondsig_assets_tests.blocks.work import called, chores
from bondsig_assets_tests.bonds.test_analytics import YIELDS, bond, frame, revision
from bondsig_assets_tests.learning.days import FOLDS, SETTINGS, long_dataset
from bondsig_assets_tests.learning.test_training import bits

pytestmark = pytest.mark.services

ROOT = Path(__file__).parents[2]


@contextmanager
def running(arguments: list[str], folder: Path, **variables: str) -> Iterator[subprocess.Popen]:
    """A process that ends with the block."""
    path = os.pathsep.join([variables.pop("ahead_on_path", ""), str(ROOT)]).strip(os.pathsep)
    with (folder / "said").open("ab") as said:
        process = subprocess.Popen(
            arguments,
            # Where Python looks first, which must not be what `setup` leaves in the repository.
            cwd=folder,
            env={**os.environ, "PYTHONPATH": path, "DASK_TEMPORARY_DIRECTORY": str(folder)}
            | variables,
            stdout=said,
            stderr=said,
        )
    try:
        yield process
    finally:
        process.terminate()
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


@contextmanager
def scheduler(
    folder: Path, *more: str, protocol: str = "tcp"
) -> Iterator[tuple[str, subprocess.Popen]]:
    """A scheduler on a free port."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    asked = ["scheduler", "--host", "127.0.0.1", "--port", str(port), "--no-dashboard", *more]
    asked += ["--dashboard-address", "127.0.0.1:0", "--protocol", protocol]
    with running([sys.executable, "-m", "dask", *asked], folder) as process:
        yield f"{protocol}://127.0.0.1:{port}", process


def worker(address: str) -> list[str]:
    """A worker as `bondsig worker` starts it."""
    return worker_arguments(address, "127.0.0.1", 1, "1GiB")


@pytest.fixture(scope="module")
def three(tmp_path_factory) -> Iterator[Workers]:
    """A scheduler and three workers; what one of them writes to is full."""
    folder = tmp_path_factory.mktemp("three")
    with ExitStack() as stack:
        address, _ = stack.enter_context(scheduler(folder))
        for out in ("/dev/full", "/dev/null", "/dev/null"):
            stack.enter_context(running(worker(address), folder, OUT_OF_A_TEST=out))
        told = Workers(address=address)
        with cluster.connected(told) as client:
            client.wait_for_workers(3, timeout=120)
        yield told


def found(told: Workers, *blocks: tuple[int, str, str]) -> Iterator[int]:
    """Results of chores, ten times their number."""
    return map_blocks(chores, blocks, 10, name=called, workers=told)


def test_results_come_in_order_though_the_first_is_the_slowest(three):
    blocks = [(0, "wait", ""), *((n, "", "") for n in range(1, 9))]
    assert list(found(three, *blocks)) == [10 * n for n in range(9)]


def test_training_is_the_same_to_the_last_bit_in_three_places(three):
    asked = replace(
        SETTINGS, models=("ridge", "lightgbm"), tuning=TuningSettings(trials=1, splits=1)
    )

    def trained(told: Workers) -> tuple[list, list]:
        tried: list = []
        folds = train_folds(
            *(long_dataset(), FOLDS[:2], asked.specifications(), asked, 2),
            *(tuner, tried.append, told),
        )
        return [(fold, [bits(model) for model in models]) for fold, models in folds], tried

    here = trained(Workers())
    assert len(here[1]) == 6 and [len(models) for _, models in here[0]] == [4, 4]
    assert trained(Workers(processes=2)) == here
    assert trained(three) == here


def test_analytics_are_the_same_to_the_last_bit_in_three_places(three, tmp_path, monkeypatch):
    days = trading_days(date(2024, 3, 5), date(2024, 3, 14))
    warehouse = Warehouse(tmp_path / "home")
    warehouse.initialize()
    rows = [revision(cusip, 90.0 + n, day) for n, day in enumerate(days) for cusip in "AB"]
    warehouse.replace(Write("bond_day_revisions", frame(BOND_DAY_REVISIONS, rows)))
    bonds = [bond("A"), bond("B", is_callable=True, first_call_date=date(2026, 6, 15))]
    reference = Reference(frame(BONDS, bonds), YIELDS)
    keys = SimpleNamespace(start=days[0].isoformat(), end=days[-1].isoformat())
    context: Any = SimpleNamespace(
        partition_key_range=keys, asset_key=dg.AssetKey("bond_analytics")
    )

    def made(told: str) -> list[tuple[date, date, pl.DataFrame]]:
        monkeypatch.setenv("BONDSIG_WORKERS", told)
        pieces = made_anywhere(context, warehouse, analytics_between, reference, days=3)
        return [(first, last, rows["bond_analytics"]) for first, last, rows in pieces]

    here = made("")
    assert [piece[2]["yield_pct"].is_not_null().sum() for piece in here] == [6, 6, 4]
    for told in ("2", three.address):
        for wanted, piece in zip(here, made(told), strict=True):
            assert piece[:2] == wanted[:2]
            assert_frame_equal(piece[2], wanted[2], check_exact=True)
    assert not list((tmp_path / "home/lake/files/staging").iterdir())


def test_a_worker_killed_in_the_middle_costs_its_block_alone(three, tmp_path):
    dead = str(tmp_path / "dead")
    blocks = [(0, "", ""), (1, "die_once", dead), *((n, "wait", "") for n in range(2, 8))]
    assert list(found(three, *blocks)) == [10 * n for n in range(8)]
    assert Path(dead).exists()


def test_a_block_that_fails_twice_is_named_and_others_are_not_done_again(three):
    blocks = found(three, (0, "", ""), (1, "fail", ""), (2, "", ""))
    assert next(blocks) == 0
    with pytest.raises(WorkersError) as raised:
        next(blocks)
    said = str(raised.value)
    assert said.startswith("chore 1 failed twice: on tcp://") and "\n" not in said
    first, second = (part.split(": ZeroDivisionError")[0] for part in said.split("on tcp://")[1:])
    assert first != second, "the second try is elsewhere"


def test_an_error_of_the_block_itself_is_raised_as_it_is(three):
    with pytest.raises(FoldError, match="^block 3 has too few days$"):
        list(found(three, (3, "fold", "")))


def test_a_full_disk_of_one_worker_is_another_workers_work(three, caplog):
    assert list(found(three, *((n, "write", "") for n in range(9)))) == [10 * n for n in range(9)]
    assert "No space left on device" in caplog.text


def test_a_worker_of_another_version_is_refused_in_one_line(three, tmp_path):
    older = tmp_path / "bondsig-0.0.9.dist-info"
    older.mkdir()
    (older / "METADATA").write_text("Metadata-Version: 2.1\nName: bondsig\nVersion: 0.0.9\n")
    with running(worker(three.address), tmp_path, ahead_on_path=str(tmp_path)):
        with cluster.connected(three) as client:
            client.wait_for_workers(4, timeout=120)
        with pytest.raises(WorkersError, match="is refused: it has bondsig 0.0.9 instead of"):
            list(found(three, (0, "", "")))


def test_a_lost_scheduler_ends_in_one_line(tmp_path):
    began = tmp_path / "began"
    with scheduler(tmp_path) as (address, process), running(worker(address), tmp_path):
        told = Workers(address=address)
        results = found(told, (0, "", ""), (1, "slow", str(began)))
        assert next(results) == 0
        while not began.exists():
            time.sleep(0.1)
        process.kill()
        with pytest.raises(WorkersError) as raised:
            next(results)
    assert str(raised.value) == (
        f"the Dask scheduler at {address} was lost while blocks were at work; start it and run"
        " again, what is finished is kept"
    )


def test_with_tls_only_the_authoritys_certificates_are_let_in_and_nobody_from_elsewhere(
    tmp_path, monkeypatch
):
    for name, file in certificates(tmp_path).items():
        monkeypatch.setenv(f"BONDSIG_WORKERS_{name}", str(file))
    files = [os.environ[f"BONDSIG_WORKERS_{name}"] for name in ("CA", "CERT", "KEY")]
    flags = [
        part
        for pair in zip(("--tls-ca-file", "--tls-cert", "--tls-key"), files, strict=True)
        for part in pair
    ]
    with (
        scheduler(tmp_path, *flags, protocol="tls") as (address, _),
        running(worker(address), tmp_path) as nanny,
    ):
        told = at_address(address)
        assert list(found(told, (1, "", ""), (2, "", ""))) == [10, 20]
        family = [psutil.Process(nanny.pid), *psutil.Process(nanny.pid).children(recursive=True)]
        heard = [one.laddr.ip for each in family for one in each.net_connections() if not one.raddr]
        assert len(heard) > 2 and set(heard) == {"127.0.0.1"}
        monkeypatch.setattr(cluster, "CONNECT_SECONDS", 3.0)
        other = tmp_path / "other"
        other.mkdir()
        foreign = Workers(address=address, tls=tuple(certificates(other).values()))
        with pytest.raises(WorkersError, match="no Dask scheduler answers"):
            list(found(foreign, (1, "", "")))


def certificates(folder: Path) -> dict[str, Path]:
    """An authority, and a certificate for this machine with its key, by the names of settings."""
    issued = issue("workers", ("127.0.0.1",))
    held = {"CA": issued.authority, "CERT": issued.certificate, "KEY": issued.key}
    for name, content in held.items():
        (folder / name).write_text(content)
    return {name: folder / name for name in held}


def test_nobody_there_is_one_line(monkeypatch):
    monkeypatch.setattr(cluster, "CONNECT_SECONDS", 1.0)
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        address = f"tcp://127.0.0.1:{probe.getsockname()[1]}"
        with pytest.raises(WorkersError, match=f"no Dask scheduler answers at {address}"):
            list(found(Workers(address=address), (0, "", "")))


def test_a_scheduler_without_workers_is_one_line(monkeypatch, tmp_path):
    monkeypatch.setattr(cluster, "WORKERS_SECONDS", 1.0)
    with (
        scheduler(tmp_path) as (address, _),
        pytest.raises(WorkersError, match="has no workers: start some with `bondsig worker"),
    ):
        list(found(Workers(address=address), (0, "", "")))
