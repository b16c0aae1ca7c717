"""Partitions: NYSE trading days, and quarters for walk-forward folds.

Belongs here: partition definitions and their mappings. Not here: the calendar itself.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime, timedelta

import dagster as dg

from bondsig_assets.calendar import (
    LAST_DAY,
    at_or_after,
    holidays,
    next_quarter,
    offset,
    quarter_of,
    quarters_between,
)
from bondsig_assets.learning.folds import folds_between, has_enough_history
from bondsig_assets.learning.settings import WalkForwardSettings

_WEEKENDS = "0 0 * * 6,0"


def rests_on(asset: str, *, days_back: int) -> dg.AssetDep:
    """A dependency of days on days: each rests on its own day and on `days_back` trading days
    before it.
    """
    return dg.AssetDep(
        asset,
        partition_mapping=dg.TimeWindowPartitionMapping(
            start_offset=-days_back, allow_nonexistent_upstream_partitions=True
        ),
    )


def rests_on_days_before(asset: str) -> dg.AssetDep:
    """A dependency of a quarter on every day before it. Dagster has no mapping that says `before`:
    it is shown all days, and `outdated.py` reads this one as meant.
    """
    return dg.AssetDep(asset, partition_mapping=dg.AllPartitionMapping())


def rests_on_its_quarter(asset: str) -> dg.AssetDep:
    """A dependency of a day on the quarter it lies in, where that has a partition."""
    return dg.AssetDep(
        asset,
        partition_mapping=dg.TimeWindowPartitionMapping(allow_nonexistent_upstream_partitions=True),
    )


def trading_days_definition(first: date, last: date | None) -> dg.DailyPartitionsDefinition:
    """One partition per trading day from `first`; `last` closes it for a market that has ended.

    One that goes on has no end: a day is there from the midnight after it on, New York, also for
    servers that were started long before.
    """
    closed = [
        datetime(day.year, day.month, day.day)
        for day in sorted(holidays())
        if first <= day <= (last or date.max)
    ]
    return dg.DailyPartitionsDefinition(
        start_date=first.isoformat(),
        end_date=(last + timedelta(days=1)).isoformat() if last else None,
        timezone="America/New_York",
        exclusions=[_WEEKENDS, *closed],
    )


def folds_definition(
    first: date, last: date | None, settings: WalkForwardSettings
) -> dg.TimeWindowPartitionsDefinition:
    """One partition per quarter that has enough history before it; the current quarter included.

    Where none of the market has, there is one a year after its first day, whose training says why.
    """
    folds = folds_between(first, last, settings) if last else []
    candidates = [fold.quarter for fold in folds] or quarters_between(first, last or LAST_DAY)
    start = next(
        (one for one in candidates if has_enough_history(one, first, settings)),
        _a_year_after(quarter_of(first)),
    )
    end = next_quarter(folds[-1].quarter) if folds else None
    return dg.TimeWindowPartitionsDefinition(
        start=start.isoformat(),
        end=end.isoformat() if end else None,
        fmt="%Y-%m-%d",
        cron_schedule="0 0 1 1,4,7,10 *",
        timezone="America/New_York",
        end_offset=0 if last else 1,
    )


def _a_year_after(quarter: date) -> date:
    return quarter.replace(year=quarter.year + 1)


def known_days(keys: Sequence[str], newest: date | None) -> list[str]:
    """Those of the days `keys` that the source has, `newest` the last of them (None: all)."""
    return [key for key in keys if newest is None or key <= newest.isoformat()]


def known_quarters(keys: Sequence[str], newest: date | None, today: date) -> list[str]:
    """Those of the quarters `keys` whose first trading day has come and whose days before it the
    source has, `newest` its last (None: all).
    """
    begun = [key for key in keys if at_or_after(date.fromisoformat(key)) <= today]
    return [key for key in begun if newest is None or key <= offset(newest, 1).isoformat()]
