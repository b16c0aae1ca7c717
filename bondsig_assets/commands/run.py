"""`bondsig run`: a range of days from raw reports to scores, with progress and a summary.

Belongs here: choosing the range, showing progress, telling failures. Not here: how runs are
planned and executed (`orchestration/runner.py`).
"""

from __future__ import annotations

import logging
import os
import time
import warnings
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, replace
from datetime import date, timedelta
from functools import partial
from typing import TYPE_CHECKING

from rich.console import Console

from bondsig_assets.calendar.clock import newest_ended_day
from bondsig_assets.commands.console import open_console
from bondsig_assets.commands.progress import Progress
from bondsig_assets.compile_ahead import compiling_beside
from bondsig_assets.errors import UserError
from bondsig_assets.home import Home, Market
from bondsig_assets.machine import keep_what_lives
from bondsig_assets.sources.base import Source
from bondsig_assets.sources.reach import fingerprint
from bondsig_assets.tables import RAW_DAILY, RAW_REFERENCE

if TYPE_CHECKING:
    import dagster as dg

    from bondsig_assets.learning.settings import LearningSettings
    from bondsig_assets.warehouse import Warehouse

#: A first run over fewer days is done before its kernels could have been compiled beside it.
_LONG = timedelta(days=90)


def run_range(
    home: Home, market: Market, start: date | None, end: date | None, select: str, again: bool
) -> None:
    """Materialize what is missing between `start` and `end` and print what was found."""
    from bondsig_assets.warehouse.shared_settings import claim

    console, began = open_console(), time.monotonic()
    be_quiet()
    is_new = home.market() is None
    market = _begun(home, market)
    source = open_source(home, market)
    date_range = source.date_range()
    first, last = _range(date_range, start, end)
    read_all_files(market, source, date_range[0])
    again = again or _must_be_redone(console, home, market)
    claim(home, market, date_range, fingerprint(market))
    console.print(f"[bold]{market.describe()}[/]\nhome {home.path}\ndays {first} … {last}")
    _say_what_is_lacking(console, market, source)
    is_long = is_new and last - first > _LONG
    with compiling_beside() if is_long else nullcontext():
        what = f"{first} … {last}{' ' + select if select else ''}"
        begin = partial(note_launch, home, "bondsig run", what)
        opened = open_graph(console, home)
        did = materialize(console, opened, first, last, select, again, begin=begin)
    if not did:
        console.print("everything is done already; --again does it again")
    took = round(time.monotonic() - began)
    show_summary(
        home,
        f"Took {took // 60:.0f} min {took % 60:.0f} s." if took >= 60 else f"Took {took:.0f} s.",
    )
    if market.is_live:
        console.print(
            "this market goes on, one trading day each morning: `bondsig catch-up` brings it, or"
            " the schedule every_morning (`bondsig ui`, Automation)"
        )


def be_quiet() -> None:
    """What is told comes from us: the log of Dagster is in its own files."""
    warnings.simplefilter("ignore")
    logging.getLogger("dagster").setLevel(logging.CRITICAL)


def show_summary(home: Home, took: str = "") -> None:
    """Print what the warehouse of `home` holds."""
    from bondsig_assets.reporting.summary import print_summary
    from bondsig_assets.warehouse import Warehouse

    # Who only reads a team's lake may not set it up.
    warehouse = Warehouse(home.path) if Warehouse(home.path).is_shared else open_warehouse(home)
    page = home.report / "index.html"
    with warehouse.on_snapshot():
        print_summary(
            open_console(),
            warehouse.read,
            held_market(home).describe(),
            str(home.pictures),
            str(page) if page.exists() else "",
            took,
        )


def held_market(home: Home) -> Market:
    """The market of `home`; raises UserError where it holds none."""
    market = home.market()
    if market is None:
        raise UserError(f"{home.path} holds no market yet: `make run` or `bondsig run` makes one")
    return market


def open_warehouse(home: Home) -> Warehouse:
    """The warehouse of `home`, its tables and views in place."""
    from bondsig_assets.warehouse import Warehouse

    held_market(home)
    warehouse = Warehouse(home.path)
    warehouse.initialize()
    return warehouse


def open_source(home: Home, market: Market) -> Source:
    """The source of `market`; raises HomeError where the home holds another."""
    from bondsig_assets.sources.registry import make_source

    source, held = make_source(market), home.market()
    if held is not None and not market.follows(held):
        home.claim(market, source.date_range())
    return source


def note_launch(home: Home, command: str, detail: str) -> None:
    """Write down who launched what. Raises WarehouseError."""
    from bondsig_assets.warehouse import Warehouse
    from bondsig_assets.warehouse.audit import audit_row

    warehouse = Warehouse(home.path)
    warehouse.initialize()
    warehouse.replace(audit_row("launch", command, detail=detail))


def _begun(home: Home, market: Market) -> Market:
    """`market`; a live one with the day it begins on, where this is the first run of its home."""
    if not market.is_live or home.market() is not None:
        return market
    from bondsig_assets.sources.simulated.worlds import begin

    first = begin(market.world, newest_ended_day())
    return replace(market, first_day=first.isoformat())


def _range(market: tuple[date, date], start: date | None, end: date | None) -> tuple[date, date]:
    """What is wanted of the market's days. Raises UserError where that is none."""
    earliest, latest = market
    first, last = start or earliest, end or latest
    if first > last:
        raise UserError(f"--start {first} is after --end {last}")
    if last < earliest or first > latest:
        raise UserError(f"{first} … {last} is outside this market, which has {earliest} … {latest}")
    return max(first, earliest), min(last, latest)


