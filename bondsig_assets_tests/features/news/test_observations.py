"""What stood so many days later, curves once they are known, and changes of CDS curves, by hand."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest

from bondsig_assets.features.news import filter_kernel as fk
from bondsig_assets.features.news import observations as ob


def test_a_revision_stands_from_the_day_it_is_known():
    days = pl.DataFrame({"day": [3, 3, 3, 4], "bond": [0, 0, 1, 0], "known": [3, 5, 3, 4]})
    offsets, rows = ob._versions(days, np.array([True, True, True, False]), 6)

    def standing(lag, day):
        return rows[offsets[lag, day] : offsets[lag, day + 1]].tolist()

    assert standing(0, 3) == standing(1, 3) == [0, 2]
    assert standing(2, 3) == standing(fk.SETTLED_DAYS, 3) == [1, 2]
    assert standing(0, 4) == [] == standing(0, 5)


def test_a_day_whose_last_trade_is_withdrawn_says_nothing_from_then_on():
    days = pl.DataFrame({"day": [0, 0], "bond": [0, 0], "known": [0, 1]})
    offsets, rows = ob._versions(days, np.array([True, False]), 1)
    assert rows[offsets[0, 0] : offsets[0, 1]].tolist() == [0]
    assert offsets[1, 0] == offsets[1, 1]


def test_own_volatility_weighs_the_days_before_and_none_of_its_own():
    rng = np.random.default_rng(0)
    stock = rng.normal(0, 0.02, (300, 2))
    stock[:, 1] = np.nan
    found = ob.own_volatility(stock)
    decay = 0.5 ** (1 / 63)
    weights = decay ** np.arange(1, 253)
    by_hand = np.sqrt((weights * stock[299 - np.arange(1, 253), 0] ** 2).sum() / weights.sum())
    assert found[299, 0] == pytest.approx(by_hand)
    assert np.isnan(found[:20]).all() and np.isnan(found[:, 1]).all()
    louder = stock.copy()
    louder[299] = 0.5
    assert ob.own_volatility(louder)[299, 0] == found[299, 0]
