"""A warehouse with good tables. Belongs here: fixtures of this folder. Not here: frames
(`frames.py`).
"""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from bondsig_assets.checks.suites import SUITES
from bondsig_assets.warehouse import Warehouse, Write, installation
from bondsig_assets_tests.checks.frames import good


@pytest.fixture(scope="session")
def filled_home(tmp_path_factory) -> Path:
    """A home whose warehouse holds the good frames; copied, never written."""
    home = tmp_path_factory.mktemp("filled")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(installation, "VIEW_FILES", home / "no_views")
        warehouse = Warehouse(home)
        warehouse.initialize()
        warehouse.replace(*(Write(table, good(table)) for table in SUITES))
    return home


@pytest.fixture
def warehouse(filled_home, tmp_path, monkeypatch) -> Warehouse:
    """A filled warehouse of the test's own, without the views of the project."""
    monkeypatch.setattr(installation, "VIEW_FILES", filled_home / "no_views")
    shutil.copytree(filled_home, tmp_path / "home")
    return Warehouse(tmp_path / "home")
