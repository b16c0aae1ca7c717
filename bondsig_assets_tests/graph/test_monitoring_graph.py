"""Monitors in the graph: days one by one, what breaks and who sees it, other settings, the
screen.
"""

from __future__ import annotations

from datetime import date

import polars as pl
import pytest
from click.testing import CliRunner

from bondsig_assets.calendar import offset, trading_days
from bondsig_assets.commands.cli import cli
from bondsig_assets.commands.doctor import _monitors
from bondsig_assets.learning.labels import KINDS
from bondsig_assets.monitoring.settings import MonitoringSettings, load_settings, make_settings
from bondsig_assets.portfolio.settings import load_settings as load_portfolio_settings
from bondsig_assets.reading.monitoring import drifted, monitored, parts
from bondsig_assets.tables import TABLES as EVERY
from bondsig_assets.warehouse import Warehouse, Write
from bondsig_assets_tests.graph.homes import copy_home, run
from bondsig_assets_tests.rows_of import rows_of

pytestmark = pytest.mark.slow

LAST = date(2024, 3, 28)
TABLES = ("monitors", "monitored_days", "alarms", "retrain_requests", "drift")


@pytest.fixture
def home(full_home, tmp_path, monkeypatch, unrendered):
    copied = copy_home(full_home, tmp_path / "home")
    monkeypatch.setenv("BONDSIG_HOME", str(copied.path))
    return copied


@pytest.fixture
def warehouse(full_home, tmp_path):
    """A copy of the lake, to be broken."""
    return Warehouse(copy_home(full_home, tmp_path / "broken").path)


def tables(home) -> dict[str, pl.DataFrame]:
    warehouse = Warehouse(home.path)
    return {name: warehouse.read_table(name) for name in TABLES}


def evening(warehouse: Warehouse, day: date = LAST, settings=None) -> dict[str, pl.DataFrame]:
    return monitored(warehouse, day, day, settings or MonitoringSettings(), "optimised")


def rang(made: dict[str, pl.DataFrame]) -> set[str]:
    return set(made["alarms"]["monitor"])


def test_days_done_again_one_by_one_give_the_bits_of_the_range(home):
    before = tables(home)
    days = trading_days(date(2022, 7, 1), LAST)
    assert before["monitored_days"]["trade_date"].to_list() == days
    assert before["monitors"].filter(state="quiet").height > 10_000
    for day in days[-3:]:
        run(home, day, day, "key:monitors or key:drift", again=True, checks=False)
    after = tables(home)
    for name in TABLES:
        assert after[name].equals(before[name]), name


def test_a_quiet_evening_is_watched_and_nothing_is_left_out(full_home):
    made = tables(full_home)
    last = made["monitors"].filter(trade_date=LAST)
    without = last.filter(state="no_value")["monitor"].to_list()
    # The champion is a refit of itself; nobody tells of dealers; others need more issuers.
    assert {"champion_less_challenger", "missing.n_dealers"} <= set(without)
    assert all(name.startswith("missing.") for name in without[1:]) and len(without) < 6
    # Of what never came there is no row, but the budget counts it.
    assert "volumes.reason_price_is_yield" not in set(last["monitor"])
    assert "reason_price_is_yield" in parts()["volumes"]
    day = made["monitored_days"].filter(trade_date=LAST).row(0, named=True)
    assert day["years_between_false_alarms"] == pytest.approx(2.0)
    assert sum(day[name] for name in day if name.startswith("n_")) == last.height


def test_a_source_that_stops_rings_the_same_evening_and_grows_old(warehouse):
    assert "volumes.reports" not in rang(evening(warehouse))
    for name in ("trace_reports", "trade_events"):
        days = (offset(LAST, -2), LAST)
        warehouse.replace(Write(name, EVERY[name].empty(), days))
    assert "volumes.reports" in rang(evening(warehouse, offset(LAST, -2)))
    assert "freshness.trace_reports" not in rang(evening(warehouse, offset(LAST, -1)))
    last = evening(warehouse)
    assert "freshness.trace_reports" in rang(last)
    # It rang two days ago; it is still beyond.
    stopped = last["monitors"].filter(monitor="volumes.reports").row(0, named=True)
    assert (stopped["state"], stopped["value"]) == ("watch", 0.0)


