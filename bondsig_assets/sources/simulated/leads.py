"""The ways in which bonds may know before the stock: lead shapes, and how a lead changes in time.

Belongs here: what a shape is and how strong the lead is on a day. Not here: drawing news
(`paths.py`).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from bondsig_assets.arrays import Floats
from bondsig_assets.errors import SourceError

_WITHIN_FIVE = tuple(0.6 ** np.arange(1, 6) / (0.6 ** np.arange(1, 6)).sum())


@dataclass(frozen=True)
class LeadShape:
    """How credit news comes and lands.

    `per_day`: share of name-days with news. `first`: chance that the stock begins to move 0, 1, 2 …
    trading days after the news; `parts`: the shares of the news that land on that day and the
    following ones. `bad_only`: good news reaches stock and bonds on the same day. `known_to`: whose
    prices hold the news before it lands.
    """

    meaning: str
    per_day: float = 0.04
    first: tuple[float, ...] = (0.0, *_WITHIN_FIVE)
    parts: tuple[float, ...] = (1.0,)
    bad_only: bool = False
    known_to: Literal["all", "institutional", "cds"] = "all"


SHAPES: dict[str, LeadShape] = {
    "sparse": LeadShape("rare pieces, each landing once, one to five days later"),
    "diffuse": LeadShape("a small piece a day, each landing once, one to five days later", 1.0),
    "slow": LeadShape(
        "rare pieces that land in twenty equal parts, one a day from the next day on",
        first=(0.0, 1.0),
        parts=(0.05,) * 20,
    ),
    "bad_news": LeadShape("as sparse, but good news is in the stock the same day", bad_only=True),
    "institutional": LeadShape(
        "as sparse, but only trades of institutional size know; retail prices and CDS follow when"
        " it lands",
        known_to="institutional",
    ),
    "cds_only": LeadShape(
        "as sparse, but only CDS know; bonds follow when it lands", known_to="cds"
    ),
    "same_day": LeadShape(
        "no lead: jumps of the same sizes that the stock answers at once", 0.04, first=(1.0,)
    ),
}
#: What a lead path does from its day on; `fading` gets there in a line from the first day.
PATHS: dict[str, str] = {
    "constant": "the same on all days",
    "fading": "falls in a line from the first day and is gone from the day on",
    "dead": "gone from the day on",
    "halved": "half as strong from the day on",
    "flipped": "from the day on the stock moves against the news",
}
#: The day of a path without one, a position among the world's trading days: two years.
_PATH_DAY = 504


def shape(name: str) -> LeadShape:
    """The shape `name`. Raises SourceError naming those that exist."""
    if name not in SHAPES:
        raise SourceError(f"unknown lead shape '{name}'; shapes are: {', '.join(SHAPES)}")
    return SHAPES[name]


def lead_path(text: str, n_days: int) -> Floats:
    """Factor of the lead strength on each of `n_days` trading days, −1 … 1.

    `text` is a name of PATHS or `name:day`, the day counted in trading days from the world's first.
    Raises SourceError for anything else.
    """
    name, colon, day = text.partition(":")
    is_day = day.isascii() and day.isdigit() and int(day) > 0
    if name not in PATHS or (colon and (name == "constant" or not is_day)):
        raise SourceError(
            f"unknown lead path '{text}'; paths are: constant, and with the trading day from which"
            f" it holds ({_PATH_DAY} without one)"
            f" {', '.join(f'{other}:{_PATH_DAY}' for other in PATHS if other != 'constant')}"
        )
    position, turn = np.arange(n_days), int(day) if day else _PATH_DAY
    if name == "fading":
        faded: Floats = np.maximum(1 - position / turn, 0.0)
        return faded
    after = {"constant": 1.0, "dead": 0.0, "halved": 0.5, "flipped": -1.0}[name]
    stepped: Floats = np.where(position < turn, 1.0, after)
    return stepped
