"""Which sources there are, and how each is made from what a home says of its market.

Belongs here: one entry a source; a new one is a function and a line. Not here: the sources.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, cast

from bondsig_assets.errors import SourceError
from bondsig_assets.home import VIEWS, WORLD_VERSION, Market

if TYPE_CHECKING:
    from bondsig_assets.sources.base import Source
    from bondsig_assets.trace.view import View


def make_source(market: Market) -> Source:
    """The source of `market`, made once a process, a live one once a day; raises SourceError naming
    what exists when something does not.
    """
    # numpy stays out of whoever only names a source.
    from bondsig_assets.calendar.clock import newest_ended_day

    return source_through(market, newest_ended_day() if market.is_live else None)


@lru_cache(maxsize=4)
def source_through(market: Market, newest: date | None) -> Source:
    """As `make_source`; one that is live is shown to the day `newest`."""
    if market.source not in SOURCES:
        raise SourceError(f"unknown source '{market.source}'; sources are: {', '.join(SOURCES)}")
    if market.view not in VIEWS:
        raise SourceError(f"unknown view '{market.view}'; views are: {', '.join(VIEWS)}")
    if market.is_live and market.source != "simulated":
        raise SourceError(
            f"--live is the simulated market that goes on; {market.source} grow by themselves"
        )
    if newest is not None:
        return _simulated(market, newest)
    return SOURCES[market.source](market)


def _simulated(market: Market, newest: date | None = None) -> Source:
    from bondsig_assets.sources.simulated.market import SimulatedSource
    from bondsig_assets.sources.simulated.worlds import HORIZON, world

    if market.world_version != WORLD_VERSION:
        raise SourceError(
            f"this home was made with version {market.world_version} of the simulated market, which"
            f" is now version {WORLD_VERSION} and gives other days: set BONDSIG_HOME to another"
            " folder, or delete this home"
        )
    made = world(
        market.world,
        market.seed,
        market.lead_strength,
        market.lead_shape,
        market.lead_path,
        through=min(newest, HORIZON) if newest else None,
        start=date.fromisoformat(market.first_day) if market.first_day else None,
    )
    return SimulatedSource(made, market.view)


def _files(market: Market) -> Source:
    from bondsig_assets.sources.files import FilesSource

    if not market.data:
        raise SourceError("--source files needs --data DIR, the folder that holds source.toml")
    return FilesSource(
        Path(market.data),
        Path(market.config) if market.config else None,
        cast("View", market.view),
    )


def _wrds(market: Market) -> Source:
    from bondsig_assets.sources.wrds import DEFAULT_TABLES, WrdsSource
    from bondsig_assets.sources.wrds.connection import WrdsSettings, cache_folder, whole_number

    return WrdsSource(
        WrdsSettings.from_environment(),
        cache_folder(),
        tables=tuple(name.strip() for name in market.tables.split(",") if name.strip())
        or DEFAULT_TABLES,
        allow_missing_times=market.allow_missing_times,
        view=cast("View", market.view),
        days_per_query=whole_number("BONDSIG_WRDS_DAYS", 31),
        refresh_days=whole_number("BONDSIG_WRDS_REFRESH_DAYS", 7),
        others=_files(market) if market.data else None,
    )


SOURCES: dict[str, Callable[[Market], Source]] = {
    "simulated": _simulated,
    "files": _files,
    "wrds": _wrds,
}
