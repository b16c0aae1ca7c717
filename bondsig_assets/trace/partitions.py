"""Cleaning more reports than fit into memory: issuer by issuer, part by part.

Belongs here: cutting reports into parts of whole issuers, and writing what comes out. Not here:
what happens to a part (`cleaning.py`).

Nothing that cleaning compares crosses an issuer, so parts are exact, whatever their size.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from itertools import islice
from pathlib import Path
from typing import TypeVar

import polars as pl
import pyarrow.parquet as pq

from bondsig_assets.errors import ReportsError
from bondsig_assets.trace.cleaning import NO_TIMES, CleanResult, clean_part, known_by, waterfall
from bondsig_assets.trace.options import Screens
from bondsig_assets.trace.reports import REQUIRED, as_reports
from bondsig_assets.trace.view import View

#: Reports worked on at once; bounds memory, at about a kilobyte a report and thread.
PART_REPORTS = 400_000
#: Up to here a file's reports are held in memory, at about 90 bytes a report; more go by way of
#: files.
HELD_REPORTS = 5_000_000
#: Parts worked on at once.
THREADS = 2
_Item = TypeVar("_Item")
_Result = TypeVar("_Result")
#: Columns of few values: a dictionary of any other only costs time.
_REPETITIVE = frozenset(
    {
        "feed",
        "cusip",
        "bond_symbol",
        "execution_date",
        "report_date",
        "status",
        "asof_code",
        "par_usd",
        "side",
        "contra",
        "settlement_date",
        "commission_code",
        "buyer_capacity",
        "seller_capacity",
        "reason",
        "cause_report_date",
        "trade_date",
    }
)
TABLES_OUT = ("trades", "rejected", "bond_days")


@dataclass(frozen=True)
class Cleaned:
    """What `clean_to` wrote: the waterfall, and rows of each table."""

    waterfall: pl.DataFrame
    rows: dict[str, int]


def clean_to(
    blocks: Sequence[pl.LazyFrame],
    out: Path,
    screens: Screens,
    bonds: pl.DataFrame | None = None,
    as_of: datetime | None = None,
    view: View = "regulatory",
    part_reports: int = PART_REPORTS,
    progress: Callable[[float], None] | None = None,
    judge: Callable[[pl.DataFrame], None] | None = None,
    beside: Callable[[Path, pl.DataFrame], None] | None = None,
) -> Cleaned:
    """Cleans the reports of `blocks` into `out`/trades.parquet, rejected.parquet and
    bond_days.parquet.

    `blocks`: reports in pieces that fit into memory, `row` unique over all of them. The files
    appear together when all is done, or not at all, with what `beside` writes, given a folder and
    the waterfall, into that folder. `progress` is called with the share
    done, 0 to 1; `judge` with `row` and `fault` of every report that cannot be used, before any is
    cleaned: what it raises stops the work. Raises ReportsError as `clean` does, OSError when `out`
    cannot be written.
    """
    report_share = progress or (lambda _share: None)
    out.mkdir(parents=True, exist_ok=True)
    sweep(out)
    with tempfile.TemporaryDirectory(prefix=f".cleaning-{os.getpid()}-", dir=out) as scratch:
        faults: list[pl.DataFrame] = []
        parts = _parts(
            blocks,
            Path(scratch),
            part_reports,
            as_of,
            lambda share: report_share(0.4 * share),
            faults,
        )
        if judge:
            judge(pl.concat(faults))
        reasons = []
        with _Writers(Path(scratch)) as writers:
            for k, result in enumerate(
                _in_threads(lambda part: clean_part(part(), bonds, screens, view), parts)
            ):
                writers.write(result)
                reasons.append(result.rejected["reason"].value_counts())
                report_share(0.4 + 0.6 * (k + 1) / len(parts))
        counted = waterfall(pl.concat(reasons), writers.rows["trades"])
        ready = Path(scratch) / "ready"
        ready.mkdir()
        for name in TABLES_OUT:
            (Path(scratch) / f"{name}.parquet").replace(ready / f"{name}.parquet")
        if beside:
            beside(ready, counted)
        publish(ready, out)
    return Cleaned(counted, writers.rows)


def publish(ready: Path, out: Path) -> None:
    """Moves every file of `ready` into `out`; a folder that is in the way stops it before the
    first. Raises OSError.
    """
    files = sorted(ready.iterdir())
    for file in files:
        if (out / file.name).is_dir():
            raise IsADirectoryError(21, "is a folder: move it away", str(out / file.name))
    for file in files:
        file.replace(out / file.name)


def sweep(out: Path) -> None:
    """Removes what a killed process left behind."""
    for left in out.glob(".cleaning-*-*"):
        owner = left.name.split("-")[1]
        if owner.isdigit() and not Path(f"/proc/{owner}").exists() and Path("/proc").exists():
            shutil.rmtree(left, ignore_errors=True)


def _parts(
    blocks: Sequence[pl.LazyFrame],
    scratch: Path,
    part_reports: int,
    as_of: datetime | None,
    report_share: Callable[[float], None],
    faults: list[pl.DataFrame],
) -> list[Callable[[], pl.DataFrame]]:
    """What gives each part: reports of whole issuers, in their order, about `part_reports` of
    them. `faults` is filled with what cannot be used.
    """
    if as_of is not None and not any(
        block.select(pl.col("reported_at").is_not_null().any()).collect().item() for block in blocks
    ):
        raise ReportsError(NO_TIMES)
    n_reports = sum(length.item() for length in pl.collect_all(b.select(pl.len()) for b in blocks))
    if n_reports > HELD_REPORTS:
        return _scattered(blocks, scratch, part_reports, as_of, report_share, faults)
    frames = []
    for frame in _in_threads(lambda block: _read(block, as_of, faults), blocks):
        frames.append(frame)
        report_share(len(frames) / len(blocks))
    return _held(frames, part_reports)


def _held(frames: list[pl.DataFrame], part_reports: int) -> list[Callable[[], pl.DataFrame]]:
    """Parts of reports that memory holds. Most files are sorted by CUSIP: their parts are slices,
    of which nothing is copied.
    """
    whole = pl.concat(frames)
    issuer = whole.select(issuer=_issuer())["issuer"]
    if whole.height <= part_reports:
        return [lambda: whole]
    if issuer.is_sorted():
        runs = issuer.rle().struct.unnest()
        ends = runs["len"].cast(pl.Int64).cum_sum()
        part = (ends - runs["len"]) // part_reports
        bounds = ends.filter(part != part.shift(-1, fill_value=-1)).to_list()
        return [
            partial(whole.slice, start, end - start)
            for start, end in zip([0, *bounds[:-1]], bounds, strict=True)
        ]
    numbered = _numbered(issuer.value_counts(name="n"), part_reports)
    pieces: dict[int, list[pl.DataFrame]] = {}
    for cut in _in_threads(lambda frame: _cut(frame, numbered), frames):
        for number, piece in cut.items():
            pieces.setdefault(number, []).append(piece)

    def let_go(number: int) -> pl.DataFrame:
        return _joined(pieces.pop(number))

    return [partial(let_go, number) for number in sorted(pieces)]


def _scattered(
    blocks: Sequence[pl.LazyFrame],
    scratch: Path,
    part_reports: int,
    as_of: datetime | None,
    report_share: Callable[[float], None],
    faults: list[pl.DataFrame],
) -> list[Callable[[], pl.DataFrame]]:
    """Parts of more reports than memory holds, by way of files in `scratch`."""
    counts = pl.concat(
        [
            block.select(issuer=_issuer()).collect()["issuer"].value_counts(name="n")
            for block in blocks
        ]
    )
    numbered = _numbered(counts, part_reports)

    def scatter(block: tuple[int, pl.LazyFrame]) -> None:
        for number, piece in _cut(_read(block[1], as_of, faults), numbered).items():
            piece.write_ipc(scratch / f"{number:06d}-{block[0]:06d}.ipc", compression="lz4")

    for k, _ in enumerate(_in_threads(scatter, list(enumerate(blocks)))):
        report_share((k + 1) / len(blocks))
    return [partial(_read_part, scratch, number) for number in numbered["_part"].unique().sort()]


def _numbered(counts: pl.DataFrame, part_reports: int) -> pl.DataFrame:
    """The part of each issuer, from counts `n` of its reports (in any number of rows)."""
    issuers = counts.group_by("issuer").agg(pl.col("n").sum().cast(pl.Int64)).sort("issuer")
    return issuers.select("issuer", _part=(pl.col("n").cum_sum() - pl.col("n")) // part_reports)


def _cut(frame: pl.DataFrame, numbered: pl.DataFrame) -> dict[int, pl.DataFrame]:
    """Part number -> its reports. Half of the columns are empty in most files: they are left out on
    the way.
    """
    frame = frame.select(
        name
        for name in frame.columns
        if name in REQUIRED or frame[name].null_count() < frame.height
    )
    part = frame.select(issuer=_issuer()).join(
        numbered, on="issuer", how="left", maintain_order="left"
    )["_part"]
    cut = frame.with_columns(part).partition_by(
        "_part", as_dict=True, include_key=False, maintain_order=True
    )
    return {number: piece for (number,), piece in cut.items()}


def _read(
    reports: pl.LazyFrame, as_of: datetime | None, faults: list[pl.DataFrame]
) -> pl.DataFrame:
    frame = as_reports(reports).collect()
    faults.append(frame.select("row", "fault").filter(pl.col("fault").is_not_null()))
    return frame if as_of is None else known_by(frame, as_of)


def _read_part(scratch: Path, number: int) -> pl.DataFrame:
    return _joined([pl.read_ipc(path) for path in sorted(scratch.glob(f"{number:06d}-*.ipc"))])


def _joined(pieces: list[pl.DataFrame]) -> pl.DataFrame:
    return as_reports(pl.concat(pieces, how="diagonal")).collect()


def _issuer() -> pl.Expr:
    return pl.col("cusip").str.slice(0, 6).fill_null("")


def _in_threads(work: Callable[[_Item], _Result], items: Sequence[_Item]) -> Iterator[_Result]:
    """Results in the order of `items`; at most THREADS are under way or waiting."""
    waiting = iter(items)
    with ThreadPoolExecutor(THREADS) as pool:
        running = [pool.submit(work, item) for item in islice(waiting, THREADS)]
        while running:
            result = running.pop(0).result()
            running += [pool.submit(work, item) for item in islice(waiting, 1)]
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
                repetitive = [field.name for field in table.schema if field.name in _REPETITIVE]
                self._writers[name] = pq.ParquetWriter(
                    self.folder / f"{name}.parquet",
                    table.schema,
                    compression="zstd",
                    compression_level=1,
                    use_dictionary=repetitive,
                )
            self._writers[name].write_table(table)
            self.rows[name] += table.num_rows
