"""Days whose rows the source brings otherwise than they were taken in."""

from __future__ import annotations

from datetime import date

import polars as pl
import pytest

from bondsig_assets.home import Market
from bondsig_assets.orchestration.redelivered import redelivered_days
from bondsig_assets.sources.base import Delivery, Source
from bondsig_assets.sources.registry import make_source
from bondsig_assets.tables import RAW_DAILY, TABLES
from bondsig_assets.warehouse import Warehouse, Write

FIRST, LAST = date(2023, 1, 3), date(2023, 1, 6)


class Changed:
    """A source whose rows of one table somebody has changed."""

    def __init__(self, source: Source, table: str, change) -> None:
        self._source, self._table, self._change = source, table, change

    def daily(self, table: str, start: date, end: date) -> Delivery:
        delivery = self._source.daily(table, start, end)
        rows = self._change(delivery.rows) if table == self._table else delivery.rows
        return Delivery(table, rows)

    def __getattr__(self, name: str):
        return getattr(self._source, name)


@pytest.fixture(scope="module")
def source() -> Source:
    return make_source(Market(world="tiny"))


@pytest.fixture(scope="module")
def warehouse(source, tmp_path_factory) -> Warehouse:
    """Four days of raw tables as the assets write them."""
    made = Warehouse(tmp_path_factory.mktemp("home"))
    made.initialize()
    for table in RAW_DAILY:
        rows = TABLES[table].conform(source.daily(table, FIRST, LAST).rows)
        made.replace(Write(table, rows, (FIRST, LAST)))
    return made


def changed(source, warehouse, table, change) -> dict[str, set[str]]:
    return redelivered_days(Changed(source, table, change), warehouse, FIRST, LAST)


def test_what_is_brought_as_it_was_taken_in_has_not_changed(source, warehouse):
    assert all(source.daily(one, FIRST, LAST).rows.height for one in ("trace_reports",))
    assert redelivered_days(source, warehouse, FIRST, LAST) == {}


def test_the_order_of_rows_is_no_change(source, warehouse):
    assert changed(source, warehouse, "trace_reports", pl.DataFrame.reverse) == {}


@pytest.mark.parametrize(
    "change",
    [
        lambda rows: rows.filter(pl.col("trade_date") != date(2023, 1, 5)),
        lambda rows: rows.filter(
            (pl.col("trade_date") != date(2023, 1, 5))
            | (pl.col("ticker") != pl.col("ticker").max())
        ),
        lambda rows: rows.with_columns(
            close_usd=pl.when(pl.col("trade_date") == date(2023, 1, 5))
            .then(pl.col("close_usd") + 0.01)
            .otherwise("close_usd")
        ),
    ],
    ids=["a day without rows", "rows that are gone", "another price"],
)
def test_a_day_that_changed_is_named_and_no_other(source, warehouse, change):
    assert changed(source, warehouse, "equity_prices", change) == {"equity_prices": {"2023-01-05"}}


def test_days_nobody_took_in_differ_too(source, warehouse):
    later = redelivered_days(source, warehouse, FIRST, date(2023, 1, 9))
    assert later["equity_prices"] == {"2023-01-09"}
