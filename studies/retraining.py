"""What the champion of a world whose lead changes is worth when it is trained each quarter, only
when a monitor rings, or never again.

Belongs here: the three ways, and their worth from the day of the change on. Not here: worlds and
monitors (`monitoring_studies.py`), the gate (`champions.py`).
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from typing import Any

import polars as pl

from bondsig_assets.calendar import offset
from bondsig_assets.monitoring.settings import RetrainingSettings
from studies.champions import CHAMPION, Fitted
from studies.news_judging import judge, judged_frame

WAYS = ("quarterly", "on alarm", "never")
#: First day, last day and number of the fold whose champion scores them.
Spans = list[tuple[date, date, int]]
#: Rows of `monitors` of every evening, from rows of `judged_frame`.
Monitor = Callable[[pl.DataFrame], pl.DataFrame]


def retrained(
    fitted: Fitted, labels: pl.DataFrame, turn: date, monitor: Monitor
) -> dict[str, dict[str, Any]]:
    """Of each of WAYS: the IC of -Φ⁻¹(P) of the days from `turn` on (`news_judging.judge`), and how
    often it was trained on those days.

    The control is trained each quarter whatever the way. On alarm: what a request starts is the
    training of the running quarter, so the champion of that quarter scores from the next day on; a
    request within the cool-down, or for the quarter that scores already, changes nothing.
    """
    found = {}
    for way, spans in (
        ("quarterly", quarterly(fitted)),
        ("on alarm", on_alarm(fitted, labels, monitor)),
        ("never", never(fitted)),
    ):
        rows = judged_spans(fitted, labels, spans).filter(pl.col("trade_date") >= turn)
        found[way] = {
            "probability": judge(rows)["probability"],
            "trainings": sum(first >= turn for first, _, _ in spans),
        }
    return found


def quarterly(fitted: Fitted) -> Spans:
    """Each fold's champion in its own quarter."""
    return [
        (fold.first_day, fold.last_day, number) for number, (fold, _) in enumerate(fitted.folds)
    ]


def never(fitted: Fitted) -> Spans:
    """The first champion to the end."""
    return [(fitted.folds[0][0].first_day, fitted.folds[-1][0].last_day, 0)]


def on_alarm(
    fitted: Fitted,
    labels: pl.DataFrame,
    monitor: Monitor,
    cool_down_days: int = RetrainingSettings().cool_down_days,
) -> Spans:
    """The first champion, and after each alarm that of the quarter in which it rang."""
    spans = never(fitted)
    last, ready = spans[0][1], spans[0][0]
    while True:
        monitors = monitor(judged_spans(fitted, labels, spans))
        rang = monitors.filter(pl.col("state") == "alarm", pl.col("trade_date") >= ready)
        evening = rang["trade_date"].min()
        if not isinstance(evening, date):
            return spans
        ready = offset(evening, cool_down_days)
        number = max(
            number for number, (fold, _) in enumerate(fitted.folds) if fold.first_day <= evening
        )
        begun, _, scoring = spans[-1]
        if number > scoring and evening < last:
            spans[-1:] = [(begun, evening, scoring), (offset(evening, 1), last, number)]


def judged_spans(fitted: Fitted, labels: pl.DataFrame, spans: Spans) -> pl.DataFrame:
    """Rows of `judged_frame` of the champion that `spans` name."""
    said = pl.concat(
        [
            fitted.predictions,
            *(fitted.said_by_champion(number, first, last) for first, last, number in spans),
        ]
    )
    rows = judged_frame(fitted.with_base_rates(said), labels)
    return rows.filter(pl.col("model_name") == CHAMPION)
