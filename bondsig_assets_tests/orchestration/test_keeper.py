"""Servers that die are started again after waits that grow; one that never stays is given up."""

from __future__ import annotations

from bondsig_assets.orchestration.keeper import WAITS, WINDOW_SECONDS, Keeper


class Fake:
    """A server as `tether.py` has it, that dies when told."""

    def __init__(self) -> None:
        self.ended: int | None = None
        self.calls: list[str] = []

    def status(self) -> int | None:
        return self.ended

    def __getattr__(self, name: str):
        return lambda: self.calls.append(name)


class Market:
    """Servers that were started, newest last, and a clock."""

    def __init__(self) -> None:
        self.now, self.started, self.failing = 0.0, [], False
        self.keeper = Keeper({"web": self.start}, lambda: self.now)

    def start(self):
        if self.failing:
            raise OSError(28, "No space left on device")
        self.started.append(Fake())
        return self.started[-1]

    def die(self, status: int = 137):
        self.started[-1].ended = status
        (death,) = self.keeper.look()
        return death


def test_one_that_dies_is_cleared_told_and_started_again_when_its_wait_is_over():
    servers = Market()
    assert list(servers.keeper.look()) == [] and len(servers.started) == 1
    death = servers.die()
    assert str(death) == "web was killed by signal 9; started again in 1 s"
    assert servers.started[0].calls == ["clear"]
    servers.now += 0.9
    assert list(servers.keeper.look()) == [] and len(servers.started) == 1
    servers.now += 0.2
    assert list(servers.keeper.look()) == [] and len(servers.started) == 2


def test_waits_grow_and_one_that_never_stays_is_given_up():
    servers, waits = Market(), []
    for _ in range(len(WAITS) + 1):
        death = servers.die(3)
        waits.append(death.wait)
        servers.now += death.wait or 0.0
        list(servers.keeper.look())
    assert waits == [*WAITS, None]
    assert str(death) == "web ended with status 3; given up after 5 deaths within 180 s"


def test_one_that_cannot_be_started_again_is_tried_as_one_that_died():
    servers = Market()
    servers.die()
    servers.now += WAITS[0]
    servers.failing = True
    (death,) = servers.keeper.look()
    assert str(death) == "web cannot be started: No space left on device; started again in 3 s"
    servers.failing = False
    servers.now += WAITS[1]
    assert list(servers.keeper.look()) == [] and len(servers.started) == 2


def test_deaths_of_long_ago_are_forgotten():
    servers = Market()
    for _ in range(3 * len(WAITS)):
        death = servers.die(-9)
        assert death.wait == WAITS[0] and "signal 9" in str(death)
        servers.now += WINDOW_SECONDS + 1
        list(servers.keeper.look())


def test_the_end_is_asked_for_or_forced():
    gentle, hard = Market(), Market()
    gentle.keeper.end()
    hard.keeper.end(at_once=True)
    assert gentle.started[0].calls == ["release", "wait"]
    assert hard.started[0].calls == ["clear", "release", "wait"]
