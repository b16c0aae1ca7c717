"""What stands in a warehouse before any data: schemas, tables, comments, views and macros.

Belongs here: bringing a database to the declarations in `tables/` and the files in
`sql/views/`, the same way for the lake and for an exported file. Not here: opening
either, and data (`warehouse.py`).
"""

from __future__ import annotations

import hashlib
from pathlib import Path

import duckdb

from bondsig_assets.calendar.clock import now
from bondsig_assets.errors import WarehouseError
from bondsig_assets.home import PACKAGE
from bondsig_assets.machine import who
from bondsig_assets.tables import TABLES
from bondsig_assets.tables.schema import Table, quote
from bondsig_assets.warehouse.migrations import files, migrate, unseen

VIEW_FILES = PACKAGE / "sql" / "views"


def fingerprint(database: str) -> str:
    """Changes whenever `install` would do something else to `database`."""
    parts = [database, Path(__file__).read_text()]
    for table in TABLES.values():
        parts += [table.create_statement(), *table.comment_statements()]
    parts += [file.name + file.read_text() for file in _view_files()]
    parts += [file.name for file in files().values()]
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()


def note_installed(connection: duckdb.DuckDBPyConnection) -> None:
    """Let every machine of a team know, in `settings`, what tables and views there are now."""
    connection.execute("DELETE FROM settings WHERE name = 'installed'")
    text = fingerprint("")
    connection.execute(
        "INSERT INTO settings VALUES ('installed', ?, ?, ?, ?)",
        [text, text[:12], who(), now().replace(tzinfo=None)],
    )


def is_installed(connection: duckdb.DuckDBPyConnection) -> bool:
    """Whether `note_installed` noted what `install` would make now."""
    noted = connection.execute("SELECT content FROM settings WHERE name = 'installed'").fetchall()
    return noted == [(fingerprint(""),)]


def install(connection: duckdb.DuckDBPyConnection) -> None:
    """Create or update everything in the connection's current database, inside the caller's
    transaction.

    New nullable columns are added; an empty table is made anew. Raises WarehouseError when a
    table that holds data cannot follow its declaration, or a file in `sql/views/` does not run.
    """
    migrate(connection)
    for schema in sorted({table.schema for table in TABLES.values()} - {"main"}):
        connection.execute(f"CREATE SCHEMA IF NOT EXISTS {schema}")
    found = _columns(connection)
    for table in TABLES.values():
        _install_table(connection, table, found.get((table.schema, table.name), {}))
        for statement in table.comment_statements():
            connection.execute(statement)
    _install_views(connection)


def pending_changes(connection: duckdb.DuckDBPyConnection) -> list[str]:
    """What `install` would change in the connection's current database, in words: migrations,
    tables, columns. Views and comments, which hold nothing, are not among it.

    Raises WarehouseError for a database that a newer bondsig has changed.
    """
    ran, found = unseen(connection), _columns(connection)
    changes = [f"migration {name}" for name in ran]
    for table in TABLES.values():
        held = found.get((table.schema, table.name))
        if held is None:
            changes.append(f"table {table.qualified_name} is new")
            continue
        added = [column.name for column in table.columns if column.name not in held]
        changes += [f"column {table.qualified_name}.{name} is new" for name in added]
    return changes


def _columns(connection: duckdb.DuckDBPyConnection) -> dict[tuple[str, str], dict[str, str]]:
    """Schema and table → name and type of each column that it has now; asked once, because DuckDB
    lists every column of every table whichever is wanted.
    """
    found: dict[tuple[str, str], dict[str, str]] = {}
    for schema, table, column, dtype in connection.execute(
        "SELECT schema_name, table_name, column_name, data_type FROM duckdb_columns() WHERE"
        " database_name = current_database()"
    ).fetchall():
        found.setdefault((schema, table), {})[column] = dtype
    return found


def _install_table(
    connection: duckdb.DuckDBPyConnection, table: Table, found: dict[str, str]
) -> None:
    declared = {column.name: column.type for column in table.columns}
    added = [column for column in table.columns if column.name not in found]
    if found and (added or found != declared):
        changed = sorted(name for name, dtype in found.items() if declared.get(name) != dtype)
        impossible = changed + [column.name for column in added if not column.nullable]
        if connection.execute(f"SELECT 1 FROM {table.qualified_name} LIMIT 1").fetchone() is None:
            connection.execute(f"DROP TABLE {table.qualified_name}")
        elif impossible:
            raise WarehouseError(
                f"table {table.qualified_name} holds rows that do not fit its declaration any more"
                f" (columns {', '.join(impossible)}): export it and start a new warehouse"
            )
        else:
            for column in added:
                connection.execute(
                    f'ALTER TABLE {table.qualified_name} ADD COLUMN "{column.name}" {column.type}'
                )
    connection.execute(table.create_statement())


def _install_views(connection: duckdb.DuckDBPyConnection) -> None:
    # A view whose file is gone must go too, or researchers keep reading it.
    dropped = connection.execute(
        "SELECT 'VIEW ' || view_name FROM duckdb_views() WHERE database_name = current_database()"
        " AND NOT internal UNION SELECT CASE function_type WHEN 'table_macro' THEN 'MACRO TABLE '"
        " ELSE 'MACRO ' END || function_name FROM duckdb_functions() WHERE database_name ="
        " current_database() AND NOT internal"
    ).fetchall()
    for (name,) in dropped:
        connection.execute(f"DROP {name}")
    create_views(connection)


def create_views(connection: duckdb.DuckDBPyConnection) -> None:
    """Create the views and macros of `sql/views/` in the connection's current database.

    Raises WarehouseError for a file that does not run.
    """
    for file in _view_files():
        text = file.read_text()
        try:
            connection.execute(text)
        except duckdb.Error as error:
            raise WarehouseError(f"sql/views/{file.name}: {error}") from error
        if f"VIEW {file.stem}" in text:
            connection.execute(f"COMMENT ON VIEW {file.stem} IS {quote(opening(text))}")


def opening(text: str) -> str:
    """The comment lines that a file of `sql/views/` opens with, as one text."""
    lines = []
    for line in text.splitlines():
        if not line.startswith("--"):
            break
        lines.append(line.lstrip("- ").strip())
    return " ".join(lines)


def _view_files() -> list[Path]:
    return sorted(VIEW_FILES.glob("*.sql"))
