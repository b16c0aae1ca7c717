"""The usual research sample: what stands now, its prices judged by the whole history.

Belongs here: hindsight over the events of the warehouse, so that its bias can be measured. Not
here: the filters themselves (`recipes/osbap_prices.py`), and anything shown as known on a day.
"""

from __future__ import annotations

import polars as pl

from bondsig_assets.trace.bond_days import aggregate, reported_settlement

#: Columns of `trade_events` that the filters and the bond days need.
EVENT_COLUMNS = (
    "delivery_date",
    "record_number",
    "revision",
    "cusip",
    "execution_date",
    "executed_at",
    "report_date",
    "reported_at",
    "message_number",
    "price",
    "price_as_reported",
    "par_usd",
    "is_par_capped",
    "yield_pct",
    "side",
    "contra",
    "settlement_date",
    "reporting_party",
    "contra_party",
    "reason",
)
_ID = ["delivery_date", "record_number"]
#: Reasons that only the look of a price gave; hindsight judges those prints anew.
_DOUBTED = ("price_error",)


def ex_post_trades(events: pl.DataFrame) -> pl.DataFrame:
    """Rows of `ex_post_trades` from all events (EVENT_COLUMNS) of whole bonds.

    The lifecycle and every screen are as now; prices are as reported, except that the filters for
    decimal shifts, bounce-backs and initial errors of the Open Source Bond Asset Pricing pipeline
    put them right or drop them, looking at later trades too.
    """
    from bondsig_assets.trace.recipes.osbap_prices import price_errors_in_hindsight

    newest = events.sort(*_ID, "revision").group_by(_ID, maintain_order=True).last()
    standing = newest.filter(pl.col("reason").is_null() | pl.col("reason").is_in(_DOUBTED))
    trades = (
        standing.with_row_index("row")
        .with_columns(pl.col("row").cast(pl.Int64), price=pl.coalesce("price_as_reported", "price"))
        .drop("price_as_reported")
    )
    found = price_errors_in_hindsight(trades).select("row", corrected="price", error="reason")
    judged = trades.join(found, on="row", how="left", maintain_order="left").filter(
        pl.col("error").is_null()
    )
    price = pl.coalesce("corrected", "price")
    priced = judged.with_columns(
        price=price, price_as_reported=pl.when(price != pl.col("price")).then("price")
    )
    return priced.select(
        *_ID,
        "cusip",
        "execution_date",
        "executed_at",
        "price",
        "price_as_reported",
        "par_usd",
        "is_par_capped",
        "side",
        "contra",
        "settlement_date",
        "reporting_party",
        "contra_party",
    )


def ex_post_bond_days(trades: pl.DataFrame) -> pl.DataFrame:
    """Rows of `ex_post_bond_days` from `ex_post_trades` of whole bonds."""
    named = (
        trades.rename({"execution_date": "trade_date"})
        .with_row_index("row")
        .with_columns(reported_settlement("trade_date"), is_quarantined=pl.lit(False))
    )
    return aggregate(named, ["cusip", "trade_date"])
