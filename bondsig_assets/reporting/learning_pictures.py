"""Pictures of models: what moves them, whether their probabilities hold, how what they know decays.

Belongs here: matplotlib figures of the learning tables. Not here: numbers nobody can query; the
page of one score (`explanation_pictures.py`).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from bondsig_assets.learning.explanation import SPREAD_CHANGE, VOLUME
from bondsig_assets.reporting.waterfall import Read

COLORS = {
    "equity_only": "#8d99ae",
    "champion": "#111111",
    "bayes_ridge": "#005f73",
    "expected_reaction": "#bb3e03",
    "recent_ridge": "#0a9396",
    "residual_trees": "#94a318",
    "ridge": "#c1121f",
    "elastic_net": "#e76f51",
    "xgboost": "#2a6f97",
    "lightgbm": "#52b788",
    "random_forest": "#7b2cbf",
    "lstm": "#f4a261",
    "ensemble": "#6c757d",
}
#: Days of scores that the pictures of contributions show.
_DAYS = 126
_SHOWN_FEATURES, _SHOWN_POINTS = 15, 2500
#: Inches that the name of the colours takes, whatever the number of features.
_LOWEST = 3.2


def color_of(model: str) -> str:
    """The colour of a model, the same in every picture."""
    return COLORS.get(model.removesuffix("_over_equity"), "#2a6f97")


def draw_reliability(bins: Sequence[dict[str, Any]]) -> Figure:
    """Observed share against probability given, a panel a model, with 95 % bands of days drawn in
    blocks; `bins`: rows of `reliability_bins`.
    """
    models = list(dict.fromkeys(row["model_name"] for row in bins))
    columns = min(4, max(len(models), 1))
    lines = -(-max(len(models), 1) // columns)
    figure = Figure(figsize=(2.6 * columns, 2.6 * lines))
    panels = figure.subplots(lines, columns, squeeze=False).ravel()
    for axes, model in zip(panels, models, strict=False):
        rows = [row for row in bins if row["model_name"] == model]
        given = [row["mean_probability"] for row in rows]
        axes.fill_between(
            given,
            [row["low"] for row in rows],
            [row["high"] for row in rows],
            color=color_of(model),
            alpha=0.2,
            linewidth=0,
        )
        axes.plot(
            given,
            [row["observed_share"] for row in rows],
            "o-",
            color=color_of(model),
            markersize=3,
            linewidth=1,
        )
        axes.plot(
            [min(given), max(given)], [min(given), max(given)], "--", color="black", linewidth=0.7
        )
        axes.set_title(model, loc="left", fontsize=8)
        axes.tick_params(labelsize=7)
        _bare(axes)
    for axes in panels[len(models) :]:
        axes.set_visible(False)
    figure.supxlabel("P(underperform) given", fontsize=8)
    figure.supylabel("share that underperformed", fontsize=8)
    figure.tight_layout()
    return figure


def draw_decay(evaluations: Sequence[dict[str, Any]]) -> Figure:
    """Size-weighted IC added over the control by horizon of the label, 95 % intervals, a line a
    model; `evaluations`: rows of that table.
    """
    rows = [
        row
        for row in evaluations
        if row["slice"] == "all"
        and row["model_name"].endswith("_over_equity")
        and row["size_weighted_ic"] is not None
    ]
    figure = Figure(figsize=(8, 3.6))
    axes = figure.add_subplot()
    for shift, model in enumerate(sorted({row["model_name"] for row in rows})):
        mine = sorted(
            (row for row in rows if row["model_name"] == model), key=lambda row: row["horizon_days"]
        )
        place = [row["horizon_days"] + 0.12 * shift for row in mine]
        errors = [1.96 * row["size_weighted_error"] for row in mine]
        axes.errorbar(
            place,
            [row["size_weighted_ic"] for row in mine],
            yerr=errors,
            color=color_of(model),
            label=model.removesuffix("_over_equity"),
            capsize=2,
            linewidth=1.2,
        )
    axes.axhline(0, color="black", linewidth=0.6)
    axes.set_xlabel("horizon of the label, trading days")
    axes.set_title("Size-weighted IC added over the equity-only control", loc="left")
    axes.legend(frameon=False, fontsize=8, loc="upper left", bbox_to_anchor=(1.0, 1.0))
    _bare(axes)
    figure.tight_layout()
    return figure


def draw_tails(tails: Sequence[dict[str, Any]]) -> Figure:
    """Hit rate of high probabilities by level, a panel a side, with 95 % intervals that count
    pieces of news, whose number stands below; `tails`: rows of `probability_tails` of one model.
    """
    figure = Figure(figsize=(9, 3.4))
    panels = figure.subplots(1, 2, sharey=True)
    for axes, side in zip(panels, ("underperform", "outperform"), strict=True):
        rows = [row for row in tails if row["side"] == side and row["hit_rate"] is not None]
        rows.sort(key=lambda row: row["level"])
        place = list(range(len(rows)))
        around = [
            [row["hit_rate"] - row["hit_rate_low"] for row in rows],
            [row["hit_rate_high"] - row["hit_rate"] for row in rows],
        ]
        axes.errorbar(
            place,
            [row["hit_rate"] for row in rows],
            yerr=around,
            fmt="o",
            color=color_of("champion"),
            capsize=2,
            label="came true",
        )
        axes.plot(
            place,
            [row["mean_probability"] for row in rows],
            "_",
            markersize=18,
            color=color_of("bayes_ridge"),
            label="probability given, mean",
        )
        axes.set_xticks(
            place,
            [f"P ≥ {row['level']:.2f}\n{row['n_news_judged']} news" for row in rows],
            fontsize=8,
        )
        axes.axhline(0.5, color="black", linewidth=0.6)
        axes.set_title(f"said to {side}", loc="left", fontsize=9)
        axes.tick_params(axis="y", labelsize=8)
        axes.margins(x=0.15)
        _bare(axes)
    panels[0].legend(frameon=False, fontsize=8, loc="upper left")
    panels[0].set_ylabel("share", fontsize=8)
    figure.tight_layout()
    return figure


def draw_events(events: Sequence[dict[str, Any]]) -> Figure:
    """Mean move of stocks along the news on each day after it, with 95 % intervals, a panel a grade
    and a line a direction; `events`: rows of `news_events`.
    """
    figure = Figure(figsize=(9, 3.4))
    panels = figure.subplots(1, 2, sharey=True)
    colors = {"good": "#2a6f97", "bad": "#c1121f"}
    for axes, grade in zip(panels, ("investment_grade", "high_yield"), strict=True):
        for shift, (direction, color) in enumerate(colors.items()):
            rows = [r for r in events if r["grade"] == grade and r["direction"] == direction]
            rows.sort(key=lambda row: row["days_after"])
            axes.errorbar(
                [row["days_after"] + 0.15 * shift for row in rows],
                [row["mean_move"] for row in rows],
                yerr=[1.96 * (row["move_error"] or 0.0) for row in rows],
                fmt="o-",
                markersize=3,
                linewidth=1,
                capsize=2,
                color=color,
                label=f"{direction} ({max((r['n_news'] for r in rows), default=0)} news)",
            )
        axes.axhline(0, color="black", linewidth=0.6)
        axes.set_title(grade.replace("_", " "), loc="left", fontsize=9)
        axes.set_xlabel("trading days after the news was known", fontsize=8)
        axes.tick_params(labelsize=8)
        axes.legend(frameon=False, fontsize=8)
        _bare(axes)
    panels[0].set_ylabel("mean move along the news, own volatilities", fontsize=8)
    figure.tight_layout()
    return figure


def draw_contributions(
    inputs: np.ndarray, contributions: np.ndarray, names: Sequence[str], title: str
) -> Figure:
    """SHAP summary: a row a feature, a point a score at its contribution, coloured by the input
    from low to high.

    `inputs`, `contributions`: [row, feature]; the features with the largest mean absolute
    contribution are shown, of a model that knows few the others are not.
    """
    if len(inputs) > _SHOWN_POINTS:
        rows = np.linspace(0, len(inputs) - 1, _SHOWN_POINTS).astype(int)
        inputs, contributions = inputs[rows], contributions[rows]
    sizes = np.abs(contributions).mean(axis=0)
    order = np.argsort(-sizes, kind="stable")[: min(_SHOWN_FEATURES, max(1, (sizes > 0).sum()))]
    figure = Figure(figsize=(9, max(0.33 * order.size + 1.2, _LOWEST)))
    axes = figure.add_subplot()
    jitter = np.random.default_rng(0).uniform(-0.32, 0.32, len(inputs))
    for place, column in enumerate(order):
        present = np.isfinite(inputs[:, column])
        axes.scatter(
            contributions[~present, column],
            place + jitter[~present],
            s=3,
            color="#cccccc",
            linewidths=0,
        )
        colors = np.clip(inputs[present, column], -2, 2)
        shown = axes.scatter(
            contributions[present, column],
            place + jitter[present],
            s=3,
            c=colors,
            cmap="coolwarm",
            vmin=-2,
            vmax=2,
            linewidths=0,
        )
    axes.set_yticks(range(order.size), [names[column] for column in order], fontsize=8)
    axes.invert_yaxis()
    axes.axvline(0, color="black", linewidth=0.6)
    axes.set_xlabel(
        "contribution to the predicted normal score (right: expected to outperform)", fontsize=8
    )
    axes.set_title(title, loc="left")
    if order.size:
        bar = figure.colorbar(shown, ax=axes, pad=0.01)
        bar.set_label("input, robust z; grey: missing", fontsize=8)
    _bare(axes)
    figure.tight_layout()
    return figure


def draw_summary(read: Read) -> Figure | None:
    """SHAP summary of the newest champion's last scores."""
    found = _explained(read)
    if found is None:
        return None
    version, names, inputs, contributions = found
    return draw_contributions(inputs, contributions, names, f"What moved the scores of {version}")


