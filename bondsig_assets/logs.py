"""Log lines for machines: with `BONDSIG_LOG=json` every line is one JSON object.

Belongs here: the setting, the object, streams and records that become lines. Not here: what Dagster
says of its runs (`orchestration/run_logs.py`), and what a command prints (`commands/`).
"""

from __future__ import annotations

import io
import json
import logging
import os
import re
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, TextIO

from bondsig_assets.credentials import hidden
from bondsig_assets.errors import SettingsError

VARIABLE = "BONDSIG_LOG"
#: Structlog's and uvicorn's names of levels in ours.
_LEVELS = {"warn": "WARNING", "exception": "ERROR", "fatal": "CRITICAL"}
_COLOURS = re.compile(r"\x1b\[[0-9;]*m")
#: A line of text names its level in capitals, early on.
_GRAVER = re.compile(r"\b(WARNING|ERROR|CRITICAL)\b")
_OPENING = 100


def is_json() -> bool:
    """Whether lines are for machines; raises SettingsError for a value that says neither."""
    said = os.environ.get(VARIABLE, "").strip().lower()
    if said not in ("", "text", "json"):
        raise SettingsError(f"{VARIABLE} is '{said}'; say json, or text, or unset it")
    return said == "json"


def line(
    message: str,
    level: str = "INFO",
    at: float | None = None,
    *,
    run_id: str | None = None,
    asset: str | None = None,
    partition: str | None = None,
    **more: Any,
) -> str:
    """One object without its line's end: `time` (UTC), `level`, `run_id`, `asset`, `partition` (an
    interval as first/last), `message`, and `more`, where that has a value.
    """
    moment = datetime.now(UTC) if at is None else datetime.fromtimestamp(at, UTC)
    told = {
        "time": moment.isoformat(timespec="milliseconds"),
        "level": level,
        "run_id": run_id,
        "asset": asset,
        "partition": partition,
        "message": message,
        **{name: value for name, value in more.items() if value not in (None, "")},
    }
    return hidden(json.dumps(told, ensure_ascii=False, default=str))


class JsonFormatter(logging.Formatter):
    """A record of Python's logging as a line; an exception's traceback stands in the object."""

    def format(self, record: logging.LogRecord) -> str:
        """The line."""
        traceback = self.formatException(record.exc_info) if record.exc_info else None
        return line(
            record.getMessage(),
            record.levelname,
            record.created,
            logger=record.name,
            traceback=traceback,
        )


class JsonLines(io.TextIOBase):
    """A text stream: each line written to it that is not blank becomes an object in `stream`."""

    def __init__(self, stream: TextIO) -> None:
        self._stream, self._begun = stream, ""

    @property
    def encoding(self) -> str:  # type: ignore[override]
        """That of JSON."""
        return "utf-8"

    def writable(self) -> bool:
        """Yes."""
        return True

    def write(self, text: str) -> int:
        """Take text; whole lines go on."""
        *whole, self._begun = (self._begun + text).split("\n")
        for one in whole:
            if one.strip():
                self._stream.write(line(one.rstrip()) + "\n")
        return len(text)

    def flush(self) -> None:
        """Pass on what is whole."""
        self._stream.flush()


def log_as_json() -> None:
    """Let what Python's loggers say, warnings included, be lines on standard error."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonFormatter())
    logging.basicConfig(level=logging.WARNING, handlers=[handler], force=True)
    logging.captureWarnings(True)


def relayed(text: str, source: str) -> str:
    """A line of another process as an object: one of ours as it is, one of Dagster's own JSON under
    our names, any other text as its message. `source` says which process it was.
    """
    try:
        told = json.loads(text)
    except ValueError:
        told = None
    if not isinstance(told, dict):
        plain = _COLOURS.sub("", text)
        graver = _GRAVER.search(plain[:_OPENING])
        return line(plain, graver[1] if graver else "INFO", source=source)
    if {"time", "level", "message"} <= told.keys():
        return hidden(json.dumps({**told, "source": source}, ensure_ascii=False))
    level = str(told.get("level", "info")).lower()
    return line(
        str(told.get("event", text)),
        _LEVELS.get(level, level.upper()),
        source=source,
        logger=told.get("logger"),
        traceback=told.get("exception"),
    )


def relay(lines: TextIO, source: str, write: Callable[[str], object]) -> None:
    """Pass on, as objects, what another process says until it ends."""
    for text in lines:
        if text.strip():
            write(relayed(text.rstrip("\n"), source) + "\n")
