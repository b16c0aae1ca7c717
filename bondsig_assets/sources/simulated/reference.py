"""Reference tables of the simulated market.

Belongs here: issuers, equities, bonds, ratings, balance sheets, Treasury yields, macro series.
Not here: trade reports (`trading.py`, `market.py`), prices of stocks (`stocks.py`).
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, timedelta

import numpy as np
import polars as pl

from bondsig_assets.calendar.knowledge import end_of_day, next_morning
from bondsig_assets.sources.simulated.entities import SECTORS
from bondsig_assets.sources.simulated.paths import TREASURY_TENORS, Market
from bondsig_assets.tables import TABLES

_EPOCH = date(1970, 1, 1)
_LONG_AGO = timedelta(days=3650)
_LETTERS = np.array(
    [
        "AAA",
        "AA+",
        "AA",
        "AA-",
        "A+",
        "A",
        "A-",
        "BBB+",
        "BBB",
        "BBB-",
        "BB+",
        "BB",
        "BB-",
        "B+",
        "B",
        "B-",
        "CCC+",
        "CCC",
        "CCC-",
        "CC",
        "C",
        "D",
    ]
)


def tickers(market: Market) -> np.ndarray:
    """Ticker of each parent on each day [day, parent]; one name changes its own."""
    parents = market.parents
    grid = np.tile(parents.ticker, (market.days.size, 1))
    grid[parents.rename_day :, parents.renamed] = parents.new_ticker[0]
    return grid


def has_stock(market: Market) -> np.ndarray:
    """Whether each parent's stock trades on each day [day, parent]; the target's stops at the
    takeover.
    """
    listed = np.ones((market.days.size, market.world.n_parents), dtype=bool)
    listed[market.parents.takeover_day :, market.parents.target] = False
    return listed


def _issuers(market: Market, through: date) -> pl.DataFrame:
    issuers, parents = market.issuers, market.parents
    world = market.world
    start, takeover = _long_before(market), world.day(parents.takeover_day)
    announced = world.day(parents.takeover_day - 30)
    bought = issuers.parent == parents.target
    base = pl.DataFrame(
        {
            "issuer_id": issuers.issuer_id,
            "issuer_cusip": issuers.issuer_cusip,
            "issuer_name": issuers.name,
            "parent_id": parents.parent_id[issuers.parent],
        }
    ).with_columns(
        valid_from_date=pl.lit(start), valid_to_date=pl.lit(None, pl.Date), known_date=pl.lit(start)
    )
    after = base.filter(pl.Series(bought)).with_columns(
        parent_id=pl.lit(str(parents.parent_id[parents.acquirer])),
        valid_from_date=pl.lit(takeover),
        known_date=pl.lit(announced),
    )
    return _known(pl.concat([base, after]), through)


def _equities(market: Market, through: date) -> pl.DataFrame:
    parents, world = market.parents, market.world
    start = _long_before(market)
    base = pl.DataFrame(
        {
            "parent_id": parents.parent_id,
            "ticker": parents.ticker,
            "company_name": parents.name,
            "permno": None,
            "permco": None,
            "figi": None,
            "sector": np.array([name for name, _ in SECTORS])[parents.sector],
            "sector_etf": np.array([etf for _, etf in SECTORS])[parents.sector],
        }
    ).with_columns(
        valid_from_date=pl.lit(start), valid_to_date=pl.lit(None, pl.Date), known_date=pl.lit(start)
    )
    renamed = world.day(parents.rename_day)
    new_name = base.filter(
        pl.col("parent_id") == str(parents.parent_id[parents.renamed])
    ).with_columns(
        ticker=pl.lit(str(parents.new_ticker[0])),
        valid_from_date=pl.lit(renamed),
        known_date=pl.lit(world.day(parents.rename_day - 10)),
    )
    # The end of the target's listing is a fact of its own: a new row, known when announced.
    takeover = world.day(parents.takeover_day)
    ended = base.filter(pl.col("parent_id") == str(parents.parent_id[parents.target])).with_columns(
        valid_from_date=pl.lit(world.day(parents.takeover_day - 30)),
        valid_to_date=pl.lit(takeover - timedelta(days=1)),
        known_date=pl.lit(world.day(parents.takeover_day - 30)),
    )
    return _known(pl.concat([base, new_name, ended]), through)


def _delistings(market: Market, through: date) -> pl.DataFrame:
    """The target's stock: its holders get its last close, on the day after."""
    parents = market.parents
    frame = pl.DataFrame(
        {
            "ticker": parents.ticker[[parents.target]],
            "last_trade_date": [market.world.day(parents.takeover_day - 1)],
        }
    )
    frame = frame.filter(pl.col("last_trade_date") <= through)
    return frame.with_columns(
        delisting_return_pct=pl.lit(0.0),
        reason=pl.lit("merger"),
        known_at=next_morning(frame["last_trade_date"]),
    )


