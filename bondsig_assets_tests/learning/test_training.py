"""A fold: who sees which days, who becomes champion, and what is refused."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import polars as pl
import pytest
from scipy.stats import spearmanr

from bondsig_assets.features.declared import ALL_FEATURES, EQUITY_FEATURES
from bondsig_assets.learning.calibration import calibrate
from bondsig_assets.learning.evaluation import MINIMUM_NAMES
from bondsig_assets.learning.inputs import normal_scores
from bondsig_assets.learning.training import Candidate, candidates, train_fold, training_set
from bondsig_assets.trading_calendar import offset
from bondsig_assets_tests.learning.days import EQUITY, FOLD, SETTINGS, history, issuer_days, labels_of, trained


class Spy:
    """A model that remembers what it was fitted on and predicts one of its features."""

    def __init__(self, sign: float = 1.0):
        self.sign = sign
        self.seen: list[np.ndarray] = []

    def fit(self, features, label):
        self.seen.append(label)
        return self

    def predict(self, features):
        return self.sign * np.nan_to_num(features[:, 0])


def spied(**signs: float) -> tuple[list[Candidate], dict[str, list]]:
    """Candidates that predict a multiple of `oas_5d_change_zscore`, and what their models saw."""
    made: dict[str, list] = {name: [] for name in signs}

    def maker(name: str):
        def make():
            made[name].append(Spy(signs[name]))
            return made[name][-1]
        return make

    return [Candidate(name, ("oas_5d_change_zscore",), maker(name), not name.startswith("equity")) for name in signs], made


def test_the_training_set_is_whole_days_with_labels():
    days, labels = history()
    data = training_set(days, labels, FOLD)
    assert data.frame.height == len(data.label) == len(data.excess_return) == days.height
    assert (data.days.min(), data.days.max()) == (offset(FOLD.train_end, -260), FOLD.train_end)
    joined = data.frame.join(labels, on=["parent_id", "trade_date"], how="left", maintain_order="left")
    assert joined["excess_return_5d_pct_right"].to_numpy().tobytes() == data.excess_return.tobytes()
    np.testing.assert_array_equal(data.label, normal_scores(data.days, pl.Series(data.excess_return)))
    assert data.frame.select("trade_date", "parent_id").equals(data.frame.select("trade_date", "parent_id").sort("trade_date", "parent_id"))


def test_days_after_the_training_end_are_left_out():
    days, labels = history()
    later = issuer_days(offset(FOLD.train_end, 1), offset(FOLD.train_end, 9), seed=7)
    more = training_set(pl.concat([days, later]), pl.concat([labels, labels_of(later)]), FOLD)
    assert more.frame.equals(training_set(days, labels, FOLD).frame)


@pytest.mark.parametrize(("end", "fails"), [(0, True), (-1, False)])
def test_a_label_that_ends_in_the_fold_is_refused(end, fails):
    days, labels = history()
    moved = labels.with_columns(
        label_end_date=pl.when(pl.col("trade_date") == FOLD.train_end).then(offset(FOLD.first_day, end)).otherwise("label_end_date")
    )
    if fails:
        with pytest.raises(ValueError, match="a training label ends on or after its first day"):
            training_set(days, moved, FOLD)
    else:
        assert training_set(days, moved, FOLD).frame.height


def test_features_are_standardised_with_the_unlabelled_issuers():
    days, labels = history()
    some = labels.filter(pl.col("parent_id") < "P16")
    full, part = training_set(days, labels, FOLD).frame, training_set(days, some, FOLD).frame
    assert part.drop("excess_return_5d_pct").equals(full.filter(pl.col("parent_id") < "P16").drop("excess_return_5d_pct"))


def test_days_with_too_few_labels_are_left_out():
    days, labels = history()
    thin = labels.filter((pl.col("trade_date") != FOLD.train_end) | (pl.col("parent_id") < f"P{MINIMUM_NAMES - 1:02}"))
    assert training_set(days, thin, FOLD).days.max() == offset(FOLD.train_end, -1)


def test_siblings_see_only_the_early_days_and_the_model_all():
    data = training_set(*history(), FOLD)
    kinds, made = spied(ridge=1.0)
    train_fold(data, FOLD, kinds)
    sibling, model = made["ridge"]
    assert sibling.seen[0].tobytes() == data.label[(data.days <= FOLD.sibling_end).to_numpy()].tobytes()
    assert model.seen[0].tobytes() == data.label.tobytes()


def test_calibration_and_ic_come_from_the_unseen_span():
    data = training_set(*history(), FOLD)
    kinds, _ = spied(ridge=-1.0)
    model = train_fold(data, FOLD, kinds)[0]
    late = ((data.days >= FOLD.calibration_start) & (data.days <= FOLD.train_end)).to_numpy()
    prediction = -np.nan_to_num(data.frame["oas_5d_change_zscore"].to_numpy()[late])
    assert model.calibration == calibrate(prediction, data.excess_return[late])
    span = pl.DataFrame({"day": data.days.filter(late), "p": prediction, "y": data.excess_return[late]})
    daily = [spearmanr(day["p"], day["y"]).statistic for day in span.partition_by("day")]
    assert len(daily) == 84
    assert model.calibration_ic == pytest.approx(np.mean(daily), rel=1e-12)


@pytest.mark.parametrize(("signs", "champion"), [
    ({"xgboost": -1.0, "ridge": 1.0}, "xgboost"), ({"xgboost": 1.0, "ridge": -1.0}, "ridge"), ({"xgboost": -1.0, "ridge": -1.0}, "xgboost"),
    ({"ridge": -1.0, "xgboost": -1.0}, "ridge"), ({"xgboost": 0.0, "ridge": 1.0, "equity_only": -1.0}, "xgboost"),
])
def test_the_higher_ic_wins_a_tie_goes_to_the_first_and_the_control_never_wins(signs, champion):
    kinds, _ = spied(**signs)
    models = train_fold(training_set(*history(), FOLD), FOLD, kinds)
    assert [m.candidate.name for m in models if m.is_champion] == [champion]


def test_the_candidates_of_every_fold():
    kinds = {kind.name: kind for kind in candidates(SETTINGS, 0.5)}
    assert list(kinds) == ["xgboost", "ridge", "equity_only"]
    assert kinds["xgboost"].features == kinds["ridge"].features == ALL_FEATURES
    assert kinds["equity_only"].features == EQUITY_FEATURES
    assert kinds["ridge"].make().penalty == 0.5
    assert kinds["xgboost"].make().settings == kinds["equity_only"].make().settings == SETTINGS


def test_a_planted_credit_signal_is_found_and_the_control_finds_none():
    models = {m.candidate.name: m for m in trained()}
    assert models["ridge"].calibration_ic > 0.4 and models["xgboost"].calibration_ic > 0.4
    assert abs(models["equity_only"].calibration_ic) < 0.1
    assert models["ridge"].calibration.slope < 0


def test_a_planted_equity_signal_is_found_by_the_control():
    days, _ = history()
    models = train_fold(training_set(days, labels_of(days, 1.0, EQUITY), FOLD), FOLD, candidates(SETTINGS, 0.02))
    assert models[2].calibration_ic > 0.4


def test_the_fold_begins_no_sooner_than_its_labels_end():
    # The guard is not vacuous: with one day of purge less the real labels are refused.
    late = replace(FOLD, train_end=offset(FOLD.train_end, 1))
    days = issuer_days(offset(FOLD.train_end, -20), late.train_end)
    with pytest.raises(ValueError, match="first day"):
        training_set(days, labels_of(days), late)
