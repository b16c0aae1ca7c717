"""Studies of news: power and false discovery of the champion in worlds of every shape and path of a
lead, from bond days and from trade reports.

Belongs here: which worlds, and what one piece does. Not here: the worlds (`panel_worlds.py`), the
gate in memory (`champions.py`), statistics (`news_judging.py`), the ceiling
(`ceiling_studies.py`), the page (`news_report.py`).
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import polars as pl

from bondsig_assets.home import Home
from bondsig_assets.learning.dataset import Dataset, make_dataset
from bondsig_assets.learning.settings import LearningSettings
from bondsig_assets.sources.simulated.market import SimulatedSource
from bondsig_assets.sources.simulated.worlds import World
from bondsig_assets.sources.simulated.worlds import world as world_named
from studies.chain_studies import home_of, run
from studies.champions import CHAMPION, Fitted, fitted_with_gate, walk_with_gate
from studies.kept import keep, world_key
from studies.news_judging import judge_score, judged_frame, judged_models, shifted_t
from studies.panel_worlds import oracle_of, panel_world, tables_of
from studies.units import Unit

#: Kinds that hear news and may be champion: the first by declaration, and one coefficient.
KINDS = ("bayes_ridge", "expected_reaction")
#: Seeds that no choice was made on.
FIRST_SEED = 1001
#: Shapes of a lead beside the usual one, and paths; the turn lies two years in.
SHAPES = ("diffuse", "slow", "bad_news", "institutional", "cds_only")
PATHS = ("fading:504", "dead:504", "flipped:504")
#: Circular shifts of each world at the usual lead: together a hundred and fifty.
SHIFTS = 15
#: Options of each chain from trade reports beside its seed: how many worlds, lead strength.
CHAINS = ((10, 0.20), (10, 0.10), (1, 0.05), (1, 0.0))
STUDY, CHAIN_STUDY = "news", "news from trade reports"


def news_units(
    world: str = "demo", power_seeds: int = 10, shape_seeds: int = 3, null_seeds: int = 20
) -> list[Unit]:
    """Worlds from bond days: the usual lead in three strengths, every other shape and path, and two
    kinds of world in which nothing leads.
    """
    cases = [(strength, "sparse", "constant", power_seeds) for strength in (0.20, 0.10, 0.05)]
    cases += [(0.20, shape, "constant", shape_seeds) for shape in SHAPES]
    cases += [(0.20, "sparse", path, shape_seeds) for path in PATHS]
    cases += [(0.0, "sparse", "constant", null_seeds), (0.20, "same_day", "constant", null_seeds)]
    return [
        Unit(
            STUDY,
            f"{case_name(strength, shape, path)}, seed {seed}",
            news_world,
            {
                "world": world,
                "seed": seed,
                "lead_strength": strength,
                "lead_shape": shape,
                "lead_path": path,
                "shifts": SHIFTS if (strength, shape, path) == (0.20, *_USUAL) else 0,
            },
        )
        for strength, shape, path, seeds in cases
        for seed in range(FIRST_SEED, FIRST_SEED + seeds)
    ]


_USUAL = ("sparse", "constant")


def news_chain_units(
    world: str = "demo", chains: Sequence[tuple[int, float]] = CHAINS
) -> list[Unit]:
    """Worlds from trade reports through the real chain, which trains KINDS alone."""
    return [
        Unit(
            CHAIN_STUDY,
            f"{case_name(strength, *_USUAL)}, seed {seed}",
            news_chain,
            {"world": world, "seed": seed, "lead_strength": strength},
            cost=6,
        )
        for seeds, strength in chains
        for seed in range(FIRST_SEED, FIRST_SEED + seeds)
    ]


def case_name(lead_strength: float, lead_shape: str, lead_path: str) -> str:
    """A kind of world in words."""
    path = "" if lead_path == "constant" else f" {lead_path}"
    return f"{lead_shape}{path} {lead_strength:.2f}"


def news_world(
    folder: Path,
    world: str,
    seed: int,
    lead_strength: float,
    lead_shape: str,
    lead_path: str,
    shifts: int = 0,
) -> dict[str, Any]:
    """The champion by the gate and each of KINDS in one world from bond days, the oracle beside
    them; and t of each statistic in `shifts` circular shifts of the champion's scores.
    """
    of = world_named(world, seed, lead_strength, lead_shape, lead_path)
    walk = walked(folder, of)
    frame = judged_frame(walk.predictions, walk.labels)
    chosen = frame.filter(pl.col("model_name") == CHAMPION)
    forecast = (
        chosen.drop("prediction")
        .join(
            oracle_of(SimulatedSource(of).market),
            on=["parent_id", "trade_date"],
            how="left",
            maintain_order="left",
        )
        .with_columns(pl.col("prediction").fill_null(0.0))
    )
    return {
        "models": judged_models(frame),
        "champions": walk.champions,
        "oracle": judge_score(forecast),
        "shifts": shifted_t(chosen, shifts, seed),
    }


@dataclass(frozen=True)
class Walked:
    """What every model and the champion of a world from bond days said (`Walk.predictions`), and
    the world's `labels`.
    """

    predictions: pl.DataFrame
    labels: pl.DataFrame

    @property
    def champions(self) -> list[str]:
        """The champions' names by quarter."""
        rows = self.predictions.filter(pl.col("model_name") == CHAMPION).sort("trade_date")
        versions = rows["model_version"].unique(maintain_order=True)
        named = self.predictions.filter(pl.col("model_name") != CHAMPION)
        names = dict(named.select("model_version", "model_name").unique().iter_rows())
        return [names[version] for version in versions]


