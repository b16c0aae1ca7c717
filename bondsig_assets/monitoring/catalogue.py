"""Every monitor of the budget, declared once: what it watches, in which unit, and what it looks
for.

Belongs here: names and meanings. Not here: how a value is worked out (`accuracy.py`, `evening.py`,
`profit.py`, `volumes.py`), how a change is noticed (`sequential.py`, `jumps.py`).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from bondsig_assets.market_rules import HORIZON

#: Groups that the budget of false alarms is split by.
FAMILIES = ("accuracy", "calibration", "profit", "before_labels", "data")

Family = Literal["accuracy", "calibration", "profit", "before_labels", "data"]


@dataclass(frozen=True)
class Monitor:
    """One monitor. `looks_for`: what rings, in words. `days`: trading days that neighbouring values
    share, 1 for none. `how`: the mean of the series (`sequential.py`), or a day's jump
    (`jumps.py`).
    """

    name: str
    family: Family
    meaning: str
    unit: str
    looks_for: str
    days: int = 1
    how: Literal["mean", "jump"] = "mean"
    sides: int = 1


MONITORS: tuple[Monitor, ...] = (
    Monitor(
        "ic",
        "accuracy",
        "Size-weighted IC of the published scores",
        "correlation",
        "It fell to 0",
        HORIZON,
    ),
    Monitor(
        "ic_over_equity",
        "accuracy",
        "What the published scores add to the equity-only control",
        "correlation",
        "It fell to 0",
        HORIZON,
    ),
    Monitor(
        "book",
        "accuracy",
        "Correlation of scores and simple excess returns: the book of scores in units of its risk",
        "correlation",
        "It fell to 0",
        HORIZON,
    ),
    Monitor(
        "champion_less_control",
        "accuracy",
        "IC of the champion less that of the equity-only control, day by day",
        "correlation",
        "It fell to 0",
        HORIZON,
    ),
    Monitor(
        "champion_less_challenger",
        "accuracy",
        "IC of the champion less that of the model it was last compared with",
        "correlation",
        "It fell below 0 by means.challenger_ic",
        HORIZON,
    ),
    Monitor(
        "calibration_slope",
        "calibration",
        "Covariance of a probability's distance from the base rate and its error",
        "share²",
        "Probabilities mean nothing, or twice what they say",
        HORIZON,
        sides=2,
    ),
    Monitor(
        "calibration_level",
        "calibration",
        "Share that underperformed less the mean probability",
        "share",
        "Off by means.level_shift_pct either way",
        HORIZON,
        sides=2,
    ),
    Monitor(
        "profit",
        "profit",
        "Net return of the portfolio in units of its forecast risk",
        "sd",
        "Its mean fell to 0",
    ),
    Monitor(
        "drawdown",
        "profit",
        "The same, counted from its highest point",
        "sd",
        "A drawdown beyond what its Sharpe ratio allows",
    ),
    Monitor(
        "risk",
        "profit",
        "Absolute net return in units of its forecast risk, cut at 4",
        "sd",
        "Risk realised above or below forecast by means.risk_shift_pct",
        sides=2,
    ),
    Monitor(
        "cost",
        "profit",
        "Realised less expected cost of a day's trades",
        "bps",
        "Costs twice what was expected",
    ),
    Monitor(
        "implied_ic",
        "before_labels",
        "The IC that a day's probabilities claim",
        "correlation",
        "A jump either way",
        how="jump",
        sides=2,
    ),
    Monitor(
        "share_scored",
        "before_labels",
        "Issuers with a score among those of the day",
        "share",
        "A jump either way",
        how="jump",
        sides=2,
    ),
    Monitor(
        "score_spread",
        "before_labels",
        "Standard deviation of a day's scores",
        "score",
        "A jump either way",
        how="jump",
        sides=2,
    ),
    Monitor(
        "ties",
        "before_labels",
        "Names that share their score with another",
        "share",
        "A jump, or data.flat_share of all",
        how="jump",
        sides=2,
    ),
    Monitor(
        "at_base_rate",
        "before_labels",
        "Names whose probability is the base rate, or uninformed: nothing is known of them",
        "share",
        "A jump, or data.flat_share of all",
        how="jump",
        sides=2,
    ),
    Monitor(
        "top_feature",
        "before_labels",
        "Names whose score one and the same feature moves most",
        "share",
        "A jump either way",
        how="jump",
        sides=2,
    ),
    Monitor(
        "distance",
        "before_labels",
        "How far a day's scores are from those of the day before, 1 less their rank correlation",
        "share",
        "A jump either way",
        how="jump",
        sides=2,
    ),
    Monitor(
        "volumes",
        "data",
        "What arrived: reports, rejected, late, corrected, of unknown bonds, linked, capped",
        "count, or share",
        "A jump either way, each of them",
        how="jump",
        sides=2,
    ),
    Monitor(
        "missing",
        "data",
        "Issuers without a feature, by feature and by reason",
        "share",
        "A jump either way, each of them",
        how="jump",
        sides=2,
    ),
)
BY_NAME = {one.name: one for one in MONITORS}
