"""Pictures of monitors: how near each is to ringing, what rang, accuracy against what is expected.

Belongs here: matplotlib figures of the tables monitors, alarms and drift. Not here: numbers nobody
can query.
"""

from __future__ import annotations

from datetime import date, timedelta
from pathlib import Path

import numpy as np
import polars as pl
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from bondsig_assets.monitoring.catalogue import MONITORS
from bondsig_assets.reporting.waterfall import Read

_BLUE, _GREY, _RED = "#2a6f97", "#8d99ae", "#c1121f"
#: Values that a smoothed line is the mean of.
_SMOOTHED = 63
#: Days of a column of the carpet.
_COLUMN_DAYS = 7
_FRESHNESS = "freshness"


def save_monitoring_picture(read: Read, folder: Path, note: str = "") -> Path | None:
    """Draw `monitors.png` into `folder`; nothing where nothing was watched yet. `note`: what the
    market is, where that has to be said.
    """
    figure = draw_monitors(read, None, note)
    if figure is None:
        return None
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "monitors.png"
    figure.savefig(path, dpi=110, bbox_inches="tight")
    return path


def draw_monitors(read: Read, until: date | None = None, note: str = "") -> Figure | None:
    """Three panels up to the evening `until` (the newest where None): how near each monitor came to
    ringing, week by week; the IC against what was expected of it; the share of features whose
    window warns.
    """
    last = until or read("SELECT max(trade_date) AS day FROM monitored_days")["day"][0]
    if last is None:
        return None
    near = read(
        "SELECT trade_date, split_part(monitor, '.', 1) AS monitor, state, statistic, threshold,"
        f" family FROM monitors WHERE trade_date <= DATE '{last}' AND state NOT IN ('no_value',"
        " 'waiting', 'nothing_to_lose') ORDER BY ALL"
    )
    figure = Figure(figsize=(10, 10.5))
    carpet, accuracy, drift = figure.subplots(3, 1, height_ratios=[5.2, 2, 1.4])
    begin = read("SELECT min(trade_date) AS day FROM monitored_days")["day"][0]
    _draw_carpet(figure, carpet, near, begin, last, note)
    _draw_ic(accuracy, read, last)
    _draw_drift(drift, read, last)
    for axes in (carpet, accuracy, drift):
        axes.set_xlim(begin, last + timedelta(days=_COLUMN_DAYS))
    figure.tight_layout()
    return figure


def nearness(rows: pl.DataFrame) -> pl.DataFrame:
    """`rows` of monitors (names without their parts) with `near`: how far a statistic has gone from
    0 to its threshold, of means in logarithms; null where there is none.
    """
    means = [one.name for one in MONITORS if one.how == "mean"]
    share = (
        pl.when(pl.col("monitor").is_in(means))
        .then(pl.col("statistic").log1p() / pl.col("threshold").log1p())
        .otherwise(pl.col("statistic") / pl.col("threshold"))
    )
    return rows.with_columns(near=share.clip(0.0, 1.0))


