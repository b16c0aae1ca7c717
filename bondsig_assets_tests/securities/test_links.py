"""One link or none for each bond, day and moment, judged by plain Python on every day and moment;
and stories of companies.
"""

from __future__ import annotations

from datetime import date, datetime
from itertools import combinations

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bondsig_assets.calendar import cutoff
from bondsig_assets.securities.claims import (
    dated_names,
    equity_cusip6,
    etf_holdings,
    listed_names,
    user_map,
    wrds_bond_crsp,
)
from bondsig_assets.securities.links import CONFLICT_SCHEMA, LINK_SCHEMA, link_master, resolve
from bondsig_assets.securities.master import LINK_COLUMNS, bitemporal, build_master, replaced
from bondsig_assets.securities.rectangles import is_seen, overlay
from bondsig_assets.tables import TABLES
from bondsig_assets_tests.rows_of import rows_of
from bondsig_assets_tests.securities.stories import at, claim, claims_of, issuer, on, seen, stock

FEW = settings(max_examples=20, deadline=None)
RANKS = {"s1": 1, "s2": 2, "s3": 2}
KINDS = ("cusip", "issuer_cusip", "issuer_id")


def bonds_of(known: int = -9, **issuers: str) -> pl.DataFrame:
    """Bonds (CUSIP → issuer)."""
    return rows_of(
        "bonds",
        *(
            {"cusip": cusip, "issuer_id": name, "known_at": at(known)}
            for cusip, name in issuers.items()
        ),
    )


def ticker(links: pl.DataFrame, cusip: str, day: int, as_of: int | None = None) -> str | None:
    """Ticker a bond leads to on a day, as of the end of a day (the same when not given)."""
    found = seen(links.filter(cusip=cusip), day, at(day if as_of is None else as_of, 23))
    assert len(found) <= 1
    return found[0]["ticker"] if found else None


def of_kind(kind: str) -> str:
    """The entity of the one bond `abcdef012` of issuer `i`."""
    return {"cusip": "abcdef012", "issuer_cusip": "abcdef", "issuer_id": "i"}[kind]


# ---------------------------------------------------------------- the invariant


def drawn_claims(sources: str = "123") -> st.SearchStrategy:
    """A few claims of one bond, by all three kinds of entity, with few targets so that they agree
    and disagree.
    """
    one = st.builds(
        lambda kind, source, target, first, length, known, lasts, confidence: claim(
            of_kind(kind),
            first,
            known,
            None if length is None else first + length,
            None if lasts is None else known + lasts,
            entity_kind=kind,
            link_source=f"s{source}",
            confidence=confidence,
            **target,
        ),
        st.sampled_from(KINDS),
        st.sampled_from(sources),
        st.sampled_from(
            [
                {"permco": 1, "permno": 11},
                {"permco": 1, "permno": 12},
                {"permco": 2, "permno": 21, "ticker": "B"},
                {"ticker": "A"},
                {"ticker": "B"},
                {"ticker": "A", "parent_id": "P"},
                {"parent_id": "P"},
                {"parent_id": "Q"},
                {"permno": 11, "ticker": "A"},
                {"permco": 1, "ticker": "A"},
            ]
        ),
        st.integers(0, 6),
        st.one_of(st.none(), st.integers(0, 5)),
        st.integers(-2, 6),
        st.one_of(st.none(), st.integers(1, 5)),
        st.sampled_from([0.5, 1.0]),
    )
    return st.lists(one, max_size=6)


def differ(one: dict, other: dict, when_unknown: bool) -> bool:
    """Whether two claims disagree, as the rules are written."""
    if one["parent_id"] and other["parent_id"] and one["parent_id"] != other["parent_id"]:
        return True
    for name in ("permco", "permno", "ticker"):
        if one[name] is not None and other[name] is not None:
            return one[name] != other[name]
    return when_unknown and not (one["parent_id"] and other["parent_id"])


def judged(
    claims: list[dict], day: int, moment: datetime, primary: int | None
) -> tuple[dict | None, set]:
    """The winning claim and the disagreements of one day and moment, by plain Python."""
    here = seen(claims, day, moment)
    if not here:
        return None, set()

    def rank(row: dict) -> tuple:
        return (RANKS[row["link_source"]], KINDS.index(row["entity_kind"]))

    best = min(map(rank, here))
    top, rest = (
        [row for row in here if rank(row) == best],
        [row for row in here if rank(row) != best],
    )
    against = {
        ("ambiguous", frozenset([side(a), side(b)]))
        for a, b in combinations(top, 2)
        if differ(a, b, True)
    }
    if against:
        return None, against
    permnos = {row["permno"] for row in top} - {None}
    last = 10**9

    def order(row: dict) -> tuple:
        permno = last if row["permno"] is None else row["permno"]
        classes = (row["permno"] != primary, permno) if len(permnos) > 1 else ()
        return (
            *classes,
            -row["confidence"],
            permno,
            row["ticker"] or "~",
            row["link_source"],
            row["parent_id"] or "~",
            row["permco"] or last,
        )

    winner = min(top, key=order)
    return winner, {
        ("outranked", (side(winner), side(row))) for row in rest if differ(winner, row, False)
    }


