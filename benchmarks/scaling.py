"""How the cost of each stage grows with names and with days: `make bench-scaling`.

Belongs here: seconds of processor of each stage on simulated markets of several sizes, each in a
process of its own, and the exponents they grow by. Not here: cleaning (`trace.py`), a whole run
(`run.py`), the page that shows it (`page.py`).

Markets begin at bond days (`studies/panel_worlds.py`). What numba compiles is compiled before
anything is timed. The exponent of a stage is the slope of a line through the logarithms of the
three largest sizes: 1 is linear.
"""

from __future__ import annotations

import json
import resource
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from time import process_time
from typing import Any

import numpy as np
import polars as pl

from benchmarks.trace import FOLDER
from bondsig_assets.calendar import offset

#: Names over a year and a half, and trading days of 120 names.
NAMES, DAYS = (120, 300, 1000, 3000), (378, 756, 1512)
_FEW_NAMES, _FEW_DAYS = 120, 378
_END, _REPORTS_A_NAME = date(2023, 12, 29), 15
#: Days that targets are solved and risk is estimated for.
_BOOK_DAYS = 5


@dataclass(frozen=True)
class Size:
    """A market's names and trading days."""

    names: int
    days: int


def sizes() -> list[Size]:
    """Every size, those that differ in names first."""
    return [*(Size(n, _FEW_DAYS) for n in NAMES), *(Size(_FEW_NAMES, n) for n in DAYS[1:])]


def timed(size: Size) -> dict[str, float]:
    """Seconds of processor of each stage; `gigabytes` is the most that was held at once."""
    _stages(Size(30, 260))
    found = _stages(size)
    found["gigabytes"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6
    return found


class _Clock:
    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}

    def __call__(self, stage: str, run: Callable[[], Any]) -> Any:
        began = process_time()
        found = run()
        self.seconds[stage] = process_time() - began
        return found


def _stages(size: Size) -> dict[str, float]:
    from bondsig_assets.features.issuer_days import issuer_days
    from bondsig_assets.features.news.credit_news import credit_news
    from bondsig_assets.learning.labels import known_labels, labels
    from bondsig_assets.sources.simulated.worlds import World
    from bondsig_assets.tables import TABLES
    from studies.panel_worlds import panel_world

    clock = _Clock()
    world = World(
        "panel", size.names, offset(_END, 1 - size.days), _END, _REPORTS_A_NAME * size.names
    )
    panels = panel_world(world).panels
    start, end = panels.days[0].item(), panels.days[-1].item()

    def conformed(name: str, frame: pl.DataFrame) -> pl.DataFrame:
        return TABLES[name].conform(frame)

    rows = clock("issuer features", lambda: issuer_days(panels, start, end)[0])
    rows = conformed("issuer_days", rows)
    news = clock("credit news", lambda: credit_news(panels, start, end)[0])
    targets = conformed("labels", clock("labels", lambda: labels(panels, start, end)))
    _learn(clock, rows, conformed("credit_news", news), targets)
    _judge(clock, rows, known_labels(targets))
    _book(clock, size.names)
    return clock.seconds


def _learn(clock: _Clock, rows: pl.DataFrame, news: pl.DataFrame, targets: pl.DataFrame) -> None:
    from dataclasses import replace

    from bondsig_assets.learning.calibration import calibrate
    from bondsig_assets.learning.dataset import make_dataset
    from bondsig_assets.learning.folds import folds_between
    from bondsig_assets.learning.settings import LearningSettings
    from bondsig_assets.learning.training import train_model

    settings = replace(LearningSettings(), models=("lightgbm",))
    data = clock("dataset", lambda: make_dataset(rows, targets, settings.walk_forward, news))
    folds = folds_between(
        data.keys["trade_date"][0], data.keys["trade_date"][-1], settings.walk_forward
    )
    if not folds:
        return
    one = next(one for one in settings.specifications() if one.name == "lightgbm")
    made = clock("a fold of LightGBM", lambda: train_model(data, folds[-1], one, settings))
    z = np.nan_to_num(data.z[-min(len(data.z), 40 * _FEW_NAMES) :])
    every = np.nan_to_num(data.z)
    made.model.contributions(z[:100])
    clock("contributions (SHAP)", lambda: made.model.contributions(every))
    draw = np.random.default_rng(1)
    label = draw.normal(size=len(every))
    day = data.keys["trade_date"].rle_id().to_numpy()
    has_cds = np.asarray(data.has_cds)
    clock("calibration", lambda: calibrate(0.1 * label, label, label, day, has_cds))


