"""What the checks of target positions say of bounds that gave way, days that are held, and risk.

Belongs here: `checks/portfolio_checks.py` on hand-made targets. Not here: the same checks in a
whole home (`graph/test_portfolio_graph.py`).
"""

# A test's name says what it shows.
# ruff: noqa: D103

from __future__ import annotations

from datetime import date

import dagster as dg
import numpy as np
import pytest

from bondsig_assets.calendar import cutoff, trading_days
from bondsig_assets.checks.portfolio_checks import build_portfolio_checks
from bondsig_assets.resources.warehouse_resource import WarehouseResource
from bondsig_assets.warehouse import Warehouse, Write
from bondsig_assets_tests.rows_of import rows_of

DAYS = trading_days(date(2024, 1, 2), date(2024, 6, 28))
RISK_PCT = 0.5


def asked(warehouse: Warehouse) -> dict[str, dg.AssetCheckResult]:
    checks = {next(iter(one.check_keys)).name: one for one in build_portfolio_checks()}
    resource = WarehouseResource(home=str(warehouse.home))
    return {name: check(resource) for name, check in checks.items()}


def fill(warehouse: Warehouse, moved_pct: float, *, held: int = 0) -> None:
    """A book of one name in half the money that moves with `moved_pct` a day, and a forecast of
    RISK_PCT; the last `held` days are not certified.
    """
    draw = np.random.default_rng(0)
    moves = draw.normal(0, 2 * moved_pct, len(DAYS))
    stamped = [{"trade_date": d, "known_at": cutoff(d), "policy": "optimised"} for d in DAYS]
    n = len(DAYS)
    writes = {
        "target_positions": [
            row | {"parent_id": "P", "ticker": "T", "weight": 0.5} for row in stamped
        ],
        "solutions": [
            row
            | {
                "state": "held" if k >= n - held else "optimal",
                "status": "InsufficientProgress" if k >= n - held else "Solved",
                "forecast_risk_pct": RISK_PCT,
            }
            for k, row in enumerate(stamped)
        ],
        "equity_prices": [
            {
                "ticker": "T",
                "trade_date": d,
                "close_usd": 50.0,
                "total_return_pct": float(move),
                "known_at": cutoff(d),
            }
            for d, move in zip(DAYS, moves, strict=True)
        ],
    }
    warehouse.replace(*(Write(name, rows_of(name, *rows)) for name, rows in writes.items()))


def test_an_empty_home_passes(warehouse):
    assert all(found.passed for found in asked(warehouse).values())


@pytest.mark.parametrize(("moved_pct", "is_right"), [(0.5, True), (1.0, False), (0.2, False)])
def test_risk_that_comes_otherwise_is_found(warehouse, moved_pct, is_right):
    fill(warehouse, moved_pct)
    found = asked(warehouse)["risk_comes_as_forecast"]
    assert found.passed == is_right
    assert found.metadata["bias_statistic"].value == pytest.approx(moved_pct / RISK_PCT, rel=0.2)


def test_days_that_are_held_and_bounds_that_gave_way_are_told(warehouse):
    fill(warehouse, 0.5, held=2)
    breach = {
        "trade_date": DAYS[-1],
        "known_at": cutoff(DAYS[-1]),
        "policy": "optimised",
        "bound": "net",
        "slack": 0.012,
    }
    warehouse.replace(Write("breaches", rows_of("breaches", breach)))
    found = asked(warehouse)
    assert not found["solutions_certified"].passed and not found["bounds_hold"].passed
    assert "2 days of optimised are held (InsufficientProgress)" in str(
        found["solutions_certified"].description
    )
    assert "net gave way on 1 days, by 1.200 %" in str(found["bounds_hold"].description)
