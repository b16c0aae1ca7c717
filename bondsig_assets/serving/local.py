"""`bondsig serve`: a team's whole topology as processes of one machine.

Belongs here: ports, starting in order, waiting until each is well, starting again what died. Not
here: what is started (`topology.py`, `entry.py`).
"""

from __future__ import annotations

import logging
import os
import random
import signal
import socket
import time
from collections.abc import Callable
from contextlib import ExitStack, closing
from dataclasses import dataclass
from logging.handlers import RotatingFileHandler
from pathlib import Path

from filelock import FileLock, Timeout

from bondsig_assets.errors import UserError
from bondsig_assets.home import Home
from bondsig_assets.orchestration.tether import Tethered
from bondsig_assets.serving import executables, secret_files
from bondsig_assets.serving.health import trouble
from bondsig_assets.serving.place import Address, Place, addresses_file, folder, machine, note
from bondsig_assets.serving.programs import BONDSIG, STORE_PORTS, pages_url
from bondsig_assets.serving.topology import Service, chosen, in_order

#: Seconds a service gets until it is well for the first time.
START_SECONDS = 180.0
#: Seconds before a service that died is started again: the first time, and at most.
_FIRST_WAIT, _LONGEST_WAIT = 1.0, 60.0
#: One that lived for so long dies for a reason of its own, not of its start.
_HEALTHY_SECONDS = 30.0
#: Where ports are looked for: below those that the kernel gives to connections.
_PORTS = (20000, 30000)
_LOOK_SECONDS, _LAST_WORDS_SECONDS = 0.3, 0.5
_LOG_BYTES, _LOGS = 20_000_000, 3

Say = Callable[[str], None]


@dataclass
class _Running:
    """A server, and how often it had to be started again of late."""

    service: Service
    process: Tethered
    since: float
    wait: float = _FIRST_WAIT
    again_at: float | None = None


def serve(home: Home, port: int, workers: int, say: Say) -> None:
    """Run the topology for `home` until interrupted; pages are at `port`, behind the login, and
    `workers` processes do blocks of runs.

    Raises UserError where something is missing or does not come up.
    """
    executables.require()
    own = folder(home)
    own.mkdir(parents=True, exist_ok=True)
    # A shell's & leaves SIGINT ignored.
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.default_int_handler)
    lock = FileLock(own / "lock", timeout=0)
    try:
        lock.acquire()
    except Timeout:
        raise UserError(f"another `bondsig serve` runs for {home.path}") from None
    with lock, ExitStack() as stack:
        services = in_order(chosen(workers > 0))
        place = machine(home, _addresses(port, services), workers)
        logins = _make_secrets(place)
        stack.callback(addresses_file(home).unlink, missing_ok=True)
        note(place)
        log = _log(own / "serve.log")
        running: list[_Running] = []
        stack.callback(_end, running, place)
        try:
            _start_all(services, place, running, log, say)
            say(f"{pages_url(place)}  login: {logins}; what the services say: {own / 'serve.log'}")
            say("Ctrl-C ends them all.")
            while True:
                for one in running:
                    _look_after(one, place, log, say)
                time.sleep(_LOOK_SECONDS)
        except KeyboardInterrupt:
            pass


def _addresses(port: int, services: list[Service]) -> dict[str, Address]:
    """A free port for each service, and `port` for the one that is published."""
    if not 0 < port < 65536:
        raise UserError(f"{port} is no port; ports are 1 to 65535")
    if not _is_free(port):
        raise UserError(f"port {port} on 127.0.0.1 is taken; choose another with --port")
    names = [one.name for one in services if one.port and not one.published] + list(STORE_PORTS)
    tried = random.sample(range(*_PORTS), k=_PORTS[1] - _PORTS[0])
    free = (number for number in tried if number != port and _is_free(number))
    found = {name: Address("127.0.0.1", number) for name, number in zip(names, free, strict=False)}
    if len(found) < len(names):
        raise UserError(f"of the ports {_PORTS[0]} to {_PORTS[1]} too few are free")
    published = next(one.name for one in services if one.published)
    return {**found, published: Address("127.0.0.1", port)}


