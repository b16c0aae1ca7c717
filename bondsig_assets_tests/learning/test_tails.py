"""What came of high probabilities, counted by hand and against a loop over name-days.

Belongs here: `learning/tails.py`. Not here: the interval's formula (`test_statistics.py`), rules on
the champion alone (`test_thresholds.py`).
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
from bondsig_assets.learning.labels import known_labels
from bondsig_assets.learning.statistics import clustered_share
from bondsig_assets.learning.tails import CHAMPION, LEVELS, SIDES, tails, with_champion
from bondsig_assets.tables import TABLES

DAYS = trading_days(date(2024, 1, 2), date(2024, 6, 28))
KEYS = {"parent_id": pl.String, "trade_date": pl.Date}


def said(
    *rows: tuple[str, date, float | None], model: str = "ridge", base: float = 0.5
) -> pl.DataFrame:
    """Probabilities of one model: parent, day, P(underperform)."""
    frame = pl.DataFrame(
        list(rows), schema=KEYS | {"probability_underperform": pl.Float64}, orient="row"
    )
    return frame.with_columns(model_name=pl.lit(model), base_rate=pl.lit(base))


def labelled(*rows: tuple[str, date, float]) -> pl.DataFrame:
    """Labels of five days: parent, day, excess return."""
    frame = pl.DataFrame(list(rows), schema=KEYS | {"label_pct": pl.Float64}, orient="row")
    return frame.with_columns(horizon_days=pl.lit(5, pl.Int64))


def of(frame: pl.DataFrame, **wanted: Any) -> dict[str, Any]:
    """The one row that fits."""
    return frame.filter(**wanted).row(0, named=True)


def test_a_run_of_days_is_one_piece_of_news_and_each_side_counts_its_own():
    given = said(
        ("A", DAYS[0], 0.72),
        ("A", DAYS[1], 0.70),
        ("A", DAYS[2], 0.69),
        ("A", DAYS[3], 0.71),
        ("B", DAYS[0], 0.30),
        ("B", DAYS[1], 0.25),
        ("C", DAYS[0], 0.5),
        base=0.45,
    )
    labels = labelled(
        ("A", DAYS[0], -1.0),
        ("A", DAYS[1], 2.0),
        ("A", DAYS[2], -1.0),
        ("A", DAYS[3], -3.0),
        ("B", DAYS[0], 4.0),
        ("B", DAYS[1], 0.0),
        ("C", DAYS[0], 1.0),
    )
    found = tails(given, labels)
    assert found.height == len(SIDES) * len(LEVELS)
    under = of(found, side="underperform", level=0.70)
    assert (under["n_name_days"], under["n_news"], under["n_days_fired"]) == (3, 2, 3)
    assert (under["n_hits_of"], under["n_news_judged"]) == (3, 2)
    assert under["hit_rate"] == pytest.approx(2 / 3)
    assert under["mean_probability"] == pytest.approx((0.72 + 0.70 + 0.71) / 3)
    gains = [np.log(0.72 / 0.45), np.log(0.30 / 0.55), np.log(0.71 / 0.45)]
    assert under["log_score_gain"] == pytest.approx(np.mean(gains))
    over = of(found, side="outperform", level=0.70)
    assert (over["n_name_days"], over["n_news"], over["n_hits_of"]) == (2, 1, 1)
    assert over["hit_rate"] == 1.0
    assert over["log_score_gain"] == pytest.approx(np.log(0.70 / 0.55))
    assert over["log_score_gain_t"] is None, "one piece of news has no error"
    either = of(found, side="either", level=0.70)
    assert (either["n_name_days"], either["n_news"], either["hit_rate"]) == (5, 3, 0.75)
    assert of(found, side="underperform", level=0.65)["n_news"] == 1, "0.69 joins the two runs"
    never = of(found, side="outperform", level=0.75)
    assert (never["n_name_days"], never["n_news"]) == (1, 1)
    assert never["hit_rate"] is None, "a label of zero is no hit and no miss"


def test_a_change_of_side_or_of_issuer_is_other_news():
    given = said(("A", DAYS[0], 0.8), ("A", DAYS[1], 0.2), ("B", DAYS[2], 0.2), ("B", DAYS[3], 0.2))
    either = of(tails(given, labelled()), side="either", level=0.75)
    assert (either["n_name_days"], either["n_news"], either["n_hits_of"]) == (4, 3, 0)


def test_runs_go_over_weekends_and_end_at_a_day_without_a_score():
    friday = next(k for k, day in enumerate(DAYS) if day.weekday() == 4)
    days = [DAYS[friday], DAYS[friday + 1], DAYS[friday + 3]]
    given = said(*(("A", day, 0.8) for day in days))
    assert of(tails(given, labelled()), side="either", level=0.75)["n_news"] == 2


def test_many_rows_are_counted_as_a_loop_over_name_days_counts_them():
    rng = np.random.default_rng(3)
    parents = [f"P{k}" for k in range(12)]
    rows, labels = [], []
    for parent in parents:
        level = 0.5
        for day in DAYS[:90]:
            level = np.clip(level + rng.normal(0, 0.05), 0.1, 0.9)
            if rng.random() > 0.05:
                rows.append((parent, day, float(level) if rng.random() > 0.02 else None))
            if rng.random() > 0.1:
                labels.append((parent, day, float(np.round(rng.standard_normal(), 1))))
    given, known = said(*rows), labelled(*labels)
    found = tails(given.sample(fraction=1.0, shuffle=True, seed=1), known)
    value, label = {(p, d): v for p, d, v in rows}, {(p, d): v for p, d, v in labels}
    for level in LEVELS:
        for side, sign in (("underperform", -1), ("outperform", 1)):
            pieces: list[list[tuple[str, date]]] = []
            for parent in parents:
                before = False
                for day in DAYS[:90]:
                    p = value.get((parent, day))
                    now = p is not None and (p if sign < 0 else 1 - p) >= level
                    if now and before:
                        pieces[-1].append((parent, day))
                    elif now:
                        pieces.append([(parent, day)])
                    before = now
            judged = [
                [label[one] * sign > 0 for one in piece if label.get(one)] for piece in pieces
            ]
            judged = [piece for piece in judged if piece]
            row = of(found, side=side, level=level)
            assert (row["n_news"], row["n_name_days"]) == (len(pieces), sum(map(len, pieces)))
            assert (row["n_news_judged"], row["n_hits_of"]) == (len(judged), sum(map(len, judged)))
            wanted = clustered_share(
                np.array([sum(piece) for piece in judged], dtype=float),
                np.array([len(piece) for piece in judged], dtype=float),
            )
            assert (row["hit_rate"], row["hit_rate_low"], row["hit_rate_high"]) == pytest.approx(
                wanted
            )


def test_the_champion_stands_beside_the_models_and_versions_nobody_knows_are_left_out():
    given = said(("A", DAYS[0], 0.8)).drop("base_rate")
    predictions = pl.concat(
        [given.with_columns(model_version=pl.lit(version)) for version in ("ridge 1", "lost 1")]
    )
    models = pl.DataFrame({"model_version": ["ridge 1"], "base_rate": [0.4]})
    scores = said(("B", DAYS[1], 0.3), base=0.6).drop("model_name")
    found = with_champion(predictions, scores, models)
    assert found.rows() == [("ridge", "A", DAYS[0], 0.8, 0.4), (CHAMPION, "B", DAYS[1], 0.3, 0.6)]


def test_nothing_said_is_no_row_and_silence_is_a_row_of_zeros():
    empty = with_champion(
        TABLES["predictions"].empty(), TABLES["scores"].empty(), TABLES["models"].empty()
    )
    assert tails(empty, known_labels(TABLES["labels"].empty())).is_empty()
    found = tails(said(("A", DAYS[0], 0.55)), labelled(("A", DAYS[0], 1.0)))
    assert found.height == 12 and found["n_name_days"].sum() == 0
    assert found["hit_rate"].null_count() == found["log_score_gain"].null_count() == 12
    assert TABLES["probability_tails"].conform(found).equals(found)
