"""The columns of a bond day are declared once: what makes them, the tables and the arrays agree by
name.
"""

from __future__ import annotations

import polars as pl

from bondsig_assets.features import replay
from bondsig_assets.reading.panels import ANALYTICS_COLUMNS
from bondsig_assets.tables import TABLES
from bondsig_assets.tables.clean import BOND_DAY_MEASURES
from bondsig_assets.trace.bond_days import aggregate
from bondsig_assets_tests.trace.messages import (
    delivered,
    ending,
    message,
    processed,
)

MEASURES = {column.name for column in BOND_DAY_MEASURES}


def test_aggregating_makes_every_declared_measure_and_no_other():
    trade = message(0, "1")
    made = processed(delivered(trade)).revisions
    assert set(made.columns) == MEASURES | {
        *("cusip", "trade_date", "known_date", "known_at", "source"),
        *("quoted_yield_pct", "quoted_spread_bps"),
    }
    trades = pl.DataFrame(
        [trade | {"row": 0, "is_par_capped": False, "is_quarantined": False}]
    ).with_columns(
        *(pl.lit(None, pl.String).alias(name) for name in ("reporting_party", "contra_party")),
        settlement_date=pl.lit(None, pl.Date),
    )
    keys = ["cusip", "execution_date"]
    assert set(aggregate(trades, keys).columns) == MEASURES | set(keys)


def test_a_day_without_trades_has_zeros_in_what_may_not_be_null_and_nothing_else():
    trade = message(0, "1")
    (day,) = processed(delivered(trade, ending("X", 0, trade))).revisions.rows(named=True)
    for column in BOND_DAY_MEASURES:
        assert day[column.name] == (None if column.nullable else 0), column.name


def test_both_tables_of_bond_days_hold_every_measure():
    for name in ("bond_day_revisions", "ex_post_bond_days"):
        assert set(TABLES[name].column_names) > MEASURES


def test_every_column_of_the_arrays_is_declared_and_has_a_position():
    made_in_panels = {"riskless_par_usd", "stands", "curve_move_bps"}
    assert set(replay.REVISION_COLUMNS) <= MEASURES | set(ANALYTICS_COLUMNS) | made_in_panels
    assert len(set(replay.REVISION_COLUMNS)) == replay.N_VALUES
    assert tuple(replay.FLOW_COLUMNS) == replay.FLOWS == tuple(range(replay.N_FLOWS))
    named = [value for name, value in vars(replay).items() if name.startswith("R_")]
    assert len(set(named)) == len(named)
    assert set(named) | set(replay.FLOWS) == set(range(replay.N_VALUES))
