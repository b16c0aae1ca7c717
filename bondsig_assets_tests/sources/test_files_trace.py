"""TRACE layouts through `source.toml`: WRDS Enhanced, Standard, FINRA's pipe files, and the fields
of before 2012.
"""

from __future__ import annotations

from datetime import date, datetime
from pathlib import Path

import polars as pl
import pytest

from bondsig_assets.errors import SourceError
from bondsig_assets.sources.files import FilesSource
from bondsig_assets_tests.sources.files_fixtures import TRACE, TRACE_HEADER, folder, lines, reasons

DAY, NEXT = date(2024, 1, 5), date(2024, 1, 8)
LENIENT = "max_bad_share = 1.0\n"


def report(
    number: int,
    status: str = "T",
    day: str = "2024-01-05",
    time: str = "10:00:00",
    price: float = 100,
    original: str = "",
    asof: str = "",
    cusip: str = "037833AK6",
) -> str:
    """One line of WRDS Enhanced."""
    message = f"{number:07d},{original},{status},{asof}"
    return f"{cusip},{day},09:59:00,{day},{time},{message},{price},10000,1.5,-,S,C,"


def test_wrds_enhanced(tmp_path):
    rows = [
        report(3, time="11:00:00"),
        report(2),
        report(1, time="11:00:00"),
        report(9, day="2024-01-06"),
        report(5, cusip="037833AK7"),
        report(6, status="Q"),
        report(7, price=-1),
        report(2),
        report(8).replace(",C,", ",Z,"),
    ]
    source = folder(tmp_path, LENIENT + TRACE, trace_1_csv=lines(TRACE_HEADER, *rows))
    delivery = source.daily("trace_reports", DAY, NEXT)
    assert delivery.rows.select("delivery_date", "record_number", "message_number").rows() == [
        (DAY, 1, "0000002"),
        (DAY, 2, "0000001"),
        (DAY, 3, "0000003"),
        (NEXT, 1, "0000009"),
    ]
    first = delivery.rows.row(0, named=True)
    assert (
        first["reported_at"]
        == first["known_at"]
        == first["delivered_at"]
        == datetime(2024, 1, 5, 10)
    )
    assert first["execution_date"] == first["report_date"] == DAY
    assert (first["yield_pct"], first["is_par_capped"], first["is_special_price"]) == (
        -1.5,
        False,
        False,
    )
    assert delivery.rows["report_date"][3] == date(2024, 1, 6), (
        "a Saturday's report arrives on Monday, its date unchanged"
    )
    assert reasons(delivery.quarantined) == {
        "bad check digit": 1,
        "unknown status": 1,
        "negative price": 1,
        "duplicate row": 1,
        "unknown contra": 1,
    }
    assert source.date_range() == (DAY, NEXT)


def test_standard_caps_and_times_as_clients_return_them(tmp_path):
    times = pl.DataFrame(
        {
            "cusip_id": ["037833AK6"] * 3,
            "trd_exctn_dt": ["2024-01-05"] * 3,
            "trd_exctn_tm": [80_500, 150_000, 34_200_000_000_000],
            "msg_seq_nb": [12.0, 13.0, 14.0],
            "orig_msg_seq_nb": [None, None, 11.0],
            "trc_st": ["M", "M", "N"],
            "vol": ["5MM+", "1MM+", "25000"],
            "rptd_pr": [99.0, 98.0, 97.0],
            "side": ["S", "B", "S"],
            "contra": ["C", "D", "D"],
        }
    )
    config = """
    [[trace_reports]]
    files = "standard.parquet"
    [trace_reports.columns]
    view = { value = "live" }
    reported_at = { column = "trd_exctn_dt", time = "trd_exctn_tm" }
    executed_at = { column = "trd_exctn_dt", time = "trd_exctn_tm" }
    message_number = { column = "msg_seq_nb", pad = 7 }
    original_message_number = { column = "orig_msg_seq_nb", pad = 7 }
    status = { column = "trc_st", map = { M = "T", G = "T", N = "X", H = "X", O = "R", I = "R" } }
    cusip = "cusip_id"
    price = "rptd_pr"
    par_usd = "vol"
    side = "side"
    contra = "contra"
    """
    times.write_parquet(tmp_path / "standard.parquet")
    rows = folder(tmp_path, config).daily("trace_reports", DAY, DAY).rows
    assert rows.select("message_number", "executed_at", "par_usd", "is_par_capped").rows() == [
        ("0000012", datetime(2024, 1, 5, 8, 5), 5e6, True),
        ("0000014", datetime(2024, 1, 5, 9, 30), 25e3, False),
        ("0000013", datetime(2024, 1, 5, 15), 1e6, True),
    ]
    assert rows["status"].to_list() == ["T", "X", "T"]


