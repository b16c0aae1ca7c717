"""Where commands print, and the tables they print.

Belongs here: the one console they share, and what their tables and sections have in common. Not
here: what is printed.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Sequence
from typing import IO, cast

from rich.console import Console, JustifyMethod, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from bondsig_assets import logs

#: A pipe has no width of its own: lines are not folded there.
_PIPE_WIDTH = 10_000
#: Whether this process speaks to machines: `speak_to_machines`.
_json = False
#: Names of facts are set this wide, so that tables of facts below each other line up.
_FACT_WIDTH = 16


class _Console(Console):
    """A console whose reader may leave."""

    def on_broken_pipe(self) -> None:
        # Rich would end with status 1; `main` knows that a reader who has enough is no failure.
        raise BrokenPipeError


def speak_to_machines() -> bool:
    """From here on let every line of this process be an object, if the environment asks for it
    (BONDSIG_LOG): for commands that work, not for those whose output is data. Whether it does.
    """
    global _json
    _json = logs.is_json()
    if _json:
        logs.log_as_json()
    return _json


def open_console() -> Console:
    """The terminal, or a pipe without a width; for machines a stream of objects."""
    if _json:
        lines = cast("IO[str]", logs.JsonLines(sys.stdout))
        return _Console(file=lines, highlight=False, width=_PIPE_WIDTH, color_system=None)
    console = _Console(highlight=False)
    return console if console.is_terminal else _Console(highlight=False, width=_PIPE_WIDTH)


def print_section(console: Console, parts: Iterable[RenderableType]) -> None:
    """Print texts, as they stand, and tables below each other, and an empty line."""
    for part in parts:
        console.print(Text(part) if isinstance(part, str) else part)
    console.print()


def plain_table(
    header: Sequence[str],
    rows: Iterable[Sequence[str]],
    right: Sequence[int] = (),
    show_header: bool = True,
) -> RenderableType:
    """A table without lines, indented; the columns `right` are set to the right.

    No cell is cut: on a narrow terminal it is folded. Without its header a table lines up with
    one that has it.
    """
    table = Table(box=None, pad_edge=False, show_header=show_header)
    for k, name in enumerate(header):
        side: JustifyMethod = "right" if k in right else "left"
        table.add_column(Text(name), justify=side, overflow="fold", min_width=len(name))
    for row in rows:
        table.add_row(*(Text(cell) for cell in row))
    return Padding(table, (0, 0, 0, 2), expand=False)


def facts(rows: Iterable[tuple[str, str]]) -> RenderableType:
    """Names and what is known of them, below each other."""
    table = Table.grid(padding=(0, 2, 0, 0))
    table.add_column(min_width=_FACT_WIDTH, no_wrap=True)
    table.add_column(overflow="fold")
    for name, text in rows:
        table.add_row(Text(name), Text(text))
    return table
