"""A market that goes on: made to a day and caught up, it holds what one made at once holds."""

from __future__ import annotations

from datetime import date, datetime, timedelta

import pytest

from bondsig_assets.calendar import clock
from bondsig_assets.errors import RunError
from bondsig_assets.home import Market
from bondsig_assets_tests.command_line import bondsig
from bondsig_assets_tests.graph.homes import assert_same, contents, make_home, run

pytestmark = pytest.mark.slow

#: What the simulated market really was is written with the first days alone.
_TRUTH = ("planted_news", "news_landings", "macro_exposures", "bond_mids")


@pytest.fixture
def after(monkeypatch):
    """Set the clock to the morning after a day."""

    def set_clock(day: date) -> None:
        morning = datetime(day.year, day.month, day.day, 7, tzinfo=clock.NEW_YORK)
        monkeypatch.setattr(clock, "now", lambda: morning + timedelta(days=1))

    return set_clock


@pytest.mark.usefixtures("unrendered")
def test_what_mornings_reveal_is_what_was_there_all_along(full_home, tmp_path, after):
    after(date(2024, 3, 21))
    home = make_home(tmp_path / "home", Market(world="tiny", is_live=True))
    run(home)
    before = contents(home, until=date(2024, 3, 21), without=_TRUTH)
    for newest, said in [
        (date(2024, 3, 22), "1 day missing (2024-03-22)"),
        (date(2024, 3, 28), "4 days missing (2024-03-25 … 2024-03-28)"),
    ]:
        after(newest)
        done = bondsig("catch-up", BONDSIG_HOME=str(home.path))
        assert done.returncode == 0 and said in done.stdout, done.stderr
    again = bondsig("catch-up", BONDSIG_HOME=str(home.path))
    nothing = "nothing to do: all days to 2024-03-28 are there and up to date\n"
    assert again.stdout == nothing, again.stderr
    assert "live" in bondsig("summary", BONDSIG_HOME=str(home.path)).stdout
    at_once = contents(full_home, without=_TRUTH)
    assert_same(contents(home, without=_TRUTH), at_once)
    held = contents(home, until=date(2024, 3, 21), without=_TRUTH)
    daily = [name for name, frame in before.items() if frame.height < at_once[name].height]
    assert {"trace_reports", "issuer_days", "scores", "positions", "monitors"} <= set(daily)
    for name in ("trace_reports", "trade_events", "issuer_days", "scores", "positions", "labels"):
        assert before[name].equals(held[name]), f"the past of {name} changed"


def test_a_day_that_has_not_come_is_not_made_empty(tmp_path, after):
    after(date(2022, 7, 6))
    home = make_home(tmp_path / "home", Market(world="tiny", is_live=True))
    with pytest.raises(RunError, match="the source has days to 2022-07-06; 2022-07-07 was asked"):
        run(home, end=date(2022, 7, 7), select="key:equity_prices", checks=False)
