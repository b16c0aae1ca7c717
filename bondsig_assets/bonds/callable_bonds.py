"""Option-adjusted spreads of bonds with fixed call prices.

Belongs here: call schedules, the model's parameters, and what users call; chunks of bonds run on
threads. Not here: the tree itself (`tree_kernel.py`), make-whole calls and par calls in the last
months (such a bond is valued as a bullet to its par call: `kernels.z_spread`), and the yield to
worst (`analytics.py`).

Model: Hull and White's, dr = (theta(t) - a r) dt + sigma dW, on a trinomial tree fitted to the
zero curve (J. Hull and A. White, Numerical procedures for implementing term structure models I,
Journal of Derivatives 2(1), 1994). The issuer calls at every date of exercise after settlement
where the bond would be worth more than call price and accrued interest; notice periods are
ignored. The OAS is the constant s, continuously compounded, at which the tree with short rate
r + s gives the dirty price. Without calls it is the z-spread.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from bondsig_assets.bonds import kernels, tree_kernel
from bondsig_assets.bonds.conventions import Bonds
from bondsig_assets.bonds.curves import ZeroCurves

DAYS_PER_YEAR = 365.0
#: Bonds in one chunk of work: large enough to hide what a chunk costs, small enough that two
#: threads end together.
_CHUNK = 64


class CallSchedules(NamedTuple):
    """Call schedules of n bonds; that of bond i is rows offsets[i] to offsets[i + 1].

    A price holds from its date until the next. Build it with `call_schedules` or `yearly_calls`.
    """

    offsets: np.ndarray  # (n + 1,), int64
    dates: np.ndarray  # int64, days since 1970-01-01, ascending within a bond
    prices: np.ndarray  # float64, clean, % of par
    is_continuous: (
        np.ndarray
    )  # (n,), bool: callable on any day from the first date on, else on the dates alone


class HullWhite(NamedTuple):
    """Parameters of the short rate (J. Hull and A. White, Pricing interest-rate-derivative
    securities, Review of Financial Studies 3, 1990). The defaults are assumed, of the size usual
    for rates in US dollars.
    """

    mean_reversion: float = 0.03  # a year
    volatility: float = 0.010  # absolute, a square root of a year


USUAL_MODEL = HullWhite()


class CallableSpreads(NamedTuple):
    """Results of `option_adjusted_spread`, arrays of shape (n,); NaN wherever status is not OK."""

    oas_bps: np.ndarray  # continuously compounded
    oas_duration_years: (
        np.ndarray
    )  # -dP/ds / P, by +-50 bps; equal to that of a parallel move of the zero curve
    oas_convexity: (
        np.ndarray
    )  # d2P/ds2 / P, years squared, by +-50 bps; negative where a call is near the money
    option_cost_bps: np.ndarray  # z-spread to maturity less OAS
    status: np.ndarray  # a code of kernels, int64


def call_schedules(
    offsets: ArrayLike, dates: ArrayLike, prices: ArrayLike, is_continuous: ArrayLike = True
) -> CallSchedules:
    """`CallSchedules` from arrays; `dates` are days since 1970-01-01 or datetime64, `is_continuous`
    broadcasts to (n,).

    Raises ValueError when the offsets do not cut the rows into bonds. What a schedule says is not
    validated: a bad one gets status BAD_CALLS.
    """
    bounds, days = np.asarray(offsets, dtype=np.int64), np.asarray(dates)
    if days.dtype.kind == "M":
        days = days.astype("datetime64[D]").astype(np.int64)
    found = CallSchedules(
        bounds,
        days.astype(np.int64),
        np.asarray(prices, dtype=np.float64),
        np.array(np.broadcast_to(is_continuous, max(len(bounds) - 1, 0)), dtype=np.bool_),
    )
    rows = len(found.dates)
    if (
        len(bounds) == 0
        or bounds[0] != 0
        or bounds[-1] != rows
        or (np.diff(bounds) < 0).any()
        or len(found.prices) != rows
    ):
        raise ValueError(
            f"offsets must rise from 0 to the number of rows ({rows} dates, {len(found.prices)}"
            " prices)"
        )
    return found


def yearly_calls(
    first_call_date: ArrayLike, first_call_price: ArrayLike, maturity: ArrayLike
) -> CallSchedules:
    """Continuous schedules as table `bonds` tells them: from the first call date, stepping down
    every 365 days.

    The price falls in a line from first_call_price (100 where NaN) to 100 at maturity and is that
    of the line at each step. All (n,), dates in days since 1970-01-01 or datetime64; no schedule
    where the first call date is missing (NaT) or not before maturity.
    """
    firsts, ends = (
        np.atleast_1d(np.asarray(dates, dtype="datetime64[D]"))
        for dates in (first_call_date, maturity)
    )
    firsts, ends, prices = np.broadcast_arrays(
        firsts, ends, np.asarray(first_call_price, dtype=float)
    )
    known = ~(np.isnat(firsts) | np.isnat(ends))
    life = np.where(known, (ends - firsts).astype(np.int64), 0)
    counts = np.where(life > 0, (life + 364) // 365, 0)
    offsets = np.concatenate(([0], np.cumsum(counts)))
    year = np.arange(offsets[-1]) - np.repeat(offsets[:-1], counts)
    above = np.repeat(np.where(np.isnan(prices), 0.0, prices - 100.0), counts)
    falling = 100.0 + above * (1.0 - 365 * year / np.repeat(np.maximum(life, 1), counts))
    return call_schedules(offsets, np.repeat(firsts.astype(np.int64), counts) + 365 * year, falling)


def option_adjusted_spread(
    bonds: Bonds,
    schedules: CallSchedules,
    curves: ZeroCurves,
    curve_index: ArrayLike,
    price: ArrayLike,
    model: HullWhite = USUAL_MODEL,
    steps_per_year: int = 12,
    threads: int = 2,
) -> CallableSpreads:
    """OAS of clean prices, with its duration and convexity and the cost of the option.

    `curve_index` and `price` broadcast to (n,). Coupon and call dates are steps of the tree
    whatever `steps_per_year`. Status is OK or that of `kernels.z_spread`, or BAD_CALLS (dates not
    ascending or after the end, a price not above zero), or DEEP_CALL, or NO_ROOT (none between
    -50 % and 1000 %). DEEP_CALL is a price that no spread explains: above the call price of a bond
    that may be called on any day already, which the issuer could buy back for less; or more than a
    point above the next call price with a duration below 0.25 years.

    A bond's result is the same to the last bit in any batch and on any number of threads. Raises
    ValueError for impossible parameters or shapes.
    """
    index, clean = _aligned(bonds, schedules, curve_index, price, model, steps_per_year, threads)
    n = len(bonds.settlement)
    z_spread, status = kernels.z_spread(bonds, curves, index, clean)
    results = np.full((3, n), np.nan)
    running = _running_price(schedules, bonds.settlement)

    def solve(rows: slice) -> None:
        grid = _grid(bonds, schedules, curves, index, rows, steps_per_year)
        guess = np.where(status[rows] == kernels.OK, z_spread[rows] / 1e4, 0.0)
        solvable = np.isin(status[rows], (kernels.OK, kernels.NO_ROOT))
        *found, code = tree_kernel.spreads(
            grid.tree,
            grid.discounts,
            clean[rows] + grid.accrued,
            grid.accrued,
            grid.first_price,
            guess,
            *map(float, model),
        )
        outcome = np.choose(code, (kernels.OK, kernels.NO_ROOT, kernels.DEEP_CALL))
        outcome = np.where(clean[rows] > running[rows], kernels.DEEP_CALL, outcome)
        # Far from any market a spread may exist with calls and none without: then there is no cost
        # of the option.
        outcome = np.where(
            (outcome == kernels.OK) & (status[rows] == kernels.NO_ROOT), kernels.NO_ROOT, outcome
        )
        status[rows] = np.where(
            solvable, np.where(grid.is_sound, outcome, kernels.BAD_CALLS), status[rows]
        )
        results[:, rows] = np.where(status[rows] == kernels.OK, found, np.nan)

    _run(solve, n, threads)
    oas = 1e4 * results[0]
    return CallableSpreads(oas, results[1], results[2], z_spread - oas, status)


def price_from_oas(
    bonds: Bonds,
    schedules: CallSchedules,
    curves: ZeroCurves,
    curve_index: ArrayLike,
    oas_bps: ArrayLike,
    model: HullWhite = USUAL_MODEL,
    steps_per_year: int = 12,
    threads: int = 2,
) -> tuple[np.ndarray, np.ndarray]:
    """Clean price at an OAS, % of par: (price, status); the inverse of `option_adjusted_spread`."""
    index, spread = _aligned(bonds, schedules, curve_index, oas_bps, model, steps_per_year, threads)
    n = len(bonds.settlement)
    price, status = kernels.price_from_z_spread(bonds, curves, index, spread)

    def value(rows: slice) -> None:
        grid = _grid(bonds, schedules, curves, index, rows, steps_per_year)
        found = (
            tree_kernel.dirty_prices(
                grid.tree, grid.discounts, spread[rows] / 1e4, *map(float, model)
            )
            - grid.accrued
        )
        outcome = np.where(
            grid.is_sound, np.where(np.isnan(found), kernels.NO_ROOT, kernels.OK), kernels.BAD_CALLS
        )
        status[rows] = np.where(status[rows] == kernels.OK, outcome, status[rows])
        price[rows] = np.where(status[rows] == kernels.OK, found, np.nan)

    _run(value, n, threads)
    return price, status


class _Grid(NamedTuple):
    """The trees' steps of a chunk of bonds."""

    tree: tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]  # offsets, lengths, cash, strikes
    discounts: np.ndarray
    accrued: np.ndarray
    first_price: np.ndarray
    is_sound: np.ndarray


