"""Who does blocks of work, as the environment says it.

Belongs here: reading BONDSIG_WORKERS and the files of its TLS, and refusing what cannot be meant.
Not here: connecting to anybody (`cluster.py`).
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from bondsig_assets.errors import SettingsError

VARIABLE = "BONDSIG_WORKERS"
#: Files of TLS: who is trusted, this side's certificate and its key.
CA, CERTIFICATE, KEY = (f"{VARIABLE}_{name}" for name in ("CA", "CERT", "KEY"))
_TLS, _TCP = "tls", "tcp"
_LOOPBACK = ("127.0.0.1", "localhost", "::1")
_MEANT = (
    "it is empty (this process), a number of processes, or where a Dask scheduler listens,"
    " tcp://host:port or tls://host:port"
)


@dataclass(frozen=True)
class Workers:
    """`processes` beside this one, or those of the scheduler at `address`; neither: threads of this
    process. `tls`: files of the authority, the certificate and its key, for a tls:// address.
    """

    processes: int = 0
    address: str = ""
    tls: tuple[Path, Path, Path] | None = None

    @property
    def is_elsewhere(self) -> bool:
        """Whether blocks leave this process."""
        return bool(self.processes or self.address)

    @property
    def is_on_this_machine(self) -> bool:
        """Whether all see the files that this process sees: nobody else reaches a scheduler that
        listens on loopback.
        """
        return not self.address or urlsplit(self.address).hostname in _LOOPBACK


def workers(environment: Mapping[str, str] | None = None) -> Workers:
    """Who does blocks of work. Raises SettingsError for what cannot be meant."""
    held = os.environ if environment is None else environment
    told = held.get(VARIABLE, "").strip()
    if not told:
        return Workers()
    if told.isdecimal() and int(told):
        return Workers(processes=int(told))
    return at_address(told, held)


def at_address(address: str, environment: Mapping[str, str] | None = None) -> Workers:
    """The workers of the scheduler at `address`. Raises SettingsError for what is none, or for TLS
    without its files.
    """
    held = os.environ if environment is None else environment
    try:
        parts = urlsplit(address)
        is_one = parts.scheme in (_TCP, _TLS) and parts.hostname and parts.port
    except ValueError:  # a port that is no number
        is_one = False
    if not is_one:
        raise SettingsError(f"{VARIABLE} is '{address}'; {_MEANT}")
    return Workers(address=address, tls=_files(held) if parts.scheme == _TLS else None)


def _files(environment: Mapping[str, str]) -> tuple[Path, Path, Path]:
    found = []
    for name in (CA, CERTIFICATE, KEY):
        told = environment.get(name, "").strip()
        if not told or not Path(told).is_file():
            said = f"is '{told}', where no file is" if told else "is not set"
            raise SettingsError(f"{name} {said}: {VARIABLE} with tls:// needs a PEM file there")
        found.append(Path(told))
    return found[0], found[1], found[2]
