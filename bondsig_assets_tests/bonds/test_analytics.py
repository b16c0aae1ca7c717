"""`analyze` on a handful of bonds: what was known, the worst date, reasons, weights."""

from __future__ import annotations

from datetime import date, datetime, time, timedelta

import numpy as np
import polars as pl
import pytest

from bondsig_assets.bonds import kernels
from bondsig_assets.bonds.analytics import analyze
from bondsig_assets.bonds.conventions import terms
from bondsig_assets.bonds.curves import ParCurves, zero_curves
from bondsig_assets.bonds.known_terms import Reference, unused_rows
from bondsig_assets.tables.clean import BOND_ANALYTICS, BOND_DAY_REVISIONS
from bondsig_assets.tables.raw import AMOUNTS_OUTSTANDING, BONDS, CALL_SCHEDULES, TREASURY_YIELDS

DAY = date(2024, 3, 5)
TENORS = (0.25, 1.0, 2.0, 5.0, 10.0, 30.0)


def frame(table, rows):
    """Rows of `table`; columns they do not name hold null."""
    return pl.DataFrame(rows, schema=table.polars_schema) if rows else table.empty()


def curve(day, level, known_at=None):
    """Par yields of one day rising from `level`, known the next morning unless said otherwise."""
    known_at = known_at or datetime.combine(day + timedelta(days=1), time(8))
    return [
        {
            "trade_date": day,
            "tenor_years": tenor,
            "par_yield_pct": level + tenor / 30,
            "known_at": known_at,
        }
        for tenor in TENORS
    ]


def bond(cusip, **changes):
    """Terms of a plain semi-annual bond, with changes."""
    usual = {
        "cusip": cusip,
        "coupon_type": "F",
        "coupon_pct": 5.0,
        "coupons_per_year": 2,
        "day_count": "30/360",
        "offering_date": date(2019, 6, 15),
        "maturity_date": date(2030, 6, 15),
        "offering_amount_usd": 5e8,
        "is_callable": False,
        "is_convertible": False,
        "known_at": datetime(2019, 6, 15, 18, 30),
    }
    return {**usual, **changes}


def revision(cusip, price=98.0, day=DAY, known_date=None, n_trades=4):
    """One bond-day revision, by default known on its own day."""
    known_date = known_date or day
    return {
        "cusip": cusip,
        "trade_date": day,
        "known_date": known_date,
        "n_trades": n_trades,
        "price": price,
        "known_at": datetime.combine(known_date, time(18, 30)),
    }


YIELDS = frame(
    TREASURY_YIELDS, curve(date(2024, 3, 1), 4.0) + curve(date(2024, 3, 4), 4.1) + curve(DAY, 4.5)
)


def run(revisions, bonds, yields=YIELDS, *more):
    """`analyze` of rows given as dictionaries."""
    return analyze(
        frame(BOND_DAY_REVISIONS, revisions), Reference(frame(BONDS, bonds), yields, *more)
    )


def test_a_plain_bond():
    found = run([revision("A")], [bond("A")])
    row = BOND_ANALYTICS.conform(found).row(0, named=True)
    held = terms(np.datetime64("2024-03-07"), np.datetime64("2030-06-15"), 5.0)
    years = (held.maturity - held.settlement)[0] / 365
    yield_pct, duration, convexity, _ = kernels.yield_duration_convexity(held, 98.0)
    assert row["settlement_date"] == date(2024, 3, 7) and row["curve_date"] == date(2024, 3, 4)
    assert row["maturity_years"] == years
    assert row["accrued_interest"] == pytest.approx(5 * 82 / 360)
    assert (row["yield_pct"], row["duration_years"], row["convexity"]) == (
        yield_pct[0],
        duration[0],
        convexity[0],
    )
    assert row["g_spread_bps"] == pytest.approx(100 * (yield_pct[0] - 4.1 - years / 30), abs=1e-9)
    assert row["oas_bps"] == pytest.approx(row["g_spread_bps"], abs=5)
    assert row["oas_bps"] == row["z_spread_bps"] and row["option_cost_bps"] is None
    # A bond without calls: spread duration and modified duration differ by half a coupon period's
    # yield.
    assert row["spread_duration_years"] == pytest.approx(
        duration[0] * (1 + yield_pct[0] / 200), rel=2e-3
    )
    assert row["weight"] == pytest.approx(5e8 * 4 * (row["spread_duration_years"] / 0.5) ** 2)
    # Three measures of one credit, near par: close to each other and not the same.
    assert row["asset_swap_spread_bps"] == pytest.approx(row["z_spread_bps"], abs=8)
    assert row["cds_equivalent_spread_bps"] == pytest.approx(row["z_spread_bps"], abs=8)
    assert (row["oas_method"], row["reason"], row["known_at"]) == (
        "z",
        None,
        datetime(2024, 3, 5, 18, 30),
    )


