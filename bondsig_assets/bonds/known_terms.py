"""What was known of each bond-day revision at its cutoff: terms, amount, curve, calls, and why it
has no spread where it has none.

Belongs here: which of the terms, amounts, curves and call schedules a row may see. Not here: what
they make of its price (`analytics.py`).
"""

from __future__ import annotations

from datetime import time
from typing import NamedTuple

import polars as pl

from bondsig_assets.bonds.conventions import DAY_COUNTS, settlement_dates
from bondsig_assets.bonds.coupon_dates import coupon_dates
from bondsig_assets.bonds.terms_checks import bad_terms
from bondsig_assets.securities.amounts import amount_steps, call_schedules

#: A bond that is callable at par in its last months alone has no tree: its OAS is the z-spread to
#: the date of its lowest yield, which that call can be.
SHORT_PAR_CALL_DAYS = 190
#: Bonds trade when-issued for no longer than this before their issue.
WHEN_ISSUED_DAYS = 30
#: What a quote may give in place of a price.
QUOTED = ("quoted_yield_pct", "quoted_spread_bps")

_TERMS = (
    "cusip",
    "coupon_type",
    "coupon_pct",
    "coupons_per_year",
    "offering_date",
    "maturity_date",
    "offering_amount_usd",
    "is_callable",
    "first_call_date",
    "first_call_price",
    "is_convertible",
    "coupon_steps",
    "ex_coupon_days",
    "float_margin_pct",
    "float_payments_per_year",
)


class Reference(NamedTuple):
    """What is known of bonds beside their prices: rows of the tables of the same names.

    `bonds`: terms, a row a bond. `treasury_yields`: par yields in percent, a row a day and tenor.
    `call_schedules`: call prices in % of par; without them callable bonds have the yearly steps of
    their terms. `amounts_outstanding`: US dollars; without them the offering amounts.

    Examples:
        >>> from bondsig_assets import Reference
        >>> from bondsig_assets.tables import TABLES
        >>> nothing = Reference(TABLES["bonds"].empty(), TABLES["treasury_yields"].empty())
        >>> nothing.call_schedules is None
        True
    """

    bonds: pl.DataFrame
    treasury_yields: pl.DataFrame
    call_schedules: pl.DataFrame | None = None
    amounts_outstanding: pl.DataFrame | None = None


def unused_rows(reference: Reference) -> str:
    """Rows of call schedules and amounts that contradict the terms and are left out, by reason, in
    a line.
    """
    faults = [amount_steps(reference.bonds, reference.amounts_outstanding).faults.select("reason")]
    if reference.call_schedules is not None:
        faults.append(
            call_schedules(reference.call_schedules, reference.bonds).faults.select("reason")
        )
    counted = (
        pl.concat(faults)["reason"]
        .value_counts(sort=True)
        .sort("count", "reason", descending=[True, False])
    )
    return ", ".join(f"{count} {reason}" for reason, count in counted.iter_rows()) or "none"


