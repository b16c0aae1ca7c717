"""What Dagster loads: every asset documented, owned and described before its first run."""

from __future__ import annotations

import subprocess
import sys
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

import dagster as dg
import pytest

from bondsig_assets.assets.common import OWNERS, PARTITION_TAG
from bondsig_assets.definitions import build_defs
from bondsig_assets.features.intraday import BASELINE_DAYS, MATCH_DAYS
from bondsig_assets.home import Home, Market
from bondsig_assets.learning.labels import LOOKBACK
from bondsig_assets.learning.settings import LearningSettings
from bondsig_assets.monitoring.settings import MonitoringSettings
from bondsig_assets.orchestration.stages import DAYS, ON_ASKING, SCORING, TAG, TRAINING, TRUTH
from bondsig_assets.portfolio.attribution_days import DECISION_LAG
from bondsig_assets.portfolio.market_days import BORROW_DAYS, FACTS_LOOKBACK_DAYS, NAME_DAYS
from bondsig_assets.portfolio.settings import PortfolioSettings
from bondsig_assets.reading.monitoring import reach
from bondsig_assets.reading.portfolio import SKILL_DAYS, lookback_days
from bondsig_assets.tables import TABLES
from bondsig_assets.tables.issuer_features import FEATURES, LOOKBACK_DAYS
from bondsig_assets.tables.news_features import NEWS_LOOKBACK_DAYS

_DAILY = {
    "trace_reports",
    "bond_day_quotes",
    "equity_prices",
    "cds_quotes",
    "borrow_rates",
    "trade_events",
    "bond_day_revisions",
    "bond_analytics",
    "issuer_days",
    "credit_news",
    "issuer_intraday",
    "labels",
    "scores",
    "signals",
    "universe",
    "factor_exposures",
    "target_positions",
    "pnl_parts",
    "drift",
    "monitors",
}
#: What an asset writes that is no table.
_NO_TABLE = {"report"}
_EDGES = {
    "trace_reports": "trade_events",
    "bonds": "security_master",
    "trade_events": "bond_day_revisions",
    "bond_day_revisions": "bond_analytics",
    "bond_analytics": "issuer_days",
    "security_master": "issuer_days",
    "issuer_days": "models",
    "labels": "models",
    "models": "champions",
    "champions": "scores",
    "scores": "signals",
    "signals": "evaluations",
    "equity_prices": "universe",
    "macro_series": "factor_exposures",
    "universe": "target_positions",
    "target_positions": "pnl_parts",
    "pnl_parts": "performance",
    "performance": "report",
}


@pytest.fixture(scope="module")
def specs(tmp_path_factory) -> dict[str, dg.AssetSpec]:
    defs = build_defs(Home(tmp_path_factory.mktemp("home")))
    return {spec.key.path[-1]: spec for spec in defs.resolve_all_asset_specs()}


def test_every_asset_is_documented_owned_and_typed(specs):
    for name, spec in specs.items():
        assert spec.description and len(spec.description) > 60, name
        assert spec.owners == [OWNERS[spec.group_name]], name
        assert spec.tags[PARTITION_TAG] == _partition_of(spec), name
        (code,) = spec.metadata["dagster/code_references"].code_references
        assert code.file_path.endswith(".py") and code.line_number > 1, name
        assert spec.kinds, name
        assert spec.group_name != "default", name
        assert spec.metadata.get("dagster/table_name") or name in _NO_TABLE, name


def _partition_of(spec: dg.AssetSpec) -> str:
    if spec.key.path[-1] in _DAILY:
        return "day"
    return "quarter" if spec.partitions_def is not None else "whole"


def test_columns_are_there_before_the_first_run(specs):
    for name, spec in specs.items():
        if name == "simulated_truth" or name in _NO_TABLE:
            continue
        table = TABLES[str(spec.metadata["dagster/table_name"]).split(".")[-1]]
        columns = spec.metadata["dagster/column_schema"].columns
        assert [column.name for column in columns] == table.column_names, name
        assert all(column.description for column in columns), name


def test_days_are_partitions_of_exactly_the_daily_assets(specs):
    assert {
        name
        for name, spec in specs.items()
        if isinstance(spec.partitions_def, dg.DailyPartitionsDefinition)
    } == _DAILY
    keys = specs["trade_events"].partitions_def.get_partition_keys()
    assert "2024-03-28" in keys and "2024-03-29" not in keys and "2024-03-30" not in keys


@pytest.mark.parametrize(("above", "below"), _EDGES.items())
def test_the_way_of_the_data(specs, above, below):
    assert above in {dep.asset_key.path[-1] for dep in specs[below].deps}


