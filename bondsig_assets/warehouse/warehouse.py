"""The warehouse: DuckLake tables that many processes read while one writes.

Belongs here: reading, replacing partitions, snapshots, export and upkeep. Not here: what
the tables are (`tables/`), how they are created (`installation.py`), how the
lake is opened (`lake.py`), or what the rows mean.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from functools import wraps
from pathlib import Path
from typing import Any, Concatenate, ParamSpec, TypeVar
from uuid import uuid4

import duckdb
import polars as pl

from bondsig_assets.errors import SchemaError, WarehouseError
from bondsig_assets.tables import TABLES
from bondsig_assets.tables.schema import Table, quote
from bondsig_assets.warehouse.extensions import extension_file
from bondsig_assets.warehouse.installation import (
    fingerprint,
    install,
    is_installed,
    note_installed,
    pending_changes,
)
from bondsig_assets.warehouse.lake import METADATA as _META
from bondsig_assets.warehouse.lake import Lake, without_password

Days = tuple[date, date]

#: DuckDB copies the strings of what it takes in at once; each chunk is a file.
CHUNK_ROWS = 1_000_000
#: Folder of the storage where rows wait that other processes made.
_STAGING = "staging"


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


@dataclass(frozen=True)
class LakeState:
    """A lake in numbers: files of today's tables and their bytes, files that only earlier snapshots
    need, files that wait to be removed, snapshots, and when the newest was made.
    """

    files: int
    size: int
    earlier_files: int
    waiting_files: int
    snapshots: int
    newest_at: datetime | None = None


@dataclass(frozen=True)
class LakeUpkeep:
    """What upkeep did to a lake: before and after, and how many snapshots were forgotten, files
    removed, and of those files that no snapshot ever named.
    """

    before: LakeState
    after: LakeState
    forgotten: int
    removed: int
    orphans: int


#: Files smaller than these many bytes are merged: the smallest whenever there are two, others once
#: they make up one that is too large for it. So a row is written anew a few times in its life, and
#: not with every upkeep, and a table has some twenty files and one for each 64 MB.
_MERGED_BELOW = (1 << 20, 8 << 20, 64 << 20)

_QUESTIONS = (duckdb.StatementType.SELECT, duckdb.StatementType.EXPLAIN)
#: What DuckDB makes of one PIVOT: a type, without a text of its own, and the question.
_PIVOT = [duckdb.StatementType.CREATE, duckdb.StatementType.SELECT]
#: EXPLAIN, after comments, up to what is explained.
_EXPLAIN = re.compile(
    r"(?:\s|--[^\n]*\n|/\*.*?\*/)*EXPLAIN\b(?:\s+ANALYZE\b)?(?:\s*\([^)]*\))?",
    re.IGNORECASE | re.DOTALL,
)


class Warehouse:
    """The tables under `home`; a cheap, picklable handle that keeps nothing open between calls.

    `catalog` is a SQLite file, or `postgres:<connection string>`; `storage` a folder, or
    `s3://bucket/path` with the AWS_* variables set. Where they are not given, BONDSIG_CATALOG and
    BONDSIG_STORAGE name them, and without those both lie under `home`. `lock_timeout`: seconds a
    writer waits for another. Every method raises WarehouseError, one line.

    Examples:
        >>> from datetime import date, datetime
        >>> from tempfile import TemporaryDirectory
        >>> import polars as pl
        >>> from bondsig_assets import Warehouse
        >>> from bondsig_assets.tables import TABLES
        >>> from bondsig_assets.warehouse import Write
        >>> day = date(2024, 3, 5)
        >>> price = pl.DataFrame(
        ...     [
        ...         {
        ...             "ticker": "F",
        ...             "trade_date": day,
        ...             "close_usd": 12.35,
        ...             "is_etf": False,
        ...             "known_at": datetime(2024, 3, 5, 18, 30),
        ...         }
        ...     ],
        ...     schema=TABLES["equity_prices"].polars_schema,
        ... )
        >>> with TemporaryDirectory() as home:
        ...     warehouse = Warehouse(home)
        ...     warehouse.initialize()
        ...     warehouse.replace(Write("equity_prices", price, between=(day, day)))
        ...     warehouse.query("select ticker, close_usd from equity_prices")
        (['ticker', 'close_usd'], [('F', 12.35)])
    """

    def __init__(
        self, home: Path, catalog: str = "", storage: str = "", lock_timeout: float = 600
    ) -> None:
        self.home = Path(home).absolute()
        folder = self.home / "lake"
        catalog = catalog or os.environ.get("BONDSIG_CATALOG") or str(folder / "catalog.sqlite")
        storage = storage or os.environ.get("BONDSIG_STORAGE") or str(folder / "files")
        self._lake = Lake(self.home, catalog, storage, lock_timeout)

    def __repr__(self) -> str:
        return f"Warehouse({str(self.home)!r})"

    @property
    def exists(self) -> bool:
        """Whether there is a lake; of a catalog on a server that is taken for granted."""
        return self._lake.exists

    @property
    def is_shared(self) -> bool:
        """Whether the catalog is a server's, which other machines use as well."""
        return self._lake.is_shared

    # Setting up

    def initialize(self) -> None:
        """Create or update schemas, tables, comments, views and macros; a few milliseconds when
        nothing changed.
        """
        marker = self.home / "lake" / "installed"
        wanted = fingerprint(self._lake.catalog)
        if self._lake.exists and marker.exists() and marker.read_text() == wanted:
            return
        if not self._is_installed():
            with self._lake.transaction("could not set up the warehouse", create=True) as lake:
                install(lake)
                if self.is_shared:
                    note_installed(lake)
        self._lake.remember_storage()
        marker.parent.mkdir(parents=True, exist_ok=True)
        marker.write_text(wanted)

    def _is_installed(self) -> bool:
        """Whether another machine has set up a lake on a server as this one would."""
        if not self.is_shared:
            return False
        try:
            with self._lake.reading() as lake:
                return is_installed(lake)
        except WarehouseError:  # no lake there yet, or one of before it was noted
            return False

    def pending_changes(self) -> list[str]:
        """What `initialize` would change of the tables, in words."""
        with self._lake.reading() as lake:
            return pending_changes(lake)

    def follow_move(self) -> None:
        """Let the catalog of a home that was moved, copied or restored name its files where they
        are now; `initialize` does so too, when it has anything to do.
        """
        self._lake.remember_storage()

    # Writing

    def replace(self, *writes: Write) -> None:
        """Do all `writes` in one transaction.

        Everything is checked first: declared columns and types, required values, unique keys,
        and that each row lies within what its write replaces. After any failure the warehouse
        is as it was.
        """
        checked = [(write, _checked(write)) for write in writes]
        names = ", ".join(write.table for write in writes)
        with self._lake.transaction(f"could not write {names}; the warehouse is unchanged") as lake:
            for write, frame in checked:
                table = _table(write.table)
                condition, values = _condition(table, write.between, write.matching)
                lake.execute(f"DELETE FROM {table.qualified_name}{condition}", values)
                for rows in frame.iter_slices(CHUNK_ROWS):
                    lake.register("incoming", rows)
                    lake.execute(
                        f"INSERT INTO {table.qualified_name} BY NAME SELECT * FROM incoming"
                    )
                    lake.unregister("incoming")

    def stage(self, frame: pl.DataFrame) -> str:
        """Write `frame` into the storage, outside every lock, and return the path by which
        `staged` finds it, on any machine that reaches the storage.

        No snapshot names it: what nobody takes goes with the next upkeep.
        """
        folder = f"{self._lake.storage.rstrip('/')}/{_STAGING}"
        path = f"{folder}/{uuid4().hex}.parquet"
        with self._lake.reading("could not stage rows") as lake:
            if "://" not in folder:
                Path(folder).mkdir(parents=True, exist_ok=True)
            lake.register("staged", frame)
            lake.execute(f"COPY staged TO {quote(path)} (FORMAT parquet)")
            lake.unregister("staged")
        return path

    def staged(self, path: str) -> pl.DataFrame:
        """Take what was staged at `path`, once: a local file is gone after."""
        with self._lake.reading("could not read staged rows") as lake:
            frame = lake.execute(f"FROM read_parquet({quote(path)})").pl()
        if "://" not in path:
            Path(path).unlink()
        return frame

    # Reading

    def on_snapshot(self) -> AbstractContextManager[None]:
        """A block in which all this thread reads is of one snapshot; many reads in it cost little
        more than one.
        """
        return self._lake.on_snapshot()

    def kept_attached(self) -> AbstractContextManager[None]:
        """A block in which reads of this thread, each of the newest snapshot, share one attached
        lake; for the time of a run, in which nobody moves the home.
        """
        return self._lake.kept_attached()

    def read(self, sql: str, parameters: Sequence[Any] = ()) -> pl.DataFrame:
        """The result of one read-only statement, on the newest snapshot (but see `on_snapshot`)."""
        with self._lake.reading() as lake:
            return lake.execute(sql, list(parameters)).pl()

    def query(
        self, sql: str, parameters: Sequence[Any] = ()
    ) -> tuple[list[str], list[tuple[Any, ...]]]:
        """Column names and rows of one question, as Python values; see `stream`."""
        with self.stream(sql, parameters) as (names, batches):
            return names, [row for batch in batches for row in batch]

    @contextmanager
    def stream(
        self, sql: str, parameters: Sequence[Any] = (), rows: int = 10_000
    ) -> Iterator[tuple[list[str], Iterator[list[tuple[Any, ...]]]]]:
        """Column names of one question and its rows, as Python values, in batches of up to `rows`:
        memory holds one batch, whatever the size of the result.

        The lake is attached read-only, but a statement could attach, copy or export past that:
        only a single SELECT (or FROM, WITH, PIVOT, EXPLAIN, DESCRIBE, SHOW) is let through.
        """
        with self._lake.reading("no answer") as lake:
            _require_question(lake, sql)
            lake.execute(sql, list(parameters))
            names = [column[0] for column in lake.description or ()]
            yield names, iter(lambda: lake.fetchmany(rows), [])

    def copy(self, sql: str, path: str, options: str) -> int:
        """Write the rows of one question (see `stream`) to the file or pipe `path` by DuckDB's own
        writers, and return how many there were.

        `options` are those of DuckDB's COPY, as `FORMAT parquet`. A column whose name another has
        already gets a number (`price_1`). What does not fit in memory never is in it.
        """
        with self._lake.reading("no answer") as lake:
            _require_question(lake, sql)
            # COPY finds it by this name in this function: a question in brackets may not end in `;`
            # or be a DESCRIBE.
            question = lake.sql(sql)  # noqa: F841
            lake.execute(f"COPY (FROM question) TO {quote(path)} ({options})")
            counted: list[tuple[int]] = lake.fetchall()
            return counted[0][0]

    def connect(self) -> duckdb.DuckDBPyConnection:
        """A read-only DuckDB connection of the caller's own; see `bondsig_assets.connect`."""
        return self._lake.opened()

    def plainly_attached(self) -> str:
        """The folder whose files an ATTACH reads that does not say where they lie, where that is
        another one than ours: the home was moved or copied, and not set up since. Else empty.
        """
        with self._lake.reading() as lake:
            remembered = lake.execute(
                f"SELECT value FROM {_META}.ducklake_metadata WHERE key = 'data_path'"
            ).fetchall()[0][0]
        return "" if remembered.rstrip("/") == self._lake.storage.rstrip("/") else str(remembered)

    def attach_statements(self, offline: bool = False) -> list[str]:
        """What any DuckDB has to be told to read this warehouse, wherever its home lies now; no
        password is among it. `offline`: with the extensions installed here, which fit one version
        of DuckDB alone.
        """
        told = replace(self._lake, catalog=without_password(self._lake.catalog))
        names = told.extensions()
        files = {name: extension_file(name) for name in names} if offline else {}
        if missing := [name for name, file in files.items() if file is None]:
            raise WarehouseError(f"{', '.join(missing)} is not installed here as a package")
        return [
            *(
                f"LOAD {quote(str(files[name]))}" if offline else f"INSTALL {name}; LOAD {name}"
                for name in names
            ),
            told.attach_statement(read_only=True),
            "USE lake",
        ]

    def read_table(
        self,
        name: str,
        *,
        between: Days | None = None,
        columns: Sequence[str] | None = None,
        where: str = "",
        among: pl.DataFrame | None = None,
        at_snapshot: int | None = None,
    ) -> pl.DataFrame:
        """Rows of one table by partition and key, with the declared Polars types.

        `between` is a closed range of partitions, `where` a SQL condition, `among` the values that
        rows must have together in its columns, `at_snapshot` an earlier state. The order is part of
        the contract: sums of floats depend on it.
        """
        table = _table(name)
        wanted = list(columns) if columns is not None else table.column_names
        if unknown := [column for column in wanted if column not in table.column_names]:
            raise WarehouseError(f"table {name} has no column {', '.join(unknown)}")
        condition, values = _condition(table, between, {}, where, among)
        version = f" AT (VERSION => {int(at_snapshot)})" if at_snapshot is not None else ""
        selected, order = _listed(wanted), ", ".join(_order(table))
        sql = f"SELECT {selected} FROM {table.qualified_name}{version}{condition} ORDER BY {order}"
        with self._lake.reading() as lake:
            if among is not None:
                lake.register("among", among)
            frame = lake.execute(sql, values).pl()
            if among is not None:
                lake.unregister("among")
        return frame.cast({column: table.polars_schema[column] for column in wanted})

    def partitions(self, name: str) -> set[date]:
        """The partitions that hold at least one row."""
        return set(self.row_counts(name))

    def row_counts(self, name: str, between: Days | None = None) -> dict[date, int]:
        """Rows of each partition in `between` that holds any, in order."""
        table = _table(name)
        partition = _partition(table)
        condition, values = _condition(table, between, {}, f"{partition} IS NOT NULL")
        return dict(
            self.query(
                f"SELECT {partition}, count(*) FROM {table.qualified_name}{condition} GROUP BY 1"
                " ORDER BY 1",
                values,
            )[1]
        )

    def snapshot_id(self) -> int:
        """The newest snapshot."""
        with self._lake.reading() as lake:
            return _scalar(lake, "FROM ducklake_current_snapshot('lake')")

    # Upkeep

    def export(self, path: Path, overwrite: bool = False) -> None:
        """Copy all tables, comments, views and macros, of one snapshot, into one plain DuckDB file.

        An existing file is refused unless `overwrite`; its readers keep what they opened.
        """
        path = Path(path).absolute()
        if path.is_relative_to(self.home):
            raise WarehouseError(f"{path} lies inside the home; export to another folder")
        if path.is_dir() or not path.parent.is_dir():
            raise WarehouseError(
                f"{path} is a folder" if path.is_dir() else f"{path.parent} is no folder"
            )
        if path.exists() and not overwrite:
            raise WarehouseError(f"{path} exists already; --overwrite replaces it")
        temporary = path.with_name(f".{path.name}.{os.getpid()}")
        try:
            with self._lake.reading(f"could not export to {path}") as lake:
                lake.execute(f"ATTACH {quote(str(temporary))} AS exported")
                lake.execute("USE exported")
                lake.execute("BEGIN")
                install(lake)
                for table in TABLES.values():
                    full_name = f"{table.schema}.{table.name}"
                    lake.execute(
                        f"INSERT INTO exported.{full_name} BY NAME SELECT * FROM lake.{full_name}"
                    )
                lake.execute("COMMIT")
                lake.execute("USE lake")
                lake.execute("DETACH exported")
                temporary.replace(path)
        finally:
            temporary.unlink(missing_ok=True)
            temporary.with_name(temporary.name + ".wal").unlink(missing_ok=True)

    def maintain(
        self, older_than_days: float = 7, keep_snapshots: Collection[int] = ()
    ) -> LakeUpkeep:
        """Merge small files, then forget snapshots older than `older_than_days`, then remove files
        no snapshot needs, which have waited for as long; what was done.

        Never forgotten: `keep_snapshots`, the newest, and those a row of the warehouse names
        (`models.snapshot_id`). Table by table, so that no writer waits for more than one of them.
        """
        age = f"now() - INTERVAL {int(older_than_days * 86400)} SECOND"
        before = self.lake_state()
        for (schema, name), sizes in self._worth_merging().items():
            with self._lake.writing(f"could not merge the files of {name}") as lake:
                for size in sizes:
                    lake.execute(
                        f"CALL ducklake_merge_adjacent_files('lake', {quote(name)}, schema =>"
                        f" {quote(schema)}, max_file_size => {size})"
                    )
        with self._lake.writing("could not maintain the warehouse") as lake:
            lake.execute("CALL ducklake_rewrite_data_files('lake', delete_threshold => 0.5)")
            # What could not be merged before its snapshot went cannot be merged after: that first.
            forgotten = [
                number
                for (number,) in lake.execute(
                    f"SELECT snapshot_id FROM ({_forgettable(age)}) WHERE NOT list_contains(?,"
                    " snapshot_id)",
                    [list(keep_snapshots)],
                ).fetchall()
            ]
            if forgotten:
                lake.execute("CALL ducklake_expire_snapshots('lake', versions => ?)", [forgotten])
            # A reader of the snapshots just forgotten may still be at work, and a killed writer's
            # files look like a slow one's.
            removed = lake.execute(
                f"CALL ducklake_cleanup_old_files('lake', older_than => {age})"
            ).fetchall()
            orphans = lake.execute(
                f"CALL ducklake_delete_orphaned_files('lake', dry_run => true, older_than => {age})"
            ).fetchall()
            _require_orphans(lake, [path for (path,) in orphans])
            lake.execute(f"CALL ducklake_delete_orphaned_files('lake', older_than => {age})")
        return LakeUpkeep(before, self.lake_state(), len(forgotten), len(removed), len(orphans))

    def lake_state(self) -> LakeState:
        """How many files and snapshots there are, and how many wait to be removed."""
        with self._lake.reading() as lake:
            row = lake.execute(
                f"SELECT (SELECT count(*) FROM {_META}.ducklake_data_file WHERE end_snapshot IS"
                f" NULL), (SELECT coalesce(sum(file_size_bytes), 0) FROM {_META}.ducklake_data_file"
                f" WHERE end_snapshot IS NULL), (SELECT count(*) FROM {_META}.ducklake_data_file"
                " WHERE end_snapshot IS NOT NULL), (SELECT count(*) FROM"
                f" {_META}.ducklake_files_scheduled_for_deletion), (SELECT count(*) FROM"
                f" {_META}.ducklake_snapshot), (SELECT max(snapshot_time)::TIMESTAMPTZ FROM"
                f" {_META}.ducklake_snapshot)"
            ).fetchall()[0]
        files, size, earlier, waiting, snapshots, newest_at = row
        return LakeState(files, int(size), earlier, waiting, snapshots, newest_at)

    def upkeep_due(self, older_than_days: float = 7) -> tuple[int, int]:
        """What `maintain` would do now: tables whose files it would merge, snapshots it would
        forget.
        """
        age = f"now() - INTERVAL {int(older_than_days * 86400)} SECOND"
        with self._lake.reading() as lake:
            forgettable = _scalar(lake, f"SELECT count(*) FROM ({_forgettable(age)})")
        return len(self._worth_merging()), forgettable

    def _worth_merging(self) -> dict[tuple[str, str], list[int]]:
        """Schema and name of each table of which some files are to be merged, and the limits below
        which. Files of which rows were deleted are written anew before they are merged.
        """
        with self._lake.reading() as lake:
            sizes = lake.execute(
                "SELECT schema_name, table_name, list(file_size_bytes) FROM"
                f" {_META}.ducklake_data_file AS file JOIN {_META}.ducklake_table AS held USING"
                f" (table_id) JOIN {_META}.ducklake_schema AS place USING (schema_id) WHERE"
                " file.end_snapshot IS NULL AND held.end_snapshot IS NULL AND place.end_snapshot IS"
                f" NULL AND data_file_id NOT IN (SELECT data_file_id FROM"
                f" {_META}.ducklake_delete_file WHERE end_snapshot IS NULL) GROUP BY ALL ORDER BY"
                " ALL"
            ).fetchall()
        return {
            (schema, name): limits
            for schema, name, of_table in sizes
            if (limits := _merges(of_table))
        }


