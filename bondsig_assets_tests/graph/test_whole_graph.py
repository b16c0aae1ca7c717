"""What a whole run leaves behind, and that doing it again or later gives the same bits."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

import polars as pl
import pytest

from bondsig_assets.calendar import trading_days
from bondsig_assets.definitions import build_defs
from bondsig_assets.errors import HomeError
from bondsig_assets.home import Market
from bondsig_assets.orchestration import runner
from bondsig_assets.reporting.waterfall import waterfall
from bondsig_assets.tables import TABLES
from bondsig_assets.tables.issuer_features import CREDIT_FEATURES
from bondsig_assets.trace.cleaning import clean
from bondsig_assets.trace.events import GRAPH, ID
from bondsig_assets.warehouse import Warehouse, extensions
from bondsig_assets_tests.graph.homes import assert_same, contents, copy_home, run


def test_every_table_has_rows_and_unique_keys(full_home):
    warehouse = Warehouse(full_home.path)
    with warehouse.on_snapshot():
        for name, table in TABLES.items():
            key = ", ".join(table.key)
            rows, keys = warehouse.read(
                f"SELECT count(*), count(DISTINCT ({key})) FROM {table.qualified_name}"
            ).row(0)
            assert rows == keys, name
            # The simulated market's bonds are told by their trades alone, all bounds hold, nothing
            # rings, and the paper broker tells all on the same evening.
            may_be_empty = name in (
                "quarantined_rows",
                "bond_day_quotes",
                "breaches",
                "awaited_orders",
                "alarms",
                "retrain_requests",
            )
            aside = table.group in ("hindsight", "operations")
            assert rows > 0 or may_be_empty or aside, name


@pytest.mark.slow
def test_hindsight_is_what_the_cleaner_makes_of_the_same_reports(full_home, tmp_path):
    home = copy_home(full_home, tmp_path / "home")
    assert run(home, select="key:ex_post_trades+") == 1
    warehouse = Warehouse(home.path)
    reports = warehouse.read_table("trace_reports").with_row_index("row").cast({"row": pl.Int64})
    wanted = clean(
        reports, bonds=warehouse.read_table("bonds"), screens=replace(GRAPH, price_errors="ex_post")
    )
    trades = warehouse.read_table("ex_post_trades").join(reports.select("row", *ID), on=ID)
    same = ["row", "price", "price_as_reported", "par_usd", "side"]
    assert trades.select(same).sort("row").equals(wanted.trades.select(same).sort("row"))
    days, sample = (
        warehouse.read_table("ex_post_bond_days"),
        wanted.bond_days.filter(pl.col("n_trades") > 0),
    )
    prices = ["cusip", "trade_date", "price", "par_usd", "n_trades", "price_low", "price_high"]
    assert days.select(prices).equals(sample.sort("cusip", "trade_date").select(prices))
    assert run(full_home) == 0, "the morning run does not ask for it"


def test_reports_in_are_trades_plus_rejected(full_home):
    table = waterfall(Warehouse(full_home.path).read)
    rejected = table.filter(table["stage"].str.starts_with("rejected"))["rows"].sum()
    total, standing = (
        table.filter(table["stage"] == stage)["rows"][0]
        for stage in ("reports in", "trades that stand")
    )
    assert total > 80_000
    assert total + rejected == standing


def test_scores_are_what_they_say(full_home):
    warehouse = Warehouse(full_home.path)
    scores = warehouse.read_table("scores")
    assert ((scores["score"] - (1 - 2 * scores["probability_underperform"])).abs() < 1e-12).all()
    assert scores["score"].is_between(-1, 1).all() and scores["score_rank"].is_between(-1, 1).all()
    assert (scores["top_features"].list.len() == 5).all()
    assert set(scores["top_features"].explode()) & set(CREDIT_FEATURES)
    late = warehouse.read(
        "SELECT count(*) AS n FROM scores s LEFT JOIN champions c ON c.model_version ="
        " s.model_version AND s.trade_date >= c.valid_from_date AND s.trade_date <="
        " coalesce(c.valid_to_date, DATE '9999-01-01') WHERE c.known_at IS NULL OR c.known_at >="
        " s.known_at"
    )
    assert late["n"][0] == 0, "a day was scored by a model that was not champion at its cutoff"


def test_no_training_label_was_unknown_when_its_fold_began(full_home):
    overlap = Warehouse(full_home.path).read(
        "SELECT count(*) AS n FROM models m JOIN labels l ON l.trade_date <= m.train_end_date AND"
        " l.horizon_days = m.horizon_days WHERE l.known_at > m.known_at"
    )
    assert overlap["n"][0] == 0


def test_a_second_run_finds_its_work_done(full_home):
    assert run(full_home) == 0
    with runner.open_instance(full_home) as instance:
        defs = build_defs(full_home)
        assert not runner.plan_outdated(defs, instance, runner.selected_assets(defs, ""))


@pytest.fixture
def four_threads(monkeypatch):
    """Engines of more threads than workers of the tests give them, for one test."""
    monkeypatch.setenv(extensions.THREADS, "4")
    extensions._idle.clear()
    yield
    extensions._idle.clear()


@pytest.mark.slow
@pytest.mark.usefixtures("four_threads", "unrendered")
def test_the_same_range_again_gives_the_same_bits(full_home, tmp_path):
    """With more threads than made it: what has no order of its own comes in another one."""
    before = contents(full_home)
    copy = copy_home(full_home, tmp_path / "home")
    days = trading_days(date(2024, 1, 2), date(2024, 3, 28))
    run(copy, days[0], days[-1], again=True, checks=False)
    assert_same(before, contents(copy))


def test_another_market_is_refused(full_home):
    with pytest.raises(HomeError, match="One home holds one market"):
        full_home.claim(Market(world="tiny", seed=2), (date(2022, 7, 1), date(2024, 3, 28)))
