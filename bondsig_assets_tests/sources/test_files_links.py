"""Blocks of `equity_links`: files of a known layout, plain column mappings, and what is refused;
ratings without numbers.
"""

from __future__ import annotations

from datetime import date, datetime

import polars as pl
import pytest

from bondsig_assets.errors import SourceError
from bondsig_assets.securities.claims import CLAIM_SCHEMA, etf_holdings, user_map
from bondsig_assets_tests.sources.files_fixtures import folder, lines, reasons

LAST = date(2026, 10, 1)
LENIENT = "max_bad_share = 1.0\n"
MAP = '[[equity_links]]\nfiles = "map*.csv"\nlayout = "map"\n'
WRDS = '[[equity_links]]\nfiles = "link.csv"\nlayout = "wrds-bond-crsp"\n'
NAMES = '[[equity_links]]\nfiles = "names.csv"\nlayout = "equity-cusip6"\n'
ETF = '[[equity_links]]\nfiles = "etf*.csv"\nlayout = "etf-holdings"\n'
WRDS_HEADER = (
    "cusip,permno,permco,trace_startdt,trace_enddt,crsp_startdt,crsp_enddt,link_startdt,link_enddt"
)
RATINGS = """
[[ratings]]
files = "r.csv"
columns = { issuer_id = "id", agency = { value = "SP" }, rating_date = "day", rating = "letter" }
"""


def links(path, config: str, **files):
    """What the folder delivers for `equity_links`."""
    return folder(path, config, **files).reference("equity_links", LAST)


def complaint(path, config: str, **files) -> str:
    """The one line with which the source refuses."""
    with pytest.raises(SourceError) as caught:
        links(path, config, **files)
    assert "\n" not in str(caught.value) and caught.value.__cause__ is None
    return str(caught.value)


def wrds(
    cusip: str,
    permno: object = 1,
    permco: object = 2,
    first: str = "2020-01-03",
    last: str = "2021-06-30",
) -> str:
    return f"{cusip},{permno},{permco},{first},{last},{first},{last},{first},{last}"


def test_wrds_links_with_options_and_bad_rows_by_name(tmp_path):
    rows = (
        wrds("00206RAB8"),
        wrds("00206RCN", 3, 4, last="2025-12-31"),
        wrds(""),
        wrds("00206RDQ2", "", ""),
        wrds("00206RDR0", last="2019-01-01"),
        wrds("00206RDS8", "x"),
        wrds("00206RDT6", first="2020-02-30"),
        wrds("00206RDU3", first=""),
        "00206RDV1,1",
    )
    config = LENIENT + WRDS + "updated_on = 2025-12-31\ngrace_days = 30\nconfidence = 0.9\n"
    delivery = links(tmp_path, config, link_csv=lines(WRDS_HEADER, *rows, wrds("00206RDW9", 5, 6)))
    names = (
        "claim_number",
        "entity",
        "permno",
        "permco",
        "valid_to_date",
        "known_at",
        "confidence",
    )
    known = datetime(2020, 1, 6, 9)
    assert delivery.rows.select(names).rows() == [
        (1, "00206RAB8", 1, 2, date(2021, 6, 30), known, 0.9),
        (2, "00206RCN0", 3, 4, date(2026, 1, 30), known, 0.9),
        (3, "00206RDW9", 5, 6, date(2021, 6, 30), known, 0.9),
    ]
    assert delivery.quarantined.select("row_number", "reason").rows() == [
        (3, "no entity"),
        (4, "leads nowhere"),
        (5, "ends before it begins"),
        (6, "unparsable number: permno"),
        (7, "impossible date: trace_startdt"),
        (8, "no first day"),
        (9, "wrong number of fields"),
    ]
    assert '"cusip":"00206RDQ2"' in delivery.quarantined["row_text"][1] and delivery.quarantined[
        "source_name"
    ].unique().to_list() == ["link.csv"]


def test_what_a_delivery_knew_it_knew_from_then(tmp_path):
    delivery = links(
        tmp_path,
        WRDS + "delivered_at = 2024-05-01T12:00:00\n",
        link_csv=lines(WRDS_HEADER, wrds("00206RAB8")),
    )
    assert delivery.rows["known_at"].item() == datetime(2024, 5, 1, 12)


