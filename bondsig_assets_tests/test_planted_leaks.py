"""Five leaks that crept into published research, planted one by one: the harness
(`other_futures.py`, `known_past.py`) catches each, and nothing without them.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta
from functools import cache

import numpy as np
import polars as pl
import pytest

from bondsig_assets.calendar import cutoff, offset
from bondsig_assets.errors import FoldError
from bondsig_assets.features import panels as panels_module
from bondsig_assets.features import windows
from bondsig_assets.features.issuer_days import issuer_days
from bondsig_assets.features.panels import Panels
from bondsig_assets.learning import dataset as dataset_module
from bondsig_assets.learning import labels as labels_module
from bondsig_assets.learning import training
from bondsig_assets.learning.folds import Fold
from bondsig_assets.learning.labels import labels
from bondsig_assets.learning.training import check_fold
from bondsig_assets.market_rules import HORIZONS
from bondsig_assets.tables.issuer_features import ALL_FEATURES
from bondsig_assets_tests import known_past
from bondsig_assets_tests.features.markets import DAYS, random_market
from bondsig_assets_tests.known_past import assert_same_past, known_by
from bondsig_assets_tests.learned import assert_label_looks_at, learned
from bondsig_assets_tests.learning.days import FOLD, SETTINGS, long_history
from bondsig_assets_tests.other_futures import LATER, Later, with_later, with_later_days
from bondsig_assets_tests.rows_of import rows_of

FIRST_DAY, LAST_DAY = 75, 199
#: A day before the takeover of `random_market` is known; on it, bonds go on as they were.
CUT = DAYS[int(np.random.default_rng(5).integers(100, 119))]
#: In the first days of a quarter, when labels of the days before it are still open.
CUT_OF_LEARNING = offset(FOLD.first_day, int(np.random.default_rng(6).integers(0, 6)))
QUICK = replace(SETTINGS, models=("ridge",))
CAUGHT = "is not what it was"


@cache
def market() -> Panels:
    """A market of 200 days with a takeover that becomes known on the 120th."""
    return random_market(seed=4, n_days=LAST_DAY + 1)


def made(panels: Panels) -> dict[str, pl.DataFrame]:
    """Features, and the labels known, of a market."""
    first, last = DAYS[FIRST_DAY], min(DAYS[LAST_DAY], panels.days[-1].item())
    rows, coverage = issuer_days(panels, first, last)
    return {
        "issuer_days": rows,
        "feature_coverage": coverage,
        "labels": labels(panels, first, last),
    }


def check_features(later: Later) -> None:
    """What was known on the cut is the same with another future."""
    assert_same_past(made(market()), made(with_later(market(), CUT, later)), CUT)


def check_learning(later: Later, fold_of_quarter=lambda fold: fold) -> None:
    """The same of what is learned."""
    one = learned(*long_history(), QUICK, CUT_OF_LEARNING, fold_of_quarter)
    other = learned(
        *with_later_days(*long_history(), CUT_OF_LEARNING, later),
        QUICK,
        CUT_OF_LEARNING,
        fold_of_quarter,
    )
    assert_same_past(one, other, CUT_OF_LEARNING)


# Without a leak


@pytest.mark.parametrize("later", LATER)
def test_features_and_labels_hold(later: Later):
    check_features(later)
    whole, other = made(market()), made(with_later(market(), CUT, later))
    assert all(frame.height > 100 for frame in known_by(whole, CUT).values())
    assert not [name for name, frame in whole.items() if frame.equals(other[name])], (
        "another future without a bite"
    )


@pytest.mark.slow
@pytest.mark.parametrize("later", LATER)
def test_learning_holds(later: Later):
    check_learning(later)


@pytest.mark.parametrize("horizon", HORIZONS)
def test_a_label_rests_on_the_days_it_spans(horizon: int):
    assert_label_looks_at(market(), CUT, horizon)


# A centred filter


def _centred_mean(values: np.ndarray, window: int, minimum: int) -> np.ndarray:
    """The mean of the days around each, half of them still to come."""
    half = window // 2
    ahead = np.concatenate(
        [values[half:], np.full((min(half, values.shape[0]), *values.shape[1:]), np.nan)]
    )
    return windows.total(ahead, window, minimum) / np.maximum(windows.count(ahead, window), 1)


@pytest.mark.parametrize("later", LATER)
def test_a_centred_filter_is_caught(monkeypatch, later: Later):
    monkeypatch.setattr(windows, "mean", _centred_mean)
    with pytest.raises(AssertionError, match=CAUGHT):
        check_features(later)


# A z-score over the whole sample


def _over_the_whole_sample(days: pl.DataFrame, features: tuple[str, ...]) -> np.ndarray:
    values = days.select(pl.col(list(features)).cast(pl.Float64).fill_null(np.nan)).to_numpy()
    return (values - np.nanmean(values, axis=0)) / np.nanstd(values, axis=0)


@pytest.mark.slow
@pytest.mark.parametrize("later", LATER)
def test_a_zscore_over_the_whole_sample_is_caught(monkeypatch, later: Later):
    monkeypatch.setattr(dataset_module, "standardised", _over_the_whole_sample)
    with pytest.raises(AssertionError, match=CAUGHT):
        check_learning(later)


# The newest link on all days


def _newest_link(
    rows: pl.DataFrame, entity: str, entities: np.ndarray, days: np.ndarray
) -> np.ndarray:
    """The last word on each entity, on all days."""
    seen = np.full((days.size, entities.size), -1, dtype=np.int32)
    place = {name: column for column, name in enumerate(entities.tolist())}
    for row in np.argsort(rows["known_at"].to_physical().to_numpy(), kind="stable"):
        if (column := place.get(rows[entity][int(row)])) is not None:
            seen[:, column] = row
    return seen


@pytest.mark.parametrize("later", ["truncate", "append"])
def test_a_link_filled_backwards_is_caught(monkeypatch, later: Later):
    monkeypatch.setattr(panels_module, "positions_as_of", _newest_link)
    with pytest.raises(AssertionError, match=CAUGHT):
        check_features(later)


# A label that overlaps what it is judged on


def _unpurged(fold: Fold) -> Fold:
    """Trained up to the eve of the quarter, with labels that end within it."""
    return replace(fold, train_end=offset(fold.first_day, -1))


@pytest.mark.slow
@pytest.mark.parametrize("later", LATER)
def test_a_label_that_overlaps_the_quarter_is_caught(monkeypatch, later: Later):
    monkeypatch.setattr(training, "check_fold", lambda data, fold, settings: None)
    with pytest.raises(AssertionError, match=CAUGHT):
        check_learning(later, _unpurged)


def test_a_label_that_overlaps_the_quarter_is_refused_before():
    data = dataset_module.make_dataset(*long_history(), QUICK.walk_forward)
    check_fold(data, FOLD, QUICK)
    with pytest.raises(FoldError, match="a training label ends on or after 2023-07-03"):
        check_fold(data, _unpurged(FOLD), QUICK)


# A fill at the close that made the score


def _same_close(panels: Panels, start: date, end: date) -> pl.DataFrame:
    """Labels from the close of their own day, said to end on the day they should."""
    found = labels(panels, start, end)
    ends = {day: offset(day, 1) for day in found["label_end_date"].unique()}
    return found.with_columns(pl.col("label_end_date").replace_strict(ends))


@pytest.mark.parametrize("horizon", [1, 5])
def test_a_fill_at_the_close_of_the_score_is_caught(monkeypatch, horizon: int):
    monkeypatch.setattr(labels_module, "SKIP", 0)
    with pytest.raises(AssertionError, match="ends on"):
        assert_label_looks_at(market(), CUT, horizon)
    with pytest.raises(AssertionError, match="or on the move to it"):
        assert_label_looks_at(market(), CUT, horizon, _same_close)


# The harness itself


def test_every_feature_is_asked():
    assert set(ALL_FEATURES) <= set(made(market())["issuer_days"].columns)


def test_a_table_that_nobody_thought_of_is_refused(monkeypatch):
    monkeypatch.setitem(
        known_past.TABLES, "news", replace(known_past.TABLES["feature_coverage"], name="news")
    )
    assert known_past.unhandled() == ["news"]
    with pytest.raises(AssertionError, match="nobody said what of table news is known"):
        known_by({"news": known_past.TABLES["news"].empty()}, CUT)


def test_what_later_knowledge_cuts_into_pieces_is_still_the_same():
    """A link without an end, and the same after it became known that for a month another one
    holds.
    """
    told, corrected = cutoff(offset(CUT, -9)), cutoff(offset(CUT, 2))
    month = (offset(CUT, -30), offset(CUT, -10))
    base = {"cusip": "A", "parent_id": "P", "known_at": told, "valid_from_date": offset(CUT, -90)}
    before = rows_of("security_master", base)
    after = rows_of(
        "security_master",
        base | {"valid_to_date": month[0] - timedelta(1)},
        base | {"valid_from_date": month[0], "valid_to_date": month[1], "known_until": corrected},
        base | {"valid_from_date": month[1] + timedelta(1)},
        base
        | {
            "parent_id": "Q",
            "valid_from_date": month[0],
            "valid_to_date": month[1],
            "known_at": corrected,
        },
    )
    assert_same_past({"security_master": before}, {"security_master": after}, CUT)
    with pytest.raises(AssertionError, match="security_master has 1 and 4 rows"):
        assert_same_past({"security_master": before}, {"security_master": after}, offset(CUT, 2))


def test_a_zero_of_the_other_sign_is_not_the_same():
    one = rows_of("treasury_yields", {"par_yield_pct": 0.0})
    other = one.with_columns(par_yield_pct=pl.lit(-0.0))
    assert one.equals(other)
    with pytest.raises(AssertionError, match="treasury_yields differs in par_yield_pct"):
        assert_same_past({"treasury_yields": one}, {"treasury_yields": other}, CUT)
