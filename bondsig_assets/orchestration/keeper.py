"""Servers that are kept up: one that dies is started again, after waits that grow.

Belongs here: when to start again and when to give up. Not here: how a server is started and ended
(`tether.py`), which there are and who is told (`commands/ui.py`).
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field

from bondsig_assets.orchestration.tether import Tethered

#: Seconds before a server that died is started again: after its first death within WINDOW_SECONDS,
#: its second, … One death more, and it is given up: it would never stay.
WAITS = (1.0, 3.0, 9.0, 27.0)
WINDOW_SECONDS = 180.0


@dataclass(frozen=True)
class Death:
    """A server that ended by itself, and how; `wait` seconds until it is started again, None where
    it is given up.
    """

    name: str
    how: str
    wait: float | None

    def __str__(self) -> str:
        then = (
            f"started again in {self.wait:g} s"
            if self.wait is not None
            else f"given up after {len(WAITS) + 1} deaths within {WINDOW_SECONDS:g} s"
        )
        return f"{self.name} {self.how}; {then}"


@dataclass
class _Kept:
    start: Callable[[], Tethered]
    server: Tethered | None = None
    deaths: deque[float] = field(default_factory=deque)
    again_at: float = 0.0


class Keeper:
    """Servers by name, each with what starts it; all run from the beginning."""

    def __init__(
        self,
        starts: Mapping[str, Callable[[], Tethered]],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._clock = clock
        self._kept = {name: _Kept(start) for name, start in starts.items()}
        for kept in self._kept.values():
            kept.server = kept.start()

    def look(self) -> Iterator[Death]:
        """Every server that has died since the last look; starts those whose wait is over."""
        now = self._clock()
        for name, kept in self._kept.items():
            if kept.server is None:
                if now >= kept.again_at:
                    try:
                        kept.server = kept.start()
                    except OSError as error:
                        yield self._died(name, kept, f"cannot be started: {error.strerror}", now)
            elif (status := kept.server.status()) is not None:
                kept.server.clear()
                kept.server = None
                yield self._died(name, kept, _ended(status), now)

    def end(self, *, at_once: bool = False) -> None:
        """End all of them: by asking, or by force where nothing of theirs may be written any
        more.
        """
        running = [kept.server for kept in self._kept.values() if kept.server is not None]
        for server in running:
            if at_once:
                server.clear()
            server.release()
        for server in running:
            server.wait()

    @staticmethod
    def _died(name: str, kept: _Kept, how: str, now: float) -> Death:
        kept.deaths.append(now)
        while now - kept.deaths[0] > WINDOW_SECONDS:
            kept.deaths.popleft()
        number = len(kept.deaths)
        wait = WAITS[number - 1] if number <= len(WAITS) else None
        kept.again_at = now + (wait or 0.0)
        return Death(name, how, wait)


def _ended(status: int) -> str:
    """How a process ended; a shell's 128 + n, and our own -n, are signal n."""
    number = -status if status < 0 else status - 128
    return f"was killed by signal {number}" if number > 0 else f"ended with status {status}"
