"""What docs/warehouse.md shows runs, on a whole home, and a past moment is what was known then."""

# A test's name says what it shows.
# ruff: noqa: D103

from __future__ import annotations

import re
import shlex
from datetime import date
from pathlib import Path

import polars as pl
import pytest

from bondsig_assets import connect
from bondsig_assets.calendar import cutoff
from bondsig_assets.tables import TABLES
from bondsig_assets_tests.command_line import bondsig
from bondsig_assets_tests.graph.homes import contents
from bondsig_assets_tests.known_past import known_by

_ROOT = Path(__file__).resolve().parents[2]
_PAGE = (_ROOT / "docs" / "warehouse.md").read_text()


def test_the_python_of_the_page_runs_from_top_to_bottom(full_home, monkeypatch):
    monkeypatch.setenv("BONDSIG_HOME", str(full_home.path))
    blocks = re.findall(r"```python\n(.*?)```", _PAGE, re.S)
    assert len(blocks) > 5
    names: dict[str, object] = {}
    for block in blocks:
        exec(block, names)
    for name in ("spreads", "trades", "links"):
        frame = names[name]
        assert isinstance(frame, pl.DataFrame) and frame.height, name
    assert names["latest"] == (date(2023, 9, 29), cutoff(date(2023, 9, 29)))


@pytest.mark.parametrize(
    "line", re.findall(r"^    (bondsig (?:sql|attach).*)$", _PAGE, re.M), ids=lambda line: line[:40]
)
def test_the_commands_of_the_page_run(full_home, line, tmp_path, monkeypatch):
    (tmp_path / "sql").symlink_to(_ROOT / "sql")
    monkeypatch.chdir(tmp_path)
    command, *_ = re.split(r" [|>] ", line)
    command, _, file = command.partition(" < ")
    done = bondsig(
        *shlex.split(command)[1:],
        stdin=Path(file).read_bytes() if file else b"",
        BONDSIG_HOME=str(full_home.path),
    )
    assert done.returncode == 0 and done.stdout, done.stderr


@pytest.mark.slow
def test_a_past_moment_is_what_was_known_then(full_home):
    """By the harness that asks the same of the graph, which was written apart from it."""
    day = date(2023, 9, 29)
    names = [name for name, table in TABLES.items() if table.known_time and table.schema == "main"]
    with connect(full_home.path, as_of=day) as then:
        found = {
            name: then.sql(f"from {name} order by {', '.join(TABLES[name].key)}").pl()
            for name in names
        }
    now = contents(full_home)
    wanted = known_by({name: now[name] for name in names}, day)
    some_later = 0
    for name, frame in found.items():
        frame = frame.select(now[name].columns).cast(now[name].schema)
        assert (frame[TABLES[name].known_time] <= cutoff(day)).all(), name
        if "known_until" in frame.columns:
            assert (frame["known_until"].drop_nulls() <= cutoff(day)).all(), name
        again = known_by({name: frame}, day)[name]
        key = (
            list(TABLES[name].key) if set(TABLES[name].key) <= set(again.columns) else again.columns
        )
        assert again.sort(key).equals(wanted[name].sort(key)), name
        some_later += frame.height < now[name].height
    assert some_later > 15
