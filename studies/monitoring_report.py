"""The section of the page of results on monitors: false alarms, delays, what training again is
worth.

Belongs here: its text and tables. Not here: the page (`report.py`), the studies
(`monitoring_studies.py`).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from studies.monitoring_studies import STUDY, WATCHED, Rung
from studies.news_report import by_case
from studies.pooling import pool_rows
from studies.retraining import WAYS
from studies.tables import table

_TEXT = (
    "## Does it notice when it goes wrong?",
    "",
    "Monitors of accuracy and calibration"
    f" ({', '.join(WATCHED)}) over the champion of worlds from bond days, within the budget that"
    " monitoring.toml has by default. In the first kinds nothing changes; dead, halved, flipped:"
    " the lead is gone, half as strong or against the news from trading day 504 on. Alarms before"
    " the change beside those promised by then; trading days from it to the first alarm, a label"
    " being known six days after its score, and in brackets the delay that the monitor itself told"
    " the evening before, for a drop to nothing.",
)
_RETRAINED_TEXT = (
    "What training again is worth: the IC of -Φ⁻¹(P) from the day of the change on, with the"
    " champion of each quarter, with that of the quarter in which a monitor rang (63 days apart at"
    " least) and until then the old one, and with the first champion for ever. In brackets how"
    " often a world was trained after the change.",
)


def monitoring_sections(results: dict[str, dict[str, dict[str, Any]]]) -> Iterator[str]:
    """Every section there are results for."""
    cases = by_case(results.get(STUDY, {}))
    if not cases:
        return
    yield from (*_TEXT, "")
    yield from rung_table(
        [(name, [Rung(**one["rung"]) for one in worlds]) for name, worlds in cases.items()]
    )
    yield ""
    turned = {name: worlds for name, worlds in cases.items() if "retrained" in worlds[0]}
    if turned:
        yield from (*_RETRAINED_TEXT, "")
        yield from retrained_table(turned)
        yield ""


def rung_table(found: Sequence[tuple[str, list[Rung]]]) -> list[str]:
    """A row a kind of world."""
    rows = []
    for name, rung in found:
        changed = [one for one in rung if one.who]
        turns = ":" in name
        said = [one.said for one in changed if np.isfinite(one.said)]
        told = f" ({np.mean(said):.0f})" if said else ""
        delay = f"{np.median([one.delay for one in changed]):.0f}{told}" if changed else "–"
        rows.append(
            [
                f"{name} ({len(rung)})",
                f"{sum(one.before for one in rung)} / {sum(one.promised for one in rung):.1f}",
                delay,
                f"{len(rung) - len(changed)} of {len(rung)}" if turns else "–",
                ", ".join(sorted({one.who for one in changed})) or "–",
            ]
        )
    return table(
        [
            "world (seeds)",
            "false alarms / promised",
            "days to the first alarm, median (said)",
            "without one",
            "first to ring",
        ],
        rows,
    )


def retrained_table(cases: dict[str, list[dict[str, Any]]]) -> list[str]:
    """A row a kind of world whose lead changes."""
    rows = []
    for name, worlds in cases.items():
        cells = []
        for way in WAYS:
            of = [one["retrained"][way] for one in worlds]
            pooled = pool_rows([one["probability"] for one in of])
            trained = np.mean([one["trainings"] for one in of])
            cells.append(f"{pooled.mean:+.4f} ± {pooled.error:.4f} ({trained:.1f})")
        rows.append([f"{name} ({len(worlds)})", *cells])
    return table(["world (seeds)", *WAYS], rows)
