"""TRACE reports from the files people hold, in whatever layout, as one frame of declared columns.

Belongs here: layouts, their recognition, archives, text and Parquet, the faults of files and rows.
Not here: rules on reports (`trace/`), connections to a vendor (`sources/`).
"""

from bondsig_assets.errors import LayoutError
from bondsig_assets.trace.layouts.declared import LAYOUTS
from bondsig_assets.trace.layouts.normalise import normalise
from bondsig_assets.trace.layouts.scan import Scan, scan_reports
from bondsig_assets.trace.layouts.text import Own
from bondsig_assets.trace.layouts.times import Times, check_times

__all__ = [
    "LAYOUTS",
    "LayoutError",
    "Own",
    "Scan",
    "Times",
    "check_times",
    "normalise",
    "scan_reports",
]
