"""Which standing trades belong to the sample: flag screens and terms of the bond.

Belongs here: how each screen of `options.py` is applied. Not here: the message lifecycle
(`lifecycle.py`), price errors (`prices.py`). A screen looks at one report and its bond alone.
"""

from __future__ import annotations

import numpy as np
import polars as pl

from bondsig_assets.calendar import day_number, early_closes, open_days
from bondsig_assets.market_rules import SETTLEMENT_CYCLES
from bondsig_assets.trace.options import Screens
from bondsig_assets.trace.reports import REGIME_CUT

#: Terms of the bond that screens read; any may be missing.
BOND_TERMS: dict[str, pl.DataType] = {
    "maturity_date": pl.Date(),
    "offering_date": pl.Date(),
    "offering_amount_usd": pl.Float64(),
    "is_convertible": pl.Boolean(),
}

#: Second modifier of a portfolio trade since 2023-05-15 (FINRA Regulatory Notice 22-12).
PORTFOLIO = "P"

#: Whether a screen is on (what is false, empty or 0 is off), its reason, and what it drops.
_Screen = tuple[object, str, pl.Expr]


def screen_codes(screens: Screens) -> list[str]:
    """Names of the screens switched on, in the order they are applied; `screen_code` counts from
    1.
    """
    return [name for name, _ in _conditions(screens)]


def screen_code(screens: Screens) -> pl.Expr:
    """Which screen drops a report: its position in `screen_codes` plus one, 0 for none (UInt8).

    Needs the columns of a report and those of BOND_TERMS.
    """
    conditions = _conditions(screens)
    if not conditions:
        return pl.lit(0, dtype=pl.UInt8)
    codes = (
        pl.when(condition).then(pl.lit(k + 1, dtype=pl.UInt8))
        for k, (_, condition) in enumerate(conditions)
    )
    return pl.coalesce(*codes).fill_null(0)


def _conditions(screens: Screens) -> list[tuple[str, pl.Expr]]:
    """Name and condition (null counts as false) of the screens switched on."""
    every = _of_terms(screens) + _of_flags(screens) + _of_values(screens)
    return [(name, condition) for is_on, name, condition in every if is_on]


def _of_terms(screens: Screens) -> list[_Screen]:
    """Screens on the bond, the time and the parties."""
    return [
        (screens.unknown_bond, "unknown_bond", pl.col("maturity_date").is_null()),
        (screens.convertible, "convertible", pl.col("is_convertible")),
        (screens.time_order, "impossible_time", pl.col("executed_at") > pl.col("reported_at")),
        (screens.calendar != "none", "off_calendar", _is_closed(screens)),
        (
            screens.early_close and screens.calendar != "none",
            "after_early_close",
            _is_after_early_close(screens),
        ),
        (screens.issue_dates, "before_issue", pl.col("execution_date") < pl.col("offering_date")),
        (
            screens.issue_dates,
            "after_maturity",
            pl.col("execution_date") >= pl.col("maturity_date"),
        ),
        (screens.affiliate, "affiliate", pl.col("contra") == "A"),
        (screens.self_trade, "self_trade", pl.col("reporting_party") == pl.col("contra_party")),
    ]


def _of_flags(screens: Screens) -> list[_Screen]:
    """Screens on the flags of a report, which may be of the old regime alone."""
    old = pl.col("report_date") < REGIME_CUT
    flags: list[_Screen] = [
        (screens.when_issued, "when_issued", pl.col("is_when_issued")),
        (screens.special_price, "special_price", pl.col("is_special_price")),
        (
            screens.primary_market,
            "primary_market",
            pl.col("trading_market").is_in(screens.primary_market),
        ),
        (screens.locked_in, "locked_in", pl.col("is_locked_in")),
        (screens.give_up, "give_up", pl.col("give_up_code").is_in(screens.give_up)),
        (
            screens.weighted_average_price,
            "weighted_average_price",
            (pl.col("trade_modifier_4") == "W") | (pl.col("sale_condition") == "W"),
        ),
        (screens.portfolio_trade, "portfolio_trade", is_portfolio_trade()),
        (screens.ats, "ats", pl.col("is_ats")),
        (
            screens.trade_modifiers,
            "trade_modifier",
            pl.col("trade_modifier_3").is_in(screens.trade_modifiers).fill_null(False)
            | pl.col("trade_modifier_4").is_in(screens.trade_modifiers).fill_null(False),
        ),
        (
            screens.sale_conditions,
            "sale_condition",
            pl.col("sale_condition").is_in(screens.sale_conditions),
        ),
        (
            screens.settlement_days is not None,
            "non_standard_settlement",
            _settles_late(screens.settlement_days),
        ),
        (
            screens.commission,
            "commission",
            (old & (pl.col("commission_code") == "Y"))
            | (~old & (pl.col("commission_code") == "C")),
        ),
        (screens.agency_customer, "agency_customer", _is_agency_without_commission()),
        (screens.security_type, "security_type", ~pl.col("security_type").is_in(["C", "CORP"])),
        (screens.as_of, "as_of", pl.col("asof_code").is_not_null()),
    ]
    if screens.only_before_2012:
        return [(is_on, name, condition & old) for is_on, name, condition in flags]
    return flags


