"""What the checks of monitors say of alarms, sources that stay away, too many alarms, and drift.

Belongs here: `checks/monitoring_checks.py` on hand-made rows. Not here: the same checks in a whole
home (`graph/test_monitoring_graph.py`).
"""

# A test's name says what it shows.
# ruff: noqa: D103

from __future__ import annotations

from datetime import date

import dagster as dg
import pytest

from bondsig_assets.calendar import cutoff, trading_days
from bondsig_assets.checks.monitoring_checks import build_monitoring_checks
from bondsig_assets.resources.warehouse_resource import WarehouseResource
from bondsig_assets.warehouse import Warehouse, Write
from bondsig_assets_tests.rows_of import rows_of

DAYS = trading_days(date(2023, 1, 3), date(2024, 6, 28))
LAST = DAYS[-1]


def asked(warehouse: Warehouse) -> dict[str, dg.AssetCheckResult]:
    checks = {next(iter(one.check_keys)).name: one for one in build_monitoring_checks()}
    resource = WarehouseResource(home=str(warehouse.home))
    return {name: check(resource) for name, check in checks.items()}


def fill(warehouse: Warehouse, table: str, rows: list[dict[str, object]]) -> None:
    stamped = [row | {"known_at": cutoff(row["trade_date"])} for row in rows]
    warehouse.replace(Write(table, rows_of(table, *stamped)))


def days(warehouse: Warehouse) -> None:
    fill(
        warehouse,
        "monitored_days",
        [{"trade_date": day, "years_between_false_alarms": 2.0} for day in DAYS],
    )


def alarm(day: date, name: str = "ic", family: str = "accuracy") -> dict[str, object]:
    return {
        "trade_date": day,
        "monitor": name,
        "family": family,
        "explanation": f"{name} rang",
        "fell": [],
    }


def test_a_home_without_monitors_passes(warehouse):
    assert all(one.passed for one in asked(warehouse).values())


@pytest.mark.slow
def test_an_alarm_stays_red_for_a_month(warehouse):
    days(warehouse)
    fill(warehouse, "alarms", [alarm(DAYS[-22])])
    assert asked(warehouse)["nothing_red"].passed
    fill(warehouse, "alarms", [alarm(DAYS[-21])])
    found = asked(warehouse)["nothing_red"]
    assert not found.passed and found.description == f"{DAYS[-21]}: ic rang"
    assert found.severity == dg.AssetCheckSeverity.WARN


def test_a_source_is_red_until_it_comes(warehouse):
    days(warehouse)
    late = {
        "trade_date": LAST,
        "monitor": "freshness.trace_reports",
        "family": "freshness",
        "state": "late",
        "value": 60.0,
        "threshold": 3.0,
        "expected": 0.0,
        "value_date": DAYS[-61],
    }
    fill(warehouse, "alarms", [alarm(DAYS[-58], "freshness.trace_reports", "freshness")])
    fill(warehouse, "monitors", [late])
    found = asked(warehouse)["nothing_red"]
    assert not found.passed and f"nothing newer than {DAYS[-61]}, 60 trading" in found.description
    fill(warehouse, "monitors", [late | {"state": "quiet", "value": 0.0, "value_date": LAST}])
    assert asked(warehouse)["nothing_red"].passed


def test_more_alarms_than_chance_explains_are_told(warehouse):
    days(warehouse)
    # 374 days at one in two years: 0.74 are promised.
    fill(warehouse, "alarms", [alarm(day) for day in DAYS[:150:50]])
    found = asked(warehouse)["alarms_within_budget"]
    assert found.passed and found.metadata["n_alarms"].value == 3
    assert abs(found.metadata["promised"].value - len(DAYS) / 504) < 1e-9
    fill(
        warehouse,
        "alarms",
        [alarm(day, "freshness.x", "freshness") for day in DAYS[10:20]]
        + [alarm(day) for day in DAYS[:200:50]],
    )
    found = asked(warehouse)["alarms_within_budget"]
    assert not found.passed and found.description.startswith("4 alarms rang where at most 0.7")


def test_drift_of_all_features_names_the_farthest(warehouse):
    def row(feature: str, distance: float, *, warns: bool = True) -> dict[str, object]:
        return {
            "trade_date": LAST,
            "feature": feature,
            "kind": "all" if feature == "all" else "level",
            "distance": distance,
            "largest_distance": 1.0,
            "is_warning": warns,
        }

    fill(warehouse, "drift", [row("a", 2.0), row("b", 3.0), row("all", 1.0, warns=False)])
    assert asked(warehouse)["features_as_before"].passed
    fill(warehouse, "drift", [row("a", 2.0), row("b", 3.0), row("all", 9.0)])
    found = asked(warehouse)["features_as_before"]
    assert not found.passed and "windows of b, a are farther" in found.description
