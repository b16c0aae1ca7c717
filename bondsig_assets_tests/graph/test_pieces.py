"""Days in pieces, out of order or done again: the end is that of one run, to the last bit."""

from __future__ import annotations

from datetime import date

import dagster as dg
import pytest

from bondsig_assets.calendar import trading_days
from bondsig_assets.definitions import build_defs
from bondsig_assets.orchestration import runner
from bondsig_assets_tests.graph.homes import assert_same, contents, make_home, run

pytestmark = pytest.mark.slow

DAYS = trading_days(date(2022, 7, 1), date(2022, 12, 31))[:30]
FEATURES = "+key:issuer_days or +key:labels"


@pytest.fixture(scope="module")
def at_once(tmp_path_factory):
    """Every table after 30 days in one run."""
    home = make_home(tmp_path_factory.mktemp("at_once") / "home")
    run(home, DAYS[0], DAYS[-1], FEATURES, checks=False)
    return contents(home)


def test_single_days_give_what_one_range_gives(at_once, tmp_path):
    """28 days at once and then 2 one by one, against 30 at once."""
    in_pieces = make_home(tmp_path / "pieces")
    run(in_pieces, DAYS[0], DAYS[27], FEATURES, checks=False)
    for day in DAYS[28:]:
        run(in_pieces, day, day, FEATURES, again=True, checks=False)
    assert_same(at_once, contents(in_pieces))


def test_days_out_of_order_end_as_days_in_order(at_once, tmp_path):
    """Days 1–14 and 20–30, then 15–19: the later days that they change are written anew, and
    told.
    """
    cleaned = "+key:bond_day_revisions"
    late = make_home(tmp_path / "late")
    for first, last in ((0, 13), (19, 29), (14, 18)):
        run(late, DAYS[first], DAYS[last], cleaned, checks=False)
    before = contents(late)
    assert_same(
        {name: before[name] for name in ("trade_events", "bond_day_revisions")},
        {name: at_once[name] for name in ("trade_events", "bond_day_revisions")},
    )
    with runner.open_instance(late) as instance:
        told = [
            event.asset_materialization
            for event in instance.fetch_materializations(
                dg.AssetKey("trade_events"), limit=500
            ).records
        ]
    anew = {one.partition for one in told if one.description and "written anew" in one.description}
    assert anew and anew <= {day.isoformat() for day in DAYS[19:]}
    run(late, DAYS[14], DAYS[18], cleaned, again=True, checks=False)
    assert_same(before, contents(late))


def test_what_rests_on_days_that_came_late_is_done_again(at_once, tmp_path):
    """Days 1–12 and 16–30 with their features, then 13–15: everything ends as days in order, and is
    up to date.
    """
    late = make_home(tmp_path / "late")
    for first, last in ((0, 11), (15, 29), (12, 14)):
        run(late, DAYS[first], DAYS[last], FEATURES, checks=False)
    defs = build_defs(late)
    with runner.open_instance(late) as instance:
        stages = runner.plan_outdated(defs, instance, runner.selected_assets(defs, FEATURES))
        assert [set(stage.assets) >= {"issuer_days", "labels"} for stage in stages] == [True]
        assert (
            stages[0].key_ranges[-1][1] == DAYS[-1].isoformat()
            and "trace_reports" not in stages[0].assets
        )
        for stage in stages:
            runner.execute(defs, instance, stage)
        assert not runner.plan_outdated(defs, instance, runner.selected_assets(defs, FEATURES))
    assert_same(contents(late), at_once)
