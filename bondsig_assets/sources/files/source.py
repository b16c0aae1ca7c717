"""The source `files`: a folder of csv, txt or Parquet files described by a `source.toml`.

Belongs here: the source itself, and what needs all files of a table at once (duplicates,
partitions). Not here: what the toml may say (`config.py`), reading one file
(`read.py`, `values.py`, `rows.py`). Each file is parsed once per instance,
when a table it feeds is first asked for, and the table's rows are then kept in memory.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path

import polars as pl

from bondsig_assets.errors import SourceError
from bondsig_assets.securities.sectors import with_sector_etfs
from bondsig_assets.sources.base import Delivery
from bondsig_assets.sources.files.checks import (
    DAY,
    DUPLICATE_KEY,
    DUPLICATE_ROW,
    SHARED_TICKER,
    shared_tickers,
)
from bondsig_assets.sources.files.config import Feed, read_config
from bondsig_assets.sources.files.links import link_rows
from bondsig_assets.sources.files.read import ROW, find_files, read_file, read_lookup, row_texts
from bondsig_assets.sources.files.rows import RANK, check_share, rows_of
from bondsig_assets.sources.files.trace import at_or_after_days, deliver
from bondsig_assets.tables import RAW_DAILY, RAW_REFERENCE, TABLES
from bondsig_assets.tables.schema import Table
from bondsig_assets.trace.view import View, as_seen, graded
from bondsig_assets.validation import unknown_name

_FILE = "__file"
#: Rows of one bond from which on a file of quotes can be told to be monthly.
_SPARSE_ROWS = 3


@dataclass(frozen=True)
class _Loaded:
    """A whole table, sorted by partition; quarantined rows without a date still lack
    `partition_date`.
    """

    rows: pl.DataFrame
    quarantined: pl.DataFrame


class FilesSource:
    """Reads the files below `data` as `config` says (default: `source.toml` beside them).

    `view`: `live` shows what was disseminated (`trace/view.py`), each par capped by the grade known
    when the trade was made; `regulatory` shows everything, and refuses reports that the files call
    `live`. Without a view all reports come as they are.

    Every fault a user can mend is a SourceError of one line. The toml is read at once, a
    data file when its table is first asked for.
    """

    def __init__(self, data: Path, config: Path | None = None, view: View | None = None):
        self.data, self._view = Path(data), view
        if not self.data.is_dir():
            raise SourceError(
                f"{self.data}: no such folder; give the one that holds the data with --data"
            )
        if config is None and not any(self.data.iterdir()):
            raise SourceError(
                f"{self.data}: the folder is empty; put data files and a source.toml there"
            )
        self.feeds = read_config(Path(config) if config else self.data / "source.toml")
        self._tables: dict[str, _Loaded] = {}
        #: What was recognised while the files were read, a sentence each.
        self.told: list[str] = []

    def date_range(self) -> tuple[date, date]:
        """First and last trading day of the equity prices; without any, of the TRACE reports, the
        bonds' quotes, then the CDS quotes.
        """
        for name in ("equity_prices", "trace_reports", "bond_day_quotes", "cds_quotes"):
            if name in self.feeds and (days := self._load(name).rows[TABLES[name].partition]).len():
                return days.sort()[0], days.sort()[-1]
        raise SourceError(
            f"{self.data}: no rows in any daily table; source.toml should feed"
            f" {' or '.join(RAW_DAILY)}"
        )

    def daily(self, table: str, start: date, end: date) -> Delivery:
        """Rows of the trading days `start`…`end`; a range is the concatenation of its days.

        Quarantined rows come with the trading day at or after their date, those without a
        readable date, from before 2002-07-01 or in the future with the first day of
        `date_range()`.
        """
        if table not in RAW_DAILY:
            raise SourceError(unknown_name("daily table", table, RAW_DAILY))
        if table not in self.feeds:
            return Delivery(table, TABLES[table].empty())
        loaded = self._load(table)
        undated = loaded.quarantined["partition_date"].null_count() > 0
        quarantined = (
            loaded.quarantined.with_columns(
                pl.col("partition_date").fill_null(self.date_range()[0])
            )
            if undated
            else loaded.quarantined
        )
        return Delivery(
            table,
            loaded.rows.filter(pl.col(TABLES[table].partition).is_between(start, end)),
            quarantined.filter(pl.col("partition_date").is_between(start, end)).sort(
                "partition_date", maintain_order=True
            ),
        )

    def reference(self, table: str, through: date) -> Delivery:
        """Rows dated up to `through` (calls: known by then, for their dates lie ahead), and every
        quarantined row whatever its date.
        """
        if table not in RAW_REFERENCE:
            raise SourceError(unknown_name("reference table", table, RAW_REFERENCE))
        if table not in self.feeds:
            return Delivery(table, TABLES[table].empty())
        loaded = self._load(table)
        dated = TABLES[table].known_time if table == "call_schedules" else TABLES[table].event_time
        return Delivery(
            table, loaded.rows.filter(pl.col(dated).cast(pl.Date) <= through), loaded.quarantined
        )

    def truth(self) -> dict[str, pl.DataFrame]:
        """Nothing: files do not know the truth."""
        return {}

    def _load(self, name: str) -> _Loaded:
        if name not in self._tables:
            self._tables[name] = self._read(TABLES[name])
        return self._tables[name]

    def _read(self, table: Table) -> _Loaded:
        """Every file of one table, duplicates set aside, in the order of the partitions."""
        sources = [
            (path, feed)
            for feed in map(self._with_lookups, self.feeds[table.name])
            for path in find_files(self.data, feed, table.name)
        ]
        is_links = table.name == "equity_links"
        parts = (
            link_rows(
                table,
                sources,
                self.told,
                self._load("equities").rows if "equities" in self.feeds else None,
            )
            if is_links
            else [
                rows_of(path, table, feed, read_file(path, feed, self.told), self.told)
                for path, feed in sources
            ]
        )
        if not any(part.good.height or part.bad.height or part.is_mute for part in parts):
            names = ", ".join(path.name for path, _ in sources[:20])
            raise SourceError(
                f"{self.data}: {names}: no row for {table.name}; deliver files with rows, mend"
                " `keep`, or leave the block out"
            )
        good = _stacked([part.good for part in parts])
        if is_links:
            good = good.with_columns(claim_number=pl.int_range(1, pl.len() + 1, dtype=pl.Int64))
        if table.name == "equities" and not any(
            "sector_etf" in feed.columns for _, feed in sources
        ):
            good = with_sector_etfs(good)
        if table.name == "bond_day_quotes":
            _refuse_months(good, f"{self.data}: {', '.join(path.name for path, _ in sources[:5])}")
        good, doubles = _without_duplicates(good, table)
        if table.name == "equities":
            good, doubles = _with_one_parent_a_ticker(good, doubles)
        named = [
            mine.join(
                row_texts(read_file(*sources[number[0]]), mine[ROW]),
                on=ROW,
                how="left",
                maintain_order="left",
            )
            for number, mine in doubles.group_by(_FILE, maintain_order=True)
        ]
        bad = pl.concat(
            [
                _stacked([part.bad for part in parts]),
                *(mine.select("__file", ROW, "day", "reason", "row_text") for mine in named),
            ]
        )
        for number, ((path, feed), part) in enumerate(zip(sources, parts, strict=True)):
            check_share(
                path,
                feed,
                part.n_rows,
                bad.filter(pl.col(_FILE) == number).group_by("reason").len(),
            )
        good = good.drop(_FILE, ROW, RANK)
        if table.name == "trace_reports":
            rows = deliver(self._seen(good))
        else:
            rows = good.sort(*_order(table))
        return _Loaded(
            table.conform(rows), self._quarantined(table, bad, [path for path, _ in sources])
        )

    def _seen(self, reports: pl.DataFrame) -> pl.DataFrame:
        """The reports that the view shows; what it hides is no fault of a row."""
        if self._view is None:
            return reports
        told_live = pl.col("view") == "live"
        if self._view == "regulatory":
            if n_live := reports.filter(told_live).height:
                raise SourceError(
                    f"{self.data}: {n_live} of {reports.height} reports are what was disseminated"
                    " (view = live in source.toml), and everything is asked for; run with --view"
                    " live, or leave their block out"
                )
            return reports
        bonds, ratings = (
            self._load(name).rows if name in self.feeds else TABLES[name].empty()
            for name in ("bonds", "ratings")
        )
        # What the file itself calls live has been capped by grades that we may not have.
        unknown = pl.when(told_live).then(pl.lit(False))
        named = reports.with_columns(pl.lit(None, dtype=pl.String).alias("fault"))
        grades = graded(named, bonds, ratings).with_columns(
            pl.col("is_high_yield").fill_null(unknown)
        )
        seen = as_seen(grades, "live")
        if hidden := seen["fault"].drop_nulls().value_counts(sort=True).sort("fault").rows():
            counts = ", ".join(f"{n} {reason}" for reason, n in hidden)
            self.told.append(f"of {seen.height} reports the live view hides {counts}")
        shown = seen.filter(pl.col("fault").is_null())
        return shown.with_columns(view=pl.lit("live")).drop("fault")

    def _with_lookups(self, feed: Feed) -> Feed:
        """The feed with each lookup file read into a map."""
        columns = {
            name: replace(rule, map=read_lookup(self.data, rule.lookup)) if rule.lookup else rule
            for name, rule in feed.columns.items()
        }
        return replace(feed, columns=columns)

    def _quarantined(self, table: Table, bad: pl.DataFrame, paths: list[Path]) -> pl.DataFrame:
        declared = TABLES["quarantined_rows"]
        names = pl.Series(
            [path.relative_to(self.data).as_posix() for path in paths], dtype=pl.String
        )
        is_daily = table.name in DAY
        rows = bad.select(
            pl.lit(table.name).alias("table_name"),
            (at_or_after_days(bad["day"]) if is_daily else pl.lit(None, dtype=pl.Date)).alias(
                "partition_date"
            ),
            names.gather(bad[_FILE]).alias("source_name"),
            pl.col(ROW).alias("row_number"),
            "reason",
            "row_text",
        )
        # A wide line may hold several bad cells, a file may feed a table twice: one entry per line
        # and reason.
        rows = rows.unique(declared.key, keep="first", maintain_order=True)
        return declared.conform(
            rows.sort("partition_date", "source_name", "row_number", "reason", maintain_order=True)
        )


def _stacked(frames: list[pl.DataFrame]) -> pl.DataFrame:
    """One frame with the number of the file in `__file`."""
    return pl.concat(
        [
            frame.select(pl.lit(number, dtype=pl.Int64).alias(_FILE), pl.all())
            for number, frame in enumerate(frames)
        ]
    )


def _order(table: Table) -> list[str]:
    return list(dict.fromkeys([*([table.partition] if table.partition else []), *table.key]))


def _without_duplicates(rows: pl.DataFrame, table: Table) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Of the rows with one key, the best by RANK, then by file and row; the others with reason and
    day.

    An identical row is a `duplicate row`, one that says something else a `duplicate key`. TRACE
    messages have no key of their own: there only identical messages are duplicates.
    """
    values = [name for name in table.column_names if name not in ("delivery_date", "record_number")]
    is_trace = table.name == "trace_reports"
    key = values if is_trace else list(table.key)
    # Cheap first: few reports share even these two.
    few = (
        rows.filter(pl.struct("report_date", "message_number").is_duplicated())
        if is_trace
        else rows
    )
    few = few.filter(pl.struct(key).is_duplicated()).sort(RANK, _FILE, ROW)
    position = pl.int_range(pl.len()).over(key)
    same = pl.all_horizontal(
        pl.col(name).eq_missing(pl.col(name).first().over(key)) for name in values
    )
    day = pl.col(DAY[table.name]) if table.name in DAY else pl.lit(None, dtype=pl.Date)
    doubles = few.with_columns(position.alias("__position"), same.alias("__same")).filter(
        pl.col("__position") > 0
    )
    doubles = doubles.select(
        _FILE,
        ROW,
        day.alias("day"),
        pl.when("__same")
        .then(pl.lit(DUPLICATE_ROW))
        .otherwise(pl.lit(DUPLICATE_KEY))
        .alias("reason"),
        *key,
    ).sort(_FILE, ROW, *key)
    columns = [_FILE, ROW, *key]
    return (
        rows.join(
            doubles.select(columns), on=columns, how="anti", nulls_equal=True, maintain_order="left"
        ),
        doubles,
    )


