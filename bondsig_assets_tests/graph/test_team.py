"""A team's topology as processes: who gets in, what it makes, and what it survives.

`BONDSIG_KILLS=50 pytest -s bondsig_assets_tests/graph/test_team.py -k kill` kills fifty servers;
`BONDSIG_STILL=60` lets the store stand still for a minute.
"""

from __future__ import annotations

import http.client
import os
import random
import signal
import socket
import ssl
import stat
import time
from contextlib import closing
from dataclasses import replace
from datetime import date

import psutil
import psycopg2
import pytest

from bondsig_assets.blocks.cluster import connected
from bondsig_assets.blocks.settings import at_address
from bondsig_assets.home import Home
from bondsig_assets.serving import once, secret_files
from bondsig_assets.serving.certificates import issue
from bondsig_assets.serving.programs import variables_within, workers_variables
from bondsig_assets.serving.topology import SERVICES, TOPOLOGY
from bondsig_assets_tests.command_line import bondsig
from bondsig_assets_tests.graph.homes import assert_same, contents, make_home, run
from bondsig_assets_tests.graph.team import PATIENCE, Team

pytestmark = pytest.mark.services

KILLS = int(os.environ.get("BONDSIG_KILLS", "4"))
#: Seconds for which the store stands still.
STILL = float(os.environ.get("BONDSIG_STILL", "5"))
#: Days that are made while servers die, and what of them.
FIRST, LAST, SELECT = "2022-07-01", "2022-07-15", "+key:bond_analytics"
SERVERS = [one.name for one in TOPOLOGY if not one.once]
#: What a run cannot do without.
_NEEDED = ("postgres", "store")


@pytest.fixture(scope="module")
def team():
    """One topology for all tests here, which build on each other's market."""
    running = Team(workers=2)
    yield running
    running.stop()


def held(team: Team, monkeypatch, **options) -> dict:
    """Every table of the team's lake."""
    with monkeypatch.context() as patch:
        for name, value in variables_within(team.place).items():
            patch.setenv(name, value)
        return contents(team.home, **options)


def note_in_mlflow() -> str:
    """A run of MLflow with an artifact, on the server that the environment names.

    By a client and an experiment of its own: `start_run` would take the one that
    another test of this process set last, on another server.
    """
    from mlflow import MlflowClient

    client = MlflowClient(os.environ["BONDSIG_MLFLOW"])
    run_id: str = client.create_run(client.create_experiment("notes")).info.run_id
    client.log_text(run_id, "kept", "note.txt")
    return run_id


def noted_in_mlflow(run_id: str) -> str:
    """What that run's artifact says, on the server that the environment names now."""
    import mlflow

    mlflow.set_tracking_uri(os.environ["BONDSIG_MLFLOW"])
    return mlflow.artifacts.load_text(f"runs:/{run_id}/note.txt")


def knock(port: int, path: str, context: ssl.SSLContext | None) -> int | None:
    """Status of an answer without a login, None where there is none."""
    kind = http.client.HTTPConnection if context is None else http.client.HTTPSConnection
    more = {} if context is None else {"context": context}
    with closing(kind("127.0.0.1", port, timeout=10, **more)) as connection:
        try:
            connection.request("GET", path)
            return connection.getresponse().status
        except (OSError, http.client.HTTPException):
            return None


def test_every_port_turns_away_who_brings_nothing(team):
    anyone = ssl.create_default_context()
    anyone.check_hostname, anyone.verify_mode = False, ssl.CERT_NONE
    team.until(lambda: team.well("workers"))
    places = team.listening()
    declared = {at.port for at in team.place.addresses.values()}
    assert {ip for held in places.values() for ip, _ in held} == {"127.0.0.1"}
    ports = {name: {port for _, port in held} for name, held in places.items()}
    # Dask chooses the ports of workers, and where it would serve HTTP.
    of_dask = (ports.pop("workers") | ports.pop("scheduler")) - declared
    assert set().union(*ports.values()) == declared - {team.place.address("scheduler").port}
    assert len(of_dask) >= 2 * team.place.workers
    paths = ("/", "/dagster/graphql", "/mlflow/api/2.0/mlflow/experiments/search", "/dir/assign")
    for port in sorted(declared | of_dask):
        for context in (None, anyone):
            for path in paths:
                status = knock(port, path, context)
                assert status is None or 400 <= status < 500, (port, path, status)
    at = team.place.address("postgres")
    for user in ("postgres", "lake", "dagster", "mlflow", "researcher"):
        for password in ("", "wrong"):
            with pytest.raises(psycopg2.OperationalError, match="password"):
                psycopg2.connect(
                    host=at.host, port=at.port, user=user, password=password, dbname="lake"
                )


