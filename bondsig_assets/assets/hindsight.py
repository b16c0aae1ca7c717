"""The usual research sample, with hindsight: run on asking, never in the morning.

Belongs here: the assets of the group hindsight. Not here: the filters (`trace/ex_post.py`).
"""

from collections.abc import Callable

import dagster as dg
import polars as pl

from bondsig_assets.assets.common import Result, table_asset
from bondsig_assets.orchestration import progress
from bondsig_assets.orchestration.stages import ON_ASKING
from bondsig_assets.resources.warehouse_resource import WarehouseResource
from bondsig_assets.tables import TABLES
from bondsig_assets.trace.ex_post import EVENT_COLUMNS, ex_post_bond_days, ex_post_trades
from bondsig_assets.warehouse import Warehouse, Write

_GROUP = "cusip_group"


def _replaced_by_group(
    warehouse: Warehouse, table: str, groups: list[str], build: Callable[[str], pl.DataFrame]
) -> int:
    """Replaces `table` one group of bonds after the other, which bounds memory; returns its
    rows.
    """
    rows = 0
    progress.update(table, 0.0)
    held = warehouse.read(f"SELECT DISTINCT {_GROUP} FROM {table}")[_GROUP].to_list()
    for place, group in enumerate(sorted({*groups, *held}), 1):
        frame = TABLES[table].conform(build(group).with_columns(pl.lit(group).alias(_GROUP)))
        warehouse.replace(Write(table, frame, matching={_GROUP: group}))
        rows += frame.height
        progress.update(table, place / len({*groups, *held}))
    return rows


@table_asset("ex_post_trades", kinds={"polars"}, deps=["trade_events"], stage=ON_ASKING)
def ex_post_trades_asset(warehouse: WarehouseResource) -> Result:
    """What a researcher downloads: trades that stand now, prices judged with the whole history in
    view.

    For comparison alone: the difference to `trades_as_of` is the bias of hindsight
    (docs/hindsight.md). Run it on asking (`bondsig run --select 'key:ex_post_trades+'`, or the job
    `hindsight`); nothing reads it.
    """
    opened = warehouse.open()
    groups = opened.read(f"SELECT DISTINCT cusip[1] AS {_GROUP} FROM trade_events")[
        _GROUP
    ].to_list()
    rows = _replaced_by_group(
        opened,
        "ex_post_trades",
        groups,
        lambda group: ex_post_trades(
            opened.read_table("trade_events", where=f"cusip[1] = '{group}'", columns=EVENT_COLUMNS)
        ),
    )
    put_right = opened.read("SELECT count(price_as_reported)::BIGINT AS n FROM ex_post_trades")[
        "n"
    ][0]
    return dg.MaterializeResult(
        metadata={"dagster/row_count": rows, "prices_put_right": int(put_right)}
    )


@table_asset("ex_post_bond_days", kinds={"polars"}, deps=["ex_post_trades"], stage=ON_ASKING)
def ex_post_bond_days_asset(warehouse: WarehouseResource) -> Result:
    """Bond days of `ex_post_trades`, with the columns of `bond_days`: prices and volumes as
    hindsight has them.
    """
    opened = warehouse.open()
    groups = opened.read(f"SELECT DISTINCT {_GROUP} FROM ex_post_trades")[_GROUP].to_list()
    rows = _replaced_by_group(
        opened,
        "ex_post_bond_days",
        groups,
        lambda group: ex_post_bond_days(
            opened.read_table("ex_post_trades", where=f"{_GROUP} = '{group}'")
        ),
    )
    return dg.MaterializeResult(metadata={"dagster/row_count": rows})
