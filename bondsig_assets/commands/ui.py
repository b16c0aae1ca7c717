"""`bondsig ui`: Dagster's web server and daemon, MLflow, and the report, on this machine only.

Belongs here: which servers run, and watching them. Not here: what they show, who may ask them
(`orchestration/guard.py`), when one that died is started again (`orchestration/keeper.py`), and how
they end with us (`orchestration/tether.py`).
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
from functools import partial
from pathlib import Path

import dagster as dg

from bondsig_assets import logs
from bondsig_assets.alerts.events import server_died
from bondsig_assets.alerts.notify import notify
from bondsig_assets.errors import UserError
from bondsig_assets.home import Home
from bondsig_assets.learning.settings import load_settings
from bondsig_assets.orchestration.dead_runs import end_dead_runs
from bondsig_assets.orchestration.guard import LOOPBACK
from bondsig_assets.orchestration.keeper import Death, Keeper
from bondsig_assets.orchestration.runner import open_instance
from bondsig_assets.orchestration.served import code_changed_at, only_servers, served_since
from bondsig_assets.orchestration.tether import Tethered
from bondsig_assets.resources.moved_home import follow_move
from bondsig_assets.resources.tracking import TRAINING_PAGES

#: Seconds between two looks for runs whose process is gone, and for code that is younger than we.
_LOOK_SECONDS = 20.0
#: Seconds between two looks for servers that are gone, and whether the home is still there.
_STEP_SECONDS = 0.25
#: Seconds before the same server's death is told to a target again.
_TOLD_SECONDS = 3600.0


def serve(
    home: Home,
    host: str,
    port: int,
    mlflow_port: int,
    report_port: int,
    allowed_hosts: str = "",
) -> None:
    """Run the servers until interrupted. One that dies is started again; all are ended when one
    does not stay, or the home is moved away.

    `allowed_hosts`: names with commas that the servers answer to besides this machine's own. Raises
    UserError.
    """
    if home.market() is None:
        raise UserError(f"{home.path} holds no market yet: `make run` or `bondsig run` makes one")
    ports = {"--port": port, "--mlflow-port": mlflow_port, "--report-port": report_port}
    home.prepare_dagster()
    with only_servers(home):
        _require_free(host, ports)
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
        environment, listener = _environment(host, port), _listener()
        starts = {
            name: partial(Tethered, name, command, home.path, environment, listener)
            for name, command in _commands(home, host, ports, allowed_hosts).items()
        }
        with open_instance(home) as instance:
            _say_ended(instance)
            keeper = Keeper(starts)
            _say(
                f"Report   http://{host}:{report_port}\nDagster  http://{host}:{port}\n"
                f"MLflow   http://{host}:{mlflow_port}{_experiment(home)}\n"
                "Ctrl-C stops all of them."
            )
            try:
                _watch(home, instance, keeper)
            except KeyboardInterrupt:
                pass
            finally:
                keeper.end()


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
    return f"/#/experiments/{found[0]}/runs?{TRAINING_PAGES}" if found else ""


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


def _watch(home: Home, instance: dg.DagsterInstance, keeper: Keeper) -> None:
    """Keep servers up, and end dead runs as they are found. Raises UserError once a server does not
    stay, or the home is not where it was.
    """
    folder, looked = home.path.stat().st_ino, time.monotonic()
    told: dict[str, float] = {}
    is_old = False
    while True:
        if not _is_there(home, folder):
            # Nothing may be written at a place that is somebody else's now.
            keeper.end(at_once=True)
            raise UserError(
                f"{home.path} was moved or deleted, so its servers were ended: `bondsig ui` with"
                " BONDSIG_HOME where it is now"
            )
        for death in keeper.look():
            _say(str(death))
            _tell(home, death, told)
            if death.wait is None:
                raise UserError(f"{death}; its own messages stand above")
        if time.monotonic() - looked > _LOOK_SECONDS:
            _say_ended(instance)
            is_old = is_old or _say_if_old(home)
            looked = time.monotonic()
        time.sleep(_STEP_SECONDS)


def _is_there(home: Home, folder: int) -> bool:
    try:
        return home.path.stat().st_ino == folder and home.market_file.exists()
    except OSError:
        return False


def _tell(home: Home, death: Death, told: dict[str, float]) -> None:
    """Alert of a death, unless that of the same server was told within the hour and it goes on."""
    now, before = time.monotonic(), told.get(death.name)
    if death.wait is None or before is None or now - before > _TOLD_SECONDS:
        told[death.name] = now
        notify(server_died(str(death), is_given_up=death.wait is None), home=str(home.path))


def _say_if_old(home: Home) -> bool:
    """Say it once when another bondsig was installed: these servers are of the one before."""
    since = served_since(home)
    if since is None or code_changed_at() <= since:
        return False
    _say("bondsig was changed after these servers began: start `bondsig ui` again to have it all")
    return True


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
