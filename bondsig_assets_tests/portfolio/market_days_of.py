"""Market days by hand: a market of a few issuers with prices, borrow rates and series.

Belongs here: what tests of facts, risk and targets share. Not here: tests.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import polars as pl

from bondsig_assets.portfolio.market_days import ISSUER_COLUMNS, MarketDays
from bondsig_assets.securities.delisted import standing_delistings
from bondsig_assets_tests.features.markets import DAYS, closing, panels, price, stock
from bondsig_assets_tests.rows_of import rows_of

SECTORS = (("Energy", "XLE"), ("Financials", "XLF"))


def issuer_row(name: int, day: int, **changes: Any) -> dict[str, Any]:
    """An issuer day of parent `name`: fresh bonds, many trades."""
    sector, etf = SECTORS[name % 2]
    return {
        "parent_id": f"P{name:02}",
        "trade_date": DAYS[day],
        "ticker": f"T{name:02}",
        "sector": sector,
        "sector_etf": etf,
        "spread_bps": 100.0 + name,
        "n_trades_21d": 60.0,
        "staleness_days": 0.0,
    } | changes


def market_days(
    n_days: int,
    n_names: int = 12,
    seed: int = 0,
    *,
    skip: frozenset[tuple[int, int]] = frozenset(),
    borrow: list[dict[str, Any]] | None = None,
    delistings: list[dict[str, Any]] | None = None,
    prices: pl.DataFrame | None = None,
) -> MarketDays:
    """`n_days` of DAYS; issuer days without those of `skip` (name, day)."""
    draw = np.random.default_rng(seed)
    tickers = [f"T{k:02}" for k in range(n_names)] + ["XLE", "XLF"]
    common, sector = draw.normal(0, 0.8, n_days), draw.normal(0, 0.6, (n_days, 2))
    rows = [
        price(
            ticker,
            day,
            float(common[day] + sector[day, k % 2] + (k < n_names) * draw.normal(0, 1.2)),
            close_usd=float(40 + k),
            volume_shares=1e6 * (1 + k % 3),
            is_etf=k >= n_names,
        )
        for k, ticker in enumerate(tickers)
        for day in range(n_days)
    ]
    stocks = [
        stock(f"P{k:02}", f"T{k:02}", sector=SECTORS[k % 2][0], sector_etf=SECTORS[k % 2][1])
        for k in range(n_names)
    ]
    found = panels(0, n_days - 1, equities=stocks, prices=rows if prices is None else prices)
    gone = rows_of("delistings", *(delistings or []))
    object.__setattr__(found, "delistings", standing_delistings(gone, found.prices))
    issuers = [
        issuer_row(k, day, spread_bps=float(100 + k + 5 * common[: day + 1].sum()))
        for day in range(n_days)
        for k in range(n_names)
        if (k, day) not in skip
    ]
    series = [
        {
            "series": "vix",
            "trade_date": DAYS[d],
            "value": float(20 + common[d]),
            "known_at": closing(d),
        }
        for d in range(n_days)
    ]
    yields = [
        {
            "trade_date": DAYS[d],
            "tenor_years": 10.0,
            "par_yield_pct": float(4 + 0.05 * common[d]),
            "known_at": closing(d + 1),
        }
        for d in range(n_days - 1)
    ]
    return MarketDays(
        found,
        pl.DataFrame(issuers).select(ISSUER_COLUMNS),
        rows_of("borrow_rates", *(borrow or [])),
        rows_of("macro_series", *series),
        rows_of("treasury_yields", *yields),
    )
