"""New York time: trading days, the daily cutoff, when facts become known, quarters.

Belongs here: which days and moments there are, and arithmetic on them. Not here: Dagster's
partitions (`orchestration/partitions.py`).
"""

from bondsig_assets.calendar.days import (
    CUTOFF,
    FIRST_DAY,
    LAST_DAY,
    all_trading_days,
    at_or_after,
    at_or_before,
    cutoff,
    day_number,
    early_closes,
    holidays,
    is_trading_day,
    next_trading_days,
    offset,
    open_days,
    settlement_days,
    sifma_days,
    trading_days,
)
from bondsig_assets.calendar.quarters import next_quarter, quarter_of, quarters_between

__all__ = [
    "CUTOFF",
    "FIRST_DAY",
    "LAST_DAY",
    "all_trading_days",
    "at_or_after",
    "at_or_before",
    "cutoff",
    "day_number",
    "early_closes",
    "holidays",
    "is_trading_day",
    "next_quarter",
    "next_trading_days",
    "offset",
    "open_days",
    "quarter_of",
    "quarters_between",
    "settlement_days",
    "sifma_days",
    "trading_days",
]
