"""Simulated worlds that start at bond days: the same market, trades and features, a minute and more
sooner.

A panel world draws the trades of the simulator's own code with its own random numbers, aggregates
those that stand in the end, and takes each bond's spread from the truth and the error of its price.
What it skips: messages, late reports and corrections, screening, and pricing. Everything after that
is the code of the graph.

Belongs here: such a world as `Panels`, its features and labels, and the best forecast anybody could
make in it. Not here: studies made of many worlds, and what the graph does itself.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import polars as pl

from bondsig_assets.arrays import Bools, Floats, Ints
from bondsig_assets.bonds.analytics import (
    DAYS_PER_YEAR,
    LONGEST_WEIGHTED_YEARS,
    SHORTEST_WEIGHTED_YEARS,
)
from bondsig_assets.bonds.conventions import settlement_dates
from bondsig_assets.features.issuer_days import issuer_days
from bondsig_assets.features.news.credit_news import credit_news
from bondsig_assets.features.panels import Panels
from bondsig_assets.learning.labels import labels
from bondsig_assets.market_rules import HALF_SPREAD_POINTS, RECOVERY
from bondsig_assets.securities.amounts import amount_steps
from bondsig_assets.securities.master import build_master, positions_as_of
from bondsig_assets.sources.simulated.leads import LeadShape
from bondsig_assets.sources.simulated.market import SimulatedSource
from bondsig_assets.sources.simulated.paths import Market, make_market, nelson_siegel_zero
from bondsig_assets.sources.simulated.reference import has_stock
from bondsig_assets.sources.simulated.trading import ALIVE, CORRECTED, TRADE
from bondsig_assets.sources.simulated.worlds import World
from bondsig_assets.tables import TABLES
from bondsig_assets.trace.bond_days import aggregate
from bondsig_assets.trace.options import RESEARCH

# `_day` and `_mids` of the source are read as they are: trades and mids drawn a second time would
# be others, or made twice.

#: Years between the points at which zero curves are looked up.
_GRID = 0.05
#: Step of numerical derivatives by a rate, and of Newton's method.
_BUMP, _STEPS = 1e-4, 4
#: A day's mid goes from yesterday's close to today's between these seconds.
OPEN, CLOSE = 8 * 3600, 16 * 3600
#: Features speak of day t; a label spans the returns of days t + 2 … t + 6.
_FIRST_DAY, _LAST_DAY = 2, 6


@dataclass(frozen=True)
class PanelWorld:
    """A world's latent market, and what features and labels are made of on all its days."""

    market: Market
    panels: Panels


@dataclass(frozen=True)
class _Cells:
    """Bond days with trades: positions of day and bond, the mean price, and what was true at the
    close.
    """

    day: np.ndarray
    bond: np.ndarray
    price: np.ndarray
    n_trades: np.ndarray
    mid: np.ndarray
    spread_bps: np.ndarray
    settlement: np.ndarray


def panel_world(world: World) -> PanelWorld:
    """All days of `world` with bond days made of its trades as they stand in the end; the same seed
    gives the same bits.
    """
    source = SimulatedSource(world)
    market, (start, end) = source.market, source.date_range()
    tables = {
        name: source.reference(name, end).rows
        for name in (
            "issuers",
            "equities",
            "bonds",
            "amounts_outstanding",
            "ratings",
            "fundamentals",
            "treasury_yields",
            "delistings",
        )
    }
    return PanelWorld(
        market,
        Panels(
            days=market.days,
            revisions=_revisions(source, tables["bonds"], tables["amounts_outstanding"]),
            master=build_master(tables["bonds"], tables["issuers"], tables["equities"]),
            equities=tables["equities"],
            bonds=tables["bonds"],
            prices=source.daily("equity_prices", start, end).rows,
            cds=source.daily("cds_quotes", start, end).rows,
            fundamentals=tables["fundamentals"],
            ratings=tables["ratings"],
            issuers=tables["issuers"],
            amounts=tables["amounts_outstanding"],
            yields=tables["treasury_yields"],
            reports_since=start,
            delistings=tables["delistings"],
        ),
    )


@dataclass(frozen=True)
class Tables:
    """Rows of `issuer_days`, of `labels` that became known and of `credit_news`, of all the world's
    days; as in the graph the first days lack their history.
    """

    issuer_days: pl.DataFrame
    labels: pl.DataFrame
    credit_news: pl.DataFrame


