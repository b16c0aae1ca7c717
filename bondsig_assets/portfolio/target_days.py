"""A day's targets from its rows: whose scores, what they promise, what is held, arrays.

Belongs here: a day's arrays from rows of its names, the skill that is believed of whoever made the
scores, rows of `alphas`. Not here: one day's optimum (`targets.py`), going from day to day
(`book_days.py`), reading tables (`reading/portfolio.py`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date

import numpy as np
import polars as pl

from bondsig_assets.arrays import Floats
from bondsig_assets.calendar import cutoff, quarter_of
from bondsig_assets.market_rules import HORIZON
from bondsig_assets.portfolio.alpha import (
    Skill,
    alphas,
    measured_skill,
    persistence,
    posterior_ic,
    probability_alpha,
)
from bondsig_assets.portfolio.costs import multiplier
from bondsig_assets.portfolio.policies import tranches
from bondsig_assets.portfolio.risk_days import RiskDays, by_day
from bondsig_assets.portfolio.risk_model import RiskModel
from bondsig_assets.portfolio.settings import PortfolioSettings
from bondsig_assets.portfolio.target_names import TargetNames
from bondsig_assets.portfolio.targets import Day, Targets, targets
from bondsig_assets.tables.portfolio import ALPHAS

#: Trading days of scores that their persistence is taken from.
PERSISTENCE_DAYS = 63
NOTHING_SHOWN = Skill(None, None)


@dataclass(frozen=True)
class TargetInputs:
    """Rows that the targets of some days are made of.

    `universe` and the `risk` tables by name: of those days. `scores`: `trade_date, parent_id,
    probability_underperform, base_rate, prediction, is_informed, fold, model_name` (whose they are)
    of those days and PERSISTENCE_DAYS + HORIZON before. `skills`: by quarter, fold and model.
    """

    universe: pl.DataFrame
    risk: Mapping[str, pl.DataFrame]
    scores: pl.DataFrame
    skills: Mapping[tuple[date, date, str], Skill]


@dataclass(frozen=True)
class DayTargets:
    """Targets of a day and what they go by: the day's names with what `alphas` adds, and the skill
    believed of whoever made the scores.
    """

    targets: Targets
    expected: pl.DataFrame
    skill: Skill


class TargetDays:
    """Targets of any of some days; rows are joined and cut into days once."""

    def __init__(self, inputs: TargetInputs, days: Sequence[date], settings: PortfolioSettings):
        """`days`: consecutive trading days."""
        self.inputs, self.settings = inputs, settings
        self._names = TargetNames(
            inputs.universe, inputs.scores, with_hedges=settings.bounds.sector_etf_hedges
        )
        self._risk, self._skills = RiskDays(inputs.risk), _skills(inputs)
        is_rule = settings.policy == "tranches"
        self._wished = _tranches(inputs, days, settings) if is_rule else None

    def of(self, day: date, held: pl.DataFrame, nav_usd: float) -> DayTargets:
        """Targets of `day` of a book that holds `held` (HELD) and is worth `nav_usd`, above 0."""
        settings, skill = self.settings, self._skills.get(day, NOTHING_SHOWN)
        names = self._names.of(day, held)
        model, sector = self._risk.of(day, names["parent_id"].to_list())
        expected = _expected(names, model, sector, skill, settings)
        today = _arrays(day, expected, model, sector, nav_usd)
        wish = None if self._wished is None else _aligned(self._wished.get(day), today.parents)
        found = targets(today, settings, _multiplier(self.inputs.scores, day, settings), wish)
        return DayTargets(found, expected, skill)


def _arrays(
    trade_date: date, names: pl.DataFrame, model: RiskModel, sector: np.ndarray, nav_usd: float
) -> Day:
    rates = names["borrow_rate_pct"]
    return Day(
        trade_date,
        tuple(names["parent_id"]),
        tuple(names["ticker"]),
        sector,
        names["is_in"].to_numpy(),
        names["is_shortable"].to_numpy(),
        names["is_hedge"].to_numpy(),
        names["alpha"].to_numpy(),
        _numbers(names["price_usd"]),
        names["is_priced"].to_numpy(),
        _numbers(names["dollar_volume_usd"]),
        names["held_shares"].to_numpy(),
        model,
        nav_usd,
        None if rates.null_count() == names.height else _numbers(rates),
    )


def _skills(inputs: TargetInputs) -> dict[date, Skill]:
    """Of the model that made each day's scores; none of a day that two made."""
    whose = inputs.scores.select("trade_date", "fold", "model_name").unique()
    alone = whose.filter(pl.len().over("trade_date") == 1)
    return {
        day: inputs.skills.get((quarter_of(day), fold, name), NOTHING_SHOWN)
        for day, fold, name in alone.iter_rows()
    }


def _expected(
    names: pl.DataFrame,
    model: RiskModel,
    sector: np.ndarray,
    skill: Skill,
    settings: PortfolioSettings,
) -> pl.DataFrame:
    """`names` with their volatilities and expected simple excess returns; those out of the universe
    have none.
    """
    market = model.factors.index("market") if "market" in model.factors[: model.n_macro] else -1
    beta = model.exposures[:, market] if market >= 0 else np.full(names.height, np.nan)
    day = names.with_columns(
        sector=pl.Series(sector, dtype=pl.String),
        volatility=pl.Series(np.sqrt(HORIZON * model.specific_variance), dtype=pl.Float64),
        beta=pl.Series(beta, dtype=pl.Float64),
    )
    return alphas(day, skill, settings.alpha)


