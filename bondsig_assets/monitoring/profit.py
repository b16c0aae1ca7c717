"""What the portfolio earned against what it was expected to: P&L over forecast risk, and costs.

Belongs here: daily series from the rows of a policy's days. Not here: the ledger that works out
returns and costs, what is noticed in a series (`watch.py`).
"""

from __future__ import annotations

import polars as pl

from bondsig_assets.monitoring.watch import SERIES

#: Absolute standardised returns are cut here: one crash must not set the deviation.
CUT = 4.0
#: A day's cost counts up to this multiple of what was expected, for the same reason.
MOST_OF_EXPECTED = 3.0


def profit(days: pl.DataFrame) -> pl.DataFrame:
    """Series (SERIES) of every monitor of the family profit, of one policy.

    `days`: a row a day with `trade_date`, `known_date` (the evening on which it was known),
    `net_return` (after costs, a share of the net asset value), `forecast_risk` (the standard
    deviation that was forecast for that day, a share), `traded_usd`, `cost_usd` (realised) and
    `expected_cost_usd` (of the trades that were made). A day without a forecast has no return in
    its units; one without trades, or with trades that were to cost nothing, no cost. That costs are
    twice what was expected is what is looked for: the day's own expected cost is the shift. A cost
    counts up to MOST_OF_EXPECTED times it.
    """
    has_risk = pl.col("forecast_risk") > 0
    traded = (pl.col("traded_usd") > 0) & (pl.col("expected_cost_usd") > 0)
    figures = days.select(
        "trade_date",
        "known_date",
        z=pl.when(has_risk).then(pl.col("net_return") / pl.col("forecast_risk")),
        cost=pl.when(traded).then(
            1e4
            * (
                pl.min_horizontal("cost_usd", MOST_OF_EXPECTED * pl.col("expected_cost_usd"))
                - pl.col("expected_cost_usd")
            )
            / pl.col("traded_usd")
        ),
        expected_cost=pl.when(traded).then(
            1e4 * pl.col("expected_cost_usd") / pl.col("traded_usd")
        ),
    )
    nothing = pl.lit(None, pl.Float64)
    columns = {
        "profit": (pl.col("z"), nothing),
        "drawdown": (pl.col("z"), nothing),
        "risk": (pl.col("z").abs().clip(upper_bound=CUT), nothing),
        "cost": (pl.col("cost"), pl.col("expected_cost")),
    }
    found = [
        figures.select(
            "trade_date", "known_date", monitor=pl.lit(name), value=value, shift=shift
        ).filter(pl.col("value").is_finite())
        for name, (value, shift) in columns.items()
    ]
    return (
        pl.concat(found)
        .select(pl.col(name).cast(kind) for name, kind in SERIES.items())
        .sort("monitor", "trade_date")
    )


def bias(days: pl.DataFrame, window: int = 63) -> pl.DataFrame:
    """The bias statistic of each day: `trade_date, bias, low, high`, the standard deviation of the
    last `window` standardised returns, and the band 1 ± √(2/window) in which two of three lie if
    the forecast is right. Null with fewer than half of them.

    `days`: `trade_date, net_return, forecast_risk`, in any order.
    """
    half = (2 / window) ** 0.5
    z = pl.when(pl.col("forecast_risk") > 0).then(pl.col("net_return") / pl.col("forecast_risk"))
    return days.sort("trade_date").select(
        "trade_date",
        bias=z.rolling_std(window, min_samples=(window + 1) // 2),
        low=pl.lit(1 - half),
        high=pl.lit(1 + half),
    )
