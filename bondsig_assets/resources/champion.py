"""Champions and MLflow's registry: putting them there, and having one back to score with.

Belongs here: what `champions` and the registry have to agree about. Not here: who becomes champion
(`reading/gate.py`, `learning/gate.py`), talking to MLflow (`tracking.py`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from bondsig_assets.errors import MismatchError
from bondsig_assets.learning.inputs import ALL_INPUTS
from bondsig_assets.learning.rows import ChampionRow, frame_of
from bondsig_assets.learning.scoring import Scorer, check_features, scorer_of
from bondsig_assets.reading.gate import model_summaries
from bondsig_assets.resources.tracking import TrackingResource
from bondsig_assets.warehouse import Warehouse, Write


def load_champion(tracking: TrackingResource, champion: ChampionRow) -> Scorer:
    """The champion from the registry. Raises TrackingError, or MismatchError when it is not what
    `champions` says or does not fit the features.
    """
    stored = tracking.load(champion.registry_version)
    if (stored.data_hash, stored.model_version) != (champion.data_hash, champion.model_version):
        raise MismatchError(
            f"version {champion.registry_version} in MLflow's registry is"
            f" {stored.model_version} ({stored.data_hash}), champions says"
            f" {champion.model_version} ({champion.data_hash}): materialize champions again"
        )
    check_features(stored.model_version, stored.features, stored.feature_hash, ALL_INPUTS)
    return scorer_of(stored)


def register_champions(
    warehouse: Warehouse, tracking: TrackingResource, rows: Sequence[ChampionRow]
) -> list[ChampionRow]:
    """Register whoever is not registered yet, write `champions`, point the aliases; returns the
    rows with their versions.
    """
    mlflow = tracking.connect()
    stored = model_summaries(warehouse)
    versions = {
        version: tracking.register(mlflow, stored[version])
        for version in dict.fromkeys(row.model_version for row in rows)
    }
    complete = [replace(row, registry_version=versions[row.model_version]) for row in rows]
    warehouse.replace(Write("champions", frame_of("champions", complete)))
    newest = complete[-1].registry_version
    others = [row.registry_version for row in complete if row.registry_version != newest]
    tracking.promote(mlflow, newest, others[-1] if others else "")
    return complete
