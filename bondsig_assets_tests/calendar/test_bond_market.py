"""The bond market's days as they were announced, day by day."""

from __future__ import annotations

import csv
from collections import Counter
from datetime import date, time, timedelta
from importlib import resources

import numpy as np
import pytest
import QuantLib as ql

import bondsig_assets.calendar as tc

NOON, TWO = time(12), time(14)
FULL, ALL_DAY = "full", None
#: What SIFMA, before 2006-11 the Bond Market Association, announced or the press of the day
#: reported: day, when it closes, whether corporate bonds settle.
ANNOUNCED: list[tuple[str, time | str | None, bool]] = [
    # days of mourning and a storm
    ("2004-06-11", FULL, True),  # Reagan; DTCC open (NASD, 2004-06-09)
    ("2007-01-02", TWO, True),  # Ford
    ("2012-10-29", NOON, True),  # Sandy; "will not affect the closing time for settlements"
    ("2012-10-30", FULL, True),  # Sandy; "a good settlement day"
    ("2012-10-31", ALL_DAY, True),
    ("2018-12-05", FULL, True),  # Bush; corporate settlements "will not be affected"
    ("2025-01-09", TWO, True),  # Carter
    ("2015-01-27", ALL_DAY, True),  # a blizzard; "remain open"
    # Good Fridays: with a payroll report until noon and no settlement, else closed
    ("2007-04-06", NOON, False),
    ("2010-04-02", NOON, False),
    ("2012-04-06", NOON, False),
    ("2015-04-03", NOON, False),
    ("2021-04-02", NOON, False),
    ("2023-04-07", NOON, False),
    ("2026-04-03", NOON, False),
    ("2019-04-19", FULL, False),
    ("2020-04-10", FULL, False),
    ("2022-04-15", FULL, False),
    ("2024-03-29", FULL, False),
    ("2025-04-18", FULL, False),
    # the day before Good Friday closes early unless Good Friday itself opens
    ("2015-04-02", ALL_DAY, True),
    ("2021-04-01", ALL_DAY, True),
    ("2023-04-06", ALL_DAY, True),
    ("2026-04-02", ALL_DAY, True),
    ("2019-04-18", TWO, True),
    ("2020-04-09", TWO, True),
    ("2022-04-14", TWO, True),
    ("2024-03-28", TWO, True),
    # Juneteenth since 2022
    ("2021-06-18", ALL_DAY, True),
    ("2022-06-20", FULL, False),
    ("2023-06-19", FULL, False),
    ("2024-06-19", FULL, False),
    # Columbus and Veterans Day; a Veterans Day on a Saturday is not kept
    ("2014-10-13", FULL, False),
    ("2019-10-14", FULL, False),
    ("2023-10-09", FULL, False),
    ("2015-11-11", FULL, False),
    ("2019-11-11", FULL, False),
    ("2021-11-11", FULL, False),
    ("2006-11-10", ALL_DAY, True),
    ("2017-11-10", ALL_DAY, True),
    ("2023-11-10", ALL_DAY, True),
    # before Independence Day: early until 2008, a full day from 2009 to 2012, early again since
    ("2003-07-03", TWO, True),
    ("2009-07-02", ALL_DAY, True),
    ("2010-07-02", ALL_DAY, True),
    ("2011-07-01", ALL_DAY, True),
    ("2012-07-03", ALL_DAY, True),
    ("2013-07-03", TWO, True),
    ("2014-07-03", TWO, True),
    ("2017-07-03", TWO, True),
    ("2018-07-03", TWO, True),
    ("2020-07-02", TWO, True),
    ("2020-07-03", FULL, False),
    ("2021-07-02", TWO, True),
    ("2022-07-01", TWO, True),
    ("2026-07-02", TWO, True),
    # the early closes that SIFMA ended in April 2009, on either side of it
    ("2006-09-01", TWO, True),
    ("2008-08-29", TWO, True),
    ("2009-09-04", ALL_DAY, True),
    ("2009-01-16", TWO, True),
    ("2010-01-15", ALL_DAY, True),
    ("2009-02-13", TWO, True),
    ("2010-02-12", ALL_DAY, True),
    ("2008-10-10", TWO, True),
    ("2009-10-09", ALL_DAY, True),
    ("2008-11-10", TWO, True),
    ("2009-11-10", ALL_DAY, True),
    ("2008-11-26", TWO, True),
    ("2009-11-25", ALL_DAY, True),
    # those that stayed
    ("2009-04-09", TWO, True),
    ("2011-05-27", TWO, True),
    ("2019-05-24", TWO, True),
    ("2018-11-23", TWO, True),
    ("2023-11-24", TWO, True),
    ("2009-12-24", TWO, True),
    ("2021-12-23", TWO, True),
    ("2021-12-24", FULL, False),
    ("2022-12-23", TWO, True),
    ("2022-12-26", FULL, False),
    # New Year's Day on a Saturday closes nothing, on a Sunday the Monday
    ("2005-01-03", ALL_DAY, True),
    ("2010-12-31", ALL_DAY, True),
    ("2011-01-03", ALL_DAY, True),
    ("2021-12-31", TWO, True),
    ("2022-01-03", ALL_DAY, True),
    ("2018-12-31", TWO, True),
    ("2022-12-30", TWO, True),
    ("2023-01-02", FULL, False),
    ("2025-12-31", TWO, True),
    ("2026-01-01", FULL, False),
]


