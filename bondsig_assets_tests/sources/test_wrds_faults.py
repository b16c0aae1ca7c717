"""What goes wrong with WRDS: times of every make, tables that are not what they were, credentials,
lines that break.
"""

from __future__ import annotations

import os
import subprocess
import sys
from datetime import date, datetime, time
from pathlib import Path

import pytest

from bondsig_assets.errors import SourceError
from bondsig_assets.home import Home, Market
from bondsig_assets.sources.registry import make_source
from bondsig_assets.sources.wrds import WrdsSource
from bondsig_assets.sources.wrds.connection import WrdsSettings, scrub
from bondsig_assets_tests.sources.wrds_server import PASSWORD, USER, enhanced, standard

pytestmark = pytest.mark.services

DAY, NEXT = date(2024, 1, 2), date(2024, 1, 3)
_WRDS_VARIABLES = (
    "WRDS_USERNAME",
    "PGPASSWORD",
    "PGPASSFILE",
    *(
        f"BONDSIG_WRDS_{name}"
        for name in ("HOST", "PORT", "DATABASE", "SSLMODE", "CACHE", "DAYS", "REFRESH_DAYS")
    ),
)


@pytest.fixture(autouse=True)
def _no_credentials(monkeypatch, tmp_path):
    """Nothing of the machine's own environment is used."""
    for name in _WRDS_VARIABLES:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("PGPASSFILE", str(tmp_path / "pgpass"))


@pytest.fixture(scope="module")
def shared(server) -> str:
    """Thirty Enhanced reports on each of two days, as many of Standard on the day after."""
    name = server.database()
    server.insert(
        name,
        "trace_enhanced",
        [
            enhanced(day, n, trd_exctn_tm=f"09:{n:02d}:07")
            for day in (DAY, NEXT)
            for n in range(1, 31)
        ],
    )
    server.insert(name, "trace", [standard(date(2024, 1, 4), n) for n in range(1, 31)])
    return name


@pytest.fixture
def changed(server, shared):
    """A function that gives a copy of the database after some SQL."""

    def _changed(sql: str) -> str:
        name = server.database(like=shared)
        server.run(sql, name)
        return name

    return _changed


@pytest.fixture
def source(server, shared, tmp_path, monkeypatch):
    monkeypatch.setenv("PGPASSWORD", PASSWORD)

    def _source(
        database: str = shared, tables: tuple[str, ...] = ("enhanced",), **options
    ) -> WrdsSource:
        where = {
            name: options.pop(name)
            for name in ("username", "host", "port", "database_name", "sslmode")
            if name in options
        }
        where = {
            ("database" if name == "database_name" else name): value
            for name, value in where.items()
        }
        return WrdsSource(
            server.settings(**{"database": database, **where}),
            tmp_path / "cache",
            tables,
            **{"refresh_days": 0, **options},
        )

    return _source


def _line(call) -> str:
    """The one line of the SourceError of `call`; it shows no password and has nothing chained that
    would.
    """
    with pytest.raises(SourceError) as told:
        call()
    line = str(told.value)
    assert "\n" not in line and PASSWORD not in line and len(line) < 500
    assert told.value.__cause__ is None and (
        told.value.__context__ is None or told.value.__suppress_context__
    )
    return line


_TEXT = "varchar(8) USING {0}::text"
_TIME_TYPES = {
    "text": (_TEXT, "varchar(6) USING to_char({0}, 'HH24MISS')"),
    "nanoseconds": ("bigint USING (extract(epoch FROM {0}) * 1000000000)::bigint", _TEXT),
    "HHMMSS": (
        "integer USING to_char({0}, 'HH24MISS')::integer",
        "numeric USING to_char({0}, 'HH24MISS')::numeric",
    ),
    "clocks": (
        "timestamp USING trd_exctn_dt + {0}",
        "time with time zone USING {0} AT TIME ZONE 'UTC'",
    ),
}


