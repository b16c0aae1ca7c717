"""Runs whose process is gone: killed with -9, out of memory, a machine that restarted.

Belongs here: finding them in Dagster's record and ending them. Not here: doing their work again
(`runner.py`; what they had finished is kept). Dagster's monitoring watches the runs that its daemon
launched; a run of `bondsig run` is nobody's child there, stays STARTED for ever, and two of them
fill the queue.

A run says its process number when it begins its steps; before, its code server answers for it,
whose socket the run names. The record is one machine's (SQLite): where a team's is in PostgreSQL
both may be another machine's, so there nothing is judged but by the code server itself, which says
when it starts that none of those before it is left.
"""

from __future__ import annotations

import json
import socket
from dataclasses import dataclass

import dagster as dg
import psutil
from dagster._core.storage.dagster_run import IN_PROGRESS_RUN_STATUSES, NOT_FINISHED_STATUSES
from dagster._core.storage.runs.sqlite.sqlite_run_storage import SqliteRunStorage
from dagster._core.storage.tags import GRPC_INFO_TAG

#: Seconds by which the clocks of a process table and of the record may differ.
_CLOCKS = 2.0


@dataclass(frozen=True)
class DeadRun:
    """A run that Dagster believes alive, and the process it was; None where it never began."""

    run_id: str
    pid: int | None

    @property
    def who(self) -> str:
        """What of it is gone."""
        return f"process {self.pid}" if self.pid is not None else "the code server"

    def __str__(self) -> str:
        return f"run {self.run_id.split('-')[0]} ({self.who} is gone)"


def end_dead_runs(instance: dg.DagsterInstance) -> list[DeadRun]:
    """End, as failed, every run whose process is gone; returns them."""
    ended = []
    for run in dead_runs(instance):
        held = instance.get_run_by_id(run.run_id)
        if held is not None and not held.is_finished:
            instance.report_run_failed(
                held,
                f"{run.who.capitalize()} of this run is gone: it was killed, or the machine"
                " restarted."
                " What it had finished is kept; `bondsig run` goes on from there.",
            )
            ended.append(run)
    return ended


def end_unfinished_runs(instance: dg.DagsterInstance, why: str) -> int:
    """End, as failed, every run that is not finished, queued ones too; how many there were.

    For a home in which nothing is at work, as one that was just restored.
    """
    unfinished = instance.get_runs(dg.RunsFilter(statuses=list(NOT_FINISHED_STATUSES)))
    for run in unfinished:
        instance.report_run_failed(run, why)
    return len(unfinished)


def end_runs_of(instance: dg.DagsterInstance, place: str) -> list[str]:
    """End, as failed, every run that a code server at the socket `place` was asked to start; their
    ids. For one that begins to serve there: runs are children of those before it and ended with
    them.
    """
    unfinished = instance.get_runs(dg.RunsFilter(statuses=list(IN_PROGRESS_RUN_STATUSES)))
    found = [run for run in unfinished if _socket_of(run) == place]
    for run in found:
        instance.report_run_failed(
            run,
            "The code server of this run is gone, and the run with it. What it had finished is"
            " kept.",
        )
    return [run.run_id for run in found]


def dead_runs(instance: dg.DagsterInstance) -> list[DeadRun]:
    """Runs in progress whose process is gone."""
    if not isinstance(instance.run_storage, SqliteRunStorage):
        return []
    unfinished = instance.get_runs(dg.RunsFilter(statuses=list(IN_PROGRESS_RUN_STATUSES)))
    found = []
    for run in unfinished:
        said = _process(instance, run.run_id)
        if said is None and _launcher_is_gone(run):
            found.append(DeadRun(run.run_id, None))
        elif said is not None and not _alive(*said):
            found.append(DeadRun(run.run_id, said[0]))
    return found


def _launcher_is_gone(run: dg.DagsterRun) -> bool:
    """Whether nobody listens any more at the socket of the code server that was asked to start a
    run: a code server goes no earlier than its runs, unless it is killed.
    """
    place = _socket_of(run)
    if not place:
        return False
    with socket.socket(socket.AF_UNIX) as probe:
        try:
            probe.connect(place)
        except (FileNotFoundError, ConnectionRefusedError):
            return True
        except OSError:
            return False
    return False


def _socket_of(run: dg.DagsterRun) -> str | None:
    """The socket of the code server that was asked to start a run."""
    place: str | None = json.loads(run.tags.get(GRPC_INFO_TAG, "{}")).get("socket")
    return place


def _process(instance: dg.DagsterInstance, run_id: str) -> tuple[int, float] | None:
    """Number of the process that said last that it works on a run, and when; None before any."""
    said = instance.event_log_storage.get_logs_for_run(
        run_id, of_type=dg.DagsterEventType.ENGINE_EVENT
    )
    for entry in reversed(said):
        event = entry.dagster_event
        data = event.engine_event_data if event else None
        if data is not None and "pid" in data.metadata:
            return int(str(data.metadata["pid"].value)), entry.timestamp
    return None


def _alive(pid: int, said_at: float) -> bool:
    """Whether process `pid` still is the one that spoke at `said_at`."""
    try:
        process = psutil.Process(pid)
        reused = process.create_time() > said_at + _CLOCKS
        return not reused and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False
