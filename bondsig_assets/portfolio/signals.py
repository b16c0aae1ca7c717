"""The first filter: which scores are worth acting on.

Belongs here: liquidity, staleness and threshold rules. Not here: sizes and orders.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import polars as pl


@dataclass(frozen=True)
class SignalSettings:
    """A score passes in the outer `quantile` of its day, with a probability at least `margin` from its
    champion's base rate, on the side taken not below `minimum_probability`, at least `minimum_trades_21d`
    bond trades and none older than `maximum_staleness_days`.

    A fixed probability of 0.70 would never fire with a calibrated model at realistic strength; the
    table `thresholds` says how often each level has.
    """

    quantile: float = field(default=0.10, metadata={"description": "Outer share of each day's scores, on both sides", "above": 0.0, "most": 0.5})
    margin: float = field(default=0.01, metadata={"description": "Least distance of the probability from its champion's base rate", "least": 0.0, "most": 0.5})
    minimum_probability: float = field(default=0.0, metadata={
        "description": "Fixed level that the probability of the side taken must reach, 0.70 say; 0 asks for none. The table thresholds tells how often a level fires",
        "least": 0.0, "most": 1.0,
    })
    minimum_trades_21d: int = field(default=10, metadata={"description": "Least number of bond trades in 21 days", "least": 0})
    maximum_staleness_days: int = field(default=3, metadata={"description": "Most trading days since the bonds last traded", "least": 0})


def select_signals(scores: pl.DataFrame, liquidity: pl.DataFrame, settings: SignalSettings) -> pl.DataFrame:
    """Rows of `signals` from rows of `scores`.

    `liquidity`: `parent_id, trade_date, staleness_days, n_trades_21d`. An issuer without bond trades
    (CDS only) has nothing to be illiquid about and passes those two rules.
    """
    edge = 1 - 2 * settings.quantile
    direction = pl.when(pl.col("score_rank") >= edge).then(1).when(pl.col("score_rank") <= -edge).then(-1)
    # A champion that knows nothing gives every name the base rate: away from it, not from one half, is something known.
    distance = (pl.col("probability_underperform") - pl.col("base_rate")) * -pl.col("direction")
    of_side = pl.when(pl.col("direction") < 0).then("probability_underperform").otherwise(1 - pl.col("probability_underperform"))
    certain = (distance >= settings.margin) & (of_side >= settings.minimum_probability)
    traded = (pl.col("n_trades_21d") >= settings.minimum_trades_21d) & (pl.col("staleness_days") <= settings.maximum_staleness_days)
    joined = scores.join(liquidity, on=["parent_id", "trade_date"], how="left", maintain_order="left").with_columns(direction=direction.cast(pl.Int64))
    chosen = joined.filter(pl.col("direction").is_not_null() & certain & (traded | pl.col("staleness_days").is_null()))
    columns = ["ticker", "trade_date", "parent_id", "direction", "score", "score_rank", "probability_underperform",
               "staleness_days", "n_trades_21d", "model_version", "known_at"]
    return chosen.select(columns).sort("trade_date", "ticker")
