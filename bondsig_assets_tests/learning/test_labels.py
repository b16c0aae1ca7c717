"""Labels on a toy price path: which days count, which ETF, which beta, and what a delisting
leaves.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, time, timedelta
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bondsig_assets.learning.labels import (
    LOOKBACK,
    SKIP,
    days_to_label_end,
    known_labels,
    labels,
)
from bondsig_assets.market_rules import HORIZON, HORIZONS
from bondsig_assets.tables import TABLES
from bondsig_assets_tests.features.markets import DAYS, closing, cut, panels, price, stock
from bondsig_assets_tests.rows_of import rows_of

LAST = 12


def market(
    stock_return: list,
    etf_return: list,
    stocks: list | None = None,
    extra: list | None = None,
    last: int = LAST,
    gone: list | None = None,
):
    """Panels of parent P; returns in percent, one a day, None for a day without a row."""
    prices = [
        price(t, day, r)
        for t, path in (("PPP", stock_return), ("ETF", etf_return))
        for day, r in enumerate(path)
        if r is not None
    ]
    made = panels(0, last, equities=stocks or [stock("P", "PPP")], prices=[*prices, *(extra or [])])
    return made if gone is None else replace(made, delistings=rows_of("delistings", *gone))


def labelled(*args: Any, last: int = LAST, **kwargs: Any) -> pl.DataFrame:
    """Labels known by DAYS[last]."""
    return labels(market(*args, last=last, **kwargs), DAYS[0], DAYS[last])


def on(
    frame: pl.DataFrame, day: int, horizon: int = HORIZON, column: str = "excess_return_pct"
) -> Any:
    """A column of the label of DAYS[day]."""
    found = frame.filter(trade_date=DAYS[day], horizon_days=horizon)
    return found[column][0] if found.height else None


def left(
    day: int,
    return_pct: float | None,
    known: int | None = None,
    ticker: str = "PPP",
    **changes: Any,
) -> dict[str, Any]:
    """A delisting after the close of DAYS[day], known in the next morning unless told otherwise."""
    known_at = datetime.combine(DAYS[day + 1 if known is None else known], time(9))
    return {
        "ticker": ticker,
        "last_trade_date": DAYS[day],
        "delisting_return_pct": return_pct,
        "reason": "merger",
        "known_at": known_at,
    } | changes


def log_pct(*returns: float) -> float:
    """100 x log return over some simple returns in percent."""
    return float(100 * sum(np.log1p(r / 100) for r in returns))


def test_a_label_by_hand():
    stock_return, etf_return = [float(k) for k in range(13)], [0.5 * k for k in range(13)]
    found = labelled(stock_return, etf_return)
    for horizon in (1, 5, 10):
        of_stock, of_etf = (log_pct(*path[4 : 4 + horizon]) for path in (stock_return, etf_return))
        row = found.filter(trade_date=DAYS[2], horizon_days=horizon).to_dicts()
        assert row == (
            [
                {
                    "parent_id": "P",
                    "trade_date": DAYS[2],
                    "horizon_days": horizon,
                    "ticker": "PPP",
                    "sector_etf": "ETF",
                    "label_end_date": DAYS[3 + horizon],
                    "stock_return_pct": pytest.approx(of_stock, rel=1e-12),
                    "sector_return_pct": pytest.approx(of_etf, rel=1e-12),
                    "excess_return_pct": pytest.approx(of_stock - of_etf, rel=1e-12),
                    "beta": None,
                    "beta_adjusted_return_pct": None,
                    "is_delisted": False,
                    "known_at": datetime.combine(DAYS[3 + horizon], time(18, 30)),
                }
            ]
            if 3 + horizon <= LAST
            else []
        )
    assert found.schema == TABLES["labels"].polars_schema
    assert found.rows() == found.sort("label_end_date", "parent_id", "horizon_days").rows()
    assert (HORIZONS, HORIZON, SKIP, days_to_label_end(5), LOOKBACK) == (
        (1, 5, 10, 21),
        5,
        1,
        6,
        86,
    )


@pytest.mark.slow
@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.floats(-5, 5), min_size=26, max_size=26),
    st.integers(0, 25),
    st.sampled_from(["PPP", "ETF"]),
    st.integers(0, 4),
    st.sampled_from(HORIZONS),
)
def test_a_label_changes_with_its_returns_and_no_other(returns, changed, ticker, day, horizon):
    etf = returns[::-1]
    before = labelled(returns, etf, last=25)
    path = list(returns if ticker == "PPP" else etf)
    path[changed] = path[changed] + 3.0
    after = labelled(path, etf, last=25) if ticker == "PPP" else labelled(returns, path, last=25)
    assert (on(before, day, horizon) is None) == (day + 1 + horizon > 25)
    assert (on(after, day, horizon) != on(before, day, horizon)) == (
        day + 2 <= changed <= day + 1 + horizon <= 25
    )


@pytest.mark.parametrize("ticker", ["PPP", "ETF"])
@pytest.mark.parametrize("horizon", [1, 5])
def test_a_missing_return_leaves_no_label(ticker, horizon):
    """A halt without a delisting on record is one."""
    paths = {"PPP": [1.0] * 13, "ETF": [0.5] * 13}
    paths[ticker][7] = None
    found = labelled(paths["PPP"], paths["ETF"])
    without = [day for day in range(LAST - horizon) if on(found, day, horizon) is None]
    assert without == [day for day in range(LAST - horizon) if day + 2 <= 7 <= day + 1 + horizon]
    assert not found["is_delisted"].any()


def test_a_label_is_filed_under_the_day_it_is_known():
    found = labels(market([1.0] * 13, [0.5] * 13), DAYS[8], DAYS[9])
    assert found.select("trade_date", "horizon_days").rows() == [
        (DAYS[6], 1),
        (DAYS[2], 5),
        (DAYS[7], 1),
        (DAYS[3], 5),
    ]
    assert labels(market([1.0] * 13, [0.5] * 13), DAYS[0], DAYS[1]).is_empty()
    assert labels(market([1.0], [0.5], last=0), DAYS[0], DAYS[0]).equals(TABLES["labels"].empty())


def random_market(seed: int, n_days: int = 130):
    """Six stocks of two sectors with holes; one renamed, one delisted with its link, one delisted
    on paper only.
    """
    rng = np.random.default_rng(seed)
    stocks = [stock(f"P{k}", f"T{k}", sector_etf=("XLE", "XLK")[k % 2]) for k in range(6)]
    stocks.append(
        stock("P1", "NEW", sector_etf="XLK", valid_from_date=DAYS[100], known_at=closing(90))
    )
    stocks.append(
        stock(
            "P2",
            "T2",
            sector_etf="XLE",
            valid_from_date=DAYS[80],
            valid_to_date=DAYS[109],
            known_at=closing(80),
        )
    )
    last = {"T1": 99, "T2": 111, "T3": 104}
    prices = [
        price(
            t,
            day,
            None if rng.random() < 0.01 else float(rng.normal(0, 2)),
            adjusted_close_usd=50 + rng.random(),
        )
        for t in [*(f"T{k}" for k in range(6)), "NEW", "XLE", "XLK"]
        for day in range(n_days)
        if day <= last.get(t, n_days) and rng.random() < 0.995
    ]
    gone = rows_of(
        "delistings",
        left(111, -40.0, ticker="T2"),
        left(104, None, 109, ticker="T3", reason="dropped"),
        left(60, 9.0, ticker="T4"),
    )
    return replace(panels(0, n_days - 1, equities=stocks, prices=prices), delistings=gone)


@pytest.mark.parametrize("seed", range(3))
def test_a_range_gives_what_single_days_give(seed):
    whole = random_market(seed)
    found = labels(whole, DAYS[LOOKBACK], DAYS[129])
    assert (
        found["is_delisted"].any()
        and found["beta"].null_count() < found.height
        and (found["horizon_days"] == 21).any()
    )
    for day in range(LOOKBACK, 130, 3):
        alone = labels(cut(whole, DAYS[day - LOOKBACK], DAYS[day]), DAYS[day], DAYS[day])
        assert alone.equals(found.filter(label_end_date=DAYS[day])), day


@pytest.mark.parametrize("seed", range(3))
def test_what_comes_later_changes_no_label(seed):
    whole = random_market(seed)
    found = labels(whole, DAYS[LOOKBACK], DAYS[129])
    for day in (100, 106, 108, 112):
        end = datetime.combine(DAYS[day], time(18, 30))
        known = {
            name: getattr(whole, name).filter(pl.col("known_at") <= end)
            for name in ("prices", "equities", "delistings")
        }
        past = replace(whole, days=whole.days[: day + 1], **known)
        assert labels(past, DAYS[LOOKBACK], DAYS[day]).equals(
            found.filter(pl.col("label_end_date") <= DAYS[day])
        ), day


def test_beta_by_hand():
    rng = np.random.default_rng(5)
    etf = rng.normal(0, 1, 80)
    own = 1.7 * etf + rng.normal(0, 1, 80)
    found = labelled(own.tolist(), etf.tolist(), last=79)
    slope = np.polyfit(etf[2:65], own[2:65], 1)[0]
    assert on(found, 64, column="beta") == pytest.approx(0.5 * slope + 0.5, rel=1e-9)
    stock_pct, etf_pct = (
        on(found, 64, column="stock_return_pct"),
        on(found, 64, column="sector_return_pct"),
    )
    assert on(found, 64, column="beta_adjusted_return_pct") == pytest.approx(
        stock_pct - (0.5 * slope + 0.5) * etf_pct, rel=1e-9
    )
    assert on(found, 38, column="beta") is None and on(found, 39, column="beta") is not None, (
        "40 returns, the first on day 0"
    )
    assert on(found, 38) is not None
    assert {on(found, 64, horizon, "beta") for horizon in (1, 5, 10)} == {
        on(found, 64, column="beta")
    }


def test_the_etf_is_that_of_the_features_day():
    moved = [
        stock("P", "PPP"),
        stock(
            "P",
            "PPP",
            sector="Tech",
            sector_etf="NEW",
            valid_from_date=DAYS[4],
            known_at=closing(0),
        ),
    ]
    new = [price("NEW", day, 2.0) for day in range(13)]
    found = labelled([0.0] * 13, [1.0] * 13, moved, new).filter(horizon_days=5)
    assert found["sector_etf"].to_list() == ["ETF"] * 4 + ["NEW"] * 3
    assert [round(np.expm1(-on(found, day) / 500), 9) for day in range(7)] == [0.01] * 4 + [
        0.02
    ] * 3


def test_a_renamed_stock_is_followed():
    renamed = [stock("P", "PPP"), stock("P", "QQQ", valid_from_date=DAYS[5], known_at=closing(0))]
    path = [1.0] * 5 + [None] * 8, [0.0] * 13
    found = labelled(*path, renamed, [price("QQQ", day, 2.0) for day in range(5, 13)])
    expected = [
        log_pct(*(1.0 if k < 5 else 2.0 for k in range(day + 2, day + 7))) for day in range(7)
    ]
    np.testing.assert_allclose([on(found, day) for day in range(7)], expected, rtol=1e-12)
    assert found.filter(horizon_days=5)["ticker"].to_list() == ["PPP"] * 5 + ["QQQ"] * 2
    # A new name is no end, whatever a table of delistings makes of the old one.
    again = labelled(
        *path, renamed, [price("QQQ", day, 2.0) for day in range(5, 13)], gone=[left(4, -50.0)]
    )
    assert again.equals(found)


def test_without_returns_the_adjusted_closes_speak():
    path = 50 * np.cumprod(np.full(13, 1.01))
    prices = [price("PPP", day, None, adjusted_close_usd=float(path[day])) for day in range(13)] + [
        price("ETF", day, 0.0) for day in range(13)
    ]
    made = panels(0, LAST, equities=[stock("P", "PPP")], prices=prices)
    found = labels(made, DAYS[0], DAYS[LAST]).filter(horizon_days=5)
    np.testing.assert_allclose(found["excess_return_pct"], 500 * np.log(1.01), rtol=1e-12)
    holed = replace(
        made,
        prices=made.prices.filter((pl.col("trade_date") != DAYS[6]) | (pl.col("ticker") == "ETF")),
    )
    # A missing day leaves two missing returns: day 6 and day 7.
    assert labels(holed, DAYS[0], DAYS[LAST]).filter(horizon_days=5)["trade_date"].to_list() == [
        DAYS[6]
    ]


def test_an_unlisted_parent_has_no_label():
    gone = [
        stock("P", "PPP"),
        stock("P", "PPP", valid_from_date=DAYS[2], valid_to_date=DAYS[3], known_at=closing(2)),
    ]
    assert labelled([1.0] * 13, [0.0] * 13, gone)["label_end_date"].max() == DAYS[3], (
        "while it was listed, and no longer"
    )
    assert labelled([], []).is_empty()


ETF_PATH = [0.1 * k for k in range(13)]
#: The stock trades to day 6 and never again; its link stays open, ends with it, or ends two days
#: before.
LINKS = {
    "open": [stock("P", "PPP")],
    "ended": [
        stock("P", "PPP"),
        stock("P", "PPP", valid_from_date=DAYS[1], valid_to_date=DAYS[6], known_at=closing(1)),
    ],
    "ended before": [
        stock("P", "PPP"),
        stock("P", "PPP", valid_from_date=DAYS[1], valid_to_date=DAYS[4], known_at=closing(1)),
    ],
}


@pytest.mark.parametrize("link", LINKS)
def test_a_merger_by_hand(link):
    """Day 7 earns what holders got, later days what the ETF earns."""
    found = labelled([1.0] * 7, ETF_PATH, LINKS[link], gone=[left(6, 5.0)])
    for day in range(7):
        held = ([1.0] * (5 - day) + [5.0] + ETF_PATH[8 : day + 7])[:5]
        if day > (4 if link == "ended before" else 5) or (day == 0 and link == "ended before"):
            assert on(found, day) is None, (
                "nobody could buy it any more, or nobody knew what it was followed for"
            )
            continue
        assert on(found, day, column="stock_return_pct") == pytest.approx(log_pct(*held), rel=1e-12)
        assert on(found, day) == pytest.approx(
            log_pct(*held) - log_pct(*ETF_PATH[day + 2 : day + 7]), rel=1e-11
        )
        assert on(found, day, column="is_delisted") == (day > 0)
    assert on(found, 4, 1, "is_delisted") is (None if link == "ended before" else False), (
        "its last day is a day like any other"
    )


@pytest.mark.parametrize("link", LINKS)
@pytest.mark.parametrize("known", [7, 9])
def test_a_delisting_return_as_a_price_row_gives_the_same_labels(link, known):
    """CRSP's present format has it in the prices, on the day after the last trade."""
    gone = [left(6, -60.0, known, reason="dropped")]
    old = labelled([1.0] * 7, ETF_PATH, LINKS[link], gone=gone)
    new = labelled([1.0] * 7 + [-60.0], ETF_PATH, LINKS[link], gone=gone)
    # A label that ends with the row itself can have it before the delisting is known.
    both = old if known == 7 else old.filter(pl.col("label_end_date") != DAYS[7])
    columns = [name for name in both.columns if name != "is_delisted"]
    mine = new.join(both, on=["trade_date", "horizon_days"], how="semi")
    assert mine.select(columns).equals(both.select(columns))
    late = mine.filter(pl.col("label_end_date") != DAYS[7])
    assert late.equals(both.filter(pl.col("label_end_date") != DAYS[7]))
    spans = [on(new, day) for day in range(1, 5) if on(new, day) is not None]
    assert known == 9 or link == "ended before" or len(spans) == 4 and max(spans) < -80


