"""The page of results and its pictures, made of what the studies left; nothing on it is typed by
hand.

Belongs here: text, tables and pictures of `docs/results.md`. Not here: the studies.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import polars as pl

from bondsig_assets.learning.models.catalogue import CONTROL
from bondsig_assets.learning.statistics import lags_of, newey_west
from bondsig_assets.reporting.learning_pictures import draw_decay, draw_reliability
from studies.chain_studies import MODELS
from studies.money_report import money_sections
from studies.monitoring_report import monitoring_sections
from studies.news_report import news_sections
from studies.panel_studies import NULL_MODELS
from studies.pooling import beyond, pool
from studies.report_pictures import (
    SIMULATED,
    draw_cheating,
    draw_nulls,
    draw_power,
    draw_slices,
    save,
)
from studies.tables import table

Results = dict[str, dict[str, dict[str, Any]]]
ADDED = "_over_equity"
_NULLS = {
    "null worlds": (
        "Worlds without a lead, one seed each: bonds learn nothing that stocks do not learn on the"
        " same day."
    ),
    "permutation": (
        "A world with a lead of 0.20 whose credit features are dealt out anew among the issuers of"
        " each day and sector, then everything is fitted again."
    ),
    "circular shift": (
        "The same world, each issuer's credit history turned by half a year or more, so that it"
        " keeps its own rhythm and loses its place."
    ),
}


def write_report(results: Results, docs: Path, command: str, took: str) -> None:
    """Write results.md and its pictures into `docs`."""
    pictures = docs / "results"
    pictures.mkdir(parents=True, exist_ok=True)
    lines = [*_head(command, took)]
    if "cheating" in results:
        draw_cheating(results["cheating"], pictures / "cheating.png")
        lines += [
            "## The price of cheating",
            "",
            *cheating_table(results["cheating"]),
            "",
            "![The price of cheating](results/cheating.png)",
            "",
            *_CHEATING_NOTES,
            "",
        ]
    lines += news_sections(results)
    lines += money_sections(results)
    lines += monitoring_sections(results)
    nulls = {name: results[name] for name in _NULLS if name in results}
    if nulls:
        draw_nulls(nulls, pictures / "nulls.png")
        lines += [*_null_section(nulls), ""]
    if "power" in results:
        draw_power(results["power"], pictures / "power.png")
        lines += [*_power_section(results["power"]), ""]
    for name, found in results.get("whole chain", {}).items():
        lines += [
            *_chain_section(
                f"From trade reports, {name}",
                found,
                pictures,
                name.replace(" ", "_").replace(".", ""),
            ),
            "",
        ]
    for name, found in results.get("real", {}).items():
        lines += [*_chain_section(f"Real data: {name}", found, pictures, "real"), *_REAL_NOTES, ""]
    (docs / "results.md").write_text("\n".join(lines).rstrip() + "\n", encoding="utf-8")


def _note(stem: str) -> str:
    """What has to be said in a picture: of a simulated market that it is."""
    return "" if stem == "real" else SIMULATED


def _head(command: str, took: str) -> list[str]:
    return [
        "# Results",
        "",
        f"<!-- Made by `{command}`. Do not edit. -->",
        "",
        (
            "As they came, nothing chosen after the fact, nothing tuned on them; seeds are fixed."
            " Made by"
        ),
        "",
        f"    {command}",
        "",
        (
            f"{took}. The IC is the daily correlation of the prediction, whose size counts, with"
            " the 5-day excess return's normal score; *adds* is the IC of what the equity-only"
            " control does not explain of the prediction. t is Newey-West's. The smallest"
            " detectable IC is 2.8 standard errors: an effect that large is found four times in"
            " five, and a mean below it is no evidence either way."
        ),
        "",
    ]


def cheating_table(found: dict[str, dict[str, Any]]) -> list[str]:
    """One row a bias: XGBoost's IC, what it gains on the honest one of the same days, and the
    Sharpe ratio, in each market.
    """
    markets = list(dict.fromkeys(name.split(": ")[0] for name in found))
    biases = list(dict.fromkeys(name.split(": ")[1] for name in found))
    columns = [
        "what was done",
        *(f"{market}: {what}" for market in markets for what in ("IC (t)", "gained (t)", "Sharpe")),
    ]
    rows = []
    for bias in biases:
        cells = []
        for market in markets:
            one, honest = (found[f"{market}: {what}"] for what in (bias, "honest"))
            gain, error = gained(one["daily_ics"], honest["daily_ics"])
            judged = one["models"]["xgboost"]
            cells += [
                f"{judged['mean_ic']:+.4f} ({judged['t']:+.1f})",
                f"{gain:+.4f} ({gain / error:+.1f})" if error > 0 else "",
                f"{judged['sharpe']:+.1f}",
            ]
        rows.append([f"**{bias}**" if bias == "honest" else bias, *cells])
    return table(columns, rows)


def gained(one: dict[str, list[Any]], honest: dict[str, list[Any]]) -> tuple[float, float]:
    """Mean difference of two models' daily ICs over the days that both were judged on, and its
    Newey-West standard error.
    """
    frames = [
        pl.DataFrame(daily, schema={"trade_date": pl.String, "size_weighted_ic": pl.Float64})
        for daily in (one, honest)
    ]
    both = frames[0].join(frames[1], on="trade_date", suffix="_honest").sort("trade_date")
    difference = (both["size_weighted_ic"] - both["size_weighted_ic_honest"]).to_numpy()
    return newey_west(difference, lags_of(5, difference.size))


_CHEATING_NOTES = [
    (
        "XGBoost's size-weighted IC with its t, what it gains on the honest IC of the same days"
        " with the t of that difference, and the annualised Sharpe ratio of its top fifth less"
        " its bottom fifth, held for five days, before costs (the mean over the five days one"
        " may begin on). One simulated market with a strong lead and one with none, the same"
        " reports and seed in every row; each row changes one thing. Same-close fill: bought at"
        " the close of the day whose evening made the features. Hindsight cleaning:"
        " `ex_post_bond_days`. Uncapped volumes: the regulatory view as if it had been seen on"
        " the day. Overlapping labels: cross-validation over rows drawn at random. Full-sample"
        " scaling: mean and standard deviation over all days. Own training years: today's model"
        " scores the past it was fitted on."
    ),
]
_REAL_NOTES = [
    "",
    (
        "Its limits: only companies that still traded when the stock prices were downloaded are in"
        " it (survivors), a handful of dozen names, 5-year CDS and no bonds, so every bond feature"
        " is null. A return found here is evidence of nothing; that the machine runs on real"
        " files is."
    ),
]


def _null_section(nulls: dict[str, dict[str, Any]]) -> list[str]:
    lines = [
        "## Where there is nothing, does it find nothing?",
        "",
        "By chance |t| > 2 comes up about once in twenty; more than 3 of 20 would be a fault.",
        "",
    ]
    rows = []
    for name, units in nulls.items():
        results = list(units.values())
        for model in NULL_MODELS:
            pooled = pool(results, model + ADDED)
            rows.append(
                [
                    name,
                    model,
                    f"{beyond(results, model + ADDED)} of {len(results)}",
                    f"{pooled.mean:+.4f}",
                    _mean_t(results, model + ADDED),
                ]
            )
    lines += table(
        ["test", "model", "\\|t\\| > 2", "mean IC added", "mean t, its standard deviation"], rows
    )
    lines += [
        "",
        *(f"- *{name}*: {_NULLS[name]}" for name in nulls),
        "",
        "![Null tests](results/nulls.png)",
        "",
    ]
    lines += ["t of the IC added, each seed or draw:", ""]
    for name, units in nulls.items():
        for model in NULL_MODELS:
            lines.append(
                f"- {name}, {model}: "
                + ", ".join(f"{one['models'][model + ADDED]['t']:+.2f}" for one in units.values())
            )
    return lines


def _mean_t(results: Sequence[dict[str, Any]], model: str) -> str:
    import numpy as np

    values = np.array([result["models"][model]["t"] for result in results])
    return (
        f"{values.mean():+.2f}, {values.std(ddof=1):.2f}"
        if values.size > 1
        else f"{values.mean():+.2f}"
    )


def by_strength(units: dict[str, Any]) -> dict[float, list[dict[str, Any]]]:
    """Results of the power study by lead strength."""
    found: dict[float, list[dict[str, Any]]] = {}
    for result in units.values():
        found.setdefault(result["parameters"]["lead_strength"], []).append(result)
    return dict(sorted(found.items()))


def tabular(results: Sequence[dict[str, Any]]) -> list[str]:
    """Models of the power study that are neither control nor oracle."""
    return [
        name
        for name in results[0]["models"]
        if not name.endswith(ADDED) and name not in (CONTROL, "oracle")
    ]


def _power_section(units: dict[str, Any]) -> list[str]:
    groups = by_strength(units)
    first = next(iter(groups.values()))
    lines = [
        "## Where there is something, does it find it?",
        "",
        (
            f"{len(first)} worlds of 120 issuers and four years for each strength, pooled. The"
            " oracle sees every piece of news on its day, and knows how news lands but not when;"
            " its IC is its own, for the control adds nothing to it. Worlds of one seed share"
            " their draws at every strength: the rows of one strength are independent of each"
            " other, the strengths are not."
        ),
        "",
    ]
    rows = []
    for strength, results in groups.items():
        ceiling = pool(results, "oracle")
        for model in tabular(results):
            one = pool(results, model + ADDED)
            share = f"{one.mean / ceiling.mean:.0%}" if strength > 0 else ""
            rows.append(
                [
                    f"{strength:.2f}",
                    model,
                    f"{one.mean:+.4f}",
                    f"{one.t:+.1f}",
                    f"{one.detectable:.4f}",
                    share,
                    _range_of_t(results, model + ADDED),
                ]
            )
        if strength > 0:
            rows.append(
                [
                    f"{strength:.2f}",
                    "*oracle*",
                    f"{ceiling.mean:+.4f}",
                    f"{ceiling.t:+.1f}",
                    f"{ceiling.detectable:.4f}",
                    "100%",
                    _range_of_t(results, "oracle"),
                ]
            )
    lines += table(
        [
            "lead",
            "model",
            "IC added",
            "t",
            "smallest detectable, pooled",
            "share of the oracle's",
            "t of single worlds",
        ],
        rows,
    )
    return [
        *lines,
        "",
        "![Power](results/power.png)",
        "",
        (
            "A single world of this size at 0.20 gives the t of the last column, no more: four"
            " years of 120 names, most bonds silent on most days, cannot tell less than about three"
            " times one world's standard error from nothing."
        ),
    ]


def _range_of_t(results: Sequence[dict[str, Any]], model: str) -> str:
    values = sorted(result["models"][model]["t"] for result in results)
    return f"{values[0]:+.1f} … {values[-1]:+.1f}"


def _chain_section(title: str, found: dict[str, Any], pictures: Path, stem: str) -> Iterator[str]:
    whole = [
        row for row in found["evaluations"] if row["slice"] == "all" and row["horizon_days"] == 5
    ]
    yield from (
        f"## {title}",
        "",
        f"    echo 'models = {json.dumps(MODELS)}' > $BONDSIG_HOME/learning.toml",
        f"    bondsig run {' '.join(_shown(found['parameters']['options']))}",
        "",
    )
    if not whole:
        yield "No fold could be judged."
        return
    yield f"{whole[0]['n_days']} days, {whole[0]['first_date']} to {whole[0]['last_date']}."
    yield ""
    ordered = sorted(
        whole, key=lambda row: (not row["model_name"].endswith(ADDED), row["model_name"])
    )
    yield from table(
        [
            "model",
            "size-weighted IC",
            "t",
            "smallest detectable",
            "rank IC, small scores tied (t)",
            "rank IC (t)",
            "OOS R2",
            "hit rate (95 %)",
            "top less bottom tenth, 5 days",
        ],
        [
            [
                _name(row["model_name"]),
                f"{row['size_weighted_ic']:+.4f}",
                _number(row["size_weighted_t"], "+.2f"),
                f"{row['smallest_detectable_size_weighted_ic']:.4f}",
                f"{row['tied_rank_ic']:+.4f}" + _in_brackets(row["tied_rank_t"]),
                f"{row['mean_ic']:+.4f} ({row['t_statistic']:+.1f})",
                _number(row["oos_r2_pct"], "+.3f", " %"),
                _hits(row),
                _number(row["decile_spread_pct"], "+.3f", " %"),
            ]
            for row in ordered
        ],
    )
    yield from ("", "By horizon of the label, size-weighted IC added (t):", "")
    yield from _decay(found["evaluations"])
    save(draw_decay(found["evaluations"]), pictures / f"decay_{stem}.png", _note(stem))
    yield from ("", f"![By horizon](results/decay_{stem}.png)")
    draw_slices(found["evaluations"], pictures / f"slices_{stem}.png", _note(stem))
    yield from ("", f"![By slice](results/slices_{stem}.png)", "")
    yield from _probability(found, pictures, stem)
    yield from _overfitting(found)
    yield from _importances(found)
    yield from (
        "",
        f"Champions: {len({row['model_version'] for row in found['champions']})} models over"
        f" {len(found['champions'])} quarters; "
        + ", ".join(
            f"{count} {decision}"
            for decision, count in _counts(row["decision"] for row in found["champions"]).items()
        )
        + ".",
    )


def _shown(options: Sequence[str]) -> list[str]:
    """Options without the place of files on the machine the page was made on."""
    shown = [
        "DIR" if before == "--data" else one
        for before, one in zip(["", *options], options, strict=False)
    ]
    return (
        [*shown, "--config", "examples/credit_2006_2012/source.toml"]
        if "files" in options
        else shown
    )


def _name(model: str) -> str:
    return f"**{model.removesuffix(ADDED)} adds**" if model.endswith(ADDED) else model


def _number(value: float | None, form: str, unit: str = "") -> str:
    return "" if value is None else f"{value:{form}}{unit}"


def _in_brackets(t: float | None) -> str:
    return "" if t is None else f" ({t:+.1f})"


def _hits(row: dict[str, Any]) -> str:
    return (
        ""
        if row["hit_rate"] is None
        else f"{row['hit_rate']:.1%} ({row['hit_rate_low']:.1%} to {row['hit_rate_high']:.1%})"
    )


def _decay(evaluations: Sequence[dict[str, Any]]) -> list[str]:
    rows = [
        row for row in evaluations if row["slice"] == "all" and row["model_name"].endswith(ADDED)
    ]
    horizons, models = (
        sorted({row["horizon_days"] for row in rows}),
        sorted({row["model_name"] for row in rows}),
    )
    cells = {
        (
            row["model_name"],
            row["horizon_days"],
        ): f"{row['size_weighted_ic']:+.4f}" + _in_brackets(row["size_weighted_t"])
        for row in rows
    }
    return table(
        ["model", *(f"{h} days" for h in horizons)],
        [
            [model.removesuffix(ADDED), *(cells.get((model, h), "") for h in horizons)]
            for model in models
        ],
    )


def _probability(found: dict[str, Any], pictures: Path, stem: str) -> Iterator[str]:
    path = pictures / f"reliability_{stem}.png"
    save(draw_reliability(found["reliability_bins"]), path, _note(stem))
    yield from ("Probabilities, against the base rate known before each fold:", "")
    yield from table(
        ["model", "Brier", "skill", "calibration error", "lowest to highest"],
        [
            [
                row["model_name"],
                f"{row['brier_score']:.5f}",
                f"{row['brier_skill']:+.5f}",
                f"{row['calibration_error']:.4f}",
                f"{row['lowest_probability']:.3f} to {row['highest_probability']:.3f}",
            ]
            for row in found["probability_evaluations"]
        ],
    )
    yield from (
        "",
        f"![Reliability](results/reliability_{stem}.png)",
        "",
        "What a rule on the champion's probability would have given:",
        "",
    )
    yield from table(
        ["rule", "signals a day", "days fired", "hit rate (95 %)"],
        [
            [
                row["rule"],
                f"{row['signals_per_day']:.2f}",
                f"{row['n_days_fired']} of {row['n_days']}",
                _hits(row) or "**never fired**",
            ]
            for row in found["thresholds"]
        ],
    )


def _overfitting(found: dict[str, Any]) -> Iterator[str]:
    rows = found["overfitting"]
    if not rows:
        return
    pbo = rows[0]["overfitting_probability"]
    yield from (
        "",
        f"Luck of the search: {rows[0]['n_trials']} trials logged"
        f" ({rows[0]['effective_trials']:.1f} effective); probability of backtest overfitting "
        + (f"{pbo:.0%}." if pbo is not None else "not judged (too few periods)."),
        "",
    )
    yield from table(
        [
            "trial",
            "Sharpe before costs",
            "its range over the days one may begin on",
            "probability that it is above luck (DSR)",
        ],
        [
            [
                row["model_name"],
                f"{row['sharpe_ratio']:+.2f}",
                f"{row['lowest_sharpe_ratio']:+.2f} to {row['highest_sharpe_ratio']:+.2f}",
                _number(row["deflated_sharpe_probability"], ".0%"),
            ]
            for row in rows
        ],
    )


def _importances(found: dict[str, Any]) -> Iterator[str]:
    stable = {row["model_name"]: row["rank_correlation"] for row in found["stability"]}
    yield from (
        "",
        (
            "What moves the models (share of mean |SHAP|, mean over folds), and how alike"
            " importances are from fold to fold (rank correlation):"
        ),
        "",
    )
    models = [
        name
        for name in dict.fromkeys(row["model_name"] for row in found["importances"])
        if name != CONTROL
    ]
    rows = []
    for model in models:
        top = [row for row in found["importances"] if row["model_name"] == model][:5]
        rows.append(
            [
                model,
                ", ".join(f"`{row['feature']}` {row['share']:.0%}" for row in top),
                _number(stable.get(model), ".2f"),
            ]
        )
    yield from table(["model", "five largest", "stability"], rows)


def _counts(values: Any) -> dict[str, int]:
    found: dict[str, int] = {}
    for value in values:
        found[value] = found.get(value, 0) + 1
    return found
