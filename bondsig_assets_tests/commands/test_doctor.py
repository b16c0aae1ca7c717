"""What the doctor says of alerts, which never is where; of servers, backups, upkeep, upgrades, the
clock.
"""

from __future__ import annotations

import json
import os
import shutil
import sqlite3
from contextlib import closing
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest
from dagster._daemon.types import DaemonHeartbeat

from bondsig_assets.alerts.outbox import keep
from bondsig_assets.commands.doctor import (
    _alerts,
    _backups,
    _clock,
    _servers,
    _upgrades,
    _upkeep,
)
from bondsig_assets.home import Home, Market
from bondsig_assets.orchestration.runner import open_instance
from bondsig_assets.orchestration.served import only_servers
from bondsig_assets.upkeep.backup import back_up
from bondsig_assets.upkeep.maintain import maintain
from bondsig_assets.warehouse import Warehouse

HOME = Home(Path("nowhere"))


@pytest.fixture(autouse=True)
def nothing_declared(monkeypatch):
    for name in ("WEBHOOK", "EMAIL", "FILE", "FROM", "SECONDS"):
        monkeypatch.delenv(f"BONDSIG_ALERT_{name}", raising=False)
    for name in ("BONDSIG_SMTP", "BONDSIG_HEARTBEAT_URL", "BONDSIG_UI_URL"):
        monkeypatch.delenv(name, raising=False)


def test_without_a_target_nobody_is_told():
    ((good, text, _),) = _alerts(HOME)
    assert good and text.startswith("nobody is told of failures")


def test_targets_are_named_without_their_addresses(monkeypatch):
    monkeypatch.setenv("BONDSIG_ALERT_WEBHOOK", "https://hooks.example/hunter2")
    monkeypatch.setenv("BONDSIG_HEARTBEAT_URL", "https://hc.example/hunter2")
    ((good, text, _),) = _alerts(HOME)
    assert good and text.startswith("alerts go to: webhook, heartbeat") and "hunter2" not in text


def test_a_variable_that_cannot_be_used_is_wrong(monkeypatch):
    monkeypatch.setenv("BONDSIG_SMTP", "imap://me:hunter2@host")
    ((good, text, remedy),) = _alerts(HOME)
    assert not good and text.startswith("BONDSIG_SMTP") and remedy
    assert "hunter2" not in text + remedy


def test_a_target_that_takes_nothing_is_wrong(tmp_path):
    now = datetime.now(UTC)
    for hours in (1, 3):
        keep(tmp_path, "webhook", "a message", now - timedelta(hours=hours))
    (_, (good, text, remedy)) = _alerts(Home(tmp_path))
    assert not good and remedy
    oldest = f"{now - timedelta(hours=3):%Y-%m-%d %H:%M}"
    assert text.startswith(f"webhook has not taken alerts since {oldest} UTC")


def test_servers_are_one_and_of_the_code_that_is_installed(tmp_path, monkeypatch):
    home = Home(tmp_path)
    home.prepare_dagster()
    assert list(_servers(home)) == []
    package = tmp_path / "package"
    package.mkdir()
    (package / "a.py").touch()
    monkeypatch.setattr("bondsig_assets.orchestration.served.PACKAGE", package)
    with only_servers(home):
        ((good, text, _),) = _servers(home)
        assert good and text.startswith("`bondsig ui` serves this home since ")
        later = datetime.now(UTC).timestamp() + 60
        os.utime(package / "a.py", (later, later))
        ((good, text, remedy),) = _servers(home)
        assert not good and "changed after that" in text and "start `bondsig ui` again" in remedy
    with open_instance(home) as instance:
        for kind, who in (("SENSOR", "one"), ("SCHEDULER", "two")):
            beat = DaemonHeartbeat(datetime.now(UTC).timestamp(), kind, who, [])
            instance.add_daemon_heartbeat(beat)
    ((good, text, remedy),) = _servers(home)
    assert not good and text.startswith("2 of Dagster's daemons") and "end every other" in remedy


def lake_home(tmp_path) -> Home:
    home = Home(tmp_path / "home")
    home.claim(Market(world="tiny"), (date(2024, 1, 1), date(2024, 1, 31)))
    Warehouse(home.path).initialize()
    return home


def test_how_old_the_newest_backup_is(tmp_path, monkeypatch):
    home = Home(tmp_path / "home")
    home.claim(Market(world="tiny"), (date(2024, 1, 1), date(2024, 1, 31)))
    ((good, text, _),) = _backups(home)
    assert good and text.startswith("never backed up")
    made = back_up(home, tmp_path / "backups")
    ((good, text, _),) = _backups(home)
    assert good and text == f"newest backup {made.folder}, 0.0 days old"
    old = (datetime.now(UTC) - timedelta(days=40)).isoformat()
    (home.path / "backups.json").write_text(json.dumps({"folder": str(made.folder), "at": old}))
    ((good, text, remedy),) = _backups(home)
    assert not good and "40.0 days old" in text
    assert remedy == f"bondsig backup {made.folder.parent}"
    shutil.rmtree(made.folder)
    ((good, text, _),) = _backups(home)
    assert not good and text.endswith("is not there any more")
    back_up(home, tmp_path / "others")
    shutil.rmtree(tmp_path / "others")
    monkeypatch.setenv("BONDSIG_CATALOG", "postgres:dbname=lake")
    ((good, text, _),) = _backups(home)
    assert good and text.endswith("0.0 days old"), "a team's may lie where this process cannot look"


@pytest.mark.slow
def test_upkeep_upgrades_and_the_clock_of_a_home(tmp_path):
    home = lake_home(tmp_path)
    ((good, text, _),) = _upkeep(home)
    assert good and "would merge files of 1 tables, forget 0 snapshots" in text
    maintain(home, 0, 0)
    ((good, text, _),) = _upkeep(home)
    assert good and text == "upkeep has nothing to do"
    ((good, text, _),) = _upgrades(home)
    assert good and text == "the home is of this version"
    ((good, text, _),) = _clock(home)
    assert good and text == "nothing was written in the future of this clock"

    with closing(sqlite3.connect(home.path / "lake" / "catalog.sqlite")) as catalog, catalog:
        catalog.execute("UPDATE ducklake_snapshot SET snapshot_time = '2099-01-01 00:00:00+00'")
    ((good, text, remedy),) = _clock(home)
    assert not good and "the newest snapshot is of 2099-01-01 00:00 UTC" in text
    assert remedy.startswith("set the clock right")
    with Warehouse(home.path)._lake.writing("could not") as lake:
        lake.execute("DELETE FROM migrations WHERE number = 2")
    ((good, text, remedy),) = _upgrades(home)
    assert not good and remedy == "bondsig upgrade"
    assert text.startswith("of an older version: lake: migration 0002")


def test_a_home_without_anything_has_no_upkeep(tmp_path):
    home = Home(tmp_path)
    for look in (_backups, _upkeep, _upgrades, _clock):
        assert list(look(home)) == []
