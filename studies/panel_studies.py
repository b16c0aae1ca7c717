"""Studies on worlds that start at bond days: null worlds, permutations, shifts and power.

Belongs here: what one piece of each does. Not here: the worlds (`panel_worlds.py`), worlds from
trade reports (`chain_studies.py`), the page (`report.py`).
"""

from __future__ import annotations

from dataclasses import fields, replace
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from bondsig_assets.learning.dataset import Dataset, make_dataset
from bondsig_assets.learning.inputs import ALL_INPUTS, EQUITY_INPUTS
from bondsig_assets.learning.models.catalogue import CONTROL
from bondsig_assets.learning.settings import LearningSettings
from bondsig_assets.sources.simulated.worlds import World
from studies.forward import forward, judged
from studies.kept import keep, world_key
from studies.panel_worlds import Tables, oracle, panel_world, tables_of
from studies.units import Unit

#: Models of the null tests.
NULL_MODELS = ("ridge", "xgboost", "bayes_ridge")
#: A shift of at least half a year: nothing a feature remembers reaches that far.
MINIMUM_SHIFT_DAYS = 126
SMALL = World("panel-small", 60, date(2021, 1, 4), date(2023, 9, 29), 2_500)
LARGE = World("panel", 120, date(2021, 1, 4), date(2024, 12, 31), 4_900)


def panel_units(
    null_seeds: int = 20,
    draws: int = 20,
    power_seeds: int = 5,
    strengths: tuple[float, ...] = (0.0, 0.05, 0.10, 0.20),
    small: World = SMALL,
    large: World = LARGE,
) -> list[Unit]:
    """Pieces of the four studies."""
    units = [
        Unit(
            "null worlds", f"seed {seed}", null_world, {"world": _named(small), "seed": 100 + seed}
        )
        for seed in range(1, null_seeds + 1)
    ]
    units += [
        Unit(
            "permutation",
            f"draw {draw}",
            permuted,
            {"world": _named(small), "seed": 1, "lead_strength": 0.20, "draw": draw},
        )
        for draw in range(1, draws + 1)
    ]
    units += [
        Unit(
            "circular shift",
            f"draw {draw}",
            shifted,
            {"world": _named(small), "seed": 1, "lead_strength": 0.20, "draw": draw},
        )
        for draw in range(1, draws + 1)
    ]
    units += [
        Unit(
            "power",
            f"lead {strength:.2f} seed {seed}",
            power,
            {"world": _named(large), "seed": seed, "lead_strength": strength},
            cost=8,
        )
        for strength in strengths
        for seed in range(1, power_seeds + 1)
    ]
    return units


def null_world(folder: Path, world: list[Any], seed: int) -> dict[str, Any]:
    """A world without a lead: what ridge and XGBoost seem to add."""
    data, labels, _ = _world(folder, world, seed, 0.0)
    settings = replace(LearningSettings(), models=NULL_MODELS)
    return {"models": judged(forward(data, settings.specifications(), settings), labels)}


def permuted(
    folder: Path, world: list[Any], seed: int, lead_strength: float, draw: int
) -> dict[str, Any]:
    """A world with a lead whose credit features are dealt out anew among the issuers of each day
    and sector.
    """
    data, labels, sector = _world(folder, world, seed, lead_strength)
    rng = np.random.default_rng([seed, draw, 1])
    source = np.arange(data.day.size)
    group = (
        pl.DataFrame({"day": data.day, "sector": sector})
        .select(pl.struct("day", "sector").rank("dense"))["day"]
        .to_numpy()
    )
    order = np.lexsort((rng.random(group.size), group))
    source[np.lexsort((source, group))] = order
    return _destroyed(
        folder, data, labels, source, world_key(_world_of(world, seed, lead_strength))
    )