def side(row: dict, prefix: str = "") -> tuple:
    """What makes a claim that claim in the list of conflicts."""
    return tuple(
        row[prefix + name]
        for name in ("link_source", "entity_kind", "permno", "permco", "ticker", "parent_id")
    )


def listed(row: dict) -> tuple:
    sides = side(row), side(row, "other_")
    return row["reason"], frozenset(sides) if row["reason"] == "ambiguous" else sides


@FEW
@given(
    drawn_claims(),
    st.integers(-3, 5),
    st.lists(
        st.tuples(st.integers(-1, 8), st.sampled_from([11, 12])),
        max_size=2,
        unique_by=lambda row: row[0],
    ),
)
def test_every_day_and_moment_has_the_link_that_plain_python_gives(rows, bond_known, primaries):
    claims = claims_of(*rows)
    # One class is the larger from each day given, known on that day.
    caps = pl.DataFrame(
        [
            (1, permno, on(day), 9.0 if permno == best else 1.0, at(day))
            for day, best in primaries
            for permno in (11, 12)
        ],
        schema={
            "permco": pl.Int64,
            "permno": pl.Int64,
            "valid_from_date": pl.Date,
            "market_cap_usd": pl.Float64,
            "known_at": pl.Datetime("us"),
        },
        orient="row",
    )
    found = resolve(claims, bonds_of(bond_known, abcdef012="i"), RANKS, caps)
    assert (
        dict(found.links.schema) == LINK_SCHEMA and dict(found.conflicts.schema) == CONFLICT_SCHEMA
    )
    given_rows, links, conflicts = (
        claims.to_dicts(),
        found.links.to_dicts(),
        found.conflicts.to_dicts(),
    )
    for day in range(-1, 13):
        for as_of in range(-4, 13):
            moment = at(as_of, 20)
            known = [row for row in primaries if row[0] <= min(day, as_of)]
            wanted, against = (
                judged(given_rows, day, moment, max(known)[1] if known else None)
                if bond_known <= as_of
                else (None, set())
            )
            here = seen(links, day, moment)
            assert [side(row) for row in here] == ([] if wanted is None else [side(wanted)])
            assert {listed(row) for row in seen(conflicts, day, moment)} == against
            assert len(seen(conflicts, day, moment)) >= len(against)


@FEW
@given(drawn_claims(), st.integers(-2, 7))
def test_what_becomes_known_later_changes_no_link_of_before(rows, cut):
    bonds, moment = bonds_of(abcdef012="i"), at(cut, 20)
    early = [
        row
        | {
            "known_until": (
                None if row["known_until"] and row["known_until"] > moment else row["known_until"]
            )
        }
        for row in rows
        if row["known_at"] <= moment
    ]
    whole, short = resolve(claims_of(*rows), bonds, RANKS), resolve(claims_of(*early), bonds, RANKS)
    for day in range(-1, 13):
        for as_of in range(-3, cut + 1):
            for name in ("links", "conflicts"):
                ours, theirs = (
                    [
                        {
                            k: v
                            for k, v in row.items()
                            if k
                            not in (
                                "known_until",
                                "known_at",
                                "valid_from_date",
                                "valid_to_date",
                            )
                        }
                        for row in seen(getattr(result, name), day, at(as_of, 20))
                    ]
                    for result in (whole, short)
                )
                assert sorted(ours, key=str) == sorted(theirs, key=str)


@FEW
@given(st.permutations(range(6)), drawn_claims())
def test_the_order_of_claims_does_not_matter(order, rows):
    bonds, shuffled = bonds_of(abcdef012="i"), [rows[k] for k in order if k < len(rows)]
    ours, theirs = (
        resolve(claims_of(*rows), bonds, RANKS),
        resolve(claims_of(*shuffled), bonds, RANKS),
    )
    assert ours.links.equals(theirs.links)
    assert ours.conflicts.sort(pl.all()).equals(theirs.conflicts.sort(pl.all()))


# ---------------------------------------------------------------- rectangles