def test_workers_let_in_nobody_without_their_own_certificate(team, tmp_path):
    team.until(lambda: team.well("workers") and team.well("scheduler"))
    issued = issue("workers", ("127.0.0.1",))
    (tmp_path / "foreign").write_text(issued.certificate + issued.key)
    foreign = ssl.create_default_context()
    foreign.check_hostname, foreign.verify_mode = False, ssl.CERT_NONE
    foreign.load_cert_chain(tmp_path / "foreign")
    places = team.listening()
    of_dask = places["scheduler"] | places["workers"]
    # The others would serve HTTP, and have nothing to serve.
    guarded = sorted(place for place in of_dask if knock(place[1], "/", None) != 404)
    assert len(guarded) == 1 + 2 * team.place.workers, "each worker has a nanny"
    for place in guarded:
        with (
            closing(socket.create_connection(place, timeout=60)) as plain,
            pytest.raises(ssl.SSLError),
            foreign.wrap_socket(plain) as secured,
        ):
            secured.recv(1)


def test_a_server_without_a_port_is_reached_by_its_owner_alone(team):
    team.until(team.place.sockets.exists)
    assert stat.S_IMODE(team.place.sockets.stat().st_mode) == 0o700


def test_the_proxy_refuses_strangers_other_sites_and_other_names(team):
    query = '{"query": "{ version }"}'
    for path in ("/", "/dagster/", "/dagster/graphql", "/mlflow/", "/metrics", "/nowhere"):
        assert team.ask(path)[0] == 401, path
        assert team.ask(path, authorization="Bearer guess")[0] == 401, path
    assert team.ask("/dagster/server_info", "operator")[0] == 200
    assert team.ask("/mlflow/", "operator")[0] == 200
    assert team.ask("/healthz", "reader")[0] == 200
    asked = ("/dagster/graphql", "operator", "POST", query)
    assert team.ask(*asked)[0] == 200
    assert team.ask(*asked, origin=f"https://127.0.0.1:{team.port}")[0] == 200
    assert team.ask(*asked, origin="https://evil.example")[0] == 403
    assert team.ask(*asked, sec_fetch_site="cross-site")[0] == 403
    assert team.ask("/dagster/graphql?query={version}", "operator")[0] == 405
    with pytest.raises((OSError, http.client.HTTPException)):
        team.ask("/", "operator", host="evil.example")


def test_readers_start_nothing_and_change_nothing(team):
    assert team.graphql("reader", "{ version }")[0] == 200
    body = '{"name": "mine"}'
    create = "/mlflow/ajax-api/2.0/mlflow/experiments/create"
    assert team.ask(create, "reader", "POST", body)[0] == 403
    search = "/mlflow/ajax-api/2.0/mlflow/experiments/search"
    assert team.ask(search, "reader", "POST", '{"max_results": 5}')[0] == 200
    assert team.launch("reader", FIRST, LAST)["__typename"] == "UnauthorizedError"


def test_no_argument_and_no_log_has_a_secret(team):
    secrets = [secret_files.read(team.place.secrets, name) for name in secret_files.GENERATED] + [
        (team.place.secrets / f"login_{role}").read_text().strip() for role in secret_files.ROLES
    ]
    secrets.append(secret_files.read(team.place.secrets, "workers_key").splitlines()[1])
    said = "".join(team.said) + (team.home.path / "serve" / "serve.log").read_text()
    words = [
        " ".join(one.cmdline()) for one in psutil.Process(team.process.pid).children(recursive=True)
    ]
    assert len(words) > 2 * len(SERVERS)
    for secret in secrets:
        assert secret not in said and not any(secret in one for one in words)


def test_a_one_shot_may_be_done_again_with_its_own_secrets_alone(team, tmp_path, monkeypatch):
    for service in (one for one in TOPOLOGY if one.once):
        own = tmp_path / service.name
        own.mkdir()
        for name in service.secrets:
            (own / name).write_text(secret_files.read(team.place.secrets, name))
        with monkeypatch.context() as patch:
            patch.setattr(os, "environ", dict(os.environ))
            once.do(service.name, replace(team.place, secrets=own))


