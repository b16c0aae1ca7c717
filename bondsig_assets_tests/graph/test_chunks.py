"""Pieces of a run's range: in order, each day once, made on other threads and never too many."""

from __future__ import annotations

from datetime import date
from threading import Event, Lock
from types import SimpleNamespace
from typing import Any

import dagster as dg
import pytest

from bondsig_assets.assets.common import chunks, made_chunks
from bondsig_assets.calendar import trading_days
from bondsig_assets.machine import cores

FIRST, LAST = date(2023, 1, 3), date(2023, 12, 29)


@pytest.fixture
def context() -> Any:
    """Of a run over one year."""
    keys = SimpleNamespace(start=FIRST.isoformat(), end=LAST.isoformat())
    return SimpleNamespace(partition_key_range=keys, asset_key=dg.AssetKey("of_a_test"))


@pytest.mark.parametrize("threads", [0, 1, 7])
def test_every_day_is_in_one_piece_and_pieces_come_in_order(context, threads):
    made = list(made_chunks(context, lambda *piece: trading_days(*piece), 9, threads))
    assert [day for _, _, days in made for day in days] == trading_days(FIRST, LAST)
    assert [(first, last) for first, last, _ in made] == list(chunks(context, 9))


def test_only_the_next_pieces_are_made(context):
    """While the first is written, the next ones are made, one a thread, and no more."""
    begun: list[date] = []
    lock, two = Lock(), Event()

    def make(first: date, last: date) -> date:
        with lock:
            begun.append(first)
            if len(begun) == 3:
                two.set()
        return first

    pieces = made_chunks(context, make, 21, threads=2)
    next(pieces)
    assert two.wait(10)
    assert len(begun) == 3
    pieces.close()
    assert len(begun) == 3


def test_an_error_comes_in_the_place_of_its_piece(context):
    """What was made before is written, as it is without other threads."""
    bad = list(chunks(context, 21))[3]

    def make(first: date, last: date) -> date:
        if first == bad[0]:
            raise ValueError(f"{first} cannot be made")
        return first

    written = []
    with pytest.raises(ValueError, match=str(bad[0])):
        for first, _, _ in made_chunks(context, make, 21):
            written.append(first)
    assert written == [first for first, _ in list(chunks(context, 21))[:3]]


def test_there_is_a_core():
    assert cores() >= 1
