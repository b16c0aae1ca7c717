"""How a home is, in numbers: days, runs, checks, monitors, daemon, lake, backup, disk.

Belongs here: looking, in Dagster's record and in the warehouse, so cheaply that it may be done
every minute. Not here: how the numbers are told (`exposition.py`), deadlines and messages
(`alerting.py`), and what to do (`commands/doctor.py`).

The graph is not loaded: layers are the groups of `tables/`, days those of the market's calendar. So
an asset that is new with a version and was never made lacks nothing here; `bondsig catch-up` knows.
Nothing that is looked at here is a secret, and what cannot be looked at is told by its name alone:
the words of an error may hold an address.
"""

from __future__ import annotations

import shutil
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from importlib.metadata import version
from typing import Any, TypeVar
from zoneinfo import ZoneInfo

import dagster as dg
from dagster._core.events.log import EventLogEntry
from dagster._core.storage.asset_check_execution_record import (
    COMPLETED_ASSET_CHECK_EXECUTION_RECORD_STATUSES,
    AssetCheckExecutionRecordStatus,
)
from dagster._core.storage.dagster_run import RunRecord
from dagster._core.storage.event_log.schema import AssetCheckExecutionsTable
from dagster._core.storage.event_log.sql_event_log import SqlEventLogStorage
from dagster_shared.serdes import deserialize_value
from sqlalchemy import func, select

from bondsig_assets.alerts.outbox import unsent
from bondsig_assets.calendar import trading_days
from bondsig_assets.home import Home
from bondsig_assets.monitoring.alarms import red
from bondsig_assets.orchestration.backup_record import newest_record
from bondsig_assets.tables import TABLES
from bondsig_assets.tables.monitoring import STATES
from bondsig_assets.warehouse import Warehouse
from bondsig_assets.warehouse.measures import (
    LakeSize,
    NewestDay,
    has_days,
    lake_size,
    newest_days,
)

_NEW_YORK = ZoneInfo("America/New_York")
#: Not of the daily work: what a simulated market really was, and what runs on asking alone.
_ASIDE = ("truth", "hindsight")
#: A daemon sends a heartbeat every 30 seconds.
_FRESH_SECONDS = 60.0
_T = TypeVar("_T")


@dataclass(frozen=True)
class Layer:
    """Assets of one group that have days: the newest that all of them hold, how many trading days
    ended after it, how many are missing since the home's first, and when one was made last.
    """

    newest_day: date | None
    late_days: int
    missing_days: int
    made_at: float | None


@dataclass(frozen=True)
class Days:
    """What Dagster's record holds of the market's days."""

    layers: Mapping[str, Layer] = field(default_factory=dict)
    missing: int = 0


@dataclass(frozen=True)
class Runs:
    """Runs by status, and seconds since the oldest of them was queued or began (None: there is
    none).
    """

    by_status: Mapping[str, int] = field(default_factory=dict)
    oldest_queued_seconds: float | None = None
    oldest_running_seconds: float | None = None
    #: Asset → seconds that its last step took.
    last_seconds: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class Monitors:
    """The newest evening that was watched: monitors by state, and how many are red."""

    evening: date
    by_state: Mapping[str, int]
    red: int


@dataclass(frozen=True)
class Status:
    """Everything that is told. A part is None where there is nothing to look at, and stands in
    `unreadable` where looking failed.
    """

    at: float
    version: str
    source: str
    days: Days | None = None
    runs: Runs | None = None
    #: Daemon → seconds since it was heard of.
    heartbeats: Mapping[str, float] | None = None
    #: Severity → checks that did not hold when they were asked last.
    failed_checks: Mapping[str, int] | None = None
    newest: Mapping[str, NewestDay] | None = None
    monitors: Monitors | None = None
    lake: LakeSize | None = None
    #: Seconds since the newest backup was begun; None before the first.
    backup_seconds: float | None = None
    #: Alerts that a target did not take yet.
    unsent_alerts: int | None = None
    #: Daemon processes heard of within a minute.
    n_daemons: int | None = None
    free_bytes: int | None = None
    disk_bytes: int | None = None
    unreadable: tuple[str, ...] = ()


