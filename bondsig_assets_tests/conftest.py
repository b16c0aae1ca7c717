"""Fixtures of several folders. Belongs here: what more than one of them asks for. Not here: what
one alone does.
"""

import logging
import os
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings

from bondsig_assets.machine import keep_what_lives

# How long a machine takes is no fault of what is tested.
settings.register_profile("untimed", deadline=None)
settings.load_profile("untimed")

# Workers share the cores, and a small lake costs an engine of two threads half as much again. One
# test of the whole graph asks for the same bits with more (`graph/test_whole_graph.py`).
if "PYTEST_XDIST_WORKER" in os.environ:
    os.environ.setdefault("BONDSIG_THREADS", "1")

# Dagster closes all handlers of logging when a run begins, and that of absl, which the LSTM's
# libraries bring, closes what was standard error when it was made: the file pytest captures into.
with suppress(ImportError):
    from absl.logging import PythonHandler

    PythonHandler.close = logging.StreamHandler.close

pytest_plugins = ["bondsig_assets_tests.sources.wrds_server", "bondsig_assets_tests.store"]


@cache
def _shares_the_home(file: Path) -> bool:
    """Whether tests of a file look at the home that is made once for all."""
    return "full_home" in file.read_text()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Those that share a home begin, being the longest."""
    items.sort(key=lambda item: not _shares_the_home(item.path))


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """A file stays on one worker, and those that share a home are one file: else all workers but
    one would wait until it is made.
    """
    from xdist.scheduler import LoadFileScheduling

    class Scheduling(LoadFileScheduling):
        def _split_scope(self, nodeid: str) -> str:
            file: str = super()._split_scope(nodeid)
            return "full_home" if _shares_the_home(config.rootpath / file) else file

    return Scheduling(config, log)


def pytest_collection_finish() -> None:
    """Modules and tests live to the end."""
    keep_what_lives()
