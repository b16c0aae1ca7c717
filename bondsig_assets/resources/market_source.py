"""The source of a market, made once a process.

Belongs here: choosing and keeping the source. Not here: the sources (`sources/`).
"""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path
from typing import cast

import dagster as dg

from bondsig_assets.resources.home import SOURCES, VIEWS, Home, HomeError, Market
from bondsig_assets.sources.base import Source, SourceError
from bondsig_assets.trace.view import View


@lru_cache(maxsize=4)
def make_source(market: Market) -> Source:
    """The source of `market`; raises SourceError naming what exists when something does not."""
    if market.source not in SOURCES:
        raise SourceError(f"unknown source '{market.source}'; sources are: {', '.join(SOURCES)}")
    if market.view not in VIEWS:
        raise SourceError(f"unknown view '{market.view}'; views are: {', '.join(VIEWS)}")
    if market.source == "files":
        from bondsig_assets.sources.files import FilesSource

        if not market.data:
            raise SourceError("--source files needs --data DIR, the folder that holds source.toml")
        return FilesSource(Path(market.data), Path(market.config) if market.config else None)
    if market.source == "wrds":
        return _wrds(market)
    from bondsig_assets.sources.simulated.market import SimulatedSource
    from bondsig_assets.sources.simulated.worlds import world

    return SimulatedSource(world(market.world, market.seed, market.lead_strength), market.view)


def _wrds(market: Market) -> Source:
    from bondsig_assets.sources.files import FilesSource
    from bondsig_assets.sources.wrds import DEFAULT_TABLES, WrdsSource
    from bondsig_assets.sources.wrds_connection import WrdsSettings, cache_folder, whole_number

    return WrdsSource(
        WrdsSettings.from_environment(),
        cache_folder(),
        tables=tuple(name.strip() for name in market.tables.split(",") if name.strip())
        or DEFAULT_TABLES,
        allow_missing_times=market.allow_missing_times,
        view=cast("View", market.view),
        days_per_query=whole_number("BONDSIG_WRDS_DAYS", 31),
        refresh_days=whole_number("BONDSIG_WRDS_REFRESH_DAYS", 7),
        others=FilesSource(Path(market.data), Path(market.config) if market.config else None)
        if market.data
        else None,
    )


class MarketSourceResource(dg.ConfigurableResource):
    """Where raw data comes from: the market that the home holds."""

    home: str

    def open(self) -> Source:
        """The source, remembered for the life of the process."""
        market = Home(Path(self.home)).market()
        if market is None:
            raise HomeError(
                f"{self.home} holds no market yet: run `bondsig run` once, it chooses one"
            )
        return make_source(market)
