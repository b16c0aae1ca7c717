"""Servers of `bondsig ui` that are killed while a run is at work: nothing lost, nothing
half-written, no run that Dagster believes alive, and the next one starts.

`BONDSIG_KILLS` says how many kills there are (default 5): `BONDSIG_KILLS=150` for a night.
"""

from __future__ import annotations

import json
import os
import random
import shutil
import socket
import subprocess
import time
from collections import Counter
from datetime import date
from functools import partial
from pathlib import Path

import psutil
import pytest

from bondsig_assets.home import Home
from bondsig_assets.orchestration.runner import open_instance
from bondsig_assets.warehouse import Warehouse
from bondsig_assets_tests.commands.served_home import (
    BONDSIG,
    Servers,
    ask,
    free_port,
    serving,
    wait_for,
)
from bondsig_assets_tests.graph.homes import make_home, run

pytestmark = pytest.mark.services

_FIRST, _LAST = "2022-07-01", "2022-07-08"
_ASSETS = ("trace_reports", "equity_prices", "cds_quotes", "trade_events")
_TABLES = (*_ASSETS, "quarantined_rows")
_LAUNCH = """mutation($params: ExecutionParams!) { launchRun(executionParams: $params) {
 __typename ... on LaunchRunSuccess { run { runId } } ... on PythonError { message } } }"""
#: Kind of process → what its command line has.
_KINDS = {
    "daemon": ("dagster._daemon",),
    "code": ("dagster", "api", "grpc"),
    "web": ("bondsig_assets.orchestration.webserver",),
    "mlflow": ("mlflow", "server"),
    "report": ("bondsig_assets.orchestration.report_server",),
}


def of_kind(servers: Servers, kind: str, *, held: bool = True) -> list[psutil.Process]:
    """Processes of a kind that run now; those that hold them (`tether.py`) where not `held`."""
    found = []
    for one in servers.started():
        try:
            words = one.cmdline()
        except psutil.Error:
            continue
        holds = "bondsig_assets.orchestration.tether" in words
        if set(_KINDS[kind]) <= set(words) and holds != held:
            found.append(one)
    return found


def launch(servers: Servers) -> str:
    """Ask for the days as the UI does; the run's id, empty while nobody answers."""
    tags = {
        "dagster/asset_partition_range_start": _FIRST,
        "dagster/asset_partition_range_end": _LAST,
    }
    params = {
        "selector": {
            "repositoryLocationName": "bondsig_assets.definitions",
            "repositoryName": "__repository__",
            "jobName": "daily",
            "assetSelection": [{"path": [name]} for name in _ASSETS],
            "assetCheckSelection": [],
        },
        "mode": "default",
        "runConfigData": {},
        "executionMetadata": {"tags": [{"key": k, "value": v} for k, v in tags.items()]},
    }
    body = json.dumps({"query": _LAUNCH, "variables": {"params": params}})
    try:
        status, said = ask(servers.ports[0], "POST", "/graphql", body)
    except OSError:
        return ""
    answer = json.loads(said) if status == 200 else {}
    done = (answer.get("data") or {}).get("launchRun") or {}
    return done["run"]["runId"] if done.get("__typename") == "LaunchRunSuccess" else ""


def unfinished(home: Home) -> list[str]:
    """States of runs that are not finished; one that was noted and never queued holds nothing."""
    with open_instance(home) as instance:
        runs = [one.status.value for one in instance.get_runs() if not one.is_finished]
    return [state for state in runs if state != "NOT_STARTED"]


def state_of(home: Home, run_id: str) -> str:
    with open_instance(home) as instance:
        found = instance.get_run_by_id(run_id)
    assert found is not None
    return found.status.value


def contents(home: Home) -> dict[str, bytes]:
    """Rows of each table, in order, as bytes."""
    warehouse = Warehouse(home.path)
    with warehouse.on_snapshot():
        return {name: warehouse.read_table(name).write_csv().encode() for name in _TABLES}


def half_written(home: Home, untouched: dict[str, bytes]) -> int:
    """Tables that are neither empty nor whole."""
    if not (home.path / "lake" / "installed").exists():
        return 0
    found = contents(home)
    empty = {name: rows[: rows.index(b"\n") + 1] for name, rows in untouched.items()}
    return sum(rows not in (untouched[name], empty[name]) for name, rows in found.items())


def finished(servers: Servers) -> str:
    """Launch until somebody takes it, and wait for the end; its state."""
    ids: list[str] = []
    assert wait_for(lambda: bool(ids.append(launch(servers)) or ids[-1]), 120)
    assert wait_for(lambda: state_of(servers.home, ids[-1]) in ("SUCCESS", "FAILURE", "CANCELED"))
    return state_of(servers.home, ids[-1])


