"""Stocks that stopped trading for good: which delistings are believed, and what that ends.

Belongs here: ending the links to a delisted stock on the day it is known, and taking that back
where the stock trades on. Not here: what holders got (`learning/labels.py`), other ends of a link
(`master.py`).
"""

from __future__ import annotations

from datetime import timedelta

import polars as pl

from bondsig_assets.calendar import next_trading_days
from bondsig_assets.securities.rectangles import is_lasting

#: Calendar days after the last one in which a price says that the stock trades on. A price on the
#: day after the last says nothing: CRSP's present format has the delisting return there.
TRADES_ON_DAYS = 10


def standing_delistings(delistings: pl.DataFrame, prices: pl.DataFrame) -> pl.DataFrame:
    """`delistings` with `known_until`: when a price showed that the stock trades on, null where
    none did. What was never believed is left out.

    `delistings`: the raw table; `prices`: `ticker, trade_date, known_at` of at least the stocks in
    it.
    """
    days = delistings["last_trade_date"]
    asked = delistings.with_row_index("_row").with_columns(
        _next=next_trading_days(days) if days.len() else pl.lit(None, pl.Date)
    )
    seen = (
        asked.select("_row", "ticker", "last_trade_date", "_next")
        .join(prices.select("ticker", "trade_date", seen_at="known_at"), on="ticker")
        .filter(
            (pl.col("trade_date") > pl.col("_next"))
            & (pl.col("trade_date") <= pl.col("last_trade_date") + timedelta(TRADES_ON_DAYS))
        )
        .group_by("_row")
        .agg(known_until=pl.col("seen_at").min())
    )
    return (
        asked.join(seen, on="_row", how="left", maintain_order="left")
        .drop("_row", "_next")
        .filter(pl.col("known_until").is_null() | (pl.col("known_until") > pl.col("known_at")))
    )


def ended(stocks: pl.DataFrame, delistings: pl.DataFrame | None) -> pl.DataFrame:
    """Rectangles of links to a `ticker`, each ending with the stock's last day from when the
    delisting is known.

    `stocks` as from `master.bitemporal`; `delistings` as from `standing_delistings`. A delisting
    ends the link that its ticker had on the last day, whatever end the link has been told; from
    `known_until` on the link stands again as it was. A ticker used anew later is another stock.
    """
    if delistings is None or delistings.is_empty():
        return stocks
    # Of several about one stock, the earliest last day counts; they are taken one after another.
    ordered = delistings.sort("ticker", "last_trade_date", "known_at").with_columns(
        _turn=pl.int_range(pl.len()).over("ticker")
    )
    for _, turn in sorted(ordered.partition_by("_turn", as_dict=True).items()):
        stocks = _ended_once(stocks, turn)
    return stocks


def _ended_once(stocks: pl.DataFrame, delistings: pl.DataFrame) -> pl.DataFrame:
    """`ended` with at most one delisting a ticker."""
    last, heard, recanted = (pl.col(name) for name in ("_last", "_heard", "_recanted"))
    known_at, until = pl.col("known_at"), pl.col("known_until")
    both = (
        stocks.with_row_index("_row")
        .join(
            delistings.select(
                "ticker", _last="last_trade_date", _heard="known_at", _recanted="known_until"
            ),
            on="ticker",
            how="left",
            maintain_order="left",
        )
        .with_columns(
            _hits=(pl.col("valid_from_date") <= last)
            & (pl.col("valid_to_date").is_null() | (pl.col("valid_to_date") > last))
            & (until.is_null() | (until > heard))
            & (recanted.is_null() | (recanted > known_at))
        )
        .with_columns(pl.col("_hits").fill_null(False))
    )
    hit = both.filter("_hits")
    pieces = [
        both.filter(~pl.col("_hits")),
        hit.with_columns(known_until=pl.min_horizontal(until, heard)),
        hit.with_columns(
            valid_to_date=last,
            known_at=pl.max_horizontal(known_at, heard),
            known_until=pl.min_horizontal(until, recanted),
        ),
        hit.filter(recanted.is_not_null()).with_columns(
            known_at=pl.max_horizontal(known_at, recanted)
        ),
    ]
    return (
        pl.concat(pieces)
        .filter(is_lasting())
        .sort("_row", "known_at", maintain_order=True)
        .select(stocks.columns)
    )
