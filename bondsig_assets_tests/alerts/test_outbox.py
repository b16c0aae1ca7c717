"""What a target did not take is sent again, once, and not for ever."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

from filelock import FileLock

from bondsig_assets.alerts.events import days_late, run_failed
from bondsig_assets.alerts.notify import notify
from bondsig_assets.alerts.outbox import (
    KEEP_DAYS,
    KEEP_MESSAGES,
    NAME,
    keep,
    send_again,
    unsent,
)
from bondsig_assets.alerts.settings import AlertSettings, alert_settings
from bondsig_assets_tests.alerts.sinks import Sink

FIRST = run_failed("daily", "2024-03-27", "trades: zu groß", "")
SECOND = days_late(["2024-03-28"], [], "no run made them", "")
NOW = datetime(2026, 11, 27, 12, tzinfo=UTC)


def to(web: Sink, mail: Sink) -> AlertSettings:
    return alert_settings(
        {
            "BONDSIG_ALERT_WEBHOOK": f"{web.url}/hunter2",
            "BONDSIG_ALERT_EMAIL": "one@example.org",
            "BONDSIG_SMTP": mail.url,
        }
    )


def titles(sink: Sink) -> list[str]:
    """Which messages came, and whether late."""
    told = []
    for _, body in sink.came:
        text = json.loads(body)["text"] if body.startswith("{") else body
        which = "first" if FIRST.title in text else "second"
        told.append(which + (" late" if "sent late: it is of " in text else ""))
    return told


def test_a_message_comes_once_to_each_target_after_an_outage(web, mail, tmp_path):
    settings = to(web, mail)
    web.status = 503
    assert notify(FIRST, settings, str(tmp_path)) == [
        "alert not sent: webhook at 127.0.0.1: answered 503"
    ]
    assert [row.target for row in unsent(tmp_path)] == ["webhook"] and len(mail.came) == 1
    assert "hunter2" not in (tmp_path / NAME).read_text()
    assert send_again(tmp_path, settings) == {"webhook"} and len(unsent(tmp_path)) == 1
    web.came.clear()
    web.status = 200
    assert send_again(tmp_path, settings) == set()
    assert titles(web) == ["first late"] and len(mail.came) == 1
    assert send_again(tmp_path, settings) == set() and len(web.came) == 1
    assert not (tmp_path / NAME).exists()


def test_what_is_kept_goes_before_what_is_new(web, mail, tmp_path):
    settings = to(web, mail)
    mail.status = 550
    notify(FIRST, settings, str(tmp_path))
    mail.status = 250
    assert notify(SECOND, settings, str(tmp_path)) == []
    assert "late" in titles(mail)[0] and titles(web) == ["first", "second"]
    assert len(mail.came) == 2 and unsent(tmp_path) == []


def test_a_target_that_stays_silent_is_asked_once_a_time_and_loses_nothing(web, mail, tmp_path):
    settings = to(web, mail)
    web.status = 500
    for event in (FIRST, SECOND, FIRST):
        notify(event, settings, str(tmp_path))
    # The first message; then, each time, one that was kept.
    assert len(web.came) == 3 and len(unsent(tmp_path)) == 3
    web.status = 200
    web.came.clear()
    send_again(tmp_path, settings)
    assert sorted(titles(web)) == ["first late", "first late", "second late"]


def test_what_is_old_or_too_much_is_given_up(web, mail, tmp_path):
    old = NOW - timedelta(days=KEEP_DAYS, minutes=1)
    keep(tmp_path, "webhook", FIRST.text(), old)
    send_again(tmp_path, to(web, mail), NOW)
    assert web.came == [] and unsent(tmp_path) == []
    for number in range(KEEP_MESSAGES + 5):
        keep(tmp_path, "webhook", str(number), NOW)
    assert [row.text for row in unsent(tmp_path)][:: KEEP_MESSAGES - 1] == ["5", "204"]


def test_who_finds_another_at_it_leaves_it_alone(web, mail, tmp_path):
    keep(tmp_path, "webhook", FIRST.text())
    with FileLock(tmp_path / f"{NAME}.lock"):
        assert send_again(tmp_path, to(web, mail)) == set()
    assert web.came == [] and len(unsent(tmp_path)) == 1


def test_a_home_that_cannot_keep_it_costs_nothing(web, mail, tmp_path):
    web.status = 500
    gone = tmp_path / "gone"
    assert len(notify(FIRST, to(web, mail), str(gone))) == 1 and not gone.exists()
    (tmp_path / NAME).write_text("{")
    assert send_again(tmp_path, to(web, mail)) == set() and unsent(tmp_path) == []