@pytest.fixture(scope="module")
def made(tmp_path_factory) -> Home:
    """A home with the days, made without a kill."""
    home = make_home(tmp_path_factory.mktemp("made") / "home")
    chosen = " or ".join(f"key:{name}" for name in _ASSETS)
    run(home, end=date.fromisoformat(_LAST), select=chosen)
    return home


def test_kills_of_every_server_while_runs_are_at_work_lose_nothing(tmp_path, made):
    kills, seed = int(os.environ.get("BONDSIG_KILLS", "5")), random.Random(20)
    untouched, home = contents(made), make_home(tmp_path / "home")
    alerts, killed = tmp_path / "alerts.jsonl", Counter[str]()
    began, wrong, launched, back = time.monotonic(), 0, 0, 0.0
    order = [kind for _ in range(kills) for kind in seed.sample(list(_KINDS), len(_KINDS))][:kills]
    with serving(home, BONDSIG_ALERT_FILE=str(alerts)) as servers:
        for kind in order:
            if not unfinished(home):
                launched += bool(launch(servers))
            time.sleep(seed.uniform(0.0, 8.0))
            victim = seed.choice(of_kind(servers, kind, held=seed.random() < 0.8 or kind == "code"))
            before = {one.pid for one in of_kind(servers, kind)}
            victim.kill()
            killed[kind] += 1
            at = time.monotonic()
            replaced = partial(is_replaced, servers, kind, before, 1 if kind == "code" else 0)
            assert wait_for(replaced), servers.said
            back = max(back, time.monotonic() - at)
            wrong += half_written(home, untouched)
        assert wait_for(lambda: not unfinished(home), 300), unfinished(home)
        assert finished(servers) == "SUCCESS"
        assert contents(home) == untouched and wrong == 0
        said = [line for line in servers.said if "; started again in " in line]
        told = alerts.read_text() if alerts.exists() else ""
        stray = [
            one.cmdline() for one in psutil.process_iter() if one.ppid() == 1 and of(one, home)
        ]
    own = sum(killed.values()) - killed["code"]
    assert len(said) == own and "server_died" in told and stray == []
    print(
        f"\n{sum(killed.values())} kills ({', '.join(f'{n} {k}' for k, n in killed.items())}) with"
        f" {launched} runs launched meanwhile: 0 tables half-written, all as without a kill, no run"
        f" left alive, the next one a success; back within {back:.0f} s,"
        f" {time.monotonic() - began:.0f} s in all"
    )


def is_replaced(servers: Servers, kind: str, before: set[int], others: int) -> bool:
    """Whether another runs in its place beside `others` of its kind, and all servers answer."""
    now = {one.pid for one in of_kind(servers, kind)}
    return len(now) > others and bool(now - before) and servers.is_up()


def of(process: psutil.Process, home: Home) -> bool:
    """Whether a process belongs to a home."""
    try:
        return process.environ().get("BONDSIG_HOME") == str(home.path)
    except psutil.Error:
        return False


def test_a_server_that_never_stays_ends_them_all_in_one_line(tmp_path):
    home = make_home(tmp_path / "home")
    alerts = tmp_path / "alerts.jsonl"
    with serving(home, BONDSIG_ALERT_FILE=str(alerts)) as servers:
        started, (report,) = servers.started(), of_kind(servers, "report")
        with socket.socket() as thief:
            thief.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            report.kill()
            report.wait(10)
            thief.bind(("127.0.0.1", servers.ports[2]))
            thief.listen()
            assert servers.process.wait(300) == 1
        _, alive = psutil.wait_procs(started, timeout=30)
        assert not alive
    deaths = [line for line in servers.said if line.startswith("report ")]
    assert deaths[0] == "report was killed by signal 9; started again in 1 s"
    assert len(deaths) == 5 and "given up after 5 deaths" in deaths[-1]
    told = [json.loads(line)["text"] for line in alerts.read_text().splitlines()]
    died = [text for text in told if "server_died" in text]
    assert len(died) == 2 and "given up" in died[1]


def test_one_home_has_one_ui_and_when_it_is_moved_nothing_is_made_in_its_place(tmp_path):
    home, elsewhere = make_home(tmp_path / "home"), tmp_path / "elsewhere"
    with serving(home) as servers:
        port = ["--port", str(free_port()), "--mlflow-port", str(free_port())]
        second = subprocess.run(
            [*BONDSIG, "ui", *port, "--report-port", str(free_port())],
            env={**os.environ, "BONDSIG_HOME": str(home.path)},
            capture_output=True,
            text=True,
            timeout=120,
        )
        assert second.returncode == 1 and len(second.stderr.splitlines()) == 1
        assert f"serves {home.path} already" in second.stderr
        started = servers.started()
        shutil.move(home.path, elsewhere)
        assert servers.process.wait(60) == 1
        _, alive = psutil.wait_procs(started, timeout=10)
        assert not alive and not home.path.exists()
    assert Home(elsewhere).market() is not None and Path(elsewhere, "dagster").exists()