def walked(folder: Path, world: World) -> Walked:
    """A world from bond days with KINDS walked forward and a champion by the gate: made once and
    kept in `folder`, for studies of news, of its ceiling and of money.
    """
    paths = walked_paths(folder, world)
    if not is_walked(folder, world):
        data, settings, labels = _ground(world)
        for path, frame in zip(
            paths, (walk_with_gate(data, settings).predictions, labels), strict=True
        ):
            keep(frame, path)
    return Walked(*(pl.read_parquet(path) for path in paths))


def fitted_world(world: World) -> Fitted:
    """The models themselves of a world from bond days, made anew: they are not kept."""
    data, settings, _ = _ground(world)
    return fitted_with_gate(data, settings)


def _ground(world: World) -> tuple[Dataset, LearningSettings, pl.DataFrame]:
    """What KINDS are trained on in a world from bond days, and its labels."""
    of = tables_of(panel_world(world).panels)
    settings = replace(LearningSettings(), models=KINDS)
    data = make_dataset(of.issuer_days, of.labels, settings.walk_forward, of.credit_news)
    return data, settings, of.labels


def walked_paths(folder: Path, world: World) -> list[Path]:
    """Where a walked world keeps its predictions and its labels."""
    key = world_key(world)
    return [folder / "worlds" / f"{key}-{name}.parquet" for name in ("predictions", "labels")]


def is_walked(folder: Path, world: World) -> bool:
    """Whether `walked` need only read."""
    return all(path.exists() for path in walked_paths(folder, world))


def news_chain(folder: Path, world: str, seed: int, lead_strength: float) -> dict[str, Any]:
    """The champion that `bondsig run` chose and each of KINDS in one world from trade reports.

    What was scored is judged, not made again. The home is removed when its tables were read; its
    log stays beside it.
    """
    home = home_of(folder, f"news {world} {lead_strength:.2f} {seed}")
    home.mkdir(parents=True, exist_ok=True)
    Home(home).learning_file.write_text(f"models = {json.dumps(KINDS)}\n")
    run(
        home,
        [
            *("--world", world, "--seed", str(seed), "--lead-strength", str(lead_strength)),
            *("--select", "+key:scores or +key:predictions"),
        ],
    )
    frame, champions = scored(home)
    found = {"models": judged_models(frame), "champions": champions}
    shutil.rmtree(home)
    return found


def scored(home: Path) -> tuple[pl.DataFrame, list[str]]:
    """Judged rows of a home's models and of what was scored by the champion of the day, and the
    champions' names by quarter.
    """
    from bondsig_assets.warehouse import Warehouse

    warehouse = Warehouse(home)
    rates = warehouse.read_table("models", columns=["model_version", "base_rate"])
    columns = ["trade_date", "parent_id", "prediction", "probability_underperform", "base_rate"]
    predictions = warehouse.read_table("predictions").join(
        rates, on="model_version", how="left", maintain_order="left"
    )
    scores = warehouse.read_table("scores").with_columns(model_name=pl.lit(CHAMPION))
    frame = judged_frame(
        pl.concat([one.select("model_name", *columns) for one in (predictions, scores)]),
        warehouse.read_table("labels"),
    )
    champions = warehouse.read_table("champions").sort("valid_from_date")["model_name"].to_list()
    return frame, champions