def _aligned(
    bonds: Bonds,
    schedules: CallSchedules,
    curve_index: ArrayLike,
    values: ArrayLike,
    model: HullWhite,
    steps_per_year: int,
    threads: int,
) -> tuple[np.ndarray, np.ndarray]:
    """Curve index and values as arrays of the bonds' length."""
    n = len(bonds.settlement)
    if len(schedules.offsets) != n + 1:
        raise ValueError(f"{len(schedules.offsets) - 1} call schedules for {n} bonds")
    if not (0.0 <= model.mean_reversion <= 1.0 and 0.0 <= model.volatility <= 0.2):
        raise ValueError(
            f"mean reversion must be from 0 to 1 and volatility from 0 to 0.2, not {model}"
        )
    if not (1 <= steps_per_year <= 366 and threads >= 1):
        raise ValueError(
            f"steps a year must be from 1 to 366 and threads at least 1, not {steps_per_year} and"
            f" {threads}"
        )
    return np.array(np.broadcast_to(curve_index, n), dtype=np.int64), np.array(
        np.broadcast_to(values, n), dtype=np.float64
    )


def _running_price(schedules: CallSchedules, settlement: np.ndarray) -> np.ndarray:
    """The price at which each bond may be called on the day of settlement; NaN for none."""
    owner = np.repeat(np.arange(len(settlement)), np.diff(schedules.offsets))
    begun = (schedules.dates <= settlement[owner]) & schedules.is_continuous[owner]
    price = np.full(len(settlement), np.nan)
    # Dates ascend within a bond, so that the last one that has begun is written last.
    price[owner[begun]] = schedules.prices[begun]
    return price


