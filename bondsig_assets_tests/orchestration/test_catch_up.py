"""What is missing and what is out of date, as one range; what a run has in hand is left out."""

from __future__ import annotations

from datetime import date

import dagster as dg
import pytest

from bondsig_assets.orchestration.catch_up import Due, find_due, partitions_in_hand
from bondsig_assets.orchestration.stages import DAYS, SCORING, TRAINING
from bondsig_assets_tests.orchestration.markets import begin_run, make, make_all, small_market

STAGES = (DAYS, SCORING)
MARKET = small_market(date(2024, 3, 28))
KEYS = MARKET.keys(2024, 3, 29)[-70:]
DAILY = ("reports", "trades", "features", "ledger", "scores")


@pytest.fixture
def instance():
    with dg.DagsterInstance.ephemeral() as made:
        yield made


def due(instance: dg.DagsterInstance, until: int | None = None, busy: tuple[str, ...] = ()) -> Due:
    return find_due(MARKET.graph, instance, STAGES, KEYS[:until], busy)


def test_where_all_is_there_nothing_is_due(instance):
    make_all(instance, MARKET, KEYS)
    assert due(instance) == Due() and due(instance).tags == {}


@pytest.mark.parametrize("n", [1, 5, 23], ids=["a day", "a week", "a month"])
def test_an_outage_is_one_range(instance, n):
    make_all(instance, MARKET, KEYS[:-n])
    found = due(instance)
    assert found.missing == tuple(KEYS[-n:]) and not found.outdated
    assert found.key_range == (KEYS[-n], KEYS[-1])
    assert set(found.assets) == {"names", *DAILY, "judgement"}
    assert found.tags == {
        "dagster/asset_partition_range_start": KEYS[-n],
        "dagster/asset_partition_range_end": KEYS[-1],
    }


def test_days_before_the_first_that_was_made_were_never_asked_for(instance):
    make_all(instance, MARKET, KEYS[30:-2])
    assert due(instance).missing == tuple(KEYS[-2:])


def test_in_a_home_that_holds_nothing_everything_is_missing(instance):
    assert due(instance).key_range == (KEYS[0], KEYS[-1])


def test_a_gap_is_filled_and_what_looks_back_on_it_follows(instance):
    make_all(instance, MARKET, [*KEYS[:50], *KEYS[52:60]])
    found = due(instance, 60)
    assert found.missing == tuple(KEYS[50:52]) and found.key_range == (KEYS[50], KEYS[51])
    for name in DAILY:
        make(instance, name, *KEYS[50:52])
    after = due(instance, 60)
    assert not after.missing and after.outdated == tuple(KEYS[52:54]), "features look back two days"
    assert after.assets == ("features", "scores", "judgement")
    assert after.key_range == (KEYS[52], KEYS[59])


def test_what_changed_late_reaches_to_the_newest_day_and_is_then_at_rest(instance):
    make_all(instance, MARKET, KEYS[:60])
    make(instance, "reports", KEYS[40])
    found = due(instance, 60)
    assert found.outdated[0] == KEYS[40] and found.key_range == (KEYS[40], KEYS[59])
    assert set(found.assets) == {"trades", "features", "ledger", "scores", "judgement"}
    for name in DAILY:
        if name in found.assets:
            make(instance, name, *KEYS[40:60])
    assert due(instance, 60) == Due()


def test_missing_and_changed_days_are_one_range(instance):
    make_all(instance, MARKET, KEYS[:59])
    make(instance, "trades", KEYS[40])
    found = due(instance, 60)
    assert found.missing == (KEYS[59],) and found.key_range == (KEYS[40], KEYS[59])
    assert found.in_words("day") == (
        f"1 day missing ({KEYS[59]}), 19 days out of date because something they rest on was made"
        f" anew ({KEYS[40]} … {KEYS[58]})"
    )


def test_a_table_that_is_new_is_made_alone(instance):
    make_all(instance, MARKET, KEYS[:60])
    instance.wipe_assets([dg.AssetKey("ledger")])
    found = due(instance, 60)
    assert found.key_range == (KEYS[0], KEYS[59])
    assert set(found.assets) == {"names", "ledger", "judgement"}


def test_days_in_hand_are_left_out_and_later_ones_wait_for_them(instance):
    make_all(instance, MARKET, KEYS[:50])
    assert due(instance, 52, busy=tuple(KEYS[50:52])) == Due(busy=tuple(KEYS[50:52]))
    assert due(instance, 53, busy=tuple(KEYS[50:52])).key_range == (KEYS[52], KEYS[52])
    between = due(instance, 53, busy=(KEYS[51],))
    assert between.key_range == (KEYS[50], KEYS[50]) and between.busy == (KEYS[51],)


def in_hand(
    instance: dg.DagsterInstance, status: dg.DagsterRunStatus, tags: dict[str, str], **run: str
) -> set[str]:
    begin_run(instance, MARKET, status, tags, **run)
    return partitions_in_hand(MARKET.graph, instance, "daily", STAGES, KEYS)


def test_queued_and_running_days_are_in_hand(instance):
    first, last = KEYS[10], KEYS[12]
    tags = {
        "dagster/asset_partition_range_start": first,
        "dagster/asset_partition_range_end": last,
    }
    assert in_hand(instance, dg.DagsterRunStatus.QUEUED, tags) == set(KEYS[10:13])
    one = {"dagster/partition": KEYS[20]}
    assert in_hand(instance, dg.DagsterRunStatus.STARTED, one) == {*KEYS[10:13], KEYS[20]}


@pytest.mark.parametrize(
    "status",
    [
        dg.DagsterRunStatus.SUCCESS,
        dg.DagsterRunStatus.FAILURE,
        dg.DagsterRunStatus.CANCELED,
        dg.DagsterRunStatus.NOT_STARTED,
    ],
)
def test_runs_that_ended_or_never_began_have_nothing_in_hand(instance, status):
    assert in_hand(instance, status, {"dagster/partition": KEYS[20]}) == set()


def test_a_quarter_in_training_is_no_day_in_hand(instance):
    quarter = {"dagster/partition": "2024-01-02"}
    started = dg.DagsterRunStatus.STARTED
    assert in_hand(instance, started, quarter, job="training") == set()
    assert partitions_in_hand(MARKET.graph, instance, "training", (TRAINING,), ["2024-01-02"]) == {
        "2024-01-02"
    }
