"""Learning has no hindsight: models, gate, scores and signals known on a random day rest on nothing
that came later.
"""

from __future__ import annotations

from datetime import date
from functools import cache

import numpy as np
import polars as pl
import pytest

from bondsig_assets.calendar import offset, trading_days
from bondsig_assets.learning.folds import fold_of
from bondsig_assets_tests.known_past import assert_same_past, known_by
from bondsig_assets_tests.learned import LEARNED, learned
from bondsig_assets_tests.learning.days import FOLD, FOLDS, SETTINGS, long_history
from bondsig_assets_tests.other_futures import LATER, Later, with_later_days

SEED = 7
FIRST = fold_of(date(2023, 4, 1))
_RNG = np.random.default_rng(SEED)
#: The evening before a quarter, a day on which labels of its purge are still open, and a day like
#: any other.
CUTS = [
    offset(FOLD.first_day, -1),
    offset(FOLD.first_day, int(_RNG.integers(0, 6))),
    trading_days(FOLDS[1].first_day, FOLDS[1].last_day)[int(_RNG.integers(10, 50))],
]


@cache
def whole() -> dict[str, pl.DataFrame]:
    """What is learned of the whole history by the first three folds."""
    return learned(*long_history(), SETTINGS, FOLDS[1].first_day)


@pytest.mark.slow
@pytest.mark.parametrize("later", LATER)
@pytest.mark.parametrize("cut", CUTS)
def test_nothing_learned_by_a_day_rests_on_what_came_later(cut: date, later: Later):
    other = learned(*with_later_days(*long_history(), cut, later), SETTINGS, cut)
    assert_same_past(whole(), other, cut)
    known = known_by(other, cut)
    assert known["models"]["fold"].max() == (
        FOLDS[1].quarter if cut >= FOLDS[1].first_day else FOLD.quarter
    )
    assert not [name for name in LEARNED if known[name].is_empty()]
    if later != "truncate":
        beyond = pl.col("trade_date") > cut
        assert (
            not other["predictions"].filter(beyond).equals(whole()["predictions"].filter(beyond))
        ), "the other future has no bite"


def test_what_is_learned_is_what_is_shown():
    """The harness walks as the graph does: every quarter has its champion, and everybody scored is
    predicted.
    """
    found = whole()
    assert found["champions"]["valid_from_date"].to_list() == [
        FIRST.first_day,
        FOLD.first_day,
        FOLDS[1].first_day,
    ]
    scored = found["scores"].join(
        found["predictions"],
        on=["parent_id", "trade_date", "model_version", "prediction"],
        how="semi",
    )
    assert scored.height == found["scores"].height == found["explanations"].height > 3000
    assert set(found["signals"]["direction"]) == {-1, 1}
