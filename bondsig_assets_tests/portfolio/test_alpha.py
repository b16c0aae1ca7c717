"""Expected returns: by hand, neutral, and nothing where nothing is known."""

from __future__ import annotations

from datetime import date

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import norm, spearmanr

from bondsig_assets.calendar import trading_days
from bondsig_assets.portfolio.alpha import (
    Skill,
    alphas,
    implied_ic,
    measured_skill,
    neutral,
    normal_scores,
    payoff_slope,
    persistence,
    posterior_ic,
)
from bondsig_assets.portfolio.settings import ROUTES, AlphaSettings

SETTINGS = AlphaSettings()
PLAIN = AlphaSettings(
    route="probability",
    neutral_to_volatility=False,
    neutral_to_beta=False,
    neutral_to_sector=False,
)
GOOD = Skill(0.02, 0.009, 1.0)


def day(n: int = 60, seed: int = 0, **columns) -> pl.DataFrame:
    """A day of `n` names in four sectors whose predictions say something."""
    draw = np.random.default_rng(seed)
    prediction = draw.normal(size=n)
    given = {
        "parent_id": [f"P{k:03}" for k in range(n)],
        "probability_underperform": norm.cdf(-0.05 * prediction + 0.02),
        "base_rate": np.full(n, float(norm.cdf(0.02))),
        "prediction": prediction,
        "is_informed": [True] * n,
        "volatility": draw.uniform(0.02, 0.08, n),
        "beta": draw.uniform(0.5, 1.5, n),
        "sector": [f"S{k % 4}" for k in range(n)],
    }
    return pl.DataFrame(given | columns, strict=False)


def alpha_of(*args) -> np.ndarray:
    return alphas(*args)["alpha"].to_numpy()


def test_the_probability_says_what_a_gaussian_mean_would():
    """A name with a mean of 30 bp and a volatility of 4 % underperforms in Φ(-0.075) of weeks."""
    frame = day(
        2,
        probability_underperform=[float(norm.cdf(-0.0030 / 0.04)), 0.5],
        base_rate=[0.5, 0.5],
        volatility=[0.04, 0.04],
    )
    assert alpha_of(frame, GOOD, PLAIN) == pytest.approx([0.0030, 0.0], abs=1e-12)


def test_the_other_route_is_grinolds():
    frame = day(5)
    found = alphas(frame, GOOD, AlphaSettings(route="information_coefficient"))
    z = norm.ppf((np.argsort(np.argsort(frame["prediction"].to_numpy())) + 0.5) / 5)
    expected = posterior_ic(GOOD, SETTINGS) * frame["volatility"].to_numpy() * z
    assert found["ic_alpha"].to_numpy() == pytest.approx(expected, rel=1e-12)


def test_shrinkage_by_hand():
    """0.02 measured with an error of 0.0092, prior 0.005 with 0.01: 0.013."""
    assert posterior_ic(Skill(0.02, 0.0092), SETTINGS) == pytest.approx(0.0131, abs=5e-5)


@pytest.mark.parametrize(
    "skill",
    [
        Skill(None, None),
        Skill(0.02, None),
        Skill(-0.05, 0.005),
        Skill(0.02, float("nan")),
        Skill(float("nan"), 0.01),
    ],
)
@pytest.mark.parametrize("route", ["smaller", "information_coefficient"])
def test_no_ic_is_no_alpha_where_alphas_go_by_it(skill, route):
    assert posterior_ic(skill, SETTINGS) == 0.0
    assert not alpha_of(day(), skill, AlphaSettings(route=route)).any()


@pytest.mark.parametrize("route", ROUTES)
@pytest.mark.parametrize("slope", [-0.2, 0.0])
def test_promises_that_had_not_paid_are_not_believed(route, slope):
    found = alphas(day(), Skill(0.03, 0.01, slope), AlphaSettings(route=route))
    assert not found["alpha"].to_numpy().any()
    assert set(found["alpha_state"]) == {"no_payoff"}


