"""One text of reports, read in pieces to frames of canonical columns.

Belongs here: header, delimiter, trailer, the count of lines, the times and the file name's date.
Not here: archives (`streams.py`), the split into fields (`lines.py`), meaning (`normalise.py`).
"""

from __future__ import annotations

import io
import re
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import PurePath
from typing import IO

import polars as pl

from bondsig_assets.errors import FormatError, LayoutError
from bondsig_assets.formats import as_utf8
from bondsig_assets.trace.layouts import lines
from bondsig_assets.trace.layouts.declared import Layout, fold
from bondsig_assets.trace.layouts.forms import ENOUGH_REPORTS, Forms
from bondsig_assets.trace.layouts.mapping import Mapping
from bondsig_assets.trace.layouts.normalise import LINE_FAULT, Columns, as_reports, with_constants
from bondsig_assets.trace.layouts.recognise import AUTO, variant_of
from bondsig_assets.trace.layouts.streams import pieces
from bondsig_assets.trace.layouts.times import asked
from bondsig_assets.trace.layouts.values import given_alone

_DELIMITERS = "|\t,;"
_ROW = "row of the file"
#: A stamp of date and time and a count of ten digits, with nothing between that a field of a report
#: could be.
_TRAILER = re.compile(
    rb"\s*(?:[A-Za-z]+[ |:]*)?(?:20\d\d|\d\d/\d\d/20\d\d)[\d\s|:/.,T\-]*?(\d{10})[|\s]*"
)
_DATE_IN_NAME = re.compile(r"(20\d\d)-?(\d\d)-?(\d\d)(?!\d)")
#: Names a report date column has in FINRA's files.
_REPORT_DATES = ("trd_rpt_dt", "trade_report_date")


@dataclass(frozen=True)
class Own:
    """What a user says of files: which column is which, how many lines stand above the header
    (None: it is sought), and what numbers of dates and times are where two readings are left.
    """

    mapping: Mapping = field(default_factory=dict)
    skip_rows: int | None = None
    dates_as: str | None = None
    times_as: str | None = None


NOTHING_OWN = Own()
#: Lines among which a header is sought.
_ABOVE = 50


@dataclass(frozen=True)
class Header:
    """The first line of a text: names by position, the separator, whether quotes count, the layout,
    the report date of the file name.
    """

    names: list[str]
    delimiter: str
    quoting: bool
    layout: Layout
    date_in_name: str = ""


