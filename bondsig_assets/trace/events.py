"""From the reports of some deliveries to what they taught: the rows of `trade_events`.

Belongs here: putting lifecycle, double counting and screens together. Not here: aggregates.
"""

from __future__ import annotations

import polars as pl

from bondsig_assets.trace.lifecycle import ENDING_REASON, match_endings, pair_interdealer_legs
from bondsig_assets.trace.screens import flag_reason, judge_prices
from bondsig_assets.trading_calendar import CUTOFF

_ID = ["delivery_date", "record_number"]
_TERMS_OF_BOND = ["offering_date", "maturity_date", "offering_amount_usd", "is_convertible"]


def learn(reports: pl.DataFrame, earlier: pl.DataFrame, earlier_medians: pl.DataFrame, bonds: pl.DataFrame) -> pl.DataFrame:
    """One row of `trade_events` for every report: in = trades + rejected, always.

    `reports`: trace_reports of the deliveries at hand; `earlier`: trade_events of earlier
    deliveries with status T or R for the bonds and execution dates touched by them, with a
    boolean `is_ended` (by an X, C or Y: a buy leg that gave way to a sell leg can still be
    cancelled); `earlier_medians`: `screens.daily_medians` of the ANCHOR_DAYS trading days
    before; `bonds`: terms. A trade that ends later keeps its row: the ending message names it in
    `closes_delivery_date`, `closes_record_number`.
    """
    reports = reports.sort(_ID).with_columns(price_as_reported=pl.col("price"))
    earlier = earlier.with_columns(price_as_reported=pl.coalesce("price_as_reported", "price"))
    endings = match_endings(reports, earlier.filter(~pl.col("is_ended")))
    pairs = pair_interdealer_legs(reports, earlier)
    trades = reports.filter(pl.col("status").is_in(["T", "R"]))
    judged = judge_prices(trades.drop("price"), earlier_medians)
    terms = bonds.select("cusip", *_TERMS_OF_BOND, terms_known_at="known_at")
    judged = judged.join(terms, on="cusip", how="left", maintain_order="left").with_columns(
        pl.when(pl.col("terms_known_at") <= pl.col("delivery_date").dt.combine(CUTOFF)).then(pl.col(_TERMS_OF_BOND))
    )
    judged = judged.join(pairs, on=_ID, how="left", maintain_order="left").with_columns(
        reason=pl.coalesce(
            pl.when(pl.col("is_buy_leg")).then(pl.lit("interdealer_buy_leg")), flag_reason(), pl.col("price_reason")
        )
    )
    others = reports.filter(~pl.col("status").is_in(["T", "R"])).join(endings, on=_ID, how="left", maintain_order="left")
    named = pl.col("status").replace_strict(ENDING_REASON, default="unknown_status", return_dtype=pl.String)
    unmatched = pl.col("closes_record_number").is_null() & pl.col("status").is_in(list(ENDING_REASON))
    others = others.with_columns(reason=pl.when(unmatched).then(named + pl.lit("_without_trade")).otherwise(named))
    columns = [
        *_ID, "cusip", "execution_date", "executed_at", "report_date", "reported_at", "message_number", "status", "asof_code",
        "price", "price_as_reported", "par_usd", "is_par_capped", "yield_pct", "side", "contra", "reason",
        "closes_delivery_date", "closes_record_number", "known_at",
    ]
    # A buy leg that gives way is rejected at once; only a later sell leg ends a trade.
    judged = judged.with_columns(
        pl.when(pl.col("is_buy_leg").fill_null(True).not_()).then(pl.col("closes_delivery_date", "closes_record_number"))
    )
    put_right = pl.when(pl.col("price_as_reported") != pl.col("price")).then("price_as_reported")
    return pl.concat([judged.select(columns), others.select(columns)]).with_columns(price_as_reported=put_right).sort(_ID)
