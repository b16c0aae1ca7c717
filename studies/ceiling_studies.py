"""The ceiling of worlds of every shape of a lead, beside the champion on the same rows.

Belongs here: what one piece does. Not here: the ceiling itself (`ceiling.py`).
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from bondsig_assets.sources.simulated.market import SimulatedSource
from bondsig_assets.sources.simulated.worlds import world as world_named
from studies.ceiling import ceiling
from studies.champions import CHAMPION
from studies.news_judging import judge, judge_score, judged_frame, judged_models
from studies.news_studies import FIRST_SEED, PATHS, SHAPES, case_name, walked
from studies.panel_worlds import oracle_of
from studies.units import Unit

CEILING_STUDY = "ceiling"
#: Labels of neighbouring days share most of their returns: every so many days are looked at.
EVERY = 3


def ceiling_units(world: str = "demo", seeds: int = 2) -> list[Unit]:
    """The first seeds of every kind of world in which something leads."""
    cases = [(strength, "sparse", "constant") for strength in (0.20, 0.10, 0.05)]
    cases += [(0.20, shape, "constant") for shape in SHAPES]
    cases += [(0.20, "sparse", path) for path in PATHS]
    return [
        Unit(
            CEILING_STUDY,
            f"{case_name(strength, shape, path)}, seed {seed}",
            ceiling_world,
            {
                "world": world,
                "seed": seed,
                "lead_strength": strength,
                "lead_shape": shape,
                "lead_path": path,
                "every": EVERY,
            },
        )
        for strength, shape, path in cases
        for seed in range(FIRST_SEED, FIRST_SEED + seeds)
    ]


def ceiling_world(
    folder: Path,
    world: str,
    seed: int,
    lead_strength: float,
    lead_shape: str,
    lead_path: str,
    every: int,
) -> dict[str, Any]:
    """The ceiling, the oracle and every model on every `every`-th day that the champion of the
    world is judged on.
    """
    of = world_named(world, seed, lead_strength, lead_shape, lead_path)
    walk, source = walked(folder, of), SimulatedSource(of)
    frame = judged_frame(walk.predictions, walk.labels)
    days = source.market.days
    first = int(np.searchsorted(days, frame["trade_date"].sort().to_numpy()[0]))
    made = ceiling(source, first, every)
    frame = frame.join(made.select("trade_date").unique(), on="trade_date", maintain_order="left")
    rows = frame.filter(pl.col("model_name") == CHAMPION)
    keys = ["parent_id", "trade_date"]
    known = rows.drop("prediction", "probability").join(made, on=keys, maintain_order="left")
    forecast = rows.drop("prediction").join(
        oracle_of(source.market), on=keys, maintain_order="left"
    )
    return {
        "ceiling": judge(known),
        "oracle": judge_score(forecast),
        "models": judged_models(frame),
    }
