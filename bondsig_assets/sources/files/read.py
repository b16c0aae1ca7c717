"""One file on disk → one frame, exactly as it stands there; faults of the file stop here.

Belongs here: finding files, decompressing, splitting into fields, and everything that can
be wrong with a file as a whole before its values are looked at (missing, cut short, wrong
columns). Not here: what the values mean (`values.py`).
"""

from __future__ import annotations

import csv
import gzip
import io
import re
import zlib
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from bondsig_assets.arrays import Bools
from bondsig_assets.errors import FormatError, MissingExtraError, SourceError
from bondsig_assets.formats import as_utf8, header_row, is_table, read_table
from bondsig_assets.sources.files.config import Feed, Lookup
from bondsig_assets.sources.files.layouts import LAYOUTS
from bondsig_assets.sources.files.values import text
from bondsig_assets.validation import unknown_name

#: Position of the row in its file, from 1 (the header does not count).
ROW = "__row"
#: The line has more or fewer fields than the header.
RAGGED = "__ragged"
#: Lines of a file among which its header is sought.
_ABOVE = 60
#: A blank line, or one of nothing but delimiters and blanks that are no ASCII.
_BLANK = re.compile(rb"^[\s,;|\t\"\xa0\xc2]*$")


def find_files(data: Path, feed: Feed, table: str) -> list[Path]:
    """Files the feed names, each once, in the order of its patterns and then by name."""
    if not data.is_dir():
        raise SourceError(f"{data}: no such folder; give the one that holds the data with --data")
    if not any(data.iterdir()):
        raise SourceError(
            f"{data}: the folder is empty; put the files there that source.toml names"
        )
    found: dict[Path, None] = {}
    for pattern in feed.files:
        try:
            matches = sorted(path for path in data.glob(pattern) if path.is_file())
        except (NotImplementedError, ValueError):
            raise SourceError(
                f"{data}: {table}: files = '{pattern}' should be a name or glob below the data"
                " folder"
            ) from None
        if not matches:
            _refuse_no_file(data / pattern, table)
            there = ", ".join(sorted(path.name for path in data.iterdir())[:20])
            raise SourceError(
                f"{data}: no file matches '{pattern}', which is to feed {table}; the folder holds"
                f" {there}"
            )
        found |= dict.fromkeys(matches)
    return list(found)


def _refuse_no_file(path: Path, table: str) -> None:
    """Complains of something of the wanted name that is no file."""
    if path.is_dir():
        raise SourceError(
            f"{path}: a folder, where {table} needs a file; name the files in it, or put the file"
            " in its place"
        )
    if path.is_symlink():
        raise SourceError(
            f"{path}: a link to {path.readlink()}, which is not there; mend the link or put the"
            " file in its place"
        )


def read_file(path: Path, feed: Feed, told: list[str] | None = None) -> pl.DataFrame:
    """The file as it stands (CSV fields as text, others as typed), with ROW and RAGGED.

    `told` gets a sentence for whatever was decided on the way: another encoding, a header further
    down, a sheet. Raises SourceError when the file is cut short, empty, or lacks a column that a
    rule needs.
    """
    notes: list[str] = []
    if is_table(path) and not feed.format:
        try:
            frame, notes = read_table(path, feed.sheet, feed.skip_rows, _is_header(feed))
        except (FormatError, MissingExtraError) as error:
            raise SourceError(str(error)) from None
        ragged = np.zeros(frame.height, dtype=bool)
    elif _format(path, feed) == "parquet":
        try:
            frame = pl.read_parquet(path, glob=False)
        except (pl.exceptions.PolarsError, OSError) as error:
            raise SourceError(
                f"{path}: cut short, or not a Parquet file; deliver it again ({_first_line(error)})"
            ) from None
        ragged = np.zeros(frame.height, dtype=bool)
    else:
        frame, ragged = _read_csv(path, feed, notes)
    if told is not None:
        told.extend(f"{path.name}: {note}" for note in notes)
    names = [_without_suffix(name, frame.columns).strip() for name in frame.columns]
    missing = next((name for name in feed.columns_needed if name not in names), None)
    doubles = [name for name in names if names.count(name) > 1]
    # Of a file without its header, that a column is missing says more than that two are alike.
    double = next(
        (name for name in doubles if missing is None or name in feed.columns_needed), None
    )
    if double is not None:
        raise SourceError(f"{path}: the column '{double}' appears twice; leave one of them out")
    if missing is not None:
        raise SourceError(
            f"{path}: no column '{missing}', which source.toml expects;"
            f" {unknown_name('column', missing, names)}"
        )
    frame.columns = names
    frame = frame.with_columns(
        pl.int_range(1, pl.len() + 1, dtype=pl.Int64).alias(ROW), pl.Series(RAGGED, ragged)
    )
    # A blank line is no row.
    return frame.filter(~pl.all_horizontal(pl.col(names).is_null()))


