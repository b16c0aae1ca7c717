"""Dagster's SQLite event log, made fit for thousands of partitions in one run.

Belongs here: reuse of database engines and of what they said of their schema. Not here: what is
logged. The stock storage makes an engine for every event, so each one connects and compiles its SQL
anew; a range of a thousand days writes tens of thousands of events. `dagster.yaml` in the home
names this class; files and tables are exactly those of the stock storage, and either can read the
other's.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from dagster._core.storage.event_log.sqlite.sqlite_event_log import (
    SqliteEventLogStorage,
)
from dagster._core.storage.sqlite import SQLITE_BUSY_TIMEOUT_SECONDS
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


def _settings(connection: Any, _record: Any) -> None:
    """No flush to disk per event: safe against a killed process; a power cut may cost the newest
    lines of the log, never the warehouse."""
    connection.execute("PRAGMA journal_mode=WAL")
    connection.execute("PRAGMA synchronous=OFF")
