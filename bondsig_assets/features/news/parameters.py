"""Parameters of the credit-news model: what is believed before anything was seen, and their form.

Belongs here: names, units and priors. Not here: estimating them (`estimation.py`).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date

import numpy as np

from bondsig_assets.arrays import Floats

#: Investment grade and high yield (unrated counts as the first).
GRADES = ("investment_grade", "high_yield")


@dataclass(frozen=True)
class Numbers:
    """Parameters that are the same for every issuer; log spread is the unit of levels.

    `bond_drift`, `cds_drift`: daily standard deviation of an instrument's offset from its issuer's
    level; `cds_noise`: of a day's CDS curve; `within_day`: share of the news variance that a day's
    mean price scatters by, beside its trades' noise; `market_sd`, `sector_sd`: prior standard
    deviation of a day's common moves; `curve_sd`, `known_curve_sd`: of each of three shapes of the
    Treasury curve's move that is not known yet, and of what is left once it is, bps; `adaptation`:
    speed at which an instrument's own noise follows its surprises.
    """

    bond_drift: float = 0.008
    cds_drift: float = 0.012
    cds_noise: float = 0.005
    within_day: float = 0.06
    market_sd: float = 0.03
    sector_sd: float = 0.015
    curve_sd: float = 8.0
    known_curve_sd: float = 1.0
    adaptation: float = 0.06

    def as_array(self) -> Floats:
        """In the order of `filter_kernel`."""
        return np.array([getattr(self, name) for name in self.__dataclass_fields__])


@dataclass(frozen=True)
class Grade:
    """Parameters of one grade.

    `quiet_variance`: daily variance of the log level without news; `news_chance`, `news_variance`:
    chance and variance of news, which comes on top; `fixed_noise`: variance of a bond day's price
    whatever the number of trades, `small_noise`, `big_noise`: what one trade adds, divided by their
    number, where small or institutional trades are most of the par, all (% of par)²;
    `small_bounce`, `big_bounce`: points of price that the day's mean is above the mid where all
    customers buy; `stock_beta`: what the log level moves for the stock's own excess log return of
    today and the three days before; `reaction`: share of a piece of news, in daily volatilities,
    that the stock gives back 1 … 10 days later, and `reaction_error` its standard errors before
    shrinkage.
    """

    quiet_variance: float
    news_chance: float
    news_variance: float
    fixed_noise: float
    small_noise: float
    big_noise: float
    small_bounce: float
    big_bounce: float
    stock_beta: tuple[float, ...] = (0.0,) * 4
    reaction: tuple[float, ...] = (0.0,) * 10
    reaction_error: tuple[float, ...] = (0.0,) * 10

    def as_array(self) -> Floats:
        """In the order of `filter_kernel`."""
        names = (
            "quiet_variance",
            "news_chance",
            "news_variance",
            "fixed_noise",
            "small_noise",
            "big_noise",
            "small_bounce",
            "big_bounce",
        )
        return np.array([getattr(self, name) for name in names])


#: What is believed before a market was seen: a quiet day moves a spread by 1 %, one day in forty
#: brings news of 5 %; a trade's price scatters by an eighth of a point around the mid. Prices of
#: high yield scatter more (Edwards, Harris and Piwowar 2007, Journal of Finance 62).
PRIOR = (
    Grade(0.010**2, 0.025, 0.05**2, 0.05**2, 0.12**2, 0.10**2, 0.2, 0.1),
    Grade(0.010**2, 0.025, 0.05**2, 0.07**2, 0.17**2, 0.14**2, 0.3, 0.15),
)


@dataclass(frozen=True)
class NewsParameters:
    """Everything the model is told: `numbers`, and a `Grade` for each of GRADES; the days they were
    estimated on, None where the prior stands.
    """

    numbers: Numbers = field(default_factory=Numbers)
    grades: tuple[Grade, ...] = PRIOR
    estimated_from: date | None = None
    estimated_to: date | None = None

    @property
    def of_grade(self) -> Floats:
        """Parameters of grades [grade, N_GRADE]."""
        return np.vstack([grade.as_array() for grade in self.grades])

    @property
    def stock_beta(self) -> Floats:
        """Coefficients of the stock's own returns [grade, STOCK_LAGS]."""
        return np.array([grade.stock_beta for grade in self.grades])

    @property
    def reaction(self) -> Floats:
        """Profiles of the stock's answer [grade, REACTION_DAYS]."""
        return np.array([grade.reaction for grade in self.grades])
