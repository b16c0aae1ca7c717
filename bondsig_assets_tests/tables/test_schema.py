"""Declarations: what a frame must be to fit a table, and what the tables themselves must be."""

from __future__ import annotations

from datetime import date, datetime

import duckdb
import polars as pl
import pytest

from bondsig_assets.errors import SchemaError
from bondsig_assets.tables import RAW_DAILY, RAW_REFERENCE, TABLES
from bondsig_assets.tables.schema import POLARS_TYPES, Column, Table, quote

THINGS = Table(
    "things",
    "raw",
    "It's a table",
    (
        Column("name", "VARCHAR", "Name", nullable=False),
        Column("price_usd", "DOUBLE", "Price", "usd"),
        Column("n", "BIGINT", "Count"),
        Column("known_at", "TIMESTAMP", "Moment"),
        Column("day", "DATE", "Day"),
        Column("is_it", "BOOLEAN", "Flag"),
        Column("tags", "VARCHAR[]", "Tags"),
        Column("sizes", "DOUBLE[]", "Sizes"),
    ),
    key=("name",),
)
GOOD = {
    "name": ["a"],
    "price_usd": [1.5],
    "n": [2],
    "known_at": [datetime(2024, 1, 2, 3, 4, 5, 678901)],
    "day": [date(2024, 1, 2)],
    "is_it": [True],
    "tags": [["x"]],
    "sizes": [[1.0]],
}


def test_a_good_frame_passes_unchanged_and_in_order():
    frame = pl.DataFrame(GOOD)
    assert THINGS.conform(frame.select(reversed(frame.columns))).equals(
        frame.select(THINGS.column_names)
    )
    assert THINGS.conform(frame).schema == THINGS.polars_schema == THINGS.empty().schema


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("n", pl.Series([2], dtype=pl.Int8)),
        ("n", pl.Series([2], dtype=pl.UInt32)),
        ("price_usd", pl.Series([1.5], dtype=pl.Float32)),
        ("price_usd", pl.Series([1], dtype=pl.Int64)),
        ("known_at", pl.Series([datetime(2024, 1, 2)], dtype=pl.Datetime("ns"))),
        ("name", pl.Series(["a"], dtype=pl.Categorical)),
        ("sizes", pl.Series([[1]], dtype=pl.List(pl.Int64))),
        ("n", pl.Series([None], dtype=pl.Null)),
    ],
)
def test_lossless_casts(name, value):
    found = THINGS.conform(pl.DataFrame(GOOD).with_columns(value.alias(name)))
    assert found.schema == THINGS.polars_schema
    assert found[name].to_list() == value.to_list()


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("n", pl.Series([2.0])),
        ("n", pl.Series(["2"])),
        ("price_usd", pl.Series(["1.5"])),
        ("price_usd", pl.Series([True])),
        ("name", pl.Series([1])),
        ("known_at", pl.Series([datetime(2024, 1, 2)]).dt.replace_time_zone("UTC")),
        ("known_at", pl.Series([date(2024, 1, 2)])),
        ("day", pl.Series([datetime(2024, 1, 2)])),
        ("is_it", pl.Series([1])),
        ("n", pl.Series([2**63], dtype=pl.UInt64)),
        ("tags", pl.Series(["x"])),
    ],
)
def test_anything_else_is_refused_by_name(name, value):
    with pytest.raises(SchemaError, match=f"table things: .*{name}"):
        THINGS.conform(pl.DataFrame(GOOD).with_columns(value.alias(name)))


def test_missing_and_unknown_columns_are_named():
    with pytest.raises(
        SchemaError, match="table things: missing columns n, day; undeclared columns more, other"
    ):
        THINGS.conform(pl.DataFrame(GOOD).drop("n", "day").with_columns(more=1, other=2))


def test_null_where_none_is_allowed():
    with pytest.raises(SchemaError, match="column name may not be null, 1 of 2 rows are"):
        THINGS.conform(
            pl.concat(
                [pl.DataFrame(GOOD), pl.DataFrame(GOOD).with_columns(name=pl.lit(None, pl.String))]
            )
        )


@pytest.mark.parametrize("table", TABLES.values(), ids=lambda table: table.name)
def test_every_declaration_holds_together(table):
    names = table.column_names
    assert len(set(names)) == len(names)
    assert table.key and set(table.key) <= set(names)
    for column in (table.event_time, table.known_time, table.partition):
        assert not column or column in names
    columns = {column.name: column for column in table.columns}
    if table.name != "quarantined_rows":
        assert not any(columns[name].nullable for name in table.key)
    for column in table.columns:
        assert column.type in POLARS_TYPES and column.description
        prefixed = column.name.startswith(("is_", "has_"))
        assert prefixed == (column.type == "BOOLEAN"), column.name
        if column.name.endswith("_date"):
            assert column.type == "DATE", column.name
        if column.name.endswith("_at"):
            assert column.type == "TIMESTAMP", column.name
        for unit in ("bps", "pct", "usd", "years"):
            if column.name.endswith(f"_{unit}"):
                assert column.unit == unit, column.name


@pytest.mark.parametrize("table", TABLES.values(), ids=lambda table: table.name)
def test_the_ddl_makes_the_declared_table(table):
    connection = duckdb.connect()
    if table.schema != "main":
        connection.execute(f"CREATE SCHEMA {table.schema}")
    connection.execute(table.create_statement())
    for statement in table.comment_statements():
        connection.execute(statement)
    found = connection.execute(
        "SELECT column_name, data_type, comment FROM duckdb_columns() WHERE table_name = ? ORDER BY"
        " column_index",
        [table.name],
    ).fetchall()
    assert found == [(column.name, column.type, column.comment) for column in table.columns]
    assert connection.sql(f"FROM {table.qualified_name}").pl().schema == table.polars_schema


def test_comments_say_the_unit():
    assert [column.comment for column in THINGS.columns[:2]] == ["Name", "Price [usd]"]
    assert quote("it's") == "'it''s'"


def test_every_raw_table_is_declared_and_says_when_it_is_known():
    for name in (*RAW_DAILY, *RAW_REFERENCE):
        assert (
            TABLES[name].group == "raw"
            and TABLES[name].known_rule
            and TABLES[name].known_time == "known_at"
        )
    assert all(TABLES[name].partition for name in RAW_DAILY)
