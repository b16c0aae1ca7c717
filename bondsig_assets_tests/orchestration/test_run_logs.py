"""What is told of a run, and that machines can read every line of it."""

# No `from __future__ import annotations`: Dagster reads the type of `context` as it stands.

import json
import logging

import dagster as dg
import pytest

from bondsig_assets.errors import RunError
from bondsig_assets.home import Home
from bondsig_assets.orchestration.run_logs import console_logger
from bondsig_assets.orchestration.runner import Stage, execute, open_instance

DAYS = dg.DailyPartitionsDefinition(start_date="2024-01-01", end_date="2024-07-01")
STAGE = Stage(("days", "breaks"), (("2024-01-02", "2024-01-04"),))


def graph() -> dg.Definitions:
    @dg.asset(partitions_def=DAYS, backfill_policy=dg.BackfillPolicy.single_run())
    def days(context: dg.AssetExecutionContext) -> None:
        context.log.info("looked")
        context.log.debug("never told")
        logging.getLogger("bondsig_assets.warehouse.lake").warning("said by the warehouse")

    @dg.asset(deps=[days])
    def breaks() -> None:
        raise ValueError("no\nmore")

    return dg.Definitions(
        assets=[days, breaks],
        loggers={"console": console_logger},
        executor=dg.in_process_executor,
    )


@pytest.fixture
def instance(tmp_path):
    with open_instance(Home(tmp_path / "home")) as opened:
        yield opened


@pytest.mark.slow
def test_a_run_is_lines_with_its_id_its_assets_and_days(instance, monkeypatch, capfd):
    monkeypatch.setenv("BONDSIG_LOG", "json")
    with pytest.raises(RunError):
        execute(graph(), instance, STAGE)
    told = [json.loads(text) for text in capfd.readouterr().err.splitlines()]
    (run,) = instance.get_runs()
    assert {one["run_id"] for one in told} == {run.run_id}
    assert {one["partition"] for one in told} == {"2024-01-02/2024-01-04"}
    events = [(one["asset"], one.get("event")) for one in told]
    assert events.count(("days", "STEP_START")) == events.count(("days", "STEP_SUCCESS")) == 1
    assert (None, "RUN_START") in events and (None, "RUN_FAILURE") in events
    (failed,) = [one for one in told if one.get("event") == "STEP_FAILURE"]
    assert (failed["asset"], failed["level"], failed["error"]) == (
        "breaks",
        "ERROR",
        "ValueError: no",
    )
    said = {one["message"]: one for one in told}
    assert said["looked"]["asset"] == "days" and "never told" not in said
    # Our own loggers are heard within a run (`dagster.yaml`), by Dagster's record too.
    assert said["said by the warehouse"]["level"] == "WARNING"
    entries = [entry.user_message for entry in instance.all_logs(run.run_id)]
    assert "said by the warehouse" in entries
    # Three days, and no line for each.
    assert len(told) < 12


@pytest.mark.slow
def test_people_are_told_nothing_of_it(instance, monkeypatch, capfd):
    monkeypatch.delenv("BONDSIG_LOG", raising=False)
    with pytest.raises(RunError):
        execute(graph(), instance, STAGE)
    assert capfd.readouterr().err == ""
