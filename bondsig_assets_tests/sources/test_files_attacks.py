"""Files and configurations made to slip wrong numbers through: each is refused or set aside by
name.
"""

from __future__ import annotations

import gzip
from datetime import date, datetime

import polars as pl
import pytest

from bondsig_assets.errors import SourceError
from bondsig_assets_tests.sources.files_fixtures import (
    CDS,
    PRICES,
    TRACE,
    TRACE_HEADER,
    folder,
    lines,
    reasons,
)

FRIDAY, LAST = date(2024, 1, 5), date(2024, 1, 31)
LENIENT = "max_bad_share = 1.0\n"
GOOD = lines("symbol,date,close", *(f"A,2024-01-{day:02d},1" for day in (2, 3, 4, 5, 8, 9)))
CURVE = """
[[treasury_yields]]
files = "curve.csv"
columns = { trade_date = "date" }
melt = { into = "tenor_years", value = "par_yield_pct", columns = { y1 = 1 } }
"""
BONDS = """
[[bonds]]
files = "bonds.csv"
[bonds.columns]
""" + "\n".join(
    f'{name} = "{name}"'
    for name in (
        "cusip",
        "issuer_id",
        "coupon_type",
        "coupon_pct",
        "coupons_per_year",
        "day_count",
        "offering_date",
        "first_coupon_date",
        "maturity_date",
        "offering_amount_usd",
        "is_callable",
        "is_144a",
        "is_convertible",
    )
)
EQUITIES = """
[[equities]]
files = "names.csv"
[equities.columns]
parent_id = "id"
ticker = "t"
sector = "s"
sector_etf = "s"
valid_from_date = "first"
valid_to_date = "last"
"""


def complaint(path, config: str, table: str = "equity_prices", **files) -> str:
    """The one line with which the source refuses to load `table`."""
    with pytest.raises(SourceError) as caught:
        source = folder(path, config, **files)
        (
            source.daily(table, FRIDAY, LAST)
            if table
            in (
                "equity_prices",
                "cds_quotes",
                "trace_reports",
            )
            else source.reference(table, LAST)
        )
    assert "\n" not in str(caught.value) and caught.value.__cause__ is None
    return str(caught.value)


def close(rule: str) -> str:
    """Prices with another rule for the close."""
    return PRICES.replace('close_usd = "close"', f"close_usd = {rule}")


def block(line: str) -> str:
    """Prices with a further line in the block."""
    return PRICES.replace("[equity_prices.columns]", f"{line}\n[equity_prices.columns]")


def test_a_comma_is_no_decimal_point(tmp_path):
    texts = (
        "56,617899",
        "1,234.5",
        "-1,234,567",
        "12,34",
        "1,23,456",
        ",5",
        "1,234,",
        "1.234,5",
        "7",
    )
    rows = [f"A{number};2024-01-05;{text}" for number, text in enumerate(texts)]
    source = folder(
        tmp_path,
        LENIENT + block("delimiter = ';'\nnegative_price_is_midpoint = true"),
        prices_csv=lines("symbol;date;close", *rows),
    )
    delivery = source.daily("equity_prices", FRIDAY, LAST)
    assert delivery.rows.select("ticker", "close_usd").rows() == [
        ("A1", 1234.5),
        ("A2", 1234567.0),
        ("A8", 7.0),
    ]
    assert reasons(delivery.quarantined) == {"unparsable number: close_usd": 6}


