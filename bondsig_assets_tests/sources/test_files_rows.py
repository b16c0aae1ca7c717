"""Rows of the files source: what is kept, what is set aside and why, and when it is known."""

from __future__ import annotations

from datetime import date, datetime

import polars as pl
import pytest

from bondsig_assets.errors import SourceError
from bondsig_assets_tests.sources.files_fixtures import CDS, PRICES, folder, lines, reasons

FRIDAY, MONDAY, TUESDAY = date(2024, 1, 5), date(2024, 1, 8), date(2024, 1, 9)
LENIENT = "max_bad_share = 1.0\n"


def prices(*rows: str) -> str:
    """Rows as a file of prices."""
    return lines("symbol,date,close,volume", *rows)


def test_saturday_empty_ticker_and_second_series_are_set_aside_without_stopping(tmp_path):
    source = folder(
        tmp_path,
        CDS,
        codes_csv=lines("ticker,codes", "AAA,CAAA1U5;CAAA1E5", "BBB,CBBB1U5"),
        cds_csv=lines(
            "date,code,spread",
            "2024-01-05,CAAA1U5,0.50",
            "2024-01-06,CAAA1U5,0.51",
            "2024-01-08,CAAA1E5,0.52",
            "2024-01-15,CBBB1U5,0.9",
            "2024-01-08,CZZZ1U5,0.53",
            "2024-01-05,CAAA1U5,0.50",
            "2024-01-05,CAAA1E5,0.77",
        ),
    )
    delivery = source.daily("cds_quotes", *(FRIDAY, date(2024, 1, 31)))
    assert delivery.rows["par_spread_bps"].to_list() == [50.0, 52.0]
    assert delivery.rows["ticker"].to_list() == ["AAA", "AAA"]
    assert delivery.rows["known_at"].to_list() == [
        datetime(2024, 1, 5, 16),
        datetime(2024, 1, 8, 16),
    ]
    found = {
        (row["row_number"], row["reason"], row["partition_date"])
        for row in delivery.quarantined.to_dicts()
    }
    assert found == {
        (2, "not a trading day", MONDAY),
        (4, "not a trading day", date(2024, 1, 16)),
        (5, "no ticker", MONDAY),
        (6, "duplicate row", FRIDAY),
        (7, "duplicate key", FRIDAY),
    }
    assert (
        delivery.quarantined.filter(pl.col("row_number") == 2)["row_text"][0]
        == '{"date":"2024-01-06","code":"CAAA1U5","spread":"0.51"}'
    )


def test_a_day_of_a_stock_that_cannot_be_is_set_aside(tmp_path):
    more = "".join(f'{column}_usd = "{column}"\n' for column in ("open", "high", "low", "dividend"))
    source = folder(
        tmp_path,
        LENIENT
        + PRICES.replace(
            'close_usd = "close"', f'close_usd = "close"\n{more}split_ratio = "split"'
        ),
        prices_csv=lines(
            "symbol,date,open,high,low,close,dividend,split",
            "AAA,2024-01-05,10,11,9,10.5,0,1",
            "AAA,2024-01-08,10,9,11,10.5,0,1",
            "AAA,2024-01-09,-10,11,9,10.5,0,1",
            "AAA,2024-01-10,10,11,9,10.5,-0.2,1",
            "AAA,2024-01-11,10,11,9,10.5,0,0",
            "AAA,2024-01-12,,,,5.2,0.25,2",
        ),
    )
    delivery = source.daily("equity_prices", FRIDAY, date(2024, 1, 31))
    columns = ["open_usd", "high_usd", "low_usd", "dividend_usd", "split_ratio"]
    assert delivery.rows.select(columns).rows() == [
        (10.0, 11.0, 9.0, 0.0, 1.0),
        (None, None, None, 0.25, 2.0),
    ]
    assert reasons(delivery.quarantined) == {
        "low above high": 1,
        "negative dividend": 1,
        "negative price": 1,
        "split ratio not positive": 1,
    }


