"""One company on one time axis: spread, curve, volume, basis and stock; and the market's spreads
over time.

Belongs here: matplotlib figures of `issuer_days` and prices. Not here: what runs draw for
themselves (`pictures.py` calls these too), and computing anything that is not in a table.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import date

import numpy as np
import polars as pl
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.dates import AutoDateLocator
from matplotlib.figure import Figure
from matplotlib.ticker import Locator, LogLocator, MaxNLocator, NullFormatter

from bondsig_assets.market_rules import HIGH_YIELD_RATING
from bondsig_assets.reporting.waterfall import Read

_BLUE, _GREY, _RED, _GREEN = "#2a6f97", "#8d99ae", "#c1121f", "#588157"
_COLUMNS = (
    "trade_date, ticker, sector, spread_bps, filtered_spread_bps, filtered_spread_sd_bps,"
    " spread_bps - spread_vs_sector_median AS peers_bps, spread_slope_10y2y,"
    " corp_curve_slope_10y2y, curve_extrapolation_flag, trace_volume_zscore_5d,"
    " volume_spike_direction, cds_bond_basis_bps, cds_spread_bps, n_bonds_traded"
)


def draw_issuer(read: Read, parent_id: str, until: date = date.max) -> Figure | None:
    """Spread, curve, volume, basis and stock of a parent up to a day; None when it has no days."""
    days = read(
        f"SELECT {_COLUMNS} FROM issuer_days WHERE parent_id = ? AND trade_date <= ? ORDER BY"
        " trade_date",
        [parent_id, until],
    )
    if days.is_empty():
        return None
    prices = read(
        "SELECT i.trade_date, p.adjusted_close_usd, p.total_return_pct FROM issuer_days i JOIN"
        " equity_prices p ON p.ticker = i.ticker AND p.trade_date = i.trade_date WHERE i.parent_id"
        " = ? AND i.trade_date <= ? ORDER BY 1",
        [parent_id, until],
    )
    figure = Figure(figsize=(10, 11))
    spread, curve, volume, basis, stock = figure.subplots(
        5, 1, sharex=True, height_ratios=(3, 2, 2, 2, 2)
    )
    at = days["trade_date"].to_numpy()
    _spread(spread, at, days)
    _slopes(curve, at, days)
    _volume(volume, at, days)
    _basis(basis, at, days)
    if prices.height:
        growth = np.cumprod(
            1
            + np.nan_to_num(prices["total_return_pct"].cast(pl.Float64).fill_null(0.0).to_numpy())
            / 100
        )
        stock.plot(prices["trade_date"].to_numpy(), 100 * growth / growth[0], color=_BLUE)
    _title(stock, "Stock, dividends included, first day = 100")
    newest = days.row(-1, named=True)
    figure.suptitle(
        f"{newest['ticker']} ({newest['sector']}), as known at each day's cutoff",
        x=0.01,
        ha="left",
        fontsize=13,
    )
    figure.tight_layout()
    return figure


def _values(days: pl.DataFrame, name: str) -> np.ndarray:
    return days[name].cast(pl.Float64).fill_null(np.nan).to_numpy()


def _title(axes: Axes, text: str) -> None:
    axes.set_title(text, loc="left", fontsize=9)
    axes.spines[["top", "right"]].set_visible(False)
    if axes.get_legend_handles_labels()[0]:
        axes.legend(
            frameon=False,
            fontsize=8,
            ncols=3,
            loc="lower right",
            bbox_to_anchor=(1.0, 0.98),
            borderpad=0,
        )


def _spread(axes: Axes, at: np.ndarray, days: pl.DataFrame) -> None:
    level, mean, sd = (
        _values(days, name)
        for name in ("spread_bps", "filtered_spread_bps", "filtered_spread_sd_bps")
    )
    axes.fill_between(
        at,
        mean - 2 * sd,
        mean + 2 * sd,
        color=_BLUE,
        alpha=0.18,
        linewidth=0,
        label="filtered, ± 2 sd",
    )
    axes.plot(at, level, color=_BLUE, linewidth=1.0, label="spread at 5 years")
    axes.plot(
        at, _values(days, "peers_bps"), color=_GREY, linewidth=1.0, label="median of its peers"
    )
    _title(axes, "Credit spread, bps")


def _slopes(axes: Axes, at: np.ndarray, days: pl.DataFrame) -> None:
    slope = _values(days, "spread_slope_10y2y")
    beyond = _values(days, "curve_extrapolation_flag") > 0
    axes.plot(
        at,
        np.where(beyond, np.nan, slope),
        color=_BLUE,
        linewidth=1.0,
        label="from its own bonds at both ends",
    )
    axes.plot(at, np.where(beyond, slope, np.nan), color=_GREY, linewidth=1.0, label="extrapolated")
    axes.axhline(0, color="black", linewidth=0.5)
    _title(axes, "Slope of the spread curve, 10 years minus 2 years, bps")


def _volume(axes: Axes, at: np.ndarray, days: pl.DataFrame) -> None:
    axes.plot(
        at,
        _values(days, "trace_volume_zscore_5d"),
        color=_GREY,
        linewidth=1.0,
        label="par over 5 days, z",
    )
    direction = _values(days, "volume_spike_direction")
    for sign, color, label in (
        (1, _GREEN, "spike, customers buy"),
        (-1, _RED, "spike, customers sell"),
    ):
        axes.scatter(
            at[direction == sign],
            _values(days, "trace_volume_zscore_5d")[direction == sign],
            color=color,
            s=14,
            label=label,
            zorder=3,
        )
    axes.axhline(0, color="black", linewidth=0.5)
    _title(axes, "Volume")


def _basis(axes: Axes, at: np.ndarray, days: pl.DataFrame) -> None:
    if np.isfinite(_values(days, "cds_spread_bps")).any():
        axes.plot(
            at, _values(days, "cds_spread_bps"), color=_GREY, linewidth=1.0, label="CDS, 5 years"
        )
        axes.plot(
            at,
            _values(days, "cds_bond_basis_bps"),
            color=_RED,
            linewidth=1.0,
            label="CDS-bond basis",
        )
        axes.axhline(0, color="black", linewidth=0.5)
    else:
        axes.text(
            0.5,
            0.5,
            "no CDS quoted",
            transform=axes.transAxes,
            ha="center",
            va="center",
            color=_GREY,
        )
        axes.set_yticks([])
    _title(axes, "CDS and basis, bps")


def _plain_numbers(axis: Axis) -> None:
    """50, 100, 200 … on a logarithmic axis."""
    axis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0)))
    axis.set_major_formatter(lambda value, _: f"{value:g}")
    axis.set_minor_formatter(NullFormatter())


def draw_spreads(read: Read) -> Figure | None:
    """The market's spreads over time (median, middle half, middle 90 %), and how they are
    distributed on the newest day.
    """
    days = read(
        "SELECT trade_date, quantile_cont(spread_bps, [0.05, 0.25, 0.5, 0.75, 0.95]) AS q,"
        " count(spread_bps) AS n FROM issuer_days WHERE spread_bps IS NOT NULL GROUP BY 1 ORDER"
        " BY 1"
    )
    if days.is_empty():
        return None
    newest = read(
        f"SELECT spread_bps, coalesce(rating_number >= {HIGH_YIELD_RATING}, false) AS is_high_yield"
        " FROM issuer_days WHERE trade_date = (SELECT max(trade_date) FROM issuer_days) AND"
        " spread_bps > 0 ORDER BY parent_id"
    )
    figure = Figure(figsize=(11, 4))
    left, right = figure.subplots(1, 2, width_ratios=(3, 2))
    at, bands = days["trade_date"].to_numpy(), np.array(days["q"].to_list())
    left.fill_between(
        at, bands[:, 0], bands[:, 4], color=_BLUE, alpha=0.15, linewidth=0, label="5 to 95 %"
    )
    left.fill_between(
        at, bands[:, 1], bands[:, 3], color=_BLUE, alpha=0.3, linewidth=0, label="25 to 75 %"
    )
    left.plot(at, bands[:, 2], color=_BLUE, label="median")
    left.set_yscale("log")
    _plain_numbers(left.yaxis)
    dates: Callable[..., Locator] = AutoDateLocator
    left.xaxis.set_major_locator(dates(minticks=3, maxticks=6))
    _title(left, "Issuer spreads, bps")
    if newest.height:
        spreads = newest["spread_bps"].to_numpy()
        edges = np.geomspace(max(spreads.min(), 1.0), spreads.max() * 1.001, 30)
        groups = [spreads[newest["is_high_yield"].to_numpy() == high] for high in (False, True)]
        right.hist(
            groups,
            bins=edges,
            stacked=True,
            color=[_BLUE, _RED],
            label=["IG or unrated", "high yield"],
        )
        right.yaxis.set_major_locator(MaxNLocator(integer=True))
        right.set_xscale("log")
        _plain_numbers(right.xaxis)
    right.set_xlabel("spread, bps", fontsize=8)
    _title(right, f"Issuers on {at[-1]}")
    figure.tight_layout()
    return figure
