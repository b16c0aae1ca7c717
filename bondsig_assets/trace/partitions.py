"""Cleaning more reports than fit into memory: issuer by issuer, part by part.

Belongs here: cutting reports into parts of whole issuers, and writing what comes out. Not here:
what happens to a part (`cleaning.py`).

Nothing that cleaning compares crosses an issuer, so parts are exact, whatever their size.
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime
from itertools import islice
from pathlib import Path

import polars as pl
import pyarrow.parquet as pq

from bondsig_assets.trace.cleaning import CleanResult, clean_part, known_by, waterfall
from bondsig_assets.trace.options import Screens
from bondsig_assets.trace.reports import ReportsError, as_reports
from bondsig_assets.trace.view import View

#: Reports worked on at once; bounds memory, at about a kilobyte a report and thread.
PART_REPORTS = 400_000
#: Parts worked on at once.
THREADS = 2
TABLES_OUT = ("trades", "rejected", "bond_days")


@dataclass(frozen=True)
class Cleaned:
    """What `clean_to` wrote: the waterfall, and rows of each table."""

    waterfall: pl.DataFrame
    rows: dict[str, int]


def clean_to(
    reports: pl.LazyFrame, out: Path, screens: Screens, bonds: pl.DataFrame | None = None, as_of: datetime | None = None, view: View = "regulatory",
    part_reports: int = PART_REPORTS, progress: Callable[[int, int], None] | None = None,
) -> Cleaned:
    """Cleans `reports` into `out`/trades.parquet, rejected.parquet and bond_days.parquet.

    The files appear together when all is done, or not at all. `progress` is told reports done and
    in all. Raises ReportsError as `clean` does, OSError when `out` cannot be written.
    """
    frame = as_reports(reports)
    out.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".cleaning-", dir=out) as scratch:
        counts = _issuers(frame)
        total = int(counts["n"].sum())
        if as_of is not None and total and frame.select(pl.col("reported_at").is_not_null().any()).collect(engine="streaming").item() is not True:
            raise ReportsError("as of a moment needs report times, and these reports have none")
        parts = _scattered(frame, counts, Path(scratch), part_reports)
        with _Writers(Path(scratch)) as writers:
            reasons, done = [], 0
            for n, result in _results(parts, bonds, screens, view, as_of):
                writers.write(result)
                reasons.append(result.rejected["reason"].value_counts())
                done += n
                if progress:
                    progress(done, total)
        for name in TABLES_OUT:
            shutil.move(Path(scratch) / f"{name}.parquet", out / f"{name}.parquet")
    counted = pl.concat(reasons) if reasons else pl.DataFrame(schema={"reason": pl.String, "count": pl.UInt32})
    return Cleaned(waterfall(counted, writers.rows["trades"]), writers.rows)


def _issuer() -> pl.Expr:
    return pl.col("cusip").str.slice(0, 6).fill_null("")


def _issuers(frame: pl.LazyFrame) -> pl.DataFrame:
    """Reports of each issuer, in order of the issuer."""
    return frame.select(issuer=_issuer()).group_by("issuer").agg(n=pl.len()).sort("issuer").collect(engine="streaming")


def _scattered(frame: pl.LazyFrame, counts: pl.DataFrame, scratch: Path, part_reports: int) -> list[pl.LazyFrame]:
    """Parts of whole issuers, in their order, each of about `part_reports` reports."""
    total = int(counts["n"].sum())
    if total <= part_reports:
        return [frame]
    parts = counts.select("issuer", part=(pl.col("n").cum_sum() - pl.col("n")) // part_reports)
    part = _issuer().replace_strict(parts["issuer"], parts["part"], return_dtype=pl.Int64)
    folder = scratch / "parts"
    frame.with_columns(_part=part).sink_ipc(pl.PartitionBy(folder, key="_part", include_key=False), compression="lz4", mkdir=True, engine="streaming")
    numbers = parts["part"].unique().sort()
    return [pl.scan_ipc(folder / f"_part={number}" / "*.ipc") for number in numbers]


def _results(
    parts: list[pl.LazyFrame], bonds: pl.DataFrame | None, screens: Screens, view: View, as_of: datetime | None,
) -> Iterator[tuple[int, CleanResult]]:
    """The parts cleaned, in order; at most THREADS are under way or waiting."""
    def work(part: pl.LazyFrame) -> tuple[int, CleanResult]:
        reports = part.collect()
        if as_of is not None:
            reports = known_by(reports, as_of, checked=True)
        return reports.height, clean_part(reports, bonds, screens, view)

    waiting = iter(parts)
    with ThreadPoolExecutor(THREADS) as pool:
        running = [pool.submit(work, part) for part in islice(waiting, THREADS)]
        while running:
            result = running.pop(0).result()
            running += [pool.submit(work, part) for part in islice(waiting, 1)]
            yield result


class _Writers:
    """The three files, written part by part."""

    def __init__(self, folder: Path):
        self.folder = folder
        self.rows = dict.fromkeys(TABLES_OUT, 0)
        self._writers: dict[str, pq.ParquetWriter] = {}

    def __enter__(self) -> _Writers:
        return self

    def __exit__(self, *_error: object) -> None:
        for writer in self._writers.values():
            writer.close()

    def write(self, result: CleanResult) -> None:
        """Appends one part to each file."""
        for name in TABLES_OUT:
            table = getattr(result, name).to_arrow()
            if name not in self._writers:
                self._writers[name] = pq.ParquetWriter(self.folder / f"{name}.parquet", table.schema, compression="zstd", compression_level=1)
            self._writers[name].write_table(table)
            self.rows[name] += table.num_rows
