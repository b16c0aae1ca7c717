"""MLflow in a home that was moved, copied, or restored elsewhere: its database names artifacts by
their full path.

Belongs here: putting those paths right. Not here: anything else about MLflow (`tracking.py`).
"""

from __future__ import annotations

import sqlite3
from contextlib import closing

from bondsig_assets.home import Home

#: Columns of MLflow's database that hold the place of an artifact.
_PLACES = (
    ("experiments", "artifact_location"),
    ("runs", "artifact_uri"),
    ("logged_models", "artifact_location"),
    ("model_versions", "storage_location"),
)


def follow_move(home: Home) -> bool:
    """Let MLflow's database name artifacts where the home is now; true where they were named
    elsewhere.

    All in one transaction, within milliseconds where nothing moved. Artifacts outside the home's
    own folder are left as they are.
    """
    if not home.mlflow_database.exists():
        return False
    here = home.mlflow_artifacts.as_uri()
    with closing(sqlite3.connect(home.mlflow_database, timeout=30)) as store, store:
        tables = {
            name for (name,) in store.execute("SELECT name FROM sqlite_master WHERE type = 'table'")
        }
        if not tables.issuperset(table for table, _ in _PLACES):
            return False  # a first run is setting it up
        named = [
            place
            for (place,) in store.execute(
                "SELECT DISTINCT artifact_location FROM experiments WHERE artifact_location LIKE"
                " 'file:%/mlflow/artifacts'"
            )
        ]
        elsewhere = set(named) - {here}
        for there in elsewhere:
            for table, column in _PLACES:
                moved = (
                    f"UPDATE {table} SET {column} = ? || substr({column}, ?) WHERE substr({column}"
                    " || '/', 1, ?) = ?"
                )
                store.execute(moved, [here, len(there) + 1, len(there) + 1, f"{there}/"])
        return bool(elsewhere)
