"""The servers of a home: one `bondsig ui` a home, and what others may know of it.

Belongs here: the lock that keeps a second one away, since when it runs, whether the installed code
is younger. Not here: the servers themselves (`commands/ui.py`).
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

from filelock import FileLock, Timeout

from bondsig_assets.errors import UserError
from bondsig_assets.home import PACKAGE, Home


def _lock(home: Home) -> FileLock:
    return FileLock(home.dagster / "servers.lock", timeout=0)


def _since(home: Home) -> Path:
    # No backup takes what ends so.
    return home.dagster / "servers.tmp"


@contextmanager
def only_servers(home: Home) -> Iterator[None]:
    """Be the only servers of `home` until the block ends, or this process does. Raises UserError
    where another has it: two daemons would launch a run twice.
    """
    lock = _lock(home)
    try:
        lock.acquire()
    except Timeout as error:
        raise UserError(
            f"`bondsig ui` serves {home.path} already: use that one, or end it first"
        ) from error
    try:
        _since(home).touch()
        yield
    finally:
        lock.release()


def served_since(home: Home) -> datetime | None:
    """Since when servers run on `home` (UTC); None where none do."""
    if not _since(home).exists():
        return None
    lock = _lock(home)
    try:
        lock.acquire()
    except Timeout:
        return _changed(_since(home))
    except OSError:  # a home that cannot be written has no servers
        return None
    lock.release()
    return None


def code_changed_at() -> datetime:
    """When the youngest file of the installed package was written (UTC)."""
    return max(_changed(path) for path in PACKAGE.rglob("*.py"))


def _changed(path: Path) -> datetime:
    return datetime.fromtimestamp(path.stat().st_mtime, UTC)
