"""Studies of news: their statistics by hand, their pieces on a world that seconds can hold, their
sections of the page.

Belongs here: that they do what they say. Not here: what they find at full size (docs/results.md).
"""

from __future__ import annotations

from dataclasses import replace
from datetime import date

import numpy as np
import polars as pl
import pytest
from scipy.stats import norm, spearmanr

from bondsig_assets.learning.models.catalogue import CONTROL
from bondsig_assets.sources.simulated.worlds import World
from studies import ceiling_studies, news_studies
from studies.ceiling_studies import CEILING_STUDY, ceiling_units
from studies.champions import CHAMPION
from studies.kept import world_key
from studies.news_judging import judge, judged_frame, shifted_t, tails
from studies.news_report import news_sections
from studies.news_studies import KINDS, news_chain_units, news_units
from studies.pooling import hit_rate_of_pieces, pool_rows
from studies.units import run_units

pytestmark = pytest.mark.slow

SMALL = World("test-news", 24, date(2022, 1, 3), date(2023, 3, 31), 330)


def _rows(n_days: int = 60, n: int = 24, size: float = 0.5, seed: int = 0) -> pl.DataFrame:
    """Rows of a model that knows a part of the label, in own volatilities."""
    rng = np.random.default_rng(seed)
    days = pl.date_range(date(2024, 1, 1), date(2024, 12, 31), eager=True).head(n_days)
    prediction = rng.normal(0, 1, n_days * n)
    label = size * prediction + rng.normal(0, 1, n_days * n)
    return pl.DataFrame(
        {
            "trade_date": np.repeat(days.to_numpy(), n),
            "parent_id": np.tile([f"P{k:02}" for k in range(n)], n_days),
            "prediction": prediction,
            "probability": norm.cdf(-size * prediction),
            "base_rate": 0.5,
            "control": rng.normal(0, 1, n_days * n),
            "label": label,
        }
    )


def test_statistics_by_hand():
    rows = _rows()
    found, daily = judge(rows), []
    for (_,), day in rows.group_by("trade_date", maintain_order=True):
        score = norm.ppf((day["label"].rank() - 0.5).to_numpy() / day.height)
        x, c = day["prediction"].to_numpy(), day["control"].to_numpy()
        slope, constant = np.polyfit(c, x, 1)
        left = x - slope * c - constant
        small = np.where(np.abs(left) < 0.09, 0, left)
        under, p = day["label"].to_numpy() < 0, day["probability"].to_numpy()
        daily.append(
            (
                np.corrcoef(x, score)[0, 1],
                np.corrcoef(left, score)[0, 1],
                np.corrcoef(-norm.ppf(p), score)[0, 1],
                spearmanr(small, day["label"]).statistic,
                np.log(np.where(under, p, 1 - p)).mean() - np.log(0.5),
            )
        )
    names = ("size_weighted", "added", "probability", "tied", "log_gain")
    for name, value in zip(names, np.mean(daily, axis=0), strict=True):
        assert found[name]["mean"] == pytest.approx(value), name
    assert found["probability"]["t"] > 5 and found["log_gain"]["t"] > 3
    assert (found["n_days"], found["n_rows"]) == (60, 1440)
    assert found["highest"] == np.maximum(rows["probability"], 1 - rows["probability"]).max()


def test_a_run_of_days_is_one_piece_of_news():
    chance = {
        "A": [0.8, 0.8, 0.5, 0.8, 0.1],
        "B": [0.5, 0.62, 0.72, 0.3, 0.5],
        "C": [0.5, 0.5, 0.5, 0.5, 0.75],
    }
    rows = pl.DataFrame(
        [
            (date(2024, 1, 1 + day), name, p, -1.0 if (name, day) != ("A", 1) else 1.0)
            for name, values in chance.items()
            for day, p in enumerate(values)
        ],
        schema=["trade_date", "parent_id", "probability", "label"],
        orient="row",
    ).sort("trade_date", "parent_id")
    found = tails(rows)
    at = found["0.70"]["under"]
    assert (at["name_days"], at["pieces"], at["hits"]) == (5, 4, 4), "A twice, B, C"
    assert (at["hits_squared"], at["hits_by_days"], at["days_squared"]) == (4, 5, 7)
    assert found["0.60"]["under"]["name_days"] == 6 and found["0.60"]["under"]["pieces"] == 4
    out = found["0.70"]["out"]
    assert (out["name_days"], out["pieces"], out["hits"]) == (2, 2, 0), "0.1 and 0.3"


