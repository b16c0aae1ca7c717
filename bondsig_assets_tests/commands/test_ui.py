"""`bondsig ui` with its real servers: whom they answer, and that none outlives it."""

from __future__ import annotations

import http.client
import json
import os
import signal
import socket
import subprocess
import sys
import time

import psutil
import pytest

from bondsig_assets.orchestration.runner import open_instance
from bondsig_assets_tests.graph.homes import make_home
from bondsig_assets_tests.orchestration.test_exposition import read

pytestmark = pytest.mark.services

_BONDSIG = [sys.executable, "-c", "from bondsig_assets.commands.cli import main; main()"]
_LAUNCH = """mutation { launchRun(executionParams: {selector: {repositoryLocationName: "x",
 repositoryName: "__repository__", jobName: "daily"}, mode: "default", runConfigData: {}})
 { __typename } }"""


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


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
    try:
        return ask(port, "GET", path)[0] == 200
    except OSError:
        return False


def listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


@pytest.fixture
def served(tmp_path):
    """A home whose servers run: (process of `bondsig ui`, ports of Dagster, MLflow, the report)."""
    home = make_home(tmp_path / "home")
    port, mlflow_port, report_port = free_port(), free_port(), free_port()
    command = [*_BONDSIG, "ui", "--port", str(port), "--mlflow-port", str(mlflow_port)]
    command += ["--report-port", str(report_port)]
    process = subprocess.Popen(
        command,
        env={**os.environ, "BONDSIG_HOME": str(home.path)},
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    until = time.monotonic() + 120
    while not (answers(port, "/server_info") and answers(mlflow_port, "/health")):
        assert process.poll() is None and time.monotonic() < until
        time.sleep(0.5)
    while not listens(report_port):
        assert process.poll() is None and time.monotonic() < until
        time.sleep(0.2)
    yield home, process, port, mlflow_port, report_port
    started = psutil.Process(process.pid).children(recursive=True) if process.poll() is None else []
    for one in [*started, process]:
        one.kill()


def test_no_other_site_can_use_them_and_none_outlives_a_kill(served):
    home, process, port, mlflow_port, report_port = served
    query = json.dumps({"query": "{ version }"})
    get = "/graphql?query=" + _LAUNCH.replace("\n", "").replace(" ", "%20").replace('"', "%22")

    assert ask(port, "POST", "/graphql", query)[0] == 200
    assert ask(port, "GET", "/runs")[0] == 200
    refused = [
        ask(port, "GET", get),
        ask(port, "HEAD", get),
        ask(port, "GET", get, host="evil.example", origin="http://evil.example"),
        ask(port, "POST", "/graphql", query, host="evil.example"),
        ask(port, "POST", "/graphql", query, origin="http://evil.example"),
        ask(port, "POST", "/graphql", query, origin=f"http://127.0.0.1:{mlflow_port}"),
        ask(port, "POST", "/graphql", query, origin="null"),
        ask(port, "POST", "/graphql", query, sec_fetch_site="cross-site"),
    ]
    assert [status for status, _ in refused] == [405, 405, 403, 403, 403, 403, 403, 403]
    upgrade = {"connection": "Upgrade", "upgrade": "websocket", "sec_websocket_version": "13"}
    key = {"sec_websocket_key": "dGhlIHNhbXBsZSBub25jZQ==", "sec_websocket_protocol": "graphql-ws"}
    assert ask(port, "GET", "/graphql", **upgrade, **key)[0] == 101
    assert ask(port, "GET", "/graphql", **upgrade, **key, origin="http://evil.example")[0] == 403

    search = "/api/2.0/mlflow/experiments/search"
    body = json.dumps({"max_results": 5})
    assert ask(mlflow_port, "POST", search, body)[0] == 200
    assert ask(mlflow_port, "POST", search, body, host="evil.example")[0] == 403
    assert ask(mlflow_port, "POST", search, body, host="192.168.0.9:5000")[0] == 403
    assert ask(mlflow_port, "POST", search, body, origin="http://evil.example")[0] == 403

    status, said = ask(report_port, "GET", "/")
    assert status == 404 and "bondsig report" in said
    home.report.mkdir()
    (home.report / "index.html").write_text("the report")
    assert ask(report_port, "GET", "/") == (200, "the report")
    assert ask(report_port, "GET", "/", host="evil.example")[0] == 403
    assert ask(report_port, "GET", "/", origin="http://evil.example")[0] == 403
    assert ask(report_port, "GET", "/../market.json")[0] == 404
    status, said = ask(report_port, "GET", "/metrics")
    assert status == 200 and read(said)['bondsig_info{version="0.1.0",source="simulated"}'] == 1
    assert json.loads(ask(report_port, "GET", "/status")[1])["unreadable"] == []
    assert ask(report_port, "GET", "/healthz") == (200, "ok\n")
    assert ask(report_port, "GET", "/metrics", host="evil.example")[0] == 403

    started = psutil.Process(process.pid).children(recursive=True)
    assert len(started) >= 7
    process.kill()
    _, alive = psutil.wait_procs(started, timeout=40)
    assert not alive, [one.cmdline() for one in alive]


def test_a_closed_terminal_ends_them_and_a_killed_run_is_ended(served):
    home, process, *_ = served
    started = psutil.Process(process.pid).children(recursive=True)
    run = subprocess.Popen(
        [*_BONDSIG, "run", "--end", "2022-09-30", "--select", "+key:bond_analytics"],
        env={**os.environ, "BONDSIG_HOME": str(home.path)},
        stdout=subprocess.PIPE,
        text=True,
    )
    assert run.stdout is not None and process.stdout is not None
    for line in run.stdout:
        if "cleaning trades" in line:
            break
    run.kill()
    run.wait()
    for line in process.stdout:
        if line.startswith("ended run"):
            break
    with open_instance(home) as instance:
        assert [one.status.value for one in instance.get_runs()] == ["FAILURE"]
    process.send_signal(signal.SIGHUP)
    assert process.wait(40) == 0
    _, alive = psutil.wait_procs(started, timeout=5)
    assert not alive, [one.cmdline() for one in alive]
