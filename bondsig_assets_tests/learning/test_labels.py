"""Labels on a toy price path: which five days count, and which ETF."""

from __future__ import annotations

from datetime import datetime, time

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bondsig_assets.learning.labels import HORIZON, SKIP, SPAN, labels
from bondsig_assets_tests.features.markets import DAYS, closing, panels, price, stock

LAST = 12


def labelled(stock_return: list, etf_return: list, stocks: list | None = None, extra: list | None = None, last: int = LAST) -> pl.DataFrame:
    """Labels of parent P known by DAYS[last]; returns in percent, one a day, None for a day without a row."""
    prices = [price(t, day, r) for t, path in (("PPP", stock_return), ("ETF", etf_return)) for day, r in enumerate(path) if r is not None]
    return labels(panels(0, last, equities=stocks or [stock("P", "PPP")], prices=[*prices, *(extra or [])]), DAYS[0], DAYS[last])


def on(frame: pl.DataFrame, day: int) -> float | None:
    """The label of DAYS[day]."""
    found = frame.filter(trade_date=DAYS[day])
    return found["excess_return_5d_pct"][0] if found.height else None


def test_a_label_by_hand():
    stock_return, etf_return = [float(k) for k in range(13)], [0.5 * k for k in range(13)]
    row = labelled(stock_return, etf_return).filter(trade_date=DAYS[2]).row(0, named=True)
    of_stock, of_etf = (100 * sum(np.log1p(r / 100) for r in path[4:9]) for path in (stock_return, etf_return))
    assert row == {
        "parent_id": "P", "trade_date": DAYS[2], "ticker": "PPP", "sector_etf": "ETF", "label_end_date": DAYS[8],
        "stock_return_5d_pct": pytest.approx(of_stock, rel=1e-12), "sector_return_5d_pct": pytest.approx(of_etf, rel=1e-12),
        "excess_return_5d_pct": pytest.approx(of_stock - of_etf, rel=1e-12), "known_at": datetime.combine(DAYS[8], time(16)),
    }
    assert (HORIZON, SKIP, SPAN) == (5, 1, 6)


@settings(max_examples=40, deadline=None)
@given(st.lists(st.floats(-5, 5), min_size=13, max_size=13), st.integers(0, 12), st.sampled_from(["PPP", "ETF"]), st.integers(0, 6))
def test_a_label_changes_with_its_five_returns_and_no_other(returns, changed, ticker, day):
    etf = returns[::-1]
    before = labelled(returns, etf)
    path = list(returns if ticker == "PPP" else etf)
    path[changed] = path[changed] + 3.0
    after = labelled(path, etf) if ticker == "PPP" else labelled(returns, path)
    assert (on(after, day) != on(before, day)) == (day + 2 <= changed <= day + 6)


@pytest.mark.parametrize("ticker", ["PPP", "ETF"])
def test_a_missing_return_leaves_no_label(ticker):
    paths = {"PPP": [1.0] * 13, "ETF": [0.5] * 13}
    paths[ticker][7] = None
    found = labelled(paths["PPP"], paths["ETF"])
    assert [day for day in range(7) if on(found, day) is None] == [1, 2, 3, 4, 5]
    assert [day for day in range(7) if on(found, day) is not None] == [0, 6]


def test_a_label_is_filed_under_the_day_it_is_known():
    paths = [1.0] * 13, [0.5] * 13
    market = panels(0, LAST, equities=[stock("P", "PPP")], prices=[price(t, d, r) for t, p in zip(("PPP", "ETF"), paths, strict=True) for d, r in enumerate(p)])
    assert labels(market, DAYS[8], DAYS[9])["trade_date"].to_list() == [DAYS[2], DAYS[3]]
    assert labels(market, DAYS[0], DAYS[5]).is_empty()


def test_a_range_gives_what_single_days_give():
    rng = np.random.default_rng(0)
    stock_return, etf_return = rng.normal(0, 2, 40).tolist(), rng.normal(0, 1, 40).tolist()
    whole = labelled(stock_return, etf_return, last=39)
    rows = [price(t, d, r) for t, p in (("PPP", stock_return), ("ETF", etf_return)) for d, r in enumerate(p)]
    for day in (6, 7, 20, 39):
        first = max(day - SPAN - 1, 0)
        market = panels(first, day, equities=[stock("P", "PPP")], prices=[row for row in rows if DAYS[first] <= row["trade_date"] <= DAYS[day]])
        assert labels(market, DAYS[day], DAYS[day]).equals(whole.filter(label_end_date=DAYS[day]))


def test_the_etf_is_that_of_the_features_day():
    moved = [stock("P", "PPP"), stock("P", "PPP", sector="Tech", sector_etf="NEW", valid_from_date=DAYS[4], known_at=closing(0))]
    new = [price("NEW", day, 2.0) for day in range(13)]
    found = labelled([0.0] * 13, [1.0] * 13, moved, new)
    assert found["sector_etf"].to_list() == ["ETF"] * 4 + ["NEW"] * 3
    assert [round(np.expm1(-on(found, day) / 500), 9) for day in range(7)] == [0.01] * 4 + [0.02] * 3


def test_a_renamed_stock_is_followed():
    renamed = [stock("P", "PPP"), stock("P", "QQQ", valid_from_date=DAYS[5], known_at=closing(0))]
    found = labelled([1.0] * 5 + [None] * 8, [0.0] * 13, renamed, [price("QQQ", day, 2.0) for day in range(5, 13)])
    expected = [100 * sum(np.log1p(0.01 if k < 5 else 0.02) for k in range(day + 2, day + 7)) for day in range(7)]
    np.testing.assert_allclose([on(found, day) for day in range(7)], expected, rtol=1e-12)
    assert found["ticker"].to_list() == ["PPP"] * 5 + ["QQQ"] * 2


def test_without_returns_the_adjusted_closes_speak():
    path = 50 * np.cumprod(np.full(13, 1.01))
    prices = [price("PPP", day, None, adjusted_close_usd=float(path[day])) for day in range(13)] + [price("ETF", day, 0.0) for day in range(13)]
    found = labels(panels(0, LAST, equities=[stock("P", "PPP")], prices=prices), DAYS[0], DAYS[LAST])
    np.testing.assert_allclose(found["excess_return_5d_pct"], 500 * np.log(1.01), rtol=1e-12)
    holed = labels(panels(0, LAST, equities=[stock("P", "PPP")], prices=[row for row in prices if row["trade_date"] != DAYS[6] or row["ticker"] == "ETF"]), DAYS[0], DAYS[LAST])
    # A missing day leaves two missing returns: day 6 and day 7.
    assert holed["trade_date"].to_list() == [DAYS[6]]


def test_an_unlisted_parent_has_no_label():
    gone = [stock("P", "PPP"), stock("P", "PPP", valid_from_date=DAYS[2], valid_to_date=DAYS[3], known_at=closing(2))]
    assert labelled([1.0] * 13, [0.0] * 13, gone).is_empty()
    assert labelled([], []).is_empty()
