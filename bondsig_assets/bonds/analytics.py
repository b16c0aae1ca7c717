"""From bond-day revisions to table `bond_analytics`: yields and spreads as known at each cutoff.

Belongs here: yield to worst, spreads, and the weights. Not here: which terms and which curve were
known (`known_terms.py`), the arithmetic (`kernels.py`), averages over issuers (`features/`).
"""

from __future__ import annotations

from datetime import time

import numpy as np
import polars as pl

from bondsig_assets.bonds import callable_bonds, conventions, curves, floating, kernels, spreads
from bondsig_assets.bonds.conventions import Bonds
from bondsig_assets.bonds.coupon_steps import coupon_steps
from bondsig_assets.bonds.known_terms import (
    Reference,
    assumptions,
    known_calls,
    known_rows,
)
from bondsig_assets.calendar import CUTOFF
from bondsig_assets.market_rules import HALF_SPREAD_POINTS

#: Only bonds this near or far from maturity speak for their issuer.
SHORTEST_WEIGHTED_YEARS, LONGEST_WEIGHTED_YEARS = 1.0, 30.0
DAYS_PER_YEAR = 365.0
_IS_SOLVABLE = pl.col("reason").is_null() | (pl.col("reason") == "no_curve")
_WHY = {kernels.BAD_CALLS: "bad_calls", kernels.DEEP_CALL: "deep_call"}

_RESULT = (
    "cusip",
    "trade_date",
    "known_date",
    "curve_date",
    "settlement_date",
    "is_settlement_delivered",
    "maturity_years",
    "implied_price",
    "implied_from",
    "accrued_interest",
    "yield_pct",
    "duration_years",
    "convexity",
    "g_spread_bps",
    "z_spread_bps",
    "oas_bps",
    "oas_method",
    "option_cost_bps",
    "spread_duration_years",
    "asset_swap_spread_bps",
    "cds_equivalent_spread_bps",
    "discount_margin_bps",
    "amount_outstanding_usd",
    "weight",
    "terms_assumed",
    "reason",
    "known_at",
)


