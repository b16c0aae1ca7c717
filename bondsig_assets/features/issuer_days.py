"""The rows of `issuer_days`: every declared feature of every issuer for a range of days.

Belongs here: putting bonds, CDS, stocks and balance sheets together as known at each cutoff.
Not here: how a bond-day's spread is found (`bonds/`) and what the feature names mean
(`declared.py`).
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

import numpy as np
import polars as pl

from bondsig_assets.features import replay as rp
from bondsig_assets.features import windows as w
from bondsig_assets.features.declared import ALL_FEATURES
from bondsig_assets.features.panels import Panels
from bondsig_assets.trading_calendar import CUTOFF

Columns = dict[str, np.ndarray]
#: Issuers other than its own that a sector comparison needs.
_OTHERS = 5


@dataclass(frozen=True)
class Credit:
    """Issuer aggregates of the replay, [day, parent]."""

    aggregates: np.ndarray

    def __getitem__(self, column: int) -> np.ndarray:
        return self.aggregates[:, :, column]


def issuer_days(panels: Panels, start: date, end: date) -> pl.DataFrame:
    """Rows of `issuer_days` for the trading days `start` … `end`.

    `panels` must reach back LOOKBACK_DAYS before `start`. An issuer has a row on a day when its
    stock is known and it has a bond outstanding or a CDS quote no older than five days.
    """
    credit = Credit(rp.replay(*panels.replay_arguments))
    columns: Columns = {}
    columns |= _spreads(credit, panels)
    columns |= _liquidity(credit)
    columns |= _cds(panels, columns, credit)
    columns |= _equity(panels)
    keep = panels.listed & ((credit[rp.OUTSTANDING] > 0) | np.isfinite(columns["cds_spread_bps"]))
    keep &= ((panels.days >= np.datetime64(start)) & (panels.days <= np.datetime64(end)))[:, None]
    day, parent = np.nonzero(keep)
    frame = pl.DataFrame({
        "parent_id": panels.parents[parent], "trade_date": panels.days[day],
        **panels.identity(day, parent),
        "rating_number": panels.rating[day, parent],
        "n_bonds": credit[rp.OUTSTANDING][day, parent].astype(np.int64),
        "n_bonds_traded": credit[rp.TRADED][day, parent].astype(np.int64),
        "n_capped_trades": credit[rp.CAPPED][day, parent].astype(np.int64),
        **{name: columns[name][day, parent] for name in ALL_FEATURES},
    })
    numeric = ["rating_number", *ALL_FEATURES]
    return frame.with_columns(pl.col(numeric).fill_nan(None), known_at=pl.col("trade_date").dt.combine(CUTOFF)).sort("trade_date", "parent_id")


def _spreads(credit: Credit, panels: Panels) -> Columns:
    level, change = credit[rp.SPREAD], credit[rp.CHANGE]
    five, month = w.total(change, 5, 2), w.total(change, 21, 5)
    velocity = five / 5
    daily_deviation = w.lag(w.deviation(change, 63, 20), 5)
    grade = np.where(panels.sector >= 0, panels.sector * 2 + (panels.rating >= 11), -1)
    peers = w.median_of_others(level, grade, _OTHERS)
    peers = np.where(np.isnan(peers), w.median_of_others(level, panels.sector, _OTHERS), peers)
    sector_five = w.median_of_others(five, panels.sector, _OTHERS)
    before = level - five
    return {
        "spread_bps": level,
        "oas_1d_change_bps": change,
        "oas_5d_change_bps": five,
        "oas_21d_change_bps": month,
        "oas_5d_change_pct": _log_change(level, before),
        "oas_5d_change_zscore": five / np.maximum(daily_deviation * np.sqrt(5), 1.0),
        "spread_velocity_bps": velocity,
        "spread_acceleration_bps": velocity - w.lag(velocity, 5),
        "oas_1d_change_vs_sector_bps": change - w.median_of_others(change, panels.sector, _OTHERS),
        "oas_5d_change_vs_sector_bps": five - sector_five,
        "spread_vs_sector_median": level - peers,
        "sector_spread_beta": sector_beta(five, sector_five),
        "corp_curve_slope_10y2y": credit[rp.SLOPE],
    }


def sector_beta(issuer: np.ndarray, sector: np.ndarray) -> np.ndarray:
    """Slope of weekly issuer on weekly sector changes over 25 weeks, shrunk towards 1.

    Both arrays [day, name] hold five-day changes; every fifth day back is used, so weeks do not
    overlap. Vasicek (1973): weight = cross-sectional variance / (that + squared standard error).
    NaN with fewer than 12 weeks.
    """
    x, y = np.full((25, *issuer.shape), np.nan), np.full((25, *issuer.shape), np.nan)
    for week in range(25):
        x[week], y[week] = w.lag(sector, 5 * week), w.lag(issuer, 5 * week)
    both = np.isfinite(x) & np.isfinite(y)
    x, y = np.where(both, x, 0.0), np.where(both, y, 0.0)
    n = np.maximum(both.sum(axis=0), 1)
    dx = np.where(both, x - x.sum(axis=0) / n, 0.0)
    dy = np.where(both, y - y.sum(axis=0) / n, 0.0)
    spread = np.maximum((dx * dx).sum(axis=0), 1e-9)
    slope = (dx * dy).sum(axis=0) / spread
    residual = np.where(both, dy - slope * dx, 0.0)
    error = (residual**2).sum(axis=0) / np.maximum(n - 2, 1) / spread
    slope = np.where((n >= 12) & (spread > 1e-6), slope, np.nan)
    shrunk = np.full_like(slope, np.nan)
    for day in range(slope.shape[0]):
        known = np.isfinite(slope[day])
        if known.sum() >= 2:
            across = slope[day, known].var()
            weight = across / np.maximum(across + error[day], 1e-12)
            shrunk[day] = weight * slope[day] + (1 - weight)
    return shrunk


def _liquidity(credit: Credit) -> Columns:
    outstanding = credit[rp.OUTSTANDING]
    alive = np.where(outstanding > 0, 0.0, np.nan)
    volume = np.log1p(np.maximum(w.total(credit[rp.PAR] + alive, 5, 5), 0.0))
    baseline = w.lag(volume, 5)
    usual, deviation = w.mean(baseline, 63, 40), w.deviation(baseline, 63, 40)
    # A late cancel takes par back on the day it becomes known; five days can hold more of that than of trades.
    buy, sell = (np.maximum(w.total(credit[column] + alive, 5, 1), 0.0) for column in (rp.BUY, rp.SELL))
    traded = buy + sell
    return {
        "trace_volume_zscore_5d": (volume - usual) / np.maximum(deviation, 0.25),
        "order_imbalance_5d": np.where(traded > 0, (buy - sell) / np.where(traded > 0, traded, 1.0), np.nan),
        "customer_bid_ask_pct": w.median(credit[rp.BID_ASK], 21, 3),
        "amihud_21d": w.median(credit[rp.AMIHUD], 21, 5),
        "zero_trading_share_63d": _zero_share(credit[rp.TRADED] + alive, outstanding + alive),
        "staleness_days": np.where(outstanding > 0, credit[rp.STALENESS], np.nan),
        "n_trades_21d": w.total(credit[rp.TRADES] + alive, 21, 1),
    }


def _zero_share(traded: np.ndarray, outstanding: np.ndarray) -> np.ndarray:
    return 1 - w.total(traded, 63, 40) / np.maximum(w.total(outstanding, 63, 40), 1.0)


def _cds(panels: Panels, columns: Columns, credit: Credit) -> Columns:
    quote = panels.cds_5y
    level, _ = w.latest(quote, 5)
    one, five = quote - w.lag(quote, 1), quote - w.lag(quote, 5)
    return {
        "cds_spread_bps": level,
        "cds_1d_change_bps": one,
        "cds_5d_change_bps": five,
        "cds_5d_change_pct": _log_change(quote, w.lag(quote, 5)),
        "cds_5d_change_vs_sector_bps": five - w.median_of_others(five, panels.sector, _OTHERS),
        "cds_bond_basis_bps": panels.cds_at(credit[rp.MATURITY]) - columns["spread_bps"],
    }


def _equity(panels: Panels) -> Columns:
    log_return = np.log1p(panels.stock_return)
    etf = np.log1p(panels.etf_return)
    five, etf_five = w.total(log_return, 5, 5), w.total(etf, 5, 5)
    year = np.sqrt(252) * 100
    size = panels.close * panels.shares
    return {
        "equity_return_1d_pct": 100 * panels.stock_return,
        "equity_return_5d_pct": 100 * np.expm1(five),
        "equity_return_21d_pct": 100 * np.expm1(w.total(log_return, 21, 21)),
        "equity_return_63d_pct": 100 * np.expm1(w.total(log_return, 63, 63)),
        "equity_excess_return_5d_pct": 100 * (np.expm1(five) - np.expm1(etf_five)),
        "equity_volatility_21d_pct": year * w.deviation(panels.stock_return, 21, 15),
        "equity_volatility_63d_pct": year * w.deviation(panels.stock_return, 63, 40),
        "log_market_cap": np.log(np.where(size > 0, size, np.nan)),
        "leverage_ratio": panels.debt / (panels.debt + size),
    }


def _log_change(now: np.ndarray, before: np.ndarray) -> np.ndarray:
    """100 ln(now / before) where both are positive."""
    positive = (now > 0) & (before > 0)
    return np.where(positive, 100 * np.log(np.where(positive, now, 1.0) / np.where(positive, before, 1.0)), np.nan)
