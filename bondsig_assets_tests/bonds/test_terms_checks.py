"""Each reason to set a bond's terms aside, which comes first, and that sound terms stay."""

from __future__ import annotations

from datetime import date, datetime

import polars as pl
import pytest

from bondsig_assets.bonds.terms_checks import REASONS, bad_terms
from bondsig_assets.tables.raw import BONDS

NAN, INFINITE = float("nan"), float("inf")


def frame(*changes):
    """Rows of table `bonds`: a plain callable bond with each of `changes`."""
    usual = {
        "cusip": "A",
        "issuer_id": "I",
        "coupon_type": "F",
        "coupon_pct": 5.0,
        "coupons_per_year": 2,
        "day_count": "30/360",
        "offering_date": date(2019, 6, 15),
        "first_coupon_date": date(2019, 12, 15),
        "maturity_date": date(2030, 6, 15),
        "offering_amount_usd": 5e8,
        "is_callable": True,
        "first_call_date": date(2023, 6, 15),
        "first_call_price": 102.5,
        "is_144a": False,
        "is_convertible": False,
        "known_at": datetime(2019, 6, 15, 18, 30),
    }
    return pl.DataFrame([{**usual, **change} for change in changes], schema=BONDS.polars_schema)


WRONG = [
    ({"maturity_date": None}, "no maturity"),
    ({"maturity_date": date(2019, 6, 15)}, "matures before it is issued"),
    ({"maturity_date": date(2018, 1, 1)}, "matures before it is issued"),
    ({"maturity_date": date(2139, 6, 16)}, "life above 120 years"),
    ({"coupons_per_year": 3}, "unknown coupons per year"),
    ({"coupons_per_year": -1}, "unknown coupons per year"),
    ({"coupons_per_year": None}, "unknown coupons per year"),
    ({"coupon_pct": None}, "no coupon"),
    ({"coupon_pct": NAN}, "no coupon"),
    ({"coupon_pct": INFINITE}, "no coupon"),
    ({"coupon_pct": -0.5}, "negative coupon"),
    ({"coupon_pct": -0.5, "coupon_type": "Z", "coupons_per_year": 0}, "negative coupon"),
    ({"coupon_pct": 0.0}, "payments without coupon"),
    ({"coupon_pct": 0.0, "coupon_type": "Z"}, "payments without coupon"),
    ({"coupons_per_year": 0}, "coupon without payments"),
    ({"day_count": "lunar"}, "unknown day count"),
    ({"day_count": None}, "unknown day count"),
    ({"offering_amount_usd": -1.0}, "negative amount"),
    ({"offering_amount_usd": 0.0}, "zero amount"),
    ({"first_call_price": 0.0}, "call price not positive"),
    ({"first_call_price": -100.0}, "call price not positive"),
    ({"first_call_price": NAN}, "call price not positive"),
    ({"first_call_date": date(2019, 6, 14)}, "call before it is issued"),
    ({"first_call_date": date(2030, 6, 16)}, "call after maturity"),
    ({"accrual_start_date": date(2019, 12, 15)}, "interest starts after the first coupon"),
    (
        {"accrual_start_date": date(2030, 6, 15), "first_coupon_date": None},
        "interest starts after maturity",
    ),
    ({"float_start_date": date(2019, 6, 14)}, "coupon floats before it is issued"),
    ({"ex_coupon_days": -1}, "negative ex-coupon days"),
    ({"coupon_steps": "June 2026: 5.25"}, "unreadable coupon steps"),
    ({"coupon_steps": "2026-06-15 5.25 2028-06-15 6"}, "unreadable coupon steps"),
]
SOUND = [
    {},
    {"maturity_date": date(2139, 6, 15)},
    {"coupon_type": "V", "coupon_pct": -0.25, "coupons_per_year": 4, "day_count": "ACT/360"},
    {"coupon_type": "V", "coupon_pct": 0.0, "coupons_per_year": 4},
    {"coupon_type": "Z", "coupon_pct": 0.0, "coupons_per_year": 0},
    {"coupon_type": "F", "coupon_pct": 0.0, "coupons_per_year": 0},
    {"coupons_per_year": 12, "day_count": "ACT/365"},
    {"coupons_per_year": 1, "day_count": "ACT/ACT"},
    {"is_callable": True, "first_call_date": None, "first_call_price": None},
    {"is_callable": False, "first_call_date": date(2050, 1, 1), "first_call_price": -1.0},
    {"offering_date": None},
    {"offering_amount_usd": None},
    {"is_callable": None},
    {"coupon_type": "X", "float_start_date": date(2029, 6, 15), "float_margin_pct": 1.5},
    {"coupon_steps": "2026-06-15 5.25, 2028-06-15 6"},
    {"accrual_start_date": date(2019, 6, 1), "ex_coupon_days": 0},
]


@pytest.mark.parametrize(("change", "reason"), WRONG)
def test_wrong_terms(change, reason):
    assert bad_terms(frame(change)).to_list() == [reason]


@pytest.mark.parametrize("change", SOUND)
def test_sound_terms(change):
    assert bad_terms(frame(change)).to_list() == [None]


def test_every_reason_is_tried_and_the_first_wins():
    assert {reason for _, reason in WRONG} | {"call schedule out of order"} == set(REASONS)
    together = {
        key: value
        for change, _ in reversed(WRONG)
        for key, value in change.items()
        if key != "maturity_date"
    }
    found = bad_terms(
        frame(
            together | {"maturity_date": date(2018, 1, 1)},
            together,
            {"day_count": "lunar", "offering_amount_usd": 0.0},
        )
    )
    assert found.to_list() == [
        "matures before it is issued",
        "unknown coupons per year",
        "unknown day count",
    ]


def test_rows_keep_their_order_and_do_not_depend_on_each_other():
    changes = [change for change, _ in WRONG] + SOUND
    together = bad_terms(frame(*changes)).to_list()
    assert together == [reason for _, reason in WRONG] + [None] * len(SOUND)
    assert bad_terms(frame(*changes[::-1])).to_list() == together[::-1]
    assert bad_terms(frame()).to_list() == []


def test_schedules():
    cusips = ("fine", "early", "same", "late", "free", "unpriced", "undated", "both", "none")
    bonds = frame(
        *(
            {"cusip": cusip} | ({"day_count": "lunar"} if cusip == "both" else {})
            for cusip in cusips
        )
    )
    first, second, after = date(2023, 6, 15), date(2024, 6, 15), date(2030, 6, 16)
    rows = [
        ("fine", first, 102.0),
        ("early", second, 102.0),
        ("fine", second, 101.0),
        ("early", first, 101.0),
        ("same", first, 102.0),
        ("same", first, 101.0),
        ("late", after, 100.0),
        ("free", first, 0.0),
        ("unpriced", first, None),
        ("undated", None, 100.0),
        ("both", first, -1.0),
        ("stranger", first, 100.0),
    ]
    calls = pl.DataFrame(
        rows,
        schema={"cusip": pl.String, "call_date": pl.Date, "call_price": pl.Float64},
        orient="row",
    )
    expected = [
        None,
        "call schedule out of order",
        "call schedule out of order",
        "call after maturity",
        "call price not positive",
        "call price not positive",
        "call schedule out of order",
        "unknown day count",
        None,
    ]
    assert bad_terms(bonds, calls).to_list() == expected
    assert bad_terms(bonds[::-1], calls).to_list() == expected[::-1]
    assert bad_terms(bonds, calls.clear()).to_list() == bad_terms(bonds).to_list()
