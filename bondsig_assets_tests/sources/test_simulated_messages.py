"""Messages of the simulated market: which ends which, when they may arrive, and that the truth
agrees.
"""

from __future__ import annotations

from datetime import time

import polars as pl
import pytest

from bondsig_assets.sources.simulated.worlds import MAX_REPORT_LAG
from bondsig_assets_tests.sources.simulated_fixtures import TERMS, all_reports, endings, shared


def test_every_ending_repeats_the_terms_of_what_it_ends():
    ended = endings(all_reports())
    assert set(ended["status"]) == {"X", "C", "Y"}
    assert ended["status_ended"].null_count() == 0, "every ending points to a T or R"
    for column in TERMS:
        assert ended.select((pl.col(column) == pl.col(f"{column}_ended")).all()).item(), column
    assert (
        ended.filter(pl.col("status") == "Y")
        .select((pl.col("message_number") != pl.col("original_message_number")).all())
        .item()
    )
    assert (
        ended.filter(pl.col("status") != "Y")["original_message_number"].null_count()
        == ended.filter(pl.col("status") != "Y").height
    )
    assert set(ended.filter(pl.col("status") == "Y")["status_ended"]) == {"T"}


@pytest.mark.slow
def test_every_ending_is_delivered_after_what_it_ends():
    ended = pl.concat([endings(all_reports(seed=seed)) for seed in (1, 2)])
    later_in_the_day = (pl.col("day") == pl.col("day_ended")) & (
        pl.col("record_number") > pl.col("record_number_ended")
    )
    after = (pl.col("day") > pl.col("day_ended")) | later_in_the_day
    assert (
        ended.filter(~after)
        .select("status", "status_ended", "delivery_date", "reported_at")
        .is_empty()
    )
    assert ended.select((pl.col("reported_at") >= pl.col("reported_at_ended")).all()).item()


def test_a_correction_puts_a_new_trade_in_the_same_moment():
    reports = all_reports()
    corrections, corrected = (
        reports.filter(pl.col("status") == "C"),
        reports.filter(pl.col("status") == "R"),
    )
    same = [
        "report_date",
        "reported_at",
        "cusip",
        "execution_date",
        "executed_at",
        "side",
        "contra",
        "first_control_date",
        "first_control_number",
        "prior_report_date",
        "round",
    ]
    # One chain may be corrected twice on a day: the rounds are told apart by their order.
    rounds = pl.col("message_number").rank("ordinal").over(same[:-1]).alias("round")
    pairs = corrections.with_columns(rounds).join(
        corrected.with_columns(rounds), on=same, suffix="_new", validate="1:1"
    )
    assert pairs.height == corrections.height == corrected.height > 100
    assert pairs.select((pl.col("message_number") != pl.col("message_number_new")).all()).item()
    changed = (pl.col("price") != pl.col("price_new")) | (
        pl.col("par_usd") != pl.col("par_usd_new")
    )
    assert pairs.select(changed.mean()).item() > 0.95, "a correction changes price or par"


def test_cancels_may_come_late_and_reversals_always_do():
    ended = endings(all_reports()).with_columns(lag=pl.col("day") - pl.col("day_ended"))
    lags = {status: ended.filter(pl.col("status") == status)["lag"] for status in "XCY"}
    assert lags["X"].min() == lags["C"].min() == 0
    assert 0 < (lags["X"] > 0).mean() < 0.5
    assert lags["X"].max() <= 20 and lags["C"].max() <= 20
    assert lags["Y"].min() > 20, "a reversal is what a cancel becomes after 20 trading days"


def test_message_numbers_are_unique_within_a_report_date():
    numbered = all_reports().filter(pl.col("status").is_in(["T", "R", "Y"]))
    assert numbered.select(pl.struct("report_date", "message_number").is_unique().all()).item()
    assert numbered["message_number"].str.contains(r"^\d{7}$").all()


def test_no_message_is_later_than_the_longest_lag_or_before_its_execution():
    reports = all_reports()
    lag = reports["day"] - reports["execution_day"]
    assert lag.min() == 0 and 40 < lag.max() <= MAX_REPORT_LAG
    assert reports.select((pl.col("reported_at") >= pl.col("executed_at")).all()).item()
    assert reports["reported_at"].dt.time().min() >= time(8) and reports[
        "reported_at"
    ].dt.time().max() < time(18, 30)
    assert reports.select(
        (
            (pl.col("asof_code") == "A").fill_null(False)
            == (pl.col("report_date") > pl.col("execution_date"))
        ).all()
    ).item()
    assert reports.select((pl.col("known_at") == pl.col("reported_at")).all()).item()
    assert reports.select(
        (pl.col("record_number") == pl.int_range(1, pl.len() + 1).over("delivery_date")).all()
    ).item()


def test_the_truth_names_the_message_that_kills():
    reports = all_reports()
    killed = {"X": "cancelled", "C": "corrected", "Y": "reversed"}
    ended = endings(reports)
    assert ended.select(
        (pl.col("status").replace_strict(killed) == pl.col("dead_reason_ended")).all()
    ).item()
    assert ended.select((pl.col("dead_from_date_ended") == pl.col("delivery_date")).all()).item()
    assert ended["dead_reason"].null_count() == ended.height, "an ending is itself never ended"
    dead = reports.filter(pl.col("dead_reason").is_not_null())
    # A reversal may fall beyond the last day: the truth names its day all the same.
    last = shared("regulatory").world.end
    assert dead["dead_from_date"].null_count() == 0
    assert dead.filter(pl.col("dead_from_date") <= last).height == ended.height, (
        "nothing dies without a message"
    )
    days = len(shared("regulatory").world.days())
    after = dead.filter(pl.col("dead_from_date") > last)
    assert after.height and after["day"].min() > days - MAX_REPORT_LAG


def test_the_truth_tells_errors_from_prices():
    standing = all_reports().filter(
        pl.col("status").is_in(["T", "R"])
        & pl.col("dead_reason").is_null()
        & (pl.col("trading_market") == "S1")
    )
    gap = (pl.col("price") / pl.col("true_mid") - 1).abs()
    wrong = standing.filter(pl.col("error_kind").is_not_null())
    assert set(wrong["error_kind"]) == {"decimal_shift", "fat_finger"}
    assert wrong.select(gap.min()).item() > 0.15
    # A half-spread has a log-normal tail, but no honest price is a tenth away from the mid.
    assert standing.filter(pl.col("error_kind").is_null()).select(gap.max()).item() < 0.10
    assert 0.0003 < wrong.height / standing.height < 0.0012
