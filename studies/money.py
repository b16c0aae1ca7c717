"""Studies of money: what books of the daily run earn in worlds of known lead, what an oracle's
would have, what no lead at all earns, and what cheating seems to.

Belongs here: books in worlds from bond days, and what one piece does. Not here: the worlds
(`panel_worlds.py`), the champion in memory (`champions.py`), the page (`money_report.py`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from scipy.special import ndtr

from bondsig_assets.calendar import quarter_of, trading_days
from bondsig_assets.features.issuer_days import issuer_days
from bondsig_assets.market_rules import HORIZON
from bondsig_assets.portfolio.alpha import Skill
from bondsig_assets.portfolio.book_days import BookInputs, book_days
from bondsig_assets.portfolio.book_returns import book_returns
from bondsig_assets.portfolio.books import new_books
from bondsig_assets.portfolio.broker import OpenOrders, PaperBroker
from bondsig_assets.portfolio.market_days import ISSUER_COLUMNS, MarketDays
from bondsig_assets.portfolio.performance import sharpe_ratio
from bondsig_assets.portfolio.risk_rows import risk_of_days
from bondsig_assets.portfolio.sessions import Session
from bondsig_assets.portfolio.settings import PortfolioSettings
from bondsig_assets.portfolio.target_days import TargetInputs, skill_of
from bondsig_assets.portfolio.universe import universe
from bondsig_assets.reading.portfolio import SKILL_DAYS, cash_rates
from bondsig_assets.securities.delisted import standing_delistings
from bondsig_assets.sources.simulated.market import SimulatedSource
from bondsig_assets.sources.simulated.worlds import World
from bondsig_assets.sources.simulated.worlds import world as world_named
from bondsig_assets.tables import TABLES
from bondsig_assets.tables.raw import DELISTINGS
from studies.champions import CHAMPION
from studies.news_studies import FIRST_SEED, walked
from studies.panel_worlds import PanelWorld, oracle_of, panel_world
from studies.units import Unit

STUDY = "money"
#: Sizes a capacity curve is made of, beside the usual one.
SIZES_USD = (1e6, 1e8)
#: What a policy tuned on its own backtest was chosen among: aversion to risk, and how often costs
#: count.
TUNED = ((3.0, 1.0), (3.0, 2.0), (30.0, 1.0), (30.0, 2.0))
_FREE = {"impact": 0.0, "half_spread_bps": 0.0, "half_spread_slope_bps": 0.0, "tick_usd": 0.0}


def money_units(world: str = "demo", lead_seeds: int = 2, null_seeds: int = 20) -> list[Unit]:
    """Worlds with a lead of each size, the first of each with those who cheat, and worlds without
    one.
    """
    cases = [(lead, lead_seeds) for lead in (0.20, 0.10, 0.05)] + [(0.0, null_seeds)]
    return [
        Unit(
            STUDY,
            f"lead {lead:.2f}, seed {seed}",
            money_world,
            {
                "world": world,
                "seed": seed,
                "lead_strength": lead,
                "with_cheats": bool(lead) and seed == FIRST_SEED,
            },
            cost=(5.0 if seed == FIRST_SEED else 2.5) if lead else 1.0,
        )
        for lead, seeds in cases
        for seed in range(FIRST_SEED, FIRST_SEED + seeds)
    ]


def money_world(
    folder: Path, world: str, seed: int, lead_strength: float, with_cheats: bool
) -> dict[str, Any]:
    """What each book earned in one world: the optimised one and tranches, and where there is a lead
    the oracle's and other sizes'.
    """
    of, settings = world_named(world, seed, lead_strength), PortfolioSettings()
    ground = ground_of(folder, of)
    books = {
        "optimised": ground.earned(settings),
        "tranches": ground.earned(replace(settings, policy="tranches")),
    }
    if lead_strength:
        books["oracle"] = ground.earned(settings, scores=ground.oracle)
        for nav in SIZES_USD:
            books[f"optimised, ${nav / 1e6:,.0f}M"] = ground.earned(replace(settings, nav_usd=nav))
    if with_cheats:
        books |= cheats(ground, settings, books["optimised"])
    return {"books": books}


def cheats(
    ground: Ground, settings: PortfolioSettings, honest: dict[str, float]
) -> dict[str, dict[str, float]]:
    """What the optimised book seems to earn for those who do one thing that nobody can."""
    costs, found = settings.costs, {}
    free = replace(
        settings,
        costs=replace(costs, **_FREE, commission_usd=0.0),
        trading=replace(settings.trading, sell_fee_bps=0.0, commission_minimum_usd=0.0),
    )
    unborrowed = replace(
        settings, costs=replace(costs, general_borrow_bps=0.0, unknown_borrow_bps=0.0)
    )
    found["same close"] = ground.earned(settings, broker=SameClose(settings))
    found["no costs"] = ground.earned(free)
    found["no borrow"] = ground.earned(unborrowed, has_borrow=False)
    found["last price of the delisted"] = ground.earned(settings, is_paid_last=True)
    tuned = [
        ground.earned(
            replace(
                settings,
                risk=replace(settings.risk, risk_aversion=aversion),
                costs=replace(costs, multiplier=multiplier),
            )
        )
        for aversion, multiplier in TUNED
    ]
    found["tuned on the backtest"] = max([*tuned, honest], key=lambda one: one["sharpe"])
    return found


class SameClose(PaperBroker):
    """A broker that fills at the close that decided: nobody can trade there any more."""

    def reports(self, orders: OpenOrders, session: Session) -> pl.DataFrame:
        """As the paper broker, at the decision price."""
        told = super().reports(orders, session)
        at = dict(zip(orders.order_ids, orders.decision_price_usd.tolist(), strict=True))
        price = pl.col("order_id").replace_strict(at, default=None, return_dtype=pl.Float64)
        return told.with_columns(
            price_usd=pl.when(pl.col("price_usd").is_not_null()).then(price).otherwise("price_usd")
        )


@dataclass(frozen=True)
class Ground:
    """A world with all that books are made of, from its first score on."""

    days: list[date]
    market: MarketDays
    risk: Mapping[str, pl.DataFrame]
    scores: pl.DataFrame
    oracle: pl.DataFrame
    skills: Mapping[tuple[date, date, str], Skill]

    def earned(
        self,
        settings: PortfolioSettings,
        scores: pl.DataFrame | None = None,
        broker: PaperBroker | None = None,
        *,
        has_borrow: bool = True,
        is_paid_last: bool = False,
    ) -> dict[str, float]:
        """What a book earned by the functions of the daily run, begun on the day of the first
        score.
        """
        panels, rates = self.market.panels, self.market.borrow_rates
        market = self.market if has_borrow else replace(self.market, borrow_rates=rates.clear())
        facts = market.facts(self.days[0], self.days[-1])
        names = universe(facts, settings.universe, settings.bounds, settings.nav_usd)
        told = DELISTINGS.empty() if panels.delistings is None else panels.delistings
        gone = standing_delistings(told, panels.prices)
        if is_paid_last:
            gone = gone.with_columns(delisting_return_pct=pl.lit(0.0))
        given = BookInputs(
            TargetInputs(names, self.risk, self.scores if scores is None else scores, self.skills),
            panels.prices,
            gone,
            cash_rates(self.market.treasury_yields, self.days),
        )
        book = book_days(
            given, self.days, new_books(settings.policy), settings, broker or PaperBroker(settings)
        )
        return summary(book.rows["portfolio_days"])


def summary(days: pl.DataFrame) -> dict[str, float]:
    """Net and gross dollars a year for a dollar of net asset value, Sharpe ratio with its error,
    turnover a day and mean gross, of rows of `portfolio_days`; interest is left out.
    """
    book = book_returns(days).sort("trade_date")
    free = (days.sort("trade_date")["interest_usd"] / book["base_usd"]).to_numpy()
    net, gross, turnover, exposure, pnl, trading, borrow = (
        book[name].to_numpy()
        for name in (
            "net_return",
            "gross_return",
            "turnover",
            "gross",
            "pnl_usd",
            "trading_cost_usd",
            "borrow_cost_usd",
        )
    )
    ratio = sharpe_ratio(net - free, HORIZON) if np.std(net - free) > 0 else None
    return {
        "net_pct": float(25200 * np.mean(net - free)),
        "gross_pct": float(25200 * np.mean(gross - free)),
        "sharpe": ratio.annual if ratio is not None else 0.0,
        "sharpe_error": (ratio.hac_error or ratio.iid_error) if ratio is not None else 0.0,
        "turnover": float(turnover.mean()),
        "exposure": float(exposure.mean()),
        "cost_usd": float(trading.sum() + borrow.sum()),
        "net_usd": float(pnl.sum() - days["interest_usd"].to_numpy().sum()),
    }


def ground_of(folder: Path, of: World) -> Ground:
    """The world, its risk, what its champion said and what was known of that, and the oracle; the
    champion as kept in `folder`.
    """
    walk, made = walked(folder, of), panel_world(of)
    scores = _scores(walk.predictions)
    days = trading_days(scores["trade_date"].min(), scores["trade_date"].max())  # type: ignore[arg-type]
    market = _market(made, of)
    risk = risk_of_days(market, days[0], days[-1], PortfolioSettings().risk)
    return Ground(
        days,
        market,
        risk,
        scores,
        _oracle_scores(oracle_of(made.market), risk["specific_risks"], scores),
        _skills(scores, walk.labels, risk["specific_risks"]),
    )


def _market(made: PanelWorld, of: World) -> MarketDays:
    source = SimulatedSource(of)
    start, end = source.date_range()
    days = TABLES["issuer_days"].conform(issuer_days(made.panels, start, end)[0])
    return MarketDays(
        made.panels,
        days.select(ISSUER_COLUMNS),
        source.daily("borrow_rates", start, end).rows,
        source.reference("macro_series", end).rows,
        source.reference("treasury_yields", end).rows,
    )


def _scores(predictions: pl.DataFrame) -> pl.DataFrame:
    """The champion's predictions as targets want them; its fold is the quarter."""
    return (
        predictions.filter(model_name=CHAMPION)
        .select(
            "trade_date",
            "parent_id",
            "probability_underperform",
            "base_rate",
            "prediction",
            "is_informed",
            fold=pl.col("trade_date").dt.truncate("1q"),
            model_name=pl.lit(CHAMPION),
        )
        .sort("trade_date", "parent_id")
    )


