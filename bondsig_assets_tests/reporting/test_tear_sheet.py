"""The tear sheet shows what the rows say, calls simulated what is, and clips nothing.

Belongs here: `reporting/tear_sheet.py`. Not here: whether figures are right
(`portfolio/test_figures.py`).
"""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from bondsig_assets.portfolio.attribution import (
    changes_by_name,
    name_days,
    pnl_slices,
    sides,
)
from bondsig_assets.portfolio.book_returns import book_returns
from bondsig_assets.portfolio.capacity import capacity
from bondsig_assets.portfolio.credit_money import credit_money
from bondsig_assets.portfolio.figures import Factors, Study, figures
from bondsig_assets.portfolio.performance import rolling_sharpe, underwater, wealth
from bondsig_assets.reporting.tear_sheet import TearSheet, draw_tear_sheet
from bondsig_assets.tables.trading import CHANGES
from bondsig_assets_tests.portfolio.books import DAYS, World, keep
from bondsig_assets_tests.portfolio.test_figures import CASH, MARKET, STUDY, WORLD, N

BOOK = keep(WORLD)
RETURNS = book_returns(BOOK.days)
CHANGED = changes_by_name(BOOK.entries, list(CHANGES))


def sheet(**given: object) -> TearSheet:
    """Everything that a sheet can show, of one book of fills."""
    names = name_days(CHANGED, BOOK.positions)
    other = World(WORLD.closes, WORLD.fills[::2], WORLD.flows, policy="equity_only")
    both = pl.concat([RETURNS, book_returns(keep(other).days)])
    labelled = names.with_columns(score_decile=(pl.int_range(pl.len()) % 10 + 1).cast(pl.String))
    parts = CHANGED.filter(pl.col("account") != "capital").select(
        "trade_date",
        "policy",
        part=pl.when(pl.col("account") == "price")
        .then(pl.lit("specific"))
        .otherwise(pl.lit("cost")),
        source=pl.col("account"),
        pnl_usd=pl.col("amount_e4") / 1e4,
    )
    everything = {
        "book": RETURNS,
        "figures": figures(
            RETURNS, sides(names), CASH, Factors(("market",), MARKET[:, None]), STUDY
        ),
        "market": "three made-up stocks",
        "is_simulated": True,
        "parts": parts,
        "slices": pnl_slices(labelled, DAYS[:N]),
        "capacity": capacity({5e5: RETURNS, 1e6: RETURNS}),
        "credit_money": credit_money(both),
        "cash_returns": CASH,
        "notes": ("All names are survivors.",),
    }
    return TearSheet(**{**everything, **given})


def drawn(one: TearSheet) -> Figure:
    figure = draw_tear_sheet(one)
    assert figure is not None
    FigureCanvasAgg(figure).draw()
    return figure


def words(figure: Figure) -> list[str]:
    found = [text.get_text() for text in figure.texts]
    for axes in figure.axes:
        found += [text.get_text() for text in axes.texts] + [axes.get_title(loc="left")]
    return [one for one in found if one]


def panel(figure: Figure, title: str):
    return next(one for one in figure.axes if one.get_title(loc="left").startswith(title))


@pytest.fixture(scope="module")
def figure() -> Figure:
    return drawn(sheet())


def test_every_panel_is_there(figure):
    titles = " ".join(words(figure))
    for title in (
        "Growth of a dollar",
        "Drawdown",
        "Sharpe ratio of the last 126 days",
        "Exposure",
        "Two-way turnover",
        "Net return by month",
        "P&L so far by part",
        "Credit less equity-only",
        "Net a year by size",
        "P&L by score decile",
        "All names are survivors.",
        "three made-up stocks",
    ):
        assert title in titles, title


def test_simulated_is_said_where_it_is_and_nowhere_else(figure):
    assert any("simulated market" in one for one in words(figure))
    real = drawn(sheet(is_simulated=False))
    assert not any("simulated" in one for one in words(real))


def test_curves_are_those_of_the_book(figure):
    net, gross = (RETURNS[one].to_numpy() for one in ("net_return", "gross_return"))
    shown = {line.get_label(): line.get_ydata() for line in panel(figure, "Growth").lines}
    assert shown["net of all costs"] == pytest.approx([1.0, *wealth(net)])
    assert shown["gross"] == pytest.approx([1.0, *wealth(gross)])
    below = panel(figure, "Drawdown").lines[0].get_ydata()
    assert below == pytest.approx([0.0, *(100 * underwater(net))])
    rolling = panel(figure, "Sharpe").lines[1].get_ydata()
    assert rolling == pytest.approx(rolling_sharpe(net - CASH, 126), nan_ok=True)
    exposure = {line.get_label(): line.get_ydata() for line in panel(figure, "Exposure").lines}
    assert exposure["long"] == pytest.approx(100 * RETURNS["long"].to_numpy())
    assert exposure["short"] == pytest.approx(100 * RETURNS["short"].to_numpy())