def test_a_map_over_several_files_is_one_statement(tmp_path):
    """A later row replaces the earlier, whichever file it is in; each bad row is told with its own
    file.
    """
    delivery = links(
        tmp_path,
        LENIENT + MAP,
        map_a_csv=lines(
            "cusip,ticker,valid_from_date", "00206RAB8,old,2020-01-03", "00206RCN0,,2020-01-03"
        ),
        map_b_csv=lines(
            "cusip,ticker,valid_from_date,confidence",
            "00206RAB8,NEW,2021-01-04,",
            "00206RCN0,CCC,2020-01-03,7",
        ),
    )
    rows = pl.DataFrame(
        {
            "cusip": ["00206RAB8"] * 2,
            "ticker": ["OLD", "NEW"],
            "valid_from_date": [date(2020, 1, 3), date(2021, 1, 4)],
        }
    )
    assert delivery.rows.select(list(CLAIM_SCHEMA)).equals(
        user_map(rows).select(list(CLAIM_SCHEMA))
    )
    assert delivery.rows.height == 3, "the older link, open and then closed, and the newer"
    assert delivery.quarantined.select("source_name", "row_number", "reason").rows() == [
        ("map_a.csv", 2, "leads nowhere"),
        ("map_b.csv", 2, "confidence outside 0 to 1"),
    ]


def test_a_map_of_issuers_under_its_own_names_and_formats(tmp_path):
    config = (
        MAP
        + """kind = "issuer_cusip"
    [equity_links.columns]
    issuer_cusip = "six"
    ticker = "stock"
    valid_from_date = { column = "from", format = "%m/%d/%Y" }
    valid_to_date = { column = "to", format = "%m/%d/%Y", null = ["12/31/9999"] }
    confidence = { value = 0.5 }
    """
    )
    rows = lines(
        "six,stock,from,to,ticker",
        "00206r,T,1/3/2020,12/31/9999,WRONG",
        "037833,AAPL,1/3/2020,12/31/2020,WRONG",
    )
    delivery = links(tmp_path, config, map_csv=rows)
    names = ("entity_kind", "entity", "ticker", "valid_from_date", "valid_to_date", "confidence")
    assert delivery.rows.select(names).rows() == [
        ("issuer_cusip", "00206R", "T", date(2020, 1, 3), None, 0.5),
        ("issuer_cusip", "037833", "AAPL", date(2020, 1, 3), date(2020, 12, 31), 0.5),
    ]


def test_a_date_alone_is_known_the_next_morning(tmp_path):
    rows = lines(
        "cusip,permno,known_at",
        "00206RAB8,1,2020-01-03",
        "00206RCN0,2.0,2020-01-03 10:30:00",
        "00206RDQ2,3,",
    )
    delivery = links(tmp_path, LENIENT + MAP, map_csv=rows)
    assert delivery.rows["known_at"].to_list() == [
        datetime(2020, 1, 6, 9),
        datetime(2020, 1, 3, 10, 30),
    ]
    assert delivery.rows["permno"].to_list() == [1, 2] and reasons(delivery.quarantined) == {
        "no first day": 1
    }


def test_names_of_stocks_lead_by_their_cusip_of_the_time(tmp_path):
    rows = lines(
        "permno,permco,ticker,ncusip,namedt,nameendt,shrcd",
        "6,6,NIL,,2010-01-04,2025-12-31,11",
        "1,1,OLD,00206R10,2010-01-04,2015-12-31,11",
        "1,1,NEW,11111110,2016-01-04,2025-12-31,11",
        "2,2,NIL,,2010-01-04,2025-12-31,11",
        ",3,BAD,22222210,2010-01-04,2025-12-31,11",
        "4,4,BAD,33333310,,2025-12-31,11",
        "5,5,BAD,44444410,2010-01-04,2009-01-05,11",
    )
    delivery = links(
        tmp_path, LENIENT + NAMES + "grace_days = 10\nconfidence = 0.3\n", names_csv=rows
    )
    names = (
        "link_source",
        "entity_kind",
        "entity",
        "permno",
        "ticker",
        "valid_to_date",
        "known_at",
        "confidence",
    )
    assert delivery.rows.select(names).rows() == [
        (
            "equity_cusip6",
            "issuer_cusip",
            "00206R",
            1,
            "OLD",
            date(2015, 12, 31),
            datetime(2010, 1, 4, 9),
            0.3,
        ),
        (
            "equity_cusip6",
            "issuer_cusip",
            "111111",
            1,
            "NEW",
            date(2026, 1, 10),
            datetime(2016, 1, 4, 9),
            0.3,
        ),
    ]
    assert reasons(delivery.quarantined) == {
        "ends before it begins": 1,
        "no namedt": 1,
        "no permno": 1,
    }


