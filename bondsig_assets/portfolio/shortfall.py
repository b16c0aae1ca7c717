"""What orders fell short of the decision to send them.

Belongs here: implementation shortfall and its parts, an order a row. Not here: how orders are made
and filled, what positions bring afterwards (`attribution.py`).

Paper trades the whole order at the decision price; reality what was filled, later and at a cost
(Perold 1988, Journal of Portfolio Management 14(3)). Both are marked at the session's close:

    delay        filled · (arrival - decision)
    execution    filled · (price - arrival), half-spread and impact
    opportunity  unfilled · (close - decision)
    fees         commission and fees
"""

from __future__ import annotations

import polars as pl

from bondsig_assets.portfolio.book_returns import e4
from bondsig_assets.tables.performance import SHORTFALLS

_COSTS = ("spread", "impact", "commission", "fee")
_KEY = ["policy", "order_id"]


def shortfalls(fills: pl.DataFrame, orders: pl.DataFrame) -> pl.DataFrame:
    """Rows of `shortfalls`, one an order of which `fills` has rows; in order of their keys.

    `fills`, `orders`: rows of these tables. A fill that arrived twice counts once, one that arrived
    late with its session's. Amounts are shares times prices in units of 1e-4 dollars, as the ledger
    books them, so the real gain is the ledger's, and the parts add up in integers. An order without
    a decision price or a close is unpriced and has no amounts; so is one with a fill without a
    price.
    """
    once = fills.sort("booked_date", "fill_id").unique(
        [*_KEY, "fill_id"], keep="first", maintain_order=True
    )
    sign = pl.when(pl.col("side").str.starts_with("buy")).then(1).otherwise(-1)
    traded = pl.col("shares") != 0

    def amount(shares: pl.Expr, price: str) -> pl.Expr:
        return shares * (1e4 * pl.col(price)).round().cast(pl.Int64)

    by_order = (
        once.with_columns(sign=sign)
        .group_by(_KEY, maintain_order=True)
        .agg(
            *(
                pl.col(name).first()
                for name in ("fill_date", "parent_id", "ticker", "side", "sign", "order_shares")
            ),
            *(
                pl.col(name).drop_nulls().first()
                for name in ("decision_price_usd", "arrival_price_usd", "close_usd")
            ),
            filled=pl.col("shares").sum(),
            paid=amount(pl.col("shares"), "price_usd").filter(traded).sum(),
            is_priced=(pl.col("price_usd").is_not_null() | ~traded).all(),
            known_at=pl.col("known_at").max(),
            **{name: e4(f"{name}_usd").sum() for name in _COSTS},
        )
        .join(
            orders.select(
                *_KEY,
                expected_usd=pl.sum_horizontal(
                    *(f"expected_{name}_usd" for name in _COSTS), ignore_nulls=False
                ),
            ),
            on=_KEY,
            how="left",
            maintain_order="left",
        )
    )
    filled, unfilled = pl.col("filled"), pl.col("order_shares") - pl.col("filled")
    arrival = pl.coalesce("arrival_price_usd", "decision_price_usd")
    priced = by_order.with_columns(
        arrival_price_usd=arrival,
        judged=pl.col("is_priced")
        & pl.col("decision_price_usd").is_not_null()
        & pl.col("close_usd").is_not_null(),
    ).with_columns(
        *(
            (pl.col("sign") * amount(shares, f"{price}_usd")).alias(f"{what}_{price}")
            for what, shares in (("filled", filled), ("unfilled", unfilled))
            for price in ("decision_price", "arrival_price", "close")
        ),
        paid=pl.col("sign") * pl.col("paid"),
    )
    fees, beyond = pl.sum_horizontal("commission", "fee"), pl.sum_horizontal("spread", "impact")
    parts = priced.with_columns(
        decided=pl.sum_horizontal("filled_decision_price", "unfilled_decision_price").abs(),
        paper=pl.col("filled_close")
        - pl.col("filled_decision_price")
        + pl.col("unfilled_close")
        - pl.col("unfilled_decision_price"),
        real=pl.col("filled_close") - pl.col("paid") - beyond - fees,
        delay=pl.col("filled_arrival_price") - pl.col("filled_decision_price"),
        execution=pl.col("paid") - pl.col("filled_arrival_price") + beyond,
        opportunity=pl.col("unfilled_close") - pl.col("unfilled_decision_price"),
        fees=fees,
    ).with_columns(shortfall=pl.col("paper") - pl.col("real"))
    names = (
        "decided",
        "paper",
        "real",
        "shortfall",
        "delay",
        "execution",
        "opportunity",
        "fees",
        "spread",
        "impact",
    )
    return SHORTFALLS.conform(
        parts.with_columns(
            *(pl.when("judged").then(pl.col(one) / 1e4).alias(f"{one}_usd") for one in names),
            state=pl.when("judged").then(pl.lit("judged")).otherwise(pl.lit("unpriced")),
            filled_shares=pl.col("sign") * filled,
            order_shares=pl.col("sign") * pl.col("order_shares"),
            shortfall_bps=pl.when(pl.col("judged") & (pl.col("decided") > 0)).then(
                1e4 * pl.col("shortfall") / pl.col("decided")
            ),
        )
        .select(SHORTFALLS.column_names)
        .sort(SHORTFALLS.key)
    )
