"""What is planted and what is not, judged on the truth.

With lead strength 0 nothing known on day t tells what the next five days earn, nor the rank of the
label; with 0.2 the news of the last days does. Seeds are fixed, so each test gives the same number
every time.
"""

from __future__ import annotations

from datetime import date
from functools import cache

import numpy as np
import polars as pl
import pytest
from scipy.stats import rankdata

from bondsig_assets.sources.simulated.market import SimulatedSource
from bondsig_assets.sources.simulated.paths import Market, land, make_market
from bondsig_assets.sources.simulated.worlds import World

SEEDS = range(1, 21)
#: With 150 names and twenty seeds an IC of 0.006 is three standard errors: what a five-day
#: reversal would earn (0.008) is seen, and returns whose shocks are log-normal (0.010).
N_PARENTS = 150
#: Labels span five days, so every fifth day gives independent ones.
STEP, FIRST = 5, 64


@cache
def markets(lead_strength: float, **lead: str) -> tuple[Market, ...]:
    """150 names over two years, one market a seed."""
    start, end = date(2022, 1, 3), date(2023, 12, 29)
    return tuple(
        make_market(World("judged", N_PARENTS, start, end, 1, seed, lead_strength, **lead))
        for seed in SEEDS
    )


def excess(market: Market) -> np.ndarray:
    """Stock minus sector ETF, log return of each day [day, parent]."""
    return market.stock_return - market.etf_return[:, market.parents.sector]


def judged_days(market: Market) -> np.ndarray:
    """Days t whose features and labels lie within the world."""
    return np.arange(FIRST, market.days.size - 6, STEP)


def label(market: Market) -> np.ndarray:
    """The label of the judged days: excess log return of t+2 … t+6."""
    daily = excess(market)
    return np.stack([daily[t + 2 : t + 7].sum(axis=0) for t in judged_days(market)])


def money(market: Market, drift: float = 0.0) -> np.ndarray:
    """What the label's days earn: simple excess return of t+2 … t+6; `drift` is added to the
    stock's logs, in its variances a day.
    """
    stock = np.cumsum(market.stock_return + drift * market.stock_return.var(axis=0), axis=0)
    etf = np.cumsum(market.etf_return, axis=0)[:, market.parents.sector]
    end, start = judged_days(market) + 6, judged_days(market) + 1
    return np.exp(stock[end] - stock[start]) - np.exp(etf[end] - etf[start])


def t_of(values: np.ndarray) -> float:
    """t of a mean; days are independent."""
    return float(values.mean() / (values.std(ddof=1) / np.sqrt(values.size)))


def earned(lead_strength: float, feature, drift: float = 0.0, **lead: str) -> float:
    """t of what a book earns that holds every name by its rank in `feature`, over all seeds."""
    days = []
    for market in markets(lead_strength, **lead):
        rank = rankdata(feature(market), axis=1)
        weight = rank - rank.mean(axis=1, keepdims=True)
        held = np.abs(weight).sum(axis=1)
        days.append((weight * money(market, drift)).sum(axis=1)[held > 0] / held[held > 0])
    return t_of(np.concatenate(days))


def trailing(path: np.ndarray, market: Market, days: int) -> np.ndarray:
    """Sum of `path` over the `days` days that end with t."""
    return np.stack([path[t - days + 1 : t + 1].sum(axis=0) for t in judged_days(market)])


def static(values: np.ndarray, market: Market) -> np.ndarray:
    """The same values on every judged day."""
    return np.broadcast_to(values.astype(float), (judged_days(market).size, values.size))


def volatility(market: Market) -> np.ndarray:
    """Standard deviation of the last 63 days' excess returns."""
    daily = excess(market)
    return np.stack([daily[t - 62 : t + 1].std(axis=0) for t in judged_days(market)])


def spread_change(days: int):
    """Change of the log spread over `days` days."""

    def feature(market: Market) -> np.ndarray:
        judged = judged_days(market)
        return market.log_spread[judged] - market.log_spread[judged - days]

    return feature