def tables_of(panels: Panels) -> Tables:
    """What a study of learners needs of a world's `panels`."""
    start, end = panels.days[0].item(), panels.days[-1].item()
    made = {
        "issuer_days": issuer_days(panels, start, end)[0],
        "labels": labels(panels, start, end),
        "credit_news": credit_news(panels, start, end)[0],
    }
    return Tables(**{name: TABLES[name].conform(frame) for name, frame in made.items()})


def oracle(world: World) -> pl.DataFrame:
    """`parent_id, trade_date, prediction`: what is still to land within the five-day label of each
    day, in percent, as expected that day.

    The oracle sees the size of all news up to its day and what of it has landed, but not when the
    rest will. No model can know more: its information coefficient is what theirs are measured
    against. Every parent and day whose stock trades has a row; most predictions are 0.
    """
    return oracle_of(make_market(world))


def oracle_of(market: Market) -> pl.DataFrame:
    """The oracle of a world whose market has been made."""
    expected = _expected_landing(market.news, market.news_delay, market.lead)
    day, parent = np.nonzero(has_stock(market))
    return pl.DataFrame(
        {
            "parent_id": market.parents.parent_id[parent],
            "trade_date": market.days[day],
            "prediction": 100 * expected[day, parent],
        }
    )


def _expected_landing(news: np.ndarray, delay: np.ndarray, lead: LeadShape) -> np.ndarray:
    """Expected return [day, parent] from news not landed yet; `news`, `delay` [day, parent], delays
    and parts as `lead` has them.
    """
    first, parts = np.array(lead.first), np.array(lead.parts)
    expected = np.zeros_like(news)
    for age in range(first.size + parts.size - _FIRST_DAY):
        # By delay: the share that lands within the label of a day `age` days after the news.
        lands = np.arange(first.size)[:, None] + np.arange(parts.size)
        within = (lands >= age + _FIRST_DAY) & (lands <= age + _LAST_DAY)
        ahead = (within * parts).sum(axis=1)
        later = first[age + 1 :]
        unknown = later @ ahead[age + 1 :] / later.sum() if later.sum() else 0.0
        share = np.where(delay <= age, ahead[delay], unknown)
        expected[age:] += (share * news)[: news.shape[0] - age]
    return expected


def _revisions(source: SimulatedSource, bonds: pl.DataFrame, amounts: pl.DataFrame) -> pl.DataFrame:
    """`bond_day_revisions` joined with what features need of `bond_analytics`, each bond day known
    on its own day.
    """
    market = source.market
    names, order = np.unique(market.bonds.cusip, return_inverse=True)
    days = aggregate(_trades(source, order), ["cell"])
    day, rank = np.divmod(days["cell"].to_numpy(), names.size)
    bond = np.argsort(order)[rank]
    dates = pl.Series(market.days).gather(day)
    steps = amount_steps(bonds, amounts).rows
    amount = np.append(steps["amount_usd"].to_numpy(), np.nan)[
        positions_as_of(steps, "cusip", names, market.days)
    ][day, rank]
    mid, spread = source._mids
    settlement = (
        settlement_dates(pl.Series(market.days))
        .to_numpy()
        .astype("datetime64[D]")
        .astype(np.int64)[day]
    )
    cells = _Cells(
        day,
        bond,
        days["price"].to_numpy(),
        days["n_trades"].to_numpy(),
        mid[day, bond],
        spread[day, bond],
        settlement,
    )
    analytics = {
        name: pl.Series(values, nan_to_null=True)
        for name, values in _analytics(market, cells, amount).items()
    }
    return days.drop("cell").with_columns(
        cusip=pl.Series(names).gather(rank),
        trade_date=dates,
        known_date=dates,
        source=pl.lit("trades"),
        **analytics,
    )


@dataclass(frozen=True)
class Standing:
    """Trades that stand in the end, an entry each: position among the day's messages, positions of
    day and bond, second of the day, price, par as traded, whether the dealer sold, whether to a
    customer, the true mid at that second, and the share of the day that had gone by.
    """

    row: Ints
    day: Ints
    bond: Ints
    second: Ints
    price: Floats
    par: Floats
    is_sale: Bools
    with_customer: Bools
    true_mid: Floats
    share: Floats