def _bonds(market: Market, through: date) -> pl.DataFrame:
    bonds = market.bonds
    frame = pl.DataFrame(
        {
            "cusip": bonds.cusip,
            "issuer_id": market.issuers.issuer_id[bonds.issuer],
            "bond_symbol": bonds.symbol,
            "coupon_type": bonds.coupon_type,
            "coupon_pct": bonds.coupon_pct,
            "coupons_per_year": bonds.frequency,
            "day_count": np.where(bonds.coupon_type == "V", "ACT/360", "30/360"),
            "offering_date": _dates(bonds.offering_day),
            "first_coupon_date": _dates(bonds.first_coupon_day),
            "maturity_date": _dates(bonds.maturity_day),
            "offering_amount_usd": bonds.amount_usd,
            "is_callable": bonds.is_callable,
            "first_call_date": _dates(bonds.call_day),
            "first_call_price": bonds.call_price,
            "is_144a": bonds.is_144a,
            "is_convertible": bonds.is_convertible,
        }
    ).with_columns(
        pl.when("is_callable").then(pl.col("first_call_date", "first_call_price")),
        # Every period is regular here: interest runs from half a year before the first coupon.
        accrual_start_date=pl.col("first_coupon_date").dt.offset_by("-6mo"),
        known_at=pl.col("offering_date").cast(pl.Datetime("us")),
    )
    table = TABLES["bonds"]
    absent = [
        pl.lit(None, dtype).alias(name)
        for name, dtype in table.polars_schema.items()
        if name not in frame.columns
    ]
    return frame.filter(pl.col("offering_date") <= through).with_columns(absent)


