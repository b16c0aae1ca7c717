"""Lines for machines: one object each, whatever was said and by whom."""

from __future__ import annotations

import io
import json
import logging

import pytest
from rich.console import Console

from bondsig_assets import logs
from bondsig_assets.errors import SettingsError
from bondsig_assets_tests.command_line import bondsig


@pytest.mark.parametrize(("said", "is_json"), [("", False), ("text", False), (" JSON ", True)])
def test_the_environment_says_which(monkeypatch, said, is_json):
    monkeypatch.setenv("BONDSIG_LOG", said)
    assert logs.is_json() is is_json


def test_another_word_is_refused_in_one_line(tmp_path):
    done = bondsig("run", BONDSIG_LOG="xml", BONDSIG_HOME=str(tmp_path / "home"))
    assert done.returncode == 1
    assert done.stderr == "bondsig: BONDSIG_LOG is 'xml'; say json, or text, or unset it\n"
    assert not (tmp_path / "home").exists()
    with pytest.raises(SettingsError), pytest.MonkeyPatch.context() as patch:
        patch.setenv("BONDSIG_LOG", "xml")
        logs.is_json()


def test_a_mistake_is_an_object_too(tmp_path):
    home = str(tmp_path / "home")
    done = bondsig("run", "--world", "moon", BONDSIG_LOG="json", BONDSIG_HOME=home)
    (said,) = [json.loads(text) for text in done.stderr.splitlines()]
    assert said["level"] == "ERROR" and "tiny, demo, full" in said["message"]
    done = bondsig("run", "--nothing", BONDSIG_LOG="json", BONDSIG_HOME=home)
    assert "--nothing" in json.loads(done.stderr)["message"]


def test_every_line_that_is_printed_is_an_object_and_blank_ones_are_none():
    held = io.StringIO()
    console = Console(file=logs.JsonLines(held), width=200, highlight=False)  # type: ignore[arg-type]
    console.print('[bold]one[/] "quoted"\n\ntwo …')
    told = [json.loads(text) for text in held.getvalue().splitlines()]
    assert [one["message"] for one in told] == ['one "quoted"', "two …"]
    assert {"time", "level", "run_id", "asset", "partition", "message"} == set(told[0])
    assert told[0]["time"].endswith("+00:00")


def test_a_record_and_its_traceback_are_one_object():
    try:
        raise ValueError("no\nlines")
    except ValueError:
        import sys

        record = logging.LogRecord("a.b", logging.WARNING, "", 1, "%s", ("x\ny",), sys.exc_info())
    text = logs.JsonFormatter().format(record)
    told = json.loads(text)
    assert "\n" not in text and told["message"] == "x\ny" and told["level"] == "WARNING"
    assert "ValueError" in told["traceback"] and told["logger"] == "a.b"


@pytest.mark.parametrize(
    ("text", "message", "level"),
    [
        ("plain", "plain", "INFO"),
        ("[1, 2]", "[1, 2]", "INFO"),
        (
            "\x1b[32m12:00\x1b[0m - dagster - \x1b[34mERROR\x1b[0m - no",
            "12:00 - dagster - ERROR - no",
            "ERROR",
        ),
        ("{broken", "{broken", "INFO"),
        ('{"event": "tick", "level": "warn", "logger": "dagster"}', "tick", "WARNING"),
        (logs.line("ours", "ERROR", run_id="r"), "ours", "ERROR"),
    ],
)
def test_lines_of_other_processes_become_objects(text, message, level):
    told = json.loads(logs.relayed(text, "mlflow"))
    assert (told["message"], told["level"], told["source"]) == (message, level, "mlflow")
