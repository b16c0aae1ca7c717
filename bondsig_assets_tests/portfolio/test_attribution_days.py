"""Models of days out of rows: which evening counts, in which units, and that a range is its days.

Belongs here: `portfolio/attribution_days.py`. Not here: the split of one day
(`test_attribution.py`).
"""

from __future__ import annotations

from dataclasses import fields, replace
from datetime import date, datetime, time

import numpy as np
import polars as pl
import pytest

from bondsig_assets.calendar import cutoff
from bondsig_assets.portfolio.attribution_days import (
    ModelRows,
    day_models,
    factors_of,
    late_moves,
    moves,
    parts_of_days,
)
from bondsig_assets.portfolio.book_returns import book_returns
from bondsig_assets.portfolio.macro_factors import macro_factors
from bondsig_assets.tables.portfolio import FACTOR_EXPOSURES, FACTOR_RETURNS, SPECIFIC_RISKS
from bondsig_assets_tests.portfolio.books import DAYS, filled_up, keep
from bondsig_assets_tests.portfolio.test_figures import WORLD

NAMES = {"A": "tech", "B": "energy", "C": "tech"}
N = 30
BOOK = keep(WORLD)


def morning_after(k: int) -> datetime:
    return datetime.combine(DAYS[k + 1], time(9, 0))


def rows(n: int = N) -> ModelRows:
    """A risk model and expected returns of `n` days; rates are never known on their own evening,
    and tech has no return on every seventh.
    """
    rng = np.random.default_rng(51)
    factors, exposures, risks, alphas, returns, late = [], [], [], [], [], []
    for k in range(n):
        day = {"trade_date": DAYS[k], "known_at": cutoff(DAYS[k])}
        units = {"market": 0.01 + 0.001 * rng.random(), "rates": 0.05 + 0.01 * rng.random()}
        for factor, unit in units.items():
            known = factor == "market"
            factors.append(
                {
                    **day,
                    "factor": factor,
                    "is_macro": True,
                    "factor_return": float(rng.standard_normal()) if known else None,
                    "unit_change": unit,
                    "state": "known" if known else "unknown",
                }
            )
        for sector in ("tech", "energy"):
            gone = sector == "tech" and k % 7 == 6
            factors.append(
                {
                    **day,
                    "factor": sector,
                    "factor_return": None if gone else 0.004 * float(rng.standard_normal()),
                    "state": "unknown" if gone else "known",
                }
            )
        factors.append({**day, "factor": "oil", "is_macro": True, "state": "no_data"})
        change = {"trade_date": DAYS[k], "factor": "rates", "change": 0.05 * rng.standard_normal()}
        late.append({**change, "known_at": morning_after(k)})
        for parent, sector in NAMES.items():
            name = {**day, "parent_id": parent, "ticker": parent}
            betas = {f"{one}_beta": 0.01 * float(rng.standard_normal()) for one in units}
            exposures.append({**name, "sector": sector, **betas, "has_own": True})
            risks.append({**name, "specific_risk_pct": 1 + float(rng.random())})
            alphas.append({**name, "policy": "optimised", "alpha_bps": 10 * rng.standard_normal()})
            moved = WORLD.closes[parent][k] / WORLD.closes[parent][max(k - 1, 0)] - 1
            returns.append({"trade_date": DAYS[k], "parent_id": parent, "simple_return": moved})
    return ModelRows(
        filled_up(FACTOR_RETURNS, factors),
        filled_up(FACTOR_EXPOSURES, exposures),
        filled_up(SPECIFIC_RISKS, risks),
        pl.DataFrame(alphas).select("trade_date", "policy", "parent_id", "alpha_bps"),
        pl.DataFrame(returns),
        pl.DataFrame(late),
    )


ROWS = rows()


def one(frame: pl.DataFrame, column: str, **key: object) -> float:
    return frame.filter(**key)[column].item()


