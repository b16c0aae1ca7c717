"""What each kind of file claims: validity, knowledge and notes."""

from __future__ import annotations

from datetime import date, datetime

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bondsig_assets.securities.claims import (
    CLAIM_SCHEMA,
    NAME_SCHEMA,
    dated_names,
    empty_claims,
    equity_cusip6,
    etf_holdings,
    full_cusips,
    issuer_chain,
    next_morning,
    split_claims,
    user_map,
    with_identity,
    wrds_bond_crsp,
)
from bondsig_assets_tests.rows_of import rows_of
from bondsig_assets_tests.securities.stories import at, claim, claims_of, issuer, on, seen, stock
from bondsig_assets_tests.securities.test_links import wrds_rows

FRIDAY, MONDAY = date(2020, 1, 3), date(2020, 1, 6)


def test_wrds_links_hold_on_their_dates_and_are_known_the_next_trading_morning():
    claims = wrds_bond_crsp(
        wrds_rows(
            ("00206RAB8", 1, 2, FRIDAY, date(2021, 6, 30)),
            ("00206RCN0", 3, 4, FRIDAY, date(2025, 12, 31)),
        )
    )
    assert dict(claims.schema) == CLAIM_SCHEMA
    ended, live = claims.to_dicts()
    assert (
        ended["entity"],
        ended["permno"],
        ended["permco"],
        ended["link_source"],
        ended["entity_kind"],
    ) == ("00206RAB8", 1, 2, "wrds_bond_crsp", "cusip")
    assert (ended["valid_from_date"], ended["valid_to_date"], ended["known_at"], ended["note"]) == (
        FRIDAY,
        date(2021, 6, 30),
        datetime(2020, 1, 6, 9),
        None,
    )
    assert live["valid_to_date"] == date(2026, 4, 30)
    assert (
        live["note"] == "open when the table was updated on 2025-12-31; believed for 120 days more"
    )


def test_wrds_with_a_delivery_is_known_from_it_and_with_an_update_date_older_ends_stay():
    rows = wrds_rows(("00206RAB8", 1, 2, FRIDAY, date(2021, 6, 30)))
    claims = wrds_bond_crsp(
        rows, delivered_at=datetime(2024, 5, 1, 12), updated_on=date(2024, 4, 30), grace_days=30
    )
    assert claims["known_at"].item() == datetime(2024, 5, 1, 12)
    assert (claims["valid_to_date"].item(), claims["note"].item()) == (date(2021, 6, 30), None)


def test_wrds_rows_with_faults_are_set_aside_and_missing_columns_stop():
    rows = wrds_rows(
        ("00206RAB8", 1, 2, None, date(2021, 6, 30)),
        ("00206RCN0", 1, 2, FRIDAY, None),
        ("00206RDQ2", None, None, FRIDAY, date(2021, 1, 1)),
        ("00206RDR0", 1, 2, FRIDAY, date(2019, 1, 1)),
    )
    good, bad = split_claims(wrds_bond_crsp(rows))
    assert good.is_empty()
    assert bad["reason"].to_list() == [
        "no first day",
        "no first day",
        "leads nowhere",
        "ends before it begins",
    ]
    with pytest.raises(ValueError, match="missing columns link_enddt"):
        wrds_bond_crsp(rows.drop("link_enddt"))
    assert wrds_bond_crsp(rows.clear()).is_empty()


def test_moments_may_come_in_place_of_dates():
    rows = wrds_rows(("00206RAB8", 1, 2, FRIDAY, date(2021, 6, 30))).with_columns(
        pl.selectors.date().cast(pl.Datetime("us"))
    )
    assert wrds_bond_crsp(rows)["valid_from_date"].item() == FRIDAY


def test_a_map_with_dates_closes_what_it_replaces_once_that_is_known():
    rows = pl.DataFrame(
        {
            "cusip": ["00206RAB8"] * 2,
            "ticker": ["aaa ", "BBB"],
            "valid_from_date": [on(0), on(50)],
            "known_at": [at(0), at(60)],
        }
    )
    claims = user_map(rows)
    assert [[row["ticker"] for row in seen(claims, 55, at(as_of, 20))] for as_of in (59, 60)] == [
        ["AAA"],
        ["BBB"],
    ]
    assert [[row["ticker"] for row in seen(claims, 49, at(as_of, 20))] for as_of in (59, 60)] == [
        ["AAA"],
        ["AAA"],
    ]


def test_a_map_that_contradicts_itself_says_both():
    rows = pl.DataFrame(
        {"cusip": ["00206RAB8"] * 2, "ticker": ["AAA", "BBB"], "valid_from_date": [on(0)] * 2}
    )
    assert sorted(row["ticker"] for row in seen(user_map(rows), 50, at(50))) == ["AAA", "BBB"]


