"""A schedule on a real daemon, with a market that goes on: the tick that it missed is made up."""

from __future__ import annotations

import json
import time
from datetime import date, datetime
from zoneinfo import ZoneInfo

import dagster as dg
import pytest
from dagster._core.definitions.run_request import InstigatorType
from dagster._core.scheduler.instigation import InstigatorState, ScheduleInstigatorData

from bondsig_assets.calendar import at_or_before, offset
from bondsig_assets.home import Home, Market
from bondsig_assets.orchestration.runner import open_instance
from bondsig_assets.warehouse import Warehouse
from bondsig_assets_tests.commands.served_home import ask, serving, wait_for
from bondsig_assets_tests.commands.test_server_faults import of_kind
from bondsig_assets_tests.graph.homes import make_home

pytestmark = pytest.mark.services

_START = """mutation { startSchedule(scheduleSelector: {repositoryLocationName:
 "bondsig_assets.definitions", repositoryName: "__repository__", scheduleName: "every_morning"}) {
 __typename } }"""
_OVER = ("SUCCESS", "FAILURE", "CANCELED")


def since_days_ago(home: Home, days: float) -> None:
    """Let the schedule have been on for some days, in which no daemon looked."""
    with open_instance(home) as instance:
        (state,) = instance.all_instigator_state(instigator_type=InstigatorType.SCHEDULE)
        assert isinstance(state, InstigatorState)
        assert isinstance(state.instigator_data, ScheduleInstigatorData)
        began = time.time() - days * 86400
        instance.update_instigator_state(
            state.with_data(ScheduleInstigatorData(state.instigator_data.cron_schedule, began))
        )


def runs(home: Home) -> list[dg.DagsterRun]:
    with open_instance(home) as instance:
        return list(instance.get_runs())


def test_after_days_without_a_daemon_one_tick_asks_for_all_days_in_one_run(tmp_path):
    today = datetime.now(ZoneInfo("America/New_York")).date()
    first = offset(at_or_before(date.fromordinal(today.toordinal() - 1)), -4)
    home = make_home(
        tmp_path / "home", Market(world="tiny", is_live=True, first_day=first.isoformat())
    )
    with serving(home) as servers:
        body = json.dumps({"query": _START})
        assert wait_for(
            lambda: '"ScheduleStateResult"' in ask(servers.ports[0], "POST", "/graphql", body)[1]
        )
        # Long enough for a Saturday's tick, the newest there is on a Monday night.
        since_days_ago(home, 4.0)
        of_kind(servers, "daemon")[0].kill()
        assert wait_for(lambda: any(one.status.value in _OVER for one in runs(home)), 600)
        (run,) = runs(home)
    assert run.status.value == "SUCCESS" and run.tags["dagster/schedule_name"] == "every_morning"
    assert run.tags["dagster/asset_partition_range_start"] == first.isoformat()
    last = date.fromisoformat(run.tags["dagster/asset_partition_range_end"])
    assert first < last < today
    made = Warehouse(home.path).read("SELECT DISTINCT trade_date FROM equity_prices ORDER BY 1")
    assert made["trade_date"].to_list()[-1] == last
