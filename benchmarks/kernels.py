"""Writes the list of kernels that are compiled ahead: `python -m benchmarks.kernels`.

Belongs here: a run of the tiny world with an empty cache of kernels, watched. Not here: how the
list is used (`bondsig_assets/compile_ahead.py`).
"""

from __future__ import annotations

import json
import os
import tempfile
from pathlib import Path

from numba.core import event as numba_event

from bondsig_assets.commands.run import run_range
from bondsig_assets.compile_ahead import LIST, written
from bondsig_assets.home import Home, Market


class Called(numba_event.Listener):
    """The kernels that are compiled because Python calls them, with their types, in order."""

    def __init__(self) -> None:
        self._events: list[tuple[str, tuple[object, ...]]] = []
        self._depth = 0

    def kernels(self) -> list[list[object]]:
        """As `compile_ahead.LIST` has them."""
        return [[name, [written(kind) for kind in types]] for name, types in self._events]

    def on_start(self, event: numba_event.Event) -> None:
        """A kernel begins to be compiled; one within another is no entry."""
        kernel = event.data["dispatcher"].py_func
        if not self._depth and kernel.__module__.startswith("bondsig_assets."):
            self._events.append((f"{kernel.__module__}:{kernel.__qualname__}", event.data["args"]))
        self._depth += 1

    def on_end(self, event: numba_event.Event) -> None:
        """It is compiled."""
        self._depth -= 1


def main() -> None:
    """Run, and write the list."""
    called = Called()
    # On one core nothing is compiled beside.
    os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    with (
        tempfile.TemporaryDirectory() as folder,
        numba_event.install_listener("numba:compile", called),
    ):
        run_range(Home(Path(folder)), Market(world="tiny"), None, None, "", again=False)
    kernels = called.kernels()
    lines = ",\n".join(json.dumps(kernel) for kernel in kernels)
    LIST.write_text(f"[\n{lines}\n]\n")
    print(f"{len(kernels)} kernels in {LIST}")


if __name__ == "__main__":
    if not os.environ.get("NUMBA_CACHE_DIR"):
        raise SystemExit("set NUMBA_CACHE_DIR to an empty folder, so that all is compiled")
    main()
