"""What this process may use of the machine it runs on, and for whom it works.

Belongs here: facts of the machine. Not here: what is done with them.
"""

from __future__ import annotations

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
