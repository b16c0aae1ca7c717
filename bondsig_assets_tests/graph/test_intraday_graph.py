"""Intraday features of the tiny world: what the warehouse itself says was known then, day by day as
at once, and times of the owner's choice.
"""

from __future__ import annotations

from datetime import date, datetime, time

import dagster as dg
import polars as pl
import pytest

from bondsig_assets.assets.features import issuer_intraday_asset
from bondsig_assets.calendar import trading_days
from bondsig_assets.home import Home
from bondsig_assets.orchestration.partitions import trading_days_definition
from bondsig_assets.resources.warehouse_resource import WarehouseResource
from bondsig_assets.tables import TABLES
from bondsig_assets.warehouse import Warehouse
from bondsig_assets_tests.graph.homes import make_home, run

pytestmark = pytest.mark.slow

DAYS = trading_days(date(2022, 7, 1), date(2022, 7, 31))[:10]
_LINKED = """
    SELECT m.cusip, m.parent_id, m.ticker FROM security_master m JOIN bonds b USING (cusip)
    WHERE m.known_at <= $moment AND (m.known_until IS NULL OR m.known_until > $moment) AND
      m.valid_from_date <= $day
      AND (m.valid_to_date IS NULL OR m.valid_to_date >= $day) AND b.offering_date <= $day AND
        b.maturity_date > $day
"""
_AS_KNOWN = f"""
    WITH linked AS ({_LINKED}), said AS (
        SELECT cusip, count(*) AS n, sum(par_usd::DECIMAL(38, 2)) AS par, count(*) FILTER
          (is_par_capped) AS n_capped,
            sum(CASE WHEN contra = 'C' AND side = 'S' THEN par_usd::DECIMAL(38, 2) END) AS buy,
              sum(CASE WHEN contra = 'C' AND side = 'B' THEN par_usd::DECIMAL(38, 2) END) AS sell
        FROM trades_as_of($moment) WHERE execution_date = $day GROUP BY ALL
    )
    SELECT parent_id, any_value(ticker) AS ticker, count(n)::BIGINT AS n_bonds_traded,
      coalesce(sum(n), 0)::BIGINT AS n_trades, coalesce(sum(par), 0)::DOUBLE AS par_usd,
        coalesce(sum(n_capped), 0)::BIGINT AS n_capped_trades, coalesce(sum(buy), 0)::DOUBLE AS buy,
          coalesce(sum(sell), 0)::DOUBLE AS sell
    FROM linked LEFT JOIN said USING (cusip) GROUP BY ALL ORDER BY 1
"""
_AT_THE_CUTOFF = f"""
    WITH linked AS ({_LINKED})
    SELECT parent_id, sum(weight * oas_bps) / sum(weight) AS level FROM linked JOIN
      bond_day_revisions r USING (cusip)
    JOIN bond_analytics a USING (cusip, trade_date, known_date) WHERE trade_date = $day AND
      known_date = $day AND n_trades > 0 GROUP BY ALL ORDER BY 1
"""


@pytest.fixture(scope="module")
def home(tmp_path_factory) -> Home:
    """Ten days of the tiny world, in one run."""
    home = make_home(tmp_path_factory.mktemp("intraday") / "home")
    assert run(home, DAYS[0], DAYS[-1], "+key:issuer_intraday", checks=False) == 1
    return home


def contents(home: Home) -> pl.DataFrame:
    return Warehouse(home.path).read_table("issuer_intraday")


def asked(warehouse: Warehouse, sql: str, moment: datetime) -> pl.DataFrame:
    """The answer to a question about a day as known at a moment of it."""
    return warehouse.read(
        sql.replace("$moment", f"TIMESTAMP '{moment}'").replace("$day", f"DATE '{moment.date()}'")
    )


def materialize(
    home: Home, days: list[date], instance: dg.DagsterInstance, **config
) -> dg.ExecuteInProcessResult:
    """One run of the asset alone over `days`, as from the launchpad."""
    asset = issuer_intraday_asset(trading_days_definition(DAYS[0], DAYS[-1]))
    tags = {
        "dagster/asset_partition_range_start": str(days[0]),
        "dagster/asset_partition_range_end": str(days[-1]),
    }
    return dg.materialize(
        [asset],
        instance=instance,
        tags=tags,
        resources={"warehouse": WarehouseResource(home=str(home.path))},
        raise_on_error=False,
        run_config={"ops": {"issuer_intraday": {"config": config}}} if config else None,
    )


def test_every_row_is_what_the_warehouse_says_was_known_then(home):
    warehouse, rows = Warehouse(home.path), contents(home)
    assert rows.height == len(rows.unique(["parent_id", "trade_date", "as_of_time"])) > 300
    assert (
        rows["intraday_spread_bps"].count() > 150
        and rows["intraday_spread_change_bps"].count() > 100
    )
    assert rows["volume_zscore"].null_count() == rows.height, "ten days are no baseline"
    for day in DAYS:
        for at in (time(12), time(16)):
            mine = rows.filter(trade_date=day, as_of_time=f"{at:%H:%M}").sort("parent_id")
            theirs = asked(warehouse, _AS_KNOWN, datetime.combine(day, at))
            same = [
                "parent_id",
                "ticker",
                "n_bonds_traded",
                "n_trades",
                "par_usd",
                "n_capped_trades",
            ]
            assert mine.select(same).equals(theirs.select(same)), (day, at)
            imbalance = theirs.select(
                (pl.col("buy") - pl.col("sell")) / (pl.col("buy") + pl.col("sell"))
            )["buy"].fill_nan(None)
            assert mine["order_imbalance"].equals(imbalance), (day, at)
            assert (mine["known_at"] == datetime.combine(day, at)).all()


def test_days_one_by_one_are_the_range_to_the_last_bit(home):
    before = contents(home)
    for day in reversed(DAYS):
        run(home, day, day, "key:issuer_intraday", again=True, checks=False)
    assert contents(home).equals(before)


def test_at_the_cutoff_the_level_is_that_of_the_bond_days_and_a_bad_time_writes_nothing(home):
    warehouse, before = Warehouse(home.path), contents(home)
    with dg.DagsterInstance.ephemeral() as instance:
        failed = materialize(home, DAYS[-3:], instance, times_of_day=["25:00"])
        assert not failed.success and contents(home).equals(before)
        error = failed.failure_data_for_node("issuer_intraday").error
        told = (error.cause or error).message.strip()
        assert "times of day are one or more different 'HH:MM'" in told and "\n" not in told
        assert materialize(home, DAYS[-3:], instance, times_of_day=["18:30"]).success
        rows = contents(home).filter(pl.col("trade_date") >= DAYS[-3])
        assert set(rows["as_of_time"]) == {"18:30"}
        for day in DAYS[-3:]:
            mine = (
                rows.filter(trade_date=day)
                .drop_nulls("intraday_spread_bps")
                .sort("parent_id")
                .select("parent_id", "intraday_spread_bps")
            )
            theirs = asked(
                warehouse, _AT_THE_CUTOFF, datetime.combine(day, time(18, 30))
            ).drop_nulls("level")
            assert mine["parent_id"].equals(theirs["parent_id"]) and mine.height > 10
            assert (mine["intraday_spread_bps"] - theirs["level"]).abs().max() < 1e-9
        assert materialize(home, DAYS[-3:], instance).success
    assert contents(home).equals(before), "without a word it is noon and the close"
    assert TABLES["issuer_intraday"].key == ("parent_id", "trade_date", "as_of_time")