def read_lookup(data: Path, lookup: Lookup) -> dict[str, Any]:
    """Code → value of a lookup file, or whether it lists the code. One code with two values is a
    fault unless the first counts.
    """
    rules = Feed(files=[lookup.file])
    (path,) = find_files(data, rules, "a lookup")[:1]
    frame = read_file(path, rules)
    value = lookup.value or lookup.key
    for name in (lookup.key, value):
        if name not in frame.columns:
            raise SourceError(f"{path}: {unknown_name('column', name, frame.columns[:-2])}")
    pairs = (
        frame.select(
            # As the table's own file is read: 7.0 in a column of floats is the code 7.
            text(lookup.key, frame.schema, []).str.split(lookup.separator).alias("key"),
            text(value, frame.schema, [""]).alias("value"),
        )
        .explode("key")
        .with_columns(pl.col("key").str.strip_chars())
        .filter(pl.col("key").is_not_null() & (pl.col("key") != ""))
        .unique(maintain_order=True)
    )
    if not lookup.value:
        return dict.fromkeys(pairs["key"], True) | {"*": False}
    if lookup.first:
        pairs = pairs.filter(pl.col("value").is_not_null()).unique(
            "key", keep="first", maintain_order=True
        )
    double = pairs.filter(pl.col("key").is_duplicated())
    if double.height:
        code, values = (
            double["key"][0],
            double.filter(pl.col("key") == double["key"][0])["value"].to_list(),
        )
        raise SourceError(
            f"{path}: {lookup.key} '{code}' stands for {' and '.join(map(str, values))}; keep one"
            " of them"
        )
    return dict(pairs.iter_rows())


def row_texts(raw: pl.DataFrame, rows: pl.Series) -> pl.DataFrame:
    """ROW and the row as JSON (`row_text`), for the given row numbers of a frame of `read_file`."""
    fields = [name for name in raw.columns if name not in (ROW, RAGGED)]
    # JSON knows no bytes: they are told in hexadecimal.
    raw = raw.filter(pl.col(ROW).is_in(rows.unique().implode())).with_columns(
        pl.col(pl.Binary).bin.encode("hex")
    )
    return raw.select(ROW, pl.struct(fields).struct.json_encode().alias("row_text"))


def _is_header(feed: Feed) -> Callable[[Sequence[str]], bool] | None:
    """Whether fields are those of the header: all columns that the block needs."""
    layout = LAYOUTS[feed.layout].needed if feed.layout else ()
    wanted = {*feed.columns_needed, *(name for name in layout if name not in feed.columns)}
    if not wanted:
        return None
    return lambda fields: wanted <= {field.strip().strip('"').strip() for field in fields}


def _without_suffix(name: str, names: list[str]) -> str:
    """The name in the header: the reader of CSV tells a second `close` apart as
    `close_duplicated_0`.
    """
    plain = re.sub(r"_duplicated_\d+$", "", name)
    return plain if plain and plain in names else name


def _format(path: Path, feed: Feed) -> str:
    name = path.name.lower().removesuffix(".gz")
    if feed.format:
        return feed.format
    if name.endswith((".csv", ".txt")):
        return "csv"
    if name.endswith((".parquet", ".pq")):
        return "parquet"
    raise SourceError(
        f"{path}: neither .csv, .txt (each also .gz), .parquet nor a file of SAS, Stata or Excel;"
        ' say format = "csv" or "parquet" in source.toml'
    )


