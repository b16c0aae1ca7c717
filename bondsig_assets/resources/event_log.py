"""Dagster's SQLite event log, made fit for thousands of partitions in one run.

Belongs here: reuse of database engines and of what they said of their schema, and events stored
many at once. Not here: what is logged. The stock storage makes an engine and two transactions for
every event, so each one connects and compiles its SQL anew; a range of a thousand days writes tens
of thousands of events. Dagster hands them over in batches where DAGSTER_EVENT_BATCH_SIZE says so
(`home.py` does). `dagster.yaml` in the home names this class; files and tables are exactly those of
the stock storage, and either can read the other's.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, cast

from dagster._core.events import ASSET_EVENTS, DagsterEventType
from dagster._core.events.log import EventLogEntry
from dagster._core.storage.event_log.schema import SqlEventLogStorageTable
from dagster._core.storage.event_log.sql_event_log import SqlEventLogStorage
from dagster._core.storage.event_log.sqlite.sqlite_event_log import (
    SqliteEventLogStorage,
)
from dagster._core.storage.sqlite import SQLITE_BUSY_TIMEOUT_SECONDS
from dagster_shared.record import replace
from sqlalchemy import create_engine, event
from sqlalchemy.engine import Connection, Engine
from sqlalchemy.pool import QueuePool

#: Databases kept open at once: the index and the newest runs.
_OPEN_FILES = 6


class ReusingSqliteEventLogStorage(SqliteEventLogStorage):
    """The stock SQLite event log with one engine for each of the newest database files and a
    write-ahead journal.
    """

    def __init__(self, base_dir: str, inst_data: Any = None) -> None:
        self._engines: dict[str, Engine] = {}
        self._tables: set[str] = set()
        self._has_index_columns = False
        super().__init__(base_dir, inst_data)

    @classmethod
    def from_config_value(cls, inst_data: Any, config_value: Any) -> ReusingSqliteEventLogStorage:
        """Dagster's hook for storages named in dagster.yaml."""
        return cls(inst_data=inst_data, **config_value)

    @contextmanager
    def _connect(self, shard: str) -> Iterator[Connection]:
        with self._db_lock:
            engine = self._engine(shard)
            if shard not in self._initialized_dbs:
                self._initdb(engine)
                self._initialized_dbs.add(shard)
            with engine.connect() as connection, connection.begin():
                yield connection

    def store_event(self, event: EventLogEntry) -> None:
        """Store one event as the stock storage does."""
        super().store_event(without_partitions(event))

    def store_event_batch(self, events: Sequence[EventLogEntry]) -> None:
        """Store events about assets' partitions in one transaction a file, all others one by one.

        An asset's own row holds its newest event, so that of each kind the last alone is written.
        """
        about_assets = [one for one in events if one.dagster_event_type in ASSET_EVENTS]
        for one in events:
            if one.dagster_event_type not in ASSET_EVENTS:
                self.store_event(one)
        by_run: dict[str, list[EventLogEntry]] = {}
        for one in about_assets:
            by_run.setdefault(one.run_id, []).append(one)
        for run_id, of_run in by_run.items():
            rows = [self._event_to_row(one) for one in of_run]
            with self.run_connection(run_id) as connection:
                connection.execute(SqlEventLogStorageTable.insert(), rows)
            with self.index_connection() as connection:
                # Mirrored in the index of all runs, as `store_event` does for one.
                store_indexed(self, connection, of_run, rows)

    def _engine(self, shard: str) -> Engine:
        if shard not in self._engines:
            engine = create_engine(
                self.conn_string_for_shard(shard),
                poolclass=QueuePool,
                pool_size=1,
                connect_args={"timeout": SQLITE_BUSY_TIMEOUT_SECONDS, "check_same_thread": False},
            )
            event.listen(engine, "connect", _settings)
            self._engines[shard] = engine
        # Every run has a file of its own; a server that lives for months must not keep them all
        # open.
        self._engines[shard] = self._engines.pop(shard)
        while len(self._engines) > _OPEN_FILES:
            self._engines.pop(next(iter(self._engines))).dispose()
        return self._engines[shard]

    def has_table(self, table_name: str) -> bool:
        """Whether a table exists; asked for every event, and the answer never turns to no."""
        if table_name not in self._tables and super().has_table(table_name):
            self._tables.add(table_name)
        return table_name in self._tables

    def _has_asset_key_index_cols_on_connection(self, conn: Connection) -> bool:
        if not self._has_index_columns:
            self._has_index_columns = super()._has_asset_key_index_cols_on_connection(conn)
        return self._has_index_columns

    def dispose(self) -> None:
        """Close every connection."""
        for engine in self._engines.values():
            engine.dispose()
        super().dispose()


def store_indexed(
    storage: SqlEventLogStorage,
    connection: Connection,
    events: Sequence[EventLogEntry],
    rows: list[dict[str, Any]],
) -> None:
    """Store `events` about assets, of which `rows` are the rows, and what is kept of each asset."""
    ids = list(
        connection.scalars(
            SqlEventLogStorageTable.insert().returning(
                SqlEventLogStorageTable.c.id, sort_by_parameter_order=True
            ),
            rows,
        )
    )
    storage._store_asset_event_tags(connection, events, ids)
    for one, number in newest_of_each(events, rows, ids):
        storage._store_asset_event(connection, one, number)


def newest_of_each(
    events: Sequence[EventLogEntry], rows: Sequence[dict[str, Any]], ids: Sequence[int]
) -> list[tuple[EventLogEntry, int]]:
    """Of each asset and kind the last event and its number: all that an asset's own row holds."""
    newest = {
        (row["asset_key"], row["dagster_event_type"]): (one, number)
        for one, row, number in zip(events, rows, ids, strict=True)
    }
    return list(newest.values())


def without_partitions(event: EventLogEntry) -> EventLogEntry:
    """The event; of a check that is planned, without the partitions of its run.

    No check here has partitions of its own, so its outcome has none either, and a row planned for
    each partition of the run would stay planned for ever: 7,452 of them in a run of the tiny world.
    """
    told = event.dagster_event
    if told is None or told.event_type is not DagsterEventType.ASSET_CHECK_EVALUATION_PLANNED:
        return event
    planned = replace(cast("Any", told.event_specific_data), partitions_subset=None)
    return event._replace(dagster_event=told._replace(event_specific_data=planned))


def _settings(connection: Any, _record: Any) -> None:
    """No flush to disk per event: safe against a killed process; a power cut may cost the newest
    lines of the log, never the warehouse."""
    connection.execute("PRAGMA journal_mode=WAL")
    connection.execute("PRAGMA synchronous=OFF")
