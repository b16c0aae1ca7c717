"""Blocks on processes of this machine, each a new interpreter with one thread a library.

Belongs here: starting them, and starting others where one died. Not here: order and second tries
(`mapping.py`).
"""

from __future__ import annotations

import multiprocessing
import os
import pickle
from collections.abc import Callable
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from threading import Thread
from typing import Any

from bondsig_assets.blocks.attempts import Failed, Outcome, attempt, settle_in

#: What a process of the pool holds: the function, and what all blocks share.
_held: list[Any] = []


class Processes:
    """A `Crew` of `count` processes."""

    def __init__(self, count: int, function: Callable[[Any, Any], Any], shared: Any) -> None:
        self._count, self._given = count, pickle.dumps((function, shared))
        self._running: dict[Future[Outcome], tuple[int, Any]] = {}
        self._pool = self._new_pool()

    def __enter__(self) -> Processes:
        return self

    def __exit__(self, *_error: object) -> None:
        self._pool.shutdown(wait=True, cancel_futures=True)

    def begin(self, number: int, block: Any, elsewhere: str = "") -> None:
        """Hand out a block to whichever process is free."""
        self._running[self._pool.submit(_do, block)] = (number, block)

    def finished(self) -> list[tuple[int, Outcome]]:
        """Blocks that are through, at least one."""
        through, _ = wait(self._running, return_when=FIRST_COMPLETED)
        if any(isinstance(one.exception(), BrokenProcessPool) for one in through):
            return self._after_a_death()
        return [(self._running.pop(one)[0], _outcome(one)) for one in through]

    def _after_a_death(self) -> list[tuple[int, Outcome]]:
        """All of a pool end with one of its processes: others take over what was not at work.

        Which block it was nobody knows: all that were handed over failed.
        """
        left, self._running = self._running, {}
        self._pool.shutdown(wait=True, cancel_futures=True)
        self._pool = self._new_pool()
        broken: list[tuple[int, Outcome]] = []
        for one, (number, block) in left.items():
            if not isinstance(one.exception(), BrokenProcessPool):
                broken.append((number, _outcome(one)))
            elif sum(isinstance(told, Failed) for _, told in broken) <= self._count:
                broken.append((number, Failed("this machine", "a process of the pool died")))
            else:
                self.begin(number, block)
        return broken

    def _new_pool(self) -> ProcessPoolExecutor:
        # Threads of one library do not survive a fork of another's; a new interpreter has none.
        context = multiprocessing.get_context("spawn")
        return ProcessPoolExecutor(self._count, context, _hold, (self._given,))


def _outcome(done: Future[Outcome]) -> Outcome:
    error = done.exception()
    return Failed("this machine", f"{type(error).__name__}: {error}") if error else done.result()


def _hold(given: bytes) -> None:
    """Begin a process: one thread a library, which are loaded with what is held."""
    settle_in()
    Thread(target=_end_with_parent, daemon=True).start()
    _held[:] = pickle.loads(given)


def _end_with_parent() -> None:
    """A pool does not notice that who began it was killed."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)


def _do(block: Any) -> Outcome:
    function, shared = _held
    return attempt(function, shared, block, f"process {os.getpid()}")
