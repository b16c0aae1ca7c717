"""The gate: every way a champion is chosen, by hand, on days neither had seen; and how often luck
alone promotes.

Belongs here: `decide` and its numbers. Not here: the replay over the warehouse and MLflow
(`assets/models.py`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import date

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bondsig_assets.calendar import offset, trading_days
from bondsig_assets.learning.folds import fold_of
from bondsig_assets.learning.gate import LONGEST_COMPARISON_DAYS, Candidate, Verdict, decide
from bondsig_assets.learning.settings import GateSettings
from bondsig_assets.learning.statistics import lags_of, newey_west

BEFORE, NOW = fold_of(date(2023, 4, 1)), fold_of(date(2023, 7, 1))
#: Days that siblings predicted; the last of them are the fold's calibration span; the champion of
#: the quarter before had not been trained on the last of those.
DAYS = trading_days(offset(NOW.train_end, -299), NOW.train_end)
SPAN = trading_days(NOW.calibration_start, NOW.train_end)
UNSEEN = [day for day in SPAN if day >= BEFORE.first_day]
SETTINGS = GateSettings(first_champion="ridge")
MARGIN = SETTINGS.new_specification_margin
INCUMBENT = Candidate(BEFORE.quarter, BEFORE.first_day, "ridge", "r")
REFIT, TREES, FOREST = (
    Candidate(NOW.quarter, NOW.first_day, name, key)
    for name, key in [("ridge", "r"), ("xgboost", "x"), ("random_forest", "f")]
)
RNG = np.random.default_rng(0)
#: What all specifications share of a day: it must not count.
COMMON = 0.2 * RNG.standard_normal(len(DAYS))
NOISE = 0.05 * RNG.standard_normal(len(DAYS))
NOISE -= NOISE[-LONGEST_COMPARISON_DAYS:].mean()


def expected(gap: np.ndarray, horizon: int = 5) -> tuple[int, float, float]:
    """Days, mean and error of a difference."""
    return gap.size, *newey_west(gap, lags_of(horizon, gap.size))


#: Standard error of NOISE over the year that specifications are compared on.
ERROR = expected(NOISE[-LONGEST_COMPARISON_DAYS:])[2]
#: The same noise on the days that a refit is compared on, its mean there zero, and its error.
REFIT_NOISE = NOISE - NOISE[-len(UNSEEN) :].mean()
REFIT_ERROR = expected(REFIT_NOISE[-len(UNSEEN) :])[2]


def ics(values: np.ndarray | float, days: list[date] = DAYS) -> pl.DataFrame:
    """Daily ICs of these days; of more values than days the last."""
    of_days = (
        np.broadcast_to(np.asarray(values, dtype=float), max(np.size(values), len(days)))[
            -len(days) :
        ]
        if days
        else np.empty(0)
    )
    return pl.DataFrame(
        {"trade_date": days, "size_weighted_ic": of_days},
        schema={"trade_date": pl.Date, "size_weighted_ic": pl.Float64},
    )


def siblings(
    held: Mapping[str, np.ndarray | float | pl.DataFrame], days: list[date] = DAYS
) -> pl.DataFrame:
    """ICs of the siblings of each specification."""
    frames = {
        key: values if isinstance(values, pl.DataFrame) else ics(values, days)
        for key, values in held.items()
    }
    return pl.concat(
        [
            frame.select(pl.lit(key).alias("specification_hash"), "trade_date", "size_weighted_ic")
            for key, frame in frames.items()
        ]
    )


def decided(
    candidates: list[Candidate],
    held: Mapping[str, np.ndarray | float | pl.DataFrame],
    before: np.ndarray | float = 0.0,
    incumbent: Candidate | None = INCUMBENT,
    gate: GateSettings = SETTINGS,
    days: list[date] = DAYS,
    horizon: int = 5,
) -> Verdict:
    """The verdict, where the siblings' ICs are `held` and the incumbent model's `before` on the
    calibration span.
    """

    def of_incumbent(who: Candidate, fold: date) -> pl.DataFrame:
        assert (who, fold) == (incumbent, NOW.quarter)
        return ics(before, [day for day in days if day in set(SPAN)])

    return decide(
        NOW.quarter, candidates, siblings(held, days), incumbent, of_incumbent, horizon, gate
    )


def never(*_) -> pl.DataFrame:
    """An incumbent whose ICs nobody should ask for: they cost a pass of the model."""
    raise AssertionError("the incumbent's ICs were asked for")


def test_the_first_champion_is_the_one_named_beforehand():
    found = decide(
        NOW.quarter,
        [TREES, REFIT],
        siblings({"r": -1.0, "x": COMMON + 1.0}),
        None,
        never,
        5,
        SETTINGS,
    )
    assert found == Verdict(
        NOW.first_day, REFIT, "first", "ridge was named beforehand as the first champion"
    )
    assert (
        decided(
            [REFIT, TREES],
            {"r": 0.0},
            incumbent=None,
            gate=replace(SETTINGS, first_champion="xgboost"),
        ).champion
        == TREES
    )


def test_the_first_by_name_begins_where_the_named_one_is_not_trained():
    for candidates in ([TREES, FOREST], [FOREST, TREES]):
        found = decided(candidates, {"f": -1.0, "x": COMMON + 1.0}, incumbent=None)
        assert found == Verdict(
            NOW.first_day, FOREST, "first", "random_forest is the first by name; there is no ridge"
        )


def test_a_refit_that_is_no_worse_takes_over():
    found = decided([REFIT, TREES], {"r": NOISE, "x": NOISE - 0.01})
    n, mean, error = expected(NOISE[-len(UNSEEN) :])
    assert (
        found.champion,
        found.decision,
        found.challenger,
        found.incumbent,
        found.valid_from,
    ) == (REFIT, "refit", REFIT, INCUMBENT, NOW.first_day)
    assert (found.n_days, found.difference, found.error, found.threshold) == (
        n,
        mean,
        error,
        -2.0 * error,
    )
    assert abs(mean) < 2 * error, "the case is what it says"


@pytest.mark.parametrize(
    ("shift", "decision"), [(5.0, "refit"), (-1.99, "refit"), (-2.01, "kept"), (-9.0, "kept")]
)
def test_a_refit_is_refused_when_it_is_worse_by_two_errors(shift, decision):
    found = decided([REFIT], {"r": COMMON + REFIT_NOISE + shift * REFIT_ERROR}, before=COMMON)
    assert (found.decision, found.champion) == (
        decision,
        REFIT if decision == "refit" else INCUMBENT,
    )
    assert (found.challenger, found.incumbent, found.n_days, found.valid_from) == (
        REFIT,
        INCUMBENT,
        len(UNSEEN),
        NOW.first_day,
    )
    assert (
        found.difference == pytest.approx(shift * REFIT_ERROR)
        and found.error == pytest.approx(REFIT_ERROR)
        and found.threshold == pytest.approx(-2 * REFIT_ERROR)
    )
    assert ("the champion stays" in found.reason) == (decision == "kept")


@pytest.mark.parametrize(
    ("n", "horizon", "least", "is_enough"),
    [
        (19, 1, 20, False),
        (20, 1, 20, True),  # four times three lags are fewer than twenty days
        (23, 5, 20, False),
        (24, 5, 20, True),  # six lags
        (43, 10, 20, False),
        (44, 10, 20, True),
        (49, 10, 50, False),
        (50, 10, 50, True),
        (84, 21, 20, False),
        (87, 21, 20, False),
        (88, 21, 20, True),
    ],
)
def test_a_refit_goes_through_when_there_are_too_few_days_to_compare_it_on(
    n, horizon, least, is_enough
):
    gate, long_ago = (
        replace(SETTINGS, minimum_holdout_days=least),
        replace(INCUMBENT, first_day=DAYS[0]),
    )
    found = decide(
        NOW.quarter,
        [REFIT],
        siblings({"r": NOISE - 1.0}),
        long_ago,
        lambda *_: ics(0.0, DAYS[-n:]),
        horizon,
        gate,
    )
    assert found.n_days == n and found.challenger == REFIT
    assert (found.decision, found.champion) == (
        ("kept", long_ago) if is_enough else ("refit", REFIT)
    ), "worse by far: refused if that can be told"
    assert (found.threshold is None) != is_enough and (
        f"only {n} days" in found.reason
    ) != is_enough


@pytest.mark.parametrize("n", [0, 1, 2])
def test_hardly_a_day_to_compare_on_is_no_fault(n):
    found = decided([REFIT, TREES], {"r": -1.0, "x": 1.0}, days=UNSEEN[:n])
    assert (found.decision, found.champion, found.n_days, found.error) == ("refit", REFIT, n, 0.0)
    assert found.difference == (-1.0 if n else 0.0)


def test_only_days_that_the_incumbent_was_not_trained_for_judge_the_refit():
    assert 24 < len(UNSEEN) < len(SPAN)
    poisoned = NOISE.copy()
    poisoned[: -len(UNSEEN)] = 1e6 * (-1.0) ** np.arange(len(DAYS) - len(UNSEEN))
    wanted = decided([REFIT], {"r": NOISE})
    assert decided([REFIT], {"r": poisoned}) == wanted and wanted.n_days == len(UNSEEN)
    assert (
        decided(
            [REFIT],
            {"r": NOISE},
            before=np.where(np.arange(len(DAYS)) < len(DAYS) - len(UNSEEN), 1e6, 0.0),
        )
        == wanted
    )
    older = replace(INCUMBENT, fold=date(2022, 1, 1), first_day=fold_of(date(2022, 1, 1)).first_day)
    assert decided([REFIT], {"r": NOISE}, incumbent=older).n_days == len(SPAN)


def test_days_that_one_of_refit_and_champion_has_not_are_left_out():
    found = decide(
        NOW.quarter,
        [REFIT],
        siblings({"r": NOISE}),
        INCUMBENT,
        lambda *_: ics(0.0, SPAN)[::2],
        5,
        SETTINGS,
    )
    assert found.n_days == len([day for day in SPAN[::2] if day in UNSEEN])


def test_without_a_refit_challengers_are_compared_with_the_champion_itself():
    """Its specification has no siblings any more, or too few: a change of settings must not keep it
    for ever.
    """
    held = {"x": COMMON + REFIT_NOISE + (MARGIN - 0.01) * REFIT_ERROR}
    found = decided([TREES], held, before=COMMON)
    assert (found.decision, found.champion, found.challenger, found.incumbent, found.n_days) == (
        "kept",
        INCUMBENT,
        None,
        INCUMBENT,
        None,
    )
    assert (
        "no model of this fold refits ridge 2023-04-01" in found.reason
        and found.valid_from == NOW.first_day
    )
    better = decided(
        [TREES], {"x": COMMON + REFIT_NOISE + (MARGIN + 0.01) * REFIT_ERROR}, before=COMMON
    )
    assert (better.decision, better.champion, better.n_days) == (
        "new_specification",
        TREES,
        len(UNSEEN),
    )


@pytest.mark.parametrize(
    "before",
    [COMMON, COMMON - 1.0, COMMON + 1.0],
    ids=["a refit as good", "a better refit", "a worse refit"],
)
@pytest.mark.parametrize(
    ("shift", "is_better"), [(MARGIN - 0.01, False), (MARGIN + 0.01, True), (-9.0, False)]
)
def test_another_specification_wins_by_the_margin_whatever_the_refit(shift, is_better, before):
    found = decided(
        [REFIT, TREES], {"r": COMMON, "x": COMMON + NOISE + shift * ERROR}, before=before
    )
    if not is_better:
        assert found == decided([REFIT], {"r": COMMON}, before=before), (
            "as if it had not been there"
        )
        assert found.decision == ("kept" if before[0] > COMMON[0] else "refit")
        return
    assert (
        found.decision,
        found.champion,
        found.challenger,
        found.incumbent,
        found.valid_from,
    ) == ("new_specification", TREES, TREES, INCUMBENT, NOW.first_day)
    assert found.n_days == LONGEST_COMPARISON_DAYS and found.difference == pytest.approx(
        shift * ERROR
    )
    assert found.error == pytest.approx(ERROR) and found.threshold == pytest.approx(MARGIN * ERROR)
    assert "ridge" in found.reason and "over 252 days" in found.reason


def test_the_surest_of_several_better_ones_wins():
    sure, large = 0.1 * (NOISE + (MARGIN + 3) * ERROR), NOISE + (MARGIN + 2) * ERROR
    found = decided(
        [REFIT, TREES, FOREST],
        {"r": COMMON, "x": COMMON + large, "f": COMMON + sure},
        before=COMMON,
    )
    assert found.champion == FOREST, "more errors beat more IC"
    assert (
        decided(
            [REFIT, TREES, FOREST],
            {"r": COMMON, "x": COMMON + sure, "f": COMMON + large},
            before=COMMON,
        ).champion
        == TREES
    )


@pytest.mark.parametrize(
    ("n", "least", "wins"),
    [
        (125, 126, False),
        (126, 126, True),
        (39, 40, False),
        (40, 40, True),
        (251, 252, False),
        (252, 252, True),
    ],
)
def test_another_specification_needs_its_days_however_much_better(n, least, wins):
    gate = replace(SETTINGS, new_specification_days=least)
    for short in (
        {"r": COMMON, "x": ics(COMMON + NOISE + 1.0, DAYS[-n:])},
        {"r": ics(COMMON, DAYS[-n:]), "x": COMMON + NOISE + 1.0},
    ):
        found = decided([REFIT, TREES], short, before=COMMON, gate=gate)
        assert (found.decision, found.champion) == (
            ("new_specification", TREES) if wins else ("refit", REFIT)
        )
        assert (found.n_days == n and found.challenger == TREES) or not wins
    assert SETTINGS.new_specification_days == 126, "no quarter's span is long enough by itself"


def test_only_the_last_year_of_days_counts():
    held = {"r": COMMON, "x": COMMON + NOISE + (MARGIN + 0.01) * ERROR}
    wanted = decided([REFIT, TREES], held, before=COMMON)
    assert wanted.decision == "new_specification"
    for place, is_same in [(len(DAYS) - 253, True), (0, True), (len(DAYS) - 252, False)]:
        changed = held["x"].copy()
        changed[place] -= 1e3
        assert (decided([REFIT, TREES], {**held, "x": changed}, before=COMMON) == wanted) == is_same


def test_days_that_the_champions_specification_has_not_are_left_out():
    better = COMMON + NOISE + 1.0
    every_second = decided([REFIT, TREES], {"r": ics(COMMON)[::2], "x": better}, before=COMMON)
    shared = NOISE[-252:][::2] + 1.0
    assert every_second.champion == TREES and every_second.n_days == 126
    assert (every_second.difference, every_second.error) == pytest.approx(expected(shared)[1:])
    assert (
        decided([REFIT, TREES], {"r": ics(COMMON)[::3], "x": better}, before=COMMON).decision
        == "refit"
    )


def test_a_refit_with_other_settings_is_another_specification():
    other = replace(REFIT, specification_hash="r2")
    assert (
        decided([other], {"r": COMMON, "r2": COMMON + REFIT_NOISE}, before=COMMON).champion
        == INCUMBENT
    )
    found = decided(
        [other],
        {"r": COMMON, "r2": COMMON + REFIT_NOISE + (MARGIN + 1) * REFIT_ERROR},
        before=COMMON,
    )
    assert (found.decision, found.champion) == ("new_specification", other)


def test_the_same_ics_every_day_let_the_refit_through_and_nothing_else():
    found = decided([REFIT, TREES], {"r": NOISE, "x": NOISE}, before=NOISE)
    assert (found.champion, found.decision, found.difference, found.error) == (
        REFIT,
        "refit",
        0.0,
        0.0,
    )
    assert decided([TREES], {"r": NOISE, "x": NOISE}).champion == INCUMBENT
    # A gap that never varies has no error to be measured in: it promotes nobody, and a refit may
    # not lose by it.
    assert decided([REFIT, TREES], {"r": 0.25, "x": 0.5}, before=0.25).champion == REFIT
    assert decided([REFIT, TREES], {"r": 0.25, "x": 0.5}, before=0.5).champion == INCUMBENT


@settings(max_examples=60, deadline=None)
@given(
    st.permutations([REFIT, TREES, FOREST]),
    st.lists(st.floats(-4, 6), min_size=3, max_size=3),
    st.booleans(),
    st.booleans(),
    st.integers(0, 1000),
)
def test_the_order_of_candidates_and_rows_changes_nothing(order, shifts, has_refit, is_first, seed):
    rng = np.random.default_rng(seed)
    candidates = [c for c in (REFIT, TREES, FOREST) if has_refit or c != REFIT]
    rows = siblings(
        {"r": COMMON}
        | {
            c.specification_hash: COMMON + NOISE * rng.uniform(0.5, 2) + shift * ERROR
            for c, shift in zip(candidates, shifts, strict=False)
        }
    )
    incumbent, before = None if is_first else INCUMBENT, ics(COMMON, SPAN)
    found = decide(NOW.quarter, candidates, rows, incumbent, lambda *_: before, 5, SETTINGS)
    mixed_rows = rows.sample(fraction=1.0, shuffle=True, seed=seed)
    mixed = decide(
        NOW.quarter,
        [c for c in order if c in candidates],
        mixed_rows,
        incumbent,
        lambda *_: before[::-1],
        5,
        SETTINGS,
    )
    assert mixed == found
    # Whatever happens, there is a champion of this fold or the one before, and its reason is one
    # line.
    assert found.champion in [*candidates, incumbent] and "\n" not in found.reason


@settings(max_examples=100, deadline=None)
@given(st.floats(-6, 6), st.floats(-6, 6), st.floats(-6, 6), st.floats(0, 5), st.floats(0, 5))
def test_the_verdict_follows_from_its_own_numbers(of_refit, of_trees, of_forest, tolerance, margin):
    gate = replace(SETTINGS, refit_tolerance=tolerance, new_specification_margin=margin)
    held = {
        "r": COMMON,
        "x": COMMON + NOISE + of_trees * ERROR,
        "f": COMMON + 0.5 * (NOISE + of_forest * ERROR),
    }
    found = decided(
        [REFIT, TREES, FOREST],
        held,
        before=COMMON - REFIT_NOISE - of_refit * REFIT_ERROR,
        gate=gate,
    )
    shifts = {TREES: of_trees, FOREST: of_forest}
    if found.decision == "new_specification":
        assert found.difference > found.threshold == margin * found.error and found.n_days == 252
        assert (
            shifts[found.champion] == pytest.approx(found.difference / found.error)
            and shifts[found.champion] >= max(shifts.values()) - 1e-9
        )
    else:
        assert max(shifts.values()) <= margin + 1e-9, "none of them is better by the margin"
        assert (
            found.n_days == len(UNSEEN)
            and found.error == pytest.approx(REFIT_ERROR)
            and found.difference == pytest.approx(of_refit * REFIT_ERROR, abs=1e-12)
        )
        assert found.threshold == -tolerance * found.error
        wanted = ("refit", REFIT) if found.difference >= found.threshold else ("kept", INCUMBENT)
        assert (found.decision, found.champion) == wanted
    assert found.challenger == (found.champion if found.decision != "kept" else REFIT)


#: Specifications of a simulated market, the champion's first; quarters are 63 days long and
#: calibration spans 84.
NAMES = ("ridge", "elastic_net", "lightgbm", "random_forest", "xgboost")
QUARTER, CALIBRATION = 63, 84
CALENDAR = trading_days(date(2016, 1, 4), date(2021, 12, 31))


def market(seed: int, n: int, edge: float = 0.0) -> np.ndarray:
    """Daily ICs of equal skill, [day, specification]; `xgboost` is better by `edge` a day.

    The gap of any two has standard deviation 0.1 and is a moving average over five days, as
    overlapping labels make it; gaps to one champion are correlated by a half.
    """
    raw = np.random.default_rng(seed).standard_normal((n + 4, len(NAMES)))
    daily = np.sum([raw[k : k + n] for k in range(5)], axis=0) / np.sqrt(5) * 0.1 / np.sqrt(2)
    daily[:, NAMES.index("xgboost")] += edge
    return daily


def lived(
    seed: int, quarters: int, edge: float = 0.0, gate: GateSettings = SETTINGS
) -> list[Verdict]:
    """The verdicts of so many quarters of a market."""
    n = CALIBRATION + (quarters - 1) * QUARTER
    daily = market(seed, n, edge)
    rows = pl.DataFrame(
        {
            "trade_date": np.repeat(np.array(CALENDAR[:n], dtype="datetime64[D]"), len(NAMES)),
            "specification_hash": list(NAMES) * n,
            "size_weighted_ic": daily.ravel(),
        }
    )
    found: list[Verdict] = []
    for quarter in range(quarters):
        end = CALIBRATION + quarter * QUARTER
        fold, first_day = CALENDAR[end + 1], CALENDAR[end + 6]
        known, incumbent = rows.head(end * len(NAMES)), found[-1].champion if found else None

        def of_incumbent(who: Candidate, _: date, known: pl.DataFrame = known) -> pl.DataFrame:
            return (
                known.tail(CALIBRATION * len(NAMES))
                .filter(specification_hash=who.specification_hash)
                .drop("specification_hash")
            )

        found.append(
            decide(
                fold,
                [Candidate(fold, first_day, name, name) for name in NAMES],
                known,
                incumbent,
                of_incumbent,
                5,
                gate,
            )
        )
    return found


def test_the_simulated_market_is_what_it_says():
    gaps = market(0, 200_000, edge=0.03)[:, 1:] - market(0, 200_000)[:, :1]
    np.testing.assert_allclose(gaps.mean(axis=0), [0.0, 0.0, 0.0, 0.03], atol=0.003)
    np.testing.assert_allclose(gaps.std(axis=0), 0.1, rtol=0.02)
    np.testing.assert_allclose(np.corrcoef(gaps.T)[np.triu_indices(4, 1)], 0.5, atol=0.02)
    together = [np.corrcoef(gaps[step:, 0], gaps[:-step, 0])[0, 1] for step in range(1, 8)]
    np.testing.assert_allclose(together, [0.8, 0.6, 0.4, 0.2, 0.0, 0.0, 0.0], atol=0.03)
    verdicts = lived(0, 6)
    assert verdicts[0].decision == "first" and verdicts[0].champion.name == "ridge"
    assert all(
        verdict.champion.fold == fold
        for verdict, fold in zip(
            verdicts, [CALENDAR[CALIBRATION + k * QUARTER + 1] for k in range(6)], strict=True
        )
    )
    assert not [verdict for verdict in verdicts if verdict.decision == "kept"], (
        "the refit is as good as the champion every day"
    )


@pytest.mark.slow
def test_specifications_of_equal_skill_rarely_replace_one_another():
    later = [verdict for seed in range(30) for verdict in lived(seed, 20)[1:]]
    spurious = sum(verdict.decision == "new_specification" for verdict in later)
    assert len(later) == 570 and 0 < spurious < 0.05 * len(later)


@pytest.mark.slow
def test_a_specification_that_is_truly_better_is_found_within_two_years():
    found = sum(
        any(verdict.champion.name == "xgboost" for verdict in lived(1000 + seed, 8, edge=0.04))
        for seed in range(50)
    )
    assert found > 30