def _draw_carpet(
    figure: Figure, axes: Axes, near: pl.DataFrame, begin: date, last: date, note: str
) -> None:
    names = [*(one.name for one in MONITORS), _FRESHNESS]
    n_columns = (last - begin).days // _COLUMN_DAYS + 1
    carpet = np.full((len(names), n_columns), np.nan)
    column = (pl.col("trade_date") - begin).dt.total_days() // _COLUMN_DAYS
    weekly = (
        nearness(near)
        .group_by("monitor", column=column)
        .agg(near=pl.col("near").max(), rang=(pl.col("state") == "alarm").any())
        .sort("monitor", "column")
    )
    rang: list[tuple[int, int]] = []
    for name, at, value, is_alarm in weekly.iter_rows():
        row = names.index(name)
        carpet[row, at] = np.nan if value is None else value
        if is_alarm:
            rang.append((row, at))
    edges = [begin + timedelta(days=_COLUMN_DAYS * k) for k in range(n_columns + 1)]
    mesh = axes.pcolormesh(
        np.array(edges, dtype="datetime64[D]"),
        np.arange(len(names) + 1),
        np.ma.masked_invalid(carpet),
        cmap="YlOrRd",
        vmin=0.0,
        vmax=1.0,
    )
    middle = timedelta(days=_COLUMN_DAYS / 2)
    axes.plot(
        np.array([edges[at] + middle for _, at in rang], dtype="datetime64[D]"),
        [row + 0.5 for row, _ in rang],
        "D",
        color="black",
        markersize=5,
        label=f"rang ({len(rang)})",
    )
    axes.set_yticks(np.arange(len(names)) + 0.5, names, fontsize=8)
    axes.invert_yaxis()
    axes.set_facecolor("#eceff3")
    if rang:
        axes.legend(frameon=False, fontsize=8, loc="upper left")
    # Within the panel's own width, so that the days of all panels stand below each other.
    scale = axes.inset_axes((0.72, 1.015, 0.28, 0.018))
    bar = figure.colorbar(mesh, cax=scale, orientation="horizontal", ticks=[0.0, 1.0])
    bar.ax.set_xticklabels(["0", "its threshold"], fontsize=7)
    bar.ax.xaxis.set_ticks_position("top")
    title = "How near each monitor came to ringing, by week; grey: not watched yet"
    axes.set_title(title + (note and f" ({note})"), loc="left", fontsize=10)


def _draw_ic(axes: Axes, read: Read, last: date) -> None:
    rows = read(
        "SELECT value_date, any_value(value) AS value, max(expected) AS expected FROM monitors"
        f" WHERE monitor = 'ic' AND value_date IS NOT NULL AND trade_date <= DATE '{last}' GROUP BY"
        " 1 ORDER BY 1"
    )
    _titled(axes, f"Size-weighted IC, mean of {_SMOOTHED} values, and what was expected of it")
    if rows.is_empty():
        axes.text(0.5, 0.5, "no score has a label yet", ha="center", transform=axes.transAxes)
        return
    days = rows["value_date"].to_list()
    smooth = rows["value"].rolling_mean(_SMOOTHED, min_samples=_SMOOTHED // 3)
    axes.plot(days, smooth, color=_BLUE, label="IC")
    axes.plot(days, rows["expected"], color=_GREY, linestyle="--", label="expected")
    axes.axhline(0.0, color="black", linewidth=0.6)
    rang = read(
        f"SELECT trade_date FROM alarms WHERE family = 'accuracy' AND trade_date <= DATE '{last}'"
        " GROUP BY 1 ORDER BY 1"
    )["trade_date"].to_list()
    for k, day in enumerate(rang):
        axes.axvline(day, color=_RED, linewidth=1, label="accuracy rang" if k == 0 else None)
    axes.legend(frameon=False, fontsize=8, loc="upper left")


def _draw_drift(axes: Axes, read: Read, last: date) -> None:
    rows = read(
        "SELECT trade_date, avg(is_warning::INT) AS share, max(share) FILTER (feature = 'all') AS"
        " of_all FROM drift WHERE share IS NOT NULL AND trade_date <="
        f" DATE '{last}' GROUP BY 1 ORDER BY 1"
    )
    _titled(axes, "Features and kinds whose window warns, %; one in twenty is a quiet day's")
    if rows.is_empty():
        axes.text(
            0.5, 0.5, "too few windows yet to say anything", ha="center", transform=axes.transAxes
        )
        return
    axes.plot(rows["trade_date"].to_list(), 100 * rows["share"], color=_BLUE, linewidth=1)
    axes.axhline(5.0, color=_GREY, linestyle="--", linewidth=1)
    axes.set_ylim(bottom=0.0)


def _titled(axes: Axes, title: str) -> None:
    axes.set_title(title, loc="left", fontsize=10)
    axes.spines[["top", "right"]].set_visible(False)
