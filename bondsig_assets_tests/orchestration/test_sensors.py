"""A training is started for what was asked, once, for the quarter that runs, and nothing before it
is switched on.
"""

from __future__ import annotations

from datetime import date

import dagster as dg
import pytest

from bondsig_assets.definitions import build_defs
from bondsig_assets.home import Home
from bondsig_assets.warehouse import Warehouse, Write
from bondsig_assets_tests.graph.homes import make_home
from bondsig_assets_tests.rows_of import rows_of

#: Of the tiny world, whose models begin in July 2023.
ASKED, NEWEST = date(2023, 8, 15), date(2023, 9, 1)


@pytest.fixture
def home(tmp_path) -> Home:
    made = make_home(tmp_path / "home")
    Warehouse(made.path).initialize()
    return made


def request(day: date, fold: date, state: str = "asked") -> dict[str, object]:
    return {"trade_date": day, "fold": fold, "state": state, "evidence": ["ic", "book"]}


def fill(home: Home, newest: date, *requests: dict[str, object]) -> None:
    Warehouse(home.path).replace(
        Write("monitored_days", rows_of("monitored_days", {"trade_date": newest})),
        Write("retrain_requests", rows_of("retrain_requests", *requests)),
    )


def tick(home: Home):
    defs = build_defs(home)
    sensor = defs.resolve_sensor_def("retrain_on_alarm")
    assert sensor.default_status == dg.DefaultSensorStatus.STOPPED
    assert [target.job_name for target in sensor.targets] == ["training"]
    with (
        dg.DagsterInstance.ephemeral() as instance,
        dg.build_sensor_context(instance, repository_def=defs.get_repository_def()) as context,
    ):
        return sensor.evaluate_tick(context)


def test_a_request_of_the_running_quarter_trains_it_once(home):
    quarter = date(2023, 7, 1)
    fill(home, NEWEST, request(date(2023, 7, 11), quarter), request(ASKED, quarter))
    found = tick(home)
    (run,) = found.run_requests
    assert (run.partition_key, run.run_key) == ("2023-07-01", "asked 2023-08-15")
    assert run.tags["bondsig/asked_by"] == "ic, book"
    # The same request has the same key, which Dagster starts once.
    assert tick(home).run_requests[0].run_key == run.run_key


@pytest.mark.slow
@pytest.mark.parametrize(
    ("newest", "requests", "said"),
    [
        (NEWEST, (), "nothing asks for a training"),
        (NEWEST, (request(ASKED, date(2023, 7, 1), "cooling_down"),), "nothing asks"),
        (NEWEST, (request(ASKED, date(2023, 7, 1), "held"),), "nothing asks"),
        (date(2023, 10, 3), (request(ASKED, date(2023, 7, 1)),), "is over"),
        (date(2023, 2, 1), (request(date(2023, 1, 9), date(2023, 1, 1)),), "too little history"),
    ],
)
def test_anything_else_starts_nothing_and_says_why(home, newest, requests, said):
    fill(home, newest, *requests)
    found = tick(home)
    assert not found.run_requests and said in found.skip_message


def test_a_home_without_a_lake_is_no_failure(tmp_path):
    found = tick(make_home(tmp_path / "empty"))
    assert not found.run_requests and found.skip_message
