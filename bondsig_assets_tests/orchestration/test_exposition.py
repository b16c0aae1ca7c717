"""The numbers as Prometheus reads them, by a strict reader of its text format, and as JSON."""

from __future__ import annotations

import json
import re
from datetime import date

from bondsig_assets.orchestration.exposition import as_json, metrics, prometheus_text
from bondsig_assets.orchestration.status import Days, Layer, Monitors, Runs, Status
from bondsig_assets.warehouse.measures import LakeSize, NewestDay

FULL = Status(
    at=1_700_000_000.5,
    version="0.1.0",
    source="simulated",
    days=Days({"raw": Layer(date(2024, 3, 5), 1, 2, 1_699_999_990.5)}, 2),
    runs=Runs({"SUCCESS": 3}, 12.5, None, {"trade_events": 57.25}),
    heartbeats={"SENSOR": 4.0},
    failed_checks={"ERROR": 0, "WARN": 2},
    newest={"scores": NewestDay(date(2024, 3, 5), 119)},
    monitors=Monitors(date(2024, 3, 5), {"alarm": 1, "quiet": 9}, 1),
    lake=LakeSize(7, 3, 1000, 8),
    backup_seconds=86_400.0,
    unsent_alerts=2,
    n_daemons=1,
    free_bytes=10,
    disk_bytes=20,
    unreadable=('with "quotes"\nand \\ more',),
)

_NAME = r"[a-zA-Z_:][a-zA-Z0-9_:]*"
_LABEL = r'[a-zA-Z_][a-zA-Z0-9_]*="((?:[^"\\\n]|\\\\|\\"|\\n)*)"'
_SAMPLE = re.compile(rf"({_NAME})(?:\{{({_LABEL}(?:,{_LABEL})*)\}})? (\S+)")


def read(text: str) -> dict[str, float]:
    """Series → value, where every line is one that the format knows: HELP, TYPE and then samples of
    the same metric, each metric in one group, no series twice.
    """
    assert text.endswith("\n")
    found: dict[str, float] = {}
    seen: list[str] = []
    helped = ""
    for line in text.splitlines():
        if line.startswith("# HELP "):
            _, _, helped, said = line.split(" ", 3)
            assert re.fullmatch(_NAME, helped) and said and helped not in seen
            continue
        if line.startswith("# TYPE "):
            assert line == f"# TYPE {helped} gauge"
            seen.append(helped)
            continue
        sample = _SAMPLE.fullmatch(line)
        assert sample is not None, line
        assert sample[1] == seen[-1] == helped
        series = line.rsplit(" ", 1)[0]
        assert series not in found
        found[series] = float(line.rsplit(" ", 1)[1])
    return found


def test_a_strict_reader_reads_every_number():
    found = read(prometheus_text(FULL))
    assert found['bondsig_info{version="0.1.0",source="simulated"}'] == 1
    assert found["bondsig_looked_timestamp_seconds"] == 1_700_000_000.5
    assert found['bondsig_layer_newest_day_timestamp_seconds{layer="raw"}'] == 1_709_596_800
    assert found['bondsig_layer_late_days{layer="raw"}'] == 1
    assert found['bondsig_layer_missing_days{layer="raw"}'] == 2
    assert found['bondsig_layer_made_age_seconds{layer="raw"}'] == 10
    assert found["bondsig_missing_days"] == 2
    assert found['bondsig_table_newest_day_rows{table="scores"}'] == 119
    assert found['bondsig_runs{status="success"}'] == 3
    assert found["bondsig_oldest_queued_run_age_seconds"] == 12.5
    assert found['bondsig_asset_last_run_seconds{asset="trade_events"}'] == 57.25
    assert found['bondsig_daemon_heartbeat_age_seconds{daemon="SENSOR"}'] == 4
    assert found['bondsig_failed_checks{severity="error"}'] == 0
    assert found['bondsig_monitors{state="quiet"}'] == 9 and found["bondsig_monitors_red"] == 1
    assert (found["bondsig_lake_files"], found["bondsig_lake_snapshots"]) == (3, 8)
    assert found["bondsig_backup_age_seconds"] == 86_400
    assert (found["bondsig_unsent_alerts"], found["bondsig_daemons"]) == (2, 1)
    assert found["bondsig_disk_free_bytes"] == 10
    assert found['bondsig_unreadable{part="with \\"quotes\\"\\nand \\\\ more"}'] == 1


def test_nothing_is_zero_for_want_of_knowing():
    """A run that there is not has no age, and an empty home says its version alone."""
    text = prometheus_text(FULL)
    assert "oldest_running" not in text
    empty = read(prometheus_text(Status(1.0, "0.1.0", "")))
    assert set(empty) == {
        'bondsig_info{version="0.1.0",source=""}',
        "bondsig_looked_timestamp_seconds",
    }


def test_no_metric_is_declared_twice():
    names = [one.name for one in metrics(FULL)]
    assert len(names) == len(set(names)) > 20


def test_the_object_says_the_same_in_words_of_json():
    told = json.loads(json.dumps(as_json(FULL)))
    assert told["at"] == "2023-11-14T22:13:20+00:00"
    assert told["days"]["layers"]["raw"]["newest_day"] == "2024-03-05"
    assert told["days"]["layers"]["raw"]["made_at"] == "2023-11-14T22:13:10+00:00"
    assert told["runs"]["oldest_running_seconds"] is None
    assert told["newest"]["scores"] == {"day": "2024-03-05", "rows": 119}
    assert as_json(Status(1.0, "0.1.0", ""))["days"] is None
