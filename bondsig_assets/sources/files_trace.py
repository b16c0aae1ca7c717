"""Rows of TRACE files as deliveries: the day they belong to, their order, and the old fields.

Belongs here: what `trace_reports` needs beyond other tables. Not here: which reports
count as trades (`trace/`).
"""

from __future__ import annotations

import numpy as np
import polars as pl

from bondsig_assets.sources.files_checks import REGIME_CUT
from bondsig_assets.trading_calendar import all_trading_days

_MESSAGE = ["view", "report_date", "message_number"]


def at_or_after_days(days: pl.Series) -> pl.Series:
    """Each of `days` itself or the next trading day; null stays null, as do days after the calendar."""
    calendar = np.append(all_trading_days(), np.datetime64("NaT"))
    found = np.searchsorted(calendar[:-1], days.to_numpy().astype("datetime64[D]"), side="left")
    return pl.Series(days.name, calendar[found], dtype=pl.Date)


def deliver(reports: pl.DataFrame) -> pl.DataFrame:
    """`trace_reports` with `delivery_date` and `record_number` filled.

    Numbers run from 1 within a delivery, by moment reported, then message number, then the
    order of the files and of their rows, which `reports` has.
    """
    reports = in_todays_fields(reports)
    reports = reports.with_columns(at_or_after_days(reports["report_date"]).alias("delivery_date"))
    reports = reports.sort("delivery_date", "reported_at", "message_number", maintain_order=True)
    number = pl.int_range(1, pl.len() + 1, dtype=pl.Int64).over("delivery_date")
    return reports.with_columns(number.alias("record_number"))


def in_todays_fields(reports: pl.DataFrame) -> pl.DataFrame:
    """Reports of before 2012-02-06 in the fields used since, other reports as they are.

    Then, C cancelled the message it pointed to, W replaced it, and a reversal was a T with
    as-of R or X. Since, X and C carry the number (and terms) of the message they end, R is
    the replacement, Y the reversal. So C → X under the number it pointed to; W → R, and
    a C with the terms of the message it replaces where that is among the reports.
    """
    old = pl.col("report_date") < REGIME_CUT
    status, pointer = pl.col("status"), pl.col("original_message_number")
    moments = ["reported_at", "delivered_at", "known_at"]
    corrections = reports.filter(old & (status == "W") & pointer.is_not_null())
    ended = (
        reports.filter(old & status.is_in(["T", "W"]))
        .unique(_MESSAGE, keep="first", maintain_order=True)
        .drop(moments)
        .join(
            corrections.select("view", "report_date", pointer.alias("message_number"), *moments),
            on=_MESSAGE, how="inner", maintain_order="right",
        )
        .with_columns(status=pl.lit("C"), original_message_number=pl.lit(None, dtype=pl.String))
        .select(reports.columns)
    )
    is_cancel = old & (status == "C")
    is_reversal = old & (status == "T") & pl.col("asof_code").is_in(["R", "X"])
    renamed = reports.with_columns(
        pl.when(is_cancel).then(pl.lit("X")).when(old & (status == "W")).then(pl.lit("R")).when(is_reversal).then(pl.lit("Y"))
        .otherwise(status).alias("status"),
        pl.when(is_cancel & pointer.is_not_null()).then(pointer).otherwise(pl.col("message_number")).alias("message_number"),
        pl.when(is_cancel | (old & (status == "W"))).then(None).otherwise(pointer).alias("original_message_number"),
    )
    return pl.concat([renamed, ended])
