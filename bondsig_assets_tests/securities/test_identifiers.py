"""CUSIPs of eight and nine characters and ISINs are one and the same bond."""

from __future__ import annotations

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bondsig_assets.securities.cusips import with_check_digit
from bondsig_assets.securities.identifiers import read_cusips, recognise_cusips

#: A busy machine is no fault of what is tested.
QUICK = settings(deadline=None)
EIGHTS = st.lists(
    st.text("0123456789ABCDEFGHJKLMNPQRSTUVWXYZ", min_size=8, max_size=8).filter(
        lambda text: not text.isdigit()
    ),
    min_size=1,
    max_size=20,
)
WRITTEN = [
    lambda nine: nine,
    lambda nine: nine.lower(),
    lambda nine: f" {nine[:6]} {nine[6:8]} {nine[8]}",
    lambda nine: f"{nine[:6]}-{nine[6:8]}-{nine[8]}",
    lambda nine: f"'{nine}",
    lambda nine: nine[:8],
    lambda nine: f"US{nine}0",
]


def read(values):
    column = pl.Series(values)
    form = recognise_cusips(column)
    return form, read_cusips(column, form)


@QUICK
@given(EIGHTS, st.sampled_from(WRITTEN))
def test_every_way_of_writing_is_the_same_bond(eights, written):
    nines = with_check_digit(pl.Series(eights)).to_list()
    form, found = read([written(nine) for nine in nines])
    assert found["cusip"].to_list() == nines and not found["is_wrong"].any()
    assert form.is_usual == (written(nines[0]) == nines[0])


@QUICK
@given(EIGHTS, st.integers(1, 9))
def test_one_wrong_check_digit_is_wrong_and_the_others_stay(eights, by):
    nines = with_check_digit(pl.Series([*eights, "037833AK", "459200HU"])).to_list()
    wrong = nines[0][:8] + str((int(nines[0][8]) + by) % 10)
    form, found = read([wrong, *nines, *nines])
    assert form.is_checked and found["is_wrong"].to_list() == [True] + [False] * 2 * len(nines)


def test_a_column_without_check_digits_stands_as_it_is():
    values = ["037833AK0", "459200HU0", "17275RAD0", "037833AK6"]
    form, found = read(values)
    assert not form.is_checked and "75% end in another one" in form.said
    assert found["cusip"].to_list() == values and not found["is_wrong"].any()


@pytest.mark.parametrize(
    ("values", "cusips"),
    [
        ([97023105, 931142103], ["097023105", "931142103"]),
        ([97023105.0, None], ["097023105", None]),
        (["97023105", "931142103"], ["097023105", "931142103"]),
        (["US097023105X", "NA", None, ""], ["097023105", None, None, None]),
        (["XS1234567890", "037833AK6"], ["XS1234567890", "037833AK6"]),
    ],
)
def test_lost_zeros_blanks_and_foreign_isins(values, cusips):
    found = read(values)[1]
    assert found["cusip"].to_list() == cusips
    assert found["is_wrong"].to_list() == [bool(one and one.startswith("XS")) for one in cusips]


@QUICK
@given(st.lists(st.text() | st.none(), max_size=20))
def test_any_text_is_read(values):
    column = pl.Series(values, dtype=pl.String)
    assert read_cusips(column, recognise_cusips(column)).height == len(values)
