"""HTML of pages: nothing of the warehouse is markup, and numbers carry their value."""

from __future__ import annotations

import json
import re
from datetime import date, datetime

import polars as pl
import pytest

from bondsig_assets.reporting.site import layout
from bondsig_assets.reporting.site.layout import Column, Frame, Line, Picture
from bondsig_assets.reporting.site.questions import Answer, question

_EVIL = "</script><script>alert('x')</script>\"&"
_FRAME = Frame(date(2024, 3, 1), "A market", "simulated", {"P1": "ABC.html"})


def answer(**columns) -> Answer:
    return Answer(question("asked", f"SELECT '{_EVIL}' < 1"), pl.DataFrame(columns))


def test_nothing_of_the_warehouse_becomes_markup():
    rows = answer(name=[_EVIL], parent_id=["P1"], value=[1.5])
    shown = (
        layout.table(rows, [Column("name", _EVIL), Column("value", "v", ".1f")], _FRAME, _EVIL)
        + layout.section("here", _EVIL, note=_EVIL)
        + layout.facts(rows, [Column("name", _EVIL)])
        + layout.charts(
            Answer(rows.question, pl.DataFrame({"at": [date(2024, 1, 2)], "value": [1.0]})),
            [Picture("one", _EVIL, [Line("value", _EVIL)], _EVIL)],
            _FRAME,
            x="at",
        )
    )
    page = layout.page(Frame(_FRAME.day, _EVIL, _EVIL), "index.html", _EVIL, shown, _EVIL)
    assert "alert" in page and "<script>alert" not in page
    assert page.count("<script") == 3 and page.count("</script>") == 3
    assert not re.search(r"='[^']*alert\('x", page), "an attribute ends early"


@pytest.mark.parametrize(
    ("value", "form", "said"),
    [
        (None, "+.2f", ""),
        (float("nan"), "+.2f", ""),
        (-0.001, "+.2f", "0.00"),
        (0.0, "+.2f", "0.00"),
        (-0.005001, "+.2f", "-0.01"),
        (1234567.8, ",.0f", "1,234,568"),
        (True, "text", "True"),
        (["one", "two"], "text", "one, two"),
        (64.0, "digits", "64"),
        (-0.0168123, "digits", "-0.01681"),
        (30356153.625, "digits", "30,356,154"),
        (datetime(2024, 3, 1, 18, 30), "text", "2024-03-01 18:30"),
        (date(2024, 3, 1), "text", "2024-03-01"),
    ],
)
def test_how_values_are_written(value, form, said):
    assert layout.written(value, form) == said


def test_a_number_carries_its_value_to_the_last_bit():
    value = 0.1 + 0.2
    shown = layout.table(answer(v=[value, None]), [Column("v", "v", ".1f")], _FRAME, "t")
    assert re.findall(r'data-v="([^"]*)">([^<]*)</td>', shown) == [
        (repr(value), "0.3"),
        ("", ""),
    ]


def test_bars_are_as_long_as_numbers_are_large():
    shown = layout.table(
        answer(v=[-2.0, 1.0, None, 0.0]), [Column("v", "v", ".1f", bar=True)], _FRAME, "t"
    )
    assert re.findall(r'class="(bar[^"]*)" style="width:([\d.]+)%', shown) == [
        ("bar down", "100.0"),
        ("bar", "50.0"),
        ("bar", "0.0"),
    ]


def test_links_lead_to_pages_there_are():
    rows = answer(ticker=["ABC", "XYZ"], parent_id=["P1", "P2"])
    shown = layout.table(rows, [Column("ticker", "t", "issuer")], _FRAME.within("../"), "t")
    assert '<a href="../issuers/ABC.html">ABC</a>' in shown and "<td>XYZ</td>" in shown


def test_what_has_no_name_is_no_link():
    shown = layout.table(
        answer(ticker=[None, "ABC"], parent_id=["P1", "P1"]),
        [Column("ticker", "t", "issuer")],
        _FRAME,
        "t",
    )
    assert shown.count("<a ") == 1 and "<td></td>" in shown


def test_a_chart_says_that_it_is_simulated_and_where_it_ends():
    days = [date(2024, 1, 2), date(2024, 1, 3), date(2024, 1, 4)]
    rows = answer(at=days, value=[1.0, 2.3456789, None], none=[None, None, None])
    shown = layout.charts(
        rows,
        [
            Picture("one", "Spread", [Line("value", "spread")], "bp"),
            Picture("two", "Basis", [Line("none", "basis")]),
        ],
        _FRAME,
        x="at",
    )
    assert "Spread (simulated)" in shown and "spread 2.346 bp at 2024-01-03" in shown
    assert "Basis: no value yet." in shown
    (told,) = re.findall(r"data-chart='([^']*)'", shown)
    assert json.loads(told)["note"] == "simulated" and json.loads(told)["time"] is True
    (data,) = re.findall(r'type="application/json" id="asked-data">(.*?)</script>', shown)
    assert json.loads(data)["columns"] == {"at": [19724, 19725, 19726], "value": [1, 2.34568, None]}


def test_an_empty_answer_says_so_and_keeps_its_sql():
    rows = Answer(question("asked", "SELECT 1"), pl.DataFrame(schema={"v": pl.Float64}))
    shown = layout.table(rows, [Column("v", "v")], _FRAME, "t", empty="None rang.")
    assert "None rang." in shown and 'data-sql="asked"' in shown and "<table" not in shown
