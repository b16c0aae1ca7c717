"""The way of the data as one picture, for the README.

Belongs here: drawing the stages of a home with the rows that each holds. Not here: pictures of what
the rows say (`bondsig_assets/reporting/`), and which picture stands where (`page_pictures.py`).
"""

from __future__ import annotations

from pathlib import Path

import matplotlib

matplotlib.use("Agg")
from matplotlib import pyplot as plt
from matplotlib.patches import FancyBboxPatch

from bondsig_assets.home import Home
from bondsig_assets.tables.issuer_features import FEATURES
from bondsig_assets.warehouse import Warehouse

#: Title of a stage, what it holds, and the query that counts it.
_STAGES = (
    ("TRACE reports", "as delivered", "SELECT count(*) FROM trace_reports"),
    ("trades", "that stand now", "SELECT count(*) FROM trades"),
    ("bond days", "price, yield, spread", "SELECT count(*) FROM bond_days"),
    ("issuer days", "{features} features each", "SELECT count(*) FROM issuer_days"),
    ("models", "refitted each quarter", "SELECT count(*) FROM models"),
    ("scores", "with their reasons", "SELECT count(*) FROM scores"),
    ("signals", "worth acting on", "SELECT count(*) FROM signals"),
)
_WIDTH, _GAP = 1.62, 0.34
_INK, _PAPER, _LINE = "#1b2a3a", "#eef3f8", "#5b7a99"


def draw(counts: list[tuple[str, str, int]], beside: str, path: Path) -> None:
    """Boxes from left to right with (title, meaning, rows), and one line below."""
    whole = len(counts) * (_WIDTH + _GAP) - _GAP
    figure, axes = plt.subplots(figsize=(whole * 0.92, 1.75), dpi=150)
    for place, (title, meaning, rows) in enumerate(counts):
        left = place * (_WIDTH + _GAP)
        box = FancyBboxPatch(
            (left, 0), _WIDTH, 1, boxstyle="round,pad=0.02", fc=_PAPER, ec=_LINE, lw=1.2
        )
        axes.add_patch(box)
        middle = left + _WIDTH / 2
        axes.text(
            middle, 0.78, title, ha="center", va="center", weight="bold", fontsize=9, color=_INK
        )
        axes.text(middle, 0.46, f"{rows:,}", ha="center", va="center", fontsize=13, color=_INK)
        axes.text(middle, 0.17, meaning, ha="center", va="center", fontsize=7.2, color=_LINE)
        if place:
            axes.annotate(
                "",
                (left - 0.03, 0.5),
                (left - _GAP + 0.05, 0.5),
                arrowprops={"arrowstyle": "-|>", "color": _LINE, "lw": 1.4},
            )
    axes.text(whole / 2, -0.3, beside, ha="center", va="center", fontsize=8, color=_LINE)
    axes.set(xlim=(-0.05, whole + 0.05), ylim=(-0.5, 1.08))
    axes.axis("off")
    figure.savefig(path, bbox_inches="tight", pad_inches=0.03, facecolor="white")
    plt.close(figure)


def draw_way(home: Home, path: Path) -> Path:
    """Count the stages of `home` and draw them into `path`, which is returned."""
    read = Warehouse(home.path).read
    counts = [
        (title, meaning.format(features=len(FEATURES)), int(read(query).item()))
        for title, meaning, query in _STAGES
    ]
    market, dates = home.market(), home.date_range()
    assert market is not None and dates is not None
    stood = "beside them stock prices, ETFs, CDS quotes, Treasury curves, terms, ratings, filings"
    draw(counts, f"{market.describe()}, {dates[0]} to {dates[1]}; {stood}", path)
    return path
