"""A writer whose catalog is in PostgreSQL: what a lost lock, a lost server and a lost commit mean,
and that its process outlives them.
"""

from __future__ import annotations

import logging
import multiprocessing

import duckdb
import pytest

from bondsig_assets.errors import WarehouseError
from bondsig_assets.warehouse import Warehouse, Write
from bondsig_assets.warehouse import lake as lake_module
from bondsig_assets.warehouse.lake import WRITER
from bondsig_assets_tests.sources.wrds_server import Server
from bondsig_assets_tests.warehouse.frames import predictions, span

pytestmark = pytest.mark.services


def end_lock_session(server: Server) -> None:
    """What a restarted proxy or a time limit does to the session that holds the lock."""
    ended = server.run(
        "SELECT pg_terminate_backend(pid) AS done FROM pg_locks WHERE locktype = 'advisory' AND"
        f" objid = {WRITER}",
        "postgres",
    )
    assert [row["done"] for row in ended] == [True]


def rows(warehouse: Warehouse) -> int:
    return warehouse.read("SELECT count(*) AS n FROM predictions")["n"][0]


def write(warehouse: Warehouse) -> None:
    warehouse.replace(Write("predictions", predictions(0, 4), span(0, 4)))


def during(monkeypatch, statement: str, action, instead: bool = False) -> None:
    """Call `action` right after the lake's connection has executed what begins with `statement`, or
    `instead`: then `action` is given the connection.
    """

    class Watched:
        def __init__(self, connection):
            self._connection = connection

        def execute(self, sql, *more):
            if instead and sql.startswith(statement):
                return action(self._connection)
            done = self._connection.execute(sql, *more)
            if sql.startswith(statement):
                action()
            return done

        def __getattr__(self, name):
            return getattr(self._connection, name)

    attached = lake_module.Lake._attached

    def watched(self, *arguments, **keywords):
        context = attached(self, *arguments, **keywords)

        class Context:
            def __enter__(self):
                return Watched(context.__enter__())

            def __exit__(self, *error):
                return context.__exit__(*error)

        return Context()

    monkeypatch.setattr(lake_module.Lake, "_attached", watched)


def write_twice(home, catalog: str, statement: str, at, go, said) -> None:
    """Write, in a process of its own, waiting at `statement`; then write again."""
    warehouse = Warehouse(home, catalog)

    def wait():
        at.set()
        go.wait(60)

    with pytest.MonkeyPatch.context() as patched:
        during(patched, statement, wait)
        try:
            write(warehouse)
            said.put("written")
        except WarehouseError as error:
            said.put(str(error))
    write(warehouse)


@pytest.mark.parametrize(
    "mode, statement", [("fast", "DELETE"), ("immediate", "INSERT"), ("fast", "COMMIT")]
)
def test_a_writer_outlives_a_restart_of_the_server(shared, server, mode, statement):
    spawn = multiprocessing.get_context("spawn")
    at, go, said = spawn.Event(), spawn.Event(), spawn.Queue()
    writer = spawn.Process(
        target=write_twice,
        args=(shared.home, shared._lake.catalog, statement, at, go, said),
    )
    writer.start()
    assert at.wait(60)
    server.restart(mode)
    before = rows(shared)
    go.set()
    message = said.get(timeout=60)
    writer.join(60)
    assert writer.exitcode == 0, "DuckDB aborts where a transaction is left open on a lost server"
    if statement == "COMMIT":
        assert message == "written" and before == 15
    else:
        assert "the warehouse is unchanged: " in message and before == 0
    assert rows(shared) == 15


def lost(connection) -> None:
    raise duckdb.IOException("server closed the connection unexpectedly")


def commit_and_lose(connection) -> None:
    connection.execute("COMMIT")
    lost(connection)


def test_a_commit_whose_answer_is_lost_stands(shared, monkeypatch, caplog):
    with monkeypatch.context() as patched, caplog.at_level(logging.WARNING):
        during(patched, "COMMIT", commit_and_lose, instead=True)
        write(shared)
    assert "what was written stands" in caplog.text and rows(shared) == 15


def test_a_commit_that_is_lost_is_told_as_no_change(shared, monkeypatch):
    with monkeypatch.context() as patched:
        during(patched, "COMMIT", lost, instead=True)
        with pytest.raises(WarehouseError, match="the warehouse is unchanged: server closed"):
            write(shared)
    assert rows(shared) == 0
    write(shared)


def test_a_commit_of_which_nobody_can_say_is_told_as_such(shared, server, monkeypatch):
    with monkeypatch.context() as patched:
        patched.setattr(lake_module, "_PATIENCE", (0.0, 0.1))

        def commit_and_stop(connection):
            connection.execute("COMMIT")
            server.stop()
            lost(connection)

        during(patched, "COMMIT", commit_and_stop, instead=True)
        with pytest.raises(WarehouseError, match="does not say whether .*: once it answers, do"):
            write(shared)
    server.start()
    assert rows(shared) == 15
    write(shared)


def test_every_snapshot_names_who_made_it(shared, monkeypatch):
    monkeypatch.setenv("BONDSIG_USER", "ada")
    write(shared)
    newest = "SELECT author, commit_message FROM ducklake_snapshots('lake') ORDER BY snapshot_id"
    assert shared.read(newest).rows()[-1] == ("ada", "could not write predictions")


def test_a_lock_lost_before_the_commit_changes_nothing(shared, server, monkeypatch):
    with monkeypatch.context() as patched:
        during(patched, "INSERT", lambda: end_lock_session(server))
        with pytest.raises(WarehouseError, match=r"unchanged: the session that held .* try again"):
            write(shared)
    assert rows(shared) == 0
    write(shared)
    assert rows(shared) == 15


def test_a_lock_lost_after_the_commit_is_a_warning(shared, server, monkeypatch, caplog):
    with monkeypatch.context() as patched, caplog.at_level(logging.WARNING):
        during(patched, "COMMIT", lambda: end_lock_session(server))
        write(shared)
    assert "what was written stands" in caplog.text
    assert rows(shared) == 15
    write(shared)


def test_a_lock_that_is_held_makes_others_wait_and_is_let_go(shared, server):
    held = f"SELECT count(*) AS n FROM pg_locks WHERE locktype = 'advisory' AND objid = {WRITER}"
    other = Warehouse(shared.home, shared._lake.catalog, lock_timeout=0.5)
    with shared._lake.transaction("x") as connection:
        assert isinstance(connection, duckdb.DuckDBPyConnection)
        with pytest.raises(WarehouseError, match="another process has been writing for 0.5 s"):
            write(other)
    assert server.run(held, "postgres")[0]["n"] == 0
    write(other)


def test_upkeep_of_a_catalog_on_a_server(shared):
    for number in range(5):
        shared.replace(Write("predictions", predictions(number, number), span(number, number)))
    held = shared.read_table("predictions")
    assert shared.upkeep_due(0)[0] >= 1 and shared.pending_changes() == []
    done = shared.maintain(older_than_days=0)
    assert done.before.files - done.after.files >= 4 and done.removed >= 5
    assert shared.read_table("predictions").equals(held)
    assert shared.upkeep_due(0)[0] == 0
