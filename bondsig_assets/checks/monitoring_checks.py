"""Checks of monitors: what is red, what is late, whether more rings than was promised, drift.

Belongs here: questions to the tables of the group monitoring that warn. Not here: when a monitor
rings (`monitoring/`), plausibility of rows (`suites.py`).
"""

# No `from __future__ import annotations`: Dagster reads the type of a check's arguments as it
# stands.

from datetime import date

import dagster as dg
import polars as pl

from bondsig_assets.checks.results import warning_of
from bondsig_assets.market_rules import TRADING_DAYS_PER_YEAR
from bondsig_assets.monitoring.alarms import red
from bondsig_assets.resources.warehouse_resource import WarehouseResource
from bondsig_assets.warehouse import Warehouse

#: Probability, were the promise kept, below which more alarms than there are say it is not.
_SELDOM = 0.01


def build_monitoring_checks() -> list[dg.AssetChecksDefinition]:
    """Every check of monitors and drift."""
    return [_nothing_red(), _budget_kept(), _features_as_before()]


def _nothing_red() -> dg.AssetChecksDefinition:
    says = (
        "Nothing is red on the newest evening: no alarm within a month, no source that rang and"
        " still has not come. If not: `bondsig monitor` shows it, and docs/monitoring.md says what"
        " to do for each."
    )

    @dg.asset_check(asset="monitors", name="nothing_red", description=says)
    def nothing_red(warehouse: WarehouseResource) -> dg.AssetCheckResult:
        opened = warehouse.open()
        with opened.on_snapshot():
            day = _newest(opened, "monitored_days")
            if day is None:
                return warning_of([], "nothing was watched yet")
            rows = red(
                opened.read_table("monitors", between=(day, day)), opened.read_table("alarms"), day
            )
        return warning_of(
            [f"{rang}: {text}" for rang, _, text in rows.iter_rows()], f"nothing is red on {day}"
        )

    return nothing_red


def _budget_kept() -> dg.AssetChecksDefinition:
    says = (
        "No more alarms rang than false alarms were promised, give or take chance. If not: either"
        " something did change, or noise has fatter tails than monitors take it for; look at which"
        " rang, and raise years in monitoring.toml if they told of nothing."
    )

    @dg.asset_check(asset="monitors", name="alarms_within_budget", description=says)
    def alarms_within_budget(warehouse: WarehouseResource) -> dg.AssetCheckResult:
        opened = warehouse.open()
        with opened.on_snapshot():
            promised = opened.read(
                "SELECT coalesce(sum(1 / years_between_false_alarms), 0) / ? AS n FROM"
                " monitored_days",
                [TRADING_DAYS_PER_YEAR],
            )["n"][0]
            rang = opened.read("SELECT count(*) AS n FROM alarms WHERE family <> 'freshness'")["n"][
                0
            ]
        from scipy.stats import poisson

        said = f"{rang} alarms rang where at most {promised:.1f} false ones were promised"
        found = [said] if rang and poisson.sf(rang - 1, promised) < _SELDOM else []
        return warning_of(found, said).with_metadata({"n_alarms": rang, "promised": promised})

    return alarms_within_budget


def _features_as_before() -> dg.AssetChecksDefinition:
    says = (
        "The newest window of all features together is no farther from the past than windows"
        " usually are; one in twenty quiet ones is. If not: drift has the features, by distance"
        " over largest_distance."
    )

    @dg.asset_check(asset="drift", name="features_as_before", description=says)
    def features_as_before(warehouse: WarehouseResource) -> dg.AssetCheckResult:
        opened = warehouse.open()
        with opened.on_snapshot():
            day = _newest(opened, "drift")
            if day is None:
                return warning_of([], "nothing was compared yet")
            rows = opened.read_table("drift", between=(day, day))
        warned = rows.filter("is_warning")
        whole = warned.filter(feature="all")
        largest = warned.filter(pl.col("feature") != "all").sort(
            pl.col("distance") / pl.col("largest_distance"), "feature", descending=[True, False]
        )
        found = [
            f"{day}: windows of {', '.join(largest['feature'].unique(maintain_order=True).head(5))}"
            " are farther from their past than usual"
        ]
        return warning_of(
            found if whole.height else [], f"{warned.height} of {rows.height} windows warn on {day}"
        )

    return features_as_before


def _newest(warehouse: Warehouse, table: str) -> date | None:
    found: date | None = warehouse.read(f"SELECT max(trade_date) AS day FROM {table}")["day"][0]
    return found
