"""Runs whose process is gone are found and ended; others are left alone."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys

import dagster as dg
import psutil
import pytest
from dagster._core.events import EngineEventData
from dagster._core.storage.tags import GRPC_INFO_TAG

from bondsig_assets.home import Home
from bondsig_assets.orchestration import dead_runs as module
from bondsig_assets.orchestration.dead_runs import dead_runs, end_dead_runs, end_runs_of
from bondsig_assets.orchestration.runner import open_instance

pytestmark = pytest.mark.slow


@dg.asset
def nothing() -> None:
    """An asset to run."""


@pytest.fixture
def instance(tmp_path, monkeypatch):
    monkeypatch.setenv("DAGSTER_HOME", "")
    monkeypatch.setenv("BONDSIG_HOME", "")
    with open_instance(Home(tmp_path)) as opened:
        yield opened


def start(instance: dg.DagsterInstance, pid: int | None) -> dg.DagsterRun:
    """A run in progress; `pid` is the process that says it works on it."""
    job = dg.Definitions(assets=[nothing]).resolve_implicit_global_asset_job_def()
    run = instance.create_run_for_job(job, status=dg.DagsterRunStatus.STARTED)
    if pid is not None:
        instance.report_engine_event("begins", run, EngineEventData.in_process(pid))
    return run


def gone() -> int:
    """The number of a process that is no more."""
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait()
    return process.pid


def test_a_run_whose_process_is_gone_is_ended_as_failed(instance):
    dead, alive, queued = (
        start(instance, gone()),
        start(instance, os.getpid()),
        start(instance, None),
    )
    assert [run.run_id for run in dead_runs(instance)] == [dead.run_id]
    ended = end_dead_runs(instance)
    assert [run.run_id for run in ended] == [dead.run_id]
    assert f"(process {ended[0].pid} is gone)" in str(ended[0])
    assert instance.get_run_by_id(dead.run_id).status == dg.DagsterRunStatus.FAILURE
    for run in (alive, queued):
        assert instance.get_run_by_id(run.run_id).status == dg.DagsterRunStatus.STARTED
    assert end_dead_runs(instance) == []


def test_a_number_given_to_another_process_is_not_the_runs(instance, monkeypatch):
    start(instance, os.getpid())
    assert dead_runs(instance) == []
    monkeypatch.setattr(psutil.Process, "create_time", lambda self: 4e9)
    assert len(dead_runs(instance)) == 1


def test_a_process_that_nobody_has_waited_for_is_gone(instance):
    zombie = subprocess.Popen([sys.executable, "-c", ""])
    psutil.wait_procs([psutil.Process(zombie.pid)], timeout=0)
    start(instance, zombie.pid)
    while psutil.Process(zombie.pid).status() != psutil.STATUS_ZOMBIE:
        pass
    assert len(dead_runs(instance)) == 1
    zombie.wait()


def test_the_process_that_spoke_last_counts(instance):
    run = start(instance, gone())
    instance.report_engine_event("resumed", run, EngineEventData.in_process(os.getpid()))
    assert dead_runs(instance) == []


def test_where_other_machines_run_too_nothing_is_judged(instance, monkeypatch):
    start(instance, gone())
    monkeypatch.setattr(module, "SqliteRunStorage", int)
    assert dead_runs(instance) == []


def test_a_code_server_that_begins_ends_the_runs_of_those_before_it(instance):
    job = dg.Definitions(assets=[nothing]).resolve_implicit_global_asset_job_def()
    runs = {}
    for place in ("/here/code.sock", "/elsewhere/code.sock", None):
        tags = {GRPC_INFO_TAG: json.dumps({"host": "localhost", "socket": place})} if place else {}
        runs[place] = instance.create_run_for_job(
            job, status=dg.DagsterRunStatus.STARTED, tags=tags
        ).run_id
    assert end_runs_of(instance, "/here/code.sock") == [runs["/here/code.sock"]]
    assert end_runs_of(instance, "/here/code.sock") == []
    found = {place: instance.get_run_by_id(run).status.value for place, run in runs.items()}
    assert found == {
        "/here/code.sock": "FAILURE",
        "/elsewhere/code.sock": "STARTED",
        None: "STARTED",
    }


def test_a_run_that_never_began_lives_as_long_as_its_code_server(instance, tmp_path):
    place = str(tmp_path / "socket")
    run = start(instance, None)
    instance.add_run_tags(run.run_id, {GRPC_INFO_TAG: json.dumps({"socket": place})})
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(place)
        server.listen()
        assert dead_runs(instance) == []
    # Killed with -9 it leaves the name of its socket.
    (dead,) = end_dead_runs(instance)
    assert dead.run_id == run.run_id and str(dead).endswith("(the code server is gone)")
    assert instance.get_run_by_id(run.run_id).status == dg.DagsterRunStatus.FAILURE
