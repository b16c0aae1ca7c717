"""Jobs and schedules: the morning run of one trading day, and the quarterly training.

Belongs here: what runs together and when. Not here: the assets.
"""

from datetime import date
from typing import Any

import dagster as dg

from bondsig_assets.calendar import at_or_after, at_or_before, is_trading_day, quarter_of
from bondsig_assets.orchestration.stages import DAYS, ON_ASKING, SCORING, TAG, TRAINING

_NEW_YORK = "America/New_York"


def build_jobs(days: dg.PartitionsDefinition, folds: dg.PartitionsDefinition) -> list[Any]:
    """`daily`: everything for one trading day with the models there are; `training`: the models of
    one quarter and the gate; `hindsight`: what runs on asking.
    """
    of = {
        stage: dg.AssetSelection.tag(TAG, stage) for stage in (DAYS, SCORING, TRAINING, ON_ASKING)
    }
    return [
        dg.define_asset_job(
            "daily",
            selection=of[DAYS] | of[SCORING],
            partitions_def=days,
            description="One trading day, from reports to orders.",
        ),
        dg.define_asset_job(
            "training",
            selection=of[TRAINING],
            partitions_def=folds,
            description="The models of one quarter, and who becomes champion.",
        ),
        dg.define_asset_job(
            "hindsight",
            selection=of[ON_ASKING],
            description="The usual research sample, for comparison.",
        ),
    ]


def build_schedules(jobs: list[Any], days: dg.PartitionsDefinition) -> list[dg.ScheduleDefinition]:
    """Both off until switched on. The daily one asks for the day that ended last night."""
    daily, training, _ = jobs

    @dg.schedule(
        job=daily, cron_schedule="30 6 * * 2-6", execution_timezone=_NEW_YORK, name="every_morning"
    )
    def every_morning(context: dg.ScheduleEvaluationContext) -> dg.RunRequest | dg.SkipReason:
        """06:30 New York, Tuesday to Saturday: the trading day before."""
        yesterday = date.fromordinal(context.scheduled_execution_time.date().toordinal() - 1)
        if not is_trading_day(yesterday):
            return dg.SkipReason(f"{yesterday} was no trading day")
        key = yesterday.isoformat()
        if key not in days.get_partition_keys(current_time=context.scheduled_execution_time):
            return dg.SkipReason(f"{key} is outside the market of this home")
        return dg.RunRequest(run_key=key, partition_key=key)

    @dg.schedule(
        job=training,
        cron_schedule="30 7 * * 1-5",
        execution_timezone=_NEW_YORK,
        name="every_quarter",
    )
    def every_quarter(context: dg.ScheduleEvaluationContext) -> dg.RunRequest | dg.SkipReason:
        """07:30 New York on the first trading day of a quarter, when the labels of its training
        days are in.
        """
        today = context.scheduled_execution_time.date()
        quarter = quarter_of(today)
        if at_or_after(quarter) != today:
            return dg.SkipReason(
                f"{today} does not begin a quarter (that was {at_or_before(quarter)})"
            )
        return dg.RunRequest(run_key=quarter.isoformat(), partition_key=quarter.isoformat())

    return [every_morning, every_quarter]
