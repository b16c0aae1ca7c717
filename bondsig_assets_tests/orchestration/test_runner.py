"""Running a stage of several ranges: what belongs to days is made for each, what is about all of
them once.

Belongs here: how `execute` goes through a stage. Not here: whole markets (`graph/test_pieces.py`).
"""

import dagster as dg
import pytest

from bondsig_assets.errors import RunError
from bondsig_assets.orchestration.runner import Stage, execute

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


def test_a_range_that_fails_ends_the_stage_and_is_told():
    made: list[tuple[str, str]] = []
    with dg.DagsterInstance.ephemeral() as instance, pytest.raises(RunError, match="^scores: "):
        execute(graph(made, fails_on=RANGES[1][0]), instance, STAGE)
    assert "judgement" not in [name for name, _ in made]
    assert ("scores", RANGES[0][0]) in made and ("names", RANGES[2][0]) not in made
