"""What the schedules ask for, tick by tick, on a record of days that were made."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

import dagster as dg
import pytest
from dagster._utils.schedules import cron_string_iterator

from bondsig_assets.calendar import offset, trading_days
from bondsig_assets.orchestration.jobs import REASON_TAG, WRITES_TAG
from bondsig_assets_tests.orchestration.markets import (
    SmallMarket,
    begin_run,
    make,
    make_all,
    small_market,
)

OPEN = small_market()
ENDED = small_market(date(2023, 12, 29))


@pytest.fixture
def instance():
    with dg.DagsterInstance.ephemeral() as made:
        yield made


def morning(instance: dg.DagsterInstance, market: SmallMarket, *day: int):
    return market.tick(instance, "every_morning", *day, 6, 30)


def quarter(instance: dg.DagsterInstance, market: SmallMarket, *day: int):
    return market.tick(instance, "every_quarter", *day, 7, 30)


def asked(tick) -> tuple[str, str]:
    (request,) = tick.run_requests
    return (
        request.tags["dagster/asset_partition_range_start"],
        request.tags["dagster/asset_partition_range_end"],
    )


def held(instance: dg.DagsterInstance, market: SmallMarket, last: date) -> None:
    """A home that holds the 70 days to `last`."""
    days = [day.isoformat() for day in trading_days(offset(last, -69), last)]
    make_all(instance, market, days)


def test_a_morning_asks_for_the_day_before(instance):
    held(instance, OPEN, date(2024, 3, 26))
    tick = morning(instance, OPEN, 2024, 3, 28)
    assert asked(tick) == ("2024-03-27", "2024-03-27")
    (request,) = tick.run_requests
    assert request.partition_key is None and request.asset_selection is None
    assert request.tags[REASON_TAG] == "1 day missing (2024-03-27)"


@pytest.mark.parametrize("days", [1, 5, 21, 63])
def test_after_an_outage_one_run_asks_for_all_of_it(instance, days):
    newest = date(2024, 3, 27)
    held(instance, OPEN, offset(newest, -days))
    assert asked(morning(instance, OPEN, 2024, 3, 28)) == (
        offset(newest, 1 - days).isoformat(),
        newest.isoformat(),
    )


def test_a_morning_after_a_holiday_says_so(instance):
    held(instance, OPEN, date(2024, 3, 28))
    assert morning(instance, OPEN, 2024, 3, 30).skip_message == (
        "all days to 2024-03-28 are there and up to date; 2024-03-29 was no trading day"
    )
    assert morning(instance, OPEN, 2024, 3, 29).skip_message == (
        "all days to 2024-03-28 are there and up to date"
    )


def test_a_clock_that_was_set_back_has_no_day_asked_for_twice(instance):
    held(instance, OPEN, date(2024, 3, 27))
    assert morning(instance, OPEN, 2024, 3, 13).skip_message == (
        "all days to 2024-03-12 are there and up to date"
    )
    assert morning(instance, OPEN, 2024, 3, 28).run_requests == []
    assert asked(morning(instance, OPEN, 2024, 3, 29)) == ("2024-03-28", "2024-03-28")


def test_days_that_changed_late_are_asked_for_and_counted(instance):
    held(instance, OPEN, date(2024, 3, 27))
    make(instance, "trades", "2024-03-25")
    tick = morning(instance, OPEN, 2024, 3, 28)
    assert asked(tick) == ("2024-03-25", "2024-03-27")
    (request,) = tick.run_requests
    assert "3 days out of date" in request.tags[REASON_TAG]
    assert {key.path[-1] for key in request.asset_selection} == {
        "features",
        "ledger",
        "scores",
        "judgement",
    }


def test_what_is_queued_is_not_asked_for_again(instance):
    held(instance, OPEN, date(2024, 3, 26))
    begin_run(instance, OPEN, dg.DagsterRunStatus.QUEUED, {"dagster/partition": "2024-03-27"})
    assert morning(instance, OPEN, 2024, 3, 28).skip_message == (
        "a run has 2024-03-27 in hand, and nothing else is missing or out of date"
    )
    assert asked(morning(instance, OPEN, 2024, 3, 29)) == ("2024-03-28", "2024-03-28")


def test_a_market_that_has_ended_says_so_on_both_schedules(instance):
    held(instance, ENDED, date(2023, 12, 29))
    assert morning(instance, ENDED, 2026, 3, 28).skip_message == (
        "the market of this home ended on 2023-12-29; all its days are there and up to date"
    )
    for day in [(2026, 4, 1), (2026, 3, 27)]:
        assert quarter(instance, ENDED, *day).skip_message == (
            "the market of this home ended on 2023-12-29; the models of all quarters to that of"
            " 2023-10-01 are there and up to date"
        )


def test_what_an_ended_market_lacks_is_still_asked_for(instance):
    held(instance, ENDED, date(2023, 12, 27))
    assert asked(morning(instance, ENDED, 2026, 3, 28)) == ("2023-12-28", "2023-12-29")


@pytest.mark.slow
def test_a_quarter_is_asked_for_on_its_first_trading_day_and_not_before(instance):
    held(instance, OPEN, date(2024, 3, 28))
    instance.wipe_assets([dg.AssetKey("models")])
    quarters = [key for key in OPEN.folds.get_partition_keys() if key < "2024-04-01"]
    make(instance, "models", *quarters)
    assert quarter(instance, OPEN, 2024, 3, 29).skip_message == (
        "the models of all quarters to that of 2024-01-01 are there and up to date; the next begins"
        " on 2024-04-01"
    )
    assert asked(quarter(instance, OPEN, 2024, 4, 1)) == ("2024-04-01", "2024-04-01")
    make(instance, "models", "2024-04-01")
    assert "the next begins on 2024-07-01" in quarter(instance, OPEN, 2024, 4, 2).skip_message


@pytest.mark.slow
def test_quarters_missed_in_an_outage_are_one_run_once_their_days_are_there(instance):
    held(instance, OPEN, date(2024, 3, 28))
    waits = quarter(instance, OPEN, 2024, 10, 15).skip_message
    assert waits.startswith(
        "3 quarters missing (2024-04-01 … 2024-10-01), and days they learn from"
    )
    assert "127 days missing (2024-04-01 … 2024-09-30)" in waits
    make_days = [day.isoformat() for day in trading_days(date(2024, 4, 1), date(2024, 10, 14))]
    for name in ("reports", "trades", "features", "ledger", "scores"):
        make(instance, name, *make_days)
    assert asked(quarter(instance, OPEN, 2024, 10, 15)) == ("2024-04-01", "2024-10-01")


def test_days_made_anew_are_learned_from_anew_and_then_scored(instance):
    held(instance, OPEN, date(2024, 4, 10))
    make(instance, "features", "2024-03-20")
    make(instance, "scores", "2024-03-20")
    assert asked(quarter(instance, OPEN, 2024, 4, 11)) == ("2024-04-01", "2024-04-01")
    make(instance, "models", "2024-04-01")
    assert "quarters to that of 2024-04-01" in quarter(instance, OPEN, 2024, 4, 11).skip_message
    assert asked(morning(instance, OPEN, 2024, 4, 11))[0] == "2024-04-01"


def test_a_server_sees_days_that_its_source_brings_after_it_began(instance):
    reached = [date(2024, 3, 22)]
    market = small_market(newest=lambda: reached[0])
    held(instance, market, date(2024, 3, 22))
    assert morning(instance, market, 2024, 3, 28).skip_message == (
        "the source has no day after 2024-03-22 yet; all its days are there and up to date"
    )
    reached[0] = date(2024, 3, 26)
    assert asked(morning(instance, market, 2024, 3, 28)) == ("2024-03-25", "2024-03-26")
    reached[0] = date(2024, 4, 30)
    assert asked(morning(instance, market, 2024, 3, 28)) == ("2024-03-25", "2024-03-27")


@pytest.mark.slow
def test_a_quarter_waits_for_a_source_that_is_late(instance):
    reached = [date(2024, 3, 27)]
    market = small_market(newest=lambda: reached[0])
    held(instance, market, date(2024, 3, 27))
    instance.wipe_assets([dg.AssetKey("models")])
    make(instance, "models", *[k for k in market.folds.get_partition_keys() if k < "2024-04-01"])
    late = quarter(instance, market, 2024, 5, 2).skip_message
    assert late.startswith("the source has no day after 2024-03-27 yet; the models of all quarters")
    reached[0] = date(2024, 3, 28)
    assert "1 day missing (2024-03-28)" in quarter(instance, market, 2024, 5, 2).skip_message
    for name in ("reports", "trades", "features", "ledger", "scores"):
        make(instance, name, "2024-03-28")
    assert asked(quarter(instance, market, 2024, 5, 2)) == ("2024-04-01", "2024-04-01")


def test_a_sample_that_was_done_and_grew_says_to_start_the_server_again(instance):
    market = small_market(date(2023, 12, 29), newest=lambda: date(2024, 1, 5))
    held(instance, market, date(2023, 12, 29))
    assert morning(instance, market, 2026, 3, 28).skip_message == (
        "all days to 2023-12-29 are there and up to date; the source has days to 2024-01-05 now:"
        " start `bondsig ui` again to see them"
    )


def ticks(schedule: str, first: date, last: date) -> list[datetime]:
    """Moments a schedule ticks at, New York, as Dagster's own scheduler finds them."""
    declared = OPEN.defs.resolve_schedule_def(schedule)
    start = datetime.combine(first, datetime.min.time(), ZoneInfo("America/New_York"))
    moments = []
    for when in cron_string_iterator(
        start.timestamp(), declared.cron_schedule, declared.execution_timezone
    ):
        if when.date() > last:
            return moments
        moments.append(when)
    raise AssertionError("a cron schedule has no end")


