"""Ours against a recipe on a few reports whose answers are known."""

from __future__ import annotations

from datetime import date

import polars as pl
import pytest

from bondsig_assets.trace.compare import EXAMPLES, UNACCOUNTED, compare, lines
from bondsig_assets_tests.trace.recipes.stories import BUY, SELL, frame, message, prices

DAY = date(2016, 6, 2)
#: Rows 0 to 6: two plain trades, a sell and two buys of equal terms, an affiliate's trade, another
#: bond's trade.
REPORTS = frame(
    message("1"),
    message("2", price=102.0, par_usd=300_000.0),
    message("3", price=101.0, **SELL),
    message("4", price=101.0, **BUY),
    message("5", price=101.0, **BUY),
    message("6", contra="A", day=DAY),
    message("7", cusip="B"),
)


def ours(
    *rejected: tuple[int, str], reports: pl.DataFrame = REPORTS
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Our trades and our rejected reports: what is not named in `rejected` is a trade."""
    rows = pl.DataFrame(list(rejected), schema={"row": pl.Int64, "reason": pl.String}, orient="row")
    columns = [
        "row",
        "cusip",
        "execution_date",
        "executed_at",
        "price",
        "par_usd",
        "side",
        "contra",
    ]
    return reports.join(rows, on="row", how="anti", maintain_order="left").select(columns), rows


OURS = ours((3, "interdealer_buy_leg"), (6, "unknown_bond"))


def test_reports_by_verdict():
    found = compare(REPORTS, *OURS, ["osbap"]).trades
    assert found.columns == ["recipe", "ours", "theirs", "n", "par_usd"]
    assert found.rows() == [
        ("osbap", "kept", "kept", 3, 500_000.0),
        ("osbap", "interdealer_buy_leg", "interdealer_buy_leg", 1, 100_000.0),
        ("osbap", "kept", "affiliate_or_null_contra", 1, 100_000.0),
        ("osbap", "kept", "interdealer_buy_leg", 1, 100_000.0),
        ("osbap", "unknown_bond", "kept", 1, 100_000.0),
    ]
    assert found["n"].sum() == REPORTS.height


def test_bond_days():
    days = compare(REPORTS, *OURS, ["osbap"]).bond_days.row(0, named=True)
    assert (days["both"], days["only_ours"], days["only_theirs"]) == (1, 1, 1)
    mine = (100 * 1 + 102 * 3 + 101 * 1 + 101 * 1) / 6
    theirs = (100 * 1 + 102 * 3 + 101 * 1) / 5
    difference = abs(theirs / mine - 1) * 1e4
    assert (
        days["vwap_mean_bps"] == pytest.approx(difference) == pytest.approx(days["vwap_median_bps"])
    )
    assert (days["over_1_bp"], days["over_10_bps"], days["over_100_bps"]) == (
        1.0,
        0.0,
        0.0,
    ) and 1 < difference < 10
    assert days["par_difference"] == pytest.approx(600 / 700 - 1) and days[
        "count_difference"
    ] == pytest.approx(4 / 5 - 1)


def test_examples_are_of_verdicts_that_make_another_set_of_trades():
    examples = compare(REPORTS, *OURS, ["osbap"]).examples
    assert examples.select("recipe", "ours", "theirs", "row").rows() == [
        ("osbap", "kept", "affiliate_or_null_contra", 5),
        ("osbap", "kept", "interdealer_buy_leg", 4),
        ("osbap", "unknown_bond", "kept", 6),
    ]
    assert examples.row(0, named=True)["message_number"] == "6" and examples[
        "their_price"
    ].to_list() == [None, None, 100.0]
    many = frame(*(message(str(n), contra="A") for n in range(EXAMPLES + 3)))
    assert compare(many, *ours(reports=many), ["osbap"]).examples["row"].to_list() == list(
        range(EXAMPLES)
    )


def test_a_price_put_right_is_an_example_and_moves_the_day():
    reports = frame(*prices(101, 102, 10.15, 101, 102))
    found = compare(reports, *ours(reports=reports), ["osbap", "tidy"])
    assert found.examples.select("recipe", "ours", "theirs", "row", "our_price").rows() == [
        ("osbap", "kept", "kept", 2, 10.15)
    ]
    assert found.examples["their_price"][0] == pytest.approx(101.5)
    assert found.bond_days["vwap_mean_bps"].to_list() == pytest.approx([9e4 / 5, 0.0])
    assert found.bond_days["over_100_bps"].to_list() == pytest.approx([0.2, 0.0])


def test_recipes_come_in_the_order_asked():
    found = compare(REPORTS, *OURS, ["tidy", "osbap"])
    assert found.bond_days["recipe"].to_list() == ["tidy", "osbap"] and found.trades[
        "recipe"
    ].unique(maintain_order=True).to_list() == ["tidy", "osbap"]


def test_reports_that_we_do_not_account_for_are_named():
    trades, rejected = ours((3, "x"), (6, "y"))
    found = compare(REPORTS, trades.filter(pl.col("row") > 0), rejected, ["osbap"]).trades
    assert found.filter(pl.col("ours") == UNACCOUNTED)["n"].to_list() == [1]


def test_mistakes_in_the_call():
    with pytest.raises(ValueError, match="dick-nielsen"):
        compare(REPORTS, *OURS, ["asquith"])
    trades, rejected = ours()
    with pytest.raises(ValueError, match="report 3 has more than one"):
        compare(REPORTS, trades, pl.DataFrame({"row": [3], "reason": ["x"]}), ["osbap"])
    assert rejected.is_empty()


def test_nothing_to_compare():
    empty = frame()
    found = compare(empty, *ours(reports=empty), ["osbap"])
    assert (
        found.trades.is_empty()
        and found.bond_days["both"].to_list() == [0]
        and found.bond_days["par_difference"].to_list() == [None]
    )
    assert any("none" in line for line in lines(found))
    assert lines(compare(REPORTS, *OURS, [])) == []


def test_a_day_without_prices_has_no_difference():
    reports = frame(message("1", price=None), message("2", price=None, day=DAY))
    days = compare(reports, *ours(reports=reports), ["dick-nielsen"]).bond_days.row(0, named=True)
    assert days["both"] == 2 and days["vwap_mean_bps"] is None and days["over_1_bp"] is None


def test_lines_show_what_the_frames_hold():
    text = "\n".join(lines(compare(REPORTS, *OURS, ["osbap"])))
    for part in (
        "osbap: reports by verdict",
        "affiliate_or_null_contra",
        "in both 1, only ours 1, only theirs 1",
        "trades -20.00%",
        "500,000",
    ):
        assert part in text
