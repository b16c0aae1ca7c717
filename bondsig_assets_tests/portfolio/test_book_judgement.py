"""Books are judged each by its own rows, and together as alone.

Belongs here: `portfolio/book_judgement.py`. Not here: figures and parts (the tests beside this
one).
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import polars as pl
import pytest

from bondsig_assets.errors import UserError
from bondsig_assets.portfolio.attribution import changes_by_name, name_days, sides
from bondsig_assets.portfolio.attribution_days import parts_of_days
from bondsig_assets.portfolio.book_judgement import BookRows, judged
from bondsig_assets.portfolio.book_returns import book_returns
from bondsig_assets.portfolio.figures import figures
from bondsig_assets.tables.learning import OVERFITTING
from bondsig_assets.tables.trading import CHANGES
from bondsig_assets_tests.portfolio.books import DAYS, World, filled_up, keep
from bondsig_assets_tests.portfolio.test_attribution_days import N, rows
from bondsig_assets_tests.portfolio.test_figures import WORLD

MODEL = rows(N)
SHORT = World(
    {one: closes[:N] for one, closes in WORLD.closes.items()},
    tuple(one for one in WORLD.fills if one.day < N),
    {0: 500_000.0},
)
POLICIES = ("optimised", "equity_only", "long_only")
BOOKS = {
    name: keep(replace(SHORT, policy=name, fills=SHORT.fills[k:]))
    for k, name in enumerate(POLICIES)
}


def given(*policies: str) -> BookRows:
    """Everything there is to judge books of these policies by."""
    books = [BOOKS[one] for one in policies]
    keys = MODEL.returns.select("trade_date", "parent_id")
    score = pl.Series(np.round(np.random.default_rng(71).uniform(-1, 1, keys.height), 2))
    scores = keys.with_columns(score=score)
    return BookRows(
        *(
            pl.concat([getattr(book, name) for book in books])
            for name in ("days", "positions", "entries")
        ),
        pnl_parts=pl.concat(
            parts_of_days(book.entries, book.positions, MODEL, DAYS[:N]) for book in books
        ),
        universe=keys.with_columns(is_in=pl.lit(value=True)),
        overfitting=filled_up(
            OVERFITTING,
            [
                {"study": "s", "model_name": "x", "sharpe_ratio": 0.3, "effective_trials": 2.0},
                {"study": "s", "model_name": "y", "sharpe_ratio": 1.3, "effective_trials": 2.0},
            ],
        ),
        model=MODEL,
        scores=pl.concat([scores.with_columns(policy=pl.lit(one)) for one in POLICIES]),
        signals=scores,
        attributes=keys.with_columns(sector=pl.lit("tech"), rating_number=pl.lit(12)),
        cash_returns=pl.DataFrame({"trade_date": DAYS[:10], "cash_return": [0.0001] * 10}),
    )


ALL = judged(given(*POLICIES))


def test_every_book_has_its_figures_and_slices():
    assert ALL["performance"]["policy"].unique().sort().to_list() == sorted(POLICIES)
    assert set(ALL["pnl_slices"]["policy"]) == set(POLICIES)
    for policy in POLICIES:
        total = book_returns(BOOKS[policy].days)["pnl_usd"].sum()
        mine = ALL["pnl_slices"].filter(policy=policy)
        for (_,), group in mine.group_by("slice"):
            assert group["pnl_usd"].sum() == pytest.approx(total, abs=1e-6)
    assert ALL["credit_money"].height == N


def test_a_book_alone_is_judged_as_beside_others():
    alone = judged(given("equity_only"))
    for table in ("performance", "pnl_slices"):
        assert alone[table].equals(ALL[table].filter(policy="equity_only"))
    assert alone["credit_money"].is_empty()


def test_only_a_long_only_book_has_a_benchmark():
    parts = ALL["performance"].group_by("policy").agg(pl.col("part").unique())
    has = {policy: "active" in part for policy, part in parts.iter_rows()}
    assert has == {"optimised": False, "equity_only": False, "long_only": True}


def test_figures_are_those_of_the_pieces():
    book = BOOKS["optimised"]
    cash = np.array([0.0001] * 10 + [0.0] * (N - 10))
    names = name_days(changes_by_name(book.entries, list(CHANGES)), book.positions)
    wanted = figures(book_returns(book.days), sides(names), cash)
    both = (
        ALL["performance"]
        .filter(policy="optimised")
        .join(wanted, on=["part", "figure"], suffix="_wanted")
    )
    assert both.height == wanted.height
    assert both["value"].equals(both["value_wanted"].rename("value"))
    said = set(ALL["performance"].filter(policy="optimised")["figure"])
    assert {"alpha_pct", "alpha_payoff", "deflated_sharpe_probability", "beta"} <= said


def test_slices_go_by_what_the_policy_went_by():
    """Another policy's scores move no decile of this one's."""
    rows = given(*POLICIES)
    turned = replace(
        rows,
        scores=rows.scores.with_columns(
            score=pl.when(pl.col("policy") == "equity_only")
            .then(-pl.col("score"))
            .otherwise("score")
        ),
    )
    found = judged(turned)["pnl_slices"]
    for policy, is_same in (("optimised", True), ("equity_only", False)):
        mine, before = (
            one.filter(policy=policy, slice="score_decile") for one in (found, ALL["pnl_slices"])
        )
        assert mine.equals(before) is is_same


def test_no_book_is_no_row_and_a_hole_is_refused():
    empty = given("optimised")
    nothing = replace(
        empty,
        portfolio_days=empty.portfolio_days.clear(),
        positions=empty.positions.clear(),
        ledger_entries=empty.ledger_entries.clear(),
    )
    assert all(table.is_empty() for table in judged(nothing).values())
    holed = empty.portfolio_days.filter(pl.col("trade_date") != DAYS[5])
    with pytest.raises(UserError, match="lacks 1 trading days"):
        judged(replace(empty, portfolio_days=holed))
