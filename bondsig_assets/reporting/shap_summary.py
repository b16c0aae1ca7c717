"""The SHAP summary picture of a model.

Belongs here: drawing contributions. Not here: computing them (`learning/models.py`).
"""

from __future__ import annotations

import numpy as np
from matplotlib.figure import Figure


def shap_summary(contributions: np.ndarray, inputs: np.ndarray, names: list[str], title: str) -> Figure:
    """Beeswarm of contributions [row, feature] coloured by the standardised inputs, 15 features."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt
    import shap

    plt.close("all")
    explanation = shap.Explanation(values=contributions, data=np.nan_to_num(inputs), feature_names=names)
    shap.plots.beeswarm(explanation, max_display=15, show=False, plot_size=(9, 6))
    figure = plt.gcf()
    figure.axes[0].set_title(title, loc="left")
    figure.axes[0].set_xlabel("SHAP contribution to the predicted normal score (right: expected to outperform)")
    figure.tight_layout()
    return figure
