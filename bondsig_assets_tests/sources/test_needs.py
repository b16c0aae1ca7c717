"""Inputs that are lacking are told with what that costs, and nothing is told where all is there."""

from __future__ import annotations

from datetime import date

import polars as pl
import pytest

from bondsig_assets.sources.needs import ASKED, NEEDS, lacking
from bondsig_assets.tables import TABLES
from bondsig_assets_tests.rows_of import rows_of

DAY = date(2024, 1, 5)
ROWS = {
    "trace_reports": [{"view": "live", "is_disseminated": True}],
    "bond_day_quotes": [],
    "equity_prices": [
        {"ticker": "AAA", "total_return_pct": 1.0, "shares_outstanding": 1e8},
        {"ticker": "XLF", "adjusted_close_usd": 40.0},
    ],
    "cds_quotes": [{"ticker": "AAA"}],
    "issuers": [{"issuer_id": "I", "parent_id": "P"}],
    "equities": [{"parent_id": "P", "ticker": "AAA", "sector_etf": "XLF"}],
    "equity_links": [],
    "bonds": [{"cusip": "037833AK6", "issuer_id": "I"}],
    "call_schedules": [],
    "ratings": [{"issuer_id": "I"}],
    "fundamentals": [{"parent_id": "P"}],
    "treasury_yields": [{"trade_date": DAY}],
    "delistings": [{"ticker": "ZZZ"}],
}


def told(**changed: list[dict]) -> list[str]:
    """The lines where some tables hold other rows than ROWS."""
    held = {
        name: rows_of(name, *rows).select(ASKED[name])
        if rows
        else TABLES[name].empty().select(ASKED[name])
        for name, rows in (ROWS | changed).items()
    }
    return lacking(held)


def test_where_all_is_there_nothing_is_told():
    assert set(ROWS) == set(ASKED)
    assert told() == []


@pytest.mark.parametrize(
    ("changed", "line"),
    [
        ({"trace_reports": []}, "trades: no trace_reports: no trades"),
        (
            {"trace_reports": [], "bond_day_quotes": [{"cusip": "037833AK6"}]},
            "trades: no trace_reports: bond days are those of bond_day_quotes",
        ),
        (
            {"bonds": [], "bond_day_quotes": [{"cusip": "037833AK6"}]},
            "bond analytics: no bonds: quotes have no terms",
        ),
        ({"bonds": []}, "trades: no bonds: every report is set aside as unknown_bond"),
        ({"trace_reports": [{"view": "live"}]}, "trades: no is_disseminated in trace_reports"),
        ({"ratings": []}, "trades: no ratings: the live view caps every par at $1m"),
        ({"treasury_yields": []}, "bond analytics: no treasury_yields: yields and durations"),
        ({"equities": []}, "links: no equities: no bond leads to a stock"),
        ({"issuers": []}, "links: no issuers and no equity_links: no bond leads to a parent"),
        ({"issuers": []}, "features: no issuers: ratings reach no parent"),
        (
            {"issuers": [{"issuer_id": "J", "parent_id": "P"}]},
            "links: issuer_id of bonds and issuers never meet",
        ),
        (
            {"issuers": [{"issuer_id": "I", "parent_id": "Q"}]},
            "links: parent_id of issuers and equities never meet",
        ),
        ({"cds_quotes": []}, "features: no cds_quotes"),
        ({"fundamentals": []}, "features: no fundamentals"),
        ({"equity_prices": []}, "labels: no equity_prices: no labels"),
        (
            {"equity_prices": [{"ticker": "AAA"}, {"ticker": "XLF"}]},
            "labels: no total_return_pct and no adjusted_close_usd in equity_prices: no labels",
        ),
        (
            {"equity_prices": [{"ticker": "AAA", "total_return_pct": 1.0}]},
            "labels: no returns of 1 of 1 sector ETFs (XLF): no label for their sectors",
        ),
        (
            {"equity_prices": [{"ticker": "XLF", "total_return_pct": 1.0}]},
            "labels: no returns of 1 of 1 stocks (AAA)",
        ),
        ({"delistings": []}, "labels: no delistings"),
        (
            {"equity_prices": [{"ticker": t, "total_return_pct": 1.0} for t in ("AAA", "XLF")]},
            "features: no shares_outstanding in equity_prices",
        ),
    ],
)
def test_what_is_lacking_is_told_with_its_cost(changed, line):
    assert any(one.startswith(line) for one in told(**changed)), told(**changed)


def test_every_need_can_be_lacking():
    assert all(need.stage and need.costs for need in NEEDS)
    empty = {name: TABLES[name].empty().select(columns) for name, columns in ASKED.items()}
    assert len(lacking(empty)) >= 6
    assert isinstance(empty["bonds"], pl.DataFrame)
