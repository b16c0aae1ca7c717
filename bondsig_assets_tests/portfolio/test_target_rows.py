"""Rows of targets: those of a range are those of its days, one below the other."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

import numpy as np
import polars as pl
import pytest

from bondsig_assets.calendar import cutoff
from bondsig_assets.portfolio.settings import PortfolioSettings
from bondsig_assets.portfolio.target_rows import target_rows
from bondsig_assets.portfolio.targets import targets
from bondsig_assets.tables.portfolio import BREACHES, EXPOSURES, SOLUTIONS, TARGET_POSITIONS
from bondsig_assets_tests.portfolio.days import day_of

SETTINGS = PortfolioSettings()
DAYS = [date(2024, 7, 2), date(2024, 7, 3), date(2024, 7, 5)]
TABLES = {
    "positions": TARGET_POSITIONS,
    "solutions": SOLUTIONS,
    "exposures": EXPOSURES,
    "breaches": BREACHES,
}


def made() -> list:
    """Targets of three days of as many names as each has: a rule's in the middle; a book that is
    far beyond its bounds at the end.
    """
    by_rule = replace(SETTINGS, policy="tranches")
    first, second, last = (
        replace(day_of(n), trade_date=day) for n, day in zip((5, 9, 7), DAYS, strict=True)
    )
    beyond = np.full(7, int(last.nav_usd / last.price_usd.min()))
    last = replace(last, held_shares=beyond)
    return [
        targets(first, SETTINGS, 2.0),
        targets(second, by_rule, 2.0, np.full(9, 0.01)),
        targets(last, SETTINGS, 2.0),
    ]


@pytest.mark.parametrize("name", TABLES)
def test_a_range_is_its_days(name):
    found = made()
    whole = getattr(target_rows(found), name)
    alone = [getattr(target_rows([one]), name) for one in found]
    assert whole.schema == TABLES[name].polars_schema
    assert whole.equals(pl.concat(alone)) and whole.height


def test_rows_are_stamped_with_their_day_and_its_cutoff():
    rows = target_rows(made())
    assert rows.positions["trade_date"].to_list() == [DAYS[0]] * 5 + [DAYS[1]] * 9 + [DAYS[2]] * 7
    assert rows.positions["policy"].unique(maintain_order=True).to_list() == [
        "optimised",
        "tranches",
    ]
    for frame in vars(rows).values():
        for day, moment in frame.select("trade_date", "known_at").iter_rows():
            assert moment == cutoff(day)


def test_a_rule_passes_no_bound():
    found = target_rows(made()[1:2])
    assert found.breaches.is_empty() and found.solutions["n_breaches"].to_list() == [0]


def test_no_day_is_no_row():
    for name, table in TABLES.items():
        none = getattr(target_rows([]), name)
        assert none.is_empty() and none.schema == table.polars_schema
