"""By when each layer should be made, for the UI: Dagster's freshness policies.

Belongs here: the deadlines. Not here: whether days are late and who is told of it (`alerting.py`,
which knows the calendar), and how old what came is (`monitoring/freshness.py`). Dagster knows no
holidays: from 09:00 on the morning after one it shows the daily tables as late, until the next run.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, timedelta
from typing import Any

import dagster as dg

from bondsig_assets.orchestration.stages import DAYS, SCORING, TAG, TRAINING

_NEW_YORK = "America/New_York"
#: A market whose last day is older than this has ended: nothing of it is late.
_GOES_ON_DAYS = 10
#: Tuesday to Saturday, when `every_morning` has asked at 06:30: within the 24 hours before.
_BY_STAGE: dict[str, dg.FreshnessPolicy] = {
    DAYS: dg.FreshnessPolicy.cron("30 8 * * 2-6", timedelta(hours=24), _NEW_YORK),
    SCORING: dg.FreshnessPolicy.cron("0 9 * * 2-6", timedelta(hours=24), _NEW_YORK),
    # A quarter has at most 92 days, and its first trading day is at most the fifth.
    TRAINING: dg.FreshnessPolicy.time_window(timedelta(days=98), timedelta(days=94)),
}


def with_freshness(assets: Sequence[Any], last: date | None, today: date) -> list[Any]:
    """`assets` with the deadline of their stage, if the market, whose last day is `last`, goes on;
    what runs on asking alone is never late.
    """
    if last is not None and last < today - timedelta(days=_GOES_ON_DAYS):
        return list(assets)
    return list(dg.map_asset_specs(_with_deadline, assets))


def _with_deadline(spec: dg.AssetSpec) -> dg.AssetSpec:
    policy = _BY_STAGE.get(spec.tags.get(TAG, ""))
    return spec if policy is None else spec.replace_attributes(freshness_policy=policy)
