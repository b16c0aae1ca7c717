"""Issuer days of a market small enough to reckon by hand, and of a random one cut into single
days.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import date, datetime, time, timedelta

import numpy as np
import polars as pl
import pytest

from bondsig_assets.calendar import offset
from bondsig_assets.features.issuer_days import issuer_days
from bondsig_assets.features.panels import Panels
from bondsig_assets.features.spread_block import sector_beta
from bondsig_assets.tables import TABLES
from bondsig_assets.tables.issuer_features import (
    ALL_FEATURES,
    CREDIT_FEATURES,
    EQUITY_FEATURES,
    FEATURES,
    LOOKBACK_DAYS,
)
from bondsig_assets_tests.features.markets import (
    DAYS,
    bond,
    closing,
    cut,
    issuer,
    panels,
    price,
    quote,
    random_market,
    revision,
    stock,
    withdrawn,
)

TWO = {
    "equities": [stock("P", "PPP"), stock("Q", "QQQ")],
    "issuers": [issuer("a", "P"), issuer("b", "P"), issuer("c", "Q")],
    "bonds": [bond("A1", "a"), bond("B1", "b"), bond("C1", "c")],
    "prices": [price("PPP", 0, 0.0), price("QQQ", 0, 0.0)],
}


def rows_of_days(market: Panels, start: date, end: date) -> pl.DataFrame:
    """Rows of `issuer_days` alone."""
    return issuer_days(market, start, end)[0]


def features(day: int, parent: str = "P", *, first: int = 0, **tables) -> dict:
    """The row of a parent on DAYS[day]."""
    found = rows_of_days(panels(first, day, **(TWO | tables)), DAYS[day], DAYS[day]).filter(
        parent_id=parent
    )
    return found.row(0, named=True)


def by_day(name: str, last: int, parent: str = "P", **tables) -> list:
    """A feature of a parent on DAYS[0] … DAYS[last], in one run."""
    return (
        rows_of_days(panels(0, last, **(TWO | tables)), DAYS[0], DAYS[last])
        .filter(parent_id=parent)[name]
        .to_list()
    )


@pytest.mark.parametrize("feature", FEATURES, ids=lambda feature: feature.name)
def test_a_feature_names_each_input_once(feature):
    assert len(set(feature.inputs)) == len(feature.inputs)


def test_the_level_is_the_weighted_mean_of_the_bonds_of_the_parent():
    rows = [
        revision("A1", 3, spread=100.0, weight=3.0),
        revision("B1", 3, spread=200.0, weight=1.0),
        revision("C1", 3, spread=900.0),
    ]
    assert features(3, revisions=rows)["spread_bps"] == 125.0
    assert features(3, "Q", revisions=rows)["spread_bps"] == 900.0


def test_the_level_is_carried_ten_days_and_no_longer():
    rows = [revision("A1", 3, spread=100.0), revision("B1", 5, spread=200.0)]
    assert (
        by_day("spread_bps", 17, revisions=rows)
        == [None] * 3 + [100.0] * 2 + [150.0] * 9 + [200.0] * 2 + [None] * 2
    )


def test_the_change_matches_bonds_with_themselves():
    rows = [
        revision("A1", 2, spread=100.0, weight=2.0),
        revision("A1", 4, spread=110.0, weight=6.0),
        revision("B1", 3, spread=200.0, weight=4.0),
        revision("B1", 4, spread=180.0, weight=4.0),
    ]
    first, second = 1 / (1 / 2 + 1 / 6), 1 / (1 / 4 + 1 / 4)
    row = features(4, revisions=rows)
    assert row["oas_1d_change_bps"] == pytest.approx(
        (first * 10 + second * -20) / (first + second), rel=1e-14
    )
    assert (row["n_bonds"], row["n_bonds_traded"]) == (2, 2)


def test_features_on_capped_data_say_so():
    rows = [
        revision("A1", 2, n_capped=2),
        revision("A1", 2, 4, n_capped=1),
        revision("B1", 2, n_capped=0),
    ]
    assert by_day("n_capped_trades", 5, revisions=rows)[2:] == [2, 0, -1, 0]


def test_another_bond_trading_is_no_change():
    rows = [revision("A1", 2, spread=100.0), revision("B1", 3, spread=300.0)]
    assert by_day("oas_1d_change_bps", 3, revisions=rows) == [None] * 4


@pytest.mark.parametrize(("gap", "change"), [(5, 7.0), (6, None)])
def test_a_match_is_at_most_five_days_back(gap, change):
    assert (
        features(
            8, revisions=[revision("A1", 8 - gap, spread=100.0), revision("A1", 8, spread=107.0)]
        )["oas_1d_change_bps"]
        == change
    )


def test_changes_add_up():
    levels = [100.0, 101.0, 103.0, 106.0, 110.0, 115.0, 121.0]
    rows = [revision("A1", day, spread=level) for day, level in enumerate(levels)]
    row = features(6, revisions=rows)
    assert row["oas_5d_change_bps"] == 20.0
    assert row["oas_21d_change_bps"] == 21.0
    assert row["spread_velocity_bps"] == 4.0
    assert row["oas_5d_change_pct"] == pytest.approx(100 * np.log(121 / 101), rel=1e-12)
    assert features(2, revisions=rows[:3])["oas_5d_change_bps"] == 3.0
    assert features(1, revisions=rows[:2])["oas_5d_change_bps"] is None


def test_acceleration_is_the_change_of_velocity():
    rows = [revision("A1", day, spread=100.0 + day**2) for day in range(12)]
    row = features(11, revisions=rows)
    assert row["spread_acceleration_bps"] == pytest.approx(((121 - 36) - (36 - 1)) / 5, rel=1e-12)


def test_the_zscore_keeps_the_event_out_of_its_baseline():
    quiet = [revision("A1", day, spread=100.0 + 2 * (day % 2)) for day in range(60)]
    event = [revision("A1", 60 + k, spread=100.0 + 10 * (k + 1)) for k in range(5)]
    daily = np.array([2.0 * (-1) ** (k + 1) for k in range(1, 60)])
    row = features(64, revisions=[*quiet, *event])
    assert row["oas_5d_change_zscore"] == pytest.approx(
        (150.0 - 102.0) / (daily.std(ddof=1) * np.sqrt(5)), rel=1e-12
    )
    calm = [revision("A1", day, spread=100.0) for day in range(64)]
    assert (
        features(64, revisions=[*calm, revision("A1", 64, spread=103.0)])["oas_5d_change_zscore"]
        == 3.0
    )


def test_a_late_cancel_changes_the_level_from_the_day_it_is_known():
    rows = [revision("A1", 2, spread=100.0), revision("A1", 4, spread=160.0), withdrawn("A1", 4, 7)]
    assert by_day("spread_bps", 8, revisions=rows)[2:] == [
        100.0,
        100.0,
        160.0,
        160.0,
        160.0,
        100.0,
        100.0,
    ]


def test_a_late_report_is_seen_from_the_day_it_is_known():
    rows = [revision("A1", 2, spread=100.0), revision("A1", 4, 6, spread=160.0)]
    assert by_day("spread_bps", 7, revisions=rows)[2:] == [100.0] * 4 + [160.0] * 2
    # News of an older day does not replace a newer one.
    rows = [revision("A1", 4, spread=100.0), revision("A1", 2, 6, spread=160.0)]
    assert by_day("spread_bps", 7, revisions=rows)[4:] == [100.0] * 4


def test_staleness_counts_from_the_last_bond_day():
    rows = [revision("A1", 2), revision("B1", 5, spread=None)]
    assert by_day("staleness_days", 9, revisions=rows) == [
        None,
        None,
        0.0,
        1.0,
        2.0,
        0.0,
        1.0,
        2.0,
        3.0,
        4.0,
    ]


def test_staleness_goes_on_for_sixty_three_days():
    stale = by_day("staleness_days", 67, revisions=[revision("A1", 2)])
    assert stale[2:] == [float(k) for k in range(64)] + [None, None]


def test_a_withdrawn_trade_makes_the_bonds_stale_again():
    rows = [revision("A1", 2), revision("A1", 6), withdrawn("A1", 6, 8)]
    assert by_day("staleness_days", 9, revisions=rows)[6:] == [0.0, 1.0, 6.0, 7.0]
    only = [revision("A1", 6), withdrawn("A1", 6, 8)]
    assert by_day("staleness_days", 9, revisions=only)[6:] == [0.0, 1.0, None, None]


def test_a_withdrawn_trade_of_a_closed_day_leaves_the_next_day_alone():
    saturday = DAYS[4] + timedelta(days=(5 - DAYS[4].weekday()) % 7)
    monday = next(k for k, day in enumerate(DAYS) if day > saturday)
    ghost = withdrawn("A1", monday, monday + 1) | {"trade_date": saturday}
    rows = [revision("A1", monday, spread=100.0), ghost]
    assert by_day("spread_bps", monday + 2, revisions=rows)[monday:] == [100.0] * 3


def test_volume_counts_a_revision_by_its_difference():
    base = [revision("A1", day, par_usd=1e6) for day in range(75)]
    more = revision("A1", 74, 76, par_usd=3e6, n_trades=4)
    par = by_day("n_trades_21d", 77, revisions=[*base, more])
    assert par[74:] == [21.0, 20.0, 19.0 + 3, 18.0 + 3]
    assert by_day("n_trades_21d", 77, revisions=[*base, withdrawn("A1", 74, 76)])[74:] == [
        21.0,
        20.0,
        19.0 - 1,
        18.0 - 1,
    ]


def test_the_volume_zscore_by_hand():
    rng = np.random.default_rng(0)
    par = rng.integers(1, 40, 80) * 1e5
    row = features(
        79, revisions=[revision("A1", day, par_usd=float(par[day])) for day in range(80)]
    )
    x = np.array([np.log1p(par[k - 4 : k + 1].sum()) for k in range(4, 80)])
    usual = x[-5 - 63 : -5]
    assert row["trace_volume_zscore_5d"] == pytest.approx(
        (x[-1] - usual.mean()) / max(usual.std(ddof=1), 0.25), rel=1e-12
    )


def test_silence_before_the_first_report_is_no_silence_of_the_market():
    """Twenty days of trading that begin on day 60: against sixty days without data they would be a
    miracle.
    """
    rows = [revision("A1", day, par_usd=1e6, n_trades=5) for day in range(60, 80)]
    told = replace(panels(0, 79, **(TWO | {"revisions": rows})), reports_since=DAYS[60])
    row = rows_of_days(told, DAYS[79], DAYS[79]).filter(parent_id="P").row(0, named=True)
    assert [
        row[name]
        for name in (
            "trace_volume_zscore_5d",
            "volume_spike_zscore",
            "volume_spike_direction",
            "zero_trading_share_63d",
        )
    ] == [None] * 4
    assert row["n_trades_21d"] == 100.0
    believed = (
        rows_of_days(replace(told, reports_since=None), DAYS[60], DAYS[60])
        .filter(parent_id="P")
        .row(0, named=True)
    )
    assert believed["volume_spike_zscore"] > 5


def test_order_imbalance_and_bid_ask_by_hand():
    rows = [
        revision(
            "A1",
            1,
            customer_buy_par_usd=3e5,
            customer_sell_par_usd=1e5,
            customer_buy_price=101.0,
            customer_sell_price=99.0,
        ),
        revision("B1", 1, customer_buy_par_usd=2e5, customer_buy_price=100.0),
        revision(
            "A1", 2, customer_sell_par_usd=2e5, customer_buy_price=100.5, customer_sell_price=99.5
        ),
        revision("A1", 3, customer_buy_price=102.0, customer_sell_price=98.0),
    ]
    row = features(3, revisions=rows)
    assert row["order_imbalance_5d"] == pytest.approx((5e5 - 3e5) / 8e5, rel=1e-14)
    assert row["customer_bid_ask_pct"] == pytest.approx(2.0, rel=1e-14)
    assert features(2, revisions=rows[:3])["customer_bid_ask_pct"] is None


def test_amihud_by_hand():
    prices = [100.0, 101.0, 99.0, 99.0, 100.0, 102.0]
    rows = [revision("A1", day, price=p, par_usd=2e6) for day, p in enumerate(prices)]
    moves = [100 * abs(b / a - 1) / 2 for a, b in zip(prices, prices[1:], strict=False)]
    assert features(5, revisions=rows)["amihud_21d"] == pytest.approx(np.median(moves), rel=1e-12)


def test_the_curve_of_six_bonds_is_read_at_constant_maturities():
    """Bonds on an exact Nelson-Siegel curve: the level is what it is at five years, whatever the
    bonds' own maturities.
    """
    years = [1.5, 3.0, 4.0, 6.0, 8.0, 12.0]

    def curve(level: float, slope: float, bend: float, t: float) -> float:
        f = (1 - np.exp(-0.5 * t)) / (0.5 * t)
        return level + slope * f + bend * (f - np.exp(-0.5 * t))

    rows = [
        revision(
            f"A{k}",
            3,
            spread=curve(250, -120, 40, t),
            yield_pct=curve(6, -1.5, 0.3, t),
            maturity_years=t,
        )
        for k, t in enumerate(years)
    ]
    row = features(3, bonds=[bond(f"A{k}", "a") for k in range(6)], revisions=rows)
    assert row["curve_method"] == "own"
    assert row["spread_bps"] == pytest.approx(curve(250, -120, 40, 5.0), rel=1e-9)
    assert row["spread_slope_10y2y"] == pytest.approx(
        curve(250, -120, 40, 10.0) - curve(250, -120, 40, 2.0), rel=1e-8
    )
    assert row["corp_curve_slope_10y2y"] == pytest.approx(
        curve(6, -1.5, 0.3, 10.0) - curve(6, -1.5, 0.3, 2.0), rel=1e-8
    )
    assert row["spread_curvature_bps"] == pytest.approx(
        2 * curve(250, -120, 40, 5.0) - curve(250, -120, 40, 2.0) - curve(250, -120, 40, 10.0),
        rel=1e-6,
    )
    assert (row["curve_inversion_flag"], row["curve_extrapolation_flag"]) == (0.0, 0.0)


def test_one_bond_takes_the_shape_of_its_group_at_its_own_level():
    """Every issuer has spreads 100 + 20 t times its own factor; the last has one bond, of eight
    years.
    """
    names = [f"P{k}" for k in range(8)]
    bonds, rows = [], []
    for k, name in enumerate(names):
        for t in (2.0, 3.5, 5.0, 7.0, 10.0) if k < 7 else (8.0,):
            bonds.append(bond(f"{name}-{t}", name))
            rows.append(
                revision(f"{name}-{t}", 3, spread=(1 + k) * (100 + 20 * t), maturity_years=t)
            )
    market = {
        "equities": [stock(n, n) for n in names],
        "issuers": [issuer(n, n) for n in names],
        "bonds": bonds,
        "revisions": rows,
        "prices": [price("P0", 0, 0.0)],
    }
    found = (
        rows_of_days(panels(0, 3, **market), DAYS[3], DAYS[3])
        .filter(parent_id="P7")
        .row(0, named=True)
    )
    assert found["curve_method"] == "shifted" and found["curve_extrapolation_flag"] == 1.0
    # Flat it would be 2080; a handful of issuers draws the shape a little towards that.
    assert found["spread_bps"] == pytest.approx(8 * 200, rel=0.05)


def test_a_redeemed_bond_is_no_longer_there():
    gone = [{"cusip": "B1", "effective_date": DAYS[4], "amount_usd": 0.0, "known_at": closing(4)}]
    rows = [
        revision(name, day, spread=spread)
        for day in range(6)
        for name, spread in (("A1", 100.0), ("B1", 300.0))
    ]
    rows += [revision("B1", 6, spread=300.0, weight=0.0)]
    assert by_day("spread_bps", 6, revisions=rows, amounts_outstanding=gone)[3:] == [
        200.0,
        100.0,
        100.0,
        100.0,
    ]
    assert by_day("n_bonds", 6, revisions=rows, amounts_outstanding=gone)[3:] == [2, 1, 1, 1]


def test_no_group_takes_an_issuer_far_from_its_own_bonds():
    """Others' curves rise twentyfold from one to ten years; an issuer with one bond of 1.3 years is
    not thrown there.
    """
    names = [f"P{k}" for k in range(8)]
    bonds, rows = [], []
    for k, name in enumerate(names):
        for t in (1.2, 3.5, 5.0, 7.0, 10.0) if k < 7 else (1.3,):
            bonds.append(bond(f"{name}-{t}", name))
            rows.append(
                revision(f"{name}-{t}", 3, spread=30 * t**1.3, maturity_years=t)
                if k < 7
                else revision(f"{name}-{t}", 3, spread=154.0, maturity_years=t)
            )
    market = {
        "equities": [stock(n, n) for n in names],
        "issuers": [issuer(n, n) for n in names],
        "bonds": bonds,
        "revisions": rows,
        "prices": [price("P0", 0, 0.0)],
    }
    found = (
        rows_of_days(panels(0, 3, **market), DAYS[3], DAYS[3])
        .filter(parent_id="P7")
        .row(0, named=True)
    )
    assert 77 <= found["spread_bps"] <= 308


def test_zero_and_infinite_weights_and_prices_speak_for_nobody():
    strange = [
        revision("A1", 2, weight=0.0),
        revision("A1", 3, weight=0.0, price=0.0),
        revision("A1", 4, weight=float("inf")),
        revision("A1", 5, weight=float("inf")),
    ]
    assert by_day("spread_bps", 5, revisions=[*strange, revision("B1", 3, spread=90.0)])[2:] == [
        None,
        90.0,
        90.0,
        90.0,
    ]


def test_a_matured_bond_no_longer_speaks_for_its_issuer():
    rows = [revision("A1", 3, spread=100.0), revision("B1", 3, spread=300.0)]
    bonds = [bond("A1", "a"), bond("B1", "b", maturity_date=DAYS[5])]
    assert by_day("spread_bps", 6, bonds=bonds, revisions=rows)[3:] == [200.0, 200.0, 100.0, 100.0]


def test_the_basis_by_hand():
    rows = [
        revision("A1", 3, spread=150.0, maturity_years=4.0, weight=1.0),
        revision("B1", 3, spread=130.0, maturity_years=8.0, weight=3.0),
    ]
    quotes = [quote("PPP", 3, 5.0, 100.0), quote("PPP", 3, 10.0, 140.0)]
    row = features(3, revisions=rows, cds_quotes=quotes)
    assert row["cds_bond_basis_bps"] == pytest.approx(100 + 40 * 2 / 5 - 135, rel=1e-12)
    assert row["cds_spread_bps"] == 100.0


@pytest.mark.parametrize(
    ("maturity", "value"),
    [(2.5, 100.0), (2.4, None), (12.5, 140.0), (12.6, None), (5.0, 100.0), (10.0, 140.0)],
)
def test_the_basis_needs_a_quote_within_two_and_a_half_years(maturity, value):
    quotes = [quote("PPP", 3, 5.0, 100.0), quote("PPP", 3, 10.0, 140.0)]
    basis = features(
        3, revisions=[revision("A1", 3, spread=0.0, maturity_years=maturity)], cds_quotes=quotes
    )["cds_bond_basis_bps"]
    assert basis == (value if value is None else pytest.approx(value, rel=1e-12))


def test_the_basis_uses_the_names_own_tenors():
    rows = [revision("A1", 3, spread=0.0, maturity_years=5.0)]
    for others in (
        [],
        [quote("QQQ", 3, 3.0, 1.0), quote("QQQ", 3, 7.0, 1.0), quote("QQQ", 3, 5.0, 1.0)],
    ):
        assert (
            features(3, revisions=rows, cds_quotes=[quote("PPP", 3, 5.0, 100.0), *others])[
                "cds_bond_basis_bps"
            ]
            == 100.0
        )


def test_a_tenor_first_quoted_later_changes_nothing_before():
    rows = [revision("A1", 3, spread=0.0, maturity_years=6.0)]
    quotes = [quote("PPP", 3, 5.0, 100.0), quote("PPP", 3, 10.0, 140.0)]
    later = [*quotes, *(quote("PPP", 4, tenor, 100.0) for tenor in (5.0, 7.0, 10.0))]
    assert (
        by_day("cds_bond_basis_bps", 4, revisions=rows, cds_quotes=later)[3]
        == by_day("cds_bond_basis_bps", 3, revisions=rows, cds_quotes=quotes)[3]
        == 108.0
    )


def test_cds_changes_by_hand():
    quotes = [quote("PPP", day, 5.0, 100.0 + day**2) for day in range(8)]
    row = features(7, cds_quotes=quotes)
    assert (row["cds_1d_change_bps"], row["cds_5d_change_bps"]) == (13.0, 45.0)
    assert row["cds_5d_change_pct"] == pytest.approx(100 * np.log(149 / 104), rel=1e-12)
    assert by_day("cds_spread_bps", 14, cds_quotes=quotes)[10:12] == [149.0, 149.0]
    assert by_day("cds_spread_bps", 14, cds_quotes=quotes)[13:] == [None, None]
    assert by_day("cds_1d_change_bps", 8, cds_quotes=quotes)[8] is None


def test_a_quote_known_after_the_cutoff_is_not_used():
    late = quote("PPP", 3, 5.0, 100.0) | {"known_at": closing(3) + timedelta(hours=2, minutes=31)}
    assert features(3, cds_quotes=[late])["cds_spread_bps"] is None
    assert (
        features(3, cds_quotes=[late | {"known_at": closing(3) + timedelta(hours=2, minutes=30)}])[
            "cds_spread_bps"
        ]
        == 100.0
    )


def test_without_bonds_there_is_nothing_and_never_zero():
    row = features(70, bonds=[], cds_quotes=[quote("PPP", day, 5.0, 100.0) for day in range(71)])
    of_bonds = {
        f.name
        for f in FEATURES
        if f.block == "credit" and not any(i.startswith("cds") for i in f.inputs)
    }
    assert {name: row[name] for name in of_bonds} == dict.fromkeys(of_bonds)
    assert (row["n_bonds"], row["cds_spread_bps"], row["cds_bond_basis_bps"]) == (0, 100.0, None)


def test_without_cds_there_is_nothing_and_never_zero():
    row = features(70, revisions=[revision("A1", day) for day in range(71)])
    of_cds = {f.name for f in FEATURES if any(i.startswith("cds") for i in f.inputs)} - {
        "cds_quote_flag"
    }
    assert row["cds_quote_flag"] == 0.0
    assert {name: row[name] for name in of_cds} == dict.fromkeys(of_cds)
    assert row["spread_bps"] == 100.0


def test_without_prices_the_controls_are_null():
    row = features(3, prices=[], revisions=[revision("A1", 3)])
    assert {name: row[name] for name in EQUITY_FEATURES} == dict.fromkeys(EQUITY_FEATURES)
    assert row["spread_bps"] == 100.0


def test_without_bond_or_quote_there_is_no_row():
    assert set(
        rows_of_days(panels(0, 3, **(TWO | {"bonds": [bond("A1", "a")]})), DAYS[3], DAYS[3])[
            "parent_id"
        ]
    ) == {"P"}


def test_bonds_not_yet_issued_or_matured_do_not_count():
    future = bond("A1", "a", offering_date=DAYS[4])
    matured = bond("B1", "b", maturity_date=DAYS[2])
    table = rows_of_days(
        panels(0, 5, **(TWO | {"bonds": [future, matured]})), DAYS[0], DAYS[5]
    ).filter(parent_id="P")
    assert dict(table.select("trade_date", "n_bonds").iter_rows()) == {
        DAYS[0]: 1,
        DAYS[1]: 1,
        DAYS[4]: 1,
        DAYS[5]: 1,
    }


def test_a_bond_known_late_is_not_counted_before():
    rows = rows_of_days(
        panels(0, 5, **(TWO | {"bonds": [bond("A1", "a"), bond("B1", "b", known_at=closing(4))]})),
        DAYS[0],
        DAYS[5],
    )
    assert rows.filter(parent_id="P")["n_bonds"].to_list() == [1] * 4 + [2] * 2


def test_a_takeover_moves_bond_and_history_on_the_day_it_holds():
    taken = [*TWO["issuers"], issuer("b", "Q", valid_from_date=DAYS[5], known_at=closing(1))]
    rows = [
        revision("B1", 4, spread=300.0),
        revision("C1", 4, spread=100.0),
        revision("A1", 4, spread=50.0),
    ]
    assert by_day("spread_bps", 6, issuers=taken, revisions=rows)[4:] == [175.0, 50.0, 50.0]
    assert by_day("spread_bps", 6, "Q", issuers=taken, revisions=rows)[4:] == [100.0, 200.0, 200.0]


def test_equity_controls_by_hand():
    rng = np.random.default_rng(3)
    stock_return, etf_return = rng.normal(0, 2, 70), rng.normal(0, 1, 70)
    prices = [
        price("PPP", day, float(stock_return[day]), volume_shares=4e5) for day in range(70)
    ] + [price("ETF", day, float(etf_return[day])) for day in range(70)]
    filed = [
        {
            "parent_id": "P",
            "period_end_date": DAYS[10],
            "total_debt_usd": 3e9,
            "known_at": closing(40),
        }
    ]
    row = features(69, prices=prices, fundamentals=filed, revisions=[revision("A1", 69)])
    compound = lambda returns: 100 * (np.prod(1 + returns / 100) - 1)  # noqa: E731
    expected = {
        "equity_return_1d_pct": stock_return[-1],
        "equity_return_5d_pct": compound(stock_return[-5:]),
        "equity_return_21d_pct": compound(stock_return[-21:]),
        "equity_return_63d_pct": compound(stock_return[-63:]),
        "equity_excess_return_5d_pct": compound(stock_return[-5:]) - compound(etf_return[-5:]),
        "equity_volatility_21d_pct": stock_return[-21:].std(ddof=1) * np.sqrt(252),
        "equity_volatility_63d_pct": stock_return[-63:].std(ddof=1) * np.sqrt(252),
        "log_market_cap": np.log(50.0 * 2e7),
        "leverage_ratio": 3e9 / (3e9 + 1e9),
    }
    slope = np.polyfit(etf_return[-63:], stock_return[-63:], 1)[0]
    expected |= {"equity_beta_63d": slope, "equity_turnover_21d_pct": 100 * 4e5 / 2e7}
    without = {
        "distance_to_default",
        "naive_distance_to_default",
        "creditgrades_spread_bps",
    }  # no Treasury curve, no parts of the debt
    assert {name: row[name] for name in EQUITY_FEATURES} == {
        name: pytest.approx(value, rel=1e-9) for name, value in expected.items()
    } | dict.fromkeys(without)


def test_a_filing_counts_from_the_day_it_is_known():
    filed = [
        {
            "parent_id": "P",
            "period_end_date": DAYS[0],
            "total_debt_usd": 3e9,
            "known_at": closing(2),
        },
        {
            "parent_id": "P",
            "period_end_date": DAYS[1],
            "total_debt_usd": 1e9,
            "known_at": closing(3),
        },
    ]
    prices = [price("PPP", day, 0.0) for day in range(5)]
    assert by_day("leverage_ratio", 4, prices=prices, fundamentals=filed) == [
        None,
        None,
        0.75,
        0.5,
        0.5,
    ]


def test_the_sector_comparisons_leave_the_issuer_out():
    names = [f"P{k}" for k in range(7)]
    market = {
        "equities": [stock(n, n) for n in names],
        "issuers": [issuer(n, n) for n in names],
        "bonds": [bond(n, n) for n in names],
        "prices": [price("P0", 0, 0.0)],
        "revisions": [revision(n, 3, spread=100.0 + 10 * k**2) for k, n in enumerate(names)],
    }
    found = rows_of_days(panels(0, 3, **market), DAYS[3], DAYS[3])
    levels = 100.0 + 10 * np.arange(7.0) ** 2
    assert found["spread_vs_sector_median"].to_list() == [
        levels[k] - np.median(np.delete(levels, k)) for k in range(7)
    ]


def test_relative_value_falls_back_from_grade_to_sector():
    names = [f"P{k}" for k in range(7)]
    ratings = [
        {
            "issuer_id": n,
            "agency": "SP",
            "rating_date": date(2020, 1, 2),
            "rating_number": 8 if k else 15,
            "known_at": datetime(2020, 1, 3),
        }
        for k, n in enumerate(names)
    ]
    market = {
        "equities": [stock(n, n) for n in names],
        "issuers": [issuer(n, n) for n in names],
        "bonds": [bond(n, n) for n in names],
        "ratings": ratings,
        "prices": [price("P0", 0, 0.0)],
        "revisions": [revision(n, 3, spread=100.0 + 10 * k**2) for k, n in enumerate(names)],
    }
    found = rows_of_days(panels(0, 3, **market), DAYS[3], DAYS[3])
    levels = 100.0 + 10 * np.arange(7.0) ** 2
    assert found["rating_number"].to_list() == [15.0] + [8.0] * 6
    # The junk name has no junk peers: all of the sector. Each other is compared with the five of
    # its grade.
    wanted = [levels[0] - np.median(levels[1:])] + [
        levels[k] - np.median(np.delete(levels, [0, k])) for k in range(1, 7)
    ]
    assert found["spread_vs_sector_median"].to_list() == wanted


def test_sector_beta_recovers_slopes_and_shrinks():
    rng = np.random.default_rng(1)
    sector = np.repeat(rng.normal(0, 10, (130, 1)), 3, axis=1)
    issuer_changes = sector * np.array([0.5, 1.0, 2.0])
    exact = sector_beta(issuer_changes, sector)
    np.testing.assert_allclose(exact[-1], [0.5, 1.0, 2.0], rtol=1e-9)
    noisy = sector_beta(issuer_changes + rng.normal(0, 10, sector.shape), sector)[-1]
    weeks = slice(129 - 120, 130, 5)
    plain = []
    for k in range(3):
        generator = np.random.default_rng(1)
        generator.normal(0, 10, (130, 1))
        y = issuer_changes[:, k] + generator.normal(0, 10, sector.shape)[:, k]
        plain.append(np.polyfit(sector[weeks, k], y[weeks], 1)[0])
    assert (np.abs(noisy - 1) < np.abs(np.array(plain) - 1)).all()
    assert np.isnan(sector_beta(issuer_changes[:55], sector[:55])).all()  # eleven weeks


@pytest.fixture(scope="module")
def market() -> Panels:
    """A random market of 440 days."""
    return random_market(seed=5, n_days=440, n_parents=36)


@pytest.fixture(scope="module")
def both(market) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Its issuer days and their coverage from the first day with a full look-back on, in one
    run.
    """
    return issuer_days(market, DAYS[LOOKBACK_DAYS], DAYS[439])


