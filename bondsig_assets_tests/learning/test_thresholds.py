"""Rules on the champion's probability, counted by hand.

Belongs here: `learning/thresholds.py`. Not here: Wilson's interval (`test_evaluation.py`), the
configured rule itself.
"""

from __future__ import annotations

from datetime import date
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bondsig_assets.calendar import trading_days
from bondsig_assets.learning.labels import known_labels
from bondsig_assets.learning.statistics import wilson
from bondsig_assets.learning.thresholds import CONFIGURED, LEVELS, never_fired, thresholds
from bondsig_assets.tables import TABLES

ALL = trading_days(date(2024, 1, 2), date(2024, 3, 28))
KEYS = {"parent_id": pl.String, "trade_date": pl.Date}


def scored(*rows: tuple[str, date, float | None]) -> pl.DataFrame:
    """Scores: parent, day, probability."""
    return pl.DataFrame(
        list(rows), schema=KEYS | {"probability_underperform": pl.Float64}, orient="row"
    )


def labelled(*rows: tuple[str, date, float | None], horizon: int = 5) -> pl.DataFrame:
    """Labels: parent, day, excess return."""
    frame = pl.DataFrame(list(rows), schema=KEYS | {"label_pct": pl.Float64}, orient="row")
    return frame.with_columns(horizon_days=pl.lit(horizon, dtype=pl.Int64))


def signalled(*rows: tuple[str, date, int]) -> pl.DataFrame:
    """Signals: parent, day, direction."""
    return pl.DataFrame(list(rows), schema=KEYS | {"direction": pl.Int64}, orient="row")


def rule(frame: pl.DataFrame, name: str) -> dict[str, Any]:
    """The row of a rule."""
    return frame.filter(rule=name).row(0, named=True)


def test_a_handful_of_scores_counted_by_hand():
    one, two, other, last = ALL[:4]
    scores = scored(
        ("A", one, 0.72),
        ("B", one, 0.58),
        ("C", one, 0.31),
        ("D", one, 0.5),
        ("A", two, 0.66),
        ("B", two, 0.4),
        ("A", other, 0.9),
        ("C", last, 0.5),
    )
    labels = labelled(
        ("A", one, -1.0),
        ("B", one, 2.0),
        ("C", one, 3.0),
        ("D", one, 1.0),
        ("A", two, 0.5),
        ("B", two, 0.1),
        ("A", other, 9.0),
    )
    found = thresholds(scores, labels, signalled(("C", one, 1), ("B", two, -1), ("A", other, -1)))
    assert found["rule"].to_list() == [
        "P >= 0.55",
        "P >= 0.6",
        "P >= 0.65",
        "P >= 0.7",
        "P >= 0.75",
        "signals",
    ]
    columns = [
        "level",
        "n_signals",
        "signals_per_day",
        "n_days",
        "n_days_fired",
        "n_hits_of",
        "hit_rate",
    ]
    assert found.select(columns).rows() == [
        # A, C hit on the first day and B misses; on the second A misses and B hits; on the third A
        # misses.
        (0.55, 6, 1.5, 4, 3, 6, 3 / 6),
        (0.6, 5, 1.25, 4, 3, 5, 3 / 5),
        (0.65, 4, 1.0, 4, 3, 4, 2 / 4),
        (0.7, 2, 0.5, 4, 2, 2, 1 / 2),
        (0.75, 1, 0.25, 4, 1, 1, 0.0),
        (None, 3, 0.75, 4, 3, 3, 1 / 3),
    ]
    # Labels of five days that begin on neighbouring ones overlap: five count as one.
    counts = ((3, 6), (3, 5), (2, 4), (1, 2), (0, 1), (1, 3))
    assert [row["hit_rate_low"] for row in found.iter_rows(named=True)] == pytest.approx(
        [wilson(h / 5, n / 5)[1] for h, n in counts]
    )
    assert [row["hit_rate_high"] for row in found.iter_rows(named=True)] == pytest.approx(
        [wilson(h / 5, n / 5)[2] for h, n in counts]
    )


@pytest.mark.parametrize(
    ("probability", "label", "hit"),
    [(0.7, -0.1, 1.0), (0.7, 0.1, 0.0), (0.3, 0.1, 1.0), (0.3, -0.1, 0.0)],
)
def test_a_high_probability_foretells_a_fall_and_a_low_one_a_rise(probability, label, hit):
    found = thresholds(
        scored(("A", ALL[0], probability)), labelled(("A", ALL[0], label)), signalled()
    )
    assert rule(found, "P >= 0.6")["hit_rate"] == hit


@pytest.mark.parametrize("level", LEVELS)
def test_a_probability_of_exactly_the_level_fires_on_either_side_and_a_hair_less_does_not(level):
    name = f"P >= {level:g}"
    under = round(1 - level, 2)
    at = thresholds(scored(("A", ALL[0], level), ("B", ALL[0], under)), labelled(), signalled())
    assert rule(at, name)["n_signals"] == 2
    inside = thresholds(
        scored(("A", ALL[0], level - 1e-9), ("B", ALL[0], under + 1e-9)), labelled(), signalled()
    )
    assert rule(inside, name)["n_signals"] == 0


