"""Homes for graph tests, and comparing what is in them.

Belongs here: running the graph as the CLI does, without its printing. Not here: tests.
"""

from __future__ import annotations

import shutil
from datetime import date
from pathlib import Path

import dagster as dg
import polars as pl
from mlflow.tracking._tracking_service import utils as tracking_utils

from bondsig_assets.definitions import build_defs
from bondsig_assets.home import Home, Market
from bondsig_assets.orchestration import runner
from bondsig_assets.sources.registry import make_source
from bondsig_assets.tables import TABLES
from bondsig_assets.warehouse import Warehouse

TINY = Market(world="tiny")
#: Columns that name the run rather than what it found.
_OF_THE_RUN = {
    "models": ["snapshot_id", "mlflow_run_id", "mlflow_model_uri"],
    "champions": ["registry_version"],
    "scores": ["registry_version"],
}


def make_home(path: Path, market: Market = TINY) -> Home:
    """An empty home of `market`."""
    home = Home(path)
    home.claim(market, make_source(market).date_range())
    # Twenty issuers teach a champion too little to leave its base rate by the usual margin, or to
    # be as sure as is asked, and tests want signals.
    home.learning_file.write_text("[signals]\nmargin = 0.0\nminimum_probability = 0.0\n")
    return home


def copy_home(home: Home, path: Path) -> Home:
    """A copy of a home at `path`: what is done with it leaves the original alone."""
    shutil.copytree(home.path, path)
    # MLflow remembers where a run's artifacts are, and copies have the runs of the original.
    tracking_utils._artifact_repos_cache.clear()
    return Home(path)


def run(
    home: Home,
    start: date | None = None,
    end: date | None = None,
    select: str = "",
    again: bool = False,
    checks: bool = True,
) -> int:
    """Materialize what is missing; returns the number of stages that had something to do.

    Without `checks` nothing asks whether the tables are plausible, which takes some
    seconds a run: for tests that compare them bit for bit.
    """
    span = home.date_range()
    assert span is not None
    instance, defs = runner.open_instance(home), build_defs(home)
    if not checks:
        defs = dg.Definitions(
            assets=defs.assets, resources=defs.resources, executor=dg.in_process_executor
        )
    with instance:
        stages = runner.plan(
            defs,
            instance,
            start or span[0],
            end or span[1],
            runner.selected_assets(defs, select),
            again,
        )
        for stage in stages:
            runner.execute(defs, instance, stage)
    return len(stages)


def contents(
    home: Home, *, until: date | None = None, without: tuple[str, ...] = ()
) -> dict[str, pl.DataFrame]:
    """Every table of the market, ordered; daily ones up to `until`."""
    warehouse = Warehouse(home.path)
    tables = {}
    asked = [name for name, table in TABLES.items() if table.group != "operations"]
    with warehouse.on_snapshot():
        for name in [one for one in asked if one not in without]:
            has_days = TABLES[name].partition not in ("", "fold")
            between = (date(2000, 1, 1), until) if until and has_days else None
            frame = warehouse.read_table(name, between=between)
            tables[name] = frame.drop(_OF_THE_RUN.get(name, []))
    return tables


def assert_same(one: dict[str, pl.DataFrame], other: dict[str, pl.DataFrame]) -> None:
    """Bit for bit the same rows in the same tables."""
    assert one.keys() == other.keys()
    for name, frame in one.items():
        assert frame.equals(other[name]), (
            f"{name} differs: {frame.height} and {other[name].height} rows"
        )
