"""Equity controls: what a model that knows nothing of credit may know.

Belongs here: features of the stock and the balance sheet alone. Not here: anything of bonds or CDS.
"""

from __future__ import annotations

import numpy as np

from bondsig_assets.features import windows as w
from bondsig_assets.features.inputs import Columns, Inputs
from bondsig_assets.market_rules import TRADING_DAYS_PER_YEAR


def equity_features(inputs: Inputs) -> Columns:
    """Returns, volatility, size, turnover, beta and leverage."""
    panels, size = inputs.panels, inputs.market_cap
    log_return, etf = np.log1p(panels.stock_return), np.log1p(panels.etf_return)
    five, etf_five = w.total(log_return, 5, 5), w.total(etf, 5, 5)
    year = np.sqrt(TRADING_DAYS_PER_YEAR) * 100
    return {
        "equity_return_1d_pct": 100 * panels.stock_return,
        "equity_return_5d_pct": 100 * np.expm1(five),
        "equity_return_21d_pct": 100 * np.expm1(w.total(log_return, 21, 21)),
        "equity_return_63d_pct": 100 * np.expm1(w.total(log_return, 63, 63)),
        "equity_excess_return_5d_pct": 100 * (np.expm1(five) - np.expm1(etf_five)),
        "equity_volatility_21d_pct": year * w.deviation(panels.stock_return, 21, 15),
        "equity_volatility_63d_pct": year * w.deviation(panels.stock_return, 63, 40),
        "equity_turnover_21d_pct": (
            100 * w.mean(panels.volume / np.where(panels.shares > 0, panels.shares, np.nan), 21, 15)
        ),
        "equity_beta_63d": beta(panels.stock_return, panels.etf_return, 63, 40),
        "log_market_cap": np.log(np.where(size > 0, size, np.nan)),
        "leverage_ratio": panels.debt / (panels.debt + size),
    }


def beta(stock: np.ndarray, market: np.ndarray, window: int, minimum: int) -> np.ndarray:
    """Slope of `stock` on `market` [day, name] over the days of the window that have both, at least
    `minimum`.
    """
    both = np.isfinite(stock) & np.isfinite(market)
    y, x = np.where(both, stock, np.nan), np.where(both, market, np.nan)
    covariance = w.mean(x * y, window, minimum) - w.mean(x, window, minimum) * w.mean(
        y, window, minimum
    )
    variance = w.mean(x * x, window, minimum) - w.mean(x, window, minimum) ** 2
    return np.where(
        variance > 1e-12, covariance / np.where(variance > 1e-12, variance, 1.0), np.nan
    )
