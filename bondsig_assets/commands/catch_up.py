"""`bondsig catch-up`: every trading day that is missing up to yesterday, and all that is out of
date.

Belongs here: finding out, saying what will be done and what was. Not here: how it is made (`run.py`
and `orchestration/runner.py`, which `bondsig run` shares), and what the schedules ask for
(`orchestration/jobs.py`).
"""

from __future__ import annotations

import time
from collections.abc import Collection, Sequence
from datetime import date

from rich.console import Console

from bondsig_assets.alerts.events import run_failed
from bondsig_assets.alerts.heartbeat import ping
from bondsig_assets.alerts.notify import notify, usable_settings
from bondsig_assets.alerts.outbox import send_again
from bondsig_assets.calendar import clock
from bondsig_assets.commands.console import open_console
from bondsig_assets.commands.run import (
    Opened,
    be_quiet,
    held_market,
    lake_is_gone,
    materialize,
    note_launch,
    open_graph,
    open_source,
    open_warehouse,
    read_all_files,
)
from bondsig_assets.disks import explained
from bondsig_assets.errors import RunError, UserError
from bondsig_assets.home import Home
from bondsig_assets.sources.base import Source
from bondsig_assets.sources.reach import fingerprint

_NOTHING = "nothing to do: all days to {newest} are there and up to date{ended}"


def catch_up(home: Home) -> None:
    """Bring `home` to the newest day that has ended; one line where there is nothing to do.

    The heartbeat follows when all is there, an alert when a run failed. Raises UserError where the
    home holds no market, or its lake is gone, and RunError where a run failed.
    """
    from bondsig_assets.warehouse.shared_settings import claim

    console, began = open_console(), time.monotonic()
    be_quiet()
    market = held_market(home)
    send_again(home.path, usable_settings())
    if lake_is_gone(home):
        raise UserError(f"the lake of {home.path} is gone: `bondsig run` makes all days again")
    source = open_source(home, market)
    span, seen = source.date_range(), fingerprint(market)
    read_all_files(market, source, span[0])
    has_changed = seen != home.fingerprint()
    # The old fingerprint stays until all is done: who is interrupted looks for changes again.
    claim(home, market, span, home.fingerprint())
    opened = open_graph(console, home)
    with opened.instance:
        try:
            done = _catch_up(console, opened, source, span, has_changed)
        except RunError as error:
            # Nobody may be looking: a line of cron calls this as often as a person.
            cause = explained(str(error), home.path)
            notify(run_failed("bondsig catch-up", "", cause, ""), home=str(home.path))
            raise
    claim(home, market, span, seen)
    if done:
        console.print(f"caught up in {time.monotonic() - began:.0f} s: {done}")
    if complaint := ping(usable_settings()):
        console.print(complaint, markup=False)


def _catch_up(
    console: Console,
    opened: Opened,
    source: Source,
    span: tuple[date, date],
    has_changed: bool,
) -> str:
    """Make what is due; returns it in words, empty where nothing was."""
    from bondsig_assets.orchestration import runner
    from bondsig_assets.orchestration.catch_up import find_due, held_since
    from bondsig_assets.orchestration.partitions import known_days
    from bondsig_assets.orchestration.stages import DAYS, SCORING

    graph, now = opened.defs.resolve_asset_graph(), clock.now()
    keys = known_days(runner.day_keys(graph, now), span[1])
    if not keys:
        console.print(f"nothing to do: no day of this market has ended; its first is {span[0]}")
        return ""
    redelivered = _redelivered(opened, source, keys) if has_changed else {}
    for table, days in redelivered.items():
        console.print(f"late data: {table} of {counted(days)} ({min(days)} … {max(days)})")
    due = find_due(graph, opened.instance, (DAYS, SCORING), keys, anew=redelivered)
    said = due.in_words("day")
    if said:
        console.print(f"to do: {said}")
        note_launch(opened.home, "bondsig catch-up", said)
    if has_changed and not due.missing:
        console.print("the files have changed: reading again the tables that have no days")
        runner.execute(opened.defs, opened.instance, runner.without_days(graph))
    first = held_since(graph, opened.instance, (DAYS, SCORING), keys)
    did = materialize(
        console,
        opened,
        date.fromisoformat(first),
        date.fromisoformat(keys[-1]),
        redelivered=redelivered,
    )
    if not did and not has_changed:
        is_last = span[1].isoformat() == keys[-1] and not held_market(opened.home).is_live
        ended = ", the last of this market" if is_last else ""
        console.print(_NOTHING.format(newest=keys[-1], ended=ended))
        return ""
    return said or (
        "models, scores or targets followed what changed"
        if did
        else "the tables without days were read again, no day had changed"
    )


def _redelivered(opened: Opened, source: Source, keys: Sequence[str]) -> dict[str, set[str]]:
    """Raw table → days that were taken in and of which the files now hold other rows."""
    import dagster as dg

    from bondsig_assets.orchestration.redelivered import redelivered_days

    first, last = date.fromisoformat(keys[0]), date.fromisoformat(keys[-1])
    found = redelivered_days(source, open_warehouse(opened.home), first, last)
    taken_in = {
        table: days & opened.instance.get_materialized_partitions(dg.AssetKey(table))
        for table, days in found.items()
    }
    return {table: days for table, days in taken_in.items() if days}


def counted(days: Collection[str]) -> str:
    """How many days, in words."""
    return f"{len(days)} day{'s' * (len(days) != 1)}"
