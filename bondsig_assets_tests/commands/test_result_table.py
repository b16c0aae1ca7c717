"""Tables of any question: which columns a terminal shows, how wide they are, what a cell looks
like.
"""

from __future__ import annotations

import re
from datetime import datetime
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len

from bondsig_assets.commands import result_table
from bondsig_assets.commands.console import _Console
from bondsig_assets.commands.result_table import _fitting, _total, print_table
from bondsig_assets.tables import TABLES
from bondsig_assets.tables.views import TRADES


@pytest.fixture
def drawn(capsys, monkeypatch):
    """Draws a table as on a terminal of this width, or for a pipe; its lines without colours."""

    def draw(names, batches, width=None):
        def console():
            return _Console(highlight=False, width=width or 10_000, force_terminal=bool(width))

        monkeypatch.setattr(result_table, "open_console", console)
        print_table(names, batches)
        return re.sub(r"\x1b\[[\d;]*m", "", capsys.readouterr().out).splitlines()

    return draw


def test_a_table_by_hand(drawn):
    rows = [("BAGO", -0.25, None, True), ("F", 1234567.0, 3, False)]
    assert drawn(["ticker", "score", "n", "is_in"], [rows]) == [
        "ticker    score  n  is_in",
        "BAGO      -0.25     True",
        "F       1234567  3  False",
        "2 rows",
    ]


def test_nothing_has_a_header_and_one_row_is_a_row(drawn):
    assert drawn(["a", "b"], []) == ["a  b", "0 rows"]
    assert drawn(["a"], [[("x",)]])[-1] == "1 row"


def test_cells(drawn):
    for value, text in (
        (0.1 + 0.2, "0.3"),
        (1e6, "1000000"),
        (-2_500_000.4, "-2500000"),
        (1e-7, "1e-07"),
        (1e300, "1e+300"),
        (-0.0, "0"),
        (float("nan"), "nan"),
        (Decimal("1.10"), "1.10"),
        (datetime(2024, 3, 28, 18, 30), "2024-03-28 18:30:00"),
        ([1.0, None, "x"], "1, , x"),
        ("[/bold]", "[/bold]"),
        ("a\tb\x1b[31m", "a b [31m"),
    ):
        lines = drawn(["value"], [[(value,)]])
        assert lines[1].strip() == text, value


def test_a_text_of_several_lines_has_several_lines(drawn):
    assert drawn(["a", "b"], [[("x\ny", 1), ("z", 2)]]) == ["a  b", "x  1", "y", "z  2", "2 rows"]


def test_a_plan_is_a_drawing(drawn):
    assert drawn(["explain_key", "explain_value"], [[("plan", "┌──┐\n└──┘\n")]], 5) == [
        "┌──┐",
        "└──┘",
        "",
    ]


def test_the_header_comes_again_where_a_column_becomes_wider(drawn):
    lines = drawn(["a", "b"], [[("x", 1)] * 2, [("y", 2)], [("longer", 3)], [("z", 4)]])
    assert lines == [
        "a  b",
        "x  1",
        "x  1",
        "y  2",
        "a       b",
        "longer  3",
        "z       4",
        "5 rows",
    ]


def test_wide_characters_keep_columns_in_line(drawn):
    lines = drawn(["a", "b"], [[("日本", "x"), ("ab", "y")]])
    assert lines[1:3] == ["日本  x", "ab    y"]


@pytest.mark.parametrize(
    "names", [table.column_names for table in TABLES.values()], ids=list(TABLES)
)
def test_eighty_columns_show_the_key_of_every_table(drawn, names):
    key = next(table.key for table in TABLES.values() if table.column_names == names)
    rows = [tuple("x" * 30 if name == "reason" else f"{k:010d}" for k, name in enumerate(names))]
    lines = drawn(names, [rows], 80)
    shown = lines[0].split()
    assert len(lines[0]) <= 80 and len(lines[1]) <= 80
    assert set(key) <= set(shown) and shown == [name for name in names if name in shown]
    if len(shown) < len(names):
        assert "not shown: " in " ".join(lines) and lines[-1].endswith("csv")


def test_views_show_the_keys_they_pass_on(drawn):
    names = [column.name for column in TRADES.columns]
    shown = drawn(names, [[tuple("x" * 12 for _ in names)]], 80)[0].split()
    assert {"delivery_date", "record_number", "revision", "cusip"} <= set(shown)


def test_texts_are_cut_before_columns_are_dropped(drawn):
    row = ("w" * 60, "v" * 60, 1.5)
    lines = drawn(["one", "two", "n"], [[row]], 80)
    assert lines[0].split() == ["one", "two", "n"] and lines[1].count("…") == 2
    # Where everything fits nothing is cut, and a pipe is never too narrow.
    assert "…" not in drawn(["one", "n"], [[("w" * 60, 1.5)]], 80)[1]
    assert "…" not in drawn(["one", "two", "n"], [[row]])[1]


def test_a_number_is_never_cut(drawn):
    big = 123456789012345678901234567890
    lines = drawn(["a", "n", "b"], [[("w" * 70, big, "v" * 70)]], 80)
    assert str(big) in lines[1]


@given(
    needed=st.lists(st.integers(0, 120), min_size=1, max_size=30),
    room=st.integers(10, 200),
    data=st.data(),
)
def test_what_is_shown_fits_and_the_first_is_there(needed, room, data):
    right = data.draw(
        st.lists(st.booleans(), min_size=len(needed), max_size=len(needed)), label="right"
    )
    first = data.draw(st.permutations(range(len(needed))), label="first")
    shown, widths = _fitting(needed, right, list(first), room)
    assert first[0] in shown and shown == sorted(shown)
    assert _total(widths) <= room or shown == [first[0]]
    assert all(
        width == needed[k] or not right[k] and 24 <= width < needed[k]
        for k, width in zip(shown, widths, strict=True)
    )


@pytest.mark.slow
@given(st.text(max_size=20), st.integers(1, 12))
def test_a_cut_text_has_the_width_asked_for(text, width):
    assert cell_len(result_table._cut(text, width)) == width
