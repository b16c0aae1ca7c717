"""What happened to a share is read off what is delivered, or off total returns; never guessed."""

from __future__ import annotations

from datetime import date

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bondsig_assets.portfolio.corporate_actions import (
    SIMPLE_RATIOS,
    Observed,
    actions,
    cash_for_fractions,
    delisted,
    delisting_returns,
    split_shares,
)

NAN = float("nan")


def seen(**columns) -> Observed:
    """One name a value; what is not said is unknown."""
    n = max(np.size(column) for column in columns.values())
    unknown = dict.fromkeys(
        ("growth", "dividend_usd", "split_ratio", "shares_before", "shares_after"), NAN
    )
    arrays = {
        name: np.broadcast_to(np.asarray(column, float), n).copy()
        for name, column in (unknown | {"before_usd": 100.0} | columns).items()
        if name != "was_quarantined"
    }
    was = np.broadcast_to(np.asarray(columns.get("was_quarantined", False)), n).copy()
    return Observed(**arrays, was_quarantined=was)


def one(**columns):
    """`(dividend, ratio, quarantined)` of one name."""
    found = actions(seen(**columns))
    return (
        round(float(found.dividend_usd[0]), 4),
        round(float(found.split_ratio[0]), 6),
        bool(found.is_quarantined[0]),
    )


