"""What a run tells Dagster of a table: numbers a day, and the rest once, with the newest day."""

# No `from __future__ import annotations`: Dagster reads the type of `context` as it stands.

from datetime import date

import dagster as dg
import polars as pl
import pytest

from bondsig_assets.assets.common import LINEAGE, daily_result, table_asset
from bondsig_assets.assets.features import feature_lineage
from bondsig_assets.calendar import trading_days
from bondsig_assets.orchestration.partitions import trading_days_definition
from bondsig_assets.resources.warehouse_resource import WarehouseResource
from bondsig_assets.warehouse import Warehouse, Write
from bondsig_assets_tests.rows_of import rows_of

FIRST, LAST = date(2024, 1, 2), date(2024, 1, 8)
DAYS = trading_days(FIRST, LAST)


def of_labels(picture: str) -> dg.AssetsDefinition:
    """An asset that says two rows a day, and a picture of all."""

    @table_asset("labels", kinds={"polars"}, partitions=trading_days_definition(FIRST, LAST))
    def labels(
        context: dg.AssetExecutionContext, warehouse: WarehouseResource
    ) -> dg.MaterializeResult:
        per_day = pl.DataFrame({"day": DAYS, "rows": [2] * len(DAYS), "mean": [0.5] * len(DAYS)})
        return daily_result(context, per_day, picture=dg.MetadataValue.md(picture))

    return labels.map_asset_specs(
        lambda spec: spec.merge_attributes(metadata={LINEAGE: feature_lineage()})
    )


@pytest.fixture
def told(tmp_path) -> dict[str, dict[str, dg.MetadataValue]]:
    """Day → metadata of its event, after one run over all days; the table holds one row more than
    the run tells of.
    """
    warehouse = Warehouse(tmp_path)
    warehouse.initialize()
    rows = rows_of("labels", {"ticker": "AAA", "label_end_date": FIRST})
    warehouse.replace(Write("labels", rows, (FIRST, LAST)))
    with dg.DagsterInstance.ephemeral() as instance:
        done = dg.materialize(
            [of_labels("a picture")],
            instance=instance,
            resources={"warehouse": WarehouseResource(home=str(tmp_path))},
            tags={
                "dagster/asset_partition_range_start": FIRST.isoformat(),
                "dagster/asset_partition_range_end": LAST.isoformat(),
            },
        )
        events = done.asset_materializations_for_node("labels")
    return {str(event.partition): dict(event.metadata) for event in events}


def test_numbers_stand_with_their_day_and_all_else_with_the_newest(told):
    assert list(told) == [day.isoformat() for day in DAYS]
    *before, newest = told.values()
    for metadata in before:
        assert {name: value.value for name, value in metadata.items()} == {
            "dagster/partition_row_count": 2,
            "mean": 0.5,
        }
    assert newest["dagster/partition_row_count"].value == 2
    assert newest["dagster/row_count"].value == 1, "as the table has it, not the run"
    assert newest["rows_in_run"].value == 2 * len(DAYS)
    assert newest["picture"].value == "a picture"
    assert set(newest[LINEAGE].value.deps_by_column) == set(feature_lineage().deps_by_column)
