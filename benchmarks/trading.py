"""Books: how long a day of them takes, and whether real positions earn what their shares did.

    .venv/bin/python -m benchmarks.trading [speed|path|real FOLDER] …

Belongs here: what the figures on orders and ledger come from. Not here: correctness
(`bondsig_assets_tests/portfolio`).
"""

from __future__ import annotations

import sys
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from time import process_time

import numpy as np
import polars as pl

from benchmarks.portfolio import CALIBRATION, FIRST, HISTORY, history_of, world
from bondsig_assets.calendar import trading_days
from bondsig_assets.portfolio.book_days import evening_orders, walk
from bondsig_assets.portfolio.books import Books, new_books, with_orders
from bondsig_assets.portfolio.broker import PaperBroker
from bondsig_assets.portfolio.orders import Orders, orders, wishes_of
from bondsig_assets.portfolio.risk_model import risk_model
from bondsig_assets.portfolio.sessions import Session, session_of
from bondsig_assets.portfolio.settings import BoundSettings, PortfolioSettings, TradingSettings
from bondsig_assets.portfolio.targets import Day, targets
from bondsig_assets.portfolio.trading_day import TradedDay, trade_day
from bondsig_assets.tables.trading import CHANGES

#: As much of a name as wanted, at once: what is held is to be looked at, not how it is bought.
UNCAPPED = PortfolioSettings(
    bounds=BoundSettings(participation_pct=100.0),
    trading=TradingSettings(
        fill_participation_pct=100.0, bucket_participation_pct=100.0, rest="close"
    ),
)
NAV_USD, POSITION_USD = 1e9, 1e7


def main() -> None:
    """Run the parts named on the command line; all but the real prices when none is."""
    asked, parts = sys.argv[1:] or ["speed", "path"], {"speed": _speed, "path": _path}
    while asked:
        part = asked.pop(0)
        if part == "real":
            _real(Path(asked.pop(0)))
        elif part in parts:
            parts[part]()
        else:
            sys.exit(f"unknown part '{part}'; there are: {', '.join(parts)} and real FOLDER")
        print(flush=True)


def _speed(n: int = 120, n_days: int = 252) -> None:
    """Milliseconds of processor a day where every target changes every day."""
    draw = np.random.default_rng(0)
    price, wish = draw.uniform(20, 200, n), np.zeros(n)
    names = [f"P{k:04}" for k in range(n)]
    settings = PortfolioSettings()
    book, spent, filled = new_books("speed"), [0.0, 0.0], 0
    for at, day in enumerate(trading_days(date(2018, 1, 2), date(2020, 1, 2))[:n_days]):
        price = np.round(price * np.exp(draw.normal(0, 0.02, n)), 2)
        frame = pl.DataFrame(
            {
                "parent_id": names,
                "ticker": names,
                "open_usd": price,
                "high_usd": 1.01 * price,
                "low_usd": 0.99 * price,
                "close_usd": price,
                "volume_shares": np.full(n, 1e6),
                "dividend_usd": np.where(draw.random(n) < 0.015, 0.2, 0.0),
                "split_ratio": np.ones(n),
            }
        )
        start = process_time()
        session = session_of(frame, day)
        done = trade_day(book, session, PaperBroker(settings), settings, 0.0 if at else 1e7)
        middle = process_time()
        book, filled = done.books, filled + done.fills.height
        wish = 0.9 * wish + 0.1 * draw.normal(0, 7.5 / n, n)
        book = _evening(book, frame, np.trunc(wish * book.nav_usd / price), settings)
        spent = [spent[0] + middle - start, spent[1] + process_time() - middle]
    per_day = [1e3 * one / n_days for one in spent]
    print(
        f"{n} names, {filled / n_days:.0f} orders a day: {per_day[0]:.1f} ms of processor a day for"
        f" the books, {per_day[1]:.1f} ms for orders"
    )


def _path(n: int = 120, n_days: int = 1512) -> None:
    """Six years of targets by the optimiser, orders and books of a world whose scores know what is
    to come by an IC of 0.03: how long, and where the money went.
    """
    of, start = world(n, n_days, 0.03, 0), HISTORY + CALIBRATION
    names = tuple(f"P{k:05}" for k in range(n))
    sector = np.array([f"S{k % 6}" for k in range(n)], dtype=object)
    yes, no = np.ones(n, bool), np.zeros(n, bool)
    prices = np.round(of.price * np.cumprod(1 + of.returns[start : start + n_days], axis=0), 4)
    settings = PortfolioSettings()
    spent = {"targets": 0.0}

    def decide(book: Books, session: Session) -> Orders:
        begun = process_time()
        t = start + int(np.flatnonzero(days == np.datetime64(session.trade_date))[0])
        held = dict(zip(book.parents, book.shares.tolist(), strict=True))
        shares = np.array([held.get(name, 0) for name in names], dtype=np.int64)
        risk = risk_model(history_of(of, sector, t), settings.risk)
        alpha = of.lead * of.own * np.sqrt(5) * of.score[t]
        price = session.close_usd
        day = Day(
            session.trade_date, names, names, sector, yes, yes, no, alpha, price, yes, of.volume,
            shares, risk, book.nav_usd,
        )  # fmt: skip
        found = targets(day, settings, 2.0)
        spent["targets"] += process_time() - begun
        return evening_orders(found)

    days = np.array(trading_days(FIRST, date(2030, 1, 1))[:n_days], dtype="datetime64[D]")
    sessions = {
        day: session_of(
            pl.DataFrame(
                {
                    "parent_id": names,
                    "ticker": names,
                    "close_usd": prices[k],
                    "volume_shares": of.volume / prices[k],
                    "dividend_usd": np.zeros(n),
                    "split_ratio": np.ones(n),
                }
            ),
            day,
        )
        for k, day in enumerate(days.tolist())
    }
    begun = process_time()
    done = walk(
        new_books("optimised"),
        days.tolist(),
        lambda day, book: sessions[day],
        decide,
        PaperBroker(settings),
        settings,
    )
    whole, rows = process_time() - begun, done.rows["portfolio_days"]
    print(
        f"{n_days} days of {n} names: {whole:.0f} s of processor, {spent['targets']:.0f} s of them"
        f" risk model and targets; {done.rows['orders'].height} orders,"
        f" {done.rows['ledger_entries'].height} entries"
    )
    net = (rows["nav_usd"] - rows["capital_usd"]) / rows["nav_before_usd"] - 1
    sharpe = float(net[1:].mean() / net[1:].std()) * 252**0.5
    parts = {name: rows[f"{name}_usd"].sum() for name in CHANGES if name != "capital"}
    print(
        f"Sharpe {sharpe:.2f}, turnover {100 * rows['turnover'].mean():.1f} % a day, dollars: "
        + ", ".join(f"{name} {amount:,.0f}" for name, amount in parts.items() if amount)
    )


