"""Frames of declared tables written by hand: a test names what matters, the rest is filled in.

Belongs here: what test modules of several folders build their frames with. Not here: tests.
"""

from __future__ import annotations

from datetime import date, datetime
from typing import Any

import polars as pl

from bondsig_assets.tables import TABLES

_FILLERS: dict[str, Any] = {
    "BIGINT": 0,
    "DOUBLE": 0.0,
    "VARCHAR": "",
    "DATE": date(2000, 1, 3),
    "TIMESTAMP": datetime(2000, 1, 3, 16),
    "BOOLEAN": False,
    "VARCHAR[]": [],
    "DOUBLE[]": [],
}


def rows_of(table: str, *rows: dict[str, Any], **common: Any) -> pl.DataFrame:
    """Rows of `table`: `common` for all, then each row's own; what is left is null, or a filler
    where null is not allowed.
    """
    declared = TABLES[table]
    filler = {
        column.name: None if column.nullable else _FILLERS[column.type]
        for column in declared.columns
    } | common
    return declared.conform(
        pl.DataFrame([filler | row for row in rows], schema=declared.polars_schema, orient="row")
    )
