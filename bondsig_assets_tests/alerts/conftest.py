"""Sinks that alerts are sent to, and a process that has told nothing yet."""

from __future__ import annotations

import pytest

from bondsig_assets.alerts import notify as notifying
from bondsig_assets_tests.alerts.sinks import http_sink, smtp_sink


@pytest.fixture(autouse=True)
def nothing_told(monkeypatch):
    monkeypatch.setattr(notifying, "_told", set())
    for name in ("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY", "all_proxy"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def web():
    with http_sink() as sink:
        yield sink


@pytest.fixture
def mail():
    with smtp_sink() as sink:
        yield sink
