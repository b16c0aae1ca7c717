"""A world that goes on keeps its past: the same rows to the last bit, whatever day it ends on."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta
from functools import cache

import polars as pl
import pytest
from polars.testing import assert_frame_equal

from bondsig_assets.errors import SourceError
from bondsig_assets.sources.simulated.market import SimulatedSource
from bondsig_assets.sources.simulated.worlds import HORIZON, WORLDS, World, world
from bondsig_assets.tables import RAW_DAILY, RAW_REFERENCE, TABLES

#: A world and where it stops: before its announced changes, between them, long after, and on the
#: first days. Every shape of a lead and the paths that change in time are among them.
STOPS = {
    "before anything": (WORLDS["tiny"], date(2022, 12, 30)),
    "the takeover is announced": (replace(WORLDS["tiny"], seed=2), date(2023, 7, 7)),
    "first days": (replace(WORLDS["tiny"], seed=3, lead_shape="slow"), date(2022, 7, 15)),
    "diffuse": (replace(WORLDS["tiny"], lead_shape="diffuse"), date(2023, 9, 29)),
    "bad news": (replace(WORLDS["tiny"], lead_shape="bad_news"), date(2023, 9, 29)),
    "institutional": (
        replace(WORLDS["tiny"], lead_shape="institutional", lead_path="fading:400"),
        date(2023, 9, 29),
    ),
    "CDS": (
        replace(WORLDS["tiny"], lead_shape="cds_only", lead_path="flipped:350"),
        date(2023, 9, 29),
    ),
    "same day": (replace(WORLDS["tiny"], lead_shape="same_day"), date(2023, 9, 29)),
    "demo": (WORLDS["demo"], date(2023, 3, 31)),
    "full": (replace(WORLDS["full"], reports_per_day=300), date(2019, 9, 30)),
}
#: Reports of larger worlds are compared on so many days before the stop alone.
_DAYS = 70


@cache
def source(of: World, view: str) -> SimulatedSource:
    """One world in one view, made once."""
    return SimulatedSource(of, view)


@pytest.mark.slow
@pytest.mark.parametrize("view", ["live", "regulatory"])
@pytest.mark.parametrize("name", STOPS)
def test_a_longer_world_has_the_same_past(name, view):
    longer, stop = STOPS[name]
    whole, short = source(longer, view), SimulatedSource(replace(longer, end=stop), view)
    first = longer.start
    for table in RAW_DAILY:
        low = max(first, stop - timedelta(days=_DAYS)) if table == "trace_reports" else first
        one, other = short.daily(table, low, stop), whole.daily(table, low, stop)
        # Its bonds are told by their trades alone.
        assert one.rows.height > 100 or table == "bond_day_quotes"
        assert_frame_equal(one.rows, other.rows, check_exact=True)
        for truth, frame in one.truth.items():
            assert_frame_equal(frame, other.truth[truth], check_exact=True)
    for table in RAW_REFERENCE:
        assert_frame_equal(
            short.reference(table, stop).rows, whole.reference(table, stop).rows, check_exact=True
        )
    told, later = short.truth(), whole.truth()
    assert (
        set(told) == {"planted_news", "news_landings", "macro_exposures", "bond_mids"} == set(later)
    )
    assert_frame_equal(told.pop("macro_exposures"), later.pop("macro_exposures"), check_exact=True)
    for truth, frame in told.items():
        day = "trade_date" if "trade_date" in frame.columns else "news_date"
        assert frame.height and set(frame.columns) == set(TABLES[truth].column_names)
        past = later[truth].filter(pl.col(day) <= stop)
        assert past.height < later[truth].height
        assert_frame_equal(frame, past, check_exact=True)


def test_a_world_goes_on_to_the_horizon_and_no_further():
    far = SimulatedSource(replace(world("tiny", 1, 0.2, through=HORIZON), reports_per_day=60))
    days = far.world.days()
    assert days[-1] == HORIZON
    assert far.daily("trace_reports", days[-2], days[-1]).rows.height > 20
    assert far.truth()["bond_mids"]["trade_date"].max() == HORIZON
    # What matures is refinanced: as many bonds at the end as in the beginning.
    out = [
        far.truth()["bond_mids"].filter(pl.col("trade_date") == day).height
        for day in (days[0], days[1500], days[-1])
    ]
    assert max(out) < 1.1 * min(out), out
    for beyond in (HORIZON + timedelta(days=1), WORLDS["tiny"].start):
        with pytest.raises(SourceError, match="can be shown through any day"):
            world("tiny", 1, 0.2, through=beyond)
