"""The examples with files of their own run as they stand, and say what they hold."""

from __future__ import annotations

import shutil
from datetime import date
from pathlib import Path

import polars as pl
import pytest

from bondsig_assets.commands.inputs import lacking_in_source, odd_units
from bondsig_assets.home import Home, Market
from bondsig_assets.sources.files import FilesSource
from bondsig_assets.sources.files.config import read_config
from bondsig_assets.sources.registry import make_source
from bondsig_assets.tables import RAW_DAILY, RAW_REFERENCE
from bondsig_assets.warehouse import Warehouse
from bondsig_assets_tests.graph.homes import make_home, run

pytestmark = pytest.mark.slow

EXAMPLES = Path(__file__).parents[2] / "examples"
#: Those whose files are beside them.
WHOLE = ("complete", "crsp_ciz", "bond_panel")
LAST = date(2026, 1, 2)


def filled(home: Home, select: str, checks: bool = False) -> Warehouse:
    """What a run of some assets leaves."""
    run(home, select=select, checks=checks)
    return Warehouse(home.path)


@pytest.mark.parametrize(
    "path", sorted(EXAMPLES.glob("*/source.toml")), ids=lambda p: p.parent.name
)
def test_every_example_says_what_may_be_said(path):
    assert read_config(path)


@pytest.mark.parametrize("name", WHOLE)
def test_every_row_of_an_example_is_good(name):
    source = FilesSource(EXAMPLES / name)
    for table in source.feeds:
        delivery = (
            source.daily(table, *source.date_range())
            if table in RAW_DAILY
            else source.reference(table, LAST)
        )
        assert delivery.rows.height and delivery.quarantined.is_empty(), table


def test_the_complete_example_feeds_every_table_but_links_and_quotes_and_lacks_nothing(tmp_path):
    market = Market(source="files", data=str(EXAMPLES / "complete"))
    source = make_source(market)
    others = {"equity_links", "bond_day_quotes"}
    assert set(source.feeds) == {*RAW_DAILY, *RAW_REFERENCE} - others
    assert lacking_in_source(source) == []
    select = "+key:issuer_days or +key:labels"
    warehouse = filled(make_home(tmp_path, market), select, checks=True)
    assert list(odd_units(warehouse, market)) == []
    counts = {
        table: warehouse.read(f"SELECT count(*) AS n FROM {table}")["n"][0]
        for table in ("trades", "bond_days", "bond_analytics", "security_master", "labels")
    }
    assert all(counts.values()), counts
    days = warehouse.read_table("issuer_days")
    assert days["parent_id"].n_unique() == 3
    for name in ("spread_bps", "cds_spread_bps", "rating_number", "equity_return_1d_pct"):
        assert days[name].is_not_null().mean() > 0.9, name
    assert days["spread_bps"].drop_nulls().is_between(0, 800).all()


def test_panels_alone_make_spreads_and_changes_and_leave_null_what_only_trades_tell(tmp_path):
    market = Market(source="files", data=str(EXAMPLES / "bond_panel"))
    lines = lacking_in_source(make_source(market))
    assert any("bond days are those of bond_day_quotes" in line for line in lines)
    warehouse = filled(make_home(tmp_path, market), "+key:issuer_days or +key:labels")
    assert list(odd_units(warehouse, market)) == []
    # Prices, a bond's yields and another one's spreads: each day has its spread.
    told = warehouse.read(
        "SELECT source, implied_from, count(*)::BIGINT AS n, count(oas_bps)::BIGINT AS solved"
        " FROM bond_days GROUP BY ALL ORDER BY implied_from NULLS FIRST"
    )
    assert told.rows() == [
        ("quotes", None, 112, 112),
        ("quotes", "spread", 27, 27),
        ("quotes", "yield", 27, 27),
    ]
    days = warehouse.read_table("issuer_days")
    for name in ("spread_bps", "oas_1d_change_bps", "rating_number"):
        assert days[name].is_not_null().mean() > 0.9, name
    only_trades = ("order_imbalance_5d", "amihud_21d", "customer_bid_ask_pct", "n_capped_trades")
    assert all(days[name].null_count() == days.height for name in only_trades)
    # The terminal counts no trades, the other panel does.
    counted = days.group_by("ticker").agg(pl.col("n_trades_21d").count()).sort("ticker")
    assert counted.rows() == [("BNKX", 0), ("OILX", 28), ("TECX", 28)]
    assert warehouse.read("SELECT count(*) AS n FROM labels")["n"][0] > 0