def test_borrow_rates_and_series_of_the_market_are_read_and_judged(tmp_path):
    config = (
        LENIENT
        + """
[[borrow_rates]]
files = "fees.csv"
[borrow_rates.columns]
ticker = "symbol"
trade_date = "date"
annual_rate_pct = { column = "fee", unit = "bps" }
is_available = { column = "left", map = { Y = true, N = false } }

[[macro_series]]
files = "macro.csv"
[macro_series.columns]
series = "name"
trade_date = "date"
value = "value"
"""
    )
    source = folder(
        tmp_path,
        config,
        fees_csv=lines(
            "symbol,date,fee,left",
            "AAA,2024-01-05,50,Y",
            "AAA,2024-01-06,35,Y",
            "AAA,2024-01-08,-35,Y",
            "BBB,2024-01-08,2000000,N",
            "BBB,2024-01-09,900,N",
        ),
        macro_csv=lines(
            "name,date,value", "vix,2024-01-05,13.4", "vix,2024-01-07,13.5", "vix,2024-01-08,13.6"
        ),
    )
    delivery = source.daily("borrow_rates", FRIDAY, date(2024, 1, 31))
    assert delivery.rows.select("ticker", "annual_rate_pct", "is_available").rows() == [
        ("AAA", 0.5, True),
        ("BBB", 9.0, False),
    ]
    assert delivery.rows["known_at"][0] == datetime(2024, 1, 5, 16)
    assert reasons(delivery.quarantined) == {
        "negative rate": 1,
        "not a trading day": 1,
        "rate above 1000 %": 1,
    }
    series = source.reference("macro_series", date(2024, 1, 31))
    assert series.rows.select("value", "known_at").rows() == [
        (13.4, datetime(2024, 1, 8, 9)),
        (13.6, datetime(2024, 1, 9, 9)),
    ]
    assert reasons(series.quarantined) == {"not a weekday": 1}
    assert source.reference("macro_series", FRIDAY).rows.height == 1


def test_prefer_says_which_of_two_rows_with_one_key_stays(tmp_path):
    config = CDS.replace(
        "[cds_quotes.columns]", 'prefer = { series = ["new", "old"] }\n[cds_quotes.columns]'
    )
    files = {
        "codes_csv": lines("ticker,codes", "AAA,C1"),
        "cds_csv": lines(
            "date,code,spread,series",
            "2024-01-05,C1,0.1,old",
            "2024-01-05,C1,0.2,new",
            "2024-01-08,C1,0.3,old",
        ),
    }
    delivery = folder(tmp_path, config, **files).daily("cds_quotes", FRIDAY, MONDAY)
    assert delivery.rows["par_spread_bps"].to_list() == [20.0, 30.0]
    assert delivery.quarantined["row_number"].to_list() == [1]


def test_bad_values_are_named(tmp_path):
    source = folder(
        tmp_path,
        LENIENT
        + PRICES.replace('close_usd = "close"', 'close_usd = "close"\nvolume_shares = "volume"'),
        prices_csv=prices(
            "AAA,2024-01-05,10.5,100",
            "AAA,2024-02-30,10,1",
            "AAA,2024-01-08,abc,1",
            "AAA,2024-01-09,-3,1",
            "AAA,2024-01-10,0,1",
            "AAA,2024-01-11,N/A,1",
            ",2024-01-11,4,1",
            "AAA,2099-01-05,4,1",
            "AAA,2024-01-12,inf,1",
            "AAA,1999-01-04,4,1",
            "BBB,2024-01-12,4",
            "BBB,2024-01-16,4,5,6",
            "",
            'CCC,2024-01-17,"1",NA',
        ).replace('"', ""),
    )
    delivery = source.daily("equity_prices", FRIDAY, date(2024, 1, 31))
    assert delivery.rows["ticker"].to_list() == [
        "AAA",
        "CCC",
    ], "a row before the calendar begins is set aside"
    assert reasons(delivery.quarantined) == {
        "impossible date: trade_date": 2,
        "unparsable number: close_usd": 2,
        "negative price": 1,
        "zero price": 1,
        "no close_usd": 1,
        "no ticker": 1,
        "wrong number of fields": 2,
        "before 2002-07-01": 1,
    }
    undated = delivery.quarantined.filter(pl.col("reason").str.starts_with("impossible"))
    assert undated["partition_date"].to_list() == [
        FRIDAY,
        FRIDAY,
    ], "filed under the first day of the span"


