"""The rating scale, and composites as steps of knowledge, judged by plain Python at every
moment.
"""

from __future__ import annotations

from datetime import timedelta
from statistics import mean

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bondsig_assets.securities.ratings import (
    composite,
    is_withdrawn,
    letter,
    letter_number,
    parent_ratings,
)
from bondsig_assets.tables import TABLES
from bondsig_assets_tests.rows_of import rows_of
from bondsig_assets_tests.securities.stories import at, issuer, on

FEW = settings(max_examples=40, deadline=None)


def action(
    issuer_id: str, agency: str, day: int, rating: str, known: int | None = None, number: int = 0
) -> dict:
    """A rating action, known the day after unless said."""
    return {
        "issuer_id": issuer_id,
        "agency": agency,
        "rating_date": on(day),
        "rating": rating,
        "rating_number": number,
        "known_at": at(day + 1 if known is None else known),
    }


def ratings_of(*rows: dict) -> pl.DataFrame:
    """Rating actions as a frame; withdrawals have no number, whatever the table says of nulls."""
    return pl.DataFrame(list(rows), schema=TABLES["ratings"].polars_schema, orient="row")


def value(steps: pl.DataFrame, moment) -> float | None:
    """The newest step known."""
    known = steps.filter(pl.col("known_at") <= moment)
    return known["rating_number"][-1] if known.height else None


def numbers(*letters: str | None) -> list[int | None]:
    return (
        pl.select(letter_number(pl.lit(pl.Series(list(letters), dtype=pl.String))))
        .to_series()
        .to_list()
    )


def test_the_scales_of_the_agencies():
    assert numbers(
        "AAA",
        "Aaa",
        "AA+",
        "Aa1",
        "BBB-",
        "Baa3",
        "BB+",
        "Ba1",
        "CCC-",
        "Caa3",
        "CC",
        "Ca",
        "C",
        "D",
        "SD",
        "RD",
    ) == [1, 1, 2, 2, 10, 10, 11, 11, 19, 19, 20, 20, 21, 22, 22, 22]
    assert numbers("A", "B", "Aa", "Baa", "Ba", "Caa") == [6, 15, 3, 9, 12, 18]
    assert numbers(" bbb+ ", "BBB+ *-", "(P)Baa1", "BBB+u", "AAsf") == [8, 8, 8, 8, 3]
    assert numbers("NR", "WR", "", None, "banana") == [None] * 5
    frame = pl.DataFrame({"rating": ["NR", "wr", "WD", "", None, "AAA", "banana"]})
    assert (
        frame.select(is_withdrawn(pl.col("rating"))).to_series().to_list()
        == [True] * 5 + [False] * 2
    )


def test_letters_and_back():
    assert [letter(1), letter(9.5), letter(22)] == ["AAA", "BBB-", "D"]
    assert numbers(*(letter(k) for k in range(1, 23))) == list(range(1, 23))
    with pytest.raises(ValueError, match="from 1 to 22"):
        letter(23)


def test_a_composite_is_the_mean_of_the_agencies_newest_letters():
    steps = composite(
        ratings_of(
            action("a", "SP", 0, "BBB"),
            action("a", "MDY", 10, "Baa3"),
            action("a", "SP", 20, "BB+"),
            action("a", "FITCH", 30, "BB+"),
        )
    )
    assert steps.rows() == [
        ("a", at(1), 9.0),
        ("a", at(11), 9.5),
        ("a", at(21), 10.5),
        ("a", at(31), (11 + 10 + 11) / 3),
    ]
    assert steps.schema == {
        "issuer_id": pl.String,
        "known_at": pl.Datetime("us"),
        "rating_number": pl.Float64,
    }


def test_median_and_worst():
    rows = ratings_of(
        action("a", "SP", 0, "AAA"), action("a", "MDY", 0, "Baa3"), action("a", "FITCH", 0, "D")
    )
    assert [
        composite(rows, how)["rating_number"].item() for how in ("mean", "median", "worst")
    ] == [11.0, 10.0, 22.0]
    with pytest.raises(ValueError, match="'best'"):
        composite(rows, "best")


