"""FISD, CRSP and the link between them through the toml the repository ships: values, units, and
when they were known.
"""

from __future__ import annotations

from datetime import date, datetime
from pathlib import Path

import polars as pl
import pytest

from bondsig_assets.securities.amounts import amount_steps, amounts_on, call_schedules
from bondsig_assets.securities.ratings import composite
from bondsig_assets.sources.files import FilesSource
from bondsig_assets_tests.sources.files_fixtures import lines, reasons

CONFIG = Path(__file__).parents[2] / "examples/fisd/source.toml"
LAST = date(2026, 10, 1)
ISSUES = lines(
    "issue_id,issuer_id,complete_cusip,issuer_cusip,bond_type,coupon_type,coupon,interest_frequency,day_count_basis,offering_date,dated_date,first_interest_date,"
    "last_interest_date,maturity,offering_amt,convertible,rule_144a,defaulted",
    "11,7,00206RAB8,00206R,CDEB,F,5.875,2,30/360,2010-06-01,2010-06-01,2010-12-01,,2040-06-01,1500000,N,N,Y",
    "12,7,00206RCN0,00206R,CMTN,V,0.45,4,ACT/360,2015-03-02,2015-03-02,2015-06-01,,2027-03-01,250000,N,Y,N",
    "13,8,037833AK6,037833,CZ,Z,0,0,30/360,2013-05-03,2013-05-03,,,2033-05-03,1000,N,N,N",
    "14,8,17275R102,17275R,CCOV,F,1.5,2,30/360,2014-01-02,2014-01-02,2014-07-01,,2044-01-02,400000,Y,N,N",
    "15,8,594918104,594918,CMTN,F,4,13,30/360,2014-01-02,2014-01-02,2014-07-01,,2044-01-02,400000,N,N,N",
    "16,8,00206RDQ2,00206R,CMTN,F,4,-1,30/360,2014-01-02,2014-01-02,2014-07-01,,2044-01-02,400000,N,N,N",
    "17,8,,00206R,CMTN,F,4,2,ACT/366,2014-01-02,2014-01-02,2014-07-01,,2044-01-02,400000,N,N,N",
)
ISSUERS = lines(
    "issuer_id,cusip_name,country_domicile,sic_code,parent_id",
    "7,AT&T INC,USA,4813,900",
    "8,APPLE INC,USA,3571,901",
    "9,NO BONDS CO,USA,,902",
)
RATINGS = lines(
    "issue_id,rating_type,rating_date,rating,rating_status,reason",
    "11,SPR,2012-02-03,A-,ON,UPG",
    "12,SPR,2012-02-03,A-,ON,UPG",
    "11,MR,2012-02-03,WR,,",
    "12,MR,2012-02-03,A3,,",
    "11,FR,2015-01-05,BB+,,",
    "11,SPR,2016-05-02,NR,,",
    "13,MR,2014-03-03,Caa1,,",
    "13,DPR,2014-03-03,AAA,,",
    "99,SPR,2014-03-03,AAA,,",
    "13,SPR,2091-06-14,AA,,",
    "13,SPR,2034-06-14,AA,,",
    "13,SPR,2014-03-04,ZZ,,",
    "13,FR,2014-03-07,Wr,,",
)
AMOUNTS = lines(
    "issue_id,transaction_id,effective_date,action_type,amount_outstanding",
    "11,3,2012-05-04,P,900000",
    "11,2,2012-05-04,P,1200000",
    "11,1,2010-06-01,I,",
    "12,1,2018-01-02,IM,-5",
    "99,1,2018-01-02,I,100",
    "13,1,2019-07-03,R,1250.5",
)
CALLS = lines(
    "issue_id,call_date,call_price",
    "11,2030-06-01,102.5",
    "11,2037-06-01,100",
    "14,2020-01-02,100",
    "99,2020-01-02,100",
    "13,2020-01-02,",
)
LINKS = lines(
    "cusip,permno,permco,trace_startdt,trace_enddt,crsp_startdt,crsp_enddt,link_startdt,link_enddt",
    "00206RAB8,66093,20103,2010-06-02,2026-08-31,1984-02-16,2026-08-31,2010-06-04,2026-08-31",
    "037833AK6,14593,7,2013-05-03,2020-01-31,1980-12-12,2026-08-31,2013-05-03,2020-01-31",
    "17275R102,,,2014-01-02,2020-01-31,,,2014-01-02,2020-01-31",
)
PRICES = lines(
    "permno,date,ticker,prc,ret,vol,shrout",
    "66093,2024-01-05,T,-17.05,0.0125,31000000,7150000",
    "14593,2024-01-05,AAPL,181.18,C,-99,15550061",
    "86455,2024-01-05,XLK,186,-0.001,7000000,300000",
    "10001,2024-01-05,,5,0.1,100,10",
    "10002,2024-01-05,ZZZ,0,,100,10",
)


