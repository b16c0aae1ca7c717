"""The gate: every way a champion is chosen, by hand, on days neither had seen."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bondsig_assets.learning.evaluation import lags_of, newey_west
from bondsig_assets.learning.folds import fold_of
from bondsig_assets.learning.gate import Candidate, Verdict, decide
from bondsig_assets.learning.settings import GateSettings
from bondsig_assets.trading_calendar import trading_days

BEFORE, NOW = fold_of(date(2023, 4, 1)), fold_of(date(2023, 7, 1))
#: The calibration span, and the days of it that the champion of the quarter before had not been trained on.
SPAN = trading_days(NOW.calibration_start, NOW.train_end)
UNSEEN = [day for day in SPAN if day >= BEFORE.first_day]
SETTINGS = GateSettings()
INCUMBENT = Candidate(BEFORE.quarter, BEFORE.first_day, "ridge", "r")
REFIT, TREES, FOREST = (Candidate(NOW.quarter, NOW.first_day, name, key) for name, key in [("ridge", "r"), ("xgboost", "x"), ("random_forest", "f")])
NOISE = 0.05 * np.random.default_rng(0).standard_normal(len(SPAN))


def ics(values: np.ndarray | float, days: list[date] = SPAN) -> pl.DataFrame:
    """Daily ICs."""
    return pl.DataFrame({"trade_date": days, "information_coefficient": np.broadcast_to(np.asarray(values, dtype=float), len(days))})


def decided(candidates: list[Candidate], held: dict[str, np.ndarray | float], before: np.ndarray | float = 0.0, incumbent: Candidate | None = INCUMBENT,
            gate: GateSettings = SETTINGS, days: list[date] = SPAN) -> Verdict:
    """The verdict, where the challengers' ICs are `held` and the incumbent's `before`."""
    holdout = pl.concat([ics(values, days).with_columns(model_name=pl.lit(name)) for name, values in held.items()])

    def of_incumbent(who: Candidate, fold: date) -> pl.DataFrame:
        assert (who, fold) == (incumbent, NOW.quarter)
        return ics(before, days)

    return decide(NOW.quarter, candidates, holdout, incumbent, of_incumbent, 5, gate)


def expected(gap: np.ndarray) -> tuple[int, float, float]:
    """Days, mean and error of a difference over the unseen days."""
    values = gap[-len(UNSEEN):]
    return values.size, *newey_west(values, lags_of(5, values.size))


def test_the_first_champion_is_the_one_named_beforehand():
    found = decided([TREES, REFIT], {"ridge": -1.0, "xgboost": 1.0}, incumbent=None)
    assert (found.champion, found.decision, found.valid_from, found.incumbent, found.n_days) == (REFIT, "first", NOW.first_day, None, None)
    assert "ridge was named beforehand" in found.reason
    found = decided([FOREST, TREES], {"random_forest": -1.0, "xgboost": 1.0}, incumbent=None)
    assert found.champion == FOREST and found.reason == "random_forest is the first by name; there is no ridge"


def test_a_refit_that_is_no_worse_takes_over():
    found = decided([REFIT, TREES], {"ridge": NOISE, "xgboost": NOISE - 0.01})
    n, mean, error = expected(NOISE)
    assert (found.champion, found.decision, found.challenger, found.incumbent) == (REFIT, "refit", REFIT, INCUMBENT)
    assert (found.n_days, found.difference, found.error, found.threshold) == (n, mean, error, -2.0 * error)
    assert abs(mean) < 2 * error, "the case is what it says"


@pytest.mark.parametrize(("shift", "decision"), [(-1.99, "refit"), (-2.01, "kept"), (-9.0, "kept")])
def test_a_refit_is_refused_when_it_is_worse_by_two_errors(shift, decision):
    n, mean, error = expected(NOISE)
    found = decided([REFIT], {"ridge": NOISE - mean + shift * error})
    assert (found.decision, found.champion) == (decision, REFIT if decision == "refit" else INCUMBENT)
    assert found.challenger == REFIT and found.n_days == n and found.valid_from == NOW.first_day
    assert found.difference == pytest.approx(shift * error) and found.error == pytest.approx(error) and found.threshold == pytest.approx(-2 * error)
    assert ("the champion stays" in found.reason) == (decision == "kept")


@pytest.mark.parametrize(("shift", "decision"), [(1.99, "refit"), (2.01, "new_specification")])
def test_another_specification_must_be_better_by_two_errors(shift, decision):
    _, mean, error = expected(NOISE)
    found = decided([REFIT, TREES], {"ridge": 0.1 * (NOISE - mean), "xgboost": NOISE - mean + shift * error})
    assert (found.decision, found.champion) == (decision, TREES if decision == "new_specification" else REFIT)
    if decision == "new_specification":
        assert found.challenger == TREES and found.threshold == pytest.approx(2 * error) and found.difference == pytest.approx(shift * error)
        assert "xgboost" not in found.reason and INCUMBENT.version in found.reason


def test_the_surest_of_several_better_ones_wins():
    _, mean, error = expected(NOISE)
    sure, large = 0.1 * (NOISE - mean) + 0.5 * error, NOISE - mean + 4 * error
    found = decided([REFIT, TREES, FOREST], {"ridge": 0.1 * (NOISE - mean), "xgboost": large, "random_forest": sure})
    assert found.champion == FOREST, "five errors beat four, however small"


def test_nothing_replaces_a_refit_that_is_better_still():
    _, mean, error = expected(NOISE)
    found = decided([REFIT, TREES], {"ridge": NOISE - mean + 6 * error, "xgboost": NOISE - mean + 3 * error})
    assert (found.decision, found.champion) == ("refit", REFIT)


def test_with_too_few_days_only_a_refit_goes_through():
    few = UNSEEN[:19]
    found = decided([REFIT, TREES], {"ridge": -1.0 + NOISE[:19], "xgboost": 1.0 + NOISE[:19]}, days=few)
    assert (found.decision, found.champion, found.n_days, found.threshold) == ("refit", REFIT, 19, None) and "only 19 days" in found.reason
    found = decided([TREES], {"xgboost": 1.0 + NOISE[:19]}, days=few)
    assert (found.decision, found.champion, found.challenger, found.n_days) == ("kept", INCUMBENT, None, None)
    enough = decided([TREES], {"xgboost": 1.0 + NOISE[:20]}, days=UNSEEN[:20])
    assert (enough.decision, enough.champion, enough.n_days) == ("new_specification", TREES, 20)


@pytest.mark.parametrize("n_days", [0, 1])
def test_hardly_a_day_to_compare_on_is_no_fault(n_days):
    assert decided([REFIT, TREES], {"ridge": -1.0, "xgboost": 1.0}, days=UNSEEN[:n_days]).champion == REFIT


def test_without_a_refit_the_champion_stays_until_another_is_better():
    n, mean, error = expected(NOISE)
    found = decided([TREES, FOREST], {"xgboost": NOISE - mean + error, "random_forest": NOISE - mean})
    assert (found.decision, found.champion, found.challenger, found.n_days) == ("kept", INCUMBENT, TREES, n)
    assert found.threshold == pytest.approx(2 * error) and f"no model of this fold refits {INCUMBENT.version}" in found.reason
    assert decided([TREES, FOREST], {"xgboost": NOISE - mean + 3 * error, "random_forest": NOISE - mean}).champion == TREES


def test_a_refit_with_other_settings_is_another_specification():
    _, mean, error = expected(NOISE)
    other = replace(REFIT, specification_hash="r2")
    assert decided([other], {"ridge": NOISE - mean}).champion == INCUMBENT
    assert decided([other], {"ridge": NOISE - mean + 3 * error}).decision == "new_specification"


def test_the_same_ics_every_day_let_the_refit_through_and_nothing_else():
    found = decided([REFIT, TREES], {"ridge": NOISE, "xgboost": NOISE}, before=NOISE)
    assert (found.champion, found.decision, found.difference, found.error) == (REFIT, "refit", 0.0, 0.0)
    assert decided([TREES], {"xgboost": NOISE}, before=NOISE).champion == INCUMBENT
    # A gap that never varies has no error to be measured in: it promotes nobody, and a refit may not lose by it.
    assert decided([REFIT, TREES], {"ridge": 0.25, "xgboost": 0.5}, before=0.25).champion == REFIT
    assert decided([REFIT, TREES], {"ridge": 0.25, "xgboost": 0.5}, before=0.5).champion == INCUMBENT


def test_only_days_that_the_incumbent_was_not_trained_for_are_compared():
    assert 20 < len(UNSEEN) < len(SPAN)
    poisoned = NOISE.copy()
    poisoned[: len(SPAN) - len(UNSEEN)] = [1e6, -1e6] * ((len(SPAN) - len(UNSEEN)) // 2) + [1e6] * ((len(SPAN) - len(UNSEEN)) % 2)
    held = {"ridge": NOISE, "xgboost": NOISE + 0.001}
    assert decided([REFIT, TREES], held, before=poisoned) == decided([REFIT, TREES], held, before=NOISE)
    assert decided([REFIT, TREES], {"ridge": poisoned, "xgboost": NOISE + 0.001}) == decided([REFIT, TREES], held)
    older = replace(INCUMBENT, fold=date(2022, 1, 1), first_day=fold_of(date(2022, 1, 1)).first_day)
    assert decided([REFIT], {"ridge": NOISE}, incumbent=older).n_days == len(SPAN)


def test_days_that_one_of_the_two_has_not_are_left_out():
    holdout = ics(NOISE).with_columns(model_name=pl.lit("ridge"))
    found = decide(NOW.quarter, [REFIT], holdout, INCUMBENT, lambda *_: ics(0.0)[::2], 5, SETTINGS)
    assert found.n_days == len([day for day in SPAN[::2] if day in UNSEEN])


@settings(max_examples=60, deadline=None)
@given(st.permutations([REFIT, TREES, FOREST]), st.lists(st.floats(-4, 4), min_size=3, max_size=3), st.booleans(), st.booleans(), st.integers(0, 1000))
def test_the_order_of_candidates_and_days_changes_nothing(order, shifts, has_refit, is_first, seed):
    _, mean, error = expected(NOISE)
    rng = np.random.default_rng(seed)
    candidates = [c for c in (REFIT, TREES, FOREST) if has_refit or c != REFIT]
    held = {c.name: NOISE * rng.uniform(0.5, 2) - mean + shift * error for c, shift in zip(candidates, shifts, strict=False)}
    rows = pl.concat([ics(values).with_columns(model_name=pl.lit(name)) for name, values in held.items()])
    incumbent = None if is_first else INCUMBENT
    found = decide(NOW.quarter, candidates, rows, incumbent, lambda *_: ics(0.0), 5, SETTINGS)
    mixed = decide(NOW.quarter, [c for c in order if c in candidates], rows.sample(fraction=1.0, shuffle=True, seed=seed), incumbent, lambda *_: ics(0.0)[::-1], 5, SETTINGS)
    assert mixed == found
    # Whatever happens, there is a champion of this fold or the one before, and its reason is one line.
    assert found.champion in [*candidates, incumbent] and "\n" not in found.reason


@settings(max_examples=60, deadline=None)
@given(st.floats(-6, 6), st.floats(-6, 6), st.floats(0, 5), st.floats(0, 5))
def test_the_verdict_follows_from_its_own_numbers(of_refit, of_trees, tolerance, margin):
    _, mean, error = expected(NOISE)
    gate = GateSettings(refit_tolerance=tolerance, new_specification_margin=margin)
    held = {"ridge": NOISE - mean + of_refit * error, "xgboost": NOISE - mean + of_trees * error}
    found = decided([REFIT, TREES], held, gate=gate)
    if found.decision == "new_specification":
        assert found.champion == TREES and found.difference > found.threshold and of_trees > of_refit
    elif found.decision == "refit":
        assert found.champion == REFIT and found.difference >= found.threshold
    else:
        assert found.decision == "kept" and found.champion == INCUMBENT and found.difference < found.threshold
    assert found.error == pytest.approx(error)
