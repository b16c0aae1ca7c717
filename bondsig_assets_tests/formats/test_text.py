"""Encodings are told from the bytes, headers from what stands around them."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bondsig_assets.formats import as_utf8, header_row

#: A busy machine is no fault of what is tested.
QUICK = settings(deadline=None)


@QUICK
@given(st.text())
def test_utf8_stays_as_it_is(text):
    data = text.encode()
    if not text.startswith("\ufeff"):
        assert as_utf8(data) == (data, "")
    assert as_utf8(b"\xef\xbb\xbf" + data) == (data, "")


@QUICK
@given(st.text(st.characters(codec="cp1252"), min_size=1))
def test_windows_and_latin_are_read(text):
    data = text.encode("cp1252")
    found, said = as_utf8(data)
    try:
        assert (found.decode(), said) == (data.decode(), "")
    except UnicodeDecodeError:
        assert found.decode() == text and "Windows-1252" in said


@pytest.mark.parametrize("codec", ["utf-16", "utf-32"])
def test_marks_say_what_follows(codec):
    assert as_utf8("é1".encode(codec)) == ("é1".encode(), f"read as {codec.upper()}-LE"[:14])


ROWS = [["Fund holdings as of Apr 1, 2024"], [""], ["Name", "Ticker", "Weight"], ["A", "B", "1.5"]]


@pytest.mark.parametrize(
    ("rows", "row"),
    [
        (ROWS, 2),
        (ROWS[2:], 0),
        ([["a", "b"], ["c", "d"]], 0),
        ([["", "SVENY01", "SVENY02"], ["2024-04-01", "4.5", "4.4"]], 0),
        ([["Note", "x"], ["2", "3", "4"], ["date", "rf", "mkt"], ["1", "2", "3"]], 2),
        ([["1", "2"], ["3", "4"]], 0),
        ([], 0),
    ],
)
def test_the_header_is_found(rows, row):
    assert header_row(rows) == row


def test_whoever_knows_the_names_decides():
    assert header_row(ROWS, lambda names: "1.5" in names) == 3
    assert header_row(ROWS, lambda names: False) == 2