def test_the_curve_is_the_one_known_at_the_cutoff_of_the_trade_date():
    late = revision("A", known_date=date(2024, 3, 6))
    found = run([revision("A"), late], [bond("A")])
    # Rates have moved since; the price is still of its own day, and a late cancel of another trade
    # leaves the spread alone.
    assert found["curve_date"].to_list() == [date(2024, 3, 4)] * 2
    assert found["oas_bps"][0] == found["oas_bps"][1]
    # One second after 18:30 is too late for the day.
    for second, day in ((0, DAY), (1, date(2024, 3, 4))):
        yields = frame(
            TREASURY_YIELDS,
            curve(date(2024, 3, 4), 4.1) + curve(DAY, 4.5, datetime(2024, 3, 5, 18, 30, second)),
        )
        assert run([revision("A")], [bond("A")], yields)["curve_date"].to_list() == [day]


def test_terms_not_yet_known():
    found = run(
        [revision("A"), revision("A", known_date=date(2024, 3, 6))],
        [bond("A", known_at=datetime(2024, 3, 6, 8))],
    )
    assert found["reason"].to_list() == ["no_terms", None]


@pytest.mark.slow
def test_callable_bond_above_par_is_valued_to_its_worst_call():
    callable_terms = {
        "is_callable": True,
        "first_call_date": date(2025, 6, 15),
        "first_call_price": 102.0,
    }
    row = run([revision("A", 104.0)], [bond("A", **callable_terms)]).row(0, named=True)
    settles, matures = np.datetime64("2024-03-07"), np.datetime64("2030-06-15")
    calls = np.array([f"{year}-06-15" for year in range(2025, 2031)], dtype="datetime64[D]")
    life = (matures - calls[0]).astype(int)
    prices = 102.0 - 2.0 * (calls - calls[0]).astype(int) / life
    every = terms(settles, matures, 5.0, 2, 0, calls, prices)
    yields = kernels.yield_duration_convexity(every, 104.0)[0]
    worst = int(np.argmin(yields))
    assert worst < 5
    assert row["yield_pct"] == yields[worst]
    assert row["maturity_years"] == (calls[worst] - settles).astype(int) / 365
    assert row["g_spread_bps"] == pytest.approx(
        100 * (yields[worst] - 4.1 - row["maturity_years"] / 30), abs=1e-9
    )
    below_par, bullet = (
        run([revision("A", 80.0)], [bond("A", **callable_terms)]),
        run([revision("A", 80.0)], [bond("A")]),
    )
    same = ["maturity_years", "yield_pct", "z_spread_bps", "g_spread_bps"]
    assert below_par.select(same).equals(bullet.select(same))


def test_a_fixed_call_price_costs_the_holder_spread():
    callable_terms = {
        "is_callable": True,
        "first_call_date": date(2025, 6, 15),
        "first_call_price": 102.0,
    }
    near, far = (
        run([revision("A", price)], [bond("A", **callable_terms)]).row(0, named=True)
        for price in (99.0, 60.0)
    )
    bullet = run([revision("A", 99.0)], [bond("A")]).row(0, named=True)
    assert near["oas_method"] == "hw" and near["option_cost_bps"] > 20
    assert near["oas_bps"] == pytest.approx(bullet["oas_bps"] - near["option_cost_bps"], abs=1e-9)
    assert near["spread_duration_years"] < bullet["spread_duration_years"]
    assert 0 <= far["option_cost_bps"] < 3, "nobody calls what trades at 60"
    # What cannot be called before its last half year at par is valued as a bullet.
    short = run(
        [revision("A", 99.0)],
        [bond("A", is_callable=True, first_call_date=date(2030, 3, 15), first_call_price=100.0)],
    ).row(0, named=True)
    assert (short["oas_method"], short["oas_bps"]) == ("z", bullet["oas_bps"])