@pytest.fixture(scope="module")
def source(tmp_path_factory) -> FilesSource:
    """One folder with a small file for each block."""
    path = tmp_path_factory.mktemp("fisd")
    files = {
        "fisd_mergedissue": ISSUES,
        "fisd_mergedissuer": ISSUERS,
        "fisd_ratings": RATINGS,
        "fisd_amt_out_hist": AMOUNTS,
        "fisd_call_schedule": CALLS,
        "bondcrsp_link": LINKS,
        "crsp_dsf": PRICES,
    }
    for name, content in files.items():
        (path / f"{name}.csv").write_text(content)
    return FilesSource(path, CONFIG)


def test_terms_are_in_the_declared_units_and_known_on_the_offering_date(source):
    delivery = source.reference("bonds", LAST)
    names = (
        "cusip",
        "issuer_id",
        "coupon_type",
        "coupon_pct",
        "coupons_per_year",
        "day_count",
        "offering_amount_usd",
        "is_callable",
        "is_144a",
        "is_convertible",
    )
    assert sorted(delivery.rows.select(names).rows()) == [
        ("00206RAB8", "7", "F", 5.875, 2, "30/360", 1.5e9, True, False, False),
        ("00206RCN0", "7", "V", 0.45, 4, "ACT/360", 2.5e8, False, True, False),
        ("037833AK6", "8", "Z", 0.0, 0, "30/360", 1e6, True, False, False),
        ("17275R102", "8", "F", 1.5, 2, "30/360", 4e8, True, False, True),
    ]
    first = delivery.rows.filter(cusip="00206RAB8").row(0, named=True)
    assert (first["offering_date"], first["first_coupon_date"], first["maturity_date"]) == (
        date(2010, 6, 1),
        date(2010, 12, 1),
        date(2040, 6, 1),
    )
    assert first["known_at"] == datetime(2010, 6, 1, 16)
    assert delivery.rows.filter(coupon_type="Z")["first_coupon_date"].item() == date(2033, 5, 3), (
        "a zero pays once"
    )
    assert reasons(delivery.quarantined) == {"no cusip": 1, "unknown coupons per year": 2}
    assert source.reference("bonds", date(2013, 12, 31)).rows.height == 2


def test_calls_are_known_with_the_terms_long_before_their_dates(source):
    delivery = source.reference("call_schedules", date(2012, 1, 3))
    known = datetime(2010, 6, 1, 16)
    assert delivery.rows.rows() == [
        ("00206RAB8", date(2030, 6, 1), 102.5, known),
        ("00206RAB8", date(2037, 6, 1), 100.0, known),
    ]
    assert source.reference("call_schedules", date(2010, 5, 28)).rows.is_empty()
    assert source.reference("call_schedules", LAST).rows.filter(cusip="17275R102")[
        "known_at"
    ].item() == datetime(2014, 1, 2, 16)
    assert reasons(delivery.quarantined) == {"no call_price": 1, "no cusip": 1}


def test_the_last_transaction_of_a_day_is_the_amount_and_known_the_next_morning(source):
    delivery = source.reference("amounts_outstanding", LAST)
    assert delivery.rows.rows() == [
        ("00206RAB8", date(2012, 5, 4), 9e8, datetime(2012, 5, 7, 9)),
        ("037833AK6", date(2019, 7, 3), 1_250_500.0, datetime(2019, 7, 5, 9)),
    ]
    assert reasons(delivery.quarantined) == {
        "duplicate key": 1,
        "negative amount": 1,
        "no amount_usd": 1,
        "no cusip": 1,
    }


def test_todays_parents_are_known_from_the_day_of_the_pull(source):
    delivery = source.reference("issuers", LAST)
    names = ("issuer_id", "issuer_cusip", "issuer_name", "parent_id", "known_at")
    pulled = datetime(2026, 9, 4, 18)
    assert delivery.rows.select(names).rows() == [
        ("7", "00206R", "AT&T INC", "900", pulled),
        ("8", "037833", "APPLE INC", "901", pulled),
    ]
    assert reasons(delivery.quarantined) == {"no issuer_cusip": 1}


