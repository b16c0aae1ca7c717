"""What is predicted: the stock's return over five days minus its sector ETF's, a day skipped.

Belongs here: the only module that looks forward. Not here: anything a feature may use.
"""

from __future__ import annotations

from datetime import date

import numpy as np
import polars as pl

from bondsig_assets.features.panels import Panels

#: Trading days in the label, and between the features' day and its first close.
HORIZON, SKIP = 5, 1
#: Trading days from the features' day to the close on which the label is complete.
SPAN = HORIZON + SKIP


def labels(panels: Panels, start: date, end: date) -> pl.DataFrame:
    """Rows of `labels` that became known on the trading days `start` … `end`.

    label = sum of the stock's log returns over t+2 … t+6 (close t+1 to close t+6) minus those of
    the ETF that was its sector's on t, in percent. A label with a missing return is left out.
    `panels` must reach back SPAN days before `start`.
    """
    stock, etf = _ahead(np.log1p(panels.stock_return)), np.zeros_like(panels.stock_return)
    for step in range(SKIP + 1, SPAN + 1):
        etf = etf + np.log1p(panels.etf_return_ahead(step))
    n_days = panels.days.size
    ends = np.full(n_days, np.datetime64("NaT"), dtype="datetime64[D]")
    ends[: max(n_days - SPAN, 0)] = panels.days[SPAN:]
    wanted = (ends >= np.datetime64(start)) & (ends <= np.datetime64(end))
    day, parent = np.nonzero(np.isfinite(stock) & np.isfinite(etf) & panels.listed & wanted[:, None])
    identity = panels.identity(day, parent)
    stock_pct, etf_pct = 100 * stock[day, parent], 100 * etf[day, parent]
    return pl.DataFrame({
        "parent_id": panels.parents[parent], "trade_date": panels.days[day], "ticker": identity["ticker"], "sector_etf": identity["sector_etf"],
        "label_end_date": ends[day], "stock_return_5d_pct": stock_pct, "sector_return_5d_pct": etf_pct, "excess_return_5d_pct": stock_pct - etf_pct,
    }).with_columns(known_at=pl.col("label_end_date").dt.combine(pl.time(16))).sort("label_end_date", "parent_id")


def _ahead(log_return: np.ndarray) -> np.ndarray:
    """Sum of the returns SKIP + 1 … SPAN days ahead, NaN where one is missing."""
    out = np.zeros_like(log_return)
    for step in range(SKIP + 1, SPAN + 1):
        shifted = np.full_like(log_return, np.nan)
        shifted[: log_return.shape[0] - step] = log_return[step:]
        out = out + shifted
    return out