def test_crsp_options(tmp_path):
    config = PRICES.replace(
        "[equity_prices.columns]",
        "negative_price_is_midpoint = true\nmax_bad_share = 0.5\n[equity_prices.columns]",
    ).replace(
        'close_usd = "close"',
        'close_usd = { column = "close", zero_is_null = true }\ntotal_return_pct = { column ='
        ' "ret", unit = "fraction", null = ["B", "C"] }\nshares_outstanding = { column = "shrout",'
        ' unit = "thousands" }',
    )
    source = folder(
        tmp_path,
        config,
        prices_csv=lines(
            "symbol,date,close,ret,shrout",
            "A,20240105,-12.5,0.01,20000",
            "A,20240108,13,C,20000",
            "A,20240109,0,,20000",
        ),
    )
    delivery = source.daily("equity_prices", FRIDAY, TUESDAY)
    assert delivery.rows.select("close_usd", "total_return_pct", "shares_outstanding").rows() == [
        (12.5, 1.0, 20_000_000.0),
        (13.0, None, 20_000_000.0),
    ]
    assert reasons(delivery.quarantined) == {"no close_usd": 1}


def test_several_files_feed_one_table_and_each_is_held_to_its_own_share(tmp_path):
    etf = PRICES.replace("prices.csv", "etf*.parquet").replace("false", "true")
    good = [
        f"AAA,2024-01-{day:02d},10,1"
        for day in (2, 3, 4, 5, 8, 9, 10, 11, 12, 16, 17, 18, 19, 22, 23, 24, 25, 26, 29, 30)
    ]
    folder(tmp_path, PRICES + etf, prices_csv=prices(*good))
    frame = pl.DataFrame({"symbol": ["XLF"], "date": [datetime(2024, 1, 5)], "close": [30.0]})
    frame.write_parquet(tmp_path / "etf_1.parquet")
    frame.with_columns(symbol=pl.lit("XLK")).write_parquet(tmp_path / "etf_2.parquet")
    source = folder(tmp_path, PRICES + etf)
    assert source.daily("equity_prices", FRIDAY, FRIDAY).rows["is_etf"].to_list() == [
        False,
        True,
        True,
    ]
    assert source.date_range() == (date(2024, 1, 2), date(2024, 1, 30))
    one_bad = folder(tmp_path, PRICES + etf, prices_csv=prices(*good, "AAA,2024-01-31,-1,1"))
    assert one_bad.daily("equity_prices", FRIDAY, date(2024, 1, 31)).quarantined[
        "source_name"
    ].to_list() == ["prices.csv"]
    with pytest.raises(
        SourceError, match=r"prices.csv: 2 of 21 rows \(9.5%\) are bad.*1 × 'no ticker'"
    ):
        folder(
            tmp_path,
            PRICES + etf,
            prices_csv=prices(*good[1:], ",2024-01-05,1,1", "AAA,2024-01-31,-1,1"),
        ).date_range()


def test_a_range_is_the_concatenation_of_its_days(tmp_path):
    rows = [
        f"{ticker},2024-01-{day:02d},{price},1"
        for day in range(1, 29)
        for ticker, price in (("B", 5), ("A", day - 5), ("", 1))
    ]
    source = folder(tmp_path, LENIENT + PRICES, prices_csv=prices(*rows, "A,never,1,1"))
    first, last = source.date_range()
    whole = source.daily("equity_prices", first, last)
    days = [
        source.daily("equity_prices", day, day) for day in pl.date_range(first, last, eager=True)
    ]
    assert pl.concat([day.rows for day in days]).equals(whole.rows)
    assert pl.concat([day.quarantined for day in days]).equals(whole.quarantined)
    assert whole.quarantined["reason"].str.starts_with("impossible").sum() == 1


