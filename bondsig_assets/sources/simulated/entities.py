"""Who exists in the simulated market: parents, issuers, bonds, and what befalls them.

Belongs here: everything static or dated that comes from the seed alone (sectors, ratings at
the start, terms, one takeover, one ticker change). Not here: prices and trades.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import polars as pl

from bondsig_assets.arrays import Floats, Ints
from bondsig_assets.market_rules import HIGH_YIELD_RATING
from bondsig_assets.securities.cusips import with_check_digit
from bondsig_assets.sources.simulated.worlds import HORIZON, World

SECTORS: tuple[tuple[str, str], ...] = (
    ("Materials", "XLB"),
    ("Energy", "XLE"),
    ("Financials", "XLF"),
    ("Industrials", "XLI"),
    ("Information Technology", "XLK"),
    ("Consumer Staples", "XLP"),
    ("Utilities", "XLU"),
    ("Health Care", "XLV"),
    ("Consumer Discretionary", "XLY"),
    ("Communication Services", "XLC"),
    ("Real Estate", "XLRE"),
)
_RATING_START = np.array([3, 6, 9, 12, 15])
_RATING_SHARE = np.array([0.04, 0.26, 0.36, 0.22, 0.12])
_SPREAD_BY_RATING = (
    np.array([1, 3, 6, 9, 12, 15, 18, 22]),
    np.array([40.0, 60, 100, 170, 330, 500, 900, 1800]),
)
_TENORS = np.array([3, 5, 7, 10, 30])
#: A bond is refinanced up to so many days before it matures.
_REFINANCED_DAYS = 90
_STREAM = 1


@dataclass(frozen=True)
class Parents:
    """Arrays over parents. Volatilities are daily and in log units, spreads in bps."""

    parent_id: np.ndarray
    ticker: np.ndarray
    new_ticker: np.ndarray
    name: np.ndarray
    sector: np.ndarray
    rating: np.ndarray
    base_spread: np.ndarray
    sigma: np.ndarray
    beta_market: np.ndarray
    beta_sector: np.ndarray
    market_cap: np.ndarray
    has_cds: np.ndarray
    renamed: int
    rename_day: int
    target: int
    acquirer: int
    takeover_day: int

    @property
    def is_high_yield(self) -> np.ndarray:
        """Rated below investment grade at the start."""
        return self.rating >= HIGH_YIELD_RATING


@dataclass(frozen=True)
class Bonds:
    """Arrays over bonds; days are days since 1970-01-01, `parent` and `issuer` positions."""

    cusip: np.ndarray
    symbol: np.ndarray
    parent: np.ndarray
    issuer: np.ndarray
    coupon_type: np.ndarray
    coupon_pct: np.ndarray
    offering_day: np.ndarray
    first_coupon_day: np.ndarray
    maturity_day: np.ndarray
    amount_usd: np.ndarray
    is_callable: np.ndarray
    call_day: np.ndarray
    call_price: np.ndarray
    is_144a: np.ndarray
    is_convertible: np.ndarray
    activity: np.ndarray
    frequency: np.ndarray


@dataclass(frozen=True)
class Issuers:
    """Arrays over issuing entities."""

    issuer_id: np.ndarray
    issuer_cusip: np.ndarray
    name: np.ndarray
    parent: np.ndarray


def spread_for_rating(rating: np.ndarray) -> Floats:
    """Typical 5-year spread of a rating number, bps (long-run averages, log-interpolated)."""
    numbers, spreads = _SPREAD_BY_RATING
    typical: Floats = np.exp(np.interp(rating, numbers, np.log(spreads)))
    return typical


def make_parents(world: World) -> Parents:
    """Parents of the world; the renamed and the taken-over one are picked by position."""
    rng = world.rng(_STREAM, 1)
    n = world.n_parents
    rating = np.clip(rng.choice(_RATING_START, n, p=_RATING_SHARE) + rng.integers(-1, 2, n), 1, 18)
    high_yield = rating >= HIGH_YIELD_RATING
    market_cap = np.exp(rng.normal(np.where(high_yield, 22.3, 24.3), 0.8))
    tickers = _tickers(rng, n + 1)
    return Parents(
        parent_id=np.array([f"P{i:04d}" for i in range(n)]),
        ticker=tickers[:n],
        new_ticker=tickers[n:],
        name=np.array([f"{ticker.title()} Corporation" for ticker in tickers[:n]]),
        sector=np.arange(n) % len(SECTORS) if n >= 60 else np.arange(n) % 3,
        rating=rating,
        base_spread=spread_for_rating(rating) * np.exp(rng.normal(0, 0.15, n)),
        sigma=np.where(high_yield, 0.021, 0.0135) * np.exp(rng.normal(0, 0.15, n)),
        beta_market=rng.normal(1.0, 0.15, n),
        beta_sector=rng.normal(1.0, 0.15, n),
        market_cap=market_cap,
        has_cds=market_cap >= np.quantile(market_cap, 0.6),
        renamed=1,
        rename_day=world.rename_day,
        target=2,
        acquirer=5 if n < 60 else 13,
        takeover_day=world.takeover_day,
    )


def make_issuers(world: World, parents: Parents) -> Issuers:
    """One to four issuing entities a parent, each with an issuer CUSIP of its own."""
    rng = world.rng(_STREAM, 2)
    counts = 1 + np.minimum(rng.geometric(0.55, world.n_parents) - 1, 3)
    parent = np.repeat(np.arange(world.n_parents), counts)
    order = np.concatenate([np.arange(count) for count in counts])
    kinds = np.array(["Corp", "Finance LLC", "Operating Co", "International BV"])
    codes = rng.permutation(900_000)[: parent.size] + 100_000
    return Issuers(
        issuer_id=np.array([f"I{i:05d}" for i in range(parent.size)]),
        issuer_cusip=codes.astype(str),
        name=np.array(
            [f"{parents.ticker[p].title()} {kinds[o]}" for p, o in zip(parent, order, strict=True)]
        ),
        parent=parent,
    )


def make_bonds(
    world: World, parents: Parents, issuers: Issuers, initial_yield_pct: np.ndarray
) -> Bonds:
    """Bonds alive at some time between the world's start and HORIZON. `initial_yield_pct[k]` is the
    risk-free yield for `_TENORS[k]`.

    A parent has as many bonds out at any time as it has slots: what matures is refinanced at the
    same tenor. So the number outstanding stays level, and no bond depends on where the world ends.
    """
    rng = world.rng(_STREAM, 3)
    slots = 1 + np.minimum(rng.negative_binomial(1.1, 1.1 / (1.1 + 5.2), world.n_parents), 55)
    slot, offering, maturity, kind = _chains(rng, world, parents, slots)
    parent = np.repeat(np.arange(world.n_parents), slots)[slot]
    n = parent.size
    issuer = _pick_issuer(rng, issuers, parent)
    high_yield = parents.is_high_yield[parent]
    tenor = _TENORS[kind]
    floating = rng.random(n) < 0.04
    convertible = ~floating & (rng.random(n) < 0.02)
    coupon = initial_yield_pct[kind] + parents.base_spread[parent] / 100 * np.where(
        high_yield, 1.0, (tenor / 5.0) ** 0.25
    )
    coupon = np.round((coupon + rng.normal(0, 0.4, n)) * 8) / 8
    callable_ = high_yield & ~floating & ~convertible & (tenor >= 5) & (rng.random(n) < 0.75)
    call_day = maturity - (tenor * 365.25 / 2).astype(int)
    first_coupon = (offering.astype("datetime64[D]").astype("datetime64[M]") + 6).astype(
        "datetime64[D]"
    ).astype(int) + 14
    amount = np.round(np.exp(rng.normal(np.where(high_yield, 20.1, 20.4), 0.5)) / 5e7).clip(3) * 5e7
    serial = np.array(
        [f"{_DIGITS[k // len(_DIGITS)]}{_DIGITS[k % len(_DIGITS)]}" for k in _rank_within(issuer)]
    )
    base = pl.Series(np.char.add(issuers.issuer_cusip[issuer], serial))
    return Bonds(
        cusip=with_check_digit(base).to_numpy(),
        symbol=np.array([f"{parents.ticker[p]}{k + 5_000_000}" for k, p in enumerate(parent)]),
        parent=parent,
        issuer=issuer,
        coupon_type=np.where(floating, "V", "F"),
        coupon_pct=np.where(floating, 0.0, np.maximum(coupon, 0.5))
        + floating * np.round(parents.base_spread[parent] / 100, 2),
        offering_day=offering,
        first_coupon_day=first_coupon,
        maturity_day=maturity,
        amount_usd=amount,
        is_callable=callable_,
        call_day=call_day,
        call_price=100 + coupon / 2,
        is_144a=rng.random(n) < np.where(high_yield, 0.3, 0.06),
        is_convertible=convertible,
        activity=np.exp(rng.normal(-0.5 * 1.3**2, 1.3, n)) * (amount / 7e8) ** 0.7,
        frequency=np.where(floating, 4, 2),
    )


def _chains(
    rng: np.random.Generator, world: World, parents: Parents, slots: Ints
) -> tuple[Ints, Ints, Ints, Ints]:
    """Slot, offering day, maturity day and position in `_TENORS` of every bond, in the order of
    slots and within each of time. The first slot of a parent was filled 500 days before the start.
    """
    parent = np.repeat(np.arange(world.n_parents), slots)
    n = parent.size
    kind = np.where(
        parents.is_high_yield[parent],
        rng.choice([1, 2, 3], n, p=[0.35, 0.4, 0.25]),
        rng.choice(5, n, p=[0.15, 0.25, 0.15, 0.27, 0.18]),
    )
    months = 12 * _TENORS[kind]
    first = np.array(world.start, "datetime64[D]").astype(int)
    horizon = np.array(HORIZON, "datetime64[D]").astype(int)
    offering = first - (rng.random(n) * months * 365.25 / 12).astype(int)
    offering[np.r_[0, np.cumsum(slots)[:-1]]] = first - 500
    links, days = [], []
    for _ in range(2 + (horizon - first) // (365 * int(_TENORS.min()) - _REFINANCED_DAYS)):
        offering = _weekday(offering)
        month = offering.astype("datetime64[D]").astype("datetime64[M]")
        maturity = (month + months).astype("datetime64[D]").astype(int) + 14
        links.append(offering)
        days.append(maturity)
        offering = maturity - (rng.random(n) * _REFINANCED_DAYS).astype(int)
    offered, matures = np.stack(links, axis=1), np.stack(days, axis=1)
    slot, link = np.nonzero((offered <= horizon) & (matures > first))
    return slot, offered[slot, link], matures[slot, link], kind[slot]


#: CUSIPs avoid I and O.
_DIGITS = "0123456789ABCDEFGHJKLMNPQRSTUVWXYZ"


def _tickers(rng: np.random.Generator, count: int) -> np.ndarray:
    """`count` different pronounceable four-letter tickers, none of which is a real sector ETF's."""
    consonants, vowels = np.array(list("BCDFGHKLMNPRSTVZ")), np.array(list("AEIOU"))
    codes = rng.permutation(16 * 5 * 16 * 5)[:count]
    parts = [
        consonants[codes // 400],
        vowels[codes // 80 % 5],
        consonants[codes // 5 % 16],
        vowels[codes % 5],
    ]
    return np.char.add(np.char.add(parts[0], parts[1]), np.char.add(parts[2], parts[3]))


def _pick_issuer(rng: np.random.Generator, issuers: Issuers, parent: np.ndarray) -> Ints:
    """An issuer of the bond's own parent, the first one twice as likely as chance."""
    first = np.searchsorted(issuers.parent, parent, side="left")
    count = np.searchsorted(issuers.parent, parent, side="right") - first
    pick = np.floor(rng.random(parent.size) * (count + 1)).astype(int) - 1
    picked: Ints = first + np.maximum(pick, 0)
    return picked


def _rank_within(group: np.ndarray) -> np.ndarray:
    """0, 1, 2 … within each value of `group`, in order of appearance."""
    return (
        pl.DataFrame({"g": group}).with_columns(k=pl.int_range(pl.len()).over("g"))["k"].to_numpy()
    )


def _weekday(days: np.ndarray) -> np.ndarray:
    """Days moved forward from a weekend to Monday."""
    weekday = (days + 3) % 7
    return days + np.where(weekday >= 5, 7 - weekday, 0)
