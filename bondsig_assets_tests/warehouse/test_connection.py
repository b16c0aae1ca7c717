"""A notebook's connection: what it sees, of today and of a past moment, and how others attach."""

# A test's name says what it shows.
# ruff: noqa: D103

from __future__ import annotations

import shutil
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import duckdb
import polars as pl
import pytest

from bondsig_assets import connect
from bondsig_assets.commands.warehouse import print_attachment
from bondsig_assets.errors import UserError, WarehouseError
from bondsig_assets.home import Home, Market
from bondsig_assets.tables import TABLES
from bondsig_assets.warehouse import Warehouse, Write
from bondsig_assets.warehouse.extensions import extension_file
from bondsig_assets.warehouse.lake import without_password
from bondsig_assets_tests.rows_of import rows_of
from bondsig_assets_tests.warehouse.frames import day, predictions, span, write_predictions

pytestmark = pytest.mark.slow

FIRST, SECOND = date(2024, 3, 5), date(2024, 3, 6)


@pytest.fixture
def written(tmp_path) -> Warehouse:
    """A warehouse with a link that was replaced, a champion that was followed, and late news of a
    trade.
    """
    warehouse = Warehouse(tmp_path / "home")
    warehouse.initialize()
    closed = datetime(2024, 3, 6, 18, 30)
    links = rows_of(
        "security_master",
        {"cusip": "A", "known_at": datetime(2024, 3, 1), "known_until": closed},
        {"cusip": "B", "known_at": closed},
        valid_from_date=date(2020, 1, 1),
    )
    champions = rows_of(
        "champions",
        {
            "valid_from_date": date(2024, 1, 2),
            "valid_to_date": SECOND,
            "known_at": datetime(2023, 12, 29, 18, 30),
        },
        {"valid_from_date": date(2024, 3, 7), "known_at": closed},
    )
    events = rows_of(
        "trade_events",
        {"revision": 0, "known_date": FIRST, "known_at": datetime(2024, 3, 5, 12)},
        {
            "revision": 1,
            "known_date": SECOND,
            "known_at": datetime(2024, 3, 6, 12),
            "reason": "cancelled",
        },
        delivery_date=FIRST,
        record_number=1,
    )
    warehouse.replace(
        Write("security_master", links),
        Write("champions", champions),
        Write("trade_events", events),
    )
    return warehouse


def count(connection: duckdb.DuckDBPyConnection, what: str) -> int:
    found = connection.execute(f"SELECT count(*) FROM {what}").fetchone()
    assert found is not None
    return int(found[0])


def test_a_connection_reads_into_any_frame_and_only_reads(warehouse):
    write_predictions(warehouse, 0, 1, 0.5)
    with connect(warehouse.home) as lake:
        assert lake.sql("from predictions").pl().height == 6
        assert len(lake.sql("from predictions").df()) == 6
        assert lake.sql("from predictions").arrow().read_all().num_rows == 6
        mine = pl.DataFrame({"parent_id": ["P1"]})
        joined = lake.sql("from predictions join mine using (parent_id)").pl()
        assert joined.height == 2 and mine.height == 1
        lake.execute("CREATE TEMP TABLE own AS FROM predictions LIMIT 1")
        assert count(lake, "own") == 1
        for statement in ("DELETE FROM predictions", "CREATE TABLE more AS SELECT 1"):
            with pytest.raises(duckdb.Error, match="read-only"):
                lake.execute(statement)


def test_every_statement_sees_the_newest_and_a_transaction_one_snapshot(warehouse):
    write_predictions(warehouse, 0, 0)
    with connect(warehouse.home) as lake:
        assert count(lake, "predictions") == 3
        write_predictions(warehouse, 1, 1)
        assert count(lake, "predictions") == 6
        lake.begin()
        assert count(lake, "predictions") == 6
        write_predictions(warehouse, 2, 2)
        assert count(lake, "predictions") == 6
        lake.rollback()
        assert count(lake, "predictions") == 9


@pytest.mark.parametrize("as_of", [None, "2024-01-02"])
def test_an_open_connection_stops_no_writer(warehouse, as_of):
    with connect(warehouse.home, as_of=as_of) as lake:
        for number in range(3):
            write_predictions(warehouse, number, number)
            lake.execute("FROM predictions").fetchone()
        warehouse.maintain()


