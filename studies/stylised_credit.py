"""What the paths of a simulated market look like, beside what is known of real ones.

Belongs here: facts about spreads, stocks, their comovement and who issues. Not here: facts
about trades (`stylised_trading.py`) and the page (`stylised_facts.py`).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import polars as pl

from bondsig_assets.market_rules import HIGH_YIELD_RATING
from bondsig_assets.sources.base import Source
from studies.stylised_trading import ASSUMED, Fact

#: Rating letter → rating numbers, and what is known of its spread at 5–10 years.
_RATINGS = {
    "AAA": ((1,), "30 bp (2025) to 63 bp (long run)"),
    "AA": ((2, 3, 4), "47 bp (2025) to 91 bp (long run)"),
    "A": ((5, 6, 7), "123 bp (long run)"),
    "BBB": ((8, 9, 10), "101 bp (2025) to 194 bp (long run)"),
    "BB": ((11, 12, 13), "320 bp (long run)"),
    "B": ((14, 15, 16), "470 bp (long run)"),
}
_SPREAD_SOURCES = {
    "AAA": "2025: ICE BofA indices on FRED; long run assumed",
    "AA": "2025: ICE BofA indices on FRED; long run assumed",
    "BBB": "2025: ICE BofA indices on FRED; long run assumed",
}
_CGM = "Collin-Dufresne, Goldstein and Martin 2001"
_MATURITIES = ((1, 2), (2.5, 3.5), (4, 6), (8, 12))


@dataclass(frozen=True)
class Paths:
    """Daily paths [day, parent]: excess log return of the stock, change of the log spread; and the
    rating at the start.
    """

    returns: np.ndarray
    spread_changes: np.ndarray
    rating: np.ndarray


def bond_spreads(source: Source, mids: pl.DataFrame) -> pl.DataFrame:
    """True spreads of fixed-rate bonds with parent, rating as of the day and years to maturity."""
    last = source.date_range()[1]
    bonds = (
        source.reference("bonds", last)
        .rows.unique("cusip", keep="first")
        .filter((pl.col("coupon_type") == "F") & ~pl.col("is_convertible"))
    )
    parent = (
        source.reference("issuers", last)
        .rows.sort("valid_from_date")
        .unique("issuer_id", keep="first")
        .select("issuer_id", "parent_id")
    )
    ratings = (
        source.reference("ratings", last)
        .rows.sort("rating_date")
        .select("issuer_id", "rating_date", "rating_number")
    )
    return (
        mids.join(bonds.select("cusip", "issuer_id", "maturity_date"), on="cusip")
        .join(parent, on="issuer_id")
        .sort("trade_date")
        .join_asof(
            ratings,
            left_on="trade_date",
            right_on="rating_date",
            by="issuer_id",
            check_sortedness=False,
        )
        .with_columns(
            years=(pl.col("maturity_date") - pl.col("trade_date")).dt.total_days() / 365.25
        )
    )


def paths(source: Source, spreads: pl.DataFrame) -> Paths:
    """Paths of every parent that is listed throughout and has a bond of two years or more on every
    day.
    """
    changes = (
        spreads.filter(pl.col("years") >= 2)
        .sort("cusip", "trade_date")
        .with_columns(change=pl.col("true_spread_bps").log().diff().over("cusip"))
        .drop_nulls("change")
        .group_by("trade_date", "parent_id")
        .agg(pl.col("change").mean(), pl.col("rating_number").first())
    )
    equities = (
        source.reference("equities", source.date_range()[1])
        .rows.sort("valid_from_date")
        .unique(["parent_id", "ticker"], keep="first")
    )
    prices = source.daily("equity_prices", *source.date_range()).rows.select(
        "ticker", "trade_date", move=(1 + pl.col("total_return_pct") / 100).log()
    )
    etf = prices.rename({"ticker": "sector_etf", "move": "etf_move"})
    moves = prices.join(equities.select("parent_id", "ticker", "sector_etf"), on="ticker").join(
        etf, on=["sector_etf", "trade_date"]
    )
    both = (
        moves.with_columns(excess=pl.col("move") - pl.col("etf_move"))
        .join(changes, on=["parent_id", "trade_date"])
        .drop_nulls("excess")
    )
    complete = (
        both.group_by("parent_id")
        .len()
        .filter(pl.col("len") == pl.col("len").max())["parent_id"]
        .sort()
    )
    both = both.filter(pl.col("parent_id").is_in(complete.implode())).sort(
        "parent_id", "trade_date"
    )
    shape = (complete.len(), -1)
    return Paths(
        both["excess"].to_numpy().reshape(shape).T,
        both["change"].to_numpy().reshape(shape).T,
        both["rating_number"].to_numpy().reshape(shape)[:, 0],
    )


def correlation(before: np.ndarray, after: np.ndarray, lag: int) -> float:
    """Mean over parents of the correlation of `before` on day t with `after` on day t + lag."""
    x, y = (before[:-lag], after[lag:]) if lag else (before, after)
    x, y = x - x.mean(axis=0), y - y.mean(axis=0)
    return float(((x * y).mean(axis=0) / (x.std(axis=0) * y.std(axis=0))).mean())


def bond_to_stock(both: Paths) -> float:
    """Correlation of minus the spread change of a day with the stock's next five days."""
    future = np.stack([both.returns[k : k + both.returns.shape[0] - 5] for k in range(1, 6)]).sum(
        axis=0
    )
    return correlation(-both.spread_changes[: future.shape[0]], future, 0)