@pytest.fixture(scope="module")
def whole(both) -> pl.DataFrame:
    """Its issuer days."""
    return both[0]


@pytest.mark.slow
def test_every_declared_feature_is_a_column_and_used(whole):
    assert TABLES["issuer_days"].conform(whole).height == whole.height > 1000
    assert [c for c in whole.columns if c in ALL_FEATURES] == list(ALL_FEATURES)
    assert ALL_FEATURES == CREDIT_FEATURES + EQUITY_FEATURES
    assert sorted(ALL_FEATURES) == sorted(f.name for f in FEATURES)
    few = {
        "staleness_days",
        "cds_quote_flag",
        "curve_inversion_flag",
        "curve_extrapolation_flag",
        "volume_spike_direction",
    }
    for name in ALL_FEATURES:
        assert whole[name].n_unique() > 5 or name in few and whole[name].n_unique() > 1, name
        assert whole[name].is_nan().sum() == 0 and not whole[name].is_infinite().any(), name
    assert set(whole["curve_method"].drop_nulls()) >= {"own", "shrunk", "shifted"}


def test_every_missing_value_has_a_reason(both):
    rows, coverage = both
    told = TABLES["feature_coverage"].conform(coverage)
    reasons = [
        name
        for name in told.columns
        if name.startswith("n_") and name not in ("n_issuers", "n_present")
    ]
    assert told.select(
        (pl.sum_horizontal("n_present", *reasons) == pl.col("n_issuers")).all()
    ).item()
    counted = (
        rows.group_by("trade_date")
        .agg(pl.col(list(ALL_FEATURES)).count())
        .unpivot(index="trade_date", variable_name="feature", value_name="n")
    )
    same = told.join(counted, on=["trade_date", "feature"])
    assert same.height == told.height and (same["n_present"] == same["n"]).all()
    assert {name for name in reasons if told[name].sum() > 0} >= {
        "n_no_bond_spread",
        "n_no_cds_quote",
        "n_too_few_observations",
    }


