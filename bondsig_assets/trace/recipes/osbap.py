"""The Open Source Bond Asset Pricing pipeline's stage 0 (after WRDS), rebuilt from its published
rules, its faults included.

Belongs here: the order of its steps, its matching and its filters with their defaults. Not here:
what it shares with other recipes (`common.py`) and its price errors (`osbap_prices.py`). Source:
the pipeline's published rules (Open Source Bond Asset Pricing); its filters by number are in
docs/trace_screens.md, where it differs from ours in docs/trace_cleaning.md, Edge cases.
"""

from __future__ import annotations

import polars as pl

from bondsig_assets.calendar import open_days
from bondsig_assets.trace.recipes.common import (
    TIMELESS_TERMS,
    Tally,
    begin,
    drop_matched_buys,
    end_new_trades,
    named_by,
    reverse_by_sequence,
    strike_messages,
)
from bondsig_assets.trace.recipes.osbap_prices import (
    bounce_backs,
    initial_errors,
    price_errors_in_hindsight,
    shifted_prices,
    sorted_trades,
)
from bondsig_assets.trace.reports import REGIME_CUT

HIGHEST_PRICE = 1000.0
LEAST_DOLLAR_VOLUME = 10_000.0
#: A trade of this share of the issue or more is dropped.
SHARE_OF_ISSUE = 0.5

__all__ = ["osbap", "price_errors_in_hindsight"]


def osbap(reports: pl.DataFrame, bonds: pl.DataFrame | None = None) -> pl.DataFrame:
    """`row`, `reason` (null: kept), `price` (decimal shifts put right) of every report by OSBAP's
    recipe.

    `reports`: canonical reports, taken as one chunk (the pipeline works on 250 CUSIPs at a time);
    `bonds`: `cusip`, `maturity_date`, `offering_amount_usd`; without it, or without a column, the
    filters that need it are left out. Prices in % of par, whole history used: nothing here is as
    known at the time. Faults come out as published; the tests of this module list them.
    """
    tally = begin(reports)
    _screen_old(tally)
    _end_new_trades(tally)
    _cancel_old(tally)
    _correct_old(tally)
    strike_messages(tally)
    symbol = ["bond_symbol"]
    reverse_by_sequence(tally, [*TIMELESS_TERMS, *symbol], TIMELESS_TERMS)
    drop_matched_buys(tally)
    _filter(tally, bonds)
    return tally.result(reports)


def _screen_old(tally: Tally) -> None:
    """The screens of van Binsbergen, Nozawa and Schwert: before the cut only, before any matching,
    on messages as on trades.
    """
    old = pl.col("report_date") < REGIME_CUT
    tally.strike(old & (pl.col("days_to_settle") > 2), "days_to_settle")
    tally.strike(old & pl.col("is_when_issued"), "when_issued")
    tally.strike(old & pl.col("is_locked_in"), "locked_in")
    tally.strike(old & (pl.col("sale_condition") != "@"), "sale_condition")


def _end_new_trades(tally: Tally) -> None:
    """The messages of today, matched on one text glued of all terms.

    Fault: a null side or contra makes the whole text null and null is in a list that holds a null,
    so one such X or C takes every trade that lacks either, and one such Y every one that is left.
    """
    new = tally.standing.filter(~pl.col("is_old"))
    no_text = pl.col("side").is_null() | pl.col("contra").is_null()
    end_new_trades(tally)
    is_trade = ~pl.col("is_old") & pl.col("status").is_in(["T", "R"])
    for statuses, reason in (
        (["X", "C"], "cancelled_by_null_key"),
        (["Y"], "reversed_by_null_key"),
    ):
        if new.filter(pl.col("status").is_in(statuses) & no_text).height:
            tally.strike(is_trade & no_text, reason)


def _cancel_old(tally: Tally) -> None:
    """C of before 2012 against T only, within the report date; fault: a W that was cancelled
    survives.
    """
    old = tally.standing.filter("is_old")
    key = ["cusip", "execution_date", "executed_at", "price", "par_usd", "report_date"]
    trades, messages = (old.filter(pl.col("status") == status) for status in ("T", "C"))
    tally.strike_rows(named_by(trades, messages, key, "original_message_number"), "cancelled")


