"""Declarations of what is watched hold together as those of every other table."""

from __future__ import annotations

import pytest

from bondsig_assets.tables import monitoring
from bondsig_assets.tables.schema import Table
from bondsig_assets_tests.tables import test_schema

TABLES = [table for table in vars(monitoring).values() if isinstance(table, Table)]


@pytest.mark.parametrize("table", TABLES, ids=lambda table: table.name)
def test_every_declaration_holds_together(table):
    test_schema.test_every_declaration_holds_together(table)
    test_schema.test_the_ddl_makes_the_declared_table(table)
    assert (table.group, table.partition, table.known_time) == (
        "monitoring",
        "trade_date",
        "known_at",
    )


def test_all_tables_are_there():
    assert {table.name for table in TABLES} == {
        "monitors",
        "monitored_days",
        "alarms",
        "drift",
        "retrain_requests",
    }