def _refuse_months(quotes: pl.DataFrame, where: str) -> None:
    """Refuses quotes of which no bond has two in one month: a month's last price is none of a
    day's change.
    """
    days = quotes.select("cusip", "trade_date").unique()
    months = days.select("cusip", pl.col("trade_date").dt.truncate("1mo"))
    most = days.group_by("cusip").len()["len"].max() if days.height else 0
    if months.is_duplicated().any() or not isinstance(most, int) or most < _SPARSE_ROWS:
        return
    raise SourceError(
        f"{where}: looks monthly: no bond has two days in one month; bond_day_quotes takes daily"
        " rows, because features are changes from day to day: deliver a daily panel, or leave the"
        " block out"
    )


def _with_one_parent_a_ticker(
    rows: pl.DataFrame, doubles: pl.DataFrame
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Rows of `equities` without those whose ticker has another parent; these go with the
    duplicates.
    """
    late = shared_tickers(rows, [_FILE, ROW])
    named = late.select(
        _FILE, ROW, pl.lit(None, dtype=pl.Date).alias("day"), pl.lit(SHARED_TICKER).alias("reason")
    )
    kept = rows.join(
        late.select(_FILE, ROW, "parent_id", "ticker"),
        on=[_FILE, ROW, "parent_id", "ticker"],
        how="anti",
        maintain_order="left",
    )
    return kept, pl.concat([doubles.select(named.columns), named])
