"""Whatever the messages say: nothing is lost, nothing ends twice, and the past is never rewritten.

Random streams draw from few terms, so that equal trades, early endings, pairs and chains are frequent.
"""

from __future__ import annotations

from datetime import date, datetime, time

import duckdb
import polars as pl
from hypothesis import given, settings
from hypothesis import strategies as st

from bondsig_assets_tests.trace.messages import DAYS, ID, bond, daily, delivered, ending, message, remembered

KNOWN, LATE, UNKNOWN = "037833AK6", "459200HU8", "000000AA0"
BONDS = pl.concat([bond(KNOWN), bond(LATE, known_at=datetime.combine(DAYS[3], time(9)))])
FEW = settings(max_examples=20, deadline=None)


#: Terms that many messages share, so that they meet; the others are drawn apart.
SHARED = [(100.0, 1e5, "S", "C", KNOWN, 9), (100.0, 1e5, "S", "D", KNOWN, 9), (100.0, 1e5, "B", "D", KNOWN, 9)]


@st.composite
def streams(draw: st.DrawFn) -> pl.DataFrame:
    """Reports of seven deliveries, most of them about one hour of one day and three kinds of trade."""
    pick = st.sampled_from
    apart = st.tuples(pick([100.0, 101.0, 10.0, 55.0]), pick([1e5, 2e5, 5e3]), pick("SB"), pick("CDA"), pick([KNOWN, LATE, UNKNOWN]), pick([9, 10]))
    terms = st.one_of(pick(SHARED), pick(SHARED), pick(SHARED), apart)
    one = st.tuples(st.integers(0, 6), pick([0, 0, 0, 0, 1, 9]), pick("TTTTRRXXXCYQ"), pick("1112"), terms)
    messages = []
    for day, executed, status, number, (price, par, side, contra, cusip, hour) in draw(st.lists(one, min_size=3, max_size=40)):
        messages.append(message(
            day, number, status, on=min(executed, day + 1), at=time(hour), price=price, par_usd=par, side=side, contra=contra, cusip=cusip,
            original_message_number=number if status == "Y" else None,
        ))
    return delivered(*messages)


@FEW
@given(streams())
def test_every_report_is_accounted_for(reports):
    events = remembered(reports, bonds=BONDS).events
    kept = ["cusip", "execution_date", "status", "message_number", "par_usd", "side", "contra", "known_at"]
    assert events.select(*ID, *kept).equals(reports.sort(ID).select(*ID, *kept))
    assert events.select(price=pl.coalesce("price_as_reported", "price"))["price"].equals(reports.sort(ID)["price"])
    assert events.filter(~pl.col("status").is_in(["T", "R"]))["reason"].null_count() == 0


@FEW
@given(streams(), st.sets(st.integers(0, 5)))
def test_a_range_teaches_what_its_days_teach(reports, cuts):
    whole, single, pieces = remembered(reports, bonds=BONDS), daily(reports, BONDS), remembered(reports, *sorted(cuts), 6, bonds=BONDS)
    for other in (single, pieces):
        assert other.events.equals(whole.events)
        assert other.revisions.equals(whole.revisions)


@FEW
@given(streams(), st.integers(0, 5))
def test_later_deliveries_change_nothing_already_told(reports, last):
    is_early = pl.col("delivery_date") <= DAYS[last]
    early, whole = remembered(reports.filter(is_early), bonds=BONDS), remembered(reports, bonds=BONDS)
    assert early.events.equals(whole.events.filter(is_early))
    assert early.revisions.equals(whole.revisions.filter(pl.col("known_date") <= DAYS[last]))


@FEW
@given(streams())
def test_a_trade_ends_once_and_never_before_it_was_told(reports):
    events = remembered(reports, bonds=BONDS).events
    closing = events.filter(pl.col("closes_record_number").is_not_null())
    target = ["closes_delivery_date", "closes_record_number"]
    by_message = closing.filter(pl.col("status").is_in(["X", "C", "Y"]))
    by_sell_leg = closing.filter(~pl.col("status").is_in(["X", "C", "Y"]))
    assert not by_message.select(target).is_duplicated().any()
    assert not by_sell_leg.select(target).is_duplicated().any()
    assert (by_sell_leg["side"] == "S").all() and (by_sell_leg["contra"] == "D").all()
    ended = closing.join(events, left_on=target, right_on=ID, suffix="_trade")
    assert ended.height == closing.height
    assert ended["status_trade"].is_in(["T", "R"]).all()
    assert ended.filter(
        (pl.col("delivery_date") < pl.col("closes_delivery_date"))
        | ((pl.col("delivery_date") == pl.col("closes_delivery_date")) & (pl.col("record_number") < pl.col("closes_record_number")))
    ).is_empty()


