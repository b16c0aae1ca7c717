"""A warehouse to start from. Belongs here: fixtures of this folder. Not here: frames
(`frames.py`).
"""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from bondsig_assets.warehouse import Warehouse, installation
from bondsig_assets_tests.sources.wrds_server import OWNER_PASSWORD, Server


@pytest.fixture(scope="session")
def initialized_home(tmp_path_factory) -> Path:
    """A home with an empty warehouse; copied, never written."""
    home = tmp_path_factory.mktemp("template")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(installation, "VIEW_FILES", home / "no_views")
        Warehouse(home).initialize()
    return home


@pytest.fixture
def warehouse(initialized_home, tmp_path, monkeypatch) -> Warehouse:
    """An empty warehouse of the test's own, without the views of the project."""
    monkeypatch.setattr(installation, "VIEW_FILES", initialized_home / "no_views")
    shutil.copytree(initialized_home, tmp_path / "home")
    return Warehouse(tmp_path / "home")


@pytest.fixture
def shared(server: Server, tmp_path, monkeypatch) -> Warehouse:
    """A warehouse whose catalog is a database of its own on a server."""
    monkeypatch.setenv("PGPASSWORD", OWNER_PASSWORD)
    name = server.database()
    warehouse = Warehouse(
        tmp_path, catalog=f"postgres:dbname={name} host={server.folder} user=owner"
    )
    warehouse.initialize()
    return warehouse
