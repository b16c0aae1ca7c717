"""Macro factors: by hand, and never before they were known."""

from __future__ import annotations

from datetime import date, datetime, timedelta

import numpy as np
import polars as pl
import pytest

from bondsig_assets.calendar import cutoff, trading_days
from bondsig_assets.portfolio.macro_factors import (
    FACTORS,
    macro_factors,
    series_named,
    ten_year_yield,
)

DAYS = trading_days(date(2024, 1, 2), date(2024, 3, 15))
CUTOFFS = np.array([cutoff(day) for day in DAYS], dtype="datetime64[us]")
N = len(DAYS)
NONE = pl.DataFrame(
    schema={"trade_date": pl.Date, "value": pl.Float64, "known_at": pl.Datetime("us")}
)


def told(values, later_days: int = 1) -> pl.DataFrame:
    """A series known at seven o'clock on the morning `later_days` after its day."""
    return pl.DataFrame(
        {
            "trade_date": DAYS,
            "value": values,
            "known_at": [
                datetime(d.year, d.month, d.day, 7) + timedelta(days=later_days) for d in DAYS
            ],
        },
        schema=NONE.schema,
    )


def factors(returns=None, etfs=None, energy=0, spreads=None, vix=NONE, yields=NONE):
    draw = np.random.default_rng(0)
    returns = draw.normal(0, 0.02, (N, 12)) if returns is None else returns
    etfs = draw.normal(0, 0.01, (N, 3)) if etfs is None else etfs
    spreads = np.exp(draw.normal(5, 0.1, (N, 8))) if spreads is None else spreads
    return macro_factors(CUTOFFS, returns, etfs, energy, spreads, vix, yields)


def column(found, name: str) -> np.ndarray:
    return found.changes[:, FACTORS.index(name)]


def test_market_and_oil_by_hand():
    etfs = np.tile([0.03, 0.01, 0.02], (N, 1))
    found = factors(etfs=etfs)
    assert column(found, "market") == pytest.approx(np.full(N, 0.02))
    assert column(found, "oil") == pytest.approx(np.full(N, 0.01))
    alone = factors(etfs=np.full((N, 0), np.nan), energy=None)
    draw = np.random.default_rng(0).normal(0, 0.02, (N, 12))
    assert column(alone, "market") == pytest.approx(draw.mean(axis=1))
    assert np.isnan(column(alone, "oil")).all()


def test_credit_is_the_median_log_change():
    spreads = np.full((N, 5), 100.0)
    spreads[10:] *= [1.01, 1.02, 1.03, 1.5, 0.5]
    found = column(factors(spreads=spreads), "credit")
    assert found[10] == pytest.approx(np.log(1.02)) and found[11] == 0
    spreads[10, 0] = np.nan
    assert np.isnan(column(factors(spreads=spreads), "credit")[10]), "four issuers are too few"


def test_rates_and_volatility_are_known_when_they_are_delivered():
    yields, vix = told(np.linspace(4, 5, N)), told(np.linspace(15, 30, N), 0)
    found = factors(yields=yields, vix=vix)
    step = 1 / (N - 1)
    assert column(found, "rates")[1:] == pytest.approx(np.full(N - 1, step))
    assert column(found, "volatility")[5] == pytest.approx(
        np.log(vix["value"][5] / vix["value"][4])
    )
    seen = found.as_of(20, 10)
    assert seen.shape == (10, len(FACTORS))
    assert np.isnan(seen[-1, FACTORS.index("rates")]), "the curve of today comes tomorrow"
    assert np.isfinite(seen[:-1, FACTORS.index("rates")]).all()
    assert np.isfinite(seen[-1, FACTORS.index("volatility")])


def test_a_late_value_is_unknown_until_it_comes_and_so_is_the_next_change():
    frame = told(np.linspace(4, 5, N)).with_columns(
        known_at=pl.when(pl.col("trade_date") == DAYS[10])
        .then(pl.lit(datetime(2024, 3, 1, 7)))
        .otherwise("known_at")
    )
    found, rates = factors(yields=frame), FACTORS.index("rates")
    comes = DAYS.index(date(2024, 3, 1))
    for day in (comes - 1, comes):
        seen = found.as_of(day, day + 1)[:, rates]
        assert np.isfinite(seen[[10, 11]]).all() == (day == comes)
        assert np.isfinite(seen[[9, 12]]).all()


def test_what_comes_later_changes_nothing_known_before():
    draw = np.random.default_rng(3)
    returns, etfs = draw.normal(0, 0.02, (N, 12)), draw.normal(0, 0.01, (N, 3))
    spreads = np.exp(draw.normal(5, 0.1, (N, 8)))
    yields, vix = told(draw.normal(4, 0.1, N)), told(draw.uniform(10, 40, N))
    cut = 30
    before = factors(returns, etfs, 0, spreads, vix, yields).as_of(cut, cut + 1)
    for panel in (returns, etfs, spreads):
        panel[cut + 1 :] *= 7
    poisoned = [
        f.with_columns(
            value=pl.when(pl.col("trade_date") >= DAYS[cut]).then(99.0).otherwise("value")
        )
        for f in (vix, yields)
    ]
    after = factors(returns, etfs, 0, spreads, *poisoned).as_of(cut, cut + 1)
    assert before.tobytes() == after.tobytes()


def test_without_an_index_volatility_is_the_dispersion_of_names():
    returns = np.tile(np.linspace(-0.02, 0.02, 13), (N, 1))
    returns[40:] *= 2
    late = told(np.full(N, 20.0)).filter(pl.col("trade_date") > DAYS[45])
    volatility, found = FACTORS.index("volatility"), factors(returns=returns, vix=late)
    seen = found.as_of(45, 46)[:, volatility]
    assert np.isnan(seen[:21]).all() and seen[21:40] == pytest.approx(np.zeros(19), abs=1e-12)
    # Six of 21 days at twice the dispersion: (15 + 12) / 21.
    assert (seen[40:] > 0).all() and seen[40:].sum() == pytest.approx(np.log(27 / 21))
    with_index = found.as_of(N - 1, N)[:, volatility]
    assert np.isnan(with_index[:46]).all() and with_index[47:-1] == pytest.approx(0.0)


def test_nothing_delivered_is_nothing_known():
    found = factors(
        returns=np.full((N, 3), np.nan), etfs=np.full((N, 2), np.nan), spreads=np.full((N, 0), 1.0)
    )
    assert np.isnan(found.changes).all()


def test_levels_that_have_no_logarithm_are_none():
    values = np.full(N, 20.0)
    values[[5, 6]] = [0.0, -3.0]
    values[7] = np.nan
    found = column(factors(vix=told(values)), "volatility")
    assert np.isnan(found[[5, 6, 7]]).all() and found[8] == 0


def test_series_are_picked_by_name_and_tenor():
    macro = pl.concat(
        [told(np.full(N, v)).with_columns(series=pl.lit(s)) for s, v in (("vix", 20.0), ("x", 1.0))]
    )
    assert series_named(macro, ["vixx", "vix"])["value"].to_list() == [20.0] * N
    assert series_named(macro, ["none"]).is_empty()
    yields = pl.DataFrame(
        {
            "trade_date": DAYS[:3],
            "tenor_years": [10.0, 5.0, 10.0],
            "par_yield_pct": [4.0, 3.0, 0.0],
            "known_at": [datetime(2024, 1, 9)] * 3,
        }
    )
    assert ten_year_yield(yields).rows() == [(DAYS[0], 4.0, datetime(2024, 1, 9))]
