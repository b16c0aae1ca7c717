"""Sentences about a score, from what bonds and stock did."""

from __future__ import annotations

import pytest

from bondsig_assets.reporting.site.reasons import reasons

_ROW = {
    "n_bonds": 8,
    "n_wider": 6,
    "median_change_bps": 38.2,
    "equity_excess_return_5d_pct": 0.3,
    "usual_move_pct": 4.0,
    "news_probability": None,
    "news_size": None,
    "news_age": None,
    "is_informed": True,
    "top_feature": None,
    "top_contribution": None,
}


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        (
            {},
            "spreads of 6 of 8 bonds are wider, the middle one wider by 38 bp; the stock has not"
            " moved against its sector",
        ),
        (
            {"n_wider": 0, "median_change_bps": -12.0, "equity_excess_return_5d_pct": -5.04},
            "spreads of all 8 bonds are tighter, the middle one tighter by 12 bp; the stock has"
            " fallen 5.0 % against its sector",
        ),
        (
            {"n_bonds": 1, "n_wider": 1, "equity_excess_return_5d_pct": 2.1},
            "the spread of its one bond is wider by 38 bp; the stock has risen 2.1 % against its"
            " sector",
        ),
        (
            {"n_bonds": 2, "n_wider": 1},
            "the spread of 1 of 2 bonds is wider, the middle one wider by 38 bp; the stock has not"
            " moved against its sector",
        ),
        (
            {"median_change_bps": 0.4},
            "the middle one of 8 spreads has not moved; the stock has not moved against its sector",
        ),
        (
            {"n_bonds": None, "median_change_bps": None, "equity_excess_return_5d_pct": None},
            "no bond has a spread now and five days ago; the stock has no price",
        ),
        (
            {"news_probability": 0.934, "news_size": -2.0, "news_age": 1},
            "spreads of 6 of 8 bonds are wider, the middle one wider by 38 bp; the stock has not"
            " moved against its sector; bad credit news 1 day ago with probability 0.93",
        ),
        (
            {"news_probability": 0.49, "news_size": -2.0, "news_age": 0},
            "spreads of 6 of 8 bonds are wider, the middle one wider by 38 bp; the stock has not"
            " moved against its sector",
        ),
        (
            {"top_feature": "oas_5d_change_bps", "top_contribution": -0.1},
            "spreads of 6 of 8 bonds are wider, the middle one wider by 38 bp; the stock has not"
            " moved against its sector. oas_5d_change_bps moved the score down most",
        ),
        (
            {"is_informed": False, "top_feature": "x", "top_contribution": 1.0},
            "spreads of 6 of 8 bonds are wider, the middle one wider by 38 bp; the stock has not"
            " moved against its sector. The model was not sure of itself: its probability is the"
            " base rate",
        ),
    ],
)
def test_what_is_said(changes, said):
    assert reasons({**_ROW, **changes}) == said