def test_a_feature_that_is_gone_and_scores_that_are_all_alike_ring(warehouse):
    coverage = warehouse.read_table("feature_coverage", between=(LAST, LAST))
    gone = pl.when(feature="spread_bps").then(0).otherwise("n_present").alias("n_present")
    scores = warehouse.read_table("scores", between=(LAST, LAST))
    warehouse.replace(
        Write("feature_coverage", coverage.with_columns(gone), (LAST, LAST)),
        Write("scores", scores.with_columns(score=pl.lit(0.1)), (LAST, LAST)),
    )
    made = evening(warehouse)
    assert {"missing.spread_bps", "ties"} <= rang(made)
    told = dict(made["alarms"].select("monitor", "explanation").iter_rows())
    assert "missing.spread_bps: 1, where" in told["missing.spread_bps"]


def test_scores_that_turn_round_ring_say_what_fell_and_ask_for_a_training(warehouse):
    """Labels with the other sign from a day on; a budget that rings soon, of accuracy alone."""
    settings = make_settings(
        {
            "years": 0.05,
            "budget": {"data": 0.0, "before_labels": 0.0, "profit": 0.0},
            "means": {"minimum_history_days": 42},
        }
    )
    labels = warehouse.read_table("labels")
    late = pl.col("trade_date") > date(2024, 1, 10)
    turned = [pl.when(late).then(-pl.col(name)).otherwise(name).alias(name) for name in _LABELS]
    warehouse.replace(Write("labels", labels.with_columns(turned)))
    made = monitored(warehouse, date(2023, 12, 15), LAST, settings, "optimised")
    fallen = made["alarms"].filter(family="accuracy")
    assert "ic" in set(fallen["monitor"])
    said = fallen.filter(monitor="ic")["explanation"][0]
    assert "inputs credit news: +" in said and " since, " in said
    asked = made["retrain_requests"]
    assert asked["state"][0] == "asked" and set(asked["state"][1:]) <= {"asked", "cooling_down"}
    assert asked["model_version"][0] is not None
    # Evening by evening it is the same.
    warehouse.replace(*(Write(name, frame) for name, frame in made.items()))
    for day in asked["trade_date"].to_list()[:2]:
        alone = evening(warehouse, day, settings)
        for name, frame in alone.items():
            assert frame.equals(made[name].filter(trade_date=day)), name


_LABELS = sorted(KINDS.values())


def test_a_hole_in_the_book_is_no_end_of_it(warehouse):
    hole = date(2024, 2, 5)
    warehouse.replace(Write("portfolio_days", EVERY["portfolio_days"].empty(), (hole, hole)))
    profit = evening(warehouse)["monitors"].filter(monitor="profit")
    assert profit["value_date"].item() == LAST
    assert evening(warehouse, hole)["monitors"].filter(monitor="profit")["value_date"].item() < hole


def test_drift_says_nothing_of_a_young_home(full_home):
    rows = drifted(Warehouse(full_home.path), LAST, LAST, MonitoringSettings())
    assert rows.height > 200 and rows["share"].is_null().all() and not rows["is_warning"].any()
    assert set(rows["reason"]) <= {"short_history", "no_values"}
    short = make_settings({"drift": {"window_days": 5, "reference_windows": 4, "null_windows": 24}})
    told = drifted(Warehouse(full_home.path), LAST, LAST, short)
    assert told["share"].is_not_null().mean() > 0.8


