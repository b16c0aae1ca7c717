"""Which names a day is about, facts of their trading and their history, as known at the cutoff."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import polars as pl
import pytest

from bondsig_assets.portfolio.market_days import BORROW_DAYS, NAME_DAYS
from bondsig_assets.portfolio.risk_rows import RISK_TABLES, risk_of_days
from bondsig_assets.portfolio.settings import BoundSettings, RiskSettings, UniverseSettings
from bondsig_assets.portfolio.universe import universe
from bondsig_assets_tests.features.markets import DAYS, closing, price
from bondsig_assets_tests.portfolio.market_days_of import market_days
from bondsig_assets_tests.rows_of import rows_of

RISK = RiskSettings(beta_days=126)
LAST = 150


@pytest.fixture(scope="module")
def market():
    return market_days(LAST + 1)


def of(facts: pl.DataFrame, parent: str, day: int) -> dict:
    return facts.filter(parent_id=parent, trade_date=DAYS[day]).row(0, named=True)


def test_a_name_stays_among_the_days_for_as_long_as_it_takes_to_sell_it():
    left = frozenset((3, day) for day in range(100, 151))
    market = market_days(LAST + 1, skip=left)
    facts = market.facts(DAYS[99], DAYS[LAST])
    with_it = facts.filter(parent_id="P03")["trade_date"].to_list()
    assert with_it == DAYS[99 : 100 + NAME_DAYS]
    assert of(facts, "P03", 99)["n_equities"] == 1
    gone = of(facts, "P03", 100)
    assert (gone["n_equities"], gone["ticker"], gone["price_usd"]) == (0, "T03", 43.0)
    rows = universe(facts, UniverseSettings(minimum_returns=21), BoundSettings(), 1e7)
    assert rows.filter(parent_id="P03", trade_date=DAYS[100])["reasons"].to_list() == [["link"]]


def test_facts_by_hand(market):
    row = of(market.facts(DAYS[LAST], DAYS[LAST]), "P04", LAST)
    assert row["price_usd"] == 44.0 and row["dollar_volume_usd"] == 44.0 * 2e6
    assert row["n_returns"] == 151 and row["gap_days"] == 0
    assert row["is_borrowable"] is None and row["borrow_rate_pct"] is None


def test_etfs_are_hedges_with_facts_of_their_own(market):
    facts = market.facts(DAYS[LAST], DAYS[LAST])
    hedges = facts.filter("is_hedge")
    assert hedges["parent_id"].to_list() == ["XLE", "XLF"]
    assert hedges["dollar_volume_usd"].to_list() == [52.0 * 1e6, 53.0 * 2e6]
    rows = universe(facts, UniverseSettings(), BoundSettings(), 1e7).filter("is_hedge")
    assert not rows["is_in"].any() and rows["reasons"].list.len().sum() == 0


def test_a_borrow_rate_holds_for_some_days_once_it_is_known():
    told = {"ticker": "T01", "annual_rate_pct": 4.0, "is_available": False}
    early = {**told, "trade_date": DAYS[100], "known_at": closing(100)}
    late = {**told, "ticker": "T02", "trade_date": DAYS[100], "known_at": closing(101)}
    facts = market_days(LAST, borrow=[early, late]).facts(DAYS[99], DAYS[120])
    rates = facts.filter(parent_id="P01")["borrow_rate_pct"].to_list()
    assert rates == [None] + [4.0] * BORROW_DAYS + [None] * (21 - BORROW_DAYS)
    assert of(facts, "P01", 100)["is_borrowable"] is False
    assert facts.filter(parent_id="P02")["borrow_rate_pct"].null_count() == 22, "never in time"


def test_a_delisting_to_come_is_one_from_when_it_is_known():
    gone = {"ticker": "T05", "last_trade_date": DAYS[120], "known_at": closing(110)}
    prices = market_days(LAST).panels.prices.filter(
        ~((pl.col("ticker") == "T05") & (pl.col("trade_date") > DAYS[120]))
    )
    facts = market_days(LAST, delistings=[gone], prices=prices).facts(DAYS[105], DAYS[125])
    rows = facts.filter(parent_id="P05")
    going = rows.filter("is_delisting")["trade_date"].to_list()
    assert going == DAYS[110:121]
    assert rows.filter(pl.col("trade_date") > DAYS[120])["n_equities"].to_list() == [0] * 5


def test_a_range_is_its_days_whatever_comes_later(market):
    """Facts and risk of a day have the same bits alone, in a range, and with other prices to come;
    the window before it is all that is needed.
    """
    start, end = DAYS[140], DAYS[143]
    facts, risk = market.facts(start, end), risk_of_days(market, start, end, RISK)
    other = market.panels.prices.with_columns(
        pl.when(pl.col("trade_date") > end)
        .then(-99.0)
        .otherwise("total_return_pct")
        .alias("total_return_pct")
    )
    strange = replace(
        market,
        panels=replace(market.panels, prices=other),
        issuer_days=market.issuer_days.with_columns(
            spread_bps=pl.when(pl.col("trade_date") > end).then(1e4).otherwise("spread_bps")
        ),
        macro_series=market.macro_series.with_columns(
            value=pl.when(pl.col("trade_date") > end).then(1e4).otherwise("value")
        ),
    )
    assert strange.facts(start, end).equals(facts)
    again = risk_of_days(strange, start, end, RISK)
    for name in RISK_TABLES:
        assert again[name].equals(risk[name]), name
    for day in DAYS[140:144]:
        alone = risk_of_days(market, day, day, RISK)
        for name in RISK_TABLES:
            assert alone[name].equals(risk[name].filter(trade_date=day)), (name, day)
        assert market.facts(day, day).equals(facts.filter(trade_date=day))


def test_the_curve_of_a_day_is_no_factor_on_its_evening(market):
    rows = risk_of_days(market, DAYS[140], DAYS[140], RISK)["factor_returns"]
    assert rows.filter(factor="rates")["state"].to_list() == ["unknown"]
    assert rows.filter(factor="market")["state"].to_list() == ["known"]
    assert rows.filter(factor="oil")["state"].to_list() == ["known"], "energy less the market"


def test_an_etf_that_nobody_has_yet_is_no_part_of_the_market():
    """Its prices may be there long before: who is told of it later must not change earlier days."""
    market = market_days(LAST)
    extra = rows_of(
        "equity_prices", *(price("XLZ", day, 9.0, close_usd=10.0) for day in range(LAST))
    )
    late = market.issuer_days.with_columns(
        sector_etf=pl.when((pl.col("trade_date") > DAYS[140]) & (pl.col("parent_id") == "P00"))
        .then(pl.lit("XLZ"))
        .otherwise("sector_etf")
    )
    other = replace(
        market,
        panels=replace(market.panels, prices=pl.concat([market.panels.prices, extra])),
        issuer_days=late,
    )
    one, two = (risk_of_days(m, DAYS[140], DAYS[140], RISK) for m in (market, other))
    assert all(one[name].equals(two[name]) for name in RISK_TABLES)
    names = [other.names(other.place(DAYS[day])).tickers for day in (140, 141)]
    assert "XLZ" not in names[0] and "XLZ" in names[1]


def test_hedges_bear_little_risk_of_their_own(market):
    rows = risk_of_days(market, DAYS[LAST], DAYS[LAST], RISK)["specific_risks"]
    is_hedge = rows["parent_id"].is_in(["XLE", "XLF"])
    hedges, names = rows.filter(is_hedge), rows.filter(~is_hedge)
    assert hedges["specific_risk_pct"].max() < names["specific_risk_pct"].min()


def test_macro_factors_drive_what_they_drive(market):
    """The names' common return is in their market beta: a standard move of it, 0.8 % and a bit of
    the sectors' own, is what an average name gains with it.
    """
    rows = risk_of_days(market, DAYS[LAST], DAYS[LAST], RISK)["factor_exposures"]
    assert rows["market_beta"].mean() == pytest.approx(0.008, rel=0.35)
    assert np.isfinite(rows["market_beta"].to_numpy()).all()


def test_a_market_without_etfs_or_series_has_a_model_all_the_same(market):
    bare = replace(
        market,
        issuer_days=market.issuer_days.with_columns(sector_etf=pl.lit(None, pl.String)),
        macro_series=market.macro_series.clear(),
        treasury_yields=market.treasury_yields.clear(),
    )
    rows = risk_of_days(bare, DAYS[LAST], DAYS[LAST], RISK)
    states = dict(rows["factor_returns"].select("factor", "state").iter_rows())
    assert states["rates"] == "no_data" and states["oil"] == "no_data"
    assert states["market"] == "known", "the mean of all names"
    assert rows["specific_risks"].height == 12
