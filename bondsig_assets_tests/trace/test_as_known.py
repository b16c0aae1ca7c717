"""Whatever the messages say: nothing is lost, nothing ends twice, and the past is never rewritten.

Random streams draw from few terms, so that equal trades, early endings, pairs and chains are
frequent.
"""

from __future__ import annotations

from datetime import datetime, time

import duckdb
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bondsig_assets.trace.options import NONE
from bondsig_assets_tests.trace.messages import (
    DAYS,
    ID,
    arrivals,
    bond,
    daily,
    delivered,
    ending,
    message,
    newest,
    processed,
)

KNOWN, LATE, UNKNOWN = "037833AK6", "459200HU8", "000000AA0"
BONDS = pl.concat([bond(KNOWN), bond(LATE, known_at=datetime.combine(DAYS[3], time(9)))])
FEW = settings(max_examples=20, deadline=None)


#: Terms that many messages share, so that they meet; the others are drawn apart.
SHARED = [
    (100.0, 1e5, "S", "C", KNOWN, 9),
    (100.0, 1e5, "S", "D", KNOWN, 9),
    (100.0, 1e5, "B", "D", KNOWN, 9),
]


@st.composite
def streams(draw: st.DrawFn) -> pl.DataFrame:
    """Reports of seven deliveries, most of them about one hour of one day and three kinds of
    trade.
    """
    pick = st.sampled_from
    apart = st.tuples(
        pick([100.0, 101.0, 10.0, 55.0]),
        pick([1e5, 2e5, 5e3]),
        pick("SB"),
        pick("CDA"),
        pick([KNOWN, LATE, UNKNOWN]),
        pick([9, 10]),
    )
    terms = st.one_of(pick(SHARED), pick(SHARED), pick(SHARED), apart)
    one = st.tuples(
        st.integers(0, 6), pick([0, 0, 0, 0, 1, 9]), pick("TTTTRRXXXCYQ"), pick("1112"), terms
    )
    messages = []
    for day, executed, status, number, (price, par, side, contra, cusip, hour) in draw(
        st.lists(one, min_size=3, max_size=40)
    ):
        messages.append(
            message(
                day,
                number,
                status,
                on=min(executed, day + 1),
                at=time(hour),
                price=price,
                par_usd=par,
                side=side,
                contra=contra,
                cusip=cusip,
                original_message_number=number if status == "Y" else None,
            )
        )
    return delivered(*messages)


@FEW
@given(streams())
def test_every_report_is_accounted_for(reports):
    events = processed(reports, bonds=BONDS).events
    kept = [
        "cusip",
        "execution_date",
        "status",
        "message_number",
        "par_usd",
        "side",
        "contra",
        "known_at",
    ]
    for known in (arrivals(events), newest(events)):
        assert known.select(*ID, *kept[:-1]).equals(reports.sort(ID).select(*ID, *kept[:-1]))
    assert arrivals(events)["known_at"].equals(reports.sort(ID)["known_at"])
    assert (
        newest(events)
        .select(price=pl.coalesce("price_as_reported", "price"))["price"]
        .equals(reports.sort(ID)["price"])
    )
    assert events.filter(~pl.col("status").is_in(["T", "R"]))["reason"].null_count() == 0
    assert not events.select(*ID, "revision").is_duplicated().any()


@pytest.mark.slow
@FEW
@given(streams(), st.sets(st.integers(0, 5)))
def test_a_range_gives_the_events_of_its_days(reports, cuts):
    whole, single, pieces = (
        processed(reports, bonds=BONDS),
        daily(reports, BONDS),
        processed(reports, *sorted(cuts), 6, bonds=BONDS),
    )
    for other in (single, pieces):
        assert other.events.equals(whole.events)
        assert other.revisions.equals(whole.revisions)


@FEW
@given(streams(), st.integers(0, 5))
def test_later_deliveries_change_nothing_already_known(reports, last):
    is_early = pl.col("delivery_date") <= DAYS[last]
    early, whole = (
        processed(reports.filter(is_early), bonds=BONDS),
        processed(reports, bonds=BONDS),
    )
    assert early.events.equals(whole.events.filter(pl.col("known_date") <= DAYS[last]))
    assert early.revisions.equals(whole.revisions.filter(pl.col("known_date") <= DAYS[last]))


@pytest.mark.slow
@FEW
@given(streams())
def test_a_trade_ends_once_and_never_before_it_was_reported(reports):
    events = processed(reports, bonds=BONDS).events
    cause = ["cause_delivery_date", "cause_record_number"]
    ended = events.filter(pl.col("reason").str.starts_with("ended_by"))
    assert (
        not ended.select(ID).is_duplicated().any() and not ended.select(cause).is_duplicated().any()
    )
    assert ended.filter(pl.col("known_date") != pl.col("cause_delivery_date")).is_empty()
    later = (pl.col("cause_delivery_date") > pl.col("delivery_date")) | (
        pl.col("cause_record_number") > pl.col("record_number")
    )
    assert ended.filter(~later).is_empty()
    messages = newest(events).filter(
        pl.col("reason").is_in(["cancel_message", "correction_message", "reversal_message"])
    )
    assert set(messages.select(ID).rows()) == set(ended.select(cause).rows())
    # No sell leg stands for two buy legs, and it is a sell leg between dealers that no message has
    # ended.
    legs = newest(events).filter(pl.col("reason") == "interdealer_buy_leg")
    assert not legs.select(cause).is_duplicated().any()
    sold = legs.select(cause).join(newest(events), left_on=cause, right_on=ID)
    assert (
        sold.height == legs.height and (sold["side"] == "S").all() and (sold["contra"] == "D").all()
    )
    assert not sold["reason"].fill_null("").str.starts_with("ended_by").any()


