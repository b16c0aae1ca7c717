"""Days that were made before something they rest on was made anew, and what other settings made.

Belongs here: finding, from Dagster's record of what was made when, which partitions no longer hold:
a gap was filled, an old day was done again, or cleaning rewrote a later day; and folds and signals
that other settings made. Not here: doing them again (`runner.py`). Tables without days are made
anew with every run and are not asked about.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import date
from typing import Any

import dagster as dg
import polars as pl

from bondsig_assets.calendar import quarter_of
from bondsig_assets.learning.models.catalogue import ENSEMBLE
from bondsig_assets.learning.settings import LearningSettings
from bondsig_assets.portfolio.signals import select_signals
from bondsig_assets.tables.learning import SCORES
from bondsig_assets.warehouse import Warehouse

#: Assets whose day rests on the same day of what is above them; all others rest on every day until
#: their own.
_OF_THEIR_DAY = ("trades", "bond_days", "bond_analytics", "signals")
_FOLDS = ("models",)
_ANEW = 2**62

Made = dict[str, int]


def trained_otherwise(lake: Warehouse, settings: LearningSettings) -> set[str]:
    """Folds whose models are not those that `settings` declare."""
    declared = {one.name: one.hash for one in settings.specifications()}
    trained: dict[str, dict[str, str]] = {}
    for fold, name, specification in lake.read_table(
        "models", columns=["fold", "model_name", "specification_hash"]
    ).rows():
        trained.setdefault(fold.isoformat(), {})[name] = specification
    return {
        fold
        for fold, held in trained.items()
        if {name: of for name, of in held.items() if name != ENSEMBLE} != declared
    }


def filtered_otherwise(lake: Warehouse, settings: LearningSettings) -> set[str]:
    """Days whose signals are not those that `settings` let through."""
    scores = lake.read_table(
        "scores", columns=[name for name in SCORES.column_names if not name.startswith("top_")]
    )
    liquidity = lake.read_table(
        "issuer_days", columns=["parent_id", "trade_date", "staleness_days", "n_trades_21d"]
    )
    key = ["ticker", "trade_date", "direction"]
    wanted, held = (
        select_signals(scores, liquidity, settings.signals).select(key),
        lake.read_table("signals", columns=key),
    )
    differ = pl.concat(
        [wanted.join(held, on=key, how="anti"), held.join(wanted, on=key, how="anti")]
    )
    return {day.isoformat() for day in differ["trade_date"].unique()}


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
            parents = [parent.path[-1] for parent in node.parent_keys if parent.path[-1] in made]
            newest = [
                _newest_below(name, parent, made[parent], sorted(made[name])) for parent in parents
            ]
            older = {
                key
                for key, when in made[name].items()
                if key in (anew or {}).get(name, ())
                or any(when < of_parent[key] for of_parent in newest)
            }
            if older and name in chosen:
                found[name] = older
                made[name] |= dict.fromkeys(older, _ANEW)
    return found


def _made(instance: dg.DagsterInstance, key: dg.AssetKey) -> Mapping[str, int]:
    """Partition → number of the event that made it last."""
    return instance.event_log_storage.get_latest_storage_id_by_partition(
        key, dg.DagsterEventType.ASSET_MATERIALIZATION
    )


def _newest_below(name: str, parent: str, made: Made, keys: list[str]) -> Made:
    """For each of the partitions `keys` of asset `name`, in order: the number of the newest event
    of `parent` that it rests on, -1 for none.
    """
    if parent in _FOLDS:
        return {key: made.get(quarter_of(date.fromisoformat(key)).isoformat(), -1) for key in keys}
    if name in _OF_THEIR_DAY:
        return {key: made.get(key, -1) for key in keys}
    days = sorted(made)
    newest, place, found = -1, 0, {}
    for key in keys:
        # A fold rests on the days before its first, a day also on itself.
        while place < len(days) and (
            days[place] < key or days[place] == key and name not in _FOLDS
        ):
            newest = max(newest, made[days[place]])
            place += 1
        found[key] = newest
    return found
