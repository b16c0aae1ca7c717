"""Rows of TRACE files as deliveries: the day they belong to, and their order.

Belongs here: what `trace_reports` needs beyond other tables. Not here: which reports
count as trades, and what their fields meant before 2012 (`trace/`).
"""

from __future__ import annotations

import numpy as np
import polars as pl

from bondsig_assets.calendar import all_trading_days
from bondsig_assets.trace.order import knowledge_keys


def at_or_after_days(days: pl.Series) -> pl.Series:
    """Each of `days` itself or the next trading day; null stays null, as do days after the
    calendar.
    """
    calendar = np.append(all_trading_days(), np.datetime64("NaT"))
    found = np.searchsorted(calendar[:-1], days.to_numpy().astype("datetime64[D]"), side="left")
    return pl.Series(days.name, calendar[found], dtype=pl.Date)


def deliver(reports: pl.DataFrame) -> pl.DataFrame:
    """`trace_reports` with `delivery_date` filled where it is null, and `record_number`.

    Numbers run from 1 within a delivery in order of knowledge: by moment known, then message
    number, T before what ends it, then the order of the files and of their rows, which `reports`
    has.
    """
    reports = reports.with_columns(
        delivery_date=pl.coalesce("delivery_date", at_or_after_days(reports["report_date"]))
    )
    keys = knowledge_keys(pl.coalesce("reported_at", "known_at"))
    reports = reports.sort("delivery_date", *keys, "message_number", maintain_order=True)
    number = pl.int_range(1, pl.len() + 1, dtype=pl.Int64).over("delivery_date")
    return reports.with_columns(number.alias("record_number"))
