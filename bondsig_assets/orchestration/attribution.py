"""Who launched a run: of the UI the person whom the proxy let in, else the schedule or sensor.

Belongs here: the tag that names a person, and reading whom a run's tags name. Not here: who may
launch anything (the proxy's), and where it is written down (`warehouse/audit.py`).
"""

from __future__ import annotations

from collections.abc import Mapping

from dagster import DagsterRun, QueuedRunCoordinator
from dagster._core.run_coordinator.base import SubmitRunContext
from dagster._core.storage.tags import (
    AUTO_RETRY_RUN_ID_TAG,
    BACKFILL_ID_TAG,
    SCHEDULE_NAME_TAG,
    SENSOR_NAME_TAG,
    USER_TAG,
)

#: Who asks, as a proxy tells it that takes the same header away from whoever comes with it.
USER_HEADER = "X-Bondsig-User"
_OTHERS = {
    SCHEDULE_NAME_TAG: "schedule",
    SENSOR_NAME_TAG: "sensor",
    AUTO_RETRY_RUN_ID_TAG: "retry of run",
    BACKFILL_ID_TAG: "backfill",
}


class AttributingRunCoordinator(QueuedRunCoordinator):
    """Dagster's queue, which tags a run with the user whom a proxy before the UI names.

    For a team's `dagster.yaml`, as `run_coordinator` with this module and class. Only behind a
    proxy that sets the header itself.
    """

    def submit_run(self, context: SubmitRunContext) -> DagsterRun:
        """Queue a run, with the tag `user` where somebody is known to ask."""
        if user := context.get_request_header(USER_HEADER):
            self._instance.add_run_tags(context.dagster_run.run_id, {USER_TAG: user})
        return super().submit_run(context)


def launched_by(tags: Mapping[str, str]) -> str:
    """Who launched a run with these tags, in words."""
    if user := tags.get(USER_TAG):
        return user
    for tag, what in _OTHERS.items():
        if name := tags.get(tag):
            return f"{what} {name}"
    return "Dagster's UI"
