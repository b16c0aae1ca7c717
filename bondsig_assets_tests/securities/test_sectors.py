"""Which sector ETF a sector has on a day."""

from __future__ import annotations

from datetime import date

import polars as pl
import pytest

from bondsig_assets.securities.sectors import sector_etf

TODAY = date(2024, 1, 2)


def etf(sector: str | None, day: date | None, industry: str | None = None) -> str | None:
    return sector_etf(pl.Series([sector], dtype=pl.String), pl.Series([day], dtype=pl.Date), pl.Series([industry], dtype=pl.String)).item()


@pytest.mark.parametrize(("sector", "ticker"), [
    ("Energy", "XLE"), ("Materials", "XLB"), ("Industrials", "XLI"), ("Consumer Discretionary", "XLY"), ("Consumer Staples", "XLP"), ("Health Care", "XLV"),
    ("Financials", "XLF"), ("Information Technology", "XLK"), ("Utilities", "XLU"), ("Communication Services", "XLC"), ("Real Estate", "XLRE"),
])
def test_all_eleven_today_and_those_that_there_were_at_the_start(sector, ticker):
    assert etf(sector, TODAY) == ticker == etf(sector.upper() + " ", TODAY)
    early = {"XLC": "XLK", "XLRE": "XLF"}.get(ticker, ticker)
    assert (etf(sector, date(1998, 12, 21)), etf(sector, date(1998, 12, 22))) == (None, early)


def test_real_estate_leaves_the_financials():
    assert [etf("Real Estate", day) for day in (date(2015, 10, 7), date(2015, 10, 8))] == ["XLF", "XLRE"]


def test_communication_services_come_from_two_sectors():
    last, first = date(2018, 6, 18), date(2018, 6, 19)
    assert etf("Communication Services", last, "Media") == "XLY" and etf("Communication Services", last, "Entertainment") == "XLY"
    assert etf("Communication Services", last, "Interactive Media & Services") == "XLK"
    assert etf("Communication Services", last, "Diversified Telecommunication Services") == "XLK" == etf("Telecommunication Services", last)
    assert etf("Communication Services", last) == "XLK" and etf("Media", last) == "XLY"
    assert {etf(name, first, industry) for name in ("Communication Services", "Media", "Telecommunication Services") for industry in (None, "Media")} == {"XLC"}


def test_what_is_unknown_is_null():
    assert etf("Widgets", TODAY) is None and etf(None, TODAY) is None and etf("Energy", None) is None


def test_expressions_columns_and_single_days():
    frame = pl.DataFrame({"sector": ["Real Estate", "Media"], "day": [date(2010, 1, 4), TODAY], "industry": [None, "Media"]})
    assert frame.select(sector_etf(pl.col("sector"), pl.col("day"), pl.col("industry"))).to_series().to_list() == ["XLF", "XLC"]
    assert frame.select(sector_etf(pl.col("sector"), TODAY)).to_series().to_list() == ["XLRE", "XLC"]
    assert sector_etf(frame["sector"], date(2010, 1, 4)).to_list() == ["XLF", "XLY"]
    assert sector_etf(frame["sector"].clear(), TODAY).to_list() == []
