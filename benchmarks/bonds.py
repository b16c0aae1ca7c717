"""Rates of the bond kernels beside QuantLib-Python, measured in one run; on one core unless a line
says two.

    .venv/bin/python -m benchmarks.bonds

Belongs here: what the README's figures on bonds come from. Not here: correctness, which
`bondsig_assets_tests/bonds` judges on the same random bonds.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from time import perf_counter

import numpy as np
import QuantLib as ql

from bondsig_assets.bonds import kernels, spreads
from bondsig_assets.bonds.callable_bonds import (
    CallSchedules,
    HullWhite,
    option_adjusted_spread,
    yearly_calls,
)
from bondsig_assets.bonds.conventions import Bonds, terms
from bondsig_assets.bonds.curves import ParCurves, ZeroCurves, zero_curves
from bondsig_assets.market_rules import RECOVERY
from bondsig_assets_tests.bonds.quantlib_bonds import (
    quantlib_bond,
    quantlib_callable,
    quantlib_date,
    quantlib_yield,
    smooth_curve,
)

N_BONDS, N_QUANTLIB = 700_000, 3_000
N_CALLABLES, N_QUANTLIB_CALLABLES, STEPS_PER_YEAR = 12_000, 150, 12
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
    curves, curve = (
        zero_curves(ParCurves(TENORS, levels + TENORS / 30)),
        generator.integers(0, 1000, N_BONDS),
    )
    price, _ = kernels.price_from_z_spread(bonds, curves, curve, 150.0)
    yields = kernels.yield_duration_convexity(bonds, price)[0]
    ours = {
        "accrued interest": lambda: kernels.accrued_interest(bonds),
        "price from yield": lambda: kernels.price_from_yield(bonds, yields),
        "yield, duration, convexity": lambda: kernels.yield_duration_convexity(bonds, price),
        "price from z-spread": lambda: kernels.price_from_z_spread(bonds, curves, curve, 150.0),
        "z-spread": lambda: kernels.z_spread(bonds, curves, curve, price),
        "par asset-swap spread": lambda: spreads.par_asset_swap_spread(bonds, curves, curve, price),
        "par-equivalent CDS spread": lambda: spreads.par_equivalent_cds_spread(
            bonds, curves, curve, price
        ),
    }
    for run in ours.values():
        run()  # compiled, or read from the cache
    theirs = _quantlib(bonds, price, yields)
    print(f"{N_BONDS:,} bonds, {2 * lives.mean() / 365:.0f} coupons on average; rates a second\n")
    print(f"{'':28}{'bondsig':>14}{'QuantLib':>12}{'ratio':>8}")
    for name, run in ours.items():
        rate = N_BONDS / min(_seconds(run) for _ in range(3))
        print(f"{name:28}{rate:>14,.0f}{theirs[name]:>12,.0f}{rate / theirs[name]:>8.0f}")
    _print_callables()


def _print_callables() -> None:
    """Lines for the OAS at monthly steps, on one thread and two, each on a tree of its own as at
    QuantLib.
    """
    handle, curves = smooth_curve(TODAY)
    bonds, schedules, price = _callables(curves)
    theirs = N_QUANTLIB_CALLABLES / _seconds(lambda: _quantlib_oas(bonds, schedules, price, handle))
    for threads in (1, 2):

        def ours(threads: int = threads) -> None:
            option_adjusted_spread(
                bonds, schedules, curves, 0, price, steps_per_year=STEPS_PER_YEAR, threads=threads
            )

        ours()
        rate = N_CALLABLES / min(_seconds(ours) for _ in range(3))
        name = f"OAS, monthly, {threads} thread{'s' * (threads > 1)}"
        print(f"{name:28}{rate:>14,.0f}{theirs:>12,.0f}{rate / theirs:>8.0f}")
    years = (bonds.maturity - bonds.settlement) / 365
    print(
        f"\nOAS: {N_CALLABLES:,} callable bonds of {years.min():.0f} to {years.max():.0f} years,"
        f" {years.mean():.1f} on average"
    )


def _callables(curves: ZeroCurves) -> tuple[Bonds, CallSchedules, np.ndarray]:
    """Callables as in the market: mostly 4 to 10 years, a few to 30, callable after a third, prices
    up to 103.
    """
    generator = np.random.default_rng(1)
    settled, n = np.datetime64(TODAY), N_CALLABLES
    lives = np.where(
        generator.random(n) < 0.93,
        generator.integers(4 * 365, 10 * 365, n),
        generator.integers(10 * 365, 30 * 365, n),
    )
    bonds = terms(settled, settled + lives, np.round(generator.uniform(3, 9, n), 3), 2, 1)
    schedules = yearly_calls(
        settled + (lives * generator.uniform(0.1, 0.6, n)).astype(int),
        100 + bonds.coupon_pct / 2,
        settled + lives,
    )
    price, _ = kernels.price_from_z_spread(bonds, curves, 0, generator.uniform(100, 500, n))
    return bonds, schedules, np.clip(price, 70.0, 103.0)


def _quantlib_oas(
    bonds: Bonds, schedules: CallSchedules, price: np.ndarray, handle: ql.YieldTermStructureHandle
) -> None:
    """QuantLib's OAS of the first bonds at as many steps, calls on the dates of the schedule
    alone.
    """
    today, model = quantlib_date(bonds.settlement[0]), ql.HullWhite(handle, *HullWhite())
    for i in range(N_QUANTLIB_CALLABLES):
        bond = quantlib_callable(bonds, schedules, i)
        steps = int(STEPS_PER_YEAR * (bonds.maturity[i] - bonds.settlement[i]) / 365)
        bond.setPricingEngine(ql.TreeCallableFixedRateBondEngine(model, steps))
        bond.OAS(
            float(price[i]), handle, ql.Actual365Fixed(), ql.Continuous, ql.Annual, today, 1e-8
        )


def _quantlib(bonds: Bonds, price: np.ndarray, yields: np.ndarray) -> dict[str, float]:
    """QuantLib's rates. Its bonds are built beforehand: building them is not counted."""
    today = quantlib_date(bonds.settlement[0])
    ql.Settings.instance().evaluationDate = today
    curve = ql.ZeroCurve([today, today + 40 * 365], [0.03, 0.04], ql.Actual365Fixed())
    counter = ql.ActualActual(ql.ActualActual.ISMA)
    built = [quantlib_bond(bonds, i) for i in range(N_QUANTLIB)]
    clean = [ql.BondPrice(float(price[i]), ql.BondPrice.Clean) for i in range(N_QUANTLIB)]
    spread = ql.QuoteHandle(ql.SimpleQuote(0.015))
    shifted = ql.ZeroSpreadedTermStructure(
        ql.YieldTermStructureHandle(curve), spread, ql.Continuous, ql.Annual
    )
    runs = {
        "accrued interest": lambda i: built[i].accruedAmount(today),
        "price from yield": lambda i: ql.BondFunctions.cleanPrice(
            built[i], float(yields[i]) / 100, counter, ql.Compounded, ql.Semiannual, today
        ),
        "yield, duration, convexity": lambda i: quantlib_yield(bonds, i, built[i], float(price[i])),
        "price from z-spread": lambda i: ql.BondFunctions.cleanPrice(built[i], shifted, today),
        "z-spread": lambda i: ql.BondFunctions.zSpread(
            built[i],
            clean[i],
            curve,
            ql.Actual365Fixed(),
            ql.Continuous,
            ql.Annual,
            today,
            1e-10,
            100,
            0.01,
        ),
        **_quantlib_credit(built, price, bonds, ql.YieldTermStructureHandle(curve), today),
    }
    return {
        name: N_QUANTLIB / _seconds(lambda run=run: [run(i) for i in range(N_QUANTLIB)])
        for name, run in runs.items()
    }


