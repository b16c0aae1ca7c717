"""Days in pieces, out of order or done again: the end is that of one run, to the last bit."""

from __future__ import annotations

from datetime import date

import dagster as dg

from bondsig_assets.calendar import trading_days
from bondsig_assets.definitions import build_defs
from bondsig_assets.orchestration import runner
from bondsig_assets_tests.graph.homes import assert_same, contents, make_home, run


def test_single_days_give_what_one_range_gives(tmp_path):
    """28 days at once and then 2 one by one, against 30 at once."""
    days = trading_days(date(2022, 7, 1), date(2022, 12, 31))[:30]
    features = "+key:issuer_days or +key:labels"
    at_once, in_pieces = make_home(tmp_path / "once"), make_home(tmp_path / "pieces")
    run(at_once, days[0], days[29], features, checks=False)
    run(in_pieces, days[0], days[27], features, checks=False)
    for day in days[28:]:
        run(in_pieces, day, day, features, again=True, checks=False)
    assert_same(contents(at_once), contents(in_pieces))


def test_days_out_of_order_end_as_days_in_order(tmp_path):
    """Days 1–20 and 26–40, then 21–25: the later days that they change are written anew, and
    told.
    """
    days = trading_days(date(2022, 7, 1), date(2022, 12, 31))[:40]
    cleaned = "+key:bond_day_revisions"
    in_order, late = make_home(tmp_path / "order"), make_home(tmp_path / "late")
    run(in_order, days[0], days[39], cleaned, checks=False)
    for first, last in ((0, 19), (25, 39), (20, 24)):
        run(late, days[first], days[last], cleaned, checks=False)
    mine, theirs = contents(late), contents(in_order)
    assert_same(
        {name: mine[name] for name in ("trade_events", "bond_day_revisions")},
        {name: theirs[name] for name in ("trade_events", "bond_day_revisions")},
    )
    with runner.open_instance(late) as instance:
        told = [
            event.asset_materialization
            for event in instance.fetch_materializations(
                dg.AssetKey("trade_events"), limit=500
            ).records
        ]
    anew = {one.partition for one in told if one.description and "written anew" in one.description}
    assert anew and anew <= {day.isoformat() for day in days[25:]}
    before = contents(late)
    run(late, days[20], days[24], cleaned, again=True, checks=False)
    assert_same(before, contents(late))


def test_what_rests_on_days_that_came_late_is_done_again(tmp_path):
    """Days 1–12 and 16–24 with their features, then 13–15: everything ends as days in order, and is
    up to date.
    """
    days = trading_days(date(2022, 7, 1), date(2022, 12, 31))[:24]
    features = "+key:issuer_days or +key:labels"
    in_order, late = make_home(tmp_path / "order"), make_home(tmp_path / "late")
    run(in_order, days[0], days[23], features, checks=False)
    for first, last in ((0, 11), (15, 23), (12, 14)):
        run(late, days[first], days[last], features, checks=False)
    with runner.open_instance(late) as instance:
        stages = runner.plan_outdated(
            build_defs(late), instance, runner.selected_assets(build_defs(late), features)
        )
        assert [set(stage.assets) >= {"issuer_days", "labels"} for stage in stages] == [True]
        assert (
            stages[0].key_ranges[-1][1] == days[23].isoformat()
            and "trace_reports" not in stages[0].assets
        )
        for stage in stages:
            runner.execute(build_defs(late), instance, stage)
        assert not runner.plan_outdated(
            build_defs(late), instance, runner.selected_assets(build_defs(late), features)
        )
    assert_same(contents(late), contents(in_order))