def test_every_trading_day_of_twenty_years_has_one_tick_after_it_at_half_past_six():
    first, last = date(2006, 1, 2), date(2025, 12, 31)
    found = ticks("every_morning", first, last + timedelta(days=1))
    assert {(when.hour, when.minute) for when in found} == {(6, 30)}, "daylight saving or not"
    before = [when.date() - timedelta(days=1) for when in found]
    assert len(before) == len(set(before)), "no day has two"
    assert set(trading_days(first, last)) <= set(before)
    assert {when.utcoffset() for when in found} == {timedelta(hours=-5), timedelta(hours=-4)}


@pytest.mark.parametrize("monday", [date(2024, 3, 11), date(2024, 11, 4)])
def test_the_days_around_a_change_of_the_clocks_are_asked_for_once(instance, monday):
    held(instance, OPEN, offset(monday, -2))
    saturday, tuesday = monday - timedelta(days=2), monday + timedelta(days=1)
    friday = saturday - timedelta(days=1)
    on_saturday = morning(instance, OPEN, saturday.year, saturday.month, saturday.day)
    assert asked(on_saturday) == (friday.isoformat(), friday.isoformat())
    for name in ("reports", "trades", "features", "ledger", "scores"):
        make(instance, name, friday.isoformat())
    on_tuesday = morning(instance, OPEN, tuesday.year, tuesday.month, tuesday.day)
    assert asked(on_tuesday) == (monday.isoformat(), monday.isoformat())


def test_runs_that_write_go_through_the_queue_one_at_a_time():
    import yaml

    from bondsig_assets.home import DAGSTER_TEMPLATE

    declared = yaml.safe_load(DAGSTER_TEMPLATE.read_text())["concurrency"]["runs"]
    assert declared["tag_concurrency_limits"] == [{"key": WRITES_TAG, "limit": 1}]
    for job in ("daily", "training"):
        assert WRITES_TAG in OPEN.defs.resolve_job_def(job).tags