def test_holdings_of_several_files_and_blocks_replace_each_other(tmp_path):
    """Two funds write two ways: two blocks, and still the newer holdings replace the older."""
    other = (
        ETF.replace("etf*.csv", "spdr.csv")
        + 'columns = { etf_ticker = { value = "SPBO" }, as_of_date = "Date", cusip = "Identifier",'
        ' ticker = "Stock" }\n'
    )
    delivery = links(
        tmp_path,
        LENIENT + ETF + other,
        etf_1_csv=lines(
            "etf_ticker,as_of_date,cusip,ticker",
            "LQD,2020-01-03,00206RAB8,OLD",
            "LQD,2020-01-03,,CASH",
            "LQD,2020-01-03,,-",
        ),
        etf_2_csv=lines(
            "etf_ticker,as_of_date,cusip,ticker",
            "VCIT,2020-01-03,00206RAB8,OLD",
            "VCIT,never,00206RAB8,OLD",
            ",2020-01-03,00206RAB8,OLD",
        ),
        spdr_csv=lines("Date,Identifier,Stock", "2020-01-31,00206RAB8,NEW"),
    )
    rows = pl.DataFrame(
        {
            "etf_ticker": ["LQD", "VCIT", "SPBO"],
            "as_of_date": [date(2020, 1, 3)] * 2 + [date(2020, 1, 31)],
            "cusip": ["00206RAB8"] * 3,
            "ticker": ["OLD", "OLD", "NEW"],
        }
    )
    assert (
        delivery.rows.select(list(CLAIM_SCHEMA))
        .sort(pl.all())
        .equals(etf_holdings(rows).sort(pl.all()))
    )
    assert delivery.rows["note"].unique(maintain_order=True).to_list() == [
        "held by LQD, VCIT",
        "held by SPBO",
    ]
    assert delivery.quarantined.select("source_name", "row_number", "reason").rows() == [
        ("etf_1.csv", 2, "no entity"),
        ("etf_2.csv", 2, "impossible date: as_of_date"),
        ("etf_2.csv", 3, "no etf_ticker"),
    ], "a holding without a stock claims nothing and is no fault"


def test_layouts_with_their_options_stand_beside_plain_blocks(tmp_path):
    plain = """
    [[equity_links]]
    files = "plain.csv"
    columns.link_source.value = "user_map"
    columns.entity_kind.value = "issuer_id"
    columns.entity = "id"
    columns.ticker = "t"
    columns.valid_from_date = "d"
    columns.confidence.value = 1.0
    """
    delivery = links(
        tmp_path,
        plain + WRDS + ETF + "days = 10\n",
        plain_csv=lines("id,t,d", "ISS,T,2020-01-03"),
        link_csv=lines(WRDS_HEADER, wrds("00206RAB8")),
        etf_csv=lines("etf_ticker,as_of_date,cusip,ticker", "LQD,2020-01-03,00206RAB8,T"),
    )
    assert delivery.rows.select("claim_number", "link_source").rows() == [
        (1, "user_map"),
        (2, "wrds_bond_crsp"),
        (3, "etf_holdings"),
    ]
    assert delivery.rows["valid_to_date"].to_list() == [None, date(2021, 10, 28), date(2020, 1, 13)]


def test_too_many_bad_rows_stop_and_known_ones_do_not(tmp_path):
    rows = lines(WRDS_HEADER, wrds("00206RAB8"), wrds("00206RCN0", "", ""))
    message = complaint(tmp_path, WRDS, link_csv=rows)
    assert "link.csv: 1 of 2 rows (50.0%) are bad" in message and "1 × 'leads nowhere'" in message
    assert links(tmp_path, WRDS + 'expected = ["leads nowhere"]\n', link_csv=rows).rows.height == 1
    assert links(tmp_path, WRDS + "keep = { permno = [1] }\n", link_csv=rows).quarantined.is_empty()