_Arguments = ParamSpec("_Arguments")
_Found = TypeVar("_Found")


def of_one_snapshot(
    load: Callable[Concatenate[Warehouse, _Arguments], _Found],
) -> Callable[Concatenate[Warehouse, _Arguments], _Found]:
    """`load(warehouse, …)`, all of whose reads are of one snapshot."""

    @wraps(load)
    def loaded(
        warehouse: Warehouse, /, *arguments: _Arguments.args, **named: _Arguments.kwargs
    ) -> _Found:
        with warehouse.on_snapshot():
            return load(warehouse, *arguments, **named)

    return loaded


def _merges(sizes: Sequence[int]) -> list[int]:
    """The limits below which the files of a table, given their sizes, are worth merging now."""
    found = []
    for limit in _MERGED_BELOW:
        small = [size for size in sizes if size < limit]
        if len(small) > 1 and (limit == _MERGED_BELOW[0] or sum(small) >= limit):
            found.append(limit)
    return found


def _forgettable(age: str) -> str:
    """A question for the snapshots older than the moment `age` that no row of today names."""
    named = " UNION ALL ".join(
        f"SELECT snapshot_id FROM {table.qualified_name} WHERE snapshot_id IS NOT NULL"
        for table in TABLES.values()
        if "snapshot_id" in table.column_names
    )
    return (
        f"SELECT snapshot_id FROM ducklake_snapshots('lake') WHERE snapshot_time < {age} AND"
        f" snapshot_id NOT IN ({named}) AND snapshot_id <> (FROM ducklake_current_snapshot('lake'))"
    )


