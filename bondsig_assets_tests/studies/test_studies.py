"""A small share of `make research`: the studies on small worlds, their pieces on disk, the page
they end in.

Belongs here: that studies do what they say. Not here: the worlds (`test_panel_worlds.py`), what
they find at full size (docs/results.md).
"""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from bondsig_assets.learning.models.catalogue import CONTROL, ENSEMBLE
from bondsig_assets.learning.walk_forward import walk_forward
from bondsig_assets.sources.simulated.worlds import World
from bondsig_assets_tests.learning.days import SETTINGS, long_dataset
from studies import panel_studies
from studies.cheating import same_close_labels
from studies.forward import forward, judged
from studies.panel_studies import panel_units
from studies.panel_worlds import panel_world
from studies.pooling import beyond, pool
from studies.report import write_report
from studies.units import Unit, run_units

pytestmark = pytest.mark.slow

SMALL = World("test", 24, date(2022, 1, 3), date(2023, 6, 30), 600)


def test_a_study_predicts_what_the_walk_forward_predicts():
    data = long_dataset()
    studied = forward(data, SETTINGS.specifications(), SETTINGS)
    walked = (
        walk_forward(data, SETTINGS)
        .filter(pl.col("model_name") != ENSEMBLE)
        .select(studied.columns)
    )
    order = ["model_name", "trade_date", "parent_id"]
    assert studied.height and studied.sort(order).equals(walked.sort(order))


@pytest.fixture(scope="module")
def found(tmp_path_factory) -> tuple[Path, dict]:
    """The studies with one seed and one draw each, on a world that a minute can hold."""
    folder = tmp_path_factory.mktemp("studies")
    units = panel_units(1, 1, 1, (0.0, 0.2), small=SMALL, large=replace(SMALL, name="test-large"))
    return folder, run_units(units, folder, "one", lambda line: None, workers=1)


def test_every_study_leaves_a_judgement_of_its_models(found):
    _, results = found
    assert set(results) == {"null worlds", "permutation", "circular shift", "power"}
    for study, units in results.items():
        for one in units.values():
            added = {name for name in one["models"] if name.endswith("_over_equity")}
            assert (
                CONTROL in one["models"] and {"ridge_over_equity", "xgboost_over_equity"} <= added
            ), study
            assert all(
                np.isfinite(row["mean_ic"]) and row["n_days"] > 20 for row in one["models"].values()
            )
    oracle = [one["models"]["oracle"]["mean_ic"] for one in results["power"].values()]
    # Its sign and size need more than 24 names: `test_panel_worlds.py` judges them on the latent
    # returns.
    assert oracle[0] == 0 and oracle[1] != 0, "no news, no oracle"


def test_what_is_done_is_not_done_again_but_by_other_code(found):
    folder, _ = found
    done = []

    def work(folder: Path, number: int) -> dict:
        done.append(number)
        return {"folder": folder.name}

    units = [Unit("counting", f"number {number}", work, {"number": number}) for number in (1, 2)]
    first = run_units(units[:1], folder, "one", lambda line: None, workers=1)
    both = run_units(units, folder, "one", lambda line: None, workers=1)
    assert done == [1, 2] and both["counting"]["number 1"] == first["counting"]["number 1"]
    assert run_units(units, folder, "two", lambda line: None, workers=1)["counting"]["number 1"][
        "folder"
    ] == "two" and done == [1, 2, 1, 2]
    run_units(units, folder, "three", lambda line: None, workers=1, any_version=True)
    assert done == [1, 2, 1, 2]


def test_a_permutation_deals_credit_out_within_day_and_sector_and_leaves_equity(found, monkeypatch):
    seen = {}
    monkeypatch.setattr(
        panel_studies,
        "_destroyed",
        lambda folder, data, labels, source, key: seen.update(data=data, source=source) or {},
    )
    panel_studies.permuted(found[0] / "one", panel_studies._named(SMALL), 1, 0.20, 1)
    data, source = seen["data"], seen["source"]
    _, _, sector = panel_studies._world(found[0] / "one", panel_studies._named(SMALL), 1, 0.20)
    assert (
        sorted(source) == list(range(data.day.size))
        and (source != np.arange(source.size)).mean() > 0.3
    )
    assert (data.day[source] == data.day).all() and (sector[source] == sector).all()
    panel_studies.shifted(found[0] / "one", panel_studies._named(SMALL), 1, 0.20, 1)
    assert (data.parent[seen["source"]] == data.parent).all(), "each issuer keeps its own history"


def test_pooling_by_hand():
    results = [
        {"models": {"m": {"mean_ic": ic, "standard_error": 0.03, "t": t}}}
        for ic, t in ((0.01, 1.0), (0.05, 2.5), (0.03, -2.1), (0.03, 0.0))
    ]
    pooled = pool(results, "m")
    assert (pooled.mean, pooled.error, pooled.t) == pytest.approx((0.03, 0.015, 2.0)) and beyond(
        results, "m"
    ) == 2


def test_the_page_holds_what_was_found(found, tmp_path):
    _, results = found
    cheating = {
        f"market: {bias}": {
            "models": {
                "xgboost": {"mean_ic": ic, "standard_error": 0.01, "t": 100 * ic, "sharpe": 1.0}
            },
            "daily_ics": {
                "trade_date": [f"2024-01-{day:02}" for day in range(first, 29)],
                "size_weighted_ic": [ic + swing * (-1) ** day for day in range(first, 29)],
            },
        }
        for bias, ic, first, swing in (("honest", 0.01, 1, 0.0), ("a bias", 0.2, 3, 0.1))
    }
    write_report({**results, "cheating": cheating}, tmp_path, "make research", "in no time")
    page = (tmp_path / "results.md").read_text()
    assert "| **honest** | +0.0100 (+1.0) |  | +1.0 |" in page
    assert "| a bias | +0.2000 (+20.0) | +0.1900 (" in page
    assert (
        "## Where there is nothing" in page
        and "*oracle*" in page
        and all(
            (tmp_path / "results" / f"{name}.png").exists()
            for name in ("cheating", "nulls", "power")
        )
    )


def test_a_same_close_label_begins_a_day_sooner():
    panels = panel_world(SMALL).panels
    day, parent = 40, 3
    rows = pl.DataFrame(
        {
            "trade_date": [panels.days[day].item()],
            "parent_id": [str(panels.parents[parent])],
            "horizon_days": [5],
            "excess_return_pct": [0.0],
        }
    )
    own = sum(
        np.log1p(panels.stock_return[day + step, parent])
        - np.log1p(panels.etf_return_ahead(step)[day, parent])
        for step in range(1, 6)
    )
    assert same_close_labels(panels, rows)["excess_return_pct"][0] == pytest.approx(100 * own)


def test_judging_needs_no_more_than_predictions_and_labels():
    data = long_dataset()
    predictions = forward(data, SETTINGS.specifications(), SETTINGS)
    labels = (
        data.keys.select("parent_id", "trade_date")
        .with_columns(
            horizon_days=pl.lit(5, pl.Int64),
            excess_return_pct=pl.Series(data.excess),
            stock_return_pct=pl.Series(data.excess),
            sector_return_pct=0.0,
        )
        .filter(pl.col("excess_return_pct").is_finite())
    )
    found = judged(predictions, labels)
    assert (
        found["ridge"]["mean_ic"] > 0.3 and found["ridge"]["t"] > 3 and found["ridge"]["sharpe"] > 0
    ), "a planted signal"
