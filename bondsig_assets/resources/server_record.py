"""Dagster's record in PostgreSQL, made fit for thousands of partitions in one run and for a server
that is started again.

Belongs here: connections that are kept and asked before they are used, and events stored many at
once, as `event_log.py` does for SQLite. Not here: what is recorded. The stock storages of a run
connect anew for every statement, with a login each time, and store planned partitions one by one: a
range run over 434 days had not planned its first stage after four minutes. Those of a web server
keep connections that a restart of PostgreSQL has closed, and fail on each of them once.
`deploy/dagster.yaml` names these classes; tables are those of the stock storages.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from dagster._core.events import ASSET_EVENTS
from dagster._core.events.log import EventLogEntry
from dagster_postgres.event_log import PostgresEventLogStorage
from dagster_postgres.run_storage import PostgresRunStorage
from dagster_postgres.schedule_storage import PostgresScheduleStorage
from dagster_postgres.utils import pg_url_from_config, set_pg_statement_timeout
from sqlalchemy import create_engine, event
from sqlalchemy.engine import Engine
from sqlalchemy.pool import QueuePool

from bondsig_assets.resources.event_log import store_indexed, without_partitions

#: Connections that a process keeps, and how many more its threads may take for a moment.
_CONNECTIONS, _MORE_CONNECTIONS = 3, 10


class _Reusing:
    """A stock storage that keeps its connections, and asks whether they live before it uses one."""

    _engine: Engine

    def __init__(self, postgres_url: str, *arguments: Any, **options: Any) -> None:
        super().__init__(postgres_url, *arguments, **options)  # type: ignore[call-arg]
        self._engine = create_engine(
            postgres_url,
            isolation_level="AUTOCOMMIT",
            poolclass=QueuePool,
            pool_size=_CONNECTIONS,
            max_overflow=_MORE_CONNECTIONS,
            pool_pre_ping=True,
        )

    @classmethod
    def from_config_value(cls, inst_data: Any, config_value: Any) -> Any:
        """Dagster's hook for storages named in dagster.yaml."""
        return cls(
            postgres_url=pg_url_from_config(config_value),
            should_autocreate_tables=config_value.get("should_autocreate_tables", True),
            inst_data=inst_data,
        )

    def optimize_for_webserver(
        self, statement_timeout: int, pool_recycle: int, max_overflow: int
    ) -> None:
        """Bound how long a statement of a page may take; connections are kept already."""

        def bound(connection: Any, _record: Any) -> None:
            set_pg_statement_timeout(connection, statement_timeout)

        event.listen(self._engine, "connect", bound)

    def dispose(self) -> None:
        """Close every connection."""
        self._engine.dispose()
        super().dispose()  # type: ignore[misc]


class ReusingPostgresRunStorage(_Reusing, PostgresRunStorage):
    """The stock record of runs, on connections that are kept."""


class ReusingPostgresScheduleStorage(_Reusing, PostgresScheduleStorage):
    """The stock record of ticks, on connections that are kept."""


class ReusingPostgresEventLogStorage(_Reusing, PostgresEventLogStorage):
    """The stock event log, on connections that are kept, with events stored many at once."""

    def store_event(self, event: EventLogEntry) -> None:
        """Store one event as the stock storage does."""
        super().store_event(without_partitions(event))

    def store_event_batch(self, events: Sequence[EventLogEntry]) -> None:
        """Store events about assets' partitions at once, all others one by one."""
        about_assets = [one for one in events if one.dagster_event_type in ASSET_EVENTS]
        for one in events:
            if one.dagster_event_type not in ASSET_EVENTS:
                self.store_event(one)
        if not about_assets:
            return
        rows = [self._event_to_row(one) for one in about_assets]
        with self.index_transaction() as connection:
            store_indexed(self, connection, about_assets, rows)