def is_portfolio_trade() -> pl.Expr:
    """Whether a report says that it is part of a portfolio trade."""
    return pl.col("trade_modifier_4") == PORTFOLIO


def _of_values(screens: Screens) -> list[_Screen]:
    """Screens on price and par."""
    par, price = pl.col("par_usd"), pl.col("price")
    return [
        (
            screens.minimum_price > float("-inf"),
            "price_out_of_range",
            price <= screens.minimum_price,
        ),
        (screens.maximum_price < float("inf"), "price_out_of_range", price > screens.maximum_price),
        (screens.price_is_yield, "price_is_yield", price == pl.col("yield_pct")),
        (screens.half_of_issue, "half_of_issue", par >= 0.5 * pl.col("offering_amount_usd")),
        (screens.minimum_par_usd > 0, "small_par", par < screens.minimum_par_usd),
        (
            screens.minimum_value_usd > 0,
            "small_value",
            par * price / 100 < screens.minimum_value_usd,
        ),
    ]


def _settles_late(days: int | None) -> pl.Expr:
    """Settles in more than `days`; 0: more than one trading day beyond the regular cycle of the
    date.

    That one day is slack for holidays on which one of the markets is open.
    """
    if days is None:
        return pl.lit(False)
    if days > 0:
        calendar_days = (pl.col("settlement_date") - pl.col("execution_date")).dt.total_days()
        return pl.coalesce(pl.col("days_to_settle"), calendar_days) > days
    cycle = pl.lit(SETTLEMENT_CYCLES[0][1])
    for start, cycle_days in SETTLEMENT_CYCLES[1:]:
        cycle = pl.when(pl.col("execution_date") >= start).then(cycle_days).otherwise(cycle)
    number = [
        pl.col(name).map_batches(day_number, return_dtype=pl.Int64)
        for name in ("settlement_date", "execution_date")
    ]
    trading = pl.when(pl.col("settlement_date").is_not_null()).then(number[0] - number[1])
    return (pl.col("days_to_settle") > cycle).fill_null(False) | (trading > cycle + 1).fill_null(
        False
    )


def _is_agency_without_commission() -> pl.Expr:
    capacity = pl.when(pl.col("side") == "B").then("buyer_capacity").otherwise("seller_capacity")
    return (
        (capacity == "A")
        & (pl.col("contra") == "C")
        & (pl.col("commission_code").fill_null("N") == "N")
    )


def _is_closed(screens: Screens) -> pl.Expr:
    if screens.calendar == "none":
        return pl.lit(False)
    days = open_days(screens.calendar)
    return pl.col("execution_date").map_batches(
        lambda column: _not_among(column, days), return_dtype=pl.Boolean
    )


def _not_among(column: pl.Series, days: np.ndarray) -> pl.Series:
    """Whether each date is none of `days` (ascending)."""
    wanted = column.to_numpy().astype("datetime64[D]")
    found = days[np.minimum(np.searchsorted(days, wanted), days.size - 1)]
    return pl.Series(column.name, found != wanted)


def _is_after_early_close(screens: Screens) -> pl.Expr:
    if screens.calendar == "none":
        return pl.lit(False)
    closes = early_closes(screens.calendar)
    when = pl.col("execution_date").replace_strict(
        list(closes), list(closes.values()), default=None, return_dtype=pl.Time
    )
    return pl.col("executed_at").dt.time() > when
