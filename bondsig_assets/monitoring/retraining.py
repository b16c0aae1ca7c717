"""What an alarm asks for: a training of the running quarter, or nothing yet, and why.

Belongs here: rows of `retrain_requests` from alarms. Not here: starting a training (a sensor's
part), who scores afterwards (the gate alone decides: `learning/gate.py`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

import polars as pl

from bondsig_assets.calendar import cutoff, day_number, quarter_of
from bondsig_assets.monitoring.settings import RetrainingSettings
from bondsig_assets.tables.monitoring import RETRAIN_REQUESTS


@dataclass(frozen=True)
class _Asked:
    """What stands before an evening: when a training was last asked for, and what was held back
    since.
    """

    on: date | None = None
    held: tuple[str, ...] = ()
    held_since: date | None = None


def retrain_requests(
    alarms: pl.DataFrame,
    champions: pl.DataFrame,
    before: pl.DataFrame,
    evenings: Sequence[date],
    settings: RetrainingSettings,
) -> pl.DataFrame:
    """Rows of `retrain_requests` for the `evenings` on which something was decided.

    `alarms`: rows of that table, reaching back `held_days` trading days before the first evening;
    `champions`: rows of that table; `before`: rows of `retrain_requests` of earlier evenings (later
    ones are of no account). Asked, unless one was asked for less than `cool_down_days` trading days
    before, nobody is champion yet, or the data rang within the last `held_days`: then it is held,
    and asked on the first evening after that.
    """
    ordered = sorted(evenings)
    if not ordered:
        return RETRAIN_REQUESTS.empty()
    state = _standing(before.filter(pl.col("trade_date") < ordered[0]).sort("trade_date"))
    relevant = alarms.filter(pl.col("family").is_in(settings.families))
    data_days = _numbers(alarms.filter(pl.col("family").is_in(settings.held_by))["trade_date"])
    rows = []
    for evening in ordered:
        own = relevant.filter(pl.col("trade_date") == evening).sort("monitor")
        number = _numbers(pl.Series([evening], dtype=pl.Date))[0]
        is_broken = any(number - settings.held_days < day <= number for day in data_days)
        evidence = tuple(sorted({*own["monitor"], *state.held}))
        if not evidence or (is_broken and own.is_empty()):
            continue
        since = min(
            (day for day in (*own["since_date"], state.held_since) if day is not None),
            default=None,
        )
        row = _decide(
            evening, evidence, since, state, _champion(champions, evening), is_broken, settings
        )
        rows.append(row)
        state = _after(state, row)
    return RETRAIN_REQUESTS.conform(
        pl.DataFrame(rows, schema=RETRAIN_REQUESTS.polars_schema, orient="row")
    )


def _standing(before: pl.DataFrame) -> _Asked:
    state = _Asked()
    for row in before.iter_rows(named=True):
        state = _after(state, row)
    return state


def _after(state: _Asked, row: dict[str, Any]) -> _Asked:
    """What stands after a row."""
    if row["state"] == "asked":
        return _Asked(on=row["trade_date"])
    if row["state"] == "held":
        return _Asked(state.on, tuple(row["evidence"]), row["since_date"])
    return _Asked(on=state.on)


def _decide(
    evening: date,
    evidence: tuple[str, ...],
    since: date | None,
    state: _Asked,
    champion: str | None,
    is_broken: bool,
    settings: RetrainingSettings,
) -> dict[str, Any]:
    waited, n_days = _days_between(state.on, evening), _days_between(since, evening)
    rang = f"{', '.join(evidence)} rang"
    fold = quarter_of(evening)
    if champion is None:
        decided, words = "no_champion", f"{rang}; there is no champion to replace"
    elif is_broken:
        decided = "held"
        words = (
            f"{rang}, and so did the data in the last {settings.held_days} trading days: mend it"
            " first"
        )
    elif waited is not None and waited < settings.cool_down_days:
        decided = "cooling_down"
        words = (
            f"{rang}; a training was asked for {waited} trading days ago, fewer than"
            f" {settings.cool_down_days}"
        )
    else:
        decided, words = "asked", f"{rang}: train the quarter of {fold}, and let the gate decide"
    return {
        "trade_date": evening,
        "state": decided,
        "evidence": list(evidence),
        "since_date": since,
        "n_days": n_days,
        "model_version": champion,
        "fold": fold,
        "last_asked_date": state.on,
        "explanation": words,
        "known_at": cutoff(evening),
    }


def _days_between(start: date | None, end: date) -> int | None:
    if start is None:
        return None
    first, last = _numbers(pl.Series([start, end], dtype=pl.Date))
    return last - first


def _champion(champions: pl.DataFrame, evening: date) -> str | None:
    there = champions.filter(pl.col("valid_from_date") <= evening).sort("valid_from_date")
    return None if there.is_empty() else str(there["model_version"][-1])


def _numbers(days: pl.Series) -> list[int]:
    found: list[int] = day_number(days.drop_nulls()).to_list()
    return found