def _naive_endings(reports: pl.DataFrame) -> dict[tuple, tuple]:
    """One message after the other, in plain Python: each ending takes the oldest open trade of its terms and number."""
    open_trades: dict[tuple, list[tuple]] = {}
    found = {}
    for row in reports.sort(ID).iter_rows(named=True):
        terms = tuple(row[name] for name in ("cusip", "executed_at", "price", "par_usd", "side", "contra"))
        key = (row["delivery_date"], row["record_number"])
        if row["status"] in "TR":
            open_trades.setdefault((*terms, row["message_number"]), []).append(key)
        elif row["status"] in "XCY":
            queue = open_trades.get((*terms, row["original_message_number"] if row["status"] == "Y" else row["message_number"]))
            if queue:
                found[key] = queue.pop(0)
    return found


@FEW
@given(streams())
def test_endings_agree_with_one_message_after_the_other(reports):
    events = remembered(reports, bonds=BONDS).events
    closing = events.filter(pl.col("closes_record_number").is_not_null() & pl.col("status").is_in(["X", "C", "Y"]))
    assert {row[:2]: row[2:] for row in closing.select(*ID, "closes_delivery_date", "closes_record_number").iter_rows()} == _naive_endings(reports)


@FEW
@given(streams())
def test_revisions_agree_with_a_naive_count_as_of_their_day(reports):
    memory = remembered(reports, bonds=BONDS)
    trades = memory.events.filter(pl.col("reason").is_null())
    ended = memory.events.filter(pl.col("closes_record_number").is_not_null())
    first_end: dict[tuple, date] = {}
    for day, *trade in ended.select("delivery_date", "closes_delivery_date", "closes_record_number").iter_rows():
        first_end[tuple(trade)] = min(day, first_end.get(tuple(trade), day))
    for row in memory.revisions.iter_rows(named=True):
        standing = [
            t for t in trades.iter_rows(named=True)
            if (t["cusip"], t["execution_date"]) == (row["cusip"], row["trade_date"]) and t["delivery_date"] <= row["known_date"]
            and first_end.get((t["delivery_date"], t["record_number"]), date.max) > row["known_date"]
        ]
        assert (row["n_trades"], row["par_usd"]) == (len(standing), sum(t["par_usd"] for t in standing))
        assert row["price_low"] == min((t["price"] for t in standing), default=None)


class _FileOfEvents:
    """Just enough of a warehouse for the readers of `assets/clean.py`, over frames in memory."""

    def __init__(self, **tables: pl.DataFrame):
        self.connection = duckdb.connect()
        for name, frame in tables.items():
            self.connection.register(name, frame.to_arrow())

    def read_table(self, table, columns=("*",), where="true", between=None):
        if between is not None:
            where = f"({where}) AND delivery_date BETWEEN DATE '{between[0]}' AND DATE '{between[1]}'"
        return self.connection.sql(f"SELECT {', '.join(columns)} FROM {table} WHERE {where}").pl()


def _reads_alike(reports: pl.DataFrame, today: int) -> None:
    from bondsig_assets.assets.clean import earlier_medians, earlier_trades, trades_of_days
    from bondsig_assets.trace.bond_days import touched

    memory = remembered(reports, bonds=BONDS)
    lake, new = _FileOfEvents(trade_events=memory.events), reports.filter(pl.col("delivery_date") >= DAYS[today])
    mine, theirs = memory.earlier_trades(new, DAYS[today]), earlier_trades(lake, new, DAYS[today])
    assert mine.sort(ID).equals(theirs.sort(ID))
    assert memory.earlier_medians(DAYS[today]).equals(earlier_medians(lake, DAYS[today]))
    changed = touched(memory.events)
    mine, theirs = memory.trades_of_days(changed, DAYS[today]), trades_of_days(lake, changed, DAYS[today])
    assert mine.select(theirs.columns).sort(ID).equals(theirs.sort(ID))


@settings(max_examples=5, deadline=None)
@given(streams(), st.integers(1, 6))
def test_the_memory_of_these_tests_reads_what_the_assets_read(reports, today):
    _reads_alike(reports, today)


def test_it_reads_alike_what_a_sell_leg_ended_and_what_is_dated_ahead():
    bought = message(0, "1", side="B", contra="D")
    ahead = message(0, "2", on=1)
    story = [bought, message(1, "3", on=0, side="S", contra="D"), ahead, ending("X", 1, ahead), ending("X", 2, bought), ending("X", 3, bought)]
    for today in (1, 2, 3):
        _reads_alike(delivered(*story), today)
    assert remembered(delivered(*story)).events.equals(daily(delivered(*story)).events)
