"""Running a table's suite: on one frame, or on a range of the warehouse in chunks.

Belongs here: everything that knows Great Expectations 1.x. Not here: what is expected
(`suites.py`) or Dagster (`asset_checks.py`). Great Expectations sees a pandas batch of just
what the suite checks; it is imported inside the function because that takes seconds.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from datetime import date
from typing import TYPE_CHECKING, Any

import polars as pl

from bondsig_assets.checks.expectations import SAMPLE_KEYS, Expectation, Outcome
from bondsig_assets.checks.suites import SUITES
from bondsig_assets.tables import TABLES

if TYPE_CHECKING:
    import pandas as pd

    from bondsig_assets.warehouse import Days, Warehouse

#: Rows held in memory at once.
CHUNK_ROWS = 1_000_000


def run_suite(table: str, frame: pl.DataFrame) -> list[Outcome]:
    """The outcome of each expectation of `table` on `frame`, in the order of the suite.

    `frame` needs the columns that `suite_columns` names.
    """
    suite, key = SUITES[table], list(TABLES[table].key)
    wanted = {
        name: expression
        for expectation in suite
        for name, expression in expectation.columns().items()
    }
    # NaN would be missing to pandas and a number to Polars.
    values = frame.select(**wanted).with_columns(pl.selectors.float().fill_nan(None))
    results = _validate(table, suite, values.to_pandas())
    outcomes = []
    for expectation in suite:
        found = results[expectation.name]
        n_unexpected = int(found.get("unexpected_count") or 0)
        keys = (
            frame.select(key)
            .filter(values.select(expectation.broken()).to_series())
            .head(SAMPLE_KEYS)
            if n_unexpected
            else None
        )
        samples = [] if keys is None else [plain(row) for row in keys.iter_rows(named=True)]
        value = found.get("observed_value")
        n_rows = _n_checked(expectation, values, frame.height)
        outcomes.append(
            expectation.outcome(
                n_rows, n_unexpected, None if value is None else float(value), samples
            )
        )
    return outcomes


def check_table(warehouse: Warehouse, table: str, days: Days | None) -> list[Outcome]:
    """The outcomes of `table` for a closed range of partitions, or all of them, added up over
    chunks.
    """
    columns = suite_columns(table)
    parts = [
        run_suite(table, warehouse.read_table(table, between=chunk, columns=columns))
        for chunk in chunks(warehouse, table, days)
    ]
    if not parts:
        return run_suite(table, TABLES[table].empty().select(columns))
    return [
        _combine(expectation, outcomes)
        for expectation, *outcomes in zip(SUITES[table], *parts, strict=True)
    ]


def suite_columns(table: str) -> list[str]:
    """The key and every column of `table` that its suite looks at."""
    seen = [
        root
        for expectation in SUITES[table]
        for value in expectation.columns().values()
        for root in value.meta.root_names()
    ]
    return list(dict.fromkeys([*TABLES[table].key, *seen]))


def chunks(warehouse: Warehouse, table: str, days: Days | None) -> Sequence[Days | None]:
    """Ranges of whole partitions that hold at most CHUNK_ROWS rows each (more only if one partition
    does); None for a table without partitions.
    """
    if not TABLES[table].partition:
        return [None]
    ranges: list[tuple[date, date]] = []
    rows = 0
    for day, count in warehouse.row_counts(table, between=days).items():
        if ranges and rows + count <= CHUNK_ROWS:
            ranges[-1], rows = (ranges[-1][0], day), rows + count
        else:
            ranges.append((day, day))
            rows = count
    return ranges


def _combine(expectation: Expectation, parts: list[Outcome]) -> Outcome:
    """One outcome from those of several chunks: counts add up, means weigh by rows."""
    n_rows = sum(part.n_rows for part in parts)
    mean = sum((part.observed or 0.0) * part.n_rows for part in parts) / n_rows if n_rows else None
    samples = [key for part in parts for key in part.sample_keys][:SAMPLE_KEYS]
    return expectation.outcome(n_rows, sum(part.n_unexpected for part in parts), mean, samples)


def _n_checked(expectation: Expectation, values: pl.DataFrame, height: int) -> int:
    """Rows that count: those with a value, where a missing one is not itself unexpected."""
    columns = list(expectation.columns())
    if expectation.counts_nulls or not columns:
        return height
    missing: int = values.select(pl.any_horizontal(pl.col(columns).is_null()).sum()).item()
    return height - missing


def _validate(
    table: str, suite: tuple[Expectation, ...], batch: pd.DataFrame
) -> dict[str, dict[str, Any]]:
    """Name of each expectation → what Great Expectations found."""
    # Its analytics are off before it is imported, whatever version is installed.
    os.environ.setdefault("GX_ANALYTICS_ENABLED", "false")
    import great_expectations as gx
    import great_expectations.expectations as gxe
    from great_expectations.data_context.types.base import ProgressBarsConfig

    context = gx.get_context(mode="ephemeral")
    context.variables.progress_bars = ProgressBarsConfig(globally=False)
    definition = (
        context.data_sources.add_pandas(table)
        .add_dataframe_asset(table)
        .add_batch_definition_whole_dataframe(table)
    )
    expectations = []
    for expectation in suite:
        known = expectation.in_gx(gxe)
        known.meta = {"name": expectation.name}
        expectations.append(known)
    # BASIC counts, and lists no positions: those take seconds when every row is unexpected.
    result = definition.get_batch({"dataframe": batch}).validate(
        gx.ExpectationSuite(name=table, expectations=expectations), result_format="BASIC"
    )
    found = {}
    for one in result.results:
        name = one.expectation_config.meta["name"]  # type: ignore[union-attr]
        if one.exception_info.get("raised_exception"):
            raise RuntimeError(
                f"Great Expectations could not check {name} of {table}:"
                f" {one.exception_info.get('exception_message')}"
            )
        found[name] = one.result
    # Its project manager keeps the last context, and with it the batch, alive.
    context.data_sources.delete(table)
    return found


def plain(key: dict[str, Any]) -> dict[str, Any]:
    """`key` with its dates as text, as JSON wants them."""
    return {
        name: value.isoformat() if isinstance(value, date) else value for name, value in key.items()
    }
