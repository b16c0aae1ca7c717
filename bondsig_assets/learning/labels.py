"""What is predicted: the stock's return over 1, 5, 10 and 21 days minus its sector ETF's, a day
skipped.

Belongs here: the only module that looks forward. Not here: anything a feature may use.

A stock that is delisted within a label earns its delisting return on the day after its last trade
and the ETF's from then on: who held it has been paid. Leaving such labels out would forget those
who vanished, which on average vanished at a loss (Shumway 1997, Journal of Finance 52, "The
Delisting Bias in CRSP Data").
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date

import numpy as np
import polars as pl

from bondsig_assets.calendar import CUTOFF
from bondsig_assets.features.panels import Panels
from bondsig_assets.market_rules import HORIZONS
from bondsig_assets.tables.learning import LABELS

#: Column of `labels` that holds each kind of label.
KINDS = {"excess": "excess_return_pct", "beta_adjusted": "beta_adjusted_return_pct"}
_RETURNS = ("stock_return_pct", "sector_return_pct")
#: Trading days between the features' day and the first close of the label.
SKIP = 1
#: Shumway's (1997) return of a stock dropped by NYSE or AMEX for its performance, where none is on
#: record.
DROPPED_RETURN_PCT = -30.0
#: The logarithm needs something left.
LOWEST_RETURN_PCT = -99.9
_BETA_DAYS, _BETA_MINIMUM, _BETA_WEIGHT = 63, 40, 0.5


def days_to_label_end(horizon: int) -> int:
    """Trading days from the features' day to the close on which a label of `horizon` days is
    complete.
    """
    return horizon + SKIP


#: Trading days that `panels` must reach back before the first day labels are wanted of: a label, a
#: beta, and the close before its first return.
LOOKBACK = days_to_label_end(max(HORIZONS)) + _BETA_DAYS + 1


def labels(panels: Panels, start: date, end: date) -> pl.DataFrame:
    """Rows of `labels`, of every horizon, that became known on the trading days `start` … `end`.

    label of h days = sum of the stock's log returns over t+2 … t+1+h (close t+1 to close t+1+h)
    minus those of the ETF that was its sector's on t, in percent. A renamed stock is followed. A
    delisting counts where it is known by the cutoff of t+1+h; the day after the last trade earns
    the return of its own row where there is one and the stock has none on the next day (as CRSP's
    present format has it), else the delisting's; one without a return counts as DROPPED_RETURN_PCT
    where the stock was dropped. Any other missing return: no label. `beta` is drawn half-way to 1
    (Vasicek 1973 with a fixed weight). `panels` must reach back LOOKBACK days before `start` for
    the same bits whatever the range.
    """
    slope = _beta(panels)
    found = [_rows(panels, window, slope, start, end) for window in _windows(panels)]
    return pl.concat([LABELS.empty(), *found]).sort("label_end_date", "parent_id", "horizon_days")


def known_labels(labels: pl.DataFrame, kind: str = "excess") -> pl.DataFrame:
    """`parent_id, trade_date, horizon_days, label_pct, simple_excess_pct`: the labels of one of
    KINDS that are known, of every horizon in `labels`; and what a dollar in the stock earned beyond
    one in the ETF, in simple returns, which is what money is made of (logs add up over days, simple
    returns over names).
    """
    column = KINDS[kind]
    stock, etf = (100 * ((pl.col(name) / 100).exp() - 1) for name in _RETURNS)
    return labels.filter(pl.col(column).is_finite()).select(
        "parent_id", "trade_date", "horizon_days", label_pct=column, simple_excess_pct=stock - etf
    )


@dataclass(frozen=True)
class _Window:
    """Log returns over the label of each day [day, parent], NaN where there is none, and whether a
    delisting was part of it.
    """

    horizon: int
    stock: np.ndarray
    etf: np.ndarray
    is_delisted: np.ndarray


def _windows(panels: Panels) -> Iterator[_Window]:
    """The labels of each horizon that `panels` is long enough for. Days are added one by one, so
    that any range gives the same bits.
    """
    n_days, shape = panels.days.size, panels.listed.shape
    own, (is_paid, paid, known) = np.log1p(panels.followed_return), _payments(panels)
    stock, etf = np.zeros(shape), np.zeros(shape)
    # Paid out, without a listing on some day before, a delisting with a price of its own on the day
    # before, and position of the day that knows it.
    out = np.zeros(shape, dtype=bool)
    astray = np.zeros(shape, dtype=bool)
    waits = np.zeros(shape, dtype=bool)
    known_day = np.full(shape, n_days)
    for step in range(SKIP + 1, min(days_to_label_end(max(HORIZONS)), n_days - 1) + 1):
        of_etf, of_own = np.log1p(panels.etf_return_ahead(step)), _ahead(own, step, np.nan)
        trades = np.isfinite(of_own)
        # CRSP's present format has the delisting return as a price row of the day after the last:
        # who has none on the next day has been paid by it.
        out = out | (waits & ~trades)
        left = _ahead(is_paid, step, False) & ~out
        pays, waits = left & ~trades, left & trades
        stock = stock + np.where(out, of_etf, np.where(pays, _ahead(paid, step, np.nan), of_own))
        etf = etf + of_etf
        astray = astray | (~out & ~_ahead(panels.is_told, step, False))
        known_day = np.where(left, _ahead(known, step, n_days), known_day)
        out = out | pays
        if step - SKIP in HORIZONS:
            # A stock without a link is followed only where a delisting says what became of it.
            is_known = known_day <= np.arange(n_days)[:, None] + step
            has_end = np.where(out, is_known, ~astray | (waits & is_known))
            yield _Window(step - SKIP, np.where(has_end, stock, np.nan), etf, out)


def _payments(panels: Panels) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Three arrays [day, parent] of the first day after a stock's last: whether it is one, the log
    return of its holders, and the position of the day that knows it.

    NaN for a return that nobody knows.
    """
    row = panels.delisting
    is_paid = row >= 0
    if not is_paid.any() or panels.delistings is None:
        return is_paid, np.full(row.shape, np.nan), np.full(row.shape, -1)
    dropped = pl.when(pl.col("reason") == "dropped").then(DROPPED_RETURN_PCT)
    percent = (
        panels.delistings.select(pl.col("delisting_return_pct").fill_nan(None).fill_null(dropped))
        .to_series()
        .fill_null(np.nan)
        .to_numpy()
    )
    known = np.searchsorted(
        panels.cutoffs, panels.delistings["known_at"].to_numpy().astype("datetime64[us]")
    )
    return is_paid, np.log1p(np.maximum(percent, LOWEST_RETURN_PCT) / 100)[row], known[row]