def test_news_keeps_its_size():
    """What a probability of 0.75 says is not cut to what ranks earn on a usual day."""
    p = np.full(60, 0.5)
    p[7] = 0.75
    found = alphas(day(probability_underperform=p, base_rate=np.full(60, 0.5)), GOOD, SETTINGS)
    loud = found.row(7, named=True)
    assert loud["raw_alpha"] == pytest.approx(-0.6745 * loud["volatility"], rel=1e-3)
    assert loud["alpha"] < 0.8 * loud["raw_alpha"] < 0


def test_a_useless_day_is_not_scaled_up_to_a_good_one():
    """The trap of alphas rescaled to unit spread: half the skill is half the alpha."""
    route = AlphaSettings(route="information_coefficient", prior_ic=0.0)
    full, half = (alpha_of(day(), Skill(ic, 0.01), route) for ic in (0.02, 0.01))
    assert half == pytest.approx(full / 2, rel=1e-9)


def test_the_smaller_of_two_and_nothing_where_they_disagree():
    smaller = AlphaSettings(route="smaller")
    found = alphas(day(), GOOD, smaller)
    a, b, raw = (found[name].to_numpy() for name in ("probability_alpha", "ic_alpha", "raw_alpha"))
    agree = np.sign(a) == np.sign(b)
    assert agree.any() and np.abs(raw[agree]) == pytest.approx(np.minimum(abs(a), abs(b))[agree])
    opposite = alphas(day().with_columns(prediction=-pl.col("prediction")), GOOD, smaller)
    a, b, raw = (
        opposite[name].to_numpy() for name in ("probability_alpha", "ic_alpha", "raw_alpha")
    )
    assert (a * b < 0).sum() > 50 and not raw[a * b < 0].any()


@pytest.mark.parametrize("route", ROUTES)
@settings(max_examples=20, deadline=None)
@given(n=st.integers(8, 80), seed=st.integers(0, 10**6))
def test_what_is_left_pays_for_no_volatility_beta_or_sector(route, n, seed):
    frame = day(n, seed)
    alpha = alpha_of(frame, GOOD, AlphaSettings(route=route))
    sigma, beta = frame["volatility"].to_numpy(), frame["beta"].to_numpy()
    weights = 1 / sigma**2
    size = weights @ np.abs(alpha) + 1e-12
    for style in (normal_scores(sigma), beta):
        assert abs(weights @ (alpha * style)) < 1e-8 * size
    for sector in frame["sector"].unique():
        assert abs(weights @ (alpha * (frame["sector"] == sector).to_numpy())) < 1e-8 * size


def test_a_score_that_is_only_volatility_is_worth_nothing():
    """The lead that a rank IC of minus volatility has is no money."""
    sigma = np.random.default_rng(0).uniform(0.02, 0.08, 60)
    z = normal_scores(-sigma)
    frame = day(prediction=z, volatility=sigma, probability_underperform=norm.cdf(-0.02 * z))
    frame = frame.with_columns(base_rate=pl.lit(0.5))
    with_it, without = (
        np.abs(alpha_of(frame, GOOD, AlphaSettings(route="information_coefficient", **more))).mean()
        for more in ({}, {"neutral_to_volatility": False, "neutral_to_sector": False})
    )
    assert with_it < 0.02 * without


def test_names_without_a_score_or_a_volatility_have_no_alpha_and_say_why():
    frame = day(
        8,
        probability_underperform=[None, float("nan"), 0.6, 0.4, 0.4, 0.4, 0.4, 0.6],
        volatility=[0.03, 0.03, None, 0.0, float("nan"), 0.03, 0.03, 0.03],
        is_informed=[True, True, True, True, True, False, None, True],
        beta=[1.0, 1.0, 1.0, 1.0, 1.0, 1.0, None, 1.0],
    )
    found = alphas(frame, GOOD, SETTINGS)
    assert found["alpha_state"].to_list() == (
        ["no_score"] * 2 + ["no_volatility"] * 3 + ["uninformed", "known", "known"]
    )
    assert not found["alpha"].to_numpy()[:6].any() and found["alpha"].is_finite().all()


def test_everybody_at_the_base_rate_is_nobody_known():
    frame = day().with_columns(probability_underperform=pl.col("base_rate"))
    assert not alpha_of(frame, GOOD, SETTINGS).any()