@pytest.mark.parametrize(
    ("columns", "found"),
    [
        # As delivered.
        ({"close_usd": 51, "split_ratio": 2, "dividend_usd": 0}, (0, 2, False)),
        ({"close_usd": 99, "split_ratio": 1, "dividend_usd": 0.5}, (0.5, 1, False)),
        ({"close_usd": 60, "split_ratio": 1, "dividend_usd": 0}, (0, 1, False)),
        # A delivered split that the price contradicts, and absurd ones.
        ({"close_usd": 101, "split_ratio": 2, "dividend_usd": 0}, (0, 1, True)),
        ({"close_usd": 101, "split_ratio": 0, "dividend_usd": 0}, (0, 1, True)),
        ({"close_usd": 101, "split_ratio": -2, "dividend_usd": 0}, (0, 1, True)),
        ({"close_usd": 101, "split_ratio": 1, "dividend_usd": -1}, (0, 1, True)),
        ({"close_usd": 101, "split_ratio": 1, "dividend_usd": 5000}, (0, 1, True)),
        # Ten times the price, or a tenth: a mistake, unless the total return says so as well.
        ({"close_usd": 5000, "split_ratio": 1, "dividend_usd": 0}, (0, 1, True)),
        ({"close_usd": 5, "split_ratio": 1, "dividend_usd": 0}, (0, 1, True)),
        ({"close_usd": 5, "split_ratio": 1, "dividend_usd": 0, "growth": 0.05}, (0, 1, False)),
        ({"close_usd": 5000, "shares_before": 1e6, "shares_after": 1e6}, (0, 1, True)),
        ({"close_usd": 5000, "split_ratio": 0.02, "dividend_usd": 0}, (0, 0.02, False)),
        # A spin-off: the total return has what dividend and split do not say.
        (
            {"close_usd": 90, "split_ratio": 1, "dividend_usd": 0, "growth": 1.0},
            (10, 1, False),
        ),
        (
            {"close_usd": 50, "split_ratio": 1, "dividend_usd": 0, "growth": 1.0},
            (0, 1, True),
        ),
        # Total return and close alone.
        ({"close_usd": 99, "growth": 1.0}, (1, 1, False)),
        ({"close_usd": 99, "growth": 0.99}, (0, 1, False)),
        ({"close_usd": 50, "growth": 1.0}, (0, 1, True)),  # 2:1 and nobody knows the shares
        (
            {"close_usd": 50, "growth": 1.0, "shares_before": 1e6, "shares_after": 2e6},
            (0, 2, False),
        ),
        (
            {"close_usd": 49.5, "growth": 1.0, "shares_before": 1e6, "shares_after": 2.01e6},
            (0.5, 2, False),
        ),
        (
            {"close_usd": 1000, "growth": 1.0, "shares_before": 1e6, "shares_after": 1e5},
            (0, 0.1, False),
        ),
        # The shares stayed, so a tenth is a dividend; where nobody knows them it may be 11:10.
        (
            {"close_usd": 100 / 1.1, "growth": 1.0, "shares_before": 1e6, "shares_after": 1e6},
            (9.0909, 1, False),
        ),
        ({"close_usd": 100 / 1.1, "growth": 1.0}, (0, 1, True)),
        # Less than nothing cannot be paid.
        ({"close_usd": 100, "growth": 0.95}, (0, 1, True)),
        # Nothing but a close: a usual move, a large one, and one that shares explain.
        ({"close_usd": 110}, (0, 1, False)),
        ({"close_usd": 50}, (0, 1, True)),
        ({"close_usd": 51, "shares_before": 1e6, "shares_after": 2e6}, (0, 2, False)),
        ({"close_usd": 51, "shares_before": 1e6, "shares_after": 1e6}, (0, 1, False)),
        # One of the two is delivered.
        ({"close_usd": 49.5, "split_ratio": 2, "growth": 1.0}, (0.5, 2, False)),
        ({"close_usd": 99, "dividend_usd": 1, "growth": 1.0}, (1, 1, False)),
        ({"close_usd": 49, "dividend_usd": 1, "growth": 1.0}, (0, 1, True)),
        # A name without a price has what is delivered, and nothing is inferred.
        ({"close_usd": NAN, "split_ratio": 2, "dividend_usd": 0.3}, (0.3, 2, False)),
        ({"close_usd": NAN}, (0, 1, False)),
        ({"close_usd": NAN, "split_ratio": -1, "dividend_usd": 0}, (0, 1, True)),
        ({"close_usd": -3.0, "growth": 1.0}, (0, 1, False)),
        # A quiet day after a quarantined one explains nothing; the shares, at last, do.
        (
            {
                "close_usd": 51,
                "growth": 1.02,
                "was_quarantined": True,
                "split_ratio": 1,
                "dividend_usd": 0,
            },
            (0, 1, True),
        ),
        (
            {
                "close_usd": 51,
                "growth": 1.02,
                "was_quarantined": True,
                "shares_before": 1e6,
                "shares_after": 2e6,
            },
            (0, 2, False),
        ),
        # What is told late explains the days in between, or does not.
        (
            {
                "close_usd": 51,
                "growth": 1.02,
                "was_quarantined": True,
                "split_ratio": 2,
                "dividend_usd": 0,
            },
            (0, 2, False),
        ),
        # 50 cents went ex on the old shares meanwhile.
        (
            {
                "close_usd": 51,
                "growth": 1.025,
                "was_quarantined": True,
                "split_ratio": 2,
                "dividend_usd": 0,
            },
            (0.25, 2, False),
        ),
        (
            {"close_usd": 41, "was_quarantined": True, "split_ratio": 1, "dividend_usd": 60},
            (60, 1, False),
        ),
        (
            {"close_usd": 41, "was_quarantined": True, "split_ratio": 1, "dividend_usd": 0.3},
            (0, 1, True),
        ),
        (
            {
                "close_usd": 41,
                "growth": 1.01,
                "was_quarantined": True,
                "split_ratio": 1,
                "dividend_usd": 60,
            },
            (60, 1, False),
        ),
        (
            {
                "close_usd": 41,
                "growth": 1.01,
                "was_quarantined": True,
                "split_ratio": 1,
                "dividend_usd": 0.3,
            },
            (0, 1, True),
        ),
        # The bad print is gone.
        ({"close_usd": 102, "growth": 1.02, "was_quarantined": True}, (0, 1, False)),
    ],
)
def test_a_day_by_hand(columns, found):
    assert one(**columns) == found


