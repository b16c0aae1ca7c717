"""A day that comes after later ones, by hand: the later day gets its first rows, and Dagster is
told.
"""

from __future__ import annotations

import dagster as dg
import pytest

from bondsig_assets.assets.clean import bond_day_revisions_asset, trade_events_asset
from bondsig_assets.orchestration.partitions import trading_days_definition
from bondsig_assets.resources.warehouse_resource import WarehouseResource
from bondsig_assets.warehouse import Warehouse, Write
from bondsig_assets_tests.trace.messages import DAYS, bond, delivered, ending, message


@pytest.mark.slow
def test_a_day_without_bond_days_gets_its_first_when_the_trade_it_cancels_comes_late(tmp_path):
    warehouse = Warehouse(tmp_path)
    warehouse.initialize()
    days = trading_days_definition(DAYS[0], DAYS[-1])
    trade = message(2, "7")
    reports = {
        part["delivery_date"][0]: part
        for part in delivered(
            trade, ending("X", 5, trade, number="7"), message(9, "2")
        ).partition_by("delivery_date")
    }
    last = DAYS[9]
    warehouse.replace(Write("bonds", bond()))
    with dg.DagsterInstance.ephemeral() as instance:

        def deliver(day):
            warehouse.replace(Write("trace_reports", reports[day], (day, day)))
            assets = [trade_events_asset(days), bond_day_revisions_asset(days)]
            done = dg.materialize(
                assets,
                partition_key=day.isoformat(),
                instance=instance,
                resources={"warehouse": WarehouseResource(home=str(tmp_path))},
            )
            assert done.success

        for day in (DAYS[5], last):
            deliver(day)
        assert warehouse.partitions("bond_day_revisions") == {last}
        deliver(DAYS[2])
        told = [
            record.asset_materialization
            for record in instance.fetch_materializations(
                dg.AssetKey("bond_day_revisions"), limit=20
            ).records
        ]
    after = warehouse.read(
        "SELECT trade_date, n_trades FROM bond_day_revisions WHERE known_date = ? ORDER BY 1",
        [DAYS[5]],
    ).rows()
    assert after == [(DAYS[2], 0)]
    assert [one.partition for one in told if "written anew" in (one.description or "")] == [
        DAYS[5].isoformat()
    ]
