"""The rows of `credit_news`: what is new in each issuer's credit, as known at each day's cutoff.

Belongs here: which parameters and which chain speak for a day, and the features made of news. Not
here: the filter (`filter_kernel.py`), what the features mean (`tables/news_features.py`).

Every quarter has parameters of its own, estimated on the days before it, and a chain of its own,
which begins CHAIN_DAYS before its first day and knows nothing then. So a day's row rests on the
days since, on the quarter's parameters, and on nothing else: alone or in a range it has the same
bits.
"""

from __future__ import annotations

from collections.abc import Mapping
from concurrent.futures import Executor, ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import date

import numpy as np
import polars as pl

from bondsig_assets.arrays import Floats
from bondsig_assets.calendar import CUTOFF, at_or_after, quarter_of
from bondsig_assets.features.news import filter_kernel as fk
from bondsig_assets.features.news import posterior_kernel as pk
from bondsig_assets.features.news.estimation import estimate
from bondsig_assets.features.news.observations import Observations, observe
from bondsig_assets.features.news.parameters import NewsParameters
from bondsig_assets.features.panels import Panels
from bondsig_assets.machine import cores
from bondsig_assets.tables.news_features import CHAIN_DAYS, ESTIMATION_DAYS

#: Days needed before anything is estimated; the prior's parameters speak until then.
LEAST_DAYS = 42


@dataclass(frozen=True)
class _Quarter:
    """Positions of a quarter's days that rows are wanted of, and its parameters."""

    quarter: date
    first: int
    days: np.ndarray
    parameters: NewsParameters


def credit_news(
    panels: Panels,
    start: date,
    end: date,
    stored: Mapping[date, NewsParameters] | None = None,
) -> tuple[pl.DataFrame, dict[date, NewsParameters]]:
    """Rows of `credit_news` for the trading days `start` … `end`, and the parameters of their
    quarters.

    `panels` must reach back to `reading.credit_news.first_needed`. Parameters that are `stored` for
    a quarter are taken as they are; the others are estimated.
    """
    observations = observe(panels)
    # Quarters rest on none of the others, and what compiled code does for one leaves a core free.
    with ThreadPoolExecutor(cores()) as pool:
        quarters = _quarters(panels, observations, start, end, stored or {}, pool)
        parts = list(pool.map(lambda one: _rows(panels, observations, one), quarters))
    return (
        pl.concat(parts).sort("trade_date", "parent_id"),
        {one.quarter: one.parameters for one in quarters},
    )


def _quarters(
    panels: Panels,
    observations: Observations,
    start: date,
    end: date,
    stored: Mapping[date, NewsParameters],
    pool: Executor,
) -> list[_Quarter]:
    days = panels.days
    wanted = np.flatnonzero((days >= np.datetime64(start)) & (days <= np.datetime64(end)))
    of = np.array([quarter_of(day) for day in days[wanted].tolist()])
    quarters = sorted(set(of.tolist()))
    first = [int(np.searchsorted(days, np.datetime64(at_or_after(one)))) for one in quarters]
    estimated = pool.map(
        lambda quarter, begins: (
            stored.get(quarter) or parameters_before(days, observations, begins)
        ),
        quarters,
        first,
    )
    return [
        _Quarter(quarter, begins, wanted[of == quarter], parameters)
        for quarter, begins, parameters in zip(quarters, first, estimated, strict=True)
    ]


def parameters_before(days: np.ndarray, observations: Observations, first: int) -> NewsParameters:
    """Parameters for the `days` from position `first` on, from what was settled the day before."""
    last = first - 1 - fk.SETTLED_DAYS
    start = max(first - ESTIMATION_DAYS, observations.first_day, 0)
    if last - start < LEAST_DAYS:
        return NewsParameters()
    return replace(
        estimate(observations, last, start),
        estimated_from=days[start].item(),
        estimated_to=days[last].item(),
    )


def _rows(panels: Panels, o: Observations, of: _Quarter) -> pl.DataFrame:
    """Rows of one quarter's days: an issuer has one where its stock is known."""
    first, last = int(of.days[0]), int(of.days[-1])
    mean, cov, seen, _ = fk.chain(
        *(max(of.first - CHAIN_DAYS, 0), first, last, *o.arguments(of.parameters))
    )
    news, quiet, probability = pk.all_news(mean, cov, first, o.grade, of.parameters.of_grade)
    volatility = o.volatility[first : last + 1, :, None]
    returns = _aged(o.stock, first, last) / volatility
    usable = seen[:, :, None] & np.isfinite(volatility)
    standard = np.where(usable, -news / volatility, np.nan)
    moved = np.cumsum(np.nan_to_num(returns), axis=2)
    reaction = pk.reactions(
        standard, probability, returns, o.grade[first : last + 1], of.parameters.reaction
    )
    columns: dict[str, Floats] = {
        "daily_volatility_pct": 100 * volatility[:, :, 0],
        "credit_quiet_5d": np.where(usable, -quiet / volatility, np.nan).sum(axis=2),
        "expected_reaction": reaction,
        "credit_news_missing": (~usable[:, :, 0]).astype(float),
    }
    for k in range(fk.AGES):
        columns[f"credit_news_{k}"] = standard[:, :, k]
        columns[f"credit_news_probability_{k}"] = np.where(usable, probability, np.nan)[:, :, k]
        columns[f"news_unanswered_{k}"] = moved[:, :, k] * np.tanh(standard[:, :, k])
        columns[f"stock_return_{k}"] = returns[:, :, k]
    day, parent = np.nonzero(panels.listed[first : last + 1])
    keep = np.isin(first + day, of.days)
    day, parent = day[keep], parent[keep]
    return pl.DataFrame(
        {
            "parent_id": panels.parents[parent],
            "trade_date": panels.days[first + day],
            **{
                name: pl.Series(values[day, parent], nan_to_null=True)
                for name, values in columns.items()
            },
        }
    ).with_columns(known_at=pl.col("trade_date").dt.combine(CUTOFF))


def _aged(values: Floats, first: int, last: int) -> Floats:
    """`values` [day, parent] of each of the AGES last days, today's first: [day, parent, age]; NaN
    before the first.
    """
    padded = np.vstack([np.full((fk.AGES - 1, values.shape[1]), np.nan), values])
    n, begin = last - first + 1, first + fk.AGES - 1
    return np.stack([padded[begin - k : begin - k + n] for k in range(fk.AGES)], axis=2)
