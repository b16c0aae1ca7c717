"""Monitors of whole worlds: a lead that turns round is told after its day, nothing before it by
chance alone; a piece of the study, and its tables.

Belongs here: that the counting is right, on worlds that seconds can hold. Not here: what is found
at full size.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from types import SimpleNamespace

import numpy as np
import polars as pl
import pytest
from scipy.stats import norm

from bondsig_assets.calendar import offset, trading_days
from bondsig_assets.learning.evaluation import daily_ic
from bondsig_assets.learning.models.catalogue import CONTROL
from bondsig_assets.sources.simulated.worlds import World
from studies import monitoring_studies
from studies.champions import CHAMPION
from studies.kept import keep
from studies.monitoring_report import monitoring_sections, rung_table
from studies.monitoring_studies import (
    WATCHED,
    Rung,
    monitored_world,
    monitoring_units,
    monitoring_world,
    rung_in,
    series_of,
    turn_of,
)
from studies.news_studies import walked_paths
from studies.retraining import judged_spans, never, on_alarm, quarterly

pytestmark = pytest.mark.slow

DAYS = trading_days(date(2018, 1, 2), date(2021, 12, 31))
TURN = DAYS[504]
SMALL = World("test-alarms", 24, date(2018, 1, 2), date(2021, 12, 31), 330)


def judged(ic: float, after: float | None = None, n: int = 60, seed: int = 5) -> pl.DataFrame:
    """Rows of a champion that knows `ic` of the label, from TURN on `after` of it."""
    draw = np.random.default_rng(seed)
    size = (len(DAYS), n)
    prediction, control = draw.normal(size=size), draw.normal(size=size)
    of_day = np.array([ic if after is None or day < TURN else after for day in DAYS])[:, None]
    label = of_day * prediction + np.sqrt(1 - of_day**2) * draw.normal(size=size)
    return pl.DataFrame(
        {
            "model_name": [CHAMPION] * (len(DAYS) * n),
            "trade_date": np.repeat(np.array(DAYS, dtype="datetime64[D]"), n),
            "parent_id": np.tile([f"P{k:02}" for k in range(n)], len(DAYS)),
            "prediction": prediction.ravel(),
            "probability": norm.cdf(-ic * prediction).ravel(),
            "base_rate": 0.5,
            "control": control.ravel(),
            "label": label.ravel(),
        }
    )


def store(folder, world: World, rows: pl.DataFrame) -> None:
    """Keep what a world's champion and control said, and its labels, as `walked` does."""
    said = rows.rename({"probability": "probability_underperform"})
    control = said.with_columns(model_name=pl.lit(CONTROL), prediction="control")
    kept = pl.concat([said, control]).drop("control", "label")
    for path, frame in zip(walked_paths(folder, world), (kept, labels_of(rows)), strict=True):
        keep(frame, path)


def labels_of(rows: pl.DataFrame) -> pl.DataFrame:
    """What is known of the stocks of `judged`."""
    return rows.select(
        "trade_date", "parent_id", horizon_days=pl.lit(5, pl.Int64), excess_return_pct="label"
    )


def test_series_are_those_of_the_champion_and_known_when_its_labels_are():
    rows = judged(0.1).filter(pl.col("trade_date") <= DAYS[20])
    other = rows.with_columns(model_name=pl.lit("ridge"), prediction=pl.lit(0.0))
    found = series_of(pl.concat([rows, other]))
    assert set(found["monitor"]) == set(WATCHED)
    assert found.equals(series_of(rows))
    assert (found["known_date"][0], found["trade_date"][0]) == (DAYS[6], DAYS[0])
    labels = rows.select(
        "parent_id", "trade_date", horizon_days=pl.lit(5, pl.Int64), label_pct="label"
    )
    own = daily_ic(rows.select("parent_id", "trade_date", "prediction", "model_name"), labels)
    ic = found.filter(monitor="ic")
    np.testing.assert_allclose(ic["value"], own["size_weighted_ic"], rtol=1e-12)


def test_a_lead_that_turns_round_is_told_after_its_day():
    turned = rung_in(monitored_world(judged(0.15, -0.15)), TURN)
    assert turned.before == 0 and 0 < turned.promised < 0.5
    assert turned.who in WATCHED and 6 <= turned.delay < 60 and turned.said > 0
    kept = monitored_world(judged(0.15))
    quiet = rung_in(kept, None)
    # Of four years without a change; one where half of one was promised is no wonder.
    assert quiet.before <= 1 and 4 > quiet.promised / turned.promised > 1.5
    # The rarer it may ring, the later it does.
    often = rung_in(monitored_world(judged(0.15, -0.15), years=0.5), TURN)
    assert often.delay <= turned.delay and often.promised > turned.promised


def test_an_alarm_on_the_evening_of_the_turn_is_one_before_it():
    rows = monitored_world(judged(0.15, -0.15))
    first = rows.filter(pl.col("state") == "alarm")["trade_date"].min()
    assert rung_in(rows, first).before >= 1
    assert rung_in(rows, offset(first, -1)).before == 0
    assert rung_in(rows, offset(first, -1)).delay == 1
    silent = rows.with_columns(state=pl.lit("quiet"))
    assert rung_in(silent, TURN).who == "" and rung_in(silent, TURN).delay == float("inf")
    nothing = monitored_world(judged(0.1).clear())
    assert rung_in(nothing, TURN) == Rung(0, 0.0)