def test_the_proceeds_earn_the_etf():
    found = labelled([0.0] * 7, ETF_PATH, gone=[left(6, 0.0)])
    merged = found.filter("is_delisted", horizon_days=5)
    assert merged["trade_date"].to_list() == DAYS[1:6]
    own = [log_pct(*ETF_PATH[day + 2 : 8]) for day in range(1, 6)]
    np.testing.assert_allclose(merged["excess_return_pct"], [-value for value in own], rtol=1e-9)


@pytest.mark.parametrize(
    ("reason", "on_record", "used"),
    [
        ("dropped", None, -30.0),
        ("dropped", float("nan"), -30.0),
        ("dropped", -80.0, -80.0),
        ("merger", None, None),
        (None, None, None),
        ("liquidation", -100.0, -99.9),
        ("liquidation", -99.95, -99.9),
        ("exchange", 12.0, 12.0),
    ],
)
def test_what_a_delisting_is_taken_for(reason, on_record, used):
    found = labelled([1.0] * 7, [0.0] * 13, gone=[left(6, on_record, reason=reason)])
    expected = None if used is None else pytest.approx(log_pct(*[1.0] * 3, used), rel=1e-12)
    assert on(found, 2) == expected
    assert on(found, 0) == pytest.approx(log_pct(*[1.0] * 5), rel=1e-12), (
        "labels that end before are what they were"
    )


