"""Pictures of the security master: how much of the market reaches a stock.

Belongs here: drawing `security_coverage`. Not here: computing it (`securities/coverage.py`).
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl
from matplotlib.figure import Figure

from bondsig_assets.reporting.stamp import stamp

_COLORS = (
    "#c1121f",
    "#e09f3e",
    "#8d99ae",
    "#6a4c93",
    "#588157",
    "#577590",
    "#bc6c25",
    "#1d3557",
    "#999999",
)


def save_coverage(table: pl.DataFrame, folder: Path, note: str = "") -> list[Path]:
    """Draws `security_coverage` into `folder`; nothing for an empty table. `note`: what the market
    is, where that has to be said.
    """
    if table.is_empty():
        return []
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "security_coverage.png"
    stamp(draw_coverage(table), note).savefig(path, dpi=110, bbox_inches="tight")
    return [path]


def draw_coverage(table: pl.DataFrame) -> Figure:
    """Upper: share of bonds, par and traded par that reach a stock; lower: why the other bonds do
    not.
    """
    figure = Figure(figsize=(9, 5.2))
    upper, lower = figure.subplots(2, 1, sharex=True)
    months = table["month_end_date"].unique().sort()
    linked = (
        pl.DataFrame({"month_end_date": months})
        .join(table.filter(reason="linked"), on="month_end_date", how="left")
        .sort("month_end_date")
    )
    for column, label, color in (
        ("bonds_pct", "bonds", "#2a6f97"),
        ("outstanding_pct", "par outstanding", "#8d99ae"),
        ("traded_pct", "par traded", "#c1121f"),
    ):
        upper.plot(
            months.to_numpy(), linked[column].fill_null(0.0).to_numpy(), label=label, color=color
        )
    upper.set_ylim(0, 102)
    upper.set_title("Share that reaches a stock, as known at each month's end", loc="left")
    upper.legend(frameon=False, fontsize=8, loc="lower right")
    rest = table.filter(pl.col("reason") != "linked")
    bottom = np.zeros(months.len())
    for place, ((reason,), group) in enumerate(
        rest.sort("reason").group_by("reason", maintain_order=True)
    ):
        values = (
            pl.DataFrame({"month_end_date": months})
            .join(group, on="month_end_date", how="left")
            .sort("month_end_date")["bonds_pct"]
            .fill_null(0.0)
            .to_numpy()
        )
        lower.bar(
            months.to_numpy(),
            values,
            bottom=bottom,
            width=25,
            label=str(reason),
            color=_COLORS[place % len(_COLORS)],
        )
        bottom += values
    lower.set_title("Bonds that do not, by reason", loc="left")
    if rest.height:
        lower.legend(frameon=False, fontsize=8)
    else:
        lower.text(
            0.5,
            0.5,
            "none: every bond reaches a stock",
            transform=lower.transAxes,
            ha="center",
            va="center",
            color="#8d99ae",
        )
        lower.set_yticks([])
    for axes in (upper, lower):
        axes.yaxis.set_major_formatter(lambda value, _: f"{value:g} %")
        axes.spines[["top", "right"]].set_visible(False)
    figure.tight_layout()
    return figure
