"""Assets that bear another name than in an older version, and Dagster's record of them.

Belongs here: the old names, and giving what Dagster remembers of them to the new ones, so that an
old home need not do its work again. Not here: tables (`warehouse/migrations.py`). Only the record
of a home of its own (SQLite) is changed; in a team's PostgreSQL old names stay beside the new.
"""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from pathlib import Path

from bondsig_assets.home import Home

#: Old name → new name. 0.2: an asset bears the name of the table it fills.
RENAMED = {"trades": "trade_events", "bond_days": "bond_day_revisions"}

#: Where Dagster's index names an asset: tables, and the columns that hold whole events.
_PLACES = {
    "event_logs": ("event",),
    "asset_keys": ("last_materialization", "asset_details"),
    "asset_event_tags": (),
    "asset_check_executions": ("evaluation_event",),
}


def follow_renames(home: Home) -> int:
    """Rename, in the home's record, what is known under an old name; how many assets it was."""
    index = home.dagster / "history" / "runs" / "index.db"
    return _rename(index) if index.exists() else 0


def _rename(index: Path) -> int:
    with closing(sqlite3.connect(index, timeout=60)) as database:
        held = {key for (key,) in database.execute("SELECT asset_key FROM asset_keys")}
        old = [name for name in RENAMED if json.dumps([name]) in held]
        with database:
            for name in old:
                _rename_one(database, name, RENAMED[name], held)
    return len(old)


def _rename_one(database: sqlite3.Connection, old: str, new: str, held: set[str]) -> None:
    old_key, new_key = json.dumps([old]), json.dumps([new])
    if new_key in held:
        # The new name has run already: the old one's summary goes, its events come along.
        database.execute("DELETE FROM asset_keys WHERE asset_key = ?", [old_key])
    path = '"path": {}'
    for table, events in _PLACES.items():
        changes = ["asset_key = ?"] + [f"{column} = replace({column}, ?, ?)" for column in events]
        inside = [path.format(old_key), path.format(new_key)] * len(events)
        database.execute(
            f"UPDATE {table} SET {', '.join(changes)} WHERE asset_key = ?",
            [new_key, *inside, old_key],
        )
    # What Dagster has added up from the events, under whatever name, it adds up anew.
    database.execute(
        "UPDATE asset_keys SET cached_status_data = NULL WHERE asset_key = ?", [new_key]
    )
