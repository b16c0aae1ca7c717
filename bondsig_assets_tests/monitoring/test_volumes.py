"""Counts and shares of a day by hand, and a stop that is seen in them."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest

from bondsig_assets.monitoring.budget import run_lengths, split
from bondsig_assets.monitoring.jumps import DAY_SERIES, judge_days
from bondsig_assets.monitoring.settings import DataSettings, MonitoringSettings
from bondsig_assets.monitoring.volumes import (
    MISSING_REASONS,
    arrivals,
    missing,
    parts_of,
    rows_of,
    series_of_reason,
    without_unheard,
)
from bondsig_assets.tables.clean import TRADE_EVENTS
from bondsig_assets.tables.features import FEATURE_COVERAGE
from bondsig_assets_tests.monitoring.series import days


def events(**columns) -> pl.DataFrame:
    n = len(next(iter(columns.values())))
    usual = {
        "revision": [0] * n,
        "known_date": days(1) * n,
        "execution_date": days(1) * n,
        "status": ["T"] * n,
        "reason": pl.Series([None] * n, dtype=pl.String),
        "is_par_capped": [False] * n,
    }
    return pl.DataFrame(usual | columns)


def value(series: pl.DataFrame, monitor: str, day: int = 0):
    found = series.filter(pl.col("monitor") == monitor, pl.col("trade_date") == days(1, day)[0])
    return found["value"].item()


def test_arrivals_by_hand():
    found = arrivals(
        events(
            revision=[0, 0, 0, 0, 1],
            reason=[None, "unknown_bond", "affiliate", None, "price_error"],
            status=["T", "T", "T", "C", "T"],
            execution_date=[*days(1, -1), *days(1) * 3, *days(1)],
            is_par_capped=[True, True, False, False, True],
        ),
        pl.Series(days(2)),
    )
    assert found.schema == pl.Schema(DAY_SERIES)
    wanted = {
        "reports": 4,
        "rejected": 0.5,
        "late": 0.25,
        "amending": 0.25,
        "unknown_bond": 0.25,
        "capped": 0.5,
        "reason_affiliate": 0.25,
    }
    assert {name: value(found, f"volumes.{name}") for name in wanted} == wanted
    # A later revision is no arrival, and a day without reports has none and no shares.
    assert "volumes.reason_price_error" not in found["monitor"]
    assert value(found, "volumes.reports", 1) == 0 and value(found, "volumes.late", 1) is None


def test_links_are_counted_where_they_are_told():
    told = events(revision=[0, 0]).with_columns(leads_to_stock=pl.Series([True, False]))
    assert value(arrivals(told), "volumes.leading_to_stock") == 0.5
    assert "volumes.leading_to_stock" not in arrivals(events(revision=[0]))["monitor"]


def test_nothing_at_all():
    empty = events(revision=[0]).clear()
    assert arrivals(empty).is_empty() and arrivals(empty).schema == pl.Schema(DAY_SERIES)
    assert missing(FEATURE_COVERAGE.empty()).is_empty()


def coverage(n: int = 2, **columns) -> pl.DataFrame:
    reasons = {name: [0] * n for name in MISSING_REASONS}
    usual = {
        "trade_date": days(1) * n,
        "feature": [f"f{k}" for k in range(n)],
        "n_issuers": [100] * n,
        "n_present": [100] * n,
    }
    return pl.DataFrame(usual | reasons | columns)


def test_missing_by_feature_and_by_reason():
    found = missing(
        coverage(n_present=[90, 60], n_no_cds_quote=[10, 30], n_too_few_observations=[0, 10])
    )
    assert value(found, "missing.f0") == pytest.approx(0.1)
    assert value(found, "missing.f1") == pytest.approx(0.4)
    assert value(found, "missing.for_no_cds_quote") == pytest.approx(0.2)
    assert value(found, "missing.for_too_few_observations") == pytest.approx(0.05)
    # Every reason is a column of the table, and none of them is left out.
    reasons = {name for name in FEATURE_COVERAGE.column_names if name.startswith("n_")}
    assert reasons - {"n_issuers", "n_present"} == set(MISSING_REASONS)
    older = missing(coverage().drop("n_no_trade_reports"))
    assert "missing.for_no_trade_reports" not in older["monitor"]


def test_columns_are_those_of_the_table():
    columns = set(TRADE_EVENTS.column_names)
    assert columns >= {
        "revision",
        "known_date",
        "execution_date",
        "status",
        "reason",
        "is_par_capped",
    }


def test_a_source_that_stops_rings_in_the_parts_of_it_and_par_that_goes_uncapped_in_another():
    """Two years of a market of 400 reports a day; then quotes stop for a day, and caps end."""
    n, draw = 700, np.random.default_rng(0)
    frames = []
    for day in range(n):
        of = int(draw.poisson(400))
        if day == n - 1:
            of = 12
        capped = draw.random(of) < (0.2 if day < n - 2 else 0.0)
        frames.append(
            events(
                known_date=days(1, day) * of,
                execution_date=days(1, day) * of,
                is_par_capped=capped.tolist(),
            )
        )
    series = arrivals(pl.concat(frames))
    parts = parts_of(series)
    assert parts == {
        "volumes": sorted(["reports", "rejected", "late", "amending", "unknown_bond", "capped"])
    }
    budget = split(MonitoringSettings(), parts)
    rows = judge_days(series, days(60, n - 60), run_lengths(budget), DataSettings())
    rung = rows.filter(pl.col("state") == "alarm").select("trade_date", "monitor").rows()
    assert rung == [
        (days(1, n - 2)[0], "volumes.capped"),
        (days(1, n - 1)[0], "volumes.reports"),
    ]


def test_a_small_share_that_comes_to_nothing_has_stopped_however_much_it_varies():
    """Capped are 1 to 4 of a hundred: 0 is nearer to the usual than the most that there was."""
    draw, n = np.random.default_rng(1), 400
    share = 0.02 * np.exp(draw.normal(0, 0.3, n))
    capped = np.where(np.arange(n) < n - 2, np.round(share * 2000), 0).astype(int)
    reports = [
        events(
            n=[2000 - some, some],
            is_par_capped=[False, True],
            known_date=days(1, day) * 2,
            execution_date=days(1, day) * 2,
        )
        for day, some in enumerate(capped)
    ]
    found = arrivals(pl.concat(reports)).filter(monitor="volumes.capped").sort("trade_date")
    assert found["is_flat"].to_list() == [False] * (n - 2) + [True] * 2
    few = [one.with_columns(pl.col("n") // 100) for one in reports]
    rare = arrivals(pl.concat(few)).filter(monitor="volumes.capped")
    assert not rare["is_flat"].any(), "of twenty reports none may be capped"
    rows = judge_days(found, days(3, n - 3), {"volumes.capped": 252.0 * 5000}, DataSettings()).sort(
        "trade_date"
    )
    assert rows["state"].to_list() == ["quiet", "alarm", "watch"]


def test_rows_of_a_table():
    found = rows_of("cds_quotes", pl.DataFrame({"trade_date": days(2), "n": [5, 0]}))
    assert value(found, "volumes.rows_cds_quotes", 1) == 0


def test_rows_may_stand_for_many_reports_and_reasons_be_asked_for():
    alike = events(
        n=[3, 1],
        reason=["unknown_bond", None],
        is_par_capped=[False, True],
        execution_date=[*days(1, -1), *days(1)],
    )
    one_by_one = events(
        reason=["unknown_bond"] * 3 + [None],
        is_par_capped=[False] * 3 + [True],
        execution_date=days(1, -1) * 3 + days(1),
    )
    assert arrivals(alike).equals(arrivals(one_by_one))
    asked = arrivals(alike, None, ["unknown_bond", "affiliate"])
    assert value(asked, "volumes.reason_affiliate") == 0.0
    assert value(asked, "volumes.unknown_bond") == 0.75
    assert series_of_reason("unknown_bond") == "unknown_bond"
    assert series_of_reason("affiliate") == "reason_affiliate"


def test_what_never_came_has_no_rows_and_the_first_that_comes_has():
    every = pl.Series(days(40))
    heard = days(1, 20)
    series = arrivals(
        events(reason=["affiliate"], known_date=heard, execution_date=heard),
        every,
        ["affiliate", "self_trade"],
    )
    names = ["volumes.reason_affiliate", "volumes.reason_self_trade", "volumes.reports"]
    monitors = pl.DataFrame({"trade_date": every}).join(
        pl.DataFrame({"monitor": names}), how="cross"
    )
    left = without_unheard(monitors, series, 10)
    assert left.columns == monitors.columns
    told = left.group_by("monitor").agg("trade_date").sort("monitor").rows_by_key("monitor")
    assert told["volumes.reason_affiliate"][0][0] == days(11, 20)
    assert "volumes.reason_self_trade" not in told
    assert len(told["volumes.reports"][0][0]) == 40
