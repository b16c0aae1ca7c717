"""The check on champions that know nothing: what it says of the newest day, and of each champion.

Belongs here: `checks/learning_checks.py` on a warehouse of hand-made scores. Not here: the same
checks in a whole home (`graph/test_learning_graph.py`).
"""

# A test's name says what it shows.
# ruff: noqa: D103

from __future__ import annotations

import dagster as dg
import polars as pl
import pytest

from bondsig_assets.checks.learning_checks import SILENT_SPANS, build_learning_checks
from bondsig_assets.resources.warehouse_resource import WarehouseResource
from bondsig_assets.warehouse import Warehouse, Write
from bondsig_assets_tests.checks.frames import FIRST, LAST, good


def scored(warehouse: Warehouse) -> None:
    """A first day on which all names are alike and one is informed, by one champion, and a second
    by another that tells them apart and is informed of none.
    """
    row = pl.int_range(pl.len())
    is_first = pl.col("trade_date") == FIRST
    scores = good("scores").with_columns(
        model_version=pl.when(is_first).then(pl.lit("ridge 1")).otherwise(pl.lit("ridge 2")),
        probability_underperform=pl.when(is_first).then(0.5).otherwise(0.4 + 0.001 * row),
        is_informed=is_first & (pl.col("ticker") == "N03"),
    )
    warehouse.replace(Write("scores", scores))


def test_each_champions_days_without_knowledge_are_counted(warehouse):
    scored(warehouse)
    assert warehouse.read(SILENT_SPANS).rows() == [
        ("ridge 1", FIRST, FIRST, 1, 1, 0),
        ("ridge 2", LAST, LAST, 1, 0, 1),
    ]


@pytest.mark.parametrize("is_empty", [False, True])
def test_the_check_speaks_of_the_newest_day_and_lists_champions(warehouse, is_empty):
    if is_empty:
        warehouse.replace(Write("scores", good("scores")[:0]))
    else:
        scored(warehouse)
    checks = {next(iter(one.check_keys)).name: one for one in build_learning_checks()}
    found = checks["probabilities_inform"](WarehouseResource(home=str(warehouse.home)))
    assert isinstance(found, dg.AssetCheckResult) and found.passed == is_empty
    told = str(found.metadata["champions"].value)
    if is_empty:
        assert told == "none yet"
    else:
        assert "20 of 20 scores" in str(found.description)
        assert f"ridge 1 ({FIRST} … {FIRST}): one probability for all names on 1 of 1 days" in told
        assert f"ridge 2 ({LAST} … {LAST}): one probability for all names on 0 of 1 days" in told
