"""A small graph with the stages of the real one, and what a record holds of it.

Belongs here: what tests of schedules, of catching up and of alerts share. Not here: tests.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any
from zoneinfo import ZoneInfo

import dagster as dg
from dagster._core.remote_origin import (
    RegisteredCodeLocationOrigin,
    RemoteJobOrigin,
    RemoteRepositoryOrigin,
)

from bondsig_assets.learning.settings import WalkForwardSettings
from bondsig_assets.orchestration.jobs import NEW_YORK, build_jobs, build_schedules
from bondsig_assets.orchestration.partitions import (
    folds_definition,
    rests_on,
    rests_on_days_before,
    rests_on_its_quarter,
    trading_days_definition,
)
from bondsig_assets.orchestration.stages import DAYS, OWN_PAST_TAG, SCORING, TAG, TRAINING

FIRST = date(2023, 1, 3)
WALK = WalkForwardSettings(minimum_train_days=126, calibration_days=21, stop_days=21)


def asset(name: str, *deps: Any, stage: str = DAYS, partitions: Any = None, tags: Any = None):
    @dg.asset(
        name=name,
        deps=list(deps),
        partitions_def=partitions,
        backfill_policy=dg.BackfillPolicy.single_run(),
        tags={TAG: stage} | (tags or {}),
    )
    def nothing() -> None: ...

    return nothing


@dataclass(frozen=True)
class SmallMarket:
    """Its days and quarters, and what Dagster loads of it."""

    days: dg.DailyPartitionsDefinition
    folds: dg.TimeWindowPartitionsDefinition
    defs: dg.Definitions

    @property
    def graph(self) -> Any:
        return self.defs.resolve_asset_graph()

    def keys(self, *until: int) -> list[str]:
        """Days there are by a moment, New York."""
        return list(self.days.get_partition_keys(current_time=moment(*until)))

    def tick(self, instance: dg.DagsterInstance, schedule: str, *when: int) -> Any:
        """What a schedule asks for at a moment, New York."""
        context: Any = dg.build_schedule_context(
            instance,
            scheduled_execution_time=moment(*when),
            repository_def=self.defs.get_repository_def(),
        )
        # It hands over only instances that lie on a disk, which are ten times slower.
        context._instance_ref, context._instance = object(), instance
        return self.defs.resolve_schedule_def(schedule).evaluate_tick(context)


def moment(*numbers: int) -> datetime:
    return datetime(*numbers, tzinfo=ZoneInfo(NEW_YORK))  # type: ignore[arg-type, misc]


def small_market(
    last: date | None = None, newest: Callable[[], date | None] = lambda: None
) -> SmallMarket:
    """names, reports → trades → features, ledger → models → champions; features, models → scores →
    judgement. `last` ends it, `newest` gives the last day its source has.
    """
    days, folds = trading_days_definition(FIRST, last), folds_definition(FIRST, last, WALK)
    jobs = build_jobs(days, folds)
    assets = [
        asset("names"),
        asset("reports", partitions=days),
        asset("trades", "reports", "names", partitions=days),
        asset("features", rests_on("trades", days_back=2), partitions=days),
        asset("ledger", "trades", partitions=days, tags={OWN_PAST_TAG: "true"}),
        asset("models", rests_on_days_before("features"), stage=TRAINING, partitions=folds),
        asset("champions", "models", stage=TRAINING),
        asset("scores", "features", rests_on_its_quarter("models"), stage=SCORING, partitions=days),
        asset("judgement", "scores", stage=SCORING),
    ]
    return SmallMarket(
        days,
        folds,
        dg.Definitions(
            assets=assets,
            jobs=[job for job in jobs if job.name != "hindsight"],
            schedules=build_schedules(jobs, days, folds, newest),
            executor=dg.in_process_executor,
        ),
    )


def begin_run(
    instance: dg.DagsterInstance,
    market: SmallMarket,
    status: dg.DagsterRunStatus,
    tags: dict[str, str],
    job: str = "daily",
) -> dg.DagsterRun:
    """Note a run in some state, as the daemon would have launched it."""
    place = RemoteRepositoryOrigin(RegisteredCodeLocationOrigin("bondsig"), "__repository__")
    return instance.create_run_for_job(
        market.defs.resolve_job_def(job),
        status=status,
        tags=tags,
        remote_job_origin=RemoteJobOrigin(place, job),
    )


def make(instance: dg.DagsterInstance, name: str, *keys: str) -> None:
    """Note that partitions of an asset were made."""
    for key in keys:
        instance.report_runless_asset_event(dg.AssetMaterialization(name, partition=key))


def make_all(instance: dg.DagsterInstance, market: SmallMarket, days: list[str]) -> None:
    """Everything of `days`, in the order of the graph, and the models of every quarter begun."""
    for name in ("reports", "trades", "features", "ledger"):
        make(instance, name, *days)
    make(instance, "models", *[key for key in market.folds.get_partition_keys() if key <= days[-1]])
    make(instance, "scores", *days)
