"""Sections of the page of results that tell of news: power, false discovery, the goal, the ceiling,
the size of each statistic.

Belongs here: their text and tables. Not here: the page (`report.py`), the studies.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from studies.ceiling_studies import CEILING_STUDY
from studies.champions import CHAMPION
from studies.news_judging import LEVELS, SIDES
from studies.news_studies import CHAIN_STUDY, KINDS, STUDY, case_name
from studies.pooling import Pooled, hit_rate_of_pieces, pool_rows
from studies.tables import table

Worlds = list[dict[str, Any]]
_MODELS = (CHAMPION, *KINDS)
_STATISTICS = {
    "probability": "IC of -Φ⁻¹(P), size-weighted",
    "size_weighted": "IC of the score, size-weighted",
    "added": "what it adds over the control, size-weighted",
    "tied": "what it adds, rank IC with small scores tied",
    "log_gain": "log score over the base rate",
}


def news_sections(results: dict[str, dict[str, dict[str, Any]]]) -> Iterator[str]:
    """Every section there are results for."""
    cases = by_case(results.get(STUDY, {}))
    ceilings = by_case(results.get(CEILING_STUDY, {}))
    if cases:
        yield from (*_POWER_TEXT, "")
        yield from power_table(cases)
        yield from ("", *_TAILS_TEXT, "")
        yield from tails_table(cases)
        yield ""
    if ceilings:
        yield from (*_CEILING_TEXT, "")
        yield from ceiling_table(ceilings)
        yield ""
    chains = by_case(results.get(CHAIN_STUDY, {}))
    if chains:
        yield from (*_GOAL_TEXT, "")
        yield from power_table(chains)
        yield ""
        yield from tails_table(chains)
        yield from ("", "Each world:", "")
        yield from world_table(results[CHAIN_STUDY])
        yield ""
    if cases:
        yield from (*_SIZE_TEXT, "")
        yield from size_table(cases)
        yield ""


def by_case(units: dict[str, dict[str, Any]]) -> dict[str, Worlds]:
    """Results by kind of world, in the order of the units."""
    found: dict[str, Worlds] = {}
    for one in units.values():
        given = one["parameters"]
        name = case_name(
            given["lead_strength"],
            given.get("lead_shape", "sparse"),
            given.get("lead_path", "constant"),
        )
        found.setdefault(name, []).append(one)
    return found


def power_table(cases: dict[str, Worlds]) -> list[str]:
    """A row a kind of world and model."""
    rows = []
    for case, worlds in cases.items():
        for model in _MODELS:
            of = [one["models"][model] for one in worlds]
            probability, added = (_pooled(of, name) for name in ("probability", "added"))
            gain = _pooled(of, "log_gain")
            rows.append(
                [
                    f"{case} ({len(worlds)})",
                    model,
                    _mean(probability),
                    f"{probability.t:+.1f}",
                    _mean(added),
                    f"{1e4 * gain.mean:+.1f} ({gain.t:+.1f})",
                    f"{beyond_two(of, 'probability')} of {len(of)}",
                    f"{max(one['highest'] for one in of):.3f}",
                    _oracle(worlds) if model == CHAMPION else "",
                ]
            )
    return table(
        [
            "world (seeds)",
            "model",
            "IC of -Φ⁻¹(P)",
            "pooled t",
            "IC added",
            "log score, 1e-4 nats (t)",
            "\\|t\\| > 2",
            "highest P",
            "oracle's IC",
        ],
        rows,
    )


def tails_table(cases: dict[str, Worlds]) -> list[str]:
    """A row a kind of world in which the champion reached a level."""
    rows = []
    for case, worlds in cases.items():
        for level in LEVELS:
            key = f"{level:.2f}"
            of = [one["models"][CHAMPION]["tails"][key] for one in worlds]
            every = hit_rate_of_pieces([one[side] for one in of for side in SIDES], len(of))
            if every is None:
                continue
            sides = [hit_rate_of_pieces([one[side] for one in of], len(of)) for side in SIDES]
            rows.append(
                [
                    f"{case} ({len(worlds)})",
                    f"P ≥ {key}",
                    f"{every.name_days:.0f}",
                    f"{every.pieces:.0f}",
                    f"{every.share:.3f} ± {every.error:.3f}",
                    *("" if one is None else f"{one.share:.3f} ± {one.error:.3f}" for one in sides),
                ]
            )
    return table(
        [
            "world (seeds)",
            "level",
            "name-days a world",
            "pieces of news a world",
            "came true",
            "of those to underperform",
            "of those to outperform",
        ],
        rows,
    )


def world_table(units: dict[str, dict[str, Any]]) -> list[str]:
    """A row a world: what the champion was worth in it and who was champion."""
    rows = []
    for name, one in units.items():
        of = one["models"][CHAMPION]
        at = of["tails"]["0.70"]
        days, hits = (sum(at[side][key] for side in SIDES) for key in ("name_days", "hits"))
        names = one["champions"]
        changes = [b for a, b in zip([None, *names], names, strict=False) if a != b]
        rows.append(
            [
                name,
                f"{of['probability']['mean']:+.4f} ({of['probability']['t']:+.1f})",
                f"{of['added']['mean']:+.4f} ({of['added']['t']:+.1f})",
                f"{days}",
                f"{hits / days:.3f}" if days else "",
                f"{of['highest']:.3f}",
                ", ".join(changes),
            ]
        )
    return table(
        [
            "world",
            "IC of -Φ⁻¹(P) (t)",
            "IC added (t)",
            "name-days at P ≥ 0.70",
            "came true",
            "highest P",
            "champions",
        ],
        rows,
    )


def ceiling_table(cases: dict[str, Worlds]) -> list[str]:
    """A row a kind of world: oracle, ceiling, and each model with its share of the ceiling, all on
    the same rows.
    """
    rows = []
    for case, worlds in cases.items():
        ceiling = _pooled([one["ceiling"] for one in worlds], "probability")
        row = [f"{case} ({len(worlds)})", _oracle(worlds), _mean(ceiling), f"{ceiling.t:+.1f}"]
        for model in _MODELS:
            own = _pooled([one["models"][model] for one in worlds], "probability")
            # A share of next to nothing is no number.
            share = f" = {own.mean / ceiling.mean:.0%}" if ceiling.t > 3 else ""
            row.append(f"{own.mean:+.4f}{share}")
        rows.append(row)
    return table(
        ["world (seeds)", "oracle's IC", "ceiling", "its t", *(f"{one}" for one in _MODELS)], rows
    )


def size_table(cases: dict[str, Worlds]) -> list[str]:
    """A row a statistic: how often it says |t| > 2 where nothing is to be found."""
    drawn = {
        name: [t for worlds in cases.values() for one in worlds for t in _shifts(one, name)]
        for name in _STATISTICS
    }
    nulls = {case: worlds for case, worlds in cases.items() if is_null(worlds[0])}
    rows = []
    for name, words in _STATISTICS.items():
        cells = [words, _size(drawn[name])]
        for worlds in nulls.values():
            for model in KINDS:
                cells.append(_size([one["models"][model][name]["t"] for one in worlds]))
        rows.append(cells)
    columns = [f"{case}, {model}" for case in nulls for model in KINDS]
    return table(["statistic", "circular shifts of the champion", *columns], rows)


def is_null(world: dict[str, Any]) -> bool:
    """Whether nothing leads in a world."""
    given = world["parameters"]
    return bool(given["lead_strength"] == 0 or given.get("lead_shape") == "same_day")


def _shifts(world: dict[str, Any], statistic: str) -> list[float]:
    found: list[float] = world.get("shifts", {}).get(statistic, [])
    return found


def _size(t: Sequence[float]) -> str:
    """Share beyond 2 on either side, mean and standard deviation of t's."""
    values = np.array(t)
    if not values.size:
        return ""
    beyond = int((np.abs(values) > 2).sum())
    spread = f", {values.std(ddof=1):.2f}" if values.size > 1 else ""
    return f"{beyond} of {values.size} ({values.mean():+.2f}{spread})"


