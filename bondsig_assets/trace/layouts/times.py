"""Whether the times of execution and report arrived.

Belongs here: the refusal of files whose times were lost on the way, and what is noted of them
otherwise. Not here: reading a time (`values.py`).
"""

from __future__ import annotations

from dataclasses import dataclass

import polars as pl

from bondsig_assets.errors import LayoutError
from bondsig_assets.trace.layouts.declared import Layout
from bondsig_assets.trace.layouts.normalise import Columns
from bondsig_assets.trace.layouts.recognise import variant_of
from bondsig_assets.trace.layouts.values import given_alone

_INSTEAD = {
    "report_time": "with the end of the report date",
    "execution_time": "without execution times",
}


@dataclass(frozen=True)
class Times:
    """What was found: sentences for the user, and whether reports carry the time they were made
    at.
    """

    notes: list[str]
    has_report_times: bool


def check_times(
    frame: pl.LazyFrame, layout: str, name: str, allow_missing_times: bool = False
) -> Times:
    """Refuses `frame` (a layout's own columns; `name` is shown to the user) when its times are
    missing or all null.

    A layout that has no report times by nature is not refused for them. Lazy: reads the time
    columns only, and no further than to the first time. Raises LayoutError; with
    `allow_missing_times` notes it.
    """
    variant = variant_of(frame.collect_schema().names(), layout)
    return judge(given(frame, variant), variant, name, allow_missing_times)


def given(frame: pl.LazyFrame, variant: Layout) -> dict[str, tuple[str, bool]]:
    """Time column of `variant` → its name in the frame and whether any row fills it (a frame
    without rows: yes).
    """
    columns = Columns(frame.collect_schema(), variant)
    found = {}
    is_empty = frame.select(pl.first()).head(1).collect().is_empty()
    for column in asked(variant):
        sources = columns.sources(column)
        filled = any(_any(frame, given_alone(source)) for source in sources)
        name = sources[0].name.strip() if sources else ""
        found[column] = (name, filled or is_empty)
    return found


def asked(variant: Layout) -> tuple[str, ...]:
    """The time columns that `variant` has by nature."""
    return ("execution_time", "report_time") if variant.has_report_time else ("execution_time",)


def judge(
    found: dict[str, tuple[str, bool]], variant: Layout, name: str, allow_missing_times: bool
) -> Times:
    """The verdict on what `given` found."""
    lost = [column for column, (_, filled) in found.items() if not filled]
    absent = [column for column in lost if not found[column][0]]
    has_report_times = variant.has_report_time and "report_time" not in lost
    if not lost:
        return Times([], has_report_times)
    what = _described(found, variant, lost, absent)
    instead = " and ".join(_INSTEAD[column] for column in reversed(lost))
    if not allow_missing_times:
        raise LayoutError(
            f"{name}: {what}: the times were lost on the way here; --allow-missing-times goes on"
            f" {instead}"
        )
    notes = [f"{name}: {what}"]
    if "report_time" in lost:
        notes[0] += "; the end of the report date stands for the time of report"
    return Times(notes, has_report_times)


def _described(
    found: dict[str, tuple[str, bool]], variant: Layout, lost: list[str], absent: list[str]
) -> str:
    null = [found[column][0] for column in lost if column not in absent]
    parts = [f"every {' and every '.join(null)} is null"] if null else []
    if absent:
        parts.append(
            "there is no column"
            f" {' and no column '.join(variant.columns[column][0] for column in absent)}"
        )
    return ", and ".join(parts)


def _any(frame: pl.LazyFrame, holds: pl.Expr) -> bool:
    """Whether any row holds; stops at the first."""
    return (
        not frame.select(holds.alias("holds"))
        .filter("holds")
        .head(1)
        .collect(engine="streaming")
        .is_empty()
    )
