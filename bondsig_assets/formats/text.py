"""Bytes of text files as UTF-8, and where the header stands.

Belongs here: encodings, lines above the header. Not here: splitting into records, what a header's
names mean.
"""

from __future__ import annotations

import codecs
from collections.abc import Callable, Sequence

#: First bytes of files in other encodings, the longer ones first.
_MARKS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)


def as_utf8(data: bytes) -> tuple[bytes, str]:
    """`data` in UTF-8 without a byte-order mark, and words for what it was taken for, empty for
    UTF-8. What is not UTF-8 and has no mark is Windows-1252, which Latin-1 is part of; the few
    bytes that it does not know are Latin-1's. UnicodeDecodeError where a mark says what the bytes
    are not.

    Examples:
        >>> from bondsig_assets.formats import as_utf8
        >>> as_utf8("Nestlé".encode("latin-1"))[0].decode(), as_utf8("Nestlé".encode())[1]
        ('Nestlé', '')
    """
    for mark, name in _MARKS:
        if data.startswith(mark):
            plain = data[len(mark) :]
            if name == "utf-8":
                return plain, ""
            return plain.decode(name).encode(), f"read as {name[:-3].upper()}"
    if data.isascii():
        return data, ""
    try:
        data.decode()
        return data, ""
    except UnicodeDecodeError:
        pass
    try:
        text = data.decode("cp1252")
    except UnicodeDecodeError:
        text = data.decode("latin-1")
    return text.encode(), "not UTF-8, read as Windows-1252 (Latin-1)"


def header_row(
    rows: Sequence[Sequence[str]], wanted: Callable[[Sequence[str]], bool] | None = None
) -> int:
    """How many of the first rows of a file stand above its header: titles, dates, blank lines.

    `rows`: the fields of its first lines. With `wanted`, the header is the first row that it
    accepts. Else it is the first row that is as wide as most, of different names, none empty (but
    the first, an index may have none) and none a number. 0 where there is no such row.
    """
    if wanted is not None:
        found = next((k for k, row in enumerate(rows) if wanted(row)), None)
        if found is not None:
            return found
    widths = [sum(bool(cell.strip()) for cell in row) for row in rows]
    body = sorted(width for width in widths if width)
    usual = body[len(body) // 2] if body else 0
    for k, row in enumerate(rows):
        names = [cell.strip() for cell in row]
        while names and not names[-1]:
            names.pop()
        if (
            len(names) >= max(2, usual)
            and all(names[1:])
            and len({name.lower() for name in names}) == len(names)
            and not any(map(_is_number, names))
        ):
            return k
    return 0


def _is_number(name: str) -> bool:
    bare = name.replace(",", "").replace("%", "").replace("$", "").replace("/", "")
    try:
        float(bare.replace("-", "").replace(":", "") or "x")
    except ValueError:
        return False
    return True
