"""Studies of monitors: what rings in worlds whose lead dies, halves or turns round and in worlds
where nothing changes, and what training again is worth after the turn.

Reads what the champions of worlds said as the study of news keeps it, follows the monitors of
accuracy and calibration through each, evening by evening, and counts: alarms before the day of the
change against those promised, trading days from that day to the first alarm against those said
beforehand, and who rang first.

Belongs here: monitors of a whole world, counting, what one piece does. Not here: monitors
(`monitoring/`), series without a market (`alarm_study.py`), worlds and their champions
(`news_studies.py`), training (`retraining.py`), the page (`monitoring_report.py`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import date
from pathlib import Path
from typing import Any

import polars as pl

from bondsig_assets.calendar import day_number, offset, trading_days
from bondsig_assets.learning.labels import days_to_label_end
from bondsig_assets.learning.models.catalogue import CONTROL
from bondsig_assets.market_rules import HORIZON
from bondsig_assets.monitoring.accuracy import Known, accuracy
from bondsig_assets.monitoring.budget import run_lengths, split
from bondsig_assets.monitoring.settings import MonitoringSettings
from bondsig_assets.monitoring.watch import watch
from bondsig_assets.sources.simulated.worlds import World
from bondsig_assets.sources.simulated.worlds import world as world_named
from bondsig_assets.tables.learning import CHAMPIONS
from studies.champions import CHAMPION
from studies.news_judging import judged_frame
from studies.news_studies import FIRST_SEED, case_name, fitted_world, walked
from studies.retraining import retrained
from studies.units import Unit

STUDY = "monitoring"

#: Lead strength, path and number of seeds of each kind of world; the turn lies two years in.
CASES = (
    (0.20, "constant", 10),
    (0.10, "constant", 10),
    (0.0, "constant", 20),
    (0.20, "dead:504", 3),
    (0.20, "halved:504", 3),
    (0.20, "flipped:504", 3),
)
DEFAULTS = MonitoringSettings()
#: Judged rows have the label that models are trained on and no simple return: without it there is
#: no book, and without rows of `champions` no challenger.
WATCHED = (
    "ic",
    "ic_over_equity",
    "champion_less_control",
    "calibration_slope",
    "calibration_level",
)


def series_of(judged: pl.DataFrame) -> pl.DataFrame:
    """Series (`watch.SERIES`) of the WATCHED of a world's champion: `judged` has rows of
    `news_judging.judged_frame`.

    Every label counts as known on the evening of its last day, as the graph has it.
    """
    own = judged.filter(pl.col("model_name") == CHAMPION)
    keys = ["parent_id", "trade_date"]
    days = own["trade_date"].unique().sort()
    known = pl.DataFrame(
        {
            "trade_date": days,
            "known_date": [offset(day, days_to_label_end(HORIZON)) for day in days],
        },
        schema={"trade_date": pl.Date, "known_date": pl.Date},
    )
    labels = own.select(
        *keys,
        horizon_days=pl.lit(HORIZON, pl.Int64),
        label_pct="label",
        simple_excess_pct=pl.lit(None, pl.Float64),
    ).join(known, on="trade_date")
    scores = own.select(
        *keys, "prediction", "base_rate", probability_underperform=pl.col("probability")
    )
    control = own.select(*keys, prediction="control", model_name=pl.lit(CONTROL))
    found = accuracy(control, scores, Known(labels, 0), CHAMPIONS.empty())
    return found.filter(pl.col("monitor").is_in(WATCHED))


def monitored_world(
    judged: pl.DataFrame, settings: MonitoringSettings = DEFAULTS, years: float | None = None
) -> pl.DataFrame:
    """Rows of `monitors` of the WATCHED for every evening from the first label on; each within the
    default budget, or ringing falsely once in `years`.
    """
    series = series_of(judged)
    if series.is_empty():
        return watch(series, [], {}, settings.means)
    lengths = {
        name: length for name, length in run_lengths(split(settings)).items() if name in WATCHED
    }
    if years is not None:
        lengths = dict.fromkeys(lengths, 252.0 * years)
    known: list[date] = series["known_date"].unique().sort().to_list()
    return watch(series, trading_days(known[0], known[-1]), lengths, settings.means)


@dataclass(frozen=True)
class Rung:
    """What rang in one world, `turn` being the day of the change, if there is one: alarms before
    it and how many were `promised` by then; `delay` trading days from it to the first alarm,
    infinite for none, `who` that was, and `said`: the delay that it told on the last evening before
    the turn.
    """

    before: int
    promised: float
    delay: float = float("inf")
    who: str = ""
    said: float = float("nan")


def rung_in(monitors: pl.DataFrame, turn: date | None) -> Rung:
    """Count the alarms among rows of `monitors`; an alarm counts as before the turn up to its
    evening.
    """
    quiet = monitors if turn is None else monitors.filter(pl.col("trade_date") <= turn)
    promised = quiet.group_by("monitor").agg(pl.col("expected_false_alarms").max())
    before = quiet.filter(pl.col("state") == "alarm").height
    total = float(promised["expected_false_alarms"].fill_null(0.0).sum())
    if turn is None:
        return Rung(before, total)
    after = monitors.filter(pl.col("trade_date") > turn, pl.col("state") == "alarm")
    if after.is_empty():
        return Rung(before, total)
    first = after.sort("trade_date", "monitor").row(0, named=True)
    begun, ended = day_number(pl.Series([turn, first["trade_date"]], dtype=pl.Date))
    told = quiet.filter(pl.col("monitor") == first["monitor"]).sort("trade_date")["delay_days"]
    said = float("nan") if told.is_empty() or told[-1] is None else float(told[-1])
    return Rung(before, total, float(ended - begun), first["monitor"], said)


def turn_of(world: World) -> date | None:
    """The first trading day of the other lead; None where it never changes."""
    name, _, position = world.lead_path.partition(":")
    return None if name == "constant" else world.day(int(position or 504))


def monitoring_units(
    world: str = "demo", cases: Sequence[tuple[float, str, int]] = CASES
) -> list[Unit]:
    """A piece a world; those that the study of news walks need not be walked again."""
    return [
        Unit(
            STUDY,
            f"{case_name(strength, 'sparse', path)}, seed {seed}",
            monitoring_world,
            {"world": world, "seed": seed, "lead_strength": strength, "lead_path": path},
            cost=0.1 if path == "constant" else 1.0,
        )
        for strength, path, seeds in cases
        for seed in range(FIRST_SEED, FIRST_SEED + seeds)
    ]


def monitoring_world(
    folder: Path, world: str, seed: int, lead_strength: float, lead_path: str
) -> dict[str, Any]:
    """What rang in one world; where its lead changes, also what each way of training again was
    worth from that day on.
    """
    of = world_named(world, seed, lead_strength, "sparse", lead_path)
    walk, turn = walked(folder, of), turn_of(of)
    rung = rung_in(monitored_world(judged_frame(walk.predictions, walk.labels)), turn)
    found: dict[str, Any] = {"rung": asdict(rung)}
    if turn is not None:
        found["retrained"] = retrained(fitted_world(of), walk.labels, turn, monitored_world)
    return found