@settings(max_examples=200, deadline=None)
@given(
    before=st.integers(200, 50_000),
    move=st.floats(-0.15, 0.15),
    ratio=st.sampled_from([1.0, *SIMPLE_RATIOS.tolist()]),
    paid=st.floats(0.0, 0.15),
    issued=st.floats(-0.004, 0.004),
)
def test_what_total_returns_and_shares_give_away_keeps_the_value(before, move, ratio, paid, issued):
    """Whatever is inferred, a holder's growth is the total return; else the day is quarantined."""
    before = before / 100
    close = round(max(before * (1 + move) / ratio, 0.5), 4)
    dividend = round(paid * close, 4)
    growth = ratio * (close + dividend) / before
    day = seen(
        before_usd=before,
        close_usd=close,
        growth=growth,
        shares_before=1e8,
        shares_after=1e8 * ratio * (1 + issued),
    )
    found = actions(day)
    if found.is_quarantined[0]:
        return
    got = found.split_ratio[0] * (close + found.dividend_usd[0]) / before
    # To a tick, below which a difference is rounding.
    assert got == pytest.approx(growth, abs=max(6e-4, 0.011 / close) * growth)
    if ratio != 1 and paid < 0.001:
        assert found.split_ratio[0] == ratio


@pytest.mark.parametrize(
    ("shares", "ratio", "whole", "fraction"),
    [
        (9, 0.01, 0, 0.09),  # zipline-reloaded#332: the order or position that becomes nothing
        (-9, 0.01, 0, -0.09),
        (9, 0.001, 0, 0.009),
        (-1009, 0.001, -1, -0.009),
        (7, 1.5, 10, 0.5),
        (-7, 1.5, -10, -0.5),
        (30, 0.1, 3, 0.0),
        (30, 1 / 3, 10, 0.0),
        (100, 2.0, 200, 0.0),
        (0, 2.0, 0, 0.0),
    ],
)
def test_splits_leave_whole_shares_and_a_fraction_with_the_sign_of_the_position(
    shares, ratio, whole, fraction
):
    left, rest = split_shares(np.array([shares]), np.array([ratio]))
    assert left[0] == whole and rest[0] == pytest.approx(fraction, abs=1e-9)
    paid = cash_for_fractions(rest, np.array([250.0]))
    assert paid[0] == round(fraction * 250 * 10_000)


def test_unknown_returns_of_delistings_are_assumed_and_flagged():
    known = np.array([12.0, -100.0, -140.0, NAN, NAN, NAN, NAN, NAN])
    reasons = ["merger", "dropped", "dropped", "dropped", None, "merger", "exchange", "liquidation"]
    found, assumed = delisting_returns(known, reasons, -30.0)
    assert found.tolist() == [0.12, -1.0, -1.0, -0.3, -0.3, 0.0, 0.0, 0.0]
    assert assumed.tolist() == [False, False, True, True, True, True, True, True]


def test_a_delisting_is_about_who_had_the_ticker_then():
    known = pl.DataFrame(
        {
            "ticker": ["X", "X", "Y", "Z", "W"],
            "last_trade_date": [date(2024, k, 10) for k in (5, 2, 2, 4, 6)],
            "delisting_return_pct": [0.0] * 5,
            "reason": ["dropped"] * 5,
        }
    )
    tickers = ["X", "Y", "Z", "W", "V"]
    dates = np.array(
        ["2024-02-10", "2024-03-01", "2024-04-09", "2024-06-10", "NaT"], dtype="datetime64[D]"
    )
    at, rows = delisted(date(2024, 6, 10), tickers, dates, known)
    # X: the first of two owners. Y trades on under its ticker. W's last day is today.
    assert at.tolist() == [0, 2]
    assert rows["last_trade_date"].to_list() == [date(2024, 2, 10), date(2024, 4, 10)]
    none, empty = delisted(date(2024, 6, 10), [], dates[:0], known)
    assert none.size == 0 and empty.is_empty()
