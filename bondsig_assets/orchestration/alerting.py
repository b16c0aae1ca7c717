"""Sensors that notice what went wrong, and tell it once.

Belongs here: looking, in Dagster's record and in the warehouse, and remembering what was told. Not
here: words and targets (`alerts/`), and what a monitor makes of a market (`monitoring/`).

They are on from the start where the environment names a target or a heartbeat, and off otherwise.
Runs of `bondsig run` and `bondsig catch-up` are no daemon's: the person who waits sees them fail,
and `bondsig catch-up` tells it itself.
"""

# No `from __future__ import annotations`: Dagster reads the type of `context` as it stands.

import json
from dataclasses import asdict, dataclass, replace
from datetime import date, datetime, time
from typing import Any
from zoneinfo import ZoneInfo

import dagster as dg
from dagster._core.storage.asset_check_execution_record import (
    COMPLETED_ASSET_CHECK_EXECUTION_RECORD_STATUSES,
    AssetCheckExecutionRecordStatus,
)
from dagster._core.storage.tags import RETRY_NUMBER_TAG, WILL_RETRY_TAG

from bondsig_assets.alerts.events import (
    Event,
    checks_failed,
    days_late,
    monitors_rang,
    retrain_requested,
    run_failed,
)
from bondsig_assets.alerts.heartbeat import ping
from bondsig_assets.alerts.notify import notify, usable_settings
from bondsig_assets.alerts.outbox import send_again
from bondsig_assets.alerts.settings import AlertSettings
from bondsig_assets.disks import explained
from bondsig_assets.errors import SourceError, WarehouseError
from bondsig_assets.home import Home
from bondsig_assets.orchestration.catch_up import (
    Due,
    find_due,
    partitions_in_hand,
    partitions_of_run,
)
from bondsig_assets.orchestration.jobs import Newest
from bondsig_assets.orchestration.partitions import known_days
from bondsig_assets.orchestration.runner import COMMAND_LINE_TAG, told_cause
from bondsig_assets.orchestration.stages import DAYS, SCORING
from bondsig_assets.warehouse import Warehouse

#: Days that are not there by now are late, New York time: 06:30 and two and a half hours to run.
LATE_AT = time(9, 0)
_STAGES = (DAYS, SCORING)
_NEW_YORK = ZoneInfo("America/New_York")


def build_alerts(
    home: Home, days: dg.PartitionsDefinition, newest: Newest = lambda: None
) -> list[Any]:
    """Every sensor, told from the home whose market has `days`; `newest` as for the schedules."""
    how: Any = {
        "default_status": dg.DefaultSensorStatus.RUNNING
        if usable_settings().has_target or usable_settings().heartbeat
        else dg.DefaultSensorStatus.STOPPED
    }

    @dg.run_failure_sensor(name="tell_failed_runs", **how)
    def tell_failed_runs(context: dg.RunFailureSensorContext) -> None:
        """A message for every attempt of a run that failed: its cause, and whether another
        follows.
        """
        if is_of_command_line(context.dagster_run):
            return
        event = failed_run(context, usable_settings())
        _tell(home, replace(event, cause=explained(event.cause, home.path)))

    @dg.run_status_sensor(name="tell_failed_checks", run_status=dg.DagsterRunStatus.SUCCESS, **how)
    def tell_failed_checks(context: dg.RunStatusSensorContext) -> None:
        """A message for every run that went through with checks that did not hold; a warning only
        where its check held the time before.
        """
        if is_of_command_line(context.dagster_run):
            return
        event = failed_checks(context.instance, context.dagster_run, usable_settings())
        if event is not None:
            _tell(home, event)

    @dg.sensor(name="tell_late_days", minimum_interval_seconds=300, **how)
    def tell_late_days(context: dg.SensorEvaluationContext) -> dg.SkipReason:
        """Days that are not there at 09:00 New York, tables that bring nothing any more; and once a
        day, when all days are there, the heartbeat. Before that, alerts that a target did not take.
        """
        assert context.repository_def is not None, "Dagster gives a tick its repository"
        send_again(home.path, usable_settings())
        try:
            last = newest()
        except SourceError as error:
            # No heartbeat either: whoever waits for it learns that nobody knows what is missing.
            return dg.SkipReason(f"the source cannot be asked how far it reaches: {error}")
        said, seen = watch_days(
            home,
            context.instance,
            context.repository_def.asset_graph,
            days,
            datetime.now(_NEW_YORK),
            Seen.read(context.cursor),
            last,
        )
        context.update_cursor(seen.text())
        return dg.SkipReason(said)

    @dg.sensor(name="tell_alarms", minimum_interval_seconds=600, **how)
    def tell_alarms(context: dg.SensorEvaluationContext) -> dg.SkipReason:
        """Alarms of monitors and requests for a training, one message for all that are new."""
        said, cursor = watch_alarms(home, context.cursor or "")
        context.update_cursor(cursor)
        return dg.SkipReason(said)

    return [tell_failed_runs, tell_failed_checks, tell_late_days, tell_alarms]


