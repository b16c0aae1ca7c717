"""A home whose MLflow is a server, as a team has it: what a file accepts a server may refuse."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
import urllib.request
from collections import Counter
from pathlib import Path
from urllib.parse import urlsplit

import pytest
import requests

from bondsig_assets.resources.tracking import CHAMPION, REGISTERED_MODEL, TrackingResource
from bondsig_assets.warehouse import Warehouse
from bondsig_assets_tests.graph.homes import copy_home, run

pytestmark = pytest.mark.services


@pytest.fixture
def mlflow_server(tmp_path):
    """Address of an MLflow server of its own."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    folder = tmp_path / "server"
    folder.mkdir()
    command = [
        *(Path(sys.executable).parent / "mlflow", "server", "--host", "127.0.0.1"),
        *("--port", str(port), "--workers", "1", "--serve-artifacts"),
        *("--backend-store-uri", f"sqlite:///{folder / 'mlflow.db'}"),
        *("--artifacts-destination", (folder / "artifacts").as_uri()),
    ]
    quiet = {"MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false", "MLFLOW_DISABLE_TELEMETRY": "true"}
    server = subprocess.Popen(command, env={**os.environ, **quiet}, start_new_session=True)
    address, until = f"http://127.0.0.1:{port}", time.monotonic() + 60
    while True:
        try:
            urllib.request.urlopen(f"{address}/health", timeout=5).close()
            break
        except OSError:
            assert server.poll() is None and time.monotonic() < until
            time.sleep(0.3)
    yield address
    os.killpg(server.pid, 9)
    server.wait()


@pytest.fixture
def asked(monkeypatch) -> Counter[str]:
    """How often each path of the server was asked for, by this process."""
    counts: Counter[str] = Counter()
    send = requests.Session.send

    def counting(self, request, **more):
        counts[urlsplit(request.url).path.rpartition("/mlflow/")[2]] += 1
        return send(self, request, **more)

    monkeypatch.setattr(requests.Session, "send", counting)
    return counts


def test_models_are_trained_registered_and_score(
    full_home, tmp_path, monkeypatch, mlflow_server, asked
):
    home = copy_home(full_home, tmp_path / "home")
    home.learning_file.write_text(
        'models = ["ridge"]\n[signals]\nmargin = 0.0\nminimum_probability = 0.0\n'
    )
    monkeypatch.setenv("BONDSIG_MLFLOW", mlflow_server)
    run(home, select="key:models+", again=True)
    # MLflow reads back each metric of a run at each model that is logged to it afterwards.
    assert asked["metrics/get-history"] == 0 and asked["runs/log-batch"] > 0
    print(f"{asked.total()} requests: {asked.most_common(8)}")

    warehouse, tracking = Warehouse(home.path), TrackingResource(home=str(home.path))
    champions = warehouse.read("SELECT * FROM champions ORDER BY valid_from_date")
    assert champions.height > 1
    mlflow = tracking.connect()
    newest = mlflow.MlflowClient().get_model_version_by_alias(REGISTERED_MODEL, CHAMPION)
    assert newest.version == champions["registry_version"][-1]
    for version, name in champions.select("registry_version", "model_version").iter_rows():
        assert tracking.load(version).model_version == name
    scored = warehouse.read("SELECT DISTINCT registry_version AS v FROM scores")["v"]
    assert set(scored) <= set(champions["registry_version"])
