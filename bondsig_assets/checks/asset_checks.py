"""Expectations and structural checks as Dagster asset checks.

Belongs here: which asset's tables are checked, over which days, and how an outcome shows in
the UI. Not here: what is checked (`suites.py`, `structural.py`). Plausibility warns, structure
blocks what is downstream. The checks carry no partitions: a range run would leave a planned
check a day that never resolves.
"""

# No `from __future__ import annotations`: Dagster reads the type of `context` as it stands.

from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import date
from functools import partial

import dagster as dg

from bondsig_assets.checks.expectations import Outcome
from bondsig_assets.checks.run_suite import check_table
from bondsig_assets.checks.structural import (
    RECONCILIATIONS,
    check_keys,
    check_reconciliation,
    check_schema,
)
from bondsig_assets.checks.suites import SUITES
from bondsig_assets.resources.warehouse_resource import WarehouseResource
from bondsig_assets.warehouse import Days, Warehouse

StructuralCheck = Callable[[Warehouse, Days | None], Outcome]


def build_asset_checks(assets: Iterable[dg.AssetsDefinition]) -> list[dg.AssetChecksDefinition]:
    """For each of `assets` that fills a table with a suite: the suite (every expectation a check
    that warns) and its structural checks (which block).
    """
    checks = []
    for spec in (spec for asset in assets for spec in asset.specs):
        tables = tuple(name for name in spec.metadata.get("tables", ()) if name in SUITES)
        if tables:
            name = spec.key.path[-1]
            checks += [_structure(name, tables), _quality(name, tables)]
    return checks


def checked_days(tags: Mapping[str, str]) -> Days | None:
    """The closed range of days a run is about, from its tags; None when it is not about days."""
    first = tags.get("dagster/asset_partition_range_start") or tags.get("dagster/partition")
    last = tags.get("dagster/asset_partition_range_end") or first
    if first is None or last is None:
        return None
    try:
        return date.fromisoformat(first), date.fromisoformat(last)
    except ValueError:
        return None


def result(asset: str, outcome: Outcome, severity: dg.AssetCheckSeverity) -> dg.AssetCheckResult:
    """An outcome as the UI shows it."""
    metadata: dict[str, dg.MetadataValue] = {
        "observed": (
            dg.MetadataValue.text("nothing to check")
            if outcome.observed is None
            else dg.MetadataValue.float(outcome.observed)
        ),
        "threshold": dg.MetadataValue.text(outcome.threshold),
        "n_unexpected": dg.MetadataValue.int(outcome.n_unexpected),
        "n_rows": dg.MetadataValue.int(outcome.n_rows),
        "sample_keys": dg.MetadataValue.json(outcome.sample_keys),
        "what to do": dg.MetadataValue.text(outcome.remedy),
    }
    return dg.AssetCheckResult(
        passed=outcome.passed,
        asset_key=asset,
        check_name=outcome.name,
        severity=severity,
        description=outcome.meaning,
        metadata=metadata,
    )


def _quality(asset: str, tables: tuple[str, ...]) -> dg.AssetChecksDefinition:
    expectations = [expectation for table in tables for expectation in SUITES[table]]
    specs = [
        dg.AssetCheckSpec(e.name, asset=asset, description=f"{e.meaning} If not: {e.remedy}")
        for e in expectations
    ]

    @dg.multi_asset_check(name=f"{asset}_quality", specs=specs, can_subset=True)
    def quality(
        context: dg.AssetCheckExecutionContext, warehouse: WarehouseResource
    ) -> Iterator[dg.AssetCheckResult]:
        days, opened = checked_days(context.run.tags), warehouse.open()
        selected = {key.name for key in context.selected_asset_check_keys}
        with opened.on_snapshot():
            outcomes = [
                outcome
                for table in tables
                if not selected.isdisjoint(expectation.name for expectation in SUITES[table])
                for outcome in check_table(opened, table, days)
            ]
        for outcome in outcomes:
            if outcome.name in selected:
                yield result(asset, outcome, dg.AssetCheckSeverity.WARN)

    return quality


def _structure(asset: str, tables: tuple[str, ...]) -> dg.AssetChecksDefinition:
    checks = _structural_checks(tables)
    specs = [
        dg.AssetCheckSpec(name, asset=asset, description=description, blocking=True)
        for name, (description, _) in checks.items()
    ]

    @dg.multi_asset_check(name=f"{asset}_structure", specs=specs, can_subset=True)
    def structure(
        context: dg.AssetCheckExecutionContext, warehouse: WarehouseResource
    ) -> Iterator[dg.AssetCheckResult]:
        days, opened = checked_days(context.run.tags), warehouse.open()
        selected = {key.name for key in context.selected_asset_check_keys}
        with opened.on_snapshot():
            outcomes = [
                check(opened, days) for name, (_, check) in checks.items() if name in selected
            ]
        for outcome in outcomes:
            yield result(asset, outcome, dg.AssetCheckSeverity.ERROR)

    return structure


def _structural_checks(tables: tuple[str, ...]) -> dict[str, tuple[str, StructuralCheck]]:
    """Name of each structural check of an asset → description and function."""
    checks: dict[str, tuple[str, StructuralCheck]] = {}
    for table in tables:
        checks[f"{table}_schema"] = (
            "Declared columns, types and required values.",
            partial(_on, check_schema, table),
        )
        checks[f"{table}_keys"] = ("No two rows share a key.", partial(_on, check_keys, table))
        if table in RECONCILIATIONS:
            checks[f"{table}_reconciliation"] = (
                RECONCILIATIONS[table][1],
                partial(_on, check_reconciliation, table),
            )
    return checks


def _on(
    check: Callable[[Warehouse, str, Days | None], Outcome],
    table: str,
    warehouse: Warehouse,
    days: Days | None,
) -> Outcome:
    return check(warehouse, table, days)
