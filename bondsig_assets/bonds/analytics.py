"""From bond-day revisions to table `bond_analytics`: yields and spreads as known at each cutoff.

Belongs here: which terms and which curve were known, yield to worst, and the weights. Not here:
the arithmetic (`kernels.py`) and averages over issuers (`features/`).
"""

from __future__ import annotations

from datetime import timedelta

import numpy as np
import polars as pl

from bondsig_assets.bonds import conventions, curves, kernels
from bondsig_assets.bonds.conventions import DAY_COUNTS, Bonds, settlement_dates
from bondsig_assets.trading_calendar import CUTOFF

#: Half the usual bid-ask spread, in points of price: the noise of one trade.
HALF_SPREAD_POINTS = 0.5
#: Only bonds this near or far from maturity speak for their issuer.
SHORTEST_WEIGHTED_YEARS, LONGEST_WEIGHTED_YEARS = 1.0, 30.0
DAYS_PER_YEAR = 365.0

_TERMS = (
    "cusip", "coupon_type", "coupon_pct", "coupons_per_year", "maturity_date", "offering_amount_usd",
    "is_callable", "first_call_date", "first_call_price", "is_convertible",
)  # fmt: skip
_RESULT = (
    "cusip", "trade_date", "known_date", "curve_date", "settlement_date", "maturity_years", "accrued_interest",
    "yield_pct", "duration_years", "convexity", "g_spread_bps", "spread_bps", "spread_method", "weight", "reason", "known_at",
)  # fmt: skip


def analyze(revisions: pl.DataFrame, bonds: pl.DataFrame, yields: pl.DataFrame) -> pl.DataFrame:
    """Rows of table `bond_analytics`, one for each of `revisions`, sorted by (known_date, cusip, trade_date).

    `revisions`, `bonds` and `yields` are rows of `bond_day_revisions`, `bonds` and
    `treasury_yields`. A revision sees the terms and the newest Treasury curve known at 18:30 of
    its known_date, and nothing later. A callable bond is valued to the date of its lowest yield:
    maturity, or the first call date after settlement and its anniversaries, at a price falling
    in a line from first_call_price to 100 at maturity. `reason` says why there is no spread:
    no_terms, convertible, floating, no_price, matured, no_curve or unsolved; what can be solved
    without a curve is given all the same. The G-spread takes the yield compounded semi-annually.

    A row's result does not depend on the other rows, to the last bit.
    """
    versions, par = curves.known_curves(yields)
    rows = _rows(revisions, bonds, versions)
    solvable = rows.filter(pl.col("reason").is_null() | (pl.col("reason") == "no_curve"))
    solved = _spreads(_worst(solvable), par)
    columns = [name for name in solved.columns if name == "row" or name not in rows.columns]
    has_spread = pl.col("spread_bps").is_not_null()
    weighted = pl.col("maturity_years").is_between(SHORTEST_WEIGHTED_YEARS, LONGEST_WEIGHTED_YEARS) & has_spread
    precision = pl.col("n_trades") * (pl.col("duration_years") / HALF_SPREAD_POINTS).pow(2)
    return (
        rows.join(solved.select(columns), on="row", how="left", maintain_order="left")
        .with_columns(
            reason=pl.when(pl.col("reason").is_null() & ~has_spread).then(pl.lit("unsolved")).otherwise("reason"),
            spread_method=pl.when(has_spread).then("spread_method"),
            weight=pl.when(weighted).then(pl.col("offering_amount_usd") * precision),
        )
        .select(_RESULT)
        .sort("known_date", "cusip", "trade_date")
    )


def _rows(revisions: pl.DataFrame, bonds: pl.DataFrame, versions: pl.DataFrame) -> pl.DataFrame:
    """Each revision with its terms and curve as known, settlement, and the reason if it has none."""
    terms = bonds.select(
        *_TERMS,
        terms_known_at="known_at",
        day_count_code=pl.col("day_count").replace_strict(DAY_COUNTS, default=-1, return_dtype=pl.Int64),
    )
    rows = (
        revisions.select("cusip", "trade_date", "known_date", "n_trades", "price", "known_at")
        .with_row_index("row")
        .with_columns(
            settlement_date=settlement_dates(revisions["trade_date"]),
            cutoff=pl.col("known_date").cast(pl.Datetime("us")) + timedelta(hours=CUTOFF.hour, minutes=CUTOFF.minute),
        )
        .join(terms, on="cusip", how="left", maintain_order="left")
        .sort("cutoff", "row")
        .join_asof(versions.rename({"known_at": "curve_known_at"}), left_on="cutoff", right_on="curve_known_at")
        .with_columns(pl.col("curve_index").fill_null(-1))
    )
    unknown = pl.col("maturity_date").is_null() | (pl.col("terms_known_at") > pl.col("cutoff"))
    priced = (pl.col("price") > 0.0) & pl.col("price").is_finite()
    return rows.with_columns(
        reason=pl.when(unknown)
        .then(pl.lit("no_terms"))
        .when("is_convertible")
        .then(pl.lit("convertible"))
        .when(pl.col("coupon_type") == "V")
        .then(pl.lit("floating"))
        .when(~priced.fill_null(False))
        .then(pl.lit("no_price"))
        .when(pl.col("settlement_date") >= pl.col("maturity_date"))
        .then(pl.lit("matured"))
        .when(pl.col("curve_index") < 0)
        .then(pl.lit("no_curve"))
    )


