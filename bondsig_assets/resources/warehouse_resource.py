"""The warehouse as a Dagster resource.

Belongs here: configuration only. Not here: how the warehouse works (`warehouse/`).
"""

from __future__ import annotations

from pathlib import Path

import dagster as dg

from bondsig_assets.warehouse import Warehouse


class WarehouseResource(dg.ConfigurableResource):
    """The lakehouse of a home. `catalog` and `storage` name PostgreSQL and S3 for a team; empty
    means local.
    """

    home: str
    catalog: str = ""
    storage: str = ""

    def open(self) -> Warehouse:
        """The warehouse, its tables and views in place."""
        warehouse = Warehouse(Path(self.home), self.catalog, self.storage)
        warehouse.initialize()
        return warehouse
