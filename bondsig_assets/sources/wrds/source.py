"""The source `wrds`: TRACE from the PostgreSQL server of Wharton Research Data Services.

Belongs here: which report days of which table are wanted, and rows as deliveries. Not here: the
connection (`connection.py`), SQL (`queries.py`), the files kept (`cache.py`), what
the fields mean (`trace/layouts/`).

TRACE alone comes from WRDS for now. Everything else (bonds, ratings, prices, links; FISD and CRSP
later) comes from `others`, a source of files say, and is empty without one.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from datetime import date, datetime, timedelta
from functools import cached_property
from itertools import pairwise
from pathlib import Path
from zoneinfo import ZoneInfo

import polars as pl
from filelock import FileLock

from bondsig_assets.calendar import FIRST_DAY, at_or_after, at_or_before, trading_days
from bondsig_assets.errors import SourceError
from bondsig_assets.securities.cusips import is_valid_cusip
from bondsig_assets.sources.base import Delivery, Source
from bondsig_assets.sources.files.config import MAX_BAD_SHARE
from bondsig_assets.sources.wrds.arrivals import Arrivals
from bondsig_assets.sources.wrds.cache import DayCache, cache_name
from bondsig_assets.sources.wrds.connection import Connection, WrdsSettings, connect
from bondsig_assets.sources.wrds.deliveries import Part, deliver_days, refuse_bad_share
from bondsig_assets.sources.wrds.queries import WRDS_TABLES, Found, find_table
from bondsig_assets.sources.wrds.values import pinned, refuse_lost_times
from bondsig_assets.tables import RAW_DAILY, RAW_REFERENCE, TABLES
from bondsig_assets.trace.view import View
from bondsig_assets.validation import unknown_name

DEFAULT_TABLES = tuple(WRDS_TABLES)
#: Reports brought through their layout at once.
_AT_ONCE = 250_000


class WrdsSource:
    """Reads TRACE by report date, keeps what was read below `cache`, and goes on where it stopped.

    `tables`: of enhanced, standard and 144a; where Enhanced is among them, the others are read for
    the report dates after its last, and those days are completed when Enhanced reaches them
    (`arrivals.py`). `start`, `end`: first and last report date ever asked for. `cusips`: only
    these bonds (kept apart in the cache). `days_per_query`: report days one query asks for.
    `refresh_days`: the last days of each table are read again by each new object, because rows may
    have come late. `allow_missing_times`: go on without times, see `wrds_values`. `others`: where
    the tables other than `trace_reports` come from.
    """

    def __init__(
        self,
        settings: WrdsSettings,
        cache: Path,
        tables: tuple[str, ...] = DEFAULT_TABLES,
        start: date | None = None,
        end: date | None = None,
        allow_missing_times: bool = False,
        cusips: tuple[str, ...] = (),
        days_per_query: int = 31,
        refresh_days: int = 7,
        max_bad_share: float = MAX_BAD_SHARE,
        others: Source | None = None,
        view: View = "regulatory",
    ):
        for name in tables:
            if name not in WRDS_TABLES:
                raise SourceError(unknown_name("WRDS table", name, WRDS_TABLES))
        if not tables or days_per_query < 1:
            raise SourceError("the source wrds needs at least one table and one day a query")
        asked = pl.Series(cusips, dtype=pl.String)
        for bad in asked.filter(~is_valid_cusip(asked)) if cusips else ():
            raise SourceError(f"{bad!r} is no CUSIP of nine characters with the right check digit")
        self.settings, self.others = settings, others
        self._view: View = view
        self._names = sorted(set(tables), key=DEFAULT_TABLES.index)
        self._start, self._end = start or FIRST_DAY, end or date.max
        self._allow_missing_times, self._cusips, self._max_bad_share = (
            allow_missing_times,
            tuple(sorted(cusips)),
            max_bad_share,
        )
        self._days_per_query, self._refresh_days = days_per_query, refresh_days
        self._folder = (
            Path(cache)
            / cache_name(f"{settings.host}-{settings.database}")
            / _name_of(self._cusips)
        )
        self._refreshed: set[tuple[str, date]] = set()

    def date_range(self) -> tuple[date, date]:
        """First and last trading day of the tables. Raises SourceError when the server cannot be
        asked or has nothing.
        """
        ranges = [(first, last) for _, first, last in self._found if first <= last]
        if not ranges:
            raise SourceError(
                f"{self.settings.address}: no report dates in {', '.join(self._names)} between"
                f" {self._start} and {self._end}"
            )
        return at_or_after(min(first for first, _ in ranges)), at_or_after(
            max(last for _, last in ranges)
        )

    def daily(self, table: str, start: date, end: date) -> Delivery:
        """Reports of the trading days `start`…`end`; another table from `others`, empty without
        one.

        Days not yet kept are read first. Raises SourceError of one line when that fails; what was
        read to its end until then is kept.
        """
        if table not in RAW_DAILY:
            raise SourceError(unknown_name("daily table", table, RAW_DAILY))
        if table != "trace_reports":
            return (
                self.others.daily(table, start, end)
                if self.others
                else Delivery(table, TABLES[table].empty())
            )
        for found, days, _ in self._wanted(start, end):
            self._ensure(found, self._cache(found), days)
        parts = [self._delivered(first, last) for first, last in self._portions(start, end)]
        empty = Delivery(table, TABLES[table].empty())
        delivery = Delivery(
            table,
            pl.concat([part.rows for part in parts or [empty]]),
            pl.concat([part.quarantined for part in parts or [empty]]),
        )
        refuse_bad_share(delivery, self._max_bad_share)
        return delivery

    def reference(self, table: str, through: date) -> Delivery:
        """From `others`; empty without one: WRDS's reference data are not read yet."""
        if table not in RAW_REFERENCE:
            raise SourceError(unknown_name("reference table", table, RAW_REFERENCE))
        return (
            self.others.reference(table, through)
            if self.others
            else Delivery(table, TABLES[table].empty())
        )

    def truth(self) -> dict[str, pl.DataFrame]:
        """Nothing: WRDS does not know the truth."""
        return {}

    @cached_property
    def _found(self) -> list[tuple[Found, date, date]]:
        """Each table as the server has it, with the first and last report date wanted of it."""
        ranges, after = [], self._start
        today = _today()
        with connect(self.settings) as connection:
            for name in self._names:
                found = find_table(connection, WRDS_TABLES[name])
                days = connection.rows(found.days_query(), found.table.qualified_name)[0]
                if days["first_day"] is None:
                    continue
                last = min(days["last_day"], self._end, today)
                ranges.append((found, max(days["first_day"], after), last))
                if name == "enhanced":
                    after = max(after, last + timedelta(1))
        return ranges

    @cached_property
    def _late(self) -> dict[date, date]:
        """Report days that Standard or 144A had delivered before Enhanced reached them → trading
        day of their Enhanced reports.
        """
        arrivals = Arrivals(self._folder)
        reached = next(
            (
                (found, first, last)
                for found, first, last in self._found
                if found.table.name == "enhanced"
            ),
            None,
        )
        if reached is None:
            return {}
        found, first, last = reached
        report_days = set().union(
            *(self._cache(other).days() for other, _, _ in self._found if other is not found)
        )
        new = {day for day in report_days if first <= day <= last} - self._cache(found).days()
        return arrivals.add(new, _today())

    def _wanted(self, start: date, end: date) -> Iterator[tuple[Found, list[date], date | None]]:
        """The report days of each table that are delivered on the trading days `start`…`end`, and
        the trading day of those that are late.
        """
        for found, first, last in self._found:
            days = _calendar_days(max(_first_report_day(start), first), min(end, last))
            if found.table.name != "enhanced":
                before = _calendar_days(_first_report_day(start), min(end, first - timedelta(1)))
                cache = self._cache(found)
                yield (
                    found,
                    [day for day in before if day in self._late and cache.has(day)] + days,
                    None,
                )
                continue
            yield found, [day for day in days if day not in self._late], None
            arriving = {
                day: delivered
                for day, delivered in self._late.items()
                if start <= delivered <= end and day <= last
            }
            for delivered in sorted(set(arriving.values())):
                yield (
                    found,
                    sorted(day for day, on in arriving.items() if on == delivered),
                    delivered,
                )

    def _portions(self, start: date, end: date) -> Iterator[tuple[date, date]]:
        """Runs of trading days of about _AT_ONCE reports: a quarter of them at once would take ten
        gigabytes.
        """
        days, rows = trading_days(start, end), 0
        begin = start
        for day in days:
            rows += sum(
                self._cache(found).height(one)
                for found, wanted, _ in self._wanted(day, day)
                for one in wanted
            )
            if rows >= _AT_ONCE or day == days[-1]:
                yield begin, day
                begin, rows = day + timedelta(1), 0

    def _delivered(self, start: date, end: date) -> Delivery:
        """What is kept of the trading days `start`…`end`, as a delivery."""
        parts = []
        for found, days, late in self._wanted(start, end):
            raw = self._cache(found).read(days)
            if not self._allow_missing_times:
                refuse_lost_times(raw, found.table)
            parts.append(Part(found.table, raw, late))
        return deliver_days(parts, start, end, self._view)

    def _cache(self, found: Found) -> DayCache:
        return DayCache(self._folder / found.table.name, found)

    def _ensure(self, found: Found, cache: DayCache, days: list[date]) -> None:
        """Read those of `days` that are not kept, or are recent and not read by this object yet."""
        if not self._missing(found, cache, days):
            return
        cache.folder.mkdir(parents=True, exist_ok=True)
        # Two processes share a cache: the second waits, and finds the days there.
        with FileLock(cache.folder / ".lock"):
            missing = self._missing(found, cache, days)
            if not missing:
                return
            with connect(self.settings) as connection:
                for first, last in _stretches(missing, self._days_per_query):
                    self._read(connection, found, cache, first, last)

    def _missing(self, found: Found, cache: DayCache, days: list[date]) -> list[date]:
        recent = next(last for other, _, last in self._found if other is found) - timedelta(
            self._refresh_days
        )
        name = found.table.name
        return [
            day
            for day in days
            if not cache.has(day) or (day > recent and (name, day) not in self._refreshed)
        ]

    def _read(
        self, connection: Connection, found: Found, cache: DayCache, first: date, last: date
    ) -> None:
        with connection.stream(
            found.reports_query(first, last, self._cusips), found.table.qualified_name
        ) as batches:
            cache.store(
                (pinned(batch, found) for batch in batches), first, last, self._allow_missing_times
            )
        self._refreshed.update((found.table.name, day) for day in _calendar_days(first, last))


def _today() -> date:
    return datetime.now(ZoneInfo("America/New_York")).date()


def _name_of(cusips: tuple[str, ...]) -> str:
    """The folder of a selection of bonds: readable when few, else their number and a digest."""
    return (
        f"{len(cusips)}-cusips-{hashlib.sha256(' '.join(cusips).encode()).hexdigest()[:12]}"
        if cusips
        else "all"
    )


def _first_report_day(day: date) -> date:
    """The first calendar day whose reports are delivered on the trading day `day`."""
    return day if day <= FIRST_DAY else at_or_before(day - timedelta(1)) + timedelta(1)


def _calendar_days(first: date, last: date) -> list[date]:
    return [first + timedelta(n) for n in range((last - first).days + 1)]


def _stretches(days: list[date], longest: int) -> list[tuple[date, date]]:
    """First and last of each run of neighbouring days, none longer than `longest`."""
    cuts = [
        0,
        *(n + 1 for n, (one, next_one) in enumerate(pairwise(days)) if (next_one - one).days > 1),
        len(days),
    ]
    runs = [days[begin:stop] for begin, stop in pairwise(cuts)]
    return [
        (run[n], run[min(n + longest, len(run)) - 1])
        for run in runs
        for n in range(0, len(run), longest)
    ]
