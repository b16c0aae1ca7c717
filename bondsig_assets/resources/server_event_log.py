"""Dagster's PostgreSQL event log, made fit for thousands of partitions in one run.

Belongs here: connections that are kept, and events stored many at once, as `event_log.py` does for
SQLite. Not here: what is logged. The stock storage connects anew for every statement, with a login
each time, and stores planned partitions one by one: a range run over 434 days had planned its first
stage after minutes. `deploy/dagster.yaml` names this class; tables are those of the stock storage.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from dagster._core.events import ASSET_EVENTS
from dagster._core.events.log import EventLogEntry
from dagster._core.storage.event_log.schema import SqlEventLogStorageTable
from dagster_postgres.event_log import PostgresEventLogStorage
from dagster_postgres.utils import pg_url_from_config
from sqlalchemy import create_engine
from sqlalchemy.pool import QueuePool

from bondsig_assets.resources.event_log import newest_of_each, without_partitions

#: Connections that a process keeps, and how many more its threads may take for a moment.
_CONNECTIONS, _MORE_CONNECTIONS = 3, 10


class ReusingPostgresEventLogStorage(PostgresEventLogStorage):
    """The stock PostgreSQL event log that keeps connections between statements."""

    def __init__(self, postgres_url: str, *arguments: Any, **options: Any) -> None:
        super().__init__(postgres_url, *arguments, **options)
        self._engine = create_engine(
            postgres_url,
            isolation_level="AUTOCOMMIT",
            poolclass=QueuePool,
            pool_size=_CONNECTIONS,
            max_overflow=_MORE_CONNECTIONS,
            # A server that was started again has closed it.
            pool_pre_ping=True,
        )

    @classmethod
    def from_config_value(cls, inst_data: Any, config_value: Any) -> ReusingPostgresEventLogStorage:
        """Dagster's hook for storages named in dagster.yaml."""
        return cls(
            postgres_url=pg_url_from_config(config_value),
            should_autocreate_tables=config_value.get("should_autocreate_tables", True),
            inst_data=inst_data,
        )

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
            ids = list(
                connection.scalars(
                    SqlEventLogStorageTable.insert().returning(
                        SqlEventLogStorageTable.c.id, sort_by_parameter_order=True
                    ),
                    rows,
                )
            )
            self._store_asset_event_tags(connection, about_assets, ids)
            for one, number in newest_of_each(about_assets, rows, ids):
                self._store_asset_event(connection, one, number)

    def dispose(self) -> None:
        """Close every connection."""
        self._engine.dispose()
        super().dispose()