def test_certain_probabilities_are_not_believed():
    frame = day(4, probability_underperform=[0.0, 1.0, 0.5, 0.5], base_rate=[0.5] * 4)
    assert np.abs(alpha_of(frame, GOOD, PLAIN)).max() < 4 * 0.08


@pytest.mark.parametrize("n", [0, 1])
def test_no_names_and_one(n):
    assert alpha_of(day(n), GOOD, SETTINGS) == pytest.approx(np.zeros(n))


@settings(max_examples=20, deadline=None)
@given(st.randoms(use_true_random=False))
def test_permuted_names_have_permuted_alphas(random):
    order = random.sample(range(40), 40)
    frame = day(40)
    assert alpha_of(frame[order], GOOD, SETTINGS) == pytest.approx(
        alpha_of(frame, GOOD, SETTINGS)[order], abs=1e-12
    )


def test_neutral_leaves_alone_what_nobody_asked_to_take():
    alpha = np.array([0.01, -0.02, 0.03])
    assert neutral(alpha, np.ones(3), np.ones(3), np.array(["a", "a", "b"]), PLAIN) is alpha


def test_the_claim_of_probabilities_is_their_spread():
    z = np.random.default_rng(0).normal(size=20_000)
    assert implied_ic(norm.cdf(0.03 * z), np.full(z.size, 0.5)) == pytest.approx(0.03, rel=0.02)
    assert np.isnan(implied_ic(np.array([0.5]), np.array([0.5])))


def test_the_slope_is_that_of_the_world_and_its_error_knows_the_days():
    draw = np.random.default_rng(0)
    days = np.repeat(np.arange(300), 50)
    x = draw.normal(0, 0.04, days.size)
    common = np.convolve(draw.normal(0, 0.5, 304), np.ones(5), "valid")[days]
    rows = pl.DataFrame({"trade_date": days, "unit_alpha": x, "simple_return": (0.5 + common) * x})
    slope, error = payoff_slope(rows)
    assert abs(slope - 0.5) < 2.5 * error
    assert error > 1.5 * float(np.std(common)) / np.sqrt(300), "five days overlap"
    assert payoff_slope(rows.clear()) == (None, None)
    assert payoff_slope(rows.with_columns(unit_alpha=pl.lit(0.0))) == (None, None)


def test_skill_is_measured_with_the_error_of_overlapping_days():
    draw = np.random.default_rng(0)
    ics = 0.02 + np.convolve(draw.normal(0, 0.09, 256), np.ones(5) / 5**0.5, "valid")
    skill = measured_skill(ics)
    assert skill.ic == pytest.approx(ics.mean()) and skill.slope is None
    assert skill.ic_error > 1.4 * ics.std() / np.sqrt(ics.size)
    assert measured_skill(np.array([0.1, np.nan])) == Skill(None, None)


def test_scores_that_stay_last_and_new_ones_do_not():
    days = trading_days(date(2024, 1, 2), date(2024, 4, 30))
    draw = np.random.default_rng(0)
    fixed = draw.normal(size=40)
    names = [f"P{k}" for k in range(40)]

    def scores(mix: float) -> pl.DataFrame:
        return pl.concat(
            [
                pl.DataFrame(
                    {
                        "parent_id": names,
                        "trade_date": [d] * 40,
                        "prediction": mix * fixed + (1 - mix) * draw.normal(size=40),
                    }
                )
                for d in days
            ]
        )

    assert persistence(scores(1.0)) == pytest.approx(1.0)
    assert abs(persistence(scores(0.0))) < 0.05
    assert np.isnan(persistence(scores(1.0).clear()))
    assert np.isnan(persistence(scores(1.0).filter(pl.col("trade_date") == days[0])))


def test_normal_scores_tie_and_keep_gaps():
    found = normal_scores(np.array([1.0, 1.0, np.nan, 5.0]))
    assert (
        found[0] == found[1] and np.isnan(found[2]) and found[3] == pytest.approx(norm.ppf(2.5 / 3))
    )
    assert spearmanr(normal_scores(np.arange(9.0) ** 3), np.arange(9)).statistic == 1.0
    assert not normal_scores(np.full(4, 7.0)).any()
