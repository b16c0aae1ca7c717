"""`bondsig clean`: somebody's own TRACE files, cleaned, with what was done and why.

Belongs here: reading the options, showing progress, printing what came out. Not here: any rule
(`trace/`).
"""

from __future__ import annotations

import os
import tempfile
import time as clock
from collections.abc import Sequence
from datetime import datetime, time
from pathlib import Path

import polars as pl
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn
from rich.table import Table

from bondsig_assets.calendar import CUTOFF
from bondsig_assets.commands.bond_terms import read_bonds
from bondsig_assets.commands.console import open_console
from bondsig_assets.commands.report_columns import read_mapping
from bondsig_assets.commands.yields import compare_yields
from bondsig_assets.errors import ReportsError, UserError
from bondsig_assets.sources.files.config import MAX_BAD_SHARE
from bondsig_assets.trace.cleaning import NO_TIMES
from bondsig_assets.trace.layouts import Own, Scan, scan_reports
from bondsig_assets.trace.layouts.products import words_of
from bondsig_assets.trace.options import Screens, screens_named
from bondsig_assets.trace.partitions import TABLES_OUT, Cleaned, clean_to, sweep
from bondsig_assets.trace.view import View

#: Fewer bad reports are faults of rows, whatever their share, unless they are most of the file.
_FEW_BAD = 5
#: What stands aside and is no fault of a file.
_NOT_BAD = ("reported_later", "shown_as_cancelled")
#: Reports read at once.
BLOCK_REPORTS = 500_000


def clean_files(
    files: Sequence[Path],
    out: Path,
    layout: str,
    as_of: str | None,
    bonds: Path | None,
    screens: str,
    view: View,
    recipes: str | None,
    allow_missing_times: bool,
    max_bad_share: float = MAX_BAD_SHARE,
    mapped: Sequence[str] = (),
    skip_rows: int | None = None,
    dates_as: str | None = None,
    times_as: str | None = None,
) -> None:
    """Cleans `files` into the folder `out` and says what became of the reports. Every mistake of a
    user is a UserError of one line.
    """
    began, console = clock.monotonic(), open_console()
    try:
        chosen, moment, named = screens_named(screens), _moment(as_of), _recipes(recipes)
        terms, notes = read_bonds(bonds, dates_as) if bonds else (None, [])
        for note in notes:
            console.print(note, markup=False)
        own = Own(read_mapping(mapped), skip_rows, dates_as, times_as)
        _refuse_to_overwrite(files, out)
        out.mkdir(parents=True, exist_ok=True)
        sweep(out)
        with tempfile.TemporaryDirectory(
            prefix=f".cleaning-{os.getpid()}-read-", dir=out
        ) as scratch:
            with console.status("reading"):
                scan = scan_reports(files, layout, Path(scratch), allow_missing_times, own)
            _say_what_was_read(console, scan)
            if moment is not None and not scan.has_report_times:
                raise ReportsError(NO_TIMES)
            cleaned = _clean(console, scan, out, chosen, terms, moment, view, named, max_bad_share)
            if not named:
                # A comparison of an earlier result would lie beside this one.
                for left in out.glob("comparison_*.csv"):
                    left.unlink()
    except pl.exceptions.PolarsError as error:
        raise UserError(
            f"{', '.join(path.name for path in files)}: damaged"
            f" ({str(error).splitlines()[0][:160]}); deliver it again. Nothing was written"
        ) from error
    except KeyboardInterrupt as error:
        raise UserError(
            f"stopped after {clock.monotonic() - began:.0f} s; nothing was written"
        ) from error
    except OSError as error:
        raise UserError(
            f"{error.filename or out}: {error.strerror or error}; nothing was written"
        ) from error
    _say_what_came_out(console, cleaned, out, chosen, view, moment, clock.monotonic() - began)


