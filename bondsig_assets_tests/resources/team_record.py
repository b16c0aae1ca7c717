"""Dagster as a team has it, its record in a database of its own. Belongs here: that alone."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import quote

import dagster as dg
import yaml

from bondsig_assets.serving.programs import DEPLOY
from bondsig_assets_tests.sources.wrds_server import OWNER_PASSWORD, Server


@contextmanager
def team_record(server: Server, folder: Path) -> Iterator[dg.DagsterInstance]:
    """An instance with a team's settings in `folder`, which DAGSTER_HOME names."""
    host = quote(str(server.folder), safe="")
    url = f"postgresql+psycopg2://owner:{OWNER_PASSWORD}@/{server.database()}?host={host}"
    settings = yaml.safe_load((DEPLOY / "dagster.yaml").read_text())
    for name in ("event_log_storage", "run_storage", "schedule_storage"):
        settings[name]["config"] = {"postgres_url": url}
    folder.mkdir()
    (folder / "dagster.yaml").write_text(yaml.safe_dump(settings))
    with dg.DagsterInstance.get() as opened:
        yield opened
    for storage in (opened.event_log_storage, opened.run_storage, opened.schedule_storage):
        storage.dispose()
