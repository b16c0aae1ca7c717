"""Blocks of work that do not rest on each other: on threads of this process, on other processes, or
on other machines.

Belongs here: handing blocks out and taking their results back in order. Not here: what a block is,
and who is told how far the work is (the callers).
"""

from bondsig_assets.blocks.mapping import map_blocks
from bondsig_assets.blocks.settings import Workers, workers

__all__ = ["Workers", "map_blocks", "workers"]
