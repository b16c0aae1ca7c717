"""What a TRACE report is to this package: one frame of declared columns, whatever file it came
from.

Belongs here: the columns that cleaning works on and how a frame is brought to them. Not here:
the layouts of files (`layouts/`), and any rule.
"""

from __future__ import annotations

from datetime import date

import polars as pl

from bondsig_assets.errors import ReportsError
from bondsig_assets.tables.raw import TRACE_REPORTS

#: TRACE changed its message fields on this report date (system change of 6 February 2012).
REGIME_CUT = date(2012, 2, 6)
#: Products whose messages point at what they change on every date, not only before the cut.
POINTING_FEEDS = ("standard", "144a")

_NOT_OF_A_FILE = ("delivery_date", "record_number", "view", "delivered_at", "known_at")
#: Column → type of a report: those of the table `trace_reports` that a file can hold, `row`, the
#: report's position in everything read (unique), and `fault`, why it cannot be used (null: it can).
REPORT_SCHEMA: dict[str, pl.DataType] = {
    "row": pl.Int64(),
    "fault": pl.String(),
    **{
        name: dtype
        for name, dtype in TRACE_REPORTS.polars_schema.items()
        if name not in _NOT_OF_A_FILE
    },
}
#: What must be there to clean at all.
REQUIRED = (
    "cusip",
    "execution_date",
    "report_date",
    "status",
    "message_number",
    "price",
    "par_usd",
)


def as_reports(frame: pl.LazyFrame | pl.DataFrame) -> pl.LazyFrame:
    """`frame` with exactly the columns of REPORT_SCHEMA: missing ones null, types as declared.

    `row` is numbered when missing; columns that are no report's are left behind. Raises
    ReportsError when a column of REQUIRED is missing or a type cannot be cast.
    """
    lazy = frame.lazy()
    found = lazy.collect_schema()
    missing = [name for name in REQUIRED if name not in found]
    if missing:
        raise ReportsError(
            f"reports lack the columns {', '.join(missing)}; see docs/trace_cleaning.md for their"
            " names"
        )
    if "row" not in found:
        lazy = lazy.with_row_index("row")
    return lazy.select(
        (pl.col(name) if name in found or name == "row" else pl.lit(None)).cast(dtype).alias(name)
        for name, dtype in REPORT_SCHEMA.items()
    )