@FEW
@given(drawn_claims("1"), drawn_claims("1"))
def test_an_overlay_loses_nothing_and_says_what_is_said(base, extra):
    left, right = (
        claims_of(*base).select(
            "entity", "ticker", "valid_from_date", "valid_to_date", "known_at", "known_until"
        ),
        claims_of(*extra),
    )
    right = right.select(
        "entity", "permno", "ticker", "valid_from_date", "valid_to_date", "known_at", "known_until"
    )
    pieces = overlay(left, right, "entity")
    for day in range(-1, 13):
        for as_of in range(-3, 13):
            wanted = []
            for row in seen(left, day, at(as_of, 20)):
                told = [
                    other
                    for other in seen(right, day, at(as_of, 20))
                    if other["entity"] == row["entity"]
                ]
                wanted += [
                    (row["entity"], row["ticker"], other["permno"], other["ticker"])
                    for other in told
                ] or [(row["entity"], row["ticker"], None, None)]
            found = [
                (row["entity"], row["ticker"], row["permno"], row["ticker_extra"])
                for row in seen(pieces, day, at(as_of, 20))
            ]
            assert sorted(found, key=str) == sorted(wanted, key=str)


@FEW
@given(
    st.lists(
        st.tuples(
            st.integers(0, 8),
            st.integers(-2, 9),
            st.one_of(st.none(), st.integers(0, 4)),
            st.sampled_from("PQR"),
        ),
        max_size=5,
    )
)
def test_replacing_is_what_bitemporal_does_except_that_contradictions_stay(drawn):
    rows = rows_of(
        "issuers",
        *(
            issuer("a", parent, first, known, None if length is None else first + length)
            for first, known, length, parent in drawn
        ),
    )
    ours, row_dicts = replaced(rows, "issuer_id"), rows.to_dicts()
    theirs = (
        bitemporal(rows, "issuer_id")
        if len({(row[0], row[1]) for row in drawn}) == len(drawn)
        else None
    )
    loose = replaced(rows, "issuer_id", corrects=False)
    for day in range(-1, 14):
        for as_of in range(-3, 11):
            moment = at(as_of, 20)
            begun = [
                row
                for row in row_dicts
                if row["known_at"] <= moment and row["valid_from_date"] <= on(day)
            ]
            last = max(((row["valid_from_date"], row["known_at"]) for row in begun), default=None)
            stand = [row for row in begun if (row["valid_from_date"], row["known_at"]) == last]
            together = [row for row in begun if row["valid_from_date"] == last[0]]
            for found, wanted in ((ours, stand), (loose, together)):
                open_ones = [
                    row["parent_id"]
                    for row in wanted
                    if row["valid_to_date"] is None or row["valid_to_date"] >= on(day)
                ]
                assert sorted(row["parent_id"] for row in seen(found, day, moment)) == sorted(
                    open_ones
                )
            if theirs is not None:
                assert [row["parent_id"] for row in seen(ours, day, moment)] == [
                    row["parent_id"] for row in seen(theirs, day, moment)
                ]


# ---------------------------------------------------------------- the master


def links_of(names: str, targets: str, make) -> st.SearchStrategy:
    """A few dated links of each name, known before, on or after their first day."""
    one = st.tuples(
        st.integers(0, 9),
        st.integers(-4, 4),
        st.sampled_from(targets),
        st.one_of(st.none(), st.integers(0, 6)),
    )
    rows = st.lists(one, max_size=3, unique_by=lambda row: row[0])
    return st.fixed_dictionaries(dict.fromkeys(names, rows)).map(
        lambda drawn: [
            make(name, target, first, first + gap, None if length is None else first + length)
            for name, listed_rows in drawn.items()
            for first, gap, target, length in listed_rows
        ]
    )


@FEW
@given(links_of("ab", "PQ", issuer), links_of("PQ", "XYZ", stock), st.integers(-5, 9))
def test_the_chain_alone_as_a_claim_gives_the_master_that_there_was(issuers, stocks, bond_known):
    tables = (
        rows_of(
            "bonds",
            {"cusip": "aaaaaa001", "issuer_id": "a", "known_at": at(bond_known)},
            {"cusip": "bbbbbb001", "issuer_id": "b", "known_at": at(0)},
        ),
        rows_of("issuers", *issuers),
        rows_of("equities", *stocks),
    )
    plain, (linked, _) = build_master(*tables), link_master(*tables, claims_of())
    assert set(linked["link_source"]) <= {"issuer_chain"}
    linked = linked.drop(LINK_COLUMNS)
    assert plain.schema == linked.schema
    sides_of = {"valid_from_date", "valid_to_date", "known_at", "known_until"}
    for day in range(-1, 15):
        for as_of in range(-5, 15):
            ours, theirs = (
                [
                    {k: v for k, v in row.items() if k not in sides_of}
                    for row in seen(rows, day, at(as_of, 20))
                ]
                for rows in (linked, plain)
            )
            assert ours == theirs