def test_edges_between_days_say_how_far_back_they_reach(specs):
    reaches = {
        (name, dep.asset_key.path[-1]): dep.partition_mapping.start_offset
        for name, spec in specs.items()
        for dep in spec.deps
        if isinstance(dep.partition_mapping, dg.TimeWindowPartitionMapping)
    }
    days = {edge: reach for edge, reach in reaches.items() if edge != ("scores", "models")}
    assert days == {
        **{
            ("issuer_days", parent): -LOOKBACK_DAYS
            for parent in ("bond_day_revisions", "bond_analytics", "equity_prices", "cds_quotes")
        },
        **{
            ("credit_news", parent): -NEWS_LOOKBACK_DAYS
            for parent in ("bond_day_revisions", "bond_analytics", "equity_prices", "cds_quotes")
        },
        ("issuer_intraday", "trade_events"): -BASELINE_DAYS,
        ("issuer_intraday", "bond_day_revisions"): -MATCH_DAYS,
        ("issuer_intraday", "bond_analytics"): -MATCH_DAYS,
        ("labels", "equity_prices"): -LOOKBACK,
        **{
            ("scores", parent): 1 - LearningSettings().kinds["lstm"].history_days
            for parent in ("issuer_days", "credit_news")
        },
        ("universe", "equity_prices"): -FACTS_LOOKBACK_DAYS,
        ("universe", "issuer_days"): -NAME_DAYS,
        ("universe", "borrow_rates"): -BORROW_DAYS,
        **{
            ("factor_exposures", parent): -lookback_days(PortfolioSettings())
            for parent in ("equity_prices", "issuer_days")
        },
        **{
            ("target_positions", parent): -SKILL_DAYS
            for parent in ("scores", "factor_exposures", "labels")
        },
        **{
            ("pnl_parts", parent): -DECISION_LAG
            for parent in ("target_positions", "factor_exposures", "equity_prices")
        },
        ("drift", "issuer_days"): 1 - MonitoringSettings().drift.days,
        # A day's scores are compared with those of the day before.
        ("monitors", "scores"): -reach(MonitoringSettings()) - 1,
        **{
            ("monitors", parent): -reach(MonitoringSettings())
            for parent in (
                "trade_events",
                "issuer_days",
                "equity_prices",
                "cds_quotes",
                "borrow_rates",
                "bond_day_quotes",
            )
        },
    }


def test_every_asset_bears_the_name_of_its_table_and_says_when_it_runs(specs):
    for name, spec in specs.items():
        assert spec.tags[TAG] in (DAYS, TRUTH, TRAINING, SCORING, ON_ASKING), name
        if name != "simulated_truth" and name not in _NO_TABLE:
            assert spec.metadata["tables"][0] == name
            assert set(spec.metadata["tables"]) <= set(TABLES)


def test_every_asset_takes_a_range_in_one_run(tmp_path):
    defs = build_defs(Home(tmp_path))
    for asset in defs.resolve_asset_graph().assets_defs:
        if asset.keys and not asset.check_specs_by_output_name:
            assert asset.backfill_policy == dg.BackfillPolicy.single_run(), asset.key


def test_nothing_reads_the_truth(specs):
    for name, spec in specs.items():
        assert "simulated_truth" not in {dep.asset_key.path[-1] for dep in spec.deps}, name


def test_a_code_server_can_load_all_of_it(tmp_path):
    """Names that clash are found by a server alone: the CLI loads no job but its own."""
    repository = build_defs(Home(tmp_path)).get_repository_def()
    repository.load_all_definitions()
    assert {"daily", "training", "hindsight", "upkeep"} <= set(repository.job_names)


@pytest.mark.slow
def test_loading_the_graph_warns_of_nothing():
    done = subprocess.run(
        [sys.executable, "-c", "import bondsig_assets.definitions"], capture_output=True, text=True
    )
    assert done.returncode == 0 and not done.stderr


@pytest.mark.slow
def test_loading_the_graph_imports_nothing_heavy():
    code = (
        "import sys, bondsig_assets.definitions; print([m for m in ('mlflow', 'great_expectations',"
        " 'shap', 'numba', 'xgboost', 'lightgbm', 'optuna', 'jax', 'keras') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_schedules_are_off_until_they_are_switched_on(tmp_path):
    defs = build_defs(Home(tmp_path))
    for name in ("every_morning", "every_quarter", "every_weekend"):
        schedule = defs.resolve_schedule_def(name)
        assert schedule.default_status == dg.DefaultScheduleStatus.STOPPED
        assert schedule.execution_timezone == "America/New_York"


def test_every_feature_says_which_columns_feed_it(specs):
    lineage = specs["issuer_days"].metadata["dagster/column_lineage"].deps_by_column
    assert set(lineage) == {feature.name for feature in FEATURES}
    for name, deps in lineage.items():
        assert deps, name
        for dep in deps:
            asset = dep.asset_key.path[-1]
            assert asset in {one.asset_key.path[-1] for one in specs["issuer_days"].deps}, (
                name,
                asset,
            )
            assert dep.column_name in TABLES[asset].column_names, (name, dep.column_name)


@pytest.mark.parametrize(
    ("market", "last", "sees"),
    [
        (Market(world="tiny", is_live=True), date(2026, 11, 25), True),
        (Market(source="files", data="x"), date.today(), True),
        (Market(source="wrds"), date.today() - timedelta(days=200), True),
        (Market(source="files", data="x"), date(2012, 12, 31), False),
        (Market(world="tiny"), date(2024, 3, 28), False),
    ],
)
def test_a_server_that_was_started_long_ago_has_the_days_and_quarters_that_came_since(
    tmp_path, market, last, sees
):
    home = Home(tmp_path / "home")
    home.claim(market, (date(2010, 1, 4), last))
    graph = build_defs(home).resolve_asset_graph()
    later = datetime(2030, 7, 3, 6, 30, tzinfo=ZoneInfo("America/New_York"))
    newest = [
        graph.get(dg.AssetKey(name)).partitions_def.get_partition_keys(current_time=later)[-1]
        for name in ("trace_reports", "models")
    ]
    if sees:
        assert newest == ["2030-07-02", "2030-07-01"]
    else:
        quarter = date(last.year, 3 * ((last.month - 1) // 3) + 1, 1)
        assert newest == [last.isoformat(), quarter.isoformat()]


def test_all_of_it_loads_at_once(tmp_path):
    """As `dagster api grpc` does: there no op may bear the name of a job's graph."""
    build_defs(Home(tmp_path)).get_repository_def().load_all_definitions()
