"""Which files a DuckLake catalog needs: those of every snapshot that it still knows.

Belongs here: reading, from a copy of a catalog, where its files lie. Not here: the lake as
tables (`warehouse/`).
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable
from contextlib import closing
from pathlib import Path, PurePosixPath

from bondsig_assets.errors import BackupError

#: The question for every file of a catalog, to SQLite and PostgreSQL; its rows are for `paths`. A
#: path is relative to its table's, that to its schema's, that to the place of all files.
FILES = """
    SELECT
        file.path AS file_path, file.path_is_relative AS is_file_relative,
        held.path AS table_path, held.path_is_relative AS is_table_relative,
        schema.path AS schema_path, schema.path_is_relative AS is_schema_relative
    FROM (
        SELECT table_id, path, path_is_relative FROM ducklake_data_file
        UNION ALL SELECT table_id, path, path_is_relative FROM ducklake_delete_file
    ) AS file
    JOIN (
        SELECT DISTINCT table_id, schema_id, path, path_is_relative FROM ducklake_table
    ) AS held USING (table_id)
    JOIN (
        SELECT DISTINCT schema_id, path, path_is_relative FROM ducklake_schema
    ) AS schema USING (schema_id)
"""


def needed_files(catalog: Path) -> list[str]:
    """Paths below the folder of files, sorted, of all data and deletes of any snapshot.

    Raises BackupError where the catalog names a file that lies elsewhere.
    """
    with closing(sqlite3.connect(catalog)) as database:
        return paths(database.execute(FILES))


def paths(rows: Iterable[tuple[str, bool, str, bool, str, bool]]) -> list[str]:
    """Paths below the place of all files, sorted, that rows of FILES name. Raises BackupError where
    one lies elsewhere.
    """
    return sorted({_path(row) for row in rows})


def forget_scheduled(catalog: Path) -> None:
    """Take from a catalog's copy what was waiting there to be thrown away: no snapshot needs it,
    and it is not copied.
    """
    with closing(sqlite3.connect(catalog)) as database, database:
        database.execute("DELETE FROM ducklake_files_scheduled_for_deletion")


def newest_snapshot(catalog: Path) -> int | None:
    """The newest snapshot of a catalog."""
    with closing(sqlite3.connect(catalog)) as database:
        found: int | None = database.execute(
            "SELECT max(snapshot_id) FROM ducklake_snapshot"
        ).fetchone()[0]
    return found


def _path(row: tuple[str, bool, str, bool, str, bool]) -> str:
    path = PurePosixPath()
    for part, is_relative in ((row[4], row[5]), (row[2], row[3]), (row[0], row[1])):
        if not is_relative:
            raise BackupError(
                f"the lake names {part}, which is not in its home: a lake of files that were added"
                " from elsewhere is not backed up by bondsig"
            )
        path /= part
    return str(path)
