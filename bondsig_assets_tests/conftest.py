"""Fixtures of several folders. Belongs here: what more than one of them asks for. Not here: what
one alone does.
"""

import gc
import logging
import os
from contextlib import suppress

import pytest

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


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """A file stays on one worker, and those that share the home that is made once are one file:
    else all workers but one would wait for it. They begin, being the longest.
    """
    shares = {item.path for item in items if "full_home" in getattr(item, "fixturenames", ())}
    items.sort(key=lambda item: item.path not in shares)
    for item in items:
        group = "full_home" if item.path in shares else item.nodeid.partition("::")[0]
        item.add_marker(pytest.mark.xdist_group(group))


def pytest_collection_finish() -> None:
    """Modules and tests live to the end, so that no collection need look at them: 700,000 objects,
    a quarter of a second each time. And it is garbage of ten thousand objects, not of 700, that is
    looked for.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(10_000, 20, 20)
