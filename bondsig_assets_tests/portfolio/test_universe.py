"""The universe: each rule alone at both edges, every reason, and a range that is its days."""

from __future__ import annotations

from datetime import date

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bondsig_assets.calendar import cutoff, trading_days
from bondsig_assets.portfolio.settings import BoundSettings, UniverseSettings
from bondsig_assets.portfolio.universe import removed, rules, trading_facts, universe
from bondsig_assets.tables.portfolio import UNIVERSE

DAYS = trading_days(date(2024, 1, 2), date(2024, 2, 29))
GOOD = {
    "ticker": "AAA",
    "n_equities": 1,
    "is_delisting": False,
    "price_usd": 50.0,
    "dollar_volume_usd": 50e6,
    "n_returns": 252,
    "gap_days": 0,
    "n_trades_21d": 100.0,
    "staleness_days": 0.0,
    "is_borrowable": True,
    "position_usd": None,
    "borrow_rate_pct": None,
    "is_hedge": False,
}
TYPES = {
    "n_equities": pl.Int64,
    "price_usd": pl.Float64,
    "dollar_volume_usd": pl.Float64,
    "n_returns": pl.Int64,
    "gap_days": pl.Int64,
    "n_trades_21d": pl.Float64,
    "staleness_days": pl.Float64,
    "is_borrowable": pl.Boolean,
    "is_delisting": pl.Boolean,
    "position_usd": pl.Float64,
    "borrow_rate_pct": pl.Float64,
}


def facts(*rows: dict, days=None) -> pl.DataFrame:
    """One issuer, a row a day, good but for what each row says."""
    days = DAYS[: len(rows)] if days is None else days
    made = [
        GOOD | {"parent_id": "P1", "trade_date": d} | row for d, row in zip(days, rows, strict=True)
    ]
    return pl.DataFrame(made, schema_overrides=TYPES)


def of(frame: pl.DataFrame, before=None, nav: float = 1e7, **changes) -> pl.DataFrame:
    return universe(frame, UniverseSettings(**changes), BoundSettings(), nav, before)


def is_in(*rows: dict, **changes) -> list[bool]:
    return of(facts(*rows), **changes)["is_in"].to_list()


#: Column, a value that enters, one that only stays, one that leaves, the reason.
EDGES = [
    ("price_usd", 5.0, 3.0, 2.99, "price"),
    ("dollar_volume_usd", 5e6, 3e6, 2.9e6, "dollar_volume"),
    ("n_trades_21d", 10.0, 5.0, 4.0, "bond_trades"),
    ("staleness_days", 3.0, 5.0, 6.0, "bond_staleness"),
    ("position_usd", 12.5e6, 25e6, 25.1e6, "liquidation"),
]


@pytest.mark.parametrize(("column", "enters", "stays", "leaves", "reason"), EDGES)
def test_a_rule_has_an_edge_to_enter_and_one_to_stay(column, enters, stays, leaves, reason):
    day = [{column: value} for value in (stays, enters, stays, leaves, stays, enters)]
    found = of(facts(*day))
    assert found["is_in"].to_list() == [False, True, True, False, False, True]
    out = [[reason], [], [], [reason], [reason], []]
    assert found["reasons"].to_list() == out


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        ({"n_equities": 0}, "link"),
        ({"n_equities": 2}, "link"),
        ({"n_equities": None}, "link"),
        ({"is_delisting": True}, "delisting"),
        ({"price_usd": None}, "price"),
        ({"price_usd": float("nan")}, "price"),
        ({"price_usd": -5.0}, "price"),
        ({"n_returns": 125}, "history"),
        ({"n_returns": None}, "history"),
        ({"gap_days": 6}, "gap"),
        ({"gap_days": None}, "gap"),
    ],
)
def test_a_rule_that_fails_removes_and_is_named(row, reason):
    found = of(facts({}, row, {}))
    assert found["is_in"].to_list() == [True, False, True]
    assert found["reasons"].to_list() == [[], [reason], []]


@pytest.mark.parametrize("volume", [None, float("nan"), float("inf"), -1.0, 0.0])
def test_absurd_volumes_are_none(volume):
    found = of(facts({"dollar_volume_usd": volume}))
    assert found["reasons"].to_list() == [["dollar_volume", "liquidation"]]
    assert found["liquidation_days"].to_list() == [None]


def test_every_reason_is_listed_in_the_order_of_the_rules():
    bad = {
        "n_equities": 0,
        "is_delisting": True,
        "price_usd": 1.0,
        "dollar_volume_usd": 1.0,
        "n_returns": 0,
        "gap_days": 99,
        "n_trades_21d": 0.0,
        "staleness_days": 99.0,
        "is_borrowable": False,
    }
    found = of(facts(bad), include=("BBB",), borrow_needed=True)
    every = [rule.name for rule in rules(UniverseSettings()) if rule.name != "excluded"]
    assert found["reasons"].to_list() == [every]
    assert of(facts({}), exclude=("AAA",))["reasons"].to_list() == [["excluded"]]


