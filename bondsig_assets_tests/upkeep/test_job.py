"""The job that does upkeep by the clock."""

# A test's name says what it shows.
# ruff: noqa: D103

from __future__ import annotations

import dagster as dg
import pytest

from bondsig_assets.orchestration.jobs import WRITES_TAG
from bondsig_assets.upkeep.job import build_upkeep
from bondsig_assets.warehouse import Warehouse

pytestmark = pytest.mark.slow

NOW = {"ops": {"keep_in_order": {"config": {"snapshot_days": 0.0}}}}


def test_the_job_does_upkeep_and_says_what_it_did(home):
    home.mlflow_database.unlink()
    job, schedule = build_upkeep(home)
    with dg.instance_for_test() as instance:
        done = job.execute_in_process(instance=instance, run_config=NOW)
        said = [entry.message for entry in instance.all_logs(done.run_id)]
    assert done.success and Warehouse(home.path).lake_state().files == 2
    assert any("lake: 12 → 2 files" in line for line in said)
    assert schedule.default_status is dg.DefaultScheduleStatus.STOPPED
    assert job.tags[WRITES_TAG] == "true", "no day is written meanwhile"


def test_what_goes_wrong_is_one_line(home):
    # What stands for MLflow's database in this home has no runs.
    job, _ = build_upkeep(home)
    with dg.instance_for_test() as instance:
        done = job.execute_in_process(instance=instance, run_config=NOW, raise_on_error=False)
    (failed,) = [event for event in done.all_events if event.event_type_value == "STEP_FAILURE"]
    cause = failed.step_failure_data.error
    assert not done.success and "cannot be read: no such table: runs" in cause.message