FEATURES = {
    "return of the day": lambda m: trailing(excess(m), m, 1),
    "return of 5 days": lambda m: trailing(excess(m), m, 5),
    "return of 21 days": lambda m: trailing(excess(m), m, 21),
    "return with the market of 5 days": lambda m: trailing(m.stock_return, m, 5),
    "volatility": volatility,
    "true volatility": lambda m: static(m.parents.sigma, m),
    "rating": lambda m: m.rating[judged_days(m)].astype(float),
    "size": lambda m: static(m.parents.market_cap, m),
    "spread": lambda m: m.log_spread[judged_days(m)],
    "spread change of the day": spread_change(1),
    "spread change of 4 days": spread_change(4),
    "spread change of 21 days": spread_change(21),
}


def pooled_ic(lead_strength: float, feature, **lead: str) -> tuple[float, float]:
    """Mean rank IC over all judged days of all seeds, and its t; days are independent."""
    ics = []
    for market in markets(lead_strength, **lead):
        x, y = (rankdata(values, axis=1) for values in (feature(market), label(market)))
        x, y = x - x.mean(axis=1, keepdims=True), y - y.mean(axis=1, keepdims=True)
        scale = np.sqrt((x**2).sum(axis=1) * (y**2).sum(axis=1))
        ics.append((x * y).sum(axis=1)[scale > 0] / scale[scale > 0])
    values = np.concatenate(ics)
    return values.mean(), t_of(values)


@pytest.mark.parametrize("name", FEATURES)
def test_without_a_lead_nothing_known_ranks_the_label(name):
    ic, t = pooled_ic(0.0, FEATURES[name])
    assert abs(t) < 3, f"{name}: IC {ic:+.4f}, t {t:+.1f}"


@pytest.mark.parametrize("name", FEATURES)
def test_without_a_lead_nothing_known_earns_money(name):
    t = earned(0.0, FEATURES[name])
    assert abs(t) < 3, f"{name}: t {t:+.1f}"


def test_a_drift_of_half_the_variance_would_be_seen():
    """Logs without drift, as in a world of medians: what is volatile earns in money."""
    assert earned(0.0, FEATURES["true volatility"], drift=0.5) > 4
    assert earned(0.0, FEATURES["true volatility"], drift=-0.5) < -4


GROUPS = {
    "all": lambda m: np.ones((judged_days(m).size, N_PARENTS), dtype=bool),
    "high yield": lambda m: static(m.parents.is_high_yield, m) > 0,
    "low volatility": lambda m: static(quiet(m), m) > 0,
    "high volatility": lambda m: static(~quiet(m), m) > 0,
    "after a fall": lambda m: trailing(excess(m), m, 5) < 0,
    "after a rise": lambda m: trailing(excess(m), m, 5) > 0,
    "after wider spreads": lambda m: spread_change(4)(m) > 0,
}


def quiet(market: Market) -> np.ndarray:
    """The less volatile half of the names."""
    return market.parents.sigma < np.median(market.parents.sigma)


def over_days(values, chosen) -> np.ndarray:
    """Mean of `values` over the names `chosen`, one number a judged day of all seeds with any."""
    return np.concatenate(
        [
            [row[mask].mean() for row, mask in zip(values(m), chosen(m), strict=True) if mask.any()]
            for m in markets(0.0)
        ]
    )


@pytest.mark.parametrize("group", GROUPS)
def test_without_a_lead_no_group_earns_money(group):
    found = over_days(money, GROUPS[group])
    assert abs(t_of(found)) < 3, f"{group}: {1e4 * found.mean():+.2f} bp, t {t_of(found):+.1f}"


@pytest.mark.parametrize("group", GROUPS)
def test_without_a_lead_the_next_day_has_median_zero(group):
    """Simple returns of one day are symmetric; of five days their logs fall short by a little, in
    every group by the same.
    """

    def tomorrow(m: Market) -> np.ndarray:
        ahead = judged_days(m) + 2
        return np.expm1(m.stock_return[ahead]) > np.expm1(m.etf_return)[ahead][:, m.parents.sector]

    share = over_days(tomorrow, GROUPS[group])
    assert abs(t_of(share - 0.5)) < 3, f"{group}: {share.mean():.4f} positive next day"
    rest = over_days(lambda m: label(m) > 0, GROUPS[group]).mean()
    everyone = over_days(lambda m: label(m) > 0, GROUPS["all"]).mean()
    assert 0.485 < everyone < 0.5
    assert abs(rest - everyone) < 3 * 0.5 / np.sqrt(len(SEEDS) * 90 * 30), f"{group}: {rest:.4f}"


def test_without_a_lead_there_is_no_news():
    assert all(not market.news.any() for market in markets(0.0))


