"""Numbered changes of a lake from one version of bondsig to the next.

Belongs here: running the files of `sql/migrations/` that a lake has not seen, in order, inside the
caller's transaction. Not here: new columns and comments, which follow from the declarations
(`installation.py`). A file is never edited after a release: what it left is mended by the next one.
"""

from __future__ import annotations

from pathlib import Path

import duckdb

from bondsig_assets.errors import WarehouseError
from bondsig_assets.home import PACKAGE
from bondsig_assets.tables import TABLES

FOLDER = PACKAGE / "sql" / "migrations"
#: The migration that makes the record of migrations.
_FIRST = 1


def files() -> dict[int, Path]:
    """Number → file of every migration, in order: the name begins with its number."""
    return {int(path.name.split("_")[0]): path for path in sorted(FOLDER.glob("*.sql"))}


def migrate(connection: duckdb.DuckDBPyConnection) -> list[str]:
    """Run what the current database has not seen; names of what ran.

    A database without tables is made by the declarations as they are now: it counts as having seen
    everything. Raises WarehouseError for a statement that fails, and for a database that a newer
    bondsig has changed.
    """
    known, present = files(), _tables(connection)
    seen = _known_of(connection, present)
    is_new, ran = not present & TABLES.keys(), []
    for number, path in known.items():
        if number in seen:
            continue
        if number == _FIRST or not is_new:
            _run(connection, path)
            ran.append(path.stem)
        connection.execute(
            "INSERT INTO migrations VALUES (?, ?, now()::TIMESTAMP)", [number, path.stem]
        )
    return ran


def unseen(connection: duckdb.DuckDBPyConnection) -> list[str]:
    """Names of the migrations that `migrate` would run. Raises WarehouseError for a database that a
    newer bondsig has changed.
    """
    present = _tables(connection)
    if not present & TABLES.keys():
        return []
    seen = _known_of(connection, present)
    return [path.stem for number, path in files().items() if number not in seen]


def _known_of(connection: duckdb.DuckDBPyConnection, present: set[str]) -> set[int]:
    """Numbers of the migrations that a database has seen. Raises WarehouseError where one of them
    is not known here.
    """
    known, seen = files(), _seen(connection) if "migrations" in present else set()
    if newer := seen - known.keys():
        raise WarehouseError(
            f"this warehouse was changed by a newer bondsig (migration {max(newer):04d}, this one"
            f" knows {max(known):04d}): install that version, or another home"
        )
    return seen


def _run(connection: duckdb.DuckDBPyConnection, path: Path) -> None:
    try:
        connection.execute(path.read_text())
    except duckdb.Error as error:
        raise WarehouseError(f"sql/migrations/{path.name}: {error}") from error


def _tables(connection: duckdb.DuckDBPyConnection) -> set[str]:
    found = connection.execute(
        "SELECT table_name FROM duckdb_tables() WHERE database_name = current_database()"
    ).fetchall()
    return {name for (name,) in found}


def _seen(connection: duckdb.DuckDBPyConnection) -> set[int]:
    return {number for (number,) in connection.execute("SELECT number FROM migrations").fetchall()}
