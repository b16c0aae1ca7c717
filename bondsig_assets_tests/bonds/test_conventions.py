"""Settlement around the changes of the cycle, and the holder of terms."""

from __future__ import annotations

import subprocess
import sys
from datetime import date

import numpy as np
import polars as pl
import pytest

from bondsig_assets.bonds.conventions import settlement_dates, terms


@pytest.mark.parametrize(
    ("traded", "settles"),
    [
        (date(2017, 9, 1), date(2017, 9, 7)),  # the last T+3, over Labor Day
        (date(2017, 9, 5), date(2017, 9, 7)),  # the first T+2
        (date(2024, 5, 24), date(2024, 5, 29)),  # the last T+2, over Memorial Day
        (date(2024, 5, 28), date(2024, 5, 29)),  # the first T+1
        # T+3 over Columbus Day 2002 as NASD's schedules have it (Notice to Members 99-83)
        (date(2002, 10, 8), date(2002, 10, 11)),
        (date(2002, 10, 9), date(2002, 10, 15)),
        (date(2002, 10, 10), date(2002, 10, 16)),
        (date(2002, 10, 11), date(2002, 10, 17)),
        (date(2002, 10, 14), date(2002, 10, 17)),  # stocks trade, combined with Friday's
        (date(2002, 10, 15), date(2002, 10, 18)),
        # T+3 over Veterans Day, a Tuesday; on a Saturday it is none (Notice 05-81)
        (date(2003, 11, 7), date(2003, 11, 13)),
        (date(2003, 11, 10), date(2003, 11, 14)),
        (date(2003, 11, 11), date(2003, 11, 14)),
        (date(2006, 11, 9), date(2006, 11, 14)),
        # closed, and settling: Reagan, Sandy, Bush
        (date(2004, 6, 8), date(2004, 6, 11)),
        (date(2004, 6, 10), date(2004, 6, 15)),
        (date(2012, 10, 25), date(2012, 10, 30)),
        (date(2012, 10, 26), date(2012, 10, 31)),
        (date(2018, 12, 3), date(2018, 12, 5)),
        (date(2018, 12, 4), date(2018, 12, 6)),
        (date(2018, 12, 5), date(2018, 12, 7)),
        # an early close settles: Ford, Thanksgiving's Friday, Carter
        (date(2006, 12, 28), date(2007, 1, 3)),
        (date(2023, 11, 22), date(2023, 11, 27)),
        (date(2025, 1, 8), date(2025, 1, 9)),
        # no Good Friday settles, whether the market opens until noon or not
        (date(2015, 3, 31), date(2015, 4, 6)),
        (date(2015, 4, 2), date(2015, 4, 8)),
        (date(2015, 4, 3), date(2015, 4, 8)),
        (date(2023, 4, 5), date(2023, 4, 10)),
        (date(2023, 4, 6), date(2023, 4, 11)),
        (date(2014, 4, 16), date(2014, 4, 22)),
        # T+2 and T+1 over Columbus and Veterans Day; Juneteenth from 2022 on
        (date(2023, 10, 5), date(2023, 10, 10)),
        (date(2023, 10, 6), date(2023, 10, 11)),
        (date(2024, 10, 11), date(2024, 10, 15)),
        (date(2024, 10, 14), date(2024, 10, 15)),
        (date(2024, 11, 8), date(2024, 11, 12)),
        (date(2023, 11, 9), date(2023, 11, 13)),  # Veterans Day on a Saturday
        (date(2021, 6, 16), date(2021, 6, 18)),
        (date(2022, 6, 16), date(2022, 6, 21)),
        (date(2020, 1, 4), date(2020, 1, 7)),  # a Saturday: counted from Friday's end
        (date(2002, 7, 1), date(2002, 7, 5)),  # first day of the calendar
        (date(2002, 6, 28), None),
        (date(2035, 12, 31), None),
        (None, None),
    ],
)
def test_settlement(traded, settles):
    assert settlement_dates(pl.Series("d", [traded], dtype=pl.Date)).to_list() == [settles]


def test_settlement_of_no_dates_at_all():
    assert settlement_dates(pl.Series("d", [], dtype=pl.Date)).dtype == pl.Date


def test_terms_broadcast():
    bonds = terms(
        np.array(["2020-01-02", "2020-01-03"], dtype="datetime64[D]"),
        np.datetime64("2030-01-01"),
        5,
    )
    assert [len(field) for field in bonds] == [2] * len(bonds)
    assert bonds.step_dates.shape == bonds.step_coupons_pct.shape == (2, 0)
    assert bonds.maturity.tolist() == bonds.redemption_date.tolist() == [21915, 21915]
    with pytest.raises(ValueError):
        terms(np.arange(2), np.arange(3), 5)


def test_the_package_does_not_load_numba():
    code = (
        "import sys, bondsig_assets.bonds, bondsig_assets.bonds.conventions,"
        " bondsig_assets.bonds.curves; sys.exit('numba' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
