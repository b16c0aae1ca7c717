"""Every module has its test file, or stands here with the one that covers it.

A module `room/name.py` is covered by `room/test_name.py`. For all others: the first pattern below
that fits it. That the test reaches the module is read from the imports, also those inside
functions.
"""

# A test's name says what it shows.
# ruff: noqa: D103

from __future__ import annotations

from fnmatch import fnmatch
from functools import cache
from pathlib import Path

import grimp
import pytest

import bondsig_assets

PACKAGE = Path(bondsig_assets.__file__).parent
TESTS = Path(__file__).parent

#: Pattern of modules → test file.
COVERED_BY = {
    "alerts/heartbeat.py": "alerts/test_notify.py",
    "alerts/targets.py": "alerts/test_notify.py",
    "arrays.py": "bonds/test_kernels.py",
    "assets/late_days.py": "graph/test_late_days.py",
    "assets/learning_config.py": "graph/test_learning_config.py",
    "assets/models.py": "graph/test_learning_graph.py",
    "assets/scores.py": "graph/test_learning_graph.py",
    "assets/signals.py": "graph/test_learning_graph.py",
    "assets/monitoring.py": "graph/test_monitoring_graph.py",
    "assets/portfolio.py": "graph/test_portfolio_graph.py",
    "assets/performance.py": "graph/test_books_graph.py",
    "assets/common.py": "graph/test_chunks.py",
    "assets/report.py": "graph/test_report.py",
    "assets/*": "graph/test_whole_graph.py",
    "blocks/attempts.py": "blocks/test_mapping.py",
    "bonds/coupon_steps.py": "bonds/test_coupon_dates.py",
    "bonds/known_terms.py": "bonds/test_analytics.py",
    "features/news/parameters.py": "features/news/test_estimation.py",
    "bonds/tree_kernel.py": "bonds/test_callable_bonds.py",
    "calendar/knowledge.py": "sources/test_files_rows.py",
    "calendar/quarters.py": "learning/test_folds.py",
    "checks/results.py": "checks/test_monitoring_checks.py",
    "checks/*": "checks/test_suites.py",
    "commands/audit_log.py": "warehouse/test_shared_settings.py",
    "commands/bond_terms.py": "commands/test_clean.py",
    "commands/issuer.py": "securities/test_tree.py",
    "commands/backtest.py": "graph/test_books_graph.py",
    "commands/books.py": "graph/test_books_graph.py",
    "commands/orders.py": "graph/test_books_graph.py",
    "commands/monitor.py": "graph/test_monitoring_graph.py",
    "commands/portfolio.py": "graph/test_portfolio_graph.py",
    "commands/report.py": "graph/test_report.py",
    "commands/roles.py": "warehouse/test_roles.py",
    "commands/settings.py": "graph/test_portfolio_graph.py",
    "commands/*": "graph/test_cli.py",
    "definitions.py": "graph/test_definitions.py",
    "errors.py": "test_public_api.py",
    "extras.py": "test_public_api.py",
    "features/filtering_kernel.py": "features/test_filtering.py",
    "features/structural_kernel.py": "features/test_structural.py",
    "features/replay.py": "features/test_liquidity.py",
    "features/*": "features/test_issuer_days.py",
    "formats/counted.py": "formats/test_days.py",
    "formats/settings_files.py": "learning/test_settings.py",
    "home.py": "graph/test_cli.py",
    "learning/ensemble.py": "learning/test_training.py",
    "learning/models/*": "learning/test_models.py",
    "monitoring/catalogue.py": "monitoring/test_settings.py",
    "market_rules.py": "learning/test_labels.py",
    "orchestration/backup_record.py": "orchestration/test_status.py",
    "orchestration/partitions.py": "orchestration/test_outdated.py",
    "orchestration/progress.py": "graph/test_whole_graph.py",
    "orchestration/known_reach.py": "sources/test_reach.py",
    "orchestration/renamed_assets.py": "graph/test_old_homes.py",
    "orchestration/stages.py": "orchestration/test_outdated.py",
    "upkeep/server_databases.py": "upkeep/test_team_backup.py",
    "upkeep/stores.py": "upkeep/test_team_backup.py",
    "portfolio/trading_rows.py": "portfolio/test_trading_day.py",
    "reading/intraday.py": "graph/test_intraday_graph.py",
    "reading/reports.py": "trace/test_as_known.py",
    "reading/panels.py": "graph/test_whole_graph.py",
    "reading/portfolio.py": "graph/test_portfolio_graph.py",
    "reading/books.py": "graph/test_books_graph.py",
    "reading/backtest.py": "graph/test_books_graph.py",
    "reading/monitoring.py": "graph/test_monitoring_graph.py",
    "reading/*": "graph/test_learning_graph.py",
    "reporting/explanation_pictures.py": "commands/test_explain.py",
    "reporting/issuer_page.py": "securities/test_tree.py",
    "reporting/score_trail.py": "graph/test_trail.py",
    "reporting/summary.py": "graph/test_cli.py",
    "reporting/portfolio_pictures.py": "graph/test_portfolio_graph.py",
    "reporting/book_pictures.py": "graph/test_books_graph.py",
    "reporting/site/*": "graph/test_report.py",
    "reporting/*": "graph/test_whole_graph.py",
    "orchestration/tracking_server.py": "graph/test_team.py",
    "serving/entry.py": "serving/test_topology.py",
    "serving/executables.py": "serving/test_programs.py",
    "serving/health.py": "graph/test_team.py",
    "serving/local.py": "graph/test_team.py",
    "serving/once.py": "graph/test_team.py",
    "serving/store_guard.py": "serving/test_programs.py",
    "resources/*": "graph/test_learning_graph.py",
    "securities/cusips.py": "sources/test_cusips.py",
    "securities/rectangles.py": "securities/test_links.py",
    "sources/base.py": "sources/test_simulated_market.py",
    "sources/files/trace.py": "sources/test_files_trace.py",
    "sources/files/links.py": "sources/test_files_links.py",
    "sources/files/*": "sources/test_files_faults.py",
    "sources/registry.py": "graph/test_cli.py",
    "sources/simulated/entities.py": "sources/test_simulated_entities.py",
    "sources/simulated/leads.py": "sources/test_simulated_leads.py",
    "sources/simulated/macro.py": "sources/test_simulated_stocks.py",
    "sources/simulated/stocks.py": "sources/test_simulated_stocks.py",
    "sources/simulated/paths.py": "sources/test_simulated_null.py",
    "sources/simulated/pricing.py": "sources/test_simulated_entities.py",
    "sources/simulated/worlds.py": "sources/test_simulated_future.py",
    "sources/simulated/*": "sources/test_simulated_market.py",
    "sources/wrds/*": "sources/test_wrds.py",
    "tables/backtests.py": "tables/test_performance.py",
    "tables/*": "tables/test_schema.py",
    "trace/layouts/*": "trace/layouts/test_layouts.py",
    "trace/recipes/common.py": "trace/recipes/test_every_recipe.py",
    "trace/recipes/osbap_kernel.py": "trace/recipes/test_osbap_prices.py",
    "trace/ex_post.py": "graph/test_whole_graph.py",
    "trace/partitions.py": "trace/test_known_outcomes.py",
    "trace/prices_kernel.py": "trace/test_prices.py",
    "trace/*": "trace/test_cleaning.py",
    "upkeep/*": "upkeep/test_backup.py",
    "validation.py": "trace/test_options.py",
    "warehouse/extensions.py": "warehouse/test_installation.py",
    "warehouse/measures.py": "orchestration/test_status.py",
    "warehouse/lake.py": "warehouse/test_lake_lock.py",
}
MODULES = sorted(
    path.relative_to(PACKAGE).as_posix()
    for path in PACKAGE.rglob("*.py")
    if not path.name.startswith("__")
)


