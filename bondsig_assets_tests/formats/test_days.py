"""Dates as programs write them are recognised over the whole column, or nothing is guessed."""

from __future__ import annotations

from datetime import date, datetime, timedelta

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bondsig_assets.errors import FormatError
from bondsig_assets.formats import Expected, added, counted, read_days, recognise_days

#: A busy machine is no fault of what is tested.
QUICK = settings(deadline=None)
TRADES = Expected(date(2002, 7, 1), date(2026, 12, 1), on_weekdays=True)
ANY = Expected(date(1950, 1, 1), date(2150, 1, 1))
STARTS = {
    "sas": date(1960, 1, 1),
    "epoch": date(1970, 1, 1),
    # Excel's first of January 1900 is day 1, and 29 February 1900 exists in it.
    "excel": date(1899, 12, 30),
}
UNITS = {
    "sas-seconds": (date(1960, 1, 1), 86_400),
    "epoch-seconds": (date(1970, 1, 1), 86_400),
    "stata-milliseconds": (date(1960, 1, 1), 86_400_000),
    "epoch-milliseconds": (date(1970, 1, 1), 86_400_000),
    "epoch-microseconds": (date(1970, 1, 1), 86_400_000_000),
    "epoch-nanoseconds": (date(1970, 1, 1), 86_400_000_000_000),
}
TYPES = [int, float, str, lambda n: f"{n}.0", lambda n: f" {n} "]


def recognised(values, expected=TRADES):
    column = pl.Series(values)
    form = recognise_days({"day": (column, expected)})["day"]
    return form, read_days(column, form).to_list()


def working_days(first: date, n: int) -> list[date]:
    days = [first + timedelta(k) for k in range(2 * n + 9)]
    return [day for day in days if day.weekday() < 5][:n]


@QUICK
@given(
    st.sampled_from(sorted(STARTS)),
    st.sampled_from(TYPES),
    st.dates(date(2002, 7, 1), date(2025, 12, 31)),
    st.integers(6, 60),
)
def test_numbers_of_working_days_are_read_whatever_they_count_from(name, written, first, n):
    days = working_days(first, n)
    form, found = recognised([written((day - STARTS[name]).days) for day in days])
    assert form.number == name and found == days
    assert str(days[0]) in form.said


@QUICK
@given(st.sampled_from(sorted(UNITS)), st.dates(date(2003, 1, 6), date(2025, 12, 31)))
def test_moments_as_numbers_are_their_days(name, first):
    days, (start, per_day) = working_days(first, 10), UNITS[name]
    form, found = recognised([(day - start).days * per_day + per_day // 3 for day in days])
    assert form.number == name and found == days


@QUICK
@given(
    st.sampled_from(
        [
            "%d%b%Y", "%d-%b-%Y", "%d-%b-%y", "%d %B %Y", "%B %d, %Y", "%b %d, %Y", "%Y%m%d",
            "%m/%d/%Y", "%m/%d/%y", "%Y-%m-%d", "%Y/%m/%d", "%d%b%Y:09:30:00", "%Y-%m-%dT09:30:00",
            "%m/%d/%Y 9:30", "%Y-%m-%d 09:30:00.000000",
        ]
    ),
    st.dates(date(2002, 7, 1), date(2025, 12, 31)),
)  # fmt: skip
def test_texts_in_use_are_read(form, first):
    days = working_days(first, 30)
    assert recognised([day.strftime(form) for day in days])[1] == days
    assert recognised([day.strftime(form).upper() for day in days])[1] == days


@pytest.mark.parametrize("form", ["%d/%m/%Y", "%d.%m.%Y", "%d-%m-%y"])
def test_the_day_before_the_month_is_told_by_days_after_the_twelfth(form):
    days = working_days(date(2024, 3, 1), 30)
    found, read = recognised([day.strftime(form) for day in days])
    assert read == days and found.day_first and "day before month" in found.said
    # Three days that could be either: the other column of the file decides.
    short = [day.strftime(form) for day in days[:3]]
    columns = {
        "a": (pl.Series([day.strftime(form) for day in days]), TRADES),
        "b": (pl.Series(short), ANY),
    }
    assert read_days(columns["b"][0], recognise_days(columns)["b"]).to_list() == days[:3]


def test_usual_ways_are_not_said():
    days = working_days(date(2024, 3, 1), 30)
    for values in (days, [f"{d:%Y-%m-%d}" for d in days], [int(f"{d:%Y%m%d}") for d in days]):
        assert recognised(values)[0].said == ""
    moments = [datetime(2024, 3, 1, 9, 30)]
    assert recognised(moments)[1] == [date(2024, 3, 1)]


def test_two_readings_that_nothing_tells_apart_are_refused():
    # 19815 is a Wednesday of 2014 from 1960 on and a Tuesday of 2024 from 1970 on.
    with pytest.raises(FormatError, match="2014-04-02.*2024-04-02.*write dates as YYYY-MM-DD"):
        recognised([19815])
    columns = {"day": (pl.Series([19815]), TRADES)}
    assert {recognise_days(columns, one)["day"].number for one in ("sas", "epoch")} == {
        "sas",
        "epoch",
    }
    # What the numbers say themselves stays.
    assert recognise_days({"day": (pl.Series([23467]), TRADES)}, "epoch")["day"].number == "sas"
    # Another column of the same file tells.
    sure = pl.Series([(day - date(1970, 1, 1)).days for day in working_days(date(2024, 4, 1), 20)])
    forms = recognise_days({"sure": (sure, TRADES), "day": (pl.Series([19815]), TRADES)})
    assert forms["day"].number == "epoch"


def test_a_few_cells_of_something_else_do_not_change_the_reading():
    days = working_days(date(2024, 1, 2), 100)
    values = [str((day - date(1960, 1, 1)).days) for day in days] + ["0", "99999", "unknown", ""]
    form, found = recognised(values)
    assert form.number == "sas" and found == [*days, None, date(2233, 10, 15), None, None][:100] + [
        found[100], found[101], None, None,
    ]  # fmt: skip
    assert found[100] in (None, date(1960, 1, 1))
    form, found = recognised(["2024-13-01", "20241301", "x", None, "2024-02-30"])
    assert found == [None] * 5


def test_counts_of_pieces_are_those_of_the_whole():
    days = [(day - date(1960, 1, 1)).days for day in working_days(date(2024, 1, 2), 100)]
    pieces = [counted(pl.Series(days[:50])), counted(pl.Series(days[50:]))]
    whole = recognise_days({"day": (pl.Series(days), TRADES)})
    assert recognise_days({"day": (added(pieces), TRADES)}) == whole


@QUICK
@given(st.lists(st.text() | st.none(), max_size=20))
def test_any_text_is_a_date_null_or_refused(values):
    column = pl.Series(values, dtype=pl.String)
    try:
        form = recognise_days({"day": (column, ANY)})["day"]
    except FormatError:
        return
    read = read_days(column, form)
    assert read.dtype == pl.Date and len(read) == len(values)


@QUICK
@given(st.lists(st.floats() | st.none(), max_size=20))
def test_any_number_is_a_date_null_or_refused(values):
    column = pl.Series(values, dtype=pl.Float64)
    try:
        form = recognise_days({"day": (column, ANY)})["day"]
    except FormatError:
        return
    read = read_days(column, form)
    assert read.dtype == pl.Date and len(read) == len(values)
