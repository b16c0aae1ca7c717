"""Pieces of text made right: every line a record with the header's number of fields.

Belongs here: bytes in, bytes that a strict parser reads and the fault of each line out. Not here:
what the fields mean. A line end always ends a record: no field of TRACE holds one, so a stray quote
spoils its own line and no other.
"""

from __future__ import annotations

import csv
import re
from dataclasses import dataclass

import numpy as np

TOO_MANY, TOO_FEW = "too_many_fields", "too_few_fields"
#: Separator of pieces whose quotes were taken out.
UNIT = b"\x1f"
_NEWLINE, _QUOTE = 10, 34
_BLANK_LINE = re.compile(rb"(?m)^ *\n")


@dataclass(frozen=True)
class Piece:
    """Whole lines without quotes or blank lines, `n_lines` of them; `faults`: line → its fault."""

    text: bytes
    separator: bytes
    n_lines: int
    faults: dict[int, str]


def tidy(data: bytes) -> bytes:
    """`data`, which is UTF-8, with plain line ends, the last one there, and no blank lines."""
    if b"\r" in data:
        data = data.replace(b"\r\n", b"\n").replace(b"\r", b" ")
    if data and not data.endswith(b"\n"):
        data += b"\n"
    if b"\n\n" in data or b"\n " in data or data[:1] in (b"\n", b" "):
        data = _BLANK_LINE.sub(b"", data)
    return data


def shape(data: bytes, separator: bytes, n_fields: int, quoting: bool) -> Piece:
    """`data`, which is tidy, as a piece: lines with too many fields cut, those with too few filled
    up.
    """
    if quoting and b'"' in data:
        data, separator = _unquoted(data, separator), UNIT
    bytes_ = np.frombuffer(data, dtype=np.uint8)
    ends = np.flatnonzero(bytes_ == _NEWLINE)
    at = np.flatnonzero(bytes_ == separator[0])
    width = n_fields - 1
    if at.size == ends.size * width and _regular(at.reshape(ends.size, width), ends):
        return Piece(data, separator, int(ends.size), {})
    counts = np.diff(np.searchsorted(at, ends), prepend=0)
    return _mended(data, separator, ends, counts, width)


def _regular(at: np.ndarray, ends: np.ndarray) -> bool:
    """Whether every line holds its row of separators."""
    return bool((at[:, -1] < ends).all() and (at[1:, 0] > ends[:-1]).all())


def _mended(
    data: bytes, separator: bytes, ends: np.ndarray, counts: np.ndarray, width: int
) -> Piece:
    parts, done, faults = [], 0, {}
    for line in np.flatnonzero(counts != width).tolist():
        start, end = (int(ends[line - 1]) + 1 if line else 0), int(ends[line])
        fields = data[start:end].split(separator)[: width + 1]
        parts += [data[done:start], separator.join(fields), separator * (width + 1 - len(fields))]
        done, faults[line] = end, TOO_MANY if counts[line] > width else TOO_FEW
    return Piece(b"".join([*parts, data[done:]]), separator, int(ends.size), faults)


def _unquoted(data: bytes, separator: bytes) -> bytes:
    """The quotes of each line taken out and the separators outside them made UNIT; a line with an
    odd quote has none that count.
    """
    bytes_ = np.frombuffer(data, dtype=np.uint8)
    quotes = bytes_ == _QUOTE
    parity = np.cumsum(quotes, dtype=np.uint8) & 1
    ends = np.flatnonzero(bytes_ == _NEWLINE)
    lengths = np.diff(ends, prepend=-1)
    at_end = parity[ends]
    at_start = np.concatenate([[0], at_end[:-1]]).astype(np.uint8)
    inside = (parity ^ np.repeat(at_start, lengths)).astype(bool) & ~np.repeat(
        at_start != at_end, lengths
    )
    out = bytes_.copy()
    out[out == UNIT[0]] = ord(" ")
    out[(bytes_ == separator[0]) & ~inside] = UNIT[0]
    kept: bytes = out[~quotes].tobytes()
    return kept


def fields(line: str, delimiter: str, quoting: bool) -> list[str]:
    """The fields of one line, for headers."""
    if not quoting:
        return line.split(delimiter)
    return next(
        csv.reader([line.replace("\r", " ")], delimiter=delimiter, skipinitialspace=True), []
    )