@FEW
@given(links_of("ab", "PQ", issuer), links_of("PQ", "XYZ", stock), drawn_claims())
def test_the_master_has_one_row_for_a_bond_day_and_moment(issuers, stocks, rows):
    tables = (
        rows_of("bonds", {"cusip": "abcdef012", "issuer_id": "i", "known_at": at(0)}),
        rows_of("issuers", *issuers),
        rows_of("equities", *stocks),
    )
    linked, _ = link_master(*tables, claims_of(*rows), ranks=RANKS | {"issuer_chain": 3})
    assert not linked.select(TABLES["security_master"].key).is_duplicated().any()
    for day in range(-1, 15):
        for as_of in range(-5, 15):
            assert len(seen(linked, day, at(as_of, 20))) <= 1


# ---------------------------------------------------------------- stories

WORLD = rows_of(
    "equities", stock("F", "FFF", 0, 0), stock("G", "GGG", 0, 0), stock("N", "NEW", 100, 90)
)


def test_a_finance_arm_leads_to_its_parent_though_its_cusip_differs():
    bonds = bonds_of(FINARM001="fin", FFFCOM001="ford")
    issuers = rows_of("issuers", issuer("ford", "F", 0, 0), issuer("fin", "F", 20, 10))
    master, _ = link_master(bonds, issuers, WORLD, claims_of())
    assert [ticker(master, "FINARM001", day) for day in (19, 20, 300)] == [None, "FFF", "FFF"]
    assert ticker(master, "FINARM001", 30, as_of=9) is None
    # The stock's own six characters say nothing of the arm.
    names = dated_names(
        pl.DataFrame(
            {
                "permno": [1],
                "permco": [2],
                "ticker": ["FFF"],
                "ncusip": ["FFFCOM10"],
                "namedt": [on(0)],
                "nameendt": [None],
            },
            schema_overrides={"nameendt": pl.Date},
        )
    )
    alone = resolve(equity_cusip6(names), bonds)
    assert (ticker(alone.links, "FFFCOM001", 5), ticker(alone.links, "FINARM001", 5)) == (
        "FFF",
        None,
    )


def test_a_takeover_known_later_than_it_took_effect():
    bonds, issuers = (
        bonds_of(AAAAAA001="a"),
        rows_of("issuers", issuer("a", "F", 0, 0), issuer("a", "G", 50, 60)),
    )
    for master in (
        build_master(bonds, issuers, WORLD),
        link_master(bonds, issuers, WORLD, claims_of())[0],
    ):
        assert [ticker(master, "AAAAAA001", day) for day in (49, 50, 59, 60, 400)] == [
            "FFF",
            "FFF",
            "FFF",
            "GGG",
            "GGG",
        ]
        assert [ticker(master, "AAAAAA001", 55, as_of=day) for day in (59, 60)] == ["FFF", "GGG"]
        assert ticker(master, "AAAAAA001", 49, as_of=400) == "FFF"


def test_a_spin_off_takes_some_bonds_along():
    bonds, issuers = (
        bonds_of(AAAAAA001="a", AAAAAA002="a"),
        rows_of("issuers", issuer("a", "F", 0, 0)),
    )
    moved = user_map(
        pl.DataFrame(
            {
                "cusip": ["AAAAAA002"],
                "parent_id": ["N"],
                "valid_from_date": [on(100)],
                "known_at": [at(95)],
            }
        )
    )
    master, settled = link_master(bonds, issuers, WORLD, moved)
    assert [ticker(master, "AAAAAA001", day) for day in (99, 100, 200)] == ["FFF"] * 3
    assert [ticker(master, "AAAAAA002", day) for day in (94, 99, 100, 200)] == [
        "FFF",
        "FFF",
        "NEW",
        "NEW",
    ]
    assert [ticker(master, "AAAAAA002", 150, as_of=day) for day in (94, 95)] == ["FFF", "NEW"]
    against = settled.conflicts.filter(cusip="AAAAAA002").to_dicts()
    assert {(row["reason"], row["link_source"], row["other_link_source"]) for row in against} == {
        ("outranked", "user_map", "issuer_chain")
    }


