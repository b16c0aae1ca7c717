"""How a home grows: daily runs, without and with upkeep, and what twenty years of them come to.

    bondsig run --world tiny; python -m benchmarks.growth HOME [DAYS]

Belongs here: counting files, rows and bytes. Not here: how long a run takes (`orchestration.py`).
HOME, a home that `bondsig run` made, is changed: the rows of its last DAYS (default 8) are taken
out, upkeep treats the rest as old, and each of these days is made in a run of its own, as on a
morning. Upkeep then treats that as old. A day is what the daily runs added, kept what of that
upkeep left; twenty years have 5,040 days. Rows grow with the market, files and Dagster's record
with the number of tables alone.
"""

from __future__ import annotations

import sqlite3
import sys
import time
import warnings
from collections.abc import Sequence
from contextlib import closing
from datetime import date
from pathlib import Path

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


def run_daily(home: Home, days: Sequence[date]) -> float:
    """Make days one by one, with the models there are; seconds."""
    began = time.monotonic()
    for day in days:
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
    return time.monotonic() - began


def main(folder: Path, n_days: int) -> None:
    """Grow a home, keep it in order, and print both."""
    warnings.simplefilter("ignore")
    be_quiet()
    home = Home(folder.absolute())
    span = home.date_range()
    assert span is not None, f"{folder} holds no market"
    days = trading_days(*span)[-n_days:]
    take_out(home, days)
    maintain(home, 0, 0)
    before = measured(home)
    seconds = run_daily(home, days)
    grown = measured(home)
    done = maintain(home, 0, 0)
    kept = measured(home)
    print(f"{n_days} daily runs, {seconds / n_days:.1f} s each")
    for line in done.lines():
        print(line)
    scale = _YEARS * _DAYS_A_YEAR
    print(f"{'':34}{'a day':>10}{'kept':>10}{'20 years':>12}{'kept':>12}")
    for name in before:
        added, left = ((after[name] - before[name]) / n_days for after in (grown, kept))
        print(f"{name:34}{added:10.3f}{left:10.3f}{added * scale:12,.0f}{left * scale:12,.0f}")


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]) if len(sys.argv) > 2 else 8)
