"""How a home grows: daily runs, without and with upkeep, and what twenty years of them come to.

    bondsig run --world tiny; python -m benchmarks.growth HOME [DAYS]

Belongs here: counting files, rows and bytes. Not here: how long a run takes (`orchestration.py`).
HOME, a home that `bondsig run` made, is changed: the rows of its last DAYS (default 8) are taken
out, upkeep treats the rest as old, and each of these days is made in a process of its own, as on a
morning. Upkeep then treats that as old. A day is what the daily runs added, kept what of that
upkeep left; twenty years have 5,040 days. Rows grow with the market, files and Dagster's record
with the number of tables alone. Stopped, it goes on where it was (`growth.json` in HOME).
"""

from __future__ import annotations

import json
import sqlite3
import subprocess
import sys
import time
import warnings
from collections.abc import Sequence
from contextlib import closing
from datetime import date
from pathlib import Path
from typing import Any

import dagster as dg
import polars as pl
from rich.console import Console

from bondsig_assets.calendar import trading_days
from bondsig_assets.commands.run import be_quiet, open_graph
from bondsig_assets.home import Home
from bondsig_assets.orchestration import runner
from bondsig_assets.orchestration.stages import TRAINING, stage_of
from bondsig_assets.tables import TABLES
from bondsig_assets.upkeep.maintain import maintain
from bondsig_assets.warehouse import Warehouse, Write

_YEARS, _DAYS_A_YEAR = 20, 252
#: Days after which is measured.
_MONTH = 21


def measured(home: Home) -> dict[str, float]:
    """Files, rows and megabytes of a home."""
    lake = Warehouse(home.path).lake_state()
    catalog, history = home.path / "lake" / "catalog.sqlite", home.dagster / "history"
    with closing(sqlite3.connect(catalog)) as database:
        statistics = database.execute("SELECT count(*) FROM ducklake_file_column_stats")
        n_statistics = statistics.fetchone()[0]
    return {
        "lake: files of today's tables": lake.files,
        "lake: all files on the disk": len(list((home.path / "lake").rglob("*.parquet"))),
        "lake: MB of files": _megabytes(home.path / "lake" / "files"),
        "lake: snapshots": lake.snapshots,
        "lake: rows of column statistics": n_statistics,
        "lake: MB of catalog": catalog.stat().st_size / 1e6,
        "Dagster: MB of its index": (history / "runs" / "index.db").stat().st_size / 1e6,
        "Dagster: MB of single runs": _megabytes(history / "runs")
        - (history / "runs" / "index.db").stat().st_size / 1e6,
        "Dagster: files of single runs": len(list((history / "runs").glob("*.db"))) - 1,
        "Dagster: MB of everything else": _megabytes(home.dagster) - _megabytes(history / "runs"),
        "MLflow: MB": _megabytes(home.mlflow_database.parent),
    }


def _megabytes(folder: Path) -> float:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file()) / 1e6


def take_out(home: Home, days: Sequence[date]) -> None:
    """Delete the rows of some days from every table that has days."""
    warehouse = Warehouse(home.path)
    warehouse.replace(
        *(
            Write(name, pl.DataFrame(schema=table.polars_schema), (days[0], days[-1]))
            for name, table in TABLES.items()
            if table.partition not in ("", "fold")
        )
    )


def make_day(home: Home, day: date) -> None:
    """A morning's run of one day, with the models there are."""
    be_quiet()
    opened = open_graph(Console(quiet=True), home)
    graph = opened.defs.resolve_asset_graph()
    with opened.instance as instance:
        chosen = {
            name
            for name in runner.selected_assets(opened.defs, "")
            if stage_of(graph.get(dg.AssetKey(name))) != TRAINING
        }
        for stage in runner.plan(opened.defs, instance, day, day, chosen, True):
            runner.execute(opened.defs, instance, stage)


def begun(home: Home, n_days: int) -> dict[str, Any]:
    """What is to be done and what was measured so far, as `growth.json` has it."""
    kept = home.path / "growth.json"
    if not kept.exists():
        span = home.date_range()
        assert span is not None, f"{home.path} holds no market"
        days = trading_days(*span)[-n_days:]
        take_out(home, days)
        maintain(home, 0, 0)
        state = {
            "days": [day.isoformat() for day in days],
            "seconds": [],
            "points": {"0": measured(home)},
        }
        kept.write_text(json.dumps(state))
    found: dict[str, Any] = json.loads(kept.read_text())
    return found


def main(folder: Path, n_days: int) -> None:
    """Grow a home, keep it in order, and print both."""
    warnings.simplefilter("ignore")
    home = Home(folder.absolute())
    state = begun(home, n_days)
    days, seconds, points = state["days"], state["seconds"], state["points"]
    for day in days[len(seconds) :]:
        began = time.monotonic()
        command = [sys.executable, "-m", "benchmarks.growth", str(home.path), "--day", day]
        subprocess.run(command, check=True)
        seconds.append(time.monotonic() - began)
        if len(seconds) % _MONTH == 0 or len(seconds) == len(days):
            points[str(len(seconds))] = measured(home)
            print(f"{len(seconds)} of {len(days)} days", flush=True)
        (home.path / "growth.json").write_text(json.dumps(state))
    before, grown = points["0"], points[str(len(days))]
    done = maintain(home, 0, 0)
    kept = measured(home)
    print(
        f"{len(days)} daily runs, {sum(seconds) / len(days):.1f} s each, the first month's", end=""
    )
    print(f" {_mean(seconds[:_MONTH]):.1f}, the last one's {_mean(seconds[-_MONTH:]):.1f}")
    for line in done.lines():
        print(line)
    scale = _YEARS * _DAYS_A_YEAR
    columns = ("a day", "first month", "last month", "kept", "20 years", "kept")
    print(f"{'':34}" + "".join(f"{name:>13}" for name in columns))
    ends = sorted(map(int, points))
    for name in before:
        added, left = ((after[name] - before[name]) / len(days) for after in (grown, kept))
        rates = [
            (points[str(last)][name] - points[str(first)][name]) / (last - first)
            for first, last in (ends[:2], ends[-2:])
        ]
        numbers = "".join(f"{rate:13.3f}" for rate in (added, *rates, left))
        print(f"{name:34}{numbers}{added * scale:13,.0f}{left * scale:13,.0f}")


def _mean(seconds: Sequence[float]) -> float:
    return sum(seconds) / max(len(seconds), 1)


if __name__ == "__main__":
    if "--day" in sys.argv:
        warnings.simplefilter("ignore")
        make_day(Home(Path(sys.argv[1])), date.fromisoformat(sys.argv[3]))
    else:
        main(Path(sys.argv[1]), int(sys.argv[2]) if len(sys.argv) > 2 else 8)
