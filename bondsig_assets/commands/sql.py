"""`bondsig sql`: where a question comes from, and where its rows go.

Belongs here: reading a question, the formats of its rows, and pipes. Not here: what a table on a
terminal looks like (`result_table.py`), and what is a question (`warehouse/`).
"""

from __future__ import annotations

import os
import sys
import threading
from pathlib import Path

from bondsig_assets.commands.warehouse import open_warehouse
from bondsig_assets.errors import UserError, WarehouseError
from bondsig_assets.home import Home
from bondsig_assets.warehouse import Warehouse

#: Format → how DuckDB writes it. All stream: what does not fit in memory never is in it.
_COPIED = {
    "csv": "FORMAT csv, HEADER",
    "json": "FORMAT json, ARRAY true",
    "jsonl": "FORMAT json",
    "parquet": "FORMAT parquet, COMPRESSION zstd",
}
FORMATS = ("table", *_COPIED)
#: How the name of a file ends → its format.
_ENDINGS = {
    ".csv": "csv",
    ".csv.gz": "csv",
    ".json": "json",
    ".jsonl": "jsonl",
    ".ndjson": "jsonl",
    ".jsonl.gz": "jsonl",
    ".parquet": "parquet",
}
#: Bytes that are handed on at once.
_CHUNK = 1 << 20


def read_question(text: str | None, file: str | None) -> str:
    """The question: `text`, or what `file` or standard input holds ("-", or neither given).

    Raises UserError where there is none, or two, or no text.
    """
    if text is not None and file is not None:
        raise UserError("there is a question and a --file: give one of them")
    if text is not None and text != "-":
        return text
    place = file or "-"
    try:
        if place != "-":
            return Path(place).read_text(encoding="utf-8-sig")
        if sys.stdin is None or (text is None and file is None and sys.stdin.isatty()):
            raise UserError(
                'there is no question: bondsig sql "from scores", --file FILE, or one on standard'
                " input"
            )
        return sys.stdin.buffer.read().decode("utf-8-sig")
    except OSError as error:
        raise UserError(f"{place}: {error.strerror}") from error
    except UnicodeDecodeError as error:
        name = "standard input" if place == "-" else place
        raise UserError(f"{name} is no text in UTF-8 (byte {error.start})") from error


def answer(home: Home, question: str, form: str | None, out: Path | None, overwrite: bool) -> None:
    """Ask and write the rows: to `out` in the format of its name, else to standard output.

    Raises UserError for a file or format that does not go together, WarehouseError for what is no
    question or does not run.
    """
    warehouse = open_warehouse(home)
    if out is not None:
        _write_file(warehouse, question, form, out, overwrite)
    elif form in (None, "table"):
        from bondsig_assets.commands.result_table import print_table

        with warehouse.stream(question) as (names, batches):
            print_table(names, batches)
    else:
        _write_pipe(warehouse, question, form)


def _write_pipe(warehouse: Warehouse, question: str, form: str) -> None:
    """Hand on to standard output what DuckDB writes into a pipe: `/dev/stdout` itself would begin a
    file anew that is appended to.
    """
    if form == "parquet" and sys.stdout.isatty():
        raise UserError("Parquet is for a file or a pipe: --out FILE.parquet, or > FILE.parquet")
    sys.stdout.flush()
    left: list[OSError] = []
    reading, writing = os.pipe()

    def hand_on() -> None:
        try:
            while chunk := os.read(reading, _CHUNK):
                sys.stdout.buffer.write(chunk)
            sys.stdout.buffer.flush()
        except OSError as error:
            left.append(error)
        finally:
            # DuckDB, if it writes still, is told by the broken pipe.
            os.close(reading)

    handing = threading.Thread(target=hand_on)
    handing.start()
    try:
        warehouse.copy(question, f"/dev/fd/{writing}", _COPIED[form])
    except WarehouseError:
        if not left:
            raise
    finally:
        os.close(writing)
        handing.join()
    if left:
        raise left[0]


def _write_file(
    warehouse: Warehouse, question: str, form: str | None, out: Path, overwrite: bool
) -> None:
    """Write a file that is there whole or not at all, and say how large it is."""
    path = out.absolute()
    ending = next((end for end in _ENDINGS if path.name.lower().endswith(end)), None)
    form = form or _ENDINGS.get(ending or "")
    if form is None or form == "table":
        raise UserError(
            f"{out}: what is written? End the name with {', '.join(_ENDINGS)}, or say"
            f" -f {', '.join(_COPIED)}"
        )
    if path.is_dir() or not path.parent.is_dir():
        raise UserError(f"{out} is a folder" if path.is_dir() else f"{path.parent} is no folder")
    if path.resolve().is_relative_to(warehouse.home.resolve()):
        raise UserError(f"{out} lies inside the home; write to another folder")
    if path.exists() and not overwrite:
        raise UserError(f"{out} exists already; --overwrite replaces it")
    partial = path.with_name(f".{os.getpid()}.{path.name}")
    try:
        n_rows = warehouse.copy(question, str(partial), _COPIED[form])
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)
    print(f"{out}: {n_rows:,} rows, {path.stat().st_size / 1e6:,.1f} MB")
