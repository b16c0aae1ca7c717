"""Studies of money on a world that seconds can hold: what oracles earn, and that cheats cheat."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

import numpy as np
import polars as pl
import pytest

from bondsig_assets.portfolio.settings import PortfolioSettings, make_settings
from bondsig_assets.sources.simulated.worlds import World
from studies.money import SameClose, ground_of, money_units, summary
from studies.money_report import money_sections

pytestmark = pytest.mark.slow

SMALL = World("test-money", 24, date(2022, 1, 3), date(2023, 3, 31), 330, lead_strength=0.4)
SETTINGS = make_settings(
    {"universe": {"minimum_trades_21d": 0, "keep_trades_21d": 0}, "bounds": {"sector_pct": 20.0}}
)


@pytest.fixture(scope="module")
def ground(tmp_path_factory):
    return ground_of(tmp_path_factory.mktemp("money"), SMALL)


def test_the_oracle_earns_what_it_is_promised(ground):
    """Its scores are what is still to land, by the formula that makes alphas: money in a world with
    a strong lead, more than by tranches of the same scores.
    """
    found = ground.earned(SETTINGS, scores=ground.oracle)
    assert found["exposure"] > 0.2 and found["net_pct"] > 5 * found["turnover"]
    assert found["sharpe"] > 2 and found["gross_pct"] > found["net_pct"]


def test_the_same_close_is_better_than_the_next(ground):
    honest = ground.earned(SETTINGS, scores=ground.oracle)
    cheat = ground.earned(SETTINGS, scores=ground.oracle, broker=SameClose(SETTINGS))
    assert cheat["gross_pct"] > honest["gross_pct"]


def test_a_champion_that_knows_nothing_does_not_trade(ground):
    silent = ground.scores.with_columns(
        probability_underperform=pl.col("base_rate"), is_informed=pl.lit(value=False)
    )
    found = ground.earned(SETTINGS, scores=silent)
    assert (found["exposure"], found["turnover"], found["net_usd"]) == (0.0, 0.0, 0.0)
    tranches = replace(PortfolioSettings(), policy="tranches")
    assert ground.earned(tranches)["turnover"] > 0.1


def test_summaries_by_hand():
    days = pl.DataFrame(
        {
            "policy": "p",
            "trade_date": [date(2024, 1, 2), date(2024, 1, 3), date(2024, 1, 4)],
            "state": "open",
            "nav_usd": [100.0, 101.0, 100.0],
            "nav_before_usd": [0.0, 100.0, 101.0],
            "capital_usd": [100.0, 0.0, 0.0],
            "long_usd": [0.0, 50.0, 50.0],
            "short_usd": [0.0, -50.0, 0.0],
            "traded_usd": [0.0, 100.0, 50.0],
            "interest_usd": [0.0, 0.5, 0.0],
            **{f"{name}_usd": [0.0, -0.1, 0.0] for name in ("commissions", "fees", "spread")},
            "impact_usd": [0.0, -0.2, 0.0],
            "borrow_usd": [0.0, 0.0, -0.3],
        }
    )
    found = summary(days)
    daily = np.array([0.0, 0.005, -1 / 101])
    assert found["net_pct"] == pytest.approx(25200 * daily.mean())
    assert found["net_usd"] == pytest.approx(-0.5) and found["cost_usd"] == pytest.approx(0.8)


def test_every_piece_is_there():
    names = [one.name for one in money_units()]
    assert len(names) == len(set(names)) == 26
    assert sum("lead 0.00" in name for name in names) == 20


def _book(net: float, cost: float = 10.0, exposure: float = 1.0) -> dict[str, float]:
    return {
        "net_pct": net,
        "gross_pct": net + 1,
        "sharpe": net / 5,
        "sharpe_error": 0.5,
        "turnover": 0.2,
        "exposure": exposure,
        "cost_usd": cost,
        "net_usd": 1000 * net,
    }


def test_the_page_says_shares_of_the_oracle_what_cheats_seem_and_that_nulls_do_not_trade():
    lead = {
        "optimised": _book(6.0),
        "tranches": _book(1.0),
        "oracle": _book(12.0),
        "same close": _book(9.0),
    }
    null = {"optimised": _book(0.0, 0.0, 0.0), "tranches": _book(-3.0, 2500.0)}
    units = {
        "a": {"parameters": {"lead_strength": 0.2}, "books": lead},
        "b": {"parameters": {"lead_strength": 0.0}, "books": null},
        "c": {"parameters": {"lead_strength": 0.0}, "books": null},
    }
    page = "\n".join(money_sections({"money": units}))
    assert "| 0.20 | optimised | 1 | +6.0 | +7.0 | +1.20 ± 0.50 | 20.0 | 1.00 | 50% |" in page
    assert "| 0.20 | same close | +6.0 | +9.0 | +1.20 | +1.80 |" in page
    assert "(2 worlds): the optimised book never traded in 2" in page
    assert "earned -3,000 dollars a world after 2,500 of costs, -500" in page
    assert not list(money_sections({}))