def _judge(clock: _Clock, rows: pl.DataFrame, known: pl.DataFrame) -> None:
    from bondsig_assets.checks.run_suite import run_suite
    from bondsig_assets.learning.evaluation import attributes, daily_ic_and_evaluations
    from bondsig_assets.learning.models.catalogue import CONTROL
    from bondsig_assets.monitoring.drift import shapes
    from bondsig_assets.tables.issuer_features import ALL_FEATURES

    draw = np.random.default_rng(2)
    keys = rows.select("trade_date", "parent_id")
    said = pl.concat(
        keys.with_columns(
            model_name=pl.lit(name), prediction=pl.Series(draw.normal(size=len(keys)))
        )
        for name in (CONTROL, "lightgbm")
    )
    filings = pl.DataFrame(schema={"parent_id": pl.String, "known_at": pl.Datetime("us")})
    cut = attributes(rows, filings)
    clock("judging two models", lambda: daily_ic_and_evaluations(said, known, cut))
    clock("shapes of features (drift)", lambda: shapes(rows, ALL_FEATURES))
    clock("Great Expectations, issuer days", lambda: run_suite("issuer_days", rows))


def _book(clock: _Clock, n: int) -> None:
    from bondsig_assets.portfolio.settings import PortfolioSettings
    from bondsig_assets.portfolio.targets import targets
    from bondsig_assets_tests.portfolio.days import day_of

    settings = PortfolioSettings()
    days = [day_of(n, seed) for seed in range(_BOOK_DAYS)]
    targets(days[0], settings, 2.0)
    found = clock("targets of five days", lambda: [targets(one, settings, 2.0) for one in days])
    assert all(one.solution.state == "optimal" for one in found)


def exponent(size: list[int], seconds: list[float]) -> float:
    """Slope of log seconds on log size, of the three largest."""
    return float(np.polyfit(np.log(size[-3:]), np.log(seconds[-3:]), 1)[0])


def grouped(found: list[dict[str, Any]]) -> dict[str, tuple[list[int], list[dict[str, float]]]]:
    """What was measured by what grew: `names` and `days`, each with sizes and seconds of stages."""
    by_names = [one for one in found if one["days"] == _FEW_DAYS]
    by_days = [one for one in found if one["names"] == _FEW_NAMES]
    return {
        what: ([one[what] for one in rows], [one["seconds"] for one in rows])
        for what, rows in (("names", by_names), ("days", by_days))
    }


def main() -> None:
    """Time every size and write what was found to FOLDER."""
    found = []
    for size in sizes():
        asked = [sys.executable, "-m", "benchmarks.scaling", str(size.names), str(size.days)]
        done = subprocess.run(asked, check=True, capture_output=True, text=True)
        seconds = json.loads(done.stdout.strip().splitlines()[-1])
        found.append({"names": size.names, "days": size.days, "seconds": seconds})
        told = ", ".join(f"{stage} {took:.2f}" for stage, took in seconds.items())
        print(f"{size.names} names, {size.days} days: {told}", flush=True)
    for what, (measure, rows) in grouped(found).items():
        print(f"\nexponents by {what} {measure}")
        for stage in rows[0]:
            print(f"  {stage:34}{exponent(measure, [one[stage] for one in rows]):6.2f}")
    FOLDER.mkdir(parents=True, exist_ok=True)
    (FOLDER / "scaling.json").write_text(json.dumps(found, indent=1))


if __name__ == "__main__":
    if len(sys.argv) > 1:
        print(json.dumps(timed(Size(int(sys.argv[1]), int(sys.argv[2])))))
    else:
        main()
