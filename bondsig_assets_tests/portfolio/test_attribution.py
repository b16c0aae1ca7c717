"""P&L by part and kind: by hand, and that everything adds up whatever happened.

Belongs here: `portfolio/attribution.py`. Not here: orders (`test_shortfall.py`).
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bondsig_assets.portfolio.attribution import (
    SLICES,
    DayModel,
    changes_by_name,
    name_days,
    payoff,
    pnl_parts,
    pnl_slices,
    sides,
    with_kinds,
)
from bondsig_assets.portfolio.book_returns import book_returns
from bondsig_assets.tables.trading import CHANGES
from bondsig_assets_tests.portfolio.books import DAYS, Book, Fill, World, keep

NAMES = ("A", "B", "C")
#: Two names and two factors: the market, and a sector that only A is of.
MODEL = DayModel(
    ("A", "B"),
    ("market", "sector"),
    np.array([[1.0, 1.0], [0.5, 0.0]]),
    np.array([0.0004, 0.0001]),
    np.array([0.01, -0.002]),
    np.array([0.001, -0.0005]),
    np.array([0.011, 0.003]),
)


def changes_of(book: Book) -> pl.DataFrame:
    return changes_by_name(book.entries, list(CHANGES))


def held(book: Book, day: int) -> dict[str, float]:
    """Values of the positions of the evening before."""
    if day == 0:
        return {}
    rows = book.positions.filter(trade_date=DAYS[day - 1])
    return dict(zip(rows["parent_id"], rows["value_usd"], strict=True))


def parts_of(book: Book, day: int, model: DayModel) -> pl.DataFrame:
    changes = changes_of(book).filter(trade_date=DAYS[day])
    return pnl_parts("optimised", DAYS[day], changes, held(book, day), model)


def by_part(rows: pl.DataFrame) -> dict[tuple[str, str], float]:
    return {(row["part"], row["source"]): row["pnl_usd"] for row in rows.to_dicts()}


# ------------------------------------------------------------------------------------------------
#   by hand

#: A long and B short from the first day; on the second A is sold down above the close.
WORLD = World(
    {"A": [100.0, 101.1], "B": [50.0, 50.15]},
    (
        Fill(0, "A", 1_000, 100.0),
        Fill(0, "B", -4_000, 50.0),
        Fill(1, "A", -200, 101.3, spread=4.0, impact=3.0, commission=2.0, fee=1.0),
    ),
    dividends={(1, "B"): 0.01},
    borrow={(1, "B"): 6.5},
    interest={1: 30.0},
)


def test_parts_by_hand():
    found = by_part(parts_of(keep(WORLD), 1, MODEL))
    # Left of returns: 0.011 - 0.01 + 0.002 = 0.003 for A, 0.003 - 0.005 = -0.002 for B. The slope
    # on alphas of 0.001 and -0.0005 with weights 2,500 and 10,000: (7.5 + 10)/(2.5 + 2.5)... in
    # thousandths.
    slope = (2_500 * 0.001 * 0.003 + 10_000 * 0.0005 * 0.002) / (
        2_500 * 0.001**2 + 10_000 * 0.0005**2
    )
    assert payoff(MODEL) == pytest.approx(slope)
    expected = 100_000 * 0.001 + 200_000 * 0.0005
    assert found["alpha", ""] == pytest.approx(round(slope * expected, 4))
    # Exposure 100,000 - 100,000 to the market, 100,000 to the sector.
    assert found["factor", "market"] == pytest.approx(0.0)
    assert found["factor", "sector"] == pytest.approx(-200.0)
    holding = 1_000 * 1.1 - 4_000 * 0.15 - 4_000 * 0.01
    assert found["specific", ""] == pytest.approx(holding + 200.0 - found["alpha", ""], abs=1e-9)
    # Sold 20 cents above the close.
    assert found["timing", ""] == 40.0
    costs = {"spread": -4.0, "impact": -3.0, "commissions": -2.0, "fees": -1.0, "borrow": -6.5}
    assert {source: found["cost", source] for source in costs} == costs
    assert (found["interest", ""], found["unmodelled", ""], found["remainder", ""]) == (30.0, 0, 0)


def test_what_was_expected_stands_beside_what_was_earned():
    rows = parts_of(keep(WORLD), 1, MODEL)
    hoped = rows.filter(pl.col("expected_usd").is_not_null())
    assert hoped["part"].to_list() == ["alpha"]
    assert hoped["expected_usd"].item() == pytest.approx(200.0)


def test_alpha_that_earns_what_is_expected_has_a_payoff_of_one_and_nothing_is_specific():
    returns = MODEL.exposures @ MODEL.factor_returns + MODEL.alpha
    exact = replace(MODEL, returns=returns)
    assert payoff(exact) == pytest.approx(1.0)
    world = World(
        {"A": [100.0, 100.0 * (1 + returns[0])], "B": [50.0, 50.0 * (1 + returns[1])]},
        WORLD.fills[:2],
    )
    found = by_part(parts_of(keep(world), 1, exact))
    assert found["specific", ""] == pytest.approx(0.0, abs=0.5)
    assert found["alpha", ""] == pytest.approx(200.0, abs=0.01)


def test_without_alpha_no_money_is_called_alpha():
    nothing = replace(MODEL, alpha=np.zeros(2))
    rows = parts_of(keep(WORLD), 1, nothing)
    found = by_part(rows)
    assert (payoff(nothing), found["alpha", ""]) == (0.0, 0.0)
    assert rows.filter(part="alpha")["expected_usd"].item() == 0.0


def test_scores_that_know_nothing_earn_nothing_along_alpha():
    """In 400 days of noise what is earned along alpha is zero on average, though each day the book
    holds what alpha likes; what was expected is not.
    """
    rng = np.random.default_rng(31)
    earned, expected = [], []
    for _ in range(400):
        alpha = 0.0005 * rng.standard_normal(30)
        model = DayModel(
            tuple(f"N{k}" for k in range(30)),
            (),
            np.zeros((30, 0)),
            np.full(30, 0.0004),
            np.zeros(0),
            alpha,
            0.02 * rng.standard_normal(30),
        )
        value = 1e6 * np.sign(alpha)
        earned.append(payoff(model) * float(value @ alpha))
        expected.append(float(value @ alpha))
    error = np.std(earned) / 20
    assert abs(np.mean(earned)) < 3 * error
    assert np.mean(expected) > 0.5 * np.std(earned) / 20


def test_a_factor_unknown_on_the_day_leaves_its_part_specific():
    unknown = replace(MODEL, factor_returns=np.array([0.01, np.nan]))
    found = by_part(parts_of(keep(WORLD), 1, unknown))
    assert found["factor", "sector"] == 0.0
    assert sum(found.values()) == pytest.approx(
        book_returns(keep(WORLD).days)["pnl_usd"][1], abs=1e-9
    )


def test_a_name_the_model_does_not_know_is_unmodelled():
    lacking = DayModel(
        ("A",),
        MODEL.factors,
        MODEL.exposures[:1],
        MODEL.specific_variance[:1],
        MODEL.factor_returns,
        MODEL.alpha[:1],
        MODEL.returns[:1],
    )
    found = by_part(parts_of(keep(WORLD), 1, lacking))
    assert found["unmodelled", ""] == pytest.approx(-640.0)
    assert found["remainder", ""] == 0.0


def test_an_account_without_a_part_is_named_the_remainder():
    """Nothing is lost silently: an entry of a kind that no part has shows up."""
    book = keep(WORLD)
    odd = changes_of(book).with_columns(
        account=pl.when(pl.col("account") == "interest").then(pl.lit("gifts")).otherwise("account")
    )
    rows = pnl_parts("optimised", DAYS[1], odd.filter(trade_date=DAYS[1]), held(book, 1), MODEL)
    assert by_part(rows)["remainder", ""] == 30.0


# ------------------------------------------------------------------------------------------------
#   whatever happens


@st.composite
def worlds(draw: st.DrawFn) -> World:
    """Up to six days of three names, bought, sold short and crossed through zero."""
    n = draw(st.integers(2, 6))
    closes = {one: [round(draw(st.floats(5.0, 200.0)), 4) for _ in range(n)] for one in NAMES}
    cost = st.floats(0.0, 50.0).map(lambda usd: round(usd, 4))
    fills = []
    for k in range(n):
        for one in NAMES:
            if draw(st.booleans()):
                size = draw(st.integers(-500, 500).filter(bool))
                price = round(closes[one][k] * draw(st.floats(0.95, 1.05)), 4)
                fills.append(Fill(k, one, size, price, *(draw(cost) for _ in range(4))))
    days = [(k, one) for k in range(1, n) for one in NAMES]
    some = {key: round(draw(st.floats(0.0, 2.0)), 4) for key in days if draw(st.booleans())}
    return World(
        closes,
        tuple(fills),
        {0: 5_000_000.0, n - 1: draw(st.sampled_from([0.0, 1_000.5, -2_000.25]))},
        some,
        {key: draw(cost) for key in days if draw(st.booleans())},
        {k: draw(cost) for k in range(1, n)},
    )


@st.composite
def models(draw: st.DrawFn) -> DayModel:
    """Any two of the names, three factors, some of them unknown."""
    parents = tuple(draw(st.permutations(NAMES))[:2])
    small = st.floats(-0.1, 0.1)

    def array(element: st.SearchStrategy[float], *shape: int) -> np.ndarray:
        n = int(np.prod(shape))
        return np.array([draw(element) for _ in range(n)]).reshape(shape)

    return DayModel(
        parents,
        ("market", "rates", "tech"),
        array(st.floats(-2, 2), 2, 3),
        array(st.floats(1e-6, 1e-2), 2),
        array(st.one_of(small, st.just(float("nan"))), 3),
        array(st.one_of(st.just(0.0), st.floats(1e-5, 0.01), st.floats(-0.01, -1e-5)), 2),
        array(st.one_of(small, st.just(float("nan"))), 2),
    )


@pytest.mark.slow
@settings(max_examples=60)
@given(worlds(), models())
def test_parts_add_up_to_the_gain_of_every_day(world, model):
    """Identity 3, in integers of 1e-4 dollars, with nothing left over."""
    book = keep(world)
    gains = book_returns(book.days)["pnl_usd"].to_list()
    for k, gain in enumerate(gains):
        rows = parts_of(book, k, model)
        assert sum(round(1e4 * one) for one in rows["pnl_usd"]) == round(1e4 * gain)
        assert by_part(rows)["remainder", ""] == 0.0


@settings(max_examples=40)
@given(worlds(), st.integers(0, 1_000))
def test_slices_and_sides_add_up_to_the_gain_of_all_days(world, seed):
    book = keep(world)
    rng = np.random.default_rng(seed)
    keys = pl.DataFrame(
        [(DAYS[k], one) for k in range(world.n_days) for one in NAMES if rng.random() < 0.7],
        schema={"trade_date": pl.Date, "parent_id": pl.String},
        orient="row",
    )
    scores = keys.with_columns(score=pl.Series(np.round(rng.uniform(-1, 1, keys.height), 1)))
    attributes = keys.with_columns(
        sector=pl.Series(rng.choice(["tech", "energy"], keys.height), dtype=pl.String),
        rating_number=pl.Series(
            [int(r) if r else None for r in rng.integers(0, 20, keys.height)], dtype=pl.Int64
        ),
    )
    rows = with_kinds(name_days(changes_of(book), book.positions), attributes, scores, scores)
    total = sum(round(1e4 * one) for one in book_returns(book.days)["pnl_usd"])
    assert rows["pnl_e4"].sum() == total
    found = pnl_slices(rows, DAYS[: world.n_days])
    assert set(found["slice"]) == {"all", *SLICES}
    for (_,), group in found.group_by("slice"):
        assert sum(round(1e4 * one) for one in group["pnl_usd"]) == total
        means = sum(group["mean_usd"].drop_nulls())
        assert means * world.n_days == pytest.approx(total / 1e4, abs=1e-6)
    per_day = sides(rows).group_by("trade_date").agg(pl.col("pnl_usd").sum()).sort("trade_date")
    wanted = dict(zip(book.days["trade_date"], book_returns(book.days)["pnl_usd"], strict=True))
    for day, usd in per_day.iter_rows():
        assert usd == pytest.approx(wanted[day], abs=1e-6)


@settings(max_examples=30)
@given(worlds(), models(), st.randoms(use_true_random=False))
def test_no_order_of_rows_or_names_changes_a_bit(world, model, random):
    book = keep(world)
    mixed = book.entries.sample(fraction=1.0, shuffle=True, seed=random.randint(0, 999))
    for k in range(world.n_days):
        rows = parts_of(book, k, model)
        again = changes_by_name(mixed, list(CHANGES)).filter(trade_date=DAYS[k])
        turned = dict(reversed(list(held(book, k).items())))
        assert pnl_parts("optimised", DAYS[k], again, turned, model).equals(rows)


# ------------------------------------------------------------------------------------------------
#   kinds


def test_sides_by_hand():
    """Long until the third day, on which it is sold through zero: that day's gain is the long's,
    the next one the short's. A dividend that comes after all is closed has no side.
    """
    world = World(
        {"A": [10.0, 11.0, 12.0, 13.0, 14.0, 14.0]},
        (Fill(0, "A", 100, 10.0), Fill(2, "A", -150, 12.0), Fill(4, "A", 50, 14.0)),
        borrow={(5, "A"): 2.0},
    )
    book = keep(world)
    found = name_days(changes_of(book), book.positions).filter(pl.col("parent_id") == "A")
    assert found.select("side", "pnl_e4").rows()[1:] == [
        ("long", 1_000_000),
        ("long", 1_000_000),
        ("short", -500_000),
        ("short", -500_000),
        ("none", -20_000),
    ]
    assert found["is_new"].to_list() == [True, False, False, False, False, True]


def test_what_counts_on_a_day_was_said_when_its_positions_were_decided():
    """Decided on the first day, traded at the close of the second, earning from the third on. What
    is said on the third day moves no label of that day's gain.
    """
    world = World({"A": [10.0, 10.0, 11.0, 12.0, 12.0]}, (Fill(1, "A", 100, 9.9, commission=1.0),))
    book = keep(world)
    attributes = pl.DataFrame(
        {
            "trade_date": [DAYS[0], DAYS[2]],
            "parent_id": ["A", "A"],
            "sector": ["tech", "energy"],
            "rating_number": [12, 3],
        }
    )
    scores = pl.DataFrame(
        {
            "trade_date": [DAYS[0]] * 3 + [DAYS[2]] * 3,
            "parent_id": ["A", "Y", "Z"] * 2,
            "score": [0.9, 0.1, 0.2, -0.9, 0.1, 0.2],
        }
    )
    rows = with_kinds(
        name_days(changes_of(book), book.positions), attributes, scores, scores
    ).filter(pl.col("parent_id") == "A")
    kinds = ("trade_date", "sector", "rating", "score_decile", "signal_age")
    assert rows.select(kinds).rows() == [
        (DAYS[1], "tech", "high_yield", "9", "0"),
        (DAYS[2], "tech", "high_yield", "9", "1"),
        (DAYS[3], "tech", "high_yield", "9", "2"),
        (DAYS[4], "energy", "investment_grade", "2", "3"),
    ]


def test_deciles_of_a_day_and_ties():
    scores = pl.DataFrame(
        {
            "trade_date": [DAYS[0]] * 20,
            "parent_id": [f"N{k:02}" for k in range(20)],
            "score": [float(k) for k in range(18)] + [18.5, 18.5],
        }
    )
    world = World(
        {f"N{k:02}": [10.0, 10.0, 11.0] for k in (0, 1, 2, 18, 19)},
        tuple(Fill(0, f"N{k:02}", 100, 10.0) for k in (0, 1, 2, 18, 19)),
    )
    book = keep(world)
    attributes = pl.DataFrame(
        schema={
            "trade_date": pl.Date,
            "parent_id": pl.String,
            "sector": pl.String,
            "rating_number": pl.Int64,
        }
    )
    rows = with_kinds(
        name_days(changes_of(book), book.positions), attributes, scores, scores.clear()
    ).filter(pl.col("trade_date") == DAYS[2], pl.col("parent_id").is_not_null())
    assert rows["score_decile"].to_list() == ["1", "1", "2", "10", "10"]
    assert set(rows["sector"]) == {"unknown"} and set(rows["signal_age"]) == {"none"}


def test_buckets_without_a_position_on_a_day_earned_nothing_on_it():
    """Means are over all days of the book, so those of a slice add up too."""
    rows = pl.DataFrame(
        {
            "policy": ["p"] * 2,
            "trade_date": [DAYS[0], DAYS[2]],
            "parent_id": ["A", "B"],
            "pnl_e4": [100_000, -40_000],
            "side": ["long", "short"],
            "is_new": [False, False],
        }
    )
    found = pnl_slices(rows, DAYS[:10])
    long = found.filter(slice="side", bucket="long").row(0, named=True)
    assert (long["pnl_usd"], long["mean_usd"], long["n_name_days"]) == (10.0, 1.0, 1)
    assert found.filter(slice="all")["pnl_usd"].item() == 6.0
    assert pnl_slices(rows.clear(), DAYS[:10]).is_empty()
