"""A walk-forward with the gate in memory: its champions say what their models say.

Belongs here: folds, gate and champion together. Not here: the gate's comparisons
(`learning/test_gate.py`).
"""

from __future__ import annotations

from dataclasses import replace
from datetime import date

import polars as pl
import pytest

from bondsig_assets.learning.gate import Candidate, decide
from bondsig_assets.learning.settings import GateSettings
from bondsig_assets_tests.learning.days import SETTINGS, long_dataset
from studies import champions
from studies.champions import CHAMPION, Walk, walk_with_gate

pytestmark = pytest.mark.slow

FIRST = replace(SETTINGS, gate=replace(GateSettings(), first_champion="xgboost"))


@pytest.fixture(scope="module")
def walk() -> Walk:
    """Three quarters and a bit of twenty issuers whose credit leads."""
    return walk_with_gate(long_dataset(), FIRST)


def test_the_first_champion_is_the_one_named_and_every_quarter_has_a_verdict(walk):
    quarters = walk.predictions.select(pl.col("trade_date").dt.truncate("1q").unique()).height
    assert len(walk.verdicts) == quarters > 2
    assert walk.verdicts[0].decision == "first" and walk.verdicts[0].champion.name == "xgboost"
    assert [one.decision for one in walk.verdicts[1:]] != ["first"] * (quarters - 1)


def test_the_champion_says_what_its_model_says_and_speaks_once_a_day(walk):
    said = walk.predictions.filter(pl.col("model_name") == CHAMPION)
    keys = ["trade_date", "parent_id"]
    assert said.height == said.unique(keys).height
    verdicts = {one.valid_from: one.champion.version for one in walk.verdicts}
    of_day = [verdicts[max(day for day in verdicts if day <= at)] for at in said["trade_date"]]
    assert said["model_version"].to_list() == of_day
    own = walk.predictions.filter(pl.col("model_name") != CHAMPION)
    both = said.join(own, on=[*keys, "model_version"], suffix="_own")
    assert both.height, "a refit that goes through scores its own quarter"
    assert (both["prediction"] == both["prediction_own"]).all()
    assert (both["probability_underperform"] == both["probability_underperform_own"]).all()


def test_base_rates_are_those_of_the_models(walk):
    assert walk.predictions["base_rate"].is_between(0.2, 0.8).all()
    assert (
        walk.predictions.group_by("model_version")
        .agg(pl.col("base_rate").n_unique())["base_rate"]
        .to_list()
        == [1] * walk.predictions["model_version"].n_unique()
    )


def test_a_better_challenger_takes_over(monkeypatch):
    """The gate is asked with siblings of all folds so far, a day once, and the champion before."""
    asked = []

    def watched(
        fold: date,
        candidates: list[Candidate],
        siblings: pl.DataFrame,
        incumbent: Candidate | None,
        incumbent_ics,
        *rest,
    ):
        asked.append((candidates, siblings, incumbent))
        if incumbent is not None:
            ics = incumbent_ics(incumbent, fold)
            assert ics.height and ics["trade_date"].max() < candidates[0].first_day
        return decide(fold, candidates, siblings, incumbent, incumbent_ics, *rest)

    monkeypatch.setattr(champions, "decide", watched)
    eager = replace(
        FIRST, gate=replace(FIRST.gate, new_specification_margin=0.0, new_specification_days=20)
    )
    verdicts = walk_with_gate(long_dataset(), eager).verdicts
    assert verdicts[1].decision == "new_specification" and verdicts[1].champion.name == "ridge"
    heights = [siblings.height for _, siblings, _ in asked]
    assert heights == sorted(heights) and heights[0] < heights[-1]
    for _, siblings, _ in asked:
        assert siblings.height == siblings.unique(["specification_hash", "trade_date"]).height
    assert [before for _, _, before in asked[1:]] == [one.champion for one in verdicts[:-1]]
