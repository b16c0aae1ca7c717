"""Small books and sessions for tests. Belongs here: what more than one of them asks for. Not here:
what holds of them.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import date

import numpy as np
import polars as pl

from bondsig_assets.calendar import offset
from bondsig_assets.portfolio.books import Books, new_books, with_orders
from bondsig_assets.portfolio.broker import PaperBroker
from bondsig_assets.portfolio.orders import orders, wishes_of
from bondsig_assets.portfolio.sessions import COLUMNS, Session, session_of
from bondsig_assets.portfolio.settings import (
    BoundSettings,
    CostSettings,
    PortfolioSettings,
    TradingSettings,
)
from bondsig_assets.portfolio.trading_day import TradedDay, trade_day

#: A Monday; the week has five sessions.
FIRST = date(2024, 3, 4)
#: Nothing costs anything, nothing is capped.
FREE = PortfolioSettings(
    nav_usd=100_000.0,
    costs=CostSettings(
        impact=0.0,
        half_spread_bps=0.0,
        half_spread_slope_bps=0.0,
        tick_usd=0.0,
        commission_usd=0.0,
        general_borrow_bps=0.0,
        unknown_borrow_bps=0.0,
    ),
    bounds=BoundSettings(participation_pct=100.0, name_pct=100.0),
    trading=TradingSettings(
        fill_participation_pct=100.0,
        bucket_participation_pct=100.0,
        minimum_notional_usd=0.0,
        commission_minimum_usd=0.0,
        sell_fee_bps=0.0,
        rest="close",
    ),
)


def prices(**names) -> pl.DataFrame:
    """A session's frame: a close a name, or a dict of columns; by default nothing but prices
    happens, and a million shares change hands.
    """
    rows = []
    for parent, given in names.items():
        columns = given if isinstance(given, dict) else {"close_usd": given}
        close = columns.get("close_usd")
        usual = {
            "parent_id": parent,
            "ticker": parent.lower(),
            "open_usd": close,
            "high_usd": close,
            "low_usd": close,
            "volume_shares": 1e6,
            "dividend_usd": 0.0,
            "split_ratio": 1.0,
        }
        rows.append(usual | columns)
    frame = pl.DataFrame(rows, infer_schema_length=None)
    return frame.with_columns(pl.col("ticker").cast(pl.String))


class Market:
    """A book that goes from session to session, all days kept; targets in shares are given each
    evening.
    """

    def __init__(self, settings: PortfolioSettings = FREE, nav_usd: float = 100_000.0, broker=None):
        self.settings, self.nav_usd = settings, nav_usd
        self.broker = broker or PaperBroker(settings)
        self.books: Books = new_books("optimised")
        self.days: list[TradedDay] = []
        self.sessions: list[Session] = []
        self.evenings: list[pl.DataFrame] = []
        self.slices: list[pl.DataFrame] = []
        self.dollar_volume_usd = 50e6

    def session(self, frame: pl.DataFrame, *, flow_usd: float = 0.0, **known) -> TradedDay:
        """The next day."""
        last = self.books.trade_date
        day = FIRST if last is None else offset(last, 1)
        flow = self.nav_usd if last is None else flow_usd
        self.sessions.append(session_of(frame, day, **known))
        done = trade_day(self.books, self.sessions[-1], self.broker, self.settings, flow)
        self.days.append(done)
        self.books = done.books
        return done

    def evening(self, **targets) -> pl.DataFrame:
        """Orders to `targets` in shares, at the session's closes, of usual size and volatility."""
        facts = self.sessions[-1].of(sorted(targets))
        frame = pl.DataFrame(
            {
                "parent_id": facts.parents,
                "ticker": [ticker or "?" for ticker in facts.tickers],
                "shares": [targets[name] for name in facts.parents],
                "price_usd": facts.close_usd,
                "volatility_pct": [2.0] * len(facts.parents),
                "dollar_volume_usd": [self.dollar_volume_usd] * len(facts.parents),
            },
            schema_overrides={"ticker": pl.String, "parent_id": pl.String},
        ).fill_nan(None)
        wished = wishes_of(self.books.held(), frame, self.books.policy, self.books.trade_date)
        made = orders(wished, self.settings, self.books.state == "stopped")
        self.evenings.append(made.orders)
        self.slices.append(made.slices)
        self.books = with_orders(self.books, made.orders)
        return made.orders

    def entries(self) -> pl.DataFrame:
        """All that was booked."""
        return pl.concat([day.entries for day in self.days])

    @property
    def row(self) -> dict:
        """The last row of `portfolio_days`."""
        return self.days[-1].day.row(0, named=True)