def test_a_map_without_any_time_must_say_when_it_was_delivered():
    rows = pl.DataFrame({"cusip": ["00206RAB8"], "ticker": ["AAA"]})
    with pytest.raises(ValueError, match="delivered_at"):
        user_map(rows)
    claims = user_map(rows, delivered_at=at(30))
    assert [len(seen(claims, 0, at(as_of))) for as_of in (29, 30)] == [0, 1]
    with pytest.raises(ValueError, match="none of parent_id, permno, permco, ticker"):
        user_map(rows.drop("ticker"), delivered_at=at(0))
    undated = pl.DataFrame(
        {"cusip": ["A", "B"], "ticker": ["A", "B"], "valid_from_date": [on(0), None]}
    )
    good, bad = split_claims(user_map(undated))
    assert (good["entity"].to_list(), bad["entity"].to_list()) == (["A"], ["B"])


def test_the_morning_after_a_friday_is_a_monday_and_nothing_has_none():
    found = next_morning(
        pl.Series([FRIDAY, None, date(2020, 1, 1), date(1990, 1, 1)], dtype=pl.Date)
    )
    assert found.to_list() == [
        datetime(2020, 1, 6, 9),
        None,
        datetime(2020, 1, 2, 9),
        datetime(2002, 7, 1, 9),
    ]
    assert next_morning(pl.Series([date(2099, 1, 1)]))[0] is not None


def test_cusips_get_capitals_and_check_digits():
    assert full_cusips(pl.Series([" 00206rab8", "00206RAB", "bond", None])).to_list() == [
        "00206RAB8",
        "00206RAB8",
        "BOND",
        None,
    ]


def names_of(*rows: tuple) -> pl.DataFrame:
    """Stock names: permno, permco, ticker, ncusip, first and last day."""
    return dated_names(
        pl.DataFrame(
            list(rows),
            schema={
                "permno": pl.Int64,
                "permco": pl.Int64,
                "ticker": pl.String,
                "ncusip": pl.String,
                "namedt": pl.Date,
                "nameendt": pl.Date,
            },
            orient="row",
        )
    )


def test_names_are_those_of_their_time_and_the_last_ones_get_the_grace():
    names = names_of(
        (1, 1, "OLD", "00206R10", on(0), on(99)),
        (1, 1, "NEW", "11111110", on(100), on(500)),
        (2, 2, None, "22222210", on(0), None),
    )
    assert dict(names.schema) == NAME_SCHEMA
    assert names["valid_to_date"].to_list() == [on(99), on(620), None]
    assert names["known_at"].to_list()[:2] == [at(0, 9), at(100, 9)]
    claims = equity_cusip6(names)
    assert claims["entity_kind"].unique().to_list() == ["issuer_cusip"]
    assert {row["entity"] for row in seen(claims, 99, at(99))} == {"00206R", "222222"}
    assert {row["entity"] for row in seen(claims, 100, at(100))} == {"111111", "222222"}


def test_a_stock_without_a_cusip_claims_nothing():
    assert equity_cusip6(
        names_of((1, 1, "AAA", None, on(0), on(99)), (2, 2, "BBB", "", on(0), on(99)))
    ).is_empty()


def holdings(*rows: tuple) -> pl.DataFrame:
    return etf_holdings(
        pl.DataFrame(
            list(rows),
            schema={
                "etf_ticker": pl.String,
                "as_of_date": pl.Date,
                "cusip": pl.String,
                "ticker": pl.String,
            },
            orient="row",
        )
    )


def test_holdings_vouch_for_a_while_and_newer_ones_replace_older():
    claims = holdings(
        ("LQD", FRIDAY, "00206RAB8", "OLD"),
        ("VCIT", date(2020, 1, 31), "00206RAB8", "NEW"),
        ("LQD", FRIDAY, "00206RCN0", "-"),
    )

    def tickers(day: date, moment: datetime) -> list[str]:
        return [row["ticker"] for row in seen(claims, (day - on(0)).days, moment)]

    assert (
        tickers(FRIDAY, datetime(2020, 1, 6, 9)) == ["OLD"]
        and tickers(FRIDAY, datetime(2020, 1, 6, 8)) == []
    )
    assert tickers(date(2020, 1, 31), datetime(2020, 1, 31, 18)) == ["OLD"]
    assert tickers(date(2020, 1, 31), datetime(2020, 2, 3, 9)) == ["NEW"]
    assert [
        tickers(day, datetime(2020, 6, 1)) for day in (date(2020, 3, 16), date(2020, 3, 17))
    ] == [["NEW"], []]


