"""What must hold of the structure of a table, else nothing downstream may run.

Belongs here: declared schema, unique keys, and no row lost between two tables. Not here:
whether the values are plausible (`suites.py`). Each function takes a warehouse and a closed
range of partitions (None: everything), counts in SQL and returns an `Outcome` whose
`observed` is the number of faults.
"""

from __future__ import annotations

from datetime import date
from typing import Any

from bondsig_assets.checks.expectations import SAMPLE_KEYS, Outcome
from bondsig_assets.checks.run_suite import chunks, plain
from bondsig_assets.tables import TABLES
from bondsig_assets.warehouse import Days, Warehouse

#: Days on which the reports delivered are not the trades they opened plus those rejected. A cancel
#: that opens a trade counts as neither.
_REPORTS_AND_EVENTS = """
    WITH reports AS (
        SELECT delivery_date, count(*) AS reports
        FROM trace_reports WHERE delivery_date BETWEEN ? AND ? GROUP BY 1),
    events AS (
        SELECT delivery_date,
               count(*) FILTER (reason IS NULL AND status IN ('T', 'R', 'W')) AS trades,
               count(*) FILTER (reason IS NOT NULL) AS rejected
        FROM trade_events WHERE revision = 0 AND known_date BETWEEN ? AND ? GROUP BY 1)
    SELECT delivery_date, coalesce(reports, 0) AS reports, coalesce(trades, 0) AS trades,
           coalesce(rejected, 0) AS rejected
    FROM reports FULL JOIN events USING (delivery_date)
    WHERE coalesce(reports, 0) <> coalesce(trades, 0) + coalesce(rejected, 0) ORDER BY 1
"""
#: Days on which not every revision has its row of analytics.
_REVISIONS_AND_ANALYTICS = """
    WITH revised AS (
        SELECT known_date, count(*) AS revisions
        FROM bond_day_revisions WHERE known_date BETWEEN ? AND ? GROUP BY 1),
    analyzed AS (
        SELECT known_date, count(*) AS analytics
        FROM bond_analytics WHERE known_date BETWEEN ? AND ? GROUP BY 1)
    SELECT known_date, coalesce(revisions, 0) AS revisions, coalesce(analytics, 0) AS analytics
    FROM revised FULL JOIN analyzed USING (known_date)
    WHERE coalesce(revisions, 0) <> coalesce(analytics, 0) ORDER BY 1
"""
#: Days on which not every issuer with predictions has one score.
_PREDICTIONS_AND_SCORES = """
    WITH predicted AS (
        SELECT trade_date, count(DISTINCT parent_id) AS issuers
        FROM predictions WHERE trade_date BETWEEN ? AND ? GROUP BY 1),
    scored AS (
        SELECT trade_date, count(*) AS scores
        FROM scores WHERE trade_date BETWEEN ? AND ? GROUP BY 1)
    SELECT trade_date, coalesce(issuers, 0) AS issuers, coalesce(scores, 0) AS scores
    FROM predicted FULL JOIN scored USING (trade_date)
    WHERE coalesce(issuers, 0) <> coalesce(scores, 0) ORDER BY 1
"""

#: Table → which query finds the days that do not reconcile, what holds, what to do.
RECONCILIATIONS: dict[str, tuple[str, str, str]] = {
    "trade_events": (
        _REPORTS_AND_EVENTS,
        "Reports in = trades + rejected, for every delivery.",
        (
            "Materialize trades again for the sampled days: their reports changed after they were"
            " cleaned, or cleaning lost some."
        ),
    ),
    "bond_analytics": (
        _REVISIONS_AND_ANALYTICS,
        "Every bond-day revision has its row of analytics.",
        "Materialize bond_analytics again for the sampled days: bond_days changed after them.",
    ),
    "scores": (
        _PREDICTIONS_AND_SCORES,
        "Every issuer with predictions has one score.",
        (
            "Look in models for a fold without a champion, or with two, then materialize scores"
            " again for the sampled days."
        ),
    ),
}


