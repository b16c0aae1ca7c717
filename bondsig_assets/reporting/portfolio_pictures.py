"""Pictures of target positions: exposures through time, what bound whom, where alpha went.

Belongs here: matplotlib figures of the tables of the group portfolio. Not here: numbers nobody can
query; money (nothing here was traded).
"""

from __future__ import annotations

from datetime import date
from pathlib import Path

import numpy as np
import polars as pl
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from bondsig_assets.reporting.waterfall import Read

_BLUE, _GREY, _RED, _GREEN = "#2a6f97", "#8d99ae", "#c1121f", "#52b788"
#: What takes an expected return away, in the order of `target_positions`, and how it is drawn.
PARTS = {
    "risk_bps": ("risk", _BLUE),
    "trade_bps": ("trading", "#e76f51"),
    "holding_bps": ("borrow and gross", "#f4a261"),
    "exposure_bps": ("bounds on sums", "#7b2cbf"),
    "box_bps": ("own bounds", _GREY),
}
#: Names in the picture of one day.
_SHOWN = 24


def save_portfolio_picture(read: Read, folder: Path, policy: str, note: str = "") -> Path | None:
    """Draw `portfolio.png` into `folder`; nothing where there are no targets of `policy`. `note`:
    what the market is, where that has to be said.
    """
    figure = draw_portfolio(read, policy, note)
    if figure is None:
        return None
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "portfolio.png"
    figure.savefig(path, dpi=110, bbox_inches="tight")
    return path


def draw_portfolio(read: Read, policy: str, note: str = "") -> Figure | None:
    """Gross, net and names, forecast risk, turnover, and what took the expected return away, day by
    day since something was first known.
    """
    days = read(
        f"SELECT * FROM solutions WHERE policy = '{policy}' AND trade_date >= (SELECT"
        " coalesce(min(trade_date) FILTER (gross > 0 OR n_known > 0), min(trade_date)) FROM"
        f" solutions WHERE policy = '{policy}') ORDER BY trade_date"
    )
    if days.is_empty():
        return None
    held = read(
        "SELECT trade_date, count(*) FILTER (shares > 0) AS n_long, count(*) FILTER (shares < 0)"
        f" AS n_short FROM target_positions WHERE policy = '{policy}' AND trade_date >="
        f" DATE '{days['trade_date'][0]}' GROUP BY 1 ORDER BY 1"
    )
    figure = Figure(figsize=(9, 9.5))
    panels = figure.subplots(5, 1, sharex=True)
    when = days["trade_date"].to_list()
    panels[0].plot(when, 100 * days["gross"], color=_BLUE, label="gross")
    panels[0].plot(when, 100 * days["net"], color=_RED, label="net")
    _titled(panels[0], f"Gross and net, % of net asset value ({policy}{note and ', '}{note})")
    panels[1].plot(held["trade_date"], held["n_long"], color=_GREEN, label="long")
    panels[1].plot(held["trade_date"], -held["n_short"].cast(pl.Int64), color=_RED, label="short")
    _titled(panels[1], "Names held, short below 0")
    panels[2].plot(when, days["forecast_risk_pct"], color=_BLUE)
    _titled(panels[2], "Forecast risk, % a day", legend=False)
    panels[3].bar(when, 100 * days["turnover"], width=1.5, color=_GREY)
    _titled(panels[3], "Turnover, % of net asset value a day, buys and sells", legend=False)
    _draw_parts(panels[4], read, policy)
    breached = read(
        f"SELECT trade_date FROM breaches WHERE policy = '{policy}' GROUP BY 1 ORDER BY 1"
    )["trade_date"].to_list()
    if breached:
        low = panels[0].get_ylim()[0]
        panels[0].plot(
            breached, [low] * len(breached), "|", color="black", label="a bound gave way"
        )
        _legend(panels[0])
    figure.tight_layout()
    return figure