def test_a_delisting_known_too_late_gives_no_label():
    """A label is what was known by its own last day's cutoff; longer labels may know more."""
    path = [1.0] * 7
    found = labelled(path, [0.0] * 26, last=25, gone=[left(6, 5.0, 9)])
    assert [day for day in range(7) if on(found, day) is not None] == [0, 3, 4, 5]
    assert [day for day in range(7) if on(found, day, 1) is not None] == [0, 1, 2, 3, 4]
    assert [day for day in range(4) if on(found, day, 10) is None] == []
    at_cutoff = datetime.combine(DAYS[9], time(18, 30))
    assert on(labelled(path, [0.0] * 13, gone=[left(6, 5.0, known_at=at_cutoff)]), 3) == on(
        found, 3
    )
    assert (
        on(
            labelled(
                path, [0.0] * 13, gone=[left(6, 5.0, known_at=at_cutoff + timedelta(seconds=1))]
            ),
            3,
        )
        is None
    )


def test_a_stock_that_trades_on_was_not_delisted():
    found = labelled([1.0] * 13, [0.0] * 13)
    # On the day after, nobody can know that: the stock is not there to be chosen. Later it is.
    told = labelled([1.0] * 13, [0.0] * 13, gone=[left(6, -90.0)])
    assert told.equals(found.filter(pl.col("trade_date") != DAYS[7]))
    assert not told["is_delisted"].any()
    assert labelled([1.0] * 13, [0.0] * 13, gone=[left(6, -90.0, ticker="ZZZ")]).equals(found)


