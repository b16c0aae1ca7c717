"""How far the work of an asset is, for whoever watches.

Belongs here: the hook that assets update and the CLI listens on. Not here: how it is drawn.
"""

from __future__ import annotations

from collections.abc import Callable

Listener = Callable[[str, float], None]
_listeners: list[Listener] = []


def listen(listener: Listener) -> None:
    """Call `listener(asset, share done)` on every update in this process."""
    _listeners.append(listener)


def update(asset: str, share: float) -> None:
    """Say that `share` (0 … 1) of the present work of `asset` is done."""
    for listener in _listeners:
        listener(asset, share)