def _evening(
    book: Books, frame: pl.DataFrame, shares: np.ndarray, settings: PortfolioSettings
) -> Books:
    """The book with orders to so many shares of each name of a session's frame."""
    targets = frame.select("parent_id", "ticker", price_usd="close_usd").with_columns(
        shares=pl.Series(shares.astype(np.int64)),
        volatility_pct=pl.lit(2.0),
        dollar_volume_usd=pl.lit(1e9),
    )
    day = book.trade_date or date.min
    made = orders(wishes_of(book.held(), targets, book.policy, day), settings)
    return with_orders(book, made.orders)


@dataclass(frozen=True)
class Case:
    """What a source is taken to deliver, and whether positions are long or short."""

    says: str
    sign: int = 1
    has_actions: bool = True
    has_outstanding: bool = True


CASES = (
    Case("long, dividends and splits delivered"),
    Case("short, dividends and splits delivered", -1),
    Case("long, total returns and shares outstanding", has_actions=False),
    Case("long, total returns alone", has_actions=False, has_outstanding=False),
)


def _real(folder: Path) -> None:
    """Buy each stock of a folder as `credit_2006_2012` and hold it: the daily P&L over yesterday's
    value beside the total return by adjusted closes, and what was inferred beside what is known.
    """
    known = (
        pl.read_parquet(folder / "equity_daily.parquet")
        .sort("ticker", "date")
        .select(
            "date",
            "ticker",
            parent_id="ticker",
            **{f"{name}_usd": name for name in ("open", "high", "low", "close")},
            volume_shares=pl.col("volume").cast(pl.Float64),
            dividend_usd="dividend_amount",
            split_ratio="split_coefficient",
            total_return_pct=100
            * (pl.col("adjusted_close") / pl.col("adjusted_close").shift().over("ticker") - 1),
            # Nobody issues or buys back: shares move by splits alone.
            shares_outstanding=1e9 * pl.col("split_coefficient").cum_prod().over("ticker"),
        )
    )
    for case in CASES:
        held = _held(known, case)
        positions = (
            pl.concat([done.positions for done in held])
            .sort("parent_id", "trade_date")
            .with_columns(before=pl.col("value_usd").shift().over("parent_id"))
            .join(
                known.select("parent_id", "total_return_pct", trade_date="date"),
                on=["parent_id", "trade_date"],
            )
            .filter(pl.col("before") != 0)
        )
        believed = positions.filter(pl.col("state") == "open")
        gap = 100 * believed["pnl_usd"] / believed["before"] - believed["total_return_pct"]
        entries = pl.concat([done.entries for done in held])
        paid = entries.filter(pl.col("kind").str.starts_with("dividend"))
        beside = paid.join(
            known.select("parent_id", "dividend_usd", trade_date="date"),
            on=["parent_id", "trade_date"],
        )
        wrong = (beside["price_usd"] - beside["dividend_usd"]).abs().max()
        quarantined = positions.filter(pl.col("state") == "quarantined")["ticker"].unique().sort()
        print(
            f"{case.says}: {len(held)} days, {believed.height} position-days, P&L off the total"
            f" return by {float(gap.abs().max() or 0):.4f} % at the most;"
            f" {paid.height} dividends, off by {float(wrong or 0):.4f} dollars at the most;"
            f" {entries.filter(pl.col('kind') == 'split').height} splits;"
            f" quarantined at some time: {', '.join(quarantined) or 'none'}",
            flush=True,
        )


def _held(known: pl.DataFrame, case: Case) -> list[TradedDay]:
    """A book that buys or sells short on the second day and holds."""
    hidden = [] if case.has_actions else ["dividend_usd", "split_ratio"]
    hidden += [] if case.has_outstanding else ["shares_outstanding"]
    by_day = {key[0]: frame for key, frame in known.partition_by("date", as_dict=True).items()}
    book, done = new_books("hold"), []
    for day in trading_days(date(2006, 1, 3), date(2012, 12, 31)):
        frame = by_day[day].drop("date", *hidden)
        flow = 0.0 if done else NAV_USD
        done.append(trade_day(book, session_of(frame, day), PaperBroker(UNCAPPED), UNCAPPED, flow))
        book = done[-1].books
        if len(done) == 1:
            shares = case.sign * np.floor(POSITION_USD / frame["close_usd"].to_numpy())
            book = _evening(book, frame, shares, UNCAPPED)
    return done


if __name__ == "__main__":
    main()