def _read_csv(path: Path, feed: Feed, notes: list[str]) -> tuple[pl.DataFrame, np.ndarray]:
    """Fields as text, and which lines have the wrong number of them."""
    data = _in_utf8(path, _bytes(path), notes)
    is_txt = ".txt" in path.name.lower()
    delimiter = feed.delimiter or ("|" if is_txt else ",")
    quoted = (not is_txt if feed.quoted is None else feed.quoted) and b'"' in data
    body, trailer = data.rstrip(b"\r\n"), b""
    if not body:
        raise SourceError(f"{path}: the file is empty; deliver it again")
    if feed.trailer:
        body, _, trailer = body.rpartition(b"\n")
        body = body.rstrip(b"\r\n")
    body = _from_header(path, body, feed, delimiter, notes)
    header, last = body.partition(b"\n")[0], body.rpartition(b"\n")[2]
    n_delimiters = header.count(delimiter.encode())
    # Inside quotes a delimiter is text: what can be told then is left to the parser.
    if feed.trailer and trailer.count(delimiter.encode()) >= max(n_delimiters, 1):
        raise SourceError(f"{path}: cut short: the last line is no trailer; deliver the file again")
    if b'"' not in last and last.count(delimiter.encode()) < n_delimiters:
        raise SourceError(
            f"{path}: cut short: the last line has {last.count(delimiter.encode()) + 1} fields of"
            f" {n_delimiters + 1}; deliver it again (or say trailer = true if that line is one)"
        )
    try:
        frame = pl.read_csv(
            io.BytesIO(body),
            infer_schema=False,
            separator=delimiter,
            quote_char='"' if quoted else None,
            truncate_ragged_lines=True,
        )
    except pl.exceptions.PolarsError as error:
        raise SourceError(
            f"{path}: not readable as text split at '{delimiter}' ({_first_line(error)})"
        ) from None
    if feed.trailer:
        count = re.search(rb"(\d{1,10})\D*$", trailer)
        if count is None or int(count[1]) != frame.height:
            promised = int(count[1]) if count else "no number"
            raise SourceError(
                f"{path}: cut short: the trailer says {promised} rows, the file holds"
                f" {frame.height}; deliver it again"
            )
    ragged = np.zeros(frame.height, dtype=bool) if quoted else _ragged(body, delimiter)
    return frame, ragged


def _in_utf8(path: Path, data: bytes, notes: list[str]) -> bytes:
    """The bytes in UTF-8 without a mark; complains of what is no text."""
    try:
        plain, said = as_utf8(data)
    except UnicodeDecodeError as error:
        raise SourceError(f"{path}: not readable as text ({error.reason}); save as UTF-8") from None
    if b"\0" in plain.partition(b"\n")[0]:
        raise SourceError(
            f"{path}: is in UTF-16 or UTF-32 without a mark, or no text at all; save as UTF-8"
        )
    notes += [said] if said else []
    return plain


def _from_header(path: Path, body: bytes, feed: Feed, delimiter: str, notes: list[str]) -> bytes:
    """The lines from the header on: below `skip_rows`, or below the lines above the first that has
    every column that is needed. Where there are any above it, a blank line ends the table.
    """
    above = feed.skip_rows
    if above is None:
        is_header = _is_header(feed)
        lines = body.split(b"\n", _ABOVE)[:_ABOVE]
        fields = [
            next(csv.reader([line.decode(errors="replace").strip("\r")], delimiter=delimiter), [])
            for line in lines
        ]
        above = header_row(fields, is_header) if is_header and any(map(is_header, fields)) else 0
        if above:
            notes.append(f"{above} lines above the header are passed over")
    if not above:
        return body
    lines = body.split(b"\n")[above:]
    end = next((k for k, line in enumerate(lines) if _BLANK.match(line)), len(lines))
    if not end:
        raise SourceError(f"{path}: no header below the {above} lines of skip_rows")
    if end < len(lines):
        notes.append(f"{len(lines) - end} lines from the first blank one on are passed over")
    return b"\n".join(lines[:end]).rstrip(b"\r\n")


def _ragged(body: bytes, delimiter: str) -> Bools:
    """Of each line after the header: whether its number of fields differs from the header's."""
    characters = np.frombuffer(body, dtype=np.uint8)
    starts = np.concatenate(([0], np.flatnonzero(characters == ord("\n")) + 1))
    counts = np.add.reduceat(characters == ord(delimiter), starts, dtype=np.int32)
    ragged: Bools = counts[1:] != counts[0]
    return ragged


def _bytes(path: Path) -> bytes:
    """The file's bytes, decompressed where its name ends in .gz or they say so themselves."""
    try:
        # Python's gzip says when the end is missing; a reader that streams may not.
        data = path.read_bytes()
        return (
            gzip.decompress(data)
            if path.name.lower().endswith(".gz") or data.startswith(b"\x1f\x8b")
            else data
        )
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise SourceError(
            f"{path}: cut short, or not a gzip file; deliver it again ({_first_line(error)})"
        ) from None
    except OSError as error:
        raise SourceError(f"{path}: not readable: {error.strerror}") from None


def _first_line(error: Exception) -> str:
    return str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
