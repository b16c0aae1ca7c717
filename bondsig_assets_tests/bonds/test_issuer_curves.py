"""Issuer curves: recovery, numpy's least squares, shrinkage by hand, and what must not change
them.
"""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bondsig_assets.bonds import issuer_curves as curves
from bondsig_assets.bonds.issuer_curves import fit_groups, fit_issuer, fit_issuers, fit_pooled

TRUTH = np.array([180.0, -120.0, 60.0])
POOLED = np.array([200.0, -90.0, 30.0])
UNKNOWN = np.full(3, np.nan)
#: Bonds that do not count: maturity, spread, weight.
GHOSTS = [
    (5.0, 100.0, 0.0),
    (5.0, 100.0, -1.0),
    (5.0, np.nan, 1.0),
    (0.0, 100.0, 1.0),
    (np.nan, 1.0, 1.0),
    (5.0, 1.0, np.nan),
    (5.0, 1.0, np.inf),
]


def loadings(years):
    """The three columns of the model, written out anew."""
    x = 0.5 * np.asarray(years, dtype=float)
    slope = (1 - np.exp(-x)) / x
    return np.column_stack((np.ones(len(x)), slope, slope - np.exp(-x)))


def fit(years, values, weights=None, pooled=POOLED):
    """`fit_issuer` of lists."""
    years, values = np.asarray(years, dtype=float), np.asarray(values, dtype=float)
    weights = np.ones(len(years)) if weights is None else np.asarray(weights, dtype=float)
    return fit_issuer(years, values, weights, len(years), pooled)


def read(coefficients):
    """The first six outputs of a curve with these coefficients."""
    two, five, ten = loadings([2, 5, 10]) @ coefficients
    return [two, five, ten, ten - two, 2 * five - two - ten, (two + five + ten) / 3]


def test_a_curve_without_noise_comes_back():
    years = [1.2, 2.5, 4.0, 6.5, 9.0, 14.0, 28.0]
    out = fit(years, loadings(years) @ TRUTH, [1e12, 3e9, 5e11, 2e10, 8e12, 1e9, 4e11], UNKNOWN)
    np.testing.assert_allclose(out[:6], read(TRUTH), rtol=1e-10)
    assert out[6:].tolist() == [7, curves.OWN, 0]
    pooled = fit_pooled(np.array(years), loadings(years) @ TRUTH, np.ones(7), 7)
    np.testing.assert_allclose(pooled, TRUTH, rtol=1e-11)
    np.testing.assert_allclose(
        [curves.curve_at(pooled, t) for t in (0.0, 3.0)],
        [60.0, (loadings([3.0]) @ TRUTH)[0]],
        rtol=1e-11,
    )


def test_own_fits_are_numpys_least_squares():
    generator, own = np.random.default_rng(1), 0
    for _ in range(500):
        n = int(generator.integers(5, 40))
        years = np.sort(
            np.append(
                generator.uniform(0.3, 29.0, n - 2),
                [generator.uniform(0.3, 3.0), generator.uniform(11.0, 29.0)],
            )
        )
        values, weights = (
            loadings(years) @ TRUTH + generator.normal(0, 15, n),
            np.exp(generator.normal(25, 2, n)),
        )
        root = np.sqrt(weights / weights.max())
        design = loadings(years) * root[:, None]
        noise = np.diag(
            loadings([2, 5, 10]) @ np.linalg.inv(design.T @ design) @ loadings([2, 5, 10]).T
        ) / np.mean(1 / root**2)
        out = fit(years, values, weights)
        assert (out[curves.METHOD] == curves.OWN) == (noise.max() <= 9.0)
        if out[curves.METHOD] == curves.OWN:
            own += 1
            np.testing.assert_allclose(
                out[:6],
                read(np.linalg.lstsq(design, values * root, rcond=None)[0]),
                rtol=1e-8,
                atol=1e-6,
            )
    assert own > 400


