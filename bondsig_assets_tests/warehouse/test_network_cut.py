"""A writer on another machine whose network is cut: a short cut is waited for, a long one ends in
one line, and the lock it held does not outlive it by more than its line is waited for.

The other machine is a network namespace, the line a pair of virtual interfaces that is taken down;
both need root and Linux.
"""

# A test's name says what it shows.
# ruff: noqa: D103

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import threading
import time
from contextlib import suppress
from pathlib import Path

import pytest

from bondsig_assets.warehouse import Warehouse
from bondsig_assets_tests.sources.wrds_server import OWNER_PASSWORD
from bondsig_assets_tests.warehouse.frames import day, values_by_day, write_predictions

pytestmark = pytest.mark.services

_NAMESPACE, _HERE, _THERE = "bondsig-cut", "10.231.77.1", "10.231.77.2"
_WRITER = """
import sys
from pathlib import Path
from bondsig_assets.errors import WarehouseError
from bondsig_assets.warehouse import Warehouse
from bondsig_assets_tests.warehouse.frames import write_predictions
home, first, last = Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])
try:
    for number in range(first, last):
        write_predictions(Warehouse(home), number, number, float(number))
        print(number, flush=True)
except WarehouseError as error:
    print(error, file=sys.stderr)
    sys.exit(3)
"""


def ip(*arguments: str) -> None:
    subprocess.run(["ip", *arguments], check=True, capture_output=True)


class Line:
    """The line to another machine, and a door there to the server's socket."""

    def __init__(self, socket_file: Path) -> None:
        ip("netns", "add", _NAMESPACE)
        ip("link", "add", "bondsig0", "type", "veth", "peer", "name", "bondsig1")
        ip("link", "set", "bondsig1", "netns", _NAMESPACE)
        ip("addr", "add", f"{_HERE}/30", "dev", "bondsig0")
        ip("-n", _NAMESPACE, "addr", "add", f"{_THERE}/30", "dev", "bondsig1")
        ip("-n", _NAMESPACE, "link", "set", "bondsig1", "up")
        self.mend()
        self._socket_file = socket_file
        self._door = socket.create_server((_HERE, 0))
        self.port = self._door.getsockname()[1]
        threading.Thread(target=self._open, daemon=True).start()

    def cut(self) -> None:
        """From now on nothing gets through, and nobody is told."""
        ip("link", "set", "bondsig0", "down")

    def mend(self) -> None:
        """All is as before."""
        ip("link", "set", "bondsig0", "up")

    def close(self) -> None:
        """Take it away."""
        self._door.close()
        ip("netns", "del", _NAMESPACE)

    def _open(self) -> None:
        with suppress(OSError):
            while True:
                outside, _ = self._door.accept()
                # As PostgreSQL does with an address that asks for it: who is silent is gone.
                for name, value in (("KEEPIDLE", 2), ("KEEPINTVL", 2), ("KEEPCNT", 4)):
                    outside.setsockopt(socket.IPPROTO_TCP, getattr(socket, f"TCP_{name}"), value)
                outside.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
                outside.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, 10_000)
                inside = socket.socket(socket.AF_UNIX)
                inside.connect(str(self._socket_file))
                for source, target in ((outside, inside), (inside, outside)):
                    threading.Thread(target=_carry, args=[source, target], daemon=True).start()


def _carry(source: socket.socket, target: socket.socket) -> None:
    with suppress(OSError):
        while told := source.recv(65536):
            target.sendall(told)
    for one in (source, target):
        with suppress(OSError):
            one.shutdown(socket.SHUT_RDWR)


@pytest.fixture
def line(server):
    if shutil.which("ip") is None or os.geteuid() != 0:
        pytest.skip("needs root and ip(8)")
    try:
        made = Line(server.folder / ".s.PGSQL.5432")
    except subprocess.CalledProcessError as error:
        with suppress(subprocess.CalledProcessError):
            ip("netns", "del", _NAMESPACE)
        pytest.skip(f"no network namespaces: {error.stderr.decode().strip()}")
    yield made
    made.close()


@pytest.fixture
def there(shared: Warehouse, line: Line, tmp_path):
    """Starts a writer of some days on the other machine."""
    database = shared._lake.catalog.split("dbname=")[1].split()[0]
    patience = "keepalives_idle=2 keepalives_interval=2 keepalives_count=4 tcp_user_timeout=10000"

    def start(first: int, last: int) -> subprocess.Popen[str]:
        environment = {
            **os.environ,
            "PGPASSWORD": OWNER_PASSWORD,
            "BONDSIG_CATALOG": f"postgres:dbname={database} host={_HERE} port={line.port}"
            f" user=owner {patience}",
            "BONDSIG_STORAGE": str(shared._lake.storage),
        }
        command = ["ip", "netns", "exec", _NAMESPACE, sys.executable, "-c", _WRITER]
        return subprocess.Popen(
            [*command, str(tmp_path / "there"), str(first), str(last)],
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    return start


def test_a_short_cut_is_waited_for(shared, line, there):
    writer = there(0, 25)
    assert writer.stdout.readline() == "0\n"
    for _ in range(3):
        line.cut()
        time.sleep(1.5)
        line.mend()
        time.sleep(4)
    said, wrong = writer.communicate(timeout=120)
    assert writer.returncode == 0, wrong
    assert said.split() == [str(number) for number in range(1, 25)]
    assert values_by_day(shared) == {day(number): float(number) for number in range(25)}


def test_a_cut_for_good_ends_in_one_line_and_lets_go_of_the_lock(shared, line, there):
    writer = there(0, 100_000)
    assert writer.stdout.readline() == "0\n"
    line.cut()
    began = time.monotonic()
    # Another writer, whose line holds: it waits for the lock of the lost one, and not for ever.
    write_predictions(shared, 5000, 5000, 7.0)
    waited = time.monotonic() - began
    _, wrong = writer.communicate(timeout=120)
    line.mend()
    assert writer.returncode == 3, wrong
    assert len(wrong.strip().splitlines()) == 1 and OWNER_PASSWORD not in wrong
    assert waited < 60
    held = shared.read("SELECT count(*) AS n FROM predictions GROUP BY trade_date")["n"]
    assert set(held) == {3}, "a day is there whole or not at all"
