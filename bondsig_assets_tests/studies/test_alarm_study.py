"""The study of alarms: its series are what they say, and every table of it is there.

Belongs here: `studies/alarm_study.py`. Not here: what monitors do (`monitoring/`).
"""

# A test's name says what it shows.
# ruff: noqa: D103

from __future__ import annotations

import numpy as np
import polars as pl
import pytest

from bondsig_assets.monitoring.long_run import autocorrelations
from bondsig_assets.monitoring.watch import SERIES
from studies.alarm_study import (
    DEVIATION,
    IC,
    KEPT,
    MEANS,
    delays,
    drift_warnings,
    false_alarms,
    noise_of_days,
    quiet_series,
    report,
)

pytestmark = pytest.mark.slow


def test_quiet_series_have_the_moments_that_the_study_says():
    series = quiet_series(0, 8_000)
    assert set(series["monitor"]) == set(MEANS) and series.schema == pl.Schema(SERIES)
    values = {name: series.filter(pl.col("monitor") == name)["value"].to_numpy() for name in MEANS}
    ic = values["ic"]
    assert ic.mean() == pytest.approx(IC, abs=0.006)
    assert ic.std() == pytest.approx(DEVIATION, rel=0.05)
    found = [float(np.corrcoef(ic[:-k], ic[k:])[0, 1]) for k in range(1, 5)]
    assert found == pytest.approx(autocorrelations(KEPT)[1:], abs=0.05)
    assert values["profit"].std() == pytest.approx(1, abs=0.05)
    assert abs(values["cost"].mean()) < 0.2


def test_what_rings_is_counted_against_what_was_promised():
    found = false_alarms(dict.fromkeys(MEANS, 126.0), 1, 1_008)
    assert found["monitor"].to_list() == sorted(MEANS)
    # Half a year of history, then a promise every half year.
    assert found["promised"].max() == pytest.approx((1_008 - 126) / 126, rel=0.1)
    assert 0 < found["rung"].sum() < found["promised"].sum()


def test_a_lead_that_dies_in_the_study_is_noticed():
    found, said = delays(0.05, 0.0, 2_520.0, 2)
    assert found.size and (found > 6).all() and 20 < said < 200


def test_noise_is_what_its_name_says():
    draw = np.random.default_rng(1)
    persistent = noise_of_days("persistent", draw, (4_000, 1))[:, 0]
    assert np.corrcoef(persistent[:-1], persistent[1:])[0, 1] == pytest.approx(0.8, abs=0.04)
    clustered = np.abs(noise_of_days("clustered", draw, (4_000, 1))[:, 0])
    assert np.corrcoef(clustered[:-1], clustered[1:])[0, 1] > 0.15


def test_every_table_is_there():
    text = report(1, 504, n_series=2, n_data_days=760)
    for name in (*MEANS, "| normal |", "| student_3 |", "| 0.995 |", "| 0.05 | 0.025 | 25 years |"):
        assert name in text
    warned, overall = drift_warnings(0.9, 2)
    assert 0 <= warned <= 1 and overall in (0.0, 0.5, 1.0)