def credit_facts(source: Source, spreads: pl.DataFrame, both: Paths) -> list[Fact]:
    """Spreads, comovement, stocks and issuers, in that order."""
    return [
        *_levels(spreads),
        *_shapes(spreads),
        *_comovement(both),
        *_stocks(both),
        *_issuers(source),
    ]


def _levels(spreads: pl.DataFrame) -> list[Fact]:
    middle = spreads.filter(pl.col("years").is_between(5, 10))
    rows = []
    for letter, (numbers, target) in _RATINGS.items():
        found = middle.filter(pl.col("rating_number").is_in(numbers))["true_spread_bps"]
        shown = f"{found.mean():.0f} bp" if found.len() else "no such bond"
        rows.append(
            (f"spread at 5–10 years, {letter}", target, shown, _SPREAD_SOURCES.get(letter, ASSUMED))
        )
    return rows


def _shapes(spreads: pl.DataFrame) -> list[Fact]:
    def curve(low: int, high: int) -> str:
        grade = spreads.filter(pl.col("rating_number").is_between(low, high))
        # Each bond against its issuer's five-year point of the day would need a model; averages do.
        points = [
            grade.filter(pl.col("years").is_between(*years))["true_spread_bps"]
            for years in _MATURITIES
        ]
        return " / ".join(f"{point.mean():.0f}" if point.len() else "–" for point in points) + " bp"

    return [
        ("curve at 1½/3/5/10 years, investment grade", "upward", curve(1, 10), ASSUMED),
        ("curve at 1½/3/5/10 years, B", "humped", curve(14, 16), ASSUMED),
        ("curve at 1½/3/5/10 years, CCC", "inverted", curve(17, 19), ASSUMED),
    ]


def _comovement(both: Paths) -> list[Fact]:
    returns, changes = both.returns, both.spread_changes
    months = changes.shape[0] // 21
    monthly = [
        path[: 21 * months].reshape(months, 21, -1).sum(axis=1) for path in (returns, changes)
    ]
    x, y = (path - path.mean(axis=0) for path in monthly)
    residual = y - x * (x * y).sum(axis=0) / (x**2).sum(axis=0)
    explained = 1 - (residual**2).sum() / (y**2).sum()
    first = np.linalg.svd(residual / residual.std(axis=0), compute_uv=False) ** 2
    return [
        (
            "correlation of stock return and spread change, same day",
            "negative",
            f"{correlation(returns, changes, 0):+.2f}",
            "Kwan 1996 (direction, yields)",
        ),
        (
            "stock → bond: return today, minus spread change tomorrow",
            "positive",
            f"{correlation(returns, -changes, 1):+.2f}",
            "Kwan 1996; Downing, Underwood and Xing 2009 (direction)",
        ),
        (
            "monthly spread changes explained by the stock's excess return",
            "≈ 25 % by theory's variables",
            f"{explained:.0%}",
            f"{_CGM} (little explained); number assumed",
        ),
        (
            "first component of what is left",
            "≈ ¾",
            f"{first[0] / first.sum():.0%}",
            f"{_CGM} (one common factor); number assumed",
        ),
    ]


def _stocks(both: Paths) -> list[Fact]:
    excess = both.returns
    high_yield = both.rating >= HIGH_YIELD_RATING
    standard = (excess - excess.mean(axis=0)) / excess.std(axis=0)
    size = np.abs(standard)
    low, high = 100 * excess.std(axis=0)[~high_yield], 100 * excess.std(axis=0)[high_yield]
    return [
        (
            "idiosyncratic stock volatility, investment grade",
            "1.2–1.8 % a day",
            f"{low.mean():.1f} % a day",
            ASSUMED,
        ),
        (
            "idiosyncratic stock volatility, high yield",
            "2–3 % a day",
            f"{high.mean():.1f} % a day",
            ASSUMED,
        ),
        (
            "kurtosis of idiosyncratic returns, median name",
            "above 6",
            f"{np.median((standard**4).mean(axis=0)):.1f}",
            ASSUMED,
        ),
        (
            "volatility clusters: absolute return with yesterday's",
            "positive",
            f"{correlation(size, size, 1):+.2f}",
            ASSUMED,
        ),
    ]


def _issuers(source: Source) -> list[Fact]:
    first, last = source.date_range()
    middle = first + (last - first) / 2
    parent = (
        source.reference("issuers", first)
        .rows.select("issuer_id", "parent_id")
        .unique("issuer_id", keep="first")
    )
    bonds = (
        source.reference("bonds", middle)
        .rows.unique("cusip", keep="first")
        .filter(pl.col("maturity_date") > middle)
    )
    counts = bonds.join(parent, on="issuer_id").group_by("parent_id").len()["len"]
    return [
        ("bonds outstanding per parent, median", "2–3", f"{counts.median():.0f}", ASSUMED),
        ("bonds outstanding per parent, mean", "≈ 6", f"{counts.mean():.1f}", ASSUMED),
        ("bonds outstanding per parent, most", "above 50", f"{counts.max()}", ASSUMED),
    ]
