"""Rows of any question as a table of text.

Belongs here: how a cell looks, how wide a column is, which columns a narrow terminal shows. Not
here: tables whose columns are known (`console.py`), and the question (`sql.py`).
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator, Sequence
from decimal import Decimal
from itertools import chain, zip_longest
from typing import Any

from rich.cells import cell_len, set_cell_size
from rich.console import Console
from rich.text import Text

from bondsig_assets.commands.console import open_console
from bondsig_assets.tables import TABLES

#: Blanks between two columns.
_GAP = 2
#: Where the columns of a terminal do not fit, texts are cut to the first of these with which they
#: do, else to the last.
_CUTS = (40, 24)
#: Numbers from 1 up to this are written without an exponent.
_EXPONENT = 1e15
#: So many columns that are not shown are named.
_NAMED = 12
#: What DuckDB calls the two columns of a plan, the second of which is a drawing.
_PLAN = ["explain_key", "explain_value"]


def print_table(names: Sequence[str], batches: Iterable[Sequence[tuple[Any, ...]]]) -> None:
    """Print all rows as they come, and how many there were.

    A pipe gets every column. A terminal gets those that fit, and the names of the others. Columns
    are as wide as what has come so far; the header is printed again where that changes.
    """
    console = open_console()
    if list(names) == _PLAN:
        for _, drawing in chain.from_iterable(batches):
            sys.stdout.write(f"{drawing}\n")
        return
    room = console.width if console.is_terminal else None
    n_rows, table = 0, _Table(names)
    for rows in _one_at_least(batches):
        n_rows += len(rows)
        columns = [[_text(value) for value in column] for column in zip(*rows, strict=True)]
        if table.widen(columns, [_is_number(column) for column in zip(*rows, strict=True)], room):
            _print_line(console, table.header(), "bold")
        sys.stdout.writelines(table.lines(columns))
    hidden = [name for k, name in enumerate(names) if k not in table.shown]
    _print_line(console, f"{n_rows} row{'s' * (n_rows != 1)}", "dim")
    if hidden:
        others = f" and {len(hidden) - _NAMED} others" if len(hidden) > _NAMED else ""
        told = (
            f"not shown: {', '.join(hidden[:_NAMED])}{others}; name the columns you want, or ask"
            " for -f csv"
        )
        console.print(Text(told, style="dim"))


class _Table:
    """Which columns are shown, how wide, and on which side."""

    def __init__(self, names: Sequence[str]) -> None:
        self._names = [_text(name) for name in names]
        self._first = _keys_first(names)
        self._needed = [cell_len(name) for name in self._names]
        self._is_right = [False] * len(names)
        self.shown: list[int] = []
        self._widths: list[int] = []

    def widen(self, columns: list[list[str]], is_right: list[bool], room: int | None) -> bool:
        """Make room for these texts too; whether anything changed."""
        for k, texts in enumerate(columns):
            self._needed[k] = max(self._needed[k], max(map(_width, texts), default=0))
            self._is_right[k] |= is_right[k]
        before = self.shown, self._widths
        self.shown, self._widths = _fitting(self._needed, self._is_right, self._first, room)
        return (self.shown, self._widths) != before

    def header(self) -> str:
        """The names of the columns."""
        return self._line([self._names[k] for k in self.shown])

    def lines(self, columns: list[list[str]]) -> Iterator[str]:
        """A line a row; more where a text has some."""
        if not columns:
            return
        wanted = [columns[k] for k in self.shown]
        breaks = any("\n" in text for column in wanted for text in column)
        for texts in zip(*wanted, strict=True):
            if not breaks:
                yield self._line(texts) + "\n"
                continue
            for parts in zip_longest(*(text.split("\n") for text in texts), fillvalue=""):
                yield self._line(parts) + "\n"

    def _line(self, texts: Sequence[str]) -> str:
        cells = []
        for k, text, width in zip(self.shown, texts, self._widths, strict=True):
            if not text.isascii() or len(text) > width:
                cells.append(_cut(text, width))
            elif self._is_right[k]:
                cells.append(text.rjust(width))
            else:
                cells.append(text.ljust(width))
        return (" " * _GAP).join(cells).rstrip()


def _one_at_least(
    batches: Iterable[Sequence[tuple[Any, ...]]],
) -> Iterator[Sequence[tuple[Any, ...]]]:
    """The batches; an empty one where there is none, so that a header is printed."""
    iterator = iter(batches)
    yield next(iterator, [])
    yield from iterator


def _keys_first(names: Sequence[str]) -> list[int]:
    """Positions in the order in which columns are wanted: those of the key of a declared table that
    is there in whole, then the others, each from the left.
    """
    keys = {name for table in TABLES.values() if set(table.key) <= set(names) for name in table.key}
    return sorted(range(len(names)), key=lambda k: (names[k] not in keys, k))


def _fitting(
    needed: list[int], is_right: list[bool], first: list[int], room: int | None
) -> tuple[list[int], list[int]]:
    """The columns that fit side by side into `room` characters, in order, and their widths.

    `first` says which are wanted most; at least that one is shown. Numbers are never cut, texts
    only where not everything fits otherwise.
    """
    everything = list(range(len(needed)))
    if room is None or _total(needed) <= room:
        return everything, list(needed)
    for cut in _CUTS:
        widths = [
            width if right else min(width, cut)
            for width, right in zip(needed, is_right, strict=True)
        ]
        if _total(widths) <= room:
            return everything, widths
    shown = [first[0]]
    for k in first[1:]:
        if _total([widths[j] for j in (*shown, k)]) > room:
            break
        shown.append(k)
    return sorted(shown), [widths[k] for k in sorted(shown)]


def _total(widths: Sequence[int]) -> int:
    return sum(widths) + _GAP * (len(widths) - 1)


def _is_number(values: Sequence[Any]) -> bool:
    value = next((one for one in values if one is not None), None)
    return isinstance(value, int | float | Decimal) and not isinstance(value, bool)


def _width(text: str) -> int:
    if "\n" in text:
        return max(map(_width, text.split("\n")))
    return len(text) if text.isascii() else cell_len(text)


def _cut(text: str, width: int) -> str:
    """`text` in exactly `width` cells, the last of them … where some of it is missing."""
    if cell_len(text) <= width:
        return set_cell_size(text, width)
    return set_cell_size(text, width - 1) + "…"


def _text(value: object) -> str:
    """A cell: numbers with six digits, moments as SQL writes them, nothing for null."""
    if value is None:
        return ""
    if isinstance(value, float):
        text = f"{value + 0.0:.6g}"  # No zero has a sign.
        return f"{value:.0f}" if "e" in text and 1 <= abs(value) < _EXPONENT else text
    if isinstance(value, list):
        return ", ".join(_text(item) for item in value)
    text = str(value)
    # Else a tab or an escape sequence of the data would move the columns.
    return text if text.isprintable() else "".join(map(_visible, text))


def _visible(character: str) -> str:
    return character if character.isprintable() or character == "\n" else " "


def _print_line(console: Console, text: str, style: str) -> None:
    console.print(Text(text, style=style), soft_wrap=True)
