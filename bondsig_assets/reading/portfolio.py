"""What universe, risk and targets of some days are made of, read from the warehouse.

Belongs here: which rows of which tables, how far back. Not here: what is made of them
(`portfolio/`), writing.
"""

from __future__ import annotations

from datetime import date

import numpy as np
import polars as pl

from bondsig_assets.calendar import at_or_after, cutoff, offset, trading_days
from bondsig_assets.calendar.days import next_trading_days
from bondsig_assets.features.panels import Panels
from bondsig_assets.learning.models.catalogue import CONTROL
from bondsig_assets.market_rules import HORIZON
from bondsig_assets.portfolio.alpha import Skill
from bondsig_assets.portfolio.market_days import (
    FACTS_LOOKBACK_DAYS,
    ISSUER_COLUMNS,
    MACRO_LOOKBACK_DAYS,
    MarketDays,
)
from bondsig_assets.portfolio.risk_rows import RISK_TABLES
from bondsig_assets.portfolio.settings import PortfolioSettings
from bondsig_assets.portfolio.target_days import (
    HELD,
    PERSISTENCE_DAYS,
    TargetInputs,
    nothing_held,
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


def held_before(warehouse: Warehouse, start: date, policy: str) -> pl.DataFrame:
    """What the newest targets of `policy` before `start` wanted to hold."""
    rows = warehouse.read(
        f"SELECT {', '.join(HELD)} FROM target_positions WHERE policy = '{policy}' AND shares <> 0"
        f" AND trade_date = (SELECT max(trade_date) FROM solutions WHERE policy = '{policy}' AND"
        f" trade_date < DATE '{start}') ORDER BY parent_id"
    )
    return nothing_held() if rows.is_empty() else rows.cast(pl.Schema(HELD))


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
        warehouse.read(
            "SELECT trade_date, ticker, split_ratio FROM equity_prices WHERE split_ratio <> 1 AND"
            f" trade_date BETWEEN DATE '{start}' AND DATE '{end}' ORDER BY ALL"
        ),
        _delisted(warehouse),
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


def _delisted(warehouse: Warehouse) -> pl.DataFrame:
    """`ticker, trade_date, until_date`: the first trading day at whose cutoff it was known that a
    stock trades no more, and the one at whose cutoff that was taken back, null where it never was.
    """
    gone = standing(warehouse)
    last = next_trading_days(gone["last_trade_date"]) if gone.height else gone["last_trade_date"]
    return gone.select(
        "ticker",
        trade_date=pl.max_horizontal(pl.Series(last), _evening(gone["known_at"])),
        until_date=_evening(gone["known_until"]),
    )


def _evening(moments: pl.Series) -> pl.Series:
    """The trading day at whose cutoff each moment is first in the past; null stays null."""
    return pl.Series(
        [
            None if one is None else (day if one <= cutoff(day) else offset(day, 1))
            for one, day in ((m, m and at_or_after(m.date())) for m in moments.to_list())
        ],
        dtype=pl.Date,
    )
