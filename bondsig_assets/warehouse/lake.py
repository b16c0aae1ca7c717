"""Opening the lake: catalog, files, lock, and errors in one line.

Belongs here: what any use of DuckLake needs before its first statement. Not here: what is
read or written (`warehouse.py`), or the DuckDB underneath (`extensions.py`).

One writer at a time, from BEGIN through COMMIT. DuckLake commits optimistically: over SQLite
the loser gets "database is locked"; over PostgreSQL inserts get through, but of 80 replaced
days by four writers 33 failed with "transaction conflict". So the lock is a file beside a
SQLite catalog, and an advisory lock in a PostgreSQL one. Readers never wait.
"""

from __future__ import annotations

import logging
import os
import re
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from uuid import uuid4

import duckdb
from filelock import FileLock, Timeout

from bondsig_assets.credentials import hidden, holds_secret
from bondsig_assets.errors import WarehouseError
from bondsig_assets.machine import who
from bondsig_assets.tables.schema import quote
from bondsig_assets.warehouse.extensions import engine, own_engine
from bondsig_assets.warehouse.server_address import patient_address

#: The advisory lock of whoever writes: any number that nobody else uses in that database.
WRITER = 20020701
#: Where the tables of the catalog itself are, on a connection to a lake.
METADATA = "__ducklake_metadata_lake"
#: Seconds between two questions to a server that was lost at a commit.
_PATIENCE = (0.0, 1.0, 2.0, 4.0, 8.0, 15.0)

#: Asks whether a lock that was taken is held still.
StillHeld = Callable[[], bool]

_log = logging.getLogger(__name__)

#: The connection on which a thread holds a snapshot still, by how it was attached.
_held = threading.local()

#: A connection between two reads, and what detaches it.
_Attached = tuple[duckdb.DuckDBPyConnection, ExitStack]

#: Thread and how a lake is attached → what waits there for the next read (`Lake.kept_attached`).
_kept: dict[tuple[int, str], list[_Attached]] = {}


def _detach_kept() -> None:
    """Detach what waits for a read: the threads of an engine do not survive a fork."""
    for waiting in list(_kept.values()):
        while waiting:
            waiting.pop()[1].close()


if hasattr(os, "register_at_fork"):
    # Called before the idle engines are forgotten (`extensions.py`): last registered, first called.
    os.register_at_fork(before=_detach_kept)


class _CommitFailedError(Exception):
    """A COMMIT whose outcome the server has to be asked for."""

    def __init__(self, error: duckdb.Error) -> None:
        self.error = error
        super().__init__(str(error))


class _LockSessionEnded(Exception):
    """Closes the engine of a lock whose session is gone, lest it be reused; goes no further."""


