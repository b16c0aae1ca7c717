"""A team's home as it is, beside its writers: three databases and the files of the lake, and the
way back into other databases and another bucket.

Belongs here: the order in which the parts are copied so that they agree, and put back. Not here:
how a database is dumped (`server_databases.py`), a file is fetched (`stores.py`), and homes that
are a folder (`backup.py`).

Dagster says what is done, so its database is dumped before the lake's; the lake names runs of
MLflow, so that one's follows. The lake's dump and the list of its files are of one moment, an
exported snapshot of PostgreSQL; files never change, and upkeep throws none away that was in use
within its thirty days.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import duckdb

from bondsig_assets.credentials import hidden
from bondsig_assets.errors import BackupError
from bondsig_assets.home import Home
from bondsig_assets.tables.schema import quote
from bondsig_assets.upkeep.backup import Backup, Made, add_backup, chosen, refuse_damages
from bondsig_assets.upkeep.lake_files import FILES, paths
from bondsig_assets.upkeep.manifest import Entry, Manifest, checksum, damages, read_manifest
from bondsig_assets.upkeep.server_databases import ServerDatabase, team_databases
from bondsig_assets.upkeep.stores import store_at
from bondsig_assets.warehouse.extensions import engine

#: Where MLflow's artifacts are, a folder or a bucket; without it they are left to its own tools.
ARTIFACTS = "BONDSIG_MLFLOW_ARTIFACTS"
_LAKE_FILES, _ARTIFACTS = "lake/files", "mlflow/artifacts"
_DUMPS = "databases"


def back_up_team(home: Home, folder: Path, keep: int | None = None) -> Made:
    """Add a backup of a team's home to those in `folder`, see `back_up`. Raises BackupError."""
    team_databases(home)
    return add_backup(_TeamBackup, home, folder, keep)


def restore_team(home: Home, folder: Path, name: str = "") -> Manifest:
    """Fill the databases and the storage that the environment names, which hold nothing, from a
    backup of a team's home. Every file is held against its checksum first. Raises BackupError.
    """
    source = chosen(folder.absolute(), name)
    manifest = read_manifest(source)
    if _dump_of("lake") not in manifest.entries:
        raise BackupError(
            f"{source} is of a home that is a folder: unset BONDSIG_CATALOG to restore it"
        )
    dagster, lake, mlflow = team_databases(home)
    storage = _storage()
    for database in (dagster, mlflow):
        _require_empty(database, "runs")
    targets, known = {_LAKE_FILES: storage}, _files_of_unused(lake)
    if artifacts := os.environ.get(ARTIFACTS):
        targets[_ARTIFACTS] = artifacts
    for place in targets.values():
        if not known.issuperset(store_at(place).names()):
            raise BackupError(f"{place} holds files already: name a new folder or bucket path")
    refuse_damages(source, list(damages(source, manifest)))
    for below, place in targets.items():
        store = store_at(place)
        for path in manifest.entries:
            if path.startswith(f"{below}/"):
                store.put(source / path, path.removeprefix(f"{below}/"))
    for database in (mlflow, lake, dagster):
        database.restore(source / _dump_of(database.name))
    with _attached(lake) as server:
        # What waited to be thrown away was not copied, and the files are elsewhere now.
        for statement in (
            "DELETE FROM ducklake_files_scheduled_for_deletion",
            f"UPDATE ducklake_metadata SET value = {quote(storage.rstrip('/') + '/')} WHERE key ="
            " 'data_path'",
        ):
            server.execute(f"CALL postgres_execute('server', {quote(statement)})")
    return manifest


