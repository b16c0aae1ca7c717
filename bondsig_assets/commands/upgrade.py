"""`bondsig upgrade`.

Belongs here: what it prints, and the backup before it. Not here: what is upgraded (`upkeep/`).
"""

from __future__ import annotations

from pathlib import Path

from bondsig_assets.commands.backup import backing_up
from bondsig_assets.commands.console import open_console
from bondsig_assets.commands.run import held_market
from bondsig_assets.home import Home
from bondsig_assets.upkeep.upgrade import pending, told_besides, upgrade


def upgrade_home(home: Home, backup: Path | None, without_backup: bool, check: bool) -> None:
    """Say what is to be done, back the home up, do it, and say what was done."""
    held_market(home)
    console = open_console()
    for line in told_besides(home):
        console.print(line, soft_wrap=True)
    to_do = pending(home)
    if not to_do:
        console.print(f"{home.path} is of this version: nothing to upgrade", soft_wrap=True)
        return
    for line in to_do:
        console.print(f"to do: {line}", soft_wrap=True)
    if check:
        return
    if not without_backup:
        folder = backup or home.path.with_name(f"{home.path.name}-backups")
        console.print(f"backed up first: {backing_up()(home, folder, None).folder}", soft_wrap=True)
    for line in upgrade(home):
        console.print(f"done: {line}", soft_wrap=True)
    console.print("start `bondsig ui` again where it runs: it has loaded the old version")
