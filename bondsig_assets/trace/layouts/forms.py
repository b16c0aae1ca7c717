"""How dates, times and CUSIPs of one file are written: evidence from its columns, decided once.

Belongs here: which columns hold them, and what may be expected of them. Not here: the forms
themselves (`formats/`, `securities/identifiers.py`), reading a value (`values.py`, `clock.py`).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date, timedelta

import polars as pl

from bondsig_assets.errors import FormatError
from bondsig_assets.formats import (
    DayForm,
    Expected,
    TimeForm,
    added,
    read_days,
    recognise_days,
    recognise_times,
)
from bondsig_assets.formats.counted import numbers_of, texts_of, total
from bondsig_assets.securities.identifiers import CusipForm, recognise_cusips
from bondsig_assets.trace.layouts.values import Source, SourceForms

#: Reporting to TRACE began on this day.
FIRST_REPORT_DATE = date(2002, 7, 1)
DATES = (
    "execution_date",
    "report_date",
    "settlement_date",
    "prior_report_date",
    "first_control_date",
)
TIMES = ("execution_time", "report_time")
#: Dates that a report may lack: unreadable ones are null, and so a fault of the file where they are
#: many. Screens on them would fall silent.
_OPTIONAL = ("settlement_date", "prior_report_date", "first_control_date")
_FEW_UNREAD, _MANY_UNREAD = 5, 0.05
#: Reports that are enough to decide by; those of a longer file that come later are read alike.
ENOUGH_REPORTS = 50_000


@dataclass
class Forms:
    """How columns are written, by their names in the file. Filled from pieces with `look`, decided
    with `decide`.
    """

    #: What a user says numbers are, where two readings are left.
    dates_as: str | None = None
    times_as: str | None = None
    days: dict[str, DayForm] = field(default_factory=dict)
    times: dict[str, TimeForm] = field(default_factory=dict)
    cusips: dict[str, CusipForm] = field(default_factory=dict)
    lacks_cusips: bool = False
    _counts: dict[str, list[pl.DataFrame]] = field(default_factory=dict)
    _of_days: dict[str, None] = field(default_factory=dict)
    _of_times: dict[str, None] = field(default_factory=dict)
    _unusual: set[str] = field(default_factory=set)
    _optional: set[str] = field(default_factory=set)
    _cusip: str = ""

    def look(self, frame: pl.LazyFrame, sources: dict[str, list[Source]]) -> None:
        """Counts the values of the columns of dates, times and CUSIPs that have to be recognised;
        `sources`: canonical column → columns of the frame.
        """
        for source in sources.get("cusip", ())[:1]:
            counts = _grouped(frame, source)
            is_given = texts_of(counts["value"]).is_not_null()
            self.lacks_cusips |= not bool(is_given.all())
            self._counts.setdefault(source.name, []).append(counts.filter(is_given))
            self._cusip = source.name
        seen: set[str] = set()
        for column in (*DATES, *TIMES):
            for source in sources.get(column, ()):
                if source.dtype.is_temporal() or isinstance(source.dtype, pl.Null):
                    continue
                if source.name not in seen:
                    seen.add(source.name)
                    counts = _grouped(frame, source).filter(pl.col("value").is_not_null())
                    self._counts.setdefault(source.name, []).append(counts)
                    if not _is_usual(counts["value"]):
                        self._unusual.add(source.name)
                if column in _OPTIONAL:
                    self._optional.add(source.name)
                if source.name in self._unusual:
                    (self._of_days if column in DATES else self._of_times)[source.name] = None

    def decide(self) -> None:
        """Recognises every column looked at. Raises FormatError where two readings are left, or
        where a column whose values are no fault of a row when they are null can't be read.
        """
        counts = {name: added(pieces) for name, pieces in self._counts.items()}
        # A day of slack: the clock here may be behind New York's; settlements lie ahead.
        today = date.today()
        expected = Expected(FIRST_REPORT_DATE, today + timedelta(days=30), on_weekdays=True)
        self.days = recognise_days(
            {name: (counts[name], expected) for name in self._of_days}, self.dates_as
        )
        self.times = recognise_times({name: counts[name] for name in self._of_times}, self.times_as)
        for name in self._of_days:
            if name in self._optional:
                _refuse_unreadable(name, counts[name], self.days[name])
        if self._cusip:
            self.cusips = {self._cusip: recognise_cusips(counts[self._cusip])}

    def of(self, name: str) -> SourceForms:
        """The forms of a column where they are others than the usual ones."""
        day, time, cusips = self.days.get(name), self.times.get(name), self.cusips.get(name)
        return SourceForms(
            day if day is not None and day.said else None,
            time if time is not None and time.said else None,
            cusips if cusips is not None and cusips.is_checked and not cusips.is_usual else None,
        )

    def sentences(self) -> list[str]:
        """What was recognised, for the user."""
        forms: list[tuple[str, DayForm | TimeForm]] = [*self.days.items(), *self.times.items()]
        said = list(dict.fromkeys(f"{name} holds {form.said}" for name, form in forms if form.said))
        return said + [f"{name}: {form.said}" for name, form in self.cusips.items() if form.said]


def _refuse_unreadable(name: str, counts: pl.DataFrame, form: DayForm) -> None:
    unread = counts.filter(texts_of(counts["value"]).is_not_null()).with_columns(
        day=read_days(counts.filter(texts_of(counts["value"]).is_not_null())["value"], form)
    )
    n = total(unread)
    # Zero stands for nothing in files of numbers.
    is_zero = numbers_of(unread["value"]).fill_null(1.0) == 0
    unread = unread.filter(pl.col("day").is_null() & ~is_zero)
    if total(unread) >= _FEW_UNREAD and total(unread) > _MANY_UNREAD * n:
        first = unread.sort("n", descending=True, maintain_order=True)
        raise FormatError(
            f"{name}: {total(unread):,.0f} of {n:,.0f} cannot be read: a date was expected, the"
            f" commonest value is {str(first['value'][0])!r} ({first['n'][0]:,}); mend the column"
            " or leave it out"
        )


def forms_of(
    frame: pl.LazyFrame,
    sources: dict[str, list[Source]],
    dates_as: str | None = None,
    times_as: str | None = None,
) -> Forms:
    """The forms of a frame that is read as a whole. Raises FormatError."""
    forms = Forms(dates_as, times_as)
    forms.look(frame, sources)
    forms.decide()
    return forms


def _grouped(frame: pl.LazyFrame, source: Source) -> pl.DataFrame:
    """`value, n` of a column, with the nulls, sorted."""
    value = source.column if source.dtype.is_numeric() else source.column.cast(pl.String)
    return (
        frame.select(value.alias("value"))
        .group_by("value")
        .agg(n=pl.len())
        .collect(engine="streaming")
        .sort("value")
    )


def _is_usual(values: pl.Series) -> bool:
    """Whether all of a column is in the commonest way."""
    if values.dtype != pl.String:
        return False
    return any(
        values.str.strptime(kind, pattern, strict=False).null_count() == values.null_count()
        for kind, pattern in ((pl.Date(), "%Y-%m-%d"), (pl.Time(), "%H:%M:%S"))
    )
