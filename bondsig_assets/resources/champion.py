"""Champions and MLflow's registry: putting them there, and having one back to score with.

Belongs here: what `champions` and the registry have to agree about. Not here: who becomes champion
(`reading/gate.py`, `learning/gate.py`), talking to MLflow (`tracking.py`).
"""

from __future__ import annotations

from typing import Any

import polars as pl

from bondsig_assets.errors import MismatchError
from bondsig_assets.learning.scoring import Scorer, check_features, scorer_of
from bondsig_assets.reading.gate import MODEL_FIELDS
from bondsig_assets.resources.tracking import TrackingResource
from bondsig_assets.tables import TABLES
from bondsig_assets.tables.issuer_features import ALL_FEATURES
from bondsig_assets.warehouse import Warehouse, Write


def load_champion(tracking: TrackingResource, champion: dict[str, Any]) -> Scorer:
    """The champion from the registry. Raises TrackingError, or MismatchError when it is not what
    `champions` says or does not fit the features.
    """
    stored = tracking.load(champion["registry_version"])
    if (
        stored["data_hash"] != champion["data_hash"]
        or stored["model_version"] != champion["model_version"]
    ):
        raise MismatchError(
            f"version {champion['registry_version']} in MLflow's registry is"
            f" {stored['model_version']} ({stored['data_hash']}), champions says"
            f" {champion['model_version']} ({champion['data_hash']}): materialize champions again"
        )
    check_features(
        stored["model_version"], stored["features"], stored["feature_hash"], ALL_FEATURES
    )
    return scorer_of(stored)


def register_champions(
    lake: Warehouse, tracking: TrackingResource, rows: list[dict[str, Any]]
) -> pl.DataFrame:
    """Register whoever is not registered yet, write `champions`, point the aliases; returns the
    rows.
    """
    mlflow = tracking.connect()
    stored = {
        row["model_version"]: row
        for row in lake.read_table("models", columns=MODEL_FIELDS).to_dicts()
    }
    versions = {
        version: tracking.register(mlflow, stored[version])
        for version in dict.fromkeys(row["model_version"] for row in rows)
    }
    complete = [{**row, "registry_version": versions[row["model_version"]]} for row in rows]
    frame = TABLES["champions"].conform(
        pl.DataFrame(complete, schema=TABLES["champions"].polars_schema, orient="row")
    )
    lake.replace(Write("champions", frame))
    others = [
        row["registry_version"]
        for row in complete
        if row["registry_version"] != complete[-1]["registry_version"]
    ]
    tracking.promote(mlflow, complete[-1]["registry_version"], others[-1] if others else "")
    return frame