def test_funds_that_differ_on_a_day_stand_beside_each_other_and_those_that_agree_are_one():
    claims = holdings(
        ("LQD", FRIDAY, "00206RAB8", "AAA"),
        ("HYG", FRIDAY, "00206RAB8", "BBB"),
        ("VCIT", FRIDAY, "00206RAB8", "AAA"),
    )
    assert sorted(zip(claims["ticker"], claims["note"], strict=True)) == [
        ("AAA", "held by LQD, VCIT"),
        ("BBB", "held by HYG"),
    ]


@settings(max_examples=30, deadline=None)
@given(
    st.lists(
        st.tuples(
            st.sampled_from(["LQD", "HYG"]),
            st.integers(0, 8),
            st.sampled_from("AB"),
            st.integers(0, 9),
        ),
        max_size=5,
    ),
    st.integers(0, 12),
)
def test_holdings_known_later_change_nothing_of_before(drawn, cut):
    frame = pl.DataFrame(
        [
            (fund, on(day * 10), "00206RAB8", ticker, at(day * 10 + late * 4))
            for fund, day, ticker, late in drawn
        ],
        schema={
            "etf_ticker": pl.String,
            "as_of_date": pl.Date,
            "cusip": pl.String,
            "ticker": pl.String,
            "known_at": pl.Datetime("us"),
        },
        orient="row",
    )
    moment = at(cut * 10)
    whole, short = etf_holdings(frame), etf_holdings(frame.filter(pl.col("known_at") <= moment))
    for day in range(0, 140, 3):
        for as_of in range(0, cut * 10 + 1, 5):
            assert sorted(row["ticker"] for row in seen(whole, day, at(as_of))) == sorted(
                row["ticker"] for row in seen(short, day, at(as_of))
            )


def test_the_chain_holds_where_both_its_links_do():
    claims = issuer_chain(
        rows_of("issuers", issuer("a", "P", 0, 0), issuer("a", "Q", 50, 60)),
        rows_of("equities", stock("P", "PPP", 10, 5), stock("Q", "QQQ", 0, 0)),
    )
    assert [[row["ticker"] for row in seen(claims, day, at(day))] for day in (9, 10, 59, 60)] == [
        [],
        ["PPP"],
        ["PPP"],
        ["QQQ"],
    ]
    assert claims.schema == empty_claims().schema


def test_what_a_claim_leaves_out_comes_from_dated_tables():
    names = names_of(
        (1, 1, "OLD", "00206R10", on(0), on(99)),
        (1, 1, "NEW", "00206R10", on(100), on(800)),
        (9, 9, "OLD", "99999910", on(200), on(800)),
    )
    equities = rows_of(
        "equities",
        stock("P", "OLD", 0, 0, last=99),
        stock("P", "NEW", 100, 90),
        stock("Z", "OLD", 200, 200),
    )
    filled = with_identity(
        claims_of(
            claim("A", 0, 0, permno=1),
            claim("B", 0, 0, ticker="OLD"),
            claim("C", 0, 0, parent_id="P"),
            claim("D", 0, 0, permno=77),
            claim("E", 0, 0, permco=1),
        ),
        equities,
        names,
    )

    def said(entity: str, day: int) -> list[tuple]:
        return [
            (row["parent_id"], row["permno"], row["permco"], row["ticker"])
            for row in seen(filled.filter(entity=entity), day, at(day, 20))
        ]

    for entity in "AE":
        assert [said(entity, day) for day in (50, 100, 300)] == [
            [("P", 1, 1, "OLD")],
            [("P", 1, 1, "NEW")],
            [("P", 1, 1, "NEW")],
        ]
    assert [said("B", day) for day in (50, 150, 300)] == [
        [("P", 1, 1, "OLD")],
        [(None, None, None, "OLD")],
        [("Z", 9, 9, "OLD")],
    ]
    assert [said("C", day) for day in (50, 300)] == [[("P", 1, 1, "OLD")], [("P", 1, 1, "NEW")]]
    assert said("D", 50) == [(None, 77, None, None)]


def test_a_stock_of_another_share_class_finds_its_parent():
    names = names_of(
        (1, 5, "X.A", "00206R10", on(0), on(800)), (2, 5, "X.B", "00206R20", on(0), on(800))
    )
    filled = with_identity(
        claims_of(claim("A", 0, 0, ticker="X.B")),
        rows_of("equities", stock("P", "X.A", 0, 0)),
        names,
    )
    assert {row["parent_id"] for row in seen(filled, 50, at(50))} == {"P"}


def test_nothing_given_is_overwritten():
    filled = with_identity(
        claims_of(claim("A", 0, 0, ticker="PPP", parent_id="Q", permno=3)),
        rows_of("equities", stock("P", "PPP", 0, 0)),
        names_of((3, 3, "ZZZ", "00206R10", on(0), on(99))),
    )
    row = seen(filled, 50, at(50))[0]
    assert (row["parent_id"], row["ticker"], row["permno"], row["permco"]) == ("Q", "PPP", 3, 3)