def test_labels_of_both_formats_of_crsp_are_the_same(tmp_path):
    new = tmp_path / "new"
    shutil.copytree(EXAMPLES / "crsp_ciz", new)
    # With the delisting return among the prices, under the ticker that the row has not in CRSP.
    kept = tmp_path / "kept"
    shutil.copytree(new, kept)
    text = (kept / "crsp_dsf_v2.csv").read_text().replace(",,0,-0.85,,,Y", ",GONE,1.8,-0.85,,,Y")
    (kept / "crsp_dsf_v2.csv").write_text(text)
    config = (kept / "source.toml").read_text().replace('["N"]', '["N", "Y"]')
    (kept / "source.toml").write_text(config)
    # As the old format has it.
    old = tmp_path / "old"
    shutil.copytree(new, old)
    (old / "crsp_stkdelists.csv").write_text(
        "ticker,dlstdt,dlret,dlstcd\nGONE,20220615,-0.85,574\n"
    )
    config = (old / "source.toml").read_text().replace("crsp-ciz-delistings", "crsp-delistings")
    (old / "source.toml").write_text(config)
    found = {}
    for folder in (new, kept, old):
        home = make_home(tmp_path / f"home_{folder.name}", Market(source="files", data=str(folder)))
        found[folder.name] = filled(home, "+key:labels").read_table("labels")
    worst = found["old"].filter(
        (pl.col("parent_id") == "GoneCo") & pl.col("is_delisted") & (pl.col("horizon_days") == 5)
    )
    assert worst.height == 5 and (worst["stock_return_pct"] < -150).all()
    assert found["new"].equals(found["old"])
    columns = [name for name in found["old"].columns if name != "is_delisted"]
    assert found["kept"].select(columns).equals(found["old"].select(columns))


def test_a_dead_stock_has_no_features_though_its_bonds_trade_on(tmp_path):
    """Its delisting ends it on the day it is known; `equities` has no end."""
    data, last = tmp_path / "data", date(2024, 1, 18)
    shutil.copytree(EXAMPLES / "complete", data)
    with (data / "delistings.csv").open("a") as file:
        file.write(f"BNKX,{last},-0.9,dropped\n")
    stocks = pl.read_csv(data / "stocks.csv", infer_schema=False)
    day = pl.col("date").str.to_date("%m/%d/%Y")
    stocks.filter((pl.col("ticker") != "BNKX") | (day <= last)).write_csv(data / "stocks.csv")
    home = make_home(tmp_path / "home", Market(source="files", data=str(data)))
    warehouse = filled(home, "+key:issuer_days")
    ends = warehouse.read("SELECT parent_id, max(trade_date) AS day FROM issuer_days GROUP BY 1")
    newest = date(2024, 2, 9)
    assert dict(ends.rows()) == {
        "BNKX-PARENT": last,
        "OILX-PARENT": newest,
        "TECX-PARENT": newest,
    }
    later = warehouse.read(
        "SELECT count(*) AS n FROM bond_days d JOIN bonds b USING (cusip)"
        " WHERE b.issuer_id = 'BNKX-ISS' AND d.trade_date > ?",
        [last],
    )
    assert later["n"][0] > 0, "the bonds trade on"
    links = warehouse.read(
        "SELECT DISTINCT valid_to_date, known_at::DATE AS known FROM security_master"
        " WHERE ticker = 'BNKX' AND known_until IS NULL"
    )
    assert links.rows() == [(last, date(2024, 1, 19))]