def analyze(revisions: pl.DataFrame, reference: Reference, at: time = CUTOFF) -> pl.DataFrame:
    """Rows of table `bond_analytics`, one for each of `revisions`, sorted by (known_date, cusip,
    trade_date): yields in percent, spreads in basis points, durations in years.

    - `revisions`: rows of `bond_day_revisions` (at least `cusip, trade_date, known_date, n_trades,
      known_at` and `price` in % of par). A `settlement_date`, else a `reported_settlement_date`,
      wins over the regular one. Without a price, `quoted_yield_pct` (to worst) or else
      `quoted_spread_bps` (OAS) gives one.
    - `reference`: terms, Treasury curve, call prices, amounts.
    - `at`: the time of the day, New York, at which each revision looks at them (18:30).

    A revision sees the terms, call prices and amount known at time `at` of its known_date, the
    newest Treasury curve known at that time of its trade date, and nothing later. Yields follow the
    street convention (`conventions.py`), coupon dates the rules of `coupon_dates.py`. Yield,
    duration, G-, Z-, asset-swap and CDS-equivalent spread are those to the date of the lowest
    yield: maturity, or a date of the call schedule after settlement. The OAS of a bond with fixed
    call prices is that of a Hull-White tree to maturity (`oas_method` hw); of all others it is the
    z-spread (z). Bonds without a schedule of their own are called at first_call_price on
    first_call_date, falling in a line to 100 at maturity.

    A fixed-to-floating bond is valued to the end of its fixed coupon, on which it may be called at
    par; its z-spread and OAS go on to maturity with the floating leg on the curve's forward rates
    where its margin is known (`floating.py`). A floater, and such a bond once it floats, has a
    discount margin instead of spreads.

    A quoted yield is turned into the price at which it is the lowest yield, a quoted spread into
    the price at which it is the OAS on the row's curve (`implied_price`, `implied_from`); floaters
    need a price. Everything else is solved from that price. A row without `n_trades` is weighed
    like one trade.

    `terms_assumed` names what a source left out and a rule filled in: accrual_start, first_coupon,
    last_coupon (`coupon_dates.py`), call_schedule (callable on terms alone, as above),
    no_call_schedule (callable, nobody says when: valued to maturity), float_margin (valued to the
    end of the fixed coupon alone), float_start (the first call date).

    `reason` says why there is no spread: no_terms, `bad_terms: ...`, convertible, no_float_start,
    floating, no_price, matured, no_curve, bad_calls, deep_call or unsolved; what can be solved
    without a curve is given all the same. So nothing in a row is an error; a missing column is
    Polars' ColumnNotFoundError.

    A row's result does not depend on the other rows, to the last bit.

    Examples:
        A five percent bond at 98, set against the curve of the evening before:

        >>> from datetime import date, datetime
        >>> import polars as pl
        >>> from bondsig_assets import Reference, analyze
        >>> from bondsig_assets.tables import TABLES
        >>> def rows(table, **columns):
        ...     given = pl.DataFrame(columns)
        ...     return pl.DataFrame(given.to_dicts(), schema=TABLES[table].polars_schema)
        >>> bonds = rows(
        ...     "bonds",
        ...     cusip=["345397A45"],
        ...     coupon_type="F",
        ...     coupon_pct=5.0,
        ...     coupons_per_year=2,
        ...     day_count="30/360",
        ...     offering_date=date(2019, 6, 15),
        ...     maturity_date=date(2030, 6, 15),
        ...     offering_amount_usd=7.5e8,
        ...     is_callable=False,
        ...     is_convertible=False,
        ...     known_at=datetime(2019, 6, 15, 18, 30),
        ... )
        >>> curve = rows(
        ...     "treasury_yields",
        ...     trade_date=[date(2024, 3, 4)] * 3,
        ...     tenor_years=[1.0, 5.0, 10.0],
        ...     par_yield_pct=[4.9, 4.2, 4.2],
        ...     known_at=datetime(2024, 3, 5, 8, 0),
        ... )
        >>> days = rows(
        ...     "bond_day_revisions",
        ...     cusip=["345397A45"],
        ...     trade_date=date(2024, 3, 5),
        ...     known_date=date(2024, 3, 5),
        ...     n_trades=4,
        ...     price=98.0,
        ...     known_at=datetime(2024, 3, 5, 18, 30),
        ... )
        >>> told = analyze(days, Reference(bonds, curve)).row(0, named=True)
        >>> round(told["yield_pct"], 2), round(told["duration_years"], 2), told["oas_method"]
        (5.38, 5.25, 'z')
        >>> round(told["oas_bps"]), told["curve_date"], told["reason"]
        (114, datetime.date(2024, 3, 4), None)
    """
    versions, par = curves.known_curves(reference.treasury_yields)
    rows = known_rows(revisions, reference, versions, at)
    calls = known_calls(rows, reference)
    rows = rows.with_columns(terms_assumed=assumptions(rows, calls))
    zero = curves.zero_curves(par)
    rows = _with_implied(rows, calls, zero)
    solvable = rows.filter(_IS_SOLVABLE)
    worst = _spreads(_worst(solvable, calls), par, zero)
    solved = (
        worst.join(
            _option_adjusted(solvable, calls, zero), on="row", how="left", maintain_order="left"
        )
        .join(_floating_legs(worst, zero), on="row", how="left", maintain_order="left")
        .with_columns(
            z_spread_bps=pl.coalesce("leg_spread_bps", "z_spread_bps"),
            spread_duration_years=pl.coalesce("leg_duration_years", "spread_duration_years"),
        )
    ).with_columns(
        oas_bps=pl.when(pl.col("oas_method") == "hw").then("oas_bps").otherwise("z_spread_bps"),
        oas_method=pl.col("oas_method").fill_null("z"),
        spread_duration_years=pl.when(pl.col("oas_method") == "hw")
        .then("oas_duration_years")
        .otherwise("spread_duration_years"),
    )
    columns = [name for name in solved.columns if name == "row" or name not in rows.columns]
    has_spread = pl.col("oas_bps").is_not_null()
    has_amount = (pl.col("amount_outstanding_usd") > 0) & pl.col(
        "amount_outstanding_usd"
    ).is_finite()
    weighted = (
        pl.col("maturity_years").is_between(SHORTEST_WEIGHTED_YEARS, LONGEST_WEIGHTED_YEARS)
        & has_spread
        & has_amount
    )
    # A quote that does not say how many trades it stands for is no surer than one.
    n_trades = pl.max_horizontal(pl.col("n_trades").fill_null(1), 1)
    precision = n_trades * (pl.col("spread_duration_years") / HALF_SPREAD_POINTS).pow(2)
    unsolved = pl.when(pl.col("reason").is_null() & ~has_spread).then(
        pl.col("why").fill_null("unsolved")
    )
    return (
        rows.join(solved.select(columns), on="row", how="left", maintain_order="left")
        .join(_discount_margins(rows, zero), on="row", how="left", maintain_order="left")
        .with_columns(
            reason=pl.coalesce("reason", unsolved),
            oas_method=pl.when(has_spread).then("oas_method"),
            weight=pl.when(weighted).then(pl.col("amount_outstanding_usd") * precision),
        )
        .select(_RESULT)
        .sort("known_date", "cusip", "trade_date")
    )