class _TeamBackup(Backup):
    """One backup of a team's home in the making."""

    def require_space(self) -> None:
        """Nothing: what a bucket's files take is known once they are here."""

    def copy_all(self) -> int | None:
        """Dump and fetch the parts in the order that makes them agree; the lake's snapshot."""
        dagster, lake, mlflow = team_databases(self._home)
        self._dump(dagster)
        with _attached(lake) as server:
            moment, snapshot, names = _one_moment(server)
            self._dump(lake, f"--snapshot={moment}")
        self._fetch(_LAKE_FILES, _storage(), names)
        self._dump(mlflow)
        if artifacts := os.environ.get(ARTIFACTS):
            self._fetch(_ARTIFACTS, artifacts, store_at(artifacts).names())
        return snapshot

    def _dump(self, database: ServerDatabase, *options: str) -> None:
        name = _dump_of(database.name)
        target = self._partial / name
        target.parent.mkdir(parents=True, exist_ok=True)
        database.dump(target, *options)
        self._note_file(name, target)

    def _fetch(self, below: str, place: str, names: list[str]) -> None:
        """Copy files, or link them to the backup before: under its name none ever changes."""
        store = store_at(place)
        for one in names:
            name = f"{below}/{one}"
            target = self._partial / name
            target.parent.mkdir(parents=True, exist_ok=True)
            if not self.link_as_before(name, target):
                store.fetch(one, target)
                self._note_file(name, target)

    def _note_file(self, name: str, target: Path) -> None:
        with target.open("rb") as file:
            os.fsync(file.fileno())
        self.note(name, Entry(target.stat().st_size, checksum(target)))


def _dump_of(database: str) -> str:
    return f"{_DUMPS}/{database}.dump"


def _storage() -> str:
    """Where the lake's files are. Raises BackupError where nothing says so."""
    place = os.environ.get("BONDSIG_STORAGE", "")
    if not place:
        raise BackupError("BONDSIG_STORAGE is not set: it says where the files of the lake are")
    return place


def _one_moment(server: duckdb.DuckDBPyConnection) -> tuple[str, int, list[str]]:
    """Of one transaction: its snapshot in PostgreSQL for others, the lake's newest snapshot, and
    the files of all that the lake knows.
    """
    server.execute("BEGIN")
    moment = str(_ask(server, "SELECT pg_export_snapshot() AS moment")[0][0])
    newest = _ask(server, "SELECT max(snapshot_id) AS newest FROM ducklake_snapshot")[0][0]
    return moment, int(newest), paths(_ask(server, FILES))  # type: ignore[arg-type]


@contextmanager
def _attached(database: ServerDatabase) -> Iterator[duckdb.DuckDBPyConnection]:
    """A connection on which a database is attached as `server`. Raises BackupError."""
    try:
        with engine("postgres_scanner") as duck:
            duck.execute(f"ATTACH {quote(database.full_address)} AS server (TYPE postgres)")
            yield duck
            with suppress(duckdb.TransactionException):
                duck.execute("ROLLBACK")
            duck.execute("DETACH server")
    except duckdb.Error as error:
        said = " ".join(str(error).split())
        raise BackupError(hidden(f"the database of {database.name}: {said}")) from None


def _files_of_unused(lake: ServerDatabase) -> set[str]:
    """Files that a lake has of its installation, which a team's services do before anybody works on
    it; none where there is no lake. Raises BackupError where it holds more.
    """
    if not _count(lake, "ducklake_snapshot"):
        return set()
    of_work = (
        "ducklake_data_file JOIN ducklake_table USING (table_id) WHERE table_name NOT IN"
        " ('migrations', 'settings')"
    )
    with _attached(lake) as server:
        if _ask(server, f"SELECT count(*) AS n FROM {of_work}")[0][0]:
            raise BackupError("the lake holds data already: name an empty database")
        return set(paths(_ask(server, FILES)))  # type: ignore[arg-type]


def _require_empty(database: ServerDatabase, table: str) -> None:
    """Raises BackupError where a database has rows in `table`."""
    if _count(database, table):
        raise BackupError(
            f"the database of {database.name} holds {table} already: name an empty one"
        )


def _count(database: ServerDatabase, table: str) -> int:
    """How many rows a table has; 0 where there is none."""
    there = (
        "SELECT count(*) AS n FROM pg_tables WHERE schemaname = 'public' AND tablename ="
        f" {quote(table)}"
    )
    with _attached(database) as server:
        if not _ask(server, there)[0][0]:
            return 0
        return int(_ask(server, f"SELECT count(*) AS n FROM {table}")[0][0])


def _ask(server: duckdb.DuckDBPyConnection, question: str) -> list[tuple[str, ...]]:
    """What PostgreSQL answers on the connection of `_attached`."""
    return server.execute(f"FROM postgres_query('server', {quote(question)})").fetchall()