@pytest.mark.parametrize(
    ("said", "sides"),
    [
        ({"permno": 1, "ticker": "BBB"}, {"F", "G"}),
        ({"parent_id": "F", "ticker": "BBB"}, {"F", "G"}),
        ({"permno": 1, "ticker": "AAA"}, set()),
        # What nobody knows contradicts nothing.
        ({"permno": 1, "ticker": "ZZZ"}, set()),
        ({"permno": 9, "ticker": "BBB"}, set()),
    ],
)
def test_identifiers_of_two_stocks_in_one_row_are_a_conflict_and_no_link(said, sides):
    stocks = rows_of(
        "equities",
        stock("F", "AAA", 0, 0) | {"permno": 1, "permco": 11},
        stock("G", "BBB", 0, 0) | {"permno": 2, "permco": 22},
    )
    bonds = bonds_of(AAAAAA001="a")
    claims = claims_of(claim("AAAAAA001", 0, 0, link_source="user_map", **said))
    names = listed_names(stocks)
    master, settled = link_master(bonds, rows_of("issuers"), stocks, claims, names=names)
    found = settled.conflicts.to_dicts()
    assert {row["reason"] for row in found} == ({"ambiguous"} if sides else set())
    parents = {side for row in found for side in (row["parent_id"], row["other_parent_id"])}
    assert parents == sides
    assert master.is_empty() == bool(sides) or not sides


def test_a_ticker_changes_and_the_stock_stays():
    bonds, issuers = bonds_of(AAAAAA001="a"), rows_of("issuers", issuer("a", "F", 0, 0))
    stocks = rows_of("equities", stock("F", "OLD", 0, 0), stock("F", "NEW", 40, 30))
    names = dated_names(
        pl.DataFrame(
            {
                "permno": [7, 7],
                "permco": [8, 8],
                "ticker": ["OLD", "NEW"],
                "ncusip": ["AAAAAA10"] * 2,
                "namedt": [on(0), on(40)],
                "nameendt": [on(39), on(900)],
            }
        )
    )
    by_permno = claims_of(
        claim("AAAAAA001", 0, 0, permno=7, permco=8, link_source="wrds_bond_crsp")
    )
    master, settled = link_master(bonds, issuers, stocks, by_permno, names=names)
    assert [ticker(master, "AAAAAA001", day) for day in (39, 40)] == ["OLD", "NEW"]
    assert [ticker(settled.links, "AAAAAA001", day) for day in (39, 40)] == ["OLD", "NEW"]
    assert set(settled.links["permno"]) == {7} and set(master["parent_id"]) == {"F"}
    assert settled.conflicts.is_empty()


def test_a_cusip6_whose_company_is_sold():
    bonds = bonds_of(AAAAAA001="?", AAAAAA002="?")
    rows = pl.DataFrame(
        {
            "issuer_cusip": ["AAAAAA", "AAAAAA"],
            "parent_id": ["F", "G"],
            "valid_from_date": [on(0), on(50)],
            "known_at": [at(0), at(45)],
        }
    )
    master, _ = link_master(bonds, rows_of("issuers"), WORLD, user_map(rows, kind="issuer_cusip"))
    for cusip in ("AAAAAA001", "AAAAAA002"):
        assert [ticker(master, cusip, day) for day in (49, 50)] == ["FFF", "GGG"]
        assert ticker(master, cusip, 70, as_of=44) == "FFF"
    assert set(master["issuer_cusip"]) == {"AAAAAA"}


def test_a_delisting_ends_the_link_and_nothing_is_carried():
    bonds, issuers = bonds_of(AAAAAA001="a"), rows_of("issuers", issuer("a", "F", 0, 0))
    stocks = rows_of("equities", stock("F", "FFF", 0, 0), stock("F", "FFF", 30, 30, last=49))
    ended = claims_of(claim("AAAAAA001", 0, 0, 49, ticker="FFF", link_source="wrds_bond_crsp"))
    master, settled = link_master(bonds, issuers, stocks, ended)
    assert [ticker(master, "AAAAAA001", day) for day in (0, 49, 50, 500)] == [
        "FFF",
        "FFF",
        None,
        None,
    ]
    assert ticker(settled.links, "AAAAAA001", 50) is None


def test_a_link_that_ends_with_its_table_is_believed_for_the_grace_and_no_longer():
    table = wrds_rows(("AAAAAA001", 7, 8, on(0), on(100)), ("BBBBBB001", 9, 9, on(0), on(60)))
    links = resolve(
        wrds_bond_crsp(table, grace_days=10), bonds_of(AAAAAA001="a", BBBBBB001="b")
    ).links
    assert [
        bool(seen(links.filter(cusip="AAAAAA001"), day, at(day, 20))) for day in (100, 110, 111)
    ] == [True, True, False]
    assert [bool(seen(links.filter(cusip="BBBBBB001"), day, at(day, 20))) for day in (60, 61)] == [
        True,
        False,
    ]
    assert "believed for 10 days more" in links.filter(cusip="AAAAAA001")["note"].item()


