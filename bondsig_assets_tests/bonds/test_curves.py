"""The bootstrap by hand and by repricing, interpolation, and which curve was known when."""

from __future__ import annotations

from datetime import date, datetime

import numpy as np
import polars as pl
import pytest

from bondsig_assets.bonds.curves import (
    KNOTS,
    ParCurves,
    ZeroCurves,
    discount_factors,
    known_curves,
    par_yields,
    zero_curve,
    zero_curves,
)

TENORS = np.array([1 / 12, 0.25, 0.5, 1.0, 2.0, 5.0, 10.0, 30.0])


def test_bootstrap_by_hand():
    rates = zero_curve([0.5, 1.0, 1.5], [4.0, 5.0, 6.0])
    half = 1 / 1.02
    one = (1 - 0.025 * half) / 1.025
    one_and_half = (1 - 0.03 * (half + one)) / 1.03
    at = [np.flatnonzero(years == KNOTS)[0] for years in (0.25, 0.5, 1.0, 1.5)]
    expected = [
        -np.log(1 / 1.01) / 0.25,
        -np.log(half) / 0.5,
        -np.log(one),
        -np.log(one_and_half) / 1.5,
    ]
    np.testing.assert_allclose(rates[at], expected, rtol=1e-14)


def test_every_par_bond_is_worth_par():
    quotes = np.array([2.0, 2.2, 2.5, 2.9, 3.3, 4.0, 4.6, 4.8])
    curves = zero_curves(ParCurves(TENORS, quotes[None, :]))
    for years in (0.5, 1.0, 4.0, 10.0, 23.5, 30.0):
        times = np.arange(1, int(2 * years) + 1) / 2
        factors = discount_factors(curves, 0, times)
        coupon = np.interp(years, TENORS, quotes) / 2
        assert coupon * factors.sum() + 100 * factors[-1] == pytest.approx(100.0, abs=1e-11)


def test_a_flat_curve_is_flat():
    np.testing.assert_allclose(
        zero_curve(TENORS, np.full(8, 5.0))[4:], 2 * np.log(1.025), rtol=1e-12
    )


def test_missing_tenors_are_skipped():
    quotes = np.array([np.nan, 2.0, np.nan, 3.0, np.nan, np.nan, 4.0, np.nan])
    has = np.isfinite(quotes)
    assert zero_curve(TENORS, quotes).tobytes() == zero_curve(TENORS[has], quotes[has]).tobytes()


@pytest.mark.parametrize("quotes", [[], [np.nan, np.nan], [3.0, np.nan], [1.0, 500.0]])
def test_no_curve(quotes):
    assert np.isnan(zero_curve([1.0, 30.0][: len(quotes)], quotes)).all()


def test_par_yields_between_beyond_and_without():
    par = ParCurves(
        np.array([1.0, 2.0, 5.0]),
        np.array([[1.0, np.nan, 5.0], [np.nan, 3.0, np.nan], [np.nan] * 3]),
    )
    curve = np.array([0, 0, 0, 0, 0, 1, 1, 2, 3, -1, 0])
    years = np.array([0.1, 1.0, 3.0, 5.0, 9.0, 0.5, 7.0, 1.0, 1.0, 1.0, np.nan])
    np.testing.assert_array_equal(
        par_yields(par, curve, years), [1, 1, 3, 5, 5, 3, 3] + [np.nan] * 4
    )


def test_a_day_does_not_depend_on_its_batch():
    quotes = np.random.default_rng(0).uniform(1.0, 5.0, (101, 8))
    quotes[::3, 2] = np.nan
    together = zero_curves(ParCurves(TENORS, quotes)).rates
    for day in (0, 1, 50, 100):
        assert together[day].tobytes() == zero_curve(TENORS, quotes[day]).tobytes()


def test_discount_factors_are_flat_beyond_the_ends():
    curves = ZeroCurves(np.array([1.0, 2.0]), np.array([[0.01, 0.03]]))
    np.testing.assert_allclose(
        discount_factors(curves, 0, [0.5, 1.5, 4.0]), np.exp([-0.005, -0.03, -0.12]), rtol=1e-15
    )


def rows(*quotes):
    """Rows of table `treasury_yields`."""
    return pl.DataFrame(
        quotes,
        schema={
            "trade_date": pl.Date,
            "tenor_years": pl.Float64,
            "par_yield_pct": pl.Float64,
            "known_at": pl.Datetime("us"),
        },
        orient="row",
    )


def test_late_rows_add_versions_and_change_none():
    monday, tuesday = date(2024, 3, 4), date(2024, 3, 5)
    on_time, late = datetime(2024, 3, 6, 8), datetime(2024, 3, 7, 8)
    versions, par = known_curves(
        rows(
            (monday, 1.0, 1.0, datetime(2024, 3, 5, 8)),
            (monday, 2.0, 2.0, datetime(2024, 3, 5, 8)),
            (tuesday, 1.0, 1.5, on_time),
            (tuesday, 2.0, 2.5, on_time),
            (tuesday, 5.0, 3.5, late),
            (tuesday, 2.0, 2.6, late),
            (monday, 5.0, 3.0, late),  # late, and of a day that is no longer the newest
            (date(2024, 3, 8), 1.0, 9.0, datetime(2024, 3, 9, 8)),  # a single tenor is no curve
            (date(2024, 3, 9), 1.0, None, datetime(2024, 3, 10, 8)),
        )
    )
    assert versions["curve_date"].to_list() == [monday, tuesday, tuesday]
    assert versions["known_at"].to_list() == [datetime(2024, 3, 5, 8), on_time, late]
    np.testing.assert_array_equal(
        par.yields_pct, [[1.0, 2.0, np.nan], [1.5, 2.5, np.nan], [1.5, 2.6, 3.5]]
    )


def test_no_yields_no_curves():
    versions, par = known_curves(rows())
    assert versions.is_empty() and par.yields_pct.shape == (0, 0)
    assert zero_curves(par).rates.shape == (0, len(KNOTS))