class Looking:
    """Looks at one home, at most every `seconds`; the lake anew only when it has changed. For the
    threads of a server: one looks, the others wait for what it finds.
    """

    def __init__(self, home: Home, seconds: float = 10.0) -> None:
        self._home, self._seconds = home, seconds
        self._lock = threading.Lock()
        self._found: tuple[float, Status] | None = None
        self._of_lake: tuple[int, Mapping[str, NewestDay], Monitors | None] | None = None
        self._steps: dict[str, Mapping[str, float]] = {}
        self._instance: dg.DagsterInstance | None = None

    def status(self) -> Status:
        """What was found, at most `seconds` ago. It raises nothing."""
        with self._lock:
            if self._found is None or time.monotonic() - self._found[0] > self._seconds:
                found = self._look(time.time())
                self._found = time.monotonic(), found
            return self._found[1]

    def _look(self, now: float) -> Status:
        unreadable: list[str] = []

        def part(name: str, look: Callable[[], _T]) -> _T | None:
            try:
                return look()
            except Exception:  # noqa: BLE001 - its words may hold a secret; the doctor shows them
                unreadable.append(name)
                return None

        home = self._home
        market = part("market", home.market)
        told: dict[str, Any] = {}
        if (instance := part("record", self._record)) is not None:
            told["days"] = part("days", lambda: days(instance, home, now))
            told["runs"] = part("runs", lambda: runs(instance, now, self._steps))
            told["heartbeats"] = part("daemon", lambda: heartbeats(instance, now))
            told["n_daemons"] = part("daemons", lambda: len(daemons(instance, now)))
            told["failed_checks"] = part("checks", lambda: failed_checks(instance))
            if unreadable:
                # Whatever it was, the next look begins anew.
                self._instance = None
        if market is not None and (home.path / "lake").exists():
            told |= part("lake", self._lake) or {}
        if (record := newest_record(home)) is not None:
            told["backup_seconds"] = record.age_seconds(now)
        if market is not None:
            told["unsent_alerts"] = len(unsent(home.path))
        if (disk := part("disk", lambda: shutil.disk_usage(home.path))) is not None:
            told |= {"free_bytes": disk.free, "disk_bytes": disk.total}
        return Status(
            at=now,
            version=version("bondsig"),
            source=market.source if market else "",
            unreadable=tuple(unreadable),
            **told,
        )

    def _record(self) -> dg.DagsterInstance | None:
        """Dagster's record, kept open: opening it costs more than all there is to read. Nothing is
        written where there is none yet, or where the home was moved away.
        """
        if not (self._home.dagster / "dagster.yaml").exists():
            self._instance = None
        elif self._instance is None:
            self._instance = dg.DagsterInstance.from_config(str(self._home.dagster))
        return self._instance

    def _lake(self) -> dict[str, Any]:
        warehouse = Warehouse(self._home.path)
        with warehouse.on_snapshot():
            size = lake_size(warehouse)
            if self._of_lake is None or self._of_lake[0] != size.snapshot_id:
                self._of_lake = size.snapshot_id, newest_days(warehouse), monitors(warehouse)
        _, newest, watched = self._of_lake
        return {"lake": size, "newest": newest, "monitors": watched}


def days(instance: dg.DagsterInstance, home: Home, now: float) -> Days | None:
    """What is there of the trading days that have ended, since the first that is held; None for a
    market without a span.
    """
    span = home.date_range()
    if span is None:
        return None
    yesterday = datetime.fromtimestamp(now, _NEW_YORK).date() - timedelta(days=1)
    ended = [day.isoformat() for day in trading_days(span[0], min(span[1], yesterday))]
    held: dict[str, dict[str, set[str]]] = {}
    keys = [
        key
        for key in instance.all_asset_keys()
        if key.path[-1] in TABLES
        and has_days(TABLES[key.path[-1]])
        and TABLES[key.path[-1]].group not in _ASIDE
    ]
    for key in keys:
        of_group = held.setdefault(TABLES[key.path[-1]].group, {})
        of_group[key.path[-1]] = set(instance.get_materialized_partitions(key))
    every = set().union(*(found for group in held.values() for found in group.values()))
    first = next((place for place, day in enumerate(ended) if day in every), len(ended))
    wanted, made = ended[first:], _made(instance, keys)
    lacking = {
        group: set().union(*(set(wanted) - found for found in by_asset.values()))
        for group, by_asset in held.items()
    }
    layers = {
        group: _layer(wanted, list(held[group].values()), lacking[group], made.get(group))
        for group in sorted(held)
    }
    return Days(layers, len(set().union(*lacking.values())))


def _layer(
    wanted: Sequence[str], held: Sequence[set[str]], lacking: set[str], made: float | None
) -> Layer:
    """One group: `wanted` days in order, those that each of its assets holds, those it lacks."""
    newest = min((max(one, default="") for one in held), default="")
    return Layer(
        date.fromisoformat(newest) if newest else None,
        sum(day > newest for day in wanted),
        len(lacking),
        made,
    )


def _made(instance: dg.DagsterInstance, keys: Sequence[dg.AssetKey]) -> dict[str, float]:
    """Group → moment of its newest materialization (seconds since 1970)."""
    newest: dict[str, float] = {}
    for record in instance.get_asset_records(keys):
        event = record.asset_entry.last_materialization
        if event is not None:
            group = TABLES[record.asset_entry.asset_key.path[-1]].group
            newest[group] = max(newest.get(group, 0.0), event.timestamp)
    return newest


def runs(instance: dg.DagsterInstance, now: float, known: dict[str, Mapping[str, float]]) -> Runs:
    """Runs of the record; `known` keeps what is read of a run's steps, run id → step → seconds."""
    statuses = [*dg.DagsterRunStatus]
    counts = {
        status.value: instance.get_runs_count(dg.RunsFilter(statuses=[status]))
        for status in statuses
    }
    return Runs(
        {name: count for name, count in counts.items() if count},
        _age(_oldest(instance, dg.DagsterRunStatus.QUEUED), now),
        _age(_oldest(instance, dg.DagsterRunStatus.STARTED), now),
        _last_seconds(instance, known),
    )


