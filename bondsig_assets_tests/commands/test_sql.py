"""`bondsig sql`: where questions come from, what the formats hold, files, pipes and memory."""

from __future__ import annotations

import csv
import io
import json
import os
import subprocess
import sys
from datetime import date
from pathlib import Path

import polars as pl
import pytest

from bondsig_assets.commands.sql import FORMATS, answer, read_question
from bondsig_assets.errors import UserError, WarehouseError
from bondsig_assets.home import Home, Market
from bondsig_assets.warehouse import Warehouse
from bondsig_assets_tests.command_line import bondsig as of_command_line

ROWS = "select i, 'a\n' || i as s from range({}) t(i) order by i"
COPIED = [form for form in FORMATS if form != "table"]


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    """A home with an empty warehouse."""
    made = Home(tmp_path_factory.mktemp("home"))
    made.claim(Market(), (date(2024, 1, 2), date(2024, 1, 3)))
    Warehouse(made.path).initialize()
    return made


def bondsig(home: Home, *arguments: object, stdin: bytes = b"") -> subprocess.CompletedProcess[str]:
    return of_command_line("sql", *arguments, stdin=stdin, BONDSIG_HOME=str(home.path))


def printed(home: Home, query: str, form: str) -> str:
    """What the command prints."""
    done = bondsig(home, query, "-f", form)
    assert done.returncode == 0, done.stderr
    return done.stdout


def in_process(home: Home, *arguments: str, **options: object) -> subprocess.Popen[bytes]:
    """The command in a process of its own, with real pipes."""
    code = "from bondsig_assets.commands.cli import main; main()"
    return subprocess.Popen(
        [sys.executable, "-c", code, "sql", *arguments],
        env={**os.environ, "BONDSIG_HOME": str(home.path)},
        **options,  # type: ignore[call-overload]
    )


# Where a question comes from


def test_a_question_comes_from_a_file_from_standard_input_or_as_it_is(home, tmp_path):
    file = tmp_path / "a question.sql"
    file.write_bytes("\ufeff-- How many?\nselect count(*) as ü from scores; -- none\n".encode())
    told = [
        bondsig(home, *arguments, "-f", "csv", stdin=stdin).stdout
        for arguments, stdin in (
            (["--file", file], b""),
            ([f"--file={file}"], b""),
            (["-"], file.read_bytes()),
            (["--file", "-"], file.read_bytes()),
            ([], file.read_bytes()),
            ([file.read_text("utf-8-sig")], b""),
        )
    ]
    assert set(told) == {"ü\n0\n"} and len(told) == 6


@pytest.mark.parametrize(
    "arguments",
    [
        ["-- a comment\nselect 7 as a", "-f", "csv"],
        ["-f", "csv", "--a comment\nselect 7 as a"],
        ["-f", "csv", "--", "-- a comment\nselect 7 as a"],
        ["-f", "csv", "/* -- */ select 7 as a"],
        ["--format=csv", "--format\nselect 7 as a"],
    ],
)
def test_a_comment_is_no_option(home, arguments):
    assert bondsig(home, *arguments).stdout == "a\n7\n"


def test_an_unknown_option_stays_one(home):
    done = bondsig(home, "--formt", "csv", "select 1")
    assert done.returncode == 1 and "No such option '--formt'" in done.stderr


@pytest.mark.slow
def test_what_is_no_question_is_one_line(home, tmp_path, monkeypatch):
    binary = tmp_path / "binary"
    binary.write_bytes(b"\xff\xfe select")
    for arguments, stdin, told in (
        (["select 1", "--file", "x"], b"", "give one of them"),
        (["--file", tmp_path / "absent.sql"], b"", "absent.sql: No such file"),
        (["--file", tmp_path], b"", "directory"),
        (["--file", binary], b"", "binary is no text in UTF-8"),
        ([], b"\xff", "standard input is no text in UTF-8"),
        ([], b"", "the query is empty"),
        (["-- nothing but a comment"], b"", "the query is empty"),
        (["select 1; select 2"], b"", "one statement at a time, these are 2"),
        (["explain analyze copy (select 1) to 'x.csv'"], b"", "only questions"),
        (["explain (format json) /* a */ delete from scores"], b"", "only questions"),
        (["pivot (select 1 a) on a; drop table scores"], b"", "one statement at a time"),
        (["copy (pivot (select 1 a) on a) to 'x.csv'"], b"", "one statement at a time"),
        (["from nothing_there"], b"", "nothing_there"),
    ):
        done = bondsig(home, *arguments, stdin=stdin)
        assert done.returncode == 1 and done.stdout == "", arguments
        assert told in done.stderr and len(done.stderr.splitlines()) == 1, done.stderr
    monkeypatch.setattr(sys, "stdin", None)
    with pytest.raises(UserError, match="there is no question"):
        read_question(None, None)


