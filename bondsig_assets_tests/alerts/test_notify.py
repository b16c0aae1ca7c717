"""One message to every target, sent to servers of our own; whatever a target does, nothing is
raised, and no word of a secret is told.
"""

from __future__ import annotations

import json
import logging
import socket
import time
from email import message_from_string, policy

import pytest

from bondsig_assets.alerts.events import run_failed
from bondsig_assets.alerts.heartbeat import ping
from bondsig_assets.alerts.notify import notify
from bondsig_assets.alerts.settings import AlertSettings, alert_settings

EVENT = run_failed("daily", "2024-03-27", "trades: zu groß", "http://127.0.0.1:3000/1")
SECRET = "hunter2"


def to(**said: str) -> AlertSettings:
    names = {
        "webhook": "BONDSIG_ALERT_WEBHOOK",
        "email": "BONDSIG_ALERT_EMAIL",
        "smtp": "BONDSIG_SMTP",
        "file": "BONDSIG_ALERT_FILE",
        "heartbeat": "BONDSIG_HEARTBEAT_URL",
        "seconds": "BONDSIG_ALERT_SECONDS",
    }
    return alert_settings({names[name]: value for name, value in said.items()})


def test_a_webhook_gets_the_whole_message_once(web):
    assert notify(EVENT, to(webhook=f"{web.url}/services/{SECRET}"), "/home") == []
    assert [path for path, _ in web.came] == [f"/services/{SECRET}"]
    assert json.loads(web.came[0][1]) == {"text": EVENT.text("/home")}


def test_a_mail_goes_to_everybody_in_one(mail):
    settings = to(
        email="one@example.org,two@example.org", smtp=f"smtp://me:{SECRET}@127.0.0.1:{mail.port}"
    )
    assert notify(EVENT, settings) == []
    ((recipients, text),) = mail.came
    sent = message_from_string(text, policy=policy.default)
    assert recipients == "one@example.org,two@example.org"
    assert sent["Subject"] == f"bondsig: {EVENT.title}"
    assert sent["Auto-Submitted"] == "auto-generated" and sent["Date"] and sent["Message-ID"]
    assert sent.get_content().splitlines() == EVENT.text().splitlines()
    assert mail.logins == [f"\0me\0{SECRET}"] and SECRET not in text


def test_a_file_gets_a_line_a_message(tmp_path):
    file = tmp_path / "new" / "alerts.jsonl"
    assert notify(EVENT, to(file=str(file))) == notify(EVENT, to(file=str(file))) == []
    lines = [json.loads(line) for line in file.read_text().splitlines()]
    assert [line["text"] for line in lines] == [EVENT.text(), EVENT.text()]
    assert all(line["at"].endswith("+00:00") for line in lines)


def test_without_a_target_nothing_happens():
    assert notify(EVENT, AlertSettings()) == [] and ping(AlertSettings()) == ""


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def test_a_target_that_fails_costs_the_others_nothing_and_is_told_once(web, tmp_path, caplog):
    file = tmp_path / "alerts.jsonl"
    settings = to(
        webhook=f"http://127.0.0.1:{free_port()}/{SECRET}",
        email="one@example.org",
        smtp=f"smtp://me:{SECRET}@127.0.0.1:{free_port()}",
        file=str(file),
    )
    with caplog.at_level(logging.WARNING):
        first, second = notify(EVENT, settings), notify(EVENT, settings)
    assert first == second and len(first) == 2
    assert first[0] == "alert not sent: webhook at 127.0.0.1: Connection refused"
    assert first[1].startswith("alert not sent: mail server 127.0.0.1:")
    assert [record.getMessage() for record in caplog.records] == first, "each told once"
    assert SECRET not in caplog.text and len(file.read_text().splitlines()) == 2


@pytest.mark.parametrize("status", [400, 403, 404, 500])
def test_a_webhook_that_refuses_is_told_by_its_number(web, status):
    web.status = status
    assert notify(EVENT, to(webhook=f"{web.url}/{SECRET}")) == [
        f"alert not sent: webhook at 127.0.0.1: answered {status}"
    ]


def test_a_mail_server_that_refuses_is_told_without_an_address(mail):
    mail.status = 550
    (told,) = notify(EVENT, to(email=f"{SECRET}@example.org", smtp=mail.url))
    assert told == (f"alert not sent: mail server 127.0.0.1:{mail.port}: SMTPRecipientsRefused")


def test_a_password_does_not_go_to_another_machine_in_the_clear(mail, monkeypatch):
    monkeypatch.setattr("bondsig_assets.alerts.targets._LOOPBACK", ())
    settings = to(email="one@example.org", smtp=f"smtp://me:{SECRET}@127.0.0.1:{mail.port}")
    (told,) = notify(EVENT, settings)
    assert "SMTPNotSupportedError" in told and mail.logins == [] and mail.came == []


def test_a_server_that_does_not_answer_is_left_in_time(web, mail):
    web.delay = mail.delay = 2.0
    settings = to(webhook=web.url, email="one@example.org", smtp=mail.url, seconds="0.2")
    began = time.monotonic()
    told = notify(EVENT, settings)
    assert time.monotonic() - began < 1.5
    assert told[0] == "alert not sent: webhook at 127.0.0.1: did not answer within 0.2 s"
    assert told[1].startswith(f"alert not sent: mail server 127.0.0.1:{mail.port}: ")


def test_a_file_that_cannot_be_written_is_told(tmp_path):
    (told,) = notify(EVENT, to(file=str(tmp_path)))
    assert told == f"alert not sent: file {tmp_path}: Is a directory"


def test_settings_that_cannot_be_used_are_told_once_and_not_raised(monkeypatch, caplog):
    monkeypatch.setenv("BONDSIG_ALERT_WEBHOOK", SECRET)
    assert notify(EVENT) == notify(EVENT) == []
    (record,) = caplog.records
    assert record.getMessage().startswith("BONDSIG_ALERT_WEBHOOK is no http")
    assert SECRET not in caplog.text


def test_the_heartbeat_is_one_call(web):
    assert ping(to(heartbeat=f"{web.url}/{SECRET}")) == ""
    assert web.came == [(f"/{SECRET}", "")]
    web.status = 500
    assert ping(to(heartbeat=f"{web.url}/{SECRET}")) == (
        "heartbeat not sent: heartbeat at 127.0.0.1: answered 500"
    )
