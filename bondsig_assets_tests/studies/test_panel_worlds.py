"""Worlds that start at bond days: the simulator's trades and truth, and nothing from later."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

import numpy as np
import polars as pl
import pytest
from polars.testing import assert_frame_equal

from bondsig_assets.features.issuer_days import issuer_days
from bondsig_assets.features.panels import Panels
from bondsig_assets.sources.simulated.market import SimulatedSource
from bondsig_assets.sources.simulated.paths import LANDING
from bondsig_assets.sources.simulated.worlds import WORLDS
from bondsig_assets.tables import TABLES
from bondsig_assets.tables.issuer_features import LOOKBACK_DAYS
from bondsig_assets_tests.features.markets import cut
from studies.panel_worlds import (
    PanelWorld,
    oracle,
    panel_world,
    tables_of,
)

pytestmark = pytest.mark.slow

SMALL = replace(WORLDS["tiny"], name="small", n_parents=36, seed=3, reports_per_day=400)
#: The first half year of it.
SHORT = replace(SMALL, end=date(2022, 12, 30))


@pytest.fixture(scope="module")
def small() -> PanelWorld:
    return panel_world(SMALL)


@pytest.fixture(scope="module")
def made(small: PanelWorld) -> tuple[pl.DataFrame, pl.DataFrame]:
    tables = tables_of(small.panels)
    return tables.issuer_days, tables.labels


def test_same_seed_same_bits_and_another_seed_another_market() -> None:
    one, again, other = panel_world(SHORT), panel_world(SHORT), panel_world(replace(SHORT, seed=4))
    for name in (
        "revisions",
        "master",
        "prices",
        "cds",
        "bonds",
        "fundamentals",
        "ratings",
        "yields",
        "delistings",
    ):
        assert_frame_equal(getattr(one.panels, name), getattr(again.panels, name), check_exact=True)
    assert not one.panels.revisions.select("cusip", "price").equals(
        other.panels.revisions.select("cusip", "price")
    )


def test_bond_days_are_the_reports_that_stand_in_the_end() -> None:
    panels = panel_world(SHORT).panels
    index = 40
    day = panels.days[index].item()
    delivery = SimulatedSource(SHORT).daily("trace_reports", day, panels.days[index + 58].item())
    reports = delivery.rows.join(
        delivery.truth["report_truths"], on=["delivery_date", "record_number"]
    ).filter(
        (pl.col("execution_date") == day)
        & pl.col("status").is_in(["T", "R"])
        & pl.col("dead_reason").is_null()
        & pl.col("error_kind").is_null()
        & ~pl.col("is_special_price")
        & pl.col("trade_modifier_4").is_null()
        & (pl.col("par_usd") >= 10_000)
    )
    reports = reports.join(panels.bonds.filter(~pl.col("is_convertible")), on="cusip", how="semi")
    expected = (
        reports.group_by("cusip")
        .agg(
            n_trades=pl.len().cast(pl.Int64),
            par_usd=pl.col("par_usd").sum(),
            price_low=pl.col("price").min(),
        )
        .sort("cusip")
    )
    found = panels.revisions.filter(pl.col("trade_date") == day).select(expected.columns)
    assert expected.height > 10
    assert_frame_equal(found, expected)


def test_spreads_track_the_truth(small: PanelWorld) -> None:
    true = SimulatedSource(SMALL).truth()["bond_mids"]
    bonds = small.panels.bonds.select("cusip", "is_callable")
    found = (
        small.panels.revisions.join(true, on=["cusip", "trade_date"])
        .join(bonds, on="cusip")
        .drop_nulls("weight")
    )
    error = found.filter(~pl.col("is_callable")).select(
        (pl.col("oas_bps") - pl.col("true_spread_bps")).alias("error")
    )["error"]
    assert abs(error.median()) < 1.0
    assert 2.0 < error.abs().median() < 12.0
    # A price error is a smaller spread error the longer the bond.
    long = found.filter(~pl.col("is_callable") & (pl.col("maturity_years") > 15))
    assert (
        long.select((pl.col("oas_bps") - pl.col("true_spread_bps")).abs().median()).item()
        < error.abs().median()
    )


def test_yields_are_those_of_the_prices(small: PanelWorld) -> None:
    """Against the graph's own pricing of the same prices, which stands apart from the
    simulator's.
    """
    from bondsig_assets.bonds.analytics import analyze
    from bondsig_assets.bonds.known_terms import Reference

    source = SimulatedSource(SMALL)
    calls = source.reference("call_schedules", SMALL.end).rows
    some = small.panels.revisions.filter(
        pl.col("trade_date").is_in(small.panels.days[[50, 200, 400]].tolist())
    ).with_columns(known_at=pl.col("known_date").dt.combine(pl.time(18, 30)))
    keys = ["cusip", "trade_date", "known_date"]
    priced = analyze(
        some, Reference(small.panels.bonds, small.panels.yields, calls, small.panels.amounts)
    )
    both = some.join(priced, on=keys, suffix="_priced").drop_nulls(["weight", "weight_priced"])
    assert both.height > 0.95 * some["weight"].count()
    worst = {
        name: both.select((pl.col(name) - pl.col(f"{name}_priced")).abs().quantile(0.9)).item()
        for name in ("yield_pct", "maturity_years", "oas_bps")
    }
    assert worst["yield_pct"] < 0.02
    assert worst["maturity_years"] < 0.01
    assert worst["oas_bps"] < 20
    assert both.select(pl.corr("oas_bps", "oas_bps_priced")).item() > 0.98
    assert both.select(
        (pl.col("weight") / pl.col("weight_priced")).median()
    ).item() == pytest.approx(1.0, abs=0.05)


def test_frames_are_as_declared_and_cover_the_world(
    small: PanelWorld, made: tuple[pl.DataFrame, pl.DataFrame]
) -> None:
    features, labels = made
    for name, frame in (("issuer_days", features), ("labels", labels)):
        assert_frame_equal(TABLES[name].conform(frame), frame)
    assert (features["trade_date"].min(), features["trade_date"].max()) == (
        small.panels.days[0].item(),
        SMALL.end,
    )
    assert features["trade_date"].n_unique() == small.panels.days.size
    assert labels["label_end_date"].max() == SMALL.end


def test_feature_of_spread_changes_follows_the_latent_spreads(
    small: PanelWorld, made: tuple[pl.DataFrame, pl.DataFrame]
) -> None:
    market = small.market
    change = 100 * (market.log_spread[5:] - market.log_spread[:-5])
    true = _cells(market.parents.parent_id, market.days[5:], change, "true").join(
        pl.DataFrame(
            {"parent_id": market.parents.parent_id, "is_high_yield": market.parents.is_high_yield}
        ),
        on="parent_id",
    )
    found = made[0].join(true, on=["parent_id", "trade_date"]).drop_nulls("oas_5d_change_pct")
    assert (
        found.filter("is_high_yield")
        .select(pl.corr("oas_5d_change_pct", "true", method="spearman"))
        .item()
        > 0.5
    )
    assert found.select(pl.corr("oas_5d_change_pct", "true", method="spearman")).item() > 0.4


def test_without_a_lead_there_is_no_news_and_nothing_to_know() -> None:
    null = replace(SMALL, lead_strength=0.0)
    assert not SimulatedSource(null).market.news.any()
    predictions = oracle(null)["prediction"]
    assert predictions.len() > 10_000
    assert (predictions == 0).all()


def test_oracle_expects_what_has_not_landed(small: PanelWorld) -> None:
    market = small.market
    prediction = (
        oracle(SMALL)
        .pivot(on="parent_id", index="trade_date", values="prediction")
        .select(market.parents.parent_id.tolist())
        .to_numpy()
    )
    alone = np.zeros_like(market.news, dtype=bool)
    quiet = np.vstack(
        [
            np.zeros((10, market.news.shape[1]), dtype=bool),
            [
                (market.news[t - 9 : t + 9] != 0).sum(axis=0) == 1
                for t in range(10, market.days.size)
            ],
        ]
    )
    alone[quiet & (market.news != 0)] = True
    alone[-10:], alone[:, market.parents.target] = False, False
    day, parent = np.nonzero(alone)
    size, delay = 100 * market.news[day, parent], market.news_delay[day, parent]
    assert day.size > 50
    np.testing.assert_allclose(prediction[day, parent], size * LANDING[1:].sum())
    np.testing.assert_allclose(
        prediction[day + 1, parent],
        np.where(delay > 1, size * LANDING[2:].sum() / LANDING[1:].sum(), 0.0),
    )
    np.testing.assert_allclose(prediction[day + 4, parent], 0.0, atol=1e-15)
    np.testing.assert_allclose(prediction[day - 1, parent], 0.0, atol=1e-15)


def test_oracle_forecasts_the_label(
    small: PanelWorld, made: tuple[pl.DataFrame, pl.DataFrame]
) -> None:
    five = (
        made[1]
        .filter(pl.col("horizon_days") == 5)
        .join(oracle(SMALL), on=["parent_id", "trade_date"])
    )
    daily = (
        five.group_by("trade_date")
        .agg(ic=pl.corr(pl.col("prediction").rank(), pl.col("excess_return_pct").rank()))["ic"]
        .drop_nans()
    )
    assert daily.mean() > 0.05
    # Overlapping labels: about five days of them are worth one.
    assert daily.mean() / daily.std() * np.sqrt(daily.len() / 5) > 2


@pytest.mark.parametrize("how", ["dropped", "poisoned"])
def test_features_of_a_day_do_not_change_with_what_comes_later(
    small: PanelWorld, made: tuple[pl.DataFrame, pl.DataFrame], how: str
) -> None:
    panels = small.panels
    start, last = panels.days[0].item(), panels.days[LOOKBACK_DAYS + 45].item()
    altered = cut(panels, start, last) if how == "dropped" else _poisoned(small, last)
    found, _ = issuer_days(altered, start, last)
    assert_frame_equal(
        TABLES["issuer_days"].conform(found),
        made[0].filter(pl.col("trade_date") <= last),
        check_exact=True,
    )


def test_the_poison_is_felt_from_its_own_day_on(
    small: PanelWorld, made: tuple[pl.DataFrame, pl.DataFrame]
) -> None:
    last, after = small.panels.days[[LOOKBACK_DAYS + 45, LOOKBACK_DAYS + 46]].tolist()
    found, _ = issuer_days(_poisoned(small, last), after, after)
    clean = made[0].filter(pl.col("trade_date") == after)
    for name in ("oas_1d_change_bps", "equity_return_1d_pct", "cds_1d_change_bps"):
        assert not found[name].drop_nulls().equals(clean[name].drop_nulls())


def _poisoned(world: PanelWorld, last: date) -> Panels:
    panels = world.panels
    later = pl.col("trade_date") > last
    numbers = [name for name, dtype in panels.revisions.schema.items() if dtype == pl.Float64]
    return replace(
        panels,
        revisions=panels.revisions.with_columns(
            pl.when(later).then(pl.col(name) * -7 + 1e6).otherwise(name).alias(name)
            for name in numbers
        ),
        prices=panels.prices.with_columns(
            pl.when(later).then(99.0).otherwise("total_return_pct").alias("total_return_pct")
        ),
        cds=panels.cds.with_columns(
            pl.when(later).then(1e5).otherwise("par_spread_bps").alias("par_spread_bps")
        ),
    )


def _cells(parents: np.ndarray, days: np.ndarray, values: np.ndarray, name: str) -> pl.DataFrame:
    return pl.DataFrame(
        {
            "parent_id": np.tile(parents, days.size),
            "trade_date": np.repeat(days, parents.size),
            name: values.ravel(),
        }
    )
