"""`bondsig sql`: lines, objects and memory."""

from __future__ import annotations

import csv
import io
import json
import os
import subprocess
import sys
from datetime import date

import pytest

from bondsig_assets.commands.warehouse import print_query
from bondsig_assets.errors import UserError, WarehouseError
from bondsig_assets.home import Home, Market
from bondsig_assets.warehouse import Warehouse

ROWS = "select i, 'a\n' || i as s from range({}) t(i)"


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    """A home with an empty warehouse."""
    made = Home(tmp_path_factory.mktemp("home"))
    made.claim(Market(), (date(2024, 1, 2), date(2024, 1, 3)))
    Warehouse(made.path).initialize()
    return made


def printed(home: Home, query: str, form: str, capsys) -> str:
    """What the command prints."""
    print_query(home, query, form)
    return str(capsys.readouterr().out)


@pytest.mark.parametrize("n", [0, 1, 25_000])
def test_csv_has_one_newline_a_line(home, n, capsys):
    text = printed(home, f"select i, i + 1 as next from range({n}) t(i) order by i", "csv", capsys)
    assert "\r" not in text and text.endswith("\n") and text.count("\n") == n + 1
    rows = list(csv.reader(io.StringIO(text)))
    assert rows[0] == ["i", "next"] and rows[1:] == [[str(k), str(k + 1)] for k in range(n)]


@pytest.mark.parametrize("n", [0, 1, 25_000])
def test_json_is_one_list(home, n, capsys):
    items = json.loads(printed(home, ROWS.format(n), "json", capsys))
    assert items == [{"i": k, "s": f"a\n{k}"} for k in range(n)]


def test_json_looks_as_it_did(home, capsys):
    items = [{"i": 0, "x": [1, 2], "d": "2024-01-02"}, {"i": 1, "x": [1, 2], "d": "2024-01-02"}]
    query = "select i, [1, 2] as x, date '2024-01-02' as d from range(2) t(i)"
    assert printed(home, query, "json", capsys) == json.dumps(items, indent=1) + "\n"


def test_two_columns_of_one_name_are_two_columns_or_refused(home, capsys):
    query = "select a.i, b.i from range(2) a(i), range(1) b(i) order by 1"
    with pytest.raises(UserError, match="two columns are called 'i'"):
        print_query(home, query, "json")
    assert printed(home, query, "csv", capsys) == "i,i\n0,0\n1,0\n"


def test_a_table_counts_its_rows(home, capsys):
    assert printed(home, ROWS.format(12_000), "table", capsys).endswith("12000 rows\n")
    assert printed(home, ROWS.format(0), "table", capsys).split() == ["i", "s", "0", "rows"]


def test_an_error_is_one_line(home):
    with pytest.raises(WarehouseError, match="nothing_there"):
        print_query(home, "from nothing_there", "csv")


def test_a_large_result_needs_no_memory(home):
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
            [sys.executable, "-c", code, "sql", query, "-f", "csv"],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
            check=True,
            env={**os.environ, "BONDSIG_HOME": str(home.path)},
            timeout=120,
        )
        peaks.append(int(done.stderr.split()[-1]) / 1024)
    assert peaks[1] - peaks[0] < 60, peaks