@pytest.mark.parametrize(
    ("config", "expected"),
    [
        (
            close('{ column = "close", scale = nan }'),
            "block 1: columns.close_usd: scale = nan should be a finite number",
        ),
        (close('{ column = "close", scale = inf }'), "scale = inf should be a finite number"),
        (close("{ value = nan }"), "columns.close_usd: nan should be a finite number"),
        (
            close('{ column = "close", map = { a = inf } }'),
            "columns.close_usd: inf should be a finite number",
        ),
        (
            close('{ column = "close", default = -inf }'),
            "columns.close_usd: -inf should be a finite number",
        ),
        (
            close('{ column = "close", lookup = { file = "x.csv", key = "a", value = "b" } }'),
            "columns.close_usd: lookup gives text, and the column close_usd is a DOUBLE",
        ),
        (
            PRICES.replace('"date"', '{ column = "date", plus_days = 36501 }'),
            "columns.trade_date: plus_days = 36501 should be at most 36500 days",
        ),
        (
            PRICES.replace('"date"', '{ column = "date", plus_days = -999999999 }'),
            "plus_days = -999999999 should be at most",
        ),
        (
            PRICES.replace('"symbol"', '{ column = "symbol", pad = 1000000 }'),
            "columns.ticker: pad = 1000000 should be a width from 0 to 64",
        ),
        (
            PRICES.replace('"symbol"', '{ column = "symbol", pad = -1 }'),
            "columns.ticker: pad = -1 should be a width",
        ),
        (
            PRICES.replace('"prices.csv"', "[1]"),
            "[[equity_prices]] block 1: files = 1 should be a name or glob",
        ),
        (
            PRICES.replace('"prices.csv"', '"."'),
            "[[equity_prices]] block 1: files = '.' should be a name or glob",
        ),
        (block('null_when = ["x"]'), "block 1: null_when = 'x' should be a table"),
        (
            block("null_when = [{ columns = [1] }]"),
            "block 1: null_when: columns = [1] should be names",
        ),
        (
            block("expected = [1]"),
            "block 1: expected = 1 should be a reason, one of duplicate row, duplicate key",
        ),
        (
            block('expected = ["not a tradin day"]'),
            (
                "block 1: expected: unknown reason 'not a tradin day'; did you mean 'not a trading"
                " day'? There are:"
            ),
        ),
        (CURVE.replace("y1 = 1", 'y1 = "x"'), "block 1: melt.columns: 'x' should be a DOUBLE"),
        (CURVE.replace("y1 = 1", "y1 = [1]"), "block 1: melt.columns: [1] should be a DOUBLE"),
        (
            CURVE.replace("y1 = 1", "y1 = nan"),
            "block 1: melt.columns: nan should be a finite number",
        ),
    ],
)
def test_values_in_the_toml_that_cannot_be_meant(tmp_path, config, expected):
    assert expected in complaint(tmp_path, config, prices_csv=GOOD)


def test_a_number_that_its_unit_carries_beyond_the_largest_is_set_aside(tmp_path):
    config = LENIENT + PRICES + 'volume_shares = { column = "close", unit = "millions" }\n'
    source = folder(
        tmp_path,
        config.replace('"close"', "{ value = 1.0 }", 1),
        prices_csv=GOOD.replace("05,1", "05,1e305"),
    )
    delivery = source.daily("equity_prices", date(2024, 1, 2), LAST)
    assert reasons(delivery.quarantined) == {"unparsable number: volume_shares": 1}
    assert delivery.rows["volume_shares"].unique().to_list() == [1e6]


def test_a_table_without_a_row_stops(tmp_path):
    assert "prices.csv: no row for equity_prices" in complaint(
        tmp_path, PRICES, prices_csv="symbol,date,close\n"
    )
    assert "prices.csv: no row for equity_prices" in complaint(
        tmp_path, block('keep = { symbol = ["ZZZ"] }'), prices_csv=GOOD
    )


def test_rows_before_the_calendar_are_set_aside_and_not_held_against_the_file(tmp_path):
    early = [f"A,1999-01-{day:02d},-1" for day in range(1, 20)]
    source = folder(tmp_path, PRICES, prices_csv=GOOD + lines(*early))
    delivery = source.daily("equity_prices", *source.date_range())
    assert reasons(delivery.quarantined) == {"before 2002-07-01": 19} and delivery.rows.height == 6
    assert delivery.quarantined["partition_date"].unique().to_list() == [date(2024, 1, 2)], (
        "filed under the first day there is"
    )
    assert "1 of 6 rows (16.7%) are bad" in complaint(
        tmp_path, PRICES, prices_csv=GOOD.replace("09,1", "09,-1") + lines(*early)
    )


def test_terms_of_bonds_that_cannot_be(tmp_path):
    good = "037833AK6,I,F,2.4,2,30/360,2013-05-03,2013-11-03,2023-05-03,5e9,N,N,N"
    header = lines(*BONDS.split("[bonds.columns]")[1].strip().splitlines()).replace("\n", ",")
    header = ",".join(part.split(" = ")[0] for part in header.strip(",").split(","))
    bad = {
        "unknown coupon type": (",F,", ",Q,"),
        "unknown coupons per year": (",2,30", ",3,30"),
        "coupon without payments": (",2,30", ",0,30"),
        "unknown day count": ("30/360", "WEEKLY"),
        "coupon above 50": ("2.4", "900"),
        "zero amount": ("5e9", "0"),
        "negative amount": ("5e9", "-1"),
        "negative coupon": ("2.4", "-2.4"),
        "matures before it is issued": ("2023-05-03", "2013-05-03"),
    }
    source = folder(
        tmp_path,
        LENIENT + BONDS,
        bonds_csv=lines(header, *(good.replace(*change) for change in bad.values()), good),
    )
    delivery = source.reference("bonds", LAST)
    assert delivery.rows.height == 1 and reasons(delivery.quarantined) == dict.fromkeys(
        sorted(bad), 1
    )
    zero = lines(
        header,
        good.replace(",F,2.4,2", ",Z,0,0"),
        good.replace("037833AK6,I,F,2.4", "17275R102,I,V,-0.5"),
    )
    assert folder(tmp_path, BONDS, bonds_csv=zero).reference("bonds", LAST).quarantined.is_empty()


