"""Each layout's sample comes out as the reports it says."""

from __future__ import annotations

from datetime import date, datetime

import pytest

from bondsig_assets.errors import LayoutError
from bondsig_assets.trace import clean
from bondsig_assets.trace.layouts import LAYOUTS, Own
from bondsig_assets.trace.layouts.mapping import Mapped
from bondsig_assets.trace.reports import REPORT_SCHEMA
from bondsig_assets_tests.trace.layouts import samples
from bondsig_assets_tests.trace.layouts.samples import put, read, rows


@pytest.mark.parametrize(
    ("layout", "text"), [(name, text) for name, texts in samples.SAMPLES.items() for text in texts]
)
def test_every_layout_is_recognised_and_exactly_the_canonical_frame(tmp_path, layout, text):
    path = put(tmp_path, text)
    scan, frame = read(path, layout)
    assert dict(frame.schema) == REPORT_SCHEMA and list(frame.columns) == list(REPORT_SCHEMA)
    assert frame["row"].to_list() == list(range(frame.height))
    assert scan.layouts == {"x.csv": layout} and scan.files == [("x.csv", 0, frame.height)]
    if text not in samples.OF_TWO:
        assert read(path)[0].layouts == {"x.csv": layout}
    assert frame["fault"].drop_nulls().to_list() == {
        samples.ACADEMIC_BEFORE: ["unknown_status"],
        samples.WEB: ["shown_as_cancelled"],
        samples.SERVICE: ["shown_as_cancelled"],
    }.get(text, [])


def test_names(tmp_path):
    assert set(samples.SAMPLES) == set(LAYOUTS)
    with pytest.raises(LayoutError, match="no layout is called wrds: take wrds-enhanced"):
        read(put(tmp_path, samples.WEB), "wrds")


def test_wrds_enhanced(tmp_path):
    scan, frame = read(put(tmp_path, samples.ENHANCED))
    assert scan.has_report_times and scan.notes == []
    assert rows(
        frame,
        "cusip",
        "message_number",
        "original_message_number",
        "status",
        "asof_code",
        "price",
        "par_usd",
        "is_par_capped",
        "yield_pct",
        "side",
        "contra",
    ) == [
        ("037833AK6", "0000012", None, "T", None, 101.25, 250_000, False, 2.5, "S", "C"),
        ("037833AK6", "0000013", "0000012", "X", "A", 101.25, 5_000_000, False, -2.5, "B", "D"),
        ("037833AK6", "0000014", None, "R", None, 100, 1_000, False, None, None, None),
    ]
    assert rows(frame, "execution_date", "executed_at", "report_date", "reported_at") == [
        (
            date(2012, 2, 7),
            datetime(2012, 2, 7, 9, 30),
            date(2012, 2, 7),
            datetime(2012, 2, 7, 9, 31, 2),
        ),
        (
            date(2012, 2, 7),
            datetime(2012, 2, 7, 9, 30, 5),
            date(2012, 2, 7),
            datetime(2012, 2, 7, 9, 31, 4),
        ),
        (date(2012, 2, 7), None, date(2012, 2, 8), datetime(2012, 2, 8, 9, 31, 4)),
    ]
    columns = (
        "is_when_issued",
        "is_special_price",
        "is_disseminated",
        "is_ats",
        "give_up_code",
        "security_type",
        "days_to_settle",
        "first_control_number",
    )
    assert rows(frame, *columns) == [
        (False, False, True, False, None, "CORP", None, None),
        (True, True, False, True, "Q", "C", 3, "0000012"),
        (False, False, None, False, None, None, None, None),
    ]
    assert rows(frame, "prior_report_date", "first_control_date", "settlement_date", "feed")[1] == (
        date(2012, 2, 6),
        date(2012, 2, 6),
        date(2012, 2, 10),
        "enhanced",
    )


