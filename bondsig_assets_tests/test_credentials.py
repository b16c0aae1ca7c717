"""What counts as a secret of the environment, and texts without it."""

from __future__ import annotations

import pytest

from bondsig_assets.credentials import hidden, holds_secret, password_in, secrets


@pytest.fixture(autouse=True)
def nothing_declared(monkeypatch):
    for name in ("PGPASSWORD", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "BONDSIG_CATALOG"):
        monkeypatch.delenv(name, raising=False)


@pytest.mark.parametrize(
    ("variable", "told", "text", "shown"),
    [
        ("PGPASSWORD", "hunter2", "password=hunter2 refused", "password=*** refused"),
        ("BONDSIG_CATALOG", "postgres:dbname=l password=hunter2", "a hunter2 b", "a *** b"),
        ("BONDSIG_CATALOG", r"postgres:password='it\'s me' dbname=l", "it's me", "***"),
        ("BONDSIG_CATALOG", r"postgres:password='it\'s me' dbname=l", r"='it\'s me'", "='***'"),
        ("BONDSIG_CATALOG", "postgres:postgresql://me:hunt%3Ar@h/l", "hunt%3Ar hunt:r", "*** ***"),
        (
            "BONDSIG_MLFLOW",
            "http://me:hunter2@h:5000",
            "at http://me:hunter2@h",
            "at http://me:***@h",
        ),
        ("BONDSIG_SMTP", "smtp://me:hunter2@h", "hunter2", "***"),
        ("BONDSIG_ALERT_WEBHOOK", "https://h/services/T0/B1", "POST /services/T0/B1", "POST /***"),
        ("BONDSIG_HEARTBEAT_URL", "https://h/ping?key=abc", "https://h/ping?key=abc", "***"),
        ("AWS_SECRET_ACCESS_KEY", "wJal/x+1", "SECRET 'wJal/x+1'", "SECRET '***'"),
        ("PGPASSWORD", "abc", "abc is in many words", "abc is in many words"),
        ("BONDSIG_MLFLOW", "http://h:5000", "http://h:5000", "http://h:5000"),
        ("BONDSIG_HEARTBEAT_URL", "http://[", "http://[", "***"),
    ],
)
def test_a_secret_is_hidden_and_nothing_else(monkeypatch, variable, told, text, shown):
    monkeypatch.setenv(variable, told)
    assert hidden(text) == shown


def test_the_longest_goes_first_so_that_no_end_of_it_stays(monkeypatch):
    monkeypatch.setenv("PGPASSWORD", "hunter2")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "hunter2-and-more")
    assert secrets()[:2] == ["hunter2-and-more", "hunter2"]
    assert hidden("hunter2-and-more hunter2") == "*** ***"


def test_the_causes_of_an_error_are_looked_at_too(monkeypatch):
    monkeypatch.setenv("PGPASSWORD", "hunter2")
    try:
        try:
            raise ValueError("password=hunter2")
        except ValueError as first:
            raise RuntimeError("could not") from first
    except RuntimeError as error:
        assert holds_secret(error)
    assert not holds_secret(RuntimeError("could not"))


def test_an_error_that_leads_back_to_itself_ends_the_search():
    first, second = ValueError("a"), RuntimeError("b")
    first.__context__, second.__cause__ = second, first
    assert not holds_secret(first)


@pytest.mark.parametrize(
    ("address", "found"),
    [
        ("dbname=l user=me", ""),
        ("dbname=l password=hunter2 user=me", "hunter2"),
        (r"password='it\'s me' dbname=l", "it's me"),
        ("postgresql://me:hunt%3Ar@h:5432/l", "hunt:r"),
        ("postgresql://me@h/l", ""),
    ],
)
def test_a_password_is_found_in_an_address(address, found):
    assert password_in(address) == found
