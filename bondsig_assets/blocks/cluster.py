"""Blocks on the workers of a Dask scheduler.

Belongs here: connecting, who may take part, what is told when the scheduler or all workers go. Not
here: order and second tries (`mapping.py`), starting workers (`commands/worker.py`).
"""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable
from concurrent.futures import CancelledError
from contextlib import suppress
from queue import Empty, SimpleQueue
from typing import TYPE_CHECKING, Any

from bondsig_assets.blocks.attempts import Failed, Outcome, attempt, differs, identity, in_a_line
from bondsig_assets.blocks.settings import Workers
from bondsig_assets.errors import WorkersError
from bondsig_assets.extras import needs

if TYPE_CHECKING:
    from distributed import Client, Future
    from distributed.security import Security

#: Seconds a scheduler gets to answer, and workers to appear, at first and when all have gone.
CONNECT_SECONDS, WORKERS_SECONDS = 20.0, 60.0
_LOOK_SECONDS = 2.0
#: What Dask calls a block whose worker, the last one that held `shared`, is gone.
_SHARED_IS_LOST = "lost dependencies"
_GONE = ("lost", "cancelled")


class Cluster:
    """A `Crew` of all workers of one scheduler."""

    def __init__(self, told: Workers, function: Callable[[Any, Any], Any], shared: Any) -> None:
        self._told, self._function, self._shared = told, function, shared
        self._name = uuid.uuid4().hex[:8]
        self._running: dict[Future[Any], tuple[int, Any]] = {}
        self._through: SimpleQueue[Future[Any]] = SimpleQueue()

    def __enter__(self) -> Cluster:
        self._client = connected(self._told)
        try:
            self._wait_for_workers()
            self._refuse_others()
            self._sent = self._send()
        except BaseException:
            self._client.close(timeout=_LOOK_SECONDS)
            raise
        return self

    def __exit__(self, *_error: object) -> None:
        if self._is_there():
            self._client.cancel(list(self._running))
        self._client.close(timeout=_LOOK_SECONDS)

    def begin(self, number: int, block: Any, elsewhere: str = "") -> None:
        """Hand out a block, to another worker than `elsewhere` where there is one."""
        others = [one for one in self._workers() if one != elsewhere] if elsewhere else []
        begun = self._client.submit(
            *(_do, self._function, self._sent, block, identity()),
            key=f"bondsig-{self._name}-{number}-{uuid.uuid4().hex[:8]}",
            # The first blocks are waited for first.
            priority=-number,
            workers=others or None,
            allow_other_workers=bool(others),
            pure=False,
        )
        self._running[begun] = (number, block)
        begun.add_done_callback(self._through.put)

    def finished(self) -> list[tuple[int, Outcome]]:
        """Blocks that are through, at least one. Raises WorkersError where the scheduler or all
        workers are lost, or one is of another version.
        """
        while True:
            found = self._next()
            number, block = self._running.pop(found)
            if (outcome := self._taken(found)) is not None:
                return [(number, outcome)]
            self._wait_for_workers()
            if self._sent.status != "finished":
                self._sent = self._send()
            self.begin(number, block)

    def _next(self) -> Any:
        """The next block that is through, however that may be."""
        alone_since = None
        while True:
            if (found := self._noticed()) in self._running:
                return found
            if not self._is_there():
                raise WorkersError(self._lost())
            if self._workers():
                alone_since = None
                continue
            alone_since = alone_since or time.monotonic()
            if time.monotonic() - alone_since > WORKERS_SECONDS:
                raise WorkersError(self._without_workers())

    def _noticed(self) -> Any:
        """One that is through, perhaps again; None after a while."""
        try:
            return self._through.get(timeout=_LOOK_SECONDS)
        except Empty:
            # Of what a worker took with it nobody is called back.
            return next((one for one in self._running if one.status in _GONE), None)

    def _taken(self, found: Future[Any]) -> Outcome | None:
        """What became of a block; None where it went with its worker, and is to be done again."""
        status = found.status
        if status == "error":
            return Failed("the cluster", _why(found))
        if status == "finished":
            # A worker may be gone before what it holds is fetched.
            with suppress(OSError, CancelledError):
                outcome: Outcome = found.result(timeout=CONNECT_SECONDS)
                if isinstance(outcome, _Refused):
                    raise WorkersError(outcome.why)
                return outcome
        is_cancelled = found.status == "cancelled" and _reason(found) != _SHARED_IS_LOST
        if is_cancelled or not self._is_there():
            raise WorkersError(self._lost())
        return None

    def _send(self) -> Future[Any]:
        """What all blocks share, on every worker."""
        (sent,) = self._client.scatter([self._shared], broadcast=True, hash=False)
        return sent  # type: ignore[no-any-return]

    def _wait_for_workers(self) -> None:
        since = time.monotonic()
        while not self._workers():
            if time.monotonic() - since > WORKERS_SECONDS:
                raise WorkersError(self._without_workers())
            time.sleep(_LOOK_SECONDS / 10)

    def _refuse_others(self) -> None:
        """Raise WorkersError for a worker of another version; those that come later say so
        themselves.
        """
        for address, told in self._client.run(identity, on_error="return").items():
            if isinstance(told, Exception):
                raise WorkersError(f"the worker {address} has no bondsig ({in_a_line(told)})")
            if wrong := differs(identity(), told):
                raise WorkersError(_of_another_version(address, wrong))

    def _workers(self) -> list[str]:
        try:
            return list(self._client.scheduler_info()["workers"])
        except (OSError, KeyError):
            return []

    def _is_there(self) -> bool:
        return bool(self._client.status == "running")

    def _lost(self) -> str:
        return (
            f"the Dask scheduler at {self._told.address} was lost while blocks were at work; start"
            " it and run again, what is finished is kept"
        )

    def _without_workers(self) -> str:
        return (
            f"the Dask scheduler at {self._told.address} has no workers: start some with `bondsig"
            f" worker {self._told.address}`"
        )