@pytest.mark.parametrize(
    ("name", "layout", "feed"),
    [
        ("MPPBTDSS_CUSIP_20240401.txt", "auto", "standard"),
        ("MPPBT14S_CUSIP_20240401.txt", "auto", "144a"),
        ("prints.txt", "finra-btds", "standard"),
        ("prints.txt", "finra-btds-144a", "144a"),
    ],
)
def test_the_end_of_day_dissemination_file(tmp_path, name, layout, feed):
    scan, frame = read(put(tmp_path, samples.BTDS + samples.BTDS_CLOSE, name), layout)
    assert scan.has_report_times and set(frame["feed"]) == {feed}
    assert rows(
        frame, "status", "message_number", "original_message_number", "side", "contra", "asof_code"
    )[:3] == [
        ("T", "0000101", None, "S", "C", None),
        ("T", "0000102", None, "B", "D", "A"),
        ("C", "0000103", "0000101", "S", "C", None),
    ]
    assert rows(frame, "executed_at", "reported_at", "settlement_date")[0] == (
        datetime(2024, 4, 1, 10, 15),
        datetime(2024, 4, 1, 10, 16, 2),
        date(2024, 4, 3),
    )
    assert rows(
        frame, "par_usd", "is_par_capped", "trade_modifier_3", "trade_modifier_4", "is_ats"
    )[:2] == [(250_000, False, None, "P", True), (5_000_000, True, "Z", None, False)]
    assert frame["yield_pct"].to_list()[:2] == [3.7, -0.2]
    result = clean(frame, screens="none")
    assert result.trades["row"].to_list() == [1]
    assert result.rejected.sort("row")["reason"].to_list() == [
        "ended_by_cancel",
        "cancel_message",
        "no_trade_message",
    ]


def test_which_dissemination_file_is_asked_where_its_name_does_not_say(tmp_path):
    with pytest.raises(LayoutError, match="--layout finra-btds or --layout finra-btds-144a"):
        read(put(tmp_path, samples.BTDS))


def test_the_fields_of_the_web_service(tmp_path):
    _, frame = read(put(tmp_path, samples.SERVICE))
    assert rows(frame, "status", "side", "contra", "asof_code", "is_ats", "trade_modifier_4") == [
        ("T", "S", "C", None, True, "P"),
        ("R", "B", "D", "A", False, None),
        ("X", "B", "D", None, False, None),
    ]
    assert rows(frame, "executed_at", "par_usd", "is_par_capped", "fault")[0] == (
        datetime(2026, 4, 22, 10, 15),
        5_000_000,
        True,
        None,
    )


@pytest.mark.parametrize("text", [samples.WEB, samples.SERVICE])
def test_a_bonds_own_history_names_its_bond_in_the_file_name(tmp_path, text):
    header, *lines = text.strip().split("\n")
    drop = header.split(",").index("cusip" if text == samples.SERVICE else "CUSIP")
    cut = [
        ",".join(field for k, field in enumerate(line.split(",")) if k not in (drop, drop + 1))
        for line in (header, *lines)
    ]
    bare = "\n".join(cut) + "\n"
    scan, frame = read(put(tmp_path, bare, "history 037833AK6.csv"))
    assert frame["cusip"].to_list() == ["037833AK6"] * 3
    assert any("cusip is 037833AK6 in every report" in note for note in scan.notes)
    with pytest.raises(LayoutError, match="--map cusip=value:CUSIP, or name the file by it"):
        read(put(tmp_path, bare, "history.csv"))
    own = Own(mapping={"cusip": Mapped(value="459200HU8")})
    assert (
        read(put(tmp_path, bare, "history.csv"), own=own)[1]["cusip"].to_list() == ["459200HU8"] * 3
    )


@pytest.mark.parametrize(("layout", "feed"), [("wrds-standard", "standard"), ("wrds-144a", "144a")])
def test_standard_and_144a(tmp_path, layout, feed):
    scan, frame = read(put(tmp_path, samples.STANDARD), layout)
    assert not scan.has_report_times and scan.notes == []
    assert rows(
        frame,
        "status",
        "message_number",
        "original_message_number",
        "par_usd",
        "is_par_capped",
        "side",
        "contra",
    ) == [
        ("C", "0003463", "0006785", 1_000_000, True, "B", "C"),
        ("T", "0006785", None, 5_000_000, True, "S", "D"),
        ("W", "0006786", None, 1_000_000, False, None, None),
    ]
    # A blank dissemination date gives way to the execution date.
    assert frame["report_date"].to_list() == [date(2020, 8, 7), date(2020, 8, 6), date(2020, 8, 6)]
    assert (
        frame["prior_report_date"][0] == date(2020, 8, 6)
        and set(frame["feed"]) == {feed}
        and frame["reported_at"].null_count() == 3
    )


