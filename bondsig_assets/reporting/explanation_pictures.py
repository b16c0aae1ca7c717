"""Pictures of what moved a score.

Belongs here: drawing contributions. Not here: computing them (`learning/models/`), reading them
(`score_trail.py`).
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

_UP, _DOWN, _GREY = "#2a6f97", "#c1121f", "#8d99ae"
SHOWN = 12


def draw_waterfall_of_score(
    names: Sequence[str],
    values: Sequence[float | None],
    contributions: Sequence[float],
    base: float,
    title: str,
) -> Figure:
    """Horizontal bars from `base` to the prediction: the SHOWN largest contributions, then the rest
    in one bar.

    `names`, `values`, `contributions`: one per feature, in any order; a value may be None where it
    is missing.
    """
    order = sorted(range(len(names)), key=lambda k: -abs(contributions[k]))
    shown, others = order[:SHOWN], order[SHOWN:]
    labels = [f"{names[k]} = {_value(values[k])}" for k in shown]
    sizes = [contributions[k] for k in shown]
    if others:
        labels.append(f"{len(others)} others")
        sizes.append(math.fsum(contributions[k] for k in others))
    ends = base + np.cumsum([0.0, *sizes])
    figure = Figure(figsize=(9, 1.6 + 0.38 * len(sizes)))
    axes = figure.subplots()
    place = np.arange(len(sizes))
    axes.barh(
        place,
        sizes,
        left=ends[:-1],
        color=[_UP if size >= 0 else _DOWN for size in sizes],
        height=0.66,
    )
    axes.vlines(ends[1:-1], place[:-1] - 0.33, place[1:] + 0.33, color=_GREY, linewidth=0.7)
    width = float(np.ptp(ends)) or 1.0
    for k, size in enumerate(sizes):
        axes.text(
            max(ends[k], ends[k + 1]) + 0.012 * width, k, f"{size:+.4f}", va="center", fontsize=8
        )
    _mark(axes, float(base), -1.0, f"base value {base:+.4f}")
    _mark(axes, float(ends[-1]), float(len(sizes)), f"prediction {ends[-1]:+.4f}")
    axes.set_ylim(len(sizes) + 0.4, -1.4)
    axes.set_yticks(place, labels, fontsize=8)
    axes.set_xlim(ends.min() - 0.08 * width, ends.max() + 0.12 * width)
    axes.set_xlabel("Predicted normal score (right: expected to outperform its sector)", fontsize=8)
    axes.tick_params(axis="x", labelsize=8)
    axes.spines[["top", "right", "left"]].set_visible(False)
    axes.tick_params(axis="y", length=0)
    figure.suptitle(title, x=0.01, ha="left", fontsize=11)
    figure.tight_layout()
    return figure


def _mark(axes: Axes, at: float, row: float, text: str) -> None:
    """A line through all bars at a value, named in a row of its own."""
    axes.axvline(at, color="black", linewidth=0.6, linestyle=":", zorder=0)
    axes.text(
        at,
        row,
        text,
        ha="center",
        va="center",
        fontsize=8,
        bbox={"facecolor": "white", "edgecolor": "none", "pad": 1.5},
    )


def _value(value: float | None) -> str:
    return "missing" if value is None or math.isnan(value) else f"{value:.4g}"
