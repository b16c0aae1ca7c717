"""What is out of date follows from the edges of the graph: a small one, made day by day."""

from __future__ import annotations

import dagster as dg
import pytest

from bondsig_assets.orchestration.outdated import outdated
from bondsig_assets.orchestration.partitions import (
    rests_on,
    rests_on_days_before,
    rests_on_its_quarter,
)
from bondsig_assets.orchestration.stages import OWN_PAST_TAG

DAYS = dg.DailyPartitionsDefinition(start_date="2024-01-01", end_date="2024-07-01")
QUARTERS = dg.TimeWindowPartitionsDefinition(
    start="2024-01-01", end="2024-07-01", fmt="%Y-%m-%d", cron_schedule="0 0 1 1,4,7,10 *"
)


def asset(name: str, *deps, partitions=DAYS, tags=None) -> dg.AssetsDefinition:
    @dg.asset(name=name, deps=list(deps), partitions_def=partitions, tags=tags)
    def nothing() -> None: ...

    return nothing


GRAPH = dg.Definitions(
    assets=[
        asset("reports"),
        asset("trades", "reports"),
        asset("features", rests_on("trades", days_back=2)),
        asset("ledger", "trades", tags={OWN_PAST_TAG: "true"}),
        asset("models", rests_on_days_before("features"), partitions=QUARTERS),
        asset("scores", "features", rests_on_its_quarter("models")),
    ]
).resolve_asset_graph()
NAMES = ("reports", "trades", "features", "ledger", "models", "scores")


@pytest.fixture
def instance():
    with dg.DagsterInstance.ephemeral() as made:
        yield made


def make(instance: dg.DagsterInstance, name: str, *keys: str) -> None:
    for key in keys:
        instance.report_runless_asset_event(dg.AssetMaterialization(name, partition=key))


@pytest.fixture
def whole(instance):
    """Everything of ten days and two quarters, in order."""
    days = [f"2024-04-{day:02d}" for day in range(1, 11)]
    for name in ("reports", "trades", "features", "ledger"):
        make(instance, name, *days)
    make(instance, "models", "2024-01-01", "2024-04-01")
    make(instance, "scores", *days)
    return instance


def day(*numbers: int) -> set[str]:
    return {f"2024-04-{number:02d}" for number in numbers}


def test_what_was_made_in_order_is_up_to_date(whole):
    assert outdated(GRAPH, whole, NAMES) == {}


def test_a_day_made_anew_reaches_as_far_as_the_edges_say(whole):
    make(whole, "trades", "2024-04-04")
    found = outdated(GRAPH, whole, NAMES)
    assert found["features"] == day(4, 5, 6), "its own day and two after it look back on it"
    assert found["scores"] == day(4, 5, 6)
    assert "trades" not in found and "reports" not in found
    assert "models" not in found, "no quarter begins after these days"


def test_what_rests_on_its_own_past_is_outdated_from_there_on(whole):
    make(whole, "trades", "2024-04-04")
    assert outdated(GRAPH, whole, NAMES)["ledger"] == day(*range(4, 11))


def test_a_quarter_rests_on_the_days_before_it_and_a_day_on_its_quarter(whole):
    make(whole, "features", "2024-03-28")
    found = outdated(GRAPH, whole, NAMES)
    assert found["models"] == {"2024-04-01"}
    assert found["scores"] == day(*range(1, 11))


def test_what_is_to_be_made_anew_takes_along_what_is_below(whole):
    found = outdated(GRAPH, whole, NAMES, {"models": ["2024-04-01", "2030-01-01"]})
    assert found == {"models": {"2024-04-01"}, "scores": day(*range(1, 11))}


def test_only_what_was_chosen_is_named(whole):
    make(whole, "trades", "2024-04-04")
    assert set(outdated(GRAPH, whole, ["scores"])) == set()
    assert set(outdated(GRAPH, whole, ["features", "scores"])) == {"features", "scores"}


def told(instance: dg.DagsterInstance, name: str, rows: int, *keys: str) -> None:
    """Partitions made with a number of rows."""
    for key in keys:
        metadata = {"dagster/partition_row_count": rows}
        instance.report_runless_asset_event(
            dg.AssetMaterialization(name, partition=key, metadata=metadata)
        )


def test_a_raw_table_that_never_had_a_row_ages_nothing(instance):
    days = [f"2024-04-{number:02d}" for number in range(1, 6)]
    graph = dg.Definitions(
        assets=[asset("quotes"), asset("bonds", "quotes"), asset("issuers", "bonds")]
    ).resolve_asset_graph()
    names = ("quotes", "bonds", "issuers")
    make(instance, "bonds", *days)
    make(instance, "issuers", *days)
    told(instance, "quotes", 0, *days)
    told(instance, "quotes", 0, days[0])
    assert outdated(graph, instance, names) == {}
    # A day that has rows, and one that had some and lost them.
    told(instance, "quotes", 7, days[1], days[3])
    told(instance, "quotes", 0, days[3])
    assert outdated(graph, instance, names) == {"bonds": day(2, 4), "issuers": day(2, 4)}
    # What is computed and has lost its rows is another matter.
    make(instance, "bonds", *days)
    make(instance, "issuers", *days)
    told(instance, "bonds", 0, days[2])
    assert outdated(graph, instance, names) == {"issuers": day(3)}