def own_test(module: str) -> str:
    folder, _, name = module.rpartition("/")
    return f"{folder}/test_{name}" if folder else f"test_{name}"


def covering(module: str) -> str:
    if (TESTS / own_test(module)).exists():
        return own_test(module)
    return next((test for part, test in COVERED_BY.items() if fnmatch(module, part)), "")


@cache
def imports() -> grimp.ImportGraph:
    return grimp.build_graph("bondsig_assets", "bondsig_assets_tests", cache_dir=None)


#: What a process that is started looks like in a text → the module it runs.
STARTED = {
    "bondsig_assets.commands.cli": "bondsig_assets.commands.cli",
    '"-m", "bondsig_assets"': "bondsig_assets.commands.cli",
    '"bondsig_assets.orchestration.webserver"': "bondsig_assets.orchestration.webserver",
    ".tracking_server": "bondsig_assets.orchestration.tracking_server",
}


@cache
def reached(module: str) -> set[str]:
    """What `module` imports or starts as a process, and so on."""
    found = {module, *imports().find_upstream_modules(module)}
    # Only tests and what serves pages start any.
    starting = [one for one in found if one.startswith("bondsig_assets_tests.")]
    serving = {"bondsig_assets.commands.ui", "bondsig_assets.serving.programs"}
    starting += [one for one in found if one in serving]
    files = [TESTS.parent / f"{one.replace('.', '/')}.py" for one in starting]
    text = "".join(file.read_text() for file in files if file.exists())
    for mark, started in STARTED.items():
        if mark in text and started not in found:
            found |= reached(started)
    return found


@pytest.mark.parametrize("module", MODULES)
def test_a_module_is_covered(module):
    test = covering(module)
    assert test, f"{module} has neither {own_test(module)} nor an entry in COVERED_BY"
    dotted = "bondsig_assets." + module.removesuffix(".py").replace("/", ".")
    of_test = "bondsig_assets_tests." + test.removesuffix(".py").replace("/", ".")
    assert dotted in reached(of_test), f"{test} does not reach {module}"


def test_no_entry_is_left_over():
    assert [test for test in COVERED_BY.values() if not (TESTS / test).exists()] == []
    needed = {
        next((part for part in COVERED_BY if fnmatch(one, part)), "")
        for one in MODULES
        if not (TESTS / own_test(one)).exists()
    }
    assert sorted(set(COVERED_BY) - needed) == []
