"""Jobs and schedules: the morning run of one trading day, and the quarterly training.

Belongs here: what runs together and when, and why nothing does. Not here: the assets, and what is
missing (`catch_up.py`).
"""

from collections.abc import Callable
from datetime import date, timedelta
from typing import Any

import dagster as dg

from bondsig_assets.calendar import (
    at_or_after,
    at_or_before,
    is_trading_day,
    next_quarter,
    quarter_of,
)
from bondsig_assets.orchestration.catch_up import Due, find_due, partitions_in_hand
from bondsig_assets.orchestration.partitions import known_days, known_quarters
from bondsig_assets.orchestration.stages import DAYS, ON_ASKING, SCORING, TAG, TRAINING, stage_of

NEW_YORK = "America/New_York"
#: Tag of a run that a schedule asked for: how many days were missing, how many had changed.
REASON_TAG = "bondsig/reason"
#: Tag of a run that writes days or models: the queue lets one of them through at a time, so that a
#: day never overtakes the one before it (`dagster.yaml`).
WRITES_TAG = "bondsig/writes"
_ONE_AT_A_TIME = {WRITES_TAG: "true"}
#: Gives the last day that a source has now; None where the market says nothing of it.
Newest = Callable[[], date | None]


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
            tags=_ONE_AT_A_TIME,
            description="One trading day, from reports to orders.",
        ),
        dg.define_asset_job(
            "training",
            selection=of[TRAINING],
            partitions_def=folds,
            tags=_ONE_AT_A_TIME,
            description="The models of one quarter, and who becomes champion.",
        ),
        dg.define_asset_job(
            "hindsight",
            selection=of[ON_ASKING],
            description="The usual research sample, for comparison.",
        ),
    ]


def build_schedules(
    jobs: list[Any],
    days: dg.PartitionsDefinition,
    folds: dg.PartitionsDefinition,
    newest: Newest = lambda: None,
) -> list[dg.ScheduleDefinition]:
    """Both off until switched on. Each asks, in one run, for all that is missing by now and all
    that is out of date, so that an outage of any length is made up by the tick after it.

    `newest` gives the last day that the source has at a tick, None where that says nothing.
    """
    daily, training, _ = jobs
    is_closed = getattr(days, "end", None) is not None

    @dg.schedule(
        job=daily, cron_schedule="30 6 * * 2-6", execution_timezone=NEW_YORK, name="every_morning"
    )
    def every_morning(context: dg.ScheduleEvaluationContext) -> dg.RunRequest | dg.SkipReason:
        """06:30 New York, Tuesday to Saturday: the trading day before, what was missed before it,
        and days that something they rest on was made after.
        """
        now, last = context.scheduled_execution_time, newest()
        keys = known_days(days.get_partition_keys(current_time=now), last)
        due = _due(context, "daily", (DAYS, SCORING), keys)
        yesterday = now.date() - timedelta(days=1)
        if due.key_range is None:
            return dg.SkipReason(_why_no_day(due, keys, yesterday, last, is_closed=is_closed))
        return _request(context, due, "day", (DAYS, SCORING))

    @dg.schedule(
        job=training,
        cron_schedule="30 7 * * 1-5",
        execution_timezone=NEW_YORK,
        name="every_quarter",
    )
    def every_quarter(context: dg.ScheduleEvaluationContext) -> dg.RunRequest | dg.SkipReason:
        """07:30 New York, Monday to Friday: quarters that have no models, from their first trading
        day on, when the labels of the days before are in; and those whose days were made anew.
        """
        now, last = context.scheduled_execution_time, newest()
        quarters = known_quarters(folds.get_partition_keys(current_time=now), last, now.date())
        due = _due(context, "training", (TRAINING,), quarters)
        keys = known_days(days.get_partition_keys(current_time=now), last)
        if due.key_range is None:
            return dg.SkipReason(
                _why_no_quarter(due, quarters, keys, now.date(), is_closed=is_closed)
            )
        before = [key for key in keys if key < due.key_range[1]]
        lacking = _due(context, "daily", (DAYS,), before)
        if lacking.missing or lacking.outdated or lacking.busy:
            return dg.SkipReason(
                f"{due.in_words('quarter')}, and days they learn from are not there yet:"
                f" {lacking.in_words('day') or _in_hand(lacking)}"
            )
        return _request(context, due, "quarter", (TRAINING,))

    return [every_morning, every_quarter]


def _due(
    context: dg.ScheduleEvaluationContext, job: str, stages: tuple[str, ...], keys: list[str]
) -> Due:
    """What `job` has to make of `keys`, without what a run has in hand."""
    graph = _graph(context)
    busy = partitions_in_hand(graph, context.instance, job, stages, keys)
    return find_due(graph, context.instance, stages, keys, busy)


def _graph(context: dg.ScheduleEvaluationContext) -> Any:
    assert context.repository_def is not None, "Dagster gives a tick its repository"
    return context.repository_def.asset_graph


def _request(
    context: dg.ScheduleEvaluationContext, due: Due, what: str, stages: tuple[str, ...]
) -> dg.RunRequest:
    """One run over the whole range, of the assets concerned, that says why it was asked for."""
    said = due.in_words(what)
    context.log.info(said)
    every = [node.key for node in _graph(context).asset_nodes if stage_of(node) in stages]
    assets = [key for key in every if key.path[-1] in due.assets]
    return dg.RunRequest(
        run_key="_".join(due.key_range or ()),
        tags={**due.tags, REASON_TAG: said},
        asset_selection=None if len(assets) == len(every) else sorted(assets),
    )


def _why_no_day(
    due: Due, keys: list[str], yesterday: date, last: date | None, *, is_closed: bool
) -> str:
    """Why a morning asks for nothing."""
    if due.busy:
        return _in_hand(due)
    if not keys:
        return "the market of this home has no day yet"
    newest = date.fromisoformat(keys[-1])
    if last is not None and newest < min(last, at_or_before(yesterday)):
        # The sample was done when this server began, and has grown since.
        return (
            f"all days to {newest} are there and up to date; the source has days to {last} now:"
            " start `bondsig ui` again to see them"
        )
    if newest < at_or_before(yesterday):
        return f"{_no_more(newest, is_closed=is_closed)}; all its days are there and up to date"
    closed = "" if is_trading_day(yesterday) else f"; {yesterday} was no trading day"
    return f"all days to {newest} are there and up to date{closed}"


def _why_no_quarter(
    due: Due, quarters: list[str], keys: list[str], today: date, *, is_closed: bool
) -> str:
    """Why nothing is trained."""
    if due.busy:
        return _in_hand(due)
    trained = (
        f"the models of all quarters to that of {quarters[-1]} are there and up to date"
        if quarters
        else "no quarter has days enough before it to learn from"
    )
    newest = date.fromisoformat(keys[-1]) if keys else None
    if newest is not None and newest < at_or_before(today - timedelta(days=1)):
        return f"{_no_more(newest, is_closed=is_closed)}; {trained}"
    return f"{trained}; the next begins on {at_or_after(next_quarter(quarter_of(today)))}"


def _no_more(newest: date, *, is_closed: bool) -> str:
    """A closed market brings no day any more, a source that is late will."""
    if is_closed:
        return f"the market of this home ended on {newest}"
    return f"the source has no day after {newest} yet"


def _in_hand(due: Due) -> str:
    first, last = due.busy[0], due.busy[-1]
    which = first if first == last else f"{first} … {last}"
    return f"a run has {which} in hand, and nothing else is missing or out of date"