def _is_free(port: int) -> bool:
    with closing(socket.socket()) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def _make_secrets(place: Place) -> str:
    """Secrets that are lacking, with a login of each role; says where the logins stand."""
    secret_files.make(place.secrets)
    if not secret_files.read(place.secrets, "logins"):
        for role in secret_files.ROLES:
            password = secret_files.new_password()
            secret_files.add_login(place.secrets, executables.find("caddy"), role, role, password)
            secret_files.keep(place.secrets, f"login_{role}", password)
    return f"operator or reader, passwords in {place.secrets}/login_*"


def _log(path: Path) -> Callable[[str], object]:
    """Takes the lines of services, objects by then, into a file that is turned over."""
    handler = RotatingFileHandler(path, maxBytes=_LOG_BYTES, backupCount=_LOGS, encoding="utf-8")
    path.chmod(0o600)

    def write(text: str) -> None:
        handler.handle(logging.makeLogRecord({"msg": text.rstrip("\n")}))

    return write


def _start(service: Service, place: Place, log: Callable[[str], object]) -> Tethered:
    return Tethered(
        service.name,
        [*BONDSIG, "service", service.name],
        place.home.path,
        {**os.environ, "BONDSIG_HOME": str(place.home.path)},
        log,
    )


def _start_all(
    services: list[Service],
    place: Place,
    running: list[_Running],
    log: Callable[[str], object],
    say: Say,
) -> None:
    """Start each of `services` once all it waits for is well; those of one height come up together.

    Raises UserError for one that does not.
    """
    waiting, well = list(services), set[str]()
    coming: dict[str, tuple[Service, Tethered, float]] = {}
    while waiting or coming:
        for service in [one for one in waiting if well.issuperset(one.after)]:
            waiting.remove(service)
            process = _start(service, place, log)
            coming[service.name] = (service, process, time.monotonic())
            if not service.once:
                running.append(_Running(service, process, time.monotonic()))
        for name, (service, process, since) in list(coming.items()):
            if _has_come(service, process, since, place):
                del coming[name]
                well.add(name)
                say(f"{name}: {service.what}")
        time.sleep(_LOOK_SECONDS)


def _has_come(service: Service, process: Tethered, since: float, place: Place) -> bool:
    """Whether a service is well or, for a one-shot, has ended well. Raises UserError where it will
    not be.
    """
    status, where = process.status(), folder(place.home) / "serve.log"
    if status is not None:
        if service.once and status == 0:
            return True
        # Its last words are on their way to the file.
        time.sleep(_LAST_WORDS_SECONDS)
        raise UserError(f"{service.name} ended with status {status}; why stands in {where}")
    if service.once:
        wrong = "it has not ended"
    elif service.name in _NOT_WAITED_FOR or not (wrong := trouble(service.name, place)):
        return True
    if time.monotonic() - since > START_SECONDS:
        raise UserError(f"{service.name} did not come up ({wrong}); see {where}")
    return False


#: The graph is served once there is a market; the daemon's heartbeat takes half a minute to ask; a
#: run waits for workers itself.
_NOT_WAITED_FOR = ("code", "daemon", "workers")


def _look_after(one: _Running, place: Place, log: Callable[[str], object], say: Say) -> None:
    """Start a server again that died, after a wait that grows while it keeps dying."""
    now = time.monotonic()
    if one.again_at is not None:
        if now >= one.again_at:
            one.process, one.since, one.again_at = _start(one.service, place, log), now, None
        return
    if (status := one.process.status()) is None:
        return
    if now - one.since > _HEALTHY_SECONDS:
        one.wait = _FIRST_WAIT
    say(
        f"{one.service.name} ended with status {status}; it is started again in {one.wait:g} s"
        f" (its own words: {folder(place.home) / 'serve.log'})"
    )
    one.process.release()
    one.again_at, one.wait = now + one.wait, min(2 * one.wait, _LONGEST_WAIT)


def _end(running: list[_Running], place: Place) -> None:
    """End all, each before those it waits for."""
    for one in reversed(running):
        one.process.release()
        one.process.wait()
    # SeaweedFS leaves a socket for each of its ports, always in this folder.
    for name in ("store", *STORE_PORTS):
        for socket_file in Path("/tmp").glob(f"seaweedfs-*-{place.addresses[name].port}.sock"):
            socket_file.unlink(missing_ok=True)
