"""Which sector ETF a sector has on a day."""

from __future__ import annotations

from datetime import date, datetime, time

import polars as pl
import pytest

from bondsig_assets.securities.master import bitemporal
from bondsig_assets.securities.rectangles import is_seen
from bondsig_assets.securities.sectors import sector_etf, with_sector_etfs
from bondsig_assets_tests.rows_of import rows_of

TODAY = date(2024, 1, 2)


def etf(sector: str | None, day: date | None, industry: str | None = None) -> str | None:
    return sector_etf(
        pl.Series([sector], dtype=pl.String),
        pl.Series([day], dtype=pl.Date),
        pl.Series([industry], dtype=pl.String),
    ).item()


@pytest.mark.parametrize(
    ("sector", "ticker"),
    [
        ("Energy", "XLE"),
        ("Materials", "XLB"),
        ("Industrials", "XLI"),
        ("Consumer Discretionary", "XLY"),
        ("Consumer Staples", "XLP"),
        ("Health Care", "XLV"),
        ("Financials", "XLF"),
        ("Information Technology", "XLK"),
        ("Utilities", "XLU"),
        ("Communication Services", "XLC"),
        ("Real Estate", "XLRE"),
    ],
)
def test_all_eleven_today_and_those_that_there_were_at_the_start(sector, ticker):
    assert etf(sector, TODAY) == ticker == etf(sector.upper() + " ", TODAY)
    early = {"XLC": "XLK", "XLRE": "XLF"}.get(ticker, ticker)
    assert (etf(sector, date(1998, 12, 21)), etf(sector, date(1998, 12, 22))) == (None, early)


def test_real_estate_leaves_the_financials():
    assert [etf("Real Estate", day) for day in (date(2015, 10, 7), date(2015, 10, 8))] == [
        "XLF",
        "XLRE",
    ]


def test_communication_services_come_from_two_sectors():
    last, first = date(2018, 6, 18), date(2018, 6, 19)
    assert (
        etf("Communication Services", last, "Media") == "XLY"
        and etf("Communication Services", last, "Entertainment") == "XLY"
    )
    assert etf("Communication Services", last, "Interactive Media & Services") == "XLK"
    assert (
        etf("Communication Services", last, "Diversified Telecommunication Services")
        == "XLK"
        == etf("Telecommunication Services", last)
    )
    assert etf("Communication Services", last) == "XLK" and etf("Media", last) == "XLY"
    assert {
        etf(name, first, industry)
        for name in ("Communication Services", "Media", "Telecommunication Services")
        for industry in (None, "Media")
    } == {"XLC"}


def test_what_is_unknown_is_null():
    assert (
        etf("Widgets", TODAY) is None and etf(None, TODAY) is None and etf("Energy", None) is None
    )


def test_expressions_columns_and_single_days():
    frame = pl.DataFrame(
        {
            "sector": ["Real Estate", "Media"],
            "day": [date(2010, 1, 4), TODAY],
            "industry": [None, "Media"],
        }
    )
    assert frame.select(
        sector_etf(pl.col("sector"), pl.col("day"), pl.col("industry"))
    ).to_series().to_list() == ["XLF", "XLC"]
    assert frame.select(sector_etf(pl.col("sector"), TODAY)).to_series().to_list() == [
        "XLRE",
        "XLC",
    ]
    assert sector_etf(frame["sector"], date(2010, 1, 4)).to_list() == ["XLF", "XLY"]
    assert sector_etf(frame["sector"].clear(), TODAY).to_list() == []


def test_a_company_follows_its_sector_to_a_new_fund():
    """As seen on a day: the old fund until the new one's first morning, whatever the row's own
    dates.
    """
    known = datetime(2010, 1, 5, 16)
    rows = rows_of(
        "equities",
        *(
            {
                "parent_id": sector,
                "ticker": sector[:4],
                "sector": sector,
                "sector_etf": "?",
                "valid_from_date": first,
                "valid_to_date": last,
                "known_at": known,
            }
            for sector, first, last in (
                ("Real Estate", date(2010, 1, 4), None),
                ("Energy", date(2010, 1, 4), None),
                ("Communication Services", date(2010, 1, 4), date(2017, 6, 30)),
                ("Unknown", date(2010, 1, 4), None),
                ("Media", date(2018, 6, 19), None),
            )
        ),
    )
    found = with_sector_etfs(rows)
    told = found.select("sector", "sector_etf", "valid_from_date", "known_at").rows()
    assert told == [
        ("Real Estate", "XLF", date(2010, 1, 4), known),
        ("Real Estate", "XLRE", date(2015, 10, 8), datetime(2015, 10, 8, 9)),
        ("Energy", "XLE", date(2010, 1, 4), known),
        ("Communication Services", "XLK", date(2010, 1, 4), known),
        ("Unknown", None, date(2010, 1, 4), known),
        ("Media", "XLC", date(2018, 6, 19), known),
    ]
    seen = bitemporal(found, "parent_id")
    for day, ticker in (
        (date(2015, 10, 7), "XLF"),
        (date(2015, 10, 8), "XLRE"),
        (date(2024, 1, 2), "XLRE"),
    ):
        assert seen.filter((pl.col("parent_id") == "Real Estate") & is_seen(day))[
            "sector_etf"
        ].to_list() == [ticker]
    # Nobody knew of the new fund before it traded.
    early = is_seen(date(2016, 1, 4), datetime.combine(date(2015, 10, 7), time(18, 30)))
    assert seen.filter((pl.col("parent_id") == "Real Estate") & early)["sector_etf"].to_list() == [
        "XLF"
    ]
