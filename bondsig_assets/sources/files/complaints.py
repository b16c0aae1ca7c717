"""Values in `source.toml` that have the right type and still cannot be meant, told in one line.

Belongs here: the checks of single keys and the wording of a complaint. Not here: the
vocabulary itself and what a block must hold (`config.py`).
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from datetime import datetime
from difflib import get_close_matches
from pathlib import PurePath
from typing import Any

from bondsig_assets.errors import SourceError
from bondsig_assets.securities.claims import ENTITY_KINDS
from bondsig_assets.sources.files.checks import known_reasons
from bondsig_assets.sources.files.layouts import LAYOUTS, OPTIONS, PRESETS
from bondsig_assets.tables.schema import Column

#: Widest zero-filled text, and most days added to a date: anything beyond is a typing error.
MAX_PAD, MAX_DAYS = 64, 36_500


def unknown(what: str, name: str, known: Iterable[str]) -> str:
    """`unknown key 'colums'; did you mean 'columns'? There are: …`."""
    names = list(known)
    close = get_close_matches(name, names, n=1, cutoff=0.5) or get_close_matches(
        name.lower(), names, n=1, cutoff=0.5
    )
    hint = f"; did you mean '{close[0]}'?" if close else ";"
    return f"unknown {what} '{name}'{hint} There are: {', '.join(names)}"


def as_list(value: Any) -> list[Any]:
    """`value` itself if it is a list, else a list of it."""
    return list(value) if isinstance(value, (list, tuple)) else [value]


def refuse_block(keys: dict[str, Any], table: str, where: str) -> None:
    """Complains of lists in a `[[table]]` block that hold the wrong things."""
    for pattern in as_list(keys["files"]):
        if not isinstance(pattern, str) or not PurePath(pattern).parts:
            raise SourceError(
                f"{where}: files = {pattern!r} should be a name or glob below the data folder"
            )
    for rule in keys.get("null_when", ()):
        if not isinstance(rule, dict):
            raise SourceError(
                f'{where}: null_when = {rule!r} should be a table such as {{ columns = ["close"],'
                " equals = 0 }"
            )
        if not all(isinstance(name, str) for name in as_list(rule.get("columns", []))):
            raise SourceError(
                f"{where}: null_when: columns = {rule['columns']!r} should be names of columns of"
                " the file"
            )
    for reason in keys.get("expected", ()):
        if not isinstance(reason, str):
            raise SourceError(
                f"{where}: expected = {reason!r} should be a reason, one of"
                f" {', '.join(known_reasons(table))}"
            )
        if reason not in known_reasons(table):
            raise SourceError(
                f"{where}: expected: {unknown('reason', reason, known_reasons(table))}"
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
        raise SourceError(f"{where}: {unknown('layout', keys['layout'], presets)}")
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
        raise SourceError(f"{where}: {unknown('layout', keys['layout'], LAYOUTS)}")
    takes = LAYOUTS[keys["layout"]].options
    for name in given:
        if name not in takes:
            raise SourceError(
                f"{where}: the layout {keys['layout']} takes no {name}; it takes {', '.join(takes)}"
            )
    for name in ("melt", "prefer", "negative_price_is_midpoint"):
        if name in keys:
            raise SourceError(f"{where}: {name} does not go with a layout; leave it out")
    _refuse_options(keys, where)


def _refuse_options(keys: dict[str, Any], where: str) -> None:
    """Complains of values of a layout's options that its reader cannot take."""
    for name in ("grace_days", "days"):
        if not 0 <= keys.get(name, 0) <= MAX_DAYS:
            raise SourceError(
                f"{where}: {name} = {keys[name]} should be a number of days from 0 to {MAX_DAYS}"
            )
    if not 0 <= keys.get("confidence", 1) <= 1:
        raise SourceError(f"{where}: confidence = {keys['confidence']} should be from 0 to 1")
    if "kind" in keys and keys["kind"] not in ENTITY_KINDS:
        raise SourceError(f"{where}: {unknown('kind', keys['kind'], ENTITY_KINDS)}")
    if isinstance(keys.get("updated_on"), datetime):
        raise SourceError(
            f"{where}: updated_on = {keys['updated_on']} should be a day alone, such as 2026-09-04"
        )
    if "delivered_at" in keys and keys["delivered_at"].tzinfo is not None:
        raise SourceError(
            f"{where}: delivered_at = {keys['delivered_at']} should be New York wall clock without"
            " an offset"
        )


def refuse_rule(keys: dict[str, Any], column: Column, where: str) -> None:
    """Complains of numbers in a rule that no file can need."""
    for name in ("scale", "cap"):
        if name in keys and (not math.isfinite(keys[name]) or keys[name] == 0):
            raise SourceError(
                f"{where}: {name} = {keys[name]} should be a finite number other than 0"
            )
    if not 0 <= keys.get("pad", 0) <= MAX_PAD:
        raise SourceError(f"{where}: pad = {keys['pad']} should be a width from 0 to {MAX_PAD}")
    if abs(keys.get("plus_days", 0)) > MAX_DAYS:
        raise SourceError(
            f"{where}: plus_days = {keys['plus_days']} should be at most {MAX_DAYS} days either way"
        )
    if "lookup" in keys and column.type not in ("VARCHAR", "DATE", "TIMESTAMP", "BOOLEAN"):
        raise SourceError(
            f"{where}: lookup gives text, and the column {column.name} is a {column.type}; use map"
        )
    if "lookup" in keys and column.type == "BOOLEAN" and "value" in keys["lookup"]:
        raise SourceError(
            f"{where}: lookup tells of the flag {column.name} only whether the file lists a code;"
            " leave value out"
        )
