"""Tidy Finance's cleaning of Enhanced TRACE, rebuilt from its published rules, its faults included.

Belongs here: the order of its steps and its own screens. Not here: what it shares with other
recipes (`common.py`). Source: the appendix "Clean Enhanced TRACE" of Tidy Finance (2026; R version,
whose joins hold null equal to null).
"""

from __future__ import annotations

import polars as pl

from bondsig_assets.trace.recipes.common import (
    TERMS,
    TIMELESS_TERMS,
    Tally,
    begin,
    drop_matched_buys,
    end_new_trades,
    named_by,
    reverse_by_sequence,
    strike_messages,
)

#: Days to settlement, as reported or from the dates, beyond which a trade is dropped.
MOST_DAYS_TO_SETTLE = 7


def tidy(reports: pl.DataFrame, bonds: pl.DataFrame | None = None) -> pl.DataFrame:
    """`row`, `reason` (null: kept), `price` (as reported) of every report by Tidy Finance's recipe.

    `reports`: canonical reports; `bonds` is not used: the appendix screens bonds elsewhere. Known
    faults that come out here as published: a cancel of a correction does nothing, reversals of
    trades from before the cut do nothing, one sell leg takes all equal buy legs, all as-of trades
    go, and so does every trade without a when-issued flag.
    """
    tally = begin(reports)
    end_new_trades(tally)
    old = tally.standing.filter("is_old")
    cancels = old.filter(pl.col("status") == "C")
    tally.strike_rows(
        named_by(old.filter(pl.col("status") == "T"), cancels, TERMS, "original_message_number"),
        "cancelled",
    )
    _correct(tally)
    strike_messages(tally)
    reverse_by_sequence(tally, TIMELESS_TERMS, TIMELESS_TERMS)
    drop_matched_buys(tally)
    _screen(tally)
    return tally.result(reports)


def _correct(tally: Tally) -> None:
    """Corrections of before 2012, round after round until none finds its target: each W takes the
    place of what it points at.
    """
    key = ["cusip", "execution_date"]
    columns = ["row", *key, "message_number", "original_message_number"]
    old = tally.standing.filter("is_old")
    live, waiting = (
        old.filter(pl.col("status") == status).select(columns) for status in ("T", "W")
    )
    corrected = []
    while waiting.height:
        targets = live.select(*key, original_message_number="message_number")
        correcting = waiting.join(targets, on=[*key, "original_message_number"], how="semi")
        if not correcting.height:
            break
        waiting = waiting.join(correcting.select("row"), on="row", how="anti")
        replaced = correcting.select(*key, message_number="original_message_number")
        corrected.append(live.join(replaced, on=[*key, "message_number"], how="semi")["row"])
        live = pl.concat([live.join(replaced, on=[*key, "message_number"], how="anti"), correcting])
    tally.strike_rows(waiting["row"], "correction_without_trade")
    if corrected:
        tally.strike_rows(pl.concat(corrected), "corrected")


def _screen(tally: Tally) -> None:
    """The screens of the appendix, on both regimes and after matching (docs/trace_screens.md,
    preset `tidy`).
    """
    by_dates = (pl.col("settlement_date") - pl.col("execution_date")).dt.total_days()
    tally.strike(
        (pl.col("days_to_settle") > MOST_DAYS_TO_SETTLE)
        | (by_dates > MOST_DAYS_TO_SETTLE).fill_null(False),
        "days_to_settle",
    )
    tally.keep_only(~pl.col("is_when_issued"), "when_issued_or_unknown")
    tally.strike(pl.col("is_special_price"), "special_price")
    tally.strike(pl.col("asof_code").fill_null("") != "", "as_of")
