"""What was read of WRDS, kept on disk: one Parquet file a report day and table, written whole or
not at all.

Belongs here: files, their order of rows, and what happens when a run is killed. Not here: which
days are wanted (`source.py`) and how they are read (`connection.py`).
"""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from uuid import uuid4

import polars as pl

from bondsig_assets.errors import SourceError
from bondsig_assets.sources.wrds.queries import Found, WrdsTable
from bondsig_assets.sources.wrds.values import refuse_lost_counts, schema_of, stacked

#: Rows held in memory while a batch arrives, of all its days together.
_HELD_ROWS = 250_000
_PARTIAL = ".partial-"


@dataclass(frozen=True)
class DayCache:
    """The files of one table below `folder`; a day's file exists only when the day was read to its
    end.
    """

    folder: Path
    found: Found

    @property
    def table(self) -> WrdsTable:
        """The table as declared."""
        return self.found.table

    def path(self, day: date) -> Path:
        """The file of a report day."""
        return self.folder / str(day.year) / f"{day}.parquet"

    def has(self, day: date) -> bool:
        """Whether the day was read to its end."""
        return self.path(day).is_file()

    def counts(self) -> dict[date, int]:
        """Report day → number of rows, of every day kept."""
        return {day: self.height(day) for day in sorted(self.days())}

    def days(self) -> set[date]:
        """Every day kept."""
        return {date.fromisoformat(file.stem) for file in self.folder.glob("[0-9]*/*.parquet")}

    def height(self, day: date) -> int:
        """Number of rows of a day, 0 where it is not kept."""
        return _height(self.path(day)) if self.has(day) else 0

    def read(self, days: Iterable[date]) -> pl.DataFrame:
        """The rows of `days` in order, those that are kept."""
        frames = [pl.read_parquet(self.path(day)) for day in days if self.has(day)]
        return stacked(frames or [self._empty()], self.table)

    def store(
        self, batches: Iterable[pl.DataFrame], start: date, end: date, allow_missing_times: bool
    ) -> None:
        """Keep the rows of `batches` as the report days `start`…`end`, empty days too; all or, on
        any failure, none.

        Rows are written as they arrive and each day is sorted in the end: a server gives no order,
        and positions must be the same when a day is read again. Raises SourceError when the times
        are lost.
        """
        self.folder.mkdir(parents=True, exist_ok=True)
        for left in self.folder.glob(f"{_PARTIAL}*"):
            shutil.rmtree(
                left, ignore_errors=True
            )  # of a run that was killed; the caller holds the lock
        partial = self.folder / f"{_PARTIAL}{uuid4().hex}"
        partial.mkdir()
        try:
            self._spill(batches, partial)
            days = [start + timedelta(n) for n in range((end - start).days + 1)]
            counts = pl.DataFrame([self._finish(partial, day) for day in days])
            if not allow_missing_times:
                refuse_lost_counts(counts, self.table)
            self._refuse_shrunk(counts)
            for day in days:
                self.path(day).parent.mkdir(exist_ok=True)
                (partial / f"{day}.parquet").replace(self.path(day))
        except OSError as error:
            raise SourceError(
                f"{self.folder}: cannot be written ({error.strerror or type(error).__name__}); name"
                " another folder with BONDSIG_WRDS_CACHE"
            ) from None
        finally:
            shutil.rmtree(partial, ignore_errors=True)

    def _spill(self, batches: Iterable[pl.DataFrame], partial: Path) -> None:
        held: list[pl.DataFrame] = []
        number = 0
        for batch in batches:
            held.append(batch)
            if sum(frame.height for frame in held) >= _HELD_ROWS:
                number = self._write(held, partial, number)
                held = []
        self._write(held, partial, number)

    def _write(self, held: list[pl.DataFrame], partial: Path, number: int) -> int:
        """One file a day of what is held."""
        if not held:
            return number
        for (day,), rows in pl.concat(held).partition_by(self.table.days[0], as_dict=True).items():
            folder = partial / str(day)
            folder.mkdir(exist_ok=True)
            rows.write_parquet(folder / f"{number}.parquet", compression="lz4")
        return number + 1

    def _finish(self, partial: Path, day: date) -> dict[str, object]:
        """Write the day's file; returns `day`, `n` rows and the nulls of each time column."""
        pieces = sorted((partial / str(day)).glob("*.parquet"))
        rows = pl.concat([self._empty(), *map(pl.read_parquet, pieces)])
        first = [*self.table.times, "msg_seq_nb", "cusip_id"]
        rows = rows.sort([*first, *(name for name in rows.columns if name not in first)])
        rows.write_parquet(partial / f"{day}.parquet")
        shutil.rmtree(partial / str(day), ignore_errors=True)
        return {
            "day": day,
            "n": rows.height,
            **{name: rows[name].null_count() for name in self.table.times},
        }

    def _empty(self) -> pl.DataFrame:
        return pl.DataFrame(schema=schema_of(self.found))

    def _refuse_shrunk(self, counts: pl.DataFrame) -> None:
        """A table that is being loaded anew on the server is half empty for an hour: better no
        refresh than that.
        """
        for day, n in counts.select("day", "n").iter_rows():
            if self.has(day) and n < 0.5 * (kept := _height(self.path(day))):
                raise SourceError(
                    f"{self.table.qualified_name}: {n} reports of {day}, where {kept} were read"
                    " before: the table may be loading; try again later, or delete"
                    f" {self.path(day)} if it is right"
                )


def _height(path: Path) -> int:
    height: int = pl.scan_parquet(path).select(pl.len()).collect().item()
    return height


def cache_name(text: str) -> str:
    """`text` as the name of a folder."""
    return re.sub(r"[^A-Za-z0-9.-]+", "_", text).strip("_")
