"""The warehouse: DuckLake tables that many processes read while one writes.

Belongs here: reading, replacing partitions, snapshots, export and upkeep. Not here: what
the tables are (`tables.py`), how they are created (`installation.py`), or what their rows
mean. `docs/decisions/` says why DuckLake.

With the embedded catalog a file lock is held from BEGIN through COMMIT: DuckLake commits by
optimistic retry, and SQLite answers the loser with "database is locked". A team's catalog in
PostgreSQL needs no lock of ours.
"""

from __future__ import annotations

import os
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path

import duckdb
import polars as pl
from filelock import FileLock, Timeout

from bondsig_assets.resources.extensions import engine
from bondsig_assets.resources.installation import InstallationError, fingerprint, install
from bondsig_assets.schema import SchemaError, Table, quote
from bondsig_assets.tables import TABLES

Days = tuple[date, date]


class WarehouseError(Exception):
    """What the warehouse could not do, and why, in one line."""


@dataclass(frozen=True)
class Write:
    """Rows that take the place of others in one table.

    Replaced are the partitions in the closed range `between`, or the whole table when None;
    `matching` narrows that to the rows with these values. An empty frame only deletes.
    """

    table: str
    frame: pl.DataFrame
    between: Days | None = None
    matching: Mapping[str, str] = field(default_factory=dict)