@pytest.mark.slow
@pytest.mark.parametrize("lead_strength", [0.0, 0.2])
def test_no_name_drifts(lead_strength):
    scores = []
    for m in markets(lead_strength):
        daily = np.expm1(m.stock_return) - np.expm1(m.etf_return)[:, m.parents.sector]
        scores.append(np.sqrt(daily.shape[0]) * daily.mean(axis=0) / daily.std(axis=0))
    found = np.concatenate(scores)
    # Under no drift each is a standard normal; a drift of some names alone would widen them.
    assert abs(found.mean()) < 3 / np.sqrt(found.size)
    assert 0.8 < found.var() < 1.2 and np.abs(found).max() < 4.5


def test_planted_news_ranks_the_label():
    ic, t = pooled_ic(0.2, lambda market: trailing(market.news, market, 4))
    assert t > 5 and 0.01 < ic < 0.15
    # Bonds show it: wider spreads, lower stock. The equity's own past does not.
    assert pooled_ic(0.2, spread_change(4))[1] < -5
    assert abs(pooled_ic(0.2, FEATURES["return of 5 days"])[1]) < 3


@pytest.mark.slow
def test_a_weaker_lead_is_weaker():
    assert (
        0
        < pooled_ic(0.05, lambda m: trailing(m.news, m, 4))[0]
        < pooled_ic(0.2, lambda m: trailing(m.news, m, 4))[0]
    )


def test_news_lands_once_and_within_five_days():
    market = markets(0.2)[0]
    landed, last = land(market.news, market.news_delay), market.days.size - 1
    day, parent = np.nonzero(market.news)
    assert market.news_delay.min() == 1 and market.news_delay.max() == 5
    within = day + market.news_delay[day, parent] <= last
    assert 0 < (~within).sum() < N_PARENTS
    np.testing.assert_allclose(
        landed.sum(axis=0),
        np.bincount(parent[within], market.news[day, parent][within], N_PARENTS),
        atol=1e-12,
    )
    # Seen from the stock: all of it on the landing day, none on the day bonds learn.
    slopes = [
        np.polyfit(x.ravel(), excess(m).ravel(), 1)[0]
        for m in markets(0.2)[:4]
        for x in (land(m.news, m.news_delay), m.news)
    ]
    assert np.abs(np.array(slopes[::2]) - 1).max() < 0.1 and np.abs(slopes[1::2]).max() < 0.1


def test_the_told_truth_is_the_news_that_landed():
    source = SimulatedSource(markets(0.2)[0].world)
    told, market = source.truth()["planted_news"], source.market
    landed = np.zeros_like(market.news)
    days = {day: k for k, day in enumerate(market.days.tolist())}
    parents = {parent: k for k, parent in enumerate(market.parents.parent_id)}
    for parent, when, size in told.select("parent_id", "equity_date", "size_pct").iter_rows():
        # News of the last days lands after the world's end.
        if when in days:
            landed[days[when], parents[parent]] += size / 100
    np.testing.assert_allclose(landed, market.landed, atol=1e-12)
    assert told.height == np.count_nonzero(market.news)
    assert told.select((pl.col("equity_date") > pl.col("news_date")).all()).item()
    assert told.select(pl.struct("parent_id", "news_date").is_unique().all()).item()


def test_no_news_is_told_of_a_company_that_is_gone():
    source = SimulatedSource(markets(0.2)[0].world)
    parents, days = source.market.parents, source.market.days
    told = source.truth()["planted_news"].filter(
        pl.col("parent_id") == parents.parent_id[parents.target]
    )
    assert told["news_date"].max() < days[parents.takeover_day].item()


def test_the_share_of_news_in_idiosyncratic_variance_is_near_the_lead_strength():
    shares = []
    for market in markets(0.2):
        common = market.parents.beta_market * (market.etf_return.mean(axis=1))[:, None]
        own = market.stock_return - common
        high = market.parents.is_high_yield
        news = land(market.news, market.news_delay).var(axis=0)
        bounce = 2 * (0.15 * market.parents.sigma) ** 2
        public = own.var(axis=0) - bounce - news
        shares.append(
            [(news / (news + public))[~high].mean(), (news / (news + public))[high].mean()]
        )
    investment_grade, high_yield = np.mean(shares, axis=0)
    assert 0.10 < investment_grade < 0.25
    assert 0.25 < high_yield < 0.45
