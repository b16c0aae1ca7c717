"""The job `upkeep` and its schedule: what `bondsig maintain` does, by the clock.

Belongs here: how Dagster runs it. Not here: what it does (`maintain.py`).
"""

# No `from __future__ import annotations`: Dagster reads the type of an op's argument as it stands.

from typing import Any

import dagster as dg

from bondsig_assets.errors import BondsigError
from bondsig_assets.home import Home
from bondsig_assets.orchestration.dead_runs import end_dead_runs
from bondsig_assets.orchestration.jobs import NEW_YORK, WRITES_TAG
from bondsig_assets.upkeep.maintain import EVENT_DAYS, SNAPSHOT_DAYS, maintain


def build_upkeep(home: Home) -> tuple[Any, dg.ScheduleDefinition]:
    """The job, and a schedule that is off until switched on."""

    @dg.op(
        name="upkeep",
        config_schema={
            "snapshot_days": dg.Field(float, default_value=float(SNAPSHOT_DAYS)),
            "event_days": dg.Field(float, default_value=float(EVENT_DAYS)),
        },
        description=(
            "Merges the lake's small files, forgets old snapshots that no model names, removes"
            " files that none needs, old logs of runs, and runs deleted in MLflow."
        ),
    )
    def upkeep(context: dg.OpExecutionContext) -> None:
        """What was done is in the log of the run."""
        for run in end_dead_runs(context.instance):
            context.log.info(f"ended {run}")
        try:
            done = maintain(
                home, context.op_config["snapshot_days"], context.op_config["event_days"]
            )
        except BondsigError as error:
            raise dg.Failure(str(error)) from error
        for line in done.lines():
            context.log.info(line)

    # Days wait for it in the queue: a write would wait for the lake's lock otherwise.
    job = dg.JobDefinition(
        name="upkeep",
        graph_def=dg.GraphDefinition(name="whole_upkeep", node_defs=[upkeep]),
        executor_def=dg.in_process_executor,
        tags={WRITES_TAG: "true"},
        description="What `bondsig maintain` does.",
    )
    schedule = dg.ScheduleDefinition(
        job=job,
        name="every_weekend",
        cron_schedule="0 12 * * 6",
        execution_timezone=NEW_YORK,
        description="12:00 New York on Saturdays: upkeep.",
    )
    return job, schedule
