"""Rows that cannot be used come through with their fault, first things first."""

from __future__ import annotations

from datetime import date, timedelta

import polars as pl
import pytest

from bondsig_assets.trace.layouts import normalise
from bondsig_assets_tests.trace.layouts import samples
from bondsig_assets_tests.trace.layouts.samples import put, read

GOOD = {
    "cusip_id": "037833AK6",
    "trd_exctn_dt": "2020-03-31",
    "trd_exctn_tm": "10:00:00",
    "trd_rpt_dt": "2020-03-31",
    "trd_rpt_tm": "10:01:00",
    "msg_seq_nb": "0000001",
    "trc_st": "T",
    "entrd_vol_qt": "1000",
    "rptd_pr": "99.5",
    "rpt_side_cd": "B",
    "cntra_mp_id": "C",
}


def fault(**changes: object) -> str | None:
    row = {name: [value] for name, value in (GOOD | changes).items()}
    return normalise(pl.LazyFrame(row, strict=False), "wrds-enhanced").collect()["fault"][0]


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, None),
        ({"cusip_id": "  "}, "no_cusip"),
        ({"cusip_id": None, "trd_rpt_dt": "x"}, "no_cusip"),
        ({"trd_rpt_dt": "2002-06-28", "trd_exctn_dt": "2002-06-28"}, "impossible_date"),
        ({"trd_rpt_dt": "2020-02-30"}, "impossible_date"),
        ({"trd_rpt_dt": None}, "impossible_date"),
        ({"trd_exctn_dt": ""}, "impossible_date"),
        ({"trd_exctn_dt": "2020-04-01"}, "impossible_date"),
        ({"trd_rpt_dt": str(date.today() + timedelta(days=3))}, "impossible_date"),
        ({"trd_exctn_tm": "25:00:00"}, "impossible_time"),
        ({"trd_rpt_tm": "noon"}, "impossible_time"),
        ({"trd_rpt_tm": 103099}, "impossible_time"),
        ({"trd_exctn_tm": "10:61:00"}, "impossible_time"),
        ({"trd_exctn_tm": -5}, "impossible_time"),
        ({"trd_exctn_tm": None}, None),
        ({"trc_st": "Q"}, "unknown_status"),
        ({"trc_st": None}, "unknown_status"),
        ({"trc_st": "N"}, "unknown_status"),
        ({"trc_st": "y"}, None),
        ({"msg_seq_nb": " "}, "no_message_number"),
        ({"msg_seq_nb": float("nan")}, "no_message_number"),
        ({"rptd_pr": "nan"}, "price_not_a_number"),
        ({"rptd_pr": float("inf")}, "price_not_a_number"),
        ({"rptd_pr": None}, "price_not_a_number"),
        ({"rptd_pr": "-3"}, None),
        ({"entrd_vol_qt": "many"}, "par_not_a_number"),
        ({"entrd_vol_qt": "MM+"}, "par_not_a_number"),
        ({"entrd_vol_qt": "1,000,000"}, None),
        ({"rpt_side_cd": "X"}, "unknown_side"),
        ({"rpt_side_cd": None}, None),
        ({"cntra_mp_id": "Z"}, "unknown_contra"),
        ({"cntra_mp_id": ""}, None),
        ({"yld_pt": "x"}, None),
    ],
)
def test_the_first_fault_that_applies(changes, expected):
    assert fault(**changes) == expected


def test_a_faulty_row_keeps_what_can_be_read():
    frame = normalise(
        pl.LazyFrame(
            {
                name: [value]
                for name, value in (
                    GOOD | {"trd_exctn_tm": "99", "rpt_side_cd": "X", "rptd_pr": "?"}
                ).items()
            }
        ),
        "wrds-enhanced",
    ).collect()
    row = frame.row(0, named=True)
    assert (
        row["fault"] == "impossible_time"
        and row["side"] is None
        and row["price"] is None
        and row["executed_at"] is None
    )
    assert (
        row["cusip"] == "037833AK6"
        and row["par_usd"] == 1000
        and row["reported_at"] is not None
        and row["row"] == 0
    )


def test_ragged_lines_are_counted_and_named(tmp_path):
    head, *lines = samples.ENHANCED.splitlines()
    text = "\n".join(
        [head, lines[0], lines[0] + ",1", "", "   ", lines[1].rsplit(",", 3)[0], "x", lines[1]]
    )
    scan, frame = read(put(tmp_path, text))
    assert scan.files == [("x.csv", 0, 5)]
    assert frame["fault"].to_list() == [
        None,
        "too_many_fields",
        "too_few_fields",
        "too_few_fields",
        None,
    ]
    assert frame["cusip"].to_list() == ["037833AK6"] * 3 + ["X", "037833AK6"]


def test_quotes_hide_delimiters_and_a_stray_one_spoils_its_own_line_only(tmp_path):
    head = "company_symbol," + samples.ENHANCED.splitlines()[0]
    line = samples.ENHANCED.splitlines()[1]
    quoted = ",".join(f'"{value}"' for value in line.split(","))
    text = "\r\n".join(
        [
            head,
            f'"A, Inc ""x""",{quoted}',
            f'"A,{line}',
            f"A, Inc,{line}",
            f"A,{line}",
            f'"A, B",{line}',
        ]
    )
    frame = read(put(tmp_path, text))[1]
    assert frame["fault"].to_list() == [None, None, "too_many_fields", None, None]
    assert frame.filter(pl.col("fault").is_null())["cusip"].to_list() == ["037833AK6"] * 4


@pytest.mark.parametrize("text", [samples.RAW_SINCE, samples.RAW_BEFORE])
def test_a_non_cusip_delivery(tmp_path, text):
    blank = text.replace("G857ABAC4", "").replace("000325AA8", "")
    """FINRA's version without CUSIPs: its symbol is one of each bond."""
    file = put(tmp_path, blank, "enhanced-time-and-sales-non-cusip-2020-01-02.txt")
    scan, frame = read(file)
    symbol = "SUHJ4887191" if "SUHJ" in text else "AAFM.GA"
    assert frame["cusip"].to_list() == [symbol] * 2 and not frame["fault"].drop_nulls().len()
    assert scan.has_symbol_keys
    assert any("stand under their bond symbol" in note for note in scan.notes)
    bare = blank.replace(symbol, "")
    frame = read(put(tmp_path, bare, "enhanced-time-and-sales-non-cusip-2020-01-03.txt"))[1]
    assert frame["fault"].to_list() == ["no_cusip"] * 2