def test_zeros_that_mean_missing_beside_true_zeros(tmp_path):
    config = """
    [[treasury_yields]]
    files = "curve.csv"
    null_when = [{ columns = ["20Y", "30Y"], equals = 0, first = 2002-02-19, last = 2006-02-08 }]
    columns = { trade_date = "Date" , par_yield_pct = { unit = "fraction" } }
    [treasury_yields.melt]
    into = "tenor_years"
    value = "par_yield_pct"
    columns = { "1M" = 0.0833, "20Y" = 20, "30Y" = 30 }
    """
    source = folder(
        tmp_path,
        config,
        curve_csv=lines(
            "Date,1M,20Y,30Y",
            "2006-02-07,0.04,0.045,0.0",
            "2006-02-10,0.0,0.045,0.0",
            "2006-02-13,,N/A,0.047",
            "2006-02-20,0.04,0.04,0.04",
        ),
    )
    delivery = source.reference("treasury_yields", date(2006, 2, 13))
    assert delivery.rows.select("trade_date", "tenor_years", "par_yield_pct").rows() == [
        (date(2006, 2, 7), 0.0833, 4.0),
        (date(2006, 2, 7), 20.0, 4.5),
        (date(2006, 2, 10), 0.0833, 0.0),
        (date(2006, 2, 10), 20.0, 4.5),
        (date(2006, 2, 10), 30.0, 0.0),
        (date(2006, 2, 13), 30.0, 4.7),
    ]
    assert delivery.rows["known_at"][0] == datetime(2006, 2, 8, 9), "known the next morning"
    assert source.reference("treasury_yields", date(2006, 2, 20)).rows.height == 9, (
        "Presidents' Day is no fault of a curve"
    )


def test_bonds_with_bad_check_digits_and_a_folder_of_tickers(tmp_path):
    config = """
    [[bonds]]
    files = "bonds.csv"
    max_bad_share = 0.8
    [bonds.columns]
    cusip = "cusip"
    issuer_id = "issuer"
    coupon_type = { value = "F" }
    coupon_pct = { column = "coupon", unit = "fraction" }
    coupons_per_year = "freq"
    day_count = { value = "30/360" }
    offering_date = { column = "issued", format = "%m/%d/%Y" }
    first_coupon_date = { column = "issued", format = "%m/%d/%Y", plus_days = 182 }
    maturity_date = { column = "matures", format = "%m/%d/%Y" }
    offering_amount_usd = { column = "amount", unit = "thousands" }
    is_callable = "callable"
    is_144a = { column = "r144a", map = { Yes = true, "*" = false } }
    is_convertible = { value = false }

    [[equities]]
    files = "names.csv"
    columns.parent_id = "ticker"
    columns.ticker = "ticker"
    columns.sector = "sector"
    columns.sector_etf = { column = "sector", map = { Telecom = "XLK", "Real Estate" = "XLF" } }
    columns.valid_from_date = { value = 2006-01-03 }
    """
    source = folder(
        tmp_path,
        config,
        bonds_csv=lines(
            "cusip,issuer,coupon,freq,issued,matures,amount,callable,r144a",
            "037833AK6,AAPL,0.024,2,5/3/2013,5/3/2023,5500000,N,No",
            "037833AK7,AAPL,0.024,2,5/3/2013,5/3/2023,5500000,N,Yes",
            "17275R102,CSCO,0.05,2,5/3/2013,5/3/2003,10,Y,Yes",
            "594918104,MSFT,0.05,x,5/3/2013,5/3/2023,10,Y,Yes",
        ),
        names_csv=lines("ticker,sector", "VZ,Telecom", "SPG,Real Estate"),
    )
    delivery = source.reference("bonds", date(2024, 1, 1))
    found = delivery.rows.select(
        "cusip", "coupon_pct", "offering_amount_usd", "is_144a", "is_callable"
    ).rows()
    assert found == [("037833AK6", 2.4, 5.5e9, False, False)]
    assert delivery.rows["first_coupon_date"].to_list() == [date(2013, 11, 1)]
    assert reasons(delivery.quarantined) == {
        "bad check digit": 1,
        "matures before it is issued": 1,
        "unparsable number: coupons_per_year": 1,
    }
    assert delivery.quarantined["partition_date"].null_count() == 3
    assert source.reference("equities", date(2006, 1, 3)).rows["sector_etf"].to_list() == [
        "XLF",
        "XLK",
    ]
    assert source.reference("equities", date(2006, 1, 2)).rows.is_empty()


