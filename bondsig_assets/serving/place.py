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


@dataclass(frozen=True)
class Address:
    """A host and a port."""

    host: str
    port: int

    def __str__(self) -> str:
        return f"{self.host}:{self.port}"


@dataclass(frozen=True)
class Place:
    """Folders of a team, who listens on what (`listen`: the host to listen on) and where the others
    are found.
    """

    home: Home
    secrets: Path
    state: Path
    sockets: Path
    listen: str
    addresses: dict[str, Address] = field(default_factory=dict)

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
    """Where `bondsig serve` says which port it gave to whom, while it runs."""
    return folder(home) / "addresses.json"


def machine(home: Home, addresses: dict[str, Address]) -> Place:
    """The place of services that all run on this machine."""
    own = folder(home)
    return Place(
        home, home.path / "secrets", own / "state", own / "sockets", "127.0.0.1", addresses
    )


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
        )
    if told:
        raise UserError(f"{VARIABLE} is '{told}'; it is `containers`, or not set")
    try:
        held = json.loads(addresses_file(home).read_text())
    except FileNotFoundError:
        raise UserError(
            f"no `bondsig serve` runs for {home.path}: start one there, or set BONDSIG_HOME to its"
            " home"
        ) from None
    return machine(home, {name: Address(*told) for name, told in held.items()})
