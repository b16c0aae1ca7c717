"""The real prints: which layout each is taken for, or the line that refuses it."""

from __future__ import annotations

from pathlib import Path

import pytest

from bondsig_assets.errors import LayoutError
from bondsig_assets_tests.trace.layouts.samples import read, rows

PRINTS = Path(__file__).parents[3].parent / "shared/real/trace_prints"
pytestmark = pytest.mark.skipif(
    not PRINTS.is_dir(),
    reason=f"the real prints are not there: {PRINTS} (they are not part of the repository)",
)
LOST = "the times were lost on the way here; --allow-missing-times goes on"
ALIKE = (
    "its columns are those of wrds-standard and of wrds-144a alike: say which with --layout"
    " wrds-standard or --layout wrds-144a"
)


@pytest.mark.parametrize(
    ("name", "layout", "line"),
    [
        (
            "wrds_enhanced_2002.csv",
            "auto",
            (
                f"every trd_exctn_tm and every trd_rpt_tm is null: {LOST} with the end of the"
                " report date and without execution times"
            ),
        ),
        (
            "wrds_enhanced_2024.csv",
            "auto",
            (
                f"every trd_exctn_tm and every trd_rpt_tm is null: {LOST} with the end of the"
                " report date and without execution times"
            ),
        ),
        (
            "wrds_144a.csv",
            "wrds-144a",
            f"every trd_exctn_tm is null: {LOST} without execution times",
        ),
        ("wrds_144a.csv", "auto", ALIKE),
        ("wrds_standard.csv", "auto", ALIKE),
        ("wrds_standard_2011.csv", "auto", ALIKE),
        (
            "wrds_enhanced_2014_selected_columns.csv",
            "auto",
            (
                "its columns are those of no layout; the nearest is wrds-enhanced, for which it"
                " lacks a status (trc_st), a message number (msg_seq_nb), an execution date"
                " (trd_exctn_dt) and a report date (trd_rpt_dt): deliver it with its own header, or"
                " say with --map which column is which"
            ),
        ),
        (
            "wrds_enhanced_2014_selected_columns.csv",
            "wrds-enhanced",
            (
                "read as wrds-enhanced it lacks a status (trc_st), a message number (msg_seq_nb),"
                " an execution date (trd_exctn_dt) and a report date (trd_rpt_dt): deliver it with"
                " them, say where they are with --map, or name another layout"
            ),
        ),
    ],
)
def test_refused(name, layout, line):
    with pytest.raises(LayoutError) as caught:
        read(PRINTS / name, layout)
    assert str(caught.value) == f"{name}: {line}"


@pytest.mark.parametrize(
    ("name", "layout", "faults"),
    [
        ("wrds_enhanced_2002.csv", "auto", {None}),
        ("wrds_enhanced_2024.csv", "auto", {None}),
        ("wrds_144a.csv", "wrds-144a", {None}),
        ("wrds_standard.csv", "wrds-standard", {None}),
        ("wrds_standard_2011.csv", "wrds-standard", {None}),
        ("finra_web_trade_activity_2019-01-02.csv", "auto", {None, "shown_as_cancelled"}),
    ],
)
def test_read_with_missing_times_allowed(name, layout, faults):
    scan, frame = read(PRINTS / name, layout, allow_missing_times=True)
    assert frame.height == len((PRINTS / name).read_text().splitlines()) - 1
    assert set(frame["fault"]) == faults and not scan.has_report_times
    assert set(scan.layouts.values()) == {
        "wrds-enhanced" if "enhanced" in name else layout if layout != "auto" else "finra-web"
    }


def test_a_correction_points_at_what_it_corrects():
    frame = read(PRINTS / "wrds_standard.csv", "wrds-standard")[1]
    assert rows(
        frame, "status", "message_number", "original_message_number", "par_usd", "is_par_capped"
    )[:2] == [("C", "0003463", "0006785", 1e6, True), ("T", "0006785", None, 1e6, True)]


def test_the_status_of_the_web_page():
    frame = read(PRINTS / "finra_web_trade_activity_2019-01-02.csv")[1]
    assert (
        set(frame["status"]) == {"T", "X", "R"}
        and set(frame["contra"]) == {"C", "D", "A"}
        and frame["executed_at"].null_count() == 0
    )
