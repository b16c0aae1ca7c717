"""A risk model goes into its tables."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

import numpy as np
import polars as pl
import pytest

from bondsig_assets.calendar import cutoff
from bondsig_assets.portfolio.risk_days import RiskDays
from bondsig_assets.portfolio.risk_model import History, risk_model
from bondsig_assets.portfolio.risk_rows import market_betas, risk_rows
from bondsig_assets.portfolio.settings import RiskSettings
from bondsig_assets.tables import portfolio
from bondsig_assets_tests.portfolio.days import MACRO, risk_of

DAY = date(2024, 3, 1)
N = 30
PARENTS = [f"P{k:02}" for k in range(N)]
SECTORS = [f"S{k % 6}" for k in range(N)]


def rows_of(model, parents=PARENTS):
    return risk_rows(DAY, parents, [p.lower() for p in parents], SECTORS[: len(parents)], model)


def test_rows_fit_their_tables_and_say_when_they_were_known():
    found = rows_of(risk_of(N))
    for name, frame in found.items():
        table = getattr(portfolio, name.upper())
        assert frame.schema == table.polars_schema
        assert set(frame["known_at"]) == {cutoff(DAY)}
        assert not frame.select(table.key).is_duplicated().any()
    variance = found["specific_risks"]["total_risk_pct"] ** 2 / 1e4
    assert variance.to_numpy() == pytest.approx(risk_of(N).variance)
    assert found["factor_covariances"].height == 11 * 12 // 2


def test_a_factor_without_data_is_a_row_that_says_so():
    draw = np.random.default_rng(0)
    macro = draw.normal(0, 0.01, (300, 5))
    macro[:, 1] = np.nan
    macro[-1, 3] = np.nan
    returns = draw.normal(0, 0.02, (300, N))
    history = History(
        returns, np.array(SECTORS), np.full(N, np.nan), np.zeros(N, bool), MACRO, macro
    )
    model = risk_model(history, RiskSettings())
    found = rows_of(model)
    state = dict(found["factor_returns"].select("factor", "state").iter_rows())
    assert state["rates"] == "no_data" and state["credit"] == "unknown"
    assert state["market"] == state["S0"] == "known"
    assert found["factor_exposures"]["rates_beta"].null_count() == N
    betas = market_betas(found)
    own = model.exposures[:, 0] / model.macro_units[0]
    assert betas["market_beta"].to_list() == pytest.approx(own.tolist(), rel=1e-14)
    assert betas["usual_beta"].to_list() == pytest.approx([np.median(own)] * N, rel=1e-14)
    assert betas["trade_date"].to_list() == [DAY] * N
    is_market = pl.col("factor") == "market"
    unknown = {
        **found,
        "factor_returns": found["factor_returns"].with_columns(
            state=pl.when(is_market).then(pl.lit("no_data")).otherwise("state"),
            unit_change=pl.when(~is_market).then("unit_change"),
        ),
    }
    assert market_betas(unknown).is_empty()
    back, _ = RiskDays(found).of(DAY, PARENTS)
    assert back.missing == ("rates",)
    assert back.covariance.tobytes() == model.covariance.tobytes()


def test_no_names_are_no_rows_but_for_factors():
    none = replace(risk_of(0))
    found = risk_rows(DAY, [], [], [], none)
    assert found["specific_risks"].is_empty() and found["factor_exposures"].is_empty()
    assert found["factor_returns"].filter(pl.col("is_macro")).height == len(MACRO)


def test_betas_of_a_day_alone_have_the_bits_of_the_range():
    def day(on: date, n: int, seed: int) -> dict[str, pl.DataFrame]:
        rows, draw = risk_rows(on, *names(n), risk_of(n)), np.random.default_rng(seed)
        betas, units = pl.Series(draw.normal(1, 0.3, n)), pl.lit(float(draw.uniform(0.1, 2)))
        return rows | {
            "factor_exposures": rows["factor_exposures"].with_columns(market_beta=betas),
            "factor_returns": rows["factor_returns"].with_columns(unit_change=units),
        }

    def names(n: int) -> tuple[list[str], list[str], list[str]]:
        return PARENTS[:n], [one.lower() for one in PARENTS[:n]], SECTORS[:n]

    days = [day(date(2024, 3, k + 4), N - k, k) for k in range(5)]
    whole = market_betas({name: pl.concat([one[name] for one in days]) for name in days[0]})
    assert whole["trade_date"].n_unique() == len(days)
    assert whole.equals(pl.concat([market_betas(one) for one in days]))
