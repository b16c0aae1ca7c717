"""A team's record of Dagster in PostgreSQL, for upkeep: the statements of `event_log.py` there.

Belongs here: what PostgreSQL says otherwise than SQLite. Not here: what of the record goes.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from typing import Any

from bondsig_assets.credentials import hidden
from bondsig_assets.errors import BackupError

#: Tables that upkeep takes rows out of.
_TABLES = ("event_logs", "asset_check_executions")


class ServerRecord:
    """A connection that takes statements as SQLite has them; each a transaction of its own."""

    def __init__(self, connection: Any) -> None:
        self._connection = connection

    def execute(self, sql: str, parameters: Sequence[Any] = ()) -> Any:
        """A cursor with the answer. Raises psycopg2.Error."""
        cursor = self._connection.cursor()
        cursor.execute(sql.replace("?", "%s").replace("instr(", "strpos("), tuple(parameters))
        return cursor

    def size(self) -> int:
        """Bytes of the tables and their indexes on the server's disk."""
        sizes = " + ".join(f"pg_total_relation_size('{table}')" for table in _TABLES)
        return int(self.execute(f"SELECT {sizes}").fetchone()[0])

    def shrink(self) -> None:
        """Let later rows take the room of those that went, beside readers and writers."""
        for table in _TABLES:
            self.execute(f"VACUUM {table}")


@contextmanager
def record_on_server(address: str) -> Iterator[ServerRecord]:
    """The record behind `address`, as SQLAlchemy or libpq write it. Raises BackupError."""
    import psycopg2

    plain = address.replace("postgresql+psycopg2://", "postgresql://", 1)
    try:
        with closing(psycopg2.connect(plain)) as connection:
            connection.autocommit = True
            yield ServerRecord(connection)
    except psycopg2.Error as error:
        said = hidden(" ".join(str(error).split()))
        raise BackupError(f"could not keep the team's record in order: {said}") from error