@pytest.mark.parametrize("kind", _TIME_TYPES)
def test_time_columns_of_any_make(kind, source, changed):
    columns = zip(("trd_exctn_tm", "trd_rpt_tm"), _TIME_TYPES[kind], strict=True)
    database = changed(
        ";".join(
            f"ALTER TABLE trace.trace_enhanced ALTER COLUMN {name} TYPE {made.format(name)}"
            for name, made in columns
        )
    )
    rows = source(database).daily("trace_reports", DAY, DAY).rows
    assert [moment.time() for moment in rows["executed_at"]] == [
        time(9, n, 7) for n in range(1, 31)
    ]
    assert {moment.time() for moment in rows["reported_at"]} == {time(9, 35, 10)}


def test_a_type_that_changes_between_days_is_read_as_one(source, changed):
    assert source().daily("trace_reports", DAY, DAY).rows.height == 30
    database = changed(
        "ALTER TABLE trace.trace_enhanced ALTER COLUMN trd_exctn_tm TYPE varchar(8) USING"
        " trd_exctn_tm::text"
    )
    assert source(database).daily("trace_reports", DAY, NEXT).rows["executed_at"].null_count() == 0


def test_a_time_that_is_none_is_set_aside(source, changed):
    database = changed(
        "ALTER TABLE trace.trace_enhanced ALTER COLUMN trd_exctn_tm TYPE varchar(8) USING"
        " trd_exctn_tm::text; UPDATE trace.trace_enhanced SET trd_exctn_tm = '25:61:00' WHERE"
        " msg_seq_nb = '0000003'"
    )
    delivery = source(database).daily("trace_reports", DAY, DAY)
    assert (
        delivery.quarantined["reason"].to_list() == ["impossible_time"]
        and "25:61:00" in delivery.quarantined["row_text"][0]
    )


@pytest.mark.parametrize("column", ["trd_exctn_tm", "trd_rpt_tm"])
def test_lost_times_stop_the_run(column, source, changed, tmp_path):
    database = changed(
        f"UPDATE trace.trace_enhanced SET {column} = NULL WHERE trd_rpt_dt = DATE '{NEXT}'"
    )
    line = _line(lambda: source(database).daily("trace_reports", DAY, NEXT))
    assert (
        f"trace.trace_enhanced: {column} is null in every report of 1 day(s) from {NEXT}" in line
        and "--allow-missing-times" in line
    )
    assert not list(tmp_path.rglob("*.parquet"))
    rows = source(database, allow_missing_times=True).daily("trace_reports", DAY, NEXT).rows
    assert rows.height == 60
    last = rows.row(-1, named=True)
    expected = (
        datetime(2024, 1, 3, 18, 30) if column == "trd_rpt_tm" else datetime(2024, 1, 3, 9, 35, 10)
    )
    assert last["known_at"] == expected and (last["reported_at"] is None) == (
        column == "trd_rpt_tm"
    )
    assert "times are lost" in _line(lambda: source(database).daily("trace_reports", NEXT, NEXT)), (
        "what was kept with the option is refused without it"
    )


def test_one_report_without_a_time_stops_nothing(source, changed):
    database = changed(
        "UPDATE trace.trace_enhanced SET trd_rpt_tm = NULL WHERE msg_seq_nb <> '0000001'"
    )
    rows = source(database).daily("trace_reports", DAY, DAY).rows
    assert rows["known_at"].to_list().count(datetime(2024, 1, 2, 18, 30)) == 29


def test_standard_without_a_dissemination_date(source, changed):
    database = changed("UPDATE trace.trace SET trans_dt = NULL WHERE msg_seq_nb < '0000011'")
    assert (
        source(database, ("standard",))
        .daily("trace_reports", date(2024, 1, 4), date(2024, 1, 4))
        .rows.height
        == 30
    )
    database = changed("ALTER TABLE trace.trace DROP COLUMN trans_dt")
    rows = (
        source(database, ("standard",))
        .daily("trace_reports", date(2024, 1, 4), date(2024, 1, 4))
        .rows
    )
    assert rows.height == 30 and set(rows["report_date"]) == {date(2024, 1, 4)}


