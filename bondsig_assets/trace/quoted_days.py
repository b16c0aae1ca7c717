"""Bond days that somebody else's panel tells: prices, yields or spreads where no trade of ours is.

Belongs here: when a quote became known, and which bond days are made of quotes. Not here: bond days
of trades (`bond_days.py`), the price that a quoted yield or spread implies (`bonds/analytics.py`).
"""

from __future__ import annotations

from datetime import date

import polars as pl

from bondsig_assets.calendar import CUTOFF, all_trading_days, day_number
from bondsig_assets.tables.clean import BOND_DAY_MEASURES
from bondsig_assets.trace.bond_days import QUOTED, QUOTES

_KEY = ["cusip", "trade_date", "known_date"]
_GIVEN = ("price", "par_usd", "n_trades")
#: What is known of prints that are not believed stands, whatever the day is made of.
_OF_PRINTS = ("n_quarantined", "quarantined_share")


def known_dates(quotes: pl.DataFrame) -> pl.Series:
    """The trading day at whose cutoff each row of `bond_day_quotes` is first known, never before
    its own.
    """
    late = pl.col("known_at").dt.time() > CUTOFF
    day = (
        pl.col("known_at")
        .dt.date()
        .dt.offset_by(pl.when(late).then(pl.lit("1d")).otherwise(pl.lit("0d")))
    )
    seen = quotes.select(day=pl.max_horizontal(day, "trade_date"))["day"]
    return pl.Series("known_date", all_trading_days()[day_number(seen).to_numpy()]).cast(pl.Date)


def touched_by_quotes(quotes: pl.DataFrame, start: date, end: date) -> pl.DataFrame:
    """Bond days of which a quote became known on the trading days `start` … `end`: unique `cusip,
    trade_date, known_date`.
    """
    return (
        quotes.select("cusip", "trade_date", known_dates(quotes))
        .filter(pl.col("known_date").is_between(start, end))
        .unique()
        .sort(_KEY)
    )


def with_quotes(
    revisions: pl.DataFrame, quotes: pl.DataFrame, of_trades: pl.DataFrame
) -> pl.DataFrame:
    """Rows of `bond_day_revisions` with what quotes tell where no trade stands.

    `revisions`: as `bond_days.revise` makes them, of bond days that reports or quotes touched;
    `quotes`: all rows of `bond_day_quotes` about them; `of_trades`: those of them that reports
    touched (`cusip, trade_date, known_date`). The newest quote known at the cutoff of a revision
    fills it where it has no trades: price, par and number of trades are the quote's, everything
    else that only trades tell is null. Trades win: a quote beside them changes nothing, and adds no
    revision.
    """
    known = (
        revisions.select(*_KEY, "known_at")
        .join(
            quotes.select(
                "cusip",
                "trade_date",
                pl.col("price", "par_usd", "n_trades").name.prefix("their_"),
                quoted_yield_pct=pl.when(pl.col("price").is_null()).then("yield_pct"),
                quoted_spread_bps=pl.when(
                    pl.col("price").is_null() & pl.col("yield_pct").is_null()
                ).then("spread_bps"),
                quoted_at="known_at",
            ),
            on=["cusip", "trade_date"],
        )
        .filter(pl.col("quoted_at") <= pl.col("known_at"))
        .sort(*_KEY, "quoted_at")
        .unique(_KEY, keep="last", maintain_order=True)
        .drop("known_at")
    )
    fills = pl.col("quoted_at").is_not_null() & (pl.col("n_trades") == 0)
    rows = (
        revisions.drop(QUOTED)
        .join(known, on=_KEY, how="left", maintain_order="left")
        .join(
            of_trades.select(*_KEY, is_of_trades=pl.lit(True)),
            on=_KEY,
            how="left",
            maintain_order="left",
        )
        .filter(fills | pl.col("is_of_trades").fill_null(False))
    )
    measures = [measure.name for measure in BOND_DAY_MEASURES if measure.name not in _GIVEN]
    has_prints = pl.col("n_quarantined") > 0
    return rows.with_columns(
        pl.when(fills).then(pl.lit(QUOTES)).otherwise("source").alias("source"),
        *(pl.when(fills).then(f"their_{name}").otherwise(name).alias(name) for name in _GIVEN),
        *(
            pl.when(~fills | (has_prints if name in _OF_PRINTS else False)).then(name).alias(name)
            for name in measures
        ),
        *(pl.when(fills).then(name).alias(name) for name in QUOTED),
    ).drop("quoted_at", "is_of_trades", *(f"their_{name}" for name in _GIVEN))
