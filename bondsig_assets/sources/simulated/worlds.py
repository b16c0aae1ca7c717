"""The worlds one can ask for, and how a seed becomes random numbers.

Belongs here: sizes, dates and strengths. Not here: what is drawn with them.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date

import numpy as np

from bondsig_assets.calendar import trading_days
from bondsig_assets.errors import SourceError

#: A message can arrive this many trading days after the execution it is about, no more.
MAX_REPORT_LAG = 58


@dataclass(frozen=True)
class World:
    """One simulated market. `lead_strength` is the share of idiosyncratic equity variance
    that bonds learn first (0 plants nothing); `reports_per_day` the regulatory view's mean."""

    name: str
    n_parents: int
    start: date
    end: date
    reports_per_day: int
    seed: int = 1
    lead_strength: float = 0.20

    def days(self) -> list[date]:
        """The world's trading days."""
        return trading_days(self.start, self.end)

    def rng(self, *stream: int) -> np.random.Generator:
        """Random numbers of one stream; streams with different numbers are independent."""
        return np.random.default_rng([self.seed, *stream])


WORLDS: dict[str, World] = {
    "tiny": World("tiny", 24, date(2022, 7, 1), date(2024, 3, 28), 330),
    "demo": World("demo", 120, date(2021, 1, 4), date(2024, 12, 31), 4_900),
    "full": World("full", 300, date(2019, 1, 2), date(2024, 12, 31), 7_900),
}


def world(name: str, seed: int, lead_strength: float) -> World:
    """The world `name` with this seed and strength. Raises SourceError naming those that exist."""
    if name not in WORLDS:
        raise SourceError(f"unknown world '{name}'; worlds are: {', '.join(WORLDS)}")
    if seed < 0:
        raise SourceError(f"seed {seed} is negative; seeds are 0, 1, 2, …")
    if not 0 <= lead_strength <= 0.4:
        raise SourceError(
            f"lead strength {lead_strength} is outside 0 … 0.4 (a share of idiosyncratic variance)"
        )
    return replace(WORLDS[name], seed=seed, lead_strength=lead_strength)
