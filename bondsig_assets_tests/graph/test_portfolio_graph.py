"""Target positions in the graph: days one by one, other settings, the command, the checks."""

from __future__ import annotations

from datetime import date

import dagster as dg
import polars as pl
import pytest
from click.testing import CliRunner

from bondsig_assets.calendar import trading_days
from bondsig_assets.commands.cli import cli
from bondsig_assets.definitions import build_defs
from bondsig_assets.portfolio.settings import PortfolioSettings, load_settings
from bondsig_assets.warehouse import Warehouse
from bondsig_assets_tests.graph.homes import copy_home, run

pytestmark = pytest.mark.slow

LAST = date(2024, 3, 28)
TABLES = (
    "universe",
    "factor_returns",
    "factor_exposures",
    "factor_covariances",
    "specific_risks",
    "alphas",
    "target_positions",
    "solutions",
    "exposures",
    "breaches",
)


@pytest.fixture
def home(full_home, tmp_path, monkeypatch, unrendered):
    copied = copy_home(full_home, tmp_path / "home")
    monkeypatch.setenv("BONDSIG_HOME", str(copied.path))
    return copied


def tables(home) -> dict[str, pl.DataFrame]:
    warehouse = Warehouse(home.path)
    return {name: warehouse.read_table(name) for name in TABLES}


def test_days_done_again_one_by_one_give_the_bits_of_the_range(home):
    before = tables(home)
    assert before["target_positions"].filter(pl.col("shares") != 0).height > 100
    select = "key:universe or key:factor_exposures or key:target_positions"
    for day in trading_days(date(2024, 3, 22), LAST)[:3]:
        run(home, day, day, select, again=True, checks=False)
    after = tables(home)
    for name in TABLES:
        assert after[name].equals(before[name]), name


def test_other_settings_make_all_targets_again_and_mistakes_in_them_nothing(home):
    before = tables(home)
    home.portfolio_file.write_text("[bounds]\nnet_pct = 400.0\n")
    refused = CliRunner().invoke(cli, ["run"])
    assert refused.exit_code == 1 and "net_pct = 400.0 is above gross_pct = 200.0" in refused.output
    assert tables(home)["solutions"].equals(before["solutions"])
    home.portfolio_file.write_text('policy = "tranches"\n[universe]\nexclude = ["AAA"]\n')
    done = CliRunner().invoke(cli, ["run"])
    assert done.exit_code == 0 and "asks for other target positions" in done.output, done.output
    solutions = tables(home)["solutions"]
    assert set(solutions["policy"]) == {"tranches"}
    assert set(solutions["settings_hash"]) == {load_settings(home.portfolio_file).hash}
    assert solutions["trade_date"].equals(before["solutions"]["trade_date"])
    done = CliRunner().invoke(cli, ["run"])
    assert "everything is done already" in done.output
    shown = CliRunner().invoke(cli, ["portfolio"])
    assert shown.exit_code == 0 and "rule (nothing was solved)" in shown.output


def test_the_command_tells_where_expected_returns_went(full_home, tmp_path, monkeypatch):
    monkeypatch.setenv("BONDSIG_HOME", str(full_home.path))
    picture = tmp_path / "targets.png"
    shown = CliRunner().invoke(cli, ["portfolio", "--picture", str(picture), "--rows", "3"])
    assert shown.exit_code == 0, shown.output
    assert f"Target positions of {LAST} by policy optimised (simulated)" in shown.output
    assert "optimal (gap" in shown.output and "market beta" in shown.output
    assert picture.read_bytes().startswith(b"\x89PNG")
    row = (
        Warehouse(full_home.path)
        .read_table("target_positions", between=(LAST, LAST))
        .sort(pl.col("weight").abs(), descending=True)
        .row(0, named=True)
    )
    assert row["ticker"] in shown.output and f"{100 * row['weight']:+.2f}" in shown.output


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--date", "2024-03-30"], "2024-03-30 has no target positions"),
        (["--picture", "x.doc"], "a picture ends in .png"),
        (["--date", "yesterday"], "write YYYY-MM-DD"),
    ],
)
def test_mistakes_are_one_line(full_home, monkeypatch, arguments, said):
    monkeypatch.setenv("BONDSIG_HOME", str(full_home.path))
    refused = CliRunner().invoke(cli, ["portfolio", *arguments])
    assert refused.exit_code and said in refused.output


def test_settings_are_written_to_a_new_file_alone(tmp_path, monkeypatch):
    monkeypatch.setenv("BONDSIG_HOME", str(tmp_path / "home"))
    out = tmp_path / "new" / "portfolio.toml"
    done = CliRunner().invoke(cli, ["settings", "portfolio", "--out", str(out)])
    assert done.exit_code == 0 and load_settings(out) == PortfolioSettings()
    out.write_text("nav_usd = 5e6\n")
    for what in ("portfolio", "learning"):
        refused = CliRunner().invoke(cli, ["settings", what, "--out", str(out)])
        assert refused.exit_code == 1 and "exists and is left as it is" in refused.output
    assert out.read_text() == "nav_usd = 5e6\n"
    plain = CliRunner().invoke(cli, ["settings"])
    assert plain.exit_code == 0 and "[walk_forward]" in plain.output


def test_checks_of_targets_pass_and_say_what_they_found(full_home):
    defs = build_defs(full_home)
    names = {"bounds_hold", "solutions_certified", "risk_comes_as_forecast"}
    found = {}
    graph = defs.resolve_asset_graph()
    for key in graph.asset_check_keys:
        if key.name in names:
            found[key.name] = key
    assert set(found) == names
    result = (
        dg.Definitions(
            asset_checks=[
                one for one in defs.asset_checks if names & {k.name for k in one.check_keys}
            ],
            resources=defs.resources,
            executor=dg.in_process_executor,
            jobs=[dg.define_asset_job("checks", dg.AssetSelection.checks(*found.values()))],
        )
        .resolve_job_def("checks")
        .execute_in_process(instance=dg.DagsterInstance.ephemeral())
    )
    evaluations = {one.check_name: one for one in result.get_asset_check_evaluations()}
    assert evaluations["solutions_certified"].passed
    risk = evaluations["risk_comes_as_forecast"]
    assert 0.4 < risk.metadata["bias_statistic"].value < 2.0
