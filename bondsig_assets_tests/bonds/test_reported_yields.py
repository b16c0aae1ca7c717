"""Reported yields beside those of the prices: what agrees, and what explains the rest."""

# A test's name says what it shows.
# ruff: noqa: D103

from __future__ import annotations

from datetime import date

import polars as pl
import pytest

from bondsig_assets.bonds.reported_yields import VERDICTS, reported_yields
from bondsig_assets.tables.raw import CALL_SCHEDULES

BONDS = pl.DataFrame(
    {
        "cusip": ["A", "B", "C"],
        "maturity_date": [date(2023, 5, 22), date(2029, 1, 17), None],
        "coupon_pct": [4.1, 5.65, 5.0],
        "offering_date": [date(2013, 5, 22), date(2019, 1, 17), date(2019, 1, 17)],
        "is_callable": [False, True, False],
    },
    schema_overrides={"maturity_date": pl.Date},
)
CALLS = pl.DataFrame(
    {
        "cusip": ["B"],
        "call_date": [date(2028, 10, 17)],
        "call_price": [100.0],
        "known_at": [date(2019, 1, 17)],
    }
).with_columns(pl.col("known_at").cast(pl.Datetime("us")))


def trades(*rows):
    names = ["cusip", "execution_date", "settlement_date", "price", "yield_pct"]
    return pl.DataFrame(
        rows, schema=names, orient="row", schema_overrides={"settlement_date": pl.Date}
    )


def test_verdicts():
    # The first is a published quote; by hand B yields 4.6899 to its call and 4.7658 to maturity.
    found = reported_yields(
        trades(
            ("A", date(2023, 4, 14), date(2023, 4, 18), 99.914, 4.933),
            ("A", date(2023, 4, 14), None, 99.914, 4.9824),
            ("B", date(2026, 3, 20), date(2026, 3, 23), 102.293785, 4.690),
            ("B", date(2026, 3, 20), date(2026, 3, 23), 102.293785, 4.7658),
            ("B", date(2026, 3, 20), date(2026, 3, 23), 102.293785, 6.0),
            ("C", date(2026, 3, 20), None, 100.0, 5.0),
            ("A", date(2023, 4, 14), None, 99.914, None),
            ("A", date(2023, 4, 14), None, 99.914, 4.933),
        ),
        BONDS,
        CALLS,
    )
    assert found["verdict"].to_list() == [
        VERDICTS[0],
        VERDICTS[3],
        VERDICTS[0],
        VERDICTS[1],
        VERDICTS[4],
        VERDICTS[5],
        VERDICTS[0],
    ]
    assert found["yield_to_worst_pct"][2] == pytest.approx(4.6899, abs=1e-3)
    assert found["difference_pct"][1] == pytest.approx(4.9824 - 4.9328, abs=1e-4)


def test_a_delivered_settlement_wins_and_the_regular_one_explains():
    later = reported_yields(
        trades(
            ("A", date(2023, 4, 14), date(2023, 5, 18), 99.914, 4.933),
            ("A", date(2023, 4, 14), date(2023, 5, 18), 99.914, 11.7),
        ),
        BONDS,
    )
    assert later["verdict"].to_list()[0] == VERDICTS[2]
    assert later["yield_to_worst_pct"].n_unique() == 1 and later["yield_to_worst_pct"][0] > 8


def test_no_settlement_column_and_no_rows():
    asked = trades(("A", date(2023, 4, 14), None, 99.914, 4.933)).drop("settlement_date")
    assert reported_yields(asked, BONDS)["verdict"].to_list() == [VERDICTS[0]]
    assert reported_yields(asked.clear(), BONDS).height == 0


def test_call_schedules_table_has_the_columns_asked_for():
    assert set(CALLS.columns) == set(CALL_SCHEDULES.column_names)
