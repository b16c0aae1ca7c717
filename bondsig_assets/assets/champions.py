"""The champions: which registered model scores from which day on.

Belongs here: replaying the gate over all folds, MLflow's registry and aliases. Not here: the
comparison itself (`learning/gate.py`).
"""

from typing import Any

import dagster as dg

from bondsig_assets.assets.common import Result, table_asset, whole_result
from bondsig_assets.assets.learning_config import gate_config
from bondsig_assets.learning.rows import frame_of
from bondsig_assets.learning.settings import GateSettings, LearningSettings
from bondsig_assets.orchestration.stages import TRAINING
from bondsig_assets.reading.gate import replay_gate
from bondsig_assets.resources.champion import register_champions
from bondsig_assets.resources.tracking import TrackingResource
from bondsig_assets.resources.warehouse_resource import WarehouseResource
from bondsig_assets.tables import TABLES
from bondsig_assets.warehouse import Write


def champions_asset(settings: LearningSettings) -> dg.AssetsDefinition:
    """The asset of champions; `settings` are the launchpad's defaults."""
    config_class: Any = gate_config(settings)

    @table_asset(
        "champions",
        kinds={"mlflow", "polars"},
        deps=["models", "issuer_days", "labels"],
        stage=TRAINING,
        doing="replaying the gate",
        seconds=6,
    )
    def champions(
        config: config_class, warehouse: WarehouseResource, tracking: TrackingResource
    ) -> Result:
        """Who scores each day: the gate replayed over every fold in order, with its numbers.

        A refit of the champion's specification takes over unless it is clearly worse on days
        neither had seen; another specification has to be clearly better. Every champion is a
        version in MLflow's registry; the newest has the alias `champion`, the one before it
        `previous`. `bondsig champion` shows and changes it.
        """
        lake = warehouse.open()
        rows = replay_gate(lake, GateSettings(**config.model_dump()))
        if not rows:
            lake.replace(Write("champions", TABLES["champions"].empty()))
            return whole_result(
                TABLES["champions"].empty(), note="no fold has models yet: materialize models first"
            )
        registered = register_champions(lake, tracking, rows)
        newest = registered[-1]
        shown = [
            "valid_from_date",
            "model_version",
            "decision",
            "challenger_version",
            "n_holdout_days",
            "ic_difference",
            "standard_error",
            "threshold",
            "reason",
        ]
        return whole_result(
            frame_of("champions", registered).select(shown).reverse(),
            champion=newest.model_version,
            registry_version=newest.registry_version,
            decided=newest.reason,
        )

    return champions
