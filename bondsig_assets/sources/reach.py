"""How far a market reaches at this moment, for processes that live longer than a day.

Belongs here: looking again at a source that may have grown since this process first looked. Not
here: what a source delivers (the sources), and which days that makes (`orchestration/`).
"""

from __future__ import annotations

import hashlib
import time
from datetime import date, timedelta
from functools import lru_cache
from pathlib import Path

from bondsig_assets.home import Market
from bondsig_assets.sources.registry import SOURCES, make_source

#: A WRDS server is asked no more often.
_ASKED_SECONDS = 3600
#: Files and WRDS tables whose last day lies further back are a sample that is done, and grow no
#: more: Enhanced comes half a year late, academic deliveries up to one and a half.
_DONE_DAYS = 550


def reach(market: Market) -> tuple[date, date]:
    """First and last trading day that the source of `market` has now. Files are read again when one
    has changed, WRDS is asked once an hour. Raises SourceError where it cannot be read.
    """
    if market.source == "files":
        return _of_files(market, fingerprint(market))
    if market.source == "simulated":
        return make_source(market).date_range()
    return _asked(market, int(time.monotonic() / _ASKED_SECONDS))


@lru_cache(maxsize=1)
def _of_files(market: Market, _seen: str) -> tuple[date, date]:
    return SOURCES[market.source](market).date_range()


@lru_cache(maxsize=1)
def _asked(market: Market, _hour: int) -> tuple[date, date]:
    return SOURCES[market.source](market).date_range()


def fingerprint(market: Market) -> str:
    """Names, sizes and times of the files a market is read from; empty for one without files."""
    if market.source == "simulated" or not market.data:
        return ""
    folder = Path(market.data)
    paths = sorted(path for path in folder.rglob("*") if path.is_file()) + (
        [Path(market.config)] if market.config else []
    )
    seen = [(str(path), path.stat().st_size, path.stat().st_mtime_ns) for path in paths]
    return hashlib.sha256(repr(seen).encode()).hexdigest()


def goes_on(market: Market, last: date, today: date) -> bool:
    """Whether days may follow the `last` one that is known of `market`."""
    if market.source == "simulated":
        return market.is_live
    return last >= today - timedelta(days=_DONE_DAYS)