def standing(source: SimulatedSource) -> Standing:
    """The trades that stand in the end, as disseminated and screened by default.

    Prices in error are left out, as quarantine leaves out most.
    """
    bonds = source.market.bonds
    parts = []
    for index in range(source.market.days.size):
        m = source._day(index)
        stands = (
            (m.fate == ALIVE)
            & ((m.status == TRADE) | (m.status == CORRECTED))
            & (m.error == "")
            & m.is_disseminated
        )
        rows = np.flatnonzero(
            stands
            & ~m.is_special
            & ~m.is_weighted
            & (m.par >= RESEARCH.minimum_par_usd)
            & ~bonds.is_convertible[m.bond]
        )
        parts.append(
            (
                rows,
                np.full(rows.size, index),
                m.bond[rows],
                m.execution_second[rows],
                m.price[rows],
                m.par[rows],
                m.side[rows] == "S",
                m.contra[rows] == "C",
                m.true_mid[rows],
                np.clip((m.execution_second[rows] - OPEN) / (CLOSE - OPEN), 0, 1),
            )
        )
    return Standing(*(np.concatenate(values) for values in zip(*parts, strict=True)))


def _trades(source: SimulatedSource, order: np.ndarray) -> pl.DataFrame:
    """Those trades with `cell`, which counts bonds in `order` within days, and what `aggregate`
    takes.
    """
    market, t = source.market, standing(source)
    bonds, n_bonds = market.bonds, market.bonds.cusip.size
    cap = np.where(market.rating[t.day, bonds.parent[t.bond]] >= 11, 1e6, 5e6)
    return pl.DataFrame(
        {
            "cell": t.day * n_bonds + order[t.bond],
            "row": t.row,
            "price": t.price,
            "par_usd": np.minimum(t.par, cap),
            "is_par_capped": t.par > cap,
            "executed_at": (
                market.days[t.day].astype("datetime64[us]") + t.second.astype("timedelta64[s]")
            ),
            "is_quarantined": np.zeros(t.row.size, dtype=bool),
            "side": _letters(t.is_sale, "S", "B"),
            "contra": _letters(t.with_customer, "C", "D"),
        }
    ).with_columns(
        settlement_date=pl.lit(None, pl.Date),
        reporting_party=pl.lit(None, pl.String),
        contra_party=pl.lit(None, pl.String),
    )


def _letters(is_one: Bools, one: str, other: str) -> pl.Series:
    """Two letters as strings; quicker than from numpy's own."""
    return pl.Series([one, other]).gather((~is_one).astype(np.uint32))


def _analytics(market: Market, cells: _Cells, amount: np.ndarray) -> dict[str, np.ndarray]:
    """What features need of `bond_analytics`, one value a cell, NaN where there is no spread.

    The spread is the true one, plus the error of the price over its effective dollar duration, plus
    the day's move of the Treasury curve: at the cutoff the newest curve known is the day before's.
    The yield is that of the price, to the worse of maturity and the next call.
    """
    bonds, bond = market.bonds, cells.bond
    years = (bonds.maturity_day[bond] - cells.settlement) / DAYS_PER_YEAR
    coupon, before = bonds.coupon_pct[bond], np.maximum(cells.day - 1, 0)
    known, today = _zero_rates(market, before, years), _zero_rates(market, cells.day, years)
    rate = today + cells.spread_bps / 1e4
    dirty = _dirty(rate, coupon, years, 100.0)
    call_years, call_price = _calls(market, cells)
    clean = dirty - _accrued(coupon, years)
    option, share_left = _option(clean, years, call_years, call_price)
    effective = _duration(rate, coupon, years, 100.0) * share_left
    fair = np.where(np.isfinite(call_years), clean - option, cells.mid)
    oas = cells.spread_bps + 1e4 * (today - known + (fair - cells.price) / (effective * dirty))
    held = _yield(cells.price, coupon, years, 100.0, rate)
    c = np.flatnonzero(np.isfinite(call_years))
    called = np.full_like(held, np.inf)
    called[c] = _yield(cells.price[c], coupon[c], call_years[c], call_price[c], held[c])
    worst, worst_years = np.minimum(held, called), np.where(called < held, call_years, years)
    over_treasury = 1e4 * (worst - _zero_rates(market, before, worst_years))
    has_spread = (bonds.coupon_type[bond] != "V") & (cells.day > 0)
    weighted = (
        (worst_years >= SHORTEST_WEIGHTED_YEARS)
        & (worst_years <= LONGEST_WEIGHTED_YEARS)
        & (amount > 0)
    )
    out = {
        "oas_bps": oas,
        "weight": np.where(
            weighted, amount * cells.n_trades * (effective / HALF_SPREAD_POINTS) ** 2, np.nan
        ),
        "yield_pct": 200 * np.expm1(worst / 2),
        "maturity_years": worst_years,
        "spread_duration_years": effective,
        "cds_equivalent_spread_bps": (
            over_treasury
            * (1 - RECOVERY)
            * cells.price
            / np.maximum(cells.price - 100 * RECOVERY, 1.0)
        ),
    }
    return {name: np.where(has_spread, values, np.nan) for name, values in out.items()}