def test_the_error_of_a_hit_rate_counts_pieces():
    """Pieces of ten equal days are ten times fewer draws."""
    rng = np.random.default_rng(3)
    hits = rng.random(400) < 0.7
    single = {
        "name_days": 400,
        "hits": int(hits.sum()),
        "pieces": 400,
        "hits_squared": int(hits.sum()),
        "hits_by_days": int(hits.sum()),
        "days_squared": 400,
    }
    tenfold = {
        "name_days": 4000,
        "hits": 10 * int(hits.sum()),
        "pieces": 400,
        "hits_squared": 100 * int(hits.sum()),
        "hits_by_days": 100 * int(hits.sum()),
        "days_squared": 40_000,
    }
    one, ten = (hit_rate_of_pieces([counts], 1) for counts in (single, tenfold))
    share = hits.mean()
    assert one.share == ten.share == pytest.approx(share)
    assert one.error == ten.error == pytest.approx(np.sqrt(share * (1 - share) / 399))
    assert hit_rate_of_pieces([], 1) is None
    assert hit_rate_of_pieces([dict.fromkeys(single, 0)], 1) is None
    two = hit_rate_of_pieces([single, single], 2)
    assert two.name_days == 400 and two.error < one.error


def test_turned_scores_lose_their_place_and_nothing_else():
    rows = _rows(n_days=300)
    found = shifted_t(rows, 12, seed=5)
    assert found == shifted_t(rows, 12, seed=5) != shifted_t(rows, 12, seed=6)
    assert judge(rows)["size_weighted"]["t"] > 10
    assert abs(np.mean(found["size_weighted"])) < 1 and max(map(abs, found["probability"])) < 4
    assert max(found["log_gain"]) < -3, "what is said means nothing any more"
    assert shifted_t(rows, 0, seed=5) == {}


def test_judged_are_rows_with_a_label_and_the_control():
    rows = _rows(n_days=3)
    predictions = pl.concat(
        [
            rows.select(
                "trade_date",
                "parent_id",
                "prediction",
                "base_rate",
                model_name=pl.lit(name),
                probability_underperform="probability",
            )
            for name in ("bayes_ridge", "equity_only")
        ]
    )
    predictions = predictions.filter(
        (pl.col("model_name") != "equity_only") | (pl.col("parent_id") != "P03")
    )
    labels = rows.select(
        "trade_date", "parent_id", horizon_days=pl.lit(5, pl.Int64), excess_return_pct="label"
    ).with_columns(
        excess_return_pct=pl.when(pl.col("parent_id") == "P05")
        .then(float("nan"))
        .otherwise("excess_return_pct")
    )
    found = judged_frame(predictions, labels)
    assert found["model_name"].unique().to_list() == ["bayes_ridge"]
    assert found.height == 3 * 22 and not {"P03", "P05"} & set(found["parent_id"])
    assert (found["control"] == found["prediction"]).all()


def test_files_of_a_world_have_its_settings_and_the_simulators_version_in_their_name(monkeypatch):
    keys = {
        world_key(one)
        for one in (
            SMALL,
            replace(SMALL, seed=2),
            replace(SMALL, lead_strength=0.1),
            replace(SMALL, lead_shape="slow"),
            replace(SMALL, lead_path="dead:200"),
            replace(SMALL, end=date(2023, 4, 3)),
        )
    }
    monkeypatch.setattr("studies.kept.WORLD_VERSION", -1)
    assert len(keys | {world_key(SMALL)}) == 7


