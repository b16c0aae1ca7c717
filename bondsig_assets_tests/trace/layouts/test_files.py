"""Archives, trailers, lost times, and files that cannot be read at all."""

from __future__ import annotations

import io
import zipfile
from datetime import date

import polars as pl
import pytest

from bondsig_assets.errors import LayoutError
from bondsig_assets.trace.layouts import scan_reports, streams
from bondsig_assets_tests.trace.layouts import samples
from bondsig_assets_tests.trace.layouts.samples import gzipped, put, read, zipped

DAILY = "enhanced-time-and-sales-cusip-2020-01-02.txt"


def refused(paths, match, layout="auto", **options):
    with pytest.raises(LayoutError, match=match) as caught:
        read(paths, layout, **options)
    assert "\n" not in str(caught.value)


def test_a_year_of_days_in_zips(tmp_path):
    days = {
        f"enhanced-time-and-sales-cusip-2020-01-0{day}.zip": zipped(
            {f"{day}.txt": samples.RAW_SINCE, "more.txt": samples.RAW_BEFORE}
        )
        for day in (2, 3)
    }
    year = put(
        tmp_path,
        zipped({"readme.pdf": b"%PDF", "__MACOSX/._x.txt": b"\0", "folder/": b"", **days}),
        "EHDwC 2020.zip",
    )
    scan, frame = read([year, put(tmp_path, gzipped(samples.ENHANCED), "x.csv.gz")])
    assert scan.layouts == {"EHDwC 2020.zip": "finra-enhanced", "x.csv.gz": "wrds-enhanced"}
    assert [rows for _, _, rows in scan.files] == [2, 2, 2, 2, 3] and [
        first for _, first, _ in scan.files
    ] == [0, 2, 4, 6, 8]
    assert (
        scan.files[1][0] == "EHDwC 2020.zip/enhanced-time-and-sales-cusip-2020-01-02.zip/more.txt"
    )
    assert frame["row"].to_list() == list(range(11)) and frame["fault"].null_count() == 11
    assert any("passed over" in note for note in scan.notes) and any(
        "the same content" in note for note in scan.notes
    )


def test_scratch_is_used_and_left_clean_after_a_refusal(tmp_path):
    scratch = tmp_path / "scratch"
    scan = scan_reports([put(tmp_path, samples.WEB)], scratch=scratch)
    assert scan.frame.collect().height == 3 and len(list(scratch.rglob("*.parquet"))) == 1
    with pytest.raises(LayoutError):
        scan_reports(
            [put(tmp_path, samples.WEB), put(tmp_path, "a,b\n1,2\n", "y.csv")], scratch=scratch
        )
    assert len(list(scratch.iterdir())) == 1 and scan.frame.collect().height == 3


@pytest.mark.slow
def test_pieces_of_any_size_give_the_same(tmp_path, monkeypatch):
    paths = [
        put(tmp_path, text.replace("\n", "\r\n"), f"{number}.txt")
        for number, text in enumerate([samples.RAW_SINCE, samples.ENHANCED, samples.WEB])
    ]
    whole = read(paths)[1]
    for size in (1, 7, 100, 1000):
        monkeypatch.setattr(streams, "PIECE_BYTES", size)
        assert read(paths)[1].equals(whole)


def test_trailers(tmp_path):
    lines = samples.RAW_SINCE.splitlines()
    refused(
        put(tmp_path, "\n".join([*lines[:2], lines[-1]]), DAILY),
        f"^{DAILY}: the trailer says 0000000002 records, the file has 1: cut short\\? deliver it"
        " again$",
    )
    scan, frame = read(put(tmp_path, "\n".join(lines[:-1]), DAILY))
    assert frame.height == 2 and scan.notes == [
        f"{DAILY}: no trailer line follows the reports: whether they are all there cannot be told"
    ]
    for trailer in (
        "2020-01-03 05:30:00|0000000002",
        "202001030530000000000002",
        "TRAILER|20200103|0000000002|",
        "01/03/2020 05:30:00 0000000002\n\n",
    ):
        assert read(put(tmp_path, "\n".join([*lines[:-1], trailer]), DAILY))[0].notes == []
    # A last report cut short is no trailer.
    frame = read(put(tmp_path, "\n".join([*lines[:-1], "3|0000007"]), DAILY))[1]
    assert frame["fault"].to_list() == [None, None, "too_few_fields"]
    empty, frame = read(put(tmp_path, "\n".join([lines[0], "20200103053000|0000000000"]), DAILY))
    assert (
        frame.height == 0
        and empty.notes == [f"{DAILY}: it holds no reports"]
        and empty.files == [(DAILY, 0, 0)]
    )


def test_the_report_date_of_the_file_name(tmp_path):
    head, *lines = samples.RAW_SINCE.splitlines()
    dropped = "\n".join(
        [
            "|".join(field for at, field in enumerate(line.split("|")) if at != 16)
            for line in (head, *lines)
        ]
    )
    scan, frame = read(put(tmp_path, dropped, DAILY))
    assert (
        frame["report_date"].to_list() == [date(2020, 1, 2)] * 2
        and "date in the file name stands" in scan.notes[0]
    )
    refused(
        put(tmp_path, dropped, "x.txt"),
        r"^x\.txt: .*nearest is finra-enhanced, for which it lacks a report date"
        r" \(trade_report_date\)",
    )


