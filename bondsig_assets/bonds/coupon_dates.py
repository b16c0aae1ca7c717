"""When a bond's coupons fall and from when interest runs, also where a source leaves it out.

Belongs here: the rules by which missing or adjusted coupon dates are filled in, and a word for each
that was used. Not here: terms that contradict each other (`terms_checks.py`), cash flows
(`kernels.py`).

The rules, in this order:

- **Month end.** As delivered; else where maturity and the first (or last) coupon are both the last
  day of their months and a plain run back from maturity would miss that coupon.
- **Last coupon.** As delivered; else, where the first coupon is no date of the run back from
  maturity, the last date before maturity of the run forward from the first coupon (word
  `last_coupon`).
- **First coupon.** As delivered; one that is the business day after a coupon date on a weekend is
  that date. Else the first coupon date after interest begins, or the one after it where that is
  less than SHORTEST_FIRST_DAYS away and coupons are semi-annual or rarer (word `first_coupon`): of
  4,801 bonds of a public list with both dates, 1,990 of the 2,038 with less than 76 days to the
  next coupon date skip it, and about one in a hundred of those with more than 92.
- **Accrual start.** As delivered (the dated date). Else the offering date, or the coupon date
  within SETTLING_DAYS after it, as issues settle some days after they are priced; else a regular
  period before the first coupon (word `accrual_start`).
"""

from __future__ import annotations

import polars as pl

#: An issue that is priced this many days before a regular coupon date settled on it.
SETTLING_DAYS = 14
#: Fewer days make no first period of their own, where coupons are semi-annual or rarer.
SHORTEST_FIRST_DAYS = 84

_c = pl.col


