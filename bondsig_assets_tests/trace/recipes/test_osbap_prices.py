"""OSBAP's steps against wrong prices: decimal shifts by an independent count, bounce-backs and
first trades by example.
"""

from __future__ import annotations

from statistics import median

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bondsig_assets.trace.recipes import RECIPES
from bondsig_assets.trace.recipes.osbap import price_errors_in_hindsight
from bondsig_assets.trace.recipes.osbap_prices import shifted_prices, sorted_trades
from bondsig_assets_tests.trace.recipes.stories import frame, prices

ERROR, FIRST = "bounce_back", "initial_error"


def judged(*values: float) -> tuple[list[float], list[str | None]]:
    """Prices and reasons of one bond's trades, one a day."""
    trades = frame(*prices(*values)).select(
        "row",
        "cusip",
        "executed_at",
        "execution_date",
        "reported_at",
        "message_number",
        "price",
        "par_usd",
        "yield_pct",
    )
    answer = price_errors_in_hindsight(trades)
    assert answer.columns == ["row", "price", "reason"]
    return answer["price"].to_list(), answer["reason"].to_list()


def test_shifted_prices_are_put_right():
    assert judged(101, 102, 10.15, 101, 1005, 102, 1.01) == (
        pytest.approx([101, 102, 101.5, 101, 100.5, 102, 101]),
        [None] * 7,
    )


def test_the_recipe_keeps_a_shifted_trade_at_the_price_put_right():
    answer = RECIPES["osbap"](frame(*prices(101, 102, 10.15, 101, 102)), None)
    assert answer["reason"].to_list() == [None] * 5 and answer["price"].to_list() == pytest.approx(
        [101, 102, 101.5, 101, 102]
    )


def test_a_true_crash_is_no_shift():
    assert judged(80, 78, 40, 38, 35, 36) == ([80, 78, 40, 38, 35, 36], [None] * 6)


def by_counting(values: list[tuple[int, float]]) -> list[float]:
    """The rule of the shift in plain words, one bond: (day, price) in order of trade."""
    once = list(dict.fromkeys(values))
    series = [price for _, price in once]
    answers = []
    for reported in values:
        at, price = once.index(reported), reported[1]
        window = series[max(0, at - 5) : at + 6]
        anchor = median(window) if len(window) >= 6 else median(series[at : at + 6])
        found = sorted(
            (abs(price * f - anchor) / anchor, n, price * f)
            for n, f in enumerate((0.1, 0.01, 10.0, 100.0))
            if 5 <= price * f <= 300
        )
        raw = abs(price - anchor) / anchor
        if found and raw > 0.05 and found[0][0] <= 0.2 * raw:
            error, _, tried = found[0]
            if (
                error <= 0.02
                or abs(tried - anchor) <= 8
                or (abs(tried - 100) <= 15 and abs(anchor - 100) <= 15)
            ):
                price = tried
        answers.append(price)
    return answers


@settings(max_examples=150, deadline=None)
@given(
    st.lists(
        st.tuples(
            st.integers(1, 3),
            st.sampled_from(
                [0.97, 9.9, 10.11, 55.3, 99.0, 99.1, 100.2, 101.0, 250.7, 991.0, 10023.0]
            ),
        ),
        min_size=1,
        max_size=30,
    )
)
def test_shifts_by_counting(values):
    values = sorted(values, key=lambda reported: reported[0])
    days = prices(*(price for _, price in values))
    same = prices(*[100.0] * 3)
    reported = [
        m
        | {name: same[day - 1][name] for name in ("execution_date", "executed_at")}
        | {"message_number": f"{n:04}"}
        for n, (m, (day, _)) in enumerate(zip(days, values, strict=True))
    ]
    reported = [
        m | {"report_date": same[0]["report_date"], "reported_at": same[0]["reported_at"]}
        for m in reported
    ]
    answer = shifted_prices(sorted_trades(frame(*reported)))
    assert answer["row"].to_list() == list(range(len(values)))
    assert answer["price"].to_list() == pytest.approx(by_counting(values))


@pytest.mark.parametrize(
    ("values", "flagged"),
    [
        ((80, 80.5, 81, 45, 80.7, 80.6), {3}),  # one stray trade
        ((80, 80.5, 81, 45, 44, 80.7, 80.6), {3, 4}),  # and two
        ((80, 80.5, 81, 45, 44, 46, 45, 44, 45, 44, 43), set()),  # a move that stays
        (
            (80, 80.5, 81, 45, 44, 47, 45, 44, 45, 44, 81),
            set(),
        ),  # and one that comes back after more than five
        ((80, 80.5, 81, 47.1, 80.7), set()),  # less than 34 points
        ((80, 80.5, 81, 46.5, 80.7), {3}),
        ((70, 70.2, 70.1, 100, 70.2, 70.3), set()),  # one price of par that is no jump
        ((70, 70.2, 70.1, 100, 100, 100, 70.2, 70.3), {3, 4, 5}),  # a run of three
        ((60, 60.2, 60.1, 100, 60.2, 60.3), {3}),  # a jump to par and back
        ((92, 92.2, 92.1, 100, 100, 100, 92), set()),  # a run nearer than 8.75
        ((80, 45, 80.5, 80.2), {1}),
    ],
)
def test_bounce_backs(values, flagged):
    assert judged(*values)[1] == [ERROR if n in flagged else None for n in range(len(values))]


def test_the_trade_before_takes_the_blame():
    # 108 is 28 off its baseline and no jump; the step to 73 is, but 108 is the one that is wrong.
    assert judged(80, 80.5, 79.5, 108, 73, 80, 80.2)[1] == [
        None,
        None,
        None,
        ERROR,
        None,
        None,
        None,
    ]


def test_after_a_run_of_par_the_walk_rests():
    assert judged(60, 60.2, 100, 100, 100, 60.1, 60.3, 60.2)[1] == [
        None,
        None,
        ERROR,
        ERROR,
        ERROR,
        None,
        None,
        None,
    ]


def test_first_trades_before_a_jump():
    assert judged(0.36, 0.403, 106, 106.5, 105.8, 106.2)[1] == [
        FIRST,
        FIRST,
        None,
        None,
        None,
        None,
    ]
    assert judged(20, 80, 80.5, 81, 80, 81, 80)[1] == [FIRST, None, None, None, None, None, None]
    assert judged(20, 21, 22, 80, 80.5, 81, 80)[1] == [None] * 7


def test_bonds_do_not_look_at_each_other():
    one, other = prices(80, 45, 80, cusip="A"), prices(45, 46, 45, cusip="B")
    together = price_errors_in_hindsight(frame(*other, *one))
    assert together["reason"].to_list() == [None, None, None, None, ERROR, None]


def test_a_trade_without_a_price_is_nobodys_neighbour():
    assert judged(80, 45, None, 80.5, 80.2) == (
        [80, 45, None, 80.5, 80.2],
        [None, ERROR, None, None, None],
    )
    assert price_errors_in_hindsight(frame()).is_empty()


def test_the_order_of_rows_does_not_matter():
    trades = frame(*prices(80, 80.5, 81, 45, 80.7, 8.06))
    shuffled = trades.sample(fraction=1.0, shuffle=True, seed=3)
    answer = price_errors_in_hindsight(shuffled)
    assert answer["row"].to_list() == shuffled["row"].to_list()
    assert answer.sort("row").equals(price_errors_in_hindsight(trades))
    assert isinstance(answer.schema["reason"], pl.String)