def test_schedules_and_amounts_count_from_when_they_were_known():
    seen, later = datetime(2024, 3, 4, 12), datetime(2024, 3, 6, 12)
    calls = frame(
        CALL_SCHEDULES,
        [{"cusip": "A", "call_date": date(2025, 6, 15), "call_price": 101.0, "known_at": later}],
    )
    amounts = frame(
        AMOUNTS_OUTSTANDING,
        [
            {"cusip": "A", "effective_date": date(2024, 3, 4), "amount_usd": 2e8, "known_at": seen},
            {
                "cusip": "A",
                "effective_date": date(2024, 3, 5),
                "amount_usd": 1e8,
                "known_at": later,
            },
        ],
    )
    found = run(
        [revision("A"), revision("A", known_date=date(2024, 3, 6))],
        [bond("A")],
        YIELDS,
        calls,
        amounts,
    )
    assert found["oas_method"].to_list() == ["z", "hw"]
    assert found["amount_outstanding_usd"].to_list() == [2e8, 1e8]
    assert found["weight"][0] / 2e8 == pytest.approx(
        4 * (found["spread_duration_years"][0] / 0.5) ** 2
    )


def test_a_schedule_known_later_takes_nothing_from_today():
    """Until its own schedule is known a bond is called by its terms."""
    callable_terms = {
        "is_callable": True,
        "first_call_date": date(2025, 6, 15),
        "first_call_price": 102.5,
    }
    later = frame(
        CALL_SCHEDULES,
        [
            {
                "cusip": "A",
                "call_date": date(2025, 6, 15),
                "call_price": 101.0,
                "known_at": datetime(2024, 4, 1),
            }
        ],
    )
    without = run([revision("A", 101.0)], [bond("A", **callable_terms)])
    assert without["oas_method"].to_list() == ["hw"]
    assert run([revision("A", 101.0)], [bond("A", **callable_terms)], YIELDS, later).equals(without)


def test_what_is_redeemed_weighs_nothing():
    gone = frame(
        AMOUNTS_OUTSTANDING,
        [
            {
                "cusip": "A",
                "effective_date": date(2024, 3, 1),
                "amount_usd": 0.0,
                "known_at": datetime(2024, 3, 1, 16),
            }
        ],
    )
    row = run([revision("A")], [bond("A")], YIELDS, None, gone).row(0, named=True)
    assert (row["amount_outstanding_usd"], row["weight"]) == (0.0, None) and row[
        "oas_bps"
    ] is not None


def test_rows_that_contradict_the_terms_are_counted():
    calls = frame(
        CALL_SCHEDULES,
        [
            {
                "cusip": "A",
                "call_date": date(2005, 6, 15),
                "call_price": 101.0,
                "known_at": datetime(2019, 6, 15),
            }
        ],
    )
    amounts = frame(
        AMOUNTS_OUTSTANDING,
        [
            {
                "cusip": "Z",
                "effective_date": date(2024, 3, 1),
                "amount_usd": 1.0,
                "known_at": datetime(2024, 3, 1),
            }
        ],
    )
    assert (
        unused_rows(Reference(frame(BONDS, [bond("A")]), YIELDS, calls, amounts))
        == "1 callable before it was offered, 1 no terms for this bond"
    )
    assert unused_rows(Reference(frame(BONDS, [bond("A")]), YIELDS)) == "none"


def test_a_call_that_is_certain_has_no_spread():
    terms_of_call = {
        "is_callable": True,
        "first_call_date": date(2023, 6, 15),
        "first_call_price": 100.0,
    }
    row = run([revision("A", 108.0)], [bond("A", coupon_pct=9.0, **terms_of_call)]).row(
        0, named=True
    )
    assert (row["reason"], row["oas_bps"], row["weight"]) == ("deep_call", None, None) and row[
        "yield_pct"
    ] is not None


def test_calls_begin_after_settlement():
    row = run(
        [revision("A", 104.0)], [bond("A", is_callable=True, first_call_date=date(2020, 3, 7))]
    ).row(0, named=True)
    assert row["maturity_years"] == 365 / 365  # 7 March 2024 is the settlement: the next is 2025


