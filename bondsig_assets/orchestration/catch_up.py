"""What a home lacks up to yesterday, and what in it is out of date: the days to ask for.

Belongs here: finding them in Dagster's record, without days that a run has in hand, and as one
range. Not here: making them (`runner.py`), when somebody looks (`jobs.py`), what is outdated
(`outdated.py`).

A home begins with the earliest day that it holds: what lies before was never asked for. In a home
that holds nothing everything is missing.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from typing import Any

import dagster as dg
from dagster._core.storage.dagster_run import DagsterRun
from dagster._core.storage.tags import (
    ASSET_PARTITION_RANGE_END_TAG,
    ASSET_PARTITION_RANGE_START_TAG,
    PARTITION_NAME_TAG,
)

from bondsig_assets.orchestration.outdated import outdated
from bondsig_assets.orchestration.stages import DAYS, stage_of

#: A run has its partitions in hand from the queue to its end. One that was noted and never queued
#: (its process died at once) stays NOT_STARTED for ever and holds nothing.
_IN_HAND = [
    dg.DagsterRunStatus.QUEUED,
    dg.DagsterRunStatus.STARTING,
    dg.DagsterRunStatus.STARTED,
    dg.DagsterRunStatus.CANCELING,
]


@dataclass(frozen=True)
class Due:
    """Partitions to be made, in order, and what is made of them.

    `missing` and `outdated` leave out `busy`, those that a run has in hand. `assets` are those that
    lack one, or have one that is out of date, with the tables without partitions that go along;
    `key_range` is the one range to ask for, None where there is nothing to do.
    """

    missing: tuple[str, ...] = ()
    outdated: tuple[str, ...] = ()
    busy: tuple[str, ...] = ()
    assets: tuple[str, ...] = ()
    key_range: tuple[str, str] | None = None

    @property
    def tags(self) -> dict[str, str]:
        """Tags of the run that makes them."""
        if self.key_range is None:
            return {}
        first, last = self.key_range
        return {ASSET_PARTITION_RANGE_START_TAG: first, ASSET_PARTITION_RANGE_END_TAG: last}

    def in_words(self, what: str) -> str:
        """How many are missing and how many out of date; `what` is one of them: day, quarter."""
        parts = []
        if self.missing:
            parts.append(f"{_counted(self.missing, what)} missing ({_span(self.missing)})")
        if self.outdated:
            parts.append(
                f"{_counted(self.outdated, what)} out of date because something they rest on was"
                f" made anew ({_span(self.outdated)})"
            )
        return ", ".join(parts)


def find_due(
    graph: Any,
    instance: dg.DagsterInstance,
    stages: Collection[str],
    keys: Sequence[str],
    busy: Collection[str] = (),
    anew: Mapping[str, Collection[str]] | None = None,
) -> Due:
    """What the assets of `stages` lack of `keys`, the partitions there are by now, in order, and
    what of them is out of date; `anew` as for `outdated`.

    The range goes from the first of both to the last of them, and on to the newest that is held
    where something is out of date: what rests on a day looks back on it from far away. It ends
    before a partition in hand that lies between: what comes after that waits for it.
    """
    names, made = _names(graph, stages), _made(graph, instance, stages)
    with_keys, wanted = list(made), _since_first(made, keys)
    lacking = {name: set(wanted) - made[name] for name in with_keys}
    aged = {
        name: found & set(wanted)
        for name, found in outdated(graph, instance, with_keys, anew).items()
    }
    missing = set().union(*lacking.values()) - set(busy)
    old = set().union(*aged.values()) - missing - set(busy)
    in_hand = tuple(key for key in wanted if key in set(busy))
    if not missing and not old:
        return Due(busy=in_hand)
    concerned = {name for name in with_keys if lacking[name] or aged.get(name)}
    range_ = _range(wanted, missing | old, set(busy), bool(old))
    return Due(
        tuple(key for key in wanted if key in missing),
        tuple(key for key in wanted if key in old),
        in_hand,
        tuple(name for name in names if name in concerned or _goes_along(graph, name, missing)),
        range_,
    )


def held_since(
    graph: Any, instance: dg.DagsterInstance, stages: Collection[str], keys: Sequence[str]
) -> str:
    """The earliest of `keys` that an asset of `stages` holds; the first of all where none does."""
    return _since_first(_made(graph, instance, stages), keys)[0]


def _made(
    graph: Any, instance: dg.DagsterInstance, stages: Collection[str]
) -> dict[str, AbstractSet[str]]:
    """Partitions that there are of each asset of `stages` that has any."""
    return {
        name: instance.get_materialized_partitions(dg.AssetKey(name))
        for name in _names(graph, stages)
        if graph.get(dg.AssetKey(name)).partitions_def is not None
    }


def _since_first(made: Mapping[str, AbstractSet[str]], keys: Sequence[str]) -> Sequence[str]:
    held = set().union(*made.values())
    return keys[next((place for place, key in enumerate(keys) if key in held), 0) :]


def partitions_in_hand(
    graph: Any, instance: dg.DagsterInstance, job: str, stages: Collection[str], keys: Sequence[str]
) -> set[str]:
    """Those of `keys` that a run of `job`, or of one of the assets of `stages`, is queued for or
    works on.
    """
    names = {
        name
        for name in _names(graph, stages)
        if graph.get(dg.AssetKey(name)).partitions_def is not None
    }
    runs = instance.get_runs(dg.RunsFilter(statuses=_IN_HAND))
    found: set[str] = set()
    for run in runs:
        if run.asset_selection is None:
            concerned = run.job_name == job
        else:
            concerned = any(key.path[-1] in names for key in run.asset_selection)
        first, last = partitions_of_run(run)
        if concerned and first:
            found |= {key for key in keys if first <= key <= last}
    return found


def partitions_of_run(run: DagsterRun) -> tuple[str, str]:
    """First and last partition of a run, empty where it has none."""
    one = run.tags.get(PARTITION_NAME_TAG, "")
    return (
        run.tags.get(ASSET_PARTITION_RANGE_START_TAG, one),
        run.tags.get(ASSET_PARTITION_RANGE_END_TAG, one),
    )


def _names(graph: Any, stages: Collection[str]) -> list[str]:
    """Assets that run in one of `stages`, in the order of the graph."""
    return [
        key.path[-1]
        for level in graph.toposorted_asset_keys_by_level
        for key in level
        if stage_of(graph.get(key)) in stages
    ]


def _goes_along(graph: Any, name: str, missing: Collection[str]) -> bool:
    """Whether a table without partitions is made with the others: with new days all, since they
    bring what became known; with old ones only what stands below the days.
    """
    node = graph.get(dg.AssetKey(name))
    return node.partitions_def is None and (bool(missing) or stage_of(node) != DAYS)


def _range(
    wanted: Sequence[str], chosen: Collection[str], busy: Collection[str], to_the_end: bool
) -> tuple[str, str]:
    """First and last of the one range over `chosen`."""
    places = [place for place, key in enumerate(wanted) if key in chosen]
    first, last = places[0], len(wanted) - 1 if to_the_end else places[-1]
    stop = next((place for place in range(first, last + 1) if wanted[place] in busy), last + 1)
    return wanted[first], wanted[stop - 1]


def _counted(keys: Sequence[str], what: str) -> str:
    return f"1 {what}" if len(keys) == 1 else f"{len(keys)} {what}s"


def _span(keys: Sequence[str]) -> str:
    return keys[0] if len(keys) == 1 else f"{keys[0]} … {keys[-1]}"
