"""Where services are found."""

from __future__ import annotations

from pathlib import Path

import pytest

from bondsig_assets.errors import UserError
from bondsig_assets.home import Home
from bondsig_assets.serving import place
from bondsig_assets.serving.place import Address, here, machine


def test_containers_find_each_other_by_name(monkeypatch):
    monkeypatch.setenv("BONDSIG_TEAM", "containers")
    monkeypatch.setenv("BONDSIG_HOME", "/srv/home/market")
    found = here()
    assert str(found.address("postgres")) == "postgres:5432"
    assert (found.listen, found.secrets) == ("0.0.0.0", Path("/run/secrets"))


def test_a_machine_says_where_while_its_servers_run(tmp_path, monkeypatch):
    monkeypatch.delenv("BONDSIG_TEAM", raising=False)
    monkeypatch.setenv("BONDSIG_HOME", str(tmp_path))
    with pytest.raises(UserError, match="no `bondsig serve` runs for"):
        here()
    file = place.addresses_file(Home(tmp_path))
    file.parent.mkdir()
    place.note(machine(Home(tmp_path), {"postgres": Address("127.0.0.1", 20001)}, workers=2))
    assert here().address("postgres") == Address("127.0.0.1", 20001)
    assert (here().listen, here().workers) == ("127.0.0.1", 2)


def test_containers_are_told_how_many_workers_there_are(monkeypatch):
    monkeypatch.setenv("BONDSIG_TEAM", "containers")
    for told, wanted in (("", 0), ("4", 4)):
        monkeypatch.setenv("BONDSIG_WORKER_PROCESSES", told)
        assert here().workers == wanted
    monkeypatch.setenv("BONDSIG_WORKER_PROCESSES", "many")
    with pytest.raises(UserError, match="'many'; it is a number of processes, or not set"):
        here()


def test_another_kind_of_team_is_refused(monkeypatch):
    monkeypatch.setenv("BONDSIG_TEAM", "cluster")
    with pytest.raises(UserError, match="it is `containers`, or not set"):
        here()


def test_a_socket_too_deep_is_refused(tmp_path):
    with pytest.raises(UserError, match="too long for a socket"):
        _ = machine(Home(tmp_path / ("x" * 100)), {}).code_socket


def test_the_proxy_answers_to_named_hosts_and_to_this_machine(tmp_path, monkeypatch):
    monkeypatch.setenv("BONDSIG_SITE", "bonds.example, 127.0.0.1")
    assert machine(Home(tmp_path), {}).proxy_hosts() == ["bonds.example", "127.0.0.1", "localhost"]
