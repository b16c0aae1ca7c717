"""What orchestration costs alone: `python -m benchmarks.orchestration [DAYS]`.

Belongs here: the graph as it is declared, every asset emptied, run over a range of days in one run,
as `bondsig run` and a backfill from the UI do; the market is one that goes on and began so many
days ago (2,520 are ten years). Not here: the work of assets.
"""

# No `from __future__ import annotations`: Dagster reads the type of `context` as it stands.

import sys
import tempfile
import time
import warnings
from datetime import date, timedelta
from pathlib import Path

import dagster as dg

from bondsig_assets.calendar import at_or_after, trading_days
from bondsig_assets.definitions import build_defs
from bondsig_assets.home import Home, Market
from bondsig_assets.orchestration import runner
from bondsig_assets.sources.registry import make_source


def emptied(asset: dg.AssetsDefinition) -> dg.AssetsDefinition:
    """An asset with the specs of another and nothing to do but to tell of each day."""

    @dg.multi_asset(
        name=asset.op.name,
        specs=[spec.replace_attributes(skippable=True) for spec in asset.specs],
        backfill_policy=asset.backfill_policy,
    )
    def nothing(context: dg.AssetExecutionContext):
        for spec in asset.specs:
            if asset.partitions_def is not None:
                for key in context.partition_keys:
                    context.add_asset_metadata(
                        {"dagster/partition_row_count": 1}, asset_key=spec.key, partition_key=key
                    )
            yield dg.MaterializeResult(asset_key=spec.key)

    return nothing


def main() -> None:
    """Print seconds of one range run of all daily assets, whole and a day."""
    warnings.simplefilter("ignore")
    n_days = int(sys.argv[1]) if len(sys.argv) > 1 else 250
    with tempfile.TemporaryDirectory() as folder:
        home = Home(Path(folder))
        # A year has some 252 trading days.
        first = date.today() - timedelta(days=round(n_days * 366 / 250))
        market = Market(world="tiny", is_live=True, first_day=at_or_after(first).isoformat())
        home.claim(market, make_source(market).date_range())
        span = home.date_range()
        assert span is not None
        began = time.perf_counter()
        defs = build_defs(home)
        print(f"{time.perf_counter() - began:6.1f} s  loading the definitions")
        graph = defs.resolve_asset_graph()
        empty = dg.Definitions(
            assets=[emptied(asset) for asset in graph.assets_defs if asset.keys],
            executor=dg.in_process_executor,
        )
        days = trading_days(*span)[-n_days:]
        daily = tuple(
            key.path[-1]
            for key in graph.get_all_asset_keys()
            if isinstance(graph.get(key).partitions_def, dg.DailyPartitionsDefinition)
        )
        with runner.open_instance(home) as instance:
            stage = runner.Stage(daily, ((days[0].isoformat(), days[-1].isoformat()),))
            began = time.perf_counter()
            runner.execute(empty, instance, stage)
            took = time.perf_counter() - began
        print(
            f"{took:6.1f} s  {len(daily)} daily assets over {len(days)} days in one run:"
            f" {took / len(days):.3f} s a day, {1000 * took / len(days) / len(daily):.1f} ms an"
            " asset and day"
        )


if __name__ == "__main__":
    main()