def test_a_day_is_split_by_the_evening_before_and_the_decision_before_that():
    ((day, model, known),) = day_models(ROWS, [DAYS[5]], "optimised")
    assert (day, model.parents) == (DAYS[5], ("A", "B", "C"))
    assert model.factors == ("market", "rates", "energy", "tech")
    exposed = ROWS.factor_exposures
    for place, parent in enumerate(model.parents):
        beta = one(exposed, "market_beta", trade_date=DAYS[4], parent_id=parent)
        assert model.exposures[place, 0] == beta
        risk = one(ROWS.specific_risks, "specific_risk_pct", trade_date=DAYS[4], parent_id=parent)
        assert model.specific_variance[place] == pytest.approx((risk / 100) ** 2)
        alpha = one(ROWS.alphas, "alpha_bps", trade_date=DAYS[3], parent_id=parent)
        assert model.alpha[place] == pytest.approx(alpha / 5e4)
        closes = WORLD.closes[parent]
        assert model.returns[place] == pytest.approx(closes[5] / closes[4] - 1)
    assert model.exposures[:, 2:].tolist() == [[0, 1], [1, 0], [0, 1]]


def test_moves_are_said_in_units_of_the_exposures():
    """A standard move of today's model in those of the evening before; sectors are shares."""
    ((_, model, _),) = day_models(ROWS, [DAYS[5]], "optimised")
    factors = ROWS.factor_returns

    def of(column: str, day: int, factor: str) -> float:
        return one(factors, column, trade_date=DAYS[day], factor=factor)

    market = of("factor_return", 5, "market") * of("unit_change", 5, "market")
    assert model.factor_returns[0] == pytest.approx(market / of("unit_change", 4, "market"))
    assert model.factor_returns[2] == of("factor_return", 5, "energy")


def test_what_the_next_morning_told_counts_where_it_is_given_and_makes_rows_known_later():
    assert ROWS.late is not None
    ((_, told, later),) = day_models(ROWS, [DAYS[5]], "optimised")
    ((_, plain, at_once),) = day_models(replace(ROWS, late=None), [DAYS[5]], "optimised")
    change = one(ROWS.late, "change", trade_date=DAYS[5], factor="rates")
    unit = one(ROWS.factor_returns, "unit_change", trade_date=DAYS[4], factor="rates")
    assert told.factor_returns[1] == pytest.approx(change / unit)
    assert np.isnan(plain.factor_returns[1])
    assert (later, at_once) == (morning_after(5), cutoff(DAYS[5]))
    # What was known on its evening stays what it was.
    told_again = replace(
        ROWS,
        late=ROWS.late.with_columns(factor=pl.lit("market")),
    )
    ((_, kept, still),) = day_models(told_again, [DAYS[5]], "optimised")
    assert kept.factor_returns[0] == plain.factor_returns[0] and still == cutoff(DAYS[5])


def test_late_moves_are_those_that_macro_factors_make_and_as_late_as_both_values():
    """The change to the last value there was, over a hole too; the later of two times."""
    series = pl.DataFrame(
        {
            "trade_date": [DAYS[3], DAYS[0], DAYS[1], DAYS[2]],
            "value": [4.4, 4.0, 4.1, float("nan")],
            "known_at": [morning_after(k) for k in (3, 0, 5, 2)],
        }
    )
    found = late_moves(series, "rates", is_log=False)
    assert found["trade_date"].to_list() == [DAYS[1], DAYS[3]]
    assert found["change"].to_list() == pytest.approx([0.1, 0.3])
    assert found["known_at"].to_list() == [morning_after(5), morning_after(5)]
    cutoffs = np.array([cutoff(day) for day in DAYS[:8]], dtype="datetime64[us]")
    nothing = np.full((8, 1), np.nan)
    made = macro_factors(cutoffs, nothing, nothing, None, nothing, series.clear(), series)
    assert made.changes[[1, 3], 1] == pytest.approx(found["change"].to_list())
    logs = late_moves(series.with_columns(value=pl.col("value") - 4.0), "volatility", is_log=True)
    assert logs["trade_date"].to_list() == [DAYS[3]]
    assert logs["change"].item() == pytest.approx(np.log(4.0))