def test_a_ticker_used_again_by_another_company():
    names = dated_names(
        pl.DataFrame(
            {
                "permno": [1, 2],
                "permco": [1, 2],
                "ticker": ["TTT", "TTT"],
                "ncusip": ["AAAAAA10", "BBBBBB10"],
                "namedt": [on(0), on(200)],
                "nameendt": [on(99), on(900)],
            }
        )
    )
    stocks = rows_of("equities", stock("F", "TTT", 0, 0, last=99), stock("G", "TTT", 200, 190))
    mapped = user_map(
        pl.DataFrame(
            {
                "cusip": ["AAAAAA001"],
                "ticker": ["TTT"],
                "valid_from_date": [on(0)],
                "valid_to_date": [on(99)],
            }
        )
    )
    careless = user_map(
        pl.DataFrame({"cusip": ["AAAAAA001"], "ticker": ["TTT"]}), delivered_at=at(0)
    )
    bonds = bonds_of(AAAAAA001="a")
    master, settled = link_master(bonds, rows_of("issuers"), stocks, mapped, names=names)
    assert [ticker(master, "AAAAAA001", day) for day in (50, 99, 100, 250)] == [
        "TTT",
        "TTT",
        None,
        None,
    ]
    assert set(master["parent_id"]) == {"F"} and set(settled.links["permno"]) == {1}
    # A map without dates does follow the ticker to the new company: what it says is what it gets,
    # nothing between.
    master, settled = link_master(bonds, rows_of("issuers"), stocks, careless, names=names)
    owners = [
        [row["parent_id"] for row in seen(master, day, at(day, 20))] for day in (50, 150, 250)
    ]
    assert owners == [["F"], [], ["G"]]
    assert [
        [row["permno"] for row in seen(settled.links, day, at(day, 20))] for day in (50, 150, 250)
    ] == [[1], [None], [2]]


def test_several_share_classes_are_one_company():
    rows = [
        claim("AAAAAA001", 0, 0, permco=1, permno=12, ticker="X.A", confidence=1.0),
        claim("AAAAAA001", 0, 0, permco=1, permno=11, ticker="X.B", confidence=0.5),
    ]
    bonds = bonds_of(AAAAAA001="a")
    plain = resolve(claims_of(*rows), bonds, RANKS)
    assert plain.conflicts.is_empty()
    assert plain.links.select("permno", "share_class_rule").row(0) == (11, "smallest_permno")
    caps = pl.DataFrame(
        {
            "permco": [1] * 4,
            "permno": [11, 12] * 2,
            "valid_from_date": [on(10)] * 2 + [on(40)] * 2,
            "market_cap_usd": [5.0, 6.0, 9.0, 6.0],
            "known_at": [at(12)] * 2 + [at(40)] * 2,
        }
    )
    links = resolve(claims_of(*rows), bonds, RANKS, caps).links
    chosen = [
        [(row["permno"], row["share_class_rule"]) for row in seen(links, day, at(day, 20))]
        for day in (9, 11, 12, 39, 40)
    ]
    assert chosen == [
        [(11, "smallest_permno")],
        [(11, "smallest_permno")],
        [(12, "primary")],
        [(12, "primary")],
        [(11, "primary")],
    ]
    # A cap of long ago no longer decides.
    assert [row["share_class_rule"] for row in seen(links, 40 + 92, at(40 + 92, 20))] == [
        "smallest_permno"
    ]


def test_two_companies_at_once_are_no_link_and_both_are_named():
    rows = [
        claim("AAAAAA001", 0, 0, 60, permco=1, permno=11),
        claim("AAAAAA001", 50, 55, permco=2, permno=21),
        claim("AAAAAA", 0, 0, entity_kind="issuer_cusip", permco=3),
    ]
    settled = resolve(claims_of(*rows), bonds_of(AAAAAA001="a"), RANKS)

    def permco(day: int, as_of: int) -> list:
        return [row["permco"] for row in seen(settled.links, day, at(as_of, 20))]

    assert [permco(day, day) for day in (49, 50, 54, 55, 60, 61)] == [[1], [1], [1], [], [], [2]]
    assert permco(49, 99) == [1] and permco(50, 99) == [] and permco(50, 54) == [1]
    row = settled.conflicts.filter(reason="ambiguous").to_dicts()[0]
    assert {row["permco"], row["other_permco"]} == {1, 2}
    assert (row["valid_from_date"], row["valid_to_date"], row["known_at"], row["known_until"]) == (
        on(50),
        on(60),
        at(55),
        None,
    )
    assert set(settled.conflicts.filter(reason="outranked")["other_permco"]) == {3}