def test_a_researcher_reads_the_lake_and_nothing_else(team):
    at = team.place.address("postgres")
    told = {
        "host": at.host,
        "port": at.port,
        "user": "researcher",
        "password": secret_files.read(team.place.secrets, "researcher_password"),
    }
    with closing(psycopg2.connect(dbname="lake", **told)) as lake, lake.cursor() as cursor:
        lake.autocommit = True
        cursor.execute("SELECT count(*) FROM ducklake_table")
        assert cursor.fetchone()[0] > 0
        for statement in ("CREATE TABLE mine (n int)", "DELETE FROM ducklake_snapshot"):
            with pytest.raises(psycopg2.Error):
                cursor.execute(statement)
        cursor.execute("SET default_transaction_read_only = off")
        for statement in ("CREATE TABLE mine (n int)", "DELETE FROM ducklake_snapshot"):
            with pytest.raises(psycopg2.errors.InsufficientPrivilege):
                cursor.execute(statement)
    for other in ("dagster", "mlflow"):
        with pytest.raises(psycopg2.OperationalError, match="permission denied"):
            psycopg2.connect(dbname=other, **told)


def test_another_one_on_the_same_home_is_refused(team):
    other = bondsig("serve", "--port", team.port + 1, BONDSIG_HOME=str(team.home.path))
    assert other.returncode == 1 and "another `bondsig serve` runs" in other.stderr
    assert team.well("proxy")


def blocks_done(team: Team) -> int:
    """How many blocks the team's workers of now have done."""
    variables = workers_variables(team.place)
    with connected(at_address(variables["BONDSIG_WORKERS"], variables)) as client:
        done = client.run(lambda dask_worker: dask_worker.state.executed_count)
    return sum(done.values())


def test_blocks_of_a_run_are_made_by_workers_to_the_same_bits(team, tmp_path, monkeypatch):
    make_home(team.home.path)
    team.until(lambda: team.well("workers"))
    before = blocks_done(team)
    made = team.within("run", "--end", FIRST, "--select", SELECT, "--again")
    assert made.returncode == 0, made.stderr
    assert blocks_done(team) > before
    alone = make_home(tmp_path / "alone")
    run(alone, end=date.fromisoformat(FIRST), select=SELECT)
    wanted, found = contents(alone), held(team, monkeypatch)
    assert wanted["bond_analytics"].height
    assert_same({"it": found["bond_analytics"]}, {"it": wanted["bond_analytics"]})


def test_what_is_killed_comes_back_and_nothing_is_lost(team, tmp_path, monkeypatch):
    """Days are made by a command, or by a run that an operator starts, while servers die."""
    make_home(team.home.path)
    made = team.within("run", "--end", FIRST, "--select", SELECT)
    assert made.returncode == 0, made.stderr
    team.until(lambda: team.well("code"))
    chance, killed, launched = random.Random(20), [], []
    order = [*_NEEDED, *(name for name in SERVERS if name not in _NEEDED)]
    for k in range(KILLS):
        name = order[k % len(order)]
        team.until(lambda name=name: team.pid(name) is not None)
        command = None
        if k % 2:
            answer = team.launch("operator", FIRST, LAST)
            assert answer["__typename"] == "LaunchRunSuccess", answer
            launched.append(answer["run"]["runId"])
        else:
            command = team.begin("run", "--end", LAST, "--select", SELECT, "--again")
        time.sleep(chance.uniform(1, 20))
        os.kill(team.pid(name), signal.SIGKILL)
        killed.append(name)
        if command is not None:
            done = command.finish()
            assert done.returncode in (0, 1, -signal.SIGABRT), done.stderr
        team.until(lambda name=name: team.well(name))
    ended = ("SUCCESS", "FAILURE", "CANCELED")
    for run_id in launched:
        team.until(lambda run_id=run_id: team.status(run_id) in ended, patience=5 * PATIENCE)
    team.until(lambda: team.well("workers"))
    made = team.within("run", "--end", LAST, "--select", SELECT)
    assert made.returncode == 0, made.stderr
    embedded = make_home(tmp_path / "embedded")
    run(embedded, end=date.fromisoformat(LAST), select=SELECT)
    # A run that an operator starts makes more tables of its days than were asked for here.
    wanted = {name: frame for name, frame in contents(embedded).items() if frame.height}
    found = held(team, monkeypatch)
    assert_same({name: found[name] for name in wanted}, wanted)
    assert wanted["bond_analytics"].height
    print(f"killed {len(killed)}: {', '.join(killed)}; runs launched {len(launched)}")


