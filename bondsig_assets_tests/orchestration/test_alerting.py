"""What the sensors notice, on small graphs and records; messages go to a file, the heartbeat to a
server of our own.
"""

from __future__ import annotations

import json
from datetime import date, datetime
from pathlib import Path

import dagster as dg
import polars as pl
import pytest

from bondsig_assets.alerts.outbox import keep
from bondsig_assets.alerts.settings import alert_settings
from bondsig_assets.calendar import CUTOFF, trading_days
from bondsig_assets.definitions import build_defs
from bondsig_assets.errors import SourceError
from bondsig_assets.home import Home
from bondsig_assets.orchestration import alerting
from bondsig_assets.orchestration.alerting import (
    Seen,
    failed_checks,
    failed_run,
    watch_alarms,
    watch_days,
)
from bondsig_assets.tables.monitoring import ALARMS, RETRAIN_REQUESTS
from bondsig_assets.tables.schema import Table
from bondsig_assets.warehouse import Warehouse, Write
from bondsig_assets_tests.alerts.sinks import http_sink
from bondsig_assets_tests.orchestration.markets import (
    begin_run,
    make,
    make_all,
    moment,
    small_market,
)

OPEN = small_market()
DAILY = ("reports", "trades", "features", "ledger", "scores")


@pytest.fixture
def instance():
    with dg.DagsterInstance.ephemeral() as made:
        yield made


@pytest.fixture
def told(tmp_path, monkeypatch):
    """Messages so far, each as its lines."""
    file = tmp_path / "alerts.jsonl"
    monkeypatch.setenv("BONDSIG_ALERT_FILE", str(file))
    for name in ("http_proxy", "HTTP_PROXY", "BONDSIG_HEARTBEAT_URL"):
        monkeypatch.delenv(name, raising=False)

    def read() -> list[list[str]]:
        lines = file.read_text().splitlines() if file.exists() else []
        return [json.loads(line)["text"].splitlines() for line in lines]

    return read


@pytest.fixture
def home(tmp_path) -> Home:
    return Home(tmp_path / "home")


# --- runs ---


def checked(passed: bool, severity: dg.AssetCheckSeverity) -> dg.Definitions:
    """One asset that always works, with one check."""

    @dg.asset(name="scores")
    def scores() -> None: ...

    @dg.asset_check(asset="scores", name="few_names")
    def few_names() -> dg.AssetCheckResult:
        return dg.AssetCheckResult(passed=passed, severity=severity, description="too few names")

    return dg.Definitions(assets=[scores], asset_checks=[few_names])


def run_of(instance: dg.DagsterInstance, defs: dg.Definitions) -> dg.DagsterRun:
    result = defs.resolve_implicit_global_asset_job_def().execute_in_process(
        instance=instance, raise_on_error=False
    )
    run = instance.get_run_by_id(result.run_id)
    assert run is not None
    return run


def failing(instance: dg.DagsterInstance, tags: dict[str, str]) -> dg.RunFailureSensorContext:
    @dg.asset(name="trades", partitions_def=OPEN.days)
    def trades() -> None:
        try:
            raise OSError("no space left on postgresql://me:hunter2@db")
        except OSError as error:
            raise ValueError("could not write trades") from error

    job = dg.Definitions(assets=[trades]).resolve_implicit_global_asset_job_def()
    result = job.execute_in_process(
        instance=instance, tags=tags, raise_on_error=False, partition_key="2024-03-27"
    )
    (failure,) = (one for one in result.all_events if one.event_type_value == "PIPELINE_FAILURE")
    return dg.build_run_status_sensor_context(
        "any", failure, instance, result.dagster_run
    ).for_run_failure()


def test_a_failed_run_tells_its_first_cause_and_where_to_look(instance, told, home):
    event = failed_run(failing(instance, {}), alert_settings())
    assert event.title == (
        "run of chosen assets of 2024-03-27 failed (first attempt; it is not tried again)"
    )
    assert event.cause == "trades: OSError: no space left on postgresql://me:hunter2@db"
    assert event.link.startswith("http://127.0.0.1:3000/runs/")
    alerting._tell(home, event)
    (message,) = told()
    assert message[1] == "cause: trades: OSError: no space left on postgresql://db"
    assert message[-1] == f"home: {home.path}"