def _with_implied(rows: pl.DataFrame, calls: pl.DataFrame, zero: curves.ZeroCurves) -> pl.DataFrame:
    """`rows` with `implied_price` and `implied_from`, and it for their `price` where they have
    none.

    At a yield to worst the price is the lowest of those at that yield to any redemption: a higher
    one would yield less to that redemption.
    """
    silent = rows.filter(_IS_SOLVABLE & pl.col("price").is_null())
    if silent.is_empty():
        return rows.with_columns(
            implied_price=pl.lit(None, pl.Float64), implied_from=pl.lit(None, pl.String)
        )
    with_yield = silent.filter(pl.col("quoted_yield_pct").is_finite())
    with_spread = silent.filter(
        ~pl.col("quoted_yield_pct").is_finite().fill_null(False)
        & pl.col("quoted_spread_bps").is_finite()
        & pl.col("reason").is_null()
    )
    has_leg = pl.col("float_start").is_not_null() & pl.col("float_margin_pct").is_not_null()
    legs = with_spread.filter(has_leg).with_columns(redemption_date="end_date", redemption=100.0)
    trees, plain = _with_tree(with_spread.filter(~has_leg), calls)
    of_yield = _redemptions(with_yield, calls)
    asked = ((of_yield, "yield"), (plain, "spread"), (trees, "spread"), (legs, "spread"))
    found = (
        kernels.price_from_yield(_terms(of_yield), of_yield["quoted_yield_pct"].to_numpy())[0],
        _prices_at_spread(plain, calls, zero),
        callable_bonds.price_from_oas(
            _terms(trees),
            _schedules(trees, calls),
            zero,
            trees["curve_index"].to_numpy(),
            trees["quoted_spread_bps"].to_numpy(),
        )[0],
        floating.fixed_to_floating_price(
            _terms(legs),
            _legs(legs),
            zero,
            legs["curve_index"].to_numpy(),
            legs["quoted_spread_bps"].to_numpy(),
        )[0],
    )
    implied = pl.concat(
        one.select("row", implied_price=pl.Series(price, nan_to_null=True), implied_from=pl.lit(of))
        for (one, of), price in zip(asked, found, strict=True)
    )
    lowest = (
        implied.drop_nulls("implied_price")
        .sort("row", "implied_price")
        .unique("row", keep="first", maintain_order=True)
    )
    return rows.join(lowest, on="row", how="left", maintain_order="left").with_columns(
        price=pl.coalesce("price", "implied_price")
    )


def _prices_at_spread(
    rows: pl.DataFrame, calls: pl.DataFrame, zero: curves.ZeroCurves
) -> np.ndarray:
    """Price of each row without a tree at its quoted z-spread: the one that has this spread to the
    redemption of its own lowest yield; the lowest where none does.
    """
    tried = _redemptions(rows, calls)
    index, spread = tried["curve_index"].to_numpy(), tried["quoted_spread_bps"].to_numpy()
    price, _ = kernels.price_from_z_spread(_terms(tried), zero, index, spread)
    tried = (
        tried.with_columns(price=pl.Series(price, nan_to_null=True))
        .rename({"row": "of", "redemption_date": "tried_date"})
        .drop("redemption")
        .with_row_index("row")
    )
    mine = tried.select("row", "of").join(
        calls, left_on="of", right_on="row", maintain_order="left"
    )
    worst = _worst(tried, mine).select(
        "row", is_own=pl.col("redemption_date") == pl.col("tried_date")
    )
    best = (
        tried.join(worst, on="row", how="left", maintain_order="left")
        .sort("of", pl.col("is_own").fill_null(False), "price", descending=[False, True, False])
        .unique("of", keep="first", maintain_order=True)
        .select(row="of", found="price")
    )
    found = rows.select("row").join(best, on="row", how="left", maintain_order="left")["found"]
    return found.cast(pl.Float64).fill_null(float("nan")).to_numpy()