def charging(**groups) -> PortfolioSettings:
    """FREE with some groups' settings changed: `charging(costs={...})`."""
    return replace(
        FREE, **{group: replace(getattr(FREE, group), **change) for group, change in groups.items()}
    )


def random_market(
    seed: int, n_names: int = 5, n_days: int = 9
) -> tuple[list[pl.DataFrame], list[dict[str, int]], list[pl.DataFrame]]:
    """Sessions, targets of each evening, and delistings known at each: with splits, dividends,
    halts, days without volume, renames, and names that end and are told of early, late or wrongly.
    """
    draw = np.random.default_rng(seed)
    names = [f"N{k}" for k in range(n_names)]
    price = draw.uniform(3, 200, n_names)
    tickers = [name.lower() for name in names]
    last_day = np.where(draw.random(n_names) < 0.3, draw.integers(2, n_days, n_names), n_days + 9)
    told = last_day + draw.integers(1, 4, n_names)
    paid = np.where(draw.random(n_names) < 0.5, draw.uniform(-100, 30, n_names), np.nan)
    frames, targets, ended = [], [], []
    for day in range(n_days):
        rows = []
        for k, name in enumerate(names):
            if day > last_day[k] or draw.random() < 0.1:
                continue
            ratio = float(draw.choice([1, 1, 1, 1, 1, 1, 2, 1.5, 0.1, 0.01]))
            ratio = ratio if 0.5 < price[k] / ratio < 5_000 else 1.0
            price[k] = round(price[k] / ratio * np.exp(draw.normal(0, 0.02)), 2)
            if draw.random() < 0.05:
                tickers[k] = f"{name.lower()}{day}"
            low, high = price[k] * 0.98, price[k] * 1.02
            rows.append(
                {
                    "parent_id": name,
                    "ticker": tickers[k],
                    "open_usd": round(draw.uniform(low, high), 2) if draw.random() < 0.9 else None,
                    "high_usd": high,
                    "low_usd": low,
                    "close_usd": price[k],
                    "volume_shares": float(draw.choice([0.0, 300.0, 1e5, 1e6])),
                    "dividend_usd": round(float(draw.choice([0, 0, 0, 0.01, 0.3])), 2),
                    "split_ratio": ratio,
                    "shares_outstanding": 1e7,
                    "borrow_rate_pct": float(draw.choice([0.3, 4.0])) if k % 2 else None,
                    "market_beta": 0.7 + 0.3 * k - 0.02 * day if k else None,
                }
            )
        schema = {
            "parent_id": pl.String,
            "ticker": pl.String,
            **dict.fromkeys(COLUMNS, pl.Float64),
        }
        frames.append(pl.DataFrame(rows, schema=schema))
        targets.append({name: int(draw.integers(-300, 300)) for name in names})
        ended.append(
            pl.DataFrame(
                [
                    {
                        "ticker": tickers[k],
                        "last_trade_date": offset(FIRST, int(last_day[k])),
                        "delisting_return_pct": paid[k] if day > told[k] or k % 2 else None,
                        "reason": "merger" if k % 3 else "dropped",
                    }
                    for k in range(n_names)
                    if day >= told[k]
                ],
                schema={
                    "ticker": pl.String,
                    "last_trade_date": pl.Date,
                    "delisting_return_pct": pl.Float64,
                    "reason": pl.String,
                },
            ).fill_nan(None)
        )
    return frames, targets, ended


#: What counts for a name without a beta.
USUAL_BETA = 1.1
#: As FREE, and everything costs something.
DEAR = replace(
    PortfolioSettings(nav_usd=100_000.0),
    bounds=BoundSettings(participation_pct=10.0, name_pct=100.0),
    trading=TradingSettings(minimum_notional_usd=50.0, dividend_pay_days=3),
)


def run(
    seed: int,
    settings: PortfolioSettings = DEAR,
    *,
    has_rates: bool = True,
    cash_rate_pct: float | None = None,
    dollar_volume_usd: float = 50e6,
) -> Market:
    """A book through a random market, where borrow has delivered rates or none."""
    market = Market(settings)
    market.dollar_volume_usd = dollar_volume_usd
    rate = float(seed % 5) if cash_rate_pct is None else cash_rate_pct
    for frame, targets, ended in zip(*random_market(seed), strict=True):
        market.session(
            frame if has_rates else frame.drop("borrow_rate_pct"),
            delistings=ended,
            has_borrow_rates=seed % 2 == 0,
            cash_rate_pct=rate,
            usual_beta=USUAL_BETA,
        )
        market.evening(**targets)
    return market
