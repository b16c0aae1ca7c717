"""docs/performance.md from what the benchmarks found: `make performance`.

Belongs here: the page, its picture, and what is computed from measured figures. Not here: measuring
(`trace.py`, `run.py`, `scaling.py`, `cluster.py`, which leave what they found in FOLDER).
"""

from __future__ import annotations

import json
import statistics
import sys
from collections.abc import Iterator
from pathlib import Path
from textwrap import wrap
from typing import Any

from matplotlib.figure import Figure

from benchmarks.scaling import exponent, grouped
from benchmarks.trace import FOLDER
from studies.tables import table

_PICTURE = "results/scaling.png"
#: What grows with reports.
_OF_REPORTS = ("trade_events", "bond_day_revisions", "bond_analytics", "bond_day_quotes")
#: Cores of one machine in what is computed, machines, and tapes in reports: all of Enhanced as WRDS
#: had it, ten times that and more than there will be.
_CORES, _MACHINES, _TAPES = 16, (1, 10, 100), (424e6, 4e9, 100e9)


def main(docs: Path) -> None:
    """Write the page and its picture."""
    found = {path.stem: json.loads(path.read_text()) for path in sorted(FOLDER.glob("*.json"))}
    lines = list(_page(found))
    if "scaling" in found:
        _draw(found["scaling"]).savefig(docs / _PICTURE, dpi=110)
    (docs / "performance.md").write_text("\n".join(lines) + "\n")


def _page(found: dict[str, Any]) -> Iterator[str]:
    yield from _TOP
    if "trace" in found:
        yield from ("", *_CLEANING, "", *_cleaning(found["trace"]))
    if "run" in found:
        yield from ("", *_RUN, "", *_run(found["run"]))
    if "scaling" in found:
        yield from ("", *_GROWTH, "", *_growth(found["scaling"]))
    if "cluster" in found:
        yield from ("", *_PLACES, "", *_places(found["cluster"]))
    if {"trace", "run", "cluster"} <= found.keys():
        yield from ("", *_MORE, "", *_machines(found))


_TOP = [
    "# What it costs, and how that grows",
    "",
    "Made by `make performance` from what `make bench-trace`, `make bench-run`, `make",
    "bench-scaling` and `make bench-cluster` measured on two cores; no figure on it is typed in.",
    "Seconds of processor are those of all threads together. What is computed and not measured is",
    "called so.",
]
_CLEANING = [
    "## Cleaning a file of reports",
    "",
    "`make bench-trace`: reports of known outcome in WRDS's columns, file to files, each size in a",
    "process of its own. Memory does not grow with the file.",
]
_RUN = [
    "## A whole run",
    "",
    "`make bench-run`: the first run of a market with everything in it, by asset; those below one",
    "per cent of the whole are added up.",
]
_GROWTH = [
    "## Names and days",
    "",
    "`make bench-scaling`: seconds of processor of each stage, markets of 378 days with more and",
    "more names, and of 120 names with more and more days. The exponent is the slope of a line",
    "through the logarithms of the three largest sizes: 1 is linear. Credit news estimates the",
    "parameters of each quarter on the five years before it: with days its cost grows faster until",
    "a market has five years, and as fast as these afterwards.",
    "",
    f"![Seconds of processor against names, a line a stage, on logarithmic scales]({_PICTURE})",
]
_PLACES = [
    "## Threads, processes, Dask",
    "",
    "`make bench-cluster`: the same days of four tables made in turn by two threads of one",
    "process, by two processes beside it, and by workers of a [Dask scheduler](cluster.md) on the",
    "same two cores; median of three seconds, least and most in brackets. Processes are started",
    "anew for each table, workers stand. The bits are the same (tests).",
]
_MORE = [
    "## One, ten, a hundred machines",
    "",
    f"Computed, for machines of {_CORES} cores: seconds of processor for a report of what is made",
    "in blocks, shared by all cores, beside the seconds in which one process takes what they made",
    "into the lake. No cluster was at hand to measure this on. Training does not grow with reports",
    "and is left out, as are targets, orders and the ledger, which follow one another day by day.",
    "Cleaned trades are counted as if made in blocks of bonds, which they could be; today one",
    "process makes them.",
]


def _cleaning(found: list[dict[str, Any]]) -> list[str]:
    rows = [
        [
            f"{one['millions']:g}",
            f"{one['seconds']:.1f}",
            f"{one['seconds'] / one['millions']:.2f}",
            f"{one['cpu'] / one['millions']:.2f}",
            f"{one['gigabytes']:.2f}",
        ]
        for one in found
        if one["step"] == "files"
    ]
    head = ["million reports", "seconds", "a million", "of processor a million", "GB at most"]
    return table(head, rows)