def _naive_endings(reports: pl.DataFrame) -> dict[tuple, tuple]:
    """One message after the other, in plain Python: each ending takes the oldest open trade of its
    terms and number.
    """
    open_trades: dict[tuple, list[tuple]] = {}
    found, seen = {}, set()
    for row in reports.sort(ID).iter_rows(named=True):
        terms = tuple(
            row[name] for name in ("cusip", "executed_at", "price", "par_usd", "side", "contra")
        )
        key = (row["delivery_date"], row["record_number"])
        copy = (
            *terms,
            row["status"],
            row["message_number"],
            row["reported_at"],
            row["original_message_number"],
        )
        if copy in seen:
            continue
        seen.add(copy)
        if row["status"] in "TR":
            open_trades.setdefault((*terms, row["message_number"]), []).append(key)
        elif row["status"] in "XCY":
            queue = open_trades.get(
                (
                    *terms,
                    (
                        row["original_message_number"]
                        if row["status"] == "Y"
                        else row["message_number"]
                    ),
                )
            )
            if queue:
                found[key] = queue.pop(0)
    return found


@FEW
@given(streams())
def test_endings_agree_with_one_message_after_the_other(reports):
    events = newest(processed(reports, bonds=BONDS).events)
    ended = events.filter(pl.col("reason").str.starts_with("ended_by")).select(
        "cause_delivery_date", "cause_record_number", *ID
    )
    assert {row[:2]: row[2:] for row in ended.iter_rows()} == _naive_endings(reports)


@FEW
@given(streams())
def test_live_legs_of_both_sides_are_paired_to_the_last(reports):
    """Among live inter-dealer trades of equal terms, as many buy legs stand as there are more of
    them than sell legs.
    """
    events = newest(processed(reports, bonds=BONDS, screens=NONE).events)
    legs = events.filter(
        (pl.col("contra") == "D")
        & (pl.col("reason").is_null() | (pl.col("reason") == "interdealer_buy_leg"))
    )
    for _, group in legs.group_by("cusip", "execution_date", "price", "par_usd"):
        buys, sells = group.filter(pl.col("side") == "B"), group.filter(pl.col("side") == "S")
        assert sells["reason"].null_count() == sells.height
        assert buys["reason"].null_count() == max(buys.height - sells.height, 0)


@FEW
@given(streams())
def test_revisions_agree_with_a_naive_count_as_of_their_day(reports):
    tables = processed(reports, bonds=BONDS)
    for row in tables.revisions.iter_rows(named=True):
        then = newest(tables.events.filter(pl.col("known_date") <= row["known_date"]))
        day = then.filter(
            (pl.col("cusip") == row["cusip"]) & (pl.col("execution_date") == row["trade_date"])
        )
        standing = day.filter(pl.col("reason").is_null())
        assert (row["n_trades"], row["par_usd"]) == (standing.height, standing["par_usd"].sum())
        assert (row["price_low"], row["n_quarantined"]) == (
            standing["price"].min(),
            day.filter(pl.col("reason") == "price_error").height,
        )


class _FileOfEvents:
    """Just enough of a warehouse for the readers of `reading/reports.py`, over frames in memory."""

    def __init__(self, **tables: pl.DataFrame):
        self.connection = duckdb.connect()
        for name, frame in tables.items():
            self.connection.register(name, frame.to_arrow())

    def read_table(self, table, columns=None, where="true", between=None, among=None):
        rows = self.connection.sql(f"SELECT * FROM {table} WHERE {where}").pl()
        if among is not None:
            rows = rows.join(among, on=among.columns, how="semi")
        return rows.select(columns or rows.columns)


def _reads_alike(reports: pl.DataFrame, today: int) -> None:
    from bondsig_assets.reading.reports import earlier_reports, lifetimes_of_days
    from bondsig_assets.trace.bond_days import touched_days

    tables = processed(reports, bonds=BONDS)
    warehouse, new = (
        _FileOfEvents(trade_events=tables.events, trace_reports=tables.reports),
        reports.filter(pl.col("delivery_date") >= DAYS[today]),
    )
    mine, theirs = (
        tables.earlier_reports(new, DAYS[today]),
        earlier_reports(warehouse, new, DAYS[today]),
    )
    assert mine.sort(ID).equals(theirs.select(mine.columns).sort(ID))
    changed = touched_days(tables.events)
    mine, theirs = (
        tables.lifetimes_of_days(changed, DAYS[today]),
        lifetimes_of_days(warehouse, changed, DAYS[today]),
    )
    assert (
        mine.select(theirs.columns)
        .sort("row", "known_date")
        .equals(theirs.sort("row", "known_date"))
    )


@settings(max_examples=5, deadline=None)
@given(streams(), st.integers(1, 6))
def test_the_tables_of_these_tests_read_what_the_assets_read(reports, today):
    _reads_alike(reports, today)


def test_it_reads_alike_what_a_sell_leg_ended_and_what_is_dated_ahead():
    bought = message(0, "1", side="B", contra="D")
    ahead = message(0, "2", on=1)
    story = [
        bought,
        message(1, "3", on=0, side="S", contra="D"),
        ahead,
        ending("X", 1, ahead),
        ending("X", 2, bought),
        ending("X", 3, bought),
    ]
    for today in (1, 2, 3):
        _reads_alike(delivered(*story), today)
    assert processed(delivered(*story)).events.equals(daily(delivered(*story)).events)
