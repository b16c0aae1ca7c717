"""Faults of files and of `source.toml`: one line that names the file, what was expected and what to
do.
"""

from __future__ import annotations

import gzip
from datetime import date

import polars as pl
import pytest

from bondsig_assets.errors import SourceError
from bondsig_assets.sources.files import FilesSource
from bondsig_assets_tests.sources.files_fixtures import CDS, PRICES, TRACE, folder, lines

GOOD = lines("symbol,date,close", *(f"A,2024-01-{day:02d},1" for day in (2, 3, 4, 5, 8, 9)))


def complaint(path, config: str, **files) -> str:
    """The one line with which the source refuses."""
    with pytest.raises(SourceError) as caught:
        folder(path, config, **files).date_range()
    message = str(caught.value)
    assert "\n" not in message and caught.value.__cause__ is None
    return message


def test_no_folder_an_empty_one_and_no_toml(tmp_path):
    with pytest.raises(SourceError, match="nowhere: no such folder"):
        FilesSource(tmp_path / "nowhere")
    with pytest.raises(SourceError, match="the folder is empty"):
        FilesSource(tmp_path)
    (tmp_path / "prices.csv").write_text(GOOD)
    with pytest.raises(SourceError, match=r"source.toml: not found; describe the folder there"):
        FilesSource(tmp_path)
    (tmp_path / "elsewhere.toml").write_text(PRICES)
    assert FilesSource(tmp_path, tmp_path / "elsewhere.toml").date_range()[1].day == 9


@pytest.mark.parametrize(
    ("config", "expected"),
    [
        ("[[equity_prices", "not readable as TOML"),
        ("[[equity_price]]", "unknown table 'equity_price'; did you mean 'equity_prices'?"),
        ("[equity_prices]", r"double brackets"),
        ("max_bad_share = 0.1", "feeds no table"),
        ("[[trades]]", "unknown table 'trades'"),
        (
            PRICES.replace("files", "file"),
            "unknown key 'file'; did you mean 'files'? There are: files, columns",
        ),
        (
            PRICES.replace("value = false", "valeu = false"),
            "columns.is_etf: unknown key 'valeu'; did you mean 'value'?",
        ),
        (PRICES.replace("value = false", 'value = "no"'), "'no' should be a BOOLEAN"),
        (
            PRICES.replace("close_usd", "close_us"),
            "unknown column of equity_prices 'close_us'; did you mean 'close_usd'?",
        ),
        (PRICES.replace('trade_date = "date"', ""), "equity_prices requires trade_date"),
        (
            PRICES.replace('"close"', '{ column = "close", unit = "pct" }'),
            "unknown unit 'pct'; There are: usd, thousands, millions",
        ),
        (PRICES.replace('"close"', '{ unit = "usd" }'), "needs either column"),
        (PRICES.replace('"close"', "7"), "write a column of the file as text"),
        (
            PRICES.replace("[equity_prices.columns]", 'expected = "x"\n[equity_prices.columns]'),
            "expected = 'x' should be a list of reasons",
        ),
        (PRICES.replace('"prices.csv"', "3"), "files = 3 should be a name or glob"),
        (
            PRICES.replace('"close"', "{ column = 3 }"),
            "columns.close_usd: column = 3 is not a text",
        ),
        (
            PRICES.replace('"close"', '{ column = "close", zero_is_null = 1 }'),
            "columns.close_usd: zero_is_null = 1 is not true or false",
        ),
        (
            PRICES.replace('"close"', '{ column = "close", scale = true }'),
            "columns.close_usd: scale = True should be a finite number other than 0",
        ),
        (
            PRICES.replace('"symbol"', '{ column = "symbol", lookup = 3 }'),
            "columns.ticker: lookup = 3 is not a table",
        ),
        (
            PRICES.replace('"symbol"', '{ column = "symbol", lookup = { fil = "x" } }'),
            "columns.ticker: lookup: unknown key 'fil'; did you mean 'file'?",
        ),
        (
            PRICES.replace("[equity_prices.columns]", "null_when = {}\n[equity_prices.columns]"),
            "null_when = {} should be a table such as",
        ),
        (
            PRICES.replace("[equity_prices.columns]", "format = 'cvs'\n[equity_prices.columns]"),
            "unknown format 'cvs'; did you mean 'csv'?",
        ),
        (
            PRICES.replace("[equity_prices.columns]", "max_bad_share = 5\n[equity_prices.columns]"),
            "should be a share",
        ),
        (
            PRICES.replace('"prices.csv"', '"/etc/prices.csv"'),
            "should be a name or glob below the data folder",
        ),
        (
            PRICES.replace('"prices.csv"', '"*.txt"'),
            r"no file matches '*.txt', which is to feed equity_prices; the folder holds prices.csv",
        ),
        (
            PRICES.replace('"date"', '"Date"'),
            (
                "no column 'Date', which source.toml expects; unknown column 'Date'; did you mean"
                " 'date'? There are: symbol, date, close"
            ),
        ),
        (
            PRICES.replace('"date"', '{ column = "date", format = "%d.%m.%Y" }'),
            "no value can be read as DATE for equity_prices.trade_date (the first is '2024-01-02')",
        ),
        (
            PRICES.replace('close_usd = "close"', 'close_usd = "symbol"'),
            (
                "column 'symbol': no value can be read as DOUBLE for equity_prices.close_usd (the"
                " first is 'A')"
            ),
        ),
        (
            PRICES.replace('"symbol"', '{ column = "symbol", map = { B = "C" } }'),
            "holds no value that its map or lookup lists",
        ),
        (
            (
                "[[fundamentals]]\nfiles='prices.csv'\ncolumns = { parent_id = 'a', period_end_date"
                " = 'b', total_debt_usd = 'c' }"
            ),
            "fundamentals requires known_at",
        ),
        (TRACE.replace("executed_at =", "execution_date ="), "requires executed_at"),
    ],
)
def test_typing_errors_in_the_toml(tmp_path, config, expected):
    assert expected in complaint(tmp_path, config, prices_csv=GOOD)


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ("", "the file is empty"),
        (GOOD + "A,2024-01", "cut short: the last line has 2 fields of 3"),
        (
            GOOD.replace(",", ";"),
            "no column 'symbol', which source.toml expects; unknown column 'symbol'",
        ),
        (GOOD.replace("A,2024-01-03", 'A,"2024-01-03'), "not readable as text split at ','"),
        (GOOD.replace("close", "date "), "the column 'date' appears twice"),
        (
            lines("symbol,date,close", ",2024-01-02,1"),
            "column 'symbol' is empty throughout, and equity_prices requires ticker",
        ),
        (
            lines("symbol,date,close", "A,2024-01-02,-1"),
            "1 of 1 rows (100.0%) are bad, more than max_bad_share = 0.05: 1 × 'negative price'",
        ),
    ],
)
def test_faults_of_a_csv(tmp_path, content, expected):
    message = complaint(tmp_path, PRICES, prices_csv=content)
    assert "prices.csv: " in message and expected in message


