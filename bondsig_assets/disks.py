"""Which disk is full, where an error says no more than that something could not be written.

Belongs here: the places that a home writes to, and a sentence on those that are full. Not here: how
much a home needs (`commands/doctor.py`), and the errors themselves.

SQLite says "disk I/O error" or "database or disk is full" and names no file; DuckDB names its
temporary file. Which disk it was is asked of the file systems at once, while it is still full.
"""

from __future__ import annotations

import os
import re
import shutil
import tempfile
from pathlib import Path

#: Less free than this is full: SQLite grows a database and its journal by pages, DuckDB by 256 kB.
FULL_BYTES = 4 * 1024 * 1024
#: Words of errors that a full disk may be behind; whether one is full is looked at.
_SAID = re.compile(
    r"no space left on device|disk is full|disk i/o error|errno 28|errno 122|quota exceeded"
    r"|failed to offload|could not write all bytes|failed to commit|unable to open database",
    re.IGNORECASE,
)


def places(home: Path) -> dict[str, Path]:
    """What is written where, in a home of its own."""
    storage = os.environ.get("BONDSIG_STORAGE", "")
    return {
        "the lake": home / "lake" if not storage or "://" in storage else Path(storage),
        "Dagster's record": home / "dagster",
        "MLflow": home / "mlflow",
        "the home": home,
        "temporary files (TMPDIR)": Path(tempfile.gettempdir()),
    }


def full_disks(home: Path) -> list[str]:
    """A line for each file system that is full: what lies on it, and where."""
    by_device: dict[int, list[tuple[str, Path]]] = {}
    for name, place in places(home).items():
        there = next((one for one in (place, *place.parents) if one.exists()), None)
        if there is not None and shutil.disk_usage(there).free < FULL_BYTES:
            by_device.setdefault(there.stat().st_dev, []).append((name, there))
    return [
        f"the disk of {' and '.join(name for name, _ in held)} is full ({held[0][1]})"
        for held in by_device.values()
    ]


def says_full(text: str) -> bool:
    """Whether an error's words may be those of a full disk."""
    return bool(_SAID.search(text))


def explained(text: str, home: Path) -> str:
    """An error's line, with the disk that is full where that is what it came from."""
    full = full_disks(home) if says_full(text) else []
    if not full or full[0] in text:
        return text
    said = text.rstrip(".")
    return f"{said}: {'; '.join(full)}: make room there and go on, what was finished is kept"
