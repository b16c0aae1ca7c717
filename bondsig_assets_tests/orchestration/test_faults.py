"""Real processes that are ended in the middle: nothing lost, nothing half-written, no run that
Dagster believes alive, and whoever comes next goes on.

`BONDSIG_KILLS` says how many kills there are (default 6): `BONDSIG_KILLS=150` for a night.
"""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from bondsig_assets.home import Home
from bondsig_assets.orchestration.dead_runs import end_dead_runs
from bondsig_assets.orchestration.runner import open_instance
from bondsig_assets.warehouse import Warehouse
from bondsig_assets_tests.graph.homes import copy_home, make_home

pytestmark = pytest.mark.services

_BONDSIG = [sys.executable, "-c", "from bondsig_assets.commands.cli import main; main()"]
_DAYS = ("run", "--end", "2022-07-08", "--select", "+key:trade_events")
_TABLES = ("trace_reports", "equity_prices", "cds_quotes", "trade_events", "quarantined_rows")


def start(home: Home, *arguments: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [*_BONDSIG, *arguments],
        env={**os.environ, "BONDSIG_HOME": str(home.path)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def at_work(home: Home) -> subprocess.Popen[str]:
    """A run that has shown its first progress."""
    process = start(home, *_DAYS)
    assert process.stdout is not None
    for line in process.stdout:
        if "%" in line:
            break
    return process


def contents(home: Home) -> dict[str, bytes]:
    """Rows of each table, in order, as bytes: of runs that were killed and of one that was not."""
    warehouse = Warehouse(home.path)
    with warehouse.on_snapshot():
        frames = {name: warehouse.read_table(name) for name in _TABLES}
    return {name: frame.write_csv().encode() for name, frame in frames.items()}


@pytest.fixture(scope="module")
def untouched(tmp_path_factory) -> dict[str, bytes]:
    home = make_home(tmp_path_factory.mktemp("untouched") / "home")
    done = start(home, *_DAYS)
    _, said = done.communicate(timeout=600)
    assert done.returncode == 0, said
    return contents(home)


def statuses(home: Home) -> list[str]:
    with open_instance(home) as instance:
        return [run.status.value for run in instance.get_runs()]


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_ends_a_run_in_one_line_and_the_next_goes_on(tmp_path, untouched, how):
    home = make_home(tmp_path / "home")
    process = at_work(home)
    process.send_signal(how)
    _, said = process.communicate(timeout=300)
    assert process.returncode == 130
    # Click puts an empty line after the ^C of a terminal.
    assert (
        len(said.split("\n\n")[-1].strip().splitlines()) == 1
        and "run the same command again" in said
    ), said
    assert "STARTED" not in statuses(home)
    again = start(home, *_DAYS)
    assert again.wait(600) == 0
    assert contents(home) == untouched
    assert set(statuses(home)) <= {"SUCCESS", "FAILURE", "CANCELED"}


def test_kills_at_random_moments_lose_nothing(tmp_path, untouched):
    """Each kill is of a run over the same days, whose every table is made anew or not at all."""
    kills, seed = int(os.environ.get("BONDSIG_KILLS", "6")), random.Random(20)
    home = make_home(tmp_path / "home")
    began, killed, finished, wrong = time.monotonic(), 0, 0, 0
    while killed < kills:
        process = start(home, *_DAYS, "--again")
        assert process.stdout is not None
        # From the moment when it does something: before, there is nothing to break.
        for line in process.stdout:
            if line.startswith("days "):
                break
        try:
            process.wait(seed.uniform(0.0, 12.0))
            finished += 1
        except subprocess.TimeoutExpired:
            process.kill()
            killed += 1
        process.communicate()
        with open_instance(home) as instance:
            end_dead_runs(instance)
            alive = [one for one in instance.get_runs() if not one.is_finished]
        # A run that was noted and never began holds nothing (`catch_up.py`).
        wrong += any(one.status.value != "NOT_STARTED" for one in alive)
        if (home.path / "lake" / "installed").exists():
            held = Warehouse(home.path)
            with held.on_snapshot():
                for name in _TABLES:
                    rows = held.read_table(name).write_csv().encode()
                    wrong += rows not in (untouched[name], rows[: rows.index(b"\n") + 1])
    last = start(home, *_DAYS)
    _, said = last.communicate(timeout=600)
    assert last.returncode == 0, said
    assert contents(home) == untouched and wrong == 0
    print(
        f"\n{killed} kills of a run ({finished} ended before), {wrong} half-written or alive after,"
        f" tables of all days as without a kill, {time.monotonic() - began:.0f} s"
    )


def test_two_homes_on_one_port_are_told_in_one_line(tmp_path):
    import socket

    home = make_home(tmp_path / "home")
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = str(other.getsockname()[1])
        process = start(home, "ui", "--port", port)
        _, said = process.communicate(timeout=120)
    assert process.returncode == 1 and len(said.splitlines()) == 1 and port in said
    assert "--port" in said and not psutil.pid_exists(process.pid)


def test_a_run_that_died_is_ended_by_the_doctor_who_says_why(tmp_path):
    home = make_home(tmp_path / "home")
    process = at_work(home)
    process.kill()
    process.communicate()
    doctor = start(copy_home(home, Path(tmp_path / "copy")), "doctor")
    out, _ = doctor.communicate(timeout=300)
    assert "was killed, or the machine restarted" in out
