"""Homes shared by the graph tests; all of them run in one worker, so that each is made once."""

from __future__ import annotations

import warnings

import pytest

from bondsig_assets.resources.home import Home
from bondsig_assets_tests.graph.homes import make_home, run


def pytest_collection_modifyitems(items):
    for item in items:
        if "bondsig_assets_tests/graph/" in item.nodeid:
            item.add_marker(pytest.mark.xdist_group("graph"))


@pytest.fixture(scope="session")
def full_home(tmp_path_factory) -> Home:
    """The tiny world from its first to its last day, models and scores included."""
    warnings.simplefilter("ignore")
    home = make_home(tmp_path_factory.mktemp("full") / "home")
    run(home)
    return home
