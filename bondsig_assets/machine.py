"""What this process may use of the machine it runs on.

Belongs here: facts of the machine. Not here: what is done with them.
"""

from __future__ import annotations

import os


def cores() -> int:
    """Cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
