"""The truth test: reports whose outcome is known, all of them, from a generator that knows nothing
of the cleaner.
"""

from __future__ import annotations

from datetime import datetime

import polars as pl
import pytest

from benchmarks.known_outcomes import (
    AFFILIATE,
    DEAD,
    DUPLICATE,
    LEG,
    MESSAGE,
    TRADE,
    reports_of_known_outcome,
)
from bondsig_assets.errors import ReportsError
from bondsig_assets.trace import clean, partitions
from bondsig_assets.trace.layouts import normalise
from bondsig_assets.trace.options import PRESETS
from bondsig_assets.trace.partitions import clean_to

#: Reason → what it says of a report.
SAYS = {
    "ended_by_cancel": DEAD,
    "ended_by_correction": DEAD,
    "ended_by_reversal": DEAD,
    "cancel_message": MESSAGE,
    "correction_message": MESSAGE,
    "reversal_message": MESSAGE,
    "interdealer_buy_leg": LEG,
    "affiliate": AFFILIATE,
    "duplicate_report": DUPLICATE,
}


def _compared(raw: pl.DataFrame, trades: pl.DataFrame, rejected: pl.DataFrame) -> pl.DataFrame:
    """`outcome` as it must be and `found` as it came out, for every report; of two equal copies
    either may be the duplicate.
    """
    said = pl.concat(
        [
            trades.select("row", found=pl.lit(TRADE)),
            rejected.select("row", found=pl.col("reason").replace(SAYS)),
        ]
    )
    found = (
        raw.with_row_index("row")
        .with_columns(pl.col("row").cast(pl.Int64))
        .join(said, on="row", how="left")
    )
    content = [name for name in raw.columns if name != "outcome"]
    return found.group_by(content).agg(pl.col("outcome").sort(), pl.col("found").sort())


@pytest.fixture(scope="module")
def raw() -> pl.DataFrame:
    return reports_of_known_outcome(200_000)


def test_no_dead_report_is_kept_no_trade_lost_no_leg_counted_twice(raw):
    result = clean(normalise(raw.drop("outcome").lazy(), "wrds-enhanced"), screens="none")
    assert result.trades.height + result.rejected.height == raw.height
    compared = _compared(raw, result.trades, result.rejected)
    wrong = compared.filter(pl.col("outcome") != pl.col("found"))
    assert wrong.is_empty(), wrong.select(
        "trc_st", "trd_rpt_dt", "asof_cd", "cntra_mp_id", "rpt_side_cd", "outcome", "found"
    ).head(10)
    assert set(raw["outcome"]) == {TRADE, DEAD, MESSAGE, LEG, AFFILIATE, DUPLICATE}


@pytest.mark.parametrize("order", ["shuffled", "shuffled, by way of files", "by issuer"])
@pytest.mark.slow
def test_in_parts_and_in_any_order_it_comes_out_the_same(raw, tmp_path, monkeypatch, order):
    if order.endswith("files"):
        monkeypatch.setattr(partitions, "HELD_REPORTS", 0)
    reports = normalise(raw.drop("outcome").lazy(), "wrds-enhanced").collect()
    whole = clean(reports, screens="research")
    if order == "by issuer":
        delivered = reports.sort(pl.col("cusip").str.slice(0, 6), maintain_order=True)
    else:
        delivered = reports.sample(fraction=1, shuffle=True, seed=1)
    blocks = [delivered.lazy().slice(start, 30_000) for start in range(0, delivered.height, 30_000)]
    clean_to(blocks, tmp_path, PRESETS["research"], part_reports=17_000)
    for name in ("trades", "rejected", "bond_days"):
        mine, parts = getattr(whole, name), pl.read_parquet(tmp_path / f"{name}.parquet")
        keys = ["cusip", "trade_date"] if name == "bond_days" else ["row"]
        assert mine.sort(keys).equals(parts.select(mine.columns).sort(keys)), name


def test_as_of_asks_for_times_over_all_blocks(raw, tmp_path):
    reports = normalise(raw.drop("outcome").head(4_000).lazy(), "wrds-enhanced").collect()
    timeless = reports.with_columns(reported_at=pl.lit(None, pl.Datetime("us")))
    first, rest = timeless.filter(pl.col("row") < 100), reports.filter(pl.col("row") >= 100)
    moment = datetime(2012, 6, 1)
    cleaned = clean_to(
        [first.lazy(), rest.lazy()], tmp_path, PRESETS["none"], as_of=moment, part_reports=500
    )
    assert sum(cleaned.rows[name] for name in ("trades", "rejected")) == reports.height
    with pytest.raises(ReportsError, match="needs report times"):
        clean_to([timeless.lazy()], tmp_path, PRESETS["none"], as_of=moment, part_reports=500)
