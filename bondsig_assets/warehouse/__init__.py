"""The lakehouse: DuckLake tables that many processes read while one writes.

Belongs in this package: the warehouse, opening the lake and its lock, DuckDB's extensions, what
stands in a warehouse before any data. Not here: Dagster, and what rows mean.
"""

from bondsig_assets.errors import WarehouseError
from bondsig_assets.warehouse.warehouse import Days, Warehouse, Write, of_one_snapshot

__all__ = ["Days", "Warehouse", "WarehouseError", "Write", "of_one_snapshot"]