def test_a_run_that_is_tried_again_says_so(instance):
    first = failed_run(failing(instance, {"dagster/will_retry": "true"}), alert_settings({}))
    assert "(first attempt; it is tried again)" in first.title
    second = failed_run(
        failing(instance, {"dagster/retry_number": "1", "dagster/will_retry": "false"}),
        alert_settings({}),
    )
    assert "(attempt 2; it is not tried again)" in second.title


def test_a_run_that_never_began_is_told(instance):
    run = begin_run(
        instance, OPEN, dg.DagsterRunStatus.STARTED, {"dagster/partition": "2024-03-27"}
    )
    failure = instance.report_run_failed(run, "Process 7 of this run is gone")
    context = dg.build_run_status_sensor_context("any", failure, instance, run)
    event = failed_run(context.for_run_failure(), alert_settings({}))
    assert event.title.startswith("run of daily of 2024-03-27 failed")
    assert event.cause == "Process 7 of this run is gone"


def test_a_failed_check_is_told_by_its_severity(instance):
    event = failed_checks(
        instance, run_of(instance, checked(False, dg.AssetCheckSeverity.ERROR)), alert_settings({})
    )
    assert event is not None
    assert event.title == "checks did not hold: 1 error"
    assert event.cause == "scores: few_names (too few names)"


def test_checks_that_hold_are_not_told(instance):
    run = run_of(instance, checked(True, dg.AssetCheckSeverity.ERROR))
    assert failed_checks(instance, run, alert_settings({})) is None


def test_a_warning_is_told_when_it_begins_and_an_error_every_time(instance):
    def tell(passed: bool, severity: dg.AssetCheckSeverity) -> bool:
        run = run_of(instance, checked(passed, severity))
        return failed_checks(instance, run, alert_settings({})) is not None

    warn, error = dg.AssetCheckSeverity.WARN, dg.AssetCheckSeverity.ERROR
    assert [tell(passed, warn) for passed in (False, False, True, False)] == [
        True,
        False,
        False,
        True,
    ]
    assert tell(False, error) and tell(False, error)


# --- days ---


def look(home, instance, seen: Seen, *when: int) -> tuple[str, Seen]:
    return watch_days(home, instance, OPEN.graph, OPEN.days, moment(*when), seen)


def held(instance, last: date) -> list[str]:
    days = [day.isoformat() for day in trading_days(date(2024, 1, 2), last)]
    make_all(instance, OPEN, days)
    return days


def test_days_that_the_source_does_not_have_are_not_late(instance, told, home):
    held(instance, date(2024, 3, 25))
    said, seen = watch_days(
        home,
        instance,
        OPEN.graph,
        OPEN.days,
        moment(2024, 3, 28, 9, 0),
        Seen(),
        date(2024, 3, 25),
    )
    assert said == "all days to 2024-03-25 are there" and told() == []
    assert seen.complete == "2024-03-25"


def test_the_next_look_sends_what_a_target_did_not_take(instance, told, tmp_path):
    keep(tmp_path, "file", "a message")

    def unreachable() -> None:
        raise SourceError("no answer")

    sensors = alerting.build_alerts(Home(tmp_path), OPEN.days, unreachable)
    (sensor,) = (one for one in sensors if one.name == "tell_late_days")
    context = dg.build_sensor_context(repository_def=OPEN.defs.get_repository_def())
    context._instance = instance
    for _ in range(2):
        sensor.evaluate_tick(context)
    (message,) = told()
    assert message[0] == "a message" and message[1].startswith("sent late: it is of ")


def test_a_source_that_cannot_be_asked_beats_no_heart(instance, told, tmp_path):
    def unreachable() -> None:
        raise SourceError("no answer")

    (sensor,) = (
        one
        for one in alerting.build_alerts(Home(tmp_path), OPEN.days, unreachable)
        if one.name == "tell_late_days"
    )
    context = dg.build_sensor_context(repository_def=OPEN.defs.get_repository_def())
    context._instance = instance
    assert sensor.evaluate_tick(context).skip_message == (
        "the source cannot be asked how far it reaches: no answer"
    )
    assert told() == []