def alpha_rows(made: Sequence[DayTargets]) -> pl.DataFrame:
    """Rows of `alphas` of the universe's names, days in the order in which they come."""
    if not made:
        return ALPHAS.empty()
    of_days = [_of_day(one) for one in made]
    parts = [one.expected.filter("is_in") for one in made]
    of_row = np.repeat(np.arange(len(made)), [part.height for part in parts])
    stamps = pl.DataFrame(of_days, schema={name: ALPHAS.polars_schema[name] for name in of_days[0]})
    rows = pl.concat(parts, how="vertical_relaxed").select(
        "parent_id",
        "ticker",
        "fold",
        "model_name",
        "prediction",
        "probability_underperform",
        "base_rate",
        "alpha_state",
        volatility_pct=100 * pl.col("volatility"),
        probability_alpha_bps=1e4 * pl.col("probability_alpha"),
        ic_alpha_bps=1e4 * pl.col("ic_alpha"),
        raw_alpha_bps=1e4 * pl.col("raw_alpha"),
        alpha_bps=1e4 * pl.col("alpha"),
    )
    stamped = pl.concat([rows, stamps[of_row]], how="horizontal")
    return ALPHAS.conform(stamped.select(ALPHAS.column_names))


def _of_day(made: DayTargets) -> dict[str, object]:
    """What all rows of a day have in common."""
    day, settings = made.targets.day.trade_date, made.targets.settings
    return {
        "measured_ic": made.skill.ic,
        "believed_ic": posterior_ic(made.skill, settings.alpha),
        "payoff_slope": made.skill.slope,
        "trade_date": day,
        "policy": settings.policy,
        "known_at": cutoff(day),
    }


def _numbers(values: pl.Series) -> Floats:
    """NaN where there is none."""
    return values.cast(pl.Float64).to_numpy()


def _aligned(wish: pl.DataFrame | None, parents: tuple[str, ...]) -> Floats:
    """Weights in order of `parents`, 0 where nothing is wished."""
    if wish is None:
        return np.zeros(len(parents))
    of = dict(wish.select("parent_id", "weight").iter_rows())
    return np.array([of.get(one, 0.0) for one in parents])


def _tranches(
    inputs: TargetInputs, days: Sequence[date], settings: PortfolioSettings
) -> dict[date, pl.DataFrame]:
    wanted = inputs.universe.filter("is_in").select("trade_date", "parent_id")
    scored = inputs.scores.join(
        wanted, on=["trade_date", "parent_id"], how="semi", maintain_order="left"
    )
    return by_day(tranches(scored, days[0], days[-1], settings.bounds.gross_pct / 100))


def _multiplier(scores: pl.DataFrame, day: date, settings: PortfolioSettings) -> float:
    if settings.costs.multiplier > 0:
        return settings.costs.multiplier
    before = scores.filter(pl.col("trade_date") <= day)
    known = before["trade_date"].unique().sort().tail(PERSISTENCE_DAYS + HORIZON)
    return multiplier(settings.costs, persistence(before.filter(pl.col("trade_date").is_in(known))))


def unit_alphas(predictions: pl.DataFrame, risks: pl.DataFrame) -> pl.DataFrame:
    """`trade_date, parent_id, unit_alpha`: what published probabilities promised, by the formula of
    `alphas`.

    `predictions`: `trade_date, parent_id, probability_underperform, base_rate`; `risks`: rows of
    `specific_risks`.
    """
    joined = predictions.join(
        risks.select("trade_date", "parent_id", "specific_risk_pct"),
        on=["trade_date", "parent_id"],
        maintain_order="left",
    )
    unit = probability_alpha(
        joined["probability_underperform"].to_numpy(),
        joined["base_rate"].to_numpy(),
        joined["specific_risk_pct"].to_numpy() / 100 * np.sqrt(HORIZON),
    )
    return joined.select("trade_date", "parent_id", unit_alpha=pl.Series(unit))


def skill_of(
    daily_ic: pl.DataFrame, predictions: pl.DataFrame, labels: pl.DataFrame, risks: pl.DataFrame
) -> Skill:
    """What a model had shown before its fold: `daily_ic` (`trade_date, information_coefficient`)
    of its sibling, and what its published `predictions` of before had earned for what they
    promised.

    `labels`: `trade_date, parent_id, stock_return_pct, sector_return_pct` (logarithmic), those that
    were known. Simple returns: money is a mean.
    """
    ics = daily_ic.sort("trade_date")["information_coefficient"].to_numpy()
    rows = unit_alphas(predictions, risks).join(
        labels.select(
            "trade_date",
            "parent_id",
            simple_return=_simple("stock_return_pct") - _simple("sector_return_pct"),
        ),
        on=["trade_date", "parent_id"],
        maintain_order="left",
    )
    shown = measured_skill(ics, rows)
    return replace(shown, slope=None) if rows["trade_date"].n_unique() < _SLOPE_DAYS else shown


#: Days of published predictions from which on what they earned is asked.
_SLOPE_DAYS = 63


def _simple(column: str) -> pl.Expr:
    return (pl.col(column) / 100).exp() - 1