@dataclass(frozen=True)
class Lake:
    """Where a lake is. The catalog may hold a password, so it is not shown."""

    home: Path
    catalog: str = field(repr=False)
    storage: str
    lock_timeout: float

    @property
    def is_shared(self) -> bool:
        """Whether the catalog is a PostgreSQL server."""
        return self.catalog.startswith("postgres:")

    @property
    def _address(self) -> str:
        """The server of a shared catalog, for libpq."""
        return patient_address(self.catalog.removeprefix("postgres:"))

    @property
    def exists(self) -> bool:
        """Whether there is a catalog; of a server that is taken for granted."""
        return self.is_shared or Path(self.catalog).exists()

    @contextmanager
    def reading(
        self, what: str = "could not read the warehouse"
    ) -> Iterator[duckdb.DuckDBPyConnection]:
        """A read-only connection, on the snapshot that this thread holds (`on_snapshot`), else on
        the newest; raises WarehouseError, its message opening with `what`.
        """
        held = getattr(_held, "connections", {}).get(self.attach_statement(read_only=True))
        with _in_one_line(what):
            if held is not None:
                yield held
                return
            with self._kept_or_attached() as connection:
                yield connection

    @contextmanager
    def _kept_or_attached(self) -> Iterator[duckdb.DuckDBPyConnection]:
        """A read-only connection that nobody else uses until the block ends, on no snapshot yet;
        after an error it is not used again.
        """
        waiting = _kept.get((threading.get_ident(), self.attach_statement(read_only=True)))
        if waiting is None:
            with self._attached(read_only=True) as connection:
                yield connection
            return
        if waiting:
            connection, attached = waiting.pop()
        else:
            attached = ExitStack()
            connection = attached.enter_context(self._attached(read_only=True))
        with attached:
            yield connection
            waiting.append((connection, attached.pop_all()))

    @contextmanager
    def kept_attached(self) -> Iterator[None]:
        """The lake stays attached between this thread's reads within the block, each of which is of
        the newest snapshot: attaching anew costs ten small reads.

        For as long as a run takes: meanwhile nobody moves the home. A catalog on a server is
        attached for each read as ever, since a session that waits may be ended there.
        """
        place = threading.get_ident(), self.attach_statement(read_only=True)
        if self.is_shared or place in _kept:
            yield
            return
        waiting: list[_Attached] = []
        _kept[place] = waiting
        try:
            yield
        finally:
            del _kept[place]
            for _, attached in waiting:
                attached.close()

    @contextmanager
    def on_snapshot(self) -> Iterator[None]:
        """Every read of this thread within the block is of one snapshot, over one connection.

        Attaching costs more than a small read, and two reads that belong together could otherwise
        see what was written between them. What this thread itself writes in the block, it does not
        see there. Raises WarehouseError.
        """
        statement = self.attach_statement(read_only=True)
        connections = _held.__dict__.setdefault("connections", {})
        if statement in connections:
            yield
            return
        with self.reading() as connection:
            connection.execute("BEGIN TRANSACTION READ ONLY")
            connections[statement] = connection
            try:
                yield
            finally:
                del connections[statement]
                connection.execute("ROLLBACK")

    @contextmanager
    def writing(self, what: str) -> Iterator[duckdb.DuckDBPyConnection]:
        """A connection that holds the lock, each statement a transaction of its own.

        Raises WarehouseError, its message opening with `what`.
        """
        with _in_one_line(what):
            self._require()
            lock = self._server_lock() if self.is_shared else self._file_lock()
            with lock, self._attached(read_only=False) as connection:
                yield connection

    @contextmanager
    def transaction(self, what: str, create: bool = False) -> Iterator[duckdb.DuckDBPyConnection]:
        """A connection that holds the lock, in one transaction that is committed at the end of the
        block: all of it or nothing.

        Raises WarehouseError, its message opening with `what`; the lake is then as it was. Where a
        server is lost at the commit it is asked afterwards whether that went through; only where it
        cannot be asked either does the message say that this is not known.
        """
        mark = uuid4().hex if self.is_shared else ""
        with _in_one_line(what):
            if create:
                Path(self.home, "lake").mkdir(parents=True, exist_ok=True)
            self._require(create)
            lock = self._server_lock() if self.is_shared else self._file_lock()
            failed = None
            try:
                with lock as still_held, self._attached(False, create) as connection:
                    connection.execute("BEGIN")
                    yield connection
                    if not still_held():
                        raise WarehouseError(
                            f"{what}: the session that held the writer's lock in the catalog's"
                            " server ended, so another may have written meanwhile; try again"
                        )
                    _commit(connection, what, mark)
            except _CommitFailedError as told:
                failed = told.error
            if failed is not None:
                self._ask_whether_it_stands(mark, failed)

    def _ask_whether_it_stands(self, mark: str, error: duckdb.Error) -> None:
        """Return where the transaction marked so was committed although its COMMIT failed, raise
        `error` where it was not, and WarehouseError where the server does not say.
        """
        question = f"SELECT 1 FROM {METADATA}.ducklake_snapshot_changes WHERE commit_extra_info = ?"
        said, misses = " ".join(str(error).split()), 0
        for wait in _PATIENCE:
            time.sleep(wait)
            try:
                with self._attached(read_only=True) as lake:
                    stands = bool(lake.execute(question, [mark]).fetchall())
            except duckdb.Error:
                continue
            if stands:
                _log.warning("what was written stands, but its commit ended in an error (%s)", said)
                return
            misses += 1
            # Where only the way to the server was lost, it may have been at work on it still.
            if misses == 2:
                raise error
        raise WarehouseError(
            hidden(
                "the catalog's server was lost at the commit and does not say whether that went"
                f" through ({said}): once it answers, do the same again, which replaces what was"
                " written"
            )
        )

    def opened(self) -> duckdb.DuckDBPyConnection:
        """A read-only connection that the caller keeps and closes, each statement on the newest
        snapshot. Raises WarehouseError.
        """
        with _in_one_line("could not open the warehouse"):
            self._require()
            connection = own_engine(*self.extensions())
            try:
                connection.execute(self.attach_statement(read_only=True))
                connection.execute("USE lake")
            except BaseException:
                connection.close()
                raise
            return connection

    def remember_storage(self) -> None:
        """Let the catalog know where its files lie now: whoever attaches it without saying so is
        sent to where they lay when it was made, which of a copied home is the original.

        Of a catalog on a server others may say otherwise, so that is left alone.
        """
        if self.is_shared:
            return
        path = self.storage.rstrip("/") + "/"
        with self.writing("could not set up the warehouse") as lake:
            lake.execute(
                f"UPDATE {METADATA}.ducklake_metadata SET value = ? WHERE key ="
                " 'data_path' AND value <> ?",
                [path, path],
            )

    def _require(self, create: bool = False) -> None:
        if not create and not self.exists:
            raise WarehouseError(f"there is no warehouse in {self.home} yet")

    @contextmanager
    def _attached(
        self, read_only: bool, create: bool = False
    ) -> Iterator[duckdb.DuckDBPyConnection]:
        """Attach anew for each call: it costs 50 ms, most of it for reading the schemas, and no
        state outlives an error, a fork or a moved folder. Engines that stay attached hang when
        several threads read and write; one thread's own may wait for its next read
        (`kept_attached`).
        """
        self._require(create)
        with engine(*self.extensions()) as duck:
            duck.execute(self.attach_statement(read_only))
            connection = duck.cursor()
            try:
                connection.execute("USE lake")
                yield connection
            except BaseException:
                # DuckDB aborts the process when a connection is closed whose transaction is open on
                # a server that is gone; asked to end it, it only complains.
                with suppress(duckdb.Error):
                    connection.execute("ROLLBACK")
                raise
            finally:
                connection.close()
            duck.execute("DETACH lake")

    def extensions(self) -> list[str]:
        """Names of DuckDB's extensions that reading it needs."""
        catalog = "postgres_scanner" if self.is_shared else "sqlite_scanner"
        return ["ducklake", catalog] + ["httpfs"] * ("://" in self.storage)

    def attach_statement(self, read_only: bool) -> str:
        """What attaches it as `lake`, wherever its folder lies now."""
        catalog = f"postgres:{self._address}" if self.is_shared else f"sqlite:{self.catalog}"
        # The catalog remembers where its files were; overriding that lets a home be moved or
        # mounted elsewhere.
        options = [
            f"DATA_PATH {quote(self.storage)}",
            "OVERRIDE_DATA_PATH true",
            "DATA_INLINING_ROW_LIMIT 0",
        ]
        if not self.is_shared:
            options += ["META_JOURNAL_MODE 'WAL'", "META_BUSY_TIMEOUT 60000"]
        return (
            f"ATTACH {quote(f'ducklake:{catalog}')} AS lake"
            f" ({', '.join(options + ['READ_ONLY'] * read_only)})"
        )

    @contextmanager
    def _file_lock(self) -> Iterator[StillHeld]:
        lock = FileLock(Path(self.catalog).with_name("write.lock"), timeout=self.lock_timeout)
        try:
            lock.acquire()
        except Timeout as error:
            raise self._busy(str(lock.lock_file)) from error
        try:
            yield lambda: lock.is_locked
        finally:
            lock.release()

    @contextmanager
    def _server_lock(self) -> Iterator[StillHeld]:
        """Held by a session of its own, which can end before the writer's does."""
        with suppress(_LockSessionEnded), engine("postgres_scanner") as duck:
            duck.execute(f"ATTACH {quote(self._address)} AS server (TYPE postgres)")
            duck.execute("BEGIN")
            # A dead writer's session ends, and its lock with it.
            duck.execute(
                "CALL postgres_execute('server', 'SET LOCAL lock_timeout ="
                f" {int(self.lock_timeout * 1000)}')"
            )
            try:
                duck.execute(
                    f"CALL postgres_execute('server', 'SELECT pg_advisory_xact_lock({WRITER})')"
                )
            except duckdb.Error as error:
                if "lock timeout" in str(error):
                    raise self._busy(f"advisory lock {WRITER} of the catalog") from error
                raise
            try:
                yield lambda: _holds_lock(duck)
            except BaseException:
                _let_go(duck)
                raise
            try:
                duck.execute("COMMIT")
                duck.execute("DETACH server")
            except duckdb.Error as error:
                # What was written is written: its own transaction has been committed.
                _log.warning(
                    "what was written stands, but the session that held the writer's lock ended"
                    " with an error (%s)",
                    " ".join(str(error).split()),
                )
                _let_go(duck)
                raise _LockSessionEnded from error

    def _busy(self, lock: str) -> WarehouseError:
        return WarehouseError(
            f"another process has been writing for {self.lock_timeout:g} s and holds {lock}"
        )


