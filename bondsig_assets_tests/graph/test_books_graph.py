"""Money in the graph: the backtest is the daily run, orders as a file, and a score followed to what
it earned.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from datetime import date

import polars as pl
import pytest
from click.testing import CliRunner

from bondsig_assets.commands.cli import cli
from bondsig_assets.commands.orders import CSV_COLUMNS
from bondsig_assets.portfolio.settings import PortfolioSettings
from bondsig_assets.reading.backtest import run_backtest
from bondsig_assets.tables.trading import CHANGES
from bondsig_assets.warehouse import Warehouse, Write
from bondsig_assets_tests.graph.homes import assert_same, contents, copy_home

pytestmark = pytest.mark.slow

LAST = date(2024, 3, 28)


@pytest.fixture(scope="module")
def warehouse(full_home) -> Warehouse:
    return Warehouse(full_home.path)


@pytest.fixture
def bondsig(full_home, monkeypatch):
    monkeypatch.setenv("BONDSIG_HOME", str(full_home.path))
    return lambda *arguments: CliRunner().invoke(cli, list(arguments))


def test_the_backtest_is_the_daily_run(warehouse):
    """Begun on the home's first day with the home's settings, a book in memory has every bit of the
    one that was run.
    """
    first, last = warehouse.read("SELECT min(trade_date), max(trade_date) FROM portfolio_days").row(
        0
    )
    found = run_backtest(warehouse, first, last, PortfolioSettings()).book.rows
    for name, rows in found.items():
        held = warehouse.read_table(name)
        assert rows.sort(held.columns[:4]).equals(held.sort(held.columns[:4])), name


def test_money_adds_up_in_the_home(warehouse):
    days = warehouse.read_table("portfolio_days")
    parts = days.select(pl.sum_horizontal(*(f"{name}_usd" for name in CHANGES))).to_series()
    assert (days["nav_usd"] - days["nav_before_usd"] - parts).abs().max() < 1e-6
    split = warehouse.read(
        "SELECT d.trade_date, d.nav_usd - d.nav_before_usd - d.capital_usd AS gained, sum(pnl_usd)"
        " AS parts FROM portfolio_days d JOIN pnl_parts USING (trade_date, policy) GROUP BY ALL"
    )
    assert split.height > 100 and (split["gained"] - split["parts"]).abs().max() < 1e-5
    slices = warehouse.read("SELECT slice, sum(pnl_usd) AS pnl FROM pnl_slices GROUP BY 1")
    total = (days["nav_usd"] - days["nav_before_usd"] - days["capital_usd"]).sum()
    assert slices.height == 6 and (slices["pnl"] - total).abs().max() < 1e-4
    fills = warehouse.read(
        "SELECT count(*) AS n FROM fills JOIN orders USING (order_id) WHERE fill_date <="
        " decision_date"
    )["n"][0]
    assert fills == 0, "nothing is filled on the day that decided"


def test_orders_are_a_file_whose_slices_add_up(bondsig, warehouse, tmp_path):
    day = warehouse.read(
        "SELECT decision_date FROM orders WHERE state = 'sent' GROUP BY 1 ORDER BY count(*) DESC,"
        " 1 LIMIT 1"
    )["decision_date"][0]
    path = tmp_path / "new" / "orders.csv"
    shown = bondsig("orders", "--date", str(day), "--csv", str(path), "--rows", "3")
    assert shown.exit_code == 0, shown.output
    assert f"Orders of {day} by policy optimised (simulated)" in shown.output
    rows = pl.read_csv(path)
    assert tuple(rows.columns) == CSV_COLUMNS
    by_order = rows.group_by("order_id").agg(pl.col("slice_shares").sum(), pl.first("order_shares"))
    assert by_order["slice_shares"].to_list() == by_order["order_shares"].to_list()
    sent = warehouse.read(
        f"SELECT count(*) AS n FROM orders WHERE state = 'sent' AND decision_date = DATE '{day}'"
    )["n"][0]
    assert by_order.height == sent > 0


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("orders", "--date", "2024-03-30"), "2024-03-30 has no orders"),
        (("orders", "--csv", "/proc/no/orders.csv"), "cannot be written"),
        (("backtest", "--policy", "best"), "policy"),
        (("backtest", "--nav", "0"), "nav_usd"),
        (("backtest", "--start", "2030-01-02"), "has no scores"),
        (("backtest", "--policy", "tranches", "--credit"), "equity_only"),
        (("backtest", "--picture", "x.doc"), "a picture ends in .png"),
    ],
)
def test_mistakes_are_one_line(bondsig, arguments, said):
    refused = bondsig(*arguments)
    assert refused.exit_code == 1 and said in refused.output, refused.output
    assert len(refused.output.strip().splitlines()) == 1


def test_another_policy_has_its_tear_sheet(bondsig, tmp_path, unrendered):
    picture = tmp_path / "sheet.png"
    shown = bondsig(
        "backtest", "--start", "2024-01-02", "--nav", "2e6", "--credit", "--picture", str(picture)
    )
    assert shown.exit_code == 0, shown.output
    assert "optimised, 2024-01-02" in shown.output and "Credit less equity-only" in shown.output
    assert "simulated market" in shown.output and picture.exists()


def test_a_score_is_followed_to_what_it_earned(bondsig, warehouse):
    row = warehouse.read(
        "SELECT o.ticker, o.decision_date FROM orders o JOIN scores s ON s.parent_id = o.parent_id"
        " AND s.trade_date = o.decision_date JOIN fills f USING (order_id) WHERE f.shares > 0"
        " ORDER BY o.decision_date, o.ticker LIMIT 1"
    ).row(0)
    shown = bondsig("explain", row[0], str(row[1]))
    assert shown.exit_code == 0, shown.output
    for words in ("target of optimised", "order for", "filled", "position:", "brought"):
        assert words in shown.output, words


def test_the_summary_ends_with_the_book(bondsig, warehouse):
    shown = bondsig("summary").output
    nav = warehouse.read("SELECT arg_max(nav_usd, trade_date) AS n FROM portfolio_days")["n"][0]
    assert f"${nav:,.0f}, net P&L" in shown and "orders for the next session" in shown


def test_a_run_after_a_hole_says_where_to_go_on(full_home, tmp_path, monkeypatch):
    home = copy_home(full_home, tmp_path / "home")
    monkeypatch.setenv("BONDSIG_HOME", str(home.path))
    warehouse = Warehouse(home.path)
    days = warehouse.read_table("portfolio_days")["trade_date"]
    hole = days[-3]
    warehouse.replace(
        *(
            Write(name, warehouse.read_table(name).clear(), (hole, days[-1]))
            for name in ("portfolio_days", "positions")
        )
    )
    done = CliRunner().invoke(
        cli,
        ["run", "--start", str(days[-1]), "--select", "key:target_positions", "--again"],
    )
    assert done.exit_code == 1 and f"run from {hole} on" in done.output, done.output


@pytest.mark.services
@pytest.mark.parametrize("seconds", [0.2, 0.8, 1.6])
def test_a_run_killed_among_orders_and_fills_books_nothing_twice_and_loses_nothing(
    full_home, tmp_path, seconds
):
    """kill -9 while days of the book are made again: what is there is whole days, and the same
    command again ends with the tables of an undisturbed home.
    """
    home = copy_home(full_home, tmp_path / "home")
    select = "key:target_positions or key:pnl_parts"
    code = "from bondsig_assets.commands.cli import main; main()"
    victim = subprocess.Popen(
        [sys.executable, "-c", code, "run", "--again", "--select", select],
        env={**os.environ, "BONDSIG_HOME": str(home.path)},
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    assert victim.stdout is not None
    for line in victim.stdout:
        if "solving for target positions" in line:
            break
    time.sleep(seconds)
    os.killpg(victim.pid, signal.SIGKILL)
    victim.wait()
    warehouse = Warehouse(home.path)
    days = warehouse.read_table("portfolio_days")
    assert (days["nav_before_usd"][1:] == days["nav_usd"][:-1]).all()
    sent = warehouse.read(
        "SELECT count(*) AS n FROM orders o ANTI JOIN fills f USING (order_id) WHERE o.state ="
        " 'sent' AND o.session_date <= (SELECT max(trade_date) FROM portfolio_days)"
    )["n"][0]
    assert sent == 0, "every order that was sent has its fills"
    done = CliRunner().invoke(
        cli, ["run", "--again", "--select", select], env={"BONDSIG_HOME": str(home.path)}
    )
    assert done.exit_code == 0, done.output
    assert_same(contents(full_home), contents(home))
