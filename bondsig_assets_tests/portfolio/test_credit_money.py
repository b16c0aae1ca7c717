"""The difference of two books by hand, in exact dollars, and in worlds where bonds know nothing.

Belongs here: `portfolio/credit_money.py`. Not here: the optimiser.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

import numpy as np
import polars as pl
import pytest

from bondsig_assets.errors import UserError
from bondsig_assets.learning.statistics import newey_west
from bondsig_assets.portfolio.attribution import DayModel, changes_by_name, pnl_parts
from bondsig_assets.portfolio.book_returns import book_returns
from bondsig_assets.portfolio.credit_money import credit_money, difference_by_part, summed
from bondsig_assets.tables.trading import CHANGES
from bondsig_assets_tests.portfolio.books import DAYS, Book, Fill, World, keep

CLOSES = {"A": [10.0, 11.0, 10.5, 10.5], "B": [20.0, 20.5, 20.0, 21.0]}
WITH = World(CLOSES, (Fill(0, "A", 1_000, 10.0, commission=5.0), Fill(2, "B", 500, 20.0)))
WITHOUT = World(CLOSES, (Fill(0, "B", 400, 20.0, spread=2.0),), policy="equity_only")


def both(*worlds: World) -> pl.DataFrame:
    return book_returns(pl.concat([keep(world).days for world in worlds]))


def test_differences_by_hand():
    found = credit_money(both(WITH, WITHOUT))
    assert found["credit_pnl_usd"].to_list() == [-5.0, 1_000.0, -500.0, 500.0]
    assert found["control_pnl_usd"].to_list() == [-2.0, 200.0, -200.0, 400.0]
    assert found["difference_usd"].to_list() == [-3.0, 800.0, -300.0, 100.0]
    assert found["cumulative_usd"].to_list() == [-3.0, 797.0, 497.0, 597.0]
    assert found["difference_bps"][1] == pytest.approx(1e4 * (1_000 / 999_995 - 200 / 999_998))
    assert found["known_at"][0] == datetime.combine(DAYS[0], datetime(2010, 1, 1, 18, 30).time())
    total = summed(found)
    assert total is not None
    assert (total.n_days, total.total_usd, total.mean_usd) == (4, 597.0, 149.25)
    assert total.error_usd is None


def test_the_error_is_newey_wests_of_the_daily_difference():
    days = 200
    rng = np.random.default_rng(41)
    closes = {
        one: np.round(50 * np.exp(np.cumsum(0.01 * rng.standard_normal(days))), 2).tolist()
        for one in ("A", "B")
    }
    one = World(closes, (Fill(0, "A", 900, closes["A"][0]),))
    other = World(closes, (Fill(0, "B", 900, closes["B"][0]),), policy="equity_only")
    rows = credit_money(both(one, other))
    total = summed(rows)
    mean, error = newey_west(rows["difference_usd"].to_numpy(), 6)
    assert total is not None
    assert (total.mean_usd, total.error_usd) == (mean, error)
    assert total.t_statistic == mean / error
    assert total.smallest_detectable_usd == pytest.approx(2.8 * error)


def test_a_book_that_is_the_controls_was_paid_nothing():
    """Bonds that know nothing, where the optimiser hears it: not one cent of difference."""
    same = replace(WITH, policy="equity_only")
    rows = credit_money(both(WITH, same))
    assert set(rows["difference_usd"]) == {0.0}
    total = summed(rows)
    assert total is not None and total.total_usd == 0 and total.t_statistic is None


def test_other_sizes_and_other_starts_are_refused_by_name():
    large = replace(WITHOUT, flows={0: 2_000_000.0})
    with pytest.raises(UserError, match="1,000,000 dollars and equity_only on .* with 2,000,000"):
        credit_money(both(WITH, large))
    rows = both(WITH, WITHOUT)
    late = rows.filter((pl.col("policy") == "optimised") | (pl.col("trade_date") > DAYS[0]))
    with pytest.raises(UserError, match=f"equity_only on {DAYS[1]}"):
        credit_money(late)


def test_without_one_of_the_books_there_is_no_row():
    assert credit_money(both(WITH)).is_empty()
    assert credit_money(both(WITH).clear()).is_empty()
    assert summed(credit_money(both(WITH))) is None


def test_a_day_that_one_book_has_not_yet_is_left_to_both():
    rows = both(WITH, WITHOUT)
    short = rows.filter((pl.col("policy") == "optimised") | (pl.col("trade_date") < DAYS[3]))
    assert credit_money(short)["trade_date"].to_list() == DAYS[:3]


def parts_of(book: Book, policy: str) -> list[pl.DataFrame]:
    changes = changes_by_name(book.entries, list(CHANGES))
    rng, found = np.random.default_rng(42), []
    for k in range(4):
        model = DayModel(
            ("A", "B"),
            ("market", "tech") if k < 3 else ("market",),
            rng.standard_normal((2, 2 if k < 3 else 1)),
            np.full(2, 0.0004),
            0.01 * rng.standard_normal(2 if k < 3 else 1),
            0.001 * rng.standard_normal(2),
            0.02 * rng.standard_normal(2),
        )
        held = book.positions.filter(trade_date=DAYS[k - 1]) if k else book.positions.clear()
        value = dict(zip(held["parent_id"], held["value_usd"], strict=True))
        found.append(pnl_parts(policy, DAYS[k], changes.filter(trade_date=DAYS[k]), value, model))
    return found


def test_parts_of_the_difference_add_up_to_it():
    parts = pl.concat([*parts_of(keep(WITH), "optimised"), *parts_of(keep(WITHOUT), "equity_only")])
    found = difference_by_part(parts, DAYS[:4])
    assert sum(round(1e4 * one) for one in found["difference_usd"]) == 5_970_000
    assert sum(round(1e4 * one) for one in found["credit_usd"]) == 9_950_000
    costs = found.filter(part="cost").select("source", "difference_usd").rows()
    assert dict(costs) == {
        "spread": 2.0,
        "impact": 0.0,
        "commissions": -5.0,
        "fees": 0.0,
        "borrow": 0.0,
    }
    assert found["mean_usd"].sum() == pytest.approx(149.25)
    assert difference_by_part(parts.clear(), DAYS[:4]).is_empty()


def test_luck_is_called_money_as_seldom_as_promised():
    """200 worlds in which both books know nothing and overlap for five days."""
    hits = 0
    for seed in range(200):
        noise = np.random.default_rng(seed).standard_normal(504)
        gap = 1_000 * np.convolve(noise, np.ones(5) / 5, mode="valid")
        rows = pl.DataFrame({"difference_usd": np.round(gap, 4), "difference_bps": gap / 1_000})
        total = summed(rows)
        assert total is not None and total.t_statistic is not None
        hits += abs(total.t_statistic) > 1.96
    assert hits / 200 < 0.14
