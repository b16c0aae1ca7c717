"""Tables of worlds that several pieces share, kept on disk.

Belongs here: the name of a world's files, writing them whole or not at all. Not here: what is in
them.
"""

from __future__ import annotations

import os
from dataclasses import fields
from pathlib import Path

import polars as pl

from bondsig_assets.home import WORLD_VERSION
from bondsig_assets.learning.models.catalogue import fingerprint
from bondsig_assets.sources.simulated.worlds import World


def world_key(world: World) -> str:
    """Stem of a world's files: two worlds that differ in anything, or in the simulator's version,
    have different ones.
    """
    settings = [str(getattr(world, one.name)) for one in fields(world)]
    return f"{world.name}-{world.seed}-{fingerprint([WORLD_VERSION, *settings])}"


def keep(frame: pl.DataFrame, path: Path) -> None:
    """Write `path` whole or not at all: two processes may make the same table."""
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_suffix(f".{os.getpid()}.tmp")
    frame.write_parquet(partial)
    partial.replace(path)
