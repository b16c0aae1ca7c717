"""What a person is told of the news behind a score, from tables made by hand."""

from __future__ import annotations

from datetime import date, datetime

import polars as pl
import pytest

from bondsig_assets.reporting.news_trail import News, news_behind
from bondsig_assets.tables.news_features import NEWS_AGES

DAY = date(2024, 3, 6)
KNOWN_AT = datetime(2024, 3, 6, 18, 30)


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
        # Of the five bonds of the market the middle one moved by 2 bp.
        changes = {"A": 42.0, "B": 30.0, "C": -3.0, "X": 1.0, "Y": 2.0}
        return pl.DataFrame({"cusip": list(changes), "change": list(changes.values())})
    row = {f"credit_news_{k}": 0.1 for k in NEWS_AGES}
    row |= {f"credit_news_probability_{k}": 0.02 for k in NEWS_AGES}
    row |= {f"stock_return_{k}": 0.0 for k in NEWS_AGES}
    row |= {"credit_news_2": -8.0, "credit_news_probability_2": 0.8}
    row |= {"stock_return_0": -0.6, "stock_return_1": -0.4, "stock_return_2": 9.0}
    return pl.DataFrame([row])


def test_news_is_dated_and_its_bonds_and_its_stock_are_asked():
    (news,) = news_behind(read, "P0001", DAY, KNOWN_AT, ["A", "B", "C"])
    # -1 of -8 / 0.8 x 0.5 is given back; C moved against the news.
    assert news == News(date(2024, 3, 4), -8.0, 0.8, pytest.approx(0.2), 3, 2, 28.0)
    assert news.sentence() == (
        "2024-03-04: bad news of 8.0 daily volatilities, probability 0.80; spreads of 2 of 3 bonds"
        " moved that way, the middle one 28 bp wider beyond the market; the stock has answered 20 %"
        " of what stocks give back"
    )


def test_where_no_answer_is_believed_and_no_bond_traded_it_says_so():
    told = News(DAY, 2.0, 0.6, None, 0, 0, None).sentence()
    assert "good news" in told and "no answer of stocks is believed" in told
    assert "no bond with a price before it traded that day" in told


def test_a_day_without_a_row_has_no_news():
    assert not news_behind(lambda *_: pl.DataFrame(), "P0001", DAY, KNOWN_AT, [])
