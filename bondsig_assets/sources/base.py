"""What a source is: something that delivers the declared raw tables.

Belongs here: the contract every source keeps and the errors it raises. Not here: any one
source, and what happens to the rows afterwards.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date
from typing import Protocol

import polars as pl

from bondsig_assets.tables import TABLES


@dataclass(frozen=True)
class Delivery:
    """Rows of one raw table, the rows set aside on the way, and (simulated only) the truth.

    `rows` has the declared schema of `table`, `quarantined` that of `quarantined_rows`;
    `truth` maps tables of the truth schema to rows for the same days.
    """

    table: str
    rows: pl.DataFrame
    quarantined: pl.DataFrame = field(default_factory=TABLES["quarantined_rows"].empty)
    truth: dict[str, pl.DataFrame] = field(default_factory=dict)


class Source(Protocol):
    """Delivers the declared raw tables.

    Knowledge time is part of each delivery: where the origin has none, the declaration's
    `known_rule` gives it (`calendar/knowledge.py`). A table the source lacks comes back empty.
    """

    def date_range(self) -> tuple[date, date]:
        """First and last trading day for which the source has anything."""
        ...

    def daily(self, table: str, start: date, end: date) -> Delivery:
        """A daily raw table for the trading days `start`…`end`, both included."""
        ...

    def reference(self, table: str, through: date) -> Delivery:
        """A raw table without days, with everything dated up to `through`."""
        ...

    def truth(self) -> dict[str, pl.DataFrame]:
        """Tables of the truth schema that are not daily; empty unless the market is simulated."""
        ...
