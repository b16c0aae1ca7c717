"""The way from a score to its money, told from rows in a database.

Belongs here: `reporting/position_trail.py`. Not here: shortfalls themselves.
"""

from __future__ import annotations

from collections.abc import Callable

import duckdb
import polars as pl
import pytest

from bondsig_assets.reporting.position_trail import position_behind
from bondsig_assets.tables.portfolio import TARGET_POSITIONS
from bondsig_assets_tests.portfolio.books import DAYS, Fill, World, filled_up, keep

#: Decided on the first day; 600 of 1,000 bought on the second; held for the rest.
WORLD = World(
    {"A": [100.0, 102.0, 103.0, 101.0, 101.0, 101.0, 101.0, 101.0, 150.0]},
    (
        Fill(
            1,
            "A",
            600,
            100.8,
            spread=12.0,
            impact=18.0,
            commission=3.0,
            ordered=1_000,
            decision=100.0,
            arrival=100.5,
        ),
    ),
)
TARGET = {
    "trade_date": DAYS[0],
    "parent_id": "A",
    "policy": "optimised",
    "state": "in",
    "weight": 0.1,
    "shares": 1_000,
    "alpha_bps": 14.25,
    "risk_bps": 6.0,
    "trade_bps": 4.2,
    "holding_bps": 0.01,
    "exposure_bps": -0.5,
    "box_bps": None,
}


def reader(
    target: dict | None = TARGET, change: Callable[[pl.DataFrame], pl.DataFrame] = lambda one: one
) -> Callable[..., pl.DataFrame]:
    """A database with the world's tables; `change` is done to orders and fills."""
    book = keep(WORLD)
    database = duckdb.connect()
    tables = {
        "target_positions": filled_up(TARGET_POSITIONS, [target] if target else []),
        "orders": change(book.orders.with_columns(wished_shares=pl.lit(1_200, dtype=pl.Int64))),
        "fills": change(book.fills),
        "positions": book.positions,
    }
    for name, frame in tables.items():
        database.register(name, frame.to_arrow())

    def read(query: str, values: list) -> pl.DataFrame:
        return database.execute(query, values).pl()

    return read


def test_a_score_by_hand():
    said = position_behind(reader(), "A", DAYS[0], "optimised").sentences()
    assert said == [
        "target of optimised: +1,000 shares, +10.00% of net asset value (+0 held before); +14.2 bp"
        " expected over five days, of which go to risk +6.0, trading +4.2, bounds on sums -0.5",
        f"order for {DAYS[1]}: buy 1,000 (1,200 wished), expected to cost 3.75 dollars",
        f"filled 600 on {DAYS[1]} at 100.8000, 33.00 dollars beyond; 400 left: no reason told",
        "fell short of the decision by 1,313.00 dollars (+131.3 bp): delay +300.00, execution"
        " +210.00, opportunity +800.00, fees +3.00",
        # 600 x 0.20 less 33 dollars on the first day; the jump on the eighth is another score's.
        f"position: +600 shares on {DAYS[6]}; brought +87.00 dollars on 6 days, {DAYS[1]} …"
        f" {DAYS[6]}, all costs counted",
    ]


def test_a_name_without_a_target_says_so():
    trail = position_behind(reader(target=None), "A", DAYS[4], "optimised")
    said = trail.sentences()
    assert said[0] == f"no target: optimised had none of this name on {DAYS[4]}"
    assert not trail.orders and not trail.fills
    nobody = position_behind(reader(), "B", DAYS[0], "optimised").sentences()
    assert nobody == [f"no target: optimised had none of this name on {DAYS[0]}"]


@pytest.mark.parametrize("state", ["dust", "cap"])
def test_an_order_that_was_not_sent_says_why(state):
    def unsent(frame: pl.DataFrame) -> pl.DataFrame:
        if "wished_shares" in frame.columns:
            return frame.with_columns(state=pl.lit(state))
        return frame.clear()

    said = position_behind(reader(change=unsent), "A", DAYS[0], "optimised").sentences()
    assert f"no order to buy: {state}, 1,200 wished" in said
    assert not any("filled" in one for one in said)


def test_what_did_not_fill_and_what_came_late_says_so():
    def late(frame: pl.DataFrame) -> pl.DataFrame:
        if "wished_shares" in frame.columns:
            return frame
        none = frame.with_columns(
            fill_id=pl.lit("none"),
            shares=pl.lit(0, dtype=pl.Int64),
            price_usd=pl.lit(None, dtype=pl.Float64),
            reason=pl.lit("broker_down"),
        )
        return pl.concat([none, frame.with_columns(booked_date=pl.lit(DAYS[2]))])

    said = position_behind(reader(change=late), "A", DAYS[0], "optimised").sentences()
    assert f"no fill on {DAYS[1]}: broker_down" in said
    assert any(one.startswith(f"filled 600 on {DAYS[1]} (booked {DAYS[2]})") for one in said)


def test_a_name_that_is_out_says_so():
    out = {**TARGET, "state": "out", "alpha_bps": None, "shares": 0}
    said = position_behind(reader(target=out), "A", DAYS[0], "optimised").sentences()
    assert said[0].endswith("as the name is out")