def _rows(name: str) -> list[dict[str, str]]:
    text = resources.files("bondsig_assets").joinpath(f"data/{name}.csv").read_text()
    return list(csv.DictReader(text.splitlines()))


def _is_open(day: date) -> bool:
    return np.datetime64(day) in tc.sifma_days()


@pytest.mark.parametrize(("day", "closes", "settles"), ANNOUNCED)
def test_a_day_is_as_announced(day, closes, settles):
    when = date.fromisoformat(day)
    found = tc.early_closes("sifma").get(when) if _is_open(when) else FULL
    assert (found, np.datetime64(day) in tc.settlement_days()) == (closes, settles)


def test_every_row_of_the_table_says_what_it_is_and_where_it_is_from():
    rows = _rows("sifma_days")
    days = [date.fromisoformat(row["date"]) for row in rows]
    assert days == sorted(set(days)) and all(day.weekday() < 5 for day in days)
    assert {row["kind"] for row in rows} == {"full", "early", "open"}
    assert {row["settles"] for row in rows} == {"yes", "no"}
    assert all(bool(row["closes_at"]) == (row["kind"] == "early") for row in rows)
    assert all(row["note"] for row in rows)
    assert {row["source"] for row in rows} == {row["source"] for row in _rows("sifma_sources")}


def test_every_source_can_be_looked_up():
    for row in _rows("sifma_sources"):
        assert row["evidence"] in {"announcement", "press", "table", "policy", "rule"}
        assert row["says"]
        assert (row["evidence"] == "rule") != row["address"].startswith("http")


def test_full_closes_are_those_of_quantlib():
    """QuantLib's government bond calendar, made by others: open and closed on every day."""
    calendar = ql.UnitedStates(ql.UnitedStates.GovernmentBond)
    day, differ = tc.FIRST_DAY, []
    while day <= tc.LAST_DAY:
        if calendar.isBusinessDay(ql.Date(day.day, day.month, day.year)) != _is_open(day):
            differ.append(day)
        day += timedelta(days=1)
    assert differ == []


def test_early_closes_of_a_year():
    """Every early close follows from a full one, or it is among those of the moment."""
    names = Counter(
        (row["date"][:4], row["note"]) for row in _rows("sifma_days") if row["kind"] == "early"
    )
    assert max(names.values()) == 1
    moments = {date(2007, 1, 2), date(2012, 10, 29), date(2025, 1, 9)}
    full = {
        date.fromisoformat(row["date"]): row["note"]
        for row in _rows("sifma_days")
        if row["kind"] == "full"
    }
    expected: dict[date, time] = {}
    for day, name in full.items():
        eve = tc.sifma_days()[tc.sifma_days() < np.datetime64(day)][-1:].tolist()
        if name == "Thanksgiving Day":
            expected[day + timedelta(days=1)] = TWO
        if name in {"Good Friday", "Memorial Day", "Christmas Day", "New Year's Day"}:
            expected |= dict.fromkeys(eve, TWO)
        if name == "Independence Day" and not 2009 <= day.year <= 2012:
            expected |= dict.fromkeys(eve, TWO)
        if day < date(2009, 4, 3) and name in {
            "Martin Luther King Jr. Day",
            "Presidents' Day",
            "Labor Day",
            "Columbus Day",
            "Veterans Day",
            "Thanksgiving Day",
        }:
            expected |= dict.fromkeys(eve, TWO)
    # No closing on the Monday after a New Year's Day on a Saturday; 2010 ended with a full day.
    for year in (2004, 2021, 2027, 2032):
        expected[date(year, 12, 31)] = TWO
    for year, month, day in ((2007, 4, 6), (2010, 4, 2), (2012, 4, 6), (2015, 4, 3), (2021, 4, 2)):
        expected[date(year, month, day)] = NOON
    for year, month, day in ((2023, 4, 7), (2026, 4, 3), (2034, 4, 7)):
        expected[date(year, month, day)] = NOON
    # The eve of 2036's holiday lies inside the calendar, the holiday does not.
    expected[date(2035, 12, 31)] = TWO
    found = {day: at for day, at in tc.early_closes("sifma").items() if day not in moments}
    assert found == expected


def test_bonds_settle_on_weekdays_when_banks_are_open():
    """No settlement on a closed day, but for the three on which it was announced."""
    closed_and_settling = np.setdiff1d(tc.settlement_days(), tc.sifma_days())
    assert closed_and_settling.tolist() == [
        date(2004, 6, 11),
        date(2012, 10, 30),
        date(2018, 12, 5),
    ]
    open_and_not_settling = np.setdiff1d(tc.sifma_days(), tc.settlement_days()).tolist()
    noons = [day for day, at in tc.early_closes("sifma").items() if at == NOON]
    assert open_and_not_settling == [day for day in noons if day != date(2012, 10, 29)]