@pytest.mark.parametrize("day", [LOOKBACK_DAYS, 291, 295, 311, 340, 400, 439])
def test_a_single_day_is_the_range_to_the_last_bit(market, both, day):
    alone, coverage = issuer_days(
        cut(market, offset(DAYS[day], -LOOKBACK_DAYS), DAYS[day]), DAYS[day], DAYS[day]
    )
    assert alone.height > 5
    whole = both[0].filter(trade_date=DAYS[day])
    assert alone.equals(whole)
    assert coverage.equals(both[1].filter(trade_date=DAYS[day]))
    for name in ALL_FEATURES:
        assert (
            alone[name].fill_null(0.0).to_numpy().tobytes()
            == whole[name].fill_null(0.0).to_numpy().tobytes()
        )


def _known_by(market: Panels, last: date, later: str) -> Panels:
    """The market with everything that became known after `last` dropped, poisoned, or told once
    more and otherwise.
    """
    moment = datetime.combine(last, time(18, 30))
    is_late = {
        name: pl.col(column) > limit
        for name, column, limit in (
            ("revisions", "known_date", last),
            ("prices", "known_at", moment),
            ("cds", "known_at", moment),
            ("ratings", "known_at", moment),
            ("fundamentals", "known_at", moment),
            ("amounts", "known_at", moment),
            ("yields", "known_at", moment),
        )
    }
    poison = {
        "revisions": {
            "oas_bps": 1e6,
            "par_usd": 1e12,
            "price": 1.0,
            "price_high": 1e4,
            "yield_pct": 99.0,
            "n_trades": 999,
        },
        "prices": {"total_return_pct": 50.0, "close_usd": 1.0},
        "cds": {"par_spread_bps": 9e4},
        "ratings": {"rating_number": 22},
        "fundamentals": {"total_debt_usd": 1.0, "short_term_debt_usd": 1.0},
        "amounts": {"amount_usd": 1.0},
        "yields": {"par_yield_pct": 90.0},
    }
    changed = {}
    for name, late in is_late.items():
        frame: pl.DataFrame = getattr(market, name)
        false = frame.with_columns(
            pl.when(late)
            .then(pl.lit(value))
            .otherwise(column)
            .cast(frame.schema[column])
            .alias(column)
            for column, value in poison[name].items()
        )
        # A correction of an old day, told late.
        again = (
            frame.filter(~late)
            .tail(500)
            .with_columns(
                pl.lit(value).cast(frame.schema[column]).alias(column)
                for column, value in poison[name].items()
            )
        )
        when = (
            pl.lit(next(day for day in DAYS if day > last))
            if name == "revisions"
            else pl.lit(moment + timedelta(hours=20))
        )
        again = again.with_columns(when.alias("known_date" if name == "revisions" else "known_at"))
        key = ["cusip", "trade_date", "known_date"] if name == "revisions" else []
        again = (
            again.unique(key, keep="first", maintain_order=True).join(frame, on=key, how="anti")
            if key
            else again
        )
        changed[name] = {
            "truncate": frame.filter(~late),
            "poison": false,
            "append": pl.concat([frame, again.select(frame.columns)]),
        }[later]
    return replace(market, **changed)


@pytest.mark.slow
@pytest.mark.parametrize("later", ["truncate", "poison", "append"])
@pytest.mark.parametrize("seed", range(3))
def test_what_is_known_later_changes_no_earlier_day(market, whole, seed, later):
    last = DAYS[int(np.random.default_rng(seed).integers(LOOKBACK_DAYS + 2, 430))]
    changed = rows_of_days(_known_by(market, last, later), DAYS[LOOKBACK_DAYS], DAYS[439])
    early = pl.col("trade_date") <= last
    before, after = whole.filter(early), changed.filter(early)
    assert after.equals(before), [
        name for name in ALL_FEATURES if not after[name].equals(before[name])
    ]
    assert not changed.equals(whole)
