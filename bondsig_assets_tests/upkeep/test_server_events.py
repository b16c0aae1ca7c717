"""A team's record in PostgreSQL over years: what goes and what stays is as in a home."""

# A test's name says what it shows.
# ruff: noqa: D103

from datetime import timedelta

import dagster as dg
import pytest

from bondsig_assets.errors import BackupError
from bondsig_assets.home import Home
from bondsig_assets.upkeep.event_log import Pruned, prune
from bondsig_assets.upkeep.server_events import record_on_server
from bondsig_assets_tests.resources.team_record import team_record
from bondsig_assets_tests.sources.wrds_server import OWNER_PASSWORD, Server
from bondsig_assets_tests.upkeep.test_event_log import NOW, assert_what_is_done_stays, run

pytestmark = pytest.mark.slow


@pytest.fixture
def instance(server: Server, tmp_path, monkeypatch):
    monkeypatch.setenv("DAGSTER_HOME", str(tmp_path / "dagster"))
    monkeypatch.setenv("BONDSIG_HOME", str(tmp_path / "home"))
    with team_record(server, tmp_path / "dagster") as opened:
        yield opened


def address(instance):
    return instance.run_storage.postgres_url


def kinds(instance):
    with record_on_server(address(instance)) as record:
        rows = record.execute("SELECT dagster_event_type, count(*) FROM event_logs GROUP BY 1")
        return dict(rows.fetchall())


def age(instance, days):
    ago = (NOW - timedelta(days=days)).replace(tzinfo=None)
    with record_on_server(address(instance)) as record:
        record.execute("UPDATE event_logs SET timestamp = ?", [ago])
        record.execute("UPDATE asset_check_executions SET create_timestamp = ?", [ago])
        record.execute("UPDATE runs SET update_timestamp = ?", [ago])


def test_what_is_done_stays_and_how_it_went_goes(instance, tmp_path):
    run(instance, "1", "2")
    run(instance, "1")
    home, before, then = Home(tmp_path / "home"), kinds(instance), NOW - timedelta(days=90)
    assert prune(home, then) == Pruned(), "young"
    age(instance, 100)
    done = prune(home, then)
    after = kinds(instance)
    assert before["ASSET_MATERIALIZATION"] == after["ASSET_MATERIALIZATION"] == 3
    assert (before["ASSET_CHECK_EVALUATION"], after["ASSET_CHECK_EVALUATION"]) == (3, 1)
    assert before["STEP_START"] == 6 and "STEP_START" not in after
    assert done.events == sum(before.values()) - sum(after.values())
    assert (done.pictures, done.runs) == (3, 3)
    assert prune(home, then) == Pruned()
    assert_what_is_done_stays(instance)


def test_a_run_that_is_not_finished_keeps_its_log(instance, tmp_path):
    (run_id,) = run(instance, "1")
    with record_on_server(address(instance)) as record:
        record.execute("UPDATE runs SET status = 'STARTED'")
    age(instance, 100)
    before = kinds(instance)
    prune(Home(tmp_path / "home"), NOW - timedelta(days=90))
    assert kinds(instance) == before
    assert instance.get_run_by_id(run_id).status == dg.DagsterRunStatus.STARTED


def test_a_server_that_is_gone_is_one_line_without_its_password(tmp_path):
    asked = f"postgresql+psycopg2://owner:{OWNER_PASSWORD}@127.0.0.1:1/dagster"
    said = "could not keep the team's record in order"
    with pytest.raises(BackupError, match=said) as told, record_on_server(asked):
        pass
    assert OWNER_PASSWORD not in str(told.value) and "\n" not in str(told.value)
