"""`clean` as a whole: nothing lost, as of a moment, views, hindsight, and the graph's tables by the
same code.
"""

from __future__ import annotations

from datetime import datetime, time, timedelta

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bondsig_assets.errors import ReportsError
from bondsig_assets.trace import clean
from bondsig_assets.trace.events import GRAPH
from bondsig_assets.trace.order import order_of_knowledge
from bondsig_assets_tests.trace.messages import DAYS, ID, newest, processed
from bondsig_assets_tests.trace.stories import CUSIP, NEW, again, frame, outcomes, report
from bondsig_assets_tests.trace.test_as_known import KNOWN, bond, streams

LATER = NEW + timedelta(days=3)


def test_a_day_of_doubted_prints_alone_is_none_and_portfolio_trades_are_told():
    trades = [
        report(NEW, str(k), at=f"10:0{k}:00", price=100.0)
        | ({"trade_modifier_4": "P", "trade_modifier_3": "Z"} if k == 2 else {})
        for k in range(5)
    ]
    wrong = report(NEW + timedelta(days=1), "9", price=500.0)
    result = clean(frame(*trades, wrong))
    assert result.rejected["reason"].to_list() == ["price_error"]
    assert result.bond_days["trade_date"].to_list() == [NEW]
    assert result.trades["is_portfolio_trade"].to_list() == [False, False, True, False, False]
    assert result.trades["trade_modifier_3"].to_list()[2] == "Z"


@pytest.mark.slow
@settings(max_examples=25, deadline=None)
@given(streams(), st.integers(0, 6))
def test_as_of_a_moment_is_what_was_known_then_and_what_the_warehouse_says(reports, day):
    """Cut by `as_of`, cut by hand, and read from the events of the graph: the same trades."""
    bonds = bond(KNOWN)
    # A delivery is in the order in which its reports became known.
    reports = reports.sort(ID).with_columns(pl.lit(0, pl.Int64).alias("row"))
    reports = (
        reports[order_of_knowledge(reports)]
        .with_columns(record_number=pl.int_range(1, pl.len() + 1).over("delivery_date"))
        .drop("row")
    )
    numbered = reports.sort(ID).with_row_index("row").cast({"row": pl.Int64})
    moment = datetime.combine(DAYS[day], time(18, 30))
    cut = clean(numbered, bonds=bonds, as_of=moment, screens=GRAPH)
    by_hand = clean(numbered.filter(pl.col("known_at") <= moment), bonds=bonds, screens=GRAPH)
    assert cut.trades.equals(by_hand.trades) and cut.bond_days.equals(by_hand.bond_days)
    assert cut.trades.height + cut.rejected.height == reports.height
    events = newest(processed(reports, bonds=bonds).events.filter(pl.col("known_at") <= moment))
    known = numbered.join(events.select(*ID, "reason", known="price"), on=ID, how="inner")
    standing = known.filter(pl.col("reason").is_null()).select("row", price="known").sort("row")
    assert cut.trades.select("row", "price").sort("row").equals(standing)
    reasons = (
        cut.rejected.filter(pl.col("reason") != "reported_later")
        .select("row", "reason")
        .sort("row")
    )
    assert reasons.equals(
        known.filter(pl.col("reason").is_not_null()).select("row", "reason").sort("row")
    )


def test_known_at_and_known_until():
    trade = report(NEW, "1")
    result = clean(frame(trade, again(trade, "X", "1", day=LATER)), screens="none")
    ended = result.rejected.filter(pl.col("reason") == "ended_by_cancel")
    assert ended.select("known_at", "known_until").rows() == [
        (trade["reported_at"], datetime.combine(LATER, time(16)))
    ]
    before = clean(
        frame(trade, again(trade, "X", "1", day=LATER)),
        screens="none",
        as_of=datetime.combine(NEW, time(18, 30)),
    )
    assert before.trades["known_until"].to_list() == [None] and before.rejected[
        "reason"
    ].to_list() == ["reported_later"]


def test_as_of_needs_report_times():
    with pytest.raises(ReportsError, match="needs report times"):
        clean(frame(report(NEW, "1", reported_at=None)), as_of=datetime(2020, 1, 1))


