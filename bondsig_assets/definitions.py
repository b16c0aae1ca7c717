"""What Dagster loads.

Belongs here: putting the parts together. Not here: any of the parts.
"""

from __future__ import annotations

from datetime import date
from functools import partial

import dagster as dg

from bondsig_assets.assets import (
    clean,
    dataset,
    features,
    hindsight,
    models,
    monitoring,
    performance,
    portfolio,
    raw,
    reference,
    report,
    scores,
    signals,
)
from bondsig_assets.checks.asset_checks import build_asset_checks
from bondsig_assets.checks.learning_checks import build_learning_checks
from bondsig_assets.checks.monitoring_checks import build_monitoring_checks
from bondsig_assets.checks.portfolio_checks import build_portfolio_checks
from bondsig_assets.home import Home, current_home
from bondsig_assets.learning.settings import load_settings
from bondsig_assets.monitoring.settings import load_settings as load_monitoring_settings
from bondsig_assets.orchestration.alerting import build_alerts
from bondsig_assets.orchestration.freshness import with_freshness
from bondsig_assets.orchestration.jobs import build_jobs, build_schedules
from bondsig_assets.orchestration.known_reach import newest_day
from bondsig_assets.orchestration.partitions import folds_definition, trading_days_definition
from bondsig_assets.orchestration.run_logs import console_logger
from bondsig_assets.orchestration.sensors import build_sensors
from bondsig_assets.portfolio.settings import load_settings as load_portfolio_settings
from bondsig_assets.resources.market_source import MarketSourceResource
from bondsig_assets.resources.tracking import TrackingResource
from bondsig_assets.resources.warehouse_resource import WarehouseResource
from bondsig_assets.sources.reach import goes_on
from bondsig_assets.upkeep.job import build_upkeep
from bondsig_assets.warehouse.shared_settings import follow

#: The span shown before a home has been given a market: the demo world's.
_DEMO_DATE_RANGE = (date(2021, 1, 4), date(2024, 12, 31))


def build_defs(home: Home | None = None) -> dg.Definitions:
    """The whole graph for one home."""
    home = follow(home or current_home())
    market, (first, last) = home.market(), home.date_range() or _DEMO_DATE_RANGE
    is_open = market is not None and goes_on(market, last, date.today())
    closed_by = None if is_open else last
    settings = load_settings(home.learning_file)
    policies = load_portfolio_settings(home.portfolio_file)
    watched = load_monitoring_settings(home.monitoring_file)
    days, folds = (
        trading_days_definition(first, closed_by),
        folds_definition(first, closed_by, settings.walk_forward),
    )
    jobs = build_jobs(days, folds)
    upkeep, every_weekend = build_upkeep(home)
    path, newest = str(home.path), partial(newest_day, home)
    assets = [
        *raw.build_raw_assets(days),
        reference.security_master_asset,
        clean.trade_events_asset(days),
        clean.bond_day_revisions_asset(days),
        clean.bond_analytics_asset(days),
        features.issuer_days_asset(days),
        features.credit_news_asset(days),
        features.issuer_intraday_asset(days),
        dataset.labels_asset(days),
        portfolio.universe_asset(days, policies),
        portfolio.factor_exposures_asset(days, policies),
        monitoring.drift_asset(days, watched),
        models.models_asset(folds, settings),
        models.champions_asset(settings),
        scores.scores_asset(days, settings),
        signals.signals_asset(days, settings),
        portfolio.target_positions_asset(days, policies),
        performance.pnl_parts_asset(days),
        performance.performance_asset,
        monitoring.monitors_asset(days, watched, policies.policy),
        monitoring.evaluations_asset(settings),
        reference.security_coverage_asset,
        report.report_asset,
        hindsight.ex_post_trades_asset,
        hindsight.ex_post_bond_days_asset,
    ]
    return dg.Definitions(
        assets=dg.with_source_code_references(
            with_freshness(assets, None if market and market.is_live else last, date.today())
        ),
        asset_checks=[
            *build_asset_checks(assets),
            *build_learning_checks(),
            *build_portfolio_checks(),
            *build_monitoring_checks(),
        ],
        jobs=[*jobs, upkeep],
        schedules=[*build_schedules(jobs, days, folds, newest), every_weekend],
        sensors=[*build_sensors(jobs, folds, home), *build_alerts(home, days, newest)],
        resources={
            "warehouse": WarehouseResource(home=path),
            "source": MarketSourceResource(home=path),
            "tracking": TrackingResource(home=path),
        },
        loggers={"console": console_logger},
        executor=dg.in_process_executor,
    )


defs = build_defs()
