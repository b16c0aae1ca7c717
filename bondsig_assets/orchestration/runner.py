"""Materializing a range of days in a few big runs, in this process.

Belongs here: which partitions are missing, in which order stages run, how a failure is told.
Not here: what the CLI prints, and schedules (`jobs.py`).

Days go through first, then the quarters' models, then scores: a model needs the days before
its quarter and a score needs its quarter's model.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from functools import partial
from typing import Any

import dagster as dg
from dagster._core.definitions.assets.job.asset_job import IMPLICIT_ASSET_JOB_NAME
from dagster._core.definitions.repository_definition import SINGLETON_REPOSITORY_NAME
from dagster._core.remote_origin import (
    RegisteredCodeLocationOrigin,
    RemoteJobOrigin,
    RemoteRepositoryOrigin,
)
from dagster._core.storage.tags import MAX_RETRIES_TAG

from bondsig_assets import logs
from bondsig_assets.blocks import workers
from bondsig_assets.calendar import trading_days
from bondsig_assets.credentials import hidden
from bondsig_assets.errors import RunError
from bondsig_assets.home import Home
from bondsig_assets.learning.settings import LearningSettings
from bondsig_assets.orchestration.outdated import outdated, trained_otherwise
from bondsig_assets.orchestration.renamed_assets import follow_renames
from bondsig_assets.orchestration.stages import DAYS, ON_ASKING, SCORING, TRAINING, TRUTH, stage_of
from bondsig_assets.warehouse import Warehouse

#: How Dagster begins the message of a failure that is told in words: an asset's, or one of ours.
_OWN_KIND = re.compile(r"^(?:dagster\._core\.definitions\.events\.|bondsig_assets\.errors\.)\w+: ")
#: Tag of a run of the command line. No daemon tries it again or tells of its end: a person, or a
#: line of cron, waits for it.
COMMAND_LINE_TAG = "bondsig/by_command_line"
_BY_COMMAND_LINE = {COMMAND_LINE_TAG: "true", MAX_RETRIES_TAG: "0"}
#: The code location that `bondsig ui` serves, and the job that runs of chosen assets are of.
_ORIGIN = RemoteJobOrigin(
    RemoteRepositoryOrigin(
        RegisteredCodeLocationOrigin("bondsig_assets.definitions"), SINGLETON_REPOSITORY_NAME
    ),
    IMPLICIT_ASSET_JOB_NAME,
)
_RANGE_START, _RANGE_END = (
    "dagster/asset_partition_range_start",
    "dagster/asset_partition_range_end",
)


@dataclass(frozen=True)
class Stage:
    """Assets that run together over the same partitions; `key_ranges` are first and last keys,
    empty for assets without.
    """

    assets: tuple[str, ...]
    key_ranges: tuple[tuple[str, str], ...]


def open_instance(home: Home) -> dg.DagsterInstance:
    """The Dagster instance of the home."""
    home.prepare_dagster()
    follow_renames(home)
    instance = dg.DagsterInstance.get()
    # Dagster gives a run of this process no code location, and its UI shows no such run in time.
    vars(instance)["create_run_for_job"] = partial(
        instance.create_run_for_job, remote_job_origin=_ORIGIN
    )
    return instance


def selected_assets(defs: dg.Definitions, select: str) -> set[str]:
    """Names of the assets that `select` (Dagster's selection syntax) means, all but those on asking
    when empty; raises RunError when there are none.
    """
    graph = defs.resolve_asset_graph()
    names = sorted(key.path[-1] for key in graph.get_all_asset_keys())
    try:
        keys = (
            dg.AssetSelection.from_string(select).resolve(graph)
            if select
            else graph.get_all_asset_keys()
        )
    except Exception as error:
        raise RunError(
            f"--select '{select}' is not a selection ({str(error).splitlines()[0]}); assets are:"
            f" {', '.join(names)}"
        ) from error
    wanted = [key for key in keys if select or stage_of(graph.get(key)) != ON_ASKING]
    chosen = {key.path[-1] for key in wanted}
    if not chosen:
        raise RunError(f"--select '{select}' matches no asset; assets are: {', '.join(names)}")
    return chosen


def plan(
    defs: dg.Definitions,
    instance: dg.DagsterInstance,
    start: date,
    end: date,
    chosen: Collection[str],
    again: bool,
) -> list[Stage]:
    """Stages still to do for the trading days `start` … `end`; everything in them when `again`."""
    graph = defs.resolve_asset_graph()
    stages = _by_stage(graph, chosen)
    days = [day.isoformat() for day in trading_days(start, end)]
    folds_of_range = [
        key
        for key in _fold_keys(graph)
        if start <= _last_day(key) and date.fromisoformat(key) <= end
    ]
    planned = [
        _stage(graph, instance, stages[DAYS], days, again),
        _stage(graph, instance, stages[TRAINING], folds_of_range, again),
        _stage(graph, instance, stages[SCORING], days, again),
    ]
    return [stage for stage in planned if stage.assets and stage.key_ranges]


def _by_stage(graph: Any, chosen: Collection[str]) -> dict[str, tuple[str, ...]]:
    """Names of the chosen assets by the stage they run in, each in the order of the graph. What is
    asked for by name runs with the days.
    """
    stages: dict[str, list[str]] = {DAYS: [], TRAINING: [], SCORING: []}
    for level in graph.toposorted_asset_keys_by_level:
        for key in level:
            if key.path[-1] in chosen:
                stage = stage_of(graph.get(key))
                stages[DAYS if stage in (TRUTH, ON_ASKING) else stage].append(key.path[-1])
    return {stage: tuple(names) for stage, names in stages.items()}


def to_retrain(defs: dg.Definitions, warehouse: Warehouse, settings: LearningSettings) -> set[str]:
    """Quarters of the graph whose models other settings trained; one that is no quarter of it any
    more keeps what it has.
    """
    return trained_otherwise(warehouse, settings) & set(_fold_keys(defs.resolve_asset_graph()))


def plan_outdated(
    defs: dg.Definitions,
    instance: dg.DagsterInstance,
    chosen: Collection[str],
    anew: Mapping[str, Collection[str]] | None = None,
) -> list[Stage]:
    """Stages that bring up to date what was made before something it rests on, whatever its day,
    and the partitions `anew` of each asset.
    """
    graph = defs.resolve_asset_graph()
    found = outdated(graph, instance, chosen, anew)
    planned = []
    for stage, names in _by_stage(graph, chosen).items():
        # Tables without days, which are made anew with every run, follow what changed above them;
        # the reference tables of the first stage have nothing above.
        concerned = [
            name
            for name in names
            if name in found or (stage != DAYS and _partitions(graph, name) is None)
        ]
        keys = set().union(*(found.get(name, ()) for name in concerned))
        if keys:
            of_stage = next(_partitions(graph, name) for name in concerned if name in found)
            ranges = _key_ranges(of_stage.get_partition_keys(), keys)
            planned.append(Stage(tuple(concerned), tuple(ranges)))
    return planned


def _partitions(graph: Any, name: str) -> Any:
    return graph.get(dg.AssetKey(name)).partitions_def


def execute(defs: dg.Definitions, instance: dg.DagsterInstance, stage: Stage) -> None:
    """Run one stage, range by range; raises RunError naming the asset that failed and its error in
    one line, and SettingsError before the first one where BONDSIG_WORKERS cannot be meant.

    What has no partitions, and none of the stage rests on, is made once, with the last range:
    judging all scores anew after each of twenty ranges would take longer than all else.
    """
    workers()
    job = defs.resolve_implicit_global_asset_job_def()
    at_the_end = _at_the_end(defs.resolve_asset_graph(), stage.assets)
    for first, last in stage.key_ranges:
        is_last = (first, last) == stage.key_ranges[-1]
        tags = _BY_COMMAND_LINE | ({_RANGE_START: first, _RANGE_END: last} if first else {})
        result = job.execute_in_process(
            instance=instance,
            asset_selection=[
                dg.AssetKey(name) for name in stage.assets if is_last or name not in at_the_end
            ],
            tags=tags,
            run_config=_loggers(),
            raise_on_error=False,
        )
        if not result.success:
            raise RunError(_why(result))


def _loggers() -> dict[str, Any]:
    """Run config: a person who waits is told by our own lines; machines get those of the run."""
    level = "INFO" if logs.is_json() else "CRITICAL"
    return {"loggers": {"console": {"config": {"log_level": level}}}}


def _at_the_end(graph: Any, names: Sequence[str]) -> set[str]:
    """Those of the assets `names` of one stage that have no partitions and that none of them with
    partitions rests on.
    """
    with_partitions = {name for name in names if _partitions(graph, name) is not None}
    above: set[str] = set()
    asked = list(with_partitions)
    while asked:
        parents = graph.get(dg.AssetKey(asked.pop())).parent_keys
        new = {key.path[-1] for key in parents if key.path[-1] in names} - above
        above |= new
        asked += new
    return set(names) - with_partitions - above if with_partitions else set()


def _why(result: dg.ExecuteInProcessResult) -> str:
    for event in result.all_events:
        if event.event_type_value == "STEP_FAILURE":
            error = event.step_failure_data.error
            if error is not None and "Interrupted" in (_first_cause(error).cls_name or ""):
                raise KeyboardInterrupt
            return f"{event.step_key}: {told_cause(error)}"
    return f"run {result.run_id} failed before any asset began"


def told_cause(error: Any) -> str:
    """The first line of what an error of a step began with."""
    text = _OWN_KIND.sub("", _first_cause(error).message.strip()) if error else ""
    return hidden(text.splitlines()[0]) if text else "unknown error"


def _first_cause(error: Any) -> Any:
    while error.cause is not None:
        error = error.cause
    return error


def _stage(
    graph: Any, instance: dg.DagsterInstance, names: Sequence[str], keys: Sequence[str], again: bool
) -> Stage:
    """The stage of `names` over those of `keys` that some asset lacks; assets with partitions that
    lack none of them are left out: a table that is new with a version has no old work done again.
    """
    missing: set[str] = set(keys) if again else set()
    whole_missing, complete = again, set()
    for name in names:
        key = dg.AssetKey(name)
        if graph.get(key).partitions_def is None:
            whole_missing |= not again and instance.get_latest_materialization_event(key) is None
        elif not again:
            lacking = set(keys) - instance.get_materialized_partitions(key)
            missing |= lacking
            if not lacking:
                complete.add(name)
    names = [name for name in names if name not in complete or not missing]
    partitioned = any(graph.get(dg.AssetKey(name)).partitions_def is not None for name in names)
    if partitioned:
        if not missing and whole_missing and keys:
            missing = {keys[-1]}
        return Stage(tuple(names), tuple(_key_ranges(keys, missing)))
    return Stage(tuple(names), (("", ""),) if whole_missing else ())


def _key_ranges(keys: Sequence[str], missing: Collection[str]) -> list[tuple[str, str]]:
    """First and last of neighbouring missing keys."""
    ranges: list[list[str]] = []
    previous = None
    for key in keys:
        if key in missing:
            if ranges and previous in missing:
                ranges[-1][1] = key
            else:
                ranges.append([key, key])
        previous = key
    return [(first, last) for first, last in ranges]


def day_keys(graph: Any, now: datetime) -> list[str]:
    """Trading days of the market that have ended by `now`, in order."""
    days = graph.get(dg.AssetKey("trace_reports")).partitions_def
    return list(days.get_partition_keys(current_time=now))


def without_days(graph: Any) -> Stage:
    """What runs with the days and has none: reference tables, and what follows from them alone."""
    names = [
        name
        for name in _by_stage(graph, {key.path[-1] for key in graph.get_all_asset_keys()})[DAYS]
        if _partitions(graph, name) is None and stage_of(graph.get(dg.AssetKey(name))) == DAYS
    ]
    return Stage(tuple(names), (("", ""),))


def _fold_keys(graph: Any) -> list[str]:
    return list(graph.get(dg.AssetKey("models")).partitions_def.get_partition_keys())


def _last_day(fold_key: str) -> date:
    from bondsig_assets.learning.folds import fold_of

    return fold_of(date.fromisoformat(fold_key)).last_day
