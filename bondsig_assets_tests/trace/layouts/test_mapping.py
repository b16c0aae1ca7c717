"""Columns of one's own choice, files of SAS, Stata and Excel, and lines above a header."""

from __future__ import annotations

from datetime import date, datetime, time
from pathlib import Path

import openpyxl
import polars as pl
import pyreadstat
import pytest

from bondsig_assets.commands.report_columns import read_mapping
from bondsig_assets.errors import LayoutError, SourceError, UserError
from bondsig_assets.trace import clean
from bondsig_assets.trace.layouts import Own, scan_reports
from bondsig_assets.trace.layouts.mapping import Mapped
from bondsig_assets_tests.trace.layouts import samples
from bondsig_assets_tests.trace.layouts.samples import put, read
from bondsig_assets_tests.trace.layouts.test_faults import GOOD

JOINED = """bond,when,px,size_mm,way,who
037833AK6,2024-04-01 10:15:00,98.5,0.25,sell,client
459200HU8,2024-04-01 10:16:30,99.5,1.5,buy,dealer
"""
OPTIONS = ["cusip=bond", "executed_at=when", "price=px", "par_usd=size_mm", "side=way"]


def own(*options: str, **changes: Mapped) -> Own:
    return Own(mapping=read_mapping(options) | changes)


def test_date_and_time_joined_without_report_date_and_status(tmp_path):
    side = Mapped("way", letters={"SELL": "S", "BUY": "B"})
    contra = Mapped("who", letters={"CLIENT": "C", "DEALER": "D"})
    par = Mapped("size_mm", factor=1e6)
    mine = own(*OPTIONS[:3], par_usd=par, side=side, contra=contra)
    scan, frame = read(put(tmp_path, JOINED), own=mine)
    assert frame["executed_at"].to_list() == [
        datetime(2024, 4, 1, 10, 15),
        datetime(2024, 4, 1, 10, 16, 30),
    ]
    assert frame["report_date"].to_list() == [date(2024, 4, 1)] * 2 and not scan.has_report_times
    assert frame.select("status", "side", "contra", "par_usd", "fault").rows() == [
        ("T", "S", "C", 250_000, None),
        ("T", "B", "D", 1_500_000, None),
    ]
    assert scan.layouts == {"x.csv": "own columns"}
    for words in (
        "no column holds the status; every report is read as a trade",
        "the execution date stands for it",
        "no column holds a message number",
    ):
        assert any(words in note for note in scan.notes), words
    assert clean(frame, screens="none").trades.height == 2


def test_a_parquet_file_says_the_same(tmp_path):
    put(tmp_path, JOINED)
    pl.read_csv(tmp_path / "x.csv", try_parse_dates=True).write_parquet(tmp_path / "x.parquet")
    mine = own(*OPTIONS[:4], "status=value:T")
    of_text, of_parquet = (read(tmp_path / name, own=mine)[1] for name in ("x.csv", "x.parquet"))
    assert of_text.equals(of_parquet) and of_text["status"].to_list() == ["T"] * 2
    blocks = scan_reports([tmp_path / "x.parquet"], own=mine).blocks(1)
    assert pl.concat([block.collect() for block in blocks]).equals(of_text)


def test_a_column_of_a_known_layout_under_another_name(tmp_path):
    text = samples.ENHANCED.replace("trc_st", "message kind").replace("rptd_pr", "clean price")
    mine = own("status=Message Kind", "price=clean price")
    scan, frame = read(put(tmp_path, text), own=mine)
    assert scan.layouts == {"x.csv": "wrds-enhanced"} and scan.has_report_times
    assert frame.equals(read(put(tmp_path, samples.ENHANCED))[1])


def test_a_source_toml_maps_as_in_a_run(tmp_path):
    config = tmp_path / "source.toml"
    config.write_text(
        """[[trace_reports]]
files = "x.csv"
[trace_reports.columns]
view = { value = "regulatory" }
cusip = "bond"
executed_at = "when"
reported_at = { column = "when", time_default = 18:30:00 }
message_number = { value = "1" }
status = { value = "T" }
price = "px"
par_usd = { column = "size_mm", unit = "millions" }
side = { column = "way", map = { sell = "S", buy = "B" } }
"""
    )
    with pytest.raises(UserError, match="reported_at: time_default is nothing that clean follows"):
        read_mapping([str(config)])
    config.write_text(config.read_text().replace(", time_default = 18:30:00", ""))
    scan, frame = read(put(tmp_path, JOINED), own=own(str(config)))
    assert frame.select("side", "par_usd").rows() == [("S", 250_000), ("B", 1_500_000)]
    assert scan.has_report_times and frame["reported_at"].equals(frame["executed_at"])