def _oracle_scores(oracle: pl.DataFrame, risks: pl.DataFrame, scores: pl.DataFrame) -> pl.DataFrame:
    """Scores whose expected return is the oracle's: what is still to land, by the same formula."""
    joined = (
        scores.drop("prediction")
        .join(oracle, on=["trade_date", "parent_id"], how="left", maintain_order="left")
        .join(
            risks.select("trade_date", "parent_id", "specific_risk_pct"),
            on=["trade_date", "parent_id"],
            how="left",
            maintain_order="left",
        )
        .with_columns(pl.col("prediction").fill_null(0.0), is_informed=pl.lit(value=True))
    )
    deviation = joined["specific_risk_pct"].to_numpy() * np.sqrt(HORIZON)
    under = ndtr(-joined["prediction"].to_numpy() / deviation)
    return joined.with_columns(
        probability_underperform=pl.Series(under).fill_nan(0.5), base_rate=pl.lit(0.5)
    ).drop("specific_risk_pct")


def _skills(
    scores: pl.DataFrame, labels: pl.DataFrame, risks: pl.DataFrame
) -> dict[tuple[date, date, str], Skill]:
    """What the champion's published probabilities had earned when each quarter began."""
    found = {}
    no_ics = pl.DataFrame(schema={"trade_date": pl.Date, "information_coefficient": pl.Float64})
    known = labels.filter(horizon_days=HORIZON)
    for quarter in sorted({quarter_of(day) for day in scores["trade_date"].unique()}):
        before = scores.filter(pl.col("trade_date") < quarter)
        recent = before["trade_date"].unique().sort().tail(SKILL_DAYS)
        skill = skill_of(
            no_ics,
            before.filter(pl.col("trade_date").is_in(recent.implode())),
            known.filter(pl.col("label_end_date") < quarter),
            risks,
        )
        found[quarter, quarter, CHAMPION] = skill
    return found
