"""MLflow over years: what of runs that somebody deleted is thrown away for good.

Belongs here: a home's own MLflow. Not here: a server's, which has `mlflow gc`, and what is logged
(`resources/tracking.py`). `mlflow gc` looks neither at the registry nor at who names a run, and
takes whole experiments; so the runs are chosen here.
"""

from __future__ import annotations

import os
import shutil
import sqlite3
from collections.abc import Collection
from datetime import datetime
from pathlib import Path
from urllib.parse import unquote, urlsplit

from bondsig_assets.errors import TrackingError
from bondsig_assets.home import Home
from bondsig_assets.resources.tracking import TrackingResource
from bondsig_assets.upkeep.databases import opened


def deleted_runs(home: Home, before: datetime, named: Collection[str] = ()) -> dict[str, str]:
    """Runs that were deleted before a moment and that nothing names → where their artifacts are.

    Kept are those that a registered model or `named` names. Raises TrackingError.
    """
    if os.environ.get("BONDSIG_MLFLOW") or not home.mlflow_database.exists():
        return {}
    try:
        with opened(home.mlflow_database) as database:
            rows = database.execute(
                "SELECT run_uuid, artifact_uri FROM runs WHERE lifecycle_stage = 'deleted' AND"
                " deleted_time < ? AND run_uuid NOT IN (SELECT run_id FROM model_versions WHERE"
                " run_id IS NOT NULL) ORDER BY run_uuid",
                [int(before.timestamp() * 1000)],
            ).fetchall()
    except sqlite3.Error as error:
        raise TrackingError(f"{home.mlflow_database} cannot be read: {error}") from error
    return {run: place or "" for run, place in rows if run not in named}


def throw_away(home: Home, runs: dict[str, str]) -> int:
    """Remove deleted runs and their artifacts for good; how many. Raises TrackingError."""
    if not runs:
        return 0
    mlflow = TrackingResource(home=str(home.path)).connect()
    store = mlflow.tracking._tracking_service.utils._get_store(home.mlflow_uri)
    for run, place in runs.items():
        try:
            store._hard_delete_run(run)
        except mlflow.exceptions.MlflowException as error:
            raise TrackingError(
                f"MLflow did not let go of run {run}: {str(error).splitlines()[0]}"
            ) from error
        folder = Path(unquote(urlsplit(place).path))
        # Artifacts of the home alone, and never all of them at once.
        if home.mlflow_artifacts in folder.parents:
            shutil.rmtree(folder.parent if folder.name == "artifacts" else folder, True)
    return len(runs)
