"""What a home, or a source before its first run, has of the raw tables: which inputs are lacking,
and which columns look as if they were in another unit.

Belongs here: reading the raw tables for `bondsig run` and `bondsig doctor`. Not here: what is
needed for what (`sources/needs.py`), usual ranges (`tables/ranges.py`).
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import polars as pl

from bondsig_assets.errors import SourceError
from bondsig_assets.home import Market
from bondsig_assets.sources.base import Source
from bondsig_assets.sources.needs import ASKED, lacking
from bondsig_assets.tables import RAW_DAILY, TABLES
from bondsig_assets.tables.ranges import RANGES, complaint, judge

if TYPE_CHECKING:
    from bondsig_assets.warehouse import Warehouse

#: Rows of a table that a column is judged by.
_SAMPLE = 200_000


def lacking_in_source(source: Source) -> list[str]:
    """Which inputs the source never delivers, and what that costs: a line each."""
    first, last = source.date_range()
    held = {
        name: (
            source.daily(name, first, last) if name in RAW_DAILY else source.reference(name, last)
        ).rows.select(columns)
        for name, columns in ASKED.items()
    }
    return lacking(held)


def lacking_in_home(warehouse: Warehouse) -> list[str]:
    """Which inputs the home does not hold, and what that costs: a line each."""
    held = {}
    with warehouse.on_snapshot():
        for name, columns in ASKED.items():
            names = ", ".join(f'"{column}"' for column in columns)
            found = warehouse.read(f"SELECT DISTINCT {names} FROM {name}")
            held[name] = found.select(
                pl.col(column).cast(TABLES[name].polars_schema[column]) for column in columns
            )
    return lacking(held)


def odd_units(warehouse: Warehouse, market: Market | None) -> Iterator[str]:
    """A line for each column of the raw tables most of whose values lie outside its usual range;
    none for those that source.toml calls unusual.
    """
    meant = _meant(market)
    with warehouse.on_snapshot():
        for name, columns in RANGES.items():
            table = TABLES[name]
            ranges = {column: usual for column, usual in columns.items() if usual is not None}
            asked = set(ranges) | {
                root
                for usual in ranges.values()
                for rule in usual.among
                for root in rule.meta.root_names()
            }
            if not asked:
                continue
            rows = warehouse.read(
                f"SELECT {', '.join(sorted(asked))} FROM {name}"
                f" USING SAMPLE reservoir({_SAMPLE} ROWS) REPEATABLE (1)"
            )
            units = {column.name: column.unit for column in table.columns}
            for column, usual in ranges.items():
                found = complaint(judge(rows, column, usual), usual, units[column])
                if found and (name, column) not in meant:
                    yield f"{name}.{column} {found}"


def _meant(market: Market | None) -> set[tuple[str, str]]:
    """Columns whose numbers source.toml calls unusual."""
    if market is None or not market.data:
        return set()
    from bondsig_assets.sources.files.config import read_config

    try:
        path = Path(market.config) if market.config else Path(market.data) / "source.toml"
        feeds = read_config(path)
    except SourceError:
        return set()
    return {
        (table, name)
        for table, blocks in feeds.items()
        for feed in blocks
        for name, rule in feed.columns.items()
        if rule.unusual
    }
