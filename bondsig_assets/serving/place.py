"""Where a team's services are: folders, addresses, and what each listens on.

Belongs here: the same questions answered for a container, by names, and for one machine, by a file
that `bondsig serve` writes. Not here: which services there are (`topology.py`).
"""

from __future__ import annotations

import json
import os
from dataclasses import dataclass, field
from pathlib import Path

from bondsig_assets.errors import UserError
from bondsig_assets.home import Home, current_home
from bondsig_assets.serving.topology import SERVICES

#: Set to `containers` in the image: services then find each other by name.
VARIABLE = "BONDSIG_TEAM"
#: A socket's whole path has to fit into 107 bytes.
_LONGEST_SOCKET = 107
#: How many processes do blocks of runs.
PROCESSES = "BONDSIG_WORKER_PROCESSES"


@dataclass(frozen=True)
class Address:
    """A host and a port."""

    host: str
    port: int

    def __str__(self) -> str:
        return f"{self.host}:{self.port}"


@dataclass(frozen=True)
class Place:
    """Folders of a team, who listens on what (`listen`: the host to listen on), where the others
    are found, and how many processes do blocks of runs (`workers`; 0: the runs themselves).
    """

    home: Home
    secrets: Path
    state: Path
    sockets: Path
    listen: str
    addresses: dict[str, Address] = field(default_factory=dict)
    workers: int = 0

    def address(self, name: str) -> Address:
        """Where the service `name` is found: by its own name, unless a machine says otherwise."""
        return self.addresses.get(name, Address(name, SERVICES[name].port))

    @property
    def code_socket(self) -> Path:
        """Where the graph answers Dagster's servers. Raises UserError where that is too long."""
        socket = self.sockets / "code.sock"
        if len(os.fsencode(socket)) > _LONGEST_SOCKET:
            raise UserError(
                f"{socket} is too long for a socket ({_LONGEST_SOCKET} bytes at most): set"
                " BONDSIG_HOME to a shorter path"
            )
        return socket

    @property
    def dagster(self) -> Path:
        """DAGSTER_HOME of the team: settings, and what runs printed."""
        return self.home.path / "dagster"

    def proxy_hosts(self) -> list[str]:
        """Names that the proxy answers to, the first for whoever names none."""
        named = os.environ.get("BONDSIG_SITE", "").replace(",", " ").split()
        return [*named, *(name for name in ("127.0.0.1", "localhost") if name not in named)]


def folder(home: Home) -> Path:
    """What `bondsig serve` keeps of a home on one machine."""
    return home.path / "serve"


def addresses_file(home: Home) -> Path:
    """Where `bondsig serve` says which port it gave to whom, and how many workers it has, while it
    runs.
    """
    return folder(home) / "addresses.json"


def machine(home: Home, addresses: dict[str, Address], workers: int = 0) -> Place:
    """The place of services that all run on this machine."""
    own = folder(home)
    return Place(
        home,
        home.path / "secrets",
        own / "state",
        own / "sockets",
        "127.0.0.1",
        addresses,
        workers,
    )


def note(place: Place) -> None:
    """Say to others on this machine, who ask by `running`, what `bondsig serve` has started."""
    file = addresses_file(place.home)
    told = {
        "addresses": {name: [at.host, at.port] for name, at in place.addresses.items()},
        "workers": place.workers,
    }
    partial = file.with_suffix(".tmp")
    partial.write_text(json.dumps(told, indent=1))
    partial.replace(file)


def running(home: Home) -> Place:
    """The place of the `bondsig serve` that runs for `home`. Raises UserError where none does."""
    try:
        held = json.loads(addresses_file(home).read_text())
    except FileNotFoundError:
        raise UserError(
            f"no `bondsig serve` runs for {home.path}: start one there, or set BONDSIG_HOME to its"
            " home"
        ) from None
    addresses = {name: Address(*told) for name, told in held["addresses"].items()}
    return machine(home, addresses, held["workers"])


def here() -> Place:
    """The place of this process: in a container, or on a machine whose `bondsig serve` runs.

    Raises UserError where neither is so.
    """
    home = current_home()
    if (told := os.environ.get(VARIABLE, "")) == "containers":
        return Place(
            home,
            Path("/run/secrets"),
            Path("/srv/state"),
            Path("/srv/sockets"),
            "0.0.0.0",
            workers=_processes(),
        )
    if told:
        raise UserError(f"{VARIABLE} is '{told}'; it is `containers`, or not set")
    return running(home)


def _processes() -> int:
    told = os.environ.get(PROCESSES, "").strip() or "0"
    if not told.isdecimal():
        raise UserError(f"{PROCESSES} is '{told}'; it is a number of processes, or not set")
    return int(told)
