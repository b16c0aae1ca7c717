"""Dagster's record over years: what of it stays, and what goes after some weeks.

Belongs here: by type and age of its events what goes, of a home's own record (SQLite) and of a
team's (`server_events.py`); Dagster has no setting for it (dagster#33785). Not here: how events are
stored (`resources/event_log.py`), and ticks, of which `dagster.yaml` says how long they stay.

For ever: each materialization, which says what is done and from what; observations; of each check
its newest result; the runs themselves. After `before` goes what only tells how a run went: its own
file of events, what it printed, plans, checks' earlier results. Of a materialization goes the
picture in it, which is two thirds of a daily run's record.
"""

from __future__ import annotations

import json
import shutil
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Protocol

from bondsig_assets.errors import BackupError
from bondsig_assets.home import Home
from bondsig_assets.upkeep.databases import BESIDE, opened
from bondsig_assets.upkeep.server_databases import dagster_address
from bondsig_assets.upkeep.server_events import record_on_server

_KEPT = ("ASSET_MATERIALIZATION", "ASSET_OBSERVATION")
_FINISHED = ("SUCCESS", "FAILURE", "CANCELED")
_OF_LIVING_RUNS = f"run_id IN (SELECT run_id FROM runs WHERE status NOT IN {_FINISHED})"
#: Rows that one transaction deletes or writes: a run that writes its events waits for no longer.
_ROWS = 5_000
#: A materialization of fewer bytes has no picture in it.
_WITH_PICTURE = 10_000
#: How a picture stands in the metadata (`assets/common.py`).
_PICTURE = "](data:image/png;base64,"
_GONE = "*The picture of this day was thrown away by upkeep; later runs have drawn it anew.*"
#: A database is written anew where at least this part of it is empty.
_EMPTY = 0.1


@dataclass(frozen=True)
class Pruned:
    """What went: events and pictures from the index, files of runs, and bytes."""

    events: int = 0
    pictures: int = 0
    runs: int = 0
    freed: int = 0
    #: Why the index could not be written anew, which the next upkeep will try again.
    not_shrunk: str = ""


class _Record(Protocol):
    """What holds the events: SQLite's file or a server."""

    def execute(self, sql: str, parameters: Sequence[Any] = ..., /) -> Any: ...


def prune(home: Home, before: datetime) -> Pruned:
    """Throw away what is older than `before`, a moment with its zone, beside runs and servers.

    Raises BackupError where the record cannot be read.
    """
    then = before.astimezone(UTC).replace(tzinfo=None)
    index = home.dagster / "history" / "runs" / "index.db"
    if not index.exists():
        return _prune_server(home, then)
    with _in_one_line(index):
        size = _size(home.dagster)
        with opened(index) as database:
            events = _drop_events(database, then)
            pictures = _drop_pictures(database, then)
            not_shrunk = _shrink(database)
        runs = _drop_runs(home, then, _runs_of_home(home))
    return Pruned(events, pictures, runs, max(size - _size(home.dagster), 0), not_shrunk)


def _prune_server(home: Home, then: datetime) -> Pruned:
    """The same of a team's record. It holds all events of runs: those of runs that are not finished
    stay.
    """
    address = dagster_address(home)
    if not address:
        return Pruned()
    with _in_one_line(home.dagster), record_on_server(address) as record:
        size = record.size()
        events = _drop_events(record, then, _OF_LIVING_RUNS)
        pictures = _drop_pictures(record, then)
        runs = _drop_runs(home, then, _runs_of(record))
        record.shrink()
        freed = size - record.size()
    return Pruned(events, pictures, runs, max(freed, 0))


def prunable(home: Home, before: datetime) -> int:
    """How many runs of a home's own record have logs that `prune` would throw away."""
    then = before.astimezone(UTC).replace(tzinfo=None)
    if not (home.dagster / "history" / "runs.db").exists():
        return 0
    with _in_one_line(home.dagster):
        return sum(1 for _ in _old_files(home, then, _runs_of_home(home)))


@contextmanager
def _in_one_line(place: Path) -> Iterator[None]:
    try:
        yield
    except (sqlite3.Error, OSError) as error:
        raise BackupError(f"could not keep {place} in order: {error}") from error


def _drop_events(database: _Record, then: datetime, and_not: str = "FALSE") -> int:
    """Delete from the index; how many rows. The newest row of all stays whatever it is: SQLite
    gives its number again, and sensors remember up to which number they have read.
    """
    moment, kept = then.isoformat(sep=" "), ", ".join(f"'{kind}'" for kind in _KEPT)
    newest_check = (
        "SELECT {} FROM asset_check_executions WHERE id IN (SELECT max(id) FROM"
        " asset_check_executions WHERE evaluation_event IS NOT NULL GROUP BY asset_key, check_name)"
    )
    dropped = _drop(
        database,
        "event_logs",
        f"timestamp < ? AND coalesce(dagster_event_type, '') NOT IN ({kept}) AND id NOT IN"
        f" ({newest_check.format('coalesce(evaluation_event_storage_id, -1)')}) AND id <> (SELECT"
        f" max(id) FROM event_logs) AND NOT ({and_not})",
        moment,
    )
    _drop(
        database,
        "asset_check_executions",
        f"create_timestamp < ? AND id NOT IN ({newest_check.format('id')}) AND id <> (SELECT"
        " max(id) FROM asset_check_executions)",
        moment,
    )
    return dropped


