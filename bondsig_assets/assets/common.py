"""What every asset of the graph shares: its declaration, its range of days, its metadata.

Belongs here: the thin layer between Dagster and the domain functions. Not here: any one asset.
"""

from __future__ import annotations

import base64
import warnings
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass
from datetime import date
from functools import partial
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import dagster as dg
import polars as pl

from bondsig_assets.blocks import map_blocks, workers
from bondsig_assets.calendar import trading_days
from bondsig_assets.machine import cores
from bondsig_assets.orchestration import progress
from bondsig_assets.orchestration.stages import DAYS, OWN_PAST_TAG, TAG
from bondsig_assets.tables import TABLES
from bondsig_assets.tables.schema import Table
from bondsig_assets.warehouse import Warehouse, Write

# Range policies of assets are beta in Dagster 1.13 and say so for every asset; the version is
# pinned. Here, because some assets are declared when their module is loaded.
warnings.filterwarnings("ignore", category=dg.BetaWarning)

#: Layer → who answers for it, to search and filter by.
OWNERS = {
    "raw": "team:data",
    "reference": "team:data",
    "clean": "team:data",
    "truth": "team:data",
    "features": "team:research",
    "dataset": "team:research",
    "models": "team:research",
    "scores": "team:research",
    "signals": "team:research",
    "hindsight": "team:research",
    "portfolio": "team:portfolio",
    "performance": "team:portfolio",
    "monitoring": "team:operations",
    "reporting": "team:operations",
}
#: Tag that says what one partition is: a day, a quarter, or the whole table.
PARTITION_TAG = "bondsig/partition"
LINEAGE = "dagster/column_lineage"
T = TypeVar("T")
P = TypeVar("P")
#: Rows by table.
Rows = Mapping[str, pl.DataFrame]
#: Trading days that are worked on at once; bounds memory.
CHUNK_DAYS = 63

if TYPE_CHECKING:
    Result = dg.MaterializeResult[Any]
else:
    # Dagster takes the subscripted class for a result with a value.
    Result = dg.MaterializeResult


def column_schema(table: Table) -> dg.TableSchema:
    """The Columns tab: names, types, units and meaning, complete before the first run."""
    return dg.TableSchema(
        columns=[
            dg.TableColumn(
                column.name,
                column.type.lower(),
                column.comment,
                constraints=dg.TableColumnConstraints(
                    nullable=column.nullable, unique=table.key == (column.name,)
                ),
            )
            for column in table.columns
        ]
    )


def table_asset(
    table: str,
    *,
    kinds: set[str],
    also: Sequence[str] = (),
    partitions: dg.PartitionsDefinition | None = None,
    deps: Sequence[Any] = (),
    stage: str = DAYS,
    own_past: bool = False,
    doing: str = "",
    seconds: float = 0.0,
) -> Callable[[Callable[..., Result]], dg.AssetsDefinition]:
    """An asset that fills `table` and bears its name: group, kinds, owner, columns and range policy
    from its declaration.

    `also`: further tables it fills. `own_past`: a day rests on the one before. `doing`, `seconds`:
    what a person who waits is told, and what a thousand days (or twelve quarters) of the demo take
    on two cores; only ratios matter.
    """
    declared = TABLES[table]
    return dg.asset(
        name=table,
        group_name=declared.group,
        kinds=kinds | {"duckdb"},
        owners=[OWNERS[declared.group]],
        deps=list(deps),
        partitions_def=partitions,
        backfill_policy=dg.BackfillPolicy.single_run(),
        tags={TAG: stage, PARTITION_TAG: _partition(partitions)}
        | ({OWN_PAST_TAG: "true"} if own_past else {}),
        metadata={
            "dagster/table_name": declared.qualified_name,
            "dagster/storage_kind": "ducklake",
            "dagster/column_schema": column_schema(declared),
            "tables": [table, *also],
            "key": ", ".join(declared.key),
            "event_time": declared.event_time or "none",
            "knowledge_time": declared.known_time or "none",
            "doing": doing or f"making {table}",
            "expected_seconds": seconds,
        },
    )