def _run(found: dict[str, Any]) -> list[str]:
    whole = {
        part: sum(of[part] for of in found["assets"].values())
        for part in ("wall", "cpu", "read", "write", "events", "checks")
    }
    order = sorted(found["assets"].items(), key=lambda item: -item[1]["wall"])
    large = {name: of for name, of in order if of["wall"] > 0.01 * whole["wall"]}
    rest = {part: whole[part] - sum(of[part] for of in large.values()) for part in whole}
    rows = [
        [name, *(f"{of[part]:.1f}" for part in whole)]
        for name, of in [*large.items(), ("all others", rest), ("all", whole)]
    ]
    counted = ", ".join(f"{n:,} rows of `{name}`" for name, n in found["rows"].items())
    return [
        *table(
            ["asset", "seconds", "of processor", "reading", "writing", "events", "checks"], rows
        ),
        "",
        *wrap(f"World {found['world']}: {counted}; {found['gibibytes']:.1f} GiB at most.", 96),
    ]


def _growth(found: list[dict[str, Any]]) -> list[str]:
    groups = grouped(found)
    sizes = [f"{n:,} names" for n in groups["names"][0]] + [
        f"{n:,} days" for n in groups["days"][0]
    ]
    rows = []
    for stage in groups["names"][1][0]:
        cells, powers = [], []
        for measure, seconds in groups.values():
            values = [one[stage] for one in seconds]
            cells += [f"{value:.2f}" for value in values]
            powers.append("" if stage == "gigabytes" else f"{exponent(measure, values):.2f}")
        rows.append([stage, *cells, *powers])
    return table(["stage", *sizes, "exponent, names", "exponent, days"], rows)


def _draw(found: list[dict[str, Any]]) -> Figure:
    figure = Figure(figsize=(9, 4.6), layout="constrained")
    axes = figure.subplots(1, 2, sharey=True)
    for one, (what, (measure, seconds)) in zip(axes, grouped(found).items(), strict=True):
        for k, stage in enumerate(name for name in seconds[0] if name != "gigabytes"):
            # There are ten colours.
            style = "-" if k < 10 else "--"
            one.plot(measure, [of[stage] for of in seconds], style, marker="o", ms=3, label=stage)
        one.set(xscale="log", yscale="log", xlabel=what)
        one.set_xticks(measure, [f"{size:,}" for size in measure])
        one.minorticks_off()
        one.grid(alpha=0.3)
    axes[0].set_ylabel("seconds of processor")
    handles, labels = axes[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside right center", fontsize=8, frameon=False)
    return figure


def _places(found: list[dict[str, Any]]) -> list[str]:
    names = list(found[0]["seconds"])

    def told(seconds: list[float]) -> str:
        middle = statistics.median(seconds)
        return f"{middle:.2f} ({min(seconds):.2f} to {max(seconds):.2f})"

    rows = [
        [one["table"], str(one["blocks"]), *(told(one["seconds"][name]) for name in names)]
        for one in found
    ]
    return table(["table", "blocks", *names], rows)


def _machines(found: dict[str, Any]) -> list[str]:
    assets, reports = found["run"]["assets"], found["run"]["rows"]["trace_reports"]
    apart = sum(assets[name]["cpu"] for name in _OF_REPORTS) / reports
    writing = sum(assets[name]["write"] for name in _OF_REPORTS) / reports
    rows = []
    for tape in _TAPES:
        for machines in _MACHINES:
            blocks = tape * apart / (_CORES * machines)
            lake = tape * writing
            what = "the lake's one writer" if lake > blocks else "processors"
            rows.append(
                [
                    f"{tape / 1e6:,.0f} million",
                    str(machines),
                    _hours(blocks),
                    _hours(lake),
                    _hours(max(blocks, lake)),
                    what,
                ]
            )
    head = ["reports", "machines", "blocks", "into the lake", "whichever is longer", "what binds"]
    return [
        *table(head, rows),
        "",
        f"From the run above: {1e6 * apart:.1f} µs of processor and {1e6 * writing:.2f} µs of",
        "writing a report, from trades to analytics.",
    ]


def _hours(seconds: float) -> str:
    return f"{seconds / 3600:.1f} h" if seconds >= 3600 else f"{seconds / 60:.1f} min"


if __name__ == "__main__":
    main(Path(sys.argv[1] if len(sys.argv) > 1 else "docs"))
