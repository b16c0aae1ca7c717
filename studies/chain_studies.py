"""Studies on the whole chain: homes made by `bondsig run` from trade reports, or from files.

Belongs here: making such homes and reading what they found. Not here: worlds that start later
(`panel_studies.py`), studies that cheat in these homes (`cheating.py`).
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from bondsig_assets.home import Home
from bondsig_assets.learning.settings import DEFAULT_MODELS
from studies.units import Unit

#: Homes of the whole chain: name → options of `bondsig run`.
CHAINS: dict[str, list[str]] = {
    "lead 0.20": ["--world", "demo", "--seed", "1", "--lead-strength", "0.20"],
    "no lead": ["--world", "demo", "--seed", "1", "--lead-strength", "0"],
}
#: Every model there is, the LSTM as well.
MODELS = (*DEFAULT_MODELS, "lstm")
_CONFIG = Path(__file__).parents[1] / "examples" / "credit_2006_2012" / "source.toml"


def chain_units(chains: dict[str, list[str]] = CHAINS) -> list[Unit]:
    """A home from trade reports to the judgement for each market."""
    return [
        Unit("whole chain", name, whole_chain, {"home": name, "options": options}, cost=8)
        for name, options in chains.items()
    ]


def real_unit(data: Path) -> Unit:
    """The real data set of CDS quotes and stocks, with the example's description of its files."""
    return Unit(
        "real",
        "credit 2006 to 2012",
        whole_chain,
        {"home": "real", "options": ["--source", "files", "--data", str(data)]},
    )


def whole_chain(folder: Path, home: str, options: list[str]) -> dict[str, Any]:
    """Make (or finish) a home, every model trained, and return what its tables say."""
    path = home_of(folder, home)
    path.mkdir(parents=True, exist_ok=True)
    Home(path).learning_file.write_text(f"models = {json.dumps(MODELS)}\n")
    run(path, [*options, "--config", str(_CONFIG)] if "files" in options else options)
    return findings(path)


def home_of(folder: Path, name: str) -> Path:
    """Where the home of a chain lies."""
    return folder / "homes" / name.replace(" ", "_")


def run(home: Path, options: list[str]) -> None:
    """`bondsig run` in a process of its own, its output kept in the home. Raises RuntimeError with
    its last line.
    """
    home.mkdir(parents=True, exist_ok=True)
    log = home.parent / f"{home.name}.log"
    with log.open("a") as out:
        command, environment = (
            [sys.executable, "-m", "bondsig_assets", "run", *options],
            {**os.environ, "BONDSIG_HOME": str(home)},
        )
        done = subprocess.run(
            command, env=environment, stdout=out, stderr=subprocess.STDOUT, check=False
        )
    if done.returncode:
        last = log.read_text().strip().splitlines()[-1:] or ["it said nothing"]
        raise RuntimeError(
            f"bondsig run {' '.join(options)} failed: {last[0]} (all of it in {log})"
        )


def findings(home: Path) -> dict[str, Any]:
    """The judgement of a home: every row of the tables that hold it."""
    from bondsig_assets.reporting.waterfall import waterfall
    from bondsig_assets.warehouse import Warehouse

    warehouse = Warehouse(home)
    tables = (
        "evaluations",
        "probability_evaluations",
        "reliability_bins",
        "thresholds",
        "overfitting",
        "champions",
    )
    found = {name: _plain(warehouse.read_table(name).to_dicts()) for name in tables}
    ics = warehouse.read(
        "SELECT trade_date, model_name, information_coefficient FROM information_coefficients WHERE"
        " horizon_days = 5 ORDER BY ALL"
    )
    importances = warehouse.read(
        "SELECT model_name, feature, avg(share) AS share FROM feature_importances GROUP BY ALL"
        " ORDER BY model_name, share DESC, feature"
    )
    stability = warehouse.read(
        "SELECT model_name, avg(rank_correlation) AS rank_correlation FROM attribution_stability"
        " GROUP BY 1 ORDER BY 1"
    )
    return {
        **found,
        "daily_ics": _plain(ics.to_dict(as_series=False)),
        "importances": _plain(importances.to_dicts()),
        "stability": _plain(stability.to_dicts()),
        "waterfall": _plain(waterfall(warehouse.read).to_dicts()),
    }


def _plain(value: Any) -> Any:
    """The same with dates and moments as text."""
    if isinstance(value, dict):
        return {name: _plain(one) for name, one in value.items()}
    if isinstance(value, list):
        return [_plain(one) for one in value]
    return value.isoformat() if hasattr(value, "isoformat") else value