def _quantlib_credit(
    built: list[ql.Bond],
    price: np.ndarray,
    bonds: Bonds,
    curve: ql.YieldTermStructureHandle,
    today: ql.Date,
) -> dict[str, Callable[[int], float]]:
    """QuantLib's asset swap and CDS of a bond; their quarterly dates are built beforehand."""
    quarters = [
        ql.Schedule(
            today,
            quantlib_date(day),
            ql.Period(3, ql.Months),
            ql.NullCalendar(),
            ql.Unadjusted,
            ql.Unadjusted,
            ql.DateGeneration.Backward,
            False,
        )
        for day in bonds.maturity[:N_QUANTLIB]
    ]
    index = ql.IborIndex(
        "curve",
        ql.Period(3, ql.Months),
        0,
        ql.USDCurrency(),
        ql.NullCalendar(),
        ql.Unadjusted,
        False,
        ql.Actual360(),
        curve,
    )
    swaps, hazard = ql.DiscountingSwapEngine(curve, True), ql.SimpleQuote(0.02)
    default = ql.DefaultProbabilityTermStructureHandle(
        ql.FlatHazardRate(today, ql.QuoteHandle(hazard), ql.Actual365Fixed())
    )
    risky, insured = (
        ql.RiskyBondEngine(default, RECOVERY, curve),
        ql.MidPointCdsEngine(default, RECOVERY, curve),
    )

    def asset_swap(i: int) -> float:
        swap = ql.AssetSwap(
            True, built[i], float(price[i]), index, 0.0, quarters[i], ql.Actual360(), True
        )
        swap.setPricingEngine(swaps)
        return swap.fairSpread()

    def par_cds(i: int) -> float:
        built[i].setPricingEngine(risky)
        dirty = float(price[i]) + built[i].accruedAmount(today)
        if (
            dirty < 45.0
        ):  # about what is recovered at once: no hazard rate gives it, and QuantLib would raise
            return float("nan")

        def error(rate: float) -> float:
            hazard.setValue(rate)
            return built[i].NPV() - dirty

        hazard.setValue(ql.Brent().solve(error, 1e-10, 0.02, -0.3, 5.0))
        cds = ql.CreditDefaultSwap(
            ql.Protection.Buyer,
            1.0,
            0.01,
            quarters[i],
            ql.Unadjusted,
            ql.Actual360(),
            True,
            True,
            today,
        )
        cds.setPricingEngine(insured)
        return cds.fairSpread()

    return {"par asset-swap spread": asset_swap, "par-equivalent CDS spread": par_cds}


def _seconds(run) -> float:
    begun = perf_counter()
    run()
    return perf_counter() - begun


if __name__ == "__main__":
    main()
