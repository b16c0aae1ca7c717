"""What makes a bond's terms unfit to be valued: the first reason of each row of table `bonds`.

Belongs here: terms that contradict each other or that no convention covers, call schedules
included. Not here: fields that cannot be read, CUSIPs and duplicates (`sources/files/checks.py`),
and bonds that are sound but have no spread, such as convertibles (`analytics.py`).
"""

from __future__ import annotations

import polars as pl

from bondsig_assets.bonds.conventions import DAY_COUNTS
from bondsig_assets.bonds.coupon_steps import unreadable_steps

FREQUENCIES = (0, 1, 2, 4, 12)
#: Longer lives are taken for typing errors; the kernels stop there too.
LONGEST_YEARS = 120

_c = pl.col
_PAYS_FIXED = _c("coupon_type").is_in(["F", "X"])
_HAS_CALLS = _c("is_callable").fill_null(False)

#: (reason, what is wrong); the first that holds is a row's reason. Null holds nothing but where it
#: is said.
_REASONS: tuple[tuple[str, pl.Expr], ...] = (
    ("no maturity", _c("maturity_date").is_null()),
    ("matures before it is issued", _c("maturity_date") <= _c("offering_date")),
    (
        "life above 120 years",
        _c("maturity_date") > _c("offering_date").dt.offset_by(f"{LONGEST_YEARS}y"),
    ),
    ("unknown coupons per year", ~_c("coupons_per_year").is_in(FREQUENCIES).fill_null(False)),
    # The coupon of a floater is its margin, which may be zero or negative.
    (
        "no coupon",
        _c("coupon_pct").is_null() | _c("coupon_pct").is_nan() | _c("coupon_pct").is_infinite(),
    ),
    ("negative coupon", (_c("coupon_pct") < 0) & (_c("coupon_type") != "V")),
    (
        "payments without coupon",
        (_c("coupon_pct") == 0) & (_c("coupons_per_year") > 0) & (_c("coupon_type") != "V"),
    ),
    (
        "coupon without payments",
        (_c("coupon_pct") > 0) & (_c("coupons_per_year") == 0) & _PAYS_FIXED,
    ),
    ("unknown day count", ~_c("day_count").is_in(list(DAY_COUNTS)).fill_null(False)),
    ("negative amount", _c("offering_amount_usd") < 0),
    ("zero amount", _c("offering_amount_usd") == 0),
    (
        "call price not positive",
        _HAS_CALLS & ((_c("first_call_price") <= 0) | ~_c("first_call_price").is_finite()),
    ),
    ("call before it is issued", _HAS_CALLS & (_c("first_call_date") < _c("offering_date"))),
    ("call after maturity", _HAS_CALLS & (_c("first_call_date") > _c("maturity_date"))),
)
_DATES: tuple[tuple[str, pl.Expr], ...] = (
    ("interest starts after the first coupon", _c("accrual_start_date") >= _c("first_coupon_date")),
    ("interest starts after maturity", _c("accrual_start_date") >= _c("maturity_date")),
    ("coupon floats before it is issued", _c("float_start_date") < _c("offering_date")),
    ("negative ex-coupon days", _c("ex_coupon_days") < 0),
    ("unreadable coupon steps", unreadable_steps(_c("coupon_steps"))),
)
REASONS: tuple[str, ...] = (
    *(reason for reason, _ in (*_REASONS, *_DATES)),
    "call schedule out of order",
)


def bad_terms(bonds: pl.DataFrame, calls: pl.DataFrame | None = None) -> pl.Series:
    """Why each row of `bonds` is unfit to be valued, in its order; null where its terms are sound.

    `bonds` has the columns of table `bonds` (others are ignored). `calls` may hold call schedules,
    one row a date in the order delivered: cusip, call_date, call_price (% of par); they are asked
    after the terms, and a schedule is out of order unless its dates ascend. The result depends on
    nothing but the row and its schedule.
    """
    reason = pl.coalesce(
        *(pl.when(wrong).then(pl.lit(text)) for text, wrong in (*_REASONS, *_DATES))
    ).alias("reason")
    found = bonds.select("cusip", "maturity_date", reason)
    if calls is not None:
        found = found.join(_bad_calls(calls, bonds), on="cusip", how="left", maintain_order="left")
        found = found.with_columns(reason=pl.coalesce("reason", "call_reason"))
    return found["reason"]


def _bad_calls(calls: pl.DataFrame, bonds: pl.DataFrame) -> pl.DataFrame:
    """What is wrong with each schedule, by cusip: (cusip, call_reason)."""
    price, day = _c("call_price"), _c("call_date")
    ascends = (day > day.shift(1)).fill_null(day.is_not_null()).all()
    late = (day > _c("maturity_date")).any()
    return (
        calls.join(
            bonds.select("cusip", "maturity_date").unique("cusip"),
            on="cusip",
            how="left",
            maintain_order="left",
        )
        .group_by("cusip", maintain_order=True)
        .agg(
            call_reason=pl.when(~((price > 0) & price.is_finite()).fill_null(False).all())
            .then(pl.lit("call price not positive"))
            .when(late)
            .then(pl.lit("call after maturity"))
            .when(~ascends)
            .then(pl.lit("call schedule out of order"))
        )
    )
