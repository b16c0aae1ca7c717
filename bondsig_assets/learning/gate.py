"""The gate: which model scores from which day on.

What is compared is the headline: the daily size-weighted IC that a model adds over the control of
its own fold.

Belongs here: comparing a challenger with the champion on days that neither had seen. Not here:
fitting (`training.py`), MLflow's alias and the table of champions (`assets/models.py`).

A refit of the champion's specification takes over unless it is worse than the champion by more than
`refit_tolerance` standard errors of the difference of daily ICs, on the days of the fold's
calibration span that the champion had not been trained on either. Another specification must be
better than the champion's by `new_specification_margin` of them: sibling against sibling, like for
like, over up to a year of calibration spans. One quarter's days would promote noise: with four
challengers of equal skill one in five quarters (docs/decisions/0007-learning.md).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Literal

import numpy as np
import polars as pl

from bondsig_assets.learning.settings import GateSettings
from bondsig_assets.learning.statistics import lags_of, newey_west

#: Days of calibration spans that specifications are compared over, at most.
LONGEST_COMPARISON_DAYS = 252
Decision = Literal["first", "refit", "new_specification", "kept", "person"]


@dataclass(frozen=True)
class Candidate:
    """A model of one fold as the gate sees it."""

    fold: date
    first_day: date
    name: str
    specification_hash: str

    @property
    def version(self) -> str:
        """Name and fold."""
        return f"{self.name} {self.fold}"


@dataclass(frozen=True)
class Verdict:
    """Who is champion from `valid_from` on, and the comparison that decided it; numbers are None
    where nothing was compared.
    """

    valid_from: date
    champion: Candidate
    decision: Decision
    reason: str
    incumbent: Candidate | None = None
    challenger: Candidate | None = None
    n_days: int | None = None
    difference: float | None = None
    error: float | None = None
    threshold: float | None = None


#: Daily trade_date and size_weighted_ic (added over the control) of a model of an earlier fold on
#: the calibration span of a later one.
IncumbentIcs = Callable[[Candidate, date], pl.DataFrame]


def decide(
    fold: date,
    candidates: Sequence[Candidate],
    siblings: pl.DataFrame,
    incumbent: Candidate | None,
    incumbent_ics: IncumbentIcs,
    horizon: int,
    settings: GateSettings,
) -> Verdict:
    """The champion of one fold.

    `candidates`: the fold's models that may be champion, in any order; `siblings`:
    specification_hash, trade_date, size_weighted_ic of the siblings of this fold and of
    those before it, a day once for each specification; `incumbent`: the champion before, None at
    the first fold.
    """
    candidates = sorted(candidates, key=lambda c: c.name)
    first_day = candidates[0].first_day
    if incumbent is None:
        chosen = next((c for c in candidates if c.name == settings.first_champion), candidates[0])
        named = (
            "was named beforehand as the first champion"
            if chosen.name == settings.first_champion
            else f"is the first by name; there is no {settings.first_champion}"
        )
        return Verdict(first_day, chosen, "first", f"{chosen.name} {named}")
    before = incumbent_ics(incumbent, fold).filter(pl.col("trade_date") >= incumbent.first_day)
    better = _new_specification(
        first_day, candidates, siblings, incumbent, before, horizon, settings
    )
    return better or _refit(first_day, candidates, siblings, incumbent, before, horizon, settings)


def _new_specification(
    first_day: date,
    candidates: Sequence[Candidate],
    siblings: pl.DataFrame,
    incumbent: Candidate,
    before: pl.DataFrame,
    horizon: int,
    settings: GateSettings,
) -> Verdict | None:
    """The challenger of another specification that is better by the margin, None where there is
    none.

    A champion whose specification is not fitted any more has no siblings to compare with: then it
    is the model itself, on its unseen days, or a change of settings would keep it for ever.
    """
    is_refitted = any(one.specification_hash == incumbent.specification_hash for one in candidates)
    of_champion = _of(siblings, incumbent.specification_hash) if is_refitted else before
    needed = settings.new_specification_days if is_refitted else settings.minimum_holdout_days
    best: tuple[float, Verdict] | None = None
    for one in candidates:
        if one.specification_hash == incumbent.specification_hash:
            continue
        n, mean, error = _difference(_of(siblings, one.specification_hash), of_champion, horizon)
        margin = settings.new_specification_margin * error
        if n >= needed and error > 0 and mean > margin and (best is None or mean / error > best[0]):
            words = (
                f"better than {incumbent.name} by {mean:+.4f}, more than"
                f" {settings.new_specification_margin:g} standard errors ({margin:.4f}), over {n}"
                " days"
            )
            best = (
                mean / error,
                Verdict(
                    first_day,
                    one,
                    "new_specification",
                    words,
                    incumbent,
                    one,
                    n,
                    mean,
                    error,
                    margin,
                ),
            )
    return best[1] if best else None


def _refit(
    first_day: date,
    candidates: Sequence[Candidate],
    siblings: pl.DataFrame,
    incumbent: Candidate,
    before: pl.DataFrame,
    horizon: int,
    settings: GateSettings,
) -> Verdict:
    """The refit of the champion's specification, or the champion where the refit is clearly worse
    or there is none.
    """
    refit = next(
        (c for c in candidates if c.specification_hash == incumbent.specification_hash), None
    )
    if refit is None:
        words = (
            f"no model of this fold refits {incumbent.version}, and none is better by"
            f" {settings.new_specification_margin:g} standard errors"
        )
        return Verdict(first_day, incumbent, "kept", words, incumbent)
    n, mean, error = _difference(_of(siblings, refit.specification_hash), before, horizon)
    if n < max(settings.minimum_holdout_days, 4 * lags_of(horizon, n)):
        return Verdict(
            first_day,
            refit,
            "refit",
            f"only {n} days to compare on: the refit goes through",
            incumbent,
            refit,
            n,
            mean,
            error,
        )
    least = -settings.refit_tolerance * error
    tolerated = f"{settings.refit_tolerance:g} standard errors"
    if mean >= least:
        words = (
            f"refit differs from {incumbent.version} by {mean:+.4f}, not below {least:.4f}"
            f" ({tolerated})"
        )
        return Verdict(first_day, refit, "refit", words, incumbent, refit, n, mean, error, least)
    words = (
        f"refit is worse than {incumbent.version} by {-mean:.4f}, more than {tolerated}"
        f" ({-least:.4f}): the champion stays"
    )
    return Verdict(first_day, incumbent, "kept", words, incumbent, refit, n, mean, error, least)


def _of(siblings: pl.DataFrame, specification_hash: str) -> pl.DataFrame:
    """Daily ICs of one specification over its last LONGEST_COMPARISON_DAYS days."""
    return (
        siblings.filter(pl.col("specification_hash") == specification_hash)
        .sort("trade_date")
        .tail(LONGEST_COMPARISON_DAYS)
    )


def _difference(
    challenger: pl.DataFrame, incumbent: pl.DataFrame, horizon: int
) -> tuple[int, float, float]:
    """Days, mean difference of daily ICs and its Newey-West standard error (0 where the ICs are the
    same every day).
    """
    paired = challenger.join(incumbent, on="trade_date", suffix="_incumbent").sort("trade_date")
    gap = (
        (paired["size_weighted_ic"] - paired["size_weighted_ic_incumbent"]).drop_nulls().to_numpy()
    )
    if gap.size == 0:
        return 0, 0.0, 0.0
    mean, error = newey_west(gap, min(lags_of(horizon, gap.size), max(gap.size - 2, 0)))
    return gap.size, mean, error if np.isfinite(error) else 0.0
