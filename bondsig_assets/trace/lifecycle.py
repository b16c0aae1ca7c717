"""Message lifecycle and double counting: which report ends which trade.

Belongs here: cancels, corrections, reversals (post-2012 status codes T, R, X, C, Y) and the
pairing of inter-dealer legs. Not here: whether a standing trade is any good (`screens.py`).

A later delivery never changes what an earlier one taught: matching goes in the order of
deliveries, so a range gives exactly what its single days give.
"""

from __future__ import annotations

import polars as pl

#: The terms a cancel, correction or reversal repeats (Dick-Nielsen 2014; reference key K7).
TERMS = ["cusip", "execution_date", "executed_at", "price_as_reported", "par_usd", "side", "contra"]
ENDING_REASON = {"X": "cancel_message", "C": "correction_message", "Y": "reversal_message"}
_ID = ["delivery_date", "record_number"]


def match_endings(reports: pl.DataFrame, earlier: pl.DataFrame) -> pl.DataFrame:
    """For each X, C and Y in `reports` the trade it ends.

    `reports` are the reports of the deliveries at hand, `earlier` the T and R reports of earlier
    deliveries that no X, C or Y has ended yet; both have the `_ID` columns, TERMS, `status`,
    `message_number` (and `reports` also `original_message_number`). Returns `_ID` of the ending
    message with `closes_delivery_date` and `closes_record_number`, one to one, matched null-safe on the terms and on the
    message number (X and C repeat the number of what they end, Y points back to it), the
    oldest open trade first, never one delivered after the message.
    """
    endings = reports.filter(pl.col("status").is_in(list(ENDING_REASON))).with_columns(
        number=pl.when(pl.col("status") == "Y").then("original_message_number").otherwise("message_number")
    )
    columns = [*_ID, *TERMS, "message_number"]
    trades = pl.concat([
        earlier.select(columns), reports.filter(pl.col("status").is_in(["T", "R"])).select(columns),
    ]).rename({"message_number": "number"})
    key = [*TERMS, "number"]
    endings = endings.select([*_ID, *key]).with_columns(pl.col("number").fill_null(""))
    trades = trades.join(endings.select(key).unique(), on=key, how="semi", nulls_equal=True)
    told = pl.concat([endings.with_columns(is_ending=True), trades.with_columns(is_ending=False)]).sort(_ID)
    # Open trades less endings; each new low below zero is an ending that found nothing open and uses up nothing.
    balance = pl.when("is_ending").then(-1).otherwise(1).cum_sum().over(key)
    in_vain = pl.min_horizontal(balance.cum_min().over(key), 0)
    told = told.with_columns(in_vain=in_vain).filter(
        ~pl.col("is_ending") | (pl.col("in_vain") == pl.col("in_vain").shift(1, fill_value=0).over(key))
    ).with_columns(ordinal=pl.int_range(pl.len()).over([*key, "is_ending"]))
    matched = told.filter("is_ending").join(
        told.filter(~pl.col("is_ending")), on=[*key, "ordinal"], how="inner", nulls_equal=True, suffix="_trade"
    )
    return matched.select(
        *_ID, pl.col("delivery_date_trade").alias("closes_delivery_date"), pl.col("record_number_trade").alias("closes_record_number"),
    )


def pair_interdealer_legs(reports: pl.DataFrame, earlier: pl.DataFrame) -> pl.DataFrame:
    """The later leg of each inter-dealer pair, with the earlier one; the sell leg is the trade.

    `reports` are T and R reports of the deliveries at hand, `earlier` those of earlier deliveries
    with the same bond and execution date, ended or not. The k-th sell leg of equal bond, date,
    price and par belongs to the k-th buy leg, counted in order of delivery and execution; surplus
    legs of either side stay. Returns `_ID` of the later leg, `is_buy_leg` (true: the later leg is
    the buy leg and is no trade; false: it is the sell leg and ends the buy leg's trade) and
    `closes_delivery_date`, `closes_record_number` of the earlier leg.
    """
    key = ["cusip", "execution_date", "price_as_reported", "par_usd"]
    columns = [*_ID, *key, "executed_at", "side"]
    new = reports.filter((pl.col("contra") == "D") & pl.col("status").is_in(["T", "R"])).select(columns)
    old = earlier.filter(pl.col("contra") == "D").select(columns).join(new.select(key).unique(), on=key, how="semi")
    legs = pl.concat([old, new]).sort("delivery_date", "executed_at", "record_number")
    legs = legs.with_columns(ordinal=pl.int_range(pl.len()).over([*key, "side"]))
    pairs = legs.filter(pl.col("side") == "B").join(legs.filter(pl.col("side") == "S"), on=[*key, "ordinal"], suffix="_sell")
    # Within one delivery the buy leg is the one that gives way, whichever came first.
    buy_is_later = pl.col("delivery_date") >= pl.col("delivery_date_sell")
    return pairs.select(
        pl.when(buy_is_later).then("delivery_date").otherwise("delivery_date_sell").alias("delivery_date"),
        pl.when(buy_is_later).then("record_number").otherwise("record_number_sell").alias("record_number"),
        buy_is_later.alias("is_buy_leg"),
        pl.when(buy_is_later).then("delivery_date_sell").otherwise("delivery_date").alias("closes_delivery_date"),
        pl.when(buy_is_later).then("record_number_sell").otherwise("record_number").alias("closes_record_number"),
    ).join(new.select(_ID), on=_ID, how="semi")
