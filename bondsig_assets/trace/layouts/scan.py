"""Many files of reports as one lazy frame.

Belongs here: `scan_reports`, the numbering of rows over files, the notes on what was read. Not
here: one text (`text.py`), archives (`streams.py`), the meaning of columns (`normalise.py`).
"""

from __future__ import annotations

import atexit
import shutil
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from itertools import groupby
from pathlib import Path

import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq

from bondsig_assets.errors import FormatError, LayoutError
from bondsig_assets.formats import is_table, is_workbook, read_table, table_blocks
from bondsig_assets.trace.layouts.declared import Layout
from bondsig_assets.trace.layouts.diagnose import Blame, blame
from bondsig_assets.trace.layouts.forms import Forms, forms_of
from bondsig_assets.trace.layouts.normalise import (
    Columns,
    absences,
    as_reports,
    with_constants,
)
from bondsig_assets.trace.layouts.recognise import AUTO, variant_of
from bondsig_assets.trace.layouts.streams import PARQUET, kind_of, texts
from bondsig_assets.trace.layouts.text import NOTHING_OWN, Own, Text
from bondsig_assets.trace.layouts.times import given, judge
from bondsig_assets.trace.layouts.writer import Writer

_ROW = "row of the file"
#: Rows of a Parquet file read at once when it is read again.
_AGAIN_ROWS = 500_000
#: Reads a file again: its rows as they stand, the same as reports, and its columns.
Again = Callable[[], Iterator[tuple[pl.DataFrame, pl.DataFrame, Columns]]]
#: Some rows of a file, from a first one on, as reports.
Piece = Callable[[int, int], pl.LazyFrame]
_UNREADABLE = (
    pa.ArrowException,
    pl.exceptions.PolarsError,
    pl.exceptions.PanicException,
    OSError,
    ValueError,
)


@dataclass(frozen=True)
class Scan:
    """Reports of many files. `frame` reads lazily, from the Parquet files given and from what texts
    became in the scratch folder.

    `frame`: exactly the columns of REPORT_SCHEMA, `row` unique and increasing over the files in
    their order. `layouts`: file → layout taken. `notes`: sentences for the user.
    `has_report_times`: whether every file holds the times of report. `files`: (file or member,
    first row, rows), to trace a row. `has_symbol_keys`: whether reports without a CUSIP stand under
    their bond symbol, as `cusip`.
    """

    frame: pl.LazyFrame
    layouts: dict[str, str]
    notes: list[str]
    has_report_times: bool
    files: list[tuple[str, int, int]]
    has_symbol_keys: bool = False
    _pieces: tuple[tuple[int, Piece], ...] = ()
    _again: tuple[Again, ...] = ()

    def sister(self, file: int) -> str | None:
        """The sister product that the header of a file gives away, by its place in `files`."""
        return next((columns.sister for _, _, columns in self._again[file]()), None)

    def blame(self, file: int, fault: str) -> Blame | None:
        """Where most reports with `fault` have it, of the file (or member) at that place in
        `files`; reads it again.
        """
        return blame(fault, self._again[file]())

    def blocks(self, rows: int) -> list[pl.LazyFrame]:
        """`frame` in pieces of at most `rows`, in order, each read without reading what is before
        it.
        """
        return [
            piece(start, min(rows, n - start))
            for n, piece in self._pieces
            for start in range(0, n, rows)
        ]


def scan_reports(
    paths: Sequence[Path],
    layout: str = AUTO,
    scratch: Path | None = None,
    allow_missing_times: bool = False,
    own: Own = NOTHING_OWN,
) -> Scan:
    """The reports of `paths` (.parquet, text with any delimiter, .gz, .zip, zips in zips, and with
    the extra `formats` .sas7bdat, .xpt, .dta and .xlsx), in their order.

    - `layout`: one of LAYOUTS for all files, or "auto": each file's own, by its header.
    - `scratch`: a folder that texts are read into, piece by piece, as Parquet; the frame reads from
      there, so it must stay until the frame was read. None: a temporary folder, removed at exit.
    - `allow_missing_times`: note lost times instead of stopping.
    - `own`: columns of one's own choice, and lines above the header.

    Returns a Scan: `frame` is lazy and goes to `clean`; `layouts`, `notes` and `files` say what was
    taken for what. No row of a file is lost: what cannot be used says so in `fault`. Raises
    LayoutError, one line that names the file, when a file as a whole cannot be read, its times
    are lost, or no file is named.

    Examples:
        >>> from pathlib import Path
        >>> from tempfile import TemporaryDirectory
        >>> from bondsig_assets import scan_reports
        >>> text = (
        ...     "cusip_id,trd_exctn_dt,trd_exctn_tm,trd_rpt_dt,trd_rpt_tm,msg_seq_nb,trc_st,"
        ...     "rptd_pr,entrd_vol_qt,rpt_side_cd,cntra_mp_id\\n"
        ...     "037833AK6,2024-03-05,10:00:00,2024-03-05,10:01:00,1,T,98.5,250000,S,C\\n"
        ... )
        >>> with TemporaryDirectory() as folder:
        ...     file = Path(folder) / "enhanced.csv"
        ...     _ = file.write_text(text)
        ...     scan = scan_reports([file])
        >>> scan.layouts, scan.files
        ({'enhanced.csv': 'wrds-enhanced'}, [('enhanced.csv', 0, 1)])
        >>> scan.frame.collect().select("row", "message_number", "price", "par_usd").rows()
        [(0, '0000001', 98.5, 250000.0)]
    """
    if not paths:
        raise LayoutError("no files are named: name at least one")
    with _folder(scratch) as folder:
        reading = _Reading(layout, allow_missing_times, [Path(path) for path in paths], own)
        kinds = [(number, path, kind_of(path)) for number, path in enumerate(reading.paths)]
        for is_columnar, files in groupby(
            kinds, key=lambda file: is_table(file[1]) or file[2] == PARQUET
        ):
            if is_columnar:
                reading.frames += [
                    reading.table(path, folder / f"table_{number:05d}.parquet")
                    if is_table(path)
                    else reading.parquet(path)
                    for number, path, _ in files
                ]
            else:
                reading.frames.append(
                    reading.texts(
                        [path for _, path, _ in files],
                        folder / f"texts_{len(reading.frames):05d}.parquet",
                    )
                )
    return Scan(
        pl.concat(reading.frames),
        reading.layouts,
        reading.sentences(),
        reading.has_report_times,
        reading.files,
        reading.has_symbol_keys,
        tuple(reading.pieces),
        tuple(reading.again),
    )


