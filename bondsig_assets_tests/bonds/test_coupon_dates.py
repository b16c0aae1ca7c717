"""What coupon dates and accrual starts come out as, delivered or not."""

# A test's name says what it shows.
# ruff: noqa: D103

from __future__ import annotations

from datetime import date

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bondsig_assets.bonds import kernels
from bondsig_assets.bonds.conventions import NO_DATE, terms
from bondsig_assets.bonds.coupon_dates import coupon_dates
from bondsig_assets.bonds.coupon_steps import coupon_steps
from bondsig_assets.tables.raw import BONDS


def found(**changes) -> dict[str, object]:
    usual = {
        "maturity_date": date(2029, 6, 15),
        "offering_date": date(2019, 6, 12),
        "coupons_per_year": 2,
    }
    rows = pl.DataFrame([{**usual, **changes}], schema_overrides=BONDS.polars_schema)
    missing = [name for name in BONDS.column_names if name not in rows.columns]
    filled = rows.with_columns(
        pl.lit(None, BONDS.polars_schema[name]).alias(name) for name in missing
    )
    return coupon_dates(filled).row(0, named=True)


def test_delivered_dates_stand():
    row = found(
        accrual_start_date=date(2019, 6, 14),
        first_coupon_date=date(2019, 12, 15),
        last_coupon_date=date(2028, 12, 15),
    )
    assert row == {
        "accrual_start": date(2019, 6, 14),
        "first_coupon": date(2019, 12, 15),
        "last_coupon": None,
        "month_end": False,
        "assumed_dates": None,
    }


def test_an_issue_settles_some_days_after_it_is_priced():
    assert found()["accrual_start"] == date(2019, 6, 15)
    assert found(offering_date=date(2019, 5, 20))["accrual_start"] == date(2019, 5, 20)
    long_first = found(offering_date=date(2019, 6, 12), first_coupon_date=date(2020, 6, 15))
    assert long_first["accrual_start"] == date(2019, 6, 15)
    tapped = found(offering_date=date(2022, 3, 1), first_coupon_date=date(2019, 12, 15))
    assert tapped["accrual_start"] is None and tapped["first_coupon"] == date(2019, 12, 15)


def test_a_first_period_of_less_than_twelve_weeks_joins_the_next():
    near = found(offering_date=date(2019, 4, 1))
    assert (near["accrual_start"], near["first_coupon"]) == (date(2019, 4, 1), date(2019, 12, 15))
    assert found(offering_date=date(2019, 3, 1))["first_coupon"] is None
    assert found(offering_date=date(2019, 4, 1), coupons_per_year=4)["first_coupon"] is None


def test_a_first_coupon_off_the_run_from_maturity_makes_the_last_period_irregular():
    row = found(first_coupon_date=date(2019, 10, 1))
    assert row["last_coupon"] == date(2029, 4, 1)
    assert row["assumed_dates"] == "accrual_start,last_coupon"
    given_last = found(first_coupon_date=date(2019, 10, 1), last_coupon_date=date(2028, 10, 1))
    assert given_last["last_coupon"] == date(2028, 10, 1)


def test_a_coupon_paid_on_the_monday_after_a_weekend_is_that_of_the_weekend():
    assert found(first_coupon_date=date(2019, 12, 16))["first_coupon"] == date(2019, 12, 15)
    assert found(first_coupon_date=date(2019, 12, 17))["first_coupon"] == date(2019, 12, 17)


@pytest.mark.parametrize(
    ("maturity", "first", "month_end"),
    [
        (date(2029, 6, 30), date(2019, 12, 31), True),
        (date(2029, 6, 30), date(2019, 12, 30), False),
        (date(2029, 2, 28), date(2019, 8, 31), True),
        (date(2029, 2, 28), date(2019, 8, 28), False),
        (date(2029, 8, 31), date(2020, 2, 29), False),  # the plain run has it too
    ],
)
def test_month_ends_show_in_the_first_coupon(maturity, first, month_end):
    row = found(maturity_date=maturity, first_coupon_date=first)
    assert (row["month_end"], row["last_coupon"]) == (month_end, None)


def test_a_bond_without_coupons_has_no_coupon_dates():
    row = found(coupons_per_year=0, first_coupon_date=date(2029, 6, 15))
    assert set(row.values()) == {None, False}


@pytest.mark.slow
@settings(max_examples=200, deadline=None)
@given(
    st.dates(date(2000, 1, 1), date(2024, 1, 1)),
    st.integers(200, 8000),
    st.sampled_from([1, 2, 4, 12]),
    st.integers(1, 700) | st.none(),
    st.integers(0, 40) | st.none(),
)
def test_what_comes_out_the_kernels_take(offered, life, frequency, until_first, until_dated):
    """Whatever a source says of its dates, a bond has a number or is refused, never a wrong one."""

    def after(days):
        return date.fromordinal(offered.toordinal() + days) if days is not None else None

    row = found(
        offering_date=offered,
        maturity_date=after(life),
        coupons_per_year=frequency,
        first_coupon_date=after(until_first),
        accrual_start_date=after(until_dated),
    )

    def number(day):
        return NO_DATE if day is None else np.datetime64(day)

    held = terms(
        np.datetime64(after(min(life - 1, 150))),
        np.datetime64(after(life)),
        5.0,
        frequency,
        0,
        accrual_start=number(row["accrual_start"]),
        first_coupon=number(row["first_coupon"]),
        last_coupon=number(row["last_coupon"]),
        is_month_end=row["month_end"],
    )
    accrued, status = kernels.accrued_interest(held)
    if status[0] == kernels.OK:
        assert 0.0 <= accrued[0] <= 5.0 * max(1.1, 800 / 360)
        assert kernels.cash_flows(held).amounts.min() > 0.0
    else:
        assert until_first is not None or until_dated is not None


def test_steps_are_read_in_their_order():
    dates, coupons = coupon_steps(
        pl.Series(["2026-06-15 5.25, 2028-06-15  6", None, "2027-01-01 7", "none"])
    )
    assert dates[0].tolist() == [20619, 21350] and coupons[0].tolist() == [5.25, 6.0]
    assert dates[2, 0] == 20819 and dates[2, 1] == NO_DATE and np.isnan(coupons[2, 1])
    assert (dates[[1, 3]] == NO_DATE).all()
    assert coupon_steps(pl.Series([None, None], dtype=pl.String))[0].shape == (2, 0)