def _require_orphans(connection: duckdb.DuckDBPyConnection, paths: Sequence[str]) -> None:
    """Raises WarehouseError where one of the files that DuckLake takes for nobody's is named by the
    catalog: it has erred in that before (ducklake#815).
    """
    named = {
        path.rpartition("/")[2]
        for (path,) in connection.execute(
            f"SELECT path FROM {_META}.ducklake_data_file UNION ALL SELECT path FROM"
            f" {_META}.ducklake_delete_file"
        ).fetchall()
    }
    if wrong := [path for path in paths if path.rpartition("/")[2] in named]:
        raise WarehouseError(
            f"DuckLake would remove {wrong[0]}, which the catalog names, and {len(wrong) - 1} more:"
            " no file without an owner was removed; tell the makers of bondsig"
        )


def _scalar(connection: duckdb.DuckDBPyConnection, sql: str) -> int:
    found: int = connection.execute(sql).fetchall()[0][0]
    return found


def _require_question(connection: duckdb.DuckDBPyConnection, sql: str) -> None:
    """Raises WarehouseError where `sql` is not one statement that only reads."""
    statements = connection.extract_statements(sql)
    if not statements:
        raise WarehouseError("the query is empty")
    kinds = [statement.type for statement in statements]
    if kinds == _PIVOT and not statements[0].query:
        return
    if len(kinds) > 1:
        raise WarehouseError(f"one statement at a time, these are {len(kinds)}")
    if kinds[0] not in _QUESTIONS:
        raise WarehouseError(
            f"only questions are let through, this is {kinds[0].name}; to change data, run the"
            " graph"
        )
    if explained := _EXPLAIN.match(sql):
        # EXPLAIN ANALYZE does what it explains.
        _require_question(connection, sql[explained.end() :])