def test_a_withdrawal_ends_the_letter_and_the_last_one_the_rating():
    steps = composite(
        ratings_of(
            action("a", "SP", 0, "BBB"),
            action("a", "MDY", 0, "Ba1"),
            action("a", "SP", 10, "NR"),
            action("a", "MDY", 20, "WR", number=13),
        )
    )
    assert [value(steps, at(day)) for day in (1, 10, 11, 20, 21, 400)] == [
        10.0,
        10.0,
        11.0,
        11.0,
        None,
        None,
    ]
    assert steps["rating_number"].to_list() == [10.0, 11.0, None]


def test_moodys_c_is_default_and_standard_and_poors_c_is_not():
    assert composite(
        ratings_of(
            action("a", "MDY", 0, "C"), action("b", "SP", 0, "C"), action("c", "MDY", 0, "Ca")
        )
    ).sort("issuer_id")["rating_number"].to_list() == [22, 21, 20]


def test_the_number_counts_where_the_letter_says_nothing():
    steps = composite(
        ratings_of(
            action("a", "SP", 0, "", number=7),
            action("b", "SP", 0, "?", number=8),
            action("c", "SP", 0, "?", number=99),
        )
    )
    assert dict(steps.select("issuer_id", "rating_number").iter_rows()) == {"a": 7.0, "b": 8.0}


def test_an_older_action_heard_of_late_changes_nothing():
    steps = composite(ratings_of(action("a", "SP", 10, "BBB", 11), action("a", "SP", 5, "D", 30)))
    assert steps["rating_number"].to_list() == [9.0]


def test_an_issuer_taken_over_counts_with_its_new_parent_from_when_that_is_known():
    rows = ratings_of(
        action("a", "SP", -9, "BBB"), action("b", "SP", -9, "BB"), action("c", "SP", -9, "AA")
    )
    issuers = rows_of(
        "issuers",
        issuer("a", "P", -20, -20),
        issuer("b", "P", -20, -20),
        issuer("c", "Q", -20, -20),
        issuer("b", "Q", 50, 60),
    )
    steps = parent_ratings(rows, issuers)
    parents = {name: steps.filter(parent_id=name) for name in "PQ"}
    assert [value(parents["P"], at(day, 20)) for day in (0, 50, 59, 60, 99)] == [
        10.5,
        10.5,
        10.5,
        9.0,
        9.0,
    ]
    assert [value(parents["Q"], at(day, 20)) for day in (0, 50, 59, 60, 99)] == [
        3.0,
        3.0,
        3.0,
        7.5,
        7.5,
    ]


def test_a_parent_whose_last_rated_issuer_leaves_has_no_rating():
    steps = parent_ratings(
        ratings_of(action("a", "SP", -9, "BBB")),
        rows_of("issuers", issuer("a", "P", -20, -20), issuer("a", "Q", 50, 40)),
    )
    assert steps.filter(parent_id="P").rows() == [("P", at(-8), 9.0), ("P", at(50, 0), None)]
    assert steps.filter(parent_id="Q").rows() == [("Q", at(50, 0), 9.0)]


def test_nothing_in_gives_nothing_out():
    for rows, issuers in (
        (ratings_of(), rows_of("issuers", issuer("a", "P", 0, 0))),
        (ratings_of(action("a", "SP", 0, "A")), rows_of("issuers")),
    ):
        assert parent_ratings(rows, issuers).is_empty()
    assert parent_ratings(
        ratings_of(action("a", "SP", 0, "NR")), rows_of("issuers", issuer("a", "P", 0, 0))
    ).is_empty()


