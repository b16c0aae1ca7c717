"""What universe, risk and targets of some days are made of, read from the warehouse.

Belongs here: which rows of which tables, how far back. Not here: what is made of them
(`portfolio/`), writing.
"""

from __future__ import annotations

from datetime import date

import numpy as np
import polars as pl

from bondsig_assets.calendar import at_or_after, cutoff, offset, trading_days
from bondsig_assets.features.panels import Panels
from bondsig_assets.learning.models.catalogue import CONTROL
from bondsig_assets.market_rules import HORIZON
from bondsig_assets.portfolio.alpha import Skill
from bondsig_assets.portfolio.book_days import BookInputs
from bondsig_assets.portfolio.books import Books, books_of, new_books
from bondsig_assets.portfolio.market_days import (
    FACTS_LOOKBACK_DAYS,
    ISSUER_COLUMNS,
    MACRO_LOOKBACK_DAYS,
    MarketDays,
)
from bondsig_assets.portfolio.risk_rows import RISK_TABLES
from bondsig_assets.portfolio.settings import PortfolioSettings
from bondsig_assets.portfolio.target_days import (
    PERSISTENCE_DAYS,
    TargetInputs,
    skill_of,
)
from bondsig_assets.reading.panels import standing
from bondsig_assets.tables import TABLES
from bondsig_assets.warehouse import Warehouse, of_one_snapshot

#: Trading days before a quarter on which it is asked what published scores had earned.
SKILL_DAYS = 252


def lookback_days(settings: PortfolioSettings) -> int:
    """Trading days that universe and risk reach back."""
    return max(FACTS_LOOKBACK_DAYS, settings.risk.beta_days + MACRO_LOOKBACK_DAYS)


@of_one_snapshot
def market_days(warehouse: Warehouse, start: date, end: date, back: int) -> MarketDays:
    """Stocks, issuer days and series of the trading days from `back` before `start` to `end`."""
    first = offset(start, -back)
    between = (first, end)
    panels = Panels(
        days=np.array(trading_days(first, end), dtype="datetime64[D]"),
        equities=warehouse.read_table("equities"),
        prices=warehouse.read_table("equity_prices", between=between),
        delistings=standing(warehouse),
        revisions=TABLES["bond_day_revisions"].empty(),
        master=TABLES["security_master"].empty(),
        bonds=TABLES["bonds"].empty(),
        cds=TABLES["cds_quotes"].empty(),
        fundamentals=TABLES["fundamentals"].empty(),
        ratings=TABLES["ratings"].empty(),
        issuers=TABLES["issuers"].empty(),
    )
    return MarketDays(
        panels,
        warehouse.read_table("issuer_days", between=between, columns=ISSUER_COLUMNS),
        warehouse.read_table("borrow_rates", between=between),
        warehouse.read_table("macro_series"),
        warehouse.read_table("treasury_yields"),
    )


def universe_before(warehouse: Warehouse, start: date) -> pl.DataFrame:
    """`parent_id, trade_date, is_in` of the trading day before `start`."""
    day = offset(start, -1)
    return warehouse.read_table(
        "universe", between=(day, day), columns=["parent_id", "trade_date", "is_in"]
    )


@of_one_snapshot
def books_before(warehouse: Warehouse, start: date, policy: str) -> Books:
    """The book of `policy` after its newest day before `start`; a new one where there is none."""
    of_policy = f"policy = '{policy}'"
    newest = warehouse.read(
        f"SELECT max(trade_date) AS day FROM portfolio_days WHERE {of_policy} AND trade_date <"
        f" DATE '{start}'"
    )["day"][0]
    if newest is None:
        return new_books(policy)
    before = offset(newest, -1)

    def on(name: str, day: date) -> pl.DataFrame:
        return warehouse.read_table(name, between=(day, day), where=of_policy)

    awaited = on("awaited_orders", newest)
    fills = on("fills", newest)
    if awaited.height:
        earlier = f"{of_policy} AND booked_date < DATE '{newest}'"
        told = warehouse.read_table("fills", where=earlier, among=awaited.select("order_id"))
        fills = pl.concat([told, fills])
    booked = f"{of_policy} AND trade_date <= DATE '{newest}'"
    return books_of(
        policy,
        on("portfolio_days", newest),
        on("positions", newest),
        warehouse.read_table("ledger_entries", where=f"{booked} AND settle_date > DATE '{newest}'"),
        warehouse.read_table("ledger_entries", where=f"{booked} AND kind = 'delisting'"),
        on("orders", newest),
        on("orders", before),
        fills,
        awaited,
    )


