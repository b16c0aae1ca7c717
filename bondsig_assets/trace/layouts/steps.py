"""Expressions computed in steps, so that no part of one is computed twice.

Belongs here: naming intermediate results. Not here: what they mean. Polars writes out an expression
that is used in several places once for each place; reading a time of text would parse it dozens of
times.
"""

from __future__ import annotations

import polars as pl


class Steps:
    """Intermediate columns, each made one step after those it is made of."""

    def __init__(self) -> None:
        self._levels: list[dict[str, pl.Expr]] = []
        self._level_of: dict[str, int] = {}

    def let(self, expression: pl.Expr) -> pl.Expr:
        """`expression` under a name of its own; use the result as often as needed."""
        level = (
            max((self._level_of.get(name, -1) for name in expression.meta.root_names()), default=-1)
            + 1
        )
        if level == len(self._levels):
            self._levels.append({})
        name = f"step {len(self._level_of)}"
        self._level_of[name] = level
        self._levels[level][name] = expression
        return pl.col(name)

    def run(self, frame: pl.LazyFrame) -> pl.LazyFrame:
        """`frame` with all intermediate columns."""
        for level in self._levels:
            frame = frame.with_columns(**level)
        return frame
