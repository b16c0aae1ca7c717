"""A bondsig model as MLflow loads it: one JSON file with everything scoring needs.

Belongs here: writing and reading that file, and MLflow's loader for it. Not here: talking to MLflow
(`tracking.py`). `mlflow.pyfunc.load_model("models:/bondsig@champion").predict(frame)` gives the
prediction and the calibrated probability for day-standardised features.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from bondsig_assets.learning.rows import ModelRow, RegisteredModelRow, columns_of_row
from bondsig_assets.learning.scoring import Scorer, scorer_of

if TYPE_CHECKING:
    import pandas as pd

FILE = "model.json"
#: The input that a row with a CDS has.
_CDS = "cds_spread_bps"


def write_model(folder: Path, row: ModelRow) -> Path:
    """Write a row of `models` into `folder` and return it."""
    folder.mkdir(parents=True, exist_ok=True)
    kept = {name: vars(row)[name] for name in columns_of_row(RegisteredModelRow)}
    (folder / FILE).write_text(json.dumps(kept))
    return folder


def read_model(folder: Path) -> RegisteredModelRow:
    """The model that `folder`, or a folder below it, holds. Raises FileNotFoundError, or ValueError
    for a file that is not one of a model.
    """
    found = sorted(Path(folder).rglob(FILE))
    if not found:
        raise FileNotFoundError(f"{folder} holds no {FILE}")
    held = json.loads(found[0].read_text())
    known = {name: held[name] for name in columns_of_row(RegisteredModelRow) if name in held}
    try:
        return RegisteredModelRow(**known)
    except TypeError as error:
        raise ValueError(f"{found[0]}: {error}") from error


class RegisteredModel:
    """What MLflow's pyfunc calls."""

    def __init__(self, scorer: Scorer) -> None:
        self.scorer = scorer

    def predict(self, model_input: Any, params: dict[str, Any] | None = None) -> pd.DataFrame:
        """Prediction and P(underperform) for rows of inputs as `explanations` shows them: a frame
        with the inputs as columns, or an array. Rows with a CDS have a map of their own: those that
        a column `has_cds` of the frame names, else those whose input `cds_spread_bps` is there.
        """
        import pandas as pd

        names = list(self.scorer.specification.features)
        told = None
        if isinstance(model_input, pd.DataFrame):
            told = model_input["has_cds"] if "has_cds" in model_input.columns else None
            model_input = model_input[names].to_numpy(float)
        inputs = np.asarray(model_input)
        has_cds = np.zeros(len(inputs), dtype=bool)
        if told is not None:
            has_cds = told.to_numpy(dtype=bool)
        elif _CDS in names and inputs.ndim == 2:
            has_cds = np.isfinite(inputs[:, names.index(_CDS)])
        prediction = self.scorer.fitted.predict(inputs)
        return pd.DataFrame(
            {
                "prediction": prediction,
                "probability_underperform": self.scorer.calibration.probability(
                    prediction, has_cds
                ),
            }
        )


def _load_pyfunc(path: str) -> RegisteredModel:
    """MLflow's entry point."""
    return RegisteredModel(scorer_of(read_model(Path(path))))
