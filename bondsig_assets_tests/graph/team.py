"""A team's whole topology for tests: `bondsig serve`, and people who ask it.

Belongs here: starting, asking, finding processes. Not here: what is asserted of them.
"""

from __future__ import annotations

import base64
import http.client
import json
import os
import random
import shutil
import socket
import ssl
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from contextlib import closing, suppress
from pathlib import Path

import psutil

from bondsig_assets.home import Home
from bondsig_assets.serving.health import trouble
from bondsig_assets.serving.place import Place, running

BONDSIG = [sys.executable, "-c", "from bondsig_assets.commands.cli import main; main()"]
#: Seconds for anything that takes seconds, on a machine that does much else.
PATIENCE = 240.0
_LAUNCH = """mutation($job: String!, $tags: [ExecutionTag!]) {
  launchRun(executionParams: {mode: "default", runConfigData: {},
    selector: {repositoryLocationName: "bondsig_assets.definitions",
               repositoryName: "__repository__", jobName: $job},
    executionMetadata: {tags: $tags}}) {
    __typename ... on LaunchRunSuccess { run { runId } } ... on PythonError { message } } }"""
_STATUS = """query($id: ID!) { runOrError(runId: $id) { ... on Run { status } } }"""


class Team:
    """A running `bondsig serve` with a home of its own."""

    def __init__(self, workers: int = 0, **variables: str) -> None:
        # Short, because of its sockets, and open, because PostgreSQL is never root.
        self.folder = Path(tempfile.mkdtemp(prefix="team-"))
        self.folder.chmod(0o755)
        self.home, self.port = Home(self.folder / "home"), free_port()
        self.said: list[str] = []
        self._variables, self._workers = variables, workers
        self.start()

    def start(self) -> None:
        """Start it, and wait until it says where its pages are."""
        self.process = subprocess.Popen(
            [*BONDSIG, "serve", "--port", str(self.port), "--workers", str(self._workers)],
            env=self.environment(),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )
        threading.Thread(target=self._listen, args=[self.process.stdout], daemon=True).start()
        self.until(lambda: any(line.startswith("https://") for line in self.said))

    def _listen(self, lines) -> None:
        self.said.extend(iter(lines.readline, ""))

    def environment(self) -> dict[str, str]:
        """Of `bondsig serve` and of every command."""
        told = {**os.environ, "BONDSIG_HOME": str(self.home.path), "BONDSIG_THREADS": "1"}
        return told | self._variables

    @property
    def place(self) -> Place:
        """Where its services are."""
        return running(self.home)

    def until(self, done: Callable[[], object], patience: float = PATIENCE) -> None:
        """Wait until `done`; fails once nobody is there to do it, or after `patience` seconds."""
        end = time.monotonic() + patience
        while not done():
            assert self.process.poll() is None, self.said
            assert time.monotonic() < end, self.said
            time.sleep(0.3)

    def well(self, name: str) -> bool:
        """Whether a service answers."""
        return not trouble(name, self.place)

    def pid(self, name: str) -> int | None:
        """Process of a service; None while there is none."""
        for holder in psutil.Process(self.process.pid).children():
            if holder.cmdline()[-2:] == ["service", name]:
                return next((one.pid for one in holder.children()), None)
        return None

    def listening(self) -> dict[str, set[tuple[str, int]]]:
        """Hosts and ports that each service listens on."""
        return {
            holder.cmdline()[-1]: {
                (held.laddr.ip, held.laddr.port)
                for one in holder.children(recursive=True)
                for held in one.net_connections("inet")
                if held.status == psutil.CONN_LISTEN
            }
            for holder in psutil.Process(self.process.pid).children()
        }

    def within(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """`bondsig within …`."""
        return self.begin(*arguments).finish()

    def begin(self, *arguments: str) -> Begun:
        """The same, at work."""
        return Begun(
            subprocess.Popen(
                [*BONDSIG, "within", *arguments],
                env=self.environment(),
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                text=True,
            )
        )

    def ask(
        self, path: str, who: str = "", method: str = "GET", body: str | None = None, **headers: str
    ) -> tuple[int, str]:
        """Status and text of the proxy's answer to `who`, or to nobody."""
        context = ssl.create_default_context()
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        if who:
            password = (self.home.path / "secrets" / f"login_{who}").read_text().strip()
            login = base64.b64encode(f"{who}:{password}".encode()).decode()
            named["authorization"] = f"Basic {login}"
        if body is not None:
            named["content-type"] = "application/json"
        with closing(
            http.client.HTTPSConnection("127.0.0.1", self.port, timeout=60, context=context)
        ) as connection:
            connection.request(method, path, body, named)
            answer = connection.getresponse()
            return answer.status, answer.read().decode(errors="replace")

    def graphql(self, who: str, query: str, **variables: object) -> tuple[int, dict]:
        """Status and answer of Dagster's GraphQL."""
        body = json.dumps({"query": query, "variables": variables})
        status, text = self.ask("/dagster/graphql", who, "POST", body)
        return status, json.loads(text) if status == 200 else {}

    def launch(self, who: str, first: str, last: str) -> dict:
        """What is answered to the wish to make the days `first` … `last`."""
        tags = [
            {"key": "dagster/asset_partition_range_start", "value": first},
            {"key": "dagster/asset_partition_range_end", "value": last},
        ]
        status, told = self.graphql(who, _LAUNCH, job="daily", tags=tags)
        return told["data"]["launchRun"] if status == 200 else {"__typename": f"status {status}"}

    def status(self, run: str) -> str:
        """How a run is; empty while nobody answers."""
        try:
            status, told = self.graphql("operator", _STATUS, id=run)
        except (OSError, http.client.HTTPException):
            return ""
        return told["data"]["runOrError"]["status"] if status == 200 else ""

    def stop(self) -> None:
        """End it and forget its home."""
        started = [psutil.Process(self.process.pid)] if self.process.poll() is None else []
        started += started[0].children(recursive=True) if started else []
        self.process.terminate()
        try:
            self.process.wait(60)
        except subprocess.TimeoutExpired:
            for one in started:
                with suppress(psutil.NoSuchProcess):
                    one.kill()
        shutil.rmtree(self.folder, ignore_errors=True)


class Begun:
    """A command at work."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process

    def finish(self) -> subprocess.CompletedProcess[str]:
        """Wait for its end."""
        said, wrong = self._process.communicate(timeout=3000)
        return subprocess.CompletedProcess([], self._process.returncode, said, wrong)


def free_port() -> int:
    """A port below those that the kernel gives to connections."""
    while True:
        port = random.randrange(30000, 32000)
        with closing(socket.socket()) as probe:
            if probe.connect_ex(("127.0.0.1", port)):
                return port