def test_cut_short_gzip_and_parquet(tmp_path):
    packed = gzip.compress(GOOD.encode())
    config = PRICES.replace("prices.csv", "prices.csv.gz")
    (tmp_path / "prices.csv.gz").write_bytes(packed)
    assert folder(tmp_path, config).date_range()[0].day == 2
    for broken in (packed[:-9], packed[: len(packed) // 2], b"not gzip"):
        (tmp_path / "prices.csv.gz").write_bytes(broken)
        assert "prices.csv.gz: cut short, or not a gzip file" in complaint(tmp_path, config)
    pl.DataFrame({"symbol": ["A"] * 100}).write_parquet(tmp_path / "prices.parquet")
    config = PRICES.replace("prices.csv", "prices.parquet")
    assert "prices.parquet: no column 'date'" in complaint(tmp_path, config)
    whole = (tmp_path / "prices.parquet").read_bytes()
    (tmp_path / "prices.parquet").write_bytes(whole[: len(whole) - 5])
    assert "prices.parquet: cut short, or not a Parquet file" in complaint(tmp_path, config)
    assert "neither .csv" in complaint(
        tmp_path, PRICES.replace("prices.csv", "prices.doc"), prices_doc="x"
    )


def test_lookup_faults(tmp_path):
    cds = lines("date,code,spread", "2024-01-05,C1,0.5")
    assert "no file matches 'codes.csv'" in complaint(tmp_path, CDS, cds_csv=cds)
    assert "unknown column 'codes'; did you mean 'code'?" in complaint(
        tmp_path, CDS, cds_csv=cds, codes_csv=lines("ticker,code", "A,C1")
    )
    assert "codes 'C1' stands for A and B" in complaint(
        tmp_path, CDS, cds_csv=cds, codes_csv=lines("ticker,codes", "A,C1", "B,C1;C2")
    )


def test_a_toml_without_daily_rows_has_no_span(tmp_path):
    names = "\n".join(
        f"columns.{name} = 'symbol'" for name in ("parent_id", "ticker", "sector", "sector_etf")
    )
    config = f"[[equities]]\nfiles = 'prices.csv'\n{names}\ncolumns.valid_from_date = 'date'\n"
    assert "no rows in any daily table" in complaint(tmp_path, config, prices_csv=GOOD)
    with pytest.raises(SourceError, match="unknown daily table 'bonds'"):
        folder(tmp_path, config).daily("bonds", date(2024, 1, 5), date(2024, 1, 5))
