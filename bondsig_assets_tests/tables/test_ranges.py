"""Usual ranges: every number has one, each unit a file may be in is told from the declared one."""

from __future__ import annotations

import polars as pl
import pytest

from bondsig_assets.tables import RAW_DAILY, RAW_REFERENCE, TABLES
from bondsig_assets.tables.ranges import RANGES, complaint, judge

RAW = (*RAW_DAILY, *RAW_REFERENCE)


@pytest.mark.parametrize("table", RAW)
def test_every_number_of_a_raw_table_has_a_range_or_is_said_to_have_none(table):
    numbers = {column.name for column in TABLES[table].columns if column.type == "DOUBLE"}
    assert set(RANGES[table]) == numbers


@pytest.mark.parametrize(
    ("table", "column"),
    [(table, column) for table in RAW for column, usual in RANGES[table].items() if usual],
)
def test_typical_values_are_in_range(table, column):
    usual = RANGES[table][column]
    for low in usual.lows or (usual.low,):
        assert low < usual.typical < usual.high


def said(table: str, column: str, unit: str = "", **columns: list) -> str:
    """The complaint about a column of a small frame."""
    usual = RANGES[table][column]
    declared = {c.name: c for c in TABLES[table].columns}[column].unit
    return complaint(judge(pl.DataFrame(columns), column, usual), usual, declared, unit)


# Par yields of the Treasury: 2024-03-28; 2020-08-04, the lowest ten-year yield of all; bills and
# notes of 2011-09-22.
CURVE = {
    "high": ([1, 2, 5, 10, 30], [5.03, 4.59, 4.21, 4.20, 4.34]),
    "low": ([0.25, 0.5, 1, 2, 5, 10, 30], [0.09, 0.11, 0.13, 0.11, 0.19, 0.52, 1.19]),
    "bills": ([1 / 12, 0.25, 0.5, 1, 2], [0.01, 0.02, 0.04, 0.10, 0.20]),
}


@pytest.mark.parametrize("curve", CURVE)
def test_curves_as_they_were_are_percent(curve):
    tenors, yields = CURVE[curve]
    assert said("treasury_yields", "par_yield_pct", tenor_years=tenors, par_yield_pct=yields) == ""


@pytest.mark.parametrize("curve", ["high", "low"])
def test_the_same_curves_as_fractions_and_basis_points_are_told(curve):
    tenors, yields = CURVE[curve]
    fractions = [value / 100 for value in yields]
    found = said("treasury_yields", "par_yield_pct", tenor_years=tenors, par_yield_pct=fractions)
    assert found.startswith('looks like a fraction: say unit = "fraction"')
    points = [value * 100 for value in yields]
    found = said("treasury_yields", "par_yield_pct", tenor_years=tenors, par_yield_pct=points)
    assert found.startswith('looks like basis points: say unit = "bps"')


@pytest.mark.parametrize(
    ("table", "column", "values", "wanted"),
    [
        ("trace_reports", "price", [0.985, 1.02, 0.47], "fraction"),
        ("trace_reports", "price", [98.5, 102.0, 4.7], ""),
        ("trace_reports", "par_usd", [5.0, 25.0, 1000.0], "thousands"),
        ("trace_reports", "par_usd", [0.5, 2.0, 1.0], "millions"),
        ("trace_reports", "par_usd", [5e3, 1e4, 2.5e4, 1e6], ""),
        ("trace_reports", "yield_pct", [0.051, 0.074, 0.032], "fraction"),
        ("trace_reports", "yield_pct", [510.0, 320.0, 740.0], "bps"),
        ("trace_reports", "yield_pct", [0.35, 0.6, -0.2, 1.2], ""),
        ("equity_prices", "total_return_pct", [0.01, -0.004, 0.013], "fraction"),
        ("equity_prices", "total_return_pct", [1.0, 0.0, 0.0, -0.4, 0.02, 1.3], ""),
        ("equity_prices", "total_return_pct", [110.0, -40.0, 75.0], "bps"),
        ("equity_prices", "shares_outstanding", [5.5e5, 9.1e5, 5e6], "thousands"),
        ("equity_prices", "shares_outstanding", [3e6, 5e5, 2e8], ""),
        ("equity_prices", "shares_outstanding", [250.0, 110.0, 15_000.0], "millions"),
        ("amounts_outstanding", "amount_usd", [500_000.0, 750_000.0, 0.0], "thousands"),
        ("amounts_outstanding", "amount_usd", [500.0, 750.0, 1250.0], "millions"),
        ("amounts_outstanding", "amount_usd", [0.0, 0.0, 5e8], ""),
        ("fundamentals", "total_debt_usd", [4_200.0, 12_500.0, 310.0], "millions"),
        ("fundamentals", "total_debt_usd", [4.2e6, 1.25e7, 3.1e6], "thousands"),
        ("call_schedules", "call_price", [1.02, 1.01, 1.0], "fraction"),
        ("bonds", "offering_amount_usd", [5e5, 7.5e5, 1.25e6], "thousands"),
    ],
)
def test_each_unit_of_a_file_is_told_from_the_declared_one(table, column, values, wanted):
    found = said(table, column, **{column: values})
    assert (f'unit = "{wanted}"' in found) if wanted else found == ""


