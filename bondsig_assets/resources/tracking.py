"""MLflow as a thin resource of our own: one run a training, nested runs for its folds.

Belongs here: talking to MLflow. Not here: what is trained. MLflow takes seconds to import, so
it is imported where it is used.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import dagster as dg

from bondsig_assets.resources.home import Home

EXPERIMENT = "bondsig"
REGISTERED_MODEL = "bondsig"


class TrackingResource(dg.ConfigurableResource):
    """Experiment tracking in the home's MLflow."""

    home: str

    def connect(self) -> Any:
        """MLflow with its URI and experiment set."""
        os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
        os.environ.setdefault("DO_NOT_TRACK", "true")
        import logging

        import mlflow

        for noisy in ("mlflow", "alembic", "mlflow.store.db.utils"):
            logging.getLogger(noisy).setLevel(logging.ERROR)
        home = Home(Path(self.home))
        home.mlflow_artifacts.mkdir(parents=True, exist_ok=True)
        mlflow.set_tracking_uri(home.mlflow_uri)
        if mlflow.get_experiment_by_name(EXPERIMENT) is None:
            mlflow.create_experiment(EXPERIMENT, artifact_location=home.mlflow_artifacts.as_uri())
        mlflow.set_experiment(EXPERIMENT)
        return mlflow

    @contextmanager
    def training(self, name: str, tags: Mapping[str, str]) -> Iterator[Any]:
        """One MLflow run around a training; ends as failed when the training raises."""
        mlflow = self.connect()
        with mlflow.start_run(run_name=name, tags=dict(tags)):
            yield mlflow

    def promote(self, mlflow: Any, version: str) -> None:
        """Point the alias `champion` at a registered version."""
        mlflow.MlflowClient().set_registered_model_alias(REGISTERED_MODEL, "champion", version)
