"""Check digits against CUSIPs everybody knows."""

from __future__ import annotations

import polars as pl
import pytest

from bondsig_assets.securities.cusips import (
    as_cusips,
    cusip_check_digit,
    is_valid_cusip,
    with_check_digit,
)

KNOWN = ["037833100", "17275R102", "594918104", "38259P508", "68389X105", "037833AK6", "00206RCP5"]


def test_known_cusips():
    known = pl.Series("cusip", KNOWN)
    assert is_valid_cusip(known).all()
    assert cusip_check_digit(known).to_list() == [cusip[8] for cusip in KNOWN]
    assert with_check_digit(known.str.slice(0, 8)).to_list() == KNOWN


@pytest.mark.parametrize("position", range(9))
def test_one_wrong_digit_is_found(position):
    # A letter may share its check value with a digit; no two digits do.
    wrong = [
        f"{cusip[:position]}{(int(cusip[position]) + 1) % 10}{cusip[position + 1 :]}"
        for cusip in KNOWN
        if cusip[position].isdigit()
    ]
    assert wrong and not is_valid_cusip(pl.Series(wrong)).any()


def test_malformed_and_missing_are_not_valid():
    malformed = pl.Series(["03783310", "0378331000", "03783310a", "", None, "037833 00"])
    assert not is_valid_cusip(malformed).any()
    assert cusip_check_digit(pl.Series(["037833", None, "abcdefgh"])).to_list() == [
        None,
        None,
        None,
    ]
    assert is_valid_cusip(pl.Series([], dtype=pl.String)).is_empty()


#: ISINs everybody knows, with the CUSIP inside.
ISINS = {"US0378331005": "037833100", "US5949181045": "594918104", "CA0679011084": "067901108"}


def test_isins_lead_to_the_cusip_inside():
    assert as_cusips(pl.Series(list(ISINS))).to_list() == list(ISINS.values())
    foreign = ["GB0002634946", "US0378331004", "XS0000000009"]
    assert as_cusips(pl.Series(foreign)).to_list() == foreign
    assert not is_valid_cusip(as_cusips(pl.Series(foreign))).any()


def test_eight_characters_get_their_check_digit_and_nothing_else_changes():
    given = pl.Series("id", [cusip[:8] for cusip in KNOWN])
    assert as_cusips(given).to_list() == KNOWN
    mixed = pl.Series("id", [" 037833ak6 ", None, "", "0378331", "037833AK7"])
    assert as_cusips(mixed).to_list() == ["037833AK6", None, "", "0378331", "037833AK7"]
    assert as_cusips(pl.Series("id", [], dtype=pl.String)).name == "id"


def test_a_zero_that_a_spreadsheet_dropped_comes_back():
    spoilt = pl.Series(["37833100", *KNOWN[1:]])
    assert as_cusips(spoilt).to_list() == KNOWN
    # Alone it is taken for what it looks like.
    assert as_cusips(spoilt.head(1)).to_list() == with_check_digit(spoilt.head(1)).to_list()
