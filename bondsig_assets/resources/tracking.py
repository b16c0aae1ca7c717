"""MLflow as a thin resource of our own: one run a training, nested runs for its folds, a registry
of champions.

Belongs here: talking to MLflow. Not here: what is trained, and the file a model is kept in
(`registered_model.py`). MLflow takes seconds to import, so it is imported where it is used.
"""

from __future__ import annotations

import os
import subprocess
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path
from typing import Any

import dagster as dg
import numpy as np

from bondsig_assets.credentials import hidden, holds_secret
from bondsig_assets.errors import TrackingError
from bondsig_assets.home import CHECKOUT, Home
from bondsig_assets.learning.rows import ModelRow, ModelSummary, RegisteredModelRow
from bondsig_assets.resources.moved_home import follow_move
from bondsig_assets.resources.registered_model import read_model, write_model

REGISTERED_MODEL = "bondsig"
#: Of an address in MLflow: its pages open on runs and models, not on prompts and traces.
TRAINING_PAGES = "workflowType=machine_learning"
#: No telemetry, no bars, and a server that is down is told within seconds.
_QUIET = (
    ("MLFLOW_DISABLE_TELEMETRY", "true"),
    ("DO_NOT_TRACK", "true"),
    ("MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR", "false"),
    ("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "1"),
    ("MLFLOW_HTTP_REQUEST_TIMEOUT", "10"),
)
CHAMPION, PREVIOUS = "champion", "previous"


class TrackingResource(dg.ConfigurableResource):
    """Experiment tracking and model registry: the home's own MLflow, or the server BONDSIG_MLFLOW
    names.

    Not MLFLOW_TRACKING_URI: MLflow sets that itself, and the next home of the same process would
    write into the last one's.
    """

    home: str

    @property
    def uri(self) -> str:
        """Where MLflow is."""
        return os.environ.get("BONDSIG_MLFLOW") or Home(Path(self.home)).mlflow_uri

    @property
    def place(self) -> str:
        """The same to be shown: without a password."""
        return hidden(self.uri)

    def connect(self, study: str = "") -> Any:
        """MLflow with its URI and, if named, the experiment of `study` set. Raises
        TrackingError.
        """
        for name, value in _QUIET:
            os.environ.setdefault(name, value)
        import logging

        import mlflow

        for noisy in ("mlflow", "alembic", "mlflow.store.db.utils"):
            logging.getLogger(noisy).setLevel(logging.ERROR)
        artifacts = Home(Path(self.home)).mlflow_artifacts
        artifacts.mkdir(parents=True, exist_ok=True)
        if not os.environ.get("BONDSIG_MLFLOW"):
            follow_move(Home(Path(self.home)))
        with self.answers():
            mlflow.set_tracking_uri(self.uri)
            if study:
                if mlflow.get_experiment_by_name(study) is None:
                    mlflow.create_experiment(
                        study,
                        artifact_location=(
                            None if self.uri.startswith("http") else artifacts.as_uri()
                        ),
                    )
                mlflow.set_experiment(study)
        return mlflow

    def n_experiments(self) -> int:
        """How many experiments there are: MLflow has to answer. Raises TrackingError."""
        mlflow = self.connect()
        with self.answers():
            return len(mlflow.search_experiments(max_results=1000))

    @contextmanager
    def training(self, study: str, name: str, tags: Mapping[str, str]) -> Iterator[Any]:
        """One MLflow run around a training; ends as failed when the training raises."""
        mlflow = self.connect(study)
        with mlflow.start_run(run_name=name, tags={**tags, "git_commit": git_commit()}):
            yield mlflow

    def log_model(self, mlflow: Any, row: ModelRow, example: Any) -> str:
        """Keep a row of `models` as an MLflow model of the active run, with signature and input
        example; returns its URI.
        """
        from bondsig_assets.learning.scoring import scorer_of
        from bondsig_assets.resources.registered_model import RegisteredModel

        signature = mlflow.models.infer_signature(
            example, RegisteredModel(scorer_of(row)).predict(example)
        )
        with tempfile.TemporaryDirectory() as folder:
            logged = mlflow.pyfunc.log_model(
                name=row.model_name,
                loader_module="bondsig_assets.resources.registered_model",
                data_path=str(write_model(Path(folder) / "data", row)),
                signature=signature,
                input_example=(
                    np.nan_to_num(example) if isinstance(example, np.ndarray) else example
                ),
                pip_requirements=["bondsig"],
                metadata={"feature_hash": row.feature_hash},
            )
        uri: str = logged.model_uri
        return uri

    def register(self, mlflow: Any, row: ModelSummary) -> str:
        """The registry's version of a row of `models`, registered now if it was not yet."""
        assert row.mlflow_model_uri is not None, "only the ensemble has none, and is not eligible"
        client = mlflow.MlflowClient()
        tags = {
            "model_version": row.model_version,
            "data_hash": row.data_hash,
            "feature_hash": row.feature_hash,
        }
        with self.answers():
            if not client.search_registered_models(f"name = '{REGISTERED_MODEL}'"):
                client.create_registered_model(REGISTERED_MODEL)
            for version in client.search_model_versions(f"name = '{REGISTERED_MODEL}'"):
                if {name: version.tags.get(name) for name in tags} == tags:
                    return str(version.version)
            return str(
                client.create_model_version(
                    REGISTERED_MODEL,
                    row.mlflow_model_uri,
                    row.mlflow_run_id,
                    tags=tags,
                    # A server refuses a version of `models:/<id>` that does not name the id.
                    model_id=model_id(row.mlflow_model_uri),
                ).version
            )

    def promote(self, mlflow: Any, version: str, previous: str = "") -> None:
        """Point the alias `champion` at a registered version, and `previous` at the one before."""
        client = mlflow.MlflowClient()
        with self.answers():
            client.set_registered_model_alias(REGISTERED_MODEL, CHAMPION, version)
            if previous:
                client.set_registered_model_alias(REGISTERED_MODEL, PREVIOUS, previous)

    def load(self, version: str) -> RegisteredModelRow:
        """The model that a registered version holds. Raises TrackingError."""
        mlflow = self.connect()
        with self.answers():
            try:
                uri = mlflow.MlflowClient().get_model_version_download_uri(
                    REGISTERED_MODEL, version
                )
            except mlflow.exceptions.MlflowException as error:
                if error.error_code == "RESOURCE_DOES_NOT_EXIST":
                    missing = (
                        f"MLflow at {self.place} has no version {version} of {REGISTERED_MODEL}"
                    )
                    raise TrackingError(
                        f"{missing}: materialize champions again, it registers what is missing"
                    ) from error
                raise
            try:
                return read_model(Path(mlflow.artifacts.download_artifacts(uri)))
            except (OSError, ValueError) as error:
                raise TrackingError(
                    f"version {version} of {REGISTERED_MODEL} at {uri} cannot be read ({error}):"
                    " train its fold again"
                ) from error

    @contextmanager
    def answers(self) -> Iterator[None]:
        """Turn MLflow's own trouble into one line, a TrackingError."""
        import mlflow

        try:
            yield
        except (mlflow.exceptions.MlflowException, OSError) as error:
            trouble = hidden(str(error).splitlines()[0])[:200]
            raise TrackingError(
                f"MLflow at {self.place} does not answer ({trouble}): start it, or unset"
                " BONDSIG_MLFLOW to use the home's own"
            ) from (None if holds_secret(error) else error)


def model_id(uri: str) -> str:
    """The id in the URI of a logged model."""
    return uri.removeprefix("models:/")


@lru_cache(maxsize=1)
def git_commit() -> str:
    """Commit of the code that runs, empty outside a checkout."""
    if CHECKOUT is None:
        return ""
    done = subprocess.run(
        ["git", "-C", str(CHECKOUT), "rev-parse", "HEAD"],
        capture_output=True,
        text=True,
        check=False,
    )
    return done.stdout.strip() if done.returncode == 0 else ""