def _moment(text: str | None) -> datetime | None:
    """A moment, or the end of a day when only a date is given."""
    if text is None:
        return None
    try:
        moment = datetime.fromisoformat(text.strip())
    except ValueError as error:
        raise UserError(
            f"--as-of '{text}' is no moment: write YYYY-MM-DD HH:MM, New York time"
        ) from error
    if moment.tzinfo is not None:
        raise UserError(f"--as-of '{text}' names a time zone: moments are New York wall clock")
    return (
        datetime.combine(moment, CUTOFF) if ":" not in text and moment.time() == time(0) else moment
    )


def _recipes(text: str | None) -> list[str]:
    from bondsig_assets.trace.recipes import RECIPES

    named = [name.strip() for name in text.split(",") if name.strip()] if text else []
    if unknown := [name for name in named if name not in RECIPES]:
        raise UserError(f"--compare {', '.join(unknown)}: there is {', '.join(RECIPES)}")
    return named


def _say_what_was_read(console: Console, scan: Scan) -> None:
    for name, layout in scan.layouts.items():
        alone = len(scan.layouts) == 1
        reports = sum(rows for label, _, rows in scan.files if alone or label == name)
        console.print(f"{name}: {layout}, {reports:,} reports", markup=False)
    for note in scan.notes:
        console.print(f"note: {note}", markup=False)


def _clean(
    console: Console,
    scan: Scan,
    out: Path,
    screens: Screens,
    bonds: pl.DataFrame | None,
    moment: datetime | None,
    view: View,
    recipes: list[str],
    max_bad_share: float,
) -> Cleaned:
    blocks = scan.blocks(BLOCK_REPORTS)
    if not blocks:
        raise ReportsError(f"{', '.join(scan.layouts)}: no reports in it, nothing to clean")
    symbols = _symbols(scan, bonds)
    columns = TextColumn("cleaning"), BarColumn(40), TextColumn("{task.percentage:3.0f} %")
    with Progress(
        *columns, console=console, transient=True, disable=not console.is_terminal
    ) as bars:
        task = bars.add_task("cleaning", total=1.0)

        def beside(ready: Path, counted: pl.DataFrame) -> None:
            counted.write_csv(ready / "waterfall.csv")
            # Which `row` lies in which file, so that any report can be found again.
            columns = {"file": pl.String, "first_row": pl.Int64, "rows": pl.Int64}
            pl.DataFrame(scan.files, schema=columns, orient="row").write_csv(ready / "files.csv")
            if bonds is not None:
                compare_yields(console, ready, bonds)
            if recipes:
                _compare(console, scan, ready, recipes, bonds, moment)

        return clean_to(
            [_under_cusips(block, symbols) for block in blocks],
            out,
            screens,
            bonds,
            moment,
            view,
            progress=lambda share: bars.update(task, completed=share),
            judge=lambda faults: _refuse_bad_files(scan, faults, max_bad_share),
            beside=beside,
        )


def _symbols(scan: Scan, bonds: pl.DataFrame | None) -> dict[str, str]:
    """Bond symbol → CUSIP, where reports stand under symbols and the bonds or other reports say
    which is meant, and only one.
    """
    if not scan.has_symbol_keys:
        return {}
    pairs = [
        scan.frame.filter(pl.col("cusip") != pl.col("bond_symbol").str.to_uppercase())
        .select(pl.col("bond_symbol").str.to_uppercase(), "cusip")
        .unique()
        .collect(engine="streaming")
    ]
    if bonds is not None and "bond_symbol" in bonds.columns:
        pairs.append(bonds.select("bond_symbol", "cusip"))
    known = pl.concat(pairs).drop_nulls().filter(pl.col("cusip") != pl.col("bond_symbol")).unique()
    known = known.filter(pl.col("bond_symbol").is_unique())
    return dict(known.iter_rows())


def _under_cusips(block: pl.LazyFrame, symbols: dict[str, str]) -> pl.LazyFrame:
    """`block` with the CUSIP in place of a symbol where it is known."""
    if not symbols:
        return block
    symbol = pl.col("bond_symbol").str.to_uppercase()
    known = symbol.replace_strict(
        list(symbols), list(symbols.values()), default=pl.col("cusip"), return_dtype=pl.String
    )
    return block.with_columns(
        cusip=pl.when(pl.col("cusip") == symbol).then(known).otherwise("cusip")
    )