def test_a_terminal_is_not_waited_for(home):
    reader, terminal = os.openpty()
    try:
        with in_process(home, stdin=terminal, stderr=subprocess.PIPE) as asked:
            assert asked.stderr is not None
            assert b"there is no question" in asked.stderr.read() and asked.wait(timeout=60) == 1
    finally:
        os.close(reader)
        os.close(terminal)


@pytest.mark.parametrize("form", FORMATS)
def test_every_kind_of_question_has_every_format(home, form):
    for query in (
        "explain select 1",
        "explain analyze select 1",
        "describe scores",
        "show tables",
        "summarize scores",
        "pivot (select 1 a, 2 b) on a using sum(b)",
        "select 1 as question;",
        "with question as (select 1) from question",
    ):
        assert printed(home, query, form), query


# What the formats hold


@pytest.mark.parametrize("n", [0, 1, 25_000])
def test_csv_has_one_newline_a_line(home, n):
    text = printed(home, f"select i, i + 1 as next from range({n}) t(i) order by i", "csv")
    assert "\r" not in text and text.endswith("\n") and text.count("\n") == n + 1
    rows = list(csv.reader(io.StringIO(text)))
    assert rows[0] == ["i", "next"] and rows[1:] == [[str(k), str(k + 1)] for k in range(n)]


@pytest.mark.parametrize("n", [0, 1, 25_000])
def test_json_is_one_list_and_jsonl_a_line_a_row(home, n):
    items = [{"i": k, "s": f"a\n{k}"} for k in range(n)]
    assert json.loads(printed(home, ROWS.format(n), "json")) == items
    lines = printed(home, ROWS.format(n), "jsonl").splitlines()
    assert [json.loads(line) for line in lines] == items


def test_each_format_tells_the_same_of_every_type(home, tmp_path):
    query = (
        "select date '2024-01-02' as d, timestamp '2024-01-02 18:30' as t, [1, 2] as l, null as n,"
        " '' as e, true as b, 0.1::double as f, 'ü, \"quoted\"' as s"
    )
    (row,) = csv.DictReader(io.StringIO(printed(home, query, "csv")))
    (item,) = json.loads(printed(home, query, "json"))
    assert item == {
        "d": "2024-01-02",
        "t": "2024-01-02 18:30:00",
        "l": [1, 2],
        "n": None,
        "e": "",
        "b": True,
        "f": 0.1,
        "s": 'ü, "quoted"',
    }
    assert row == {**item, "l": "[1, 2]", "n": "", "b": "true", "f": "0.1"}
    # What is null and what is an empty text stay apart.
    assert ',,"",' in printed(home, query, "csv")
    answer(home, query, None, tmp_path / "row.parquet", overwrite=False)
    (kept,) = pl.read_parquet(tmp_path / "row.parquet").rows(named=True)
    assert kept["l"] == [1, 2] and kept["n"] is None and kept["e"] == "" and kept["s"] == item["s"]


def test_two_columns_of_one_name_are_two_columns(home):
    query = "select a.i, b.i from range(2) a(i), range(1) b(i) order by 1"
    assert json.loads(printed(home, query, "json")) == [{"i": 0, "i_1": 0}, {"i": 1, "i_1": 0}]
    assert printed(home, query, "csv") == "i,i_1\n0,0\n1,0\n"


def test_rows_keep_their_order(home):
    query = "select (i * 7919) % 200003 as x from range(200003) t(i) order by x desc"
    found = [int(line) for line in printed(home, query, "csv").split()[1:]]
    assert found == list(range(200002, -1, -1))


def test_an_error_is_one_line(home, tmp_path):
    for form in FORMATS:
        done = bondsig(home, "select 'x'::int from range(3)", "-f", form)
        assert done.returncode == 1 and len(done.stderr.splitlines()) == 1, done.stderr
        assert "Conversion Error" in done.stderr
    with pytest.raises(WarehouseError, match="Conversion Error"):
        answer(home, "select 'x'::int", "csv", tmp_path / "x.csv", overwrite=False)
    assert not list(tmp_path.iterdir())


def test_an_error_says_in_which_line_it_is(home):
    done = bondsig(home, "-- a comment\nselect 1,\n  nothing from scores")
    assert done.stderr.startswith("bondsig: no answer: Binder Error: ")
    assert done.stderr.endswith(" (line 3)\n")
    assert "(line" not in bondsig(home, "chose 1").stderr


# Files