def is_of_command_line(run: dg.DagsterRun) -> bool:
    """Whether `bondsig run` or `bondsig catch-up` made a run: they tell themselves how it ended."""
    return COMMAND_LINE_TAG in run.tags


def _tell(home: Home, event: Event) -> None:
    notify(event, usable_settings(), str(home.path))


def failed_run(context: dg.RunFailureSensorContext, settings: AlertSettings) -> Event:
    """What there is to tell of a run that failed: the first step's error, or why it never began."""
    run, steps = context.dagster_run, context.get_step_failure_events()
    causes = [
        f"{step.step_key}: {told_cause(step.step_failure_data.error)}"
        for step in steps
        if step.step_failure_data.error is not None
    ]
    # Dagster's name for a run of assets that somebody chose.
    job = "chosen assets" if run.job_name.startswith("__ASSET_JOB") else run.job_name
    return run_failed(
        job,
        _partitions(run),
        causes[0] if causes else context.failure_event.message or "it ended before any asset began",
        settings.link(f"runs/{run.run_id}"),
        attempt=int(run.tags.get(RETRY_NUMBER_TAG, "0")) + 1,
        is_retried=run.tags.get(WILL_RETRY_TAG) == "true",
    )


def failed_checks(
    instance: dg.DagsterInstance, run: dg.DagsterRun, settings: AlertSettings
) -> Event | None:
    """What there is to tell of the checks of a run: all errors, and warnings of checks that held
    the time before; None where there is nothing.
    """
    found: dict[dg.AssetCheckSeverity, list[str]] = {
        dg.AssetCheckSeverity.ERROR: [],
        dg.AssetCheckSeverity.WARN: [],
    }
    for record in instance.get_records_for_run(
        run.run_id, of_type=dg.DagsterEventType.ASSET_CHECK_EVALUATION
    ).records:
        event = record.event_log_entry.dagster_event
        assert event is not None, "an evaluation is an event"
        said = event.asset_check_evaluation_data
        is_warning = said.severity is dg.AssetCheckSeverity.WARN
        if said.passed or (is_warning and _failed_before(instance, said.asset_check_key, run)):
            continue
        name = f"{said.asset_key.to_user_string()}: {said.check_name}"
        found[said.severity].append(f"{name} ({said.description})" if said.description else name)
    errors, warnings = found.values()
    if not errors and not warnings:
        return None
    return checks_failed(errors, warnings, _partitions(run), settings.link(f"runs/{run.run_id}"))


def _failed_before(
    instance: dg.DagsterInstance, check: dg.AssetCheckKey, run: dg.DagsterRun
) -> bool:
    """Whether a check did not hold in the run before this one that asked it."""
    history = instance.event_log_storage.get_asset_check_execution_history(
        check, limit=20, status=set(COMPLETED_ASSET_CHECK_EXECUTION_RECORD_STATUSES)
    )
    place = next((n for n, one in enumerate(history) if one.run_id == run.run_id), None)
    earlier = [one for one in history[(place or 0) :] if one.run_id != run.run_id]
    return bool(earlier) and earlier[0].status is AssetCheckExecutionRecordStatus.FAILED


