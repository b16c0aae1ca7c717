"""What a person is told of the news behind a score, from tables made by hand."""

from __future__ import annotations

from datetime import date, datetime

import polars as pl
import pytest

from bondsig_assets.reporting.news_trail import News, news_behind
from bondsig_assets.tables.news_features import NEWS_AGES

DAY = date(2024, 3, 6)
KNOWN_AT = datetime(2024, 3, 6, 18, 30)
#: Sector of the fifth bond that may say what the sector did.
FIFTH = ["energy"]


def read(sql: str, parameters: list) -> pl.DataFrame:
    """The four tables that are asked, by what the question names."""
    if "credit_news_parameters" in sql:
        assert parameters == [date(2024, 1, 1), "high_yield"]
        return pl.DataFrame({"whole": [0.5]})
    if "issuer_days" in sql:
        return pl.DataFrame({"rating_number": [13.0]})
    if "bond_days_as_of" in sql:
        assert "2024-03-06 18:30:00" in sql
        assert parameters[1] == date(2024, 3, 4)
        # Of the other issuers' seven bonds the middle one moved by 2 bp, of the five in its sector
        # by 12.
        others = {"V": -9.0, "W": 2.0, "X": 11.0, "Y": 12.0, "Z": 13.0, "R": -20.0, "S": -30.0}
        changes = {"A": 42.0, "B": 30.0, "C": -3.0} | others
        return pl.DataFrame(
            {
                "cusip": list(changes),
                "change": list(changes.values()),
                "parent_id": ["P0001"] * 3 + ["P0002"] * 7,
                "sector": ["energy"] * 3 + ["energy"] * 4 + [FIFTH[0]] + ["banks"] * 2,
            }
        )
    row = {f"credit_news_{k}": 0.1 for k in NEWS_AGES}
    row |= {f"credit_news_probability_{k}": 0.02 for k in NEWS_AGES}
    row |= {f"stock_return_{k}": 0.0 for k in NEWS_AGES}
    row |= {"credit_news_2": -8.0, "credit_news_probability_2": 0.8}
    row |= {"stock_return_0": -0.6, "stock_return_1": -0.4, "stock_return_2": 9.0}
    return pl.DataFrame([row])


def test_news_is_dated_and_its_bonds_and_its_stock_are_asked():
    (news,) = news_behind(read, "P0001", DAY, KNOWN_AT, ["A", "B", "C"])
    # -1 of -8 / 0.8 x 0.5 is given back; C moved against the news; 30 less the sector's 11.
    assert news == News(date(2024, 3, 4), -8.0, 0.8, pytest.approx(0.2), 3, 2, 19.0, True)
    assert news.sentence() == (
        "2024-03-04: bad news of 8.0 daily volatilities, probability 0.80; spreads of 2 of 3 bonds"
        " moved that way, the middle one 19 bp wider beyond market and sector; the stock has"
        " answered 20 % of what stocks give back"
    )


def test_a_sector_of_too_few_bonds_leaves_the_market_as_the_measure(monkeypatch):
    monkeypatch.setattr(f"{__name__}.FIFTH", ["utilities"])
    (news,) = news_behind(read, "P0001", DAY, KNOWN_AT, ["A", "B", "C"])
    assert (news.change_bps, news.is_beyond_sector) == (28.0, False)
    assert "28 bp wider beyond the market;" in news.sentence()


def test_where_no_answer_is_believed_and_no_bond_traded_it_says_so():
    told = News(DAY, 2.0, 0.6, None, 0, 0, None).sentence()
    assert "good news" in told and "no answer of stocks is believed" in told
    assert "no bond with a price before it traded that day" in told


def test_a_day_without_a_row_has_no_news():
    assert not news_behind(lambda *_: pl.DataFrame(), "P0001", DAY, KNOWN_AT, [])
