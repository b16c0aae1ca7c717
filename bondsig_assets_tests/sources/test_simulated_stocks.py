"""Prices of a day, dividends, splits, borrow rates, and macro series of the simulated market."""

from __future__ import annotations

from datetime import time

import numpy as np
import polars as pl
import pytest

from bondsig_assets.calendar import next_trading_days
from bondsig_assets.sources.simulated.macro import EXPOSED
from bondsig_assets.sources.simulated.market import SimulatedSource
from bondsig_assets.sources.simulated.paths import Market
from bondsig_assets.sources.simulated.stocks import lending, make_stocks
from bondsig_assets_tests.sources.simulated_fixtures import fresh, shared
from bondsig_assets_tests.sources.test_simulated_null import earned, judged_days, markets


def prices(name: str = "demo") -> pl.DataFrame:
    """Every stock price of a world with its parent, and the close before."""
    source = shared(name=name)
    rows = source.daily("equity_prices", *source.date_range()).rows
    parents = source.market.parents
    names = dict(zip(parents.ticker, parents.parent_id, strict=True))
    names[parents.new_ticker[0]] = parents.parent_id[parents.renamed]
    return (
        rows.with_columns(stock=pl.col("ticker").replace(names))
        .sort("stock", "trade_date")
        .with_columns(
            pl.col("close_usd", "shares_outstanding").shift(1).over("stock").name.suffix("_before")
        )
    )


@pytest.mark.parametrize("name", ["tiny", "demo"])
def test_the_total_return_is_that_of_close_dividend_and_split(name):
    rows = prices(name).drop_nulls("close_usd_before")
    of_prices = 100 * (
        pl.col("split_ratio")
        * (pl.col("close_usd") + pl.col("dividend_usd"))
        / pl.col("close_usd_before")
        - 1
    )
    assert rows.select((of_prices - pl.col("total_return_pct")).abs().max()).item() < 1e-9
    assert rows.filter(pl.col("split_ratio") != 1).height and rows["dividend_usd"].max() > 0
    # Without them it is not: the columns say something.
    bare = 100 * (pl.col("close_usd") / pl.col("close_usd_before") - 1)
    assert rows.select((bare - pl.col("total_return_pct")).abs().max()).item() > 30


@pytest.mark.parametrize("name", ["tiny", "demo"])
def test_the_day_lies_between_its_low_and_its_high(name):
    rows = prices(name)
    inside = (pl.col("low_usd") <= pl.min_horizontal("open_usd", "close_usd")) & (
        pl.col("high_usd") >= pl.max_horizontal("open_usd", "close_usd")
    )
    assert rows.select(inside.all()).item() and rows["low_usd"].min() > 0
    # A session ranges over about as much as a day's close moves (Parkinson 1980: 1.67 sigma for a
    # random walk that trades all of it).
    stocks = (
        rows.filter(~pl.col("is_etf"))
        .group_by("stock")
        .agg(
            day_range=(pl.col("high_usd") / pl.col("low_usd")).log().mean(),
            sigma=pl.col("total_return_pct").std() / 100,
        )
    )
    assert 0.9 < (stocks["day_range"] / stocks["sigma"]).median() < 1.7


def test_dividends_come_every_quarter_from_those_who_pay():
    rows = prices().filter(~pl.col("is_etf"))
    paid = rows.filter(pl.col("dividend_usd") > 0).with_columns(
        gap=pl.int_range(pl.len()).over("stock")
    )
    per_stock = paid.group_by("stock").len()
    years = rows["trade_date"].n_unique() / 252
    assert 0.4 < per_stock.height / rows["stock"].n_unique() < 0.9
    assert abs(per_stock["len"].median() - 4 * years) <= 1.5
    yearly = paid.group_by("stock").agg(
        pct=100 * (pl.col("dividend_usd") / pl.col("close_usd")).mean() * 4
    )
    assert yearly["pct"].min() > 0.8 and yearly["pct"].max() < 4.5
    assert (
        prices()
        .filter("is_etf")
        .select((pl.col("dividend_usd") == 0).all() & (pl.col("split_ratio") == 1).all())
        .item()
    )