def test_spreads_and_prices_out_of_range(tmp_path):
    cds = LENIENT + CDS.replace(
        '{ column = "code", lookup = { file = "codes.csv", key = "codes", value = "ticker" } }',
        '"code"',
    )
    rows = lines(
        "date,code,spread",
        "2024-01-05,A,500.01",
        "2024-01-05,B,0",
        "2024-01-05,C,-1",
        "2024-01-05,D,500",
    )
    delivery = folder(tmp_path, cds, cds_csv=rows).daily("cds_quotes", FRIDAY, LAST)
    assert delivery.rows["ticker"].to_list() == ["D"]
    assert reasons(delivery.quarantined) == {
        "negative spread": 1,
        "spread above 50000 bps": 1,
        "zero spread": 1,
    }
    delivery = folder(
        tmp_path, LENIENT + PRICES, prices_csv=GOOD.replace("05,1", "05,1e308")
    ).daily("equity_prices", date(2024, 1, 2), LAST)
    assert reasons(delivery.quarantined) == {"price above 1e7": 1}


def test_nothing_is_in_the_future_or_known_before_it_happened(tmp_path):
    config = LENIENT + PRICES + 'known_at = "known"\n'
    rows = (
        "A,2024-01-05,1,2024-01-04 18:00:00",
        "B,2024-01-05,1,2024-01-05",
        "C,2024-01-05,1,2024-01-05 16:00",
        "D,2024-01-05,1,2024-01-04",
        "E,2035-01-05,1,2035-01-05",
        "G,2024-01-06,1,2024-01-01 10:00:00",
        "F,2024-01-05,1,2024-01-05 17:00:01.5",
    )
    source = folder(tmp_path, config, prices_csv=lines("symbol,date,close,known", *rows))
    delivery = source.daily("equity_prices", FRIDAY, date(2035, 12, 1))
    assert delivery.rows["known_at"].to_list() == [
        datetime(2024, 1, 5, 16),
        datetime(2024, 1, 5, 16),
        datetime(2024, 1, 5, 17, 0, 1, 500_000),
    ]
    assert reasons(delivery.quarantined) == {
        "in the future": 1,
        "known before it happened": 2,
        "not a trading day": 1,
    }
    assert source.date_range() == (FRIDAY, FRIDAY)
    undated = source.daily("equity_prices", FRIDAY, FRIDAY).quarantined
    assert "in the future" in undated["reason"].to_list(), "filed under a day that is asked for"


def test_a_report_is_not_known_before_the_trade(tmp_path):
    def report(number: int, executed: str, reported: str) -> str:
        return (
            f"037833AK6,2024-01-05,{executed},2024-01-05,{reported},{number},,T,,99,10000,1.5,,S,C,"
        )

    rows = (report(1, "10:00:00", "10:00:00"), report(2, "10:00:01", "10:00:00"))
    delivery = folder(tmp_path, LENIENT + TRACE, trace_1_csv=lines(TRACE_HEADER, *rows)).daily(
        "trace_reports", FRIDAY, LAST
    )
    assert delivery.rows.height == 1 and reasons(delivery.quarantined) == {
        "known before it happened": 1
    }


def test_one_ticker_is_the_stock_of_one_parent_at_a_time(tmp_path):
    rows = (
        "P1,AAA,S,2020-01-01,2020-12-31",
        "P2,AAA,S,2020-12-31,",
        "P3,AAA,S,2021-01-01,",
        "P1,BBB,S,2021-01-01,",
        "P4,AAA,S,2019-01-01,2030-01-01",
    )
    delivery = folder(
        tmp_path, LENIENT + EQUITIES, names_csv=lines("id,t,s,first,last", *rows)
    ).reference("equities", LAST)
    assert delivery.rows.select("parent_id", "ticker").rows() == [
        ("P1", "AAA"),
        ("P1", "BBB"),
        ("P3", "AAA"),
    ]
    assert delivery.quarantined.select("row_number", "reason").rows() == [
        (2, "ticker of another parent"),
        (5, "ticker of another parent"),
    ]
    assert '"id":"P2"' in delivery.quarantined["row_text"][0]


