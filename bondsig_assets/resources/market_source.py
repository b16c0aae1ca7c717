"""The source of a market, made once a process.

Belongs here: choosing and keeping the source. Not here: the sources (`sources/`).
"""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

import dagster as dg

from bondsig_assets.resources.home import SOURCES, VIEWS, Home, HomeError, Market
from bondsig_assets.sources.base import Source, SourceError


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
    from bondsig_assets.sources.simulated.market import SimulatedSource
    from bondsig_assets.sources.simulated.worlds import world

    return SimulatedSource(world(market.world, market.seed, market.lead_strength), market.view)


class MarketSourceResource(dg.ConfigurableResource):
    """Where raw data comes from: the market that the home holds."""

    home: str

    def open(self) -> Source:
        """The source, remembered for the life of the process."""
        market = Home(Path(self.home)).market()
        if market is None:
            raise HomeError(f"{self.home} holds no market yet: run `bondsig run` once, it chooses one")
        return make_source(market)
