"""How far a market reaches, seen by a process that lives on while it grows."""

from __future__ import annotations

import os
from datetime import date, datetime, timedelta
from types import SimpleNamespace

import pytest

from bondsig_assets.calendar import clock, is_trading_day
from bondsig_assets.errors import HomeError, SourceError
from bondsig_assets.home import Home, Market
from bondsig_assets.orchestration.known_reach import newest_day
from bondsig_assets.sources import reach as reach_module
from bondsig_assets.sources.reach import fingerprint, goes_on, reach
from bondsig_assets.sources.registry import make_source
from bondsig_assets.sources.simulated.worlds import HORIZON, WORLDS, begin
from bondsig_assets_tests.sources.files_fixtures import PRICES, folder, lines

LIVE = Market(world="tiny", is_live=True)


@pytest.fixture
def at(monkeypatch):
    """Set the clock to a morning in New York."""

    def set_clock(*day: int) -> None:
        moment = datetime(*day, 6, 30, tzinfo=clock.NEW_YORK)  # type: ignore[arg-type, misc]
        monkeypatch.setattr(clock, "now", lambda: moment)

    return set_clock


def test_a_live_market_reaches_to_the_day_that_has_ended_and_a_process_sees_the_next(at):
    at(2024, 3, 28)
    assert reach(LIVE) == (date(2022, 7, 1), date(2024, 3, 27))
    early = make_source(LIVE)
    assert make_source(LIVE) is early, "made once a day"
    at(2024, 3, 29)
    assert reach(LIVE)[1] == date(2024, 3, 28)
    at(2024, 3, 30)
    assert reach(LIVE)[1] == date(2024, 3, 28), "no day on a holiday"


def test_a_market_that_has_ended_reaches_to_its_last_day_whatever_the_clock(at):
    at(2026, 3, 28)
    assert reach(Market(world="tiny"))[1] == WORLDS["tiny"].end


def test_a_live_market_ends_at_the_horizon(at):
    at(2035, 6, 1)
    assert reach(LIVE)[1] == HORIZON


@pytest.mark.parametrize(
    ("name", "newest", "first"),
    [
        ("demo", date(2026, 11, 25), date(2022, 10, 3)),
        ("demo", date(2027, 1, 4), date(2023, 1, 3)),
        ("tiny", date(2026, 11, 25), date(2025, 1, 2)),
        ("full", date(2026, 3, 31), date(2020, 1, 2)),
    ],
)
def test_a_live_world_begins_as_many_quarters_back_as_the_world_is_long(name, newest, first):
    assert begin(name, newest) == first and is_trading_day(first)


def test_a_live_market_keeps_the_day_it_began_on(at):
    at(2024, 3, 28)
    begun = Market(world="tiny", is_live=True, first_day="2023-01-03")
    assert reach(begun) == (date(2023, 1, 3), date(2024, 3, 27))
    assert "live since 2023-01-03" in begun.describe()


def test_files_cannot_be_live():
    with pytest.raises(SourceError, match="--live is the simulated market"):
        make_source(Market(source="files", data="/nowhere", is_live=True))


def test_an_ended_market_may_go_on_and_no_other_may(tmp_path):
    home, ended = Home(tmp_path / "home"), Market(world="tiny")
    home.claim(ended, (date(2022, 7, 1), date(2024, 3, 28)))
    with pytest.raises(HomeError, match="holds the simulated world 'tiny'"):
        home.claim(Market(world="tiny", is_live=True, seed=2), (date(2022, 7, 1), date.max))
    home.claim(LIVE, (date(2022, 7, 1), date(2024, 4, 3)))
    assert home.market() == LIVE
    with pytest.raises(HomeError, match="'tiny', live"):
        home.claim(ended, (date(2022, 7, 1), date(2024, 3, 28)))


def prices(path, *days: str) -> Market:
    rows = [f"AAA,{day},10" for day in days]
    folder(path, PRICES, prices_csv=lines("symbol,date,close", *rows))
    return Market(source="files", data=str(path))


def test_files_are_read_again_when_they_changed_and_only_then(tmp_path, monkeypatch):
    market = prices(tmp_path, "2024-03-26", "2024-03-27")
    made = reach_module.SOURCES["files"]
    looks = []
    monkeypatch.setitem(
        reach_module.SOURCES, "files", lambda market: looks.append(market) or made(market)
    )
    assert reach(market) == reach(market) == (date(2024, 3, 26), date(2024, 3, 27))
    assert len(looks) == 1
    prices(tmp_path, "2024-03-26", "2024-03-27", "2024-03-28")
    assert reach(market)[1] == date(2024, 3, 28) and len(looks) == 2


def test_wrds_is_asked_once_an_hour(monkeypatch):
    asked, hours = [], [0.0]
    source = SimpleNamespace(date_range=lambda: (date(2024, 1, 2), date(2024, 1, 2 + len(asked))))
    monkeypatch.setitem(reach_module.SOURCES, "wrds", lambda market: asked.append(market) or source)
    monkeypatch.setattr(reach_module.time, "monotonic", lambda: 3600 * hours[0])
    market = Market(source="wrds", seed=99)
    hours[0] = 100.1
    assert reach(market)[1] == reach(market)[1] == date(2024, 1, 3)
    hours[0] = 101.2
    assert reach(market)[1] == date(2024, 1, 4) and len(asked) == 2


def test_a_home_is_told_of_later_days_and_keeps_its_fingerprint(tmp_path):
    market = prices(tmp_path / "files", "2024-03-26", "2024-03-27")
    home = Home(tmp_path / "home")
    assert newest_day(home) is None
    home.claim(market, reach(market), fingerprint(market))
    seen = home.fingerprint()
    prices(tmp_path / "files", "2024-03-26", "2024-03-28")
    assert newest_day(home) == date(2024, 3, 28) == (home.date_range() or [None])[1]
    assert home.fingerprint() == seen != fingerprint(market), "catch-up still finds the change"


def test_a_fingerprint_follows_names_sizes_and_times(tmp_path):
    market = prices(tmp_path, "2024-03-26")
    assert fingerprint(Market()) == ""
    before = fingerprint(market)
    os.utime(tmp_path / "prices.csv", (1, 1))
    assert fingerprint(market) != before


def test_what_goes_on():
    today, files = date(2026, 11, 27), Market(source="files")
    assert not goes_on(Market(), today, today) and goes_on(LIVE, date(2020, 1, 2), today)
    assert goes_on(files, today - timedelta(days=500), today), "deliveries come late"
    assert not goes_on(files, date(2012, 12, 31), today)
