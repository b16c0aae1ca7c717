"""Kernels compiled by a process beside, before a run comes to them.

Belongs here: which kernels a run calls with which types, written down in `data/kernels.json`, and
the process that compiles them into numba's cache. Not here: a kernel.

A first run compiles for more than a minute of processor, one kernel after the other, each where it
is first called, while another core is idle. What the list lacks is compiled there as before.
`python -m bondsig_assets.compile_ahead` compiles all of it; `python -m benchmarks.kernels` writes
the list.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from importlib import import_module
from pathlib import Path
from typing import Any

from bondsig_assets.machine import cores, keep_what_lives

LIST = Path(__file__).with_name("data") / "kernels.json"
#: What a type of numba is called in the list.
_ARRAY, _TUPLE, _NAMED = "array", "tuple", "named"


@contextmanager
def compiling_beside() -> Iterator[None]:
    """Compile on another core while the block runs; what is not done at its end is given up.

    Does nothing where there is one core alone.
    """
    if cores() < 2:
        yield
        return
    beside = subprocess.Popen(
        [sys.executable, "-m", "bondsig_assets.compile_ahead"],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        # An interrupt at the terminal is the run's to tell of.
        start_new_session=True,
    )
    try:
        yield
    finally:
        beside.terminate()
        with suppress(subprocess.TimeoutExpired):
            beside.wait(10)


def written(kind: Any) -> Any:
    """A type of numba as the list has it. Raises TypeError for one it cannot hold."""
    types = import_module("numba.core.types")

    if isinstance(kind, types.Array):
        return [_ARRAY, str(kind.dtype), kind.ndim, kind.layout, kind.mutable]
    if isinstance(kind, types.BaseNamedTuple):
        of = kind.instance_class
        return [_NAMED, f"{of.__module__}:{of.__qualname__}", *(written(one) for one in kind)]
    if isinstance(kind, types.BaseTuple):
        return [_TUPLE, *(written(one) for one in kind)]
    if isinstance(kind, types.Number | types.Boolean):
        return str(kind)
    raise TypeError(f"the list of kernels cannot hold {kind}")


def read(told: Any) -> Any:
    """The type of numba that `written` wrote."""
    types = import_module("numba.core.types")
    if isinstance(told, str):
        return getattr(types, told)
    name, *of = told
    if name == _ARRAY:
        dtype, n_dimensions, layout, is_mutable = of
        return types.Array(
            getattr(types, dtype), n_dimensions, layout, readonly=not is_mutable, aligned=True
        )
    if name == _TUPLE:
        return types.BaseTuple.from_types(tuple(read(one) for one in of))
    module, _, cls = of[0].partition(":")
    inner = tuple(read(one) for one in of[1:])
    return types.BaseTuple.from_types(inner, getattr(import_module(module), cls))


def kernels() -> Iterator[tuple[Callable[[Any], Any], tuple[Any, ...]]]:
    """What compiles each kernel of the list, and the types it is called with, in the order of a
    run.
    """
    for name, told in json.loads(LIST.read_text()):
        module, _, function = name.partition(":")
        kernel = getattr(import_module(module), function)
        # Some are called through a function that makes arrays of what it is given.
        yield (
            getattr(kernel, "compile", None) or kernel.__wrapped__.compile,
            tuple(read(one) for one in told),
        )


def main() -> None:
    """Compile what the cache has not got, for as long as whoever asked is there."""
    asking, found = os.getppid(), list(kernels())
    keep_what_lives()
    for compiled, signature in found:
        if os.getppid() != asking:
            return
        compiled(signature)


if __name__ == "__main__":
    main()