@pytest.mark.parametrize("horizon", [1, 10])
def test_the_labels_are_those_of_the_horizon_and_overlap_as_long(horizon):
    days = ALL[:40]
    labels = pl.concat(
        [
            labelled(*(("A", day, -1.0) for day in days), horizon=horizon),
            labelled(*(("A", day, 1.0) for day in days)),
        ]
    )
    row = rule(
        thresholds(
            scored(*(("A", day, 0.8) for day in days)), labels, signalled(), horizon=horizon
        ),
        "P >= 0.7",
    )
    assert (row["n_hits_of"], row["hit_rate"], row["hit_rate_low"]) == (
        40,
        1.0,
        pytest.approx(wilson(40 / horizon, 40 / horizon)[1]),
    )


@pytest.mark.parametrize("label", [0.0, -0.0, None, float("nan"), float("inf")])
def test_a_label_of_zero_or_none_is_neither_hit_nor_miss(label):
    scores = scored(("A", ALL[0], 0.8), ("B", ALL[0], 0.8))
    row = rule(
        thresholds(
            scores,
            labelled(("A", ALL[0], label), ("B", ALL[0], -1.0)),
            signalled(("A", ALL[0], -1)),
        ),
        "P >= 0.7",
    )
    assert (row["n_signals"], row["n_hits_of"], row["hit_rate"]) == (2, 1, 1.0)


@pytest.mark.parametrize("missing", [None, float("nan")])
def test_a_probability_that_is_no_number_fires_nothing(missing):
    found = thresholds(
        scored(("A", ALL[0], missing), ("B", ALL[0], 0.58)),
        labelled(("A", ALL[0], -1.0), ("B", ALL[0], -1.0)),
        signalled(),
    )
    assert found["n_signals"].to_list() == [1, 0, 0, 0, 0, 0]


def test_a_rule_that_never_fires_says_so_and_has_no_hit_rate():
    found = thresholds(
        scored(*((name, day, 0.52) for name in "AB" for day in ALL[:5])), labelled(), signalled()
    )
    assert never_fired(found) == [
        "P >= 0.55",
        "P >= 0.6",
        "P >= 0.65",
        "P >= 0.7",
        "P >= 0.75",
        CONFIGURED,
    ]
    assert found["signals_per_day"].to_list() == [0.0] * 6
    assert found.select("hit_rate", "hit_rate_low", "hit_rate_high").null_count().row(0) == (
        6,
        6,
        6,
    )
    assert never_fired(
        thresholds(scored(("A", ALL[0], 0.61)), labelled(), signalled(("A", ALL[0], -1)))
    ) == ["P >= 0.65", "P >= 0.7", "P >= 0.75"]


def test_a_day_without_a_signal_is_a_day():
    found = thresholds(
        scored(("A", ALL[0], 0.8), ("A", ALL[1], 0.5), ("A", ALL[2], 0.5)), labelled(), signalled()
    )
    assert rule(found, "P >= 0.7")["signals_per_day"] == pytest.approx(1 / 3)


@settings(max_examples=25, deadline=None)
@given(
    st.lists(
        st.tuples(st.sampled_from("ABCDEF"), st.sampled_from(ALL[:15]), st.integers(20, 80)),
        min_size=1,
        max_size=60,
        unique_by=lambda row: row[:2],
    ),
    st.integers(0, 100),
)
def test_a_stricter_level_fires_less_and_the_order_of_rows_is_nothing(rows, seed):
    scores = scored(*((who, day, p / 100) for who, day, p in rows))
    rng = np.random.default_rng(seed)
    labels = labelled(*((who, day, float(rng.integers(-2, 3))) for who, day, _ in rows))
    signals = signalled(*((who, day, 1 if p < 50 else -1) for who, day, p in rows if p % 3 == 0))
    found = thresholds(scores, labels, signals)
    fired = found["n_signals"].to_list()[:-1]
    assert fired == sorted(fired, reverse=True)
    for level, count in zip(LEVELS, fired, strict=True):
        # Whole percents: no rounding.
        assert count == sum(
            p >= round(100 * level) or 100 - p >= round(100 * level) for _, _, p in rows
        )
    shuffled = (
        frame.sample(fraction=1.0, shuffle=True, seed=seed + k)
        for k, frame in enumerate((scores, labels, signals))
    )
    assert thresholds(*shuffled).equals(found)
    for row in found.filter(pl.col("n_hits_of") > 0).iter_rows(named=True):
        assert row["hit_rate_low"] <= row["hit_rate"] <= row["hit_rate_high"]


def test_frames_fit_the_declared_table():
    found = TABLES["thresholds"].conform(
        thresholds(scored(("A", ALL[0], 0.8)), labelled(("A", ALL[0], -1.0)), signalled())
    )
    assert found["rule"].is_unique().all()
    assert found.height == len(LEVELS) + 1


def test_where_nothing_was_scored_there_are_no_rules():
    empty = thresholds(
        TABLES["scores"].empty(), known_labels(TABLES["labels"].empty()), TABLES["signals"].empty()
    )
    assert TABLES["thresholds"].conform(empty).is_empty()
    assert never_fired(empty) == []
