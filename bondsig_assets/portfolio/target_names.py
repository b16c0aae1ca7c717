"""The names that the targets of some days are about: their universe's, and whatever else is held.

Belongs here: a day's rows of names with their scores. Not here: what names promise (`alpha.py`),
their risk (`risk_days.py`), who is in the universe (`universe.py`).
"""

from __future__ import annotations

from datetime import date

import polars as pl

from bondsig_assets.portfolio.risk_days import by_day

#: What is held: a row a name, with the price it was last seen at.
HELD = {
    "parent_id": pl.String,
    "ticker": pl.String,
    "shares": pl.Int64,
    "price_usd": pl.Float64,
}
_KEYS = ["trade_date", "parent_id"]
_OF_UNIVERSE = (
    "ticker",
    "is_in",
    "is_shortable",
    "is_hedge",
    "borrow_rate_pct",
    "price_usd",
    "dollar_volume_usd",
)
#: Of names out of the universe nothing is asked.
_ASKED = ("prediction", "probability_underperform")
_OF_SCORES = (*_ASKED, "base_rate", "is_informed", "fold", "model_name")


class TargetNames:
    """The names of any of some days; rows are joined and cut into days once."""

    def __init__(self, universe: pl.DataFrame, scores: pl.DataFrame, *, with_hedges: bool) -> None:
        """`universe` and `scores` as `TargetInputs` has them. Sector ETFs are names `with_hedges`,
        or where held.
        """
        rows = (
            universe.select(*_KEYS, *_OF_UNIVERSE)
            .join(scores.select(*_KEYS, *_OF_SCORES), on=_KEYS, how="left")
            .with_columns(
                *(pl.when("is_in").then(name).alias(name) for name in _ASKED),
                is_priced=pl.col("price_usd").is_not_null(),
            )
            .sort(_KEYS)
        )
        is_name = pl.lit(with_hedges) | ~pl.col("is_hedge")
        self._own, self._hedges = by_day(rows.filter(is_name)), by_day(rows.filter(~is_name))
        self._nothing = rows.clear()

    def of(self, day: date, held: pl.DataFrame) -> pl.DataFrame:
        """`parent_id, ticker, is_in, is_shortable, is_hedge, borrow_rate_pct, price_usd,
        dollar_volume_usd, is_priced, held_shares` and what `scores` say of each, in order of
        parents. `held`: rows of HELD.

        A name that is held and has no row in the universe is out: it gets a target of 0, not none,
        and its last price is the one it was held at.
        """
        names = self._own.get(day, self._nothing)
        told = set(names["parent_id"])
        shares, price = (
            dict(zip(held["parent_id"], held[name], strict=True))
            for name in ("shares", "price_usd")
        )
        if others := [name for name, n in shares.items() if n and name not in told]:
            more = self._of_others(day, held.filter(pl.col("parent_id").is_in(others)))
            names = pl.concat([names, more], how="diagonal").sort("parent_id")
        parents = names["parent_id"].to_list()
        return names.with_columns(
            held_shares=pl.Series([shares.get(name, 0) for name in parents], dtype=pl.Int64),
            price_usd=names["price_usd"].fill_null(
                pl.Series([price.get(name) for name in parents], dtype=pl.Float64)
            ),
        )

    def _of_others(self, day: date, held: pl.DataFrame) -> pl.DataFrame:
        """Rows of sector ETFs and of names that the day's universe has not."""
        hedges = self._hedges.get(day, self._nothing).join(held, on="parent_id", how="semi")
        strangers = held.join(hedges, on="parent_id", how="anti").select(
            pl.lit(day).alias("trade_date"),
            "parent_id",
            "ticker",
            is_in=pl.lit(value=False),
            is_shortable=pl.lit(value=False),
            is_hedge=pl.lit(value=False),
            is_priced=pl.lit(value=False),
        )
        return pl.concat([hedges, strangers], how="diagonal")
