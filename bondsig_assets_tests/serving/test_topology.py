"""The declared topology holds together."""

from __future__ import annotations

from dataclasses import replace

import pytest

from bondsig_assets.serving import entry, health, once, programs, secret_files
from bondsig_assets.serving.topology import BACK, FRONT, SERVICES, TOPOLOGY, chosen, in_order


def test_each_comes_after_what_it_waits_for():
    ordered = [one.name for one in in_order()]
    assert sorted(ordered) == sorted(SERVICES)
    for service in TOPOLOGY:
        assert all(ordered.index(name) < ordered.index(service.name) for name in service.after)


def test_what_runs_on_asking_alone_is_waited_for_by_its_like_alone():
    usual = in_order(chosen(has_workers=False))
    assert {one.name for one in TOPOLOGY} - {one.name for one in usual} == {"scheduler", "workers"}
    assert in_order(chosen(has_workers=True)) == in_order()


def test_who_reaches_the_workers_has_their_certificate_and_nobody_else():
    holders = {one.name for one in TOPOLOGY if set(secret_files.CERTIFIED) & set(one.secrets)}
    assert holders == {"code", "scheduler", "workers"}
    for name in ("scheduler", "workers"):
        assert SERVICES[name].networks == (BACK,) and not SERVICES[name].published


def test_a_circle_is_refused():
    first, second = TOPOLOGY[:2]
    circle = (replace(first, after=(second.name,)), replace(second, after=(first.name,)))
    with pytest.raises(ValueError, match="wait for each other"):
        in_order(circle)


def test_every_service_is_a_program_or_work_that_ends():
    assert {one.name for one in TOPOLOGY if one.once} == set(once.ONCE)
    assert {one.name for one in TOPOLOGY if not one.once} == set(programs.PROGRAMS)
    assert set(entry.PREPARE) <= set(programs.PROGRAMS)


def test_only_the_proxy_is_published_and_only_pages_stand_beside_it():
    assert [one.name for one in TOPOLOGY if one.published] == ["proxy"]
    beside = {one.name for one in TOPOLOGY if FRONT in one.networks and one.port}
    assert beside == {"proxy", *health.PATHS}
    assert all(BACK in one.networks for one in TOPOLOGY if one.name != "proxy")


def test_every_secret_is_made_and_has_a_reader():
    given = {name for one in TOPOLOGY for name in one.secrets}
    assert given == set(secret_files.NAMES)