def test_who_was_paid_does_not_hold_the_next_stock_of_the_parent():
    again = [*LINKS["ended"], stock("P", "NEW", valid_from_date=DAYS[9], known_at=closing(1))]
    found = labelled(
        [1.0] * 7,
        [0.0] * 26,
        again,
        [price("NEW", day, 3.0) for day in range(9, 26)],
        last=25,
        gone=[left(6, -50.0)],
    )
    assert on(found, 5, 10) == pytest.approx(log_pct(-50.0), rel=1e-12)
    assert on(found, 6, 10) is None and on(found, 8) is None
    assert (
        on(found, 9, 10) == pytest.approx(log_pct(*[3.0] * 10), rel=1e-12)
        and on(found, 9, 10, "ticker") == "NEW"
    )
    # Nor does it matter what becomes of that one, or when it is known.
    twice = labelled(
        [1.0] * 7,
        [0.0] * 26,
        again,
        [price("NEW", day, 3.0) for day in range(9, 12)],
        last=25,
        gone=[left(6, -50.0), left(11, -9.0, 24, "NEW")],
    )
    assert on(twice, 5, 10) == on(found, 5, 10) and on(twice, 9, 10) is None


def test_a_weekend_lies_between_the_last_trade_and_the_payment():
    friday = next(k for k in range(3, 9) if DAYS[k].weekday() == 4)
    path = [1.0] * (friday + 1)
    saturday = left(friday, 5.0) | {"last_trade_date": DAYS[friday] + timedelta(days=1)}
    found = labelled(path, [0.0] * 13, gone=[left(friday, 5.0)])
    assert on(found, friday - 2) == pytest.approx(log_pct(1.0, 5.0), rel=1e-12)
    assert labelled(path, [0.0] * 13, gone=[saturday]).equals(found)
    later = saturday | {
        "delisting_return_pct": 77.0,
        "known_at": datetime.combine(DAYS[friday + 1], time(10)),
    }
    assert labelled(path, [0.0] * 13, gone=[left(friday, 5.0), later]).equals(found), (
        "of two for one day the first known"
    )


def test_known_labels_say_what_a_dollar_in_the_stock_earned_beyond_one_in_the_etf():
    row = {
        "parent_id": "A",
        "trade_date": DAYS[0],
        "horizon_days": 5,
        "stock_return_pct": 100 * np.log(1.10),
        "sector_return_pct": 100 * np.log(0.95),
        "excess_return_pct": 100 * np.log(1.10 / 0.95),
        "beta_adjusted_return_pct": None,
    }
    frame = pl.DataFrame([row], schema_overrides={"beta_adjusted_return_pct": pl.Float64})
    found = known_labels(frame).row(0, named=True)
    assert found["label_pct"] == row["excess_return_pct"]
    assert found["simple_excess_pct"] == pytest.approx(15.0, rel=1e-12)
    assert known_labels(frame, "beta_adjusted").is_empty()
