"""`bondsig explain`: a score's way back to its model, its features, its bonds and their trade
reports.

Belongs here: the text and its tables. Not here: the queries (`reporting/score_trail.py`), the
picture (`reporting/explanation_pictures.py`).
"""

from __future__ import annotations

import math
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING

import polars as pl
from rich.console import RenderableType
from rich.text import Text

from bondsig_assets.commands.console import facts, open_console, plain_table, print_section
from bondsig_assets.commands.warehouse import open_warehouse
from bondsig_assets.errors import UserError
from bondsig_assets.home import Home
from bondsig_assets.market_rules import STALE_DAYS
from bondsig_assets.warehouse import Warehouse

if TYPE_CHECKING:
    from bondsig_assets.learning.rows import LabelRow
    from bondsig_assets.reporting.news_trail import News
    from bondsig_assets.reporting.score_trail import Trail

#: Contributions printed one by one.
_CONTRIBUTIONS = 10
#: Smaller contributions are printed as zero.
_NOTHING = 5e-7
_PICTURES = (".png", ".svg", ".pdf")


def print_explanation(
    home: Home, ticker: str, day: date, picture: Path | None, n_reports: int
) -> None:
    """Print what a score rests on, with the newest `n_reports` trade reports; with `picture` also
    draw its contributions into that file.
    """
    from bondsig_assets.reporting import score_trail as trails
    from bondsig_assets.reporting.news_trail import news_behind

    if picture is not None and picture.suffix.lower() not in _PICTURES:
        raise UserError(f"'{picture}': a picture ends in .png, .svg or .pdf")
    warehouse = open_warehouse(home)
    trail = find_trail(home, warehouse, ticker, day)
    parts = trails.contributions_of(warehouse.read, trail)
    cusips = trails.linked_bonds(warehouse.read, trail.score.parent_id, day, trail.score.known_at)
    bonds = trails.bonds_behind(warehouse.read, cusips, day, trail.score.known_at)
    reports = trails.reports_behind(warehouse.read, cusips, day, trail.score.known_at)
    news = news_behind(warehouse.read, trail.score.parent_id, day, trail.score.known_at, cusips)
    if picture is not None:
        # Before the text: a reader who pipes it into `head` ends the program there.
        _draw(trail, parts, picture)
    console = open_console()
    for section in (
        score_section(trail),
        [_model_facts(trail)],
        _news_lines(news),
        _contribution_section(trail, parts),
        _bond_section(bonds),
        _report_section(reports, n_reports, trail),
        _label_lines(trails.label_of(warehouse.read, trail), trail),
        _position_lines(home, warehouse, trail),
    ):
        print_section(console, section)
    if picture is not None:
        console.print(Text(f"drawn: {picture}"))


def _position_lines(home: Home, warehouse: Warehouse, trail: Trail) -> list[RenderableType]:
    """What became of the score in money, in the book of portfolio.toml's policy."""
    from bondsig_assets.portfolio.settings import load_settings
    from bondsig_assets.reporting.position_trail import position_behind

    policy = load_settings(home.portfolio_file).policy
    score = trail.score
    found = position_behind(warehouse.read, score.parent_id, score.trade_date, policy)
    return [Text(line) for line in found.sentences()]


def find_trail(home: Home, warehouse: Warehouse, ticker: str, day: date) -> Trail:
    """The score of `ticker` on `day` with its model. Raises UnknownNameError that says why there is
    none.
    """
    from bondsig_assets.reporting.score_trail import trail_of

    date_range = home.date_range()
    assert date_range is not None, "open_warehouse has refused a home without a market"
    return trail_of(warehouse.read, ticker, day, date_range)


