"""Values in `source.toml` that have the right type and still cannot be meant, told in one line.

Belongs here: the checks of single keys and the wording of a complaint. Not here: the
vocabulary itself and what a block must hold (`files_config.py`).
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from difflib import get_close_matches
from pathlib import PurePath
from typing import Any

from bondsig_assets.schema import Column
from bondsig_assets.sources.base import SourceError
from bondsig_assets.sources.files_checks import known_reasons

#: Widest zero-filled text, and most days added to a date: anything beyond is a typing error.
MAX_PAD, MAX_DAYS = 64, 36_500


def unknown(what: str, name: str, known: Iterable[str]) -> str:
    """`unknown key 'colums'; did you mean 'columns'? There are: …`."""
    names = list(known)
    close = get_close_matches(name, names, n=1, cutoff=0.5) or get_close_matches(name.lower(), names, n=1, cutoff=0.5)
    hint = f"; did you mean '{close[0]}'?" if close else ";"
    return f"unknown {what} '{name}'{hint} There are: {', '.join(names)}"


def as_list(value: Any) -> list[Any]:
    """`value` itself if it is a list, else a list of it."""
    return list(value) if isinstance(value, (list, tuple)) else [value]


def refuse_block(keys: dict[str, Any], table: str, where: str) -> None:
    """Complains of lists in a `[[table]]` block that hold the wrong things."""
    for pattern in as_list(keys["files"]):
        if not isinstance(pattern, str) or not PurePath(pattern).parts:
            raise SourceError(f"{where}: files = {pattern!r} should be a name or glob below the data folder")
    for rule in keys.get("null_when", ()):
        if not isinstance(rule, dict):
            raise SourceError(f"{where}: null_when = {rule!r} should be a table such as {{ columns = [\"close\"], equals = 0 }}")
        if not all(isinstance(name, str) for name in as_list(rule.get("columns", []))):
            raise SourceError(f"{where}: null_when: columns = {rule['columns']!r} should be names of columns of the file")
    for reason in keys.get("expected", ()):
        if not isinstance(reason, str):
            raise SourceError(f"{where}: expected = {reason!r} should be a reason, one of {', '.join(known_reasons(table))}")
        if reason not in known_reasons(table):
            raise SourceError(f"{where}: expected: {unknown('reason', reason, known_reasons(table))}")


def refuse_rule(keys: dict[str, Any], column: Column, where: str) -> None:
    """Complains of numbers in a rule that no file can need."""
    for name in ("scale", "cap"):
        if name in keys and (not math.isfinite(keys[name]) or keys[name] == 0):
            raise SourceError(f"{where}: {name} = {keys[name]} should be a finite number other than 0")
    if not 0 <= keys.get("pad", 0) <= MAX_PAD:
        raise SourceError(f"{where}: pad = {keys['pad']} should be a width from 0 to {MAX_PAD}")
    if abs(keys.get("plus_days", 0)) > MAX_DAYS:
        raise SourceError(f"{where}: plus_days = {keys['plus_days']} should be at most {MAX_DAYS} days either way")
    if "lookup" in keys and column.type != "VARCHAR":
        raise SourceError(f"{where}: lookup gives text, and the column {column.name} is a {column.type}; use map")
