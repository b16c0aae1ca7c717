"""The first filter: which scores are worth acting on.

Belongs here: liquidity, staleness and threshold rules. Not here: sizes and orders.
"""

from __future__ import annotations

import polars as pl

from bondsig_assets.learning.settings import SignalSettings

#: A logistic of a logit is the share it was made of but for its last digits.
_HAIR = 1e-12


def select_signals(
    scores: pl.DataFrame, liquidity: pl.DataFrame, settings: SignalSettings
) -> pl.DataFrame:
    """Rows of `signals` from rows of `scores`: those that no rule filters (`signal_reasons`)."""
    chosen = signal_reasons(scores, liquidity, settings).filter(pl.col("reasons").list.len() == 0)
    columns = [
        "ticker",
        "trade_date",
        "parent_id",
        "direction",
        "score",
        "score_rank",
        "probability_underperform",
        "staleness_days",
        "n_trades_21d",
        "model_version",
        "known_at",
    ]
    return chosen.select(columns)


def filtered_signals(
    scores: pl.DataFrame, liquidity: pl.DataFrame, settings: SignalSettings
) -> pl.DataFrame:
    """Rows of `filtered_signals`: scores of the outer parts that some rule filters."""
    rows = signal_reasons(scores, liquidity, settings)
    return rows.filter(pl.col("direction").is_not_null(), pl.col("reasons").list.len() > 0).select(
        "ticker",
        "trade_date",
        "parent_id",
        "direction",
        "score",
        "probability_underperform",
        "reasons",
        "known_at",
    )


def signal_reasons(
    scores: pl.DataFrame, liquidity: pl.DataFrame, settings: SignalSettings
) -> pl.DataFrame:
    """Rows of `scores` with `direction` (-1, 1, or null in the middle), what `liquidity` says, and
    `reasons`: every rule that keeps one from being a signal, in the order of middle, margin,
    probability, bond_trades, bond_staleness.

    `liquidity`: `parent_id, trade_date, staleness_days, n_trades_21d`. An issuer without bond
    trades (CDS only) has nothing to be illiquid about and passes those two rules; where quotes tell
    of the bonds and nobody counts trades, their number is not asked.
    """
    edge = 1 - 2 * settings.quantile
    direction = (
        pl.when(pl.col("score_rank") >= edge).then(1).when(pl.col("score_rank") <= -edge).then(-1)
    )
    # A champion that knows nothing gives every name the base rate: away from it, not from one half,
    # is something known.
    distance = (pl.col("probability_underperform") - pl.col("base_rate")) * -pl.col("direction")
    of_side = (
        pl.when(pl.col("direction") < 0)
        .then("probability_underperform")
        .otherwise(1 - pl.col("probability_underperform"))
    )
    middle, no_bonds = pl.col("direction").is_null(), pl.col("staleness_days").is_null()
    passes = {
        "middle": ~middle,
        # A name in the middle has no side that a probability could be asked of.
        "margin": middle | (distance >= settings.margin - _HAIR),
        "probability": middle | (of_side >= settings.minimum_probability),
        "bond_trades": no_bonds
        | (pl.col("n_trades_21d") >= settings.minimum_trades_21d).fill_null(True),
        "bond_staleness": no_bonds | (pl.col("staleness_days") <= settings.maximum_staleness_days),
    }
    reasons = [pl.when(~met.fill_null(False)).then(pl.lit(name)) for name, met in passes.items()]
    return (
        scores.join(liquidity, on=["parent_id", "trade_date"], how="left", maintain_order="left")
        .with_columns(direction=direction.cast(pl.Int64))
        .with_columns(reasons=pl.concat_list(reasons).list.drop_nulls())
        .sort("trade_date", "ticker")
    )
