"""What this process may use of the machine it runs on, and for whom it works.

Belongs here: facts of the machine, and what of its memory a process has looked through. Not here:
what is done with them.
"""

from __future__ import annotations

import gc
import getpass
import os
import socket


def cores() -> int:
    """Cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def who() -> str:
    """Who works here: BONDSIG_USER, else the user and the machine, as `ada@desk`."""
    if named := os.environ.get("BONDSIG_USER", "").strip():
        return named
    try:
        user = getpass.getuser()
    except (KeyError, OSError):  # a container's user without a name
        user = str(os.getuid())
    return f"{user}@{socket.gethostname()}"


def keep_what_lives() -> None:
    """Have no more collection of garbage look at what is alive now, and collect at ten thousand new
    objects instead of 700: for a long process that has what it lives with.

    Modules and the graph are 700,000 objects, and each full look at them takes a quarter of a
    second. What was kept before and lives no more is let go.
    """
    gc.unfreeze()
    gc.collect()
    gc.freeze()
    gc.set_threshold(10_000, 20, 20)