def coupon_dates(bonds: pl.DataFrame) -> pl.DataFrame:
    """Dates and words for each row of table `bonds`, in its order.

    Returns `accrual_start, first_coupon, last_coupon` (dates, null where there is none: bonds
    without coupons; `last_coupon` is null where the last period is regular), `month_end` (boolean)
    and `assumed_dates` (words of this module's text, joined by commas; null for none). Nothing is
    an error: dates that fit no rule come out as they went in, and the kernels refuse them.
    """
    given = bonds.select(
        maturity="maturity_date",
        offered="offering_date",
        step=pl.when(_c("coupons_per_year") > 0).then(12 // _c("coupons_per_year")),
        dated="accrual_start_date",
        first="first_coupon_date",
        last="last_coupon_date",
        given_month_end="is_month_end",
    ).with_columns(
        # A date of no use is none: the first coupon of a zero is its maturity.
        first=pl.when(_c("first") <= _c("maturity")).then("first"),
        last=pl.when(_c("last") < _c("maturity")).then("last"),
    )
    found = given.with_columns(month_end=_month_end()).with_columns(
        first=_unadjusted("first", "maturity"), last=_unadjusted("last", "maturity")
    )
    found = found.with_columns(
        last_coupon=pl.when(_c("last").is_not_null() & ~_is_regular_last()).then("last"),
    ).with_columns(
        guessed_last=pl.when(
            _c("last").is_null() & _c("first").is_not_null() & ~_on_grid("first", "maturity")
        ).then(_last_from_first())
    )
    found = found.with_columns(
        last_coupon=pl.coalesce("last_coupon", "guessed_last"),
        anchor=pl.coalesce("last_coupon", "guessed_last", "maturity"),
    )
    months = (_months_before("offered", "anchor") // _c("step")) * _c("step")
    found = found.with_columns(
        regular=_grid_date(months, "anchor"),
        regular_before=_grid_date(months + _c("step"), "anchor"),
    ).with_columns(settled=_settled())
    # The dated date, else the offering date moved to the coupon date on which the issue settled.
    regular = pl.when(_c("settled") < pl.coalesce("first", "maturity")).then("settled")
    # An offering date after the first coupon is that of a later tranche.
    offered = pl.when((_c("offered") < _c("first")).fill_null(True)).then("offered")
    found = found.with_columns(accrual_start=pl.coalesce("dated", regular, offered))
    found = _with_next_dates(found).with_columns(
        first_coupon=pl.coalesce("first", pl.when(_skips_next()).then("next_but_one"))
    )
    words = pl.concat_str(
        pl.when(_c("dated").is_null()).then(pl.lit("accrual_start")),
        pl.when(_c("first").is_null()).then(pl.lit("first_coupon")),
        pl.when(_c("guessed_last").is_not_null()).then(pl.lit("last_coupon")),
        separator=",",
        ignore_nulls=True,
    )
    pays = _c("step").is_not_null()
    return found.select(
        accrual_start=pl.when(pays).then("accrual_start"),
        first_coupon=pl.when(pays).then("first_coupon"),
        last_coupon=pl.when(pays).then("last_coupon"),
        month_end=(pays & _c("month_end")).fill_null(False),
        assumed_dates=pl.when(pays & (words != "")).then(words),
    )


def _is_month_end(name: str) -> pl.Expr:
    return _c(name) == _c(name).dt.month_end()


def _months_before(name: str, anchor: str) -> pl.Expr:
    """Months from the date `name` to `anchor`, by their months alone."""
    return 12 * (_c(anchor).dt.year() - _c(name).dt.year()).cast(pl.Int64) + (
        _c(anchor).dt.month().cast(pl.Int64) - _c(name).dt.month().cast(pl.Int64)
    )


def _grid_date(months: pl.Expr, anchor: str) -> pl.Expr:
    """The date `months` before `anchor`: on its day, or on the last of the month."""
    plain = _c(anchor).dt.offset_by(pl.format("{}mo", -months))
    return pl.when(_c("month_end")).then(plain.dt.month_end()).otherwise(plain)


def _on_grid(name: str, anchor: str) -> pl.Expr:
    """Whether the date `name` is a coupon date of the run back from `anchor`."""
    months = _months_before(name, anchor)
    return (months % _c("step") == 0) & (_grid_date(months, anchor) == _c(name))


def _month_end() -> pl.Expr:
    """Whether coupons fall on the last day of their months."""
    coupon = pl.coalesce("first", "last")
    months = 12 * (_c("maturity").dt.year() - coupon.dt.year()).cast(pl.Int64) + (
        _c("maturity").dt.month().cast(pl.Int64) - coupon.dt.month().cast(pl.Int64)
    )
    plain = _c("maturity").dt.offset_by(pl.format("{}mo", -months))
    both = _is_month_end("maturity") & (coupon == coupon.dt.month_end())
    misses = (months > 0) & (months % _c("step") == 0) & (plain != coupon)
    return _c("given_month_end").fill_null((both & misses).fill_null(False))


def _unadjusted(name: str, anchor: str) -> pl.Expr:
    """The coupon date on a weekend for which the Monday after it was delivered; else the date."""
    months = _months_before(name, anchor)
    nominal = _grid_date(months, anchor)
    moved = (_c(name) - nominal).dt.total_days()
    is_monday_after = (
        (months % _c("step") == 0)
        & (_c(name).dt.weekday() == 1)
        & (nominal.dt.weekday() > 5)
        & moved.is_between(1, 2)
    )
    return pl.when(is_monday_after).then(nominal).otherwise(_c(name))


def _is_regular_last() -> pl.Expr:
    """Whether the last coupon delivered is the regular one, a period before maturity."""
    return (
        _on_grid("last", "maturity") & (_months_before("last", "maturity") == _c("step"))
    ).fill_null(False)


def _last_from_first() -> pl.Expr:
    """The last date before maturity of the run forward from the first coupon; null where that is
    not after it.
    """
    periods = (_months_before("first", "maturity") / _c("step")).floor().cast(pl.Int64)
    forward = _c("first").dt.offset_by(pl.format("{}mo", periods * _c("step")))
    shorter = _c("first").dt.offset_by(pl.format("{}mo", (periods - 1) * _c("step")))
    return pl.when(forward < _c("maturity")).then(forward).otherwise(shorter)


def _settled() -> pl.Expr:
    """The coupon date on which an issue settled that was priced some days before; null for none."""
    in_time = [
        (_c(day) >= _c("offered")) & (_c(day) <= _c("offered").dt.offset_by(f"{SETTLING_DAYS}d"))
        for day in ("regular", "regular_before")
    ]
    return pl.coalesce(
        pl.when(in_time[0]).then("regular"), pl.when(in_time[1]).then("regular_before")
    )


def _with_next_dates(found: pl.DataFrame) -> pl.DataFrame:
    """`found` with the first two coupon dates after interest begins: `next`, `next_but_one`."""
    step = _c("step")
    months = (_months_before("accrual_start", "anchor") // step) * step
    nearest = _grid_date(months, "anchor")
    months = pl.when(nearest > _c("accrual_start")).then(months).otherwise(months - step)
    return found.with_columns(to_next=months).with_columns(
        next=_grid_date(_c("to_next"), "anchor"),
        next_but_one=_grid_date(_c("to_next") - _c("step"), "anchor"),
    )


def _skips_next() -> pl.Expr:
    """Whether the next coupon date is too near to be the first."""
    days = (_c("next") - _c("accrual_start")).dt.total_days()
    return (
        (_c("step") >= 6) & (days < SHORTEST_FIRST_DAYS) & (_c("next_but_one") <= _c("anchor"))
    ).fill_null(False)