def test_standard_and_144a_cannot_be_told_apart(tmp_path):
    with pytest.raises(
        LayoutError,
        match=(
            r"^x\.csv: .*wrds-standard and of wrds-144a alike: say which with --layout"
            r" wrds-standard or --layout wrds-144a$"
        ),
    ):
        read(put(tmp_path, samples.STANDARD))


def test_finra_enhanced_since_2012(tmp_path):
    scan, frame = read(
        put(tmp_path, samples.RAW_SINCE, "enhanced-time-and-sales-cusip-2020-01-02.txt")
    )
    assert scan.notes == [] and scan.has_report_times
    assert rows(
        frame,
        "cusip",
        "executed_at",
        "reported_at",
        "yield_pct",
        "side",
        "contra",
        "par_usd",
        "message_number",
        "original_message_number",
        "prior_report_date",
    ) == [
        (
            "G857ABAC4",
            datetime(2020, 1, 1, 3, 15),
            datetime(2020, 1, 2, 8, 0, 2),
            -1.5,
            "B",
            "C",
            350_000,
            "0000005",
            None,
            None,
        ),
        (
            "G857ABAC4",
            datetime(2020, 1, 1, 20, 55, 5),
            datetime(2020, 1, 2, 8, 0, 2),
            None,
            "S",
            "D",
            350_000,
            "0000006",
            "0000005",
            date(2020, 1, 2),
        ),
    ]
    assert rows(
        frame,
        "is_locked_in",
        "is_ats",
        "is_special_price",
        "is_disseminated",
        "trade_modifier_3",
        "trade_modifier_4",
        "security_type",
    ) == [
        (True, False, False, True, "Z", "W", "CORP"),
        (False, True, True, False, None, None, "CORP"),
    ]


def test_finra_enhanced_before_2012_with_a_quote_in_a_name(tmp_path):
    frame = read(put(tmp_path, samples.RAW_BEFORE))[1]
    assert rows(
        frame,
        "status",
        "message_number",
        "original_message_number",
        "days_to_settle",
        "sale_condition",
        "give_up_code",
        "executed_at",
    ) == [
        ("T", "0009218", None, 0, "@", "A", datetime(2002, 7, 1, 10, 2, 3)),
        ("C", "0009267", "0009218", None, "@", None, datetime(2002, 7, 1, 10, 2, 3)),
    ]
    bare = (
        samples.RAW_BEFORE.replace("CMPNY_NM|MTRTY_DT|", "")
        .replace('A "QUOTED|20201231|', "")
        .replace("A INC|20201231|", "")
    )
    scan, frame = read(put(tmp_path, bare))
    assert (
        scan.layouts == {"x.csv": "finra-enhanced"}
        and frame.height == 2
        and frame["fault"].null_count() == 2
    )


def test_academic_dealers(tmp_path):
    before, since = (read(put(tmp_path, text))[1] for text in samples.SAMPLES["finra-academic"])
    columns = (
        "message_number",
        "original_message_number",
        "contra",
        "contra_party",
        "reporting_party",
    )
    assert rows(before, *columns) == [
        ("0000012", None, "D", "hash2", "hash1"),
        ("0000013", "0000012", "A", None, "hash2"),
    ]
    assert rows(since, *columns) == [
        ("2000000003", None, "C", None, "d1a9"),
        ("2000000004", "2000000003", "D", "e2b0", "d1a9"),
    ]
    assert since["executed_at"].to_list() == [datetime(2013, 1, 2, 3, 15)] * 2 and since[
        "yield_pct"
    ].to_list() == [7.586602, -7.586602]


def test_web(tmp_path):
    scan, frame = read(put(tmp_path, samples.WEB))
    assert (
        not scan.has_report_times
        and len(scan.notes) == 1
        and "execution date stands for it" in scan.notes[0]
    )
    assert rows(
        frame,
        "status",
        "par_usd",
        "is_par_capped",
        "asof_code",
        "trade_modifier_3",
        "trade_modifier_4",
        "is_special_price",
        "message_number",
        "report_date",
    ) == [
        ("T", 50_000, False, None, None, None, False, None, date(2019, 1, 2)),
        ("X", 5_000_000, True, "A", None, "W", False, None, date(2019, 1, 2)),
        ("R", 1_000_000, True, None, "Z", None, True, None, date(2019, 1, 2)),
    ]
