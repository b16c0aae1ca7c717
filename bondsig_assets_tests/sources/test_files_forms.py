"""Files as programs write them: dates and times of SAS and Excel, lines above the header, blanks,
identifiers of every length.
"""

from __future__ import annotations

from datetime import date, datetime, timedelta

import openpyxl
import polars as pl
import pyreadstat
import pytest

from bondsig_assets.errors import SourceError
from bondsig_assets_tests.sources.files_fixtures import (
    PRICES,
    TRACE,
    TRACE_HEADER,
    folder,
    lines,
    reasons,
)

DAYS = [date(2024, 1, day) for day in (2, 3, 4, 5, 8, 9, 10, 11, 12, 16, 17, 18)]
FIRST, LAST = DAYS[0], DAYS[-1]
SAS, UNIX, EXCEL = date(1960, 1, 1), date(1970, 1, 1), date(1899, 12, 30)
WRITTEN = {
    "sas": lambda day: str((day - SAS).days),
    "epoch": lambda day: str((day - UNIX).days),
    "excel": lambda day: str((day - EXCEL).days),
    "date9": lambda day: day.strftime("%d%b%Y").upper(),
    "us": lambda day: f"{day.month}/{day.day}/{day.year}",
    "iso": date.isoformat,
    "compact": lambda day: day.strftime("%Y%m%d"),
}


@pytest.mark.parametrize("form", WRITTEN)
def test_dates_are_read_in_whatever_form_the_whole_column_has(tmp_path, form):
    rows = (f"A,{WRITTEN[form](day)},{10 + k}" for k, day in enumerate(DAYS))
    source = folder(tmp_path, PRICES, prices_csv=lines("symbol,date,close", *rows))
    delivery = source.daily("equity_prices", FIRST, LAST)
    assert delivery.rows["trade_date"].to_list() == DAYS and delivery.quarantined.is_empty()
    told = [line for line in source.told if "column date" in line]
    assert (told == []) == (form in ("iso", "compact", "us")), "what is unusual is said"


def test_a_value_that_does_not_fit_the_form_is_a_bad_row_with_its_own_text(tmp_path):
    rows = [f"A,{WRITTEN['sas'](day)},10" for day in DAYS] + ["B,n.n.,10"]
    config = "max_bad_share = 0.5\n" + PRICES
    source = folder(tmp_path, config, prices_csv=lines("symbol,date,close", *rows))
    bad = source.daily("equity_prices", FIRST, LAST).quarantined
    assert reasons(bad) == {"impossible date: trade_date": 1}
    assert bad["row_text"][0] == '{"symbol":"B","date":"n.n.","close":"10"}'


def report(day: date, moment: str, number: int) -> str:
    """One line of WRDS Enhanced whose times are as given."""
    return f"037833AK6,{day},{moment},{day},{moment},{number:07d},,T,,100,10000,1.5,,S,C,"


CLOCKS = [timedelta(hours=9 + k % 8, minutes=7 * k % 60, seconds=11 * k % 60) for k in range(12)]
TIMES = {
    "seconds": lambda t: str(int(t.total_seconds())),
    "hhmmss": lambda t: (datetime.min + t).strftime("%H%M%S").lstrip("0"),
    "excel": lambda t: f"{t.total_seconds() / 86400:.10f}",
    "nanoseconds": lambda t: str(int(t.total_seconds()) * 10**9),
    "text": lambda t: (datetime.min + t).strftime("%H:%M:%S"),
}


@pytest.mark.parametrize("form", TIMES)
def test_times_are_read_in_whatever_form_the_whole_column_has(tmp_path, form):
    rows = [report(FIRST, TIMES[form](t), k) for k, t in enumerate(CLOCKS)]
    source = folder(tmp_path, TRACE, trace_csv=lines(TRACE_HEADER, *rows))
    found = source.daily("trace_reports", FIRST, FIRST).rows.sort("message_number")
    midnight = datetime(2024, 1, 2)
    assert found["executed_at"].to_list() == [midnight + t for t in CLOCKS]
    assert any("trd_exctn_tm" in line for line in source.told) == (form not in ("hhmmss", "text"))


