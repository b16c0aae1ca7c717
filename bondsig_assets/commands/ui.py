"""`bondsig ui`: Dagster's web server and daemon, MLflow, and the report, on this machine only.

Belongs here: starting and stopping servers. Not here: what they show, who may ask them
(`orchestration/guard.py`), and how they end with us (`orchestration/tether.py`).
"""

from __future__ import annotations

import os
import signal
import socket
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import dagster as dg

from bondsig_assets import logs
from bondsig_assets.errors import UserError
from bondsig_assets.home import Home
from bondsig_assets.learning.settings import load_settings
from bondsig_assets.orchestration.dead_runs import end_dead_runs
from bondsig_assets.orchestration.guard import LOOPBACK
from bondsig_assets.orchestration.runner import open_instance
from bondsig_assets.orchestration.tether import Tethered
from bondsig_assets.resources.moved_home import follow_move

#: Seconds between two looks for runs whose process is gone.
_LOOK_SECONDS = 20.0


def serve(
    home: Home,
    host: str,
    port: int,
    mlflow_port: int,
    report_port: int,
    allowed_hosts: str = "",
) -> None:
    """Run the servers until interrupted; when one ends, the others are stopped too.

    `allowed_hosts`: names with commas that the servers answer to besides this machine's own.
    """
    if home.market() is None:
        raise UserError(f"{home.path} holds no market yet: `make run` or `bondsig run` makes one")
    ports = {"--port": port, "--mlflow-port": mlflow_port, "--report-port": report_port}
    _require_free(host, ports)
    home.prepare_dagster()
    home.mlflow_artifacts.mkdir(parents=True, exist_ok=True)
    follow_move(home)
    # A terminal that is closed ends us as Ctrl-C does.
    signal.signal(signal.SIGHUP, signal.default_int_handler)
    subprocess.run(
        [sys.executable, "-m", "dagster", "instance", "migrate"],
        check=True,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    with open_instance(home) as instance:
        _say_ended(instance)
        servers = [
            Tethered(name, command, home.path, _environment(host, port), _listener())
            for name, command in _commands(home, host, ports, allowed_hosts).items()
        ]
        _say(
            f"Report   http://{host}:{report_port}\nDagster  http://{host}:{port}\n"
            f"MLflow   http://{host}:{mlflow_port}{_experiment(home)}\nCtrl-C stops all of them."
        )
        try:
            _watch(instance, servers)
        except KeyboardInterrupt:
            pass
        finally:
            for server in servers:
                server.release()
            for server in servers:
                server.wait()


def _experiment(home: Home) -> str:
    """Where MLflow's pages show the trainings of a home; empty where there are none yet. Read off
    its database: importing MLflow takes seconds.
    """
    if not home.mlflow_database.exists():
        return ""
    study = load_settings(home.learning_file).study
    try:
        with closing(
            sqlite3.connect(f"file:{home.mlflow_database}?mode=ro", uri=True)
        ) as connection:
            found = connection.execute(
                "SELECT experiment_id FROM experiments WHERE name = ?", [study]
            ).fetchone()
    except sqlite3.Error:
        return ""
    return f"/#/experiments/{found[0]}/runs" if found else ""


def _require_free(host: str, ports: dict[str, int]) -> None:
    options = list(ports)
    for k, option in enumerate(options):
        for other in options[k + 1 :]:
            if ports[option] == ports[other]:
                raise UserError(f"{option} and {other} are both {ports[option]}; they must differ")
    for option, number in ports.items():
        if not 0 < number < 65536:
            raise UserError(f"{number} is no port; ports are 1 to 65535")
        if _taken(host, number):
            raise UserError(f"port {number} on {host} is taken; choose another with {option}")


def _taken(host: str, port: int) -> bool:
    with socket.socket() as probe:
        try:
            return probe.connect_ex((host, port)) == 0
        except OSError as error:
            raise UserError(f"--host {host}: {error.strerror or error}") from error


def _environment(host: str, port: int) -> dict[str, str]:
    name = f"[{host}]" if ":" in host else host
    return {
        # Where links in alerts lead, unless somebody knows a better name.
        "BONDSIG_UI_URL": f"http://{name}:{port}",
        **os.environ,
        "MLFLOW_DISABLE_TELEMETRY": "true",
        "DO_NOT_TRACK": "true",
        # Seven idle job consumers of 200 MB each otherwise.
        "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",
        # What libraries tell each other of their next versions would fill the first screen.
        "PYTHONWARNINGS": os.environ.get("PYTHONWARNINGS", "ignore::DeprecationWarning"),
    }


def _commands(
    home: Home, host: str, ports: dict[str, int], allowed_hosts: str
) -> dict[str, list[str | Path]]:
    graph = ("-m", "bondsig_assets.definitions")
    form = ("--log-format", "json") if logs.is_json() else ()
    named = [name.strip() for name in allowed_hosts.split(",") if name.strip()]
    names = [f"[{name}]" if ":" in name else name for name in (*LOOPBACK, host, *named)]
    # MLflow compares the whole header, port included; in its patterns [ opens a set.
    patterns = [name.replace("[", "[[]", 1) + ":*" for name in names]
    return {
        "dagster-webserver": [
            *(sys.executable, "-m", "bondsig_assets.orchestration.webserver"),
            *(*graph, "-h", host, "-p", str(ports["--port"]), "--allowed-hosts", ",".join(named)),
            *form,
        ],
        "dagster-daemon": [sys.executable, "-m", "dagster._daemon", "run", *graph, *form],
        "mlflow": [
            *(sys.executable, "-m", "mlflow", "server"),
            *("--backend-store-uri", home.mlflow_uri),
            *("--artifacts-destination", home.mlflow_artifacts.as_uri(), "--serve-artifacts"),
            *("--host", host, "--port", str(ports["--mlflow-port"]), "--workers", "1"),
            *("--allowed-hosts", ",".join([*names, *patterns])),
        ],
        "report": [
            *(sys.executable, "-m", "bondsig_assets.orchestration.report_server"),
            *(home.report, "--host", host, "--port", str(ports["--report-port"])),
            *("--allowed-hosts", ",".join(named)),
        ],
    }


def _watch(instance: dg.DagsterInstance, servers: list[Tethered]) -> None:
    """Until a server ends by itself, which is told: end dead runs as they are found."""
    looked = time.monotonic()
    while True:
        for server in servers:
            if (status := server.status()) is not None:
                raise UserError(
                    f"{server.name} ended by itself with status {status}; its own messages stand"
                    " above"
                )
        if time.monotonic() - looked > _LOOK_SECONDS:
            _say_ended(instance)
            looked = time.monotonic()
        time.sleep(0.5)


def _say_ended(instance: dg.DagsterInstance) -> None:
    for run in end_dead_runs(instance):
        _say(f"ended {run}: it was killed, or the machine restarted")


def _say(text: str) -> None:
    """Print lines, for people or for machines."""
    sys.stdout.write(
        "".join(f"{logs.line(one) if logs.is_json() else one}\n" for one in text.splitlines())
    )
    sys.stdout.flush()


def _listener() -> Callable[[str], object] | None:
    """Who takes the lines of a server: for machines our own standard output."""
    if not logs.is_json():
        return None
    lock = threading.Lock()

    def write(text: str) -> None:
        # One write, so that lines of several servers do not mix.
        with lock:
            os.write(sys.stdout.fileno(), text.encode())

    return write
