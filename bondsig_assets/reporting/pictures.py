"""The pictures of a run: waterfall, IC over time, coverage.

Belongs here: matplotlib figures of what is in the tables. Not here: numbers nobody can query.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl
from matplotlib.figure import Figure

from bondsig_assets.reporting.issuer_page import draw_issuer, draw_spreads
from bondsig_assets.reporting.learning_pictures import (
    color_of,
    draw_decay,
    draw_dependence,
    draw_events,
    draw_reliability,
    draw_summary,
    draw_tails,
)
from bondsig_assets.reporting.stamp import stamp
from bondsig_assets.reporting.waterfall import Read, waterfall

_BLUE, _GREY, _RED = "#2a6f97", "#8d99ae", "#c1121f"
#: Longest stretch the running mean of the IC is taken over, in days.
_RUNNING = 63


def save_pictures(read: Read, folder: Path, note: str = "") -> list[Path]:
    """Draw every picture into `folder` and return their paths; one without data is left out, and
    taken away where it was drawn before. `note`: what the market is, where that has to be said.
    """
    folder.mkdir(parents=True, exist_ok=True)
    saved = []
    for name, draw in _DRAWN.items():
        figure, path = draw(read), folder / f"{name}.png"
        if figure is None:
            path.unlink(missing_ok=True)
        else:
            stamp(figure, note).savefig(path, dpi=110, bbox_inches="tight")
            saved.append(path)
    return saved


def draw_judgement(read: Read) -> Figure | None:
    """The reliability diagram of every model."""
    bins = read("SELECT * FROM reliability_bins ORDER BY model_name, bin").to_dicts()
    return draw_reliability(bins) if bins else None


def draw_published_tails(read: Read) -> Figure | None:
    """What came of the champions' high probabilities."""
    rows = read("SELECT * FROM probability_tails WHERE model_name = 'champion'").to_dicts()
    return draw_tails(rows) if any(row["n_hits_of"] for row in rows) else None


def draw_news(read: Read) -> Figure | None:
    """What stocks did after credit news."""
    rows = read("SELECT * FROM news_events").to_dicts()
    return draw_events(rows) if rows else None


def draw_horizons(read: Read) -> Figure | None:
    """How what models add decays with the horizon."""
    rows = read("SELECT * FROM evaluations WHERE slice = 'all'").to_dicts()
    return draw_decay(rows) if rows else None


def draw_busiest(read: Read) -> Figure | None:
    """The page of the issuer whose bonds traded most in the last month, as an example."""
    busiest = read(
        "SELECT parent_id FROM issuer_days WHERE trade_date = (SELECT max(trade_date) FROM"
        " issuer_days) ORDER BY n_trades_21d DESC NULLS LAST, parent_id LIMIT 1"
    )
    return draw_issuer(read, busiest["parent_id"][0]) if busiest.height else None


def draw_waterfall(read: Read) -> Figure | None:
    """Horizontal bars from reports in to trades that stand."""
    table = waterfall(read).filter(pl.col("share").is_not_null())
    if table.height < 2:
        return None
    figure = Figure(figsize=(9, 0.34 * table.height + 1))
    axes = figure.add_subplot()
    total, start = table["rows"][0], 0
    for position, (stage, rows, _) in enumerate(table.iter_rows()):
        whole = not stage.startswith("rejected")
        left = 0 if whole else start + rows
        axes.barh(position, abs(rows), left=left, color=_BLUE if whole else _RED, height=0.7)
        label = f"{abs(rows):,} ({abs(rows) / total:.2%})"
        # Whole bars are long and carry their label inside, rejections have room to their left.
        edge = abs(rows) if whole else left
        axes.text(
            edge - 0.01 * total,
            position,
            label,
            va="center",
            ha="right",
            fontsize=8,
            color="white" if whole else "black",
        )
        start = rows if whole else start + rows
    axes.set_yticks(range(table.height), table["stage"].to_list(), fontsize=8)
    axes.invert_yaxis()
    axes.set_xlim(0, total * 1.02)
    axes.xaxis.set_major_formatter(
        lambda value, _: f"{value / 1e6:.1f}M" if total > 2e6 else f"{value / 1e3:.0f}k"
    )
    axes.set_title("From reports to trades that stand", loc="left")
    axes.spines[["top", "right"]].set_visible(False)
    return figure


