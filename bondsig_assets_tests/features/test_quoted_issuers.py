"""Issuers whose bonds are quoted and not traded: levels and changes as of trades, null in what only
trades tell, and the same bits whatever is loaded or known later.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import date

import numpy as np
import polars as pl
import pytest

from bondsig_assets.features.issuer_days import issuer_days
from bondsig_assets.features.panels import Panels
from bondsig_assets.tables import TABLES
from bondsig_assets.tables.issuer_features import FEATURES, LOOKBACK_DAYS
from bondsig_assets_tests.features.markets import (
    DAYS,
    cut,
    panels,
    quoted,
    random_market,
    revision,
    with_quotes,
)
from bondsig_assets_tests.features.test_issuer_days import TWO
from bondsig_assets_tests.other_futures import LATER, with_later

N_DAYS = 110
#: What quotes give as well as trades: levels, changes and what is made of them, and staleness.
AS_WELL = {f.name for f in FEATURES if f.block == "credit" and not f.of_trades}
#: What they give where they tell par and trades.
IF_TOLD = {f.name for f in FEATURES if f.of_trades in ("par", "trades")}
NEVER = {f.name for f in FEATURES if f.of_trades == "reports"}


def walk(seed: int = 1) -> list[dict]:
    """Bond days of three bonds, a trade of a million each."""
    rng = np.random.default_rng(seed)
    return [
        revision(
            name,
            day,
            spread=100.0 + day / 10 + rng.normal(),
            price=100.0 + rng.normal(),
            weight=float(rng.uniform(1, 3)),
            customer_buy_par_usd=1e6,
        )
        for day in range(N_DAYS)
        for name in ("A1", "B1", "C1")
        if rng.random() < 0.8
    ]


def row(rows: list[dict], since: pl.DataFrame | None = None, reports: date = date.max) -> dict:
    """The row of P on the last day."""
    market = replace(
        panels(0, N_DAYS - 1, **TWO, revisions=rows), quoted_since=since, reports_since=reports
    )
    found = issuer_days(market, DAYS[N_DAYS - 1], DAYS[N_DAYS - 1])[0].filter(parent_id="P")
    return found.row(0, named=True)


def told_since(par: bool = True, trades: bool = True) -> pl.DataFrame:
    """What quotes tell of the bonds since the first day."""
    return pl.DataFrame(
        {
            "cusip": ["A1", "B1", "C1"],
            "par_date": [DAYS[0] if par else None] * 3,
            "trades_date": [DAYS[0] if trades else None] * 3,
        },
        schema={"cusip": pl.String, "par_date": pl.Date, "trades_date": pl.Date},
    )


def test_the_dictionary_says_of_each_feature_of_bonds_what_quotes_make_of_it():
    assert {"spread_bps", "oas_5d_change_bps", "staleness_days"} <= AS_WELL
    assert {"turnover_21d_pct": "par", "n_trades_21d": "trades"}.items() <= {
        f.name: f.of_trades for f in FEATURES
    }.items()
    assert {"amihud_21d", "order_imbalance_5d", "roll_21d_pct", "n_dealers"} <= NEVER
    of_bonds = [f for f in FEATURES if any(n.startswith("bond_") for n in f.inputs)]
    assert all(f.of_quotes and f.of_quotes in f.description for f in of_bonds)
    assert not any(f.of_quotes for f in FEATURES if f.block == "equity")


def test_levels_and_changes_of_quotes_are_those_of_single_trades():
    trades, quotes = row(walk(), reports=date.min), row([quoted(one) for one in walk()])
    same = {name for name in AS_WELL if trades[name] is not None}
    assert {"spread_bps", "oas_5d_change_bps", "filtered_spread_sd_bps", "staleness_days"} <= same
    assert {name: quotes[name] for name in same} == {name: trades[name] for name in same}


def test_what_only_trades_tell_is_null_and_never_zero():
    trades, quotes = row(walk(), reports=date.min), row([quoted(one) for one in walk()])
    assert {n for n in NEVER if trades[n] is not None} >= {"order_imbalance_5d", "amihud_21d"}
    assert {name for name in NEVER | IF_TOLD if quotes[name] is not None} == set()
    assert quotes["n_bonds_traded"] is None and quotes["n_capped_trades"] is None


def test_par_and_trades_of_a_panel_count_where_it_tells_them():
    rows = [quoted(one, par_usd=1e6, n_trades=1) for one in walk()]
    trades, quotes = row(walk(), reports=date.min), row(rows, told_since())
    told = {name for name in IF_TOLD if trades[name] is not None}
    assert told >= {"turnover_21d_pct", "n_trades_21d", "zero_trading_share_63d"}
    assert {name: quotes[name] for name in told} == {name: trades[name] for name in told}
    assert {name for name in NEVER if quotes[name] is not None} == set()
    assert quotes["n_bonds_traded"] == trades["n_bonds_traded"]


def test_par_without_trades_is_par_alone():
    quotes = row([quoted(one, par_usd=1e6) for one in walk()], told_since(trades=False))
    assert quotes["turnover_21d_pct"] is not None and quotes["trace_volume_zscore_5d"] is not None
    assert quotes["n_trades_21d"] is None and quotes["volume_spike_zscore"] is None


def test_a_day_with_a_quote_that_does_not_say_is_not_counted_as_none():
    mute = {DAYS[N_DAYS - 1], DAYS[N_DAYS - 3]}
    rows = [
        quoted(one, par_usd=1e6, n_trades=1) if one["trade_date"] not in mute else quoted(one)
        for one in walk()
    ]
    assert row(rows, told_since())["turnover_21d_pct"] is None


def test_a_price_move_between_quotes_is_no_impact_of_trades():
    """A quote between two trades is passed over: Amihud goes from trade to trade."""
    first, between, last = (
        revision("A1", day, price=price) for day, price in ((105, 100.0), (107, 50.0), (109, 102.0))
    )
    daily = [revision("A1", day, price=100.0) for day in range(90, 105)]
    alone = row([*daily, first, last], reports=date.min)
    beside = row([*daily, first, quoted(between), last], reports=date.min)
    assert beside["amihud_21d"] == alone["amihud_21d"] is not None
    assert beside["roll_21d_pct"] == alone["roll_21d_pct"]


@pytest.fixture(scope="module")
def market() -> Panels:
    """A random market with quotes, whose reports begin in the middle."""
    return with_quotes(random_market(seed=11, n_days=400), seed=2)


@pytest.fixture(scope="module")
def both(market) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Its issuer days and their coverage."""
    return issuer_days(market, DAYS[LOOKBACK_DAYS], DAYS[399])


