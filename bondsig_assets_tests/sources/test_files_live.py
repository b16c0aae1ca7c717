"""The live view of files: what was disseminated, capped by the grade of the day."""

from __future__ import annotations

from datetime import date

import pytest

from bondsig_assets.errors import SourceError
from bondsig_assets.home import Market
from bondsig_assets.sources.files import FilesSource
from bondsig_assets.sources.registry import make_source
from bondsig_assets_tests.sources.files_fixtures import TRACE, TRACE_HEADER, folder, lines

DAYS = date(2024, 1, 5), date(2024, 1, 31)
MAPPED = TRACE + 'is_disseminated = "dissem_fl"\n'
BONDS = """
[[bonds]]
files = "bonds.csv"
[bonds.columns]
cusip = "cusip"
issuer_id = "issuer"
coupon_type = { value = "F" }
coupon_pct = { value = 5.0 }
coupons_per_year = { value = 2 }
day_count = { value = "30/360" }
offering_date = { value = 2020-01-05 }
maturity_date = { value = 2030-01-05 }
offering_amount_usd = { value = 1000000000 }
is_callable = { value = false }
is_144a = { value = false }
is_convertible = { value = false }
[[ratings]]
files = "ratings.csv"
[ratings.columns]
issuer_id = "issuer"
agency = { value = "SP" }
rating_date = "date"
rating = "letter"
"""
GRADED, FALLEN, UNRATED = "037833AK6", "594918BJ2", "17275RAX0"
FILES = {
    "bonds_csv": lines("cusip,issuer", f"{GRADED},GOOD", f"{FALLEN},FALL", f"{UNRATED},NONE"),
    "ratings_csv": lines(
        "issuer,date,letter", "GOOD,2020-02-03,A", "FALL,2020-02-03,BBB", "FALL,2024-01-09,BB"
    ),
}


def report(
    number, cusip=GRADED, day="2024-01-05", par=9e6, side="S", contra="C", shown="Y", **more
):
    """One line of WRDS Enhanced with its dissemination flag."""
    status, original = more.get("status", "T"), more.get("original", "")
    reported = more.get("reported", day)
    return (
        f"{cusip},{day},09:59:00,{reported},10:00:{number:02d},{number:07d},{original},{status},,"
        f"100,{par:.0f},1.5,,{side},{contra},,{shown}"
    )


def seen(tmp_path, view, *rows, config=MAPPED + BONDS):
    """`message_number, par_usd, is_par_capped, view` of what a view shows."""
    folder(tmp_path, config, trace_csv=lines(TRACE_HEADER + ",dissem_fl", *rows), **FILES)
    delivered = FilesSource(tmp_path, view=view).daily("trace_reports", *DAYS)
    assert delivered.quarantined.is_empty()
    names = ("message_number", "par_usd", "is_par_capped", "view")
    return [(int(row[0]), *row[1:]) for row in delivered.rows.select(names).rows()]


def test_live_shows_what_was_disseminated(tmp_path):
    rows = (
        report(1),
        report(2, shown="N"),
        report(3, side="B", contra="D"),
        report(4, side="S", contra="D"),
        report(5, contra="A"),
        report(6, par=2e6),
        report(7, side="B"),
    )
    assert seen(tmp_path, "live", *rows) == [
        (1, 5e6, True, "live"),
        (4, 5e6, True, "live"),
        (6, 2e6, False, "live"),
        (7, 5e6, True, "live"),
    ]
    everything = seen(tmp_path, "regulatory", *rows)
    assert [row[0] for row in everything] == [1, 2, 3, 4, 5, 6, 7]
    assert {row[1:] for row in everything} == {
        (9e6, False, "regulatory"),
        (2e6, False, "regulatory"),
    }


def test_what_the_live_view_hides_is_counted(tmp_path):
    rows = report(1), report(2, shown="N"), report(3, side="B", contra="D"), report(4, shown="N")
    folder(tmp_path, MAPPED, trace_csv=lines(TRACE_HEADER + ",dissem_fl", *rows))
    source = FilesSource(tmp_path, view="live")
    assert source.daily("trace_reports", *DAYS).rows.height == 1
    assert source.told == [
        "of 4 reports the live view hides 1 buy_leg_not_disseminated, 2 not_disseminated"
    ]


def test_pars_are_capped_by_the_grade_known_when_the_trade_was_made(tmp_path):
    rows = (
        report(1, cusip=FALLEN, day="2024-01-09"),
        report(2, cusip=FALLEN, day="2024-01-10"),
        report(3, cusip=UNRATED, day="2024-01-10"),
        # Its cancel has the cap of the trade it ends, though the issuer has fallen since.
        report(4, FALLEN, "2024-01-09", reported="2024-01-11", status="X", original="0000001"),
    )
    assert [row[:3] for row in seen(tmp_path, "live", *rows)] == [
        (1, 5e6, True),
        (2, 1e6, True),
        (3, 1e6, True),
        (4, 5e6, True),
    ]


def test_without_ratings_every_par_is_capped_as_the_stricter_group(tmp_path):
    assert seen(tmp_path, "live", report(1), config=MAPPED) == [(1, 1e6, True, "live")]


def test_reports_that_the_file_calls_live_are_live_too(tmp_path):
    config = MAPPED.replace('"regulatory"', '"live"')
    rows = report(1), report(2, side="B", contra="D"), report(3, shown="N"), report(4, par=3e6)
    # Capped by the larger of the two where nobody knows the grade: the file has been capped before.
    assert seen(tmp_path, "live", *rows, config=config) == [
        (1, 5e6, True, "live"),
        (4, 3e6, False, "live"),
    ]
    fallen = report(1, cusip=FALLEN, day="2024-01-10", par=3e6)
    assert seen(tmp_path, "live", fallen, config=config + BONDS) == [(1, 1e6, True, "live")]


def test_what_was_disseminated_is_not_everything(tmp_path):
    config = MAPPED.replace('"regulatory"', '"live"')
    with pytest.raises(
        SourceError, match=r"1 of 1 reports are what was disseminated .*--view live"
    ):
        seen(tmp_path, "regulatory", report(1), config=config)


def test_reports_of_a_product_that_disseminates_keep_their_buy_legs(tmp_path):
    config = MAPPED.replace('"regulatory"', '"live"') + 'feed = { value = "standard" }\n'
    rows = report(1, par=1e5), report(2, side="B", contra="D", par=7e5)
    assert [row[0] for row in seen(tmp_path, "live", *rows, config=config)] == [1, 2]


def test_without_a_view_reports_come_as_they_are(tmp_path):
    assert seen(tmp_path, None, report(1)) == [(1, 9e6, False, "regulatory")]


def test_the_view_of_the_market_is_that_of_the_source(tmp_path):
    folder(tmp_path, MAPPED, trace_csv=lines(TRACE_HEADER + ",dissem_fl", report(1)))
    for view, par in (("live", 1e6), ("regulatory", 9e6)):
        source = make_source(Market(source="files", data=str(tmp_path), view=view))
        assert source.daily("trace_reports", *DAYS).rows["par_usd"].to_list() == [par]