def _grid(
    bonds: Bonds,
    schedules: CallSchedules,
    curves: ZeroCurves,
    index: np.ndarray,
    rows: slice,
    steps_per_year: int,
) -> _Grid:
    """Steps, discount factors and accrued interest of the bonds in `rows`."""
    some = Bonds(*(field[rows] for field in bonds))
    flows = kernels.cash_flows(some)
    bounds = schedules.offsets[rows.start : rows.stop + 1]
    called = slice(bounds[0], bounds[-1])
    dates, owner = (
        schedules.dates[called],
        np.repeat(np.arange(len(some.settlement)), np.diff(bounds)),
    )
    # A missing date (NaT) would otherwise lie in the past, and its price would hold ever since.
    known = dates != np.iinfo(np.int64).min
    on_call_dates = Bonds(dates, *(field[owner] for field in some[1:]))
    calls = (
        bounds - bounds[0],
        np.where(known, (dates - some.settlement[owner]) / DAYS_PER_YEAR, np.nan),
        np.array(schedules.prices[called]),
        kernels.accrued_interest(on_call_dates)[0],
    )
    continuous = np.array(schedules.is_continuous[rows])
    offsets, times, *steps, first_price, is_sound = tree_kernel.steps(
        (flows.offsets, flows.amounts, flows.years, np.array(some.redemption), flows.accrued),
        calls,
        continuous,
        float(steps_per_year),
    )
    discounts = kernels.discount_factors(curves, index[rows], offsets, times)
    return _Grid((offsets, *steps), discounts, flows.accrued, first_price, is_sound)


def _run(work: Callable[[slice], None], n: int, threads: int) -> None:
    """`work` on every chunk of n bonds; each writes its own rows, so their order does not
    matter.
    """
    chunks = [slice(start, min(start + _CHUNK, n)) for start in range(0, n, _CHUNK)]
    if threads == 1 or len(chunks) < 2:
        for chunk in chunks:
            work(chunk)
        return
    with ThreadPoolExecutor(threads) as pool:
        list(pool.map(work, chunks))
