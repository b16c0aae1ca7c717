"""Quotes of bonds through the graph: with trades beside them, day by day, late, and with another
future.
"""

from __future__ import annotations

import shutil
from datetime import date
from pathlib import Path

import polars as pl
import pytest

from bondsig_assets.calendar import trading_days
from bondsig_assets.home import Home, Market
from bondsig_assets.warehouse import Warehouse
from bondsig_assets_tests.graph.homes import assert_same, make_home, run
from bondsig_assets_tests.known_past import assert_same_past

pytestmark = pytest.mark.slow

EXAMPLES = Path(__file__).parents[2] / "examples"
DAYS = trading_days(date(2024, 1, 2), date(2024, 2, 9))
CUT = DAYS[18]
SELECT = "+key:issuer_days"
TABLES_MADE = ("bond_day_revisions", "bond_analytics", "issuer_days", "feature_coverage")
#: Bonds of one issuer whose trades are delivered, until they stop.
TRADED = ("1A2B3CA19", "1A2B3CA27")


def folder(path: Path, nonsense_after: date | None = None) -> Market:
    """The example of panels with trades of one issuer until the cut, some quotes known the next
    morning, and corrections of others a week later; all that is known after a day otherwise, where
    one is given.
    """
    shutil.copytree(EXAMPLES / "bond_panel", path)
    config = (path / "source.toml").read_text()
    text = (EXAMPLES / "complete" / "source.toml").read_text()
    trace = text[text.index("[[trace_reports]]") : text.index("# --- terms")]
    rows = pl.concat(
        [
            pl.read_csv(EXAMPLES / "complete" / f"trace_2024{month}.csv", infer_schema=False)
            for month in ("01", "02")
        ]
    )
    rows = rows.filter(
        pl.col("cusip_id").is_in(TRADED)
        & (pl.col("trd_exctn_dt") <= str(DAYS[20]))
        # A hole of a week, which quotes fill.
        & ~pl.col("trd_exctn_dt").is_between(pl.lit(str(DAYS[8])), pl.lit(str(DAYS[12])))
    )
    quotes = pl.read_csv(path / "osbap_daily.csv", infer_schema=False)
    late = pl.col("cusip_id").str.ends_with("A28") & (pl.col("trd_exctn_dt") > "2024-01-10")
    quotes = quotes.with_columns(
        known=pl.when(late)
        .then(pl.col("trd_exctn_dt").str.to_date().dt.offset_by("1d").cast(pl.String) + " 09:00:00")
        .otherwise(pl.col("trd_exctn_dt") + " 16:00:00")
    )
    again = quotes.filter(pl.col("trd_exctn_dt").str.contains("[458]$")).with_columns(
        prc_vw_par=(pl.col("prc_vw_par").cast(pl.Float64) - 0.75).round(4).cast(pl.String),
        known=pl.col("trd_exctn_dt").str.to_date().dt.offset_by("7d").cast(pl.String) + " 12:00:00",
    )
    quotes = pl.concat([quotes, again])
    if nonsense_after is not None:
        later = pl.col("known") > f"{nonsense_after} 18:30:00"
        price = (pl.col("prc_vw_par").cast(pl.Float64) - 20).cast(pl.String)
        quotes = quotes.with_columns(
            prc_vw_par=pl.when(later).then(price).otherwise("prc_vw_par"),
            qvolume=pl.when(later).then(pl.lit("900")).otherwise("qvolume"),
        )
        rows = rows.filter(pl.col("trd_exctn_dt") <= str(nonsense_after))
    quotes.write_csv(path / "osbap_daily.csv")
    rows.write_csv(path / "trace_2024.csv")
    config = config.replace(
        'n_trades = "trade_count"', 'n_trades = "trade_count"\nknown_at = "known"', 1
    )
    (path / "source.toml").write_text(trace + config)
    return Market(source="files", data=str(path), view="regulatory")


def held(home: Home) -> dict[str, pl.DataFrame]:
    """What bond days and features hold."""
    warehouse = Warehouse(home.path)
    return {name: warehouse.read_table(name) for name in TABLES_MADE}


@pytest.fixture(scope="module")
def whole(tmp_path_factory) -> dict[str, pl.DataFrame]:
    """Everything of the market in one run."""
    path = tmp_path_factory.mktemp("quotes")
    home = make_home(path / "home", folder(path / "data"))
    run(home, select=SELECT)
    return held(home)


def test_trades_win_and_quotes_fill_the_days_without(whole):
    days = whole["bond_day_revisions"].filter(pl.col("known_date") == pl.col("trade_date"))
    mine = days.filter(pl.col("cusip").is_in(TRADED)).sort("trade_date")
    sources = mine.group_by("trade_date").agg(pl.col("source").unique()).sort("trade_date")
    by_day = dict(sources.iter_rows())
    assert all(by_day[day] == ["quotes"] for day in (*DAYS[8:13], *DAYS[21:]))
    assert all("trades" in by_day[day] for day in DAYS[:8])
    others = days.filter(~pl.col("cusip").is_in(TRADED))
    assert others["source"].unique().to_list() == ["quotes"]
    assert whole["bond_analytics"]["oas_bps"].null_count() == 0
    delivered = whole["bond_analytics"].join(mine, on=["cusip", "trade_date", "known_date"])
    assert dict(
        delivered.group_by("source").agg(pl.col("is_settlement_delivered").all()).iter_rows()
    ) == {"trades": True, "quotes": False}


def test_corrections_and_late_quotes_are_revisions_of_the_days_they_became_known(whole):
    rows = whole["bond_day_revisions"]
    late = rows.filter(pl.col("known_date") > pl.col("trade_date"))
    assert late["cusip"].str.ends_with("A28").sum() > 15
    assert late.filter(~pl.col("cusip").str.ends_with("A28")).height >= 5


def test_day_by_day_is_the_range_bit_for_bit(whole, tmp_path):
    home = make_home(tmp_path / "home", folder(tmp_path / "data"))
    for start, end in ((0, 3), (4, 4), (5, 5), (6, 17), (18, 18), (19, len(DAYS) - 1)):
        run(home, DAYS[start], DAYS[end], select=SELECT, checks=False)
    assert_same(whole, held(home))


def test_a_day_that_comes_late_leaves_what_days_in_order_leave(whole, tmp_path):
    home = make_home(tmp_path / "home", folder(tmp_path / "data"))
    made = "+key:bond_day_revisions"
    for start, end in ((0, 9), (12, len(DAYS) - 1), (10, 10), (11, 11)):
        run(home, DAYS[start], DAYS[end], select=made, checks=False)
    found = Warehouse(home.path).read_table("bond_day_revisions")
    assert found.equals(whole["bond_day_revisions"])


def test_what_is_quoted_later_changes_nothing_that_was_known(whole, tmp_path):
    home = make_home(tmp_path / "home", folder(tmp_path / "data", nonsense_after=CUT))
    run(home, select=SELECT, checks=False)
    other = held(home)
    assert_same_past(whole, other, CUT)
    assert all(not frame.equals(other[name]) for name, frame in whole.items())