@pytest.mark.parametrize("name", ["tiny", "demo"])
def test_a_split_changes_the_count_of_shares_and_not_what_they_are_worth(name):
    rows = prices(name).filter(~pl.col("is_etf")).drop_nulls("shares_outstanding_before")
    changed = rows.filter(pl.col("shares_outstanding") != pl.col("shares_outstanding_before"))
    split = rows.filter(pl.col("split_ratio") != 1)
    assert changed.equals(split)
    assert {2.0, 0.1} <= set(split["split_ratio"]), "one of them reverse"
    assert split.height <= 0.2 * rows["stock"].n_unique() + 2, "a few"
    off = pl.col("shares_outstanding") / pl.col("shares_outstanding_before")
    assert split.select((off / pl.col("split_ratio") - 1).abs().max()).item() < 1e-5
    jump = split.select(
        (pl.col("close_usd") * pl.col("shares_outstanding"))
        / (pl.col("close_usd_before") * pl.col("shares_outstanding_before"))
    ).to_series()
    assert jump.is_between(0.8, 1.25).all()


@pytest.mark.parametrize("what", ["night", "range", "volume", "borrow rate", "no borrow"])
def test_what_a_day_tells_beside_its_close_earns_nothing_without_a_lead(what):
    def feature(m: Market) -> np.ndarray:
        days = judged_days(m)
        if what in ("borrow rate", "no borrow"):
            rate, left = lending(m)
            return rate[days] if what == "borrow rate" else (~left[days]).astype(float)
        stocks = make_stocks(m)
        bars = stocks.parents
        return {
            "night": bars.close[days] / bars.open[days],
            "range": bars.high[days] / bars.low[days],
            "volume": stocks.volume[days] / stocks.shares[days],
        }[what]

    assert abs(earned(0.0, feature)) < 3


@pytest.mark.parametrize("whose", ["parents", "etfs"])
@pytest.mark.parametrize("lag", [0, 1])
def test_stocks_answer_a_surprise_by_their_exposure_and_on_its_day_alone(whose, lag):
    """Over twenty worlds: slopes less exposures are noise, and so are slopes on yesterday's."""
    found, sizes = [], []
    for m in markets(0.2):
        returns, exposure = np.expm1(m.etf_return), m.exposures.etfs
        if whose == "parents":
            # Less the sector ETF's, which all names have in common.
            returns = np.expm1(m.stock_return) - returns[:, m.parents.sector]
            exposure = m.exposures.parents - exposure[m.parents.sector]
        x = m.surprises[: m.days.size - lag]
        x = x - x.mean(axis=0)
        y = returns[lag:] - returns[lag:].mean(axis=0)
        slopes, left, _, _ = np.linalg.lstsq(x, y, rcond=None)
        error = np.sqrt(np.diag(np.linalg.inv(x.T @ x))[:, None] * left / (x.shape[0] - 5)).T
        expected = exposure if lag == 0 else np.zeros_like(exposure)
        found.append(((slopes.T - expected) / error).mean(axis=0))
        sizes.append((slopes.T / error).std(axis=0))
    z = np.array(found)
    t = z.mean(axis=0) / (z.std(axis=0, ddof=1) / np.sqrt(z.shape[0]))
    assert np.abs(t).max() < 3.5, dict(zip(EXPOSED, t, strict=True))
    if whose == "parents":
        # Names differ in their exposures by more than errors of one: the surprise is felt.
        wide = dict(zip(EXPOSED, np.mean(sizes, axis=0), strict=True))
        assert all(size > 1.12 if lag == 0 else size < 1.1 for size in wide.values()), wide


def test_the_truth_tells_the_exposures():
    source = shared()
    told = source.truth()["macro_exposures"]
    assert set(told["series"]) == set(EXPOSED)
    assert set(told["series"]) <= set(macro(source)["series"])
    energy = told.filter((pl.col("entity") == "XLE") & (pl.col("series") == "oil_usd"))
    assert energy["return_pct_per_unit"].to_list() == [pytest.approx(15.0)]
    market = source.market
    wide = told.filter(pl.col("entity_kind") == "parent")["return_pct_per_unit"].to_numpy()
    np.testing.assert_allclose(wide.reshape(-1, 4), 100 * market.exposures.parents)


def macro(source: SimulatedSource) -> pl.DataFrame:
    """Macro series to the end of a world."""
    return source.reference("macro_series", source.date_range()[1]).rows


