"""Which sources there are, and how each is made from what a home says of its market.

Belongs here: one entry a source; a new one is a function and a line. Not here: the sources.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, cast

from bondsig_assets.errors import SourceError
from bondsig_assets.home import VIEWS, WORLD_VERSION, Market

if TYPE_CHECKING:
    from bondsig_assets.sources.base import Source
    from bondsig_assets.trace.view import View


@lru_cache(maxsize=4)
def make_source(market: Market) -> Source:
    """The source of `market`, made once a process; raises SourceError naming what exists when
    something does not.
    """
    if market.source not in SOURCES:
        raise SourceError(f"unknown source '{market.source}'; sources are: {', '.join(SOURCES)}")
    if market.view not in VIEWS:
        raise SourceError(f"unknown view '{market.view}'; views are: {', '.join(VIEWS)}")
    return SOURCES[market.source](market)


def _simulated(market: Market) -> Source:
    from bondsig_assets.sources.simulated.market import SimulatedSource
    from bondsig_assets.sources.simulated.worlds import world

    if market.world_version != WORLD_VERSION:
        raise SourceError(
            f"this home was made with version {market.world_version} of the simulated market, which"
            f" is now version {WORLD_VERSION} and gives other days: set BONDSIG_HOME to another"
            " folder, or delete this home"
        )
    made = world(
        market.world, market.seed, market.lead_strength, market.lead_shape, market.lead_path
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