def _zero_rates(market: Market, day: np.ndarray, years: Floats) -> Floats:
    """Zero rate of each day at each time to maturity, from a table in steps of _GRID years."""
    grid = np.arange(0.0, 31.0, _GRID)
    table = nelson_siegel_zero(market.curve_factors, grid)
    rates: Floats = table[day, np.clip(np.rint(years / _GRID), 0, grid.size - 1).astype(np.int64)]
    return rates


def _dirty(rate: Floats, coupon: Floats, years: Floats, redemption: Floats | float) -> Floats:
    """Price with accrued interest at one continuous rate, of semi-annual coupons and a redemption
    after `years`.
    """
    rate = np.where(np.abs(rate) < 1e-6, 1e-6, rate)
    n = _coupons_left(years)
    annuity = np.exp(-rate * (years - (n - 1) / 2)) * np.expm1(-rate * n / 2) / np.expm1(-rate / 2)
    return coupon / 2 * annuity + redemption * np.exp(-rate * years)


def _duration(rate: Floats, coupon: Floats, years: Floats, redemption: Floats | float) -> Floats:
    """Relative fall of the price with accrued interest per unit of the rate, in years."""
    high, low = (
        _dirty(rate + _BUMP, coupon, years, redemption),
        _dirty(rate - _BUMP, coupon, years, redemption),
    )
    return (low - high) / (low + high) / _BUMP


def _accrued(coupon: Floats, years: Floats) -> Floats:
    return coupon * (_coupons_left(years) / 2 - years)


def _coupons_left(years: Floats) -> Floats:
    return np.maximum(np.ceil(2 * years), 1)


def _yield(
    price: np.ndarray,
    coupon: np.ndarray,
    years: np.ndarray,
    redemption: np.ndarray | float,
    start: np.ndarray,
) -> np.ndarray:
    """Continuous yield of a price without accrued interest, by Newton's method from `start`."""
    rate, target = start, price + _accrued(coupon, years)
    for _ in range(_STEPS):
        value = _dirty(rate, coupon, years, redemption)
        slope = (_dirty(rate + _BUMP, coupon, years, redemption) - value) / _BUMP
        rate = np.clip(rate - (value - target) / slope, -0.5, 1.0)
    return rate


def _calls(market: Market, cells: _Cells) -> tuple[np.ndarray, np.ndarray]:
    """Years to the next yearly call after settlement and its price; NaN for bonds without one."""
    bonds, bond = market.bonds, cells.bond
    first, life = (
        bonds.call_day[bond],
        np.maximum(bonds.maturity_day[bond] - bonds.call_day[bond], 1),
    )
    day = first + np.trunc(365.25 * np.maximum(np.ceil((cells.settlement + 1 - first) / 365.25), 0))
    there = bonds.is_callable[bond] & (day < bonds.maturity_day[bond])
    price = bonds.call_price[bond] + (100 - bonds.call_price[bond]) * (day - first) / life
    return np.where(there, (day - cells.settlement) / DAYS_PER_YEAR, np.nan), np.where(
        there, price, np.nan
    )


def _option(
    clean: np.ndarray, years: np.ndarray, call_years: np.ndarray, call_price: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Value of the issuer's right to call, and effective duration over that to maturity; 0 and 1
    without a call.

    As if called with a chance that grows with `clean`, the price to maturity; the chance is fitted
    to the effective durations of the Hull-White trees of `bonds/callable_bonds.py` on a demo world,
    and its sum over prices is the value.
    """
    width = 0.5 + 0.75 * years
    distance = np.nan_to_num(np.clip((clean - call_price - 2.5) / width, -50, 50))
    shortened = np.nan_to_num(1 - call_years / years)
    return shortened * width * np.logaddexp(0, distance), 1 - shortened / (1 + np.exp(-distance))
