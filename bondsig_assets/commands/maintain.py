"""`bondsig maintain`.

Belongs here: what it prints. Not here: what it does (`upkeep/`).
"""

from __future__ import annotations

import time

from bondsig_assets.commands.console import open_console
from bondsig_assets.commands.run import held_market
from bondsig_assets.home import Home
from bondsig_assets.upkeep.maintain import maintain


def keep_in_order(home: Home, snapshot_days: float, event_days: float) -> None:
    """End dead runs, do all upkeep, and say what it came to."""
    from bondsig_assets.orchestration.dead_runs import end_dead_runs
    from bondsig_assets.orchestration.runner import open_instance

    held_market(home)
    console, began = open_console(), time.monotonic()
    if home.dagster.exists():
        with open_instance(home) as instance:
            for run in end_dead_runs(instance):
                console.print(f"ended {run}")
    for line in maintain(home, snapshot_days, event_days).lines():
        console.print(line, soft_wrap=True)
    console.print(f"took {time.monotonic() - began:.1f} s")