@of_one_snapshot
def book_inputs(
    warehouse: Warehouse, start: date, end: date, settings: PortfolioSettings
) -> BookInputs:
    """Rows that a book's trading days `start` … `end` are made of."""
    return BookInputs(
        target_inputs(warehouse, start, end, settings),
        warehouse.read_table("equity_prices", between=(start, end)),
        standing(warehouse),
        cash_rates(warehouse.read_table("treasury_yields"), trading_days(start, end)),
    )


def cash_rates(yields: pl.DataFrame, days: list[date]) -> pl.DataFrame:
    """`trade_date, annual_rate_pct`: the shortest Treasury yield of at most a year as known at each
    day's cutoff.
    """
    moments = pl.DataFrame(
        {"trade_date": days, "moment": [cutoff(day) for day in days]},
        schema={"trade_date": pl.Date, "moment": pl.Datetime("us")},
    )
    known = (
        yields.filter(pl.col("tenor_years") <= 1, pl.col("par_yield_pct").is_finite())
        .sort("known_at", "trade_date", pl.col("tenor_years"), descending=[False, False, True])
        .select(pl.col("known_at").cast(pl.Datetime("us")), annual_rate_pct="par_yield_pct")
    )
    found = moments.join_asof(known, left_on="moment", right_on="known_at")
    return found.select("trade_date", "annual_rate_pct").drop_nulls()


@of_one_snapshot
def target_inputs(
    warehouse: Warehouse, start: date, end: date, settings: PortfolioSettings
) -> TargetInputs:
    """Rows that the targets of the trading days `start` … `end` are made of."""
    days = (start, end)
    before = (offset(start, -PERSISTENCE_DAYS - HORIZON), end)
    scores = _scores(warehouse, before, settings.policy == "equity_only")
    whose = scores.filter(pl.col("trade_date") >= start).select(
        pl.col("trade_date").dt.truncate("1q").alias("quarter"), "fold", "model_name"
    )
    return TargetInputs(
        warehouse.read_table("universe", between=days),
        {name: warehouse.read_table(name, between=days) for name in RISK_TABLES},
        scores,
        {one: _skill(warehouse, *one) for one in whose.unique().sort(whose.columns).rows()},
    )


def _scores(warehouse: Warehouse, days: tuple[date, date], of_control: bool) -> pl.DataFrame:
    """What targets go by: scores of the champion, or predictions of the control."""
    between = f"trade_date BETWEEN DATE '{days[0]}' AND DATE '{days[1]}'"
    table, base_rate, which = (
        ("predictions", "m.base_rate", f"AND p.model_name = '{CONTROL}'")
        if of_control
        else ("scores", "p.base_rate", "")
    )
    return warehouse.read(
        f"SELECT p.trade_date, p.parent_id, p.probability_underperform, {base_rate}, p.prediction,"
        f" p.is_informed, m.fold, m.model_name FROM {table} p JOIN models m USING (model_version)"
        f" WHERE {between} {which} ORDER BY p.trade_date, p.parent_id"
    )


def _skill(warehouse: Warehouse, quarter: date, fold: date, name: str) -> Skill:
    """What a model had shown when the quarter began."""
    begins = at_or_after(quarter)
    first, last = offset(begins, -SKILL_DAYS), offset(begins, -1)
    ics = warehouse.read(
        "SELECT trade_date, information_coefficient FROM holdout_ics WHERE fold ="
        f" DATE '{fold}' AND model_name = '{name}' AND trade_date < DATE '{quarter}' ORDER BY 1"
    )
    predictions = warehouse.read(
        "SELECT trade_date, parent_id, p.probability_underperform, base_rate FROM predictions p"
        f" JOIN models USING (model_version) WHERE p.model_name = '{name}' AND trade_date BETWEEN"
        f" DATE '{first}' AND DATE '{last}' ORDER BY trade_date, parent_id"
    )
    labels = warehouse.read_table("labels", between=(first, last)).filter(horizon_days=HORIZON)
    risks = warehouse.read_table(
        "specific_risks",
        between=(first, last),
        columns=["trade_date", "parent_id", "specific_risk_pct"],
    )
    return skill_of(ics, predictions, labels, risks)
