"""Every message says what happened, why, what to do and where to look, and holds no password."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import pytest

from bondsig_assets.alerts.events import (
    checks_failed,
    days_late,
    listed,
    monitors_rang,
    retrain_requested,
    run_failed,
    server_died,
)

LINK = "http://127.0.0.1:3000/runs/1"
EVERY = [
    run_failed("daily", "2024-03-27", "trades: no space left\non device", LINK),
    checks_failed(["trades: keys twice"], ["scores: few names"], "2024-03-27", LINK),
    monitors_rang([("2024-03-27", "ic: it fell"), ("2024-03-26", "coverage: it fell")], LINK),
    retrain_requested("2024-03-27", "the IC fell", LINK),
    days_late(["2024-03-26", "2024-03-27"], ["2024-03-20"], "no run asked for them", LINK),
    replace(server_died("mlflow was killed by signal 9; started again in 1 s"), link=LINK),
]


@pytest.mark.parametrize("event", EVERY, ids=lambda event: event.kind)
def test_a_message_has_its_parts_each_in_a_line(event):
    lines = event.text("/home").splitlines()
    assert [line.split(":")[0] for line in lines] == [
        "bondsig",
        "cause",
        "what to do",
        "see",
        "home",
    ]
    assert all(lines)


@pytest.mark.parametrize("event", EVERY, ids=lambda event: event.kind)
def test_the_runbook_has_every_kind(event):
    runbook = (Path(__file__).parents[2] / "docs" / "operations.md").read_text()
    assert re.search(rf"^### `{event.kind}`$", runbook, re.M)


def test_a_failure_says_which_attempt_it_was_and_whether_another_follows():
    first = run_failed("daily", "2024-03-27", "x", LINK, is_retried=True)
    last = run_failed("daily", "2024-03-27", "x", LINK, attempt=2)
    assert first.title == "run of daily of 2024-03-27 failed (first attempt; it is tried again)"
    assert "wait" in first.remedy
    assert last.title == "run of daily of 2024-03-27 failed (attempt 2; it is not tried again)"
    assert "bondsig catch-up" in last.remedy


def test_a_long_cause_is_cut_and_a_long_list_says_how_much_is_left():
    assert len(run_failed("daily", "", "x" * 10_000, LINK).cause) == 600
    assert listed([str(number) for number in range(13)]).endswith("; 9; and 3 more")


@pytest.mark.parametrize(
    "cause",
    [
        "could not connect to postgresql://bondsig:hunter2@db/lake",
        "s3: https://key:hunter2@store:9000/x refused",
        "https://hunter2@host/",
    ],
)
def test_no_message_holds_a_password_of_an_address(cause):
    text = run_failed("daily", "", cause, LINK).text()
    assert "hunter2" not in text and "://" in text
