"""What the ledger books is what figures, parts and shortfalls add up to, whatever happens.

Belongs here: the way from `trade_day` to the tables of performance. Not here: either end alone.
"""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest

from bondsig_assets.portfolio.attribution import changes_by_name, name_days, pnl_slices, sides
from bondsig_assets.portfolio.attribution_days import ModelRows, parts_of_days
from bondsig_assets.portfolio.book_returns import book_returns
from bondsig_assets.portfolio.figures import figures
from bondsig_assets.portfolio.shortfall import shortfalls
from bondsig_assets.tables.portfolio import FACTOR_EXPOSURES, FACTOR_RETURNS, SPECIFIC_RISKS
from bondsig_assets.tables.trading import CHANGES
from bondsig_assets_tests.portfolio.books import filled_up
from bondsig_assets_tests.portfolio.books_by_hand import Market, prices, run

SEEDS = range(12)


def units(rows: pl.DataFrame, column: str) -> pl.Series:
    return rows.select((pl.col(column) * 1e4).round().cast(pl.Int64)).to_series()


def joined(market: Market) -> tuple[pl.DataFrame, ...]:
    """Rows of portfolio_days, positions, fills and ledger entries of a market, and its orders."""
    return (
        *(
            pl.concat([getattr(day, name) for day in market.days])
            for name in ("day", "positions", "fills", "entries")
        ),
        pl.concat(market.evenings),
    )


def model(days: list, parents: list[str], seed: int) -> ModelRows:
    """A risk model, expected returns and returns of all names but one, made of noise."""
    rng = np.random.default_rng(seed)
    factors, exposures, risks, alphas, returns = [], [], [], [], []
    for day in days:
        for factor, is_macro in (("market", True), ("rates", True), ("tech", False)):
            factors.append(
                {
                    "trade_date": day,
                    "factor": factor,
                    "is_macro": is_macro,
                    "factor_return": None if factor == "rates" else float(rng.standard_normal()),
                    "unit_change": 0.01 if is_macro else None,
                    "state": "unknown" if factor == "rates" else "known",
                }
            )
        for parent in parents[1:]:
            name = {"trade_date": day, "parent_id": parent}
            exposures.append({**name, "sector": "tech", "market_beta": 0.01, "rates_beta": -0.002})
            risks.append({**name, "specific_risk_pct": 1.5})
            alphas.append({**name, "policy": "optimised", "alpha_bps": float(rng.normal(0, 10))})
            returns.append({**name, "simple_return": float(rng.normal(0, 0.02))})
    return ModelRows(
        filled_up(FACTOR_RETURNS, factors),
        filled_up(FACTOR_EXPOSURES, exposures),
        filled_up(SPECIFIC_RISKS, risks),
        pl.DataFrame(alphas),
        pl.DataFrame(returns),
    )


@pytest.mark.parametrize("seed", SEEDS)
def test_every_split_of_a_random_market_adds_up_to_what_was_booked(seed):
    """Splits, dividends, halts, delistings told late, borrow, interest, costs: parts, names and
    sides are the change of the net asset value less flows, in integers.
    """
    days, positions, _, entries, _ = joined(run(seed))
    book = book_returns(days)
    gains = dict(zip(book["trade_date"], units(book, "pnl_usd"), strict=True))
    changes = changes_by_name(entries, list(CHANGES))
    parents = sorted(positions["parent_id"].unique())
    dates = book["trade_date"].to_list()
    parts = parts_of_days(entries, positions, model(dates, parents, seed), dates)
    assert set(units(parts.filter(part="remainder"), "pnl_usd")) == {0}
    names = name_days(changes, positions)
    slices = pnl_slices(names, dates)
    split = sides(names)
    for day, gain in gains.items():
        for rows in (parts, split):
            assert units(rows.filter(trade_date=day), "pnl_usd").sum() == gain, day
    for (_,), group in slices.group_by("slice"):
        assert units(group, "pnl_usd").sum() == sum(gains.values())


