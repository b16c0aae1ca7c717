"""How much money a policy can carry: the same days at several sizes.

Belongs here: rows of `capacity` out of backtests at each size, and which size earns most. Not here:
the backtests themselves, what one trade costs (`costs.py`).

Costs grow faster than the book (impact with its power 3/2), so net dollars rise, bend and fall:
capacity is the size at which they are most. Sizes share days and scores, so two of them are
compared day by day; those that cannot be told from the best say so.
"""

from __future__ import annotations

from collections.abc import Mapping

import polars as pl

from bondsig_assets.arrays import Floats
from bondsig_assets.errors import UserError
from bondsig_assets.market_rules import HORIZON, TRADING_DAYS_PER_YEAR
from bondsig_assets.portfolio.performance import mean_of, sharpe_ratio
from bondsig_assets.tables.backtests import CAPACITY

#: Sizes of a curve, dollars: 1, 3, 10 … 1,000 million.
SIZES = (1e6, 3e6, 1e7, 3e7, 1e8, 3e8, 1e9)


def capacity(runs: Mapping[float, pl.DataFrame], horizon: int = HORIZON) -> pl.DataFrame:
    """Rows of `capacity` of one policy: `runs` has rows of `book_returns` by the net asset value
    that the book began with. Sizes without a day are left out.

    The best is the size with most net dollars, the smaller one of two that earn the same; it is
    `is_capacity` only where that is more than nothing. Raises UserError where two sizes have other
    days: a curve would be one of years.
    """
    books = {
        nav: rows.sort("trade_date") for nav, rows in sorted(runs.items()) if not rows.is_empty()
    }
    if not books:
        return CAPACITY.empty()
    first, *others = books.items()
    for nav, rows in others:
        if not rows["trade_date"].equals(first[1]["trade_date"]):
            raise UserError(
                f"the book of {nav:,.0f} dollars has other days ({rows['trade_date'][0]} …"
                f" {rows['trade_date'][-1]}) than that of {first[0]:,.0f}: run all sizes over the"
                " same"
            )
    earned = {nav: rows["pnl_usd"].to_numpy() for nav, rows in books.items()}
    means = {nav: float(values.mean()) for nav, values in earned.items()}
    best = max(means, key=lambda nav: (means[nav], -nav))
    largest = max(books)
    found = [
        {
            **_size(nav, rows, horizon),
            "is_capacity": nav == best and means[best] > 0,
            "is_last": nav == largest,
            "t_below_best": None if nav == best else _t(earned[best] - earned[nav], horizon),
        }
        for nav, rows in books.items()
    ]
    return CAPACITY.conform(
        pl.DataFrame(found, schema_overrides=CAPACITY.polars_schema, orient="row").select(
            CAPACITY.column_names
        )
    )


def _size(nav: float, rows: pl.DataFrame, horizon: int) -> dict[str, object]:
    """What one size earned; figures of returns without days after a ruin."""
    year = TRADING_DAYS_PER_YEAR
    mean = mean_of(rows["pnl_usd"].to_numpy(), horizon)
    returns = rows["net_return"].drop_nulls().to_numpy()
    ratio = sharpe_ratio(returns, horizon)
    traded, paid = (float(rows[one].to_numpy().sum()) for one in ("traded_usd", "trading_cost_usd"))
    return {
        "policy": rows["policy"][0],
        "nav_usd": nav,
        "net_usd": None if mean is None else year * mean.value,
        "error_usd": None if mean is None or mean.error is None else year * mean.error,
        "gross_usd": year * float(rows["gross_pnl_usd"].to_numpy().mean()),
        "net_return_pct": 100 * year * float(returns.mean()) if returns.size else None,
        "sharpe_ratio": None if ratio is None else ratio.annual,
        "sharpe_error": None if ratio is None else ratio.hac_error,
        "cost_bps": 1e4 * paid / traded if traded > 0 else None,
        "turnover": rows["turnover"].mean(),
        "first_date": rows["trade_date"][0],
        "last_date": rows["trade_date"][-1],
        "n_days": rows.height,
    }


def _t(gap: Floats, horizon: int) -> float | None:
    mean = mean_of(gap, horizon)
    return None if mean is None else mean.t_statistic


def capacity_of(rows: pl.DataFrame) -> float | None:
    """The net asset value of the most net dollars, from rows of `capacity`; None where no size
    earns anything. Where that row is also `is_last`, capacity may be larger.
    """
    best = rows.filter(pl.col("is_capacity"))["nav_usd"]
    return float(best[0]) if best.len() else None