def draw_dependence(read: Read) -> Figure | None:
    """Contribution of the spread's change against the change, coloured by trading volume: whether
    the two act together. None where the champion does not listen to the change.
    """
    found = _explained(read)
    if found is None or SPREAD_CHANGE not in found[1] or VOLUME not in found[1]:
        return None
    version, names, inputs, contributions = found
    change, volume = names.index(SPREAD_CHANGE), names.index(VOLUME)
    if not contributions[:, change].any():
        return None
    present = np.isfinite(inputs[:, change]) & np.isfinite(inputs[:, volume])
    figure = Figure(figsize=(7, 4))
    axes = figure.add_subplot()
    colors = np.clip(inputs[present, volume], -2, 2)
    shown = axes.scatter(
        inputs[present, change],
        contributions[present, change],
        s=5,
        c=colors,
        cmap="viridis",
        vmin=-2,
        vmax=2,
        linewidths=0,
    )
    axes.axhline(0, color="black", linewidth=0.6)
    axes.set_xlabel(f"{SPREAD_CHANGE}, robust z")
    axes.set_ylabel("its contribution")
    axes.set_title(f"Spread change and volume together, {version}", loc="left")
    figure.colorbar(shown, ax=axes, pad=0.01).set_label(f"{VOLUME}, robust z", fontsize=8)
    _bare(axes)
    figure.tight_layout()
    return figure


def _explained(read: Read) -> tuple[str, list[str], np.ndarray, np.ndarray] | None:
    """Version, inputs' names, inputs and contributions [score, feature] of the newest champion's
    last scores; None without any.
    """
    newest = read(
        "SELECT model_version, trade_date FROM explanations ORDER BY trade_date DESC LIMIT 1"
    ).to_dicts()
    if not newest:
        return None
    version = newest[0]["model_version"]
    rows = read(
        "SELECT inputs, contributions FROM explanations WHERE model_version = ? AND trade_date > ?"
        f" - INTERVAL {2 * _DAYS} DAY ORDER BY trade_date, parent_id",
        [version, newest[0]["trade_date"]],
    )
    names = read("SELECT features FROM models WHERE model_version = ?", [version])[
        "features"
    ].to_list()
    if not names:
        return None
    arrays = (np.array(rows[name].to_list(), dtype=float) for name in ("inputs", "contributions"))
    return version, list(names[0]), *arrays


def _bare(axes: Axes) -> None:
    axes.spines[["top", "right"]].set_visible(False)
