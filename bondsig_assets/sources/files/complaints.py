"""Keys of `source.toml` that cannot be meant of their table, layout or column, told in one line.

Belongs here: checks that need more than the key itself. Not here: the vocabulary, what each key may
be and what a block must hold (`config.py`).
"""

from __future__ import annotations

from typing import Any

from bondsig_assets.errors import SourceError
from bondsig_assets.sources.files.checks import known_reasons
from bondsig_assets.sources.files.layouts import LAYOUTS, OPTIONS, PRESETS
from bondsig_assets.tables.schema import Column
from bondsig_assets.validation import unknown_name


def as_list(value: Any) -> list[Any]:
    """`value` itself if it is a list, else a list of it."""
    return list(value) if isinstance(value, (list, tuple)) else [value]


def refuse_block(keys: dict[str, Any], table: str, where: str) -> None:
    """Complains of reasons that no row of the table may be quarantined for."""
    for reason in keys.get("expected", ()):
        if not isinstance(reason, str):
            raise SourceError(
                f"{where}: expected = {reason!r} should be a reason, one of"
                f" {', '.join(known_reasons(table))}"
            )
        if reason not in known_reasons(table):
            raise SourceError(
                f"{where}: expected: {unknown_name('reason', reason, known_reasons(table))}"
            )


def refuse_layout(keys: dict[str, Any], table: str, where: str) -> None:
    """Complains of a layout or an option of one that cannot be meant."""
    given = [name for name in OPTIONS if name in keys]
    if "layout" not in keys:
        if given:
            raise SourceError(
                f"{where}: {given[0]} goes with a layout, one of {', '.join(LAYOUTS)}"
            )
        return
    if presets := [name for name, preset in PRESETS.items() if preset.table == table]:
        raise SourceError(f"{where}: {unknown_name('layout', keys['layout'], presets)}")
    if keys["layout"] in PRESETS:
        raise SourceError(
            f"{where}: the layout {keys['layout']} goes with [[{PRESETS[keys['layout']].table}]]"
            " alone"
        )
    if table != "equity_links":
        raise SourceError(
            f"{where}: layout goes with [[equity_links]] alone; map the columns of {table} instead"
        )
    if keys["layout"] not in LAYOUTS:
        raise SourceError(f"{where}: {unknown_name('layout', keys['layout'], LAYOUTS)}")
    takes = LAYOUTS[keys["layout"]].options
    for name in given:
        if name not in takes:
            raise SourceError(
                f"{where}: the layout {keys['layout']} takes no {name}; it takes {', '.join(takes)}"
            )
    for name in ("melt", "prefer", "negative_price_is_midpoint"):
        if name in keys:
            raise SourceError(f"{where}: {name} does not go with a layout; leave it out")


def refuse_rule(keys: dict[str, Any], column: Column, where: str) -> None:
    """Complains of a lookup that the column cannot use."""
    if "lookup" in keys and column.type not in ("VARCHAR", "DATE", "TIMESTAMP", "BOOLEAN"):
        raise SourceError(
            f"{where}: lookup gives text, and the column {column.name} is a {column.type}; use map"
        )
    if "lookup" in keys and column.type == "BOOLEAN" and "value" in keys["lookup"]:
        raise SourceError(
            f"{where}: lookup tells of the flag {column.name} only whether the file lists a code;"
            " leave value out"
        )