def test_sector_funds_follow_from_sectors_where_the_file_has_none(tmp_path):
    config = """
    [[equities]]
    files = "names.csv"
    max_bad_share = 0.5
    [equities.columns]
    parent_id = "ticker"
    ticker = "ticker"
    sector = "sector"
    valid_from_date = { value = 2006-01-03 }
    """
    source = folder(
        tmp_path,
        config,
        names_csv=lines(
            "ticker,sector", "VZ,Telecommunication Services", "SPG,Real Estate", "ODD,Nonsense"
        ),
    )
    delivery = source.reference("equities", date(2024, 1, 2))
    assert delivery.rows.select("ticker", "sector_etf", "valid_from_date").sort(
        "ticker", "valid_from_date"
    ).rows() == [
        ("SPG", "XLF", date(2006, 1, 3)),
        ("SPG", "XLRE", date(2015, 10, 8)),
        ("VZ", "XLK", date(2006, 1, 3)),
        ("VZ", "XLC", date(2018, 6, 19)),
    ]
    assert reasons(delivery.quarantined) == {"no sector_etf": 1}


def test_knowledge_time_is_the_mapped_one(tmp_path):
    config = """
    [[fundamentals]]
    files = "f.csv"
    [fundamentals.columns]
    parent_id = "id"
    period_end_date = "end"
    short_term_debt_usd = { column = "dlc", unit = "millions" }
    long_term_debt_usd = { column = "dltt", unit = "millions" }
    known_at = { column = "end", plus_days = 90 }

    [[ratings]]
    files = "r.csv"
    [ratings.columns]
    issuer_id = "id"
    agency = { value = "SP" }
    rating_date = "day"
    rating = "letter"
    rating_number = { column = "letter", map = { "AAA" = 1, "BBB" = 9 } }
    known_at = "seen"
    """
    source = folder(
        tmp_path,
        config,
        f_csv=lines("id,end,dlc,dltt", "A,2023-12-31,1,2"),
        r_csv=lines("id,day,letter,seen", "A,2024-01-05,BBB,2024-01-05 11:30:00"),
    )
    debt = source.reference("fundamentals", date(2024, 1, 5)).rows
    assert debt["total_debt_usd"].to_list() == [3e6]
    assert debt["known_at"].to_list() == [datetime(2024, 4, 1, 9)], (
        "filed on Saturday 2024-03-30: known the next morning"
    )
    assert source.reference("ratings", date(2024, 1, 5)).rows["known_at"].to_list() == [
        datetime(2024, 1, 5, 11, 30)
    ]


def test_tables_that_are_not_fed_are_empty(tmp_path):
    source = folder(tmp_path, PRICES, prices_csv=prices("A,2024-01-05,1,1"))
    assert source.daily("trace_reports", FRIDAY, MONDAY).rows.is_empty()
    assert source.reference("ratings", MONDAY).rows.is_empty()
    assert source.truth() == {}


def test_a_table_of_bad_rows_only_is_empty_and_quarantined(tmp_path):
    ratings = """
    [[ratings]]
    files = "r.csv"
    [ratings.columns]
    issuer_id = "id"
    agency = { value = "SP" }
    rating_date = "day"
    rating = "id"
    rating_number = "n"
    """
    source = folder(
        tmp_path, LENIENT + ratings, r_csv=lines("id,day,n", "A,2024-01-05,99", "B,2024-01-05,0")
    )
    delivery = source.reference("ratings", MONDAY)
    assert delivery.rows.is_empty() and reasons(delivery.quarantined) == {
        "rating number outside 1 to 22": 2
    }
