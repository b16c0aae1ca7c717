"""The gate's study: what is drawn has the moments it says, and the rule on arrays is the gate's.

Belongs here: `studies/gate_study.py`. Not here: the gate (`learning/test_gate.py`).
"""

# A test's name says what it shows.
# ruff: noqa: D103

from __future__ import annotations

from datetime import date

import numpy as np
import polars as pl
import pytest

from bondsig_assets.calendar import trading_days
from bondsig_assets.learning.gate import Candidate, Verdict, decide
from bondsig_assets.learning.settings import GateSettings
from bondsig_assets.learning.statistics import newey_west
from studies.gate_study import (
    AUTOCORRELATION,
    CALIBRATION_DAYS,
    NAMES,
    QUARTER_DAYS,
    STATED,
    drawn,
    found_within,
    measure,
    moving_average,
    pairs,
    rates,
    resampled,
    t_statistics,
    walked,
)

CALENDAR = trading_days(date(2015, 1, 2), date(2020, 12, 31))


def test_a_moving_average_has_the_autocorrelations_asked_for():
    weights = moving_average(np.array(AUTOCORRELATION))
    n = weights.size
    found = [float(weights[k:] @ weights[: n - k]) for k in range(9)]
    np.testing.assert_allclose(found, [1.0, *AUTOCORRELATION, 0.0, 0.0, 0.0], atol=0.02)
    assert moving_average(np.zeros(3))[0] == pytest.approx(1.0)


def test_what_is_drawn_has_the_moments_that_were_measured():
    found = measure(drawn(STATED, 60_000, np.random.default_rng(0)))
    np.testing.assert_allclose(found.deviation, STATED.deviation, rtol=0.03)
    np.testing.assert_allclose(found.correlation, STATED.correlation, atol=0.03)
    np.testing.assert_allclose(found.autocorrelation, STATED.autocorrelation, atol=0.03)


def test_what_is_resampled_has_no_better_model_and_keeps_days_whole():
    ics = np.random.default_rng(1).standard_normal((200, 3)) + [0.0, 1.0, 2.0]
    found = resampled(ics, 50_000, np.random.default_rng(2))
    np.testing.assert_allclose(found.mean(axis=0), 0.0, atol=0.05)
    whole = {row.tobytes() for row in ics - ics.mean(axis=0)}
    assert {row.tobytes() for row in found} <= whole


def test_t_statistics_are_those_of_newey_and_west():
    ics = drawn(STATED, 200, np.random.default_rng(3))
    found = t_statistics(ics, 5)
    mean, error = newey_west(ics[:, 3] - ics[:, 1], 6)
    assert found[3, 1] == pytest.approx(mean / error, rel=1e-9)
    assert found[1, 3] == pytest.approx(-found[3, 1]) and found[2, 2] == 0.0


@pytest.mark.parametrize("seed", range(3))
def test_the_rule_on_arrays_is_the_gates(seed):
    settings, quarters = GateSettings(new_specification_margin=0.5), 8
    n = CALIBRATION_DAYS + (quarters - 1) * QUARTER_DAYS
    ics = drawn(STATED, n, np.random.default_rng(seed))
    rows = pl.DataFrame(
        {
            "trade_date": np.repeat(np.array(CALENDAR[:n], dtype="datetime64[D]"), len(NAMES)),
            "specification_hash": list(NAMES) * n,
            "size_weighted_ic": ics.ravel(),
        }
    )
    verdicts: list[Verdict] = []
    for quarter in range(quarters):
        end = CALIBRATION_DAYS + quarter * QUARTER_DAYS
        fold, known = CALENDAR[end + 1], rows.head(end * len(NAMES))

        def same(who: Candidate, _: date, known: pl.DataFrame = known) -> pl.DataFrame:
            return known.filter(specification_hash=who.name).drop("specification_hash")

        candidates = [Candidate(fold, CALENDAR[end + 6], name, name) for name in NAMES]
        incumbent = verdicts[-1].champion if verdicts else None
        verdicts.append(decide(fold, candidates, known, incumbent, same, 5, settings))
    found = walked(pairs(ics, settings, 5), 0.5)
    assert [NAMES[k] for k in found] == [verdict.champion.name for verdict in verdicts]
    assert len(set(found.tolist())) > 1, "a history in which nothing changes shows little"


def test_a_higher_margin_lets_less_through_and_a_better_model_is_found():
    settings = GateSettings()
    n = CALIBRATION_DAYS + 19 * QUARTER_DAYS
    daily = [drawn(STATED, n, np.random.default_rng([9, k])) for k in range(60)]
    loose, tight = rates([pairs(ics, settings, 5) for ics in daily], (1.0, 3.5))
    assert loose.of_quarters > 0.15 > tight.of_quarters and tight.of_histories < 0.35
    better = NAMES.index("expected_reaction")
    edge = np.zeros(len(NAMES))
    edge[better] = 0.03
    assert found_within([pairs(ics + edge, settings, 5) for ics in daily], 3.5, better) > 0.9
