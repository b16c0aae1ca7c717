"""Every bond has one reason, the reasons are right, and the shares sum to 100."""

from __future__ import annotations

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bondsig_assets.securities.claims import user_map
from bondsig_assets.securities.coverage import REASONS, bond_reasons, coverage
from bondsig_assets.securities.links import link_master
from bondsig_assets.securities.master import build_master
from bondsig_assets.tables import TABLES
from bondsig_assets_tests.rows_of import rows_of
from bondsig_assets_tests.securities.stories import at, claims_of, issuer, on, stock

DAY = 50


def bond(
    cusip: str, issuer_id: str, known: int = 0, first: int = 0, last: int = 900, par: float = 100.0
) -> dict:
    return {
        "cusip": cusip,
        "issuer_id": issuer_id,
        "known_at": at(known),
        "offering_date": on(first),
        "maturity_date": on(last),
        "offering_amount_usd": par,
    }


def traded(*rows: tuple) -> pl.DataFrame:
    return pl.DataFrame(
        list(rows),
        schema={"cusip": pl.String, "n_trades": pl.Int64, "par_usd": pl.Float64},
        orient="row",
    )


def reasons_of(
    bonds: list[dict],
    issuers: list[dict],
    stocks: list[dict],
    claims: pl.DataFrame | None = None,
    **more,
) -> dict[str, str]:
    tables = rows_of("bonds", *bonds), rows_of("issuers", *issuers), rows_of("equities", *stocks)
    master, settled = link_master(*tables, claims_of() if claims is None else claims)
    found = bond_reasons(on(DAY), *tables, master, conflicts=settled.conflicts, **more)
    assert found["cusip"].is_unique().all()
    return dict(found.iter_rows())


def test_each_reason():
    bonds = [
        bond("LINKED001", "a"),
        bond("UNKNOWN01", "?"),
        bond("NOSTOCK01", "n"),
        bond("PRIVATE01", "p"),
        bond("ENDED0001", "e"),
        bond("LATER0001", "l"),
        bond("LATETERM1", "a", known=70),
        bond("AMBIGUOUS", "?"),
        bond("BEGINS001", "b"),
        bond("MATURED01", "a", last=DAY),
        bond("UNISSUED1", "a", first=DAY + 1),
        bond("BROKEN001", "r"),
    ]
    issuers = [
        issuer("a", "A", 0, 0),
        issuer("n", "N", 0, 0),
        issuer("p", "P", 0, 0),
        issuer("e", "E", 0, 0),
        issuer("l", "L", 0, 60),
        issuer("b", "B", 0, 0),
        issuer("r", "R", 0, 0),
    ]
    stocks = [
        stock("A", "AAA", 0, 0),
        stock("E", "EEE", 0, 0, last=40),
        stock("L", "LLL", 0, 0),
        stock("B", "BBB", 80, 40),
        stock("G", "GGG", 0, 0),
        stock("R", "RRR", -20, -20, last=-10),
        stock("A2", "AA2", 0, 0),
    ]
    both = user_map(
        pl.DataFrame(
            {"cusip": ["AMBIGUOUS"] * 2, "ticker": ["AAA", "GGG"], "valid_from_date": [on(0)] * 2}
        )
    )
    found = reasons_of(
        bonds,
        issuers,
        stocks,
        both,
        traded=traded(("NOBODYS01", 3, 9.0), ("MATURED01", 1, 1.0)),
        private_parents=["P"],
    )
    assert found == {
        "LINKED001": "linked",
        "UNKNOWN01": "unknown_issuer",
        "NOSTOCK01": "issuer_without_parent_stock",
        "PRIVATE01": "parent_private",
        "ENDED0001": "link_ended",
        "LATER0001": "not_yet_known",
        "LATETERM1": "not_yet_known",
        "AMBIGUOUS": "ambiguous",
        "BEGINS001": "link_not_begun",
        "NOBODYS01": "no_terms",
        "MATURED01": "linked",
        "BROKEN001": "chain_broken",
    }
    assert set(found.values()) == set(REASONS)


def test_a_moment_later_than_the_day_knows_more():
    tables = (
        rows_of("bonds", bond("A", "a")),
        rows_of("issuers", issuer("a", "A", 0, 60)),
        rows_of("equities", stock("A", "AAA", 0, 0)),
    )
    master = build_master(*tables)
    assert [
        bond_reasons(on(DAY), *tables, master, moment=at(day, 20))["reason"].item()
        for day in (DAY, 59, 60)
    ] == ["not_yet_known", "not_yet_known", "linked"]