def known_rows(
    revisions: pl.DataFrame, reference: Reference, versions: pl.DataFrame, at: time
) -> pl.DataFrame:
    """Each revision with its terms, amount and curve as known, settlement, and the reason if it has
    none.
    """
    terms = _terms_of(reference)
    settled = settlement_dates(revisions["trade_date"])
    may_lack = {
        "settlement_date": pl.Date(),
        "reported_settlement_date": pl.Date(),
        **dict.fromkeys(QUOTED, pl.Float64()),
    }
    lacking = [
        pl.lit(None, dtype).alias(name)
        for name, dtype in may_lack.items()
        if name not in revisions.columns
    ]
    rows = (
        revisions.with_columns(lacking)
        .select("cusip", "trade_date", "known_date", "n_trades", "price", "known_at", *may_lack)
        .with_row_index("row")
        .with_columns(
            settlement_date=pl.coalesce("settlement_date", "reported_settlement_date", settled),
            delivered_date=pl.coalesce("settlement_date", "reported_settlement_date"),
            cutoff=pl.col("known_date").dt.combine(at),
            priced_at=pl.min_horizontal("known_date", "trade_date").dt.combine(at),
        )
        .join(terms, on="cusip", how="left", maintain_order="left")
        # A price of long ago is set against the curve of its own day: rates have moved since, the
        # bond did not trade again.
        .sort("priced_at", "row")
        .join_asof(
            versions.rename({"known_at": "curve_known_at"}),
            left_on="priced_at",
            right_on="curve_known_at",
        )
        .sort("cutoff", "row")
        .with_columns(pl.col("curve_index").fill_null(-1))
    )
    rows = rows.join(_amounts(rows, reference), on="row", how="left", maintain_order="left")
    # Who buys before a bond is issued, or before interest runs, settles on that day; an offering
    # date long after the trade is that of a later tranche.
    soon = pl.col("settlement_date").dt.offset_by(f"{WHEN_ISSUED_DAYS}d")
    issued = pl.when(pl.col("offering_date") <= soon).then("offering_date")
    rows = rows.with_columns(
        settlement_date=pl.max_horizontal("settlement_date", "accrual_start", issued)
    ).with_columns(
        is_settlement_delivered=(pl.col("delivered_date") == pl.col("settlement_date")).fill_null(
            False
        )
    )
    floats = (pl.col("coupon_type") == "V") | (pl.col("float_start") <= pl.col("settlement_date"))
    unknown = (
        pl.col("terms_known_at").is_null()
        | pl.col("maturity_date").is_null()
        | (pl.col("terms_known_at") > pl.col("cutoff"))
    )
    priced = (pl.col("price") > 0.0) & pl.col("price").is_finite()
    # Of what floats nobody quotes a yield that a price follows from.
    quoted = pl.any_horizontal(pl.col(name).is_finite() for name in QUOTED)
    priced = priced.fill_null(pl.col("price").is_null() & quoted & ~floats.fill_null(False))
    reasons = (
        (unknown, pl.lit("no_terms")),
        (pl.col("is_convertible"), pl.lit("convertible")),
        (pl.col("fault").is_not_null(), pl.format("bad_terms: {}", "fault")),
        (
            (pl.col("coupon_type") == "X") & pl.col("float_start").is_null(),
            pl.lit("no_float_start"),
        ),
        (~priced.fill_null(False), pl.lit("no_price")),
        (pl.col("settlement_date") >= pl.col("maturity_date"), pl.lit("matured")),
        (floats, pl.lit("floating")),
        (pl.col("curve_index") < 0, pl.lit("no_curve")),
    )
    return rows.with_columns(
        reason=pl.coalesce(*(pl.when(holds).then(text) for holds, text in reasons))
    )


def _terms_of(reference: Reference) -> pl.DataFrame:
    """Terms of each bond with its coupon dates, the end of its fixed coupon and what was assumed.

    `float_start` is null but for fixed-to-floating bonds; `end_date` is it, or maturity.
    """
    bonds = reference.bonds
    bears_both = pl.col("coupon_type").is_in(["F", "X"])
    to_call = pl.when(pl.col("coupon_type") == "X").then("first_call_date")
    float_start = pl.when(bears_both).then(pl.coalesce("float_start_date", to_call))
    bonds = bonds.with_columns(
        fault=bad_terms(bonds),
        float_start=pl.when(float_start < pl.col("maturity_date")).then(float_start),
    ).with_columns(end_date=pl.coalesce("float_start", "maturity_date"))
    dates = coupon_dates(bonds.with_columns(maturity_date="end_date"))
    has_float = pl.col("float_start").is_not_null()
    words = pl.concat_str(
        dates["assumed_dates"],
        pl.when(has_float & pl.col("float_start_date").is_null()).then(pl.lit("float_start")),
        pl.when(has_float & pl.col("float_margin_pct").is_null()).then(pl.lit("float_margin")),
        separator=",",
        ignore_nulls=True,
    )
    return bonds.select(
        *_TERMS,
        "fault",
        "float_start",
        "end_date",
        *dates.drop("assumed_dates").get_columns(),
        assumed=words,
        terms_known_at="known_at",
        day_count_code=pl.col("day_count").replace_strict(
            DAY_COUNTS, default=-1, return_dtype=pl.Int64
        ),
    )


def _amounts(rows: pl.DataFrame, reference: Reference) -> pl.DataFrame:
    """`row, amount_outstanding_usd` on the trade date as known at the cutoff; rows without one are
    left out.
    """
    steps = amount_steps(reference.bonds, reference.amounts_outstanding).rows
    found = rows.select("row", "cusip", "trade_date", "cutoff").join(
        steps, on="cusip", maintain_order="left"
    )
    valid = (pl.col("valid_from_date") <= pl.col("trade_date")) & (
        pl.col("valid_to_date").is_null() | (pl.col("valid_to_date") >= pl.col("trade_date"))
    )
    known = (pl.col("known_at") <= pl.col("cutoff")) & (
        pl.col("known_until").is_null() | (pl.col("known_until") > pl.col("cutoff"))
    )
    return found.filter(valid & known).select("row", amount_outstanding_usd="amount_usd")