def test_days_that_are_missing_at_nine_are_told_once(instance, told, home):
    held(instance, date(2024, 3, 25))
    early, seen = look(home, instance, Seen(), 2024, 3, 28, 8, 59)
    assert early == "not all days to 2024-03-27 are there yet" and told() == []
    late, seen = look(home, instance, seen, 2024, 3, 28, 9, 0)
    assert late == "told that days to 2024-03-27 are late" and seen.late == "2024-03-27"
    again, seen = look(home, instance, Seen.read(seen.text()), 2024, 3, 28, 15, 0)
    (message,) = told()
    assert again == "not all days to 2024-03-27 are there yet"
    assert message[0] == "bondsig: days are late: 2 missing (2024-03-26 … 2024-03-27)"
    look(home, instance, seen, 2024, 3, 29, 9, 0)
    assert len(told()) == 2, "the next day is news again"


def test_days_in_hand_at_nine_are_told_as_such(instance, told, home):
    held(instance, date(2024, 3, 26))
    begin_run(instance, OPEN, dg.DagsterRunStatus.STARTED, {"dagster/partition": "2024-03-27"})
    look(home, instance, Seen(), 2024, 3, 28, 9, 5)
    (message,) = told()
    assert message[0] == "bondsig: days are late: 1 missing (2024-03-27)"
    assert message[1] == "cause: a run has them in hand and is not done"


@pytest.mark.slow
def test_the_heartbeat_beats_once_a_day_when_all_is_there(instance, told, home, monkeypatch):
    held(instance, date(2024, 3, 26))
    with http_sink() as sink:
        monkeypatch.setenv("BONDSIG_HEARTBEAT_URL", f"{sink.url}/beat")
        _, seen = look(home, instance, Seen(), 2024, 3, 28, 8, 0)
        assert sink.came == [] and seen == Seen(), "a day is missing"
        for name in DAILY:
            make(instance, name, "2024-03-27")
        for minute in (10, 15, 20):
            said, seen = look(home, instance, seen, 2024, 3, 28, 8, minute)
        assert said == "all days to 2024-03-27 are there" and len(sink.came) == 1
        look(home, instance, seen, 2024, 3, 29, 7, 0)
        assert len(sink.came) == 1, "Thursday is missing on Friday morning"
        for name in DAILY:
            make(instance, name, "2024-03-28")
        for day in (29, 30, 31):
            _, seen = look(home, instance, seen, 2024, 3, day, 7, 0)
        assert len(sink.came) == 4, "on a holiday and on a weekend too"
    assert told() == []


@pytest.mark.slow
def test_a_heartbeat_that_is_not_heard_is_tried_again(instance, told, home, monkeypatch):
    held(instance, date(2024, 3, 27))
    with http_sink() as sink:
        sink.status = 503
        monkeypatch.setenv("BONDSIG_HEARTBEAT_URL", sink.url)
        _, seen = look(home, instance, Seen(), 2024, 3, 28, 8, 0)
        assert seen.complete == "2024-03-27" and seen.beat == ""
        sink.status = 200
        _, seen = look(home, instance, seen, 2024, 3, 28, 8, 5)
        assert seen.beat == "2024-03-28" and len(sink.came) == 2


@pytest.mark.parametrize("cursor", [None, "", "no json", "[]", '{"other": 1}'])
def test_a_cursor_that_cannot_be_read_is_a_new_one(cursor):
    assert Seen.read(cursor) == Seen()


def row_of(table: Table, partition: str, days: list[date]) -> pl.DataFrame:
    """A row a day with something in every column."""
    values: dict[str, object] = {
        "VARCHAR": "x",
        "DOUBLE": 1.0,
        "BIGINT": 1,
        "INTEGER": 1,
        "BOOLEAN": True,
    }
    frame = pl.DataFrame({partition: days}, schema={partition: pl.Date()})
    return table.conform(
        frame.with_columns(
            *(
                pl.col(partition).dt.combine(CUTOFF).alias(column.name)
                if column.type == "TIMESTAMP"
                else pl.col(partition).alias(column.name)
                if column.type == "DATE"
                else pl.lit([], pl.List(pl.String)).alias(column.name)
                if column.type.endswith("[]")
                else pl.lit(values[column.type]).alias(column.name)
                for column in table.columns
                if column.name != partition
            )
        )
    )


# --- monitors ---


@pytest.fixture
def rang(home, monkeypatch) -> Warehouse:
    """A warehouse that keeps alarms, those of three evenings among them."""
    made = Warehouse(home.path)
    made.initialize()
    ring(made, date(2024, 3, 25), date(2024, 3, 26))
    return made