def _table(name: str) -> Table:
    if name not in TABLES:
        raise WarehouseError(f"there is no table {name}")
    return TABLES[name]


def _partition(table: Table) -> str:
    if not table.partition:
        raise WarehouseError(f"table {table.name} has no partitions")
    return table.partition


def _order(table: Table) -> list[str]:
    """Partition column, then key."""
    return list(dict.fromkeys(([table.partition] if table.partition else []) + list(table.key)))


def _condition(
    table: Table,
    between: Days | None,
    matching: Mapping[str, str],
    where: str = "",
    among: pl.DataFrame | None = None,
) -> tuple[str, list[date | str]]:
    """A WHERE clause, empty when every row is meant, and its parameters; the rows of `among` are
    those of a view of this name.
    """
    conditions: list[str] = []
    values: list[date | str] = []
    if between is not None:
        conditions.append(f"{_partition(table)} BETWEEN ? AND ?")
        values += between
    for column, value in matching.items():
        conditions.append(f'"{column}" = ?')
        values.append(value)
    if where:
        conditions.append(f"({where})")
    if among is not None:
        named = _listed(among.columns)
        conditions.append(f"({named}) IN (SELECT ({named}) FROM among)")
    return (f" WHERE {' AND '.join(conditions)}" if conditions else ""), values


def _listed(columns: Sequence[str]) -> str:
    return ", ".join(f'"{column}"' for column in columns)


def _checked(write: Write) -> pl.DataFrame:
    """The frame to insert, conformed and in order of partitions; raises WarehouseError on rows the
    write may not bring.
    """
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
        limits = (
            [f"{table.partition} {write.between[0]} to {write.between[1]}"] if write.between else []
        )
        limits += [f"{column} = {value}" for column, value in write.matching.items()]
        raise WarehouseError(
            f"table {table.name}: {outside} of {frame.height} rows lie outside {', '.join(limits)}"
        )
    if repeated := frame.select(table.key).is_duplicated().sum():
        raise WarehouseError(
            f"table {table.name}: {repeated} rows share their key ({', '.join(table.key)}) with"
            " another"
        )
    if table.partition and not frame[table.partition].is_sorted():
        # Files in order let a reader of one day skip the others.
        frame = frame.sort(table.partition, maintain_order=True)
    return frame
