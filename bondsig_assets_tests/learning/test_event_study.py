"""The event study by hand: which day is an event, which return is a day's, and what counts once.

Belongs here: `learning/event_study.py`. Not here: the error's formula (`test_statistics.py`).
"""

# A test's name says what it shows.
# ruff: noqa: D103

from __future__ import annotations

from datetime import date
from typing import Any

import numpy as np
import polars as pl
import pytest

from bondsig_assets.calendar import trading_days
from bondsig_assets.learning.event_study import events, news_events
from bondsig_assets.tables import TABLES
from bondsig_assets.tables.news_features import NEWS_AGES

DAYS = trading_days(date(2024, 1, 2), date(2024, 3, 28))[:20]


def news(
    parent: str,
    believed: dict[tuple[int, int], float],
    size: float = 2.0,
    returns: dict[int, float | None] | None = None,
    volatility: float = 1.0,
) -> pl.DataFrame:
    """Rows of `credit_news` of one parent on all DAYS: `believed` (day, age) → probability, news of
    that `size` there; `returns` day → stock's move in own volatilities, 0 elsewhere.
    """
    rows = []
    for k, day in enumerate(DAYS):
        row: dict[str, Any] = {
            "parent_id": parent,
            "trade_date": day,
            "daily_volatility_pct": volatility,
            "stock_return_0": (returns or {}).get(k, 0.0),
        }
        for age in NEWS_AGES:
            row[f"credit_news_probability_{age}"] = believed.get((k, age), 0.1)
            row[f"credit_news_{age}"] = size if (k, age) in believed else 0.01
        rows.append(row)
    return pl.DataFrame(rows, schema_overrides={"stock_return_0": pl.Float64})


def rated(**numbers: float) -> pl.DataFrame:
    """Rating numbers of parents on all DAYS."""
    return pl.DataFrame(
        [(parent, day, number) for parent, number in numbers.items() for day in DAYS],
        schema={"parent_id": pl.String, "trade_date": pl.Date, "rating_number": pl.Float64},
        orient="row",
    )


def of(frame: pl.DataFrame, **wanted: Any) -> dict[str, Any]:
    """The one row that fits."""
    return frame.filter(**wanted).row(0, named=True)


def test_news_is_an_event_once_on_the_day_it_was_first_believed():
    # It happened on day 3, was doubted until day 5, and is believed on to day 8.
    first = news("A", {(4, 1): 0.7, (5, 2): 0.85, (6, 3): 0.99, (7, 4): 0.99, (8, 5): 0.99})
    # Two pieces, a day apart, one of them believed at once.
    second = news("B", {(3, 0): 0.9, (4, 1): 0.9, (4, 0): 0.95}, size=-1.0)
    found = events(pl.concat([first, second]), rated(A=15.0, B=3.0))
    assert found.rows() == [
        ("A", DAYS[5], 1.0, "high_yield"),
        ("B", DAYS[3], -1.0, "investment_grade"),
        ("B", DAYS[4], -1.0, "investment_grade"),
    ]


def test_days_are_counted_from_then_and_moves_go_along_the_news():
    good = news("A", {(3, 0): 0.9}, returns={3: 5.0, 4: 1.0, 5: -0.5}, volatility=2.0)
    bad = news("B", {(6, 0): 0.9}, size=-3.0, returns={7: -2.0, 8: None}, volatility=3.0)
    found = news_events(pl.concat([good, bad]), rated(A=15.0))
    assert of(found, direction="good", grade="high_yield", days_after=0)["mean_move"] == 5.0
    row = of(found, direction="good", grade="all", days_after=1)
    assert (row["mean_move"], row["mean_excess_return_pct"], row["error_pct"]) == (1.0, 2.0, None)
    assert of(found, direction="good", grade="all", days_after=2)["mean_move"] == -0.5
    row = of(found, direction="bad", grade="investment_grade", days_after=1)
    assert (row["mean_move"], row["mean_excess_return_pct"]) == (2.0, 6.0)
    both = of(found, direction="both", grade="all", days_after=1)
    assert (both["n_news"], both["n_days"], both["mean_excess_return_pct"]) == (2, 2, 4.0)
    assert both["error_pct"] == pytest.approx(2.0) and both["t_statistic"] == pytest.approx(2.0)
    assert of(found, direction="both", grade="all", days_after=2)["n_news"] == 1, (
        "a stock without a return that day is left out"
    )
    assert found.filter(grade="high_yield", direction="bad").is_empty()


def test_news_of_one_day_is_one_cluster():
    rng = np.random.default_rng(0)
    parents = [
        news(f"P{k:02}", {(2 + k % 3, 0): 0.9}, returns={3 + k % 3: float(rng.normal(k % 3, 0.01))})
        for k in range(30)
    ]
    row = of(news_events(pl.concat(parents), rated()), direction="both", grade="all", days_after=1)
    assert (row["n_news"], row["n_days"]) == (30, 3)
    # Moves of a day are alike: thirty pieces know no more than the three days' means, 0, 1 and 2.
    assert row["move_error"] == pytest.approx(np.std([0, 1, 2], ddof=1) / np.sqrt(3), rel=0.02)


def test_a_market_without_news_has_no_rows():
    empty = news_events(TABLES["credit_news"].empty(), rated())
    assert empty.is_empty() and TABLES["news_events"].conform(empty).equals(empty)
    assert news_events(news("A", {}), rated()).is_empty()