@pytest.mark.parametrize(
    ("config", "expected"),
    [
        (
            MAP.replace('"map"', '"maps"'),
            (
                "block 1: unknown layout 'maps'; did you mean 'map'? There are: wrds-bond-crsp,"
                " map, equity-cusip6, etf-holdings"
            ),
        ),
        (
            MAP.replace("equity_links", "ratings"),
            (
                "[[ratings]] block 1: layout goes with [[equity_links]] alone; map the columns of"
                " ratings instead"
            ),
        ),
        (
            MAP + "grace_days = 3",
            "block 1: the layout map takes no grace_days; it takes kind, delivered_at, confidence",
        ),
        (MAP.replace('layout = "map"', "days = 3"), "block 1: says no columns"),
        (
            MAP.replace('layout = "map"', 'days = 3\ncolumns = { entity = "cusip" }'),
            "block 1: days goes with a layout, one of wrds-bond-crsp",
        ),
        (
            WRDS + "grace_days = -1",
            "block 1: grace_days = -1 should be a number of days from 0 to 36500",
        ),
        (WRDS + "confidence = 2", "block 1: confidence = 2 should be from 0 to 1"),
        (WRDS + "confidence = nan", "block 1: confidence = nan should be from 0 to 1"),
        (
            WRDS + "updated_on = 2024-05-01T12:00:00",
            "block 1: updated_on = 2024-05-01 12:00:00 should be a day alone",
        ),
        (
            WRDS + "delivered_at = 2024-05-01T12:00:00Z",
            "should be New York wall clock without an offset",
        ),
        (
            WRDS + "delivered_at = 2024-05-01",
            "delivered_at = 2024-05-01 should be New York wall clock without an offset, such as",
        ),
        (
            WRDS + "prefer = { cusip = [1] }",
            "block 1: prefer does not go with a layout; leave it out",
        ),
        (
            MAP + 'kind = "isin"',
            "block 1: unknown kind 'isin'; There are: cusip, issuer_cusip, issuer_id",
        ),
        (
            MAP + 'columns = { cusp = "x" }',
            "columns.cusp: unknown column of layout map 'cusp'; did you mean 'cusip'?",
        ),
        (MAP + 'columns = { cusip = "x" }', "map.csv: no column 'x', which source.toml expects"),
        (MAP + 'expected = ["leads"]', "expected: unknown reason 'leads'"),
        (
            MAP + 'kind = "issuer_id"',
            (
                "no column 'issuer_id', which the layout map needs; unknown column 'issuer_id';"
                " There are: cusip, ticker, when; mend the file, or say issuer_id ="
            ),
        ),
        (
            MAP,
            (
                "map.csv: map: without valid_from_date or known_at it must be said when it was"
                " delivered (delivered_at), or it would look ahead; mend the file or its"
            ),
        ),
        (
            MAP + 'columns = { valid_from_date = "ticker" }',
            (
                "no value can be read as DATE for equity_links (layout map).valid_from_date (the"
                " first is 'T')"
            ),
        ),
    ],
)
def test_what_cannot_be_meant_is_one_line(tmp_path, config, expected):
    assert expected in complaint(
        tmp_path,
        config,
        map_csv=lines("cusip,ticker,when", "00206RAB8,T,2020-01-03"),
        link_csv=lines(WRDS_HEADER, wrds("00206RAB8")),
    )


def test_a_file_that_leads_nowhere_and_one_without_rows(tmp_path):
    message = complaint(
        tmp_path, MAP, map_csv=lines("cusip,valid_from_date", "00206RAB8,2020-01-03")
    )
    assert "map: it has none of parent_id, permno, permco, ticker" in message
    assert "no row for equity_links" in complaint(
        tmp_path, MAP, map_csv="cusip,ticker,valid_from_date\n"
    )
    assert "no row for equity_links" in complaint(
        tmp_path,
        ETF,
        etf_csv=lines("etf_ticker,as_of_date,cusip,ticker", "LQD,2020-01-03,00206RAB8,-"),
    )
    short = lines(WRDS_HEADER.rpartition(",")[0], "1,2,3,4,5,6,7,8")
    assert "no column 'link_enddt', which the layout wrds-bond-crsp needs" in complaint(
        tmp_path, WRDS, link_csv=short
    )


@pytest.mark.parametrize("config", [MAP, WRDS, NAMES, ETF], ids=["map", "wrds", "names", "etf"])
def test_a_file_of_bad_rows_only_gives_no_claims(tmp_path, config):
    header = (
        "cusip,permno,permco,ticker,ncusip,namedt,nameendt,etf_ticker,as_of_date,valid_from_date,"
        + WRDS_HEADER.partition("permco,")[2]
    )
    text = lines(
        header, "00206RAB8,1,1,T" + ",2020-01-03" * 13, "00206RAB8,1,1,T" + ",2020-01-03" * 14
    )
    delivery = links(
        tmp_path,
        LENIENT + config,
        **dict.fromkeys(("map_csv", "link_csv", "names_csv", "etf_csv"), text),
    )
    assert delivery.rows.is_empty() and reasons(delivery.quarantined) == {
        "wrong number of fields": 2
    }