def test_written_figures_are_those_of_the_rows(figure):
    rows = sheet().figures
    of = {(row["part"], row["figure"]): row for row in rows.to_dicts()}
    said = words(figure)
    ratio = of["net", "sharpe_ratio"]
    assert f"{ratio['value']:+.2f}" in said
    assert f"± {ratio['error']:.2f}  ({ratio['t_statistic']:+.1f})" in said
    assert f"{of['net', 'worst_drawdown_pct']['value']:.1f} %" in said
    alpha = of["net", "alpha_pct"]["smallest_detectable"]
    assert any(f"alpha {alpha:.1f} %" in one for one in said)
    assert "mean a year beyond cash" in said
    assert "mean a year" in words(drawn(sheet(cash_returns=None)))


def test_months_are_written_as_they_are(figure):
    table = panel(figure, "Net return by month")
    january = 100 * (float(np.prod(1 + RETURNS["net_return"].to_numpy()[:19])) - 1)
    assert f"{january:.1f}".replace("-0.0", "0.0") in [text.get_text() for text in table.texts]


def test_no_label_runs_into_another_and_none_leaves_the_page(figure):
    renderer = figure.canvas.get_renderer()
    column = next(one for one in figure.axes if any(t.get_text() == "CAGR" for t in one.texts))
    boxes = [(t.get_text(), t.get_window_extent(renderer)) for t in column.texts]
    for k, (one, first) in enumerate(boxes):
        for other, second in boxes[k + 1 :]:
            assert not first.overlaps(second), f"{one} runs into {other}"
    titles = [axes.title for axes in figure.axes] + [axes._left_title for axes in figure.axes]
    for text in [*figure.texts, *column.texts, *titles]:
        if text.get_text():
            box = text.get_window_extent(renderer)
            assert box.x0 >= 0 and box.x1 <= figure.bbox.x1 + 1, text.get_text()
            assert box.y0 >= 0 and box.y1 <= figure.bbox.y1 + 1, text.get_text()
    shown = [(axes, axes._left_title) for axes in figure.axes if axes.get_title(loc="left")]
    for axes, title in shown:
        box = title.get_window_extent(renderer)
        for other in figure.axes:
            if other is not axes and other.bbox.bounds != axes.bbox.bounds:
                labels = [*other.get_xticklabels(), other._left_title]
                for label in labels:
                    seen = label.get_text() and label.get_window_extent(renderer)
                    assert not seen or not box.overlaps(seen), title.get_text()


@pytest.mark.slow
def test_what_there_are_no_rows_for_has_no_panel():
    bare = drawn(TearSheet(RETURNS, figures(RETURNS), "files", is_simulated=False))
    titles = " ".join(words(bare))
    for title in ("by part", "equity-only", "by size", "by score decile", "alpha"):
        assert title not in titles
    empty = drawn(sheet(capacity=capacity({}), parts=sheet().parts.clear()))
    assert "by size" not in " ".join(words(empty))


@pytest.mark.parametrize("n", [1, 2, 25])
def test_short_and_idle_books_are_drawn(n):
    """A day, two, and a month of a book that never trades."""
    idle = book_returns(keep(World({"A": [10.0] * n})).days)
    figure = drawn(
        TearSheet(
            idle, figures(idle, study=Study(np.array([1.0, 2.0]), 2.0)), "files", is_simulated=False
        )
    )
    assert any("Growth" in one for one in words(figure))


def test_a_book_without_a_day_has_no_picture():
    assert draw_tear_sheet(sheet(book=RETURNS.clear())) is None


@pytest.mark.slow
def test_a_curve_that_may_go_on_says_so_and_one_that_earns_nothing():
    def titled(rows: pl.DataFrame) -> str:
        return panel(drawn(sheet(capacity=rows)), "Net a year").get_title(loc="left")

    rows = sheet().capacity
    best = rows.with_columns(is_capacity=pl.col("nav_usd") == 1e6, net_usd=pl.lit(5.0))
    assert titled(best).endswith("capacity ≥ $1M")
    inside = best.with_columns(is_capacity=pl.col("nav_usd") == 5e5)
    assert titled(inside).endswith("capacity $500k")
    assert titled(best.with_columns(is_capacity=pl.lit(value=False))).endswith("no size earns")


@pytest.mark.slow
def test_an_idle_book_has_no_ratio_of_the_interest_on_its_cash():
    """Where half of the last days nothing was held, the line of the rolling ratio has a gap."""
    half = pl.int_range(pl.len()) < pl.len() // 2
    idle = RETURNS.with_columns(gross=pl.when(half).then(0.0).otherwise("gross"))
    title = "Sharpe ratio of the last"
    lines = [
        next(one for one in drawn(sheet(book=book)).axes if one.get_title("left").startswith(title))
        .get_lines()[-1]
        .get_ydata()
        for book in (RETURNS, idle)
    ]
    early = slice(0, RETURNS.height // 2)
    assert np.isfinite(np.asarray(lines[0])[early]).any()
    assert np.isnan(np.asarray(lines[1])[early]).all()
