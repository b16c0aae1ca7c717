"""Why so many reports of a file cannot be used: the column, what was expected in it, the commonest
value that is not.

Belongs here: finding the value behind a fault. Not here: how many faults are too many
(`commands/clean.py`), the faults themselves (`normalise.py`).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import polars as pl

from bondsig_assets.trace.layouts.normalise import Columns

#: Fault → columns it may lie in (canonical), and the column that is null where it does.
_EXPECTED: dict[str, tuple[tuple[str, str | None], ...]] = {
    "other_product": (("security_type", None),),
    "no_cusip": (("cusip", None),),
    "wrong_cusip": (("cusip", None),),
    "impossible_date": (("execution_date", "execution_date"), ("report_date", "report_date")),
    "impossible_time": (("execution_time", "executed_at"), ("report_time", "reported_at")),
    "unknown_status": (("status", None),),
    "no_message_number": (("message_number", None),),
    "price_not_a_number": (("price", None),),
    "par_not_a_number": (("par_usd", None),),
    "unknown_side": (("side", None),),
    "unknown_contra": (("contra", None), ("contra_party", None)),
}
_WORDS = {
    "other_product": "a corporate bond",
    "no_cusip": "a CUSIP",
    "wrong_cusip": "a CUSIP whose check digit is right",
    "impossible_date": "a date, executions no later than reports",
    "impossible_time": "a time of day",
    "unknown_status": "a status, of T C W R X Y",
    "no_message_number": "a message number",
    "price_not_a_number": "a number",
    "par_not_a_number": "a number",
    "unknown_side": "B or S",
    "unknown_contra": "C, D or A",
}


@dataclass(frozen=True)
class Blame:
    """Where a fault lies: the file's column, what was expected, the commonest value (None: empty)
    and how many reports hold it.
    """

    column: str
    expected: str
    value: str | None
    reports: int


def blame(fault: str, pieces: Iterable[tuple[pl.DataFrame, pl.DataFrame, Columns]]) -> Blame | None:
    """Where most reports with `fault` have it, None where it lies in no column.

    `pieces`: rows of the file as they stand, the same rows as reports, and the columns of the file.
    """
    found: dict[str, list[pl.DataFrame]] = {}
    for raw, reports, columns in pieces:
        for canonical, read_as in _EXPECTED.get(fault, ()):
            for source in columns.sources(canonical)[:1]:
                if source.name not in raw.columns:
                    continue
                is_bad = reports["fault"] == fault
                if read_as is not None:
                    is_bad &= reports[read_as].is_null()
                values = raw[source.name].filter(is_bad.fill_null(False)).cast(pl.String)
                counts = values.alias("value").value_counts(name="n")
                found.setdefault(source.name, []).append(counts)
    if fault == "impossible_date" and not any(
        counts.height for pieces_ in found.values() for counts in pieces_
    ):
        return Blame("the dates", _WORDS[fault], None, 0) if found else None
    totals = {name: pl.concat(counts) for name, counts in found.items()}
    if not totals:
        return None
    name = max(totals, key=lambda one: int(totals[one]["n"].sum()))
    commonest = (
        totals[name].group_by("value").agg(pl.col("n").sum()).sort("n", "value", descending=True)
    )
    value, n = commonest.row(0) if commonest.height else (None, 0)
    return Blame(name, _WORDS[fault], value, int(n))
