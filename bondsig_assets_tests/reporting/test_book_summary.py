"""What is printed of a book is what its rows say.

Belongs here: `reporting/book_summary.py`. Not here: the page (`test_tear_sheet.py`).
"""

from __future__ import annotations

import io
from typing import Any

import polars as pl
import pytest
from rich.console import Console

from bondsig_assets.portfolio.credit_money import CreditMoney
from bondsig_assets.portfolio.figures import figures
from bondsig_assets.reporting.book_summary import (
    SIMULATED,
    detectable,
    dollars,
    figure_lines,
    print_book,
)
from bondsig_assets_tests.reporting.test_tear_sheet import RETURNS, sheet

SHEET = sheet()


def printed(rows: pl.DataFrame, **given: Any) -> str:
    console = Console(file=io.StringIO(), width=120, color_system=None)
    print_book(console, rows, **{"is_simulated": False, **given})
    return console.file.getvalue()  # type: ignore[attr-defined]


def line(text: str, label: str) -> str:
    return next(one.rstrip() for one in text.splitlines() if one.startswith(label))


def test_figures_stand_with_their_errors():
    text = printed(SHEET.figures)
    of = {(row["part"], row["figure"]): row for row in SHEET.figures.to_dicts()}
    ratio = of["net", "sharpe_ratio"]
    shown = line(text, "Sharpe ratio, √252").split()
    assert shown[3:] == [
        f"{ratio['value']:+.2f}",
        "±",
        f"{ratio['error']:.2f}",
        f"({ratio['t_statistic']:+.1f})",
    ]
    assert text.startswith(f"optimised, {RETURNS['trade_date'][0]} … ")
    seen = of["net", "mean_return_pct"]["smallest_detectable"]
    assert f"smallest detectable a year: mean {seen:.1f} %, alpha" in text


def test_simulated_is_said_where_it_is():
    assert SIMULATED in printed(SHEET.figures, is_simulated=True)
    assert "simulated" not in printed(SHEET.figures)


def test_what_days_do_not_tell_is_left_out():
    lines = figure_lines(SHEET.figures.filter(pl.col("figure") == "volatility_pct"))
    assert [one.label for one in lines if one] == ["volatility"]
    assert None not in lines
    assert detectable(SHEET.figures.clear()) == ""
    assert "cannot be judged" not in printed(figures(RETURNS.clear()))
    assert printed(figures(RETURNS.clear())).startswith("No day of a book")


def test_nothing_is_minus_zero():
    flat = SHEET.figures.with_columns(value=pl.lit(-1e-9), error=pl.lit(None, pl.Float64))
    assert not any(one and "-0" in one.value for one in figure_lines(flat))


def test_parts_add_up_to_all():
    assert SHEET.parts is not None
    text = printed(SHEET.figures, parts=SHEET.parts)
    total = SHEET.parts["pnl_usd"].sum()
    assert line(text, "all").split()[-1] == f"{total:+,.0f}"
    assert "cost commissions" in text and "remainder" not in text


@pytest.mark.parametrize("error", [40.0, None])
def test_credit_money_is_said_with_what_could_be_seen(error):
    money = CreditMoney(500, 60_000.0, 120.0, error, error and 3.0, error and 2.8 * 40.0, 1.2)
    said = line(printed(SHEET.figures, credit=money), "Credit less")
    assert said.startswith("Credit less equity-only: +120 dollars a day")
    assert said.endswith("+60,000 in 500 days")
    assert ("± 40 (t +3.0; smallest detectable 112)" in said) is (error is not None)


def test_sizes_say_which_is_the_most_and_which_cannot_be_told_from_it():
    assert SHEET.capacity is not None
    rows = SHEET.capacity.with_columns(
        is_capacity=pl.col("nav_usd") == 5e5,
        net_usd=pl.lit(1e4),
        t_below_best=pl.when(pl.col("nav_usd") != 5e5).then(1.2),
    )
    text = printed(SHEET.figures, capacity=rows)
    assert line(text, "$500k").endswith("capacity")
    assert line(text, "$1M").endswith("cannot be told from it")
    none = printed(SHEET.figures, capacity=rows.with_columns(is_capacity=pl.lit(value=False)))
    assert "no size earns" in none and "cannot be told" not in none
    last = rows.with_columns(is_capacity=pl.col("nav_usd") == 1e6)
    assert line(printed(SHEET.figures, capacity=last), "$1M").endswith("the largest tried")


def test_dollars_are_short():
    assert [dollars(one) for one in (5.0, 3e5, 1e7, 1.5e9)] == ["$5", "$300k", "$10M", "$1.5B"]
