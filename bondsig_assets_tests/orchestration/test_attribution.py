"""Who launched a run: the person whom the proxy named, else what else there is."""

from __future__ import annotations

from types import SimpleNamespace

import dagster as dg
import pytest
from dagster._core.storage.tags import SCHEDULE_NAME_TAG, USER_TAG

from bondsig_assets.orchestration.attribution import (
    USER_HEADER,
    AttributingRunCoordinator,
    launched_by,
)


@pytest.mark.parametrize("user", ["ada", None])
def test_a_run_bears_the_user_of_the_request(user):
    queued = []
    with dg.DagsterInstance.ephemeral() as instance, pytest.MonkeyPatch.context() as patched:
        run = instance.create_run_for_job(_graph().to_job())
        coordinator = AttributingRunCoordinator()
        coordinator.register_instance(instance)
        patched.setattr(
            dg.QueuedRunCoordinator, "submit_run", lambda _, context: queued.append(context)
        )
        asked = SimpleNamespace(
            dagster_run=run,
            get_request_header=lambda key: {USER_HEADER: user}.get(key),
        )
        coordinator.submit_run(asked)
        tags = instance.get_run_by_id(run.run_id).tags
    assert queued == [asked] and tags.get(USER_TAG) == user


def _graph():
    @dg.graph
    def nothing():
        pass

    return nothing


def test_who_launched_is_told_by_the_tags():
    assert launched_by({USER_TAG: "ada", SCHEDULE_NAME_TAG: "every_morning"}) == "ada"
    assert launched_by({SCHEDULE_NAME_TAG: "every_morning"}) == "schedule every_morning"
    assert launched_by({}) == "Dagster's UI"