def read_all_files(market: Market, source: Source, first: date) -> None:
    """Read every file once before anything is written, so that a fault of a file leaves nothing
    behind.
    """
    if market.source != "files":
        return
    for table in RAW_DAILY:
        source.daily(table, first, first)
    for table in RAW_REFERENCE:
        source.reference(table, first)


def _say_what_is_lacking(console: Console, market: Market, source: Source) -> None:
    """Tell what was recognised in the files, which inputs they do not hold, and what that costs,
    before anything runs.
    """
    if market.source != "files":
        return
    from bondsig_assets.commands.inputs import lacking_in_source

    for line in dict.fromkeys(getattr(source, "told", [])):
        console.print(line, markup=False, highlight=False)
    for line in lacking_in_source(source):
        console.print(f"does without: {line}", style="dim", markup=False, highlight=False)


def _must_be_redone(console: Console, home: Home, market: Market) -> bool:
    """Whether what Dagster remembers as done no longer holds: the files changed, or the lake is
    gone.
    """
    if home.market() is None:
        return False
    if home.fingerprint() != fingerprint(market):
        console.print("the files have changed since the last run: doing these days again")
        return True
    if lake_is_gone(home):
        console.print("the lake is not there any more: doing these days again")
        return True
    return False


def lake_is_gone(home: Home) -> bool:
    """Whether the lake that the record tells of is not there."""
    is_local = not os.environ.get("BONDSIG_CATALOG")
    return is_local and not (home.path / "lake" / "catalog.sqlite").exists()


@dataclass(frozen=True)
class Opened:
    """The graph of a home and Dagster's record of it."""

    home: Home
    instance: dg.DagsterInstance
    defs: dg.Definitions
    settings: LearningSettings


def open_graph(console: Console, home: Home) -> Opened:
    """Load the graph, and end runs whose process is gone, which is told."""
    from bondsig_assets.learning.settings import load_settings
    from bondsig_assets.orchestration import runner
    from bondsig_assets.orchestration.dead_runs import end_dead_runs

    with console.status("opening the graph"):
        from bondsig_assets.definitions import build_defs

        instance, defs, settings = (
            runner.open_instance(home),
            build_defs(home),
            load_settings(home.learning_file),
        )
    for run in end_dead_runs(instance):
        console.print(f"ended {run}: it was killed, or the machine restarted")
    keep_what_lives()
    return Opened(home, instance, defs, settings)


def materialize(
    console: Console,
    opened: Opened,
    first: date,
    last: date,
    select: str = "",
    again: bool = False,
    redelivered: dict[str, set[str]] | None = None,
    begin: Callable[[], None] = lambda: None,
) -> bool:
    """Make what is missing of the days `first` … `last`, then what is out of date whatever its day;
    returns whether there was anything to do.

    `redelivered`: raw table → days of which the source brings other rows than are held. `begin` is
    called once there is something to do.
    """
    from bondsig_assets.monitoring.settings import load_settings as load_monitoring_settings
    from bondsig_assets.orchestration import progress, runner
    from bondsig_assets.orchestration.outdated import (
        filtered_otherwise,
        monitored_by_other_settings,
        targets_of_other_settings,
    )
    from bondsig_assets.portfolio.settings import load_settings as load_portfolio_settings

    home, instance, defs, settings = opened.home, opened.instance, opened.defs, opened.settings
    chosen = runner.selected_assets(defs, select)

    def execute(stages: Sequence[runner.Stage]) -> None:
        with Progress(console, defs.resolve_asset_graph(), stages) as shown:
            progress.listen(shown.update)
            for stage in stages:
                runner.execute(defs, instance, stage)

    if stages := runner.plan(defs, instance, first, last, chosen, again):
        begin()
        execute(stages)
    folds = runner.to_retrain(defs, open_warehouse(home), settings) if "models" in chosen else set()
    if folds:
        console.print(
            f"{home.learning_file} asks for other models than were trained for {len(folds)}"
            " quarters"
        )
    days_of_signals = (
        filtered_otherwise(open_warehouse(home), settings) if "signals" in chosen else set()
    )
    if days_of_signals:
        console.print(
            f"{home.learning_file} asks for other signals than there are on"
            f" {len(days_of_signals)} days"
        )
    policies = load_portfolio_settings(home.portfolio_file)
    targets = targets_of_other_settings(open_warehouse(home), policies)
    days_of_targets = targets["target_positions"] if "target_positions" in chosen else set()
    if days_of_targets:
        console.print(
            f"{home.portfolio_file} asks for other target positions than there are on"
            f" {len(days_of_targets)} days"
        )
    watched = monitored_by_other_settings(
        open_warehouse(home), load_monitoring_settings(home.monitoring_file)
    )
    days_watched = watched["monitors"] if "monitors" in chosen else set()
    if days_watched:
        console.print(
            f"{home.monitoring_file} asks for other monitors than there are on"
            f" {len(days_watched)} days"
        )
    if outdated := runner.plan_outdated(
        defs,
        instance,
        chosen,
        {"models": folds, "signals": days_of_signals}
        | (targets if days_of_targets else {})
        | (watched if days_watched else {})
        | (redelivered or {}),
    ):
        for stage in outdated:
            days = ", ".join(
                one if one == other else f"{one} … {other}" for one, other in stage.key_ranges
            )
            console.print(f"out of date, done again: {', '.join(stage.assets)} of {days}")
        if not stages:
            begin()
        execute(outdated)
    return bool(stages or outdated)