def _call_schedules(market: Market, through: date) -> pl.DataFrame:
    """A step a year from the first call date, falling to par at maturity."""
    bonds = market.bonds
    steps = 1 + np.maximum((bonds.maturity_day - bonds.call_day - 1) // 365, 0)
    b = np.repeat(np.flatnonzero(bonds.is_callable), steps[bonds.is_callable])
    step = pl.DataFrame({"b": b}).select(pl.int_range(pl.len()).over("b")).to_series().to_numpy()
    day = bonds.call_day[b] + (365.25 * step).astype(int)
    run = (day - bonds.call_day[b]) / np.maximum(bonds.maturity_day[b] - bonds.call_day[b], 1)
    price = np.round(bonds.call_price[b] + (100 - bonds.call_price[b]) * run, 3)
    frame = pl.DataFrame(
        {
            "cusip": bonds.cusip[b],
            "call_date": _dates(day),
            "call_price": price,
            "offered": _dates(bonds.offering_day[b]),
        }
    )
    return (
        frame.filter(pl.col("offered") <= through)
        .with_columns(known_at=pl.col("offered").cast(pl.Datetime("us")))
        .drop("offered")
        .sort("cusip", "call_date")
    )


def _amounts_outstanding(market: Market, through: date) -> pl.DataFrame:
    """One bond in twelve is reopened, one in twelve bought back in part, told on the day."""
    bonds, rng = market.bonds, market.world.rng(8)
    kind, when = rng.integers(0, 12, bonds.cusip.size), rng.uniform(0.1, 0.7, bonds.cusip.size)
    factor = np.where(kind == 0, 1.25, 0.6)
    day = bonds.offering_day + (when * (bonds.maturity_day - bonds.offering_day)).astype(int)
    frame = pl.DataFrame(
        {
            "cusip": bonds.cusip,
            "effective_date": _dates(day),
            "amount_usd": np.round(bonds.amount_usd * factor, -3),
            "kind": kind,
        }
    )
    frame = frame.filter((pl.col("kind") < 2) & (pl.col("effective_date") <= through)).drop("kind")
    return frame.with_columns(known_at=end_of_day(pl.col("effective_date"))).sort(
        "cusip", "effective_date"
    )


def _equity_links(market: Market, through: date) -> pl.DataFrame:
    """Quarterly holdings of a bond fund that name the issuer's ticker, one in forty wrongly; better
    sources outrank them.
    """
    bonds, rng = market.bonds, market.world.rng(9)
    names = tickers(market)
    parts = []
    for index in range(0, market.days.size, 63):
        alive = (bonds.offering_day <= market.day_numbers[index]) & (
            bonds.maturity_day > market.day_numbers[index]
        )
        held = np.flatnonzero(alive & (rng.random(bonds.cusip.size) < 0.1))
        wrong = rng.random(held.size) < 0.025
        owner = np.where(
            wrong,
            rng.integers(0, market.world.n_parents, held.size),
            market.owner(index)[bonds.parent[held]],
        )
        parts.append(
            pl.DataFrame(
                {
                    "entity": bonds.cusip[held],
                    "ticker": names[index][owner],
                    "valid_from_date": np.full(held.size, market.days[index]),
                }
            )
        )
    frame = (
        pl.concat(parts)
        .with_columns(claim_number=pl.int_range(1, pl.len() + 1))
        .filter(pl.col("valid_from_date") <= through)
    )
    return frame.with_columns(
        link_source=pl.lit("etf_holdings"),
        entity_kind=pl.lit("cusip"),
        parent_id=None,
        permno=None,
        permco=None,
        figi=None,
        valid_to_date=pl.col("valid_from_date") + pl.duration(days=45),
        confidence=pl.lit(0.6),
        note=pl.lit("believed for 45 days"),
        known_at=next_morning(frame["valid_from_date"]),
        known_until=None,
    )


def _ratings(market: Market, through: date) -> pl.DataFrame:
    parents, issuers = market.parents, market.issuers
    start = _long_before(market)
    actions = [(start, p, int(parents.rating[p])) for p in range(market.world.n_parents)]
    actions += [
        (market.days[day].item(), parent, rating) for day, parent, rating in market.rating_actions
    ]
    frame = pl.DataFrame(
        actions,
        schema={"rating_date": pl.Date, "parent": pl.Int64, "rating_number": pl.Int64},
        orient="row",
    )
    frame = frame.join(
        pl.DataFrame({"issuer_id": issuers.issuer_id, "parent": issuers.parent}), on="parent"
    )
    frame = frame.filter(pl.col("rating_date") <= through)
    return frame.select(
        "issuer_id",
        pl.lit("SP").alias("agency"),
        "rating_date",
        pl.Series(_LETTERS[frame["rating_number"].to_numpy() - 1]).alias("rating"),
        "rating_number",
        next_morning(frame["rating_date"]).alias("known_at"),
    ).sort("issuer_id", "rating_date")


def _fundamentals(market: Market, through: date) -> pl.DataFrame:
    """Quarter ends with debt of the bonds then outstanding plus loans, filed 40 days later."""
    bonds, n = market.bonds, market.world.n_parents
    start, end = market.days[0].astype("datetime64[M]"), market.days[-1].astype("datetime64[M]")
    ends = np.arange(start - 15, end + 1, 3).astype("datetime64[M]").astype(
        "datetime64[D]"
    ) - np.timedelta64(1, "D")
    loans = market.world.rng(7).uniform(0.2, 0.8, n)
    rows = []
    for quarter in ends:
        alive = (bonds.offering_day <= quarter.astype(int)) & (
            bonds.maturity_day > quarter.astype(int)
        )
        owner = market.owner(int(np.searchsorted(market.days, quarter)))
        debt = (
            np.bincount(owner[bonds.parent], weights=bonds.amount_usd * alive, minlength=n)
            * (1 + loans)
            + 1e8
        )
        due = np.bincount(
            owner[bonds.parent],
            weights=bonds.amount_usd * (alive & (bonds.maturity_day < quarter.astype(int) + 365)),
            minlength=n,
        )
        rows.append(
            pl.DataFrame(
                {
                    "parent_id": market.parents.parent_id,
                    "period_end_date": np.full(n, quarter),
                    "short_term_debt_usd": due,
                    "long_term_debt_usd": debt - due,
                    "total_debt_usd": debt,
                    "total_assets_usd": debt * 1.4 + 0.6 * market.parents.market_cap,
                }
            )[np.unique(owner)]
        )
    frame = pl.concat(rows).filter(pl.col("period_end_date") + pl.duration(days=40) <= through)
    return frame.with_columns(
        known_at=(pl.col("period_end_date") + pl.duration(days=40)).dt.combine(pl.time(17))
    ).sort("parent_id", "period_end_date")


def _treasury_yields(market: Market, through: date) -> pl.DataFrame:
    yields = np.round(market.par_yields_pct(), 3)
    t, k = np.nonzero(np.isfinite(yields))
    frame = pl.DataFrame(
        {
            "trade_date": market.days[t],
            "tenor_years": TREASURY_TENORS[k],
            "par_yield_pct": yields[t, k],
        }
    )
    frame = frame.filter(pl.col("trade_date") <= through)
    return frame.with_columns(known_at=next_morning(frame["trade_date"]))


def _macro_series(market: Market, through: date) -> pl.DataFrame:
    """What the close tells is known then, Treasury rates the next morning."""
    series = market.macro_levels()
    frame = pl.DataFrame(
        {
            "series": np.repeat(np.array(list(series)), market.days.size),
            "trade_date": np.tile(market.days, len(series)),
            "value": np.concatenate(list(series.values())),
        }
    )
    frame = frame.filter(pl.col("trade_date") <= through)
    is_rate = pl.col("series").str.starts_with("treasury_")
    return frame.with_columns(
        known_at=pl.when(is_rate)
        .then(next_morning(frame["trade_date"]))
        .otherwise(end_of_day(pl.col("trade_date")))
    ).sort("series", "trade_date")


def _known(frame: pl.DataFrame, through: date) -> pl.DataFrame:
    """Rows known by `through`, with the knowledge time of their `known_date`."""
    return (
        frame.filter(pl.col("known_date") <= through)
        .with_columns(known_at=end_of_day(pl.col("known_date")))
        .drop("known_date")
    )


def _dates(days: np.ndarray) -> np.ndarray:
    return days.astype("datetime64[D]")


def _long_before(market: Market) -> date:
    first: date = market.days[0].item()
    return first - _LONG_AGO


MAKERS: dict[str, Callable[[Market, date], pl.DataFrame]] = {
    "issuers": _issuers,
    "equities": _equities,
    "equity_links": _equity_links,
    "bonds": _bonds,
    "call_schedules": _call_schedules,
    "amounts_outstanding": _amounts_outstanding,
    "ratings": _ratings,
    "fundamentals": _fundamentals,
    "treasury_yields": _treasury_yields,
    "delistings": _delistings,
    "macro_series": _macro_series,
}
