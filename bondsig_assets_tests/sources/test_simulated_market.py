"""The simulated market as a source: same seed same bits, any day alone, and what each view
shows.
"""

from __future__ import annotations

from datetime import timedelta

import polars as pl
import pytest

from bondsig_assets.errors import SourceError
from bondsig_assets.sources.simulated.worlds import WORLDS, world
from bondsig_assets.tables import RAW_DAILY, RAW_REFERENCE, TABLES
from bondsig_assets_tests.sources.simulated_fixtures import REPORT, all_reports, fresh, shared

VIEWS = ("live", "regulatory")


@pytest.mark.parametrize("view", VIEWS)
def test_same_seed_same_bits_other_seed_others(view):
    days = shared(view).world.days()
    one, again, other = (fresh(view, seed=seed) for seed in (3, 3, 4))
    for table in (name for name in RAW_DAILY if name != "bond_day_quotes"):
        made = [source.daily(table, days[30], days[45]) for source in (one, again, other)]
        assert made[0].rows.height > 0
        assert made[0].rows.equals(made[1].rows) and not made[0].rows.equals(made[2].rows), table
        assert all(made[0].truth[name].equals(made[1].truth[name]) for name in made[0].truth), table
    for table in RAW_REFERENCE:
        made = [source.reference(table, days[-1]) for source in (one, again, other)]
        assert made[0].rows.equals(made[1].rows) and not made[0].rows.equals(made[2].rows), table
    for name, frame in one.truth().items():
        assert frame.equals(again.truth()[name]) and not frame.equals(other.truth()[name]), name


@pytest.mark.parametrize("view", VIEWS)
@pytest.mark.parametrize("position", [0, 57, 200, 437])
def test_a_report_date_made_alone_is_its_slice_of_the_whole(view, position):
    whole = shared(view)
    day = whole.world.days()[position]
    alone = fresh(view).daily("trace_reports", day, day)
    both = whole.daily("trace_reports", *whole.date_range())
    assert alone.rows.height > 50
    assert alone.rows.equals(both.rows.filter(pl.col("delivery_date") == day))
    assert alone.truth["report_truths"].equals(
        both.truth["report_truths"].filter(pl.col("delivery_date") == day)
    )


@pytest.mark.parametrize("view", VIEWS)
def test_chunks_in_any_order_make_the_whole(view):
    days = shared(view).world.days()[100:220]
    whole = fresh(view).daily("trace_reports", days[0], days[-1])
    source = fresh(view)
    chunks = [(days[k], days[min(k + 37, len(days)) - 1]) for k in range(0, len(days), 37)]
    made = {chunk: source.daily("trace_reports", *chunk) for chunk in reversed(chunks)}
    assert pl.concat([made[chunk].rows for chunk in chunks]).equals(whole.rows)
    assert pl.concat([made[chunk].truth["report_truths"] for chunk in chunks]).equals(
        whole.truth["report_truths"]
    )


@pytest.mark.parametrize("table", ["equity_prices", "cds_quotes"])
def test_a_day_of_quotes_alone_is_its_slice_of_the_whole(table):
    whole = shared()
    rows = whole.daily(table, *whole.date_range()).rows
    for day in (whole.world.days()[k] for k in (0, 175, 262, 437)):
        assert (
            fresh().daily(table, day, day).rows.equals(rows.filter(pl.col("trade_date") == day))
        ), day


@pytest.mark.parametrize("view", VIEWS)
def test_every_delivery_has_the_declared_key(view):
    source = shared(view)
    for table in RAW_DAILY:
        rows = source.daily(table, *source.date_range()).rows
        assert rows.select(pl.struct(TABLES[table].key).is_unique().all()).item(), table
    for table in RAW_REFERENCE:
        rows = source.reference(table, source.date_range()[1]).rows
        assert rows.height and rows.select(pl.struct(TABLES[table].key).is_unique().all()).item(), (
            table
        )


def test_nothing_is_reported_before_the_first_day():
    source, first = shared("regulatory"), shared("regulatory").date_range()[0]
    before = source.daily("trace_reports", first - timedelta(days=60), first - timedelta(days=1))
    assert before.rows.is_empty() and before.rows.schema == TABLES["trace_reports"].polars_schema
    assert before.truth["report_truths"].is_empty()
    straddling = source.daily("trace_reports", first - timedelta(days=60), first)
    assert straddling.rows.equals(source.daily("trace_reports", first, first).rows)
    assert all_reports()["execution_date"].min() == first
    for table in ("equity_prices", "cds_quotes"):
        assert source.daily(
            table, first - timedelta(days=60), first - timedelta(days=1)
        ).rows.is_empty(), table


