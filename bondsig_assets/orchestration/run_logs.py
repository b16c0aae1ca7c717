"""What Dagster says of a run, a line each: its console logger, for people or for machines.

Belongs here: which events are told, and what of them. Not here: the form of a line (`logs.py`), and
Dagster's own record of events, which has all of them.
"""

from __future__ import annotations

import logging
import sys
from typing import Any

import dagster as dg
from dagster._core.events import (
    EVENT_TYPE_TO_DISPLAY_STRING,
    DagsterEvent,
    DagsterEventType,
)
from dagster._core.storage.tags import (
    ASSET_PARTITION_RANGE_END_TAG,
    ASSET_PARTITION_RANGE_START_TAG,
    PARTITION_NAME_TAG,
)
from dagster._core.utils import coerce_valid_log_level
from dagster._loggers import colored_console_logger

from bondsig_assets import logs
from bondsig_assets.orchestration.runner import told_cause

#: Events that Dagster calls DEBUG and that tell how far a run is. Materializations are not among
#: them: a range of a thousand days has forty thousand.
_TOLD = {
    DagsterEventType.STEP_START,
    DagsterEventType.STEP_SUCCESS,
    DagsterEventType.STEP_SKIPPED,
    DagsterEventType.RUN_START,
    DagsterEventType.RUN_SUCCESS,
}


def _make(context: dg.InitLoggerContext) -> logging.Logger:
    """Dagster's own console logger, or one of JSON lines on standard error."""
    if not logs.is_json():
        people: logging.Logger = colored_console_logger.logger_fn(context)
        return people
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_RunFormatter())
    handler.addFilter(_Told(coerce_valid_log_level(context.logger_config["log_level"])))
    # Not in logging's tree: what it says goes here alone.
    logger = logging.Logger("bondsig.run", logging.DEBUG)
    logger.addHandler(handler)
    return logger


#: The logger `console` of every job.
console_logger = dg.LoggerDefinition(
    _make, colored_console_logger.config_schema, "Lines for people, or for machines (BONDSIG_LOG)."
)


class _Told(logging.Filter):
    """Lets through what is as grave as was asked for, and how far the run is at INFO or below."""

    def __init__(self, level: int) -> None:
        super().__init__()
        self._level = level

    def filter(self, record: logging.LogRecord) -> bool:
        """Whether a record is told."""
        event = _metadata(record).get("dagster_event")
        is_told = event is not None and event.event_type in _TOLD
        return record.levelno >= self._level or (is_told and self._level <= logging.INFO)


class _RunFormatter(logging.Formatter):
    """A record with Dagster's metadata as a line."""

    def format(self, record: logging.LogRecord) -> str:
        """The line."""
        told = _metadata(record)
        event: DagsterEvent | None = told.get("dagster_event")
        return logs.line(
            told.get("orig_message") or record.getMessage(),
            # To Dagster the progress of a run is DEBUG, as are a thousand other events.
            "INFO" if record.levelno < logging.INFO else record.levelname,
            record.created,
            run_id=told.get("run_id"),
            asset=_asset(told, event),
            partition=_partition(told.get("job_tags") or {}, event),
            job=told.get("job_name"),
            event=_event_name(event),
            error=_error(event),
        )


def _metadata(record: logging.LogRecord) -> dict[str, Any]:
    """What Dagster hangs on a record."""
    return getattr(record, "dagster_meta", None) or {}


def _asset(told: dict[str, Any], event: DagsterEvent | None) -> str | None:
    """The asset an event is about, else the step, which bears an asset's name or a check's."""
    key = event.asset_key if event is not None else None
    step: str | None = told.get("step_key")
    return key.path[-1] if key is not None else step


def _partition(tags: dict[str, str], event: DagsterEvent | None) -> str | None:
    """The partition of an event, else of its run: one key, or first/last."""
    if event is not None and event.partition:
        return event.partition
    first = tags.get(ASSET_PARTITION_RANGE_START_TAG) or tags.get(PARTITION_NAME_TAG)
    last = tags.get(ASSET_PARTITION_RANGE_END_TAG) or first
    return first if first == last else f"{first}/{last}"


def _event_name(event: DagsterEvent | None) -> str | None:
    """As Dagster's UI calls it: RUN_START, where its record still says PIPELINE_START."""
    if event is None:
        return None
    return EVENT_TYPE_TO_DISPLAY_STRING.get(event.event_type, event.event_type_value)


def _error(event: DagsterEvent | None) -> str | None:
    """The cause of a failure in one line."""
    error = getattr(event.event_specific_data, "error", None) if event is not None else None
    return told_cause(error) if error is not None else None