class Warehouse:
    """The tables under `home`; a cheap, picklable handle that keeps nothing open between calls.

    `catalog` is a SQLite file, or `postgres:<connection string>`; `storage` a folder, or
    `s3://bucket/path` with the AWS_* variables set. Every method raises WarehouseError.
    """

    def __init__(self, home: Path, catalog: str = "", storage: str = "", lock_timeout: float = 600) -> None:
        self.home = Path(home).absolute()
        self.catalog = catalog or str(self.home / "lake" / "catalog.sqlite")
        self.storage = storage or str(self.home / "lake" / "files")
        self.lock_timeout = lock_timeout

    def __repr__(self) -> str:
        # The catalog may hold a password.
        return f"Warehouse({str(self.home)!r})"

    @property
    def is_shared(self) -> bool:
        """Whether the catalog is a PostgreSQL server."""
        return self.catalog.startswith("postgres:")

    # Setting up

    def initialize(self) -> None:
        """Create or update schemas, tables, comments, views and macros; a few milliseconds when nothing changed."""
        marker = self.home / "lake" / "installed"
        wanted = fingerprint()
        if self._exists() and marker.exists() and marker.read_text() == wanted:
            return
        with self._writing("could not set up the warehouse", create=True) as lake:
            lake.execute("BEGIN")
            install(lake)
            lake.execute("COMMIT")
            marker.write_text(wanted)

    # Writing

    def replace(self, *writes: Write) -> int:
        """Do all `writes` in one transaction, and return the snapshot it made.

        Everything is checked first: declared columns and types, required values, unique keys,
        and that each row lies within what its write replaces. After any failure the warehouse
        is as it was.
        """
        checked = [(write, _checked(write)) for write in writes]
        names = ", ".join(write.table for write in writes)
        with self._writing(f"could not write {names}; the warehouse is unchanged") as lake:
            lake.execute("BEGIN")
            for write, frame in checked:
                table = _table(write.table)
                condition, values = _condition(table, write.between, write.matching)
                lake.execute(f"DELETE FROM {table.qualified_name}{condition}", values)
                if frame.height:
                    lake.register("incoming", frame)
                    lake.execute(f"INSERT INTO {table.qualified_name} BY NAME SELECT * FROM incoming")
                    lake.unregister("incoming")
            lake.execute("COMMIT")
            return _scalar(lake, "SELECT coalesce((FROM ducklake_last_committed_snapshot('lake')), (FROM ducklake_current_snapshot('lake')))")

    # Reading

    def read(self, sql: str, parameters: Sequence = ()) -> pl.DataFrame:
        """The result of one read-only statement, on the newest snapshot."""
        with self._reading() as lake:
            return lake.execute(sql, list(parameters)).pl()

    def query(self, sql: str, parameters: Sequence = ()) -> tuple[list[str], list[tuple]]:
        """Column names and rows of one read-only statement, as Python values."""
        with self._reading() as lake:
            lake.execute(sql, list(parameters))
            return [column[0] for column in lake.description or ()], lake.fetchall()

    def read_table(
        self,
        name: str,
        *,
        between: Days | None = None,
        columns: Sequence[str] | None = None,
        where: str = "",
        at_snapshot: int | None = None,
    ) -> pl.DataFrame:
        """Rows of one table by partition and key, with the declared Polars types.

        `between` is a closed range of partitions, `where` a SQL condition, `at_snapshot` an
        earlier state. The order is part of the contract: sums of floats depend on it.
        """
        table = _table(name)
        wanted = list(columns) if columns is not None else table.column_names
        if unknown := [column for column in wanted if column not in table.column_names]:
            raise WarehouseError(f"table {name} has no column {', '.join(unknown)}")
        condition, values = _condition(table, between, {}, where)
        version = f" AT (VERSION => {int(at_snapshot)})" if at_snapshot is not None else ""
        selected, order = ", ".join(f'"{column}"' for column in wanted), ", ".join(_order(table))
        frame = self.read(f"SELECT {selected} FROM {table.qualified_name}{version}{condition} ORDER BY {order}", values)
        return frame.cast({column: table.polars_schema[column] for column in wanted})

    def partitions(self, name: str) -> set[date]:
        """The partitions that hold at least one row."""
        return set(self.row_counts(name))

    def row_counts(self, name: str, between: Days | None = None) -> dict[date, int]:
        """Rows of each partition in `between` that holds any, in order."""
        table = _table(name)
        partition = _partition(table)
        condition, values = _condition(table, between, {}, f"{partition} IS NOT NULL")
        return dict(self.query(f"SELECT {partition}, count(*) FROM {table.qualified_name}{condition} GROUP BY 1 ORDER BY 1", values)[1])

    def snapshot_id(self) -> int:
        """The newest snapshot."""
        with self._reading() as lake:
            return _scalar(lake, "FROM ducklake_current_snapshot('lake')")

    # Upkeep

    def export(self, path: Path, overwrite: bool = False) -> None:
        """Copy all tables, comments, views and macros, of one snapshot, into one plain DuckDB file.

        An existing file is refused unless `overwrite`; its readers keep what they opened.
        """
        path = Path(path).absolute()
        if path.exists() and not overwrite:
            raise WarehouseError(f"{path} exists already")
        temporary = path.with_name(f".{path.name}.{os.getpid()}")
        try:
            with self._reading(f"could not export to {path}") as lake:
                path.parent.mkdir(parents=True, exist_ok=True)
                lake.execute(f"ATTACH {quote(str(temporary))} AS exported")
                lake.execute("USE exported")
                lake.execute("BEGIN")
                install(lake)
                for table in TABLES.values():
                    full_name = f"{table.schema}.{table.name}"
                    lake.execute(f"INSERT INTO exported.{full_name} BY NAME SELECT * FROM lake.{full_name}")
                lake.execute("COMMIT")
                lake.execute("USE lake")
                lake.execute("DETACH exported")
                os.replace(temporary, path)
        finally:
            temporary.unlink(missing_ok=True)
            temporary.with_name(temporary.name + ".wal").unlink(missing_ok=True)

    def maintain(self, older_than_days: int = 7, keep_snapshots: Collection[int] = ()) -> None:
        """Merge small files, forget snapshots older than `older_than_days`, and remove files no snapshot needs.

        Never forgotten: `keep_snapshots`, the newest, and those a row of the warehouse names
        (`models.snapshot_id`).
        """
        age = f"now() - to_days({int(older_than_days)})"
        with self._writing("could not maintain the warehouse") as lake:
            named = " UNION ALL ".join(
                f"SELECT snapshot_id FROM {table.qualified_name}" for table in TABLES.values() if "snapshot_id" in table.column_names
            )
            expired = lake.execute(
                f"SELECT list(snapshot_id) FROM ducklake_snapshots('lake') WHERE snapshot_time < {age} AND NOT list_contains(?, snapshot_id) "
                f"AND snapshot_id NOT IN ({named}) AND snapshot_id <> (FROM ducklake_current_snapshot('lake'))",
                [list(keep_snapshots)],
            ).fetchone()
            lake.execute("CALL ducklake_rewrite_data_files('lake', delete_threshold => 0.5)")
            lake.execute("CALL ducklake_merge_adjacent_files('lake')")
            if expired and expired[0]:
                lake.execute("CALL ducklake_expire_snapshots('lake', versions => ?)", [expired[0]])
            # A reader of the snapshots just forgotten may still be at work, and a killed writer's files look like a slow one's.
            lake.execute(f"CALL ducklake_cleanup_old_files('lake', older_than => {age})")
            lake.execute(f"CALL ducklake_delete_orphaned_files('lake', older_than => {age})")

    # Connections

    def _exists(self) -> bool:
        return self.is_shared or Path(self.catalog).exists()

    @contextmanager
    def _reading(self, what: str = "could not read the warehouse") -> Iterator[duckdb.DuckDBPyConnection]:
        with _in_one_line(what), self._attached("READ_ONLY") as lake:
            yield lake

    @contextmanager
    def _writing(self, what: str, create: bool = False) -> Iterator[duckdb.DuckDBPyConnection]:
        """A connection under the lock; a transaction the caller has not committed is rolled back."""
        with _in_one_line(what):
            (self.home / "lake").mkdir(parents=True, exist_ok=True)
            with self._lock(), self._attached("", create) as lake:
                yield lake

    @contextmanager
    def _attached(self, option: str, create: bool = False) -> Iterator[duckdb.DuckDBPyConnection]:
        """A connection of its own on a fresh view of the catalog, so that each call sees the newest commit."""
        if not create and not self._exists():
            raise WarehouseError(f"there is no warehouse in {self.home} yet: materialize an asset or set it up first")
        catalog = self.catalog if self.is_shared else f"sqlite:{self.catalog}"
        # The path is stored in the catalog; overriding it lets a home be moved or mounted elsewhere.
        options = [f"DATA_PATH {quote(self.storage)}", "OVERRIDE_DATA_PATH true", "DATA_INLINING_ROW_LIMIT 0"]
        if not self.is_shared:
            options += ["META_JOURNAL_MODE 'WAL'", "META_BUSY_TIMEOUT 60000"]
        extensions = ["ducklake", "postgres_scanner" if self.is_shared else "sqlite_scanner"]
        if "://" in self.storage:
            extensions.append("httpfs")
        with engine(*extensions) as duck:
            duck.execute(f"ATTACH {quote(f'ducklake:{catalog}')} AS lake ({', '.join(options + [option] * bool(option))})")
            lake = duck.cursor()
            try:
                lake.execute("USE lake")
                yield lake
            finally:
                lake.close()
            duck.execute("DETACH lake")

    def _lock(self) -> AbstractContextManager:
        return nullcontext() if self.is_shared else self._file_lock()

    @contextmanager
    def _file_lock(self) -> Iterator[None]:
        path = Path(self.catalog).with_name("write.lock")
        try:
            with FileLock(path, timeout=self.lock_timeout):
                yield
        except Timeout as error:
            raise WarehouseError(f"another process has been writing for {self.lock_timeout:g} s and holds {path}") from error