class _Refused(Failed):
    """A worker of another version says so."""


def connected(told: Workers) -> Client:
    """A client of the scheduler. Raises WorkersError where none answers."""
    with needs("BONDSIG_WORKERS with an address"):
        from distributed import Client
    import logging

    # It tells of a lost scheduler in lines of its own, beside ours.
    logging.getLogger("distributed.client").setLevel(logging.CRITICAL)
    try:
        return Client(
            told.address,
            timeout=CONNECT_SECONDS,
            security=security(told),
            set_as_default=False,
            name="bondsig",
        )
    except (OSError, ValueError, ImportError) as error:
        raise WorkersError(
            f"no Dask scheduler answers at {told.address} ({in_a_line(error)}): start one with"
            " `dask scheduler`, or unset BONDSIG_WORKERS"
        ) from None


def security(told: Workers) -> Security | None:
    """Dask's settings of TLS; None without."""
    if told.tls is None:
        return None
    from distributed.security import Security

    ca, certificate, key = map(str, told.tls)
    return Security(
        require_encryption=True,
        tls_ca_file=ca,
        tls_client_cert=certificate,
        tls_client_key=key,
    )


def _of_another_version(address: str, wrong: str) -> str:
    return f"the worker {address} is refused: it has {wrong}; start it from what is installed here"


def _why(found: Future[Any]) -> str:
    from distributed import KilledWorker

    error = found.exception()
    if isinstance(error, KilledWorker):
        return f"{error.allowed_failures + 1} workers died of it; has each enough memory?"
    return in_a_line(error) if error is not None else "no reason was told"


def _reason(found: Future[Any]) -> str:
    """Why Dask gave up a block that did not fail."""
    try:
        found.result(timeout=_LOOK_SECONDS)
    except (CancelledError, OSError) as error:
        return str(getattr(error, "reason", ""))
    return ""


def _do(
    function: Callable[[Any, Any], Any], shared: Any, block: Any, wanted: dict[str, str]
) -> Outcome:
    """One block, on a worker."""
    from distributed import get_worker

    where = get_worker().address
    if wrong := differs(wanted, identity()):
        return _Refused(where, _of_another_version(where, wrong))
    return attempt(function, shared, block, where)
