"""`bondsig backup` and `restore` on a home that the graph made: it runs on under another name."""

# A test's name says what it shows.
# ruff: noqa: D103

from __future__ import annotations

import sqlite3
from contextlib import closing
from datetime import date

import dagster as dg
import pytest

from bondsig_assets.commands.backup import restore_backup
from bondsig_assets.home import Home
from bondsig_assets.orchestration import runner
from bondsig_assets.upkeep.backup import back_up
from bondsig_assets_tests.command_line import bondsig
from bondsig_assets_tests.graph.homes import assert_same, contents, make_home, run

pytestmark = pytest.mark.slow

_FIRST, _LAST, _NEXT = date(2022, 7, 1), date(2022, 7, 5), date(2022, 7, 6)
_SELECT = "+key:bond_analytics"


def test_a_restored_home_runs_on_as_the_one_it_came_from(tmp_path, capsys):
    home = make_home(tmp_path / "home")
    assert run(home, _FIRST, _LAST, _SELECT, checks=False) == 1
    with runner.open_instance(home) as instance:
        # A run that was at work when the backup was made.
        at_work = dg.DagsterRun("daily", run_id="1" * 32, status=dg.DagsterRunStatus.STARTED)
        instance.run_storage.add_run(at_work)
    done = bondsig("backup", tmp_path / "backups", BONDSIG_HOME=str(home.path))
    assert done.returncode == 0 and "of the lake; took" in done.stdout, done.stderr

    other = Home(tmp_path / "other")
    done = bondsig("restore", tmp_path / "backups", "--home", other.path)
    assert done.returncode == 0, done.stderr
    assert "every checksum held" in done.stdout and "ended 1 runs" in done.stdout
    assert_same(contents(other), contents(home))
    with closing(sqlite3.connect(other.path / "lake" / "catalog.sqlite")) as catalog:
        told = "SELECT value FROM ducklake_metadata WHERE key = 'data_path'"
        assert catalog.execute(told).fetchone()[0] == f"{other.path}/lake/files/"

    # The one goes on from its backup, the other after upkeep that took all of it for old.
    done = bondsig("maintain", "--snapshot-days", 0, "--event-days", 0, BONDSIG_HOME=str(home.path))
    assert done.returncode == 0 and "lake: " in done.stdout, done.stderr
    assert_same(contents(other), contents(home))
    for one in (home, other):
        assert run(one, _FIRST, _LAST, _SELECT, checks=False) == 0, "what is done is known as done"
    for one in (home, other):
        assert run(one, _FIRST, _NEXT, _SELECT, checks=False) == 1
    assert_same(contents(other), contents(home))
    with runner.open_instance(other) as instance:
        ended = instance.get_run_by_id(at_work.run_id)
        assert ended is not None and ended.status is dg.DagsterRunStatus.FAILURE


def test_a_mistake_is_one_line(tmp_path):
    for words in (("backup", tmp_path), ("restore", tmp_path, "--home", tmp_path / "new")):
        done = bondsig(*words, BONDSIG_HOME=str(tmp_path / "none"))
        assert done.returncode == 1 and len(done.stderr.splitlines()) == 1, done.stderr


def test_a_home_that_never_ran_is_restored(tmp_path, capsys):
    home = make_home(tmp_path / "home")
    back_up(home, tmp_path / "backups")
    restore_backup(Home(tmp_path / "other"), tmp_path / "backups", "")
    assert "no lake yet" in capsys.readouterr().out
    assert Home(tmp_path / "other").market() == home.market()
