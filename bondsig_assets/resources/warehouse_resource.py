"""The warehouse as a Dagster resource.

Belongs here: configuration only. Not here: how the warehouse works (`warehouse/`).
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
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
        warehouse = self._warehouse()
        warehouse.initialize()
        return warehouse

    @contextmanager
    def yield_for_execution(self, context: dg.InitResourceContext) -> Iterator[WarehouseResource]:
        """The lake stays attached from the first to the last asset of a run."""
        with self._warehouse().kept_attached():
            yield self

    def _warehouse(self) -> Warehouse:
        return Warehouse(Path(self.home), self.catalog, self.storage)