@pytest.mark.parametrize("way", [signal.SIGINT, signal.SIGQUIT], ids=["fast", "immediate"])
def test_postgres_may_be_restarted_under_a_run(team, way):
    """The signals are what `pg_ctl restart -m fast` and `-m immediate` send."""
    make_home(team.home.path)
    team.until(lambda: team.well("code") and team.pid("postgres") is not None)
    first = team.pid("postgres")
    asked = ("run", "--end", FIRST, "--select", SELECT)
    command = team.begin(*asked, "--again")
    time.sleep(8)
    os.kill(first, way)
    done = command.finish()
    assert done.returncode in (0, 1), done.stderr
    team.until(lambda: team.pid("postgres") not in (None, first) and team.well("code"))
    made = team.within(*asked)
    assert made.returncode == 0, made.stderr


def test_a_team_is_backed_up_as_it_runs_and_fills_another(team, tmp_path, monkeypatch):
    make_home(team.home.path)
    made = team.within("run", "--end", FIRST, "--select", SELECT)
    assert made.returncode == 0, made.stderr
    with monkeypatch.context() as patch:
        for name, value in variables_within(team.place).items():
            patch.setenv(name, value)
        run_id = note_in_mlflow()
    folder = str(tmp_path / "backups")
    for asked in (("backup", folder), ("backup", folder, "--verify")):
        done = team.within(*asked)
        assert done.returncode == 0, done.stderr
    assert "bondsig_backup_age_seconds" in team.within("metrics").stdout
    assert "newest backup" in team.within("doctor").stdout
    assert "nothing to upgrade" in team.within("upgrade", "--check").stdout
    refused = team.within("restore", folder)
    assert refused.returncode == 1 and "holds runs already" in refused.stderr
    other = Team()
    try:
        done = other.within("restore", folder)
        assert done.returncode == 0, done.stderr
        other.until(lambda: other.well("code"))
        assert_same(held(other, monkeypatch), held(team, monkeypatch))
        for name, value in variables_within(other.place).items():
            monkeypatch.setenv(name, value)
        assert noted_in_mlflow(run_id) == "kept"
    finally:
        other.stop()


def test_a_store_that_stands_still_is_told_and_forgiven(team):
    store = team.pid("store")
    question = ("sql", "select count(*) as n from bond_analytics", "-f", "csv")
    before = team.within(*question)
    os.kill(store, signal.SIGSTOP)
    asked = team.begin(*question)
    time.sleep(STILL)
    os.kill(store, signal.SIGCONT)
    done = asked.finish()
    assert (done.returncode, done.stdout) == (0, before.stdout), done.stderr
    assert team.pid("store") == store


def test_a_wrong_password_is_one_line_without_it(team):
    file = team.place.secrets / "lake_password"
    right, wrong = file.read_text(), "canary-of-a-password"
    file.write_text(wrong)
    try:
        done = team.within("sql", "select 1")
    finally:
        file.write_text(right)
    assert done.returncode == 1 and wrong not in done.stderr and right not in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1 and "password" in done.stderr
    assert team.within("sql", "select 1").returncode == 0


def test_a_tiny_world_is_that_of_one_home_bit_for_bit(team, full_home, monkeypatch):
    """Most of it by a command, the last days by a run that an operator starts."""
    span = team.home.date_range()
    assert span is not None
    made = team.within("run", "--end", "2024-03-15")
    assert made.returncode == 0, made.stderr
    answer = team.launch("operator", "2024-03-18", span[1].isoformat())
    assert answer["__typename"] == "LaunchRunSuccess", answer
    run_id = answer["run"]["runId"]
    team.until(lambda: team.status(run_id) in ("SUCCESS", "FAILURE"), patience=5 * PATIENCE)
    assert team.status(run_id) == "SUCCESS"
    assert "operator" in team.within("audit-log").stdout
    made = team.within("run")
    assert made.returncode == 0, made.stderr
    assert_same(held(team, monkeypatch), contents(full_home))


def test_none_outlives_a_serve_that_is_killed_and_all_is_there_after(team):
    asked = ("sql", "select count(*) as n from scores", "-f", "csv")
    before = team.within(*asked).stdout
    started = psutil.Process(team.process.pid).children(recursive=True)
    team.process.kill()
    _, alive = psutil.wait_procs(started, timeout=60)
    assert not alive, [one.cmdline() for one in alive]
    team.said.clear()
    team.start()
    assert team.within(*asked).stdout == before != ""
    assert set(SERVICES) >= set(SERVERS) and isinstance(team.home, Home)
