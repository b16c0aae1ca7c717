"""Which stock a bond leads to on a day, as known on that day: stories by hand, and plain Python as
the judge.
"""

from __future__ import annotations

from datetime import date, datetime, time, timedelta

import numpy as np
import polars as pl
from hypothesis import given, settings
from hypothesis import strategies as st

from bondsig_assets.calendar import CUTOFF
from bondsig_assets.securities.master import bitemporal, build_master, positions_as_of
from bondsig_assets.tables import TABLES
from bondsig_assets_tests.rows_of import rows_of

START = date(2020, 1, 1)
FEW = settings(max_examples=60, deadline=None)


def on(day: int) -> date:
    """Day number `day` of a story."""
    return START + timedelta(days=day)


def at(day: int, hour: int = 16) -> datetime:
    """An hour of that day."""
    return datetime.combine(on(day), time(hour))


def issuer(name: str, parent: str, first: int, known: int, last: int | None = None) -> dict:
    """An issuer's link to its parent."""
    return {
        "issuer_id": name,
        "issuer_cusip": name * 6,
        "parent_id": parent,
        "valid_from_date": on(first),
        "known_at": at(known),
        "valid_to_date": None if last is None else on(last),
    }


def stock(
    parent: str,
    ticker: str,
    first: int,
    known: int,
    last: int | None = None,
    sector: str = "Energy",
) -> dict:
    """A parent's link to its stock."""
    return {
        "parent_id": parent,
        "ticker": ticker,
        "sector": sector,
        "sector_etf": sector[:3],
        "valid_from_date": on(first),
        "known_at": at(known),
        "valid_to_date": None if last is None else on(last),
    }


def master_of(
    issuers: list[dict],
    stocks: list[dict],
    bonds: dict[str, str] | None = None,
    bond_known: int = 0,
) -> pl.DataFrame:
    """The master of bonds (CUSIP → issuer)."""
    terms = [
        {"cusip": cusip, "issuer_id": name, "known_at": at(bond_known)}
        for cusip, name in (bonds or {"bond": "a"}).items()
    ]
    return build_master(
        rows_of("bonds", *terms), rows_of("issuers", *issuers), rows_of("equities", *stocks)
    )


def seen(rows: list[dict], day: int, moment: datetime) -> list[dict]:
    """Rows valid on the day and known at the moment."""
    return [
        row
        for row in rows
        if row["valid_from_date"] <= on(day)
        and (row["valid_to_date"] is None or row["valid_to_date"] >= on(day))
        and row["known_at"] <= moment
        and (row["known_until"] is None or row["known_until"] > moment)
    ]


def ticker(rows: pl.DataFrame, day: int, as_of: int | None = None) -> str | None:
    """Ticker the only bond leads to on a day, as of the end of a day (the same when not given)."""
    found = seen(rows.to_dicts(), day, at(day if as_of is None else as_of, 23))
    assert len(found) <= 1
    return found[0]["ticker"] if found else None


def test_a_takeover_known_ahead_takes_effect_on_its_day():
    rows = master_of(
        [issuer("a", "P", 0, 0), issuer("a", "Q", 50, 30)],
        [stock("P", "PPP", 0, 0), stock("Q", "QQQ", 0, 0)],
    )
    assert [ticker(rows, day) for day in (0, 29, 30, 49, 50, 99)] == ["PPP"] * 4 + ["QQQ"] * 2
    assert (ticker(rows, 60, as_of=29), ticker(rows, 60, as_of=30)) == ("PPP", "QQQ")


def test_a_rename_changes_the_ticker_and_not_the_parent():
    rows = master_of([issuer("a", "P", 0, 0)], [stock("P", "OLD", 0, 0), stock("P", "NEW", 40, 20)])
    assert [ticker(rows, day) for day in (39, 40)] == ["OLD", "NEW"]
    assert set(rows["parent_id"]) == {"P"}


def test_a_link_known_late_rewrites_nothing_that_was_known():
    rows = master_of(
        [issuer("a", "P", 0, 0), issuer("a", "Q", 50, 70)],
        [stock("P", "PPP", 0, 0), stock("Q", "QQQ", 0, 0)],
    )
    assert [ticker(rows, day) for day in (49, 50, 69, 70)] == ["PPP", "PPP", "PPP", "QQQ"]
    assert (ticker(rows, 60, as_of=69), ticker(rows, 60, as_of=70), ticker(rows, 49, as_of=99)) == (
        "PPP",
        "QQQ",
        "PPP",
    )


def test_two_issuers_of_one_parent_and_one_that_leaves():
    rows = master_of(
        [issuer("a", "P", 0, 0), issuer("b", "P", 0, 0), issuer("b", "Q", 50, 30)],
        [stock("P", "PPP", 0, 0), stock("Q", "QQQ", 0, 0)],
        {"a1": "a", "a2": "a", "b1": "b"},
    )
    now = {row["cusip"]: row["ticker"] for row in seen(rows.to_dicts(), 60, at(60))}
    assert now == {"a1": "PPP", "a2": "PPP", "b1": "QQQ"}
    assert rows.filter(pl.col("cusip") == "b1")["issuer_cusip"].unique().to_list() == ["bbbbbb"]


def test_a_delisting_ends_the_chain_and_nothing_comes_back():
    rows = master_of(
        [issuer("a", "P", 0, 0)], [stock("P", "PPP", 0, 0), stock("P", "PPP", 30, 30, last=49)]
    )
    assert [ticker(rows, day) for day in (0, 29, 30, 49, 50, 90)] == ["PPP"] * 4 + [None] * 2
    # Before the announcement nobody knew that it would end.
    assert ticker(rows, 60, as_of=20) == "PPP"


