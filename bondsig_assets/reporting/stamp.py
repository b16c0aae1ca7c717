"""What has to be said in a picture of a simulated market, for whoever sees it alone.

Belongs here: writing it. Not here: which market it is (`Home.note`), and the pictures.
"""

from __future__ import annotations

from matplotlib.figure import Figure

_RED = "#c1121f"


def stamp(figure: Figure, note: str) -> Figure:
    """Write that the market is `note` (simulated) over the right end of a figure; nothing where
    there is nothing to say. For figures that are saved with a tight box.
    """
    if note:
        figure.text(
            1.0,
            1.0,
            f"{note} market: nothing here is evidence about real bonds or stocks",
            color=_RED,
            fontsize=8,
            fontweight="bold",
            ha="right",
            va="bottom",
        )
    return figure
