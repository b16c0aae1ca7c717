"""What programs write, recognised by looking at whole columns and read into Polars: dates, times,
tables of other programs, encodings.

Belongs here: columns and bytes in, Polars columns and what was recognised out. Not here: which
column means what (`trace/layouts/`, `sources/files/`).
"""

from bondsig_assets.formats.clock import TimeForm, read_times, recognise_times
from bondsig_assets.formats.counted import NOTHING, added, counted
from bondsig_assets.formats.days import DayForm, Expected, read_days, recognise_days
from bondsig_assets.formats.tables import is_table, is_workbook, read_table, table_blocks
from bondsig_assets.formats.text import as_utf8, header_row

__all__ = [
    "NOTHING",
    "DayForm",
    "Expected",
    "TimeForm",
    "added",
    "as_utf8",
    "counted",
    "header_row",
    "is_table",
    "is_workbook",
    "read_days",
    "read_table",
    "read_times",
    "recognise_days",
    "recognise_times",
    "table_blocks",
]
