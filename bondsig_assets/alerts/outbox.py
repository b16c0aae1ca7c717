"""Messages that a target did not take, kept in the home and sent again.

Belongs here: keeping them, for how long and how many, and sending them. Not here: a target
(`targets.py`), and who looks (`orchestration/alerting.py`, `commands/catch_up.py`).

A message is sent once to each target, but for a process that is killed between sending it and
noting so. What is kept is what would have been sent: no address, no password.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from filelock import FileLock

from bondsig_assets.alerts.settings import AlertSettings
from bondsig_assets.alerts.targets import targets

#: File in the home. Not part of a backup: a home that is restored has nothing to tell.
NAME = "unsent_alerts.json"
#: What is older, and the oldest beyond so many, is given up.
KEEP_DAYS, KEEP_MESSAGES = 7, 200
#: Seconds to wait for another process that sends.
_WAIT_SECONDS = 60.0


@dataclass(frozen=True)
class Unsent:
    """A message that `target` did not take, and when it was told (UTC)."""

    target: str
    text: str
    at: str

    def told_late(self) -> str:
        """The message, with when it was of."""
        return f"{self.text}\nsent late: it is of {self.at} UTC"


def keep(home: Path, target: str, text: str, now: datetime | None = None) -> None:
    """Keep a message for `target`. Raises OSError where the home cannot be written, or another
    process sends for too long.
    """
    now = now or datetime.now(UTC)
    with _held(home, _WAIT_SECONDS):
        rows = [*_fresh(unsent(home), now), Unsent(target, text, f"{now:%Y-%m-%d %H:%M}")]
        _write(home, rows[-KEEP_MESSAGES:])


def send_again(home: Path, settings: AlertSettings, now: datetime | None = None) -> set[str]:
    """Send what is kept to the targets that `settings` declare, oldest first; targets that failed
    again. Such a one is left for the next time, and the message it refused goes behind the others.
    Where another process is at it, nothing is done. It raises nothing.
    """
    failed: set[str] = set()
    if not (home / NAME).exists():
        return failed
    try:
        with _held(home, 0):
            rows = _fresh(unsent(home), now or datetime.now(UTC))
            _write(home, rows)
            declared = targets(settings)
            for row in list(rows):
                if row.target not in declared or row.target in failed:
                    continue
                rows.remove(row)
                try:
                    declared[row.target](row.told_late(), settings)
                except Exception:  # noqa: BLE001 - `notify` told the log when it failed first
                    failed.add(row.target)
                    rows.append(row)
                _write(home, rows)
    except OSError:
        pass
    return failed


def unsent(home: Path) -> list[Unsent]:
    """What is kept; nothing where that cannot be read."""
    try:
        return [Unsent(**row) for row in json.loads((home / NAME).read_text())]
    except (OSError, ValueError, TypeError):
        return []


def _fresh(rows: list[Unsent], now: datetime) -> list[Unsent]:
    oldest = f"{now - timedelta(days=KEEP_DAYS):%Y-%m-%d %H:%M}"
    return [row for row in rows if row.at >= oldest]


@contextmanager
def _held(home: Path, seconds: float) -> Iterator[None]:
    """Nobody else sends or keeps meanwhile. Raises OSError."""
    # The lock would make the folder of a home that was moved away.
    home.stat()
    with FileLock(home / f"{NAME}.lock", timeout=seconds):
        yield


def _write(home: Path, rows: list[Unsent]) -> None:
    """Replace what is kept, whole; no file where that is nothing."""
    if not rows:
        (home / NAME).unlink(missing_ok=True)
        return
    partial = home / f"{NAME}.tmp"
    partial.write_text(json.dumps([asdict(row) for row in rows], indent=0))
    partial.replace(home / NAME)
