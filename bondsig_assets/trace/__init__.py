"""TRACE cleaning: message lifecycle, double counting, screens, price errors, bond-day aggregates.

Belongs here: what turns reports into trades and trades into bond days, each as known at any
moment, on Polars frames and without Dagster. Not here: yields and spreads (`bonds/`).
"""

from bondsig_assets.errors import ReportsError
from bondsig_assets.trace.cleaning import CleanResult, clean
from bondsig_assets.trace.options import PRESETS, Screens

__all__ = ["PRESETS", "CleanResult", "ReportsError", "Screens", "clean"]
