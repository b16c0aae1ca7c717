"""bondsig: does the corporate bond market know something about a company before its stock does?

The names below are what a notebook wants: cleaning TRACE reports, who stands behind a bond, what a
bond is worth, models walked forward, and the warehouse of a home. Each is imported when it is first
used, so that `import bondsig_assets` costs nothing and a slim install (`pip install bondsig`)
suffices for the first five.

Belongs here: the public API, and what must hold before any other import. Not here: anything else.
"""

from __future__ import annotations

import os
from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from bondsig_assets.bonds.analytics import analyze
    from bondsig_assets.bonds.known_terms import Reference
    from bondsig_assets.learning.dataset import Dataset, make_dataset
    from bondsig_assets.learning.own_feature import judge_feature
    from bondsig_assets.learning.settings import LearningSettings
    from bondsig_assets.learning.walk_forward import walk_forward
    from bondsig_assets.securities.tree import security_tree
    from bondsig_assets.trace.cleaning import CleanResult, clean
    from bondsig_assets.trace.compare import compare
    from bondsig_assets.trace.layouts import scan_reports
    from bondsig_assets.trace.options import Screens
    from bondsig_assets.warehouse import Warehouse
    from bondsig_assets.warehouse.connection import connect

# OpenMP threads that spin while they wait halve the speed of everything beside them on a
# small machine; libgomp reads this once, when it is loaded.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

_WHERE = {
    "clean": "trace.cleaning",
    "CleanResult": "trace.cleaning",
    "Screens": "trace.options",
    "scan_reports": "trace.layouts",
    "compare": "trace.compare",
    "security_tree": "securities.tree",
    "analyze": "bonds.analytics",
    "Reference": "bonds.known_terms",
    "make_dataset": "learning.dataset",
    "Dataset": "learning.dataset",
    "LearningSettings": "learning.settings",
    "judge_feature": "learning.own_feature",
    "walk_forward": "learning.walk_forward",
    "Warehouse": "warehouse",
    "connect": "warehouse.connection",
}

__all__ = [
    "CleanResult",
    "Dataset",
    "LearningSettings",
    "Reference",
    "Screens",
    "Warehouse",
    "analyze",
    "clean",
    "compare",
    "connect",
    "judge_feature",
    "make_dataset",
    "scan_reports",
    "security_tree",
    "walk_forward",
]


def __getattr__(name: str) -> Any:
    """A public name, imported now. Raises MissingExtraError where an extra is missing."""
    if name not in _WHERE:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from bondsig_assets.extras import needs

    with needs(f"bondsig_assets.{name}"):
        value = getattr(import_module(f"{__name__}.{_WHERE[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *_WHERE})