def test_what_the_table_lacks(source, changed, server):
    database = changed(
        "ALTER TABLE trace.trace DROP COLUMN side; ALTER TABLE trace.trace DROP COLUMN"
        " diss_rptg_side_cd"
    )
    assert "trace.trace: lacks the columns diss_rptg_side_cd or side" in _line(
        source(database, ("standard",)).date_range
    )
    server.run("ALTER TABLE trace.trace_enhanced DROP COLUMN ats_indicator", database)
    rows = source(database).daily("trace_reports", DAY, DAY).rows
    assert rows.height == 30, "a column that can be done without may be gone"
    as_text = "ALTER COLUMN trd_rpt_dt TYPE varchar(10) USING trd_rpt_dt::text"
    steps = {
        f"ALTER TABLE trace.trace_enhanced {as_text}": (
            "column trd_rpt_dt is character varying, not a date"
        ),
        "ALTER TABLE trace.trace_enhanced DROP COLUMN trc_st": (
            "trace.trace_enhanced: lacks the columns trc_st"
        ),
        "REVOKE SELECT ON trace.trace_enhanced FROM scholar": "may not read trace.trace_enhanced",
        "DROP TABLE trace.trace_enhanced": "has no trace.trace_enhanced",
        "DROP SCHEMA trace CASCADE": "has no trace.trace_enhanced",
    }
    for sql, told in steps.items():
        server.run(sql, database)
        assert told in _line(source(database).date_range)
    assert "no report dates in 144a" in _line(source(tables=("144a",)).date_range)


def test_too_many_bad_rows_stop_the_run(source, changed):
    database = changed(
        "INSERT INTO trace.trace_enhanced SELECT e.* FROM trace.trace_enhanced e,"
        " generate_series(1, 40); UPDATE trace.trace_enhanced SET rptd_pr = NULL WHERE msg_seq_nb <"
        " '0000004'"
    )
    assert (
        "246 of 2460 reports (10.0%) cannot be used, more than 5%: 246 × 'price_not_a_number'"
        in _line(lambda: source(database).daily("trace_reports", DAY, NEXT))
    )
    assert (
        source(database, max_bad_share=0.2).daily("trace_reports", DAY, NEXT).quarantined.height
        == 246
    )


def test_who_is_refused_and_what_cannot_be_reached(source, monkeypatch):
    assert "refused user 'nobody-here'" in _line(source(username="nobody-here").date_range)
    assert "has no such user or database" in _line(source(database_name="nothing").date_range)
    assert "cannot be reached" in _line(source(host="127.0.0.1", port=1).date_range)
    assert "cannot be reached" in _line(source(host="/nowhere").date_range)
    monkeypatch.setenv("PGPASSWORD", "wrong-battery-55")
    line = _line(source().date_range)
    assert (
        f"refused user '{USER}': check WRDS_USERNAME and PGPASSWORD" in line
        and "wrong-battery-55" not in line
    )


def test_credentials_from_the_environment(monkeypatch, tmp_path):
    line = _line(WrdsSettings.from_environment)
    assert (
        "set WRDS_USERNAME and PGPASSWORD" in line
        and "wrds-pgdata.wharton.upenn.edu:9737:wrds:USERNAME:PASSWORD" in line
    )
    monkeypatch.setenv("WRDS_USERNAME", "ada")
    assert "set PGPASSWORD" in _line(WrdsSettings.from_environment)
    monkeypatch.setenv("PGPASSWORD", PASSWORD)
    settings = WrdsSettings.from_environment()
    assert settings == WrdsSettings("ada", "wrds-pgdata.wharton.upenn.edu", 9737, "wrds", "require")
    assert PASSWORD not in repr(settings) and PASSWORD not in settings.uri()
    monkeypatch.setenv("BONDSIG_WRDS_PORT", "many")
    assert "BONDSIG_WRDS_PORT = 'many' should be a whole number" in _line(
        WrdsSettings.from_environment
    )
    monkeypatch.setenv("BONDSIG_WRDS_PORT", "1")
    monkeypatch.setenv("BONDSIG_WRDS_SSLMODE", "yes")
    assert "BONDSIG_WRDS_SSLMODE = 'yes' should be one of" in _line(WrdsSettings.from_environment)


