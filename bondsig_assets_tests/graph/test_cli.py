"""The command line on a finished home, and every mistake a user can make on it: one line, status
1.
"""

from __future__ import annotations

import csv
import io
import json
import os
import signal
import subprocess
import sys
import time
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import duckdb
import pytest

from bondsig_assets.home import Home
from bondsig_assets.warehouse import Warehouse
from bondsig_assets_tests.command_line import bondsig as of_command_line
from bondsig_assets_tests.graph.homes import assert_same, contents, make_home, run
from bondsig_assets_tests.orchestration.test_exposition import read

_BONDSIG = [sys.executable, "-c", "from bondsig_assets.commands.cli import main; main()"]


def bondsig(home: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return of_command_line(*arguments, BONDSIG_HOME=str(home))


def test_sql_in_three_formats(full_home):
    query = "select ticker, trade_date, score from scores order by score, ticker limit 3"
    table = bondsig(full_home.path, "sql", query)
    assert table.returncode == 0 and "3 rows" in table.stdout and "ticker" in table.stdout
    rows = list(
        csv.DictReader(io.StringIO(bondsig(full_home.path, "sql", query, "-f", "csv").stdout))
    )
    items = json.loads(bondsig(full_home.path, "sql", query, "-f", "json").stdout)
    assert [row["ticker"] for row in rows] == [item["ticker"] for item in items]
    assert float(rows[0]["score"]) == items[0]["score"]


@pytest.mark.parametrize(
    "query",
    [
        "delete from scores",
        "drop view trades",
        "attach '{home}/lake/catalog.sqlite' as q (type sqlite)",
        "copy (select 1) to '{home}/x.csv'",
        "export database '{home}/x'",
        "install spatial",
        "select 1; select 2",
        "",
        "set memory_limit = '1GB'",
        "call dbgen(sf=0.01)",
    ],
)
def test_sql_lets_only_questions_through(full_home, query):
    done = bondsig(full_home.path, "sql", query.format(home=full_home.path))
    assert (
        done.returncode == 1
        and len(done.stderr.splitlines()) == 1
        and "Traceback" not in done.stderr
    )
    assert not list(full_home.path.glob("x*"))


def test_sql_shows_brackets_as_they_are(full_home):
    assert "[/bold]" in bondsig(full_home.path, "sql", "select '[/bold]' as b").stdout


def test_the_lake_cannot_be_exported_over(full_home):
    done = bondsig(
        full_home.path, "export", str(full_home.path / "lake" / "catalog.sqlite"), "--overwrite"
    )
    assert done.returncode == 1 and "inside the home" in done.stderr
    assert Warehouse(full_home.path).read("select count(*) as n from scores")["n"][0] > 0


@pytest.mark.parametrize(
    "path", sorted(Path("sql/examples").glob("*.sql")), ids=lambda path: path.stem
)
def test_every_example_answers_its_question(full_home, path):
    text = path.read_text()
    assert text.startswith("-- ") and "?" in text.splitlines()[0]
    told = [
        bondsig(full_home.path, "sql", *question, "-f", "csv")
        for question in (["--file", str(path)], [text])
    ]
    assert told[0].returncode == 0, told[0].stderr
    rows = list(csv.DictReader(io.StringIO(told[0].stdout)))
    assert rows and told[0].stdout == told[1].stdout
    assert len(rows) == Warehouse(full_home.path).read(text).height


def test_a_score_leads_back_to_reports(full_home):
    warehouse = Warehouse(full_home.path)
    reports = warehouse.read(Path("sql/examples/from_score_to_reports.sql").read_text())
    first = reports.row(0, named=True)
    found = warehouse.read(
        "select price, cusip from trace_reports where delivery_date = ? and record_number = ?",
        [first["delivery_date"], first["record_number"]],
    )
    assert found["cusip"][0] == first["cusip"]


def test_trades_as_of_shows_what_stood_then(full_home):
    warehouse = Warehouse(full_home.path)
    then, now = (
        warehouse.read(f"select count(*) as n from {view}")["n"][0]
        for view in (
            "trades_as_of(timestamp '2023-06-30 18:30') where execution_date <= date '2023-06-30'",
            (
                "trades where execution_date <= date '2023-06-30' and known_at <= timestamp"
                " '2023-06-30 18:30'"
            ),
        )
    )
    assert then > now > 0, "some trades that stood then were ended later"


@pytest.mark.slow
def test_export_is_one_plain_file(full_home, tmp_path):
    target = tmp_path / "warehouse.duckdb"
    assert bondsig(full_home.path, "export", str(target)).returncode == 0
    with duckdb.connect(str(target), read_only=True) as plain:
        row = plain.execute("select count(*) from scores").fetchone()
    assert (
        row is not None
        and row[0] == Warehouse(full_home.path).read("select count(*) as n from scores")["n"][0]
    )
    again = bondsig(full_home.path, "export", str(target))
    assert again.returncode == 1 and str(target) in again.stderr


def test_summary_and_doctor(full_home):
    summary = bondsig(full_home.path, "summary")
    assert (
        summary.returncode == 0
        and "reports in" in summary.stdout
        and "added to control" in summary.stdout
    )
    doctor = bondsig(full_home.path, "doctor")
    assert doctor.returncode == 0, doctor.stdout
    assert "duckdb-extension-ducklake" in doctor.stdout and "warehouse readable" in doctor.stdout


def test_metrics_are_those_of_the_home(full_home, tmp_path):
    told = bondsig(full_home.path, "metrics")
    assert told.returncode == 0 and not told.stderr
    found = read(told.stdout)
    span, warehouse = full_home.date_range(), Warehouse(full_home.path)
    assert span is not None
    last = datetime(span[1].year, span[1].month, span[1].day, tzinfo=UTC).timestamp()
    layers = ["raw", "clean", "features", "dataset", "scores", "signals", "portfolio"]
    for layer in [*layers, "performance", "monitoring"]:
        assert found[f'bondsig_layer_newest_day_timestamp_seconds{{layer="{layer}"}}'] == last
        assert found[f'bondsig_layer_missing_days{{layer="{layer}"}}'] == 0
    assert found["bondsig_missing_days"] == 0
    counts = warehouse.row_counts("issuer_days")
    assert found['bondsig_table_newest_day_rows{table="issuer_days"}'] == counts[max(counts)]
    assert found['bondsig_runs{status="success"}'] == 3
    assert 'bondsig_runs{status="failure"}' not in found
    assert 0 < found['bondsig_asset_last_run_seconds{asset="trade_events"}'] < 600
    assert found['bondsig_failed_checks{severity="error"}'] == 0
    assert not [name for name in found if name.startswith("bondsig_unreadable")]
    told = json.loads(bondsig(full_home.path, "metrics", "--json").stdout)
    assert told["lake"]["files"] == found["bondsig_lake_files"] > 20
    empty = bondsig(tmp_path / "none", "metrics")
    assert empty.returncode == 1 and "holds no market" in empty.stderr


@pytest.mark.slow
def test_an_issuer_is_shown_as_it_was_known(full_home, tmp_path):
    warehouse = Warehouse(full_home.path)
    taken = warehouse.read(
        "SELECT issuer_cusip, parent_id, valid_from_date AS day FROM issuers QUALIFY count(*) OVER"
        " (PARTITION BY issuer_id) = 2 ORDER BY day DESC LIMIT 1"
    ).row(0, named=True)
    ticker = warehouse.read(
        "SELECT ticker FROM equities WHERE parent_id = ?", [taken["parent_id"]]
    )["ticker"][0]
    before = bondsig(
        full_home.path, "issuer", ticker, "--as-of", str(taken["day"] - timedelta(days=1))
    )
    after = bondsig(
        full_home.path, "issuer", ticker.lower(), "--picture", str(tmp_path / "page.png")
    )
    assert before.returncode == after.returncode == 0, after.stderr + before.stderr
    assert taken["issuer_cusip"] in after.stdout and taken["issuer_cusip"] not in before.stdout
    assert (tmp_path / "page.png").stat().st_size > 20_000
    nameless = bondsig(full_home.path, "issuer", ticker, "--picture", str(tmp_path / "page"))
    assert (
        nameless.returncode == 1
        and ".png" in nameless.stderr
        and not list(tmp_path.glob("page"))
        and len(nameless.stderr.splitlines()) == 1
    )
    by_issuer = bondsig(full_home.path, "issuer", taken["issuer_cusip"])
    assert by_issuer.stdout == after.stdout.rsplit("drawn", 1)[0]
    unknown = bondsig(full_home.path, "issuer", ticker[:-1] + "?")
    assert (
        unknown.returncode == 1
        and len(unknown.stderr.splitlines()) == 1
        and "near" in unknown.stderr
    )


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["run", "--world", "moon"], "tiny, demo, full"),
        (["run", "--source", "bloomberg"], "simulated, files"),
        (["run", "--source", "files"], "--data"),
        (["run", "--source", "files", "--data", "/nonexistent"], "/nonexistent"),
        (["run", "--start", "yesterday"], "YYYY-MM-DD"),
        (
            ["run", "--world", "tiny", "--start", "1999-01-04", "--end", "1999-02-01"],
            "outside this market",
        ),
        (["run", "--world", "tiny", "--start", "2024-01-04", "--end", "2023-02-01"], "after --end"),
        (["run", "--world", "tiny", "--lead-strength", "7"], "0 … 0.4"),
        (["run", "--world", "tiny", "--lead-shape", "loud"], "sparse, diffuse, slow, bad_news"),
        (["run", "--world", "tiny", "--lead-path", "dead:soon"], "fading:504, dead:504"),
        (["run", "--world", "tiny", "--view", "psychic"], "live, regulatory"),
        (["run", "--live", "--world", "moon"], "tiny, demo, full"),
        (["run", "--live", "--source", "files", "--data", "/tmp"], "simulated market that goes on"),
        (["run", "--seed", "-1"], "seeds are"),
        (["run", "--seed", "one"], "one"),
        (["run", "--wrold", "tiny"], "--world"),
        (["sql", "select 1"], "bondsig run"),
        (["summary"], "bondsig run"),
        (["issuer", "X"], "bondsig run"),
        (["issuer", "X", "--as-of", "May"], "YYYY-MM-DD"),
        (["export", "x.duckdb"], "bondsig run"),
        (["ui"], "bondsig run"),
        (["rnu"], "rnu"),
    ],
)
def test_a_mistake_is_one_line_and_writes_nothing(tmp_path, arguments, said):
    home = tmp_path / "home"
    done = bondsig(home, *arguments)
    assert done.returncode == 1
    assert said in done.stderr
    assert len(done.stderr.splitlines()) == 1
    assert not home.exists()


