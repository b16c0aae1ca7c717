"""One budget of false alarms, split over all monitors.

Belongs here: shares, and the days between false alarms that follow. Not here: thresholds
(`sequential.py`, `jumps.py`), drift, which warns beside the budget.

False alarms of several monitors add up at most: 1/D <= Σ 1/Dᵢ, D the mean days between two of all
of them, so shares that add up to one keep the promise whatever depends on what.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import polars as pl

from bondsig_assets.market_rules import TRADING_DAYS_PER_YEAR
from bondsig_assets.monitoring.catalogue import BY_NAME, MONITORS
from bondsig_assets.monitoring.settings import MonitoringSettings

#: A weight below this part of all is one for nobody.
_LEAST = 1e-9
#: Columns of what `split` returns.
SCHEMA = {
    "monitor": pl.String,
    "family": pl.String,
    "share": pl.Float64,
    "years": pl.Float64,
    "run_length_days": pl.Float64,
}


def split(
    settings: MonitoringSettings, parts: Mapping[str, Iterable[str]] | None = None
) -> pl.DataFrame:
    """A row a watched series: its share of the budget, the years between its false alarms and the
    same in days, which count days with a value.

    A family has its weight over the weights of all, whether or not it can be watched yet, so that
    a threshold does not move when another series begins; its monitors share equally, and so do the
    `parts` of one that has some: volumes and missing, each name a series `monitor.part`. A monitor
    with `parts` that are empty leaves its share unspent. One that is not watched (`without`, weight
    0) has no row.
    """
    weights = settings.budget.weights
    total = sum(weights.values())
    rows = []
    for family, weight in weights.items():
        names = [one.name for one in MONITORS if one.family == family]
        watched = [name for name in names if name not in settings.without]
        if weight < _LEAST * total or not watched:
            continue
        share = weight / total / len(watched)
        for name in watched:
            series = _series(name, parts or {})
            for one in series:
                of_one = share / len(series)
                days = settings.years * TRADING_DAYS_PER_YEAR / of_one
                rows.append((one, family, of_one, settings.years / of_one, days))
    return pl.DataFrame(rows, schema=SCHEMA, orient="row")


def _series(name: str, parts: Mapping[str, Iterable[str]]) -> list[str]:
    """The series of one monitor."""
    if BY_NAME[name].family != "data":
        return [name]
    return [f"{name}.{part}" for part in sorted(parts.get(name, ()))]


def run_lengths(budget: pl.DataFrame) -> dict[str, float]:
    """Series → mean days between its false alarms."""
    return dict(budget.select("monitor", "run_length_days").iter_rows())


def as_text(budget: pl.DataFrame, settings: MonitoringSettings) -> str:
    """The budget in words, a line a monitor, the parts of one together."""
    lines = [f"One false alarm in {settings.years:g} years, all monitors together:"]
    grouped = (
        budget.with_columns(pl.col("monitor").str.split(".").list.first())
        .group_by("monitor", "family", maintain_order=True)
        .agg(pl.len(), pl.col("share").sum(), pl.col("years").first())
    )
    for name, family, n, share, years in grouped.iter_rows():
        each = f", {n} series, one in {years:,.0f} years each" if n > 1 else ""
        lines.append(
            f"{name} ({family}): {100 * share:.1f} %, one in {settings.years / share:,.0f} years"
            f"{each}"
        )
    if (left := 1 - budget["share"].sum()) > 1e-9:
        lines.append(f"not spent: {100 * left:.1f} %")
    return "\n".join(lines)
