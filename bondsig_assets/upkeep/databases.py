"""SQLite files that others write while we copy, check and shrink them.

Belongs here: what holds for any SQLite file. Not here: what stands in one.

A catalog that DuckDB has attached in this very process must not be opened here: DuckDB brings an
SQLite of its own, and closing a file in one library drops the locks of the other (SQLite, "How To
Corrupt An SQLite Database File", 2.2.1).
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path

from bondsig_assets.errors import BackupError

#: What every SQLite file begins with.
_MAGIC = b"SQLite format 3\0"
#: Files that SQLite keeps beside a database; what they hold is in a copy made here.
BESIDE = ("-wal", "-shm", "-journal")
#: Seconds to wait for a writer.
PATIENCE = 60.0


def is_database(path: Path) -> bool:
    """Whether a file is one of SQLite's."""
    with path.open("rb") as file:
        return file.read(len(_MAGIC)) == _MAGIC


@contextmanager
def opened(path: Path) -> Iterator[sqlite3.Connection]:
    """A connection to a database that is there, closed at the end; each statement a transaction of
    its own. Raises sqlite3.OperationalError where it is not there.
    """
    with closing(
        sqlite3.connect(
            f"{path.absolute().as_uri()}?mode=rw", uri=True, timeout=PATIENCE, isolation_level=None
        )
    ) as connection:
        yield connection


def copy_database(source: Path, target: Path) -> None:
    """Copy a database as one transaction sees it, whoever writes it meanwhile, into one file
    without a journal beside it.

    Raises BackupError where the source cannot be read or does not hold together.
    """
    try:
        with opened(source) as database, closing(sqlite3.connect(target)) as copy:
            # All pages at once: between two steps a writer would have it begin again.
            database.backup(copy)
            # The copy keeps the kind of its journal: DuckDB reads a catalog that has none only
            # where it may write.
            said = copy.execute("PRAGMA quick_check(1)").fetchone()[0]
            copy.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    except sqlite3.Error as error:
        raise BackupError(f"{source} cannot be copied to {target.parent}: {error}") from error
    if said != "ok":
        raise BackupError(f"{source} is damaged, so it was not backed up: {said}")


def settle(path: Path) -> None:
    """Bring what stands in a database's journal into it, if nobody else has it open: then its size
    and time tell whether it changes.
    """
    journal = path.with_name(f"{path.name}-wal")
    if journal.exists() and is_database(path):
        with suppress(sqlite3.Error), opened(path) as database:
            database.execute("PRAGMA wal_checkpoint(TRUNCATE)")