def test_shares_of_bonds_par_trades_and_traded_par():
    reasons = pl.DataFrame(
        {"cusip": ["A", "B", "C", "D"], "reason": ["linked", "linked", "no_terms", "ambiguous"]}
    )
    report = coverage(
        reasons,
        pl.DataFrame({"cusip": ["A", "B", "D"], "amount_usd": [60.0, 20.0, 20.0]}),
        traded(("A", 6, 5.0), ("C", 2, 5.0), ("ELSEWHERE", 9, 9.0)),
    )
    assert report.rows() == [
        ("linked", 2, 50.0, 80.0, 80.0, 6, 75.0, 5.0, 50.0),
        ("no_terms", 1, 25.0, 0.0, 0.0, 2, 25.0, 5.0, 50.0),
        ("ambiguous", 1, 25.0, 20.0, 20.0, 0, 0.0, 0.0, 0.0),
    ]


def test_without_amounts_or_trades_their_shares_are_null():
    report = coverage(
        pl.DataFrame({"cusip": ["A"], "reason": ["linked"]}), traded=traded(("A", 0, 0.0))
    )
    assert report.row(0) == ("linked", 1, 100.0, None, None, 0, None, 0.0, None)
    assert coverage(pl.DataFrame(schema={"cusip": pl.String, "reason": pl.String})).is_empty()


@settings(max_examples=30, deadline=None)
@given(
    st.lists(
        st.tuples(
            st.sampled_from("abc?"), st.integers(0, 70), st.integers(0, 60), st.integers(40, 90)
        ),
        max_size=6,
    ),
    st.lists(
        st.tuples(
            st.sampled_from("abc"),
            st.sampled_from("PQ"),
            st.integers(0, 70),
            st.integers(0, 70),
            st.integers(0, 40),
        ),
        max_size=4,
        unique_by=lambda row: (row[0], row[2]),
    ),
    st.lists(
        st.tuples(
            st.sampled_from("PQ"), st.integers(0, 70), st.integers(0, 70), st.integers(0, 40)
        ),
        max_size=3,
        unique_by=lambda row: row[:2],
    ),
    st.lists(
        st.tuples(
            st.sampled_from(["bond0", "bond1", "other"]),
            st.integers(0, 3),
            st.sampled_from([0.0, 2.5]),
        ),
        max_size=4,
    ),
)
def test_one_reason_each_and_shares_of_100(terms, owners, stocks, trades):
    tables = (
        rows_of(
            "bonds",
            *(
                bond(f"bond{k}", name, known, first, last)
                for k, (name, known, first, last) in enumerate(terms)
            ),
        ),
        rows_of(
            "issuers",
            *(
                issuer(name, parent, first, known, first + length)
                for name, parent, first, known, length in owners
            ),
        ),
        rows_of(
            "equities",
            *(
                stock(parent, parent * 3, first, known, first + length)
                for parent, first, known, length in stocks
            ),
        ),
    )
    reasons = bond_reasons(on(DAY), *tables, build_master(*tables), traded=traded(*trades))
    outstanding = {f"bond{k}" for k, (_, _, first, last) in enumerate(terms) if first <= DAY < last}
    assert sorted(reasons["cusip"]) == sorted(outstanding | {row[0] for row in trades})
    assert set(reasons["reason"]) <= set(REASONS)
    report = coverage(
        reasons, tables[0].select("cusip", amount_usd="offering_amount_usd"), traded(*trades)
    )
    assert report["n_bonds"].sum() == reasons.height
    if trades:
        assert (report["n_trades"].sum(), report["traded_usd"].sum()) == (
            sum(row[1] for row in trades),
            sum(row[2] for row in trades),
        )
    for name in ("bonds_pct", "outstanding_pct", "trades_pct", "traded_pct"):
        known = report[name].drop_nulls()
        assert known.len() == 0 or known.sum() == pytest.approx(100)


def test_all_tables_empty():
    empty = [TABLES[name].empty() for name in ("bonds", "issuers", "equities", "security_master")]
    assert bond_reasons(on(DAY), *empty).is_empty()