def _oldest(instance: dg.DagsterInstance, status: dg.DagsterRunStatus) -> RunRecord | None:
    found = instance.get_run_records(dg.RunsFilter(statuses=[status]), limit=1, ascending=True)
    return found[0] if found else None


def _age(record: RunRecord | None, now: float) -> float | None:
    """Seconds since a run began, or was queued where it has not begun."""
    if record is None:
        return None
    began = record.start_time or record.create_timestamp.timestamp()
    return max(now - began, 0.0)


def _last_seconds(
    instance: dg.DagsterInstance, known: dict[str, Mapping[str, float]]
) -> dict[str, float]:
    """Asset → seconds of the step that made it last."""
    found = {}
    for record in instance.get_asset_records(list(instance.all_asset_keys())):
        event = record.asset_entry.last_materialization
        if event is None or event.step_key is None:
            continue
        if event.run_id not in known:
            known[event.run_id] = _steps(instance, event.run_id)
        seconds = known[event.run_id].get(event.step_key)
        if seconds is not None:
            found[record.asset_entry.asset_key.path[-1]] = seconds
        else:
            # The step goes on: it is asked again.
            del known[event.run_id]
    return dict(sorted(found.items()))


def _steps(instance: dg.DagsterInstance, run_id: str) -> dict[str, float]:
    """Step → seconds, of the steps of a run that have ended."""
    kinds = {dg.DagsterEventType.STEP_START, dg.DagsterEventType.STEP_SUCCESS}
    began: dict[str, float] = {}
    took: dict[str, float] = {}
    for record in instance.get_records_for_run(run_id, of_type=kinds).records:
        entry = record.event_log_entry
        if entry.step_key is None:
            continue
        if entry.dagster_event_type is dg.DagsterEventType.STEP_START:
            began[entry.step_key] = entry.timestamp
        elif entry.step_key in began:
            took[entry.step_key] = entry.timestamp - began[entry.step_key]
    return took


def heartbeats(instance: dg.DagsterInstance, now: float) -> dict[str, float]:
    """Daemon → seconds since its last heartbeat; empty where none ever ran."""
    return {
        name: max(now - beat.timestamp, 0.0)
        for name, beat in sorted(instance.get_daemon_heartbeats().items())
    }


def daemons(instance: dg.DagsterInstance, now: float) -> set[str]:
    """Processes that sent a daemon's heartbeat within a minute: two of them launch a run twice."""
    return {
        str(beat.daemon_id)
        for beat in instance.get_daemon_heartbeats().values()
        if now - beat.timestamp < _FRESH_SECONDS
    }


def failed_checks(instance: dg.DagsterInstance) -> dict[str, int]:
    """Severity → checks that did not hold when they were asked last. One that was not asked since
    its asset was made last is no check of this version any more.
    """
    storage, table = instance.event_log_storage, AssetCheckExecutionsTable.c
    assert isinstance(storage, SqlEventLogStorage), "Dagster keeps its record in SQL"
    asked = [status.value for status in COMPLETED_ASSET_CHECK_EXECUTION_RECORD_STATUSES]
    newest = (
        select(func.max(table.id))
        .where(table.execution_status.in_(asked))
        .group_by(table.asset_key, table.check_name)
    )
    with storage.index_connection() as connection:
        rows = connection.execute(
            select(table.evaluation_event).where(
                table.id.in_(newest),
                table.execution_status == AssetCheckExecutionRecordStatus.FAILED.value,
                table.evaluation_event.is_not(None),
            )
        ).all()
    entries = [deserialize_value(text, EventLogEntry) for (text,) in rows]
    said = [
        (entry, entry.dagster_event.asset_check_evaluation_data)
        for entry in entries
        if entry.dagster_event is not None
    ]
    made = {
        record.asset_entry.asset_key: record.asset_entry.last_materialization
        for record in instance.get_asset_records(sorted({one.asset_key for _, one in said}))
    }
    counts = {"ERROR": 0, "WARN": 0}
    for entry, evaluation in said:
        last = made.get(evaluation.asset_key)
        if last is not None and (entry.run_id == last.run_id or entry.timestamp >= last.timestamp):
            counts[evaluation.severity.value] += 1
    return counts


def monitors(warehouse: Warehouse) -> Monitors | None:
    """Where the newest evening's monitors stand; None before the first."""
    evening = warehouse.read("SELECT max(trade_date) AS day FROM monitored_days")["day"][0]
    if evening is None:
        return None
    rows = warehouse.read_table("monitors", between=(evening, evening))
    states = dict(rows.group_by("state").len().iter_rows())
    return Monitors(
        evening,
        {state: states.get(state, 0) for state in STATES},
        red(rows, warehouse.read_table("alarms"), evening).height,
    )
