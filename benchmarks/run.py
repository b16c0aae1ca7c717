"""Where the time of a run goes: `python -m benchmarks.run [WORLD]`, in a home of its own.

Belongs here: seconds of each asset, split into reading the lake, writing it, checks, Dagster's
events and the rest, which is computing. Not here: what events alone cost (`orchestration.py`).

`wall` is time that passed; `cpu` what all threads of this process and the processes it started took
of the processors. Reads are summed over the threads that read, and may come to more than passed.
Kernels are compiled in a run whose cache is empty: give NUMBA_CACHE_DIR an empty folder to see it.
"""

from __future__ import annotations

import json
import resource
import sys
import tempfile
import threading
import time
from collections import defaultdict
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Any
from unittest.mock import patch

import dagster as dg
from numba.core import event as numba_event

from benchmarks.trace import FOLDER
from bondsig_assets.commands.run import run_range
from bondsig_assets.home import Home, Market
from bondsig_assets.warehouse import Warehouse

_READS = ("read", "read_table", "partitions", "row_counts")
_CHECKS = ("_quality", "_structure")
#: Tables whose rows say how large the market was.
_COUNTED = ("trace_reports", "bond_analytics", "issuer_days", "portfolio_days")
_PARTS = ("wall", "cpu", "compile", "read", "write", "events", "checks")


def cpu_seconds() -> float:
    """Seconds of processor of this process and of those it has waited for."""
    return sum(
        used.ru_utime + used.ru_stime
        for used in map(resource.getrusage, (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    )


class Stopwatch:
    """Seconds by asset and part; `outside` is what passes between assets."""

    def __init__(self) -> None:
        self.seconds: dict[str, dict[str, float]] = defaultdict(lambda: dict.fromkeys(_PARTS, 0.0))
        self._asset, self._part = "outside", "wall"
        self._since = time.perf_counter(), cpu_seconds()
        self._inner = threading.local()

    def turn(self, step: str | None) -> None:
        """Another step begins, or (None) the one before has ended."""
        now = time.perf_counter(), cpu_seconds()
        of = self.seconds[self._asset]
        of["wall"] += now[0] - self._since[0]
        of["cpu"] += now[1] - self._since[1]
        if self._part == "checks":
            of["checks"] += now[0] - self._since[0]
        self._since, asset = now, step or "outside"
        end = next((end for end in _CHECKS if asset.endswith(end)), "")
        self._asset, self._part = asset.removesuffix(end), "checks" if end else "wall"

    def add(self, part: str, seconds: float) -> None:
        """Count seconds as a part of the present asset."""
        self.seconds[self._asset][part] += seconds

    def timed(self, part: str, function: Callable[..., Any]) -> Callable[..., Any]:
        """`function`, its seconds added to a part of the present asset; calls within are not
        counted twice.
        """

        def wrapped(*args: Any, **keywords: Any) -> Any:
            if getattr(self._inner, "is_timed", False):
                return function(*args, **keywords)
            self._inner.is_timed, began, asset = True, time.perf_counter(), self._asset
            try:
                return function(*args, **keywords)
            finally:
                self._inner.is_timed = False
                self.seconds[asset][part] += time.perf_counter() - began

        return wrapped

    def heard(self, function: Callable[..., Any]) -> Callable[..., Any]:
        """Dagster's way of storing an event, which tells when steps begin and end."""
        stored = self.timed("events", function)

        def wrapped(instance: Any, event: Any, *args: Any, **keywords: Any) -> Any:
            told = event.dagster_event
            kind = told.event_type_value if told else ""
            if kind == "STEP_START":
                self.turn(told.step_key)
            done = stored(instance, event, *args, **keywords)
            if kind in ("STEP_SUCCESS", "STEP_FAILURE"):
                self.turn(None)
            return done

        return wrapped


class Compiling(numba_event.Listener):
    """Seconds of compiling by asset and by the kernel that was asked for, those it calls within."""

    def __init__(self, watch: Stopwatch) -> None:
        self.kernels: dict[str, float] = defaultdict(float)
        self._watch, self._begun = watch, list[float]()

    def on_start(self, event: numba_event.Event) -> None:
        """A kernel begins to be compiled."""
        self._begun.append(time.perf_counter())

    def on_end(self, event: numba_event.Event) -> None:
        """It is compiled; what one within took is counted with the outermost."""
        seconds = time.perf_counter() - self._begun.pop()
        if not self._begun:
            kernel = event.data["dispatcher"].py_func
            self.kernels[f"{kernel.__module__}.{kernel.__qualname__}"] += seconds
            self._watch.add("compile", seconds)


def measured(home: Home, market: Market) -> tuple[Stopwatch, Compiling]:
    """A run of a market into an empty home."""
    watch = Stopwatch()
    compiling = Compiling(watch)
    with ExitStack() as stack:
        stack.enter_context(numba_event.install_listener("numba:compile", compiling))
        for name in _READS:
            timed = watch.timed("read", getattr(Warehouse, name))
            stack.enter_context(patch.object(Warehouse, name, timed))
        timed = watch.timed("write", Warehouse.replace)
        stack.enter_context(patch.object(Warehouse, "replace", timed))
        heard = watch.heard(dg.DagsterInstance.handle_new_event)
        stack.enter_context(patch.object(dg.DagsterInstance, "handle_new_event", heard))
        run_range(home, market, None, None, "", again=False)
    watch.turn(None)
    return watch, compiling


def table(watch: Stopwatch) -> str:
    """Seconds of each asset as text, the longest first, and their sum."""
    rows = sorted(watch.seconds.items(), key=lambda item: -item[1]["wall"])
    total = {part: sum(of[part] for _, of in rows) for part in _PARTS}
    lines = [f"{'asset':28}" + "".join(f"{part:>9}" for part in _PARTS)]
    for name, of in [*rows, ("all", total)]:
        lines.append(f"{name:28}" + "".join(f"{of[part]:9.1f}" for part in _PARTS))
    return "\n".join(lines)


def main() -> None:
    """Run WORLD (default demo) into a temporary home and print the table."""
    world = sys.argv[1] if len(sys.argv) > 1 else "demo"
    with tempfile.TemporaryDirectory() as folder:
        watch, compiling = measured(Home(Path(folder)), Market(world=world))
        warehouse = Warehouse(Path(folder))
        rows = {
            name: warehouse.read(f"SELECT count(*) AS n FROM {name}")["n"][0] for name in _COUNTED
        }
    print(table(watch))
    for name, seconds in sorted(compiling.kernels.items(), key=lambda item: -item[1]):
        print(f"{seconds:7.2f} s compiling {name}")
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    print(f"memory at most {peak:.2f} GiB")
    FOLDER.mkdir(parents=True, exist_ok=True)
    told = {"world": world, "assets": watch.seconds, "gibibytes": peak, "rows": rows}
    (FOLDER / "run.json").write_text(json.dumps(told, indent=1))


if __name__ == "__main__":
    main()