@pytest.mark.parametrize(
    ("change", "price", "reason"),
    [
        ({"maturity_date": None}, 98.0, "no_terms"),
        ({"is_convertible": True}, 98.0, "convertible"),
        ({"coupon_type": "V"}, 98.0, "floating"),
        ({}, None, "no_price"),
        ({}, 0.0, "no_price"),
        ({}, float("nan"), "no_price"),
        ({"maturity_date": date(2024, 3, 7)}, 98.0, "matured"),
        ({"coupon_pct": None}, 98.0, "bad_terms: no coupon"),
        ({"day_count": "lunar"}, 98.0, "bad_terms: unknown day count"),
        ({"coupon_pct": 0.0}, 98.0, "bad_terms: payments without coupon"),
        ({"offering_amount_usd": -1.0}, 98.0, "bad_terms: negative amount"),
        ({"offering_date": date(2031, 1, 1)}, 98.0, "bad_terms: matures before it is issued"),
        ({}, 1e9, "unsolved"),
    ],
)
def test_reasons(change, price, reason):
    row = run([revision("A", price)], [bond("A", **change)]).row(0, named=True)
    assert row["reason"] == reason and row["curve_date"] == date(2024, 3, 4)
    empty = (
        "maturity_years",
        "accrued_interest",
        "yield_pct",
        "duration_years",
        "convexity",
        "g_spread_bps",
        "z_spread_bps",
        "oas_bps",
    )
    assert all(row[name] is None for name in (*empty, "oas_method", "weight"))


def test_an_unknown_bond_has_no_terms():
    found = run([revision("A"), revision("B")], [bond("A")])
    assert found.select("cusip", "reason").rows() == [("A", None), ("B", "no_terms")]
    assert found["settlement_date"].to_list() == [date(2024, 3, 7)] * 2


def test_without_a_curve_the_yield_stands():
    for yields in (TREASURY_YIELDS.empty(), frame(TREASURY_YIELDS, curve(DAY, 4.5))):
        row = BOND_ANALYTICS.conform(run([revision("A")], [bond("A")], yields)).row(0, named=True)
        assert row["reason"] == "no_curve" and row["curve_date"] is None
        assert row["yield_pct"] > 5.0 and row["duration_years"] > 5.0
        assert [row[name] for name in ("oas_bps", "g_spread_bps", "oas_method", "weight")] == [
            None
        ] * 4


def test_weights_only_from_one_to_thirty_years():
    bonds = [
        bond("A", maturity_date=date(2025, 3, 1)),
        bond("B", maturity_date=date(2025, 3, 15)),
        bond("C", maturity_date=date(2054, 4, 1)),
    ]
    found = run([revision(cusip) for cusip in "ABC"], bonds)
    assert found["weight"].is_null().to_list() == [True, False, True]
    assert found["oas_bps"].is_not_null().all()


def test_annual_and_zero_coupon_yields_are_compared_semi_annually():
    for changes in (
        {"coupons_per_year": 1},
        {"coupons_per_year": 0, "coupon_pct": 0.0, "coupon_type": "Z"},
    ):
        row = run([revision("A", 90.0)], [bond("A", **changes)]).row(0, named=True)
        # Without coupons a yield is semi-annual itself.
        semi_annual = (
            200 * ((1 + row["yield_pct"] / 100) ** 0.5 - 1)
            if changes["coupons_per_year"]
            else row["yield_pct"]
        )
        assert row["g_spread_bps"] == pytest.approx(
            100 * (semi_annual - 4.1 - row["maturity_years"] / 30), abs=1e-8
        )


def test_no_revisions():
    assert BOND_ANALYTICS.conform(run([], [bond("A")])).is_empty()


