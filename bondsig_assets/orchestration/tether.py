"""A server on a lead: it ends when whoever started it ends, however that happens.

Belongs here: starting a process that cannot outlive its parent. Not here: which servers run
(`commands/ui.py`). Run as a module, so that no thread of the parent is forked, and on every system
that has pipes: the parent holds one end, and its death, by kill -9 or a closed terminal too, closes
it.
"""

from __future__ import annotations

import contextlib
import os
import select
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from bondsig_assets.logs import relay

#: Seconds a server gets to end by itself.
GRACE_SECONDS = 10.0
_LOOK_SECONDS = 0.2


class Tethered:
    """A running server and the lead that holds it."""

    def __init__(
        self,
        name: str,
        command: Sequence[str | Path],
        cwd: Path,
        environment: Mapping[str, str],
        says: Callable[[str], object] | None = None,
    ) -> None:
        """Start `command`. With `says`, each line that it says, on either stream, is made an object
        and given to that; without, it says it where we do.
        """
        self.name = name
        reading, self._lead = os.pipe()
        # A session of its own: what the server starts ends with it, and Ctrl-C reaches us alone.
        self._process = subprocess.Popen(
            [sys.executable, "-m", __name__, str(reading), *map(str, command)],
            cwd=cwd,
            env=dict(environment),
            pass_fds=[reading],
            start_new_session=True,
            stdout=None if says is None else subprocess.PIPE,
            stderr=None if says is None else subprocess.STDOUT,
            encoding="utf-8",
            errors="replace",
        )
        os.close(reading)
        if says is not None:
            threading.Thread(
                target=relay, args=(self._process.stdout, name, says), daemon=True
            ).start()

    @property
    def pid(self) -> int:
        """Process that holds the server, and number of its process group."""
        return self._process.pid

    def status(self) -> int | None:
        """Exit status once the server has ended, None while it runs."""
        return self._process.poll()

    def clear(self) -> None:
        """End by force what is left: of a server that has died, what it started."""
        with contextlib.suppress(OSError):
            os.killpg(self.pid, signal.SIGKILL)
        self.release()

    def release(self) -> None:
        """Let go of the lead: the server ends by itself, or is ended. A second time does
        nothing.
        """
        if self._lead < 0:
            return
        lead, self._lead = self._lead, -1
        with contextlib.suppress(OSError):
            os.close(lead)

    def wait(self) -> None:
        """Wait for the end of a server that was released."""
        self._process.wait(timeout=GRACE_SECONDS + 10)


def _hold(lead: int, command: Sequence[str]) -> int:
    """Run `command` until it ends or the pipe `lead` closes; its exit status, 128 + n for signal
    n.
    """
    # A shell's & leaves SIGINT ignored, and Dagster's servers map SIGTERM onto it.
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    server, asked = subprocess.Popen(command), threading.Event()
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, lambda *_: asked.set())
    while server.poll() is None:
        closed, _, _ = select.select([lead], [], [], _LOOK_SECONDS)
        if closed or asked.is_set():
            _end_group(server)
    _kill_others()
    return server.returncode if server.returncode >= 0 else 128 - server.returncode


def _kill_others() -> None:
    """End by force what a server that died has left: a run of a dead daemon would be asked for
    again while it still writes. What it was at is ended as failed and tried again (`dead_runs.py`).
    """
    import psutil

    for pid in psutil.pids():
        with contextlib.suppress(OSError):
            if pid != os.getpid() and os.getpgid(pid) == os.getpgrp():
                os.kill(pid, signal.SIGKILL)


def _end_group(server: subprocess.Popen[bytes]) -> None:
    """End the server, all it started and ourselves: by asking, after GRACE_SECONDS by force."""
    _ask_group()
    with contextlib.suppress(subprocess.TimeoutExpired):
        server.wait(timeout=GRACE_SECONDS)
    os.killpg(os.getpgrp(), signal.SIGKILL)


def _ask_group() -> None:
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    os.killpg(os.getpgrp(), signal.SIGTERM)


if __name__ == "__main__":
    sys.exit(_hold(int(sys.argv[1]), sys.argv[2:]))
