"""`bondsig explain` on a small market made by hand: every number it prints, and one line for every
mistake.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import polars as pl
import pytest
from click.testing import CliRunner

from bondsig_assets.bonds.analytics import analyze
from bondsig_assets.bonds.known_terms import Reference
from bondsig_assets.calendar import cutoff, offset
from bondsig_assets.commands.cli import cli
from bondsig_assets.commands.console import open_console, print_section
from bondsig_assets.commands.explain import _contribution_section, _label_lines
from bondsig_assets.features import replay
from bondsig_assets.features.issuer_days import issuer_days
from bondsig_assets.home import Home, Market
from bondsig_assets.learning.calibration import Calibration, ProbabilityMap
from bondsig_assets.learning.dataset import make_dataset
from bondsig_assets.learning.rows import (
    ExplanationRow,
    LabelRow,
    ModelSummary,
    ScoreRow,
    rows_from,
)
from bondsig_assets.learning.scoring import Scorer, score
from bondsig_assets.learning.settings import WalkForwardSettings
from bondsig_assets.market_rules import STALE_DAYS
from bondsig_assets.reading.panels import load_panels
from bondsig_assets.reporting.explanation_pictures import SHOWN, draw_waterfall_of_score
from bondsig_assets.reporting.score_trail import Trail
from bondsig_assets.securities.cusips import with_check_digit
from bondsig_assets.securities.master import build_master
from bondsig_assets.tables import TABLES
from bondsig_assets.tables.issuer_features import ALL_FEATURES, LOOKBACK_DAYS
from bondsig_assets.warehouse import Warehouse, Write
from bondsig_assets_tests.rows_of import rows_of
from bondsig_assets_tests.trace.messages import DAYS, delivered, ending, message, processed

#: The last of the bonds goes quiet on DAYS[20], so that its issuer has no score later.
TICKERS = ("AAA", "BBB", "CCC", "DDD", "EEE", "QUIET")
CUSIPS = with_check_digit(pl.Series([f"00{k}000AA" for k in range(len(TICKERS))])).to_list()
LAST, WEAK, LATE = 60, 40, 54
VERSION = "ridge 2024-04-01"
LONG_AGO = datetime(2010, 1, 4, 16)
BASE = 0.05


class Weights:
    """A model that adds up its inputs."""

    weights = np.cos(np.arange(len(ALL_FEATURES))) / 50

    def predict(self, inputs: np.ndarray) -> np.ndarray:
        return BASE + np.nan_to_num(inputs) @ self.weights

    def contributions(self, inputs: np.ndarray) -> np.ndarray:
        return np.hstack([np.nan_to_num(inputs) * self.weights, np.full((len(inputs), 1), BASE)])


def champion() -> Scorer:
    specification: Any = SimpleNamespace(features=ALL_FEATURES, history_days=1)
    same = ProbabilityMap(0.0, -2.0)
    return Scorer("ridge", VERSION, Weights(), specification, Calibration(same, same, 0.51))


def reports(is_weak: bool = True) -> pl.DataFrame:
    """Two trades per bond and day; a third of AAA's on DAYS[WEAK], far below the others, is
    cancelled on DAYS[WEAK + 5]; one of EEE's of DAYS[LATE] comes three days late.
    """
    rng, messages = np.random.default_rng(4), []
    for k, cusip in enumerate(CUSIPS):
        price = 100 + 0.2 * np.cumsum(rng.standard_normal(LAST + 1))
        for day in range(LAST + 1 if k + 1 < len(CUSIPS) else 20):
            both = [
                message(
                    day,
                    f"{k}{day:03}{n}",
                    cusip=cusip,
                    price=round(float(price[day]) + n / 10, 3),
                    side="SB"[n],
                    par_usd=1e5 * rng.integers(1, 9),
                    at=time(10 + n),
                )
                for n in (0, 1)
            ]
            messages += both
    weak = message(WEAK, "77777", cusip=CUSIPS[0], price=97.5, side="B", par_usd=2e6, at=time(15))
    late = message(
        LATE + 3,
        "88888",
        on=LATE,
        cusip=CUSIPS[4],
        price=99.5,
        side="B",
        par_usd=2e6,
        asof_code="A",
    )
    messages += [late, *([weak, ending("X", WEAK + 5, weak, number="77777")] if is_weak else [])]
    return delivered(*messages)


def reference_tables() -> dict[str, pl.DataFrame]:
    """Terms, links, stocks and Treasury curves that never change."""
    bonds = rows_of(
        "bonds",
        *({"cusip": cusip, "issuer_id": f"I{k}"} for k, cusip in enumerate(CUSIPS)),
        coupon_type="F",
        coupon_pct=5.0,
        coupons_per_year=2,
        day_count="30/360",
        offering_date=date(2020, 1, 2),
        maturity_date=date(2030, 1, 15),
        offering_amount_usd=5e8,
        known_at=LONG_AGO,
    )
    issuers = rows_of(
        "issuers",
        *(
            {"issuer_id": f"I{k}", "parent_id": f"P{k}", "issuer_cusip": CUSIPS[k][:6]}
            for k in range(len(CUSIPS))
        ),
        valid_from_date=date(2010, 1, 4),
        known_at=LONG_AGO,
    )
    equities = rows_of(
        "equities",
        *({"parent_id": f"P{k}", "ticker": ticker} for k, ticker in enumerate(TICKERS)),
        sector="Energy",
        sector_etf="ETF",
        valid_from_date=date(2010, 1, 4),
        known_at=LONG_AGO,
    )
    rng, curve_days = np.random.default_rng(1), [DAYS[0] - timedelta(days=1), *DAYS[: LAST + 1]]
    prices = rows_of(
        "equity_prices",
        *(
            {
                "ticker": name,
                "trade_date": DAYS[day],
                "total_return_pct": float(rng.normal()),
                "known_at": datetime.combine(DAYS[day], time(16)),
                "is_etf": name == "ETF",
            }
            for day in range(LAST + 1)
            for name in [*TICKERS, "ETF"]
        ),
        close_usd=50.0,
        shares_outstanding=2e7,
        volume_shares=1e5,
    )
    curve = rows_of(
        "treasury_yields",
        *(
            {
                "trade_date": day,
                "tenor_years": years,
                "par_yield_pct": float(4 + years / 20 + rng.normal(0, 0.2)),
                "known_at": datetime.combine(day, time(16)) + timedelta(hours=15),
            }
            for day in curve_days
            for years in (1.0, 2.0, 5.0, 10.0, 30.0)
        ),
    )
    return {
        "bonds": bonds,
        "issuers": issuers,
        "equities": equities,
        "security_master": build_master(bonds, issuers, equities).pipe(_conformed),
        "equity_prices": prices,
        "treasury_yields": curve,
    }


def _conformed(master: pl.DataFrame) -> pl.DataFrame:
    extra = {
        "link_source": pl.lit("issuer_chain"),
        "link_confidence": pl.lit(1.0),
        "permno": pl.lit(None, pl.Int64),
        "permco": pl.lit(None, pl.Int64),
        "figi": pl.lit(None, pl.String),
    }
    have = master.drop("confidence", strict=False)
    return TABLES["security_master"].conform(
        have.with_columns(
            **{name: value for name, value in extra.items() if name not in have.columns}
        ).select(TABLES["security_master"].column_names)
    )


@dataclass(frozen=True)
class Small:
    """A finished home and its warehouse."""

    home: Home
    warehouse: Warehouse

    def bondsig(self, monkeypatch, *arguments: object) -> Any:
        monkeypatch.setenv("BONDSIG_HOME", str(self.home.path))
        return CliRunner().invoke(cli, [str(one) for one in arguments])


def small_market(path: Path, *, is_weak: bool = True, scored_from: int = 35) -> Small:
    """The small market in the home at `path`, its last days scored by `champion()`."""
    home = Home(path)
    home.claim(Market(world="tiny"), (DAYS[0], DAYS[LAST]))
    warehouse = Warehouse(path)
    warehouse.initialize()
    tables = reference_tables()
    memory = processed(reports(is_weak), bonds=tables["bonds"])
    tables |= {
        "trace_reports": memory.reports,
        "trade_events": memory.events,
        "bond_day_revisions": memory.revisions,
    }
    warehouse.replace(*(Write(name, frame) for name, frame in tables.items()))
    reference = Reference(*(warehouse.read_table(name) for name in Reference._fields))
    warehouse.replace(
        Write(
            "bond_analytics", TABLES["bond_analytics"].conform(analyze(memory.revisions, reference))
        )
    )
    first, last = DAYS[scored_from], DAYS[LAST]
    frame, _ = issuer_days(load_panels(warehouse, offset(first, -LOOKBACK_DAYS), last), first, last)
    warehouse.replace(Write("issuer_days", TABLES["issuer_days"].conform(frame)))
    data = make_dataset(frame, TABLES["labels"].empty(), WalkForwardSettings())
    # The last day but two could not be scored.
    rows = np.flatnonzero(data.scorable & (data.keys["trade_date"] != DAYS[LAST - 2]).to_numpy())
    scores, explanations = score(
        data, rows, champion(), "3", frame.sort("trade_date", "parent_id")[rows]
    )
    warehouse.replace(
        Write("scores", TABLES["scores"].conform(scores)),
        Write("explanations", TABLES["explanations"].conform(explanations)),
        Write(
            "unscored_days",
            rows_of(
                "unscored_days",
                {
                    "trade_date": DAYS[LAST - 2],
                    "reason": "registry_unreachable",
                    "explanation": "MLflow did not answer",
                    "known_at": cutoff(DAYS[LAST - 2]),
                },
            ),
        ),
        Write(
            "models",
            rows_of(
                "models",
                {
                    "fold": date(2024, 4, 1),
                    "model_name": "ridge",
                    "model_version": VERSION,
                    "features": list(ALL_FEATURES),
                    "history_days": 1,
                    "horizon_days": 5,
                    "label": "excess",
                    "base_rate": 0.51,
                    "train_start_date": date(2023, 1, 3),
                    "train_end_date": date(2024, 3, 20),
                    "n_train_rows": 1234,
                    "n_train_days": 200,
                    "calibration_start_date": date(2023, 12, 1),
                    "calibration_end_date": date(2024, 3, 20),
                    "snapshot_id": 42,
                    "data_hash": "abc",
                    "mlflow_run_id": "run7",
                    "known_at": cutoff(date(2024, 3, 28)),
                },
            ),
        ),
        Write(
            "champions",
            rows_of(
                "champions",
                {
                    "valid_from_date": date(2024, 4, 1),
                    "model_version": VERSION,
                    "model_name": "ridge",
                    "trained_fold": date(2024, 4, 1),
                    "data_hash": "abc",
                    "registry_version": "3",
                    "decision": "first",
                    "reason": "the first fold's best",
                    "known_at": cutoff(date(2024, 3, 28)),
                },
            ),
        ),
        Write(
            "labels",
            rows_of(
                "labels",
                {
                    "parent_id": "P0",
                    "trade_date": DAYS[45],
                    "horizon_days": 5,
                    "ticker": "AAA",
                    "sector_etf": "ETF",
                    "label_end_date": DAYS[51],
                    "stock_return_pct": 1.5,
                    "sector_return_pct": 0.25,
                    "excess_return_pct": 1.25,
                    "known_at": datetime.combine(DAYS[51], time(16)),
                },
            ),
        ),
    )
    return Small(home, warehouse)


@pytest.fixture(scope="module")
def small(tmp_path_factory) -> Small:
    return small_market(tmp_path_factory.mktemp("small") / "home")


@pytest.mark.slow
def test_it_says_everything_about_a_score(small, monkeypatch):
    done = small.bondsig(monkeypatch, "explain", "aaa", DAYS[45])
    assert done.exit_code == 0, done.output
    stored = small.warehouse.read(
        "SELECT * FROM scores WHERE ticker = 'AAA' AND trade_date = ?", [DAYS[45]]
    ).row(0, named=True)
    rank = small.warehouse.read(
        "SELECT count(*) AS n FROM scores WHERE trade_date = ? AND prediction >= ?",
        [DAYS[45], stored["prediction"]],
    )["n"][0]
    for said in (
        f"AAA (parent P0) on {DAYS[45]}",
        f"{stored['score']:+.4f}, rank {rank} of 5",
        f"{100 * stored['probability_underperform']:.2f} %",
        "base rate 51.00 %",
        VERSION,
        "version 3",
        "first, since 2024-04-01: the first fold's best",
        "snapshot     42",
        "run7",
        "2023-01-03 … 2024-03-20 (200 days, 1,234 rows)",
        "2023-12-01 … 2024-03-20",
        f"and {len(ALL_FEATURES) - 10} others",
        CUSIPS[0],
        "5 %",
        "2030-01-15",
        "(hindsight",
        "+1.250 %",
    ):
        assert said in done.output, said
    assert done.output.count(f"{stored['prediction']:+.6f}") == 3, (
        "the prediction, the sum, and what the sum is to be"
    )


def test_contributions_are_sorted_and_add_up(small, monkeypatch):
    text = small.bondsig(monkeypatch, "explain", "BBB", DAYS[50]).output
    lines = text.split("contribution  feature")[1].splitlines()[1:13]
    sizes = [float(line.split()[0]) for line in lines]
    assert [abs(size) for size in sizes[:10]] == sorted(
        (abs(size) for size in sizes[:10]), reverse=True
    )
    assert "base value" in lines[11] and sizes[11] == BASE
    prediction = small.warehouse.read(
        "SELECT prediction FROM scores WHERE ticker = 'BBB' AND trade_date = ?", [DAYS[50]]
    )["prediction"][0]
    assert sum(sizes) == pytest.approx(prediction, abs=1e-5)


def test_features_without_a_say_are_counted_not_listed(capsys):
    trail = SimpleNamespace(
        explanation=SimpleNamespace(base_value=0.1), score=SimpleNamespace(prediction=-0.1)
    )
    parts = pl.DataFrame(
        {
            "feature": ["spread_bps", "a", "b"],
            "value": [200.0, 1.0, None],
            "unit": ["bps", "", ""],
            "input": [0.5, 0.0, None],
            "contribution": [-0.2, 4e-7, -0.0],
        }
    )
    print_section(open_console(), _contribution_section(trail, parts))  # type: ignore[arg-type]
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[1] for line in lines[2:4]] == ["spread_bps", "and"]
    assert "+0.000000  and 2 others" in lines[3] and "sum; the prediction is -0.100000" in lines[5]


@pytest.mark.slow
def test_reports_are_those_that_stood_then(small, monkeypatch):
    """Before its cancel the weak trade stands behind the score, after it no more; what executed
    later never does.
    """
    before, after = (
        small.bondsig(monkeypatch, "explain", "AAA", DAYS[day], "--reports", 100).output
        for day in (WEAK + 4, WEAK + 5)
    )
    assert "97.5" in before and "97.5" not in after
    shown = re.findall(rf"^  ({DAYS[0].year}-\d\d-\d\d) \d\d:\d\d:\d\d +{CUSIPS[0]}", before, re.M)
    assert len(shown) == 2 * (STALE_DAYS + 1) + 1 and max(shown) == str(DAYS[WEAK + 4])
    few = small.bondsig(monkeypatch, "explain", "AAA", DAYS[WEAK + 4], "--reports", 3).output
    assert f"and {len(shown) - 3} older ones" in few


def test_a_label_that_is_not_known_is_not_shown(small, monkeypatch):
    assert "is not known yet" in small.bondsig(monkeypatch, "explain", "AAA", DAYS[46]).output


@pytest.mark.parametrize(
    ("ticker", "day", "said"),
    [
        ("AAB", DAYS[45], "no stock AAB in this market; near are: AAA"),
        (
            "AAA",
            date(2024, 5, 4),
            (
                f"2024-05-04 is no trading day; nearest scores of AAA: {date(2024, 5, 3)} and"
                f" {date(2024, 5, 6)}"
            ),
        ),
        (
            "AAA",
            date(2030, 1, 2),
            f"outside this market ({DAYS[0]} … {DAYS[LAST]}); nearest scores of AAA: {DAYS[LAST]}",
        ),
        (
            "AAA",
            DAYS[LAST - 2],
            (
                "registry_unreachable: MLflow did not answer; nearest scores of AAA:"
                f" {DAYS[LAST - 3]} and {DAYS[LAST - 1]}"
            ),
        ),
        ("AAA", DAYS[10], f"has not been scored: bondsig run --start {DAYS[10]}"),
        (
            "quiet",
            DAYS[45],
            (
                f"QUIET has no score on {DAYS[45]}: its bonds last traded 26 trading days before"
                " (10 are allowed), and it has no CDS quote; QUIET has no score on any day"
            ),
        ),
        ("AAA", "May", "YYYY-MM-DD"),
    ],
)
@pytest.mark.parametrize("command", ["explain", "diff"])
def test_why_there_is_no_score_is_one_line(small, monkeypatch, command, ticker, day, said):
    done = small.bondsig(monkeypatch, command, ticker, day)
    assert done.exit_code != 0 and said in done.output
    assert "Traceback" not in done.output and (day == "May" or len(done.output.splitlines()) == 1)


@pytest.mark.slow
def test_the_picture(small, monkeypatch, tmp_path):
    for name in ("page.png", "page.svg", "page.pdf"):
        done = small.bondsig(monkeypatch, "explain", "AAA", DAYS[45], "--picture", tmp_path / name)
        assert done.exit_code == 0 and (tmp_path / name).stat().st_size > 5_000
    for wrong, said in (
        (tmp_path / "page", ".png, .svg or .pdf"),
        (tmp_path / "no" / "page.png", "cannot be written"),
    ):
        done = small.bondsig(monkeypatch, "explain", "AAA", DAYS[45], "--picture", wrong)
        assert done.exit_code == 1 and said in done.output


@pytest.mark.parametrize(
    ("kind", "said"),
    [("excess", "+1.250 % against ETF by"), ("beta_adjusted", "+1.200 % against 1.20 x ETF by")],
)
def test_what_came_after_is_the_label_that_was_trained(kind, said):
    label: dict[str, Any] = {
        "parent_id": "P0",
        "trade_date": date(2024, 5, 2),
        "ticker": "AAA",
        "horizon_days": 5,
        "known_at": datetime(2024, 5, 10, 16),
        "is_delisted": False,
        "excess_return_pct": 1.25,
        "beta_adjusted_return_pct": 1.2,
        "beta": 1.2,
        "sector_etf": "ETF",
        "label_end_date": date(2024, 5, 10),
        "stock_return_pct": 1.5,
        "sector_return_pct": 0.25,
    }
    model = rows_from(ModelSummary, rows_of("models", {"label": kind, "horizon_days": 5}))[0]
    score = rows_from(ScoreRow, rows_of("scores", {}))[0]
    explanation = rows_from(ExplanationRow, rows_of("explanations", {}))[0]
    trail = Trail(score, explanation, model, None, 1, 5)
    assert said in _label_lines(LabelRow(**label), trail)[0]


def test_the_waterfall_ends_at_the_prediction():
    parts = [0.5**k * (-1) ** k for k in range(SHOWN + 5)]
    figure = draw_waterfall_of_score(
        [f"f{k}" for k in range(len(parts))], [None, *range(1, len(parts))], parts, 0.1, "t"
    )
    bars = figure.axes[0].patches
    assert len(bars) == SHOWN + 1 and bars[0].get_x() == pytest.approx(0.1)
    assert bars[-1].get_x() + bars[-1].get_width() == pytest.approx(0.1 + sum(parts))
    assert [label.get_text() for label in figure.axes[0].get_yticklabels()][:2] == [
        "f0 = missing",
        "f1 = 1",
    ]
    assert figure.axes[0].get_yticklabels()[-1].get_text() == "5 others"


def test_few_contributions_have_no_rest():
    figure = draw_waterfall_of_score(
        ["a", "b"], [1.0, float("nan")], [0.0, 0.0], 0.0, "nothing moved it"
    )
    assert [label.get_text() for label in figure.axes[0].get_yticklabels()] == [
        "a = 1",
        "b = missing",
    ]


def test_recent_is_what_features_and_scores_call_recent():
    assert replay.STALE_DAYS == STALE_DAYS