@pytest.mark.parametrize(
    "moment",
    [
        "02JAN2024:10:30:15",
        str(int((datetime(2024, 1, 2, 10, 30, 15) - datetime(1960, 1, 1)).total_seconds())),
    ],
)
def test_moments_of_sas_in_one_column(tmp_path, moment):
    config = TRACE.replace(
        '{ column = "trd_exctn_dt", time = "trd_exctn_tm" }', '{ column = "trd_exctn_tm" }'
    )
    rows = [report(FIRST, "10:31:00", 1).replace("10:31:00", moment, 1)]
    source = folder(tmp_path, config, trace_csv=lines(TRACE_HEADER, *rows))
    found = source.daily("trace_reports", FIRST, FIRST).rows
    assert found["executed_at"].to_list() == [datetime(2024, 1, 2, 10, 30, 15)]


def test_tables_of_stata_and_excel(tmp_path):
    frame = pl.DataFrame({"symbol": "A", "date": DAYS, "close": [10.0 + k for k in range(12)]})
    book = openpyxl.Workbook()
    for row in [["Prices", "of stocks"], [], frame.columns, *frame.rows()]:
        book.active.append(row)
    book.save(tmp_path / "prices.xlsx")
    pyreadstat.write_dta(frame, str(tmp_path / "prices.dta"))
    for name in ("prices.xlsx", "prices.dta"):
        source = folder(tmp_path, PRICES.replace("prices.csv", name))
        delivery = source.daily("equity_prices", FIRST, LAST)
        assert delivery.rows["trade_date"].to_list() == DAYS and delivery.quarantined.is_empty()


HOLDINGS = """
[[equity_links]]
files = "fund.csv"
layout = "etf-holdings"
[equity_links.columns]
cusip = "CUSIP"
ticker = "Ticker"
etf_ticker = { value = "LQD" }
as_of_date = { value = 2024-01-02 }
"""
FUND = (
    "iShares iBoxx Fund",
    'Fund Holdings as of,"Jan 02, 2024"',
    'Shares Outstanding,"252,300,000.00"',
    "\xa0",
    "Ticker,Name,CUSIP,Market Value",
    '"T","AT&T INC","00206RCP5","57,128,123.10"',
    '"-","CASH","",1.00',
    "\xa0",
    '"The content contained herein is owned or licensed, and so on."',
)


def test_a_header_further_down_is_found_and_what_follows_a_blank_line_is_no_row(tmp_path):
    source = folder(tmp_path, HOLDINGS, fund_csv=lines(*FUND))
    links = source.reference("equity_links", LAST)
    assert links.rows.select("entity", "ticker").rows() == [("00206RCP5", "T")]
    assert links.quarantined.is_empty()
    assert source.told == [
        "fund.csv: 4 lines above the header are passed over",
        "fund.csv: 2 lines from the first blank one on are passed over",
    ]


def test_lines_above_the_header_may_be_counted_by_hand(tmp_path):
    rows = ("Prices,of,us", "symbol,date,close", "symbol,date,close", "A,2024-01-05,1")
    config = PRICES.replace('files = "prices.csv"', 'files = "prices.csv"\nskip_rows = 2')
    source = folder(tmp_path, config, prices_csv=lines(*rows))
    assert source.daily("equity_prices", FIRST, LAST).rows.height == 1
    config = config.replace("= 2", "= 9")
    with pytest.raises(SourceError, match="no header below the 9 lines of skip_rows"):
        folder(tmp_path, config, prices_csv=lines(*rows)).date_range()


def test_a_header_that_lacks_a_column_is_still_told_so(tmp_path):
    rows = ("Prices", "symbol,day,close", "A,2024-01-05,1")
    with pytest.raises(SourceError, match=r"prices.csv: no column '(symbol|date)'"):
        folder(tmp_path, PRICES, prices_csv=lines(*rows)).date_range()


def test_holdings_without_tickers_say_nothing_and_are_no_fault(tmp_path):
    config = HOLDINGS.replace('ticker = "Ticker"\n', "") + PRICES
    fund = [
        line.partition(",")[2] if k > 3 and "," in line else line for k, line in enumerate(FUND)
    ]
    source = folder(
        tmp_path,
        config,
        fund_csv=lines(*fund),
        prices_csv=lines("symbol,date,close", "A,2024-01-05,1"),
    )
    links = source.reference("equity_links", LAST)
    assert links.rows.is_empty() and links.quarantined.is_empty()
    assert "fund.csv: has no column ticker, so no holding leads to a stock" in source.told


FRED = """
[[treasury_yields]]
files = "DGS10.csv"
[treasury_yields.columns]
trade_date = "observation_date"
tenor_years = { value = 10 }
par_yield_pct = "DGS10"
"""


