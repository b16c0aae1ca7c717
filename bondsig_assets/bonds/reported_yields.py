"""Yields that trade reports carry, beside those that their prices give.

Belongs here: how many differ, and what explains it. Not here: the yields themselves
(`analytics.py`), reading files (`commands/`).

A report's yield is the lower of those to call and to maturity (FINRA, TRACE fact book and layouts:
`yld_pt`), so that it is compared with the yield to worst. One that fits the yield to maturity
instead, or another settlement, or a price with the commission in it, is no error of either side.
"""

from __future__ import annotations

from datetime import datetime

import polars as pl

from bondsig_assets.bonds.analytics import analyze
from bondsig_assets.bonds.known_terms import Reference
from bondsig_assets.tables.raw import BONDS, TREASURY_YIELDS

#: Percent: reports round to less, and a tenth of a percent is no rounding any more.
CLOSE_PCT, FAR_PCT = 0.01, 0.10
_ALWAYS = datetime(1900, 1, 1)

#: What explains a difference, in the order asked.
VERDICTS = (
    "agrees within 1 bp",
    "fits the yield to maturity, where a call gives less",
    "fits regular settlement, not the one delivered",
    "differs by 1 to 10 bp",
    "differs by more than 10 bp",
    "no yield from these terms",
)


def reported_yields(
    trades: pl.DataFrame, bonds: pl.DataFrame, call_schedules: pl.DataFrame | None = None
) -> pl.DataFrame:
    """One row for each of `trades` that reports a yield, in their order: `cusip, execution_date,
    price, yield_pct` (reported), `yield_to_worst_pct`, `difference_pct`, `verdict` (of VERDICTS).

    - `trades`: cusip, execution_date, price (% of par), yield_pct, and settlement_date where
      reports have it.
    - `bonds`: cusip, maturity_date and coupon_pct, and any other column of table `bonds`; plain
      semi-annual 30/360 where they say nothing.
    """
    reported = trades.filter(pl.col("yield_pct").is_not_null() & (pl.col("price") > 0))
    delivered = (
        pl.col("settlement_date")
        if "settlement_date" in trades.columns
        else pl.lit(None, pl.Date).alias("settlement_date")
    )
    asked = reported.select(
        "cusip",
        "execution_date",
        delivered.alias("settlement_date"),
        "price",
        "yield_pct",
        place=pl.int_range(pl.len()),
    )
    terms = _with_usual_terms(bonds)
    worst, regular, to_maturity = (
        _yields(asked, terms, call_schedules),
        _yields(asked.with_columns(settlement_date=None), terms, call_schedules),
        _yields(asked, terms.with_columns(is_callable=False, float_start_date=None), None),
    )
    found = asked.with_columns(
        yield_to_worst_pct=worst, regular=regular, to_maturity=to_maturity
    ).with_columns(difference_pct=pl.col("yield_pct") - pl.col("yield_to_worst_pct"))
    verdicts = (
        pl.col("yield_to_worst_pct").is_null(),
        _near("yield_to_worst_pct", CLOSE_PCT),
        _near("to_maturity", CLOSE_PCT),
        _near("regular", CLOSE_PCT),
        _near("yield_to_worst_pct", FAR_PCT),
    )
    words = (VERDICTS[5], *VERDICTS[:4])
    verdict = pl.coalesce(
        *(pl.when(holds).then(pl.lit(word)) for holds, word in zip(verdicts, words, strict=True)),
        pl.lit(VERDICTS[4]),
    )
    return found.select(
        "cusip",
        "execution_date",
        "price",
        "yield_pct",
        "yield_to_worst_pct",
        "difference_pct",
        verdict=verdict,
    )


def _near(name: str, within: float) -> pl.Expr:
    # Reports round to six digits at best; half of the last one is no difference.
    return (pl.col("yield_pct") - pl.col(name)).abs() <= within + 1e-9


def _yields(
    asked: pl.DataFrame, terms: pl.DataFrame, call_schedules: pl.DataFrame | None
) -> pl.Series:
    """Yield to worst of each row, in its order; each price of a bond and day is solved once."""
    key = ["cusip", "execution_date", "settlement_date", "price"]
    once = asked.select(key).unique(maintain_order=True).with_row_index("number")
    # `analyze` sorts: the place of a row stands in for the time at which it was known.
    revisions = once.select(
        "cusip",
        "settlement_date",
        "price",
        trade_date="execution_date",
        known_date="execution_date",
        n_trades=pl.lit(1, pl.Int64),
        known_at=pl.lit(_ALWAYS).dt.offset_by(pl.format("{}us", "number")),
    )
    solved = analyze(revisions, Reference(terms, TREASURY_YIELDS.empty(), call_schedules))
    numbered = solved.select(
        "yield_pct", number=(pl.col("known_at") - _ALWAYS).dt.total_microseconds()
    )
    found = once.with_columns(pl.col("number").cast(pl.Int64)).join(
        numbered, on="number", how="left", maintain_order="left"
    )
    return asked.join(
        found.select(*key, "yield_pct"),
        on=key,
        how="left",
        nulls_equal=True,
        maintain_order="left",
        suffix="_found",
    )["yield_pct_found"]


def _with_usual_terms(bonds: pl.DataFrame) -> pl.DataFrame:
    """`bonds` with every column of the table, usual terms where it has none, known at all times."""
    coupon = pl.col("coupon_pct") if "coupon_pct" in bonds.columns else pl.lit(None, pl.Float64)
    usual = {
        "coupon_type": pl.when(coupon == 0).then(pl.lit("Z")).otherwise(pl.lit("F")),
        "coupons_per_year": pl.when(coupon == 0).then(0).otherwise(2).cast(pl.Int64),
        "day_count": pl.lit("30/360"),
        "is_callable": pl.lit(False),
        "is_convertible": pl.lit(False),
    }
    columns = []
    for column in BONDS.columns:
        dtype = BONDS.polars_schema[column.name]
        given = (
            pl.col(column.name).cast(dtype)
            if column.name in bonds.columns
            else pl.lit(None, dtype).alias(column.name)
        )
        columns.append(
            pl.coalesce(given, usual[column.name].cast(dtype)).alias(column.name)
            if column.name in usual
            else given
        )
    return bonds.select(columns).with_columns(known_at=pl.lit(_ALWAYS))
