"""Fixtures of several folders. Belongs here: what more than one of them asks for. Not here: what
one alone does.
"""

import os

# Workers share the cores, and a small lake costs an engine of two threads half as much again. One
# test of the whole graph asks for the same bits with more (`graph/test_whole_graph.py`).
if "PYTEST_XDIST_WORKER" in os.environ:
    os.environ.setdefault("BONDSIG_THREADS", "1")

pytest_plugins = ["bondsig_assets_tests.sources.wrds_server"]