def test_other_settings_make_all_monitors_again_and_mistakes_in_them_nothing(home):
    before = tables(home)
    home.monitoring_file.write_text("[data]\nhistory_days = 100\n")
    refused = CliRunner().invoke(cli, ["run"])
    assert refused.exit_code == 1
    assert "minimum_history_days = 126 is more than history_days = 100" in refused.output
    assert tables(home)["monitors"].equals(before["monitors"])
    home.monitoring_file.write_text('years = 5.0\nwithout = ["ties"]\n')
    done = CliRunner().invoke(cli, ["run"])
    assert done.exit_code == 0 and "asks for other monitors than there are on" in done.output
    after = tables(home)
    assert set(after["monitored_days"]["settings_hash"]) == {
        load_settings(home.monitoring_file).hash
    }
    assert "ties" not in set(after["monitors"]["monitor"])
    assert after["drift"].equals(before["drift"])
    assert "everything is done already" in CliRunner().invoke(cli, ["run"]).output


def test_the_screen_tells_where_everything_stands(full_home, tmp_path, monkeypatch):
    monkeypatch.setenv("BONDSIG_HOME", str(full_home.path))
    picture = tmp_path / "monitors.png"
    shown = CliRunner().invoke(cli, ["monitor", "--picture", str(picture)])
    assert shown.exit_code == 0, shown.output
    for text in (
        f"Monitors of {LAST} (simulated)",
        "one in 2 years of all together is promised",
        "missing: 79 series",
        "Drift: too few windows yet",
    ):
        assert text in shown.output, text
    assert len(shown.output.splitlines()) < 45, "one screen"
    assert picture.read_bytes().startswith(b"\x89PNG")
    whole = CliRunner().invoke(cli, ["monitor", "--all", "--budget", "--date", "2023-12-01"])
    assert "missing.spread_bps" in whole.output and "volumes (data): 10.0 %" in whole.output
    assert max(len(line) for line in whole.output.splitlines()) < 200


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--date", "2024-03-30"], "2024-03-30 was not watched: there are 2022-07-01"),
        (["--picture", "x.doc"], "a picture ends in .png"),
        (["--date", "yesterday"], "write YYYY-MM-DD"),
    ],
)
def test_mistakes_are_one_line(full_home, monkeypatch, arguments, said):
    monkeypatch.setenv("BONDSIG_HOME", str(full_home.path))
    refused = CliRunner().invoke(cli, ["monitor", *arguments])
    assert refused.exit_code and said in refused.output


def test_settings_are_written_and_read_back(tmp_path, monkeypatch):
    monkeypatch.setenv("BONDSIG_HOME", str(tmp_path / "home"))
    out = tmp_path / "monitoring.toml"
    done = CliRunner().invoke(cli, ["settings", "monitoring", "--out", str(out)])
    assert done.exit_code == 0 and load_settings(out) == MonitoringSettings()
    assert (
        load_settings(out).hash == MonitoringSettings().hash != make_settings({"years": 3.0}).hash
    )


def test_the_doctor_repeats_what_is_red_with_what_to_do(home):
    assert [good for good, *_ in _monitors(home)] == [True]
    alarm = rows_of(
        "alarms",
        {
            "trade_date": LAST,
            "monitor": "missing.spread_bps",
            "family": "data",
            "explanation": "missing.spread_bps: 1, where 0 is usual",
        },
    )
    Warehouse(home.path).replace(Write("alarms", alarm, (LAST, LAST)))
    ((good, text, mend),) = _monitors(home)
    assert not good and "missing.spread_bps: 1" in text and "feature_coverage says" in mend
    shown = CliRunner().invoke(cli, ["monitor"])
    assert "Red (1):" in shown.output and "missing.spread_bps: 1" in shown.output


def test_the_book_that_is_watched_is_that_of_the_policy(full_home):
    policy = load_portfolio_settings(full_home.portfolio_file).policy
    warehouse = Warehouse(full_home.path)
    other = monitored(warehouse, LAST, LAST, MonitoringSettings(), "tranches")
    assert other["monitors"].filter(monitor="profit")["state"].item() == "no_value"
    own = monitored(warehouse, LAST, LAST, MonitoringSettings(), policy)
    assert own["monitors"].filter(monitor="profit")["value"].item() is not None
