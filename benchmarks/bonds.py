"""Rates of the bond kernels beside QuantLib-Python, measured in one run on one core.

    .venv/bin/python -m benchmarks.bonds

Belongs here: what the README's figures on bonds come from. Not here: correctness, which
`bondsig_assets_tests/bonds` judges on the same random bonds.
"""

from __future__ import annotations

from datetime import date
from time import perf_counter

import numpy as np
import QuantLib as ql

from bondsig_assets.bonds import kernels
from bondsig_assets.bonds.conventions import Bonds, terms
from bondsig_assets.bonds.curves import ParCurves, zero_curves
from bondsig_assets_tests.bonds.quantlib_bonds import quantlib_bond, quantlib_date, quantlib_yield

N_BONDS, N_QUANTLIB = 700_000, 3_000
TENORS = np.array([1 / 12, 0.25, 0.5, 1, 2, 3, 5, 7, 10, 20, 30])
TODAY = date(2024, 3, 7)


def main() -> None:
    """Print a line for each kernel: ours, QuantLib's, the ratio."""
    generator = np.random.default_rng(0)
    settled = np.datetime64(TODAY)
    # Lives as in the market: most bonds mature within ten years, some in thirty.
    lives = np.minimum(30 + generator.exponential(365 * 8, N_BONDS), 365 * 30).astype(int)
    bonds = terms(settled, settled + lives, np.round(generator.uniform(1, 9, N_BONDS), 3), 2, 1)
    levels = generator.uniform(1.0, 5.0, (1000, 1))
    curves, curve = zero_curves(ParCurves(TENORS, levels + TENORS / 30)), generator.integers(0, 1000, N_BONDS)
    price, _ = kernels.price_from_z_spread(bonds, curves, curve, 150.0)
    yields = kernels.yield_duration_convexity(bonds, price)[0]
    ours = {
        "accrued interest": lambda: kernels.accrued_interest(bonds),
        "price from yield": lambda: kernels.price_from_yield(bonds, yields),
        "yield, duration, convexity": lambda: kernels.yield_duration_convexity(bonds, price),
        "price from z-spread": lambda: kernels.price_from_z_spread(bonds, curves, curve, 150.0),
        "z-spread": lambda: kernels.z_spread(bonds, curves, curve, price),
    }
    for run in ours.values():
        run()  # compiled, or read from the cache
    theirs = _quantlib(bonds, price, yields)
    print(f"{N_BONDS:,} bonds, {2 * lives.mean() / 365:.0f} coupons on average; rates a second\n")
    print(f"{'':28}{'bondsig':>14}{'QuantLib':>12}{'ratio':>8}")
    for name, run in ours.items():
        rate = N_BONDS / min(_seconds(run) for _ in range(3))
        print(f"{name:28}{rate:>14,.0f}{theirs[name]:>12,.0f}{rate / theirs[name]:>8.0f}")


def _quantlib(bonds: Bonds, price: np.ndarray, yields: np.ndarray) -> dict[str, float]:
    """QuantLib's rates. Its bonds are built beforehand: building them is not counted."""
    today = quantlib_date(bonds.settlement[0])
    ql.Settings.instance().evaluationDate = today
    curve = ql.ZeroCurve([today, today + 40 * 365], [0.03, 0.04], ql.Actual365Fixed())
    counter = ql.ActualActual(ql.ActualActual.ISMA)
    built = [quantlib_bond(bonds, i) for i in range(N_QUANTLIB)]
    clean = [ql.BondPrice(float(price[i]), ql.BondPrice.Clean) for i in range(N_QUANTLIB)]
    spread = ql.QuoteHandle(ql.SimpleQuote(0.015))
    shifted = ql.ZeroSpreadedTermStructure(ql.YieldTermStructureHandle(curve), spread, ql.Continuous, ql.Annual)
    runs = {
        "accrued interest": lambda i: built[i].accruedAmount(today),
        "price from yield": lambda i: ql.BondFunctions.cleanPrice(
            built[i], float(yields[i]) / 100, counter, ql.Compounded, ql.Semiannual, today
        ),
        "yield, duration, convexity": lambda i: quantlib_yield(bonds, i, built[i], float(price[i])),
        "price from z-spread": lambda i: ql.BondFunctions.cleanPrice(built[i], shifted, today),
        "z-spread": lambda i: ql.BondFunctions.zSpread(
            built[i], clean[i], curve, ql.Actual365Fixed(), ql.Continuous, ql.Annual, today, 1e-10, 100, 0.01
        ),
    }
    return {name: N_QUANTLIB / _seconds(lambda run=run: [run(i) for i in range(N_QUANTLIB)]) for name, run in runs.items()}


def _seconds(run) -> float:
    begun = perf_counter()
    run()
    return perf_counter() - begun


if __name__ == "__main__":
    main()
