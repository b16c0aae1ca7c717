"""A day's targets from its rows: whose scores, what they promise, what is held, arrays.

Belongs here: a day's arrays from rows of tables, the skill that is believed of whoever made the
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
from bondsig_assets.portfolio.policies import names_of, tranches
from bondsig_assets.portfolio.risk_model import RiskModel
from bondsig_assets.portfolio.risk_rows import RISK_TABLES, model_of
from bondsig_assets.portfolio.settings import PortfolioSettings
from bondsig_assets.portfolio.targets import Day, Targets, targets
from bondsig_assets.tables.portfolio import ALPHAS

#: Trading days of scores that their persistence is taken from.
PERSISTENCE_DAYS = 63
NOTHING_SHOWN = Skill(None, None)
#: What is held: a row a name, with the price it was last seen at.
HELD = {
    "parent_id": pl.String,
    "ticker": pl.String,
    "shares": pl.Int64,
    "price_usd": pl.Float64,
}


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
    """Targets of any of some days; rows are cut into days once."""

    def __init__(self, inputs: TargetInputs, days: Sequence[date], settings: PortfolioSettings):
        """`days`: consecutive trading days."""
        self.inputs, self.settings = inputs, settings
        self.universe = by_day(inputs.universe)
        self._risk = {name: by_day(frame) for name, frame in inputs.risk.items()}
        self._scores = by_day(inputs.scores)
        is_rule = settings.policy == "tranches"
        self._wished = _tranches(inputs, days, settings) if is_rule else None

    def of(self, day: date, held: pl.DataFrame, nav_usd: float) -> DayTargets:
        """Targets of `day` of a book that holds `held` (HELD) and is worth `nav_usd`, above 0."""
        inputs, settings = self.inputs, self.settings
        rows = {name: self._risk[name].get(day, inputs.risk[name].clear()) for name in RISK_TABLES}
        scored = self._scores.get(day, inputs.scores.clear())
        skill = _skill(scored, day, inputs)
        today, expected = day_of(
            day,
            self.universe.get(day, inputs.universe.clear()),
            rows,
            scored,
            skill,
            held,
            nav_usd,
            settings,
        )
        wish = None if self._wished is None else _aligned(self._wished.get(day), today.parents)
        found = targets(today, settings, _multiplier(inputs.scores, day, settings), wish)
        return DayTargets(found, expected, skill)


def day_of(
    trade_date: date,
    universe: pl.DataFrame,
    risk: Mapping[str, pl.DataFrame],
    scores: pl.DataFrame,
    skill: Skill,
    held: pl.DataFrame,
    nav_usd: float,
    settings: PortfolioSettings,
) -> tuple[Day, pl.DataFrame]:
    """A day in arrays, from its rows of each table, and its names with what `alphas` adds."""
    names = names_of(universe, held, with_hedges=settings.bounds.sector_etf_hedges)
    model, sector = _risk_of(risk, names["parent_id"].to_list())
    rates = names["borrow_rate_pct"].cast(pl.Float64)
    expected = _expected(
        names.with_columns(sector=pl.Series(sector, dtype=pl.String)),
        model,
        scores,
        skill,
        settings,
    )
    day = Day(
        trade_date,
        tuple(names["parent_id"]),
        tuple(names["ticker"]),
        sector,
        names["is_in"].to_numpy(),
        names["is_shortable"].to_numpy(),
        names["is_hedge"].to_numpy(),
        expected["alpha"].to_numpy(),
        _numbers(names["price_usd"]),
        names["is_priced"].to_numpy(),
        _numbers(names["dollar_volume_usd"]),
        names["held_shares"].to_numpy(),
        model,
        nav_usd,
        None if rates.null_count() == names.height else _numbers(rates),
    )
    return day, expected


def _skill(scores: pl.DataFrame, day: date, inputs: TargetInputs) -> Skill:
    """Of the model that made the day's scores; none where there are none."""
    whose = scores.select("fold", "model_name").unique()
    key = (quarter_of(day), *whose.row(0)) if whose.height == 1 else None
    return inputs.skills.get(key, NOTHING_SHOWN) if key else NOTHING_SHOWN


def _risk_of(rows: Mapping[str, pl.DataFrame], parents: list[str]) -> tuple[RiskModel, np.ndarray]:
    """The risk model of `parents` and their sectors. A name that the day's model has not (held
    since before its bonds were gone) is in no sector, has the median exposures and the median
    specific risk.
    """
    exposures, risks = rows["factor_exposures"], rows["specific_risks"]
    known = set(risks["parent_id"])
    lacking = [one for one in parents if one not in known]
    if lacking:
        betas = [name for name in exposures.columns if name.endswith("_beta")]
        strangers = pl.DataFrame({"parent_id": lacking})
        usual = exposures.select(pl.col(betas).median()) if exposures.height else None
        more = strangers.with_columns(
            ticker=pl.lit(""),
            sector=pl.lit(""),
            has_own=pl.lit(value=False),
            **{name: pl.lit(usual[name][0] if usual is not None else None) for name in betas},
        )
        median = risks["specific_risk_pct"].median() if risks.height else _USUAL_RISK_PCT
        own = strangers.with_columns(
            specific_risk_pct=pl.lit(median, pl.Float64),
            n_returns=pl.lit(0, pl.Int64),
            has_own=pl.lit(value=False),
        )
        rows = {
            **rows,
            "factor_exposures": pl.concat([exposures, more], how="diagonal_relaxed"),
            "specific_risks": pl.concat([risks, own], how="diagonal_relaxed"),
        }
    wanted = pl.DataFrame({"parent_id": parents}, schema={"parent_id": pl.String})
    sector = wanted.join(
        rows["factor_exposures"], on="parent_id", how="left", maintain_order="left"
    )["sector"]
    return model_of(rows, parents), sector.to_numpy()


#: Daily specific risk where no name has any, as in `risk_model.py`.
_USUAL_RISK_PCT = 2.0


def _expected(
    names: pl.DataFrame,
    model: RiskModel,
    scores: pl.DataFrame,
    skill: Skill,
    settings: PortfolioSettings,
) -> pl.DataFrame:
    """`names` with their scores, volatilities and expected simple excess returns; those out of the
    universe have none.
    """
    market = model.factors.index("market") if "market" in model.factors[: model.n_macro] else -1
    beta = model.exposures[:, market] if market >= 0 else np.full(names.height, np.nan)
    day = names.with_columns(
        volatility=pl.Series(np.sqrt(HORIZON * model.specific_variance), dtype=pl.Float64),
        beta=pl.Series(beta, dtype=pl.Float64),
    ).join(
        scores.select("parent_id", *_OF_SCORES), on="parent_id", how="left", maintain_order="left"
    )
    asked = ("prediction", "probability_underperform")
    return alphas(
        day.with_columns(pl.when("is_in").then(name).alias(name) for name in asked),
        skill,
        settings.alpha,
    )


_OF_SCORES = (
    "probability_underperform",
    "base_rate",
    "prediction",
    "is_informed",
    "fold",
    "model_name",
)


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


def by_day(frame: pl.DataFrame) -> dict[date, pl.DataFrame]:
    """Rows of each `trade_date`."""
    parts = frame.partition_by("trade_date", as_dict=True)
    return {day: part for (day,), part in parts.items()}


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
