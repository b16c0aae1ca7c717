"""What the doctor says of alerts: who is told, and never where."""

from __future__ import annotations

from pathlib import Path

import pytest

from bondsig_assets.commands.doctor import _alerts
from bondsig_assets.home import Home

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