def test_every_unit_is_another_world():
    units = [*news_units(), *news_chain_units(), *ceiling_units()]
    assert len({(unit.study, unit.name) for unit in units}) == len(units)
    assert min(unit.parameters["seed"] for unit in units) > 1000
    cases = {unit.name.split(",")[0] for unit in units}
    assert {"sparse 0.05", "slow 0.20", "sparse flipped:504 0.20", "same_day 0.20"} <= cases


@pytest.fixture(scope="module")
def found(tmp_path_factory) -> dict:
    """One small world of two kinds, through the machinery of pieces."""

    def small(name: str, seed: int, strength: float, shape: str, path: str) -> World:
        return replace(SMALL, seed=seed, lead_strength=strength, lead_shape=shape, lead_path=path)

    with pytest.MonkeyPatch.context() as patch:
        for module in (news_studies, ceiling_studies):
            patch.setattr(module, "world_named", small)
        folder = tmp_path_factory.mktemp("news")
        units = [
            unit
            for unit in news_units("test-news", 1, 0, 1)
            if unit.name.startswith(("sparse 0.20", "same_day"))
        ]
        units.append(ceiling_units("test-news", 1)[0])
        results = run_units(units, folder, "one", lambda line: None, workers=1)
        return results | {"kept": list((folder / "one" / "worlds").glob("*-predictions.parquet"))}


def test_a_world_leaves_a_judgement_of_the_champion_and_of_each_kind(found):
    for one in found["news"].values():
        assert {CHAMPION, *KINDS} <= set(one["models"])
        assert set(one["champions"]) <= set(KINDS) and one["champions"][0] == "bayes_ridge"
        for model in one["models"].values():
            assert model["n_days"] > 40 and 0.5 <= model["highest"] < 1
    led, none = found["news"].values()
    assert len(led["shifts"]["probability"]) == 15 and none["shifts"] == {}
    assert led["oracle"]["size_weighted"]["mean"] > 0 == none["oracle"]["size_weighted"]["mean"]
    assert len(found["kept"]) == 2
    said = pl.read_parquet(found["kept"][0])
    assert {CHAMPION, CONTROL, *KINDS} <= set(said["model_name"])


def test_the_ceiling_is_judged_on_rows_of_the_champion(found):
    (one,) = found[CEILING_STUDY].values()
    assert one["parameters"]["lead_strength"] == 0.20
    assert one["ceiling"]["n_rows"] == one["models"][CHAMPION]["n_rows"]
    led = next(iter(found["news"].values()))
    share = one["ceiling"]["n_days"] / led["models"][CHAMPION]["n_days"]
    assert share == pytest.approx(1 / 3, abs=0.02)
    # Twenty days of 24 names tell nothing of its IC: `test_ceiling.py` has the oracle beside it.
    assert one["ceiling"]["highest"] > 0.6


def test_the_sections_hold_what_was_found(found):
    page = "\n".join(news_sections(found))
    led, none = found["news"].values()
    mean = pool_rows([led["models"][CHAMPION]["probability"]]).mean
    assert f"| sparse 0.20 (1) | champion | {mean:+.4f} ±" in page
    assert "| same_day 0.20 (1) | expected_reaction |" in page
    assert f" {none['models'][CHAMPION]['highest']:.3f} |" in page
    (one,) = found[CEILING_STUDY].values()
    ceiling = one["ceiling"]["probability"]
    row = next(line for line in page.splitlines() if f"| {ceiling['mean']:+.4f} ±" in line)
    own = one["models"][CHAMPION]["probability"]["mean"]
    assert f"| {own:+.4f}" in row and ("%" in row) == (ceiling["t"] > 3)
    size = next(line for line in page.splitlines() if line.startswith("| log score over"))
    assert size.split("|")[2].split()[2] == "15"