def shifted(
    folder: Path, world: list[Any], seed: int, lead_strength: float, draw: int
) -> dict[str, Any]:
    """A world with a lead in which each issuer has its own credit history, turned by half a year or
    more.
    """
    data, labels, _ = _world(folder, world, seed, lead_strength)
    rng = np.random.default_rng([seed, draw, 2])
    source = np.arange(data.day.size)
    for parent in range(int(data.parent.max()) + 1):
        rows = np.flatnonzero(data.parent == parent)
        if rows.size > 2 * MINIMUM_SHIFT_DAYS:
            source[rows] = np.roll(
                rows, int(rng.integers(MINIMUM_SHIFT_DAYS, rows.size - MINIMUM_SHIFT_DAYS + 1))
            )
        else:
            source[rows] = rng.permutation(rows)
    return _destroyed(
        folder, data, labels, source, world_key(_world_of(world, seed, lead_strength))
    )


def power(folder: Path, world: list[Any], seed: int, lead_strength: float) -> dict[str, Any]:
    """Every tabular model and the oracle that sees the news, in one world."""
    data, labels, _ = _world(folder, world, seed, lead_strength)
    settings = LearningSettings()
    predictions = forward(data, settings.specifications(), settings)
    seen = predictions.filter(pl.col("model_name") == CONTROL).select(
        "parent_id", "ticker", "trade_date"
    )
    ceiling = seen.join(
        oracle(_world_of(world, seed, lead_strength)),
        on=["parent_id", "trade_date"],
        how="left",
        maintain_order="left",
    ).with_columns(prediction=pl.col("prediction").fill_null(0.0), model_name=pl.lit("oracle"))
    return {"models": judged(pl.concat([predictions, ceiling.select(predictions.columns)]), labels)}


def _destroyed(
    folder: Path, data: Dataset, labels: pl.DataFrame, source: np.ndarray, key: str
) -> dict[str, Any]:
    """Judge models whose credit features come from the rows `source`; equity features and labels
    stay, and so does the control.
    """
    credit = np.array([ALL_INPUTS.index(name) for name in ALL_INPUTS if name not in EQUITY_INPUTS])
    z = data.z.copy()
    z[:, credit] = data.z[np.ix_(source, credit)]
    settings = replace(LearningSettings(), models=NULL_MODELS)
    models = [one for one in settings.specifications() if one.name != CONTROL]
    predictions = forward(replace(data, z=z), models, settings)
    return {
        "models": judged(pl.concat([predictions, _control(folder, data, settings, key)]), labels)
    }


def _control(folder: Path, data: Dataset, settings: LearningSettings, key: str) -> pl.DataFrame:
    """Predictions of the control, which no shuffling of credit features changes: made once a
    world.
    """
    path = folder / "worlds" / f"{key}-control.parquet"
    if not path.exists():
        made = forward(
            data, [one for one in settings.specifications() if one.name == CONTROL], settings
        )
        keep(made, path)
    return pl.read_parquet(path)


def _named(world: World) -> list[Any]:
    """A world's size as JSON holds it."""
    return [
        world.name,
        world.n_parents,
        world.start.isoformat(),
        world.end.isoformat(),
        world.reports_per_day,
    ]


def _world_of(named: list[Any], seed: int, lead_strength: float) -> World:
    name, n_parents, start, end, reports = named
    return World(
        name,
        n_parents,
        date.fromisoformat(start),
        date.fromisoformat(end),
        reports,
        seed,
        lead_strength,
    )


def _world(
    folder: Path, named: list[Any], seed: int, lead_strength: float
) -> tuple[Dataset, pl.DataFrame, np.ndarray]:
    """Dataset, labels and sector codes of a world; its tables are kept, for pieces that share
    it.
    """
    of = _world_of(named, seed, lead_strength)
    paths = {
        one.name: folder / "worlds" / f"{world_key(of)}-{one.name}.parquet"
        for one in fields(Tables)
    }
    if not all(path.exists() for path in paths.values()):
        made = tables_of(panel_world(of).panels)
        for name, path in paths.items():
            keep(getattr(made, name), path)
    tables = Tables(**{name: pl.read_parquet(path) for name, path in paths.items()})
    data = make_dataset(
        tables.issuer_days, tables.labels, LearningSettings().walk_forward, tables.credit_news
    )
    sector = (
        tables.issuer_days.sort("trade_date", "parent_id")["sector"]
        .rank("dense")
        .fill_null(0)
        .to_numpy()
    )
    return data, tables.labels, sector