def draw_ic(read: Read) -> Figure | None:
    """Running mean of the daily size-weighted IC that each model adds over the equity-only control,
    with its cumulative sum.
    """
    ics = read(
        "SELECT * FROM information_coefficients WHERE size_weighted_ic IS NOT NULL AND (model_name"
        " LIKE '%over_equity' OR model_name = 'equity_only') AND horizon_days = (SELECT"
        " coalesce(max_by(horizon_days, fold), 5) FROM models) ORDER BY model_name, trade_date"
    )
    if ics.is_empty():
        return None
    figure = Figure(figsize=(9, 5.5))
    upper, lower = figure.subplots(2, 1, sharex=True)
    for (name,), group in ics.group_by("model_name", maintain_order=True):
        values, days = group["size_weighted_ic"].to_numpy(), group["trade_date"].to_numpy()
        color = color_of(str(name))
        window = min(_RUNNING, values.size)
        running = np.convolve(values, np.ones(window) / window, mode="valid")
        shown = str(name).replace("_over_equity", ", added")
        upper.plot(days[window - 1 :], running, color=color, label=shown)
        lower.plot(days, np.cumsum(values), color=color, label=shown)
    upper.axhline(0, color="black", linewidth=0.6)
    lower.axhline(0, color="black", linewidth=0.6)
    upper.set_title(f"Daily size-weighted IC, mean of the last {_RUNNING} days", loc="left")
    lower.set_title("Cumulative IC", loc="left")
    for axes in (upper, lower):
        axes.spines[["top", "right"]].set_visible(False)
    figure.tight_layout()
    handles, labels = lower.get_legend_handles_labels()
    figure.legend(
        handles, labels, frameon=False, fontsize=8, loc="center left", bbox_to_anchor=(1.0, 0.5)
    )
    return figure


def draw_coverage(read: Read) -> Figure | None:
    """Share of issuers with a spread, with a CDS quote and with a score, by day."""
    days = read(
        "SELECT i.trade_date, avg((i.spread_bps IS NOT NULL)::INT) AS bonds, avg((i.cds_spread_bps"
        " IS NOT NULL)::INT) AS cds, avg((s.ticker IS NOT NULL)::INT) AS scored FROM issuer_days i"
        " LEFT JOIN scores s USING (parent_id, trade_date) GROUP BY 1 ORDER BY 1"
    )
    if days.is_empty():
        return None
    figure = Figure(figsize=(9, 3.2))
    axes = figure.add_subplot()
    for name, color in (("bonds", _BLUE), ("cds", _RED), ("scored", _GREY)):
        axes.plot(
            days["trade_date"].to_numpy(),
            days[name].to_numpy(),
            color=color,
            label={"bonds": "with a bond spread", "cds": "with a CDS quote"}.get(name, name),
        )
    axes.set_ylim(0, 1.02)
    axes.yaxis.set_major_formatter(lambda value, _: f"{value:.0%}")
    axes.set_title("Share of issuers", loc="left")
    axes.legend(frameon=False, fontsize=8, loc="lower right")
    axes.spines[["top", "right"]].set_visible(False)
    return figure


#: Name of a picture → how it is drawn.
_DRAWN = {
    "waterfall": draw_waterfall,
    "information_coefficient": draw_ic,
    "decay": draw_horizons,
    "reliability": draw_judgement,
    "tails": draw_published_tails,
    "news": draw_news,
    "contributions": draw_summary,
    "dependence": draw_dependence,
    "coverage": draw_coverage,
    "spreads": draw_spreads,
    "issuer": draw_busiest,
}
