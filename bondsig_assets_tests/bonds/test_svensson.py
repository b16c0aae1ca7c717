"""Svensson's curve by hand, at its limits, and on the knots."""

from __future__ import annotations

import math

import numpy as np
import pytest

from bondsig_assets.bonds import kernels
from bondsig_assets.bonds.conventions import terms
from bondsig_assets.bonds.curves import KNOTS, discount_factors
from bondsig_assets.bonds.svensson import PARAMETERS, svensson_curves, svensson_yields_pct

DAY = (4.0, -2.0, 1.5, -3.0, 2.0, 10.0)


def test_golden_numbers():
    """Worked by hand: at t = 2 with T1 = 2, f = 1 - 1/e = 0.632121 and the hump 0.264241; t/T2 =
    0.2.
    """
    second = (1 - math.exp(-0.2)) / 0.2 - math.exp(-0.2)
    assert second == pytest.approx(0.0876155, abs=1e-7)
    by_hand = 4.0 - 2.0 * 0.6321205588 + 1.5 * 0.2642411177 - 3.0 * second
    assert by_hand == pytest.approx(2.8692740, abs=1e-6)
    assert svensson_yields_pct(DAY, [2.0])[0, 0] == pytest.approx(by_hand, abs=1e-9)
    # At t = 10: f(5) = 0.2 (1 - e^-5), f(1) = 1 - 1/e.
    ten = 4.0 - 2.0 * 0.1986524106 + 1.5 * (0.1986524106 - 0.0067379470) - 3.0 * 0.2642411177
    assert svensson_yields_pct(DAY, [10.0])[0, 0] == pytest.approx(ten, abs=1e-9)


def test_the_ends_of_the_curve():
    short, long = svensson_yields_pct(DAY, [1e-9, 1e9])[0]
    assert short == pytest.approx(4.0 - 2.0, abs=1e-8) and long == pytest.approx(4.0, abs=1e-7)


def test_one_hump_before_1980():
    plain = svensson_yields_pct((4.0, -2.0, 1.5, 0.0, 2.0, 5.0), KNOTS)
    for b3, tau2 in ((0.0, -999.99), (-999.99, -999.99), (np.nan, np.nan), (0.0, 0.0)):
        assert (
            svensson_yields_pct((4.0, -2.0, 1.5, b3, 2.0, tau2), KNOTS).tobytes() == plain.tobytes()
        )


@pytest.mark.parametrize(
    "change",
    [
        {0: np.nan},
        {1: np.nan},
        {2: np.inf},
        {4: 0.0},
        {4: -1.0},
        {4: np.nan},
        {5: 0.0},
        {5: np.nan},
        {5: -999.99},
    ],
)
def test_no_curve(change):
    row = [change.get(k, value) for k, value in enumerate(DAY)]
    assert np.isnan(svensson_curves([row, DAY]).rates[0]).all()
    assert svensson_curves([row, DAY]).rates[1].tobytes() == svensson_curves(DAY).rates[0].tobytes()


def test_curves_are_those_the_kernels_take():
    curves = svensson_curves(DAY)
    assert curves.knots is KNOTS and len(PARAMETERS) == 6
    years = KNOTS[[5, 20, 60]]
    np.testing.assert_allclose(
        discount_factors(curves, 0, years),
        np.exp(-svensson_yields_pct(DAY, years)[0] / 100 * years),
        rtol=1e-15,
    )
    zero = terms(0, 3650, 0.0, 0)
    price, status = kernels.price_from_z_spread(zero, curves, 0, 0.0)
    assert status[0] == kernels.OK and price[0] == pytest.approx(
        100 * math.exp(-0.1 * svensson_yields_pct(DAY, [10.0])[0, 0]), rel=1e-13
    )