actions = st.lists(
    st.builds(
        lambda name, agency, day, gap, rating: action(name, agency, day, rating, day + gap),
        st.sampled_from("ab"),
        st.sampled_from(["SP", "MDY"]),
        st.integers(0, 9),
        st.integers(-2, 5),
        st.sampled_from(["AAA", "BBB", "C", "NR"]),
    ),
    max_size=7,
    unique_by=lambda row: (row["issuer_id"], row["agency"], row["rating_date"]),
)
owners = st.lists(
    st.builds(
        lambda name, parent, first, gap, length: issuer(
            name, parent, first, first + gap, None if length is None else first + length
        ),
        st.sampled_from("ab"),
        st.sampled_from("PQ"),
        st.integers(-3, 9),
        st.integers(-3, 4),
        st.one_of(st.none(), st.integers(0, 6)),
    ),
    max_size=5,
    unique_by=lambda row: (row["issuer_id"], row["valid_from_date"]),
)
_SCALE = {"AAA": 1, "BBB": 9, "C": 21, "NR": None}


def plain_issuer(rows: list[dict], name: str, moment) -> float | None:
    """Composite of an issuer by plain Python."""
    found = []
    for agency in ("MDY", "SP"):
        known = [
            row
            for row in rows
            if row["issuer_id"] == name
            and row["agency"] == agency
            and row["known_at"] <= moment
            and at(0, 0) <= moment
            and row["rating_date"] <= moment.date()
        ]
        if known:
            number = _SCALE[max(known, key=lambda row: row["rating_date"])["rating"]]
            if number is not None:
                found.append(22 if agency == "MDY" and number >= 21 else number)
    return mean(found) if found else None


def plain_parent(rows: list[dict], links: list[dict], parent: str, moment) -> float | None:
    """Rating of a parent by plain Python."""
    found = []
    for name in "ab":
        begun = [
            row
            for row in links
            if row["issuer_id"] == name
            and row["known_at"] <= moment
            and row["valid_from_date"] <= moment.date()
        ]
        last = max(begun, key=lambda row: row["valid_from_date"], default=None)
        if (
            last
            and last["parent_id"] == parent
            and (last["valid_to_date"] is None or last["valid_to_date"] >= moment.date())
        ):
            number = plain_issuer(rows, name, moment)
            found += [] if number is None else [number]
    return mean(found) if found else None


@pytest.mark.slow
@FEW
@given(actions, owners)
def test_parents_have_the_rating_that_plain_python_gives(rows, links):
    steps = parent_ratings(ratings_of(*rows), rows_of("issuers", *links))
    single = composite(ratings_of(*rows))
    for frame, entity in ((steps, "parent_id"), (single, "issuer_id")):
        assert frame.equals(frame.sort(entity, "known_at"))
        assert not frame.select(pl.struct(entity, "known_at").is_duplicated()).to_series().any()
        repeats = frame.select(
            pl.col("rating_number").eq_missing(pl.col("rating_number").shift(1))
            & (pl.col(entity) == pl.col(entity).shift(1))
        )
        assert not repeats.to_series().fill_null(False).any()
    for day in range(-6, 18):
        for hour in (10, 20):
            moment = at(day, hour)
            for parent in "PQ":
                assert value(steps.filter(parent_id=parent), moment) == plain_parent(
                    rows, links, parent, moment
                )
            for name in "ab":
                assert value(single.filter(issuer_id=name), moment) == plain_issuer(
                    rows, name, moment
                )


@FEW
@given(actions, owners, st.integers(-3, 12))
def test_what_becomes_known_later_changes_no_step_of_before(rows, links, cut):
    moment = at(cut, 18) + timedelta(minutes=30)
    whole = parent_ratings(ratings_of(*rows), rows_of("issuers", *links))
    short = parent_ratings(
        ratings_of(*(row for row in rows if row["known_at"] <= moment)),
        rows_of("issuers", *(row for row in links if row["known_at"] <= moment)),
    )
    known = pl.col("known_at") <= moment
    assert whole.filter(known).equals(short.filter(known))