def _redemptions(rows: pl.DataFrame, calls: pl.DataFrame) -> pl.DataFrame:
    """`rows` once for each redemption they may have: the end of the fixed coupon, and the calls
    after settlement.
    """
    to_maturity = rows.with_columns(redemption_date="end_date", redemption=100.0)
    to_calls = rows.join(
        calls.select("row", redemption_date="call_date", redemption="call_price"),
        on="row",
        maintain_order="left",
    )
    to_calls = to_calls.filter(pl.col("redemption_date") > pl.col("settlement_date")).select(
        to_maturity.columns
    )
    return pl.concat([to_maturity, to_calls])


def _worst(rows: pl.DataFrame, calls: pl.DataFrame) -> pl.DataFrame:
    """Each row once, at the redemption of its lowest yield; rows without any yield are left out."""
    candidates = _redemptions(rows, calls)
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


def _spreads(rows: pl.DataFrame, par: curves.ParCurves, zero: curves.ZeroCurves) -> pl.DataFrame:
    """`rows` with accrued interest, time to redemption, and every spread that needs no tree."""
    terms, curve_index, price = (
        _terms(rows),
        rows["curve_index"].to_numpy(),
        rows["price"].to_numpy(),
    )
    years = (terms.redemption_date - terms.settlement) / DAYS_PER_YEAR
    z_spread, _ = kernels.z_spread(terms, zero, curve_index, price)
    frequency = pl.when(pl.col("coupons_per_year") > 0).then("coupons_per_year").otherwise(2)
    semi_annual_pct = 200.0 * (
        (1.0 + pl.col("yield_pct") / 100.0 / frequency).pow(frequency / 2) - 1.0
    )
    found = {
        "accrued_interest": kernels.accrued_interest(terms)[0],
        "z_spread_bps": z_spread,
        "spread_duration_years": spreads.spread_duration(terms, zero, curve_index, z_spread)[0],
        "asset_swap_spread_bps": spreads.par_asset_swap_spread(terms, zero, curve_index, price)[0],
        "cds_equivalent_spread_bps": spreads.par_equivalent_cds_spread(
            terms, zero, curve_index, price
        )[0],
        "treasury_yield_pct": curves.par_yields(par, curve_index, years),
    }
    return rows.with_columns(
        maturity_years=pl.Series(years),
        **{name: pl.Series(values, nan_to_null=True) for name, values in found.items()},
    ).with_columns(g_spread_bps=100.0 * (semi_annual_pct - pl.col("treasury_yield_pct")))


def _option_adjusted(
    rows: pl.DataFrame, calls: pl.DataFrame, zero: curves.ZeroCurves
) -> pl.DataFrame:
    """`row, oas_method, oas_bps, oas_duration_years, option_cost_bps, why` of the rows with a call
    schedule.
    """
    callable_rows, _ = _with_tree(rows, calls)
    terms = _terms(callable_rows)
    found = callable_bonds.option_adjusted_spread(
        terms,
        _schedules(callable_rows, calls),
        zero,
        callable_rows["curve_index"].to_numpy(),
        callable_rows["price"].to_numpy(),
    )
    names = {
        name: pl.Series(getattr(found, name), nan_to_null=True)
        for name in ("oas_bps", "oas_duration_years", "option_cost_bps")
    }
    why = pl.Series("status", found.status).replace_strict(
        _WHY, default=None, return_dtype=pl.String
    )
    return callable_rows.select("row", oas_method=pl.lit("hw"), why=why, **names)


def _with_tree(rows: pl.DataFrame, calls: pl.DataFrame) -> tuple[pl.DataFrame, pl.DataFrame]:
    """The rows whose call schedule needs a tree, redeemed at maturity, and the others."""
    in_tree = calls.filter("has_tree").select("row").unique()
    trees = rows.join(in_tree, on="row", how="semi", maintain_order="left")
    others = rows.join(in_tree, on="row", how="anti", maintain_order="left")
    return trees.with_columns(redemption_date="end_date", redemption=100.0), others


