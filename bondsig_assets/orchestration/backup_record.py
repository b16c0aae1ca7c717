"""Where a home's newest backup is and how old, as the home remembers it.

Belongs here: the record, which is no part of a backup. Not here: making one (`upkeep/backup.py`),
and from when on one is missed (`commands/doctor.py`, and rules in docs/operations.md).
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from bondsig_assets.home import Home

#: File in the home.
NAME = "backups.json"
#: Variables that put a part of the home on a server.
SERVERS = ("BONDSIG_CATALOG", "BONDSIG_STORAGE", "BONDSIG_MLFLOW")


@dataclass(frozen=True)
class Record:
    """A home's newest backup, and when it began."""

    folder: Path
    at: datetime

    def age_seconds(self, now: float) -> float:
        """Its age at `now` (seconds since 1970); 0 where the clock was set back."""
        return max(now - self.at.timestamp(), 0.0)


def newest_record(home: Home) -> Record | None:
    """The newest backup that was made from this folder; None before the first. A record that cannot
    be read counts for none.
    """
    try:
        held = json.loads((home.path / NAME).read_text())
        return Record(Path(held["folder"]), datetime.fromisoformat(held["at"]))
    except (OSError, ValueError, KeyError, TypeError):
        return None


def write_record(home: Home, record: Record) -> None:
    """Note in the home which backup is its newest."""
    partial = home.path / f"{NAME}.tmp"
    partial.write_text(json.dumps({"folder": str(record.folder), "at": record.at.isoformat()}))
    partial.replace(home.path / NAME)
