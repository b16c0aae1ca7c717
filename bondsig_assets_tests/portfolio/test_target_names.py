"""Whoever is in the universe or held has a row, and scores are asked of the former alone."""

from __future__ import annotations

from datetime import date

import polars as pl

from bondsig_assets.portfolio.target_names import HELD, TargetNames

DAY, NEXT = date(2024, 3, 1), date(2024, 3, 4)


def universe(*rows: tuple) -> pl.DataFrame:
    columns = ["parent_id", "ticker", "is_in", "is_hedge", "price_usd"]
    return pl.DataFrame(rows, schema=columns, orient="row").with_columns(
        trade_date=pl.lit(DAY),
        is_shortable=pl.lit(value=True),
        borrow_rate_pct=pl.lit(0.3),
        dollar_volume_usd=pl.lit(1e6),
    )


def scores(*parents: str, day: date = DAY) -> pl.DataFrame:
    return pl.DataFrame({"parent_id": parents}, schema={"parent_id": pl.String}).with_columns(
        trade_date=pl.lit(day),
        prediction=pl.lit(0.5),
        probability_underperform=pl.lit(0.4),
        base_rate=pl.lit(0.5),
        is_informed=pl.lit(value=True),
        fold=pl.lit(date(2024, 1, 1)),
        model_name=pl.lit("lightgbm"),
    )


def held(*rows: tuple) -> pl.DataFrame:
    return pl.DataFrame(rows, schema=HELD, orient="row")


ETFS = universe(("XLE", "XLE", False, True, 80.0), ("XLF", "XLF", False, True, 40.0))


def test_what_is_held_and_has_no_row_in_the_universe_is_out_not_forgotten():
    told = universe(
        ("B", "BB", True, False, 20.0),
        ("A", "AA", False, False, None),
        ("XLF", "XLF", False, True, 40.0),
    )
    owned = held(("Z", "ZZ", 3, 7.0), ("A", "AA", -4, 9.0), ("X", "XX", 0, 1.0))
    names = TargetNames(told, scores("A", "B", "Z"), with_hedges=True).of(DAY, owned)
    assert names.select("parent_id", "ticker", "is_in", "is_hedge", "held_shares").rows() == [
        ("A", "AA", False, False, -4),
        ("B", "BB", True, False, 0),
        ("XLF", "XLF", False, True, 0),
        ("Z", "ZZ", False, False, 3),
    ]
    assert names["price_usd"].to_list() == [9.0, 20.0, 40.0, 7.0], "the last price that was seen"
    assert names["is_priced"].to_list() == [False, True, True, False]
    assert names["dollar_volume_usd"].to_list() == [1e6, 1e6, 1e6, None]
    assert names["prediction"].to_list() == [None, 0.5, None, None]
    assert names["is_shortable"].to_list() == [True, True, True, False]


def test_sector_etfs_are_names_where_they_may_be_held_or_are():
    owned = held(("XLE", "XLE", 5, 79.0))
    of = {on: TargetNames(ETFS, scores(), with_hedges=on) for on in (False, True)}
    row = of[False].of(DAY, owned)
    assert row.select("parent_id", "is_hedge", "held_shares", "price_usd").rows() == [
        ("XLE", True, 5, 80.0)
    ]
    assert of[True].of(DAY, owned).height == 2
    assert of[False].of(DAY, held()).is_empty()


def test_a_day_without_a_universe_has_what_is_held():
    names = TargetNames(ETFS, scores(), with_hedges=True).of(NEXT, held(("B", "BB", 2, 5.0)))
    assert names.select("parent_id", "is_in", "held_shares", "price_usd", "is_priced").rows() == [
        ("B", False, 2, 5.0, False)
    ]


def test_scores_of_other_days_are_of_no_day():
    told = universe(("B", "BB", True, False, 20.0))
    names = TargetNames(told, scores("B", day=NEXT), with_hedges=True).of(DAY, held())
    assert names["prediction"].to_list() == [None] and names["model_name"].to_list() == [None]