@pytest.mark.parametrize(
    "name", ["a.csv", "a.csv.gz", "a.json", "a.jsonl", "a.ndjson", "a.jsonl.gz", "A.PARQUET"]
)
def test_a_file_has_the_format_of_its_name(home, tmp_path, name):
    done = bondsig(home, "select i from range(3) t(i)", "--out", tmp_path / name)
    assert done.returncode == 0 and f"{name}: 3 rows" in done.stdout, done.stderr
    reader = "read_parquet" if "PARQUET" in name else "read_csv" if "csv" in name else "read_json"
    back = f"from {reader}('{tmp_path / name}') order by i"
    assert printed(home, back, "csv").split() == ["i", "0", "1", "2"]
    assert [path.name for path in tmp_path.iterdir()] == [name]


def test_files_that_are_refused(home, tmp_path):
    (tmp_path / "there.csv").write_text("mine")
    for arguments, told in (
        (["-o", tmp_path / "x.txt"], "End the name with .csv"),
        (["-o", tmp_path / "x.csv", "-f", "table"], "End the name with .csv"),
        (["-o", tmp_path], "is a folder" if "." in tmp_path.name else "End the name"),
        (["-o", tmp_path / "absent" / "x.csv"], "absent is no folder"),
        (["-o", home.path / "x.csv"], "inside the home"),
        (["-o", tmp_path / "there.csv"], "--overwrite replaces it"),
    ):
        done = bondsig(home, "select 1 as a", *arguments)
        assert done.returncode == 1 and told in done.stderr, done.stderr
    assert (tmp_path / "there.csv").read_text() == "mine"
    bondsig(home, "select 1 as a", "-o", tmp_path / "there.csv", "--overwrite")
    assert (tmp_path / "there.csv").read_text() == "a\n1\n"


# Pipes


def test_what_is_appended_to_stays(home, tmp_path):
    place = tmp_path / "log.csv"
    place.write_text("before\n")
    with (
        place.open("a") as log,
        in_process(home, "select 1 as a", "-f", "csv", stdout=log) as asked,
    ):
        assert asked.wait(timeout=60) == 0
    assert place.read_text() == "before\na\n1\n"


@pytest.mark.parametrize("form", FORMATS)
def test_a_reader_who_has_enough_is_no_failure(home, form):
    query = "select i, repeat('x', 100) as s from range(3_000_000) t(i)"
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    with in_process(home, query, "-f", form, **pipes) as asked:
        assert asked.stdout is not None and asked.stderr is not None
        assert len(asked.stdout.read(200)) == 200
        asked.stdout.close()
        assert asked.stderr.read() == b"" and asked.wait(timeout=60) == 0


def test_a_reader_who_never_reads_is_no_failure(home):
    reading, writing = os.pipe()
    os.close(reading)
    with in_process(home, "select 1", stdout=writing, stderr=subprocess.PIPE) as asked:
        os.close(writing)
        assert asked.stderr is not None
        assert asked.stderr.read() == b"" and asked.wait(timeout=60) == 0


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no device that is always full")
def test_a_full_disk_is_one_line(home):
    with (
        Path("/dev/full").open("wb") as full,
        in_process(
            home, "from range(100_000)", "-f", "csv", stdout=full, stderr=subprocess.PIPE
        ) as asked,
    ):
        assert asked.stderr is not None
        told = asked.stderr.read().decode()
        assert asked.wait(timeout=60) == 1
    assert "No space left" in told.splitlines()[0] and "Traceback" not in told


def test_parquet_is_not_for_a_terminal(home):
    reader, terminal = os.openpty()
    try:
        with in_process(
            home, "select 1", "-f", "parquet", stdout=terminal, stderr=subprocess.PIPE
        ) as asked:
            assert asked.stderr is not None
            assert b"Parquet is for a file" in asked.stderr.read() and asked.wait(timeout=60) == 1
    finally:
        os.close(reader)
        os.close(terminal)


@pytest.mark.slow
@pytest.mark.parametrize("form", COPIED)
def test_a_large_result_needs_no_memory(home, form):
    """A million rows of 100 characters: 100 MB as Python values would be several times that."""
    code = (
        "import resource, sys; from bondsig_assets.commands.cli import main\n"
        "try: main()\n"
        "finally: sys.stderr.write(str(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss))"
    )
    peaks = []
    for n in (1, 1_000_000):
        query = f"select i, repeat('x', 100) as s from range({n}) t(i)"
        done = subprocess.run(
            [sys.executable, "-c", code, "sql", query, "-f", form],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
            check=True,
            env={**os.environ, "BONDSIG_HOME": str(home.path)},
            timeout=120,
        )
        peaks.append(int(done.stderr.split()[-1]) / 1024)
    assert peaks[1] - peaks[0] < 100, peaks
