"""`back_up`: a home as it is, beside a run that writes, into a folder of backups.

Belongs here: in which order a home is copied so that its parts agree, what is linked instead of
copied, and when a backup counts. Not here: the way back (`restore.py`), and homes
whose parts are on servers (`team_backup.py`).

The order is what makes the parts agree while a run goes on. Dagster says what is done, so its
index is copied before the lake: what it calls done is in the lake. The lake names runs of MLflow,
so MLflow follows; its database names artifacts, so these come last. Files of a lake never change
and are thrown away by upkeep alone, which waits for `hold_still`.
"""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from filelock import FileLock, Timeout

from bondsig_assets.alerts import outbox
from bondsig_assets.errors import BackupError
from bondsig_assets.home import Home
from bondsig_assets.orchestration.backup_record import NAME as RECORD
from bondsig_assets.orchestration.backup_record import SERVERS, Record, write_record
from bondsig_assets.upkeep.databases import BESIDE, copy_database, is_database, settle
from bondsig_assets.upkeep.lake_files import forget_scheduled, needed_files, newest_snapshot
from bondsig_assets.upkeep.manifest import (
    Entry,
    Manifest,
    checksum,
    copy_file,
    damages,
    read_manifest,
)

_NAME = re.compile(r"backup-(\d{4,})-\d{8}T\d{6}Z")
_LOCK, _PARTIAL = ".lock", ".partial-"
_CATALOG, _FILES = "lake/catalog.sqlite", "lake/files"
_INDEX = "dagster/history/runs/index.db"
_MLFLOW = "mlflow/mlflow.db"
#: Variables that a team's home has all set.
WHOLE_TEAM = ("BONDSIG_CATALOG", "BONDSIG_STORAGE", "BONDSIG_MLFLOW_DATABASE", "DAGSTER_HOME")
#: A file that changed less than this before a backup began (ns) may change again without telling.
_RACY = 2_000_000_000
#: Bytes that are left free beside what is copied.
_SPARE = 50_000_000


@dataclass(frozen=True)
class Made:
    """A backup that is there, and what it cost."""

    folder: Path
    manifest: Manifest
    copied_files: int
    copied_bytes: int
    removed: tuple[str, ...] = ()


def backups_in(folder: Path) -> list[Path]:
    """The backups in a folder, oldest first; one that is a backup itself is the only one."""
    if (folder / "manifest.json").exists():
        return [folder]
    found = [(int(said[1]), path) for path in folder.iterdir() if (said := _said(path))]
    return [path for _, path in sorted(found)]


def _said(path: Path) -> re.Match[str] | None:
    return _NAME.fullmatch(path.name)


def require_embedded(what: str) -> None:
    """Raises BackupError where a part of the home is on a server."""
    if named := [name for name in SERVERS if os.environ.get(name)]:
        raise BackupError(
            f"{' and '.join(named)} put{'s' * (len(named) == 1)} a part of this home on a server:"
            f" `bondsig {what}` knows a home that is a folder, and one of a team, which names all"
            f" its servers ({', '.join(WHOLE_TEAM)}; docs/operations.md)"
        )


@contextmanager
def hold_still(home: Home, what: str, timeout: float = 600) -> Iterator[None]:
    """Keep upkeep and other backups of `home` waiting until the block ends; runs write on.

    Raises BackupError, opening with `what`, where another holds it for `timeout` seconds.
    """
    (home.path / "lake").mkdir(parents=True, exist_ok=True)
    lock = FileLock(home.path / "lake" / "upkeep.lock", timeout=timeout)
    try:
        lock.acquire()
    except Timeout as error:
        raise BackupError(
            f"{what}: a backup or upkeep of {home.path} has been at work for {timeout:g} s"
        ) from error
    try:
        yield
    finally:
        lock.release()


def back_up(home: Home, folder: Path, keep: int | None = None) -> Made:
    """Add a backup of `home` to those in `folder`, and of all there keep the newest `keep`.

    What has not changed since the backup before is a hard link to it where the disk has such. A
    backup is there whole or not at all. Raises BackupError.
    """
    require_embedded("backup")
    return add_backup(Backup, home, folder, keep)


def add_backup(kind: type[Backup], home: Home, folder: Path, keep: int | None) -> Made:
    """Make one of `kind` in `folder`, see `back_up`. Raises BackupError."""
    folder = folder.absolute()
    market = _require_possible(home, folder)
    folder.mkdir(parents=True, exist_ok=True)
    lock = FileLock(folder / _LOCK, timeout=0)
    try:
        lock.acquire()
    except Timeout as error:
        raise BackupError(f"another backup is being made in {folder}: wait for it") from error
    try:
        for left in folder.glob(f"{_PARTIAL}*"):
            shutil.rmtree(left)
        with hold_still(home, "could not begin the backup"):
            made = kind(home, folder, market).make()
        write_record(home, Record(made.folder, datetime.fromisoformat(made.manifest.began_at)))
        older = backups_in(folder)[:-keep] if keep else []
        for path in older:
            _remove(path)
    except OSError as error:
        raise BackupError(f"the backup was not made: {error}") from error
    finally:
        lock.release()
    return Made(
        made.folder,
        made.manifest,
        made.copied_files,
        made.copied_bytes,
        tuple(path.name for path in older),
    )


