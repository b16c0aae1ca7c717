"""A company as known at a moment: what queries find, what the tree holds, how it reads."""

from __future__ import annotations

from datetime import datetime
from io import StringIO

import polars as pl
import pytest
from rich.console import Console

from bondsig_assets.commands.issuer import drawn
from bondsig_assets.errors import AmbiguousNameError
from bondsig_assets.securities.claims import user_map
from bondsig_assets.securities.links import link_master
from bondsig_assets.securities.tree import Tree, security_tree
from bondsig_assets_tests.rows_of import rows_of
from bondsig_assets_tests.securities.stories import at, issuer, on, stock

ISSUERS = rows_of(
    "issuers",
    issuer("ford", "F", 0, 0, issuer_name="Ford Motor Company", issuer_cusip="345370"),
    issuer("fmcc", "F", 0, 0, issuer_name="Ford Motor Credit Company LLC", issuer_cusip="345397"),
    issuer("volvo", "F", 0, 0, issuer_name="Volvo Cars", issuer_cusip="92856A"),
    issuer("volvo", "G", 50, 60, issuer_name="Volvo Cars", issuer_cusip="92856A"),
    issuer("mars", "M", 0, 0, issuer_name="Mars Inc", issuer_cusip="571676"),
)
EQUITIES = rows_of(
    "equities",
    stock("F", "F", 0, 0, company_name="Ford Motor Company"),
    stock("G", "OLD", 0, 0, company_name="Geely"),
    stock("G", "GLY", 30, 20, company_name="Geely"),
    stock("T", "TTM", 0, 0, company_name="Tata Motor"),
)
TERMS = {"offering_date": on(0), "maturity_date": on(900), "coupon_type": "F", "known_at": at(0)}
BONDS = rows_of(
    "bonds",
    TERMS
    | {
        "cusip": "345370CX6",
        "issuer_id": "ford",
        "coupon_pct": 4.346,
        "offering_amount_usd": 1.5e9,
    },
    TERMS
    | {"cusip": "345397A45", "issuer_id": "fmcc", "coupon_pct": 5.0, "offering_amount_usd": 7.5e8},
    TERMS
    | {
        "cusip": "345397B36",
        "issuer_id": "fmcc",
        "coupon_type": "Z",
        "offering_amount_usd": 1e6,
        "maturity_date": on(400),
    },
    TERMS | {"cusip": "345397C35", "issuer_id": "fmcc", "maturity_date": on(10)},
    TERMS | {"cusip": "345397D34", "issuer_id": "fmcc", "known_at": at(70)},
    TERMS
    | {
        "cusip": "92856AAA1",
        "issuer_id": "volvo",
        "coupon_type": "V",
        "coupon_pct": 0.75,
        "offering_amount_usd": 2e8,
    },
    TERMS | {"cusip": "571676AA1", "issuer_id": "mars", "coupon_pct": 3.2},
    TERMS | {"cusip": "999999AA1", "issuer_id": "nobody"},
)
RATINGS = rows_of(
    "ratings",
    {
        "issuer_id": "ford",
        "agency": "SP",
        "rating_date": on(-5),
        "rating": "BB+",
        "rating_number": 11,
        "known_at": at(-4),
    },
    {
        "issuer_id": "fmcc",
        "agency": "SP",
        "rating_date": on(-5),
        "rating": "BBB-",
        "rating_number": 10,
        "known_at": at(-4),
    },
)
MASTER, _ = link_master(
    BONDS,
    ISSUERS,
    EQUITIES,
    user_map(pl.DataFrame({"cusip": ["345370CX6"], "ticker": ["F"], "valid_from_date": [on(0)]})),
)


def tree(query: str, moment: datetime | None = None, **more) -> Tree:
    return security_tree(
        query,
        moment or at(40, 20),
        master=MASTER,
        issuers=ISSUERS,
        equities=EQUITIES,
        bonds=BONDS,
        **more,
    )


def lines(found: Tree) -> list[str]:
    """The tree as it is printed."""
    console = Console(file=StringIO(), width=200, color_system=None)
    with console.capture() as printed:
        console.print(drawn(found))
    return [line.rstrip() for line in printed.get().splitlines()]


@pytest.mark.parametrize(
    "query",
    [
        "F",
        "f",
        "345370CX6",
        "345397b36",
        "345397",
        "fmcc",
        "Ford Motor Company",
        "ford motor credit",
        "volvo",
    ],
)
def test_any_name_leads_to_the_parent(query):
    assert tree(query).parent_id == "F"


