"""Structural checks find what the warehouse itself would have refused: something else wrote to
it.
"""

from __future__ import annotations

import polars as pl
import pytest

from bondsig_assets.checks.structural import (
    RECONCILIATIONS,
    check_keys,
    check_reconciliation,
    check_schema,
)
from bondsig_assets.checks.suites import SUITES
from bondsig_assets.tables import TABLES
from bondsig_assets.warehouse import Write
from bondsig_assets_tests.checks.frames import FIRST, LAST, ROWS, following, good, tamper

DAYS = (FIRST, LAST)


@pytest.mark.parametrize("days", [None, DAYS])
def test_good_tables_pass(warehouse, days):
    with warehouse.on_snapshot():
        for table in SUITES:
            checks = [check_schema, check_keys]
            checks += [check_reconciliation] * (table in RECONCILIATIONS)
            outcomes = [check(warehouse, table, days) for check in checks]
            assert all(
                outcome.passed and outcome.observed == 0 and outcome.sample_keys == []
                for outcome in outcomes
            )
            assert outcomes[1].n_rows == ROWS


def test_an_undeclared_column_is_found(warehouse):
    tamper(warehouse, "ALTER TABLE scores ADD COLUMN extra BIGINT")
    outcome = check_schema(warehouse, "scores", None)
    assert not outcome.passed
    assert outcome.sample_keys == [{"column": "extra", "declared": None, "found": "BIGINT"}]


def test_a_missing_column_is_found(warehouse):
    tamper(warehouse, "ALTER TABLE scores DROP COLUMN score")
    outcome = check_schema(warehouse, "scores", DAYS)
    assert outcome.sample_keys == [{"column": "score", "declared": "DOUBLE", "found": None}]


def test_a_null_where_none_is_allowed_is_found_in_its_range(warehouse):
    tamper(
        warehouse,
        f"UPDATE scores SET score = NULL WHERE trade_date = DATE '{LAST}' AND ticker < 'N03'",
    )
    assert check_schema(warehouse, "scores", (FIRST, FIRST)).passed
    outcome = check_schema(warehouse, "scores", DAYS)
    assert not outcome.passed
    assert outcome.sample_keys == [{"column": "score", "nulls": 3}]


def test_duplicate_keys_are_found_in_their_range(warehouse):
    tamper(
        warehouse,
        f"INSERT INTO issuer_days SELECT * FROM issuer_days WHERE trade_date = DATE '{LAST}' AND"
        " parent_id < 'N02'",
    )
    assert check_keys(warehouse, "issuer_days", (FIRST, FIRST)).passed
    outcome = check_keys(warehouse, "issuer_days", None)
    assert not outcome.passed
    assert (outcome.observed, outcome.n_unexpected, outcome.n_rows) == (2.0, 2, ROWS + 2)
    assert outcome.sample_keys == [
        {"parent_id": name, "trade_date": LAST.isoformat(), "rows": 2} for name in ("N00", "N01")
    ]


def test_at_most_twenty_keys_are_shown(warehouse):
    tamper(warehouse, "INSERT INTO issuer_days SELECT * FROM issuer_days")
    outcome = check_keys(warehouse, "issuer_days", None)
    assert (outcome.n_unexpected, len(outcome.sample_keys)) == (ROWS, 20)


def test_a_lost_report_breaks_reconciliation(warehouse):
    events = good("trade_events").filter(pl.col("record_number") != 3)
    warehouse.replace(Write("trade_events", events))
    outcome = check_reconciliation(warehouse, "trade_events", DAYS)
    assert not outcome.passed
    assert outcome.sample_keys == [
        {"delivery_date": FIRST.isoformat(), "reports": 20, "trades": 9, "rejected": 10}
    ]
    assert check_reconciliation(warehouse, "trade_events", (LAST, LAST)).passed


def test_a_cancel_that_opens_a_trade_breaks_reconciliation(warehouse):
    tamper(warehouse, "UPDATE trade_events SET reason = NULL WHERE record_number = 2")
    outcome = check_reconciliation(warehouse, "trade_events", DAYS)
    assert outcome.sample_keys == [
        {"delivery_date": FIRST.isoformat(), "reports": 20, "trades": 10, "rejected": 9}
    ]


def test_a_lost_day_breaks_reconciliation_of_its_range_and_not_yet_cleaned_days_do_not(warehouse):
    warehouse.replace(Write("trade_events", TABLES["trade_events"].empty(), (LAST, LAST)))
    assert check_reconciliation(warehouse, "trade_events", None).passed
    assert check_reconciliation(warehouse, "trade_events", DAYS).sample_keys == [
        {"delivery_date": LAST.isoformat(), "reports": 20, "trades": 0, "rejected": 0}
    ]


def test_revisions_without_analytics_and_issuers_without_scores_are_found(warehouse):
    day = following(LAST)
    revision = good("bond_day_revisions").head(1).with_columns(known_date=pl.lit(day))
    warehouse.replace(
        Write("bond_day_revisions", revision, (day, day)),
        Write("scores", good("scores").head(1), (FIRST, FIRST)),
    )
    assert check_reconciliation(warehouse, "bond_analytics", (FIRST, day)).sample_keys == [
        {"known_date": day.isoformat(), "revisions": 1, "analytics": 0}
    ]
    assert check_reconciliation(warehouse, "scores", DAYS).sample_keys == [
        {"trade_date": FIRST.isoformat(), "issuers": 20, "scores": 1}
    ]


def test_empty_tables_pass(warehouse):
    warehouse.replace(*(Write(table, TABLES[table].empty()) for table in SUITES))
    with warehouse.on_snapshot():
        for table in SUITES:
            assert (
                check_schema(warehouse, table, None).passed
                and check_keys(warehouse, table, None).passed
            )
        assert all(check_reconciliation(warehouse, table, None).passed for table in RECONCILIATIONS)