def score_section(trail: Trail) -> list[RenderableType]:
    """Who, when, and what was said."""
    score, model = trail.score, trail.model
    probability, base_rate = 100 * score.probability_underperform, 100 * score.base_rate
    said = [
        ("score", f"{score.score:+.4f}, rank {trail.rank} of {trail.n_scored} from the top"),
        (
            "P(underperform)",
            f"{probability:.2f} % over {model.horizon_days} trading days; base rate"
            f" {base_rate:.2f} % (its fold's calibration span)",
        ),
        ("prediction", f"{score.prediction:+.6f} (own volatilities over the horizon)"),
    ]
    if not is_informed(trail):
        unable = "the model could not be calibrated: its probability is the base rate whatever it"
        said.append(("", f"{unable} predicts"))
    return [
        f"{score.ticker} (parent {score.parent_id}) on {score.trade_date}, as known at"
        f" {score.known_at:%Y-%m-%d %H:%M} New York",
        facts(said),
    ]


def is_informed(trail: Trail) -> bool:
    """Whether the score's probability depends on what was predicted; scores of older versions do
    not say, and their model does.
    """
    said = trail.score.is_informed
    return trail.model.calibration_slope < 0 if said is None else said


def _model_facts(trail: Trail) -> RenderableType:
    score, model, champion = trail.score, trail.model, trail.champion
    how = (
        "champions has it on record no more"
        if champion is None
        else f"{champion.decision}, since {champion.valid_from_date}: {champion.reason}"
    )
    return facts(
        [
            (
                "model",
                f"{score.model_version}, version {score.registry_version} in MLflow's registry",
            ),
            ("champion", how),
            (
                "trained on",
                f"{model.train_start_date} … {model.train_end_date} ({model.n_train_days} days,"
                f" {model.n_train_rows:,} rows)",
            ),
            ("calibrated on", f"{model.calibration_start_date} … {model.calibration_end_date}"),
            (
                "data snapshot",
                f"{model.snapshot_id} of the warehouse; MLflow run {model.mlflow_run_id or 'none'}",
            ),
        ]
    )


def _news_lines(news: list[News]) -> list[str]:
    """What was new in the issuer's credit, as known on the day."""
    if not news:
        return ["Credit news: none in the last six days that is more likely than not"]
    return ["Credit news, as known on the day:", *(f"  {one.sentence()}" for one in news)]


def _contribution_section(trail: Trail, parts: pl.DataFrame) -> list[RenderableType]:
    """The largest contributions, the sum of the others, and that all add up."""
    base = trail.explanation.base_value
    # A champion that shrinks leaves many without a say: ten lines of zeros would tell nothing.
    told = parts.head(_CONTRIBUTIONS).filter(pl.col("contribution").abs() >= _NOTHING)
    rows = [
        [
            f"{row['contribution']:+.6f}",
            row["feature"],
            number(row["value"]),
            row["unit"],
            "missing" if row["input"] is None else f"{row['input']:+.2f}",
        ]
        for row in told.to_dicts()
    ]
    others = parts["contribution"][told.height :].to_list()
    total = base + math.fsum(parts["contribution"].to_list())
    # Apart from the table: long notes in its second column would push the others away.
    sums = [
        (f"{base:+.6f}", "base value: the prediction before any feature is looked at"),
        (f"{total:+.6f}", f"sum; the prediction is {trail.score.prediction:+.6f}"),
    ]
    if others:
        sums.insert(0, (f"{math.fsum(others):+.6f}", f"and {len(others)} others"))
    header = ["contribution", "feature", "value", "unit", "input"]
    return [
        "What moved it (input: what the model saw; credit news in its unit, the others as robust z"
        " across the day's issuers)",
        plain_table(header, rows, right=(0, 2, 4)),
        plain_table([header[0], ""], sums, right=(0,), show_header=False),
    ]


def _bond_section(bonds: pl.DataFrame) -> list[RenderableType]:
    """The bonds that traded; the others are counted."""
    traded, total = bonds.filter(pl.col("trade_date").is_not_null()), bonds["weight"].sum() or 0.0
    rows = [
        [
            row["cusip"],
            "floating" if row["coupon_type"] == "V" else f"{row['coupon_pct']:g} %",
            str(row["maturity_date"]),
            str(row["trade_date"]),
            number(row["price"]),
            number(row["yield_pct"]),
            number(row["oas_bps"]),
            (
                f"{100 * row['weight'] / total:.1f} %"
                if row["weight"]
                else f"none ({row['reason'] or 'outside 1 to 30 years'})"
            ),
            str(row["n_trades"]),
        ]
        for row in traded.to_dicts()
    ]
    silent = bonds.height - traded.height
    title = (
        f"The bonds behind it: {bonds.height}, {silent} of them without a trade in {STALE_DAYS}"
        " trading days"
    )
    header = [
        "cusip",
        "coupon",
        "maturity",
        "last trade",
        "price",
        "yield pct",
        "OAS bps",
        "weight",
        f"trades in {STALE_DAYS} days",
    ]
    return [title, plain_table(header, rows, right=(1, 4, 5, 6, 7, 8))] if rows else [title]