def test_then_nothing_was_known_of_what_came_later(written):
    with connect(written.home, as_of=FIRST) as then, connect(written.home) as now:
        assert then.sql("select cusip, known_until from security_master").fetchall() == [
            ("A", None)
        ]
        assert then.sql("select valid_to_date from champions").fetchall() == [(None,)]
        assert (count(then, "trades"), count(now, "trades")) == (1, 0)
        assert (count(then, "rejected_reports"), count(now, "rejected_reports")) == (0, 1)
        assert count(then, "lake.security_master") == count(now, "security_master") == 2
    with connect(written.home, as_of=SECOND) as later:
        assert count(later, "trades") == 0 and count(later, "security_master") == 2
        assert later.sql(
            "select valid_to_date from champions order by valid_from_date"
        ).fetchall() == [(SECOND,), (None,)]
        # Macros go back further, and never further on.
        assert count(later, "trades_as_of(TIMESTAMP '2024-03-05 18:30')") == 1
        assert count(later, "trades_as_of(TIMESTAMP '2024-03-05 11:30')") == 0
    with connect(written.home, as_of=FIRST) as then:
        assert count(then, "trades_as_of(TIMESTAMP '2030-01-01')") == 1


def test_a_table_that_was_known_at_no_moment_is_not_there_then(written):
    with connect(written.home, as_of=FIRST) as then:
        there = {name for (name,) in then.sql("show tables").fetchall()}
        with pytest.raises(duckdb.Error, match='Did you mean "lake.evaluations"'):
            then.execute("FROM evaluations")
        with pytest.raises(duckdb.Error, match="does not exist"):
            then.execute("FROM truth.report_truths")
    known = {table.name for table in TABLES.values() if table.known_time}
    assert known <= there and not there & (set(TABLES) - known)


@pytest.mark.parametrize(
    ("told", "n"),
    [
        ("2024-03-06", 0),
        (SECOND, 0),
        ("2024-03-06 11:59", 1),
        (datetime(2024, 3, 6, 12), 0),
        (datetime(2024, 3, 6, 16, 59, tzinfo=UTC), 1),  # 11:59 in New York
        (datetime(2024, 3, 6, 17, tzinfo=UTC), 0),
        ("2024-03-06T17:00:00+00:00", 0),
        ("2024-03-05 11:59:59", 0),
    ],
)
def test_moments(written, told, n):
    with connect(written.home, as_of=told) as then:
        assert count(then, "trades") == n


def test_what_cannot_be_opened_is_one_line(tmp_path, written):
    (tmp_path / "text").write_text("no database, but long enough to be taken for one" * 100)
    for home, as_of, told in (
        (tmp_path / "absent", None, "there is no warehouse in .*absent yet"),
        (tmp_path / "text", None, "text is no DuckDB file"),
        (written.home, "yesterday", "as_of is 'yesterday'; write 2024-03-28"),
        (written.home, "2024-13-28 18:30", "as_of is"),
    ):
        with pytest.raises(WarehouseError, match=told) as caught:
            connect(home, as_of=as_of)
        assert "\n" not in str(caught.value)


def test_a_home_is_found_as_the_command_finds_it(written, monkeypatch):
    monkeypatch.setenv("BONDSIG_HOME", str(written.home))
    with connect(as_of=FIRST) as then:
        assert count(then, "trades") == 1


def test_an_exported_file_goes_back_too(written, tmp_path):
    written.export(tmp_path / "all.duckdb")
    with (
        connect(tmp_path / "all.duckdb") as now,
        connect(str(tmp_path / "all.duckdb"), as_of=FIRST) as then,
    ):
        assert (count(now, "trades"), count(then, "trades")) == (0, 1)
        with pytest.raises(duckdb.Error, match="read-only"):
            now.execute("DELETE FROM scores")


# Other programs


def plain(statements: str) -> duckdb.DuckDBPyConnection:
    """A DuckDB that knows nothing of bondsig, after these statements."""
    other = duckdb.connect()
    for name in ("ducklake", "sqlite_scanner"):
        other.execute(f"LOAD '{extension_file(name)}'")
    other.execute(statements)
    return other