def _draw_parts(axes: Axes, read: Read, policy: str) -> None:
    """Share of what is expected of all names that each cost and bound took away, by month."""
    sums = ", ".join(f"sum(abs({name})) AS {name}" for name in PARTS)
    rows = read(
        f"SELECT date_trunc('month', trade_date)::DATE AS month, {sums} FROM target_positions"
        f" WHERE policy = '{policy}' AND alpha_bps <> 0 GROUP BY 1 ORDER BY 1"
    )
    _titled(axes, "Where expected return went, share by month", legend=False)
    if rows.is_empty():
        axes.text(0.5, 0.5, "nothing was expected", ha="center", transform=axes.transAxes)
        return
    values = rows.select(list(PARTS)).fill_null(0.0).to_numpy()
    share = values / np.maximum(values.sum(axis=1, keepdims=True), 1e-12)
    low = np.zeros(rows.height)
    for k, (label, color) in enumerate(PARTS.values()):
        axes.bar(
            rows["month"].to_list(),
            100 * share[:, k],
            bottom=100 * low,
            width=25,
            align="edge",
            color=color,
            label=label,
        )
        low += share[:, k]
    axes.legend(frameon=False, fontsize=8, loc="upper left", bbox_to_anchor=(1.0, 1.0))


def draw_targets(positions: pl.DataFrame, day: date, policy: str, note: str = "") -> Figure | None:
    """Where the expected return of each name of one day went, the largest first, with what is held
    of it; `positions`: rows of `target_positions`.
    """
    rows = (
        positions.filter(pl.col("alpha_bps").abs() + pl.col("weight").abs() > 0)
        .sort(pl.col("weight").abs(), pl.col("alpha_bps").abs(), "ticker", descending=True)
        .head(_SHOWN)
        .reverse()
    )
    if rows.is_empty():
        return None
    figure = Figure(figsize=(9, 1.2 + 0.26 * rows.height))
    left, right = figure.subplots(1, 2, sharey=True, width_ratios=[2, 1])
    place = np.arange(rows.height)
    for sign in (1, -1):
        low = np.zeros(rows.height)
        for name, (label, color) in PARTS.items():
            part = rows[name].fill_null(0.0).to_numpy()
            shown = np.where(np.sign(part) == sign, part, 0.0)
            left.barh(place, shown, left=low, color=color, label=label if sign > 0 else None)
            low += shown
    left.plot(
        rows["alpha_bps"].fill_null(0.0), place, "D", color="black", markersize=4, label="expected"
    )
    left.set_yticks(place, rows["ticker"].to_list(), fontsize=8)
    left.set_title("Expected return over five days, bp, and what took it", loc="left", fontsize=10)
    figure.legend(
        *left.get_legend_handles_labels(), loc="lower center", ncols=6, frameon=False, fontsize=8
    )
    weight = 100 * rows["weight"].to_numpy()
    right.barh(place, weight, color=np.where(weight >= 0, _GREEN, _RED))
    right.set_title(
        f"target, % of net asset value\n{policy}, {day}{note and ', '}{note}",
        loc="left",
        fontsize=10,
    )
    for axes in (left, right):
        axes.axvline(0, color="black", linewidth=0.6)
        _bare(axes)
    figure.tight_layout(rect=(0, 0.9 / (1.2 + 0.26 * rows.height) * 0.5, 1, 1))
    return figure


def _titled(axes: Axes, title: str, legend: bool = True) -> None:
    axes.set_title(title, loc="left", fontsize=10)
    axes.axhline(0, color="black", linewidth=0.6)
    if legend:
        _legend(axes)
    _bare(axes)


def _legend(axes: Axes) -> None:
    """Above the axes, at their right, where no line runs."""
    axes.legend(frameon=False, fontsize=8, loc="lower right", bbox_to_anchor=(1.0, 1.0), ncols=3)


def _bare(axes: Axes) -> None:
    axes.spines[["top", "right"]].set_visible(False)
