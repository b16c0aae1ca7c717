"""What a backup holds: every file with its size and checksum, and which bondsig made it.

Belongs here: the manifest as it is written and read, and holding files against it. Not here: how
the files come there (`backup.py`) and back (`restore.py`).
"""

from __future__ import annotations

import hashlib
import json
import os
import re
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from importlib.metadata import version
from pathlib import Path
from typing import Any

from bondsig_assets.errors import BackupError
from bondsig_assets.warehouse.migrations import files as migrations

NAME = "manifest.json"
#: Version of the layout; a higher one is not read.
FORMAT = 1
_CHUNK = 1 << 20


@dataclass(frozen=True)
class Entry:
    """One file: bytes, their SHA-256, and what told that the home's file was what it was."""

    size: int
    sha256: str
    #: Size and time of change (ns) of the file in the home, and of a journal beside it.
    seen: tuple[int, ...] = ()


@dataclass(frozen=True)
class Manifest:
    """A backup: when it began, what it is of, and its files by their path in the home."""

    number: int
    began_at: str
    home: str
    market: str
    snapshot: int | None
    entries: dict[str, Entry] = field(repr=False)
    bondsig: str = field(default_factory=lambda: version("bondsig"))
    migration: int = field(default_factory=lambda: max(migrations()))
    layout: int = FORMAT

    @property
    def size(self) -> int:
        """Bytes of all files."""
        return sum(entry.size for entry in self.entries.values())

    def write(self, folder: Path) -> None:
        """Write it into `folder`, last of all, and have it on the disk."""
        with (folder / NAME).open("w") as file:
            json.dump(asdict(self), file, indent=0)
            file.flush()
            os.fsync(file.fileno())


def read_manifest(folder: Path) -> Manifest:
    """The manifest in `folder`. Raises BackupError where there is none, it is damaged, or a newer
    bondsig wrote it.
    """
    path = folder / NAME
    try:
        held: dict[str, Any] = json.loads(path.read_text())
        if not isinstance(held, dict):
            raise ValueError("it is no manifest")
    except FileNotFoundError as error:
        raise BackupError(f"{folder} holds no backup: there is no {NAME} in it") from error
    except (OSError, ValueError) as error:
        raise BackupError(f"{path} is damaged ({error}); restore an earlier backup") from error
    _require_known(folder, held)
    try:
        entries = {
            name: Entry(entry["size"], entry["sha256"], tuple(entry["seen"]))
            for name, entry in held.pop("entries").items()
        }
        manifest = Manifest(entries=entries, **held)
    except (AttributeError, KeyError, TypeError) as error:
        raise BackupError(
            f"{path} is damaged ({type(error).__name__}: {error}); restore an earlier backup"
        ) from error
    if strange := [name for name in entries if not _stays_inside(name)]:
        raise BackupError(f"{path} names {strange[0]!r}, which lies outside of a home")
    return manifest


def _require_known(folder: Path, held: dict[str, Any]) -> None:
    """Raises BackupError where a newer bondsig made the backup."""
    made_by, here = str(held.get("bondsig", "")), version("bondsig")
    if (
        _release(made_by) > _release(here)
        or held.get("layout", 0) > FORMAT
        or held.get("migration", 0) > max(migrations())
    ):
        raise BackupError(
            f"{folder} was made by bondsig {made_by}, which is newer than this {here}: install that"
            " version to restore it"
        )


def _release(text: str) -> list[int]:
    """The numbers that a version begins with: 0.2.0.dev1 → 0, 2, 0."""
    return [int(number) for number in re.findall(r"\d+", text)[:3]]


def _stays_inside(name: str) -> bool:
    path = Path(name)
    return not path.is_absolute() and ".." not in path.parts


def copy_file(source: Path, target: Path) -> tuple[int, str]:
    """Copy the bytes of a file and have them on the disk; how many, and their SHA-256."""
    digest, size = hashlib.sha256(), 0
    with source.open("rb") as reading, target.open("wb") as writing:
        while chunk := reading.read(_CHUNK):
            writing.write(chunk)
            digest.update(chunk)
            size += len(chunk)
        writing.flush()
        os.fsync(writing.fileno())
    return size, digest.hexdigest()


def checksum(path: Path) -> str:
    """SHA-256 of a file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def damages(folder: Path, manifest: Manifest) -> Iterator[str]:
    """What is wrong with the files of a backup, one line each; none where all have their bytes."""
    for name, entry in manifest.entries.items():
        path = folder / name
        try:
            size = path.stat().st_size
            if size != entry.size:
                yield f"{name} has {size:,} bytes and should have {entry.size:,}"
            elif checksum(path) != entry.sha256:
                yield f"{name} has other bytes than were written"
        except OSError as error:
            yield f"{name}: {error.strerror or error}"
