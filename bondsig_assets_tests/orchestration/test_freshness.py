"""Deadlines of the layers, as Dagster itself judges them."""

from __future__ import annotations

import asyncio
from datetime import date, datetime, timedelta
from types import SimpleNamespace
from zoneinfo import ZoneInfo

import dagster as dg
import pytest
from dagster._core.definitions import freshness_evaluator
from dagster._core.definitions.freshness import FreshnessState

from bondsig_assets.definitions import build_defs
from bondsig_assets.home import Home, Market
from bondsig_assets.orchestration.stages import DAYS, SCORING, TAG, TRAINING

NEW_YORK = ZoneInfo("America/New_York")


def policies(home: Home) -> dict[str, dg.FreshnessPolicy | None]:
    return {
        spec.key.path[-1]: spec.freshness_policy
        for spec in build_defs(home).resolve_all_asset_specs()
    }


def of_market(tmp_path, last: date) -> Home:
    home = Home(tmp_path / "home")
    home.claim(Market(), (date(2021, 1, 4), last))
    return home


def test_every_asset_of_a_market_that_goes_on_has_the_deadline_of_its_stage(tmp_path):
    home = of_market(tmp_path, date.today() - timedelta(days=3))
    found = policies(home)
    for spec in build_defs(home).resolve_all_asset_specs():
        has_deadline = spec.tags[TAG] in (DAYS, SCORING, TRAINING)
        assert (found[spec.key.path[-1]] is not None) == has_deadline, spec.key


def test_nothing_of_a_market_that_has_ended_is_late(tmp_path):
    home = of_market(tmp_path, date(2024, 12, 31))
    assert set(policies(home).values()) == {None}


@pytest.mark.parametrize(
    ("made", "seen", "state"),
    [
        # Thursday's day, made on Friday morning, on a summer's day and on one of winter.
        ((2024, 6, 28, 6, 40), (2024, 6, 28, 9, 30), FreshnessState.PASS),
        ((2024, 6, 28, 6, 40), (2024, 6, 29, 8, 59), FreshnessState.PASS),
        ((2024, 6, 28, 6, 40), (2024, 6, 29, 9, 1), FreshnessState.FAIL),
        ((2024, 1, 12, 6, 40), (2024, 1, 13, 9, 1), FreshnessState.FAIL),
        # Friday's day over the weekend, and over the change of the clocks.
        ((2024, 3, 9, 6, 40), (2024, 3, 11, 12, 0), FreshnessState.PASS),
        ((2024, 3, 9, 6, 40), (2024, 3, 12, 8, 59), FreshnessState.PASS),
        ((2024, 3, 9, 6, 40), (2024, 3, 12, 9, 1), FreshnessState.FAIL),
    ],
)
def test_scores_are_late_at_nine_in_new_york(tmp_path, monkeypatch, made, seen, state):
    policy = policies(of_market(tmp_path, date.today()))["scores"]
    when = datetime(*made, tzinfo=NEW_YORK).timestamp()
    now = datetime(*seen, tzinfo=NEW_YORK)

    async def record(_context, _key):
        event = SimpleNamespace(timestamp=when)
        return SimpleNamespace(asset_entry=SimpleNamespace(last_materialization=event))

    monkeypatch.setattr(freshness_evaluator.AssetRecord, "gen", record)
    monkeypatch.setattr(freshness_evaluator, "get_current_datetime", lambda _zone: now)
    node = SimpleNamespace(key=dg.AssetKey("scores"), freshness_policy_or_from_metadata=policy)
    evaluator = freshness_evaluator.CronFreshnessPolicyEvaluator()
    assert asyncio.run(evaluator.evaluate_freshness(None, node)) is state