def test_what_attach_prints_opens_a_moved_home(warehouse, tmp_path, capsys):
    write_predictions(warehouse, 0, 1)
    home = Home(Path(shutil.move(warehouse.home, tmp_path / "mov'ed")))
    with pytest.raises(UserError, match="holds no market yet"):
        print_attachment(home, offline=True)
    home.claim(Market(), (day(0), day(1)))
    print_attachment(home, offline=True)
    with plain(capsys.readouterr().out) as other:
        assert count(other, "predictions") == 6
        with pytest.raises(duckdb.Error, match="read-only"):
            other.execute("DELETE FROM predictions")
    print_attachment(home, offline=False)
    told = capsys.readouterr().out
    assert (
        "INSTALL ducklake; LOAD ducklake;\nINSTALL sqlite_scanner; LOAD sqlite_scanner;\n" in told
    )


def test_a_moved_home_is_attached_plainly_once_it_was_set_up_where_it_is(
    warehouse, tmp_path, monkeypatch
):
    """A copy would read the files of the original, which go on changing, or are gone."""
    warehouse.initialize()
    write_predictions(warehouse, 0, 1)
    copy = Path(shutil.copytree(warehouse.home, tmp_path / "copy"))
    warehouse.replace(Write("predictions", predictions(0, 1, 9.0), span(0, 1)))
    ask = f"ATTACH 'ducklake:sqlite:{copy}/lake/catalog.sqlite' AS lake (READ_ONLY); USE lake"
    where = "(SELECT value FROM __ducklake_metadata_lake.ducklake_metadata WHERE key = 'data_path')"
    with plain(ask) as other:
        assert other.execute(f"SELECT {where}").fetchall() == [(f"{warehouse.home}/lake/files/",)]
    assert Warehouse(copy).plainly_attached() == f"{warehouse.home}/lake/files/"
    # What a run does first.
    Warehouse(copy).initialize()
    assert Warehouse(copy).plainly_attached() == "" == warehouse.plainly_attached()
    with plain(ask) as other:
        assert other.execute(f"SELECT {where}").fetchall() == [(f"{copy}/lake/files/",)]
        shutil.rmtree(warehouse.home)
        assert count(other, "predictions WHERE prediction = 0") == 6


@pytest.mark.services
def test_a_catalog_on_a_server_is_opened_too(shared, monkeypatch):
    write_predictions(shared, 0, 1)
    monkeypatch.setenv("BONDSIG_CATALOG", shared._lake.catalog)
    with connect(shared.home) as lake, connect(shared.home, as_of="2024-01-02 18:30") as then:
        assert count(lake, "predictions") == 6
        # They became known a moment later.
        assert count(then, "predictions") == 0
        with pytest.raises(duckdb.Error, match="read-only"):
            lake.execute("DELETE FROM predictions")
        write_predictions(shared, 2, 2)
        assert count(lake, "predictions") == 9
    other = duckdb.connect()
    for statement in shared.attach_statements(offline=True):
        other.execute(statement)
    assert count(other, "predictions") == 9
    other.close()


def test_no_password_is_told():
    for catalog, told in (
        ("postgres:dbname=lake host=h password=secret", "postgres:dbname=lake host=h "),
        (r"postgres:password='se\'c ret' host=h", "postgres:host=h"),
        ("postgres:password = secret host=h", "postgres:host=h"),
        ("postgres:postgresql://me:secret@h/db?x=1", "postgres:postgresql://me@h/db?x=1"),
        ("/home/a:b@c/catalog.sqlite", "/home/a:b@c/catalog.sqlite"),
    ):
        assert without_password(catalog) == told
    shared = Warehouse(Path("/nowhere"), "postgres:dbname=lake password=secret", "s3://bucket/path")
    told = "\n".join(shared.attach_statements())
    assert "secret" not in told and "dbname=lake" in told
    assert "INSTALL postgres_scanner" in told and "INSTALL httpfs" in told


def test_days_of_one_connection_each_are_days_of_another(written):
    """A later moment never takes away what an earlier one showed, but for what replaced it."""
    seen = []
    for number in range(10):
        with connect(written.home, as_of=FIRST - timedelta(days=4 - number)) as then:
            seen.append(count(then, "trade_events"))
    assert seen == sorted(seen) and seen[0] == 0 and seen[-1] == 2
