"""`restore`: a home as a backup holds it, in a folder of its own.

Belongs here: checking a backup, and its files in a new home, whole or not at all. Not here: making
one (`backup.py`), and what Dagster and MLflow have to be told of the move (`commands/backup.py`).
"""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from bondsig_assets.errors import BackupError
from bondsig_assets.home import Home
from bondsig_assets.upkeep.backup import chosen, refuse_damages, require_embedded, require_space
from bondsig_assets.upkeep.manifest import Manifest, copy_file, read_manifest


def restore(folder: Path, home: Home, name: str = "") -> Manifest:
    """Make `home`, which is not there or empty, from the backup `name` in `folder` or the newest.

    Every file is held against its checksum on the way. Raises BackupError; then `home` is as it
    was.
    """
    require_embedded("restore")
    source = chosen(folder.absolute(), name)
    manifest = read_manifest(source)
    if "databases/lake.dump" in manifest.entries:
        raise BackupError(
            f"{source} is of a team's home: set BONDSIG_CATALOG, BONDSIG_STORAGE and the others to"
            " empty places, which it fills (docs/operations.md)"
        )
    target = home.path
    if target.exists() and (not target.is_dir() or any(target.iterdir())):
        raise BackupError(
            f"{target} is there already: give --home a new folder, or move the old home away"
        )
    partial = target.with_name(f".{target.name}.partial-{os.getpid()}")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        require_space(target.parent, manifest.size, "the restored home")
        partial.mkdir()
        refuse_damages(source, _copied(source, manifest, partial))
        if target.exists():
            target.rmdir()
        partial.rename(target)
    except OSError as error:
        raise BackupError(f"{target} was not restored: {error}") from error
    finally:
        shutil.rmtree(partial, ignore_errors=True)
    return manifest


def _copied(source: Path, manifest: Manifest, target: Path) -> list[str]:
    """Copy every file; what of them is not what was written, one line each."""
    wrong = []
    for name, entry in manifest.entries.items():
        place = target / name
        place.parent.mkdir(parents=True, exist_ok=True)
        try:
            size, digest = copy_file(source / name, place)
        except FileNotFoundError:
            wrong.append(f"{name} is not there")
            continue
        if size != entry.size:
            wrong.append(f"{name} has {size:,} bytes and should have {entry.size:,}")
        elif digest != entry.sha256:
            wrong.append(f"{name} has other bytes than were written")
    return wrong