def beyond_two(rows: Sequence[dict[str, Any]], statistic: str) -> int:
    """In how many worlds |t| of a statistic exceeds 2."""
    return sum(abs(row[statistic]["t"]) > 2 for row in rows)


def _pooled(rows: Sequence[dict[str, Any]], statistic: str) -> Pooled:
    return pool_rows([row[statistic] for row in rows])


def _mean(pooled: Pooled) -> str:
    return f"{pooled.mean:+.4f} ± {pooled.error:.4f}"


def _oracle(worlds: Worlds) -> str:
    """The oracle's IC, empty for worlds that were not asked for it."""
    found = [one["oracle"] for one in worlds if "oracle" in one]
    return f"{_pooled(found, 'size_weighted').mean:+.4f}" if found else ""


_POWER_TEXT = [
    "## Does it hear the news, and nothing where there is none?",
    "",
    (
        "Worlds of the size of `demo` that start at bond days, on seeds from 1001 on, which nothing"
        " was chosen on. *champion* is who the gate let score each quarter, from `bayes_ridge`"
        " and `expected_reaction`. The IC is the day's correlation with the label's normal score,"
        " which weighs the size of what is said, of -Φ⁻¹(P(underperform)), and of what the"
        " equity-only control leaves of the score. Pooled over seeds; |t| > 2 counts single"
        " worlds. sparse: rare pieces, each landing once, one to five days later; diffuse: a small"
        " piece a day; slow: landing over twenty days; bad_news: good news is in the stock the same"
        " day; institutional, cds_only: what only those know; fading, dead, flipped: weaker from"
        " day to day until 504, gone from then on, against the news from then on; same_day: no"
        " lead, jumps of the same sizes that stocks answer at once. The oracle sees all news and"
        " what of it has landed."
    ),
]
_TAILS_TEXT = [
    (
        "Where the champion was sure, either side: name-days with a probability at or above the"
        " level, and pieces of news (a run of one name's days counts once). The error of what came"
        " true counts pieces."
    ),
]
_CEILING_TEXT = [
    "## How much of what could be known is that?",
    "",
    (
        "The ceiling knows the simulator's parameters, its market, sector and macro moves, its"
        " earnings days and volatilities, and reads the same trades, CDS and stocks"
        " (`studies/ceiling.py`, which says what it leaves out). The IC is that of -Φ⁻¹(P), all on"
        " the same rows of every third day."
    ),
]
_GOAL_TEXT = [
    "## From trade reports",
    "",
    (
        "The same from raw reports through the whole chain: `bondsig run` trains `bayes_ridge` and"
        " `expected_reaction`; what is judged as *champion* is the table `scores`."
    ),
]
_SIZE_TEXT = [
    "## Do the statistics keep their size?",
    "",
    (
        "How often |t| > 2 where there is nothing to find (mean of t, its standard deviation):"
        " scores of worlds with a lead of 0.20 whose names were turned by half a year or more, each"
        " by its own number of days, and worlds in which nothing leads. By chance one in twenty."
        " The log score of turned probabilities is below the base rate's: what they say means"
        " nothing any more. A model that says nothing has t = 0."
    ),
]