def test_the_live_view_is_what_was_disseminated():
    bonds = pl.DataFrame({"cusip": [CUSIP], "is_high_yield": [False]})
    story = [
        report(NEW, "1", par_usd=7e6),
        report(NEW, "2", contra="D", side="B"),
        report(NEW, "3", contra="D", at="11:00:00"),
        report(NEW, "4", contra="A"),
        report(NEW, "5", is_disseminated=False, at="12:00:00"),
    ]
    assert outcomes(*story, view="live") == [
        "trade",
        "buy_leg_not_disseminated",
        "trade",
        "not_disseminated",
        "not_disseminated",
    ]
    for given_bonds, cap in ((bonds, 5e6), (None, 1e6)):
        trade = clean(frame(*story), bonds=given_bonds, screens="none", view="live").trades.row(
            0, named=True
        )
        assert (trade["par_usd"], trade["is_par_capped"]) == (cap, True)
    assert clean(frame(*story), screens="none").trades.row(0, named=True)["par_usd"] == 7e6


def test_a_cancel_still_finds_its_trade_under_the_cap():
    trade = report(NEW, "1", par_usd=7e6)
    assert outcomes(trade, again(trade, "X", "1"), view="live") == [
        "ended_by_cancel < 1",
        "cancel_message < 0",
    ]


def test_hindsight_sees_what_came_after():
    """A fall that only three later prints confirm: quarantined at first; and a spike that only what
    follows gives away.
    """
    prices = [101.0] * 8 + [160.0] + [101.0] * 8
    story = [
        report(NEW + timedelta(days=k // 3), str(k), at=f"1{k % 3}:00:00", price=price)
        for k, price in enumerate(prices)
    ]
    trailing, ex_post = (
        clean(frame(*story), screens="research"),
        clean(frame(*story), screens="ex_post"),
    )
    assert trailing.rejected.filter(pl.col("reason") == "price_error")["row"].to_list() == [8]
    assert ex_post.rejected.filter(pl.col("reason") == "price_error")["row"].to_list() == [8]
    first = clean(frame(*[story[0] | {"price": 40.0}, *story[1:8]]), screens="ex_post")
    assert 0 in first.rejected["row"], "an initial error is known only afterwards"


def test_frames_of_wrds_are_understood_as_they_are():
    raw = pl.DataFrame(
        {
            "cusip_id": [CUSIP],
            "trd_exctn_dt": [NEW],
            "trd_exctn_tm": [time(10)],
            "trd_rpt_dt": [NEW],
            "trd_rpt_tm": [time(10, 1)],
            "msg_seq_nb": ["0000001"],
            "orig_msg_seq_nb": [None],
            "trc_st": ["T"],
            "rptd_pr": [100.0],
            "entrd_vol_qt": [1e5],
            "rpt_side_cd": ["S"],
            "cntra_mp_id": ["C"],
        }
    )
    for given_frame in (raw, raw.lazy()):
        assert clean(given_frame).trades.select("cusip", "message_number", "known_at").rows() == [
            (CUSIP, "0000001", datetime.combine(NEW, time(10, 1)))
        ]
    with pytest.raises(ReportsError):
        clean(pl.DataFrame({"a": [1]}))


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"price": None}, "price_not_a_number"),
        ({"price": float("nan")}, "price_not_a_number"),
        ({"price": float("inf")}, "price_not_a_number"),
        ({"par_usd": None}, "par_not_a_number"),
        ({"cusip": None}, "no_cusip"),
        ({"execution_date": None}, "impossible_date"),
    ],
)
def test_frames_are_checked_as_files_are(changes, reason):
    assert outcomes(report(NEW, "1") | changes, report(NEW, "2"), view="regulatory") == [
        reason,
        "trade",
    ]


def test_wrong_arguments_are_one_line():
    one = frame(report(NEW, "1"))
    for wrong in ({"view": "x"}, {"bonds": pl.DataFrame({"a": [1]})}, {"as_of": "2014-01-01"}):
        with pytest.raises(ReportsError):
            clean(one, **wrong)
    with pytest.raises(ReportsError, match="same row"):
        clean(pl.concat([one, one]))


def test_no_reports_are_no_trades():
    result = clean(frame())
    assert (result.trades.height, result.rejected.height, result.bond_days.height) == (0, 0, 0)
    assert result.waterfall["reports"].to_list() == [0, 0]


def test_a_fault_goes_to_rejected_under_its_name():
    assert outcomes(
        report(NEW, "1") | {"fault": "price_not_a_number", "price": None},
        report(NEW, "2"),
        view="regulatory",
    ) == ["price_not_a_number", "trade"]
