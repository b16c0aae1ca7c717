"""Running a stage of several ranges: what belongs to days is made for each, what is about all of
them once.

Belongs here: how `execute` goes through a stage. Not here: whole markets (`graph/test_pieces.py`).
"""

import dagster as dg
import pytest
from dagster._core.execution.retries import auto_reexecution_should_retry_run

from bondsig_assets.errors import RunError, SettingsError
from bondsig_assets.home import Home
from bondsig_assets.orchestration.alerting import is_of_command_line
from bondsig_assets.orchestration.runner import Stage, execute, open_instance

DAYS = dg.DailyPartitionsDefinition(start_date="2024-01-01", end_date="2024-07-01")
RANGES = (("2024-01-02", "2024-01-03"), ("2024-01-08", "2024-01-08"), ("2024-01-10", "2024-01-11"))


def graph(made: list[tuple[str, str]], fails_on: str = "") -> dg.Definitions:
    """names → links → scores (by day) → judgement → page; each notes the range it was made for."""

    def asset(name: str, *deps: str, partitions=None) -> dg.AssetsDefinition:
        @dg.asset(
            name=name,
            deps=list(deps),
            partitions_def=partitions,
            backfill_policy=dg.BackfillPolicy.single_run(),
        )
        def note(context: dg.AssetExecutionContext) -> None:
            first = context.run.tags["dagster/asset_partition_range_start"]
            if name == "scores" and first == fails_on:
                raise ValueError("no")
            made.append((name, first))

        return note

    return dg.Definitions(
        assets=[
            asset("names"),
            asset("links", "names"),
            asset("scores", "links", partitions=DAYS),
            asset("judgement", "scores", "links"),
            asset("page", "judgement"),
        ],
        executor=dg.in_process_executor,
    )


STAGE = Stage(("names", "links", "scores", "judgement", "page"), RANGES)


def test_what_is_about_all_days_is_made_once_after_the_last_range():
    made: list[tuple[str, str]] = []
    with dg.DagsterInstance.ephemeral() as instance:
        execute(graph(made), instance, STAGE)
        days = instance.get_materialized_partitions(dg.AssetKey("scores"))
    assert [name for name, _ in made] == [
        *("names", "links", "scores") * 2,
        *("names", "links", "scores", "judgement", "page"),
    ]
    assert [first for name, first in made if name == "scores"] == [first for first, _ in RANGES]
    assert days == {"2024-01-02", "2024-01-03", "2024-01-08", "2024-01-10", "2024-01-11"}


def test_a_stage_without_days_is_made_whole():
    made: list[tuple[str, str]] = []
    with dg.DagsterInstance.ephemeral() as instance:
        execute(graph(made), instance, Stage(("judgement", "page"), RANGES[:1]))
    assert [name for name, _ in made] == ["judgement", "page"]


def test_workers_that_cannot_be_meant_are_told_before_the_first_asset(monkeypatch):
    made: list[tuple[str, str]] = []
    monkeypatch.setenv("BONDSIG_WORKERS", "many")
    with dg.DagsterInstance.ephemeral() as instance, pytest.raises(SettingsError, match="'many'"):
        execute(graph(made), instance, STAGE)
    assert made == []


def test_a_range_that_fails_ends_the_stage_and_is_told():
    made: list[tuple[str, str]] = []
    with dg.DagsterInstance.ephemeral() as instance, pytest.raises(RunError, match="^scores: "):
        execute(graph(made, fails_on=RANGES[1][0]), instance, STAGE)
    assert "judgement" not in [name for name, _ in made]
    assert ("scores", RANGES[0][0]) in made and ("names", RANGES[2][0]) not in made


@pytest.mark.slow
def test_a_run_of_the_command_line_stands_on_the_timeline_and_no_daemon_tries_it_again(tmp_path):
    with open_instance(Home(tmp_path)) as instance:
        with pytest.raises(RunError):
            execute(graph([], fails_on="2024-01-02"), instance, STAGE)
        (run,) = instance.get_runs()
        assert run.remote_job_origin is not None
        place = run.remote_job_origin.repository_origin
        # What `bondsig ui` serves: `dagster-webserver -m bondsig_assets.definitions`.
        assert place.code_location_origin.location_name == "bondsig_assets.definitions"
        assert place.repository_name == "__repository__"
        assert instance.run_retries_enabled and instance.run_retries_max_retries == 1
        assert not auto_reexecution_should_retry_run(instance, run, None)
        assert is_of_command_line(run), "no sensor tells of it"
