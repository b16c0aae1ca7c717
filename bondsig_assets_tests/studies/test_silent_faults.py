"""Silent faults: what is broken is only what is said, from its day on; what rang anew, and when.

Belongs here: breaking tables of a small warehouse, comparing what rang. Not here: what a whole home
notices.
"""

from __future__ import annotations

from datetime import date, datetime

import polars as pl
import pytest

from bondsig_assets.tables import TABLES
from bondsig_assets.warehouse import Warehouse, Write
from studies.silent_faults import (
    FAULTS,
    Sector,
    break_home,
    higher_yields,
    new_alarms,
    nothing_comes,
    told,
    uncapped,
    wider_cds,
    without_sector,
)

pytestmark = pytest.mark.slow

DAYS = [date(2024, 3, day) for day in (4, 5, 6)]
ENERGY = Sector("Energy", pl.Series(["AAA", "BBB"]), pl.Series(["XOM"]))


@pytest.fixture
def warehouse(tmp_path) -> Warehouse:
    """Three days of two CDS names and of Treasury yields."""
    opened = Warehouse(tmp_path)
    opened.initialize()
    quotes = [
        {
            "ticker": ticker,
            "trade_date": day,
            "tenor_years": 5.0,
            "par_spread_bps": 100.0,
            "known_at": datetime(day.year, day.month, day.day, 18),
        }
        for day in DAYS
        for ticker in ("F", "XOM")
    ]
    yields = [
        {
            "trade_date": day,
            "tenor_years": 10.0,
            "par_yield_pct": 4.0,
            "known_at": datetime(day.year, day.month, day.day, 18),
        }
        for day in DAYS
    ]
    for name, rows in (("cds_quotes", quotes), ("treasury_yields", yields)):
        frame = TABLES[name].conform(pl.DataFrame(rows, schema=TABLES[name].polars_schema))
        between = (DAYS[0], DAYS[-1]) if TABLES[name].partition else None
        opened.replace(Write(name, frame, between))
    return opened


def test_only_what_is_named_is_broken_and_only_from_its_day_on(warehouse):
    break_home(warehouse, {"cds_quotes": without_sector}, ENERGY, DAYS[1], DAYS[2])
    break_home(warehouse, {"treasury_yields": higher_yields}, ENERGY, DAYS[2], DAYS[2])
    kept = warehouse.read_table("cds_quotes").select("trade_date", "ticker").rows()
    assert kept == [(DAYS[0], "F"), (DAYS[0], "XOM"), (DAYS[1], "F"), (DAYS[2], "F")]
    assert warehouse.read_table("treasury_yields")["par_yield_pct"].to_list() == [4.0, 4.0, 4.5]
    break_home(warehouse, {"cds_quotes": wider_cds}, ENERGY, DAYS[1], DAYS[1])
    spreads = warehouse.read_table("cds_quotes")["par_spread_bps"].to_list()
    assert spreads == [100.0, 100.0, 125.0, 100.0]
    break_home(warehouse, {"cds_quotes": nothing_comes}, ENERGY, DAYS[2], DAYS[2])
    assert warehouse.partitions("cds_quotes") == {DAYS[0], DAYS[1]}


def test_uncapped_volumes_are_larger_where_they_were_capped():
    rows = pl.DataFrame({"par_usd": [5e6, 2e5], "is_par_capped": [True, False]})
    found = uncapped(rows, ENERGY)
    assert found["par_usd"].to_list() == [15e6, 2e5] and not found["is_par_capped"].any()


def test_every_fault_is_of_a_table_that_there_is():
    assert {name for breaking in FAULTS.values() for name in breaking} <= set(TABLES)


def test_what_rang_before_is_no_news_and_the_first_evening_is_the_day_itself():
    whole = pl.DataFrame({"monitor": ["ic"], "trade_date": [DAYS[1]]})
    names = ["ic", "volumes.capped", "volumes.capped", "drift.oas_bps level"]
    broken = pl.DataFrame({"monitor": names, "trade_date": [DAYS[1], DAYS[2], DAYS[0], DAYS[2]]})
    found = new_alarms(broken, whole, DAYS[0])
    assert found.rows() == [("volumes.capped", 1), ("drift.oas_bps level", 3)]
    assert told(found) == ["volumes.capped: evening 1", "1", "drift.oas_bps level: evening 3"]
    assert told(found.clear()) == ["–", "0", "–"]
    many = pl.DataFrame({"monitor": ["b.x", "a.y", "b.z", "c"], "evenings": [2, 2, 2, 3]})
    assert told(many)[0] == "a.y, b (2 series): evening 2"