def _partition(partitions: dg.PartitionsDefinition | None) -> str:
    """What one partition of an asset is, in a word."""
    if partitions is None:
        return "whole"
    return "day" if isinstance(partitions, dg.DailyPartitionsDefinition) else "quarter"


def day_range(context: dg.AssetExecutionContext) -> tuple[date, date]:
    """First and last trading day this run was asked for."""
    keys = context.partition_key_range
    return date.fromisoformat(keys.start), date.fromisoformat(keys.end)


def chunks(
    context: dg.AssetExecutionContext, days: int = CHUNK_DAYS
) -> Iterator[tuple[date, date]]:
    """The run's range in pieces of at most `days` trading days, with progress after each."""
    pieces = _pieces(context, days)
    name = context.asset_key.path[-1]
    progress.update(name, 0.0)
    for done, piece in enumerate(pieces):
        yield piece
        progress.update(name, (done + 1) / len(pieces))


def _pieces(context: dg.AssetExecutionContext, days: int) -> list[tuple[date, date]]:
    wanted = trading_days(*day_range(context))
    return [
        (piece[0], piece[-1])
        for piece in (wanted[first : first + days] for first in range(0, len(wanted), days))
    ]


def made_chunks(
    context: dg.AssetExecutionContext,
    make: Callable[[date, date], T],
    days: int = CHUNK_DAYS,
    threads: int = 0,
) -> Iterator[tuple[date, date, T]]:
    """As `chunks`, each with what `make(first, last)` returns for it.

    Other `threads` (0: one a core) make the next pieces while one is written, and no more than
    those; with one thread in order, so that a piece may rest on what `make` kept of those before
    it. What `make` raises is raised in the place of its piece.
    """
    pieces = _pieces(context, days)
    made = made_ahead(lambda piece: make(*piece), pieces, threads)
    with closing(made):
        for first, last in chunks(context, days):
            yield first, last, next(made)


def made_ahead(
    make: Callable[[P], T], pieces: Iterable[P], threads: int = 0
) -> Generator[T, None, None]:
    """What `make` returns for each of `pieces`, in order: `threads` (0: one a core) make the next
    ones meanwhile, and no more than those. What `make` raises is raised in the place of its piece.
    """
    threads = threads or cores()
    with ThreadPoolExecutor(threads) as pool:
        begun = (pool.submit(make, piece) for piece in pieces)
        waiting = deque(islice(begun, threads))
        try:
            while waiting:
                made = waiting.popleft().result()
                waiting.extend(islice(begun, 1))
                yield made
        finally:
            pool.shutdown(wait=True, cancel_futures=True)


@dataclass(frozen=True)
class _Making:
    """What all pieces made elsewhere share."""

    make: Callable[..., Rows]
    warehouse: Warehouse
    given: tuple[Any, ...]


def made_anywhere(
    context: dg.AssetExecutionContext,
    warehouse: Warehouse,
    make: Callable[..., Rows],
    *given: Any,
    days: int = CHUNK_DAYS,
) -> Iterator[tuple[date, date, Rows]]:
    """As `made_chunks` of `make(warehouse, *given, first, last)`, rows by table; or, where
    BONDSIG_WORKERS names others who see the lake, made by them: they read it themselves and write
    what they made into its storage, and paths alone come back.

    `make` is found by its name there, so it is a function of a module. The lake of a home on this
    machine is seen by workers of this machine alone.
    """
    told = workers()
    if not told.is_elsewhere or not (told.is_on_this_machine or warehouse.is_shared):
        yield from made_chunks(context, partial(make, warehouse, *given), days)
        return
    pieces = _pieces(context, days)
    asset = context.asset_key.path[-1]
    paths = map_blocks(
        *(_staged, pieces, _Making(make, warehouse, given)),
        name=lambda piece: f"{asset} of {piece[0]} to {piece[1]}",
        workers=told,
    )
    for first, last in chunks(context, days):
        staged = next(paths)
        yield first, last, {table: warehouse.staged(path) for table, path in staged.items()}


def _staged(making: _Making, piece: tuple[date, date]) -> dict[str, str]:
    made = making.make(making.warehouse, *making.given, *piece)
    return {table: making.warehouse.stage(rows) for table, rows in made.items()}


