"""Days to solve, drawn at random, and the same problem said in cvxpy.

Belongs here: what several test modules of this folder solve. Not here: tests.
"""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np

from bondsig_assets.portfolio.costs import Costs
from bondsig_assets.portfolio.optimizer import Exposure, Problem

N_SECTORS, N_MACRO = 6, 4


def problem_of(n: int = 40, seed: int = 0, nav: float = 1e7, **changes: Any) -> Problem:
    """A day of `n` names in six sectors: alphas of an IC of 0.03, half-spreads of 3 bp, impact,
    borrow, a held book, boxes by cap and volume, and a bound of every kind.
    """
    draw = np.random.default_rng(seed)
    sector = draw.integers(0, N_SECTORS, n)
    loadings = np.zeros((n, N_SECTORS + N_MACRO))
    loadings[np.arange(n), sector] = 1.0
    loadings[:, N_SECTORS:] = draw.normal(0, 0.3, (n, N_MACRO))
    loadings[:, N_SECTORS] += 1.0
    deviations = np.r_[np.full(N_SECTORS, 0.006), 0.01, np.full(N_MACRO - 1, 0.004)]
    volatility = draw.uniform(0.01, 0.03, n)
    dollars = np.exp(draw.normal(18.0, 1.0, n))
    part = 0.05 * dollars / nav
    held = np.clip(draw.normal(0, 0.01, n), -0.04, 0.04)
    held = np.where(np.abs(held) < 0.003, 0.0, held)
    low, high = np.maximum(-0.04, held - part), np.minimum(0.04, held + part)
    style = (volatility - volatility.mean()) / (volatility.std() or 1.0)
    exposures = (
        Exposure("net", "net", np.ones(n), 0.01),
        *(Exposure(f"sector {k}", "sector", 1.0 * (sector == k), 0.04) for k in range(N_SECTORS)),
        Exposure("market", "beta", loadings[:, N_SECTORS], 0.05),
        *(
            Exposure(f"factor {k}", "factor", 0.004 * loadings[:, N_SECTORS + k], 0.0005)
            for k in range(1, N_MACRO)
        ),
        Exposure("volatility", "volatility", style, 0.1),
    )
    given: dict[str, Any] = {
        "alpha": 0.03 * np.sqrt(5) * volatility * draw.normal(size=n),
        "held": held,
        "low": low,
        "high": high,
        "loadings": loadings,
        "factor_covariance": np.diag(deviations**2),
        "specific_variance": volatility**2,
        "costs": Costs(
            np.full(n, 3e-4), 2 / 3 * volatility * np.sqrt(nav / dollars), np.full(n, 1.2e-5)
        ),
        "exposures": exposures,
        "gross": 2.0,
        "turnover": 0.4,
        "risk_aversion": 10.0,
        "multiplier": 2.0,
    }
    return Problem(**(given | changes))


def prices_of(n: int, seed: int = 0) -> np.ndarray:
    """Prices from 5 to 200 dollars."""
    return np.round(np.random.default_rng(seed + 1).uniform(5, 200, n), 2)


def in_cvxpy(problem: Problem, penalty: float = 100.0) -> tuple[np.ndarray, float]:
    """The weights and the utility of the same problem as cvxpy states it: the covariance formed,
    the impact a power of 3/2, each slack at one price.
    """
    import cvxpy as cp

    p = problem
    w = cp.Variable(p.size)
    trade = w - p.held
    gap = w - p.active
    covariance = np.diag(p.specific_variance) + p.loadings @ p.factor_covariance @ p.loadings.T
    slack = cp.Variable(len(p.exposures) + 2, nonneg=True)
    utility = (
        p.alpha @ w
        - p.risk_aversion * p.days / 2 * cp.quad_form(gap, cp.psd_wrap(covariance))
        - p.multiplier
        * (p.costs.linear @ cp.abs(trade) + p.costs.power @ cp.power(cp.abs(trade), 1.5))
        - p.days * p.costs.borrow @ cp.neg(w)
    )
    rules = [w >= p.low, w <= p.high, cp.norm1(w) <= p.gross + slack[-2]]
    rules += [cp.norm1(trade) <= p.turnover + slack[-1]]
    rules += [
        cp.abs(one.row @ w - one.centre) <= one.width + slack[k]
        for k, one in enumerate(p.exposures)
    ]
    if p.cash_limit is not None:
        rules.append(cp.sum(w) <= p.cash_limit)
    goal = cp.Problem(cp.Maximize(1e4 * (utility - penalty * cp.sum(slack))), rules)
    with warnings.catch_warnings():
        # Its cones of 3/2 meet at their apex wherever nothing is traded (`optimizer.py`).
        warnings.filterwarnings("ignore", "Solution may be inaccurate")
        goal.solve(
            solver=cp.CLARABEL, tol_gap_abs=1e-7, tol_gap_rel=1e-9, tol_feas=1e-9, max_iter=300
        )
    found = np.asarray(w.value)
    return found, problem.utility(found)