def test_a_row_does_not_depend_on_its_batch():
    generator = np.random.default_rng(5)
    bonds, revisions = [], []
    for i in range(60):
        maturity = date(2025, 1, 15) + timedelta(days=int(generator.integers(0, 9000)))
        bonds.append(
            bond(
                f"B{i:02}",
                maturity_date=maturity,
                coupon_pct=float(generator.uniform(0, 9)),
                coupons_per_year=int(generator.choice([1, 2, 4])),
                is_callable=i % 3 == 0,
                first_call_date=date(2024, 9, 1) if i % 3 == 0 else None,
                first_call_price=103.0,
            )
        )
        for day in (date(2024, 3, 4), DAY, date(2024, 3, 6)):
            revisions.append(revision(f"B{i:02}", float(generator.uniform(60, 115)), day))
    together = run(revisions, bonds)
    assert together["oas_bps"].is_not_null().all() and together["oas_method"].n_unique() == 2
    assert together.equals(together.sort("known_date", "cusip", "trade_date"))
    for day in (date(2024, 3, 4), DAY, date(2024, 3, 6)):
        daily = run([row for row in reversed(revisions) if row["known_date"] == day], bonds[::-1])
        assert daily.equals(together.filter(pl.col("known_date") == day))
    for row in revisions[::37]:
        alone = run([row], bonds, YIELDS)
        assert alone.equals(
            together.filter(
                pl.col("cusip") == row["cusip"], pl.col("known_date") == row["known_date"]
            )
        )


def test_spread_reprices_the_bond():
    row = run([revision("A", 98.0)], [bond("A")]).row(0, named=True)
    par = np.array([[4.1 + tenor / 30 for tenor in TENORS]])
    curves = zero_curves(ParCurves(np.array(TENORS), par))
    held = terms(np.datetime64("2024-03-07"), np.datetime64("2030-06-15"), 5.0)
    assert kernels.price_from_z_spread(held, curves, 0, row["oas_bps"])[0][0] == pytest.approx(
        98.0, abs=1e-9
    )


FLOATS = {
    "coupon_type": "X",
    "maturity_date": date(2031, 6, 15),
    "float_start_date": date(2030, 6, 15),
    "float_margin_pct": 1.2,
}


def test_a_fixed_to_floating_bond_is_valued_to_the_end_of_its_fixed_coupon():
    plain, both, silent = (
        run([revision("A")], [bond("A", **changes)]).row(0, named=True)
        for changes in ({}, FLOATS, FLOATS | {"float_margin_pct": None})
    )
    same = ("yield_pct", "duration_years", "g_spread_bps", "maturity_years", "accrued_interest")
    for row in (both, silent):
        assert [row[name] for name in same] == [plain[name] for name in same]
        assert row["reason"] is None and row["weight"] is not None and row["oas_method"] == "z"
    # The margin is near the spread, so that the year of floating changes little.
    assert both["oas_bps"] == pytest.approx(plain["oas_bps"], abs=3)
    assert both["oas_bps"] != plain["oas_bps"] == silent["oas_bps"]
    assert both["spread_duration_years"] == pytest.approx(
        plain["spread_duration_years"] + 0.8, abs=0.2
    )
    assert "float_margin" in silent["terms_assumed"].split(",")
    assert "float_margin" not in (both["terms_assumed"] or "").split(",")


def test_a_fixed_to_floating_bond_without_the_date_floats_from_its_call():
    changes = {**FLOATS, "float_start_date": None}
    lost = run([revision("A")], [bond("A", **changes)]).row(0, named=True)
    assert lost["reason"] == "no_float_start" and lost["yield_pct"] is None
    called = bond("A", **changes, is_callable=True, first_call_date=date(2030, 6, 15))
    found = run([revision("A")], [called]).row(0, named=True)
    known = run([revision("A")], [bond("A", **FLOATS)]).row(0, named=True)
    assert found["oas_bps"] == known["oas_bps"]
    assert "float_start" in found["terms_assumed"].split(",")


def test_what_floats_has_a_discount_margin_and_no_spread():
    floater = bond("A", coupon_type="V", coupon_pct=1.0, coupons_per_year=4, day_count="ACT/360")
    begun = bond("B", **FLOATS | {"float_start_date": date(2023, 6, 15)})
    found = run([revision("A", 100.0), revision("B", 100.0)], [floater, begun])
    assert found["reason"].to_list() == ["floating"] * 2
    assert found["oas_bps"].null_count() == found["yield_pct"].null_count() == 2
    assert found["discount_margin_bps"].to_list() == [
        pytest.approx(100, abs=3),
        pytest.approx(120, abs=3),
    ]