class Text:
    """One text of reports. Go through `frames` once; the rest is known after that.

    `n_rows`: data lines (blank ones do not count); `digest`: (checksum, bytes) of the content.
    """

    header: Header

    def __init__(
        self, label: str, stream: IO[bytes], layout: str, first_row: int, own: Own = NOTHING_OWN
    ) -> None:
        self.label, self.first_row, self.n_rows, self.digest = label, first_row, 0, (0, 0)
        self.notes: list[str] = []
        self._stream, self._layout_asked, self._own = stream, layout, own
        self._filled: set[str] = set()
        self._trailer: int | None = None
        self._forms = Forms(own.dates_as, own.times_as)
        self._is_decided, self.has_symbol_keys = False, False

    @property
    def times(self) -> dict[str, tuple[str, bool]]:
        """As `times.given`: time column → its name and whether any row fills it."""
        columns = self.columns()
        named = {column: columns.sources(column) for column in asked(self.header.layout)}
        return {
            column: (found[0].name if found else "", not self.n_rows or column in self._filled)
            for column, found in named.items()
        }

    def frames(self) -> Iterator[pl.DataFrame]:
        """Frames of REPORT_SCHEMA, in order. Raises LayoutError when the text as a whole cannot be
        read.
        """
        return (reports for _, reports in self.pairs())

    def pairs(self) -> Iterator[tuple[pl.DataFrame, pl.DataFrame]]:
        """The same, each with its rows as they stand."""
        held: list[pl.DataFrame] = []
        for frame in self._raws():
            held.append(frame)
            if not self._is_decided:
                self._forms.look(frame.lazy(), self.columns().of_forms())
            if self._is_decided or self._decide(is_all=False):
                yield from ((raw, self._as_reports(raw)) for raw in held)
                held = []
        if held and self._decide(is_all=True):
            yield from ((raw, self._as_reports(raw)) for raw in held)
        self._close()

    def _raws(self) -> Iterator[pl.DataFrame]:
        """Frames of the texts as they stand, with the number of each row and the fault of its
        line.
        """
        started = False
        for data, is_last in pieces(self._stream, self.label):
            self.digest = (zlib.crc32(data, self.digest[0]), self.digest[1] + len(data))
            plain, said = as_utf8(data)
            if said and said not in self.notes:
                self.notes.append(said)
            clean = lines.tidy(plain)
            if clean and not started:
                clean = self._without_lines_above(clean)
                first, _, clean = clean.partition(b"\n")
                self.header, started = self._read_header(first.decode("utf-8")), True
            if clean and is_last:
                clean = self._without_trailer(clean)
            if clean:
                yield self._read(clean)
        if not started:
            raise LayoutError(f"{self.label}: holds no header and no reports")

    def _decide(self, is_all: bool) -> bool:
        """Whether it is clear how dates and times are written. More reports are waited for while
        they are few, or while two readings are left, unless these are all.
        """
        if self.n_rows < ENOUGH_REPORTS and not is_all:
            return False
        try:
            self._forms.decide()
        except FormatError as error:
            if not is_all:
                return False
            raise LayoutError(f"{self.label}: {error}") from error
        self.notes += self._forms.sentences()
        self._is_decided = True
        return True

    def _without_lines_above(self, data: bytes) -> bytes:
        """`data`, which begins the file, from its header on: the first line that is one of some
        layout, or after as many lines as the user says; from its first line where none is.
        """
        first = data.split(b"\n", _ABOVE)[:_ABOVE]
        above = self._own.skip_rows
        if above is None:
            rows = (_split(line.decode("utf-8"))[0] for line in first)
            above = next((k for k, row in enumerate(rows) if self._is_header(row)), 0)
            if above:
                self.notes.append(f"{above} lines above the header are passed over")
        return data.split(b"\n", above)[-1] if above < len(first) else b""

    def _is_header(self, names: list[str]) -> bool:
        if len(names) < 2:
            return False
        for more in ([], [_REPORT_DATES[0]], [_REPORT_DATES[1]]):
            try:
                self._variant([*names, *more])
            except LayoutError:
                continue
            return True
        return False

    def _variant(self, names: list[str]) -> Layout:
        return variant_of(names, self._layout_asked, self.label, self._own.mapping)

    def _read_header(self, line: str) -> Header:
        names, delimiter, quoting = _split(line)
        if len(names) < 2:
            raise LayoutError(
                f"{self.label}: its first line is no header of names: deliver it with its header"
            )
        names = [
            name if fold(name) else f"unnamed {position}" for position, name in enumerate(names)
        ]
        twice = [
            name for position, name in enumerate(names) if fold(name) in map(fold, names[:position])
        ]
        if twice:
            raise LayoutError(
                f"{self.label}: two columns are called {twice[0]}: leave one of them out"
            )
        try:
            return self._with_layout(Header(names, delimiter, quoting, self._variant(names)))
        except LayoutError as error:
            dated = self._dated_by_name(names, delimiter, quoting)
            if dated is None:
                raise LayoutError(f"{self.label}: {error}") from error
            return dated

    def _with_layout(self, header: Header) -> Header:
        """FINRA's files of before 2012 have the columns of WRDS and no quotes; the pipe tells them
        apart.
        """
        if (
            self._layout_asked == AUTO
            and header.delimiter == "|"
            and header.layout.name == "wrds-enhanced"
        ):
            return replace(
                header, layout=replace(header.layout, name="finra-enhanced", is_finra=True)
            )
        return header

    def _dated_by_name(self, names: list[str], delimiter: str, quoting: bool) -> Header | None:
        """FINRA names a file by its report date; that stands in for a column that is not there."""
        dated = _DATE_IN_NAME.search(PurePath(self.label).name)
        for name in (
            _REPORT_DATES if dated and not {*_REPORT_DATES}.intersection(map(fold, names)) else ()
        ):
            try:
                header = self._with_layout(
                    Header(
                        names,
                        delimiter,
                        quoting,
                        self._variant([*names, name]),
                        "-".join(dated.groups()) if dated else "",
                    )
                )
            except LayoutError:
                continue
            if header.layout.is_finra and name in header.layout.columns["report_date"]:
                self.notes.append(
                    "no column holds the report date; the date in the file name stands for it"
                )
                return header
        return None

    def columns(self) -> Columns:
        """The columns of the text as its layout knows them, once its header is read."""
        return Columns(
            pl.Schema({name: pl.String() for name in self.header.names}), self.header.layout
        )

    def _without_trailer(self, line: bytes) -> bytes:
        """`line` unless it is the trailer of a FINRA file."""
        if not (self.header.layout.is_finra or self.header.delimiter == "|"):
            return line
        found = (
            _TRAILER.fullmatch(line)
            if line.count(self.header.delimiter.encode()) < len(self.header.names) - 1
            else None
        )
        if found is None:
            return line
        self._trailer = int(found[1])
        return b""

    def _read(self, data: bytes) -> pl.DataFrame:
        """One piece of lines as a frame of texts."""
        names = self.header.names
        piece = lines.shape(data, self.header.delimiter.encode(), len(names), self.header.quoting)
        frame = _parsed(piece, names)
        faults = pl.DataFrame(
            {"at": list(piece.faults), LINE_FAULT: list(piece.faults.values())},
            schema={"at": pl.UInt32, LINE_FAULT: pl.String},
        )
        frame = frame.with_row_index(_ROW)
        frame = (
            frame.join(faults, left_on=_ROW, right_on="at", how="left", maintain_order="left")
            if piece.faults
            else frame
        )
        frame = frame.with_columns(pl.col(_ROW).cast(pl.Int64) + self.first_row + self.n_rows)
        frame = with_constants(frame.lazy(), self.header.layout).collect()
        if self.header.date_in_name:
            frame = frame.with_columns(
                pl.lit(self.header.date_in_name).alias(self.header.layout.columns["report_date"][0])
            )
        self.n_rows += frame.height
        self._look_for_times(frame)
        return frame

    def _as_reports(self, frame: pl.DataFrame) -> pl.DataFrame:
        reports = as_reports(frame.lazy(), self.header.layout, _ROW, self._forms, True).collect()
        symbol = pl.col("bond_symbol").str.to_uppercase()
        self.has_symbol_keys |= bool(reports.select((pl.col("cusip") == symbol).any()).item())
        return reports

    def _look_for_times(self, frame: pl.DataFrame) -> None:
        columns = self.columns()
        for column in asked(self.header.layout):
            if column not in self._filled and any(
                frame.select(given_alone(source).any()).item() for source in columns.sources(column)
            ):
                self._filled.add(column)

    def _close(self) -> None:
        """What can be said once all lines are read."""
        if self._trailer is None and self.header.layout.is_finra:
            self.notes.append(
                "no trailer line follows the reports: whether they are all there cannot be told"
            )
        if self._trailer is not None and self._trailer != self.n_rows:
            raise LayoutError(
                f"{self.label}: the trailer says {self._trailer:010d} records, the file has"
                f" {self.n_rows}: cut short? deliver it again"
            )
        if not self.n_rows:
            self.notes.append("it holds no reports")


def _split(line: str) -> tuple[list[str], str, bool]:
    """The names in a line, its delimiter, and whether quotes count."""
    delimiter = max(_DELIMITERS, key=line.count)
    quoting = delimiter != "|" or '"' in line
    return [name.strip() for name in lines.fields(line, delimiter, quoting)], delimiter, quoting


def _parsed(piece: lines.Piece, names: list[str]) -> pl.DataFrame:
    """All fields as text. Should the parser see other lines than were counted, the lines are split
    by hand.
    """
    try:
        frame = pl.read_csv(
            io.BytesIO(piece.text),
            has_header=False,
            schema=dict.fromkeys(names, pl.String()),
            separator=piece.separator.decode(),
            quote_char=None,
        )
        if frame.height == piece.n_lines:
            return frame
    except pl.exceptions.PolarsError:
        pass
    rows = [
        line.split(piece.separator.decode()) for line in piece.text.decode("utf-8").split("\n")[:-1]
    ]
    return pl.DataFrame(rows, schema=dict.fromkeys(names, pl.String()), orient="row")