@pytest.mark.parametrize(
    ("years", "method"),
    [
        ([1, 3, 5, 7, 10], curves.OWN),
        ([3, 8, 9, 10, 29], curves.OWN),
        ([1, 1.1, 1.2, 1.3, 9], curves.SHRUNK),
        ([10, 15, 20, 25, 30], curves.SHRUNK),
    ],
)
def test_bonds_that_would_carry_noise_too_far_ask_the_group(years, method):
    assert fit(years, np.full(5, 100.0))[curves.METHOD] == method
    assert np.isnan(
        fit_pooled(np.array(years, dtype=float), np.full(5, 100.0), np.ones(5), 5)
    ).all() == (method == curves.SHRUNK)


def test_few_bonds_shrink_to_the_group():
    """Two bonds, by hand: the issuer's slope beyond the group's, damped by the ridge."""
    years, values, weights = np.array([2.0, 9.0]), np.array([150.0, 170.0]), np.array([3.0, 1.0])
    gap, slope, share = values - loadings(years) @ POOLED, loadings(years)[:, 1], weights / 4
    away = slope - share @ slope
    moved = share @ (away * (gap - share @ gap)) / (share @ away**2 + 0.0625 / 2)
    expected = POOLED + [share @ gap - moved * (share @ slope), moved, 0.0]
    out = fit(years, values, weights)
    np.testing.assert_allclose(out[:6], read(expected), rtol=1e-12)
    assert out[6:].tolist() == [2, curves.SHRUNK, 0]
    # Between a mere shift of the group's curve and a curve through both bonds.
    shifted, through = read(POOLED)[3], values[1] - values[0]
    assert min(shifted, through) < out[curves.SLOPE] < max(shifted, through)


def test_ridge_is_a_regression_with_one_more_row():
    """The shrunk fit is least squares with a row that asks for the group's slope."""
    generator = np.random.default_rng(2)
    for n in (2, 3, 4):
        years, values, weights = (
            np.sort(generator.uniform(0.5, 25.0, n)),
            generator.uniform(50, 400, n),
            generator.uniform(0.1, 9.0, n),
        )
        years[-1] = years[0] + 3.5
        years = np.sort(years)
        root = np.sqrt(weights / weights.mean())
        design = np.vstack(
            (loadings(years)[:, :2] * root[:, None], [0.0, np.sqrt(curves.SLOPE_RIDGE)])
        )
        moved = np.linalg.lstsq(
            design, np.append((values - loadings(years) @ POOLED) * root, 0.0), rcond=None
        )[0]
        np.testing.assert_allclose(
            fit(years, values, weights)[:6], read(POOLED + np.append(moved, 0.0)), rtol=1e-10
        )


def test_one_bond_shifts_the_group():
    out = fit([6.0], [300.0])
    shift = 300.0 - (loadings([6.0]) @ POOLED)[0]
    np.testing.assert_allclose(out[:6], read(POOLED + [shift, 0.0, 0.0]), rtol=1e-12)
    assert out[6:].tolist() == [1, curves.SHIFTED, 1]
    # Two bonds too close together say no more; their mean counts.
    near = fit([5.5, 6.5], [290.0, 310.0], [1.0, 3.0])
    assert near[curves.METHOD] == curves.SHIFTED and near[curves.SLOPE] == pytest.approx(
        out[curves.SLOPE], rel=1e-12
    )


@pytest.mark.parametrize(
    ("years", "method"),
    [
        ([1, 2, 4, 6, 8.0], curves.OWN),
        ([1, 2, 4, 6, 7.9], curves.SHRUNK),
        ([1, 2, 4, 9], curves.SHRUNK),
        ([2, 5], curves.SHRUNK),
        ([2, 4.9], curves.SHIFTED),
        ([3], curves.SHIFTED),
        ([], curves.NONE),
        ([1, 1, 1, 9, 9, 9], curves.SHRUNK),
    ],
)
def test_methods(years, method):
    out = fit(years, 100.0 + np.asarray(years, dtype=float))
    assert out[curves.METHOD] == method and out[curves.N_BONDS] == len(years)
    assert np.isnan(out[:6]).all() == (method == curves.NONE)
    without = fit(years, 100.0 + np.asarray(years, dtype=float), pooled=UNKNOWN)
    assert without[curves.METHOD] == (curves.OWN if method == curves.OWN else curves.NONE)
    assert np.isnan(without[:6]).all() == (method != curves.OWN)


