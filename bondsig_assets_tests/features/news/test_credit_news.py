"""Rows of `credit_news` on a small market: days alone and in a range, and who is silent."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

import numpy as np
import polars as pl
import pytest
from polars.testing import assert_frame_equal

from bondsig_assets.features.news.credit_news import credit_news
from bondsig_assets.features.news.filter_kernel import AGES
from bondsig_assets.sources.simulated.worlds import world
from bondsig_assets.tables import TABLES
from studies.panel_worlds import panel_world

FIRST, LAST = date(2023, 1, 3), date(2023, 3, 31)


@pytest.fixture(scope="module")
def panels():
    return panel_world(world("tiny", 3, 0.2)).panels


@pytest.fixture(scope="module")
def made(panels):
    return credit_news(panels, FIRST, LAST)


def test_rows_are_what_the_table_declares(made):
    rows, parameters = made
    assert TABLES["credit_news"].conform(rows).height == rows.height > 0
    assert list(parameters) == [date(2023, 1, 1)]
    assert parameters[date(2023, 1, 1)].estimated_to == date(2022, 12, 21)


@pytest.mark.parametrize("day", [FIRST, date(2023, 2, 14), LAST])
def test_a_day_alone_has_the_bits_of_the_range(panels, made, day):
    rows, parameters = made
    alone, again = credit_news(panels, day, day)
    assert_frame_equal(alone, rows.filter(pl.col("trade_date") == day), check_exact=True)
    assert again == parameters
    assert_frame_equal(credit_news(panels, day, day, parameters)[0], alone, check_exact=True)


def test_later_days_change_nothing(panels, made):
    cut = np.searchsorted(panels.days, np.datetime64(date(2023, 2, 15)))
    until = panels.days[cut - 1].item()
    shorter = replace(
        panels,
        days=panels.days[:cut],
        revisions=panels.revisions.filter(pl.col("known_date") <= until),
        prices=panels.prices.filter(pl.col("trade_date") <= until),
        cds=panels.cds.filter(pl.col("trade_date") <= until),
    )
    rows, _ = credit_news(shorter, FIRST, until)
    assert_frame_equal(rows, made[0].filter(pl.col("trade_date") <= until), check_exact=True)


def test_who_is_silent_has_no_news_and_says_so(panels, made):
    rows, _ = made
    news = [f"credit_news_{k}" for k in range(AGES)]
    silent = rows.filter(pl.col("credit_news_missing") == 1)
    spoken = rows.filter(pl.col("credit_news_missing") == 0)
    assert silent.select(pl.col(news).is_null().all()).row(0) == (True,) * AGES
    assert not any(spoken.select(pl.col(news).is_null().any()).row(0))
    gone = replace(
        panels,
        revisions=panels.revisions.clear(),
        cds=panels.cds.clear(),
    )
    rows, parameters = credit_news(gone, FIRST, LAST)
    assert rows["credit_news_missing"].min() == 1.0
    assert rows["expected_reaction"].null_count() == rows.height
    assert parameters[date(2023, 1, 1)].estimated_to is None


def test_days_without_treasury_yields_still_speak(panels, made):
    blind = replace(panels, yields=panels.yields.clear())
    rows, _ = credit_news(blind, FIRST, LAST)
    assert rows.height == made[0].height
    assert rows["credit_news_0"].is_finite().sum() == made[0]["credit_news_0"].is_finite().sum()


def test_the_stocks_own_returns_are_in_units_of_its_volatility(panels, made):
    rows, _ = made
    parent = panels.parents[0]
    one = rows.filter(pl.col("parent_id") == parent, pl.col("trade_date") == LAST).row(
        0, named=True
    )
    at = np.searchsorted(panels.days, np.datetime64(LAST))
    excess = np.log1p(panels.stock_return[:, 0]) - np.log1p(panels.etf_return[:, 0])
    sigma = one["daily_volatility_pct"] / 100
    assert one["stock_return_2"] == pytest.approx(excess[at - 2] / sigma)
    moved = excess[at - 2 : at + 1].sum() / sigma
    assert one["news_unanswered_2"] == pytest.approx(moved * np.tanh(one["credit_news_2"]))