@pytest.mark.parametrize("blank", [".", "", "  "])
def test_blanks_of_fred_are_no_rows_and_no_faults(tmp_path, blank):
    rows = [f"{day},{blank if k % 3 else '4.05'}" for k, day in enumerate(DAYS)]
    source = folder(
        tmp_path, FRED.replace("= 10 ", "= 10.0 "), DGS10_csv=lines("observation_date,DGS10", *rows)
    )
    found = source.reference("treasury_yields", LAST)
    assert found.rows["trade_date"].to_list() == DAYS[::3] and found.quarantined.is_empty()
    wrong = [*rows, "2024-01-19,x"]
    source = folder(
        tmp_path,
        "max_bad_share = 0.5\n" + FRED.replace("= 10 ", "= 10.0 "),
        DGS10_csv=lines("observation_date,DGS10", *wrong),
    )
    bad = source.reference("treasury_yields", LAST).quarantined
    assert reasons(bad) == {"unparsable number: par_yield_pct": 1}


H15 = """
[[treasury_yields]]
files = "h15.csv"
null = ["ND", ""]
columns = { trade_date = "Time Period" }
[treasury_yields.melt]
into = "tenor_years"
value = "par_yield_pct"
columns = { "RIFLGFCY01_N.B" = 1.0, "RIFLGFCY10_N.B" = 10.0 }
"""


def test_the_curve_file_of_the_fed(tmp_path):
    rows = (
        '"Series Description","Market yield, 1-year","Market yield, 10-year"',
        '"Unit:","Percent:_Per_Year","Percent:_Per_Year"',
        '"Multiplier:","1","1"',
        '"Unique Identifier: ","H15/H15/RIFLGFCY01_N.B","H15/H15/RIFLGFCY10_N.B"',
        '"Time Period","RIFLGFCY01_N.B","RIFLGFCY10_N.B"',
        "2024-01-01,ND,ND",
        "2024-01-02,4.80,3.95",
    )
    found = folder(tmp_path, H15, h15_csv=lines(*rows)).reference("treasury_yields", LAST)
    assert found.rows.select("tenor_years", "par_yield_pct").rows() == [(1.0, 4.8), (10.0, 3.95)]
    assert found.quarantined.is_empty()


AMOUNTS = """
[[amounts_outstanding]]
files = "amounts.csv"
[amounts_outstanding.columns]
cusip = "id"
effective_date = "date"
amount_usd = "amount"
"""


def test_bonds_are_known_by_cusips_of_eight_and_nine_and_by_isins(tmp_path):
    ids = {
        "037833AK6": "037833AK6",
        "594918BJ": "594918BJ2",
        "US17275RAX08": "17275RAX0",
        " us00206rcp55": "00206RCP5",
        "037833AK7": None,
        "US17275RAX09": None,
        "XS0000000000": None,
    }
    rows = (f"{given},2024-01-02,{5 + k}00000000" for k, given in enumerate(ids))
    config = "max_bad_share = 0.9\n" + AMOUNTS
    source = folder(tmp_path, config, amounts_csv=lines("id,date,amount", *rows))
    found = source.reference("amounts_outstanding", LAST)
    assert set(found.rows["cusip"]) == {cusip for cusip in ids.values() if cusip}
    assert reasons(found.quarantined) == {"bad check digit": 3}


MAP = """
[[equity_links]]
files = "map.csv"
layout = "map"
delivered_at = 2024-01-02T09:00:00
[[equities]]
files = "stocks.csv"
[equities.columns]
parent_id = "parent"
ticker = "ticker"
permno = "permno"
sector = { value = "Energy" }
sector_etf = { value = "XLE" }
valid_from_date = { value = 2010-01-04 }
"""


def test_a_map_row_to_a_stock_that_nobody_knows_is_set_aside(tmp_path):
    source = folder(
        tmp_path,
        "max_bad_share = 0.9\n" + MAP,
        map_csv=lines(
            "cusip,permno,ticker,parent_id",
            "037833AK6,10001,,",
            "594918BJ2,99999,,",
            "17275RAX0,,ZZZ,",
            "00206RCP5,99999,AAA,",
            "00206RCQ3,,,PRIVATE",
        ),
        stocks_csv=lines("parent,ticker,permno", "P,AAA,10001"),
    )
    found = source.reference("equity_links", LAST)
    assert set(found.rows["entity"]) == {"037833AK6", "00206RCP5", "00206RCQ3"}
    told = found.quarantined.select("row_number", "reason").rows()
    assert told == [(2, "unknown permno"), (3, "unknown ticker")]
    assert isinstance(found.rows, pl.DataFrame)