def test_a_more_specific_claim_wins_within_a_rank_and_confidence_only_among_the_agreeing():
    rows = [
        claim("AAAAAA001", 0, 0, ticker="C", link_source="s2", confidence=0.1),
        claim("AAAAAA", 0, 0, ticker="D", entity_kind="issuer_cusip", link_source="s3"),
        claim("a", 0, 0, ticker="E", entity_kind="issuer_id", link_source="s2"),
        claim("AAAAAA001", 0, 0, ticker="C", link_source="s3", confidence=0.9, figi="BBG"),
    ]
    settled = resolve(claims_of(*rows), bonds_of(AAAAAA001="a"), RANKS)
    assert settled.links.select("ticker", "confidence", "figi").rows() == [("C", 0.9, "BBG")]
    assert sorted(settled.conflicts["other_ticker"]) == ["D", "E"]


def test_claims_that_cannot_be_used_are_set_aside_with_their_reason():
    rows = [
        claim("AAAAAA001", 0, 0),
        claim("AAAAAA001", 5, 0, 4, ticker="A"),
        claim("", 0, 0, ticker="A"),
        claim("AAAAAA001", 0, 0, ticker="A", entity_kind="isin"),
        claim("AAAAAA001", 0, 0, ticker="A") | {"valid_from_date": None},
        claim("AAAAAA001", 0, 0, ticker="A") | {"known_at": None},
        claim("AAAAAA001", 0, 0, ticker="A", confidence=1.5),
    ]
    settled = resolve(claims_of(*rows), bonds_of(AAAAAA001="a"), RANKS)
    assert settled.links.is_empty()
    assert settled.rejected["reason"].to_list() == [
        "leads nowhere",
        "ends before it begins",
        "no entity",
        "unknown kind of entity",
        "no first day",
        "no knowledge time",
        "confidence outside 0 to 1",
    ]


def test_a_source_without_a_rank_or_a_frame_without_columns_stops_in_one_line():
    with pytest.raises(ValueError, match="no rank for mystery"):
        resolve(claims_of(claim("A", 0, 0, ticker="A", link_source="mystery")), bonds_of(A="a"))
    with pytest.raises(ValueError, match="missing columns ticker"):
        resolve(claims_of().drop("ticker"), bonds_of(A="a"))


def test_sources_of_every_kind_together():
    bonds = bonds_of(AAAAAA001="a", BBBBBB001="b", CCCCCC001="c", DDDDDD001="d", EEEEEE001="e")
    names = dated_names(
        pl.DataFrame(
            {
                "permno": [1, 2, 3],
                "permco": [1, 2, 3],
                "ticker": ["FFF", "GGG", "NEW"],
                "ncusip": ["FFFFFF10", "GGGGGG10", "EEEEEE10"],
                "namedt": [on(0), on(0), on(100)],
                "nameendt": [on(900)] * 3,
                "figi": ["BBG1", "BBG2", "BBG3"],
            }
        )
    )
    claims = pl.concat(
        [
            wrds_bond_crsp(wrds_rows(("AAAAAA001", 1, 1, on(0), on(900)))),
            user_map(
                pl.DataFrame(
                    {"cusip": ["BBBBBB001"], "ticker": ["GGG"], "valid_from_date": [on(0)]}
                )
            ),
            etf_holdings(
                pl.DataFrame(
                    {
                        "etf_ticker": ["LQD"],
                        "as_of_date": [on(120)],
                        "cusip": ["DDDDDD001"],
                        "ticker": ["GGG"],
                    }
                )
            ),
            equity_cusip6(names),
        ]
    )
    master, settled = link_master(
        bonds, rows_of("issuers", issuer("c", "F", 0, 0)), WORLD, claims, names=names
    )
    day = on(130)
    now = {
        row["cusip"]: (
            row["link_source"],
            row["parent_id"],
            row["ticker"],
            row["permno"],
            row["figi"],
        )
        for row in settled.links.filter(is_seen(day)).to_dicts()
    }
    assert now == {
        "AAAAAA001": ("wrds_bond_crsp", "F", "FFF", 1, "BBG1"),
        "BBBBBB001": ("user_map", "G", "GGG", 2, "BBG2"),
        "CCCCCC001": ("issuer_chain", "F", "FFF", 1, "BBG1"),
        "DDDDDD001": ("etf_holdings", "G", "GGG", 2, "BBG2"),
        "EEEEEE001": ("equity_cusip6", "N", "NEW", 3, "BBG3"),
    }
    assert dict(master.filter(is_seen(day)).select("cusip", "ticker").iter_rows()) == {
        cusip: row[2] for cusip, row in now.items()
    }