@contextmanager
def _folder(scratch: Path | None) -> Iterator[Path]:
    """A new folder for this scan's texts; gone at once when reading fails, and at exit where nobody
    named one.
    """
    if scratch is not None:
        scratch.mkdir(parents=True, exist_ok=True)
    folder = Path(tempfile.mkdtemp(prefix="reports-", dir=scratch))
    try:
        yield folder
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise
    if scratch is None:
        atexit.register(shutil.rmtree, folder, ignore_errors=True)


@dataclass
class _Reading:
    """What is gathered while files are read one by one."""

    layout: str
    allow_missing_times: bool
    paths: list[Path]
    own: Own = NOTHING_OWN
    frames: list[pl.LazyFrame] = field(default_factory=list)
    layouts: dict[str, str] = field(default_factory=dict)
    files: list[tuple[str, int, int]] = field(default_factory=list)
    has_report_times: bool = True
    has_symbol_keys: bool = False
    pieces: list[tuple[int, Piece]] = field(default_factory=list)
    again: list[Again] = field(default_factory=list)
    n_rows: int = 0
    _notes: dict[str, list[str]] = field(default_factory=dict)
    _seen: dict[object, str] = field(default_factory=dict)

    def sentences(self) -> list[str]:
        """The notes; one that holds for many files is given once."""
        return [f"{_several(labels)}: {sentence}" for sentence, labels in self._notes.items()]

    def table(self, path: Path, into: Path) -> pl.LazyFrame:
        """A file of SAS, Stata or Excel, by way of a Parquet file."""
        try:
            if is_workbook(path):
                frame, notes = read_table(path, None, self.own.skip_rows, self._is_header)
                frame.write_parquet(into)
            else:
                notes = []
                pieces: list[Path] = []
                for block in table_blocks(path):
                    pieces.append(into.with_suffix(f".{len(pieces):05d}"))
                    block.write_parquet(pieces[-1])
                held = [pl.scan_parquet(piece, glob=False) for piece in pieces]
                pl.concat(held, how="vertical_relaxed").sink_parquet(into)
                for piece in pieces:
                    piece.unlink()
        except FormatError as error:
            raise LayoutError(str(error)) from error
        return self.parquet(into, path, notes)

    def _is_header(self, names: Sequence[str]) -> bool:
        try:
            variant_of(names, self.layout, "", self.own.mapping)
        except LayoutError:
            return False
        return True

    def parquet(self, path: Path, of: Path | None = None, more: Sequence[str] = ()) -> pl.LazyFrame:
        """A Parquet file, of which only metadata and, as far as needed, dates and times are read
        here. `of`: the file that it was made of, of which `more` is to be said.
        """
        label = self._label(of or path)
        try:
            rows = pq.ParquetFile(path).metadata.num_rows
            frame = pl.scan_parquet(path, glob=False, hive_partitioning=False)
            names = frame.collect_schema().names()
            variant = variant_of(names, self.layout, label, self.own.mapping)
            frame = with_constants(frame, variant)
            times = given(frame, variant)
            columns = Columns(frame.collect_schema(), variant)
            forms = forms_of(frame, columns.of_forms(), self.own.dates_as, self.own.times_as)
            numbered = pl.scan_parquet(
                path,
                glob=False,
                hive_partitioning=False,
                row_index_name=_ROW,
                row_index_offset=self.n_rows,
            )
            reports = as_reports(numbered, variant, _ROW, forms, True)
            reports.collect_schema()
        except (FormatError, LayoutError) as error:
            raise LayoutError(f"{label}: {error}") from error
        except _UNREADABLE as error:
            raise LayoutError(
                f"{label}: is damaged or cut short ({_first_line(error)}): deliver it again"
            ) from error
        piece = self._piece(path, variant, forms, self.n_rows)
        self.pieces.append((rows, piece))
        self.again.append(partial(_parquet_again, path, variant, forms, rows, piece))
        self._repeats(label, (of or path).resolve())
        self._add(
            label,
            label,
            variant,
            times,
            rows,
            [
                *more,
                *forms.sentences(),
                *absences(frame.collect_schema(), variant),
                *([] if rows else ["it holds no reports"]),
            ],
            forms.lacks_cusips and bool(columns.sources("bond_symbol")),
        )
        return reports

    def texts(self, paths: list[Path], into: Path) -> pl.LazyFrame:
        """Texts and archives of texts, in one Parquet file."""
        before = self.n_rows
        with Writer(into) as writer:
            for path in paths:
                self._archive(path, writer)
        written = pl.scan_parquet(into, glob=False, hive_partitioning=False)
        self.pieces.append((self.n_rows - before, written.slice))
        return written

    @staticmethod
    def _piece(path: Path, variant: Layout, forms: Forms, offset: int) -> Piece:
        def rows_of(start: int, n: int) -> pl.LazyFrame:
            # Sliced before it is numbered: only then the rows before are not read.
            rows = pl.scan_parquet(path, glob=False, hive_partitioning=False).slice(start, n)
            return as_reports(
                rows.with_row_index(_ROW, offset=offset + start), variant, _ROW, forms
            )

        return rows_of

    def _archive(self, path: Path, writer: Writer) -> None:
        passed_over: list[str] = []
        file = self._label(path)
        for label, stream in texts(path, file, passed_over):
            text = Text(label, stream, self.layout, self.n_rows, self.own)
            self.again.append(
                partial(_text_again, path, file, label, self.layout, self.n_rows, self.own)
            )
            for frame in text.frames():
                writer.add(frame)
            self._repeats(label, text.digest)
            schema = pl.Schema({name: pl.String() for name in text.header.names})
            notes = [
                *text.notes,
                *([] if text.header.date_in_name else absences(schema, text.header.layout)),
            ]
            self._add(
                file,
                label,
                text.header.layout,
                text.times,
                text.n_rows,
                notes,
                text.has_symbol_keys,
            )
        for label in passed_over:
            self._note(label, "passed over, it is no text file")

    def _add(
        self,
        file: str,
        label: str,
        layout: Layout,
        times: dict[str, tuple[str, bool]],
        rows: int,
        notes: list[str],
        has_symbol_keys: bool,
    ) -> None:
        """One file, or one member of archive `file`, read to its end."""
        if has_symbol_keys:
            self.has_symbol_keys = True
            notes = [*notes, "reports without a CUSIP stand under their bond symbol"]
        verdict = judge(times, layout, label, self.allow_missing_times)
        self.has_report_times &= verdict.has_report_times
        for sentence in [*(note.removeprefix(f"{label}: ") for note in verdict.notes), *notes]:
            self._note(label, sentence)
        # An archive counts as one file as long as its members agree.
        key = file if self.layouts.get(file, layout.name) == layout.name else label
        self.layouts[key] = layout.name
        self.files.append((label, self.n_rows, rows))
        self.n_rows += rows

    def _note(self, label: str, sentence: str) -> None:
        self._notes.setdefault(sentence, []).append(label)

    def _repeats(self, label: str, content: object) -> None:
        if content in self._seen:
            self._note(
                label,
                f"the same content as {self._seen[content]}; each of its reports is there twice",
            )
        self._seen.setdefault(content, label)

    def _label(self, path: Path) -> str:
        """The file's name, or its path where another file of that name is read."""
        return (
            path.name
            if len({other for other in self.paths if other.name == path.name}) == 1
            else str(path)
        )


def _parquet_again(
    path: Path, variant: Layout, forms: Forms, rows: int, piece: Piece
) -> Iterator[tuple[pl.DataFrame, pl.DataFrame, Columns]]:
    scanned = pl.scan_parquet(path, glob=False, hive_partitioning=False)
    columns = Columns(scanned.collect_schema(), variant, forms=forms)
    for start in range(0, rows, _AGAIN_ROWS):
        n = min(_AGAIN_ROWS, rows - start)
        yield scanned.slice(start, n).collect(), piece(start, n).collect(), columns


def _text_again(
    path: Path, file: str, wanted: str, layout: str, first_row: int, own: Own
) -> Iterator[tuple[pl.DataFrame, pl.DataFrame, Columns]]:
    for label, stream in texts(path, file, []):
        if label == wanted:
            text = Text(label, stream, layout, first_row, own)
            yield from ((raw, reports, text.columns()) for raw, reports in text.pairs())


def _several(labels: list[str]) -> str:
    return labels[0] if len(labels) == 1 else f"{labels[0]} and {len(labels) - 1} more"


def _first_line(error: BaseException) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0][:200]
