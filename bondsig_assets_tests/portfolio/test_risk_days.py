"""A risk model comes back from its tables as it was, also for names that it has not."""

from __future__ import annotations

from datetime import date, timedelta

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bondsig_assets.portfolio.risk_days import RiskDays
from bondsig_assets.portfolio.risk_rows import risk_rows
from bondsig_assets_tests.portfolio.days import risk_of

DAY = date(2024, 3, 1)
N = 30
PARENTS = [f"P{k:02}" for k in range(N)]
SECTORS = [f"S{k % 6}" for k in range(N)]
ARRAYS = (
    "exposures",
    "covariance",
    "specific_variance",
    "factor_returns",
    "has_own",
    "n_returns",
    "macro_units",
)


def rows_of(model, day=DAY, n=N):
    return risk_rows(day, PARENTS[:n], [p.lower() for p in PARENTS[:n]], SECTORS[:n], model)


def test_what_is_written_reads_back():
    model = risk_of(N)
    found, sector = RiskDays(rows_of(model)).of(DAY, PARENTS)
    for name in ("exposures", "covariance", "factor_returns", "n_returns", "macro_units"):
        assert getattr(found, name).tobytes() == getattr(model, name).tobytes(), name
    assert found.specific_variance == pytest.approx(model.specific_variance, rel=1e-14)
    assert (found.factors, found.missing, found.n_macro) == (
        model.factors,
        model.missing,
        model.n_macro,
    )
    assert sector.tolist() == SECTORS


@given(st.lists(st.sampled_from(PARENTS), unique=True))
def test_names_come_in_the_order_that_is_asked(parents):
    model = risk_of(N)
    found, sector = RiskDays(rows_of(model)).of(DAY, parents)
    order = [PARENTS.index(one) for one in parents]
    assert found.exposures.tobytes() == model.exposures[order].tobytes()
    assert sector.tolist() == [SECTORS[k] for k in order]


def test_a_name_that_the_model_has_not_is_as_the_median_and_in_no_sector():
    model = risk_of(N)
    found, sector = RiskDays(rows_of(model)).of(DAY, ["Z", "P04", "A"])
    middle = np.median(model.exposures[:, : model.n_macro], axis=0)
    for k in (0, 2):
        assert found.exposures[k, : model.n_macro] == pytest.approx(middle, rel=1e-14)
        assert not found.exposures[k, model.n_macro :].any()
        assert found.specific_variance[k] == pytest.approx(
            np.median(np.sqrt(model.specific_variance)) ** 2, rel=1e-13
        )
        assert (sector[k], found.has_own[k], found.n_returns[k]) == ("", False, 0)
    assert found.exposures[1].tobytes() == model.exposures[4].tobytes()


def test_a_day_without_a_model_gives_every_name_the_usual_risk():
    found, sector = RiskDays(rows_of(risk_of(N))).of(DAY + timedelta(days=1), ["A", "B"])
    assert (found.factors, found.exposures.shape) == ((), (2, 0))
    assert found.specific_variance.tolist() == [0.02**2] * 2 and sector.tolist() == ["", ""]


def test_a_day_alone_has_the_bits_of_the_range():
    days = [DAY + timedelta(days=k) for k in range(4)]
    alone = [rows_of(risk_of(N - k), day, N - k) for k, day in enumerate(days)]
    whole = RiskDays({name: pl.concat([one[name] for one in alone]) for name in alone[0]})
    asked = ["Z", *PARENTS[:20]]
    for day, rows in zip(days, alone, strict=True):
        one, of_one = RiskDays(rows).of(day, asked)
        other, of_other = whole.of(day, asked)
        assert of_one.tolist() == of_other.tolist()
        for name in ARRAYS:
            assert getattr(one, name).tobytes() == getattr(other, name).tobytes(), name