def _commit(connection: duckdb.DuckDBPyConnection, what: str, mark: str) -> None:
    """Commit; in a catalog on a server under a mark, by which it can be found."""
    if not mark:
        connection.execute("COMMIT")
        return
    told = ", ".join(quote(text) for text in (who(), what.partition(";")[0]))
    connection.execute(
        f"CALL ducklake_set_commit_message('lake', {told}, extra_info => {quote(mark)})"
    )
    try:
        connection.execute("COMMIT")
    except duckdb.Error as error:
        raise _CommitFailedError(error) from error


def without_password(catalog: str) -> str:
    """A connection string of PostgreSQL, of words or a URL, without the password in it."""
    words = re.sub(r"\bpassword\s*=\s*('(\\.|[^'\\])*'|\S+)\s*", "", catalog)
    return re.sub(r"(://[^:/@\s]*):[^@\s]*@", r"\1@", words)


def _holds_lock(duck: duckdb.DuckDBPyConnection) -> bool:
    """Whether the session on which `duck` took the writer's lock is alive and has it."""
    question = (
        f"SELECT 1 FROM pg_locks WHERE pid = pg_backend_pid() AND granted AND objid = {WRITER}"
    )
    try:
        return bool(duck.execute(f"FROM postgres_query('server', {quote(question)})").fetchall())
    except duckdb.Error:
        return False


def _let_go(duck: duckdb.DuckDBPyConnection) -> None:
    """End the session of a lock, dead or alive. DuckDB aborts the process when an engine is closed
    that has a transaction open on a server that is gone.
    """
    for statement in ("ROLLBACK", "DETACH server"):
        with suppress(duckdb.Error):
            duck.execute(statement)


@contextmanager
def _in_one_line(what: str) -> Iterator[None]:
    try:
        yield
    except BrokenPipeError:
        # Of whoever reads what the block writes, who has enough.
        raise
    except (duckdb.Error, OSError) as error:
        # DuckDB goes on with the statement and a caret under the spot.
        said, _, spot = str(error).partition("\n\nLINE ")
        line = spot.partition(":")[0]
        where = f" (line {line})" if line.isdigit() and line != "1" else ""
        told = hidden(f"{what}: {' '.join(said.split())}{where}")
        # Whoever shows a traceback shows its causes, Dagster's record among them.
        raise WarehouseError(told) from (None if holds_secret(error) else error)