def check_schema(warehouse: Warehouse, table: str, days: Days | None) -> Outcome:
    """The table has the declared columns and types, and no null where none is allowed."""
    declared = TABLES[table]
    found = {row[0]: row[1] for row in warehouse.query(f"DESCRIBE {declared.qualified_name}")[1]}
    wanted = {column.name: column.type for column in declared.columns}
    faults: list[dict[str, Any]] = [
        {"column": name, "declared": wanted.get(name), "found": found.get(name)}
        for name in dict.fromkeys([*wanted, *found])
        if wanted.get(name) != found.get(name)
    ]
    required = [
        column.name for column in declared.columns if not column.nullable and column.name in found
    ]
    counts = ", ".join(f'count(*) - count("{name}")' for name in required)
    condition, values = _within(table, days)
    nulls = warehouse.query(f"SELECT {counts} FROM {declared.qualified_name}{condition}", values)[
        1
    ][0]
    faults += [
        {"column": name, "nulls": count}
        for name, count in zip(required, nulls, strict=True)
        if count
    ]
    return _outcome(
        f"{table}_schema",
        len(faults),
        len(wanted),
        faults,
        "The table has the declared columns and types, and no null where none is allowed.",
        "Something else wrote to the warehouse, or the declaration in tables.py changed: restore"
        " the snapshot before, or rebuild the table.",
    )


def check_keys(warehouse: Warehouse, table: str, days: Days | None) -> Outcome:
    """No two rows share a key; `observed` counts the rows too many."""
    declared = TABLES[table]
    key = ", ".join(f'"{name}"' for name in declared.key)
    repeated, n_rows = 0, 0
    samples: list[dict[str, Any]] = []
    # Rows of one key lie in one partition, so that chunks of whole partitions see every pair.
    for chunk in chunks(warehouse, table, days):
        condition, values = _within(table, chunk)
        grouped = (
            f"SELECT {key}, count(*) AS n FROM {declared.qualified_name}{condition} GROUP BY ALL"
        )
        rows, keys = warehouse.query(
            f"SELECT CAST(coalesce(sum(n), 0) AS BIGINT), count(*) FROM ({grouped})", values
        )[1][0]
        n_rows += rows
        repeated += rows - keys
        if rows > keys and len(samples) < SAMPLE_KEYS:
            samples += _rows(
                warehouse,
                f"SELECT {key}, n AS rows FROM ({grouped}) WHERE n > 1 ORDER BY {key} LIMIT"
                f" {SAMPLE_KEYS}",
                values,
            )
    return _outcome(
        f"{table}_keys",
        repeated,
        n_rows,
        samples,
        f"No two rows share a key ({', '.join(declared.key)}).",
        "Materialize the sampled days again: a day is replaced whole, so that duplicates go.",
    )


def check_reconciliation(warehouse: Warehouse, table: str, days: Days | None) -> Outcome:
    """No row was lost on the way to `table`; `observed` counts the days that do not add up.

    Without a range, from the first to the last day that `table` holds: what lies beyond has not
    been made yet.
    """
    sql, meaning, remedy = RECONCILIATIONS[table]
    if days is None:
        held = warehouse.row_counts(table)
        days = (min(held), max(held)) if held else None
    if days is None:
        return _outcome(f"{table}_reconciliation", 0, 0, [], meaning, remedy)
    faults = _rows(warehouse, sql, [*days, *days])
    n_rows = sum(warehouse.row_counts(table, between=days).values())
    return _outcome(f"{table}_reconciliation", len(faults), n_rows, faults, meaning, remedy)


def _outcome(
    name: str, faults: int, n_rows: int, samples: list[dict[str, Any]], meaning: str, remedy: str
) -> Outcome:
    return Outcome(
        name,
        faults == 0,
        float(faults),
        "0",
        faults,
        n_rows,
        samples[:SAMPLE_KEYS],
        meaning,
        remedy,
    )


def _within(table: str, days: Days | None) -> tuple[str, list[date]]:
    return (
        ("", [])
        if days is None or not TABLES[table].partition
        else (f' WHERE "{TABLES[table].partition}" BETWEEN ? AND ?', list(days))
    )


def _rows(warehouse: Warehouse, sql: str, values: list[date]) -> list[dict[str, Any]]:
    columns, rows = warehouse.query(sql, values)
    return [plain(dict(zip(columns, row, strict=True))) for row in rows]