def replace_days(warehouse: Warehouse, made: Rows, first: date, last: date) -> None:
    """Write `made`, rows by table, in the place of what these days had, in one transaction."""
    warehouse.replace(*(Write(table, rows, (first, last)) for table, rows in made.items()))


def daily_result(context: dg.AssetExecutionContext, per_day: pl.DataFrame, **whole: Any) -> Result:
    """Row counts and numbers for each day of the run, so that the UI can plot them.

    `per_day`: column `day`, column `rows`, further numeric columns become metadata of their day.
    A day without rows is counted as 0. `whole` is metadata of the run as a whole. It stands with
    the newest day alone, as do the rows of the whole table and where its columns come from, which
    the UI reads off the newest event: Dagster would keep all of it, pictures too, once a day.
    """
    known = {row.pop("day"): row for row in per_day.iter_rows(named=True)}
    total = 0
    for day in trading_days(*day_range(context)):
        numbers = known.get(day, {"rows": 0})
        rows = int(numbers["rows"])
        total += rows
        extra = {
            name: float(value)
            for name, value in numbers.items()
            if name != "rows" and value is not None
        }
        context.add_asset_metadata(
            {"dagster/partition_row_count": rows, **extra}, partition_key=day.isoformat()
        )
    context.add_asset_metadata(
        {"rows_in_run": total, **_of_the_table(context), **whole},
        partition_key=context.partition_key_range.end,
    )
    return dg.MaterializeResult()


def _of_the_table(context: dg.AssetExecutionContext) -> dict[str, Any]:
    """How many rows the asset's table has in all, and which columns feed its columns where that is
    declared.
    """
    table = TABLES[context.asset_key.path[-1]]
    held = context.resources.warehouse.open().read(
        f"SELECT count(*) AS n_rows FROM {table.qualified_name}"
    )
    declared = context.assets_def.metadata_by_key[context.asset_key]
    lineage = {name: value for name, value in declared.items() if name == LINEAGE}
    return {"dagster/row_count": held["n_rows"][0], **lineage}


def whole_result(frame: pl.DataFrame, **more: Any) -> Result:
    """Row count and a preview of a table that is replaced whole."""
    return dg.MaterializeResult(
        metadata={
            "dagster/row_count": frame.height,
            "preview": dg.MetadataValue.md(markdown_table(frame.head(5))),
            **more,
        }
    )


def markdown_table(frame: pl.DataFrame) -> str:
    """A small frame as a markdown table."""
    with pl.Config(
        tbl_formatting="ASCII_MARKDOWN",
        tbl_hide_dataframe_shape=True,
        tbl_hide_column_data_types=True,
        tbl_cols=-1,
        tbl_rows=50,
        tbl_width_chars=2000,
        fmt_str_lengths=60,
    ):
        return str(frame)


def markdown_picture(path: Path) -> str:
    """A picture inside the metadata itself, so that it shows wherever the UI runs."""
    return f"![{path.stem}](data:image/png;base64,{base64.b64encode(path.read_bytes()).decode()})"


def rows_per_day(frame: pl.DataFrame, day: str, **numbers: pl.Expr) -> pl.DataFrame:
    """Row count and further aggregates for each value of the date column `day`."""
    return frame.group_by(pl.col(day).alias("day"), maintain_order=True).agg(
        rows=pl.len(), **numbers
    )


def newest_day(context: dg.AssetExecutionContext, warehouse: Warehouse, fallback: date) -> date:
    """The last day this run is about, or the newest in the warehouse if that is later: a rerun of
    old days loses nothing.
    """
    tags = context.run.tags
    asked = tags.get("dagster/asset_partition_range_end") or tags.get("dagster/partition")
    found: date | None = warehouse.read(
        "SELECT greatest((SELECT max(trade_date) FROM equity_prices), (SELECT max(delivery_date)"
        " FROM trace_reports), (SELECT max(trade_date) FROM bond_day_quotes)) AS day"
    )["day"][0]
    return max(
        [fallback, *([date.fromisoformat(asked)] if asked else []), *([found] if found else [])]
    )
