"""The pictures of the page of results.

Belongs here: matplotlib. Not here: numbers (`report.py` and the studies).
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from bondsig_assets.learning.models.catalogue import CONTROL
from bondsig_assets.reporting.stamp import stamp
from studies.panel_studies import NULL_MODELS
from studies.pooling import pool

_BLUE, _RED, _GREY = "#2a6f97", "#c1121f", "#8d99ae"
_COLORS = (
    *("#c1121f", "#e76f51", "#2a6f97", "#52b788", "#7b2cbf", "#f4a261", "#111111"),
    *("#00b4d8", "#9d0208", "#606c38", "#bc6c25"),
)
_ADDED = "_over_equity"
#: What every study's market is, but those of real data.
SIMULATED = "simulated"
_OF_SLICES = (("bayes_ridge", _RED), ("xgboost", _BLUE))


def draw_cheating(found: dict[str, dict[str, Any]], path: Path) -> None:
    """Bars of XGBoost's IC, honest and with each bias, one panel a market."""
    markets = list(dict.fromkeys(name.split(": ")[0] for name in found))
    figure = Figure(figsize=(10, 3.6))
    panels = np.atleast_1d(figure.subplots(1, len(markets), sharex=True, sharey=True))
    for axes, market in zip(panels, markets, strict=True):
        rows = [
            (name.split(": ")[1], one["models"]["xgboost"])
            for name, one in found.items()
            if name.startswith(f"{market}: ")
        ]
        place = np.arange(len(rows))[::-1]
        errors, colors = (
            [1.96 * one["standard_error"] for _, one in rows],
            [_BLUE if bias == "honest" else _RED for bias, _ in rows],
        )
        axes.barh(
            place, [one["mean_ic"] for _, one in rows], xerr=errors, color=colors, ecolor=_GREY
        )
        axes.set_yticks(place, [bias for bias, _ in rows], fontsize=8)
        axes.axvline(0, color="black", linewidth=0.6)
        axes.set_title(market, loc="left")
        axes.set_xlabel("mean daily size-weighted IC, 95 % interval", fontsize=8)
        axes.spines[["top", "right"]].set_visible(False)
    save(figure, path, SIMULATED)


def draw_nulls(nulls: dict[str, dict[str, Any]], path: Path) -> None:
    """t of the IC added in every null world or draw; the band is |t| < 2."""
    figure = Figure(figsize=(9, 0.8 * len(NULL_MODELS) * len(nulls) + 1))
    axes = figure.add_subplot()
    labels: list[str] = []
    for name, units in nulls.items():
        for model, color in zip(NULL_MODELS, (_RED, _BLUE, "black"), strict=True):
            values = [one["models"][model + _ADDED]["t"] for one in units.values()]
            axes.plot(values, np.full(len(values), len(labels)), "o", color=color, alpha=0.6)
            axes.plot([np.mean(values)], [len(labels)], "|", color="black", markersize=18)
            labels.append(f"{name}, {model}")
    axes.axvspan(-2, 2, color=_GREY, alpha=0.15, linewidth=0)
    axes.axvline(0, color="black", linewidth=0.6)
    axes.set_yticks(range(len(labels)), labels, fontsize=8)
    axes.invert_yaxis()
    axes.set_xlabel("t of the IC added over the equity-only control; bar: their mean")
    axes.spines[["top", "right"]].set_visible(False)
    save(figure, path, SIMULATED)


def draw_power(units: dict[str, Any], path: Path) -> None:
    """Pooled IC added against lead strength, a line a model, the oracle's dashed."""
    groups: dict[float, list[dict[str, Any]]] = {}
    for result in units.values():
        groups.setdefault(result["parameters"]["lead_strength"], []).append(result)
    strengths = sorted(groups)
    figure = Figure(figsize=(8, 4))
    axes = figure.add_subplot()
    models = [
        name
        for name in groups[strengths[0]][0]["models"]
        if not name.endswith(_ADDED) and name not in (CONTROL, "oracle")
    ]
    for model, color in zip(models, _COLORS, strict=False):
        pooled = [pool(groups[strength], model + _ADDED) for strength in strengths]
        axes.errorbar(
            strengths,
            [one.mean for one in pooled],
            yerr=[1.96 * one.error for one in pooled],
            color=color,
            label=model,
            capsize=2,
            linewidth=1.3,
        )
    known = [
        strength
        for strength in strengths
        if all("oracle" in one["models"] for one in groups[strength])
    ]
    axes.plot(
        known,
        [pool(groups[strength], "oracle").mean for strength in known],
        "--",
        color="black",
        label="oracle",
    )
    axes.axhline(0, color="black", linewidth=0.6)
    axes.set_xlabel("lead strength: share of idiosyncratic variance that bonds learn first")
    axes.set_ylabel("IC added over the control, 95 % interval")
    axes.legend(frameon=False, fontsize=8)
    axes.spines[["top", "right"]].set_visible(False)
    save(figure, path, SIMULATED)


def draw_slices(evaluations: Sequence[dict[str, Any]], path: Path, note: str) -> None:
    """Size-weighted IC added in each slice of the market, 95 % intervals, two models side by side;
    `note` as for `save`.
    """
    rows = [
        row
        for row in evaluations
        if row["slice"] != "all"
        and row["model_name"] in [model + _ADDED for model, _ in _OF_SLICES]
    ]
    buckets = sorted({(row["slice"], row["bucket"]) for row in rows})
    figure = Figure(figsize=(8, 0.24 * max(len(buckets), 4) + 1))
    axes = figure.add_subplot()
    for shift, (model, color) in enumerate(_OF_SLICES):
        mine = {
            (row["slice"], row["bucket"]): row
            for row in rows
            if row["model_name"] == model + _ADDED
        }
        place = [k for k, bucket in enumerate(buckets) if bucket in mine]
        found = [mine[buckets[k]] for k in place]
        errors = [1.96 * row["size_weighted_error"] for row in found]
        axes.errorbar(
            [row["size_weighted_ic"] for row in found],
            np.array(place) + 0.25 * shift - 0.12,
            xerr=errors,
            fmt="o",
            color=color,
            markersize=3,
            linewidth=1,
            label=model,
        )
    axes.axvline(0, color="black", linewidth=0.6)
    axes.set_yticks(
        range(len(buckets)), [f"{name}: {bucket}" for name, bucket in buckets], fontsize=7
    )
    axes.invert_yaxis()
    axes.set_xlabel("IC added over the control", fontsize=8)
    axes.legend(frameon=False, fontsize=8)
    axes.spines[["top", "right"]].set_visible(False)
    save(figure, path, note)


def save(figure: Figure, path: Path, note: str) -> None:
    """Write a figure to a file; `note`: what its market is, where that has to be said."""
    figure.tight_layout()
    stamp(figure, note).savefig(path, dpi=110, bbox_inches="tight")
