"""A bondsig model as MLflow loads it: one JSON file with everything scoring needs.

Belongs here: writing and reading that file, and MLflow's loader for it. Not here: talking to MLflow
(`tracking.py`). `mlflow.pyfunc.load_model("models:/bondsig@champion").predict(frame)` gives the
prediction and the calibrated probability for day-standardised features.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from bondsig_assets.learning.scoring import Scorer, scorer_of

FILE = "model.json"
#: Columns of `models` that the file holds.
FIELDS = (
    "model_name",
    "model_version",
    "kind",
    "specification_hash",
    "feature_hash",
    "features",
    "history_days",
    "horizon_days",
    "settings",
    "calibration_intercept",
    "calibration_slope",
    "base_rate",
    "data_hash",
    "snapshot_id",
    "model_text",
)


def write_model(folder: Path, row: dict[str, Any]) -> Path:
    """Write a row of `models` into `folder` and return it."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / FILE).write_text(json.dumps({name: row[name] for name in FIELDS}))
    return folder


def read_model(folder: Path) -> dict[str, Any]:
    """The row of `models` that `folder`, or a folder below it, holds. Raises FileNotFoundError."""
    found = sorted(Path(folder).rglob(FILE))
    if not found:
        raise FileNotFoundError(f"{folder} holds no {FILE}")
    return json.loads(found[0].read_text())


class RegisteredModel:
    """What MLflow's pyfunc calls."""

    def __init__(self, scorer: Scorer) -> None:
        self.scorer = scorer

    def predict(self, model_input: Any, params: dict | None = None) -> pd.DataFrame:
        """Prediction and P(underperform) for rows of robust z-scores: a frame with the inputs as
        columns, or an array.
        """
        if isinstance(model_input, pd.DataFrame):
            model_input = model_input[list(self.scorer.specification.features)].to_numpy(float)
        prediction = self.scorer.model.predict(np.asarray(model_input))
        return pd.DataFrame(
            {
                "prediction": prediction,
                "probability_underperform": self.scorer.calibration.probability(prediction),
            }
        )


def _load_pyfunc(path: str) -> RegisteredModel:
    """MLflow's entry point."""
    return RegisteredModel(scorer_of(read_model(Path(path))))