def test_what_was_assumed_is_said():
    row = run([revision("A")], [bond("A")]).row(0, named=True)
    assert row["terms_assumed"] == "accrual_start,first_coupon"
    told = bond("A", accrual_start_date=date(2019, 6, 15), first_coupon_date=date(2019, 12, 15))
    assert run([revision("A")], [told]).row(0, named=True)["terms_assumed"] is None
    silent = run([revision("A")], [told | {"is_callable": True}]).row(0, named=True)
    assert silent["terms_assumed"] == "no_call_schedule" and silent["oas_method"] == "z"
    on_terms = told | {"is_callable": True, "first_call_date": date(2026, 6, 15)}
    row = run([revision("A")], [on_terms]).row(0, named=True)
    assert row["terms_assumed"] == "call_schedule" and row["oas_method"] == "hw"


def test_a_bond_bought_before_interest_runs_settles_on_its_first_day():
    early = bond("A", accrual_start_date=date(2024, 3, 15), first_coupon_date=date(2024, 12, 15))
    row = run([revision("A")], [early]).row(0, named=True)
    assert row["settlement_date"] == date(2024, 3, 15) and row["accrued_interest"] == 0.0
    assert row["yield_pct"] == pytest.approx(5.37, abs=0.02)


def test_a_par_call_of_the_last_months_makes_the_worst_yield_and_no_tree():
    calls = frame(
        CALL_SCHEDULES,
        [
            {
                "cusip": "A",
                "call_date": date(2030, 3, 15),
                "call_price": 100.0,
                "known_at": datetime(2019, 6, 15),
            }
        ],
    )
    callable_bond = bond("A", is_callable=True)
    above, below = (
        run([revision("A", price)], [callable_bond], YIELDS, calls).row(0, named=True)
        for price in (104.0, 96.0)
    )
    assert above["maturity_years"] == pytest.approx(6.02, abs=0.02)
    assert below["maturity_years"] == pytest.approx(6.27, abs=0.02)
    assert above["oas_method"] == below["oas_method"] == "z"
    assert above["oas_bps"] == above["z_spread_bps"]


def test_no_price_above_a_running_call_price_has_a_spread():
    """The spread rises to where the price meets the call, and is not identified beyond."""
    called = bond(
        "A",
        coupon_pct=9.5,
        is_callable=True,
        first_call_date=date(2023, 6, 15),
        first_call_price=100.0,
    )
    prices = [98.0, 99.0, 99.5, 99.9, 100.0, 100.02, 100.1, 100.15, 101.0, 103.0]
    found = [run([revision("A", price)], [called]).row(0, named=True) for price in prices]
    spreads = [row["oas_bps"] for row in found]
    assert spreads[5:] == [None] * 5 and {row["reason"] for row in found[5:]} == {"deep_call"}
    assert all(row["yield_pct"] is not None for row in found)
    below = np.array(spreads[:5])
    assert (np.diff(below) < 0).all() and below.min() > 0


def test_steps_of_a_coupon_are_paid():
    stepped = bond("A", coupon_steps="2026-06-15 6, 2028-06-15 7.5")
    row, plain = (run([revision("A")], [one]).row(0, named=True) for one in (stepped, bond("A")))
    held = terms(
        np.datetime64("2024-03-07"),
        np.datetime64("2030-06-15"),
        5.0,
        step_dates=np.array([["2026-06-15", "2028-06-15"]], dtype="datetime64[D]"),
        step_coupons_pct=[[6.0, 7.5]],
    )
    assert row["yield_pct"] == kernels.yield_duration_convexity(held, 98.0)[0][0]
    assert row["yield_pct"] - plain["yield_pct"] == pytest.approx((2 * 1 + 2 * 2.5) / 6.3, abs=0.15)
    flows = kernels.cash_flows(held)
    assert flows.amounts[:-1].tolist() == [2.5] * 5 + [3.0] * 4 + [3.75] * 3


KINDS = [
    bond("PLAIN"),
    bond("ZERO", coupon_type="Z", coupon_pct=0.0, coupons_per_year=0),
    bond("CALLED", is_callable=True, first_call_date=date(2025, 6, 15), first_call_price=102.0),
    bond("PARCALL", is_callable=True, first_call_date=date(2030, 3, 15), first_call_price=100.0),
    bond("HYBRID", coupon_type="X", float_start_date=date(2028, 6, 15), float_margin_pct=2.0),
    bond("NOMARGIN", coupon_type="X", float_start_date=date(2028, 6, 15)),
]