def _refuse_bad_files(scan: Scan, faults: pl.DataFrame, max_bad_share: float) -> None:
    """Raises ReportsError for the first file of which more than that share cannot be used: a fault
    of the file is none of its rows.
    """
    bad = faults.filter(~pl.col("fault").is_in(_NOT_BAD)).sort("row")
    for k, (label, first, n) in enumerate(scan.files):
        low, high = (int(bad["row"].search_sorted(row)) for row in (first, first + n))
        of_file = bad["fault"].slice(low, high - low)
        if n and (of_file == "other_product").sum() == n:
            where = scan.blame(k, "other_product")
            code = where.value if where else None
            raise ReportsError(
                f"{label}: holds {words_of(code, scan.sister(k))}, no corporate bonds"
                f"{f' ({where.column} {code})' if where and code else ''}: name a file of"
                " corporates. Nothing was written"
            )
        of_file = of_file.filter(of_file != "other_product")
        is_few = len(of_file) < _FEW_BAD and 2 * len(of_file) <= n
        if len(of_file) <= max_bad_share * n or is_few:
            continue
        counts = of_file.value_counts(sort=True).sort("count", "fault", descending=[True, False])
        fault, n_fault = counts.row(0)
        where = scan.blame(k, fault)
        detail = ""
        if where is not None:
            held = (
                "its rows do not keep that order"
                if not where.reports
                else f"the commonest value is {where.value!r} ({where.reports:,} reports)"
                if where.value is not None
                else f"{where.reports:,} are empty"
            )
            detail = f"; {where.column}: {where.expected} was expected, {held}"
        raise ReportsError(
            f"{label}: {len(of_file):,} of {n:,} reports cannot be used, more than"
            f" {max_bad_share:.0%} ({n_fault:,} {fault}){detail}; mend the file, or take more with"
            " --max-bad-share. Nothing was written"
        )


def _refuse_to_overwrite(files: Sequence[Path], out: Path) -> None:
    written = {(out / f"{name}.parquet").resolve() for name in TABLES_OUT}
    for path in files:
        if path.resolve() in written:
            raise UserError(f"{path}: --out {out} would write over it; name another folder")


def _compare(
    console: Console,
    scan: Scan,
    out: Path,
    recipes: list[str],
    bonds: pl.DataFrame | None,
    moment: datetime | None,
) -> None:
    from bondsig_assets.trace.cleaning import known_by
    from bondsig_assets.trace.compare import compare, lines

    reports = scan.frame.collect()
    if moment is not None:
        reports = known_by(reports, moment)
    comparison = compare(
        reports,
        pl.read_parquet(out / "trades.parquet"),
        pl.read_parquet(out / "rejected.parquet"),
        recipes,
        bonds,
    )
    for name in ("trades", "bond_days", "examples"):
        getattr(comparison, name).write_csv(out / f"comparison_{name}.csv")
    for line in lines(comparison):
        console.print(line, markup=False)


def _say_what_came_out(
    console: Console,
    cleaned: Cleaned,
    out: Path,
    screens: Screens,
    view: View,
    moment: datetime | None,
    took: float,
) -> None:
    title = f"screens {screens.name}, {view} view" + (
        f", as of {moment:%Y-%m-%d %H:%M}" if moment else ""
    )
    console.print(title, markup=False)
    table = Table(box=None, header_style="")
    table.add_column("step")
    for name in ("reports", "share"):
        table.add_column(name, justify="right")
    for step, n, share in cleaned.waterfall.iter_rows():
        table.add_row(step, f"{n:,}", f"{abs(share):.2%}" if share is not None else "")
    console.print(table)
    total = cleaned.waterfall["reports"][0]
    console.print(
        f"{out}: " + ", ".join(f"{name}.parquet {cleaned.rows[name]:,}" for name in TABLES_OUT),
        markup=False,
    )
    console.print(
        f"{total:,} reports in {took:.1f} s. What each reason means: docs/trace_cleaning.md"
    )