def test_credentials_from_the_password_file(server, shared, monkeypatch, tmp_path):
    file = tmp_path / "pgpass"
    file.write_text(
        f"# WRDS\nelsewhere:*:*:eve:other-password-11\n{server.folder}:*:*:{USER}:{PASSWORD}\n"
    )
    file.chmod(0o600)
    for name, value in (
        ("HOST", str(server.folder)),
        ("PORT", "5432"),
        ("DATABASE", shared),
        ("SSLMODE", "disable"),
    ):
        monkeypatch.setenv(f"BONDSIG_WRDS_{name}", value)
    settings = WrdsSettings.from_environment()
    assert settings.username == USER
    assert WrdsSource(settings, tmp_path / "cache").date_range() == (DAY, date(2024, 1, 4))
    monkeypatch.setenv("WRDS_USERNAME", "somebody")
    assert "set PGPASSWORD" in _line(WrdsSettings.from_environment)
    assert scrub(f"a\n{PASSWORD} and other-password-11") == "a *** and ***"


def test_the_market_of_a_home(server, shared, monkeypatch, tmp_path):
    assert "no WRDS credentials" in _line(lambda: make_source(Market(source="wrds", seed=7)))
    for name, value in (
        ("HOST", str(server.folder)),
        ("PORT", "5432"),
        ("DATABASE", shared),
        ("SSLMODE", "disable"),
        ("CACHE", str(tmp_path / "cache")),
    ):
        monkeypatch.setenv(f"BONDSIG_WRDS_{name}", value)
    monkeypatch.setenv("WRDS_USERNAME", USER)
    monkeypatch.setenv("PGPASSWORD", PASSWORD)
    market = Market(
        source="wrds", tables="enhanced, standard", data=str(_one_price(tmp_path / "files"))
    )
    source, home = make_source(market), Home(tmp_path / "home")
    home.claim(market, source.date_range())
    assert source.daily("equity_prices", DAY, DAY).rows["close_usd"].to_list() == [185.64]
    assert source.daily("trace_reports", DAY, DAY).rows.height == 30
    allowing = Market(
        source="wrds", tables="enhanced, standard", data=market.data, allow_missing_times=True
    )
    home.claim(allowing, source.date_range())
    assert home.market().allow_missing_times, "allowing it is no other market"
    home.market_file.write_text(
        '{"market": {"source": "files", "data": "x"}, "first_day": "2024-01-02", "last_day":'
        ' "2024-01-03"}'
    )
    assert home.market() == Market(source="files", data="x"), "a market.json of before is read"
    assert "unknown WRDS table 'enhancd'; did you mean 'enhanced'?" in _line(
        lambda: make_source(Market(source="wrds", tables="enhancd"))
    )
    _assert_no_password_below(tmp_path)


def _one_price(folder: Path) -> Path:
    folder.mkdir()
    (folder / "prices.csv").write_text("date,ticker,close\n2024-01-02,AAPL,185.64\n")
    (folder / "source.toml").write_text(
        '[[equity_prices]]\nfiles = "prices.csv"\n[equity_prices.columns]\ntrade_date ='
        ' "date"\nticker = "ticker"\nclose_usd = "close"\nis_etf = { value = false }\n'
    )
    return folder


def _assert_no_password_below(folder: Path) -> None:
    for file in folder.rglob("*"):
        assert not file.is_file() or PASSWORD.encode() not in file.read_bytes(), file


def test_the_command_tells_one_line_and_no_password(server, shared, tmp_path):
    settings = {
        "HOST": server.folder,
        "PORT": 5432,
        "DATABASE": shared,
        "SSLMODE": "disable",
        "CACHE": tmp_path / "cache",
    }
    environment = {
        **os.environ,
        **{f"BONDSIG_WRDS_{name}": str(value) for name, value in settings.items()},
        "WRDS_USERNAME": "ada",
        "PGPASSWORD": PASSWORD,
        "BONDSIG_HOME": str(tmp_path / "home"),
        "BONDSIG_DEBUG": "1",
    }
    run = subprocess.run(
        [
            sys.executable,
            "-c",
            "from bondsig_assets.commands.cli import main; main()",
            "run",
            "--source",
            "wrds",
        ],
        env=environment,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert run.returncode == 1 and "refused user 'ada'" in run.stderr
    assert (
        run.stdout == ""
        and len(run.stderr.strip().splitlines()) == 1
        and PASSWORD not in run.stderr
    )
    _assert_no_password_below(tmp_path)
