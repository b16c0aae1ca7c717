"""From scores back to reports on a finished home: what `explain`, `diff` and the views say is what
the tables hold.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import numpy as np
import polars as pl
import pytest
from click.testing import CliRunner

from bondsig_assets.calendar import offset
from bondsig_assets.commands.cli import cli
from bondsig_assets.commands.diff import _differs, _news_inputs, _recomputed
from bondsig_assets.reporting.score_trail import (
    changed_bond_days,
    contributions_of,
    linked_bonds,
    reports_behind,
    trail_of,
)
from bondsig_assets.tables.issuer_features import LOOKBACK_DAYS
from bondsig_assets.warehouse import Warehouse


@pytest.fixture
def bondsig(full_home, monkeypatch):
    monkeypatch.setenv("BONDSIG_HOME", str(full_home.path))

    def run(*arguments: object) -> Any:
        return CliRunner().invoke(cli, [str(one) for one in arguments])

    return run


@pytest.fixture(scope="module")
def warehouse(full_home) -> Warehouse:
    return Warehouse(full_home.path)


@pytest.fixture
def one_snapshot(warehouse) -> Iterator[None]:
    """Reads over one connection: attaching the lake costs more than most of them."""
    with warehouse.on_snapshot():
        yield


def some_scores(warehouse: Warehouse, n: int, seed: int = 7) -> list[dict[str, Any]]:
    return (
        warehouse.read(
            "SELECT ticker, parent_id, trade_date, prediction, known_at FROM scores ORDER BY"
            " trade_date, ticker"
        )
        .sample(n, seed=seed)
        .to_dicts()
    )


def late_cancels(warehouse: Warehouse) -> list[dict[str, Any]]:
    """Scores of days on which a trade of one of the issuer's bonds stood that was cancelled later,
    the trade being of that day.
    """
    return warehouse.read("""
        SELECT s.ticker, s.trade_date, s.parent_id, e.delivery_date, e.record_number,
          e.cause_delivery_date, e.cause_record_number, e.cusip
        FROM trade_events e
        JOIN security_master m ON m.cusip = e.cusip AND m.known_until IS NULL
        JOIN scores s ON s.parent_id = m.parent_id AND s.trade_date = e.execution_date AND
          e.execution_date >= m.valid_from_date AND m.valid_to_date IS NULL
        JOIN trade_events b ON b.delivery_date = e.delivery_date AND b.record_number =
          e.record_number AND b.revision = 0 AND b.reason IS NULL AND b.known_date =
          e.execution_date
        WHERE e.reason = 'ended_by_cancel' AND e.known_date > e.execution_date
        ORDER BY s.trade_date, s.ticker, e.record_number
    """).to_dicts()


@pytest.mark.usefixtures("one_snapshot")
def test_base_and_contributions_are_the_prediction(warehouse, full_home):
    for score in some_scores(warehouse, 25):
        trail = trail_of(
            warehouse.read, score["ticker"].lower(), score["trade_date"], full_home.date_range()
        )
        parts = contributions_of(warehouse.read, trail)
        assert trail.explanation.base_value + parts["contribution"].sum() == pytest.approx(
            score["prediction"], abs=1e-5
        )
        assert parts["contribution"].abs().is_sorted(descending=True)


def test_the_view_of_contributions_holds_the_same(warehouse):
    summed = warehouse.read(
        "SELECT ticker, trade_date, sum(contribution) + any_value(base_value) AS total, count(*) AS"
        " n FROM score_contributions GROUP BY 1, 2 ORDER BY 2, 1"
    )
    scores = warehouse.read("SELECT ticker, trade_date, prediction FROM scores ORDER BY 2, 1")
    assert summed.select("ticker", "trade_date").equals(scores.select("ticker", "trade_date"))
    assert np.allclose(summed["total"], scores["prediction"], atol=1e-5)
    row = warehouse.read(
        "SELECT * FROM score_contributions c JOIN scores s USING (ticker, trade_date) WHERE"
        " c.feature = s.top_features[1] ORDER BY 2, 1 LIMIT 50"
    )
    assert row.select(
        (pl.col("contribution") == pl.col("top_contributions").list.first()).all()
    ).item()


def test_attributions_are_compared_with_the_fold_before(warehouse):
    rows = warehouse.read("FROM attribution_stability ORDER BY model_name, fold")
    folds = warehouse.read(
        "SELECT model_name, count(DISTINCT fold) - 1 AS n FROM feature_importances GROUP BY 1"
        " HAVING n > 0 ORDER BY 1"
    )
    assert (
        rows["model_name"].value_counts().sort("model_name")["count"].to_list()
        == folds["n"].to_list()
    )
    assert (
        rows["rank_correlation"].is_between(-1, 1).all()
        and rows["n_of_ten_kept"].is_between(0, 10).all()
    )
    assert (rows["fold"] > rows["fold_before"]).all()


@pytest.mark.slow
@pytest.mark.usefixtures("one_snapshot")
def test_reports_behind_a_score_were_known_then(warehouse, bondsig):
    found = 0
    for score in some_scores(warehouse, 12):
        cusips = linked_bonds(
            warehouse.read, score["parent_id"], score["trade_date"], score["known_at"]
        )
        reports = reports_behind(warehouse.read, cusips, score["trade_date"], score["known_at"])
        assert (reports["known_at"] <= score["known_at"]).all() and (
            reports["execution_date"] <= score["trade_date"]
        ).all()
        found += reports.height
    done = bondsig("explain", score["ticker"], score["trade_date"], "--reports", 1000)
    assert done.exit_code == 0, done.output
    printed = re.findall(r"^  .*:\d\d  (\d{4}-\d\d-\d\d) +(\d+)$", done.output, re.M)
    assert len(printed) == reports.height
    for delivery, record in printed[:5]:
        known = warehouse.read(
            "SELECT known_at FROM trace_reports WHERE delivery_date = CAST(? AS DATE) AND"
            " record_number = ?",
            [delivery, int(record)],
        )["known_at"][0]
        assert known <= score["known_at"]
    assert found > 50


@pytest.mark.slow
def test_a_cancelled_report_stood_behind_its_day_and_diff_names_it(warehouse, bondsig, full_home):
    cancels = late_cancels(warehouse)
    assert cancels, "the tiny world has late cancels"
    one = cancels[len(cancels) // 2]
    explained = bondsig("explain", one["ticker"], one["trade_date"], "--reports", 100_000).output
    assert re.search(
        rf"{one['cusip']}.* {one['delivery_date']} +{one['record_number']}$", explained, re.M
    )
    done = bondsig("diff", one["ticker"], one["trade_date"])
    assert done.exit_code == 0, done.output
    assert (
        f"ended_by_cancel by report {one['cause_delivery_date']} {one['cause_record_number']}"
        in done.output
    )
    assert "Features: " in done.output


def test_nothing_is_known_about_the_newest_day_that_was_not_known_then(warehouse, bondsig):
    newest = warehouse.read("SELECT max(trade_date) AS day FROM scores")["day"][0]
    for ticker in warehouse.read(
        "SELECT ticker FROM scores WHERE trade_date = ? ORDER BY 1 LIMIT 3", [newest]
    )["ticker"]:
        done = bondsig("diff", ticker, newest)
        assert done.exit_code == 0 and "Trades: 0 changes since" in done.output
        assert done.output.rstrip().endswith(
            "nothing has become known since that changes this score"
        )


@pytest.mark.slow
def test_a_day_computed_anew_without_later_knowledge_is_the_stored_one(warehouse, full_home):
    """What `diff` shows comes from later reports alone: without them every feature of the day is as
    it was to the last bit.
    """
    one = late_cancels(warehouse)[0]
    day = one["trade_date"]
    trail = trail_of(warehouse.read, one["ticker"], day, full_home.date_range())
    changed = changed_bond_days(warehouse.read, offset(day, -LOOKBACK_DAYS), day)
    then, now, recomputed = _recomputed(full_home, warehouse, trail, changed)
    again = recomputed.knowing(changed[:0])
    stored = warehouse.read_table("scores", between=(day, day))
    for known in (then, again):
        assert known.scores["ticker"].equals(stored["ticker"])
        assert np.allclose(known.scores["prediction"], stored["prediction"], rtol=0, atol=1e-12), (
            "how floats are added depends on how many rows there are"
        )
    assert again.issuers.equals(then.issuers.select(again.issuers.columns))
    assert any(
        _differs(a, b)
        for a, b in zip(now.issuers["spread_bps"], then.issuers["spread_bps"], strict=True)
    )


def test_news_made_anew_from_bond_days_as_they_were_is_the_stored_one(warehouse):
    """What `diff` says of news comes from later reports alone."""
    day = late_cancels(warehouse)[0]["trade_date"]
    inputs = _news_inputs(warehouse, day, day)
    assert inputs.panels is not None and inputs.stored.height
    same = inputs.panels.revisions.filter(pl.col("trade_date") == day)
    assert same.height, "bond days that are put in the place of themselves"
    found = inputs.knowing(same, day, day).select(inputs.stored.columns).sort("parent_id")
    assert found.equals(inputs.stored.sort("parent_id"))
