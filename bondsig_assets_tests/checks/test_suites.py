"""Suites pass on good frames, and each expectation fails on a frame broken for it, with the right
keys.
"""

from __future__ import annotations

import polars as pl
import pytest

from bondsig_assets.checks import run_suite as running
from bondsig_assets.checks.expectations import SAMPLE_KEYS, HasRows, MeanBetween
from bondsig_assets.checks.run_suite import check_table, chunks, run_suite, suite_columns
from bondsig_assets.checks.suites import SUITES
from bondsig_assets.tables import TABLES
from bondsig_assets.warehouse import Write
from bondsig_assets_tests.checks.frames import BREAKS, BROKEN_FROM, FIRST, LAST, ROWS, broken, good

EXPECTATIONS = {(table, one.name): one for table, suite in SUITES.items() for one in suite}
#: Broken on every row of the frame, because it speaks of a day.
WHOLE_DAYS = {"predictions_differ"}


def test_every_expectation_is_broken_somewhere():
    assert set(BREAKS) == {key for key, one in EXPECTATIONS.items() if not isinstance(one, HasRows)}


def test_every_expectation_says_what_it_means_and_what_to_do():
    for one in EXPECTATIONS.values():
        assert one.meaning.endswith(".") and one.remedy.endswith(".") and one.threshold
    assert all(len(suite) <= 8 for suite in SUITES.values())


@pytest.mark.parametrize("table", SUITES)
def test_good_frames_pass(table):
    outcomes = run_suite(table, good(table).select(suite_columns(table)))
    assert [outcome.name for outcome in outcomes] == [one.name for one in SUITES[table]]
    assert [outcome.name for outcome in outcomes if not outcome.passed or outcome.sample_keys] == []


@pytest.mark.parametrize(("table", "name"), BREAKS)
def test_broken_frames_fail(monkeypatch, table, name):
    monkeypatch.setitem(SUITES, table, (EXPECTATIONS[table, name],))
    frame = broken(table, name)
    if name in WHOLE_DAYS:
        frame = frame.with_columns(prediction=pl.lit(0.3))
    (outcome,) = run_suite(table, frame)
    assert not outcome.passed
    if isinstance(EXPECTATIONS[table, name], MeanBetween):
        assert outcome.sample_keys == []
        return
    first = 0 if name in WHOLE_DAYS else BROKEN_FROM
    assert outcome.n_unexpected == ROWS - first
    assert outcome.observed == pytest.approx(1 - outcome.n_unexpected / outcome.n_rows)
    expected = (
        frame[first : first + SAMPLE_KEYS]
        .select(TABLES[table].key)
        .with_columns(pl.selectors.date().dt.to_string())
        .to_dicts()
    )
    assert outcome.sample_keys == expected


@pytest.mark.parametrize("table", SUITES)
def test_no_rows_break_only_what_asks_for_rows(table):
    failed = [one.name for one in run_suite(table, TABLES[table].empty()) if not one.passed]
    assert failed == [one.name for one in SUITES[table] if isinstance(one, HasRows)]


def test_a_single_bad_row_within_the_tolerance_passes():
    frame = good("issuer_days").with_columns(
        spread_bps=pl.when(pl.int_range(ROWS) == 7).then(None).otherwise(150.0)
    )
    outcome = next(one for one in run_suite("issuer_days", frame) if one.name == "spread_present")
    assert outcome.passed and outcome.n_unexpected == 1
    assert outcome.sample_keys == [{"parent_id": "N07", "trade_date": FIRST.isoformat()}]


def test_nulls_do_not_count():
    frame = good("bond_analytics").with_columns(
        yield_pct=pl.when(pl.int_range(ROWS) < 10).then(500.0).otherwise(None)
    )
    outcome = next(
        one for one in run_suite("bond_analytics", frame) if one.name == "yield_plausible"
    )
    assert (outcome.n_unexpected, outcome.n_rows, outcome.observed) == (10, 10, 0.0)


@pytest.mark.parametrize(
    ("table", "name"),
    [
        ("trade_events", "price_errors_rare"),
        ("scores", "score_rank_centred"),
        ("predictions", "predictions_differ"),
    ],
)
def test_chunks_add_up_to_the_whole(warehouse, monkeypatch, table, name):
    frame = broken(table, name)
    warehouse.replace(Write(table, frame))
    whole = run_suite(table, frame.sort(TABLES[table].key))
    monkeypatch.setattr(running, "CHUNK_ROWS", ROWS // 2)
    assert chunks(warehouse, table, None) == [(FIRST, FIRST), (LAST, LAST)]
    added = check_table(warehouse, table, None)
    for one, other in zip(whole, added, strict=True):
        assert one.observed == pytest.approx(other.observed)
        assert (one.name, one.passed, one.n_unexpected, one.n_rows) == (
            other.name,
            other.passed,
            other.n_unexpected,
            other.n_rows,
        )
        assert len(one.sample_keys) == len(other.sample_keys)


def test_a_range_sees_only_its_days(warehouse):
    frame = broken("scores", "score_bounded").filter(pl.col("trade_date") == LAST)
    warehouse.replace(Write("scores", frame, (LAST, LAST)))
    assert all(one.passed for one in check_table(warehouse, "scores", (FIRST, FIRST)))
    assert not all(one.passed for one in check_table(warehouse, "scores", (LAST, LAST)))


def test_a_range_without_rows_passes_where_rows_are_not_asked_for(warehouse):
    warehouse.replace(Write("scores", TABLES["scores"].empty()))
    assert all(
        one.passed and one.observed is None for one in check_table(warehouse, "scores", None)
    )


@pytest.mark.parametrize(("state", "passes"), [("watch", True), ("quiet", False)])
def test_a_day_of_equal_scores_is_watched_without_a_threshold(monkeypatch, state, passes):
    """Before there is an edge for their number, a day on which all scores are alike is told."""
    monkeypatch.setitem(SUITES, "monitors", (EXPECTATIONS["monitors", "judged_has_threshold"],))
    flat = good("monitors").with_columns(
        family=pl.lit("before_labels"), state=pl.lit(state), threshold=pl.lit(None, pl.Float64)
    )
    (outcome,) = run_suite("monitors", flat)
    assert outcome.passed is passes