def test_numbers_of_ratings_come_from_the_letters(tmp_path):
    letters = ("AAA", "Baa3", " bbb- *-", "D", "NR", "WR", "XXX", "", "susp")
    rows = lines(
        "id,day,letter", *(f"{number},2024-01-05,{letter}" for number, letter in enumerate(letters))
    )
    delivery = folder(tmp_path, LENIENT + RATINGS, r_csv=rows).reference("ratings", LAST)
    assert dict(delivery.rows.select("issuer_id", "rating_number").iter_rows()) == {
        "0": 1,
        "1": 10,
        "2": 10,
        "3": 22,
        "4": None,
        "5": None,
        "8": None,
    }
    assert delivery.quarantined.select("row_number", "reason").rows() == [
        (7, "unknown rating"),
        (8, "no rating"),
    ]


def test_a_number_that_is_given_counts_and_none_beside_a_withdrawal(tmp_path):
    config = LENIENT + RATINGS.replace(" }\n", ', rating_number = "n" }\n')
    rows = lines(
        "id,day,letter,n",
        "A,2024-01-05,ZZ,8",
        "B,2024-01-05,NR,99",
        "C,2024-01-05,BB+,",
        "D,2024-01-05,AA,23",
        "E,2024-01-05,AA,x",
        "F,2024-01-05,ZZ,",
    )
    delivery = folder(tmp_path, config, r_csv=rows).reference("ratings", LAST)
    assert dict(delivery.rows.select("issuer_id", "rating_number").iter_rows()) == {
        "A": 8,
        "B": None,
        "C": 11,
    }
    assert reasons(delivery.quarantined) == {
        "rating number outside 1 to 22": 1,
        "unknown rating": 1,
        "unparsable number: rating_number": 1,
    }


def test_lookups_of_days_flags_and_first_values(tmp_path):
    config = """
    [[equities]]
    files = "names.csv"
    max_bad_share = 1.0
    [equities.columns]
    parent_id = "id"
    sector = { value = "S" }
    sector_etf = { value = "XLK" }
    [equities.columns.ticker]
    column = "id"
    lookup = { file = "codes.csv", key = "code", value = "t", first = true }
    [equities.columns.valid_from_date]
    column = "id"
    lookup = { file = "codes.csv", key = "code", value = "day", first = true }
    plus_days = 1
    """
    files = {
        "names_csv": lines("id", "1", "2", "3"),
        "codes_csv": lines("code,t,day", "1,AAA,2020-01-03", "1,BBB,2021-01-04", "2,CCC,never"),
    }
    delivery = folder(tmp_path, config, **files).reference("equities", LAST)
    assert delivery.rows.select("parent_id", "ticker", "valid_from_date").rows() == [
        ("1", "AAA", date(2020, 1, 4))
    ]
    assert reasons(delivery.quarantined) == {"impossible date: valid_from_date": 1, "no ticker": 1}
    with pytest.raises(SourceError, match="code '1' stands for AAA and BBB; keep one of them"):
        folder(tmp_path, config.replace(", first = true", ""), **files).reference("equities", LAST)
    flag = (
        '[[equity_prices]]\nfiles = "names.csv"\ncolumns = { is_etf = { column = "id", lookup = {'
        ' file = "codes.csv", key = "code", value = "t" } } }\n'
    )
    with pytest.raises(
        SourceError,
        match="lookup tells of the flag is_etf only whether the file lists a code; leave value out",
    ):
        folder(tmp_path, flag)


def test_parquet_with_moments_floats_and_zones(tmp_path):
    days = {
        f"{part}_{side}dt": [datetime(2020, 1, 3)] * 2
        for part in ("trace", "crsp", "link")
        for side in ("start", "end")
    }
    frame = pl.DataFrame(
        {
            "cusip": ["00206RAB8", "00206RCN0"],
            "permno": [66093.0, None],
            "permco": [20103.0, 7.0],
            **days,
        }
    )
    frame.write_parquet(tmp_path / "link.parquet")
    delivery = folder(tmp_path, WRDS.replace(".csv", ".parquet")).reference("equity_links", LAST)
    assert delivery.rows.select("entity", "permno", "permco").rows() == [
        ("00206RAB8", 66093, 20103),
        ("00206RCN0", None, 7),
    ]
    assert (
        folder(tmp_path, WRDS.replace(".csv", ".parquet"))
        .reference("equity_links", date(2020, 1, 2))
        .rows.is_empty()
    ), "dated by the link's first day"
    known = pl.Series([datetime(2020, 1, 3, 15)], dtype=pl.Datetime("us")).dt.replace_time_zone(
        "UTC"
    )
    pl.DataFrame({"cusip": ["00206RAB8"], "ticker": ["T"], "known_at": known}).write_parquet(
        tmp_path / "map.parquet"
    )
    assert folder(tmp_path, MAP.replace(".csv", ".parquet")).reference("equity_links", LAST).rows[
        "known_at"
    ].item() == datetime(2020, 1, 3, 10)
