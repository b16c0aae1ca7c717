"""Bond days made of quotes: trades win, a revision sees the newest quote known at its cutoff, and
what only trades tell is null.
"""

from __future__ import annotations

from datetime import date, datetime, time
from typing import Any

import polars as pl
import pytest

from bondsig_assets.calendar import offset
from bondsig_assets.tables import TABLES
from bondsig_assets.tables.clean import BOND_DAY_MEASURES
from bondsig_assets.trace.bond_days import lifetimes, revise, touched_days
from bondsig_assets.trace.quoted_days import known_dates, touched_by_quotes, with_quotes
from bondsig_assets_tests.rows_of import rows_of
from bondsig_assets_tests.trace.messages import (
    CUSIP,
    DAYS,
    daily,
    delivered,
    ending,
    message,
    processed,
)

OTHER = "037833AJ9"
KEY = ["cusip", "trade_date", "known_date"]


def quote(day: int, at: time = time(16), later: int = 0, **changes: Any) -> dict[str, Any]:
    """A quote of CUSIP on DAYS[day], known `later` trading days on."""
    return {
        "cusip": CUSIP,
        "trade_date": DAYS[day],
        "price": 97.0,
        "known_at": datetime.combine(offset(DAYS[day], later), at),
    } | changes


def revised(
    reports: list[dict[str, Any]], *quotes: dict[str, Any], last: int = 9, first: int = 0
) -> pl.DataFrame:
    """Bond-day revisions known on DAYS[first] … DAYS[last], as the asset makes them."""
    said = rows_of("bond_day_quotes", *quotes)
    events = (
        processed(delivered(*reports)).events if reports else TABLES["trade_events"].empty()
    ).filter(pl.col("known_date") <= DAYS[last])
    of_trades = touched_days(events.filter(pl.col("known_date") >= DAYS[first]))
    both = pl.concat([of_trades, touched_by_quotes(said, DAYS[first], DAYS[last])]).unique()
    rows = with_quotes(revise(both.sort(KEY), lifetimes(events)), said, of_trades)
    return TABLES["bond_day_revisions"].conform(rows).sort(KEY)


def test_a_quote_makes_a_bond_day_with_null_in_what_only_trades_tell():
    (row,) = revised([], quote(0, par_usd=2e6, n_trades=3)).rows(named=True)
    told = {"price": 97.0, "par_usd": 2e6, "n_trades": 3}
    assert {name: row[name] for name in told} == told
    assert (row["source"], row["known_date"]) == ("quotes", DAYS[0])
    silent = [m.name for m in BOND_DAY_MEASURES if m.name not in told]
    assert len(silent) > 25 and all(row[name] is None for name in silent)
    (row,) = revised([], quote(0)).rows(named=True)
    assert row["par_usd"] is None and row["n_trades"] is None, "missing is null, never zero"


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ({"yield_pct": 5.0, "spread_bps": 90.0}, (97.0, None, None)),
        ({"price": None, "yield_pct": 5.0, "spread_bps": 90.0}, (None, 5.0, None)),
        ({"price": None, "spread_bps": 90.0}, (None, None, 90.0)),
    ],
)
def test_a_price_goes_before_a_yield_and_a_yield_before_a_spread(given, kept):
    row = revised([], quote(0, **given)).row(0, named=True)
    assert (row["price"], row["quoted_yield_pct"], row["quoted_spread_bps"]) == kept


def test_trades_win_and_a_quote_beside_them_adds_no_revision():
    trade = message(0, "1", price=99.0)
    alone, both = revised([trade]), revised([trade], quote(0, later=1), quote(1))
    assert both.filter(pl.col("trade_date") == DAYS[0]).equals(alone)
    assert alone["source"].to_list() == ["trades"]
    assert both["source"].to_list() == ["trades", "quotes"]


def test_a_quote_stands_in_from_the_day_the_last_trade_is_withdrawn():
    trade = message(0, "1", price=99.0)
    told = revised([trade, ending("X", 3, trade)], quote(0)).select("known_date", "source", "price")
    assert told.rows() == [(DAYS[0], "trades", 99.0), (DAYS[3], "quotes", 97.0)]
    without = revised([trade, ending("X", 3, trade)])
    assert without.select("source", "n_trades").rows() == [("trades", 1), (None, 0)]


def test_late_trades_take_the_day_back():
    late = message(2, "1", on=0, price=99.0, asof_code="A")
    told = revised([late], quote(0)).select("known_date", "source", "price")
    assert told.rows() == [(DAYS[0], "quotes", 97.0), (DAYS[2], "trades", 99.0)]


def test_a_later_quote_is_a_revision_of_its_own_and_changes_nothing_before():
    told = revised([], quote(0), quote(0, later=2, price=96.0)).select("known_date", "price")
    assert told.rows() == [(DAYS[0], 97.0), (DAYS[2], 96.0)]


@pytest.mark.parametrize(
    ("moment", "known"),
    [
        (datetime(2024, 3, 8, 18, 30), date(2024, 3, 8)),
        (datetime(2024, 3, 8, 18, 31), date(2024, 3, 11)),
        (datetime(2024, 3, 9, 10), date(2024, 3, 11)),
        (datetime(2024, 3, 9, 20), date(2024, 3, 11)),
        (datetime(2024, 3, 7, 9), date(2024, 3, 8)),
    ],
)
def test_a_quote_is_known_at_the_first_cutoff_after_it_and_never_before_its_day(moment, known):
    rows = rows_of(
        "bond_day_quotes", {"trade_date": date(2024, 3, 8), "known_at": moment, "cusip": CUSIP}
    )
    assert known_dates(rows).to_list() == [known]


def test_days_one_by_one_are_the_range_bit_for_bit():
    trade = message(1, "1", price=99.0)
    reports = [trade, ending("X", 4, trade), message(3, "2", on=2, price=98.0, asof_code="A")]
    quotes = [
        *(quote(day, price=95.0 + day, par_usd=1e5 * day) for day in range(6)),
        *(quote(day, cusip=OTHER, at=time(20), yield_pct=5.0, price=None) for day in range(6)),
        quote(2, later=3, price=90.0),
    ]
    whole = revised(reports, *quotes)
    days = [revised(reports, *quotes, first=day, last=day) for day in range(10)]
    assert whole.height == 14 and pl.concat(days).sort(KEY).equals(whole)
    seen = revised(reports, *quotes, last=3)
    assert seen.equals(whole.filter(pl.col("known_date") <= DAYS[3]))


def test_prints_that_are_not_believed_are_still_counted():
    usual = [message(0, str(k), at=time(9 + k), price=100.0) for k in range(8)]
    wrong = message(1, "90", price=55.0)
    rows = daily(delivered(*usual, wrong)).revisions.filter(pl.col("trade_date") == DAYS[1])
    assert rows.select("n_trades", "n_quarantined").rows() == [(0, 1)]
    (row,) = (
        revised([*usual, wrong], quote(1)).filter(pl.col("trade_date") == DAYS[1]).rows(named=True)
    )
    assert (row["source"], row["price"], row["n_quarantined"]) == ("quotes", 97.0, 1)
    assert row["n_trades"] is None and row["customer_buy_par_usd"] is None