@pytest.mark.parametrize(
    ("options", "error", "said"),
    [
        (["price"], UserError, "write ours=theirs"),
        (["prise=px"], UserError, "column 'prise'"),
        (["none.toml"], SourceError, "not found"),
        ([*OPTIONS[:3], "par_usd=size"], LayoutError, "has no column 'size', which is to hold par"),
        (OPTIONS[:3], LayoutError, "lacks a volume: say where it is with --map par_usd=COLUMN"),
        (OPTIONS[1:4], LayoutError, "of which bond it is with --map cusip=value:CUSIP"),
    ],
)
def test_a_mistake_is_one_line(tmp_path, options, error, said):
    with pytest.raises(error, match=said) as caught:
        read(put(tmp_path, JOINED), own=own(*options))
    assert "\n" not in str(caught.value)


PRINTS = Path(__file__).parents[4] / "shared/real/trace_prints"


@pytest.mark.skipif(not PRINTS.is_dir(), reason=f"real TRACE prints are not there: {PRINTS}")
def test_real_prints_with_selected_columns():
    path = PRINTS / "wrds_enhanced_2014_selected_columns.csv"
    joined = ["executed_at=trd_exctn_dt_trd_exctn_tm", "reported_at=trd_rpt_dt_trd_rpt_tm"]
    scan, frame = read(path, own=own(*joined))
    assert frame["fault"].null_count() == frame.height > 3 and scan.has_report_times
    assert frame["executed_at"][0] == datetime(2014, 12, 8, 16, 23, 40)
    assert frame["settlement_date"][0] == date(2014, 12, 15)


def test_lines_above_the_header_are_found_or_counted(tmp_path):
    text = 'Prints, "of"\n\nas of,2012-02-08,,\n' + samples.ENHANCED
    plain = read(put(tmp_path, samples.ENHANCED))[1]
    scan, frame = read(put(tmp_path, text))
    assert frame.equals(plain) and scan.notes == ["x.csv: 2 lines above the header are passed over"]
    scan, frame = read(put(tmp_path, text), own=Own(skip_rows=2))
    assert frame.equals(plain) and scan.notes == []
    with pytest.raises(LayoutError, match="x.csv"):
        read(put(tmp_path, text), own=Own(skip_rows=1))
    raw = "Delivered 2020-01-03\n" + samples.RAW_SINCE
    assert read(put(tmp_path, raw, "a-2020-01-02.txt"))[1].height == 2


TYPED = {
    "trd_exctn_dt": date(2020, 3, 31),
    "trd_rpt_dt": date(2020, 3, 31),
    "trd_exctn_tm": time(10, 0),
    "trd_rpt_tm": time(10, 1),
    "rptd_pr": 98.5,
    "entrd_vol_qt": 1000.0,
}


@pytest.mark.parametrize("suffix", ["dta", "xpt", "xlsx"])
def test_files_of_other_programs_are_read_as_they_are(tmp_path, suffix):
    # The transport format of SAS has names of eight characters.
    short = {name: f"c{k}" for k, name in enumerate(GOOD)} if suffix == "xpt" else {}
    rows = [{**GOOD, **TYPED, "msg_seq_nb": str(k)} for k in range(3)]
    frame = pl.DataFrame(rows).rename(short)
    path = tmp_path / f"prints.{suffix}"
    if suffix == "xlsx":
        book = openpyxl.Workbook()
        for row in (["TRACE prints"], [], frame.columns, *frame.rows()):
            book.active.append(list(row))
        book.save(path)
    else:
        {"dta": pyreadstat.write_dta, "xpt": pyreadstat.write_xport}[suffix](frame, str(path))
    names = {"cusip": "cusip_id", "execution_date": "trd_exctn_dt", "price": "rptd_pr"}
    names |= {"execution_time": "trd_exctn_tm", "par_usd": "entrd_vol_qt", "status": "trc_st"}
    names |= {"report_date": "trd_rpt_dt", "report_time": "trd_rpt_tm"}
    names |= {"message_number": "msg_seq_nb", "side": "rpt_side_cd", "contra": "cntra_mp_id"}
    mine = Own({ours: Mapped(short[theirs]) for ours, theirs in names.items()} if short else {})
    scan = scan_reports([path], scratch=tmp_path / "scratch", own=mine)
    reports = scan.frame.collect()
    assert reports["executed_at"].to_list() == [datetime(2020, 3, 31, 10)] * 3
    assert reports["fault"].null_count() == 3 and reports["cusip"].unique().to_list() == [
        "037833AK6"
    ]
    assert reports["message_number"].to_list() == ["0000000", "0000001", "0000002"]
    assert [file for file, *_ in scan.files] == [path.name]
    assert bool(scan.notes) == (suffix == "xlsx")
    path.write_bytes(b"damaged")
    with pytest.raises(LayoutError, match=rf"prints\.{suffix}.*deliver it again"):
        scan_reports([path])
