"""Pieces of a study, each done once: a study that is stopped goes on with the next piece.

Belongs here: keeping results of pieces on disk, running them beside each other. Not here: what a
piece does.
"""

from __future__ import annotations

import json
import multiprocessing
import os
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bondsig_assets.home import WORLD_VERSION
from bondsig_assets.learning.models.catalogue import fingerprint
from bondsig_assets.machine import cores


@dataclass(frozen=True)
class Unit:
    """One piece: `work(folder, **parameters)` returns what JSON can hold; `folder` keeps what
    several pieces of one version of the code share.

    `cost` is its length beside other pieces', for telling how long the rest will take.
    """

    study: str
    name: str
    work: Callable[..., dict[str, Any]]
    parameters: dict[str, Any]
    cost: float = 1.0

    def path(self, folder: Path, version: str) -> Path:
        """Where its result goes: another version of the code or of the simulated market, or other
        parameters, are another file.
        """
        return folder / "units" / self.study / f"{self._stem}-{version}.json"

    def found(self, folder: Path, version: str, any_version: bool = False) -> Path | None:
        """Where its result lies, of this version of the code or of any (the newest); None while it
        is to be done.
        """
        path = self.path(folder, version)
        if path.exists() or not any_version:
            return path if path.exists() else None
        kept = sorted(path.parent.glob(f"{self._stem}-*.json"), key=lambda one: one.stat().st_mtime)
        return kept[-1] if kept else None

    @property
    def _stem(self) -> str:
        name = self.name.replace(":", "").replace(",", "").replace(" ", "_")
        key = fingerprint([self.work.__qualname__, self.parameters, WORLD_VERSION])
        return f"{name}-{key}"


def run_units(
    units: Sequence[Unit],
    folder: Path,
    version: str,
    say: Callable[[str], None],
    workers: int | None = None,
    any_version: bool = False,
) -> dict[str, dict[str, dict[str, Any]]]:
    """Results by study and name; finished pieces are read, others done on `workers` processes of
    one thread each.

    With `any_version` a piece is finished whichever version of the code did it.
    """
    waiting = [unit for unit in units if unit.found(folder, version, any_version) is None]
    if waiting:
        say(f"{len(units) - len(waiting)} of {len(units)} pieces are done already")
        _do(waiting, folder, version, say, workers or cores())
    found: dict[str, dict[str, dict[str, Any]]] = {}
    for unit in units:
        path = unit.found(folder, version, any_version)
        if path is None:
            raise FileNotFoundError(f"{unit.study}: {unit.name} left no result in {folder}")
        found.setdefault(unit.study, {})[unit.name] = {
            **json.loads(path.read_text()),
            "parameters": unit.parameters,
        }
    return found


def _do(
    units: Sequence[Unit], folder: Path, version: str, say: Callable[[str], None], workers: int
) -> None:
    done, began = [], time.monotonic()

    def finished(unit: Unit, seconds: float) -> None:
        done.append(unit.cost)
        left = (time.monotonic() - began) / sum(done) * (sum(one.cost for one in units) - sum(done))
        say(
            f"{len(done):3}/{len(units)}  {unit.study}: {unit.name}  {seconds:.0f} s, about"
            f" {left / 60:.0f} min left"
        )

    if workers == 1:
        for unit in units:
            finished(unit, _work(unit, folder, version))
        return
    # Threads of one library do not survive a fork of another's; a new interpreter has none.
    with (
        _single_threaded(),
        ProcessPoolExecutor(workers, mp_context=multiprocessing.get_context("spawn")) as pool,
    ):
        running = {pool.submit(_work, unit, folder, version): unit for unit in units}
        for future in as_completed(running):
            finished(running[future], future.result())


def _work(unit: Unit, folder: Path, version: str) -> float:
    """Do a piece and keep its result whole or not at all; returns the seconds it took."""
    began = time.monotonic()
    # Worlds and homes of another version of the code would pass for this one's.
    result = unit.work(folder / version, **unit.parameters)
    path = unit.path(folder, version)
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_suffix(f".{os.getpid()}.tmp")
    partial.write_text(json.dumps({**result, "seconds": time.monotonic() - began}))
    partial.replace(path)
    return time.monotonic() - began


class _single_threaded:
    """Children inherit the environment: one thread for each library that would take all cores."""

    _NAMES = ("POLARS_MAX_THREADS", "OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "NUMBA_NUM_THREADS")

    def __enter__(self) -> None:
        self._before = {name: os.environ.get(name) for name in self._NAMES}
        os.environ.update(dict.fromkeys(self._NAMES, "1"))

    def __exit__(self, *_error: object) -> None:
        for name, value in self._before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value