def _drop(database: _Record, table: str, where: str, moment: str) -> int:
    """Delete rows some thousand at a time; how many."""
    dropped = 0
    while True:
        done: int = database.execute(
            f"DELETE FROM {table} WHERE id IN (SELECT id FROM {table} WHERE {where} LIMIT {_ROWS})",
            [moment],
        ).rowcount
        dropped += done
        if done < _ROWS:
            return dropped


def _drop_pictures(database: _Record, then: datetime) -> int:
    """Take the pictures out of old materializations; from how many."""
    numbers = [
        number
        for (number,) in database.execute(
            "SELECT id FROM event_logs WHERE dagster_event_type = 'ASSET_MATERIALIZATION' AND"
            f" timestamp < ? AND length(event) > {_WITH_PICTURE} AND instr(event, ?) > 0 ORDER BY"
            " id",
            [then.isoformat(sep=" "), _PICTURE],
        )
    ]
    changed = 0
    for number in numbers:
        (text,) = database.execute("SELECT event FROM event_logs WHERE id = ?", [number]).fetchone()
        event = json.loads(text)
        if _without_pictures(event):
            database.execute(
                "UPDATE event_logs SET event = ? WHERE id = ?", [json.dumps(event), number]
            )
            changed += 1
    return changed


def _without_pictures(told: object) -> int:
    """Put a sentence in the place of every text that is a picture, in place; how many were."""
    items = (
        list(told.items())
        if isinstance(told, dict)
        else list(enumerate(told))
        if isinstance(told, list)
        else []
    )
    found = 0
    for key, value in items:
        if isinstance(value, str) and value.startswith("![") and _PICTURE in value:
            told[key] = _GONE  # type: ignore[index]
            found += 1
        else:
            found += _without_pictures(value)
    return found


def _shrink(database: sqlite3.Connection) -> str:
    """Write the file anew where much of it is empty; why that could not be done, else nothing."""
    pages, empty = (
        database.execute(f"PRAGMA {name}").fetchone()[0]
        for name in ("page_count", "freelist_count")
    )
    if empty < _EMPTY * pages:
        return ""
    try:
        database.execute("VACUUM")
        database.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    except sqlite3.OperationalError as error:
        return str(error)
    return ""


def _runs_of(record: _Record) -> dict[str, tuple[str, datetime | None]]:
    """Each run the record knows → its state and when that changed, in UTC without its zone."""
    return {
        run: (status, datetime.fromisoformat(changed) if isinstance(changed, str) else changed)
        for run, status, changed in record.execute(
            "SELECT run_id, status, update_timestamp FROM runs"
        ).fetchall()
    }


def _runs_of_home(home: Home) -> dict[str, tuple[str, datetime | None]]:
    with opened(home.dagster / "history" / "runs.db") as record:
        return _runs_of(record)


def _old_files(
    home: Home, then: datetime, known: dict[str, tuple[str, datetime | None]]
) -> Iterator[tuple[str, list[Path]]]:
    """Each run that ended before `then`, or that the record does not know, and what is left of it:
    its file of events and the folder of what it printed.
    """
    left: dict[str, list[Path]] = {}
    for path in sorted((home.dagster / "history" / "runs").glob("*.db")):
        if path.name != "index.db":
            left.setdefault(path.stem, []).append(path)
    for path in sorted((home.dagster / "storage").glob("*")):
        if (path / "compute_logs").is_dir():
            left.setdefault(path.name, []).append(path)
    for run, paths in left.items():
        status, changed = known.get(run, ("", None))
        if (changed or _last_change(paths)) < then and (status in _FINISHED or run not in known):
            yield run, paths


def _drop_runs(home: Home, then: datetime, known: dict[str, tuple[str, datetime | None]]) -> int:
    """Remove what is left of runs that ended long ago; of how many."""
    dropped = 0
    for _, paths in _old_files(home, then, known):
        dropped += 1
        for path in paths:
            if path.is_dir():
                shutil.rmtree(path, ignore_errors=True)
                continue
            for end in ("", *BESIDE):
                path.with_name(path.name + end).unlink(missing_ok=True)
    return dropped


def _last_change(paths: list[Path]) -> datetime:
    """When the newest of some files changed, in UTC without its zone."""
    newest = max(path.stat().st_mtime for path in paths)
    return datetime.fromtimestamp(newest, UTC).replace(tzinfo=None)


def _size(folder: Path) -> int:
    """Bytes of all files below a folder."""
    total = 0
    for path in folder.rglob("*"):
        try:
            total += path.stat().st_size if path.is_file() else 0
        except FileNotFoundError:
            continue
    return total
