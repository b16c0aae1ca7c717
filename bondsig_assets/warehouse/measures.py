"""How big the lake is, and how much its newest days brought.

Belongs here: counting, from the catalog where that is enough. Not here: making it smaller
(`Warehouse.maintain`), and what is shown of it (`orchestration/status.py`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date

from bondsig_assets.tables import TABLES
from bondsig_assets.tables.schema import Table, quote
from bondsig_assets.warehouse.lake import METADATA
from bondsig_assets.warehouse.warehouse import Warehouse


@dataclass(frozen=True)
class LakeSize:
    """Data files of the newest snapshot, deletes included, their bytes, and snapshots kept."""

    snapshot_id: int
    files: int
    bytes: int
    snapshots: int


@dataclass(frozen=True)
class NewestDay:
    """The newest partition of a table of days, and its rows."""

    day: date
    rows: int


def has_days(table: Table) -> bool:
    """Whether the partitions of a table are days: not quarters, and not the whole of it."""
    return table.partition.endswith("_date")


def lake_size(warehouse: Warehouse) -> LakeSize:
    """What the lake takes, from its catalog alone. Raises WarehouseError."""
    found = warehouse.read(
        f"""
        SELECT (SELECT max(snapshot_id) FROM {METADATA}.ducklake_snapshot),
               count(*), coalesce(sum(file_size_bytes), 0)::BIGINT,
               (SELECT count(*) FROM {METADATA}.ducklake_snapshot)
        FROM (
            SELECT file_size_bytes FROM {METADATA}.ducklake_data_file WHERE end_snapshot IS NULL
            UNION ALL
            SELECT file_size_bytes FROM {METADATA}.ducklake_delete_file WHERE end_snapshot IS NULL
        )
        """
    )
    return LakeSize(*found.row(0))


def newest_days(warehouse: Warehouse) -> Mapping[str, NewestDay]:
    """Table → its newest day, of each table of days that has a row. Raises WarehouseError."""
    questions = [
        f"SELECT {quote(table.name)} AS name, {table.partition} AS day, count(*) AS n"
        f" FROM {table.qualified_name}"
        f" WHERE {table.partition} = (SELECT max({table.partition}) FROM {table.qualified_name})"
        " GROUP BY 2"
        for table in TABLES.values()
        if has_days(table)
    ]
    rows = warehouse.read(f"{' UNION ALL '.join(questions)} ORDER BY name").iter_rows()
    return {name: NewestDay(day, n) for name, day, n in rows}
