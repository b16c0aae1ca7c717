"""Schemas, comments, views and macros in the lake and in an exported file."""

# A test's name says what it shows.
# ruff: noqa: D103

from __future__ import annotations

from dataclasses import replace

import duckdb
import polars as pl
import pytest

from bondsig_assets.errors import WarehouseError
from bondsig_assets.tables import TABLES, VIEWS
from bondsig_assets.tables.schema import Column
from bondsig_assets.warehouse import Warehouse, Write, extensions, installation
from bondsig_assets.warehouse.extensions import THREADS, engine, extension_file
from bondsig_assets_tests.warehouse.frames import day, values_by_day, write_predictions


@pytest.fixture
def views(tmp_path, monkeypatch):
    folder = tmp_path / "views"
    folder.mkdir()
    (folder / "latest.sql").write_text(
        "-- The newest prediction\n-- of each issuer.\nCREATE OR REPLACE VIEW latest AS\n"
        "SELECT parent_id, max(trade_date) AS d FROM predictions GROUP BY 1;\n"
    )
    (folder / "latest_as_of.sql").write_text(
        "-- As of a moment.\nCREATE OR REPLACE MACRO latest_as_of(ts) AS TABLE\n"
        "SELECT l.* FROM latest l JOIN predictions p USING (parent_id) WHERE known_at <= ts;"
    )
    monkeypatch.setattr(installation, "VIEW_FILES", folder)
    return folder


def test_comments_are_in_the_warehouse(warehouse):
    found = dict(
        warehouse.query(
            "SELECT schema_name || '.' || table_name, comment FROM duckdb_tables() WHERE"
            " database_name = 'lake'"
        )[1]
    )
    assert found.pop("main.migrations").startswith("Changes of the lake itself")
    assert found == {f"{table.schema}.{table.name}": table.description for table in TABLES.values()}
    _, columns = warehouse.query(
        "SELECT table_name, column_name, comment FROM duckdb_columns() WHERE database_name = 'lake'"
        " AND table_name <> 'migrations'"
    )
    assert set(columns) == {
        (table.name, column.name, column.comment)
        for table in TABLES.values()
        for column in table.columns
    }


@pytest.mark.slow
def test_views_and_macros_follow_their_files(warehouse, views):
    write_predictions(warehouse, 0, 3)
    warehouse.initialize()
    assert warehouse.read("SELECT * FROM latest").height == 3
    assert warehouse.read("SELECT * FROM latest_as_of(TIMESTAMP '2023-01-01')").height == 0
    assert warehouse.query("SELECT comment FROM duckdb_views() WHERE view_name = 'latest'")[1] == [
        ("The newest prediction of each issuer.",)
    ]
    before = warehouse.snapshot_id()
    warehouse.initialize()
    assert warehouse.snapshot_id() == before
    (views / "latest_as_of.sql").unlink()
    warehouse.initialize()
    with pytest.raises(WarehouseError, match="latest_as_of"):
        warehouse.read("SELECT * FROM latest_as_of(TIMESTAMP '2023-01-01')")
    (views / "broken.sql").write_text(
        "CREATE OR REPLACE VIEW broken AS SELECT nothing FROM predictions"
    )
    with pytest.raises(WarehouseError, match="sql/views/broken.sql: .*nothing"):
        warehouse.initialize()
    assert warehouse.read("SELECT * FROM latest").height == 3


@pytest.mark.slow
def test_tables_follow_their_declaration_when_no_data_is_lost(warehouse, monkeypatch):
    write_predictions(warehouse, 0, 1, 1.0)

    def declare(**columns):
        changed = {
            name: replace(TABLES[name], columns=declared) for name, declared in columns.items()
        }
        monkeypatch.setattr(installation, "TABLES", {**TABLES, **changed})

    wider = (*TABLES["predictions"].columns, Column("stderr", "DOUBLE", "New"))
    declare(predictions=wider, scores=TABLES["scores"].columns[2:])
    warehouse.initialize()
    assert warehouse.read("SELECT stderr FROM predictions")["stderr"].null_count() == 6
    assert warehouse.read("SELECT * FROM scores").width == len(TABLES["scores"].columns) - 2
    declare(predictions=(Column("parent_id", "BIGINT", "Number"), *wider[1:]))
    with pytest.raises(
        WarehouseError,
        match=(
            r"table predictions holds rows that do not fit its declaration any more \(columns"
            r" parent_id\)"
        ),
    ):
        warehouse.initialize()
    assert set(values_by_day(warehouse).values()) == {1.0}