def _yearly_calls(bonds: pl.DataFrame) -> pl.DataFrame:
    """`cusip, call_date, call_price, known_at, known_until` from the terms alone: yearly steps from
    the first call, falling in a line to 100.
    """
    life_days = (pl.col("maturity_date") - pl.col("first_call_date")).dt.total_days()
    past_days = (pl.col("call_date") - pl.col("first_call_date")).dt.total_days()
    price = pl.col("first_call_price").fill_null(100.0)
    yearly = (
        bonds.filter(
            pl.col("is_callable").fill_null(False)
            & (pl.col("first_call_date") < pl.col("maturity_date"))
        )
        .with_columns(anniversary=pl.int_ranges(0, life_days // 365 + 1))
        .explode("anniversary")
        .with_columns(
            call_date=pl.col("first_call_date").dt.offset_by(pl.format("{}y", "anniversary")),
            known_until=pl.lit(None, pl.Datetime("us")),
        )
    )
    return yearly.filter(pl.col("call_date") < pl.col("maturity_date")).select(
        "cusip",
        "call_date",
        call_price=price + (100.0 - price) * (past_days / life_days),
        known_at="known_at",
        known_until="known_until",
    )


def known_calls(rows: pl.DataFrame, reference: Reference) -> pl.DataFrame:
    """`row, call_date, call_price, is_of_terms, has_tree` of each row's schedule as known at its
    cutoff, before the end of the fixed coupon, by row and date.

    Until a schedule of its own is known, the bond has the yearly steps of its terms.
    """
    calls = _as_known(rows, _yearly_calls(reference.bonds)).with_columns(is_of_terms=True)
    if reference.call_schedules is not None:
        explicit = _as_known(
            rows, call_schedules(reference.call_schedules, reference.bonds).rows
        ).with_columns(is_of_terms=False)
        calls = pl.concat([explicit, calls.join(explicit, on="row", how="anti")])
    last_months = pl.col("call_date").min().over("row") >= pl.col("maturity_date").dt.offset_by(
        f"-{SHORT_PAR_CALL_DAYS}d"
    )
    at_par = pl.col("call_price").max().over("row") <= 100.0
    return calls.select(
        "row",
        "call_date",
        "call_price",
        "is_of_terms",
        has_tree=~(last_months & at_par) & (pl.col("end_date") == pl.col("maturity_date")),
    ).sort("row", "call_date")


def assumptions(rows: pl.DataFrame, calls: pl.DataFrame) -> pl.Series:
    """The words of `terms_assumed`, with those on calls as known at each row's cutoff."""
    by_row = calls.group_by("row").agg(on_terms=pl.col("is_of_terms").any())
    found = rows.select("row", "assumed", "is_callable", "float_start").join(
        by_row, on="row", how="left", maintain_order="left"
    )
    is_silent = (
        pl.col("is_callable") & pl.col("on_terms").is_null() & pl.col("float_start").is_null()
    )
    words = pl.concat_str(
        pl.when(pl.col("assumed") != "").then("assumed"),
        pl.when(pl.col("on_terms")).then(pl.lit("call_schedule")),
        pl.when(is_silent).then(pl.lit("no_call_schedule")),
        separator=",",
        ignore_nulls=True,
    )
    return found.select(terms_assumed=pl.when(words != "").then(words)).to_series()


def _as_known(rows: pl.DataFrame, schedules: pl.DataFrame) -> pl.DataFrame:
    """`row, maturity_date, end_date, call_date, call_price` known at each row's cutoff, before the
    end of the fixed coupon.
    """
    found = rows.select("row", "cusip", "cutoff", "maturity_date", "end_date").join(
        schedules, on="cusip", maintain_order="left"
    )
    known = (pl.col("known_at") <= pl.col("cutoff")) & (
        pl.col("known_until").is_null() | (pl.col("known_until") > pl.col("cutoff"))
    )
    return found.filter(known & (pl.col("call_date") < pl.col("end_date"))).select(
        "row", "maturity_date", "end_date", "call_date", "call_price"
    )
