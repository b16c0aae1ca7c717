"""The graph on the source `wrds`, from a real server to bond days."""

from __future__ import annotations

from datetime import date

import pytest

from bondsig_assets.calendar import trading_days
from bondsig_assets.home import Home, Market
from bondsig_assets.sources.registry import make_source
from bondsig_assets.warehouse import Warehouse
from bondsig_assets_tests.graph.homes import run
from bondsig_assets_tests.sources.wrds_server import APPLE, PASSWORD, USER, enhanced, standard

pytestmark = pytest.mark.services

DAYS = trading_days(date(2024, 1, 2), date(2024, 1, 31))


def test_from_wrds_to_bond_days(server, tmp_path, monkeypatch):
    name = server.database()
    told = [enhanced(day, 2 * n, rptd_pr=99.0 + n / 10) for n, day in enumerate(DAYS[:10])]
    server.insert(
        name,
        "trace_enhanced",
        [
            *told,
            enhanced(DAYS[9], 8, trc_st="X", trd_exctn_dt=DAYS[4], pr_trd_dt=DAYS[4], rptd_pr=99.4),
        ],
    )
    server.insert(
        name, "trace", [standard(day, 100 + n, cusip_id=APPLE) for n, day in enumerate(DAYS)]
    )
    given = {
        "HOST": str(server.folder),
        "PORT": "5432",
        "DATABASE": name,
        "SSLMODE": "disable",
        "CACHE": str(tmp_path / "cache"),
        "REFRESH_DAYS": "0",
    }
    for key, value in {
        **{f"BONDSIG_WRDS_{key}": value for key, value in given.items()},
        "WRDS_USERNAME": USER,
        "PGPASSWORD": PASSWORD,
    }.items():
        monkeypatch.setenv(key, value)
    market = Market(source="wrds", tables="enhanced,standard")
    home = Home(tmp_path / "home")
    home.claim(market, make_source(market).date_range())
    assert run(home, select="+key:bond_day_revisions") == 1
    warehouse = Warehouse(home.path)
    feeds = warehouse.read(
        "SELECT feed, min(delivery_date), count(*) FROM trace_reports GROUP BY 1 ORDER BY 1"
    ).rows()
    assert feeds == [("enhanced", DAYS[0], 11), ("standard", DAYS[10], len(DAYS) - 10)]
    fates = warehouse.read(
        "SELECT coalesce(reason, 'trade'), count(*) FROM trade_events WHERE revision = 0 GROUP BY 1"
        " ORDER BY 1"
    ).rows()
    assert sum(n for _, n in fates) == warehouse.read("SELECT count(*) FROM trace_reports").item()
    assert dict(fates)["cancel_message"] == 1
    ended = warehouse.read(
        "SELECT known_date, execution_date FROM trade_events WHERE reason = 'ended_by_cancel'"
    ).rows()
    assert ended == [(DAYS[9], DAYS[4])]
