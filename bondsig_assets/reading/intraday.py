"""Everything that the features of a time of day are made of.

Belongs here: reading it as `features/intraday.py` wants it. Not here: formulas. numba takes a
second to import, so what needs it is imported where it runs.
"""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING

from bondsig_assets.calendar import offset
from bondsig_assets.tables import TABLES
from bondsig_assets.tables.issuer_features import MATCH_DAYS
from bondsig_assets.warehouse import Warehouse, of_one_snapshot

if TYPE_CHECKING:
    from bondsig_assets.features.intraday import IntradayInputs


@of_one_snapshot
def load_intraday_inputs(warehouse: Warehouse, start: date, end: date) -> IntradayInputs:
    """Everything the intraday features of the days `start` … `end` are made of."""
    from bondsig_assets.bonds.known_terms import Reference
    from bondsig_assets.features.intraday import (
        BASELINE_DAYS,
        EVENT_COLUMNS,
        REVISION_COLUMNS,
        IntradayInputs,
    )

    of_the_day = "execution_date = known_date"
    events = warehouse.read_table(
        "trade_events",
        between=(offset(start, -BASELINE_DAYS), end),
        columns=EVENT_COLUMNS,
        where=of_the_day,
    )
    key = list(TABLES["bond_day_revisions"].key)
    known = (offset(start, -MATCH_DAYS), end)
    revisions = warehouse.read_table(
        "bond_day_revisions", between=known, columns=[*key, "source", "n_trades"]
    )
    spreads = warehouse.read_table(
        "bond_analytics", between=known, columns=[*key, "oas_bps", "weight"]
    )
    return IntradayInputs(
        events,
        revisions.join(spreads, on=key, how="left", maintain_order="left").select(REVISION_COLUMNS),
        warehouse.read_table("security_master"),
        Reference(*(warehouse.read_table(name) for name in Reference._fields)),
    )