def test_live_shows_only_what_was_disseminated():
    live = all_reports("live")
    assert live["view"].unique().to_list() == ["live"]
    assert live["is_disseminated"].all()
    assert set(live["contra"]) == {"C", "D"}, "affiliate prints are not disseminated"
    assert live.filter(pl.col("contra") == "D")["side"].unique().to_list() == ["S"], (
        "sell leg of inter-dealer trades only"
    )
    assert live["trading_market"].unique().to_list() == ["S1"], "primary market is not disseminated"
    assert (
        live["buyer_capacity"].null_count() == live["seller_capacity"].null_count() == live.height
    )


def test_live_par_is_capped_by_the_rating_of_the_execution_date():
    source, live = shared("live"), all_reports("live")
    ratings = (
        source.reference("ratings", source.date_range()[1])
        .rows.select("issuer_id", "rating_date", "rating_number")
        .sort("rating_date")
    )
    issuer_of = source.reference("bonds", source.date_range()[1]).rows.select("cusip", "issuer_id")
    capped = (
        live.join(issuer_of, on="cusip")
        .sort("execution_date")
        .join_asof(
            ratings,
            left_on="execution_date",
            right_on="rating_date",
            by="issuer_id",
            check_sortedness=False,
        )
        .with_columns(cap=pl.when(pl.col("rating_number") >= 11).then(1e6).otherwise(5e6))
    )
    assert capped["rating_number"].null_count() == 0
    assert capped.select((pl.col("par_usd") <= pl.col("cap")).all()).item()
    assert capped.filter("is_par_capped").select((pl.col("par_usd") == pl.col("cap")).all()).item()
    assert capped.filter("is_par_capped")["cap"].n_unique() == 2, "both caps occur"


def test_live_is_the_regulatory_view_with_less_in_it():
    live, regulatory = all_reports("live"), all_reports("regulatory")
    both = live.join(regulatory, on=REPORT, suffix="_all", validate="1:1")
    assert both.height == live.height < regulatory.height
    same = [
        "reported_at",
        "executed_at",
        "price",
        "side",
        "contra",
        "original_message_number",
        "prior_report_date",
        "known_at",
        "true_mid",
        "error_kind",
        "dead_reason",
        "dead_from_date",
    ]
    for column in same:
        assert both.select(pl.col(column).eq_missing(pl.col(f"{column}_all")).all()).item(), column
    hidden = both.filter("is_par_capped")
    assert hidden.height and hidden.select((pl.col("par_usd_all") > pl.col("par_usd")).all()).item()
    assert (
        both.filter(~pl.col("is_par_capped"))
        .select((pl.col("par_usd_all") == pl.col("par_usd")).all())
        .item()
    )
    assert both.height == regulatory.filter("is_disseminated").height, (
        "live misses nothing that was disseminated"
    )


def test_regulatory_has_what_nobody_had_on_the_day():
    reports = all_reports("regulatory")
    assert not reports["is_par_capped"].any()
    assert set(reports["contra"]) == {"A", "C", "D"}
    assert set(reports["trading_market"]) == {"S1", "P1"}
    side = {"B": "buyer_capacity", "S": "seller_capacity"}
    for letter, column in side.items():
        assert reports.filter(pl.col("side") == letter)[column].null_count() == 0
    hidden = reports.filter(~pl.col("is_disseminated"))
    why = (
        (pl.col("contra") == "A")
        | (pl.col("trading_market") == "P1")
        | ((pl.col("contra") == "D") & (pl.col("side") == "B"))
    )
    assert hidden.select(why.all()).item()


def test_inter_dealer_trades_are_reported_by_both_dealers():
    legs = all_reports("regulatory").filter(
        (pl.col("contra") == "D") & (pl.col("status") == "T") & pl.col("dead_reason").is_null()
    )
    legs = legs.filter(pl.col("error_kind").is_null())
    key = ["cusip", "execution_date", "price", "par_usd"]
    counts = legs.group_by(key).agg(
        buys=(pl.col("side") == "B").sum(), sells=(pl.col("side") == "S").sum()
    )
    paired = (2 * counts.select(pl.min_horizontal("buys", "sells").sum()).item()) / legs.height
    # A leg whose partner was cancelled, corrected, reversed or mistyped stays alone: about 4 %.
    assert 0.93 < paired < 1
    assert abs((legs["side"] == "B").mean() - 0.5) < 0.01


def test_unknown_worlds_and_impossible_strengths_are_refused():
    with pytest.raises(SourceError, match="unknown world 'moon'; worlds are: tiny, demo, full"):
        world("moon", 1, 0.2)
    for strength in (-0.01, 0.41, float("nan")):
        with pytest.raises(SourceError, match="outside 0 … 0.4"):
            world("tiny", 1, strength)
    made = world("tiny", 7, 0.4)
    assert (made.seed, made.lead_strength) == (7, 0.4)
    assert all(name == size.name for name, size in WORLDS.items())