def _schedules(rows: pl.DataFrame, calls: pl.DataFrame) -> callable_bonds.CallSchedules:
    """The call schedules of `rows`, in their order."""
    place = rows.select("row", place=pl.int_range(pl.len()))
    mine = calls.filter("has_tree").join(place, on="row").sort("place", "call_date")
    offsets = np.searchsorted(mine["place"].to_numpy(), np.arange(rows.height + 1))
    return callable_bonds.call_schedules(
        offsets, mine["call_date"].to_numpy(), mine["call_price"].to_numpy()
    )


def _floating_legs(rows: pl.DataFrame, zero: curves.ZeroCurves) -> pl.DataFrame:
    """`row, leg_spread_bps, leg_duration_years` of the fixed-to-floating bonds whose margin is
    known and whose lowest yield is to the end of the fixed coupon.
    """
    goes_on = (
        pl.col("float_start").is_not_null()
        & pl.col("float_margin_pct").is_not_null()
        & (pl.col("redemption_date") == pl.col("end_date"))
    )
    some = rows.filter(goes_on)
    index = some["curve_index"].to_numpy()
    spread, _, flows = floating.fixed_to_floating_spread(
        _terms(some), _legs(some), zero, index, some["price"].to_numpy()
    )
    duration = spreads.duration_of_flows(flows, zero, index, spread)
    return some.select(
        "row",
        leg_spread_bps=pl.Series(spread, nan_to_null=True),
        leg_duration_years=pl.Series(duration, nan_to_null=True),
    )


def _discount_margins(rows: pl.DataFrame, zero: curves.ZeroCurves) -> pl.DataFrame:
    """`row, discount_margin_bps` of what floats at settlement and has a price and a curve."""
    is_floater = pl.col("coupon_type") == "V"
    some = rows.filter(
        (pl.col("reason") == "floating") & (pl.col("curve_index") >= 0)
    ).with_columns(
        float_margin_pct=pl.when(is_floater).then("coupon_pct").otherwise("float_margin_pct"),
        float_payments_per_year=pl.when(is_floater & (pl.col("coupons_per_year") > 0))
        .then("coupons_per_year")
        .otherwise("float_payments_per_year"),
    )
    some = some.drop_nulls("float_margin_pct")
    found, _ = floating.discount_margin(
        _day_numbers(some, "settlement_date"),
        _legs(some),
        zero,
        some["curve_index"].to_numpy(),
        some["price"].to_numpy(),
    )
    return some.select("row", discount_margin_bps=pl.Series(found, nan_to_null=True))


def _legs(rows: pl.DataFrame) -> floating.Leg:
    return floating.Leg(
        _day_numbers(rows, "maturity_date"),
        rows["float_margin_pct"].to_numpy(),
        rows["float_payments_per_year"].fill_null(floating.USUAL_PAYMENTS).to_numpy(),
    )


def _day_numbers(rows: pl.DataFrame, name: str) -> np.ndarray:
    """Dates as days since 1970-01-01, conventions.NO_DATE for none."""
    return rows[name].to_numpy().astype("datetime64[D]").astype(np.int64)


def _terms(rows: pl.DataFrame) -> Bonds:
    """The columns of `rows` that kernels need."""
    step_dates, step_coupons = coupon_steps(rows["coupon_steps"])
    return conventions.terms(
        settlement=_day_numbers(rows, "settlement_date"),
        maturity=_day_numbers(rows, "end_date"),
        coupon_pct=rows["coupon_pct"].fill_null(float("nan")).to_numpy(),
        frequency=rows["coupons_per_year"].fill_null(-1).to_numpy(),
        day_count=rows["day_count_code"].fill_null(-1).to_numpy(),
        redemption_date=_day_numbers(rows, "redemption_date"),
        redemption=rows["redemption"].to_numpy(),
        accrual_start=_day_numbers(rows, "accrual_start"),
        first_coupon=_day_numbers(rows, "first_coupon"),
        last_coupon=_day_numbers(rows, "last_coupon"),
        is_month_end=rows["month_end"].to_numpy(),
        ex_coupon_days=rows["ex_coupon_days"].fill_null(0).to_numpy(),
        step_dates=step_dates,
        step_coupons_pct=step_coupons,
    )
