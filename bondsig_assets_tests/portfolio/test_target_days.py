"""A day's targets from its rows: whose scores, what they promise, what is held."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from functools import cache

import numpy as np
import polars as pl
import pytest
from scipy.stats import norm

from bondsig_assets.calendar import quarter_of
from bondsig_assets.portfolio.alpha import Skill, payoff_slope
from bondsig_assets.portfolio.risk_rows import RISK_TABLES, risk_of_days
from bondsig_assets.portfolio.settings import make_settings
from bondsig_assets.portfolio.target_days import (
    TargetDays,
    TargetInputs,
    alpha_rows,
    skill_of,
    unit_alphas,
)
from bondsig_assets.portfolio.target_names import HELD
from bondsig_assets.portfolio.target_rows import target_rows
from bondsig_assets.portfolio.universe import universe
from bondsig_assets_tests.features.markets import DAYS
from bondsig_assets_tests.portfolio.market_days_of import market_days

N, FIRST, LAST = 24, 140, 149
SPAN = DAYS[FIRST : LAST + 1]
MODEL, FOLD = "bayes_ridge", date(2022, 7, 1)
NAV = 1e6
SETTINGS = make_settings(
    {"universe": {"minimum_returns": 21}, "risk": {"beta_days": 126}, "nav_usd": NAV}
)


@cache
def inputs(strength: float = 0.4) -> TargetInputs:
    """Ten days of 24 names with probabilities that say something."""
    market = market_days(LAST + 1, N)
    draw = np.random.default_rng(5)
    prediction = draw.normal(size=(LAST + 1, N))
    scores = pl.DataFrame(
        {
            "trade_date": [DAYS[d] for d in range(LAST + 1) for _ in range(N)],
            "parent_id": [f"P{k:02}" for _ in range(LAST + 1) for k in range(N)],
            "probability_underperform": norm.cdf(-strength * prediction.ravel()),
            "prediction": prediction.ravel(),
        }
    ).with_columns(
        base_rate=pl.lit(0.5),
        is_informed=pl.lit(value=True),
        fold=pl.lit(FOLD),
        model_name=pl.lit(MODEL),
    )
    facts = market.facts(DAYS[FIRST - 1], DAYS[LAST])
    return TargetInputs(
        universe(facts, SETTINGS.universe, SETTINGS.bounds, SETTINGS.nav_usd),
        risk_of_days(market, DAYS[FIRST - 1], DAYS[LAST], SETTINGS.risk),
        scores,
        {(quarter_of(day), FOLD, MODEL): Skill(0.05, 0.01, 1.0) for day in SPAN},
    )


def of(made, table: str) -> pl.DataFrame:
    if table == "alphas":
        return alpha_rows(made)
    rows: pl.DataFrame = getattr(target_rows([one.targets for one in made]), table)
    return rows


def target_days(given: TargetInputs, days, held, settings) -> list:
    """Targets of some days, each taken as held on the next."""
    made, of_days = [], TargetDays(given, days, settings)
    for day in days:
        made.append(of_days.of(day, held, NAV))
        held = of(made[-1:], "positions").filter(pl.col("shares") != 0).select(*HELD)
    return made


def nothing_held() -> pl.DataFrame:
    return pl.DataFrame(schema=HELD)


def test_a_name_that_lost_its_row_is_sold_at_a_risk_of_others():
    """Without a row it has no price of today: it is frozen, with a place and a weight, until it is
    priced again.
    """
    held = pl.DataFrame(
        {"parent_id": ["P99"], "ticker": ["T99"], "shares": [500], "price_usd": [20.0]},
        schema=HELD,
    )
    made = target_days(inputs(), SPAN[:2], held, SETTINGS)
    for row in of(made, "positions").filter(parent_id="P99").iter_rows(named=True):
        assert (row["state"], row["shares"], row["held_weight"]) == ("frozen", 500, 0.01)


def test_nothing_known_trades_nothing():
    silent = inputs(0.0)
    made = target_days(silent, SPAN, nothing_held(), SETTINGS)
    assert not of(made, "positions")["shares"].to_numpy().any()
    assert of(made, "solutions")["turnover"].sum() == 0
    no_scores = replace(inputs(), scores=inputs().scores.clear())
    made = target_days(no_scores, SPAN[:3], nothing_held(), SETTINGS)
    assert set(of(made, "alphas")["alpha_state"]) == {"no_score"}
    assert not of(made, "positions")["shares"].to_numpy().any()


def test_hedges_take_the_sectors_out():
    """The same alphas with sector ETFs allowed: they are held, without an expected return of their
    own, and take risk away.
    """
    tight = {"sector_pct": 0.5, "net_pct": 0.5}
    plain, hedged = (
        target_days(
            inputs(),
            SPAN[:4],
            nothing_held(),
            replace(SETTINGS, bounds=replace(SETTINGS.bounds, sector_etf_hedges=on, **tight)),
        )
        for on in (False, True)
    )
    etfs = of(hedged, "positions").filter(state="hedge")
    assert etfs["shares"].to_numpy().any() and not etfs["alpha_bps"].to_numpy().any()
    assert of(plain, "positions").filter(state="hedge").is_empty()
    risk = [of(made, "solutions")["forecast_risk_pct"].sum() for made in (plain, hedged)]
    assert risk[1] < risk[0]


def test_the_multiplier_follows_persistence_where_asked():
    settings = replace(SETTINGS, costs=replace(SETTINGS.costs, multiplier=0.0))
    steady = replace(
        inputs(),
        scores=inputs().scores.with_columns(
            prediction=pl.col("parent_id").str.slice(1).cast(pl.Float64)
        ),
    )
    for given, wanted in ((steady, 1.0), (inputs(), 2.0)):
        made = target_days(given, SPAN[:1], nothing_held(), settings)
        assert of(made, "solutions")["multiplier"][0] == pytest.approx(wanted, abs=0.15)


def test_alphas_lead_from_the_score_to_what_is_expected():
    made = target_days(inputs(), SPAN[:1], nothing_held(), SETTINGS)
    rows, positions = of(made, "alphas"), of(made, "positions")
    row = rows.row(3, named=True)
    promised = -row["volatility_pct"] * norm.ppf(row["probability_underperform"])
    assert row["probability_alpha_bps"] == pytest.approx(100 * promised, rel=1e-9)
    assert row["raw_alpha_bps"] == row["probability_alpha_bps"]
    assert (row["measured_ic"], row["payoff_slope"], row["model_name"]) == (0.05, 1.0, MODEL)
    both = rows.join(positions, on="parent_id")
    assert both["alpha_bps"].to_list() == both["alpha_bps_right"].to_list()


def test_the_slope_is_what_promises_had_earned():
    """A unit promised earned 0.7 of it: probabilities claimed too much, and that is measured."""
    draw = np.random.default_rng(3)
    days = [d for d in DAYS[:100] for _ in range(N)]
    names = [f"P{k:02}" for _ in range(100) for k in range(N)]
    p = norm.cdf(draw.normal(0, 0.3, len(days)))
    keys = {"trade_date": days, "parent_id": names}
    predictions = pl.DataFrame({**keys, "probability_underperform": p, "base_rate": 0.5})
    risks = pl.DataFrame({**keys, "specific_risk_pct": 2.0})
    units = unit_alphas(predictions, risks)
    assert units["unit_alpha"].to_numpy() == pytest.approx(
        -0.02 * np.sqrt(5) * norm.ppf(p), rel=1e-12
    )
    simple = 0.7 * units["unit_alpha"].to_numpy()
    labels = pl.DataFrame(
        {**keys, "stock_return_pct": 100 * np.log1p(simple), "sector_return_pct": 0.0}
    )
    ics = pl.DataFrame(
        {"trade_date": DAYS[:84], "information_coefficient": draw.normal(0.03, 0.1, 84)}
    )
    found = skill_of(ics, predictions, labels, risks)
    assert found.slope == pytest.approx(0.7, rel=1e-9) and found.ic_error > 0
    assert payoff_slope(units.with_columns(simple_return=pl.Series(simple)))[0] == pytest.approx(
        0.7
    )
    few = predictions.filter(pl.col("trade_date") < DAYS[40])
    assert skill_of(ics, few, labels, risks).slope is None, "too few days to ask"
    assert skill_of(ics, predictions.clear(), labels, risks).slope is None
    assert set(inputs().risk) == set(RISK_TABLES)
