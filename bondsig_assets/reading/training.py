"""The data set of a training, as known before its last fold, and what was fitted on it already.

Belongs here: reading both. Not here: fitting (`learning/training.py`).
"""

from __future__ import annotations

from bondsig_assets.calendar import FIRST_DAY, offset
from bondsig_assets.learning.dataset import Dataset, make_dataset
from bondsig_assets.learning.folds import Fold
from bondsig_assets.learning.models.catalogue import CONTROL, ENSEMBLE
from bondsig_assets.learning.settings import LearningSettings
from bondsig_assets.learning.training import ensemble_hash, training_hash
from bondsig_assets.warehouse import Warehouse, of_one_snapshot


@of_one_snapshot
def training_data(
    warehouse: Warehouse, last: Fold, settings: LearningSettings, snapshot: int
) -> Dataset:
    """Every issuer day up to the last fold's training end, with the labels known before that fold
    began.
    """
    issuer_days = warehouse.read_table(
        "issuer_days", between=(FIRST_DAY, last.train_end), at_snapshot=snapshot
    )
    labels = warehouse.read_table(
        "labels",
        between=(FIRST_DAY, offset(last.first_day, -1)),
        where=f"horizon_days = {settings.walk_forward.horizon_days}",
        at_snapshot=snapshot,
    )
    credit_news = warehouse.read_table(
        "credit_news", between=(FIRST_DAY, last.train_end), at_snapshot=snapshot
    )
    return make_dataset(issuer_days, labels, settings.walk_forward, credit_news)


def is_fitted(warehouse: Warehouse, data: Dataset, fold: Fold, settings: LearningSettings) -> bool:
    """Whether the warehouse holds exactly this study's models of the fold, fitted on exactly these
    rows.
    """
    rows = data.labelled(fold.train_start, fold.train_end)
    hashes = {
        one.name: training_hash(data, data.recent(rows, one), one)
        for one in settings.specifications()
    }
    members = [value for name, value in hashes.items() if name != CONTROL]
    expected = {**hashes, **({ENSEMBLE: ensemble_hash(members)} if len(members) > 1 else {})}
    held = warehouse.read_table(
        "models", between=(fold.quarter, fold.quarter), columns=["model_name", "data_hash"]
    )
    return dict(held.rows()) == expected