def _rows(
    panels: Panels, window: _Window, slope: np.ndarray, start: date, end: date
) -> pl.DataFrame:
    """The labels of one horizon as rows."""
    n_days, reach = panels.days.size, days_to_label_end(window.horizon)
    ends = np.full(n_days, np.datetime64("NaT"), dtype="datetime64[D]")
    ends[: n_days - reach] = panels.days[reach:]
    wanted = (ends >= np.datetime64(start)) & (ends <= np.datetime64(end))
    day, parent = np.nonzero(
        np.isfinite(window.stock) & np.isfinite(window.etf) & panels.listed & wanted[:, None]
    )
    identity = panels.identity(day, parent)
    stock, etf, beta = (
        100 * window.stock[day, parent],
        100 * window.etf[day, parent],
        slope[day, parent],
    )
    return LABELS.conform(
        pl.DataFrame(
            {
                "parent_id": panels.parents[parent],
                "trade_date": panels.days[day],
                "ticker": identity["ticker"],
                "sector_etf": identity["sector_etf"],
                "label_end_date": ends[day],
                "stock_return_pct": stock,
                "sector_return_pct": etf,
                "excess_return_pct": stock - etf,
                "beta": beta,
                "beta_adjusted_return_pct": stock - beta * etf,
                "is_delisted": window.is_delisted[day, parent],
            }
        ).with_columns(
            pl.col("beta", "beta_adjusted_return_pct").fill_nan(None),
            horizon_days=pl.lit(window.horizon, pl.Int64),
            # At the cutoff and not at the close: until then a price or a delisting of the last day
            # may come to be known.
            known_at=pl.col("label_end_date").dt.combine(CUTOFF),
        )
    )


def _beta(panels: Panels) -> np.ndarray:
    """Slope of each stock's simple returns on its ETF's as known on each day [day, parent], drawn
    half-way to 1; NaN where unknown.
    """
    from bondsig_assets.features.equity_block import beta  # numba takes a second

    return _BETA_WEIGHT * beta(
        panels.stock_return, panels.etf_return, _BETA_DAYS, _BETA_MINIMUM
    ) + (1 - _BETA_WEIGHT)


def _ahead(values: np.ndarray, steps: int, missing: float) -> np.ndarray:
    """`values` of `steps` days later, `missing` where there is no such day."""
    out = np.full_like(values, missing)
    out[: values.shape[0] - steps] = values[steps:]
    return out
