"""Blocks of `delistings`: CRSP's layout, plain column mappings, and what is refused or set
aside.
"""

from __future__ import annotations

from datetime import date, datetime

import pytest

from bondsig_assets.errors import SourceError
from bondsig_assets_tests.sources.files_fixtures import PRICES, folder, lines, reasons

LAST = date(2026, 10, 1)
LENIENT = "max_bad_share = 1.0\n"
CRSP = '[[delistings]]\nfiles = "dse.csv"\nlayout = "crsp-delistings"\n'
HEADER = "permno,ticker,dlstdt,dlstcd,dlret,dlprc"
MAPPED = """
[[delistings]]
files = "gone.csv"
columns = { ticker = "t", last_trade_date = "day", delisting_return_pct = "ret", reason = "why" }
"""


def complaint(path, config: str, **files) -> str:
    """The one line with which the source refuses."""
    with pytest.raises(SourceError) as caught:
        folder(path, config, **files).reference("delistings", LAST)
    assert "\n" not in str(caught.value) and caught.value.__cause__ is None
    return str(caught.value)


def test_crsp_in_its_own_columns(tmp_path):
    rows = (
        "1,MRG,2020-01-03,233,0.0125,10",
        "2,XCH,2020-01-06,331,-0.01,10",
        "3,LIQ,2020-01-06,450,-1.0,",
        "4,DRP,2020-01-06,584,,",
        "5,SEC,2020-01-06,700,A,",
        "6,MOV,2020-01-06,501,-66.0,",
        "7,OTC,20200106,520,-0.55,",
        "8,NOW,2025-12-31,100,.,50",
        "9,TWO,2025-12-31,800,0.1,50",
        "10,,2020-01-06,560,0.1,1",
    )
    delivery = folder(tmp_path, LENIENT + CRSP, dse_csv=lines(HEADER, *rows)).reference(
        "delistings", LAST
    )
    monday = datetime(2020, 1, 7, 9)
    assert delivery.rows.rows() == [
        ("DRP", date(2020, 1, 6), None, "dropped", monday),
        ("LIQ", date(2020, 1, 6), -100.0, "liquidation", monday),
        ("MOV", date(2020, 1, 6), None, "other", monday),
        ("MRG", date(2020, 1, 3), 1.25, "merger", datetime(2020, 1, 6, 9)),
        ("OTC", date(2020, 1, 6), pytest.approx(-55.0), "dropped", monday),
        ("SEC", date(2020, 1, 6), None, "dropped", monday),
        ("XCH", date(2020, 1, 6), -1.0, "exchange", monday),
    ]
    assert reasons(delivery.quarantined) == {"no ticker": 1}, (
        "a stock that still trades is no row at all"
    )


def test_what_the_block_says_itself_counts_first(tmp_path):
    config = (
        CRSP
        + '[delistings.columns]\nticker = "symbol"\nknown_at = { column = "dlstdt", plus_days ='
        " 10 }\n"
    )
    rows = lines(
        HEADER.replace("ticker", "symbol"),
        "1,AAA,2020-01-03,233,0.0125,10",
        "2,BBB,2020-01-06,560,-0.3,10",
    )
    known = (
        folder(tmp_path, config, dse_csv=rows)
        .reference("delistings", LAST)
        .rows.select("ticker", "reason", "known_at")
        .rows()
    )
    assert known == [
        ("AAA", "merger", datetime(2020, 1, 14, 9)),
        ("BBB", "dropped", datetime(2020, 1, 17, 9)),
    ]
    config = CRSP + 'keep = { dlstcd = ["560"] }\n' + '[delistings.columns]\nticker = "symbol"\n'
    assert folder(tmp_path, config, dse_csv=rows).reference("delistings", LAST).rows[
        "ticker"
    ].to_list() == ["BBB"]


def test_mapped_columns_and_bad_rows(tmp_path):
    rows = (
        "AAA,2020-01-03,-12.5,merger",
        "BBB,2020-01-06,,",
        "CCC,2020-01-04,1,merger",
        "DDD,2020-01-06,-101,dropped",
        "EEE,2020-01-06,1,bankrupt",
        "FFF,2020-01-06,x,merger",
        "GGG,2034-01-06,1,merger",
        "AAA,2020-01-03,-13,merger",
    )
    delivery = folder(tmp_path, LENIENT + MAPPED, gone_csv=lines("t,day,ret,why", *rows)).reference(
        "delistings", LAST
    )
    assert delivery.rows.select("ticker", "delisting_return_pct", "reason").rows() == [
        ("AAA", -12.5, "merger"),
        ("BBB", None, None),
    ]
    assert reasons(delivery.quarantined) == {
        "duplicate key": 1,
        "in the future": 1,
        "not a weekday": 1,
        "return below -100 %": 1,
        "unknown reason": 1,
        "unparsable number: delisting_return_pct": 1,
    }


def test_nothing_is_dated_later_and_without_a_block_there_is_nothing(tmp_path):
    source = folder(
        tmp_path / "a",
        MAPPED,
        gone_csv=lines("t,day,ret,why", "AAA,2020-01-03,1,merger", "BBB,2021-01-04,1,merger"),
    )
    assert source.reference("delistings", date(2020, 1, 3)).rows["ticker"].to_list() == ["AAA"]
    early = folder(
        tmp_path / "b", MAPPED, gone_csv=lines("t,day,ret,why", "AAA,1998-01-05,1,merger")
    ).reference("delistings", LAST)
    assert early.rows.height == 1, "older than the calendar, and no fault"
    assert (
        folder(tmp_path / "c", PRICES, prices_csv=lines("symbol,date,close", "A,2024-01-05,1"))
        .reference("delistings", LAST)
        .rows.is_empty()
    )


@pytest.mark.parametrize(
    ("config", "expected"),
    [
        (
            CRSP.replace("crsp-delistings", "crsp-delisting"),
            (
                "[[delistings]] block 1: unknown layout 'crsp-delisting'; did you mean"
                " 'crsp-delistings'?"
            ),
        ),
        (
            CRSP.replace("crsp-delistings", "map"),
            "[[delistings]] block 1: unknown layout 'map'; There are: crsp-delistings",
        ),
        (
            CRSP.replace("[[delistings]]", "[[equity_links]]"),
            "[[equity_links]] block 1: the layout crsp-delistings goes with [[delistings]] alone",
        ),
        (
            CRSP.replace("[[delistings]]", "[[ratings]]"),
            "[[ratings]] block 1: the layout crsp-delistings goes with [[delistings]] alone",
        ),
        (CRSP + "grace_days = 3\n", "[[delistings]] block 1: grace_days goes with a layout"),
        (CRSP, "no column 'dlret', which source.toml expects"),
        (MAPPED.replace('last_trade_date = "day", ', ""), "delistings requires last_trade_date"),
    ],
)
def test_what_is_refused(tmp_path, config, expected):
    assert expected in complaint(
        tmp_path,
        config,
        dse_csv=lines("ticker,dlstdt,dlstcd", "A,2020-01-03,233"),
        gone_csv=lines("t,day,ret,why", "A,2020-01-03,1,merger"),
    )