def wrds_rows(*rows: tuple) -> pl.DataFrame:
    """Rows of WRDS's link table: cusip, permno, permco, first and last day."""
    return pl.DataFrame(
        [
            {
                "cusip": cusip,
                "permno": permno,
                "permco": permco,
                "trace_startdt": first,
                "trace_enddt": last,
                "crsp_startdt": first,
                "crsp_enddt": last,
                "link_startdt": first,
                "link_enddt": last,
            }
            for cusip, permno, permco, first, last in rows
        ],
        schema_overrides={
            f"{part}_{side}dt": pl.Date
            for part in ("trace", "crsp", "link")
            for side in ("start", "end")
        },
    )


def test_a_link_is_used_on_the_day_it_is_known_by_the_cutoff():
    known = [cutoff(date(2020, 1, 3)), datetime(2020, 1, 3, 18, 31)]
    for moment, first in zip(known, (date(2020, 1, 3), date(2020, 1, 4)), strict=True):
        links = resolve(
            claims_of(claim("A", 0, 0, ticker="A") | {"known_at": moment}), bonds_of(A="a"), RANKS
        ).links
        assert [
            links.filter(is_seen(day)).height
            for day in (date(2020, 1, 2), date(2020, 1, 3), date(2020, 1, 4))
        ] == [int(day >= first) for day in (date(2020, 1, 2), date(2020, 1, 3), date(2020, 1, 4))]


@pytest.mark.slow
@FEW
@given(
    links_of("ij", "PQ", issuer), links_of("PQ", "AB", stock), drawn_claims(), st.integers(-3, 9)
)
def test_what_becomes_known_later_changes_nothing_in_the_master_of_before(
    issuers, stocks, rows, cut
):
    bonds, moment = (
        rows_of("bonds", {"cusip": "abcdef012", "issuer_id": "i", "known_at": at(-5)}),
        at(cut, 20),
    )
    names = dated_names(
        pl.DataFrame(
            {
                "permno": [11, 21],
                "permco": [1, 2],
                "ticker": ["A", "B"],
                "ncusip": ["AAAAAA10", "BBBBBB10"],
                "namedt": [on(0), on(3)],
                "nameendt": [on(6)] * 2,
            }
        )
    )

    def master(known: bool) -> pl.DataFrame:
        keep = [
            [row for row in some if not known or row["known_at"] <= moment]
            for some in (issuers, stocks, rows)
        ]
        claims = [
            row
            | {
                "known_until": (
                    None
                    if known and row["known_until"] and row["known_until"] > moment
                    else row["known_until"]
                )
            }
            for row in keep[2]
        ]
        told = names.filter(pl.col("known_at") <= moment) if known else names
        tables = (
            bonds,
            rows_of("issuers", *keep[0]),
            rows_of("equities", *keep[1]),
            claims_of(*claims),
        )
        return link_master(*tables, ranks=RANKS | {"issuer_chain": 3}, names=told)[0]

    whole, short = master(False).to_dicts(), master(True).to_dicts()
    for day in range(-1, 14):
        for as_of in range(-5, cut + 1):
            ours, theirs = (
                [
                    (row["parent_id"], row["ticker"], row["issuer_cusip"])
                    for row in seen(found, day, at(as_of, 20))
                ]
                for found in (whole, short)
            )
            assert ours == theirs


def test_bonds_settled_in_shares_are_settled_as_in_one_go(monkeypatch):
    rows = [
        claim(
            f"BOND{k:05d}",
            day,
            day + k % 3,
            ticker="AB"[(k + day) % 2],
            link_source=f"s{1 + day % 2}",
        )
        for k in range(12)
        for day in range(4)
    ]
    bonds = bonds_of(**{f"BOND{k:05d}": "i" for k in range(12)})
    whole = resolve(claims_of(*rows), bonds, RANKS)
    monkeypatch.setattr("bondsig_assets.securities.links._AT_ONCE", 5)
    shares = resolve(claims_of(*rows), bonds, RANKS)
    assert whole.links.equals(shares.links) and whole.conflicts.equals(shares.conflicts)
    assert whole.conflicts.height
