"""Sister products of FINRA in nearly the same layout are told from corporate bonds."""

from __future__ import annotations

import polars as pl
import pytest

from bondsig_assets_tests.trace.layouts import samples
from bondsig_assets_tests.trace.layouts.samples import put, read

HEADER, FIRST, _, TRAILER, *_ = samples.RAW_SINCE.split("\n")


def file(tmp_path, rows, header=HEADER):
    """Rows of (CUSIP, Sub Product) in FINRA's layout."""
    lines = [
        FIRST.replace("G857ABAC4", cusip)
        .replace("|CORP|", f"|{code}|")
        .replace("0000005", f"{k:07}")
        for k, (cusip, code) in enumerate(rows, 1)
    ]
    text = "\n".join([header, *lines, f"20200103053000|{len(rows):010d}"]) + "\n"
    return put(tmp_path, text, "prints-2020-01-02.txt")


def faults(path):
    return read(path)[1]["fault"].to_list()


@pytest.mark.parametrize(
    "code", ["NOTE", "BILL", "TIPS", "TBA", "MBS", "CMO", "ABS", "AGCY", "sba"]
)
def test_a_mixed_file_keeps_its_corporates(tmp_path, code):
    rows = [("037833AK6", "CORP"), ("459200HU8", code), ("037833AK6", "ELN"), ("037833AK6", "CHRC")]
    assert faults(file(tmp_path, rows)) == [None, "other_product", None, None]


def test_treasuries_are_known_by_their_numbers(tmp_path):
    rows = [("912810FD5", ""), ("91282CFV8", ""), ("912796XQ7", ""), ("037833AK6", "")]
    assert faults(file(tmp_path, rows)) == ["other_product"] * 3 + [None]


@pytest.mark.parametrize("column", ["Benchmark Type", "Pool Number"])
def test_in_a_file_of_a_sister_only_what_says_so_is_corporate(tmp_path, column):
    header = HEADER.replace("Seller Commission", column)
    rows = [("037833AK6", "CORP"), ("459200HU8", "NEW1"), ("459200HU8", "")]
    path = file(tmp_path, rows, header)
    scan, frame = read(path)
    assert frame["fault"].to_list() == [None, "other_product", "other_product"]
    assert scan.sister(0) is not None
    assert frame.filter(pl.col("fault").is_null())["cusip"].to_list() == ["037833AK6"]
