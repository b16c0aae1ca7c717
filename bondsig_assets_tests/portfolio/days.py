"""Days of a simulated book, for tests of targets and for the benchmark.

Belongs here: a Day with its risk model. Not here: tests.
"""

from __future__ import annotations

from datetime import date
from functools import cache
from typing import Any

import numpy as np

from bondsig_assets.portfolio.risk_model import History, RiskModel, risk_model
from bondsig_assets.portfolio.settings import RiskSettings
from bondsig_assets.portfolio.targets import Day

MACRO = ("market", "rates", "volatility", "credit", "oil")
N_SECTORS = 6


@cache
def risk_of(n: int, seed: int = 0, n_days: int = 300) -> RiskModel:
    """The risk of `n` names in six sectors with five macro factors."""
    draw = np.random.default_rng(seed)
    macro = draw.normal(0, 1, (n_days, len(MACRO))) * [0.01, 0.05, 0.06, 0.02, 0.012]
    betas = draw.normal(0, 0.3, (n, len(MACRO))) * [1, 0.05, 0.05, 0.1, 1] + [1, 0, 0, 0, 0]
    sector = np.arange(n) % N_SECTORS
    returns = macro @ betas.T + draw.normal(0, 0.006, (n_days, N_SECTORS))[:, sector]
    returns = returns + draw.normal(0, 1, (n_days, n)) * draw.uniform(0.01, 0.025, n)
    names = np.array([f"S{k}" for k in sector], dtype=object)
    history = History(returns, names, np.full(n, np.nan), np.zeros(n, bool), MACRO, macro)
    return risk_model(history, RiskSettings())


def day_of(n: int = 60, seed: int = 0, **changes: Any) -> Day:
    """A day of `n` names with an alpha of an IC of 0.03, usual volumes, nothing held."""
    draw = np.random.default_rng(seed + 1)
    risk = risk_of(n, seed)
    given: dict[str, Any] = {
        "trade_date": date(2024, 3, 1),
        "parents": tuple(f"P{k:04}" for k in range(n)),
        "tickers": tuple(f"T{k:04}" for k in range(n)),
        "sector": np.array([f"S{k % N_SECTORS}" for k in range(n)], dtype=object),
        "is_in": np.ones(n, bool),
        "is_shortable": np.ones(n, bool),
        "is_hedge": np.zeros(n, bool),
        "alpha": 0.03 * np.sqrt(5 * risk.specific_variance) * draw.normal(size=n),
        "price_usd": np.round(draw.uniform(5, 200, n), 2),
        "is_priced": np.ones(n, bool),
        "dollar_volume_usd": np.exp(draw.normal(18.5, 0.8, n)),
        "held_shares": np.zeros(n, dtype=np.int64),
        "risk": risk,
        "nav_usd": 1e7,
    }
    return Day(**(given | changes))
