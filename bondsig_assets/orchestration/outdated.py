"""Days that were made before something they rest on was made anew, and what other settings made.

Belongs here: finding, from Dagster's record of what was made when and from the graph's own edges,
which partitions no longer hold: a gap was filled, an old day was done again, or cleaning rewrote a
later day; and folds, signals, targets and monitors that other settings made. Not here: doing them
again (`runner.py`).
Tables without days are made anew with every run and are not asked about.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Collection, Mapping, Sequence
from typing import Any

import dagster as dg
import numpy as np
import polars as pl

from bondsig_assets.learning.models.catalogue import ENSEMBLE
from bondsig_assets.learning.settings import LearningSettings
from bondsig_assets.monitoring.settings import MonitoringSettings
from bondsig_assets.orchestration.stages import OWN_PAST_TAG
from bondsig_assets.portfolio.settings import PortfolioSettings
from bondsig_assets.portfolio.signals import select_signals
from bondsig_assets.tables.learning import SCORES
from bondsig_assets.warehouse import Warehouse

_ANEW = 2**62
#: Partitions asked of Dagster's record at once.
_AT_ONCE = 500

Made = dict[str, int]


def trained_otherwise(warehouse: Warehouse, settings: LearningSettings) -> set[str]:
    """Folds whose models are not those that `settings` declare."""
    declared = {one.name: one.hash for one in settings.specifications()}
    trained: dict[str, dict[str, str]] = {}
    for fold, name, specification in warehouse.read_table(
        "models", columns=["fold", "model_name", "specification_hash"]
    ).rows():
        trained.setdefault(fold.isoformat(), {})[name] = specification
    return {
        fold
        for fold, held in trained.items()
        if {name: of for name, of in held.items() if name != ENSEMBLE} != declared
    }


def filtered_otherwise(warehouse: Warehouse, settings: LearningSettings) -> set[str]:
    """Days whose signals are not those that `settings` let through."""
    scores = warehouse.read_table(
        "scores", columns=[name for name in SCORES.column_names if not name.startswith("top_")]
    )
    liquidity = warehouse.read_table(
        "issuer_days", columns=["parent_id", "trade_date", "staleness_days", "n_trades_21d"]
    )
    key = ["ticker", "trade_date", "direction"]
    wanted, held = (
        select_signals(scores, liquidity, settings.signals).select(key),
        warehouse.read_table("signals", columns=key),
    )
    differ = pl.concat(
        [wanted.join(held, on=key, how="anti"), held.join(wanted, on=key, how="anti")]
    )
    return {day.isoformat() for day in differ["trade_date"].unique()}


def targets_of_other_settings(
    warehouse: Warehouse, settings: PortfolioSettings
) -> dict[str, set[str]]:
    """Asset → days whose targets other settings made, or another policy alone: of universe and risk
    too, which the same file decides.
    """
    days = warehouse.read(
        "SELECT trade_date FROM solutions GROUP BY trade_date HAVING max(settings_hash) FILTER"
        f" (policy = '{settings.policy}') IS DISTINCT FROM '{settings.hash}'"
    )["trade_date"]
    found = {day.isoformat() for day in days}
    return dict.fromkeys(("universe", "factor_exposures", "target_positions"), found)


def monitored_by_other_settings(
    warehouse: Warehouse, settings: MonitoringSettings
) -> dict[str, set[str]]:
    """Asset → days whose monitors other settings made: of drift too, which the same file
    decides.
    """
    days = warehouse.read(
        f"SELECT trade_date FROM monitored_days WHERE settings_hash <> '{settings.hash}'"
    )["trade_date"]
    found = {day.isoformat() for day in days}
    return dict.fromkeys(("drift", "monitors"), found)


def outdated(
    graph: Any,
    instance: dg.DagsterInstance,
    chosen: Collection[str],
    anew: Mapping[str, Collection[str]] | None = None,
) -> dict[str, set[str]]:
    """Asset → partitions older than what they rest on, of the assets in `chosen` that have
    partitions; whatever is below counts too.

    `anew`: asset → partitions that are to be made anew whatever their age.
    """
    made: dict[str, Made] = {}
    found: dict[str, set[str]] = {}
    for level in graph.toposorted_asset_keys_by_level:
        for key in level:
            node, name = graph.get(key), key.path[-1]
            if node.partitions_def is None:
                continue
            made[name] = dict(_made(instance, key))
            older = {one for one in (anew or {}).get(name, ()) if one in made[name]}
            for parent in node.parent_keys:
                if parent.path[-1] in made:
                    of_parent = made[parent.path[-1]]
                    by_it = _older(graph, node, parent, made[name], of_parent)
                    if by_it and not graph.get(parent).parent_keys:
                        since = min(made[name][one] for one in by_it)
                        of_parent = _without_silent(instance, parent, of_parent, since)
                        by_it = _older(graph, node, parent, made[name], of_parent)
                    older |= by_it
            if older and OWN_PAST_TAG in node.tags:
                older = {one for one in made[name] if one >= min(older)}
            if older and name in chosen:
                found[name] = older
                made[name] |= dict.fromkeys(older, _ANEW)
    return found


def _made(instance: dg.DagsterInstance, key: dg.AssetKey) -> Mapping[str, int]:
    """Partition → number of the event that made it last."""
    return instance.event_log_storage.get_latest_storage_id_by_partition(
        key, dg.DagsterEventType.ASSET_MATERIALIZATION
    )


def _without_silent(
    instance: dg.DagsterInstance, key: dg.AssetKey, made: Made, since: int
) -> dict[str, int]:
    """`made` of a raw table without the partitions made after `since` that never had a row: what
    rests on them is what it was before they were made. So a table that is new with a version, and
    empty, has no work done again.
    """
    asked = sorted(one for one, number in made.items() if since < number < _ANEW)
    rows: dict[str, list[Any]] = {}
    for place in range(0, len(asked), _AT_ONCE):
        wanted, cursor = asked[place : place + _AT_ONCE], None
        while True:
            page = instance.fetch_materializations(
                dg.AssetRecordsFilter(asset_key=key, asset_partitions=wanted),
                limit=_AT_ONCE,
                cursor=cursor,
            )
            for record in page.records:
                told = record.asset_materialization
                if told is not None and told.partition is not None:
                    count = told.metadata.get("dagster/partition_row_count")
                    rows.setdefault(told.partition, []).append(count and count.value)
            if not page.has_more:
                break
            cursor = page.cursor
    silent = {one for one, counts in rows.items() if all(count == 0 for count in counts)}
    return {one: number for one, number in made.items() if one not in silent}


def _older(graph: Any, node: Any, parent: dg.AssetKey, made: Made, of_parent: Made) -> set[str]:
    """Partitions of an asset that were made before one that they rest on in `parent`."""
    keys, above = sorted(made), sorted(of_parent)
    when = np.array([of_parent[one] for one in above], dtype=np.int64)
    older = set()
    for key, (first, last) in zip(keys, _reach(graph, node, parent, keys, above), strict=True):
        if last > first and made[key] < when[first:last].max():
            older.add(key)
    return older


def _reach(
    graph: Any, node: Any, parent: dg.AssetKey, keys: Sequence[str], above: Sequence[str]
) -> list[tuple[int, int]]:
    """For each of the partitions `keys` of an asset: the slice of `above`, partitions of `parent`,
    that it rests on, as the graph's edge says. Partitions are named by their first day.
    """
    mapping = graph.get_partition_mapping(node.key, parent)
    if isinstance(mapping, dg.AllPartitionMapping):
        # A quarter and the days before it: `partitions.rests_on_days_before`.
        return [(0, bisect_left(above, key)) for key in keys]
    if node.partitions_def != graph.get(parent).partitions_def:
        # A day and the quarter it lies in: the newest that has begun.
        return [(max(bisect_right(above, key) - 1, 0), bisect_right(above, key)) for key in keys]
    every = node.partitions_def.get_partition_keys()
    back = -mapping.start_offset if isinstance(mapping, dg.TimeWindowPartitionMapping) else 0
    first = [every[max(bisect_left(every, key) - back, 0)] for key in keys]
    return [
        (bisect_left(above, begin), bisect_right(above, key))
        for begin, key in zip(first, keys, strict=True)
    ]