@dataclass(frozen=True)
class Seen:
    """What the sensor of days remembers: newest day with which all was there, the newest that was
    called late, and the date of the last heartbeat; empty before the first.
    """

    complete: str = ""
    late: str = ""
    beat: str = ""

    @classmethod
    def read(cls, cursor: str | None) -> "Seen":
        """From a cursor; nothing was seen where there is none, or one of another version."""
        try:
            held = json.loads(cursor or "{}")
            return cls(**{name: str(held.get(name, "")) for name in asdict(cls())})
        except (ValueError, AttributeError):
            return cls()

    def text(self) -> str:
        """As a cursor."""
        return json.dumps(asdict(self))


def watch_days(
    home: Home,
    instance: dg.DagsterInstance,
    graph: Any,
    days: dg.PartitionsDefinition,
    now: datetime,
    seen: Seen,
    last: date | None = None,
) -> tuple[str, Seen]:
    """Look once: tell what is late, or call that all is well; what it came to, and what to
    remember. The record is read until all is there, and once on a day on which it already was.
    `last` is the last day that the source has, None where that is not known.
    """
    keys, settings, today = (
        known_days(days.get_partition_keys(current_time=now), last),
        usable_settings(),
        now.date(),
    )
    if not keys:
        return "the market of this home has no day yet", seen
    newest = keys[-1]
    if seen.complete == newest and (seen.beat == today.isoformat() or not settings.heartbeat):
        return f"all days to {newest} are there", seen
    busy = partitions_in_hand(graph, instance, "daily", _STAGES, keys)
    due = find_due(graph, instance, _STAGES, keys, busy)
    if due.key_range is None and not due.busy:
        seen = replace(seen, complete=newest)
        if settings.heartbeat and seen.beat != today.isoformat() and not ping(settings):
            seen = replace(seen, beat=today.isoformat())
        return f"all days to {newest} are there", seen
    if now.time() < LATE_AT or seen.late == newest:
        return f"not all days to {newest} are there yet", seen
    _tell(home, _late(due, settings))
    return f"told that days to {newest} are late", replace(seen, late=newest)


def _late(due: Due, settings: AlertSettings) -> Event:
    if due.key_range is None:
        return days_late(due.busy, (), "a run has them in hand and is not done", _runs(settings))
    why = "another run is not done" if due.busy else "no run made them, or it failed"
    return days_late(due.missing, due.outdated, why, _runs(settings))


def watch_alarms(home: Home, cursor: str) -> tuple[str, str]:
    """Tell the alarms and the requests for a training of evenings after `cursor`; what it came to,
    and the next cursor. The first look tells nothing: the past is no news.
    """
    warehouse, settings = Warehouse(home.path), usable_settings()
    try:
        newest = warehouse.read(
            "SELECT greatest((SELECT max(trade_date) FROM alarms), (SELECT max(trade_date) FROM"
            " retrain_requests)) AS day"
        )["day"][0]
        if newest is None:
            return "no monitor has rung yet", cursor or date.min.isoformat()
        if not cursor:
            return f"what rang to {newest} is not told: it was before the first look", str(newest)
        alarms, asked = (
            warehouse.read(f"{query} ORDER BY trade_date DESC, explanation", [cursor])
            for query in (
                "SELECT trade_date, family, explanation FROM alarms WHERE trade_date >"
                " CAST(? AS DATE)",
                "SELECT trade_date, explanation FROM retrain_requests WHERE trade_date >"
                " CAST(? AS DATE) AND state = 'asked'",
            )
        )
    except WarehouseError as error:
        return f"the warehouse cannot be read now: {error}", cursor
    if alarms.height:
        rang = [(str(day), said) for day, said in alarms.select("trade_date", "explanation").rows()]
        _tell(home, monitors_rang(rang, _runs(settings)))
    for day, said in asked.select("trade_date", "explanation").rows():
        _tell(home, retrain_requested(str(day), said, settings.link("jobs")))
    return f"{alarms.height} alarms and {asked.height} requests are new", max(cursor, str(newest))


def _runs(settings: AlertSettings) -> str:
    return settings.link("runs")


def _partitions(run: dg.DagsterRun) -> str:
    """The partitions of a run in words, empty where it has none."""
    first, last = partitions_of_run(run)
    return first if first == last else f"{first} … {last}"
