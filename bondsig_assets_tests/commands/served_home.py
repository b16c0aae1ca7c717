"""`bondsig ui` on a home, with its real servers.

Belongs here: starting it, asking its servers, ending all of it. Not here: tests.
"""

from __future__ import annotations

import http.client
import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field

import psutil

from bondsig_assets.home import Home

BONDSIG = [sys.executable, "-c", "from bondsig_assets.commands.cli import main; main()"]


@dataclass
class Servers:
    """A process of `bondsig ui`, its ports (Dagster, MLflow, the report), and what it said."""

    home: Home
    process: subprocess.Popen[str]
    ports: tuple[int, int, int]
    said: list[str] = field(default_factory=list)

    def is_up(self) -> bool:
        """Whether all three answer."""
        paths = ("/server_info", "/health", "/healthz")
        return all(answers(port, path) for port, path in zip(self.ports, paths, strict=True))

    def started(self) -> list[psutil.Process]:
        """All processes below it."""
        return psutil.Process(self.process.pid).children(recursive=True)


def free_port() -> int:
    """A port that nobody has."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def ask(port: int, method: str, path: str, body: str | None = None, **headers: str):
    """Status and text of an answer; `host` and the like as they stand in a request."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    connection.putrequest(method, path, skip_host="host" in named)
    for name, value in named.items():
        connection.putheader(name, value)
    if body is not None:
        connection.putheader("content-type", "application/json")
        connection.putheader("content-length", str(len(body)))
    connection.endheaders(body.encode() if body is not None else None)
    answer = connection.getresponse()
    return answer.status, answer.read().decode(errors="replace")


def answers(port: int, path: str) -> bool:
    """Whether a server says that all is well."""
    try:
        return ask(port, "GET", path)[0] == 200
    except (OSError, http.client.HTTPException):
        return False


def wait_for(holds: Callable[[], bool], seconds: float = 180.0, every: float = 0.25) -> bool:
    """Whether something holds within some seconds."""
    until = time.monotonic() + seconds
    while not holds():
        if time.monotonic() > until:
            return False
        time.sleep(every)
    return True


@contextmanager
def serving(home: Home, **environment: str) -> Iterator[Servers]:
    """`bondsig ui` on `home`, once all its servers answer; ended by force."""
    ports = free_port(), free_port(), free_port()
    options = zip(("--port", "--mlflow-port", "--report-port"), ports, strict=True)
    process = subprocess.Popen(
        [*BONDSIG, "ui", *(str(word) for option in options for word in option)],
        env={**os.environ, "BONDSIG_HOME": str(home.path), **environment},
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    servers = Servers(home, process, ports)
    threading.Thread(target=_listen, args=(servers,), daemon=True).start()
    try:
        assert wait_for(lambda: process.poll() is not None or servers.is_up())
        assert process.poll() is None, servers.said
        yield servers
    finally:
        with suppress(psutil.NoSuchProcess):
            for one in [*servers.started(), process]:
                with suppress(psutil.NoSuchProcess, ProcessLookupError):
                    one.kill()
        process.wait()


def _listen(servers: Servers) -> None:
    assert servers.process.stdout is not None
    for line in servers.process.stdout:
        servers.said.append(line.rstrip("\n"))
