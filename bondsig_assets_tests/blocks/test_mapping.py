"""Results come in the order of blocks, whoever is first; what fails is tried once elsewhere."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from threading import Event

import pytest

from bondsig_assets.blocks import Workers, map_blocks, mapping
from bondsig_assets.blocks.attempts import attempt, differs, identity
from bondsig_assets.errors import FoldError, WarehouseError, WorkersError

HERE = Workers()
TWO = Workers(processes=2)


class Backwards:
    """Does the newest of the blocks that wait first; two places, taken in turn."""

    def __init__(self, function, shared):
        self.function, self.shared, self.waiting, self.begun = function, shared, [], []

    def begin(self, number, block, elsewhere=""):
        place = "left" if elsewhere == "right" or number % 2 and elsewhere != "left" else "right"
        self.begun.append((number, place))
        self.waiting.append((number, block, place))

    def finished(self):
        number, block, place = self.waiting.pop()
        return [(number, attempt(self.function, self.shared, (place, block), place))]


@pytest.fixture
def crews(monkeypatch) -> list[Backwards]:
    """Those that were asked for."""
    made: list[Backwards] = []

    @contextmanager
    def crew(_told, function, shared) -> Iterator[Backwards]:
        made.append(Backwards(function, shared))
        yield made[-1]

    monkeypatch.setattr(mapping, "_crew", crew)
    return made


def test_results_come_in_the_order_of_blocks(crews):
    found = map_blocks(lambda times, told: times * told[1], range(7), 10, workers=TWO)
    assert list(found) == [0, 10, 20, 30, 40, 50, 60]
    assert [number for number, _ in crews[0].begun] == list(range(7))


def test_no_more_are_begun_than_asked_for(crews):
    found = map_blocks(lambda _, told: told[1], range(9), None, ahead=2, workers=TWO)
    assert next(found) == 0 and len(crews[0].begun) == 3
    assert next(found) == 1 and len(crews[0].begun) == 4
    assert list(found) == [2, 3, 4, 5, 6, 7, 8]


def test_a_block_that_fails_is_tried_once_more_elsewhere(crews, caplog):
    def fails_on_the_left(_, told):
        place, block = told
        if place == "left":
            raise OSError(28, "No space left on device")
        return block

    found = map_blocks(fails_on_the_left, range(4), None, name=lambda b: f"B{b}", workers=TWO)
    assert list(found) == [0, 1, 2, 3]
    assert (1, "left") in crews[0].begun and (1, "right") in crews[0].begun
    assert "B1 failed on left (OSError: [Errno 28] No space left on device)" in caplog.text


def test_one_that_fails_twice_is_named_in_its_place(crews):
    def fails(_, told):
        if told[1] == 2:
            raise ZeroDivisionError("once\nand more")
        return told[1]

    found = map_blocks(fails, range(4), None, name=lambda block: f"B{block}", workers=TWO)
    assert (next(found), next(found)) == (0, 1)
    with pytest.raises(WorkersError) as raised:
        next(found)
    assert str(raised.value) == (
        "B2 failed twice: on right: ZeroDivisionError: once; then on left: ZeroDivisionError: once"
    )
    assert len(crews[0].begun) == 5, "and no other block was done again"


def test_what_no_other_place_would_mend_is_not_tried_again(crews):
    def refuses(_, told):
        raise FoldError(f"block {told[1]}: too few days")

    with pytest.raises(FoldError, match="^block 0: too few days$"):
        list(map_blocks(refuses, range(1), None, workers=TWO))
    assert len(crews[0].begun) == 1

    def is_down(_, told):
        raise WarehouseError("the store does not answer")

    with pytest.raises(WorkersError, match="failed twice: on right: the store does not answer"):
        list(map_blocks(is_down, range(1), None, workers=TWO))


def test_in_this_process_errors_are_what_they_are_and_come_in_their_place():
    def fails(_, block):
        if block == 1:
            raise ZeroDivisionError
        return block

    found = map_blocks(fails, range(3), None, threads=3, workers=HERE)
    assert next(found) == 0
    with pytest.raises(ZeroDivisionError):
        next(found)


def test_in_this_process_the_first_begun_is_the_first_told():
    last = Event()

    def waits(_, block):
        if block == 0:
            assert last.wait(10), "the others ran meanwhile"
        if block == 2:
            last.set()
        return block

    assert list(map_blocks(waits, range(3), None, threads=3, workers=HERE)) == [0, 1, 2]


def test_versions_are_compared_by_name():
    mine = identity()
    assert set(mine) > {"Python", "bondsig", "polars", "numpy"}
    assert differs(mine, mine) == ""
    assert differs({"a": "1", "b": "2"}, {"a": "3"}) == "a 3 instead of 1, b none instead of 2"
