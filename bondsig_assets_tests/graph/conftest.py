"""Homes shared by the graph tests."""

from __future__ import annotations

import json
import os
import warnings
from pathlib import Path

import pytest
from filelock import FileLock
from matplotlib.figure import Figure
from numba.core.event import install_listener

from benchmarks.kernels import Called
from bondsig_assets.home import Home
from bondsig_assets_tests.graph.homes import make_home, run


@pytest.fixture(scope="session")
def full_home(tmp_path_factory) -> Home:
    """The tiny world from its first to its last day, models and scores included; made once for all
    test workers.
    """
    folder = tmp_path_factory.getbasetemp()
    folder = folder.parent if "PYTEST_XDIST_WORKER" in os.environ else folder
    finished = folder / "full" / "finished"
    with FileLock(folder / "full.lock"):
        if not finished.exists():
            warnings.simplefilter("ignore")
            called = Called()
            with install_listener("numba:compile", called):
                run(make_home(folder / "full" / "home"))
            (folder / "full" / "compiled.json").write_text(json.dumps(called.kernels()))
            finished.touch()
    return Home(folder / "full" / "home")


@pytest.fixture
def unrendered(monkeypatch) -> None:
    """Figures are made of what is in the tables, and saved empty: rendering the eleven pictures of
    a run takes longer than its models. `full_home` renders them all.
    """
    monkeypatch.setattr(Figure, "tight_layout", lambda figure, **_: None)
    monkeypatch.setattr(Figure, "savefig", lambda figure, path, **_: Path(path).write_bytes(b""))
