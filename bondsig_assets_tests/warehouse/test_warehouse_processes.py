"""What several processes do to one warehouse, and what a killed one leaves behind."""

# A test's name says what it shows.
# ruff: noqa: D103

from __future__ import annotations

import multiprocessing
import random
import time

import pytest

from bondsig_assets.errors import WarehouseError
from bondsig_assets.warehouse import Warehouse, Write
from bondsig_assets_tests.warehouse.frames import (
    coefficients,
    day,
    hold_a_read_open,
    hold_the_lock,
    predictions,
    read_in_a_child,
    span,
    write_days,
    write_versions_for_ever,
)

pytestmark = pytest.mark.services

SPAWN = multiprocessing.get_context("spawn")


@pytest.fixture
def start():
    """Starts processes, and sees to it that none outlives its test."""
    started = []

    def launch(target, *arguments, context=SPAWN):
        process = context.Process(target=target, args=arguments)
        process.start()
        started.append(process)
        return process

    yield launch
    for process in started:
        process.kill()
        process.join()


def test_a_killed_writer_leaves_the_old_or_the_new_state(warehouse, start):
    warehouse.replace(
        Write("predictions", predictions(0, 9, 0.0, issuers=200), span(0, 9)),
        Write("information_coefficients", coefficients(10, 0.0)),
    )
    moments = random.Random(7)
    for _ in range(8):
        ready = SPAWN.Event()
        writer = start(write_versions_for_ever, warehouse.home, ready)
        assert ready.wait(60)
        time.sleep(moments.random() * 0.3)
        writer.kill()
        writer.join()
        state = warehouse.read(
            "SELECT 'predictions' AS name, count(*) AS n, min(prediction) AS low, max(prediction)"
            " AS high FROM predictions UNION ALL SELECT 'coefficients', count(*),"
            " min(information_coefficient), max(information_coefficient) FROM"
            " information_coefficients"
        )
        version = state["low"][0]
        assert sorted(state.rows()) == [
            ("coefficients", 10, version, version),
            ("predictions", 2000, version, version),
        ]
    assert version >= 8


def test_four_writers_beside_an_open_reader_lose_nothing(warehouse, start):
    ready, done = SPAWN.Event(), SPAWN.Event()
    reader = start(hold_a_read_open, warehouse.home, ready, done)
    assert ready.wait(60)
    writers = [start(write_days, warehouse.home, list(range(first, 32, 4))) for first in range(4)]
    for writer in writers:
        writer.join(120)
        assert writer.exitcode == 0
    done.set()
    reader.join(60)
    assert reader.exitcode == 0
    read = (
        warehouse.read_table("predictions")
        .select("trade_date", "prediction")
        .unique(maintain_order=True)
    )
    assert read.rows() == [(day(number), float(number)) for number in range(32)]


def test_readers_work_while_a_writer_holds_the_lock(warehouse, start):
    warehouse.replace(Write("predictions", predictions(0, 2, 1.0), span(0, 2)))
    ready, done = SPAWN.Event(), SPAWN.Event()
    writer = start(hold_the_lock, warehouse.home, ready, done)
    assert ready.wait(60)
    assert warehouse.read_table("predictions").height == 9
    hasty = Warehouse(warehouse.home, lock_timeout=0.2)
    with pytest.raises(
        WarehouseError,
        match=r"^another process has been writing for 0\.2 s and holds .*write\.lock$",
    ):
        hasty.replace(Write("predictions", predictions(0, 0), span(0, 0)))
    done.set()
    writer.join(60)
    # Never committed, so nothing of it is seen.
    assert hasty.read_table("predictions").height == 9


def test_a_forked_child_reads(warehouse, start):
    warehouse.replace(Write("predictions", predictions(0, 2), span(0, 2)))
    fork = multiprocessing.get_context("fork")
    answers = fork.Queue()
    child = start(read_in_a_child, warehouse.home, answers, context=fork)
    assert answers.get(timeout=30) == 9
    child.join(30)
    assert child.exitcode == 0
    with warehouse.kept_attached():
        for _ in range(2):
            assert warehouse.read_table("predictions").height == 9
            child = start(read_in_a_child, warehouse.home, answers, context=fork)
            assert answers.get(timeout=30) == 9
            child.join(30)
            assert child.exitcode == 0
