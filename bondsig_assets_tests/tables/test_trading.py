"""Declarations of the group trading hold together as those of every other table."""

from __future__ import annotations

import pytest

from bondsig_assets.tables import trading
from bondsig_assets.tables.schema import Table
from bondsig_assets_tests.tables import test_schema

TABLES = [table for table in vars(trading).values() if isinstance(table, Table)]


@pytest.mark.parametrize("table", TABLES, ids=lambda table: table.name)
def test_every_declaration_holds_together(table):
    test_schema.test_every_declaration_holds_together(table)
    test_schema.test_the_ddl_makes_the_declared_table(table)
    assert table.group == "trading" and table.known_time == "known_at"
    assert table.partition == table.event_time and table.partition.endswith("_date")
    assert "policy" in table.column_names


def test_all_tables_are_there():
    assert {table.name for table in TABLES} == {
        "orders",
        "order_slices",
        "awaited_orders",
        "fills",
        "ledger_entries",
        "positions",
        "portfolio_days",
    }


def test_every_change_of_the_net_asset_value_has_a_column_of_its_own():
    for name in trading.CHANGES:
        assert f"{name}_usd" in trading.PORTFOLIO_DAYS.column_names