FINRA = """
[[trace_reports]]
files = "enhanced-time-and-sales-cusip-*.txt"
trailer = true
keep = { "Dissemination Flag" = ["Y"] }
[trace_reports.columns]
view = { value = "live" }
reported_at = { column = "Trade Report Date", time = "Trade Report Time" }
executed_at = { column = "Execution Date", time = "Execution Time" }
message_number = { column = "Reference Number", pad = 7 }
status = "Trade Status"
cusip = "CUSIP"
price = "Price"
par_usd = { column = "Quantity", cap = 5_000_000 }
yield_pct = { column = "Yield", sign = "Yield Direction" }
side = "Buy/Sell Indicator"
contra = "Contra Party Indicator"
is_disseminated = "Dissemination Flag"
prior_report_date = "Prior Trade Report Date"
"""
FINRA_HEADER = (
    "Record Count Num|Reference Number|Trade Status|CUSIP|Quantity|Price|Yield"
    " Direction|Yield|Execution Date|Execution Time|Trade Report Date|Trade Report Time|Buy/Sell"
    " Indicator|Contra Party Indicator|Dissemination Flag|Prior Trade Report Date"
)
FINRA_ROWS = (
    '1|0000123|T|037833AK6|7000000.00|99.500000|-|1.25|20240105|093000|20240105|093105|S|C|Y|"',
    "2|0000124|X|037833AK6|10000.00|99.000000||1.25|20240104|93000|20240105|93106|B|D|Y|20240104",
    "3|0000125|T|037833AK6|10000.00|99.000000||1.25|20240104|93000|20240105|93106|B|D|N|",
)


def test_finra_pipe_file(tmp_path):
    name = "enhanced-time-and-sales-cusip-2024-01-05.txt"
    (tmp_path / name).write_text(
        lines(FINRA_HEADER, *FINRA_ROWS, "20240105 203000 0000000003").replace('|"', "|")
    )
    rows = folder(tmp_path, FINRA).daily("trace_reports", DAY, DAY).rows
    assert rows.select(
        "message_number",
        "executed_at",
        "reported_at",
        "par_usd",
        "is_par_capped",
        "yield_pct",
        "prior_report_date",
    ).rows() == [
        (
            "0000123",
            datetime(2024, 1, 5, 9, 30),
            datetime(2024, 1, 5, 9, 31, 5),
            5e6,
            True,
            -1.25,
            None,
        ),
        (
            "0000124",
            datetime(2024, 1, 4, 9, 30),
            datetime(2024, 1, 5, 9, 31, 6),
            1e4,
            False,
            1.25,
            date(2024, 1, 4),
        ),
    ]


@pytest.mark.parametrize(
    ("last", "complaint"),
    [
        ("20240105 203000 0000000009", "trailer says 9 rows, the file holds 3"),
        (FINRA_ROWS[1], "no trailer"),
    ],
)
def test_finra_trailer_that_is_wrong_or_missing(tmp_path, last, complaint):
    (tmp_path / "enhanced-time-and-sales-cusip-2024-01-05.txt").write_text(
        lines(FINRA_HEADER, *FINRA_ROWS, last).replace('|"', "|")
    )
    with pytest.raises(SourceError, match=complaint):
        folder(tmp_path, FINRA).date_range()


def test_dates_without_time_of_day_need_a_default(tmp_path):
    content = lines(TRACE_HEADER, report(1).replace("10:00:00", "").replace("09:59:00", ""))
    with pytest.raises(SourceError, match="time_default"):
        folder(tmp_path, TRACE, trace_csv=content).date_range()
    config = TRACE.replace(
        'time = "trd_rpt_tm"', 'time = "trd_rpt_tm", time_default = 18:30:00'
    ).replace('time = "trd_exctn_tm"', "time_default = 16:00:00")
    row = (
        folder(tmp_path, config, trace_csv=content)
        .daily("trace_reports", DAY, DAY)
        .rows.row(0, named=True)
    )
    assert (row["executed_at"], row["reported_at"]) == (
        datetime(2024, 1, 5, 16),
        datetime(2024, 1, 5, 18, 30),
    )


def test_fields_of_before_2012_stay_as_delivered_and_in_order(tmp_path):
    day = "2005-03-01"
    rows = [
        report(3, "C", day, "11:00:00", original="1"),
        report(2, day=day),
        report(1, day=day),
        report(10, "W", day, original="2"),
    ]
    found = (
        folder(tmp_path, TRACE, trace_csv=lines(TRACE_HEADER, *rows))
        .daily("trace_reports", date(2005, 3, 1), date(2005, 3, 1))
        .rows
    )
    assert found.select("message_number", "status", "original_message_number").rows() == [
        ("0000001", "T", None),
        ("0000002", "T", None),
        ("0000010", "W", "0000002"),
        ("0000003", "C", "0000001"),
    ]


PRINTS = Path(__file__).parents[3] / "shared/real/trace_prints"


@pytest.mark.skipif(not PRINTS.is_dir(), reason=f"real TRACE prints are not there: {PRINTS}")
def test_real_wrds_prints_with_lost_times_and_a_holiday(tmp_path):
    config = TRACE.replace('time = "trd_rpt_tm"', "time_default = 18:30:00").replace(
        'time = "trd_exctn_tm"', "time_default = 16:00:00"
    )
    config = config.replace('"trace*.csv"', '"wrds_enhanced_20[02][24].csv"').replace(
        ', sign = "yld_sign_cd"', ""
    )
    config = config.replace('is_special_price = { column = "spcl_trd_fl", default = false }', "")
    (tmp_path / "source.toml").write_text(config)
    delivery = FilesSource(PRINTS, tmp_path / "source.toml").daily(
        "trace_reports", date(2002, 7, 1), date(2024, 1, 31)
    )
    assert delivery.rows["delivery_date"].unique().sort().to_list()[0] == date(2002, 7, 1)
    assert set(delivery.rows["status"]) <= {"T", "C", "W"}
    assert delivery.rows.filter(pl.col("execution_date") == date(2024, 1, 1))[
        "delivery_date"
    ].unique().to_list() == [date(2024, 1, 2)]
