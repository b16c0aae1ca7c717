"""Daily aggregates per bond, as known at the cutoff of every day that changed them.

Belongs here: what a bond day is made of and when it is revised. Not here: yields (`bonds/`).
"""

from __future__ import annotations

import polars as pl

from bondsig_assets.trading_calendar import CUTOFF

_KEY = ["cusip", "trade_date", "known_date"]


def touched(events: pl.DataFrame) -> pl.DataFrame:
    """Bond days that the deliveries in `events` changed: a new trade, or the end of an old one.

    Returns unique `cusip, trade_date, known_date`.
    """
    changes = events.filter(pl.col("reason").is_null() | pl.col("closes_record_number").is_not_null())
    return changes.select("cusip", trade_date="execution_date", known_date="delivery_date").unique().sort(_KEY)


def revise(changed: pl.DataFrame, trades: pl.DataFrame) -> pl.DataFrame:
    """One row of `bond_day_revisions` for each row of `changed`.

    `trades`: every trade (reason null) of those bonds and days with `delivery_date` and
    `ended_date`, the delivery that ended it (null while it stands or if that is not yet known).
    A revision sees the trades delivered by its `known_date` and not ended by it.
    """
    standing = changed.join(trades.rename({"execution_date": "trade_date"}), on=["cusip", "trade_date"], how="left").filter(
        (pl.col("delivery_date") <= pl.col("known_date"))
        & (pl.col("ended_date").is_null() | (pl.col("ended_date") > pl.col("known_date")))
    )
    # Sums of floats depend on their order: it is fixed here, and whole dollars sum exactly anyway.
    standing = standing.sort([*_KEY, "executed_at", "delivery_date", "record_number"])
    customer_buys = (pl.col("contra") == "C") & (pl.col("side") == "S")
    customer_sells = (pl.col("contra") == "C") & (pl.col("side") == "B")
    par, value = pl.col("par_usd"), pl.col("par_usd") * pl.col("price")
    grouped = standing.group_by(_KEY, maintain_order=True).agg(
        n_trades=pl.len().cast(pl.Int64),
        price=value.sum() / par.sum(),
        price_last=pl.col("price").last(),
        price_low=pl.col("price").min(),
        price_high=pl.col("price").max(),
        par_usd=par.sum(),
        n_capped=pl.col("is_par_capped").sum().cast(pl.Int64),
        customer_buy_par_usd=par.filter(customer_buys).sum(),
        customer_sell_par_usd=par.filter(customer_sells).sum(),
        customer_buy_price=value.filter(customer_buys).sum() / par.filter(customer_buys).sum(),
        customer_sell_price=value.filter(customer_sells).sum() / par.filter(customer_sells).sum(),
        n_interdealer=(pl.col("contra") == "D").sum().cast(pl.Int64),
    )
    rows = changed.join(grouped, on=_KEY, how="left", maintain_order="left")
    counts = ["n_trades", "n_capped", "n_interdealer"]
    sums = ["par_usd", "customer_buy_par_usd", "customer_sell_par_usd"]
    return rows.with_columns(
        pl.col(counts).fill_null(0), pl.col(sums).fill_null(0.0), pl.col("customer_buy_price", "customer_sell_price").fill_nan(None),
        known_at=pl.col("known_date").dt.combine(CUTOFF),
    )
