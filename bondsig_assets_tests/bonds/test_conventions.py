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
        (date(2012, 10, 26), date(2012, 11, 2)),  # closed two days for the hurricane
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