def _worst(rows: pl.DataFrame) -> pl.DataFrame:
    """Each row once, at the redemption of its lowest yield; rows without any yield are left out."""
    to_maturity = rows.with_columns(redemption_date="maturity_date", redemption=100.0, spread_method=pl.lit("z"))
    life_days = (pl.col("maturity_date") - pl.col("first_call_date")).dt.total_days()
    past_days = (pl.col("redemption_date") - pl.col("first_call_date")).dt.total_days()
    call_price = pl.col("first_call_price").fill_null(100.0)
    to_calls = (
        rows.filter(pl.col("is_callable") & (pl.col("first_call_date") < pl.col("maturity_date")))
        .with_columns(anniversary=pl.int_ranges(0, life_days // 365 + 1))
        .explode("anniversary")
        .with_columns(redemption_date=pl.col("first_call_date").dt.offset_by(pl.format("{}y", "anniversary")))
        .filter(pl.col("redemption_date").is_between("settlement_date", "maturity_date", closed="none"))
        .with_columns(
            redemption=call_price + (100.0 - call_price) * (past_days / life_days),
            spread_method=pl.lit("z_call"),
        )
        .select(to_maturity.columns)
    )
    candidates = pl.concat([to_maturity, to_calls])
    found = kernels.yield_duration_convexity(_terms(candidates), candidates["price"].to_numpy())
    return (
        candidates.with_columns(
            yield_pct=pl.Series(found[0], nan_to_null=True),
            duration_years=pl.Series(found[1], nan_to_null=True),
            convexity=pl.Series(found[2], nan_to_null=True),
        )
        .drop_nulls("yield_pct")
        .sort("row", "yield_pct", "redemption_date", descending=[False, False, True])
        .unique("row", keep="first", maintain_order=True)
    )


def _spreads(rows: pl.DataFrame, par: curves.ParCurves) -> pl.DataFrame:
    """`rows` with accrued interest, time to redemption, G-spread and z-spread."""
    terms, curve_index = _terms(rows), rows["curve_index"].to_numpy()
    years = (terms.redemption_date - terms.settlement) / DAYS_PER_YEAR
    spread, _ = kernels.z_spread(terms, curves.zero_curves(par), curve_index, rows["price"].to_numpy())
    frequency = pl.max_horizontal("coupons_per_year", 1)
    semi_annual_pct = 200.0 * ((1.0 + pl.col("yield_pct") / 100.0 / frequency).pow(frequency / 2) - 1.0)
    return rows.with_columns(
        maturity_years=pl.Series(years),
        accrued_interest=pl.Series(kernels.accrued_interest(terms)[0], nan_to_null=True),
        spread_bps=pl.Series(spread, nan_to_null=True),
        treasury_yield_pct=pl.Series(curves.par_yields(par, curve_index, years), nan_to_null=True),
    ).with_columns(g_spread_bps=100.0 * (semi_annual_pct - pl.col("treasury_yield_pct")))


def _terms(rows: pl.DataFrame) -> Bonds:
    """The columns of `rows` that kernels need."""

    def days(name: str) -> np.ndarray:
        return rows[name].to_numpy().astype("datetime64[D]")

    return conventions.terms(
        settlement=days("settlement_date"),
        maturity=days("maturity_date"),
        coupon_pct=rows["coupon_pct"].fill_null(float("nan")).to_numpy(),
        frequency=rows["coupons_per_year"].fill_null(-1).to_numpy(),
        day_count=rows["day_count_code"].fill_null(-1).to_numpy(),
        redemption_date=days("redemption_date"),
        redemption=rows["redemption"].to_numpy(),
    )
