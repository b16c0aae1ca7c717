"""The first filter: which scores are worth acting on.

Belongs here: liquidity, staleness and threshold rules. Not here: sizes and orders.
"""

from __future__ import annotations

from dataclasses import dataclass

import polars as pl


@dataclass(frozen=True)
class SignalSettings:
    """A score passes in the outer `quantile` of its day, with a probability at least `margin` from one
    half, at least `minimum_trades_21d` bond trades and none older than `maximum_staleness_days`.

    A fixed probability of 0.70 would never fire with a calibrated model at realistic strength.
    """

    quantile: float = 0.10
    margin: float = 0.01
    minimum_trades_21d: int = 10
    maximum_staleness_days: int = 3


def select_signals(scores: pl.DataFrame, liquidity: pl.DataFrame, settings: SignalSettings) -> pl.DataFrame:
    """Rows of `signals` from rows of `scores`.

    `liquidity`: `parent_id, trade_date, staleness_days, n_trades_21d`. An issuer without bond trades
    (CDS only) has nothing to be illiquid about and passes those two rules.
    """
    edge = 1 - 2 * settings.quantile
    direction = pl.when(pl.col("score_rank") >= edge).then(1).when(pl.col("score_rank") <= -edge).then(-1)
    # A champion that knows nothing gives every name the base rate; distance from it is what counts.
    certain = (pl.col("probability_underperform") - 0.5) * -pl.col("direction") >= settings.margin
    traded = (pl.col("n_trades_21d") >= settings.minimum_trades_21d) & (pl.col("staleness_days") <= settings.maximum_staleness_days)
    joined = scores.join(liquidity, on=["parent_id", "trade_date"], how="left", maintain_order="left").with_columns(direction=direction.cast(pl.Int64))
    chosen = joined.filter(pl.col("direction").is_not_null() & certain & (traded | pl.col("staleness_days").is_null()))
    columns = ["ticker", "trade_date", "parent_id", "direction", "score", "score_rank", "probability_underperform",
               "staleness_days", "n_trades_21d", "model_version", "known_at"]
    return chosen.select(columns).sort("trade_date", "ticker")
