"""The environment decides where alerts go; a mistake is one line that names the variable alone."""

from __future__ import annotations

from pathlib import Path

import pytest

from bondsig_assets.alerts.settings import AlertSettings, MailServer, alert_settings
from bondsig_assets.errors import SettingsError

SECRET = "hunter2"


def test_nothing_declared_is_no_target():
    assert alert_settings({}) == AlertSettings() and not alert_settings({}).has_target
    blank = {"BONDSIG_ALERT_WEBHOOK": " ", "BONDSIG_ALERT_EMAIL": "", "BONDSIG_ALERT_FILE": ""}
    assert not alert_settings(blank).has_target


def test_everything_declared():
    settings = alert_settings(
        {
            "BONDSIG_ALERT_WEBHOOK": "https://hooks.example/x",
            "BONDSIG_ALERT_EMAIL": "one@example.org, two@example.org",
            "BONDSIG_ALERT_FROM": "desk@example.org",
            "BONDSIG_SMTP": "smtps://me:p%40ss@mail.example.org",
            "BONDSIG_ALERT_FILE": "/var/log/bondsig.jsonl",
            "BONDSIG_HEARTBEAT_URL": "https://hc.example/1",
            "BONDSIG_UI_URL": "https://bondsig.example/",
            "BONDSIG_ALERT_SECONDS": "2.5",
        }
    )
    assert settings.email == ("one@example.org", "two@example.org") and settings.has_target
    assert settings.mail_server == MailServer("mail.example.org", 465, True, "me", "p@ss")
    assert settings.file == Path("/var/log/bondsig.jsonl") and settings.seconds == 2.5
    assert settings.link("runs/1") == "https://bondsig.example/runs/1"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("BONDSIG_ALERT_WEBHOOK", f"ftp://{SECRET}/x"),
        ("BONDSIG_ALERT_WEBHOOK", SECRET),
        ("BONDSIG_ALERT_WEBHOOK", f"http://[{SECRET}"),
        ("BONDSIG_ALERT_WEBHOOK", f"https://host:{SECRET}/"),
        ("BONDSIG_HEARTBEAT_URL", f"file:///{SECRET}"),
        ("BONDSIG_UI_URL", SECRET),
        ("BONDSIG_SMTP", f"http://me:{SECRET}@host"),
        ("BONDSIG_SMTP", f"smtp://me:{SECRET}@"),
        ("BONDSIG_ALERT_EMAIL", SECRET),
        ("BONDSIG_ALERT_EMAIL", f"a@b\r\nBcc: {SECRET}@x"),
        ("BONDSIG_ALERT_SECONDS", "soon"),
        ("BONDSIG_ALERT_SECONDS", "0"),
        ("BONDSIG_ALERT_SECONDS", "nan"),
    ],
)
def test_a_mistake_names_the_variable_and_not_its_value(name, value):
    with pytest.raises(SettingsError) as wrong:
        alert_settings({name: value})
    told = str(wrong.value)
    assert name in told and SECRET not in told and "\n" not in told
    assert wrong.value.__cause__ is None


def test_mail_needs_a_server():
    with pytest.raises(SettingsError, match="needs BONDSIG_SMTP"):
        alert_settings({"BONDSIG_ALERT_EMAIL": "one@example.org"})


def test_what_is_printed_of_settings_holds_no_secret():
    settings = alert_settings(
        {
            "BONDSIG_ALERT_WEBHOOK": f"https://hooks.example/{SECRET}",
            "BONDSIG_HEARTBEAT_URL": f"https://hc.example/{SECRET}",
            "BONDSIG_SMTP": f"smtp://me:{SECRET}@host",
        }
    )
    assert SECRET not in repr(settings) + str(settings)
