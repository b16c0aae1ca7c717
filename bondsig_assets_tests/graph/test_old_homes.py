"""Homes that an older version made: they come along, and their work is not done again.

`old_homes/version_0_1.tar.xz`: four days of the tiny world as version 0.1 left them, without
MLflow, pictures and the logs of single runs. The simulated market gives other days since: such a
home can be read and is given no more days, unless it says that it is of this version.
"""

from __future__ import annotations

import json
import tarfile
from datetime import date
from pathlib import Path

import dagster as dg
import polars as pl
import pytest

from bondsig_assets.definitions import build_defs
from bondsig_assets.errors import SourceError
from bondsig_assets.home import WORLD_VERSION, Home, Market
from bondsig_assets.orchestration import runner
from bondsig_assets.orchestration.renamed_assets import RENAMED, follow_renames
from bondsig_assets.sources.registry import make_source
from bondsig_assets.tables import TABLES
from bondsig_assets.warehouse import Warehouse
from bondsig_assets.warehouse.migrations import files
from bondsig_assets_tests.command_line import bondsig
from bondsig_assets_tests.graph.homes import assert_same, make_home, run

pytestmark = pytest.mark.slow

_SELECT = "+key:issuer_days"
_FIRST, _LAST, _NEXT = date(2022, 7, 1), date(2022, 7, 7), date(2022, 7, 8)


@pytest.fixture
def old(tmp_path) -> Home:
    with tarfile.open(Path(__file__).parent / "old_homes" / "version_0_1.tar.xz") as archive:
        archive.extractall(tmp_path / "old", filter="data")
    return Home(tmp_path / "old")


def of_this_version(home: Home) -> None:
    """Let a home say that its simulated market is the present one."""
    held = json.loads(home.market_file.read_text())
    held["market"]["world_version"] = WORLD_VERSION
    home.market_file.write_text(json.dumps(held))


def as_found(home: Home, columns: dict[str, list[str]]) -> dict[str, pl.DataFrame]:
    """These columns of every table, in the order of the rows' keys."""
    warehouse = Warehouse(home.path)
    with warehouse.on_snapshot():
        return {
            name: warehouse.read(
                f"SELECT {', '.join(of_table)} FROM {TABLES[name].qualified_name}"
                f" ORDER BY {', '.join(TABLES[name].key)}"
            )
            for name, of_table in columns.items()
        }


def columns_of(home: Home) -> dict[str, list[str]]:
    """The columns that a home's tables have now, of those that its version had."""
    warehouse, found = Warehouse(home.path), {}
    with warehouse.on_snapshot():
        query = "SELECT DISTINCT schema_name, table_name FROM duckdb_tables()"
        there = set(warehouse.query(query)[1])
        for name, table in TABLES.items():
            if (table.schema, name) not in there:
                continue
            rows = warehouse.query(f"DESCRIBE {table.qualified_name}")[1]
            found[name] = [row[0] for row in rows]
    return found


def test_a_home_of_version_0_1_comes_along(old, tmp_path):
    of_this_version(old)
    columns = columns_of(old)
    before = as_found(old, columns)
    # These four days were made without these tables: on one the links of stocks have come to rest,
    # on another bond days, which are what they were because it is empty.
    added = "key:delistings or key:bond_day_quotes or key:borrow_rates"
    assert run(old, _FIRST, _LAST, added, checks=False) == 1
    before |= as_found(old, {"delistings": columns["delistings"]})
    assert run(old, _FIRST, _LAST, _SELECT) == 0, "nothing is to be done again"
    Warehouse(old.path).initialize()
    assert_same(as_found(old, columns), before)
    now = {name: set(columns) for name, columns in columns_of(old).items()}
    assert now == {name: set(table.column_names) for name, table in TABLES.items()}
    seen = Warehouse(old.path).read("SELECT number FROM migrations ORDER BY number")["number"]
    assert seen.to_list() == sorted(files())
    with runner.open_instance(old) as instance:
        defs = build_defs(old)
        assert not runner.plan_outdated(defs, instance, runner.selected_assets(defs, _SELECT))

    new = make_home(tmp_path / "new")
    assert run(old, _FIRST, _NEXT, _SELECT) == 1
    assert run(new, _FIRST, _NEXT, _SELECT, checks=False) == 1
    of_the_day = {"between": (_NEXT, _NEXT)}
    for table in ("trace_reports", "equity_prices", "cds_quotes"):
        one, other = (Warehouse(home.path).read_table(table, **of_the_day) for home in (old, new))
        assert one.height and one.equals(other), table
    # What is computed of the day stands on it and on earlier days, which are of another market.
    for table in ("bond_analytics", "issuer_days"):
        assert Warehouse(old.path).read_table(table, **of_the_day).height, table


def test_a_market_of_another_version_gets_no_more_days(old):
    held = old.market()
    assert held is not None and held.world_version == 1
    assert "version 1" in held.describe()
    with pytest.raises(SourceError, match="version 1 of the simulated market.*BONDSIG_HOME"):
        make_source(held)
    done = bondsig("run", BONDSIG_HOME=str(old.path))
    assert done.returncode == 1 and len(done.stderr.splitlines()) == 1
    assert f"version 1 of the simulated market, which is now version {WORLD_VERSION}" in done.stderr
    assert old.market() == held
    # What it holds can still be read.
    asked = bondsig("sql", "select count(*) from trace_reports", BONDSIG_HOME=str(old.path))
    assert asked.returncode == 0


def test_a_version_is_asked_of_the_simulated_market_alone(tmp_path):
    home = Home(tmp_path)
    home.claim(Market(source="files", data="/data"), (_FIRST, _LAST))
    held = json.loads(home.market_file.read_text())
    held["market"]["world_version"] = 1
    home.market_file.write_text(json.dumps(held))
    assert home.market() == Market(source="files", data="/data")


def test_what_was_known_under_an_old_name_is_known_under_the_new_one(old):
    assert follow_renames(old) == len(RENAMED)
    assert follow_renames(old) == 0
    with runner.open_instance(old) as instance:
        for before, now in RENAMED.items():
            assert not instance.get_materialized_partitions(dg.AssetKey(before))
            assert instance.get_materialized_partitions(dg.AssetKey(now)) == {
                "2022-07-01",
                "2022-07-05",
                "2022-07-06",
                "2022-07-07",
            }
            event = instance.get_latest_materialization_event(dg.AssetKey(now))
            assert event is not None and event.asset_materialization is not None
            assert event.asset_materialization.asset_key == dg.AssetKey(now)
            assert dg.AssetKey(before) not in instance.all_asset_keys()