@pytest.mark.parametrize("text", ["", "{}", "[]", '{"market": {"foo": 1}}', "not json"])
def test_a_damaged_home_is_told_in_one_line(tmp_path, text):
    (tmp_path / "market.json").write_text(text)
    done = bondsig(tmp_path, "summary")
    assert (
        done.returncode == 1
        and "market.json is damaged" in done.stderr
        and len(done.stderr.splitlines()) == 1
    )


def test_an_unknown_selection_names_the_assets(full_home):
    done = bondsig(full_home.path, "run", "--select", "tradse")
    assert done.returncode == 1 and "trades" in done.stderr and "Traceback" not in done.stderr


def test_another_market_is_refused_with_the_way_out(full_home):
    done = bondsig(full_home.path, "run", "--seed", "2")
    assert done.returncode == 1 and "BONDSIG_HOME" in done.stderr


@pytest.mark.services
def test_a_killed_run_goes_on_where_it_stopped(tmp_path):
    """kill -9 in the middle of cleaning; the same command again ends with the same tables as an
    undisturbed run.
    """
    end, select = date(2022, 9, 30), "+key:bond_analytics"
    undisturbed = make_home(tmp_path / "undisturbed")
    run(undisturbed, end=end, select=select)
    home = tmp_path / "killed"
    command = [*_BONDSIG, "run", "--world", "tiny", "--end", end.isoformat(), "--select", select]
    victim = subprocess.Popen(
        command,
        env={**os.environ, "BONDSIG_HOME": str(home)},
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    assert victim.stdout is not None
    for line in victim.stdout:
        if "cleaning trades" in line:
            break
    time.sleep(0.4)
    os.killpg(victim.pid, signal.SIGKILL)
    assert victim.wait() == -signal.SIGKILL, "the run was over before it could be killed"
    assert (
        Warehouse(undisturbed.path).read("select count(*) as n from trade_events")["n"][0] > 10_000
    )
    assert bondsig(home, "run", "--end", end.isoformat(), "--select", select).returncode == 0
    assert_same(contents(undisturbed), contents(Home(home)))
