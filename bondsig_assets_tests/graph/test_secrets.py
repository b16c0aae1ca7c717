"""Canaries: no secret of the environment comes out anywhere, whether all goes well or every target
fails.

Each canary is told in the variable that really bears such a secret; then the commands of a user do
their work, and all they said and all that lies in the home afterwards is searched for it.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import polars as pl
import pytest

from bondsig_assets.commands.ui import _commands
from bondsig_assets.home import Home
from bondsig_assets.resources.tracking import TrackingResource
from bondsig_assets.tables import TABLES
from bondsig_assets.warehouse import Warehouse
from bondsig_assets_tests.command_line import bondsig
from bondsig_assets_tests.graph.homes import copy_home, make_home
from bondsig_assets_tests.orchestration.test_report_server import ask

pytestmark = pytest.mark.slow

#: Nobody listens on port 1: every target fails, and its error quotes what it was given.
DECLARED = {
    "BONDSIG_ALERT_WEBHOOK": "http://127.0.0.1:1/hooks/CANARYwebhook",
    "BONDSIG_ALERT_EMAIL": "desk@example.com",
    "BONDSIG_SMTP": "smtp://me:CANARYsmtp@127.0.0.1:1",
    "BONDSIG_HEARTBEAT_URL": "http://127.0.0.1:1/CANARYheartbeat",
    "PGPASSWORD": "CANARYwrds",
    "AWS_ACCESS_KEY_ID": "key",
    "AWS_SECRET_ACCESS_KEY": "CANARYaws",
    "AWS_SESSION_TOKEN": "CANARYsession",
    "MLFLOW_TRACKING_USERNAME": "me",
    "MLFLOW_TRACKING_PASSWORD": "CANARYmlflow",
}
FAILING = {
    "catalog in words": {
        "BONDSIG_CATALOG": "postgres:host=127.0.0.1 port=1 dbname=lake user=me password=CANARYpg"
    },
    "catalog as a URL": {"BONDSIG_CATALOG": "postgres:postgresql://me:CANARYpg@127.0.0.1:1/lake"},
    "object store": {
        "BONDSIG_STORAGE": "s3://bucket/path",
        "AWS_ENDPOINT_URL": "http://127.0.0.1:1",
    },
    "MLflow": {"BONDSIG_MLFLOW": "http://me:CANARYtracking@127.0.0.1:1"},
}
_FIRST_DAYS = ("run", "--end", "2022-07-08", "--select")


def leaks(text: str) -> list[str]:
    return [one for one in text.splitlines() if "CANARY" in one]


def files_with_canaries(folder: Path) -> list[str]:
    return [
        str(path.relative_to(folder))
        for path in folder.rglob("*")
        if path.is_file() and b"CANARY" in path.read_bytes()
    ]


def cells_with_canaries(home: Home) -> Iterator[str]:
    """Tables are compressed on disk: they are read."""
    warehouse = Warehouse(home.path)
    with warehouse.on_snapshot():
        for name in TABLES:
            texts = warehouse.read_table(name).select(pl.col(pl.String))
            if texts.select(pl.any_horizontal(pl.all().str.contains("CANARY").any())).item():
                yield name


@pytest.fixture(scope="module")
def small(tmp_path_factory) -> Home:
    """A home of six days of reports, made with every canary in the environment."""
    home = make_home(tmp_path_factory.mktemp("secrets") / "home")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("BONDSIG_HOME", str(home.path))
        done = bondsig(*_FIRST_DAYS, "+key:trade_events", **DECLARED)
    assert done.returncode == 0, done.stderr
    assert not leaks(done.stdout + done.stderr)
    return home


def test_a_run_and_a_training_leave_none_in_the_home(small, monkeypatch):
    for name, told in DECLARED.items():
        monkeypatch.setenv(name, told)
    with TrackingResource(home=str(small.path)).training("study", "run", {"why": "a test"}) as it:
        it.log_param("n", 1)
    assert (small.path / "mlflow" / "mlflow.db").exists()
    assert files_with_canaries(small.path) == [] and list(cells_with_canaries(small)) == []


def test_a_failed_run_is_told_without_one(small, tmp_path):
    """Every target of alerts fails too, and says so."""
    home = copy_home(small, tmp_path / "home")
    (home.path / "lake" / "catalog.sqlite").write_bytes(b"no database" * 1000)
    done = bondsig("catch-up", BONDSIG_HOME=str(home.path), BONDSIG_LOG="json", **DECLARED)
    assert done.returncode == 1 and done.stderr
    assert not leaks(done.stdout + done.stderr) and not files_with_canaries(home.path)


@pytest.mark.parametrize("target", FAILING)
def test_a_target_that_fails_is_named_without_its_secret(small, tmp_path, target):
    home = copy_home(small, tmp_path / "home")
    asked = {**DECLARED, **FAILING[target], "BONDSIG_HOME": str(home.path)}
    said = {
        command[0]: bondsig(*command, **asked)
        for command in (
            ("doctor",),
            ("sql", "from trace_reports limit 1"),
            ("attach",),
            ("metrics", "--json"),
            (*_FIRST_DAYS, "key:trace_reports", "--again"),
        )
    }
    wrong = " ".join(line for line in said["doctor"].stdout.splitlines() if "wrong" in line)
    assert said["doctor"].returncode == 1 and "127.0.0.1" in wrong
    for command, done in said.items():
        assert not leaks(done.stdout + done.stderr), command
    if target != "MLflow":
        assert said["sql"].returncode == said["run"].returncode == 1
    assert files_with_canaries(home.path) == []


def test_wrds_that_fails_is_named_without_its_password(tmp_path):
    asked = {
        **DECLARED,
        "BONDSIG_HOME": str(tmp_path / "home"),
        "WRDS_USERNAME": "me",
        "BONDSIG_WRDS_HOST": "127.0.0.1",
        "BONDSIG_WRDS_PORT": "1",
        "BONDSIG_WRDS_SSLMODE": "disable",
    }
    done = bondsig("run", "--source", "wrds", **asked)
    assert done.returncode == 1 and "127.0.0.1" in done.stderr
    assert not leaks(done.stdout + done.stderr)


def test_no_argument_of_a_server_holds_one(small, monkeypatch):
    """Every list of processes shows them."""
    for name, told in {**DECLARED, **FAILING["MLflow"], **FAILING["catalog in words"]}.items():
        monkeypatch.setenv(name, told)
    ports = {"--port": 1, "--mlflow-port": 2, "--report-port": 3}
    commands = _commands(small, "127.0.0.1", ports, "")
    assert len(commands) == 4
    assert "CANARY" not in repr(commands)


def test_neither_metrics_nor_status_hold_one(small, monkeypatch):
    for declared in (DECLARED, *FAILING.values()):
        for name, told in declared.items():
            monkeypatch.setenv(name, told)
        for path in ("/metrics", "/status"):
            status, said, _ = ask(small.report, path, home=small)
            assert status == 200 and "CANARY" not in said
            assert str(small.path) not in said
    assert set(json.loads(said)["unreadable"]) == {"lake"}


def test_pages_pictures_and_copies_hold_none(full_home, tmp_path, monkeypatch):
    home, out = str(full_home.path), tmp_path / "out"
    out.mkdir()
    asked = {**DECLARED, "BONDSIG_HOME": home}
    picture = out / "targets.png"
    for command in (
        ("report", "--out", str(out / "report")),
        ("export", str(out / "all.duckdb")),
        ("portfolio", "--picture", str(picture)),
        ("summary",),
    ):
        done = bondsig(*command, **asked)
        assert done.returncode == 0, done.stderr
        assert not leaks(done.stdout + done.stderr)
    assert len(list(out.rglob("*.html"))) > 20 and picture.stat().st_size > 10_000
    assert files_with_canaries(out) == []