def test_who_has_no_bonds_or_uncounted_trades_passes_their_rules():
    assert is_in({"staleness_days": None, "n_trades_21d": None}) == [True]
    assert is_in({"n_trades_21d": None}) == [True]
    assert is_in({"staleness_days": None, "n_trades_21d": 0.0}) == [True]


@pytest.mark.parametrize(("says", "may"), [(True, True), (False, False), (None, True)])
def test_nothing_to_borrow_forbids_shorts_and_on_asking_the_name(says, may):
    found = of(facts({"is_borrowable": says}))
    assert found["is_shortable"].to_list() == [may] and found["is_in"].to_list() == [True]
    assert is_in({"is_borrowable": says}, borrow_needed=True) == [may]


def test_lists_of_the_user():
    assert is_in({}, include=("AAA",)) == [True] and is_in({}, include=("B",)) == [False]
    assert is_in({}, exclude=("B",)) == [True] and is_in({}, exclude=("AAA",)) == [False]


def test_the_largest_position_must_be_sold_in_time_where_none_is_held():
    """4 % of a billion at 5 % of 50 million a day takes sixteen days."""
    found = of(facts({}), nav=1e9)
    assert found["liquidation_days"].to_list() == [pytest.approx(16.0)]
    assert found["reasons"].to_list() == [["liquidation"]]


def test_a_name_that_was_away_enters_anew():
    stays = {"price_usd": 4.0}
    days = [DAYS[0], DAYS[1], DAYS[3]]
    found = of(facts({}, stays, stays, days=days))
    assert found["is_in"].to_list() == [True, True, False], "its day in between has no row"


@pytest.mark.slow
@settings(max_examples=40, deadline=None)
@given(
    st.lists(
        st.tuples(
            st.sampled_from(["P1", "P2", "P3"]),
            st.integers(0, 14),
            st.sampled_from([2.0, 4.0, 6.0]),
            st.sampled_from([4.0, 7.0, 20.0]),
        ),
        unique_by=lambda row: row[:2],
        min_size=1,
    )
)
def test_a_range_is_its_days_to_the_last_bit(drawn):
    frame = pl.concat(
        [
            facts({"parent_id": p, "price_usd": price, "n_trades_21d": n}, days=[DAYS[k]])
            for p, k, price, n in drawn
        ]
    )
    whole, before, days = of(frame), None, []
    for k in range(15):
        today = of(frame.filter(pl.col("trade_date") == DAYS[k]), before)
        days.append(today)
        before = today
    assert whole.equals(pl.concat(days))
    assert whole.schema == UNIVERSE.polars_schema
    half = of(frame.filter(pl.col("trade_date") <= DAYS[7]))
    rest = of(frame.filter(pl.col("trade_date") > DAYS[7]), half)
    assert whole.equals(pl.concat([half, rest]))
    assert whole["known_at"].to_list() == [cutoff(d) for d in whole["trade_date"]]
    assert (whole["is_in"] == (whole["reasons"].list.len() == 0)).all()


def test_an_empty_market_is_an_empty_universe():
    assert of(facts({}).clear()).equals(UNIVERSE.empty())
    assert removed(UNIVERSE.empty()).is_empty()


def test_how_many_each_rule_removed_first_and_at_all():
    frame = pl.concat(
        [
            facts({"parent_id": p, "price_usd": price, "n_trades_21d": n})
            for p, price, n in (
                ("A", 1.0, 0.0),
                ("B", 1.0, 99.0),
                ("C", 9.0, 0.0),
                ("D", 9.0, 99.0),
            )
        ]
    )
    assert removed(of(frame)).rows() == [(DAYS[0], "bond_trades", 1, 2), (DAYS[0], "price", 2, 2)]


def test_facts_of_trading_by_hand():
    n = 600
    returns, close, volume = np.zeros((n, 3)), np.full((n, 3), 10.0), np.full((n, 3), 100.0)
    returns[:550, 0] = np.nan  # listed fifty days ago
    returns[560:567, 1] = np.nan
    volume[-21:, 2] = np.arange(21) * 10.0
    volume[-7:, 1] = [np.nan, np.inf, -1.0, np.nan, np.nan, np.nan, np.nan]
    found = {
        name: values[-1].tolist() for name, values in trading_facts(close, volume, returns).items()
    }
    assert found["n_returns"] == [50, 245, 252] and found["gap_days"] == [0, 7, 0]
    assert found["dollar_volume_usd"][2] == 1000.0 and np.isnan(found["dollar_volume_usd"][1])


@settings(max_examples=10, deadline=None)
@given(st.integers(0, 10**6))
def test_facts_of_a_range_are_those_of_its_days(seed):
    draw = np.random.default_rng(seed)
    returns = np.where(draw.random((620, 4)) < [0.1, 0.5, 0.97, 0.995], np.nan, 0.01)
    close, volume = draw.uniform(5, 50, (620, 4)), draw.uniform(1e4, 1e6, (620, 4))
    whole = trading_facts(close, volume, returns)
    for day in (560, 619):
        rows = slice(day - 504, day + 1)
        alone = trading_facts(close[rows], volume[rows], returns[rows])
        for name, values in whole.items():
            assert values[day].tobytes() == alone[name][-1].tobytes(), name