@pytest.mark.parametrize("seed", SEEDS)
def test_what_a_name_brought_is_what_its_position_says(seed):
    _, positions, _, entries, _ = joined(run(seed))
    names = name_days(changes_by_name(entries, list(CHANGES)), positions)
    said = positions.join(
        names.drop_nulls("parent_id"), on=["policy", "trade_date", "parent_id"], how="full"
    )
    wrong = said.filter(
        (pl.col("pnl_usd") * 1e4).round().cast(pl.Int64).fill_null(0)
        != pl.col("pnl_e4").fill_null(0)
    )
    assert wrong.is_empty(), wrong


@pytest.mark.parametrize("seed", SEEDS)
def test_turnover_and_exposures_are_those_of_the_table(seed):
    """One definition of each, wherever it stands."""
    days = joined(run(seed))[0]
    book = book_returns(days)
    for name in ("gross", "net"):
        assert book[name].to_list() == pytest.approx(days[name].to_list(), rel=1e-9)
    mine, theirs = (rows["turnover"].to_list()[1:] for rows in (book, days))
    assert mine == pytest.approx(theirs, rel=1e-9)


@pytest.mark.parametrize("seed", SEEDS)
def test_the_real_side_of_shortfalls_is_what_trading_brought(seed):
    """Σ over a session's orders is the ledger's trading less costs, to 1e-4 dollars, where every
    fill was told on its day.
    """
    days, _, fills, _, orders = joined(run(seed))
    assert fills["booked_date"].equals(fills["fill_date"].rename("booked_date"))
    found = shortfalls(fills, orders)
    judged = found.filter(state="judged")
    for part in ("delay_usd", "execution_usd", "opportunity_usd", "fees_usd"):
        assert judged[part].null_count() == 0
    total = sum(
        units(judged, part) for part in ("delay_usd", "execution_usd", "opportunity_usd")
    ) + units(judged, "fees_usd")
    assert total.to_list() == units(judged, "shortfall_usd").to_list()
    booked = days.select(
        "trade_date",
        usd=pl.sum_horizontal(
            "trading_usd", "spread_usd", "impact_usd", "commissions_usd", "fees_usd"
        ),
    )
    unpriced = set(found.filter(state="unpriced", filled_shares=0)["order_id"])
    assert found.filter(state="unpriced").height == len(unpriced)
    real = judged.group_by("fill_date").agg(pl.col("real_usd").sum())
    both = booked.join(real, left_on="trade_date", right_on="fill_date", how="left")
    assert (
        units(both, "usd").to_list()
        == units(both.with_columns(pl.col("real_usd").fill_null(0.0)), "real_usd").to_list()
    )


def test_tranches_without_costs_earn_their_labels_to_the_cent():
    """Identity 6: whole shares of each evening's scores, a fifth of the book each, held for five
    days. The book earns the sum of value at the next close x simple return from there to the fifth
    close after it, which is what a label is of.
    """
    rng = np.random.default_rng(91)
    names, n_days = ("A", "B", "C"), 24
    closes = np.round(50 * np.exp(np.cumsum(0.02 * rng.standard_normal((n_days, 3)), axis=0)), 2)
    tranches = rng.integers(-60, 60, (n_days, 3))
    tranches[n_days - 6 :] = 0
    market = Market()
    for k in range(n_days):
        market.session(prices(**dict(zip(names, closes[k].tolist(), strict=True))))
        held = tranches[max(k - 4, 0) : k + 1].sum(axis=0)
        market.evening(**dict(zip(names, held.tolist(), strict=True)))
    label = closes[6:] / closes[1:-5] - 1
    value = tranches[: n_days - 6] * closes[1:-5]
    book = book_returns(pl.concat([day.day for day in market.days]))
    assert book["pnl_usd"].sum() == pytest.approx((value * label).sum(), abs=0.005)
    assert book["pnl_usd"].equals(book["gross_pnl_usd"].rename("pnl_usd"))
    assert market.row["n_long"] + market.row["n_short"] == 0


def test_a_random_market_has_figures():
    rows = figures(book_returns(joined(run(3))[0]))
    of = {(row["part"], row["figure"]): row["value"] for row in rows.to_dicts()}
    days = joined(run(3))[0]
    assert of["net", "end_nav_usd"] == pytest.approx(days["nav_usd"][-1])
    assert of["net", "pnl_usd"] == pytest.approx(days["nav_usd"][-1] - days["capital_usd"].sum())
