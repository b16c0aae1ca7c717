"""`bondsig backup` and `bondsig restore`.

Belongs here: what they print, and telling Dagster, MLflow and the lake that they were restored
elsewhere. Not here: the copies (`upkeep/`).
"""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

from bondsig_assets.commands.console import open_console
from bondsig_assets.home import Home
from bondsig_assets.upkeep.backup import Made, back_up, verify
from bondsig_assets.upkeep.restore import restore
from bondsig_assets.upkeep.team_backup import back_up_team, restore_team
from bondsig_assets.warehouse.shared_settings import follow, is_shared


def make_backup(home: Home, folder: Path, keep: int | None) -> None:
    """Add a backup to `folder` and say what it holds and cost."""
    console, began = open_console(), time.monotonic()
    made = backing_up()(home, folder.expanduser(), keep)
    manifest = made.manifest
    linked = len(manifest.entries) - made.copied_files
    as_before = f", {linked:,} are as in the backup before" if linked else ""
    console.print(
        f"{made.folder}: {len(manifest.entries):,} files, {manifest.size / 1e6:,.1f} MB; copied"
        f" {made.copied_files:,}, {made.copied_bytes / 1e6:,.1f} MB{as_before};"
        f" {_snapshot(manifest.snapshot)}; took {time.monotonic() - began:.1f} s",
        soft_wrap=True,
    )
    for name in made.removed:
        console.print(f"removed {name}")


def verify_backup(folder: Path, name: str) -> None:
    """Hold the newest backup, or `name`, against its checksums."""
    manifest = verify(folder.expanduser(), name)
    open_console().print(
        f"backup {manifest.number} of {manifest.began_at}: all {len(manifest.entries):,} files,"
        f" {manifest.size / 1e6:,.1f} MB, have the bytes that were written",
        soft_wrap=True,
    )


def restore_backup(home: Home, folder: Path, name: str) -> None:
    """Make `home` from a backup, and let its parts know where they are now."""
    console, began = open_console(), time.monotonic()
    manifest = (
        restore_team(home, folder.expanduser(), name)
        if is_shared()
        else restore(folder.expanduser(), home, name)
    )
    ended = _settle(home)
    console.print(
        f"{home.path}: the {manifest.market} as of {manifest.began_at},"
        f" {len(manifest.entries):,} files, {manifest.size / 1e6:,.1f} MB, every checksum held;"
        f" {_snapshot(manifest.snapshot)}; took {time.monotonic() - began:.1f} s",
        soft_wrap=True,
    )
    if ended:
        console.print(
            f"ended {ended} runs that were at work or queued when the backup was made:"
            " `bondsig catch-up` makes what they had not finished",
            soft_wrap=True,
        )
    console.print(f"BONDSIG_HOME={home.path} is what to set to use it", soft_wrap=True)


def backing_up() -> Callable[[Home, Path, int | None], Made]:
    """What backs a home up: of a team, or one that is a folder."""
    return back_up_team if is_shared() else back_up


def _snapshot(number: int | None) -> str:
    return f"snapshot {number} of the lake" if number is not None else "no lake yet"


def _settle(home: Home) -> int:
    """Set paths right that name the old home, and end runs that no process works on here; how many
    these were.
    """
    from bondsig_assets.orchestration.dead_runs import end_unfinished_runs
    from bondsig_assets.orchestration.runner import open_instance
    from bondsig_assets.resources.moved_home import follow_move
    from bondsig_assets.warehouse import Warehouse

    if is_shared():
        follow(home)
    elif (home.path / "lake" / "catalog.sqlite").exists():
        Warehouse(home.path).follow_move()
    follow_move(home)
    if not home.dagster.exists():
        return 0
    with open_instance(home) as instance:
        return end_unfinished_runs(
            instance, "This home was restored from a backup made while the run was not finished."
        )
