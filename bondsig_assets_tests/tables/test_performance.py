"""Declarations of the group performance hold together as those of every other table."""

from __future__ import annotations

import pytest

from bondsig_assets.tables import backtests, performance
from bondsig_assets.tables.schema import Table
from bondsig_assets_tests.tables import test_schema

TABLES = [
    table
    for room in (performance, backtests)
    for table in vars(room).values()
    if isinstance(table, Table)
]


@pytest.mark.parametrize("table", TABLES, ids=lambda table: table.name)
def test_every_declaration_holds_together(table):
    test_schema.test_every_declaration_holds_together(table)
    test_schema.test_the_ddl_makes_the_declared_table(table)
    assert table.group == "performance"
    # A row a day is known at that day's cutoff; what sums up a whole span is replaced whole.
    assert (table.known_time == "known_at") is bool(table.partition)
    assert table.partition == table.event_time


def test_all_tables_are_there():
    assert {table.name for table in TABLES} == {
        "performance",
        "pnl_parts",
        "shortfalls",
        "pnl_slices",
        "credit_money",
        "capacity",
    }