@contextmanager
def _in_one_line(what: str) -> Iterator[None]:
    try:
        yield
    except (duckdb.Error, InstallationError, OSError) as error:
        # DuckDB goes on with the statement and a caret under the spot.
        reason = " ".join(str(error).split("\n\nLINE ")[0].split())
        raise WarehouseError(f"{what}: {reason}") from error


def _scalar(connection: duckdb.DuckDBPyConnection, sql: str) -> int:
    return connection.execute(sql).fetchall()[0][0]


def _table(name: str) -> Table:
    if name not in TABLES:
        raise WarehouseError(f"there is no table {name}")
    return TABLES[name]


def _partition(table: Table) -> str:
    if table.partition is None:
        raise WarehouseError(f"table {table.name} has no partitions")
    return table.partition


def _order(table: Table) -> list[str]:
    """Partition column, then key."""
    return list(dict.fromkeys(([table.partition] if table.partition else []) + list(table.key)))


def _condition(table: Table, between: Days | None, matching: Mapping[str, str], where: str = "") -> tuple[str, list]:
    """A WHERE clause, empty when every row is meant, and its parameters."""
    conditions, values = [], []
    if between is not None:
        conditions.append(f"{_partition(table)} BETWEEN ? AND ?")
        values += between
    for column, value in matching.items():
        conditions.append(f'"{column}" = ?')
        values.append(value)
    if where:
        conditions.append(f"({where})")
    return (f" WHERE {' AND '.join(conditions)}" if conditions else ""), values


def _checked(write: Write) -> pl.DataFrame:
    """The frame to insert, conformed and sorted; raises WarehouseError on rows the write may not bring."""
    table = _table(write.table)
    if unknown := [column for column in write.matching if column not in table.column_names]:
        raise WarehouseError(f"table {table.name} has no column {', '.join(unknown)}")
    try:
        frame = table.conform(write.frame)
    except SchemaError as error:
        raise WarehouseError(str(error)) from error
    inside = [pl.col(column) == value for column, value in write.matching.items()]
    if write.between is not None:
        inside.append(pl.col(_partition(table)).is_between(*write.between))
    if inside and (outside := frame.height - frame.filter(*inside).height):
        limits = [f"{table.partition} {write.between[0]} to {write.between[1]}"] if write.between else []
        limits += [f"{column} = {value}" for column, value in write.matching.items()]
        raise WarehouseError(f"table {table.name}: {outside} of {frame.height} rows lie outside {', '.join(limits)}")
    if repeated := frame.height - frame.n_unique(subset=list(table.key)):
        raise WarehouseError(f"table {table.name}: {repeated} rows repeat the key ({', '.join(table.key)}) of another")
    # Files in order let a reader of one day skip the others.
    return frame.sort(_order(table))
