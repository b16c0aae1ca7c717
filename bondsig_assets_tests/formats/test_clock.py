"""Times as programs write them are recognised over the whole column, or nothing is guessed."""

from __future__ import annotations

from datetime import datetime, time, timedelta

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bondsig_assets.errors import FormatError
from bondsig_assets.formats import read_times, recognise_times

#: A busy machine is no fault of what is tested.
QUICK = settings(deadline=None)


def hhmmss(s: int) -> int:
    return s // 3600 * 10_000 + s // 60 % 60 * 100 + s % 60


def clock(s: int) -> str:
    return f"{s // 3600:02d}:{s // 60 % 60:02d}:{s % 60:02d}"


def twelve_hours(s: int) -> str:
    return time(s // 3600, s // 60 % 60, s % 60).strftime("%I:%M:%S %p")


WRITTEN = {
    "seconds": lambda s: s,
    "hhmmss": hhmmss,
    "hhmmssmmm": lambda s: hhmmss(s) * 1000,
    "milliseconds": lambda s: s * 1000,
    "microseconds": lambda s: s * 10**6,
    "nanoseconds": lambda s: s * 10**9,
    "day-fraction": lambda s: s / 86_400,
    "excel": lambda s: 45_383 + s / 86_400,
}
TEXTS = [
    clock,
    twelve_hours,
    lambda s: "01APR2024:" + clock(s),
    lambda s: "2024-04-01T" + clock(s) + ".000",
    lambda s: "0 days " + clock(s),
    lambda s: f"{hhmmss(s):06d}",
]
#: Trading hours at all seconds, the values that a file of a day or more holds.
HOURS = st.lists(st.integers(8 * 3600, 18 * 3600), min_size=40, max_size=80, unique=True)


def recognised(values):
    column = pl.Series(values)
    form = recognise_times({"time": column})["time"]
    return form, read_times(column, form).to_list()


@QUICK
@given(st.sampled_from(sorted(WRITTEN)), st.sampled_from([lambda n: n, float, str]), HOURS)
def test_numbers_are_read_whatever_they_count(name, written, seconds):
    form, found = recognised([written(WRITTEN[name](s)) for s in seconds])
    assert form.number == name and found == [s * 1_000_000 for s in seconds]
    assert (form.said == "") == (name == "hhmmss")


@QUICK
@given(st.sampled_from(TEXTS), HOURS)
def test_texts_in_use_are_read(written, seconds):
    assert recognised([written(s) for s in seconds])[1] == [s * 1_000_000 for s in seconds]


@pytest.mark.parametrize(
    ("values", "number"),
    [
        ([36_061], "seconds"),  # 36061 is 03:60:61 as HHMMSS
        ([93_015], "hhmmss"),  # more seconds than a day has
        ([43_200, 45_000, 50_400], "seconds"),  # 04:32:00 … 05:04:00, when TRACE is closed
        ([80_000, 81_500], "hhmmss"),  # 22:13 … as seconds
        (["043200", "050400"], "hhmmss"),  # filled up with zeros
        ([0, 0], "hhmmss"),
        (["930", "1000", "1015", "1030", "1100", "1130", "1215", "1300", "1445"], "hhmm"),
    ],
)
def test_few_values(values, number):
    assert recognised(values)[0].number == number


def test_two_readings_that_nothing_tells_apart_are_refused():
    with pytest.raises(FormatError, match="HHMMSS.*04:32:00.*seconds.*12:00:00.*HH:MM:SS"):
        recognised([43_200])
    for hint in ("hhmmss", "seconds"):
        assert recognise_times({"time": pl.Series([43_200])}, hint)["time"].number == hint
    columns = {"report": pl.Series([43_261, 43_200]), "time": pl.Series([43_200])}
    assert {form.number for form in recognise_times(columns).values()} == {"seconds"}


def test_a_few_cells_of_something_else_do_not_change_the_reading():
    seconds = list(range(9 * 3600, 16 * 3600, 61))
    form, found = recognised([str(s) for s in seconds] + ["999999", "late", "", None])
    assert form.number == "seconds" and found == [s * 1_000_000 for s in seconds] + [None] * 4
    form, found = recognised([hhmmss(s) for s in seconds] + [996_199, 10**15])
    assert form.number == "hhmmss" and found[-2:] == [None, None]


@pytest.mark.parametrize("value", ["25:00:00", "10:61:00", "10:15:61", "13:00 PM", "0:10 am", "x"])
def test_no_times(value):
    assert recognised([value, "10:15:00"])[1] == [None, 36_900_000_000]


def test_types_are_read_as_they_are():
    at = 36_903_000_000
    for value in (time(10, 15, 3), datetime(2024, 4, 1, 10, 15, 3), timedelta(seconds=36_903)):
        assert recognised([value])[1] == [at]
    assert recognised(["10:15:03.25", "10:15"])[1] == [at + 250_000, at - 3_000_000]


@QUICK
@given(st.lists(st.text() | st.none(), max_size=20))
def test_any_text_is_a_time_or_null(values):
    column = pl.Series(values, dtype=pl.String)
    try:
        form = recognise_times({"time": column})["time"]
    except FormatError:
        return
    read = read_times(column, form)
    assert read.dtype == pl.Int64 and read.drop_nulls().is_between(0, 86_399_999_999).all()


@QUICK
@given(st.lists(st.floats() | st.integers(0, 10**15) | st.none(), max_size=20))
def test_any_number_is_a_time_null_or_refused(values):
    column = pl.Series(values, dtype=pl.Float64, strict=False)
    try:
        form = recognise_times({"time": column})["time"]
    except FormatError:
        return
    read = read_times(column, form)
    assert len(read) == len(values) and read.drop_nulls().is_between(0, 86_399_999_999).all()
