"""What holds for every recipe: one answer for every report."""

from __future__ import annotations

from datetime import date, time
from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bondsig_assets.trace.recipes import RECIPES
from bondsig_assets_tests.trace.recipes.stories import frame, message

DAYS = [date(2010, 6, 1), date(2010, 6, 2), date(2016, 6, 1), date(2016, 6, 2)]


@st.composite
def messages(draw) -> dict[str, Any]:
    """Anything that could stand in a file, out of few values so that it often matches."""
    day = draw(st.sampled_from(DAYS))
    return message(
        draw(st.sampled_from("1234")),
        draw(st.sampled_from("TTTCWXYRN")),
        day=day,
        at=time(draw(st.sampled_from([10, 11]))),
        reported=draw(st.sampled_from([day, max(day, DAYS[1])])),
        original_message_number=draw(st.sampled_from([None, "1", "2", "3"])),
        asof_code=draw(st.sampled_from([None, None, "A", "R", "D", "X"])),
        price=draw(st.sampled_from([None, 10.0, 50.0, 100.0, 100.5])),
        side=draw(st.sampled_from([None, "B", "S"])),
        contra=draw(st.sampled_from([None, "A", "C", "D"])),
        **draw(st.sampled_from([{}, {}, {"executed_at": None}])),
        is_when_issued=draw(st.sampled_from([None, True, False])),
        cusip=draw(st.sampled_from(["A", "B"])),
    )


#: The kernel of one of them takes eight seconds to compile.
_EACH = [
    pytest.param(name, marks=[pytest.mark.slow] if name == "osbap" else []) for name in RECIPES
]


@pytest.mark.parametrize("name", _EACH)
@settings(max_examples=60, deadline=None)
@given(reported=st.lists(messages(), max_size=25))
def test_every_report_has_one_answer(name, reported):
    reports = frame(*reported)
    answer = RECIPES[name](reports, None)
    assert dict(answer.schema) == {"row": pl.Int64, "reason": pl.String, "price": pl.Float64}
    assert answer["row"].to_list() == reports["row"].to_list()
    kept = reports.filter(answer["reason"].is_null())
    assert kept["status"].is_in(["T", "R", "W"]).all()


def test_the_names_of_the_recipes():
    assert list(RECIPES) == ["osbap", "tidy", "dick-nielsen"]
