"""A server on a lead ends with whoever started it, and takes along what it started itself."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from bondsig_assets.orchestration.tether import Tethered

pytestmark = pytest.mark.services

#: A server with a child of its own; both write their numbers.
_SERVER = """
import os, subprocess, sys, time
child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
open(sys.argv[1] + ".tmp", "w").write(f"{os.getpid()} {child.pid}")
os.rename(sys.argv[1] + ".tmp", sys.argv[1])
time.sleep(600)
"""
_PARENT = """
import os, sys, time
from pathlib import Path
from bondsig_assets.orchestration.tether import Tethered
lead = Tethered("server", [sys.executable, "-c", sys.argv[2], sys.argv[1]], Path.cwd(), os.environ)
time.sleep(600)
"""


def numbers(file: Path) -> list[int]:
    """Process numbers that a server wrote."""
    until = time.monotonic() + 30
    while not file.exists():
        assert time.monotonic() < until
        time.sleep(0.05)
    return [int(number) for number in file.read_text().split()]


def all_end(pids: list[int], seconds: float = 30) -> bool:
    """Whether all of the processes are gone within some seconds."""
    until = time.monotonic() + seconds
    while any(psutil.pid_exists(pid) for pid in pids):
        if time.monotonic() > until:
            return False
        time.sleep(0.05)
    return True


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGHUP])
def test_it_ends_when_its_parent_is_killed(tmp_path, how):
    file = tmp_path / "numbers"
    parent = subprocess.Popen([sys.executable, "-c", _PARENT, str(file), _SERVER])
    pids = numbers(file)
    assert all(psutil.pid_exists(pid) for pid in pids)
    parent.send_signal(how)
    parent.wait()
    assert all_end(pids)


def test_it_ends_when_it_is_released(tmp_path):
    file = tmp_path / "numbers"
    server = Tethered("s", [sys.executable, "-c", _SERVER, str(file)], tmp_path, os.environ)
    pids = numbers(file)
    assert server.status() is None
    server.release()
    server.wait()
    assert all_end([*pids, server.pid])


def test_its_own_end_and_status_are_told(tmp_path):
    server = Tethered("s", [sys.executable, "-c", "raise SystemExit(3)"], tmp_path, os.environ)
    server.wait()
    assert server.status() == 3
    server.release()


def test_one_that_does_not_listen_is_ended_by_force(tmp_path):
    file = tmp_path / "numbers"
    deaf = "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN)\n" + _SERVER
    server = Tethered("s", [sys.executable, "-c", deaf, str(file)], tmp_path, os.environ)
    pids = numbers(file)
    server.release()
    assert all_end(pids)
    server.wait()


def test_what_it_says_is_given_to_who_listens_as_objects(tmp_path):
    says = "import sys; print('up'); print('{\"event\": \"x\"}', file=sys.stderr, flush=True)"
    heard: list[str] = []
    command = [sys.executable, "-c", says]
    server = Tethered("server", command, tmp_path, os.environ, heard.append)
    until = time.monotonic() + 30
    while (server.status() is None or len(heard) < 2) and time.monotonic() < until:
        time.sleep(0.05)
    server.release()
    told = [json.loads(text) for text in heard]
    assert sorted(one["message"] for one in told) == ["up", "x"]
    assert {one["source"] for one in told} == {"server"}


def test_one_that_is_killed_leaves_nothing_and_says_by_which_signal(tmp_path):
    file = tmp_path / "numbers"
    server = Tethered("s", [sys.executable, "-c", _SERVER, str(file)], tmp_path, os.environ)
    pids = numbers(file)
    os.kill(pids[0], signal.SIGKILL)
    server.wait()
    assert server.status() == 128 + signal.SIGKILL and all_end(pids)
    server.release()


def test_what_a_killed_holder_leaves_is_cleared(tmp_path):
    file = tmp_path / "numbers"
    server = Tethered("s", [sys.executable, "-c", _SERVER, str(file)], tmp_path, os.environ)
    pids = numbers(file)
    os.kill(server.pid, signal.SIGKILL)
    server.wait()
    assert server.status() == -signal.SIGKILL and all(psutil.pid_exists(pid) for pid in pids)
    server.clear()
    assert all_end(pids)
