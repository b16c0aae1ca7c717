"""The warehouse as a Dagster resource.

Belongs here: configuration only. Not here: how the warehouse works (`warehouse/`).
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import dagster as dg

from bondsig_assets.orchestration.attribution import launched_by
from bondsig_assets.orchestration.runner import COMMAND_LINE_TAG
from bondsig_assets.warehouse import Warehouse
from bondsig_assets.warehouse.audit import audit_row


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
        """The lake stays attached from the first to the last asset of a run, and who launched it is
        written down; commands do that themselves.
        """
        run = context.dagster_run
        if run is not None and COMMAND_LINE_TAG not in run.tags:
            self.open().replace(
                audit_row(
                    "launch", run.job_name, detail=f"run {run.run_id}", by=launched_by(run.tags)
                )
            )
        with self._warehouse().kept_attached():
            yield self

    def _warehouse(self) -> Warehouse:
        return Warehouse(Path(self.home), self.catalog, self.storage)
