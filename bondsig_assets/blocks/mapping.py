"""`map_blocks`: results of blocks in the order of the blocks, whoever does them and whoever is done
first.

Belongs here: order, how many are begun, what is tried again. Not here: how a block reaches another
process (`processes.py`) or machine (`cluster.py`).
"""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager
from itertools import islice
from typing import Any, Protocol, TypeVar

from bondsig_assets.blocks.attempts import Done, Failed, Outcome
from bondsig_assets.blocks.settings import Workers
from bondsig_assets.blocks.settings import workers as of_the_environment
from bondsig_assets.errors import BondsigError, WorkersError

_log = logging.getLogger(__name__)

S = TypeVar("S")
B = TypeVar("B")
R = TypeVar("R")


class Crew(Protocol):
    """Those who do blocks elsewhere."""

    def begin(self, number: int, block: Any, elsewhere: str = "") -> None:
        """Hand out a block, to others than `elsewhere` where there are others."""

    def finished(self) -> list[tuple[int, Outcome]]:
        """Blocks that are through, at least one; waits for it. Raises WorkersError where none will
        be.
        """


def map_blocks(
    function: Callable[[S, B], R],
    blocks: Iterable[B],
    shared: S,
    *,
    name: Callable[[B], str] = str,
    threads: int = 1,
    ahead: int = 0,
    workers: Workers | None = None,
) -> Iterator[R]:
    """`function(shared, block)` of each of `blocks`, in their order.

    - `shared`: what all blocks need; it travels once to each worker.
    - `name`: what an error calls a block.
    - `threads`: of this process, where no workers are told.
    - `ahead`: how many blocks are begun before the first result is taken (0: all), which bounds
      what waits in memory.
    - `workers`: who does them; None: as BONDSIG_WORKERS says.

    Where blocks leave this process, function, `shared`, blocks and results are pickled, so results
    should be small: paths, counts, models. A block that fails there is tried once more, elsewhere
    where there is an elsewhere; then WorkersError is raised in its place, a line that names it. A
    BondsigError of the block itself is raised as it is, without a second try (but WarehouseError).
    Workers that cannot be reached, are of another version or are lost are a WorkersError too. In
    this process errors are what they are.
    """
    told = workers or of_the_environment()
    if not told.is_elsewhere:
        yield from _on_threads(function, blocks, shared, threads, ahead)
        return
    with _crew(told, function, shared) as crew:
        yield from _in_order(crew, blocks, name, ahead)


def _on_threads(
    function: Callable[[S, B], R], blocks: Iterable[B], shared: S, threads: int, ahead: int
) -> Iterator[R]:
    with ThreadPoolExecutor(max(threads, 1)) as pool:
        begun = (pool.submit(function, shared, block) for block in blocks)
        waiting = deque(islice(begun, ahead or None))
        try:
            while waiting:
                result = waiting.popleft().result()
                waiting.extend(islice(begun, 1))
                yield result
        finally:
            pool.shutdown(wait=True, cancel_futures=True)


def _crew(
    told: Workers, function: Callable[[Any, Any], Any], shared: Any
) -> AbstractContextManager[Crew]:
    if told.processes:
        from bondsig_assets.blocks.processes import Processes

        return Processes(told.processes, function, shared)
    from bondsig_assets.blocks.cluster import Cluster

    return Cluster(told, function, shared)


def _in_order(
    crew: Crew, blocks: Iterable[B], name: Callable[[B], str], ahead: int
) -> Iterator[Any]:
    begun = enumerate(blocks)
    held: dict[int, B] = {}
    through: dict[int, Any] = {}
    failed: dict[int, Failed] = {}

    def begin(number: int | None) -> None:
        for at, block in islice(begun, number):
            held[at] = block
            crew.begin(at, block)

    begin(ahead or None)
    following = 0
    while held:
        while following not in through:
            for at, outcome in crew.finished():
                if isinstance(outcome, Done) or outcome.final or at in failed:
                    through[at] = _result(name(held[at]), outcome, failed.get(at))
                    continue
                _log.warning(
                    "%s failed on %s (%s); it is tried once more",
                    *(name(held[at]), outcome.where, outcome.why),
                )
                failed[at] = outcome
                crew.begin(at, held[at], outcome.where)
        result = through.pop(following)
        del held[following]
        if isinstance(result, BondsigError):
            raise result
        following += 1
        begin(1)
        yield result


def _result(called: str, outcome: Outcome, before: Failed | None) -> Any:
    """What a block gave, or the error that is raised in its place."""
    if isinstance(outcome, Done):
        return outcome.result
    if outcome.final is not None:
        return outcome.final
    first = f"on {before.where}: {before.why}; then " if before else ""
    return WorkersError(f"{called} failed twice: {first}on {outcome.where}: {outcome.why}")
