"""`bondsig ui` with its real servers: whom they answer, and that none outlives it."""

from __future__ import annotations

import json
import os
import signal
import subprocess

import psutil
import pytest

from bondsig_assets.orchestration.runner import open_instance
from bondsig_assets_tests.commands.served_home import BONDSIG, ask, serving, wait_for
from bondsig_assets_tests.graph.homes import make_home
from bondsig_assets_tests.orchestration.test_exposition import read

pytestmark = pytest.mark.services

_LAUNCH = """mutation { launchRun(executionParams: {selector: {repositoryLocationName: "x",
 repositoryName: "__repository__", jobName: "daily"}, mode: "default", runConfigData: {}})
 { __typename } }"""


@pytest.fixture
def served(tmp_path):
    with serving(make_home(tmp_path / "home")) as servers:
        yield servers


def test_no_other_site_can_use_them_and_none_outlives_a_kill(served):
    home, process, (port, mlflow_port, report_port) = served.home, served.process, served.ports
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

    started = served.started()
    assert len(started) >= 7
    process.kill()
    _, alive = psutil.wait_procs(started, timeout=40)
    assert not alive, [one.cmdline() for one in alive]


def test_a_closed_terminal_ends_them_and_a_killed_run_is_ended(served):
    home, process, started = served.home, served.process, served.started()
    run = subprocess.Popen(
        [*BONDSIG, "run", "--end", "2022-09-30", "--select", "+key:bond_analytics"],
        env={**os.environ, "BONDSIG_HOME": str(home.path)},
        stdout=subprocess.PIPE,
        text=True,
    )
    assert run.stdout is not None
    for line in run.stdout:
        if "cleaning trades" in line:
            break
    run.kill()
    run.wait()
    assert wait_for(lambda: any(line.startswith("ended run") for line in served.said))
    with open_instance(home) as instance:
        assert [one.status.value for one in instance.get_runs()] == ["FAILURE"]
    process.send_signal(signal.SIGHUP)
    assert process.wait(40) == 0
    _, alive = psutil.wait_procs(started, timeout=5)
    assert not alive, [one.cmdline() for one in alive]