def test_lost_times(tmp_path):
    frame = pl.read_csv(io.StringIO(samples.ENHANCED), infer_schema=False)
    for name, path in (("x.csv", tmp_path / "x.csv"), ("x.parquet", tmp_path / "x.parquet")):

        def write(lost: pl.DataFrame, path=path) -> None:
            lost.write_csv(path) if path.suffix == ".csv" else lost.write_parquet(path)

        write(frame.with_columns(trd_rpt_tm=pl.lit("  ")))
        refused(
            path,
            rf"^{name}: every trd_rpt_tm is null: the times were lost on the way here;"
            r" --allow-missing-times goes on with the end of the report date$",
        )
        scan, rows = read(path, allow_missing_times=True)
        assert (
            not scan.has_report_times
            and rows["reported_at"].null_count() == 3
            and rows["executed_at"].null_count() == 1
        )
        assert scan.notes == [
            f"{name}: every trd_rpt_tm is null; the end of the report date stands for the time of"
            " report"
        ]
        write(frame.drop("trd_exctn_tm"))
        refused(
            path, rf"^{name}: there is no column trd_exctn_tm: .*goes on without execution times$"
        )
        write(frame.drop("rpt_side_cd"))
        scan, rows = read(path)
        assert (
            scan.notes == [f"{name}: no column holds the side; it is null in every report"]
            and rows["side"].null_count() == 3
        )
        for gone, told in (("trc_st", "a status"), ("msg_seq_nb", "a message number")):
            write(frame.drop(gone))
            refused(
                path,
                rf"^{name}: read as wrds-enhanced it lacks {told} \({gone}\): ",
                "wrds-enhanced",
            )
            refused(
                path,
                rf"^{name}: its columns are those of no layout; the nearest is wrds-enhanced, for"
                rf" which it lacks {told} \({gone}\)",
            )


@pytest.mark.parametrize(
    ("name", "content", "match"),
    [
        ("x.csv", "", "is empty$"),
        ("x.csv", "\n \n", "holds no header"),
        ("x.csv", "hello\nworld\n", "no header of names"),
        ("x.csv", "a,b,c\n1,2,3\n", "those of no layout"),
        ("x.csv", samples.WEB.replace("Yield", "Price"), "two columns are called Price"),
        ("x.csv", samples.WEB.encode("utf-16"), "is not text"),
        ("x.csv", b"a,b\0\n", "is not text"),
        ("x.csv", b"a," + b"x" * 3_000_000, "is not text in lines"),
        ("x.zip", "a,b", "is damaged or no zip file"),
        ("x.zip", zipped({"x.txt": samples.WEB})[:-30], "damaged or cut short"),
        ("x.zip", zipped({"x.pdf": "x"}), "holds no text file"),
        ("x.zip", zipped({}), "holds no text file"),
        ("x.zip", zipped({"a.txt": ""}), "a.txt: holds no header"),
        ("x.gz", gzipped(samples.WEB)[:-20], "damaged or cut short"),
        ("x.gz", "x", "no gz file"),
        ("x.parquet", "PAR1xxxx", "damaged or cut short"),
        ("x.parquet", "x", "no parquet file"),
        (
            "x.zip",
            zipped({"a.zip": zipped({"b.zip": zipped({"c.zip": zipped({"d.txt": samples.WEB})})})}),
            "zip in a zip in a zip",
        ),
    ],
)
def test_files_that_cannot_be_read(tmp_path, name, content, match):
    refused(put(tmp_path, content, name), rf"^{name}.*{match}")


def test_no_file_a_folder_none_and_an_encrypted_one(tmp_path):
    refused(tmp_path, "is a folder: name the files in it$")
    refused(tmp_path / "gone.csv", r"gone\.csv: there is no such file$")
    refused([], "no files are named")
    data = bytearray(zipped({"a.txt": samples.WEB}))
    for mark, at in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        data[data.index(mark) + at] |= 1
    refused(put(tmp_path, bytes(data), "x.zip"), r"^x\.zip/a\.txt: is encrypted")
    assert zipfile.is_zipfile(tmp_path / "x.zip")


def test_headers_of_other_programs(tmp_path):
    # R's row names, its dots for blanks, a byte order mark, quotes around everything, tabs,
    # Latin-1.
    named = "\n".join(
        f'"{number}",{line}' for number, line in enumerate(samples.WEB.splitlines())
    ).replace('"0"', '""', 1)
    dotted = samples.RAW_SINCE.replace("Buy/Sell Indicator", "Buy.Sell.Indicator").replace(
        "Trade Status", "Trade.Status"
    )
    tabs = samples.ENHANCED.replace(",", "\t")
    for content, rows in (
        (named, 3),
        (dotted, 2),
        ("\ufeff" + samples.WEB, 3),
        (tabs, 3),
        (samples.RAW_BEFORE.replace("A INC", "Soci\xe9t\xe9").encode("latin-1"), 2),
    ):
        frame = read(put(tmp_path, content))[1]
        assert frame.height == rows and set(frame["fault"].drop_nulls()) <= {"shown_as_cancelled"}


def test_two_files_of_one_name(tmp_path):
    for folder in ("a", "b"):
        (tmp_path / folder).mkdir()
    paths = [put(tmp_path / "a", samples.WEB), put(tmp_path / "b", samples.ENHANCED)]
    scan = scan_reports(paths)
    assert (
        scan.layouts == {str(paths[0]): "finra-web", str(paths[1]): "wrds-enhanced"}
        and not scan.has_report_times
    )