def test_a_former_parents_rename_does_not_bring_the_bond_back():
    rows = master_of(
        [issuer("a", "P", 0, 0), issuer("a", "Q", 50, 30)],
        [stock("P", "PPP", 0, 0), stock("P", "NEW", 80, 75), stock("Q", "QQQ", 0, 0)],
    )
    assert [ticker(rows, day) for day in (49, 50, 79, 80, 99)] == [
        "PPP",
        "QQQ",
        "QQQ",
        "QQQ",
        "QQQ",
    ]


def test_a_bond_is_linked_from_the_day_it_is_known():
    rows = master_of([issuer("a", "P", 0, 0)], [stock("P", "PPP", 0, 0)], bond_known=25)
    assert [ticker(rows, day) for day in (24, 25)] == [None, "PPP"]
    assert ticker(rows, 10, as_of=25) == "PPP"


def test_without_a_stock_there_is_no_row():
    assert master_of([issuer("a", "P", 0, 0)], [stock("Q", "QQQ", 0, 0)]).is_empty()


def test_later_knowledge_out_of_order():
    # The third owner is known before the second.
    rows = bitemporal(
        rows_of(
            "issuers", issuer("a", "P", 0, 0), issuer("a", "Q", 30, 70), issuer("a", "R", 50, 40)
        ),
        "issuer_id",
    ).to_dicts()
    story = {
        day: [row["parent_id"] for row in seen(rows, 60, at(day, 23))] for day in (39, 40, 69, 70)
    }
    assert story == {39: ["P"], 40: ["R"], 69: ["R"], 70: ["R"]}
    assert {
        day: [row["parent_id"] for row in seen(rows, 45, at(day, 23))] for day in (39, 40, 69, 70)
    } == {39: ["P"], 40: ["P"], 69: ["P"], 70: ["Q"]}


def naive(rows: list[dict], day: int, moment: datetime) -> dict | None:
    """Of the rows known, the last one to have begun, unless it has ended."""
    begun = [row for row in rows if row["known_at"] <= moment and row["valid_from_date"] <= on(day)]
    if not begun:
        return None
    last = max(begun, key=lambda row: row["valid_from_date"])
    return None if last["valid_to_date"] is not None and last["valid_to_date"] < on(day) else last


def links(names: str, targets: str, make) -> st.SearchStrategy:
    """A few dated links of each name, known before, on or after their first day."""
    one = st.tuples(
        st.integers(0, 9),
        st.integers(-4, 4),
        st.sampled_from(targets),
        st.one_of(st.none(), st.none(), st.integers(0, 6)),
    )
    rows = st.lists(one, max_size=4, unique_by=lambda row: row[0])
    return st.fixed_dictionaries(dict.fromkeys(names, rows)).map(
        lambda drawn: [
            make(name, target, first, first + gap, None if length is None else first + length)
            for name, listed in drawn.items()
            for first, gap, target, length in listed
        ]
    )


@FEW
@given(links("ab", "PQR", issuer))
def test_on_any_day_exactly_the_row_that_plain_python_sees(rows):
    built = bitemporal(rows_of("issuers", *rows), "issuer_id")
    for name in "ab":
        mine = [row for row in rows if row["issuer_id"] == name]
        rectangles = built.filter(issuer_id=name).to_dicts()
        for day in range(-1, 14):
            for as_of in range(-5, 15):
                found = seen(rectangles, day, at(as_of))
                wanted = naive(mine, day, at(as_of))
                assert [row["parent_id"] for row in found] == (
                    [] if wanted is None else [wanted["parent_id"]]
                )


@FEW
@given(links("a", "PQ", issuer), links("PQ", "XYZ", stock), st.integers(-5, 12))
def test_a_chain_is_seen_where_all_its_links_are(issuers, stocks, bond_known):
    built = master_of(issuers, stocks, bond_known=bond_known)
    assert not built.select(TABLES["security_master"].key).is_duplicated().any()
    rectangles = built.to_dicts()
    for day in range(-1, 14):
        for as_of in range(-5, 15):
            owner = naive(issuers, day, at(as_of))
            held = (
                None
                if owner is None
                else naive(
                    [row for row in stocks if row["parent_id"] == owner["parent_id"]],
                    day,
                    at(as_of),
                )
            )
            found = [row["ticker"] for row in seen(rectangles, day, at(as_of))]
            assert found == ([] if held is None or bond_known > as_of else [held["ticker"]])


@FEW
@given(links("abc", "PQR", issuer))
def test_positions_agree_with_plain_python(rows):
    built = bitemporal(rows_of("issuers", *rows), "issuer_id")
    days = np.array([on(day) for day in range(-3, 16)], dtype="datetime64[D]")
    entities = np.array(["a", "b"])  # `c` is asked for by nobody
    found = positions_as_of(built, "issuer_id", entities, days)
    for d, day in enumerate(range(-3, 16)):
        for e, name in enumerate(entities):
            wanted = naive(
                [row for row in rows if row["issuer_id"] == name],
                day,
                datetime.combine(on(day), CUTOFF),
            )
            assert (None if found[d, e] < 0 else built["parent_id"][int(found[d, e])]) == (
                None if wanted is None else wanted["parent_id"]
            )


def test_what_is_known_after_the_cutoff_belongs_to_the_next_day():
    rows = rows_of(
        "issuers",
        issuer("a", "P", 0, 0) | {"known_at": at(2, 18) + timedelta(minutes=30)},
        issuer("b", "P", 0, 0) | {"known_at": at(2, 19)},
    )
    days = np.array([on(1), on(2), on(3)], dtype="datetime64[D]")
    assert (
        positions_as_of(bitemporal(rows, "issuer_id"), "issuer_id", np.array(["a", "b"]), days) >= 0
    ).T.tolist() == [[False, True, True], [False, False, True]]