@pytest.mark.parametrize(
    ("years", "flag"),
    [
        ([1.0, 7.0], 0),
        ([3.5, 15.0], 0),
        ([0.99, 8.0], 1),
        ([3.51, 8.0], 1),
        ([2.0, 6.99], 1),
        ([2.0, 15.01], 1),
        ([2.0], 1),
        ([8.0], 1),
    ],
)
def test_extrapolation(years, flag):
    assert fit(years, np.full(len(years), 100.0))[curves.EXTRAPOLATED] == flag


@st.composite
def issuers(draw):
    """Maturities, spreads and weights of 1 to 12 bonds."""
    n = draw(st.integers(1, 12))
    lists = [
        st.lists(values, min_size=n, max_size=n)
        for values in (st.floats(0.1, 30.0), st.floats(-50.0, 2000.0), st.floats(0.01, 100.0))
    ]
    return [np.array(draw(values)) for values in lists]


@settings(max_examples=200, deadline=None)
@given(issuers())
def test_scales(bonds):
    """Twice the spreads give twice the curve and other units of weight change nothing, to the last
    bit.
    """
    years, values, weights = bonds
    base, doubled, heavier = (
        fit(years, values, weights),
        fit(years, 2 * values, weights, 2 * POOLED),
        fit(years, values, 1024 * weights),
    )
    assert (2 * base[:6]).tobytes() == doubled[:6].tobytes() and base[6:].tobytes() == doubled[
        6:
    ].tobytes()
    assert heavier.tobytes() == base.tobytes()


@settings(max_examples=200, deadline=None)
@given(issuers(), st.integers(0, 12), st.sampled_from(GHOSTS))
def test_a_bond_without_weight_changes_nothing(bonds, place, ghost):
    place = min(place, len(bonds[0]))
    haunted = [np.insert(values, place, value) for values, value in zip(bonds, ghost, strict=True)]
    assert fit(*bonds).tobytes() == fit(*haunted).tobytes()
    n = len(bonds[0])
    assert fit_pooled(*bonds, n).tobytes() == fit_pooled(*haunted, n + 1).tobytes()
    padded = [np.append(values, [3.0, 3.0]) for values in bonds]
    assert fit(*bonds).tobytes() == fit_issuer(*padded, n, POOLED).tobytes()


@settings(max_examples=200, deadline=None)
@given(issuers(), st.floats(-500.0, 500.0))
def test_a_constant_moves_the_levels_alone(bonds, constant):
    years, values, weights = bonds
    base, moved = fit(years, values, weights), fit(years, values + constant, weights)
    scale = (
        1e-6
        * (np.abs(values).max() + abs(constant) + 300)
        * (1e3 if base[curves.METHOD] == curves.OWN else 1)
    )
    np.testing.assert_allclose(
        moved[[0, 1, 2, 5]] - base[[0, 1, 2, 5]], constant, rtol=0, atol=scale
    )
    np.testing.assert_allclose(moved[[3, 4]], base[[3, 4]], rtol=0, atol=scale)


@pytest.mark.slow
def test_many_issuers_are_each_one_fitted_alone():
    generator = np.random.default_rng(4)
    counts = generator.integers(0, 9, 300)
    offsets = np.concatenate(([0], np.cumsum(counts)))
    years, values, weights = (
        generator.uniform(0.5, 25, offsets[-1]),
        generator.uniform(20, 500, offsets[-1]),
        generator.uniform(0.1, 5, offsets[-1]),
    )
    pooled, index = np.array([POOLED, TRUTH]), generator.integers(-1, 3, 300)
    found = fit_issuers(offsets, years, values, weights, pooled, index)
    groups = fit_groups(offsets, years, values, weights)
    assert set(found[:, curves.METHOD]) == {curves.NONE, curves.OWN, curves.SHRUNK, curves.SHIFTED}
    for i in range(300):
        rows = slice(offsets[i], offsets[i + 1])
        curve = pooled[index[i]] if index[i] in (0, 1) else UNKNOWN
        alone = fit_issuer(
            years[rows].copy(), values[rows].copy(), weights[rows].copy(), counts[i], curve
        )
        assert alone.tobytes() == found[i].tobytes()
        assert (
            fit_pooled(years[rows], values[rows], weights[rows], counts[i]).tobytes()
            == groups[i].tobytes()
        )