@pytest.mark.slow
def test_every_missing_value_has_a_reason(both):
    rows, coverage = both
    told = TABLES["feature_coverage"].conform(coverage)
    reasons = [
        n for n in told.columns if n.startswith("n_") and n not in ("n_issuers", "n_present")
    ]
    whole = pl.sum_horizontal("n_present", *reasons) == pl.col("n_issuers")
    assert told.select(whole.all()).item()
    assert TABLES["issuer_days"].conform(rows).height > 500
    present = told.group_by("feature").agg(pl.col("n_present").sum())
    assert set(present.filter(pl.col("n_present") > 0)["feature"]) >= {
        *("spread_bps", "turnover_21d_pct", "n_trades_21d", "order_imbalance_5d", "amihud_21d")
    }


def test_before_any_report_the_reason_is_that_there_are_none(market):
    quotes = market.revisions.filter(pl.col("source") == "quotes")
    early = replace(market, revisions=quotes, reports_since=date.max, quoted_since=None)
    _, coverage = issuer_days(early, DAYS[300], DAYS[300])
    told = coverage.filter(pl.col("feature").is_in(sorted(NEVER | IF_TOLD)))
    assert told["n_present"].sum() == 0 and told["n_no_trade_reports"].min() > 5
    others = coverage.filter(~pl.col("feature").is_in(sorted(NEVER | IF_TOLD)))
    assert others["n_no_trade_reports"].sum() == 0


@pytest.mark.parametrize("day", [LOOKBACK_DAYS, 291, 330, 399])
def test_a_single_day_is_the_range_to_the_last_bit(market, both, day):
    first = DAYS[day - LOOKBACK_DAYS]
    alone, coverage = issuer_days(cut(market, first, DAYS[day]), DAYS[day], DAYS[day])
    assert alone.equals(both[0].filter(pl.col("trade_date") == DAYS[day]))
    assert coverage.equals(both[1].filter(pl.col("trade_date") == DAYS[day]))


@pytest.mark.parametrize("later", LATER)
def test_what_is_known_later_changes_no_earlier_day(market, both, later):
    day = DAYS[330]
    changed = with_later(market, day, later)
    found, _ = issuer_days(changed, DAYS[LOOKBACK_DAYS], DAYS[399])
    seen = both[0].filter(pl.col("trade_date") <= day)
    assert found.filter(pl.col("trade_date") <= day).equals(seen)
    assert not found.equals(both[0]), "another future without a bite"


def test_a_market_without_quotes_is_as_ever(market):
    """A panel of quotes that says nothing moves no bit."""
    plain = replace(random_market(seed=11, n_days=320), reports_since=DAYS[0])
    silent = replace(plain, quoted_since=told_since().clear())
    one, two = (issuer_days(each, DAYS[300], DAYS[310])[0] for each in (plain, silent))
    assert one.equals(two) and one.height > 50
