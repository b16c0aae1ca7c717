"""A random cut through the whole graph: what was known by then is the same whatever comes later, or
does not come at all.
"""

from __future__ import annotations

from datetime import date

import numpy as np
import polars as pl
import pytest

from bondsig_assets.calendar import cutoff, offset, trading_days
from bondsig_assets.home import Home
from bondsig_assets.learning.evaluation import daily_ic
from bondsig_assets.learning.labels import known_labels
from bondsig_assets.learning.models.catalogue import CONTROL
from bondsig_assets.resources import market_source
from bondsig_assets.sources.simulated.market import SimulatedSource
from bondsig_assets.sources.simulated.worlds import world
from bondsig_assets.tables import TABLES
from bondsig_assets_tests.graph.homes import TINY, contents, make_home, run
from bondsig_assets_tests.known_past import EXEMPT, assert_same_past, known_by, unhandled
from bondsig_assets_tests.other_futures import LaterKnowledge

pytestmark = pytest.mark.slow

#: Draws the cut and what comes after it. The first models are those of July 2023; October has the
#: first refit that passed the gate, and the first signals.
SEED = 20230801
_CUTS = trading_days(date(2023, 10, 3), date(2023, 10, 31))
CUT = _CUTS[int(np.random.default_rng(SEED).integers(len(_CUTS)))]
#: Days of the other future, and days before the cut that are done again with it in place.
AFTER, AGAIN = 15, 12
_GRAPH = "not (key:evaluations or key:performance or tag:bondsig/stage=on_asking)"


@pytest.fixture(scope="module")
def later() -> LaterKnowledge:
    """The tiny market with another future."""
    return LaterKnowledge(
        SimulatedSource(world(TINY.world, TINY.seed, TINY.lead_strength), TINY.view), CUT, SEED
    )


def test_every_table_is_asked_or_exempt_for_a_reason():
    assert not unhandled(), (
        "say in known_past.py what of these tables is known on a day, or why nothing is"
    )
    assert set(EXEMPT) <= set(TABLES) and all(EXEMPT.values())


def test_nothing_shown_for_a_day_changes_whatever_comes_later(
    request, tmp_path, monkeypatch, later
):
    """The market up to the cut, then with another future: both times all that was known at the cut
    is what the whole market has.
    """
    home = make_home(tmp_path / "home")
    with monkeypatch.context() as patch:
        patch.setattr(market_source, "make_source", lambda market: later)
        run(home, end=CUT, select=_GRAPH, checks=False)
        truncated = _judged(home)
        run(home, offset(CUT, -AGAIN), offset(CUT, AFTER), _GRAPH, again=True, checks=False)
        other = _judged(home)
    assert truncated["scores"]["trade_date"].max() == CUT
    assert other["scores"]["trade_date"].max() == offset(CUT, AFTER)

    # Asked for only now: the other worker makes it meanwhile.
    whole = contents(request.getfixturevalue("full_home"), without=tuple(EXEMPT))
    _assert_something_is_compared(whole)
    assert_same_past(whole, truncated, CUT)
    assert_same_past(whole, other, CUT)
    _assert_it_had_bite(whole, other)
    _assert_older_trades_were_ended(other, later)


def _assert_something_is_compared(whole: dict[str, pl.DataFrame]) -> None:
    """Every table has rows known at the cut, and those filed under a day up to it are the ones
    known then.
    """
    known = known_by(whole, CUT)
    may_be_empty = {
        "quarantined_rows",
        "delistings",
        "unscored_days",
        "bond_day_quotes",
        "breaches",
        "awaited_orders",
        # Nothing may have rung.
        "alarms",
        "retrain_requests",
    }
    assert not [
        name for name, frame in known.items() if frame.is_empty() and name not in may_be_empty
    ], "nothing to compare"
    for name, table in TABLES.items():
        if name in whole and table.partition not in ("", "fold") and table.known_time:
            filed = whole[name].filter(pl.col(table.partition) <= CUT)
            assert known[name].height == filed.height, (
                f"{name}: a row filed under a day up to {CUT} was not known by then, or the other"
                " way round"
            )


def _judged(home: Home) -> dict[str, pl.DataFrame]:
    """What the home holds, with the information coefficients of `evaluations`; its pictures and its
    trials would take ten seconds.
    """
    held = contents(home, without=tuple(EXEMPT))
    ics = daily_ic(held["predictions"], known_labels(held["labels"]), CONTROL)
    return held | {"information_coefficients": TABLES["information_coefficients"].conform(ics)}


def _assert_it_had_bite(whole: dict[str, pl.DataFrame], other: dict[str, pl.DataFrame]) -> None:
    """Every table is another one after the cut: where nothing changes, nothing is proved."""
    end = offset(CUT, AFTER)
    same = []
    for name, table in TABLES.items():
        if name in EXEMPT or name in (
            "quarantined_rows",
            "models",
            "holdout_ics",
            "feature_importances",
            "champions",
            "unscored_days",
            # No quarter begins within these days.
            "credit_news_parameters",
            # Empty here; `test_quotes_graph.py` asks the same of quotes.
            "bond_day_quotes",
            # Every bound holds.
            "breaches",
            # The paper broker tells all on the same evening.
            "awaited_orders",
            # Fifteen days ring nothing.
            "alarms",
            "retrain_requests",
        ):
            continue
        one, two = (
            frame.filter(pl.col(table.event_time) <= end) for frame in (whole[name], other[name])
        )
        if table.known_time:
            one, two = (
                frame.filter(pl.col(table.known_time) <= cutoff(end)) for frame in (one, two)
            )
        if one.equals(two):
            same.append(name)
    assert not same, f"the other future left {', '.join(same)} as they were"


def _assert_older_trades_were_ended(other: dict[str, pl.DataFrame], later: LaterKnowledge) -> None:
    """The added cancels, corrections and reversals found their trades, whose bond days were
    revised; as-of trades arrived.
    """
    events = other["trade_events"]
    added = later.added_reports.select("cusip", "status", "message_number", "delivery_date")
    causes = events.filter(pl.col("revision") == 0).join(
        added, on=["cusip", "status", "message_number", "delivery_date"], how="semi"
    )
    causes = causes.select(
        "status", cause_delivery_date="delivery_date", cause_record_number="record_number"
    )
    ended = events.filter(
        (pl.col("revision") > 0) & (pl.col("execution_date") <= CUT) & (pl.col("known_date") > CUT)
    )
    ended = ended.join(
        causes.rename({"status": "cause_status"}), on=["cause_delivery_date", "cause_record_number"]
    )
    counted = dict(ended["cause_status"].value_counts().iter_rows())
    assert all(counted.get(status, 0) >= 10 for status in "XCY"), counted
    late = events.filter(
        (pl.col("revision") == 0)
        & (pl.col("execution_date") <= CUT)
        & (pl.col("known_date") > CUT)
        & pl.col("reason").is_null()
    )
    assert (
        late.join(
            added.filter(pl.col("status") == "T"),
            on=["cusip", "message_number", "delivery_date"],
            how="semi",
        ).height
        >= 10
    )
    revised = other["bond_day_revisions"].filter(
        (pl.col("trade_date") <= CUT) & (pl.col("known_date") > CUT)
    )
    assert revised.height >= 100