def verify(folder: Path, name: str = "") -> Manifest:
    """Hold every file of a backup against its checksum; the manifest. Raises BackupError."""
    path = chosen(folder, name)
    manifest = read_manifest(path)
    refuse_damages(path, list(damages(path, manifest)))
    return manifest


def refuse_damages(path: Path, found: list[str]) -> None:
    """Raises BackupError where a backup's files are not what was written."""
    if found:
        more = f" and {len(found) - 1} more files" if len(found) > 1 else ""
        raise BackupError(f"{path} is damaged: {found[0]}{more}; restore an earlier backup")


def chosen(folder: Path, name: str = "") -> Path:
    """The backup `name` in `folder`, or the newest. Raises BackupError where there is none."""
    if not folder.is_dir():
        raise BackupError(f"{folder} is no folder: give one that `bondsig backup` wrote")
    found = backups_in(folder)
    if not found:
        raise BackupError(f"{folder} holds no backup: give a folder that `bondsig backup` wrote")
    if not name:
        return found[-1]
    for path in found:
        if path.name == name:
            return path
    raise BackupError(
        f"{folder} holds no {name}; there are {', '.join(path.name for path in found)}"
    )


def _require_possible(home: Home, folder: Path) -> str:
    """The home's market in words; raises BackupError where no backup of it can be put there."""
    market = home.market()
    if market is None:
        raise BackupError(f"{home.path} holds no market yet: there is nothing to back up")
    if folder.resolve().is_relative_to(home.path.resolve()):
        raise BackupError(f"{folder} lies inside the home: give a folder elsewhere")
    if folder.exists() and not folder.is_dir():
        raise BackupError(f"{folder} is a file: give a folder")
    if folder.is_dir():
        strange = [
            path.name
            for path in sorted(folder.iterdir())
            if not _said(path) and path.name != _LOCK and not path.name.startswith(_PARTIAL)
        ]
        if strange:
            raise BackupError(
                f"{folder} holds {strange[0]}, which is no backup: give a new folder, or one of"
                " backups"
            )
        for path in backups_in(folder)[-1:]:
            held = read_manifest(path).market
            if held != market.describe():
                raise BackupError(
                    f"{folder} holds backups of the {held}, this home the {market.describe()}:"
                    " give another folder"
                )
    return market.describe()


