"""What stocks did on the days after credit news became known.

Belongs here: events among rows of `credit_news`, and the mean move after them with its error. Not
here: the news itself (`features/news/`), what models make of it (`evaluation.py`), formulas
(`statistics.py`).
"""

from __future__ import annotations

from typing import Any

import polars as pl

from bondsig_assets.calendar import day_number
from bondsig_assets.learning.statistics import clustered_mean
from bondsig_assets.market_rules import HIGH_YIELD_RATING
from bondsig_assets.tables.learning import NEWS_EVENTS
from bondsig_assets.tables.news_features import NEWS_AGES

#: News surer than this is an event.
SURE = 0.8
#: Days after the event that are followed.
DAYS_AFTER = range(11)
DIRECTIONS = ("good", "bad", "both")
GRADES = ("investment_grade", "high_yield", "all")
_PARENT = "parent_id"


def events(credit_news: pl.DataFrame, ratings: pl.DataFrame) -> pl.DataFrame:
    """`parent_id, trade_date, direction, grade`: each piece of news once, on the first day at whose
    cutoff its probability was above SURE.

    A piece is an issuer and the day its credit jumped; it may take some days and bonds until that
    is believed, and the stock's answer until then is not counted. direction is +1 for good news, by
    what was believed of it on that day. `ratings`: parent_id, trade_date, rating_number; a parent
    without one counts as investment grade, as in the news model.
    """
    number = day_number(credit_news["trade_date"])
    placed = credit_news.with_columns(number=number)
    ages = [
        placed.filter(pl.col(f"credit_news_probability_{k}") > SURE).select(
            _PARENT,
            "trade_date",
            happened=pl.col("number") - k,
            direction=pl.col(f"credit_news_{k}").sign(),
        )
        for k in NEWS_AGES
    ]
    first = (
        pl.concat(ages)
        .filter(pl.col("direction") != 0)
        .sort(_PARENT, "happened", "trade_date")
        .unique([_PARENT, "happened"], keep="first", maintain_order=True)
    )
    graded = first.join(
        ratings.select(_PARENT, "trade_date", "rating_number"),
        on=[_PARENT, "trade_date"],
        how="left",
        maintain_order="left",
    )
    is_high_yield = (pl.col("rating_number") >= HIGH_YIELD_RATING).fill_null(False)
    return graded.select(
        _PARENT,
        "trade_date",
        "direction",
        grade=pl.when(is_high_yield).then(pl.lit(GRADES[1])).otherwise(pl.lit(GRADES[0])),
    )


def news_events(credit_news: pl.DataFrame, ratings: pl.DataFrame) -> pl.DataFrame:
    """Rows of `news_events`: one a direction, grade and day after the news, where any stock has a
    return then.

    `credit_news`: rows of that table (trade_date, parent_id, daily_volatility_pct, stock_return_0
    and the news of all ages with their probabilities), whose own stock returns are followed.
    `ratings`: see `events`. An error counts days on which news became known as clusters: news of
    one day may share more than their day's market and sector.
    """
    found = events(credit_news, ratings)
    moves = credit_news.select(
        _PARENT,
        number=day_number(credit_news["trade_date"]),
        move="stock_return_0",
        percent=pl.col("stock_return_0") * pl.col("daily_volatility_pct"),
    ).filter(pl.col("move").is_finite() & pl.col("percent").is_finite())
    begun = found.with_columns(number=day_number(found["trade_date"]))
    rows = []
    for after in DAYS_AFTER:
        followed = begun.with_columns(pl.col("number") + after).join(
            moves, on=[_PARENT, "number"], maintain_order="left"
        )
        signed = followed.with_columns(pl.col("move", "percent") * pl.col("direction"))
        rows += [
            {"direction": direction, "grade": grade, "days_after": after} | _mean(part)
            for direction in DIRECTIONS
            for grade in GRADES
            if (part := _of(signed, direction, grade)).height
        ]
    return pl.DataFrame(rows, schema=NEWS_EVENTS.polars_schema, orient="row").sort(NEWS_EVENTS.key)


def _of(signed: pl.DataFrame, direction: str, grade: str) -> pl.DataFrame:
    """Rows of a direction and grade."""
    sign = {"good": 1, "bad": -1}.get(direction)
    if sign is not None:
        signed = signed.filter(pl.col("direction") == sign)
    return signed if grade == "all" else signed.filter(pl.col("grade") == grade)


def _mean(signed: pl.DataFrame) -> dict[str, Any]:
    """Mean signed return and move of events, with errors that count their days."""
    days = (
        signed.sort("trade_date", _PARENT)
        .group_by("trade_date", maintain_order=True)
        .agg(pl.len().cast(pl.Float64).alias("n"), pl.col("percent", "move").sum())
    )
    n = days["n"].to_numpy()
    percent, error = clustered_mean(days["percent"].to_numpy(), n)
    move, move_error = clustered_mean(days["move"].to_numpy(), n)
    return {
        "n_news": signed.height,
        "n_days": days.height,
        "mean_excess_return_pct": percent,
        "error_pct": error if error >= 0 else None,
        "t_statistic": percent / error if error > 0 else None,
        "mean_move": move,
        "move_error": move_error if move_error >= 0 else None,
    }
