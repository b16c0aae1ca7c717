"""Where commands print. Belongs here: the one console they share. Not here: what is printed."""

from __future__ import annotations

from rich.console import Console

#: A pipe has no width of its own: lines are not folded there.
_PIPE_WIDTH = 10_000


def open_console() -> Console:
    """The terminal, or a pipe without a width."""
    console = Console(highlight=False)
    return console if console.is_terminal else Console(highlight=False, width=_PIPE_WIDTH)
