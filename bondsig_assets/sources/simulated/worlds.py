"""The worlds one can ask for, and how a seed becomes random numbers.

Belongs here: sizes, dates and strengths. Not here: what is drawn with them.

A world may go on: `end` says how much of it is shown, up to HORIZON, and nothing that is drawn
for a day depends on it. Two habits hold that. What exists (companies, bonds, their dates) is drawn
up to HORIZON whatever `end` is. What is a path is drawn in the order of days from a stream of its
own, so that a longer path begins with the shorter one.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date

import numpy as np

from bondsig_assets.calendar import all_trading_days, at_or_after, quarter_of, trading_days
from bondsig_assets.errors import SourceError
from bondsig_assets.sources.simulated import leads

#: A message can arrive this many trading days after the execution it is about, no more.
MAX_REPORT_LAG = 58
#: The day up to which every world is laid out; none can be shown further.
HORIZON = date(2034, 12, 29)


@dataclass(frozen=True)
class World:
    """One simulated market. `lead_strength` is the share of idiosyncratic equity variance
    that bonds learn first (0 plants nothing); `reports_per_day` the regulatory view's mean.

    `lead_shape` is one of `leads.SHAPES`; `lead_path` says how the strength changes in time, as
    `fading:504` (`leads.lead_path`). `rename_day` and `takeover_day` are positions among the
    trading days from `start`; they may lie beyond `end`.
    """

    name: str
    n_parents: int
    start: date
    end: date
    reports_per_day: int
    seed: int = 1
    lead_strength: float = 0.20
    lead_shape: str = "sparse"
    lead_path: str = "constant"
    rename_day: int = 175
    takeover_day: int = 262

    def days(self) -> list[date]:
        """The world's trading days."""
        return trading_days(self.start, self.end)

    def day(self, position: int) -> date:
        """The trading day at `position` of this world, also beyond its end."""
        found: date = self.calendar()[position].item()
        return found

    def calendar(self) -> np.ndarray:
        """Trading days from the start to the end of the calendar, datetime64[D]."""
        days = all_trading_days()
        return days[np.searchsorted(days, np.datetime64(self.start)) :]

    def rng(self, *stream: int) -> np.random.Generator:
        """Random numbers of one stream; streams with different numbers are independent."""
        return np.random.default_rng([self.seed, *stream])


WORLDS: dict[str, World] = {
    "tiny": World("tiny", 24, date(2022, 7, 1), date(2024, 3, 28), 330),
    "demo": World(
        "demo", 120, date(2021, 1, 4), date(2024, 12, 31), 4_900, rename_day=402, takeover_day=603
    ),
    "full": World(
        "full", 300, date(2019, 1, 2), date(2024, 12, 31), 7_900, rename_day=603, takeover_day=905
    ),
}


def world(
    name: str,
    seed: int,
    lead_strength: float,
    lead_shape: str = "sparse",
    lead_path: str = "constant",
    through: date | None = None,
    start: date | None = None,
) -> World:
    """The world `name` with this seed, lead and, where given, last and first day. Raises
    SourceError naming what there is.
    """
    found = _named(name)
    if start is not None:
        found = replace(found, start=start)
    if seed < 0:
        raise SourceError(f"seed {seed} is negative; seeds are 0, 1, 2, …")
    if not 0 <= lead_strength <= 0.4:
        raise SourceError(
            f"lead strength {lead_strength} is outside 0 … 0.4 (a share of idiosyncratic variance)"
        )
    leads.shape(lead_shape)
    leads.lead_path(lead_path, 1)
    if through is not None and not found.start < through <= HORIZON:
        raise SourceError(
            f"world '{name}' can be shown through any day after {found.start} and up to {HORIZON},"
            f" not through {through}"
        )
    return replace(
        found,
        seed=seed,
        lead_strength=lead_strength,
        lead_shape=lead_shape,
        lead_path=lead_path,
        end=through or found.end,
    )


def begin(name: str, newest: date) -> date:
    """First day of a world `name` that is made to the day `newest` and goes on from there: as many
    quarters before that day's as the world is long, so that its history is as long as that of the
    one that has ended. Raises SourceError for an unknown name.
    """
    of_name = _named(name)
    first, last = quarter_of(of_name.start), quarter_of(of_name.end)
    quarters = (last.year - first.year) * 4 + (last.month - first.month) // 3 + 1
    newest_quarter = quarter_of(newest)
    months = 12 * newest_quarter.year + newest_quarter.month - 1 - 3 * quarters
    return at_or_after(date(months // 12, months % 12 + 1, 1))


def _named(name: str) -> World:
    if name not in WORLDS:
        raise SourceError(f"unknown world '{name}'; worlds are: {', '.join(WORLDS)}")
    return WORLDS[name]
