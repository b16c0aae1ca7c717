"""Panels by hand: a market of a few parents, and a random one to cut up.

Belongs here: what the tests of features and labels share. Not here: tests. Days are numbered on
DAYS.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import date, datetime, time, timedelta
from typing import Any

import numpy as np
import polars as pl

from bondsig_assets.calendar import trading_days
from bondsig_assets.features.panels import Panels
from bondsig_assets.securities.master import build_master
from bondsig_assets.tables import TABLES
from bondsig_assets_tests.rows_of import rows_of

DAYS = trading_days(date(2022, 1, 3), date(2023, 12, 29))
LONG_AGO = {"valid_from_date": date(2010, 1, 4), "known_at": datetime(2010, 1, 4, 16)}
#: What a Panels needs of each revision.
ANALYTICS_COLUMNS = [
    "oas_bps",
    "weight",
    "yield_pct",
    "maturity_years",
    "spread_duration_years",
    "cds_equivalent_spread_bps",
]


def closing(day: int) -> datetime:
    """The close of DAYS[day]."""
    return datetime.combine(DAYS[day], time(16))


def revision(
    cusip: str,
    trade: int,
    known: int | None = None,
    *,
    spread: float | None = 100.0,
    **changes: Any,
) -> dict[str, Any]:
    """A bond day as it became known: one trade of a million at par unless told otherwise."""
    known = trade if known is None else known
    return {
        "cusip": cusip,
        "trade_date": DAYS[trade],
        "known_date": DAYS[known],
        "oas_bps": spread,
        "weight": None if spread is None else 1.0,
        "yield_pct": 5.0,
        "maturity_years": 5.0,
        "spread_duration_years": 4.0,
        "cds_equivalent_spread_bps": spread,
        "n_trades": 1,
        "price": 100.0,
        "par_usd": 1e6,
        "customer_buy_par_usd": 0.0,
        "customer_sell_par_usd": 0.0,
    } | changes


def withdrawn(cusip: str, trade: int, known: int) -> dict[str, Any]:
    """The revision that says that no trade of a bond day stands any more."""
    nothing = dict.fromkeys([*ANALYTICS_COLUMNS, "price"])
    return revision(cusip, trade, known, spread=None) | nothing | {"n_trades": 0, "par_usd": 0.0}


def revisions_of(*rows: dict[str, Any]) -> pl.DataFrame:
    """Bond-day revisions joined with their analytics."""
    schema = TABLES["bond_day_revisions"].polars_schema | {
        name: pl.Float64() for name in ANALYTICS_COLUMNS
    }
    return pl.DataFrame(list(rows), schema=schema, orient="row").drop("known_at")


def quoted(row: dict[str, Any], **told: Any) -> dict[str, Any]:
    """A bond day of `revision` as a quote tells it: nothing that only trades tell, but for what
    `told` says.
    """
    spoken = {"cusip", "trade_date", "known_date", "price", *ANALYTICS_COLUMNS}
    return {name: value if name in spoken else None for name, value in row.items()} | {
        "source": "quotes",
        **told,
    }


def bond(cusip: str, issuer: str, **changes: Any) -> dict[str, Any]:
    """Terms of a bond outstanding all the time."""
    return {
        "cusip": cusip,
        "issuer_id": issuer,
        "offering_date": date(2015, 1, 5),
        "maturity_date": date(2035, 1, 5),
        "offering_amount_usd": 5e8,
        "known_at": datetime(2015, 1, 5),
    } | changes


def issuer(name: str, parent: str, **changes: Any) -> dict[str, Any]:
    """An issuer of a parent, for ever."""
    return {"issuer_id": name, "parent_id": parent} | LONG_AGO | changes


def stock(parent: str, ticker: str, **changes: Any) -> dict[str, Any]:
    """The stock of a parent, for ever."""
    return (
        {"parent_id": parent, "ticker": ticker, "sector": "Energy", "sector_etf": "ETF"}
        | LONG_AGO
        | changes
    )


def quote(ticker: str, day: int, tenor: float, spread: float) -> dict[str, Any]:
    """A CDS quote."""
    return {
        "ticker": ticker,
        "trade_date": DAYS[day],
        "tenor_years": tenor,
        "par_spread_bps": spread,
        "known_at": closing(day),
    }


def price(ticker: str, day: int, return_pct: float | None, **changes: Any) -> dict[str, Any]:
    """A close with its total return."""
    return {
        "ticker": ticker,
        "trade_date": DAYS[day],
        "close_usd": 50.0,
        "total_return_pct": return_pct,
        "shares_outstanding": 2e7,
        "is_etf": ticker == "ETF",
        "known_at": closing(day),
    } | changes


def panels(first: int, last: int, **rows: list[dict[str, Any]] | pl.DataFrame) -> Panels:
    """Panels for DAYS[first] … DAYS[last]; tables not given are empty."""
    tables = {
        name: rows_of(name, *rows.get(name, []))
        for name in (
            "bonds",
            "issuers",
            "equities",
            "cds_quotes",
            "fundamentals",
            "ratings",
            "amounts_outstanding",
            "treasury_yields",
        )
    }
    prices = rows.get("prices", [])
    return Panels(
        days=np.array(DAYS[first : last + 1], dtype="datetime64[D]"),
        revisions=revisions_of(*rows.get("revisions", [])),
        master=build_master(tables["bonds"], tables["issuers"], tables["equities"]),
        equities=tables["equities"],
        bonds=tables["bonds"],
        prices=prices if isinstance(prices, pl.DataFrame) else rows_of("equity_prices", *prices),
        cds=tables["cds_quotes"],
        fundamentals=tables["fundamentals"],
        ratings=tables["ratings"],
        issuers=tables["issuers"],
        amounts=tables["amounts_outstanding"],
        yields=tables["treasury_yields"],
    )


def cut(market: Panels, first: date, last: date) -> Panels:
    """What `assets/features.py` would load of a market for the days `first` … `last`."""
    return replace(
        market,
        days=market.days[
            (market.days >= np.datetime64(first)) & (market.days <= np.datetime64(last))
        ],
        revisions=market.revisions.filter(pl.col("known_date").is_between(first, last)),
        prices=market.prices.filter(pl.col("trade_date").is_between(first, last)),
        cds=market.cds.filter(pl.col("trade_date").is_between(first, last)),
    )


def random_market(seed: int, n_days: int, n_parents: int = 14) -> Panels:
    """Two bonds a parent and seven for some, late reports and cancels, a takeover, a rename, rating
    changes, holes everywhere.
    """
    rng = np.random.default_rng(seed)
    names = [f"P{k:02}" for k in range(n_parents)]
    tickers = [f"T{k:02}" for k in range(n_parents)]
    stocks = [
        stock(p, t, sector=("Energy", "Tech")[k % 2], sector_etf=("XLE", "XLK")[k % 2])
        for k, (p, t) in enumerate(zip(names, tickers, strict=True))
    ]
    half = n_days // 2
    stocks.append(
        stock(
            names[1],
            "NEW",
            sector="Tech",
            sector_etf="XLK",
            valid_from_date=DAYS[half],
            known_at=closing(half - 10),
        )
    )
    issuers = [issuer(f"I{k:02}", names[k]) for k in range(n_parents)]
    issuers.append(
        issuer("I02", names[3], valid_from_date=DAYS[half + 5], known_at=closing(half + 20))
    )
    cusips = [
        (f"B{k:02}{j}", f"I{k:02}")
        for k in range(n_parents - 1)
        for j in range(7 if k % 8 == 3 else 2)
    ]
    bonds = [
        bond(c, i, maturity_date=DAYS[n_days - 60] if c == "B050" else date(2035, 1, 5))
        for c, i in cusips
    ]
    revisions = []
    level = {c: 100 + 30 * rng.standard_normal() for c, _ in cusips}
    for day in range(n_days):
        for c, _ in cusips:
            level[c] += rng.standard_normal()
            if rng.random() < 0.45:
                continue
            one = dict(
                spread=None if rng.random() < 0.05 else level[c] + rng.normal(0, 2),
                n_trades=int(rng.integers(1, 6)),
                par_usd=float(rng.integers(1, 50)) * 1e5,
                weight=float(rng.uniform(1, 9)),
                yield_pct=5 + level[c] / 100,
                maturity_years=float(rng.choice([2, 5, 9])) + rng.random(),
                price=100 + rng.normal(0, 1),
                customer_buy_par_usd=float(rng.integers(0, 9)) * 1e4,
                customer_sell_par_usd=float(rng.integers(0, 9)) * 1e4,
                customer_buy_price=100.2 + rng.random(),
                customer_sell_price=99.8 - rng.random(),
                price_low=98 - rng.random(),
                price_high=102 + rng.random(),
                price_last=100 + rng.normal(0, 1),
                institutional_buy_par_usd=float(rng.integers(0, 5)) * 1e5,
                institutional_sell_par_usd=float(rng.integers(0, 5)) * 1e5,
                n_interdealer=int(rng.integers(0, 3)),
                riskless_share=float(rng.random()),
                round_trip_cost_bps=None if rng.random() < 0.4 else float(rng.uniform(1, 90)),
                price_dispersion_bps=float(rng.uniform(1, 40)),
                n_dealers=int(rng.integers(2, 12)),
                spread_duration_years=float(rng.uniform(2, 7)),
                cds_equivalent_spread_bps=level[c] + rng.normal(0, 3),
            )
            first = day + (int(rng.integers(1, 25)) if rng.random() < 0.05 else 0)
            for known, gone in (
                (first, False),
                (first + int(rng.integers(1, 30)), rng.random() < 0.5),
            ):
                if known < n_days and (known == first or rng.random() < 0.1):
                    revisions.append(
                        withdrawn(c, day, known)
                        if gone
                        else revision(c, day, known, **one)
                        | {"n_trades": one["n_trades"] + (known > first)}
                    )
    listed = [*tickers, "NEW", "XLE", "XLK"]
    prices = [
        price(
            t,
            day,
            None if rng.random() < 0.01 else float(rng.normal(0, 2)),
            close_usd=50 + rng.random(),
            volume_shares=float(rng.integers(1, 9)) * 1e5,
        )
        for t in listed
        for day in range(n_days)
    ]
    quotes = [
        quote(t, day, tenor, float(100 + 10 * tenor + rng.normal(0, 5)))
        for t in [*tickers[4:], "NEW"]
        for day in range(n_days)
        for tenor in (
            [1.0, 5.0, 10.0] if rng.random() < 0.8 else [5.0] if rng.random() < 0.5 else [3.0, 7.0]
        )
        if rng.random() < 0.95
    ]
    filings = [
        {
            "parent_id": p,
            "period_end_date": DAYS[day],
            "total_debt_usd": float(rng.uniform(1e9, 2e9)),
            "known_at": closing(day + 30),
            "short_term_debt_usd": float(rng.uniform(1e8, 3e8)),
            "long_term_debt_usd": float(rng.uniform(7e8, 9e8)),
        }
        for p in names
        for day in range(0, n_days - 30, 63)
    ]
    ratings = [
        {
            "issuer_id": f"I{k:02}",
            "agency": "SP",
            "rating_date": DAYS[day],
            "rating_number": int(rng.integers(8, 14)),
            "known_at": closing(day) - timedelta(hours=7),
        }
        for k in range(n_parents)
        for day in range(0, n_days, 100)
    ]
    amounts = [
        {
            "cusip": c,
            "effective_date": DAYS[day],
            "amount_usd": float(rng.uniform(1e8, 9e8)),
            "known_at": closing(day + 2),
        }
        for c, _ in cusips
        for day in range(0, n_days - 3, 150)
    ]
    curve = [
        {
            "trade_date": DAYS[day],
            "tenor_years": tenor,
            "par_yield_pct": float(3 + tenor / 10 + rng.normal(0, 0.05)),
            "known_at": closing(day) + timedelta(hours=17),
        }
        for day in range(n_days)
        for tenor in (1.0, 5.0, 10.0)
    ]
    return panels(
        0,
        n_days - 1,
        revisions=revisions,
        bonds=bonds,
        issuers=issuers,
        equities=stocks,
        prices=prices,
        cds_quotes=quotes,
        fundamentals=filings,
        ratings=ratings,
        amounts_outstanding=amounts,
        treasury_yields=curve,
    )


def with_quotes(market: Panels, seed: int) -> Panels:
    """`market` in which a third of the bonds are quoted and never traded, another third until the
    middle, some with par and number of trades.
    """
    bonds = market.bonds["cusip"].sort().to_list()
    rng = np.random.default_rng(seed)
    kind = dict(zip(bonds, rng.integers(0, 3, len(bonds)).tolist(), strict=True))
    tells = dict(zip(bonds, (rng.random(len(bonds)) < 0.5).tolist(), strict=True))
    half = market.days[market.days.size // 2].item()
    of = pl.col("cusip").replace_strict(kind, return_dtype=pl.Int64)
    is_quote = (of == 0) | ((of == 1) & (pl.col("trade_date") < half))
    is_told = pl.col("cusip").replace_strict(tells, return_dtype=pl.Boolean)
    spoken = {"cusip", "trade_date", "known_date", "price", *ANALYTICS_COLUMNS}
    kept = market.revisions.filter(~is_quote | (pl.col("n_trades") > 0))
    rows = kept.with_columns(
        pl.when(~is_quote | is_told).then(name).alias(name)
        if name in ("par_usd", "n_trades")
        else pl.when(~is_quote).then(name).alias(name)
        for name in kept.columns
        if name not in spoken
    ).with_columns(source=pl.when(is_quote).then(pl.lit("quotes")).otherwise("source"))
    quotes = rows.filter(pl.col("source") == "quotes")
    since = quotes.group_by("cusip").agg(
        par_date=pl.col("known_date").filter(pl.col("par_usd").is_not_null()).min(),
        trades_date=pl.col("known_date").filter(pl.col("n_trades").is_not_null()).min(),
    )
    return replace(market, revisions=rows, quoted_since=since, reports_since=half)
