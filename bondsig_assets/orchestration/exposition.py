"""The numbers of `status.py` in the text format of Prometheus, and as JSON.

Belongs here: names, meanings, labels. Not here: how a number is come by (`status.py`), and when an
alert follows from one (docs/operations.md has rules). The format is that of
https://prometheus.io/docs/instrumenting/exposition_formats/, version 0.0.4: all are gauges, in
seconds, bytes and counts; what there is nothing to say of has no line, never a zero.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, date, datetime
from typing import Any

from bondsig_assets.orchestration.status import Status

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
Sample = tuple[Mapping[str, str], float | int]


@dataclass(frozen=True)
class Metric:
    """A gauge: name without `bondsig_`, what it says, and a value for each set of labels."""

    name: str
    help: str
    samples: tuple[Sample, ...]


def prometheus_text(status: Status) -> str:
    """Every metric that has a value, in the text format."""
    return "".join(_lines(one) for one in metrics(status) if one.samples)


def as_json(status: Status) -> dict[str, Any]:
    """The same in words of JSON: days as YYYY-MM-DD, moments in UTC."""
    told: dict[str, Any] = {**_plain(asdict(status)), "at": _moment(status.at)}
    for layer in (told["days"] or {"layers": {}})["layers"].values():
        layer["made_at"] = None if layer["made_at"] is None else _moment(layer["made_at"])
    return told


def metrics(status: Status) -> Iterator[Metric]:
    """Every metric there is, with its values in `status`."""
    yield _one("info", "Version of bondsig, and the source of the home's market", 1, status)
    yield _one("looked_timestamp_seconds", "When these numbers were looked up", status.at)
    yield Metric(
        "unreadable",
        "Parts of the home that could not be looked at: `bondsig doctor` says why",
        tuple(({"part": part}, 1) for part in status.unreadable),
    )
    yield from _of_days(status)
    yield from _of_runs(status)
    yield _by(
        "daemon_heartbeat_age_seconds",
        "Since this daemon was heard of",
        "daemon",
        status.heartbeats,
    )
    yield _one(
        "daemons", "Daemon processes heard of within a minute: one, or none", status.n_daemons
    )
    yield _by(
        "failed_checks",
        "Asset checks that did not hold when they were asked last",
        "severity",
        {name.lower(): count for name, count in (status.failed_checks or {}).items()},
    )
    if (watched := status.monitors) is not None:
        yield _one(
            "monitors_evening_timestamp_seconds",
            "Newest evening that was watched, at 00:00 UTC",
            _midnight(watched.evening),
        )
        yield _by("monitors", "Monitors of that evening by state", "state", watched.by_state)
        yield _one("monitors_red", "Monitors that are red, as `bondsig doctor` says", watched.red)
    if (lake := status.lake) is not None:
        yield _one("lake_files", "Files of the newest snapshot of the lake", lake.files)
        yield _one("lake_bytes", "Bytes of those files", lake.bytes)
        yield _one("lake_snapshots", "Snapshots that the lake keeps", lake.snapshots)
    yield _one(
        "backup_age_seconds",
        "Since the newest backup was begun; absent before the first",
        status.backup_seconds,
    )
    yield _one("unsent_alerts", "Alerts that a target did not take yet", status.unsent_alerts)
    yield _one("disk_free_bytes", "Free on the disk that holds the home", status.free_bytes)
    yield _one("disk_bytes", "Size of that disk", status.disk_bytes)


def _of_days(status: Status) -> Iterator[Metric]:
    if status.days is None:
        return
    layers = status.days.layers
    newest = {
        name: _midnight(layer.newest_day) for name, layer in layers.items() if layer.newest_day
    }
    yield _by(
        "layer_newest_day_timestamp_seconds",
        "Newest trading day that every asset of the layer holds, at 00:00 UTC",
        "layer",
        newest,
    )
    yield _by(
        "layer_late_days",
        "Trading days of the market that ended after the layer's newest",
        "layer",
        {name: layer.late_days for name, layer in layers.items()},
    )
    yield _by(
        "layer_missing_days",
        "Trading days since the home's first that an asset of the layer lacks",
        "layer",
        {name: layer.missing_days for name, layer in layers.items()},
    )
    yield _by(
        "layer_made_age_seconds",
        "Since a day of the layer was made last",
        "layer",
        {
            name: max(status.at - layer.made_at, 0.0)
            for name, layer in layers.items()
            if layer.made_at is not None
        },
    )
    yield _one("missing_days", "Trading days that any asset lacks", status.days.missing)
    rows = (status.newest or {}).items()
    yield _by(
        "table_newest_day_timestamp_seconds",
        "Newest day of which the table has a row, at 00:00 UTC",
        "table",
        {name: _midnight(one.day) for name, one in rows},
    )
    yield _by(
        "table_newest_day_rows", "Rows of that day", "table", {name: one.rows for name, one in rows}
    )


def _of_runs(status: Status) -> Iterator[Metric]:
    if (runs := status.runs) is None:
        return
    yield _by(
        "runs",
        "Runs in Dagster's record by status",
        "status",
        {name.lower(): count for name, count in runs.by_status.items()},
    )
    yield _one(
        "oldest_queued_run_age_seconds",
        "Since the oldest queued run was queued; absent where none is",
        runs.oldest_queued_seconds,
    )
    yield _one(
        "oldest_running_run_age_seconds",
        "Since the oldest running run began; absent where none is",
        runs.oldest_running_seconds,
    )
    yield _by(
        "asset_last_run_seconds",
        "Seconds of the step that made the asset last",
        "asset",
        runs.last_seconds,
    )


def _one(name: str, help_: str, value: float | None, of: Status | None = None) -> Metric:
    """A metric of one value, none where that is None; `of` whom it says version and source."""
    labels = {} if of is None else {"version": of.version, "source": of.source}
    return Metric(name, help_, () if value is None else ((labels, value),))


def _by(name: str, help_: str, label: str, values: Mapping[str, float] | None) -> Metric:
    """A metric of a value for each value of one label."""
    told = (values or {}).items()
    return Metric(name, help_, tuple(({label: key}, value) for key, value in told))


def _lines(metric: Metric) -> str:
    name = f"bondsig_{metric.name}"
    lines = [f"# HELP {name} {metric.help}", f"# TYPE {name} gauge"]
    for labels, value in metric.samples:
        told = ",".join(f'{label}="{_escaped(text)}"' for label, text in labels.items())
        lines.append(f"{name}{{{told}}} {value!r}" if told else f"{name} {value!r}")
    return "\n".join(lines) + "\n"


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")


def _midnight(day: date) -> int:
    return int(datetime(day.year, day.month, day.day, tzinfo=UTC).timestamp())


def _moment(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="seconds")


def _plain(value: Any) -> Any:
    """`value` with days as text: what JSON has no word for."""
    if isinstance(value, dict):
        return {name: _plain(one) for name, one in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(one) for one in value]
    return value.isoformat() if isinstance(value, date) else value
