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
    (`jumps.py`). `remedy`: what to do when it rings.
    """

    name: str
    family: Family
    meaning: str
    unit: str
    looks_for: str
    days: int = 1
    how: Literal["mean", "jump"] = "mean"
    sides: int = 1
    remedy: str = ""


MONITORS: tuple[Monitor, ...] = (
    Monitor(
        "ic",
        "accuracy",
        "Size-weighted IC of the published scores",
        "correlation",
        "It fell to 0",
        HORIZON,
        remedy=(
            "Look at what fell; if the data did not ring too, let the quarter be trained "
            "(retrain_requests) and the gate decide"
        ),
    ),
    Monitor(
        "ic_over_equity",
        "accuracy",
        "What the published scores add to the equity-only control",
        "correlation",
        "It fell to 0",
        HORIZON,
        remedy="As for ic: credit may have ceased to lead while equity inputs still work",
    ),
    Monitor(
        "book",
        "accuracy",
        "Correlation of scores and simple excess returns: the book of scores in units of its risk",
        "correlation",
        "It fell to 0",
        HORIZON,
        remedy=(
            "As for ic; if ic did not ring, scores sort names whose simple returns do not "
            "differ: look at volatility and sector in book_return_pct of evaluations"
        ),
    ),
    Monitor(
        "champion_less_control",
        "accuracy",
        "IC of the champion less that of the equity-only control, day by day",
        "correlation",
        "It fell to 0",
        HORIZON,
        remedy=(
            "The credit inputs add nothing over the control: look at missing and drift of "
            "credit features before a training"
        ),
    ),
    Monitor(
        "champion_less_challenger",
        "accuracy",
        "IC of the champion less that of the model it was last compared with",
        "correlation",
        "It fell below 0 by means.challenger_ic",
        HORIZON,
        remedy=(
            "See `bondsig champion`: the gate compares both at the next quarter, `bondsig "
            "champion VERSION` does not wait"
        ),
    ),
    Monitor(
        "calibration_slope",
        "calibration",
        "Covariance of a probability's distance from the base rate and its error",
        "standard deviations, were it right",
        "Probabilities mean nothing, or twice what they say",
        HORIZON,
        sides=2,
        remedy=(
            "Probabilities claim too much or too little: size nothing by them until a "
            "quarter is trained anew"
        ),
    ),
    Monitor(
        "calibration_level",
        "calibration",
        "Share that underperformed less the mean probability",
        "share",
        "Off by means.level_shift_pct either way",
        HORIZON,
        sides=2,
        remedy=(
            "The base rate moved: look at label_pct by day, a market that fell as a whole moves it"
        ),
    ),
    Monitor(
        "profit",
        "profit",
        "Net return of the portfolio in units of its forecast risk",
        "sd",
        "Its mean fell to 0",
        remedy=(
            "Look at `bondsig monitor` for ic and cost first; if neither rang, at "
            "pnl_parts: factors or timing ate what alpha earned"
        ),
    ),
    Monitor(
        "drawdown",
        "profit",
        "The same, counted from its highest point",
        "sd",
        "A drawdown beyond what its Sharpe ratio allows",
        remedy=("As for profit; performance says how far it is from what the Sharpe ratio allows"),
    ),
    Monitor(
        "risk",
        "profit",
        "Absolute net return in units of its forecast risk, cut at 4",
        "sd",
        "Risk realised above or below forecast by means.risk_shift_pct",
        sides=2,
        remedy=(
            "Risk is larger or smaller than forecast: half_life_days and beta_days of "
            "portfolio.toml, and exposures of the largest losses"
        ),
    ),
    Monitor(
        "cost",
        "profit",
        "Realised less expected cost of a day's trades",
        "bps",
        "Costs twice what was expected",
        remedy=(
            "Compare shortfalls by session and name; raise impact in portfolio.toml or "
            "lower nav_usd and participation_pct"
        ),
    ),
    Monitor(
        "implied_ic",
        "before_labels",
        "The IC that a day's probabilities claim",
        "correlation",
        "A jump either way",
        how="jump",
        sides=2,
        remedy=(
            "The day's probabilities claim another IC than usual: look at features of the "
            "day (issuer_days) before acting on scores"
        ),
    ),
    Monitor(
        "share_scored",
        "before_labels",
        "Issuers with a score among those of the day",
        "share",
        "A jump either way",
        how="jump",
        sides=2,
        remedy="Issuers without a score: unscored_days and feature_coverage of the day say why",
    ),
    Monitor(
        "score_spread",
        "before_labels",
        "Standard deviation of a day's scores",
        "score",
        "A jump either way",
        how="jump",
        sides=2,
        remedy=(
            "Scores lie closer or wider than usual: look at a feature whose unit changed "
            "(drift, level and spread)"
        ),
    ),
    Monitor(
        "ties",
        "before_labels",
        "Names that share their score with another",
        "share",
        "A jump, or data.flat_share of all",
        how="jump",
        sides=2,
        remedy=(
            "Many names have one score: an input is constant; look at missing.FEATURE of "
            "the same evening"
        ),
    ),
    Monitor(
        "at_base_rate",
        "before_labels",
        "Names whose probability is the base rate, or uninformed: nothing is known of them",
        "share",
        "A jump, or data.flat_share of all",
        how="jump",
        sides=2,
        remedy=(
            "Nothing is known of most names: a source did not come (freshness), or the "
            "champion learned nothing (champions)"
        ),
    ),
    Monitor(
        "top_feature",
        "before_labels",
        "Names whose score one and the same feature moves most",
        "share",
        "A jump either way",
        how="jump",
        sides=2,
        remedy=(
            "One feature moves nearly all scores: look at its values of the day in issuer_days"
        ),
    ),
    Monitor(
        "distance",
        "before_labels",
        "How far a day's scores are from those of the day before, 1 less their rank correlation",
        "share",
        "A jump either way",
        how="jump",
        sides=2,
        remedy=(
            "Scores have nothing to do with yesterday's: a new champion, or inputs of another day"
        ),
    ),
    Monitor(
        "volumes",
        "data",
        "What arrived: reports, rejected, late, corrected, of unknown bonds, linked, capped",
        "count, or share",
        "A jump either way, each of them",
        how="jump",
        sides=2,
        remedy=(
            "Compare the delivery with the day before (rejected_reports, quarantined_rows);"
            " ask the source for it again, then `bondsig run --again` of the day"
        ),
    ),
    Monitor(
        "missing",
        "data",
        "Issuers without a feature, by feature and by reason",
        "share",
        "A jump either way, each of them",
        how="jump",
        sides=2,
        remedy=(
            "feature_coverage says for which reason; mend the source, then `bondsig run "
            "--again` of the day"
        ),
    ),
)
BY_NAME = {one.name: one for one in MONITORS}
