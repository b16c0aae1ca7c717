"""The real data of 2006 to 2012 through the toml the repository ships."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import polars as pl
import pytest

from bondsig_assets.calendar import is_trading_day
from bondsig_assets.sources.files import FilesSource
from bondsig_assets_tests.sources.files_fixtures import reasons

ROOT = Path(__file__).parents[2]
DATA = ROOT.parent / "shared/real/credit_2006_2012"
pytestmark = pytest.mark.skipif(
    not DATA.is_dir(),
    reason=f"the real data set is not there: {DATA} (it is not part of the repository)",
)


@pytest.fixture(scope="module")
def source() -> FilesSource:
    """One source for all tests: it parses each file once."""
    return FilesSource(DATA, ROOT / "examples/credit_2006_2012/source.toml")


def test_every_row_of_the_cds_file_is_delivered_or_accounted_for(source):
    delivery = source.daily("cds_quotes", *source.date_range())
    found = reasons(delivery.quarantined)
    assert (
        delivery.rows.height + sum(found.values())
        == pl.read_parquet(DATA / "cds_5y_par_spread.parquet").height
        == 172_609
    )
    assert delivery.rows.height == 83_438
    assert found == {"duplicate row": 61863, "no ticker": 20314, "not a trading day": 6994}
    assert delivery.rows["trade_date"].dt.weekday().max() <= 5
    assert delivery.rows["par_spread_bps"].min() > 0
    assert delivery.rows["ticker"].n_unique() == 58
    assert all(is_trading_day(day) for day in delivery.quarantined["partition_date"].unique())


def test_prices_of_stocks_and_etfs(source):
    delivery = source.daily("equity_prices", *source.date_range())
    assert delivery.quarantined.is_empty()
    assert source.date_range() == (date(2005, 6, 1), date(2012, 12, 31))
    assert dict(delivery.rows.group_by("is_etf").agg(pl.col("ticker").n_unique()).iter_rows()) == {
        False: 52,
        True: 10,
    }
    assert delivery.rows.height == 99_320 + 19_100
    assert delivery.rows["close_usd"].min() > 0


def test_the_curve_has_true_zeros_only(source):
    rows = source.reference("treasury_yields", date(2012, 12, 31)).rows
    zeros = rows.filter(pl.col("par_yield_pct") == 0)
    assert rows.height == 1_900 * 11 - 173
    assert zeros["tenor_years"].max() == 0.25 and zeros.height == 47
    assert rows.filter(pl.col("tenor_years") == 30)["trade_date"].min() == date(2006, 2, 9)
    assert source.reference("treasury_yields", date(2005, 6, 1)).rows.height == 10


def test_every_company_has_an_etf_of_its_time(source):
    equities = source.reference("equities", date(2012, 12, 31)).rows
    etfs = source.daily("equity_prices", date(2006, 1, 3), date(2006, 1, 3)).rows.filter("is_etf")[
        "ticker"
    ]
    assert equities.height == 58
    assert equities["sector_etf"].is_in(etfs.implode()).all()


def test_tables_the_folder_lacks_are_empty(source):
    assert source.daily("trace_reports", *source.date_range()).rows.is_empty()
    assert source.reference("bonds", date(2012, 12, 31)).rows.is_empty()