def test_a_day_before_the_first_rows_has_no_model_and_all_is_unmodelled():
    ((_, model, _),) = day_models(ROWS, [DAYS[0]], "optimised")
    assert model.parents == ()
    first = parts_of_days(
        BOOK.entries.filter(trade_date=DAYS[1]),
        BOOK.positions,
        replace(ROWS, factor_exposures=ROWS.factor_exposures.clear()),
        [DAYS[1]],
    )
    held = first.filter(pl.col("part").is_in(["alpha", "factor", "specific"]))
    assert set(held["pnl_usd"]) == {0.0}
    assert first.filter(part="unmodelled")["pnl_usd"].item() != 0


def test_a_policy_without_expected_returns_has_no_alpha():
    ((_, model, _),) = day_models(ROWS, [DAYS[5]], "tranches")
    assert not model.alpha.any()


def test_parts_of_all_days_add_up_and_a_range_is_its_days():
    days = DAYS[:N]
    entries = BOOK.entries.filter(pl.col("trade_date") <= days[-1])
    found = parts_of_days(entries, BOOK.positions, ROWS, days)
    gains = book_returns(BOOK.days.head(N))
    for day, usd in zip(days, gains["pnl_usd"], strict=True):
        mine = found.filter(trade_date=day)
        assert sum(round(1e4 * x) for x in mine["pnl_usd"]) == round(1e4 * usd)
        assert mine.filter(part="remainder")["pnl_usd"].item() == 0
    for place in (1, 8, 20):
        near = [DAYS[place - 1], DAYS[place]]
        alone = parts_of_days(
            entries.filter(trade_date=DAYS[place]),
            BOOK.positions.filter(pl.col("trade_date").is_in(near)),
            ROWS,
            [DAYS[place]],
        )
        assert alone.equals(found.filter(trade_date=DAYS[place]))


def test_what_comes_later_changes_no_earlier_day():
    """Rows after a day poisoned: its parts have the same bits."""
    cut = DAYS[12]

    def poisoned(frame: pl.DataFrame) -> pl.DataFrame:
        numbers = [name for name, kind in frame.schema.items() if kind == pl.Float64]
        later = pl.col("trade_date") > cut
        return frame.with_columns(
            pl.when(later).then(pl.col(name) * 1e3 + 7).otherwise(name).alias(name)
            for name in numbers
        )

    days = DAYS[:13]
    entries = BOOK.entries.filter(pl.col("trade_date") <= cut)
    plain = parts_of_days(entries, BOOK.positions, ROWS, days)
    bad = ModelRows(*(poisoned(getattr(ROWS, field.name)) for field in fields(ModelRows)))
    assert parts_of_days(entries, poisoned(BOOK.positions), bad, days).equals(plain)


def test_no_order_of_rows_changes_a_bit():
    days = DAYS[:10]
    entries = BOOK.entries.filter(pl.col("trade_date") <= days[-1])
    mixed = ModelRows(
        *(
            getattr(ROWS, field.name).sample(fraction=1.0, shuffle=True, seed=3)
            for field in fields(ModelRows)
        )
    )
    turned = entries.sample(fraction=1.0, shuffle=True, seed=4)
    assert parts_of_days(turned, BOOK.positions, mixed, days).equals(
        parts_of_days(entries, BOOK.positions, ROWS, days)
    )


def test_factors_for_the_regression_are_moves_in_their_own_units():
    days = DAYS[:N]
    found = factors_of(ROWS, days)
    assert found.names == ("market", "rates", "energy", "tech")
    assert found.returns.shape == (N, 4)
    told = moves(ROWS)
    for k in (0, 6, 11):
        for place, name in enumerate(found.names):
            change = one(told, "change", trade_date=days[k], factor=name)
            shown = found.returns[k, place]
            assert (change is None and np.isnan(shown)) or change == shown
    assert np.isnan(found.returns[6, 3]) and np.isfinite(found.returns[5]).all()
    assert np.isnan(factors_of(replace(ROWS, late=None), days).returns[:, 1]).all()
    beyond = factors_of(ROWS, [date(2013, 12, 31)])
    assert beyond.returns.shape == (1, 0)