def test_the_tree_as_known_then():
    found = tree("F", ratings=RATINGS)
    assert (found.equity.ticker, found.equity.sector_etf, found.rating_number) == ("F", "XLE", 10.5)
    assert [
        (one.issuer_id, one.rating_number, [bond.cusip for bond in one.bonds])
        for one in found.issuers
    ] == [
        ("ford", 11.0, ["345370CX6"]),
        ("fmcc", 10.0, ["345397B36", "345397A45"]),
        ("volvo", None, ["92856AAA1"]),
    ]
    assert [bond.amount_usd for bond in found.issuers[1].bonds] == [1e6, 7.5e8]


def test_a_takeover_moves_the_issuer_from_when_it_is_known():
    assert "volvo" in {one.issuer_id for one in tree("F", at(59, 20)).issuers}
    assert "volvo" not in {one.issuer_id for one in tree("F", at(60, 20)).issuers}
    assert (tree("volvo", at(59, 20)).parent_id, tree("volvo", at(60, 20)).parent_id) == ("F", "G")


def test_bonds_matured_or_not_yet_known_are_left_out():
    assert [bond.cusip for bond in tree("F", at(5, 20)).issuers[1].bonds] == [
        "345397C35",
        "345397B36",
        "345397A45",
    ]
    assert "345397D34" in [bond.cusip for bond in tree("F", at(70, 20)).issuers[1].bonds]


def test_amounts_as_given():
    found = tree("F", amounts=pl.DataFrame({"cusip": ["345370CX6"], "amount_usd": [5e8]}))
    assert (
        found.issuers[0].bonds[0].amount_usd == 5e8 and found.issuers[1].bonds[0].amount_usd is None
    )


def test_a_private_parent_has_bonds_and_no_stock():
    found = tree("Mars Inc")
    assert found.equity is None and [bond.cusip for bond in found.issuers[0].bonds] == ["571676AA1"]
    assert lines(found)[1] == "├── no stock known"


def test_a_name_of_several_lists_them():
    with pytest.raises(
        AmbiguousNameError,
        match=r"'motor' fits several: F \(Ford Motor Company\); T \(Tata Motor\)",
    ) as caught:
        tree("motor")
    assert caught.value.candidates == [("F", "Ford Motor Company"), ("T", "Tata Motor")]


@pytest.mark.parametrize(
    ("query", "says"),
    [
        ("Geeley", "near: Geely"),
        ("345370CX7", "near: 345370CX6"),
        ("OLD", "OLD was no ticker on 2020-02-10 as known at 20:00; it had been, of G"),
        ("345397C35", "had matured"),
        ("999999AA1", "its parent is not"),
        ("zzzzzz", "nothing called 'zzzzzz' on 2020-02-10 as known at 20:00"),
        ("  ", "nothing called ''"),
    ],
)
def test_what_is_not_found_says_so_in_one_line(query, says):
    with pytest.raises(LookupError) as caught:
        tree(query)
    assert says in str(caught.value) and "\n" not in str(caught.value)


def test_a_ticker_is_that_of_its_day():
    assert (tree("OLD", at(29, 20)).parent_id, tree("GLY", at(30, 20)).parent_id) == ("G", "G")


def test_the_lines():
    assert lines(tree("F", ratings=RATINGS)) == [
        "F  Ford Motor Company  BB+ (10.5)  as known 2020-02-10 20:00",
        "├── stock F since 2020-01-01  Energy (XLE)",
        "├── Ford Motor Company [345370]  BB+ (11.0)",
        "│   └── 345370CX6  4.346%  2022-06-19  1,500.0 m",
        "├── Ford Motor Credit Company LLC [345397]  BBB- (10.0)",
        "│   ├── 345397B36  zero  2021-02-04  1.0 m",
        "│   └── 345397A45  5.000%  2022-06-19  750.0 m",
        "└── Volvo Cars [92856A]",
        "    └── 92856AAA1  floating +0.750%  2022-06-19  200.0 m",
    ]
    assert lines(tree("Geely"))[-1] == "└── stock GLY since 2020-01-31  Energy (XLE)"


def test_an_issuer_without_bonds_says_so():
    assert (
        lines(tree("G", at(60, 20)))[-1]
        == "    └── 92856AAA1  floating +0.750%  2022-06-19  200.0 m"
    )
    assert lines(tree("571676", at(899, 20)))[-1].startswith("    └── 571676AA1")
    assert lines(tree("mars", at(901, 20)))[-1] == "    └── no bonds outstanding"
