"""How far the market of a home reaches, for schedules and sensors of servers that run for weeks.

Belongs here: asking the source, and letting the home know what it said. Not here: how a source is
asked (`sources/reach.py`), and what is made of the answer (`jobs.py`, `alerting.py`).
"""

from __future__ import annotations

from datetime import date

from bondsig_assets.home import Home
from bondsig_assets.sources.reach import reach
from bondsig_assets.warehouse.shared_settings import claim


def newest_day(home: Home) -> date | None:
    """The last trading day that the source of `home` has now; None where it holds no market. A
    later one than the home knows of is noted in it. Raises SourceError where it cannot be asked.
    """
    market, held = home.market(), home.date_range()
    if market is None or held is None:
        return None
    first, last = reach(market)
    if last > held[1]:
        # The old fingerprint stays: whoever looks for files that changed has not looked yet.
        claim(home, market, (first, last), home.fingerprint())
    return last