@pytest.mark.parametrize(
    ("spreads", "wanted"),
    [
        ([0.0065, 0.012, 0.035], "fraction"),
        ([0.65, 1.2, 1.9], "pct"),
        ([20.0, 12.0, 8.0], ""),
        ([2500.0, 8000.0, 900.0], ""),
    ],
)
def test_cds_spreads(spreads, wanted):
    found = said("cds_quotes", "par_spread_bps", tenor_years=[5.0] * 3, par_spread_bps=spreads)
    assert (f'unit = "{wanted}"' in found) if wanted else found == ""


def test_short_contracts_of_good_names_cost_next_to_nothing():
    short = {"tenor_years": [0.5, 1.0, 0.5], "par_spread_bps": [1.0, 1.5, 0.8]}
    assert said("cds_quotes", "par_spread_bps", **short) == ""


def test_margins_of_floaters_are_not_asked_and_coupons_as_fractions_are_told():
    both = {"coupon_type": ["V", "V", "F"], "coupon_pct": [0.05, 0.1, 4.5]}
    assert said("bonds", "coupon_pct", **both) == ""
    assert "a fraction" in said("bonds", "coupon_pct", coupon_type=["F"], coupon_pct=[0.054])


def test_delisting_returns_are_asked_where_holders_lost():
    merged = {"reason": ["merger", "merger"], "delisting_return_pct": [0.2, -0.1]}
    assert said("delistings", "delisting_return_pct", **merged) == ""
    dropped = {"reason": ["merger", "dropped"], "delisting_return_pct": [0.2, -0.6]}
    assert "a fraction" in said("delistings", "delisting_return_pct", **dropped)


def test_a_unit_that_is_said_and_wrong_is_told_too():
    months = {"tenor_years": [60.0, 120.0, 36.0, 12.0]}
    assert 'unit = "months"' in said("cds_quotes", "tenor_years", **months)
    percent = {"tenor_years": [5.0], "par_spread_bps": [650_000.0]}
    found = said("cds_quotes", "par_spread_bps", "fraction", **percent)
    assert 'unit = "bps"' in found


def test_what_fits_no_unit_is_told_without_one():
    found = said("trace_reports", "price", price=[98_500.0, 102_000.0] * 5)
    assert found.startswith("is in no known unit (10 of 10 values lie outside")
    assert said("trace_reports", "price", price=[98_500.0, 102_000.0]) == "", "two odd values"


def test_missing_values_and_zeros_say_nothing():
    assert said("trace_reports", "yield_pct", yield_pct=[None, 0.0, float("nan")]) == ""


def test_borrow_rates_as_fractions_are_told():
    assert said("borrow_rates", "annual_rate_pct", annual_rate_pct=[0.3, 0.25, 12.0]) == ""
    assert "a fraction" in said("borrow_rates", "annual_rate_pct", annual_rate_pct=[0.003, 0.0025])


def test_a_series_of_the_market_is_asked_by_its_name():
    fear = {"series": ["vix"] * 12 + ["own"] * 3, "value": [13.0] * 12 + [1e9] * 3}
    assert said("macro_series", "value", **fear) == ""
    fear["value"] = [0.13] * 12 + [1e9] * 3
    assert "in no known unit" in said("macro_series", "value", **fear)
    assert said("macro_series", "value", series=["own"] * 12, value=[1e9] * 12) == ""


def test_days_without_a_dividend_or_a_split_are_no_fault():
    assert said("equity_prices", "dividend_usd", dividend_usd=[0.0] * 20) == ""
    assert said("equity_prices", "split_ratio", split_ratio=[1.0] * 20 + [0.1, 2.0]) == ""
