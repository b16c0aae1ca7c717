"""Dick-Nielsen's filter of Enhanced TRACE (2009, 2014), rebuilt from its published rules, its
faults included.

Belongs here: the order of its steps and its own screens. Not here: what it shares with other
recipes (`common.py`). Sources: Dick-Nielsen, "Liquidity biases in TRACE" (2009) and "How to clean
Enhanced TRACE data" (2014, SSRN 2337908). The Academic version (Dick-Nielsen & Poulsen 2019) is
another recipe.
"""

from __future__ import annotations

import polars as pl

from bondsig_assets.trace.recipes.common import (
    TERMS,
    Tally,
    begin,
    end_new_trades,
    named_by,
    strike_messages,
)

#: A trade that settles this many days after execution, or later, is dropped.
FEWEST_DAYS_TO_SETTLE_DROPPED = 6


def dick_nielsen(reports: pl.DataFrame, bonds: pl.DataFrame | None = None) -> pl.DataFrame:
    """`row`, `reason` (null: kept), `price` (as reported) of every report by Dick-Nielsen's filter.

    `reports`: canonical reports; `bonds` is not used. Known faults that come out here as published:
    reversals of trades from before the cut do nothing, an old reversal that gives another time of
    execution or the original's own report date finds nothing, and a trade between dealers that only
    the buyer reported is lost.
    """
    tally = begin(reports)
    end_new_trades(tally)
    _end_old_trades(tally)
    strike_messages(tally)
    _reverse(tally)
    _count_once(tally)
    _screen(tally)
    return tally.result(reports)


def _end_old_trades(tally: Tally) -> None:
    """C and W of before 2012 end what they point at within their bond and report date; a W stays as
    the corrected trade.

    All at once: a W that another W or a C points at falls too, and one that points at nothing
    stays.
    """
    old = tally.standing.filter("is_old")
    trades = old.filter(pl.col("status").is_in(["T", "W"]))
    for status, reason in (("C", "cancelled"), ("W", "corrected")):
        messages = old.filter(pl.col("status") == status)
        tally.strike_rows(
            named_by(trades, messages, ["cusip", "report_date"], "original_message_number"), reason
        )


def _reverse(tally: Tally) -> None:
    """As-of reversals of before 2012, delayed ones read as R: same terms and exact time of
    execution, reported on a later date.

    The k-th reversal of equal terms meets the k-th trade, in order of report.
    """
    old = tally.standing.filter("is_old").sort(
        "report_date", "reported_at", "message_number", "row", nulls_last=True
    )
    is_reversal = pl.col("asof_code").is_in(["R", "X"]).fill_null(False)
    ordinal = pl.int_range(pl.len()).over(TERMS)
    reversals = (
        old.filter(is_reversal)
        .with_columns(ordinal=ordinal)
        .select(*TERMS, "ordinal", reversed_on="report_date")
    )
    trades = old.filter(~is_reversal).with_columns(ordinal=ordinal)
    met = trades.join(reversals, on=[*TERMS, "ordinal"], how="inner", nulls_equal=True)
    tally.strike(pl.col("is_old") & is_reversal, "reversal_message")
    tally.strike_rows(met.filter(pl.col("reversed_on") > pl.col("report_date"))["row"], "reversed")


def _count_once(tally: Tally) -> None:
    """Riskless principal trades with customers, whose price is the dealers' own, then every
    dealer's buy (Dick-Nielsen 2014; docs/trace_cleaning.md, Double counting).
    """
    capacity = (
        pl.when(pl.col("side") == "B")
        .then("buyer_capacity")
        .when(pl.col("side") == "S")
        .then("seller_capacity")
    )
    free = pl.col("commission_code") == "N"
    tally.strike((capacity == "A") & (pl.col("contra") == "C") & free, "agency_without_commission")
    tally.strike((pl.col("side") == "B") & (pl.col("contra") == "D"), "interdealer_buy_leg")


def _screen(tally: Tally) -> None:
    """The flag screens of Dick-Nielsen 2014 (docs/trace_screens.md, preset `dick-nielsen`); a flag
    that a file does not have drops nothing.
    """
    tally.strike(pl.col("is_when_issued"), "when_issued")
    tally.strike(pl.col("days_to_settle") >= FEWEST_DAYS_TO_SETTLE_DROPPED, "days_to_settle")
    tally.strike(pl.col("give_up_code").is_in(["A", "Q"]), "give_up")
    tally.strike(pl.col("is_special_price"), "special_price")
    tally.strike(pl.col("trading_market").is_in(["S2", "P1", "P2"]), "primary_market")
    tally.strike(pl.col("commission_code") == "Y", "commission")
    tally.strike(~pl.col("security_type").is_in(["C", "CORP"]), "security_type")
