"""Who sees what: everything in the file, or what was disseminated on the day.

Belongs here: turning a file's reports into what the live feed showed. Not here: cleaning.
"""

from __future__ import annotations

from typing import Literal

import polars as pl

from bondsig_assets.market_rules import CAP_USD, HIGH_YIELD_CAP_USD, HIGH_YIELD_RATING
from bondsig_assets.securities.ratings import composite

View = Literal["regulatory", "live"]


def graded(reports: pl.DataFrame, bonds: pl.DataFrame, ratings: pl.DataFrame) -> pl.DataFrame:
    """`reports` with `is_high_yield`, the grade of each bond's issuer as known when the trade was
    made; null where nobody rated it.

    `bonds`: `cusip, issuer_id`; `ratings`: the raw table. The grade is the composite's. A cancel
    repeats the execution of its trade, so both have one cap, whatever became of the grade between.
    """
    steps = composite(ratings).sort("known_at")
    issuer = bonds.select("cusip", "issuer_id").unique("cusip", keep="last", maintain_order=True)
    moment = pl.coalesce("executed_at", pl.col("execution_date").cast(pl.Datetime("us")))
    asked = (
        reports.select("cusip", known_at=moment)
        .with_row_index("place")
        .join(issuer, on="cusip", how="left", maintain_order="left")
        .sort("known_at")
    )
    found = asked.join_asof(steps, on="known_at", by="issuer_id", check_sortedness=False)
    numbers = found.sort("place")["rating_number"]
    return reports.with_columns(is_high_yield=numbers >= HIGH_YIELD_RATING)


def as_seen(reports: pl.DataFrame, view: View, bonds: pl.DataFrame | None = None) -> pl.DataFrame:
    """`reports` as the view shows them; what it hides has the `fault` not_disseminated or
    buy_leg_not_disseminated.

    `live`: reports whose dissemination flag is not N, without the buy leg between dealers and
    without affiliates, par above the cap shown as the cap. The cap is $5m for bonds whose
    `is_high_yield` is false in `bonds`, or for reports that say so themselves (`graded`), $1m for
    all others: unknown grades are capped as the stricter group.
    """
    if view == "regulatory":
        return reports
    high_yield = pl.lit(None, dtype=pl.Boolean).alias("is_high_yield")
    if "is_high_yield" in reports.columns:
        high_yield = pl.col("is_high_yield")
    elif bonds is not None and "is_high_yield" in bonds.columns:
        grades = bonds.select("cusip", "is_high_yield").unique(
            "cusip", keep="last", maintain_order=True
        )
        reports = reports.join(grades, on="cusip", how="left", maintain_order="left")
        high_yield = pl.col("is_high_yield")
    # The feeds of the day have their cap already.
    is_capped = pl.col("is_par_capped").fill_null(False) | pl.col("feed").is_in(
        ["standard", "144a", "web"]
    ).fill_null(False)
    cap = (
        pl.when(is_capped)
        .then(float("inf"))
        .when(high_yield.fill_null(True))
        .then(HIGH_YIELD_CAP_USD)
        .otherwise(CAP_USD)
    )
    between_dealers = (pl.col("contra") == "D") & (pl.col("side") == "B")
    hidden = (
        pl.when(
            pl.col("is_disseminated").eq(False).fill_null(False)
            | (pl.col("contra") == "A").fill_null(False)
        )
        .then(pl.lit("not_disseminated"))
        .when(
            between_dealers.fill_null(False)
            & ~pl.col("feed").is_in(["standard", "144a", "web"]).fill_null(False)
        )
        .then(pl.lit("buy_leg_not_disseminated"))
    )
    return reports.with_columns(
        fault=pl.coalesce("fault", hidden),
        is_par_capped=pl.col("is_par_capped").fill_null(False) | (pl.col("par_usd") > cap),
        par_usd=pl.min_horizontal("par_usd", cap),
    ).drop("is_high_yield", strict=False)
