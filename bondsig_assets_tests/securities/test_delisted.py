"""A delisting ends the link to its stock on the day it is known, unless the stock trades on."""

from __future__ import annotations

from datetime import date, datetime, timedelta

import polars as pl
import pytest

from bondsig_assets.securities.delisted import ended, standing_delistings
from bondsig_assets.securities.links import link_master
from bondsig_assets.securities.master import bitemporal, build_master
from bondsig_assets_tests.rows_of import rows_of
from bondsig_assets_tests.securities.test_master import at, issuer, on, stock, ticker

BONDS = rows_of("bonds", {"cusip": "bond", "issuer_id": "a", "known_at": at(0)})
ISSUERS = rows_of("issuers", issuer("a", "P", 0, 0))


def gone(last: int, known: int, name: str = "PPP") -> dict:
    """A stock that traded last on a day, as known on another."""
    return {"ticker": name, "last_trade_date": on(last), "known_at": at(known, 9)}


def closes(*days: int, name: str = "PPP") -> pl.DataFrame:
    """Prices of some days."""
    return rows_of(
        "equity_prices", *({"ticker": name, "trade_date": on(d), "known_at": at(d)} for d in days)
    )


def seen(stocks: list[dict], delistings: list[dict], day: int, as_of: int | None = None, *traded):
    """The ticker the bond leads to, by the plain master and by that of settled links alike."""
    equities = rows_of("equities", *stocks)
    standing = standing_delistings(rows_of("delistings", *delistings), closes(*traded))
    plain = build_master(BONDS, ISSUERS, equities, delistings=standing)
    claims = rows_of("equity_links").drop("claim_number")
    linked, _ = link_master(BONDS, ISSUERS, equities, claims, delistings=standing)
    found = ticker(plain, day, as_of)
    assert ticker(linked, day, as_of) == found
    return found


# Day 40 of the story is Monday, 2020-02-10.
OPEN = [stock("P", "PPP", 0, 0)]


def test_a_delisting_ends_the_link_on_the_day_it_is_known_and_not_before():
    story = [gone(40, 41)]
    assert [seen(OPEN, story, day) for day in (39, 40, 41, 42, 99)] == [
        "PPP",
        "PPP",
        None,
        None,
        None,
    ]
    assert seen(OPEN, story, 42, as_of=40) == "PPP", "as it was known then"
    assert seen(OPEN, story, 40, as_of=99) == "PPP", "its last day stays its own"


def test_known_late_it_ends_the_link_late():
    story = [gone(40, 50)]
    assert [seen(OPEN, story, day) for day in (41, 49, 50)] == ["PPP", "PPP", None]
    assert seen(OPEN, story, 41, as_of=60) is None


def test_an_end_that_the_company_table_tells_stays():
    told = [stock("P", "PPP", 0, 0, last=30)]
    assert [seen(told, [gone(40, 41)], day) for day in (30, 31, 45)] == ["PPP", None, None]
    later = [stock("P", "PPP", 0, 0, last=60)]
    assert [seen(later, [gone(40, 41)], day) for day in (40, 41, 60)] == ["PPP", None, None]


def test_who_trades_on_was_not_delisted():
    story = [gone(40, 41)]
    # The day after may be CRSP's delisting return; the second says that the stock is alive.
    assert [seen(OPEN, story, day, None, 40, 41) for day in (41, 42, 43)] == [None] * 3
    alive = [seen(OPEN, story, day, None, 40, 41, 42, 43) for day in (40, 41, 42, 43, 99)]
    assert alive == ["PPP", None, "PPP", "PPP", "PPP"]
    assert seen(OPEN, story, 41, 42, 40, 41, 42) == "PPP"


def test_a_ticker_used_anew_is_another_stock():
    story = [gone(40, 41)]
    again = [*OPEN, stock("Q", "PPP", 80, 79)]
    assert seen(again, story, 90, None, 40, 80, 81, 82) is None
    equities = rows_of("equities", *again)
    standing = standing_delistings(rows_of("delistings", *story), closes(40, 80, 81))
    links = ended(bitemporal(equities, "parent_id"), standing)
    assert links.filter(pl.col("parent_id") == "Q")["valid_to_date"].to_list() == [None]


def test_a_new_name_of_the_parent_is_not_ended():
    renamed = [*OPEN, stock("P", "NEW", 45, 41)]
    assert [seen(renamed, [gone(40, 41)], day) for day in (40, 42, 45, 99)] == [
        "PPP",
        None,
        "NEW",
        "NEW",
    ]


def test_of_two_delistings_of_a_ticker_each_ends_its_own_stock():
    both = [*OPEN, stock("Q", "PPP", 80, 79)]
    standing = standing_delistings(
        rows_of("delistings", gone(40, 41), gone(90, 91)), closes(40, 80, 90)
    )
    links = ended(bitemporal(rows_of("equities", *both), "parent_id"), standing)
    last = links.filter(pl.col("known_until").is_null()).sort("parent_id")
    assert last.select("parent_id", "valid_to_date").rows() == [("P", on(40)), ("Q", on(90))]


@pytest.mark.parametrize("delistings", [None, rows_of("delistings")])
def test_without_delistings_nothing_changes(delistings):
    links = bitemporal(rows_of("equities", *OPEN), "parent_id")
    if delistings is not None:
        delistings = standing_delistings(delistings, closes(1))
    assert ended(links, delistings).equals(links)


def test_what_was_never_believed_is_left_out():
    late = rows_of("delistings", gone(40, 60))
    assert standing_delistings(late, closes(42, 43)).is_empty()
    kept = standing_delistings(late, closes(40, 41, 53))
    assert kept["known_until"].to_list() == [None], "too long after to be the same stock"
    assert on(0) == date(2020, 1, 1) and at(41, 9) == datetime(2020, 2, 11, 9)
    assert on(40) + timedelta(1) == on(41)