def test_ratings_of_issues_become_actions_on_issuers_and_withdrawals_stay(source):
    delivery = source.reference("ratings", LAST)
    assert delivery.rows.sort("rating_date", "agency").rows() == [
        ("7", "MDY", date(2012, 2, 3), "A3", 7, datetime(2012, 2, 6, 9)),
        ("7", "SP", date(2012, 2, 3), "A-", 7, datetime(2012, 2, 6, 9)),
        ("8", "MDY", date(2014, 3, 3), "Caa1", 17, datetime(2014, 3, 4, 9)),
        ("8", "FITCH", date(2014, 3, 7), "Wr", None, datetime(2014, 3, 10, 9)),
        ("7", "FITCH", date(2015, 1, 5), "BB+", 11, datetime(2015, 1, 6, 9)),
        ("7", "SP", date(2016, 5, 2), "NR", None, datetime(2016, 5, 3, 9)),
    ]
    assert reasons(delivery.quarantined) == {
        "duplicate key": 1,
        "duplicate row": 1,
        "impossible date: rating_date": 1,
        "in the future": 1,
        "no issuer_id": 1,
        "unknown rating": 1,
    }


def test_links_open_at_the_update_are_believed_for_a_while(source):
    delivery = source.reference("equity_links", LAST)
    names = (
        "claim_number",
        "link_source",
        "entity_kind",
        "entity",
        "permno",
        "permco",
        "valid_from_date",
        "valid_to_date",
        "known_at",
    )
    assert delivery.rows.select(names).rows() == [
        (
            1,
            "wrds_bond_crsp",
            "cusip",
            "00206RAB8",
            66093,
            20103,
            date(2010, 6, 4),
            date(2026, 12, 29),
            datetime(2010, 6, 7, 9),
        ),
        (
            2,
            "wrds_bond_crsp",
            "cusip",
            "037833AK6",
            14593,
            7,
            date(2013, 5, 3),
            date(2020, 1, 31),
            datetime(2013, 5, 6, 9),
        ),
    ]
    assert delivery.quarantined.select("row_number", "reason").rows() == [(3, "leads nowhere")]


def test_prices_of_crsp(source):
    day = date(2024, 1, 5)
    delivery = source.daily("equity_prices", day, day)
    names = (
        "ticker",
        "close_usd",
        "total_return_pct",
        "volume_shares",
        "shares_outstanding",
        "is_etf",
    )
    assert delivery.rows.select(names).rows() == [
        ("AAPL", 181.18, None, None, 15_550_061_000.0, False),
        ("T", 17.05, 1.25, 31e6, 7.15e9, False),
        ("XLK", 186.0, -0.1, 7e6, 3e8, True),
    ]
    assert reasons(delivery.quarantined) == {"no close_usd": 1, "no ticker": 1}


def test_numbers_that_went_through_floats_are_the_same_codes(source, tmp_path):
    for path in source.data.iterdir():
        (tmp_path / path.name).write_bytes(path.read_bytes())
    ids = pl.col("issue_id", "issuer_id").cast(pl.Float64)
    pl.read_csv(tmp_path / "fisd_mergedissue.csv", try_parse_dates=True).with_columns(
        ids
    ).write_parquet(tmp_path / "fisd_mergedissue.parquet")
    config = tmp_path / "source.toml"
    config.write_text(
        CONFIG.read_text().replace("fisd_mergedissue.csv", "fisd_mergedissue.parquet")
    )
    again = FilesSource(tmp_path, config)
    for table in ("bonds", "call_schedules", "amounts_outstanding", "issuers", "ratings"):
        assert again.reference(table, LAST).rows.equals(source.reference(table, LAST).rows), table


def test_what_is_read_is_what_the_domain_asks_for(source):
    bonds, calls, amounts, ratings = (
        source.reference(name, LAST).rows
        for name in ("bonds", "call_schedules", "amounts_outstanding", "ratings")
    )
    told = call_schedules(calls, bonds)
    assert told.faults.is_empty() and told.rows["cusip"].unique().sort().to_list() == [
        "00206RAB8",
        "17275R102",
    ]
    steps = amount_steps(bonds, amounts)
    assert steps.faults.is_empty()
    # Told on Monday morning what was so from Friday on.
    known = {
        moment: dict(amounts_on(steps.rows, date(2012, 5, 4), moment).iter_rows())
        for moment in (datetime(2012, 5, 4, 18, 30), datetime(2012, 5, 7, 9))
    }
    assert list(known.values()) == [{"00206RAB8": 1.5e9}, {"00206RAB8": 9e8}]
    numbers = composite(ratings).filter(issuer_id="7").select("known_at", "rating_number").rows()
    assert numbers[0] == (datetime(2012, 2, 6, 9), 7.0) and numbers[-1] == (
        datetime(2016, 5, 3, 9),
        9.0,
    ), "S&P rates no more: Moody's 7 and Fitch's 11 stay"