def _report_section(reports: pl.DataFrame, n_shown: int, trail: Trail) -> list[RenderableType]:
    """The newest trades of those bonds, by the reports that delivered them."""
    shown = reports.head(n_shown)
    rows = [
        [
            f"{row['executed_at'] or row['execution_date']}",
            row["cusip"],
            number(row["price"]),
            par(row["par_usd"], row["is_par_capped"]),
            row["side"] or "",
            row["contra"] or "",
            f"{row['known_at']:%Y-%m-%d %H:%M}",
            str(row["delivery_date"]),
            str(row["record_number"]),
        ]
        for row in shown.to_dicts()
    ]
    title = (
        f"Their trade reports of the last {STALE_DAYS} trading days that stood at"
        f" {trail.score.known_at:%Y-%m-%d %H:%M}: {reports.height:,}"
    )
    if not rows:
        return [title]
    more = (
        [f"and {reports.height - shown.height:,} older ones (--reports shows more)"]
        if reports.height > shown.height
        else []
    )
    header = [
        "executed",
        "cusip",
        "price",
        "par usd",
        "side",
        "contra",
        "known since",
        "delivery",
        "record",
    ]
    return [title, plain_table(header, rows, right=(2, 3, 8)), *more]


def _label_lines(label: LabelRow | None, trail: Trail) -> list[str]:
    """What happened, if it is known by now."""
    horizon = trail.model.horizon_days
    if label is None:
        return [f"What came after: its label over {horizon} trading days is not known yet"]
    known = f"hindsight, known since {label.known_at:%Y-%m-%d %H:%M}"
    gone = "; the stock was delisted within" if label.is_delisted else ""
    value: float | None = label.excess_return_pct
    against = label.sector_etf
    if trail.model.label == "beta_adjusted":
        value = label.beta_adjusted_return_pct
        against = against if value is None else f"{label.beta:.2f} x {against}"
    return [
        f"What came after ({known}): {'missing' if value is None else f'{value:+.3f} %'}"
        f" against {against} by {label.label_end_date}",
        f"over {horizon} trading days the stock returned {label.stock_return_pct:+.3f} %, the ETF"
        f" {label.sector_return_pct:+.3f} % (log){gone}",
    ]


def _draw(trail: Trail, parts: pl.DataFrame, picture: Path) -> None:
    from bondsig_assets.reporting.explanation_pictures import draw_waterfall_of_score

    score = trail.score
    said = f"score {score.score:+.4f}, P(underperform) {100 * score.probability_underperform:.1f} %"
    uncalibrated = "" if is_informed(trail) else " (not calibrated)"
    title = f"{score.ticker} on {score.trade_date}: {said} by {score.model_version}{uncalibrated}"
    figure = draw_waterfall_of_score(
        parts["feature"].to_list(),
        parts["value"].to_list(),
        parts["contribution"].to_list(),
        trail.explanation.base_value,
        title,
    )
    try:
        figure.savefig(picture, dpi=130)
    except (OSError, ValueError) as error:
        raise UserError(f"{picture} cannot be written: {str(error).splitlines()[0]}") from error


# How things are written


def number(value: float | None) -> str:
    """A number in six digits, or that it is missing."""
    return "missing" if value is None or math.isnan(value) else f"{value:.6g}"


def par(value: float, is_capped: bool) -> str:
    """Par, with a plus where it is the cap."""
    return f"{value:,.0f}{'+' if is_capped else ''}"
