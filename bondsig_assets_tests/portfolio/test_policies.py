"""Tranches are a fifth of each of five books."""

from __future__ import annotations

from datetime import date

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bondsig_assets.calendar import trading_days
from bondsig_assets.portfolio.policies import books, tranches

DAYS = trading_days(date(2024, 1, 2), date(2024, 3, 1))


def scores(n_days: int = 12, n: int = 20, seed: int = 0) -> pl.DataFrame:
    draw = np.random.default_rng(seed)
    return pl.DataFrame(
        {
            "trade_date": [d for d in DAYS[:n_days] for _ in range(n)],
            "parent_id": [f"P{k:02}" for _ in range(n_days) for k in range(n)],
            "prediction": draw.normal(size=n_days * n),
        }
    )


def test_a_book_is_long_the_upper_fifth_and_short_the_lower():
    found = books(scores(1), 2.0)
    ranked = scores(1).sort("prediction")["parent_id"].to_list()
    weight = dict(found.select("parent_id", "weight").iter_rows())
    assert [weight[p] for p in ranked] == pytest.approx([-0.25] * 4 + [0.0] * 12 + [0.25] * 4)


def test_names_that_tie_share_what_is_left_of_a_fifth():
    frame = scores(1, 10).with_columns(prediction=pl.Series([0.0] * 7 + [3.0, 2.0, 2.0]))
    weight = dict(books(frame, 2.0).select("parent_id", "weight").iter_rows())
    assert [weight[f"P{k:02}"] for k in (7, 8, 9)] == pytest.approx([0.5, 0.25, 0.25])
    assert weight["P00"] == pytest.approx(-1 / 7)


def test_a_day_on_which_all_tie_has_no_book():
    assert not books(scores(1).with_columns(prediction=pl.lit(1.0)), 2.0)["weight"].to_numpy().any()
    assert books(scores(1).with_columns(prediction=pl.lit(float("nan"))), 2.0).is_empty()


def test_long_only_books_hold_the_upper_fifth():
    found = books(scores(1), 1.0, is_long_only=True)["weight"]
    assert found.min() == 0 and found.sum() == pytest.approx(1.0)


def test_without_costs_tranches_earn_a_fifth_of_the_labels_of_each_book():
    """Held from close t+1 to close t+2, each tranche for five days: its P&L is what the labels of
    its day say of its weights, summed over days and names.
    """
    n_days, n = 12, 20
    frame = scores(n_days, n)
    daily = np.random.default_rng(9).normal(0, 0.02, (n_days + 6, n))  # return of day k
    held = tranches(frame, DAYS[0], DAYS[n_days + 3], 2.0)
    matrix = np.zeros((n_days + 4, n))
    for day, parent, weight in held.iter_rows():
        matrix[DAYS.index(day), int(parent[1:])] = weight
    # Targets of t are filled at the close of t+1 and earn the return of t+2.
    earned = sum(float(matrix[t] @ daily[t + 2]) for t in range(n_days + 4))
    of_books = books(frame, 2.0)
    labels = sum(
        0.2 * weight * daily[DAYS.index(day) + 2 : DAYS.index(day) + 7, int(parent[1:])].sum()
        for day, parent, weight in of_books.iter_rows()
    )
    assert earned == pytest.approx(float(labels), abs=1e-12)


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 10**6))
def test_a_range_of_tranches_is_its_days(seed):
    frame = scores(12, 15, seed)
    whole = tranches(frame, DAYS[4], DAYS[11], 2.0)
    days = [
        tranches(
            frame.filter(pl.col("trade_date").is_between(DAYS[k - 4], DAYS[k])),
            DAYS[k],
            DAYS[k],
            2.0,
        )
        for k in range(4, 12)
    ]
    assert whole.equals(pl.concat(days))


def test_a_day_without_scores_leaves_its_fifth_in_cash():
    frame = scores(10).filter(pl.col("trade_date") != DAYS[5])
    found = tranches(frame, DAYS[6], DAYS[6], 2.0)
    of_all = tranches(scores(10), DAYS[6], DAYS[6], 2.0)
    assert found["weight"].abs().sum() < of_all["weight"].abs().sum()
