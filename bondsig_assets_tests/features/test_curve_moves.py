"""What the Treasury curve puts into a day's spreads: moves by hand, and changes without them."""

from __future__ import annotations

from datetime import datetime, time

import numpy as np
import polars as pl
import pytest

from bondsig_assets import market_rules
from bondsig_assets.bonds import issuer_curves
from bondsig_assets.features import replay
from bondsig_assets.features.curve_moves import NEVER, CurveMoves, curve_moves, price_share
from bondsig_assets.features.issuer_days import issuer_days
from bondsig_assets.features.panels import cutoff_moments
from bondsig_assets_tests.features.markets import (
    DAYS,
    bond,
    issuer,
    panels,
    price,
    revision,
    stock,
)
from bondsig_assets_tests.rows_of import rows_of

TENORS = (1.0, 2.0, 5.0, 10.0, 30.0)


def curve(day: int, level: float, known: int | None = None) -> list[dict]:
    """A flat curve of DAYS[day], known on the morning of the next unless told otherwise."""
    told = datetime.combine(DAYS[day + 1 if known is None else known], time(6))
    return [
        {"trade_date": DAYS[day], "tenor_years": tenor, "par_yield_pct": level, "known_at": told}
        for tenor in TENORS
    ]


def changes(
    n_names: int, levels: list[float], told: list[list[dict]], own: float = 0.0, market: float = 0.0
) -> pl.DataFrame:
    """Issuer days of names with a bond each of 2 to 11 years, whose true spreads of 100 to 290 bps
    move by `own` bps (the first name's) and by the share `market` (all) on the last day, seen at
    noon over the curve of the day before while yields go through `levels`.
    """
    names = [f"P{k:02}" for k in range(n_names)]
    rows = []
    for day in range(1, len(levels)):
        for k, name in enumerate(names):
            is_last = day == len(levels) - 1
            true = (100.0 + 10 * (k % 20)) * (1 + market * is_last) + own * (is_last and k == 0)
            seen = true + 50.0 * (levels[day] - levels[day - 1])
            rows.append(
                revision(
                    f"{name}1",
                    day,
                    spread=seen,
                    maturity_years=2.0 + 9.0 * k / n_names,
                    n_trades=25,
                    cds_equivalent_spread_bps=seen,
                )
            )
    market_of = panels(
        0,
        len(levels) - 1,
        revisions=rows,
        treasury_yields=[row for rows in told for row in rows],
        bonds=[bond(f"{name}1", name.lower()) for name in names],
        issuers=[issuer(name.lower(), name) for name in names],
        equities=[stock(name, f"T{name}") for name in names],
        prices=[price(f"T{name}", 0, 0.0) for name in names],
    )
    last = DAYS[len(levels) - 1]
    return issuer_days(market_of, last, last)[0]


def test_a_curves_move_is_between_what_was_used_and_the_days_own():
    years = np.array([1.0, 5.0, 10.0])
    used, own = np.array([[4.0, 4.0, 4.0]]), np.array([[4.0, 4.1, 4.3]])
    moves = CurveMoves(years, used, own, np.array([1]))
    found = moves.at(np.zeros(4, dtype=int), np.array([0.2, 3.0, 7.5, 40.0]))
    assert found == pytest.approx([0.0, 5.0, 20.0, 30.0])


def test_a_curve_is_known_when_it_was_told_and_a_missing_one_never():
    days = np.array(DAYS[:5], dtype="datetime64[D]")
    told = [*curve(0, 4.0), *curve(1, 4.1), *curve(3, 4.4, known=4)]
    moves = curve_moves(rows_of("treasury_yields", *told), days, cutoff_moments(days))
    assert moves.lag.tolist() == [NEVER, 1, NEVER, 1, NEVER]  # of day 0 none was known before
    assert moves.at(np.array([1, 3]), np.array([5.0, 5.0])) == pytest.approx([10.0, 30.0])
    assert (curve_moves(None, days, cutoff_moments(days)).lag == NEVER).all()


def test_a_mean_price_holds_the_days_moves_up_to_its_trades():
    seconds = pl.DataFrame(
        {"mean_trade_second": [6 * 3600.0, 10 * 3600.0, 20 * 3600.0, None]},
        schema={"mean_trade_second": pl.Float64},
    )
    assert seconds.select(price_share()).to_series().to_list() == [0.0, 0.25, 1.0, 0.5]


def test_what_yesterdays_curve_is_known_to_have_put_in_is_taken_out():
    levels = [4.0, 4.2, 4.2]
    found = changes(3, levels, [curve(0, 4.0), curve(1, 4.2), curve(2, 4.2)])
    # Yesterday's spreads were 10 bps too wide; too few issuers to estimate today's.
    assert found["oas_1d_change_bps"].to_list() == pytest.approx([0.0, 0.0, 0.0], abs=1e-9)


def test_what_is_not_known_yet_stays():
    levels = [4.0, 4.2, 4.2]
    found = changes(3, levels, [curve(0, 4.0), curve(1, 4.2, known=4), curve(2, 4.2, known=4)])
    assert found["oas_1d_change_bps"].to_list() == pytest.approx([-10.0] * 3)


@pytest.mark.parametrize("own", [0.0, -40.0])
def test_todays_move_is_told_by_all_bonds_together(own):
    levels = [4.0, 4.0, 4.2]
    told = [curve(0, 4.0), curve(1, 4.0)]
    found = changes(60, levels, told, own=own)
    left = found["oas_1d_change_bps"].to_numpy()
    assert left[0] == pytest.approx(own, abs=2.0)
    assert np.abs(left[1:]).max() < 2.0
    level = found["spread_bps"].to_numpy()[:20]
    assert level[1:] == pytest.approx(100.0 + 10 * np.arange(1, 20), abs=2.0)


def test_a_move_of_the_whole_market_is_not_taken_for_the_curves():
    told = [curve(0, 4.0), curve(1, 4.0)]
    left = changes(60, [4.0, 4.0, 4.0], told, market=0.05)["oas_1d_change_bps"].to_numpy()
    moved = 0.05 * (100.0 + 10 * (np.arange(60) % 20))
    assert np.abs(left - moved).max() < 2.5
    assert np.polyfit(moved, left, 1)[0] > 0.8


def test_few_issuers_tell_nothing_of_the_curve():
    levels, told = [4.0, 4.0, 4.2], [curve(0, 4.0), curve(1, 4.0)]
    few = changes(replay.LEAST_NAMES - 1, levels, told)["oas_1d_change_bps"].to_numpy()
    assert few == pytest.approx(np.full(few.size, 10.0))
    enough = changes(replay.LEAST_NAMES, levels, told)["oas_1d_change_bps"].to_numpy()
    assert np.abs(enough).max() < 4.0


def test_copied_rules_are_the_markets():
    assert replay.LEAST_NAMES == market_rules.MINIMUM_NAMES
    assert replay.HALF_SPREAD == market_rules.HALF_SPREAD_POINTS
    assert replay.DECAY == issuer_curves.DECAY