def _correct_old(tally: Tally) -> None:
    """W of before 2012 in one pass, chains linked within bond, date and time of execution
    (`_links`).

    Faults: a chain that changes the time of execution keeps its middle version, two longer chains
    of one time of execution keep the original and lose both corrections, and without times of
    execution no correction is applied at all.
    """
    old = tally.standing.filter("is_old")
    trades, corrections = (old.filter(pl.col("status") == status) for status in ("T", "W"))
    if corrections.is_empty():
        return
    links, inner = _links(corrections)
    key = ["cusip", "execution_date"]
    found = links.join(
        trades.select(*key, original_message_number="message_number").unique(),
        on=[*key, "original_message_number"],
        how="semi",
    )
    replaced = found.select(*key, message_number="original_message_number")
    tally.strike_rows(
        trades.join(replaced, on=[*key, "message_number"], how="semi")["row"], "corrected"
    )
    applied = corrections.join(
        found, on=[*key, "executed_at", "message_number"], how="semi", nulls_equal=True
    )["row"]
    is_left = (pl.col("status") == "W") & pl.col("is_old") & ~pl.col("row").is_in(applied.implode())
    tally.strike(is_left & pl.col("row").is_in(inner.implode()), "inner_correction")
    tally.strike(is_left, "correction_without_trade")


def _links(corrections: pl.DataFrame) -> tuple[pl.DataFrame, pl.Series]:
    """Last corrections with the number each is held to correct, and the rows of the inner ones.

    Within bond, symbol, date and time of execution the numbers of all W, their own and those they
    point at, are stacked. A number seen in both roles is an inner link and goes. One pair left:
    the last is linked to the first. More left: each keeps the number it points at itself.
    """
    moment = ["cusip", "execution_date", "executed_at"]
    group = [*moment, "bond_symbol"]
    timed = corrections.filter(pl.col("executed_at").is_not_null())
    numbered = pl.concat(
        [
            timed.select("row", *group, number=name, is_own=pl.lit(name == "message_number"))
            for name in ("message_number", "original_message_number")
        ]
    ).filter(pl.col("number").is_not_null())
    numbered = numbered.with_columns(
        is_inner=pl.col("is_own").n_unique().over([*group, "number"]) > 1
    )
    inner = numbered.filter(pl.col("is_inner") & pl.col("is_own"))["row"]
    ends = numbered.filter(~pl.col("is_inner")).with_columns(n_ends=pl.len().over(moment))
    own, pointed = (
        pl.col("number").filter("is_own").first(),
        pl.col("number").filter(~pl.col("is_own")).first(),
    )
    pairs = (
        ends.filter(pl.col("n_ends") == 2)
        .group_by(group)
        .agg(message_number=own, original_message_number=pointed)
    )
    others = ends.filter((pl.col("n_ends") > 2) & pl.col("is_own")).join(
        timed.select("row", "original_message_number"), on="row"
    )
    columns = [*moment, "message_number", "original_message_number"]
    links = pl.concat(
        [pairs.select(columns), others.rename({"number": "message_number"}).select(columns)]
    )
    return links.drop_nulls(["message_number", "original_message_number"]), inner


def _filter(tally: Tally, bonds: pl.DataFrame | None) -> None:
    """The chain of filters after matching, in its order and with its defaults (by number in
    docs/trace_screens.md).
    """
    tally.standing = shifted_prices(sorted_trades(tally.standing))
    tally.keep_only(
        pl.col("execution_date").is_in(pl.Series(open_days("nyse")).cast(pl.Date).implode()),
        "off_calendar",
    )
    tally.keep_only(
        (pl.col("price") > 0) & (pl.col("price") <= HIGHEST_PRICE), "price_out_of_range"
    )
    tally.keep_only(
        pl.col("par_usd") * pl.col("price") / 100 >= LEAST_DOLLAR_VOLUME, "small_dollar_volume"
    )
    tally.strike_rows(bounce_backs(tally.standing), "bounce_back")
    tally.strike(pl.col("price") == pl.col("yield_pct"), "price_is_yield")
    _filter_by_bond(tally, bonds)
    tally.strike_rows(initial_errors(tally.standing), "initial_error")


def _filter_by_bond(tally: Tally, bonds: pl.DataFrame | None) -> None:
    """Half of the issue or more, and trades after maturity; a bond nobody knows, or without the
    term, falls as in the pipeline's join.
    """
    if bonds is None:
        return
    wanted = [name for name in ("offering_amount_usd", "maturity_date") if name in bonds.columns]
    # The pipeline's join repeats a trade for every repeated CUSIP; here a report has one answer.
    terms = bonds.select("cusip", *(pl.col(name).alias(f"_{name}") for name in wanted)).unique(
        "cusip", keep="first", maintain_order=True
    )
    tally.standing = tally.standing.join(terms, on="cusip", how="left", maintain_order="left")
    if "offering_amount_usd" in wanted:
        tally.strike(pl.col("_offering_amount_usd").is_null(), "unknown_offering_amount")
        tally.keep_only(
            pl.col("par_usd") < SHARE_OF_ISSUE * pl.col("_offering_amount_usd"), "half_of_issue"
        )
    if "maturity_date" in wanted:
        tally.strike(pl.col("_maturity_date").is_null(), "unknown_maturity")
        tally.strike(pl.col("execution_date") > pl.col("_maturity_date"), "after_maturity")