@pytest.mark.parametrize(
    "cut",
    ["2024-01-05 1", "2024-01-05 16:0", "2024-01-05 16:00:0", "2024-01-05T", "2024-01-05 16:"],
)
def test_a_moment_cut_short_is_no_date(tmp_path, cut):
    config = LENIENT + PRICES + 'known_at = "known"\n'
    rows = lines(
        "symbol,date,close,known", "A,2024-01-05,1,2024-01-05 16:00:00", f"B,2024-01-05,1,{cut}"
    )
    delivery = folder(tmp_path, config, prices_csv=rows).daily("equity_prices", FRIDAY, LAST)
    assert delivery.rows["ticker"].to_list() == ["A"] and reasons(delivery.quarantined) == {
        "impossible date: known_at": 1
    }


def test_encodings(tmp_path):
    for encoding in ("utf-8", "utf-16", "utf-32", "utf-8-sig"):
        source = folder(tmp_path, PRICES, prices_csv=GOOD.encode(encoding))
        assert source.daily("equity_prices", FRIDAY, LAST).rows.height == 3
    message = complaint(tmp_path, PRICES, prices_csv=GOOD.encode("utf-16-le"))
    assert "is in UTF-16 or UTF-32 without a mark, or no text at all; save as UTF-8" in message
    accented = GOOD.replace("A,2024-01-05", "É,2024-01-05").encode("latin-1")
    source = folder(tmp_path, PRICES, prices_csv=accented)
    assert source.daily("equity_prices", FRIDAY, FRIDAY).rows["ticker"].to_list() == ["É"]
    assert source.told == ["prices.csv: not UTF-8, read as Windows-1252 (Latin-1)"]
    assert (
        folder(tmp_path, "\ufeff" + PRICES, prices_csv=GOOD.encode("utf-8-sig")).date_range()[1].day
        == 9
    )
    (tmp_path / "source.toml").write_bytes(PRICES.encode("utf-16"))
    with pytest.raises(SourceError, match="source.toml: not readable as UTF-8; save as UTF-8"):
        type(folder(tmp_path / "other", PRICES))(tmp_path)


def test_what_is_no_file(tmp_path):
    (tmp_path / "prices.csv").mkdir()
    assert "prices.csv: a folder, where equity_prices needs a file" in complaint(tmp_path, PRICES)
    (tmp_path / "prices.csv").rmdir()
    (tmp_path / "prices.csv").symlink_to("/nowhere/prices.csv")
    assert "prices.csv: a link to /nowhere/prices.csv, which is not there" in complaint(
        tmp_path, PRICES
    )


def test_a_column_twice(tmp_path):
    rows = lines("symbol,date,close,close", "A,2024-01-05,1,2")
    assert "prices.csv: the column 'close' appears twice" in complaint(
        tmp_path, PRICES, prices_csv=rows
    )
    instead = GOOD.replace("symbol,date", "date,date")
    assert "prices.csv: the column 'date' appears twice" in complaint(
        tmp_path, PRICES, prices_csv=instead
    )
    assert "prices.csv: no column 'symbol'" in complaint(
        tmp_path, PRICES, prices_csv=lines("B,2024-01-05,1,1", "A,2024-01-05,2,2")
    )


def test_a_packed_file_of_another_name_and_binary_columns(tmp_path):
    assert (
        folder(tmp_path, PRICES, prices_csv=gzip.compress(GOOD.encode())).date_range()[1].day == 9
    )
    frame = pl.DataFrame(
        {
            "symbol": [b"A", b"B"],
            "date": [FRIDAY] * 2,
            "close": [1.0, -1.0],
            "blob": [b"\xff", b"\xff"],
        }
    )
    frame.write_parquet(tmp_path / "prices.parquet")
    delivery = folder(tmp_path, LENIENT + PRICES.replace(".csv", ".parquet")).daily(
        "equity_prices", FRIDAY, LAST
    )
    assert (
        delivery.rows["ticker"].to_list() == ["A"]
        and '"symbol":"42"' in delivery.quarantined["row_text"][0]
    )


def test_a_column_of_dates_reads_moments_with_any_zone(tmp_path):
    texts = (
        "2024-01-05",
        "20240108",
        "2024-01-09T10:00:00Z",
        "2024-01-10 00:00:00+00:00",
        "2024-01-11 12:00:00 AM",
        "2024-01-12 1",
    )
    rows = lines("symbol,date,close", *(f"A,{text},1" for text in texts))
    delivery = folder(tmp_path, LENIENT + PRICES, prices_csv=rows).daily(
        "equity_prices", FRIDAY, LAST
    )
    assert delivery.rows["trade_date"].dt.day().to_list() == [5, 8, 9, 10, 11]
    assert reasons(delivery.quarantined) == {"impossible date: trade_date": 1}
