"""Average uniqueness against its definition, day by day and label by label."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bondsig_assets.learning.weights import average_uniqueness

ROWS = st.lists(st.tuples(st.integers(0, 3), st.integers(0, 40)), max_size=60)


def brute_force(parent: np.ndarray, day: np.ndarray, horizon: int) -> list[float]:
    """The mean of 1 / (labels of the parent that span the day) over the days t+2 … t+1+h of each
    row.
    """
    spans = [set(range(int(t) + 2, int(t) + 2 + horizon)) for t in day]
    shared = [
        {s: sum(s in spans[j] for j in range(day.size) if parent[j] == parent[i]) for s in spans[i]}
        for i in range(day.size)
    ]
    return [float(np.mean([1 / count for count in mine.values()])) for mine in shared]


@given(ROWS, st.sampled_from([1, 2, 5, 10, 21]))
def test_the_definition(rows, horizon):
    parent, day = (np.array([row[k] for row in rows], dtype=np.int64) for k in (0, 1))
    found = average_uniqueness(parent, day, horizon)
    np.testing.assert_allclose(found, brute_force(parent, day, horizon), rtol=1e-12)
    assert ((found > 0) & (found <= 1)).all()


@given(ROWS, st.randoms())
def test_the_order_of_the_rows_and_the_codes_do_not_matter(rows, random):
    parent, day = (np.array([row[k] for row in rows], dtype=np.int64) for k in (0, 1))
    mixed = np.array(random.sample(range(len(rows)), len(rows)), dtype=np.int64)
    assert (
        average_uniqueness(parent[mixed], day[mixed], 5)
        == average_uniqueness(parent, day, 5)[mixed]
    ).all()
    assert (
        average_uniqueness(1_000_000_007 * parent, day + 5000, 5)
        == average_uniqueness(parent, day, 5)
    ).all()


def test_daily_labels_share_every_day_inside_and_less_at_the_edges():
    found = average_uniqueness(np.zeros(30, dtype=np.int64), np.arange(30), 5)
    np.testing.assert_allclose(found[4:-4], 1 / 5, rtol=1e-15)
    np.testing.assert_allclose(found[0], np.mean([1 / k for k in range(1, 6)]))
    np.testing.assert_allclose(found, found[::-1])
    assert (np.diff(found[:5]) < 0).all()


def test_labels_that_do_not_meet_count_whole():
    day = np.arange(0, 60, 5)
    assert (average_uniqueness(np.zeros_like(day), day, 5) == 1).all()
    assert (average_uniqueness(np.arange(9), np.zeros(9, dtype=np.int64), 21) == 1).all(), (
        "other parents' labels are no concern"
    )
    assert (average_uniqueness(np.zeros_like(day), day, 1) == 1).all()


def test_no_rows_and_no_span():
    nothing = np.array([], dtype=np.int64)
    assert average_uniqueness(nothing, nothing, 5).shape == (0,)
    with pytest.raises(ValueError, match="the horizon is 1 or more"):
        average_uniqueness(nothing, nothing, 0)
