"""`bondsig audit-log`: who launched what, and who changed settings or the champion.

Belongs here: showing the table. Not here: what is written down (`warehouse/audit.py`).
"""

from __future__ import annotations

from bondsig_assets.commands.console import open_console, plain_table
from bondsig_assets.commands.warehouse import open_warehouse
from bondsig_assets.home import Home
from bondsig_assets.warehouse.audit import read_audit

_HEADER = ("when (New York)", "who", "action", "subject", "before", "after", "detail")


def print_audit(home: Home, rows: int) -> None:
    """Print the newest `rows` entries, the newest first."""
    found = read_audit(open_warehouse(home), rows)
    console = open_console()
    if found.is_empty():
        console.print("nothing was written down yet: runs, settings and champions from now on are")
        return
    shown = [
        (f"{at:%Y-%m-%d %H:%M:%S}", *("-" if cell is None else str(cell) for cell in others))
        for at, *others in found.iter_rows()
    ]
    console.print(plain_table(_HEADER, shown))
