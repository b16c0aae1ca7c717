"""Files of SAS, Stata and Excel become frames of the same values and types."""

from __future__ import annotations

from datetime import date, datetime, time

import openpyxl
import polars as pl
import pyreadstat
import pytest

from bondsig_assets.errors import FormatError
from bondsig_assets.formats import is_table, read_table, table_blocks

FRAME = pl.DataFrame(
    {
        "day": [date(2024, 4, 1), None, date(2031, 2, 28)],
        "clock": [time(10, 15, 3), time(16, 0), None],
        "moment": [datetime(2024, 4, 1, 10, 1), None, datetime(1999, 1, 1)],
        "name": ["a", "Nestlé", ""],
        "price": [98.5, None, 101.0],
    }
)


@pytest.mark.parametrize(("suffix", "write"), [("dta", "write_dta"), ("xpt", "write_xport")])
def test_sas_and_stata_keep_values_and_types(tmp_path, suffix, write):
    path = tmp_path / f"prints.{suffix.upper()}"
    getattr(pyreadstat, write)(FRAME, str(path))
    assert is_table(path)
    frame, notes = read_table(path)
    assert notes == [] and frame.equals(FRAME)
    blocks = list(table_blocks(path, 2))
    assert [block.height for block in blocks] == [2, 1]
    assert pl.concat(blocks, how="vertical_relaxed").equals(FRAME)
    path.write_bytes(b"no such file" * 50)
    with pytest.raises(FormatError, match=rf"no readable {suffix} file"):
        read_table(path)


def workbook(path, rows, other=()):
    book = openpyxl.Workbook()
    for row in rows:
        book.active.append(row)
    if other:
        sheet = book.create_sheet("other")
        for row in other:
            sheet.append(row)
    book.save(path)
    return path


def test_a_workbook_with_lines_above_its_header(tmp_path):
    rows = [["Holdings", "as of 2024-04-01"], [], ["cusip", "day", "clock", "price"]]
    rows += [["037833AK6", date(2024, 4, 1), time(10, 15, 3), 98.5], [], ["038", None, None, 97]]
    path = workbook(tmp_path / "a.xlsx", rows, [["x", "y"], [1, 2]])
    frame, notes = read_table(path)
    assert notes == [
        "the sheet 'Sheet' is read, the first of 2",
        "2 rows above the header are passed over",
    ]
    assert frame.rows() == [
        ("037833AK6", date(2024, 4, 1), time(10, 15, 3), 98.5),
        ("038", None, None, 97.0),
    ]
    assert read_table(path, sheet="other")[0].rows() == [(1.0, 2.0)]
    assert read_table(path, skip_rows=2)[0].equals(frame)
    with pytest.raises(FormatError, match="no sheet 'third'; its sheets are Sheet, other"):
        read_table(path, sheet="third")
    path.write_bytes(b"PK\x03\x04 no workbook")
    with pytest.raises(FormatError, match="no readable xlsx file"):
        read_table(path)
