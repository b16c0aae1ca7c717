"""The source of a market as a Dagster resource.

Belongs here: configuration only. Not here: which sources there are (`sources/registry.py`).
"""

from __future__ import annotations

from pathlib import Path

import dagster as dg

from bondsig_assets.errors import HomeError
from bondsig_assets.home import Home
from bondsig_assets.sources.base import Source
from bondsig_assets.sources.registry import make_source


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
