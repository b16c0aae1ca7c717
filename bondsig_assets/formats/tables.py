"""Files of SAS (.sas7bdat, .xpt), Stata (.dta) and Excel (.xlsx and kin) as Polars frames.

Belongs here: opening them, lines above the header of a sheet, what was decided on the way. Not
here: what their columns mean, text files (`text.py`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import polars as pl

from bondsig_assets.errors import FormatError
from bondsig_assets.extras import needs
from bondsig_assets.formats.text import header_row

_READSTAT = {".sas7bdat": "read_sas7bdat", ".xpt": "read_xport", ".dta": "read_dta"}
_EXCEL = frozenset({".xlsx", ".xls", ".xlsm", ".xlsb", ".ods"})
#: Names of files that `read_table` reads.
SUFFIXES = frozenset(_READSTAT) | _EXCEL
#: Rows read at once: memory holds one block.
BLOCK_ROWS = 250_000
#: Rows of a sheet among which its header is sought.
_ABOVE = 50
#: Excel and its kin keep a time as a moment of one of these years.
_NO_DATE = 1900


def is_table(path: Path) -> bool:
    """Whether the name is one of a file of SAS, Stata or Excel."""
    return path.suffix.lower() in SUFFIXES


def is_workbook(path: Path) -> bool:
    """Whether the name is one of a workbook, which may hold lines above its header."""
    return path.suffix.lower() in _EXCEL


def read_table(
    path: Path,
    sheet: str | None = None,
    skip_rows: int | None = None,
    wanted: Callable[[Sequence[str]], bool] | None = None,
) -> tuple[pl.DataFrame, list[str]]:
    """The whole table and what was decided, sentences without the file's name.

    Dates, times and moments that SAS, Stata or Excel format as such come as those types; all other
    numbers as floats. `sheet` and `skip_rows` are for workbooks: the sheet (else the first) and how
    many rows stand above the header (else it is sought; `wanted` tells the names of a header).
    Raises FormatError when the file cannot be read, MissingExtraError (see `extras.py`) where the
    library is not installed.
    """
    if is_workbook(path):
        return _of_excel(path, sheet, skip_rows, wanted)
    blocks = list(table_blocks(path))
    return pl.concat(blocks, how="vertical_relaxed"), []


def table_blocks(path: Path, rows: int = BLOCK_ROWS) -> Iterator[pl.DataFrame]:
    """The same for SAS and Stata in blocks of at most `rows`; one empty block where there are no
    rows. A workbook is one block.
    """
    if is_workbook(path):
        yield read_table(path)[0]
        return
    with needs(f"reading {path.name}"):
        import pyreadstat
        from pyreadstat._readstat_parser import ReadstatError

    read = getattr(pyreadstat, _READSTAT[path.suffix.lower()])
    start = 0
    while True:
        try:
            frame, _ = read(str(path), output_format="polars", row_offset=start, row_limit=rows)
        except (
            ReadstatError,
            pyreadstat.PyreadstatError,
            OSError,
            ValueError,
            OverflowError,
        ) as error:
            raise FormatError(_unreadable(path, error)) from error
        if start == 0 or frame.height:
            yield frame
        start += frame.height
        if frame.height < rows:
            return


def _of_excel(
    path: Path,
    sheet: str | None,
    skip_rows: int | None,
    wanted: Callable[[Sequence[str]], bool] | None,
) -> tuple[pl.DataFrame, list[str]]:
    with needs(f"reading {path.name}"):
        import fastexcel
    notes = []
    try:
        book = fastexcel.read_excel(str(path))
        if sheet is not None and sheet not in book.sheet_names:
            raise FormatError(
                f"{path}: has no sheet '{sheet}'; its sheets are {', '.join(book.sheet_names)}"
            )
        chosen = sheet or book.sheet_names[0]
        if sheet is None and len(book.sheet_names) > 1:
            notes.append(f"the sheet '{chosen}' is read, the first of {len(book.sheet_names)}")
        above = skip_rows
        if above is None:
            top = pl.DataFrame(
                book.load_sheet(chosen, header_row=None, n_rows=_ABOVE, dtypes="string")
            )
            rows = [[cell or "" for cell in row] for row in top.iter_rows()]
            above = header_row(rows, wanted)
            if above:
                notes.append(f"{above} rows above the header are passed over")
        found = book.load_sheet(chosen, header_row=above, schema_sample_rows=None)
        frame = pl.DataFrame(found)
    except FormatError:
        raise
    except (fastexcel.FastExcelError, OSError, ValueError) as error:
        raise FormatError(_unreadable(path, error)) from error
    # A blank row is no row.
    frame = frame.filter(~pl.all_horizontal(pl.all().is_null()))
    return frame.with_columns(_plain(column) for column in frame.iter_columns()), notes


def _plain(column: pl.Series) -> pl.Series:
    """A moment that is a time of day or a date as such."""
    if not isinstance(column.dtype, pl.Datetime) or column.null_count() == len(column):
        return column
    if (column.dt.year() <= _NO_DATE).fill_null(True).all():
        return column.dt.time()
    if (column.dt.time() == pl.Series([0]).cast(pl.Time)[0]).fill_null(True).all():
        return column.dt.date()
    return column


def _unreadable(path: Path, error: Exception) -> str:
    line = (str(error).strip().splitlines() or [type(error).__name__])[0][:160]
    return f"{path}: no readable {path.suffix.lower()[1:]} file ({line}): deliver it again"