class Backup:
    """One backup in the making."""

    def __init__(self, home: Home, folder: Path, market: str) -> None:
        self._home, self._folder, self._market = home, folder, market
        before = backups_in(folder)
        self._before = before[-1] if before else None
        self._held = read_manifest(before[-1]) if before else None
        self._began = datetime.now(UTC)
        self._partial = folder / f"{_PARTIAL}{os.getpid()}"
        self._entries: dict[str, Entry] = {}
        self._copied_files = self._copied_bytes = 0

    def make(self) -> Made:
        """Copy everything beside, then give it its name."""
        self.require_space()
        try:
            self._partial.mkdir()
            snapshot = self.copy_all()
            number = self._held.number + 1 if self._held else 1
            manifest = Manifest(
                number,
                self._began.isoformat(timespec="seconds"),
                str(self._home.path),
                self._market,
                snapshot,
                self._entries,
            )
            manifest.write(self._partial)
            path = self._folder / f"backup-{number:04d}-{self._began:%Y%m%dT%H%M%SZ}"
            self._partial.rename(path)
            _sync(self._folder)
        except BaseException:
            shutil.rmtree(self._partial, ignore_errors=True)
            raise
        return Made(path, manifest, self._copied_files, self._copied_bytes)

    def copy_all(self) -> int | None:
        """Copy the parts in the order that makes them agree; the lake's snapshot."""
        self._copy(_INDEX)
        for name in self._walk("dagster"):
            self._copy(name)
        snapshot = self._copy_lake()
        self._copy(_MLFLOW)
        for name in self._walk(""):
            if not name.startswith(f"{_FILES}/"):
                self._copy(name)
        return snapshot

    def _copy_lake(self) -> int | None:
        """The catalog, and the files that it needs, every one."""
        self._copy(_CATALOG, then=forget_scheduled)
        catalog = self._partial / _CATALOG
        if not catalog.exists():
            return None
        for name in needed_files(catalog):
            path = f"{_FILES}/{name}"
            if not self._copy(path):
                raise BackupError(
                    f"{self._home.path / path} is not there, and the lake needs it: the home is"
                    " damaged, so it was not backed up"
                )
        return newest_snapshot(catalog)

    def _walk(self, below: str) -> Iterator[str]:
        """Paths of files in the home, sorted, that may be part of a backup."""
        root, been = self._home.path, set()
        for folder, folders, files in os.walk(root / below, followlinks=True):
            place = os.path.realpath(folder)
            if place in been:
                folders.clear()
                continue
            been.add(place)
            folders.sort()
            for file in sorted(files):
                path = Path(folder, file)
                if _is_part(path) and path.is_file():
                    yield path.relative_to(root).as_posix()

    def _copy(self, name: str, then: Callable[[Path], None] | None = None) -> bool:
        """Copy a file, or link it to the backup before; false where there is none, which for logs
        and temporary files only says that they came and went.
        """
        if name in self._entries:
            return True
        source, target = self._home.path / name, self._partial / name
        try:
            if name != _CATALOG:
                settle(source)
            seen = _signature(source)
            target.parent.mkdir(parents=True, exist_ok=True)
            if self._link(name, seen, target):
                return True
            if is_database(source):
                copy_database(source, target)
                if then:
                    then(target)
                with target.open("rb") as file:
                    os.fsync(file.fileno())
                size, digest = target.stat().st_size, checksum(target)
            else:
                size, digest = copy_file(source, target)
        except FileNotFoundError:
            target.unlink(missing_ok=True)
            return False
        self.note(name, Entry(size, digest, seen))
        return True

    def note(self, name: str, entry: Entry) -> None:
        """One more file that was copied."""
        self._entries[name] = entry
        self._copied_files += 1
        self._copied_bytes += entry.size

    def _link(self, name: str, seen: tuple[int, ...], target: Path) -> bool:
        """Link a file to the backup before, where that holds it as it still is."""
        return self._is_same(name, seen) and self.link_as_before(name, target)

    def link_as_before(self, name: str, target: Path) -> bool:
        """Link a file to the backup before, where that has it."""
        if self._before is None or self._held is None or name not in self._held.entries:
            return False
        entry = self._held.entries[name]
        try:
            if (self._before / name).stat().st_size != entry.size:
                return False
            os.link(self._before / name, target)
        except OSError:  # a disk without links, or a backup that lost a file
            return False
        self._entries[name] = entry
        return True

    def _is_same(self, name: str, seen: tuple[int, ...]) -> bool:
        """Whether a file is what it was at the backup before."""
        entry = self._held.entries.get(name) if self._held else None
        if entry is None or self._held is None:
            return False
        if name.startswith(f"{_FILES}/"):
            return entry.size == seen[0]  # written once, under a name that nothing else gets
        began = datetime.fromisoformat(self._held.began_at).timestamp() * 1e9
        return entry.seen == seen and max(seen[1::2]) < began - _RACY

    def require_space(self) -> None:
        """Raises BackupError where what is to be copied will not fit."""
        needed = 0
        for name in self._walk(""):
            try:
                seen = _signature(self._home.path / name)
            except FileNotFoundError:
                continue
            if not self._is_same(name, seen):
                needed += sum(seen[::2])
        require_space(self._folder, needed, "the backup")


def require_space(folder: Path, needed: int, what: str) -> None:
    """Raises BackupError where `needed` bytes, and some to spare, are not free at `folder`."""
    free = shutil.disk_usage(folder).free
    if needed + _SPARE > free:
        raise BackupError(
            f"{what} needs {needed / 1e6:,.0f} MB and some to spare, {folder} has"
            f" {free / 1e6:,.0f} MB free: nothing was written"
        )


def _is_part(path: Path) -> bool:
    """Whether a file of a home belongs into a backup: no lock, no journal of a database that is
    copied whole, nothing half-written, no alert to be sent, and not the mark that a lake's tables
    were seen to.
    """
    return not (
        path.name.endswith((".lock", ".tmp", *BESIDE))
        or path.name.startswith(_PARTIAL)
        or path.name in (RECORD, outbox.NAME)
        or path.match("lake/installed")
    )


def _signature(path: Path) -> tuple[int, ...]:
    """Size and time of change of a file, and of a journal beside it."""
    told = path.stat()
    signature = [told.st_size, told.st_mtime_ns]
    try:
        journal = path.with_name(f"{path.name}-wal").stat()
        signature += [journal.st_size, journal.st_mtime_ns]
    except FileNotFoundError:
        pass
    return tuple(signature)


def _sync(folder: Path) -> None:
    """Have a folder's names on the disk."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _remove(path: Path) -> None:
    """Remove a backup: from its first moment on it counts no more."""
    gone = path.with_name(f"{_PARTIAL}{path.name}")
    path.rename(gone)
    shutil.rmtree(gone)