def test_the_turn_is_the_first_day_of_the_other_lead():
    assert turn_of(SMALL) is None
    assert turn_of(replace(SMALL, lead_path="dead:504")) == TURN
    assert turn_of(replace(SMALL, lead_path="flipped")) == TURN
    every = [unit.name for unit in monitoring_units()]
    assert sum(name.startswith("sparse 0.00") for name in every) == 20
    assert "sparse halved:504 0.20, seed 1003" in every


def test_the_table_by_hand():
    told = rung_table(
        [
            ("sparse 0.20", [Rung(1, 0.4), Rung(0, 0.4)]),
            ("sparse dead:504 0.20", [Rung(0, 0.1, 40.0, "ic", 50.0), Rung(0, 0.1)]),
        ]
    )
    assert told[2] == "| sparse 0.20 (2) | 1 / 0.8 | – | – | – |"
    assert told[3] == "| sparse dead:504 0.20 (2) | 0 / 0.2 | 40 (50) | 1 of 2 | ic |"


def test_a_piece_reads_what_is_kept_and_trains_again_where_the_lead_turned(tmp_path, monkeypatch):
    found = {}
    for path, later in (("constant", 0.15), ("flipped:504", -0.15)):
        world = replace(SMALL, lead_path=path)
        store(tmp_path, world, judged(0.15, later))
        monkeypatch.setattr(monitoring_studies, "world_named", lambda *_, of=world: of)
        monkeypatch.setattr(monitoring_studies, "fitted_world", lambda _, of=later: _Knows(of))
        found[path] = monitoring_world(tmp_path, "test", 1, 0.2, path)
        found[path]["parameters"] = {"lead_strength": 0.2, "lead_path": path}
    assert "retrained" not in found["constant"] and found["constant"]["rung"]["who"] == ""
    turned = found["flipped:504"]
    assert turned["rung"]["who"] in WATCHED
    worth = {way: one["probability"]["mean"] for way, one in turned["retrained"].items()}
    assert worth["quarterly"] > worth["on alarm"] > worth["never"] < 0
    text = "\n".join(monitoring_sections({"monitoring": found}))
    assert "| sparse flipped:504 0.20 (1) | 0 / " in text and f"{worth['never']:+.4f} ±" in text


class _Knows:
    """Fitted folds of the market of `judged`: who wins a quarter that begins after the turn knows
    what changed.
    """

    def __init__(self, later: float) -> None:
        self.rows, self.later = judged(0.15, later), later
        quarters = self.rows.group_by(quarter=pl.col("trade_date").dt.truncate("1q")).agg(
            first=pl.col("trade_date").min(), last=pl.col("trade_date").max()
        )
        self.folds = [
            (SimpleNamespace(first_day=first, last_day=last), [])
            for _, first, last in quarters.sort("quarter").iter_rows()
        ]
        self.predictions = self._said().with_columns(
            model_name=pl.lit(CONTROL), prediction=pl.col("control")
        )

    def _said(self) -> pl.DataFrame:
        return self.rows.rename({"probability": "probability_underperform"}).drop("label")

    def said_by_champion(self, of_fold, first, last):
        side = np.sign(self.later) if self.folds[of_fold][0].first_day > TURN else 1.0
        chance = pl.col("probability_underperform")
        return (
            self._said()
            .filter(pl.col("trade_date").is_between(first, last))
            .with_columns(
                prediction=side * pl.col("prediction"),
                probability_underperform=0.5 + side * (chance - 0.5),
            )
        )

    def with_base_rates(self, predictions):
        return predictions


def test_training_on_alarm_waits_for_its_cool_down_and_for_another_quarter():
    fitted, labels = _Knows(-0.15), labels_of(judged(0.15, -0.15))
    rung = [DAYS[600], DAYS[601], DAYS[640], DAYS[900]]

    def monitor(_rows):
        return pl.DataFrame({"trade_date": rung, "state": ["alarm"] * len(rung)})

    spans = on_alarm(fitted, labels, monitor)
    assert [(first, last) for first, last, _ in spans] == [
        (DAYS[0], DAYS[600]),
        (DAYS[601], DAYS[900]),
        (DAYS[901], DAYS[-1]),
    ]
    assert [fitted.folds[number][0].first_day <= DAYS[600] for _, _, number in spans] == [
        True,
        True,
        False,
    ]
    every_day = judged_spans(fitted, labels, quarterly(fitted))
    assert every_day.height == judged_spans(fitted, labels, never(fitted)).height == len(DAYS) * 60


@pytest.mark.parametrize("ic", [0.0, 0.15])
def test_where_nothing_changes_few_ring(ic):
    """Eight worlds of four years; each monitor once in two years."""
    rung = [rung_in(monitored_world(judged(ic, seed=seed), years=2.0), None) for seed in range(8)]
    promised = sum(one.promised for one in rung)
    assert sum(one.before for one in rung) <= promised + 3 * promised**0.5
    assert promised > 4
