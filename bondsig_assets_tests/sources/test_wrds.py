"""The source `wrds` against a real server: what is delivered, what is kept, what is read again."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import textwrap
from datetime import date, datetime, timedelta
from pathlib import Path

import polars as pl
import pytest

from bondsig_assets.calendar import trading_days
from bondsig_assets.errors import SourceError
from bondsig_assets.sources.wrds import WrdsSource, cache, connection
from bondsig_assets.sources.wrds import source as wrds
from bondsig_assets.tables import TABLES
from bondsig_assets.trace.options import screens_named
from bondsig_assets_tests.sources.wrds_server import (
    APPLE,
    FORD,
    PASSWORD,
    PRIVATE,
    enhanced,
    standard,
)
from bondsig_assets_tests.trace.messages import TablesInMemory, newest

pytestmark = pytest.mark.services

JAN, FEB, MAR = (date(2024, month, 1) for month in (1, 2, 3))
LAST_ENHANCED = date(2024, 2, 29)
ENHANCED_DAYS, STANDARD_DAYS = (
    trading_days(JAN, LAST_ENHANCED),
    trading_days(date(2024, 2, 20), date(2024, 3, 28)),
)
SATURDAY = date(2024, 1, 6)
#: Enough days for tests that do not need all.
SOON = date(2024, 1, 12)


def _enhanced_rows() -> list[dict]:
    """Four reports a day; in February asof_cd and lckd_in_ind are filled, in January null
    throughout.
    """
    rows = []
    for n, day in enumerate(ENHANCED_DAYS):
        late = {"asof_cd": "A", "lckd_in_ind": "Y"} if day >= FEB else {}
        rows += [
            enhanced(day, 4 * n + 1),
            enhanced(
                day,
                4 * n + 2,
                cusip_id=FORD,
                trd_rpt_tm="17:10:00",
                rpt_side_cd="B",
                cntra_mp_id="D",
                **late,
            ),
            enhanced(
                day,
                4 * n + 3,
                cusip_id=FORD,
                entrd_vol_qt=12_345_678.9,
                trd_rpt_tm="08:00:00",
                trd_exctn_tm="08:00:00",
                yld_pt=1.25,
                yld_sign_cd="-",
            ),
            enhanced(day, 4 * n + 1, trc_st="X", trd_rpt_tm="18:00:00", pr_trd_dt=day),
        ]
    rows += [
        enhanced(SATURDAY, 9001, trd_exctn_dt=date(2024, 1, 5)),
        enhanced(JAN + timedelta(14), 9101, cusip_id=None),
        enhanced(JAN + timedelta(14), 9102, trc_st="Q"),
        enhanced(JAN + timedelta(14), 9103, rptd_pr=None),
        enhanced(date(2024, 1, 17), 9201, trc_st="C"),
        enhanced(date(2024, 1, 17), 9201, trc_st="R", rptd_pr=99.25, orig_msg_seq_nb="0000041"),
        enhanced(date(2024, 1, 18), 9202, trc_st="Y", orig_msg_seq_nb="0000041"),
    ]
    return rows


def _standard_rows(bond: str, first: int) -> list[dict]:
    volumes = ("5MM+", "1MM+", "25000")
    return [
        standard(
            day, first + n, cusip_id=bond, ascii_rptd_vol_tx=volumes[n % 3], trc_st="TGMWH"[n % 5]
        )
        for n, day in enumerate(STANDARD_DAYS)
    ]


@pytest.fixture(scope="module")
def shared(server) -> str:
    """A database that tests only read."""
    name = server.database()
    server.insert(name, "trace_enhanced", _enhanced_rows())
    server.insert(name, "trace", _standard_rows(APPLE, 100))
    server.insert(name, "trace_btds144a", _standard_rows(PRIVATE, 500))
    return name


@pytest.fixture
def database(server, shared) -> str:
    """A copy of it to change."""
    return server.database(like=shared)


@pytest.fixture
def make(server, shared, tmp_path, monkeypatch):
    """Sources that share one cache."""
    monkeypatch.setenv("PGPASSWORD", PASSWORD)

    def _make(database: str = shared, **options) -> WrdsSource:
        return WrdsSource(
            server.settings(database), tmp_path / "cache", **{"refresh_days": 0, **options}
        )

    return _make


@pytest.fixture
def asked(monkeypatch) -> list[str]:
    """The queries for reports that are sent from now on."""
    sent: list[str] = []
    original = connection.Connection.stream

    def _stream(self, sql, about):
        if "rptd_pr" in sql:
            sent.append(sql[sql.index(" WHERE ") + 7 :])
        return original(self, sql, about)

    monkeypatch.setattr(connection.Connection, "stream", _stream)
    return sent


def _kept(tmp_path: Path, table: str) -> dict[str, int]:
    return {
        file.stem: file.stat().st_mtime_ns
        for file in tmp_path.glob(f"cache/*/all/{table}/*/*.parquet")
    }


def test_span_is_that_of_all_tables(make):
    assert make().date_range() == (date(2024, 1, 2), date(2024, 3, 28))
    assert make(tables=("enhanced",)).date_range() == (date(2024, 1, 2), LAST_ENHANCED)
    assert make(start=date(2024, 1, 10), end=date(2024, 3, 4)).date_range() == (
        date(2024, 1, 10),
        date(2024, 3, 4),
    )


def test_the_disseminated_tables_begin_after_enhanced(make):
    rows = make().daily("trace_reports", date(2024, 2, 26), date(2024, 3, 31)).rows
    feeds = (
        rows.group_by("feed")
        .agg(
            pl.col("report_date").min().alias("first"),
            pl.col("report_date").max().alias("last"),
            pl.col("view").first(),
        )
        .sort("feed")
    )
    assert feeds.rows() == [
        ("144a", MAR, date(2024, 3, 28), "live"),
        ("enhanced", date(2024, 2, 26), LAST_ENHANCED, "regulatory"),
        ("standard", MAR, date(2024, 3, 28), "live"),
    ]


def _cleaned(*deliveries: pl.DataFrame) -> TablesInMemory:
    memory = TablesInMemory(TABLES["bonds"].empty(), screens_named("none"))
    for rows in deliveries:
        for day in rows["delivery_date"].unique().sort():
            memory.take(rows, day, day)
    return memory


def test_days_filled_from_standard_are_completed_when_enhanced_reaches_them(
    make, server, database, tmp_path, monkeypatch
):
    days = trading_days(MAR, date(2024, 3, 28))
    before = make(database).daily("trace_reports", MAR, days[-1]).rows
    shown = before.filter(pl.col("feed") == "standard")
    assert shown.height == len(days)
    server.insert(
        database, "trace_enhanced", [enhanced(day, 1, entrd_vol_qt=7e6) for day in days[:12]]
    )
    monkeypatch.setattr(wrds, "_today", lambda: date(2024, 9, 14))  # a Saturday
    after = make(database)
    # What was delivered stays as it was, to the record.
    assert after.daily("trace_reports", MAR, days[-1]).rows.equals(before)
    late = (
        make(database, view="live")
        .daily("trace_reports", date(2024, 9, 13), date(2024, 9, 18))
        .rows
    )
    delivered = (
        late.group_by("delivery_date")
        .agg(pl.col("report_date").min(), n=pl.len())
        .sort("delivery_date")
    )
    assert delivered.rows() == [
        (date(2024, 9, 16), days[0], 5),
        (date(2024, 9, 17), days[5], 5),
        (date(2024, 9, 18), days[10], 2),
    ]
    assert late["known_at"].to_list()[0] == datetime(2024, 9, 16, 18, 30)
    assert set(late["par_usd"]) == {7e6} and not late["is_par_capped"].any()
    # A new warehouse months later, and more of Enhanced, change nothing of it.
    server.insert(database, "trace_enhanced", [enhanced(days[12], 1)])
    monkeypatch.setattr(wrds, "_today", lambda: date(2024, 12, 2))
    again = make(database, view="live")
    assert again.daily("trace_reports", date(2024, 9, 13), date(2024, 9, 18)).rows.equals(late)
    assert again.daily("trace_reports", date(2024, 12, 2), date(2024, 12, 2)).rows[
        "report_date"
    ].to_list() == [days[12]]
    # In the warehouse: capped until then, whole from then on.
    memory = _cleaned(before.filter(pl.col("cusip") == late["cusip"][0]), late)
    then = newest(memory.events.filter(pl.col("known_date") < date(2024, 9, 16))).filter(
        pl.col("reason").is_null()
    )
    now = newest(memory.events).filter(
        pl.col("reason").is_null() & pl.col("report_date").is_in(days[:12])
    )
    assert set(then["feed"]) == {"standard"} and set(now["feed"]) == {"enhanced"}


def test_a_damaged_record_of_arrivals_is_named(make, tmp_path):
    source = make()
    source.daily("trace_reports", MAR, MAR)
    (next(tmp_path.glob("cache/*/all")) / "enhanced-arrivals.json").write_text("{")
    with pytest.raises(SourceError, match="enhanced-arrivals.json: damaged"):
        make().daily("trace_reports", MAR, MAR)


def test_without_enhanced_the_disseminated_tables_are_read_whole(make):
    rows = make(tables=("standard",)).daily("trace_reports", JAN, date(2024, 3, 31)).rows
    assert rows["report_date"].n_unique() == len(STANDARD_DAYS)


def test_rows_are_those_of_the_table(make):
    rows = make().daily("trace_reports", date(2024, 1, 2), date(2024, 1, 2)).rows
    assert rows.schema == TABLES["trace_reports"].polars_schema
    assert rows["record_number"].to_list() == [1, 2, 3, 4]
    third = rows.row(0, named=True)
    assert (third["cusip"], third["par_usd"], third["yield_pct"], third["reported_at"]) == (
        FORD,
        12_345_678.9,
        -1.25,
        datetime(2024, 1, 2, 8),
    )
    assert rows["known_at"].to_list() == rows["reported_at"].to_list()
    assert rows["status"].to_list() == ["T", "T", "T", "X"]


def test_the_live_view_is_what_was_disseminated(make):
    days = date(2024, 1, 2), date(2024, 3, 31)
    whole, live = (
        make().daily("trace_reports", *days).rows,
        make(view="live").daily("trace_reports", *days).rows,
    )
    assert set(live["view"]) == {"live"} and 0 < live.height < whole.height
    assert live.filter(
        ((pl.col("contra") == "D") & (pl.col("side") == "B") & (pl.col("feed") == "enhanced"))
        | (pl.col("contra") == "A")
    ).is_empty()
    capped = live.filter((pl.col("feed") == "enhanced") & pl.col("is_par_capped"))
    assert capped.height and set(capped["par_usd"]) == {1e6}


def test_a_saturday_is_delivered_on_monday(make):
    assert (
        SATURDAY
        in make()
        .daily("trace_reports", date(2024, 1, 8), date(2024, 1, 8))
        .rows["report_date"]
        .to_list()
    )
    assert (
        SATURDAY
        not in make()
        .daily("trace_reports", date(2024, 1, 2), date(2024, 1, 5))
        .rows["report_date"]
        .to_list()
    )


def test_a_range_is_the_concatenation_of_its_days(make, monkeypatch):
    source = make()
    for first, last in (
        (date(2024, 1, 5), date(2024, 1, 18)),
        (date(2024, 2, 27), date(2024, 3, 5)),
    ):
        whole = source.daily("trace_reports", first, last)
        days = [source.daily("trace_reports", day, day) for day in trading_days(first, last)]
        assert pl.concat([day.rows for day in days]).equals(whole.rows)
        assert pl.concat([day.quarantined for day in days]).equals(whole.quarantined)
    monkeypatch.setattr(wrds, "_AT_ONCE", 10)
    portions = source.daily("trace_reports", first, last)
    assert portions.rows.equals(whole.rows) and portions.quarantined.equals(whole.quarantined)


def test_standard_is_known_at_the_end_of_its_day_and_keeps_caps(make):
    rows = (
        make(tables=("standard",)).daily("trace_reports", date(2024, 3, 4), date(2024, 3, 8)).rows
    )
    assert rows["known_at"].to_list() == [datetime(2024, 3, day, 18, 30) for day in range(4, 9)]
    assert rows["reported_at"].null_count() == rows.height
    capped = (
        make(tables=("standard",))
        .daily("trace_reports", MAR, date(2024, 3, 8))
        .rows.select("par_usd", "is_par_capped")
        .unique()
        .sort("par_usd")
    )
    assert capped.rows() == [(25_000.0, False), (1_000_000.0, True), (5_000_000.0, True)]


def test_rows_with_a_fault_are_set_aside(make):
    delivery = make().daily("trace_reports", date(2024, 1, 16), date(2024, 1, 16))
    assert sorted(delivery.quarantined["reason"]) == [
        "no_cusip",
        "price_not_a_number",
        "unknown_status",
    ]
    assert set(delivery.quarantined["source_name"]) == {"trace.trace_enhanced 2024-01-15"}
    row = json.loads(delivery.quarantined.filter(reason="unknown_status")["row_text"][0])
    assert (row["trc_st"], row["msg_seq_nb"], row["rptd_pr"]) == ("Q", "0009102", 99.125)
    assert delivery.quarantined["row_number"].n_unique() == 3


def test_other_tables_are_empty_or_come_from_the_others(make):
    source = make()
    assert source.daily("equity_prices", JAN, FEB).rows.is_empty()
    assert source.reference("bonds", FEB).rows.is_empty()
    assert source.truth() == {}
    with pytest.raises(SourceError, match="unknown daily table"):
        source.daily("bonds", JAN, FEB)
    others = make(others=make())
    assert others.reference("bonds", FEB).rows.is_empty()


def test_only_the_bonds_asked_for(make, tmp_path):
    rows = make(cusips=(FORD,)).daily("trace_reports", JAN, SOON).rows
    assert set(rows["cusip"]) == {FORD}
    assert make().daily("trace_reports", JAN, SOON).rows["cusip"].n_unique() == 2, (
        "a selection is kept apart"
    )
    with pytest.raises(SourceError, match="'037833AK5' is no CUSIP"):
        make(cusips=("037833AK5",))


def test_columns_null_in_one_batch_have_the_type_of_the_other(make, tmp_path):
    make(days_per_query=3).daily("trace_reports", date(2024, 1, 29), date(2024, 2, 3))
    files = sorted(tmp_path.glob("cache/*/all/enhanced/*/*.parquet"))
    assert len({tuple(pl.read_parquet_schema(file).items()) for file in files}) == 1
    january, february = (
        pl.read_parquet(file) for file in files if file.stem in ("2024-01-31", "2024-02-01")
    )
    assert (
        january.height
        and january["asof_cd"].null_count() == january.height
        and february["asof_cd"].null_count() < february.height
    )


def test_finished_days_are_not_read_again(make, asked, tmp_path):
    first = make().daily("trace_reports", JAN, SOON).rows
    assert asked
    kept = _kept(tmp_path, "enhanced")
    asked.clear()
    again = make().daily("trace_reports", JAN, SOON).rows
    assert not asked and again.equals(first) and _kept(tmp_path, "enhanced") == kept
    make().daily("trace_reports", JAN, SOON + timedelta(4))
    assert len(asked) == 1 and "'2024-01-13' AND" in asked[0]


def test_a_query_never_asks_for_more_days_than_allowed(make, asked):
    make(days_per_query=3, tables=("enhanced",)).daily("trace_reports", JAN, SOON)
    assert len(asked) == 4


def test_a_late_row_is_found_by_reading_again(make, server, database, asked):
    day = date(2024, 2, 26)
    before = make(database).daily("trace_reports", day, day).rows
    server.insert(database, "trace_enhanced", [enhanced(day, 7777, trd_rpt_tm="07:00:00")])
    assert make(database).daily("trace_reports", day, day).rows.equals(before)
    asked.clear()
    source = make(database, refresh_days=7)
    assert source.daily("trace_reports", day, day).rows["message_number"].to_list()[0] == "0007777"
    source.daily("trace_reports", day, day)
    assert len(asked) == 1, "each object reads recent days again once"


def test_a_table_that_is_being_loaded_does_not_replace_what_is_kept(make, server, database):
    day = date(2024, 2, 26)
    before = make(database).daily("trace_reports", day, day).rows
    server.run(f"DELETE FROM trace.trace_enhanced WHERE trd_rpt_dt = DATE '{day}'", database)
    with pytest.raises(SourceError, match="0 reports of 2024-02-26, where 4 were read before"):
        make(database, refresh_days=7).daily("trace_reports", day, day)
    assert make(database).daily("trace_reports", day, day).rows.equals(before)


def test_a_killed_run_goes_on_where_it_stopped(make, server, shared, tmp_path, asked):
    program = textwrap.dedent(f"""
        import os, signal
        from datetime import date
        from pathlib import Path
        from bondsig_assets.sources.wrds import source as wrds
        from bondsig_assets.sources.wrds.connection import WrdsSettings
        store, calls = wrds.DayCache.store, []
        def killing(self, batches, first, last, allow):
            calls.append(first)
            def cut():
                for batch in batches:
                    yield batch
                    os.kill(os.getpid(), signal.SIGKILL)
            store(self, cut() if len(calls) == 3 else batches, first, last, allow)
        wrds.DayCache.store = killing
        user, folder = {server.settings(shared).username!r}, {str(server.folder)!r}
        settings = WrdsSettings(user, folder, 5432, {shared!r}, "disable")
        cache, pieces = Path({str(tmp_path / "cache")!r}), dict(days_per_query=10, refresh_days=0)
        source = wrds.WrdsSource(settings, cache, tables=("enhanced",), **pieces)
        source.daily("trace_reports", date(2024, 1, 1), date(2024, 2, 29))
    """)
    ended = subprocess.run(
        [sys.executable, "-c", program],
        env={**os.environ, "PGPASSWORD": PASSWORD},
        timeout=60,
        check=False,
        capture_output=True,
        text=True,
    )
    assert ended.returncode == -signal.SIGKILL, ended.stderr
    kept = _kept(tmp_path, "enhanced")
    assert len(kept) == 20 and list(tmp_path.glob("cache/*/all/enhanced/.partial-*"))
    source = make(tables=("enhanced",), days_per_query=10)
    rows = source.daily("trace_reports", JAN, LAST_ENHANCED).rows
    assert {day: time for day, time in _kept(tmp_path, "enhanced").items() if day in kept} == kept
    assert len(asked) == 4 and "'2024-01-22'" in asked[0]
    assert not list(tmp_path.glob("cache/*/all/enhanced/.partial-*"))
    n_bad = 3
    assert rows.height == len(_enhanced_rows()) - n_bad
    counts = source._cache(source._found[0][0]).counts()
    assert (
        sum(counts.values()) == len(_enhanced_rows())
        and counts[SATURDAY] == 1
        and counts[date(2024, 1, 7)] == 0
    )


def test_the_server_goes_away_in_the_middle(make, server, database, tmp_path, monkeypatch):
    server.run(
        "INSERT INTO trace.trace_enhanced SELECT '037833AK6', 'AAPL4001', null, null, DATE"
        " '2024-04-10', '10:00:00', DATE '2024-04-10', '10:05:00', lpad(n::text, 7, '0'), null,"
        " 'T', null, 1000, 99, 3, null, 'S', 'C' FROM generate_series(1, 60000) n",
        database,
    )
    monkeypatch.setattr(connection, "_BATCH_BYTES", 50_000)
    original = wrds.pinned

    def _cutting(batch, found):
        if batch.num_rows and batch.column("trd_rpt_dt")[0].as_py() == date(2024, 4, 10):
            server.run(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname ="
                f" '{database}' AND usename = 'scholar'",
                "postgres",
            )
        return original(batch, found)

    monkeypatch.setattr(wrds, "pinned", _cutting)
    with pytest.raises(
        SourceError,
        match="trace.trace_enhanced: the connection to .* broke off .*finished batches are kept",
    ) as told:
        make(database, tables=("enhanced",)).daily(
            "trace_reports", date(2024, 2, 27), date(2024, 4, 30)
        )
    assert (
        "\n" not in str(told.value)
        and PASSWORD not in str(told.value)
        and told.value.__cause__ is None
    )
    kept = _kept(tmp_path, "enhanced")
    assert "2024-02-29" in kept and "2024-04-10" not in kept
    assert not list(tmp_path.glob("cache/*/all/enhanced/.partial-*"))
    monkeypatch.undo()
    monkeypatch.setenv("PGPASSWORD", PASSWORD)
    assert (
        make(database, tables=("enhanced",))
        .daily("trace_reports", date(2024, 4, 10), date(2024, 4, 10))
        .rows.height
        == 60_000
    )


def test_rows_arrive_piece_by_piece(make, tmp_path, monkeypatch):
    monkeypatch.setattr(cache, "_HELD_ROWS", 10)
    monkeypatch.setattr(connection, "_BATCH_BYTES", 2_000)
    pieces = make().daily("trace_reports", JAN, SOON).rows
    monkeypatch.undo()
    monkeypatch.setenv("PGPASSWORD", PASSWORD)
    whole = (
        WrdsSource(make().settings, tmp_path / "other", refresh_days=0)
        .daily("trace_reports", JAN, SOON)
        .rows
    )
    assert pieces.equals(whole)
