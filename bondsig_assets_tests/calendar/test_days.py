"""The calendar against days everybody remembers, and its arithmetic against counting."""

from __future__ import annotations

from datetime import date, datetime, time, timedelta

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bondsig_assets.calendar import days as tc

INSIDE = st.dates(date(2002, 7, 1), date(2035, 12, 20))


@pytest.mark.parametrize(
    "day",
    [
        date(2024, 1, 1),
        date(2024, 1, 15),
        date(2024, 3, 29),
        date(2024, 6, 19),
        date(2024, 7, 4),
        date(2024, 11, 28),
        date(2024, 12, 25),
        date(2018, 12, 5),
        date(2012, 10, 29),
        date(2012, 10, 30),
        date(2007, 1, 2),
        date(2004, 6, 11),
        date(2025, 1, 9),
        date(2022, 6, 20),
        date(2021, 12, 24),
        date(2024, 3, 30),
        date(2024, 3, 31),
    ],
)
def test_closed(day):
    assert not tc.is_trading_day(day)


@pytest.mark.parametrize(
    "day",
    [
        date(2024, 10, 14),
        date(2024, 11, 11),
        date(2021, 6, 18),
        date(2021, 12, 31),
        date(2024, 11, 29),
        date(2002, 7, 1),
        date(2035, 12, 31),
        date(2020, 6, 19),
    ],
)
def test_open(day):
    assert tc.is_trading_day(day)


def test_the_number_of_days_of_a_year():
    assert [
        len(tc.trading_days(date(year, 1, 1), date(year, 12, 31))) for year in range(2003, 2025)
    ] == [
        252,
        252,
        252,
        251,
        251,
        253,
        252,
        252,
        252,
        250,
        252,
        252,
        252,
        252,
        251,
        251,
        252,
        253,
        252,
        251,
        250,
        252,
    ]


def test_every_closure_is_a_weekday_within_the_calendar():
    assert all(day.weekday() < 5 and tc.FIRST_DAY <= day <= tc.LAST_DAY for day in tc.holidays())
    assert tc.all_trading_days()[0] == tc.FIRST_DAY and tc.all_trading_days()[-1] == tc.LAST_DAY


@given(INSIDE)
def test_the_nearest_days(day):
    after, before = day, day
    while not tc.is_trading_day(after):
        after += timedelta(days=1)
    assert tc.at_or_after(day) == after
    if day >= tc.FIRST_DAY:
        while not tc.is_trading_day(before):
            before -= timedelta(days=1)
        assert tc.at_or_before(day) == before


@given(INSIDE, st.integers(0, 300))
def test_ranges_and_steps_agree(day, count):
    start = tc.at_or_after(day)
    end = min(tc.all_trading_days()[-1].item(), start + timedelta(days=count))
    days = tc.trading_days(start, end)
    assert days == [
        d
        for d in (start + timedelta(days=k) for k in range((end - start).days + 1))
        if tc.is_trading_day(d)
    ]
    for k in (0, len(days) // 2, len(days) - 1):
        assert tc.offset(start, k) == days[k]
        assert tc.offset(days[k], -k) == start


def test_steps_stop_at_the_beginning():
    assert tc.offset(date(2002, 7, 2), -5) == tc.FIRST_DAY


def test_before_the_calendar_there_is_no_day():
    with pytest.raises(ValueError, match="2002-07-01"):
        tc.at_or_before(date(2002, 6, 30))


@given(st.lists(INSIDE, min_size=1, max_size=20))
def test_numbers_count_days_and_closed_days_as_the_next(days):
    numbers = tc.day_number(pl.Series("d", days, dtype=pl.Date))
    assert [tc.all_trading_days()[n].item() for n in numbers] == [
        tc.at_or_after(day) for day in days
    ]
    following = tc.next_trading_days(pl.Series("d", days, dtype=pl.Date))
    assert following.to_list() == [tc.at_or_after(day + timedelta(days=1)) for day in days]


def test_the_cutoff_is_when_trace_closes():
    assert tc.cutoff(date(2024, 3, 1)) == datetime(2024, 3, 1, 18, 30)


@pytest.mark.parametrize(
    ("day", "nyse", "sifma"),
    [
        (date(2024, 10, 14), True, False),
        (date(2024, 11, 11), True, False),
        (date(2006, 10, 9), True, False),
        (date(2004, 6, 11), False, False),
        (date(2007, 1, 2), False, True),
        (date(2012, 10, 29), False, True),
        (date(2012, 10, 30), False, False),
        (date(2018, 12, 5), False, False),
        (date(2025, 1, 9), False, True),
        (date(2023, 4, 7), False, True),
        (date(2024, 3, 29), False, False),
        (date(2024, 12, 25), False, False),
        (date(2024, 7, 5), True, True),
        (date(2024, 3, 30), False, False),
    ],
)
def test_the_two_calendars(day, nyse, sifma):
    assert (
        np.datetime64(day) in tc.open_days("nyse"),
        np.datetime64(day) in tc.open_days("sifma"),
    ) == (nyse, sifma)


def test_how_often_the_calendars_differ():
    until = np.datetime64("2025-01-01")
    nyse, sifma = tc.open_days("nyse"), tc.open_days("sifma")
    bond_holidays = np.setdiff1d(nyse, sifma)
    assert (bond_holidays < until).sum() == 43 and {
        day.month for day in bond_holidays.tolist()
    } == {10, 11}
    assert (np.setdiff1d(sifma, nyse) < until).sum() == 8


@pytest.mark.parametrize(
    ("calendar", "day", "closes"),
    [
        ("sifma", date(2024, 3, 28), time(14)),
        ("sifma", date(2024, 12, 31), time(14)),
        ("sifma", date(2023, 4, 7), time(12)),
        ("sifma", date(2024, 7, 2), None),
        ("sifma", date(2024, 7, 3), time(14)),
        ("sifma", date(2024, 12, 25), None),
        ("nyse", date(2024, 11, 29), time(13)),
        ("nyse", date(2003, 12, 26), time(13)),
        ("nyse", date(2024, 12, 31), None),
    ],
)
def test_early_closes(calendar, day, closes):
    assert tc.early_closes(calendar).get(day) == closes


@pytest.mark.parametrize("calendar", ["nyse", "sifma"])
def test_a_day_that_closes_early_is_open(calendar):
    assert np.isin(
        np.array(list(tc.early_closes(calendar)), dtype="datetime64[D]"), tc.open_days(calendar)
    ).all()
    assert tc.open_days(calendar)[0] == tc.FIRST_DAY and tc.open_days(calendar)[-1] == tc.LAST_DAY


def test_other_calendars_are_unknown():
    for ask in (tc.open_days, tc.early_closes):
        with pytest.raises(ValueError, match="nyse, sifma"):
            ask("lse")
