"""The checks in a small graph of empty assets on a temporary warehouse."""

import subprocess
import sys

import dagster as dg
import polars as pl
import pytest

from bondsig_assets.checks.asset_checks import build_asset_checks, checked_days
from bondsig_assets.checks.suites import SUITES
from bondsig_assets.resources.warehouse_resource import WarehouseResource
from bondsig_assets.warehouse import Write
from bondsig_assets_tests.checks.frames import FIRST, LAST, broken, tamper

DAYS = dg.DailyPartitionsDefinition(start_date="2024-01-01", end_date="2024-01-10")
RANGE = {
    "dagster/asset_partition_range_start": FIRST.isoformat(),
    "dagster/asset_partition_range_end": LAST.isoformat(),
}


def graph() -> list[dg.AssetsDefinition]:
    """An empty asset for each that is checked, and one that depends on trade events."""

    def empty(name: str, deps: tuple[str, ...] = ()) -> dg.AssetsDefinition:
        @dg.asset(
            name=name,
            deps=deps,
            metadata={"tables": [name, "predictions"] if name == "scores" else [name]},
            partitions_def=DAYS,
            backfill_policy=dg.BackfillPolicy.single_run(),
        )
        def nothing() -> dg.MaterializeResult:
            return dg.MaterializeResult()

        return nothing

    checked = [name for name in SUITES if name != "predictions"]
    return [*(empty(name) for name in checked), empty("downstream", ("trade_events",))]


def run(warehouse, selection=None, **how) -> dg.ExecuteInProcessResult:
    """Materialize the graph with its checks."""
    return dg.materialize(
        [*graph(), *build_asset_checks(graph())],
        selection=selection,
        resources={"warehouse": WarehouseResource(home=str(warehouse.home))},
        raise_on_error=False,
        **(how or {"tags": RANGE}),
    )


def evaluations(
    result: dg.ExecuteInProcessResult,
) -> dict[tuple[str, str], dg.AssetCheckEvaluation]:
    """What each check said, by asset and name."""
    return {
        (one.asset_key.to_user_string(), one.check_name): one
        for one in result.get_asset_check_evaluations()
    }


@pytest.mark.slow
def test_every_check_of_a_good_warehouse_passes(warehouse):
    result = run(warehouse)
    found = evaluations(result)
    assert result.success
    assert [key for key, one in found.items() if not one.passed] == []
    assert set(found) == {
        (key.asset_key.to_user_string(), key.name)
        for check in build_asset_checks(graph())
        for key in check.check_keys
    }
    assert len(found) >= sum(len(suite) for suite in SUITES.values()) + 2 * len(SUITES)


def test_a_failed_expectation_warns_and_says_what_to_do(warehouse):
    warehouse.replace(Write("trade_events", broken("trade_events", "decimal_shifts_rare")))
    result = run(warehouse, dg.AssetSelection.assets("trade_events", "downstream"))
    assert result.success
    one = evaluations(result)["trade_events", "decimal_shifts_rare"]
    assert not one.passed and one.severity == dg.AssetCheckSeverity.WARN and not one.blocking
    assert one.metadata["observed"].value == pytest.approx(0.05)
    assert one.metadata["threshold"].value == "at least 99 % of rows"
    assert (one.metadata["n_unexpected"].value, one.metadata["n_rows"].value) == (38, 40)
    assert one.metadata["sample_keys"].value[0] == {
        "delivery_date": FIRST.isoformat(),
        "record_number": 3,
        "revision": 0,
    }
    assert "unit" in one.metadata["what to do"].value
    assert len(result.asset_materializations_for_node("downstream")) == 2


def test_a_structural_failure_blocks_what_is_downstream(warehouse):
    tamper(
        warehouse,
        f"INSERT INTO trade_events SELECT * FROM trade_events WHERE known_date = DATE '{LAST}'",
    )
    result = run(warehouse, dg.AssetSelection.assets("trade_events", "downstream"))
    found = evaluations(result)
    assert not result.success
    assert {name for (_, name), one in found.items() if not one.passed} == {
        "trade_events_keys",
        "trade_events_reconciliation",
    }
    assert found["trade_events", "trade_events_keys"].severity == dg.AssetCheckSeverity.ERROR
    assert result.asset_materializations_for_node("downstream") == []


@pytest.mark.slow
def test_a_run_of_one_partition_checks_that_day_alone(warehouse):
    frame = broken("trade_events", "decimal_shifts_rare")
    frame = frame.with_columns(
        price_as_reported=pl.when(pl.col("delivery_date") == LAST).then("price_as_reported")
    )
    warehouse.replace(Write("trade_events", frame))
    selection = dg.AssetSelection.assets("trade_events")
    first = evaluations(run(warehouse, selection, partition_key=FIRST.isoformat()))[
        "trade_events", "decimal_shifts_rare"
    ]
    last = evaluations(run(warehouse, selection, partition_key=LAST.isoformat()))[
        "trade_events", "decimal_shifts_rare"
    ]
    assert (first.passed, first.metadata["n_rows"].value) == (True, 20)
    assert (last.passed, last.metadata["n_unexpected"].value) == (False, 20)


def test_one_check_can_be_run_alone_on_the_whole_table(warehouse):
    name = next(
        key
        for check in build_asset_checks(graph())
        for key in check.check_keys
        if key.name == "score_bounded"
    )
    found = evaluations(run(warehouse, dg.AssetSelection.checks(name), tags={}))
    assert list(found) == [("scores", "score_bounded")]
    assert found["scores", "score_bounded"].metadata["n_rows"].value == 40


@pytest.mark.parametrize(
    ("tags", "days"),
    [
        ({}, None),
        ({"dagster/partition": "2024-01-02"}, (FIRST, FIRST)),
        (RANGE, (FIRST, LAST)),
        ({"dagster/partition": "champion"}, None),
    ],
)
def test_the_days_come_from_the_tags(tags, days):
    assert checked_days(tags) == days


def test_check_names_of_an_asset_are_unique_and_structure_alone_blocks():
    specs = [spec for check in build_asset_checks(graph()) for spec in check.check_specs]
    assert len({spec.key for spec in specs}) == len(specs)
    assert {
        spec.blocking
        for spec in specs
        if spec.name.endswith(("_schema", "_keys", "_reconciliation"))
    } == {True}
    assert sum(spec.blocking for spec in specs) == 2 * len(SUITES) + 3


def test_building_the_checks_does_not_import_great_expectations():
    code = (
        "import sys; from bondsig_assets.checks.asset_checks import build_asset_checks;"
        " build_asset_checks([]);"
        " heavy = ('great_expectations', 'pandas', 'mlflow', 'shap');"
        " sys.exit(any(name in sys.modules for name in heavy))"
    )
    assert subprocess.run([sys.executable, "-c", code], timeout=60).returncode == 0
