"""Files and archives as streams of text, and streams as pieces of whole lines.

Belongs here: zip, zip of zips, gz and plain files, opened member by member and never unpacked to
disk by name. Not here: what the text says (`text.py`), Parquet (`scan.py`).
"""

from __future__ import annotations

import gzip
import lzma
import shutil
import struct
import tempfile
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from typing import IO, cast

from bondsig_assets.errors import LayoutError

PIECE_BYTES = 16 << 20
#: A line longer than this is no line of reports.
LINE_BYTES = 1 << 20
_IN_MEMORY = 32 << 20
_DEPTH = 3
_TEXT = {".txt", ".csv", ".psv", ".tsv", ".tab", ".dat", ".pipe"}
_DAMAGED = (
    zipfile.BadZipFile,
    zlib.error,
    lzma.LZMAError,
    EOFError,
    struct.error,
    NotImplementedError,
    RuntimeError,
    OSError,
    ValueError,
)
ZIP, GZIP, PARQUET = b"PK", b"\x1f\x8b", b"PAR1"


def kind_of(path: Path) -> bytes:
    """ZIP, GZIP or PARQUET by the file's first bytes, else b"" for text. Raises LayoutError when
    there is nothing to read.
    """
    if path.is_dir():
        raise LayoutError(f"{path.name}: is a folder: name the files in it")
    if not path.exists():
        raise LayoutError(f"{path}: there is no such file")
    try:
        with path.open("rb") as file:
            start = file.read(4)
    except OSError as error:
        raise LayoutError(f"{path.name}: cannot be opened: {error.strerror}") from error
    if not start:
        raise LayoutError(f"{path.name}: is empty")
    kind = next((magic for magic in (ZIP, GZIP, PARQUET) if start.startswith(magic)), b"")
    meant = {".zip": ZIP, ".gz": GZIP, ".parquet": PARQUET}.get(path.suffix.lower())
    if meant and kind != meant:
        raise LayoutError(
            f"{path.name}: is damaged or no {path.suffix.lower()[1:]} file: deliver it again"
        )
    return kind


@contextmanager
def damage(label: str) -> Iterator[None]:
    """Errors of decompression as a LayoutError that names the file or member."""
    try:
        yield
    except LayoutError:
        raise
    except _DAMAGED as error:
        raise LayoutError(
            f"{label}: is damaged or cut short"
            f" ({' '.join(str(error).split()) or type(error).__name__}): deliver it again"
        ) from error


def texts(path: Path, label: str, passed_over: list[str]) -> Iterator[tuple[str, IO[bytes]]]:
    """Label and stream of each text in `path`, which is no Parquet; members that are no text go to
    `passed_over`.
    """
    kind = kind_of(path)
    with damage(label):
        if kind == ZIP:
            with path.open("rb") as file:
                yield from _members(label, file, passed_over, _DEPTH)
        elif kind == GZIP:
            with gzip.open(path) as stream:
                yield label, cast(IO[bytes], stream)
        else:
            with path.open("rb") as plain:
                yield label, plain


def _members(
    label: str, file: IO[bytes], passed_over: list[str], depth: int
) -> Iterator[tuple[str, IO[bytes]]]:
    found = False
    with damage(label), zipfile.ZipFile(file) as archive:
        for info in archive.infolist():
            name = PurePosixPath(info.filename)
            if info.is_dir() or "__MACOSX" in name.parts or name.name.startswith("."):
                continue
            inner = f"{label}/{_printable(info.filename)}"
            if name.suffix.lower() not in {*_TEXT, ".zip", ".gz"}:
                passed_over.append(inner)
                continue
            if info.flag_bits & 1:
                raise LayoutError(f"{inner}: is encrypted: unpack it with its password first")
            found = True
            with damage(inner), archive.open(info) as stream:
                yield from _member(inner, name.suffix.lower(), stream, passed_over, depth)
    if not found:
        raise LayoutError(f"{label}: holds no text file: deliver the reports as .txt or .csv in it")


def _member(
    label: str, suffix: str, stream: IO[bytes], passed_over: list[str], depth: int
) -> Iterator[tuple[str, IO[bytes]]]:
    if suffix == ".zip":
        if depth == 1:
            raise LayoutError(f"{label}: is a zip in a zip in a zip: unpack the outer one first")
        # A zip is read from its end: it has to be held, in memory while it is small.
        with tempfile.SpooledTemporaryFile(max_size=_IN_MEMORY) as held:
            shutil.copyfileobj(stream, held, PIECE_BYTES)
            held.seek(0)
            yield from _members(label, held, passed_over, depth - 1)
    elif suffix == ".gz":
        with gzip.open(stream) as inner:
            yield label, cast(IO[bytes], inner)
    else:
        yield label, stream


def pieces(stream: IO[bytes], label: str) -> Iterator[tuple[bytes, bool]]:
    """Whole lines of `stream` in bounded pieces, and whether the piece is the last: that one is the
    last line alone.

    Raises LayoutError when the stream is no text.
    """
    carry = b""
    with damage(label):
        while chunk := stream.read(PIECE_BYTES):
            if b"\0" in chunk:
                raise LayoutError(
                    f"{label}: is not text (zero bytes; UTF-16 perhaps): save it as UTF-8 text"
                )
            data = carry + chunk
            # The last line with anything on it is held back: it may be a trailer, or go on in the
            # next chunk.
            cut = data.rfind(b"\n", 0, len(data.rstrip(b"\r\n "))) + 1
            carry = data[cut:]
            if len(carry) > LINE_BYTES:
                raise LayoutError(
                    f"{label}: is not text in lines (one is longer than {LINE_BYTES:,} bytes): save"
                    " it with line ends"
                )
            if cut:
                yield data[:cut], False
    yield carry, True


def _printable(name: str) -> str:
    return " ".join("".join(letter if letter.isprintable() else "?" for letter in name).split())