def test_macro_series_agree_with_the_market_they_are_of():
    source = shared(name="demo")
    days = source.world.days()
    wide = macro(source).pivot(on="series", index="trade_date", values="value").sort("trade_date")
    assert wide["trade_date"].to_list() == days and wide.null_count().sum_horizontal().item() == 0
    yields = source.reference("treasury_yields", days[-1]).rows
    for series, tenor in (("treasury_2y_pct", 2.0), ("treasury_10y_pct", 10.0)):
        curve = yields.filter(pl.col("tenor_years") == tenor).sort("trade_date")["par_yield_pct"]
        assert wide[series].to_list() == curve.to_list(), series
    # The index against what was really traded: five-year quotes of the same names, and bonds.
    quotes = source.daily("cds_quotes", days[0], days[-1]).rows
    ratings = source.reference("ratings", days[0]).rows
    good = (
        ratings.filter(pl.col("rating_number") < 11)
        .join(
            source.reference("issuers", days[0]).rows.select("issuer_id", "parent_id"),
            on="issuer_id",
        )
        .join(
            source.reference("equities", days[0]).rows.select("parent_id", "ticker"), on="parent_id"
        )
    )
    five = (
        quotes.filter(
            (pl.col("tenor_years") == 5) & pl.col("ticker").is_in(good["ticker"].implode())
        )
        .group_by("trade_date")
        .agg(pl.col("par_spread_bps").mean())
        .sort("trade_date")
    )["par_spread_bps"].to_numpy()
    index = wide["credit_index_bps"].to_numpy()
    change = [np.diff(np.log(x[::21])) for x in (index, five)]
    assert np.corrcoef(*change)[0, 1] > 0.9
    np.testing.assert_allclose(
        index,
        source.market.cds_spread_bps(np.array([5.0]))[
            :, ~source.market.parents.is_high_yield, 0
        ].mean(axis=1),
        atol=1e-3,
    )
    etf = source.daily("equity_prices", days[0], days[-1]).rows.filter("is_etf")
    market = (etf.group_by("trade_date").agg(pl.col("total_return_pct").mean()).sort("trade_date"))[
        "total_return_pct"
    ].to_numpy()[1:]
    vix = wide["vix"].to_numpy()
    assert np.corrcoef(np.diff(np.log(vix)), market)[0, 1] < -0.15, "fear and falls come together"
    realised = 100 * market.std() * np.sqrt(252) / 100
    assert 0.5 * realised < np.median(vix) < 1.5 * realised
    assert wide["oil_usd"].is_between(10, 500).all()


def test_rates_are_known_the_next_morning_and_the_rest_at_the_close():
    rows = macro(shared())
    is_rate = pl.col("series").str.starts_with("treasury_")
    morning = next_trading_days(rows["trade_date"]).dt.combine(time(9))
    assert (
        rows.filter(is_rate)["known_at"].to_list()
        == rows.select(pl.when(is_rate).then(morning)).to_series().drop_nulls().to_list()
    )
    assert (
        rows.filter(~is_rate)
        .select((pl.col("known_at") == pl.col("trade_date").dt.combine(time(16))).all())
        .item()
    )


def test_most_stocks_are_cheap_to_borrow_and_some_cannot_be():
    source = shared(name="demo")
    rows = source.daily("borrow_rates", *source.date_range()).rows
    listed = source.daily("equity_prices", *source.date_range()).rows.filter(~pl.col("is_etf"))
    assert rows.select("ticker", "trade_date").equals(listed.select("ticker", "trade_date"))
    level = rows.group_by("ticker").agg(
        pl.col("annual_rate_pct").median(), pl.col("is_available").mean()
    )
    dear = level.filter(pl.col("annual_rate_pct") > 1)
    # D'Avolio 2002: about 9 % of names above 1 %.
    assert 0.02 < dear.height / level.height < 0.16
    assert level.filter(pl.col("annual_rate_pct") <= 1)["annual_rate_pct"].median() < 0.5
    assert rows["annual_rate_pct"].is_between(0.2, 100).all()
    assert 0.8 < rows["is_available"].mean() < 1
    assert dear["is_available"].mean() < level["is_available"].mean()


def test_borrow_rates_of_a_day_alone_are_their_slice_of_the_whole():
    whole = shared()
    rows = whole.daily("borrow_rates", *whole.date_range()).rows
    for position in (0, 175, 262, 437):
        day = whole.world.days()[position]
        alone = fresh().daily("borrow_rates", day, day).rows
        assert alone.height and alone.equals(rows.filter(pl.col("trade_date") == day))