@pytest.mark.parametrize("price", [60.0, 97.0, 100.4, 101.3])
@pytest.mark.parametrize(("given", "made_of"), [("yield_pct", "yield"), ("oas_bps", "spread")])
def test_a_quoted_yield_or_spread_gives_the_price_it_came_from(price, given, made_of):
    """All that a price leads to comes back, to worst and through the tree."""
    days = [revision(kind["cusip"], price, n_trades=1) for kind in KINDS]
    wanted = run(days, KINDS).filter(pl.col("oas_bps").is_not_null())
    assert wanted.height >= 5
    quoted = {"yield_pct": "quoted_yield_pct", "oas_bps": "quoted_spread_bps"}[given]
    values = dict(wanted.select("cusip", given).iter_rows())
    found = run(
        [
            day | {"price": None, "n_trades": None, quoted: values[day["cusip"]]}
            for day in days
            if day["cusip"] in values
        ],
        KINDS,
    )
    assert found["cusip"].to_list() == wanted["cusip"].to_list()
    assert found["implied_from"].unique().to_list() == [made_of]
    assert wanted["implied_price"].null_count() == wanted.height
    np.testing.assert_allclose(found["implied_price"], price, rtol=0, atol=2e-7)
    for name in ("yield_pct", "z_spread_bps", "oas_bps", "g_spread_bps", "duration_years"):
        np.testing.assert_allclose(found[name], wanted[name], rtol=1e-7, atol=1e-5, err_msg=name)
    # Without a number of trades a quote weighs like one.
    np.testing.assert_allclose(found["weight"], wanted["weight"], rtol=1e-6)


def test_a_price_wins_over_what_is_quoted_beside_it():
    day = revision("A") | {"quoted_yield_pct": 1.0, "quoted_spread_bps": 5.0}
    assert run([day], [bond("A")]).equals(run([revision("A")], [bond("A")]))


@pytest.mark.parametrize(
    ("change", "quoted", "reason"),
    [
        ({}, {"quoted_yield_pct": 1e9}, "unsolved"),
        ({}, {"quoted_yield_pct": None}, "no_price"),
        ({"coupon_type": "V"}, {"quoted_yield_pct": 5.0}, "no_price"),
        ({"coupon_pct": None}, {"quoted_spread_bps": 90.0}, "unsolved"),
    ],
)
def test_what_no_price_follows_from_says_why(change, quoted, reason):
    day = revision("A", None) | quoted
    row = run([day], [bond("A", **change)]).row(0, named=True)
    assert (row["implied_price"], row["oas_bps"]) == (None, None)
    assert row["reason"].startswith(reason) or row["reason"].startswith("bad_terms")


def test_without_a_curve_a_yield_has_a_price_and_a_spread_has_none():
    none = TREASURY_YIELDS.empty()
    days = [revision("A", None) | {"quoted_yield_pct": 5.5}]
    row = run(days, [bond("A")], none).row(0, named=True)
    assert row["reason"] == "no_curve" and 90 < row["implied_price"] < 100
    assert row["yield_pct"] == pytest.approx(5.5, abs=1e-9)
    days = [revision("A", None) | {"quoted_spread_bps": 90.0}]
    row = run(days, [bond("A")], none).row(0, named=True)
    assert (row["reason"], row["implied_price"]) == ("no_curve", None)


def test_a_reported_settlement_wins_over_the_regular_one_and_is_flagged():
    settles = date(2024, 3, 20)
    regular, told = (
        run([revision("A") | {"reported_settlement_date": day}], [bond("A")]).row(0, named=True)
        for day in (None, settles)
    )
    assert (regular["settlement_date"], regular["is_settlement_delivered"]) == (
        date(2024, 3, 7),
        False,
    )
    assert (told["settlement_date"], told["is_settlement_delivered"]) == (settles, True)
    # Thirteen days of a coupon of 5 % by 30/360.
    assert told["accrued_interest"] - regular["accrued_interest"] == pytest.approx(
        5.0 * 13 / 360, abs=1e-12
    )