@pytest.mark.slow
def test_the_export_is_the_warehouse_in_one_file(warehouse, views, tmp_path):
    warehouse.initialize()
    write_predictions(warehouse, 0, 3, 1.0)
    warehouse.replace(
        Write(
            "planted_news",
            pl.DataFrame(
                {
                    "parent_id": "P",
                    "news_date": [day(0)],
                    "equity_date": [day(4)],
                    "equity_last_date": [day(4)],
                    "size_pct": 1.0,
                    "credit_size_pct": 1.0,
                    "known_to": "all",
                }
            ),
        )
    )
    target = tmp_path / "out" / "one.duckdb"
    with pytest.raises(WarehouseError, match="is no folder"):
        warehouse.export(target)
    target.parent.mkdir()
    warehouse.export(target)
    with pytest.raises(WarehouseError, match="one.duckdb exists already"):
        warehouse.export(target)
    warehouse.export(target, overwrite=True)
    assert [path.name for path in target.parent.iterdir()] == ["one.duckdb"]
    with duckdb.connect(str(target), read_only=True) as file, warehouse.on_snapshot():
        for name, table in TABLES.items():
            copied = file.execute(f"SELECT * FROM {table.schema}.{name} ORDER BY ALL").fetchall()
            assert (
                copied == warehouse.query(f"SELECT * FROM {table.qualified_name} ORDER BY ALL")[1]
            )
        assert file.execute("SELECT count(*) FROM latest").fetchall() == [(3,)]
        assert file.execute(
            "SELECT count(*) FROM latest_as_of(TIMESTAMP '2030-01-01')"
        ).fetchall() == [(12,)]
        comments = file.execute(
            "SELECT comment FROM duckdb_columns() WHERE table_name = 'planted_news' ORDER BY"
            " column_index"
        ).fetchall()
        assert [comment for (comment,) in comments] == [
            column.comment for column in TABLES["planted_news"].columns
        ]


def test_extensions_come_from_the_wheels():
    for name in ("ducklake", "sqlite_scanner", "postgres_scanner", "httpfs"):
        assert extension_file(name)
    assert extension_file("no_such_thing") is None


def threads_of_an_engine() -> int:
    extensions._idle.clear()
    with engine() as duck:
        found = duck.execute("SELECT current_setting('threads')").fetchone()
    extensions._idle.clear()
    return int(found[0])


def test_an_engine_has_a_thread_for_each_core_of_the_process_or_as_many_as_it_is_told(monkeypatch):
    monkeypatch.delenv(THREADS, raising=False)
    monkeypatch.setattr(extensions.os, "sched_getaffinity", lambda _: {0, 3, 5}, raising=False)
    assert threads_of_an_engine() == 3
    monkeypatch.setenv(THREADS, "2")
    assert threads_of_an_engine() == 2


@pytest.mark.parametrize("told", ["0", "-1", "two", "1.5", "\N{SUPERSCRIPT TWO}", "100000"])
def test_a_number_of_threads_that_is_none_is_told_in_one_line(tmp_path, monkeypatch, told):
    monkeypatch.setenv(THREADS, told)
    extensions._idle.clear()
    with pytest.raises(WarehouseError, match="^BONDSIG_THREADS is '.*'; give a whole number from"):
        Warehouse(tmp_path).initialize()


def test_views_show_the_declared_columns(tmp_path):
    warehouse = Warehouse(tmp_path)
    warehouse.initialize()
    assert {file.stem for file in installation.VIEW_FILES.glob("*.sql")} == set(VIEWS)
    with warehouse.on_snapshot():
        for view in VIEWS.values():
            call = f"{view.name}(TIMESTAMP '2024-03-28 18:30')" if view.parameter else view.name
            shown = [
                (name, dtype) for name, dtype, *_ in warehouse.query(f"DESCRIBE FROM {call}")[1]
            ]
            assert shown == [(column.name, column.type) for column in view.columns], view.name
