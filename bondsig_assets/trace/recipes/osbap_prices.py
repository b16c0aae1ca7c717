"""OSBAP's three steps against wrong prices: decimal shifts, bounce-backs, errors of the first
trades.

Belongs here: these steps and their defaults. Not here: the loop of the bounce-back
(`osbap_kernel.py`) and the other filters (`osbap.py`). Source: filters 1, 6 and 10 of Open Source
Bond Asset Pricing (docs/trace_cleaning.md, Wrong prices). All look at trades after the one they
judge: they are of use in hindsight only.
"""

from __future__ import annotations

import numpy as np
import polars as pl

#: Order of trades in which the steps walk through a bond.
ORDER = ["cusip", "execution_date", "executed_at", "report_date", "reported_at", "message_number"]
#: What a shifted price may be multiplied by, and where the result must lie, % of par.
FACTORS = (0.1, 0.01, 10.0, 100.0)
LOWEST, HIGHEST = 5.0, 300.0
#: Prices on each side of the anchor's window.
HALF_WINDOW = 5
#: Relative distance from the anchor above which a price is in doubt, and below which a shifted one
#: is believed.
IN_DOUBT, BELIEVED = 0.05, 0.02
#: Points from the anchor within which a shifted price is believed, and points from par within which
#: both must be to be believed.
BELIEVED_POINTS, PAR_BAND = 8.0, 15.0
#: The shifted price must be at most this share of the reported one's distance from the anchor.
IMPROVEMENT = 0.2
#: The first trades of a bond that are looked at, and the jump in points before which all of them
#: fall.
FIRST_TRADES, INITIAL_JUMP = 3, 50.0
_TINY = 1e-12


def price_errors_in_hindsight(trades: pl.DataFrame) -> pl.DataFrame:
    """`row`, `price` (decimal shifts put right), `reason` (`bounce_back`, `initial_error`, null:
    stands) of every trade.

    The three steps alone, in the recipe's order, without the calendar and volume filters between
    them. `trades` has `row`, `cusip`, `executed_at`, `execution_date`, `reported_at`,
    `message_number`, `price` (% of par), `par_usd` and `yield_pct`; where `report_date` is missing
    the date of `reported_at` orders. A trade without a price stands and is no neighbour to others.
    Every price is judged by later ones too: never use the answer as known at the time.
    """
    dated = (
        trades
        if "report_date" in trades.columns
        else trades.with_columns(report_date=pl.col("reported_at").dt.date())
    )
    shifted = shifted_prices(sorted_trades(dated.filter(pl.col("price").is_not_null())))
    bounced = bounce_backs(shifted)
    initial = initial_errors(shifted.filter(~pl.col("row").is_in(bounced.implode())))
    is_bounced, is_initial = (pl.col("row").is_in(rows.implode()) for rows in (bounced, initial))
    judged = shifted.select(
        "row",
        "price",
        reason=pl.when(is_bounced)
        .then(pl.lit("bounce_back"))
        .when(is_initial)
        .then(pl.lit("initial_error")),
    )
    return trades.select("row").join(judged, on="row", how="left", maintain_order="left")


def sorted_trades(trades: pl.DataFrame) -> pl.DataFrame:
    """`trades` in the order in which the steps walk; unknown moments come last, as pandas sorts
    them.
    """
    return trades.sort(ORDER, nulls_last=True, maintain_order=True)


def shifted_prices(trades: pl.DataFrame) -> pl.DataFrame:
    """`trades` with `price` put right where a power of ten brings it to its anchor. `trades` sorted
    as by `sorted_trades`.

    Of the factors the one with the least relative error to the anchor is tried. It is taken when
    the reported price is more than 5 % off, the new one is within 2 %, within 8 points or, as the
    anchor, within 15 points of par, and the error falls to a fifth or less.
    """
    price, anchor = pl.col("price"), pl.col("_anchor")
    marked = trades.join(
        _anchors(trades),
        on=["cusip", "execution_date", "price"],
        how="left",
        maintain_order="left",
        nulls_equal=True,
    )
    best, error = pl.lit(None, dtype=pl.Float64), pl.lit(float("inf"))
    for factor in FACTORS:
        tried = price * factor
        its_error = (
            pl.when(tried.is_between(LOWEST, HIGHEST))
            .then((tried - anchor).abs() / anchor)
            .otherwise(float("inf"))
        )
        marked = marked.with_columns(
            _best=pl.when(its_error < error).then(tried).otherwise(best),
            _error=pl.min_horizontal(its_error, error),
        )
        best, error = pl.col("_best"), pl.col("_error")
    raw = (price - anchor).abs() / anchor
    near_par = ((anchor - 100).abs() <= PAR_BAND) & ((best - 100).abs() <= PAR_BAND)
    is_good = (
        (error <= BELIEVED + _TINY) | ((best - anchor).abs() <= BELIEVED_POINTS + _TINY) | near_par
    )
    taken = (raw > IN_DOUBT - _TINY) & is_good & (error <= IMPROVEMENT * raw + _TINY)
    return marked.with_columns(
        price=pl.when(taken.fill_null(False)).then(best).otherwise(price)
    ).drop("_anchor", "_best", "_error")


def _anchors(trades: pl.DataFrame) -> pl.DataFrame:
    """`_anchor` per bond, day and price: the median of the bond's prices around it, each counted
    once a day.

    Centred over 11, at least 6 of them; in a shorter series over this and the next 5.
    """
    once = (
        trades.select("cusip", "execution_date", "price")
        .drop_nulls("price")
        .unique(maintain_order=True, keep="first")
    )
    width = 2 * HALF_WINDOW + 1
    centred = (
        pl.col("price")
        .rolling_median(width, min_samples=HALF_WINDOW + 1, center=True)
        .over("cusip")
    )
    ahead = (
        pl.col("price")
        .reverse()
        .rolling_median(HALF_WINDOW + 1, min_samples=1)
        .reverse()
        .over("cusip")
    )
    return once.with_columns(_anchor=pl.coalesce(centred, ahead))


def bounce_backs(trades: pl.DataFrame) -> pl.Series:
    """Rows of `trades` (sorted as by `sorted_trades`, no null price) that jump away from their
    bond's price and come back.
    """
    if trades.is_empty():
        return trades["row"]
    from bondsig_assets.trace.recipes.osbap_kernel import bounces  # numba takes a second

    sizes = trades.group_by("cusip", maintain_order=True).len()["len"].to_numpy()
    starts = np.concatenate([[0], np.cumsum(sizes)]).astype(np.int64)
    return trades.filter(pl.Series(bounces(trades["price"].to_numpy(), starts)))["row"]


def initial_errors(trades: pl.DataFrame) -> pl.Series:
    """Rows of `trades` (sorted as by `sorted_trades`) before the first jump of more than 50 points
    among a bond's first 3 trades.
    """
    first = trades.with_columns(
        _position=pl.int_range(pl.len()).over("cusip"),
        _step=pl.col("price").diff().abs().over("cusip"),
    )
    first = first.filter(pl.col("_position") < FIRST_TRADES)
    jump = pl.col("_position").filter(pl.col("_step") > INITIAL_JUMP).min().over("cusip")
    return first.filter(pl.col("_position") < jump)["row"]