def ring(warehouse: Warehouse, *evenings: date, state: str = "asked") -> None:
    between = (evenings[0], evenings[-1])
    alarms = row_of(ALARMS, "trade_date", list(evenings)).with_columns(
        explanation=pl.format("the IC fell by {}", pl.col("trade_date"))
    )
    asked = row_of(RETRAIN_REQUESTS, "trade_date", list(evenings)).with_columns(
        state=pl.lit(state), explanation=pl.lit("two monitors rang")
    )
    warehouse.replace(
        Write("alarms", ALARMS.conform(alarms), between),
        Write("retrain_requests", RETRAIN_REQUESTS.conform(asked), between),
    )


def test_alarms_and_requests_are_told_once_and_the_past_is_no_news(rang, told, home):
    _, cursor = watch_alarms(home, "")
    assert cursor == "2024-03-26" and told() == []
    ring(rang, date(2024, 3, 27), date(2024, 3, 28))
    said, cursor = watch_alarms(home, cursor)
    assert said == "2 alarms and 2 requests are new" and cursor == "2024-03-28"
    messages = told()
    assert [message[0] for message in messages] == [
        "bondsig: 2 monitors rang on 2024-03-27 … 2024-03-28",
        "bondsig: a training is asked for since 2024-03-28",
        "bondsig: a training is asked for since 2024-03-27",
    ]
    assert messages[0][1] == "cause: the IC fell by 2024-03-28; the IC fell by 2024-03-27"
    assert watch_alarms(home, cursor) == ("0 alarms and 0 requests are new", "2024-03-28")
    assert len(told()) == 3


def test_a_request_that_was_not_granted_is_not_told(rang, told, home):
    ring(rang, date(2024, 3, 27), state="cooling_down")
    watch_alarms(home, "2024-03-26")
    assert [message[0] for message in told()] == ["bondsig: 1 monitor rang on 2024-03-27"]


@pytest.mark.slow
def test_a_home_that_never_rang_tells_what_rings_first(home, told, monkeypatch):
    made = Warehouse(home.path)
    made.initialize()
    said, cursor = watch_alarms(home, "")
    assert said == "no monitor has rung yet"
    ring(made, date(2024, 3, 27))
    watch_alarms(home, cursor)
    assert len(told()) == 2


# --- the graph ---


def sensors(tmp_path: Path) -> dict[str, dg.DefaultSensorStatus]:
    defs = build_defs(Home(tmp_path / "empty"))
    return {
        one.name: one.default_status
        for one in defs.sensors or []
        if one.name.startswith("tell_")  # Others ask for runs.
    }  # type: ignore[union-attr]


def test_sensors_are_on_where_somebody_is_to_be_told(tmp_path, monkeypatch):
    for name in ("BONDSIG_ALERT_WEBHOOK", "BONDSIG_ALERT_FILE", "BONDSIG_HEARTBEAT_URL"):
        monkeypatch.delenv(name, raising=False)
    off = sensors(tmp_path)
    assert set(off) == {"tell_failed_runs", "tell_failed_checks", "tell_late_days", "tell_alarms"}
    assert set(off.values()) == {dg.DefaultSensorStatus.STOPPED}
    monkeypatch.setenv("BONDSIG_ALERT_FILE", str(tmp_path / "alerts"))
    assert set(sensors(tmp_path).values()) == {dg.DefaultSensorStatus.RUNNING}
    monkeypatch.setenv("BONDSIG_ALERT_WEBHOOK", "nonsense")
    assert set(sensors(tmp_path).values()) == {dg.DefaultSensorStatus.STOPPED}


def test_a_tick_of_the_sensor_of_days_goes_through(instance, told, tmp_path, monkeypatch):
    home = Home(tmp_path / "home")
    market = small_market(date(2023, 12, 29))
    (sensor,) = (
        one for one in alerting.build_alerts(home, market.days) if one.name == "tell_late_days"
    )
    context = dg.build_sensor_context(
        repository_def=dg.Definitions(
            assets=market.defs.assets, jobs=market.defs.jobs, sensors=[sensor]
        ).get_repository_def()
    )
    context._instance = instance
    tick = sensor.evaluate_tick(context)
    # Its own clock decides whether it is nine o'clock already.
    is_late = datetime.now(alerting._NEW_YORK).time() >= alerting.LATE_AT
    assert tick.skip_message == (
        "told that days to 2023-12-29 are late"
        if is_late
        else "not all days to 2023-12-29 are there yet"
    )
    assert Seen.read(tick.cursor).late == ("2023-12-29" if is_late else "")
    assert len(told()) == is_late
